/* tests/unit/control/test_store_sqlite.c - what was acknowledged is there, what is not ours stays.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <sqlite3.h>

#include "host/control/store_sqlite.h"
#include "tests/unit/unit.h"

typedef struct store_test {
    char directory[64];
    char path[128];
    hgh_store *store;
} store_test;

typedef struct outcome {
    int calls;
    hg_status status;
    uint64_t revision;
    hg_error err;
} outcome;

static void reopen(store_test *test)
{
    hg_error err = HG_ERROR_INIT;

    hgh_store_close(test->store);
    test->store = NULL;
    if (hgh_store_sqlite_open(test->path, &test->store, &err) != HG_OK) {
        fail_msg("%s", err.text);
    }
}

static int set_up(void **state)
{
    store_test *test = calloc(1, sizeof(*test));

    assert_non_null(test);
    (void)strcpy(test->directory, "/tmp/hotgate-store-XXXXXX");
    assert_non_null(mkdtemp(test->directory));
    (void)snprintf(test->path, sizeof(test->path), "%s/store.db", test->directory);
    reopen(test);
    *state = test;
    return 0;
}

static int tear_down(void **state)
{
    store_test *test = *state;
    char command[128];

    hgh_store_close(test->store);
    (void)snprintf(command, sizeof(command), "rm -rf %s", test->directory);
    assert_int_equal(system(command), 0);
    free(test);
    return 0;
}

static void on_committed(void *context, hg_status status, uint64_t revision, const hg_error *err)
{
    outcome *result = context;

    result->calls++;
    result->status = status;
    result->revision = revision;
    result->err = *err;
}

static outcome commit(store_test *test, const hgh_store_commit *changes)
{
    outcome result = {.calls = 0};

    hgh_store_commit_run(test->store, changes, on_committed, &result);
    assert_int_equal(result.calls, 1);
    return result;
}

static outcome put(store_test *test, const char *key, const char *value)
{
    hgh_store_operation operation = {
        .key = key, .value = value, .value_length = value == NULL ? 0 : strlen(value)};
    hgh_store_commit changes = {.operations = &operation, .operation_count = 1};

    return commit(test, &changes);
}

static hg_status note_object(void *context, const hgh_store_object *object, hg_error *err)
{
    char *into = context;

    (void)err;
    (void)sprintf(into + strlen(into), "%s=%.*s(%d,%d,%d) ", object->key, (int)object->value_length,
                  object->value, (int)object->created, (int)object->modified,
                  (int)object->expires_wall_s);
    return HG_OK;
}

static void assert_objects(store_test *test, const char *prefix, const char *expected)
{
    char seen[1000] = "";

    assert_int_equal(hgh_store_range(test->store, prefix, note_object, seen, NULL), HG_OK);
    assert_string_equal(seen, expected);
}

static void objects_come_back_with_their_revisions(void **state)
{
    store_test *test = *state;
    uint8_t id[HGH_STORE_ID_BYTES];

    assert_int_equal(test->store->revision, 0);
    assert_int_equal(put(test, "routes/1", "one").revision, 1);
    assert_int_equal(put(test, "services/1", "s").revision, 2);
    assert_int_equal(put(test, "routes/0", "zero").revision, 3);
    assert_int_equal(put(test, "routes/1", "ONE").revision, 4);
    memcpy(id, test->store->id, sizeof(id));
    reopen(test);
    assert_memory_equal(id, test->store->id, sizeof(id));
    assert_int_equal(test->store->revision, 4);
    assert_objects(test, "", "routes/1=ONE(1,4,0) services/1=s(2,2,0) routes/0=zero(3,3,0) ");
    assert_objects(test, "routes/", "routes/1=ONE(1,4,0) routes/0=zero(3,3,0) ");
    assert_int_equal(put(test, "routes/1", NULL).revision, 5);
    assert_objects(test, "routes/", "routes/0=zero(3,3,0) ");
}

static void a_commit_is_all_or_nothing(void **state)
{
    store_test *test = *state;
    hgh_store_operation operations[] = {
        {.key = "a/1", .value = "x", .value_length = 1},
        {.key = "a/2", .value = "y", .value_length = 1},
        {.key = "b/1"},
    };
    hgh_store_expectation expectations[] = {{"b/1", 1}, {"a/1", 0}};
    hgh_store_commit changes = {.operations = operations,
                                .operation_count = 3,
                                .expectations = expectations,
                                .expectation_count = 2,
                                .expires_wall_s = 77};

    (void)put(test, "b/1", "b");
    expectations[1].modified = 9;
    assert_int_equal(commit(test, &changes).status, HG_ERR_CONFLICT);
    assert_int_equal(test->store->revision, 1);
    assert_objects(test, "", "b/1=b(1,1,0) ");
    expectations[1].modified = 0;
    assert_int_equal(commit(test, &changes).status, HG_OK);
    assert_objects(test, "", "a/1=x(2,2,77) a/2=y(2,2,77) ");
    assert_int_equal(put(test, "a/1", "z").status, HG_OK); /* permanent again */
    assert_objects(test, "a/1", "a/1=z(2,3,0) ");
}

