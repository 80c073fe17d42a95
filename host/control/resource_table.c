/* host/control/resource_table.c - every stored object, in control's memory. */
#include "host/control/resource_table.h"

#include <stdlib.h>
#include <string.h>

#include "host/core/feed.h"

#define BUCKETS_FIRST 256u /* a power of two; doubled when objects outnumber them */
#define FNV_BASIS     14695981039346656037u /* FNV-1a, 64 bits */
#define FNV_PRIME     1099511628211u
#define KINDS_MAX     32u /* first segments of keys; the host itself defines them */

typedef struct entry {
    hgh_resource_object object; /* first: an object's address is its entry's */
    struct entry *next_in_bucket;
    struct entry *next; /* of its kind, in order of creation */
    struct entry *previous;
    uint64_t hash;
    size_t kind;            /* index in the table it was made for */
    size_t references_size; /* bytes */
    const char *references; /* texts behind each other, each with its NUL */
    char text[];            /* key, value, references, each with its NUL */
} entry;

typedef struct kind_list {
    char *name; /* owned */
    entry *first;
    entry *last;
} kind_list;

struct hgh_resource_table {
    size_t count;
    size_t expiring; /* objects with an expiry: none, and nobody needs to look */
    size_t bucket_count;
    entry **buckets;
    uint64_t feed_bytes;
    uint64_t revision;
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
    return table;
}

void hgh_resource_table_free(hgh_resource_table *table)
{
    if (table == NULL) {
        return;
    }
    for (size_t i = 0; i < table->kind_count; i++) {
        for (entry *at = table->kinds[i].first; at != NULL;) {
            entry *next = at->next;

            free(at);
            at = next;
        }
        free(table->kinds[i].name);
    }
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

static size_t references_size(const json_t *references)
{
    size_t size = 0;

    for (size_t i = 0; i < json_array_size(references); i++) {
        size += json_string_length(json_array_get(references, i)) + 1;
    }
    return size;
}

hgh_resource_object *hgh_resource_object_new(hgh_resource_table *table,
                                             const char *key,
                                             const char *value,
                                             size_t value_length,
                                             const json_t *references)
{
    const char *slash = strchr(key, '/');
    size_t key_length = strlen(key);
    size_t extra = references_size(references);
    size_t kind = slash == NULL ? KINDS_MAX : kind_reach(table, key, (size_t)(slash - key));
    entry *made;
    char *at;

    if (kind == KINDS_MAX) {
        return NULL;
    }
    made = calloc(1, sizeof(*made) + key_length + 1 + value_length + 1 + extra);
    if (made == NULL) {
        return NULL;
    }
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
    at += value_length + 1;
    made->references = at;
    made->references_size = extra;
    for (size_t i = 0; i < json_array_size(references); i++) {
        const json_t *reference = json_array_get(references, i);

        memcpy(at, json_string_value(reference), json_string_length(reference));
        at += json_string_length(reference) + 1;
    }
    return &made->object;
}

void hgh_resource_object_free(hgh_resource_object *object)
{
    free(object); /* the entry begins with it */
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

static void list_remove(kind_list *kind, entry *gone)
{
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
    list_remove(&table->kinds[gone->kind], gone);
    table->count--;
    table->feed_bytes -= feed_bytes_of(gone);
    table->expiring -= gone->object.expires_wall_s != 0 ? 1 : 0;
    free(gone);
}

void hgh_resource_table_put(hgh_resource_table *table, hgh_resource_object *object)
{
    entry *made = entry_of(object);
    entry *old = find(table, object->key);
    entry **bucket;

    if (old != NULL) {
        remove_entry(table, old);
    }
    if (table->count >= table->bucket_count) {
        buckets_grow(table);
    }
    bucket = bucket_of(table, made->hash);
    made->next_in_bucket = *bucket;
    *bucket = made;
    list_insert(&table->kinds[made->kind], made);
    table->count++;
    table->feed_bytes += feed_bytes_of(made);
    table->expiring += object->expires_wall_s != 0 ? 1 : 0;
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

static const hgh_resource_object *first_from(const hgh_resource_table *table, size_t kind)
{
    for (size_t i = kind; i < table->kind_count; i++) {
        if (table->kinds[i].first != NULL) {
            return &table->kinds[i].first->object;
        }
    }
    return NULL;
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

const hgh_resource_object *hgh_resource_table_referer(const hgh_resource_table *table,
                                                      const char *kind,
                                                      const char *key,
                                                      const hgh_resource_object *after)
{
    for (const hgh_resource_object *object = after == NULL ? hgh_resource_table_first(table, kind)
                                                           : hgh_resource_table_next(after);
         object != NULL; object = hgh_resource_table_next(object)) {
        const entry *at = entry_of(object);

        for (const char *reference = at->references;
             reference < at->references + at->references_size; reference += strlen(reference) + 1) {
            if (strcmp(reference, key) == 0) {
                return object;
            }
        }
    }
    return NULL;
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
    int64_t earliest = 0;

    if (table->expiring == 0) {
        return 0;
    }
    for (const hgh_resource_object *object = first_from(table, 0); object != NULL;
         object = hgh_resource_table_next_of_all(table, object)) {
        if (object->expires_wall_s != 0 && (earliest == 0 || object->expires_wall_s < earliest)) {
            earliest = object->expires_wall_s;
        }
    }
    return earliest;
}

uint64_t hgh_resource_table_revision(const hgh_resource_table *table)
{
    return table->revision;
}

void hgh_resource_table_set_revision(hgh_resource_table *table, uint64_t revision)
{
    table->revision = revision;
}
