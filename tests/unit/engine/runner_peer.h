/* tests/unit/engine/runner_peer.h - a scripted runner that does the same with every message, and
 * numbers of what has come to it. */
#ifndef TESTS_UNIT_ENGINE_RUNNER_PEER_H
#define TESTS_UNIT_ENGINE_RUNNER_PEER_H

#include <pthread.h>
#include <stdbool.h>

#include "tests/integration/scripted_runner.h"

#define PEER_QUESTIONS_MAX 8u

/** What it does with a message. */
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
    peer_fault prepare_fault;
    peer_fault call_fault;
    unsigned call_faults; /* how often, then it answers; 0: always */
    uint32_t code;
    hg_text bytes;
    bool keeps_id; /* the answers' ids are those of the script, not the call's */
    hgh_a6_question questions[PEER_QUESTIONS_MAX];
    size_t question_count;
    bool asks_for_ever;
    hgh_a6_request_answer request_answer;
    hgh_a6_response_answer response_answer;
} peer_script;

/** What has come to it since it was told what to do. */
typedef struct peer_record {
    size_t connections;
    size_t prepares;
    size_t calls;
} peer_record;

typedef struct runner_peer {
    scripted_runner *runner;
    char *folder;
    char *path;
    pthread_mutex_t lock; /* of the script; as long as it is held, nothing is answered */
    peer_script script;
    peer_record before; /* what had come when it was told */
} runner_peer;

/** Begins to listen at a path of its own. */
void peer_start(runner_peer *peer);

/** Ends for good. */
void peer_done(runner_peer *peer);

void peer_tell(runner_peer *peer, const peer_script *script);

peer_record peer_seen(runner_peer *peer);

/** The last message of that type, as scripted_runner_calls() says it; owned by the caller. */
json_t *peer_last(runner_peer *peer, hgh_a6_type type);

/** What came to its questions in that message: an array; owned by the caller. */
json_t *peer_results(runner_peer *peer, hgh_a6_type type);

#endif
