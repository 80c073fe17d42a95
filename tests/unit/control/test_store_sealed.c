/* tests/unit/control/test_store_sealed.c - what is stored can be read with its key alone. */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "host/control/store_sealed.h"
#include "host/control/store_sqlite.h"
#include "tests/unit/unit.h"

#define SECRET "a value that nobody may read"

static char directory[64];
static char path[128];

static int set_up(void **state)
{
    (void)state;
    (void)strcpy(directory, "/tmp/hotgate-sealed-XXXXXX");
    assert_non_null(mkdtemp(directory));
    (void)snprintf(path, sizeof(path), "%s/store.db", directory);
    return 0;
}

static int tear_down(void **state)
{
    char command[128];

    (void)state;
    (void)snprintf(command, sizeof(command), "rm -rf %s", directory);
    return system(command);
}

static hgh_store *open_store(const char *first, const char *second, bool encrypts)
{
    const char *texts[] = {first, second};
    hgh_keyring *keyring = NULL;
    hgh_store *store = NULL;
    hg_error err = HG_ERROR_INIT;

    if (first != NULL) {
        assert_int_equal(hgh_keyring_new(texts, second == NULL ? 1 : 2, &keyring, NULL), HG_OK);
    }
    assert_int_equal(hgh_store_sqlite_open(path, &store, &err), HG_OK);
    assert_int_equal(hgh_store_sealed_new(store, keyring, encrypts, &store, &err), HG_OK);
    return store;
}

static void on_committed(void *context, hg_status status, uint64_t revision, const hg_error *err)
{
    uint64_t *into = context;

    assert_string_equal(err->text, "");
    assert_int_equal(status, HG_OK);
    *into = revision;
}

static uint64_t put(hgh_store *store, const char *key, const char *value)
{
    const hgh_store_operation operation = {
        .key = key, .value = value, .value_length = value == NULL ? 0 : strlen(value)};
    uint64_t revision = 0;

    hgh_store_commit_run(store, &(hgh_store_commit){.operations = &operation, .operation_count = 1},
                         on_committed, &revision);
    return revision;
}

static hg_status note(void *context, const hgh_store_object *object, hg_error *err)
{
    char *into = context;

    (void)err;
    (void)sprintf(into + strlen(into), "%s=%.*s(%d,%d%s) ", object->key, (int)object->value_length,
                  object->is_sealed ? "?" : object->value, (int)object->created,
                  (int)object->modified, object->is_sealed ? ",sealed" : "");
    return HG_OK;
}

static void assert_objects(hgh_store *store, const char *expected)
{
    char seen[1000] = "";
    hg_error err = HG_ERROR_INIT;

    if (hgh_store_range(store, "", note, seen, &err) != HG_OK) {
        fail_msg("%s", err.text);
    }
    assert_string_equal(seen, expected);
}

/* Whether any file of the store has a text. */
static bool files_have(const char *text)
{
    char command[200];

    (void)snprintf(command, sizeof(command), "grep -q -a '%s' %s/*", text, directory);
    return system(command) == 0;
}

static void values_come_back_and_are_not_in_the_files(void **state)
{
    hgh_store *store = open_store("0123456789abcdef", NULL, true);

    (void)state;
    assert_int_equal(put(store, "a/1", SECRET), 1);
    assert_int_equal(put(store, "a/1", SECRET "!"), 2);
    assert_int_equal(put(store, "a/2", SECRET), 3);
    assert_int_equal(put(store, "a/2", NULL), 4);
    assert_int_equal(store->revision, 4);
    assert_objects(store, "a/1=" SECRET "!(1,2) ");
    assert_false(files_have(SECRET));
    hgh_store_close(store);
    assert_false(files_have(SECRET));
    store = open_store("0123456789abcdef", NULL, true);
    assert_int_equal(store->revision, 4);
    assert_objects(store, "a/1=" SECRET "!(1,2) ");
    hgh_store_close(store);
}

