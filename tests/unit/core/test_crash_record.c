/* tests/unit/core/test_crash_record.c - who has died, of what, and what follows from it. */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "host/core/board.h"
#include "tests/unit/unit.h"

#define NOW_MS 1000000u
#define PLUGIN 9u

static hgh_board *board;

static int set_up(void **state)
{
    (void)state;
    board = mmap(NULL, hgh_board_size(), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    hgh_board_init(board);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    hgh_board_unmap(board);
    return 0;
}

/* What a process says of itself before it ends. */
typedef struct last_words {
    uint32_t object; /* 0: no plugin runs */
    uint32_t call;
    int signal_number;
    uint32_t killed_for;
    const char *subject;
} last_words;

static hgh_process_kind dying_kind; /* of the processes that die next */

static void dies(const last_words *words)
{
    pid_t child = fork();

    if (child == 0) {
        hgh_board_slot *slot = hgh_board_take_as(board, 3, dying_kind);

        atomic_store(&slot->state, HGH_WORKER_SERVING);
        atomic_store(&slot->generation, 7);
        atomic_store(&slot->marker,
                     words->object == 0 ? 0 : hgh_marker_make(5, words->object, words->call));
        atomic_store(&slot->killed_for, words->killed_for);
        slot->seen.signal_number = words->signal_number;
        if (words->subject != NULL) {
            (void)strcpy(slot->seen.subject, words->subject);
        }
        _exit(0);
    }
    (void)waitpid(child, NULL, 0);
}

/* One death, found at that time. */
static void found(const last_words *words, uint64_t at_ms)
{
    dies(words);
    assert_int_equal(hgh_crash_bury(board, at_ms), 1);
}

static const last_words in_rewrite = {PLUGIN, HG_PHASE_REWRITE, SIGSEGV, 0, "routes/1"};
static const last_words in_parse = {PLUGIN, HGH_CALL_PARSE, SIGSEGV, 0, "routes/1#5"};

static void a_dead_worker_is_recorded_once_with_its_last_words(void **state)
{
    hgh_board_slot *alive = hgh_board_take(board, 1);
    hgh_crash crash;

    (void)state;
    atomic_store(&alive->state, HGH_WORKER_SERVING);
    found(&in_rewrite, NOW_MS);
    assert_int_equal(hgh_crash_bury(board, NOW_MS + 1), 0);
    assert_int_equal(hgh_crash_newest(board), 1);
    assert_true(hgh_crash_read(board, 1, &crash));
    assert_int_equal(crash.at_ms, NOW_MS);
    assert_int_equal(crash.generation, 7);
    assert_int_equal(crash.engine_number, 3);
    assert_int_equal(crash.seen.signal_number, SIGSEGV);
    assert_int_equal(hgh_marker_object(crash.marker), PLUGIN);
    assert_int_equal(hgh_marker_call(crash.marker), HG_PHASE_REWRITE);
    assert_string_equal(crash.seen.subject, "routes/1");
    assert_int_equal(atomic_load(&alive->state), HGH_WORKER_SERVING);
    assert_int_equal(atomic_load(&board->slot[1].owner), 0); /* free again, and clean */
    assert_int_equal(hgh_board_take(board, 2)->seen.signal_number, 0);
}

/* A function on a thread dies while the worker's own thread is in another plugin. */
static void a_crash_on_a_thread_is_that_threads(void **state)
{
    hgh_crash crash;
    pid_t child = fork();

    (void)state;
    if (child == 0) {
        hgh_board_slot *slot = hgh_board_take(board, 3);

        atomic_store(&slot->marker, hgh_marker_make(5, PLUGIN + 1, HG_PHASE_ACCESS));
        slot->seen.signal_number = SIGSEGV;
        slot->seen.marker = hgh_marker_make(6, PLUGIN, HGH_CALL_OFFLOAD);
        _exit(0);
    }
    (void)waitpid(child, NULL, 0);
    assert_int_equal(hgh_crash_bury(board, 1000), 1);
    assert_true(hgh_crash_read(board, hgh_crash_newest(board), &crash));
    assert_int_equal(hgh_marker_object(crash.marker), PLUGIN);
    assert_int_equal(hgh_marker_call(crash.marker), HGH_CALL_OFFLOAD);
    assert_int_equal(hgh_crash_count(board, PLUGIN, 0, 1000), 1);
    assert_int_equal(hgh_crash_count(board, PLUGIN + 1, 0, 1000), 0);
}

static void several_dead_are_recorded_in_one_look(void **state)
{
    hgh_crash crash;

    (void)state;
    for (uint32_t i = 0; i < 3; i++) { /* each takes a slot: those of the dead are kept for now */
        dies(&in_rewrite);
    }
    assert_int_equal(hgh_crash_bury(board, NOW_MS), 3);
    assert_int_equal(hgh_crash_newest(board), 3);
    assert_true(hgh_crash_read(board, 3, &crash));
    assert_false(hgh_crash_read(board, 4, &crash));
    assert_false(hgh_crash_read(board, 0, &crash));
}

static void who_is_to_blame(void **state)
{
    static const struct {
        const char *what;
        last_words words;
        bool is_own;
        bool is_blamed;
    } rows[] = {
        {"killed from outside in a plugin", {PLUGIN, HG_PHASE_REWRITE, 0, 0, ""}, false, false},
        {"killed from outside", {0, 0, 0, 0, ""}, false, false},
        {"crashed in a plugin", {PLUGIN, HG_PHASE_LOG, SIGABRT, 0, ""}, true, true},
        {"called exit()", {PLUGIN, HG_PHASE_LOG, HGH_SIGNAL_OF_EXIT, 0, ""}, true, true},
        {"crashed outside of any", {0, 0, SIGSEGV, 0, ""}, true, false},
        {"did not come back", {PLUGIN, HG_PHASE_ACCESS, 0, HGH_KILLED_FOR_TIME, ""}, true, true},
        {"took all memory", {PLUGIN, HGH_CALL_INIT, 0, HGH_KILLED_FOR_MEMORY, ""}, true, true},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        hgh_crash crash;

        found(&rows[i].words, NOW_MS);
        assert_true(hgh_crash_read(board, hgh_crash_newest(board), &crash));
        if (hgh_crash_is_own(&crash) != rows[i].is_own ||
            hgh_crash_is_blamed(&crash) != rows[i].is_blamed) {
            fail_msg("%s", rows[i].what);
        }
    }
    assert_int_equal(hgh_crash_count(board, PLUGIN, 0, NOW_MS), 4);
    assert_int_equal(hgh_crash_count(board, PLUGIN + 1, 0, NOW_MS), 0);
}

static void crashes_are_forgotten_after_a_while(void **state)
{
    (void)state;
    found(&in_rewrite, NOW_MS);
    found(&in_rewrite, NOW_MS + 10);
    assert_int_equal(hgh_crash_count(board, PLUGIN, 0, NOW_MS + HGH_CRASH_WINDOW_MS), 2);
    assert_int_equal(hgh_crash_count(board, PLUGIN, 0, NOW_MS + HGH_CRASH_WINDOW_MS + 5), 1);
    assert_int_equal(hgh_crash_count(board, PLUGIN, 0, NOW_MS + HGH_CRASH_WINDOW_MS + 11), 0);
}

static void what_was_done_about_counts_no_more(void **state)
{
    const last_words elsewhere = {0, 0, SIGSEGV, 0, ""};

    (void)state;
    found(&in_rewrite, NOW_MS);
    found(&elsewhere, NOW_MS + 1);
    found(&in_rewrite, NOW_MS + 2);
    assert_int_equal(hgh_crash_count(board, PLUGIN, NOW_MS + 1, NOW_MS + 2), 1);
    assert_int_equal(hgh_crash_count_unblamed(board, 0, NOW_MS + 2), 1);
    assert_int_equal(hgh_crash_count_unblamed(board, NOW_MS + 2, NOW_MS + 2), 0);
    atomic_store(&board->crashes_settled, 2);
    assert_int_equal(hgh_crash_count(board, PLUGIN, 0, NOW_MS + 2), 1);
    assert_int_equal(hgh_crash_count_unblamed(board, 0, NOW_MS + 2), 0);
}

static void workers_whose_memory_is_distrusted_blame_nobody(void **state)
{
    static const struct {
        uint64_t begun_ms;
        uint64_t at_ms;
        size_t count;
    } rows[] = {
        {NOW_MS - 1, NOW_MS + 1, 0},                   /* it was there before */
        {NOW_MS + 1, NOW_MS + 2, 1},                   /* it came later */
        {NOW_MS - 1, NOW_MS - 1, 1},                   /* it was dead already */
        {NOW_MS - 1, NOW_MS + HGH_CRASH_WINDOW_MS, 1}, /* long afterwards */
        {0, NOW_MS + 1, 1},                            /* nothing is known */
    };

    (void)state;
    atomic_store(&board->distrusted_ms, NOW_MS);
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        hgh_crash *crash;

        found(&in_rewrite, rows[i].at_ms);
        crash = &board->crashes[hgh_crash_newest(board) % HGH_CRASHES_MAX];
        crash->begun_ms = rows[i].begun_ms;
        if (hgh_crash_count(board, PLUGIN, 0, rows[i].at_ms) != rows[i].count) {
            fail_msg("row %zu", i);
        }
        atomic_store(&board->crashes_settled, hgh_crash_newest(board));
    }
}

