/* host/control/control_api.c - the Control API: what runs here, for whoever is on this machine. */
#include "host/control/control_api.h"

#include <malloc.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/control/admin_plugins.h"
#include "host/control/admin_redact.h"
#include "host/control/admin_schema.h"
#include "host/control/control_view.h"
#include "host/control/worker_board.h"

#define STATUS_OK        200u
#define STATUS_BAD       400u
#define STATUS_NOT_FOUND 404u
#define STATUS_NOT_READY 503u
#define PATH_MAX_BYTES   1024u

/* One request. */
typedef struct control_call {
    hgh_admin_answer_later later; /* first: the reload hands it back to us */
    hgh_admin_job job;
    hgh_control_api *api;
    const hgh_admin_request *request;
    hgh_admin_answer_later *client;
    bool is_in_queue;
    const char *argument; /* what follows the endpoint in the path; NULL: nothing */
    char path[PATH_MAX_BYTES];
} control_call;

static void call_send(hgh_admin_answer_later *later, hgh_admin_answer *answer)
{
    control_call *call = (control_call *)later;
    hgh_admin_queue *queue = call->is_in_queue ? call->api->queue : NULL;
    hgh_admin_answer_later *client = call->client;
    char server[HGH_ADMIN_HEADER_TEXT];

    (void)snprintf(server, sizeof(server), HGH_ADMIN_SERVER "%s", call->api->version);
    hgh_admin_answer_header(answer, "Server", server);
    if (answer->body_length > 0) {
        hgh_admin_answer_header(
            answer, "Content-Type",
            answer->body[0] == '{' || answer->body[0] == '[' ? "application/json" : "text/plain");
    }
    if (queue != NULL) {
        hgh_admin_queue_end(queue);
    }
    free(call);
    client->send(client, answer);
}

static void answer(control_call *call, hgh_admin_answer *with)
{
    call_send(&call->later, with);
}

static void answer_json(control_call *call, json_t *json)
{
    hgh_admin_later_json(&call->later, STATUS_OK, json);
}

/* A list without items is an empty object: the clients are used to it. */
static void answer_list(control_call *call, json_t *list)
{
    if (json_is_array(list) && json_array_size(list) == 0) {
        json_decref(list);
        list = json_object();
    }
    answer_json(call, list);
}

static void not_found(control_call *call)
{
    hgh_admin_later_error(&call->later, STATUS_NOT_FOUND, "404 Not Found");
}

/* --------------------------------------------------------------------------------- objects */

static void get_objects(control_call *call, const hgh_object_kind *kind)
{
    const hgh_control_api *api = call->api;
    hgh_control_view *view = hgh_control_view_new(api->object_check, api->catalog);
    json_t *list = json_array();

    for (const hgh_resource_object *object = hgh_resource_table_first(api->table, kind->name);
         object != NULL; object = hgh_resource_table_next(object)) {
        if (view == NULL ||
            (!hgh_resource_object_is_over(object) &&
             json_array_append_new(list, hgh_control_view_item(view, kind, object)) != 0)) {
            json_decref(list);
            list = NULL;
            break;
        }
    }
    hgh_control_view_free(view);
    answer_list(call, list);
}

static void get_object(control_call *call, const hgh_object_kind *kind)
{
    const hgh_control_api *api = call->api;
    char key[HGH_OBJECT_KEY_MAX];
    const hgh_resource_object *object = NULL;
    hgh_control_view *view;
    json_t *item = NULL;

    if (hgh_object_key_make(kind, NULL, call->argument, key, sizeof(key))) {
        object = hgh_resource_table_find_live(api->table, key);
    }
    if (object == NULL) {
        hgh_admin_later_error(&call->later, STATUS_NOT_FOUND, "%s[%s] not found", kind->noun,
                              call->argument);
        return;
    }
    view = hgh_control_view_new(api->object_check, api->catalog);
    if (view != NULL) {
        item = hgh_control_view_item(view, kind, object);
    }
    hgh_control_view_free(view);
    answer_json(call, item);
}

static void get_routes(control_call *call)
{
    get_objects(call, hgh_object_kind_find("routes"));
}

static void get_services(control_call *call)
{
    get_objects(call, hgh_object_kind_find("services"));
}

static void get_upstreams(control_call *call)
{
    get_objects(call, hgh_object_kind_find("upstreams"));
}

static void get_route(control_call *call)
{
    get_object(call, hgh_object_kind_find("routes"));
}

