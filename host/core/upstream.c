/* host/core/upstream.c - where requests go: nodes with weights, and how to choose among them. */
#include "host/core/upstream.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/core/address.h"
#include "host/core/json_value.h"

#define PORT_HTTP  80u
#define PORT_HTTPS 443u
#define TTL_MIN_S  1u
#define HOST_MAX   255u                          /* bytes; RFC 1035 section 2.3.4 */
#define NODE_TEXT  (HOST_MAX + sizeof(":65535")) /* bytes of "host:port" */
#define NODES_MAX  4096u

/* Texts of one upstream, cut out of one allocation. */
typedef struct text_pool {
    char *at;
    char *end;
} text_pool;

static hg_text text_put(text_pool *pool, const char *data, size_t length)
{
    hg_text text = {pool->at, length};

    if (length + 1 > (size_t)(pool->end - pool->at)) {
        return (hg_text){"", 0}; /* sized by the caller: cannot happen */
    }
    memcpy(pool->at, data, length);
    pool->at[length] = '\0';
    pool->at += length + 1;
    return text;
}

hgh_timeouts hgh_timeouts_decode(const json_t *value)
{
    hgh_timeouts timeouts = {
        .connect_ms = hgh_json_seconds_as_ms(json_object_get(value, "connect")),
        .send_ms = hgh_json_seconds_as_ms(json_object_get(value, "send")),
        .read_ms = hgh_json_seconds_as_ms(json_object_get(value, "read")),
    };

    return timeouts;
}

/* A node as it was configured. */
typedef struct node_plan {
    const char *host;
    size_t host_length;
    int64_t port; /* 0: the scheme's own */
    int64_t weight;
    int64_t priority;
} node_plan;

static hg_status
node_set(hgh_node *node, text_pool *pool, const node_plan *plan, bool https, hg_error *err)
{
    uint16_t default_port = https ? PORT_HTTPS : PORT_HTTP;
    char buffer[NODE_TEXT];
    int length;

    if (plan->host_length == 0 || plan->host_length > HOST_MAX || plan->port < 0 ||
        plan->port > UINT16_MAX || plan->weight < 0 || plan->weight > UINT32_MAX) {
        return hg_error_set(err, HG_ERR_INVALID, "node \"%.*s\": out of range",
                            (int)(plan->host_length > HOST_MAX ? HOST_MAX : plan->host_length),
                            plan->host);
    }
    node->port = plan->port == 0 ? default_port : (uint16_t)plan->port;
    node->weight = (uint32_t)plan->weight;
    node->priority = (int32_t)plan->priority;
    node->host = text_put(pool, plan->host, plan->host_length);
    length = snprintf(buffer, sizeof(buffer), "%s:%u", node->host.data, node->port);
    node->text = text_put(pool, buffer, (size_t)length);
    node->host_port = node->port == default_port ? node->host : node->text;
    node->is_name = hgh_address_parse(node->host, &node->addresses[0]) != HG_OK;
    if (!node->is_name) {
        node->address_count = 1;
        node->valid_until_ms = UINT64_MAX;
    }
    return HG_OK;
}

/* "host", "host:port", "[v6]:port": the host with its brackets, and the port or 0. */
static void split_port(const char *text, node_plan *plan)
{
    const char *bracket = strrchr(text, ']');
    const char *colon = strrchr(bracket == NULL ? text : bracket, ':');

    plan->host = text;
    plan->host_length = colon == NULL ? strlen(text) : (size_t)(colon - text);
    plan->port = colon == NULL ? 0 : strtoll(colon + 1, NULL, 10);
}

static node_plan plan_of_item(const json_t *node)
{
    const char *host = json_string_value(json_object_get(node, "host"));
    node_plan plan = {
        .host = host == NULL ? "" : host,
        .host_length = host == NULL ? 0 : strlen(host),
        .port = hgh_json_whole_within(json_object_get(node, "port"), -1, INT32_MAX, 0),
        .weight = hgh_json_whole_within(json_object_get(node, "weight"), -1, INT64_MAX, 0),
        .priority =
            hgh_json_whole_within(json_object_get(node, "priority"), INT32_MIN, INT32_MAX, 0),
    };

    return plan;
}

static node_plan plan_of_member(const char *key, const json_t *weight)
{
    node_plan plan = {.weight = hgh_json_whole_within(weight, -1, INT64_MAX, 0)};

    split_port(key, &plan);
    return plan;
}

/* The next one of an array or a map; `member` is where a map stands. */
static node_plan plan_next(const json_t *nodes, size_t index, void **member)
{
    node_plan plan;

    if (*member == NULL) {
        return plan_of_item(json_array_get(nodes, index));
    }
    plan = plan_of_member(json_object_iter_key(*member), json_object_iter_value(*member));
    *member = json_object_iter_next(hgh_json_unconst(nodes), *member);
    return plan;
}

static size_t nodes_text_size(const json_t *nodes, size_t count)
{
    void *member = json_object_iter(hgh_json_unconst(nodes)); /* NULL for an array */
    size_t size = 0;

    for (size_t i = 0; i < count; i++) {
        node_plan plan = plan_next(nodes, i, &member);

        size += 2 * (plan.host_length + 1) + sizeof(":65535");
    }
    return size;
}

