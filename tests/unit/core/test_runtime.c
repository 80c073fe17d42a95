/* tests/unit/core/test_runtime.c - a process follows the feed, whatever happens to either. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "host/core/address.h"
#include "host/core/runtime.h"
#include "tests/unit/core/fake_engine.h"
#include "tests/unit/core/feed_files.h"
#include "tests/unit/core/plugins.h"
#include "tests/unit/unit.h"

static plugin_place place; /* for the paths of objects and an arena; its host is not used */
static feed_files feed;
static hgh_runtime *runtime;
static int ack_fd;

static int set_up(void **state)
{
    (void)state;
    plugin_place_init(&place);
    feed_files_init(&feed);
    feed_epoch(&feed, 1);
    ack_fd = eventfd(0, EFD_NONBLOCK);
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
    (void)close(ack_fd);
    return 0;
}

static void start(bool with_feed)
{
    hgh_runtime_options options = {
        .engine = &fake_engine,
        .arena = place.host.arena,
        .feed_directory = with_feed ? feed.directory : NULL,
        .ack_fd = ack_fd,
        .parked_max = 10,
        .log_level = HG_LOG_DEBUG,
    };
    hg_error err = HG_ERROR_INIT;

    if (hgh_runtime_new(&options, &runtime, &err) != HG_OK) {
        fail_msg("%s", err.text);
    }
}

static void put(hgh_resource_kind kind, const char *id, uint64_t revision, const char *json)
{
    hg_error err = HG_ERROR_INIT;

    if (hgh_runtime_put(runtime, kind, hg_text_of(id), hgh_feed_slice_copy(json, strlen(json)),
                        revision, revision, &err) != HG_OK) {
        fail_msg("%s", err.text);
    }
}

static hgh_resource *find(hgh_resource_kind kind, const char *id)
{
    return hgh_snapshot_find(&runtime->snapshot, kind, hg_text_of(id));
}

static const char *routed(const char *host, const char *uri)
{
    hg_address client;
    hgh_route_match match;

    (void)hgh_address_parse(HG_TEXT("127.0.0.1"), &client);
    hgh_router_match(runtime->router,
                     &(hgh_route_query){.method = HG_TEXT("GET"),
                                        .host = hg_text_of(host),
                                        .uri = hg_text_of(uri),
                                        .client = &client},
                     &match);
    return match.route == NULL ? "" : match.route->base.id;
}

/* The compiled chain of a route, as a request would ask for it. */
static void use(const char *route_id, const char *consumer_id)
{
    hgh_chain *chain = NULL;
    hg_consumer *consumer =
        consumer_id == NULL ? NULL : (hg_consumer *)(void *)find(HGH_CONSUMERS, consumer_id);

    assert_int_equal(hgh_chain_cache_get(&runtime->chains, runtime->generation,
                                         (hgh_route *)(void *)find(HGH_ROUTES, route_id), consumer,
                                         NULL, &chain, NULL),
                     HG_OK);
    assert_null(chain->unavailable);
    hgh_chain_unref(chain);
}

static void
feed_manifest(hgh_feed_kind kind, uint64_t revision, uint64_t generation, const char *entries)
{
    json_t *manifest = manifest_make(generation, NULL, entries);
    char *text = json_dumps(manifest, JSON_COMPACT);

    feed_add(&feed, kind, revision, "", text);
    free(text);
    json_decref(manifest);
}

static void feed_decision(hgh_feed_kind kind, uint64_t revision, uint64_t generation)
{
    char text[64];

    (void)snprintf(text, sizeof(text), "{\"generation\":%llu}", (unsigned long long)generation);
    feed_add(&feed, kind, revision, "", text);
}

static void publish(void)
{
    feed_publish(&feed);
    (void)hgh_runtime_sync(runtime);
}

static uint64_t vote(void)
{
    return atomic_load(&runtime->slot->vote);
}

static uint64_t mapped(void)
{
    return runtime->plugin_host.objects_mapped;
}

static uint64_t failures(void)
{
    return atomic_load(&runtime->slot->apply_failures);
}

static uint64_t acknowledgements(void)
{
    uint64_t count = 0;

    return read(ack_fd, &count, sizeof(count)) == (ssize_t)sizeof(count) ? count : 0;
}

/* ------------------------------------------------------------------------------- resources */

static void a_put_object_is_in_force_and_a_deleted_one_is_not(void **state)
{
    (void)state;
    start(false);
    put(HGH_ROUTES, "1", 1, "{\"uri\":\"/a\"}");
    assert_string_equal(routed("h", "/a"), "1");
    put(HGH_ROUTES, "1", 2, "{\"uri\":\"/b\"}");
    assert_string_equal(routed("h", "/a"), "");
    assert_string_equal(routed("h", "/b"), "1");
    assert_int_equal(hgh_runtime_delete(runtime, HGH_ROUTES, HG_TEXT("1")), HG_OK);
    assert_string_equal(routed("h", "/b"), "");
    assert_int_equal(hgh_runtime_delete(runtime, HGH_ROUTES, HG_TEXT("1")), HG_ERR_NOT_FOUND);
    assert_int_equal(hgh_runtime_delete(runtime, HGH_SERVICES, HG_TEXT("1")), HG_ERR_NOT_FOUND);
}

