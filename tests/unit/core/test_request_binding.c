/* tests/unit/core/test_request_binding.c - which plugins a request meets, wherever they are bound.
 */
#include <stdio.h>
#include <string.h>

#include "tests/unit/core/requests.h"
#include "tests/unit/unit.h"

#define PLUGINS                                                                                    \
    "unit_a=1 unit_auth=2 unit_b=3 unit_c=4 unit_metadata=5 unit_auth_wait=6 unit_global=7"
#define UPSTREAM "\"upstream\":{\"nodes\":{\"127.0.0.1:1\":1,\"127.0.0.1:2\":1}}"
#define A(tag)   "\"unit_a\":{\"tag\":\"" tag "\"}"
#define AUTH     "\"unit_auth\":{\"key\":\"k\"}"

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

static void take(hgh_resource_kind kind, const char *id)
{
    assert_int_equal(hgh_runtime_delete(on.runtime, kind, hg_text_of(id)), HG_OK);
}

/* Runs a whole request, and leaves what it did in the log. */
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
    (void)hgh_request_header_filter(request);
    hgh_request_log(request);
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

static void say_key(const char *key)
{
    on.client.headers[on.client.header_count++] = (hg_header){HG_TEXT("key"), hg_text_of(key)};
}

static const char *header(const char *name)
{
    hg_text value = fake_engine.header(&on.client, hg_text_of(name));

    return value.data == NULL ? "" : value.data;
}

/* ----------------------------------------------------------------------------------- merge */

static void a_plugin_bound_to_several_objects_runs_once(void **state)
{
    (void)state;
    request_object_put(HGH_SERVICES, "s", "{" UPSTREAM ",\"plugins\":{" A("s") "}}");
    request_object_put(HGH_PLUGIN_CONFIGS, "p", "{\"plugins\":{" A("p") "}}");
    request_object_put(HGH_CONSUMER_GROUPS, "g", "{\"plugins\":{" A("g") "}}");
    request_object_put(HGH_CONSUMERS, "jack",
                       "{\"group_id\":\"g\",\"plugins\":{" AUTH "," A("c") "}}");
    request_object_put(
        HGH_ROUTES, "1",
        "{\"uri\":\"/\",\"service_id\":\"s\",\"plugin_config_id\":\"p\",\"plugins\":{"
        "\"unit_auth\":{}," A("r") "}}");
    say_key("k");
    assert_int_equal(run(), 200);
    assert_int_equal(fake_log_count("plugin unit_a: rewrite:"), 1);
    assert_int_equal(fake_log_count("plugin unit_a: access:"), 1);
    assert_int_equal(fake_log_count("plugin unit_a: before_proxy:"), 1);
    assert_int_equal(fake_log_count("plugin unit_a: header_filter:"), 1);
    assert_int_equal(fake_log_count("plugin unit_a: log:"), 1);
    assert_int_equal(fake_log_count("plugin unit_a: rewrite:r"), 1);
    assert_int_equal(fake_log_count("plugin unit_a: access:c"), 1);
}

static void the_routes_rewrite_runs_before_that_of_the_consumers_plugins(void **state)
{
    (void)state;
    request_object_put(HGH_CONSUMER_GROUPS, "g", "{\"plugins\":{\"unit_b\":{\"tag\":\"g\"}}}");
    request_object_put(HGH_CONSUMERS, "jack",
                       "{\"group_id\":\"g\",\"plugins\":{" AUTH
                       ",\"unit_a\":{\"tag\":\"c\",\"_meta\":{"
                       "\"priority\":99}}}}");
    request_object_put(HGH_ROUTES, "1",
                       "{\"uri\":\"/\"," UPSTREAM
                       ",\"plugins\":{\"unit_auth\":{},\"unit_c\":{\"tag\":\"r\"}}}");
    say_key("k");
    assert_int_equal(run(), 200);
    assert_non_null(strstr(fake_log_text(), "plugin unit_auth: rewrite:-\n"
                                            "plugin unit_auth: key:k\n"
                                            "plugin unit_c: rewrite:r\n"
                                            "plugin unit_a: rewrite:c\n"
                                            "plugin unit_b: rewrite:g\n"
                                            "plugin unit_a: access:c\n"
                                            "plugin unit_auth: access:-\n"
                                            "plugin unit_b: access:g\n"
                                            "plugin unit_c: access:r\n"));
}

