/* tests/integration/test_founding_plugin.c - the page about plugins of APISIX 2.15, whose model
 * this gateway has: each of its examples, as it stands there, and each of its claims.
 *
 * The gateway is configured as that release is. Its plugins serverless-pre-function,
 * serverless-post-function and prometheus are not there: small ones of these names stand in for
 * them (tests/plugins/serverless.c, prometheus.c). */
#include <ctype.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/integration/author.h"
#include "tests/integration/command.h"
#include "tests/integration/gateway.h"
#include "tests/integration/origin.h"
#include "tests/unit/unit.h"

#define DOCUMENTED_KEY "edd1c9f034335f136f87ad84b625c8f1"

/* "To hot-reload, you can send an HTTP request through the Admin API". Word for word but for the
 * port, which is any free one here. */
#define RELOAD_LINE                                                                                \
    "curl http://127.0.0.1:9080/apisix/admin/plugins/reload -H 'X-API-KEY: " DOCUMENTED_KEY        \
    "' -X PUT"

#define ORDER_MAX 300u

static gateway *running;
static origin *upstream;
static response got;

/* conf/config.yaml in the form of 2.15, with further lines. */
static void configure(const char *lines)
{
    char *path = gateway_path(running, "conf/config.yaml");
    char *text = text_format("apisix:\n"
                             "  node_listen: %u\n"
                             "  enable_admin: true\n"
                             "  allow_admin:\n"
                             "    - 127.0.0.0/24\n"
                             "  admin_key:\n"
                             "    - name: admin\n"
                             "      key: " DOCUMENTED_KEY "\n"
                             "      role: admin\n"
                             "  ssl: {enable: false}\n"
                             "  control: {port: %u}\n"
                             "nginx_config: {worker_processes: 2, error_log_level: info}\n"
                             "%s\n",
                             running->port, running->control_port, lines);

    file_write(path, text, strlen(text));
    free(text);
    free(path);
}

