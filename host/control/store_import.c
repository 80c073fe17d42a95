/* host/control/store_import.c - many objects at once: all judged, then stored together or not. */
#include "host/control/store_import.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "host/control/object_credential.h"
#include "host/control/plugin_list.h"
#include "host/control/store_document.h"
#include "host/core/issues.h"
#include "host/core/json_value.h"

#define CHUNK        64u /* objects whose plugins are judged in one call */
#define TEXT_MAX     1100u
#define POINTER_MAX  600u
#define REAL_DIGITS  15 /* as a single write stores numbers */
#define STATUS_OK    200u
#define STATUS_BAD   400u
#define STATUS_STORE 503u
#define CREATE_TIME  "create_time"
#define UPDATE_TIME  "update_time"

/* One import on its way. */
typedef struct import_job {
    hgh_admin_job job; /* first: the queue hands it back to us */
    const hgh_admin_write_parts *parts;
    hgh_store_import_done done;
    void *context;
    bool replaces;
    bool only_judges;
    bool is_validation;
    json_t *listed; /* owned; NULL: any plugin may be named */
    json_t *json;   /* owned until it was taken apart */
    hgh_document document;
    hgh_resource_table *result;    /* owned: what there is afterwards */
    json_t *errors;                /* owned */
    json_t *warnings;              /* owned */
    size_t at;                     /* the first item whose plugins are being judged */
    size_t end;                    /* behind the last one */
    size_t chunk;                  /* how many at a time; 1: one of a chunk was wrong */
    size_t chunk_end;              /* where judging one by one ends */
    bool *is_unchanged;            /* owned, by item */
    char **values;                 /* owned, by item */
    json_t **references;           /* owned, by item */
    hgh_publisher_change *changes; /* owned */
    size_t written;
    size_t deleted;
} import_job;

static void job_free(import_job *job)
{
    for (size_t i = 0; i < job->document.count; i++) {
        if (job->values != NULL) {
            free(job->values[i]);
        }
        if (job->references != NULL) {
            json_decref(job->references[i]);
        }
    }
    free(job->values);
    free(job->references);
    free(job->is_unchanged);
    free(job->changes);
    hgh_document_done(&job->document);
    hgh_resource_table_free(job->result);
    json_decref(job->listed);
    json_decref(job->json);
    json_decref(job->errors);
    json_decref(job->warnings);
    free(job);
}

/* The import is over: the next write has its turn. */
static void job_end(import_job *job, unsigned status, json_t *answer)
{
    hgh_store_import_done done = job->done;
    void *context = job->context;

    hgh_admin_queue_end(job->parts->queue);
    job_free(job);
    done(context, status, answer);
}

static void job_fail(import_job *job, const char *text)
{
    job_end(job, STATUS_STORE, json_pack("{s:s}", "error_msg", text));
}

static void job_cancel(hgh_admin_job *base)
{
    import_job *job = (import_job *)base;
    hgh_store_import_done done = job->done;
    void *context = job->context;

    job_free(job);
    done(context, STATUS_STORE, json_pack("{s:s}", "error_msg", "the control plane ends"));
}

static void job_refuse(import_job *job)
{
    job_end(job, STATUS_BAD,
            json_pack("{s:s, s:O}", "error_msg", "Configuration validation failed", "errors",
                      job->errors));
}

/* --- what there is afterwards --- */

static const char *id_of(const hgh_document_item *item)
{
    return strchr(item->key, '/') + 1;
}

static bool result_put(
    import_job *job, const char *key, const char *value, size_t length, const json_t *references)
{
    hgh_resource_object *object =
        hgh_resource_object_new(job->result, key, value, length, references);

    if (object != NULL) {
        hgh_resource_table_put(job->result, object);
    }
    return object != NULL;
}

