/* host/core/request_target.c - where a request goes: its upstream, a node, and the next one. */
#include "host/core/health.h"
#include "host/core/request_parts.h"
#include "host/core/template.h"

static hgh_upstream *upstream_in(const hgh_cell *cell)
{
    return cell->current == NULL
               ? NULL
               : ((const hgh_upstream_resource *)(const void *)cell->current)->upstream;
}

/* The upstream in force: of the route, else of its service; an id before an inline one. */
static hgh_upstream *upstream_find(hg_request *request)
{
    const hgh_route *route = request->route;
    const hgh_service *service = hgh_chain_service(request->chain);
    const hgh_cell *cell = route->upstream_cell;
    hgh_upstream *upstream = route->upstream;

    if (cell == NULL && upstream == NULL && service != NULL) {
        cell = service->upstream_cell;
        upstream = service->upstream;
    }
    if (cell != NULL) {
        upstream = upstream_in(cell);
        if (upstream == NULL) {
            hgh_request_log_line(request, HG_LOG_ERROR, "route %s: upstream %s is not there",
                                 route->base.id, cell->id);
            hgh_request_fail(request, 502, "502 Bad Gateway");
        }
    } else if (upstream == NULL) {
        hgh_request_log_line(request, HG_LOG_ERROR, "route %s: has no upstream", route->base.id);
        hgh_request_fail(request, 503, "503 Service Unavailable");
    }
    return upstream;
}

/* ------------------------------------------------------------------------------- hash key */

static hg_text template_variable(void *context, hg_text name)
{
    return hgh_request_variable(context, name);
}

static void *template_memory(void *context, size_t size)
{
    const hg_request *request = context;

    return request->engine->allocate(request->engine_request, size);
}

static hg_text hash_combination(hg_request *request, const hg_template *combination)
{
    size_t resolved = 0;
    hg_text text = hgh_template_render(combination, NULL, 0, template_variable, template_memory,
                                       request, &resolved);

    return resolved == 0 ? (hg_text){0} : text;
}

static hg_text hash_text(hg_request *request, const hgh_upstream *upstream)
{
    switch ((hgh_hash_on)upstream->hash_on) {
    case HGH_HASH_ON_VARIABLE:
        break;
    case HGH_HASH_ON_HEADER:
        return request->engine->header(request->engine_request, upstream->hash_key);
    case HGH_HASH_ON_COOKIE:
        return hgh_request_cookie(request, upstream->hash_key);
    case HGH_HASH_ON_CONSUMER:
        return hgh_request_object(request, HG_OBJECT_CONSUMER_NAME);
    case HGH_HASH_ON_COMBINATION:
        return hash_combination(request, upstream->hash_template);
    }
    return hgh_request_variable(request, upstream->hash_key);
}

/* Without a key the client's address is hashed: then each client keeps its node. */
static uint64_t hash_of(hg_request *request, const hgh_upstream *upstream)
{
    hg_text text = hash_text(request, upstream);

    if (text.length == 0) {
        hgh_request_log_line(request, HG_LOG_WARN,
                             "route %s: chash_key fetch is nil, use default chash_key remote_addr",
                             request->route->base.id);
        text = hgh_request_variable(request, HG_TEXT("remote_addr"));
    }
    return hgh_upstream_hash(text);
}

/* ------------------------------------------------------------------------------------ tries */

static hgh_timeouts timeouts_of(const hg_request *request, const hgh_upstream *upstream)
{
    const hgh_timeouts *route = &request->route->timeouts;

    return route->connect_ms != 0 ? *route : upstream->timeouts;
}

static void target_set(hg_request *request, hgh_upstream *upstream)
{
    hgh_target *target = &request->target;

    target->upstream = hgh_upstream_ref(upstream);
    target->tries_left = upstream->retries;
    target->timeouts = timeouts_of(request, upstream);
    if (upstream->retry_timeout_ms != 0) {
        target->deadline_ms = request->engine->now_ms() + upstream->retry_timeout_ms;
    }
    if (upstream->balancing == HGH_BALANCE_CHASH) {
        target->tried.hash = hash_of(request, upstream);
    }
}

/* What a try says about its node, by the rules of passive checks. */
static void health_report(hg_request *request, const hgh_try_result *result)
{
    const hgh_target *target = &request->target;
    hgh_health *health = target->upstream->health;
    uint32_t node = (uint32_t)(target->node - target->upstream->nodes);
    hgh_health_event event = HGH_HEALTH_EVENTS;
    hgh_health_status status = HGH_HEALTHY;

    if (health == NULL || !health->has_passive) {
        return;
    }
    switch (result->failure) {
    case HGH_TRY_RESPONSE:
        event = hgh_health_event_of(&health->passive, result->status);
        break;
    case HGH_TRY_BROKEN:
        event = HGH_HEALTH_TCP_FAILURE;
        break;
    case HGH_TRY_TIMED_OUT:
        event = HGH_HEALTH_TIMEOUT;
        break;
    case HGH_TRY_UNKNOWN:
        break;
    }
    if (hgh_health_report(health, node, &health->passive, event, &status)) {
        hgh_request_log_line(request, HG_LOG_WARN, "health of %s: node %s is %s", health->name,
                             target->node->text.data, hgh_health_status_name(status));
    }
}

/* A try is over or given up. */
void hgh_request_try_ended(hg_request *request, const hgh_try_result *result)
{
    hgh_target *target = &request->target;

    if (!target->entered) {
        return;
    }
    target->entered = false;
    health_report(request, result);
    if (result->failure == HGH_TRY_UNKNOWN) {
        hgh_node_forget(target->node);
    } else {
        uint64_t now_ms = request->engine->now_ms();

        hgh_node_leave(target->node, result->failure != HGH_TRY_RESPONSE,
                       now_ms - target->entered_ms, now_ms);
    }
}

