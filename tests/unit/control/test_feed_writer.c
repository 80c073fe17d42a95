/* tests/unit/control/test_feed_writer.c - what is published is whole, bounded and continued. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "host/control/feed_writer.h"
#include "host/core/feed.h"
#include "tests/unit/unit.h"

#define VALUE_MAX (1u << 20)

typedef struct feed_test {
    char directory[64];
    hgh_resource_table *table;
    hgh_feed_writer *writer;
    uint8_t store_id[16];
    int wake;
} feed_test;

static hg_status open_with(feed_test *test, const char *manifest, hg_error *err)
{
    hgh_feed_writer_options options = {
        .directory = test->directory,
        .group = (gid_t)-1,
        .store_id = test->store_id,
        .table = test->table,
        .manifest = manifest,
        .wake = test->wake,
    };

    return hgh_feed_writer_open(&options, &test->writer, err);
}

static void reopen(feed_test *test, const char *manifest)
{
    hg_error err = HG_ERROR_INIT;

    hgh_feed_writer_close(test->writer);
    test->writer = NULL;
    if (open_with(test, manifest, &err) != HG_OK) {
        fail_msg("%s", err.text);
    }
}

static int set_up(void **state)
{
    feed_test *test = calloc(1, sizeof(*test));

    assert_non_null(test);
    (void)strcpy(test->directory, "/tmp/hotgate-feed-XXXXXX");
    assert_non_null(mkdtemp(test->directory));
    memset(test->store_id, 7, sizeof(test->store_id));
    test->table = hgh_resource_table_new();
    test->wake = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    reopen(test, NULL);
    *state = test;
    return 0;
}

static int tear_down(void **state)
{
    feed_test *test = *state;
    char command[128];

    hgh_feed_writer_close(test->writer);
    hgh_resource_table_free(test->table);
    (void)close(test->wake);
    (void)snprintf(command, sizeof(command), "rm -rf %s", test->directory);
    assert_int_equal(system(command), 0);
    free(test);
    return 0;
}

static void table_put(feed_test *test, const char *key, const char *value, size_t length)
{
    uint64_t revision = hgh_resource_table_revision(test->table) + 1;
    hgh_resource_object *object = hgh_resource_object_new(test->table, key, value, length, NULL);

    assert_non_null(object);
    object->created = revision;
    object->modified = revision;
    hgh_resource_table_put(test->table, object);
    hgh_resource_table_set_revision(test->table, revision);
}

/* A whole write, as control does it: reserve, store, append, publish. */
static hg_status put(feed_test *test, const char *key, const char *value, size_t length)
{
    hg_status status =
        hgh_feed_writer_begin(test->writer, hgh_feed_record_size(strlen(key), length), NULL);
    uint64_t revision;

    if (status != HG_OK) {
        return status;
    }
    table_put(test, key, value, length);
    revision = hgh_resource_table_revision(test->table);
    hgh_feed_writer_put(test->writer, revision, revision, key, value, length);
    return hgh_feed_writer_publish(test->writer, NULL);
}

static void put_text(feed_test *test, const char *key, const char *value)
{
    assert_int_equal(put(test, key, value, strlen(value)), HG_OK);
}

/* What a worker that starts now would see, as one line: "M=x P(r/1)=y B D(r/1)"... */
static void read_feed(const feed_test *test, char *into, size_t size)
{
    static const char *const names[] = {"?", "P", "D", "B", "PREPARE", "COMMIT", "ABORT", "M"};
    uint64_t word = hgh_feed_writer_word(test->writer);
    uint64_t length = hgh_feed_word_offset(word);
    char path[128];
    char *bytes;
    size_t used = 0;
    int fd;

    (void)snprintf(path, sizeof(path), "%s/" HGH_FEED_FILE_FORMAT, test->directory,
                   hgh_feed_word_epoch(word));
    fd = open(path, O_RDONLY);
    assert_true(fd >= 0);
    bytes = mmap(NULL, length, PROT_READ, MAP_SHARED, fd, 0);
    assert_true(bytes != MAP_FAILED);
    into[0] = '\0';
    for (uint64_t at = sizeof(hgh_feed_header); at < length;) {
        const hgh_feed_record *record = hgh_feed_record_check(bytes + at, length - at);

        assert_non_null(record);
        used += (size_t)snprintf(into + used, size - used, "%s%s(%s)=%.9s", used == 0 ? "" : " ",
                                 names[record->kind], hgh_feed_record_key(record),
                                 hgh_feed_record_value(record));
        assert_true(used < size);
        at += record->length;
    }
    (void)munmap(bytes, length);
    (void)close(fd);
}

