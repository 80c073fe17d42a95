/* tests/unit/core/test_request.c - a request waits, is retried, canceled and outlives a reload. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/core/address.h"
#include "tests/unit/core/requests.h"
#include "tests/unit/unit.h"

#define PLUGINS "unit_a=1 unit_auth=2 unit_b=3 unit_raw=4 unit_wait=5 waiting=6"

static int set_up(void **state)
{
    (void)state;
    requests_set_up(PLUGINS, NULL);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    requests_tear_down();
    return 0;
}

static hg_request *begin(void)
{
    hg_request *request = hgh_request_new(on.runtime, &on.client);

    assert_non_null(request);
    return request;
}

static void end(hg_request *request)
{
    hgh_request_log(request);
    hgh_request_done(request);
    (void)fake_engine_run();
}

/* Runs on what an engine was told to resume. */
static hgh_outcome go_on(hg_request *request)
{
    hgh_outcome outcome = HGH_PARKED;

    (void)fake_engine_run();
    if (on.client.resumed) {
        on.client.resumed = false;
        outcome = hgh_request_run(request);
    }
    return outcome;
}

/* ---------------------------------------------------------------------------------- stages */

static void what_has_no_upstream_or_plugin_has_an_answer(void **state)
{
    static const struct {
        const char *label;
        const char *route;
        uint32_t status;
        const char *log;
    } cases[] = {
        {"no route", "{\"uri\":\"/other\"}", 404, ""},
        {"no upstream", "{\"uri\":\"/\"}", 503, "has no upstream"},
        {"a missing service", "{\"uri\":\"/\",\"service_id\":\"gone\"}", 404,
         "service gone is not there"},
        {"a missing upstream", "{\"uri\":\"/\",\"upstream_id\":\"gone\"}", 502,
         "upstream gone is not there"},
        {"no node", "{\"uri\":\"/\",\"upstream\":{\"nodes\":{}}}", 503, "has no node"},
        {"nodes of weight 0", "{\"uri\":\"/\",\"upstream\":{\"nodes\":{\"127.0.0.1\":0}}}", 502,
         "no usable node"},
        {"a missing plugin", "{\"uri\":\"/\",\"plugins\":{\"gone\":{}}}", 503,
         "plugin gone is not available"},
        {"a plugin's answer", "{\"uri\":\"/\",\"plugins\":{\"unit_a\":{\"exit_status\":403}}}", 403,
         "unit_a exits with http status code 403"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        hg_request *request;

        fake_log_clear();
        request_object_put(HGH_ROUTES, "1", cases[i].route);
        request = begin();
        if (hgh_request_run(request) != HGH_ANSWER || request->exit.status != cases[i].status ||
            strstr(fake_log_text(), cases[i].log) == NULL) {
            fail_msg("%s: %u, \"%s\"", cases[i].label, request->exit.status, fake_log_text());
        }
        end(request);
    }
}

static void a_consumer_of_the_credential_is_attached_and_its_plugins_run(void **state)
{
    hg_request *request;

    (void)state;
    request_object_put(HGH_CONSUMERS, "jack",
                       "{\"plugins\":{\"unit_auth\":{\"key\":\"k\"},\"unit_a\":{\"tag\":\"c\"},"
                       "\"unit_b\":{\"tag\":\"c\"}}}");
    request_object_put(HGH_ROUTES, "1",
                       "{\"uri\":\"/\",\"plugins\":{\"unit_auth\":{},\"unit_b\":{\"tag\":\"r\"}},"
                       "\"upstream\":{\"nodes\":{\"127.0.0.1:1\":1}}}");
    on.client.headers[on.client.header_count++] = (hg_header){HG_TEXT("key"), HG_TEXT("k")};
    on.client.headers[on.client.header_count++] =
        (hg_header){HG_TEXT("X-Credential-Identifier"), HG_TEXT("forged")};
    request = begin();
    assert_int_equal(hgh_request_run(request), HGH_GO_UPSTREAM);
    assert_string_equal(fake_log_text(), "plugin unit_auth: rewrite:-\n"
                                         "plugin unit_auth: key:k\n"
                                         "plugin unit_b: rewrite:r\n"
                                         "plugin unit_a: rewrite:c\n"
                                         "plugin unit_auth: access:-\n"
                                         "plugin unit_b: access:c\n"
                                         "plugin unit_a: access:c\n"
                                         "plugin unit_auth: before_proxy:-\n"
                                         "plugin unit_b: before_proxy:c\n"
                                         "plugin unit_a: before_proxy:c\n");
    assert_true(hg_text_equal(fake_engine.header(&on.client, HG_TEXT("X-Consumer-Username")),
                              HG_TEXT("jack")));
    assert_null(fake_engine.header(&on.client, HG_TEXT("X-Credential-Identifier")).data);
    end(request);
}

static void no_memory_for_a_request_is_none(void **state)
{
    (void)state;
    fake_memory_fails = true;
    assert_null(hgh_request_new(on.runtime, &on.client));
    fake_memory_fails = false;
    assert_int_equal(atomic_load(&on.runtime->slot->requests_live), 0);
}

/* --------------------------------------------------------------------------------- waiting */

static void put_waiting_route(const char *configuration)
{
    char json[512];

    (void)snprintf(json, sizeof(json),
                   "{\"uri\":\"/\",\"plugins\":{%s},"
                   "\"upstream\":{\"nodes\":{\"127.0.0.1:1\":1}}}",
                   configuration);
    request_object_put(HGH_ROUTES, "1", json);
}

static void a_waiting_callback_is_parked_and_goes_on(void **state)
{
    hg_request *request;

    (void)state;
    put_waiting_route("\"unit_wait\":{\"sleep_ms\":50,\"sleeps\":3}");
    request = begin();
    assert_int_equal(hgh_request_run(request), HGH_PARKED);
    assert_int_equal(atomic_load(&on.runtime->slot->requests_parked), 1);
    assert_int_equal(atomic_load(&on.runtime->slot->marker), 0);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(go_on(request), HGH_PARKED);
        fake_now_ms += 50;
    }
    (void)go_on(request);
    fake_now_ms += 50;
    assert_int_equal(go_on(request), HGH_GO_UPSTREAM);
    assert_int_equal(fake_log_count("slept:0"), 3);
    assert_int_equal(atomic_load(&on.runtime->slot->requests_parked), 0);
    end(request);
}

