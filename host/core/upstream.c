/* host/core/upstream.c - where requests go: nodes with weights, and how to choose among them. */
#include "host/core/upstream.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "host/core/health.h"
#include "host/core/siphash.h"
#include "host/core/snapshot.h"
#include "host/core/ssl.h"
#include "host/core/template.h"

#define TTL_MIN_S        1u
#define LATENCY_DECAY_MS 10000.0 /* as APISIX's ewma: what is older than this counts little */
#define LATENCY_FAILED   5000.0  /* ms that a try without a response counts at least */
#define TWO_TO_MINUS_53  1.1102230246251565e-16

const char *hgh_scheme_name(hgh_scheme scheme)
{
    static const char *const names[HGH_SCHEMES] = {"http", "https", "grpc", "grpcs"};

    return names[scheme];
}

static void tls_free(hgh_upstream_tls *tls)
{
    if (tls == NULL) {
        return;
    }
    if (tls->context_free != NULL) {
        tls->context_free(tls->context);
    }
    hgh_certificate_free(tls->certificate);
    hgh_cell_unref(tls->client);
    free(tls->client_id);
    free(tls);
}

void hgh_upstream_unref(hgh_upstream *upstream)
{
    if (upstream == NULL || --upstream->references > 0) {
        return;
    }
    for (uint32_t i = 0; i < upstream->node_count; i++) {
        free(upstream->nodes[i].addresses);
    }
    tls_free(upstream->tls);
    hgh_health_free(upstream->health);
    hgh_template_free(upstream->hash_template);
    free((void *)(uintptr_t)upstream->hash_key.data);
    free((void *)(uintptr_t)upstream->upstream_host.data);
    free(upstream->nodes);
    free(upstream->text);
    free(upstream);
}

hg_status
hgh_upstream_bind(hgh_upstream *upstream, hgh_snapshot *snapshot, const char *kind, const char *id)
{
    hgh_upstream_tls *tls = upstream->tls;

    if (upstream->keepalive.size > 0) {
        upstream->keepalive.key = hgh_health_key(hg_text_of(kind), hg_text_of(id));
    }
    if (tls == NULL || tls->client_id == NULL) {
        return HG_OK;
    }
    tls->client = hgh_cell_ref(snapshot, HGH_SSLS, hg_text_of(tls->client_id));
    return tls->client == NULL ? HG_ERR_NO_MEMORY : HG_OK;
}

hg_status hgh_upstream_certificate(const hgh_upstream *upstream,
                                   const hgh_certificate **out_certificate,
                                   uint64_t *out_revision,
                                   hg_error *err)
{
    const hgh_upstream_tls *tls = upstream->tls;
    const hgh_ssl_material *material;
    hgh_ssl *ssl;

    *out_revision = 1;
    *out_certificate = tls->certificate;
    if (tls->client_id == NULL) {
        return HG_OK;
    }
    ssl = tls->client == NULL ? NULL : (hgh_ssl *)(void *)tls->client->current;
    if (ssl == NULL || !ssl->is_client) {
        return hg_error_set(err, HG_ERR_NOT_FOUND, "ssls/%s: %s", tls->client_id,
                            ssl == NULL ? "is not there" : "is not of type client");
    }
    material = hgh_ssl_material_of(ssl, err);
    if (material == NULL) {
        return HG_ERR_INVALID;
    }
    *out_certificate = material->certificates[0];
    *out_revision = ssl->base.revision;
    return HG_OK;
}

/* --------------------------------------------------------------------------------- choosing */

/* Nodes that this choice is among. */
typedef struct candidates {
    hgh_upstream *upstream;
    const hgh_tried *tried;
    const hgh_health *health; /* nodes that are not fit are left out; NULL: none is */
    int32_t priority;
} candidates;

static bool was_tried(const hgh_tried *tried, uint32_t node)
{
    return node < 256 && (tried->nodes[node / 64] >> (node % 64) & 1) != 0;
}

/* Of any priority. */
static bool is_usable(const candidates *among, uint32_t index)
{
    return among->upstream->nodes[index].weight > 0 && !was_tried(among->tried, index) &&
           (among->health == NULL || hgh_health_is_up(among->health, index));
}

static bool is_candidate(const candidates *among, uint32_t index)
{
    return among->upstream->nodes[index].priority == among->priority && is_usable(among, index);
}

