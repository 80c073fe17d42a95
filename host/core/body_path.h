/* host/core/body_path.h - where in a body a variable looks: "user.name", "messages[*].role".
 *
 * A path without "[", "*" and ".." is a list of keys with dots between, and finds one value. Any
 * other is a query, which finds any number of them; its language is a part of JSONPath (RFC 9535):
 *
 *   path     = [key | "*"] {segment}        a key at the beginning needs no dot
 *   segment  = "." (key | "*") | brackets | ".." (key | "*" | brackets)
 *   brackets = "[" selector {"," selector} "]"
 *   selector = "*" | index | slice | 'key' | "key"
 *   slice    = [index] ":" [index] [":" [index]]
 *
 * A key of digits alone is an index as well. There are no filters and no scripts.
 */
#ifndef HOST_CORE_BODY_PATH_H
#define HOST_CORE_BODY_PATH_H

#include "host/core/body_tree.h"

#define HGH_PATH_SEGMENTS_MAX  32u
#define HGH_PATH_SELECTORS_MAX 64u

typedef enum hgh_selector_kind {
    HGH_SELECT_KEY = 0,
    HGH_SELECT_INDEX = 1,
    HGH_SELECT_KEY_OR_INDEX = 2,
    HGH_SELECT_SLICE = 3,
    HGH_SELECT_ALL = 4,
} hgh_selector_kind;

typedef struct hgh_selector {
    uint8_t kind; /* an hgh_selector_kind */
    bool has_start;
    bool has_end;
    hg_text key;   /* borrowed from the path */
    int64_t start; /* the index, too */
    int64_t end;
    int64_t step;
} hgh_selector;

typedef struct hgh_path_segment {
    bool descends; /* "..": at any depth */
    uint32_t first;
    uint32_t count; /* of selectors */
} hgh_path_segment;

/** Borrows its keys from the text that was parsed. */
typedef struct hgh_body_path {
    bool is_query;
    uint32_t segment_count;
    uint32_t selector_count;
    hgh_path_segment segments[HGH_PATH_SEGMENTS_MAX];
    hgh_selector selectors[HGH_PATH_SELECTORS_MAX];
} hgh_body_path;

/** Returns HG_OK, or HG_ERR_INVALID with what is wrong, when *out_path means nothing. */
hg_status hgh_body_path_parse(hg_text text, hgh_body_path *out_path, hg_error *err);

/**
 * Finds what a path leads to.
 *
 * out_places  on HG_OK the caller's to free, in the order of the body, each value once; NULL if
 *             there is none. Else untouched, as is the next.
 * Returns HG_OK or HG_ERR_NO_MEMORY.
 */
hg_status hgh_body_path_find(const hgh_body_path *path,
                             const hgh_body_tree *tree,
                             uint32_t **out_places,
                             size_t *out_count);

#endif
