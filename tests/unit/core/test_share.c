/* tests/unit/core/test_share.c - what workers hold together counts those that live. */
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "host/core/arena.h"
#include "host/core/share.h"
#include "tests/unit/unit.h"

/* A board and an arena that a child shares. */
typedef struct shared {
    hgh_board *board;
    hgh_arena *arena;
    hgh_table *table;
    hgh_share share; /* of this process */
    int fd;
} shared;

static void shared_init(shared *self, uint32_t entries)
{
    void *memory;

    self->fd = memfd_create("arena", MFD_CLOEXEC);
    assert_int_equal(ftruncate(self->fd, HGH_ARENA_MIN_BYTES), 0);
    memory = mmap(NULL, HGH_ARENA_MIN_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, self->fd, 0);
    assert_int_equal(hgh_arena_init(memory, HGH_ARENA_MIN_BYTES, NULL), HG_OK);
    (void)munmap(memory, HGH_ARENA_MIN_BYTES);
    assert_int_equal(hgh_arena_map(self->fd, true, &self->arena, NULL), HG_OK);
    assert_int_equal(
        hgh_arena_open_table(self->arena, "t", "1", entries, 0, &self->table, NULL, NULL), HG_OK);
    self->board =
        mmap(NULL, hgh_board_size(), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    hgh_board_init(self->board);
    hgh_share_init(&self->share, self->board, hgh_board_take(self->board, 0));
}

static void shared_done(shared *self)
{
    hgh_arena_close(self->arena);
    hgh_board_unmap(self->board);
    (void)close(self->fd);
}

static int64_t hold(shared *self, hg_text key, int64_t delta, uint64_t now_ms)
{
    int64_t sum = -1;

    assert_int_equal(hgh_table_hold(self->table, key, delta, &self->share, now_ms, &sum), HG_OK);
    return sum;
}

/* A worker that holds `amount` of each of `keys` keys, and stays. */
static pid_t holder_start(shared *self, int keys, int64_t amount)
{
    int ready[2];
    char byte;
    pid_t child;

    assert_int_equal(pipe(ready), 0);
    child = fork();
    if (child == 0) {
        static hgh_share share;
        int64_t sum;

        hgh_share_init(&share, self->board, hgh_board_take(self->board, 1));
        for (int i = 0; i < keys; i++) {
            char key = (char)('a' + i);

            (void)hgh_table_hold(self->table, (hg_text){&key, 1}, amount, &share, 0, &sum);
        }
        (void)!write(ready[1], "", 1);
        for (;;) {
            (void)pause();
        }
    }
    assert_int_equal(read(ready[0], &byte, 1), 1);
    (void)close(ready[0]);
    (void)close(ready[1]);
    return child;
}

static void holder_kill(pid_t child)
{
    (void)kill(child, SIGKILL);
    (void)waitpid(child, NULL, 0);
}

static void shares_add_up_and_never_become_negative(void **state)
{
    shared self;
    pid_t child;

    (void)state;
    shared_init(&self, 10);
    child = holder_start(&self, 1, 3);
    assert_int_equal(hold(&self, HG_TEXT("a"), 2, 0), 5);
    assert_int_equal(hold(&self, HG_TEXT("b"), 1, 0), 1);
    assert_int_equal(hold(&self, HG_TEXT("a"), -1, 0), 4);
    assert_int_equal(hold(&self, HG_TEXT("a"), -7, 0), 3); /* what the other one holds stays */
    assert_int_equal(hold(&self, HG_TEXT("a"), 1, 0), 4);
    holder_kill(child);
    shared_done(&self);
}

static void a_killed_worker_takes_its_share_with_it(void **state)
{
    shared self;
    pid_t child;

    (void)state;
    shared_init(&self, 10);
    child = holder_start(&self, 1, 3);
    assert_int_equal(hold(&self, HG_TEXT("a"), 1, 5000), 4);
    holder_kill(child);
    /* It was looked at a moment ago: it counts for a second at most. */
    assert_int_equal(hold(&self, HG_TEXT("a"), 1, 5000 + HGH_SHARE_LOOK_MS - 1), 5);
    assert_int_equal(hold(&self, HG_TEXT("a"), 1, 5000 + HGH_SHARE_LOOK_MS), 3);
    assert_int_equal(hold(&self, HG_TEXT("a"), -3, 9000), 0);
    shared_done(&self);
}

static void whoever_takes_the_slot_of_a_dead_worker_does_not_inherit(void **state)
{
    shared self;
    pid_t child;

    (void)state;
    shared_init(&self, 10);
    child = holder_start(&self, 1, 3);
    holder_kill(child);
    atomic_store(&self.board->slot[1].owner, 0); /* control has cleared it */
    child = holder_start(&self, 1, 1);
    assert_int_equal(hold(&self, HG_TEXT("a"), 1, 0), 2);
    holder_kill(child);
    shared_done(&self);
}

static void room_that_the_dead_have_taken_is_used_again(void **state)
{
    enum {
        KEYS = 26
    };
    shared self;
    pid_t child;

    (void)state;
    shared_init(&self, 1);
    for (int round = 0; round < 20; round++) { /* 64 slots: the dead fill them three times */
        child = holder_start(&self, KEYS, 1);
        holder_kill(child);
        assert_int_equal(hold(&self, HG_TEXT("x"), 1, (uint64_t)round * 10000), round + 1);
    }
    shared_done(&self);
}

static void alone_there_are_no_others(void **state)
{
    static hgh_share share;
    hgh_arena *arena = hgh_arena_new(HGH_ARENA_MIN_BYTES);
    hgh_table *table = NULL;
    int64_t sum = 0;

    (void)state;
    hgh_share_init(&share, NULL, NULL);
    assert_int_equal(hgh_arena_open_table(arena, "t", "1", 1, 0, &table, NULL, NULL), HG_OK);
    for (int i = 0; i < 64; i++) {
        char key = (char)i;

        assert_int_equal(hgh_table_hold(table, (hg_text){&key, 1}, 1, &share, 0, &sum), HG_OK);
        assert_int_equal(sum, 1);
    }
    assert_int_equal(hgh_table_hold(table, HG_TEXT("one more"), 1, &share, 0, &sum), HG_ERR_FULL);
    assert_int_equal(hgh_table_hold(table, HG_TEXT("one more"), -1, &share, 0, &sum), HG_OK);
    assert_int_equal(sum, 0);
    hgh_arena_close(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shares_add_up_and_never_become_negative),
        cmocka_unit_test(a_killed_worker_takes_its_share_with_it),
        cmocka_unit_test(whoever_takes_the_slot_of_a_dead_worker_does_not_inherit),
        cmocka_unit_test(room_that_the_dead_have_taken_is_used_again),
        cmocka_unit_test(alone_there_are_no_others),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
