/* host/core/runner_call.c - one call to a plugin runner: token, question, what it asks back,
 * answer.
 */
#include <stdio.h>
#include <string.h>

#include "host/core/host_api_internal.h"
#include "host/core/request_parts.h"
#include "host/core/runner_call_parts.h"

#define ATTEMPTS_MAX  3u    /* as APISIX: the runner may have forgotten a token */
#define QUESTIONS_MAX 1000u /* ours: a runner that asks for ever is broken */
#define LIST_BYTES_MAX                                                                             \
    (4u << 20) /* for what is decoded of one call: no frame may fill the memory */
#define FRAME_MAX (HGH_A6_HEADER_BYTES + HGH_A6_PAYLOAD_MAX)

/* ------------------------------------------------------------------------------------ errors */

hg_status hgh_runner_call_fail(
    const hgh_runner_call *call, hg_status status, hg_error *err, const char *format, ...)
{
    char text[HG_ERROR_TEXT_MAX];
    va_list arguments;

    va_start(arguments, format);
    (void)vsnprintf(text, sizeof(text), format, arguments); /* cut is still of use */
    va_end(arguments);
    return hg_error_set(err, status, "unix:%s: %s", call->client->options.path, text);
}

void hgh_runner_call_log(const hgh_runner_call *call, hg_log_level level, const char *format, ...)
{
    char text[HG_ERROR_TEXT_MAX];
    va_list arguments;

    va_start(arguments, format);
    (void)vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    hgh_request_log_line(call->request, level, "plugin %s: unix:%s: %s",
                         hgh_request_configuration(call->request)->plugin->name,
                         call->client->options.path, text);
}

hg_status hgh_runner_call_fail_codec(const hgh_runner_call *call,
                                     hg_status status,
                                     const char *what,
                                     const hg_error *found,
                                     hg_error *err)
{
    if (status == HG_ERR_NO_MEMORY) {
        return hgh_runner_call_fail(call, status, err, "%s: it takes too much memory", what);
    }
    if (status == HG_ERR_TOO_LARGE) {
        return hgh_runner_call_fail(call, status, err, "%s: wanted at most %u bytes", what,
                                    HGH_A6_PAYLOAD_MAX);
    }
    return hgh_runner_call_fail(call, status, err, "%s: %s", what, found->text);
}

/* What it says instead of an answer. */
static hg_status runner_failed(hgh_runner_call *call, hg_text payload, hg_error *err)
{
    hgh_a6_error said = {0};
    hg_error found = HG_ERROR_INIT;
    hg_status status = hgh_a6_decode_error(payload, &call->memory, &said, &found);
    const char *text;

    if (status != HG_OK) {
        return hgh_runner_call_fail_codec(call, status, "error", &found, err);
    }
    call->is_forgotten = said.code == HGH_A6_CONF_TOKEN_NOT_FOUND;
    text = hgh_a6_error_text(said.code);
    return text == NULL ? hgh_runner_call_fail(call, HG_ERR_IO, err,
                                               "the runner says: unknown err %u", said.code)
                        : hgh_runner_call_fail(call, HG_ERR_IO, err, "the runner says: %s", text);
}

/* ---------------------------------------------------------------------------------- messages */

hg_status hgh_runner_call_send(hgh_runner_call *call, const hgh_text_builder *frame, hg_error *err)
{
    hg_status status = hgh_runner_connection_send(call->wait, call->connection,
                                                  (hg_text){frame->data, frame->length},
                                                  call->client->options.send_timeout_ms, err);

    if (status == HG_ERR_TIMEOUT) {
        hgh_runner_client_failed(call->client, call->began_ms);
    }
    return status;
}

static hg_status frame_receive(hgh_runner_call *call,
                               uint32_t timeout_ms,
                               uint32_t *out_type,
                               hg_text *out_payload,
                               hg_error *err)
{
    hg_status status = hgh_runner_connection_receive(call->wait, call->connection, timeout_ms,
                                                     out_type, out_payload, err);

    if (status == HG_OK) {
        hgh_runner_client_succeeded(call->client);
    } else if (status == HG_ERR_TIMEOUT) {
        hgh_runner_client_failed(call->client, call->began_ms);
    }
    return status;
}

