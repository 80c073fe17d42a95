/* test_consumer_restriction.c - who is refused by which list, with which status and body. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <hotgate/test_cmocka.h>

#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))

/* Loads the plugin that identifies the consumers from where this one is. False: this one was built
 * alone. */
static bool load_key_auth(hg_test *test)
{
    char path[4096];
    const char *own = hg_test_the_subject()->path;
    const char *slash = strrchr(own, '/');
    hg_error err = HG_ERROR_INIT;
    FILE *file;

    (void)snprintf(path, sizeof(path), "%.*s/key-auth.so", slash == NULL ? 1 : (int)(slash - own),
                   slash == NULL ? "." : own);
    file = fopen(path, "rb");
    if (file == NULL) {
        return false;
    }
    (void)fclose(file);
    if (hg_test_load(test, path, NULL, &err) != HG_OK) {
        fail_msg("%s", err.text);
    }
    return true;
}

/* jack of the group "crew", rose of none; their keys are their names. */
static void put_consumers(hg_test *test)
{
    if (!load_key_auth(test)) {
        skip();
    }
    hg_test_must_put(test, "consumer_groups/crew", "{\"plugins\": {}}");
    hg_test_must_put(test, "consumers/jack",
                     "{\"username\": \"jack\", \"group_id\": \"crew\","
                     " \"plugins\": {\"key-auth\": {\"key\": \"jack\"}}}");
    hg_test_must_put(test, "consumers/rose",
                     "{\"username\": \"rose\", \"plugins\": {\"key-auth\": {\"key\": \"rose\"}}}");
}

/* A request of that consumer, NULL: of nobody, to the route "r1" of the service "s1". */
static const hg_test_exchange *
run(hg_test *test, const char *config, const char *consumer, const char *method)
{
    char route[2048];
    char headers[64] = "";

    hg_test_must_put(test, "services/s1", "{\"upstream\": {\"nodes\": {\"127.0.0.1:80\": 1}}}");
    (void)snprintf(route, sizeof(route),
                   "{\"uri\": \"/*\", \"service_id\": \"s1\", \"plugins\": {%s"
                   "\"consumer-restriction\": %s}}",
                   consumer == NULL ? "" : "\"key-auth\": {},", config);
    hg_test_must_put(test, "routes/r1", route);
    if (consumer != NULL) {
        (void)snprintf(headers, sizeof(headers), "apikey: %s\n", consumer);
    }
    return hg_test_send(test, &(hg_test_request){.method = method, .headers = headers});
}

