/* tests/integration/test_standalone.c - a gateway whose objects come from a file: taken when it is
 * whole and good, as one change, without a failed request; else what was good last stays. */
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/integration/author.h"
#include "tests/integration/command.h"
#include "tests/integration/gateway.h"
#include "tests/integration/load.h"
#include "tests/integration/origin.h"
#include "tests/integration/told.h"
#include "tests/unit/unit.h"

#define DATA_PLANE "role: data_plane\n  role_data_plane: {config_provider: yaml}"
#define YAML       "conf/apisix.yaml"
#define SEED       "routes: [{id: steady, uri: /steady, upstream_id: 1}"
#define MANY       10000u
#define KILLS      7u /* the next start of control comes later and later */
#define KILLS_FULL 40u
#define LOOKS      10u
#define QUICK_MS   15000 /* for MANY, with sanitizers too */

static gateway *running;
static origin *upstream;

/* --- the file --- */

/* The text of a file with these routes behind the steady one, and further lists. */
static char *file_text(const char *routes, const char *lists)
{
    return text_format("upstreams: [{id: 1, nodes: {\"127.0.0.1:%u\": 1}}]\n%s%s]\n%s\n#END\n",
                       origin_port(upstream), SEED, routes, lists);
}

/* Writes it beside the file and renames it over. */
static void replace(const char *name, const char *text)
{
    char *path = gateway_path(running, name);
    char *beside = gateway_path(running, "tmp-of-test");

    file_write(beside, text, strlen(text));
    assert_int_equal(rename(beside, path), 0);
    free(beside);
    free(path);
}

static void replace_with(const char *routes, const char *lists)
{
    char *text = file_text(routes, lists);

    replace(YAML, text);
    free(text);
}

/* --- what can be seen --- */

static json_t *standalone(void)
{
    json_t *status = gateway_status(running);
    json_t *part = json_incref(json_object_get(status, "standalone"));

    json_decref(status);
    return part;
}

static bool state_is(const char *wanted)
{
    json_t *part = standalone();
    const char *state = json_string_value(json_object_get(part, "state"));
    bool is_so = state != NULL && strcmp(state, wanted) == 0;

    json_decref(part);
    return is_so;
}

static json_int_t revision(void)
{
    json_t *part = standalone();
    json_int_t number = json_integer_value(json_object_get(part, "revision"));

    json_decref(part);
    return number;
}

static int status_of(const char *target)
{
    response got = {0};
    int status;

    http_get(running->port, target, "", &got);
    status = got.status;
    response_done(&got);
    return status;
}

/* The header X-Mark of an answer; "" if it has none. Until the next call. */
static const char *mark_of(const char *target)
{
    static char mark[100];
    response got = {0};
    const char *value;

    http_get(running->port, target, "", &got);
    value = response_header(&got, "X-Mark");
    (void)snprintf(mark, sizeof(mark), "%s", value == NULL ? "" : value);
    response_done(&got);
    return mark;
}

static json_t *object_of(const char *key)
{
    admin_reply reply = gateway_admin(running, "GET", key, NULL);
    json_t *json = json_incref(reply.json);

    if (reply.status != 200) {
        fail_msg("GET %s: %ld %s", key, reply.status, reply.text);
    }
    admin_reply_done(&reply);
    return json;
}

/* --- the gateway --- */

static gateway *make(void)
{
    static const gateway_options options = {
        .deployment = DATA_PLANE, .by_socket = true, /* there is no Admin API */
    };

    return gateway_make(&options);
}

static int set_up(void **state)
{
    (void)state;
    upstream = origin_start();
    running = make();
    author_install(running, "mark", "mark", "");
    return 0;
}

static int set_up_running(void **state)
{
    (void)set_up(state);
    replace_with("", "");
    gateway_start(running);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    gateway_free(running);
    origin_stop(upstream);
    return 0;
}

/* --- the first start --- */

