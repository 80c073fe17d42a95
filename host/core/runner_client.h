/* host/core/runner_client.h - the connections of one worker to one plugin runner.
 *
 * A connection is used by one call at a time, and kept for the next. A runner that fails again and
 * again is left alone for a moment, so that calls fail at once. When another process listens at the
 * address, what the one before has said holds no more.
 */
#ifndef HOST_CORE_RUNNER_CLIENT_H
#define HOST_CORE_RUNNER_CLIENT_H

#include <stdbool.h>
#include <stdint.h>

#include "host/core/runner_connection.h"
#include "host/core/runner_options.h"
#include "host/core/runner_token.h"

/** What a body in a frame may have: the payload's limit, and what stands around it there. */
#define HGH_RUNNER_BODY_MAX_BYTES 16777152u

typedef struct hgh_runner_client {
    const hgh_engine *engine;
    hgh_runner_options options; /* complete; `path` is owned */
    hgh_runner_connection *idle;
    uint32_t idle_count;
    hgh_engine_handle *idle_timer; /* closes those that are idle for too long */
    hgh_runner_tokens tokens;
    pid_t process;  /* that the tokens are of; 0: none yet */
    uint64_t nonce; /* in every key: those of a worker before say nothing */
    uint32_t call_id;
    uint32_t failures; /* in a row */
    uint64_t failed_ms;
    uint64_t backoff_ms;
    uint64_t closed_until_ms; /* before that nothing is tried, once it has failed often enough */
} hgh_runner_client;

/**
 * Makes one that has opened nothing yet.
 *
 * options  copied, with its path, which is not NULL; what is 0 is as APISIX has it.
 * Returns NULL if there is no memory.
 */
hgh_runner_client *hgh_runner_client_new(const hgh_engine *engine,
                                         const hgh_runner_options *options);

/** Closes the idle connections. No call may be under way. Accepts NULL. */
void hgh_runner_client_free(hgh_runner_client *client);

/** The id of the next call: not 0, which runners take for none. */
uint32_t hgh_runner_client_next_id(hgh_runner_client *client);

/**
 * Takes an idle connection, or opens one. On a coroutine.
 *
 * fresh           no idle one.
 * out_connection  on HG_OK to be given back by hgh_runner_client_give(); else untouched.
 * Returns HG_OK; HG_ERR_IO, also while the runner is left alone; HG_ERR_TIMEOUT, HG_ERR_NO_MEMORY
 * or HG_CANCELED.
 */
hg_status hgh_runner_client_take(hgh_runner_client *client,
                                 hgh_wait *wait,
                                 bool fresh,
                                 hgh_runner_connection **out_connection,
                                 hg_error *err);

/** Gives it back: kept if it is between two calls, else closed. */
void hgh_runner_client_give(hgh_runner_client *client,
                            hgh_runner_connection *connection,
                            bool is_kept);

/** True if it leads to the process that the tokens are of. */
bool hgh_runner_client_is_current(const hgh_runner_client *client,
                                  const hgh_runner_connection *connection);

/** The runner has said something, whatever it was. */
void hgh_runner_client_succeeded(hgh_runner_client *client);

/** It cannot be reached, or says nothing. Of failures that began beside each other one counts. */
void hgh_runner_client_failed(hgh_runner_client *client, uint64_t began_ms);

#endif
