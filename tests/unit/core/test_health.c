/* tests/unit/core/test_health.c - what is counted at a node, and when it becomes fit or unfit. */
#include <stdio.h>
#include <string.h>

#include "host/core/health.h"
#include "host/core/upstream.h"
#include "tests/unit/unit.h"

#define ARENA_BYTES (8u << 20)

static hgh_arena *arena;
static hgh_health_board board;

static int set_up(void **state)
{
    (void)state;
    arena = hgh_arena_new(ARENA_BYTES);
    assert_non_null(arena);
    return hgh_health_board_open(arena, &board, NULL) == HG_OK ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    hgh_arena_close(arena);
    return 0;
}

static hgh_upstream *decode(const char *checks)
{
    char json[1024];
    json_t *value;
    hgh_upstream *upstream = NULL;
    hg_error err = HG_ERROR_INIT;

    (void)snprintf(json, sizeof(json), "{\"nodes\":{\"a:80\":1,\"b:80\":1},\"checks\":%s}", checks);
    value = json_loads(json, 0, NULL);
    assert_non_null(value);
    if (hgh_upstream_decode(value, &upstream, &err) != HG_OK) {
        fail_msg("%s: %s", json, err.text);
    }
    json_decref(value);
    return upstream;
}

/* In force, as the object upstreams/ID. */
static hgh_upstream *in_force(const char *id, const char *checks, hgh_health **list)
{
    hgh_upstream *upstream = decode(checks);

    assert_int_equal(hgh_health_enter(upstream->health, &board, "upstreams", id, 1000, list),
                     HG_OK);
    return upstream;
}

#define THREE                                                                                      \
    "{\"active\":{\"healthy\":{\"successes\":2},\"unhealthy\":{\"http_failures\":3,"               \
    "\"tcp_failures\":2,\"timeouts\":1}}}"

/* Events as letters: s success, h bad status, t refused, o timeout; statuses as letters: H, h
 * mostly healthy, u mostly unhealthy, U. */
static void each_sequence_of_events_ends_in_its_status(void **state)
{
    static const struct {
        const char *events;
        const char *statuses;
    } cases[] = {
        {"s", "H"},         {"hh", "hh"},   {"hhh", "hhU"},
        {"hhshh", "hhhhh"}, /* a success begins the count anew */
        {"hssh", "hhHh"},   /* two of them, and all is well */
        {"ht", "hh"},       /* each kind counts for itself */
        {"htt", "hhU"},     {"o", "U"},     {"os", "Uu"},
        {"oss", "UuH"},     {"osh", "UuU"}, /* one failure is enough on the way back */
        {"oshss", "UuUuH"}, {"ooo", "UUU"},
    };
    static const char names[] = "HhuU";

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        hgh_health *list = NULL;
        char id[32];
        char found[16] = "";
        hgh_upstream *upstream;

        (void)snprintf(id, sizeof(id), "sequence-%zu", i);
        upstream = in_force(id, THREE, &list);
        for (size_t k = 0; cases[i].events[k] != '\0'; k++) {
            const char *place = strchr("shto", cases[i].events[k]);
            hgh_health_status changed = HGH_HEALTHY;

            (void)hgh_health_report(upstream->health, 0, &upstream->health->active,
                                    (hgh_health_event)(place - "shto"), &changed);
            found[k] = names[hgh_health_state_of(upstream->health->cells[0]).status];
        }
        if (strcmp(found, cases[i].statuses) != 0) {
            fail_msg("%s: got %s, wanted %s", cases[i].events, found, cases[i].statuses);
        }
        hgh_health_leave(upstream->health);
        assert_null(list);
        hgh_upstream_unref(upstream);
    }
}

static void a_change_of_side_is_told_once(void **state)
{
    hgh_health *list = NULL;
    hgh_upstream *upstream = in_force("told", THREE, &list);
    hgh_health *health = upstream->health;
    hgh_health_status status = HGH_HEALTHY;

    (void)state;
    assert_false(hgh_health_report(health, 1, &health->active, HGH_HEALTH_TCP_FAILURE, &status));
    assert_true(hgh_health_report(health, 1, &health->active, HGH_HEALTH_TCP_FAILURE, &status));
    assert_int_equal(status, HGH_UNHEALTHY);
    assert_false(hgh_health_report(health, 1, &health->active, HGH_HEALTH_TCP_FAILURE, &status));
    assert_int_equal(hgh_health_state_of(health->cells[1]).counts[HGH_HEALTH_TCP_FAILURE], 2);
    assert_false(hgh_health_report(health, 1, &health->active, HGH_HEALTH_EVENTS, &status));
    assert_false(hgh_health_is_up(health, 1));
    assert_true(hgh_health_is_up(health, 0));
    hgh_health_leave(health);
    hgh_upstream_unref(upstream);
}

