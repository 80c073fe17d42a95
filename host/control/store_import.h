/* host/control/store_import.h - many objects at once: all judged, then stored together or not. */
#ifndef HOST_CONTROL_STORE_IMPORT_H
#define HOST_CONTROL_STORE_IMPORT_H

#include <stdbool.h>

#include <jansson.h>

#include "host/control/admin_exchange.h"
#include "host/control/admin_write.h"

/** What is asked for. */
typedef struct hgh_store_import {
    json_t *document;   /* taken; as store_document.h has it */
    bool replaces;      /* what is not in the document goes */
    bool only_judges;   /* nothing is stored */
    bool is_validation; /* likewise, answered as POST /configs/validate: {} if all is good */
} hgh_store_import;

/**
 * Judges every object of a document as a write of it would be, with the references that hold
 * afterwards, and stores all of them in one transaction, in force when it is answered. Queued among
 * the writes; the answer comes through `later`:
 *   200 {result: "imported" | "valid", revision, written, unchanged, deleted, warnings}
 *   400 {error_msg, errors: [...]}, every finding; nothing was changed.
 */
void hgh_store_import_start(const hgh_admin_write_parts *parts,
                            const hgh_store_import *import,
                            hgh_admin_answer_later *later);

#endif