static void a_first_start_needs_a_file_that_is_whole_and_good(void **state)
{
    static const struct {
        const char *label;
        const char *text; /* NULL: no file */
        const char *says[3];
    } cases[] = {
        {"no file", NULL, {"conf/apisix.yaml: No such file", "nothing to serve"}},
        {"half written",
         "routes: [{id: 1, uri: /a}]\n",
         {"conf/apisix.yaml: the last line is not #END", "nothing to serve"}},
        {"no YAML", "routes: [\n#END\n", {"conf/apisix.yaml:", "nothing to serve"}},
        {"all that is wrong",
         "routes:\n  - {id: 1, uri: /a, upstream_id: none}\n  - id: 2\n    uri: 5\n"
         "    plugins:\n      nobody: {}\n#END\n",
         {"conf/apisix.yaml:2:35: /routes/0/upstream_id: failed to fetch upstream info",
          "conf/apisix.yaml:4:10: /routes/1/uri: ",
          "conf/apisix.yaml:6:15: /routes/1/plugins/nobody: unknown plugin [nobody]"}},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        char *said = NULL;

        if (cases[i].text != NULL) {
            replace(YAML, cases[i].text);
        }
        assert_int_equal(gateway_refuse(running, &said), 1);
        for (size_t k = 0; k < ARRAY_SIZE(cases[i].says) && cases[i].says[k] != NULL; k++) {
            if (strstr(said, cases[i].says[k]) == NULL) {
                fail_msg("%s: wanted %s, got %s", cases[i].label, cases[i].says[k], said);
            }
        }
        free(said);
    }
    replace_with("", "");
    if (geteuid() == 0) { /* then control is another user */
        char *said = NULL;

        shell("chmod 0600 '%s/conf/apisix.yaml'", running->directory);
        assert_int_equal(gateway_refuse(running, &said), 1);
        assert_non_null(strstr(said, "conf/apisix.yaml: permission denied: "));
        free(said);
        shell("chgrp hotgate '%s/conf/apisix.yaml' && chmod 0640 '%s/conf/apisix.yaml'",
              running->directory, running->directory);
    }
    gateway_start(running);
    assert_int_equal(status_of("/steady"), 200);
    assert_int_equal(gateway_stop(running, SIGTERM), 0);
}

/* --- ways in which a file changes --- */

static void write_in_place(void)
{
    char *text = file_text(", {id: b, uri: /b, upstream_id: 1}", "");
    char *path = gateway_path(running, YAML);

    file_write(path, text, strlen(text));
    free(path);
    free(text);
}

static void remove_and_make(void)
{
    char *path = gateway_path(running, YAML);

    assert_int_equal(unlink(path), 0);
    free(path);
    WAIT_UNTIL(state_is("missing"));
    assert_int_equal(status_of("/steady"), 200);
    replace_with(", {id: c, uri: /c, upstream_id: 1}", "");
}

static void replace_directory(void)
{
    char *text = file_text(", {id: d, uri: /d, upstream_id: 1}", "");

    shell("cp -a '%s/conf' '%s/conf2'", running->directory, running->directory);
    replace("conf2/apisix.yaml", text);
    shell("mv '%s/conf' '%s/conf.old' && mv '%s/conf2' '%s/conf'", running->directory,
          running->directory, running->directory, running->directory);
    free(text);
}

/* As a ConfigMap is mounted: the file is a link through ..data, which is renamed over. */
static void swap_links(void)
{
    const char *directory = running->directory;
    char *first = file_text(", {id: e1, uri: /e1, upstream_id: 1}", "");
    char *second = file_text(", {id: e, uri: /e, upstream_id: 1}", "");

    shell("mkdir '%s/conf/..1' '%s/conf/..2'", directory, directory);
    replace("conf/..1/apisix.yaml", first);
    replace("conf/..2/apisix.yaml", second);
    shell("cd '%s/conf' && ln -s ..1 ..data && ln -sf ..data/apisix.yaml apisix.yaml", directory);
    WAIT_UNTIL(status_of("/e1") == 200);
    shell("cd '%s/conf' && ln -s ..2 ..data_tmp && mv -T ..data_tmp ..data", directory);
    free(first);
    free(second);
}

static void write_outside(void)
{
    char *text = file_text(", {id: f, uri: /f, upstream_id: 1}", "");

    shell("mkdir '%s/away' && ln -sf ../away/apisix.yaml '%s/conf/apisix.yaml'", running->directory,
          running->directory);
    WAIT_UNTIL(state_is("missing"));
    replace("away/apisix.yaml", text);
    free(text);
}

