/* host/control/admin_write.c - one write to one object: judged, stored, published, answered. */
#include "host/control/admin_write.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "host/control/admin_redact.h"
#include "host/control/json_merge.h"
#include "host/control/object_credential.h"
#include "host/control/object_deletion.h"
#include "host/core/issues.h"

#define TEXT_MAX         1100u
#define REAL_DIGITS      15u /* what every double keeps; with 17, 0.1 would come back longer */
#define NEW_ID_DIGITS    20  /* of a generated id: the next revision, padded */
#define STATUS_OK        200u
#define STATUS_CREATED   201u
#define STATUS_BAD       400u
#define STATUS_NOT_FOUND 404u
#define STATUS_STORE     503u
#define CREATE_TIME      "create_time"
#define UPDATE_TIME      "update_time"
#define UNKNOWN_PLUGIN   "unknown plugin ["
#define PLUGIN_REASON    " err: " /* in APISIX's words, behind it is what the plugin says */

/* One write on its way. */
typedef struct write_job {
    hgh_admin_job job; /* first: the queue hands it back to us */
    const hgh_admin_write_parts *parts;
    hgh_admin_answer_later *later;
    const hgh_object_kind *kind;
    uint32_t method;
    bool has_id; /* in the path */
    bool force;
    bool is_new; /* the object was not there */
    int64_t ttl_s;
    bool has_parent;
    char parent[HGH_OBJECT_ID_MAX + 2];
    char id[HGH_OBJECT_ID_MAX + 2]; /* room for one byte too many: a cut id must match nothing */
    char key[HGH_OBJECT_KEY_MAX];
    char *sub_path;    /* owned */
    json_t *body;      /* owned */
    json_t *object;    /* owned: what is to be stored */
    char *value;       /* owned: its text */
    json_t *warnings;  /* owned */
    uint64_t modified; /* expected revision of the stored one */
    hg_issues issues;
} write_job;

static void job_free(write_job *job)
{
    free(job->sub_path);
    free(job->value);
    json_decref(job->body);
    json_decref(job->object);
    json_decref(job->warnings);
    hgh_issues_done(&job->issues);
    free(job);
}

/* The write is over: the next one has its turn. */
static void job_end(write_job *job, hgh_admin_answer *answer)
{
    hgh_admin_answer_later *later = job->later;
    hgh_admin_queue *queue = job->parts->queue;

    hgh_admin_queue_end(queue);
    job_free(job);
    later->send(later, answer);
}

static void job_fail(write_job *job, unsigned status, const char *text)
{
    hgh_admin_answer answer = {0};

    hgh_admin_answer_error(&answer, status, "%s", text);
    job_end(job, &answer);
}

static void job_no_memory(write_job *job)
{
    job_fail(job, STATUS_STORE, "out of memory");
}

static void job_cancel(hgh_admin_job *base)
{
    write_job *job = (write_job *)base;
    hgh_admin_answer_later *later = job->later;

    job_free(job);
    hgh_admin_later_error(later, STATUS_STORE, "the control plane ends");
}

static const char *action_of(uint32_t method)
{
    switch (method) {
    case HGH_ADMIN_POST:
        return "create";
    case HGH_ADMIN_PATCH:
        return "compareAndSwap";
    case HGH_ADMIN_DELETE:
        return "delete";
    default:
        return "set";
    }
}

static void job_missing(write_job *job)
{
    hgh_admin_answer answer = {0};

    hgh_admin_envelope_missing(&answer, job->parts->format, action_of(job->method));
    job_end(job, &answer);
}

static void job_refuse(write_job *job)
{
    hgh_admin_answer answer = {0};

    hgh_admin_answer_issues(&answer, &job->issues);
    job_end(job, &answer);
}

static bool key_make(write_job *job)
{
    return hgh_object_key_make(job->kind, job->has_parent ? job->parent : NULL, job->id, job->key,
                               sizeof(job->key));
}

/* What follows the kind in the key. */
static const char *key_id(const write_job *job)
{
    return job->key + strlen(job->kind->name) + 1;
}

/* The stored object of the job's key; one whose time is over is gone already. */
static const hgh_resource_object *stored_find(const write_job *job)
{
    return hgh_resource_table_find_live(job->parts->table, job->key);
}

