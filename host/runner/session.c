/* host/runner/session.c - one connection of a gateway: its calls, one after the other. */
#include "host/runner/session.h"

#include <inttypes.h>
#include <stdlib.h>

#include "host/core/issues.h"
#include "host/runner/log.h"

struct hgh_session {
    hgh_serving *serving;
    hgh_frame_connection *connection;
    hgh_served_call *call; /* under way; NULL: none */
    bool is_finishing;
    void (*on_end)(void *context, hgh_session *session);
    void *context;
};

static void error_send(hgh_session *session, hgh_a6_error_code code)
{
    (void)hgh_a6_encode_error(hgh_frame_connection_out(session->connection),
                              &(hgh_a6_error){code}); /* without memory the gateway times out */
    hgh_frame_connection_send(session->connection);
}

/* ----------------------------------------------------------------------------- PrepareConf */

static void issues_log(const hgh_a6_prepare_request *message, const hg_issues *issues)
{
    int length = message->key.data == NULL ? 0 : (int)message->key.length;
    const char *key = length == 0 ? "" : message->key.data;

    for (size_t i = 0; i < issues->count; i++) {
        const hgh_issue *issue = &issues->items[i];

        if (issue->text != NULL) {
            hgh_runner_log(HG_LOG_ERROR, "conf of %.*s: %s: %s", length, key, issue->pointer,
                           issue->text);
        } else {
            hgh_runner_log(HG_LOG_ERROR, "conf of %.*s: %s: found %s, wanted %s", length, key,
                           issue->pointer, issue->found, issue->wanted);
        }
    }
    if (issues->dropped > 0) {
        hgh_runner_log(HG_LOG_ERROR, "conf of %.*s: and %zu more findings", length, key,
                       issues->dropped);
    }
}

/* The conf of a message: one that is there, or a new one. NULL: *out_code says why not. */
static hgh_served_conf *
conf_make(hgh_serving *serving, const hgh_a6_prepare_request *message, hgh_a6_error_code *out_code)
{
    hgh_served_conf *conf = hgh_conf_table_find(&serving->confs, message);
    hg_issues issues = {0};
    hg_status status;

    if (conf != NULL) {
        return conf;
    }
    status = hgh_served_conf_new(serving->runtime->generation, &serving->runtime->snapshot, message,
                                 &conf, &issues);
    if (status == HG_OK) {
        status = hgh_conf_table_add(&serving->confs, message, conf);
        hgh_served_conf_unref(conf); /* the table's now */
    }
    issues_log(message, &issues);
    hgh_issues_done(&issues);
    *out_code = status == HG_ERR_INVALID ? HGH_A6_BAD_REQUEST : HGH_A6_SERVICE_UNAVAILABLE;
    return status == HG_OK ? conf : NULL;
}

static void *memory_take(void *context, size_t size)
{
    return hgh_memory_take(context, size);
}

static void prepare(hgh_session *session, hg_text payload)
{
    hgh_memory pool = {0};
    const hgh_a6_memory memory = {memory_take, &pool};
    hgh_a6_prepare_request message = {0};
    hgh_a6_error_code code = HGH_A6_BAD_REQUEST;
    hgh_served_conf *conf = NULL;
    hg_error err = HG_ERROR_INIT;
    hg_status status = hgh_a6_decode_prepare_request(payload, &memory, &message, &err);

    if (status != HG_OK) {
        hgh_runner_log(HG_LOG_ERROR, "PrepareConf: %s", err.text);
    } else {
        conf = conf_make(session->serving, &message, &code);
    }
    if (conf == NULL) {
        error_send(session, status == HG_ERR_NO_MEMORY ? HGH_A6_SERVICE_UNAVAILABLE : code);
    } else {
        (void)hgh_a6_encode_prepare_answer(hgh_frame_connection_out(session->connection),
                                           &(hgh_a6_prepare_answer){conf->token});
        hgh_frame_connection_send(session->connection);
    }
    hgh_memory_done(&pool);
}

/* ----------------------------------------------------------------------------------- calls */

static void call_ended(void *context)
{
    hgh_session *session = context;

    session->call = NULL;
    hgh_frame_connection_release(session->connection);
    if (session->is_finishing) {
        hgh_frame_connection_finish(session->connection);
    }
}

static void call_begin(hgh_session *session, hgh_a6_type type, hg_text payload)
{
    hgh_a6_error_code code;

    hgh_frame_connection_hold(session->connection);
    session->call = hgh_served_call_new(session->serving, session->connection, type, payload,
                                        call_ended, session, &code);
    if (session->call == NULL) {
        error_send(session, code);
        hgh_frame_connection_release(session->connection);
    }
}

/* The gateway breaks the protocol in a call: what comes next on this connection means nothing. */
static void call_spoilt(hgh_session *session, const char *why)
{
    hgh_runner_log(HG_LOG_ERROR, "a question was answered with %s", why);
    hgh_served_call_abandon(session->call);
    session->call = NULL;
    error_send(session, HGH_A6_BAD_REQUEST);
    hgh_frame_connection_finish(session->connection);
}

static void question_answered(hgh_session *session, uint32_t type, hg_text payload)
{
    hg_error err = HG_ERROR_INIT;
    char text[64];

    if (type != HGH_A6_EXTRA_INFO) {
        (void)snprintf(text, sizeof(text), "a frame of type %" PRIu32, type);
        call_spoilt(session, text);
        return;
    }
    hgh_frame_connection_hold(session->connection);
    if (hgh_served_call_answered(session->call, payload, &err) != HG_OK) {
        call_spoilt(session, err.text);
    }
}

static void on_frame(void *context, uint32_t type, hg_text payload)
{
    hgh_session *session = context;

    if (session->call != NULL) {
        question_answered(session, type, payload);
    } else if (type == HGH_A6_PREPARE_CONF) {
        prepare(session, payload);
    } else if (type == HGH_A6_HTTP_REQ_CALL || type == HGH_A6_HTTP_RESP_CALL) {
        call_begin(session, (hgh_a6_type)type, payload);
    } else {
        hgh_runner_log(HG_LOG_ERROR, "a frame of type %" PRIu32 " is none of a gateway's", type);
        error_send(session, HGH_A6_BAD_REQUEST);
    }
}

static void on_end(void *context)
{
    hgh_session *session = context;
    void (*ended)(void *, hgh_session *) = session->on_end;
    void *ended_context = session->context;

    ended(ended_context, session);
    hgh_session_free(session);
}

hgh_session *hgh_session_new(hgh_serving *serving,
                             int fd,
                             void (*ended)(void *context, hgh_session *session),
                             void *context)
{
    hgh_session *session = calloc(1, sizeof(*session));
    const hgh_frame_receiver receiver = {on_frame, on_end, session};
    hgh_frame_connection *connection = hgh_frame_connection_new(serving->loop, fd, &receiver);

    if (session == NULL || connection == NULL) {
        hgh_frame_connection_free(connection);
        free(session);
        return NULL;
    }
    session->serving = serving;
    session->connection = connection;
    session->on_end = ended;
    session->context = context;
    return session;
}

void hgh_session_finish(hgh_session *session)
{
    session->is_finishing = true;
    if (session->call == NULL) {
        hgh_frame_connection_finish(session->connection);
    }
}

void hgh_session_free(hgh_session *session)
{
    if (session == NULL) {
        return;
    }
    if (session->call != NULL) {
        hgh_served_call_abandon(session->call);
    }
    hgh_frame_connection_free(session->connection);
    free(session);
}