static void every_way_to_change_it_is_seen_and_no_request_fails(void **state)
{
    static const struct {
        const char *label;
        void (*change)(void);
        const char *target; /* that it has, and the others do not */
    } cases[] = {
        {"in place", write_in_place, "/b"},
        {"made again", remove_and_make, "/c"},
        {"another directory", replace_directory, "/d"},
        {"links", swap_links, "/e"},
        {"outside", write_outside, "/f"},
    };
    load_plan plan = {.port = running->port, .target = "/steady", .connections = 4};
    load *background = load_start(&plan);
    load_result result;

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        json_int_t before = revision();

        cases[i].change();
        WAIT_UNTIL(status_of(cases[i].target) == 200 && state_is("in force"));
        assert_true(revision() > before);
        if (i > 0) {
            assert_int_equal(status_of(cases[i - 1].target), 404);
        }
    }
    load_wait(background, 100);
    result = load_stop(background);
    if (result.failures != 0) {
        fail_msg("%zu requests failed: %s", result.failures, result.first);
    }
}

/* --- what a change costs --- */

static void what_stays_the_same_keeps_its_revision(void **state)
{
    json_t *before = object_of("routes/steady");
    json_int_t start = revision();
    json_t *after;

    (void)state;
    /* The same content, written again and touched; other comments and another order of keys. */
    replace_with("", "");
    replace_with("", "# nothing but a comment");
    gateway_wait_log(running, "logs/control.log", "0 objects written, 2 unchanged, 0 deleted");
    assert_int_equal(revision(), start);
    replace_with(", {upstream_id: 1, uri: /new, id: new}", "");
    WAIT_UNTIL(status_of("/new") == 200);
    assert_int_equal(revision(), start + 1);
    after = object_of("routes/steady");
    assert_true(json_equal(before, after));
    json_decref(before);
    json_decref(after);
}

static void a_half_written_file_is_waited_for(void **state)
{
    char *path = gateway_path(running, YAML);
    char *text = file_text(", {id: late, uri: /late, upstream_id: 1}", "");
    FILE *file = fopen(path, "we");
    size_t half = strlen(text) - strlen("#END\n");
    json_int_t start = revision();

    (void)state;
    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, half, file), half);
    assert_int_equal(fclose(file), 0);
    WAIT_UNTIL(state_is("incomplete"));
    assert_int_equal(revision(), start);
    assert_int_equal(status_of("/steady"), 200);
    /* The writer goes on, and keeps the file open. */
    file = fopen(path, "ae");
    assert_non_null(file);
    assert_true(fputs("#END\n", file) >= 0 && fflush(file) == 0);
    WAIT_UNTIL(status_of("/late") == 200);
    assert_int_equal(fclose(file), 0);
    free(text);
    free(path);
}

static void a_bad_file_changes_nothing_and_says_where(void **state)
{
    json_int_t start = revision();
    json_t *part;
    json_t *first;
    char *said = NULL;
    const char *const arguments[] = {running->program, "status", "-p", running->directory, NULL};

    (void)state;
    replace_with(
        ", {id: good, uri: /good, upstream_id: 1},\n  {id: bad, uri: /bad, upstream_id: 2}",
        "consumers: [{username: jack, plugins: {key-auth: {}}}]");
    WAIT_UNTIL(state_is("refused"));
    assert_int_equal(revision(), start);
    assert_int_equal(status_of("/good"), 404);
    assert_int_equal(status_of("/steady"), 200);
    part = standalone();
    assert_int_equal(json_integer_value(json_object_get(part, "error_count")), 2);
    first = json_array_get(json_object_get(part, "errors"), 0);
    assert_string_equal(json_string_value(json_object_get(first, "pointer")),
                        "/routes/2/upstream_id");
    assert_int_equal(json_integer_value(json_object_get(first, "line")), 3);
    assert_int_equal(json_integer_value(json_object_get(first, "column")), 37);
    json_decref(part);
    gateway_wait_log(running, "logs/control.log", "conf/apisix.yaml:3:37: /routes/2/upstream_id: ");
    gateway_wait_log(running, "logs/control.log", "conf/apisix.yaml:4:");
    assert_int_equal(command_run(&(command){.arguments = arguments}, &said), 0);
    assert_non_null(strstr(said, "/routes/2/upstream_id"));
    free(said);
    replace_with(", {id: good, uri: /good, upstream_id: 1}", "");
    WAIT_UNTIL(status_of("/good") == 200);
    assert_true(state_is("in force"));
    part = standalone();
    assert_null(json_object_get(part, "errors"));
    json_decref(part);
}