static hg_status
type_unexpected(const hgh_runner_call *call, uint32_t found, hgh_a6_type wanted, hg_error *err)
{
    return hgh_runner_call_fail(call, HG_ERR_INVALID, err,
                                "found a message of type %u, wanted one of type %u", found,
                                (unsigned)wanted);
}

/* ------------------------------------------------------------------------------------- token */

static hg_status prepare_encode(const hgh_runner_call *call, hg_text key, hgh_text_builder *frame)
{
    const hgh_runner_conf *conf = call->conf;
    hg_header *items = hgh_request_allocate(call->request, (conf->count + 1) * sizeof(*items));
    hgh_a6_prepare_request message = {.conf = {items, conf->count}, .key = key};

    if (items == NULL) {
        return HG_ERR_NO_MEMORY;
    }
    for (size_t i = 0; i < conf->count; i++) {
        items[i] = (hg_header){conf->plugins[i].name, conf->plugins[i].value};
    }
    return hgh_a6_encode_prepare_request(frame, &message);
}

/* Asks for the token, on the connection of the call itself. */
static hg_status
prepare_exchange(hgh_runner_call *call, hg_text key, uint32_t *out_token, hg_error *err)
{
    hgh_text_builder frame = {.max = FRAME_MAX};
    hgh_a6_prepare_answer answer = {0};
    hg_error found = HG_ERROR_INIT;
    uint32_t type = 0;
    hg_text payload;
    hg_status status = prepare_encode(call, key, &frame);

    if (status != HG_OK) {
        status = hgh_runner_call_fail_codec(call, status, "PrepareConf", &found, err);
        goto cleanup;
    }
    status = hgh_runner_call_send(call, &frame, err);
    if (status == HG_OK) {
        status =
            frame_receive(call, call->client->options.prepare_timeout_ms, &type, &payload, err);
    }
    if (status != HG_OK) {
        goto cleanup;
    }
    if (type != HGH_A6_PREPARE_CONF) {
        status = type == HGH_A6_ERROR ? runner_failed(call, payload, err)
                                      : type_unexpected(call, type, HGH_A6_PREPARE_CONF, err);
        goto cleanup;
    }
    status = hgh_a6_decode_prepare_answer(payload, &call->memory, &answer, &found);
    if (status != HG_OK) {
        status = hgh_runner_call_fail_codec(call, status, "PrepareConf", &found, err);
    } else if (answer.conf_token == 0) {
        status = hgh_runner_call_fail(call, HG_ERR_INVALID, err,
                                      "PrepareConf: conf_token: found 0, wanted a token");
    } else {
        *out_token = answer.conf_token;
    }

cleanup:
    hgh_text_builder_done(&frame);
    return status;
}

/* The key as the runner sees it; absent: no memory. */
static hg_text key_make(const hgh_runner_call *call)
{
    size_t room = call->conf->key.length + sizeof("#0123456789abcdef");
    char *key = hgh_request_allocate(call->request, room);
    int length;

    if (key == NULL) {
        return (hg_text){NULL, 0};
    }
    length = snprintf(key, room, "%.*s#%016llx", (int)call->conf->key.length, call->conf->key.data,
                      (unsigned long long)call->client->nonce);
    return (hg_text){key, (size_t)length};
}

static hg_status token_get(hgh_runner_call *call, uint32_t *out_token, hg_error *err)
{
    hgh_runner_tokens *tokens = &call->client->tokens;
    uint64_t timeout_ms = call->client->options.prepare_timeout_ms;
    hg_text key = key_make(call);
    uint32_t token = 0;
    bool is_current;
    hg_status status = HG_ERR_NO_MEMORY;

    if (key.data != NULL) {
        status = hgh_runner_token_get(tokens, call->wait, key, timeout_ms, &token);
    }
    if (status != HG_OK) {
        return hgh_runner_call_fail(call, status, err, "PrepareConf: %s",
                                    status == HG_ERR_TIMEOUT ? "another call got no answer in time"
                                    : status == HG_CANCELED  ? "the client has gone"
                                                             : "out of memory");
    }
    if (token == 0) {
        status = prepare_exchange(call, key, &token, err);
        /* Of a process of before it is good for this call alone. */
        is_current = hgh_runner_client_is_current(call->client, call->connection);
        hgh_runner_token_told(tokens, key, status == HG_OK && is_current ? token : 0);
    } else if (!hgh_runner_client_is_current(call->client, call->connection)) {
        call->is_stale = true; /* the token is of another process than the connection */
        status = HG_ERR_IO;
    }
    call->token_flushes = tokens->flushes;
    if (status == HG_OK) {
        *out_token = token;
    }
    return status;
}