static void more_than_may_be_parked_get_503(void **state)
{
    fake_request other;
    hg_request *first;
    hg_request *second;

    (void)state;
    on.runtime->coroutines.active_max = 1;
    put_waiting_route("\"unit_wait\":{\"sleep_ms\":50}");
    first = begin();
    assert_int_equal(hgh_request_run(first), HGH_PARKED);
    fake_request_init(&other, "h", "/");
    second = hgh_request_new(on.runtime, &other);
    assert_int_equal(hgh_request_run(second), HGH_ANSWER);
    assert_int_equal(second->exit.status, 503);
    hgh_request_done(second);
    fake_request_done(&other);
    fake_now_ms += 50;
    assert_int_equal(go_on(first), HGH_GO_UPSTREAM);
    end(first);
}

static void a_wait_that_cannot_begin_ends_at_once(void **state)
{
    hg_request *request;

    (void)state;
    put_waiting_route("\"unit_wait\":{\"sleep_ms\":50,\"sleeps\":2}");
    request = begin();
    fake_timers_fail = true;
    assert_int_equal(hgh_request_run(request), HGH_GO_UPSTREAM);
    fake_timers_fail = false;
    assert_int_equal(fake_log_count("slept:0"), 0);
    assert_int_equal(fake_log_count("slept:"), 2);
    end(request);
}

