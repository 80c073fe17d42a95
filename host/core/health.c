/* host/core/health.c - which nodes of an upstream are fit, in memory that all workers share. */
#include "host/core/health.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/core/siphash.h"
#include "host/core/upstream.h"

#define BOARD_NAME      "hotgate/health"
#define BOARD_LAYOUT    "health-cell-1"
#define CELLS_MAX       16384u
#define ARENA_SHARE     16u    /* at most one part in so many of the arena */
#define PROBES_MAX      64u    /* cells that are looked at for one key */
#define CELL_STALE_MS   60000u /* nobody had it in use for so long: it can be taken */
#define CELL_REFRESH_MS 5000u

const char *hgh_health_status_name(hgh_health_status status)
{
    static const char *const names[] = {"healthy", "mostly_healthy", "mostly_unhealthy",
                                        "unhealthy"};

    return names[status];
}

/* ------------------------------------------------------------------------------------- board */

hg_status hgh_health_board_open(hgh_arena *arena, hgh_health_board *out_board, hg_error *err)
{
    size_t size = 0;
    size_t used = 0;
    uint32_t count = CELLS_MAX;
    void *memory = NULL;
    hg_status status;

    hgh_arena_usage(arena, &size, &used);
    while (count > PROBES_MAX && count * sizeof(hgh_health_cell) > size / ARENA_SHARE) {
        count /= 2;
    }
    status = hgh_arena_open_block(arena, BOARD_NAME, BOARD_LAYOUT, count * sizeof(hgh_health_cell),
                                  &memory, err);
    if (status == HG_OK) {
        *out_board = (hgh_health_board){.arena = arena, .cells = memory, .count = count};
    }
    return status;
}

uint64_t hgh_health_key(hg_text upstream, hg_text node)
{
    static const hgh_hash_key fixed = {{0, 0}}; /* the same in every process */
    hgh_hash128 first = hgh_siphash128(&fixed, upstream.data, upstream.length);
    hgh_hash_key second = {{first.low, first.high}};
    uint64_t key = hgh_siphash128(&second, node.data, node.length).low;

    return key == 0 ? 1 : key;
}

static hgh_health_cell *cell_at(const hgh_health_board *board, uint64_t key, uint32_t probe)
{
    return &board->cells[((uint32_t)key + probe) & (board->count - 1)];
}

hgh_health_cell *hgh_health_board_find(const hgh_health_board *board, uint64_t key)
{
    for (uint32_t i = 0; i < PROBES_MAX; i++) {
        hgh_health_cell *cell = cell_at(board, key, i);
        uint64_t found = atomic_load_explicit(&cell->key, memory_order_acquire);

        if (found == key) {
            return cell;
        }
        if (found == 0) {
            break;
        }
    }
    return NULL;
}

/* A free one, or one that nobody uses any more. */
static hgh_health_cell *cell_make(const hgh_health_board *board, uint64_t key, uint64_t clock_ms)
{
    for (uint32_t i = 0; i < PROBES_MAX; i++) {
        hgh_health_cell *cell = cell_at(board, key, i);

        if (atomic_load(&cell->key) == 0 ||
            atomic_load(&cell->used_ms) + CELL_STALE_MS < clock_ms) {
            atomic_store(&cell->state, 0);
            atomic_store(&cell->due_ms, 0);
            atomic_store(&cell->used_ms, clock_ms);
            atomic_store_explicit(&cell->key, key, memory_order_release);
            return cell;
        }
    }
    return NULL;
}

hgh_health_cell *hgh_health_board_take(hgh_health_board *board, uint64_t key, uint64_t clock_ms)
{
    hgh_health_cell *cell;

    hgh_arena_lock(board->arena);
    cell = hgh_health_board_find(board, key);
    if (cell == NULL) {
        cell = cell_make(board, key, clock_ms);
    } else {
        atomic_store(&cell->used_ms, clock_ms);
    }
    hgh_arena_unlock(board->arena);
    return cell;
}

hg_status hgh_health_enter(hgh_health *health,
                           hgh_health_board *board,
                           const char *kind,
                           const char *id,
                           uint64_t clock_ms,
                           hgh_health **list)
{
    const hgh_upstream *upstream = health->upstream;
    hg_status status = HG_OK;

    if (asprintf(&health->name, "%s/%s", kind, id) < 0) {
        health->name = NULL;
        return HG_ERR_NO_MEMORY;
    }
    health->cells = calloc(upstream->node_count + 1, sizeof(hgh_health_cell *));
    health->keys = calloc(upstream->node_count + 1, sizeof(*health->keys));
    if (health->cells == NULL || health->keys == NULL) {
        free(health->cells);
        health->cells = NULL;
        return HG_ERR_NO_MEMORY;
    }
    health->cell_count = upstream->node_count;
    for (uint32_t i = 0; i < health->cell_count; i++) {
        health->keys[i] = hgh_health_key(hg_text_of(health->name), upstream->nodes[i].text);
        health->cells[i] = hgh_health_board_take(board, health->keys[i], clock_ms);
        status = health->cells[i] == NULL ? HG_ERR_FULL : status;
    }
    health->next = *list;
    health->at = list;
    if (*list != NULL) {
        (*list)->at = &health->next;
    }
    *list = health;
    return status;
}