static int set_up(void **state)
{
    (void)state;
    upstream = origin_start();
    running = gateway_make(&(gateway_options){.by_socket = true});
    configure("");
    author_install(running, "serverless", "serverless-pre-function", "-DPRIORITY=10000");
    author_install(running, "serverless", "serverless-post-function", "-DPRIORITY=-2000");
    author_install(running, "prometheus", "prometheus", "");
    author_install(running, "described", "example-plugin", "");
    gateway_start(running);
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

/* Puts a route /ID with the text of its "plugins", as the page has it. */
static admin_reply put_route(const char *id, const char *plugins)
{
    char *key = text_format("routes/%s", id);
    char *body = text_format("{\"uri\": \"/%s\", \"plugins\": %s,"
                             " \"upstream\": {\"nodes\": {\"127.0.0.1:%u\": 1}}}",
                             id, plugins, origin_port(upstream));
    admin_reply reply = gateway_admin(running, "PUT", key, body);

    free(body);
    free(key);
    return reply;
}

static void route(const char *id, const char *plugins)
{
    admin_reply reply = put_route(id, plugins);

    if (reply.status != 200 && reply.status != 201) {
        fail_msg("%s: %ld %s", plugins, reply.status, reply.text);
    }
    admin_reply_done(&reply);
}

static int status_of(const char *target, const char *headers)
{
    http_get(running->port, target, headers, &got);
    return got.status;
}

static void expect_header(const char *name, const char *value)
{
    const char *seen = response_header(&got, name);

    if (strcmp(seen == NULL ? "" : seen, value) != 0) {
        fail_msg("%s: \"%s\", wanted \"%s\"", name, seen == NULL ? "" : seen, value);
    }
}

/* The names of all X-Order headers, in their order. */
static void expect_order(const char *target, const char *headers, const char *wanted)
{
    static const char mark[] = "X-Order: ";
    char order[ORDER_MAX] = "";
    size_t length = 0;

    assert_int_equal(status_of(target, headers), 200);
    for (const char *at = got.head; (at = strstr(at, mark)) != NULL;) {
        at += sizeof(mark) - 1;
        length += (size_t)snprintf(order + length, sizeof(order) - length, "%s%.*s",
                                   length == 0 ? "" : " ", (int)strcspn(at, "\r\n"), at);
    }
    if (strcmp(order, wanted) != 0) {
        fail_msg("%s: %s, wanted %s", target, order, wanted);
    }
}

/* Runs the line of the page; what curl prints, owned by the caller. */
static char *reload_by_curl(void)
{
    const char *before = strstr(RELOAD_LINE, "9080");
    char *line = text_format("%.*s%u%s", (int)(before - RELOAD_LINE), RELOAD_LINE, running->port,
                             before + strlen("9080"));
    const char *arguments[] = {"/bin/sh", "-c", line, NULL};
    const char *environment[] = {"no_proxy=*", NULL};
    char *text = NULL;

    assert_int_equal(
        command_run(&(command){.arguments = arguments, .environment = environment}, &text), 0);
    free(line);
    return text;
}

static void reload_is_in_force(void)
{
    char *text = reload_by_curl();

    if (strstr(text, "\"result\":\"committed\"") == NULL) {
        fail_msg("%s", text);
    }
    free(text);
}

/* ------------------------------------------------------------------------------ description */

/* "A Plugin configuration can be bound directly to a Route, a Service or a Consumer." "While
 * configuring the same plugin, only one copy of the configuration is valid. The order of precedence
 * is always Consumer > Route > Service." */
static void consumer_comes_before_route_before_service(void **state)
{
    static const char limit[] = "\"limit-count\": {\"count\": %u, \"time_window\": 60}";
    char on_service[80];
    char on_route[160];
    char on_consumer[80];

    (void)state;
    (void)snprintf(on_service, sizeof(on_service), limit, 10u);
    (void)snprintf(on_route, sizeof(on_route), limit, 20u);
    (void)snprintf(on_consumer, sizeof(on_consumer), limit, 30u);
    gateway_put(running, "services/s",
                "{\"plugins\": {%s}, \"upstream\": {\"nodes\": {\"127.0.0.1:%u\": 1}}}", on_service,
                origin_port(upstream));
    gateway_put(running, "consumers/jack",
                "{\"username\": \"jack\", \"plugins\": {\"key-auth\": {\"key\": \"jack\"}, %s}}",
                on_consumer);
    gateway_put(running, "routes/r", "{\"uri\": \"/r\", \"service_id\": \"s\"}");
    assert_int_equal(status_of("/r", ""), 200);
    expect_header("X-RateLimit-Limit", "10");
    gateway_put(running, "routes/r", "{\"uri\": \"/r\", \"service_id\": \"s\", \"plugins\": {%s}}",
                on_route);
    assert_int_equal(status_of("/r", ""), 200);
    expect_header("X-RateLimit-Limit", "20");
    gateway_put(running, "routes/r",
                "{\"uri\": \"/r\", \"service_id\": \"s\", \"plugins\": {\"key-auth\": {}, %s}}",
                on_route);
    assert_int_equal(status_of("/r", "apikey: jack\r\n"), 200);
    expect_header("X-RateLimit-Limit", "30");
    /* One copy: what the others allow does not count as well. */
    expect_header("X-RateLimit-Remaining", "29");
}

/* "This acts as a whitelisting mechanism as Plugins that are not in this whitelist will be
 * automatically ignored. So, this feature can be used to temporarily turn off/turn on specific
 * plugins." */
static void plugins_outside_of_the_whitelist_are_ignored(void **state)
{
    (void)state;
    route("w", "{\"example-plugin\": {\"size\": \"9\"}, \"limit-count\": {\"count\": 1000,"
               " \"time_window\": 60}}");
    assert_int_equal(status_of("/w", ""), 200);
    expect_header("X-Size", "9");
    configure("plugins:\n  - limit-count");
    reload_is_in_force();
    for (int i = 0; i < 4; i++) { /* whichever worker answers */
        assert_int_equal(status_of("/w", ""), 200);
        expect_header("X-Size", "");
        assert_non_null(response_header(&got, "X-RateLimit-Limit"));
    }
    configure("");
    reload_is_in_force();
    (void)status_of("/w", "");
    expect_header("X-Size", "9");
}

/* -------------------------------------------------------------------------- adding a plugin */

/* "copy the data in the plugins node from the default configuration file conf/config-default.yaml
 * to your configuration file (conf/config.yaml)" */
static void list_of_the_default_file_is_copied_and_gets_one_more(void **state)
{
    char *path = text_format("%s/share/hotgate/config-default.yaml", installed_prefix());
    char *text = file_read(path);
    char *lines = text_format("plugins:\n  - example-plugin\n");
    const char *at = strstr(text, "\n# plugins:\n");
    size_t names = 1;
    json_t *status;

    (void)state;
    assert_non_null(at);
    for (at += strlen("\n# plugins:\n"); strncmp(at, "#   - ", 6) == 0; at = strchr(at, '\n') + 1) {
        char *longer = text_format("%s  - %.*s\n", lines, (int)strcspn(at + 6, "\n"), at + 6);

        free(lines);
        lines = longer;
        names++;
    }
    assert_true(names > 20);
    configure(lines);
    reload_is_in_force();
    status = gateway_status(running);
    assert_int_equal(json_array_size(json_object_get(status, "plugins")), names);
    json_decref(status);
    assert_int_equal(status_of("/w", ""), 200);
    expect_header("X-Size", "9");
    configure("");
    reload_is_in_force();
    free(lines);
    free(text);
    free(path);
}

/* "In a request, a Plugin is only executed once. This is true even if it is bound to multiple
 * different objects like Routes and Services." */
static void plugin_of_several_objects_is_executed_once(void **state)
{
    static const char sizes[][60] = {"{\"example-plugin\": {\"size\": \"1\"}}",
                                     "{\"example-plugin\": {\"size\": \"2\"}}"};

    (void)state;
    gateway_put(running, "services/once",
                "{\"plugins\": %s, \"upstream\": {\"nodes\": {\"127.0.0.1:%u\": 1}}}", sizes[0],
                origin_port(upstream));
    gateway_put(running, "plugin_configs/once", "{\"plugins\": %s}", sizes[0]);
    gateway_put(running, "routes/once",
                "{\"uri\": \"/once\", \"service_id\": \"once\", \"plugin_config_id\": \"once\","
                " \"plugins\": %s}",
                sizes[1]);
    expect_order("/once", "", "example-plugin");
    expect_header("X-Size", "2");
}

/* local _M = {version = 0.1, priority = 0, name = plugin_name, schema = schema,
 *             metadata_schema = metadata_schema} */
static void plugin_is_an_object_of_version_priority_name_and_schemas(void **state)
{
    admin_reply reply = gateway_admin(running, "GET", "plugins?all=true", NULL);
    json_t *shown = json_object_get(reply.json, "example-plugin");

    (void)state;
    assert_true(json_is_real(json_object_get(shown, "version")));
    assert_true(json_real_value(json_object_get(shown, "version")) > 0.09 &&
                json_real_value(json_object_get(shown, "version")) < 0.11);
    assert_int_equal(json_integer_value(json_object_get(shown, "priority")), 0);
    assert_true(json_is_integer(json_object_get(shown, "priority")));
    assert_non_null(
        json_object_get(json_object_get(json_object_get(shown, "schema"), "properties"), "size"));
    assert_non_null(json_object_get(
        json_object_get(json_object_get(shown, "metadata_schema"), "properties"), "unit"));
    admin_reply_done(&reply);
    gateway_put(running, "plugin_metadata/example-plugin", "{\"unit\": \"mm\"}");
    assert_int_equal(status_of("/w", ""), 200);
    expect_header("X-Unit", "mm");
    gateway_delete(running, "plugin_metadata/example-plugin");
    assert_int_equal(status_of("/w", ""), 200);
    expect_header("X-Unit", "cm");
}

/* "The order in which Plugins are run is determined by its configured priorities" */
static void order_is_that_of_the_priorities(void **state)
{
    (void)state;
    route("order", "{\"serverless-post-function\": {\"functions\": [\"\"]},"
                   " \"example-plugin\": {\"size\": \"1\"},"
                   " \"serverless-pre-function\": {\"functions\": [\"\"]}}");
    expect_order("/order", "", "serverless-pre-function example-plugin serverless-post-function");
}

/* "A Plugin configuration is submitted as part of the Route or Service and is placed under plugins.
 * It internally uses the Plugin name as the hash key to holding the configuration items for the
 * different Plugins." "Not all Plugins have specific configuration items (for example, prometheus).
 * In such cases, an empty object identifier can be used." */
static void configuration_is_placed_under_plugins(void **state)
{
    static const char plugins[] = "{\n"
                                  "\"limit-count\": {\n"
                                  "\"count\": 2,\n"
                                  "\"time_window\": 60,\n"
                                  "\"rejected_code\": 503,\n"
                                  "\"key\": \"remote_addr\"\n"
                                  "},\n"
                                  "\"prometheus\": {}\n"
                                  "}";
    json_t *sent = json_loads(plugins, 0, NULL);
    admin_reply reply;

    (void)state;
    route("placed", plugins);
    reply = gateway_admin(running, "GET", "routes/placed", NULL);
    assert_true(json_equal(json_object_get(json_object_get(reply.json, "value"), "plugins"), sent));
    admin_reply_done(&reply);
    json_decref(sent);
    assert_int_equal(status_of("/placed", ""), 200);
    assert_int_equal(status_of("/placed", ""), 200);
    assert_int_equal(status_of("/placed", ""), 503);
    gateway_wait_log(running, "logs/error.log", "plugin prometheus: counted on route placed");
    reply = put_route("refused", "{\"prometheus\": {\"any\": 1}}");
    assert_int_equal(reply.status, 400);
    admin_reply_done(&reply);
    /* On a service as well. */
    gateway_put(running, "services/placed",
                "{\"plugins\": %s, \"upstream\": {\"nodes\": {\"127.0.0.1:%u\": 1}}}", plugins,
                origin_port(upstream));
    gateway_put(running, "routes/placed2", "{\"uri\": \"/placed2\", \"service_id\": \"placed\"}");
    assert_int_equal(status_of("/placed2", ""), 200);
    assert_int_equal(status_of("/placed2", ""), 200);
    assert_int_equal(status_of("/placed2", ""), 503);
    gateway_wait_log(running, "logs/error.log", "plugin prometheus: counted on route placed2");
}

/* "A warning level log as shown below indicates that the request was rejected by the Plugin." */
static void rejection_is_a_warning(void **state)
{
    static const char text[] = "ip-restriction exits with http status code 403";
    char *log;
    const char *at;

    (void)state;
    route("closed", "{\"ip-restriction\": {\"blacklist\": [\"127.0.0.0/8\"]}}");
    assert_int_equal(status_of("/closed", ""), 403);
    gateway_wait_log(running, "logs/error.log", text);
    log = gateway_log(running, "logs/error.log");
    at = strstr(log, text);
    while (at > log && at[-1] != '\n') {
        at--;
    }
    assert_non_null(strstr(at, " [warn] "));
    assert_true(strstr(at, " [warn] ") < strstr(log, text));
    free(log);
}

/* ------------------------------------------------------------------ configuration of _meta */

/* "the configuration above means customizing the error response from the jwt-auth plugin to
 * '{"message": "Missing credential in request"}'." */
static void error_response_is_customized(void **state)
{
    (void)state;
    route("jwt", "{\n"
                 "\"jwt-auth\": {\n"
                 "\"_meta\": {\n"
                 "\"error_response\": {\n"
                 "\"message\": \"Missing credential in request\"\n"
                 "}\n"
                 "}\n"
                 "}\n"
                 "}");
    assert_int_equal(status_of("/jwt", ""), 401);
    assert_string_equal(got.body, "{\"message\":\"Missing credential in request\"}\n");
    expect_header("Content-Type", "application/json");
    /* Without it the plugin says what it says. */
    route("jwt", "{\"jwt-auth\": {}}");
    assert_int_equal(status_of("/jwt", ""), 401);
    assert_non_null(strstr(got.body, "Missing JWT token in request"));
    route("jwt", "{\"jwt-auth\": {\"_meta\": {\"error_response\": \"a text\"}}}");
    assert_int_equal(status_of("/jwt", ""), 401);
    assert_string_equal(got.body, "a text");
}

/* The notation of the page is that of a Lua table, which no JSON parser takes: the answer shows how
 * it is written. */
static void filter_in_the_notation_of_the_page_is_answered_with_the_right_one(void **state)
{
    static const char *const rows[] = {
        "{\n"
        "\"jwt-auth\": {\n"
        "\"_meta\": {\n"
        "\"filter\": {\n"
        "{\"arg_version\", \"==\", \"v2\"}\n"
        "}\n"
        "}\n"
        "}\n"
        "}",
        "{\"jwt-auth\": {\"_meta\": {\"filter\": {{\"arg_name\", \"==\", \"json\"}}}}}",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        admin_reply reply = put_route("filter", rows[i]);

        if (reply.status != 400 ||
            strstr(reply.text, "[[\\\"arg_version\\\",\\\"==\\\",\\\"v2\\\"]]") == NULL) {
            fail_msg("%s: %ld %s", rows[i], reply.status, reply.text);
        }
        admin_reply_done(&reply);
    }
}

/* "the jwt-auth plugin will only execute if version in the request parameter equals v2." */
static void filter_decides_by_a_variable(void **state)
{
    (void)state;
    route("filter", "{\"jwt-auth\": {\"_meta\": {\"filter\": [[\"arg_version\",\"==\",\"v2\"]]}}}");
    assert_int_equal(status_of("/filter?version=v2", ""), 401);
    assert_int_equal(status_of("/filter?a=b&version=v2", ""), 401);
    assert_int_equal(status_of("/filter?version=v1", ""), 200);
    assert_int_equal(status_of("/filter?version=V2", ""), 200);
    assert_int_equal(status_of("/filter?Version=v2", ""), 200);
    assert_int_equal(status_of("/filter", ""), 200);
    /* "The variables here are consistent with Nginx internal variables." */
    route("filter", "{\"jwt-auth\": {\"_meta\": {\"filter\": [[\"request_method\",\"==\",\"GET\"],"
                    "[\"remote_addr\",\"ipmatch\",[\"127.0.0.1\"]],"
                    "[\"http_x_kind\",\"~~\",\"^a\"]]}}}");
    assert_int_equal(status_of("/filter", "X-Kind: abc\r\n"), 401);
    assert_int_equal(status_of("/filter", "X-Kind: bc\r\n"), 200);
}

/* Types of the table: error_response string/object, priority integer, filter array. */
static void members_of_meta_have_their_types(void **state)
{
    static const struct {
        const char *meta;
        long status;
    } rows[] = {
        {"{\"error_response\": \"text\"}", 200},
        {"{\"error_response\": {\"a\": 1}}", 200},
        {"{\"error_response\": 1}", 400},
        {"{\"error_response\": [\"a\"]}", 400},
        {"{\"priority\": 1}", 200},
        {"{\"priority\": -1}", 200},
        {"{\"priority\": \"1\"}", 400},
        {"{\"priority\": 1.5}", 400},
        {"{\"filter\": []}", 200},
        {"{\"filter\": [[\"uri\", \"==\", \"/\"]]}", 200},
        {"{\"filter\": \"uri == /\"}", 400},
        {"{\"filter\": {\"uri\": \"/\"}}", 400},
    };

    (void)state;
    route("types", "{}");
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        char *plugins = text_format("{\"prometheus\": {\"_meta\": %s}}", rows[i].meta);
        admin_reply reply = put_route("types", plugins);

        if (reply.status != rows[i].status) {
            fail_msg("%s: %ld %s", rows[i].meta, reply.status, reply.text);
        }
        admin_reply_done(&reply);
        free(plugins);
    }
}

