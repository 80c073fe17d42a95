/* host/core/board.h - the board: one slot a worker, where it says how far it is and what it runs.
 *
 * One shared block of memory, made by the supervisor. Workers write their own slot; control reads
 * all of them and trusts none: a process id found here is only a claim.
 */
#ifndef HOST_CORE_BOARD_H
#define HOST_CORE_BOARD_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <hotgate/error.h>
#include <hotgate/request.h>

#include "host/core/crash_record.h"

#define HGH_BOARD_MAGIC     0x48474231u /* "HGB1" */
#define HGH_BOARD_SLOTS     256u
#define HGH_BOARD_VOTE_TEXT 400u
#define HGH_BOARD_PINS      4u /* of which the reason is kept */
#define HGH_BOARD_PIN_TEXT  200u

#define HGH_OFFLOAD_THREADS_MAX 16u /* of one worker, for functions of plugins that block */

/** What the owner of a slot is doing. */
typedef enum hgh_worker_state {
    HGH_WORKER_NONE = 0,     /* the slot is free */
    HGH_WORKER_STARTING = 1, /* applies the feed, accepts nothing yet */
    HGH_WORKER_SERVING = 2,
    HGH_WORKER_DRAINING = 3, /* ends what it has, accepts nothing more; does not vote */
    HGH_WORKER_DEAD = 4,     /* its process was found gone; its record is being written */
} hgh_worker_state;

/** What kind of process has a slot. Runners neither vote nor count as workers, and what they die of
 * is nobody's blame: it cost no more than their calls. */
typedef enum hgh_process_kind {
    HGH_WORKER_PROCESS = 0,
    HGH_RUNNER_PROCESS = 1, /* the isolated runner of a generation */
} hgh_process_kind;

/** A vote on a prepared generation. */
typedef enum hgh_vote {
    HGH_VOTE_NONE = 0,
    HGH_VOTE_YES = 1,
    HGH_VOTE_NO = 2,
} hgh_vote;

/** One worker. Numbers are written with relaxed order but for `vote`, whose release publishes
 * vote_text. */
typedef struct hgh_board_slot {
    _Atomic uint64_t owner;         /* pid << 32 | lower half of its start time; 0: free */
    _Atomic uint32_t state;         /* an hgh_worker_state */
    _Atomic uint32_t engine_number; /* the engine's own number of this worker, for people */
    _Atomic uint64_t word;          /* the feed word it has applied */
    _Atomic uint64_t generation;    /* in force here */
    _Atomic uint64_t vote;          /* generation << 8 | an hgh_vote */
    _Atomic uint64_t marker;        /* the call into a plugin that runs now: hgh_marker_make() */
    _Atomic uint64_t offload_markers[HGH_OFFLOAD_THREADS_MAX]; /* the same, of each thread */
    _Atomic uint64_t requests;                                 /* begun so far */
    _Atomic uint64_t requests_live;
    _Atomic uint64_t requests_parked;
    _Atomic uint64_t requests_old;       /* live ones on earlier generations */
    _Atomic uint64_t oldest_generation;  /* that one of them began on; 0: there is none */
    _Atomic uint64_t objects_mapped;     /* plugin objects in memory, all generations */
    _Atomic uint64_t objects_pinned;     /* of these: closed, yet still mapped; publishes pins */
    _Atomic uint64_t chains;             /* compiled and cached */
    _Atomic uint64_t slow_calls;         /* callbacks over the watchdog's limit */
    _Atomic uint64_t apply_failures;     /* feed records that could not be applied */
    _Atomic uint64_t begun_ms;           /* CLOCK_MONOTONIC of the worker's start; 0: not known */
    _Atomic uint32_t killed_for;         /* an hgh_killed_for, written by control */
    _Atomic uint32_t kind;               /* an hgh_process_kind */
    hgh_sighting seen;                   /* written by the worker's signal handler */
    char vote_text[HGH_BOARD_VOTE_TEXT]; /* why not; NUL-terminated */
    char pins[HGH_BOARD_PINS][HGH_BOARD_PIN_TEXT]; /* why, of the first ones; NUL-terminated */
} hgh_board_slot;