void hgh_health_leave(hgh_health *health)
{
    if (health->at == NULL) {
        return;
    }
    *health->at = health->next;
    if (health->next != NULL) {
        health->next->at = health->at;
    }
    health->next = NULL;
    health->at = NULL;
}

/* ------------------------------------------------------------------------------------- state */

static hgh_health_state state_unpack(uint64_t word)
{
    hgh_health_state state = {.status = (hgh_health_status)(word & 3)};

    for (uint32_t i = 0; i < HGH_HEALTH_EVENTS; i++) {
        state.counts[i] = (uint8_t)(word >> (8 * (i + 1)));
    }
    return state;
}

static uint64_t state_pack(const hgh_health_state *state)
{
    uint64_t word = (uint64_t)state->status;

    for (uint32_t i = 0; i < HGH_HEALTH_EVENTS; i++) {
        word |= (uint64_t)state->counts[i] << (8 * (i + 1));
    }
    return word;
}

hgh_health_state hgh_health_state_of(const hgh_health_cell *cell)
{
    return state_unpack(atomic_load(&cell->state));
}

static bool has_bit(const uint8_t *bits, uint32_t number)
{
    return (bits[number / 8] >> (number % 8) & 1) != 0;
}

hgh_health_event hgh_health_event_of(const hgh_health_rules *rules, uint32_t status)
{
    if (status < HGH_HEALTH_STATUSES && has_bit(rules->healthy, status)) {
        return HGH_HEALTH_SUCCESS;
    }
    if (status < HGH_HEALTH_STATUSES && has_bit(rules->unhealthy, status)) {
        return HGH_HEALTH_HTTP_FAILURE;
    }
    return HGH_HEALTH_EVENTS;
}

static void count_success(hgh_health_state *state, uint8_t limit)
{
    uint8_t successes = state->counts[HGH_HEALTH_SUCCESS];

    memset(state->counts, 0, sizeof(state->counts));
    state->counts[HGH_HEALTH_SUCCESS] = (uint8_t)(successes + 1);
    if (state->counts[HGH_HEALTH_SUCCESS] >= limit) {
        *state = (hgh_health_state){.status = HGH_HEALTHY};
    } else if (state->status == HGH_UNHEALTHY) {
        state->status = HGH_MOSTLY_UNHEALTHY;
    }
}

static void count_failure(hgh_health_state *state, hgh_health_event event, uint8_t limit)
{
    state->counts[HGH_HEALTH_SUCCESS] = 0;
    state->counts[event]++;
    if (state->counts[event] >= limit || state->status == HGH_MOSTLY_UNHEALTHY) {
        state->status = HGH_UNHEALTHY; /* the counts stay: they say why */
    } else if (state->status == HGH_HEALTHY) {
        state->status = HGH_MOSTLY_HEALTHY;
    }
}

bool hgh_health_report(hgh_health *health,
                       uint32_t node,
                       const hgh_health_rules *rules,
                       hgh_health_event event,
                       hgh_health_status *out_status)
{
    hgh_health_cell *cell = health->cells == NULL ? NULL : health->cells[node];
    uint8_t limit = event < HGH_HEALTH_EVENTS ? rules->limits[event] : 0;
    hgh_health_state before;
    hgh_health_state after;
    uint64_t word;

    if (cell == NULL || limit == 0 || atomic_load(&cell->key) != health->keys[node]) {
        return false;
    }
    word = atomic_load(&cell->state);
    do {
        before = state_unpack(word);
        after = before;
        if (event == HGH_HEALTH_SUCCESS && before.status != HGH_HEALTHY) {
            count_success(&after, limit);
        } else if (event != HGH_HEALTH_SUCCESS && before.status != HGH_UNHEALTHY) {
            count_failure(&after, event, limit);
        } else {
            return false; /* nothing new */
        }
    } while (!atomic_compare_exchange_weak(&cell->state, &word, state_pack(&after)));
    if ((before.status <= HGH_MOSTLY_HEALTHY) == (after.status <= HGH_MOSTLY_HEALTHY)) {
        return false;
    }
    *out_status = after.status;
    return true;
}

bool hgh_health_claim(hgh_health *health, uint32_t node, uint64_t clock_ms)
{
    hgh_health_cell *cell = health->cells == NULL ? NULL : health->cells[node];
    uint64_t interval_ms = hgh_health_is_up(health, node) ? health->healthy_interval_ms
                                                          : health->unhealthy_interval_ms;
    uint64_t due_ms;

    if (cell == NULL || atomic_load(&cell->key) != health->keys[node]) {
        return false;
    }
    if (clock_ms > atomic_load(&cell->used_ms) + CELL_REFRESH_MS) {
        atomic_store(&cell->used_ms, clock_ms);
    }
    due_ms = atomic_load(&cell->due_ms);
    return due_ms <= clock_ms && interval_ms > 0 &&
           atomic_compare_exchange_strong(&cell->due_ms, &due_ms, clock_ms + interval_ms);
}
