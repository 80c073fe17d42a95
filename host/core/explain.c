/* host/core/explain.c - why a request gets its route, its plugins and their configurations. */
#include "host/core/explain.h"

#include <stdlib.h>
#include <string.h>

#include "host/core/explain_plugins.h"
#include "host/core/explain_values.h"
#include "host/core/guard.h"
#include "host/core/host_api_internal.h"
#include "host/core/request_parts.h"
#include "host/core/router_explain.h"

#define LOG_LINES_MAX 20u /* kept of what is logged about the request */
#define JSON_FLAGS    (JSON_COMPACT | JSON_ENSURE_ASCII)

struct hgh_explanation {
    bool is_dry;
    char *consumer; /* owned; NULL: who the request says */
    char *route;    /* owned; NULL: none is asked for */
    json_t *routes; /* owned, as are the next ones */
    json_t *filters;
    json_t *ended; /* NULL: no plugin has ended it */
    json_t *log;
    json_t *report; /* as the response has it; NULL: not made yet */
};

static bool text_keep(hg_text text, char **out_copy)
{
    *out_copy = text.data == NULL ? NULL : strndup(text.data, text.length);
    return text.data == NULL || *out_copy != NULL;
}

hgh_explanation *hgh_explanation_new(const hgh_explain_options *options)
{
    hgh_explanation *made = calloc(1, sizeof(*made));

    if (made == NULL) {
        return NULL;
    }
    made->is_dry = options->is_dry;
    made->routes = json_array();
    made->filters = json_array();
    made->log = json_array();
    if (!text_keep(options->consumer, &made->consumer) ||
        !text_keep(options->route, &made->route) || made->routes == NULL || made->filters == NULL ||
        made->log == NULL) {
        hgh_explanation_free(made);
        return NULL;
    }
    return made;
}

void hgh_explanation_free(hgh_explanation *explanation)
{
    if (explanation == NULL) {
        return;
    }
    free(explanation->consumer);
    free(explanation->route);
    json_decref(explanation->routes);
    json_decref(explanation->filters);
    json_decref(explanation->ended);
    json_decref(explanation->log);
    json_decref(explanation->report);
    free(explanation);
}

bool hgh_explanation_is_dry(const hgh_explanation *explanation)
{
    return explanation->is_dry;
}

/* -------------------------------------------------------------------------------- what is noted */

void hgh_explain_routes(hg_request *request, const hgh_route_query *query)
{
    hgh_explanation *explanation = request->explanation;
    hg_text asked = explanation->route == NULL ? (hg_text){0} : hg_text_of(explanation->route);
    json_t *rows =
        hgh_router_explain(request->runtime->router, &request->runtime->snapshot, query, asked);

    if (rows != NULL) {
        json_decref(explanation->routes);
        explanation->routes = rows;
    }
}

void hgh_explain_rewrite_end(hg_request *request)
{
    const hgh_explanation *explanation = request->explanation;
    hgh_resource *named;

    if (explanation->consumer == NULL) {
        return;
    }
    named = hgh_snapshot_find(&request->runtime->snapshot, HGH_CONSUMERS,
                              hg_text_of(explanation->consumer));
    if (named == NULL) {
        hgh_request_log_line(request, HG_LOG_WARN, "explain: there is no consumer %s",
                             explanation->consumer);
        return;
    }
    hgh_request_detach_consumer(request);
    request->consumer = (hg_consumer *)(void *)hgh_resource_ref(named);
}

void hgh_explain_filter(hg_request *request, const hgh_expression *filter, bool holds, bool failed)
{
    const hgh_configuration *configuration = hgh_request_configuration(request);
    json_t *note = hgh_explain_source(configuration);

    if (note == NULL) {
        return;
    }
    (void)json_object_set_new(note, "holds", json_boolean(holds || failed));
    (void)json_object_set_new(note, "phase", json_string(hgh_call_name(request->phase)));
    (void)json_object_set_new(note, "failed", json_boolean(failed));
    (void)json_object_set_new(note, "values",
                              hgh_explain_values(filter, hgh_request_expression_variable, request));
    (void)json_array_append_new(request->explanation->filters, note);
}

void hgh_explain_ended(hg_request *request, const hgh_configuration *configuration)
{
    hgh_explanation *explanation = request->explanation;

    json_decref(explanation->ended);
    explanation->ended = hgh_explain_source(configuration);
    if (explanation->ended != NULL) {
        (void)json_object_set_new(explanation->ended, "phase",
                                  json_string(hgh_call_name(request->phase)));
    }
}

void hgh_explain_logged(hg_request *request, hg_text line)
{
    json_t *log = request->explanation->log;

    if (json_array_size(log) < LOG_LINES_MAX) {
        (void)json_array_append_new(log, hgh_explain_text(line));
    }
}

/* ------------------------------------------------------------------- a chain that does nothing */

static hg_verdict quiet_request(hg_request *request, const void *state)
{
    (void)request;
    (void)state;
    return HG_NEXT;
}

static void quiet_response(hg_request *request, const void *state)
{
    (void)request;
    (void)state;
}