/* What stays of what there is. */
static bool result_keep(import_job *job)
{
    const hgh_resource_table *table = job->parts->table;
    bool is_done = true;

    for (const hgh_resource_object *object = hgh_resource_table_first(table, NULL);
         is_done && object != NULL; object = hgh_resource_table_next_of_all(table, object)) {
        const hgh_object_kind *kind = hgh_object_key_kind(object->key);
        json_t *value = kind == NULL || hgh_resource_object_is_over(object)
                            ? NULL
                            : json_loadb(object->value, object->value_length, 0, NULL);
        json_t *references = value == NULL ? NULL : hgh_object_references(kind, object->id, value);

        if (value != NULL) {
            is_done = references != NULL &&
                      result_put(job, object->key, object->value, object->value_length, references);
        }
        json_decref(references);
        json_decref(value);
    }
    return is_done;
}

/* Times as a write sets them, but for those that the document has. */
static bool times_set(json_t *object, const json_t *old, bool is_unchanged)
{
    json_t *created = json_object_get(old, CREATE_TIME);
    json_t *updated = is_unchanged ? json_object_get(old, UPDATE_TIME) : NULL;
    json_int_t now = (json_int_t)time(NULL);

    return (json_object_get(object, CREATE_TIME) != NULL ||
            json_object_set_new(object, CREATE_TIME,
                                created == NULL ? json_integer(now) : json_incref(created)) == 0) &&
           (json_object_get(object, UPDATE_TIME) != NULL ||
            json_object_set_new(object, UPDATE_TIME,
                                updated == NULL ? json_integer(now) : json_incref(updated)) == 0);
}

/* Completes an item, and finds out whether it says what is there already; false: no memory. */
static bool item_complete(import_job *job, size_t i)
{
    hgh_document_item *item = &job->document.items[i];
    const hgh_resource_object *stored = hgh_resource_table_find_live(job->parts->table, item->key);
    json_t *old = stored == NULL ? NULL : json_loadb(stored->value, stored->value_length, 0, NULL);
    json_t *same = NULL;
    bool is_done = true;

    if (old != NULL && stored->expires_wall_s == item->expires_wall_s) {
        same = json_deep_copy(item->object);
        is_done = same != NULL && (item->kind->is_metadata || times_set(same, old, true));
        job->is_unchanged[i] = is_done && json_equal(same, old) == 1;
    }
    if (is_done && !item->kind->is_metadata) {
        is_done = times_set(item->object, old, job->is_unchanged[i]);
    }
    json_decref(same);
    json_decref(old);
    if (!is_done) {
        return false;
    }
    job->values[i] = json_dumps(item->object, JSON_COMPACT | JSON_REAL_PRECISION(REAL_DIGITS));
    job->references[i] = hgh_object_references(item->kind, id_of(item), item->object);
    return job->values[i] != NULL && job->references[i] != NULL &&
           result_put(job, item->key, job->values[i], strlen(job->values[i]), job->references[i]);
}

static bool result_make(import_job *job)
{
    size_t count = job->document.count;
    bool is_done;

    job->result = hgh_resource_table_new();
    job->is_unchanged = calloc(count + 1, sizeof(*job->is_unchanged));
    job->values = calloc(count + 1, sizeof(*job->values));
    job->references = calloc(count + 1, sizeof(*job->references));
    is_done = job->result != NULL && job->is_unchanged != NULL && job->values != NULL &&
              job->references != NULL && (job->replaces || result_keep(job));
    for (size_t i = 0; is_done && i < count; i++) {
        is_done = item_complete(job, i);
    }
    return is_done;
}

/* --- judging --- */

static void add_issues(import_job *job, const hgh_document_item *item, hg_issues *issues)
{
    for (size_t i = 0; i < issues->count; i++) {
        const hgh_issue *issue = &issues->items[i];
        char pointer[POINTER_MAX];
        char text[TEXT_MAX];

        (void)snprintf(pointer, sizeof(pointer), "%s%s", item->pointer, issue->pointer);
        if (issue->text == NULL) {
            (void)snprintf(text, sizeof(text), "found %s, wanted %s", issue->found, issue->wanted);
        }
        hgh_document_error(job->errors, item, pointer, issue->found, issue->wanted,
                           issue->text == NULL ? text : issue->text);
    }
    hgh_issues_done(issues);
}