static void what_is_known_of_a_node_outlives_a_change_of_its_upstream(void **state)
{
    hgh_health *list = NULL;
    hgh_upstream *before = in_force("kept", THREE, &list);
    hgh_upstream *after;
    hgh_upstream *other;
    hgh_health_status status;

    (void)state;
    assert_true(
        hgh_health_report(before->health, 0, &before->health->active, HGH_HEALTH_TIMEOUT, &status));
    hgh_health_leave(before->health);
    hgh_upstream_unref(before);
    after = in_force("kept", "{\"active\":{\"type\":\"tcp\"}}", &list);
    other = in_force("other", THREE, &list);
    assert_false(hgh_health_is_up(after->health, 0));
    assert_true(hgh_health_is_up(other->health, 0));
    assert_non_null(
        hgh_health_board_find(&board, hgh_health_key(HG_TEXT("upstreams/kept"), HG_TEXT("a:80"))));
    assert_null(
        hgh_health_board_find(&board, hgh_health_key(HG_TEXT("upstreams/kept"), HG_TEXT("c:80"))));
    hgh_health_leave(after->health);
    hgh_health_leave(other->health);
    assert_null(list);
    hgh_upstream_unref(after);
    hgh_upstream_unref(other);
}

static void unfit_nodes_are_picked_only_if_all_are(void **state)
{
    hgh_health *list = NULL;
    hgh_upstream *upstream = in_force("picked", THREE, &list);
    hgh_health *health = upstream->health;
    hgh_health_status status;

    (void)state;
    assert_true(hgh_health_report(health, 0, &health->active, HGH_HEALTH_TIMEOUT, &status));
    for (unsigned i = 0; i < 10; i++) {
        hgh_tried tried = {0};

        assert_int_equal(hgh_upstream_pick(upstream, &tried, 1)->host.data[0], 'b');
        assert_null(hgh_upstream_pick(upstream, &tried, 1)); /* no retry at the unfit one */
    }
    assert_true(hgh_health_report(health, 1, &health->active, HGH_HEALTH_TIMEOUT, &status));
    {
        hgh_tried tried = {0};

        assert_non_null(hgh_upstream_pick(upstream, &tried, 1));
        assert_non_null(hgh_upstream_pick(upstream, &tried, 1));
    }
    hgh_health_leave(health);
    hgh_upstream_unref(upstream);
}

static void a_check_is_made_by_whoever_claims_it_first(void **state)
{
    hgh_health *lists[2] = {NULL, NULL}; /* of two processes */
    hgh_upstream *one = in_force("claimed", THREE, &lists[0]);
    hgh_upstream *other = in_force("claimed", THREE, &lists[1]);

    (void)state;
    assert_true(hgh_health_claim(one->health, 0, 5000));
    assert_false(hgh_health_claim(other->health, 0, 5000));
    assert_false(hgh_health_claim(one->health, 0, 5999));
    assert_true(hgh_health_claim(other->health, 0, 6000));
    assert_true(hgh_health_claim(other->health, 1, 6000)); /* each node has its own time */
    hgh_health_leave(one->health);
    hgh_health_leave(other->health);
    hgh_upstream_unref(one);
    hgh_upstream_unref(other);
}

static void a_cell_that_nobody_uses_can_be_taken(void **state)
{
    hgh_arena *small = hgh_arena_new(HGH_ARENA_MIN_BYTES);
    hgh_health_board own;
    uint64_t taken = 0;
    uint64_t clock_ms = 1000;

    (void)state;
    assert_non_null(small);
    assert_int_equal(hgh_health_board_open(small, &own, NULL), HG_OK);
    for (uint64_t key = 1; hgh_health_board_take(&own, key * 64, clock_ms) != NULL; key++) {
        taken++;
        assert_true(taken <= own.count);
    }
    assert_true(taken >= 64); /* full: nothing is overwritten that is in use */
    assert_non_null(hgh_health_board_find(&own, 64));
    clock_ms += 61000;
    assert_non_null(hgh_health_board_take(&own, (taken + 7) * 64, clock_ms));
    hgh_arena_close(small);
}