static void a_refused_object_leaves_the_old_one_in_force(void **state)
{
    hgh_feed_slice bad = hgh_feed_slice_copy("{\"remote_addr\":\"x\"}", 19);
    hg_error err = HG_ERROR_INIT;

    (void)state;
    start(false);
    put(HGH_ROUTES, "1", 1, "{\"uri\":\"/a\"}");
    assert_int_equal(hgh_runtime_put(runtime, HGH_ROUTES, HG_TEXT("1"), bad, 2, 2, &err),
                     HG_ERR_INVALID);
    assert_non_null(strstr(err.text, "routes/1"));
    assert_string_equal(routed("h", "/a"), "1");
}

static void routes_follow_the_hosts_of_their_service(void **state)
{
    (void)state;
    start(false);
    put(HGH_ROUTES, "1", 1, "{\"uri\":\"/a\",\"service_id\":\"s\"}");
    put(HGH_ROUTES, "own", 2, "{\"uri\":\"/a\",\"service_id\":\"s\",\"host\":\"own\"}");
    assert_string_equal(routed("x", "/a"), "1");
    put(HGH_SERVICES, "s", 3, "{\"hosts\":[\"x\"]}");
    assert_string_equal(routed("x", "/a"), "1");
    assert_string_equal(routed("y", "/a"), "");
    put(HGH_SERVICES, "s", 4, "{\"hosts\":[\"y\",\"*.z\"]}");
    assert_string_equal(routed("x", "/a"), "");
    assert_string_equal(routed("y", "/a"), "1");
    assert_string_equal(routed("a.z", "/a"), "1");
    put(HGH_SERVICES, "s", 5, "{\"hosts\":[\"y\",\"*.z\"],\"desc\":\"as before\"}");
    assert_string_equal(routed("y", "/a"), "1");
    assert_int_equal(hgh_runtime_delete(runtime, HGH_SERVICES, HG_TEXT("s")), HG_OK);
    assert_string_equal(routed("x", "/a"), "1");
    assert_string_equal(routed("own", "/a"), "own");
}

static void consumers_are_found_by_the_plugins_in_force(void **state)
{
    json_t *without = manifest_make(1, NULL, "unit_a=1");
    json_t *with = manifest_make(2, NULL, "unit_a=1 unit_auth=2");
    hg_error err = HG_ERROR_INIT;

    (void)state;
    start(false);
    assert_int_equal(hgh_runtime_set_generation(runtime, without, true, &err), HG_OK);
    put(HGH_CONSUMERS, "jack", 1, "{\"plugins\":{\"unit_auth\":{\"key\":\"k\"}}}");
    assert_null(hgh_consumer_index_find(&runtime->consumers, "unit_auth", HG_TEXT("k")));
    assert_int_equal(hgh_runtime_set_generation(runtime, with, true, &err), HG_OK);
    assert_non_null(hgh_consumer_index_find(&runtime->consumers, "unit_auth", HG_TEXT("k")));
    put(HGH_CONSUMERS, "jack", 2, "{\"plugins\":{\"unit_auth\":{\"key\":\"k2\"}}}");
    assert_null(hgh_consumer_index_find(&runtime->consumers, "unit_auth", HG_TEXT("k")));
    assert_non_null(hgh_consumer_index_find(&runtime->consumers, "unit_auth", HG_TEXT("k2")));
    assert_int_equal(hgh_runtime_delete(runtime, HGH_CONSUMERS, HG_TEXT("jack")), HG_OK);
    assert_null(hgh_consumer_index_find(&runtime->consumers, "unit_auth", HG_TEXT("k2")));
    json_decref(with);
    json_decref(without);
}

static void a_strict_generation_is_all_or_nothing(void **state)
{
    json_t *good = manifest_make(1, NULL, "unit_a=1");
    json_t *bad = manifest_make(2, NULL, "unit_b=2 unit_bad_size=3");
    hg_error err = HG_ERROR_INIT;

    (void)state;
    start(false);
    assert_int_equal(hgh_runtime_set_generation(runtime, good, true, &err), HG_OK);
    assert_int_equal(hgh_runtime_set_generation(runtime, bad, true, &err), HG_ERR_ABI);
    assert_non_null(strstr(err.text, "unit_bad_size: "));
    assert_int_equal(runtime->generation->number, 1);
    assert_int_equal(mapped(), 1);
    assert_int_equal(hgh_runtime_set_generation(runtime, bad, false, &err), HG_OK);
    assert_int_equal(runtime->generation->number, 2);
    (void)fake_engine_run();
    assert_int_equal(mapped(), 1);
    json_decref(good);
    json_decref(bad);
}

/* -------------------------------------------------------------------------------- the feed */

static void a_start_applies_all_of_the_feed(void **state)
{
    (void)state;
    feed_manifest(HGH_FEED_MANIFEST, 3, 7, "unit_a=1");
    feed_add(&feed, HGH_FEED_PUT, 1, "routes/1", "{\"uri\":\"/1\"}");
    feed_add(&feed, HGH_FEED_PUT, 2, "routes/2", "{\"uri\":\"/2\"}");
    feed_base(&feed, 3);
    feed_add(&feed, HGH_FEED_DELETE, 4, "routes/1", "");
    feed_add(&feed, HGH_FEED_PUT, 5, "services/s/x", "{}"); /* an id may hold a slash */
    feed_add(&feed, HGH_FEED_PUT, 6, "protos/1", "{}");     /* not the data plane's */
    feed_add(&feed, HGH_FEED_PUT, 7, "odd", "{}");
    feed_publish(&feed);
    start(true);
    assert_string_equal(routed("h", "/1"), "");
    assert_string_equal(routed("h", "/2"), "2");
    assert_non_null(find(HGH_SERVICES, "s/x"));
    assert_int_equal(runtime->generation->number, 7);
    assert_int_equal(runtime->revision, 7);
    assert_int_equal(atomic_load(&runtime->slot->state), HGH_WORKER_SERVING);
    assert_int_equal(failures(), 0);
}

