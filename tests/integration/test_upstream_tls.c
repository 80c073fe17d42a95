/* tests/integration/test_upstream_tls.c - certificates shown to upstreams, connections kept to
 * them.
 *
 * The upstream with TLS is the gateway's own listener, which asks for client certificates.
 */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/integration/certificates.h"
#include "tests/integration/command.h"
#include "tests/integration/gateway.h"
#include "tests/integration/origin.h"
#include "tests/unit/unit.h"

static gateway *running;
static origin *upstream;
static char *folder;
static char *trust;
static response got;

static void put_json(const char *key, json_t *value)
{
    char *text = json_dumps(value, JSON_COMPACT);

    assert_non_null(text);
    gateway_put(running, key, "%s", text);
    json_decref(value);
    free(text);
}

static int set_up(void **state)
{
    json_t *mutual;

    (void)state;
    upstream = origin_start();
    folder = authority_make();
    certificate_make(folder, "m", "ec", "DNS:m.example");
    certificate_make(folder, "client", "ec", NULL);
    certificate_make(folder, "other", "rsa", NULL);
    shell("cd '%s' && openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes "
          "-keyout stranger.key -out stranger.pem -days 2 -subj /CN=stranger 2>/dev/null && "
          "chmod 755 . && chmod 644 ca.pem",
          folder);
    trust = text_format("ssl_trusted_certificate: %s/ca.pem", folder);
    running = gateway_run(&(gateway_options){.workers = 1, .ssl = trust});
    mutual = certificate_json(folder, "m");
    (void)json_object_set_new(mutual, "snis", json_pack("[s, s]", "m.example", "wrong.example"));
    (void)json_object_set_new(mutual, "client",
                              json_pack("{s:o}", "ca", pem_json(folder, "ca.pem")));
    put_json("ssls/mutual", mutual);
    gateway_put(running, "routes/behind",
                "{\"uri\": \"/*\", \"hosts\": [\"m.example\", \"wrong.example\"], \"upstream\":"
                " {\"nodes\": {\"127.0.0.1:%u\": 1}}}",
                origin_port(upstream));
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    response_done(&got);
    gateway_free(running);
    origin_stop(upstream);
    folder_remove(folder);
    free(trust);
    return 0;
}

/* The route for all other hosts, to the gateway's own TLS listener. Takes `tls` over. */
static void put_front(const char *host, json_t *tls)
{
    char *node = text_format("127.0.0.1:%u", running->tls_port);
    json_t *front = json_pack("{s:s, s:{s:{s:i}, s:s, s:s, s:s, s:i}}", "uri", "/*", "upstream",
                              "nodes", node, 1, "scheme", "https", "pass_host", "rewrite",
                              "upstream_host", host, "retries", 0);

    assert_non_null(front);
    if (tls != NULL) {
        (void)json_object_set_new(json_object_get(front, "upstream"), "tls", tls);
    }
    put_json("routes/front", front);
    free(node);
}

static int status_of(void)
{
    http_get(running->port, "/", "", &got);
    return got.status;
}

static json_t *inline_certificate(const char *name)
{
    json_t *pair = certificate_json(folder, name);
    json_t *tls = json_pack("{s:O, s:O}", "client_cert", json_object_get(pair, "cert"),
                            "client_key", json_object_get(pair, "key"));

    json_decref(pair);
    return tls;
}

static void put_client(const char *name)
{
    json_t *client = certificate_json(folder, name);

    (void)json_object_set_new(client, "type", json_string("client"));
    put_json("ssls/client", client);
}

static void certificate_of_the_upstream_is_shown(void **state)
{
    (void)state;
    put_front("m.example", NULL);
    assert_int_equal(status_of(), 502);
    put_front("m.example", inline_certificate("client"));
    for (unsigned i = 0; i < 4; i++) {
        assert_int_equal(status_of(), 200);
    }
    put_front("m.example", inline_certificate("stranger"));
    assert_int_equal(status_of(), 502); /* no kept connection of the good one is used */
    put_front("m.example", NULL);
    assert_int_equal(status_of(), 502);
}

