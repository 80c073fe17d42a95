/* tests/unit/runner/test_call_request.c - what plugins change becomes the words of the protocol. */
#include <stdio.h>
#include <stdlib.h>

#include "host/runner/call_request.h"
#include "tests/unit/unit.h"

#define TEXT(literal)                                                                              \
    {                                                                                              \
        "" literal, sizeof("" literal) - 1                                                         \
    }

static const hg_header sent_arguments[] = {
    {TEXT("a"), TEXT("1")},    {TEXT("b"), TEXT("x y")},  {TEXT("a"), TEXT("2")},
    {TEXT("flag"), {NULL, 0}}, {TEXT("empty"), TEXT("")}, {TEXT(""), TEXT("nameless")},
};
static const hg_header sent_headers[] = {
    {TEXT("host"), TEXT("example.com")},
    {TEXT("x-one"), TEXT("1")},
    {TEXT("x-one"), TEXT("2")},
};

typedef struct fixture {
    hgh_memory memory;
    hgh_call_request request;
} fixture;

static hgh_a6_request_call message_make(void)
{
    return (hgh_a6_request_call){
        .source_address = HG_TEXT("\x7f\x00\x00\x01"),
        .path = HG_TEXT("/p"),
        .arguments = {sent_arguments, ARRAY_SIZE(sent_arguments)},
        .headers = {sent_headers, ARRAY_SIZE(sent_headers)},
    };
}

static int set_up(void **state)
{
    fixture *self = calloc(1, sizeof(*self));
    hgh_a6_request_call message = message_make();

    assert_non_null(self);
    assert_int_equal(hgh_call_request_read(&self->request, &self->memory, &message, NULL), HG_OK);
    *state = self;
    return 0;
}

static int tear_down(void **state)
{
    fixture *self = *state;

    hgh_memory_done(&self->memory);
    free(self);
    return 0;
}

static void a_call_is_read_as_a_request(void **state)
{
    const hgh_call_request *request = &((fixture *)*state)->request;

    assert_string_equal(request->method.data, "GET");
    assert_string_equal(request->path.data, "/p");
    assert_string_equal(request->query.data, "a=1&b=x%20y&a=2&flag&empty=");
    assert_int_equal(request->client.family, HG_ADDRESS_IPV4);
    assert_string_equal(hgh_headers_find(&request->headers, HG_TEXT("X-One")).data, "1");
}