static void quiet_body(hg_request *request, hg_chunk *chunk, const void *state)
{
    (void)request;
    (void)chunk;
    (void)state;
}

static void step_quiet(hgh_step *step, uint32_t phase)
{
    switch (phase) {
    case HG_PHASE_REWRITE:
    case HG_PHASE_ACCESS:
    case HG_PHASE_BEFORE_PROXY:
    case HG_PHASE_RESPONSE:
        step->call.on_request = quiet_request;
        step->waits = false;
        break;
    case HG_PHASE_BODY_FILTER:
    case HG_PHASE_DELAYED_BODY_FILTER:
        step->call.on_body = quiet_body;
        break;
    default:
        step->call.on_response = quiet_response;
        break;
    }
}

/* Those that authenticate stay; before others that belong to the request the filter stays. */
static void phase_quiet(hgh_chain *chain, uint32_t phase, bool authenticates)
{
    for (uint32_t i = 0; i < chain->phases[phase].count; i++) {
        size_t place = (size_t)(&chain->phases[phase].items[i] - chain->steps);
        hgh_step *step = &chain->steps[place];
        const hg_plugin *plugin = chain->step_configurations[place]->plugin->descriptor;
        bool is_request = hgh_phase_is_early(phase);

        if (authenticates && phase == HG_PHASE_REWRITE && (plugin->flags & HG_AUTH) != 0) {
            continue;
        }
        if (is_request && chain->guards != NULL && step->state == &chain->guards[place]) {
            step_quiet(&chain->guards[place].step, phase);
            step->waits = false;
        } else {
            step_quiet(step, phase);
        }
    }
}

hg_status hgh_explain_chain(hg_request *request, hgh_chain **chain, hg_error *err)
{
    const hgh_explanation *explanation = request->explanation;
    const hgh_snapshot *snapshot = &request->runtime->snapshot;
    hgh_chain *own = NULL;
    hg_status status;

    if (!explanation->is_dry) {
        return HG_OK;
    }
    status = (*chain)->parts[HGH_PART_ROUTE] == NULL
                 ? hgh_chain_compile_global(request->generation, snapshot, &own, err)
                 : hgh_chain_compile(request->generation, snapshot, (*chain)->parts, &own, err);
    hgh_chain_unref(*chain);
    *chain = own;
    for (uint32_t phase = HG_PHASE_REWRITE; status == HG_OK && phase < HGH_PHASES; phase++) {
        phase_quiet(own, phase, explanation->consumer == NULL);
    }
    return status;
}

/* ----------------------------------------------------------------------------------- the report */

static void set_text(json_t *report, const char *name, hg_text text)
{
    if (text.data != NULL) {
        (void)json_object_set_new(report, name, hgh_explain_text(text));
    }
}

static void report_add_request(json_t *report, hg_request *request)
{
    (void)json_object_set_new(
        report, "request",
        json_pack("{s:o, s:o, s:o, s:o}", "method",
                  hgh_explain_text(request->engine->method(request->engine_request)), "host",
                  hgh_explain_text(request->engine->host(request->engine_request)), "uri",
                  hgh_explain_text(hgh_request_path(request)), "client",
                  hgh_explain_text(hgh_request_variable(request, HG_TEXT("remote_addr")))));
}

/* Where the request would go: "upstreams/1", or the object in which the upstream stands. */
static void report_add_upstream(json_t *report, const hg_request *request)
{
    const hgh_route *route = request->route;
    const hgh_service *service = hgh_chain_service(request->chain);
    const hgh_resource *from = &route->base;
    const hgh_cell *cell = route->upstream_cell;
    bool has_own = cell != NULL || route->upstream != NULL;

    if (!has_own && service != NULL) {
        from = &service->base;
        cell = service->upstream_cell;
        has_own = cell != NULL || service->upstream != NULL;
    }
    if (cell != NULL) {
        (void)json_object_set_new(report, "upstream", json_sprintf("upstreams/%s", cell->id));
    } else if (has_own) {
        (void)json_object_set_new(
            report, "upstream",
            json_sprintf("%s/%s", hgh_resource_kind_name((hgh_resource_kind)from->kind), from->id));
    }
}

static void report_add_objects(json_t *report, hg_request *request)
{
    static const struct {
        const char *name;
        hg_object object;
    } objects[] = {
        {"route", HG_OBJECT_ROUTE_ID},          {"route_name", HG_OBJECT_ROUTE_NAME},
        {"service", HG_OBJECT_SERVICE_ID},      {"service_name", HG_OBJECT_SERVICE_NAME},
        {"consumer", HG_OBJECT_CONSUMER_NAME},  {"credential", HG_OBJECT_CREDENTIAL_ID},
        {"group", HG_OBJECT_CONSUMER_GROUP_ID},
    };

    for (size_t i = 0; i < sizeof(objects) / sizeof(objects[0]); i++) {
        set_text(report, objects[i].name, hgh_request_object(request, objects[i].object));
    }
    if (request->route != NULL && request->route->plugin_config != NULL) {
        set_text(report, "plugin_config", hg_text_of(request->route->plugin_config->id));
    }
    if (request->chain != NULL && request->route != NULL) {
        report_add_upstream(report, request);
    }
}

