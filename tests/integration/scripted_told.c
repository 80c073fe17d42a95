/* tests/integration/scripted_told.c - what the configuration of the plugin `scripted` says is done.
 */
#include "tests/integration/scripted_told.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ENTRIES_MAX 256u
#define TEXTS_MAX   1024u

/** What one answer is made of. */
typedef struct telling {
    scripted_call *call;
    const json_t *told;
    hg_header entries[ENTRIES_MAX]; /* of all its lists */
    size_t entry_count;
    char *texts[TEXTS_MAX]; /* owned: what was hex */
    size_t text_count;
} telling;

static unsigned digit(char letter)
{
    return letter <= '9' ? (unsigned)(letter - '0') : (unsigned)((letter | 0x20) - 'a' + 10);
}

static hg_text text_of_hex(telling *self, const char *hex)
{
    size_t length = strlen(hex) / 2;
    char *bytes = malloc(length + 1);

    if (bytes == NULL || self->text_count == TEXTS_MAX) {
        abort();
    }
    for (size_t i = 0; i < length; i++) {
        bytes[i] = (char)(digit(hex[2 * i]) << 4 | digit(hex[2 * i + 1]));
    }
    self->texts[self->text_count++] = bytes;
    return (hg_text){bytes, length};
}

/** A text, or null and what is not there as absent. */
static hg_text text_of(telling *self, const json_t *value)
{
    const char *hex = json_string_value(json_object_get(value, "hex"));

    return hex != NULL ? text_of_hex(self, hex)
                       : (hg_text){json_string_value(value), json_string_length(value)};
}

static hgh_a6_list list_of(telling *self, const char *member)
{
    const json_t *pairs = json_object_get(self->told, member);
    hgh_a6_list list = {self->entries + self->entry_count, 0};

    for (size_t i = 0; i < json_array_size(pairs) && self->entry_count < ENTRIES_MAX; i++) {
        const json_t *pair = json_array_get(pairs, i);

        self->entries[self->entry_count++] = (hg_header){text_of(self, json_array_get(pair, 0)),
                                                         text_of(self, json_array_get(pair, 1))};
        list.count++;
    }
    return list;
}

static uint32_t number_of(const telling *self, const char *member)
{
    return (uint32_t)json_integer_value(json_object_get(self->told, member));
}

static bool is_told(const telling *self, const char *member)
{
    return json_is_true(json_object_get(self->told, member));
}

static uint32_t id_of(const scripted_call *call)
{
    return call->type == HGH_A6_HTTP_REQ_CALL ? call->request.id : call->response.id;
}

/* --------------------------------------------------------------------------------- answers */

static void answer_stop(telling *self)
{
    const hgh_a6_request_answer answer = {.id = id_of(self->call),
                                          .action = HGH_A6_STOP,
                                          .status = number_of(self, "status"),
                                          .headers = list_of(self, "headers"),
                                          .body =
                                              text_of(self, json_object_get(self->told, "body"))};

    scripted_answer_request(self->call, &answer);
}

static void answer_rewrite(telling *self)
{
    const hgh_a6_request_answer answer = {
        .id = id_of(self->call),
        .action = HGH_A6_REWRITE,
        .path = text_of(self, json_object_get(self->told, "path")),
        .headers = list_of(self, "headers"),
        .arguments = list_of(self, "arguments"),
        .response_headers = list_of(self, "response_headers"),
        .body = text_of(self, json_object_get(self->told, "body"))};

    scripted_answer_request(self->call, &answer);
}

static void answer_respond(telling *self)
{
    const hgh_a6_response_answer answer = {.id = id_of(self->call),
                                           .status = number_of(self, "status"),
                                           .headers = list_of(self, "headers"),
                                           .body =
                                               text_of(self, json_object_get(self->told, "body"))};

    scripted_answer_response(self->call, &answer);
}

static void answer_tell(telling *self)
{
    static const hg_header headers[] = {{{"content-type", sizeof("content-type") - 1},
                                         {"application/json", sizeof("application/json") - 1}}};
    json_t *body = json_pack("{s:i, s:O, s:o}", "pid", (int)getpid(), "conf", self->told, "call",
                             scripted_record(self->call));
    char *text = json_dumps(body, JSON_COMPACT);

    if (self->call->type == HGH_A6_HTTP_REQ_CALL) {
        scripted_answer_request(self->call, &(hgh_a6_request_answer){.id = id_of(self->call),
                                                                     .action = HGH_A6_STOP,
                                                                     .status = 200,
                                                                     .headers = {headers, 1},
                                                                     .body = hg_text_of(text)});
    } else {
        scripted_answer_response(self->call, &(hgh_a6_response_answer){.id = id_of(self->call),
                                                                       .status = 200,
                                                                       .headers = {headers, 1},
                                                                       .body = hg_text_of(text)});
    }
    free(text);
    json_decref(body);
}

static void answer_late(telling *self)
{
    answer_stop(self);
    self->call->is_closing = true;
}

static void answer_error(telling *self)
{
    scripted_answer_error(self->call, number_of(self, "code"));
}

static void answer_silent(telling *self)
{
    self->call->is_silent = true;
}

static void answer_close(telling *self)
{
    scripted_close(self->call);
}

static void answer_half_close(telling *self)
{
    scripted_half_close(self->call);
}