/* -------------------------------------------------------------------------------------- call */

static hg_status call_send(hgh_runner_call *call, hg_error *err)
{
    hgh_text_builder frame = {.max = FRAME_MAX};
    hg_error found = HG_ERROR_INIT;
    uint32_t token = 0;
    hg_status status = token_get(call, &token, err);

    if (status != HG_OK) {
        return status;
    }
    call->id = hgh_runner_client_next_id(call->client);
    status = call->role->encode(call, token, &frame);
    if (status != HG_OK) {
        status = hgh_runner_call_fail_codec(call, status, "call", &found, err);
    } else {
        status = hgh_runner_call_send(call, &frame, err);
    }
    hgh_text_builder_done(&frame);
    return status;
}

static hg_status call_exchange(hgh_runner_call *call, hg_error *err)
{
    hg_status status = call_send(call, err);

    while (status == HG_OK) {
        uint32_t type = 0;
        hg_text payload;

        status = frame_receive(call, call->client->options.call_timeout_ms, &type, &payload, err);
        if (status != HG_OK) {
            break;
        }
        if (type == (uint32_t)call->role->type) {
            return call->role->apply(call, payload, err);
        }
        if (type == HGH_A6_ERROR) {
            return runner_failed(call, payload, err);
        }
        if (type != HGH_A6_EXTRA_INFO) {
            return type_unexpected(call, type, call->role->type, err);
        }
        if (++call->questions > QUESTIONS_MAX) {
            return hgh_runner_call_fail(call, HG_ERR_INVALID, err,
                                        "the runner asks more than %u questions", QUESTIONS_MAX);
        }
        status = hgh_runner_question_answer(call, payload, err);
    }
    return status;
}

/* A failure that says nothing about the call: an idle connection may end just as it is used again.
 * Of others that break off some may be made anew. */
static bool is_worth_another(const hgh_runner_call *call, hg_status status, uint32_t *retries)
{
    const hgh_runner_connection *connection = call->connection;

    if (status != HG_ERR_IO || (!call->is_stale && !connection->is_broken)) {
        return false;
    }
    if (call->is_stale || (connection->is_reused && !connection->is_answered)) {
        return true;
    }
    if (*retries == 0) {
        return false;
    }
    (*retries)--;
    return true;
}

static hg_status call_attempt(hgh_runner_call *call, hg_error *err)
{
    uint32_t retries = call->client->options.retries_broken;
    bool fresh = false;
    bool again;
    hg_status status;

    do {
        status = hgh_runner_client_take(call->client, call->wait, fresh, &call->connection, err);
        if (status != HG_OK) {
            return status;
        }
        call->is_stale = false;
        call->questions = 0;
        status = call_exchange(call, err);
        again = is_worth_another(call, status, &retries);
        hgh_runner_client_give(call->client, call->connection, status == HG_OK);
        call->connection = NULL;
        fresh = true; /* one of its own from now on: it is not reused, nor of a process of before */
    } while (again);
    return status;
}

static void *list_allocate(void *context, size_t size)
{
    hgh_runner_call *call = context;

    if (size > call->memory_left) {
        return NULL;
    }
    call->memory_left -= size;
    return hgh_request_allocate(call->request, size);
}

