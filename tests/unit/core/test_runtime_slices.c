/* tests/unit/core/test_runtime_slices.c - long changes are applied while requests are served. */
#include <stdio.h>
#include <unistd.h>

#include "host/core/request.h"
#include "host/core/runtime.h"
#include "tests/unit/core/fake_engine.h"
#include "tests/unit/core/feed_files.h"
#include "tests/unit/core/plugins.h"
#include "tests/unit/unit.h"

#define BULK 20000u /* routes: far more than a slice takes */

static plugin_place place;
static feed_files feed;
static hgh_runtime *runtime;

static int set_up(void **state)
{
    (void)state;
    plugin_place_init(&place);
    feed_files_init(&feed);
    feed_epoch(&feed, 1);
    fake_timers_fail = false;
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    hgh_runtime_free(runtime);
    runtime = NULL;
    assert_int_equal(fake_engine_handles(), 0);
    feed_files_done(&feed);
    plugin_place_done(&place);
    return 0;
}

static void start(void)
{
    hgh_runtime_options options = {
        .engine = &fake_engine,
        .arena = place.host.arena,
        .feed_directory = feed.directory,
        .ack_fd = -1,
        .parked_max = 10,
        .log_level = HG_LOG_DEBUG,
    };
    hg_error err = HG_ERROR_INIT;

    if (hgh_runtime_new(&options, &runtime, &err) != HG_OK) {
        fail_msg("%s", err.text);
    }
}

static void route_add(unsigned number, uint64_t revision)
{
    char key[32];
    char json[160];

    (void)snprintf(key, sizeof(key), "routes/%u", number);
    (void)snprintf(json, sizeof(json),
                   "{\"uri\":\"/%u\",\"upstream\":{\"nodes\":{\"127.0.0.1:1\":1}}}", number);
    feed_add(&feed, HGH_FEED_PUT, revision, key, json);
}

static void bulk_publish(uint64_t revision)
{
    for (unsigned i = 0; i < BULK; i++) {
        route_add(i, revision);
    }
    feed_publish(&feed);
}

static size_t routes(void)
{
    return runtime->snapshot.counts[HGH_ROUTES];
}

/* Runs slices until all is applied; how many there were. */
static unsigned slices_run(void)
{
    unsigned slices = 0;

    while (runtime->behind) {
        size_t before = routes();

        assert_int_equal(fake_engine_turn(), 1);
        assert_true(!runtime->behind || routes() > before);
        slices++;
    }
    return slices;
}

static void a_request_waits_for_the_end_of_a_change_that_was_published(void **state)
{
    fake_request client;
    hg_request *request;

    (void)state;
    feed_base(&feed, 1);
    feed_publish(&feed);
    start();
    bulk_publish(2);
    fake_request_init(&client, "h", "/19999");
    request = hgh_request_new(runtime, &client);
    assert_non_null(request);
    assert_true(runtime->behind);
    assert_in_range(routes(), 1, BULK - 1);
    assert_int_equal(hgh_request_run(request), HGH_PARKED);
    assert_false(client.resumed);
    assert_true(slices_run() > 1);
    assert_int_equal(routes(), BULK);
    assert_true(client.resumed);
    client.resumed = false;
    assert_int_equal(hgh_request_run(request), HGH_GO_UPSTREAM);
    assert_string_equal(request->route->base.id, "19999");
    hgh_request_done(request);
    fake_request_done(&client);
    assert_true(hgh_runtime_sync(runtime));
}

/* It looks for its route again when its body is here: by what is in force then, all of it. */
static void a_request_that_has_got_its_body_waits_for_the_end_too(void **state)
{
    fake_request client;
    hg_request *request;

    (void)state;
    feed_add(&feed, HGH_FEED_PUT, 1, "routes/a",
             "{\"uri\":\"/19999\",\"vars\":[[\"post_arg_a\",\"==\",\"1\"]],"
             "\"upstream\":{\"nodes\":{\"127.0.0.1:1\":1}}}");
    feed_base(&feed, 1);
    feed_publish(&feed);
    start();
    fake_request_init(&client, "h", "/19999");
    client.headers[client.header_count++] =
        (hg_header){HG_TEXT("Content-Type"), HG_TEXT("application/x-www-form-urlencoded")};
    request = hgh_request_new(runtime, &client);
    assert_int_equal(hgh_request_run(request), HGH_PARKED);
    bulk_publish(2);
    client.body = HG_TEXT("a=2");
    client.body_done(client.body_context, HG_OK);
    assert_true(client.resumed);
    client.resumed = false;
    assert_int_equal(hgh_request_run(request), HGH_PARKED);
    assert_true(runtime->behind);
    (void)slices_run();
    assert_true(client.resumed);
    client.resumed = false;
    assert_int_equal(hgh_request_run(request), HGH_GO_UPSTREAM);
    assert_string_equal(request->route->base.id, "19999");
    hgh_request_log(request);
    hgh_request_done(request);
    fake_request_done(&client);
}

static void what_is_published_meanwhile_is_applied_too(void **state)
{
    (void)state;
    feed_base(&feed, 1);
    feed_publish(&feed);
    start();
    bulk_publish(2);
    assert_false(hgh_runtime_sync(runtime));
    route_add(BULK, 3);
    feed_publish(&feed);
    assert_false(hgh_runtime_sync(runtime));
    (void)slices_run();
    assert_int_equal(routes(), BULK + 1);
    assert_int_equal(runtime->revision, 3);
}

