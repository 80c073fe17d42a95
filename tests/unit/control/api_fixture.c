/* tests/unit/control/api_fixture.c - an Admin API with a store, without sockets or plugins. */
#include "tests/unit/control/api_fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "host/control/store_sqlite.h"
#include "host/core/address.h"
#include "tests/unit/unit.h"

static void check_over(void *context)
{
    hgh_plugin_check *check = context;
    json_t *issues = check->issues;
    json_t *warnings = check->warnings;

    check->done(check->context, check->status, issues, warnings);
    json_decref(issues);
    json_decref(warnings);
}

void hgh_plugin_check_run(hgh_plugin_check *check,
                          const json_t *configs,
                          hgh_plugin_check_done done,
                          void *context)
{
    check->done = done;
    check->context = context;
    check->issues = json_array();
    check->warnings = json_array();
    check->status = HG_OK;
    for (size_t i = 0; i < json_array_size(configs); i++) {
        const json_t *config = json_array_get(configs, i);
        const json_t *value = json_object_get(config, "value");
        const char *name = json_string_value(json_object_get(config, "plugin"));
        json_t *pointer = json_object_get(config, "pointer");
        const char *text = NULL;

        if (strcmp(name, "unknown") == 0) {
            text = "unknown plugin [unknown]";
        } else if (json_is_true(json_object_get(value, "bad"))) {
            text = "failed to check the configuration of plugin x err: bad";
        }
        if (text != NULL) {
            check->status = HG_ERR_INVALID;
            json_array_append_new(check->issues,
                                  json_pack("{s:O, s:s, s:s, s:s}", "pointer", pointer, "found",
                                            "f", "wanted", "w", "text", text));
        }
        if (json_is_true(json_object_get(value, "crash"))) {
            check->status = HG_ERR_IO;
        }
        if (json_is_true(json_object_get(value, "odd"))) {
            json_array_append_new(check->warnings, json_pack("{s:s, s:s, s:s}", "pointer", "/odd",
                                                             "found", "odd", "wanted", "even"));
        }
    }
    hgh_event_loop_timer_start(check->loop, &check->timer, 1, check_over, check);
}

const char *find_header(void *context, const char *name)
{
    const api_test *test = context;

    if (strcmp(name, "X-API-KEY") == 0) {
        return test->key_header;
    }
    return strcmp(name, "Cookie") == 0 ? test->cookie : NULL;
}

void client_send(hgh_admin_answer_later *later, hgh_admin_answer *answer)
{
    fake_client *client = (fake_client *)later;

    client->answers++;
    client->answer = *answer;
    memset(answer, 0, sizeof(*answer));
    if (--client->test->waiting <= 0) {
        hgh_event_loop_stop(client->test->loop);
    }
}

static void open_all(api_test *test)
{
    static char loopback[] = "127.0.0.0/24";
    static char loopback6[] = "::1";
    static char *networks[] = {loopback, loopback6};
    static char admin[] = ADMIN;
    static char viewer[] = VIEWER;
    static hgh_admin_key keys[] = {
        {NULL, admin, HGH_ROLE_ADMIN},
        {NULL, viewer, HGH_ROLE_VIEWER},
    };
    char path[128];
    hgh_feed_writer_options feed = {.directory = test->directory, .group = (gid_t)-1, .wake = -1};
    hgh_admin_api_parts parts;

    test->settings = (hgh_settings){
        .admin_key_required = true,
        .admin_key = keys,
        .admin_key_count = ARRAY_SIZE(keys),
        .allow_admin = networks,
        .allow_admin_count = ARRAY_SIZE(networks),
        .enable_admin_cors = true,
        .admin_api_version = test->settings.admin_api_version,
    };
    (void)snprintf(path, sizeof(path), "%s/store.db", test->directory);
    assert_int_equal(hgh_event_loop_new(&test->loop, NULL), HG_OK);
    assert_int_equal(hgh_store_sqlite_open(path, &test->store, NULL), HG_OK);
    test->table = hgh_resource_table_new();
    feed.store_id = test->store->id;
    feed.table = test->table;
    assert_int_equal(hgh_feed_writer_open(&feed, &test->feed, NULL), HG_OK);
    test->publisher = hgh_publisher_new(test->store, test->table, test->feed);
    test->catalog = hgh_plugin_catalog_new();
    test->plugin_check.loop = test->loop;
    parts = (hgh_admin_api_parts){
        .loop = test->loop,
        .settings = &test->settings,
        .version = "0.1",
        .table = test->table,
        .publisher = test->publisher,
        .catalog = test->catalog,
        .plugin_check = &test->plugin_check,
    };
    assert_int_equal(hgh_admin_api_new(&parts, &test->api, NULL), HG_OK);
}

static int set_up_version(void **state, const char *version)
{
    api_test *test = calloc(1, sizeof(*test));

    assert_non_null(test);
    (void)strcpy(test->directory, "/tmp/hotgate-api-XXXXXX");
    assert_non_null(mkdtemp(test->directory));
    test->settings.admin_api_version = strdup(version);
    test->key_header = ADMIN;
    test->client_address = "127.0.0.1";
    open_all(test);
    *state = test;
    return 0;
}

int set_up(void **state)
{
    return set_up_version(state, "v3");
}

