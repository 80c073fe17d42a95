/* host/core/body_tree.h - what stands in a request's body: JSON, a form, or the parts of one.
 *
 * A body is read once into an array of values in document order. A container is followed by what it
 * holds and knows where that ends, so that looking something up needs neither pointers nor
 * recursion. Keys and texts stay where they are in the body.
 */
#ifndef HOST_CORE_BODY_TREE_H
#define HOST_CORE_BODY_TREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <hotgate/error.h>
#include <hotgate/text.h>

#include "host/core/text_builder.h"

#define HGH_BODY_VALUES_MAX (1u << 20) /* of one body; 24 bytes each */
#define HGH_BODY_DEPTH_MAX  1000u      /* containers within containers, as in APISIX */
#define HGH_BODY_BYTES_MAX  (1u << 31) /* places are 32 bits wide */

#define HGH_BODY_ROOT    0u
#define HGH_BODY_NOTHING UINT32_MAX

typedef enum hgh_value_kind {
    HGH_VALUE_NULL = 0,
    HGH_VALUE_FALSE = 1,
    HGH_VALUE_TRUE = 2,
    HGH_VALUE_NUMBER = 3,
    HGH_VALUE_TEXT = 4,
    HGH_VALUE_BARE = 5, /* a field of a form without "=": there, and no text */
    HGH_VALUE_ARRAY = 6,
    HGH_VALUE_OBJECT = 7,
} hgh_value_kind;

/** Texts of JSON stand here as they were sent, escapes included, without their quotes. */
typedef struct hgh_body_value {
    uint32_t end; /* the place behind all that it holds */
    uint32_t key; /* of a member of an object: where its key begins in the body */
    uint32_t key_length;
    uint32_t text;   /* of a scalar: where it begins in the body */
    uint32_t length; /* of the text; of a container: how many values it holds itself */
    uint8_t kind;    /* an hgh_value_kind */
    bool key_escaped;
    bool text_escaped;
} hgh_body_value;

typedef struct hgh_body_tree {
    const char *text; /* what the places of keys and texts are in */
    hgh_body_value *values;
    uint32_t count; /* at least one: the root, an object unless it is JSON */
    char *own_text; /* owned; NULL: `text` is the body itself */
} hgh_body_tree;

/**
 * Reads JSON (RFC 8259). Bytes of texts are taken as they are, valid UTF-8 or not.
 *
 * body      borrowed as long as the tree.
 * out_tree  on HG_OK the caller's; else untouched.
 * Returns HG_OK, HG_ERR_INVALID (it is malformed; `err` says where), HG_ERR_TOO_LARGE (it is more
 * than can be looked at) or HG_ERR_NO_MEMORY.
 */
hg_status hgh_body_tree_of_json(hg_text body, hgh_body_tree **out_tree, hg_error *err);

/** Reads a form (WHATWG URL, section 5.1): a field that is there several times is an array. As
 * hgh_body_tree_of_json(), but any bytes are a form. */
hg_status hgh_body_tree_of_form(hg_text body, hgh_body_tree **out_tree, hg_error *err);

/**
 * Reads multipart/form-data (RFC 7578): of several parts with one name the last one counts. As
 * hgh_body_tree_of_json().
 *
 * content_type  of the request, with the boundary.
 */
hg_status
hgh_body_tree_of_parts(hg_text body, hg_text content_type, hgh_body_tree **out_tree, hg_error *err);

/** Accepts NULL. */
void hgh_body_tree_free(hgh_body_tree *tree);

/** The member with that key; of several the last one, as in other readers of JSON. */
uint32_t hgh_body_tree_member(const hgh_body_tree *tree, uint32_t object, hg_text key);

/** The text of a value as it stands in the body, with its escapes. */
static inline hg_text hgh_body_tree_raw(const hgh_body_tree *tree, const hgh_body_value *value)
{
    return (hg_text){tree->text + value->text, value->length};
}

/** Takes the escapes out of a text of JSON into `buffer`, which has as many bytes; the length. A
 * surrogate without its other half becomes U+FFFD. */
size_t hgh_body_unescape(hg_text raw, char *buffer);

/** Room for any number of hgh_body_number_text(). */
#define HGH_BODY_NUMBER_MAX 32u

/**
 * A number of JSON as Lua prints it ("%.14g"), but for whole ones, which keep all their digits.
 * Borrowed from `raw` or `buffer`.
 */
hg_text hgh_body_number_text(hg_text raw, char buffer[HGH_BODY_NUMBER_MAX], double *out_number);

/** Writes values as JSON without blanks; `as_list`: with brackets around them. */
void hgh_body_tree_write(const hgh_body_tree *tree,
                         const uint32_t *places,
                         size_t count,
                         bool as_list,
                         hgh_text_builder *out);

/* ---------------------------------------------------------------- for those that make trees */

/** A tree that is being made. */
typedef struct hgh_body_maker {
    hgh_body_tree *tree; /* owned */
    uint32_t room;
    hg_status status; /* of the first failure */
} hgh_body_maker;

/** HG_OK or HG_ERR_NO_MEMORY. */
hg_status hgh_body_maker_begin(hgh_body_maker *maker, const char *text);

/** Adds a value, zeroed but for its kind; NULL: no more, `status` says why. Valid until the next
 * one. */
hgh_body_value *hgh_body_maker_add(hgh_body_maker *maker, hgh_value_kind kind);

/** Hands over the tree if `status` is HG_OK, else frees it. Returns `status`. */
hg_status hgh_body_maker_end(hgh_body_maker *maker, hgh_body_tree **out_tree);

#endif
