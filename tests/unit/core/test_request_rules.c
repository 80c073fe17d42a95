/* tests/unit/core/test_request_rules.c - the rules by which a request goes through its plugins: the
 * order, its end, who it belongs to, what a route takes from its service. */
#include <stdio.h>
#include <string.h>

#include "tests/unit/core/requests.h"
#include "tests/unit/unit.h"

#define PLUGINS                                                                                    \
    "unit_a=1 unit_auth=2 unit_b=3 unit_c=4 unit_auth_wait=5 unit_delayed=6 unit_global=7"
#define UPSTREAM "\"upstream\":{\"nodes\":{\"127.0.0.1:1\":1,\"127.0.0.1:2\":1}}"
#define JSON     "application/json"
#define TEXT     "text/plain; charset=utf-8"

static int set_up(void **state)
{
    (void)state;
    requests_set_up(PLUGINS, NULL);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    requests_tear_down();
    return 0;
}

static void say_header(const char *name, const char *value)
{
    on.client.headers[on.client.header_count++] = (hg_header){hg_text_of(name), hg_text_of(value)};
}

/* A response, its body in two pieces. */
static void respond(hg_request *request)
{
    static const char *const pieces[] = {"first", "second"};

    (void)hgh_request_header_filter(request);
    for (size_t i = 0; i < ARRAY_SIZE(pieces) && hgh_request_has_body_filters(request); i++) {
        hg_text sent;

        assert_int_equal(hgh_request_body_filter(request, hg_text_of(pieces[i]),
                                                 i + 1 == ARRAY_SIZE(pieces), &sent),
                         HG_OK);
    }
    hgh_request_log(request);
}

/* A whole request; what it did is in the log. */
static uint32_t run(void)
{
    hg_request *request;
    uint32_t status = 200;

    fake_log_clear();
    request = hgh_request_new(on.runtime, &on.client);
    assert_non_null(request);
    if (hgh_request_run(request) == HGH_ANSWER) {
        status = request->exit.status;
    }
    respond(request);
    hgh_request_done(request);
    (void)fake_engine_run();
    return status;
}

static void expect_log(const char *label, const char *wanted)
{
    if (strcmp(fake_log_text(), wanted) != 0) {
        fail_msg("%s: got\n%s", label, fake_log_text());
    }
}

/* ----------------------------------------------------------------------------------- order */

static void phases_follow_one_another_and_global_rules_come_first(void **state)
{
    (void)state;
    request_object_put(HGH_GLOBAL_RULES, "1",
                       "{\"plugins\":{\"unit_a\":{\"tag\":\"g\",\"_meta\":{\"priority\":-9}}}}");
    request_object_put(HGH_CONSUMERS, "jack",
                       "{\"plugins\":{\"unit_auth\":{\"key\":\"k\"},\"unit_b\":{\"tag\":\"c\"}}}");
    request_object_put(
        HGH_ROUTES, "1",
        "{\"uri\":\"/\"," UPSTREAM
        ",\"plugins\":{\"unit_auth\":{\"tag\":\"r\"},\"unit_delayed\":{\"tag\":\"r\"}}}");
    say_header("key", "k");
    assert_int_equal(run(), 200);
    expect_log("pipeline", "plugin unit_a: rewrite:g\n"
                           "plugin unit_delayed: rewrite:r\n"
                           "plugin unit_auth: rewrite:r\n"
                           "plugin unit_auth: key:k\n"
                           "plugin unit_b: rewrite:c\n"
                           "plugin unit_a: access:g\n"
                           "plugin unit_delayed: access:r\n"
                           "plugin unit_auth: access:r\n"
                           "plugin unit_b: access:c\n"
                           "plugin unit_a: before_proxy:g\n"
                           "plugin unit_delayed: before_proxy:r\n"
                           "plugin unit_auth: before_proxy:r\n"
                           "plugin unit_b: before_proxy:c\n"
                           "plugin unit_a: header_filter:g\n"
                           "plugin unit_delayed: header_filter:r\n"
                           "plugin unit_auth: header_filter:r\n"
                           "plugin unit_b: header_filter:c\n"
                           "plugin unit_a: body_filter:g\n"
                           "plugin unit_delayed: body_filter:r\n"
                           "plugin unit_auth: body_filter:r\n"
                           "plugin unit_b: body_filter:c\n"
                           "plugin unit_delayed: delayed_body_filter:r\n"
                           "plugin unit_a: body_filter:g\n"
                           "plugin unit_delayed: body_filter:r\n"
                           "plugin unit_auth: body_filter:r\n"
                           "plugin unit_b: body_filter:c\n"
                           "plugin unit_delayed: delayed_body_filter:r\n"
                           "plugin unit_a: log:g\n"
                           "plugin unit_delayed: log:r\n"
                           "plugin unit_auth: log:r\n"
                           "plugin unit_b: log:c\n");
}