static void what_cannot_be_a_request_is_refused(void **state)
{
    static const hg_header zero[] = {{TEXT("a\0b"), TEXT("1")}};
    static hg_header many[HGH_CALL_ENTRIES_MAX + 1];
    const struct {
        const char *label;
        hgh_a6_request_call message;
        const char *text;
    } cases[] = {
        {"method", {.method = 99}, "method: found 99"},
        {"path", {.path = HG_TEXT("/a\0b")}, "path: found a zero byte"},
        {"header", {.headers = {zero, 1}}, "headers: found a zero byte in entry 0"},
        {"argument", {.arguments = {zero, 1}}, "args: found a zero byte in entry 0"},
        {"many", {.headers = {many, ARRAY_SIZE(many)}}, "headers: found 4097, wanted at most"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        hgh_memory memory = {0};
        hgh_call_request request = {0};
        hg_error err = HG_ERROR_INIT;

        if (hgh_call_request_read(&request, &memory, &cases[i].message, &err) != HG_ERR_INVALID ||
            strstr(err.text, cases[i].text) == NULL) {
            fail_msg("%s: %s", cases[i].label, err.text);
        }
        hgh_memory_done(&memory);
    }
}

/* "name=value", or "name" for an entry without one, each behind a blank. */
static void list_format(const hgh_a6_list *list, char *into)
{
    into[0] = '\0';
    for (size_t i = 0; i < list->count; i++) {
        (void)strncat(into, list->items[i].name.data, list->items[i].name.length);
        if (list->items[i].value.data != NULL) {
            (void)strcat(into, "=");
            (void)strncat(into, list->items[i].value.data, list->items[i].value.length);
        }
        (void)strcat(into, " ");
    }
}

static void arguments_are_told_by_what_differs(void **state)
{
    static const struct {
        const char *query;
        hg_status status;
        const char *told;
    } cases[] = {
        {"a=1&b=x%20y&a=2&flag&empty=", HG_OK, ""},
        {"b=x+y&a=1&a=2&empty=&flag", HG_OK, ""}, /* names have no order among each other */
        {"a=2&b=x+y&a=1&flag&empty=", HG_OK, "a=2 a=1 "},
        {"a=1&a=2&flag&empty=", HG_OK, "b "},
        {"", HG_OK, "a b flag empty "},
        {"a=1&b=x+y&a=2&flag&empty=&new=%26", HG_OK, "new=& "},
        {"a=1&b=x+y&a=2&flag=now&empty=", HG_OK, "flag=now "},
        {"a=1&b=x+y&a=2&flag&empty=&other", HG_ERR_UNSUPPORTED, ""},
        {"a=1&b=x+y&a=2&flag&empty", HG_ERR_UNSUPPORTED, ""},
        {"a=1&b=x+y&a=2&flag&flag&empty=", HG_ERR_UNSUPPORTED, ""},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        void *own = NULL;
        fixture *self;
        hgh_a6_request_answer answer = {0};
        char told[256];
        hg_status status;

        assert_int_equal(set_up(&own), 0);
        self = own;
        status = hgh_call_request_set_arguments(&self->request, hg_text_of(cases[i].query));
        assert_int_equal(hgh_call_request_rewrite(&self->request, NULL, (hg_text){0}, &answer),
                         HG_OK);
        list_format(&answer.arguments, told);
        if (status != cases[i].status || strcmp(told, cases[i].told) != 0 ||
            answer.action != (told[0] == '\0' ? HGH_A6_NO_ACTION : HGH_A6_REWRITE)) {
            fail_msg("%s: status %d, told %s", cases[i].query, (int)status, told);
        }
        assert_int_equal(tear_down(&own), 0);
    }
}

/* As many as a client may send: what that takes must not grow with their square. */
static void of_many_arguments_those_that_differ_are_told(void **state)
{
    hgh_call_request request = {0};
    hgh_memory *memory = &((fixture *)*state)->memory;
    hg_header *items = calloc(HGH_CALL_ENTRIES_MAX, sizeof(*items));
    hgh_a6_request_call message = message_make();
    hgh_a6_request_answer answer = {0};
    char *query = calloc(HGH_CALL_ENTRIES_MAX, 16);
    char *at = query;

    assert_true(items != NULL && query != NULL);
    for (unsigned i = 0; i < HGH_CALL_ENTRIES_MAX; i++) { /* every third one gets another value */
        char name[16];

        (void)snprintf(name, sizeof(name), "n%u", i);
        items[i] = (hg_header){hgh_memory_copy(memory, hg_text_of(name)), HG_TEXT("1")};
        at += sprintf(at, "&%s=%u", name, i % 3 == 0 ? 2u : 1u);
    }
    message.arguments = (hgh_a6_list){items, HGH_CALL_ENTRIES_MAX};
    assert_int_equal(hgh_call_request_read(&request, memory, &message, NULL), HG_OK);
    assert_int_equal(hgh_call_request_rewrite(&request, NULL, (hg_text){0}, &answer), HG_OK);
    assert_int_equal(answer.action, HGH_A6_NO_ACTION);
    assert_int_equal(hgh_call_request_set_arguments(&request, hg_text_of(query + 1)), HG_OK);
    assert_int_equal(hgh_call_request_rewrite(&request, NULL, (hg_text){0}, &answer), HG_OK);
    assert_int_equal(answer.arguments.count, (HGH_CALL_ENTRIES_MAX + 2) / 3);
    assert_string_equal(answer.arguments.items[1].name.data, "n3");
    assert_string_equal(answer.arguments.items[1].value.data, "2");
    free(items);
    free(query);
}

static void a_header_is_told_once_as_it_is_in_the_end(void **state)
{
    hgh_call_request *request = &((fixture *)*state)->request;
    hgh_a6_request_answer answer = {0};
    char told[256];

    assert_int_equal(hgh_call_request_set_header(request, HG_TEXT("X-New"), HG_TEXT("1")), HG_OK);
    assert_int_equal(hgh_call_request_add_header(request, HG_TEXT("x-new"), HG_TEXT("2")),
                     HG_ERR_UNSUPPORTED);
    assert_int_equal(hgh_call_request_set_header(request, HG_TEXT("X-One"), (hg_text){0}), HG_OK);
    assert_int_equal(hgh_call_request_add_header(request, HG_TEXT("X-ONE"), HG_TEXT("3")), HG_OK);
    assert_int_equal(hgh_call_request_set_header(request, HG_TEXT("x-new"), (hg_text){0}), HG_OK);
    assert_int_equal(hgh_call_request_rewrite(request, NULL, HG_TEXT("other.example"), &answer),
                     HG_OK);
    list_format(&answer.headers, told);
    assert_string_equal(told, "X-ONE=3 x-new host=other.example ");
}

static void headers_for_the_response_are_refused_by_name_unless_the_request_ends(void **state)
{
    const hgh_call_request *request = &((fixture *)*state)->request;
    hgh_early_header last = {NULL, false, TEXT("X-Two"), TEXT("b")};
    hgh_early_header third = {&last, true, TEXT("location"), TEXT("/x")};
    hgh_early_header second = {&third, false, TEXT("X-Two"), TEXT("a")};
    hgh_early_header first = {&second, true, TEXT("X-One"), TEXT("1")};
    const hgh_exit end = {.set = true, .status = 302, .body = HG_TEXT("")};
    hgh_a6_request_answer answer = {0};
    char told[256];

    assert_int_equal(hgh_call_request_rewrite(request, &first, (hg_text){0}, &answer), HG_OK);
    list_format(&answer.response_headers, told);
    assert_string_equal(told, "X-One=1 X-Two=a X-Two=b ");
    answer = (hgh_a6_request_answer){0};
    assert_int_equal(hgh_call_request_stop(request, &first, &end, &answer), HG_OK);
    list_format(&answer.headers, told);
    assert_string_equal(told, "X-One=1 X-Two=a location=/x X-Two=b ");
    assert_int_equal(answer.status, 302);
    assert_null(answer.body.data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        CASE(a_call_is_read_as_a_request),
        CASE(what_cannot_be_a_request_is_refused),
        CASE(arguments_are_told_by_what_differs),
        CASE(of_many_arguments_those_that_differ_are_told),
        CASE(a_header_is_told_once_as_it_is_in_the_end),
        CASE(headers_for_the_response_are_refused_by_name_unless_the_request_ends),
#undef CASE
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
