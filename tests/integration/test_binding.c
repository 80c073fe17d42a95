/* tests/integration/test_binding.c - plugins reach requests from wherever an operator binds them.
 *
 * One connection is pinned to each worker, so that every claim is made of all of them. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/integration/author.h"
#include "tests/integration/gateway.h"
#include "tests/integration/origin.h"
#include "tests/unit/unit.h"

#define TRACE_MAX 512u
#define VERSION   "1.0.0"

static gateway *running;
static origin *upstream;
static connection pinned[GATEWAY_WORKERS_MAX];
static pid_t workers[GATEWAY_WORKERS_MAX];
static size_t worker_count;
static response got;

static void pin(void)
{
    gateway_put(running, "routes/worker",
                "{\"uri\": \"/worker\", \"plugins\": {\"worker\": {}},"
                " \"upstream\": {\"nodes\": {\"127.0.0.1:%u\": 1}}}",
                origin_port(upstream));
    worker_count = gateway_pin(running, "/worker", pinned, workers);
    assert_true(worker_count > 1);
}

static int set_up(void **state)
{
    (void)state;
    upstream = origin_start();
    running = gateway_make(NULL);
    author_install(running, "trace", "trace", "");
    author_install(running, "worker", "worker", "");
    gateway_start(running);
    pin();
    return 0;
}

static void unpin(void)
{
    for (size_t i = 0; i < worker_count; i++) {
        connection_close(&pinned[i]);
    }
}

static int tear_down(void **state)
{
    (void)state;
    unpin();
    response_done(&got);
    gateway_free(running);
    origin_stop(upstream);
    return 0;
}

/* The values of all X-Trace headers, with "; " between them. */
static void trace_of(const response *from, char trace[TRACE_MAX])
{
    const char *at = from->head;
    size_t length = 0;

    trace[0] = '\0';
    while ((at = strstr(at, "X-Trace: ")) != NULL) {
        at += strlen("X-Trace: ");
        length += (size_t)snprintf(trace + length, TRACE_MAX - length, "%s%.*s",
                                   length == 0 ? "" : "; ", (int)strcspn(at, "\r\n"), at);
    }
}

/* Each worker answers the next request with that status and that trace; NULL: whatever trace. */
static void expect(const char *label, const char *headers, int status, const char *wanted)
{
    for (size_t i = 0; i < worker_count; i++) {
        char trace[TRACE_MAX];

        connection_request(&pinned[i], "GET", "/traced", headers, NULL, &got);
        trace_of(&got, trace);
        if (got.status != status || (wanted != NULL && strcmp(trace, wanted) != 0)) {
            fail_msg("%s: worker %d: %d \"%s\", wanted %d \"%s\"", label, (int)workers[i],
                     got.status, trace, status, wanted == NULL ? "" : wanted);
        }
    }
}

static void put_plugins(const char *key, const char *tag)
{
    if (tag[0] == '\0') {
        gateway_put(running, key, "{\"plugins\": {}}");
    } else {
        gateway_put(running, key, "{\"plugins\": {\"trace\": {\"tag\": \"%s\"}}}", tag);
    }
}

/* The route that takes part in all, its plugins given. */
static void put_route(const char *tag)
{
    char plugin[128] = "";

    if (tag[0] != '\0') {
        (void)snprintf(plugin, sizeof(plugin), ", \"trace\": {\"tag\": \"%s\"}", tag);
    }
    gateway_put(running, "routes/traced",
                "{\"uri\": \"/traced\", \"service_id\": \"s\", \"plugin_config_id\": \"p\","
                " \"plugins\": {\"key-auth\": {}%s}}",
                plugin);
}

static void put_service(const char *tag)
{
    char plugins[128] = "{}";

    if (tag[0] != '\0') {
        (void)snprintf(plugins, sizeof(plugins), "{\"trace\": {\"tag\": \"%s\"}}", tag);
    }
    gateway_put(running, "services/s",
                "{\"plugins\": %s, \"upstream\": {\"nodes\": {\"127.0.0.1:%u\": 1}}}", plugins,
                origin_port(upstream));
}