static void two_stores_have_two_identities(void **state)
{
    store_test *test = *state;
    uint8_t id[HGH_STORE_ID_BYTES];

    memcpy(id, test->store->id, sizeof(id));
    hgh_store_close(test->store);
    test->store = NULL;
    assert_int_equal(unlink(test->path), 0);
    reopen(test);
    assert_memory_not_equal(id, test->store->id, sizeof(id));
}

static void only_its_user_reads_the_file(void **state)
{
    store_test *test = *state;
    struct stat about;
    char log_path[140];

    (void)put(test, "a/1", "x");
    assert_int_equal(stat(test->path, &about), 0);
    assert_int_equal(about.st_mode & 0777, 0600);
    (void)snprintf(log_path, sizeof(log_path), "%s-wal", test->path);
    assert_int_equal(stat(log_path, &about), 0);
    assert_int_equal(about.st_mode & 0777, 0600);
}

static void run_sql(const char *path, const char *text)
{
    sqlite3 *database = NULL;

    assert_int_equal(sqlite3_open(path, &database), SQLITE_OK);
    assert_int_equal(sqlite3_exec(database, text, NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_close(database), SQLITE_OK);
}

static void write_file(const char *path, off_t offset, size_t length, int truncate_first)
{
    static char bytes[8192];
    int fd = open(path, O_RDWR | O_CREAT | (truncate_first != 0 ? O_TRUNC : 0), 0600);

    memset(bytes, 'j', sizeof(bytes));
    assert_true(fd >= 0);
    assert_int_equal(pwrite(fd, bytes, length, offset), length);
    (void)close(fd);
}

static void become_newer(const char *path)
{
    run_sql(path, "UPDATE meta SET format = 3; PRAGMA wal_checkpoint(TRUNCATE)");
}

static void become_foreign(const char *path)
{
    (void)unlink(path);
    run_sql(path, "CREATE TABLE mine (x)");
}

static void become_garbage(const char *path)
{
    write_file(path, 0, 8192, 1);
}

static void become_short(const char *path)
{
    assert_int_equal(truncate(path, 5000), 0);
}

static void become_damaged_inside(const char *path)
{
    write_file(path, 4096, 8192, 0);
}

static size_t read_file(const char *path, char *into, size_t size)
{
    int fd = open(path, O_RDONLY);
    ssize_t length = read(fd, into, size);

    assert_true(fd >= 0 && length >= 0);
    (void)close(fd);
    return (size_t)length;
}

static void what_cannot_be_read_is_named_and_left_alone(void **state)
{
    static const struct {
        const char *label;
        void (*become)(const char *path);
        const char *text;
    } cases[] = {
        {"newer format", become_newer, "found store format 3, wanted 2"},
        {"another program's", become_foreign, "found a database of something else"},
        {"no database", become_garbage, "file is not a database"},
        {"cut short", become_short, "left as it is"},
        {"damaged inside", become_damaged_inside, "left as it is"},
    };
    static char before[1u << 20];
    static char after[1u << 20];

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        store_test *test = NULL;
        hg_error err = HG_ERROR_INIT;
        hg_status status;
        size_t length;

        (void)set_up((void **)&test);
        for (int n = 0; n < 200; n++) {
            char key[32];

            (void)snprintf(key, sizeof(key), "routes/%d", n);
            (void)put(test, key, "{\"uri\":\"/0123456789012345678901234567890123456789\"}");
        }
        hgh_store_close(test->store);
        test->store = NULL;
        cases[i].become(test->path);
        length = read_file(test->path, before, sizeof(before));
        status = hgh_store_sqlite_open(test->path, &test->store, &err);
        if (status != HG_ERR_INVALID || strstr(err.text, cases[i].text) == NULL ||
            strstr(err.text, test->path) == NULL) {
            fail_msg("%s: status %d, %s", cases[i].label, (int)status, err.text);
        }
        assert_null(test->store);
        assert_int_equal(read_file(test->path, after, sizeof(after)), length);
        if (memcmp(before, after, length) != 0) {
            fail_msg("%s: the file was changed", cases[i].label);
        }
        (void)tear_down((void **)&test);
    }
}

