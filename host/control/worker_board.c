/* host/control/worker_board.c - control's view of the workers: votes, generations, numbers. */
#include "host/control/worker_board.h"

#include <stdio.h>
#include <string.h>

#include "host/core/json_value.h"

#define GENERATIONS_LOST_MAX 1000000u /* prepared since the last one that came into force */

static bool is_worker(const hgh_board_slot *slot)
{
    return atomic_load(&slot->kind) == HGH_WORKER_PROCESS &&
           hgh_board_owner_lives(atomic_load(&slot->owner));
}

/* Workers that end what they have do not take part in anything new. */
static bool slot_has_a_say(const hgh_board_slot *slot)
{
    uint32_t state = atomic_load(&slot->state);

    return (state == HGH_WORKER_STARTING || state == HGH_WORKER_SERVING) && is_worker(slot);
}

/* A worker writes the text before the vote; a byte may still change while we copy: it is bounded.
 */
static void reason_copy(const hgh_board_slot *slot, hgh_vote_count *count)
{
    char text[HGH_BOARD_VOTE_TEXT];

    memcpy(text, slot->vote_text, sizeof(text));
    text[sizeof(text) - 1] = '\0';
    (void)snprintf(count->reason, sizeof(count->reason), "worker %d: %s",
                   (int)hgh_board_pid(atomic_load(&slot->owner)), text);
}

hgh_vote_count hgh_worker_board_votes(const hgh_board *board, uint64_t generation)
{
    hgh_vote_count count = {0};

    for (uint32_t i = 0; i < HGH_BOARD_SLOTS; i++) {
        const hgh_board_slot *slot = &board->slot[i];
        uint64_t vote;

        if (!slot_has_a_say(slot)) {
            continue;
        }
        vote = atomic_load_explicit(&slot->vote, memory_order_acquire);
        count.voters++;
        if (vote == (generation << 8 | HGH_VOTE_YES)) {
            count.yes++;
        } else if (vote == (generation << 8 | HGH_VOTE_NO)) {
            if (count.no == 0) {
                reason_copy(slot, &count);
            }
            count.no++;
        }
    }
    return count;
}

void hgh_worker_board_clear_votes(hgh_board *board)
{
    for (uint32_t i = 0; i < HGH_BOARD_SLOTS; i++) {
        atomic_store(&board->slot[i].vote, 0);
    }
}

uint64_t hgh_worker_board_newest_vote(const hgh_board *board, uint64_t least)
{
    uint64_t newest = least;

    for (uint32_t i = 0; i < board->slots; i++) {
        uint64_t generation = atomic_load(&board->slot[i].vote) >> 8;

        if (generation > newest && generation - least < GENERATIONS_LOST_MAX) {
            newest = generation;
        }
    }
    return newest;
}

hgh_follow_count
hgh_worker_board_follow(const hgh_board *board, uint64_t generation, size_t objects)
{
    hgh_follow_count count = {0};

    for (uint32_t i = 0; i < HGH_BOARD_SLOTS; i++) {
        const hgh_board_slot *slot = &board->slot[i];

        if (!slot_has_a_say(slot)) {
            continue;
        }
        count.workers++;
        if (atomic_load_explicit(&slot->generation, memory_order_acquire) == generation) {
            uint64_t mapped = atomic_load(&slot->objects_mapped);

            count.there++;
            count.drained += mapped <= objects + atomic_load(&slot->objects_pinned);
        }
    }
    return count;
}

bool hgh_worker_board_is_settled(const hgh_board *board, uint64_t generation)
{
    for (uint32_t i = 0; i < HGH_BOARD_SLOTS; i++) {
        const hgh_board_slot *slot = &board->slot[i];

        if (is_worker(slot) && (atomic_load(&slot->generation) != generation ||
                                atomic_load(&slot->requests_old) != 0)) {
            return false;
        }
    }
    return true;
}

bool hgh_worker_board_is_ready(const hgh_board *board, char *reason, size_t size)
{
    size_t starting = 0;
    size_t serving = 0;

    for (uint32_t i = 0; i < HGH_BOARD_SLOTS; i++) {
        uint32_t state = atomic_load(&board->slot[i].state);

        if (is_worker(&board->slot[i])) {
            starting += state == HGH_WORKER_STARTING ? 1 : 0;
            serving += state == HGH_WORKER_SERVING ? 1 : 0;
        }
    }
    if (serving > 0 && starting == 0) {
        return true;
    }
    (void)snprintf(reason, size, "%zu of %zu workers have no configuration yet", starting,
                   starting + serving);
    return false;
}

/* Why objects stay, as the worker wrote it: any bytes. NULL: none does. */
static json_t *pins_json(const hgh_board_slot *slot, uint64_t pinned)
{
    json_t *array = pinned == 0 ? NULL : json_array();

    for (uint64_t i = 0; i < pinned && i < HGH_BOARD_PINS; i++) {
        char text[HGH_BOARD_PIN_TEXT];

        memcpy(text, slot->pins[i], sizeof(text));
        text[sizeof(text) - 1] = '\0';
        hgh_utf8_mend(text);
        (void)json_array_append_new(array, json_string(text));
    }
    return array;
}

uint64_t hgh_worker_board_most_pinned(const hgh_board *board, pid_t *out_pid)
{
    uint64_t most = 0;

    for (uint32_t i = 0; i < HGH_BOARD_SLOTS; i++) {
        const hgh_board_slot *slot = &board->slot[i];
        uint64_t pinned = atomic_load(&slot->objects_pinned);

        if (pinned > most && slot_has_a_say(slot)) {
            most = pinned;
            *out_pid = hgh_board_pid(atomic_load(&slot->owner));
        }
    }
    return most;
}

json_t *hgh_worker_board_json(const hgh_board *board)
{
    static const char *const states[] = {
        [HGH_WORKER_NONE] = "none",       [HGH_WORKER_STARTING] = "starting",
        [HGH_WORKER_SERVING] = "serving", [HGH_WORKER_DRAINING] = "draining",
        [HGH_WORKER_DEAD] = "dead",
    };
    json_t *array = json_array();

    for (uint32_t i = 0; i < HGH_BOARD_SLOTS; i++) {
        const hgh_board_slot *slot = &board->slot[i];
        uint32_t state = atomic_load(&slot->state);
        uint64_t pinned = atomic_load_explicit(&slot->objects_pinned, memory_order_acquire);

        if (!is_worker(slot)) {
            continue;
        }
        (void)json_array_append_new(
            array,
            json_pack(
                "{s:i, s:i, s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:o*}",
                "pid", (int)hgh_board_pid(atomic_load(&slot->owner)), "number",
                (int)atomic_load(&slot->engine_number), "state",
                state <= HGH_WORKER_DEAD ? states[state] : "unknown", "generation",
                (json_int_t)atomic_load(&slot->generation), "requests",
                (json_int_t)atomic_load(&slot->requests), "requests_live",
                (json_int_t)atomic_load(&slot->requests_live), "requests_parked",
                (json_int_t)atomic_load(&slot->requests_parked), "requests_old",
                (json_int_t)atomic_load(&slot->requests_old), "oldest_generation",
                (json_int_t)atomic_load(&slot->oldest_generation), "objects_mapped",
                (json_int_t)atomic_load(&slot->objects_mapped), "objects_pinned",
                (json_int_t)pinned, "chains", (json_int_t)atomic_load(&slot->chains), "slow_calls",
                (json_int_t)atomic_load(&slot->slow_calls), "apply_failures",
                (json_int_t)atomic_load(&slot->apply_failures), "pins", pins_json(slot, pinned)));
    }
    return array;
}
