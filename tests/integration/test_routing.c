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

/* headers: with Host, or without any. */
static void get(const char *target, const char *headers)
{
    connection client;
    char request[512];
    int length = snprintf(request, sizeof(request), "GET %s HTTP/1.1\r\n%s%s\r\n", target, headers,
                          strncmp(headers, "Host:", 5) == 0 ? "" : "Host: localhost\r\n");

    if (!connection_open(&client, running->port) ||
        !connection_send(&client, request, (size_t)length) ||
        !connection_receive(&client, false, &got)) {
        fail_msg("%s: %s", target, client.error);
    }
    connection_close(&client);
}

static void expect_route(const char *target, const char *headers, const char *id)
{
    const char *mark;

    get(target, headers);
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

static void expect_table(const char *table[][3], size_t count)
{
    for (size_t i = 0; i < count; i++) {
        expect_route(table[i][0], table[i][1], table[i][2]);
    }
}

#define HOST(name) "Host: " name "\r\n"

static void the_host_is_decided_first(void **state)
{
    static const char *table[][3] = {
        {"/h/a", HOST("a.foo.com"), "exact"},
        {"/h/b", HOST("a.foo.com"), "exact"},
        {"/h/a", HOST("A.Foo.Com:1234"), "exact"},
        {"/h/a", HOST("b.foo.com"), "suffix"},
        {"/h/a", HOST("c.b.foo.com"), "suffix"},
        {"/h/a", HOST("foo.com"), "none"},
        {"/h/b", HOST("foo.com"), ""},
        {"/h/a", HOST("x.org"), "none"},
    };

    (void)state;
    route_put("exact", "\"uri\": \"/h/*\", \"hosts\": [\"a.foo.com\", \"z.foo.com\"]");
    route_put("suffix", "\"uri\": \"/h/a\", \"host\": \"*.foo.com\", \"priority\": 9");
    route_put("none", "\"uri\": \"/h/a\", \"priority\": 99");
    expect_table(table, ARRAY_SIZE(table));
}

static void exact_paths_beat_longer_and_shorter_prefixes(void **state)
{
    static const char *table[][3] = {
        {"/p/a", "", "path"},      {"/p/a/", "", "long"},    {"/p/a/b", "", "long"},
        {"/p/b", "", "short"},     {"/p/%61", "", "path"},   {"/p//a", "", "path"},
        {"/p/x/../a", "", "path"}, {"/p/a%2Fb", "", "long"}, {"/p/A", "", "short"},
    };

    (void)state;
    route_put("path", "\"uris\": [\"/p/a\", \"/p/other\"]");
    route_put("long", "\"uri\": \"/p/a*\", \"priority\": 5");
    route_put("short", "\"uri\": \"/p/*\", \"priority\": 50");
    expect_table(table, ARRAY_SIZE(table));
}

static void priority_status_and_addresses_decide_within_a_path(void **state)
{
    (void)state;
    route_put("low", "\"uri\": \"/q\"");
    route_put("high", "\"uri\": \"/q\", \"priority\": 1");
    expect_route("/q", "", "high");
    route_put("high", "\"uri\": \"/q\", \"priority\": 1, \"status\": 0");
    expect_route("/q", "", "low");
    route_put("high", "\"uri\": \"/q\", \"priority\": 1, \"methods\": [\"POST\"]");
    expect_route("/q", "", "low");
    route_put("high", "\"uri\": \"/q\", \"priority\": 1, \"remote_addr\": \"10.0.0.0/8\"");
    expect_route("/q", "", "low");
    route_put("high", "\"uri\": \"/q\", \"priority\": 1,"
                      " \"remote_addrs\": [\"10.0.0.0/8\", \"127.0.0.0/24\"]");
    expect_route("/q", "", "high");
}

static void what_is_not_there_is_refused_when_it_is_written(void **state)
{
    static const char *const members[] = {"service_id", "upstream_id", "plugin_config_id"};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(members); i++) {
        char body[128];
        admin_reply reply;

        (void)snprintf(body, sizeof(body), "{\"uri\": \"/m\", \"plugins\": {}, \"%s\": \"none\"}",
                       members[i]);
        reply = gateway_admin(running, "PUT", "routes/m", body);
        if (reply.status != 400 || strstr(reply.text, "response code: 404") == NULL) {
            fail_msg("%s: %ld %s", members[i], reply.status, reply.text);
        }
        admin_reply_done(&reply);
    }
}

