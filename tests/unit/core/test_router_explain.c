/* tests/unit/core/test_router_explain.c - why a request gets this route and none of the others. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/core/address.h"
#include "host/core/router_explain.h"
#include "tests/unit/core/objects.h"
#include "tests/unit/unit.h"

static hgh_snapshot snapshot;
static hgh_router *router;
static char shown[4096];

static void begin(hgh_router_mode mode)
{
    hgh_snapshot_init(&snapshot);
    router = hgh_router_new(mode);
    assert_non_null(router);
}

static void put(const char *id, uint64_t created, const char *json)
{
    hgh_route *route = (hgh_route *)(void *)object_put(&snapshot, HGH_ROUTES, id, created, json);

    assert_int_equal(hgh_router_add(router, route), HG_OK);
}

static void take_out(void *context, hgh_map_node *node)
{
    hgh_cell *cell = HGH_CONTAINER_OF(node, hgh_cell, node);

    (void)context;
    if (cell->current != NULL) {
        hgh_router_remove(router, (hgh_route *)(void *)cell->current);
    }
}

static void end(void)
{
    hgh_map_each(&snapshot.kinds[HGH_ROUTES], take_out, NULL);
    hgh_router_free(router);
    hgh_snapshot_done(&snapshot);
}

static hgh_variable variable(void *context, hg_text name)
{
    (void)context;
    if (hg_text_equal(name, HG_TEXT("http_host"))) {
        return (hgh_variable){.kind = HGH_VARIABLE_TEXT, .text = HG_TEXT("api.foo.com:9080")};
    }
    return hg_text_equal(name, HG_TEXT("arg_v"))
               ? (hgh_variable){.kind = HGH_VARIABLE_TEXT, .text = HG_TEXT("1")}
               : (hgh_variable){0};
}

/* "ROUTE RESULT: WHY" a line, with the values of vars behind it. */
static const char *explain(const char *method, const char *host, const char *uri, const char *asked)
{
    hg_address client;
    hgh_route_query query = {
        .method = hg_text_of(method),
        .host = hg_text_of(host),
        .uri = hg_text_of(uri),
        .client = &client,
        .find = variable,
    };
    json_t *rows;
    size_t length = 0;

    assert_int_equal(hgh_address_parse(HG_TEXT("10.0.0.1"), &client), HG_OK);
    rows = hgh_router_explain(router, &snapshot, &query,
                              asked == NULL ? (hg_text){0} : hg_text_of(asked));
    assert_non_null(rows);
    shown[0] = '\0';
    for (size_t i = 0; i < json_array_size(rows); i++) {
        const json_t *row = json_array_get(rows, i);
        char *values = json_dumps(json_object_get(row, "values"), JSON_COMPACT | JSON_SORT_KEYS);

        length += (size_t)snprintf(shown + length, sizeof(shown) - length, "%s %s: %s%s%s\n",
                                   json_string_value(json_object_get(row, "route")),
                                   json_string_value(json_object_get(row, "result")),
                                   json_string_value(json_object_get(row, "why")),
                                   values == NULL ? "" : " ", values == NULL ? "" : values);
        free(values);
    }
    json_decref(rows);
    return shown;
}

static void what_decides_between_routes_that_fit_is_told(void **state)
{
    (void)state;
    begin(HGH_ROUTER_HOST_URI);
    put("exact", 1, "{\"uri\":\"/a/b\",\"host\":\"api.foo.com\"}");
    put("long", 2, "{\"uri\":\"/a/*\",\"host\":\"api.foo.com\"}");
    put("short", 3, "{\"uri\":\"/*\",\"host\":\"api.foo.com\",\"priority\":100}");
    put("suffix", 4, "{\"uri\":\"/a/b\",\"host\":\"*.foo.com\"}");
    put("any", 5, "{\"uri\":\"/a/b\"}");
    assert_string_equal(explain("GET", "api.foo.com", "/a/b", NULL),
                        "exact taken: an exact path of the host api.foo.com; all its conditions "
                        "hold\n"
                        "long next: its path is a prefix, not an exact one\n"
                        "short next: its prefix is shorter\n"
                        "suffix next: its host *.foo.com is less specific\n"
                        "any next: it is for any host\n");
    end();
}

static void within_one_path_priority_and_age_decide(void **state)
{
    (void)state;
    begin(HGH_ROUTER_URI);
    put("first", 1, "{\"uri\":\"/a\",\"priority\":7}");
    put("second", 2, "{\"uri\":\"/a\",\"priority\":3}");
    put("third", 3, "{\"uri\":\"/a\",\"priority\":3}");
    assert_string_equal(explain("GET", "h", "/a", NULL),
                        "first taken: an exact path; all its conditions hold\n"
                        "second next: its priority 3 is below 7\n"
                        "third next: it was written later\n");
    end();
}

