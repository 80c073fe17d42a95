/* host/runner/unsupported.h - what of the SDK has no place behind the external plugin protocol: the
 * one table of it, for `hotgate check --runner` and the documentation.
 */
#ifndef HOST_RUNNER_UNSUPPORTED_H
#define HOST_RUNNER_UNSUPPORTED_H

#include <stddef.h>

#include <jansson.h>

typedef enum hgh_unsupported_kind {
    HGH_UNSUPPORTED_PHASE = 0,    /* never runs */
    HGH_UNSUPPORTED_FLAG = 1,     /* has no effect */
    HGH_UNSUPPORTED_SCHEMA = 2,   /* of the description: nothing of it comes to a runner */
    HGH_UNSUPPORTED_FUNCTION = 3, /* returns HG_ERR_UNSUPPORTED, or what `why` says */
} hgh_unsupported_kind;

typedef struct hgh_unsupported {
    hgh_unsupported_kind kind;
    const char *name; /* as a plugin's description, or the SDK's header, has it */
    const char *why;
} hgh_unsupported;

/** All rows. */
const hgh_unsupported *hgh_unsupported_all(size_t *out_count);

/** "phase", "flag", ... */
const char *hgh_unsupported_kind_name(hgh_unsupported_kind kind);

/** What a plugin has that does not run in a runner: [{"part", "name", "why"}...]. `description` is
 * hgh_plugin_describe()'s. A new reference; NULL: no memory. */
json_t *hgh_unsupported_of(const json_t *description);

/** The functions, for any plugin: [{"function", "when"}...]. A new reference; NULL: no memory. */
json_t *hgh_unsupported_functions(void);

#endif
