/* host/core/upstream.h - where requests go: nodes with weights, and how to choose among them. */
#ifndef HOST_CORE_UPSTREAM_H
#define HOST_CORE_UPSTREAM_H

#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>

#include <hotgate/address.h>
#include <hotgate/config.h>
#include <hotgate/error.h>
#include <hotgate/text.h>

#define HGH_NODE_ADDRESSES_MAX 8u

/** Which Host header the upstream sees. */
typedef enum hgh_pass_host {
    HGH_PASS_HOST_CLIENT = 0,
    HGH_PASS_HOST_NODE = 1,
    HGH_PASS_HOST_REWRITE = 2,
} hgh_pass_host;

/** How a node is chosen among those of the highest priority. */
typedef enum hgh_balancing {
    HGH_BALANCE_ROUNDROBIN = 0, /* smooth, by weight */
    HGH_BALANCE_CHASH = 1,      /* the same node for the same key */
    HGH_BALANCE_LEAST_CONN = 2, /* fewest requests under way, by weight */
    HGH_BALANCE_EWMA = 3,       /* the better of two by their response times of late */
} hgh_balancing;

/** What the key of HGH_BALANCE_CHASH is made from. */
typedef enum hgh_hash_on {
    HGH_HASH_ON_VARIABLE = 0,
    HGH_HASH_ON_HEADER = 1,
    HGH_HASH_ON_COOKIE = 2,
    HGH_HASH_ON_CONSUMER = 3,
    HGH_HASH_ON_COMBINATION = 4, /* a template */
} hgh_hash_on;

/** How the gateway speaks to the nodes. */
typedef enum hgh_scheme {
    HGH_SCHEME_HTTP = 0,
    HGH_SCHEME_HTTPS = 1,
    HGH_SCHEME_GRPC = 2,
    HGH_SCHEME_GRPCS = 3,
    HGH_SCHEMES = 4,
} hgh_scheme;

/** "http", ... */
const char *hgh_scheme_name(hgh_scheme scheme);

/** True if it speaks TLS. */
static inline bool hgh_scheme_is_tls(uint8_t scheme)
{
    return (scheme & 1u) != 0;
}

/** What a name resolved to. */
typedef struct hgh_addresses {
    uint32_t count;
    uint32_t next; /* round robin */
    uint64_t valid_until_ms;
    hg_address items[HGH_NODE_ADDRESSES_MAX];
} hgh_addresses;

/** One server. What changes in it is this process's own. */
typedef struct hgh_node {
    hg_text host;      /* as configured: an address or a name */
    hg_text host_port; /* "host" or "host:port" where the port is not the scheme's own */
    hg_text text;      /* "host:port" for logs */
    uint16_t port;
    uint32_t weight;
    int32_t priority;
    hg_address address;       /* unless its host is a name */
    hgh_addresses *addresses; /* owned; of a name: from the resolver. NULL: it is an address */
    uint64_t hash;            /* of `text`: its place for HGH_BALANCE_CHASH */
    int64_t current_weight;   /* smooth weighted round robin */
    uint32_t active;          /* tries under way */
    float latency_ms;         /* moving average as of latency_at_ms */
    uint64_t latency_at_ms;   /* 0: never measured */
} hgh_node;

/** Times of one try; 0: the gateway's own. */
typedef struct hgh_timeouts {
    uint64_t connect_ms;
    uint64_t send_ms;
    uint64_t read_ms;
} hgh_timeouts;

/** Idle connections that are kept. */
typedef struct hgh_keepalive {
    uint64_t key; /* of the upstream's own pool; 0: the one of the gateway, with its numbers */
    uint32_t size;
    uint32_t requests;        /* on one connection */
    uint64_t idle_timeout_ms; /* 0: none of its own */
} hgh_keepalive;

struct hgh_certificate;
struct hgh_cell;

/** How the gateway shows itself to the nodes of an upstream, and what it wants of them. */
typedef struct hgh_upstream_tls {
    struct hgh_certificate *certificate; /* owned; NULL: none, or that of `client` */
    char *client_id;                     /* owned; of an ssl; NULL: none */
    struct hgh_cell *client;             /* a reference to that ssl's cell */
    bool verify;
    void *context; /* the engine's own, made with the certificate of context_revision */
    void (*context_free)(void *context);
    uint64_t context_revision;
} hgh_upstream_tls;

