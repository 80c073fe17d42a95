/* host/control/runners.c - all runners that the supervisor keeps running. */
#include "host/control/runners.h"

#include <stdlib.h>

#include "host/control/control_log.h"
#include "host/control/runner_plan.h"
#include "host/control/runner_process.h"
#include "host/control/runner_report.h"

struct hgh_runners {
    hgh_event_loop *loop;
    const hgh_instance *instance;
    hgh_runner_process *external; /* of ext-plugin.cmd; NULL: none */
    hgh_runner_process *all[HGH_RUNNERS_MAX];
    size_t count;
    bool is_stopping;
};

static void on_change(void *context)
{
    const hgh_runners *runners = context;
    json_t *array = json_array();

    for (size_t i = 0; i < runners->count; i++) {
        (void)json_array_append_new(array, hgh_runner_process_json(runners->all[i]));
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
                     hgh_runner_plan *plan,
                     hgh_runner_process **out_process,
                     hg_error *err)
{
    hgh_runner_process_options options = {
        .loop = runners->loop,
        .instance = runners->instance,
        .name = name,
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
    runners->all[runners->count++] = process;
    *out_process = process;
    return HG_OK;
}

/* One that is gone for good. */
static void drop(hgh_runners *runners, size_t i)
{
    hgh_runner_process_free(runners->all[i]);
    runners->all[i] = runners->all[--runners->count];
    on_change(runners);
}

static size_t index_of(const hgh_runners *runners, pid_t pid)
{
    size_t i = 0;

    while (i < runners->count && hgh_runner_process_pid(runners->all[i]) != pid) {
        i++;
    }
    return i;
}

/* It goes now if it does not run, else when it has ended. */
static void stop(hgh_runners *runners, hgh_runner_process *process)
{
    hgh_runner_process_stop(process);
    for (size_t i = 0; i < runners->count; i++) {
        if (runners->all[i] == process && hgh_runner_process_pid(process) == 0) {
            drop(runners, i);
            return;
        }
    }
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
            runners->external = NULL;
        }
    } else if (runners->external != NULL) {
        hgh_runner_process_change(runners->external, &plan);
    } else {
        status = add(runners, "runner", &plan, &runners->external, err);
    }
    return status;
}

bool hgh_runners_have(const hgh_runners *runners, pid_t pid)
{
    return index_of(runners, pid) < runners->count;
}

void hgh_runners_ended(hgh_runners *runners, pid_t pid, int wait_status)
{
    size_t i = index_of(runners, pid);

    hgh_runner_process_ended(runners->all[i], wait_status);
    if (hgh_runner_process_is_stopping(runners->all[i])) {
        drop(runners, i);
    }
}

size_t hgh_runners_pids(const hgh_runners *runners, pid_t into[HGH_RUNNERS_MAX])
{
    size_t count = 0;

    for (size_t i = 0; i < runners->count; i++) {
        if (hgh_runner_process_pid(runners->all[i]) > 0) {
            into[count++] = hgh_runner_process_pid(runners->all[i]);
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
        stop(runners, runners->all[i - 1]);
    }
}

void hgh_runners_kill(const hgh_runners *runners)
{
    for (size_t i = 0; i < runners->count; i++) {
        hgh_runner_process_kill(runners->all[i]);
    }
}

void hgh_runners_free(hgh_runners *runners)
{
    if (runners == NULL) {
        return;
    }
    for (size_t i = 0; i < runners->count; i++) {
        hgh_runner_process_free(runners->all[i]);
    }
    free(runners);
}