static void a_canceled_wait_ends_with_its_callback(void **state)
{
    char line[32];
    hg_request *request;

    (void)state;
    put_waiting_route("\"unit_wait\":{\"sleep_ms\":50,\"sleeps\":5}");
    request = begin();
    assert_int_equal(hgh_request_run(request), HGH_PARKED);
    hgh_request_cancel(request);
    (void)snprintf(line, sizeof(line), "slept:%d", (int)HG_CANCELED);
    assert_int_equal(fake_log_count(line), 5);
    assert_int_equal(hgh_request_run(request), HGH_ANSWER); /* whatever an engine does next */
    assert_int_equal(on.runtime->coroutines.active, 0);
    assert_int_equal(fake_engine_handles(), 0);
    end(request);
    assert_int_equal(atomic_load(&on.runtime->slot->requests_live), 0);
    assert_int_equal(atomic_load(&on.runtime->slot->requests_parked), 0);
}

static void a_body_that_comes_after_the_client_has_gone_is_passed_over(void **state)
{
    hg_request *request;

    (void)state;
    put_waiting_route("\"waiting\":{\"body_max\":100}");
    request = begin();
    assert_int_equal(hgh_request_run(request), HGH_PARKED);
    hgh_request_cancel(request);
    on.client.body_done(on.client.body_context, HG_OK);
    assert_false(on.client.resumed);
    end(request);
}

static void a_body_is_handed_over_up_to_its_limit(void **state)
{
    static const struct {
        const char *body;
        int status;
    } cases[] = {{"0123456789", HG_OK}, {"0123456789a", HG_ERR_TOO_LARGE}};

    (void)state;
    put_waiting_route("\"waiting\":{\"body_max\":10}");
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        char line[48];
        hg_request *request = begin();

        fake_log_clear();
        assert_int_equal(hgh_request_run(request), HGH_PARKED);
        on.client.body = hg_text_of(cases[i].body);
        on.client.body_done(on.client.body_context, HG_OK);
        assert_int_equal(go_on(request), HGH_GO_UPSTREAM);
        (void)snprintf(line, sizeof(line), "body -> %d: %s", cases[i].status,
                       cases[i].status == HG_OK ? cases[i].body : "");
        assert_int_equal(fake_log_count(line), 1);
        end(request);
    }
}

static void a_descriptor_that_cannot_be_watched_ends_the_wait(void **state)
{
    char line[48];
    hg_request *request;

    (void)state;
    put_waiting_route("\"waiting\":{\"fd\":5000}");
    request = begin();
    assert_int_equal(hgh_request_run(request), HGH_GO_UPSTREAM); /* at once */
    (void)snprintf(line, sizeof(line), "wait_fd -> %d", (int)HG_ERR_IO);
    assert_int_equal(fake_log_count(line), 1);
    end(request);
}

/* ---------------------------------------------------------------------------------- reload */

static void a_request_ends_on_the_objects_that_it_began_with(void **state)
{
    char entries[512];
    hg_request *request;

    (void)state;
    request_object_put(HGH_CONSUMERS, "jack",
                       "{\"plugins\":{\"unit_auth\":{\"key\":\"k\"},\"unit_b\":{\"tag\":\"c\"}}}");
    /* It waits first, and finds its consumer only when all has changed. */
    put_waiting_route("\"unit_wait\":{\"sleep_ms\":50,\"_meta\":{\"priority\":99}},"
                      "\"unit_auth\":{},\"unit_raw\":{\"count\":7}");
    on.client.headers[on.client.header_count++] = (hg_header){HG_TEXT("key"), HG_TEXT("k")};
    request = begin();
    assert_int_equal(hgh_request_run(request), HGH_PARKED);
    (void)snprintf(entries, sizeof(entries), "unit_auth=2 unit_a=1 unit_b=13@%s",
                   plugin_copy(&on.place, "unit_b", "unit_b.2.so"));
    requests_generation_set(entries, NULL);
    request_object_put(HGH_ROUTES, "1", "{\"uri\":\"/\"}");
    request_object_put(HGH_CONSUMERS, "jack", "{\"plugins\":{\"unit_auth\":{\"key\":\"k\"}}}");
    (void)fake_engine_run();
    assert_true(plugin_is_mapped("/unit_raw.so"));
    fake_now_ms += 50;
    assert_int_equal(go_on(request), HGH_GO_UPSTREAM);
    assert_int_equal(fake_log_count("count:7"), 1);
    assert_int_equal(on.runtime->chains.count, 0);
    end(request);
    assert_false(plugin_is_mapped("/unit_raw.so"));
    assert_false(plugin_is_mapped("/unit_wait.so"));
    assert_false(plugin_is_mapped("/unit_b.so"));
    assert_int_equal(on.runtime->plugin_host.objects_mapped, 3);
}

