/* tests/integration/test_bad_objects.c - objects and configurations that ask for too much: each is
 * refused with a reason, or costs no more than it may. */
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/integration/author.h"
#include "tests/integration/command.h"
#include "tests/integration/gateway.h"
#include "tests/integration/origin.h"
#include "tests/integration/sanitizer.h"
#include "tests/integration/stored.h"
#include "tests/unit/unit.h"

#define MANY                200u /* plugins on one route */
#define BOUND               100u /* objects with the same plugin */
#define NAMES               10000u
#define LARGE_BYTES         (1u << 20)
#define LARGE_WRITES        12u
#define HOSTILE_BYTES       7000u /* of a header or target: nginx takes 8 KiB */
#define HOSTILE_BODY        (256u << 10)
#define HOSTILE_BEGIN       "{\"q\": \""
#define SEARCH_CPU_MS       250 /* of a request with one pattern, which has 5 ms; machines are slow */
#define EXPRESSION_PATTERNS 64u
#define GROWTH_MAX_KIB      65536 /* of a worker or control over all of this */

static gateway *running;
static origin *upstream;
static response got;
static pid_t workers[GATEWAY_WORKERS_MAX];
static pid_t control;
static long rss_before_kib;

static long rss_kib(pid_t pid)
{
    char path[64];
    char *status;
    const char *line;
    long kib = 0;

    (void)snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
    status = file_read(path);
    line = strstr(status, "VmRSS:");
    if (line != NULL) {
        kib = strtol(line + strlen("VmRSS:"), NULL, 10);
    }
    free(status);
    return kib;
}

