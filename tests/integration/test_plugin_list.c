/* tests/integration/test_plugin_list.c - `plugins` and `plugin_attr` of config.yaml: which plugins
 * are loaded, which are ignored, and what they are told.
 *
 * One connection is pinned to each worker, so that every claim is made of all of them. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/integration/author.h"
#include "tests/integration/command.h"
#include "tests/integration/gateway.h"
#include "tests/integration/origin.h"
#include "tests/unit/unit.h"

#define SETTINGS_MAX 400u

static gateway *running;
static origin *upstream;
static connection pinned[GATEWAY_WORKERS_MAX];
static pid_t workers[GATEWAY_WORKERS_MAX];
static size_t worker_count;
static response got;
static char settings[SETTINGS_MAX];

/* Writes these lines into config.yaml; they count from the next reload or start on. */
static void configure(const char *lines)
{
    (void)snprintf(settings, sizeof(settings), "%s", lines);
    running->options.settings = settings;
    gateway_configure(running);
}

static void pin(void)
{
    worker_count = gateway_pin(running, "/worker", pinned, workers);
    assert_true(worker_count > 1);
}

static void unpin(void)
{
    for (size_t i = 0; i < worker_count; i++) {
        connection_close(&pinned[i]);
    }
}

static int set_up(void **state)
{
    (void)state;
    upstream = origin_start();
    running = gateway_make(NULL);
    author_install(running, "trace", "trace", "");
    author_install(running, "mark", "mark", "");
    author_install(running, "worker", "worker", "");
    gateway_start(running);
    gateway_put(running, "routes/worker",
                "{\"uri\": \"/worker\", \"plugins\": {\"worker\": {}},"
                " \"upstream\": {\"nodes\": {\"127.0.0.1:%u\": 1}}}",
                origin_port(upstream));
    pin();
    return 0;
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

/* The next request of each worker. */
static void expect(const char *label, const char *target, int status, const char *mark)
{
    for (size_t i = 0; i < worker_count; i++) {
        const char *value;

        connection_request(&pinned[i], "GET", target, "apikey: jack\r\n", NULL, &got);
        value = response_header(&got, "X-Mark");
        if (got.status != status || strcmp(value == NULL ? "" : value, mark) != 0) {
            fail_msg("%s: worker %d: %d \"%s\", wanted %d \"%s\"", label, (int)workers[i],
                     got.status, value == NULL ? "" : value, status, mark);
        }
    }
}

/* Names of the loaded plugins, of the status answer. */
static char *loaded(void)
{
    json_t *status = gateway_status(running);
    char *text = strdup("");
    size_t index;
    json_t *plugin;

    json_array_foreach(json_object_get(status, "plugins"), index, plugin)
    {
        char *longer =
            text_format("%s%s ", text, json_string_value(json_object_get(plugin, "name")));

        free(text);
        text = longer;
    }
    json_decref(status);
    return text;
}

static void expect_loaded(const char *wanted)
{
    char *names = loaded();

    assert_string_equal(names, wanted);
    free(names);
}

static size_t count_in(const char *text, const char *part)
{
    size_t count = 0;

    for (const char *at = text; (at = strstr(at, part)) != NULL; at++) {
        count++;
    }
    return count;
}

static size_t log_count(const char *part)
{
    char *log = gateway_log(running, "logs/control.log");
    size_t count = count_in(log, part);

    free(log);
    return count;
}

/* -------------------------------------------------------------------------------- the list */

static void a_list_takes_the_place_of_all_and_is_a_set(void **state)
{
    char *before = loaded();

    (void)state;
    assert_true(strstr(before, "limit-count ") != NULL && strstr(before, "mark ") != NULL);
    free(before);
    configure("plugins: [worker, trace, worker, trace, worker]");
    json_decref(gateway_reload(running));
    expect_loaded("trace worker ");
    configure("plugins: []");
    json_decref(gateway_reload(running));
    expect_loaded("");
    configure("");
    json_decref(gateway_reload(running));
    before = loaded();
    assert_true(strstr(before, "limit-count ") != NULL && strstr(before, "mark ") != NULL);
    free(before);
}

/* Everywhere where a plugin can be bound; the objects meet on /bound. */
static void bind_everywhere(void)
{
    gateway_put(running, "services/s",
                "{\"plugins\": {\"mark\": {\"text\": \"service\"}},"
                " \"upstream\": {\"nodes\": {\"127.0.0.1:%u\": 1}}}",
                origin_port(upstream));
    gateway_put(running, "plugin_configs/p",
                "{\"plugins\": {\"mark\": {\"text\": \"plugin config\"}}}");
    gateway_put(running, "consumer_groups/g", "{\"plugins\": {\"mark\": {\"text\": \"group\"}}}");
    gateway_put(running, "consumers/jack",
                "{\"username\": \"jack\", \"group_id\": \"g\", \"plugins\": {\"key-auth\":"
                " {\"key\": \"jack\"}, \"mark\": {\"text\": \"consumer\"}}}");
    gateway_put(running, "global_rules/1", "{\"plugins\": {\"mark\": {\"text\": \"global\"}}}");
    gateway_put(running, "plugin_metadata/mark", "{\"any\": 1}");
    gateway_put(running, "routes/bound",
                "{\"uri\": \"/bound\", \"service_id\": \"s\", \"plugin_config_id\": \"p\","
                " \"plugins\": {\"mark\": {\"text\": \"route\"}, \"key-auth\": {}}}");
}

static void a_plugin_that_the_list_leaves_out_is_ignored_everywhere(void **state)
{
    const char *arguments[] = {running->program, "status", "-p", running->directory, NULL};
    json_t *status;
    char *shown = NULL;

    (void)state;
    bind_everywhere();
    expect("all are loaded", "/bound", 200, "route");
    configure("plugins: [worker, key-auth]");
    json_decref(gateway_reload(running));
    expect("mark is left out", "/bound", 200, "");
    expect("without a route", "/nothing", 404, "");
    /* It is told once, and shown. */
    assert_int_equal(log_count("plugin mark is ignored: the list `plugins` leaves it out; objects "
                               "that configure it: 7"),
                     1);
    status = gateway_status(running);
    assert_int_equal(json_array_size(json_object_get(status, "ignored")), 1);
    assert_string_equal(json_string_value(json_object_get(
                            json_array_get(json_object_get(status, "ignored"), 0), "name")),
                        "mark");
    json_decref(status);
    assert_int_equal(command_run(&(command){.arguments = arguments}, &shown), 0);
    assert_non_null(strstr(shown, "ignored\nname  objects\nmark  7\n"));
    free(shown);
    json_decref(gateway_reload(running)); /* nothing new */
    assert_int_equal(log_count("plugin mark is ignored"), 1);
    /* Authentication too: whoever takes it off the list says so. */
    configure("plugins: [worker]");
    json_decref(gateway_reload(running));
    connection_request(&pinned[0], "GET", "/bound", "", NULL, &got);
    assert_int_equal(got.status, 200);
    assert_int_equal(log_count("plugin key-auth is ignored"), 1);
    configure("");
    json_decref(gateway_reload(running));
    expect("all again", "/bound", 200, "route");
    connection_request(&pinned[0], "GET", "/bound", "", NULL, &got);
    assert_int_equal(got.status, 401);
    gateway_delete(running, "global_rules/1");
    gateway_delete(running, "plugin_metadata/mark");
}

static void an_ignored_plugin_is_not_refused_at_a_write(void **state)
{
    static const char *const plugins[] = {
        "{\"mark\": {\"text\": 7}}",
        "{\"nobody-has-heard-of-it\": {}}",
        "{\"multi-auth\": {\"auth_plugins\": \"none\"}}",
    };

    (void)state;
    configure("plugins: [worker]");
    json_decref(gateway_reload(running));
    for (size_t i = 0; i < ARRAY_SIZE(plugins); i++) {
        char *body = text_format("{\"uri\": \"/odd\", \"plugins\": %s,"
                                 " \"upstream\": {\"nodes\": {\"127.0.0.1:%u\": 1}}}",
                                 plugins[i], origin_port(upstream));
        admin_reply reply = gateway_admin(running, "PUT", "routes/odd", body);

        if ((reply.status != 200 && reply.status != 201) ||
            strstr(reply.text, "a plugin that the list `plugins` leaves out") == NULL) {
            fail_msg("%s: %ld %s", plugins[i], reply.status, reply.text);
        }
        admin_reply_done(&reply);
        expect(plugins[i], "/odd", 200, "");
        free(body);
    }
    /* What is no configuration at all is none of any plugin. */
    {
        admin_reply reply = gateway_admin(running, "PUT", "routes/odd",
                                          "{\"uri\": \"/odd\", \"plugins\": {\"mark\": 7}}");

        assert_int_equal(reply.status, 400);
        assert_non_null(strstr(reply.text, "invalid plugin conf 7 for plugin [mark]"));
        admin_reply_done(&reply);
    }
    gateway_delete(running, "routes/odd");
    configure("");
    json_decref(gateway_reload(running));
}

static void turning_a_plugin_on_again_checks_what_was_stored_meanwhile(void **state)
{
    admin_reply reply;

    (void)state;
    configure("plugins: [worker]");
    json_decref(gateway_reload(running));
    gateway_put(running, "routes/late",
                "{\"uri\": \"/late\", \"plugins\": {\"mark\": {\"text\": 7}},"
                " \"upstream\": {\"nodes\": {\"127.0.0.1:%u\": 1}}}",
                origin_port(upstream));
    configure("plugins: [worker, mark]");
    reply = gateway_admin(running, "PUT", "plugins/reload", NULL);
    assert_int_equal(reply.status, 409);
    assert_non_null(strstr(reply.text, "/routes/late/plugins/mark/text"));
    admin_reply_done(&reply);
    expect("refused: nothing has changed", "/late", 200, "");
    gateway_put(running, "routes/late",
                "{\"uri\": \"/late\", \"plugins\": {\"mark\": {\"text\": \"mended\"}},"
                " \"upstream\": {\"nodes\": {\"127.0.0.1:%u\": 1}}}",
                origin_port(upstream));
    /* The file is the same; what it was refused for is not. */
    json_decref(gateway_reload(running));
    expect("mended", "/late", 200, "mended");
    configure("");
    json_decref(gateway_reload(running));
}

/* A configuration that is still wrong keeps its own plugin out, and no other. */
static void what_is_still_wrong_holds_up_nobody_else(void **state)
{
    admin_reply reply;

    (void)state;
    configure("plugins: [worker]");
    json_decref(gateway_reload(running));
    gateway_put(running, "routes/late",
                "{\"uri\": \"/late\", \"plugins\": {\"mark\": {\"text\": 7}}}");
    configure("plugins: [worker, mark]");
    reply = gateway_admin(running, "PUT", "plugins/reload", NULL);
    assert_int_equal(reply.status, 409);
    admin_reply_done(&reply);
    configure("plugins: [worker, mark, trace]");
    reply = gateway_admin(running, "PUT", "plugins/reload", NULL);
    assert_int_equal(reply.status, 200);
    assert_non_null(strstr(reply.text, "still rejected"));
    admin_reply_done(&reply);
    expect_loaded("trace worker ");
    expect("listed and not loaded", "/late", 503, "");
    gateway_delete(running, "routes/late");
    json_decref(gateway_reload(running));
    expect_loaded("mark trace worker ");
    configure("");
    json_decref(gateway_reload(running));
}

static void a_start_goes_by_the_list_too(void **state)
{
    (void)state;
    gateway_put(running, "routes/start",
                "{\"uri\": \"/start\", \"plugins\": {\"mark\": {\"text\": \"start\"}},"
                " \"upstream\": {\"nodes\": {\"127.0.0.1:%u\": 1}}}",
                origin_port(upstream));
    unpin();
    assert_int_equal(gateway_stop(running, SIGQUIT), 0);
    configure("plugins: [worker]");
    gateway_start(running);
    pin();
    expect_loaded("worker ");
    expect("left out at the start", "/start", 200, "");
    assert_true(log_count("plugin mark is ignored") > 0);
    unpin();
    assert_int_equal(gateway_stop(running, SIGQUIT), 0);
    configure("");
    gateway_start(running);
    pin();
    expect("on again at the start", "/start", 200, "start");
}

static void a_list_without_a_list_is_refused(void **state)
{
    admin_reply reply;

    (void)state;
    configure("plugins:");
    reply = gateway_admin(running, "PUT", "plugins/reload", NULL);
    assert_int_equal(reply.status, 409);
    assert_non_null(strstr(reply.text, "[] loads none, without the key all are loaded"));
    admin_reply_done(&reply);
    configure("");
    expect("as before", "/start", 200, "start");
}

/* -------------------------------------------------------------------------------- attributes */

static void expect_https_port(const char *label, const char *place)
{
    for (size_t i = 0; i < worker_count; i++) {
        const char *location;

        connection_request(&pinned[i], "GET", "/secure", "", NULL, &got);
        location = response_header(&got, "Location");
        if (got.status != 301 || location == NULL || strcmp(location, place) != 0) {
            fail_msg("%s: worker %d: %d %s", label, (int)workers[i], got.status,
                     location == NULL ? "" : location);
        }
    }
}

static void attributes_are_in_force_when_a_reload_has_answered(void **state)
{
    (void)state;
    gateway_put(running, "routes/secure",
                "{\"uri\": \"/secure\", \"plugins\": {\"redirect\": {\"http_to_https\": true}}}");
    expect_https_port("none", "https://localhost/secure");
    for (unsigned port = 9440; port < 9450; port++) {
        char lines[100];
        char place[64];

        (void)snprintf(lines, sizeof(lines), "plugin_attr: {redirect: {https_port: %u}}", port);
        (void)snprintf(place, sizeof(place), "https://localhost:%u/secure", port);
        configure(lines);
        json_decref(gateway_reload(running));
        expect_https_port(place, place);
    }
    configure("");
    json_decref(gateway_reload(running));
    expect_https_port("none again", "https://localhost/secure");
}

static void wrong_attributes_are_refused_with_their_place(void **state)
{
    static const struct {
        const char *lines;
        const char *text; /* of the report */
    } rows[] = {
        {"plugin_attr: {redirect: {https_port: 70000}}", "/plugin_attr/redirect/https_port"},
        {"plugin_attr: {redirect: {https_port: high}}", "/plugin_attr/redirect/https_port"},
        {"plugin_attr: {redirect: 9443}", "invalid plugin conf 9443 for plugin [redirect]"},
        {"plugin_attr: {limit-count: {counters: 0}}", "/plugin_attr/limit-count/counters"},
        {"plugin_attr: [redirect]", "a mapping of plugin names"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        admin_reply reply;

        configure(rows[i].lines);
        reply = gateway_admin(running, "PUT", "plugins/reload", NULL);
        if (reply.status != 409 || strstr(reply.text, rows[i].text) == NULL) {
            fail_msg("%s: %ld %s", rows[i].lines, reply.status, reply.text);
        }
        admin_reply_done(&reply);
        expect_https_port("as before", "https://localhost/secure");
        /* Mended, without another file. */
        configure("plugin_attr: {redirect: {https_port: 8443}}");
        json_decref(gateway_reload(running));
        expect_https_port("mended", "https://localhost:8443/secure");
        configure("");
        json_decref(gateway_reload(running));
    }
}

static void attributes_without_effect_are_told(void **state)
{
    (void)state;
    configure("plugin_attr: {redirect: {htps_port: 1}, key-auth: {any: 1}, prometheus: {a: 1}}");
    json_decref(gateway_reload(running));
    assert_int_equal(log_count("/plugin_attr/redirect/htps_port"), 1);
    assert_int_equal(log_count("/plugin_attr/key-auth: found attributes of a plugin that takes "
                               "none"),
                     1);
    assert_int_equal(log_count("plugin_attr.prometheus has no effect"), 1);
    configure("");
    json_decref(gateway_reload(running));
}

static void a_reload_tells_in_the_log_what_it_changes(void **state)
{
    size_t starts = log_count("start to hot reload plugins");
    size_t replaced = log_count("reload: plugin redirect ");
    size_t generations = log_count("is in force on 2 of 2 workers");

    (void)state;
    configure("plugin_attr: {redirect: {https_port: 9999}}");
    json_decref(gateway_reload(running));
    assert_int_equal(log_count("start to hot reload plugins"), starts + 1);
    assert_int_equal(log_count("reload: plugin redirect "), replaced + 1);
    assert_int_equal(log_count("is in force on 2 of 2 workers"), generations + 1);
    configure("");
    json_decref(gateway_reload(running));
}

static void wrong_attributes_at_a_start_answer_503(void **state)
{
    (void)state;
    unpin();
    assert_int_equal(gateway_stop(running, SIGQUIT), 0);
    shell("rm -f '%s/state/generation.json'", running->directory);
    configure("plugin_attr: {redirect: {https_port: 0}}");
    gateway_start(running);
    pin();
    expect("its routes", "/secure", 503, "");
    expect("others", "/start", 200, "start");
    assert_true(log_count("/plugin_attr/redirect") + log_count("https_port") > 0);
    configure("");
    json_decref(gateway_reload(running));
    expect_https_port("mended", "https://localhost/secure");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_list_takes_the_place_of_all_and_is_a_set),
        cmocka_unit_test(a_plugin_that_the_list_leaves_out_is_ignored_everywhere),
        cmocka_unit_test(an_ignored_plugin_is_not_refused_at_a_write),
        cmocka_unit_test(turning_a_plugin_on_again_checks_what_was_stored_meanwhile),
        cmocka_unit_test(what_is_still_wrong_holds_up_nobody_else),
        cmocka_unit_test(a_start_goes_by_the_list_too),
        cmocka_unit_test(a_list_without_a_list_is_refused),
        cmocka_unit_test(attributes_are_in_force_when_a_reload_has_answered),
        cmocka_unit_test(wrong_attributes_are_refused_with_their_place),
        cmocka_unit_test(attributes_without_effect_are_told),
        cmocka_unit_test(a_reload_tells_in_the_log_what_it_changes),
        cmocka_unit_test(wrong_attributes_at_a_start_answer_503),
    };

    return report(cmocka_run_group_tests(tests, set_up, tear_down));
}
