/* host/core/feed_reader.h - follows the feed: finds what is new since the last look. */
#ifndef HOST_CORE_FEED_READER_H
#define HOST_CORE_FEED_READER_H

#include <stdbool.h>
#include <stdint.h>

#include <hotgate/error.h>
#include <hotgate/text.h>

#include "host/core/feed.h"

/** A feed file in memory. Shared: what was read from it refers into it. */
typedef struct hgh_feed_file {
    uint32_t references;
    uint32_t epoch;
    const unsigned char *bytes; /* read-only */
    uint64_t size;
    uint64_t present; /* bytes that the file was seen to have: beyond them is no memory */
    bool mapped;      /* else allocated */
} hgh_feed_file;

/** A text inside a feed file. */
typedef struct hgh_feed_slice {
    hgh_feed_file *file; /* a reference */
    uint64_t offset;
    uint32_t length;
} hgh_feed_slice;

/** Follows one directory. Zero-initialise through hgh_feed_reader_open(). */
typedef struct hgh_feed_reader {
    char *directory;
    const hgh_feed_word *word; /* mapped read-only */
    hgh_feed_file *file;       /* the current one, or NULL */
    uint64_t offset;           /* behind the last record that was handed out */
    hgh_feed_file *following;  /* the one that comes after `file`, whose rest is read first; NULL */
    uint64_t rest_end;         /* of that rest; 0: there is none */
    uint64_t seen;             /* the word up to which that was */
} hgh_feed_reader;

/** Maps the word of a feed directory. HG_OK, HG_ERR_IO or HG_ERR_NO_MEMORY. */
hg_status hgh_feed_reader_open(hgh_feed_reader *reader, const char *directory, hg_error *err);

void hgh_feed_reader_done(hgh_feed_reader *reader);

/** The published word. One load: this is called at every request. */
static inline uint64_t hgh_feed_reader_word(const hgh_feed_reader *reader)
{
    return atomic_load_explicit(&reader->word->value, memory_order_acquire);
}

/**
 * Goes to the file of the word's epoch, if it is another than the current one. Where that is the
 * next one, what is left of the current file comes first: call it again when
 * hgh_feed_reader_next() has no more.
 *
 * out_switched  true: the next records are the whole state, up to BASE.
 */
hg_status
hgh_feed_reader_follow(hgh_feed_reader *reader, uint64_t word, bool *out_switched, hg_error *err);

/**
 * The next record before the word's offset; NULL in *out_record at the end. Borrowed from the
 * current file. HG_ERR_INVALID: it is damaged.
 */
hg_status hgh_feed_reader_next(hgh_feed_reader *reader,
                               uint64_t word,
                               const hgh_feed_record **out_record,
                               hg_error *err);

/** True if there are more records, in another file, when hgh_feed_reader_next() has none. */
static inline bool hgh_feed_reader_is_behind(const hgh_feed_reader *reader, uint64_t word)
{
    return reader->file == NULL || reader->file->epoch != hgh_feed_word_epoch(word);
}

/** The header of the current file. */
static inline const hgh_feed_header *hgh_feed_reader_header(const hgh_feed_reader *reader)
{
    return (const hgh_feed_header *)(const void *)reader->file->bytes;
}

/** The value of a record of the current file, with a reference to it. */
hgh_feed_slice hgh_feed_slice_of(hgh_feed_reader *reader, const hgh_feed_record *record);

/** A slice over a private copy of a text: for engines without a feed. file NULL: no memory. */
hgh_feed_slice hgh_feed_slice_copy(const char *text, size_t length);

static inline hg_text hgh_feed_slice_text(const hgh_feed_slice *slice)
{
    hg_text text = {(const char *)slice->file->bytes + slice->offset, slice->length};
    return text;
}

hgh_feed_file *hgh_feed_file_ref(hgh_feed_file *file);
/** Accepts NULL; the last one unmaps. */
void hgh_feed_file_unref(hgh_feed_file *file);

#endif
