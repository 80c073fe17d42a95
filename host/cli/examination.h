/* host/cli/examination.h - what a reload would find about one object, without a gateway. */
#ifndef HOST_CLI_EXAMINATION_H
#define HOST_CLI_EXAMINATION_H

#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>

/** All borrowed for the call. */
typedef struct hgh_examination_options {
    const char *path;              /* of the object, as it was typed */
    const char *config;            /* JSON: also judges this configuration; NULL: none */
    const char *attributes;        /* JSON: its plugin_attr; NULL: none */
    const json_t *allow_libraries; /* that it may need beyond the usual ones; NULL: none */
    const json_t *trusted_keys;    /* wants a signature by one of them; NULL or empty: none */
    const json_t *live;            /* configurations that it has to decode: [{"resource", "id",
                                      "value"}...]; NULL: none */
    const char *directory;         /* where the copy that was loaded stays if it is accepted; NULL:
                                      it does not */
    uint64_t generation;           /* for the name of that copy */
    bool only_reads;               /* does not run it: what can be seen in the file is all */
    bool anywhere;                 /* others may own or write the file and its directories */
} hgh_examination_options;

/**
 * Looks at the file and has a process of its own load a private copy of it, as a reload does. The
 * object's code never runs in this process.
 *
 * Returns a new reference: {file, name, sha256, signature, version, abi, build_id, libraries,
 * constructors, description, path, warnings, result, error, issues}, as far as it came; `result` is
 * always there. NULL: no memory.
 */
json_t *hgh_examination_run(const hgh_examination_options *options);

/** True if the object could be put into service. */
bool hgh_examination_is_accepted(const json_t *report);

#endif
