/* host/control/resource_table.c - every stored object, in control's memory. */
#include "host/control/resource_table.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "host/control/expiry_heap.h"
#include "host/control/reference_index.h"
#include "host/core/feed.h"

#define BUCKETS_FIRST 256u /* a power of two; doubled when objects outnumber them */
#define FNV_BASIS     14695981039346656037u /* FNV-1a, 64 bits */
#define FNV_PRIME     1099511628211u
#define OVER_MAX      256u /* found by one call */
#define KINDS_MAX     32u  /* first segments of keys; the host itself defines them */

typedef struct entry {
    hgh_resource_object object; /* first: an object's address is its entry's */
    struct entry *next_in_bucket;
    struct entry *next; /* of its kind, in order of creation */
    struct entry *previous;
    uint64_t hash;
    size_t kind; /* index in the table it was made for */
    struct hgh_resource_table *table;
    hgh_expiry expiry;
    size_t reference_count;
    hgh_reference *references; /* behind the texts */
    char text[];               /* key, value, each with its NUL */
} entry;

typedef struct kind_list {
    char *name; /* owned */
    size_t count;
    entry *first;
    entry *last;
} kind_list;

struct hgh_resource_table {
    size_t count;
    size_t made; /* entries, in the table or not */
    hgh_expiry_heap expiries;
    hgh_reference_index references;
    size_t bucket_count;
    entry **buckets;
    uint64_t feed_bytes;
    uint64_t revision;
    hgh_resource_cursor *cursors; /* those that are open */
    size_t kind_count;
    kind_list kinds[KINDS_MAX];
};

/* C has no cast that only drops const from what is ours; the table owns every entry it shows. */
static entry *entry_of(const hgh_resource_object *object)
{
    return (entry *)(uintptr_t)object;
}

static uint64_t hash_of(const char *key)
{
    uint64_t hash = FNV_BASIS;

    for (const char *at = key; *at != '\0'; at++) {
        hash = (hash ^ (unsigned char)*at) * FNV_PRIME;
    }
    return hash;
}

hgh_resource_table *hgh_resource_table_new(void)
{
    hgh_resource_table *table = calloc(1, sizeof(*table));

    if (table == NULL) {
        return NULL;
    }
    table->bucket_count = BUCKETS_FIRST;
    table->buckets = calloc(table->bucket_count, sizeof(entry *));
    if (table->buckets == NULL) {
        free(table);
        return NULL;
    }
    hgh_reference_index_init(&table->references);
    return table;
}

static void entry_free(entry *gone)
{
    for (size_t i = 0; i < gone->reference_count; i++) {
        hgh_reference_close(&gone->table->references, &gone->references[i]);
    }
    hgh_expiry_heap_remove(&gone->table->expiries, &gone->expiry);
    gone->table->made--;
    free(gone);
}

void hgh_resource_table_free(hgh_resource_table *table)
{
    if (table == NULL) {
        return;
    }
    for (size_t i = 0; i < table->kind_count; i++) {
        for (entry *at = table->kinds[i].first; at != NULL;) {
            entry *next = at->next;

            entry_free(at);
            at = next;
        }
        free(table->kinds[i].name);
    }
    hgh_reference_index_done(&table->references);
    hgh_expiry_heap_done(&table->expiries);
    free(table->buckets);
    free(table);
}

static bool kind_is(const kind_list *kind, const char *name, size_t length)
{
    return strncmp(kind->name, name, length) == 0 && kind->name[length] == '\0';
}

/* The index of a kind, which is made if it is the first of its name; KINDS_MAX: no room. */
static size_t kind_reach(hgh_resource_table *table, const char *name, size_t length)
{
    char *copy;

    for (size_t i = 0; i < table->kind_count; i++) {
        if (kind_is(&table->kinds[i], name, length)) {
            return i;
        }
    }
    copy = table->kind_count == KINDS_MAX ? NULL : strndup(name, length);
    if (copy == NULL) {
        return KINDS_MAX;
    }
    table->kinds[table->kind_count].name = copy;
    return table->kind_count++;
}

static bool has_reference(const entry *made, const hgh_reference *reference)
{
    for (size_t i = 0; i < made->reference_count; i++) {
        if (made->references[i].target == reference->target) {
            return true;
        }
    }
    return false;
}

