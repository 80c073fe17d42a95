/* tests/unit/engine/test_kit_response.c - what plugins see of responses and change in them. */
#include "tests/unit/engine/kit.h"

static void load(hg_test *test, const char *config)
{
    char plugins[1024];

    kit_load(test, "response");
    (void)snprintf(plugins, sizeof(plugins), "{\"response\": %s}", config);
    kit_route(test, plugins);
}

static void status_and_headers_change_in_header_filter(void **state)
{
    const hg_test_exchange *exchange;

    load(*state, "{\"status\": 418, \"header\": \"new\", \"early_header\": \"soon\","
                 " \"remove\": \"x-gone\"}");
    hg_test_set_upstream(*state, &(hg_test_upstream){.status = 201,
                                                     .headers = "X-Test: old\nX-Test: older\n"
                                                                "X-Gone: 1\n",
                                                     .body = "abc"});
    exchange = hg_test_get(*state, "/");
    assert_int_equal(exchange->status, 418);
    assert_string_equal(hg_test_header(*state, exchange, "x-test"), "new");
    assert_string_equal(hg_test_header(*state, exchange, "X-Early"), "soon");
    assert_null(hg_test_header(*state, exchange, "X-Gone"));
    assert_string_equal(exchange->body, "abc");
    assert_string_equal(hg_test_header(*state, exchange, "Content-Length"), "3");
    kit_assert_log(*state, "status is 201");
    kit_assert_log(*state, "ended with 418 , too late: 6");
}

static void a_body_comes_in_the_pieces_that_the_upstream_sends(void **state)
{
    const hg_test_exchange *exchange;

    load(*state, "{}");
    hg_test_set_upstream(*state, &(hg_test_upstream){.body = "abcdefg", .piece_bytes = 3});
    exchange = hg_test_get(*state, "/");
    assert_string_equal(exchange->body, "abcdefg");
    assert_int_equal(exchange->pieces, 3);
    kit_assert_log(*state, "piece 1: 3 bytes");
    kit_assert_log(*state, "piece 3: 1 bytes, the last");
    hg_test_set_upstream(*state, NULL);
    exchange = hg_test_get(*state, "/");
    assert_string_equal(exchange->body, "");
    kit_assert_log(*state, "piece 1: 0 bytes, the last");
}

static void a_body_of_zero_bytes_may_hold_any_byte(void **state)
{
    const hg_test_exchange *exchange;

    load(*state, "{}");
    hg_test_set_upstream(*state, &(hg_test_upstream){.body = "a\0b", .body_length = 3});
    exchange = hg_test_get(*state, "/");
    assert_int_equal(exchange->body_length, 3);
    assert_memory_equal(exchange->body, "a\0b", 4);
}

static void replacing_a_body_needs_change_body(void **state)
{
    const hg_test_exchange *exchange;

    load(*state, "{\"body\": \"longer than before\"}");
    hg_test_set_upstream(*state, &(hg_test_upstream){.headers = "ETag: \"1\"\n", .body = "abc"});
    exchange = hg_test_get(*state, "/");
    assert_string_equal(exchange->body, "abc");
    assert_string_equal(hg_test_header(*state, exchange, "ETag"), "\"1\"");
    kit_assert_log(*state, "chunk_set -> 6");

    load(*state, "{\"body\": \"longer than before\", \"change_body\": true}");
    hg_test_set_upstream(
        *state,
        &(hg_test_upstream){.headers = "ETag: \"1\"\nAccept-Ranges: bytes\n", .body = "abc"});
    exchange = hg_test_get(*state, "/");
    assert_string_equal(exchange->body, "longer than before");
    assert_null(hg_test_header(*state, exchange, "Content-Length"));
    assert_null(hg_test_header(*state, exchange, "Accept-Ranges"));
    assert_string_equal(hg_test_header(*state, exchange, "ETag"), "W/\"1\"");
    kit_assert_log(*state, "chunk_set -> 0");
}