/* ------------------------------------------------------------------------------------- end */

#define FILTERS(tag_global, tag_first, tag_second)                                                 \
    "plugin unit_a: header_filter:" tag_global "\nplugin unit_b: header_filter:" tag_first         \
    "\nplugin unit_c: header_filter:" tag_second "\nplugin unit_a: body_filter:" tag_global        \
    "\nplugin unit_b: body_filter:" tag_first "\nplugin unit_c: body_filter:" tag_second           \
    "\nplugin unit_a: body_filter:" tag_global "\nplugin unit_b: body_filter:" tag_first           \
    "\nplugin unit_c: body_filter:" tag_second "\nplugin unit_a: log:" tag_global                  \
    "\nplugin unit_b: log:" tag_first "\nplugin unit_c: log:" tag_second "\n"

#define EXIT(plugin) plugin " exits with http status code 429\n"

/* What is behind the end does not run; filters and logs of all do, also of those that never ran. */
static void an_end_skips_what_follows_and_filters_and_logs_of_all_run(void **state)
{
    static const struct {
        const char *label;
        const char *global; /* more members of unit_a's configuration there */
        const char *first;  /* of unit_b's, on the route */
        const char *log;
    } cases[] = {
        {"rewrite of a global rule", ",\"exit_status\":429,\"exit_in\":\"rewrite\"", "",
         "plugin unit_a: rewrite:g\nunit_a exits with http status code 429\n" FILTERS("g", "1",
                                                                                      "2")},
        {"rewrite of the route", "", ",\"exit_status\":429,\"exit_in\":\"rewrite\"",
         "plugin unit_a: rewrite:g\nplugin unit_b: rewrite:1\n" EXIT("unit_b")
             FILTERS("g", "1", "2")},
        {"access of a global rule", ",\"exit_status\":429,\"exit_in\":\"access\"", "",
         "plugin unit_a: rewrite:g\nplugin unit_b: rewrite:1\nplugin unit_c: rewrite:2\n"
         "plugin unit_a: access:g\n" EXIT("unit_a") FILTERS("g", "1", "2")},
        {"access of the route", "", ",\"exit_status\":429,\"exit_in\":\"access\"",
         "plugin unit_a: rewrite:g\nplugin unit_b: rewrite:1\nplugin unit_c: rewrite:2\n"
         "plugin unit_a: access:g\nplugin unit_b: access:1\n" EXIT("unit_b")
             FILTERS("g", "1", "2")},
        {"before_proxy of a global rule", ",\"exit_status\":429,\"exit_in\":\"before_proxy\"", "",
         "plugin unit_a: rewrite:g\nplugin unit_b: rewrite:1\nplugin unit_c: rewrite:2\n"
         "plugin unit_a: access:g\nplugin unit_b: access:1\nplugin unit_c: access:2\n"
         "plugin unit_a: before_proxy:g\n" EXIT("unit_a") FILTERS("g", "1", "2")},
        {"before_proxy of the route", "", ",\"exit_status\":429,\"exit_in\":\"before_proxy\"",
         "plugin unit_a: rewrite:g\nplugin unit_b: rewrite:1\nplugin unit_c: rewrite:2\n"
         "plugin unit_a: access:g\nplugin unit_b: access:1\nplugin unit_c: access:2\n"
         "plugin unit_a: before_proxy:g\nplugin unit_b: before_proxy:1\n" EXIT("unit_b")
             FILTERS("g", "1", "2")},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        char json[512];

        (void)snprintf(json, sizeof(json), "{\"plugins\":{\"unit_a\":{\"tag\":\"g\"%s}}}",
                       cases[i].global);
        request_object_put(HGH_GLOBAL_RULES, "1", json);
        (void)snprintf(json, sizeof(json),
                       "{\"uri\":\"/\"," UPSTREAM
                       ",\"plugins\":{\"unit_b\":{\"tag\":\"1\"%s},\"unit_c\":{\"tag\":\"2\"}}}",
                       cases[i].first);
        request_object_put(HGH_ROUTES, "1", json);
        assert_int_equal(run(), 429);
        expect_log(cases[i].label, cases[i].log);
    }
}

