/* tests/unit/control/test_publisher.c - a change is stored, kept and published, or none of it. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "host/control/publisher.h"
#include "host/core/feed.h"
#include "tests/unit/unit.h"

/* A store that does what it is told, when it is told. */
typedef struct fake_store {
    hgh_store store; /* first: it is handed back to us */
    hg_status status;
    bool waits;
    int commits;
    hgh_store_on_committed done;
    void *context;
    const hgh_store_object *objects; /* for range */
    size_t object_count;
} fake_store;

typedef struct publisher_test {
    char directory[64];
    fake_store store;
    hgh_resource_table *table;
    hgh_feed_writer *feed;
    hgh_publisher *publisher;
    int ends;
    hg_status status;
    bool is_stored;
    uint64_t revision;
    hg_error err;
} publisher_test;

static void store_end(fake_store *store)
{
    hg_error err = HG_ERROR_INIT;

    if (store->status == HG_OK) {
        store->store.revision++;
    } else {
        (void)hg_error_set(&err, store->status, "refused");
    }
    store->done(store->context, store->status, store->store.revision, &err);
}

static void fake_commit(hgh_store *base,
                        const hgh_store_commit *changes,
                        hgh_store_on_committed done,
                        void *context)
{
    fake_store *store = (fake_store *)base;

    (void)changes;
    store->commits++;
    store->done = done;
    store->context = context;
    if (!store->waits) {
        store_end(store);
    }
}

static hg_status fake_range(
    hgh_store *base, const char *prefix, hgh_store_on_object call, void *context, hg_error *err)
{
    const fake_store *store = (const fake_store *)base;
    hg_status status = HG_OK;

    (void)prefix;
    for (size_t i = 0; i < store->object_count && status == HG_OK; i++) {
        status = call(context, &store->objects[i], err);
    }
    return status;
}

static void fake_close(hgh_store *base)
{
    (void)base;
}

static const hgh_store_functions fake_functions = {
    .commit = fake_commit, .range = fake_range, .close = fake_close};

static int set_up(void **state)
{
    publisher_test *test = calloc(1, sizeof(*test));
    hgh_feed_writer_options options;

    assert_non_null(test);
    (void)strcpy(test->directory, "/tmp/hotgate-publisher-XXXXXX");
    assert_non_null(mkdtemp(test->directory));
    test->store.store.functions = &fake_functions;
    test->table = hgh_resource_table_new();
    options = (hgh_feed_writer_options){.directory = test->directory,
                                        .group = (gid_t)-1,
                                        .store_id = test->store.store.id,
                                        .table = test->table,
                                        .wake = -1};
    assert_int_equal(hgh_feed_writer_open(&options, &test->feed, NULL), HG_OK);
    test->publisher = hgh_publisher_new(&test->store.store, test->table, test->feed);
    *state = test;
    return 0;
}

static int tear_down(void **state)
{
    publisher_test *test = *state;
    char command[128];

    hgh_publisher_free(test->publisher);
    hgh_feed_writer_close(test->feed);
    hgh_resource_table_free(test->table);
    (void)snprintf(command, sizeof(command), "rm -rf %s", test->directory);
    assert_int_equal(system(command), 0);
    free(test);
    return 0;
}

static void
on_done(void *context, hg_status status, bool is_stored, uint64_t revision, const hg_error *err)
{
    publisher_test *test = context;

    test->ends++;
    test->status = status;
    test->is_stored = is_stored;
    test->revision = revision;
    test->err = *err;
}

static void put(publisher_test *test, const char *key, const char *value)
{
    hgh_publisher_change change = {
        .key = key, .value = value, .value_length = value == NULL ? 0 : strlen(value)};

    test->ends = 0;
    hgh_publisher_run(test->publisher, &change, 1, NULL, 0, 0, on_done, test);
}

static void a_change_is_in_table_and_feed_when_it_ends(void **state)
{
    publisher_test *test = *state;
    uint64_t word = hgh_feed_writer_word(test->feed);

    put(test, "routes/1", "{}");
    assert_int_equal(test->ends, 1);
    assert_int_equal(test->status, HG_OK);
    assert_int_equal(test->revision, 1);
    assert_true(hgh_feed_writer_word(test->feed) > word);
    put(test, "routes/1", "{\"a\":1}");
    assert_int_equal(hgh_resource_table_find(test->table, "routes/1")->created, 1);
    assert_int_equal(hgh_resource_table_find(test->table, "routes/1")->modified, 2);
    put(test, "routes/1", NULL);
    assert_null(hgh_resource_table_find(test->table, "routes/1"));
    assert_int_equal(hgh_resource_table_revision(test->table), 3);
}

static void nothing_shows_before_the_store_has_ended(void **state)
{
    publisher_test *test = *state;
    uint64_t word = hgh_feed_writer_word(test->feed);

    test->store.waits = true;
    put(test, "routes/1", "{}");
    assert_int_equal(test->ends, 0);
    assert_int_equal(hgh_feed_writer_word(test->feed), word);
    assert_null(hgh_resource_table_find(test->table, "routes/1"));
    store_end(&test->store);
    assert_int_equal(test->ends, 1);
    assert_non_null(hgh_resource_table_find(test->table, "routes/1"));
}

