/* host/control/admin_api.c - the Admin API: what each request asks for, and who answers it. */
#include "host/control/admin_api.h"

#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "host/control/admin_access.h"
#include "host/control/admin_envelope.h"
#include "host/control/admin_redact.h"
#include "host/control/admin_write.h"
#include "host/control/object_check.h"
#include "host/control/object_kind.h"
#include "host/core/expression.h"

#define ROOT              "/apisix/admin"
#define API_LEVEL         "APISIX/3.18.0" /* clients take the level of the API from it */
#define STATUS_OK         200u
#define STATUS_BAD        400u
#define STATUS_NO_KEY     401u
#define STATUS_FORBIDDEN  403u
#define STATUS_NOT_FOUND  404u
#define STATUS_NOT_METHOD 405u
#define STATUS_NO_MEMORY  503u
#define TTL_MAX_S         9000000000.0 /* etcd's limit for a lease */
#define DEPTH_MAX         256u         /* levels of a body: what schemas and plugins accept */
#define PAGE_SIZE_MIN     10
#define PAGE_SIZE_MAX     500
#define EXPIRY_CHECK_MS   60000 /* wall clocks jump: look again at least so often */
#define MS_IN_S           1000
#define BRACES_HINT       "; expressions are arrays: " HGH_EXPRESSION_EXAMPLE

struct hgh_admin_api {
    hgh_admin_api_parts parts;
    hgh_admin_access *access;       /* owned */
    hgh_object_check *object_check; /* owned */
    hgh_admin_queue *queue;         /* owned */
    hgh_admin_write_parts write_parts;
    hgh_admin_format format;
    bool has_cors;
    char server[64];
    hgh_admin_call reload;
    hgh_admin_call status;
    void *hook_context;
    hgh_event_loop_timer expiry;
};

/* What follows /apisix/admin/ in a path. */
typedef struct target {
    char *text;           /* owned: the segments point into it */
    const char *resource; /* never NULL */
    const char *parent;   /* id of what the object stands below; NULL: it stands alone */
    const char *id;       /* NULL: none */
    const char *sub_path; /* NULL: none */
} target;

/* A request on its way through the checks. */
typedef struct api_call {
    hgh_admin_answer_later later; /* first: whoever answers hands it back to us */
    hgh_admin_api *api;
    const hgh_admin_request *request;
    hgh_admin_answer_later *client;
    target target;
    hgh_role role;
    bool is_authorised;
    hgh_admin_job job; /* of a reload */
    bool is_in_queue;
} api_call;

static void call_free(api_call *call)
{
    free(call->target.text);
    free(call);
}

/* Every answer passes here: headers are added, and a reload gives its turn to the next. */
static void call_send(hgh_admin_answer_later *later, hgh_admin_answer *answer)
{
    api_call *call = (api_call *)later;
    hgh_admin_api *api = call->api;

    hgh_admin_answer_header(answer, "Server", api->server);
    hgh_admin_answer_header(answer, "Content-Type", "application/json");
    if (api->has_cors) {
        hgh_admin_answer_header(answer, "Access-Control-Allow-Origin", "*");
        hgh_admin_answer_header(answer, "Access-Control-Allow-Credentials", "true");
        hgh_admin_answer_header(answer, "Access-Control-Expose-Headers", "*");
        hgh_admin_answer_header(answer, "Access-Control-Max-Age", "3600");
    }
    if (call->is_authorised) {
        hgh_admin_answer_header(answer, "X-API-VERSION", api->format == HGH_ADMIN_V3 ? "v3" : "v2");
    }
    if (call->is_in_queue) {
        hgh_admin_queue_end(api->queue);
    }
    call->client->send(call->client, answer);
    call_free(call);
}

static void answer(api_call *call, hgh_admin_answer *with)
{
    call->later.send(&call->later, with);
}

static void answer_text(api_call *call, unsigned status, const char *text)
{
    hgh_admin_answer made = {0};
    char *copy = strdup(text);

    hgh_admin_answer_text(&made, status, copy, copy == NULL ? 0 : strlen(copy));
    answer(call, &made);
}