/* What the plugin unit_a runs with in access; "" if it does not run. */
static void expect_tag(const char *label, const char *tag)
{
    char line[64];

    assert_int_equal(run(), 200);
    (void)snprintf(line, sizeof(line), "plugin unit_a: access:%s\n", tag);
    if (fake_log_count("plugin unit_a: access:") != (tag[0] == '\0' ? 0 : 1) ||
        (tag[0] != '\0' && fake_log_count(line) != 1)) {
        fail_msg("%s: wanted \"%s\", got\n%s", label, tag, fake_log_text());
    }
}

static void a_change_of_any_object_is_in_force_at_once(void **state)
{
    static const struct {
        const char *label;
        hgh_resource_kind kind;
        const char *id;
    } cases[] = {
        {"service", HGH_SERVICES, "s"},
        {"plugin config", HGH_PLUGIN_CONFIGS, "p"},
        {"group", HGH_CONSUMER_GROUPS, "g"},
        {"global rule", HGH_GLOBAL_RULES, "1"},
    };

    (void)state;
    request_object_put(HGH_SERVICES, "s", "{}");
    request_object_put(HGH_PLUGIN_CONFIGS, "p", "{\"plugins\":{}}");
    request_object_put(HGH_CONSUMER_GROUPS, "g", "{\"plugins\":{}}");
    request_object_put(HGH_CONSUMERS, "jack", "{\"group_id\":\"g\",\"plugins\":{" AUTH "}}");
    request_object_put(HGH_ROUTES, "1",
                       "{\"uri\":\"/\",\"service_id\":\"s\",\"plugin_config_id\":\"p\"," UPSTREAM
                       ",\"plugins\":{\"unit_auth\":{}}}");
    say_key("k");
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        expect_tag(cases[i].label, "");
        request_object_put(cases[i].kind, cases[i].id, "{\"plugins\":{" A("1") "}}");
        expect_tag(cases[i].label, "1");
        request_object_put(cases[i].kind, cases[i].id, "{\"plugins\":{" A("2") "}}");
        expect_tag(cases[i].label, "2");
        request_object_put(cases[i].kind, cases[i].id, "{\"plugins\":{}}");
    }
}

static void a_named_object_that_has_gone_is_answered_and_logged(void **state)
{
    static const struct {
        const char *label;
        hgh_resource_kind kind;
        const char *id;
        uint32_t status;
        const char *line;
    } cases[] = {
        {"plugin config", HGH_PLUGIN_CONFIGS, "p", 503, "route 1: plugin config p is not there"},
        {"service", HGH_SERVICES, "s", 404, "route 1: service s is not there"},
        {"group", HGH_CONSUMER_GROUPS, "g", 503, "consumer jack: consumer group g is not there"},
    };

    (void)state;
    request_object_put(HGH_CONSUMERS, "jack", "{\"group_id\":\"g\",\"plugins\":{" AUTH "}}");
    request_object_put(HGH_ROUTES, "1",
                       "{\"uri\":\"/\",\"service_id\":\"s\",\"plugin_config_id\":\"p\"," UPSTREAM
                       ",\"plugins\":{\"unit_auth\":{}}}");
    say_key("k");
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        request_object_put(cases[i].kind, cases[i].id, "{\"plugins\":{}}");
    }
    assert_int_equal(run(), 200);
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        take(cases[i].kind, cases[i].id);
        if (run() != cases[i].status || fake_log_count(cases[i].line) != 1) {
            fail_msg("%s: %s", cases[i].label, fake_log_text());
        }
        request_object_put(cases[i].kind, cases[i].id, "{\"plugins\":{" A("back") "}}");
        expect_tag(cases[i].label, "back");
    }
}

/* ---------------------------------------------------------------------------- global rules */

static void a_global_rule_and_a_route_with_one_plugin_run_both(void **state)
{
    (void)state;
    request_object_put(HGH_GLOBAL_RULES, "1", "{\"plugins\":{" A("global") "}}");
    request_object_put(HGH_ROUTES, "1",
                       "{\"uri\":\"/\"," UPSTREAM ",\"plugins\":{" A("route") "}}");
    assert_int_equal(run(), 200);
    expect_log("both", "plugin unit_a: rewrite:global\n"
                       "plugin unit_a: rewrite:route\n"
                       "plugin unit_a: access:global\n"
                       "plugin unit_a: access:route\n"
                       "plugin unit_a: before_proxy:global\n"
                       "plugin unit_a: before_proxy:route\n"
                       "plugin unit_a: header_filter:global\n"
                       "plugin unit_a: header_filter:route\n"
                       "plugin unit_a: log:global\n"
                       "plugin unit_a: log:route\n");
    take(HGH_GLOBAL_RULES, "1");
    assert_int_equal(run(), 200);
    assert_int_equal(fake_log_count("global"), 0);
    assert_int_equal(fake_log_count("route"), 5);
}

