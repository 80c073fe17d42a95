/* host/control/feed_writer.h - publishes what is in force to the workers, by host/core/feed.h. */
#ifndef HOST_CONTROL_FEED_WRITER_H
#define HOST_CONTROL_FEED_WRITER_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <hotgate/error.h>

#include "host/control/resource_table.h"

/** The only writer of one feed directory. */
typedef struct hgh_feed_writer hgh_feed_writer;

/** What a feed is made from. All borrowed; the table as long as the writer lives. */
typedef struct hgh_feed_writer_options {
    const char *directory;           /* exists */
    gid_t group;                     /* of the files; (gid_t)-1: left as they come */
    const uint8_t *store_id;         /* 16 bytes */
    const hgh_resource_table *table; /* the state that a new epoch begins with */
    const char *manifest;            /* of the generation in force; NULL: there is none */
    int wake;                        /* eventfd that is written after each move of the word; -1 */
} hgh_feed_writer_options;

/**
 * Opens the feed. What lies there is continued if it is sound and ends at the table's revision of
 * the same store; a prepared generation without decision is committed if it is the manifest in
 * force and aborted otherwise. In any other case a new epoch states the table.
 *
 * out_writer  on HG_OK owned by the caller; else untouched.
 * Returns HG_OK, HG_ERR_FULL (no space; nothing changed), HG_ERR_IO or HG_ERR_NO_MEMORY.
 */
hg_status hgh_feed_writer_open(const hgh_feed_writer_options *options,
                               hgh_feed_writer **out_writer,
                               hg_error *err);

/** Accepts NULL. What was published stays. */
void hgh_feed_writer_close(hgh_feed_writer *writer);

/**
 * Reserves disk space and memory for records of `bytes` in all (hgh_feed_record_size() of each), so
 * that what follows fails only if the disk does. May start a new epoch first. A transaction that
 * was begun and not published is dropped.
 * Returns HG_OK, HG_ERR_FULL (no space; nothing changed), HG_ERR_IO or HG_ERR_NO_MEMORY.
 */
hg_status hgh_feed_writer_begin(hgh_feed_writer *writer, size_t bytes, hg_error *err);

/* Records of the transaction that was begun; they must fit into what was reserved. */
void hgh_feed_writer_put(hgh_feed_writer *writer,
                         uint64_t revision,
                         uint64_t created,
                         const char *key,
                         const char *value,
                         size_t value_length);
void hgh_feed_writer_delete(hgh_feed_writer *writer, uint64_t revision, const char *key);

/**
 * Publishes the transaction by one move of the word. The table holds it already.
 * On failure (HG_ERR_IO, HG_ERR_FULL) a new epoch was tried from the table and failed too; workers
 * see the old state, and the next begin tries again.
 */
hg_status hgh_feed_writer_publish(hgh_feed_writer *writer, hg_error *err);

/** Drops what was begun. */
void hgh_feed_writer_cancel(hgh_feed_writer *writer);

/**
 * Publishes PREPARE with a manifest (JSON text). Room for its decision stays reserved, so that
 * neither commit nor abort can fail for want of space.
 */
hg_status hgh_feed_writer_prepare(hgh_feed_writer *writer, const char *manifest, hg_error *err);

/** Publishes COMMIT: the prepared manifest is in force, in later epochs too. */
hg_status hgh_feed_writer_commit(hgh_feed_writer *writer, uint64_t generation, hg_error *err);

/** Publishes ABORT: the prepared manifest is forgotten. */
hg_status hgh_feed_writer_abort(hgh_feed_writer *writer, uint64_t generation, hg_error *err);

/** The word as it is published now. */
uint64_t hgh_feed_writer_word(const hgh_feed_writer *writer);

/** The manifest in force; NULL if there is none. Borrowed until the next commit. */
const char *hgh_feed_writer_manifest(const hgh_feed_writer *writer);

#endif