static void assert_feed(const feed_test *test, const char *expected)
{
    char seen[4000];

    read_feed(test, seen, sizeof(seen));
    assert_string_equal(seen, expected);
}

static bool file_is_there(const feed_test *test, uint32_t epoch)
{
    char path[128];

    (void)snprintf(path, sizeof(path), "%s/" HGH_FEED_FILE_FORMAT, test->directory, epoch);
    return access(path, F_OK) == 0;
}

static uint32_t epoch_of(const feed_test *test)
{
    return hgh_feed_word_epoch(hgh_feed_writer_word(test->writer));
}

static void an_empty_instance_publishes_an_empty_state(void **state)
{
    feed_test *test = *state;
    char path[128];
    struct stat about;

    assert_int_equal(epoch_of(test), 1);
    assert_feed(test, "B()=");
    (void)snprintf(path, sizeof(path), "%s/1.feed", test->directory);
    assert_int_equal(stat(path, &about), 0);
    assert_int_equal(about.st_mode & 0777, 0640);
    (void)snprintf(path, sizeof(path), "%s/word", test->directory);
    assert_int_equal(stat(path, &about), 0);
    assert_int_equal(about.st_mode & 0777, 0640);
    assert_int_equal(about.st_size, 4096);
}

static void a_transaction_is_one_move_of_the_word(void **state)
{
    feed_test *test = *state;
    uint64_t before = hgh_feed_writer_word(test->writer);
    uint64_t wakes = 0;

    assert_int_equal(read(test->wake, &wakes, sizeof(wakes)), sizeof(wakes));
    assert_int_equal(hgh_feed_writer_begin(test->writer, 400, NULL), HG_OK);
    hgh_feed_writer_put(test->writer, 1, 1, "r/1", "one", 3);
    hgh_feed_writer_delete(test->writer, 1, "r/2");
    assert_int_equal(hgh_feed_writer_word(test->writer), before);
    assert_int_equal(read(test->wake, &wakes, sizeof(wakes)), -1);
    table_put(test, "r/1", "one", 3);
    assert_int_equal(hgh_feed_writer_publish(test->writer, NULL), HG_OK);
    assert_true(hgh_feed_writer_word(test->writer) > before);
    assert_int_equal(read(test->wake, &wakes, sizeof(wakes)), sizeof(wakes));
    assert_int_equal(wakes, 1);
    assert_feed(test, "B()= P(r/1)=one D(r/2)=");
}

static void a_cancelled_transaction_leaves_no_trace(void **state)
{
    feed_test *test = *state;

    assert_int_equal(hgh_feed_writer_begin(test->writer, 400, NULL), HG_OK);
    hgh_feed_writer_put(test->writer, 1, 1, "r/1", "one", 3);
    hgh_feed_writer_cancel(test->writer);
    put_text(test, "r/2", "two");
    assert_feed(test, "B()= P(r/2)=two");
}

static void more_than_was_reserved_is_published_from_the_table(void **state)
{
    feed_test *test = *state;

    table_put(test, "r/1", "0123456789", 10);
    assert_int_equal(hgh_feed_writer_begin(test->writer, 8, NULL), HG_OK);
    hgh_feed_writer_put(test->writer, 1, 1, "r/1", "0123456789", 10);
    assert_int_equal(hgh_feed_writer_publish(test->writer, NULL), HG_OK);
    assert_int_equal(epoch_of(test), 2);
    assert_feed(test, "P(r/1)=012345678 B()=");
}

static void a_sound_feed_is_continued(void **state)
{
    feed_test *test = *state;

    put_text(test, "r/1", "one");
    reopen(test, NULL);
    put_text(test, "r/2", "two");
    assert_int_equal(epoch_of(test), 1);
    assert_feed(test, "B()= P(r/1)=one P(r/2)=two");
}

