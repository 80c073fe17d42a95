/* tests/unit/control/test_admin_write.c - objects are stored whole or not at all, and nobody loses
 * what he uses. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "host/core/address.h"
#include "tests/unit/control/api_fixture.h"
#include "tests/unit/unit.h"

static void objects_are_written_and_read_in_v3(void **state)
{
    api_test *test = *state;

    expect(test, "PUT", "/routes/1", "{\"uri\":\"/a\",\"upstream\":{\"nodes\":{}}}", 201, "");
    assert_string_equal(without_times(test->client.answer.body),
                        "{\"key\":\"/apisix/routes/1\",\"value\":{\"uri\":\"/a\",\"upstream\":{"
                        "\"nodes\":{}},\"id\":\"1\",\"create_time\":T,\"update_time\":T}}\n");
    expect(test, "PUT", "/routes/1", "{\"uri\":\"/b\",\"id\":1,\"upstream\":{\"nodes\":{}}}", 200,
           "\"uri\":\"/b\"");
    expect(test, "PUT", "/routes", "{\"uri\":\"/c\",\"id\":\"two\",\"upstream\":{\"nodes\":{}}}",
           201, "\"key\":\"/apisix/routes/two\"");
    expect(test, "GET", "/routes/1", NULL, 200, ",\"createdIndex\":1,\"modifiedIndex\":2}\n");
    expect(test, "GET", "/routes/", NULL, 200,
           "{\"total\":2,\"list\":[{\"key\":\"/apisix/routes/1\"");
    expect(test, "POST", "/routes", ROUTE, 201, "\"key\":\"/apisix/routes/00000000000000000004\"");
    expect(test, "POST", "/routes", ROUTE, 201, "\"id\":\"00000000000000000005\"");
    expect(test, "PATCH", "/routes/two", "{\"uri\":\"/d\"}", 200, "\"uri\":\"/d\"");
    expect(test, "PATCH", "/routes/two/uri", "\"/e\"", 200, "\"uri\":\"/e\"");
    expect(test, "DELETE", "/routes/two", NULL, 200,
           "{\"key\":\"/apisix/routes/two\",\"deleted\":\"1\"}\n");
    expect(test, "GET", "/routes/two", NULL, 404, "Key not found");
    expect(test, "PUT", "/consumers", "{\"username\":\"jack\",\"plugins\":{\"x\":{}}}", 201,
           "{\"key\":\"/apisix/consumers/jack\",\"value\":{\"username\":\"jack\"");
    expect(test, "PUT", "/consumers/jack", "{\"username\":\"jack\"}", 200, "jack");
    expect(test, "GET", "/consumers", NULL, 200, "{\"total\":1,");
    expect(test, "HEAD", "/consumers", NULL, 200, "{\"total\":1,");
    expect(test, "PUT", "/upstreams/1", "{\"nodes\":{},\"retry_timeout\":0.1}", 201,
           "\"retry_timeout\":0.1,");
}

static void objects_are_written_and_read_in_v2(void **state)
{
    api_test *test = *state;

    expect(test, "PUT", "/services/1", "{}", 201,
           "{\"action\":\"set\",\"node\":{\"key\":\"/apisix/services/1\",\"value\":{");
    assert_string_equal(answer_header(test, "X-API-VERSION"), "v2");
    expect(test, "POST", "/services", "{}", 201, "{\"action\":\"create\",\"node\":{\"key\"");
    expect(test, "PATCH", "/services/1", "{\"desc\":\"d\"}", 200,
           "{\"action\":\"compareAndSwap\",");
    expect(test, "GET", "/services/1", NULL, 200,
           "{\"action\":\"get\",\"count\":1,\"node\":{\"key\":\"/apisix/services/1\",\"value\":{");
    assert_null(strstr(test->client.answer.body, "createdIndex"));
    expect(test, "GET", "/services", NULL, 200,
           "{\"action\":\"get\",\"count\":2,\"node\":{\"dir\":true,\"key\":\"/apisix/services\","
           "\"nodes\":[{\"key\":\"/apisix/services/1\",");
    expect(test, "GET", "/services/9", NULL, 404,
           "{\"message\":\"Key not found\",\"action\":\"get\"}\n");
    expect(test, "DELETE", "/services/1", NULL, 200, "\"action\":\"delete\",\"node\":{}}\n");
    expect(test, "PUT", "/consumers", "{\"username\":\"a\"}", 201, "\"action\":\"set\"");
    expect(test, "PUT", "/consumers/a/credentials/c", "{}", 201,
           "{\"action\":\"set\",\"node\":{\"key\":\"/apisix/consumers/a/credentials/c\"");
    expect(test, "GET", "/consumers/a/credentials", NULL, 200,
           "{\"action\":\"get\",\"count\":1,\"node\":{\"dir\":true,\"key\":\"/apisix/consumers/a/"
           "credentials\",\"nodes\":[{\"key\":\"/apisix/consumers/a/credentials/c\"");
}

static void the_longest_name_is_as_good_as_any(void **state)
{
    api_test *test = *state;
    char name[258];
    char body[300];
    char target[300];

    memset(name, 'n', sizeof(name));
    name[256] = '\0';
    (void)snprintf(body, sizeof(body), "{\"username\":\"%s\"}", name);
    (void)snprintf(target, sizeof(target), "/consumers/%s", name);
    expect(test, "PUT", target, body, 201, name);
    expect(test, "GET", target, NULL, 200, name);
    name[256] = 'n';
    name[257] = '\0';
    (void)snprintf(target, sizeof(target), "/consumers/%s", name);
    expect(test, "GET", target, NULL, 404, "Key not found");
    expect(test, "DELETE", target, NULL, 404, "Key not found");
    expect(test, "PUT", target, body, 400, "wrong username");
    (void)snprintf(body, sizeof(body), "{\"username\":\"%s\"}", name);
    expect(test, "PUT", "/consumers", body, 400, "string too long, expected at most 256, got 257");
}

static void credentials_stand_below_their_consumer(void **state)
{
    api_test *test = *state;

    set_plugins(test);
    expect(test, "PUT", "/consumers", "{\"username\":\"jack\"}", 201, "");
    expect(test, "PUT", "/consumers", "{\"username\":\"jill\"}", 201, "");
    expect(test, "GET", "/consumers/jack/credentials", NULL, 404,
           "{\"message\":\"Key not found\"}\n");
    expect(test, "PUT", "/consumers/jack/credentials/one",
           "{\"plugins\":{\"key\":{\"key\":\"a\"}}}", 201, "");
    assert_string_equal(without_times(test->client.answer.body),
                        "{\"key\":\"/apisix/consumers/jack/credentials/one\",\"value\":{"
                        "\"plugins\":{\"key\":{\"key\":\"a\"}},\"id\":\"one\",\"create_time\":T,"
                        "\"update_time\":T}}\n");
    expect(test, "PUT", "/consumers/jack/credentials", "{\"id\":2}", 201,
           "\"key\":\"/apisix/consumers/jack/credentials/2\"");
    expect(test, "PUT", "/consumers/jill/credentials/one", "{}", 201, "");
    expect(test, "PUT", "/consumers/jack/credentials", "{}", 400, "missing credential id");
    expect(test, "PUT", "/consumers/jack/credentials/a%b", "{}", 400, "invalid configuration");
    expect(test, "PUT", "/consumers/jack/credentials/3", "{\"plugins\":{\"low\":{}}}", 400,
           "{\"error_msg\":\"only supports auth type plugins in consumer credential\",");
    expect(test, "PUT", "/consumers/jack/credentials/3", "{\"plugins\":{\"unknown\":{}}}", 400,
           "invalid plugins configuration: unknown plugin [unknown]");
    expect(test, "GET", "/consumers/jack/credentials/one", NULL, 200,
           "{\"key\":\"/apisix/consumers/jack/credentials/one\",\"value\":{\"plugins\":");
    expect(test, "GET", "/consumers/jack/credentials", NULL, 200,
           "{\"total\":2,\"list\":[{\"key\":\"/apisix/consumers/jack/credentials/one\"");
    expect(test, "GET", "/consumers", NULL, 200, "{\"total\":2,");
    expect(test, "GET", "/consumers/jack/credentials/7", NULL, 404, "Key not found");
    expect(test, "DELETE", "/consumers/jack/credentials/2", NULL, 200,
           "{\"key\":\"/apisix/consumers/jack/credentials/2\",\"deleted\":\"1\"}\n");
    expect(test, "DELETE", "/consumers/jack", NULL, 200, "");
    expect(test, "GET", "/consumers/jack/credentials/one", NULL, 404, "consumer not found");
    expect(test, "PUT", "/consumers", "{\"username\":\"jack\"}", 201, "");
    expect(test, "GET", "/consumers/jack/credentials", NULL, 404, "Key not found");
    expect(test, "GET", "/consumers/jill/credentials", NULL, 200, "\"total\":1");
}

static void shared_configurations_are_written_and_used(void **state)
{
    api_test *test = *state;

    expect(test, "PUT", "/plugin_configs/p", "{\"plugins\":{\"x\":{\"a\":1}}}", 201,
           "{\"key\":\"/apisix/plugin_configs/p\",\"value\":{\"plugins\"");
    expect(test, "PATCH", "/plugin_configs/p", "{\"plugins\":{\"y\":{}}}", 200,
           "\"plugins\":{\"x\":{\"a\":1},\"y\":{}}");
    expect(test, "PATCH", "/plugin_configs/p/plugins/x/a", "2", 200, "\"a\":2");
    expect(test, "PUT", "/routes/1", "{\"uri\":\"/a\",\"plugin_config_id\":\"p\"," UP "}", 201, "");
    expect(test, "DELETE", "/plugin_configs/p", NULL, 400,
           "{\"error_msg\":\"can not delete this plugin config, route [1] is still using it "
           "now\"}\n");
    expect(test, "DELETE", "/plugin_configs/p?force=true", NULL, 200, "");
    expect(test, "PUT", "/consumer_groups/g", "{\"plugins\":{}}", 201, "");
    expect(test, "PUT", "/consumers", "{\"username\":\"jack\",\"group_id\":\"g\"}", 201, "");
    expect(test, "DELETE", "/consumer_groups/g", NULL, 400,
           "{\"error_msg\":\"can not delete this consumer group, consumer [jack] is still using it "
           "now\"}\n");
    expect(test, "DELETE", "/consumers/jack", NULL, 200, "");
    expect(test, "DELETE", "/consumer_groups/g", NULL, 200, "");
    expect(test, "PUT", "/global_rules/1", "{\"plugins\":{\"x\":{}}}", 201, "");
    expect(test, "PUT", "/global_rules/1", "{\"plugins\":{\"x\":{\"a\":1}}}", 200, "");
    expect(test, "PUT", "/global_rules/2", "{\"plugins\":{\"x\":{}}}", 400,
           "{\"error_msg\":\"plugin 'x' already exists in global rule with id '1'\",");
    expect(test, "PATCH", "/global_rules/1", "{\"plugins\":{\"x\":null}}", 200, "\"plugins\":{}");
    expect(test, "PUT", "/global_rules/2", "{\"plugins\":{\"x\":{}}}", 201, "");
    expect(test, "PUT", "/plugin_metadata/x", "{\"create_time\":\"mine\"}", 201,
           "{\"key\":\"/apisix/plugin_metadata/"
           "x\",\"value\":{\"create_time\":\"mine\",\"id\":\"x\"}}\n");
    expect(test, "GET", "/plugin_metadata/x", NULL, 200, "{\"create_time\":\"mine\",\"id\":\"x\"}");
    expect(test, "GET", "/plugin_metadata", NULL, 200, "{\"total\":1,");
    expect(test, "DELETE", "/plugin_metadata/x", NULL, 200, "");
}

static void times_are_kept_and_patched(void **state)
{
    api_test *test = *state;
    json_t *first;
    json_t *second;

    first = json_loads(ask(test, "PUT", "/services/1", "{}"), 0, NULL);
    second = json_loads(ask(test, "PATCH", "/services/1", "{\"create_time\":5,\"update_time\":6}"),
                        0, NULL);
    assert_true(
        json_integer_value(json_object_get(json_object_get(first, "value"), "create_time")) > 1000);
    expect(test, "GET", "/services/1", NULL, 200, "\"create_time\":5,\"update_time\":6");
    expect(test, "PUT", "/services/1", "{\"desc\":\"x\"}", 200, "\"create_time\":5,");
    assert_null(strstr(test->client.answer.body, "\"update_time\":6,"));
    json_decref(first);
    json_decref(second);
}

static void a_patch_is_checked_like_a_put(void **state)
{
    static const struct {
        const char *target;
        const char *body;
        unsigned status;
        const char *part;
    } cases[] = {
        {"/routes/1", "{\"nope\":1}", 400, "additional properties forbidden, found nope"},
        {"/routes/1", "{\"uri\":null}", 400, "invalid configuration: "},
        {"/routes/1", "{\"id\":\"2\"}", 400, "wrong route id"},
        {"/routes/1", "{\"plugins\":{\"unknown\":{}}}", 400, "unknown plugin [unknown]"},
        {"/routes/1", "{\"upstream_id\":\"9\"}", 400, "failed to fetch upstream info"},
        {"/routes/1/uri", "null", 400, "invalid configuration: "},
        {"/routes/1/uri/x", "1", 400, "{\"error_msg\":\"invalid sub-path: /uri\"}\n"},
        {"/routes/1/plugins", "{\"x\":{\"n\":1}}", 200, "\"plugins\":{\"x\":{\"n\":1}}"},
        {"/routes/1/plugins/x/n/", "2", 200, "\"plugins\":{\"x\":{\"n\":2}}"},
        {"/routes/1", "{\"plugins\":{}}", 200, "\"plugins\":{}"},
        {"/routes/1", "{\"upstream\":{\"nodes\":{\"127.0.0.1:80\":null,\"b:1\":2}}}", 200,
         "\"nodes\":{\"b:1\":2}"},
    };
    api_test *test = *state;

    expect(test, "PUT", "/routes/1", ROUTE, 201, "");
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        expect(test, "PATCH", cases[i].target, cases[i].body, cases[i].status, cases[i].part);
    }
}

static void what_is_used_is_not_deleted(void **state)
{
    api_test *test = *state;

    expect(test, "PUT", "/upstreams/u", "{\"nodes\":{}}", 201, "");
    expect(test, "PUT", "/services/s", "{\"upstream_id\":\"u\"}", 201, "");
    expect(test, "DELETE", "/upstreams/u", NULL, 400,
           "{\"error_msg\":\"can not delete this upstream, service [s] is still using it now\"}\n");
    expect(test, "PUT", "/routes/r", "{\"uri\":\"/\",\"service_id\":\"s\",\"upstream_id\":\"u\"}",
           201, "");
    expect(test, "DELETE", "/upstreams/u", NULL, 400,
           "can not delete this upstream, route [r] is still using it now");
    expect(test, "DELETE", "/services/s?force=1", NULL, 400,
           "can not delete this service directly, route [r] is still using it now");
    expect(test, "DELETE", "/services/s?force=true", NULL, 200, "\"deleted\":\"1\"");
    expect(test, "PUT", "/routes/r", "{\"uri\":\"/\",\"plugins\":{}}", 200, "");
    expect(test, "DELETE", "/upstreams/u", NULL, 200, "\"deleted\":\"1\"");
}

static void an_upstream_is_kept_by_a_plugin_that_may_choose_it(void **state)
{
    static const struct {
        const char *target;
        const char *noun;
    } cases[] = {
        {"/services/x", "service"},         {"/plugin_configs/x", "plugin config"},
        {"/consumers/x", "consumer"},       {"/consumer_groups/x", "consumer group"},
        {"/global_rules/x", "global rule"},
    };
    api_test *test = *state;
    const char *plugins = "\"plugins\":{\"traffic-split\":{\"rules\":[{},{\"weighted_upstreams\":"
                          "[{\"weight\":1},{\"upstream_id\":7},{\"upstream_id\":\"7\"}]}]}}";
    char body[300];

    expect(test, "PUT", "/upstreams/7", "{\"nodes\":{}}", 201, "");
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        char text[200];
        bool is_consumer = strcmp(cases[i].noun, "consumer") == 0;

        (void)snprintf(body, sizeof(body), "{%s%s}", is_consumer ? "\"username\":\"x\"," : "",
                       plugins);
        expect(test, "PUT", cases[i].target, body, 201, "");
        (void)snprintf(text, sizeof(text),
                       "{\"error_msg\":\"can not delete this upstream, plugin in %s [x] is still "
                       "using it now\"}\n",
                       cases[i].noun);
        expect(test, "DELETE", "/upstreams/7", NULL, 400, text);
        expect(test, "DELETE", cases[i].target, NULL, 200, "");
    }
    expect(test, "DELETE", "/upstreams/7", NULL, 200, "");
}

static void a_credential_belongs_to_one_consumer(void **state)
{
    static const struct {
        const char *label;
        const char *target;
        const char *body;
        unsigned status;
        const char *part;
    } cases[] = {
        {"first", "/consumers", "{\"username\":\"a\",\"plugins\":{\"key\":{\"key\":\"key-77\"}}}",
         201, ""},
        {"again", "/consumers", "{\"username\":\"a\",\"plugins\":{\"key\":{\"key\":\"key-77\"}}}",
         200, ""},
        {"of another consumer", "/consumers",
         "{\"username\":\"b\",\"plugins\":{\"key\":{\"key\":\"key-77\"}}}", 400,
         "{\"error_msg\":\"duplicate key of plugin key found with consumer: a\",\"errors\":[{"
         "\"pointer\":\"/plugins/key/key\",\"found\":\"a credential of somebody else\""},
        {"another field", "/consumers",
         "{\"username\":\"b\",\"plugins\":{\"key\":{\"other\":\"key-77\",\"key\":\"two\"}}}", 201,
         ""},
        {"another plugin", "/consumers",
         "{\"username\":\"c\",\"plugins\":{\"low\":{\"key\":\"key-77\"}}}", 201, ""},
        {"own credential", "/consumers/a/credentials/1",
         "{\"plugins\":{\"key\":{\"key\":\"key-77\"}}}", 201, ""},
        {"credential of another", "/consumers/b/credentials/1",
         "{\"plugins\":{\"key\":{\"key\":\"key-77\"}}}", 400,
         "duplicate key of plugin key found with consumer: a\""},
        {"moved", "/consumers", "{\"username\":\"a\"}", 200, ""},
        {"in a credential only", "/consumers",
         "{\"username\":\"c\",\"plugins\":{\"key\":{\"key\":\"key-77\"}}}", 400,
         "duplicate key of plugin key found with credential: 1 of consumer: a\""},
        {"reference", "/consumers",
         "{\"username\":\"d\",\"plugins\":{\"key\":{\"key\":\"$secret://vault/1/a\"}}}", 201, ""},
        {"the same reference", "/consumers",
         "{\"username\":\"e\",\"plugins\":{\"key\":{\"key\":\"$secret://vault/1/a\"}}}", 201, ""},
    };
    api_test *test = *state;

    set_plugins(test);
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        const char *seen = ask(test, "PUT", cases[i].target, cases[i].body);

        if (test->client.answer.status != cases[i].status || strstr(seen, cases[i].part) == NULL) {
            fail_msg("%s: %u %s", cases[i].label, test->client.answer.status, seen);
        }
        assert_true(cases[i].status == 201 || cases[i].status == 200 ||
                    strstr(seen, "key-77") == NULL);
    }
    expect(test, "DELETE", "/consumers/a", NULL, 200, "");
    expect(test, "PUT", "/consumers",
           "{\"username\":\"c\",\"plugins\":{\"key\":{\"key\":\"key-77\"}}}", 200, "");
}

static void an_id_is_a_text_however_it_was_written(void **state)
{
    static const char *const wrong[] = {"{\"id\":0}", "{\"id\":-1}", "{\"id\":1.5}",
                                        "{\"id\":1e20}"};
    api_test *test = *state;

    expect(test, "PUT", "/services/7", "{\"id\":7}", 201, "\"id\":\"7\"");
    expect(test, "PUT", "/services", "{\"id\":8}", 201, "\"id\":\"8\"");
    expect(test, "GET", "/services/8", NULL, 200, "\"id\":\"8\"");
    expect(test, "PATCH", "/services/8", "{\"id\":null,\"desc\":\"d\"}", 200, "\"id\":\"8\"");
    expect(test, "PATCH", "/services/8", "{\"id\":9}", 400, "wrong service id");
    expect(test, "PUT", "/services", "{\"id\":[1]}", 400,
           "invalid configuration: property \\\"id\\\" validation failed");
    expect(test, "PUT", "/services", "{\"id\":\"\"}", 400,
           "invalid configuration: property \\\"id\\\" validation failed");
    for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
        expect(test, "PUT", "/services", wrong[i], 400,
               "invalid configuration: property \\\"id\\\" validation failed");
    }
    expect(test, "PUT", "/services", "{\"id\":8.0}", 200, "\"key\":\"/apisix/services/8\"");
    expect(test, "PUT", "/services", "{\"id\":1e3}", 201, "\"key\":\"/apisix/services/1000\"");
    expect(test, "PUT", "/routes/1", "{\"uri\":\"/a\",\"service_id\":9.0}", 400,
           "failed to fetch service info by service id [9], response code: 404");
    expect(test, "PUT", "/routes/1", "{\"uri\":\"/a\",\"service_id\":8.0}", 201,
           "\"service_id\":8,");
    expect(test, "PUT", "/routes/1", "{\"uri\":\"/a\",\"service_id\":1e20}", 400,
           "property \\\"service_id\\\" validation failed");
    expect(test, "DELETE", "/services/8", NULL, 400, "route [1] is still using it now");
}

static void an_object_with_a_time_to_live_goes_by_itself(void **state)
{
    api_test *test = *state;
    time_t end = time(NULL) + 8;
    int writes = 0;

    expect(test, "PUT", "/services/1?ttl=1", "{}", 201, "");
    expect(test, "PUT", "/services/2?ttl=1", "{}", 201, "");
    expect(test, "PUT", "/services/2", "{}", 200, ""); /* permanent again */
    expect(test, "PUT", "/consumers?ttl=1", "{\"username\":\"a\"}", 201, "");
    expect(test, "PUT", "/consumers/a/credentials/c", "{}", 201, "");
    expect(test, "GET", "/services/1", NULL, 200, "");
    while ((hgh_resource_table_find(test->table, "services/1") != NULL ||
            hgh_resource_table_find(test->table, "consumers/a") != NULL) &&
           time(NULL) < end) {
        hgh_event_loop_timer timer = {0};

        hgh_event_loop_timer_start(test->loop, &timer, 50,
                                   (hgh_event_loop_on_time)hgh_event_loop_stop, test->loop);
        assert_int_equal(hgh_event_loop_run(test->loop, NULL), HG_OK);
        expect(test, "PUT", "/services/3", "{}", writes++ == 0 ? 201 : 200, ""); /* others go on */
    }
    expect(test, "GET", "/services/1", NULL, 404, "Key not found");
    assert_null(hgh_resource_table_find(test->table, "services/1"));
    assert_null(hgh_resource_table_find(test->table, "consumers/a"));
    assert_null(hgh_resource_table_find(test->table, "credentials/a/credentials/c"));
    expect(test, "GET", "/services/2", NULL, 200, "");
}