/* ----------------------------------------------------------------------------- priorities */

/* The example as it stands there, line breaks inside of texts and all. */
#define PRIORITIES                                                                                 \
    " {\n"                                                                                         \
    "\"serverless-post-function\": {\n"                                                            \
    "\"_meta\": {\n"                                                                               \
    "\"priority\": 10000\n"                                                                        \
    "},\n"                                                                                         \
    "\"phase\": \"rewrite\",\n"                                                                    \
    "\"functions\" : [\"return function(conf, ctx)\n"                                              \
    "ngx.say(\\\"serverless-post-function\\\");\n"                                                 \
    "end\"]\n"                                                                                     \
    "},\n"                                                                                         \
    "\"serverless-pre-function\": {\n"                                                             \
    "\"_meta\": {\n"                                                                               \
    "\"priority\": -2000\n"                                                                        \
    "},\n"                                                                                         \
    "\"phase\": \"rewrite\",\n"                                                                    \
    "\"functions\": [\"return function(conf, ctx)\n"                                               \
    "ngx.say(\\\"serverless-pre-function\\\");\n"                                                  \
    "end\"]\n"                                                                                     \
    "}\n"                                                                                          \
    "}"

#define DEFAULT_PRIORITIES                                                                         \
    "{\"serverless-post-function\": {\"phase\": \"rewrite\", \"functions\": [\"\"]},"              \
    " \"serverless-pre-function\": {\"phase\": \"rewrite\", \"functions\": [\"\"]}}"