static void an_older_format_is_brought_to_this_one(void **state)
{
    store_test *test = *state;

    (void)put(test, "a/1", "x");
    hgh_store_close(test->store);
    test->store = NULL;
    run_sql(test->path, "UPDATE meta SET format = 1");
    reopen(test);
    assert_objects(test, "", "a/1=x(1,1,0) ");
    hgh_store_close(test->store);
    test->store = NULL;
    run_sql(test->path, "CREATE TABLE seen AS SELECT 1 / (format = 2) AS one FROM meta;"
                        "CREATE TABLE one (one NOT NULL); INSERT INTO one SELECT one FROM seen");
}

static hg_status note_kind(void *context, const hgh_store_object *object, hg_error *err)
{
    char *into = context;

    (void)err;
    (void)sprintf(into + strlen(into), "%s:%s:%zu ", object->key,
                  object->is_sealed ? "sealed" : "plain", object->value_length);
    return HG_OK;
}

static void what_is_sealed_comes_back_as_sealed(void **state)
{
    store_test *test = *state;
    const hgh_store_operation operations[] = {
        {.key = "a/1", .value = "\1\0\xff", .value_length = 3, .is_sealed = true},
        {.key = "a/2", .value = "{}", .value_length = 2},
    };
    char seen[100] = "";

    assert_int_equal(
        commit(test, &(hgh_store_commit){.operations = operations, .operation_count = 2}).status,
        HG_OK);
    assert_int_equal(hgh_store_range(test->store, "", note_kind, seen, NULL), HG_OK);
    assert_string_equal(seen, "a/1:sealed:3 a/2:plain:2 ");
}

/* Writes the values of "b/" otherwise; refuses at "c/". */
static hg_status change_b(void *context,
                          const hgh_store_object *object,
                          char **out_value,
                          size_t *out_length,
                          bool *out_is_sealed,
                          hg_error *err)
{
    int *calls = context;

    (*calls)++;
    if (object->key[0] == 'c') {
        return hg_error_set(err, HG_ERR_INVALID, "not this one");
    }
    if (object->key[0] == 'b') {
        *out_value = strdup("changed");
        *out_length = 7;
        *out_is_sealed = true;
    }
    return HG_OK;
}