/* The next segment of a path, cut off; NULL at its end. Empty segments do not count. */
static char *segment_take(char **rest)
{
    char *segment = *rest + strspn(*rest, "/");
    size_t length = strcspn(segment, "/");

    *rest = segment + length;
    if (**rest != '\0') {
        **rest = '\0';
        (*rest)++;
    }
    return length == 0 ? NULL : segment;
}

/* /consumers/NAME/credentials/ID: an object below another one. `rest` is the sub-path. */
static void target_descend(target *into, char *rest)
{
    const hgh_object_kind *kind;
    size_t length = strcspn(rest, "/");

    for (size_t i = 0; into->sub_path != NULL && (kind = hgh_object_kind_at(i)) != NULL; i++) {
        if (kind->parent != NULL && strcmp(kind->parent, into->resource) == 0 &&
            strncmp(kind->name, rest, length) == 0 && kind->name[length] == '\0') {
            into->parent = into->id;
            into->resource = segment_take(&rest);
            into->id = segment_take(&rest);
            rest += strspn(rest, "/");
            into->sub_path = *rest == '\0' ? NULL : rest;
            return;
        }
    }
}

/* Splits what follows the root; false: no memory. */
static bool target_parse(const char *path, target *into)
{
    char *rest;
    size_t length;

    into->text = strdup(path);
    if (into->text == NULL) {
        return false;
    }
    rest = into->text + strlen(ROOT);
    into->resource = segment_take(&rest);
    into->id = segment_take(&rest);
    if (into->resource == NULL) {
        into->resource = "";
    }
    if (strcmp(into->resource, "schema") == 0 && into->id != NULL &&
        strcmp(into->id, "plugins") == 0) {
        into->resource = into->id; /* /schema/plugins/NAME is /plugins/NAME */
        into->id = segment_take(&rest);
    }
    rest += strspn(rest, "/");
    for (length = strlen(rest); length > 0 && rest[length - 1] == '/'; length--) {
        rest[length - 1] = '\0';
    }
    into->sub_path = length == 0 ? NULL : rest;
    target_descend(into, rest);
    return true;
}

static uint32_t method_bit(const char *method)
{
    static const struct {
        const char *name;
        uint32_t bit;
    } methods[] = {
        {"GET", HGH_ADMIN_GET},   {"HEAD", HGH_ADMIN_GET},    {"PUT", HGH_ADMIN_PUT},
        {"POST", HGH_ADMIN_POST}, {"PATCH", HGH_ADMIN_PATCH}, {"DELETE", HGH_ADMIN_DELETE},
    };

    for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++) {
        if (strcmp(methods[i].name, method) == 0) {
            return methods[i].bit;
        }
    }
    return 0;
}

/* Reads: answered at once. */
static char *show_redacted(void *context, const hgh_resource_object *object)
{
    const hgh_admin_api *api = context;
    json_t *value = json_loadb(object->value, object->value_length, 0, NULL);
    const hgh_object_kind *kind = hgh_object_key_kind(object->key);
    char *text = NULL;

    if (value != NULL && kind != NULL) {
        hgh_admin_redact(api->parts.catalog, kind, value);
        text = json_dumps(value, JSON_COMPACT);
    }
    json_decref(value);
    return text;
}

static bool is_expired(const hgh_resource_object *object)
{
    return object->expires_wall_s != 0 && object->expires_wall_s <= (int64_t)time(NULL);
}

/* What it stands below has to be there. */
static bool has_parent(const api_call *call, const hgh_object_kind *kind)
{
    char key[HGH_OBJECT_KEY_MAX];
    const hgh_resource_object *parent = NULL;

    if (hgh_object_key_make(hgh_object_kind_find(kind->parent), NULL, call->target.parent, key,
                            sizeof(key))) {
        parent = hgh_resource_table_find(call->api->parts.table, key);
    }
    return parent != NULL && !is_expired(parent);
}

static void get_one(api_call *call, const hgh_object_kind *kind)
{
    hgh_admin_api *api = call->api;
    char key[HGH_OBJECT_KEY_MAX];
    const hgh_resource_object *object = NULL;
    hgh_admin_answer made = {0};

    if (hgh_object_key_make(kind, call->target.parent, call->target.id, key, sizeof(key))) {
        object = hgh_resource_table_find(api->parts.table, key);
    }
    if (object == NULL || is_expired(object)) {
        hgh_admin_envelope_missing(&made, api->format, "get");
    } else {
        hgh_admin_envelope_one(&made, api->format, object,
                               call->role == HGH_ROLE_ADMIN ? NULL : show_redacted, api);
    }
    answer(call, &made);
}

