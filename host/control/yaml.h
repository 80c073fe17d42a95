/* host/control/yaml.h - YAML text to JSON values, with the place of each value in the text. */
#ifndef HOST_CONTROL_YAML_H
#define HOST_CONTROL_YAML_H

#include <stdbool.h>
#include <stddef.h>

#include <jansson.h>

#include <hotgate/error.h>

#define HGH_YAML_DEPTH_MAX       64u         /* mappings and lists within each other */
#define HGH_YAML_ALIAS_MAX_BYTES (16u << 20) /* what all aliases together may repeat */

/** Where a value stands. Lines and columns count from 1, columns in characters. */
typedef struct hgh_yaml_mark {
    unsigned line;
    unsigned column;
    unsigned key_line; /* of its key in a mapping, else of the value */
    unsigned key_column;
    size_t start; /* bytes from the beginning of the text */
    size_t end;   /* behind it; of a mapping or list in block style: behind its first byte */
    bool flow;    /* a mapping or list in {} or [] */
} hgh_yaml_mark;

/** The places of all values of one text, by JSON Pointer. */
typedef struct hgh_yaml_marks hgh_yaml_marks;

/**
 * Parses one YAML document by the core schema of YAML 1.2: `true`, `null`, `12`, `0x1f`, `0o17` and
 * `1.5` have types, quoted scalars and all other words (`on`, `no`) are text. Duplicate keys, merge
 * keys (`<<`), a second document, and values that JSON cannot hold are errors. Keys become text.
 *
 * out_value  a new reference; a text without a document gives null.
 * out_marks  may be NULL; else owned by the caller. Not the values below an alias: these stand
 *            where the anchor is.
 * err        "LINE:COLUMN: what is wrong".
 * Returns HG_OK, HG_ERR_INVALID, HG_ERR_TOO_LARGE (depth, aliases) or HG_ERR_NO_MEMORY.
 */
hg_status hgh_yaml_parse(
    const char *text, size_t length, json_t **out_value, hgh_yaml_marks **out_marks, hg_error *err);

/** The place of the value at `pointer`; NULL if there is none. Borrowed from `marks`. */
const hgh_yaml_mark *hgh_yaml_find(const hgh_yaml_marks *marks, const char *pointer);

/** As hgh_yaml_find(), but falls back to the nearest value around it; NULL only without any. */
const hgh_yaml_mark *hgh_yaml_locate(const hgh_yaml_marks *marks, const char *pointer);

/** Accepts NULL. */
void hgh_yaml_marks_free(hgh_yaml_marks *marks);

/**
 * Replaces `${{NAME}}` and `${{NAME:=default}}` by variables of the environment. Lines that are
 * comments stay as they are. Done before parsing, so that a number stays a number.
 *
 * out_text  owned by the caller, NUL-terminated.
 * err       "LINE:COLUMN: what is wrong": a variable that is not set and has no default, or one
 *           whose value would break the line.
 */
hg_status hgh_yaml_expand(
    const char *text, size_t length, char **out_text, size_t *out_length, hg_error *err);

#endif