static int set_up(void **state)
{
    (void)state;
    upstream = origin_start();
    running = gateway_make(&(gateway_options){.workers = 1, .http = "client_max_body_size: 1m"});
    author_install(running, "trace", "trace", "");
    author_install(running, "serverless", "first", "-DPRIORITY=10");
    author_install(running, "serverless", "second", "-DPRIORITY=5");
    gateway_start(running);
    gateway_put(running, "upstreams/u", "{\"nodes\": {\"127.0.0.1:%u\": 1}}",
                origin_port(upstream));
    gateway_put(running, "routes/kept", "{\"uri\": \"/kept\", \"upstream_id\": \"u\"}");
    assert_int_equal(gateway_workers(running, workers), 1);
    control = gateway_control(running);
    rss_before_kib = rss_kib(workers[0]) + rss_kib(control);
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

/* The same processes serve. */
static void alive(const char *label)
{
    pid_t now[GATEWAY_WORKERS_MAX] = {0};

    http_get(running->port, "/kept", "", &got);
    if (got.status != 200 || gateway_workers(running, now) != 1 || now[0] != workers[0] ||
        gateway_control(running) != control) {
        fail_msg("%s: a process has died, or /kept is %d", label, got.status);
    }
}

static void refused(const char *method, const char *path, const char *body, const char *text)
{
    admin_reply reply = gateway_admin(running, method, path, body);

    if (reply.status < 400 || reply.status > 499 || reply.json == NULL ||
        strstr(reply.text, text) == NULL) {
        print_error("%s %s %.300s: %ld %.600s\n", method, path, body == NULL ? "" : body,
                    reply.status, reply.text);
        admin_reply_done(&reply);
        fail_msg("wanted a refusal with \"%s\"", text);
    }
    admin_reply_done(&reply);
}

static size_t count_of(const char *text, const char *part)
{
    size_t count = 0;

    for (const char *at = text; (at = strstr(at, part)) != NULL; at++) {
        count++;
    }
    return count;
}

/* ---------------------------------------------------------------------------------- circles */

#define FORBIDDEN "additional properties forbidden"

/* References lead from routes to services to upstreams to certificates, from routes to plugin
 * configs, from consumers to groups: there is no member for a way back (the kinds themselves:
 * tests/unit/control/test_object_check.c), whatever the write. */
static void no_write_makes_a_circle_of_objects(void **state)
{
    static const struct {
        const char *path;
        const char *member;
    } rows[] = {
        {"services/s", "\"service_id\": \"s\""},
        {"services/s", "\"route_id\": \"r\""},
        {"upstreams/u", "\"upstream_id\": \"u\""},
        {"upstreams/u", "\"service_id\": \"s\""},
        {"plugin_configs/p", "\"plugin_config_id\": \"p\""},
        {"plugin_configs/p", "\"route_id\": \"r\""},
        {"consumer_groups/g", "\"group_id\": \"g\""},
        {"global_rules/1", "\"global_rule_id\": \"1\""},
        {"consumers/jack", "\"consumer\": \"jack\""},
        {"consumers/jack", "\"plugin_config_id\": \"p\""},
    };
    char *before;

    (void)state;
    gateway_put(running, "services/s", "{\"upstream_id\": \"u\"}");
    gateway_put(running, "plugin_configs/p", "{\"plugins\": {}}");
    gateway_put(running, "consumer_groups/g", "{\"plugins\": {}}");
    gateway_put(running, "consumers/jack", "{\"username\": \"jack\", \"group_id\": \"g\"}");
    gateway_put(running, "global_rules/1", "{\"plugins\": {}}");
    gateway_put(running, "routes/r",
                "{\"uri\": \"/r\", \"service_id\": \"s\", \"plugin_config_id\": \"p\"}");
    before = stored_objects(running);
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        bool patched = strncmp(rows[i].path, "consumers/", 10) != 0; /* these are put alone */
        char *body = text_format("{%s}", rows[i].member);
        char *at = text_format("%s/%.*s", rows[i].path, (int)strcspn(rows[i].member + 1, "\""),
                               rows[i].member + 1);

        refused("PATCH", rows[i].path, body, patched ? FORBIDDEN : "not supported `PATCH`");
        refused("PATCH", at, "\"x\"", patched ? FORBIDDEN : "not supported `PATCH`");
        refused("PUT", rows[i].path, body, "");
        free(at);
        free(body);
    }
    /* Nor by the way of what is gone and comes back under the same id. */
    {
        admin_reply reply = gateway_admin(running, "DELETE", "services/s?force=true", NULL);

        assert_int_equal(reply.status, 200);
        admin_reply_done(&reply);
    }
    refused("PUT", "services/s", "{\"service_id\": \"s\"}", FORBIDDEN);
    refused("PUT", "services/s", "{\"upstream\": {\"upstream_id\": \"u\"}}", "");
    gateway_put(running, "services/s", "{\"upstream_id\": \"u\"}");
    refused("POST", "configs/validate",
            "{\"services\": [{\"id\": \"a\", \"service_id\": \"b\"},"
            " {\"id\": \"b\", \"service_id\": \"a\"}]}",
            FORBIDDEN);
    free(before);
    http_get(running->port, "/r", "", &got);
    assert_int_equal(got.status, 200);
    gateway_delete(running, "routes/r");
    alive("circles");
}

/* Plugins inside plugins end at the first level. */
static void a_plugin_that_holds_others_stands_in_none(void **state)
{
    static const char inner[] = "{\"key-auth\": {}}, {\"basic-auth\": {}}";
    char *nested = strdup(inner);

    (void)state;
    refused("PUT", "routes/x",
            "{\"uri\": \"/x\", \"plugins\": {\"multi-auth\": {\"auth_plugins\": ["
            "{\"multi-auth\": {\"auth_plugins\": [{\"key-auth\": {}}, {\"basic-auth\": {}}]}},"
            " {\"key-auth\": {}}]}}}",
            "multi-auth plugin is not supported");
    for (int i = 0; i < 60; i++) { /* 240 levels of JSON */
        char *deeper =
            text_format("{\"multi-auth\": {\"auth_plugins\": [%s]}}, {\"key-auth\": {}}", nested);

        free(nested);
        nested = deeper;
    }
    {
        char *body = text_format(
            "{\"uri\": \"/x\", \"plugins\": {\"multi-auth\": {\"auth_plugins\": [%s]}}}", nested);

        refused("PUT", "routes/x", body, "multi-auth");
        free(body);
    }
    free(nested);
    alive("plugins inside plugins");
}

/* ------------------------------------------------------------------------------------- many */

