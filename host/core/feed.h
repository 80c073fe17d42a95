/* host/core/feed.h - the layout of the feed: how control tells the workers what is in force.
 *
 * Directory STATE/feed of the instance:
 *   word        4,096 bytes, mapped by all: one hgh_feed_word. Control alone writes it.
 *   N.feed      the file of epoch N: a header, then records, each 8-byte aligned. Control reserves
 *               space (posix_fallocate), writes (pwrite), then moves the word: what lies before the
 *               committed offset never changes. Workers map it read-only.
 * A transaction is one move of the word over all its records: all of it or nothing.
 *
 * A file begins with the whole state at its making: a MANIFEST record if a generation is in force,
 * a PUT for each object, and a BASE record that ends it. A reader that stands at the BASE's
 * revision jumps behind it; any other applies the difference. One that reads the file before it
 * reads that to its end first, and stands there then.
 */
#ifndef HOST_CORE_FEED_H
#define HOST_CORE_FEED_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HGH_FEED_MAGIC        "HGFEED1" /* with its NUL: 8 bytes */
#define HGH_FEED_WORD_FILE    "word"
#define HGH_FEED_FILE_FORMAT  "%u.feed" /* the epoch */
#define HGH_FEED_CAPACITY_MIN (16u << 20)
#define HGH_FEED_OFFSET_BITS  40u
#define HGH_FEED_ALIGNMENT    8u
#define HGH_FEED_KEY_MAX      511u /* a credential of a consumer with a name of 256 bytes */
#define HGH_FEED_VALUE_MAX    (64u << 20)

/** Epoch in the upper 24 bits, committed offset in the lower 40; 0: nothing published yet. */
typedef struct hgh_feed_word {
    _Atomic uint64_t value;
} hgh_feed_word;

/** The first 64 bytes of a feed file. */
typedef struct hgh_feed_header {
    char magic[8];
    uint32_t epoch;
    uint32_t reserved;
    uint64_t capacity;      /* bytes that readers map; the file may be shorter, never longer */
    uint8_t store_id[16];   /* of the store it was made from */
    uint64_t base_revision; /* of the state that begins the file */
    uint64_t base_end;      /* offset behind its BASE record */
    uint64_t previous_end;  /* offset behind the last record of the epoch before; 0: not known */
} hgh_feed_header;

/** What a record does. A value never changes its meaning. */
typedef enum hgh_feed_kind {
    HGH_FEED_PUT = 1,      /* key is now value */
    HGH_FEED_DELETE = 2,   /* key is gone */
    HGH_FEED_BASE = 3,     /* end of the state that begins a file; revision says which state */
    HGH_FEED_PREPARE = 4,  /* value is a manifest: load it beside what serves, then vote */
    HGH_FEED_COMMIT = 5,   /* value {"generation":N}: the prepared one serves from here on */
    HGH_FEED_ABORT = 6,    /* value {"generation":N}: forget the prepared one */
    HGH_FEED_MANIFEST = 7, /* value is the manifest in force when the file began */
} hgh_feed_kind;

/** The fixed part of a record; key and value follow, each with a NUL, then zeros to alignment. */
typedef struct hgh_feed_record {
    uint32_t length;       /* bytes of the whole record, a multiple of HGH_FEED_ALIGNMENT */
    uint32_t crc;          /* CRC-32 (zlib's) of all that follows this field */
    uint64_t revision;     /* of the transaction that it belongs to */
    uint64_t created;      /* PUT: revision at which the object was created */
    uint32_t kind;         /* an hgh_feed_kind */
    uint32_t key_length;   /* "routes/1"; 0 where there is no key */
    uint32_t value_length; /* JSON text; 0 where there is no value */
    uint32_t reserved;
} hgh_feed_record;

_Static_assert(sizeof(hgh_feed_header) == 64, "layout of the feed's header");
_Static_assert(sizeof(hgh_feed_record) == 40, "layout of a feed record");

static inline uint64_t hgh_feed_word_make(uint32_t epoch, uint64_t offset)
{
    return ((uint64_t)epoch << HGH_FEED_OFFSET_BITS) | offset;
}

static inline uint32_t hgh_feed_word_epoch(uint64_t word)
{
    return (uint32_t)(word >> HGH_FEED_OFFSET_BITS);
}

static inline uint64_t hgh_feed_word_offset(uint64_t word)
{
    return word & (((uint64_t)1 << HGH_FEED_OFFSET_BITS) - 1);
}

/** Bytes that a record with such a key and value takes. */
size_t hgh_feed_record_size(size_t key_length, size_t value_length);

/** Writes a whole record, checksum included, into `into` (hgh_feed_record_size() bytes). */
void hgh_feed_record_write(void *into,
                           hgh_feed_kind kind,
                           uint64_t revision,
                           uint64_t created,
                           const char *key,
                           size_t key_length,
                           const char *value,
                           size_t value_length);

/**
 * Checks the record at `bytes`, of which `available` may be read: lengths, alignment, checksum, the
 * NULs.
 * Returns NULL if it is cut short or damaged, else the record.
 */
const hgh_feed_record *hgh_feed_record_check(const void *bytes, uint64_t available);

static inline const char *hgh_feed_record_key(const hgh_feed_record *record)
{
    return (const char *)(record + 1);
}

static inline const char *hgh_feed_record_value(const hgh_feed_record *record)
{
    return hgh_feed_record_key(record) + record->key_length + 1;
}

#endif
