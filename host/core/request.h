/* host/core/request.h - one request on its way through the plugins: stages, waiting, its end.
 *
 * An engine makes it when the request's headers are there, and calls hgh_request_run() until that
 * says what to do: go upstream, answer, or come back later.
 */
#ifndef HOST_CORE_REQUEST_H
#define HOST_CORE_REQUEST_H

#include <stdbool.h>
#include <stdint.h>

#include <hotgate/request.h>
#include <hotgate/response.h>

#include "host/core/chain.h"
#include "host/core/coroutine.h"
#include "host/core/engine.h"
#include "host/core/expression.h"
#include "host/core/request_body.h"
#include "host/core/router.h"
#include "host/core/wait.h"

struct hgh_explanation;
struct hgh_response_hold;
struct hgh_runtime;

/** What an engine does next. */
typedef enum hgh_outcome {
    HGH_GO_UPSTREAM = 0, /* to hg_request.target */
    HGH_ANSWER = 1,      /* send hg_request.exit */
    HGH_PARKED = 2,      /* wait until engine->resume() is called for it */
} hgh_outcome;

/** How far it is. */
typedef enum hgh_stage {
    HGH_STAGE_GLOBAL_REWRITE = 0, /* of the global rules */
    HGH_STAGE_REWRITE = 1,
    HGH_STAGE_CONSUMER_REWRITE = 2,
    HGH_STAGE_GLOBAL_ACCESS = 3,
    HGH_STAGE_ACCESS = 4,
    HGH_STAGE_PICK = 5,
    HGH_STAGE_RESOLVE = 6,
    HGH_STAGE_GLOBAL_BEFORE_PROXY = 7,
    HGH_STAGE_BEFORE_PROXY = 8,
    HGH_STAGE_UPSTREAM = 9,
    HGH_STAGE_ANSWERED = 10,
    HGH_STAGE_SYNC = 11,  /* not begun: the process applies what is in force first */
    HGH_STAGE_MATCH = 12, /* a route asks for the body: then it is looked for again */
} hgh_stage;

/** The response of a plugin, or of the gateway itself. */
typedef struct hgh_exit {
    bool set;
    uint32_t status;
    hg_text content_type; /* absent with an empty body */
    hg_text body;
} hgh_exit;

/** Where the request goes. */
typedef struct hgh_target {
    hgh_upstream *upstream; /* a reference */
    hgh_node *node;         /* borrowed from it */
    hg_address address;
    hgh_tried tried;
    bool entered;         /* the node counts this try */
    uint64_t entered_ms;  /* since when */
    uint32_t tries_left;  /* after this one */
    uint64_t deadline_ms; /* no retry from here on; 0: none */
    hgh_timeouts timeouts;
} hgh_target;

/** How a try at a node ended. */
typedef enum hgh_try_failure {
    HGH_TRY_RESPONSE = 0, /* none: there is a response */
    HGH_TRY_BROKEN = 1,   /* no connection, or it ended before there was a response */
    HGH_TRY_TIMED_OUT = 2,
    HGH_TRY_UNKNOWN = 3, /* given up for a reason that is not the node's */
} hgh_try_failure;

typedef struct hgh_try_result {
    hgh_try_failure failure;
    uint32_t status; /* of the response; 0: none */
} hgh_try_result;

/** A consumer or credential that a plugin has found; pooled. */
typedef struct hgh_found_consumer {
    struct hgh_found_consumer *next;
    hg_consumer *consumer; /* a reference */
} hgh_found_consumer;

/** Data of one plugin for this request. */
typedef struct hgh_plugin_data {
    struct hgh_plugin_data *next;
    const hgh_plugin *plugin;
    bool is_global; /* as it runs for a global rule, which is apart from the route's */
    max_align_t bytes[];
} hgh_plugin_data;

/** A response header that was set before there was the response that it is for. */
typedef struct hgh_early_header {
    struct hgh_early_header *next;
    bool replaces;
    hg_text name;
    hg_text value;
} hgh_early_header;