static void damage(const feed_test *test, const char *file, off_t offset, const char *bytes)
{
    char path[128];
    int fd;

    (void)snprintf(path, sizeof(path), "%s/%s", test->directory, file);
    fd = open(path, O_RDWR);
    assert_true(fd >= 0);
    assert_int_equal(pwrite(fd, bytes, strlen(bytes), offset), strlen(bytes));
    (void)close(fd);
}

static void the_store_got_ahead(feed_test *test)
{
    table_put(test, "r/2", "two", 3);
}

static void the_store_is_another(feed_test *test)
{
    test->store_id[3] = 99;
}

static void a_record_is_damaged(feed_test *test)
{
    damage(test, "1.feed", sizeof(hgh_feed_header) + 60, "x");
}

static void the_header_is_damaged(feed_test *test)
{
    damage(test, "1.feed", 0, "X");
}

static void the_file_is_missing(feed_test *test)
{
    char path[128];

    (void)snprintf(path, sizeof(path), "%s/1.feed", test->directory);
    assert_int_equal(unlink(path), 0);
}

static void the_word_is_beyond_the_file(feed_test *test)
{
    damage(test, "word", 0, "\xff\xff\xff\xff\x7f");
}

static void any_doubt_about_a_feed_starts_a_new_epoch_from_the_table(void **state)
{
    static const struct {
        const char *label;
        void (*happens)(feed_test *test);
        const char *feed;
    } cases[] = {
        {"store ahead", the_store_got_ahead, "P(r/1)=one P(r/2)=two B()="},
        {"another store", the_store_is_another, "P(r/1)=one B()="},
        {"damaged record", a_record_is_damaged, "P(r/1)=one B()="},
        {"damaged header", the_header_is_damaged, "P(r/1)=one B()="},
        {"missing file", the_file_is_missing, "P(r/1)=one B()="},
        {"word too far", the_word_is_beyond_the_file, "P(r/1)=one B()="},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        feed_test *test = NULL;
        char seen[200];

        (void)set_up((void **)&test);
        put_text(test, "r/1", "one");
        hgh_feed_writer_close(test->writer);
        test->writer = NULL;
        cases[i].happens(test);
        reopen(test, NULL);
        read_feed(test, seen, sizeof(seen));
        if (epoch_of(test) != 2 || strcmp(seen, cases[i].feed) != 0) {
            fail_msg("%s: epoch %u, %s", cases[i].label, epoch_of(test), seen);
        }
        (void)tear_down((void **)&test);
    }
}

static void a_long_feed_is_replaced_and_the_one_before_kept(void **state)
{
    feed_test *test = *state;
    char *value = malloc(VALUE_MAX);

    memset(value, 'x', VALUE_MAX);
    while (epoch_of(test) < 4) {
        uint64_t word = hgh_feed_writer_word(test->writer);

        assert_int_equal(put(test, "r/1", value, VALUE_MAX), HG_OK);
        assert_true(hgh_feed_writer_word(test->writer) > word);
        assert_true(hgh_feed_word_offset(word) <= HGH_FEED_CAPACITY_MIN);
    }
    assert_false(file_is_there(test, 1));
    assert_false(file_is_there(test, 2));
    assert_true(file_is_there(test, 3));
    assert_true(file_is_there(test, 4));
    free(value);
}

static void a_value_larger_than_a_file_gets_a_larger_file(void **state)
{
    feed_test *test = *state;
    size_t length = HGH_FEED_CAPACITY_MIN + 1000;
    char *value = malloc(length);

    memset(value, 'x', length);
    assert_int_equal(put(test, "r/1", value, length), HG_OK);
    put_text(test, "r/2", "two");
    assert_feed(test, "B()= P(r/1)=xxxxxxxxx P(r/2)=two");
    free(value);
}