/* A number of a query; false: it is none. */
static bool number_of(const char *text, double *out_number)
{
    char *end = NULL;
    double number = text == NULL ? 0 : strtod(text, &end);

    if (text == NULL || end == text || *end != '\0' || !isfinite(number)) {
        return false;
    }
    *out_number = number;
    return true;
}

/* Which of `total` objects are shown; false: the page is out of range and an answer was given. */
static bool page_find(api_call *call, size_t total, size_t *out_first, size_t *out_count)
{
    double page = 1;
    double size;

    if (call->api->format != HGH_ADMIN_V3 ||
        hgh_admin_request_argument(call->request, "page") == NULL ||
        !number_of(hgh_admin_request_argument(call->request, "page_size"), &size)) {
        return true;
    }
    if (size < PAGE_SIZE_MIN || size > PAGE_SIZE_MAX) {
        answer_text(call, STATUS_BAD, "page_size must be between 10 and 500");
        return false;
    }
    if (!number_of(hgh_admin_request_argument(call->request, "page"), &page) || page < 1) {
        page = 1;
    }
    *out_first = (page - 1) * size >= (double)total ? total : (size_t)((page - 1) * size);
    *out_count = total - *out_first < (size_t)size ? total - *out_first : (size_t)size;
    return true;
}

/* The next object that a list may hold: all of the kind, or those below one object. */
static const hgh_resource_object *
list_next(const api_call *call, const hgh_object_kind *kind, const hgh_resource_object *after)
{
    const hgh_resource_table *table = call->api->parts.table;
    char parent[HGH_OBJECT_KEY_MAX];

    if (kind->parent == NULL) {
        return after == NULL ? hgh_resource_table_first(table, kind->name)
                             : hgh_resource_table_next(after);
    }
    return hgh_object_key_make(hgh_object_kind_find(kind->parent), NULL, call->target.parent,
                               parent, sizeof(parent))
               ? hgh_resource_table_referer(table, kind->name, parent, after)
               : NULL;
}

static void get_list(api_call *call, const hgh_object_kind *kind)
{
    hgh_admin_api *api = call->api;
    size_t room = hgh_resource_table_count(api->parts.table);
    const hgh_resource_object **objects = calloc(room + 1, sizeof(hgh_resource_object *));
    hgh_admin_answer made = {0};
    size_t total = 0;
    size_t first = 0;
    size_t count;

    if (objects == NULL) {
        hgh_admin_later_error(&call->later, STATUS_NO_MEMORY, "out of memory");
        return;
    }
    for (const hgh_resource_object *object = list_next(call, kind, NULL); object != NULL;
         object = list_next(call, kind, object)) {
        if (!is_expired(object)) {
            objects[total++] = object;
        }
    }
    count = total;
    if (total == 0 && kind->parent != NULL) { /* etcd knows no empty directory below a key */
        hgh_admin_envelope_missing(&made, api->format, "get");
        answer(call, &made);
    } else if (page_find(call, total, &first, &count)) {
        hgh_admin_envelope_list(&made, api->format, kind->name, objects + first, count, total,
                                call->role == HGH_ROLE_ADMIN ? NULL : show_redacted, api);
        answer(call, &made);
    }
    free(objects);
}

/* The plugins' schemas as clients of APISIX see them: with what every configuration may hold. */
static json_t *schema_with_meta(const json_t *schema)
{
    json_t *copy = json_deep_copy(schema);
    json_t *properties = json_object_get(copy, "properties");
    json_t *meta;

    if (!json_is_object(copy) || json_object_get(properties, "_meta") != NULL) {
        return copy;
    }
    if (properties == NULL) {
        properties = json_object();
        if (json_object_set_new(copy, "properties", properties) != 0) {
            goto failed;
        }
    }
    meta = json_pack("{s:s, s:{s:{s:s}, s:{s:[{s:s},{s:s}]}, s:{s:s}, s:{s:s}}, s:b}", "type",
                     "object", "properties", "disable", "type", "boolean", "error_response",
                     "oneOf", "type", "string", "type", "object", "priority", "type", "integer",
                     "filter", "type", "array", "additionalProperties", 0);
    if (json_object_set_new(properties, "_meta", meta) != 0 ||
        json_object_set_new(copy, "$comment",
                            json_string("this is a mark for our injected plugin schema")) != 0) {
        goto failed;
    }
    return copy;

failed:
    json_decref(copy);
    return NULL;
}