/* --- what survives --- */

static void what_was_good_last_survives_everything(void **state)
{
    pid_t control = gateway_control(running);
    json_int_t good;

    (void)state;
    replace_with(", {id: kept, uri: /kept, upstream_id: 1}", "");
    WAIT_UNTIL(status_of("/kept") == 200);
    good = revision();
    replace(YAML, "routes: 5\n#END\n");
    WAIT_UNTIL(state_is("refused"));
    assert_int_equal(kill(control, SIGKILL), 0);
    WAIT_UNTIL(gateway_control(running) > 0 && gateway_control(running) != control &&
               state_is("refused"));
    assert_int_equal(revision(), good);
    assert_int_equal(gateway_stop(running, SIGTERM), 0);
    gateway_start(running);
    WAIT_UNTIL(state_is("refused"));
    assert_int_equal(status_of("/kept"), 200);
    gateway_kill(running);
    shell("rm '%s/conf/apisix.yaml'", running->directory);
    gateway_start(running);
    WAIT_UNTIL(state_is("missing"));
    assert_int_equal(status_of("/kept"), 200);
    assert_int_equal(revision(), good);
    replace_with(", {id: next, uri: /next, upstream_id: 1}", "");
    WAIT_UNTIL(status_of("/next") == 200);
    assert_int_equal(status_of("/kept"), 404);
}

/* --- plugins --- */

static json_int_t generation(void)
{
    json_t *status = gateway_status(running);
    json_int_t number = json_integer_value(json_object_get(status, "generation"));

    json_decref(status);
    return number;
}

static bool is_loaded(const char *name)
{
    json_t *status = gateway_status(running);
    const json_t *plugin = item_of(status, "plugins", name);
    bool is = plugin != NULL && strcmp(text_of(plugin, "state"), "loaded") == 0;

    json_decref(status);
    return is;
}

#define MARKED ", {id: m, uri: /m, upstream_id: 1, plugins: {mark: {text: here}}}"

static void plugins_and_what_needs_them_come_and_go_in_one_file(void **state)
{
    load_plan plan = {.port = running->port, .target = "/steady", .connections = 4};
    load *background = load_start(&plan);
    load_result result;
    json_int_t before;

    (void)state;
    replace_with("", "plugins: [{name: key-auth}, {name: mqtt-proxy, stream: true}]");
    WAIT_UNTIL(state_is("in force") && strcmp(mark_of("/steady"), "") == 0);
    /* The list is narrower, and the route needs what it leaves out. */
    replace_with(MARKED, "plugins: [{name: key-auth}]");
    WAIT_UNTIL(state_is("refused"));
    assert_int_equal(status_of("/m"), 404);
    /* Both at once. */
    replace_with(MARKED, "plugins: [{name: key-auth}, {name: mark}]");
    WAIT_UNTIL(strcmp(mark_of("/m"), "here") == 0);
    WAIT_UNTIL(state_is("in force"));
    /* Neither plugins nor objects change if one of the two is bad. */
    replace_with(", {id: m, uri: /m, upstream_id: 1, plugins: {limit-count: {}}}",
                 "plugins: [key-auth, limit-count]");
    WAIT_UNTIL(state_is("refused"));
    assert_string_equal(mark_of("/m"), "here");
    WAIT_UNTIL(!is_loaded("limit-count")); /* what was loaded for that file goes, too */
    before = generation();
    /* Another order is no change; a reload from elsewhere keeps the list. */
    replace_with(MARKED, "plugins: [mark, key-auth]");
    WAIT_UNTIL(state_is("in force"));
    json_decref(gateway_reload(running));
    assert_string_equal(mark_of("/m"), "here");
    assert_true(generation() - before <= 1);
    replace_with("", "plugins: [key-auth]");
    WAIT_UNTIL(status_of("/m") == 404);
    WAIT_UNTIL(state_is("in force"));
    /* Without a list config.yaml decides: all that are there. */
    replace_with(MARKED, "");
    WAIT_UNTIL(strcmp(mark_of("/m"), "here") == 0);
    load_wait(background, 100);
    result = load_stop(background);
    if (result.failures != 0) {
        fail_msg("%zu requests failed: %s", result.failures, result.first);
    }
}

