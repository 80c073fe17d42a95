/* host/control/resource_table.h - every stored object, in control's memory. */
#ifndef HOST_CONTROL_RESOURCE_TABLE_H
#define HOST_CONTROL_RESOURCE_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include <hotgate/error.h>

/** The truth as the store has it, for reads, for reference checks and for a new feed file. */
typedef struct hgh_resource_table hgh_resource_table;

/** One object; borrowed until it is replaced or removed. */
typedef struct hgh_resource_object {
    const char *key;   /* "routes/1" */
    const char *id;    /* what follows the kind: "1" */
    const char *value; /* JSON text */
    size_t key_length;
    size_t value_length;
    uint64_t created;       /* revision */
    uint64_t modified;      /* revision */
    int64_t expires_wall_s; /* 0: never */
} hgh_resource_object;

hgh_resource_table *hgh_resource_table_new(void);

/** Accepts NULL. */
void hgh_resource_table_free(hgh_resource_table *table);

/**
 * Makes an object for a table without putting it there, so that putting it later cannot fail.
 *
 * references  borrowed: the keys that it names ("services/1"), an array of strings, or NULL.
 * Returns NULL if there is no memory or the key has no '/'.
 */
hgh_resource_object *hgh_resource_object_new(hgh_resource_table *table,
                                             const char *key,
                                             const char *value,
                                             size_t value_length,
                                             const json_t *references);

/** For one that was not put. Accepts NULL. */
void hgh_resource_object_free(hgh_resource_object *object);

/** Puts it in the place of the one with its key, which is freed. Takes it over. */
void hgh_resource_table_put(hgh_resource_table *table, hgh_resource_object *object);

void hgh_resource_table_remove(hgh_resource_table *table, const char *key);

/** NULL if there is none. */
const hgh_resource_object *hgh_resource_table_find(const hgh_resource_table *table,
                                                   const char *key);

/** The same, as clients see it: one whose time is over is gone although it is still here. */
const hgh_resource_object *hgh_resource_table_find_live(const hgh_resource_table *table,
                                                        const char *key);

/** True if its time is over. */
bool hgh_resource_object_is_over(const hgh_resource_object *object);

/** The first object of a kind ("routes"), by created revision; NULL: all kinds, in any order. */
const hgh_resource_object *hgh_resource_table_first(const hgh_resource_table *table,
                                                    const char *kind);

/** The one after it, of the same walk; NULL at its end. */
const hgh_resource_object *hgh_resource_table_next(const hgh_resource_object *object);
const hgh_resource_object *hgh_resource_table_next_of_all(const hgh_resource_table *table,
                                                          const hgh_resource_object *object);

/** A place in a walk that stays right whatever is put and removed meanwhile. Zero-initialise. */
typedef struct hgh_resource_cursor {
    hgh_resource_table *table; /* NULL: not open */
    const void *at;            /* the next entry; NULL: the end */
    struct hgh_resource_cursor *next;
    struct hgh_resource_cursor *previous;
} hgh_resource_cursor;

/** Before the first object of a kind, by created revision. Not while it is open. */
void hgh_resource_cursor_open(hgh_resource_table *table,
                              hgh_resource_cursor *cursor,
                              const char *kind);

/** The next object, borrowed until the table changes; NULL: the end. */
const hgh_resource_object *hgh_resource_cursor_take(hgh_resource_cursor *cursor);

/** Harmless if it is not open. */
void hgh_resource_cursor_close(hgh_resource_cursor *cursor);

/** How many objects of a kind there are, those whose time is over among them. */
size_t hgh_resource_table_count_of(const hgh_resource_table *table, const char *kind);

/** An object of `kind` that names `key`: the first one, or the one behind `after`, which is one of
 * them; in the order of their last changes. NULL: there is no further one. One lookup. */
const hgh_resource_object *hgh_resource_table_referer(const hgh_resource_table *table,
                                                      const char *kind,
                                                      const char *key,
                                                      const hgh_resource_object *after);

/** Calls for each key that begins so and is named, once for each kind that names it, with how many
 * objects do. */
void hgh_resource_table_each_named(const hgh_resource_table *table,
                                   const char *prefix,
                                   void (*visit)(void *context, const char *key, size_t count),
                                   void *context);

size_t hgh_resource_table_count(const hgh_resource_table *table);

/** Bytes that all objects take as records of the feed. */
uint64_t hgh_resource_table_feed_bytes(const hgh_resource_table *table);

/** The earliest expires_wall_s; 0 if no object expires. */
int64_t hgh_resource_table_expiry(const hgh_resource_table *table);

/** Objects that are over at `wall_s`, at most `max`, in any order; returns how many. */
size_t hgh_resource_table_over(const hgh_resource_table *table,
                               int64_t wall_s,
                               const hgh_resource_object **over,
                               size_t max);

/** Revision of the last transaction that is in the table. */
uint64_t hgh_resource_table_revision(const hgh_resource_table *table);
void hgh_resource_table_set_revision(hgh_resource_table *table, uint64_t revision);

#endif