static void priorities_do_not_mix_global_rules_with_routes(void **state)
{
    (void)state;
    request_object_put(HGH_GLOBAL_RULES, "1",
                       "{\"plugins\":{\"unit_c\":{\"tag\":\"g\",\"_meta\":{\"priority\":-99}}}}");
    request_object_put(HGH_ROUTES, "1",
                       "{\"uri\":\"/\"," UPSTREAM
                       ",\"plugins\":{\"unit_b\":{\"_meta\":{\"priority\":99}}}}");
    assert_int_equal(run(), 200);
    assert_non_null(strstr(fake_log_text(), "plugin unit_c: access:g\nplugin unit_b: access:-\n"));
}

static void global_rules_run_for_requests_without_a_route(void **state)
{
    (void)state;
    request_object_put(HGH_GLOBAL_RULES, "1", "{\"plugins\":{" A("g") "}}");
    assert_int_equal(run(), 404);
    expect_log("no route", "plugin unit_a: rewrite:g\n"
                           "plugin unit_a: access:g\n"
                           "plugin unit_a: header_filter:g\n"
                           "plugin unit_a: log:g\n");
    request_object_put(HGH_GLOBAL_RULES, "1", "{\"plugins\":{\"unit_a\":{\"exit_status\":403}}}");
    assert_int_equal(run(), 403);
}

static void filters_and_log_of_global_rules_see_what_the_gateway_answers(void **state)
{
    (void)state;
    request_object_put(HGH_GLOBAL_RULES, "1", "{\"plugins\":{" A("g") "}}");
    request_object_put(HGH_ROUTES, "1",
                       "{\"uri\":\"/\",\"plugin_config_id\":\"gone\"," UPSTREAM "}");
    assert_int_equal(run(), 503);
    assert_int_equal(fake_log_count("unit_a: rewrite"), 0);
    assert_int_equal(fake_log_count("unit_a: header_filter:g"), 1);
    assert_int_equal(fake_log_count("unit_a: log:g"), 1);
}

static void a_global_rule_whose_plugin_is_missing_answers_503_everywhere(void **state)
{
    (void)state;
    request_object_put(HGH_ROUTES, "1", "{\"uri\":\"/\"," UPSTREAM "}");
    assert_int_equal(run(), 200);
    request_object_put(HGH_GLOBAL_RULES, "1", "{\"plugins\":{\"gone\":{}}}");
    assert_int_equal(run(), 503);
    assert_int_equal(fake_log_count("global rules: plugin gone is not available"), 1);
    take(HGH_ROUTES, "1");
    assert_int_equal(run(), 503);
    take(HGH_GLOBAL_RULES, "1");
    assert_int_equal(run(), 404);
}

static void a_plugin_of_two_global_rules_is_told_once(void **state)
{
    (void)state;
    request_object_put(HGH_GLOBAL_RULES, "1", "{\"plugins\":{" A("1") "}}");
    request_object_put(HGH_GLOBAL_RULES, "2", "{\"plugins\":{" A("2") "}}");
    (void)run();
    assert_int_equal(fake_log_count("stands in global rule 1 and in 2"), 1);
    assert_int_equal(fake_log_count("access:1"), 1);
    (void)run();
    assert_int_equal(fake_log_count("stands in global rule"), 0);
}

static void a_consumer_that_a_global_rule_attaches_is_merged(void **state)
{
    (void)state;
    request_object_put(HGH_CONSUMERS, "jack", "{\"plugins\":{" AUTH "," A("c") "}}");
    request_object_put(HGH_GLOBAL_RULES, "1", "{\"plugins\":{\"unit_auth\":{}}}");
    request_object_put(HGH_ROUTES, "1", "{\"uri\":\"/\"," UPSTREAM ",\"plugins\":{" A("r") "}}");
    say_key("k");
    assert_int_equal(run(), 200);
    assert_int_equal(fake_log_count("unit_a: rewrite:r"), 1);
    assert_int_equal(fake_log_count("unit_a: access:c"), 1);
    assert_string_equal(header("X-Consumer-Username"), "jack");
    take(HGH_ROUTES, "1"); /* nothing to merge it with */
    assert_int_equal(run(), 404);
    assert_int_equal(fake_log_count("unit_a:"), 0);
}