static void a_plugin_of_a_hundred_objects_runs_once_a_request(void **state)
{
    (void)state;
    gateway_put(running, "services/s",
                "{\"upstream_id\": \"u\", \"plugins\": {\"trace\": {\"tag\": \"service\"}}}");
    gateway_put(running, "plugin_configs/p", "{\"plugins\": {\"trace\": {\"tag\": \"config\"}}}");
    gateway_put(running, "consumer_groups/g", "{\"plugins\": {\"trace\": {\"tag\": \"group\"}}}");
    gateway_put(running, "consumers/jack",
                "{\"username\": \"jack\", \"group_id\": \"g\", \"plugins\": {\"key-auth\":"
                " {\"key\": \"jack\"}, \"trace\": {\"tag\": \"consumer\"}}}");
    for (unsigned i = 0; i < BOUND; i++) {
        char key[32];

        (void)snprintf(key, sizeof(key), "routes/b%u", i);
        gateway_put(running, key,
                    "{\"uri\": \"/b%u\", \"service_id\": \"s\", \"plugin_config_id\": \"p\","
                    " \"plugins\": {\"key-auth\": {}, \"trace\": {\"tag\": \"r%u\"}}}",
                    i, i);
        (void)snprintf(key, sizeof(key), "global_rules/b%u", i);
        if (i == 0) {
            gateway_put(running, key, "{\"plugins\": {\"trace\": {\"tag\": \"global\"}}}");
        } else { /* of global rules, one has it */
            refused("PUT", key, "{\"plugins\": {\"trace\": {\"tag\": \"another\"}}}",
                    "plugin 'trace' already exists in global rule with id 'b0'");
        }
    }
    for (unsigned i = 0; i < BOUND; i++) {
        char target[16];
        char own[40];

        (void)snprintf(target, sizeof(target), "/b%u", i);
        (void)snprintf(own, sizeof(own), "X-Trace: rewrite r%u ", i);
        http_get(running->port, target, "apikey: jack\r\n", &got);
        assert_int_equal(got.status, 200);
        /* Once for the global rule and once for all others, in each of two phases. */
        assert_int_equal(count_of(got.head, "X-Trace: rewrite "), 2);
        assert_int_equal(count_of(got.head, "X-Trace: access "), 2);
        assert_non_null(strstr(got.head, own));
        assert_non_null(strstr(got.head, "X-Trace: access consumer "));
    }
    for (unsigned i = 0; i < BOUND; i++) {
        char key[32];

        (void)snprintf(key, sizeof(key), "routes/b%u", i);
        gateway_delete(running, key);
    }
    gateway_delete(running, "global_rules/b0");
    alive("a hundred objects");
}

static void many_plugins_on_one_route_run_in_their_order(void **state)
{
    char *first = author_build("many", "many-000", "");
    char *plugins = strdup("");
    const char *at;

    (void)state;
    /* The others are the same object, but for its name wherever that stands. */
    shell("for i in $(seq -f %%03g 0 %u); do sed \"s/many-000/many-$i/g\" '%s' > "
          "'%s/plugins/many-'$i'.so'; done",
          MANY - 1, first, running->directory);
    json_decref(gateway_reload(running));
    for (unsigned i = 0; i < MANY; i++) {
        /* Each third one has a priority of its own. */
        char *longer = text_format("%s%s\"many-%03u\": {%s}", plugins, i == 0 ? "" : ", ", i,
                                   i % 3 == 0 ? "\"_meta\": {\"priority\": 41}" : "");

        free(plugins);
        plugins = longer;
    }
    gateway_put(running, "routes/many",
                "{\"uri\": \"/many\", \"upstream_id\": \"u\", \"plugins\": {%s}}", plugins);
    http_get(running->port, "/many", "", &got);
    assert_int_equal(got.status, 200);
    assert_int_equal(count_of(got.head, "X-Many: many-"), MANY);
    at = got.head;
    for (unsigned pass = 0; pass < 2; pass++) {
        for (unsigned i = 0; i < MANY; i++) {
            char line[32];

            if ((i % 3 == 0) != (pass == 0)) {
                continue;
            }
            (void)snprintf(line, sizeof(line), "X-Many: many-%03u\r\n", i);
            at = strstr(at, line); /* behind the one before */
            if (at == NULL) {
                fail_msg("%s is not in its place: %s", line, got.head);
            }
        }
    }
    gateway_delete(running, "routes/many");
    shell("rm '%s'/plugins/many-*.so", running->directory);
    json_decref(gateway_reload(running));
    WAIT_UNTIL(gateway_sum(running, "objects_mapped") < (json_int_t)MANY);
    assert_int_equal(gateway_sum(running, "objects_pinned"), 0);
    free(plugins);
    free(first);
    alive("many plugins");
}

