/* tests/integration/test_route.c - an admin creates a route with plugins, and requests show it. */
#include <signal.h>
#include <stdlib.h>

#include "tests/integration/author.h"
#include "tests/integration/command.h"
#include "tests/integration/gateway.h"
#include "tests/integration/origin.h"
#include "tests/unit/unit.h"

static gateway *running;
static origin *upstream;
static response got;

static int set_up(void **state)
{
    (void)state;
    upstream = origin_start();
    running = gateway_make(NULL);
    author_install(running, "mark", "mark", "");
    author_install(running, "gate", "gate", "");
    gateway_start(running);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    response_done(&got);
    gateway_free(running);
    origin_stop(upstream);
    return 0;
}

static void get(const char *target)
{
    http_get(running->port, target, "", &got);
}

static void without_a_route_there_is_404(void **state)
{
    (void)state;
    get("/nothing");
    assert_int_equal(got.status, 404);
    assert_non_null(strstr(got.body, "404 Route Not Found"));
    assert_string_equal(response_header(&got, "Content-Type"), "application/json");
    assert_non_null(strstr(response_header(&got, "Server"), "hotgate/"));
}

static void route_goes_to_its_upstream_through_its_plugin(void **state)
{
    json_t *echo;

    (void)state;
    gateway_put(running, "routes/hello",
                "{\"uri\": \"/hello\", \"plugins\": {\"mark\": {\"text\": \"one\"}},"
                " \"upstream\": {\"nodes\": {\"127.0.0.1:%u\": 1}}}",
                origin_port(upstream));
    get("/hello?a=1&b=%20");
    assert_int_equal(got.status, 200);
    assert_string_equal(response_header(&got, "X-Mark"), "one");
    echo = json_loads(got.body, 0, NULL);
    assert_non_null(echo);
    assert_string_equal(json_string_value(json_object_get(echo, "target")), "/hello?a=1&b=%20");
    assert_string_equal(
        json_string_value(json_object_get(json_object_get(echo, "headers"), "x-mark")), "one");
    json_decref(echo);
}

static void plugin_of_a_service_is_in_effect_until_the_route_says_otherwise(void **state)
{
    (void)state;
    gateway_put(running, "services/s",
                "{\"plugins\": {\"mark\": {\"text\": \"service\"}},"
                " \"upstream\": {\"nodes\": {\"127.0.0.1:%u\": 1}}}",
                origin_port(upstream));
    gateway_put(running, "routes/served", "{\"uri\": \"/served\", \"service_id\": \"s\"}");
    get("/served");
    assert_string_equal(response_header(&got, "X-Mark"), "service");
    gateway_put(running, "routes/served",
                "{\"uri\": \"/served\", \"service_id\": \"s\","
                " \"plugins\": {\"mark\": {\"text\": \"route\"}}}");
    get("/served");
    assert_string_equal(response_header(&got, "X-Mark"), "route");
}

static void log_names_the_plugin_that_rejects(void **state)
{
    static const struct {
        const char *phase;
        int status;
        const char *line;
    } cases[] = {
        {"rewrite", 401, "gate exits with http status code 401"},
        {"access", 403, "gate exits with http status code 403"},
        {"before_proxy", 429, "gate exits with http status code 429"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        size_t before = origin_requests(upstream);

        gateway_put(running, "routes/gate",
                    "{\"uri\": \"/gate\", \"plugins\": {\"gate\": {\"phase\": \"%s\","
                    " \"status\": %d}}, \"upstream\": {\"nodes\": {\"127.0.0.1:%u\": 1}}}",
                    cases[i].phase, cases[i].status, origin_port(upstream));
        get("/gate");
        assert_int_equal(got.status, cases[i].status);
        assert_int_equal(origin_requests(upstream), before);
        gateway_wait_log(running, "logs/error.log", cases[i].line);
    }
}

static void deleted_route_is_gone(void **state)
{
    (void)state;
    gateway_delete(running, "routes/hello");
    get("/hello");
    assert_int_equal(got.status, 404);
}

static void objects_outlive_a_restart(void **state)
{
    (void)state;
    assert_int_equal(gateway_stop(running, SIGQUIT), 0);
    gateway_start(running);
    get("/served");
    assert_int_equal(got.status, 200);
    assert_string_equal(response_header(&got, "X-Mark"), "route");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_a_route_there_is_404),
        cmocka_unit_test(route_goes_to_its_upstream_through_its_plugin),
        cmocka_unit_test(plugin_of_a_service_is_in_effect_until_the_route_says_otherwise),
        cmocka_unit_test(log_names_the_plugin_that_rejects),
        cmocka_unit_test(deleted_route_is_gone),
        cmocka_unit_test(objects_outlive_a_restart),
    };

    return report(cmocka_run_group_tests(tests, set_up, tear_down));
}
