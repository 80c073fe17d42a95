/* host/core/router_explain.c - why a request gets this route and none of the others. */
#include "host/core/router_explain.h"

#include <stdlib.h>
#include <string.h>

#include "host/core/address.h"
#include "host/core/explain_values.h"
#include "host/core/router_table.h"
#include "host/core/text_builder.h"

#define WHY_MAX 600u /* bytes of a reason */

/* A route whose path fits the request: by which of its patterns, and how well. */
typedef struct path_fit {
    const hgh_route *route; /* NULL: its path does not fit */
    hg_text uri;
    hgh_route_pattern_kind kind;
    size_t literal;        /* bytes of its literal beginning */
    hgh_route_match match; /* parameters of the path */
} path_fit;

/* ------------------------------------------------------------------------------------- path */

static bool uri_fits(const hgh_router *router,
                     const hgh_route *route,
                     hg_text uri,
                     const hgh_route_query *query,
                     path_fit *out_fit)
{
    size_t literal = 0;
    hgh_route_pattern_kind kind = hgh_route_pattern_split(router->mode, uri, &literal);
    hg_text path = query->uri;

    *out_fit = (path_fit){.route = route, .uri = uri, .kind = kind, .literal = literal};
    if (kind == HGH_PATTERN_EXACT) {
        return hg_text_equal(uri, path);
    }
    if (!hg_text_starts_with(path, (hg_text){uri.data, literal})) {
        return false;
    }
    return kind == HGH_PATTERN_PREFIX ||
           hgh_route_pattern_fits(router->mode, uri.data + literal, uri.data + uri.length,
                                  path.data + literal, path.data + path.length, &out_fit->match);
}

/* True if the router looks at the path of `a` before that of `b`. */
static bool path_is_better(const path_fit *a, const path_fit *b)
{
    bool a_exact = a->kind == HGH_PATTERN_EXACT;
    bool b_exact = b->kind == HGH_PATTERN_EXACT;

    if (a_exact != b_exact) {
        return a_exact;
    }
    return a->literal != b->literal ? a->literal > b->literal : a->uri.length > b->uri.length;
}

/* The best of a route's patterns that fits; its `route` is NULL if none does. */
static path_fit
path_find(const hgh_router *router, const hgh_route *route, const hgh_route_query *query)
{
    path_fit best = {0};

    for (size_t i = 0; i < route->uri_count; i++) {
        path_fit fit;

        if (uri_fits(router, route, route->uris[i], query, &fit) &&
            (best.route == NULL || path_is_better(&fit, &best))) {
            best = fit;
        }
    }
    return best;
}

/* ------------------------------------------------------------------------------------- hosts */

/* The most specific of a route's hosts that fits; absent: it has none. */
static hg_text host_find(const hgh_route *route, const hgh_route_query *query)
{
    size_t count = 0;
    const hg_text *hosts = hgh_route_hosts(route, &count);
    hg_text best = {0};

    for (size_t i = 0; i < count; i++) {
        bool better =
            best.data == NULL || (hgh_host_is_suffix(best) &&
                                  (!hgh_host_is_suffix(hosts[i]) || hosts[i].length > best.length));

        if (better && hgh_route_host_fits(hosts[i], query)) {
            best = hosts[i];
        }
    }
    return best;
}

/* 0: any host; then suffixes by their length, then whole names. */
static size_t host_rank(hg_text host)
{
    if (host.data == NULL) {
        return 0;
    }
    return hgh_host_is_suffix(host) ? host.length : SIZE_MAX;
}

/* ----------------------------------------------------------------------------- routes that fit */

static const char *path_words(const path_fit *fit)
{
    switch (fit->kind) {
    case HGH_PATTERN_EXACT:
        return "an exact path";
    case HGH_PATTERN_PREFIX:
        return "a prefix";
    case HGH_PATTERN_WHOLE:
        break;
    }
    return "a pattern";
}

static void why_taken(const path_fit *fit, hg_text host, hgh_text_builder *why)
{
    hgh_text_builder_format(why, "%s", path_words(fit));
    if (host.data != NULL) {
        hgh_text_builder_format(why, " of the host %.*s", (int)host.length, host.data);
    }
    hgh_text_builder_format(why, "; all its conditions hold");
}

