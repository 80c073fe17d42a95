/* tests/unit/core/test_encoding.c - base64 of both kinds, hexadecimal digits, secrets compared. */
#include <stdio.h>
#include <string.h>

#include "host/core/encoding.h"
#include "tests/unit/unit.h"

/* RFC 4648, section 10, and what differs between the two alphabets. */
static const struct {
    hg_encoding encoding;
    hg_text bytes;
    const char *text;
} pairs[] = {
    {HG_BASE64, {"", 0}, ""},
    {HG_BASE64, {"f", 1}, "Zg=="},
    {HG_BASE64, {"fo", 2}, "Zm8="},
    {HG_BASE64, {"foo", 3}, "Zm9v"},
    {HG_BASE64, {"foob", 4}, "Zm9vYg=="},
    {HG_BASE64, {"fooba", 5}, "Zm9vYmE="},
    {HG_BASE64, {"foobar", 6}, "Zm9vYmFy"},
    {HG_BASE64, {"\xfb\xff\xfe", 3}, "+//+"},
    {HG_BASE64_URL, {"\xfb\xff\xfe", 3}, "-__-"},
    {HG_BASE64_URL, {"f", 1}, "Zg"},
    {HG_BASE64_URL, {"fo", 2}, "Zm8"},
    {HG_BASE64_URL, {"a\0b", 3}, "YQBi"},
    {HG_HEX, {"", 0}, ""},
    {HG_HEX, {"\x00\x7f\xff", 3}, "007fff"},
};

static void bytes_are_written_and_read_back(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(pairs); i++) {
        char text[64];
        char bytes[64];
        size_t length = 99;

        assert_int_equal(hgh_encode(pairs[i].encoding, pairs[i].bytes, text,
                                    HG_ENCODED_SIZE(pairs[i].bytes.length), &length),
                         HG_OK);
        if (strcmp(text, pairs[i].text) != 0 || length != strlen(text)) {
            fail_msg("got \"%s\", wanted \"%s\"", text, pairs[i].text);
        }
        assert_int_equal(hgh_decode(pairs[i].encoding, hg_text_of(pairs[i].text), bytes,
                                    pairs[i].bytes.length, &length),
                         HG_OK);
        assert_true(hg_text_equal((hg_text){bytes, length}, pairs[i].bytes));
    }
}

static void every_byte_survives(void **state)
{
    static const hg_encoding encodings[] = {HG_BASE64, HG_BASE64_URL, HG_HEX};
    char bytes[256];

    (void)state;
    for (size_t i = 0; i < sizeof(bytes); i++) {
        bytes[i] = (char)i;
    }
    for (size_t i = 0; i < ARRAY_SIZE(encodings); i++) {
        for (size_t length = 0; length <= sizeof(bytes); length++) {
            char text[HG_ENCODED_SIZE(sizeof(bytes))];
            char back[sizeof(bytes)];
            size_t got = 0;

            assert_int_equal(hgh_encode(encodings[i], (hg_text){bytes, length}, text,
                                        HG_ENCODED_SIZE(length), &got),
                             HG_OK);
            assert_int_equal(hgh_decode(encodings[i], (hg_text){text, got}, back, got, &got),
                             HG_OK);
            assert_true(hg_text_equal((hg_text){back, got}, (hg_text){bytes, length}));
        }
    }
}

static void padding_may_be_left_out_and_capitals_be_used(void **state)
{
    char bytes[8];
    size_t length = 0;

    (void)state;
    assert_int_equal(hgh_decode(HG_BASE64, HG_TEXT("Zg"), bytes, 8, &length), HG_OK);
    assert_int_equal(length, 1);
    assert_int_equal(hgh_decode(HG_BASE64_URL, HG_TEXT("Zg=="), bytes, 8, &length), HG_OK);
    assert_int_equal(length, 1);
    assert_int_equal(hgh_decode(HG_HEX, HG_TEXT("aBFf"), bytes, 8, &length), HG_OK);
    assert_int_equal(length, 2);
    assert_memory_equal(bytes, "\xab\xff", 2);
}