static void without_its_key_nothing_is_read_and_nothing_changed(void **state)
{
    static const char *const keys[] = {"another-key-than-that", NULL};
    hgh_store *store = open_store("0123456789abcdef", NULL, true);

    (void)state;
    (void)put(store, "a/1", SECRET);
    (void)put(store, "a/2", SECRET);
    hgh_store_close(store);
    for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
        char seen[1000] = "";
        hg_error err = HG_ERROR_INIT;
        size_t count = 99;

        store = open_store(keys[i], NULL, keys[i] != NULL);
        assert_int_equal(hgh_store_sealed_settle(store, &count, &err), HG_ERR_INVALID);
        assert_non_null(strstr(err.text, "a/1 is encrypted"));
        assert_non_null(strstr(err.text, "the store is left as it is"));
        assert_int_equal(count, 99);
        assert_int_equal(hgh_store_range(store, "", note, seen, &err), HG_ERR_INVALID);
        assert_string_equal(seen, "");
        hgh_store_close(store);
    }
    store = open_store("0123456789abcdef", NULL, true);
    assert_objects(store, "a/1=" SECRET "(1,1) a/2=" SECRET "(2,2) ");
    hgh_store_close(store);
}

static void a_new_first_key_takes_over(void **state)
{
    hgh_store *store = open_store("the-old-key-of-all", NULL, true);
    size_t count = 0;

    (void)state;
    (void)put(store, "a/1", SECRET);
    (void)put(store, "a/2", SECRET);
    hgh_store_close(store);
    store = open_store("the-new-key-of-all", "the-old-key-of-all", true);
    (void)put(store, "a/3", SECRET);
    assert_int_equal(hgh_store_sealed_settle(store, &count, NULL), HG_OK);
    assert_int_equal(count, 2);
    assert_int_equal(hgh_store_sealed_settle(store, &count, NULL), HG_OK);
    assert_int_equal(count, 0);
    hgh_store_close(store);
    store = open_store("the-new-key-of-all", NULL, true);
    assert_objects(store, "a/1=" SECRET "(1,1) a/2=" SECRET "(2,2) a/3=" SECRET "(3,3) ");
    hgh_store_close(store);
}

static void encryption_is_switched_on_and_off(void **state)
{
    hgh_store *store = open_store(NULL, NULL, false);
    size_t count = 0;

    (void)state;
    (void)put(store, "a/1", SECRET);
    assert_true(files_have(SECRET));
    hgh_store_close(store);
    store = open_store("0123456789abcdef", NULL, true);
    assert_int_equal(hgh_store_sealed_settle(store, &count, NULL), HG_OK);
    assert_int_equal(count, 1);
    assert_false(files_have(SECRET)); /* of what was plain nothing is left */
    assert_objects(store, "a/1=" SECRET "(1,1) ");
    hgh_store_close(store);
    store = open_store("0123456789abcdef", NULL, false);
    assert_objects(store, "a/1=" SECRET "(1,1) ");
    assert_int_equal(hgh_store_sealed_settle(store, &count, NULL), HG_OK);
    assert_int_equal(count, 1);
    hgh_store_close(store);
    store = open_store(NULL, NULL, false);
    assert_objects(store, "a/1=" SECRET "(1,1) ");
    hgh_store_close(store);
}

static void encryption_without_a_key_is_refused(void **state)
{
    hgh_store *store = NULL;
    hg_error err = HG_ERROR_INIT;

    (void)state;
    assert_int_equal(hgh_store_sqlite_open(path, &store, NULL), HG_OK);
    assert_int_equal(hgh_store_sealed_new(store, NULL, true, &store, &err), HG_ERR_INVALID);
    assert_string_equal(err.text, "the store is to be encrypted without a key");
}

#define SEALED_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        SEALED_TEST(values_come_back_and_are_not_in_the_files),
        SEALED_TEST(without_its_key_nothing_is_read_and_nothing_changed),
        SEALED_TEST(a_new_first_key_takes_over),
        SEALED_TEST(encryption_is_switched_on_and_off),
        SEALED_TEST(encryption_without_a_key_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