typedef struct hgh_board {
    uint32_t magic;
    uint32_t slots;
    uint64_t reserved[1];
    _Atomic uint64_t distrusted_ms; /* CLOCK_MONOTONIC: what workers that began before it have in
                                       their memory may have been overwritten; 0: never */
    _Atomic uint64_t committed_ms;  /* CLOCK_MONOTONIC of the last commit; 0: none yet */
    unsigned char explain_key[32]; /* of host/core/explain_token.h, for this start of the gateway */
    _Atomic uint64_t crashes_found;   /* the number of the newest record */
    _Atomic uint64_t crashes_told;    /* of the newest that control has told of */
    _Atomic uint64_t crashes_settled; /* of the newest that something was done about */
    hgh_crash crashes[HGH_CRASHES_MAX];
    hgh_board_slot slot[HGH_BOARD_SLOTS];
} hgh_board;

/** Bytes of the whole board. */
size_t hgh_board_size(void);

/** Makes a board in zeroed shared memory of hgh_board_size() bytes; its keys are the caller's to
 * fill in. */
void hgh_board_init(hgh_board *board);

/** Maps an existing board; NULL with errno set if that is no board of this version. */
hgh_board *hgh_board_map(int fd, bool writable);

void hgh_board_unmap(hgh_board *board);

/**
 * Takes a slot for the calling process: free ones first, then those whose process is gone.
 * Returns NULL if all are taken by living processes.
 */
hgh_board_slot *hgh_board_take_as(hgh_board *board, uint32_t engine_number, hgh_process_kind kind);

/** The same for a worker. */
static inline hgh_board_slot *hgh_board_take(hgh_board *board, uint32_t engine_number)
{
    return hgh_board_take_as(board, engine_number, HGH_WORKER_PROCESS);
}

/** Gives the slot back at an orderly end. */
void hgh_board_release(hgh_board_slot *slot);

/** The process id in an owner word. */
static inline pid_t hgh_board_pid(uint64_t owner)
{
    return (pid_t)(owner >> 32);
}

/** The owner word of a process. */
uint64_t hgh_board_owner_of(pid_t pid);

/** True if the process that took the slot still runs (same start time). */
bool hgh_board_owner_lives(uint64_t owner);

void hgh_board_vote(hgh_board_slot *slot, uint64_t generation, hgh_vote vote, const char *why);

/* The blame marker: a sequence number that tells calls apart (bits 24-63), the plugin's number in
 * the manifests (bits 8-23), what it is called for (bits 0-7). 0: no plugin is running. */
typedef enum hgh_call {
    HGH_CALL_NONE = 0, /* 1 to 8: an hg_phase */
    HGH_CALL_LOAD = 16,
    HGH_CALL_INIT = 17,
    HGH_CALL_EXIT = 18,
    HGH_CALL_PARSE = 19,
    HGH_CALL_RELEASE = 20,
    HGH_CALL_CHECK = 21,
    HGH_CALL_UNLOAD = 22,
    HGH_CALL_TIMER = 23,
    HGH_CALL_OFFLOAD = 24,
} hgh_call;

static inline uint64_t hgh_marker_make(uint64_t sequence, uint32_t object, uint32_t call)
{
    return sequence << 24 | (uint64_t)(object & 0xffffu) << 8 | (call & 0xffu);
}

static inline uint32_t hgh_marker_object(uint64_t marker)
{
    return (uint32_t)(marker >> 8) & 0xffffu;
}

static inline uint32_t hgh_marker_call(uint64_t marker)
{
    return (uint32_t)marker & 0xffu;
}

/** "rewrite", "init", ...; for messages. */
const char *hgh_call_name(uint32_t call);

#endif