static void an_empty_feed_is_no_failure(void **state)
{
    (void)state;
    start(true); /* the word is 0: nothing was ever published */
    assert_int_equal(failures(), 0);
    assert_int_equal(runtime->generation->number, 0);
    feed_add(&feed, HGH_FEED_PUT, 1, "routes/1", "{\"uri\":\"/1\"}");
    publish();
    assert_string_equal(routed("h", "/1"), "1");
}

static void a_change_is_in_force_with_the_word_and_not_before(void **state)
{
    (void)state;
    feed_base(&feed, 1);
    feed_publish(&feed);
    start(true);
    feed_add(&feed, HGH_FEED_PUT, 2, "routes/1", "{\"uri\":\"/1\"}");
    (void)hgh_runtime_sync(runtime);
    assert_string_equal(routed("h", "/1"), "");
    publish();
    assert_string_equal(routed("h", "/1"), "1");
    assert_int_equal(atomic_load(&runtime->slot->word), atomic_load(&feed.word->value));
}

static void a_record_that_is_refused_is_counted_and_the_next_applied(void **state)
{
    static const char *const values[] = {"", "7", "[]", "{", "{\"remote_addr\":\"x\"}", "null"};

    (void)state;
    feed_base(&feed, 1);
    feed_add(&feed, HGH_FEED_PUT, 2, "routes/1", "{\"uri\":\"/1\"}");
    feed_publish(&feed);
    start(true);
    for (size_t i = 0; i < ARRAY_SIZE(values); i++) {
        feed_add(&feed, HGH_FEED_PUT, 3, "routes/1", values[i]);
        feed_add(&feed, HGH_FEED_PUT, 3, "routes/2", "{\"uri\":\"/2\"}");
        publish();
        assert_int_equal(failures(), i + 1);
        assert_string_equal(routed("h", "/1"), "1");
        assert_string_equal(routed("h", "/2"), "2");
    }
}

static void records_of_odd_content_do_no_harm(void **state)
{
    static const struct {
        hgh_feed_kind kind;
        const char *key;
        const char *value;
    } rows[] = {
        {HGH_FEED_PUT, "", "{}"},
        {HGH_FEED_PUT, "/", "{}"},
        {HGH_FEED_PUT, "routes/", "{\"uri\":\"/\"}"},
        {HGH_FEED_PUT, "/1", "{}"},
        {HGH_FEED_DELETE, "routes/none", ""},
        {HGH_FEED_DELETE, "", ""},
        {HGH_FEED_BASE, "x", "y"},
        {HGH_FEED_PREPARE, "", ""},
        {HGH_FEED_PREPARE, "", "7"},
        {HGH_FEED_PREPARE, "", "[]"},
        {HGH_FEED_PREPARE, "", "{\"generation\":\"x\",\"plugins\":7}"},
        {HGH_FEED_MANIFEST, "", "x"},
        {HGH_FEED_MANIFEST, "", "{\"generation\":-1}"},
        {HGH_FEED_COMMIT, "", ""},
        {HGH_FEED_COMMIT, "", "{\"generation\":12345}"},
        {HGH_FEED_COMMIT, "", "[]"},
        {HGH_FEED_ABORT, "", ""},
        {HGH_FEED_ABORT, "", "{\"generation\":{}}"},
        {(hgh_feed_kind)99, "routes/1", "{}"},
        {(hgh_feed_kind)0, "", ""},
    };

    (void)state;
    for (int serving = 0; serving < 2; serving++) {
        feed_epoch(&feed, (uint32_t)serving + 1);
        feed_base(&feed, 1);
        if (serving == 1) {
            publish();
        }
        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
            feed_add(&feed, rows[i].kind, i + 2, rows[i].key, rows[i].value);
        }
        feed_publish(&feed);
        if (serving == 0) {
            start(true);
        } else {
            (void)hgh_runtime_sync(runtime);
        }
        (void)fake_engine_run();
        assert_string_equal(routed("h", "/"), "");
        assert_int_equal(runtime->revision, ARRAY_SIZE(rows) + 1);
    }
}

static void a_damaged_feed_leaves_what_is_in_force(void **state)
{
    uint64_t damaged;

    (void)state;
    feed_base(&feed, 1);
    feed_add(&feed, HGH_FEED_PUT, 2, "routes/1", "{\"uri\":\"/1\"}");
    feed_publish(&feed);
    start(true);
    damaged = feed.offset;
    feed_add(&feed, HGH_FEED_PUT, 3, "routes/2", "{\"uri\":\"/2\"}");
    feed_damage(&feed, damaged + 44, "XXXX", 4);
    publish();
    assert_int_equal(failures(), 1);
    assert_string_equal(routed("h", "/1"), "1");
    assert_string_equal(routed("h", "/2"), "");
    (void)hgh_runtime_sync(runtime); /* the same word will not do better: no endless effort */
    assert_int_equal(failures(), 1);
    feed_epoch(&feed, 2);
    feed_add(&feed, HGH_FEED_PUT, 2, "routes/1", "{\"uri\":\"/1\"}");
    feed_add(&feed, HGH_FEED_PUT, 3, "routes/2", "{\"uri\":\"/2\"}");
    feed_base(&feed, 3);
    publish();
    assert_string_equal(routed("h", "/2"), "2");
}

