/* tests/unit/core/test_inflate.c - bodies in gzip and deflate, whole, damaged, and too large. */
#include <stdlib.h>
#include <string.h>
#define ZLIB_CONST /* it reads its input alone */
#include <zlib.h>

#include "host/core/inflate.h"
#include "tests/unit/unit.h"

#define PLAIN_BYTES 100000u

/* A body of that coding, to be freed. */
static hg_text coded(int window_bits, const char *plain, size_t length)
{
    z_stream stream = {0};
    size_t room = length + 1000;
    unsigned char *bytes = malloc(room);

    assert_int_equal(deflateInit2(&stream, 6, Z_DEFLATED, window_bits, 8, Z_DEFAULT_STRATEGY),
                     Z_OK);
    stream.next_in = (const unsigned char *)plain;
    stream.avail_in = (unsigned)length;
    stream.next_out = bytes;
    stream.avail_out = (unsigned)room;
    assert_int_equal(deflate(&stream, Z_FINISH), Z_STREAM_END);
    length = stream.total_out;
    (void)deflateEnd(&stream);
    return (hg_text){(const char *)bytes, length};
}

static void codings_are_known_by_their_names(void **state)
{
    static const struct {
        const char *coding;
        bool known;
    } cases[] = {{"gzip", true}, {"GZIP", true}, {"x-gzip", true},    {"deflate", true},
                 {"", false},    {"br", false},  {"gzip, br", false}, {"identity", false}};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        if (hgh_inflate_knows(hg_text_of(cases[i].coding)) != cases[i].known) {
            fail_msg("%s", cases[i].coding);
        }
    }
}

static void whole_bodies_are_decoded(void **state)
{
    static const struct {
        const char *label;
        const char *coding;
        int window_bits;
    } cases[] = {
        {"gzip", "gzip", 15 + 16},
        {"deflate", "deflate", 15},
        {"deflate without its wrapper", "deflate", -15},
    };
    char *plain = malloc(PLAIN_BYTES);

    (void)state;
    for (size_t i = 0; i < PLAIN_BYTES; i++) {
        plain[i] = (char)('a' + i * i % 23);
    }
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        hg_text bytes = coded(cases[i].window_bits, plain, PLAIN_BYTES);
        hgh_text_builder into = {.max = PLAIN_BYTES};

        if (hgh_inflate(hg_text_of(cases[i].coding), bytes, &into) != HG_OK ||
            into.length != PLAIN_BYTES || memcmp(into.data, plain, PLAIN_BYTES) != 0) {
            fail_msg("%s", cases[i].label);
        }
        hgh_text_builder_done(&into);
        free((void *)(uintptr_t)bytes.data);
    }
    free(plain);
}

static void members_behind_each_other_are_one_body(void **state)
{
    hg_text first = coded(15 + 16, "ab", 2);
    char twice[128];
    hgh_text_builder into = {.max = 100};

    (void)state;
    memcpy(twice, first.data, first.length);
    memcpy(twice + first.length, first.data, first.length);
    assert_int_equal(hgh_inflate(HG_TEXT("gzip"), (hg_text){twice, 2 * first.length}, &into),
                     HG_OK);
    assert_string_equal(into.data, "abab");
    hgh_text_builder_done(&into);
    free((void *)(uintptr_t)first.data);
}

static void what_is_no_whole_body_is_refused(void **state)
{
    char plain[1000];
    hg_text bytes;
    hgh_text_builder into = {.max = sizeof(plain)};

    (void)state;
    memset(plain, 'x', sizeof(plain));
    bytes = coded(15, plain, sizeof(plain));
    for (size_t length = 0; length < bytes.length; length++) {
        assert_int_equal(hgh_inflate(HG_TEXT("deflate"), (hg_text){bytes.data, length}, &into),
                         HG_ERR_INVALID);
        hgh_text_builder_cut(&into, 0);
    }
    assert_int_equal(hgh_inflate(HG_TEXT("gzip"), bytes, &into), HG_ERR_INVALID);
    into.max = sizeof(plain) - 1;
    hgh_text_builder_cut(&into, 0);
    assert_int_equal(hgh_inflate(HG_TEXT("deflate"), bytes, &into), HG_ERR_TOO_LARGE);
    hgh_text_builder_done(&into);
    free((void *)(uintptr_t)bytes.data);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(codings_are_known_by_their_names),
        cmocka_unit_test(whole_bodies_are_decoded),
        cmocka_unit_test(members_behind_each_other_are_one_body),
        cmocka_unit_test(what_is_no_whole_body_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
