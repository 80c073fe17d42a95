/* tests/unit/control/test_admin_server.c - over real sockets: what is asked arrives, who dawdles
 * is cut off. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <curl/curl.h>

#include "host/control/admin_server.h"
#include "host/core/address.h"
#include "tests/unit/unit.h"

#define TIMEOUT_S       1u
#define CONNECTIONS_MAX 20u
#define PARKED_MAX      64

/* The server runs in a thread of its own, as control does in a process of its own. */
typedef struct server_test {
    pthread_t thread;
    hgh_event_loop *loop;
    hgh_admin_server *server;
    int stop;
    uint16_t port;
    atomic_int handled;
    atomic_int parked_now;
    hgh_admin_answer_later *parked[PARKED_MAX];
    const hgh_admin_request *parked_requests[PARKED_MAX];
    hgh_event_loop_timer timer;
    uint64_t answer_after_ms;
    bool drops_bodies;
} server_test;

static char *describe(const hgh_admin_request *request, size_t *out_length)
{
    char address[64] = "";
    char *text = NULL;
    FILE *stream = open_memstream(&text, out_length);
    const char *header = request->header(request->context, "x-test");

    (void)hgh_address_format(&request->client, address, sizeof(address));
    (void)fprintf(stream, "%s %s", request->method, request->path);
    for (size_t i = 0; i < request->argument_count; i++) {
        (void)fprintf(stream, " %s=%s", request->arguments[i].name, request->arguments[i].value);
    }
    (void)fprintf(stream, " header=%s client=%s length=%llu dropped=%d body=%.*s",
                  header == NULL ? "none" : header, address,
                  (unsigned long long)request->body_length, request->body_is_dropped,
                  request->body == NULL ? 0 : (int)request->body_length,
                  request->body == NULL ? "" : request->body);
    (void)fclose(stream);
    return text;
}

static void answer_with(const hgh_admin_request *request, hgh_admin_answer_later *later)
{
    hgh_admin_answer answer = {0};
    size_t length = 0;
    char *text = describe(request, &length);

    hgh_admin_answer_text(&answer, 200, text, length);
    hgh_admin_answer_header(&answer, "X-Answer", "yes");
    later->send(later, &answer);
}

static void answer_parked(void *context)
{
    server_test *test = context;
    int count = test->parked_now;

    test->parked_now = 0;
    for (int i = 0; i < count; i++) {
        answer_with(test->parked_requests[i], test->parked[i]);
    }
}

static void handle(void *context, const hgh_admin_request *request, hgh_admin_answer_later *later)
{
    server_test *test = context;

    test->handled++;
    if (strncmp(request->path, "/later", 6) != 0) {
        answer_with(request, later);
        return;
    }
    assert_true(test->parked_now < PARKED_MAX);
    test->parked[test->parked_now] = later;
    test->parked_requests[test->parked_now] = request;
    test->parked_now++;
    if (test->answer_after_ms > 0) {
        hgh_event_loop_timer_start(test->loop, &test->timer, test->answer_after_ms, answer_parked,
                                   test);
    }
}

static bool wants_body(void *context, const hgh_admin_request *request)
{
    const server_test *test = context;

    (void)request;
    return !test->drops_bodies;
}

static void on_stop(void *context, uint32_t events)
{
    const server_test *test = context;

    (void)events;
    hgh_event_loop_stop(test->loop);
}

static void *serve(void *context)
{
    server_test *test = context;
    static const hgh_admin_answer none;

    (void)hgh_event_loop_run(test->loop, NULL);
    hgh_admin_server_free(test->server);
    for (int i = 0; i < test->parked_now; i++) { /* after the end it must be harmless */
        hgh_admin_answer answer = none;

        hgh_admin_answer_error(&answer, 503, "over");
        test->parked[i]->send(test->parked[i], &answer);
    }
    return NULL;
}