static void crashes_over_one_configuration_count_once(void **state)
{
    const last_words other = {PLUGIN, HGH_CALL_PARSE, SIGSEGV, 0, "routes/2#8"};

    (void)state;
    found(&in_parse, NOW_MS);
    assert_false(hgh_crash_is_poison(board, PLUGIN, "routes/1#5", NOW_MS));
    found(&in_parse, NOW_MS);
    found(&in_parse, NOW_MS);
    assert_int_equal(hgh_crash_count(board, PLUGIN, 0, NOW_MS), 1);
    assert_true(hgh_crash_is_poison(board, PLUGIN, "routes/1#5", NOW_MS));
    assert_false(hgh_crash_is_poison(board, PLUGIN, "routes/1#6", NOW_MS)); /* it was mended */
    assert_false(hgh_crash_is_poison(board, PLUGIN + 1, "routes/1#5", NOW_MS));
    found(&other, NOW_MS);
    assert_int_equal(hgh_crash_count(board, PLUGIN, 0, NOW_MS), 2);
    assert_false(
        hgh_crash_is_poison(board, PLUGIN, "routes/1#5", NOW_MS + HGH_CRASH_WINDOW_MS + 1));
}

static void what_a_runner_dies_of_counts_for_nothing(void **state)
{
    last_words words = in_parse;
    hgh_crash crash;

    (void)state;
    dying_kind = HGH_RUNNER_PROCESS;
    for (unsigned i = 0; i < 10; i++) {
        found(&words, NOW_MS);
    }
    assert_int_equal(hgh_crash_newest(board), 10); /* it is told all the same */
    assert_true(hgh_crash_read(board, 10, &crash));
    assert_false(hgh_crash_is_of_worker(&crash));
    assert_int_equal(hgh_crash_count(board, PLUGIN, 0, NOW_MS), 0);
    assert_false(hgh_crash_is_poison(board, PLUGIN, "routes/1#5", NOW_MS));
    assert_int_equal(hgh_crash_pause_ms(board, NOW_MS), 0);
    words.object = 0;
    found(&words, NOW_MS);
    dying_kind = HGH_WORKER_PROCESS;
    assert_int_equal(hgh_crash_count_unblamed(board, 0, NOW_MS), 0);
}