/* The list of config.yaml switches off, as it does for what is written at the Admin API. */
static void what_the_configuration_leaves_out_is_ignored_with_a_warning(void **state)
{
    (void)state;
    assert_int_equal(gateway_stop(running, SIGTERM), 0);
    running->options.settings = "plugins: [key-auth]";
    gateway_configure(running);
    gateway_start(running);
    replace_with(MARKED, "");
    WAIT_UNTIL(status_of("/m") == 200);
    assert_string_equal(mark_of("/m"), "");
    gateway_wait_log(running, "logs/control.log",
                     "conf/apisix.yaml:2:103: /routes/1/plugins/mark: ");
    replace_with(MARKED, "plugins: [key-auth]");
    WAIT_UNTIL(state_is("refused"));
    running->options.settings = NULL;
    gateway_configure(running);
    replace_with(MARKED, "plugins: [key-auth, mark]");
    WAIT_UNTIL(strcmp(mark_of("/m"), "here") == 0);
}

/* Whatever step control is killed in: a route is there with its plugin, or it is not there. */
static void a_kill_at_any_step_leaves_no_route_without_its_plugin(void **state)
{
    load_plan plan = {.port = running->port, .target = "/steady", .connections = 2};
    load *background = load_start(&plan);
    load_result result;
    unsigned kills = scale_is_full() ? KILLS_FULL : KILLS;

    (void)state;
    for (unsigned i = 0; i < kills; i++) {
        pid_t control = gateway_control(running);

        if (i % 2 == 0) {
            replace_with(MARKED, "plugins: [key-auth, mark]");
        } else {
            replace_with("", "plugins: [key-auth]");
        }
        (void)poll(NULL, 0, (int)(i * 97 % 40)); /* while a file is being applied */
        if (control > 0) {
            assert_int_equal(kill(control, SIGKILL), 0);
        }
        for (unsigned k = 0; k < LOOKS; k++) {
            assert_true(status_of("/m") == 404 || strcmp(mark_of("/m"), "here") == 0 ||
                        status_of("/m") == 404);
        }
        WAIT_UNTIL(gateway_control(running) > 0 && gateway_control(running) != control);
    }
    replace_with(MARKED, "plugins: [key-auth, mark]");
    WAIT_UNTIL(strcmp(mark_of("/m"), "here") == 0);
    WAIT_UNTIL(state_is("in force"));
    result = load_stop(background);
    if (result.failures != 0) {
        fail_msg("%zu requests failed: %s", result.failures, result.first);
    }
}

static void a_file_that_waits_for_a_plugin_is_taken_after_the_reload(void **state)
{
    (void)state;
    replace_with(", {id: t, uri: /t, upstream_id: 1, plugins: {trace: {tag: t}}}", "");
    WAIT_UNTIL(state_is("refused"));
    author_install(running, "trace", "trace", "");
    json_decref(gateway_reload(running));
    WAIT_UNTIL(status_of("/t") == 200);
    assert_true(state_is("in force"));
}

/* --- the other doors --- */