/* "By default, the serverless-pre-function plugin will be executed first, and
 * serverless-post-function plugin will be executed next." With the example "The
 * serverless-post-function plugin will be executed first, and serverless-pre-function plugin will
 * be executed next." */
static void priorities_of_the_page_change_the_order(void **state)
{
    (void)state;
    route("custom", DEFAULT_PRIORITIES);
    expect_order("/custom", "", "serverless-pre-function serverless-post-function");
    route("custom", PRIORITIES);
    expect_order("/custom", "", "serverless-post-function serverless-pre-function");
}

/* "The default priority of serverless-pre-function is 10000, and the default priority of
 * serverless-post-function is -2000." */
static void default_priorities_are_those_of_the_plugins(void **state)
{
    admin_reply reply = gateway_admin(running, "GET", "plugins?all=true", NULL);

    (void)state;
    assert_int_equal(json_integer_value(json_object_get(
                         json_object_get(reply.json, "serverless-pre-function"), "priority")),
                     10000);
    assert_int_equal(json_integer_value(json_object_get(
                         json_object_get(reply.json, "serverless-post-function"), "priority")),
                     -2000);
    admin_reply_done(&reply);
}

/* "Custom plugin priority only affects the current object(route, service ...) of the plugin
 * instance binding, not all instances of that plugin." */