static void a_feed_file_that_is_not_there_is_asked_for_again(void **state)
{
    (void)state;
    feed_base(&feed, 1);
    feed_add(&feed, HGH_FEED_PUT, 2, "routes/1", "{\"uri\":\"/1\"}");
    feed_publish(&feed);
    start(true);
    atomic_store(&feed.word->value, hgh_feed_word_make(2, 4096));
    (void)hgh_runtime_sync(runtime);
    assert_int_equal(failures(), 1);
    assert_string_equal(routed("h", "/1"), "1");
    feed_epoch(&feed, 2);
    feed_add(&feed, HGH_FEED_PUT, 3, "routes/2", "{\"uri\":\"/2\"}");
    feed_base(&feed, 3);
    publish();
    assert_string_equal(routed("h", "/1"), "");
    assert_string_equal(routed("h", "/2"), "2");
}

/* ------------------------------------------------------------------------------ new epochs */

static void a_process_jumps_behind_a_state_that_it_has(void **state)
{
    const hgh_resource *route;

    (void)state;
    feed_base(&feed, 1);
    feed_add(&feed, HGH_FEED_PUT, 2, "routes/1", "{\"uri\":\"/1\"}");
    feed_add(&feed, HGH_FEED_PUT, 3, "services/s", "{}");
    feed_publish(&feed);
    start(true);
    route = find(HGH_ROUTES, "1");
    feed_epoch(&feed, 2);
    feed_add(&feed, HGH_FEED_PUT, 2, "routes/1", "{\"uri\":\"/1\"}");
    feed_add(&feed, HGH_FEED_PUT, 3, "services/s", "{}");
    feed_base(&feed, 3);
    feed_add(&feed, HGH_FEED_PUT, 4, "routes/2", "{\"uri\":\"/2\"}");
    publish();
    assert_ptr_equal(find(HGH_ROUTES, "1"), route);
    assert_string_equal(routed("h", "/2"), "2");
    assert_true(feed_is_mapped(&feed, 1));
    (void)fake_engine_run(); /* references are moved in the background */
    assert_false(feed_is_mapped(&feed, 1));
    assert_true(hg_text_equal(hgh_feed_slice_text(&route->source), HG_TEXT("{\"uri\":\"/1\"}")));
    assert_int_equal(fake_engine_handles(), 0);
}

static void the_old_file_goes_though_its_objects_were_used(void **state)
{
    (void)state;
    feed_manifest(HGH_FEED_MANIFEST, 1, 1, "unit_a=1 unit_auth=2");
    feed_base(&feed, 1);
    feed_add(&feed, HGH_FEED_PUT, 2, "services/s", "{\"plugins\":{\"unit_a\":{}}}");
    feed_add(&feed, HGH_FEED_PUT, 3, "routes/1", "{\"uri\":\"/1\",\"service_id\":\"s\"}");
    feed_add(&feed, HGH_FEED_PUT, 4, "consumers/jack",
             "{\"plugins\":{\"unit_auth\":{\"key\":\"k\"}}}");
    feed_add(&feed, HGH_FEED_PUT, 5, "routes/2", "{\"uri\":\"/2\",\"plugins\":{\"unit_a\":{}}}");
    feed_publish(&feed);
    start(true);
    use("1", NULL);
    use("1", "jack");
    use("2", "jack");
    feed_manifest(HGH_FEED_PREPARE, 5, 2, "unit_a=1 unit_auth=3@/nonexistent");
    publish(); /* a refused preparation has decoded nothing that would stay */
    feed_decision(HGH_FEED_ABORT, 5, 2);
    feed_add(&feed, HGH_FEED_DELETE, 6, "routes/2", "");
    feed_add(&feed, HGH_FEED_PUT, 7, "services/s", "{\"plugins\":{\"unit_a\":{\"tag\":\"x\"}}}");
    publish();
    feed_epoch(&feed, 2);
    feed_manifest(HGH_FEED_MANIFEST, 7, 1, "unit_a=1 unit_auth=2");
    feed_add(&feed, HGH_FEED_PUT, 7, "services/s", "{\"plugins\":{\"unit_a\":{\"tag\":\"x\"}}}");
    feed_add(&feed, HGH_FEED_PUT, 3, "routes/1", "{\"uri\":\"/1\",\"service_id\":\"s\"}");
    feed_add(&feed, HGH_FEED_PUT, 4, "consumers/jack",
             "{\"plugins\":{\"unit_auth\":{\"key\":\"k\"}}}");
    feed_base(&feed, 7);
    publish();
    (void)fake_engine_run();
    assert_false(feed_is_mapped(&feed, 1));
    use("1", "jack"); /* what is decoded now stands in the new file */
}

