/* tests/unit/core/test_arena.c - shared tables count exactly, expire, fill up and survive kills. */
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "host/core/arena.h"
#include "tests/unit/unit.h"

static hgh_table *open_table(hgh_arena *arena, const char *name, uint32_t entries)
{
    hgh_table *table = NULL;
    hg_error err = HG_ERROR_INIT;

    if (hgh_arena_open_table(arena, name, "1", entries, 0, &table, NULL, &err) != HG_OK) {
        fail_msg("%s", err.text);
    }
    return table;
}

static void values_live_until_their_time_is_over(void **state)
{
    hgh_arena *arena = hgh_arena_new(HGH_ARENA_MIN_BYTES);
    hgh_table *table = open_table(arena, "t", 10);
    int64_t value = 0;
    uint64_t ttl_ms = 9;

    (void)state;
    assert_int_equal(hgh_table_get(table, HG_TEXT("a"), 0, &value, NULL), HG_ERR_NOT_FOUND);
    assert_int_equal(hgh_table_add(table, HG_TEXT("a"), 2, 100, 1000, &value, &ttl_ms), HG_OK);
    assert_int_equal(value, 2);
    assert_int_equal(ttl_ms, 100);
    assert_int_equal(hgh_table_add(table, HG_TEXT("a"), -5, 100, 1040, &value, &ttl_ms), HG_OK);
    assert_int_equal(value, -3);
    assert_int_equal(ttl_ms, 60); /* an addition does not lengthen the life */
    assert_int_equal(hgh_table_get(table, HG_TEXT("a"), 1100, &value, NULL), HG_ERR_NOT_FOUND);
    assert_int_equal(hgh_table_add(table, HG_TEXT("a"), 1, 0, 1100, &value, &ttl_ms), HG_OK);
    assert_int_equal(value, 1);
    assert_int_equal(ttl_ms, 0);
    assert_int_equal(hgh_table_compare_and_set(table, HG_TEXT("a"), 2, 7, 0), HG_ERR_CONFLICT);
    assert_int_equal(hgh_table_compare_and_set(table, HG_TEXT("a"), 1, 7, 0), HG_OK);
    assert_int_equal(hgh_table_get(table, HG_TEXT("a"), 1 << 30, &value, NULL), HG_OK);
    assert_int_equal(value, 7);
    assert_int_equal(hgh_table_remove(table, HG_TEXT("a"), 0), HG_OK);
    assert_int_equal(hgh_table_remove(table, HG_TEXT("a"), 0), HG_ERR_NOT_FOUND);
    hgh_arena_close(arena);
}

static void a_value_is_replaced_if_nobody_was_faster(void **state)
{
    hgh_arena *arena = hgh_arena_new(HGH_ARENA_MIN_BYTES);
    hgh_table *table = open_table(arena, "t", 10);
    int64_t value = 0;
    uint64_t ttl_ms = 0;

    (void)state;
    assert_int_equal(hgh_table_replace(table, HG_TEXT("a"), 1, 7, 100, 0), HG_ERR_CONFLICT);
    assert_int_equal(hgh_table_replace(table, HG_TEXT("a"), 0, 7, 100, 0), HG_OK);
    assert_int_equal(hgh_table_replace(table, HG_TEXT("a"), 0, 8, 100, 50), HG_ERR_CONFLICT);
    assert_int_equal(hgh_table_replace(table, HG_TEXT("a"), 7, 8, 100, 50), HG_OK);
    assert_int_equal(hgh_table_get(table, HG_TEXT("a"), 60, &value, &ttl_ms), HG_OK);
    assert_int_equal(value, 8);
    assert_int_equal(ttl_ms, 90);                                                  /* a new life */
    assert_int_equal(hgh_table_replace(table, HG_TEXT("a"), 0, 9, 0, 150), HG_OK); /* expired */
    hgh_arena_close(arena);
}

static void a_table_holds_what_it_was_made_for_and_then_refuses(void **state)
{
    enum {
        ENTRIES = 20000
    };
    hgh_arena *arena = hgh_arena_new(4u << 20);
    hgh_table *table = open_table(arena, "t", ENTRIES);
    char key[32];
    int full = 0;
    int64_t value;

    (void)state;
    for (int i = 0; i < ENTRIES * 4; i++) {
        int length = snprintf(key, sizeof(key), "key-%d", i);
        hg_status status = hgh_table_set(table, (hg_text){key, (size_t)length}, i, 0, 0);

        if (i < ENTRIES) {
            assert_int_equal(status, HG_OK);
        }
        full += status == HG_ERR_FULL;
    }
    assert_true(full > 0);
    for (int i = 0; i < ENTRIES; i++) { /* no live value was dropped for a new one */
        int length = snprintf(key, sizeof(key), "key-%d", i);

        assert_int_equal(hgh_table_get(table, (hg_text){key, (size_t)length}, 0, &value, NULL),
                         HG_OK);
        assert_int_equal(value, i);
    }
    hgh_arena_close(arena);
}