static void ten_thousand_names_on_one_object_are_refused(void **state)
{
    static const char *const kinds[] = {"routes/x", "services/x", "plugin_configs/x",
                                        "consumer_groups/x", "global_rules/x"};
    json_t *plugins = json_object();
    char *text;
    int64_t began_ms;

    (void)state;
    for (unsigned i = 0; i < NAMES; i++) {
        char name[16];

        (void)snprintf(name, sizeof(name), "p%u", i);
        (void)json_object_set_new(plugins, name, json_object());
    }
    text = json_dumps(plugins, JSON_COMPACT);
    for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
        char *body = text_format("{%s\"plugins\": %s}", i == 0 ? "\"uri\": \"/x\", " : "", text);

        began_ms = clock_ms();
        refused("PUT", kinds[i], body, "found 10000 plugins, wanted at most 1024");
        assert_true(clock_ms() - began_ms < 5000);
        free(body);
    }
    free(text);
    json_decref(plugins);
    alive("ten thousand names");
}

/* ------------------------------------------------------------------------------ expressions */

/* [["OR",["OR",...]]] of so many levels. */
static char *deep_expression(unsigned levels)
{
    char *text = strdup("[\"arg_a\",\"==\",\"1\"]");

    for (unsigned i = 0; i < levels; i++) {
        char *deeper = text_format("[\"OR\",%s,[\"arg_b\",\"==\",\"1\"]]", text);

        free(text);
        text = deeper;
    }
    return text;
}

static char *wide_expression(unsigned items)
{
    char *text = malloc(items * 32 + 3);
    size_t length = 0;

    assert_non_null(text);
    text[length++] = '[';
    for (unsigned i = 0; i < items; i++) {
        length +=
            (size_t)sprintf(text + length, "%s[\"arg_a\",\"==\",\"%u\"]", i == 0 ? "" : ",", i);
    }
    (void)strcpy(text + length, "]");
    return text;
}

