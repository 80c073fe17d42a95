/* tests/integration/test_health.c - nodes that are not fit get no requests, on any worker. */
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/integration/certificates.h"
#include "tests/integration/command.h"
#include "tests/integration/gateway.h"
#include "tests/integration/origin.h"
#include "tests/unit/unit.h"

#define ORIGINS 2u
#define ROUND   24u /* requests, each on a connection of its own: on all workers */

static gateway *running;
static origin *upstreams[ORIGINS];
static char *folder; /* of certificates */
static char *trust;  /* a member of apisix.ssl */
static unsigned dead;
static response got;

static int set_up(void **state)
{
    (void)state;
    for (size_t i = 0; i < ORIGINS; i++) {
        upstreams[i] = origin_start();
    }
    dead = free_port();
    folder = authority_make();
    certificate_make(folder, "a", "ec", "DNS:a.example");
    trust = text_format("ssl_trusted_certificate: %s/ca.pem", folder);
    shell("chmod 755 '%s' && chmod 644 '%s/ca.pem'", folder, folder);
    running = gateway_run(&(gateway_options){.ssl = trust});
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    response_done(&got);
    gateway_free(running);
    for (size_t i = 0; i < ORIGINS; i++) {
        origin_stop(upstreams[i]);
    }
    folder_remove(folder);
    free(trust);
    return 0;
}

static unsigned port(size_t i)
{
    return origin_port(upstreams[i]);
}

/* A route to both origins, with checks as JSON with ' for ". */
static void put(unsigned first, unsigned second, const char *checks)
{
    char *text = strdup(checks);

    assert_non_null(text);
    for (char *at = text; *at != '\0'; at++) {
        *at = *at == '\'' ? '"' : *at;
    }
    gateway_put(running, "upstreams/checked",
                "{\"nodes\": {\"127.0.0.1:%u\": 1, \"127.0.0.1:%u\": 1}, \"retries\": 0,"
                " \"checks\": %s}",
                first, second, text);
    gateway_put(running, "routes/checked", "{\"uri\": \"/*\", \"upstream_id\": \"checked\"}");
    free(text);
}

/* How many of a round of requests an origin has answered; others may fail. */
static unsigned share_of(unsigned wanted, const char *target)
{
    unsigned count = 0;

    for (unsigned i = 0; i < ROUND; i++) {
        json_t *echo;

        http_get(running->port, target, "", &got);
        echo = json_loads(got.body, 0, NULL);
        count += json_integer_value(json_object_get(echo, "origin")) == (json_int_t)wanted;
        json_decref(echo);
    }
    return count;
}

#define QUICK                                                                                      \
    "{'active': {'http_path': '/health/1', 'healthy': {'interval': 1, 'successes': 1},"            \
    " 'unhealthy': {'interval': 1, 'http_failures': 1, 'tcp_failures': 1, 'timeouts': 1}}}"

static void unfit_node_gets_nothing_until_it_is_fit_again(void **state)
{
    (void)state;
    put(port(0), port(1), QUICK);
    assert_true(share_of(port(0), "/") > ROUND / 4); /* each worker counts for itself */
    origin_set_health(upstreams[0], 500);
    WAIT_UNTIL(share_of(port(0), "/") == 0);
    gateway_wait_log(running, "logs/error.log", "is unhealthy");
    assert_int_equal(share_of(port(1), "/"), ROUND); /* whatever worker answers */
    origin_set_health(upstreams[0], 0);
    WAIT_UNTIL(share_of(port(0), "/") > ROUND / 4);
}

/* Of a node in what the Control API says of the upstream. */
static void control_api_says(unsigned node, const char *status)
{
    json_t *view;
    json_t *found = NULL;
    size_t i;
    json_t *item;

    http_get(running->control_port, "/v1/healthcheck/upstreams/checked", "", &got);
    assert_int_equal(got.status, 200);
    view = json_loads(got.body, 0, NULL);
    assert_string_equal(json_string_value(json_object_get(view, "name")),
                        "/apisix/upstreams/checked");
    json_array_foreach(json_object_get(view, "nodes"), i, item)
    {
        if (json_integer_value(json_object_get(item, "port")) == (json_int_t)node) {
            found = item;
        }
    }
    assert_string_equal(json_string_value(json_object_get(found, "status")), status);
    assert_int_equal(
        json_integer_value(json_object_get(json_object_get(found, "counter"), "http_failure")),
        strcmp(status, "unhealthy") == 0);
    json_decref(view);
}

