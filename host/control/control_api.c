/* host/control/control_api.c - the Control API: what runs here, for whoever is on this machine. */
#include "host/control/control_api.h"

#include <malloc.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/control/admin_envelope.h"
#include "host/control/admin_plugins.h"
#include "host/control/admin_redact.h"
#include "host/control/admin_schema.h"
#include "host/control/control_health.h"
#include "host/control/control_view.h"
#include "host/control/resource_walk.h"
#include "host/control/runner_report.h"
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

static const char *type_of(const char *body)
{
    if (body[0] == '<') {
        return "text/html";
    }
    return body[0] == '{' || body[0] == '[' ? "application/json" : "text/plain";
}

static void call_send(hgh_admin_answer_later *later, hgh_admin_answer *answer)
{
    control_call *call = (control_call *)later;
    hgh_admin_queue *queue = call->is_in_queue ? call->api->queue : NULL;
    hgh_admin_answer_later *client = call->client;
    char server[HGH_ADMIN_HEADER_TEXT];

    (void)snprintf(server, sizeof(server), HGH_ADMIN_SERVER "%s", call->api->version);
    hgh_admin_answer_header(answer, "Server", server);
    if (answer->body_length > 0) {
        hgh_admin_answer_header(answer, "Content-Type", type_of(answer->body));
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

/* A list on its way: in slices, so that it holds up nobody else. */
typedef struct control_list {
    hgh_resource_walk walk;
    control_call *call;
    const hgh_object_kind *kind;
    hgh_control_view *view;
    hgh_admin_envelope_list list;
    struct control_list *next;
    struct control_list *previous;
} control_list;

static void list_free(control_list *self)
{
    if (self->previous == NULL) {
        self->call->api->lists = self->next;
    } else {
        self->previous->next = self->next;
    }
    if (self->next != NULL) {
        self->next->previous = self->previous;
    }
    hgh_admin_envelope_list_done(&self->list);
    hgh_control_view_free(self->view);
    free(self);
}

static bool list_visit(void *context, const hgh_resource_object *object)
{
    control_list *self = context;
    json_t *item;
    char *text;

    if (hgh_resource_object_is_over(object)) {
        return true;
    }
    item = hgh_control_view_item(self->view, self->kind, object);
    text = item == NULL ? NULL : json_dumps(item, JSON_COMPACT);
    if (text != NULL) {
        hgh_admin_envelope_list_add_text(&self->list, text);
    } else {
        self->list.is_broken = true;
    }
    free(text);
    json_decref(item);
    return !self->list.is_broken;
}

static void list_end(void *context)
{
    control_list *self = context;
    control_call *call = self->call;
    bool is_empty = self->list.count == 0; /* then an object: the clients are used to it */
    hgh_admin_answer made = {0};

    hgh_admin_envelope_list_answer_between(&self->list, is_empty ? "{" : "[", is_empty ? "}" : "]",
                                           &made);
    list_free(self);
    answer(call, &made);
}

static void get_objects(control_call *call, const hgh_object_kind *kind)
{
    hgh_control_api *api = call->api;
    control_list *self = calloc(1, sizeof(*self));
    hgh_control_view *view = hgh_control_view_new(api->object_check, api->catalog);

    if (self == NULL || view == NULL) {
        free(self);
        hgh_control_view_free(view);
        hgh_admin_later_error(&call->later, STATUS_NOT_READY, "out of memory");
        return;
    }
    self->call = call;
    self->kind = kind;
    self->view = view;
    self->next = api->lists;
    if (self->next != NULL) {
        self->next->previous = self;
    }
    api->lists = self;
    hgh_admin_envelope_list_begin(&self->list);
    self->walk = (hgh_resource_walk){
        .loop = api->loop,
        .table = api->table,
        .kind = kind->name,
        .visit = list_visit,
        .end = list_end,
        .context = self,
    };
    hgh_resource_walk_start(&self->walk);
}

void hgh_control_api_done(hgh_control_api *api)
{
    while (api->lists != NULL) {
        control_list *self = api->lists;
        control_call *call = self->call;

        hgh_resource_walk_stop(&self->walk);
        list_free(self);
        hgh_admin_later_error(&call->later, STATUS_NOT_READY, "the control plane ends");
    }
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
    const hgh_control_api *api = call->api;
    json_t *items =
        api->health == NULL ? json_array() : hgh_control_health_all(api->health, api->table);
    const char *accept = call->request->header(call->request->context, "Accept");
    hgh_admin_answer made = {0};
    char *page;

    if (accept == NULL || strstr(accept, "text/html") == NULL) {
        answer_json(call, items);
        return;
    }
    page = hgh_control_health_page(items);
    hgh_admin_answer_text(&made, STATUS_OK, page, page == NULL ? 0 : strlen(page));
    json_decref(items);
    answer(call, &made);
}

/* routes/1: one of those that have an upstream. */
static void get_healthcheck(control_call *call)
{
    static const char *const types[] = {"routes", "services", "upstreams", "stream_routes"};
    char type[PATH_MAX_BYTES];
    const char *id = call->argument + strcspn(call->argument, "/");
    char key[PATH_MAX_BYTES + 1];
    const hgh_resource_object *object;
    json_t *item = NULL;
    bool is_known = false;

    (void)snprintf(type, sizeof(type), "%.*s", (int)(id - call->argument), call->argument);
    id += *id == '/' ? 1 : 0;
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        is_known = is_known || strcmp(types[i], type) == 0;
    }
    (void)snprintf(key, sizeof(key), "%s", call->argument);
    object = hgh_resource_table_find_live(call->api->table, key);
    if (object != NULL && call->api->health != NULL) {
        item = hgh_control_health_item(call->api->health, hgh_object_kind_find(type), object);
    }
    if (!is_known) {
        hgh_admin_later_error(&call->later, STATUS_BAD, "invalid src type %s", type);
    } else if (*id == '\0') {
        hgh_admin_later_error(&call->later, STATUS_NOT_FOUND, "missing src id for src type %s",
                              type);
    } else if (object == NULL) {
        hgh_admin_later_error(&call->later, STATUS_NOT_FOUND, "%s[%s] not found", type, id);
    } else if (item == NULL) {
        hgh_admin_later_error(&call->later, STATUS_NOT_FOUND, "no checker for %s[%s]", type, id);
    } else {
        answer_json(call, item);
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

static void explain(control_call *call)
{
    call->api->explain(call->api->explain_context, call->request, &call->later);
}

/* How it stands with the file that objects come from. */
static void get_standalone(control_call *call)
{
    if (call->api->standalone == NULL) {
        not_found(call);
    } else {
        answer_json(call, hgh_standalone_status(call->api->standalone));
    }
}

static void get_runners(control_call *call)
{
    answer_json(call, hgh_runner_report_read(call->api->instance));
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
    {"GET", "/v1/standalone", get_standalone},
    {"GET", "/v1/runners", get_runners},
    {"GET", "/v1/explain", explain},
    {"POST", "/v1/explain", explain},
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
    return strcmp(request->method, "POST") == 0 && strcmp(request->path, "/v1/explain") == 0;
}

hgh_admin_handler hgh_control_api_handler(hgh_control_api *api)
{
    return (hgh_admin_handler){.wants_body = wants_body, .handle = handle_control, .context = api};
}

hgh_admin_handler hgh_control_api_status_handler(hgh_control_api *api)
{
    return (hgh_admin_handler){.wants_body = wants_body, .handle = handle_status, .context = api};
}