static int set_up(void **state)
{
    server_test *test = calloc(1, sizeof(*test));
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof(address);
    hgh_admin_server_options options = {.connections_max = CONNECTIONS_MAX, .timeout_s = TIMEOUT_S};
    hgh_admin_handler handler = {wants_body, handle, test};
    hg_error err = HG_ERROR_INIT;

    assert_non_null(test);
    options.listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(options.listener, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(listen(options.listener, 100), 0);
    assert_int_equal(getsockname(options.listener, (struct sockaddr *)&address, &size), 0);
    test->port = ntohs(address.sin_port);
    test->stop = eventfd(0, EFD_CLOEXEC);
    assert_int_equal(hgh_event_loop_new(&test->loop, NULL), HG_OK);
    assert_int_equal(hgh_event_loop_watch(test->loop, test->stop, EPOLLIN, on_stop, test, NULL),
                     HG_OK);
    if (hgh_admin_server_new(test->loop, &options, &handler, &test->server, &err) != HG_OK) {
        fail_msg("%s", err.text);
    }
    test->answer_after_ms = 20;
    assert_int_equal(pthread_create(&test->thread, NULL, serve, test), 0);
    *state = test;
    return 0;
}

static int tear_down(void **state)
{
    server_test *test = *state;
    uint64_t one = 1;

    assert_int_equal(write(test->stop, &one, sizeof(one)), sizeof(one));
    assert_int_equal(pthread_join(test->thread, NULL), 0);
    hgh_event_loop_free(test->loop);
    (void)close(test->stop);
    free(test);
    return 0;
}

typedef struct reply {
    long status;
    size_t length;
    char body[4096];
} reply;

static size_t take(char *data, size_t size, size_t count, void *context)
{
    reply *into = context;
    size_t length = size * count;

    if (into->length + length < sizeof(into->body)) {
        memcpy(into->body + into->length, data, length);
        into->length += length;
    }
    return length;
}

static CURL *
request_new(const server_test *test, const char *method, const char *target, reply *into)
{
    CURL *curl = curl_easy_init();
    char url[600];

    assert_non_null(curl);
    memset(into, 0, sizeof(*into));
    (void)snprintf(url, sizeof(url), "http://127.0.0.1:%u%s", test->port, target);
    (void)curl_easy_setopt(curl, CURLOPT_URL, url);
    (void)curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, method);
    (void)curl_easy_setopt(curl, CURLOPT_PATH_AS_IS, 1L);
    (void)curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take);
    (void)curl_easy_setopt(curl, CURLOPT_WRITEDATA, into);
    (void)curl_easy_setopt(curl, CURLOPT_TIMEOUT, 20L);
    (void)curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    return curl;
}

static void perform(CURL *curl, reply *into)
{
    CURLcode code = curl_easy_perform(curl);

    if (code != CURLE_OK) {
        fail_msg("%s", curl_easy_strerror(code));
    }
    (void)curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &into->status);
}

static void fetch(const server_test *test,
                  const char *method,
                  const char *target,
                  const char *body,
                  size_t length,
                  reply *into)
{
    CURL *curl = request_new(test, method, target, into);

    if (body != NULL) {
        (void)curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE, (long)length);
        (void)curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body);
    }
    perform(curl, into);
    curl_easy_cleanup(curl);
}

static void a_request_arrives_as_it_was_sent(void **state)
{
    static const struct {
        const char *method;
        const char *target;
        const char *body;
        const char *seen;
    } cases[] = {
        {"GET", "/a/b", NULL, "GET /a/b header=none client=127.0.0.1 length=0 dropped=0 body="},
        {"PUT", "/a?x=1&y=a%20b+c&z&=e", "{}",
         "PUT /a x=1 y=a b c z= =e header=none client=127.0.0.1 length=2 dropped=0 body={}"},
        {"DELETE", "/%41+%2f//", NULL,
         "DELETE /A+/// header=none client=127.0.0.1 length=0 dropped=0 body="},
        {"POST", "/later", "abc",
         "POST /later header=none client=127.0.0.1 length=3 dropped=0 body=abc"},
        {"OPTIONS", "/?", NULL, "OPTIONS / header=none client=127.0.0.1 length=0 dropped=0 body="},
    };
    server_test *test = *state;

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        reply seen;

        fetch(test, cases[i].method, cases[i].target, cases[i].body,
              cases[i].body == NULL ? 0 : strlen(cases[i].body), &seen);
        assert_int_equal(seen.status, 200);
        assert_string_equal(seen.body, cases[i].seen);
    }
}

