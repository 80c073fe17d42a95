/* tests/unit/engine/runner_peer.h - a plugin runner on a thread of the test, that does as it is
 * told.
 */
#ifndef TESTS_UNIT_ENGINE_RUNNER_PEER_H
#define TESTS_UNIT_ENGINE_RUNNER_PEER_H

#include <pthread.h>
#include <stdbool.h>

#include <jansson.h>

#include "host/core/a6.h"

#define PEER_CONNECTIONS_MAX 64u
#define PEER_QUESTIONS_MAX   8u

/** What it does with a message instead of answering it. */
typedef enum peer_fault {
    PEER_ANSWERS = 0,
    PEER_SILENT,     /* nothing, and keeps the connection */
    PEER_CLOSES,     /* closes */
    PEER_CUT,        /* closes within the answer */
    PEER_FORGETS,    /* says that it does not know the token */
    PEER_SAYS_ERROR, /* says that it has failed, with `code` */
    PEER_SENDS,      /* sends `bytes` as they are */
    PEER_PIECES,     /* answers, byte by byte */
} peer_fault;

/** What it does with what comes next; texts live as long as they may be used. */
typedef struct peer_script {
    uint32_t token;
    peer_fault prepare_fault;
    unsigned prepare_faults; /* how often, then it answers; 0: always */
    peer_fault call_fault;
    unsigned call_faults; /* the same */
    uint32_t code;
    hg_text bytes;
    bool keeps_id; /* the answers' ids are those of the script, not the call's */
    hgh_a6_question questions[PEER_QUESTIONS_MAX];
    size_t question_count;
    bool asks_for_ever;
    hgh_a6_request_answer request_answer;
    hgh_a6_response_answer response_answer;
} peer_script;

/** What has come to it. */
typedef struct peer_record {
    unsigned connections; /* that were made */
    unsigned prepares;
    unsigned calls;
    unsigned open;       /* connections that are */
    json_t *prepare;     /* the last: {"key": "...", "conf": [["name", "value"], ...]} */
    json_t *call;        /* the last: {"id", "token", "method", "path", "source", "args", "headers"}
                            or {"id", "token", "status", "headers"} */
    json_t *results;     /* answers to its questions: texts, null for an absent one */
    size_t result_bytes; /* of the last of these */
} peer_record;

typedef struct runner_peer {
    char path[104];
    int listener;
    int stop[2]; /* a pipe */
    int connections[PEER_CONNECTIONS_MAX];
    size_t count;
    pthread_t thread;
    pthread_mutex_t lock; /* of what follows */
    peer_script script;
    peer_record record;
} runner_peer;

/** Begins to listen at a path of its own. */
void peer_start(runner_peer *peer);

/** Ends, with all connections; peer_start_again() listens at the same path. */
void peer_stop(runner_peer *peer);
void peer_start_again(runner_peer *peer);

/** Ends for good. */
void peer_done(runner_peer *peer);

/** Takes another script, and forgets what it has recorded. */
void peer_tell(runner_peer *peer, const peer_script *script);

/** Numbers of what came so far; its JSON stays the peer's, until it is told another script. */
peer_record peer_seen(runner_peer *peer);

#endif