static void states_are_shown_by_the_control_api(void **state)
{
    (void)state;
    put(port(0), port(1), QUICK);
    WAIT_UNTIL(share_of(port(0), "/") > ROUND / 4);
    control_api_says(port(0), "healthy");
    origin_set_health(upstreams[0], 500);
    WAIT_UNTIL(share_of(port(0), "/") == 0);
    control_api_says(port(0), "unhealthy");
    control_api_says(port(1), "healthy");
    http_get(running->control_port, "/v1/healthcheck", "", &got);
    assert_int_equal(got.status, 200);
    assert_non_null(strstr(got.body, "\"unhealthy\""));
    http_get(running->control_port, "/v1/healthcheck/routes/checked", "", &got);
    assert_int_equal(got.status, 404); /* it names its upstream */
    origin_set_health(upstreams[0], 0);
    WAIT_UNTIL(share_of(port(0), "/") > ROUND / 4);
}

static void node_is_checked_once_in_an_interval(void **state)
{
    size_t before;
    size_t asked;
    int64_t begin_ms;
    int64_t took_ms;

    (void)state;
    put(port(0), port(1), QUICK);
    before = origin_checks(upstreams[0]);
    WAIT_UNTIL(origin_checks(upstreams[0]) > before);
    before = origin_checks(upstreams[0]);
    begin_ms = clock_ms();
    WAIT_UNTIL(origin_checks(upstreams[0]) >= before + 3);
    took_ms = clock_ms() - begin_ms;
    asked = origin_checks(upstreams[0]) - before;
    assert_in_range(took_ms, 1900, 15000); /* two workers do not ask twice as often */
    assert_true(asked <= (size_t)(took_ms / 1000) + 2);
}

static void with_no_fit_node_all_are_used(void **state)
{
    (void)state;
    put(port(0), port(1), QUICK);
    origin_set_health(upstreams[0], 503);
    WAIT_UNTIL(share_of(port(0), "/") == 0);
    origin_set_health(upstreams[1], 503);
    WAIT_UNTIL(share_of(port(0), "/") > ROUND / 4);
    origin_set_health(upstreams[0], 0);
    WAIT_UNTIL(share_of(port(0), "/") == ROUND);
    origin_set_health(upstreams[1], 0);
    WAIT_UNTIL(share_of(port(1), "/") > ROUND / 4);
}

static void refused_connections_are_found_out(void **state)
{
    static const char *const types[] = {"http", "tcp"};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
        char *checks = text_format("{'active': {'type': '%s', 'http_path': '/health', 'healthy': "
                                   "{'successes': 1}, 'unhealthy': {'tcp_failures': 2}}}",
                                   types[i]);

        gateway_put(running, "routes/checked", "{\"uri\": \"/*\", \"plugins\": {}}");
        gateway_delete(running, "upstreams/checked");
        dead = free_port(); /* another node than before: nothing is known of it */
        put(dead, port(1), checks);
        WAIT_UNTIL(share_of(port(1), "/") == ROUND);
        free(checks);
    }
}

static void slow_answers_are_timeouts(void **state)
{
    (void)state;
    put(port(0), port(1),
        "{'active': {'http_path': '/health?delay=3000', 'timeout': 0.2, 'healthy': {'successes': "
        "1},"
        " 'unhealthy': {'timeouts': 1}}}");
    gateway_wait_log(running, "logs/error.log", "is unhealthy");
    WAIT_UNTIL(origin_checks(upstreams[0]) > 0);
    put(port(0), port(1), QUICK);
    WAIT_UNTIL(share_of(port(0), "/") > ROUND / 4);
}

