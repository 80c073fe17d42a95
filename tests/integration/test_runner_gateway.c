/* tests/integration/test_runner_gateway.c - one object, in the gateway and behind a runner. */
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/integration/author.h"
#include "tests/integration/command.h"
#include "tests/integration/gateway.h"
#include "tests/integration/origin.h"
#include "tests/integration/served_runner.h"
#include "tests/unit/unit.h"

static served_runner served;
static gateway *running;
static origin *upstream;
static response got;

static int set_up(void **state)
{
    static const char *const names[] = {"request", "response", "exit", "waiting", "responding"};
    char *settings;

    (void)state;
    upstream = origin_start();
    runner_make(&served);
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        runner_install(&served, names[i], names[i], "");
    }
    runner_start(&served, NULL);
    settings = text_format("ext-plugin:\n  path_for_test: %s\n", served.path);
    running = gateway_run(&(gateway_options){.workers = 1, .settings = settings});
    free(settings);
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        author_install(running, names[i], names[i], "");
    }
    json_decref(gateway_reload(running));
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    response_done(&got);
    gateway_free(running);
    runner_done(&served);
    origin_stop(upstream);
    return 0;
}

/* A route /inside whose plugin runs in a worker, and /outside where a runner has it. */
static void routes_put(const char *outer, const char *plugin, const char *value)
{
    json_t *conf = json_pack("{s:[{s:s, s:s}]}", "conf", "name", plugin, "value", value);
    char *text = json_dumps(conf, 0);

    gateway_put(running, "routes/inside",
                "{\"uri\": \"/inside\", \"plugins\": {\"%s\": %s},"
                " \"upstream\": {\"nodes\": {\"127.0.0.1:%u\": 1}}}",
                plugin, value, origin_port(upstream));
    gateway_put(running, "routes/outside",
                "{\"uri\": \"/outside\", \"plugins\": {\"%s\": %s},"
                " \"upstream\": {\"nodes\": {\"127.0.0.1:%u\": 1}}}",
                outer, text, origin_port(upstream));
    free(text);
    json_decref(conf);
}

/* What the client gets, or the origin is told: without what differs between any two requests. */
static char *result_of(const char *target)
{
    const char *type;
    const char *test;
    char *text;
    json_t *echo;

    http_get(running->port, target, "X-One: 1\r\nCookie: a=b; c=d\r\n", &got);
    echo = json_loads(got.body, 0, NULL);
    if (json_object_get(echo, "headers") != NULL) {
        text = json_dumps(json_pack("{s:O, s:O, s:O*}", "headers", json_object_get(echo, "headers"),
                                    "body", json_object_get(echo, "body"), "method",
                                    json_object_get(echo, "method")),
                          JSON_SORT_KEYS);
    } else {
        text = strdup(got.body);
    }
    json_decref(echo);
    type = strdup(
        response_header(&got, "content-type") == NULL ? "" : response_header(&got, "content-type"));
    test = response_header(&got, "x-test");
    char *all = text_format("%d %s %s %s", got.status, type, test == NULL ? "" : test, text);
    free((char *)(uintptr_t)type);
    free(text);
    return all;
}

static void a_plugin_does_the_same_on_both_sides(void **state)
{
    static const struct {
        const char *outer;
        const char *plugin;
        const char *value;
    } cases[] = {
        {"ext-plugin-pre-req", "exit", "{\"way\":\"unauthorized\",\"status\":401}"},
        {"ext-plugin-pre-req", "exit", "{\"way\":\"json\",\"phase\":\"rewrite\"}"},
        {"ext-plugin-post-req", "exit", "{\"way\":\"message\",\"status\":503}"},
        {"ext-plugin-pre-req", "request",
         "{\"actions\":[{\"call\":\"set_header\",\"name\":\"X-One\",\"value\":\"2\"},"
         "{\"call\":\"remove_header\",\"name\":\"Cookie\"},"
         "{\"call\":\"set_body\",\"value\":\"new\"},"
         "{\"call\":\"set_response_header\",\"name\":\"X-Test\",\"value\":\"early\"}]}"},
        {"ext-plugin-post-resp", "response",
         "{\"status\":202,\"header\":\"h\",\"body\":\"all of it\",\"buffer_max\":100000}"},
        {"ext-plugin-post-resp", "responding",
         "{\"body_max\":100000,\"body\":\"another\",\"status\":203,\"remove\":\"Content-Type\"}"},
        {"ext-plugin-post-resp", "responding", "{\"exit\":418,\"exit_body\":\"tea\"}"},
        {"ext-plugin-post-resp", "response", "{}"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        char *inside;
        char *outside;

        routes_put(cases[i].outer, cases[i].plugin, cases[i].value);
        inside = result_of("/inside");
        outside = result_of("/outside");
        if (strcmp(inside, outside) != 0) {
            fail_msg("%s %s\n inside: %s\noutside: %s", cases[i].plugin, cases[i].value, inside,
                     outside);
        }
        free(inside);
        free(outside);
    }
}

static int status_outside(void)
{
    http_get(running->port, "/outside", "", &got);
    return got.status;
}

static void a_runner_that_was_killed_is_prepared_anew(void **state)
{
    (void)state;
    routes_put("ext-plugin-pre-req", "exit",
               "{\"way\":\"text\",\"text\":\"outside\",\"status\":201}");
    http_get(running->port, "/outside", "", &got);
    assert_int_equal(got.status, 201);
    (void)runner_stop(&served, SIGKILL);
    http_get(running->port, "/outside", "", &got);
    assert_int_equal(got.status, 503);
    runner_start(&served, NULL);
    WAIT_UNTIL(status_outside() == 201); /* a gateway that could not connect waits a moment */
    assert_string_equal(got.body, "outside");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_plugin_does_the_same_on_both_sides),
        cmocka_unit_test(a_runner_that_was_killed_is_prepared_anew),
    };

    return report(cmocka_run_group_tests(tests, set_up, tear_down));
}