/* What decided between two routes that both fit. */
static void why_next(const hgh_router *router,
                     const hgh_route_query *query,
                     const path_fit *before,
                     const path_fit *fit,
                     hgh_text_builder *why)
{
    hg_text before_host = host_find(before->route, query);
    hg_text host = host_find(fit->route, query);
    bool host_decides =
        router->mode == HGH_ROUTER_HOST_URI && host_rank(before_host) != host_rank(host);

    if (host_decides && host.data == NULL) {
        hgh_text_builder_format(why, "it is for any host");
    } else if (host_decides) {
        hgh_text_builder_format(why, "its host %.*s is less specific", (int)host.length, host.data);
    } else if (before->kind == HGH_PATTERN_EXACT && fit->kind != HGH_PATTERN_EXACT) {
        hgh_text_builder_format(why, "its path is %s, not an exact one", path_words(fit));
    } else if (before->literal != fit->literal) {
        hgh_text_builder_format(why, "its prefix is shorter");
    } else if (before->route->priority != fit->route->priority) {
        hgh_text_builder_format(why, "its priority %d is below %d", fit->route->priority,
                                before->route->priority);
    } else if (before->uri.length != fit->uri.length) {
        hgh_text_builder_format(why, "its path is shorter");
    } else {
        hgh_text_builder_format(why, "it was written later");
    }
}

static json_t *
row_make(const hgh_route *route, hg_text uri, const char *result, hgh_text_builder *why)
{
    json_t *row = json_pack("{s:s, s:o, s:s, s:s}", "route", route->base.id, "uri",
                            uri.data == NULL ? json_null() : hgh_explain_text(uri), "result",
                            result, "why", hgh_text_builder_string(why));

    hgh_text_builder_done(why);
    return row;
}

/* The one that is taken and those that would be without it. */
static bool rows_add_fitting(json_t *rows, const hgh_router *router, hgh_route_query query)
{
    hgh_route *found[HGH_ROUTER_EXPLAIN_NEXT_MAX + 1];
    path_fit before = {0};

    query.without = found;
    for (query.without_count = 0; query.without_count <= HGH_ROUTER_EXPLAIN_NEXT_MAX;
         query.without_count++) {
        hgh_text_builder why = {.max = WHY_MAX};
        hgh_route_match match;
        path_fit fit;
        json_t *row;

        hgh_router_match(router, &query, &match);
        if (match.route == NULL || !uri_fits(router, match.route, match.uri, &query, &fit)) {
            return true;
        }
        if (before.route == NULL) {
            why_taken(&fit, host_find(fit.route, &query), &why);
        } else {
            why_next(router, &query, &before, &fit, &why);
        }
        row = row_make(fit.route, fit.uri, before.route == NULL ? "taken" : "next", &why);
        if (json_array_append_new(rows, row) != 0) {
            return false;
        }
        found[query.without_count] = match.route;
        before = fit;
    }
    return true;
}

/* -------------------------------------------------------------------------- routes that do not */

static void begin_reason(hgh_text_builder *why)
{
    if (why->length > 0) {
        hgh_text_builder_format(why, "; ");
    }
}

/* What stands in the object under a name, as it was written. */
static void reason_add_member(hgh_text_builder *why,
                              const char *noun,
                              const json_t *object,
                              const char *one,
                              const char *many)
{
    const json_t *value = json_object_get(object, one);
    char *text;

    value = value == NULL ? json_object_get(object, many) : value;
    text = value == NULL ? NULL : json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
    begin_reason(why);
    hgh_text_builder_format(why, "%s: %s", noun, text == NULL ? "" : text);
    free(text);
}

static void reason_add_hosts(hgh_text_builder *why, const hgh_route *route)
{
    size_t count = 0;
    const hg_text *hosts = hgh_route_hosts(route, &count);

    begin_reason(why);
    hgh_text_builder_format(why, "its hosts%s:", route->host_count == 0 ? " (of its service)" : "");
    for (size_t i = 0; i < count; i++) {
        hgh_text_builder_format(why, "%s %.*s", i == 0 ? "" : ",", (int)hosts[i].length,
                                hosts[i].data);
    }
}

