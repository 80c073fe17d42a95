/* tests/integration/test_reload_alternating.c - two versions take turns, thousands of times, under
 * requests of all kinds: each sees one version alone, none is lost, and none is counted wrong.
 *
 * A plugin that acts in every phase stands on the routes and in a global rule. Meanwhile bodies
 * stream in both directions and requests wait, some of them for longer than many reloads. */
#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "host/core/arena.h"
#include "tests/integration/author.h"
#include "tests/integration/command.h"
#include "tests/integration/figures.h"
#include "tests/integration/gateway.h"
#include "tests/integration/holding.h"
#include "tests/integration/load.h"
#include "tests/integration/origin.h"
#include "tests/unit/unit.h"

#define WORKERS        4u
#define RELOADS_CI     60u
#define RELOADS_FULL   2000u
#define SETTLED_CI     20u /* from this reload on memory may not grow */
#define SETTLED_FULL   200u
#define SLOPE_MAX_CI   4.0 /* KiB a reload: over 40 reloads, buffers of single requests count */
#define SLOPE_MAX_FULL 0.1
#define VERSIONS       2u
#define STREAM_BYTES   "2000000"
#define UPLOAD_BYTES   (256u << 10)
#define LAYOUT         "phases/1"
#define LAYOUT_NEXT    "phases/2"

/* What is asked for meanwhile. */
static const load_plan kinds[] = {
    {.target = "/short?delay=1", .connections = 4, .pause_us = 4000},
    {.target = "/short?slow=10&bytes=" STREAM_BYTES, .connections = 2, .pause_us = 20000},
    {.target = "/short", .connections = 2, .pause_us = 10000, .upload_bytes = UPLOAD_BYTES},
    {.target = "/long", .connections = 2, .pause_us = 1000},    /* some reloads long */
    {.target = "/longest", .connections = 1, .pause_us = 1000}, /* and many of them */
};

static gateway *running;
static origin *upstream;
static connection pinned[GATEWAY_WORKERS_MAX];
static pid_t workers[GATEWAY_WORKERS_MAX];
static char *objects[VERSIONS + 1]; /* and one whose table has another layout */
static response got;
static hgh_arena *arena;
static size_t sent; /* requests that were answered, since the global rule is there */
static double private_dirty_kib[WORKERS][RELOADS_FULL];
static int64_t duration_ms[RELOADS_FULL];

static unsigned reloads(void)
{
    return scale_is_full() ? RELOADS_FULL : RELOADS_CI;
}

static unsigned settled(void)
{
    return scale_is_full() ? SETTLED_FULL : SETTLED_CI;
}

/* ---------------------------------------------------------------------------- shared memory */

/* The one that the supervisor has made for its workers. */
static hgh_arena *arena_of(pid_t supervisor)
{
    hgh_arena *found = NULL;
    char *path = text_format("/proc/%d/fd", (int)supervisor);
    DIR *all = opendir(path);
    const struct dirent *entry;
    hg_error err = HG_ERROR_INIT;

    assert_non_null(all);
    while (found == NULL && (entry = readdir(all)) != NULL) {
        char target[256] = "";

        if (readlinkat(dirfd(all), entry->d_name, target, sizeof(target) - 1) > 0 &&
            strstr(target, "memfd:hotgate-arena") != NULL) {
            int fd = openat(dirfd(all), entry->d_name, O_RDWR | O_CLOEXEC);

            if (hgh_arena_map(fd, true, &found, &err) != HG_OK) {
                fail_msg("%s", err.text);
            }
            (void)close(fd);
        }
    }
    (void)closedir(all);
    free(path);
    assert_non_null(found);
    return found;
}

/* A number of a table that is there already; 0: it was never set. */
static int64_t number(const char *name, const char *layout, const char *key)
{
    hgh_table *table = NULL;
    int64_t value = 0;
    hg_error err = HG_ERROR_INIT;

    if (hgh_arena_open_table(arena, name, layout, 1, 0, &table, NULL, &err) != HG_OK) {
        fail_msg("%s", err.text);
    }
    (void)hgh_table_get(table, hg_text_of(key), 0, &value, NULL);
    return value;
}

static int64_t counted(const char *key)
{
    return number("dict/phases/counts", LAYOUT, key);
}

