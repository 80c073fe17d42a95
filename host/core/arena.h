/* host/core/arena.h - the shared memory of one gateway: tables of numbers, found by name.
 *
 * One block, made by the supervisor and mapped by every worker. Tables have fixed slots and no
 * pointers; each bucket has a robust lock, so that a worker killed inside one loses at most the
 * update it was making. Tables live until the gateway stops and are never moved.
 */
#ifndef HOST_CORE_ARENA_H
#define HOST_CORE_ARENA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <hotgate/error.h>
#include <hotgate/text.h>

#define HGH_ARENA_MIN_BYTES     (1u << 20)
#define HGH_ARENA_DEFAULT_BYTES (64u << 20)
#define HGH_TABLE_NAME_MAX      127u /* bytes of "PLUGIN/NAME" */
#define HGH_TABLE_LAYOUT_MAX    31u
#define HGH_TABLE_TEXT_MAX      1024u

/** The block as one process has it mapped. */
typedef struct hgh_arena hgh_arena;

/** One table in it; valid as long as the arena is mapped. */
typedef struct hgh_table hgh_table;

/** Makes an empty arena in zeroed shared memory of `size` bytes. HG_OK or HG_ERR_INVALID. */
hg_status hgh_arena_init(void *memory, size_t size, hg_error *err);

/** Maps an existing arena. The descriptor stays the caller's. */
hg_status hgh_arena_map(int fd, bool writable, hgh_arena **out_arena, hg_error *err);

/** An arena in private memory, for tests and the probe; NULL if there is no memory. */
hgh_arena *hgh_arena_new(size_t size);

/** Unmaps or frees; accepts NULL. */
void hgh_arena_close(hgh_arena *arena);

/** Bytes of the whole block, and of these in use. */
void hgh_arena_usage(const hgh_arena *arena, size_t *out_size, size_t *out_used);

/**
 * Finds or makes a table.
 *
 * name      HGH_TABLE_NAME_MAX bytes at most.
 * layout    what the numbers mean; the same name with another layout is another table.
 * entries   keys it must hold. An existing smaller table stays as it is.
 * text_max  bytes of its key that a slot keeps for enumeration, 0 for none.
 * out_left  the layout of the table of that name that was the latest, if this call has made another
 *           beside it: what that one holds is not found in the new one. Else NULL. Borrowed from
 *           the arena; may be NULL.
 */
hg_status hgh_arena_open_table(hgh_arena *arena,
                               const char *name,
                               const char *layout,
                               uint32_t entries,
                               uint32_t text_max,
                               hgh_table **out_table,
                               const char **out_left,
                               hg_error *err);

/**
 * Finds or makes a block of zeroed memory. The same name and layout always have the same size.
 *
 * out_memory  valid as long as the arena is mapped.
 */
hg_status hgh_arena_open_block(hgh_arena *arena,
                               const char *name,
                               const char *layout,
                               size_t size,
                               void **out_memory,
                               hg_error *err);

/** One lock over all that is made in the arena; robust. Not for requests. */
void hgh_arena_lock(hgh_arena *arena);
void hgh_arena_unlock(hgh_arena *arena);

/* As in <hotgate/dict.h>; ttl_ms 0 is for ever; now_ms is CLOCK_MONOTONIC. */
hg_status hgh_table_get(
    hgh_table *table, hg_text key, uint64_t now_ms, int64_t *out_value, uint64_t *out_ttl_ms);
hg_status
hgh_table_set(hgh_table *table, hg_text key, int64_t value, uint64_t ttl_ms, uint64_t now_ms);
hg_status hgh_table_add(hgh_table *table,
                        hg_text key,
                        int64_t delta,
                        uint64_t ttl_ms,
                        uint64_t now_ms,
                        int64_t *out_value,
                        uint64_t *out_ttl_ms);
/** Where the number of a key lies, 0 if it was not there, for good: it has no end, and nobody may
 * remove it. HG_OK or HG_ERR_FULL. */
hg_status hgh_table_number(hgh_table *table, hg_text key, _Atomic int64_t **out_number);
hg_status hgh_table_compare_and_set(
    hgh_table *table, hg_text key, int64_t expected, int64_t value, uint64_t now_ms);
hg_status hgh_table_remove(hgh_table *table, hg_text key, uint64_t now_ms);

hg_status hgh_table_replace(hgh_table *table,
                            hg_text key,
                            int64_t expected,
                            int64_t value,
                            uint64_t ttl_ms,
                            uint64_t now_ms);
/* `share` says who holds; a table of shares is used with this function alone. */
struct hgh_share;
hg_status hgh_table_hold(hgh_table *table,
                         hg_text key,
                         int64_t delta,
                         struct hgh_share *share,
                         uint64_t now_ms,
                         int64_t *out_sum);

/** Calls for each live entry of a table with text; the text is cut at text_max. */
void hgh_table_each(hgh_table *table,
                    uint64_t now_ms,
                    void (*visit)(void *context, hg_text key, int64_t value),
                    void *context);

/** Calls for each table of the arena, with its name and layout. */
void hgh_arena_each_table(
    hgh_arena *arena,
    void (*visit)(void *context, const char *name, const char *layout, hgh_table *table),
    void *context);

#endif