static void other_texts_are_refused(void **state)
{
    static const struct {
        const char *label;
        hg_encoding encoding;
        hg_text text;
    } cases[] = {
        {"a character too many", HG_BASE64, {"Zm9vY", 5}},
        {"one character", HG_BASE64, {"Z", 1}},
        {"padding alone", HG_BASE64, {"=", 1}},
        {"four of padding", HG_BASE64, {"====", 4}},
        {"too little padding", HG_BASE64, {"Zg=", 3}},
        {"too much padding", HG_BASE64, {"Zg===", 5}},
        {"padding of a whole group", HG_BASE64, {"Zm9v====", 8}},
        {"padding inside", HG_BASE64, {"Zg==Zg==", 8}},
        {"the other alphabet", HG_BASE64, {"-__-", 4}},
        {"the other alphabet, too", HG_BASE64_URL, {"+//+", 4}},
        {"a blank", HG_BASE64, {"Zm 9", 4}},
        {"a line break", HG_BASE64, {"Zm9v\n", 5}},
        {"a NUL", HG_BASE64, {"Zm\0v", 4}},
        {"a byte above 127", HG_BASE64, {"Zm9\xc3", 4}},
        {"bits that are lost, of two", HG_BASE64, {"Zh==", 4}},
        {"bits that are lost, of three", HG_BASE64_URL, {"Zm9", 3}},
        {"half a byte", HG_HEX, {"abc", 3}},
        {"no digit", HG_HEX, {"ag", 2}},
        {"no digit below A", HG_HEX, {"a@", 2}},
        {"a digit with another case bit", HG_HEX, {"\x11\x11", 2}},
        {"no encoding", (hg_encoding)0, {"ab", 2}},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        char bytes[16];
        size_t length = 99;
        hg_status status = hgh_decode(cases[i].encoding, cases[i].text, bytes, 16, &length);

        if (status != HG_ERR_INVALID || length != 99) {
            fail_msg("%s: got %d, %zu bytes", cases[i].label, (int)status, length);
        }
    }
}

static void small_buffers_are_not_overrun(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(pairs); i++) {
        for (size_t size = 0; size <= strlen(pairs[i].text); size++) {
            char text[64];
            size_t length = 99;

            memset(text, '!', sizeof(text));
            assert_int_equal(hgh_encode(pairs[i].encoding, pairs[i].bytes, text, size, &length),
                             HG_ERR_FULL);
            assert_int_equal(text[size], '!');
            assert_int_equal(length, 99);
        }
        for (size_t size = 0; size < pairs[i].bytes.length; size++) {
            char bytes[64];
            size_t length = 99;

            memset(bytes, '!', sizeof(bytes));
            assert_int_equal(
                hgh_decode(pairs[i].encoding, hg_text_of(pairs[i].text), bytes, size, &length),
                HG_ERR_FULL);
            assert_int_equal(bytes[size], '!');
            assert_int_equal(length, 99);
        }
    }
    assert_int_equal(hgh_encode((hg_encoding)9, HG_TEXT("a"), NULL, 0, NULL), HG_ERR_INVALID);
}

static void secrets_are_equal_byte_by_byte(void **state)
{
    static const struct {
        hg_text given;
        hg_text secret;
        bool equal;
    } cases[] = {
        {{"secret", 6}, {"secret", 6}, true},
        {{"", 0}, {"", 0}, true},
        {{"secre", 5}, {"secret", 6}, false},
        {{"secrett", 7}, {"secret", 6}, false},
        {{"Secret", 6}, {"secret", 6}, false},
        {{"secreu", 6}, {"secret", 6}, false},
        {{"a\0b", 3}, {"a\0c", 3}, false},
        {{NULL, 0}, {"", 0}, false},
        {{"", 0}, {NULL, 0}, false},
        {{NULL, 0}, {NULL, 0}, false},
        {{"\x80\x80", 2}, {"\x80\x80", 2}, true},
        {{"a", 1}, {"", 0}, false},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        if (hgh_secret_equal(cases[i].given, cases[i].secret) != cases[i].equal) {
            fail_msg("row %zu", i);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_are_written_and_read_back),
        cmocka_unit_test(every_byte_survives),
        cmocka_unit_test(padding_may_be_left_out_and_capitals_be_used),
        cmocka_unit_test(other_texts_are_refused),
        cmocka_unit_test(small_buffers_are_not_overrun),
        cmocka_unit_test(secrets_are_equal_byte_by_byte),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