/* With no fit node at all, checks say nothing: all are used. */
static const hgh_health *health_of(const hgh_upstream *upstream)
{
    for (uint32_t i = 0; upstream->health != NULL && i < upstream->node_count; i++) {
        if (upstream->nodes[i].weight > 0 && hgh_health_is_up(upstream->health, i)) {
            return upstream->health;
        }
    }
    return NULL;
}

/* Finds the highest priority that has an untried node; false: none has. */
static bool candidates_find(candidates *among)
{
    bool found = false;

    for (uint32_t i = 0; i < among->upstream->node_count; i++) {
        const hgh_node *node = &among->upstream->nodes[i];

        if (is_usable(among, i) && (!found || node->priority > among->priority)) {
            found = true;
            among->priority = node->priority;
        }
    }
    return found;
}

/* Smooth weighted round robin among those that a test lets pass. */
static hgh_node *pick_in_turn(const candidates *among, const hgh_node *equal_to)
{
    hgh_node *best = NULL;
    int64_t total = 0;

    for (uint32_t i = 0; i < among->upstream->node_count; i++) {
        hgh_node *node = &among->upstream->nodes[i];

        if (!is_candidate(among, i) ||
            (equal_to != NULL && (uint64_t)node->active * equal_to->weight !=
                                     (uint64_t)equal_to->active * node->weight)) {
            continue;
        }
        node->current_weight += (int64_t)node->weight;
        total += (int64_t)node->weight;
        if (best == NULL || node->current_weight > best->current_weight) {
            best = node;
        }
    }
    if (best != NULL) {
        best->current_weight -= total;
    }
    return best;
}

/* Mixes two hashes; the last step of splitmix64 (Steele, Lea, Flood 2014). */
static uint64_t mix(uint64_t value)
{
    value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9u;
    value = (value ^ (value >> 27)) * 0x94d049bb133111ebu;
    return value ^ (value >> 31);
}

/* Weighted rendezvous hashing (Thaler, Ravishankar 1998): every node draws a number that only the
 * key and the node decide, exponentially distributed by its weight, and the least one wins. Shares
 * are exact; a node that comes, goes or changes its weight moves its own keys and no others. */
static hgh_node *pick_by_hash(const candidates *among)
{
    hgh_node *best = NULL;
    double least = 0;

    for (uint32_t i = 0; i < among->upstream->node_count; i++) {
        hgh_node *node = &among->upstream->nodes[i];
        uint64_t drawn = mix(among->tried->hash ^ node->hash);
        double score;

        if (!is_candidate(among, i)) {
            continue;
        }
        score = -log(((double)(drawn >> 11) + 0.5) * TWO_TO_MINUS_53) / (double)node->weight;
        if (best == NULL || score < least) {
            best = node;
            least = score;
        }
    }
    return best;
}

/* The fewest tries under way by weight; among equal ones in turn. */
static hgh_node *pick_idlest(const candidates *among)
{
    const hgh_node *best = NULL;

    for (uint32_t i = 0; i < among->upstream->node_count; i++) {
        const hgh_node *node = &among->upstream->nodes[i];

        if (is_candidate(among, i) && (best == NULL || (uint64_t)node->active * best->weight <
                                                           (uint64_t)best->active * node->weight)) {
            best = node;
        }
    }
    return best == NULL ? NULL : pick_in_turn(among, best);
}

static uint32_t next_random(hgh_upstream *upstream)
{
    uint32_t value = upstream->random; /* xorshift32 (Marsaglia 2003): never 0 */

    value ^= value << 13;
    value ^= value >> 17;
    value ^= value << 5;
    upstream->random = value;
    return value;
}

static double latency_now(const hgh_node *node, uint64_t now_ms)
{
    double age = now_ms > node->latency_at_ms ? (double)(now_ms - node->latency_at_ms) : 0;

    return (double)node->latency_ms * exp(-age / LATENCY_DECAY_MS);
}

/* How long the next one would take there. A node that was never measured is as good as the other
 * one, so that a new one is not flooded. */
static double cost_of(const hgh_node *node, const hgh_node *other, uint64_t now_ms)
{
    double latency = 1.0;

    if (node->latency_at_ms != 0) {
        latency += latency_now(node, now_ms);
    } else if (other->latency_at_ms != 0) {
        latency += latency_now(other, now_ms);
    }
    return latency * ((double)node->active + 1.0) / (double)node->weight;
}