/** Shared. Immutable but for the state of its balancing, which is this process's own. */
typedef struct hgh_upstream {
    uint32_t references;
    uint32_t node_count;
    hgh_node *nodes;
    char *text;        /* owns the texts */
    uint8_t scheme;    /* an hgh_scheme */
    uint8_t pass_host; /* an hgh_pass_host */
    uint8_t balancing; /* an hgh_balancing */
    uint8_t hash_on;   /* an hgh_hash_on */
    uint8_t hash_body; /* families of variables in the body that its key names */
    hg_text upstream_host;
    hg_text hash_key;           /* name of a variable, header or cookie */
    hg_template *hash_template; /* owned; of HGH_HASH_ON_COMBINATION */
    uint32_t retries;           /* further tries after the first */
    uint32_t random;            /* state of the choice of two */
    uint64_t retry_timeout_ms;
    hgh_timeouts timeouts;
    hgh_keepalive keepalive;
    hgh_upstream_tls *tls;     /* owned; NULL: no certificate, and none is looked at */
    struct hgh_health *health; /* owned; NULL: its nodes are not checked */
    uint64_t identity;         /* connections of another identity are never reused for this one */
} hgh_upstream;

/** What the choice of a node depends on: those a request has tried, and its key. */
typedef struct hgh_tried {
    uint64_t nodes[4]; /* one bit a node; nodes beyond 256 are never excluded */
    uint32_t count;
    uint64_t hash; /* hgh_upstream_hash() of its key, for HGH_BALANCE_CHASH */
} hgh_tried;

/**
 * Decodes an upstream object that the Admin API has accepted.
 *
 * out_upstream  on HG_OK one reference of the caller's; else untouched.
 */
hg_status hgh_upstream_decode(const json_t *value, hgh_upstream **out_upstream, hg_error *err);

struct hgh_snapshot;

/**
 * Ties an upstream to the object that it stands in and to those that it names.
 *
 * kind, id  the object's key: "upstreams", "1".
 */
hg_status hgh_upstream_bind(hgh_upstream *upstream,
                            struct hgh_snapshot *snapshot,
                            const char *kind,
                            const char *id);

/**
 * The certificate for its nodes, borrowed; NULL: none is to be shown, or with HG_ERR_NOT_FOUND the
 * ssl that it names is not there or not of type client.
 *
 * out_revision  changes with the certificate.
 */
hg_status hgh_upstream_certificate(const hgh_upstream *upstream,
                                   const struct hgh_certificate **out_certificate,
                                   uint64_t *out_revision,
                                   hg_error *err);

static inline hgh_upstream *hgh_upstream_ref(hgh_upstream *upstream)
{
    upstream->references++;
    return upstream;
}

/** Accepts NULL. */
void hgh_upstream_unref(hgh_upstream *upstream);

/** The same on every gateway and after every start, so that a key keeps its node. */
uint64_t hgh_upstream_hash(hg_text key);

/**
 * Chooses the next node: the highest priority that has an untried one, there as its type says;
 * weight 0 is never chosen. Marks it as tried. NULL: none is left.
 */
hgh_node *hgh_upstream_pick(hgh_upstream *upstream, hgh_tried *tried, uint64_t now_ms);

/** A try begins at a node; hgh_node_leave() or hgh_node_forget() follows. */
static inline void hgh_node_enter(hgh_node *node)
{
    node->active++;
}

/** A try is over, after that time; `failed`: without a response. */
void hgh_node_leave(hgh_node *node, bool failed, uint64_t took_ms, uint64_t now_ms);

/** A try is over that says nothing about the node. */
void hgh_node_forget(hgh_node *node);

/** The address to connect to, its port filled in; NULL if the node's name has to be resolved. */
const hg_address *hgh_node_address(hgh_node *node, uint64_t now_ms, hg_address *storage);

/** Stores what a name resolved to. */
void hgh_node_resolved(
    hgh_node *node, const hg_address *addresses, size_t count, uint32_t ttl_s, uint64_t now_ms);

/** Reads {connect, send, read} in seconds. */
hgh_timeouts hgh_timeouts_decode(const json_t *value);

#endif