static void objects_can_be_read_and_not_written(void **state)
{
    static const struct {
        const char *method;
        const char *path;
        const char *body;
        long status;
    } cases[] = {
        {"GET", "routes/steady", NULL, 200},
        {"GET", "routes", NULL, 200},
        {"PUT", "routes/steady", "{\"uri\": \"/x\"}", 405},
        {"POST", "routes", "{\"uri\": \"/x\"}", 405},
        {"PATCH", "routes/steady", "{\"uri\": \"/x\"}", 405},
        {"DELETE", "routes/steady", NULL, 405},
        {"POST", "store/import", "{}", 405},
        {"POST", "store/import?dry_run=true", "{}", 200},
        {"POST", "configs/validate", "{\"routes\": []}", 200},
        {"PUT", "plugins/reload", NULL, 200},
        {"DELETE", "nothing/1", NULL, 404},
    };
    response got = {0};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        admin_reply reply = gateway_admin(running, cases[i].method, cases[i].path, cases[i].body);

        if (reply.status != cases[i].status ||
            (reply.status == 405 &&
             strstr(reply.text, "read only: it comes from conf/apisix.yaml") == NULL)) {
            fail_msg("%s %s: %ld %s", cases[i].method, cases[i].path, reply.status, reply.text);
        }
        admin_reply_done(&reply);
    }
    http_get(running->control_port, "/v1/standalone", "", &got);
    assert_int_equal(got.status, 200);
    assert_non_null(strstr(got.body, "\"in force\""));
    http_get(running->control_port, "/v1/routes", "", &got);
    assert_non_null(strstr(got.body, "/steady"));
    response_done(&got);
}

/* There is no Admin API unless it is asked for, and nobody needs a key. */
static void the_admin_api_is_there_if_it_is_asked_for(void **state)
{
    connection none = {.fd = -1, .timeout_ms = 1000};
    admin_reply reply;

    (void)state;
    assert_false(connection_open(&none, running->admin_port));
    connection_close(&none);
    assert_int_equal(gateway_stop(running, SIGTERM), 0);
    running->options.apisix = "enable_admin: true";
    running->options.by_socket = false;
    gateway_configure(running);
    gateway_start(running);
    WAIT_UNTIL(state_is("in force"));
    reply = gateway_admin(running, "PUT", "routes/1", "{\"uri\": \"/x\"}");
    assert_int_equal(reply.status, 405);
    admin_reply_done(&reply);
    json_decref(object_of("routes/steady"));
}

/* --- other forms --- */

static void json_and_the_form_of_release_2_15_are_understood(void **state)
{
    char *text = text_format("{\"routes\": [{\"uri\": \"/json\", \"upstream\":\n"
                             "{\"nodes\": {\"127.0.0.1:%u\": 1}}}]}",
                             origin_port(upstream));

    (void)state;
    assert_int_equal(gateway_stop(running, SIGTERM), 0);
    running->options.deployment = "role: data_plane\n  role_data_plane: {config_provider: json}";
    gateway_configure(running);
    replace("conf/apisix.json", text);
    gateway_start(running);
    WAIT_UNTIL(status_of("/json") == 200);
    json_decref(object_of("routes/arr_1"));
    replace("conf/apisix.json", "{\"routes\": [\n  {\"uri\": 5}]}");
    gateway_wait_log(running, "logs/control.log", "conf/apisix.json:2:11: /routes/0/uri: ");
    assert_int_equal(gateway_stop(running, SIGTERM), 0);
    running->options.deployment = NULL;
    running->options.apisix = "enable_admin: false\n  config_center: yaml";
    gateway_configure(running);
    gateway_start(running);
    WAIT_UNTIL(status_of("/steady") == 200 && status_of("/json") == 404);
    free(text);
}

/* What was written at the Admin API is there again when the file is not the source any more. */
static void the_store_of_the_admin_api_is_left_alone(void **state)
{
    pid_t control;

    (void)state;
    assert_int_equal(gateway_stop(running, SIGTERM), 0);
    running->options.deployment = NULL;
    gateway_configure(running);
    gateway_start(running);
    gateway_put(running, "routes/own",
                "{\"uri\": \"/own\", \"upstream\": {\"nodes\":"
                " {\"127.0.0.1:%u\": 1}}}",
                origin_port(upstream));
    assert_int_equal(status_of("/own"), 200);
    assert_int_equal(status_of("/steady"), 404);
    assert_int_equal(gateway_stop(running, SIGTERM), 0);
    running->options.deployment = DATA_PLANE;
    gateway_configure(running);
    gateway_start(running);
    WAIT_UNTIL(status_of("/steady") == 200);
    assert_int_equal(status_of("/own"), 404);
    /* A change of that needs a start: what serves goes on. */
    running->options.deployment = NULL;
    gateway_configure(running);
    control = gateway_control(running);
    assert_int_equal(kill(running->pid, SIGHUP), 0);
    gateway_wait_log(running, "logs/control.log", "(deployment.role): counts at the next start");
    WAIT_UNTIL(gateway_control(running) > 0 && gateway_control(running) != control &&
               state_is("in force"));
    assert_int_equal(status_of("/steady"), 200);
    assert_int_equal(gateway_stop(running, SIGTERM), 0);
    gateway_start(running);
    assert_int_equal(status_of("/own"), 200);
    assert_int_equal(status_of("/steady"), 404);
}

