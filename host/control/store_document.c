/* host/control/store_document.c - all objects of a store as one JSON document. */
#include "host/control/store_document.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "host/core/issues.h"
#include "host/core/nearest.h"

#define OURS        "hotgate" /* the member that is no kind */
#define EXPIRES     "expires"
#define KINDS_MAX   32u
#define VERSION_END "_conf_version" /* APISIX's standalone form counts its lists by these */
#define FOUND_MAX   200u

/* --- writing --- */

/* An id in a document; what stands below another object has that one's in it. */
static bool write_object(FILE *out, const hgh_object_kind *kind, const hgh_resource_object *object)
{
    json_t *value;
    bool is_good;

    if (kind->parent == NULL) {
        return fwrite(object->value, 1, object->value_length, out) == object->value_length;
    }
    value = json_loadb(object->value, object->value_length, 0, NULL);
    is_good = value != NULL && json_object_set_new(value, "id", json_string(object->id)) == 0 &&
              json_dumpf(value, out, JSON_COMPACT) == 0;
    json_decref(value);
    return is_good;
}

static bool write_kind(const hgh_resource_table *table,
                       FILE *out,
                       const hgh_object_kind *kind,
                       json_t *expires,
                       bool *is_first)
{
    for (const hgh_resource_object *object = hgh_resource_table_first(table, kind->name);
         object != NULL; object = hgh_resource_table_next(object)) {
        if (hgh_resource_object_is_over(object)) {
            continue;
        }
        if (fputs(*is_first ? "\n" : ",\n", out) < 0 || !write_object(out, kind, object) ||
            (object->expires_wall_s != 0 &&
             json_object_set_new(expires, object->key, json_integer(object->expires_wall_s)) !=
                 0)) {
            return false;
        }
        *is_first = false;
    }
    return true;
}

/* The list of a kind, and behind its objects those that stand below them. */
static bool
write_list(const hgh_resource_table *table, FILE *out, const hgh_object_kind *kind, json_t *expires)
{
    bool is_first = true;
    bool is_good = fprintf(out, "  \"%s\": [", kind->name) > 0 &&
                   write_kind(table, out, kind, expires, &is_first);

    for (size_t i = 0; is_good && hgh_object_kind_at(i) != NULL; i++) {
        const hgh_object_kind *below = hgh_object_kind_at(i);

        if (below->parent != NULL && strcmp(below->parent, kind->name) == 0) {
            is_good = write_kind(table, out, below, expires, &is_first);
        }
    }
    return is_good && fputs(is_first ? "],\n" : "\n  ],\n", out) >= 0;
}

hg_status hgh_document_write(const hgh_resource_table *table, FILE *out, hg_error *err)
{
    json_t *expires = json_object();
    json_t *ours =
        json_pack("{s:i, s:s, s:I, s:O}", "format", HGH_DOCUMENT_FORMAT, "version", HGH_VERSION,
                  "revision", (json_int_t)hgh_resource_table_revision(table), EXPIRES, expires);
    bool is_good = ours != NULL && fputs("{\n", out) >= 0;

    for (size_t i = 0; is_good && hgh_object_kind_at(i) != NULL; i++) {
        if (hgh_object_kind_at(i)->parent == NULL) {
            is_good = write_list(table, out, hgh_object_kind_at(i), expires);
        }
    }
    is_good = is_good && fputs("  \"" OURS "\": ", out) >= 0 &&
              json_dumpf(ours, out, JSON_COMPACT) == 0 && fputs("\n}\n", out) >= 0;
    json_decref(ours);
    json_decref(expires);
    if (is_good) {
        return HG_OK;
    }
    return ferror(out) != 0 ? hg_error_set(err, HG_ERR_IO, "it cannot be written")
                            : hg_error_set(err, HG_ERR_NO_MEMORY, "out of memory");
}

/* --- reading --- */