static int64_t metric(void)
{
    return number("metric/phases/requests", "counter", "");
}

/* ----------------------------------------------------------------------------------- steps */

static void first_request_runs(unsigned version)
{
    char wanted[16];

    (void)snprintf(wanted, sizeof(wanted), "%u", version);
    for (size_t i = 0; i < WORKERS; i++) {
        const char *phases;

        connection_request(&pinned[i], "GET", "/short", "", NULL, &got);
        sent++;
        phases = response_header(&got, "X-Phases");
        if (got.status != 200 || phases == NULL || strcmp(phases, wanted) != 0) {
            fail_msg("worker %d runs version %s after reload %s: status %d", (int)workers[i],
                     phases == NULL ? "none" : phases, wanted, got.status);
        }
    }
}

static void reload_to(unsigned index)
{
    json_t *told;

    author_copy(running, objects[index], "phases");
    told = gateway_reload(running);
    assert_string_equal(json_string_value(json_object_get(told, "result")), "committed");
    json_decref(told);
}

static void route_put(const char *name, const char *pause)
{
    char *key = text_format("routes/%s", name);

    gateway_put(running, key,
                "{\"uri\": \"/%s\", \"plugins\": {\"phases\": {\"pause\": \"%s\"}},"
                " \"upstream\": {\"nodes\": {\"127.0.0.1:%u\": 1}}}",
                name, pause, origin_port(upstream));
    free(key);
}

static bool all_is_counted(void)
{
    return counted("route") == (int64_t)sent && counted("global") == (int64_t)sent;
}

static bool one_object_is_left(void)
{
    for (size_t i = 0; i < WORKERS; i++) {
        if (hold(workers[i], "phases").objects != 1) {
            return false;
        }
    }
    return true;
}

/* ------------------------------------------------------------------------------------ tests */

static void versions_take_turns_and_no_request_sees_two(void **state)
{
    load *loads[ARRAY_SIZE(kinds)];
    size_t failures = 0;

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
        load_plan plan = kinds[i];

        plan.port = running->port;
        loads[i] = load_start(&plan);
    }
    for (unsigned i = 0; i < reloads(); i++) {
        int64_t begin_ms = clock_ms();

        reload_to((i + 1) % VERSIONS);
        duration_ms[i] = clock_ms() - begin_ms;
        first_request_runs((i + 1) % VERSIONS + 1);
        for (size_t k = 0; k < WORKERS; k++) {
            private_dirty_kib[k][i] = private_dirty_kib_of(workers[k]);
        }
    }
    for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
        load_result result = load_stop(loads[i]);

        print_message("%s: %zu requests, %zu failed%s%s\n", kinds[i].target, result.requests,
                      result.failures, result.failures > 0 ? ": " : "", result.first);
        sent += result.requests;
        failures += result.failures;
        assert_true(result.requests > 0);
    }
    durations_print("object copied, reload answered", duration_ms, reloads());
    assert_int_equal(failures, 0);
    assert_int_equal(counted("mixed"), 0);
    assert_int_equal(counted("missing"), 0);
}

static void every_request_is_counted_once(void **state)
{
    (void)state;
    WAIT_UNTIL(gateway_sum(running, "requests_live") == 0); /* log phases are over, too */
    print_message("%zu requests sent, counted: %lld on routes, %lld in the global rule, %lld by "
                  "version 1, %lld by version 2, %lld in the metric\n",
                  sent, (long long)counted("route"), (long long)counted("global"),
                  (long long)counted("version 1"), (long long)counted("version 2"),
                  (long long)metric());
    assert_true(all_is_counted());
    assert_int_equal(metric(), 2 * (int64_t)sent); /* on the route and in the global rule */
    assert_true(counted("version 1") > (int64_t)reloads());
    assert_true(counted("version 2") > (int64_t)reloads());
    assert_int_equal(counted("version 1") + counted("version 2"), 2 * (int64_t)sent);
}