static void before_proxy_of_global_rules_runs_for_each_try(void **state)
{
    hg_request *request;

    (void)state;
    request_object_put(HGH_GLOBAL_RULES, "1", "{\"plugins\":{" A("g") "}}");
    request_object_put(HGH_ROUTES, "1", "{\"uri\":\"/\"," UPSTREAM ",\"plugins\":{" A("r") "}}");
    request = hgh_request_new(on.runtime, &on.client);
    assert_int_equal(hgh_request_run(request), HGH_GO_UPSTREAM);
    fake_log_clear();
    assert_true(hgh_request_retry(request));
    expect_log("retry", "plugin unit_a: before_proxy:g\nplugin unit_a: before_proxy:r\n");
    hgh_request_done(request);
}

static void a_request_keeps_the_global_rules_that_it_began_with(void **state)
{
    hg_request *request;

    (void)state;
    request_object_put(HGH_GLOBAL_RULES, "1", "{\"plugins\":{" A("old") "}}");
    request_object_put(HGH_ROUTES, "1", "{\"uri\":\"/\"," UPSTREAM "}");
    request = hgh_request_new(on.runtime, &on.client);
    assert_int_equal(hgh_request_run(request), HGH_GO_UPSTREAM);
    request_object_put(HGH_GLOBAL_RULES, "1", "{\"plugins\":{" A("new") "}}");
    (void)fake_engine_run();
    fake_log_clear();
    hgh_request_log(request);
    expect_log("log", "plugin unit_a: log:old\n");
    hgh_request_done(request);
}

/* ----------------------------------------------------------------------------- credentials */

static void put_credentials(void)
{
    request_object_put(HGH_CONSUMERS, "jack",
                       "{\"labels\":{\"custom_id\":\"4711\"},\"plugins\":{" A("c") "}}");
    request_object_put(HGH_CREDENTIALS, "jack/credentials/one",
                       "{\"plugins\":{\"unit_auth\":{\"key\":\"first\"}}}");
    request_object_put(HGH_CREDENTIALS, "jack/credentials/two",
                       "{\"plugins\":{\"unit_auth\":{\"key\":\"second\"}}}");
    request_object_put(HGH_ROUTES, "1",
                       "{\"uri\":\"/\"," UPSTREAM ",\"plugins\":{\"unit_auth\":{}}}");
}

static void a_consumer_is_found_by_a_credential(void **state)
{
    (void)state;
    put_credentials();
    say_key("second");
    on.client.headers[on.client.header_count++] =
        (hg_header){HG_TEXT("X-Credential-Identifier"), HG_TEXT("forged")};
    assert_int_equal(run(), 200);
    assert_int_equal(fake_log_count("key:second"), 1);
    assert_int_equal(fake_log_count("unit_a: access:c"), 1);
    assert_string_equal(header("X-Consumer-Username"), "jack");
    assert_string_equal(header("X-Credential-Identifier"), "two");
    assert_string_equal(header("X-Consumer-Custom-ID"), "4711");
}

static void headers_of_a_consumer_cannot_be_forged(void **state)
{
    static const char *const names[] = {"X-Credential-Identifier", "X-Consumer-Custom-ID"};

    (void)state;
    request_object_put(HGH_CONSUMERS, "jack", "{\"plugins\":{" AUTH "}}");
    request_object_put(HGH_ROUTES, "1",
                       "{\"uri\":\"/\"," UPSTREAM ",\"plugins\":{\"unit_auth\":{}}}");
    say_key("k");
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        on.client.headers[on.client.header_count++] =
            (hg_header){hg_text_of(names[i]), HG_TEXT("forged")};
    }
    assert_int_equal(run(), 200);
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        assert_string_equal(header(names[i]), "");
    }
}

static void a_deleted_credential_finds_nobody(void **state)
{
    (void)state;
    put_credentials();
    say_key("first");
    assert_int_equal(run(), 200);
    assert_int_equal(fake_log_count("key:first"), 1);
    take(HGH_CREDENTIALS, "jack/credentials/one");
    (void)run();
    assert_int_equal(fake_log_count("key:"), 0);
}