void hgh_document_error(json_t *errors,
                        const hgh_document_item *item,
                        const char *pointer,
                        const char *found,
                        const char *wanted,
                        const char *text)
{
    const char *id = item == NULL || item->key == NULL ? NULL : strchr(item->key, '/') + 1;

    (void)json_array_append_new(
        errors, json_pack("{s:s*, s:s*, s:o*, s:s, s:s, s:s, s:s}", "resource_type",
                          item == NULL ? NULL : item->list, "resource_id", id, "index",
                          item == NULL ? NULL : json_integer((json_int_t)item->index), "error",
                          text, "pointer", pointer, "found", found, "wanted", wanted));
}

/* A state of the walk over a document. */
typedef struct reading {
    hgh_document *document;
    json_t *errors;
    json_t *seen; /* owned: keys */
    const json_t *expires;
    bool no_memory;
} reading;

static void
complain(reading *self, const hgh_document_item *item, const char *found, const char *wanted)
{
    char text[3 * FOUND_MAX];

    (void)snprintf(text, sizeof(text), "found %.*s, wanted %.*s", (int)FOUND_MAX, found,
                   (int)FOUND_MAX, wanted);
    hgh_document_error(self->errors, item, item->pointer, found, wanted, text);
}

/* The kind below `kind` that an id of this form names, or `kind`. */
static const hgh_object_kind *kind_of(const hgh_object_kind *kind, const char *id)
{
    for (size_t i = 0; hgh_object_kind_at(i) != NULL; i++) {
        const hgh_object_kind *below = hgh_object_kind_at(i);
        char middle[HGH_DOCUMENT_POINTER_MAX];

        (void)snprintf(middle, sizeof(middle), "/%s/", below->name);
        if (below->parent != NULL && strcmp(below->parent, kind->name) == 0 &&
            strstr(id, middle) != NULL) {
            return below;
        }
    }
    return kind;
}

/* Finds kind, key and id of an item; false: there is none, which was told. */
static bool identify(reading *self, hgh_document_item *item, const hgh_object_kind *kind)
{
    char id[HGH_OBJECT_KEY_MAX];
    char key[HGH_OBJECT_KEY_MAX];
    const char *last;
    bool has_id = hgh_object_id_text(json_object_get(item->object, "id"), id, sizeof(id));

    item->kind = has_id ? kind_of(kind, id) : kind;
    if (item->kind == kind && !hgh_object_kind_has_id(kind)) {
        has_id = hgh_object_id_text(json_object_get(item->object, kind->id_member), id, sizeof(id));
    }
    if (!has_id || id[0] == '\0') {
        char wanted[FOUND_MAX];

        (void)snprintf(wanted, sizeof(wanted), "\"%s\"", item->kind->id_member);
        complain(self, item, "an object without id", wanted);
        return false;
    }
    if (item->kind->parent != NULL) { /* the id of the object itself is the last part */
        last = strrchr(id, '/') + 1;
        if (json_object_set_new(item->object, "id", json_string(last)) != 0) {
            self->no_memory = true;
            return false;
        }
    } else if (item->kind == kind && !hgh_object_kind_has_id(kind)) {
        (void)json_object_del(item->object, "id"); /* consumers of a standalone file may have one */
    } else if (json_object_set_new(item->object, "id", json_string(id)) != 0) {
        self->no_memory = true;
        return false;
    }
    if (snprintf(key, sizeof(key), "%s/%s", item->kind->name, id) >= (int)sizeof(key)) {
        complain(self, item, "an id that is too long", "a shorter one");
        return false;
    }
    item->key = strdup(key);
    self->no_memory = self->no_memory || item->key == NULL;
    return item->key != NULL;
}

static void
read_item(reading *self, const hgh_object_kind *kind, const char *list, size_t index, json_t *value)
{
    hgh_document_item *item = &self->document->items[self->document->count];

    *item = (hgh_document_item){.kind = kind, .list = list, .index = index};
    (void)snprintf(item->pointer, sizeof(item->pointer), "/%s/%zu", list, index);
    if (!json_is_object(value)) {
        complain(self, item, "no object", "an object");
        return;
    }
    item->object = json_incref(value);
    if (identify(self, item, kind) && json_object_get(self->seen, item->key) != NULL) {
        complain(self, item, item->key, "each object once");
        free(item->key);
        item->key = NULL;
    }
    if (item->key == NULL) {
        json_decref(item->object);
        return;
    }
    item->expires_wall_s = json_integer_value(json_object_get(self->expires, item->key));
    if (json_object_set_new(self->seen, item->key, json_true()) != 0) {
        self->no_memory = true;
    }
    self->document->count++; /* what is counted is freed */
    if (item->expires_wall_s != 0 && item->expires_wall_s <= (int64_t)time(NULL)) {
        self->document->count--; /* its time is over */
        json_decref(item->object);
        free(item->key);
    }
}