static void room_of_expired_values_is_used_again(void **state)
{
    hgh_arena *arena = hgh_arena_new(HGH_ARENA_MIN_BYTES);
    hgh_table *table = open_table(arena, "t", 10);
    char key[32];

    (void)state;
    for (int i = 0; i < 10000; i++) {
        int length = snprintf(key, sizeof(key), "%d", i);

        assert_int_equal(hgh_table_set(table, (hg_text){key, (size_t)length}, i, 5, (uint64_t)i),
                         HG_OK);
    }
    hgh_arena_close(arena);
}

static void a_name_with_another_layout_is_another_table(void **state)
{
    hgh_arena *arena = hgh_arena_new(HGH_ARENA_MIN_BYTES);
    hgh_table *first = open_table(arena, "t", 10);
    hgh_table *second = NULL;
    const char *left = "";
    int64_t value;

    (void)state;
    assert_int_equal(hgh_table_set(first, HG_TEXT("a"), 1, 0, 0), HG_OK);
    assert_int_equal(hgh_arena_open_table(arena, "other", "2", 10, 0, &second, &left, NULL), HG_OK);
    assert_null(left);
    assert_int_equal(hgh_arena_open_table(arena, "t", "2", 10, 0, &second, &left, NULL), HG_OK);
    assert_string_equal(left, "1");
    assert_int_equal(hgh_table_get(second, HG_TEXT("a"), 0, &value, NULL), HG_ERR_NOT_FOUND);
    assert_int_equal(hgh_arena_open_table(arena, "t", "1", 10, 0, &second, &left, NULL), HG_OK);
    assert_ptr_equal(second, first); /* the way back finds what was there */
    assert_null(left);
    assert_int_equal(hgh_arena_open_table(arena, "t", "3", 10, 0, &second, &left, NULL), HG_OK);
    assert_string_equal(left, "2"); /* of several the latest */
    hgh_arena_close(arena);
}