static void custom_priority_affects_its_own_object_only(void **state)
{
    (void)state;
    route("custom", PRIORITIES);
    route("other", DEFAULT_PRIORITIES);
    expect_order("/custom", "", "serverless-post-function serverless-pre-function");
    expect_order("/other", "", "serverless-pre-function serverless-post-function");
    gateway_put(running, "services/custom",
                "{\"plugins\": %s, \"upstream\": {\"nodes\": {\"127.0.0.1:%u\": 1}}}", PRIORITIES,
                origin_port(upstream));
    gateway_put(running, "routes/by-service",
                "{\"uri\": \"/by-service\", \"service_id\": \"custom\"}");
    expect_order("/by-service", "", "serverless-post-function serverless-pre-function");
    expect_order("/other", "", "serverless-pre-function serverless-post-function");
}

/* "Custom plugin priority does not apply to the rewrite phase of some plugins configured on the
 * consumer. The rewrite phase of plugins configured on the route will be executed first, and then
 * the rewrite phase of plugins (exclude auth plugins) from the consumer will be executed." */
static void rewrite_of_a_consumers_plugins_comes_after_the_routes(void **state)
{
    (void)state;
    gateway_put(running, "consumers/jill",
                "{\"username\": \"jill\", \"plugins\": {\"key-auth\": {\"key\": \"jill\"},"
                " \"serverless-pre-function\": {\"_meta\": {\"priority\": 20000},"
                " \"phase\": \"rewrite\", \"functions\": [\"\"]}}}");
    route("consumer", "{\"key-auth\": {}, \"serverless-post-function\": {\"phase\": \"rewrite\","
                      " \"functions\": [\"\"]}}");
    expect_order("/consumer", "apikey: jill\r\n",
                 "serverless-post-function serverless-pre-function");
    /* In later phases they are one list. */
    gateway_put(running, "consumers/jill",
                "{\"username\": \"jill\", \"plugins\": {\"key-auth\": {\"key\": \"jill\"},"
                " \"serverless-pre-function\": {\"_meta\": {\"priority\": 20000},"
                " \"phase\": \"access\", \"functions\": [\"\"]}}}");
    route("consumer", "{\"key-auth\": {}, \"serverless-post-function\": {\"phase\": \"access\","
                      " \"functions\": [\"\"]}}");
    expect_order("/consumer", "apikey: jill\r\n",
                 "serverless-pre-function serverless-post-function");
}

