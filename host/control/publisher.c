/* host/control/publisher.c - brings a change into force: reserve, store, keep, publish. */
#include "host/control/publisher.h"

#include <stdlib.h>
#include <string.h>

#include "host/control/object_kind.h"
#include "host/core/failpoint.h"
#include "host/core/feed.h"

/* What a change becomes once it is stored: made before, so that nothing can fail then. */
typedef struct pending_change {
    hgh_resource_object *object; /* owned; NULL: `key` goes */
    char *key;                   /* owned */
    int64_t expires_wall_s;      /* 0: as the whole change says */
} pending_change;

struct hgh_publisher {
    hgh_store *store;
    hgh_resource_table *table;
    hgh_feed_writer *feed;
    size_t pending_count;
    pending_change *pending; /* owned; NULL: nothing runs */
    int64_t expires_wall_s;
    bool is_numbered; /* what is new is created at one revision after the other */
    hgh_publisher_on_done done;
    void *context;
    void (*changed)(void *context); /* NULL: nobody watches */
    void *changed_context;
};

/* What a stored object names; *out_references is NULL for a kind that this version does not know.
 */
static hg_status
references_of(const hgh_store_object *stored, json_t **out_references, hg_error *err)
{
    const char *slash = strchr(stored->key, '/');
    json_t *value = json_loadb(stored->value, stored->value_length, 0, NULL);
    const hgh_object_kind *kind = hgh_object_key_kind(stored->key);
    hg_status status = HG_OK;

    if (slash == NULL || value == NULL) {
        status = hg_error_set(err, HG_ERR_INVALID, "stored object \"%.200s\": found no %s",
                              stored->key, slash == NULL ? "kind in its key" : "JSON in its value");
    } else if (kind != NULL) {
        *out_references = hgh_object_references(kind, slash + 1, value);
        if (*out_references == NULL) {
            status = hg_error_set(err, HG_ERR_NO_MEMORY, "out of memory");
        }
    }
    json_decref(value);
    return status;
}

static hg_status on_stored(void *context, const hgh_store_object *stored, hg_error *err)
{
    hgh_resource_table *table = context;
    json_t *references = NULL;
    hg_status status = references_of(stored, &references, err);
    hgh_resource_object *object = NULL;

    if (status == HG_OK) {
        object = hgh_resource_object_new(table, stored->key, stored->value, stored->value_length,
                                         references);
        if (object == NULL) {
            status = hg_error_set(err, HG_ERR_NO_MEMORY, "out of memory");
        } else {
            object->created = stored->created;
            object->modified = stored->modified;
            object->expires_wall_s = stored->expires_wall_s;
            hgh_resource_table_put(table, object);
        }
    }
    json_decref(references);
    return status;
}

hg_status hgh_publisher_load(hgh_store *store, hgh_resource_table *table, hg_error *err)
{
    hg_status status = hgh_store_range(store, "", on_stored, table, err);

    if (status == HG_OK) {
        hgh_resource_table_set_revision(table, store->revision);
    }
    return status;
}

hgh_publisher *hgh_publisher_new(hgh_store *store, hgh_resource_table *table, hgh_feed_writer *feed)
{
    hgh_publisher *publisher = calloc(1, sizeof(*publisher));

    if (publisher != NULL) {
        publisher->store = store;
        publisher->table = table;
        publisher->feed = feed;
    }
    return publisher;
}

void hgh_publisher_watch(hgh_publisher *publisher, void (*changed)(void *context), void *context)
{
    publisher->changed = changed;
    publisher->changed_context = context;
}

static void pending_drop(hgh_publisher *publisher)
{
    for (size_t i = 0; i < publisher->pending_count; i++) {
        hgh_resource_object_free(publisher->pending[i].object);
        free(publisher->pending[i].key);
    }
    free(publisher->pending);
    publisher->pending = NULL;
    publisher->pending_count = 0;
}

void hgh_publisher_free(hgh_publisher *publisher)
{
    if (publisher != NULL) {
        pending_drop(publisher);
        free(publisher);
    }
}

static hg_status pending_make(hgh_publisher *publisher,
                              const hgh_publisher_change *changes,
                              size_t count,
                              size_t *out_bytes,
                              hg_error *err)
{
    size_t bytes = 0;

    publisher->pending = calloc(count, sizeof(*publisher->pending));
    publisher->pending_count = publisher->pending == NULL ? 0 : count;
    for (size_t i = 0; i < publisher->pending_count; i++) {
        const hgh_publisher_change *change = &changes[i];
        pending_change *made = &publisher->pending[i];

        if (strlen(change->key) > HGH_FEED_KEY_MAX || change->value_length > HGH_FEED_VALUE_MAX) {
            return hg_error_set(err, HG_ERR_TOO_LARGE, "found a key or a value that is too long");
        }
        made->key = strdup(change->key);
        made->expires_wall_s = change->expires_wall_s;
        if (change->value != NULL) {
            made->object = hgh_resource_object_new(publisher->table, change->key, change->value,
                                                   change->value_length, change->references);
        }
        if (made->key == NULL || (change->value != NULL && made->object == NULL)) {
            return hg_error_set(err, HG_ERR_NO_MEMORY, "out of memory");
        }
        bytes += hgh_feed_record_size(strlen(change->key),
                                      change->value == NULL ? 0 : change->value_length);
    }
    *out_bytes = bytes;
    return publisher->pending == NULL ? hg_error_set(err, HG_ERR_NO_MEMORY, "out of memory")
                                      : HG_OK;
}

