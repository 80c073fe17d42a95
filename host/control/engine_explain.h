/* host/control/engine_explain.h - asks a worker why a request gets what it gets.
 *
 * The question goes to nginx as the very request that it is about, through a socket of the
 * instance whose requests are explained and go no further (host/core/explain.h). So the answer is
 * that of the code and the state that serve. */
#ifndef HOST_CONTROL_ENGINE_EXPLAIN_H
#define HOST_CONTROL_ENGINE_EXPLAIN_H

#include "host/control/admin_exchange.h"
#include "host/core/event_loop.h"

/** Questions that wait for their answer; not many at once. */
typedef struct hgh_engine_explain hgh_engine_explain;

typedef struct hgh_engine_explain_options {
    hgh_event_loop *loop;
    const char *directory;       /* the instance; borrowed as long as this lives */
    bool admin_is_on_data_ports; /* then paths of the Admin API are no route's */
    const unsigned char *key;    /* of tokens: HGH_EXPLAIN_KEY_SIZE bytes of the board; borrowed */
} hgh_engine_explain_options;

/** NULL: no memory. */
hgh_engine_explain *hgh_engine_explain_new(const hgh_engine_explain_options *options);

/** Answers what still waits that it is too late. Accepts NULL. */
void hgh_engine_explain_free(hgh_engine_explain *self);

/**
 * Answers the question in a request (host/control/explain_question.h): 200 with the explanation,
 * 400 if the question is none, 503 if nginx does not answer. An hgh_admin_call.
 *
 * context  an hgh_engine_explain.
 */
void hgh_engine_explain_start(void *context,
                              const hgh_admin_request *request,
                              hgh_admin_answer_later *later);

/**
 * Answers with a token (host/core/explain_token.h) that is good for ?valid= seconds, and the name
 * of the header that takes it. An hgh_admin_call; context as above.
 */
void hgh_engine_explain_token(void *context,
                              const hgh_admin_request *request,
                              hgh_admin_answer_later *later);

#endif