/* All conditions that do not hold, beside the path. */
static void why_unfit(const path_fit *fit,
                      const hgh_route *route,
                      const hgh_route_query *query,
                      hgh_text_builder *why,
                      json_t **out_values)
{
    uint32_t method = hgh_method_bit(query->method);
    json_t *object = hgh_resource_json(&route->base);
    hgh_route_candidate candidate = {query, &fit->match};
    size_t hosts = 0;

    if (fit->route == NULL) {
        reason_add_member(why, "its path", object, "uri", "uris");
    }
    if (!route->enabled) {
        begin_reason(why);
        hgh_text_builder_format(why, "its status is 0");
    }
    (void)hgh_route_hosts(route, &hosts);
    if (hosts > 0 && host_find(route, query).data == NULL) {
        reason_add_hosts(why, route);
    }
    if (route->methods != 0 && (route->methods & method) == 0) {
        reason_add_member(why, "its methods", object, "methods", "methods");
    }
    if (route->remote_addresses != NULL &&
        !hgh_cidrs_contain(route->remote_addresses, query->client)) {
        reason_add_member(why, "its client addresses", object, "remote_addr", "remote_addrs");
    }
    if (route->vars != NULL && fit->route != NULL &&
        !hgh_expression_holds(route->vars, hgh_route_candidate_variable, &candidate)) {
        reason_add_member(why, "its vars", object, "vars", "vars");
        *out_values = hgh_explain_values(route->vars, hgh_route_candidate_variable, &candidate);
    }
    json_decref(object);
}

/* Those that are worth telling, the best path first. */
typedef struct unfit_search {
    const hgh_router *router;
    const hgh_route_query *query;
    hg_text asked;
    size_t count;
    path_fit fits[HGH_ROUTER_EXPLAIN_UNFIT_MAX];
    json_t *rows;
} unfit_search;

static bool is_in_rows(const json_t *rows, const char *id)
{
    for (size_t i = 0; i < json_array_size(rows); i++) {
        const json_t *row = json_array_get(rows, i);

        if (strcmp(json_string_value(json_object_get(row, "route")), id) == 0) {
            return true;
        }
    }
    return false;
}

static void fit_keep(unfit_search *search, const path_fit *fit)
{
    size_t place = search->count;

    while (place > 0 && path_is_better(fit, &search->fits[place - 1])) {
        place--;
    }
    if (place == HGH_ROUTER_EXPLAIN_UNFIT_MAX) {
        return;
    }
    if (search->count < HGH_ROUTER_EXPLAIN_UNFIT_MAX) {
        search->count++;
    }
    memmove(&search->fits[place + 1], &search->fits[place],
            (search->count - place - 1) * sizeof(*fit));
    search->fits[place] = *fit;
}

static void route_look_at(void *context, hgh_map_node *node)
{
    unfit_search *search = context;
    const hgh_cell *cell = HGH_CONTAINER_OF(node, hgh_cell, node);
    const hgh_route *route = (const hgh_route *)(const void *)cell->current;
    path_fit fit;

    if (route == NULL) {
        return;
    }
    fit = path_find(search->router, route, search->query);
    if (fit.route != NULL) {
        fit_keep(search, &fit);
    }
}

static void row_add_unfit(unfit_search *search, const path_fit *fit, const hgh_route *route)
{
    hgh_text_builder why = {.max = WHY_MAX};
    json_t *values = NULL;
    json_t *row;

    if (is_in_rows(search->rows, route->base.id)) {
        return; /* it fits */
    }
    why_unfit(fit, route, search->query, &why, &values);
    if (why.length == 0) { /* it fits and comes after those that were told */
        hgh_text_builder_done(&why);
        return;
    }
    row = row_make(route, fit->uri, "does not fit", &why);
    if (values != NULL) {
        (void)json_object_set_new(row, "values", values);
    }
    (void)json_array_append_new(search->rows, row);
}

/* Of `asked`, whatever keeps it away. */
static void row_add_asked(unfit_search *search, const hgh_snapshot *snapshot)
{
    const hgh_resource *asked = hgh_snapshot_find(snapshot, HGH_ROUTES, search->asked);

    if (asked != NULL) {
        const hgh_route *route = (const hgh_route *)(const void *)asked;
        path_fit fit = path_find(search->router, route, search->query);

        row_add_unfit(search, &fit, route);
    }
}

json_t *hgh_router_explain(const hgh_router *router,
                           const hgh_snapshot *snapshot,
                           const hgh_route_query *query,
                           hg_text asked)
{
    unfit_search *search = calloc(1, sizeof(*search));
    json_t *rows = json_array();

    if (search == NULL || rows == NULL || !rows_add_fitting(rows, router, *query)) {
        free(search);
        json_decref(rows);
        return NULL;
    }
    search->router = router;
    search->query = query;
    search->asked = asked;
    search->rows = rows;
    if (asked.data != NULL) {
        row_add_asked(search, snapshot);
    }
    /* The map is only read. */
    hgh_map_each((hgh_map *)(uintptr_t)&snapshot->kinds[HGH_ROUTES], route_look_at, search);
    for (size_t i = 0; i < search->count; i++) {
        row_add_unfit(search, &search->fits[i], search->fits[i].route);
    }
    free(search);
    return rows;
}