static void a_credential_without_its_consumer_finds_nobody(void **state)
{
    (void)state;
    put_credentials();
    say_key("first");
    take(HGH_CONSUMERS, "jack");
    (void)run();
    assert_int_equal(fake_log_count("key:"), 0);
    request_object_put(HGH_CONSUMERS, "jack", "{\"plugins\":{" A("new") "}}");
    assert_int_equal(run(), 200);
    assert_int_equal(fake_log_count("key:first"), 1);
    assert_int_equal(fake_log_count("unit_a: access:new"), 1);
}

static void a_changed_credential_counts_at_once(void **state)
{
    (void)state;
    put_credentials();
    say_key("first");
    assert_int_equal(run(), 200);
    request_object_put(HGH_CREDENTIALS, "jack/credentials/one",
                       "{\"plugins\":{\"unit_auth\":{\"key\":\"other\"}}}");
    (void)run();
    assert_int_equal(fake_log_count("key:"), 0);
    request_object_put(HGH_CREDENTIALS, "jack/credentials/two",
                       "{\"plugins\":{\"unit_auth\":{\"key\":\"first\"}}}");
    assert_int_equal(run(), 200);
    assert_string_equal(header("X-Credential-Identifier"), "two");
}

static void the_ids_of_a_consumer_are_known_once_it_is_attached(void **state)
{
    hg_request *request;

    (void)state;
    put_credentials();
    request_object_put(HGH_CONSUMER_GROUPS, "gold", "{\"plugins\":{}}");
    request_object_put(HGH_CONSUMERS, "jack", "{\"group_id\":\"gold\"}");
    say_key("first");
    request = hgh_request_new(on.runtime, &on.client);
    assert_null(hgh_request_variable(request, HG_TEXT("consumer_group_id")).data);
    assert_null(hgh_request_object(request, HG_OBJECT_CREDENTIAL_ID).data);
    assert_int_equal(hgh_request_run(request), HGH_GO_UPSTREAM);
    assert_string_equal(hgh_request_variable(request, HG_TEXT("consumer_group_id")).data, "gold");
    assert_string_equal(hgh_request_variable(request, HG_TEXT("consumer_name")).data, "jack");
    assert_string_equal(hgh_request_object(request, HG_OBJECT_CREDENTIAL_ID).data, "one");
    hgh_request_done(request);
}

/* A plugin looks for the consumer, waits, and attaches it: meanwhile it is replaced or goes. */
static void what_a_plugin_has_found_stays_while_it_waits(void **state)
{
    static const struct {
        const char *label;
        bool consumer_goes;
        bool credential_goes;
        hgh_outcome outcome;
    } cases[] = {
        {"both stay", false, false, HGH_GO_UPSTREAM},
        {"the credential goes", false, true, HGH_GO_UPSTREAM},
        {"the consumer goes", true, false, HGH_ANSWER},
        {"both go", true, true, HGH_ANSWER},
    };

    (void)state;
    say_key("first");
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        hg_request *request;
        hgh_outcome outcome;

        request_object_put(HGH_CONSUMERS, "jack", "{}");
        request_object_put(HGH_CREDENTIALS, "jack/credentials/one",
                           "{\"plugins\":{\"unit_auth_wait\":{\"key\":\"first\"}}}");
        request_object_put(HGH_ROUTES, "1",
                           "{\"uri\":\"/\"," UPSTREAM
                           ",\"plugins\":{\"unit_auth_wait\":{\"sleep_ms\":50}}}");
        request = hgh_request_new(on.runtime, &on.client);
        assert_int_equal(hgh_request_run(request), HGH_PARKED);
        if (cases[i].consumer_goes) {
            take(HGH_CONSUMERS, "jack");
        }
        if (cases[i].credential_goes) {
            take(HGH_CREDENTIALS, "jack/credentials/one");
        }
        (void)fake_engine_run();
        fake_now_ms += 50;
        (void)fake_engine_run();
        assert_true(on.client.resumed);
        on.client.resumed = false;
        outcome = hgh_request_run(request);
        if (outcome != cases[i].outcome) {
            fail_msg("%s: %d", cases[i].label, (int)outcome);
        }
        hgh_request_done(request);
        (void)fake_engine_run();
    }
}

/* -------------------------------------------------------------------------------- metadata */

