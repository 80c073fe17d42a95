/* tests/integration/test_bad_input.c - each mistake has a clear error, and changes nothing. */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/integration/author.h"
#include "tests/integration/command.h"
#include "tests/integration/gateway.h"
#include "tests/integration/origin.h"
#include "tests/integration/stored.h"
#include "tests/unit/unit.h"

#define ORDINARY_USER 47113u /* of nobody on this machine */
#define LARGE_BODY    (2u << 20)
#define LARGE_HEADER  40000u

static gateway *running;
static origin *upstream;
static response got;

static int set_up(void **state)
{
    (void)state;
    upstream = origin_start();
    running = gateway_make(&(gateway_options){.http = "client_max_body_size: 1m"});
    author_install(running, "mark", "mark", "");
    author_install(running, "gate", "gate", "");
    gateway_start(running);
    gateway_put(running, "upstreams/used", "{\"nodes\": {\"127.0.0.1:%u\": 1}}",
                origin_port(upstream));
    gateway_put(running, "routes/kept",
                "{\"uri\": \"/kept\", \"plugins\": {\"mark\": {\"text\": \"kept\"}},"
                " \"upstream_id\": \"used\"}");
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

static void kept_route_serves(void)
{
    http_get(running->port, "/kept", "", &got);
    assert_int_equal(got.status, 200);
    assert_string_equal(response_header(&got, "X-Mark"), "kept");
}

/* ------------------------------------------------------------------------------- Admin API */

static void writes_that_are_wrong_change_nothing(void **state)
{
    static const struct {
        const char *label;
        const char *method;
        const char *path;
        const char *body;
        long status;
        const char *text;
    } cases[] = {
        {"cut JSON", "PUT", "routes/x", "{\"uri\": \"/x\"", 400, "invalid request body"},
        {"no JSON", "PUT", "routes/x", "uri=/x", 400, "invalid request body"},
        {"name twice", "PUT", "routes/x", "{\"uri\": \"/x\", \"uri\": \"/y\"}", 400,
         "invalid request body: duplicate"},
        {"array", "PUT", "routes/x", "[]", 400, "object"},
        {"no body", "PUT", "routes/x", NULL, 400, "missing configurations"},
        {"unknown field", "PUT", "routes/x", "{\"uri\": \"/x\", \"bogus\": 1}", 400, "bogus"},
        {"wrong type", "PUT", "routes/x", "{\"uri\": 1}", 400, "\\\"uri\\\""},
        {"no uri", "PUT", "routes/x", "{\"upstream_id\": \"used\"}", 400, "uri"},
        {"bad method", "PUT", "routes/x", "{\"uri\": \"/x\", \"methods\": [\"FETCH\"]}", 400,
         "methods"},
        {"unknown plugin", "PUT", "routes/x", "{\"uri\": \"/x\", \"plugins\": {\"nope\": {}}}", 400,
         "unknown plugin [nope]"},
        {"plugin field missing", "PUT", "routes/x",
         "{\"uri\": \"/x\", \"plugins\": {\"mark\": {}}}", 400, "/plugins/mark"},
        {"plugin field of wrong type", "PUT", "routes/x",
         "{\"uri\": \"/x\", \"plugins\": {\"mark\": {\"text\": 5}}}", 400, "/plugins/mark/text"},
        {"unknown field of a strict plugin", "PUT", "routes/x",
         "{\"uri\": \"/x\", \"plugins\": {\"gate\": {\"bogus\": 1}}}", 400, "bogus"},
        {"number out of range", "PUT", "routes/x",
         "{\"uri\": \"/x\", \"plugins\": {\"gate\": {\"status\": 99}}}", 400,
         "/plugins/gate/status"},
        {"missing upstream", "PUT", "routes/x", "{\"uri\": \"/x\", \"upstream_id\": \"nope\"}", 400,
         "nope"},
        {"missing service", "PUT", "routes/x", "{\"uri\": \"/x\", \"service_id\": \"nope\"}", 400,
         "nope"},
        {"node without port range", "PUT", "upstreams/x", "{\"nodes\": {\"127.0.0.1:99999\": 1}}",
         400, "99999"},
        {"weight of wrong type", "PUT", "upstreams/x", "{\"nodes\": {\"127.0.0.1:80\": \"1\"}}",
         400, "nodes"},
        {"what cannot be done yet", "PUT", "upstreams/x",
         "{\"scheme\": \"kafka\", \"nodes\": {\"127.0.0.1:80\": 1}}", 400, "grpcs"},
        {"id with bad characters", "PUT", "routes/a%20b", "{\"uri\": \"/x\"}", 400, "id"},
        {"id that differs", "PUT", "routes/x", "{\"id\": \"y\", \"uri\": \"/x\"}", 400, "id"},
        {"patch of nothing", "PATCH", "routes/none", "{\"uri\": \"/y\"}", 404, "Key not found"},
        {"patch into nonsense", "PATCH", "routes/kept", "{\"uri\": 5}", 400, "\\\"uri\\\""},
        {"removal of what is used", "DELETE", "upstreams/used", NULL, 400, "kept"},
        {"removal of nothing", "DELETE", "routes/none", NULL, 404, "Key not found"},
        {"unknown kind", "PUT", "bogus/x", "{}", 404, ""},
        {"unknown method", "BREW", "routes/x", NULL, 404, "not found"},
    };
    char *before = stored_objects(running);

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        admin_reply reply = gateway_admin(running, cases[i].method, cases[i].path, cases[i].body);
        char *after;

        if (reply.status != cases[i].status || strstr(reply.text, cases[i].text) == NULL ||
            reply.json == NULL) {
            print_error("%s: wanted %ld and \"%s\", got %ld %s\n", cases[i].label, cases[i].status,
                        cases[i].text, reply.status, reply.text);
            admin_reply_done(&reply);
            fail_msg("%s", cases[i].label);
        }
        admin_reply_done(&reply);
        after = stored_objects(running);
        assert_string_equal(after, before);
        free(after);
        kept_route_serves();
    }
    free(before);
}

