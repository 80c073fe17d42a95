/* tests/integration/test_routing.c - which route a real request gets. */
#include <stdio.h>
#include <stdlib.h>

#include "tests/integration/author.h"
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

/* A route that names itself in X-Mark. members: further ones of its JSON. */
static void route_put(const char *id, const char *members)
{
    char key[64];

    (void)snprintf(key, sizeof(key), "routes/%s", id);
    gateway_put(running, key,
                "{%s, \"plugins\": {\"mark\": {\"text\": \"%s\"}},"
                " \"upstream\": {\"nodes\": {\"127.0.0.1:%u\": 1}}}",
                members, id, origin_port(upstream));
}

static void expect_route(const char *target, const char *headers, const char *id)
{
    const char *mark;

    http_get(running->port, target, headers, &got);
    mark = got.status == 200 ? response_header(&got, "X-Mark") : "";
    if (mark == NULL || strcmp(mark, id) != 0) {
        fail_msg("%s %s: got route \"%s\" with %d, wanted \"%s\"", target, headers,
                 mark == NULL ? "" : mark, got.status, id);
    }
}

typedef struct vars_case {
    const char *vars;
    const char *target; /* behind /vars */
    const char *headers;
    bool taken;
} vars_case;

static void vars_decide_about_a_route(void **state)
{
    static const vars_case cases[] = {
        {"[[\"arg_v\",\"==\",\"a b\"]]", "?v=a%20b", "", true},
        {"[[\"arg_v\",\"==\",\"a b\"]]", "?v=a+b", "", true},
        {"[[\"arg_v\",\"==\",\"a b\"]]", "?v=a", "", false},
        {"[[\"arg_v\",\"==\",2]]", "?w=2&v=2.0", "", true},
        {"[[\"arg_v\",\"!\",\"<\",10]]", "", "", true},
        {"[[\"arg_v\",\"!\",\"<\",10]]", "?v=9", "", false},
        {"[[\"arg_v\",\"==\",true]]", "?v", "", true},
        {"[[\"arg_v\",\"==\",true]]", "?v=", "", false},
        {"[[\"arg_v\",\"==\",null]]", "?w=1", "", true},
        {"[[\"arg_v\",\"in\",[\"1\",\"2\"]]]", "?v=2", "", true},
        {"[[\"http_x_version\",\"~~\",\"^v[23]$\"]]", "", "X-Version: v3\r\n", true},
        {"[[\"http_x_version\",\"~~\",\"^v[23]$\"]]", "", "X-Version: V3\r\n", false},
        {"[[\"http_x_version\",\"~*\",\"^v[23]$\"]]", "", "X-Version: V3\r\n", true},
        {"[[\"cookie_group\",\"==\",\"beta\"]]", "", "Cookie: a=1; group=beta\r\n", true},
        {"[[\"cookie_group\",\"==\",\"beta\"]]", "", "Cookie: group=alpha\r\n", false},
        {"[[\"remote_addr\",\"ipmatch\",[\"::1\",\"127.0.0.0/8\"]]]", "", "", true},
        {"[[\"remote_addr\",\"!\",\"ipmatch\",\"127.0.0.0/8\"]]", "", "", false},
        {"[[\"request_method\",\"==\",\"GET\"],[\"method\",\"==\",\"GET\"]]", "", "", true},
        {"[[\"uri\",\"~~\",\"^/vars$\"],[\"scheme\",\"==\",\"http\"]]", "", "", true},
        {"[\"OR\",[\"arg_a\",\"==\",\"1\"],[\"!AND\",[\"arg_b\",\"==\",\"1\"],[\"arg_c\",\"==\","
         "\"1\"]]]",
         "?b=1&c=1", "", false},
        {"[\"OR\",[\"arg_a\",\"==\",\"1\"],[\"!AND\",[\"arg_b\",\"==\",\"1\"],[\"arg_c\",\"==\","
         "\"1\"]]]",
         "?b=1", "", true},
        {"[[\"route_id\",\"==\",null],[\"consumer_name\",\"==\",null]]", "", "", true},
    };

    (void)state;
    route_put("otherwise", "\"uri\": \"/vars\"");
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        char members[512];
        char target[64];

        (void)snprintf(members, sizeof(members),
                       "\"uri\": \"/vars\", \"priority\": 1, \"vars\": %s", cases[i].vars);
        (void)snprintf(target, sizeof(target), "/vars%s", cases[i].target);
        route_put("conditional", members);
        expect_route(target, cases[i].headers, cases[i].taken ? "conditional" : "otherwise");
    }
    gateway_delete(running, "routes/conditional");
    gateway_delete(running, "routes/otherwise");
}

static void a_wrong_expression_is_refused_with_all_that_is_wrong(void **state)
{
    admin_reply reply = gateway_admin(running, "PUT", "routes/wrong",
                                      "{\"uri\": \"/a\", \"plugins\": {}, \"vars\":"
                                      " [[\"arg_a\",\"*=\",\"1\"],\"OR\",[\"b\",\"~~\",\"(\"]]}");

    (void)state;
    assert_int_equal(reply.status, 400);
    assert_string_equal(json_string_value(json_object_get(reply.json, "error_msg")),
                        "failed to validate the 'vars' expression: invalid operator '*='");
    assert_int_equal(json_array_size(json_object_get(reply.json, "errors")), 3);
    admin_reply_done(&reply);
    reply = gateway_admin(running, "GET", "routes/wrong", NULL);
    assert_int_equal(reply.status, 404);
    admin_reply_done(&reply);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(vars_decide_about_a_route),
        cmocka_unit_test(a_wrong_expression_is_refused_with_all_that_is_wrong),
    };

    return report(cmocka_run_group_tests(tests, set_up, tear_down));
}