static void a_feed_much_longer_than_the_state_is_replaced(void **state)
{
    feed_test *test = *state;
    size_t length = 2 * HGH_FEED_CAPACITY_MIN;
    char *value = malloc(length);
    uint32_t epoch;

    memset(value, 'x', length);
    assert_int_equal(put(test, "r/1", value, length), HG_OK);
    put_text(test, "r/2", "two");
    epoch = epoch_of(test);
    hgh_resource_table_remove(test->table, "r/1");
    put_text(test, "r/2", "TWO");
    assert_int_equal(epoch_of(test), epoch + 1);
    assert_feed(test, "P(r/2)=two B()= P(r/2)=TWO");
    free(value);
}

static void a_prepared_generation_is_decided_and_outlives_an_epoch(void **state)
{
    feed_test *test = *state;

    assert_int_equal(hgh_feed_writer_prepare(test->writer, "{\"generation\":1}", NULL), HG_OK);
    assert_null(hgh_feed_writer_manifest(test->writer));
    assert_int_equal(hgh_feed_writer_commit(test->writer, 1, NULL), HG_OK);
    assert_string_equal(hgh_feed_writer_manifest(test->writer), "{\"generation\":1}");
    assert_int_equal(hgh_feed_writer_prepare(test->writer, "{\"generation\":2}", NULL), HG_OK);
    assert_int_equal(hgh_feed_writer_abort(test->writer, 2, NULL), HG_OK);
    assert_feed(test, "B()= PREPARE()={\"generat COMMIT()={\"generat PREPARE()={\"generat "
                      "ABORT()={\"generat");
    table_put(test, "r/1", "one", 3);
    reopen(test, "{\"generation\":1}");
    assert_feed(test, "M()={\"generat P(r/1)=one B()=");
}

static void an_undecided_generation_is_settled_by_the_manifest_in_force(void **state)
{
    static const struct {
        const char *label;
        const char *manifest; /* durable when control came back */
        const char *feed;
        uint32_t epoch;
    } cases[] = {
        {"was written", "{\"generation\":1}", "B()= PREPARE()={\"generat COMMIT()={\"generat", 1},
        {"was not", NULL, "B()= PREPARE()={\"generat ABORT()={\"generat", 1},
        {"is another", "{\"generation\":9}", "M()={\"generat B()=", 2},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        feed_test *test = NULL;
        char seen[200];

        (void)set_up((void **)&test);
        assert_int_equal(hgh_feed_writer_prepare(test->writer, "{\"generation\":1}", NULL), HG_OK);
        reopen(test, cases[i].manifest);
        read_feed(test, seen, sizeof(seen));
        if (strcmp(seen, cases[i].feed) != 0 || epoch_of(test) != cases[i].epoch) {
            fail_msg("%s: %s", cases[i].label, seen);
        }
        (void)tear_down((void **)&test);
    }
}