static void the_oldest_record_goes_first(void **state)
{
    hgh_crash crash;

    (void)state;
    for (uint32_t i = 0; i < HGH_CRASHES_MAX + 2; i++) {
        found(&in_rewrite, NOW_MS);
    }
    assert_false(hgh_crash_read(board, 1, &crash));
    assert_false(hgh_crash_read(board, 2, &crash));
    assert_true(hgh_crash_read(board, 3, &crash));
    assert_int_equal(hgh_crash_count(board, PLUGIN, 0, NOW_MS), HGH_CRASHES_MAX);
}

static void starts_are_slowed_down_when_workers_die_all_the_time(void **state)
{
    uint32_t last = 0;

    (void)state;
    assert_int_equal(hgh_crash_pause_ms(board, NOW_MS), 0);
    for (uint32_t i = 0; i < 40; i++) {
        found(&in_rewrite, NOW_MS);
        assert_true(hgh_crash_pause_ms(board, NOW_MS) >= last);
        last = hgh_crash_pause_ms(board, NOW_MS);
    }
    assert_int_equal(last, 2000);
    assert_int_equal(hgh_crash_pause_ms(board, NOW_MS + 10001), 0);
}

static void what_a_worker_writes_is_not_trusted(void **state)
{
    hgh_crash crash;

    (void)state;
    found(&in_rewrite, NOW_MS);
    memset(board->crashes[1].seen.subject, 'x', sizeof(board->crashes[1].seen.subject));
    board->crashes[1].seen.frame_count = UINT32_MAX;
    assert_true(hgh_crash_read(board, 1, &crash));
    assert_int_equal(strlen(crash.seen.subject), HGH_SUBJECT_MAX - 1);
    assert_int_equal(crash.seen.frame_count, HGH_STACK_FRAMES_MAX);
    atomic_store(&board->crashes_found, UINT64_MAX); /* as any worker could write */
    assert_int_equal(hgh_crash_count(board, PLUGIN, 0, NOW_MS), 0);
}

#define ROW(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ROW(a_dead_worker_is_recorded_once_with_its_last_words),
        ROW(a_crash_on_a_thread_is_that_threads),
        ROW(several_dead_are_recorded_in_one_look),
        ROW(who_is_to_blame),
        ROW(crashes_are_forgotten_after_a_while),
        ROW(what_was_done_about_counts_no_more),
        ROW(workers_whose_memory_is_distrusted_blame_nobody),
        ROW(crashes_over_one_configuration_count_once),
        ROW(what_a_runner_dies_of_counts_for_nothing),
        ROW(the_oldest_record_goes_first),
        ROW(starts_are_slowed_down_when_workers_die_all_the_time),
        ROW(what_a_worker_writes_is_not_trusted),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