/* What the answer shows where that is less than what was stored; else NULL. */
static char *shown_value(const write_job *job)
{
    json_t *value = job->kind->hidden == NULL ? NULL : json_loads(job->value, 0, NULL);
    char *text = NULL;

    if (value != NULL) {
        hgh_admin_hide(job->kind, value);
        text = json_dumps(value, JSON_COMPACT);
    }
    json_decref(value);
    return text;
}

/* Store: the last steps, the same for every method. */
static void on_published(
    void *context, hg_status status, bool is_stored, uint64_t revision, const hg_error *err)
{
    write_job *job = context;
    const hgh_admin_write_parts *parts = job->parts;
    hgh_admin_answer answer = {0};
    bool is_created = job->is_new && job->method != HGH_ADMIN_PATCH;

    (void)revision;
    if (status == HG_ERR_CONFLICT) {
        job_fail(job, STATUS_STORE, "value changed before overwritten");
    } else if (status != HG_OK) {
        job_fail(job, STATUS_STORE, err->text);
    } else if (job->method == HGH_ADMIN_DELETE) {
        hgh_admin_envelope_deleted(&answer, parts->format, job->key);
        job_end(job, &answer);
    } else {
        char *shown = shown_value(job);

        if (job->kind->hidden != NULL && shown == NULL) {
            hgh_admin_answer_text(&answer, STATUS_STORE, NULL,
                                  0); /* stored: no memory to show it */
        } else {
            hgh_admin_envelope_written(&answer, parts->format,
                                       is_created ? STATUS_CREATED : STATUS_OK,
                                       action_of(job->method), job->key,
                                       shown == NULL ? job->value : shown, job->warnings);
        }
        free(shown);
        job_end(job, &answer);
    }
    if (is_stored) {
        parts->on_stored(parts->context);
    }
}

/* The first whole second at which `ttl_s` are over; 0: never. */
static int64_t expires_wall_s(int64_t ttl_s)
{
    struct timespec now;

    if (ttl_s == 0) {
        return 0;
    }
    (void)clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec + (now.tv_nsec > 0 ? 1 : 0) + ttl_s;
}

static void job_store(write_job *job)
{
    hgh_store_expectation expectation = {.key = job->key, .modified = job->modified};
    bool has_expectation = job->method == HGH_ADMIN_PATCH || job->method == HGH_ADMIN_POST;
    json_t *references = hgh_object_references(job->kind, key_id(job), job->object);
    hgh_publisher_change change = {.key = job->key, .references = references};

    job->value = json_dumps(job->object, JSON_COMPACT | JSON_REAL_PRECISION(REAL_DIGITS));
    if (references == NULL || job->value == NULL) {
        json_decref(references);
        job_no_memory(job);
        return;
    }
    change.value = job->value;
    change.value_length = strlen(job->value);
    hgh_publisher_run(job->parts->publisher, &change, 1, &expectation, has_expectation ? 1 : 0,
                      expires_wall_s(job->ttl_s), on_published, job);
    json_decref(references);
}

static const char *text_member(const json_t *object, const char *member)
{
    const char *text = json_string_value(json_object_get(object, member));

    return text == NULL ? "" : text;
}

/* The plugin whose metadata it is, is not named again: it is the object. */
static const char *metadata_text(const char *text, const char **out_prefix)
{
    const char *reason = strstr(text, PLUGIN_REASON);

    if (strncmp(text, UNKNOWN_PLUGIN, strlen(UNKNOWN_PLUGIN)) == 0) {
        *out_prefix = "";
        return "invalid plugin name";
    }
    return reason == NULL ? text : reason + strlen(PLUGIN_REASON);
}

/* What the plugins say joins the other findings. */
static void
on_plugins(void *context, hg_status status, const json_t *issues, const json_t *warnings)
{
    write_job *job = context;

    for (size_t i = 0; i < json_array_size(issues); i++) {
        const json_t *issue = json_array_get(issues, i);
        const char *text = json_string_value(json_object_get(issue, "text"));
        const char *prefix = job->kind->plugins_prefix;
        char line[TEXT_MAX];

        if (text != NULL) {
            const char *told = job->kind->is_metadata ? metadata_text(text, &prefix) : text;

            (void)snprintf(line, sizeof(line), "%s%s", prefix, told);
        } else {
            (void)snprintf(line, sizeof(line), "%s%s: found %s, wanted %s", prefix,
                           text_member(issue, "pointer"), text_member(issue, "found"),
                           text_member(issue, "wanted"));
        }
        hgh_issues_add(&job->issues, text_member(issue, "pointer"), text_member(issue, "found"),
                       text_member(issue, "wanted"), line);
    }
    if (status != HG_OK && json_array_size(issues) == 0) {
        hgh_issues_add(&job->issues, "/plugins", "configurations that could not be judged",
                       "a check that ends", "the check of the plugins' configurations failed");
    }
    hgh_object_credential_check(job->kind, job->parts->table, job->parts->catalog, key_id(job),
                                job->object, &job->issues);
    if (job->kind->only_auth) { /* by now the catalog is that of the plugins which judged */
        hgh_object_credential_check_auth(job->parts->catalog, job->object, &job->issues);
    }
    if (!hgh_issues_is_empty(&job->issues)) {
        job_refuse(job);
        return;
    }
    job->warnings = json_deep_copy(warnings); /* without memory they are not told */
    job_store(job);
}

