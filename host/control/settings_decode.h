/* host/control/settings_decode.h - one decoder for each kind of value in config.yaml. */
#ifndef HOST_CONTROL_SETTINGS_DECODE_H
#define HOST_CONTROL_SETTINGS_DECODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include "host/control/settings.h"
#include "host/control/yaml.h"
#include "host/core/issues.h"

#define HGH_DECODE_POINTER_MAX 512u /* bytes of a JSON Pointer; a longer one is cut */
#define HGH_DECODE_LIST_MAX    256u /* entries of any list */

/** One file on its way into settings. All members are borrowed. */
typedef struct hgh_decode_reader {
    hgh_settings *settings;
    const char *path;            /* of the file */
    json_t *document;            /* an object */
    const hgh_yaml_marks *marks; /* NULL: the value stands in no file */
    hg_issues *errors;
    hg_issues *warnings;
    bool no_memory; /* a decoder ran out of it */
} hgh_decode_reader;

typedef struct hgh_decode_row hgh_decode_row;

/** Puts `value`, which stands at `pointer`, into the row's member of self->settings, or complains.
 * The value is not changed: jansson's iteration takes no const. */
typedef void
hgh_decode(hgh_decode_reader *self, const hgh_decode_row *row, json_t *value, const char *pointer);

/** One key: where it stands, what it takes, what it is without the file, what people should know.
 */
struct hgh_decode_row {
    const char *path; /* dotted */
    hgh_decode *decode;
    size_t offset;       /* of the member of hgh_settings */
    size_t count_offset; /* of its count; lists only */
    int64_t min;         /* of a listener: 1 if it speaks HTTP/2 unless it says otherwise */
    int64_t max;
    const char *words;    /* the words accepted, one blank between; of a listener: its address */
    const char *fallback; /* as YAML on one line; NULL: the member stays NULL or 0 */
    const char *example;  /* shown as a comment where there is no fallback */
    const char *comment;
};

hgh_decode hgh_decode_bool;
hgh_decode hgh_decode_switch;
hgh_decode hgh_decode_integer;
hgh_decode hgh_decode_workers;
hgh_decode hgh_decode_milliseconds;
hgh_decode hgh_decode_seconds;
hgh_decode hgh_decode_bytes;
hgh_decode hgh_decode_word;
hgh_decode hgh_decode_path;
hgh_decode hgh_decode_file; /* a path, or "": none */
hgh_decode hgh_decode_token;
hgh_decode hgh_decode_log_format;
hgh_decode hgh_decode_snippet;
hgh_decode hgh_decode_networks;
hgh_decode hgh_decode_trusted;
hgh_decode hgh_decode_name_servers;
hgh_decode hgh_decode_names;
hgh_decode hgh_decode_attributes;
hgh_decode hgh_decode_listen;
hgh_decode hgh_decode_listen_ip;   /* the address of an hgh_listen */
hgh_decode hgh_decode_listen_port; /* its port */
hgh_decode hgh_decode_admin_keys;

/* In settings_decode_ssl.c. */
hgh_decode hgh_decode_protocols;
hgh_decode hgh_decode_ciphers;
hgh_decode hgh_decode_trust;
hgh_decode hgh_decode_keyring;

/* In settings_decode_runner.c. */
hgh_decode hgh_decode_command;
hgh_decode hgh_decode_socket_path;
hgh_decode hgh_decode_environment;

/* In settings_decode_signature.c. */
hgh_decode hgh_decode_trusted_keys;

/** Adds a finding whose text is "FILE:LINE:COLUMN: POINTER: SENTENCE". at_key: of the key. */
void hgh_decode_report(hgh_decode_reader *self,
                       hg_issues *into,
                       const char *pointer,
                       bool at_key,
                       const char *found,
                       const char *wanted,
                       const char *sentence);

/** An error about a value, which is shown, and what was wanted. */
void hgh_decode_complain_value(hgh_decode_reader *self,
                               const char *pointer,
                               const json_t *value,
                               const char *wanted);

/** The same where the value is a secret: its type alone is shown. */
void hgh_decode_complain_secret(hgh_decode_reader *self,
                                const char *pointer,
                                const json_t *value,
                                const char *wanted);

/** An error in the caller's words. */
void hgh_decode_complain(hgh_decode_reader *self,
                         const char *pointer,
                         const char *found,
                         const char *wanted);

void hgh_decode_warn(hgh_decode_reader *self, const char *pointer, const char *sentence);

void hgh_decode_append_key(char *pointer, size_t size, const char *parent, const char *key);

void hgh_decode_append_index(char *pointer, size_t size, const char *parent, size_t index);

/** True if `text` is one of the words, which have one blank between them. */
bool hgh_decode_has_word(const char *words, const char *text);

/** A list of texts, of row->min or more, that is_good() accepts. */
void hgh_decode_texts(hgh_decode_reader *self,
                      const hgh_decode_row *row,
                      const json_t *value,
                      const char *pointer,
                      bool (*is_good)(const char *text),
                      const char *wanted);

/** Takes the items over. */
void hgh_decode_put_list(hgh_decode_reader *self,
                         const hgh_decode_row *row,
                         void *items,
                         size_t count);

/** A copy of the value; the member is a json_t. */
void hgh_decode_put_json(hgh_decode_reader *self, const hgh_decode_row *row, const json_t *value);

void hgh_decode_put_text(hgh_decode_reader *self, const hgh_decode_row *row, const char *text);

#endif