/* A version that reads as a number is shown as one, as APISIX's are. */
static json_t *version_of(const json_t *plugin)
{
    const json_t *version = json_object_get(plugin, "version");
    double number;

    if (number_of(json_string_value(version), &number)) {
        return json_real(number);
    }
    return json_deep_copy(version);
}

static json_t *plugin_describe(const json_t *plugin)
{
    static const char *const schemas[] = {"metadata_schema", "consumer_schema"};
    json_t *made = json_object();

    if (json_object_set_new(made, "priority",
                            json_deep_copy(json_object_get(plugin, "priority"))) != 0 ||
        json_object_set_new(made, "version", version_of(plugin)) != 0 ||
        json_object_set_new(made, "schema", schema_with_meta(json_object_get(plugin, "schema"))) !=
            0 ||
        (hgh_plugin_catalog_has_flag(plugin, "auth") &&
         json_object_set_new(made, "type", json_string("auth")) != 0)) {
        goto failed;
    }
    for (size_t i = 0; i < sizeof(schemas) / sizeof(schemas[0]); i++) {
        json_t *schema = json_object_get(plugin, schemas[i]);

        if (json_is_object(schema) && json_object_set(made, schemas[i], schema) != 0) {
            goto failed;
        }
    }
    return made;

failed:
    json_decref(made);
    return NULL;
}

static void answer_json(api_call *call, unsigned status, json_t *json)
{
    hgh_admin_later_json(&call->later, status, json);
}

static void get_plugin_list(api_call *call)
{
    const json_t *plugins = hgh_plugin_catalog_all(call->api->parts.catalog);
    const char *subsystem = hgh_admin_request_argument(call->request, "subsystem");
    json_t *names = json_array();

    if (subsystem != NULL && strcmp(subsystem, "http") != 0 && strcmp(subsystem, "stream") != 0) {
        json_decref(names);
        answer_text(call, STATUS_BAD, "invalid subsystem passed");
        return;
    }
    for (size_t i = 0;
         i < json_array_size(plugins) && (subsystem == NULL || strcmp(subsystem, "http") == 0);
         i++) {
        json_t *name = json_object_get(json_array_get(plugins, i), "name");

        if (json_array_append(names, name) != 0) {
            json_decref(names);
            names = NULL;
            break;
        }
    }
    answer_json(call, STATUS_OK, names);
}

static void get_all_plugins(api_call *call, bool is_stream)
{
    const json_t *plugins = hgh_plugin_catalog_all(call->api->parts.catalog);
    json_t *all = json_object();

    for (size_t i = 0; i < json_array_size(plugins) && !is_stream; i++) {
        const json_t *plugin = json_array_get(plugins, i);
        const char *name = json_string_value(json_object_get(plugin, "name"));

        if (name == NULL || json_object_set_new(all, name, plugin_describe(plugin)) != 0) {
            json_decref(all);
            all = NULL;
            break;
        }
    }
    answer_json(call, STATUS_OK, all);
}