static void lists_let_through_or_refuse(void **state)
{
    static const struct {
        const char *label;
        const char *config;
        const char *consumer;
        const char *method;
        uint32_t status;
        const char *body; /* NULL: of the upstream */
    } cases[] = {
        {"on the blacklist", "{\"blacklist\": [\"jill\", \"jack\"]}", "jack", "GET", 403,
         "{\"message\":\"The consumer_name is forbidden.\"}\n"},
        {"not on the blacklist", "{\"blacklist\": [\"jack\"]}", "rose", "GET", 200, NULL},
        {"on the whitelist", "{\"whitelist\": [\"rose\", \"jack\", \"a\"]}", "jack", "GET", 200,
         NULL},
        {"not on the whitelist", "{\"whitelist\": [\"jack\", \"ros\", \"rosee\"]}", "rose", "GET",
         403, "{\"message\":\"The consumer_name is forbidden.\"}\n"},
        {"among names that begin alike",
         "{\"whitelist\": [\"roseee\", \"r\", \"rosee\", \"ros\", \"rose\", \"ro\"]}", "rose",
         "GET", 200, NULL},
        {"beyond names that begin alike", "{\"blacklist\": [\"roseee\", \"r\", \"rosee\", \"ro\"]}",
         "rose", "GET", 200, NULL},
        {"in another case", "{\"whitelist\": [\"Jack\"]}", "jack", "GET", 403,
         "{\"message\":\"The consumer_name is forbidden.\"}\n"},
        {"on both", "{\"whitelist\": [\"jack\"], \"blacklist\": [\"jack\"]}", "jack", "GET", 403,
         "{\"message\":\"The consumer_name is forbidden.\"}\n"},
        {"a method it has",
         "{\"allowed_by_methods\": [{\"user\": \"jack\", \"methods\": [\"POST\", \"GET\"]}]}",
         "jack", "GET", 200, NULL},
        {"a method it has not",
         "{\"allowed_by_methods\": [{\"user\": \"jack\", \"methods\": [\"POST\", \"GET\"]}]}",
         "jack", "PUT", 403, "{\"message\":\"The consumer_name is forbidden.\"}\n"},
        {"the first of several users",
         "{\"allowed_by_methods\": [{\"user\": \"jack\", \"methods\": [\"POST\"]},"
         " {\"user\": \"a\", \"methods\": [\"GET\"]}, {\"user\": \"z\", \"methods\": [\"GET\"]}]}",
         "jack", "GET", 403, "{\"message\":\"The consumer_name is forbidden.\"}\n"},
        {"the last of several users",
         "{\"allowed_by_methods\": [{\"user\": \"z\", \"methods\": [\"GET\"]},"
         " {\"user\": \"a\", \"methods\": [\"GET\"]}, {\"user\": \"jack\", \"methods\": "
         "[\"POST\"]}]}",
         "jack", "POST", 200, NULL},
        {"a method that no list can name",
         "{\"allowed_by_methods\": [{\"user\": \"jack\", \"methods\": [\"GET\"]}]}", "jack",
         "PROPFIND", 403, "{\"message\":\"The consumer_name is forbidden.\"}\n"},
        {"a user without methods",
         "{\"allowed_by_methods\": [{\"user\": \"jack\", \"methods\": [\"POST\"]}]}", "rose", "GET",
         200, NULL},
        {"the whitelist before methods",
         "{\"whitelist\": [\"jack\"],"
         " \"allowed_by_methods\": [{\"user\": \"jack\", \"methods\": [\"POST\"]}]}",
         "jack", "GET", 200, NULL},
        {"methods beside a whitelist",
         "{\"whitelist\": [\"jack\"],"
         " \"allowed_by_methods\": [{\"user\": \"rose\", \"methods\": [\"POST\"]}]}",
         "rose", "POST", 200, NULL},
        {"other methods beside a whitelist",
         "{\"whitelist\": [\"jack\"],"
         " \"allowed_by_methods\": [{\"user\": \"rose\", \"methods\": [\"POST\"]}]}",
         "rose", "GET", 403, "{\"message\":\"The consumer_name is forbidden.\"}\n"},
        {"neither on the whitelist nor with methods",
         "{\"whitelist\": [\"jill\"],"
         " \"allowed_by_methods\": [{\"user\": \"jack\", \"methods\": [\"GET\"]}]}",
         "rose", "GET", 403, "{\"message\":\"The consumer_name is forbidden.\"}\n"},
        {"the blacklist before methods",
         "{\"blacklist\": [\"jack\"],"
         " \"allowed_by_methods\": [{\"user\": \"jack\", \"methods\": [\"GET\"]}]}",
         "jack", "GET", 403, "{\"message\":\"The consumer_name is forbidden.\"}\n"},
        {"code", "{\"blacklist\": [\"jack\"], \"rejected_code\": 429}", "jack", "GET", 429,
         "{\"message\":\"The consumer_name is forbidden.\"}\n"},
        {"lowest code", "{\"blacklist\": [\"jack\"], \"rejected_code\": 200}", "jack", "GET", 200,
         "{\"message\":\"The consumer_name is forbidden.\"}\n"},
        {"highest code", "{\"blacklist\": [\"jack\"], \"rejected_code\": 599}", "jack", "GET", 599,
         "{\"message\":\"The consumer_name is forbidden.\"}\n"},
        {"empty message", "{\"blacklist\": [\"jack\"], \"rejected_msg\": \"\"}", "jack", "GET", 403,
         "{\"message\":\"\"}\n"},
        {"message beyond ASCII", "{\"blacklist\": [\"jack\"], \"rejected_msg\": \"\\u20ac\\n\"}",
         "jack", "GET", 403, "{\"message\":\"\xe2\x82\xac\\n\"}\n"},
        {"another body",
         "{\"blacklist\": [\"jack\"], \"_meta\": {\"error_response\": {\"code\": 7}}}", "jack",
         "GET", 403, "{\"code\":7}\n"},
        {"message", "{\"blacklist\": [\"jack\"], \"rejected_msg\": \"go \\\"away\\\"\"}", "jack",
         "GET", 403, "{\"message\":\"go \\\"away\\\"\"}\n"},
        {"group on the blacklist", "{\"type\": \"consumer_group_id\", \"blacklist\": [\"crew\"]}",
         "jack", "GET", 403, "{\"message\":\"The consumer_group_id is forbidden.\"}\n"},
        {"group on the whitelist", "{\"type\": \"consumer_group_id\", \"whitelist\": [\"crew\"]}",
         "jack", "GET", 200, NULL},
        {"a consumer without a group",
         "{\"type\": \"consumer_group_id\", \"blacklist\": [\"crew\"]}", "rose", "GET", 401,
         "{\"message\":\"The request is rejected, please check the consumer_group_id for this"
         " request\"}\n"},
    };

    put_consumers(*state);
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        const hg_test_exchange *got =
            run(*state, cases[i].config, cases[i].consumer, cases[i].method);

        if (got->status != cases[i].status ||
            (cases[i].body != NULL && strcmp(got->body, cases[i].body) != 0) ||
            got->tries != (cases[i].body == NULL ? 1 : 0)) {
            fail_msg("%s: got %u %s", cases[i].label, got->status, got->body);
        }
    }
}

