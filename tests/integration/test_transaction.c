/* tests/integration/test_transaction.c - what a reload can be asked for beside all that is new, and
 * what is told of it later. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/integration/author.h"
#include "tests/integration/command.h"
#include "tests/integration/gateway.h"
#include "tests/integration/origin.h"
#include "tests/integration/told.h"
#include "tests/unit/unit.h"

static gateway *running;
static origin *upstream;
static char *first; /* objects of "target": 1, 2, and one that fails in its init */
static char *second;
static char *failing;
static char *other; /* objects of "trace": 1.0.0 and 2.0.0 */
static char *other_second;
static response got;

/* ----------------------------------------------------------------------------------- tools */

/* PUT plugins/reload; the report is the caller's. */
static json_t *reload(const char *arguments, long status)
{
    char *path = text_format("plugins/reload%s", arguments);
    admin_reply reply = gateway_admin(running, "PUT", path, NULL);
    json_t *report = json_incref(reply.json);

    if (reply.status != status) {
        fail_msg("reload%s: %ld %s", arguments, reply.status, reply.text);
    }
    admin_reply_done(&reply);
    free(path);
    return report;
}

static void
reload_is(const char *arguments, const char *result, const char *name, const char *state)
{
    json_t *report = reload(arguments, strcmp(result, "refused") == 0 ? 409 : 200);

    assert_string_equal(text_of(report, "result"), result);
    assert_string_equal(text_of(item_of(report, "plugins", name), "state"), state);
    json_decref(report);
}

static void serves(const char *target, const char *trace)
{
    const char *header;

    http_get(running->port, "/both", "", &got);
    header = response_header(&got, "X-Target");
    assert_string_equal(header == NULL ? "none" : header, target);
    header = response_header(&got, "X-Trace");
    if (strstr(header == NULL ? "none" : header, trace) == NULL) {
        fail_msg("X-Trace: found %s, wanted %s", header, trace);
    }
}

static json_int_t generation_now(void)
{
    json_t *status = gateway_status(running);
    json_int_t number = json_integer_value(json_object_get(status, "generation"));

    json_decref(status);
    return number;
}

static size_t staged(void)
{
    char *out = NULL;
    char *script = text_format("ls '%s/staging' | grep -c '^target\\.'", running->directory);
    size_t count;

    (void)command_run(&(command){.arguments = (const char *const[]){"sh", "-c", script, NULL}},
                      &out);
    count = (size_t)atoi(out);
    free(script);
    free(out);
    return count;
}

/* ------------------------------------------------------------------------------------ tests */

static void dry_run_says_all_and_does_nothing(void **state)
{
    json_int_t before = generation_now();
    size_t copies = staged();
    const json_t *item;
    json_t *report;
    admin_reply history;

    (void)state;
    author_copy(running, second, "target");
    report = reload("?dry_run=true", 200);
    assert_string_equal(text_of(report, "result"), "would be committed");
    assert_true(json_is_true(json_object_get(report, "dry_run")));
    item = item_of(report, "plugins", "target");
    assert_string_equal(text_of(item, "state"), "replaced");
    assert_string_equal(text_of(item, "version"), "2");
    assert_string_equal(text_of(item, "previous_version"), "1");
    assert_int_equal(json_array_size(json_object_get(item, "schema_changes")), 1);
    item = json_array_get(json_object_get(item, "schema_changes"), 0);
    assert_string_equal(text_of(item, "pointer"), "/schema/properties/number/maximum");
    assert_string_equal(text_of(item, "change"), "changed");
    assert_int_equal(json_integer_value(json_object_get(item, "from")), 100);
    assert_int_equal(json_integer_value(json_object_get(item, "to")), 200);
    json_decref(report);
    assert_int_equal(generation_now(), before);
    assert_int_equal(staged(), copies);
    serves("1", "1.0.0");

    /* What it would refuse is news to the reload that follows. */
    author_copy(running, failing, "target");
    reload_is("?dry_run=true", "refused", "target", "rejected");
    reload_is("", "refused", "target", "rejected");
    reload_is("", "unchanged", "target", "still rejected");
    reload_is("?dry_run=true", "unchanged", "target", "still rejected");
    history = gateway_admin(running, "GET", "plugins/history?limit=1", NULL);
    assert_string_equal(
        text_of(json_array_get(json_object_get(history.json, "events"), 0), "result"), "unchanged");
    admin_reply_done(&history);
    author_copy(running, first, "target");
    reload_is("", "unchanged", "target", "unchanged");
}