static void unknown_field_of_a_plugin_is_warned_about(void **state)
{
    admin_reply reply = gateway_admin(
        running, "PUT", "routes/warned",
        "{\"uri\": \"/warned\", \"plugins\": {\"mark\": {\"text\": \"a\", \"bogus\": 1}}}");

    (void)state;
    assert_int_equal(reply.status, 201);
    assert_non_null(strstr(reply.text, "/plugins/mark/bogus"));
    admin_reply_done(&reply);
    gateway_delete(running, "routes/warned");
}

static void body_over_the_limit_is_refused(void **state)
{
    char *text = malloc(LARGE_BODY + 1);
    char *body;
    admin_reply reply;

    (void)state;
    assert_non_null(text);
    memset(text, 'a', LARGE_BODY);
    text[LARGE_BODY] = '\0';
    body = text_format("{\"uri\": \"/x\", \"desc\": \"%s\"}", text);
    reply = gateway_admin(running, "PUT", "routes/x", body);
    assert_int_equal(reply.status, 400);
    assert_non_null(strstr(reply.text, "is greater than the maximum size"));
    admin_reply_done(&reply);
    reply = gateway_admin(running, "GET", "routes/x", NULL);
    assert_int_equal(reply.status, 404);
    admin_reply_done(&reply);
    free(body);
    free(text);
    kept_route_serves();
}

