/* tests/unit/engine/test_kit_body.c - variables that stand in a request's body, wherever they are
 * asked for. */
#include <string.h>

#include "tests/unit/engine/kit.h"

#define FORM  "Content-Type: application/x-www-form-urlencoded\n"
#define JSON  "Content-Type: application/json\n"
#define PARTS "Content-Type: multipart/form-data; boundary=b\n"

static void put(hg_test *test, const char *key, const char *json)
{
    hg_error err = HG_ERROR_INIT;

    if (hg_test_put(test, key, json, &err) != HG_OK) {
        fail_msg("%s: %s", key, err.text);
    }
}

static const hg_test_exchange *post(hg_test *test, const char *headers, const char *body)
{
    hg_test_log_clear(test);
    return hg_test_send(test,
                        &(hg_test_request){.method = "POST", .headers = headers, .body = body});
}

/* The log holds these lines, each once: "LINE|LINE". */
static void expect_lines(hg_test *test, const char *label, const char *lines)
{
    char copy[1024];
    char *state = NULL;

    (void)snprintf(copy, sizeof(copy), "%s", lines);
    for (char *line = strtok_r(copy, "|", &state); line != NULL;
         line = strtok_r(NULL, "|", &state)) {
        char whole[512];
        size_t count = 0;

        for (size_t i = 0; hg_test_log_line(test, i, NULL) != NULL; i++) {
            (void)snprintf(whole, sizeof(whole), ": %s", line);
            const char *end = strstr(hg_test_log_line(test, i, NULL), whole);

            count += end != NULL && end[strlen(whole)] == '\0';
        }
        if (count != 1) {
            for (size_t i = 0; hg_test_log_line(test, i, NULL) != NULL; i++) {
                print_message("log: %s\n", hg_test_log_line(test, i, NULL));
            }
            fail_msg("%s: \"%s\" is in the log %zu times", label, line, count);
        }
    }
}

/* Route 1 runs `plugin` with these variables, in JSON. */
static void route_variables(hg_test *test, const char *plugin, const char *config)
{
    char plugins[2048];

    (void)snprintf(plugins, sizeof(plugins), "{\"%s\": {%s}}", plugin, config);
    kit_route(test, plugins);
}

/* ----------------------------------------------------------------------------------- values */

