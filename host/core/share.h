/* host/core/share.h - who holds a share of what workers hold together, and whether he still lives.
 *
 * A share bears a token of the worker that holds it: its slot on the board and part of the owner
 * word there. A worker that is killed leaves its owner word behind; others then find that no such
 * process runs any more, and what it held counts no longer.
 */
#ifndef HOST_CORE_SHARE_H
#define HOST_CORE_SHARE_H

#include <stdbool.h>
#include <stdint.h>

#include "host/core/board.h"

#define HGH_SHARE_LOOK_MS 1000u /* how long a worker is taken to live on after it was looked at */

/** What is known of a worker on the board. */
typedef struct hgh_share_owner {
    uint64_t owner;
    uint64_t looked_ms;
    bool lives;
} hgh_share_owner;

/** This process's part. Zeroed, it is the only one. */
typedef struct hgh_share {
    const hgh_board *board; /* borrowed; NULL: there are no others */
    uint32_t token;         /* of this process */
    hgh_share_owner owners[HGH_BOARD_SLOTS];
} hgh_share;

/** `slot` is this process's, of that board; both may be NULL, and are borrowed. */
void hgh_share_init(hgh_share *share, const hgh_board *board, const hgh_board_slot *slot);

/** True if the worker of that token runs; now_ms is CLOCK_MONOTONIC. */
bool hgh_share_lives(hgh_share *share, uint32_t token, uint64_t now_ms);

#endif