static void get_service(control_call *call)
{
    get_object(call, hgh_object_kind_find("services"));
}

static void get_upstream(control_call *call)
{
    get_object(call, hgh_object_kind_find("upstreams"));
}

/* -------------------------------------------------------------------------------- metadata */

/* What is stored for a plugin that is in force: the stored value without its secrets. */
static json_t *metadata_of(const hgh_control_api *api, const hgh_resource_object *object)
{
    json_t *value = json_loadb(object->value, object->value_length, 0, NULL);

    if (value != NULL) {
        hgh_admin_redact(api->catalog, hgh_object_kind_find("plugin_metadata"), value);
    }
    return value;
}

static void get_metadatas(control_call *call)
{
    const hgh_control_api *api = call->api;
    json_t *list = json_array();

    for (const hgh_resource_object *object =
             hgh_resource_table_first(api->table, "plugin_metadata");
         object != NULL && list != NULL; object = hgh_resource_table_next(object)) {
        if (!hgh_resource_object_is_over(object) &&
            hgh_plugin_catalog_find(api->catalog, object->id) != NULL &&
            json_array_append_new(list, metadata_of(api, object)) != 0) {
            json_decref(list);
            list = NULL;
        }
    }
    answer_list(call, list);
}

static void get_metadata(control_call *call)
{
    const hgh_object_kind *kind = hgh_object_kind_find("plugin_metadata");
    char key[HGH_OBJECT_KEY_MAX];
    const hgh_resource_object *object = NULL;

    if (hgh_object_key_make(kind, NULL, call->argument, key, sizeof(key))) {
        object = hgh_resource_table_find_live(call->api->table, key);
    }
    if (object == NULL) {
        hgh_admin_later_error(&call->later, STATUS_NOT_FOUND, "plugin metadata[%s] not found",
                              call->argument);
        return;
    }
    answer_json(call, metadata_of(call->api, object));
}

static void get_schema(control_call *call)
{
    answer_json(call, json_pack("{s:o, s:o, s:{}}", "main", hgh_admin_schema_all(), "plugins",
                                hgh_admin_plugins_all(call->api->catalog), "stream_plugins"));
}

/* ---------------------------------------------------------------------------- healthchecks */

static void get_healthchecks(control_call *call)
{
    answer_json(call, json_array());
}

/* routes/1: one of those that have an upstream. */
static void get_healthcheck(control_call *call)
{
    static const char *const types[] = {"routes", "services", "upstreams", "stream_routes"};
    char *id = call->path + (call->argument - call->path);
    char key[HGH_OBJECT_KEY_MAX];
    bool is_known = false;

    id += strcspn(id, "/");
    if (*id != '\0') {
        *id++ = '\0';
    }
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        is_known = is_known || strcmp(types[i], call->argument) == 0;
    }
    (void)snprintf(key, sizeof(key), "%s/%s", call->argument, id);
    if (!is_known) {
        hgh_admin_later_error(&call->later, STATUS_BAD, "invalid src type %s", call->argument);
    } else if (*id == '\0') {
        hgh_admin_later_error(&call->later, STATUS_NOT_FOUND, "missing src id for src type %s",
                              call->argument);
    } else if (hgh_resource_table_find_live(call->api->table, key) == NULL) {
        hgh_admin_later_error(&call->later, STATUS_NOT_FOUND, "%s[%s] not found", call->argument,
                              id);
    } else {
        hgh_admin_later_error(&call->later, STATUS_NOT_FOUND, "no checker for %s[%s]",
                              call->argument, id);
    }
}

/* --------------------------------------------------------------------------------- actions */

/* The report of a reload is the Admin API's; here its end is one word. */
static void reload_send(hgh_admin_answer_later *later, hgh_admin_answer *answer)
{
    if (answer->status == STATUS_OK) {
        char *text = strdup("done");

        free(answer->body);
        answer->body = NULL;
        hgh_admin_answer_text(answer, STATUS_OK, text, text == NULL ? 0 : strlen(text));
    }
    call_send(later, answer);
}

static void reload_run(hgh_admin_job *job)
{
    control_call *call = (control_call *)(void *)((char *)job - offsetof(control_call, job));

    call->api->reload(call->api->reload_context, call->request, &call->later);
}

static void reload_cancel(hgh_admin_job *job)
{
    control_call *call = (control_call *)(void *)((char *)job - offsetof(control_call, job));

    call->is_in_queue = false; /* the queue itself goes */
    hgh_admin_later_error(&call->later, STATUS_NOT_READY, "the control plane ends");
}