static void values_are_written_otherwise_all_or_none(void **state)
{
    store_test *test = *state;
    hg_error err = HG_ERROR_INIT;
    size_t count = 99;
    int calls = 0;

    (void)put(test, "a/1", "x");
    (void)put(test, "b/1", "plain text");
    (void)put(test, "b/2", "plain text");
    assert_int_equal(hgh_store_recode(test->store, change_b, &calls, &count, &err), HG_OK);
    assert_int_equal(calls, 3);
    assert_int_equal(count, 2);
    assert_objects(test, "", "a/1=x(1,1,0) b/1=changed(2,2,0) b/2=changed(3,3,0) ");
    (void)put(test, "b/1", "again");
    (void)put(test, "c/1", "x");
    assert_int_equal(hgh_store_recode(test->store, change_b, &calls, &count, &err), HG_ERR_INVALID);
    assert_string_equal(err.text, "not this one");
    assert_objects(test, "b/1", "b/1=again(2,4,0) ");
    reopen(test);
    assert_objects(test, "b/", "b/1=again(2,4,0) b/2=changed(3,3,0) ");
    assert_int_equal(put(test, "a/2", "x").revision, 6);
}

/* Nothing is left of what was replaced: it may have been a secret. */
static void what_was_replaced_is_not_in_the_files(void **state)
{
    static const char *const files[] = {"", "-wal"};
    static char bytes[1u << 20];
    store_test *test = *state;
    size_t count = 0;
    int calls = 0;

    for (int i = 0; i < 50; i++) {
        char key[32];

        (void)snprintf(key, sizeof(key), "b/%d", i);
        (void)put(test, key, "a value that shall be seen by nobody");
    }
    assert_int_equal(hgh_store_recode(test->store, change_b, &calls, &count, NULL), HG_OK);
    assert_int_equal(count, 50);
    for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
        char path[160];

        (void)snprintf(path, sizeof(path), "%s%s", test->path, files[i]);
        assert_null(memmem(bytes, read_file(path, bytes, sizeof(bytes)), "seen by nobody", 14));
    }
}

static void a_making_that_was_cut_short_is_done_again(void **state)
{
    store_test *test = *state;

    hgh_store_close(test->store);
    test->store = NULL;
    (void)unlink(test->path);
    run_sql(test->path, "PRAGMA journal_mode = WAL"); /* leaves a header and no table */
    reopen(test);
    assert_int_equal(put(test, "a/1", "x").revision, 1);
}

static void a_path_that_cannot_be_opened_is_an_error(void **state)
{
    hgh_store *store = NULL;
    hg_error err = HG_ERROR_INIT;

    (void)state;
    assert_int_equal(hgh_store_sqlite_open("/nonexistent/store.db", &store, &err), HG_ERR_IO);
    assert_string_equal(err.text, "/nonexistent/store.db: No such file or directory");
}

static void a_full_disk_refuses_the_write_and_keeps_the_rest(void **state)
{
    store_test *test = *state;
    struct rlimit limit;
    char *value = malloc(100000);
    outcome result;

    assert_int_equal(put(test, "a/1", "x").status, HG_OK);
    memset(value, 'v', 99999);
    value[99999] = '\0';
    (void)signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    limit.rlim_cur = 60000;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
    result = put(test, "a/2", value);
    limit.rlim_cur = limit.rlim_max;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
    assert_true(result.status == HG_ERR_FULL || result.status == HG_ERR_IO);
    assert_objects(test, "", "a/1=x(1,1,0) ");
    assert_int_equal(put(test, "a/2", "y").revision, 2);
    free(value);
}

static void child_writes(store_test *test, int report)
{
    for (uint64_t i = 1;; i++) {
        hgh_store_operation operations[2];
        hgh_store_commit changes = {.operations = operations, .operation_count = 2};
        char keys[2][32];
        char value[32];

        (void)snprintf(keys[0], sizeof(keys[0]), "a/%llu", (unsigned long long)i);
        (void)snprintf(keys[1], sizeof(keys[1]), "b/%llu", (unsigned long long)i);
        (void)snprintf(value, sizeof(value), "%llu", (unsigned long long)i);
        for (size_t n = 0; n < 2; n++) {
            operations[n] = (hgh_store_operation){
                .key = keys[n], .value = value, .value_length = strlen(value)};
        }
        if (commit(test, &changes).status != HG_OK || write(report, &i, sizeof(i)) != sizeof(i)) {
            _exit(1);
        }
    }
}