static void a_change_of_metadata_is_in_force_at_once(void **state)
{
    static const struct {
        const char *stored; /* NULL: deleted */
        const char *word;
    } steps[] = {
        {"{\"word\":\"one\"}", "one"},
        {"{\"id\":\"unit_metadata\",\"word\":\"two\"}", "two"},
        {NULL, "default"},
        {"{\"word\":\"three\"}", "three"},
    };

    (void)state;
    request_object_put(HGH_ROUTES, "1",
                       "{\"uri\":\"/\"," UPSTREAM ",\"plugins\":{\"unit_metadata\":{}}}");
    request_object_put(HGH_GLOBAL_RULES, "1", "{\"plugins\":{\"unit_metadata\":{}}}");
    assert_int_equal(run(), 200);
    assert_int_equal(fake_log_count("word:default"), 2);
    for (size_t i = 0; i < ARRAY_SIZE(steps); i++) {
        char line[32];

        if (steps[i].stored == NULL) {
            take(HGH_PLUGIN_METADATA, "unit_metadata");
        } else {
            request_object_put(HGH_PLUGIN_METADATA, "unit_metadata", steps[i].stored);
        }
        assert_int_equal(run(), 200);
        (void)snprintf(line, sizeof(line), "word:%s\n", steps[i].word);
        assert_int_equal(fake_log_count(line), 2); /* the route's and the global rule's */
    }
}

static void metadata_of_a_plugin_that_is_not_loaded_does_no_harm(void **state)
{
    (void)state;
    request_object_put(HGH_ROUTES, "1",
                       "{\"uri\":\"/\"," UPSTREAM ",\"plugins\":{\"unit_metadata\":{}}}");
    request_object_put(HGH_PLUGIN_METADATA, "gone", "{\"word\":7}");
    assert_int_equal(run(), 200);
}

static void metadata_that_its_plugin_refuses_answers_503_until_it_is_right(void **state)
{
    (void)state;
    request_object_put(HGH_ROUTES, "1",
                       "{\"uri\":\"/\"," UPSTREAM ",\"plugins\":{\"unit_metadata\":{}}}");
    request_object_put(HGH_PLUGIN_METADATA, "unit_metadata", "{\"word\":7}");
    assert_int_equal(run(), 503);
    assert_int_equal(fake_log_count("unit_metadata is not available: plugin_metadata: "), 1);
    request_object_put(HGH_PLUGIN_METADATA, "unit_metadata", "{\"word\":\"x\"}");
    assert_int_equal(run(), 200);
}

/* --------------------------------------------------------------------------------- filters */

/* The route runs unit_a with that filter, and unit_b without. */
static void put_filtered(const char *filter)
{
    char json[512];

    (void)snprintf(json, sizeof(json),
                   "{\"uri\":\"/\"," UPSTREAM
                   ",\"plugins\":{\"unit_b\":{},\"unit_a\":{\"tag\":\"f\","
                   "\"_meta\":{\"filter\":%s}}}}",
                   filter);
    request_object_put(HGH_ROUTES, "1", json);
}

static void a_plugin_runs_in_all_phases_or_in_none_as_its_filter_says(void **state)
{
    static const struct {
        const char *filter;
        const char *arguments;
        bool runs;
    } cases[] = {
        {"[]", "", true},
        {"[[\"arg_x\",\"==\",\"1\"]]", "x=1", true},
        {"[[\"arg_x\",\"==\",\"1\"]]", "x=2", false},
        {"[[\"arg_x\",\"==\",\"1\"]]", "", false},
        {"[[\"arg_x\",\"!\",\"==\",\"1\"]]", "", true},
        {"[\"OR\",[\"arg_x\",\">\",5],[\"method\",\"==\",\"POST\"]]", "x=7", true},
        {"[[\"method\",\"in\",[\"GET\"]],[\"arg_x\",\"~~\",\"^a\"]]", "x=ab", true},
        {"[[\"known\",\"==\",\"a value\"]]", "", true},
        {"[[\"unknown\",\"==\",\"a value\"]]", "", false},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        put_filtered(cases[i].filter);
        on.client.arguments = hg_text_of(cases[i].arguments);
        assert_int_equal(run(), 200);
        if (fake_log_count("unit_a: ") != (cases[i].runs ? 5 : 0)) {
            fail_msg("%s of ?%s: %s", cases[i].filter, cases[i].arguments, fake_log_text());
        }
        assert_int_equal(fake_log_count("unit_b: "), 5);
    }
}