static void a_difference_is_applied_with_what_is_gone(void **state)
{
    const hgh_resource *same;

    (void)state;
    feed_base(&feed, 1);
    feed_add(&feed, HGH_FEED_PUT, 2, "routes/same", "{\"uri\":\"/same\"}");
    feed_add(&feed, HGH_FEED_PUT, 3, "routes/changed", "{\"uri\":\"/old\"}");
    feed_add(&feed, HGH_FEED_PUT, 4, "routes/gone", "{\"uri\":\"/gone\",\"service_id\":\"gone\"}");
    feed_add(&feed, HGH_FEED_PUT, 5, "services/gone", "{\"upstream_id\":\"gone\"}");
    feed_add(&feed, HGH_FEED_PUT, 6, "upstreams/gone", "{\"nodes\":{\"a\":1}}");
    feed_add(&feed, HGH_FEED_PUT, 7, "consumers/gone", "{}");
    feed_publish(&feed);
    start(true);
    same = find(HGH_ROUTES, "same");
    feed_epoch(&feed, 2);
    feed_add(&feed, HGH_FEED_PUT, 2, "routes/same", "{\"uri\":\"/same\"}");
    feed_add(&feed, HGH_FEED_PUT, 9, "routes/changed", "{\"uri\":\"/new\"}");
    feed_add(&feed, HGH_FEED_PUT, 10, "routes/added", "{\"uri\":\"/added\"}");
    feed_base(&feed, 12);
    publish();
    assert_ptr_equal(find(HGH_ROUTES, "same"), same);
    assert_string_equal(routed("h", "/old"), "");
    assert_string_equal(routed("h", "/new"), "changed");
    assert_string_equal(routed("h", "/added"), "added");
    assert_string_equal(routed("h", "/gone"), "");
    assert_null(find(HGH_SERVICES, "gone"));
    assert_null(find(HGH_UPSTREAMS, "gone"));
    assert_null(find(HGH_CONSUMERS, "gone"));
    assert_false(feed_is_mapped(&feed, 1));
    assert_int_equal(runtime->revision, 12);
}

static void a_damaged_beginning_removes_nothing(void **state)
{
    uint64_t damaged;

    (void)state;
    feed_base(&feed, 1);
    feed_add(&feed, HGH_FEED_PUT, 2, "routes/1", "{\"uri\":\"/1\"}");
    feed_publish(&feed);
    start(true);
    feed_epoch(&feed, 2);
    feed_add(&feed, HGH_FEED_PUT, 3, "routes/2", "{\"uri\":\"/2\"}");
    damaged = feed.offset;
    feed_base(&feed, 9);
    feed_damage(&feed, damaged + 8, "XXXX", 4);
    publish();
    assert_int_equal(failures(), 1);
    assert_string_equal(routed("h", "/1"), "1");
    assert_string_equal(routed("h", "/2"), "2");
}

static void changes_while_references_are_moved_are_kept(void **state)
{
    (void)state;
    feed_base(&feed, 1);
    feed_add(&feed, HGH_FEED_PUT, 2, "routes/1", "{\"uri\":\"/1\"}");
    feed_publish(&feed);
    start(true);
    feed_epoch(&feed, 2);
    feed_add(&feed, HGH_FEED_PUT, 2, "routes/1", "{\"uri\":\"/1\"}");
    feed_base(&feed, 2);
    feed_add(&feed, HGH_FEED_PUT, 3, "routes/1", "{\"uri\":\"/1b\"}");
    publish();
    feed_epoch(&feed, 3); /* and a third one before the first move */
    feed_add(&feed, HGH_FEED_PUT, 3, "routes/1", "{\"uri\":\"/1b\"}");
    feed_base(&feed, 3);
    publish();
    (void)fake_engine_run();
    assert_string_equal(routed("h", "/1b"), "1");
    assert_true(hg_text_equal(hgh_feed_slice_text(&find(HGH_ROUTES, "1")->source),
                              HG_TEXT("{\"uri\":\"/1b\"}")));
    assert_false(feed_is_mapped(&feed, 1));
    assert_false(feed_is_mapped(&feed, 2));
}

/* ------------------------------------------------------------------------------ generations */

/* Serves generation 1 with unit_a and a route that uses it. */
static void serve_first(void)
{
    feed_manifest(HGH_FEED_MANIFEST, 1, 1, "unit_a=1");
    feed_base(&feed, 1);
    feed_add(&feed, HGH_FEED_PUT, 2, "routes/1",
             "{\"uri\":\"/1\",\"plugins\":{\"unit_a\":{\"tag\":\"x\"}}}");
    feed_publish(&feed);
    start(true);
    use("1", NULL);
    assert_int_equal(mapped(), 1);
    (void)acknowledgements();
}

static void prepare_second(uint64_t generation)
{
    char entries[256];

    (void)snprintf(entries, sizeof(entries), "unit_a=2@%s unit_b=3",
                   plugin_copy(&place, "unit_a", "unit_a.2.so"));
    feed_manifest(HGH_FEED_PREPARE, 2, generation, entries);
    publish();
    (void)fake_engine_run();
}

static void a_prepared_generation_is_loaded_beside_and_voted_on(void **state)
{
    (void)state;
    serve_first();
    prepare_second(2);
    assert_int_equal(vote(), 2 << 8 | HGH_VOTE_YES);
    assert_int_equal(runtime->generation->number, 1);
    assert_int_equal(mapped(), 3);
    assert_int_equal(runtime->warm_count,
                     1); /* the live configuration, decoded by the new object */
    assert_true(acknowledgements() > 0);
}

static void a_commit_swaps_and_the_old_object_goes(void **state)
{
    (void)state;
    serve_first();
    prepare_second(2);
    feed_decision(HGH_FEED_COMMIT, 2, 2);
    publish();
    assert_int_equal(runtime->generation->number, 2);
    assert_int_equal(atomic_load(&runtime->slot->generation), 2);
    (void)fake_engine_run();
    assert_int_equal(mapped(), 2);
    assert_false(plugin_is_mapped("/unit_a.so"));
    assert_true(plugin_is_mapped("/unit_a.2.so"));
    assert_int_equal(atomic_load(&runtime->slot->objects_mapped), 2);
    fake_log_clear();
    use("1", NULL);
    assert_true(acknowledgements() > 0);
}

static void an_abort_leaves_the_old_one_and_nothing_of_the_new(void **state)
{
    (void)state;
    serve_first();
    prepare_second(2);
    feed_decision(HGH_FEED_ABORT, 2, 2);
    publish();
    assert_int_equal(runtime->generation->number, 1);
    assert_int_equal(mapped(), 1);
    assert_false(plugin_is_mapped("/unit_a.2.so"));
    assert_int_equal(runtime->warm_count, 0);
    use("1", NULL);
}