static void put_consumer(const char *tag)
{
    char plugin[128] = "";

    if (tag[0] != '\0') {
        (void)snprintf(plugin, sizeof(plugin), ", \"trace\": {\"tag\": \"%s\"}", tag);
    }
    gateway_put(running, "consumers/jack",
                "{\"username\": \"jack\", \"group_id\": \"g\","
                " \"labels\": {\"custom_id\": \"4711\"},"
                " \"plugins\": {\"key-auth\": {\"key\": \"own\"}%s}}",
                plugin);
}

/* Where a plugin can be bound, by precedence. */
static void bind_plugin(size_t place, const char *tag)
{
    switch (place) {
    case 0:
        put_consumer(tag);
        break;
    case 1:
        put_plugins("consumer_groups/g", tag);
        break;
    case 2:
        put_route(tag);
        break;
    case 3:
        put_plugins("plugin_configs/p", tag);
        break;
    default:
        put_service(tag);
        break;
    }
}

#define PLACES      5u
#define KEY         "apikey: own\r\n"
#define SIDES_SPLIT 2u /* places before it are the consumer's */

static void bind_none(void)
{
    put_plugins("consumer_groups/g", "");
    put_plugins("plugin_configs/p", "");
    put_service("");
    put_consumer("");
    put_route("");
}

static void of_each_pair_of_objects_the_one_with_precedence_counts(void **state)
{
    static const char *const names[PLACES] = {"consumer", "group", "route", "plugin_config",
                                              "service"};

    (void)state;
    bind_none();
    expect("none", KEY, 200, "");
    for (size_t high = 0; high < PLACES; high++) {
        for (size_t low = high + 1; low < PLACES; low++) {
            bool by_route = high >= SIDES_SPLIT;    /* the winner is on the route's side */
            bool both_consumer = low < SIDES_SPLIT; /* nothing is on the route's side */
            char label[64];
            char wanted[TRACE_MAX];

            (void)snprintf(label, sizeof(label), "%s over %s", names[high], names[low]);
            bind_plugin(high, names[high]);
            bind_plugin(low, names[low]);
            /* With a consumer's and a route's configuration, rewrite had the route's. */
            (void)snprintf(wanted, sizeof(wanted), "rewrite %s - " VERSION "; access %s - " VERSION,
                           by_route || both_consumer ? names[high] : names[low], names[high]);
            expect(label, KEY, 200, wanted);
            bind_plugin(high, "");
            bind_plugin(low, "");
        }
    }
}

static void a_plugin_bound_to_several_objects_runs_once(void **state)
{
    (void)state;
    bind_none();
    for (size_t place = 0; place < PLACES; place++) {
        char tag[2] = {(char)('0' + place), '\0'};

        bind_plugin(place, tag);
    }
    expect("five places", KEY, 200, "rewrite 2 - " VERSION "; access 0 - " VERSION);
    bind_none();
}

static void a_global_rule_and_a_route_with_the_same_plugin_run_both(void **state)
{
    (void)state;
    bind_none();
    bind_plugin(2, "route");
    put_plugins("global_rules/1", "global");
    expect("both", KEY, 200,
           "rewrite global - " VERSION "; rewrite route - " VERSION "; access global - " VERSION
           "; access route - " VERSION);
    gateway_delete(running, "global_rules/1");
    expect("deleted", KEY, 200, "rewrite route - " VERSION "; access route - " VERSION);
    bind_none();
}

