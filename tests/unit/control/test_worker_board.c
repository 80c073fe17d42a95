/* tests/unit/control/test_worker_board.c - control counts the living, and trusts none of them. */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "host/control/worker_board.h"
#include "tests/unit/unit.h"

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

/* A slot of this process, in a state of its own. */
static hgh_board_slot *worker(uint32_t number, hgh_worker_state state)
{
    hgh_board_slot *slot = hgh_board_take(board, number);

    atomic_store(&slot->state, state);
    return slot;
}

/* A slot of a process that has ended. */
static hgh_board_slot *dead_worker(uint64_t marker)
{
    uint32_t at = 0;
    pid_t child;

    while (atomic_load(&board->slot[at].owner) != 0) {
        at++;
    }
    child = fork();
    if (child == 0) {
        hgh_board_slot *slot = hgh_board_take(board, 0);

        atomic_store(&slot->state, HGH_WORKER_SERVING);
        atomic_store(&slot->marker, marker);
        _exit(0);
    }
    (void)waitpid(child, NULL, 0);
    return &board->slot[at];
}

static void votes_of_the_living_that_have_a_say_count(void **state)
{
    hgh_vote_count count;

    (void)state;
    hgh_board_vote(worker(1, HGH_WORKER_SERVING), 5, HGH_VOTE_YES, NULL);
    hgh_board_vote(worker(2, HGH_WORKER_STARTING), 5, HGH_VOTE_NO, "unit_a: no such zone");
    hgh_board_vote(worker(3, HGH_WORKER_SERVING), 4, HGH_VOTE_YES, NULL); /* on another one */
    hgh_board_vote(worker(4, HGH_WORKER_DRAINING), 5, HGH_VOTE_NO, "ends what it has");
    hgh_board_vote(dead_worker(0), 5, HGH_VOTE_NO, "is gone");
    atomic_store(&worker(5, HGH_WORKER_SERVING)->kind, HGH_RUNNER_PROCESS);
    count = hgh_worker_board_votes(board, 5);
    assert_int_equal(count.voters, 3);
    assert_int_equal(count.yes, 1);
    assert_int_equal(count.no, 1);
    assert_non_null(strstr(count.reason, "unit_a: no such zone"));
    assert_ptr_equal(strstr(count.reason, "worker "), count.reason);
}

static void a_cleared_vote_counts_no_more(void **state)
{
    hgh_vote_count count;

    (void)state;
    hgh_board_vote(worker(1, HGH_WORKER_SERVING), 5, HGH_VOTE_YES, NULL);
    hgh_board_vote(worker(2, HGH_WORKER_SERVING), 5, HGH_VOTE_NO, "x");
    hgh_worker_board_clear_votes(board);
    count = hgh_worker_board_votes(board, 5);
    assert_int_equal(count.voters, 2);
    assert_int_equal(count.yes + count.no, 0);
}

static void a_text_without_an_end_is_cut(void **state)
{
    hgh_board_slot *slot = worker(1, HGH_WORKER_SERVING);
    hgh_vote_count count;

    (void)state;
    hgh_board_vote(slot, 5, HGH_VOTE_NO, "x");
    memset(slot->vote_text, 'x', sizeof(slot->vote_text));
    count = hgh_worker_board_votes(board, 5);
    assert_in_range(strlen(count.reason), HGH_BOARD_VOTE_TEXT - 1, sizeof(count.reason) - 1);
}

static void who_follows_and_who_has_nothing_old_is_told(void **state)
{
    hgh_board_slot *there = worker(1, HGH_WORKER_SERVING);
    hgh_board_slot *draining_objects = worker(2, HGH_WORKER_SERVING);
    hgh_board_slot *pinned = worker(3, HGH_WORKER_SERVING);
    hgh_follow_count count;

    (void)state;
    atomic_store(&there->generation, 7);
    atomic_store(&there->objects_mapped, 3);
    atomic_store(&draining_objects->generation, 7);
    atomic_store(&draining_objects->objects_mapped, 4);
    atomic_store(&pinned->generation, 7);
    atomic_store(&pinned->objects_mapped, 4);
    atomic_store(&pinned->objects_pinned, 1);
    atomic_store(&worker(4, HGH_WORKER_SERVING)->generation, 6);
    count = hgh_worker_board_follow(board, 7, 3);
    assert_int_equal(count.workers, 4);
    assert_int_equal(count.there, 3);
    assert_int_equal(count.drained, 2);
}

static void a_worker_cannot_lead_control_astray(void **state)
{
    json_t *told;

    (void)state;
    (void)worker(1, HGH_WORKER_SERVING);
    board->slots = UINT32_MAX; /* as any worker could write */
    atomic_store(&board->slot[1].owner, UINT64_MAX);
    atomic_store(&board->slot[2].owner, (uint64_t)getpid() << 32 | 0xffffffff);
    atomic_store(&board->slot[0].state, 12345);
    atomic_store(&board->slot[0].requests, UINT64_MAX);
    assert_int_equal(hgh_worker_board_votes(board, 1).voters, 0);
    assert_int_equal(hgh_worker_board_follow(board, 1, 1).workers, 0);
    told = hgh_worker_board_json(board);
    assert_int_equal(json_array_size(told), 1);
    assert_string_equal(json_string_value(json_object_get(json_array_get(told, 0), "state")),
                        "unknown");
    json_decref(told);
}

#define ROW(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ROW(votes_of_the_living_that_have_a_say_count),
        ROW(a_cleared_vote_counts_no_more),
        ROW(a_text_without_an_end_is_cut),
        ROW(who_follows_and_who_has_nothing_old_is_told),
        ROW(a_worker_cannot_lead_control_astray),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