static void expressions_that_are_too_much_are_refused(void **state)
{
    static const char *const places[] = {
        "{\"uri\": \"/x\", \"upstream_id\": \"u\", \"vars\": %s}",
        "{\"uri\": \"/x\", \"upstream_id\": \"u\", \"plugins\": {\"echo\": {\"body\": \"a\","
        " \"_meta\": {\"filter\": %s}}}}",
        "{\"uri\": \"/x\", \"upstream_id\": \"u\", \"plugins\": {\"fault-injection\":"
        " {\"abort\": {\"http_status\": 403, \"vars\": [%s]}}}}",
    };
    static const struct {
        unsigned levels; /* 0: a wide one */
        unsigned items;
        const char *text; /* NULL: it is taken */
    } rows[] = {
        {30, 0, NULL},
        {100, 0, "expression too deep"},
        {0, 1000, NULL},
        {0, 1024, "expression too large"}, /* with the group around them */
        {0, 10000, "expression too large"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        char *expression =
            rows[i].levels > 0 ? deep_expression(rows[i].levels) : wide_expression(rows[i].items);

        for (size_t k = 0; k < ARRAY_SIZE(places); k++) {
            const char *place = strstr(places[k], "%s");
            char *body =
                text_format("%.*s%s%s", (int)(place - places[k]), places[k], expression, place + 2);

            if (rows[i].text != NULL) {
                refused("PUT", "routes/x", body, rows[i].text);
            } else {
                gateway_put(running, "routes/x", "%s", body);
                http_get(running->port, "/x?a=1", "", &got);
                assert_true(got.status == 200 || got.status == 403 || got.status == 404);
            }
            free(body);
        }
        free(expression);
    }
    gateway_delete(running, "routes/x");
    alive("expressions");
}

/* --------------------------------------------------------------------------------- patterns */

/* What the worker has computed so far. */
static int64_t cpu_us(void)
{
    char path[64];
    char *text;
    long long ns;

    (void)snprintf(path, sizeof(path), "/proc/%d/schedstat", (int)workers[0]);
    text = file_read(path);
    ns = strtoll(text, NULL, 10);
    free(text);
    return (int64_t)(ns / 1000);
}

#define EVIL "(a+)+$"

/* Wherever a pattern is tried on what a client sends, a request costs what a search may cost and no
 * more; measured by the work of the only worker. */
static void patterns_that_explode_cost_a_bounded_time(void **state)
{
    static const struct {
        const char *label;
        const char *route; /* members of the route */
        const char *way;   /* where the client puts what is hostile: target, agent, kind or body */
    } rows[] = {
        {"filter",
         "\"plugins\": {\"echo\": {\"body\": \"x\", \"_meta\":"
         " {\"filter\": [[\"arg_q\", \"~~\", \"" EVIL "\"]]}}}",
         "target"},
        {"filter of a header",
         "\"plugins\": {\"echo\": {\"body\": \"x\", \"_meta\":"
         " {\"filter\": [[\"http_x_kind\", \"~*\", \"" EVIL "\"]]}}}",
         "kind"},
        {"vars", "\"vars\": [[\"arg_q\", \"~~\", \"" EVIL "\"]]", "target"},
        {"negated vars", "\"vars\": [[\"arg_q\", \"!\", \"~~\", \"" EVIL "\"]]", "target"},
        {"uri-blocker", "\"plugins\": {\"uri-blocker\": {\"block_rules\": [\"" EVIL "\"]}}",
         "target"},
        {"ua-restriction", "\"plugins\": {\"ua-restriction\": {\"denylist\": [\"" EVIL "\"]}}",
         "agent"},
        {"redirect", "\"plugins\": {\"redirect\": {\"regex_uri\": [\"" EVIL "\", \"/x\"]}}",
         "target"},
        {"proxy-rewrite",
         "\"plugins\": {\"proxy-rewrite\": {\"regex_uri\": [\"" EVIL "\", \"/x\"]}}", "target"},
        {"response-rewrite",
         "\"plugins\": {\"response-rewrite\": {\"filters\": [{\"regex\": \"" EVIL
         "\", \"scope\": \"global\", \"replace\": \"b\"}]}}",
         "body"},
        {"request-validation",
         "\"plugins\": {\"request-validation\": {\"body_schema\": {\"type\": \"object\","
         " \"properties\": {\"q\": {\"type\": \"string\", \"pattern\": \"" EVIL "\"}}}}}",
         "body"},
        {"cors", "\"plugins\": {\"cors\": {\"allow_origins_by_regex\": [\"" EVIL "\"]}}", "origin"},
        {"fault-injection",
         "\"plugins\": {\"fault-injection\": {\"abort\": {\"http_status\": 403, \"vars\":"
         " [[[\"arg_q\", \"~~\", \"" EVIL "\"]]]}}}",
         "target"},
    };
    char *hostile = malloc(HOSTILE_BYTES + 1);
    char *body = malloc(HOSTILE_BODY + 64);
    char *log;

    (void)state;
    assert_non_null(hostile);
    assert_non_null(body);
    memset(hostile, 'a', HOSTILE_BYTES);
    (void)strcpy(hostile + HOSTILE_BYTES - 1, "!");
    memset(body, 'a', HOSTILE_BODY);
    memcpy(body, HOSTILE_BEGIN, sizeof(HOSTILE_BEGIN) - 1);
    (void)strcpy(body + HOSTILE_BODY, "!\"}");
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        const char *way = rows[i].way;
        bool has_body = strcmp(way, "body") == 0;
        char *target =
            text_format("/evil/%s?q=%s", strcmp(way, "target") == 0 ? hostile : "x",
                        strcmp(way, "target") == 0 ? "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!" : "x");
        const char *name = strcmp(way, "agent") == 0    ? "User-Agent"
                           : strcmp(way, "origin") == 0 ? "Origin"
                                                        : "X-Kind";
        char *headers = text_format("Content-Type: application/json\r\n%s: %s\r\n", name,
                                    strcmp(way, "target") == 0 || has_body ? "x" : hostile);
        connection one = {.fd = -1};
        int64_t before_us;
        int64_t took_us;

        gateway_put(running, "routes/evil", "{\"uri\": \"/evil/*\", \"upstream_id\": \"u\", %s}",
                    rows[i].route);
        assert_true(connection_open(&one, running->port));
        /* Once for what is compiled on first use. */
        connection_request(&one, "GET", "/evil/x", "", NULL, &got);
        before_us = cpu_us();
        connection_request(&one, has_body ? "POST" : "GET", target, headers, has_body ? body : NULL,
                           &got);
        took_us = cpu_us() - before_us;
        print_message("%s: %d in %lld us of work\n", rows[i].label, got.status, (long long)took_us);
        assert_true(got.status >= 200 && got.status < 500);
        if (took_us > SEARCH_CPU_MS * 1000) {
            fail_msg("%s: %lld us", rows[i].label, (long long)took_us);
        }
        connection_close(&one);
        free(headers);
        free(target);
        alive(rows[i].label);
    }
    gateway_delete(running, "routes/evil");
    log = gateway_log(running, "logs/error.log");
    assert_non_null(strstr(log, "its filter cannot be decided")); /* so hostile it was */
    free(log);
    free(body);
    free(hostile);
}

