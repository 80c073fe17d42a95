/* host/core/crash_record.h - what is kept of workers that have died: what they ran, and where.
 *
 * The records stand on the board. Whoever finds a dead worker first writes one: control, or the
 * next worker at its start, so that nobody runs into the same end again while control is dead. A
 * worker says itself where it is, from a signal handler; one that was killed says nothing.
 */
#ifndef HOST_CORE_CRASH_RECORD_H
#define HOST_CORE_CRASH_RECORD_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HGH_CRASHES_MAX      64u    /* kept; the oldest goes first */
#define HGH_CRASH_WINDOW_MS  60000u /* crashes in that time are counted together */
#define HGH_CRASHES_TO_BLAME 2u     /* of them, before something is done about it */
#define HGH_STACK_FRAMES_MAX 32u
#define HGH_SUBJECT_MAX      128u
#define HGH_SIGNAL_OF_EXIT   (-1) /* stands for a call of exit() */

struct hgh_board;

/** One frame of a stack. */
typedef struct hgh_stack_frame {
    uint32_t object; /* the plugin's number in the manifests; 0: it is in no plugin */
    uint64_t offset; /* in its object */
} hgh_stack_frame;

/** Where a worker was when its signal handler ran. */
typedef struct hgh_sighting {
    uint64_t marker;
    int32_t signal_number; /* it dies of; HGH_SIGNAL_OF_EXIT; 0: nothing was caught */
    uint32_t frame_count;
    hgh_stack_frame frames[HGH_STACK_FRAMES_MAX]; /* innermost first */
    char subject[HGH_SUBJECT_MAX]; /* "routes/1", of a configuration with its checksum behind '#';
                                      "": not known */
} hgh_sighting;

/** Why control had a worker killed. */
typedef enum hgh_killed_for {
    HGH_KILLED_FOR_NOTHING = 0, /* it was not control that did it */
    HGH_KILLED_FOR_TIME = 1,    /* a call did not come back */
    HGH_KILLED_FOR_MEMORY = 2,
} hgh_killed_for;

/** One worker that has died. */
typedef struct hgh_crash {
    _Atomic uint64_t number; /* from 1 on; another one than expected: being written, or gone */
    uint64_t at_ms;          /* CLOCK_MONOTONIC, when it was found */
    uint64_t generation;
    uint64_t marker;   /* the call into a plugin that it was in; 0: none */
    uint64_t begun_ms; /* when the worker had started; 0: not known */
    int32_t pid;
    uint32_t engine_number;
    uint32_t killed_for; /* an hgh_killed_for */
    uint32_t kind;       /* an hgh_process_kind of board.h */
    hgh_sighting seen;
} hgh_crash;

/** Frees the slots of workers that are gone, and records each. Returns how many there were. */
size_t hgh_crash_bury(struct hgh_board *board, uint64_t now_ms);

/** How many have been recorded; their numbers go up to this one. */
uint64_t hgh_crash_newest(const struct hgh_board *board);

/** Copies a record; texts end with a NUL and counts are in range, whatever stands on the board.
 * False: it is gone, or not written yet. */
bool hgh_crash_read(const struct hgh_board *board, uint64_t number, hgh_crash *out_crash);

/** True if it died of what it ran: by a signal, or killed for it. A kill from outside is nobody's.
 */
bool hgh_crash_is_own(const hgh_crash *crash);

/** True if it was a worker: what others die of counts for nothing. */
bool hgh_crash_is_of_worker(const hgh_crash *crash);

/** True if a plugin is to blame: it died of what it ran, and ran a plugin. */
bool hgh_crash_is_blamed(const hgh_crash *crash);

/**
 * How often a plugin is to blame within HGH_CRASH_WINDOW_MS, and at `least_ms` or later. What
 * something was done about counts no more, nor do the ends of workers whose memory is distrusted,
 * for as long. Crashes over one and the same configuration, while it
 * is decoded, count once: that one is left out instead.
 */
size_t
hgh_crash_count(const struct hgh_board *board, uint32_t object, uint64_t least_ms, uint64_t now_ms);

/** How many have died of what they ran, and ran no plugin; as above. */
size_t hgh_crash_count_unblamed(const struct hgh_board *board, uint64_t least_ms, uint64_t now_ms);

/** True if a plugin is not to decode that configuration again; `subject` as in hgh_sighting. */
bool hgh_crash_is_poison(const struct hgh_board *board,
                         uint32_t object,
                         const char *subject,
                         uint64_t now_ms);

/** How long a worker waits before it starts, in milliseconds: crashes that nothing is done about
 * must not keep the machine busy with starts. */
uint32_t hgh_crash_pause_ms(const struct hgh_board *board, uint64_t now_ms);

#endif
