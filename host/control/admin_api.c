/* host/control/admin_api.c - the Admin API: what each request asks for, and who answers it. */
#include "host/control/admin_api.h"

#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "host/control/admin_access.h"
#include "host/control/admin_body.h"
#include "host/control/admin_envelope.h"
#include "host/control/admin_expire.h"
#include "host/control/admin_plugins.h"
#include "host/control/admin_read.h"
#include "host/control/admin_schema.h"
#include "host/control/admin_target.h"
#include "host/control/admin_write.h"
#include "host/control/object_check.h"
#include "host/control/object_kind.h"
#include "host/control/store_document.h"
#include "host/control/store_import.h"

#define STATUS_OK         200u
#define STATUS_BAD        400u
#define STATUS_NO_KEY     401u
#define STATUS_FORBIDDEN  403u
#define STATUS_NOT_FOUND  404u
#define STATUS_NOT_METHOD 405u
#define STATUS_NO_MEMORY  503u
#define TTL_MAX_S         9000000000.0 /* etcd's limit for a lease */
#define EXPIRY_CHECK_MS   60000        /* wall clocks jump: look again at least so often */
#define MS_IN_S           1000

struct hgh_admin_api {
    hgh_admin_api_parts parts;
    hgh_admin_access *access;       /* owned */
    hgh_object_check *object_check; /* owned */
    hgh_admin_queue *queue;         /* owned */
    hgh_admin_write_parts write_parts;
    hgh_admin_reads reads;
    hgh_admin_format format;
    bool has_cors;
    char server[64];
    hgh_admin_reload_calls reload;
    hgh_admin_call explain;
    hgh_admin_call explain_token;
    void *explain_context;
    hgh_event_loop_timer expiry;
};

/* A request on its way through the checks. */
typedef struct api_call {
    hgh_admin_answer_later later; /* first: whoever answers hands it back to us */
    hgh_admin_api *api;
    const hgh_admin_request *request;
    hgh_admin_answer_later *client;
    hgh_admin_target target;
    hgh_role role;
    bool is_authorised;
    hgh_admin_job job; /* of a reload */
    bool is_in_queue;
} api_call;