static void certificate_is_taken_from_an_ssl(void **state)
{
    admin_reply reply;

    (void)state;
    put_client("client");
    put_front("m.example", json_pack("{s:s}", "client_cert_id", "client"));
    assert_int_equal(status_of(), 200);
    put_client("stranger"); /* in force with the next request */
    assert_int_equal(status_of(), 502);
    put_client("other");
    assert_int_equal(status_of(), 200);
    reply = gateway_admin(running, "DELETE", "ssls/client", NULL);
    assert_int_equal(reply.status, 400);
    assert_non_null(strstr(reply.text, "can not delete this ssl, route [front] is still using it"));
    admin_reply_done(&reply);
    reply = gateway_admin(running, "PUT", "upstreams/x",
                          "{\"nodes\": {}, \"tls\": {\"client_cert_id\": \"mutual\"}}");
    assert_int_equal(reply.status, 400);
    assert_non_null(strstr(reply.text, "wrong ssl type"));
    admin_reply_done(&reply);
    reply = gateway_admin(running, "DELETE", "ssls/client?force=true", NULL);
    assert_int_equal(reply.status, 200);
    admin_reply_done(&reply);
    assert_int_equal(status_of() / 100, 5);
    put_client("client");
    assert_int_equal(status_of(), 200);
}

static void certificate_of_a_node_is_checked_if_wanted(void **state)
{
    json_t *tls = inline_certificate("client");

    (void)state;
    (void)json_object_set_new(tls, "verify", json_true());
    put_front("m.example", json_incref(tls));
    assert_int_equal(status_of(), 200);
    put_front("wrong.example", json_incref(tls)); /* not a name of that certificate */
    assert_int_equal(status_of(), 502);
    (void)json_object_set_new(tls, "verify", json_false());
    put_front("wrong.example", tls);
    assert_int_equal(status_of(), 200);
}

static void key_is_hidden_from_a_viewer(void **state)
{
    admin_reply reply;
    char *path;

    (void)state;
    put_front("m.example", inline_certificate("client"));
    path = text_format("routes/front?api_key=%s-viewer", GATEWAY_KEY);
    reply = gateway_admin(running, "GET", path, NULL);
    assert_int_equal(reply.status, 200);
    assert_null(strstr(reply.text, "PRIVATE KEY"));
    admin_reply_done(&reply);
    free(path);
}

/* The same listener speaks HTTP/2: that is what gRPC is carried by. */
static void grpcs_reaches_a_node_by_http_2(void **state)
{
    char *node = text_format("127.0.0.1:%u", running->tls_port);
    json_t *front = json_pack("{s:s, s:{s:{s:i}, s:s, s:s, s:s, s:o}}", "uri", "/*", "upstream",
                              "nodes", node, 1, "scheme", "grpcs", "pass_host", "rewrite",
                              "upstream_host", "m.example", "tls", inline_certificate("client"));

    (void)state;
    put_json("routes/front", front);
    assert_int_equal(status_of(), 200);
    assert_non_null(strstr(got.body, "m.example"));
    gateway_wait_log(running, "logs/access.log", "\"GET / HTTP/2.0\" 200");
    gateway_wait_log(running, "logs/access.log", "\"grpcs://m.example/\"");
    free(node);
}

/* -------------------------------------------------------------------------------- keepalive */

static json_int_t connection_used(const char *target)
{
    json_t *echo;
    json_int_t number;

    http_get(running->port, target, "", &got);
    assert_int_equal(got.status, 200);
    echo = json_loads(got.body, 0, NULL);
    number = json_integer_value(json_object_get(echo, "connection"));
    json_decref(echo);
    return number;
}

static void put_pool(const char *id, const char *uri, const char *pool)
{
    char *route = text_format("routes/%s", id);

    gateway_put(running, route,
                "{\"uri\": \"%s\", \"host\": \"localhost\", \"upstream\": {\"nodes\":"
                " {\"127.0.0.1:%u\": 1}%s}}",
                uri, origin_port(upstream), pool);
    free(route);
}

