/* tests/unit/core/test_feed_reader.c - a reader hands out what is sound and published, no more. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "host/core/feed_reader.h"
#include "tests/unit/core/feed_files.h"
#include "tests/unit/unit.h"

static feed_files feed;
static hgh_feed_reader reader;

static int set_up(void **state)
{
    hg_error err = HG_ERROR_INIT;

    (void)state;
    feed_files_init(&feed);
    assert_int_equal(hgh_feed_reader_open(&reader, feed.directory, &err), HG_OK);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    hgh_feed_reader_done(&reader);
    feed_files_done(&feed);
    return 0;
}

static uint64_t word_now(void)
{
    return hgh_feed_reader_word(&reader);
}

/* The status of going to the word and reading one record, which is handed out. */
static hg_status read_one(const hgh_feed_record **out_record, hg_error *err)
{
    bool switched = false;
    hg_status status = hgh_feed_reader_follow(&reader, word_now(), &switched, err);

    return status == HG_OK ? hgh_feed_reader_next(&reader, word_now(), out_record, err) : status;
}

static void records_come_in_their_order_up_to_the_word(void **state)
{
    const hgh_feed_record *record = NULL;

    (void)state;
    feed_epoch(&feed, 1);
    feed_add(&feed, HGH_FEED_PUT, 3, "routes/1", "{\"a\":1}");
    feed_add(&feed, HGH_FEED_DELETE, 4, "routes/2", "");
    feed_publish(&feed);
    feed_add(&feed, HGH_FEED_DELETE, 5, "routes/3", ""); /* not published */
    assert_int_equal(read_one(&record, NULL), HG_OK);
    assert_int_equal(record->kind, HGH_FEED_PUT);
    assert_string_equal(hgh_feed_record_key(record), "routes/1");
    assert_string_equal(hgh_feed_record_value(record), "{\"a\":1}");
    assert_int_equal(read_one(&record, NULL), HG_OK);
    assert_int_equal(record->revision, 4);
    assert_int_equal(read_one(&record, NULL), HG_OK);
    assert_null(record);
    feed_publish(&feed);
    assert_int_equal(read_one(&record, NULL), HG_OK);
    assert_int_equal(record->revision, 5);
}

static void another_epoch_is_read_from_its_beginning(void **state)
{
    const hgh_feed_record *record = NULL;
    bool switched = false;

    (void)state;
    feed_epoch(&feed, 1);
    feed_add(&feed, HGH_FEED_PUT, 1, "routes/1", "{}");
    feed_publish(&feed);
    assert_int_equal(hgh_feed_reader_follow(&reader, word_now(), &switched, NULL), HG_OK);
    assert_true(switched);
    assert_int_equal(hgh_feed_reader_follow(&reader, word_now(), &switched, NULL), HG_OK);
    assert_false(switched);
    feed_epoch(&feed, 2);
    feed_add(&feed, HGH_FEED_PUT, 7, "routes/2", "{}");
    feed_base(&feed, 7);
    feed_publish(&feed);
    assert_int_equal(read_one(&record, NULL), HG_OK);
    assert_string_equal(hgh_feed_record_key(record), "routes/2");
    assert_int_equal(hgh_feed_reader_header(&reader)->base_revision, 7);
    assert_false(feed_is_mapped(&feed, 1));
    assert_true(feed_is_mapped(&feed, 2));
}

static void a_slice_keeps_its_file_mapped(void **state)
{
    const hgh_feed_record *record = NULL;
    hgh_feed_slice slice;

    (void)state;
    feed_epoch(&feed, 1);
    feed_add(&feed, HGH_FEED_PUT, 1, "routes/1", "{\"a\":1}");
    feed_publish(&feed);
    assert_int_equal(read_one(&record, NULL), HG_OK);
    slice = hgh_feed_slice_of(&reader, record);
    feed_epoch(&feed, 2);
    feed_base(&feed, 1);
    feed_publish(&feed);
    assert_int_equal(read_one(&record, NULL), HG_OK);
    assert_true(feed_is_mapped(&feed, 1));
    assert_true(hg_text_equal(hgh_feed_slice_text(&slice), HG_TEXT("{\"a\":1}")));
    hgh_feed_file_unref(slice.file);
    assert_false(feed_is_mapped(&feed, 1));
}

static void a_copy_is_a_file_of_its_own(void **state)
{
    hgh_feed_slice slice = hgh_feed_slice_copy("abc", 3);

    (void)state;
    assert_true(hg_text_equal(hgh_feed_slice_text(&slice), HG_TEXT("abc")));
    hgh_feed_file_unref(slice.file);
    hgh_feed_file_unref(NULL);
}