static void headers_are_found_in_any_case(void **state)
{
    server_test *test = *state;
    reply seen;
    CURL *curl = request_new(test, "GET", "/later", &seen);
    struct curl_slist *headers = curl_slist_append(NULL, "X-TEST: value");

    (void)curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    perform(curl, &seen);
    assert_non_null(strstr(seen.body, "header=value"));
    perform(curl, &seen); /* on the same connection */
    assert_int_equal(seen.status, 200);
    curl_slist_free_all(headers);
    curl_easy_cleanup(curl);
}

static void head_is_answered_without_a_body(void **state)
{
    server_test *test = *state;
    reply seen;
    CURL *curl = request_new(test, "HEAD", "/a", &seen);

    (void)curl_easy_setopt(curl, CURLOPT_NOBODY, 1L);
    perform(curl, &seen);
    assert_int_equal(seen.status, 200);
    assert_int_equal(seen.length, 0);
    curl_easy_cleanup(curl);
}

static void addresses_that_cannot_be_decoded_are_refused(void **state)
{
    static const char *const targets[] = {"/a%zz", "/a%0", "/a%", "/a%00b", "/a?x=%00", "/a?%=1"};
    server_test *test = *state;

    for (size_t i = 0; i < ARRAY_SIZE(targets); i++) {
        reply seen;

        fetch(test, "PUT", targets[i], "{}", 2, &seen);
        if (seen.status != 400 ||
            strcmp(seen.body, "{\"error_msg\":\"found an address that cannot be decoded\"}\n") !=
                0) {
            fail_msg("%s: %ld %s", targets[i], seen.status, seen.body);
        }
    }
    assert_int_equal(test->handled, 0);
}

static void bodies_are_kept_up_to_the_limit(void **state)
{
    static const struct {
        size_t length;
        bool is_dropped;
    } cases[] = {
        {HGH_ADMIN_BODY_MAX, false},
        {HGH_ADMIN_BODY_MAX + 1, true},
        {2u << 20, true},
        {10u << 20, true},
    };
    server_test *test = *state;
    char *body = malloc(10u << 20);

    memset(body, 'b', 10u << 20);
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        char part[64];
        reply seen;

        fetch(test, "PUT", "/a", body, cases[i].length, &seen);
        (void)snprintf(part, sizeof(part), "length=%zu dropped=%d", cases[i].length,
                       cases[i].is_dropped);
        assert_int_equal(seen.status, 200);
        if (cases[i].is_dropped && strstr(seen.body, part) == NULL) {
            fail_msg("%s", seen.body);
        }
    }
    free(body);
}

static void a_body_that_nobody_wants_is_not_kept(void **state)
{
    server_test *test = *state;
    reply seen;

    test->drops_bodies = true;
    fetch(test, "PUT", "/a", "0123456789", 10, &seen);
    assert_non_null(strstr(seen.body, "length=10 dropped=1 body="));
}

typedef struct chunks {
    int left;
} chunks;

static size_t give_chunk(char *into, size_t size, size_t count, void *context)
{
    chunks *rest = context;

    if (rest->left == 0 || size * count < 5) {
        return 0;
    }
    rest->left--;
    memcpy(into, "chunk", 5);
    return 5;
}

static void a_chunked_body_is_put_together(void **state)
{
    server_test *test = *state;
    chunks rest = {.left = 3};
    reply seen;
    CURL *curl = request_new(test, "PUT", "/a", &seen);

    (void)curl_easy_setopt(curl, CURLOPT_UPLOAD, 1L);
    (void)curl_easy_setopt(curl, CURLOPT_READFUNCTION, give_chunk);
    (void)curl_easy_setopt(curl, CURLOPT_READDATA, &rest);
    perform(curl, &seen);
    assert_non_null(strstr(seen.body, "length=15 dropped=0 body=chunkchunkchunk"));
    curl_easy_cleanup(curl);
}