static hg_status count_object(void *context, const hgh_store_object *object, hg_error *err)
{
    uint64_t *counts = context;

    (void)err;
    counts[object->key[0] - 'a']++;
    return HG_OK;
}

static void a_killed_writer_loses_nothing_that_was_acknowledged(void **state)
{
    (void)state;
    for (int round = 0; round < 10; round++) {
        store_test *test = NULL;
        uint64_t counts[2] = {0, 0};
        uint64_t acknowledged = 0;
        uint64_t number;
        int pipes[2];
        pid_t child;

        (void)set_up((void **)&test);
        hgh_store_close(test->store);
        test->store = NULL;
        assert_int_equal(pipe(pipes), 0);
        child = fork();
        if (child == 0) {
            (void)close(pipes[0]);
            reopen(test);
            child_writes(test, pipes[1]);
        }
        (void)close(pipes[1]);
        while (acknowledged < (uint64_t)(5 + round * 3) &&
               read(pipes[0], &number, sizeof(number)) == sizeof(number)) {
            acknowledged = number;
        }
        (void)usleep((useconds_t)(round * 300)); /* into the middle of a commit */
        assert_int_equal(kill(child, SIGKILL), 0);
        assert_int_equal(waitpid(child, NULL, 0), child);
        while (read(pipes[0], &number, sizeof(number)) == sizeof(number)) {
            acknowledged = number;
        }
        (void)close(pipes[0]);
        reopen(test);
        assert_int_equal(hgh_store_range(test->store, "", count_object, counts, NULL), HG_OK);
        assert_true(counts[0] >= acknowledged);
        assert_int_equal(counts[0], counts[1]); /* none is half there */
        assert_int_equal(counts[0], test->store->revision);
        (void)tear_down((void **)&test);
    }
}

static hg_status refuse(void *context, const hgh_store_object *object, hg_error *err)
{
    int *calls = context;

    (*calls)++;
    return hg_error_set(err, HG_ERR_INVALID, "no %s", object->key);
}

static void a_range_ends_with_the_first_refusal(void **state)
{
    store_test *test = *state;
    hg_error err = HG_ERROR_INIT;
    int calls = 0;

    (void)put(test, "a/1", "x");
    (void)put(test, "a/2", "x");
    assert_int_equal(hgh_store_range(test->store, "", refuse, &calls, &err), HG_ERR_INVALID);
    assert_int_equal(calls, 1);
    assert_string_equal(err.text, "no a/1");
}

#define STORE_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORE_TEST(objects_come_back_with_their_revisions),
        STORE_TEST(a_commit_is_all_or_nothing),
        STORE_TEST(two_stores_have_two_identities),
        STORE_TEST(only_its_user_reads_the_file),
        cmocka_unit_test(what_cannot_be_read_is_named_and_left_alone),
        STORE_TEST(an_older_format_is_brought_to_this_one),
        STORE_TEST(what_is_sealed_comes_back_as_sealed),
        STORE_TEST(values_are_written_otherwise_all_or_none),
        STORE_TEST(what_was_replaced_is_not_in_the_files),
        STORE_TEST(a_making_that_was_cut_short_is_done_again),
        cmocka_unit_test(a_path_that_cannot_be_opened_is_an_error),
        STORE_TEST(a_full_disk_refuses_the_write_and_keeps_the_rest),
        cmocka_unit_test(a_killed_writer_loses_nothing_that_was_acknowledged),
        STORE_TEST(a_range_ends_with_the_first_refusal),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
