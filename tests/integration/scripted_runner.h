/* tests/integration/scripted_runner.h - a runner of external plugins in threads of the test, which
 * remembers what it was asked and answers as the test says, well or badly.
 *
 * Untold it answers as a runner without plugins does: a token for what is prepared (the same one
 * for the same key, and the first conf of it), no action for a request, no change for a response,
 * and CONF_TOKEN_NOT_FOUND for a token that it has not given in this life. A callback does
 * otherwise. It runs on the connection's thread: no assertion of cmocka in it.
 */
#ifndef TESTS_INTEGRATION_SCRIPTED_RUNNER_H
#define TESTS_INTEGRATION_SCRIPTED_RUNNER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include "host/core/a6.h"

typedef struct scripted_runner scripted_runner;
typedef struct scripted_storage scripted_storage;

/** One call, while it is answered. Its texts lie in the frame and are not NUL-terminated. */
typedef struct scripted_call {
    scripted_runner *runner;
    size_t connection; /* which one, counted from 1 */
    hgh_a6_type type;  /* PREPARE_CONF, HTTP_REQ_CALL or HTTP_RESP_CALL: which of these is filled */
    hgh_a6_prepare_request prepare;
    hgh_a6_request_call request;
    hgh_a6_response_call response;
    hgh_a6_list conf; /* what the call's token stands for */

    bool is_bytewise; /* a callback sets it: what is sent from then on goes in single bytes */
    bool is_silent;   /* a callback sets it: no answer; the connection stays */
    bool is_answered; /* something was sent that ends the call */
    bool is_closing;  /* the connection goes when the callback has returned */

    int fd;
    json_t *record;            /* of scripted_runner_calls() */
    scripted_storage *storage; /* of the texts */
} scripted_call;

/** Decides what becomes of a call. What it leaves unanswered is answered as said above. */
typedef void (*scripted_on_call)(void *context, scripted_call *call);

/**
 * Starts one that listens on a Unix socket.
 *
 * path     of the socket, which anybody may open; what lies there is replaced.
 * on_call  NULL: untold.
 */
scripted_runner *scripted_runner_start(const char *path, scripted_on_call on_call, void *context);

/** Ends it and all its connections, which is waited for, and removes its socket. Accepts NULL. */
void scripted_runner_stop(scripted_runner *self);

/** From the next call on. */
void scripted_runner_tell(scripted_runner *self, scripted_on_call on_call, void *context);

/** Ends its life: socket, connections and tokens go. What it remembers stays. */
void scripted_runner_end(scripted_runner *self);

/** Begins another one, with tokens that count from `first_token`; 1 as after a start. */
void scripted_runner_begin(scripted_runner *self, uint32_t first_token);

/** Forgets all tokens, and answers the next `times` calls with CONF_TOKEN_NOT_FOUND whatever
 * theirs. */
void scripted_runner_forget(scripted_runner *self, size_t times);

/** Lets all calls that are held go on; those that come later are held again. */
void scripted_runner_let_go(scripted_runner *self);

/* ---------------------------------------------------------------------- what it was asked */

/** Of all its lives. */
size_t scripted_runner_connections(scripted_runner *self);

/** Connections that are open now. */
size_t scripted_runner_open(scripted_runner *self);

/** Frames that came, answers to questions among them. */
size_t scripted_runner_frames(scripted_runner *self);

/** Calls of a type. */
size_t scripted_runner_count(scripted_runner *self, hgh_a6_type type);

/** Calls that are held now. */
size_t scripted_runner_held(scripted_runner *self);

/**
 * All calls in their order: an array of {type, connection, answers: [{info, name, result}]} and
 *
 *   PREPARE_CONF    conf, key, token (what was answered; 0: none)
 *   HTTP_REQ_CALL   id, conf_token, source_address (hex), method (its name), path, arguments,
 * headers HTTP_RESP_CALL  id, conf_token, status, headers any, damaged    malformed: what is wrong
 *
 * Lists are arrays of [name, value], null for what is absent; what is no UTF-8 is {"hex": ...}.
 * When there are 20,000 they are forgotten. Owned by the caller.
 */
json_t *scripted_runner_calls(scripted_runner *self);

/** The last one of a type; NULL: none yet. Owned by the caller. */
json_t *scripted_runner_last(scripted_runner *self, hgh_a6_type type);

/** Forgets all calls; the numbers above go on. */
void scripted_runner_clear(scripted_runner *self);

/* --------------------------------------------------------------------- for the callback */

/** What the configuration of the call says for a plugin; absent: nothing. */
hg_text scripted_conf(const scripted_call *call, hg_text plugin);

/** What scripted_runner_calls() says of it so far; owned by the caller. */
json_t *scripted_record(const scripted_call *call);

/**
 * Asks a question and waits for the answer, which the record keeps. Absent: there is none. An info
 * that the protocol does not know is sent as such.
 */
hg_text scripted_ask(scripted_call *call, uint32_t info, hg_text name);

/** Waits for scripted_runner_let_go(), or for the end of this life. */
void scripted_hold(scripted_call *call);

void scripted_answer_token(scripted_call *call, uint32_t token);
void scripted_answer_request(scripted_call *call, const hgh_a6_request_answer *answer);
void scripted_answer_response(scripted_call *call, const hgh_a6_response_answer *answer);
void scripted_answer_error(scripted_call *call, uint32_t code);

/** A frame of any type with any payload. */
void scripted_send_frame(scripted_call *call, uint32_t type, hg_text payload);

/** Any bytes, which end the call as far as the runner is concerned. */
void scripted_send_bytes(scripted_call *call, hg_text bytes);

/** The end of the stream, while it goes on reading. */
void scripted_half_close(scripted_call *call);

/** Closes the connection at once, without an answer or after it. */
void scripted_close(scripted_call *call);

#endif
