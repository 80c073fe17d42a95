/* host/core/router.c - finds the route of a request. */
#include "host/core/router.h"

#include <stdlib.h>
#include <string.h>

#include "host/core/address.h"
#include "host/core/router_table.h"

bool hgh_router_mode_find(hg_text name, hgh_router_mode *out_mode)
{
    static const char *const names[] = {
        [HGH_ROUTER_HOST_URI] = "radixtree_host_uri",
        [HGH_ROUTER_URI] = "radixtree_uri",
        [HGH_ROUTER_URI_WITH_PARAMETER] = "radixtree_uri_with_parameter",
    };

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (hg_text_equal(name, hg_text_of(names[i]))) {
            *out_mode = (hgh_router_mode)i;
            return true;
        }
    }
    return false;
}

hgh_router *hgh_router_new(hgh_router_mode mode)
{
    hgh_router *router = calloc(1, sizeof(*router));

    if (router == NULL) {
        return NULL;
    }
    router->mode = mode;
    router->any_host = hgh_router_level_new((hg_text){"", 0});
    if (router->any_host == NULL) {
        free(router);
        return NULL;
    }
    hgh_map_init(&router->exact_hosts);
    hgh_affix_init(&router->host_suffixes);
    return router;
}

void hgh_router_free(hgh_router *router)
{
    if (router == NULL) {
        return;
    }
    hgh_map_each(&router->exact_hosts, hgh_router_level_free, NULL);
    hgh_map_done(&router->exact_hosts);
    hgh_map_each(&router->host_suffixes.map, hgh_router_level_free, NULL);
    hgh_affix_done(&router->host_suffixes);
    hgh_router_level_free(NULL, &router->any_host->node);
    free(router);
}

/* Routes whose hosts are their service's are in its cell's list. */
static void service_link(hgh_route *route)
{
    if (route->service == NULL || route->host_count > 0 || route->of_service_at != NULL) {
        return;
    }
    route->of_service_next = route->service->routes;
    route->of_service_at = &route->service->routes;
    if (route->of_service_next != NULL) {
        route->of_service_next->of_service_at = &route->of_service_next;
    }
    route->service->routes = route;
}

static void service_unlink(hgh_route *route)
{
    if (route->of_service_at == NULL) {
        return;
    }
    *route->of_service_at = route->of_service_next;
    if (route->of_service_next != NULL) {
        route->of_service_next->of_service_at = route->of_service_at;
    }
    route->of_service_next = NULL;
    route->of_service_at = NULL;
}

static bool host_is_exact(hg_text pattern)
{
    return !hgh_host_is_suffix(pattern) && !hgh_host_has_port(pattern);
}

/* Where hosts lead: under each of its hosts, or under any. */
static hg_status uri_add_by_host(
    hgh_router *router, hgh_route *route, hg_text uri, const hg_text *hosts, size_t count)
{
    hg_status status = HG_OK;

    if (count == 0) {
        return hgh_router_entry_add(router, route, uri, router->any_host, (hg_text){0});
    }
    for (size_t i = 0; i < count && status == HG_OK; i++) {
        status = hgh_router_entry_add(router, route, uri, hgh_router_level_make(router, hosts[i]),
                                      (hg_text){0});
    }
    return status;
}

/* Where paths lead: found by each exact host, and by whatever has to be compared once. */
static hg_status uri_add_by_path(
    hgh_router *router, hgh_route *route, hg_text uri, const hg_text *hosts, size_t count)
{
    bool compared = count == 0;
    hg_status status = HG_OK;

    for (size_t i = 0; i < count && status == HG_OK; i++) {
        if (host_is_exact(hosts[i])) {
            status = hgh_router_entry_add(router, route, uri, router->any_host, hosts[i]);
        } else {
            compared = true;
        }
    }
    if (compared && status == HG_OK) {
        status = hgh_router_entry_add(router, route, uri, router->any_host, (hg_text){0});
    }
    return status;
}