static void an_end_may_have_any_status(void **state)
{
    static const uint32_t statuses[] = {200, 201, 204, 302, 304, 399, 400, 418, 500, 599};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(statuses); i++) {
        char json[256];
        char line[64];

        (void)snprintf(json, sizeof(json),
                       "{\"uri\":\"/\"," UPSTREAM ",\"plugins\":{\"unit_a\":{\"exit_status\":%u}}}",
                       statuses[i]);
        request_object_put(HGH_ROUTES, "1", json);
        (void)snprintf(line, sizeof(line), "unit_a exits with http status code %u", statuses[i]);
        if (run() != statuses[i] || fake_log_count(line) != (statuses[i] < 400 ? 0 : 1) ||
            fake_log_count("before_proxy") != 0) {
            fail_msg("%u: %s", statuses[i], fake_log_text());
        }
    }
}

static void an_error_response_replaces_the_body_from_400_on_and_nothing_else(void **state)
{
    static const struct {
        const char *label;
        const char *plugins;
        uint32_t status;
        const char *body;
        const char *type;
    } cases[] = {
        {"object", "\"unit_a\":{\"exit_status\":400,\"_meta\":{\"error_response\":{\"a\":\"b\"}}}",
         400, "{\"a\":\"b\"}\n", JSON},
        {"text", "\"unit_a\":{\"exit_status\":503,\"_meta\":{\"error_response\":\"not now\"}}", 503,
         "not now", TEXT},
        {"empty text", "\"unit_a\":{\"exit_status\":403,\"_meta\":{\"error_response\":\"\"}}", 403,
         "", TEXT},
        {"text that looks like JSON stays a text",
         "\"unit_a\":{\"exit_status\":403,\"_meta\":{\"error_response\":\"{}\"}}", 403, "{}", TEXT},
        {"in rewrite",
         "\"unit_a\":{\"exit_status\":401,\"exit_in\":\"rewrite\",\"_meta\":{\"error_response\":"
         "\"r\"}}",
         401, "r", TEXT},
        {"in before_proxy",
         "\"unit_a\":{\"exit_status\":401,\"exit_in\":\"before_proxy\",\"_meta\":{\"error_"
         "response\":"
         "\"p\"}}",
         401, "p", TEXT},
        {"below 400", "\"unit_a\":{\"exit_status\":399,\"_meta\":{\"error_response\":\"no\"}}", 399,
         "{\"error_msg\":\"399 Error\"}\n", JSON},
        {"success", "\"unit_a\":{\"exit_status\":200,\"_meta\":{\"error_response\":\"no\"}}", 200,
         "", NULL},
        {"no content", "\"unit_a\":{\"exit_status\":204}", 204, "", NULL},
        {"not modified", "\"unit_a\":{\"exit_status\":304}", 304, "", NULL},
        {"found", "\"unit_a\":{\"exit_status\":302}", 302, "{\"error_msg\":\"302 Found\"}\n", JSON},
        {"that of another plugin",
         "\"unit_b\":{\"_meta\":{\"error_response\":\"no\"}},\"unit_a\":{\"exit_status\":403}", 403,
         "{\"error_msg\":\"403 Forbidden\"}\n", JSON},
        {"an answer of the gateway itself",
         "\"gone\":{\"_meta\":{\"error_response\":\"no\"}},\"unit_a\":{\"_meta\":{\"error_"
         "response\":"
         "\"no\"}}",
         503, "{\"error_msg\":\"503 Service Unavailable\"}\n", JSON},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        char json[512];
        hg_request *request;
        hgh_exit *end;

        (void)snprintf(json, sizeof(json), "{\"uri\":\"/\"," UPSTREAM ",\"plugins\":{%s}}",
                       cases[i].plugins);
        request_object_put(HGH_ROUTES, "1", json);
        request = hgh_request_new(on.runtime, &on.client);
        assert_int_equal(hgh_request_run(request), HGH_ANSWER);
        end = &request->exit;
        if (end->status != cases[i].status ||
            !hg_text_equal(end->body, hg_text_of(cases[i].body)) ||
            (end->content_type.data == NULL) != (cases[i].type == NULL) ||
            (cases[i].type != NULL && strcmp(end->content_type.data, cases[i].type) != 0)) {
            fail_msg("%s: %u \"%.*s\" %s", cases[i].label, end->status, (int)end->body.length,
                     end->body.data, end->content_type.data);
        }
        respond(request);
        hgh_request_done(request);
    }
}

