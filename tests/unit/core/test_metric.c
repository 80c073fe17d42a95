/* tests/unit/core/test_metric.c - numbers by labels, shared, exact, and remembered. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "host/core/metric.h"
#include "tests/unit/unit.h"

#define ARENA_BYTES (8u << 20)
#define PROCESSES   4
#define ADDITIONS   100000

static const hg_metric requests = {
    .kind = HG_METRIC_COUNTER, .name = "requests", .labels = {"status", "route"}};
static const hg_metric live = {.kind = HG_METRIC_GAUGE, .name = "live"};
static const hg_metric few = {
    .kind = HG_METRIC_COUNTER, .name = "few", .series_max = 2, .labels = {"key"}};

static hgh_arena *arena;

static int set_up(void **state)
{
    (void)state;
    arena = hgh_arena_new(ARENA_BYTES);
    return arena == NULL ? -1 : 0;
}

static int tear_down(void **state)
{
    (void)state;
    hgh_arena_close(arena);
    return 0;
}

static void open_metric(hgh_metric *metric, const hg_metric *declared)
{
    hg_error err = HG_ERROR_INIT;

    *metric = (hgh_metric){0};
    if (hgh_metric_open(metric, arena, "plugin", declared, &err) != HG_OK) {
        fail_msg("%s", err.text);
    }
}

static int64_t number_of(const hgh_metric *metric, const char *first, const char *second)
{
    const hg_text labels[2] = {hg_text_of(first), hg_text_of(second)};
    int64_t value = -1;

    (void)hgh_metric_get(metric, labels, &value);
    return value;
}

static void count(hgh_metric *metric, const char *first, const char *second, int64_t delta)
{
    const hg_text labels[2] = {hg_text_of(first), hg_text_of(second)};

    assert_int_equal(hgh_metric_add(metric, delta, labels), HG_OK);
}

static void each_combination_of_labels_has_its_number(void **state)
{
    hgh_metric metric;

    (void)state;
    open_metric(&metric, &requests);
    count(&metric, "200", "a", 1);
    count(&metric, "200", "b", 10);
    count(&metric, "200", "a", 2);
    count(&metric, "20", "0a", 100); /* not the same as the first */
    assert_int_equal(number_of(&metric, "200", "a"), 3);
    assert_int_equal(number_of(&metric, "200", "b"), 10);
    assert_int_equal(number_of(&metric, "20", "0a"), 100);
    assert_int_equal(number_of(&metric, "500", "a"), -1);
    assert_int_equal(hgh_metric_add(&metric, 1, NULL), HG_OK); /* labels left out are empty */
    assert_int_equal(number_of(&metric, "", ""), 1);
    hgh_metric_done(&metric);
}

static void what_is_forgotten_is_found_again(void **state)
{
    hgh_metric metric;
    char route[200];

    (void)state;
    open_metric(&metric, &requests);
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < 500; i++) { /* many more than are remembered */
            (void)snprintf(route, sizeof(route), "%d-%0*d", i, i % 150, 0);
            count(&metric, "200", route, i);
        }
    }
    for (int i = 0; i < 500; i++) {
        (void)snprintf(route, sizeof(route), "%d-%0*d", i, i % 150, 0);
        assert_int_equal(number_of(&metric, "200", route), 3 * i);
    }
    hgh_metric_done(&metric);
}

/* What one version of a plugin has counted the next one goes on with. */
static void a_number_outlives_who_counts(void **state)
{
    hgh_metric first;
    hgh_metric second;

    (void)state;
    open_metric(&first, &requests);
    count(&first, "200", "a", 5);
    open_metric(&second, &requests);
    count(&second, "200", "a", 1);
    count(&first, "200", "a", 1);
    assert_int_equal(number_of(&second, "200", "a"), 7);
    hgh_metric_done(&first);
    count(&second, "200", "a", 1);
    assert_int_equal(number_of(&second, "200", "a"), 8);
    hgh_metric_done(&second);
}

static void a_gauge_is_set_and_a_counter_only_grows(void **state)
{
    hgh_metric gauge;
    hgh_metric counter;
    int64_t value = 0;

    (void)state;
    open_metric(&gauge, &live);
    open_metric(&counter, &requests);
    assert_int_equal(hgh_metric_set(&gauge, 7, NULL), HG_OK);
    assert_int_equal(hgh_metric_add(&gauge, -2, NULL), HG_OK);
    assert_int_equal(hgh_metric_get(&gauge, NULL, &value), HG_OK);
    assert_int_equal(value, 5);
    assert_int_equal(hgh_metric_add(&counter, -1, NULL), HG_ERR_INVALID);
    assert_int_equal(hgh_metric_set(&counter, 1, NULL), HG_ERR_INVALID);
    hgh_metric_done(&gauge);
    hgh_metric_done(&counter);
}

