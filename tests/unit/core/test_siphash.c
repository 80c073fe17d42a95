/* tests/unit/core/test_siphash.c - the hash is the published one. */
#include "host/core/siphash.h"
#include "tests/unit/unit.h"

static void empty_input_gives_the_published_value(void **state)
{
    static const unsigned char expected[16] = {0xa3, 0x81, 0x7f, 0x04, 0xba, 0x25, 0xa8, 0xe6,
                                               0x6d, 0xf6, 0x72, 0x14, 0xc7, 0x55, 0x02, 0x93};
    hgh_hash_key key;
    hgh_hash128 hash;

    (void)state;
    for (unsigned i = 0; i < 16; i++) {
        ((unsigned char *)&key)[i] = (unsigned char)i; /* the key of the published vectors */
    }
    hash = hgh_siphash128(&key, "", 0);
    assert_memory_equal(&hash, expected, sizeof(expected));
}

static void every_length_up_to_three_words_differs(void **state)
{
    static const char zeros[24];
    hgh_hash_key key = {{1, 2}};
    uint64_t seen[25];

    (void)state;
    for (size_t length = 0; length <= sizeof(zeros); length++) {
        seen[length] = hgh_siphash128(&key, zeros, length).low;
        for (size_t i = 0; i < length; i++) {
            assert_true(seen[i] != seen[length]);
        }
    }
}

static void two_keys_are_never_the_same(void **state)
{
    hgh_hash_key a, b;

    (void)state;
    hgh_hash_key_init(&a);
    hgh_hash_key_init(&b);
    assert_memory_not_equal(&a, &b, sizeof(a));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(empty_input_gives_the_published_value),
        cmocka_unit_test(every_length_up_to_three_words_differs),
        cmocka_unit_test(two_keys_are_never_the_same),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