static void call_free(api_call *call)
{
    hgh_admin_target_done(&call->target);
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

static void answer_json(api_call *call, unsigned status, json_t *json)
{
    hgh_admin_later_json(&call->later, status, json);
}

/* A reload takes its turn among the writes. */
static void reload_run(hgh_admin_job *job)
{
    api_call *call = (api_call *)((char *)job - offsetof(api_call, job));
    hgh_admin_api *api = call->api;

    api->reload.reload(api->reload.context, call->request, &call->later);
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
    if (strcmp(name, "reload") == 0 && api->reload.reload != NULL) {
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
    if (bit == HGH_ADMIN_GET && strcmp(name, "status") == 0 && api->reload.status != NULL) {
        api->reload.status(api->reload.context, call->request, &call->later);
        return true;
    }
    if (bit == HGH_ADMIN_GET && strcmp(name, "history") == 0 && api->reload.history != NULL) {
        api->reload.history(api->reload.context, call->request, &call->later);
        return true;
    }
    return false;
}

/* The body in *out_body, NULL if there is none; false: an answer was given. */
static bool body_parse(api_call *call, json_t **out_body, unsigned max)
{
    hgh_admin_answer made = {0};

    if (hgh_admin_body_parse(call->request, max, out_body, &made)) {
        return true;
    }
    answer(call, &made);
    return false;
}

/* ?ttl= in *out_ttl_s; false: an answer was given. */
static bool ttl_parse(api_call *call, int64_t *out_ttl_s)
{
    const char *text = hgh_admin_request_argument(call->request, "ttl");
    char *end = NULL;
    double ttl;

    if (text == NULL) {
        return true;
    }
    ttl = strtod(text, &end);
    if (end == text || *end != '\0' || !isfinite(ttl)) {
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

/* Nothing of the request could make it right: it is the method that is not to be had here. */
static void refuse_write(api_call *call)
{
    hgh_admin_later_error(&call->later, STATUS_NOT_METHOD,
                          "the configuration is read only: it comes from %s; change that file",
                          call->api->parts.read_only);
}

static void get_objects(api_call *call, const hgh_object_kind *kind)
{
    hgh_admin_read read = {
        .request = call->request,
        .kind = kind,
        .parent = call->target.parent,
        .id = call->target.id,
        .hides_secrets = call->role != HGH_ROLE_ADMIN,
    };

    hgh_admin_read_start(&call->api->reads, &read, &call->later);
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
    } else if (method != HGH_ADMIN_GET && call->api->parts.read_only != NULL) {
        json_decref(body);
        refuse_write(call);
    } else if (method != HGH_ADMIN_GET) {
        hgh_admin_write_start(&call->api->write_parts, &write, &call->later);
    } else {
        json_decref(body);
        get_objects(call, kind);
    }
}

/* /plugins and /schema: what is there, not what is stored. */
static void get_descriptions(api_call *call, bool is_plugins)
{
    const hgh_admin_api *api = call->api;
    hgh_admin_answer made = {0};

    if (is_plugins) {
        hgh_admin_plugins_answer(api->parts.catalog, call->request, call->target.id, &made);
    } else {
        hgh_admin_schema_answer(call->target.id == NULL ? "" : call->target.id, &made);
    }
    answer(call, &made);
}

/* POST /schema/validate/KIND; true: it was that. */
static bool validate(api_call *call)
{
    const char *name = call->target.sub_path == NULL ? "" : call->target.sub_path;
    const hgh_object_kind *kind = hgh_object_kind_find(name);
    hgh_admin_answer made = {0};
    json_t *body = NULL;

    if (strcmp(call->target.resource, "schema") != 0 || call->target.id == NULL ||
        strcmp(call->target.id, "validate") != 0 ||
        method_bit(call->request->method) != HGH_ADMIN_POST) {
        return false;
    }
    if (kind == NULL) {
        hgh_admin_later_error(&call->later, STATUS_NOT_FOUND, "Unsupported resource type: %s",
                              name);
    } else if (body_parse(call, &body, HGH_ADMIN_BODY_MAX)) {
        hgh_admin_schema_validate(call->api->object_check, kind, body, &made);
        answer(call, &made);
        json_decref(body);
    }
    return true;
}

static bool is_asked(const api_call *call, const char *resource, const char *id, uint32_t method)
{
    return strcmp(call->target.resource, resource) == 0 && call->target.id != NULL &&
           strcmp(call->target.id, id) == 0 && call->target.sub_path == NULL &&
           method_bit(call->request->method) == method;
}

/* Why a request gets what it gets; true: that was asked. */
static bool explain_request(api_call *call)
{
    hgh_admin_api *api = call->api;
    uint32_t method = method_bit(call->request->method);

    if (api->explain != NULL && is_asked(call, "explain", "token", HGH_ADMIN_POST)) {
        api->explain_token(api->explain_context, call->request, &call->later);
        return true;
    }
    if (api->explain == NULL || strcmp(call->target.resource, "explain") != 0 ||
        call->target.id != NULL || (method & (HGH_ADMIN_GET | HGH_ADMIN_POST)) == 0) {
        return false;
    }
    api->explain(api->explain_context, call->request, &call->later);
    return true;
}

static bool is_true(const api_call *call, const char *argument)
{
    const char *text = hgh_admin_request_argument(call->request, argument);

    return text != NULL && strcmp(text, "true") == 0;
}

static void export_all(api_call *call)
{
    hgh_admin_answer made = {0};
    hg_error err = HG_ERROR_INIT;
    char *text = NULL;
    size_t length = 0;
    FILE *out = open_memstream(&text, &length);
    hg_status status =
        out == NULL ? HG_ERR_NO_MEMORY : hgh_document_write(call->api->parts.table, out, &err);

    if (out != NULL && fclose(out) != 0) {
        status = HG_ERR_NO_MEMORY;
    }
    if (status != HG_OK) {
        free(text);
        hgh_admin_later_error(&call->later, STATUS_NO_MEMORY, "out of memory");
        return;
    }
    hgh_admin_answer_text(&made, STATUS_OK, text, length);
    answer(call, &made);
}

static void on_imported(void *context, unsigned status, json_t *made)
{
    answer_json(context, status, made);
}

/* Whole documents: POST /configs/validate, and through the instance's socket what `hotgate store`
 * asks for. True: it was one of them. */
static bool documents(api_call *call)
{
    bool is_local = call->request->peer == HGH_ADMIN_PEER_LOCAL;
    bool is_validation = is_asked(call, "configs", "validate", HGH_ADMIN_POST);
    hgh_store_import import = {.is_validation = is_validation,
                               .replaces = is_validation || is_true(call, "replace"),
                               .only_judges = is_true(call, "dry_run")};

    if (is_local && is_asked(call, "store", "export", HGH_ADMIN_GET)) {
        export_all(call);
        return true;
    }
    if (!is_validation && !(is_local && is_asked(call, "store", "import", HGH_ADMIN_POST))) {
        return false;
    }
    if (call->api->parts.read_only != NULL && !import.only_judges && !is_validation) {
        refuse_write(call);
        return true;
    }
    if (!body_parse(call, &import.document, is_local ? HGH_ADMIN_IMPORT_MAX : HGH_ADMIN_BODY_MAX)) {
        return true;
    }
    if (import.document == NULL) {
        hgh_admin_later_error(&call->later, STATUS_BAD, "missing configurations");
        return true;
    }
    hgh_store_import_start(&call->api->write_parts, &import, on_imported, call);
    return true;
}

/* The kind that a request is about; NULL: none, or one that has no address of its own. */
static const hgh_object_kind *kind_of(const api_call *call)
{
    const hgh_object_kind *kind = hgh_object_kind_find(call->target.resource);

    return kind != NULL && kind->parent != NULL && call->target.parent == NULL ? NULL : kind;
}

/* From the third check on (admin-api.md section 2): the key is right. */
static void handle_authorised(api_call *call)
{
    const char *resource = call->target.resource;
    const hgh_object_kind *kind = kind_of(call);
    bool is_plugins = strcmp(resource, "plugins") == 0;
    bool is_schema = strcmp(resource, "schema") == 0;
    uint32_t method = method_bit(call->request->method);
    json_t *body = NULL;
    int64_t ttl_s = 0;

    if (plugins_special(call) || validate(call) || documents(call) || explain_request(call)) {
        return;
    }
    if (strcmp(resource, "stream_routes") == 0) {
        hgh_admin_later_error(&call->later, STATUS_BAD,
                              "stream mode is disabled, can not add stream routes");
        return;
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
    if (!body_parse(call, &body, HGH_ADMIN_BODY_MAX)) {
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
    get_descriptions(call, is_plugins);
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
    if (!hgh_admin_target_is_under_root(request->path)) {
        hgh_admin_later_error(&call->later, STATUS_NOT_FOUND, "404 Not Found");
        return;
    }
    if (strcmp(request->method, "HEAD") == 0 && strcmp(request->path, HGH_ADMIN_ROOT) == 0) {
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
    if (!hgh_admin_target_parse(request->path, &call->target)) {
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
        hgh_admin_expire_start(&api->write_parts); /* which sets the timer when it is through */
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
    /* Every write comes here: it must not put off what is due. */
    if (!api->expiry.is_waiting ||
        api->expiry.due_ms > hgh_event_loop_now_ms() + (uint64_t)after_ms) {
        hgh_event_loop_timer_start(api->parts.loop, &api->expiry, (uint64_t)after_ms, expiry_due,
                                   api);
    }
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
    (void)snprintf(api->server, sizeof(api->server), HGH_ADMIN_SERVER "%s", parts->version);
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
    api->reads = (hgh_admin_reads){
        .loop = parts->loop,
        .table = parts->table,
        .catalog = parts->catalog,
        .format = api->format,
    };
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
    hgh_admin_reads_done(&api->reads);
    hgh_admin_queue_free(api->queue);
    hgh_object_check_free(api->object_check);
    hgh_admin_access_free(api->access);
    free(api);
}

void hgh_admin_api_set_reload(hgh_admin_api *api, const hgh_admin_reload_calls *calls)
{
    api->reload = *calls;
}

void hgh_admin_api_set_explain(hgh_admin_api *api,
                               hgh_admin_call explain,
                               hgh_admin_call token,
                               void *context)
{
    api->explain = explain;
    api->explain_token = token;
    api->explain_context = context;
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

const hgh_admin_write_parts *hgh_admin_api_write_parts(const hgh_admin_api *api)
{
    return &api->write_parts;
}

const hgh_object_check *hgh_admin_api_object_check(const hgh_admin_api *api)
{
    return api->object_check;
}

hgh_admin_handler hgh_admin_api_handler(hgh_admin_api *api)
{
    return (hgh_admin_handler){.wants_body = wants_body, .handle = handle, .context = api};
}