/* -------------------------------------------------------------------------------- upstream */

static void a_failed_try_goes_to_the_next_node(void **state)
{
    hg_request *request;

    (void)state;
    request_object_put(
        HGH_ROUTES, "1",
        "{\"uri\":\"/\",\"plugins\":{\"unit_a\":{}},\"upstream\":{\"retries\":9,\"nodes\":{"
        "\"127.0.0.1:1\":1,\"127.0.0.1:2\":1,\"127.0.0.1:3\":1}}}");
    request = begin();
    assert_int_equal(hgh_request_run(request), HGH_GO_UPSTREAM);
    assert_int_equal(request->target.address.port, 1);
    assert_true(hgh_request_retry(request));
    assert_int_equal(request->target.address.port, 2);
    assert_true(hgh_request_retry(request));
    assert_int_equal(request->target.address.port, 3);
    assert_false(hgh_request_retry(request));
    assert_int_equal(fake_log_count("before_proxy"), 3);
    end(request);
}

static void retries_and_their_time_are_limited(void **state)
{
    hg_request *request;

    (void)state;
    request_object_put(HGH_ROUTES, "1",
                       "{\"uri\":\"/\",\"upstream\":{\"retries\":1,\"nodes\":{"
                       "\"127.0.0.1:1\":1,\"127.0.0.1:2\":1,\"127.0.0.1:3\":1}}}");
    request = begin();
    assert_int_equal(hgh_request_run(request), HGH_GO_UPSTREAM);
    assert_true(hgh_request_retry(request));
    assert_false(hgh_request_retry(request));
    end(request);
    request_object_put(HGH_ROUTES, "1",
                       "{\"uri\":\"/\",\"upstream\":{\"retry_timeout\":1,\"nodes\":{"
                       "\"127.0.0.1:1\":1,\"127.0.0.1:2\":1,\"127.0.0.1:3\":1}}}");
    request = begin();
    assert_int_equal(hgh_request_run(request), HGH_GO_UPSTREAM);
    fake_now_ms += 999;
    assert_true(hgh_request_retry(request));
    fake_now_ms += 1;
    assert_false(hgh_request_retry(request));
    end(request);
}

static void a_name_is_looked_up_before_it_is_used(void **state)
{
    hg_address address;
    hg_request *request;

    (void)state;
    request_object_put(HGH_ROUTES, "1",
                       "{\"uri\":\"/\",\"upstream\":{\"nodes\":{\"foo.com:81\":1}}}");
    (void)hgh_address_parse(HG_TEXT("10.0.0.9"), &address);
    request = begin();
    assert_int_equal(hgh_request_run(request), HGH_PARKED);
    fake_engine_resolve(HG_OK, &address, 1);
    assert_int_equal(go_on(request), HGH_GO_UPSTREAM);
    assert_int_equal(request->target.address.port, 81);
    end(request);
    request = begin(); /* known for a while */
    assert_int_equal(hgh_request_run(request), HGH_GO_UPSTREAM);
    end(request);
}