/* ------------------------------------------------------------------------------ hot reload */

/* "APISIX Plugins are hot-loaded. This means that there is no need to restart the service if you
 * add, delete, modify plugins, or even if you update the plugin code." */
static void plugins_come_change_and_go_without_a_restart(void **state)
{
    pid_t supervisor = running->pid;
    pid_t master = gateway_master(running);
    char *path = gateway_path(running, "plugins/added.so");

    (void)state;
    author_install(running, "described", "added", "-DVERSION='\"0.1\"'");
    reload_is_in_force();
    route("added", "{\"added\": {\"size\": \"1\"}}");
    assert_int_equal(status_of("/added", ""), 200);
    expect_header("X-Version", "0.1");
    author_install(running, "described", "added", "-DVERSION='\"0.2\"'");
    reload_is_in_force();
    for (int i = 0; i < 4; i++) {
        assert_int_equal(status_of("/added", ""), 200);
        expect_header("X-Version", "0.2");
    }
    gateway_delete(running, "routes/added");
    assert_int_equal(unlink(path), 0);
    reload_is_in_force();
    {
        admin_reply reply = put_route("added", "{\"added\": {\"size\": \"1\"}}");

        assert_int_equal(reply.status, 400);
        assert_non_null(strstr(reply.text, "unknown plugin [added]"));
        admin_reply_done(&reply);
    }
    assert_int_equal(running->pid, supervisor);
    assert_int_equal(gateway_master(running), master);
    free(path);
}