/* As many as one expression may have, none of which holds: each is tried. */
static void an_expression_full_of_patterns_costs_a_bounded_time(void **state)
{
    char *patterns = strdup("");
    int64_t took_us;

    (void)state;
    for (unsigned i = 0; i < EXPRESSION_PATTERNS; i++) {
        char *longer = text_format("%s,[\"arg_q\",\"!\",\"~~\",\"(a+)+(?:%u)?$\"]", patterns, i);

        free(patterns);
        patterns = longer;
    }
    gateway_put(
        running, "routes/evil",
        "{\"uri\": \"/evil\", \"upstream_id\": \"u\", \"vars\": [[\"uri\",\"==\",\"/evil\"]%s]}",
        patterns);
    http_get(running->port, "/evil?q=x", "", &got);
    assert_int_equal(got.status, 200);
    took_us = cpu_us();
    http_get(running->port, "/evil?q=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!", "",
             &got);
    took_us = cpu_us() - took_us;
    print_message("%u patterns: %d in %lld us of work\n", EXPRESSION_PATTERNS, got.status,
                  (long long)took_us);
    assert_true(took_us < EXPRESSION_PATTERNS * SEARCH_CPU_MS * 100);
    gateway_delete(running, "routes/evil");
    free(patterns);
    alive("an expression full of patterns");
}

/* ------------------------------------------------------------------------------------ large */

static void a_configuration_of_a_mebibyte_is_taken_and_given_back(void **state)
{
    char *text = malloc(LARGE_BYTES + 1);
    char *body;

    (void)state;
    assert_non_null(text);
    memset(text, 'x', LARGE_BYTES);
    text[LARGE_BYTES] = '\0';
    for (unsigned i = 0; i < LARGE_WRITES; i++) {
        admin_reply reply;

        text[0] = (char)('a' + (int)i);
        body = text_format("{\"uri\": \"/large\", \"upstream_id\": \"u\","
                           " \"plugins\": {\"echo\": {\"body\": \"%s\"}}}",
                           text);
        reply = gateway_admin(running, "PUT", "routes/large", body);
        assert_true(reply.status == 200 || reply.status == 201);
        admin_reply_done(&reply);
        http_get(running->port, "/large", "", &got);
        assert_int_equal(got.status, 200);
        assert_int_equal(got.length, LARGE_BYTES);
        assert_int_equal(got.body[0], text[0]);
        free(body);
    }
    gateway_delete(running, "routes/large");
    free(text);
    alive("a mebibyte");
}

/* ------------------------------------------------------------------------------------ _meta */

