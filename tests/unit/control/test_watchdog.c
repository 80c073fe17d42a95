/* tests/unit/control/test_watchdog.c - who takes too long or too much is asked, told of and ended.
 *
 * The clock is the test's: it stands still but for pass(). */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "host/control/control_log.h"
#include "host/control/watchdog.h"
#include "host/core/crash_handler.h"
#include "tests/unit/unit.h"

#define SLOW_MS   100u
#define LIMIT_MS  1000u
#define LOOK_MS   (SLOW_MS / 4)
#define ANSWER_MS 200u /* as in watchdog.c, as are the next two */
#define KILL_MS   2000u
#define TOLD_MS   10000u

#define SIGNALS_MAX 32u

typedef struct sent {
    pid_t pid;
    int number;
} sent;

static uint64_t now_ms = 5000000;
static int board_fd = -1;
static hgh_board *board;
static hgh_event_loop *loop;
static hgh_watchdog *watchdog;
static char log_path[64];
static sent signals[SIGNALS_MAX];
static size_t signal_count;

/* In the place of the C library's. */
int clock_gettime(clockid_t clock, struct timespec *time)
{
    (void)clock;
    time->tv_sec = (time_t)(now_ms / 1000);
    time->tv_nsec = (long)(now_ms % 1000) * 1000000;
    return 0;
}

static const char *plugin_name(void *context, uint32_t number)
{
    static char name[32];

    assert_ptr_equal(context, signals);
    (void)snprintf(name, sizeof(name), "p%u", number);
    return name;
}

static void signal_worker(void *context, pid_t pid, int number)
{
    assert_ptr_equal(context, signals);
    assert_true(signal_count < SIGNALS_MAX);
    signals[signal_count++] = (sent){pid, number};
}

static void watch(uint64_t limit_ms, uint64_t memory_bytes)
{
    hgh_watchdog_options options = {
        .loop = loop,
        .board_fd = board_fd,
        .slow_ms = SLOW_MS,
        .limit_ms = limit_ms,
        .memory_bytes = memory_bytes,
        .plugin_name = plugin_name,
        .signal_worker = signal_worker,
        .context = signals,
    };
    hg_error err = HG_ERROR_INIT;

    if (hgh_watchdog_new(&options, &watchdog, &err) != HG_OK) {
        fail_msg("%s", err.text);
    }
}

static int set_up(void **state)
{
    (void)state;
    signal_count = 0;
    watchdog = NULL;
    (void)snprintf(log_path, sizeof(log_path), "/tmp/hotgate-unit-XXXXXX");
    (void)close(mkstemp(log_path));
    board_fd = memfd_create("board", MFD_CLOEXEC);
    if (board_fd < 0 || ftruncate(board_fd, (off_t)hgh_board_size()) != 0) {
        return -1;
    }
    board = mmap(NULL, hgh_board_size(), PROT_READ | PROT_WRITE, MAP_SHARED, board_fd, 0);
    hgh_board_init(board);
    return hgh_log_open(log_path, false, NULL) == HG_OK && hgh_event_loop_new(&loop, NULL) == HG_OK
               ? 0
               : -1;
}

static int tear_down(void **state)
{
    (void)state;
    hgh_watchdog_free(watchdog);
    hgh_event_loop_free(loop);
    hgh_board_unmap(board);
    (void)close(board_fd);
    hgh_log_close();
    return unlink(log_path);
}

static void on_end(void *context)
{
    hgh_event_loop_stop(context);
}

/* Time goes by: so much of it, and what is due runs. */
static void pass(uint64_t ms)
{
    hgh_event_loop_timer end = {0};

    for (uint64_t end_ms = now_ms + ms; now_ms < end_ms;) {
        now_ms += end_ms - now_ms < LOOK_MS ? end_ms - now_ms : LOOK_MS;
        hgh_event_loop_timer_start(loop, &end, 0, on_end, loop);
        assert_int_equal(hgh_event_loop_run(loop, NULL), HG_OK);
    }
}

/* A call of plugin 7 begins in a slot of this process. */
static hgh_board_slot *call_begin(uint32_t at, uint64_t sequence)
{
    hgh_board_slot *slot = &board->slot[at];

    atomic_store(&slot->owner, hgh_board_owner_of(getpid()));
    atomic_store(&slot->state, HGH_WORKER_SERVING);
    atomic_store(&slot->marker, hgh_marker_make(sequence, 7, HG_PHASE_ACCESS));
    return slot;
}

