/* host/control/runners.c - all runners that the supervisor keeps running. */
#include "host/control/runners.h"

#include <stdio.h>
#include <stdlib.h>

#include "host/control/control_log.h"
#include "host/control/runner_plan.h"
#include "host/control/runner_process.h"
#include "host/control/runner_report.h"

#define FREE_RESTARTS 3u /* of an isolated one: what has crashed it may be one request */

typedef struct runner {
    hgh_runner_process *process; /* owned */
    uint64_t generation;         /* 0: it is not an isolated one */
} runner;

struct hgh_runners {
    hgh_event_loop *loop;
    const hgh_instance *instance;
    hgh_runner_process *external; /* of ext-plugin.cmd, until it has ended; NULL: none */
    runner all[HGH_RUNNERS_MAX];
    size_t count;
    bool is_stopping;
};

static void on_change(void *context)
{
    const hgh_runners *runners = context;
    json_t *array = json_array();

    for (size_t i = 0; i < runners->count; i++) {
        (void)json_array_append_new(array, hgh_runner_process_json(runners->all[i].process));
    }
    hgh_runner_report_write(runners->instance, array);
    json_decref(array);
}

hgh_runners *hgh_runners_new(hgh_event_loop *loop, const hgh_instance *instance)
{
    hgh_runners *runners = calloc(1, sizeof(*runners));

    if (runners != NULL) {
        runners->loop = loop;
        runners->instance = instance;
        on_change(runners); /* what an earlier start has left is not so any more */
    }
    return runners;
}

/* plan: taken over. */
static hg_status add(hgh_runners *runners,
                     const char *name,
                     uint64_t generation,
                     hgh_runner_plan *plan,
                     hg_error *err)
{
    hgh_runner_process_options options = {
        .loop = runners->loop,
        .instance = runners->instance,
        .name = name,
        .free_restarts = generation == 0 ? 0 : FREE_RESTARTS,
        .on_change = on_change,
        .context = runners,
    };
    hgh_runner_process *process;

    if (runners->count == HGH_RUNNERS_MAX) {
        hgh_runner_plan_done(plan);
        return hg_error_set(err, HG_ERR_FULL, "%s: %u runners are there already", name,
                            HGH_RUNNERS_MAX);
    }
    process = hgh_runner_process_new(&options, plan);
    if (process == NULL) {
        return hg_error_set(err, HG_ERR_NO_MEMORY, "%s: out of memory", name);
    }
    runners->all[runners->count++] = (runner){process, generation};
    return HG_OK;
}

/* One that is gone for good. */
static void drop(hgh_runners *runners, size_t i)
{
    if (runners->all[i].process == runners->external) {
        runners->external = NULL;
    }
    hgh_runner_process_free(runners->all[i].process);
    runners->all[i] = runners->all[--runners->count];
    on_change(runners);
}

static size_t index_of(const hgh_runners *runners, pid_t pid)
{
    size_t i = 0;

    while (i < runners->count && hgh_runner_process_pid(runners->all[i].process) != pid) {
        i++;
    }
    return i;
}

/* It goes now if it does not run, else when it has ended. */
static void stop(hgh_runners *runners, hgh_runner_process *process)
{
    hgh_runner_process_stop(process);
    for (size_t i = 0; i < runners->count; i++) {
        if (runners->all[i].process == process && hgh_runner_process_pid(process) == 0) {
            drop(runners, i);
            return;
        }
    }
}

/* Variables of theirs may be others now. */
static hg_status
isolated_change(const hgh_runners *runners, const hgh_settings *settings, hg_error *err)
{
    hg_status status = HG_OK;

    for (size_t i = 0; i < runners->count && status == HG_OK; i++) {
        const runner *at = &runners->all[i];
        hgh_runner_plan plan = {0};

        if (at->generation == 0 || hgh_runner_process_is_stopping(at->process)) {
            continue;
        }
        status =
            hgh_runner_plan_make_isolated(runners->instance, settings, at->generation, &plan, err);
        if (status == HG_OK) {
            hgh_runner_process_change(at->process, &plan);
        }
    }
    return status;
}

