/* tests/unit/engine/runner_peer.c - a scripted runner that does the same with every message. */
#include "tests/unit/engine/runner_peer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/unit/unit.h"

/* --------------------------------------------------------------------------------- answers */

static void answer(const peer_script *script, scripted_call *call)
{
    hgh_a6_request_answer request = script->request_answer;
    hgh_a6_response_answer response = script->response_answer;

    switch (call->type) {
    case HGH_A6_HTTP_REQ_CALL:
        request.id = script->keeps_id ? request.id : call->request.id;
        scripted_answer_request(call, &request);
        break;
    case HGH_A6_HTTP_RESP_CALL:
        response.id = script->keeps_id ? response.id : call->response.id;
        scripted_answer_response(call, &response);
        break;
    case HGH_A6_PREPARE_CONF: /* answered without being told */
    case HGH_A6_ERROR:
    case HGH_A6_EXTRA_INFO:
    default:
        break;
    }
}

static void cut(scripted_call *call)
{
    const char frame[] = {(char)call->type, 0, 0, 20, 12, 0, 0, 0, 0, 0};

    scripted_send_bytes(call, (hg_text){frame, sizeof(frame)});
    scripted_close(call);
}

static void fault_do(const peer_script *script, peer_fault fault, scripted_call *call)
{
    switch (fault) {
    case PEER_SILENT:
        call->is_silent = true;
        break;
    case PEER_CLOSES:
        scripted_close(call);
        break;
    case PEER_CUT:
        cut(call);
        break;
    case PEER_FORGETS:
        scripted_answer_error(call, HGH_A6_CONF_TOKEN_NOT_FOUND);
        break;
    case PEER_SAYS_ERROR:
        scripted_answer_error(call, script->code);
        break;
    case PEER_SENDS:
        scripted_send_bytes(call, script->bytes);
        call->is_answered = true;
        break;
    case PEER_PIECES:
        call->is_bytewise = true;
        answer(script, call);
        break;
    case PEER_ANSWERS:
    default:
        answer(script, call);
        break;
    }
}

/* As long as there is somebody who answers. */
static void ask(const peer_script *script, scripted_call *call)
{
    for (size_t i = 0; i < script->question_count && !call->is_closing; i++) {
        (void)scripted_ask(call, script->questions[i].info, script->questions[i].name);
        i -= script->asks_for_ever ? 1 : 0;
    }
}

static void on_call(void *context, scripted_call *call)
{
    runner_peer *peer = context;
    peer_script script;
    peer_fault fault;

    (void)pthread_mutex_lock(&peer->lock);
    script = peer->script;
    fault = call->type == HGH_A6_PREPARE_CONF ? script.prepare_fault : script.call_fault;
    if (call->type != HGH_A6_PREPARE_CONF && script.call_faults > 0 &&
        --peer->script.call_faults == 0) {
        peer->script.call_fault = PEER_ANSWERS;
    }
    (void)pthread_mutex_unlock(&peer->lock);
    if (call->type != HGH_A6_PREPARE_CONF) {
        ask(&script, call);
    }
    if (!call->is_closing) {
        fault_do(&script, fault, call);
    }
}

/* --------------------------------------------------------------------------------- for tests */

void peer_start(runner_peer *peer)
{
    char folder[] = "/tmp/hotgate-runner-XXXXXX";

    *peer = (runner_peer){.lock = PTHREAD_MUTEX_INITIALIZER};
    assert_non_null(mkdtemp(folder));
    peer->folder = strdup(folder);
    assert_true(asprintf(&peer->path, "%s/a.sock", folder) > 0);
    peer->runner = scripted_runner_start(peer->path, on_call, peer);
}

void peer_done(runner_peer *peer)
{
    scripted_runner_stop(peer->runner);
    (void)rmdir(peer->folder);
    free(peer->folder);
    free(peer->path);
}

static peer_record record_now(runner_peer *peer)
{
    return (peer_record){
        .connections = scripted_runner_connections(peer->runner),
        .prepares = scripted_runner_count(peer->runner, HGH_A6_PREPARE_CONF),
        .calls = scripted_runner_count(peer->runner, HGH_A6_HTTP_REQ_CALL) +
                 scripted_runner_count(peer->runner, HGH_A6_HTTP_RESP_CALL),
    };
}

void peer_tell(runner_peer *peer, const peer_script *script)
{
    (void)pthread_mutex_lock(&peer->lock);
    peer->script = *script;
    (void)pthread_mutex_unlock(&peer->lock);
    peer->before = record_now(peer);
}

peer_record peer_seen(runner_peer *peer)
{
    peer_record now = record_now(peer);

    return (peer_record){
        .connections = now.connections - peer->before.connections,
        .prepares = now.prepares - peer->before.prepares,
        .calls = now.calls - peer->before.calls,
    };
}

json_t *peer_last(runner_peer *peer, hgh_a6_type type)
{
    json_t *call = scripted_runner_last(peer->runner, type);

    assert_non_null(call);
    return call;
}

json_t *peer_results(runner_peer *peer, hgh_a6_type type)
{
    json_t *call = peer_last(peer, type);
    const json_t *answers = json_object_get(call, "answers");
    json_t *results = json_array();

    for (size_t i = 0; i < json_array_size(answers); i++) {
        (void)json_array_append(results, json_object_get(json_array_get(answers, i), "result"));
    }
    json_decref(call);
    return results;
}
