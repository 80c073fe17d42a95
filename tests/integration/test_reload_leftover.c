/* tests/integration/test_reload_leftover.c - an object of which a worker would still use something
 * stays in memory, with its reason; too many of them are refused until the workers are replaced. */
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/integration/author.h"
#include "tests/integration/command.h"
#include "tests/integration/gateway.h"
#include "tests/integration/target.h"
#include "tests/unit/unit.h"

#define PINNED_MAX 16u /* of one worker: host/control/reload_probe.c */

static gateway *running;
static unsigned version = 1;

static int set_up(void **state)
{
    (void)state;
    running = target_start(NULL);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    target_stop();
    return 0;
}

static void put_version(const char *flags)
{
    char *all = text_format("%s -DTARGET_VERSION='\"%u\"'", flags, ++version);

    author_install(running, "target", "target", all);
    free(all);
}

static void target_runs_version(void)
{
    char *text = text_format("%u", version);

    target_runs(text);
    free(text);
}

/* True if every worker tells this reason last. */
static bool all_tell(size_t pins, const char *reason)
{
    json_t *status = gateway_status(running);
    bool do_all = true;
    size_t index;
    json_t *worker;

    json_array_foreach(json_object_get(status, "workers"), index, worker)
    {
        const json_t *list = json_object_get(worker, "pins");
        const char *text = json_string_value(json_array_get(list, pins - 1));

        do_all = do_all && text != NULL && strstr(text, reason) == text;
    }
    json_decref(status);
    return do_all;
}

static void what_a_worker_would_still_use_stays_with_its_reason(void **state)
{
    static const struct {
        const char *flags;
        const char *reason;
    } cases[] = {
        {"-DLEAVES_HANDLER", "target: a handler of signal 12 (User defined signal 2)"},
        {"-DLEAVES_VARIABLE", "target: the variable TARGET of the environment"},
        {"-DLEAVES_THREAD", "target: 1 thread that still runs ("},
    };

    (void)state;
    (void)target_load();
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        char *flags = text_format("-DONLY_IN_WORKERS %s", cases[i].flags);
        char *line = text_format("plugin target stays in memory, something of it is in use: %s",
                                 strchr(cases[i].reason, ':') + 2);

        put_version(flags);
        json_decref(gateway_reload(running));
        target_runs_version();
        put_version("");
        json_decref(gateway_reload(running));
        target_runs_version();
        WAIT_UNTIL(all_tell(i + 1, cases[i].reason));
        assert_int_equal(gateway_sum(running, "objects_pinned"), (i + 1) * TARGET_WORKERS);
        gateway_wait_log(running, "logs/error.log", line);
        free(flags);
        free(line);
    }
    target_load_end(0);
}

/* Continues the one before. */
static void too_many_of_them_are_refused_until_workers_are_replaced(void **state)
{
    pid_t before[GATEWAY_WORKERS_MAX];
    pid_t after[GATEWAY_WORKERS_MAX];
    json_int_t pinned = gateway_sum(running, "objects_pinned");

    (void)state;
    (void)target_load();
    for (; pinned < (json_int_t)(PINNED_MAX * TARGET_WORKERS); pinned += TARGET_WORKERS) {
        put_version("-DONLY_IN_WORKERS -DLEAVES_VARIABLE");
        json_decref(gateway_reload(running));
        put_version("");
        json_decref(gateway_reload(running));
        WAIT_UNTIL(gateway_sum(running, "objects_pinned") == pinned + (json_int_t)TARGET_WORKERS);
    }
    put_version("");
    target_is_refused_with("too many",
                           "has 16 objects that could not be unloaded, at most 16 are put up with");
    target_load_end(0); /* the workers that go close connections that wait for a request */
    assert_int_equal(gateway_workers(running, before), TARGET_WORKERS);
    assert_int_equal(kill(running->pid, SIGHUP), 0);
    WAIT_UNTIL(gateway_workers(running, after) == TARGET_WORKERS && after[0] != before[0] &&
               gateway_sum(running, "objects_pinned") == 0);
    target_pin();
    json_decref(gateway_reload(running));
    target_runs_version();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_a_worker_would_still_use_stays_with_its_reason),
        cmocka_unit_test(too_many_of_them_are_refused_until_workers_are_replaced),
    };

    return report(cmocka_run_group_tests(tests, set_up, tear_down));
}