static void a_global_rule_runs_without_a_route(void **state)
{
    char trace[TRACE_MAX];

    (void)state;
    put_plugins("global_rules/1", "global");
    http_get(running->port, "/nothing", "", &got);
    trace_of(&got, trace);
    assert_int_equal(got.status, 404);
    assert_string_equal(trace, "rewrite global - " VERSION "; access global - " VERSION);
    gateway_delete(running, "global_rules/1");
    http_get(running->port, "/nothing", "", &got);
    trace_of(&got, trace);
    assert_string_equal(trace, "");
}

/* What a plugin of a global rule counts is the rule's, whichever route a request has. */
static void a_global_rule_counts_for_all_routes_together(void **state)
{
    static const char *const targets[] = {"/one", "/two", "/none"};

    (void)state;
    gateway_put(running, "routes/one",
                "{\"uri\": \"/one\", \"upstream\": {\"nodes\": {\"127.0.0.1:%u\": 1}}}",
                origin_port(upstream));
    gateway_put(running, "routes/two",
                "{\"uri\": \"/two\", \"upstream\": {\"nodes\": {\"127.0.0.1:%u\": 1}}}",
                origin_port(upstream));
    gateway_put(running, "global_rules/1",
                "{\"plugins\": {\"limit-count\": {\"count\": 3, \"time_window\": 600}}}");
    for (size_t i = 0; i < ARRAY_SIZE(targets); i++) {
        http_get(running->port, targets[i], "", &got);
        assert_int_equal(got.status, i == 2 ? 404 : 200);
    }
    for (size_t i = 0; i < ARRAY_SIZE(targets); i++) {
        http_get(running->port, targets[i], "", &got);
        assert_int_equal(got.status, 503);
    }
    gateway_delete(running, "global_rules/1");
    gateway_delete(running, "routes/one");
    gateway_delete(running, "routes/two");
}

static const char *sent_upstream(const json_t *echo, const char *name)
{
    const char *value = json_string_value(json_object_get(json_object_get(echo, "headers"), name));

    return value == NULL ? "" : value;
}

static void a_consumer_is_authenticated_by_a_credential(void **state)
{
    json_t *echo;

    (void)state;
    bind_none();
    expect("before", "apikey: one\r\n", 401, "");
    gateway_put(running, "consumers/jack/credentials/first",
                "{\"plugins\": {\"key-auth\": {\"key\": \"one\"}}}");
    gateway_put(running, "consumers/jack/credentials/second",
                "{\"plugins\": {\"key-auth\": {\"key\": \"two\"}}}");
    bind_plugin(1, "group");
    expect("first", "apikey: one\r\n", 200, "rewrite group - " VERSION "; access group - " VERSION);
    expect("second", "apikey: two\r\nX-Credential-Identifier: forged\r\n", 200, NULL);
    echo = json_loads(got.body, 0, NULL);
    assert_string_equal(sent_upstream(echo, "x-consumer-username"), "jack");
    assert_string_equal(sent_upstream(echo, "x-credential-identifier"), "second");
    assert_string_equal(sent_upstream(echo, "x-consumer-custom-id"), "4711");
    json_decref(echo);
    expect("the consumer's own", KEY "X-Credential-Identifier: forged\r\n", 200, NULL);
    echo = json_loads(got.body, 0, NULL);
    assert_string_equal(sent_upstream(echo, "x-credential-identifier"), "");
    json_decref(echo);
    gateway_delete(running, "consumers/jack/credentials/first");
    expect("deleted", "apikey: one\r\n", 401, "");
    expect("the other one stays", "apikey: two\r\n", 200, NULL);
    gateway_delete(running, "consumers/jack"); /* and with it its credentials */
    expect("without its consumer", "apikey: two\r\n", 401, "");
    bind_none();
    expect("back, without its credentials", "apikey: two\r\n", 401, "");
}

static void a_change_of_a_group_is_in_force_at_once(void **state)
{
    (void)state;
    bind_none();
    for (int i = 0; i < 20; i++) {
        char tag[16];
        char wanted[TRACE_MAX];

        (void)snprintf(tag, sizeof(tag), "change-%d", i);
        (void)snprintf(wanted, sizeof(wanted), "rewrite %s - " VERSION "; access %s - " VERSION,
                       tag, tag);
        put_plugins("consumer_groups/g", tag);
        expect(tag, KEY, 200, wanted);
    }
    bind_none();
}