/* No active check comes in time: what requests show decides, for all workers. */
static void failed_responses_count_by_passive_checks(void **state)
{
    char *failing = text_format("/?status=500&status_at=%u", port(0));

    (void)state;
    gateway_put(running, "routes/checked", "{\"uri\": \"/*\", \"plugins\": {}}");
    gateway_delete(running, "upstreams/checked");
    put(port(0), port(1),
        "{'active': {'http_path': '/health', 'healthy': {'interval': 3600},"
        " 'unhealthy': {'interval': 3600}},"
        " 'passive': {'healthy': {'successes': 3}, 'unhealthy': {'http_failures': 3}}}");
    for (unsigned i = 0; i < 40; i++) {
        http_get(running->port, failing, "", &got);
    }
    assert_int_equal(share_of(port(0), "/"), 0);
    assert_int_equal(share_of(port(1), "/"), ROUND);
    put(port(0), port(1), QUICK); /* what is known of a node outlives a change of its checks */
    WAIT_UNTIL(share_of(port(0), "/") > ROUND / 4);
    free(failing);
}

static void checks_by_https_look_at_the_certificate(void **state)
{
    json_t *ssl = certificate_json(folder, "a");
    char *text;
    char *good = text_format("{'active': {'type': 'https', 'port': %u, 'host': 'a.example',"
                             " 'http_path': '/health', 'healthy': {'successes': 1},"
                             " 'unhealthy': {'tcp_failures': 1}}}",
                             running->tls_port);
    char *bad = text_format("{'active': {'type': 'https', 'port': %u, 'host': 'b.example',"
                            " 'http_path': '/health', 'healthy': {'successes': 1},"
                            " 'unhealthy': {'tcp_failures': 1}}}",
                            running->tls_port);
    size_t before;

    (void)state;
    (void)json_object_set_new(ssl, "snis", json_pack("[s, s]", "a.example", "b.example"));
    text = json_dumps(ssl, JSON_COMPACT);
    gateway_put(running, "ssls/a", "%s", text); /* the gateway's own listener is what is checked */
    before = origin_checks(upstreams[0]) + origin_checks(upstreams[1]);
    put(port(0), port(1), good);
    WAIT_UNTIL(origin_checks(upstreams[0]) + origin_checks(upstreams[1]) > before + 1);
    assert_true(share_of(port(0), "/") > ROUND / 4);
    put(port(0), dead, bad); /* no request comes that far: both are unfit, and both are used */
    before = origin_checks(upstreams[0]);
    gateway_wait_log(running, "logs/error.log", "health check of upstreams/checked: node");
    put(port(0), port(1), QUICK);
    WAIT_UNTIL(share_of(port(0), "/") > ROUND / 4);
    json_decref(ssl);
    free(text);
    free(good);
    free(bad);
}

static void checks_go_on_whichever_worker_dies(void **state)
{
    pid_t pids[GATEWAY_WORKERS_MAX];

    (void)state;
    put(port(0), port(1), QUICK);
    assert_true(gateway_workers(running, pids) >= 2);
    (void)kill(pids[0], SIGKILL);
    origin_set_health(upstreams[1], 500);
    WAIT_UNTIL(share_of(port(1), "/") == 0);
    origin_set_health(upstreams[1], 0);
    WAIT_UNTIL(share_of(port(1), "/") > ROUND / 4);
}

static void checks_can_be_switched_off(void **state)
{
    (void)state;
    put(port(0), port(1), QUICK);
    running->options.apisix = "disable_upstream_healthcheck: true";
    assert_int_equal(gateway_stop(running, SIGTERM), 0);
    gateway_configure(running);
    origin_set_health(upstreams[0], 500);
    gateway_start(running);
    {
        size_t before = origin_checks(upstreams[0]);

        (void)poll(NULL, 0, 1500); /* longer than its interval */
        assert_int_equal(origin_checks(upstreams[0]), before);
    }
    assert_true(share_of(port(0), "/") > ROUND / 4);
    origin_set_health(upstreams[0], 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(unfit_node_gets_nothing_until_it_is_fit_again),
        cmocka_unit_test(states_are_shown_by_the_control_api),
        cmocka_unit_test(node_is_checked_once_in_an_interval),
        cmocka_unit_test(with_no_fit_node_all_are_used),
        cmocka_unit_test(refused_connections_are_found_out),
        cmocka_unit_test(slow_answers_are_timeouts),
        cmocka_unit_test(failed_responses_count_by_passive_checks),
        cmocka_unit_test(checks_by_https_look_at_the_certificate),
        cmocka_unit_test(checks_go_on_whichever_worker_dies),
        cmocka_unit_test(checks_can_be_switched_off),
    };

    return report(cmocka_run_group_tests(tests, set_up, tear_down));
}
