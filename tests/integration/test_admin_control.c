/* tests/integration/test_admin_control.c - the Control API tells what runs, and no secret. */
#include <poll.h>
#include <stdlib.h>
#include <time.h>

#include "tests/integration/author.h"
#include "tests/integration/command.h"
#include "tests/integration/gateway.h"
#include "tests/integration/origin.h"
#include "tests/unit/unit.h"

static gateway *running;
static response got;
static unsigned status_port;

static int set_up(void **state)
{
    static char status[64];

    (void)state;
    status_port = free_port();
    (void)snprintf(status, sizeof(status), "status: {port: %u}", status_port);
    running = gateway_make(&(gateway_options){.apisix = status});
    author_install(running, "mark", "mark", "");
    gateway_start(running);
    gateway_put(running, "upstreams/u", "{\"nodes\": {\"127.0.0.1:1980\": 1}}");
    gateway_put(running, "upstreams/named", "{\"nodes\": {\"localhost:1980\": 1}}");
    gateway_put(running, "services/s", "{\"upstream_id\": \"u\"}");
    gateway_put(
        running, "routes/r",
        "{\"uri\": \"/r\", \"service_id\": \"s\", \"plugins\": {\"mark\": {\"text\": \"a\"},"
        " \"key-auth\": {}}}");
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    response_done(&got);
    gateway_free(running);
    return 0;
}

/* One request to the Control API; the body as JSON, NULL if it is none. */
static json_t *ask(unsigned port, const char *method, const char *target)
{
    connection to = {0};

    if (!connection_open(&to, port)) {
        fail_msg("port %u: %s", port, to.error);
    }
    connection_request(&to, method, target, "", NULL, &got);
    connection_close(&to);
    return json_loads(got.body, JSON_DECODE_ANY, NULL);
}