static void variables_are_what_stands_in_the_body(void **state)
{
    static const struct {
        const char *label;
        const char *names;
        const char *headers;
        const char *body;
        const char *lines;
    } cases[] = {
        {"a form", "\"post_arg_a\",\"post_arg_b\",\"post_arg_c\",\"post_arg_d\",\"post_arg_A\"",
         FORM, "a=1+%32&a=3&b=&c",
         "rewrite post_arg_a=1 2|rewrite post_arg_b=|rewrite post_arg_c="
         "|rewrite post_arg_d is absent|rewrite post_arg_A is absent"},
        {"a form by paths", "\"post_arg.a\",\"post_arg.b\",\"post_arg.a[1]\",\"post_arg.x.y\"",
         FORM, "a=1&a=%22&b=2&x.y=3",
         "rewrite post_arg.a=[\"1\",\"\\\"\"]|rewrite post_arg.b=2|rewrite post_arg.a[1]=[\"\\\"\"]"
         "|rewrite post_arg.x.y is absent"},
        {"JSON",
         "\"post_arg.model\",\"post_arg.stream\",\"post_arg.off\",\"post_arg.top.p\",\"post_arg."
         "none\","
         "\"post_arg.id\",\"post_arg.list\",\"post_arg.top\",\"post_arg.list[*]\",\"post_arg_"
         "model\"",
         "Content-Type: Application/JSON; charset=utf-8\n",
         "{\"model\": \"g\\u00e9\", \"stream\": true, \"off\": false, \"top\": {\"p\": 0.70},"
         " \"none\": null, \"id\": 12345678901234567890, \"list\": [1, {\"a\": []}]}",
         "rewrite post_arg.model=g\xc3\xa9|rewrite post_arg.stream=true|rewrite post_arg.off=false"
         "|rewrite post_arg.top.p=0.7|rewrite post_arg.none is absent"
         "|rewrite post_arg.id=12345678901234567890|rewrite post_arg.list=[1,{\"a\":[]}]"
         "|rewrite post_arg.top={\"p\":0.70}|rewrite post_arg.list[*]=[1,{\"a\":[]}]"
         "|rewrite post_arg_model is absent"},
        {"parts", "\"post_arg.a\",\"post_arg.b\",\"post_arg_a\"", PARTS,
         "--b\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1\r\n"
         "--b\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n2\r\n--b--",
         "rewrite post_arg.a=2|rewrite post_arg.b is absent|rewrite post_arg_a is absent"},
        {"another type", "\"post_arg.a\",\"post_arg_a\"", "Content-Type: text/plain\n", "a=1",
         "rewrite post_arg.a is absent|rewrite post_arg_a is absent"},
        {"no type", "\"post_arg.a\",\"post_arg_a\"", NULL, "{\"a\":1}",
         "rewrite post_arg.a is absent|rewrite post_arg_a is absent"},
        {"no body", "\"post_arg.a\",\"post_arg_a\"", FORM, "",
         "rewrite post_arg.a is absent|rewrite post_arg_a is absent"},
        {"GraphQL", "\"graphql_name\",\"graphql_operation\",\"graphql_root_fields\"",
         "Content-Type: application/graphql\n", "mutation m {x: a {b} c}",
         "rewrite graphql_name=m|rewrite graphql_operation=mutation"
         "|rewrite graphql_root_fields=[\"a\",\"c\"]"},
        {"GraphQL without a name or a type",
         "\"graphql_name\",\"graphql_operation\",\"graphql_root_fields\"", NULL, "{a}",
         "rewrite graphql_name=|rewrite graphql_operation=query|rewrite "
         "graphql_root_fields=[\"a\"]"},
        {"GraphQL in JSON", "\"graphql_name\",\"graphql_operation\",\"post_arg.operationName\"",
         JSON, "{\"query\": \"subscription s\\n{a}\", \"operationName\": \"s\"}",
         "rewrite graphql_name=s|rewrite graphql_operation=subscription"
         "|rewrite post_arg.operationName=s"},
    };

    kit_load(*state, "variables");
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        char config[512];
        const hg_test_exchange *exchange;

        (void)snprintf(config, sizeof(config), "\"names\": [%s]", cases[i].names);
        route_variables(*state, "variables", config);
        exchange = post(*state, cases[i].headers, cases[i].body);
        if (exchange->status != 200 || strcmp(exchange->upstream_body, cases[i].body) != 0) {
            fail_msg("%s: %u", cases[i].label, exchange->status);
        }
        expect_lines(*state, cases[i].label, cases[i].lines);
        assert_int_equal(hg_test_log_count(*state, HG_LOG_WARN, ""), 0);
        assert_int_equal(hg_test_log_count(*state, HG_LOG_ERROR, ""), 0);
    }
}

static void graphql_of_a_get_stands_in_its_arguments(void **state)
{
    kit_load(*state, "variables");
    route_variables(
        *state, "variables",
        "\"names\": [\"graphql_name\", \"graphql_operation\", \"graphql_root_fields\"]");
    assert_int_equal(hg_test_get(*state, "/?query=query%20q+%7Ba%7D&query=x")->status, 200);
    expect_lines(*state, "GET",
                 "rewrite graphql_name=q|access graphql_operation=query"
                 "|rewrite graphql_root_fields=[\"a\"]");
    hg_test_log_clear(*state);
    assert_int_equal(hg_test_get(*state, "/")->status, 200);
    expect_lines(*state, "GET without", "rewrite graphql_name is absent");
    assert_int_equal(hg_test_log_count(*state, HG_LOG_ERROR, ""), 0);
}

