/* host/control/standalone_file.h - conf/apisix.yaml or conf/apisix.json: one text with all objects.
 */
#ifndef HOST_CONTROL_STANDALONE_FILE_H
#define HOST_CONTROL_STANDALONE_FILE_H

#include <stdbool.h>
#include <stddef.h>

#include <jansson.h>

#include <hotgate/error.h>

#include "host/control/yaml.h"

#define HGH_STANDALONE_YAML       "conf/apisix.yaml"
#define HGH_STANDALONE_JSON       "conf/apisix.json"
#define HGH_STANDALONE_STORE      "state/standalone.db"   /* what of it was good last */
#define HGH_STANDALONE_STATE      "state/standalone.json" /* there since one was good */
#define HGH_STANDALONE_BYTES_MAX  (512u << 20)
#define HGH_STANDALONE_SHA256_MAX 65u

/** The text of such a file, as it was read at once. Zero-initialise; hgh_standalone_file_done(). */
typedef struct hgh_standalone_file {
    bool is_json;
    char *text; /* owned */
    size_t length;
    char sha256[HGH_STANDALONE_SHA256_MAX]; /* of the text as it was read, in hexadecimal */
    char *expanded; /* owned: with the variables of the environment; NULL: not parsed */
    size_t expanded_length;
    json_t *document;      /* owned: the lists, as store_document.h takes them; NULL: none */
    json_t *plugins;       /* owned: names; NULL: the file does not list plugins */
    bool has_old_ssl;      /* its list `ssls` is called `ssl`, as in release 2.15 */
    hgh_yaml_marks *marks; /* owned: made when a place is asked for */
} hgh_standalone_file;

/**
 * Reads a file as a whole.
 *
 * out_file  on HG_OK filled, nothing is parsed yet; else untouched.
 * Returns HG_OK, HG_ERR_NOT_FOUND, HG_ERR_IO, HG_ERR_TOO_LARGE or HG_ERR_NO_MEMORY; `err` begins
 * with the path.
 */
hg_status hgh_standalone_file_read(const char *path,
                                   bool is_json,
                                   hgh_standalone_file *out_file,
                                   hg_error *err);

/** The same of a text, which is copied. HG_OK or HG_ERR_NO_MEMORY. */
hg_status hgh_standalone_file_take(const char *text,
                                   size_t length,
                                   bool is_json,
                                   hgh_standalone_file *out_file);

/** True if its writer has come to the end: YAML has a last line `#END`; JSON always. */
bool hgh_standalone_file_is_whole(const hgh_standalone_file *file);

/**
 * Takes the text apart: the environment's variables, YAML or JSON, the list of plugins, names for
 * objects that have none (`arr_1` as in APISIX). Findings are appended to `errors` in the form of
 * hgh_document_error(), each with `line` and `column`.
 *
 * Returns HG_OK, with findings too, or HG_ERR_NO_MEMORY.
 */
hg_status hgh_standalone_file_parse(hgh_standalone_file *file, json_t *errors);

/** Adds `line` and `column` to a finding, from its `pointer`. */
void hgh_standalone_file_place(hgh_standalone_file *file, json_t *finding);

void hgh_standalone_file_done(hgh_standalone_file *file);

#endif