static void each_endpoint_answers(void **state)
{
    static const struct {
        const char *method;
        const char *target;
        int status;
        const char *part;
    } cases[] = {
        {"GET", "/v1/schema", 200, "\"upstream_hash_vars_schema\""},
        {"GET", "/v1/schema", 200, "\"key-auth\""},
        {"GET", "/v1/schema", 200, "\"stream_plugins\":{}"},
        {"GET", "/v1/routes", 200, "\"key\":\"/apisix/routes/r\""},
        {"GET", "/v1/route/r", 200, "\"header\":\"apikey\""}, /* a default of the plugin */
        {"GET", "/v1/route/r", 200, "\"priority\":0"},
        {"GET", "/v1/route/none", 404, "{\"error_msg\":\"route[none] not found\"}"},
        {"GET", "/v1/services", 200, "\"key\":\"/apisix/services/s\""},
        {"GET", "/v1/service/s", 200, "\"upstream_id\":\"u\""},
        {"GET", "/v1/service/x", 404, "{\"error_msg\":\"service[x] not found\"}"},
        {"GET", "/v1/upstreams", 200, "\"key\":\"/apisix/upstreams/named\""},
        {"GET", "/v1/upstream/u", 200, "\"type\":\"roundrobin\""},
        {"GET", "/v1/upstream/u", 200, "\"has_domain\":false"},
        {"GET", "/v1/upstream/named", 200, "\"has_domain\":true"},
        {"GET", "/v1/upstream/x", 404, "{\"error_msg\":\"upstream[x] not found\"}"},
        {"GET", "/v1/plugin_metadatas", 200, "{}"},
        {"GET", "/v1/plugin_metadata/mark", 404,
         "{\"error_msg\":\"plugin metadata[mark] not found\"}"},
        {"GET", "/v1/healthcheck/nodes/1", 400, "{\"error_msg\":\"invalid src type nodes\"}"},
        {"GET", "/v1/healthcheck/routes", 404,
         "{\"error_msg\":\"missing src id for src type routes\"}"},
        {"GET", "/v1/healthcheck/routes/x", 404, "{\"error_msg\":\"routes[x] not found\"}"},
        {"GET", "/v1/healthcheck/upstreams/u", 404,
         "{\"error_msg\":\"no checker for upstreams[u]\"}"},
        {"PUT", "/v1/plugins/reload", 200, "done"},
        {"POST", "/v1/gc", 200, ""},
        {"GET", "/v1/gc", 404, "404 Not Found"},
        {"POST", "/v1/routes", 404, "404 Not Found"},
        {"GET", "/v1/routes/", 404, "404 Not Found"},
        {"GET", "/v1/route/", 404, "404 Not Found"},
        {"GET", "/", 404, "404 Not Found"},
        {"GET", "/apisix/admin/routes", 404, "404 Not Found"},
        {"GET", "/v1/discovery/dns/dump", 404, "404 Not Found"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        json_t *body = ask(running->control_port, cases[i].method, cases[i].target);

        if (got.status != cases[i].status || strstr(got.body, cases[i].part) == NULL) {
            fail_msg("%s %s: %d %s", cases[i].method, cases[i].target, got.status, got.body);
        }
        if (body != NULL &&
            strcmp(response_header(&got, "Content-Type"), "application/json") != 0) {
            fail_msg("%s %s: type %s", cases[i].method, cases[i].target,
                     response_header(&got, "Content-Type"));
        }
        json_decref(body);
    }
}

static void an_item_has_its_revisions(void **state)
{
    json_t *item = ask(running->control_port, "GET", "/v1/route/r");

    (void)state;
    assert_int_equal(json_integer_value(json_object_get(item, "createdIndex")),
                     json_integer_value(json_object_get(item, "modifiedIndex")));
    assert_int_equal(json_integer_value(json_object_get(item, "orig_modifiedIndex")),
                     json_integer_value(json_object_get(item, "modifiedIndex")));
    json_decref(item);
    item = ask(running->control_port, "GET", "/v1/routes");
    assert_int_equal(json_array_size(item), 1);
    json_decref(item);
}

static void an_empty_list_is_an_empty_object(void **state)
{
    (void)state;
    gateway_delete(running, "routes/r");
    json_decref(ask(running->control_port, "GET", "/v1/routes"));
    assert_int_equal(got.status, 200);
    assert_string_equal(got.body, "{}\n");
}

/* Waits until a text stands in the answer of the Control API. */
static void wait_for(const char *target, const char *part)
{
    time_t end = time(NULL) + 20;

    do {
        json_decref(ask(running->control_port, "GET", target));
        if (strstr(got.body, part) == NULL) {
            (void)poll(NULL, 0, 20);
        }
    } while (strstr(got.body, part) == NULL && time(NULL) < end);
    if (strstr(got.body, part) == NULL) {
        fail_msg("%s: %s, not %s", target, got.body, part);
    }
}

static void the_health_of_checked_nodes_is_shown(void **state)
{
    origin *good = origin_start();
    json_t *items;
    json_t *node;

    (void)state;
    gateway_put(running, "upstreams/checked",
                "{\"nodes\": {\"127.0.0.1:%u\": 1, \"127.0.0.1:1\": 1}, \"checks\": {\"active\": {"
                "\"type\": \"tcp\", \"healthy\": {\"interval\": 1, \"successes\": 1},"
                " \"unhealthy\": {\"interval\": 1, \"tcp_failures\": 1}}}}",
                origin_port(good));
    gateway_put(running, "routes/checked", "{\"uri\": \"/checked\", \"upstream_id\": \"checked\"}");
    http_get(running->port, "/checked", "", &got);
    wait_for("/v1/healthcheck/upstreams/checked", "\"status\":\"unhealthy\"");
    wait_for("/v1/healthcheck/upstreams/checked", "\"status\":\"healthy\"");
    items = ask(running->control_port, "GET", "/v1/healthcheck");
    assert_int_equal(json_array_size(items), 1);
    assert_string_equal(json_string_value(json_object_get(json_array_get(items, 0), "name")),
                        "/apisix/upstreams/checked");
    assert_string_equal(json_string_value(json_object_get(json_array_get(items, 0), "type")),
                        "tcp");
    node = json_array_get(json_object_get(json_array_get(items, 0), "nodes"), 0);
    assert_string_equal(json_string_value(json_object_get(node, "ip")), "127.0.0.1");
    assert_int_equal(json_integer_value(json_object_get(node, "port")), origin_port(good));
    assert_int_equal(json_object_size(json_object_get(node, "counter")), 4);
    json_decref(items);
    http_get(running->control_port, "/v1/healthcheck", "Accept: text/html\r\n", &got);
    assert_string_equal(response_header(&got, "Content-Type"), "text/html");
    assert_non_null(strstr(got.body, "<td>/apisix/upstreams/checked</td><td>tcp</td>"));
    gateway_delete(running, "routes/checked");
    gateway_delete(running, "upstreams/checked");
    json_decref(ask(running->control_port, "GET", "/v1/healthcheck"));
    assert_string_equal(got.body, "[]\n");
    origin_stop(good);
}

static void metadata_is_shown(void **state)
{
    json_t *list;

    (void)state;
    gateway_put(running, "plugin_metadata/mark", "{\"color\": \"blue\"}");
    json_decref(ask(running->control_port, "GET", "/v1/plugin_metadata/mark"));
    assert_string_equal(got.body, "{\"color\":\"blue\",\"id\":\"mark\"}\n");
    list = ask(running->control_port, "GET", "/v1/plugin_metadatas");
    assert_int_equal(json_array_size(list), 1);
    json_decref(list);
}

static void the_status_is_ready_once_workers_serve(void **state)
{
    static const char *const targets[] = {"/status", "/status/ready"};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(targets); i++) {
        json_decref(ask(status_port, "GET", targets[i]));
        assert_int_equal(got.status, 200);
        assert_string_equal(got.body, "{\"status\":\"ok\"}\n");
    }
    json_decref(ask(status_port, "GET", "/v1/routes"));
    assert_int_equal(got.status, 404);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_endpoint_answers),
        cmocka_unit_test(an_item_has_its_revisions),
        cmocka_unit_test(an_empty_list_is_an_empty_object),
        cmocka_unit_test(the_health_of_checked_nodes_is_shown),
        cmocka_unit_test(metadata_is_shown),
        cmocka_unit_test(the_status_is_ready_once_workers_serve),
    };

    return report(cmocka_run_group_tests(tests, set_up, tear_down));
}
