/* tests/unit/core/feed_files.h - writes feeds record by record, sound and damaged ones. */
#ifndef TESTS_UNIT_CORE_FEED_FILES_H
#define TESTS_UNIT_CORE_FEED_FILES_H

#include <stdbool.h>
#include <stdint.h>

#include "host/core/feed.h"

typedef struct feed_files {
    char directory[64];
    uint32_t epoch;
    int fd;
    uint64_t offset; /* behind the last record, published or not */
    hgh_feed_header header;
    hgh_feed_word *word;
} feed_files;

/** Makes a directory with the word 0 and no file yet. */
void feed_files_init(feed_files *feed);
void feed_files_done(feed_files *feed);

/** Begins the file of another epoch. */
void feed_epoch(feed_files *feed, uint32_t epoch);

/** Appends a record; key and value may be "". */
void feed_add(
    feed_files *feed, hgh_feed_kind kind, uint64_t revision, const char *key, const char *value);

/** Ends the state that begins a file. */
void feed_base(feed_files *feed, uint64_t revision);

/** Moves the word behind all that was appended. */
void feed_publish(feed_files *feed);

/** Writes any bytes to any place of the current file. */
void feed_damage(feed_files *feed, uint64_t offset, const void *bytes, uint64_t length);

/** True if this process has the file of that epoch mapped. */
bool feed_is_mapped(const feed_files *feed, uint32_t epoch);

#endif
