/* host/control/kept_process.c - a child that is started again whenever it ends. */
#include "host/control/kept_process.h"

#include <signal.h>

#include "host/control/child_process.h"
#include "host/control/control_log.h"

#define BACK_OFF_FIRST_MS 100u
#define GOOD_RUN_MS       10000u /* a child that ran that long has its back-off reset */

void hgh_kept_process_signal(const hgh_kept_process *one, int number)
{
    if (one->pid > 0) {
        (void)kill(one->has_group ? -one->pid : one->pid, number);
    }
}

static void on_kill_it(void *context)
{
    hgh_kept_process *one = context;

    if (one->pid > 0) {
        hgh_log(HG_LOG_WARN, "%s (process %ld) does not end: killed", one->name, (long)one->pid);
        hgh_kept_process_signal(one, SIGKILL);
    }
}

void hgh_kept_process_end(hgh_kept_process *one, int number, uint64_t grace_ms)
{
    if (one->pid > 0) {
        hgh_kept_process_signal(one, number);
        hgh_event_loop_timer_start(one->loop, &one->kill_it, grace_ms, on_kill_it, one);
    }
}

void hgh_kept_process_ended(hgh_kept_process *one)
{
    hgh_event_loop_timer_stop(one->loop, &one->kill_it);
    one->pid = 0; /* from here on the number may be somebody else's */
}

/* Takes the wait before the next start and doubles it for the one after. */
static uint64_t take_back_off(hgh_kept_process *one)
{
    uint64_t wait_ms = one->back_off_ms;

    if (hgh_event_loop_now_ms() - one->started_ms >= GOOD_RUN_MS) {
        one->ends = 0;
        wait_ms = 0;
    }
    if (one->ends++ < one->free_restarts) {
        return 0;
    }
    if (wait_ms == 0) {
        wait_ms = BACK_OFF_FIRST_MS;
    }
    one->back_off_ms = wait_ms * 2 < one->back_off_max_ms ? wait_ms * 2 : one->back_off_max_ms;
    return wait_ms;
}

static void start_later(hgh_kept_process *one, uint64_t wait_ms)
{
    hgh_event_loop_timer_start(one->loop, &one->restart, wait_ms, one->start, one->context);
}

void hgh_kept_process_restart(hgh_kept_process *one, pid_t pid, int wait_status)
{
    uint64_t wait_ms = 0;
    char text[120];

    if (!one->restart_at_once) {
        wait_ms = take_back_off(one);
        hgh_log(HG_LOG_ERROR, "%s (process %ld) %s; started again in %llu ms", one->name, (long)pid,
                hgh_child_process_end_text(wait_status, text, sizeof(text)),
                (unsigned long long)wait_ms);
    }
    one->restart_at_once = false;
    start_later(one, wait_ms);
}

void hgh_kept_process_start_failed(hgh_kept_process *one, const hg_error *err)
{
    hgh_log(HG_LOG_ERROR, "%s", err->text);
    one->started_ms = hgh_event_loop_now_ms();
    start_later(one, take_back_off(one));
}

void hgh_kept_process_give_up(hgh_kept_process *one)
{
    hgh_event_loop_timer_stop(one->loop, &one->restart);
}