static size_t sent_count(int number)
{
    size_t count = 0;

    for (size_t i = 0; i < signal_count; i++) {
        count += signals[i].number == number;
    }
    return count;
}

static const char *log_text(void)
{
    static char text[16384];
    FILE *file = fopen(log_path, "r");
    size_t length;

    assert_non_null(file);
    length = fread(text, 1, sizeof(text) - 1, file);
    text[length] = '\0';
    (void)fclose(file);
    return text;
}

static size_t log_count(const char *words)
{
    size_t count = 0;

    for (const char *at = strstr(log_text(), words); at != NULL; at = strstr(at + 1, words)) {
        count++;
    }
    return count;
}

/* ------------------------------------------------------------------------------------ time */

static void a_short_call_is_nobodys_business(void **state)
{
    hgh_board_slot *slot = call_begin(0, 1);

    (void)state;
    watch(LIMIT_MS, 0);
    for (uint64_t i = 2; i < 100; i++) {
        pass(SLOW_MS - LOOK_MS);
        (void)call_begin(0, i);
    }
    atomic_store(&slot->marker, 0);
    pass(5 * LIMIT_MS); /* it runs no plugin */
    assert_int_equal(signal_count, 0);
    assert_int_equal(atomic_load(&slot->slow_calls), 0);
    assert_string_equal(log_text(), "");
}

static void a_slow_call_is_asked_once_and_told_of_once(void **state)
{
    hgh_board_slot *slot = call_begin(3, 1);
    char pid[32];

    (void)state;
    watch(0, 0);
    pass(SLOW_MS - 1);
    assert_int_equal(signal_count, 0);
    pass(LOOK_MS);
    assert_int_equal(signal_count, 1);
    assert_int_equal(signals[0].number, HGH_SIGHTING_SIGNAL);
    assert_int_equal(signals[0].pid, getpid());
    assert_int_equal(log_count("has been running"), 0); /* it may say yet where it is */
    slot->seen.marker = atomic_load(&slot->marker);
    (void)strcpy(slot->seen.subject, "routes/5");
    pass(LOOK_MS);
    assert_int_equal(log_count("has been running"), 1);
    (void)snprintf(pid, sizeof(pid), "worker %d: ", (int)getpid());
    assert_int_equal(log_count(pid), 1);
    assert_int_equal(log_count(": access of plugin p7, routes/5 has been running for "), 1);
    pass(20 * LIMIT_MS); /* there is no limit here */
    assert_int_equal(signal_count, 1);
    assert_int_equal(log_count("\n"), 1);
    assert_int_equal(atomic_load(&slot->slow_calls), 1);
    assert_int_equal(atomic_load(&slot->killed_for), HGH_KILLED_FOR_NOTHING);
}

static void one_that_does_not_answer_is_told_of_all_the_same(void **state)
{
    hgh_board_slot *slot = call_begin(0, 1);

    (void)state;
    slot->seen.marker = hgh_marker_make(99, 7, HG_PHASE_ACCESS); /* what it said of another one */
    memset(slot->seen.subject, 'x', sizeof(slot->seen.subject));
    watch(0, 0);
    pass(SLOW_MS + ANSWER_MS - LOOK_MS);
    assert_int_equal(log_count("has been running"), 0);
    pass(3 * LOOK_MS);
    assert_int_equal(log_count(": access of plugin p7 has been running for "), 1);
    assert_int_equal(log_count("xxx"), 0);
}

static void one_that_ends_before_it_answers_is_told_of(void **state)
{
    hgh_board_slot *slot = call_begin(0, 1);

    (void)state;
    watch(0, 0);
    pass(SLOW_MS + LOOK_MS);
    assert_int_equal(sent_count(HGH_SIGHTING_SIGNAL), 1);
    atomic_store(&slot->marker, 0);
    pass(LOOK_MS);
    assert_int_equal(log_count(": access of plugin p7 has been running for "), 1);
    pass(LIMIT_MS);
    assert_int_equal(log_count("\n"), 1);
}