static void every_condition_that_does_not_hold_is_told(void **state)
{
    (void)state;
    begin(HGH_ROUTER_HOST_URI);
    object_put(&snapshot, HGH_SERVICES, "s", 1, "{\"hosts\":[\"a.com\",\"*.b.com\"]}");
    put("off", 2, "{\"uri\":\"/a\",\"status\":0}");
    put("host", 3, "{\"uri\":\"/a\",\"hosts\":[\"x.com\",\"y.com\"]}");
    put("service", 4, "{\"uri\":\"/a\",\"service_id\":\"s\"}");
    put("method", 5, "{\"uri\":\"/a*\",\"methods\":[\"POST\",\"PUT\"]}");
    put("client", 6, "{\"uri\":\"/*\",\"remote_addrs\":[\"192.168.0.0/16\"]}");
    put("vars", 7, "{\"uri\":\"/*\",\"vars\":[[\"arg_v\",\"==\",\"2\"],[\"arg_w\",\"==\",\"1\"]]}");
    put("all", 8,
        "{\"uri\":\"/a\",\"host\":\"z.com\",\"methods\":[\"POST\"],\"status\":0,"
        "\"remote_addr\":\"1.1.1.1\",\"vars\":[[\"arg_v\",\"==\",\"2\"]]}");
    put("elsewhere", 9, "{\"uri\":\"/b\"}");
    (void)explain("GET", "h", "/a", NULL);
    assert_non_null(strstr(shown, "off does not fit: its status is 0\n"));
    assert_non_null(strstr(shown, "host does not fit: its hosts: x.com, y.com\n"));
    assert_non_null(
        strstr(shown, "service does not fit: its hosts (of its service): a.com, *.b.com\n"));
    assert_non_null(strstr(shown, "method does not fit: its methods: [\"POST\",\"PUT\"]\n"));
    assert_non_null(
        strstr(shown, "client does not fit: its client addresses: [\"192.168.0.0/16\"]\n"));
    assert_non_null(strstr(shown, "vars does not fit: its vars: [[\"arg_v\",\"==\",\"2\"],"
                                  "[\"arg_w\",\"==\",\"1\"]] {\"arg_v\":\"1\",\"arg_w\":null}\n"));
    assert_non_null(strstr(shown,
                           "all does not fit: its status is 0; its hosts: z.com; its "
                           "methods: [\"POST\"]; its client addresses: \"1.1.1.1\"; its vars: "
                           "[[\"arg_v\",\"==\",\"2\"]] {\"arg_v\":\"1\"}\n"));
    assert_null(strstr(shown, "elsewhere"));
    assert_null(strstr(shown, "taken"));
    end();
}

static void a_route_that_is_asked_for_is_told_of_in_any_case(void **state)
{
    (void)state;
    begin(HGH_ROUTER_HOST_URI);
    put("1", 1, "{\"uri\":\"/a\"}");
    put("2", 2, "{\"uris\":[\"/b\",\"/c/*\"],\"methods\":[\"PUT\"]}");
    assert_string_equal(explain("GET", "h", "/a", "2"),
                        "1 taken: an exact path; all its conditions hold\n"
                        "2 does not fit: its path: [\"/b\",\"/c/*\"]; its methods: [\"PUT\"]\n");
    assert_string_equal(explain("GET", "h", "/a", "1"),
                        "1 taken: an exact path; all its conditions hold\n");
    assert_string_equal(explain("GET", "h", "/a", "9"),
                        "1 taken: an exact path; all its conditions hold\n");
    end();
}

static void parameters_of_the_path_are_there_for_vars(void **state)
{
    (void)state;
    begin(HGH_ROUTER_URI_WITH_PARAMETER);
    put("1", 1, "{\"uri\":\"/u/:name\",\"vars\":[[\"uri_param_name\",\"==\",\"jack\"]]}");
    assert_string_equal(explain("GET", "h", "/u/jack", NULL),
                        "1 taken: a pattern; all its conditions hold\n");
    assert_string_equal(explain("GET", "h", "/u/joe", NULL),
                        "1 does not fit: its vars: [[\"uri_param_name\",\"==\",\"jack\"]] "
                        "{\"uri_param_name\":\"joe\"}\n");
    end();
}

static void hosts_with_a_port_are_compared_as_they_were_sent(void **state)
{
    (void)state;
    begin(HGH_ROUTER_URI);
    put("1", 1, "{\"uri\":\"/a\",\"host\":\"api.foo.com:9080\"}");
    put("2", 2, "{\"uri\":\"/a\",\"host\":\"api.foo.com:9443\"}");
    assert_string_equal(explain("GET", "api.foo.com", "/a", NULL),
                        "1 taken: an exact path of the host api.foo.com:9080; all its conditions "
                        "hold\n"
                        "2 does not fit: its hosts: api.foo.com:9443\n");
    end();
}

/* The best paths of very many are told, in a bounded answer. */
static void of_very_many_the_nearest_are_told(void **state)
{
    size_t lines = 0;

    (void)state;
    begin(HGH_ROUTER_HOST_URI);
    for (unsigned i = 0; i < 5000; i++) {
        char id[16];
        char json[128];

        (void)snprintf(id, sizeof(id), "%u", i);
        (void)snprintf(json, sizeof(json), "{\"uri\":\"/%.*s*\",\"methods\":[\"PUT\"]}",
                       (int)(i % 20), "aaaaaaaaaaaaaaaaaaaa");
        put(id, i + 1, json);
    }
    (void)explain("GET", "h", "/aaaaaaaaaaaaaaaaaaaaaaaa", NULL);
    for (const char *at = shown; (at = strchr(at, '\n')) != NULL; at++) {
        lines++;
    }
    assert_int_equal(lines, HGH_ROUTER_EXPLAIN_UNFIT_MAX);
    assert_null(strstr(shown, "taken"));
    end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_decides_between_routes_that_fit_is_told),
        cmocka_unit_test(within_one_path_priority_and_age_decide),
        cmocka_unit_test(every_condition_that_does_not_hold_is_told),
        cmocka_unit_test(a_route_that_is_asked_for_is_told_of_in_any_case),
        cmocka_unit_test(parameters_of_the_path_are_there_for_vars),
        cmocka_unit_test(hosts_with_a_port_are_compared_as_they_were_sent),
        cmocka_unit_test(of_very_many_the_nearest_are_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