static void get_plugin(api_call *call)
{
    const char *subsystem = hgh_admin_request_argument(call->request, "subsystem");
    const char *use = hgh_admin_request_argument(call->request, "schema_type");
    const char *all = hgh_admin_request_argument(call->request, "all");
    bool is_consumer = use != NULL && strcmp(use, "consumer") == 0;
    bool is_stream = subsystem != NULL && strcmp(subsystem, "stream") == 0;
    const json_t *plugin = NULL;
    const json_t *schema;

    if (subsystem != NULL && !is_stream && strcmp(subsystem, "http") != 0) {
        hgh_admin_later_error(&call->later, STATUS_BAD, "unsupported subsystem: %s", subsystem);
        return;
    }
    if (all != NULL && strcmp(all, "true") == 0) {
        get_all_plugins(call, is_stream);
        return;
    }
    if (call->target.id != NULL && !is_stream) {
        plugin = hgh_plugin_catalog_find(call->api->parts.catalog, call->target.id);
    }
    if (plugin == NULL) {
        hgh_admin_later_error(&call->later, STATUS_NOT_FOUND, "plugin not found in subsystem %s",
                              is_stream ? "stream" : "http");
        return;
    }
    schema = json_object_get(plugin, is_consumer ? "consumer_schema" : "schema");
    if (!json_is_object(schema)) {
        hgh_admin_later_error(&call->later, STATUS_BAD, "not found schema");
        return;
    }
    answer_json(call, STATUS_OK, is_consumer ? json_deep_copy(schema) : schema_with_meta(schema));
}

static void get_schema(api_call *call)
{
    const char *name = call->target.id == NULL ? "" : call->target.id;
    const hgh_object_kind *kind = hgh_object_kind_find_schema(name);

    if (kind == NULL) {
        hgh_admin_later_error(&call->later, STATUS_BAD, "not found schema: %s", name);
        return;
    }
    answer_json(call, STATUS_OK,
                json_deep_copy(hgh_object_check_schema(call->api->object_check, kind)));
}

/* A reload takes its turn among the writes. */
static void reload_run(hgh_admin_job *job)
{
    api_call *call = (api_call *)((char *)job - offsetof(api_call, job));
    hgh_admin_api *api = call->api;

    api->reload(api->hook_context, call->request, &call->later);
}

static void reload_cancel(hgh_admin_job *job)
{
    api_call *call = (api_call *)((char *)job - offsetof(api_call, job));

    call->is_in_queue = false; /* the queue itself goes */
    hgh_admin_later_error(&call->later, STATUS_NO_MEMORY, "the control plane ends");
}

static void put_reload(api_call *call)
{
    call->job.run = reload_run;
    call->job.cancel = reload_cancel;
    call->is_in_queue = true;
    hgh_admin_queue_add(call->api->queue, &call->job);
}

static void not_found(api_call *call)
{
    hgh_admin_later_error(&call->later, STATUS_NOT_FOUND, "not found");
}

/* The endpoints of /plugins that have a meaning of their own; true: it was one of them. */
static bool plugins_special(api_call *call)
{
    hgh_admin_api *api = call->api;
    const char *method = call->request->method;
    const char *name = call->target.id;
    uint32_t bit = method_bit(method);

    if (strcmp(call->target.resource, "plugins") != 0 || name == NULL) {
        return false;
    }
    if (strcmp(name, "reload") == 0 && api->reload != NULL) {
        if (bit != HGH_ADMIN_PUT) {
            hgh_admin_later_error(&call->later, STATUS_NOT_METHOD,
                                  "please use PUT method to reload the plugins, %s method is not "
                                  "allowed.",
                                  method);
        } else {
            put_reload(call);
        }
        return true;
    }
    if (bit != HGH_ADMIN_GET) {
        return false;
    }
    if (strcmp(name, "list") == 0) {
        get_plugin_list(call);
        return true;
    }
    if (strcmp(name, "status") == 0 && api->status != NULL) {
        api->status(api->hook_context, call->request, &call->later);
        return true;
    }
    return false;
}

static bool is_too_deep(const json_t *value, size_t depth)
{
    const json_t *child;
    size_t i;

    if (depth > DEPTH_MAX) {
        return true;
    }
    json_array_foreach(value, i, child)
    {
        if (is_too_deep(child, depth + 1)) {
            return true;
        }
    }
    for (void *at = json_object_iter((json_t *)(uintptr_t)value); at != NULL;
         at = json_object_iter_next((json_t *)(uintptr_t)value, at)) {
        if (is_too_deep(json_object_iter_value(at), depth + 1)) {
            return true;
        }
    }
    return false;
}