/* An object below another one: "OWNER/KIND/ID", and the owner is there. */
static void judge_owner(import_job *job, const hgh_document_item *item)
{
    const char *id = id_of(item);
    int length = (int)strcspn(id, "/");
    char form[HGH_OBJECT_KEY_MAX];
    char owner[HGH_OBJECT_KEY_MAX];
    char pointer[POINTER_MAX];
    char text[TEXT_MAX];
    bool is_good;

    (void)snprintf(form, sizeof(form), "%.*s/%s%s", length, id, item->kind->name,
                   strrchr(id, '/')); /* a kind is known by that form, so there is a slash */
    (void)snprintf(owner, sizeof(owner), "%s/%.*s", item->kind->parent, length, id);
    is_good = strcmp(form, id) == 0;
    if (is_good && hgh_resource_table_find_live(job->result, owner) != NULL) {
        return;
    }
    (void)snprintf(pointer, sizeof(pointer), "%s/id", item->pointer);
    (void)snprintf(text, sizeof(text), "%s not found", hgh_object_key_kind(owner)->noun);
    hgh_document_error(job->errors, item, pointer, id,
                       is_good ? "the name of a consumer that is there" : "NAME/credentials/ID",
                       text);
}

/* Everything but what the plugins say. */
static void judge_objects(import_job *job)
{
    for (size_t i = 0; i < job->document.count; i++) {
        const hgh_document_item *item = &job->document.items[i];
        hg_issues issues = {0};

        hgh_object_check_run(job->parts->object_check, item->kind, job->result, item->object, NULL,
                             &issues);
        add_issues(job, item, &issues);
        if (item->kind->parent != NULL) {
            judge_owner(job, item);
        }
    }
}

static const char *text_member(const json_t *object, const char *member)
{
    const char *text = json_string_value(json_object_get(object, member));

    return text == NULL ? "" : text;
}

/* A plugin that is still loaded, and will not be once the list counts. */
static bool judge_list(import_job *job)
{
    bool is_done = true;

    for (size_t i = 0; job->listed != NULL && is_done && i < job->document.count; i++) {
        const hgh_document_item *item = &job->document.items[i];
        json_t *own = hgh_object_check_plugins(item->kind, id_of(item), item->object);
        size_t k;
        json_t *config;

        is_done = own != NULL;
        json_array_foreach(own, k, config)
        {
            const char *name = text_member(config, "plugin");
            char pointer[POINTER_MAX];
            char text[TEXT_MAX];

            if (!hgh_plugin_list_has(job->listed, name)) {
                (void)snprintf(pointer, sizeof(pointer), "%s%s", item->pointer,
                               text_member(config, "pointer"));
                (void)snprintf(text, sizeof(text), "unknown plugin [%s]", name);
                hgh_document_error(job->errors, item, pointer, name, "a plugin of the list", text);
            }
        }
        json_decref(own);
    }
    return is_done;
}

/* What needs the catalog of the plugins that have judged. */
static void judge_credentials(import_job *job)
{
    for (size_t i = 0; i < job->document.count; i++) {
        const hgh_document_item *item = &job->document.items[i];
        hg_issues issues = {0};

        hgh_object_credential_check(item->kind, job->result, job->parts->catalog, id_of(item),
                                    item->object, &issues);
        if (item->kind->only_auth) {
            hgh_object_credential_check_auth(job->parts->catalog, item->object, &issues);
        }
        add_issues(job, item, &issues);
    }
}

