/* host/core/crash_record.c - what is kept of workers that have died: what they ran, and where. */
#include "host/core/crash_record.h"

#include <string.h>
#include <unistd.h>

#include "host/core/board.h"

#define PAUSE_WINDOW_MS 10000u
#define PAUSE_FREE      4u   /* crashes in that time that cost no pause */
#define PAUSE_STEP_MS   100u /* each further one */
#define PAUSE_MAX_MS    2000u

/* ------------------------------------------------------------------------------------ bury */

static void record_write(hgh_board *board, const hgh_board_slot *slot, pid_t pid, uint64_t now_ms)
{
    uint64_t number = atomic_fetch_add(&board->crashes_found, 1) + 1;
    hgh_crash *crash = &board->crashes[number % HGH_CRASHES_MAX];

    atomic_store(&crash->number, 0);
    atomic_thread_fence(memory_order_release);
    crash->at_ms = now_ms;
    crash->generation = atomic_load(&slot->generation);
    crash->marker = atomic_load(&slot->marker);
    if (slot->seen.signal_number != 0 && slot->seen.marker != 0) {
        crash->marker = slot->seen.marker; /* it may be one of a thread */
    }
    crash->begun_ms = atomic_load(&slot->begun_ms);
    crash->pid = (int32_t)pid;
    crash->engine_number = atomic_load(&slot->engine_number);
    crash->killed_for = atomic_load(&slot->killed_for);
    crash->kind = atomic_load(&slot->kind);
    crash->seen = slot->seen;
    atomic_store_explicit(&crash->number, number, memory_order_release);
}

size_t hgh_crash_bury(hgh_board *board, uint64_t now_ms)
{
    uint64_t mine = hgh_board_owner_of(getpid());
    size_t count = 0;

    for (uint32_t i = 0; i < HGH_BOARD_SLOTS; i++) {
        hgh_board_slot *slot = &board->slot[i];
        uint64_t owner = atomic_load(&slot->owner);

        if (owner == 0 || hgh_board_owner_lives(owner) ||
            !atomic_compare_exchange_strong(&slot->owner, &owner, mine)) {
            continue;
        }
        /* It is ours until it is free: should we die over it, the next one finds it as it was. */
        atomic_store(&slot->state, HGH_WORKER_DEAD);
        record_write(board, slot, hgh_board_pid(owner), now_ms);
        hgh_board_release(slot);
        count++;
    }
    return count;
}

/* ------------------------------------------------------------------------------------ read */

uint64_t hgh_crash_newest(const hgh_board *board)
{
    return atomic_load(&board->crashes_found);
}

bool hgh_crash_read(const hgh_board *board, uint64_t number, hgh_crash *out_crash)
{
    const hgh_crash *crash = &board->crashes[number % HGH_CRASHES_MAX];
    hgh_sighting *seen = &out_crash->seen;

    if (number == 0 || atomic_load_explicit(&crash->number, memory_order_acquire) != number) {
        return false;
    }
    memcpy((void *)out_crash, (const void *)crash, sizeof(*crash));
    atomic_thread_fence(memory_order_acquire);
    seen->subject[sizeof(seen->subject) - 1] = '\0';
    if (seen->frame_count > HGH_STACK_FRAMES_MAX) {
        seen->frame_count = HGH_STACK_FRAMES_MAX;
    }
    return atomic_load(&crash->number) == number; /* else it was overwritten meanwhile */
}

bool hgh_crash_is_own(const hgh_crash *crash)
{
    return crash->seen.signal_number != 0 || crash->killed_for != HGH_KILLED_FOR_NOTHING;
}

bool hgh_crash_is_of_worker(const hgh_crash *crash)
{
    return crash->kind == HGH_WORKER_PROCESS;
}

bool hgh_crash_is_blamed(const hgh_crash *crash)
{
    return crash->marker != 0 && hgh_crash_is_own(crash);
}

/* ----------------------------------------------------------------------------------- count */

/* What such a worker dies of is the fault of what has gone meanwhile. */
static bool is_distrusted(const hgh_board *board, const hgh_crash *crash)
{
    uint64_t distrusted_ms = atomic_load(&board->distrusted_ms);

    return distrusted_ms != 0 && crash->begun_ms != 0 && crash->begun_ms < distrusted_ms &&
           crash->at_ms >= distrusted_ms && crash->at_ms - distrusted_ms < HGH_CRASH_WINDOW_MS;
}

/* The records that there still are and that count, the newest first; false: there is none any more.
 */