static void what_cannot_be_read_is_told_once(void **state)
{
    static const struct {
        const char *label;
        const char *name;
        const char *headers;
        const char *body;
        int level;
        const char *line;
    } cases[] = {
        {"no JSON", "post_arg.a", JSON, "{\"a\":1", HG_LOG_WARN,
         "post_arg: the request's body is no JSON: byte 7: wanted \",\" or \"}\""},
        {"no parts", "post_arg.a", PARTS, "a=1", HG_LOG_WARN,
         "post_arg: the request's body is no multipart/form-data: byte 1: wanted a part that ends"},
        {"no GraphQL", "graphql_name", NULL, "AA", HG_LOG_ERROR,
         "failed to parse graphql: syntax error near line 1: wanted an operation or a fragment"},
        {"no GraphQL in JSON", "graphql_name", JSON, "{\"query\":7}", HG_LOG_ERROR,
         "failed to read graphql data, json body[query] is nil"},
        {"no JSON for GraphQL", "graphql_name", JSON, "{a}", HG_LOG_ERROR,
         "graphql: the request's body is no JSON: byte 2"},
        {"two operations", "graphql_root_fields", NULL, "query a {b} query c {d}", HG_LOG_WARN,
         "Multiple operations are not supported. Only the first one is handled"},
        {"deep JSON", "post_arg.a", JSON, NULL, HG_LOG_WARN,
         "post_arg: the request's body has too many values or too many within one another"},
    };
    char deep[2001];

    memset(deep, '[', sizeof(deep) - 1);
    deep[sizeof(deep) - 1] = '\0';
    kit_load(*state, "variables");
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        char config[512];

        (void)snprintf(config, sizeof(config),
                       "\"names\": [\"%s\", \"%s\"], \"when\": [[\"%s\", \"==\", \"1\"]]",
                       cases[i].name, cases[i].name, cases[i].name);
        route_variables(*state, "variables", config);
        assert_int_equal(
            post(*state, cases[i].headers, cases[i].body == NULL ? deep : cases[i].body)->status,
            200);
        if (hg_test_log_count(*state, cases[i].level, cases[i].line) != 1 ||
            hg_test_log_count(*state, HG_LOG_WARN, "") +
                    hg_test_log_count(*state, HG_LOG_ERROR, "") !=
                1) {
            fail_msg("%s: %zu lines", cases[i].label,
                     hg_test_log_count(*state, cases[i].level, cases[i].line));
        }
        expect_lines(*state, cases[i].label, "rewrite when=0|access when=0");
    }
}

/* ------------------------------------------------------------------------------ who may ask */

static void all_places_of_a_configuration_may_ask(void **state)
{
    static const struct {
        const char *label;
        const char *plugin;
        const char *config;
        const char *lines;
    } cases[] = {
        {"a name", "variables", "\"names\": [\"post_arg_a\"]",
         "rewrite post_arg_a=1|access post_arg_a=1|header_filter post_arg_a=1|log post_arg_a=1"},
        {"a template", "variables", "\"text\": \"<$post_arg_a ${post_arg.b} ${post_arg_c ?? 3}>\"",
         "rewrite text=<1 2 3>|log text=<1 2 3>"},
        {"an expression", "variables", "\"when\": [[\"post_arg_a\", \"==\", \"1\"]]",
         "rewrite when=1|log when=1"},
        {"one that does not hold", "variables", "\"when\": [[\"post_arg_a\", \"==\", \"2\"]]",
         "rewrite when=0"},
        {"a name written otherwise", "variables", "\"names\": [\"post\\u005farg_a\"]",
         "rewrite post_arg_a=1"},
        {"on a coroutine", "variables_wait", "\"names\": [\"post_arg_a\"]",
         "rewrite post_arg_a=1|access post_arg_a=1"},
        {"with the response first", "variables_late", "\"names\": [\"post_arg_a\"]",
         "header_filter post_arg_a=1|log post_arg_a=1"},
        {"a filter", "variables",
         "\"names\": [\"uri\"], \"_meta\": {\"filter\": [[\"post_arg_a\", \"==\", \"1\"]]}",
         "rewrite uri=/|access uri=/|log uri=/"},
        {"a filter on a coroutine", "variables_wait",
         "\"names\": [\"uri\"], \"_meta\": {\"filter\": [[\"post_arg_a\", \"==\", \"1\"]]}",
         "rewrite uri=/|access uri=/|log uri=/"},
        {"a filter with the response", "variables_late",
         "\"names\": [\"uri\"], \"_meta\": {\"filter\": [[\"post_arg_a\", \"==\", \"1\"]]}",
         "header_filter uri=/|log uri=/"},
    };

    kit_load(*state, "variables");
    kit_load(*state, "variables_late");
    kit_load(*state, "variables_wait");
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        route_variables(*state, cases[i].plugin, cases[i].config);
        assert_int_equal(post(*state, FORM, "a=1&b=2")->status, 200);
        expect_lines(*state, cases[i].label, cases[i].lines);
    }
}

