/* host/control/store_import.h - many objects at once: all judged, then stored together or not. */
#ifndef HOST_CONTROL_STORE_IMPORT_H
#define HOST_CONTROL_STORE_IMPORT_H

#include <stdbool.h>

#include <jansson.h>

#include "host/control/admin_exchange.h"
#include "host/control/admin_write.h"

/** What is asked for. */
typedef struct hgh_store_import {
    json_t *document;     /* taken; as store_document.h has it */
    bool replaces;        /* what is not in the document goes */
    bool only_judges;     /* nothing is stored */
    bool is_validation;   /* likewise, answered as POST /configs/validate: {} if all is good */
    const json_t *listed; /* borrowed: the only plugins that may be named; NULL: any */
} hgh_store_import;

/** What came out, as the Admin API answers it; takes `answer`. Called once, possibly before
 * hgh_store_import_start() has returned. */
typedef void (*hgh_store_import_done)(void *context, unsigned status, json_t *answer);

/**
 * Judges every object of a document as a write of it would be, with the references that hold
 * afterwards, and stores all of them in one transaction, in force when it is answered. What is
 * there already stays as it is, with its revision. Queued among the writes; the answer comes
 * through `done`:
 *   200 {result: "imported" | "valid", revision, written, unchanged, deleted, warnings}
 *   400 {error_msg, errors: [...]}, every finding; nothing was changed.
 */
void hgh_store_import_start(const hgh_admin_write_parts *parts,
                            const hgh_store_import *import,
                            hgh_store_import_done done,
                            void *context);

#endif