static void a_subject_without_an_end_is_cut(void **state)
{
    hgh_board_slot *slot = call_begin(0, 1);

    (void)state;
    watch(0, 0);
    slot->seen.marker = atomic_load(&slot->marker);
    memset(slot->seen.subject, 'x', sizeof(slot->seen.subject));
    pass(SLOW_MS + 2 * LOOK_MS);
    assert_int_equal(log_count("p7, xxx"), 1);
    assert_int_equal(log_count("xxx has been running"), 1);
    assert_true(strlen(log_text()) < HGH_SUBJECT_MAX + 250);
}

static void a_plugin_that_is_always_slow_does_not_fill_the_log(void **state)
{
    hgh_board_slot *slot = call_begin(0, 1);
    uint64_t begun_ms = now_ms;

    (void)state;
    watch(0, 0);
    for (uint64_t i = 2; i < 12; i++) {
        pass(3 * SLOW_MS);
        (void)call_begin(0, i);
    }
    assert_int_equal(atomic_load(&slot->slow_calls), 10);
    assert_int_equal(sent_count(HGH_SIGHTING_SIGNAL), 1);
    assert_int_equal(log_count("has been running"), 1);
    atomic_store(&slot->marker, hgh_marker_make(50, 7, HG_PHASE_LOG)); /* of another kind */
    pass(4 * SLOW_MS);
    assert_int_equal(log_count(": log of plugin p7 has been running"), 1);
    atomic_store(&slot->marker, 0);
    pass(begun_ms + TOLD_MS + SLOW_MS + 4 * LOOK_MS - now_ms);
    (void)call_begin(0, 60);
    pass(4 * SLOW_MS);
    assert_int_equal(log_count(": access of plugin p7 has been running"), 2);
    assert_int_equal(log_count("(9 such calls since the last line)"), 1);
    assert_int_equal(sent_count(HGH_SIGHTING_SIGNAL), 3);
}

static void one_over_the_limit_ends_its_worker(void **state)
{
    hgh_board_slot *slot = call_begin(0, 1);

    (void)state;
    watch(LIMIT_MS, 0);
    pass(LIMIT_MS - LOOK_MS);
    assert_int_equal(sent_count(SIGABRT), 0);
    pass(3 * LOOK_MS);
    assert_int_equal(sent_count(SIGABRT), 1);
    assert_int_equal(atomic_load(&slot->killed_for), HGH_KILLED_FOR_TIME);
    assert_int_equal(log_count(": access of plugin p7 does not come back: it is ended"), 1);
    pass(KILL_MS - 4 * LOOK_MS); /* it may be writing a core file */
    assert_int_equal(sent_count(SIGKILL), 0);
    pass(8 * LOOK_MS);
    assert_int_equal(sent_count(SIGKILL), 1);
    pass(10 * LIMIT_MS);
    assert_int_equal(sent_count(SIGABRT), 1);
    assert_int_equal(sent_count(SIGKILL), 1);
    assert_int_equal(sent_count(HGH_SIGHTING_SIGNAL), 1);
    assert_int_equal(log_count("\n"), 2);
    for (size_t i = 0; i < signal_count; i++) {
        assert_int_equal(signals[i].pid, getpid());
    }
}

static void one_that_was_not_asked_is_ended_too(void **state)
{
    hgh_board_slot *slot = call_begin(0, 1);

    (void)state;
    watch(LIMIT_MS, 0);
    pass(3 * SLOW_MS);
    (void)call_begin(0, 2); /* is not told of: another one just was */
    pass(LIMIT_MS + 2 * LOOK_MS);
    assert_int_equal(sent_count(HGH_SIGHTING_SIGNAL), 1);
    assert_int_equal(sent_count(SIGABRT), 1);
    assert_int_equal(atomic_load(&slot->killed_for), HGH_KILLED_FOR_TIME);
}

static void one_that_comes_back_at_last_was_not_killed(void **state)
{
    hgh_board_slot *slot = call_begin(0, 1);

    (void)state;
    watch(LIMIT_MS, 0);
    pass(LIMIT_MS + 4 * LOOK_MS);
    assert_int_equal(atomic_load(&slot->killed_for), HGH_KILLED_FOR_TIME);
    atomic_store(&slot->marker, 0);
    pass(LOOK_MS);
    assert_int_equal(atomic_load(&slot->killed_for), HGH_KILLED_FOR_NOTHING);
    pass(2 * KILL_MS);
    assert_int_equal(sent_count(SIGKILL), 0);
}