static void a_client_that_goes_while_it_waits_is_forgotten(void **state)
{
    fake_request gone;
    fake_request other;
    hg_request *first;
    hg_request *second;

    (void)state;
    feed_base(&feed, 1);
    feed_publish(&feed);
    start();
    bulk_publish(2);
    fake_request_init(&gone, "h", "/1");
    fake_request_init(&other, "h", "/2");
    first = hgh_request_new(runtime, &gone);
    second = hgh_request_new(runtime, &other);
    assert_int_equal(hgh_request_run(first), HGH_PARKED);
    assert_int_equal(hgh_request_run(second), HGH_PARKED);
    hgh_request_cancel(first);
    hgh_request_log(first);
    hgh_request_done(first);
    fake_request_done(&gone);
    (void)slices_run();
    assert_true(other.resumed);
    other.resumed = false;
    assert_int_equal(hgh_request_run(second), HGH_GO_UPSTREAM);
    hgh_request_done(second);
    fake_request_done(&other);
}

static void without_timers_all_is_applied_at_once(void **state)
{
    (void)state;
    feed_base(&feed, 1);
    feed_publish(&feed);
    start();
    fake_timers_fail = true;
    bulk_publish(2);
    assert_true(hgh_runtime_sync(runtime));
    assert_int_equal(routes(), BULK);
}

static void a_start_applies_all_before_it_serves(void **state)
{
    (void)state;
    for (unsigned i = 0; i < BULK; i++) {
        route_add(i, 1);
    }
    feed_base(&feed, 1);
    feed_publish(&feed);
    start();
    assert_false(runtime->behind);
    assert_int_equal(routes(), BULK);
}

/* Begins the second file, which states routes 0 to count - 1 as of `revision`. */
static void next_file(unsigned count, uint64_t revision, uint64_t previous_end)
{
    feed_epoch(&feed, 2);
    for (unsigned i = 0; i < count; i++) {
        route_add(i, revision);
    }
    feed_base(&feed, revision);
    feed.header.previous_end = previous_end;
    feed_damage(&feed, 0, &feed.header, sizeof(feed.header));
    feed_publish(&feed);
}

static void the_rest_of_a_file_is_read_before_the_next_one(void **state)
{
    uint64_t end;

    (void)state;
    feed_base(&feed, 1);
    feed_publish(&feed);
    start();
    route_add(0, 2);
    end = feed.offset; /* what was published last is not seen before the next file begins */
    next_file(1, 2, end);
    assert_true(hgh_runtime_sync(runtime));
    assert_int_equal(routes(), 1);
    assert_int_equal(runtime->revision, 2);
    assert_int_equal(runtime->reader.file->epoch, 2);
    /* It stood at the revision of the new file: nothing was read there, only moved over to. */
    assert_int_equal(runtime->reader.offset, feed.header.base_end);
    assert_int_equal(fake_engine_run(), 1);
    assert_false(feed_is_mapped(&feed, 1));
}

static void a_rest_that_is_damaged_or_missing_is_made_up_for_by_the_next_file(void **state)
{
    static const struct {
        const char *label;
        uint64_t beyond; /* added to the true end */
        bool damaged;
    } cases[] = {
        {"damaged", 0, true},
        {"behind the end of the file", 1u << 20, false},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        uint64_t at;
        uint64_t end;

        if (i > 0) {
            hgh_runtime_free(runtime);
            runtime = NULL;
            feed_epoch(&feed, 1);
        }
        feed_base(&feed, 1);
        feed_publish(&feed);
        start();
        at = feed.offset;
        route_add(0, 2);
        route_add(1, 2);
        end = feed.offset;
        if (cases[i].damaged) {
            feed_damage(&feed, at + 8, "xxxxxxxx", 8);
        }
        next_file(2, 2, end + cases[i].beyond);
        assert_true(hgh_runtime_sync(runtime));
        if (routes() != 2 || runtime->revision != 2) {
            fail_msg("%s: %zu routes", cases[i].label, routes());
        }
    }
}

static void a_state_that_is_read_again_is_read_in_slices(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 10; i++) {
        route_add(BULK + i, 1); /* gone in the next file */
    }
    feed_base(&feed, 1);
    feed_publish(&feed);
    start();
    next_file(BULK, 5, 0);
    assert_false(hgh_runtime_sync(runtime));
    (void)slices_run();
    assert_int_equal(routes(), BULK);
    assert_int_equal(runtime->revision, 5);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(a_request_waits_for_the_end_of_a_change_that_was_published),
        TEST(a_request_that_has_got_its_body_waits_for_the_end_too),
        TEST(what_is_published_meanwhile_is_applied_too),
        TEST(a_client_that_goes_while_it_waits_is_forgotten),
        TEST(without_timers_all_is_applied_at_once),
        TEST(a_start_applies_all_before_it_serves),
        TEST(the_rest_of_a_file_is_read_before_the_next_one),
        TEST(a_rest_that_is_damaged_or_missing_is_made_up_for_by_the_next_file),
        TEST(a_state_that_is_read_again_is_read_in_slices),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
