/* tests/unit/control/test_keyring_file.c - a generated key is random, its owner's, and read again.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "host/control/keyring_file.h"
#include "tests/unit/unit.h"

typedef struct folder {
    char directory[64];
    char path[96];
} folder;

static int set_up(void **state)
{
    folder *test = calloc(1, sizeof(*test));

    assert_non_null(test);
    (void)strcpy(test->directory, "/tmp/hotgate-keyring-XXXXXX");
    assert_non_null(mkdtemp(test->directory));
    (void)snprintf(test->path, sizeof(test->path), "%s/keyring", test->directory);
    *state = test;
    return 0;
}

static int tear_down(void **state)
{
    folder *test = *state;

    (void)unlink(test->path);
    assert_int_equal(rmdir(test->directory), 0);
    free(test);
    return 0;
}

static void write_text(const folder *test, const char *text)
{
    FILE *file = fopen(test->path, "w");

    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static void a_file_that_is_not_there_has_no_keys(void **state)
{
    const folder *test = *state;
    char **keys = NULL;
    size_t count = 99;

    assert_int_equal(hgh_keyring_file_read(test->path, &keys, &count, NULL), HG_OK);
    assert_int_equal(count, 0);
    hgh_keyring_texts_free(keys, count);
}

static void a_generated_key_is_read_again_and_never_replaced(void **state)
{
    const folder *test = *state;
    struct stat info;
    char **keys = NULL;
    size_t count = 0;
    hg_error err = HG_ERROR_INIT;

    assert_int_equal(hgh_keyring_file_make(test->path, &err), HG_OK);
    assert_int_equal(stat(test->path, &info), 0);
    assert_int_equal(info.st_mode & 07777, 0600);
    assert_int_equal(hgh_keyring_file_read(test->path, &keys, &count, NULL), HG_OK);
    assert_int_equal(count, 1);
    assert_int_equal(strlen(keys[0]), 64);
    hgh_keyring_texts_free(keys, count);
    assert_int_equal(hgh_keyring_file_make(test->path, &err), HG_ERR_IO);
    assert_non_null(strstr(err.text, "File exists"));
}

static void keys_are_read_in_their_order(void **state)
{
    const folder *test = *state;
    char **keys = NULL;
    size_t count = 0;

    write_text(test, "# a comment\n\nthe-first-key-of-all\r\nthe-second-key-of-all");
    assert_int_equal(hgh_keyring_file_read(test->path, &keys, &count, NULL), HG_OK);
    assert_int_equal(count, 2);
    assert_string_equal(keys[0], "the-first-key-of-all");
    assert_string_equal(keys[1], "the-second-key-of-all");
    hgh_keyring_texts_free(keys, count);
}

static void what_is_no_key_is_told_by_its_line_alone(void **state)
{
    static const char *const texts[] = {"good-good-good-good\nhush\n",
                                        "good-good-good-good\nhush hush hush hush\n",
                                        "good-good-good-good\nhush\001hush-hush-hush\n"};
    const folder *test = *state;

    for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
        char **keys = NULL;
        size_t count = 0;
        hg_error err = HG_ERROR_INIT;

        write_text(test, texts[i]);
        assert_int_equal(hgh_keyring_file_read(test->path, &keys, &count, &err), HG_ERR_INVALID);
        assert_non_null(strstr(err.text, "/keyring:2: found no key, wanted a key of 16 to 256"));
        assert_null(strstr(err.text, "hush"));
        assert_null(keys);
    }
}

static void a_directory_in_its_place_is_an_error(void **state)
{
    const folder *test = *state;
    char **keys = NULL;
    size_t count = 0;
    hg_error err = HG_ERROR_INIT;

    assert_int_equal(hgh_keyring_file_read(test->directory, &keys, &count, &err), HG_ERR_INVALID);
    assert_non_null(strstr(err.text, "is not a regular file"));
}

#define FOLDER_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        FOLDER_TEST(a_file_that_is_not_there_has_no_keys),
        FOLDER_TEST(a_generated_key_is_read_again_and_never_replaced),
        FOLDER_TEST(keys_are_read_in_their_order),
        FOLDER_TEST(what_is_no_key_is_told_by_its_line_alone),
        FOLDER_TEST(a_directory_in_its_place_is_an_error),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