/* -------------------------------------------------------------------------------- consumers */

static const char *header(const char *name)
{
    hg_text value = fake_engine.header(&on.client, hg_text_of(name));

    return value.data == NULL ? "" : value.data;
}

static void a_consumer_is_attached_in_rewrite_or_not_at_all(void **state)
{
    char line[32];

    (void)state;
    request_object_put(HGH_CONSUMERS, "jack",
                       "{\"plugins\":{\"unit_auth\":{\"key\":\"k\"},\"unit_b\":{\"tag\":\"c\"}}}");
    request_object_put(HGH_ROUTES, "1",
                       "{\"uri\":\"/\"," UPSTREAM ",\"plugins\":{\"unit_auth\":{\"late\":true}}}");
    say_header("key", "k");
    assert_int_equal(run(), 200);
    (void)snprintf(line, sizeof(line), "late:%d", (int)HG_ERR_TOO_LATE);
    assert_int_equal(fake_log_count(line), 1);
    assert_int_equal(fake_log_count("unit_b"), 0);
    assert_string_equal(header("X-Consumer-Username"), "");
}

static void the_last_plugin_that_attaches_a_consumer_counts(void **state)
{
    (void)state;
    request_object_put(HGH_CONSUMERS, "first",
                       "{\"plugins\":{\"unit_auth\":{\"key\":\"k\"},\"unit_b\":{\"tag\":\"1\"}}}");
    request_object_put(
        HGH_CONSUMERS, "second",
        "{\"labels\":{\"custom_id\":\"2\"},\"plugins\":{\"unit_auth_wait\":{\"key\":\"k\"},"
        "\"unit_b\":{\"tag\":\"2\"}}}");
    request_object_put(HGH_ROUTES, "1",
                       "{\"uri\":\"/\"," UPSTREAM
                       ",\"plugins\":{\"unit_auth\":{},\"unit_auth_wait\":{}}}");
    say_header("key", "k");
    assert_int_equal(run(), 200);
    assert_int_equal(fake_log_count("key:k"), 2); /* both have run */
    assert_string_equal(header("X-Consumer-Username"), "second");
    assert_string_equal(header("X-Consumer-Custom-ID"), "2");
    assert_int_equal(fake_log_count("unit_b: rewrite:2"), 1);
    assert_int_equal(fake_log_count("unit_b: rewrite:1"), 0);
    request_object_put(HGH_ROUTES, "1",
                       "{\"uri\":\"/\"," UPSTREAM
                       ",\"plugins\":{\"unit_auth\":{\"_meta\":{\"priority\":1}},"
                       "\"unit_auth_wait\":{}}}");
    assert_int_equal(run(), 200);
    assert_string_equal(header("X-Consumer-Username"), "first");
    assert_string_equal(header("X-Consumer-Custom-ID"), ""); /* that of the second one is gone */
}

static void a_forged_name_of_a_consumer_is_replaced(void **state)
{
    size_t names = 0;

    (void)state;
    request_object_put(HGH_CONSUMERS, "jack", "{\"plugins\":{\"unit_auth\":{\"key\":\"k\"}}}");
    request_object_put(HGH_ROUTES, "1",
                       "{\"uri\":\"/\"," UPSTREAM ",\"plugins\":{\"unit_auth\":{}}}");
    say_header("X-Consumer-Username", "admin");
    say_header("key", "k");
    say_header("x-consumer-username", "root");
    assert_int_equal(run(), 200);
    for (size_t i = 0; i < on.client.header_count; i++) {
        if (hg_text_equal_ignoring_case(on.client.headers[i].name,
                                        HG_TEXT("X-Consumer-Username"))) {
            assert_string_equal(on.client.headers[i].value.data, "jack");
            names++;
        }
    }
    assert_int_equal(names, 1);
}

/* Whether a consumer's plugin has its rewrite depends on the route of the request and on nothing
 * that was before. */