/* Changing what it looks at, as a plugin may, changes nothing for the later phases. */
static void a_filter_is_asked_once(void **state)
{
    hg_request *request;

    (void)state;
    put_filtered("[[\"arg_x\",\"==\",\"1\"]]");
    on.client.arguments = HG_TEXT("x=1");
    request = hgh_request_new(on.runtime, &on.client);
    assert_int_equal(hgh_request_run(request), HGH_GO_UPSTREAM);
    on.client.arguments = HG_TEXT("x=2");
    fake_log_clear();
    (void)hgh_request_header_filter(request);
    hgh_request_log(request);
    assert_int_equal(fake_log_count("unit_a: "), 2);
    hgh_request_done(request);
}

static void a_filter_is_asked_anew_once_a_consumer_is_attached(void **state)
{
    (void)state;
    request_object_put(HGH_CONSUMERS, "jack",
                       "{\"plugins\":{" AUTH ",\"unit_c\":{\"_meta\":{\"filter\":[["
                       "\"consumer_name\",\"==\",\"jack\"]]}}}}");
    request_object_put(HGH_ROUTES, "1",
                       "{\"uri\":\"/\"," UPSTREAM
                       ",\"plugins\":{\"unit_auth\":{},\"unit_a\":{\"_meta\":{"
                       "\"priority\":99,\"filter\":[[\"consumer_name\",\"==\",\"jack\"]]}}}}");
    say_key("k");
    assert_int_equal(run(), 200);
    assert_int_equal(fake_log_count("unit_a: rewrite"), 0); /* nobody was known then */
    assert_int_equal(fake_log_count("unit_a: access"), 1);
    assert_int_equal(fake_log_count("unit_c: rewrite"), 1);
    assert_int_equal(fake_log_count("unit_c: log"), 1);
}

static void filters_of_global_rules_are_apart_from_those_of_the_route(void **state)
{
    (void)state;
    request_object_put(
        HGH_GLOBAL_RULES, "1",
        "{\"plugins\":{\"unit_b\":{\"_meta\":{\"filter\":[[\"arg_x\",\"==\",\"2\"]]}},"
        "\"unit_a\":{\"tag\":\"g\",\"_meta\":{\"filter\":[[\"arg_x\",\"==\",\"1\"]]}}}}");
    put_filtered("[[\"arg_x\",\"==\",\"2\"]]");
    on.client.arguments = HG_TEXT("x=1");
    assert_int_equal(run(), 200);
    assert_int_equal(fake_log_count("unit_a: access:g"), 1);
    assert_int_equal(fake_log_count("unit_a: access:f"), 0);
    assert_int_equal(fake_log_count("unit_b: access:-"), 1);
}

/* A client must not be able to switch off what protects by making its filter expensive. */
static void a_filter_that_takes_too_long_lets_its_plugin_run(void **state)
{
    enum {
        LENGTH = 50000
    };
    static char arguments[LENGTH + 3] = "x=";

    (void)state;
    memset(arguments + 2, 'a', LENGTH - 1);
    arguments[LENGTH + 1] = '!';
    put_filtered("[[\"arg_x\",\"~~\",\"(a+)+$\"]]");
    on.client.arguments = (hg_text){arguments, LENGTH + 2};
    assert_int_equal(run(), 200);
    assert_int_equal(fake_log_count("unit_a: access:f"), 1);
    assert_int_equal(fake_log_count("unit_a: "), 6);
    /* It was not asked again in the later phases. */
    assert_int_equal(
        fake_log_count("plugin unit_a: its filter cannot be decided and counts as true"), 1);
}

static void a_waiting_plugin_has_a_filter_too(void **state)
{
    hg_request *request;

    (void)state;
    request_object_put(HGH_ROUTES, "1",
                       "{\"uri\":\"/\"," UPSTREAM
                       ",\"plugins\":{\"unit_auth_wait\":{\"sleep_ms\":50,\"_meta\":{"
                       "\"filter\":[[\"arg_x\",\"==\",\"1\"]]}}}}");
    assert_int_equal(run(), 200);
    assert_int_equal(fake_log_count("unit_auth_wait"), 0);
    on.client.arguments = HG_TEXT("x=1");
    request = hgh_request_new(on.runtime, &on.client);
    assert_int_equal(hgh_request_run(request), HGH_PARKED);
    hgh_request_cancel(request);
    hgh_request_done(request);
}

