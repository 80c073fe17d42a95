/* host/core/upstream.h - where requests go: nodes with weights, and how to choose among them. */
#ifndef HOST_CORE_UPSTREAM_H
#define HOST_CORE_UPSTREAM_H

#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>

#include <hotgate/address.h>
#include <hotgate/error.h>
#include <hotgate/text.h>

#define HGH_NODE_ADDRESSES_MAX 8u

/** Which Host header the upstream sees. */
typedef enum hgh_pass_host {
    HGH_PASS_HOST_CLIENT = 0,
    HGH_PASS_HOST_NODE = 1,
    HGH_PASS_HOST_REWRITE = 2,
} hgh_pass_host;

/** One server. */
typedef struct hgh_node {
    hg_text host;      /* as configured: an address or a name */
    hg_text host_port; /* "host" or "host:port" where the port is not the scheme's own */
    hg_text text;      /* "host:port" for logs */
    uint16_t port;
    uint32_t weight;
    int32_t priority;
    bool is_name; /* addresses come from the resolver */
    uint32_t address_count;
    hg_address addresses[HGH_NODE_ADDRESSES_MAX];
    uint32_t next_address;   /* round robin over the addresses of a name */
    uint64_t valid_until_ms; /* of the addresses of a name */
    int64_t current_weight;  /* smooth weighted round robin */
} hgh_node;

/** Times of one try; 0: the gateway's own. */
typedef struct hgh_timeouts {
    uint64_t connect_ms;
    uint64_t send_ms;
    uint64_t read_ms;
} hgh_timeouts;

/** Shared. Immutable but for the state of its balancing, which is this process's own. */
typedef struct hgh_upstream {
    uint32_t references;
    uint32_t node_count;
    hgh_node *nodes;
    char *text; /* owns the texts */
    bool https;
    uint8_t pass_host; /* an hgh_pass_host */
    hg_text upstream_host;
    uint32_t retries; /* further tries after the first */
    uint64_t retry_timeout_ms;
    hgh_timeouts timeouts;
    uint64_t identity; /* connections of another identity are never reused for this one */
} hgh_upstream;

/** Which nodes of an upstream a request has tried. */
typedef struct hgh_tried {
    uint64_t nodes[4]; /* one bit a node; nodes beyond 256 are never excluded */
    uint32_t count;
} hgh_tried;

/**
 * Decodes an upstream object that the Admin API has accepted.
 *
 * out_upstream  on HG_OK one reference of the caller's; else untouched.
 */
hg_status hgh_upstream_decode(const json_t *value, hgh_upstream **out_upstream, hg_error *err);

static inline hgh_upstream *hgh_upstream_ref(hgh_upstream *upstream)
{
    upstream->references++;
    return upstream;
}

/** Accepts NULL. */
void hgh_upstream_unref(hgh_upstream *upstream);

/**
 * Chooses the next node: the highest priority that has an untried one, there by smooth weighted
 * round robin; weight 0 is never chosen. Marks it as tried. NULL: none is left.
 */
hgh_node *hgh_upstream_pick(hgh_upstream *upstream, hgh_tried *tried);

/** The address to connect to, its port filled in; NULL if the node's name has to be resolved. */
const hg_address *hgh_node_address(hgh_node *node, uint64_t now_ms, hg_address *storage);

/** Stores what a name resolved to. */
void hgh_node_resolved(
    hgh_node *node, const hg_address *addresses, size_t count, uint32_t ttl_s, uint64_t now_ms);

/** Reads {connect, send, read} in seconds. */
hgh_timeouts hgh_timeouts_decode(const json_t *value);

#endif