static void a_preparation_that_fails_votes_no_with_its_reason(void **state)
{
    (void)state;
    serve_first();
    feed_manifest(HGH_FEED_PREPARE, 2, 2, "unit_a=1 unit_bad_size=9");
    publish();
    (void)fake_engine_run();
    assert_int_equal(vote(), 2 << 8 | HGH_VOTE_NO);
    assert_non_null(strstr(runtime->slot->vote_text, "unit_bad_size: config: found 8 bytes"));
    feed_decision(HGH_FEED_ABORT, 2, 2);
    publish();
    assert_int_equal(runtime->generation->number, 1);
    assert_int_equal(mapped(), 1);
}

/* "version" takes numbers to 100 at first, and to 10 in its second version. */
static void serve_version(void)
{
    feed_manifest(HGH_FEED_MANIFEST, 1, 1, "version=1");
    feed_base(&feed, 1);
    feed_add(&feed, HGH_FEED_PUT, 2, "routes/1",
             "{\"uri\":\"/1\",\"plugins\":{\"version\":{\"number\":50}}}");
    feed_publish(&feed);
    start(true);
    use("1", NULL);
}

static void prepare_version(uint64_t generation)
{
    char entries[512];

    (void)snprintf(entries, sizeof(entries), "version=%d@%s", (int)generation + 10,
                   plugin_path("second/version"));
    feed_manifest(HGH_FEED_PREPARE, 2, generation, entries);
    publish();
    (void)fake_engine_run();
}

static void a_live_configuration_that_the_next_version_refuses_votes_no(void **state)
{
    (void)state;
    serve_version();
    prepare_version(2);
    assert_int_equal(vote(), 2 << 8 | HGH_VOTE_NO);
    assert_non_null(strstr(runtime->slot->vote_text, "routes/1: "));
}

/* The same of what stands beside the route. */
static void a_live_configuration_of_another_object_votes_no_too(void **state)
{
    static const struct {
        const char *key;
        const char *json;
        const char *route;
    } cases[] = {
        {"services/x", "{\"plugins\":{\"version\":{\"number\":50}}}",
         "{\"uri\":\"/1\",\"service_id\":\"x\"}"},
        {"plugin_configs/x", "{\"plugins\":{\"version\":{\"number\":50}}}",
         "{\"uri\":\"/1\",\"plugin_config_id\":\"x\"}"},
        {"plugin_metadata/version", "{\"number\":50}",
         "{\"uri\":\"/1\",\"plugins\":{\"version\":{}}}"},
        {"global_rules/x", "{\"plugins\":{\"version\":{\"number\":50}}}", "{\"uri\":\"/1\"}"},
    };

    (void)state;
    feed_manifest(HGH_FEED_MANIFEST, 1, 1, "version=1");
    feed_base(&feed, 1);
    feed_publish(&feed);
    start(true);
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        hgh_chain *global = NULL;
        hg_error err = HG_ERROR_INIT;

        feed_add(&feed, HGH_FEED_PUT, 2, cases[i].key, cases[i].json);
        feed_add(&feed, HGH_FEED_PUT, 2, "routes/1", cases[i].route);
        publish();
        use("1", NULL);
        assert_int_equal(
            hgh_chain_cache_get_global(&runtime->chains, runtime->generation, &global, &err),
            HG_OK);
        hgh_chain_unref(global);
        prepare_version(2 + i);
        assert_int_equal(vote(), (2 + i) << 8 | HGH_VOTE_NO);
        if (strstr(runtime->slot->vote_text, cases[i].key) == NULL) {
            fail_msg("%s: %s", cases[i].key, runtime->slot->vote_text);
        }
        feed_decision(HGH_FEED_ABORT, 2, 2 + i);
        feed_add(&feed, HGH_FEED_DELETE, 2, cases[i].key, "");
        publish();
    }
    feed_add(&feed, HGH_FEED_PUT, 2, "plugin_metadata/version", "{\"number\":5}");
    publish();
    use("1", NULL);
    prepare_version(9);
    assert_int_equal(vote(), 9 << 8 | HGH_VOTE_YES);
    feed_decision(HGH_FEED_COMMIT, 2, 9);
    publish();
    (void)fake_engine_run();
    assert_int_equal(mapped(), 1);
}

static void a_second_attempt_judges_everything_again(void **state)
{
    (void)state;
    serve_version();
    feed_manifest(HGH_FEED_PREPARE, 2, 2, "version=1 unit_a=3");
    publish();
    (void)fake_engine_run();
    assert_int_equal(vote(), 2 << 8 | HGH_VOTE_YES);
    feed_decision(HGH_FEED_ABORT, 2, 2);
    publish();
    prepare_version(2); /* the number of an attempt that was given up */
    assert_int_equal(vote(), 2 << 8 | HGH_VOTE_NO);
}

static void a_preparation_replaces_one_that_was_never_decided(void **state)
{
    (void)state;
    serve_first();
    prepare_second(2);
    feed_manifest(HGH_FEED_PREPARE, 2, 3, "unit_c=4");
    publish();
    (void)fake_engine_run();
    assert_int_equal(vote(), 3 << 8 | HGH_VOTE_YES);
    assert_int_equal(mapped(), 2);
    feed_decision(HGH_FEED_COMMIT, 2, 3);
    publish();
    (void)fake_engine_run();
    assert_int_equal(mapped(), 1);
}