/* Without a process that knows plugins there is none. */
static void plugins_unknown(write_job *job, const json_t *configs)
{
    for (size_t i = 0; i < json_array_size(configs); i++) {
        const json_t *config = json_array_get(configs, i);
        char text[TEXT_MAX];

        if (job->kind->is_metadata) {
            (void)snprintf(text, sizeof(text), "invalid plugin name");
        } else {
            (void)snprintf(text, sizeof(text), "%s" UNKNOWN_PLUGIN "%s]", job->kind->plugins_prefix,
                           text_member(config, "plugin"));
        }
        hgh_issues_add(&job->issues, text_member(config, "pointer"), text_member(config, "plugin"),
                       "a plugin that is loaded", text);
    }
}

static void job_judge(write_job *job)
{
    const hgh_admin_write_parts *parts = job->parts;
    json_t *configs;

    hgh_object_check_run(parts->object_check, job->kind, parts->table, job->object,
                         job->has_id ? job->id : NULL, &job->issues);
    if (!hgh_object_kind_has_id(job->kind)) {
        (void)hgh_object_id_text(json_object_get(job->object, job->kind->id_member), job->id,
                                 sizeof(job->id)); /* too long: the schema has told */
    }
    configs = key_make(job) ? hgh_object_check_plugins(job->kind, key_id(job), job->object) : NULL;
    if (configs == NULL) {
        json_decref(configs);
        job_no_memory(job);
        return;
    }
    if (json_array_size(configs) > 0 && parts->plugin_check != NULL) {
        hgh_plugin_check_run(parts->plugin_check, configs, on_plugins, job);
        json_decref(configs);
        return;
    }
    plugins_unknown(job, configs);
    json_decref(configs);
    if (!hgh_issues_is_empty(&job->issues)) {
        job_refuse(job);
        return;
    }
    job_store(job);
}

static json_t *now(void)
{
    return json_integer((json_int_t)time(NULL));
}

/* create_time as the stored object has it; false: no memory. */
static bool times_set(write_job *job, const hgh_resource_object *old)
{
    json_t *stored = old == NULL ? NULL : json_loadb(old->value, old->value_length, 0, NULL);
    json_t *created = json_object_get(stored, CREATE_TIME);
    bool is_done = json_object_set_new(job->object, CREATE_TIME,
                                       created == NULL ? now() : json_incref(created)) == 0 &&
                   json_object_set_new(job->object, UPDATE_TIME, now()) == 0;

    json_decref(stored);
    return is_done;
}

/* Times come from the gateway; true if one was given. */
static bool find_forbidden(const json_t *object, char *text, size_t size)
{
    static const char *const times[] = {CREATE_TIME, UPDATE_TIME};
    static const char *const parents[] = {NULL, "upstream", "plugins"};

    for (size_t p = 0; p < sizeof(parents) / sizeof(parents[0]); p++) {
        const json_t *parent = parents[p] == NULL ? object : json_object_get(object, parents[p]);

        for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
            if (json_object_get(parent, times[i]) != NULL) {
                (void)snprintf(text, size, "the property is forbidden:  %s%s%s",
                               parents[p] == NULL ? "" : parents[p], parents[p] == NULL ? "" : ".",
                               times[i]);
                return true;
            }
        }
    }
    return false;
}

/* The next revision as text; past those that somebody has taken by hand. */
static void id_generate(write_job *job)
{
    uint64_t number = hgh_resource_table_revision(job->parts->table) + 1;

    do {
        (void)snprintf(job->id, sizeof(job->id), "%0*llu", NEW_ID_DIGITS,
                       (unsigned long long)number++);
    } while (key_make(job) && hgh_resource_table_find(job->parts->table, job->key) != NULL);
}