static void refusals_say_what_was_wanted(void **state)
{
    hgh_arena *arena = hgh_arena_new(HGH_ARENA_MIN_BYTES);
    char long_name[200];
    static const struct {
        const char *label;
        const char *layout;
        uint32_t entries;
        hg_status status;
        const char *text;
    } cases[] = {
        {"no entries", "1", 0, HG_ERR_INVALID, "found 0 entries"},
        {"too many entries", "1", (1u << 24) + 1, HG_ERR_INVALID, "wanted 1 to 16777216"},
        {"larger than the arena", "1", 1u << 20, HG_ERR_FULL, "hotgate.shared_memory"},
        {"layout too long", "0123456789012345678901234567890123456789", 1, HG_ERR_INVALID,
         "layout has 40 bytes"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        hg_error err = HG_ERROR_INIT;
        hgh_table *table = NULL;
        hg_status status = hgh_arena_open_table(arena, "t", cases[i].layout, cases[i].entries, 0,
                                                &table, NULL, &err);

        if (status != cases[i].status || strstr(err.text, cases[i].text) == NULL) {
            fail_msg("%s: got %d, \"%s\"", cases[i].label, (int)status, err.text);
        }
        assert_null(table);
    }
    memset(long_name, 'n', sizeof(long_name));
    long_name[sizeof(long_name) - 1] = '\0';
    hgh_table *table = NULL;
    assert_int_equal(hgh_arena_open_table(arena, long_name, "1", 1, 0, &table, NULL, NULL),
                     HG_ERR_INVALID);
    assert_null(hgh_arena_new(100));
    hgh_arena_close(arena);
}

static void count_text(void *context, hg_text key, int64_t value)
{
    int64_t *sum = context;

    assert_true(hg_text_starts_with(key, HG_TEXT("k")));
    *sum += value;
}

static void entries_with_text_are_enumerated(void **state)
{
    hgh_arena *arena = hgh_arena_new(HGH_ARENA_MIN_BYTES);
    hgh_table *table = NULL;
    int64_t sum = 0;

    (void)state;
    assert_int_equal(hgh_arena_open_table(arena, "m", "1", 10, 3, &table, NULL, NULL), HG_OK);
    assert_int_equal(hgh_table_set(table, HG_TEXT("k1"), 1, 0, 0), HG_OK);
    assert_int_equal(hgh_table_set(table, HG_TEXT("k-is-long"), 10, 0, 0), HG_OK);
    assert_int_equal(hgh_table_set(table, HG_TEXT("k3"), 100, 5, 0), HG_OK);
    hgh_table_each(table, 1, count_text, &sum);
    assert_int_equal(sum, 111);
    sum = 0;
    hgh_table_each(table, 6, count_text, &sum); /* k3 has expired */
    assert_int_equal(sum, 11);
    hgh_arena_close(arena);
}

static int64_t progress(const int64_t *acknowledged, int count)
{
    int64_t sum = 0;

    for (int i = 0; i < count; i++) {
        sum += __atomic_load_n(&acknowledged[i], __ATOMIC_ACQUIRE);
    }
    return sum;
}

/* Children add as fast as they can and are killed in the middle: each loses one addition at most,
 * and the table goes on working. Every child counts in private what it has seen acknowledged. */
static void a_killed_worker_loses_one_update_at_most(void **state)
{
    enum {
        CHILDREN = 3,
        ROUNDS = 10
    };
    size_t size = HGH_ARENA_MIN_BYTES;
    int fd = memfd_create("arena", MFD_CLOEXEC);
    int64_t *acknowledged =
        mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    hgh_arena *arena = NULL;
    void *memory;
    hgh_table *table;
    int64_t value = 0;
    int64_t sum = 0;

    (void)state;
    assert_int_equal(ftruncate(fd, (off_t)size), 0);
    memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    assert_int_equal(hgh_arena_init(memory, size, NULL), HG_OK);
    assert_int_equal(hgh_arena_map(fd, true, &arena, NULL), HG_OK);
    table = open_table(arena, "t", 10);
    for (int round = 0; round < ROUNDS; round++) {
        pid_t children[CHILDREN];

        for (int i = 0; i < CHILDREN; i++) {
            children[i] = fork();
            if (children[i] == 0) {
                int64_t *mine = &acknowledged[round * CHILDREN + i];
                int64_t seen;

                for (;;) {
                    (void)hgh_table_add(table, HG_TEXT("n"), 1, 0, 0, &seen, NULL);
                    __atomic_add_fetch(mine, 1, __ATOMIC_RELEASE);
                }
            }
        }
        for (int i = 0; i < CHILDREN; i++) {
            /* Progress, not time. A lock is not fair: one of them may come to it hardly ever. */
            while (progress(&acknowledged[round * CHILDREN], CHILDREN) < 1000 * (i + 1)) {
                (void)usleep(100);
            }
            (void)kill(children[i], SIGKILL);
            (void)waitpid(children[i], NULL, 0);
        }
    }
    for (int i = 0; i < CHILDREN * ROUNDS; i++) {
        sum += acknowledged[i];
    }
    assert_int_equal(hgh_table_get(table, HG_TEXT("n"), 0, &value, NULL), HG_OK);
    /* A child killed between the addition and its own count is one more in the table. */
    assert_in_range(value, sum, sum + CHILDREN * ROUNDS);
    hgh_arena_close(arena);
    (void)munmap(memory, size);
    (void)munmap(acknowledged, 4096);
    (void)close(fd);
}

static void a_block_of_another_kind_is_not_mapped(void **state)
{
    int fd = memfd_create("arena", MFD_CLOEXEC);
    hgh_arena *arena = NULL;
    hg_error err = HG_ERROR_INIT;

    (void)state;
    assert_int_equal(ftruncate(fd, 100), 0);
    assert_int_equal(hgh_arena_map(fd, false, &arena, &err), HG_ERR_INVALID);
    assert_int_equal(ftruncate(fd, HGH_ARENA_MIN_BYTES), 0);
    assert_int_equal(hgh_arena_map(fd, false, &arena, &err), HG_ERR_INVALID);
    assert_non_null(strstr(err.text, "another version"));
    (void)close(fd);
}

static void count_table(void *context, const char *name, const char *layout, hgh_table *table)
{
    unsigned *count = context;

    (void)name;
    (void)layout;
    (void)table;
    (*count)++;
}

static void plain_memory_is_found_again_and_is_no_table(void **state)
{
    hgh_arena *arena = hgh_arena_new(HGH_ARENA_MIN_BYTES);
    unsigned char *memory = NULL;
    void *again = NULL;
    unsigned tables = 0;
    hg_error err = HG_ERROR_INIT;

    (void)state;
    assert_int_equal(hgh_arena_open_block(arena, "cells", "v1", 4096, (void **)&memory, &err),
                     HG_OK);
    for (size_t i = 0; i < 4096; i++) {
        assert_int_equal(memory[i], 0);
    }
    memset(memory, 0xff, 4096);
    assert_int_equal(hgh_arena_open_block(arena, "cells", "v1", 4096, &again, &err), HG_OK);
    assert_ptr_equal(again, memory);
    assert_int_equal(hgh_arena_open_block(arena, "cells", "v2", 4096, &again, &err), HG_OK);
    assert_ptr_not_equal(again, memory);
    hgh_arena_each_table(arena, count_table, &tables);
    assert_int_equal(tables, 0);
    assert_int_equal(hgh_arena_open_block(arena, "huge", "v1", HGH_ARENA_MIN_BYTES, &again, &err),
                     HG_ERR_FULL);
    assert_non_null(strstr(err.text, "hotgate.shared_memory"));
    hgh_arena_close(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain_memory_is_found_again_and_is_no_table),
        cmocka_unit_test(values_live_until_their_time_is_over),
        cmocka_unit_test(a_value_is_replaced_if_nobody_was_faster),
        cmocka_unit_test(a_table_holds_what_it_was_made_for_and_then_refuses),
        cmocka_unit_test(room_of_expired_values_is_used_again),
        cmocka_unit_test(a_name_with_another_layout_is_another_table),
        cmocka_unit_test(refusals_say_what_was_wanted),
        cmocka_unit_test(entries_with_text_are_enumerated),
        cmocka_unit_test(a_killed_worker_loses_one_update_at_most),
        cmocka_unit_test(a_block_of_another_kind_is_not_mapped),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