static void defaults_are_those_of_the_schema(void **state)
{
    hgh_upstream *upstream = decode("{\"active\":{},\"passive\":{}}");
    const hgh_health *health = upstream->health;

    (void)state;
    assert_int_equal(health->type, HGH_CHECK_HTTP);
    assert_true(health->verify);
    assert_int_equal(health->timeout_ms, 1000);
    assert_int_equal(health->concurrency, 10);
    assert_int_equal(health->healthy_interval_ms, 1000);
    assert_int_equal(health->unhealthy_interval_ms, 1000);
    assert_string_equal(health->method.data, "GET");
    assert_string_equal(health->path.data, "/");
    assert_memory_equal(health->active.limits, ((uint8_t[]){2, 5, 2, 3}), 4);
    assert_memory_equal(health->passive.limits, ((uint8_t[]){5, 5, 2, 7}), 4);
    assert_int_equal(hgh_health_event_of(&health->active, 200), HGH_HEALTH_SUCCESS);
    assert_int_equal(hgh_health_event_of(&health->active, 404), HGH_HEALTH_HTTP_FAILURE);
    assert_int_equal(hgh_health_event_of(&health->active, 201), HGH_HEALTH_EVENTS);
    assert_int_equal(hgh_health_event_of(&health->active, 4000000), HGH_HEALTH_EVENTS);
    assert_int_equal(hgh_health_event_of(&health->passive, 201), HGH_HEALTH_SUCCESS);
    assert_int_equal(hgh_health_event_of(&health->passive, 404), HGH_HEALTH_EVENTS);
    assert_int_equal(hgh_health_event_of(&health->passive, 503), HGH_HEALTH_HTTP_FAILURE);
    hgh_upstream_unref(upstream);
}

static void members_take_the_place_of_defaults(void **state)
{
    hgh_upstream *upstream =
        decode("{\"active\":{\"type\":\"https\",\"timeout\":0.5,\"concurrency\":3,\"host\":\"h\","
               "\"port\":81,\"http_method\":\"HEAD\",\"http_path\":\"/p\",\"http_req_body\":\"x\","
               "\"https_verify_certificate\":false,\"req_headers\":[\"A: 1\",\"B: 2\"],"
               "\"healthy\":{\"interval\":2,\"http_statuses\":[204],\"successes\":1},"
               "\"unhealthy\":{\"interval\":3,\"http_statuses\":[500],\"timeouts\":9}}}");
    const hgh_health *health = upstream->health;

    (void)state;
    assert_int_equal(health->type, HGH_CHECK_HTTPS);
    assert_false(health->verify);
    assert_false(health->has_passive);
    assert_int_equal(health->timeout_ms, 500);
    assert_int_equal(health->concurrency, 3);
    assert_int_equal(health->port, 81);
    assert_int_equal(health->healthy_interval_ms, 2000);
    assert_int_equal(health->unhealthy_interval_ms, 3000);
    assert_string_equal(health->host.data, "h");
    assert_string_equal(health->method.data, "HEAD");
    assert_string_equal(health->path.data, "/p");
    assert_string_equal(health->body.data, "x");
    assert_string_equal(health->headers.data, "A: 1\r\nB: 2\r\n");
    assert_memory_equal(health->active.limits, ((uint8_t[]){1, 5, 2, 9}), 4);
    assert_int_equal(hgh_health_event_of(&health->active, 200), HGH_HEALTH_EVENTS);
    assert_int_equal(hgh_health_event_of(&health->active, 204), HGH_HEALTH_SUCCESS);
    assert_int_equal(hgh_health_event_of(&health->active, 404), HGH_HEALTH_EVENTS);
    hgh_upstream_unref(upstream);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_sequence_of_events_ends_in_its_status),
        cmocka_unit_test(a_change_of_side_is_told_once),
        cmocka_unit_test(what_is_known_of_a_node_outlives_a_change_of_its_upstream),
        cmocka_unit_test(unfit_nodes_are_picked_only_if_all_are),
        cmocka_unit_test(a_check_is_made_by_whoever_claims_it_first),
        cmocka_unit_test(a_cell_that_nobody_uses_can_be_taken),
        cmocka_unit_test(defaults_are_those_of_the_schema),
        cmocka_unit_test(members_take_the_place_of_defaults),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
