/* tests/integration/test_admin_objects.c - objects of every kind, written over HTTP, are in force.
 */
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "tests/integration/author.h"
#include "tests/integration/command.h"
#include "tests/integration/gateway.h"
#include "tests/integration/origin.h"
#include "tests/unit/unit.h"

#define WRITERS      50 /* connections that write one object at once */
#define WRITES       20 /* of each of them */
#define SLOW_CLIENTS 200
#define EXPIRY_S     15 /* how long an object with a second to live is waited for */

static gateway *running;
static origin *upstream;
static response got;

static int set_up(void **state)
{
    (void)state;
    upstream = origin_start();
    running = gateway_make(NULL);
    author_install(running, "mark", "mark", "");
    gateway_start(running);
    gateway_put(running, "upstreams/origin", "{\"nodes\": {\"127.0.0.1:%u\": 1}}",
                origin_port(upstream));
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

/* One request to the Admin API; fails the test unless it answers so. */
static void
expect(const char *method, const char *path, const char *body, long status, const char *part)
{
    admin_reply reply = gateway_admin(running, method, path, body);

    if (reply.status != status || strstr(reply.text == NULL ? "" : reply.text, part) == NULL) {
        fail_msg("%s %s %s: %ld %s", method, path, body == NULL ? "" : body, reply.status,
                 reply.text);
    }
    admin_reply_done(&reply);
}

/* Twice as many as there are workers: each of them has one. */
static void expect_status(const char *target, const char *headers, int status)
{
    for (int i = 0; i < 4; i++) {
        http_get(running->port, target, headers, &got);
        if (got.status != status) {
            fail_msg("%s %s: %d, not %d: %s", target, headers, got.status, status, got.body);
        }
    }
}

static void each_method_of_each_kind_answers(void **state)
{
    static const struct {
        const char *method;
        const char *path;
        const char *body;
        long status;
        const char *part;
    } cases[] = {
        {"PUT", "plugin_configs/p", "{\"plugins\":{\"mark\":{\"text\":\"shared\"}}}", 201,
         "\"key\":\"/apisix/plugin_configs/p\""},
        {"PUT", "plugin_configs/p", "{\"plugins\":{\"mark\":{}}}", 400,
         "failed to check the configuration of plugin mark err: "},
        {"POST", "plugin_configs", "{\"plugins\":{}}", 405,
         "not supported `POST` method for plugin config"},
        {"PATCH", "plugin_configs/p/plugins/mark/text", "\"patched\"", 200, "\"text\":\"patched\""},
        {"GET", "plugin_configs/p", NULL, 200, "\"createdIndex\""},
        {"GET", "plugin_configs", NULL, 200, "{\"total\":1,\"list\":["},
        {"PUT", "consumer_groups/g", "{\"plugins\":{}}", 201, "/apisix/consumer_groups/g"},
        {"PATCH", "consumer_groups/g", "{\"desc\":\"d\"}", 200, "\"desc\":\"d\""},
        {"PUT", "consumers", "{\"username\":\"jack\",\"group_id\":\"g\"}", 201, ""},
        {"DELETE", "consumer_groups/g", NULL, 400,
         "can not delete this consumer group, consumer [jack] is still using it now"},
        {"PUT", "consumers/jack/credentials/1", "{\"plugins\":{\"key-auth\":{\"key\":\"one\"}}}",
         201, "\"key\":\"/apisix/consumers/jack/credentials/1\""},
        {"PUT", "consumers/jack/credentials/2", "{\"plugins\":{\"mark\":{\"text\":\"a\"}}}", 400,
         "{\"error_msg\":\"only supports auth type plugins in consumer credential\""},
        {"PUT", "consumers/jack/credentials/2", "{\"plugins\":{\"key-auth\":{}}}", 400,
         "invalid plugins configuration: failed to check the configuration of plugin key-auth "
         "err: property \\\"key\\\" is required"},
        {"PUT", "consumers/jack/credentials/2", "{\"plugins\":{\"none\":{}}}", 400,
         "invalid plugins configuration: unknown plugin [none]"},
        {"PUT", "consumers", "{\"username\":\"jill\",\"plugins\":{\"key-auth\":{\"key\":\"one\"}}}",
         400, "duplicate key of plugin key-auth found with credential: 1 of consumer: jack"},
        {"GET", "consumers/jack/credentials", NULL, 200, "{\"total\":1,"},
        {"GET", "consumers/nobody/credentials", NULL, 404,
         "{\"error_msg\":\"consumer not found\"}"},
        {"PUT", "global_rules/1", "{\"plugins\":{\"mark\":{\"text\":\"global\"}}}", 201, ""},
        {"PUT", "global_rules/2", "{\"plugins\":{\"mark\":{\"text\":\"global\"}}}", 400,
         "plugin 'mark' already exists in global rule with id '1'"},
        {"PATCH", "global_rules/1", "{\"plugins\":{\"mark\":{\"text\":\"all\"}}}", 200, "all"},
        {"DELETE", "global_rules/1", NULL, 200, "\"deleted\":\"1\""},
        {"PUT", "plugin_metadata/mark", "{\"color\":\"red\"}", 201,
         "\"value\":{\"color\":\"red\",\"id\":\"mark\"}"},
        {"PUT", "plugin_metadata/none", "{}", 400, "{\"error_msg\":\"invalid plugin name\""},
        {"PATCH", "plugin_metadata/mark", "{}", 405, "not supported `PATCH` method"},
        {"DELETE", "plugin_metadata/mark", NULL, 200, ""},
        {"PUT", "routes/kept",
         "{\"uri\":\"/kept\",\"plugin_config_id\":\"p\",\"upstream_id\":"
         "\"origin\"}",
         201, ""},
        {"DELETE", "plugin_configs/p", NULL, 400,
         "can not delete this plugin config, route [kept] is still using it now"},
        {"GET", "routes?name=^nil$&uri=kept", NULL, 200, "{\"total\":1,"},
        {"GET", "routes?filter=upstream_id%3Dorigin%26service_id%3Dx", NULL, 200, "{\"total\":0,"},
        {"POST", "schema/validate/routes", "{\"uri\":\"/a\",\"plugins\":{}}", 200, ""},
        {"POST", "schema/validate/routes", "{\"uri\":1}", 400, "wrong type: expected string"},
        {"GET", "schema/credential", NULL, 200, "\"maxProperties\":1"},
        {"GET", "plugins?all=true", NULL, 200, "\"key-auth\":{"},
        {"GET", "plugins/list", NULL, 200, "\"key-auth\""},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        expect(cases[i].method, cases[i].path, cases[i].body, cases[i].status, cases[i].part);
    }
}

static void a_credential_counts_until_it_is_deleted(void **state)
{
    (void)state;
    gateway_put(running, "routes/closed",
                "{\"uri\": \"/closed\", \"plugins\": {\"key-auth\": {}}, \"upstream_id\":"
                " \"origin\"}");
    gateway_put(running, "consumers/joe", "{\"username\": \"joe\"}");
    expect_status("/closed", "apikey: joes\r\n", 401);
    gateway_put(running, "consumers/joe/credentials/a",
                "{\"plugins\": {\"key-auth\": {\"key\": \"joes\"}}}");
    expect_status("/closed", "apikey: joes\r\n", 200);
    gateway_delete(running, "consumers/joe/credentials/a");
    expect_status("/closed", "apikey: joes\r\n", 401);
    gateway_put(running, "consumers/joe/credentials/b",
                "{\"plugins\": {\"key-auth\": {\"key\": \"joes\"}}}");
    expect_status("/closed", "apikey: joes\r\n", 200);
    gateway_delete(running, "consumers/joe"); /* its credentials go with it */
    expect_status("/closed", "apikey: joes\r\n", 401);
    gateway_put(running, "consumers/joe", "{\"username\": \"joe\"}");
    expect_status("/closed", "apikey: joes\r\n", 401);
}

static void wait_until_gone(const char *target)
{
    time_t end = time(NULL) + EXPIRY_S;

    do {
        http_get(running->port, target, "", &got);
        if (got.status != 404) {
            (void)poll(NULL, 0, 20);
        }
    } while (got.status != 404 && time(NULL) < end);
    assert_int_equal(got.status, 404);
}

static void an_object_with_a_time_to_live_leaves_the_workers(void **state)
{
    (void)state;
    expect("PUT", "routes/short?ttl=1", "{\"uri\":\"/short\",\"upstream_id\":\"origin\"}", 201, "");
    expect("PUT", "routes/long?ttl=1", "{\"uri\":\"/long\",\"upstream_id\":\"origin\"}", 201, "");
    expect("PUT", "routes/long", "{\"uri\":\"/long\",\"upstream_id\":\"origin\"}", 200, "");
    wait_until_gone("/short");
    expect("GET", "routes/short", NULL, 404, "Key not found");
    expect_status("/long", "", 200); /* permanent by its second write */
}

static void a_time_to_live_outlives_a_restart(void **state)
{
    (void)state;
    expect("PUT", "routes/short?ttl=2", "{\"uri\":\"/short\",\"upstream_id\":\"origin\"}", 201, "");
    assert_int_equal(gateway_stop(running, SIGTERM), 0);
    gateway_start(running);
    wait_until_gone("/short");
    expect("GET", "routes/short", NULL, 404, "Key not found");
    expect_status("/long", "", 200);
}

/* Every writer has a request under way on a connection of its own before any answer is read. */
static void writers_of_one_object_all_take_their_turn(void **state)
{
    connection *writers = calloc(WRITERS, sizeof(*writers));
    json_int_t before;
    admin_reply reply;
    int created = 0;

    (void)state;
    expect("PUT", "services/one", "{\"desc\":\"-1\"}", 201, "");
    reply = gateway_admin(running, "GET", "services/one", NULL);
    before = json_integer_value(json_object_get(reply.json, "modifiedIndex"));
    admin_reply_done(&reply);
    for (int i = 0; i < WRITERS; i++) {
        assert_true(connection_open(&writers[i], running->admin_port));
    }
    for (int round = 0; round < WRITES; round++) {
        for (int i = 0; i < WRITERS; i++) {
            char body[64];
            char request[400];
            int length = snprintf(body, sizeof(body), "{\"desc\":\"%d\"}", round * WRITERS + i);

            length = snprintf(request, sizeof(request),
                              "PUT /apisix/admin/services/one HTTP/1.1\r\nHost: a\r\n"
                              "X-API-KEY: " GATEWAY_KEY "\r\nContent-Length: %d\r\n\r\n%s",
                              length, body);
            assert_true(connection_send(&writers[i], request, (size_t)length));
        }
        for (int i = 0; i < WRITERS; i++) {
            char part[64];

            assert_true(connection_receive(&writers[i], false, &got));
            (void)snprintf(part, sizeof(part), "\"desc\":\"%d\"", round * WRITERS + i);
            assert_non_null(strstr(got.body, part)); /* each is answered with its own object */
            created += got.status == 201 ? 1 : 0;
            assert_true(got.status == 200 || got.status == 201);
        }
    }
    assert_int_equal(created, 0);
    reply = gateway_admin(running, "GET", "services/one", NULL);
    assert_int_equal(json_integer_value(json_object_get(reply.json, "modifiedIndex")),
                     before + (json_int_t)WRITERS * WRITES);
    admin_reply_done(&reply);
    for (int i = 0; i < WRITERS; i++) {
        connection_close(&writers[i]);
    }
    free(writers);
}

static void clients_that_dawdle_hold_up_nobody(void **state)
{
    static const char head[] = "PUT /apisix/admin/services/slow HTTP/1.1\r\nHost: a\r\n"
                               "X-API-KEY: " GATEWAY_KEY "\r\nContent-Length: 1000\r\n\r\n{";
    connection *slow = calloc(SLOW_CLIENTS, sizeof(*slow));

    (void)state;
    for (int i = 0; i < SLOW_CLIENTS; i++) {
        size_t length = i % 2 == 0 ? sizeof(head) - 1 : 20; /* amid the body, amid the head */

        assert_true(connection_open(&slow[i], running->admin_port));
        assert_true(connection_send(&slow[i], head, length));
    }
    for (int i = 0; i < 20; i++) {
        expect("PUT", "services/quick", "{}", i == 0 ? 201 : 200, "");
    }
    for (int i = 0; i < SLOW_CLIENTS; i++) {
        connection_close(&slow[i]);
    }
    expect("GET", "services/slow", NULL, 404, "Key not found"); /* nothing half-written */
    free(slow);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_method_of_each_kind_answers),
        cmocka_unit_test(a_credential_counts_until_it_is_deleted),
        cmocka_unit_test(an_object_with_a_time_to_live_leaves_the_workers),
        cmocka_unit_test(a_time_to_live_outlives_a_restart),
        cmocka_unit_test(writers_of_one_object_all_take_their_turn),
        cmocka_unit_test(clients_that_dawdle_hold_up_nobody),
    };

    return report(cmocka_run_group_tests(tests, set_up, tear_down));
}