/* Each key once: whoever is named twice must not be found twice. */
static hg_status references_open(entry *made, const json_t *references)
{
    hgh_resource_table *table = made->table;

    for (size_t i = 0; i < json_array_size(references); i++) {
        hgh_reference reference;

        if (hgh_reference_open(&table->references, &reference, table->kinds[made->kind].name,
                               json_string_value(json_array_get(references, i))) != HG_OK) {
            return HG_ERR_NO_MEMORY;
        }
        if (has_reference(made, &reference)) {
            hgh_reference_close(&table->references, &reference);
        } else {
            made->references[made->reference_count++] = reference;
        }
    }
    return HG_OK;
}

/* Where references may stand behind texts of that length. */
static size_t aligned(size_t length)
{
    size_t unit = _Alignof(hgh_reference);

    return (length + unit - 1) / unit * unit;
}

hgh_resource_object *hgh_resource_object_new(hgh_resource_table *table,
                                             const char *key,
                                             const char *value,
                                             size_t value_length,
                                             const json_t *references)
{
    const char *slash = strchr(key, '/');
    size_t key_length = strlen(key);
    size_t texts = aligned(offsetof(entry, text) + key_length + 1 + value_length + 1);
    size_t kind = slash == NULL ? KINDS_MAX : kind_reach(table, key, (size_t)(slash - key));
    entry *made;
    char *at;

    if (kind == KINDS_MAX || hgh_expiry_heap_reserve(&table->expiries, table->made + 1) != HG_OK) {
        return NULL;
    }
    made = calloc(1, texts + json_array_size(references) * sizeof(hgh_reference));
    if (made == NULL) {
        return NULL;
    }
    made->table = table;
    table->made++;
    memcpy(made->text, key, key_length);
    at = made->text + key_length + 1;
    memcpy(at, value, value_length);
    made->object.key = made->text;
    made->object.key_length = key_length;
    made->object.id = made->text + (slash - key) + 1;
    made->object.value = at;
    made->object.value_length = value_length;
    made->hash = hash_of(key);
    made->kind = kind;
    made->references = (hgh_reference *)(void *)((char *)made + texts);
    if (references_open(made, references) != HG_OK) {
        entry_free(made);
        return NULL;
    }
    return &made->object;
}

void hgh_resource_object_free(hgh_resource_object *object)
{
    if (object != NULL) {
        entry_free(entry_of(object));
    }
}

static entry **bucket_of(const hgh_resource_table *table, uint64_t hash)
{
    return &table->buckets[hash & (table->bucket_count - 1)];
}

static entry *find(const hgh_resource_table *table, const char *key)
{
    uint64_t hash = hash_of(key);

    for (entry *at = *bucket_of(table, hash); at != NULL; at = at->next_in_bucket) {
        if (at->hash == hash && strcmp(at->object.key, key) == 0) {
            return at;
        }
    }
    return NULL;
}

/* Without memory the buckets stay as they are: slower, not wrong. */
static void buckets_grow(hgh_resource_table *table)
{
    size_t old_count = table->bucket_count;
    entry **old = table->buckets;
    entry **grown = calloc(old_count * 2, sizeof(entry *));

    if (grown == NULL) {
        return;
    }
    table->buckets = grown;
    table->bucket_count = old_count * 2;
    for (size_t i = 0; i < old_count; i++) {
        for (entry *at = old[i]; at != NULL;) {
            entry *next = at->next_in_bucket;
            entry **bucket = bucket_of(table, at->hash);

            at->next_in_bucket = *bucket;
            *bucket = at;
            at = next;
        }
    }
    free(old);
}

static void list_insert(kind_list *kind, entry *made)
{
    entry *before = kind->last;

    /* New objects are the youngest: this looks at the last one only. */
    while (before != NULL && before->object.created > made->object.created) {
        before = before->previous;
    }
    made->previous = before;
    made->next = before == NULL ? kind->first : before->next;
    if (made->next == NULL) {
        kind->last = made;
    } else {
        made->next->previous = made;
    }
    if (before == NULL) {
        kind->first = made;
    } else {
        before->next = made;
    }
}

/* In the place of the one that it replaces: both have the same age. */
static void list_insert_before(kind_list *kind, entry *made, entry *old)
{
    made->next = old;
    made->previous = old->previous;
    old->previous = made;
    if (made->previous == NULL) {
        kind->first = made;
    } else {
        made->previous->next = made;
    }
}