/* The line is for who has the key. */
static void reload_needs_the_key(void **state)
{
    connection one = {.fd = -1};

    (void)state;
    assert_true(connection_open(&one, running->port));
    connection_request(&one, "PUT", "/apisix/admin/plugins/reload", "", NULL, &got);
    assert_int_equal(got.status, 401);
    connection_request(&one, "GET", "/apisix/admin/plugins/reload",
                       "X-API-KEY: " DOCUMENTED_KEY "\r\n", NULL, &got);
    assert_int_equal(got.status, 405);
    assert_string_equal(got.body,
                        "{\"error_msg\":\"please use PUT method to reload the plugins, GET "
                        "method is not allowed.\"}\n");
    connection_close(&one);
}

/* "If a configured Plugin is disabled, then its execution will be skipped." */
static void disabled_plugin_is_skipped(void **state)
{
    (void)state;
    /* Off the list, by the reload of the section it stands in. */
    route("disabled", "{\"serverless-pre-function\": {\"functions\": [\"\"]},"
                      " \"serverless-post-function\": {\"functions\": [\"\"]}}");
    configure("plugins: [serverless-post-function]");
    reload_is_in_force();
    expect_order("/disabled", "", "serverless-post-function");
    configure("");
    reload_is_in_force();
    expect_order("/disabled", "", "serverless-pre-function serverless-post-function");
    /* In its own configuration. */
    route("disabled", "{\"serverless-pre-function\": {\"functions\": [\"\"]},"
                      " \"serverless-post-function\": {\"functions\": [\"\"],"
                      " \"_meta\": {\"disable\": true}}}");
    expect_order("/disabled", "", "serverless-pre-function");
}