static void put_reload(control_call *call)
{
    call->later.send = reload_send;
    call->job.run = reload_run;
    call->job.cancel = reload_cancel;
    call->is_in_queue = true;
    hgh_admin_queue_add(call->api->queue, &call->job);
}

/* What can be given back here: plugins and workers have no collector. */
static void post_gc(control_call *call)
{
    hgh_admin_answer made = {.status = STATUS_OK};

    (void)malloc_trim(0); /* says whether there was something */
    answer(call, &made);
}

/* ----------------------------------------------------------------------------------- paths */

typedef struct endpoint {
    const char *method;
    const char *path; /* with a '/' at its end, an argument follows */
    void (*answer)(control_call *call);
} endpoint;

static const endpoint endpoints[] = {
    {"GET", "/v1/schema", get_schema},
    {"GET", "/v1/routes", get_routes},
    {"GET", "/v1/route/", get_route},
    {"GET", "/v1/services", get_services},
    {"GET", "/v1/service/", get_service},
    {"GET", "/v1/upstreams", get_upstreams},
    {"GET", "/v1/upstream/", get_upstream},
    {"GET", "/v1/plugin_metadatas", get_metadatas},
    {"GET", "/v1/plugin_metadata/", get_metadata},
    {"GET", "/v1/healthcheck", get_healthchecks},
    {"GET", "/v1/healthcheck/", get_healthcheck},
    {"PUT", "/v1/plugins/reload", put_reload},
    {"POST", "/v1/gc", post_gc},
};

static void get_status(control_call *call)
{
    answer_json(call, json_pack("{s:s}", "status", "ok"));
}

static void get_ready(control_call *call)
{
    char reason[200];

    if (call->api->board == NULL ||
        hgh_worker_board_is_ready(call->api->board, reason, sizeof(reason))) {
        get_status(call);
    } else {
        hgh_admin_later_json(&call->later, STATUS_NOT_READY,
                             json_pack("{s:s, s:s}", "status", "error", "error", reason));
    }
}

static const endpoint status_endpoints[] = {
    {"GET", "/status", get_status},
    {"GET", "/status/ready", get_ready},
};

static bool matches(const endpoint *at, control_call *call)
{
    size_t length = strlen(at->path);
    bool has_argument = at->path[length - 1] == '/';

    if (strcmp(at->method, call->request->method) != 0 ||
        strncmp(at->path, call->path, length) != 0) {
        return false;
    }
    call->argument = has_argument ? call->path + length : NULL;
    return has_argument == (call->path[length] != '\0');
}

static void handle(hgh_control_api *api,
                   const endpoint *table,
                   size_t count,
                   const hgh_admin_request *request,
                   hgh_admin_answer_later *later)
{
    control_call *call = calloc(1, sizeof(*call));

    if (call == NULL) {
        hgh_admin_later_error(later, STATUS_NOT_READY, "out of memory");
        return;
    }
    call->later.send = call_send;
    call->api = api;
    call->request = request;
    call->client = later;
    if (strlen(request->path) < sizeof(call->path) && hgh_admin_text_is_valid(request->path)) {
        (void)snprintf(call->path, sizeof(call->path), "%s", request->path);
    }
    for (size_t i = 0; i < count; i++) {
        if (matches(&table[i], call)) {
            table[i].answer(call);
            return;
        }
    }
    not_found(call);
}

static void
handle_control(void *context, const hgh_admin_request *request, hgh_admin_answer_later *later)
{
    handle(context, endpoints, sizeof(endpoints) / sizeof(endpoints[0]), request, later);
}

static void
handle_status(void *context, const hgh_admin_request *request, hgh_admin_answer_later *later)
{
    handle(context, status_endpoints, sizeof(status_endpoints) / sizeof(status_endpoints[0]),
           request, later);
}

static bool wants_body(void *context, const hgh_admin_request *request)
{
    (void)context;
    (void)request;
    return false;
}

hgh_admin_handler hgh_control_api_handler(hgh_control_api *api)
{
    return (hgh_admin_handler){.wants_body = wants_body, .handle = handle_control, .context = api};
}

hgh_admin_handler hgh_control_api_status_handler(hgh_control_api *api)
{
    return (hgh_admin_handler){.wants_body = wants_body, .handle = handle_status, .context = api};
}