static void id_missing(const write_job *job, char *text, size_t size)
{
    if (job->kind->is_metadata) {
        (void)snprintf(text, size, "missing plugin name");
    } else {
        (void)snprintf(text, size, "missing %s id", job->kind->noun);
    }
}

/* Brings path and body together about the id; NULL or what is wrong. */
static const char *id_settle(write_job *job, char *text, size_t size)
{
    const json_t *in_body = json_object_get(job->object, "id");
    char id[HGH_OBJECT_ID_MAX + 1];
    bool has_body_id = hgh_object_id_text(in_body, id, sizeof(id));

    if (job->method == HGH_ADMIN_POST) {
        if (job->has_id || in_body != NULL) {
            (void)snprintf(text, size, "wrong %s id, do not need it", job->kind->noun);
            return text;
        }
        id_generate(job);
    } else if (!job->has_id && in_body == NULL) {
        id_missing(job, text, size);
        return text;
    } else if (job->has_id && in_body != NULL && (!has_body_id || strcmp(id, job->id) != 0)) {
        (void)snprintf(text, size, "wrong %s id", job->kind->noun);
        return text;
    } else if (!job->has_id && has_body_id) {
        (void)snprintf(job->id, sizeof(job->id), "%s", id);
    }
    if (job->id[0] != '\0') { /* what is no id stays for the schema to refuse */
        /* A text, however it was written. Without memory it stays as it was. */
        (void)json_object_set_new(job->object, "id", json_string(job->id));
    }
    return NULL;
}

static void run_put(write_job *job)
{
    char text[TEXT_MAX];
    const hgh_resource_object *old;
    bool has_id = hgh_object_kind_has_id(job->kind);

    if (job->body == NULL) {
        job_fail(job, STATUS_BAD, "missing configurations");
        return;
    }
    if (!json_is_object(job->body)) {
        job_fail(job, STATUS_BAD, "invalid configuration: wrong type: expected object");
        return;
    }
    job->object = job->body;
    job->body = NULL;
    if (has_id && id_settle(job, text, sizeof(text)) != NULL) {
        job_fail(job, STATUS_BAD, text);
        return;
    }
    if (!job->kind->is_metadata && find_forbidden(job->object, text, sizeof(text))) {
        job_fail(job, STATUS_BAD, text);
        return;
    }
    if (!has_id) { /* the name in the body; if it is wrong, the checks will tell */
        const json_t *name = json_object_get(job->object, job->kind->id_member);
        char id[HGH_OBJECT_ID_MAX + 1] = "";

        (void)hgh_object_id_text(name, id, sizeof(id));
        (void)snprintf(job->key, sizeof(job->key), "%s/%.*s", job->kind->name,
                       (int)HGH_OBJECT_ID_MAX, id);
    } else if (!key_make(job)) {
        job_fail(job, STATUS_BAD, "invalid configuration: property \"id\" validation failed");
        return;
    }
    old = stored_find(job);
    job->is_new = old == NULL;
    if (!job->kind->is_metadata && !times_set(job, old)) {
        job_no_memory(job);
        return;
    }
    job_judge(job);
}

static bool times_update(write_job *job, const json_t *patch)
{
    if (json_object_get(job->object, CREATE_TIME) == NULL &&
        json_object_set_new(job->object, CREATE_TIME, now()) != 0) {
        return false;
    }
    return json_object_get(patch, UPDATE_TIME) != NULL ||
           json_object_set_new(job->object, UPDATE_TIME, now()) == 0;
}

static void run_patch(write_job *job)
{
    const hgh_resource_object *old;
    hg_error err = HG_ERROR_INIT;
    char text[TEXT_MAX];
    hg_status status;

    if (!job->has_id) {
        (void)snprintf(text, sizeof(text), "missing %s id", job->kind->noun);
        job_fail(job, STATUS_BAD, text);
        return;
    }
    if (job->body == NULL) {
        job_fail(job, STATUS_BAD, "missing new configuration");
        return;
    }
    if (job->sub_path == NULL && !json_is_object(job->body)) {
        job_fail(job, STATUS_BAD, "invalid configuration");
        return;
    }
    old = key_make(job) ? stored_find(job) : NULL;
    if (old == NULL) {
        job_missing(job);
        return;
    }
    job->modified = old->modified;
    job->object = json_loadb(old->value, old->value_length, 0, NULL);
    if (job->object == NULL) {
        job_no_memory(job);
        return;
    }
    status = job->sub_path == NULL
                 ? hgh_json_merge(job->object, job->body, &err)
                 : hgh_json_merge_path(job->object, job->sub_path, job->body, &err);
    if (status != HG_OK) {
        job_fail(job, status == HG_ERR_NO_MEMORY ? STATUS_STORE : STATUS_BAD, err.text);
        return;
    }
    if (!times_update(job, job->sub_path == NULL ? job->body : NULL)) {
        job_no_memory(job);
        return;
    }
    if (hgh_object_kind_has_id(job->kind) && id_settle(job, text, sizeof(text)) != NULL) {
        job_fail(job, STATUS_BAD, text);
        return;
    }
    job_judge(job);
}

