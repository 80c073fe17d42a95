/* host/control/publisher.h - brings a change into force: reserve, store, keep, publish. */
#ifndef HOST_CONTROL_PUBLISHER_H
#define HOST_CONTROL_PUBLISHER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include <hotgate/error.h>

#include "host/control/feed_writer.h"
#include "host/control/resource_table.h"
#include "host/control/store.h"

/** Holds the order of a write. One change at a time. */
typedef struct hgh_publisher hgh_publisher;

/** One object's change; all borrowed for the call. */
typedef struct hgh_publisher_change {
    const char *key;
    const char *value; /* JSON text; NULL: the object goes */
    size_t value_length;
    const json_t *references; /* the keys that the value names, or NULL */
    int64_t expires_wall_s;   /* 0: as the call says */
} hgh_publisher_change;

/**
 * The end of a change. Called once, possibly before hgh_publisher_run() returns.
 *
 * status  HG_OK: stored and in force on every worker's next request. HG_ERR_CONFLICT: an
 *         expectation did not hold. HG_ERR_FULL and others: nothing is stored, unless `is_stored`.
 * is_stored  the store has it although it could not be published: it comes into force later.
 */
typedef void (*hgh_publisher_on_done)(
    void *context, hg_status status, bool is_stored, uint64_t revision, const hg_error *err);

/**
 * Fills an empty table with what is stored.
 * Returns HG_OK, HG_ERR_INVALID (an object is no JSON), HG_ERR_IO or HG_ERR_NO_MEMORY.
 */
hg_status hgh_publisher_load(hgh_store *store, hgh_resource_table *table, hg_error *err);

/** All borrowed, as long as the publisher lives. NULL: no memory. */
hgh_publisher *
hgh_publisher_new(hgh_store *store, hgh_resource_table *table, hgh_feed_writer *feed);

/** Calls after each change that is in force, before its own end is told. */
void hgh_publisher_watch(hgh_publisher *publisher, void (*changed)(void *context), void *context);

/** Accepts NULL. */
void hgh_publisher_free(hgh_publisher *publisher);

/**
 * Brings changes into force together. Not again before the last call has ended.
 *
 * expires_wall_s  of everything put; 0: never.
 */
void hgh_publisher_run(hgh_publisher *publisher,
                       const hgh_publisher_change *changes,
                       size_t change_count,
                       const hgh_store_expectation *expectations,
                       size_t expectation_count,
                       int64_t expires_wall_s,
                       hgh_publisher_on_done done,
                       void *context);

/**
 * The same for many objects that have an order: each that is new is younger than the one before it.
 * The revision goes up by their number.
 */
void hgh_publisher_run_in_order(hgh_publisher *publisher,
                                const hgh_publisher_change *changes,
                                size_t change_count,
                                hgh_publisher_on_done done,
                                void *context);

#endif