static void a_name_without_an_address_is_passed_over(void **state)
{
    hg_request *request;

    (void)state;
    request_object_put(
        HGH_ROUTES, "1",
        "{\"uri\":\"/\",\"upstream\":{\"nodes\":[{\"host\":\"foo.com\",\"weight\":9},"
        "{\"host\":\"127.0.0.1\",\"port\":5,\"weight\":1}]}}");
    request = begin();
    assert_int_equal(hgh_request_run(request), HGH_PARKED);
    fake_engine_resolve(HG_ERR_NOT_FOUND, NULL, 0);
    assert_int_equal(go_on(request), HGH_GO_UPSTREAM);
    assert_int_equal(request->target.address.port, 5);
    end(request);
    request_object_put(HGH_ROUTES, "1", "{\"uri\":\"/\",\"upstream\":{\"nodes\":{\"foo.com\":1}}}");
    request = begin();
    assert_int_equal(hgh_request_run(request), HGH_PARKED);
    fake_engine_resolve(HG_OK, NULL, 0);
    assert_int_equal(go_on(request), HGH_ANSWER);
    assert_int_equal(request->exit.status, 502);
    end(request);
}

static void many_names_without_a_resolver_have_an_answer(void **state)
{
    char *json = calloc(1, 20000);
    size_t at = (size_t)snprintf(json, 20000, "{\"uri\":\"/\",\"upstream\":{\"nodes\":{\"n\":1");
    hg_request *request;

    (void)state;
    for (int i = 0; i < 300; i++) {
        at += (size_t)snprintf(json + at, 20000 - at, ",\"n%d.example.com\":1", i);
    }
    (void)snprintf(json + at, 20000 - at, "}}}");
    request_object_put(HGH_ROUTES, "1", json);
    fake_has_resolver = false;
    request = begin();
    assert_int_equal(hgh_request_run(request), HGH_ANSWER);
    assert_int_equal(request->exit.status, 502);
    end(request);
    free(json);
}

static void a_look_up_ends_with_its_client(void **state)
{
    hg_request *request;

    (void)state;
    request_object_put(HGH_ROUTES, "1", "{\"uri\":\"/\",\"upstream\":{\"nodes\":{\"foo.com\":1}}}");
    request = begin();
    assert_int_equal(hgh_request_run(request), HGH_PARKED);
    hgh_request_cancel(request);
    assert_int_equal(fake_engine_handles(), 0);
    end(request);
}

static void an_upstream_that_was_replaced_serves_those_that_use_it(void **state)
{
    hg_request *request;

    (void)state;
    request_object_put(HGH_UPSTREAMS, "u", "{\"nodes\":{\"127.0.0.1:1\":1,\"127.0.0.1:2\":1}}");
    request_object_put(HGH_ROUTES, "1", "{\"uri\":\"/\",\"upstream_id\":\"u\"}");
    request = begin();
    assert_int_equal(hgh_request_run(request), HGH_GO_UPSTREAM);
    request_object_put(HGH_UPSTREAMS, "u", "{\"nodes\":{\"127.0.0.1:9\":1}}");
    assert_int_equal(hgh_runtime_delete(on.runtime, HGH_ROUTES, HG_TEXT("1")), HG_OK);
    assert_true(hgh_request_retry(request));
    assert_int_equal(request->target.address.port, 2);
    assert_string_equal(request->target.node->text.data, "127.0.0.1:2");
    end(request);
}

/* ------------------------------------------------------------------- arguments and cookies */