/** A plugin that wants the whole response body at once. */
typedef struct hgh_body_buffer {
    struct hgh_body_buffer *next;
    const hgh_plugin *plugin;
    bool is_global; /* as in hgh_plugin_data */
    size_t max_bytes;
    bool gave_up; /* the body is larger: it is passed on */
    char *data;   /* owned */
    size_t length;
    size_t room;
} hgh_body_buffer;

/** Memory for a changed piece of the body, used again for the next. */
typedef struct hgh_body_scratch {
    char *data; /* owned */
    size_t room;
} hgh_body_scratch;

/** The texts that plugins see NUL-terminated, copied on first use. */
typedef struct hgh_request_texts {
    hg_text method;
    hg_text host;
    hg_text uri;
    hg_text raw_uri;
    hg_text arguments;
} hgh_request_texts;

struct hg_request {
    struct hgh_runtime *runtime;
    const hgh_engine *engine;
    hgh_engine_request *engine_request;
    hgh_generation *generation; /* a reference, as are the next two */
    hgh_route *route;           /* NULL: none fits */
    hg_consumer *consumer;      /* attached, a reference; NULL: none */
    hg_consumer *credential;   /* by which it was found, a reference; NULL: it has the key itself */
    hgh_found_consumer *found; /* what plugins may still hold */
    hgh_chain *global;         /* a reference; of the global rules, NULL: there are none */
    hgh_chain *chain;          /* a reference; of the route, then of route and consumer; NULL: there
                                  is no route, or it cannot be served */
    hgh_chain *first_chain;    /* a reference; of the route, once the other one is in force */
    const hgh_chain *running;  /* the one of these that `step` is of; borrowed */
    const hgh_step *step;      /* running now */
    hg_phase phase;
    uint8_t stage;      /* an hgh_stage */
    bool reading;       /* the engine is reading the request body */
    bool verdict_ready; /* a parked callback has ended with `verdict` */
    bool body_may_change;
    bool body_failed; /* bytes of the body are lost: the response cannot go on */
    bool headers_held;
    bool headers_sent;
    bool is_called;                   /* request_call.h: its route is in another process */
    bool body_asked;                  /* by a route that was tried, while the body was not here */
    hgh_body_scratch body_scratch[2]; /* a change may be made from the bytes of the one before */
    uint32_t index;                   /* the next step of the stage */
    hg_verdict verdict;
    hgh_exit exit;
    hgh_wait wait;                 /* of a callback that may wait */
    hgh_engine_handle *resolution; /* of the target's name; NULL: none */
    hgh_target target;
    hg_text upstream_host; /* set by a plugin */
    hg_text path; /* as the path rules make it, until a plugin sets another; absent: as it is */
    hg_text request_uri; /* see hgh_request_target(); absent: nobody has asked */
    hg_text matched_uri;
    hgh_route_parameter *parameters;
    uint32_t parameter_count;
    hg_address client;
    hgh_request_texts texts;
    hgh_plugin_data *data;
    uint8_t *filter_answers[2]; /* of `chain` and of `global`; pooled, NULL: none yet */
    hgh_early_header *early_headers;
    hgh_body_buffer *body_buffers;
    struct hgh_response_hold *hold; /* pooled; NULL: no upstream's response was held */
    struct hgh_request_body *body;  /* of the client; pooled, NULL: nobody has asked for it */
    hg_request *waiting_next;       /* in the runtime's list, as is the next */
    hg_request **waiting_at;
    hgh_configuration **held; /* references of consumer_config() */
    uint32_t held_count;
    struct hgh_explanation *explanation; /* owned; NULL: nobody asks, as of nearly all requests */
};

/** The configuration of the callback that runs now, or that is parked. */
static inline const hgh_configuration *hgh_request_configuration(const hg_request *request)
{
    return hgh_chain_configuration(request->running, request->step);
}

/** True while a callback of a global rule runs, or is parked. */
static inline bool hgh_request_is_global(const hg_request *request)
{
    return request->running == request->global;
}

