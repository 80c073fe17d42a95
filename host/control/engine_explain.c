/* host/control/engine_explain.c - asks a worker why a request gets what it gets. */
#include "host/control/engine_explain.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "host/control/admin_target.h"
#include "host/control/explain_question.h"
#include "host/control/local_socket.h"
#include "host/core/explain.h"
#include "host/core/explain_token.h"
#include "host/core/issues.h"
#include "host/core/time_limit.h"

#define STATUS_OK       200u
#define STATUS_BAD      400u
#define STATUS_NO_NGINX 503u
#define WAIT_MS         HGH_TIME_LIMIT(10000u) /* for all of an answer */
#define ANSWER_MAX      (8u << 20)             /* bytes: thousands of plugins */
#define PENDING_MAX     32u
#define READ_STEP       65536u

/* One question on its way. */
typedef struct exchange {
    hgh_engine_explain *owner;
    struct exchange *next;
    hgh_admin_answer_later *later;
    int fd;
    int directory; /* it goes through this */
    char *text;    /* owned: the request */
    size_t length;
    size_t sent;
    char *answer; /* owned */
    size_t answer_length;
    hgh_event_loop_timer timer;
} exchange;

struct hgh_engine_explain {
    hgh_engine_explain_options options;
    exchange *first;
    size_t count;
};

hgh_engine_explain *hgh_engine_explain_new(const hgh_engine_explain_options *options)
{
    hgh_engine_explain *self = calloc(1, sizeof(*self));

    if (self != NULL) {
        self->options = *options;
    }
    return self;
}

static void exchange_free(exchange *old)
{
    hgh_event_loop *loop = old->owner->options.loop;
    exchange **at = &old->owner->first;

    while (*at != old) {
        at = &(*at)->next;
    }
    *at = old->next;
    old->owner->count--;
    hgh_event_loop_timer_stop(loop, &old->timer);
    if (old->fd >= 0) {
        hgh_event_loop_unwatch(loop, old->fd);
        (void)close(old->fd);
    }
    if (old->directory >= 0) {
        (void)close(old->directory);
    }
    free(old->text);
    free(old->answer);
    free(old);
}

static void exchange_fail(exchange *old, const char *why)
{
    hgh_admin_answer_later *later = old->later;

    exchange_free(old);
    hgh_admin_later_error(later, STATUS_NO_NGINX, "nginx does not explain: %s", why);
}

void hgh_engine_explain_free(hgh_engine_explain *self)
{
    while (self != NULL && self->first != NULL) {
        exchange_fail(self->first, "the control plane ends");
    }
    free(self);
}

/* --- the answer --- */

/* What nginx has answered before the gateway's part saw the request, or instead of it. */
static json_t *answer_of_nginx(unsigned status)
{
    return json_pack("{s:{s:i, s:s}}", "answer", "status", (int)status, "by",
                     "nginx, before the gateway sees the request");
}

static bool is_explanation(const json_t *value)
{
    return json_is_object(json_object_get(value, "request")) &&
           json_is_array(json_object_get(value, "routes"));
}

static void exchange_end(exchange *old)
{
    hgh_admin_answer_later *later = old->later;
    const char *end = old->answer == NULL ? NULL : strstr(old->answer, "\r\n\r\n");
    unsigned status = 0;
    json_t *value;

    if (end == NULL || sscanf(old->answer, "HTTP/%*u.%*u %u", &status) != 1) {
        exchange_fail(old, "its answer is none of HTTP");
        return;
    }
    value = json_loads(end + 4, 0, NULL);
    if (status != STATUS_OK || !is_explanation(value)) {
        json_decref(value);
        value = answer_of_nginx(status);
    }
    exchange_free(old);
    hgh_admin_later_json(later, STATUS_OK, value);
}

/* --- the connection --- */

static void send_rest(exchange *at)
{
    while (at->sent < at->length) {
        ssize_t count =
            send(at->fd, at->text + at->sent, at->length - at->sent, MSG_NOSIGNAL | MSG_DONTWAIT);

        if (count < 0 && errno == EINTR) {
            continue;
        }
        if (count < 0 && errno == EAGAIN) {
            return;
        }
        /* It may have answered without reading all of it. */
        at->sent = count < 0 ? at->length : at->sent + (size_t)count;
    }
}

static void receive_some(exchange *at)
{
    for (;;) {
        char *grown = realloc(at->answer, at->answer_length + READ_STEP + 1);
        ssize_t count;

        if (grown == NULL || at->answer_length > ANSWER_MAX) {
            at->answer = grown == NULL ? at->answer : grown;
            exchange_fail(at, grown == NULL ? "out of memory" : "its answer is too long");
            return;
        }
        at->answer = grown;
        count = recv(at->fd, at->answer + at->answer_length, READ_STEP, MSG_DONTWAIT);
        if (count < 0 && errno == EINTR) {
            continue;
        }
        if (count < 0 && errno == EAGAIN) {
            return;
        }
        if (count < 0 && at->answer_length == 0) {
            exchange_fail(at, strerror(errno));
            return;
        }
        at->answer_length += count > 0 ? (size_t)count : 0;
        at->answer[at->answer_length] = '\0';
        if (count <= 0) {
            exchange_end(at);
            return;
        }
    }
}

static void on_ready(void *context, uint32_t events)
{
    exchange *at = context;
    hg_error err = HG_ERROR_INIT;

    (void)events;
    if (at->sent < at->length) {
        send_rest(at);
        if (at->sent == at->length && hgh_event_loop_watch(at->owner->options.loop, at->fd, EPOLLIN,
                                                           on_ready, at, &err) != HG_OK) {
            exchange_fail(at, err.text);
            return;
        }
    }
    receive_some(at);
}