static void read_unknown(reading *self, const char *name, const json_t *value)
{
    const char *names[KINDS_MAX];
    size_t length = strlen(name);
    size_t count = 0;
    const char *meant;
    char pointer[HGH_DOCUMENT_POINTER_MAX] = "";
    char wanted[FOUND_MAX] = "a kind of objects";
    char text[2 * FOUND_MAX];

    if (strcmp(name, OURS) == 0 || (json_is_array(value) && json_array_size(value) == 0) ||
        (length > strlen(VERSION_END) &&
         strcmp(name + length - strlen(VERSION_END), VERSION_END) == 0)) {
        return;
    }
    for (; hgh_object_kind_at(count) != NULL && count < KINDS_MAX; count++) {
        names[count] = hgh_object_kind_at(count)->name;
    }
    meant = hgh_nearest(name, names, count);
    if (meant != NULL) {
        (void)snprintf(wanted, sizeof(wanted), "%s", meant);
    }
    (void)hgh_pointer_append(pointer, 0, sizeof(pointer), name);
    (void)snprintf(text, sizeof(text), "Unsupported resource type: %.*s", (int)FOUND_MAX, name);
    hgh_document_error(self->errors, NULL, pointer, name, wanted, text);
}

static void read_list(reading *self, const hgh_object_kind *kind, const json_t *list)
{
    size_t index;
    json_t *value;

    if (!json_is_array(list)) {
        char pointer[HGH_DOCUMENT_POINTER_MAX];

        (void)snprintf(pointer, sizeof(pointer), "/%s", kind->name);
        hgh_document_error(self->errors, NULL, pointer, "no list", "a list of objects",
                           "found no list, wanted a list of objects");
        return;
    }
    json_array_foreach(list, index, value)
    {
        read_item(self, kind, kind->name, index, value);
    }
}

static size_t count_items(json_t *json)
{
    size_t count = 0;
    const char *name;
    json_t *value;

    json_object_foreach(json, name, value)
    {
        count += json_array_size(value);
    }
    return count;
}

hg_status hgh_document_read(json_t *json, hgh_document *out_document, json_t *errors)
{
    const json_t *ours = json_object_get(json, OURS);
    hgh_document document = {.items = calloc(count_items(json) + 1, sizeof(hgh_document_item))};
    reading self = {.document = &document,
                    .errors = errors,
                    .seen = json_object(),
                    .expires = json_object_get(ours, EXPIRES),
                    .no_memory = document.items == NULL};
    const char *name;
    json_t *value;

    if (!json_is_object(json)) {
        hgh_document_error(errors, NULL, "", "no object", "an object",
                           "found no object, wanted an object of lists");
    } else if (json_integer_value(json_object_get(ours, "format")) > HGH_DOCUMENT_FORMAT) {
        hgh_document_error(errors, NULL, "/" OURS "/format", "a newer format", "1",
                           "it was exported by a newer hotgate");
    }
    json_object_foreach(json, name, value)
    {
        const hgh_object_kind *kind = hgh_object_kind_find(name);

        if (self.no_memory) {
            break;
        }
        if (kind == NULL || kind->parent != NULL) {
            read_unknown(&self, name, value);
        } else {
            read_list(&self, kind, value);
        }
    }
    json_decref(self.seen);
    json_decref(json);
    if (self.no_memory) {
        hgh_document_done(&document);
        return HG_ERR_NO_MEMORY;
    }
    *out_document = document;
    return HG_OK;
}

void hgh_document_done(hgh_document *document)
{
    for (size_t i = 0; document->items != NULL && i < document->count; i++) {
        free(document->items[i].key);
        json_decref(document->items[i].object);
    }
    free(document->items);
    *document = (hgh_document){0};
}