static void where_a_plugin_came_from_is_decided_for_each_request(void **state)
{
    (void)state;
    request_object_put(HGH_CONSUMERS, "jack",
                       "{\"plugins\":{\"unit_auth\":{\"key\":\"k\"},\"unit_a\":{\"tag\":\"c\"}}}");
    request_object_put(HGH_ROUTES, "with",
                       "{\"uri\":\"/with\"," UPSTREAM
                       ",\"plugins\":{\"unit_auth\":{},\"unit_a\":{\"tag\":\"r\"}}}");
    request_object_put(HGH_ROUTES, "without",
                       "{\"uri\":\"/without\"," UPSTREAM ",\"plugins\":{\"unit_auth\":{}}}");
    say_header("key", "k");
    for (int i = 0; i < 6; i++) {
        bool with = i % 3 != 1; /* in any order */

        on.client.uri = hg_text_of(with ? "/with" : "/without");
        assert_int_equal(run(), 200);
        if (fake_log_count("unit_a: rewrite:r") != (with ? 1 : 0) ||
            fake_log_count("unit_a: rewrite:c") != (with ? 0 : 1) ||
            fake_log_count("unit_a: access:c") != 1 || fake_log_count("unit_a: access:r") != 0) {
            fail_msg("request %d: %s", i, fake_log_text());
        }
    }
}

/* ------------------------------------------------------------------------ route and service */

static void what_a_route_has_takes_the_place_of_its_services(void **state)
{
    static const struct {
        const char *label;
        const char *route;
        const char *service;
        const char *node;       /* where the request goes */
        uint64_t read_ms;       /* 0: not told */
        const char *route_name; /* "": none */
    } cases[] = {
        {"the service's upstream", "", "\"upstream\":{\"nodes\":{\"10.0.0.2\":1}}", "10.0.0.2", 0,
         ""},
        {"the service's id", "", "\"upstream_id\":\"u\"", "10.0.0.9", 0, ""},
        {"the route's upstream", "\"upstream\":{\"nodes\":{\"10.0.0.1\":1}}",
         "\"upstream\":{\"nodes\":{\"10.0.0.2\":1}}", "10.0.0.1", 0, ""},
        {"the route's id before the service's upstream", "\"upstream_id\":\"u\"",
         "\"upstream\":{\"nodes\":{\"10.0.0.2\":1}}", "10.0.0.9", 0, ""},
        {"the route's upstream before the service's id",
         "\"upstream\":{\"nodes\":{\"10.0.0.1\":1}}", "\"upstream_id\":\"u\"", "10.0.0.1", 0, ""},
        {"an id before an upstream",
         "\"upstream_id\":\"u\",\"upstream\":{\"nodes\":{\"10.0.0.1\":1}}", "", "10.0.0.9", 0, ""},
        {"the upstream's times", "",
         "\"upstream\":{\"nodes\":{\"10.0.0.2\":1},\"timeout\":{\"connect\":1,\"send\":1,\"read\":"
         "7}}",
         "10.0.0.2", 7000, ""},
        {"the route's times", "\"timeout\":{\"connect\":2,\"send\":2,\"read\":3}",
         "\"upstream\":{\"nodes\":{\"10.0.0.2\":1},\"timeout\":{\"connect\":1,\"send\":1,\"read\":"
         "7}}",
         "10.0.0.2", 3000, ""},
        {"the route's name", "\"name\":\"mine\"",
         "\"name\":\"theirs\",\"upstream\":{\"nodes\":{\"10.0.0.2\":1}}", "10.0.0.2", 0, "mine"},
        {"no name of the route", "",
         "\"name\":\"theirs\",\"upstream\":{\"nodes\":{\"10.0.0.2\":1}}", "10.0.0.2", 0, ""},
    };

    (void)state;
    request_object_put(HGH_UPSTREAMS, "u", "{\"nodes\":{\"10.0.0.9\":1}}");
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        char json[512];
        hg_request *request;
        hg_text name;

        (void)snprintf(json, sizeof(json), "{%s}", cases[i].service);
        request_object_put(HGH_SERVICES, "s", json);
        (void)snprintf(json, sizeof(json), "{\"uri\":\"/\",\"service_id\":\"s\"%s%s}",
                       cases[i].route[0] == '\0' ? "" : ",", cases[i].route);
        request_object_put(HGH_ROUTES, "1", json);
        request = hgh_request_new(on.runtime, &on.client);
        if (hgh_request_run(request) != HGH_GO_UPSTREAM ||
            strcmp(request->target.node->host.data, cases[i].node) != 0 ||
            (cases[i].read_ms != 0 && request->target.timeouts.read_ms != cases[i].read_ms)) {
            fail_msg("%s: %s", cases[i].label, fake_log_text());
        }
        name = hgh_request_variable(request, HG_TEXT("route_name"));
        assert_string_equal(name.data == NULL ? "" : name.data, cases[i].route_name);
        hgh_request_done(request);
    }
}