static void a_change_of_metadata_is_in_force_at_once(void **state)
{
    (void)state;
    bind_none();
    bind_plugin(2, "route");
    for (int i = 0; i < 20; i++) {
        char wanted[TRACE_MAX];

        (void)snprintf(wanted, sizeof(wanted),
                       "rewrite route %d " VERSION "; access route %d " VERSION, i, i);
        gateway_put(running, "plugin_metadata/trace", "{\"word\": \"%d\"}", i);
        expect("stored", KEY, 200, wanted);
    }
    gateway_delete(running, "plugin_metadata/trace");
    expect("deleted", KEY, 200, "rewrite route - " VERSION "; access route - " VERSION);
    bind_none();
}

static void metadata_is_judged_when_it_is_written(void **state)
{
    admin_reply reply = gateway_admin(running, "PUT", "plugin_metadata/trace", "{\"word\": 7}");

    (void)state;
    assert_int_equal(reply.status, 400);
    assert_non_null(strstr(reply.text, "word"));
    admin_reply_done(&reply);
}

static void forced(const char *key)
{
    char path[128];
    admin_reply reply;

    (void)snprintf(path, sizeof(path), "%s?force=true", key);
    reply = gateway_admin(running, "DELETE", path, NULL);
    assert_int_equal(reply.status, 200);
    admin_reply_done(&reply);
}

static void an_object_that_was_deleted_by_force_is_answered_and_logged(void **state)
{
    (void)state;
    bind_none();
    expect("all are there", KEY, 200, "");
    forced("plugin_configs/p");
    expect("no plugin config", KEY, 503, "");
    gateway_wait_log(running, "logs/error.log", "route traced: plugin config p is not there");
    put_plugins("plugin_configs/p", "back");
    expect("it is back", KEY, 200, "rewrite back - " VERSION "; access back - " VERSION);
    forced("consumer_groups/g");
    expect("no group", KEY, 503, NULL);
    gateway_wait_log(running, "logs/error.log", "consumer jack: consumer group g is not there");
    put_plugins("consumer_groups/g", "");
    forced("services/s");
    expect("no service", KEY, 404, "");
    bind_none();
    expect("all are back", KEY, 200, "");
}

/* A reload that some live configuration does not survive, wherever it is bound, changes nothing. */
static void a_reload_is_refused_by_a_configuration_of_any_kind(void **state)
{
    static const struct {
        const char *key;
        const char *json;
    } rows[] = {
        {"plugin_configs/long", "{\"plugins\": {\"trace\": {\"tag\": \"much too long\"}}}"},
        {"consumer_groups/long", "{\"plugins\": {\"trace\": {\"tag\": \"much too long\"}}}"},
        {"global_rules/long", "{\"plugins\": {\"trace\": {\"tag\": \"much too long\"}}}"},
        {"plugin_metadata/trace", "{\"word\": \"much too long\"}"},
    };

    (void)state;
    bind_none();
    bind_plugin(2, "route");
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        char flags[64]; /* another object each time: one that was refused is not tried again */
        admin_reply reply;

        (void)snprintf(flags, sizeof(flags), "-DTAG_MAX=8 -DVERSION='\"1.9.%zu\"'", i);
        author_install(running, "trace", "trace", flags);
        gateway_put(running, rows[i].key, "%s", rows[i].json);
        reply = gateway_admin(running, "PUT", "plugins/reload", NULL);
        if (reply.status != 409 || strstr(reply.text, rows[i].key) == NULL) {
            fail_msg("%s: %ld %s", rows[i].key, reply.status, reply.text);
        }
        admin_reply_done(&reply);
        expect(rows[i].key, KEY, 200, NULL);
        assert_non_null(strstr(got.head, " " VERSION));
        gateway_delete(running, rows[i].key);
    }
    put_plugins("global_rules/1", "global");
    gateway_put(running, "plugin_metadata/trace", "{\"word\": \"short\"}");
    author_install(running, "trace", "trace", "-DTAG_MAX=8 -DVERSION='\"2.0.0\"'");
    json_decref(gateway_reload(running));
    expect("reloaded", KEY, 200,
           "rewrite global short 2.0.0; rewrite route short 2.0.0; access global short 2.0.0; "
           "access route short 2.0.0");
    assert_int_equal(gateway_sum(running, "objects_pinned"), 0);
    gateway_delete(running, "global_rules/1");
    gateway_delete(running, "plugin_metadata/trace");
    bind_none();
}