static void one_plugin_is_reloaded_and_the_others_stay(void **state)
{
    json_t *report;

    (void)state;
    author_copy(running, second, "target");
    author_copy(running, other_second, "trace");
    report = reload("?plugin=trace", 200);
    assert_string_equal(text_of(item_of(report, "plugins", "trace"), "state"), "replaced");
    assert_null(item_of(report, "plugins", "target"));
    json_decref(report);
    serves("1", "2.0.0");
    author_copy(running, failing, "target");
    reload_is("?plugin=trace&force=true", "committed", "trace", "replaced"); /* it alone counts */
    report = reload("?plugin=nobody", 409);
    assert_non_null(strstr(text_of(report, "error_msg"), "plugin nobody: there is no file of it"));
    json_decref(report);
    author_copy(running, second, "target");
    reload_is("", "committed", "target", "replaced");
    serves("2", "2.0.0");
}

static void way_back_brings_a_whole_generation(void **state)
{
    json_int_t both_first;
    json_t *report;
    json_t *status;
    char *arguments;

    (void)state;
    author_copy(running, first, "target");
    author_copy(running, other, "trace");
    json_decref(reload("?force=true", 200));
    both_first = generation_now();
    serves("1", "1.0.0");
    author_copy(running, second, "target");
    reload_is("", "committed", "target", "replaced");
    author_copy(running, other_second, "trace");
    reload_is("", "committed", "trace", "replaced");
    serves("2", "2.0.0");

    report = reload("?rollback=true&dry_run=true", 200);
    assert_string_equal(text_of(item_of(report, "plugins", "trace"), "state"), "restored");
    json_decref(report);
    serves("2", "2.0.0");
    reload_is("?rollback=true", "committed", "trace", "restored");
    serves("2", "1.0.0");
    reload_is("", "unchanged", "trace", "quarantined"); /* what lies there does not come back */
    serves("2", "1.0.0");

    arguments = text_format("?rollback=%lld", (long long)both_first);
    reload_is(arguments, "committed", "target", "restored");
    free(arguments);
    serves("1", "1.0.0");
    status = gateway_status(running);
    assert_int_equal(json_array_size(json_object_get(status, "quarantine")), 2);
    assert_int_equal(json_array_size(json_object_get(status, "kept_generations")), 5);
    json_decref(status);
    reload_is("?force=true&plugin=target", "committed", "target", "replaced");
    serves("2", "1.0.0");
    status = gateway_status(running);
    assert_int_equal(json_array_size(json_object_get(status, "quarantine")), 1);
    json_decref(status);
}

static void what_came_with_a_generation_goes_with_it(void **state)
{
    char *extra = author_build("trace", "extra", "");
    char *path = text_format("%s/plugins/extra.so", running->directory);

    (void)state;
    author_copy(running, extra, "extra");
    reload_is("", "committed", "extra", "loaded");
    reload_is("?rollback=true", "committed", "extra", "removed");
    reload_is("", "unchanged", "extra", "quarantined");
    shell("rm '%s'", path);
    free(path);
    free(extra);
}