/* Each method by itself; every other one is refused then. */
static void every_method_can_be_allowed(void **state)
{
    static const char *const methods[] = {"GET",  "POST",    "PUT",     "DELETE", "PATCH",
                                          "HEAD", "OPTIONS", "CONNECT", "TRACE",  "PURGE"};

    for (size_t i = 0; i < ARRAY_SIZE(methods); i++) {
        char config[128];

        (void)snprintf(config, sizeof(config),
                       "{\"type\": \"route_id\","
                       " \"allowed_by_methods\": [{\"user\": \"r1\", \"methods\": [\"%s\"]}]}",
                       methods[i]);
        for (size_t k = 0; k < ARRAY_SIZE(methods); k++) {
            if (run(*state, config, NULL, methods[k])->status != (i == k ? 200 : 403)) {
                fail_msg("%s where %s is allowed", methods[k], methods[i]);
            }
        }
    }
}

/* Which the rewrite phase of the route has identified by then. */
static void a_global_rule_knows_the_consumer(void **state)
{
    put_consumers(*state);
    hg_test_must_put(*state, "global_rules/1",
                     "{\"plugins\": {\"consumer-restriction\": {\"blacklist\": [\"jack\"]}}}");
    hg_test_must_put(*state, "routes/1",
                     "{\"uri\": \"/*\", \"plugins\": {\"key-auth\": {}},"
                     " \"upstream\": {\"nodes\": {\"127.0.0.1:80\": 1}}}");
    assert_int_equal(hg_test_send(*state, &(hg_test_request){.headers = "apikey: jack\n"})->status,
                     403);
    assert_int_equal(hg_test_send(*state, &(hg_test_request){.headers = "apikey: rose\n"})->status,
                     200);
}

static void objects_of_the_request_are_compared_too(void **state)
{
    static const struct {
        const char *label;
        const char *config;
        uint32_t status;
        const char *body; /* NULL: of the upstream */
    } cases[] = {
        {"service", "{\"type\": \"service_id\", \"whitelist\": [\"s1\"]}", 200, NULL},
        {"another service", "{\"type\": \"service_id\", \"whitelist\": [\"s2\"]}", 403,
         "{\"message\":\"The service_id is forbidden.\"}\n"},
        {"route", "{\"type\": \"route_id\", \"blacklist\": [\"r1\"]}", 403,
         "{\"message\":\"The route_id is forbidden.\"}\n"},
        {"another route", "{\"type\": \"route_id\", \"blacklist\": [\"r2\"]}", 200, NULL},
        {"methods of a route",
         "{\"type\": \"route_id\","
         " \"allowed_by_methods\": [{\"user\": \"r1\", \"methods\": [\"PUT\"]}]}",
         403, "{\"message\":\"The route_id is forbidden.\"}\n"},
        {"nobody", "{\"whitelist\": [\"jack\"]}", 401,
         "{\"message\":\"The request is rejected, please check the consumer_name for this"
         " request\"}\n"},
        {"nobody, with another code", "{\"blacklist\": [\"jack\"], \"rejected_code\": 429}", 401,
         "{\"message\":\"The request is rejected, please check the consumer_name for this"
         " request\"}\n"},
        {"no group", "{\"type\": \"consumer_group_id\", \"blacklist\": [\"a\"]}", 401,
         "{\"message\":\"The request is rejected, please check the consumer_group_id for this"
         " request\"}\n"},
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        const hg_test_exchange *got = run(*state, cases[i].config, NULL, "GET");

        if (got->status != cases[i].status ||
            (cases[i].body != NULL && strcmp(got->body, cases[i].body) != 0)) {
            fail_msg("%s: got %u %s", cases[i].label, got->status, got->body);
        }
    }
    assert_int_equal(hg_test_log_count(*state, HG_LOG_WARN,
                                       "consumer-restriction exits with http status code 401"),
                     3);
}