static void limit_files_to(rlim_t bytes)
{
    struct rlimit limit;

    (void)signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    limit.rlim_cur = bytes;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static void a_full_disk_refuses_the_write_and_changes_nothing(void **state)
{
    feed_test *test = *state;
    uint64_t word = hgh_feed_writer_word(test->writer);
    hg_error err = HG_ERROR_INIT;

    limit_files_to(1u << 20);
    assert_int_equal(hgh_feed_writer_begin(test->writer, 2u << 20, &err), HG_ERR_FULL);
    limit_files_to(RLIM_INFINITY);
    assert_non_null(strstr(err.text, "state/feed: reserving disk space"));
    assert_int_equal(hgh_feed_writer_word(test->writer), word);
    put_text(test, "r/1", "one");
    assert_feed(test, "B()= P(r/1)=one");
}

static void what_fits_exactly_needs_no_chunk_more(void **state)
{
    feed_test *test = *state;

    limit_files_to(100u << 10); /* less than what is reserved at once on a large disk */
    put_text(test, "r/1", "one");
    limit_files_to(RLIM_INFINITY);
    assert_feed(test, "B()= P(r/1)=one");
}

static void a_full_disk_refuses_a_new_epoch_and_keeps_the_old(void **state)
{
    feed_test *test = *state;
    hg_error err = HG_ERROR_INIT;

    put_text(test, "r/1", "one");
    table_put(test, "r/2", "two", 3);
    hgh_feed_writer_close(test->writer);
    test->writer = NULL;
    limit_files_to(5000);
    for (int i = 3; i < 200; i++) {
        char key[16];

        (void)snprintf(key, sizeof(key), "r/%d", i);
        table_put(test, key, "012345678901234567890123456789", 30);
    }
    assert_int_equal(open_with(test, NULL, &err), HG_ERR_FULL);
    limit_files_to(RLIM_INFINITY);
    assert_true(file_is_there(test, 1));
    assert_false(file_is_there(test, 2));
}

static void the_decision_needs_no_space_of_a_full_disk(void **state)
{
    feed_test *test = *state;

    limit_files_to(8192);
    assert_int_equal(hgh_feed_writer_prepare(test->writer, "{\"generation\":1}", NULL), HG_OK);
    limit_files_to(4096);
    assert_int_equal(hgh_feed_writer_commit(test->writer, 1, NULL), HG_OK);
    limit_files_to(RLIM_INFINITY);
    assert_feed(test, "B()= PREPARE()={\"generat COMMIT()={\"generat");
}

/* Publishes until it is killed; the parent then reads what a worker would. */
static void child_writes(feed_test *test)
{
    char value[3000];

    memset(value, 'v', sizeof(value));
    for (unsigned i = 0;; i++) {
        char key[32];

        (void)snprintf(key, sizeof(key), "r/%u", i % 100);
        if (put(test, key, value, i % sizeof(value)) != HG_OK) {
            _exit(1);
        }
    }
}

static void a_killed_writer_leaves_whole_transactions(void **state)
{
    feed_test *test = *state;

    for (int round = 0; round < 20; round++) {
        static char seen[40u << 20];
        pid_t child = fork();
        uint64_t wakes;
        int status;

        assert_true(child >= 0);
        if (child == 0) {
            child_writes(test);
        }
        while (read(test->wake, &wakes, sizeof(wakes)) < 0) {
            assert_int_equal(errno, EAGAIN);
        }
        (void)usleep((useconds_t)(round * 200));
        assert_int_equal(kill(child, SIGKILL), 0);
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFSIGNALED(status));
        read_feed(test, seen, sizeof(seen)); /* fails on any damaged record */
        /* The child's table went with it: the store is taken to be behind, so this restates. */
        reopen(test, NULL);
        assert_feed(test, "B()=");
    }
}

static void a_directory_that_is_not_there_is_an_error(void **state)
{
    feed_test *test = *state;
    hgh_feed_writer_options options = {
        .directory = "/nonexistent", .store_id = test->store_id, .table = test->table, .wake = -1};
    hgh_feed_writer *writer = NULL;
    hg_error err = HG_ERROR_INIT;

    assert_int_equal(hgh_feed_writer_open(&options, &writer, &err), HG_ERR_IO);
    assert_non_null(strstr(err.text, "/nonexistent"));
    assert_null(writer);
}

#define FEED_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        FEED_TEST(an_empty_instance_publishes_an_empty_state),
        FEED_TEST(a_transaction_is_one_move_of_the_word),
        FEED_TEST(a_cancelled_transaction_leaves_no_trace),
        FEED_TEST(more_than_was_reserved_is_published_from_the_table),
        FEED_TEST(a_sound_feed_is_continued),
        cmocka_unit_test(any_doubt_about_a_feed_starts_a_new_epoch_from_the_table),
        FEED_TEST(a_long_feed_is_replaced_and_the_one_before_kept),
        FEED_TEST(a_value_larger_than_a_file_gets_a_larger_file),
        FEED_TEST(a_feed_much_longer_than_the_state_is_replaced),
        FEED_TEST(a_prepared_generation_is_decided_and_outlives_an_epoch),
        cmocka_unit_test(an_undecided_generation_is_settled_by_the_manifest_in_force),
        FEED_TEST(a_full_disk_refuses_the_write_and_changes_nothing),
        FEED_TEST(what_fits_exactly_needs_no_chunk_more),
        FEED_TEST(a_full_disk_refuses_a_new_epoch_and_keeps_the_old),
        FEED_TEST(the_decision_needs_no_space_of_a_full_disk),
        FEED_TEST(a_killed_writer_leaves_whole_transactions),
        FEED_TEST(a_directory_that_is_not_there_is_an_error),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
