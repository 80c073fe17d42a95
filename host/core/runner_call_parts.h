/* host/core/runner_call_parts.h - what calls about requests and about responses share. */
#ifndef HOST_CORE_RUNNER_CALL_PARTS_H
#define HOST_CORE_RUNNER_CALL_PARTS_H

#include "host/core/a6.h"
#include "host/core/runner_call.h"

#define HGH_RUNNER_HEADERS_MAX       1000u /* in a list of an answer; ours, as is the next */
#define HGH_RUNNER_HEADERS_BYTES_MAX (1u << 20)

typedef struct hgh_runner_call hgh_runner_call;

/** What a call is about. */
typedef struct hgh_runner_role {
    hgh_a6_type type;
    /** Appends the question to a frame. HG_OK, HG_ERR_TOO_LARGE or HG_ERR_NO_MEMORY. */
    hg_status (*encode)(hgh_runner_call *call, uint32_t token, hgh_text_builder *frame);
    /** Judges the answer, then does what it says. */
    hg_status (*apply)(hgh_runner_call *call, hg_text payload, hg_error *err);
    /** The response's body; absent: there is none. NULL: there is no response. */
    hg_status (*response_body)(hgh_runner_call *call, hg_text *out_body, hg_error *err);
} hgh_runner_role;

/** One call; on the stack of who makes it. */
struct hgh_runner_call {
    const hgh_runner_role *role;
    hgh_runner_client *client;
    hg_request *request;
    const hgh_runner_conf *conf;
    hgh_wait *wait;
    hgh_a6_memory memory; /* for lists; pooled with the request, and bounded */
    size_t memory_left;
    uint32_t id;
    uint64_t began_ms;
    hgh_runner_connection *connection; /* while there is one */
    uint64_t token_flushes;            /* of the client's tokens, when this one was taken */
    bool is_stale;                     /* its connection leads to a process of before */
    bool is_forgotten;                 /* the runner does not know its token */
    uint32_t questions;                /* that the runner has asked so far */
    bool has_request_body;             /* it has asked for that one */
    hg_text request_body;              /* then: what there is of it; absent: nothing */
};

/** Makes the call, until it has an answer that was applied. The first four members are given. */
hg_status hgh_runner_call_run(hgh_runner_call *call, hg_error *err);

/** Writes an error that says at which address it was. */
HG_PRINTF(4, 5)
hg_status hgh_runner_call_fail(
    const hgh_runner_call *call, hg_status status, hg_error *err, const char *format, ...);

/** Logs a line about it, with the plugin that asks and the address. */
HG_PRINTF(3, 4)
void hgh_runner_call_log(const hgh_runner_call *call, hg_log_level level, const char *format, ...);

/** An error of what could not be decoded or encoded, which `found` says more about. */
hg_status hgh_runner_call_fail_codec(const hgh_runner_call *call,
                                     hg_status status,
                                     const char *what,
                                     const hg_error *found,
                                     hg_error *err);

/** Sends a frame of this call. */
hg_status hgh_runner_call_send(hgh_runner_call *call, const hgh_text_builder *frame, hg_error *err);

/** Answers a question of the runner's. */
hg_status hgh_runner_question_answer(hgh_runner_call *call, hg_text payload, hg_error *err);

/** Judges a list of headers of an answer: `what` is its name. */
hg_status hgh_runner_headers_check(const hgh_runner_call *call,
                                   const hgh_a6_list *headers,
                                   const char *what,
                                   hg_error *err);

/** Judges an answer's id and status; 0 is none of both. */
hg_status
hgh_runner_answer_check(const hgh_runner_call *call, uint32_t id, uint32_t status, hg_error *err);

/** True for headers that say how a body is sent: they are the host's. */
bool hgh_runner_header_is_framing(hg_text name);

/** True if an earlier entry of the list has that name and a value. */
bool hgh_runner_header_is_repeated(const hgh_a6_list *headers, size_t index);

#endif