static void a_request_without_a_service_has_none(void **state)
{
    const hg_test_exchange *got =
        hg_test_run(*state, "{\"type\": \"service_id\", \"blacklist\": [\"s1\"]}", NULL);

    assert_int_equal(got->status, 401);
    assert_string_equal(got->body, "{\"message\":\"The request is rejected, please check the "
                                   "service_id for this request\"}\n");
}

/* On the consumer itself it says where that consumer may go. */
static void a_consumer_may_be_kept_to_routes(void **state)
{
    put_consumers(*state);
    hg_test_must_put(*state, "consumers/jack",
                     "{\"username\": \"jack\", \"plugins\": {\"key-auth\": {\"key\": \"jack\"},"
                     " \"consumer-restriction\": {\"type\": \"route_id\","
                     " \"whitelist\": [\"a\"]}}}");
    for (int i = 0; i < 2; i++) {
        char route[256];
        char key[16];

        (void)snprintf(key, sizeof(key), "routes/%c", 'a' + i);
        (void)snprintf(route, sizeof(route),
                       "{\"uri\": \"/%c\", \"plugins\": {\"key-auth\": {}},"
                       " \"upstream\": {\"nodes\": {\"127.0.0.1:80\": 1}}}",
                       'a' + i);
        hg_test_must_put(*state, key, route);
    }
    assert_int_equal(
        hg_test_send(*state, &(hg_test_request){.uri = "/a", .headers = "apikey: jack\n"})->status,
        200);
    assert_int_equal(
        hg_test_send(*state, &(hg_test_request){.uri = "/b", .headers = "apikey: jack\n"})->status,
        403);
    assert_int_equal(
        hg_test_send(*state, &(hg_test_request){.uri = "/b", .headers = "apikey: rose\n"})->status,
        200);
}

static void long_lists_are_searched(void **state)
{
    static char config[40000];
    static char route[40200];
    size_t length = (size_t)sprintf(config, "{\"type\": \"route_id\", \"whitelist\": [");

    for (int i = 0; i < 5000; i++) {
        length += (size_t)sprintf(config + length, "\"%d\",", (i * 7919) % 5000 + 1000);
    }
    (void)sprintf(config + length, "\"x\"]}");
    for (int i = 0; i < 3; i++) {
        static const struct {
            const char *key;
            uint32_t status;
        } cases[] = {{"routes/1000", 200}, {"routes/5999", 200}, {"routes/6000", 403}};

        (void)snprintf(route, sizeof(route),
                       "{\"uri\": \"/%d\", \"plugins\": {\"consumer-restriction\": %s},"
                       " \"upstream\": {\"nodes\": {\"127.0.0.1:80\": 1}}}",
                       i, config);
        hg_test_must_put(*state, cases[i].key, route);
        (void)sprintf(route, "/%d", i);
        assert_int_equal(hg_test_get(*state, route)->status, cases[i].status);
    }
}