static void a_filter_that_does_not_hold_keeps_its_plugin_away(void **state)
{
    static const char *const plugins[] = {"variables", "variables_wait", "variables_late"};

    for (size_t i = 0; i < ARRAY_SIZE(plugins); i++) {
        kit_load(*state, plugins[i]);
        route_variables(
            *state, plugins[i],
            "\"names\": [\"uri\"], \"_meta\": {\"filter\": [[\"post_arg_a\", \"==\", \"2\"]]}");
        assert_int_equal(post(*state, FORM, "a=1")->status, 200);
        assert_int_equal(hg_test_log_count(*state, HG_LOG_NOTICE, "uri=/"), 0);
    }
}

static void all_objects_that_bind_plugins_may_ask(void **state)
{
    kit_load(*state, "variables");
    kit_load(*state, "variables_late");
    kit_load(*state, "consumer");
    put(*state, "global_rules/g",
        "{\"plugins\": {\"variables\": {\"text\": \"global $post_arg_a\"},"
        " \"variables_late\": {\"text\": \"late $post_arg_a\"}}}");
    kit_route(*state, "{}");
    assert_int_equal(post(*state, FORM, "a=1")->status, 200);
    expect_lines(*state, "global rules",
                 "rewrite text=global 1|access text=global 1|header_filter text=late 1");
    hg_test_log_clear(*state);
    assert_int_equal(hg_test_delete(*state, "global_rules/g", NULL), HG_OK);

    put(*state, "plugin_metadata/variables", "{\"text\": \"shared $post_arg_a\"}");
    kit_route(*state, "{\"variables\": {}}");
    assert_int_equal(post(*state, FORM, "a=1")->status, 200);
    expect_lines(*state, "metadata", "rewrite metadata=shared 1|log metadata=shared 1");
    assert_int_equal(hg_test_delete(*state, "plugin_metadata/variables", NULL), HG_OK);
}

static void a_plugin_of_a_consumer_may_ask(void **state)
{
    kit_load(*state, "unit_auth");
    kit_load(*state, "variables");
    put(*state, "consumers/jack",
        "{\"username\": \"jack\", \"plugins\": {\"unit_auth\": {\"key\": \"k\"},"
        " \"variables\": {\"names\": [\"post_arg_a\"]}}}");
    kit_route(*state, "{\"unit_auth\": {}}");
    assert_int_equal(post(*state, FORM "Key: k\n", "a=1")->status, 200);
    expect_lines(*state, "consumer", "rewrite post_arg_a=1|access post_arg_a=1|log post_arg_a=1");
}

static void a_plugin_inside_another_may_ask(void **state)
{
    kit_load(*state, "delegate");
    kit_load(*state, "variables");
    kit_route(*state,
              "{\"delegate\": {\"inside\": [{\"variables\": {\"names\": [\"post_arg_a\"]}}]}}");
    assert_int_equal(post(*state, FORM, "a=1")->status, 200);
    expect_lines(*state, "inside", "rewrite post_arg_a=1|access post_arg_a=1");
}

/* ---------------------------------------------------------------------------------- waiting */

static void nobody_waits_for_a_body_that_nobody_asks_about(void **state)
{
    static const struct {
        const char *label;
        const char *config;
        const char *headers;
        bool waits;
    } cases[] = {
        {"nothing is asked", "\"names\": [\"uri\"]", FORM, false},
        {"a form's field of a form", "\"names\": [\"post_arg_a\"]", FORM, true},
        {"a form's field of JSON", "\"names\": [\"post_arg_a\"]", JSON, false},
        {"a path in JSON", "\"names\": [\"post_arg.a\"]", JSON, true},
        {"a path in a text", "\"names\": [\"post_arg.a\"]", "Content-Type: text/plain\n", false},
        {"GraphQL in a text", "\"names\": [\"graphql_name\"]", "Content-Type: text/plain\n", true},
        {"GraphQL in parts", "\"names\": [\"graphql_name\"]", PARTS, false},
        {"GraphQL in gRPC", "\"names\": [\"graphql_name\"]", "Content-Type: application/grpc\n",
         false},
    };

    kit_load(*state, "variables");
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        const hg_test_exchange *exchange;

        route_variables(*state, "variables", cases[i].config);
        exchange = hg_test_begin(*state, &(hg_test_request){.method = "POST",
                                                            .headers = cases[i].headers,
                                                            .body = "a=1",
                                                            .body_delay_ms = 500});
        if (exchange->ended == cases[i].waits) {
            fail_msg("%s: %s", cases[i].label, exchange->ended ? "has ended" : "waits");
        }
        hg_test_finish(*state, exchange);
        assert_int_equal(exchange->status, 200);
    }
}