static hg_status nodes_decode(hgh_upstream *upstream, const json_t *nodes, hg_error *err)
{
    size_t count = json_is_array(nodes) ? json_array_size(nodes) : json_object_size(nodes);
    size_t size = nodes_text_size(nodes, count);
    void *member = json_object_iter(hgh_json_unconst(nodes));
    text_pool pool;
    hg_status status = HG_OK;

    if (count > NODES_MAX) {
        return hg_error_set(err, HG_ERR_INVALID, "nodes: found %zu, at most %u", count, NODES_MAX);
    }
    upstream->nodes = calloc(count + 1, sizeof(*upstream->nodes));
    upstream->text = malloc(size + 1);
    if (upstream->nodes == NULL || upstream->text == NULL) {
        return hg_error_set(err, HG_ERR_NO_MEMORY, "nodes: out of memory");
    }
    pool = (text_pool){upstream->text, upstream->text + size};
    for (size_t i = 0; i < count && status == HG_OK; i++) {
        node_plan plan = plan_next(nodes, i, &member);

        status = node_set(&upstream->nodes[i], &pool, &plan, upstream->https, err);
        upstream->node_count++;
    }
    return status;
}

/* Connections may be shared by upstreams that speak to a peer in the same way. */
static uint64_t identity_of(const hgh_upstream *upstream)
{
    return upstream->https ? 2u : 1u;
}

hg_status hgh_upstream_decode(const json_t *value, hgh_upstream **out_upstream, hg_error *err)
{
    hgh_upstream *upstream = calloc(1, sizeof(*upstream));
    const char *scheme = json_string_value(json_object_get(value, "scheme"));
    const char *pass_host = json_string_value(json_object_get(value, "pass_host"));
    const char *host = json_string_value(json_object_get(value, "upstream_host"));
    hg_status status;

    if (upstream == NULL) {
        return hg_error_set(err, HG_ERR_NO_MEMORY, "upstream: out of memory");
    }
    upstream->references = 1;
    upstream->https = scheme != NULL && strcmp(scheme, "https") == 0;
    status = nodes_decode(upstream, json_object_get(value, "nodes"), err);
    if (status != HG_OK) {
        hgh_upstream_unref(upstream);
        return status;
    }
    if (pass_host != NULL && strcmp(pass_host, "node") == 0) {
        upstream->pass_host = HGH_PASS_HOST_NODE;
    } else if (pass_host != NULL && strcmp(pass_host, "rewrite") == 0 && host != NULL) {
        char *copy = strdup(host);

        if (copy == NULL) {
            hgh_upstream_unref(upstream);
            return hg_error_set(err, HG_ERR_NO_MEMORY, "upstream: out of memory");
        }
        upstream->pass_host = HGH_PASS_HOST_REWRITE;
        upstream->upstream_host = hg_text_of(copy);
    }
    upstream->retries = (uint32_t)hgh_json_whole_within(
        json_object_get(value, "retries"), 0, UINT32_MAX,
        upstream->node_count > 0 ? (int64_t)upstream->node_count - 1 : 0);
    upstream->retry_timeout_ms = hgh_json_seconds_as_ms(json_object_get(value, "retry_timeout"));
    upstream->timeouts = hgh_timeouts_decode(json_object_get(value, "timeout"));
    upstream->identity = identity_of(upstream);
    *out_upstream = upstream;
    return HG_OK;
}

void hgh_upstream_unref(hgh_upstream *upstream)
{
    if (upstream == NULL || --upstream->references > 0) {
        return;
    }
    free((void *)(uintptr_t)upstream->upstream_host.data);
    free(upstream->nodes);
    free(upstream->text);
    free(upstream);
}

static bool was_tried(const hgh_tried *tried, uint32_t node)
{
    return node < 256 && (tried->nodes[node / 64] >> (node % 64) & 1) != 0;
}

hgh_node *hgh_upstream_pick(hgh_upstream *upstream, hgh_tried *tried)
{
    hgh_node *best = NULL;
    int64_t total = 0;
    bool found = false;
    int32_t priority = INT32_MIN;

    if (upstream->node_count == 1 && tried->count == 0 && upstream->nodes[0].weight > 0) {
        tried->nodes[0] = 1;
        tried->count = 1;
        return &upstream->nodes[0]; /* nothing to balance */
    }
    if (tried->count >= upstream->node_count) {
        return NULL; /* as many tries as nodes: those beyond the bits end here */
    }
    for (uint32_t i = 0; i < upstream->node_count; i++) {
        const hgh_node *node = &upstream->nodes[i];

        if (node->weight > 0 && !was_tried(tried, i) && (!found || node->priority > priority)) {
            found = true;
            priority = node->priority;
        }
    }
    for (uint32_t i = 0; i < upstream->node_count && found; i++) {
        hgh_node *node = &upstream->nodes[i];

        if (node->weight == 0 || node->priority != priority || was_tried(tried, i)) {
            continue;
        }
        node->current_weight += (int64_t)node->weight;
        total += (int64_t)node->weight;
        if (best == NULL || node->current_weight > best->current_weight) {
            best = node;
        }
    }
    if (best != NULL) {
        uint32_t index = (uint32_t)(best - upstream->nodes);

        best->current_weight -= total;
        if (index < 256) {
            tried->nodes[index / 64] |= (uint64_t)1 << (index % 64);
        }
        tried->count++;
    }
    return best;
}

const hg_address *hgh_node_address(hgh_node *node, uint64_t now_ms, hg_address *storage)
{
    if (node->address_count == 0 || node->valid_until_ms <= now_ms) {
        return NULL;
    }
    *storage = node->addresses[node->next_address % node->address_count];
    node->next_address++;
    storage->port = node->port;
    return storage;
}

void hgh_node_resolved(
    hgh_node *node, const hg_address *addresses, size_t count, uint32_t ttl_s, uint64_t now_ms)
{
    uint32_t kept = count > HGH_NODE_ADDRESSES_MAX ? HGH_NODE_ADDRESSES_MAX : (uint32_t)count;

    memcpy(node->addresses, addresses, kept * sizeof(*addresses));
    node->address_count = kept;
    node->valid_until_ms = now_ms + (uint64_t)(ttl_s < TTL_MIN_S ? TTL_MIN_S : ttl_s) * 1000;
}
