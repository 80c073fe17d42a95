/* host/core/upstream_decode.c - an upstream out of the object that configures it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/core/address.h"
#include "host/core/certificate.h"
#include "host/core/health.h"
#include "host/core/json_value.h"
#include "host/core/request_body.h"
#include "host/core/template.h"
#include "host/core/upstream.h"

#define PORT_PLAIN 80u
#define PORT_TLS   443u
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
node_set(hgh_node *node, text_pool *pool, const node_plan *plan, uint8_t scheme, hg_error *err)
{
    uint16_t default_port = hgh_scheme_is_tls(scheme) ? PORT_TLS : PORT_PLAIN;
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
    node->hash = hgh_upstream_hash(node->text);
    if (hgh_address_parse(node->host, &node->address) != HG_OK) {
        node->addresses = calloc(1, sizeof(*node->addresses));
        if (node->addresses == NULL) {
            return hg_error_set(err, HG_ERR_NO_MEMORY, "nodes: out of memory");
        }
    }
    node->address.port = node->port;
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
    upstream->nodes = calloc(count == 0 ? 1 : count, sizeof(*upstream->nodes));
    upstream->text = malloc(size + 1);
    if (upstream->nodes == NULL || upstream->text == NULL) {
        return hg_error_set(err, HG_ERR_NO_MEMORY, "nodes: out of memory");
    }
    pool = (text_pool){upstream->text, upstream->text + size};
    for (size_t i = 0; i < count && status == HG_OK; i++) {
        node_plan plan = plan_next(nodes, i, &member);

        status = node_set(&upstream->nodes[i], &pool, &plan, upstream->scheme, err);
        upstream->node_count++;
    }
    return status;
}

/* The value's place among names; 0, the default, for an unknown one or none. */
static uint8_t find_name(const json_t *object, const char *member, const char *const *names)
{
    const char *text = json_string_value(json_object_get(object, member));

    for (uint8_t i = 0; text != NULL && names[i] != NULL; i++) {
        if (strcmp(names[i], text) == 0) {
            return i;
        }
    }
    return 0;
}

static hg_status text_copy(const char *text, hg_text *out_text, hg_error *err)
{
    char *copy = strdup(text);

    if (copy == NULL) {
        return hg_error_set(err, HG_ERR_NO_MEMORY, "upstream: out of memory");
    }
    *out_text = hg_text_of(copy);
    return HG_OK;
}

static hg_status host_decode(hgh_upstream *upstream, const json_t *value, hg_error *err)
{
    static const char *const names[] = {"pass", "node", "rewrite", NULL};
    const char *host = json_string_value(json_object_get(value, "upstream_host"));

    upstream->pass_host = find_name(value, "pass_host", names);
    if (upstream->pass_host != HGH_PASS_HOST_REWRITE) {
        return HG_OK;
    }
    if (host == NULL) {
        upstream->pass_host = HGH_PASS_HOST_CLIENT;
        return HG_OK;
    }
    return text_copy(host, &upstream->upstream_host, err);
}

static hg_status balancing_decode(hgh_upstream *upstream, const json_t *value, hg_error *err)
{
    static const char *const types[] = {"roundrobin", "chash", "least_conn", "ewma", NULL};
    static const char *const sources[] = {
        "vars", "header", "cookie", "consumer", "vars_combinations", NULL};
    const char *key = json_string_value(json_object_get(value, "key"));

    upstream->balancing = find_name(value, "type", types);
    if (upstream->balancing != HGH_BALANCE_CHASH) {
        return HG_OK;
    }
    upstream->hash_on = find_name(value, "hash_on", sources);
    if (upstream->hash_on == HGH_HASH_ON_CONSUMER) {
        return HG_OK;
    }
    if (key == NULL) {
        return hg_error_set(err, HG_ERR_INVALID, "missing key");
    }
    if (upstream->hash_on == HGH_HASH_ON_VARIABLE) {
        upstream->hash_body = hgh_body_family_of(hg_text_of(key));
    } else if (upstream->hash_on == HGH_HASH_ON_COMBINATION) {
        upstream->hash_body = hgh_body_families_in(key);
    }
    return upstream->hash_on == HGH_HASH_ON_COMBINATION
               ? hgh_template_compile(key, strlen(key), &upstream->hash_template, err)
               : text_copy(key, &upstream->hash_key, err);
}

static hg_text member_text(const json_t *object, const char *member)
{
    const json_t *value = json_object_get(object, member);

    return (hg_text){json_string_value(value), json_string_length(value)};
}