static void an_argument_is_the_first_of_its_name_decoded(void **state)
{
    static const struct {
        const char *arguments;
        const char *name;
        const char *value; /* NULL: absent */
    } cases[] = {
        {"a=1&b=2", "b", "2"},
        {"a=1&a=2", "a", "1"},
        {"a", "a", ""},
        {"a=", "a", ""},
        {"", "a", NULL},
        {"b=1", "a", NULL},
        {"ab=1", "a", NULL},
        {"a=b=c", "a", "b=c"},
        {"a=x%20y+z", "a", "x y z"},
        {"a=%41%zz%4", "a", "A%zz%4"},
        {"a=%", "a", "%"},
        {"a=%4", "a", "%4"},
        {"a=%C3%a4", "a", "\xc3\xa4"},
        {"%61=1", "a", "1"},
        {"a+b=1", "a b", "1"},
        {"&&a=1&", "a", "1"},
        {"=1", "", "1"},
        {"A=1", "a", NULL},
    };
    hg_request *request;

    (void)state;
    request_object_put(HGH_ROUTES, "1", "{\"uri\":\"/\"}");
    request = begin();
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        hg_text found;

        on.client.arguments = hg_text_of(cases[i].arguments);
        found = hgh_request_argument(request, hg_text_of(cases[i].name));
        if ((found.data == NULL) != (cases[i].value == NULL) ||
            !hg_text_equal(found, hg_text_of(cases[i].value))) {
            fail_msg("%s of \"%s\": \"%.*s\"", cases[i].name, cases[i].arguments, (int)found.length,
                     found.data == NULL ? "" : found.data);
        }
    }
    on.client.arguments = (hg_text){0};
    assert_null(hgh_request_argument(request, HG_TEXT("a")).data);
    end(request);
}

static void a_cookie_is_found_in_any_cookie_header(void **state)
{
    static const struct {
        const char *header;
        const char *name;
        const char *value; /* NULL: absent */
    } cases[] = {
        {"a=1; b=2", "b", "2"},
        {"a=1;b=2", "b", "2"},
        {"a=1; b=2", "second", "x"}, /* of the other header */
        {"a=", "a", ""},
        {"a", "a", NULL},
        {"aa=1", "a", NULL},
        {"xa=1", "a", NULL},
        {"a=b=c", "a", "b=c"},
        {"", "a", NULL},
        {";;  ; a=1", "a", "1"},
        {"a=1", "A", NULL},
    };
    hg_request *request;

    (void)state;
    request_object_put(HGH_ROUTES, "1", "{\"uri\":\"/\"}");
    request = begin();
    on.client.header_count = 2;
    on.client.headers[1] = (hg_header){HG_TEXT("Cookie"), HG_TEXT("second=x")};
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        hg_text found;

        on.client.headers[0] = (hg_header){HG_TEXT("cookie"), hg_text_of(cases[i].header)};
        found = hgh_request_cookie(request, hg_text_of(cases[i].name));
        if ((found.data == NULL) != (cases[i].value == NULL) ||
            !hg_text_equal(found, hg_text_of(cases[i].value))) {
            fail_msg("%s of \"%s\": \"%.*s\"", cases[i].name, cases[i].header, (int)found.length,
                     found.data == NULL ? "" : found.data);
        }
    }
    end(request);
}

#define ROW(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ROW(what_has_no_upstream_or_plugin_has_an_answer),
        ROW(a_consumer_of_the_credential_is_attached_and_its_plugins_run),
        ROW(no_memory_for_a_request_is_none),
        ROW(a_waiting_callback_is_parked_and_goes_on),
        ROW(more_than_may_be_parked_get_503),
        ROW(a_wait_that_cannot_begin_ends_at_once),
        ROW(a_canceled_wait_ends_with_its_callback),
        ROW(a_body_that_comes_after_the_client_has_gone_is_passed_over),
        ROW(a_body_is_handed_over_up_to_its_limit),
        ROW(a_descriptor_that_cannot_be_watched_ends_the_wait),
        ROW(a_request_ends_on_the_objects_that_it_began_with),
        ROW(a_failed_try_goes_to_the_next_node),
        ROW(retries_and_their_time_are_limited),
        ROW(a_name_is_looked_up_before_it_is_used),
        ROW(a_name_without_an_address_is_passed_over),
        ROW(many_names_without_a_resolver_have_an_answer),
        ROW(a_look_up_ends_with_its_client),
        ROW(an_upstream_that_was_replaced_serves_those_that_use_it),
        ROW(an_argument_is_the_first_of_its_name_decoded),
        ROW(a_cookie_is_found_in_any_cookie_header),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
