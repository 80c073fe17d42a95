/* host/core/share.c - who holds a share of what workers hold together, and whether he still lives.
 */
#include "host/core/share.h"

#include <string.h>

#define TOKEN_INDEX_MASK 0xffu /* the slot; HGH_BOARD_SLOTS fits */

_Static_assert(HGH_BOARD_SLOTS <= TOKEN_INDEX_MASK + 1, "a token has 8 bits for the slot");

/* An owner word is a process id and a start time: both are in what is kept of it. */
static uint32_t token_make(uint32_t index, uint64_t owner)
{
    uint64_t mixed = owner * UINT64_C(0x9e3779b97f4a7c15); /* 2^64 / golden ratio: spreads bits */

    return (uint32_t)(mixed >> 32 & ~(uint64_t)TOKEN_INDEX_MASK) | index;
}

void hgh_share_init(hgh_share *share, const hgh_board *board, const hgh_board_slot *slot)
{
    memset(share, 0, sizeof(*share));
    if (board != NULL && slot != NULL) {
        share->board = board;
        share->token = token_make((uint32_t)(slot - board->slot), atomic_load(&slot->owner));
    }
}

bool hgh_share_lives(hgh_share *share, uint32_t token, uint64_t now_ms)
{
    uint32_t index = token & TOKEN_INDEX_MASK;
    hgh_share_owner *known;
    uint64_t owner;

    if (token == share->token) {
        return true;
    }
    if (share->board == NULL || index >= HGH_BOARD_SLOTS) {
        return false;
    }
    owner = atomic_load(&share->board->slot[index].owner);
    if (owner == 0 || token_make(index, owner) != token) {
        return false; /* the slot is another worker's by now */
    }
    known = &share->owners[index];
    if (known->owner != owner || (known->lives && now_ms - known->looked_ms >= HGH_SHARE_LOOK_MS)) {
        *known = (hgh_share_owner){owner, now_ms, hgh_board_owner_lives(owner)};
    }
    return known->lives;
}