/* The request goes to the node that was chosen. Round robin and hashing count nothing. */
static void try_begin(hg_request *request)
{
    hgh_target *target = &request->target;

    if (target->upstream->balancing >= HGH_BALANCE_LEAST_CONN || target->upstream->health != NULL) {
        target->entered = true;
        target->entered_ms = request->engine->now_ms();
        hgh_node_enter(target->node);
    }
}

static void target_resolved(
    void *context, hg_status status, const hg_address *addresses, size_t count, uint32_t ttl_s)
{
    hg_request *request = context;
    hgh_node *node = request->target.node;

    request->resolution = NULL;
    if (status == HG_OK && count > 0) {
        hgh_node_resolved(node, addresses, count, ttl_s, request->engine->now_ms());
    } else {
        hgh_request_log_line(request, HG_LOG_ERROR, "upstream node %s: its name has no address",
                             node->host.data);
    }
    if (!request->wait.canceled) {
        request->engine->resume(request->engine_request);
    }
}

static hgh_outcome target_missing(hg_request *request)
{
    bool none = request->target.upstream->node_count == 0;

    hgh_request_log_line(request, HG_LOG_ERROR, "route %s: its upstream has no %snode",
                         request->route->base.id, none ? "" : "usable ");
    hgh_request_fail(request, none ? 503 : 502,
                     none ? "503 Service Unavailable" : "502 Bad Gateway");
    return HGH_ANSWER;
}

bool hgh_request_late_body_begin(hg_request *request, uint8_t more)
{
    uint8_t families = request->chain->late_body | more;

    if (request->global != NULL) {
        families |= request->global->late_body;
    }
    return families != 0 && hgh_request_body_is_needed(request, families) &&
           hgh_request_body_begin(request);
}

hgh_outcome hgh_request_target_pick(hg_request *request)
{
    hgh_target *target = &request->target;
    const hgh_engine *engine = request->engine;

    if (target->upstream == NULL) {
        hgh_upstream *upstream = upstream_find(request);

        if (upstream == NULL) {
            return HGH_ANSWER;
        }
        if (hgh_request_late_body_begin(request, upstream->hash_body)) {
            return HGH_PARKED;
        }
        if (request->exit.set) { /* there was no memory to read it */
            return HGH_ANSWER;
        }
        target_set(request, upstream);
    }
    for (;;) {
        bool resolved = request->stage == HGH_STAGE_RESOLVE;

        if (!resolved) {
            target->node = hgh_upstream_pick(target->upstream, &target->tried, engine->now_ms());
        }
        if (target->node == NULL) {
            return target_missing(request);
        }
        if (hgh_node_address(target->node, engine->now_ms(), &target->address) != NULL) {
            request->stage =
                request->global == NULL ? HGH_STAGE_BEFORE_PROXY : HGH_STAGE_GLOBAL_BEFORE_PROXY;
            try_begin(request);
            return HGH_GO_UPSTREAM;
        }
        request->stage = HGH_STAGE_PICK;
        if (resolved) {
            continue; /* its name has no address: the next node */
        }
        request->stage = HGH_STAGE_RESOLVE;
        request->resolution =
            engine->resolve(request->engine_request, target->node->host, target_resolved, request);
        if (request->resolution != NULL) {
            return HGH_PARKED;
        }
        hgh_request_log_line(
            request, HG_LOG_ERROR,
            "upstream node %s: names cannot be looked up, no resolver is configured",
            target->node->host.data);
        request->stage = HGH_STAGE_PICK;
    }
}

/* before_proxy for another try, where a callback cannot end the request. */
static void before_proxy_again(hg_request *request, const hgh_chain *chain)
{
    const hgh_steps *steps = &chain->phases[HG_PHASE_BEFORE_PROXY];
    hgh_blame *blame = hgh_request_blame(request);

    request->running = chain;
    for (uint32_t i = 0; i < steps->count; i++) {
        request->step = &steps->items[i];
        hgh_marker_set(blame, request->step);
        (void)request->step->call.on_request(request, request->step->state);
    }
    if (steps->count > 0) {
        hgh_marker_clear(blame);
    }
}

bool hgh_request_retry(hg_request *request)
{
    hgh_target *target = &request->target;
    uint64_t now_ms = request->engine->now_ms();
    hgh_node *node;

    if (target->tries_left == 0 || (target->deadline_ms != 0 && now_ms >= target->deadline_ms)) {
        return false;
    }
    do {
        node = hgh_upstream_pick(target->upstream, &target->tried, now_ms);
        if (node == NULL) {
            return false;
        }
    } while (hgh_node_address(node, now_ms, &target->address) == NULL);
    target->node = node;
    target->tries_left--;
    try_begin(request);
    request->phase = HG_PHASE_BEFORE_PROXY;
    if (request->global != NULL) {
        before_proxy_again(request, request->global);
    }
    before_proxy_again(request, request->chain);
    request->phase = HG_PHASE_NONE;
    return true;
}

hg_text hgh_request_upstream_host(hg_request *request)
{
    const hgh_upstream *upstream = request->target.upstream;

    if (request->upstream_host.data != NULL) {
        return request->upstream_host;
    }
    switch ((hgh_pass_host)upstream->pass_host) {
    case HGH_PASS_HOST_NODE:
        return request->target.node->host_port;
    case HGH_PASS_HOST_REWRITE:
        return upstream->upstream_host;
    case HGH_PASS_HOST_CLIENT:
        break;
    }
    return (hg_text){0};
}