static void a_client_that_goes_leaves_nothing(void **state)
{
    static const char *const plugins[] = {"variables", "variables_wait", "variables_late"};

    for (size_t i = 0; i < ARRAY_SIZE(plugins); i++) {
        const hg_test_exchange *exchange;

        kit_load(*state, plugins[i]);
        hg_test_log_clear(*state);
        route_variables(*state, plugins[i],
                        "\"names\": [\"uri\"], \"_meta\": {\"filter\": [[\"post_arg_a\", 1]]}");
        exchange = hg_test_begin(
            *state, &(hg_test_request){
                        .method = "POST", .headers = FORM, .body = "a=1", .body_delay_ms = 500});
        assert_false(exchange->ended);
        hg_test_cancel(*state, exchange);
        assert_true(exchange->ended);
        assert_int_equal(exchange->status, 499);
        assert_int_equal(exchange->tries, 0);
        assert_int_equal(hg_test_log_count(*state, HG_LOG_NOTICE, "rewrite uri"), 0);
        hg_test_advance(*state, 1000);
    }
}

static void a_body_that_breaks_off_is_answered(void **state)
{
    static const char *const plugins[] = {"variables", "variables_wait", "variables_late"};

    for (size_t i = 0; i < ARRAY_SIZE(plugins); i++) {
        const hg_test_exchange *exchange;

        kit_load(*state, plugins[i]);
        route_variables(*state, plugins[i], "\"names\": [\"post_arg_a\"]");
        hg_test_log_clear(*state);
        exchange = hg_test_send(
            *state, &(hg_test_request){
                        .method = "POST", .headers = FORM, .body = "a=1", .body_breaks_off = true});
        assert_int_equal(exchange->status, 400);
        assert_int_equal(exchange->tries, 0);
        expect_lines(*state, plugins[i], "log post_arg_a is absent");
    }
}

/* -------------------------------------------------------------------- plugins and the body */

static void a_plugin_may_read_the_body_itself(void **state)
{
    kit_load(*state, "variables_wait");
    route_variables(*state, "variables_wait", "\"reads\": true, \"names\": [\"post_arg_a\"]");
    assert_int_equal(post(*state, FORM, "a=1")->status, 200);
    expect_lines(*state, "read and asked", "rewrite body -> 0|rewrite post_arg_a=1");
}

static void variables_follow_what_the_client_sent(void **state)
{
    const hg_test_exchange *exchange;

    kit_load(*state, "variables");
    kit_load(*state, "variables_wait");
    kit_load(*state, "variables_late");
    route_variables(*state, "variables", "\"body\": \"a=2\", \"names\": [\"post_arg_a\"]");
    exchange = post(*state, FORM, "a=1");
    assert_string_equal(exchange->upstream_body, "a=2");
    expect_lines(*state, "replaced", "rewrite set -> 0|rewrite post_arg_a=1|log post_arg_a=1");

    kit_route(*state, "{\"variables_wait\": {\"reads\": true, \"body\": \"a=2\"},"
                      " \"variables_late\": {\"names\": [\"post_arg_a\"]}}");
    exchange = post(*state, FORM, "a=1");
    assert_string_equal(exchange->upstream_body, "a=2");
    expect_lines(*state, "read by another and replaced", "log post_arg_a=1");

    kit_route(*state, "{\"variables\": {\"body\": \"a=2\"},"
                      " \"variables_late\": {\"names\": [\"post_arg_a\"]}}");
    exchange = post(*state, FORM, "a=1");
    assert_string_equal(exchange->upstream_body, "a=2");
    expect_lines(*state, "replaced, and nobody has read it", "log post_arg_a is absent");
}

