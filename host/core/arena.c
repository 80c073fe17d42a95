/* host/core/arena.c - the shared memory of one gateway: tables of numbers, found by name. */
#include "host/core/arena.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "host/core/arena_parts.h"

#define ARENA_MAGIC  0x4847413031303030u /* "HGA01000" */
#define TABLE_MAGIC  0x48475430u         /* "HGT0" */
#define BLOCK_MAGIC  0x48474230u         /* "HGB0" */
#define ALIGNMENT    64u
#define REGION_SLOTS 64u /* under one lock; a key stays inside its region */

/* Twice as many slots as keys: the fill of a region of 64 has mean 32 and deviation 5.7, so that
 * one overflows while the table holds no more than was asked for once in 10^7 regions. */
#define SLOTS_PER_ENTRY 2u

/* What stands before a block; its first member is where a table has its own. */
typedef struct block_header {
    uint32_t magic;
    uint32_t reserved;
    uint64_t size;
} block_header;

static size_t align_up(size_t value)
{
    return (value + ALIGNMENT - 1) & ~(size_t)(ALIGNMENT - 1);
}

static void mutex_init(pthread_mutex_t *mutex)
{
    pthread_mutexattr_t attributes;

    (void)pthread_mutexattr_init(&attributes);
    (void)pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
    (void)pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST);
    (void)pthread_mutex_init(mutex, &attributes);
    (void)pthread_mutexattr_destroy(&attributes);
}

hg_status hgh_arena_init(void *memory, size_t size, hg_error *err)
{
    arena_header *header = memory;

    if (size < HGH_ARENA_MIN_BYTES) {
        return hg_error_set(err, HG_ERR_INVALID,
                            "shared memory: found %zu bytes, wanted at least %u", size,
                            HGH_ARENA_MIN_BYTES);
    }
    header->size = size;
    header->used = align_up(sizeof(*header));
    header->count = 0;
    hgh_hash_key_init(&header->key);
    mutex_init(&header->lock);
    header->magic = ARENA_MAGIC;
    return HG_OK;
}

static hg_status arena_handle_new(void *memory, size_t size, hgh_arena **out_arena)
{
    hgh_arena *arena = calloc(1, sizeof(*arena));

    if (arena == NULL || (arena->tables = calloc(TABLES_MAX, sizeof(*arena->tables))) == NULL) {
        free(arena);
        return HG_ERR_NO_MEMORY;
    }
    arena->header = memory;
    arena->size = size;
    *out_arena = arena;
    return HG_OK;
}

hg_status hgh_arena_map(int fd, bool writable, hgh_arena **out_arena, hg_error *err)
{
    struct stat status;
    arena_header *header;

    if (fstat(fd, &status) != 0) {
        return hg_error_set(err, HG_ERR_IO, "shared memory: %s", strerror(errno));
    }
    if ((uint64_t)status.st_size < HGH_ARENA_MIN_BYTES) {
        return hg_error_set(err, HG_ERR_INVALID, "shared memory: cut short");
    }
    header = mmap(NULL, (size_t)status.st_size, writable ? PROT_READ | PROT_WRITE : PROT_READ,
                  MAP_SHARED, fd, 0);
    if (header == MAP_FAILED) {
        return hg_error_set(err, HG_ERR_IO, "shared memory: %s", strerror(errno));
    }
    if (header->magic != ARENA_MAGIC || header->size != (uint64_t)status.st_size) {
        (void)munmap(header, (size_t)status.st_size);
        return hg_error_set(err, HG_ERR_INVALID, "shared memory: made by another version");
    }
    if (arena_handle_new(header, (size_t)status.st_size, out_arena) != HG_OK) {
        (void)munmap(header, (size_t)status.st_size);
        return hg_error_set(err, HG_ERR_NO_MEMORY, "shared memory: out of memory");
    }
    return HG_OK;
}