/* What one phase of a request shows, by the filter of a plugin that runs in it. */
static void a_filter_decides_for_each_request(void **state)
{
    static const struct {
        const char *label;
        const char *plugin; /* and its configuration, %s the filter */
        const char *filter;
        const char *target;
        const char *headers;
        const char *head; /* part of the response's head if the plugin runs */
        bool runs;
    } rows[] = {
        {"an argument", "trace", "[[\"arg_a\", \"==\", \"1\"]]", "/filtered?a=1", "",
         "X-Trace: access", true},
        {"another argument", "trace", "[[\"arg_a\", \"==\", \"1\"]]", "/filtered?a=2", "",
         "X-Trace: access", false},
        {"a header", "trace", "[[\"http_x_kind\", \"~*\", \"^GOLD$\"]]", "/filtered",
         "X-Kind: gold\r\n", "X-Trace: access", true},
        {"the client", "trace", "[[\"remote_addr\", \"ipmatch\", [\"127.0.0.0/8\"]]]", "/filtered",
         "", "X-Trace: access", true},
        {"what the response is, in a phase that knows it", "response-rewrite",
         "[[\"status\", \"==\", 200]]", "/filtered", "", "X-Rewritten: yes", true},
        {"the upstream's header", "response-rewrite",
         "[[\"sent_http_content_type\", \"==\", \"none/such\"]]", "/filtered", "",
         "X-Rewritten: yes", false},
        {"the response, in a phase that does not know it yet", "trace",
         "[[\"upstream_status\", \"==\", \"200\"]]", "/filtered", "", "X-Trace: access", false},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        bool trace = strcmp(rows[i].plugin, "trace") == 0;

        gateway_put(running, "routes/filtered",
                    "{\"uri\": \"/filtered\", \"upstream\": {\"nodes\": {\"127.0.0.1:%u\": 1}},"
                    " \"plugins\": {\"%s\": {%s, \"_meta\": {\"filter\": %s}}}}",
                    origin_port(upstream), rows[i].plugin,
                    trace ? "\"tag\": \"f\"" : "\"headers\": {\"X-Rewritten\": \"yes\"}",
                    rows[i].filter);
        for (size_t k = 0; k < worker_count; k++) {
            connection_request(&pinned[k], "GET", rows[i].target, rows[i].headers, NULL, &got);
            assert_int_equal(got.status, 200);
            if ((strstr(got.head, rows[i].head) != NULL) != rows[i].runs) {
                fail_msg("%s: %s", rows[i].label, got.head);
            }
        }
    }
    gateway_delete(running, "routes/filtered");
}