static void a_buffered_body_comes_whole_and_holds_the_headers(void **state)
{
    const hg_test_exchange *exchange;

    load(*state, "{\"buffer_max\": 100, \"suffix\": \"!\", \"late_header\": \"in time\"}");
    hg_test_set_upstream(*state, &(hg_test_upstream){.body = "abcdefg", .piece_bytes = 2});
    exchange = hg_test_get(*state, "/");
    assert_string_equal(exchange->body, "abcdefg!");
    assert_int_equal(exchange->pieces, 1);
    assert_string_equal(hg_test_header(*state, exchange, "Content-Length"), "8");
    assert_string_equal(hg_test_header(*state, exchange, "X-Late"), "in time");
    kit_assert_log(*state, "piece 1: 7 bytes, the last");
    kit_assert_log(*state, "late -> 0");
}

static void a_body_over_the_limit_of_its_buffer_passes_unchanged(void **state)
{
    const hg_test_exchange *exchange;

    load(*state, "{\"buffer_max\": 5, \"suffix\": \"!\"}");
    hg_test_set_upstream(*state, &(hg_test_upstream){.body = "abcdefg", .piece_bytes = 2});
    exchange = hg_test_get(*state, "/");
    assert_string_equal(exchange->body, "abcdefg");
    assert_string_equal(hg_test_header(*state, exchange, "Content-Length"), "7");
    assert_int_equal(hg_test_log_count(*state, 0, "piece"), 0);
    assert_int_equal(hg_test_log_count(*state, HG_LOG_WARN, "larger than its limit of 5 bytes"), 1);
}

static void headers_cannot_change_once_they_are_sent(void **state)
{
    load(*state, "{\"late_header\": \"too late\", \"change_body\": true}");
    hg_test_set_upstream(*state, &(hg_test_upstream){.body = "abc"});
    (void)hg_test_get(*state, "/");
    kit_assert_log(*state, "late -> 6");
}

static void a_response_without_a_body_stays_without(void **state)
{
    static const struct {
        const char *label;
        hg_test_request request;
        hg_test_upstream upstream;
        const char *length;
    } cases[] = {
        {"HEAD", {.method = "HEAD"}, {.body = "abc"}, "3"},
        {"204", {.method = "GET"}, {.status = 204}, NULL},
        {"304", {.method = "GET"}, {.status = 304}, NULL},
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        const hg_test_exchange *exchange;
        const char *length;

        load(*state, "{\"body\": \"x\"}");
        hg_test_set_upstream(*state, &cases[i].upstream);
        exchange = hg_test_send(*state, &cases[i].request);
        length = hg_test_header(*state, exchange, "Content-Length");
        if (exchange->body_length != 0 || (length == NULL) != (cases[i].length == NULL)) {
            fail_msg("%s: body \"%s\", length %s", cases[i].label, exchange->body, length);
        }
    }
}

static void remember(void *context, const char *text)
{
    (void)snprintf(context, 256, "%s", text);
}

static void a_length_that_does_not_hold_fails_the_test(void **state)
{
    char text[256] = "";

    load(*state, "{}");
    hg_test_on_failure(*state, remember, text);
    hg_test_set_upstream(*state, &(hg_test_upstream){.headers = "content-length: 9\n",
                                                     .body = "abc",
                                                     .without_length = true});
    (void)hg_test_get(*state, "/");
    assert_string_equal(text, "Content-Length: 9 was sent, the body that followed has 3 bytes");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        KIT_TEST(status_and_headers_change_in_header_filter),
        KIT_TEST(a_body_comes_in_the_pieces_that_the_upstream_sends),
        KIT_TEST(a_body_of_zero_bytes_may_hold_any_byte),
        KIT_TEST(replacing_a_body_needs_change_body),
        KIT_TEST(a_buffered_body_comes_whole_and_holds_the_headers),
        KIT_TEST(a_body_over_the_limit_of_its_buffer_passes_unchanged),
        KIT_TEST(headers_cannot_change_once_they_are_sent),
        KIT_TEST(a_response_without_a_body_stays_without),
        KIT_TEST(a_length_that_does_not_hold_fails_the_test),
    };

    return cmocka_run_group_tests_name("kit_response", tests, NULL, NULL);
}