static void a_commit_of_what_was_not_prepared_changes_nothing(void **state)
{
    (void)state;
    serve_first();
    feed_decision(HGH_FEED_COMMIT, 2, 9);
    publish();
    assert_int_equal(runtime->generation->number, 1);
    assert_int_equal(fake_log_count("generation 9 is to be in force"), 1);
}

static void a_commit_before_all_is_loaded_loads_the_rest(void **state)
{
    char entries[256];

    (void)state;
    serve_first();
    fake_timers_fail = true; /* no slice but the first */
    (void)snprintf(entries, sizeof(entries), "unit_a=2@%s unit_b=3 unit_c=4",
                   plugin_copy(&place, "unit_a", "unit_a.2.so"));
    feed_manifest(HGH_FEED_PREPARE, 2, 2, entries);
    feed_decision(HGH_FEED_COMMIT, 2, 2);
    publish();
    fake_timers_fail = false;
    assert_int_equal(runtime->generation->number, 2);
    assert_int_equal(hgh_generation_find(runtime->generation, "unit_c", NULL, NULL),
                     HGH_PLUGIN_LOADED);
}

static void a_commit_at_the_end_of_the_old_file_is_followed(void **state)
{
    char entries[256];

    (void)state;
    serve_first();
    prepare_second(2);
    feed_epoch(&feed, 2); /* the COMMIT itself was never seen here */
    (void)snprintf(entries, sizeof(entries), "unit_a=2@%s/unit_a.2.so unit_b=3", place.directory);
    feed_manifest(HGH_FEED_MANIFEST, 2, 2, entries);
    feed_add(&feed, HGH_FEED_PUT, 2, "routes/1",
             "{\"uri\":\"/1\",\"plugins\":{\"unit_a\":{\"tag\":\"x\"}}}");
    feed_base(&feed, 2);
    publish();
    (void)fake_engine_run();
    assert_int_equal(runtime->generation->number, 2);
    assert_int_equal(mapped(), 2);
    assert_null(runtime->preparation.generation);
}

static void a_generation_that_was_missed_whole_is_followed(void **state)
{
    (void)state;
    serve_first();
    feed_epoch(&feed, 2);
    feed_manifest(HGH_FEED_MANIFEST, 5, 3, "unit_b=3");
    feed_base(&feed, 5);
    publish();
    (void)fake_engine_run();
    assert_int_equal(runtime->generation->number, 3);
    assert_int_equal(mapped(), 1);
    assert_true(plugin_is_mapped("/unit_b.so"));
}

static void an_abort_at_the_end_of_the_old_file_is_followed(void **state)
{
    (void)state;
    for (int jumps = 0; jumps < 2; jumps++) {
        feed_epoch(&feed, 1);
        serve_first();
        prepare_second(2);
        assert_int_equal(mapped(), 3);
        feed_epoch(&feed, 2);
        feed_manifest(HGH_FEED_MANIFEST, 2, 1, "unit_a=1");
        feed_add(&feed, HGH_FEED_PUT, 2, "routes/1",
                 "{\"uri\":\"/1\",\"plugins\":{\"unit_a\":{\"tag\":\"x\"}}}");
        feed_base(&feed, jumps == 1 ? 2 : 9);
        publish();
        (void)fake_engine_run();
        assert_int_equal(runtime->generation->number, 1);
        assert_null(runtime->preparation.generation);
        assert_int_equal(mapped(), 1);
        hgh_runtime_free(runtime);
        runtime = NULL;
        atomic_store(&feed.word->value, 0);
    }
}

static void a_preparation_that_a_new_file_states_again_goes_on(void **state)
{
    const hgh_generation *prepared;
    char entries[256];

    (void)state;
    serve_first();
    prepare_second(2);
    prepared = runtime->preparation.generation;
    feed_epoch(&feed, 2);
    feed_manifest(HGH_FEED_MANIFEST, 2, 1, "unit_a=1");
    feed_add(&feed, HGH_FEED_PUT, 2, "routes/1",
             "{\"uri\":\"/1\",\"plugins\":{\"unit_a\":{\"tag\":\"x\"}}}");
    feed_base(&feed, 2);
    (void)snprintf(entries, sizeof(entries), "unit_a=2@%s/unit_a.2.so unit_b=3", place.directory);
    feed_manifest(HGH_FEED_PREPARE, 2, 2, entries);
    fake_log_clear();
    publish();
    (void)fake_engine_run();
    assert_ptr_equal(runtime->preparation.generation, prepared);
    assert_int_equal(fake_log_count("init"), 0);
    assert_int_equal(vote(), 2 << 8 | HGH_VOTE_YES);
    feed_decision(HGH_FEED_COMMIT, 2, 2);
    publish();
    assert_int_equal(runtime->generation->number, 2);
}

static void an_object_that_goes_takes_what_a_reload_decoded_for_it(void **state)
{
    (void)state;
    serve_first();
    feed_add(&feed, HGH_FEED_PUT, 3, "routes/2", "{\"uri\":\"/2\",\"plugins\":{\"unit_a\":{}}}");
    publish();
    use("2", NULL);
    prepare_second(2);
    assert_int_equal(runtime->warm_count, 2);
    feed_decision(HGH_FEED_COMMIT, 2, 2);
    feed_add(&feed, HGH_FEED_DELETE, 4, "routes/1", "");
    publish();
    assert_int_equal(runtime->warm_count, 1);
    feed_add(&feed, HGH_FEED_PUT, 5, "routes/2", "{\"uri\":\"/2b\"}");
    publish();
    assert_int_equal(runtime->warm_count, 0);
    feed_epoch(&feed, 2);
    feed_add(&feed, HGH_FEED_PUT, 5, "routes/2", "{\"uri\":\"/2b\"}");
    feed_base(&feed, 5);
    publish();
    (void)fake_engine_run();
    assert_false(feed_is_mapped(&feed, 1));
}