/* The better of two that are drawn: no worker herds to the best one (Mitzenmacher 2001). */
static hgh_node *pick_faster(const candidates *among, uint64_t now_ms)
{
    hgh_upstream *upstream = among->upstream;
    hgh_node *drawn[2] = {NULL, NULL};
    uint32_t seen = 0;

    for (uint32_t i = 0; i < upstream->node_count; i++) { /* a sample of two out of all */
        uint32_t place;

        if (!is_candidate(among, i)) {
            continue;
        }
        place = seen < 2 ? seen : next_random(upstream) % (seen + 1);
        seen++;
        if (place < 2) {
            drawn[place] = &upstream->nodes[i];
        }
    }
    if (drawn[1] == NULL) {
        return drawn[0];
    }
    if ((next_random(upstream) & 1) != 0) { /* which one wins a tie */
        hgh_node *first = drawn[0];

        drawn[0] = drawn[1];
        drawn[1] = first;
    }
    return cost_of(drawn[1], drawn[0], now_ms) < cost_of(drawn[0], drawn[1], now_ms) ? drawn[1]
                                                                                     : drawn[0];
}

uint64_t hgh_upstream_hash(hg_text key)
{
    static const hgh_hash_key fixed = {{0, 0}};

    return hgh_siphash128(&fixed, key.data == NULL ? "" : key.data, key.length).low;
}

static hgh_node *pick_among(const candidates *among, uint64_t now_ms)
{
    switch ((hgh_balancing)among->upstream->balancing) {
    case HGH_BALANCE_CHASH:
        return pick_by_hash(among);
    case HGH_BALANCE_LEAST_CONN:
        return pick_idlest(among);
    case HGH_BALANCE_EWMA:
        return pick_faster(among, now_ms);
    case HGH_BALANCE_ROUNDROBIN:
        break;
    }
    return pick_in_turn(among, NULL);
}

hgh_node *hgh_upstream_pick(hgh_upstream *upstream, hgh_tried *tried, uint64_t now_ms)
{
    candidates among = {.upstream = upstream, .tried = tried};
    hgh_node *best;
    uint32_t index;

    if (upstream->node_count == 1 && tried->count == 0 && upstream->nodes[0].weight > 0) {
        tried->nodes[0] = 1;
        tried->count = 1;
        return &upstream->nodes[0]; /* nothing to balance */
    }
    among.health = health_of(upstream);
    /* As many tries as nodes: those beyond the bits end here. */
    if (tried->count >= upstream->node_count || !candidates_find(&among)) {
        return NULL;
    }
    best = pick_among(&among, now_ms);
    index = (uint32_t)(best - upstream->nodes);
    if (index < 256) {
        tried->nodes[index / 64] |= (uint64_t)1 << (index % 64);
    }
    tried->count++;
    return best;
}

void hgh_node_forget(hgh_node *node)
{
    node->active -= node->active > 0;
}

void hgh_node_leave(hgh_node *node, bool failed, uint64_t took_ms, uint64_t now_ms)
{
    double sample = (double)took_ms;
    double age = (double)(now_ms - node->latency_at_ms);
    double kept = node->latency_at_ms == 0 ? 0 : exp(-age / LATENCY_DECAY_MS);

    hgh_node_forget(node);
    if (failed && sample < LATENCY_FAILED) { /* a refused connection is quick, and no good */
        sample = LATENCY_FAILED;
    }
    node->latency_ms = (float)((double)node->latency_ms * kept + sample * (1.0 - kept));
    node->latency_at_ms = now_ms == 0 ? 1 : now_ms;
}

/* -------------------------------------------------------------------------------- addresses */

const hg_address *hgh_node_address(hgh_node *node, uint64_t now_ms, hg_address *storage)
{
    hgh_addresses *addresses = node->addresses;

    if (addresses == NULL) {
        *storage = node->address;
        return storage;
    }
    if (addresses->count == 0 || addresses->valid_until_ms <= now_ms) {
        return NULL;
    }
    *storage = addresses->items[addresses->next % addresses->count];
    addresses->next++;
    storage->port = node->port;
    return storage;
}

void hgh_node_resolved(
    hgh_node *node, const hg_address *addresses, size_t count, uint32_t ttl_s, uint64_t now_ms)
{
    hgh_addresses *into = node->addresses;
    uint32_t kept = count > HGH_NODE_ADDRESSES_MAX ? HGH_NODE_ADDRESSES_MAX : (uint32_t)count;

    memcpy(into->items, addresses, kept * sizeof(*addresses));
    into->count = kept;
    into->valid_until_ms = now_ms + (uint64_t)(ttl_s < TTL_MIN_S ? TTL_MIN_S : ttl_s) * 1000;
}