/* Not of the page: what a global rule refuses does not lock an operator out, whose Admin API is on
 * the same port. */
static void global_rules_are_not_for_the_admin_api(void **state)
{
    char *text;

    (void)state;
    gateway_put(running, "global_rules/closed",
                "{\"plugins\": {\"ip-restriction\": {\"blacklist\": [\"127.0.0.0/8\"]}}}");
    assert_int_equal(status_of("/w", ""), 403);
    assert_int_equal(status_of("/nothing", ""), 403);
    text = reload_by_curl();
    assert_non_null(strstr(text, "\"result\":\"unchanged\""));
    free(text);
    http_get(running->control_port, "/v1/routes", "", &got);
    assert_int_equal(got.status, 200);
    gateway_delete(running, "global_rules/closed");
    assert_int_equal(status_of("/w", ""), 200);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(consumer_comes_before_route_before_service),
        cmocka_unit_test(plugins_outside_of_the_whitelist_are_ignored),
        cmocka_unit_test(list_of_the_default_file_is_copied_and_gets_one_more),
        cmocka_unit_test(plugin_of_several_objects_is_executed_once),
        cmocka_unit_test(plugin_is_an_object_of_version_priority_name_and_schemas),
        cmocka_unit_test(order_is_that_of_the_priorities),
        cmocka_unit_test(configuration_is_placed_under_plugins),
        cmocka_unit_test(rejection_is_a_warning),
        cmocka_unit_test(error_response_is_customized),
        cmocka_unit_test(filter_in_the_notation_of_the_page_is_answered_with_the_right_one),
        cmocka_unit_test(filter_decides_by_a_variable),
        cmocka_unit_test(members_of_meta_have_their_types),
        cmocka_unit_test(priorities_of_the_page_change_the_order),
        cmocka_unit_test(default_priorities_are_those_of_the_plugins),
        cmocka_unit_test(custom_priority_affects_its_own_object_only),
        cmocka_unit_test(rewrite_of_a_consumers_plugins_comes_after_the_routes),
        cmocka_unit_test(plugins_come_change_and_go_without_a_restart),
        cmocka_unit_test(reload_needs_the_key),
        cmocka_unit_test(disabled_plugin_is_skipped),
        cmocka_unit_test(global_rules_are_not_for_the_admin_api),
    };

    return report(cmocka_run_group_tests(tests, set_up, tear_down));
}