static void parallel_answers_find_their_clients(void **state)
{
    server_test *test = *state;
    CURLM *multi = curl_multi_init();
    CURL *requests[15];
    reply *replies = calloc(ARRAY_SIZE(requests), sizeof(*replies));
    int running = 1;

    for (size_t i = 0; i < ARRAY_SIZE(requests); i++) {
        char target[32];

        (void)snprintf(target, sizeof(target), "/later/%zu", i);
        requests[i] = request_new(test, "GET", target, &replies[i]);
        (void)curl_multi_add_handle(multi, requests[i]);
    }
    while (running > 0) {
        assert_int_equal(curl_multi_perform(multi, &running), CURLM_OK);
        (void)curl_multi_poll(multi, NULL, 0, 100, NULL);
    }
    for (size_t i = 0; i < ARRAY_SIZE(requests); i++) {
        char part[32];

        (void)snprintf(part, sizeof(part), "GET /later/%zu header", i);
        if (strncmp(replies[i].body, part, strlen(part)) != 0) {
            fail_msg("%zu: %s", i, replies[i].body);
        }
        (void)curl_multi_remove_handle(multi, requests[i]);
        curl_easy_cleanup(requests[i]);
    }
    (void)curl_multi_cleanup(multi);
    free(replies);
}

static int connect_raw(const server_test *test)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons(test->port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    return fd;
}

static void send_text(int fd, const char *text)
{
    assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

/* Seconds until the server closes; 100 if it does not. */
static double seconds_to_close(int fd, const char *trickle)
{
    uint64_t begin_ms = hgh_event_loop_now_ms();

    for (int i = 0; i < 100; i++) {
        struct pollfd ready = {.fd = fd, .events = POLLIN};
        char byte[512];

        if (poll(&ready, 1, 100) > 0 && recv(fd, byte, sizeof(byte), 0) <= 0) {
            return (double)(hgh_event_loop_now_ms() - begin_ms) / 1000.0;
        }
        if (trickle != NULL) {
            (void)send(fd, trickle, 1, MSG_NOSIGNAL); /* may be closed */
        }
    }
    return 100;
}

static void who_dawdles_is_cut_off(void **state)
{
    static const struct {
        const char *label;
        const char *sent;
        const char *trickle;
    } cases[] = {
        {"nothing", "", NULL},
        {"half a header", "GET / HTTP/1.1\r\nHost: a\r\nX-Te", NULL},
        {"half a body", "PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc", NULL},
        {"a header byte by byte", "GET / HTTP/1.1\r\nHost: a\r\nX-Test: ", "x"},
        {"a body byte by byte", "PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n", "x"},
    };
    server_test *test = *state;
    reply seen;

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        int fd = connect_raw(test);
        double seconds;

        send_text(fd, cases[i].sent);
        seconds = seconds_to_close(fd, cases[i].trickle);
        if (seconds < 0.5 || seconds > 4) {
            fail_msg("%s: closed after %.1f s", cases[i].label, seconds);
        }
        (void)close(fd);
    }
    assert_int_equal(test->handled, 0);
    fetch(test, "GET", "/a", NULL, 0, &seen);
    assert_int_equal(seen.status, 200);
}

static void who_waits_for_an_answer_is_not_cut_off(void **state)
{
    server_test *test = *state;
    reply seen;

    test->answer_after_ms = 2500;
    fetch(test, "GET", "/later", NULL, 0, &seen);
    assert_int_equal(seen.status, 200);
}

static void who_hangs_up_harms_nobody(void **state)
{
    static const char *const sent[] = {
        "GET / HT",
        "PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc",
        "GET /later HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET /later HTTP/1.1\r\nHost: a\r\n\r\nGET /later HTTP/1.1\r\nHost: a\r\n\r\n",
    };
    server_test *test = *state;
    reply seen;

    for (int round = 0; round < 5; round++) {
        for (size_t i = 0; i < ARRAY_SIZE(sent); i++) {
            struct linger now = {.l_onoff = 1};
            int fd = connect_raw(test);

            send_text(fd, sent[i]);
            (void)usleep(2000);
            if (round % 2 == 0) { /* by a reset */
                (void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
            }
            (void)close(fd);
        }
    }
    (void)usleep(50000);
    fetch(test, "GET", "/later", NULL, 0, &seen);
    assert_int_equal(seen.status, 200);
}

static void what_is_no_http_is_refused(void **state)
{
    static const struct {
        const char *sent;
        const char *answer; /* how it begins; NULL: closed without one */
    } cases[] = {
        {"GARBAGE\r\n\r\n", NULL},
        {"GET / HTTP/1.1\r\n\r\n", "HTTP/1.1 400"}, /* no Host */
        {"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: x\r\n\r\n", "HTTP/1.1 400"},
        {"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: -5\r\n\r\n", "HTTP/1.1 400"},
    };
    server_test *test = *state;

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        char seen[2000] = "";
        int fd = connect_raw(test);
        ssize_t length;

        send_text(fd, cases[i].sent);
        length = recv(fd, seen, sizeof(seen) - 1, 0);
        if (cases[i].answer != NULL &&
            (length <= 0 || strncmp(seen, cases[i].answer, strlen(cases[i].answer)) != 0)) {
            fail_msg("%s: %s", cases[i].sent, seen);
        }
        (void)close(fd);
    }
    assert_int_equal(test->handled, 0);
}