/* Walks that would come to one entry next come to another one. */
static void cursors_move(hgh_resource_table *table, const entry *from, const entry *to)
{
    for (hgh_resource_cursor *cursor = table->cursors; cursor != NULL; cursor = cursor->next) {
        if (cursor->at == from) {
            cursor->at = to;
        }
    }
}

static void list_remove(kind_list *kind, entry *gone)
{
    kind->count--;
    if (gone->previous == NULL) {
        kind->first = gone->next;
    } else {
        gone->previous->next = gone->next;
    }
    if (gone->next == NULL) {
        kind->last = gone->previous;
    } else {
        gone->next->previous = gone->previous;
    }
}

static uint64_t feed_bytes_of(const entry *at)
{
    return hgh_feed_record_size(at->object.key_length, at->object.value_length);
}

static void remove_entry(hgh_resource_table *table, entry *gone)
{
    entry **link = bucket_of(table, gone->hash);

    while (*link != gone) {
        link = &(*link)->next_in_bucket;
    }
    *link = gone->next_in_bucket;
    cursors_move(table, gone, gone->next);
    list_remove(&table->kinds[gone->kind], gone);
    table->count--;
    table->feed_bytes -= feed_bytes_of(gone);
    entry_free(gone);
}

void hgh_resource_table_put(hgh_resource_table *table, hgh_resource_object *object)
{
    entry *made = entry_of(object);
    entry *old = find(table, object->key);
    entry **bucket;

    if (old != NULL && old->object.created == object->created) {
        list_insert_before(&table->kinds[made->kind], made, old);
        cursors_move(table, old, made);
    } else {
        list_insert(&table->kinds[made->kind], made);
    }
    if (old != NULL) {
        remove_entry(table, old);
    }
    if (table->count >= table->bucket_count) {
        buckets_grow(table);
    }
    bucket = bucket_of(table, made->hash);
    made->next_in_bucket = *bucket;
    *bucket = made;
    table->kinds[made->kind].count++;
    table->count++;
    table->feed_bytes += feed_bytes_of(made);
    for (size_t i = 0; i < made->reference_count; i++) {
        hgh_reference_enter(&made->references[i], made);
    }
    if (object->expires_wall_s != 0) {
        made->expiry.wall_s = object->expires_wall_s;
        hgh_expiry_heap_add(&table->expiries, &made->expiry);
    }
}

void hgh_resource_table_remove(hgh_resource_table *table, const char *key)
{
    entry *gone = find(table, key);

    if (gone != NULL) {
        remove_entry(table, gone);
    }
}

const hgh_resource_object *hgh_resource_table_find(const hgh_resource_table *table, const char *key)
{
    const entry *found = find(table, key);

    return found == NULL ? NULL : &found->object;
}

bool hgh_resource_object_is_over(const hgh_resource_object *object)
{
    return object->expires_wall_s != 0 && object->expires_wall_s <= (int64_t)time(NULL);
}

const hgh_resource_object *hgh_resource_table_find_live(const hgh_resource_table *table,
                                                        const char *key)
{
    const hgh_resource_object *object = hgh_resource_table_find(table, key);

    return object == NULL || hgh_resource_object_is_over(object) ? NULL : object;
}

static const hgh_resource_object *first_from(const hgh_resource_table *table, size_t kind)
{
    for (size_t i = kind; i < table->kind_count; i++) {
        if (table->kinds[i].first != NULL) {
            return &table->kinds[i].first->object;
        }
    }
    return NULL;
}

void hgh_resource_cursor_open(hgh_resource_table *table,
                              hgh_resource_cursor *cursor,
                              const char *kind)
{
    const hgh_resource_object *first = hgh_resource_table_first(table, kind);

    *cursor = (hgh_resource_cursor){
        .table = table,
        .at = first == NULL ? NULL : entry_of(first),
        .next = table->cursors,
    };
    if (table->cursors != NULL) {
        table->cursors->previous = cursor;
    }
    table->cursors = cursor;
}

const hgh_resource_object *hgh_resource_cursor_take(hgh_resource_cursor *cursor)
{
    const entry *taken = cursor->at;

    if (taken == NULL) {
        return NULL;
    }
    cursor->at = taken->next;
    return &taken->object;
}

void hgh_resource_cursor_close(hgh_resource_cursor *cursor)
{
    if (cursor->table == NULL) {
        return;
    }
    if (cursor->previous == NULL) {
        cursor->table->cursors = cursor->next;
    } else {
        cursor->previous->next = cursor->next;
    }
    if (cursor->next != NULL) {
        cursor->next->previous = cursor->previous;
    }
    *cursor = (hgh_resource_cursor){0};
}

