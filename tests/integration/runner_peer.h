/* tests/integration/runner_peer.h - the gateway's side of the external plugin protocol, as a test
 * wants it: what is sent, in which pieces, and what questions are answered with.
 */
#ifndef TESTS_INTEGRATION_RUNNER_PEER_H
#define TESTS_INTEGRATION_RUNNER_PEER_H

#include <stdbool.h>

#include "host/core/a6.h"
#include "host/core/memory.h"

/** A variable, or a body, that the runner may ask for. */
typedef struct peer_fact {
    const char *name;  /* of a variable; "REQUEST BODY", "RESPONSE BODY" */
    const char *value; /* NULL: absent */
} peer_fact;

/** One connection; what it has received lives until peer_close(). */
typedef struct peer {
    int fd;
    hgh_memory memory;
    const peer_fact *facts; /* ends with a NULL name; NULL: none */
    unsigned questions;     /* that were asked so far */
    char asked[256];        /* their names, a blank behind each */
} peer;

/** Connects; waits until somebody listens. Fails the test if nobody does. */
void peer_open(peer *self, const char *path);

void peer_close(peer *self);

void peer_send(const peer *self, const void *data, size_t length);

/** A frame; fails the test if none comes. Returns its type. */
uint32_t peer_receive(peer *self, hg_text *out_payload);

/** True if the other side closes the connection, within the time for tests. */
bool peer_is_closed(const peer *self);

/** Prepares one plugin. Returns the token, 0: *out_error is the code of the error. */
uint32_t peer_prepare(
    peer *self, const char *key, const char *plugin, const char *value, uint32_t *out_error);

/** Sends a call and answers questions, until the answer: its type. */
uint32_t
peer_call_request(peer *self, const hgh_a6_request_call *call, hgh_a6_request_answer *out_answer);
uint32_t peer_call_response(peer *self,
                            const hgh_a6_response_call *call,
                            hgh_a6_response_answer *out_answer);

/** The last frame was an error with that code. */
uint32_t peer_error_code(peer *self, hg_text payload);

/** The value of an entry; NULL: it is not there, or has none. */
const char *peer_entry(peer *self, const hgh_a6_list *list, const char *name);

/** True if the entry is there and has no value. */
bool peer_entry_deletes(const hgh_a6_list *list, const char *name);

#endif