static void nobody_gets_in_without_the_key(void **state)
{
    static const struct {
        const char *label;
        const char *method;
        const char *headers;
        int status;
        const char *text;
    } cases[] = {
        {"no key", "GET", "", 401, "missing apikey"},
        {"wrong key", "GET", "X-API-KEY: wrong\r\n", 401, "wrong apikey"},
        {"key with more behind it", "GET", "X-API-KEY: " GATEWAY_KEY "x\r\n", 401, "wrong apikey"},
        {"viewer reads", "GET", "X-API-KEY: " GATEWAY_KEY "-viewer\r\n", 200, ""},
        {"viewer writes", "PUT", "X-API-KEY: " GATEWAY_KEY "-viewer\r\n", 401, "viewer"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        connection one = {.fd = -1};

        assert_true(connection_open(&one, running->admin_port));
        connection_request(&one, cases[i].method, "/apisix/admin/routes/kept", cases[i].headers,
                           strcmp(cases[i].method, "PUT") == 0 ? "{\"uri\": \"/stolen\"}" : NULL,
                           &got);
        connection_close(&one);
        if (got.status != cases[i].status || strstr(got.body, cases[i].text) == NULL) {
            fail_msg("%s: %d %s", cases[i].label, got.status, got.body);
        }
    }
    kept_route_serves();
}

/* ------------------------------------------------------------------------------ data plane */

static void raw(const char *text, size_t length)
{
    connection one = {.fd = -1};

    assert_true(connection_open(&one, running->port));
    assert_true(connection_send(&one, text, length));
    if (!connection_receive(&one, false, &got)) {
        fail_msg("%.60s: %s", text, one.error);
    }
    connection_close(&one);
}

static void requests_that_are_wrong_are_refused_and_others_served(void **state)
{
    char *large = malloc(LARGE_HEADER + 1);
    char *text;

    (void)state;
    assert_non_null(large);
    memset(large, 'a', LARGE_HEADER);
    large[LARGE_HEADER] = '\0';
    text = text_format("GET /kept HTTP/1.1\r\nHost: a\r\nX-Large: %s\r\n\r\n", large);
    raw(text, strlen(text));
    assert_int_equal(got.status, 400);
    free(text);
    text = text_format("GET /%s HTTP/1.1\r\nHost: a\r\n\r\n", large);
    raw(text, strlen(text));
    assert_int_equal(got.status, 414);
    free(text);
    text = text_format("NONSENSE\r\n\r\n");
    raw(text, strlen(text));
    assert_int_equal(got.status, 400);
    free(text);
    text = text_format("POST /kept HTTP/1.1\r\nHost: a\r\nContent-Length: 2000000\r\n\r\n");
    raw(text, strlen(text));
    assert_int_equal(got.status, 413);
    assert_non_null(strstr(got.body, "\"error_msg\""));
    free(text);
    free(large);
    kept_route_serves();
}

/* ----------------------------------------------------------------------------------- start */

static void refuses_to_start(gateway *other, const char *label, const char *text)
{
    char *output = NULL;
    int code = gateway_refuse(other, &output);
    pid_t left[8];

    if (code != 1 || strstr(output, text) == NULL) {
        print_error("%s: wanted \"%s\", got code %d: %s\n", label, text, code, output);
        free(output);
        fail_msg("%s", label);
    }
    free(output);
    assert_int_equal(gateway_processes(other, left, ARRAY_SIZE(left)), 0);
}

static void instance_in_use_is_refused(void **state)
{
    const char *arguments[] = {running->program, "run", "-p", running->directory, NULL};
    char *text = NULL;
    char *wanted = text_format("is in use by process %d", (int)running->pid);

    (void)state;
    assert_int_equal(command_run(&(command){.arguments = arguments}, &text), 1);
    assert_non_null(strstr(text, wanted));
    free(wanted);
    free(text);
    kept_route_serves();
}

static void taken_ports_are_refused(void **state)
{
    gateway *other = gateway_make(NULL);
    unsigned port = other->port;
    char *wanted;

    (void)state;
    other->port = running->port;
    gateway_configure(other);
    wanted = text_format("cannot listen on 127.0.0.1:%u: Address already in use", running->port);
    refuses_to_start(other, "data port", wanted);
    free(wanted);
    other->port = port;
    other->admin_port = running->admin_port;
    gateway_configure(other);
    wanted =
        text_format("cannot listen on 127.0.0.1:%u: Address already in use", running->admin_port);
    refuses_to_start(other, "admin port", wanted);
    free(wanted);
    gateway_free(other);
    kept_route_serves();
}

static void configurations_that_are_wrong_are_refused(void **state)
{
    static const struct {
        const char *label;
        gateway_options options;
        const char *text;
    } cases[] = {
        {"unknown key", {.settings = "apisx: {}"}, "unknown key, did you mean \"apisix\"?"},
        {"unknown key below",
         {.nginx = "worker_proceses: 2"},
         "unknown key, did you mean \"worker_processes\"?"},
        {"wrong type", {.http = "send_timeout: [1]"}, "/nginx_config/http/send_timeout: found"},
        {"no YAML", {.settings = "a: [b"}, "config.yaml:"},
        {"missing nginx", {.hotgate = "nginx: /nowhere/nginx"}, "/nowhere/nginx is not a program"},
        {"nginx by an unknown name",
         {.hotgate = "nginx: nginx-of-nobody"},
         "nginx-of-nobody is neither in PATH"},
        {"program that is no nginx", {.hotgate = "nginx: /bin/true"}, "is not nginx"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        gateway *other = gateway_make(&cases[i].options);

        refuses_to_start(other, cases[i].label, cases[i].text);
        gateway_free(other);
    }
}

static void nginx_of_another_version_is_refused(void **state)
{
    static const char script[] = "#!/bin/sh\n"
                                 "echo 'nginx version: nginx/9.8.7' >&2\n"
                                 "echo 'configure arguments: --with-compat' >&2\n";
    char *path = text_format("%s/other-nginx", author_folder());
    char *setting = text_format("nginx: %s", path);
    gateway *other;

    (void)state;
    file_write(path, script, sizeof(script) - 1);
    assert_int_equal(chmod(path, 0755), 0);
    other = gateway_make(&(gateway_options){.hotgate = setting});
    refuses_to_start(other, "another version", "is nginx 9.8.7, but hotgate was built for nginx");
    gateway_free(other);
    free(setting);
    free(path);
}

static void known_key_without_effect_is_warned_about(void **state)
{
    gateway *other = gateway_run(&(gateway_options){.nginx = "max_pending_timers: 1000"});
    char *log = gateway_log(other, "logs/output.log");

    (void)state;
    assert_non_null(strstr(log, "max_pending_timers"));
    free(log);
    gateway_free(other);
}

static void instance_that_cannot_be_written_is_refused(void **state)
{
    gateway *other;

    (void)state;
    if (getuid() != 0) {
        skip(); /* the folder would be ours */
        return;
    }
    other = gateway_make(&(gateway_options){.user = ORDINARY_USER});
    shell("chown root '%s' && chmod 755 '%s'", other->directory, other->directory);
    refuses_to_start(other, "not writable", "cannot be made: Permission denied");
    gateway_free(other);
}

/* ------------------------------------------------------------------------------- full disk */

static gateway *make_on_small_disk(const char *size)
{
    gateway *other = gateway_make(NULL);
    char *options = text_format("size=%s,mode=755", size);
    int result = mount("none", other->directory, "tmpfs", 0, options);
    char *path;

    free(options);
    if (result != 0) {
        gateway_free(other);
        return NULL;
    }
    for (const char *const *name = (const char *const[]){"conf", "plugins", NULL}; *name != NULL;
         name++) {
        path = gateway_path(other, *name);
        assert_int_equal(mkdir(path, 0755), 0);
        free(path);
    }
    gateway_configure(other);
    return other;
}

static void small_disk_done(gateway *other)
{
    if (other->pid > 0) {
        (void)gateway_stop(other, SIGTERM);
    }
    assert_int_equal(umount(other->directory), 0);
    gateway_free(other);
}

static void fill(const gateway *other)
{
    /* As root: that ignores quotas, but a tmpfs is full for everybody. */
    shell("head -c 100m /dev/zero > '%s/filler' 2>/dev/null || true", other->directory);
}

static void full_disk_refuses_the_start(void **state)
{
    gateway *other = getuid() == 0 ? make_on_small_disk("16m") : NULL;
    char *output = NULL;
    int code;

    (void)state;
    if (other == NULL) {
        skip();
        return;
    }
    fill(other);
    code = gateway_refuse(other, &output);
    if (code != 1 || strstr(output, "No space left on device") == NULL) {
        fail_msg("code %d: %s", code, output);
    }
    free(output);
    small_disk_done(other);
}

static void full_disk_refuses_writes_and_serves_on(void **state)
{
    gateway *other = getuid() == 0 ? make_on_small_disk("24m") : NULL;
    char *padding;
    unsigned count = 0;
    admin_reply reply = {0};

    (void)state;
    if (other == NULL) {
        skip();
        return;
    }
    gateway_start(other);
    gateway_put(other, "routes/before",
                "{\"uri\": \"/before\", \"upstream\": {\"nodes\": {\"127.0.0.1:%u\": 1}}}",
                origin_port(upstream));
    fill(other);
    padding = calloc(1, 60001);
    assert_non_null(padding);
    memset(padding, 'p', 60000);
    /* What was reserved before is used up first. */
    do {
        char *key = text_format("routes/more%u", count++);
        char *body = text_format("{\"uri\": \"/more\", \"labels\": {\"a\": \"%.250s\"}, \"desc\": "
                                 "\"%.250s\", \"upstream\": {\"nodes\": {\"127.0.0.1:%u\": 1},"
                                 " \"labels\": {\"b\": \"%.250s\"}}}",
                                 padding, padding, origin_port(upstream), padding);

        admin_reply_done(&reply);
        reply = gateway_admin(other, "PUT", key, body);
        free(body);
        free(key);
    } while (reply.status == 201 && count < 20000);
    print_message("full disk, after %u writes: %ld %s", count, reply.status, reply.text);
    assert_int_equal(reply.status, 503);
    assert_non_null(strstr(reply.text, "error_msg"));
    admin_reply_done(&reply);
    http_get(other->port, "/before", "", &got);
    assert_int_equal(got.status, 200);
    shell("rm '%s/filler'", other->directory);
    gateway_put(other, "routes/after",
                "{\"uri\": \"/after\", \"upstream\": {\"nodes\": {\"127.0.0.1:%u\": 1}}}",
                origin_port(upstream));
    http_get(other->port, "/after", "", &got);
    assert_int_equal(got.status, 200);
    free(padding);
    small_disk_done(other);
}

static void after_all_that_the_gateway_serves(void **state)
{
    (void)state;
    kept_route_serves();
    assert_int_equal(gateway_sum(running, "apply_failures"), 0);
    assert_int_equal(gateway_stop(running, SIGINT), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writes_that_are_wrong_change_nothing),
        cmocka_unit_test(unknown_field_of_a_plugin_is_warned_about),
        cmocka_unit_test(body_over_the_limit_is_refused),
        cmocka_unit_test(nobody_gets_in_without_the_key),
        cmocka_unit_test(requests_that_are_wrong_are_refused_and_others_served),
        cmocka_unit_test(instance_in_use_is_refused),
        cmocka_unit_test(taken_ports_are_refused),
        cmocka_unit_test(configurations_that_are_wrong_are_refused),
        cmocka_unit_test(nginx_of_another_version_is_refused),
        cmocka_unit_test(known_key_without_effect_is_warned_about),
        cmocka_unit_test(instance_that_cannot_be_written_is_refused),
        cmocka_unit_test(full_disk_refuses_the_start),
        cmocka_unit_test(full_disk_refuses_writes_and_serves_on),
        cmocka_unit_test(after_all_that_the_gateway_serves),
    };

    return report(cmocka_run_group_tests(tests, set_up, tear_down));
}