static void a_request_that_is_tried_again_is_read_once(void **state)
{
    const hg_test_exchange *exchange;

    kit_load(*state, "variables");
    kit_load(*state, "variables_late");
    hg_test_set_upstream(*state, &(hg_test_upstream){.failures = 1});
    kit_route(*state, "{\"variables\": {\"names\": [\"post_arg_a\"]},"
                      " \"variables_late\": {\"names\": [\"post_arg_b\"]}}");
    exchange = post(*state, FORM, "a=1&b=2");
    assert_int_equal(exchange->tries, 2);
    assert_string_equal(exchange->upstream_body, "a=1&b=2");
    expect_lines(*state, "retry", "log post_arg_a=1|log post_arg_b=2");
}

static void an_answer_of_a_plugin_leaves_late_ones_without_the_body(void **state)
{
    kit_load(*state, "unit_b");
    kit_load(*state, "variables_late");
    kit_route(*state, "{\"unit_b\": {\"exit_status\": 403},"
                      " \"variables_late\": {\"names\": [\"post_arg_a\"]}}");
    assert_int_equal(post(*state, FORM, "a=1")->status, 403);
    expect_lines(*state, "403", "log post_arg_a is absent");
}

/* ------------------------------------------------------------------------------------ limits */

static char *large_form(size_t length)
{
    char *body = malloc(length + 1);

    assert_non_null(body);
    memset(body, 'x', length);
    memcpy(body, "a=1&b=", 6);
    body[length] = '\0';
    return body;
}

#define MIB (1u << 20)

/* A body over the limit goes upstream; what stands in it is not known. */
static void over_the_limit_a_filter_counts_as_true(void **state)
{
    static const struct {
        const char *label;
        const char *headers;
        size_t length;
        const char *variable;
        bool over;
    } cases[] = {
        {"a form", FORM, 64 * MIB, "post_arg_a", false},
        {"a longer form", FORM, 64 * MIB + 1, "post_arg_a", true},
        {"a longer form without a length", FORM "Transfer-Encoding: chunked\n", 64 * MIB + 1,
         "post_arg_a", true},
        {"no GraphQL", "Content-Type: application/graphql\n", MIB, "graphql_name", false},
        {"too much GraphQL", "Content-Type: application/graphql\n", MIB + 1, "graphql_name", true},
        {"too much GraphQL without a length",
         "Content-Type: application/graphql\nTransfer-Encoding: chunked\n", MIB + 1, "graphql_name",
         true},
    };

    kit_load(*state, "variables");
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        char *body = large_form(cases[i].length);
        char config[256];
        const hg_test_exchange *exchange;

        (void)snprintf(config, sizeof(config),
                       "\"names\": [\"%s\"], \"_meta\": {\"filter\": [[\"%s\", \"==\", \"2\"]]}",
                       cases[i].variable, cases[i].variable);
        route_variables(*state, "variables", config);
        exchange = post(*state, cases[i].headers, body);
        assert_int_equal(exchange->status, 200);
        assert_int_equal(exchange->upstream_body_length, cases[i].length);
        if (hg_test_log_count(*state, HG_LOG_NOTICE, "is absent") != (cases[i].over ? 4 : 0) ||
            hg_test_log_count(*state, 0, "bytes: what is in it is not known") != cases[i].over) {
            fail_msg("%s: %zu", cases[i].label,
                     hg_test_log_count(*state, HG_LOG_NOTICE, "is absent"));
        }
        free(body);
    }
}

/* ------------------------------------------------------------------------------------ routes */

static void route(hg_test *test, const char *id, const char *vars)
{
    char key[64];
    char json[1024];

    (void)snprintf(key, sizeof(key), "routes/%s", id);
    (void)snprintf(
        json, sizeof(json),
        "{\"uri\": \"/*\"%s%s, \"plugins\": {\"variables\": {\"names\": [\"route_id\"]}},"
        " \"upstream\": {\"nodes\": {\"10.0.0.1:80\": 1}}}",
        vars[0] == '\0' ? "" : ", \"priority\": 1, \"vars\": ", vars);
    put(test, key, json);
}

