/* test_multi_auth.c - the first plugin that knows a request wins; who is known to none is told all.
 */
#include <stdio.h>
#include <string.h>

#include <hotgate/test_cmocka.h>

#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))
#define JACK              "Authorization: Basic amFjazpwdw==\n" /* jack:pw */

/* Loads another plugin from where this one is. False: this one was built alone. */
static bool load(hg_test *test, const char *name)
{
    char path[4096];
    const char *own = hg_test_the_subject()->path;
    const char *slash = strrchr(own, '/');
    hg_error err = HG_ERROR_INIT;
    FILE *file;

    (void)snprintf(path, sizeof(path), "%.*s/%s.so", slash == NULL ? 1 : (int)(slash - own),
                   slash == NULL ? "." : own, name);
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

/* jack has a password, rose a key, tom both; nobody has neither. */
static void begin(hg_test *test)
{
    if (!load(test, "key-auth") || !load(test, "basic-auth") || !load(test, "hmac-auth") ||
        !load(test, "jwt-auth")) {
        skip();
    }
    hg_test_must_put(test, "consumers/jack",
                     "{\"username\": \"jack\", \"plugins\": {\"basic-auth\":"
                     " {\"username\": \"jack\", \"password\": \"pw\"}}}");
    hg_test_must_put(test, "consumers/rose",
                     "{\"username\": \"rose\", \"plugins\": {\"key-auth\": {\"key\": \"rose\"}}}");
    hg_test_must_put(test, "consumers/nobody", "{\"username\": \"nobody\"}");
}

#define BOTH "{\"auth_plugins\": [{\"basic-auth\": {}}, {\"key-auth\": {\"query\": \"key\"}}]}"

static void the_first_that_knows_a_request_wins(void **state)
{
    static const struct {
        const char *label;
        const char *config;
        const char *uri;
        const char *headers;
        const char *consumer; /* NULL: refused */
    } cases[] = {
        {"the first", BOTH, "/", JACK, "jack"},
        {"the second", BOTH, "/", "apikey: rose\n", "rose"},
        {"the second, in its own way", BOTH, "/?key=rose", "", "rose"},
        {"both know somebody", BOTH, "/", JACK "apikey: rose\n", "jack"},
        {"the other way round", "{\"auth_plugins\": [{\"key-auth\": {}}, {\"basic-auth\": {}}]}",
         "/", JACK "apikey: rose\n", "rose"},
        {"in one object",
         "{\"auth_plugins\": [{\"key-auth\": {}, \"basic-auth\": {}}, {\"jwt-auth\":"
         " {}}]}",
         "/", JACK, "jack"},
        {"wrong for the first, right for the second", BOTH, "/",
         "Authorization: Basic amFjazo=\napikey: rose\n", "rose"},
        {"nothing", BOTH, "/", "", NULL},
        {"wrong for both", BOTH, "/?key=jack", "Authorization: Basic amFjazo=\n", NULL},
        {"the default's query", BOTH, "/?apikey=rose", "", NULL},
        {"one plugin twice",
         "{\"auth_plugins\": [{\"key-auth\": {\"header\": \"X-A\"}},"
         " {\"key-auth\": {\"header\": \"X-B\"}}]}",
         "/", "X-B: rose\n", "rose"},
        {"all four",
         "{\"auth_plugins\": [{\"jwt-auth\": {}}, {\"hmac-auth\": {\"validate_request_body\": "
         "true}},"
         " {\"key-auth\": {}}, {\"basic-auth\": {}}]}",
         "/", JACK, "jack"},
        {"one that is switched off",
         "{\"auth_plugins\": [{\"basic-auth\": {\"_meta\": {\"disable\": true}}}, {\"key-auth\": "
         "{}}]}",
         "/", JACK, NULL},
        {"one that is switched off, the other knows",
         "{\"auth_plugins\": [{\"basic-auth\": {\"_meta\": {\"disable\": true}}}, {\"key-auth\": "
         "{}}]}",
         "/", JACK "apikey: rose\n", "rose"},
        {"all switched off",
         "{\"auth_plugins\": [{\"basic-auth\": {\"_meta\": {\"disable\": true}}},"
         " {\"key-auth\": {\"_meta\": {\"disable\": true}}}]}",
         "/", JACK "apikey: rose\n", NULL},
        {"a priority inside does not count",
         "{\"auth_plugins\": [{\"basic-auth\": {}}, {\"key-auth\": {\"_meta\": {\"priority\": "
         "9999}}}]}",
         "/", JACK "apikey: rose\n", "jack"},
        {"the last one lets in anybody",
         "{\"auth_plugins\": [{\"basic-auth\": {}},"
         " {\"key-auth\": {\"anonymous_consumer\": \"nobody\"}}]}",
         "/", "", "nobody"},
        {"the last one lets in anybody, but the first knows",
         "{\"auth_plugins\": [{\"basic-auth\": {}},"
         " {\"key-auth\": {\"anonymous_consumer\": \"nobody\"}}]}",
         "/", JACK, "jack"},
    };

    begin(*state);
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        hg_test_request request = {.uri = cases[i].uri, .headers = cases[i].headers};
        const hg_test_exchange *got = hg_test_run(*state, cases[i].config, &request);
        const char *name = hg_test_upstream_header(*state, got, "X-Consumer-Username");

        if (cases[i].consumer == NULL) {
            if (got->status != 401 || got->tries != 0 ||
                strcmp(got->body, "{\"message\":\"Authorization Failed\"}\n") != 0) {
                fail_msg("%s: got %u %s", cases[i].label, got->status, got->body);
            }
        } else if (got->status != 200 || name == NULL || strcmp(name, cases[i].consumer) != 0 ||
                   hg_test_header(*state, got, "WWW-Authenticate") != NULL) {
            fail_msg("%s: got %u %s", cases[i].label, got->status, name);
        }
    }
}