/* A plugin that has ended the request, or what the gateway itself answers. */
static void report_add_answer(json_t *report, const hg_request *request)
{
    const json_t *ended = request->explanation->ended;
    json_t *answer = json_pack("{s:i}", "status", (int)request->exit.status);

    if (ended != NULL) {
        (void)json_object_update(answer, (json_t *)(uintptr_t)ended); /* it is only read */
    } else {
        (void)json_object_set_new(answer, "plugin", json_null());
    }
    (void)json_object_set_new(report, "answer", answer);
}

static json_t *report_make(hg_request *request)
{
    const hgh_explanation *explanation = request->explanation;
    json_t *report = json_object();

    if (report == NULL) {
        return NULL;
    }
    report_add_request(report, request);
    report_add_objects(report, request);
    if (request->exit.set) {
        report_add_answer(report, request);
    }
    if (json_array_size(explanation->log) > 0) {
        (void)json_object_set(report, "log", explanation->log);
    }
    (void)json_object_set(report, "routes", explanation->routes);
    hgh_explain_plugins(request, explanation->filters, report);
    return report;
}

/* -------------------------------------------------------------------------------- who is told it
 */

hgh_outcome hgh_explain_outcome(hg_request *request, hgh_outcome outcome)
{
    json_t *report;
    char *text;
    hg_text body;

    if (!request->explanation->is_dry) {
        return outcome;
    }
    report = report_make(request);
    text = report == NULL ? NULL : json_dumps(report, JSON_COMPACT);
    body = hgh_request_text_copy(request, text == NULL ? (hg_text){0} : hg_text_of(text));
    request->early_headers = NULL; /* of the response that there is not */
    if (body.data == NULL) {
        hgh_request_fail(request, 500, "500 Internal Server Error");
    } else {
        request->exit = (hgh_exit){
            .set = true, .status = 200, .body = body, .content_type = HG_TEXT("application/json")};
    }
    free(text);
    json_decref(report);
    return HGH_ANSWER;
}

/* What has to go until the rest fits into a header. */
static char *header_text(json_t *report)
{
    static const char *const dispensable[] = {"routes", "phases", "log", "plugins", "skipped"};
    json_t *shown = json_copy(report);
    char *text = shown == NULL ? NULL : json_dumps(shown, JSON_FLAGS);

    for (size_t i = 0; i < sizeof(dispensable) / sizeof(dispensable[0]) && text != NULL &&
                       strlen(text) > HGH_EXPLAIN_HEADER_MAX;
         i++) {
        (void)json_object_del(shown, dispensable[i]);
        (void)json_object_set_new(shown, "cut", json_true());
        free(text);
        text = json_dumps(shown, JSON_FLAGS);
    }
    json_decref(shown);
    return text;
}

static void response_header(hg_request *request, const char *name, const char *value)
{
    hg_text copy = hgh_request_text_copy(request, hg_text_of(value));

    if (copy.data != NULL) { /* without memory there is none */
        (void)request->engine->set_response_header(request->engine_request, hg_text_of(name), copy);
    }
}

void hgh_explain_response(hg_request *request)
{
    hgh_explanation *explanation = request->explanation;
    char *names;
    char *text;

    if (explanation->is_dry || explanation->report != NULL) {
        return;
    }
    explanation->report = report_make(request);
    text = explanation->report == NULL ? NULL : header_text(explanation->report);
    names = hgh_explain_plugin_names(request, explanation->filters);
    if (text != NULL && names != NULL) {
        response_header(request, HGH_EXPLAIN_HEADER, text);
        response_header(request, HGH_EXPLAIN_PLUGINS_HEADER, names);
    }
    free(names);
    free(text);
}

static void log_value(hg_request *request, const char *name, const json_t *value)
{
    char *text = json_dumps(value, JSON_FLAGS | JSON_ENCODE_ANY);

    if (text != NULL) {
        hgh_request_log_line(request, HG_LOG_WARN, "explain: %s %s", name, text);
    }
    free(text);
}

/* What is no list, in one line. */
static void log_plain(hg_request *request, json_t *report)
{
    json_t *plain = json_copy(report);
    const char *name;
    json_t *value;
    void *next;

    json_object_foreach_safe(plain, next, name, value)
    {
        if (json_is_array(value)) {
            (void)json_object_del(plain, name);
        }
    }
    if (plain != NULL) {
        log_value(request, "the request", plain);
    }
    json_decref(plain);
}

/* A line for each thing: a line of the log has an end. */
void hgh_explain_log(hg_request *request)
{
    hgh_explanation *explanation = request->explanation;
    json_t *report = explanation->report;
    const char *name;
    json_t *value;

    if (explanation->is_dry) {
        return;
    }
    report = report == NULL ? report_make(request) : json_incref(report);
    log_plain(request, report);
    json_object_foreach(report, name, value)
    {
        bool is_told = strcmp(name, "log") == 0; /* it stands there already */

        for (size_t i = 0; !is_told && i < json_array_size(value); i++) {
            log_value(request, name, json_array_get(value, i));
        }
    }
    json_decref(report);
}