static void a_full_metric_says_so_and_keeps_what_it_has(void **state)
{
    hgh_metric metric;
    char key[16];
    hg_text label = {key, 0};
    int64_t value = 0;
    int kept = 0;

    (void)state;
    open_metric(&metric, &few);
    for (int i = 0; i < 100000; i++) {
        label.length = (size_t)snprintf(key, sizeof(key), "%d", i);
        if (hgh_metric_add(&metric, 1, &label) == HG_ERR_FULL) {
            break;
        }
        kept++;
    }
    assert_in_range(kept, 2, 99999);
    label = HG_TEXT("0");
    assert_int_equal(hgh_metric_add(&metric, 1, &label), HG_OK);
    assert_int_equal(hgh_metric_get(&metric, &label, &value), HG_OK);
    assert_int_equal(value, 2);
    hgh_metric_done(&metric);
}

/* Keys that differ only behind what is kept of them are one. */
static void very_long_labels_are_cut(void **state)
{
    hgh_metric metric;
    char label[600];
    hg_text labels[2] = {{label, sizeof(label)}, {label, sizeof(label)}};
    int64_t value = 0;

    (void)state;
    memset(label, 'x', sizeof(label));
    open_metric(&metric, &requests);
    assert_int_equal(hgh_metric_add(&metric, 1, labels), HG_OK);
    label[sizeof(label) - 1] = 'y';
    assert_int_equal(hgh_metric_add(&metric, 1, labels), HG_OK);
    assert_int_equal(hgh_metric_get(&metric, labels, &value), HG_OK);
    assert_int_equal(value, 2);
    hgh_metric_done(&metric);
}

static void processes_that_count_together_lose_nothing(void **state)
{
    int fd = memfd_create("arena", MFD_CLOEXEC);
    void *memory;
    hgh_arena *shared = NULL;
    hg_error err = HG_ERROR_INIT;
    hgh_metric metric = {0};

    (void)state;
    assert_int_equal(ftruncate(fd, ARENA_BYTES), 0);
    memory = mmap(NULL, ARENA_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    assert_int_equal(hgh_arena_init(memory, ARENA_BYTES, &err), HG_OK);
    for (int i = 0; i < PROCESSES; i++) {
        if (fork() == 0) {
            hg_text labels[2] = {HG_TEXT("200"), HG_TEXT("a")};
            bool is_good = hgh_arena_map(fd, true, &shared, NULL) == HG_OK &&
                           hgh_metric_open(&metric, shared, "p", &requests, NULL) == HG_OK;

            for (int k = 0; k < ADDITIONS && is_good; k++) {
                is_good = hgh_metric_add(&metric, 1, labels) == HG_OK;
            }
            _exit(is_good ? 0 : 1);
        }
    }
    for (int i = 0; i < PROCESSES; i++) {
        int status = 0;

        assert_true(wait(&status) > 0);
        assert_int_equal(status, 0);
    }
    assert_int_equal(hgh_arena_map(fd, true, &shared, &err), HG_OK);
    assert_int_equal(hgh_metric_open(&metric, shared, "p", &requests, &err), HG_OK);
    assert_int_equal(number_of(&metric, "200", "a"), PROCESSES * ADDITIONS);
    hgh_metric_done(&metric);
    hgh_arena_close(shared);
    (void)munmap(memory, ARENA_BYTES);
    (void)close(fd);
}

static void what_is_no_metric_is_refused(void **state)
{
    static const hg_metric cases[] = {
        {.kind = HG_METRIC_COUNTER},
        {.kind = HG_METRIC_COUNTER, .name = ""},
        {.kind = 7, .name = "a"},
        {.kind = HG_METRIC_GAUGE,
         .name = "a234567890123456789012345678901234567890123456789012345678901234"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        hgh_metric metric = {0};
        hg_error err = HG_ERROR_INIT;

        assert_int_equal(hgh_metric_open(&metric, arena, "plugin", &cases[i], &err),
                         HG_ERR_INVALID);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(each_combination_of_labels_has_its_number, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(what_is_forgotten_is_found_again, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_number_outlives_who_counts, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_gauge_is_set_and_a_counter_only_grows, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_full_metric_says_so_and_keeps_what_it_has, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(very_long_labels_are_cut, set_up, tear_down),
        cmocka_unit_test_setup_teardown(processes_that_count_together_lose_nothing, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(what_is_no_metric_is_refused, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
