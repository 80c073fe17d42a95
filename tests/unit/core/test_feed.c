/* tests/unit/core/test_feed.c - records are read as they were written, and damage is seen. */
#include <stdlib.h>
#include <zlib.h>

#include "host/core/feed.h"
#include "tests/unit/unit.h"

static void a_record_is_read_as_it_was_written(void **state)
{
    static const struct {
        const char *label;
        const char *key;
        const char *value;
    } cases[] = {
        {"both", "routes/1", "{\"uri\":\"/\"}"},
        {"no value", "routes/1", ""},
        {"no key", "", "{}"},
        {"neither", "", ""},
        {"fills the alignment", "abc", "abc"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        size_t key_length = strlen(cases[i].key);
        size_t value_length = strlen(cases[i].value);
        size_t size = hgh_feed_record_size(key_length, value_length);
        void *bytes = malloc(size);
        const hgh_feed_record *record;

        assert_non_null(bytes);
        assert_int_equal(size % HGH_FEED_ALIGNMENT, 0);
        hgh_feed_record_write(bytes, HGH_FEED_PUT, 7, 5, cases[i].key, key_length, cases[i].value,
                              value_length);
        record = hgh_feed_record_check(bytes, size);
        if (record == NULL || record->length != size || record->revision != 7 ||
            record->created != 5 || record->kind != HGH_FEED_PUT ||
            strcmp(hgh_feed_record_key(record), cases[i].key) != 0 ||
            strcmp(hgh_feed_record_value(record), cases[i].value) != 0) {
            fail_msg("%s", cases[i].label);
        }
        free(bytes);
    }
}

static void any_changed_byte_and_any_cut_is_seen(void **state)
{
    size_t size = hgh_feed_record_size(8, 20);
    unsigned char *bytes = malloc(size);

    (void)state;
    assert_non_null(bytes);
    hgh_feed_record_write(bytes, HGH_FEED_PUT, 1, 1, "routes/1", 8, "{\"uri\":\"/01234567\" }", 20);
    for (size_t i = 0; i < size; i++) {
        bytes[i] ^= 0x40;
        if (hgh_feed_record_check(bytes, size) != NULL) {
            fail_msg("byte %zu changed", i);
        }
        bytes[i] ^= 0x40;
        if (hgh_feed_record_check(bytes, i) != NULL) {
            fail_msg("cut to %zu bytes", i);
        }
    }
    assert_non_null(hgh_feed_record_check(bytes, size));
    memset(bytes, 0, size);
    assert_null(hgh_feed_record_check(bytes, size));
    free(bytes);
}

static void texts_that_do_not_end_are_seen(void **state)
{
    size_t size = hgh_feed_record_size(1, 2);
    const uint32_t lengths[][2] = {{1, 2}, {2, 1}, {0, 3}, {3, 0}}; /* of the same sum */

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(lengths); i++) {
        unsigned char *bytes = calloc(1, size);
        hgh_feed_record record;
        uint32_t crc;

        assert_non_null(bytes);
        hgh_feed_record_write(bytes, HGH_FEED_PUT, 1, 1, "k", 1, "vv", 2);
        memcpy(&record, bytes, sizeof(record));
        record.key_length = lengths[i][0];
        record.value_length = lengths[i][1];
        memcpy(bytes, &record, sizeof(record));
        crc = (uint32_t)crc32(0, bytes + 8, (uInt)size - 8); /* behind length and itself */
        memcpy(bytes + 4, &crc, sizeof(crc));
        assert_int_equal(hgh_feed_record_check(bytes, size) != NULL, i == 0);
        free(bytes);
    }
}

static void a_word_holds_epoch_and_offset(void **state)
{
    uint64_t word = hgh_feed_word_make(0xabcdef, 0x123456789a);

    (void)state;
    assert_int_equal(hgh_feed_word_epoch(word), 0xabcdef);
    assert_int_equal(hgh_feed_word_offset(word), 0x123456789a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_record_is_read_as_it_was_written),
        cmocka_unit_test(any_changed_byte_and_any_cut_is_seen),
        cmocka_unit_test(texts_that_do_not_end_are_seen),
        cmocka_unit_test(a_word_holds_epoch_and_offset),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
