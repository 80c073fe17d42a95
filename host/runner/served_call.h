/* host/runner/served_call.h - one call of a gateway, from its frame to the answer.
 *
 * All of it runs on one coroutine. What a plugin wants to know and the call does not say is asked
 * of the gateway, once, while the call is parked; never more than one question at a time.
 */
#ifndef HOST_RUNNER_SERVED_CALL_H
#define HOST_RUNNER_SERVED_CALL_H

#include <stdbool.h>
#include <stdint.h>

#include "host/core/a6.h"
#include "host/core/event_loop.h"
#include "host/core/memory.h"
#include "host/core/request.h"
#include "host/core/runtime.h"
#include "host/core/wait.h"
#include "host/runner/call_request.h"
#include "host/runner/conf_table.h"
#include "host/runner/frame_connection.h"

#define HGH_CALL_MAX_MS 56000u /* a gateway waits for 60 s */

struct hgh_served_call;

/** What all calls of the process share. Borrowed by each. */
typedef struct hgh_serving {
    hgh_event_loop *loop;
    hgh_runtime *runtime;
    hgh_conf_table confs;
    uint32_t call_max_ms;                 /* then a call is answered without its plugins */
    struct hgh_served_call *calls;        /* under way, also those that nobody waits for any more */
    void (*on_calls_over)(void *context); /* the last one has ended; may be NULL */
    void *context;
} hgh_serving;

/** What the gateway has answered to a question; pooled with the call. */
typedef struct hgh_asked {
    struct hgh_asked *next;
    hgh_a6_info info;
    hg_text name;
    hg_text result; /* absent: there is no such thing */
} hgh_asked;

typedef struct hgh_served_call {
    hgh_serving *serving;
    struct hgh_served_call *next; /* in serving->calls */
    struct hgh_served_call **at;
    hgh_frame_connection *connection; /* borrowed; NULL: nobody waits for it any more */
    void (*on_end)(void *context);    /* it has been answered */
    void *context;
    hgh_memory memory;
    hgh_served_conf *conf; /* a reference */
    hg_request *request;
    uint32_t id;
    bool is_response;
    bool has_failed; /* why is in the log */
    bool is_timed_out;
    hgh_call_request in; /* of a request */
    uint32_t status;     /* of a response, as the next */
    hgh_headers response_headers;
    bool response_changed; /* status or headers */
    hg_text response_body; /* what takes the place of the upstream's; absent: nothing does */
    hgh_asked *asked;
    hgh_asked *asking; /* it has no result yet; NULL: no question is under way */
    hgh_operation question;
    hgh_operation pause; /* until engine->resume() */
    bool pauses;
    hgh_status_callback body_done; /* engine->read_body(); NULL: nobody reads it */
    void *body_context;
    hg_status body_status;
    hgh_event_loop_timer body_timer;
    hgh_event_loop_timer deadline;
    hgh_event_loop_timer end;
} hgh_served_call;

/**
 * Begins the call of a frame of one of the two types. on_end() follows when it has been answered,
 * not before this has returned.
 *
 * Returns NULL if it cannot be begun: *out_code is what the gateway is told.
 */
hgh_served_call *hgh_served_call_new(hgh_serving *serving,
                                     hgh_frame_connection *connection,
                                     hgh_a6_type type,
                                     hg_text payload,
                                     void (*on_end)(void *context),
                                     void *context,
                                     hgh_a6_error_code *out_code);

/** True while a question waits for its answer. */
bool hgh_served_call_is_asking(const hgh_served_call *call);

/** The answer to its question. HG_OK, or HG_ERR_INVALID: it was none. */
hg_status hgh_served_call_answered(hgh_served_call *call, hg_text payload, hg_error *err);

/** The gateway has gone, or breaks the protocol: what waits is canceled. Nobody is told of the end
 * any more; the call may outlive this, as long as a function of it runs on a thread. */
void hgh_served_call_abandon(hgh_served_call *call);

/** Makes the frame of hgh_served_call_dying(). HG_OK or HG_ERR_NO_MEMORY. */
hg_status hgh_serving_prepare_last_word(void);

/** The process dies in a callback of that request: tells its gateway so, and no other. From a
 * signal's handler. */
void hgh_served_call_dying(const hg_request *request);

/** All calls under way are given up, and waited for. */
void hgh_serving_cancel_all(hgh_serving *serving);

/** As engine->read_body(): asks for the body, unless it is here. */
void hgh_served_call_read_body(hgh_served_call *call, hgh_status_callback done, void *context);

/** As engine->read_response_body(). */
void hgh_served_call_read_response_body(hgh_served_call *call);

/** As engine->resume(). */
void hgh_served_call_resume(hgh_served_call *call);

/** On the coroutine: asks once. Absent: there is no such thing, or the call is to end. */
hg_text hgh_served_call_ask(hgh_served_call *call, hgh_a6_info info, hg_text name);

#endif
