/* tests/unit/control/test_keyring.c - values are opened by their key, under their name, unchanged.
 */
#include <stdbool.h>
#include <stdlib.h>

#include "host/control/keyring.h"
#include "tests/unit/unit.h"

#define VALUE "{\"key\":\"a secret\"}"

static hgh_keyring *make(const char *first, const char *second)
{
    const char *texts[] = {first, second};
    hgh_keyring *keyring = NULL;

    assert_int_equal(hgh_keyring_new(texts, second == NULL ? 1 : 2, &keyring, NULL), HG_OK);
    return keyring;
}

static uint8_t *seal(hgh_keyring *keyring, const char *name, size_t *out_size)
{
    uint8_t *sealed = malloc(hgh_keyring_sealed_size(strlen(VALUE)));

    assert_non_null(sealed);
    assert_int_equal(hgh_keyring_seal(keyring, name, VALUE, strlen(VALUE), sealed, NULL), HG_OK);
    *out_size = hgh_keyring_sealed_size(strlen(VALUE));
    return sealed;
}

static void what_is_sealed_is_opened(void **state)
{
    hgh_keyring *keyring = make("0123456789abcdef", NULL);
    size_t size = 0;
    uint8_t *sealed = seal(keyring, "routes/1", &size);
    char *value = NULL;
    size_t length = 0;

    (void)state;
    assert_null(memmem(sealed, size, "secret", 6));
    assert_int_equal(hgh_keyring_open(keyring, "routes/1", sealed, size, &value, &length, NULL),
                     HG_OK);
    assert_string_equal(value, VALUE);
    assert_int_equal(length, strlen(VALUE));
    free(value);
    free(sealed);
    hgh_keyring_free(keyring);
}

static void nothing_is_sealed_to_the_same_bytes_twice(void **state)
{
    hgh_keyring *keyring = make("0123456789abcdef", NULL);
    size_t size = 0;
    uint8_t *one = seal(keyring, "routes/1", &size);
    uint8_t *other = seal(keyring, "routes/1", &size);

    (void)state;
    assert_memory_not_equal(one, other, size);
    free(one);
    free(other);
    hgh_keyring_free(keyring);
}

static void an_empty_value_is_one(void **state)
{
    hgh_keyring *keyring = make("0123456789abcdef", NULL);
    uint8_t sealed[64];
    char *value = NULL;
    size_t length = 99;

    (void)state;
    assert_true(hgh_keyring_sealed_size(0) <= sizeof(sealed));
    assert_int_equal(hgh_keyring_seal(keyring, "a", "", 0, sealed, NULL), HG_OK);
    assert_int_equal(
        hgh_keyring_open(keyring, "a", sealed, hgh_keyring_sealed_size(0), &value, &length, NULL),
        HG_OK);
    assert_int_equal(length, 0);
    assert_string_equal(value, "");
    free(value);
    hgh_keyring_free(keyring);
}

static void every_changed_byte_is_noticed(void **state)
{
    hgh_keyring *keyring = make("0123456789abcdef", NULL);
    size_t size = 0;
    uint8_t *sealed = seal(keyring, "routes/1", &size);

    (void)state;
    for (size_t i = 0; i < size; i++) {
        hg_error err = HG_ERROR_INIT;
        char *value = NULL;
        size_t length = 0;

        sealed[i] ^= 1;
        assert_int_not_equal(
            hgh_keyring_open(keyring, "routes/1", sealed, size, &value, &length, &err), HG_OK);
        assert_null(value);
        assert_null(strstr(err.text, "secret"));
        sealed[i] ^= 1;
    }
    for (size_t i = 0; i < size; i++) { /* cut short */
        char *value = NULL;
        size_t length = 0;

        assert_int_not_equal(
            hgh_keyring_open(keyring, "routes/1", sealed, i, &value, &length, NULL), HG_OK);
    }
    free(sealed);
    hgh_keyring_free(keyring);
}

static void a_value_belongs_to_its_name(void **state)
{
    hgh_keyring *keyring = make("0123456789abcdef", NULL);
    size_t size = 0;
    uint8_t *sealed = seal(keyring, "routes/1", &size);
    hg_error err = HG_ERROR_INIT;
    char *value = NULL;
    size_t length = 0;

    (void)state;
    assert_int_equal(hgh_keyring_open(keyring, "routes/2", sealed, size, &value, &length, &err),
                     HG_ERR_INVALID);
    assert_non_null(strstr(err.text, "routes/2: found an encrypted value that was changed or stood "
                                     "elsewhere"));
    free(sealed);
    hgh_keyring_free(keyring);
}

static void the_first_key_seals_and_all_open(void **state)
{
    hgh_keyring *before = make("the old key of all", NULL);
    hgh_keyring *both = make("the new key of all", "the old key of all");
    hgh_keyring *after = make("the new key of all", NULL);
    size_t size = 0;
    uint8_t *sealed = seal(before, "routes/1", &size);
    hg_error err = HG_ERROR_INIT;
    char id[HGH_KEYRING_ID_TEXT];
    char *value = NULL;
    size_t length = 0;

    (void)state;
    assert_false(hgh_keyring_is_current(both, sealed, size));
    assert_int_equal(hgh_keyring_open(both, "routes/1", sealed, size, &value, &length, NULL),
                     HG_OK);
    free(value);
    assert_int_equal(hgh_keyring_open(after, "routes/1", sealed, size, &value, &length, &err),
                     HG_ERR_NOT_FOUND);
    assert_non_null(strstr(err.text, hgh_keyring_id(before, 0, id)));
    assert_null(strstr(err.text, "the old key"));
    free(sealed);
    sealed = seal(both, "routes/1", &size);
    assert_true(hgh_keyring_is_current(after, sealed, size));
    free(sealed);
    assert_int_equal(hgh_keyring_count(both), 2);
    hgh_keyring_free(before);
    hgh_keyring_free(both);
    hgh_keyring_free(after);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_sealed_is_opened),
        cmocka_unit_test(nothing_is_sealed_to_the_same_bytes_twice),
        cmocka_unit_test(an_empty_value_is_one),
        cmocka_unit_test(every_changed_byte_is_noticed),
        cmocka_unit_test(a_value_belongs_to_its_name),
        cmocka_unit_test(the_first_key_seals_and_all_open),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