/* The item of the chunk whose pointer a finding begins with. */
static const hgh_document_item *item_of(const import_job *job, const char *pointer)
{
    for (size_t i = job->at; i < job->end; i++) {
        const hgh_document_item *item = &job->document.items[i];
        size_t length = strlen(item->pointer);

        if (strncmp(item->pointer, pointer, length) == 0 &&
            (pointer[length] == '\0' || pointer[length] == '/')) {
            return item;
        }
    }
    return &job->document.items[job->at];
}

static void chunk_done(import_job *job)
{
    job->at = job->end;
    if (job->chunk == 1 && job->at >= job->chunk_end) {
        job->chunk = CHUNK;
    }
}

static void judge_plugins(import_job *job);
static void job_store(import_job *job);

static void
on_plugins(void *context, hg_status status, const json_t *issues, const json_t *warnings)
{
    import_job *job = context;
    size_t i;
    json_t *one;

    if (status != HG_OK && job->chunk > 1 &&
        job->end - job->at > 1) { /* one by one: all findings, by whom */
        job->chunk = 1;
        job->chunk_end = job->end;
        job->end = job->at;
        judge_plugins(job);
        return;
    }
    json_array_foreach(issues, i, one)
    {
        const char *text = text_member(one, "text");

        hgh_document_error(job->errors, item_of(job, text_member(one, "pointer")),
                           text_member(one, "pointer"), text_member(one, "found"),
                           text_member(one, "wanted"),
                           text[0] == '\0' ? "the plugin refuses its configuration" : text);
    }
    if (status != HG_OK && json_array_size(issues) == 0) {
        const hgh_document_item *item = &job->document.items[job->at];

        hgh_document_error(job->errors, item, item->pointer, "configurations that were not judged",
                           "a check that ends", "the check of the plugins' configurations failed");
    }
    (void)json_array_extend(job->warnings,
                            (json_t *)(uintptr_t)warnings); /* told if there is room */
    chunk_done(job);
    judge_plugins(job);
}

/* The configurations of the next objects, each with its place in the document; NULL: no memory. */
static json_t *chunk_make(import_job *job)
{
    json_t *configs = json_array();
    size_t taken = 0;

    for (; configs != NULL && job->end < job->document.count && taken < job->chunk; job->end++) {
        const hgh_document_item *item = &job->document.items[job->end];
        json_t *own;
        size_t i;
        json_t *config;
        bool is_done;

        if (job->is_unchanged[job->end]) {
            continue; /* these plugins, or those that a reload found them good for, judged it */
        }
        own = hgh_object_check_plugins(item->kind, id_of(item), item->object);
        is_done = own != NULL;
        json_array_foreach(own, i, config)
        {
            json_t *pointer = json_sprintf("%s%s", item->pointer, text_member(config, "pointer"));

            is_done = is_done && json_object_set_new(config, "pointer", pointer) == 0;
        }
        taken += json_array_size(own) > 0 ? 1 : 0;
        if (!is_done || json_array_extend(configs, own) != 0) {
            json_decref(configs);
            configs = NULL;
        }
        json_decref(own);
    }
    return configs;
}

static void judge_end(import_job *job)
{
    judge_credentials(job);
    if (json_array_size(job->errors) > 0) {
        job_refuse(job);
    } else {
        job_store(job);
    }
}

static void judge_plugins(import_job *job)
{
    json_t *configs;

    if (job->at >= job->document.count) {
        judge_end(job);
        return;
    }
    configs = chunk_make(job);
    if (configs == NULL) {
        job_fail(job, "out of memory");
        return;
    }
    if (json_array_size(configs) == 0) {
        json_decref(configs); /* only behind the last object with plugins */
        judge_end(job);
        return;
    }
    if (job->parts->plugin_check == NULL) {
        json_decref(configs);
        job_fail(job, "no plugins are in force yet: try again");
        return;
    }
    hgh_plugin_check_run(job->parts->plugin_check, configs, on_plugins, job);
    json_decref(configs);
}

/* --- storing --- */