static void ways_that_lead_nowhere_are_refused(void **state)
{
    static const struct {
        const char *arguments;
        long status;
        const char *text;
    } rows[] = {
        {"?rollback=999999", 409, "generation 999999 is not kept: wanted one of "},
        {"?rollback=0", 400, "invalid argument rollback: found \"0\", wanted true, or the number"},
        {"?rollback=-1", 400, "invalid argument rollback"},
        {"?rollback=1x", 400, "invalid argument rollback"},
        {"?rollback=true&force=true", 400, "a whole generation comes back"},
        {"?rollback=true&plugin=trace", 400, "a whole generation comes back"},
        {"?force=yes", 400, "invalid argument force: found \"yes\", wanted true or false"},
        {"?dry_run=", 400, "invalid argument dry_run"},
        {"?plugin=", 400, "invalid argument plugin"},
        {"?forse=true", 400, "wanted one of force, dry_run, plugin and rollback as its name"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        json_t *report = reload(rows[i].arguments, rows[i].status);

        if (strstr(text_of(report, "error_msg"), rows[i].text) == NULL) {
            fail_msg("%s: found %s, wanted %s", rows[i].arguments, text_of(report, "error_msg"),
                     rows[i].text);
        }
        json_decref(report);
    }
    serves("2", "1.0.0");
}

/* A staged copy that is gone, or is not what it was, is no way back; nothing is half applied. */
static void damaged_copy_is_no_way_back(void **state)
{
    json_t *report;
    char *staging = gateway_path(running, "staging");

    (void)state;
    author_copy(running, first, "target");
    reload_is("?force=true&plugin=target", "committed", "target", "replaced");
    shell("for f in '%s'/target.*.so; do cmp -s \"$f\" '%s' && "
          "chmod u+w \"$f\" && printf x >> \"$f\"; done; true",
          staging, second);
    report = reload("?rollback=true", 409);
    assert_non_null(strstr(text_of(report, "error_msg"), "is not what was staged"));
    json_decref(report);
    serves("1", "1.0.0");
    free(staging);
}

static void history_tells_who_did_what(void **state)
{
    admin_reply reply = gateway_admin(running, "GET", "plugins/history?limit=1000", NULL);
    json_t *events = json_object_get(reply.json, "events");
    bool has_rollback = false;
    bool has_refusal = false;
    bool has_start = false;
    size_t index;
    json_t *event;

    (void)state;
    json_array_foreach(events, index, event)
    {
        has_rollback |= strcmp(text_of(event, "event"), "rollback") == 0 &&
                        strcmp(text_of(event, "who"), "127.0.0.1") == 0;
        has_refusal |= strcmp(text_of(event, "result"), "refused") == 0 &&
                       strstr(text_of(event, "reason"), "licence") != NULL;
        has_start |= strcmp(text_of(event, "event"), "start") == 0;
        assert_true(json_integer_value(json_object_get(event, "at")) > 1700000000);
    }
    assert_true(has_rollback && has_refusal && has_start);
    admin_reply_done(&reply);
    reply = gateway_admin(running, "GET", "plugins/history?limit=0", NULL);
    assert_int_equal(reply.status, 400);
    admin_reply_done(&reply);
}

/* ------------------------------------------------------------------------------- the command */

static int run_hotgate(const char *arguments, char **out_text)
{
    char *script = text_format("'%s' %s 2>&1", running->program, arguments);
    int code = command_run(&(command){.arguments = (const char *const[]){"sh", "-c", script, NULL}},
                           out_text);

    free(script);
    return code;
}

static void command_does_all_of_it(void **state)
{
    static const struct {
        const char *what;
        int code;
        const char *text;
    } rows[] = {
        {"reload -p %s --dry-run", 0, "result: would be committed"},
        {"reload -p %s --plugin target", 0, "result: committed"},
        {"reload -p %s --rollback", 0, "result: committed"},
        {"reload -p %s --rollback 1", 1, "generation 1 is not kept"},
        {"reload -p %s --plugin target --force", 0, "result: committed"},
        {"status -p %s --history", 0, "by the instance's socket"},
        {"status -p %s --history 3", 0, "reload committed"},
        {"status -p %s", 0, "kept_generations"},
        {"reload -p %s --rollback x", 2, "wanted a generation"},
        {"reload -p %s --plugin 'a b'", 2, "wanted the name of a plugin"},
        {"reload -p %s --rollback --force", 2, "no --plugin and no --force"},
        {"reload -p %s everything", 2, "is too much"},
        {"status -p %s --history 0", 2, "wanted a number from 1 to 1000"},
        {"status -p %s all", 2, "is too much"},
    };

    (void)state;
    author_copy(running, second, "target");
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        const char *place = strstr(rows[i].what, "%s");
        char *arguments = text_format("%.*s'%s'%s", (int)(place - rows[i].what), rows[i].what,
                                      running->directory, place + 2);
        char *out = NULL;
        int code;

        if (i == 1 || i == 4) {
            json_decref(reload("?force=true&plugin=target&dry_run=true", 200));
        }
        code = run_hotgate(arguments, &out);
        if (code != rows[i].code || strstr(out, rows[i].text) == NULL) {
            fail_msg("%s: found %d, wanted %d with \"%s\" in:\n%s", rows[i].what, code,
                     rows[i].code, rows[i].text, out);
        }
        free(out);
        free(arguments);
    }
}

/* ------------------------------------------------------------------------------------- main */

static int begin(void **state)
{
    (void)state;
    upstream = origin_start();
    first = author_build("target", "target", "");
    second = author_build("target", "target", "-DTARGET_VERSION='\"2\"' -DNUMBER_MAX=200");
    failing = author_build("target", "target", "-DINIT_FAILS");
    other = author_build("trace", "trace", "");
    other_second = author_build("trace", "trace", "-DVERSION='\"2.0.0\"'");
    running = gateway_make(&(gateway_options){.workers = 2});
    author_copy(running, first, "target");
    author_copy(running, other, "trace");
    gateway_start(running);
    gateway_put(running, "routes/both",
                "{\"uri\": \"/both\", \"plugins\": {\"target\": {}, \"trace\": {\"tag\": \"a\"}},"
                " \"upstream\": {\"nodes\": {\"127.0.0.1:%u\": 1}}}",
                origin_port(upstream));
    return 0;
}

static int end(void **state)
{
    (void)state;
    gateway_free(running);
    origin_stop(upstream);
    free(first);
    free(second);
    free(failing);
    free(other);
    free(other_second);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(dry_run_says_all_and_does_nothing),
        cmocka_unit_test(one_plugin_is_reloaded_and_the_others_stay),
        cmocka_unit_test(way_back_brings_a_whole_generation),
        cmocka_unit_test(what_came_with_a_generation_goes_with_it),
        cmocka_unit_test(ways_that_lead_nowhere_are_refused),
        cmocka_unit_test(damaged_copy_is_no_way_back),
        cmocka_unit_test(command_does_all_of_it),
        cmocka_unit_test(history_tells_who_did_what),
    };

    return report(cmocka_run_group_tests(tests, begin, end));
}