/* The table and the records follow what is stored now. */
static void
apply(hgh_publisher *publisher, pending_change *change, uint64_t created, uint64_t revision)
{
    hgh_resource_object *object = change->object;
    const hgh_resource_object *old;

    if (object == NULL) {
        hgh_feed_writer_delete(publisher->feed, revision, change->key);
        hgh_resource_table_remove(publisher->table, change->key);
        return;
    }
    old = hgh_resource_table_find(publisher->table, change->key);
    object->created = old == NULL ? created : old->created;
    object->modified = revision;
    object->expires_wall_s =
        change->expires_wall_s == 0 ? publisher->expires_wall_s : change->expires_wall_s;
    hgh_feed_writer_put(publisher->feed, revision, object->created, object->key, object->value,
                        object->value_length);
    hgh_resource_table_put(publisher->table, object);
    change->object = NULL; /* the table's now */
}

static void end(hgh_publisher *publisher,
                hg_status status,
                bool is_stored,
                uint64_t revision,
                const hg_error *err)
{
    hgh_publisher_on_done done = publisher->done;

    pending_drop(publisher); /* before the call: it may begin the next change */
    done(publisher->context, status, is_stored, revision, err);
}

static void on_committed(void *context, hg_status status, uint64_t revision, const hg_error *err)
{
    hgh_publisher *publisher = context;
    hg_error reason = HG_ERROR_INIT;
    hg_error publishing = HG_ERROR_INIT;

    if (status != HG_OK) {
        hgh_feed_writer_cancel(publisher->feed);
        end(publisher, status, false, revision, err);
        return;
    }
    hgh_failpoint("write.stored");
    for (size_t i = 0; i < publisher->pending_count; i++) {
        uint64_t created =
            publisher->is_numbered ? revision - publisher->pending_count + 1 + i : revision;

        apply(publisher, &publisher->pending[i], created, revision);
    }
    hgh_resource_table_set_revision(publisher->table, revision);
    status = hgh_feed_writer_publish(publisher->feed, &publishing);
    if (status != HG_OK) {
        (void)hg_error_set(&reason, status, "stored, but not in force yet: %.400s",
                           publishing.text);
    }
    hgh_failpoint("write.published");
    if (publisher->changed != NULL) {
        publisher->changed(publisher->changed_context);
    }
    end(publisher, status, true, revision, &reason);
}

/* The last steps of both kinds of change. */
static void run(hgh_publisher *publisher,
                const hgh_publisher_change *changes,
                const hgh_store_commit *how,
                hgh_publisher_on_done done,
                void *context)
{
    size_t count = how->operation_count;
    hgh_store_operation *operations = calloc(count + 1, sizeof(*operations));
    hgh_store_commit commit = *how;
    hg_error err = HG_ERROR_INIT;
    hg_status status = HG_ERR_NO_MEMORY;
    size_t bytes = 0;

    hgh_failpoint("write.begun");
    publisher->done = done;
    publisher->context = context;
    publisher->expires_wall_s = how->expires_wall_s;
    publisher->is_numbered = how->is_numbered;
    if (operations == NULL) {
        (void)hg_error_set(&err, status, "out of memory");
    } else {
        status = pending_make(publisher, changes, count, &bytes, &err);
    }
    if (status == HG_OK) {
        status = hgh_feed_writer_begin(publisher->feed, bytes, &err);
    }
    if (status != HG_OK) {
        end(publisher, status, false, publisher->store->revision, &err);
    } else {
        for (size_t i = 0; i < count; i++) {
            operations[i] = (hgh_store_operation){
                .key = changes[i].key,
                .value = changes[i].value,
                .value_length = changes[i].value_length,
                .expires_wall_s = changes[i].expires_wall_s,
            };
        }
        commit.operations = operations;
        hgh_store_commit_run(publisher->store, &commit, on_committed, publisher);
    }
    free(operations);
}

void hgh_publisher_run(hgh_publisher *publisher,
                       const hgh_publisher_change *changes,
                       size_t change_count,
                       const hgh_store_expectation *expectations,
                       size_t expectation_count,
                       int64_t expires_wall_s,
                       hgh_publisher_on_done done,
                       void *context)
{
    run(publisher, changes,
        &(hgh_store_commit){.operation_count = change_count,
                            .expectations = expectations,
                            .expectation_count = expectation_count,
                            .expires_wall_s = expires_wall_s},
        done, context);
}

void hgh_publisher_run_in_order(hgh_publisher *publisher,
                                const hgh_publisher_change *changes,
                                size_t change_count,
                                hgh_publisher_on_done done,
                                void *context)
{
    run(publisher, changes,
        &(hgh_store_commit){.operation_count = change_count, .is_numbered = true}, done, context);
}