static void wrong_types_in_meta_are_refused_with_their_place(void **state)
{
    static const char *const values[] = {"null", "true", "7",  "1.5",       "\"text\"",
                                         "[]",   "[1]",  "{}", "{\"a\": 1}"};
    static const struct {
        const char *member;
        const char *good; /* of the values above, by their number */
    } members[] = {
        {"disable", "1"}, {"priority", "2"},    {"error_response", "478"},
        {"filter", "5"},  {"pre_function", ""}, {"unknown", ""},
    };
    char *before;

    (void)state;
    before = stored_objects(running);
    for (size_t i = 0; i < ARRAY_SIZE(members); i++) {
        for (size_t k = 0; k < ARRAY_SIZE(values); k++) {
            char number[2] = {(char)('0' + k), '\0'};
            char *body = text_format("{\"uri\": \"/x\", \"upstream_id\": \"u\", \"plugins\":"
                                     " {\"echo\": {\"body\": \"a\", \"_meta\": {\"%s\": %s}}}}",
                                     members[i].member, values[k]);
            char *pointer = text_format("\"pointer\":\"/plugins/echo/_meta/%s", members[i].member);

            if (strstr(members[i].good, number) != NULL) {
                gateway_put(running, "routes/x", "%s", body);
                http_get(running->port, "/x", "", &got);
                assert_int_equal(got.status, 200);
                gateway_delete(running, "routes/x");
            } else {
                refused("PUT", "routes/x", body, pointer);
            }
            free(pointer);
            free(body);
        }
    }
    for (size_t k = 0; k < ARRAY_SIZE(values); k++) { /* _meta itself */
        char *body = text_format("{\"uri\": \"/x\", \"upstream_id\": \"u\", \"plugins\":"
                                 " {\"echo\": {\"body\": \"a\", \"_meta\": %s}}}",
                                 values[k]);

        if (k != 7) { /* an empty object is one */
            refused("PUT", "routes/x", body, "\"pointer\":\"/plugins/echo/_meta");
        }
        free(body);
    }
    stored_expect(running, before, "wrong types in _meta");
    free(before);
    alive("_meta");
}

static void priorities_at_and_beyond_their_limits(void **state)
{
    static const struct {
        const char *first;
        const char *second;
        const char *order; /* NULL: refused */
    } rows[] = {
        {"2147483647", "2147483646", "first second"},
        {"-2147483648", "-2147483647", "second first"},
        {"-2147483648", "2147483647", "second first"},
        {"2147483647", "2147483647", "first second"}, /* by name */
        {"2147483647.0", "0", "first second"},
        {"2147483648", "0", NULL},
        {"-2147483649", "0", NULL},
        {"9223372036854775807", "0", NULL},
        {"-9223372036854775808", "0", NULL},
        {"9223372036854775808", "0", NULL},
        {"1e300", "0", NULL},
        {"-1e300", "0", NULL},
        {"0.5", "0", NULL},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        char *body =
            text_format("{\"uri\": \"/x\", \"upstream_id\": \"u\", \"plugins\": {"
                        "\"first\": {\"functions\": [\"\"], \"_meta\": {\"priority\": %s}},"
                        "\"second\": {\"functions\": [\"\"], \"_meta\": {\"priority\": %s}}}}",
                        rows[i].first, rows[i].second);

        if (rows[i].order == NULL) {
            refused("PUT", "routes/x", body, "");
        } else {
            const char *first;
            const char *second;

            gateway_put(running, "routes/x", "%s", body);
            http_get(running->port, "/x", "", &got);
            first = strstr(got.head, "X-Order: first");
            second = strstr(got.head, "X-Order: second");
            assert_non_null(first);
            assert_non_null(second);
            if ((first < second) != (strcmp(rows[i].order, "first second") == 0)) {
                fail_msg("%s, %s: %s", rows[i].first, rows[i].second, got.head);
            }
        }
        free(body);
    }
    gateway_delete(running, "routes/x");
    alive("priorities");
}

/* ------------------------------------------------------------------------------------ names */