/* ----------------------------------------------------------------------------------- _meta */

/* Nothing of it is put together from several objects. */
static void meta_is_that_of_the_configuration_that_counts(void **state)
{
    (void)state;
    request_object_put(HGH_SERVICES, "s",
                       "{\"plugins\":{\"unit_a\":{\"exit_status\":403,\"_meta\":{\"priority\":99,"
                       "\"error_response\":\"service\",\"filter\":[[\"arg_x\",\"==\",\"1\"]]}}}}");
    request_object_put(HGH_ROUTES, "1",
                       "{\"uri\":\"/\",\"service_id\":\"s\"," UPSTREAM
                       ",\"plugins\":{\"unit_a\":{\"tag\":\"r\"},\"unit_b\":{}}}");
    assert_int_equal(run(), 200);
    assert_int_equal(fake_log_count("unit_a: access:r"), 1); /* without the filter */
    assert_non_null(strstr(fake_log_text(), "unit_b: access:-\nplugin unit_a: access:r\n"));
}

static void the_answer_of_a_filter_holds_for_all_tries(void **state)
{
    hg_request *request;

    (void)state;
    request_object_put(
        HGH_ROUTES, "1",
        "{\"uri\":\"/\"," UPSTREAM
        ",\"plugins\":{\"unit_a\":{\"_meta\":{\"filter\":[[\"arg_x\",\"==\",\"1\"]]}},"
        "\"unit_b\":{\"_meta\":{\"filter\":[[\"arg_x\",\"==\",\"2\"]]}}}}");
    on.client.arguments = HG_TEXT("x=1");
    request = hgh_request_new(on.runtime, &on.client);
    assert_int_equal(hgh_request_run(request), HGH_GO_UPSTREAM);
    on.client.arguments = HG_TEXT("x=2");
    fake_log_clear();
    assert_true(hgh_request_retry(request));
    expect_log("retry", "plugin unit_a: before_proxy:-\n");
    hgh_request_done(request);
}

static void a_priority_of_its_own_outlives_a_reload(void **state)
{
    char entries[512];

    (void)state;
    request_object_put(HGH_ROUTES, "1",
                       "{\"uri\":\"/\"," UPSTREAM
                       ",\"plugins\":{\"unit_a\":{\"_meta\":{\"priority\":99}},\"unit_b\":{}}}");
    request_object_put(HGH_ROUTES, "2",
                       "{\"uri\":\"/2\"," UPSTREAM ",\"plugins\":{\"unit_a\":{},\"unit_b\":{}}}");
    for (int i = 0; i < 2; i++) {
        on.client.uri = HG_TEXT("/");
        assert_int_equal(run(), 200);
        assert_non_null(strstr(fake_log_text(), "unit_a: access:-\nplugin unit_b: access:-\n"));
        on.client.uri = HG_TEXT("/2"); /* it holds for its own object */
        assert_int_equal(run(), 200);
        assert_non_null(strstr(fake_log_text(), "unit_b: access:-\nplugin unit_a: access:-\n"));
        if (i == 0) {
            (void)snprintf(entries, sizeof(entries), "unit_b=3 unit_a=11@%s",
                           plugin_copy(&on.place, "unit_a", "unit_a.2.so"));
            requests_generation_set(entries, NULL);
        }
    }
}

#define RULE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        RULE(phases_follow_one_another_and_global_rules_come_first),
        RULE(an_end_skips_what_follows_and_filters_and_logs_of_all_run),
        RULE(an_end_may_have_any_status),
        RULE(an_error_response_replaces_the_body_from_400_on_and_nothing_else),
        RULE(a_consumer_is_attached_in_rewrite_or_not_at_all),
        RULE(the_last_plugin_that_attaches_a_consumer_counts),
        RULE(a_forged_name_of_a_consumer_is_replaced),
        RULE(where_a_plugin_came_from_is_decided_for_each_request),
        RULE(what_a_route_has_takes_the_place_of_its_services),
        RULE(meta_is_that_of_the_configuration_that_counts),
        RULE(the_answer_of_a_filter_holds_for_all_tries),
        RULE(a_priority_of_its_own_outlives_a_reload),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