static void a_plugin_that_prefers_the_route_is_left_out_of_global_rules(void **state)
{
    static const struct {
        const char *label;
        const char *plugins; /* of the route */
        size_t global;       /* calls with the global rule's configuration */
        size_t route;
    } cases[] = {
        {"not on the route", "", 5, 0},
        {"on the route", "\"unit_global\":{\"tag\":\"r\"}", 0, 5},
        {"disabled there", "\"unit_global\":{\"tag\":\"r\",\"_meta\":{\"disable\":true}}", 5, 0},
        {"another plugin", "\"unit_a\":{\"tag\":\"x\"}", 5, 0},
    };

    (void)state;
    request_object_put(HGH_GLOBAL_RULES, "1", "{\"plugins\":{\"unit_global\":{\"tag\":\"g\"}}}");
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        char json[256];

        (void)snprintf(json, sizeof(json), "{\"uri\":\"/\"," UPSTREAM ",\"plugins\":{%s}}",
                       cases[i].plugins);
        request_object_put(HGH_ROUTES, "1", json);
        assert_int_equal(run(), 200);
        if (fake_log_count(":g\n") != cases[i].global || fake_log_count(":r\n") != cases[i].route) {
            fail_msg("%s: %s", cases[i].label, fake_log_text());
        }
    }
    take(HGH_ROUTES, "1");
    assert_int_equal(run(), 404);
    assert_int_equal(fake_log_count(":g\n"), 4);
}

/* With a filter too, it gives way as soon as a consumer brings the plugin. */
static void a_global_rule_gives_way_to_a_consumer_from_then_on(void **state)
{
    (void)state;
    request_object_put(
        HGH_GLOBAL_RULES, "1",
        "{\"plugins\":{\"unit_global\":{\"tag\":\"g\",\"_meta\":{\"filter\":[[\"method\",\"==\","
        "\"GET\"]]}}}}");
    request_object_put(HGH_CONSUMERS, "jack",
                       "{\"plugins\":{" AUTH ",\"unit_global\":{\"tag\":\"c\"}}}");
    request_object_put(HGH_ROUTES, "1",
                       "{\"uri\":\"/\"," UPSTREAM ",\"plugins\":{\"unit_auth\":{}}}");
    say_key("k");
    assert_int_equal(run(), 200);
    assert_int_equal(fake_log_count(":g\n"), 1);
    assert_int_equal(fake_log_count("unit_global: rewrite:g\n"), 1);
    assert_int_equal(fake_log_count(":c\n"), 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_plugin_bound_to_several_objects_runs_once, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(
            the_routes_rewrite_runs_before_that_of_the_consumers_plugins, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_change_of_any_object_is_in_force_at_once, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_named_object_that_has_gone_is_answered_and_logged, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_global_rule_and_a_route_with_one_plugin_run_both, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(priorities_do_not_mix_global_rules_with_routes, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(global_rules_run_for_requests_without_a_route, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(
            filters_and_log_of_global_rules_see_what_the_gateway_answers, set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            a_global_rule_whose_plugin_is_missing_answers_503_everywhere, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_plugin_of_two_global_rules_is_told_once, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_consumer_that_a_global_rule_attaches_is_merged, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(before_proxy_of_global_rules_runs_for_each_try, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_request_keeps_the_global_rules_that_it_began_with, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_consumer_is_found_by_a_credential, set_up, tear_down),
        cmocka_unit_test_setup_teardown(headers_of_a_consumer_cannot_be_forged, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_deleted_credential_finds_nobody, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_credential_without_its_consumer_finds_nobody, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_changed_credential_counts_at_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_ids_of_a_consumer_are_known_once_it_is_attached, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(what_a_plugin_has_found_stays_while_it_waits, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_change_of_metadata_is_in_force_at_once, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(metadata_of_a_plugin_that_is_not_loaded_does_no_harm,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            metadata_that_its_plugin_refuses_answers_503_until_it_is_right, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_plugin_runs_in_all_phases_or_in_none_as_its_filter_says,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_filter_is_asked_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_filter_is_asked_anew_once_a_consumer_is_attached, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(filters_of_global_rules_are_apart_from_those_of_the_route,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_filter_that_takes_too_long_lets_its_plugin_run, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_waiting_plugin_has_a_filter_too, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_global_rule_gives_way_to_a_consumer_from_then_on, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_plugin_that_prefers_the_route_is_left_out_of_global_rules,
                                        set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