static void names_with_odd_bytes_are_refused_or_ignored(void **state)
{
    static const char *const names[] = {
        "",
        " ",
        "/",
        "..",
        "../../etc/passwd",
        "a/b",
        "a b",
        "a.so",
        "ECHO",
        "echo ",
        "-",
        "%s%n%d",
        "\\n",
        "a\\nb [alert] forged",
        "\\r\\nX-Forged: 1",
        "\\u0001",
        "\\\"",
        "\\\\",
        "\\u00e9",
        "\\ud83d\\ude00",
        "\\u202e",
        "{}",
        "[0]",
        "~0~1",
        "plugins",
        "__proto__",
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
        "a",
    };
    char *longest = malloc(100001);

    (void)state;
    assert_non_null(longest);
    memset(longest, 'n', 100000);
    longest[100000] = '\0';
    for (size_t i = 0; i <= ARRAY_SIZE(names); i++) {
        char *body =
            text_format("{\"uri\": \"/x\", \"upstream_id\": \"u\", \"plugins\": {\"%s\": {}}}",
                        i == ARRAY_SIZE(names) ? longest : names[i]);

        refused("PUT", "routes/x", body, "unknown plugin [");
        refused("PUT", "global_rules/x", body, "");
        free(body);
    }
    refused("PUT", "routes/x", "{\"uri\": \"/x\", \"plugins\": {\"a\\u0000b\": {}}}",
            "invalid request body");
    alive("names");
    /* A list makes them names of plugins that are left out: they are stored, and do nothing. */
    running->options.settings = "plugins: [echo]";
    gateway_configure(running);
    json_decref(gateway_reload(running));
    for (size_t i = 0; i <= ARRAY_SIZE(names); i++) {
        gateway_put(running, "routes/x",
                    "{\"uri\": \"/x\", \"upstream_id\": \"u\", \"plugins\": {\"%s\": {}, \"echo\":"
                    " {\"headers\": {\"X-Echo\": \"yes\"}, \"before_body\": \"\"}}}",
                    i == ARRAY_SIZE(names) ? longest : names[i]);
        http_get(running->port, "/x", "", &got);
        assert_int_equal(got.status, 200);
        assert_string_equal(response_header(&got, "X-Echo"), "yes");
        assert_null(strstr(got.head, "X-Forged"));
    }
    {
        json_t *status;
        char *shown;
        char *log;

        gateway_put(running, "routes/x",
                    "{\"uri\": \"/x\", \"upstream_id\": \"u\", \"plugins\":"
                    " {\"a\\nb [alert] forged\": {}}}");
        status = gateway_status(running);
        shown = json_dumps(json_object_get(status, "ignored"), JSON_COMPACT);
        assert_non_null(strstr(shown, "\"a\\nb [alert] forged\",\"objects\":1"));
        free(shown);
        json_decref(status);
        running->options.settings = "plugins: [echo, trace]";
        gateway_configure(running);
        json_decref(gateway_reload(running));
        log = gateway_log(running, "logs/control.log");
        assert_non_null(strstr(log, "plugin a\\nb [alert] forged is ignored"));
        assert_null(strstr(log, "\nb [alert] forged"));
        free(log);
    }
    running->options.settings = NULL;
    gateway_configure(running);
    gateway_delete(running, "routes/x");
    json_decref(gateway_reload(running));
    free(longest);
    alive("ignored names");
}

/* -------------------------------------------------------------------------------------- end */

static void after_all_that_memory_is_as_before(void **state)
{
    long now_kib = rss_kib(workers[0]) + rss_kib(control);

    (void)state;
    print_message("worker and control: %ld KiB before, %ld KiB now\n", rss_before_kib, now_kib);
    assert_true(sanitizer_is_on() || now_kib - rss_before_kib < GROWTH_MAX_KIB);
    assert_int_equal(gateway_sum(running, "apply_failures"), 0);
    assert_int_equal(gateway_stop(running, SIGQUIT), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_write_makes_a_circle_of_objects),
        cmocka_unit_test(a_plugin_that_holds_others_stands_in_none),
        cmocka_unit_test(a_plugin_of_a_hundred_objects_runs_once_a_request),
        cmocka_unit_test(many_plugins_on_one_route_run_in_their_order),
        cmocka_unit_test(ten_thousand_names_on_one_object_are_refused),
        cmocka_unit_test(expressions_that_are_too_much_are_refused),
        cmocka_unit_test(patterns_that_explode_cost_a_bounded_time),
        cmocka_unit_test(an_expression_full_of_patterns_costs_a_bounded_time),
        cmocka_unit_test(a_configuration_of_a_mebibyte_is_taken_and_given_back),
        cmocka_unit_test(wrong_types_in_meta_are_refused_with_their_place),
        cmocka_unit_test(priorities_at_and_beyond_their_limits),
        cmocka_unit_test(names_with_odd_bytes_are_refused_or_ignored),
        cmocka_unit_test(after_all_that_memory_is_as_before),
    };

    return report(cmocka_run_group_tests(tests, set_up, tear_down));
}