int set_up_v2(void **state)
{
    return set_up_version(state, "v2");
}

int tear_down(void **state)
{
    api_test *test = *state;
    char command[128];

    hgh_admin_api_free(test->api);
    hgh_plugin_catalog_free(test->catalog);
    hgh_publisher_free(test->publisher);
    hgh_feed_writer_close(test->feed);
    hgh_store_close(test->store);
    hgh_resource_table_free(test->table);
    hgh_event_loop_free(test->loop);
    hgh_admin_answer_done(&test->client.answer);
    free(test->settings.admin_api_version);
    (void)snprintf(command, sizeof(command), "rm -rf %s", test->directory);
    assert_int_equal(system(command), 0);
    free(test);
    return 0;
}

/* Sends METHOD to /apisix/admin + target (path and query, not encoded). Returns the body. */
const char *
ask_bytes(api_test *test, const char *method, const char *target, const char *body, size_t length)
{
    char text[512];
    hgh_admin_argument arguments[8];
    hgh_admin_request request = {
        .method = method,
        .path = text,
        .arguments = arguments,
        .body = length > HGH_ADMIN_BODY_MAX ? NULL : body,
        .body_length = length,
        .body_is_dropped = length > HGH_ADMIN_BODY_MAX,
        .header = find_header,
        .context = test,
    };
    hgh_admin_handler handler = hgh_admin_api_handler(test->api);
    hg_text address = hg_text_of(test->client_address);
    char *rest;

    (void)snprintf(text, sizeof(text), "%s%s", target[0] == '!' ? "" : "/apisix/admin",
                   target + (target[0] == '!' ? 1 : 0));
    (void)strtok_r(text, "?", &rest);
    for (char *at = strtok_r(NULL, "&", &rest); at != NULL; at = strtok_r(NULL, "&", &rest)) {
        char *value = strchr(at, '=');

        for (char *inner = strchr(at, ';'); inner != NULL; inner = strchr(inner, ';')) {
            *inner = '&'; /* one that was encoded */
        }
        *value = '\0';
        arguments[request.argument_count++] = (hgh_admin_argument){at, value + 1};
    }
    assert_int_equal(hgh_address_parse(address, &request.client), HG_OK);
    hgh_admin_answer_done(&test->client.answer);
    test->client.later.send = client_send;
    test->client.test = test;
    test->client.answers = 0;
    test->waiting = 1;
    handler.handle(handler.context, &request, &test->client.later);
    if (test->client.answers == 0) {
        assert_int_equal(hgh_event_loop_run(test->loop, NULL), HG_OK);
    }
    assert_int_equal(test->client.answers, 1);
    if (test->client.answer.body != NULL) { /* cut off the length's end for comparisons */
        char *copy = strndup(test->client.answer.body, test->client.answer.body_length);

        free(test->client.answer.body);
        test->client.answer.body = copy;
    }
    return test->client.answer.body == NULL ? "" : test->client.answer.body;
}

const char *ask(api_test *test, const char *method, const char *target, const char *body)
{
    return ask_bytes(test, method, target, body, body == NULL ? 0 : strlen(body));
}

void expect(api_test *test,
            const char *method,
            const char *target,
            const char *body,
            unsigned status,
            const char *part)
{
    const char *seen = ask(test, method, target, body);

    if (test->client.answer.status != status || strstr(seen, part) == NULL) {
        fail_msg("%s %s %s: %u %s", method, target, body == NULL ? "" : body,
                 test->client.answer.status, seen);
    }
}

const char *answer_header(const api_test *test, const char *name)
{
    for (size_t i = 0; i < test->client.answer.header_count; i++) {
        if (strcmp(test->client.answer.headers[i].name, name) == 0) {
            return test->client.answer.headers[i].value;
        }
    }
    return "(none)";
}

const char *without_times(const char *seen)
{
    static char into[4000];
    size_t length = 0;

    while (*seen != '\0' && length + 20 < sizeof(into)) {
        into[length++] = *seen++;
        if (length >= 7 && memcmp(into + length - 7, "_time\":", 7) == 0) {
            into[length++] = 'T';
            seen += strspn(seen, "0123456789");
        }
    }
    into[length] = '\0';
    return into;
}

void set_plugins(api_test *test)
{
    json_t *plugins = json_loads(
        "[{\"name\":\"low\",\"version\":\"0.1\",\"priority\":1,\"flags\":[],\"schema\":{\"type\":"
        "\"object\",\"properties\":{\"a\":{\"type\":\"string\"}}},\"consumer_schema\":null,"
        "\"metadata_schema\":{\"type\":\"object\"}},"
        "{\"name\":\"key\",\"key\":\"key\",\"version\":\"1.2.3\",\"priority\":2500,\"flags\":["
        "\"auth\"],\"schema\":"
        "{\"type\":\"object\"},\"consumer_schema\":{\"type\":\"object\",\"properties\":{\"key\":"
        "{\"type\":\"string\",\"writeOnly\":true},\"n\":{\"type\":\"object\",\"properties\":"
        "{\"s\":{\"writeOnly\":true}}}},\"encrypt_fields\":[\"o.p\"]}}]",
        0, NULL);

    assert_non_null(plugins);
    hgh_plugin_catalog_set(test->catalog, 1, plugins);
}