static void every_field_is_told(void **state)
{
    static const hg_test_fact facts[] = {
        {"/priority", "2400"},
        {"/flags", "[]"},
        {"/phases", "[\"access\"]"},
        {"/schema", "{\"type\": \"object\", \"anyOf\": [{\"required\": [\"blacklist\"]},"
                    " {\"required\": [\"whitelist\"]}, {\"required\": [\"allowed_by_methods\"]}]}"},
        {"/schema/properties/type",
         "{\"type\": \"string\", \"default\": \"consumer_name\", \"enum\": [\"consumer_name\","
         " \"consumer_group_id\", \"service_id\", \"route_id\"]}"},
        {"/schema/properties/blacklist", "{\"type\": \"array\", \"minItems\": 1, \"items\": "
                                         "{\"type\": \"string\", \"minLength\": 1}}"},
        {"/schema/properties/whitelist", "{\"type\": \"array\", \"minItems\": 1, \"items\": "
                                         "{\"type\": \"string\", \"minLength\": 1}}"},
        {"/schema/properties/allowed_by_methods",
         "{\"type\": \"array\", \"minItems\": 1, \"items\": {\"type\": \"object\","
         " \"required\": [\"user\", \"methods\"], \"properties\": {"
         "\"user\": {\"type\": \"string\", \"minLength\": 1},"
         " \"methods\": {\"type\": \"array\", \"minItems\": 1, \"items\": {\"type\": \"string\","
         " \"enum\": [\"GET\", \"POST\", \"PUT\", \"DELETE\", \"PATCH\", \"HEAD\", \"OPTIONS\","
         " \"CONNECT\", \"TRACE\", \"PURGE\"]}}}}}"},
        {"/schema/properties/rejected_code",
         "{\"type\": \"integer\", \"minimum\": 200, \"maximum\": 599, \"default\": 403}"},
        {"/schema/properties/rejected_msg", "{\"type\": \"string\"}"},
    };

    hg_test_expect_facts(*state, facts, ARRAY_SIZE(facts));
}

