/* host/control/store_document.h - all objects of a store as one JSON document.
 *
 * {"routes": [{"id": "1", ...}, ...], "consumers": [{"username": "jack", ...}, {"id":
 * "jack/credentials/1", ...}], ..., "hotgate": {"format": 1, "expires": {"routes/1": SECONDS}}}:
 * the form of APISIX's standalone file, and beside it what that has no place for. */
#ifndef HOST_CONTROL_STORE_DOCUMENT_H
#define HOST_CONTROL_STORE_DOCUMENT_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <jansson.h>

#include <hotgate/error.h>

#include "host/control/object_kind.h"
#include "host/control/resource_table.h"

#define HGH_DOCUMENT_FORMAT      1 /* raised when an older hotgate could not read it any more */
#define HGH_DOCUMENT_POINTER_MAX 64u

/** One object of a document. */
typedef struct hgh_document_item {
    const hgh_object_kind *kind;
    char *key;        /* owned: "credentials/jack/credentials/1" */
    json_t *object;   /* owned: as it is to be stored */
    const char *list; /* "consumers": static, where it stands; with `index` */
    size_t index;
    char pointer[HGH_DOCUMENT_POINTER_MAX]; /* "/consumers/2" */
    int64_t expires_wall_s;                 /* 0: never */
} hgh_document_item;

/** Zero-initialise; hgh_document_done(). */
typedef struct hgh_document {
    size_t count;
    hgh_document_item *items; /* owned; in the document's order */
} hgh_document;

/**
 * Writes all objects of a table whose time is not over, each kind's in the order of their age.
 * Returns HG_OK, HG_ERR_IO (the stream has failed) or HG_ERR_NO_MEMORY.
 */
hg_status hgh_document_write(const hgh_resource_table *table, FILE *out, hg_error *err);

/**
 * Takes a document apart. Every finding is appended to `errors`, by hgh_document_error(): unknown
 * kinds, what is no list of objects, ids that are missing or there twice.
 *
 * json  taken; what of it is kept is shared with the items.
 * Returns HG_OK, with findings too; HG_ERR_NO_MEMORY.
 */
hg_status hgh_document_read(json_t *json, hgh_document *out_document, json_t *errors);

/**
 * Appends a finding: {resource_type, resource_id, index, error} as APISIX names them, and pointer,
 * found, wanted. item: NULL: it is about the document. Without memory it is lost: the number of
 * `errors` is then 0, and its reader has to see to that.
 */
void hgh_document_error(json_t *errors,
                        const hgh_document_item *item,
                        const char *pointer,
                        const char *found,
                        const char *wanted,
                        const char *text);

void hgh_document_done(hgh_document *document);

#endif