hg_status hgh_runner_call_run(hgh_runner_call *call, hg_error *err)
{
    hgh_runner_tokens *tokens = &call->client->tokens;
    hg_error found = HG_ERROR_INIT;
    hg_status status = HG_OK;

    call->memory = (hgh_a6_memory){.allocate = list_allocate, .context = call};
    call->memory_left = LIST_BYTES_MAX;
    call->began_ms = call->client->engine->now_ms();
    call->wait = hgh_wait_of(call->request);
    if (call->wait == NULL) {
        return hgh_runner_call_fail(call, HG_ERR_UNSUPPORTED, err,
                                    "nothing can be waited for here");
    }
    for (uint32_t attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
        call->is_forgotten = false;
        status = call_attempt(call, &found);
        if (!call->is_forgotten) {
            break;
        }
        if (call->token_flushes == tokens->flushes) { /* nobody has done so meanwhile */
            hgh_runner_tokens_flush(tokens);
        }
    }
    if (status != HG_OK) {
        (void)hg_error_set(err, status, "%s", found.text);
    }
    return status;
}

/* ----------------------------------------------------------------------------------- judging */

/* A name for a message: what cannot be printed is left out, the rest too long to be. */
static const char *name_show(hg_text name, char into[64])
{
    size_t length = 0;

    for (size_t i = 0; i < name.length && length < 63; i++) {
        if (name.data[i] >= ' ' && name.data[i] < 0x7f) {
            into[length++] = name.data[i];
        }
    }
    into[length] = '\0';
    return into;
}

hg_status hgh_runner_headers_check(const hgh_runner_call *call,
                                   const hgh_a6_list *headers,
                                   const char *what,
                                   hg_error *err)
{
    char name[64];
    size_t bytes = 0;

    if (headers->count > HGH_RUNNER_HEADERS_MAX) {
        return hgh_runner_call_fail(call, HG_ERR_INVALID, err, "%s: found %zu, wanted at most %u",
                                    what, headers->count, HGH_RUNNER_HEADERS_MAX);
    }
    for (size_t i = 0; i < headers->count; i++) { /* which may all be the same bytes of the frame */
        bytes += headers->items[i].name.length + headers->items[i].value.length;
    }
    if (bytes > HGH_RUNNER_HEADERS_BYTES_MAX) {
        return hgh_runner_call_fail(call, HG_ERR_INVALID, err,
                                    "%s: found %zu bytes, wanted at most %u", what, bytes,
                                    HGH_RUNNER_HEADERS_BYTES_MAX);
    }
    for (size_t i = 0; i < headers->count; i++) {
        if (!hgh_name_is_token(headers->items[i].name)) {
            return hgh_runner_call_fail(call, HG_ERR_INVALID, err,
                                        "%s: entry %zu: found \"%s\", wanted a header's name", what,
                                        i, name_show(headers->items[i].name, name));
        }
        if (!hgh_value_is_clean(headers->items[i].value)) {
            return hgh_runner_call_fail(call, HG_ERR_INVALID, err,
                                        "%s: %s: found NUL, CR or LF in the value, wanted one line",
                                        what, name_show(headers->items[i].name, name));
        }
    }
    return HG_OK;
}

hg_status
hgh_runner_answer_check(const hgh_runner_call *call, uint32_t id, uint32_t status, hg_error *err)
{
    if (id != 0 && id != call->id) {
        return hgh_runner_call_fail(call, HG_ERR_INVALID, err, "id: found %u, wanted %u", id,
                                    call->id);
    }
    if (status != 0 && (status < 200 || status > 599)) {
        return hgh_runner_call_fail(call, HG_ERR_INVALID, err,
                                    "status: found %u, wanted 200 to 599", status);
    }
    return HG_OK;
}

bool hgh_runner_header_is_framing(hg_text name)
{
    static const char *const names[] = {"content-length", "transfer-encoding", "connection"};

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (hg_text_equal_ignoring_case(name, hg_text_of(names[i]))) {
            return true;
        }
    }
    return false;
}

bool hgh_runner_header_is_repeated(const hgh_a6_list *headers, size_t index)
{
    for (size_t i = 0; i < index; i++) {
        if (headers->items[i].value.data != NULL &&
            hg_text_equal_ignoring_case(headers->items[i].name, headers->items[index].name)) {
            return true;
        }
    }
    return false;
}