static void on_late(void *context)
{
    exchange_fail(context, "no answer in time");
}

static bool socket_connect(exchange *at, hg_error *err)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    char path[HGH_LOCAL_PATH_MAX];

    if (hgh_local_socket_path(at->owner->options.directory, HGH_EXPLAIN_SOCKET, path,
                              &at->directory, err) != HG_OK) {
        return false;
    }
    (void)snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
    at->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (at->fd < 0 || connect(at->fd, (const struct sockaddr *)&address, sizeof(address)) != 0) {
        (void)hg_error_set(err, HG_ERR_IO, "%s", strerror(errno));
        return false;
    }
    return hgh_event_loop_watch(at->owner->options.loop, at->fd, EPOLLIN | EPOLLOUT, on_ready, at,
                                err) == HG_OK;
}

/* --- the question --- */

/* Paths of the Admin API reach no route where the data plane's ports have it. */
static bool is_of_admin(const hgh_engine_explain *self, const json_t *question)
{
    const char *uri = json_string_value(json_object_get(question, "uri"));
    const char *path = uri == NULL ? NULL : strstr(uri, "://");

    path = path == NULL ? uri : strchr(path + 3, '/');
    if (path == NULL || !self->options.admin_is_on_data_ports ||
        strncmp(path, HGH_ADMIN_ROOT, strlen(HGH_ADMIN_ROOT)) != 0) {
        return false;
    }
    path += strlen(HGH_ADMIN_ROOT);
    return *path == '\0' || strchr("/?#", *path) != NULL;
}

static void
exchange_start(hgh_engine_explain *self, char *text, size_t length, hgh_admin_answer_later *later)
{
    exchange *made = calloc(1, sizeof(*made));
    hg_error err = HG_ERROR_INIT;

    if (made == NULL || self->count >= PENDING_MAX) {
        hgh_admin_later_error(later, STATUS_NO_NGINX, "%s",
                              made == NULL ? "out of memory" : "too many questions at once");
        free(made);
        free(text);
        return;
    }
    *made = (exchange){.owner = self,
                       .next = self->first,
                       .later = later,
                       .fd = -1,
                       .directory = -1,
                       .text = text,
                       .length = length};
    self->first = made;
    self->count++;
    hgh_event_loop_timer_start(self->options.loop, &made->timer, WAIT_MS, on_late, made);
    if (!socket_connect(made, &err)) {
        exchange_fail(made, err.text);
    }
}

void hgh_engine_explain_start(void *context,
                              const hgh_admin_request *request,
                              hgh_admin_answer_later *later)
{
    hgh_engine_explain *self = context;
    hgh_admin_answer made = {0};
    hg_issues issues = {0};
    json_t *question = NULL;
    char *text = NULL;
    size_t length = 0;
    hg_status status;

    if (!hgh_explain_question_read(request, &question, &made)) {
        later->send(later, &made);
        return;
    }
    status = hgh_explain_question_write(question, &text, &length, &issues);
    if (status == HG_OK && is_of_admin(self, question)) {
        free(text);
        hgh_admin_later_json(later, STATUS_OK,
                             json_pack("{s:{s:s}}", "answer", "by", "the Admin API"));
    } else if (status == HG_OK) {
        exchange_start(self, text, length, later);
    } else if (status == HG_ERR_INVALID) {
        hgh_admin_answer_issues(&made, &issues);
        later->send(later, &made);
    } else {
        hgh_admin_later_error(later, STATUS_NO_NGINX, "out of memory");
    }
    hgh_issues_done(&issues);
    json_decref(question);
}

/* --- tokens --- */

/* False: it is no number of seconds that a token may last. */
static bool valid_parse(const char *text, int64_t *out_valid_s)
{
    char *end;
    long long valid_s;

    errno = 0;
    valid_s = strtoll(text, &end, 10);
    if (errno != 0 || end == text || *end != '\0' || valid_s < 1 ||
        valid_s > HGH_EXPLAIN_VALID_MAX_S) {
        return false;
    }
    *out_valid_s = valid_s;
    return true;
}

void hgh_engine_explain_token(void *context,
                              const hgh_admin_request *request,
                              hgh_admin_answer_later *later)
{
    const hgh_engine_explain *self = context;
    const char *argument = hgh_admin_request_argument(request, "valid");
    int64_t valid_s = HGH_EXPLAIN_VALID_S;
    char token[HGH_EXPLAIN_TOKEN_MAX];
    hgh_explain_key key;
    int64_t expiry_wall_s;

    if (argument != NULL && !valid_parse(argument, &valid_s)) {
        hgh_admin_later_error(later, STATUS_BAD,
                              "invalid argument valid: should be seconds, from 1 to %d",
                              HGH_EXPLAIN_VALID_MAX_S);
        return;
    }
    expiry_wall_s = (int64_t)time(NULL) + valid_s;
    memcpy(key.bytes, self->options.key, sizeof(key.bytes));
    if (hgh_explain_token_make(&key, expiry_wall_s, token) != HG_OK) {
        hgh_admin_later_error(later, STATUS_NO_NGINX, "out of memory");
        return;
    }
    hgh_admin_later_json(later, STATUS_OK,
                         json_pack("{s:s, s:s, s:I}", "header", HGH_EXPLAIN_HEADER, "token", token,
                                   "expires", (json_int_t)expiry_wall_s));
}