static void a_refused_client_is_told_every_way(void **state)
{
    static const struct {
        const char *label;
        const char *config;
        const char *challenges;
    } cases[] = {
        {"three",
         "{\"auth_plugins\": [{\"basic-auth\": {\"realm\": \"a\"}}, {\"key-auth\": {}},"
         " {\"jwt-auth\": {}}]}",
         "Basic realm=\"a\", apikey realm=\"key\", Bearer realm=\"jwt\""},
        {"four",
         "{\"auth_plugins\": [{\"hmac-auth\": {}}, {\"jwt-auth\": {}}, {\"key-auth\": {}},"
         " {\"basic-auth\": {}}]}",
         "hmac realm=\"hmac\", Bearer realm=\"jwt\", apikey realm=\"key\", Basic realm=\"basic\""},
        {"of those that are not switched off",
         "{\"auth_plugins\": [{\"basic-auth\": {\"_meta\": {\"disable\": true}}},"
         " {\"key-auth\": {}}]}",
         "apikey realm=\"key\""},
    };

    begin(*state);
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        const hg_test_exchange *got = hg_test_run(*state, cases[i].config, NULL);

        if (got->status != 401 ||
            strcmp(hg_test_header(*state, got, "WWW-Authenticate"), cases[i].challenges) != 0 ||
            strcmp(hg_test_header(*state, got, "Content-Type"), "application/json") != 0) {
            fail_msg("%s: got %u %s", cases[i].label, got->status,
                     hg_test_header(*state, got, "WWW-Authenticate"));
        }
    }
}

/* `count` plugins, each with its number as its realm. */
static const char *numbered(int count)
{
    static char config[8000];
    size_t length = (size_t)snprintf(config, sizeof(config), "{\"auth_plugins\": [");

    for (int i = 1; i <= count; i++) {
        length += (size_t)snprintf(config + length, sizeof(config) - length,
                                   "%s{\"key-auth\": {\"realm\": \"%d\"}}", i == 1 ? "" : ",", i);
    }
    (void)snprintf(config + length, sizeof(config) - length, "]}");
    return config;
}