/* With a consumer go its credentials: in one transaction. */
static void delete_whole(write_job *job, const hgh_resource_object *object)
{
    hgh_object_deletion deletion = {0};

    if (hgh_object_deletion_add(&deletion, job->parts->table, object) == HG_OK) {
        hgh_publisher_run(job->parts->publisher, deletion.changes, deletion.count, NULL, 0, 0,
                          on_published, job);
    } else {
        job_no_memory(job);
    }
    hgh_object_deletion_done(&deletion);
}

static void run_delete(write_job *job)
{
    const hgh_object_kind *user_kind = NULL;
    const hgh_resource_object *object;
    const hgh_resource_object *user;
    bool by_plugin = false;
    char text[TEXT_MAX];

    if (!job->has_id) {
        id_missing(job, text, sizeof(text));
        job_fail(job, STATUS_BAD, text);
        return;
    }
    object = key_make(job) ? stored_find(job) : NULL;
    if (object == NULL) {
        job_missing(job);
        return;
    }
    user = hgh_object_user(job->parts->table, job->key, &user_kind, &by_plugin);
    if (user != NULL && !job->force) {
        (void)snprintf(text, sizeof(text), "%s, %s%s [%s] is still using it now",
                       job->kind->kept_text, by_plugin ? "plugin in " : "", user_kind->noun,
                       user->id);
        job_fail(job, STATUS_BAD, text);
        return;
    }
    delete_whole(job, object);
}

/* What an object stands below has to be there. */
static bool has_parent(const write_job *job)
{
    char key[HGH_OBJECT_KEY_MAX];

    return hgh_object_key_make(hgh_object_kind_find(job->kind->parent), NULL, job->parent, key,
                               sizeof(key)) &&
           hgh_resource_table_find_live(job->parts->table, key) != NULL;
}

static void run(hgh_admin_job *base)
{
    write_job *job = (write_job *)base;

    if (job->has_parent && !has_parent(job)) {
        char text[TEXT_MAX];

        (void)snprintf(text, sizeof(text), "%s not found",
                       hgh_object_kind_find(job->kind->parent)->noun);
        job_fail(job, STATUS_NOT_FOUND, text);
        return;
    }
    switch (job->method) {
    case HGH_ADMIN_DELETE:
        run_delete(job);
        break;
    case HGH_ADMIN_PATCH:
        run_patch(job);
        break;
    default:
        run_put(job);
        break;
    }
}

void hgh_admin_write_start(const hgh_admin_write_parts *parts,
                           const hgh_admin_write *write,
                           hgh_admin_answer_later *later)
{
    write_job *job = calloc(1, sizeof(*job));

    if (job != NULL && write->sub_path != NULL) {
        job->sub_path = strdup(write->sub_path);
    }
    if (job == NULL || (write->sub_path != NULL && job->sub_path == NULL)) {
        json_decref(write->body);
        free(job);
        hgh_admin_later_error(later, STATUS_STORE, "out of memory");
        return;
    }
    job->job.run = run;
    job->job.cancel = job_cancel;
    job->parts = parts;
    job->later = later;
    job->kind = write->kind;
    job->method = write->method;
    job->has_id = write->id != NULL;
    job->has_parent = write->parent != NULL;
    job->force = write->force;
    job->ttl_s = write->ttl_s;
    job->body = write->body;
    if (write->id != NULL) { /* may be cut: nothing has that id, and the schema refuses it */
        (void)snprintf(job->id, sizeof(job->id), "%s", write->id);
    }
    if (write->parent != NULL) {
        (void)snprintf(job->parent, sizeof(job->parent), "%s", write->parent);
    }
    hgh_admin_queue_add(parts->queue, &job->job);
}