hg_status hgh_runners_configure(hgh_runners *runners, const hgh_settings *settings, hg_error *err)
{
    hgh_runner_plan plan = {0};
    hg_status status = hgh_runner_plan_make(runners->instance, settings, &plan, err);

    if (status != HG_OK || runners->is_stopping) {
        hgh_runner_plan_done(&plan);
        return status;
    }
    if (plan.arguments == NULL) {
        if (runners->external != NULL) {
            stop(runners, runners->external);
        }
    } else if (runners->external != NULL) {
        hgh_runner_process_change(runners->external, &plan);
    } else {
        status = add(runners, "runner", 0, &plan, err);
        runners->external = status == HG_OK ? runners->all[runners->count - 1].process : NULL;
    }
    return status == HG_OK ? isolated_change(runners, settings, err) : status;
}

/* The oldest isolated one that is not about to end, if there are that many; else NULL. */
static hgh_runner_process *oldest_of(const hgh_runners *runners, size_t least)
{
    const runner *oldest = NULL;
    size_t count = 0;

    for (size_t i = 0; i < runners->count; i++) {
        const runner *at = &runners->all[i];

        if (at->generation != 0 && !hgh_runner_process_is_stopping(at->process)) {
            count++;
            oldest = oldest == NULL || at->generation < oldest->generation ? at : oldest;
        }
    }
    return oldest == NULL || count < least ? NULL : oldest->process;
}

/* That of a generation, also one that is about to end: both have one socket. NULL: none. */
static hgh_runner_process *isolated_of(const hgh_runners *runners, uint64_t generation)
{
    for (size_t i = 0; i < runners->count; i++) {
        if (runners->all[i].generation == generation) {
            return runners->all[i].process;
        }
    }
    return NULL;
}

hg_status hgh_runners_isolate(hgh_runners *runners,
                              const hgh_settings *settings,
                              uint64_t generation,
                              hg_error *err)
{
    hgh_runner_process *oldest = oldest_of(runners, HGH_ISOLATED_MAX);
    hgh_runner_process *own = isolated_of(runners, generation);
    hgh_runner_plan plan = {0};
    char name[64];
    hg_status status;

    if (runners->is_stopping || generation == 0 ||
        (own != NULL && !hgh_runner_process_is_stopping(own))) {
        return HG_OK;
    }
    status = hgh_runner_plan_make_isolated(runners->instance, settings, generation, &plan, err);
    if (status != HG_OK) {
        return status;
    }
    if (oldest != NULL) {
        stop(runners, oldest);
    }
    if (own != NULL) {
        hgh_runner_process_change(own, &plan);
        return HG_OK;
    }
    (void)snprintf(name, sizeof(name), "isolated runner of generation %llu",
                   (unsigned long long)generation);
    return add(runners, name, generation, &plan, err);
}

void hgh_runners_keep(hgh_runners *runners, uint64_t generation)
{
    for (size_t i = runners->count; i > 0; i--) {
        if (runners->all[i - 1].generation != 0 && runners->all[i - 1].generation != generation) {
            stop(runners, runners->all[i - 1].process);
        }
    }
}

void hgh_runners_drop(hgh_runners *runners, uint64_t generation)
{
    hgh_runner_process *own = generation == 0 ? NULL : isolated_of(runners, generation);

    if (own != NULL) {
        stop(runners, own);
    }
}

bool hgh_runners_have(const hgh_runners *runners, pid_t pid)
{
    return index_of(runners, pid) < runners->count;
}

void hgh_runners_ended(hgh_runners *runners, pid_t pid, int wait_status)
{
    size_t i = index_of(runners, pid);

    hgh_runner_process_ended(runners->all[i].process, wait_status);
    if (hgh_runner_process_is_stopping(runners->all[i].process)) {
        drop(runners, i);
    }
}

size_t hgh_runners_pids(const hgh_runners *runners, pid_t into[HGH_RUNNERS_MAX])
{
    size_t count = 0;

    for (size_t i = 0; i < runners->count; i++) {
        if (hgh_runner_process_pid(runners->all[i].process) > 0) {
            into[count++] = hgh_runner_process_pid(runners->all[i].process);
        }
    }
    return count;
}

void hgh_runners_stop(hgh_runners *runners)
{
    runners->is_stopping = true;
    runners->external = NULL;
    for (size_t i = runners->count; i > 0;
         i--) { /* one that does not run makes place for the last */
        stop(runners, runners->all[i - 1].process);
    }
}

void hgh_runners_kill(const hgh_runners *runners)
{
    for (size_t i = 0; i < runners->count; i++) {
        hgh_runner_process_kill(runners->all[i].process);
    }
}

void hgh_runners_free(hgh_runners *runners)
{
    if (runners == NULL) {
        return;
    }
    for (size_t i = 0; i < runners->count; i++) {
        hgh_runner_process_free(runners->all[i].process);
    }
    free(runners);
}