static void warnings_of_plugins_are_told(void **state)
{
    api_test *test = *state;

    expect(test, "PUT", "/routes/1", "{\"uri\":\"/\",\"plugins\":{\"x\":{\"odd\":true}}}", 201,
           ",\"warnings\":[{\"pointer\":\"/odd\",\"found\":\"odd\",\"wanted\":\"even\"}]}\n");
    expect(test, "GET", "/routes/1", NULL, 200, "odd");
    assert_null(strstr(test->client.answer.body, "warnings"));
}

static void without_a_judge_each_plugin_is_unknown(void **state)
{
    api_test *test = *state;

    hgh_admin_api_set_plugin_check(test->api, NULL);
    expect(test, "PUT", "/routes/1", "{\"uri\":\"/\",\"plugins\":{\"x\":{}}}", 400,
           "{\"error_msg\":\"unknown plugin [x]\"");
    expect(test, "PUT", "/routes/1", "{\"uri\":\"/\",\"plugins\":{}}", 201, "");
}

/* Sends without waiting: the answers come in the order of the writes. */
typedef struct racer {
    fake_client client;
    hgh_admin_request request;
    char path[64];
    char body[128];
} racer;

static void writes_take_their_turns_and_reads_do_not_wait(void **state)
{
    api_test *test = *state;
    hgh_admin_handler handler = hgh_admin_api_handler(test->api);
    racer *racers = calloc(100, sizeof(*racers));

    for (int i = 0; i < 100; i++) {
        racer *one = &racers[i];

        one->client.later.send = client_send;
        one->client.test = test;
        (void)snprintf(one->path, sizeof(one->path), "/apisix/admin/services/one");
        (void)snprintf(one->body, sizeof(one->body), "{\"desc\":\"%d\",\"plugins\":{\"x\":{}}}", i);
        one->request = (hgh_admin_request){.method = "PUT",
                                           .path = one->path,
                                           .body = one->body,
                                           .body_length = strlen(one->body),
                                           .header = find_header,
                                           .context = test};
        assert_int_equal(hgh_address_parse(hg_text_of("127.0.0.1"), &one->request.client), HG_OK);
        handler.handle(handler.context, &one->request, &one->client.later);
        assert_int_equal(one->client.answers, 0);
    }
    expect(test, "GET", "/services", NULL, 200, "\"total\":0"); /* at once, the writes wait */
    test->waiting = 100;
    assert_int_equal(hgh_event_loop_run(test->loop, NULL), HG_OK);
    for (int i = 0; i < 100; i++) {
        char part[32];

        (void)snprintf(part, sizeof(part), "\"desc\":\"%d\"", i);
        assert_int_equal(racers[i].client.answers, 1);
        assert_int_equal(racers[i].client.answer.status, i == 0 ? 201 : 200);
        assert_non_null(strstr(racers[i].client.answer.body, part));
        hgh_admin_answer_done(&racers[i].client.answer);
    }
    expect(test, "GET", "/services/one", NULL, 200, "\"desc\":\"99\"");
    assert_int_equal(test->store->revision, 100);
    free(racers);
}

