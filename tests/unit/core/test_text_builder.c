/* tests/unit/core/test_text_builder.c - text grows, is cut back, and ends at its maximum. */
#include "host/core/text_builder.h"
#include "tests/unit/unit.h"

static void pieces_are_joined_and_cut_back(void **state)
{
    hgh_text_builder builder = {.max = 1000};

    (void)state;
    assert_string_equal(hgh_text_builder_string(&builder), "");
    hgh_text_builder_add(&builder, HG_TEXT("a"));
    hgh_text_builder_add(&builder, hg_text_of(NULL));
    hgh_text_builder_format(&builder, "%d%s", 1, "b");
    assert_string_equal(hgh_text_builder_string(&builder), "a1b");
    hgh_text_builder_cut(&builder, 1);
    hgh_text_builder_cut(&builder, 5);
    assert_string_equal(hgh_text_builder_string(&builder), "a");
    hgh_text_builder_add_segment(&builder, "x/y~z");
    assert_string_equal(hgh_text_builder_string(&builder), "a/x~1y~0z");
    hgh_text_builder_done(&builder);
    assert_string_equal(hgh_text_builder_string(&builder), "");
}

static void a_piece_beyond_the_maximum_is_left_out_whole(void **state)
{
    hgh_text_builder builder = {.max = 300};

    (void)state;
    for (int i = 0; i < 29; i++) {
        hgh_text_builder_add(&builder, HG_TEXT("0123456789"));
    }
    assert_false(builder.is_cut);
    hgh_text_builder_format(&builder, "%s", "0123456789a");
    assert_true(builder.is_cut);
    assert_int_equal(builder.length, 290);
    hgh_text_builder_add_segment(&builder, "01234/6789");
    assert_int_equal(builder.length, 290);
    hgh_text_builder_add(&builder, HG_TEXT("0123456789"));
    assert_int_equal(strlen(hgh_text_builder_string(&builder)), 300);
    hgh_text_builder_done(&builder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pieces_are_joined_and_cut_back),
        cmocka_unit_test(a_piece_beyond_the_maximum_is_left_out_whole),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