static void the_next_owner_of_a_slot_begins_anew(void **state)
{
    hgh_board_slot *slot = call_begin(0, 1);

    (void)state;
    watch(LIMIT_MS, 0);
    pass(LIMIT_MS + 4 * LOOK_MS);
    assert_int_equal(sent_count(SIGABRT), 1);
    atomic_store(&slot->owner, 0);
    pass(LOOK_MS);
    atomic_store(&slot->owner, hgh_board_owner_of(getppid()));
    atomic_store(&slot->killed_for, HGH_KILLED_FOR_NOTHING);
    pass(LIMIT_MS - LOOK_MS); /* with the same marker, by chance */
    assert_int_equal(sent_count(SIGABRT), 1);
    assert_int_equal(sent_count(SIGKILL), 0);
    pass(4 * LOOK_MS);
    assert_int_equal(sent_count(SIGABRT), 2);
    assert_int_equal(signals[signal_count - 1].pid, getppid());
}

static void each_worker_has_a_time_of_its_own(void **state)
{
    (void)state;
    watch(LIMIT_MS, 0);
    (void)call_begin(0, 1);
    pass(LIMIT_MS / 2);
    (void)call_begin(HGH_BOARD_SLOTS - 1, 2);
    pass(LIMIT_MS / 2 + 3 * LOOK_MS);
    assert_int_equal(sent_count(SIGABRT), 1);
    assert_int_equal(atomic_load(&board->slot[0].killed_for), HGH_KILLED_FOR_TIME);
    assert_int_equal(atomic_load(&board->slot[HGH_BOARD_SLOTS - 1].killed_for),
                     HGH_KILLED_FOR_NOTHING);
    pass(LIMIT_MS / 2);
    assert_int_equal(sent_count(SIGABRT), 2);
}

static pid_t stopped_child(void)
{
    pid_t child = fork();
    int status;

    if (child == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        for (;;) {
            (void)raise(SIGSTOP);
            (void)pause();
        }
    }
    assert_int_equal(waitpid(child, &status, WUNTRACED), child);
    return child;
}

static void a_stopped_process_is_left_alone(void **state)
{
    pid_t child = stopped_child();
    hgh_board_slot *slot = call_begin(0, 1);
    int status;

    (void)state;
    atomic_store(&slot->owner, hgh_board_owner_of(child));
    watch(LIMIT_MS, 0);
    pass(10 * LIMIT_MS);
    assert_int_equal(signal_count, 0); /* it is not slow, and cannot say where it is */
    assert_string_equal(log_text(), "");
    assert_int_equal(atomic_load(&slot->slow_calls), 0);
    (void)kill(child, SIGCONT);
    (void)waitpid(child, &status, WCONTINUED);
    pass(LIMIT_MS - SLOW_MS - LOOK_MS); /* its time begins anew */
    assert_int_equal(sent_count(HGH_SIGHTING_SIGNAL), 1);
    assert_int_equal(sent_count(SIGABRT), 0);
    (void)kill(child, SIGSTOP); /* shortly before its end */
    (void)waitpid(child, &status, WUNTRACED);
    pass(10 * LIMIT_MS);
    (void)kill(child, SIGCONT);
    (void)waitpid(child, &status, WCONTINUED);
    pass(LIMIT_MS - SLOW_MS - LOOK_MS);
    assert_int_equal(sent_count(SIGABRT), 0);
    pass(SLOW_MS + 2 * LOOK_MS);
    assert_int_equal(sent_count(SIGABRT), 1);
    assert_int_equal(signals[signal_count - 1].pid, child);
    (void)kill(child, SIGKILL);
    (void)waitpid(child, &status, 0);
}

/* ---------------------------------------------------------------------------------- memory */