size_t hgh_resource_table_count_of(const hgh_resource_table *table, const char *kind)
{
    for (size_t i = 0; i < table->kind_count; i++) {
        if (kind_is(&table->kinds[i], kind, strlen(kind))) {
            return table->kinds[i].count;
        }
    }
    return 0;
}

const hgh_resource_object *hgh_resource_table_first(const hgh_resource_table *table,
                                                    const char *kind)
{
    if (kind == NULL) {
        return first_from(table, 0);
    }
    for (size_t i = 0; i < table->kind_count; i++) {
        if (kind_is(&table->kinds[i], kind, strlen(kind))) {
            return table->kinds[i].first == NULL ? NULL : &table->kinds[i].first->object;
        }
    }
    return NULL;
}

const hgh_resource_object *hgh_resource_table_next(const hgh_resource_object *object)
{
    const entry *next = entry_of(object)->next;

    return next == NULL ? NULL : &next->object;
}

const hgh_resource_object *hgh_resource_table_next_of_all(const hgh_resource_table *table,
                                                          const hgh_resource_object *object)
{
    const hgh_resource_object *next = hgh_resource_table_next(object);

    return next != NULL ? next : first_from(table, entry_of(object)->kind + 1);
}

/* The one of an object's references that has this target. */
static const hgh_reference *
reference_of(const hgh_resource_table *table, const entry *at, const char *kind, const char *key)
{
    const hgh_reference *any = hgh_reference_find(&table->references, kind, key);

    for (size_t i = 0; any != NULL && i < at->reference_count; i++) {
        if (at->references[i].target == any->target) {
            return &at->references[i];
        }
    }
    return NULL;
}

const hgh_resource_object *hgh_resource_table_referer(const hgh_resource_table *table,
                                                      const char *kind,
                                                      const char *key,
                                                      const hgh_resource_object *after)
{
    const hgh_reference *reference = NULL;

    if (after == NULL) {
        reference = hgh_reference_find(&table->references, kind, key);
    } else {
        reference = reference_of(table, entry_of(after), kind, key);
        reference = reference == NULL ? NULL : reference->next;
    }
    return reference == NULL ? NULL : &((const entry *)reference->owner)->object;
}

typedef struct named_walk {
    const char *prefix;
    void (*visit)(void *context, const char *key, size_t count);
    void *context;
} named_walk;

static void each_named(void *context, const char *key, const hgh_reference *first)
{
    const named_walk *walk = context;
    size_t count = 0;

    if (strncmp(key, walk->prefix, strlen(walk->prefix)) != 0) {
        return;
    }
    for (const hgh_reference *at = first; at != NULL; at = at->next) {
        count++;
    }
    walk->visit(walk->context, key, count);
}

void hgh_resource_table_each_named(const hgh_resource_table *table,
                                   const char *prefix,
                                   void (*visit)(void *context, const char *key, size_t count),
                                   void *context)
{
    named_walk walk = {prefix, visit, context};

    hgh_reference_each(&table->references, each_named, &walk);
}

size_t hgh_resource_table_count(const hgh_resource_table *table)
{
    return table->count;
}

uint64_t hgh_resource_table_feed_bytes(const hgh_resource_table *table)
{
    return table->feed_bytes;
}

int64_t hgh_resource_table_expiry(const hgh_resource_table *table)
{
    const hgh_expiry *first = hgh_expiry_heap_first(&table->expiries);

    return first == NULL ? 0 : first->wall_s;
}

size_t hgh_resource_table_over(const hgh_resource_table *table,
                               int64_t wall_s,
                               const hgh_resource_object **over,
                               size_t max)
{
    const hgh_expiry *expiries[OVER_MAX];
    size_t count =
        hgh_expiry_heap_over(&table->expiries, wall_s, expiries, max < OVER_MAX ? max : OVER_MAX);

    for (size_t i = 0; i < count; i++) {
        const char *at = (const char *)expiries[i] - offsetof(entry, expiry);

        over[i] = &((const entry *)(const void *)at)->object;
    }
    return count;
}

uint64_t hgh_resource_table_revision(const hgh_resource_table *table)
{
    return table->revision;
}

void hgh_resource_table_set_revision(hgh_resource_table *table, uint64_t revision)
{
    table->revision = revision;
}
