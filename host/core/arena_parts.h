/* host/core/arena_parts.h - what the files of the arena share: how tables lie in memory. */
#ifndef HOST_CORE_ARENA_PARTS_H
#define HOST_CORE_ARENA_PARTS_H

#include <errno.h>
#include <pthread.h>

#include "host/core/arena.h"
#include "host/core/siphash.h"

#define TABLES_MAX     512u
#define EXPIRY_REMOVED UINT64_MAX

typedef struct directory_entry {
    char name[HGH_TABLE_NAME_MAX + 1];
    char layout[HGH_TABLE_LAYOUT_MAX + 1];
    uint64_t offset;
} directory_entry;

typedef struct arena_header {
    uint64_t magic;
    uint64_t size;
    uint64_t used;
    hgh_hash_key key;
    pthread_mutex_t lock; /* over the directory and `used` */
    uint32_t count;
    directory_entry directory[TABLES_MAX];
} arena_header;

/* A slot is never used (low == 0), removed (expiry_ms == EXPIRY_REMOVED), expired, or live. The
 * text_max bytes of key text and their length follow it. */
typedef struct table_slot {
    uint64_t low; /* of the key's hash; never 0 once used */
    uint64_t high;
    uint64_t expiry_ms; /* 0: for ever */
    int64_t value;
} table_slot;

typedef struct table_header {
    uint32_t magic;
    uint32_t regions;
    uint32_t region_slots;
    uint32_t slot_size;
    uint32_t text_max;
    uint32_t reserved;
} table_header;

struct hgh_arena {
    arena_header *header;
    size_t size;
    bool mapped;        /* else allocated */
    hgh_table **tables; /* handles made by this process, one a directory entry */
};

struct hgh_table {
    hgh_arena *arena;
    table_header *header;
    pthread_mutex_t *locks;
    unsigned char *slots;
};

static inline void hgh_mutex_lock(pthread_mutex_t *mutex)
{
    /* Its holder was killed: every update is ordered so that the slot is whole at any point. */
    if (pthread_mutex_lock(mutex) == EOWNERDEAD) {
        (void)pthread_mutex_consistent(mutex);
    }
}

static inline void hgh_mutex_unlock(pthread_mutex_t *mutex)
{
    (void)pthread_mutex_unlock(mutex);
}

#endif