static void an_announced_giant_is_answered_at_once(void **state)
{
    server_test *test = *state;
    char seen[2000] = "";
    int fd = connect_raw(test);
    ssize_t length;

    send_text(fd, "PUT /a HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999\r\n\r\n");
    length = recv(fd, seen, sizeof(seen) - 1, 0);
    assert_true(length > 0);
    assert_non_null(strstr(seen, "length=99999999999 dropped=1"));
    (void)close(fd);
}

static void too_many_clients_wait_until_others_are_gone(void **state)
{
    server_test *test = *state;
    int idle[CONNECTIONS_MAX];
    reply seen;

    for (size_t i = 0; i < ARRAY_SIZE(idle); i++) {
        idle[i] = connect_raw(test);
    }
    fetch(test, "GET", "/a", NULL, 0, &seen); /* as soon as the idle ones are cut off */
    assert_int_equal(seen.status, 200);
    for (size_t i = 0; i < ARRAY_SIZE(idle); i++) {
        (void)close(idle[i]);
    }
}

static void a_server_ends_although_requests_wait(void **state)
{
    server_test *test = *state;
    int fds[3];

    test->answer_after_ms = 0; /* never: the end of the test answers */
    for (size_t i = 0; i < ARRAY_SIZE(fds); i++) {
        fds[i] = connect_raw(test);
        send_text(fds[i], "GET /later HTTP/1.1\r\nHost: a\r\n\r\n");
    }
    while (test->parked_now < (int)ARRAY_SIZE(fds)) {
        (void)usleep(1000);
    }
    for (size_t i = 0; i < ARRAY_SIZE(fds); i++) {
        (void)close(fds[i]);
    }
}

static void a_descriptor_that_is_no_listener_is_an_error(void **state)
{
    hgh_event_loop *loop = NULL;
    hgh_admin_server *server = NULL;
    hgh_admin_server_options options = {.listener = 900};
    hgh_admin_handler handler = {wants_body, handle, NULL};
    hg_error err = HG_ERROR_INIT;

    (void)state;
    assert_int_equal(hgh_event_loop_new(&loop, NULL), HG_OK);
    assert_int_equal(hgh_admin_server_new(loop, &options, &handler, &server, &err), HG_ERR_IO);
    assert_non_null(strstr(err.text, "descriptor 900"));
    hgh_admin_server_free(NULL);
    hgh_event_loop_free(loop);
}

#define SERVER_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        SERVER_TEST(a_request_arrives_as_it_was_sent),
        SERVER_TEST(headers_are_found_in_any_case),
        SERVER_TEST(head_is_answered_without_a_body),
        SERVER_TEST(addresses_that_cannot_be_decoded_are_refused),
        SERVER_TEST(bodies_are_kept_up_to_the_limit),
        SERVER_TEST(a_body_that_nobody_wants_is_not_kept),
        SERVER_TEST(a_chunked_body_is_put_together),
        SERVER_TEST(parallel_answers_find_their_clients),
        SERVER_TEST(who_dawdles_is_cut_off),
        SERVER_TEST(who_waits_for_an_answer_is_not_cut_off),
        SERVER_TEST(who_hangs_up_harms_nobody),
        SERVER_TEST(what_is_no_http_is_refused),
        SERVER_TEST(an_announced_giant_is_answered_at_once),
        SERVER_TEST(too_many_clients_wait_until_others_are_gone),
        SERVER_TEST(a_server_ends_although_requests_wait),
        cmocka_unit_test(a_descriptor_that_is_no_listener_is_an_error),
    };

    (void)curl_global_init(CURL_GLOBAL_DEFAULT);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