static void writes_that_wait_at_the_end_are_answered(void **state)
{
    api_test *test = *state;
    hgh_admin_handler handler = hgh_admin_api_handler(test->api);
    racer one = {.client = {.later = {client_send}, .test = test}};

    one.request = (hgh_admin_request){.method = "DELETE",
                                      .path = "/apisix/admin/services/one",
                                      .header = find_header,
                                      .context = test};
    assert_int_equal(hgh_address_parse(hg_text_of("127.0.0.1"), &one.request.client), HG_OK);
    handler.handle(handler.context, &one.request, &one.client.later);
    hgh_admin_api_free(test->api);
    test->api = NULL;
    assert_int_equal(one.client.answers, 1);
    assert_int_equal(one.client.answer.status, 503);
    hgh_admin_answer_done(&one.client.answer);
}

#define API_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        API_TEST(objects_are_written_and_read_in_v3),
        cmocka_unit_test_setup_teardown(objects_are_written_and_read_in_v2, set_up_v2, tear_down),
        API_TEST(the_longest_name_is_as_good_as_any),
        API_TEST(credentials_stand_below_their_consumer),
        API_TEST(shared_configurations_are_written_and_used),
        API_TEST(times_are_kept_and_patched),
        API_TEST(a_patch_is_checked_like_a_put),
        API_TEST(what_is_used_is_not_deleted),
        API_TEST(an_upstream_is_kept_by_a_plugin_that_may_choose_it),
        API_TEST(a_credential_belongs_to_one_consumer),
        API_TEST(an_id_is_a_text_however_it_was_written),
        API_TEST(an_object_with_a_time_to_live_goes_by_itself),
        API_TEST(warnings_of_plugins_are_told),
        API_TEST(without_a_judge_each_plugin_is_unknown),
        API_TEST(writes_take_their_turns_and_reads_do_not_wait),
        API_TEST(writes_that_wait_at_the_end_are_answered),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