/* What a plugin has changed is seen by the next one, also if it was looked at before. */
static void a_filter_sees_what_a_plugin_before_it_has_changed(void **state)
{
    (void)state;
    gateway_put(running, "routes/filtered",
                "{\"uri\": \"/filtered\", \"upstream\": {\"nodes\": {\"127.0.0.1:%u\": 1}},"
                " \"plugins\": {"
                "\"proxy-rewrite\": {\"headers\": {\"set\": {\"X-Dash-Ed\": \"new\"}},"
                " \"_meta\": {\"filter\": [[\"http_x_dash_ed\", \"==\", \"old\"]]}},"
                "\"trace\": {\"tag\": \"f\","
                " \"_meta\": {\"filter\": [[\"http_x_dash_ed\", \"==\", \"new\"]]}}}}",
                origin_port(upstream));
    for (size_t k = 0; k < worker_count; k++) {
        connection_request(&pinned[k], "GET", "/filtered", "X-Dash-Ed: old\r\n", NULL, &got);
        assert_non_null(strstr(got.head, "X-Trace: rewrite"));
        connection_request(&pinned[k], "GET", "/filtered", "X-Dash-Ed: other\r\n", NULL, &got);
        assert_null(strstr(got.head, "X-Trace: rewrite"));
    }
    gateway_delete(running, "routes/filtered");
}

static void a_filter_in_the_notation_of_the_old_page_is_refused_with_the_right_one(void **state)
{
    static const char *const rows[] = {
        "{\"uri\": \"/f\", \"plugins\": {\"trace\": {\"tag\": \"f\", \"_meta\": {\"filter\":"
        " { {\"arg_version\", \"==\", \"v2\"} }}}}}",
        "{\"uri\": \"/f\", \"plugins\": {\"trace\": {\"tag\": \"f\", \"_meta\": {\"filter\":"
        " [{\"arg_version\": \"v2\"}]}}}}",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        admin_reply reply = gateway_admin(running, "PUT", "routes/f", rows[i]);

        if (reply.status != 400 ||
            strstr(reply.text, "arg_version\\\",\\\"==\\\",\\\"v2") == NULL) {
            fail_msg("%ld %s", reply.status, reply.text);
        }
        admin_reply_done(&reply);
    }
}

static void all_kinds_outlive_a_restart(void **state)
{
    (void)state;
    bind_none();
    bind_plugin(3, "p");
    put_plugins("global_rules/1", "global");
    gateway_put(running, "plugin_metadata/trace", "{\"word\": \"kept\"}");
    gateway_put(running, "consumers/jack/credentials/first",
                "{\"plugins\": {\"key-auth\": {\"key\": \"one\"}}}");
    unpin();
    assert_int_equal(gateway_stop(running, SIGQUIT), 0);
    gateway_start(running);
    pin();
    expect("restarted", "apikey: one\r\n", 200,
           "rewrite global kept 2.0.0; rewrite p kept 2.0.0; access global kept 2.0.0; "
           "access p kept 2.0.0");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(of_each_pair_of_objects_the_one_with_precedence_counts),
        cmocka_unit_test(a_plugin_bound_to_several_objects_runs_once),
        cmocka_unit_test(a_global_rule_and_a_route_with_the_same_plugin_run_both),
        cmocka_unit_test(a_global_rule_runs_without_a_route),
        cmocka_unit_test(a_global_rule_counts_for_all_routes_together),
        cmocka_unit_test(a_consumer_is_authenticated_by_a_credential),
        cmocka_unit_test(a_change_of_a_group_is_in_force_at_once),
        cmocka_unit_test(a_change_of_metadata_is_in_force_at_once),
        cmocka_unit_test(metadata_is_judged_when_it_is_written),
        cmocka_unit_test(an_object_that_was_deleted_by_force_is_answered_and_logged),
        cmocka_unit_test(a_filter_decides_for_each_request),
        cmocka_unit_test(a_filter_sees_what_a_plugin_before_it_has_changed),
        cmocka_unit_test(a_filter_in_the_notation_of_the_old_page_is_refused_with_the_right_one),
        cmocka_unit_test(a_reload_is_refused_by_a_configuration_of_any_kind),
        cmocka_unit_test(all_kinds_outlive_a_restart),
    };

    return report(cmocka_run_group_tests(tests, set_up, tear_down));
}
