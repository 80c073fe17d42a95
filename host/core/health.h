/* host/core/health.h - which nodes of an upstream are fit, in memory that all workers share.
 *
 * Each node that is checked has a cell. Whatever worker learns something about the node writes it
 * there, and all see it with their next request. No lock is taken to read or to report.
 */
#ifndef HOST_CORE_HEALTH_H
#define HOST_CORE_HEALTH_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>

#include <hotgate/error.h>
#include <hotgate/text.h>

#include "host/core/arena.h"

#define HGH_HEALTH_STATUSES 600u /* HTTP statuses from 0 */

/** Fit in the first two. */
typedef enum hgh_health_status {
    HGH_HEALTHY = 0,
    HGH_MOSTLY_HEALTHY = 1,   /* failures, fewer than it takes */
    HGH_MOSTLY_UNHEALTHY = 2, /* successes, fewer than it takes */
    HGH_UNHEALTHY = 3,
} hgh_health_status;

/** "healthy", "mostly_healthy", ...: as in the Control API. */
const char *hgh_health_status_name(hgh_health_status status);

/** What a node is told about. */
typedef enum hgh_health_event {
    HGH_HEALTH_SUCCESS = 0,
    HGH_HEALTH_HTTP_FAILURE = 1,
    HGH_HEALTH_TCP_FAILURE = 2,
    HGH_HEALTH_TIMEOUT = 3,
    HGH_HEALTH_EVENTS = 4,
} hgh_health_event;

/** A state, taken apart. */
typedef struct hgh_health_state {
    hgh_health_status status;
    uint8_t counts[HGH_HEALTH_EVENTS]; /* by event */
} hgh_health_state;

/** One node. In shared memory: all of it is atomic. */
typedef struct hgh_health_cell {
    _Atomic uint64_t key;     /* of its upstream and node; 0: free */
    _Atomic uint64_t state;   /* status, then the counts, a byte each from the lowest */
    _Atomic uint64_t due_ms;  /* CLOCK_MONOTONIC: the next active check */
    _Atomic uint64_t used_ms; /* when a worker last had it in use */
} hgh_health_cell;

/** How many of what make a node fit or unfit; 0: however many do not. */
typedef struct hgh_health_rules {
    uint8_t limits[HGH_HEALTH_EVENTS];              /* by event */
    uint8_t healthy[(HGH_HEALTH_STATUSES + 7) / 8]; /* statuses that are a success, as bits */
    uint8_t unhealthy[(HGH_HEALTH_STATUSES + 7) / 8];
} hgh_health_rules;

typedef enum hgh_check_type {
    HGH_CHECK_HTTP = 0,
    HGH_CHECK_HTTPS = 1,
    HGH_CHECK_TCP = 2,
} hgh_check_type;

/** `checks` of an upstream, and the cells of its nodes. */
typedef struct hgh_health {
    uint8_t type; /* an hgh_check_type: of the active check */
    bool verify;  /* its certificate */
    bool has_passive;
    uint16_t port; /* 0: the node's */
    uint32_t concurrency;
    uint64_t timeout_ms;
    uint64_t healthy_interval_ms; /* between checks of a fit node */
    uint64_t unhealthy_interval_ms;
    hgh_health_rules active;
    hgh_health_rules passive;
    hg_text host;   /* for the Host header and the server name; absent: the node's */
    hg_text method; /* these four are owned, in `text` */
    hg_text path;
    hg_text headers; /* whole lines */
    hg_text body;
    char *text;
    char *name; /* owned: "upstreams/1"; NULL until it is in force */
    uint32_t cell_count;
    hgh_health_cell **cells;       /* owned array; one a node; NULL: there was no room */
    uint64_t *keys;                /* owned: what the cells must still have */
    uint32_t in_flight;            /* checks that this process has under way */
    struct hgh_health *next;       /* of those in force in this process */
    struct hgh_health **at;        /* what points here; NULL: it is in no list */
    struct hgh_upstream *upstream; /* borrowed: it owns this */
} hgh_health;

/** The cells of one gateway. */
typedef struct hgh_health_board {
    hgh_arena *arena;
    hgh_health_cell *cells;
    uint32_t count; /* a power of two */
} hgh_health_board;

/** Decodes `checks`, which the Admin API has accepted. HG_OK, HG_ERR_INVALID, HG_ERR_NO_MEMORY. */
hg_status hgh_health_decode(const json_t *checks, hgh_health **out_health, hg_error *err);

/** Accepts NULL. */
void hgh_health_free(hgh_health *health);

/** Finds or makes the gateway's cells. HG_OK or HG_ERR_FULL. */
hg_status hgh_health_board_open(hgh_arena *arena, hgh_health_board *out_board, hg_error *err);

/** The key of a node: upstream as in "upstreams/1", node as "host:port". Never 0. */
uint64_t hgh_health_key(hg_text upstream, hg_text node);

/** The cell with that key, or NULL: nobody has checked that node of late. */
hgh_health_cell *hgh_health_board_find(const hgh_health_board *board, uint64_t key);

/** Finds or takes the cell for a key; NULL: the board is full. */
hgh_health_cell *hgh_health_board_take(hgh_health_board *board, uint64_t key, uint64_t clock_ms);

/**
 * Gives the nodes of an upstream that comes into force their cells. A node whose cell there is no
 * room for is always fit.
 *
 * kind, id  the object that it stands in: its key without the prefix.
 * list      of the process: it is put in front.
 * Returns HG_OK, HG_ERR_FULL (some have none) or HG_ERR_NO_MEMORY.
 */
hg_status hgh_health_enter(hgh_health *health,
                           hgh_health_board *board,
                           const char *kind,
                           const char *id,
                           uint64_t clock_ms,
                           hgh_health **list);

/** It is no longer in force: takes it out of its list. Does nothing if it is in none. */
void hgh_health_leave(hgh_health *health);

hgh_health_state hgh_health_state_of(const hgh_health_cell *cell);

/** True if requests may go there. A cell that is no longer this key's says nothing. */
static inline bool hgh_health_is_up(const hgh_health *health, uint32_t node)
{
    const hgh_health_cell *cell = health->cells == NULL ? NULL : health->cells[node];

    return cell == NULL ||
           (atomic_load_explicit(&cell->state, memory_order_relaxed) & 0xff) <=
               HGH_MOSTLY_HEALTHY ||
           atomic_load_explicit(&cell->key, memory_order_relaxed) != health->keys[node];
}

/** What a response with that status means by these rules; HGH_HEALTH_EVENTS: nothing. */
hgh_health_event hgh_health_event_of(const hgh_health_rules *rules, uint32_t status);

/**
 * Counts an event at a node.
 *
 * out_status  the status that it changed to from the other side; untouched if it did not.
 * Returns true if the node has become fit or unfit by it.
 */
bool hgh_health_report(hgh_health *health,
                       uint32_t node,
                       const hgh_health_rules *rules,
                       hgh_health_event event,
                       hgh_health_status *out_status);

/**
 * True if the node's active check is due and is now this process's to make: the next one is due
 * after its interval, whoever makes it. Also keeps the cell from being given away.
 */
bool hgh_health_claim(hgh_health *health, uint32_t node, uint64_t clock_ms);

#endif