static void what_has_gone_missing_is_told_at_run_time(void **state)
{
    static const struct {
        const char *member; /* of the route */
        const char *object; /* deleted although it is used */
        const char *value;
        int status;
        const char *line;
    } cases[] = {
        {"service_id", "services/gone", "{\"upstream\": {\"nodes\": {}}}", 404,
         "route gone: service gone is not there"},
        {"upstream_id", "upstreams/gone", "{\"nodes\": {}}", 502,
         "route gone: upstream gone is not there"},
        {"plugin_config_id", "plugin_configs/gone", "{\"plugins\": {}}", 503,
         "route gone: plugin config gone is not there"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        char path[64];
        admin_reply reply;

        gateway_put(running, cases[i].object, "%s", cases[i].value);
        gateway_put(running, "routes/gone", "{\"uri\": \"/gone\", \"%s\": \"gone\"%s}",
                    cases[i].member, i == 2 ? ", \"plugins\": {}" : "");
        (void)snprintf(path, sizeof(path), "%s?force=true", cases[i].object);
        reply = gateway_admin(running, "DELETE", path, NULL);
        assert_int_equal(reply.status, 200);
        admin_reply_done(&reply);
        get("/gone", "");
        assert_int_equal(got.status, cases[i].status);
        gateway_wait_log(running, "logs/error.log", cases[i].line);
    }
    gateway_delete(running, "routes/gone");
}

static void a_lua_filter_is_refused_with_what_to_write_instead(void **state)
{
    admin_reply reply = gateway_admin(running, "PUT", "routes/f",
                                      "{\"uri\": \"/f\", \"plugins\": {},"
                                      " \"filter_func\": \"function(vars) return true end\"}");

    (void)state;
    assert_int_equal(reply.status, 400);
    assert_non_null(strstr(reply.text, "no Lua function: match by uri, host, methods"));
    admin_reply_done(&reply);
}

/* Runs a test with a gateway of its own, whose `apisix:` has these members. */
static void with_settings(const char *apisix, void (*test)(void))
{
    gateway_options options = {.apisix = apisix, .workers = 1};
    gateway *shared = running;

    running = gateway_make(&options);
    author_install(running, "mark", "mark", "");
    gateway_start(running);
    test();
    gateway_free(running);
    running = shared;
}

static void expect_uri_first(void)
{
    static const char *table[][3] = {
        {"/a", HOST("a.foo.com"), "path"},
        {"/b", HOST("a.foo.com"), "host"},
        {"/b", HOST("b.foo.com"), ""},
        {"/p", HOST("foo.com:8080"), "port"},
        {"/p", HOST("FOO.com:8080"), "port"},
        {"/p", HOST("foo.com:8081"), ""},
        {"/p", HOST("foo.com"), ""},
        {"/p", HOST("[::1]:80"), "port"},
        {"/p", HOST("x.bar.com:1"), "port"},
        {"/p", HOST("x.bar.com:11"), ""},
        {"/u/:id", HOST("foo.com"), "literal"},
        {"/u/7", HOST("foo.com"), ""},
    };

    route_put("host", "\"uri\": \"/*\", \"host\": \"a.foo.com\", \"priority\": 9");
    route_put("path", "\"uri\": \"/a\"");
    route_put("port", "\"uri\": \"/p\", \"hosts\": [\"foo.com:8080\", \"[::1]:80\","
                      " \"*.bar.com:1\"]");
    route_put("literal", "\"uri\": \"/u/:id\"");
    expect_table(table, ARRAY_SIZE(table));
}

static void the_uri_can_be_decided_first(void **state)
{
    (void)state;
    with_settings("router: {http: radixtree_uri}", expect_uri_first);
}

static void expect_parameters(void)
{
    static const char *table[][3] = {
        {"/u/7", "", "number"}, {"/u/x", "", "word"},     {"/u/x/y", "", ""},
        {"/u/", "", ""},        {"/v/7/w", "", "middle"}, {"/v/8/w", "", ""},
        {"/s/a/b", "", "star"}, {"/s/x", "", ""},         {"/u/fixed", "", "fixed"},
    };

    route_put("number", "\"uri\": \"/u/:id\", \"priority\": 1,"
                        " \"vars\": [[\"uri_param_id\", \"~~\", \"^[0-9]+$\"]]");
    route_put("word", "\"uri\": \"/u/:name\"");
    route_put("fixed", "\"uri\": \"/u/fixed\"");
    route_put("middle", "\"uri\": \"/v/:a/w\", \"vars\": [[\"uri_param_a\", \"==\", 7]]");
    route_put("star", "\"uri\": \"/s/*rest\", \"vars\": [[\"uri_param_rest\", \"==\", \"a/b\"]]");
    expect_table(table, ARRAY_SIZE(table));
}

static void segments_can_be_parameters(void **state)
{
    (void)state;
    with_settings("router: {http: radixtree_uri_with_parameter}", expect_parameters);
}

static void expect_prepared_paths(void)
{
    static const char *table[][3] = {
        {"/a", "", "plain"},          {"/a/", "", "plain"},       {"/a;x=1", "", "plain"},
        {"/a;x=1/?y=2", "", "plain"}, {"/b;x/c;y", "", "below"},  {"/", "", "root"},
        {"/d%2fe", "", "encoded"},    {"/d%2Fe/", "", "encoded"}, {"/d/e", "", "decoded"},
        {"/d/%65", "", "decoded"},
    };
    json_t *echo;

    route_put("plain", "\"uri\": \"/a\", \"vars\": [[\"uri\", \"==\", \"/a\"]]");
    route_put("below", "\"uri\": \"/b/c\"");
    route_put("root", "\"uri\": \"/\"");
    route_put("encoded", "\"uri\": \"/d%2Fe\"");
    route_put("decoded", "\"uri\": \"/d/e\"");
    expect_table(table, ARRAY_SIZE(table));
    get("/a;x=1/?y=2", "");
    echo = json_loads(got.body, 0, NULL);
    assert_string_equal(json_string_value(json_object_get(echo, "target")), "/a;x=1/?y=2");
    json_decref(echo);
    get("/b/..;x/c", "");
    assert_int_equal(got.status, 400);
    gateway_wait_log(running, "logs/error.log", "failed to normalize: dot segment");
}

static void paths_are_prepared_as_the_configuration_says(void **state)
{
    (void)state;
    with_settings("delete_uri_tail_slash: true\n  normalize_uri_like_servlet: true\n"
                  "  match_uri_encoded_slash: true",
                  expect_prepared_paths);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(vars_decide_about_a_route),
        cmocka_unit_test(a_wrong_expression_is_refused_with_all_that_is_wrong),
        cmocka_unit_test(the_host_is_decided_first),
        cmocka_unit_test(exact_paths_beat_longer_and_shorter_prefixes),
        cmocka_unit_test(priority_status_and_addresses_decide_within_a_path),
        cmocka_unit_test(what_is_not_there_is_refused_when_it_is_written),
        cmocka_unit_test(what_has_gone_missing_is_told_at_run_time),
        cmocka_unit_test(a_lua_filter_is_refused_with_what_to_write_instead),
        cmocka_unit_test(the_uri_can_be_decided_first),
        cmocka_unit_test(segments_can_be_parameters),
        cmocka_unit_test(paths_are_prepared_as_the_configuration_says),
    };

    return report(cmocka_run_group_tests(tests, set_up, tear_down));
}