static void refuse_body(api_call *call, const char *reason)
{
    char *raw = malloc(call->request->body_length + 1);
    char text[JSON_ERROR_TEXT_LENGTH + 100 + sizeof(BRACES_HINT)];
    size_t length = call->request->body_length;

    (void)snprintf(text, sizeof(text), "invalid request body: %s", reason);
    hgh_admin_text_repair(text);
    if (raw != NULL) {
        memcpy(raw, call->request->body, length);
        raw[length] = '\0';
        for (size_t i = 0; i < length; i++) {
            raw[i] = raw[i] == '\0' ? '?' : raw[i];
        }
        hgh_admin_text_repair(raw);
    }
    answer_json(call, STATUS_BAD,
                json_pack("{s:s, s:s}", "error_msg", text, "req_body", raw == NULL ? "" : raw));
    free(raw);
}

/* The body as JSON in *out_body, NULL if there is none; false: an answer was given. */
static bool body_parse(api_call *call, json_t **out_body)
{
    const hgh_admin_request *request = call->request;
    char reason[JSON_ERROR_TEXT_LENGTH + 60 + sizeof(BRACES_HINT)];
    json_error_t where;
    json_t *body;

    if (request->body_is_dropped && request->body_length > 0) {
        hgh_admin_later_error(&call->later, STATUS_BAD,
                              "invalid request body: request size %llu is greater than the maximum "
                              "size %u allowed",
                              (unsigned long long)request->body_length, HGH_ADMIN_BODY_MAX);
        return false;
    }
    if (request->body_length == 0) {
        return true;
    }
    /* A name that stands twice is a mistake whichever value is meant. */
    body = json_loadb(request->body, request->body_length, JSON_DECODE_ANY | JSON_REJECT_DUPLICATES,
                      &where);
    if (body == NULL) {
        bool braces = hgh_expression_has_braces((hg_text){request->body, request->body_length});

        (void)snprintf(reason, sizeof(reason), "%s at line %d column %d%s", where.text, where.line,
                       where.column, braces ? BRACES_HINT : "");
        refuse_body(call, reason);
        return false;
    }
    if (is_too_deep(body, 1)) {
        json_decref(body);
        refuse_body(call, "found more than 256 levels");
        return false;
    }
    *out_body = body;
    return true;
}

/* ?ttl= in *out_ttl_s; false: an answer was given. */
static bool ttl_parse(api_call *call, int64_t *out_ttl_s)
{
    const char *text = hgh_admin_request_argument(call->request, "ttl");
    double ttl;

    if (text == NULL) {
        return true;
    }
    if (!number_of(text, &ttl)) {
        hgh_admin_later_error(&call->later, STATUS_BAD, "invalid argument ttl: should be a number");
        return false;
    }
    if (ttl < 1 || ttl > TTL_MAX_S) {
        hgh_admin_later_error(&call->later, STATUS_BAD,
                              "invalid argument ttl: should be from 1 to %.0f", TTL_MAX_S);
        return false;
    }
    *out_ttl_s = (int64_t)ttl;
    return true;
}

/* An object's request, once it is clear that there may be one. */
static void
dispatch(api_call *call, const hgh_object_kind *kind, uint32_t method, json_t *body, int64_t ttl_s)
{
    const char *force = hgh_admin_request_argument(call->request, "force");
    hgh_admin_write write = {
        .kind = kind,
        .method = method,
        .parent = call->target.parent,
        .id = call->target.id,
        .sub_path = call->target.sub_path,
        .body = body,
        .ttl_s = ttl_s,
        .force = force != NULL && strcmp(force, "true") == 0,
    };

    if ((kind->methods & method) == 0) {
        json_decref(body);
        hgh_admin_later_error(&call->later, STATUS_NOT_METHOD, "not supported `%s` method for %s",
                              call->request->method, kind->noun);
    } else if (method != HGH_ADMIN_GET) {
        hgh_admin_write_start(&call->api->write_parts, &write, &call->later);
    } else if (kind->parent != NULL && !has_parent(call, kind)) {
        json_decref(body);
        hgh_admin_later_error(&call->later, STATUS_NOT_FOUND, "%s not found",
                              hgh_object_kind_find(kind->parent)->noun);
    } else if (call->target.id != NULL) {
        json_decref(body);
        get_one(call, kind);
    } else {
        json_decref(body);
        get_list(call, kind);
    }
}