static void a_worker_with_too_much_memory_is_asked_to_end_once(void **state)
{
    pid_t child = stopped_child();
    hgh_board_slot *slot = call_begin(0, 1);

    (void)state;
    atomic_store(&slot->marker, 0);
    watch(LIMIT_MS, 1);
    pass(10 * LIMIT_MS);
    assert_int_equal(signal_count, 1);
    assert_int_equal(signals[0].number, SIGQUIT);
    assert_int_equal(log_count(" MiB of memory, more than hotgate.worker_memory"), 1);
    assert_int_equal(atomic_load(&slot->killed_for), HGH_KILLED_FOR_NOTHING);
    atomic_store(&slot->owner, hgh_board_owner_of(child)); /* another one in its place */
    pass(LIMIT_MS);
    assert_int_equal(signal_count, 2);
    assert_int_equal(signals[1].number, SIGQUIT);
    assert_int_equal(signals[1].pid, child);
    (void)kill(child, SIGKILL);
    (void)waitpid(child, NULL, 0);
}

static void a_worker_with_enough_memory_is_left_alone(void **state)
{
    (void)state;
    (void)call_begin(0, 1);
    watch(0, (uint64_t)1 << 50);
    pass(SLOW_MS / 2);
    atomic_store(&board->slot[1].owner, (uint64_t)INT32_MAX << 32 | 5); /* a claim: not there */
    pass(LIMIT_MS);
    assert_int_equal(sent_count(SIGQUIT), 0);
    assert_int_equal(sent_count(SIGABRT), 0);
}

static void a_slow_call_that_takes_all_memory_ends_its_worker(void **state)
{
    hgh_board_slot *slot = call_begin(0, 1);

    (void)state;
    watch(0, 1);                 /* no limit of time */
    pass(SLOW_MS + 8 * LOOK_MS); /* it was asked to end while it did not look slow yet */
    assert_int_equal(sent_count(SIGABRT), 1);
    assert_int_equal(atomic_load(&slot->killed_for), HGH_KILLED_FOR_MEMORY);
    assert_int_equal(log_count(": access of plugin p7 takes too much memory: it is ended"), 1);
    pass(KILL_MS + 2 * LOOK_MS);
    assert_int_equal(sent_count(SIGABRT), 1);
    assert_int_equal(sent_count(SIGKILL), 1);
}

/* ------------------------------------------------------------------------------------- new */

static void without_a_board_there_is_no_watchdog(void **state)
{
    hgh_watchdog_options options = {.loop = loop, .board_fd = -1, .slow_ms = SLOW_MS};
    hg_error err = HG_ERROR_INIT;

    (void)state;
    assert_int_equal(hgh_watchdog_new(&options, &watchdog, &err), HG_ERR_IO);
    assert_ptr_equal(strstr(err.text, "the board: "), err.text);
    assert_null(watchdog);
    hgh_watchdog_free(NULL);
}

static void after_its_end_it_looks_no_more(void **state)
{
    hgh_board_slot *slot = call_begin(0, 1);

    (void)state;
    watch(LIMIT_MS, 1);
    signal_count = 0;
    hgh_watchdog_free(watchdog);
    watchdog = NULL;
    pass(10 * LIMIT_MS);
    assert_int_equal(signal_count, 0);
    assert_int_equal(atomic_load(&slot->slow_calls), 0);
}

#define ROW(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ROW(a_short_call_is_nobodys_business),
        ROW(a_slow_call_is_asked_once_and_told_of_once),
        ROW(one_that_does_not_answer_is_told_of_all_the_same),
        ROW(one_that_ends_before_it_answers_is_told_of),
        ROW(a_subject_without_an_end_is_cut),
        ROW(a_plugin_that_is_always_slow_does_not_fill_the_log),
        ROW(one_over_the_limit_ends_its_worker),
        ROW(one_that_was_not_asked_is_ended_too),
        ROW(one_that_comes_back_at_last_was_not_killed),
        ROW(the_next_owner_of_a_slot_begins_anew),
        ROW(each_worker_has_a_time_of_its_own),
        ROW(a_stopped_process_is_left_alone),
        ROW(a_worker_with_too_much_memory_is_asked_to_end_once),
        ROW(a_worker_with_enough_memory_is_left_alone),
        ROW(a_slow_call_that_takes_all_memory_ends_its_worker),
        ROW(without_a_board_there_is_no_watchdog),
        ROW(after_its_end_it_looks_no_more),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