static void answer_garbage(telling *self)
{
    scripted_send_frame(self->call, (uint32_t)self->call->type,
                        HG_TEXT("this is no message of any kind"));
}

static void answer_large(telling *self)
{
    const char header[] = {(char)self->call->type, (char)0xff, (char)0xff, (char)0xff};

    scripted_send_bytes(self->call, (hg_text){header, sizeof(header)});
    scripted_close(self->call);
}

static void answer_cut(telling *self)
{
    const char frame[] = {(char)self->call->type, 0, 0, 20, 12, 0, 0, 0, 0, 0};

    scripted_send_bytes(self->call, (hg_text){frame, sizeof(frame)});
    scripted_close(self->call);
}

static void answer_wrong_type(telling *self)
{
    /* An empty table, which any message may be. */
    static const char table[] = {8, 0, 0, 0, 4, 0, 4, 0, 4, 0, 0, 0};

    scripted_send_frame(self->call,
                        self->call->type == HGH_A6_PREPARE_CONF ? HGH_A6_HTTP_REQ_CALL
                                                                : HGH_A6_PREPARE_CONF,
                        (hg_text){table, sizeof(table)});
}

static void answer_with_id(telling *self, uint32_t id)
{
    if (self->call->type == HGH_A6_HTTP_REQ_CALL) {
        scripted_answer_request(self->call, &(hgh_a6_request_answer){.id = id});
    } else {
        scripted_answer_response(self->call, &(hgh_a6_response_answer){.id = id});
    }
}

static void answer_wrong_id(telling *self)
{
    answer_with_id(self, id_of(self->call) + 1);
}

static void answer_no_id(telling *self)
{
    answer_with_id(self, 0);
}

static void answer_zero(telling *self)
{
    scripted_answer_token(self->call, 0);
}

static void answer_nothing(telling *self)
{
    (void)self; /* the runner does what it does untold */
}

static const struct {
    const char *name;
    void (*answer)(telling *self);
} answers[] = {
    {"nothing", answer_nothing},
    {"stop", answer_stop},
    {"tell", answer_tell},
    {"rewrite", answer_rewrite},
    {"respond", answer_respond},
    {"error", answer_error},
    {"silent", answer_silent},
    {"close", answer_close},
    {"half_close", answer_half_close},
    {"garbage", answer_garbage},
    {"large", answer_large},
    {"cut", answer_cut},
    {"wrong_type", answer_wrong_type},
    {"wrong_id", answer_wrong_id},
    {"no_id", answer_no_id},
    {"late", answer_late},
    {"zero", answer_zero},
};

static void answer_named(telling *self, const char *name)
{
    for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
        if (strcmp(answers[i].name, name) == 0) {
            answers[i].answer(self);
            return;
        }
    }
    (void)fprintf(stderr, "scripted runner: no answer \"%s\"\n", name);
    scripted_answer_error(self->call, HGH_A6_SERVICE_UNAVAILABLE);
}

/* --------------------------------------------------------------------------- what is told */

static void ask(const telling *self)
{
    static const struct {
        const char *name;
        uint32_t info;
    } others[] = {
        {"(request body)", HGH_A6_REQUEST_BODY},
        {"(response body)", HGH_A6_RESPONSE_BODY},
        {"(unknown)", 9},
    };
    const json_t *names = json_object_get(self->told, "ask");

    for (size_t i = 0; i < json_array_size(names) && !self->call->is_closing; i++) {
        hg_text name = hg_text_of(json_string_value(json_array_get(names, i)));
        uint32_t info = HGH_A6_VAR;

        for (size_t k = 0; k < sizeof(others) / sizeof(others[0]); k++) {
            if (hg_text_equal(name, hg_text_of(others[k].name))) {
                info = others[k].info;
            }
        }
        (void)scripted_ask(self->call, info, info == HGH_A6_VAR ? name : hg_text_of(NULL));
    }
}

/** What is done to the process itself. */
static void do_first(const telling *self)
{
    const char *line = json_string_value(json_object_get(self->told, "print"));

    if (line != NULL) {
        (void)puts(line);
        (void)fflush(stdout);
    }
    if (json_object_get(self->told, "exit") != NULL) {
        _exit((int)number_of(self, "exit"));
    }
    if (is_told(self, "crash")) {
        (void)raise(SIGSEGV);
    }
}

void scripted_told(void *context, scripted_call *call)
{
    hg_text value = scripted_conf(call, HG_TEXT(SCRIPTED_PLUGIN));
    json_t *told = json_loadb(value.length == 0 ? "{}" : value.data,
                              value.length == 0 ? 2 : value.length, 0, NULL);
    telling self = {.call = call, .told = told};
    const char *name;

    (void)context;
    if (call->type == HGH_A6_PREPARE_CONF) {
        name = json_string_value(json_object_get(told, "prepare"));
    } else {
        name = json_string_value(json_object_get(told, "answer"));
        call->is_bytewise = is_told(&self, "bytewise");
        do_first(&self);
        ask(&self);
        if (is_told(&self, "hold")) {
            scripted_hold(call);
        }
    }
    if (name != NULL && !call->is_closing) {
        answer_named(&self, name);
    }
    for (size_t i = 0; i < self.text_count; i++) {
        free(self.texts[i]);
    }
    json_decref(told);
}