hgh_arena *hgh_arena_new(size_t size)
{
    hgh_arena *arena = NULL;
    size_t aligned = align_up(size);
    void *memory = mmap(NULL, aligned, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    if (memory == MAP_FAILED) {
        return NULL;
    }
    if (hgh_arena_init(memory, aligned, NULL) != HG_OK ||
        arena_handle_new(memory, aligned, &arena) != HG_OK) {
        (void)munmap(memory, aligned);
        return NULL;
    }
    return arena;
}

void hgh_arena_close(hgh_arena *arena)
{
    if (arena == NULL) {
        return;
    }
    for (size_t i = 0; i < TABLES_MAX; i++) {
        free(arena->tables[i]);
    }
    free(arena->tables);
    (void)munmap(arena->header, arena->size);
    free(arena);
}

void hgh_arena_usage(const hgh_arena *arena, size_t *out_size, size_t *out_used)
{
    *out_size = (size_t)arena->header->size;
    *out_used = (size_t)arena->header->used;
}

/* The table at an offset, as this process sees it; one handle an entry, kept until close. */
static hg_status
table_handle(hgh_arena *arena, uint32_t index, uint64_t offset, hgh_table **out_table)
{
    table_header *header = (table_header *)(void *)((char *)arena->header + offset);
    hgh_table *table = arena->tables[index];

    if (table != NULL) {
        *out_table = table;
        return HG_OK;
    }
    table = calloc(1, sizeof(*table));
    if (table == NULL) {
        return HG_ERR_NO_MEMORY;
    }
    table->arena = arena;
    table->header = header;
    table->locks = (pthread_mutex_t *)(void *)((char *)header + align_up(sizeof(*header)));
    table->slots =
        (unsigned char *)table->locks + align_up((size_t)header->regions * sizeof(pthread_mutex_t));
    arena->tables[index] = table;
    *out_table = table;
    return HG_OK;
}

static uint64_t table_make(arena_header *header, uint32_t entries, uint32_t text_max)
{
    uint32_t wanted = entries * SLOTS_PER_ENTRY;
    uint32_t regions = (wanted + REGION_SLOTS - 1) / REGION_SLOTS;
    uint32_t text_size = text_max == 0 ? 0 : (text_max + 2 + 7) & ~7u; /* 2 bytes of length */
    uint32_t slot_size = (uint32_t)sizeof(table_slot) + text_size;
    size_t locks = align_up((size_t)regions * sizeof(pthread_mutex_t));
    size_t total = align_up(sizeof(table_header)) + locks +
                   align_up((size_t)regions * REGION_SLOTS * slot_size);
    uint64_t offset = header->used;
    table_header *table = (table_header *)(void *)((char *)header + offset);
    pthread_mutex_t *lock;

    if (total > header->size - header->used) {
        return 0;
    }
    header->used += total; /* first: whoever dies below leaves a hole, no overlap */
    table->regions = regions;
    table->region_slots = REGION_SLOTS;
    table->slot_size = slot_size;
    table->text_max = text_max;
    lock = (pthread_mutex_t *)(void *)((char *)table + align_up(sizeof(*table)));
    for (uint32_t i = 0; i < regions; i++) {
        mutex_init(&lock[i]);
    }
    table->magic = TABLE_MAGIC;
    return offset;
}

static hg_status open_table_locked(hgh_arena *arena,
                                   const char *name,
                                   const char *layout,
                                   uint32_t entries,
                                   uint32_t text_max,
                                   hgh_table **out_table,
                                   const char **out_left,
                                   hg_error *err)
{
    arena_header *header = arena->header;
    directory_entry *entry = NULL;
    const char *left = NULL;
    uint64_t offset;
    uint32_t index = 0;

    for (index = 0; index < header->count; index++) {
        entry = &header->directory[index];
        if (strcmp(entry->name, name) != 0) {
            continue;
        }
        if (strcmp(entry->layout, layout) == 0) {
            return table_handle(arena, index, entry->offset, out_table);
        }
        left = entry->layout;
    }
    if (header->count == TABLES_MAX) {
        return hg_error_set(err, HG_ERR_FULL, "table \"%s\": there are %u tables already", name,
                            TABLES_MAX);
    }
    offset = table_make(header, entries, text_max);
    if (offset == 0) {
        return hg_error_set(err, HG_ERR_FULL,
                            "table \"%s\": no room for %u entries in %llu bytes of shared memory; "
                            "hotgate.shared_memory enlarges it",
                            name, entries, (unsigned long long)header->size);
    }
    entry = &header->directory[header->count];
    (void)strcpy(entry->name, name);
    (void)strcpy(entry->layout, layout);
    entry->offset = offset;
    header->count++;
    *out_left = left;
    return table_handle(arena, index, offset, out_table);
}

hg_status hgh_arena_open_table(hgh_arena *arena,
                               const char *name,
                               const char *layout,
                               uint32_t entries,
                               uint32_t text_max,
                               hgh_table **out_table,
                               const char **out_left,
                               hg_error *err)
{
    const char *left = NULL;
    hg_status status;

    if (name[0] == '\0' || strlen(name) > HGH_TABLE_NAME_MAX) {
        return hg_error_set(err, HG_ERR_INVALID, "table name: found %zu bytes, wanted 1 to %u",
                            strlen(name), HGH_TABLE_NAME_MAX);
    }
    if (strlen(layout) > HGH_TABLE_LAYOUT_MAX) {
        return hg_error_set(err, HG_ERR_INVALID,
                            "table \"%s\": layout has %zu bytes, at most %u are kept", name,
                            strlen(layout), HGH_TABLE_LAYOUT_MAX);
    }
    if (entries == 0 || entries > 1u << 24 || text_max > HGH_TABLE_TEXT_MAX) {
        return hg_error_set(err, HG_ERR_INVALID, "table \"%s\": found %u entries, wanted 1 to %u",
                            name, entries, 1u << 24);
    }
    hgh_mutex_lock(&arena->header->lock);
    status = open_table_locked(arena, name, layout, entries, text_max, out_table, &left, err);
    hgh_mutex_unlock(&arena->header->lock);
    if (out_left != NULL) {
        *out_left = left;
    }
    return status;
}

static hg_status open_block_locked(hgh_arena *arena,
                                   const char *name,
                                   const char *layout,
                                   size_t size,
                                   void **out_memory,
                                   hg_error *err)
{
    arena_header *header = arena->header;
    size_t total = align_up(sizeof(block_header)) + align_up(size);
    directory_entry *entry;
    block_header *block;

    for (uint32_t i = 0; i < header->count; i++) {
        entry = &header->directory[i];
        if (strcmp(entry->name, name) == 0 && strcmp(entry->layout, layout) == 0) {
            *out_memory = (char *)header + entry->offset + align_up(sizeof(block_header));
            return HG_OK;
        }
    }
    if (header->count == TABLES_MAX || total > header->size - header->used) {
        return hg_error_set(err, HG_ERR_FULL,
                            "\"%s\": no room for %zu bytes in the shared memory; "
                            "hotgate.shared_memory enlarges it",
                            name, size);
    }
    block = (block_header *)(void *)((char *)header + header->used);
    entry = &header->directory[header->count];
    entry->offset = header->used;
    header->used += total; /* first: whoever dies below leaves a hole, no overlap */
    block->size = size;
    block->magic = BLOCK_MAGIC;
    (void)strcpy(entry->name, name);
    (void)strcpy(entry->layout, layout);
    header->count++;
    *out_memory = (char *)block + align_up(sizeof(block_header));
    return HG_OK;
}

hg_status hgh_arena_open_block(hgh_arena *arena,
                               const char *name,
                               const char *layout,
                               size_t size,
                               void **out_memory,
                               hg_error *err)
{
    hg_status status;

    assert(strlen(name) <= HGH_TABLE_NAME_MAX && strlen(layout) <= HGH_TABLE_LAYOUT_MAX);
    hgh_mutex_lock(&arena->header->lock);
    status = open_block_locked(arena, name, layout, size, out_memory, err);
    hgh_mutex_unlock(&arena->header->lock);
    return status;
}

void hgh_arena_lock(hgh_arena *arena)
{
    hgh_mutex_lock(&arena->header->lock);
}

void hgh_arena_unlock(hgh_arena *arena)
{
    hgh_mutex_unlock(&arena->header->lock);
}

void hgh_arena_each_table(
    hgh_arena *arena,
    void (*visit)(void *context, const char *name, const char *layout, hgh_table *table),
    void *context)
{
    for (uint32_t i = 0; i < arena->header->count; i++) {
        const directory_entry *entry = &arena->header->directory[i];
        const table_header *header =
            (const table_header *)(const void *)((const char *)arena->header + entry->offset);
        hgh_table *table = NULL;

        if (header->magic == TABLE_MAGIC &&
            table_handle(arena, i, entry->offset, &table) == HG_OK) {
            visit(context, entry->name, entry->layout, table);
        }
    }
}