/* From the third check on (admin-api.md section 2): the key is right. */
static void handle_authorised(api_call *call)
{
    const char *resource = call->target.resource;
    const hgh_object_kind *kind = hgh_object_kind_find(resource);
    bool is_plugins = strcmp(resource, "plugins") == 0;
    bool is_schema = strcmp(resource, "schema") == 0;
    uint32_t method = method_bit(call->request->method);
    json_t *body = NULL;
    int64_t ttl_s = 0;

    if (plugins_special(call)) {
        return;
    }
    if (strcmp(resource, "stream_routes") == 0) {
        hgh_admin_later_error(&call->later, STATUS_BAD,
                              "stream mode is disabled, can not add stream routes");
        return;
    }
    if (kind != NULL && kind->parent != NULL && call->target.parent == NULL) {
        kind = NULL; /* it has no address of its own */
    }
    if (kind == NULL && !is_plugins && !is_schema) {
        hgh_admin_later_error(&call->later, STATUS_NOT_FOUND, "Unsupported resource type: %s",
                              resource);
        return;
    }
    if (method == 0 || (kind == NULL && method != HGH_ADMIN_GET)) {
        not_found(call);
        return;
    }
    if (!body_parse(call, &body)) {
        return;
    }
    if (!ttl_parse(call, &ttl_s)) {
        json_decref(body);
        return;
    }
    if (kind != NULL) {
        dispatch(call, kind, method, body, ttl_s);
        return;
    }
    json_decref(body);
    if (is_plugins) {
        get_plugin(call);
    } else {
        get_schema(call);
    }
}

static void preflight(api_call *call)
{
    hgh_admin_answer made = {.status = STATUS_OK};

    if (call->api->has_cors) {
        hgh_admin_answer_header(&made, "Access-Control-Allow-Methods", "*");
        hgh_admin_answer_header(&made, "Access-Control-Allow-Headers", "*");
    }
    answer(call, &made);
}

static bool is_under_root(const char *path)
{
    size_t length = strlen(ROOT);

    return strncmp(path, ROOT, length) == 0 && (path[length] == '\0' || path[length] == '/');
}

static void handle_checked(api_call *call)
{
    const hgh_admin_request *request = call->request;
    const char *why = NULL;

    if (!hgh_admin_access_allows(call->api->access, request)) {
        hgh_admin_later_error(&call->later, STATUS_FORBIDDEN,
                              "the client's address is not in allow_admin");
        return;
    }
    if (strcmp(request->method, "OPTIONS") == 0) {
        preflight(call);
        return;
    }
    if (!is_under_root(request->path)) {
        hgh_admin_later_error(&call->later, STATUS_NOT_FOUND, "404 Not Found");
        return;
    }
    if (strcmp(request->method, "HEAD") == 0 && strcmp(request->path, ROOT) == 0) {
        hgh_admin_answer made = {.status = STATUS_OK};

        answer(call, &made); /* a probe of whether the API is there */
        return;
    }
    if (hgh_admin_access_check(call->api->access, request, &call->role, &why) != HG_OK) {
        answer_json(
            call, STATUS_NO_KEY,
            json_pack("{s:s, s:s}", "error_msg", "failed to check token", "description", why));
        return;
    }
    call->is_authorised = true;
    if (!hgh_admin_text_is_valid(request->path)) {
        hgh_admin_later_error(&call->later, STATUS_BAD, "found a path that is not UTF-8");
        return;
    }
    if (!target_parse(request->path, &call->target)) {
        hgh_admin_later_error(&call->later, STATUS_NO_MEMORY, "out of memory");
        return;
    }
    handle_authorised(call);
}

static void handle(void *context, const hgh_admin_request *request, hgh_admin_answer_later *later)
{
    api_call *call = calloc(1, sizeof(*call));

    if (call == NULL) {
        hgh_admin_later_error(later, STATUS_NO_MEMORY, "out of memory");
        return;
    }
    call->later.send = call_send;
    call->api = context;
    call->request = request;
    call->client = later;
    handle_checked(call);
}