static void routes_are_chosen_by_the_body(void **state)
{
    static const struct {
        const char *label;
        const char *headers;
        const char *body;
        const char *route;
    } cases[] = {
        {"a form", FORM, "a=1", "form"},
        {"another form", FORM, "a=2", "rest"},
        {"JSON", JSON, "{\"messages\":[{\"type\":\"text\"},{\"type\":\"image\"}]}", "path"},
        {"other JSON", JSON, "{\"messages\":[{\"type\":\"text\"}]}", "rest"},
        {"no JSON", JSON, "{\"messages\":", "rest"},
        {"GraphQL", NULL, "mutation {a}", "graphql"},
        {"other GraphQL", NULL, "query {a}", "rest"},
        {"no GraphQL", NULL, "mutation", "rest"},
        {"no body", NULL, "", "rest"},
    };

    kit_load(*state, "variables");
    route(*state, "form", "[[\"post_arg_a\", \"==\", \"1\"]]");
    route(*state, "path", "[[\"post_arg.messages[*].type\", \"has\", \"image\"]]");
    route(*state, "graphql", "[[\"graphql_operation\", \"==\", \"mutation\"]]");
    route(*state, "rest", "");
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        char line[64];

        assert_int_equal(post(*state, cases[i].headers, cases[i].body)->status, 200);
        (void)snprintf(line, sizeof(line), "access route_id=%s", cases[i].route);
        expect_lines(*state, cases[i].label, line);
    }
}

static void a_route_is_looked_for_once_the_body_is_here(void **state)
{
    const hg_test_exchange *exchange;

    kit_load(*state, "variables");
    route(*state, "form", "[[\"post_arg_a\", \"==\", \"1\"]]");
    exchange = hg_test_begin(
        *state,
        &(hg_test_request){.method = "POST", .headers = FORM, .body = "a=1", .body_delay_ms = 500});
    assert_false(exchange->ended);
    assert_int_equal(hg_test_log_count(*state, HG_LOG_NOTICE, "rewrite"), 0);
    hg_test_advance(*state, 500);
    assert_true(exchange->ended);
    expect_lines(*state, "later", "rewrite route_id=form");

    /* One whose conditions do not get as far as the body is not waited for. */
    route(*state, "form", "[[\"arg_x\", \"==\", \"1\"], [\"post_arg_a\", \"==\", \"1\"]]");
    exchange = hg_test_begin(
        *state,
        &(hg_test_request){.method = "POST", .headers = FORM, .body = "a=1", .body_delay_ms = 500});
    assert_true(exchange->ended);
    assert_int_equal(exchange->status, 404);
}

static void a_route_that_changes_meanwhile_counts_as_it_is(void **state)
{
    const hg_test_exchange *exchange;
    const hg_test_request request = {
        .method = "POST", .headers = FORM, .body = "a=1", .body_delay_ms = 500};

    kit_load(*state, "variables");
    put(*state, "global_rules/g", "{\"plugins\": {\"variables\": {\"text\": \"$route_id\"}}}");
    route(*state, "form", "[[\"post_arg_a\", \"==\", \"1\"]]");
    exchange = hg_test_begin(*state, &request);
    route(*state, "other", "[[\"post_arg_a\", \"==\", \"1\"]]");
    assert_int_equal(hg_test_delete(*state, "routes/form", NULL), HG_OK);
    assert_int_equal(hg_test_delete(*state, "global_rules/g", NULL), HG_OK);
    kit_load(*state, "variables"); /* a reload as well */
    hg_test_finish(*state, exchange);
    assert_int_equal(exchange->status, 200);
    expect_lines(*state, "as it is", "rewrite route_id=other");
    assert_int_equal(hg_test_log_count(*state, 0, "text="), 0);
    assert_int_equal(hg_test_objects_mapped(*state), 1);

    hg_test_log_clear(*state);
    exchange = hg_test_begin(*state, &request);
    hg_test_cancel(*state, exchange);
    assert_int_equal(exchange->status, 499);
}