static json_t *report(const import_job *job, uint64_t revision)
{
    if (job->is_validation) {
        return json_object();
    }
    return json_pack("{s:s, s:I, s:I, s:I, s:I, s:O}", "result",
                     job->only_judges ? "valid" : "imported", "revision", (json_int_t)revision,
                     "written", (json_int_t)job->written, "unchanged",
                     (json_int_t)(job->document.count - job->written), "deleted",
                     (json_int_t)job->deleted, "warnings", job->warnings);
}

static void on_published(
    void *context, hg_status status, bool is_stored, uint64_t revision, const hg_error *err)
{
    import_job *job = context;
    const hgh_admin_write_parts *parts = job->parts;

    if (status != HG_OK) {
        job_fail(job, err->text);
    } else {
        job_end(job, STATUS_OK, report(job, revision));
    }
    if (is_stored) {
        parts->on_stored(parts->context);
    }
}

/* What is there and will not be. */
static void add_deletions(import_job *job)
{
    const hgh_resource_table *table = job->parts->table;

    for (const hgh_resource_object *object = hgh_resource_table_first(table, NULL);
         job->replaces && object != NULL; object = hgh_resource_table_next_of_all(table, object)) {
        if (hgh_resource_table_find(job->result, object->key) == NULL) {
            job->changes[job->written + job->deleted++] =
                (hgh_publisher_change){.key = object->key};
        }
    }
}

static void job_store(import_job *job)
{
    size_t room = job->document.count + hgh_resource_table_count(job->parts->table);

    job->changes = calloc(room + 1, sizeof(*job->changes));
    if (job->changes == NULL) {
        job_fail(job, "out of memory");
        return;
    }
    for (size_t i = 0; i < job->document.count; i++) {
        const hgh_document_item *item = &job->document.items[i];

        if (!job->is_unchanged[i]) {
            job->changes[job->written++] =
                (hgh_publisher_change){.key = item->key,
                                       .value = job->values[i],
                                       .value_length = strlen(job->values[i]),
                                       .references = job->references[i],
                                       .expires_wall_s = item->expires_wall_s};
        }
    }
    add_deletions(job);
    if (job->only_judges || job->written + job->deleted == 0) {
        job_end(job, STATUS_OK, report(job, hgh_resource_table_revision(job->parts->table)));
        return;
    }
    hgh_publisher_run_in_order(job->parts->publisher, job->changes, job->written + job->deleted,
                               on_published, job);
}

/* --- the whole --- */

static void job_run(hgh_admin_job *base)
{
    import_job *job = (import_job *)base;
    json_t *json = job->json;

    job->json = NULL;
    job->errors = json_array();
    job->warnings = json_array();
    if (job->errors == NULL || job->warnings == NULL) {
        json_decref(json);
        job_fail(job, "out of memory");
        return;
    }
    if (hgh_document_read(json, &job->document, job->errors) != HG_OK || !result_make(job)) {
        job_fail(job, "out of memory");
        return;
    }
    judge_objects(job);
    if (judge_list(job)) {
        judge_plugins(job);
    } else {
        job_fail(job, "out of memory");
    }
}

void hgh_store_import_start(const hgh_admin_write_parts *parts,
                            const hgh_store_import *import,
                            hgh_store_import_done done,
                            void *context)
{
    import_job *job = calloc(1, sizeof(*job));

    if (job == NULL) {
        json_decref(import->document);
        done(context, STATUS_STORE, json_pack("{s:s}", "error_msg", "out of memory"));
        return;
    }
    job->job.run = job_run;
    job->job.cancel = job_cancel;
    job->parts = parts;
    job->done = done;
    job->context = context;
    job->listed = json_incref(hgh_json_unconst(import->listed));
    job->replaces = import->replaces;
    job->only_judges = import->only_judges || import->is_validation;
    job->is_validation = import->is_validation;
    job->json = import->document;
    job->chunk = CHUNK;
    hgh_admin_queue_add(parts->queue, &job->job);
}