/* A stranger's body is not kept: memory is for those who have a key. */
static bool wants_body(void *context, const hgh_admin_request *request)
{
    const hgh_admin_api *api = context;
    const char *why = NULL;
    hgh_role role;

    return hgh_admin_access_allows(api->access, request) &&
           hgh_admin_access_check(api->access, request, &role, &why) == HG_OK;
}

/* Objects with a time to live. */
static void expiry_set(void *context);

static void expiry_due(void *context)
{
    hgh_admin_api *api = context;

    if (hgh_resource_table_expiry(api->parts.table) <= (int64_t)time(NULL)) {
        hgh_admin_write_expire(&api->write_parts); /* which sets the timer when it is through */
    } else {
        expiry_set(api);
    }
}

static void expiry_set(void *context)
{
    hgh_admin_api *api = context;
    int64_t due_wall_s = hgh_resource_table_expiry(api->parts.table);
    int64_t after_ms;

    if (due_wall_s == 0) {
        hgh_event_loop_timer_stop(api->parts.loop, &api->expiry);
        return;
    }
    after_ms = (due_wall_s - (int64_t)time(NULL)) * MS_IN_S;
    /* At once only if it was never tried: a store that refuses must not be asked without end. */
    after_ms = after_ms < MS_IN_S ? MS_IN_S : after_ms;
    after_ms = after_ms > EXPIRY_CHECK_MS ? EXPIRY_CHECK_MS : after_ms;
    hgh_event_loop_timer_start(api->parts.loop, &api->expiry, (uint64_t)after_ms, expiry_due, api);
}

hg_status
hgh_admin_api_new(const hgh_admin_api_parts *parts, hgh_admin_api **out_api, hg_error *err)
{
    hgh_admin_api *api = calloc(1, sizeof(*api));
    hg_status status;

    if (api == NULL) {
        return hg_error_set(err, HG_ERR_NO_MEMORY, "Admin API: out of memory");
    }
    api->parts = *parts;
    api->format =
        strcmp(parts->settings->admin_api_version, "v3") == 0 ? HGH_ADMIN_V3 : HGH_ADMIN_V2;
    api->has_cors = parts->settings->enable_admin_cors;
    (void)snprintf(api->server, sizeof(api->server), API_LEVEL " hotgate/%s", parts->version);
    status = hgh_admin_access_new(parts->settings, &api->access, err);
    if (status == HG_OK) {
        status = hgh_object_check_new(&api->object_check, err);
    }
    if (status == HG_OK) {
        api->queue = hgh_admin_queue_new(parts->loop);
        if (api->queue == NULL) {
            status = hg_error_set(err, HG_ERR_NO_MEMORY, "Admin API: out of memory");
        }
    }
    if (status != HG_OK) {
        hgh_admin_api_free(api);
        return status;
    }
    api->write_parts = (hgh_admin_write_parts){
        .format = api->format,
        .queue = api->queue,
        .table = parts->table,
        .publisher = parts->publisher,
        .object_check = api->object_check,
        .catalog = parts->catalog,
        .plugin_check = parts->plugin_check,
        .on_stored = expiry_set,
        .context = api,
    };
    expiry_set(api);
    *out_api = api;
    return HG_OK;
}

void hgh_admin_api_free(hgh_admin_api *api)
{
    if (api == NULL) {
        return;
    }
    hgh_event_loop_timer_stop(api->parts.loop, &api->expiry);
    hgh_admin_queue_free(api->queue);
    hgh_object_check_free(api->object_check);
    hgh_admin_access_free(api->access);
    free(api);
}

void hgh_admin_api_set_reload(hgh_admin_api *api,
                              hgh_admin_call reload,
                              hgh_admin_call status,
                              void *context)
{
    api->reload = reload;
    api->status = status;
    api->hook_context = context;
}

void hgh_admin_api_set_plugin_check(hgh_admin_api *api, hgh_plugin_check *plugin_check)
{
    api->parts.plugin_check = plugin_check;
    api->write_parts.plugin_check = plugin_check;
}

hgh_admin_queue *hgh_admin_api_queue(hgh_admin_api *api)
{
    return api->queue;
}

hgh_admin_handler hgh_admin_api_handler(hgh_admin_api *api)
{
    return (hgh_admin_handler){.wants_body = wants_body, .handle = handle, .context = api};
}