static void configurations_are_judged(void **state)
{
    static const hg_test_row rows[] = {
        {"blacklist", "{\"blacklist\": [\"a\"]}", NULL},
        {"all",
         "{\"type\": \"consumer_name\", \"blacklist\": [\"a\"], \"whitelist\": [\"b\"],"
         " \"allowed_by_methods\": [{\"user\": \"c\", \"methods\": [\"GET\"]}],"
         " \"rejected_code\": 200, \"rejected_msg\": \"\"}",
         NULL},
        {"no list", "{}",
         "object matches none of the required: [\"blacklist\"] or [\"whitelist\"] or "
         "[\"allowed_by_methods\"]"},
        {"no list but a type", "{\"type\": \"route_id\"}",
         "object matches none of the required: [\"blacklist\"] or [\"whitelist\"] or "
         "[\"allowed_by_methods\"]"},
        {"empty blacklist", "{\"blacklist\": []}",
         "property \"blacklist\" validation failed: expect array to have at least 1 items"},
        {"empty whitelist", "{\"whitelist\": []}",
         "property \"whitelist\" validation failed: expect array to have at least 1 items"},
        {"empty allowed_by_methods", "{\"allowed_by_methods\": []}",
         "property \"allowed_by_methods\" validation failed: expect array to have at least 1 "
         "items"},
        {"blacklist of another type", "{\"blacklist\": \"a\"}",
         "property \"blacklist\" validation failed: wrong type: expected array, got string"},
        {"blacklist of an empty name", "{\"blacklist\": [\"a\", \"\"]}",
         "property \"blacklist\" validation failed: failed to validate item 2: string too short, "
         "expected at least 1, got 0"},
        {"whitelist of an empty name", "{\"whitelist\": [\"\"]}",
         "property \"whitelist\" validation failed: failed to validate item 1: string too short, "
         "expected at least 1, got 0"},
        {"a name twice", "{\"whitelist\": [\"a\", \"a\"]}", NULL},
        {"names beyond ASCII", "{\"whitelist\": [\"\\u20ac\"]}", NULL},
        {"blacklist of numbers", "{\"blacklist\": [1]}",
         "property \"blacklist\" validation failed: failed to validate item 1: wrong type: "
         "expected string, got number"},
        {"whitelist of another type", "{\"whitelist\": {\"a\": 1}}",
         "property \"whitelist\" validation failed: wrong type: expected array, got table"},
        {"whitelist of nothing", "{\"whitelist\": [null]}",
         "property \"whitelist\" validation failed: failed to validate item 1: wrong type: "
         "expected string, got userdata"},
        {"consumer_name", "{\"type\": \"consumer_name\", \"blacklist\": [\"a\"]}", NULL},
        {"consumer_group_id", "{\"type\": \"consumer_group_id\", \"blacklist\": [\"a\"]}", NULL},
        {"service_id", "{\"type\": \"service_id\", \"blacklist\": [\"a\"]}", NULL},
        {"route_id", "{\"type\": \"route_id\", \"blacklist\": [\"a\"]}", NULL},
        {"another type", "{\"type\": \"consumer\", \"blacklist\": [\"a\"]}",
         "property \"type\" validation failed: matches none of the enum values"},
        {"type of another type", "{\"type\": 1, \"blacklist\": [\"a\"]}",
         "property \"type\" validation failed: wrong type: expected string, got number"},
        {"no user", "{\"allowed_by_methods\": [{\"methods\": [\"GET\"]}]}",
         "property \"allowed_by_methods\" validation failed: failed to validate item 1: property "
         "\"user\" is required"},
        {"user of another type",
         "{\"allowed_by_methods\": [{\"user\": 1, \"methods\": [\"GET\"]}]}",
         "property \"allowed_by_methods\" validation failed: failed to validate item 1: property "
         "\"user\" validation failed: wrong type: expected string, got number"},
        {"empty user", "{\"allowed_by_methods\": [{\"user\": \"\", \"methods\": [\"GET\"]}]}",
         "property \"allowed_by_methods\" validation failed: failed to validate item 1: property "
         "\"user\" validation failed: string too short, expected at least 1, got 0"},
        {"two users",
         "{\"allowed_by_methods\": [{\"user\": \"b\", \"methods\": [\"GET\"]},"
         " {\"user\": \"a\", \"methods\": [\"GET\", \"GET\"]}]}",
         NULL},
        {"no methods", "{\"allowed_by_methods\": [{\"user\": \"a\"}]}",
         "property \"allowed_by_methods\" validation failed: failed to validate item 1: property "
         "\"methods\" is required"},
        {"empty methods", "{\"allowed_by_methods\": [{\"user\": \"a\", \"methods\": []}]}",
         "property \"allowed_by_methods\" validation failed: failed to validate item 1: property "
         "\"methods\" validation failed: expect array to have at least 1 items"},
        {"another method", "{\"allowed_by_methods\": [{\"user\": \"a\", \"methods\": [\"get\"]}]}",
         "property \"allowed_by_methods\" validation failed: failed to validate item 1: property "
         "\"methods\" validation failed: failed to validate item 1: matches none of the enum "
         "values"},
        {"a user twice",
         "{\"allowed_by_methods\": [{\"user\": \"a\", \"methods\": [\"GET\"]},"
         " {\"user\": \"b\", \"methods\": [\"GET\"]}, {\"user\": \"a\", \"methods\": [\"PUT\"]}]}",
         "/plugins/consumer-restriction/allowed_by_methods: found a user twice, wanted all methods "
         "of a user in one element"},
        {"code 199", "{\"blacklist\": [\"a\"], \"rejected_code\": 199}",
         "property \"rejected_code\" validation failed: expected 199 to be at least 200"},
        {"code 200", "{\"blacklist\": [\"a\"], \"rejected_code\": 200}", NULL},
        {"code 599", "{\"blacklist\": [\"a\"], \"rejected_code\": 599}", NULL},
        {"code 600", "{\"blacklist\": [\"a\"], \"rejected_code\": 600}",
         "property \"rejected_code\" validation failed: expected 600 to be at most 599"},
        {"code of another type", "{\"blacklist\": [\"a\"], \"rejected_code\": \"403\"}",
         "property \"rejected_code\" validation failed: wrong type: expected integer, got string"},
        {"message of another type", "{\"blacklist\": [\"a\"], \"rejected_msg\": 1}",
         "property \"rejected_msg\" validation failed: wrong type: expected string, got number"},
    };

    hg_test_judge(*state, rows, ARRAY_SIZE(rows));
}

HG_TEST_MAIN("consumer-restriction",
             HG_TEST_CASE(lists_let_through_or_refuse),
             HG_TEST_CASE(every_method_can_be_allowed),
             HG_TEST_CASE(a_global_rule_knows_the_consumer),
             HG_TEST_CASE(objects_of_the_request_are_compared_too),
             HG_TEST_CASE(a_request_without_a_service_has_none),
             HG_TEST_CASE(a_consumer_may_be_kept_to_routes),
             HG_TEST_CASE(long_lists_are_searched),
             HG_TEST_CASE(every_field_is_told),
             HG_TEST_CASE(configurations_are_judged))
