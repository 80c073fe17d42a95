/* tests/unit/core/test_request_body.c - a request is parked until the body is here that something
 * asks about. */
#include <string.h>

#include "tests/unit/core/requests.h"
#include "tests/unit/unit.h"

#define PLUGINS  "variables=1 variables_wait=2 variables_late=3"
#define UPSTREAM "\"upstream\":{\"nodes\":{\"127.0.0.1:1\":1}}"
#define ASKS     "{\"names\":[\"post_arg_a\"]}"

static int set_up(void **state)
{
    (void)state;
    requests_set_up(PLUGINS, NULL);
    on.runtime->body_limits.post_max_bytes = 10;
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    requests_tear_down();
    return 0;
}

static void put(const char *json)
{
    request_object_put(HGH_ROUTES, "1", json);
}

static hg_request *post(const char *type, const char *length)
{
    hg_request *request;

    fake_request_init(&on.client, "h", "/");
    on.client.method = HG_TEXT("POST");
    if (type != NULL) {
        on.client.headers[on.client.header_count++] =
            (hg_header){HG_TEXT("Content-Type"), hg_text_of(type)};
    }
    if (length != NULL) {
        on.client.headers[on.client.header_count++] =
            (hg_header){HG_TEXT("Content-Length"), hg_text_of(length)};
    }
    request = hgh_request_new(on.runtime, &on.client);
    assert_non_null(request);
    return request;
}

#define FORM "application/x-www-form-urlencoded"

/* What the engine does when all of it is here, or cannot be read. */
static hgh_outcome arrive(hg_request *request, const char *body, hg_status status)
{
    on.client.body = hg_text_of(body);
    on.client.body_done(on.client.body_context, status);
    if (!on.client.resumed) {
        return HGH_PARKED;
    }
    on.client.resumed = false;
    return hgh_request_run(request);
}

static void end(hg_request *request)
{
    hgh_request_log(request);
    hgh_request_done(request);
    fake_request_done(&on.client);
    (void)fake_engine_run();
}

static uint64_t parked(void)
{
    return atomic_load(&on.runtime->slot->requests_parked);
}

/* Routes that park a request in different places. */
static const struct {
    const char *label;
    const char *json;
} asking[] = {
    {"a guard", "{\"uri\":\"/\",\"plugins\":{\"variables\":" ASKS "}," UPSTREAM "}"},
    {"a guard on a coroutine",
     "{\"uri\":\"/\",\"plugins\":{\"variables_wait\":" ASKS "}," UPSTREAM "}"},
    {"a plugin of the response",
     "{\"uri\":\"/\",\"plugins\":{\"variables_late\":" ASKS "}," UPSTREAM "}"},
    {"a route", "{\"uri\":\"/\",\"vars\":[[\"post_arg_a\",\"==\",\"1\"]]," UPSTREAM "}"},
    {"a key", "{\"uri\":\"/\",\"upstream\":{\"type\":\"chash\",\"key\":\"post_arg_a\",\"nodes\":"
              "{\"127.0.0.1:1\":1}}}"},
};

static void a_request_is_parked_and_counted_until_its_body_is_here(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(asking); i++) {
        hg_request *request;

        put(asking[i].json);
        request = post(FORM, "3");
        if (hgh_request_run(request) != HGH_PARKED || parked() != 1 ||
            on.client.body_done == NULL) {
            fail_msg("%s: not parked", asking[i].label);
        }
        if (arrive(request, "a=1", HG_OK) != HGH_GO_UPSTREAM || parked() != 0) {
            fail_msg("%s: does not go on", asking[i].label);
        }
        assert_string_equal(hgh_request_variable(request, HG_TEXT("post_arg_a")).data, "1");
        end(request);
    }
}

static void a_client_that_goes_is_not_counted_any_more(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(asking); i++) {
        hg_request *request;

        put(asking[i].json);
        request = post(FORM, "3");
        assert_int_equal(hgh_request_run(request), HGH_PARKED);
        hgh_request_cancel(request);
        assert_int_equal(parked(), 0);
        assert_int_equal(arrive(request, "a=1", HG_OK), HGH_PARKED); /* it comes too late */
        assert_int_equal(parked(), 0);
        end(request);
    }
}

static void a_body_that_cannot_be_read_is_answered(void **state)
{
    static const struct {
        hg_status status;
        uint32_t answer;
    } cases[] = {{HG_ERR_IO, 400}, {HG_ERR_TOO_LARGE, 413}};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(asking) * ARRAY_SIZE(cases); i++) {
        const char *label = asking[i / ARRAY_SIZE(cases)].label;
        hg_request *request;

        put(asking[i / ARRAY_SIZE(cases)].json);
        request = post(FORM, "3");
        assert_int_equal(hgh_request_run(request), HGH_PARKED);
        if (arrive(request, "", cases[i % ARRAY_SIZE(cases)].status) != HGH_ANSWER ||
            request->exit.status != cases[i % ARRAY_SIZE(cases)].answer || parked() != 0) {
            fail_msg("%s: %u", label, request->exit.status);
        }
        end(request);
    }
}

