/* host/control/worker_board.h - control's view of the workers: votes, generations, numbers. */
#ifndef HOST_CONTROL_WORKER_BOARD_H
#define HOST_CONTROL_WORKER_BOARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include "host/core/board.h"

/** What the living workers say of a prepared generation. */
typedef struct hgh_vote_count {
    size_t voters; /* living workers that have a say */
    size_t yes;
    size_t no;
    char reason[HGH_BOARD_VOTE_TEXT + 64]; /* of the first no */
} hgh_vote_count;

hgh_vote_count hgh_worker_board_votes(const hgh_board *board, uint64_t generation);

/** Strikes out all votes, before a generation is prepared whose number may have been used. */
void hgh_worker_board_clear_votes(hgh_board *board);

/**
 * The highest generation from `least` on that a worker has voted on: an earlier control may have
 * prepared it and ended before it was decided. A number that is out of all proportion is not
 * believed.
 */
uint64_t hgh_worker_board_newest_vote(const hgh_board *board, uint64_t least);

/** How far the living workers are with a generation that was committed. */
typedef struct hgh_follow_count {
    size_t workers;
    size_t there;   /* run it */
    size_t drained; /* have no object mapped but its own */
} hgh_follow_count;

/** objects: how many plugins the generation has. */
hgh_follow_count
hgh_worker_board_follow(const hgh_board *board, uint64_t generation, size_t objects);

/** True if no living worker has a request on another generation, nor is on one itself. */
bool hgh_worker_board_is_settled(const hgh_board *board, uint64_t generation);

/** True if there are workers and each of them has its configuration; else `reason` says why. */
bool hgh_worker_board_is_ready(const hgh_board *board, char *reason, size_t size);

/** The highest number of pinned objects that one living worker has; out_pid: that worker, untouched
 * if it is 0. */
uint64_t hgh_worker_board_most_pinned(const hgh_board *board, pid_t *out_pid);

/** The living workers as an array for the status; a new reference. */
json_t *hgh_worker_board_json(const hgh_board *board);

#endif