static void sixteen_ways_are_told_and_logged_at_most(void **state)
{
    static const struct {
        int count;
        const char *last;
        size_t logged;
    } cases[] = {
        {16, "realm=\"16\"", 16},
        {17, "realm=\"16\"", 16},
        {64, "realm=\"16\"", 16},
    };

    begin(*state);
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        const hg_test_exchange *got;
        const char *challenges;

        hg_test_log_clear(*state);
        got = hg_test_run(*state, numbered(cases[i].count), NULL);
        challenges = hg_test_header(*state, got, "WWW-Authenticate");
        if (got->status != 401 || strcmp(strrchr(challenges, ' ') + 1, cases[i].last) != 0 ||
            hg_test_log_count(*state, HG_LOG_WARN, "key-auth failed to authenticate") !=
                cases[i].logged) {
            fail_msg("%d: got %u %s", cases[i].count, got->status, challenges);
        }
    }
}

static void a_refusal_may_have_another_body(void **state)
{
    const hg_test_exchange *got;

    begin(*state);
    got = hg_test_run(
        *state,
        "{\"auth_plugins\": [{\"basic-auth\": {\"_meta\": {\"error_response\": \"in\"}}},"
        " {\"key-auth\": {}}], \"_meta\": {\"error_response\": {\"a\": \"out\"}}}",
        NULL);
    assert_int_equal(got->status, 401);
    assert_string_equal(got->body, "{\"a\":\"out\"}\n");
    assert_string_equal(hg_test_header(*state, got, "WWW-Authenticate"),
                        "Basic realm=\"basic\", apikey realm=\"key\"");
}

/* True if the log holds that line, and not only as a part of another one. */
static bool has_line(hg_test *test, int level, const char *line)
{
    const char *found;
    int found_level;

    for (size_t i = 0; (found = hg_test_log_line(test, i, &found_level)) != NULL; i++) {
        if (found_level == level && strcmp(found, line) == 0) {
            return true;
        }
    }
    return false;
}

static void why_a_request_was_refused_stands_in_the_log(void **state)
{
    begin(*state);
    assert_int_equal(hg_test_run(*state, BOTH, NULL)->status, 401);
    assert_true(has_line(*state, HG_LOG_WARN,
                         "plugin multi-auth: basic-auth failed to authenticate the request, code: "
                         "401. error: {\"message\":\"Missing authorization in request\"}"));
    assert_true(has_line(*state, HG_LOG_WARN,
                         "plugin multi-auth: key-auth failed to authenticate the request, code: "
                         "401. error: {\"message\":\"Missing API key in request\"}"));
    assert_int_equal(
        hg_test_log_count(*state, HG_LOG_WARN, "multi-auth exits with http status code 401"), 1);
    hg_test_log_clear(*state);
    assert_int_equal(
        hg_test_run(*state, BOTH, &(hg_test_request){.headers = "apikey: rose\n"})->status, 200);
    assert_int_equal(hg_test_log_count(*state, HG_LOG_WARN, "failed to authenticate"), 0);
    assert_true(has_line(*state, HG_LOG_DEBUG,
                         "plugin multi-auth: key-auth succeed to authenticate the request"));
}

/* Of the plugin that knew the request; another one finds in it what it needs. */
static void credentials_are_hidden_by_whom_they_are_for(void **state)
{
    static const char config[] =
        "{\"auth_plugins\": [{\"jwt-auth\": {\"hide_credentials\": true}},"
        " {\"basic-auth\": {\"hide_credentials\": true}}, {\"key-auth\": {}}]}";
    const hg_test_exchange *got;

    begin(*state);
    got = hg_test_run(*state, config, &(hg_test_request){.headers = JACK});
    assert_int_equal(got->status, 200);
    assert_null(hg_test_upstream_header(*state, got, "Authorization"));
    got = hg_test_run(*state, config,
                      &(hg_test_request){.headers = "Authorization: x\napikey: rose\n"});
    assert_int_equal(got->status, 200);
    assert_string_equal(hg_test_upstream_header(*state, got, "Authorization"), "x");
    assert_string_equal(hg_test_upstream_header(*state, got, "apikey"), "rose");
}

