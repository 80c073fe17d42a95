/* tests/unit/core/test_board.c - slots are taken once, given back, and outlive their owner. */
#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "host/core/board.h"
#include "tests/unit/unit.h"

static hgh_board *board_new(void)
{
    hgh_board *board =
        mmap(NULL, hgh_board_size(), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    hgh_board_init(board);
    return board;
}

static void a_slot_belongs_to_one_worker(void **state)
{
    hgh_board *board = board_new();
    hgh_board_slot *first = hgh_board_take(board, 3);
    hgh_board_slot *second = hgh_board_take(board, 4);

    (void)state;
    assert_ptr_not_equal(first, second);
    assert_int_equal(hgh_board_pid(atomic_load(&first->owner)), getpid());
    assert_int_equal(atomic_load(&first->state), HGH_WORKER_STARTING);
    assert_int_equal(atomic_load(&first->engine_number), 3);
    hgh_board_release(first);
    assert_ptr_equal(hgh_board_take(board, 5), first);
    hgh_board_unmap(board);
}

static void the_slot_of_a_dead_worker_is_taken_when_none_is_free(void **state)
{
    hgh_board *board = board_new();
    hgh_board_slot *slots[HGH_BOARD_SLOTS];
    uint64_t dead;
    pid_t child = fork();

    (void)state;
    if (child == 0) {
        (void)hgh_board_take(board, 0);
        _exit(0);
    }
    (void)waitpid(child, NULL, 0);
    dead = atomic_load(&board->slot[0].owner);
    assert_int_equal(hgh_board_pid(dead), child);
    assert_false(hgh_board_owner_lives(dead));
    for (uint32_t i = 1; i < HGH_BOARD_SLOTS; i++) {
        slots[i] = hgh_board_take(board, i);
        assert_ptr_not_equal(slots[i], &board->slot[0]); /* it is kept for its last words */
    }
    assert_ptr_equal(hgh_board_take(board, 0), &board->slot[0]);
    assert_null(hgh_board_take(board, 0));
    hgh_board_unmap(board);
}

static void a_vote_carries_its_reason(void **state)
{
    hgh_board *board = board_new();
    hgh_board_slot *slot = hgh_board_take(board, 0);
    char text[1000];

    (void)state;
    memset(text, 'x', sizeof(text));
    text[sizeof(text) - 1] = '\0';
    hgh_board_vote(slot, 7, HGH_VOTE_NO, text);
    assert_int_equal(atomic_load(&slot->vote), 7 << 8 | HGH_VOTE_NO);
    assert_int_equal(strlen(slot->vote_text), HGH_BOARD_VOTE_TEXT - 1);
    hgh_board_vote(slot, 8, HGH_VOTE_YES, NULL);
    assert_string_equal(slot->vote_text, "");
    hgh_board_unmap(board);
}

static void markers_keep_their_parts(void **state)
{
    uint64_t marker = hgh_marker_make(5, 300, HG_PHASE_LOG);

    (void)state;
    assert_int_equal(hgh_marker_object(marker), 300);
    assert_string_equal(hgh_call_name(hgh_marker_call(marker)), "log");
    assert_string_equal(hgh_call_name(HG_PHASE_RESPONSE), "response");
    assert_string_equal(hgh_call_name(200), "an unknown call");
}

static void memory_of_another_kind_is_no_board(void **state)
{
    int fd = memfd_create("board", MFD_CLOEXEC);

    (void)state;
    assert_null(hgh_board_map(fd, false));
    assert_int_equal(ftruncate(fd, (off_t)hgh_board_size()), 0);
    assert_null(hgh_board_map(fd, false));
    assert_int_equal(errno, EINVAL);
    (void)close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_slot_belongs_to_one_worker),
        cmocka_unit_test(the_slot_of_a_dead_worker_is_taken_when_none_is_free),
        cmocka_unit_test(a_vote_carries_its_reason),
        cmocka_unit_test(markers_keep_their_parts),
        cmocka_unit_test(memory_of_another_kind_is_no_board),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