static void connection_serves_as_many_requests_as_its_pool_says(void **state)
{
    json_int_t used[6];

    (void)state;
    put_pool("pool", "/pool", ", \"keepalive_pool\": {\"requests\": 2}");
    for (size_t i = 0; i < ARRAY_SIZE(used); i++) {
        used[i] = connection_used("/pool");
    }
    assert_int_equal(used[0], used[1]);
    assert_int_not_equal(used[1], used[2]);
    assert_int_equal(used[2], used[3]);
    assert_int_not_equal(used[3], used[4]);
    assert_int_equal(used[4], used[5]);
}

static void idle_connection_ends_in_its_time(void **state)
{
    json_int_t used;

    (void)state;
    put_pool("pool", "/pool", ", \"keepalive_pool\": {\"idle_timeout\": 0.3}");
    used = connection_used("/pool");
    assert_int_equal(connection_used("/pool"), used);
    (void)poll(NULL, 0, 700); /* twice its time */
    assert_int_not_equal(connection_used("/pool"), used);
}

static void pools_of_two_upstreams_are_apart(void **state)
{
    json_int_t one;
    json_int_t other;

    (void)state;
    put_pool("pool", "/pool", ", \"keepalive_pool\": {}");
    put_pool("second", "/second", ", \"keepalive_pool\": {}");
    put_pool("third", "/third", "");
    one = connection_used("/pool");
    other = connection_used("/second");
    assert_int_not_equal(one, other);
    assert_int_not_equal(connection_used("/third"), one);
    assert_int_equal(connection_used("/pool"), one);
    assert_int_equal(connection_used("/second"), other);
}

/* Of two connections at a time only one is kept. */
static void no_more_are_kept_than_its_size(void **state)
{
    static const char slow[] = "GET /pool?delay=300 HTTP/1.1\r\nHost: localhost\r\n\r\n";
    connection both[2] = {{.fd = -1}, {.fd = -1}};
    connection again[2] = {{.fd = -1}, {.fd = -1}};
    json_int_t highest = 0;
    unsigned fresh = 0;

    (void)state;
    put_pool("pool", "/pool", ", \"keepalive_pool\": {\"size\": 1}");
    for (size_t i = 0; i < 2; i++) {
        assert_true(connection_open(&both[i], running->port));
        assert_true(connection_send(&both[i], slow, sizeof(slow) - 1));
    }
    for (size_t i = 0; i < 2; i++) {
        json_t *echo;
        json_int_t number;

        assert_true(connection_receive(&both[i], false, &got));
        echo = json_loads(got.body, 0, NULL);
        number = json_integer_value(json_object_get(echo, "connection"));
        highest = number > highest ? number : highest;
        json_decref(echo);
        connection_close(&both[i]);
    }
    for (size_t i = 0; i < 2; i++) {
        assert_true(connection_open(&again[i], running->port));
        assert_true(connection_send(&again[i], slow, sizeof(slow) - 1));
    }
    for (size_t i = 0; i < 2; i++) {
        json_t *echo;

        assert_true(connection_receive(&again[i], false, &got));
        echo = json_loads(got.body, 0, NULL);
        fresh += json_integer_value(json_object_get(echo, "connection")) > highest;
        json_decref(echo);
        connection_close(&again[i]);
    }
    assert_int_equal(fresh, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(certificate_of_the_upstream_is_shown),
        cmocka_unit_test(certificate_is_taken_from_an_ssl),
        cmocka_unit_test(certificate_of_a_node_is_checked_if_wanted),
        cmocka_unit_test(key_is_hidden_from_a_viewer),
        cmocka_unit_test(grpcs_reaches_a_node_by_http_2),
        cmocka_unit_test(connection_serves_as_many_requests_as_its_pool_says),
        cmocka_unit_test(idle_connection_ends_in_its_time),
        cmocka_unit_test(pools_of_two_upstreams_are_apart),
        cmocka_unit_test(no_more_are_kept_than_its_size),
    };

    return report(cmocka_run_group_tests(tests, set_up, tear_down));
}