static void what_is_not_known_fits_no_route(void **state)
{
    static const char *const vars[] = {
        "[[\"post_arg_a\", \"==\", \"1\"]]",
        "[[\"post_arg_a\", \"!\", \"==\", \"1\"]]",
        "[[\"post_arg_a\", \"==\", null]]",
        "[\"!AND\", [\"post_arg_a\", \"==\", \"1\"], [\"post_arg_b\", \"==\", \"1\"]]",
    };
    char *body = large_form(64 * MIB + 1);

    kit_load(*state, "variables");
    route(*state, "rest", "");
    for (size_t i = 0; i < ARRAY_SIZE(vars); i++) {
        route(*state, "form", vars[i]);
        assert_int_equal(post(*state, FORM, body)->status, 200);
        expect_lines(*state, vars[i], "access route_id=rest");
    }
    /* What the rest decides is known all the same. */
    route(*state, "form", "[\"OR\", [\"post_arg_a\", \"==\", \"2\"], [\"uri\", \"==\", \"/\"]]");
    assert_int_equal(post(*state, FORM, body)->status, 200);
    expect_lines(*state, "OR", "access route_id=form");
    free(body);
}

static void a_body_that_breaks_off_finds_no_route(void **state)
{
    const hg_test_exchange *exchange;

    kit_load(*state, "variables");
    route(*state, "form", "[[\"post_arg_a\", \"==\", \"1\"]]");
    exchange = hg_test_send(
        *state, &(hg_test_request){
                    .method = "POST", .headers = FORM, .body = "a=1", .body_breaks_off = true});
    assert_int_equal(exchange->status, 400);
    assert_int_equal(exchange->tries, 0);
}

/* ---------------------------------------------------------------------------------- upstream */

static void a_node_is_chosen_by_the_body(void **state)
{
    char first[64];
    unsigned others = 0;

    kit_load(*state, "variables");
    put(*state, "routes/1",
        "{\"uri\": \"/*\", \"upstream\": {\"type\": \"chash\", \"hash_on\": \"vars_combinations\","
        " \"key\": \"$post_arg_user\", \"nodes\": {\"10.0.0.1:80\": 1, \"10.0.0.2:80\": 1,"
        " \"10.0.0.3:80\": 1, \"10.0.0.4:80\": 1}}}");
    (void)snprintf(first, sizeof(first), "%s", post(*state, FORM, "user=jack")->upstream_node);
    for (unsigned i = 0; i < 20; i++) {
        char body[32];

        assert_string_equal(post(*state, FORM, "x=1&user=jack")->upstream_node, first);
        (void)snprintf(body, sizeof(body), "user=%u", i);
        others += strcmp(post(*state, FORM, body)->upstream_node, first) != 0;
    }
    assert_true(others > 5);
    assert_int_equal(hg_test_log_count(*state, HG_LOG_WARN, "chash_key"), 0);
    (void)post(*state, FORM, "x=1");
    assert_int_equal(hg_test_log_count(*state, HG_LOG_WARN, "chash_key fetch is nil"), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        KIT_TEST(variables_are_what_stands_in_the_body),
        KIT_TEST(graphql_of_a_get_stands_in_its_arguments),
        KIT_TEST(what_cannot_be_read_is_told_once),
        KIT_TEST(all_places_of_a_configuration_may_ask),
        KIT_TEST(a_filter_that_does_not_hold_keeps_its_plugin_away),
        KIT_TEST(all_objects_that_bind_plugins_may_ask),
        KIT_TEST(a_plugin_of_a_consumer_may_ask),
        KIT_TEST(a_plugin_inside_another_may_ask),
        KIT_TEST(nobody_waits_for_a_body_that_nobody_asks_about),
        KIT_TEST(a_client_that_goes_leaves_nothing),
        KIT_TEST(a_body_that_breaks_off_is_answered),
        KIT_TEST(a_plugin_may_read_the_body_itself),
        KIT_TEST(variables_follow_what_the_client_sent),
        KIT_TEST(a_request_that_is_tried_again_is_read_once),
        KIT_TEST(an_answer_of_a_plugin_leaves_late_ones_without_the_body),
        KIT_TEST(over_the_limit_a_filter_counts_as_true),
        KIT_TEST(routes_are_chosen_by_the_body),
        KIT_TEST(a_route_is_looked_for_once_the_body_is_here),
        KIT_TEST(a_route_that_changes_meanwhile_counts_as_it_is),
        KIT_TEST(what_is_not_known_fits_no_route),
        KIT_TEST(a_body_that_breaks_off_finds_no_route),
        KIT_TEST(a_node_is_chosen_by_the_body),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