static void a_damaged_record_is_told_and_not_passed(void **state)
{
    static const struct {
        const char *label;
        uint64_t at; /* bytes into the record */
        uint32_t bytes;
    } cases[] = {
        {"length 0", 0, 0},
        {"length too long", 0, 0x7fffffff},
        {"length just behind the end", 0, 64},
        {"odd length", 0, 57},
        {"checksum", 4, 0},
        {"revision", 8, 99},
        {"kind", 24, 99},
        {"key length", 28, 0xffffffff},
        {"longest key", 28, 255},
        {"value length", 32, 0xffffffff},
        {"the value itself", 52, 0x41414141},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        const hgh_feed_record *record = NULL;
        hg_error err = HG_ERROR_INIT;

        feed_epoch(&feed, (uint32_t)i + 1);
        feed_add(&feed, HGH_FEED_PUT, 1, "routes/1", "{}");
        feed_publish(&feed);
        feed_damage(&feed, sizeof(hgh_feed_header) + cases[i].at, &cases[i].bytes, 4);
        for (int again = 0; again < 2; again++) {
            if (read_one(&record, &err) != HG_ERR_INVALID ||
                strstr(err.text, "damaged record") == NULL) {
                fail_msg("%s: \"%s\"", cases[i].label, err.text);
            }
        }
        assert_null(record);
    }
}

static void a_word_that_points_astray_is_told(void **state)
{
    static const struct {
        const char *label;
        uint64_t offset;
        const char *text;
    } cases[] = {
        {"behind the capacity", 9u << 20, "points behind"},
        {"behind the end of the file", 1u << 20, "points behind"},
        {"into the header", 8, ""},
        {"into a record", sizeof(hgh_feed_header) + 8, "damaged record"},
    };

    (void)state;
    feed_epoch(&feed, 1);
    feed_add(&feed, HGH_FEED_PUT, 1, "routes/1", "{}");
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        const hgh_feed_record *record = NULL;
        hg_error err = HG_ERROR_INIT;

        atomic_store(&feed.word->value, hgh_feed_word_make(1, cases[i].offset));
        (void)read_one(&record, &err);
        if (strstr(err.text, cases[i].text) == NULL || record != NULL) {
            fail_msg("%s: \"%s\"", cases[i].label, err.text);
        }
    }
}

static void a_file_that_grows_is_read_on(void **state)
{
    const hgh_feed_record *record = NULL;
    char *value = calloc(1, 70000);

    (void)state;
    feed_epoch(&feed, 1);
    feed_add(&feed, HGH_FEED_PUT, 1, "routes/1", "{}");
    feed_publish(&feed);
    assert_int_equal(read_one(&record, NULL), HG_OK);
    memset(value, 'x', 69999);
    for (uint64_t i = 0; i < 20; i++) {
        feed_add(&feed, HGH_FEED_PUT, i + 2, "routes/1", value);
        feed_publish(&feed);
        assert_int_equal(read_one(&record, NULL), HG_OK);
        assert_int_equal(record->revision, i + 2);
    }
    free(value);
}

static void a_file_that_is_none_is_refused(void **state)
{
    static const struct {
        const char *label;
        hgh_feed_header header;
        size_t length;
    } cases[] = {
        {"another magic", {.magic = "HGFEED9", .epoch = 1, .capacity = 4096}, 64},
        {"another epoch", {.magic = HGH_FEED_MAGIC, .epoch = 2, .capacity = 4096}, 64},
        {"no capacity", {.magic = HGH_FEED_MAGIC, .epoch = 1, .capacity = 8}, 64},
        {"a capacity beyond all offsets",
         {.magic = HGH_FEED_MAGIC, .epoch = 1, .capacity = UINT64_MAX},
         64},
        {"cut short", {.magic = HGH_FEED_MAGIC, .epoch = 1, .capacity = 4096}, 40},
        {"empty", {.epoch = 1}, 0},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        const hgh_feed_record *record = NULL;
        hg_error err = HG_ERROR_INIT;

        feed_epoch(&feed, 1);
        assert_int_equal(ftruncate(feed.fd, 0), 0);
        feed_damage(&feed, 0, &cases[i].header, cases[i].length);
        feed_publish(&feed);
        if (read_one(&record, &err) == HG_OK || err.text[0] == '\0' || reader.file != NULL) {
            fail_msg("%s: \"%s\"", cases[i].label, err.text);
        }
    }
}

static void a_failed_switch_keeps_the_old_file(void **state)
{
    const hgh_feed_record *record = NULL;

    (void)state;
    feed_epoch(&feed, 1);
    feed_add(&feed, HGH_FEED_PUT, 1, "routes/1", "{}");
    feed_publish(&feed);
    assert_int_equal(read_one(&record, NULL), HG_OK);
    atomic_store(&feed.word->value, hgh_feed_word_make(9, 4096));
    assert_int_equal(read_one(&record, NULL), HG_ERR_IO);
    assert_int_equal(reader.file->epoch, 1);
}

static void a_directory_without_a_word_is_refused(void **state)
{
    hgh_feed_reader other;
    hg_error err = HG_ERROR_INIT;

    (void)state;
    assert_int_equal(hgh_feed_reader_open(&other, "/nonexistent", &err), HG_ERR_IO);
    assert_non_null(strstr(err.text, "/nonexistent/word"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(records_come_in_their_order_up_to_the_word, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(another_epoch_is_read_from_its_beginning, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_slice_keeps_its_file_mapped, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_copy_is_a_file_of_its_own, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_damaged_record_is_told_and_not_passed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_word_that_points_astray_is_told, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_file_that_grows_is_read_on, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_file_that_is_none_is_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_failed_switch_keeps_the_old_file, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_directory_without_a_word_is_refused, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