static void without_memory_it_is_answered_with_500(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(asking); i++) {
        hg_request *request;

        put(asking[i].json);
        request = post(FORM, "3");
        fake_memory_fails = true;
        if (hgh_request_run(request) != HGH_ANSWER || request->exit.status != 500) {
            fail_msg("%s: %u", asking[i].label, request->exit.status);
        }
        assert_int_equal(parked(), 0);
        fake_memory_fails = false;
        end(request);
    }
}

static void headers_tell_whether_a_body_is_worth_reading(void **state)
{
    static const struct {
        const char *label;
        const char *type;
        const char *length;
        bool waits;
    } cases[] = {
        {"a form", FORM, "3", true},
        {"any case, with a parameter", "Application/X-WWW-Form-Urlencoded; charset=utf-8", "3",
         true},
        {"without a length", FORM, NULL, true},
        {"as much as is looked at", FORM, "10", true},
        {"more", FORM, "11", false},
        {"much more", FORM, "99999999999999999999999999", false},
        {"nothing", FORM, "0", false},
        {"another type", "application/json", "3", false},
        {"a shorter type", "application/x-www-form", "3", false},
        {"no type", NULL, "3", false},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(asking); i++) {
        put(asking[i].json);
        for (size_t k = 0; k < ARRAY_SIZE(cases); k++) {
            hg_request *request = post(cases[k].type, cases[k].length);

            if ((hgh_request_run(request) == HGH_PARKED) != cases[k].waits) {
                fail_msg("%s, %s", asking[i].label, cases[k].label);
            }
            if (cases[k].waits) {
                (void)arrive(request, "a=1", HG_OK);
            }
            end(request);
        }
    }
}

/* One whose length is found out when it has been read. */
static void a_body_without_a_length_may_turn_out_too_long(void **state)
{
    hg_request *request;

    (void)state;
    put("{\"uri\":\"/"
        "\",\"plugins\":{\"variables\":{\"names\":[\"post_arg_a\",\"graphql_name\"]}}," UPSTREAM
        "}");
    request = post(FORM, NULL);
    assert_int_equal(hgh_request_run(request), HGH_PARKED);
    assert_int_equal(arrive(request, "a=1&b=23456", HG_OK), HGH_GO_UPSTREAM);
    assert_int_equal(fake_log_count("rewrite post_arg_a is absent"), 1);
    assert_int_equal(fake_log_count("larger than apisix.max_post_args_readable_size, 10 bytes"), 1);
    /* GraphQL has no limit here: it is looked for, and not found. */
    assert_int_equal(fake_log_count("failed to parse graphql"), 1);
    end(request);
    assert_int_equal(fake_log_count("larger than"), 1);
}

static void names_of_variables_in_the_body_are_known(void **state)
{
    static const struct {
        const char *name;
        uint8_t family;
    } names[] = {
        {"post_arg_a", HGH_BODY_FORM},
        {"post_arg_", HGH_BODY_FORM},
        {"post_arg.a", HGH_BODY_POST},
        {"post_arg", 0},
        {"post_args_a", 0},
        {"graphql_name", HGH_BODY_GRAPHQL},
        {"graphql_operation", HGH_BODY_GRAPHQL},
        {"graphql_root_fields", HGH_BODY_GRAPHQL},
        {"graphql_names", 0},
        {"graphql_", 0},
        {"arg_a", 0},
        {"", 0},
    };
    static const struct {
        const char *text;
        uint8_t families;
    } texts[] = {
        {"{}", 0},
        {"{\"key\":\"post_arg_user\"}", HGH_BODY_FORM},
        {"{\"a\":\"$post_arg_a ${post_arg.b}\"}", HGH_BODY_FORM | HGH_BODY_POST},
        {"[\"graphql_root_fields\"]", HGH_BODY_GRAPHQL},
        {"{\"graphql_endpoint\":\"post_arg\"}", 0},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        if (hgh_body_family_of(hg_text_of(names[i].name)) != names[i].family) {
            fail_msg("%s", names[i].name);
        }
    }
    for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
        if (hgh_body_families_in(texts[i].text) != texts[i].families) {
            fail_msg("%s", texts[i].text);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_request_is_parked_and_counted_until_its_body_is_here,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_client_that_goes_is_not_counted_any_more, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_body_that_cannot_be_read_is_answered, set_up, tear_down),
        cmocka_unit_test_setup_teardown(without_memory_it_is_answered_with_500, set_up, tear_down),
        cmocka_unit_test_setup_teardown(headers_tell_whether_a_body_is_worth_reading, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_body_without_a_length_may_turn_out_too_long, set_up,
                                        tear_down),
        cmocka_unit_test(names_of_variables_in_the_body_are_known),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