static bool
record_before(const hgh_board *board, uint64_t *number, uint64_t oldest_ms, hgh_crash *out_crash)
{
    uint64_t newest = hgh_crash_newest(board);
    uint64_t settled = atomic_load(&board->crashes_settled);

    while (*number > settled && newest - *number < HGH_CRASHES_MAX) {
        bool is_there = hgh_crash_read(board, (*number)--, out_crash);

        if (is_there && hgh_crash_is_of_worker(out_crash) && out_crash->at_ms >= oldest_ms &&
            !is_distrusted(board, out_crash)) {
            return true;
        }
    }
    return false;
}

static uint64_t since(uint64_t now_ms, uint64_t window_ms)
{
    return now_ms > window_ms ? now_ms - window_ms : 0;
}

static uint64_t oldest_of(uint64_t least_ms, uint64_t now_ms)
{
    uint64_t oldest_ms = since(now_ms, HGH_CRASH_WINDOW_MS);

    return oldest_ms > least_ms ? oldest_ms : least_ms;
}

/* True if it came over a configuration that is known, while that was decoded. */
static bool is_of_configuration(const hgh_crash *crash, uint32_t object)
{
    return hgh_crash_is_blamed(crash) && hgh_marker_object(crash->marker) == object &&
           hgh_marker_call(crash->marker) == HGH_CALL_PARSE && crash->seen.subject[0] != '\0';
}

/* True if a later record is over the same configuration. */
static bool was_counted(const hgh_board *board,
                        uint64_t number,
                        uint32_t object,
                        const char *subject,
                        uint64_t oldest_ms)
{
    uint64_t at = hgh_crash_newest(board);
    hgh_crash other;

    while (record_before(board, &at, oldest_ms, &other) && atomic_load(&other.number) > number) {
        if (is_of_configuration(&other, object) && strcmp(other.seen.subject, subject) == 0) {
            return true;
        }
    }
    return false;
}

size_t hgh_crash_count(const hgh_board *board, uint32_t object, uint64_t least_ms, uint64_t now_ms)
{
    uint64_t oldest_ms = oldest_of(least_ms, now_ms);
    uint64_t at = hgh_crash_newest(board);
    hgh_crash crash;
    size_t count = 0;

    while (record_before(board, &at, oldest_ms, &crash)) {
        if (!hgh_crash_is_blamed(&crash) || hgh_marker_object(crash.marker) != object) {
            continue;
        }
        count += is_of_configuration(&crash, object) &&
                         was_counted(board, atomic_load(&crash.number), object, crash.seen.subject,
                                     oldest_ms)
                     ? 0
                     : 1;
    }
    return count;
}

size_t hgh_crash_count_unblamed(const hgh_board *board, uint64_t least_ms, uint64_t now_ms)
{
    uint64_t oldest_ms = oldest_of(least_ms, now_ms);
    uint64_t at = hgh_crash_newest(board);
    hgh_crash crash;
    size_t count = 0;

    while (record_before(board, &at, oldest_ms, &crash)) {
        count += hgh_crash_is_own(&crash) && crash.marker == 0;
    }
    return count;
}

bool hgh_crash_is_poison(const hgh_board *board,
                         uint32_t object,
                         const char *subject,
                         uint64_t now_ms)
{
    uint64_t at = hgh_crash_newest(board);
    hgh_crash crash;
    size_t count = 0;

    while (record_before(board, &at, since(now_ms, HGH_CRASH_WINDOW_MS), &crash)) {
        count += is_of_configuration(&crash, object) && strcmp(crash.seen.subject, subject) == 0;
    }
    return count >= HGH_CRASHES_TO_BLAME;
}

uint32_t hgh_crash_pause_ms(const hgh_board *board, uint64_t now_ms)
{
    uint64_t newest = hgh_crash_newest(board);
    uint32_t pause_ms = 0;
    hgh_crash crash;
    uint32_t count = 0;

    for (uint64_t number = newest; number > 0 && newest - number < HGH_CRASHES_MAX; number--) {
        count += hgh_crash_read(board, number, &crash) && hgh_crash_is_of_worker(&crash) &&
                 crash.at_ms >= since(now_ms, PAUSE_WINDOW_MS);
    }
    if (count > PAUSE_FREE) {
        pause_ms = (count - PAUSE_FREE) * PAUSE_STEP_MS;
    }
    return pause_ms < PAUSE_MAX_MS ? pause_ms : PAUSE_MAX_MS;
}
