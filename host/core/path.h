/* host/core/path.h - the path that a route is looked for by, as apisix.* of config.yaml wants it.
 */
#ifndef HOST_CORE_PATH_H
#define HOST_CORE_PATH_H

#include <stdbool.h>

#include <hotgate/error.h>
#include <hotgate/text.h>

/** What is done to a path before it is matched. Zero: nothing. */
typedef struct hgh_path_rules {
    bool delete_tail_slash; /* apisix.delete_uri_tail_slash */
    bool like_servlet;      /* apisix.normalize_uri_like_servlet */
    bool encoded_slash;     /* apisix.match_uri_encoded_slash */
} hgh_path_rules;

/** "/a/" as "/a"; "/" stays. Borrowed from `path`. */
hg_text hgh_path_without_tail_slash(hg_text path);

/** True if hgh_path_like_servlet() would change it. */
bool hgh_path_has_parameters(hg_text path);

/**
 * Takes ";" and what follows it out of each segment, as servlet containers do: "/a;x=1/b" as
 * "/a/b".
 *
 * buffer    of at least path.length bytes; the result lies in it.
 * out_path  on HG_OK the result; else untouched.
 * Returns HG_OK, or HG_ERR_INVALID for a path that would get around rules for paths: dot segments
 * and empty segments with parameters.
 */
hg_status hgh_path_like_servlet(hg_text path, char *buffer, hg_text *out_path, hg_error *err);

/** True if the path of a request target, which is not decoded, has a slash as %2F. */
bool hgh_path_has_encoded_slash(hg_text target);

/**
 * Decodes and normalises the path of a request target as nginx does, but leaves encoded slashes
 * what they are, written "%2F": they separate no segments.
 *
 * buffer  of at least target.length + 1 bytes; the result lies in it.
 */
hg_text hgh_path_keeping_slashes(hg_text target, char *buffer);

#endif