/* hmac-auth waits for the body; the others need not. */
static void a_body_may_be_waited_for(void **state)
{
    const hg_test_exchange *got;

    begin(*state);
    got = hg_test_run(
        *state,
        "{\"auth_plugins\": [{\"hmac-auth\": {\"validate_request_body\": true}},"
        " {\"key-auth\": {}}]}",
        &(hg_test_request){.method = "POST", .headers = "apikey: rose\n", .body = "abc"});
    assert_int_equal(got->status, 200);
    assert_string_equal(got->upstream_body, "abc");
}

/* A plugin that may wait runs on a stack of its own, which is small, and so do the others then. */
static void deep_tokens_are_refused_there_too(void **state)
{
    static const char group[] = "W1tb"; /* [[[ */
    char headers[8192] = "Authorization: Bearer e30.";
    size_t length = strlen(headers);

    begin(*state);
    for (int i = 0; i < 680; i++) {
        memcpy(headers + length, group, 4);
        length += 4;
    }
    for (int i = 0; i < 680; i++) {
        memcpy(headers + length, "XV1d", 4); /* ]]] */
        length += 4;
    }
    (void)strcpy(headers + length, ".\n");
    for (int i = 0; i < 2; i++) {
        const hg_test_exchange *got =
            hg_test_run(*state,
                        i == 0 ? "{\"auth_plugins\": [{\"hmac-auth\": {}}, {\"jwt-auth\": {}}]}"
                               : "{\"auth_plugins\": [{\"key-auth\": {}}, {\"jwt-auth\": {}}]}",
                        &(hg_test_request){.headers = headers});

        assert_int_equal(got->status, 401);
    }
    assert_int_equal(hg_test_log_count(*state, HG_LOG_WARN, "JWT token invalid"), 2);
}

static void plugins_of_the_consumer_join(void **state)
{
    begin(*state);
    hg_test_must_put(*state, "consumers/rose",
                     "{\"username\": \"rose\", \"plugins\": {\"key-auth\": {\"key\": \"rose\"},"
                     " \"basic-auth\": {\"username\": \"r\", \"password\": \"r\"}}}");
    for (int i = 0; i < 3; i++) { /* the chain of route and consumer is there by then */
        const hg_test_exchange *got =
            hg_test_run(*state, BOTH, &(hg_test_request){.headers = "apikey: rose\n"});

        assert_int_equal(got->status, 200);
    }
}

static void every_field_is_told(void **state)
{
    static const hg_test_fact facts[] = {
        {"/priority", "2600"},
        {"/flags", "[\"auth\"]"},
        {"/phases", "[\"rewrite\"]"},
        {"/delegates", "\"auth_plugins\""},
        {"/schema", "{\"type\": \"object\", \"required\": [\"auth_plugins\"]}"},
        {"/schema/properties/auth_plugins",
         "{\"type\": \"array\", \"minItems\": 2, \"maxItems\": 64, \"items\": {\"type\": "
         "\"object\","
         " \"minProperties\": 1, \"additionalProperties\": {\"type\": \"object\"}}}"},
    };

    hg_test_expect_facts(*state, facts, ARRAY_SIZE(facts));
}

