/* host/core/runner_token.h - what a runner calls the configurations that it was given.
 *
 * A token is asked for once: calls that need it meanwhile wait for the one that asks.
 */
#ifndef HOST_CORE_RUNNER_TOKEN_H
#define HOST_CORE_RUNNER_TOKEN_H

#include <stdint.h>

#include "host/core/map.h"
#include "host/core/wait.h"

struct hgh_runner_token;
struct hgh_runner_token_waiter;

/** Of one client. Caller's storage. */
typedef struct hgh_runner_tokens {
    const hgh_engine *engine;
    hgh_map map;
    struct hgh_runner_token *oldest; /* linked in the order in which they were asked for */
    struct hgh_runner_token **newest_at;
    size_t count;
    uint64_t flushes; /* how often all were dropped */
    struct hgh_runner_token_waiter *woken;
    hgh_engine_handle *timer; /* that goes on with these */
} hgh_runner_tokens;

void hgh_runner_tokens_init(hgh_runner_tokens *tokens, const hgh_engine *engine);

/** Nobody may wait. */
void hgh_runner_tokens_done(hgh_runner_tokens *tokens);

/**
 * Finds a token; waits if another call is asking for it. On a coroutine.
 *
 * key        of the configuration; borrowed for the call.
 * out_token  on HG_OK the token; 0: the caller is to ask, and says by hgh_runner_token_told() what
 *            came of it, whatever that is.
 * Returns HG_OK, HG_ERR_TIMEOUT, HG_ERR_NO_MEMORY or HG_CANCELED.
 */
hg_status hgh_runner_token_get(hgh_runner_tokens *tokens,
                               hgh_wait *wait,
                               hg_text key,
                               uint64_t timeout_ms,
                               uint32_t *out_token);

/** What has come of asking: the token; 0: none. Who waits for it goes on, later. */
void hgh_runner_token_told(hgh_runner_tokens *tokens, hg_text key, uint32_t token);

/** Drops all; those that are being asked for will not be kept. */
void hgh_runner_tokens_flush(hgh_runner_tokens *tokens);

#endif