/* --- many --- */

static char *many_text(unsigned changed)
{
    char *routes = NULL;
    size_t length = 0;
    FILE *out = open_memstream(&routes, &length);
    char *text;

    assert_non_null(out);
    for (unsigned i = 0; i < MANY; i++) {
        (void)fprintf(out,
                      ",\n  {id: r%u, uri: /many/%u%s, upstream_id: 1, plugins: {mark: "
                      "{text: \"%u\"}}}",
                      i, i, i == changed ? "/new" : "", i);
    }
    (void)fclose(out);
    text = file_text(routes, "");
    free(routes);
    return text;
}

static void many_routes_are_one_change(void **state)
{
    char *text = many_text(MANY);
    json_int_t start = revision();
    int64_t began_ms = clock_ms();

    (void)state;
    replace(YAML, text);
    free(text);
    WAIT_UNTIL(status_of("/many/9999") == 200);
    assert_int_equal(revision(), start + MANY);
    print_message("%u routes in force after %lld ms\n", MANY, (long long)(clock_ms() - began_ms));
    assert_true(clock_ms() - began_ms < QUICK_MS);
    text = many_text(5000);
    began_ms = clock_ms();
    replace(YAML, text);
    free(text);
    WAIT_UNTIL(status_of("/many/5000/new") == 200);
    assert_int_equal(revision(), start + MANY + 1);
    print_message("one of them changed after %lld ms\n", (long long)(clock_ms() - began_ms));
    assert_string_equal(mark_of("/many/4999"), "4999");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_first_start_needs_a_file_that_is_whole_and_good, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(every_way_to_change_it_is_seen_and_no_request_fails,
                                        set_up_running, tear_down),
        cmocka_unit_test_setup_teardown(what_stays_the_same_keeps_its_revision, set_up_running,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_half_written_file_is_waited_for, set_up_running,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_bad_file_changes_nothing_and_says_where, set_up_running,
                                        tear_down),
        cmocka_unit_test_setup_teardown(what_was_good_last_survives_everything, set_up_running,
                                        tear_down),
        cmocka_unit_test_setup_teardown(plugins_and_what_needs_them_come_and_go_in_one_file,
                                        set_up_running, tear_down),
        cmocka_unit_test_setup_teardown(what_the_configuration_leaves_out_is_ignored_with_a_warning,
                                        set_up_running, tear_down),
        cmocka_unit_test_setup_teardown(a_kill_at_any_step_leaves_no_route_without_its_plugin,
                                        set_up_running, tear_down),
        cmocka_unit_test_setup_teardown(a_file_that_waits_for_a_plugin_is_taken_after_the_reload,
                                        set_up_running, tear_down),
        cmocka_unit_test_setup_teardown(objects_can_be_read_and_not_written, set_up_running,
                                        tear_down),
        cmocka_unit_test_setup_teardown(the_admin_api_is_there_if_it_is_asked_for, set_up_running,
                                        tear_down),
        cmocka_unit_test_setup_teardown(json_and_the_form_of_release_2_15_are_understood,
                                        set_up_running, tear_down),
        cmocka_unit_test_setup_teardown(the_store_of_the_admin_api_is_left_alone, set_up_running,
                                        tear_down),
        cmocka_unit_test_setup_teardown(many_routes_are_one_change, set_up_running, tear_down),
    };

    return report(cmocka_run_group_tests(tests, NULL, NULL));
}