static void what_the_store_refuses_leaves_no_trace(void **state)
{
    static const hg_status refusals[] = {HG_ERR_CONFLICT, HG_ERR_FULL, HG_ERR_IO};
    publisher_test *test = *state;
    uint64_t word = hgh_feed_writer_word(test->feed);

    for (size_t i = 0; i < ARRAY_SIZE(refusals); i++) {
        test->store.status = refusals[i];
        put(test, "routes/1", "{}");
        assert_int_equal(test->status, refusals[i]);
        assert_false(test->is_stored);
        assert_string_equal(test->err.text, "refused");
        assert_int_equal(hgh_feed_writer_word(test->feed), word);
        assert_int_equal(hgh_resource_table_count(test->table), 0);
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

static void without_feed_space_the_store_is_not_asked(void **state)
{
    publisher_test *test = *state;

    limit_files_to(256);
    put(test, "routes/1", "{}");
    limit_files_to(RLIM_INFINITY);
    assert_int_equal(test->status, HG_ERR_FULL);
    assert_false(test->is_stored);
    assert_int_equal(test->store.commits, 0);
    put(test, "routes/1", "{}");
    assert_int_equal(test->status, HG_OK);
}

/* The disk refuses what it had promised, and a new file too. */
static void what_is_stored_but_not_published_says_so_and_comes_later(void **state)
{
    publisher_test *test = *state;
    uint64_t word = hgh_feed_writer_word(test->feed);

    test->store.waits = true;
    put(test, "routes/1", "{}");
    limit_files_to(0);
    store_end(&test->store);
    limit_files_to(RLIM_INFINITY);
    assert_true(test->status != HG_OK);
    assert_true(test->is_stored);
    assert_non_null(strstr(test->err.text, "stored, but not in force yet: "));
    assert_int_equal(hgh_feed_writer_word(test->feed), word);
    test->store.waits = false;
    put(test, "routes/2", "{}"); /* a new epoch states both */
    assert_int_equal(test->status, HG_OK);
    assert_int_equal(hgh_feed_word_epoch(hgh_feed_writer_word(test->feed)), 2);
}

static void a_key_that_is_too_long_is_refused(void **state)
{
    publisher_test *test = *state;
    char key[600];

    memset(key, 'k', sizeof(key));
    key[1] = '/';
    key[sizeof(key) - 1] = '\0';
    put(test, key, "{}");
    assert_int_equal(test->status, HG_ERR_TOO_LARGE);
    assert_int_equal(test->store.commits, 0);
}

static void a_stored_state_is_loaded_with_its_references(void **state)
{
    static const hgh_store_object objects[] = {
        {"upstreams/1", "{}", 2, 1, 1, 0, false},
        {"routes/1", "{\"upstream_id\":1}", 17, 2, 5, 99, false},
        {"later_kind/1", "[]", 2, 3, 3, 0, false},
    };
    publisher_test *test = *state;

    test->store.objects = objects;
    test->store.object_count = ARRAY_SIZE(objects);
    test->store.store.revision = 7;
    assert_int_equal(hgh_publisher_load(&test->store.store, test->table, NULL), HG_OK);
    assert_int_equal(hgh_resource_table_revision(test->table), 7);
    assert_int_equal(hgh_resource_table_count(test->table), 3);
    assert_int_equal(hgh_resource_table_find(test->table, "routes/1")->modified, 5);
    assert_int_equal(hgh_resource_table_expiry(test->table), 99);
    assert_string_equal(hgh_resource_table_referer(test->table, "routes", "upstreams/1", NULL)->id,
                        "1");
}

static void a_stored_object_that_is_no_object_is_named(void **state)
{
    static const hgh_store_object objects[] = {
        {"routes/1", "{\"uri\":", 7, 1, 1, 0, false},
        {"routes", "{}", 2, 1, 1, 0, false},
    };
    publisher_test *test = *state;

    for (size_t i = 0; i < ARRAY_SIZE(objects); i++) {
        hg_error err = HG_ERROR_INIT;

        test->store.objects = &objects[i];
        test->store.object_count = 1;
        assert_int_equal(hgh_publisher_load(&test->store.store, test->table, &err), HG_ERR_INVALID);
        assert_non_null(strstr(err.text, "stored object \"routes"));
    }
}

#define PUBLISHER_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        PUBLISHER_TEST(a_change_is_in_table_and_feed_when_it_ends),
        PUBLISHER_TEST(nothing_shows_before_the_store_has_ended),
        PUBLISHER_TEST(what_the_store_refuses_leaves_no_trace),
        PUBLISHER_TEST(without_feed_space_the_store_is_not_asked),
        PUBLISHER_TEST(what_is_stored_but_not_published_says_so_and_comes_later),
        PUBLISHER_TEST(a_key_that_is_too_long_is_refused),
        PUBLISHER_TEST(a_stored_state_is_loaded_with_its_references),
        PUBLISHER_TEST(a_stored_object_that_is_no_object_is_named),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