hg_status hgh_router_add(hgh_router *router, hgh_route *route)
{
    size_t count = 0;
    const hg_text *hosts = hgh_route_hosts(route, &count);
    hg_status status = HG_OK;

    service_link(route);
    for (size_t i = 0; i < route->uri_count && status == HG_OK && route->enabled; i++) {
        status = router->mode == HGH_ROUTER_HOST_URI
                     ? uri_add_by_host(router, route, route->uris[i], hosts, count)
                     : uri_add_by_path(router, route, route->uris[i], hosts, count);
    }
    if (status != HG_OK) {
        hgh_router_remove(router, route);
    }
    return status;
}

void hgh_router_remove(hgh_router *router, hgh_route *route)
{
    service_unlink(route);
    while (route->entries != NULL) {
        struct hgh_router_entry *entry = route->entries;

        route->entries = entry->next_of_route;
        hgh_router_entry_remove(router, entry);
    }
}

hgh_route *hgh_router_take_routes(hgh_router *router, hgh_cell *service)
{
    hgh_route *taken = NULL;

    while (service->routes != NULL) {
        hgh_route *route = service->routes;

        hgh_router_remove(router, route);
        route->of_service_next = taken;
        taken = route;
    }
    return taken;
}

hg_status hgh_router_put_routes(hgh_router *router, hgh_route *taken)
{
    hg_status status = HG_OK;

    while (taken != NULL) {
        hgh_route *route = taken;

        taken = route->of_service_next;
        route->of_service_next = NULL;
        if (hgh_router_add(router, route) != HG_OK) {
            status = HG_ERR_NO_MEMORY; /* this one is found nowhere, the others are */
        }
    }
    return status;
}

/* -------------------------------------------------------------------------------- matching */

static hg_text raw_host(const hgh_route_query *query)
{
    return query->find(query->context, HG_TEXT("http_host")).text;
}

bool hgh_route_host_fits(hg_text pattern, const hgh_route_query *query)
{
    return hgh_host_has_port(pattern) ? hgh_raw_host_fits(pattern, raw_host(query))
                                      : hgh_host_fits(pattern, query->host);
}

static bool hosts_fit(const hgh_route *route, const hgh_route_query *query)
{
    size_t count = 0;
    const hg_text *hosts = hgh_route_hosts(route, &count);

    for (size_t i = 0; i < count; i++) {
        if (hgh_route_host_fits(hosts[i], query)) {
            return true;
        }
    }
    return count == 0;
}

hgh_variable hgh_route_candidate_variable(void *context, hg_text name)
{
    const hgh_route_candidate *tried = context;
    const hg_text prefix = HG_TEXT("uri_param_");

    if (!hg_text_starts_with(name, prefix)) {
        return tried->query->find(tried->query->context, name);
    }
    name.data += prefix.length;
    name.length -= prefix.length;
    for (uint32_t i = 0; i < tried->match->parameter_count; i++) {
        if (hg_text_equal(tried->match->parameters[i].name, name)) {
            return (hgh_variable){.kind = HGH_VARIABLE_TEXT,
                                  .text = tried->match->parameters[i].value};
        }
    }
    return (hgh_variable){0};
}

static bool pattern_entry_fits(const hgh_router *router,
                               const struct hgh_router_entry *entry,
                               const hgh_route_query *query,
                               hgh_route_match *match)
{
    hg_text uri = entry->uri;
    size_t literal = entry->bucket->node.key.length;

    return hgh_route_pattern_fits(router->mode, uri.data + literal, uri.data + uri.length,
                                  query->uri.data + literal, query->uri.data + query->uri.length,
                                  match);
}

static bool conditions_hold(const hgh_router *router,
                            const struct hgh_router_entry *entry,
                            const hgh_route_query *query)
{
    const hgh_route *route = entry->route;

    if (route->remote_addresses != NULL &&
        !hgh_cidrs_contain(route->remote_addresses, query->client)) {
        return false;
    }
    return router->mode == HGH_ROUTER_HOST_URI || entry->host != NULL || hosts_fit(route, query);
}