/** One piece of a body on its way through the filters. */
struct hg_chunk {
    hg_text data;
    bool last;
    bool changed;
};

/**
 * Begins a request: applies what the feed has new, finds its route and chain. Never NULL is only
 * promised with memory: NULL means 500.
 */
hg_request *hgh_request_new(struct hgh_runtime *runtime, hgh_engine_request *engine_request);

/** The same of a request that is to be explained (host/core/explain.h). `explanation` is taken over
 * in any case; NULL: it is as any other. */
hg_request *hgh_request_new_explained(struct hgh_runtime *runtime,
                                      hgh_engine_request *engine_request,
                                      struct hgh_explanation *explanation);

/** Runs it on, from the beginning or from where it was parked. */
hgh_outcome hgh_request_run(hg_request *request);

/**
 * After a failed try: picks the next node and runs before_proxy again, without waiting.
 * Returns false if no try is left or the next node's address is not known.
 */
bool hgh_request_retry(hg_request *request);

/** A try at the target's node is over. Counts once until the next one begins. */
void hgh_request_try_ended(hg_request *request, const hgh_try_result *result);

/** The Host header for the upstream: a plugin's, or as its pass_host says; absent: the client's. */
hg_text hgh_request_upstream_host(hg_request *request);

/** Runs header_filter. True: hold the headers back until the last piece of the body. */
bool hgh_request_header_filter(hg_request *request);

/** True if any callback wants to see the body. */
bool hgh_request_has_body_filters(const hg_request *request);

/**
 * Runs one piece of the body through the filters.
 *
 * out_data  what to send instead; valid until the request ends if it was changed, else `data`.
 * Returns HG_OK or HG_ERR_NO_MEMORY.
 */
hg_status hgh_request_body_filter(hg_request *request, hg_text data, bool last, hg_text *out_data);

/** Runs the log phase. */
void hgh_request_log(hg_request *request);

/** The client has gone: a parked callback is resumed with HG_CANCELED and runs to its end, after a
 * function of its that is running on a thread, which is waited for. */
void hgh_request_cancel(hg_request *request);

/** The same without waiting. False: a function is still running on a thread: the request stays as
 * it is until engine->resume() comes, and is over then. */
bool hgh_request_cancel_begin(hg_request *request);

/** Gives up all that it holds; the memory is the engine's. Not while it is parked: cancel first. */
void hgh_request_done(hg_request *request);

/** Ends it with a JSON error of the gateway's own: {"error_msg": text}. */
void hgh_request_fail(hg_request *request, uint32_t status, const char *text);

/** The reason phrase of a status (RFC 9110 section 15), "Error" for an unknown one. */
const char *hgh_status_reason(uint32_t status);

/** Gives up the attached consumer, if there is one. */
void hgh_request_detach_consumer(hg_request *request);

/** A variable of the gateway's or of the engine's. */
hg_text hgh_request_variable(hg_request *request, hg_text name);

/** The same for expressions: an hgh_expression_lookup whose context is an hg_request. Copies
 * nothing that need not be decoded. */
hgh_variable hgh_request_expression_variable(void *context, hg_text name);

/** The path: decoded, normalised, as the path rules and plugins have made it. */
static inline hg_text hgh_request_path(const hg_request *request)
{
    return request->path.data != NULL ? request->path
                                      : request->engine->uri(request->engine_request);
}

/** Path and arguments as they were before plugins changed them; absent: no memory. */
hg_text hgh_request_target(hg_request *request);

/** The first argument of that name, decoded. */
hg_text hgh_request_argument(hg_request *request, hg_text name);

/** The cookie of that name. */
hg_text hgh_request_cookie(hg_request *request, hg_text name);

/** What an object id or name is for this request. */
hg_text hgh_request_object(hg_request *request, hg_object which);

/** Behind <hotgate/wait.h>. */
hg_status hgh_request_read_body(hg_request *request, size_t max_bytes, hg_text *out_body);

#endif