static void a_worker_that_starts_amid_a_reload_serves_the_old_and_votes(void **state)
{
    (void)state;
    feed_manifest(HGH_FEED_MANIFEST, 1, 1, "unit_a=1");
    feed_base(&feed, 1);
    feed_manifest(HGH_FEED_PREPARE, 1, 2, "unit_a=1 unit_b=3");
    feed_publish(&feed);
    start(true);
    (void)fake_engine_run();
    assert_int_equal(runtime->generation->number, 1);
    assert_int_equal(vote(), 2 << 8 | HGH_VOTE_YES);
    feed_decision(HGH_FEED_COMMIT, 1, 2);
    publish();
    assert_int_equal(runtime->generation->number, 2);
}

static void a_worker_that_starts_after_a_decision_follows_it(void **state)
{
    static const struct {
        hgh_feed_kind decision;
        uint64_t generation;
    } cases[] = {{HGH_FEED_COMMIT, 2}, {HGH_FEED_ABORT, 1}};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        feed_epoch(&feed, 1);
        feed_manifest(HGH_FEED_MANIFEST, 1, 1, "unit_a=1");
        feed_base(&feed, 1);
        feed_manifest(HGH_FEED_PREPARE, 1, 2, "unit_a=1 unit_b=3");
        feed_decision(cases[i].decision, 1, 2);
        feed_publish(&feed);
        start(true);
        assert_int_equal(runtime->generation->number, cases[i].generation);
        assert_null(runtime->preparation.generation);
        hgh_runtime_free(runtime);
        runtime = NULL;
    }
}

static void a_start_does_without_a_plugin_that_cannot_be_loaded(void **state)
{
    (void)state;
    feed_manifest(HGH_FEED_MANIFEST, 1, 1, "unit_bad_size=1 unit_a=2 gone=3");
    feed_base(&feed, 1);
    feed_publish(&feed);
    start(true);
    assert_int_equal(mapped(), 1);
    assert_int_equal(hgh_generation_find(runtime->generation, "gone", NULL, NULL),
                     HGH_PLUGIN_MISSING);
    assert_int_equal(fake_log_count("plugin gone: "), 1);
}

static void a_feed_directory_that_is_not_there_is_an_error(void **state)
{
    hgh_runtime_options options = {
        .engine = &fake_engine,
        .arena = place.host.arena,
        .feed_directory = "/nonexistent",
        .ack_fd = -1,
    };
    hgh_runtime *none = NULL;
    hg_error err = HG_ERROR_INIT;

    (void)state;
    assert_int_equal(hgh_runtime_new(&options, &none, &err), HG_ERR_IO);
    assert_null(none);
    hgh_runtime_free(NULL);
}

#define ROW(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ROW(a_put_object_is_in_force_and_a_deleted_one_is_not),
        ROW(a_refused_object_leaves_the_old_one_in_force),
        ROW(routes_follow_the_hosts_of_their_service),
        ROW(consumers_are_found_by_the_plugins_in_force),
        ROW(a_strict_generation_is_all_or_nothing),
        ROW(a_start_applies_all_of_the_feed),
        ROW(an_empty_feed_is_no_failure),
        ROW(a_change_is_in_force_with_the_word_and_not_before),
        ROW(a_record_that_is_refused_is_counted_and_the_next_applied),
        ROW(records_of_odd_content_do_no_harm),
        ROW(a_damaged_feed_leaves_what_is_in_force),
        ROW(a_feed_file_that_is_not_there_is_asked_for_again),
        ROW(a_process_jumps_behind_a_state_that_it_has),
        ROW(the_old_file_goes_though_its_objects_were_used),
        ROW(a_difference_is_applied_with_what_is_gone),
        ROW(a_damaged_beginning_removes_nothing),
        ROW(changes_while_references_are_moved_are_kept),
        ROW(a_prepared_generation_is_loaded_beside_and_voted_on),
        ROW(a_commit_swaps_and_the_old_object_goes),
        ROW(an_abort_leaves_the_old_one_and_nothing_of_the_new),
        ROW(a_preparation_that_fails_votes_no_with_its_reason),
        ROW(a_live_configuration_that_the_next_version_refuses_votes_no),
        ROW(a_live_configuration_of_another_object_votes_no_too),
        ROW(a_second_attempt_judges_everything_again),
        ROW(a_preparation_replaces_one_that_was_never_decided),
        ROW(a_commit_of_what_was_not_prepared_changes_nothing),
        ROW(a_commit_before_all_is_loaded_loads_the_rest),
        ROW(a_commit_at_the_end_of_the_old_file_is_followed),
        ROW(a_generation_that_was_missed_whole_is_followed),
        ROW(an_abort_at_the_end_of_the_old_file_is_followed),
        ROW(a_preparation_that_a_new_file_states_again_goes_on),
        ROW(an_object_that_goes_takes_what_a_reload_decoded_for_it),
        ROW(a_worker_that_starts_amid_a_reload_serves_the_old_and_votes),
        ROW(a_worker_that_starts_after_a_decision_follows_it),
        ROW(a_start_does_without_a_plugin_that_cannot_be_loaded),
        ROW(a_feed_directory_that_is_not_there_is_an_error),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