static bool entry_fits(const hgh_router *router,
                       const struct hgh_router_entry *entry,
                       const hgh_route_query *query,
                       uint32_t method_bit,
                       hgh_route_match *match)
{
    match->parameter_count = 0;
    if (entry->methods != 0 && (entry->methods & method_bit) == 0) {
        return false;
    }
    if (entry->has_conditions && !conditions_hold(router, entry, query)) {
        return false;
    }
    if (entry->kind == HGH_PATTERN_WHOLE && !pattern_entry_fits(router, entry, query, match)) {
        return false;
    }
    return !entry->has_conditions || entry->route->vars == NULL ||
           hgh_expression_holds(entry->route->vars, hgh_route_candidate_variable,
                                &(hgh_route_candidate){query, match});
}

static bool is_left_out(const hgh_route_query *query, const hgh_route *route)
{
    for (size_t i = 0; i < query->without_count; i++) {
        if (query->without[i] == route) {
            return true;
        }
    }
    return false;
}

/* Two lists in one order: those for the host of the request, and those that compare it. */
static bool bucket_match(const hgh_router *router,
                         hgh_map_node *node,
                         const hgh_route_query *query,
                         uint32_t method_bit,
                         hgh_route_match *match)
{
    static const hgh_router_list none = {0};
    const hgh_router_bucket *in =
        node == NULL ? NULL : HGH_CONTAINER_OF(node, hgh_router_bucket, node);
    hgh_map_node *host =
        in == NULL || in->by_host == NULL ? NULL : hgh_map_find(in->by_host, query->host);
    const hgh_router_list *lists[2] = {
        in == NULL ? &none : &in->entries,
        host == NULL ? &none : &HGH_CONTAINER_OF(host, hgh_router_host, node)->entries};
    struct hgh_router_entry *const *items[2] = {hgh_router_list_items(lists[0]),
                                                hgh_router_list_items(lists[1])};
    size_t at[2] = {0, 0};

    while (at[0] < lists[0]->count || at[1] < lists[1]->count) {
        int from = at[0] == lists[0]->count ||
                   (at[1] < lists[1]->count &&
                    hgh_router_entry_goes_before(items[1][at[1]], items[0][at[0]]));
        const struct hgh_router_entry *entry = items[from][at[from]++];

        if (entry_fits(router, entry, query, method_bit, match) &&
            !is_left_out(query, entry->route)) {
            match->route = entry->route;
            match->uri = entry->uri;
            return true;
        }
    }
    return false;
}

static bool level_match(const hgh_router *router,
                        const hgh_router_level *in,
                        const hgh_route_query *query,
                        uint32_t method_bit,
                        hgh_route_match *match)
{
    if (bucket_match(router, hgh_map_find(&in->exact, query->uri), query, method_bit, match)) {
        return true;
    }
    for (size_t i = 0; i < in->prefixes.length_count; i++) {
        size_t length = in->prefixes.lengths[i].length;

        if (length <= query->uri.length &&
            bucket_match(router,
                         hgh_map_find(&in->prefixes.map, (hg_text){query->uri.data, length}), query,
                         method_bit, match)) {
            return true;
        }
    }
    return false;
}

void hgh_router_match(const hgh_router *router,
                      const hgh_route_query *query,
                      hgh_route_match *out_match)
{
    uint32_t method_bit = hgh_method_bit(query->method);
    hgh_map_node *node = hgh_map_find(&router->exact_hosts, query->host);

    out_match->route = NULL;
    out_match->parameter_count = 0;
    if (node != NULL && level_match(router, HGH_CONTAINER_OF(node, hgh_router_level, node), query,
                                    method_bit, out_match)) {
        return;
    }
    for (size_t i = 0; i < router->host_suffixes.length_count; i++) {
        size_t length = router->host_suffixes.lengths[i].length;

        if (length > query->host.length) {
            continue;
        }
        node = hgh_map_find(
            &router->host_suffixes.map,
            (hg_text){length == 0 ? "" : query->host.data + query->host.length - length, length});
        if (node != NULL && level_match(router, HGH_CONTAINER_OF(node, hgh_router_level, node),
                                        query, method_bit, out_match)) {
            return;
        }
    }
    (void)level_match(router, router->any_host, query, method_bit, out_match);
}