static hg_status tls_decode(hgh_upstream *upstream, const json_t *tls, hg_error *err)
{
    hg_text certificate = member_text(tls, "client_cert");
    hg_text key = member_text(tls, "client_key");
    const json_t *id = json_object_get(tls, "client_cert_id");
    hgh_upstream_tls *made;
    int length = 0;

    if (json_object_size(tls) == 0) {
        return HG_OK;
    }
    made = calloc(1, sizeof(*made));
    if (made == NULL) {
        return hg_error_set(err, HG_ERR_NO_MEMORY, "tls: out of memory");
    }
    upstream->tls = made;
    made->verify = json_is_true(json_object_get(tls, "verify"));
    if (json_is_string(id)) {
        length = asprintf(&made->client_id, "%s", json_string_value(id));
    } else if (json_is_integer(id)) {
        length = asprintf(&made->client_id, "%lld", (long long)json_integer_value(id));
    }
    if (length < 0) {
        made->client_id = NULL;
        return hg_error_set(err, HG_ERR_NO_MEMORY, "tls: out of memory");
    }
    if (certificate.data == NULL || key.data == NULL) {
        return HG_OK;
    }
    upstream->identity ^= hgh_upstream_hash(certificate) ^ hgh_upstream_hash(key);
    return hgh_certificate_new(certificate, key, &made->certificate, err);
}

#define KEEPALIVE_SIZE     320
#define KEEPALIVE_REQUESTS 1000
#define KEEPALIVE_IDLE_MS  60000u

static void keepalive_decode(hgh_upstream *upstream, const json_t *pool)
{
    const json_t *idle = json_object_get(pool, "idle_timeout");

    if (!json_is_object(pool)) {
        return;
    }
    upstream->keepalive = (hgh_keepalive){
        .size = (uint32_t)hgh_json_whole_within(json_object_get(pool, "size"), 1, INT32_MAX,
                                                KEEPALIVE_SIZE),
        .requests = (uint32_t)hgh_json_whole_within(json_object_get(pool, "requests"), 1, INT32_MAX,
                                                    KEEPALIVE_REQUESTS),
        .idle_timeout_ms = idle == NULL ? KEEPALIVE_IDLE_MS : hgh_json_seconds_as_ms(idle),
    };
}

static hg_status health_decode(hgh_upstream *upstream, const json_t *checks, hg_error *err)
{
    hg_status status;

    if (!json_is_object(checks)) {
        return HG_OK;
    }
    status = hgh_health_decode(checks, &upstream->health, err);
    if (status == HG_OK) {
        upstream->health->upstream = upstream;
    }
    return status;
}

hg_status hgh_upstream_decode(const json_t *value, hgh_upstream **out_upstream, hg_error *err)
{
    static const char *const schemes[] = {"http", "https", "grpc", "grpcs", NULL};
    hgh_upstream *upstream = calloc(1, sizeof(*upstream));
    hg_status status;

    if (upstream == NULL) {
        return hg_error_set(err, HG_ERR_NO_MEMORY, "upstream: out of memory");
    }
    upstream->references = 1;
    upstream->random = 1;
    upstream->scheme = find_name(value, "scheme", schemes);
    status = nodes_decode(upstream, json_object_get(value, "nodes"), err);
    if (status == HG_OK) {
        status = host_decode(upstream, value, err);
    }
    if (status == HG_OK) {
        status = balancing_decode(upstream, value, err);
    }
    /* Connections may be shared by upstreams that speak to a peer in the same way. */
    upstream->identity = upstream->scheme + 1u;
    keepalive_decode(upstream, json_object_get(value, "keepalive_pool"));
    if (status == HG_OK) {
        status = tls_decode(upstream, json_object_get(value, "tls"), err);
    }
    if (status == HG_OK) {
        status = health_decode(upstream, json_object_get(value, "checks"), err);
    }
    if (status != HG_OK) {
        hgh_upstream_unref(upstream);
        return status;
    }
    upstream->retries = (uint32_t)hgh_json_whole_within(
        json_object_get(value, "retries"), 0, UINT32_MAX,
        upstream->node_count > 0 ? (int64_t)upstream->node_count - 1 : 0);
    upstream->retry_timeout_ms = hgh_json_seconds_as_ms(json_object_get(value, "retry_timeout"));
    upstream->timeouts = hgh_timeouts_decode(json_object_get(value, "timeout"));
    *out_upstream = upstream;
    return HG_OK;
}