static void configurations_are_judged(void **state)
{
    static const hg_test_row rows[] = {
        {"two", "{\"auth_plugins\": [{\"key-auth\": {}}, {\"basic-auth\": {}}]}", NULL},
        {"none", "{}", "property \"auth_plugins\" is required"},
        {"empty", "{\"auth_plugins\": []}",
         "property \"auth_plugins\" validation failed: expect array to have at least 2 items"},
        {"one", "{\"auth_plugins\": [{\"key-auth\": {}}]}",
         "property \"auth_plugins\" validation failed: expect array to have at least 2 items"},
        {"another type", "{\"auth_plugins\": {\"key-auth\": {}, \"basic-auth\": {}}}",
         "property \"auth_plugins\" validation failed: wrong type: expected array, got table"},
        {"names", "{\"auth_plugins\": [\"key-auth\", \"basic-auth\"]}",
         "property \"auth_plugins\" validation failed: failed to validate item 1: wrong type: "
         "expected object, got string"},
        {"empty objects", "{\"auth_plugins\": [{}, {}]}",
         "property \"auth_plugins\" validation failed: failed to validate item 1: expect object to "
         "have at least 1 properties"},
        {"no objects", "{\"auth_plugins\": [{\"key-auth\": 1}, {\"basic-auth\": []}]}",
         "property \"auth_plugins\" validation failed: failed to validate item 1: failed to "
         "validate additional property key-auth: wrong type: expected object, got number"},
        {"not there", "{\"auth_plugins\": [{\"key-auth\": {}}, {\"no-auth\": {}}]}",
         "no-auth plugin did not found"},
        {"no authentication", "{\"auth_plugins\": [{\"key-auth\": {}}, {\"echo\": {}}]}",
         "echo plugin is not supported"},
        {"itself",
         "{\"auth_plugins\": [{\"key-auth\": {}}, {\"multi-auth\": {\"auth_plugins\":"
         " [{\"key-auth\": {}}, {\"basic-auth\": {}}]}}]}",
         "multi-auth plugin is not supported"},
        {"a condition inside",
         "{\"auth_plugins\": [{\"key-auth\": {\"_meta\": {\"filter\": [[\"arg_a\", \"==\", "
         "\"1\"]]}}},"
         " {\"basic-auth\": {}}]}",
         "plugin key-auth check schema failed: a condition of the plugin around it"},
        {"something unknown in _meta inside",
         "{\"auth_plugins\": [{\"key-auth\": {\"_meta\": {\"x\": 1}}}, {\"basic-auth\": {}}]}",
         "plugin key-auth check schema failed: property \"_meta\" validation failed: additional "
         "properties forbidden, found x"},
        {"a _meta that lets it be",
         "{\"auth_plugins\": [{\"key-auth\": {\"_meta\": {\"disable\": false, \"error_response\": "
         "\"a\","
         " \"priority\": 1}}}, {\"basic-auth\": {}}]}",
         NULL},
        {"wrong inside",
         "{\"auth_plugins\": [{\"key-auth\": {\"header\": 1}}, {\"basic-auth\": {}}]}",
         "plugin key-auth check schema failed: property \"header\" validation failed: wrong type: "
         "expected string, got number"},
    };
    json_t *issues = NULL;

    begin(*state);
    assert_true(load(*state, "echo"));
    hg_test_judge(*state, rows, ARRAY_SIZE(rows));
    for (int count = 64; count <= 65; count++) {
        hg_test_row row = {"as many as there may be", numbered(count),
                           count == 64 ? NULL
                                       : "property \"auth_plugins\" validation failed: expect array"
                                         " to have at most 64 items"};

        hg_test_judge(*state, &row, 1);
    }
    (void)hg_test_check(*state, "multi-auth", HG_TEST_ON_ROUTE,
                        "{\"auth_plugins\": [{\"key-auth\": {\"header\": 1}},"
                        " {\"basic-auth\": {\"realm\": 2}}]}",
                        &issues, NULL);
    assert_int_equal(json_array_size(issues), 2); /* all at once, each with its place */
    assert_string_equal(json_string_value(json_object_get(json_array_get(issues, 1), "pointer")),
                        "/plugins/multi-auth/auth_plugins/1/basic-auth/realm");
    json_decref(issues);
}

HG_TEST_MAIN("multi-auth",
             HG_TEST_CASE(the_first_that_knows_a_request_wins),
             HG_TEST_CASE(a_refused_client_is_told_every_way),
             HG_TEST_CASE(sixteen_ways_are_told_and_logged_at_most),
             HG_TEST_CASE(a_refusal_may_have_another_body),
             HG_TEST_CASE(why_a_request_was_refused_stands_in_the_log),
             HG_TEST_CASE(credentials_are_hidden_by_whom_they_are_for),
             HG_TEST_CASE(a_body_may_be_waited_for),
             HG_TEST_CASE(deep_tokens_are_refused_there_too),
             HG_TEST_CASE(plugins_of_the_consumer_join),
             HG_TEST_CASE(every_field_is_told),
             HG_TEST_CASE(configurations_are_judged))