static void memory_is_flat_and_no_old_object_is_mapped(void **state)
{
    double growth[WORKERS];
    json_t *status;
    json_int_t plugins;

    (void)state;
    for (size_t i = 0; i < WORKERS; i++) {
        double at_end = private_dirty_kib[i][reloads() - 1];

        growth[i] = slope_but_one_step(private_dirty_kib[i], settled(), reloads());
        print_message("worker %d: Private_Dirty %.0f KiB at reload %u, %.0f at the end, slope but "
                      "for one step %+.3f KiB a reload\n",
                      (int)workers[i], private_dirty_kib[i][settled()], settled(), at_end,
                      growth[i]);
    }
    for (size_t i = 0; i < WORKERS; i++) {
        assert_true(growth[i] <= (scale_is_full() ? SLOPE_MAX_FULL : SLOPE_MAX_CI));
    }
    WAIT_UNTIL(one_object_is_left());
    status = gateway_status(running);
    plugins = (json_int_t)json_array_size(json_object_get(status, "plugins"));
    json_decref(status);
    WAIT_UNTIL(gateway_sum(running, "objects_mapped") == plugins * (json_int_t)WORKERS);
    assert_int_equal(gateway_sum(running, "objects_pinned"), 0);
    assert_int_equal(gateway_sum(running, "requests_old"), 0);
    assert_int_equal(gateway_sum(running, "apply_failures"), 0);
}

static void another_layout_starts_empty_and_says_so(void **state)
{
    const char *line = "plugin phases: hg_dict \"counts\" has a new layout, \"" LAYOUT_NEXT
                       "\", and starts empty: what layout \"" LAYOUT "\" holds stays there";
    size_t before;
    char *log;
    const char *told;

    (void)state;
    before = sent;
    reload_to(VERSIONS);
    first_request_runs(3);
    WAIT_UNTIL(number("dict/phases/counts", LAYOUT_NEXT, "route") == (int64_t)(sent - before));
    assert_int_equal(counted("route"), before);
    log = gateway_log(running, "logs/error.log");
    told = strstr(log, line);
    assert_non_null(told);
    assert_null(strstr(told + 1, line)); /* by one worker, for all of them */
    free(log);

    reload_to(0); /* the way back goes on with what was there */
    sent = before;
    first_request_runs(1);
    WAIT_UNTIL(all_is_counted());
}

/* ------------------------------------------------------------------------------------- main */

static int begin(void **state)
{
    (void)state;
    upstream = origin_start();
    objects[0] = author_build("phases", "phases", "-DVERSION=1");
    objects[1] = author_build("phases", "phases", "-DVERSION=2");
    objects[2] = author_build("phases", "phases", "-DVERSION=3 -DLAYOUT='\"" LAYOUT_NEXT "\"'");
    running = gateway_make(&(gateway_options){
        .workers = WORKERS,
        .environment = "MALLOC_PERTURB_=0",
    });
    author_install(running, "worker", "worker", "");
    author_copy(running, objects[0], "phases");
    gateway_start(running);
    arena = arena_of(running->pid);
    gateway_put(running, "routes/pin",
                "{\"uri\": \"/pin\", \"plugins\": {\"worker\": {}},"
                " \"upstream\": {\"nodes\": {\"127.0.0.1:%u\": 1}}}",
                origin_port(upstream));
    assert_int_equal(gateway_pin(running, "/pin", pinned, workers), WORKERS);
    route_put("short", "1ms");
    route_put("long", "300ms"); /* in each of three phases */
    route_put("longest", "3s");
    gateway_put(running, "global_rules/phases",
                "{\"plugins\": {\"phases\": {\"as\": \"global\"}}}");
    first_request_runs(1);
    return 0;
}

static int end(void **state)
{
    (void)state;
    for (size_t i = 0; i < WORKERS; i++) {
        connection_close(&pinned[i]);
    }
    response_done(&got);
    hgh_arena_close(arena);
    gateway_free(running);
    origin_stop(upstream);
    for (size_t i = 0; i < ARRAY_SIZE(objects); i++) {
        free(objects[i]);
    }
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(versions_take_turns_and_no_request_sees_two),
        cmocka_unit_test(every_request_is_counted_once),
        cmocka_unit_test(memory_is_flat_and_no_old_object_is_mapped),
        cmocka_unit_test(another_layout_starts_empty_and_says_so),
    };

    return report(cmocka_run_group_tests(tests, begin, end));
}
