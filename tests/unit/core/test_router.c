/* tests/unit/core/test_router.c - the router finds the route that APISIX's rules say. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/core/address.h"
#include "host/core/router.h"
#include "tests/unit/core/objects.h"
#include "tests/unit/unit.h"

#define MANY 100000u

static hgh_snapshot snapshot;
static hgh_router *router;

static hgh_route *route_put(const char *id, uint64_t created, const char *json)
{
    hgh_route *route = (hgh_route *)(void *)object_put(&snapshot, HGH_ROUTES, id, created, json);

    assert_int_equal(hgh_router_add(router, route), HG_OK);
    return route;
}

static void routing_begin(hgh_router_mode mode)
{
    hgh_snapshot_init(&snapshot);
    router = hgh_router_new(mode);
    assert_non_null(router);
}

static void take_out(void *context, hgh_map_node *node)
{
    hgh_cell *cell = HGH_CONTAINER_OF(node, hgh_cell, node);

    (void)context;
    if (cell->current != NULL) {
        hgh_router_remove(router, (hgh_route *)(void *)cell->current);
    }
}

static void routing_end(void)
{
    hgh_map_each(&snapshot.kinds[HGH_ROUTES], take_out, NULL);
    hgh_router_free(router);
    hgh_snapshot_done(&snapshot);
}

static const hg_address *client_of(const char *text)
{
    static hg_address address;

    assert_int_equal(hgh_address_parse(hg_text_of(text), &address), HG_OK);
    return &address;
}

static hgh_route_match
match_as(const char *method, const char *host, const char *uri, const char *client)
{
    hgh_route_match match;
    hgh_route_query query = {
        .method = hg_text_of(method),
        .host = hg_text_of(host),
        .uri = hg_text_of(uri),
        .client = client_of(client),
    };

    hgh_router_match(router, &query, &match);
    return match;
}

/* The id of the route that a GET from 127.0.0.1 gets, "" for none. */
static const char *match_id(const char *host, const char *uri)
{
    hgh_route_match match = match_as("GET", host, uri, "127.0.0.1");

    return match.route == NULL ? "" : match.route->base.id;
}

static void expect_match(const char *label, const char *host, const char *uri, const char *id)
{
    const char *found = match_id(host, uri);

    if (strcmp(found, id) != 0) {
        fail_msg("%s: %s%s: got route \"%s\", wanted \"%s\"", label, host, uri, found, id);
    }
}

/* -------------------------------------------------------------------------------- patterns */

/* The table of admin-api section 5: a pattern and what it takes. */
typedef struct pattern_case {
    const char *label;
    const char *pattern;
    const char *uri;
    bool plain;      /* taken in radixtree_host_uri and radixtree_uri */
    bool parameters; /* taken in radixtree_uri_with_parameter */
} pattern_case;

static const pattern_case pattern_cases[] = {
    {"exact", "/a", "/a", true, true},
    {"exact, with a slash", "/a", "/a/", false, false},
    {"exact, longer", "/a", "/ab", false, false},
    {"exact, shorter", "/ab", "/a", false, false},
    {"case counts", "/a", "/A", false, false},
    {"root", "/", "/", true, true},
    {"prefix, itself", "/a*", "/a", true, true},
    {"prefix, longer", "/a*", "/abc/d", true, true},
    {"prefix, other", "/a*", "/b", false, false},
    {"all", "/*", "/", true, true},
    {"all, deep", "/*", "/x/y", true, true},
    {"a star alone", "*", "/x", true, true},
    {"below, the directory itself", "/a/*", "/a/", true, true},
    {"below, without its slash", "/a/*", "/a", false, false},
    {"below", "/a/*", "/a/b/c", true, true},
    {"star in the middle", "/a/*/b", "/a/x/b", true, true},
    {"star in the middle takes slashes", "/a/*/b", "/a/x/y/b", true, true},
    {"star in the middle, empty", "/a/*/b", "/a//b", true, true},
    {"star in the middle wants the rest", "/a/*/b", "/a/x/c", false, false},
    {"star in the middle wants all of the rest", "/a/*/b", "/a/x/bb", false, false},
    {"star in the middle wants nothing behind", "/a/*/b", "/a/x/b/c", false, false},
    {"star in the middle, repeated rest", "/a/*/b", "/a/b/b/b", true, true},
    {"star in the middle, nothing between", "/a/*/b", "/a/b", false, false},
    {"two stars", "/a/*/b/*/c", "/a/1/b/2/b/3/c", true, true},
    {"two stars, rest missing", "/a/*/b/*/c", "/a/1/b/2/b/3", false, false},
    {"star inside a segment: the tail is ignored", "/a*/b", "/ax/y", true, true},
    {"star inside a segment, not below", "/a*/b", "/b", false, false},
    {"a colon is literal but with parameters", "/u/:id/x", "/u/:id/x", true, true},
    {"a segment with a name", "/u/:id/x", "/u/7/x", false, true},
    {"a named segment is not empty", "/u/:id/x", "/u//x", false, false},
    {"a named segment holds no slash", "/u/:id/x", "/u/7/8/x", false, false},
    {"a named segment at the end", "/u/:id", "/u/7", false, true},
    {"a named segment at the end, deeper", "/u/:id", "/u/7/8", false, false},
    {"a colon inside a segment is literal", "/u/a:b", "/u/a:b", true, true},
    {"a colon inside a segment names nothing", "/u/a:b", "/u/a7", false, false},
    {"two named segments", "/:a/:b", "/x/y", false, true},
    {"a star with a name", "/f/*rest", "/f/x/y", true, true},
    {"a star with a name, empty", "/f/*rest", "/f/", true, true},
    {"a named segment, then a star", "/u/:id/*", "/u/7/x/y", false, true},
    {"a star, then a named segment", "/s/*/u/:id", "/s/a/u/b/u/7", false, true},
};

static void patterns_are_read_as_the_mode_says(void **state)
{
    (void)state;
    for (int mode = HGH_ROUTER_HOST_URI; mode <= HGH_ROUTER_URI_WITH_PARAMETER; mode++) {
        for (size_t i = 0; i < ARRAY_SIZE(pattern_cases); i++) {
            const pattern_case *row = &pattern_cases[i];
            bool wanted = mode == HGH_ROUTER_URI_WITH_PARAMETER ? row->parameters : row->plain;
            char json[128];

            routing_begin((hgh_router_mode)mode);
            (void)snprintf(json, sizeof(json), "{\"uri\":\"%s\"}", row->pattern);
            (void)route_put("1", 1, json);
            if ((match_id("h", row->uri)[0] == '1') != wanted) {
                fail_msg("mode %d, %s: %s on %s: wanted %d", mode, row->label, row->pattern,
                         row->uri, wanted);
            }
            routing_end();
        }
    }
}

static void parameters_hold_what_stood_in_the_path(void **state)
{
    static const struct {
        const char *label;
        const char *pattern;
        const char *uri;
        const char *found; /* NAME=VALUE; in their order */
    } cases[] = {
        {"one", "/u/:id/x", "/u/7/x", "id=7;"},
        {"two", "/:a/:b", "/x/y", "a=x;b=y;"},
        {"a star at the end", "/f/*", "/f/x/y", ":ext=x/y;"},
        {"a star with a name", "/f/*rest", "/f/x/y", "rest=x/y;"},
        {"an empty star", "/f/*rest", "/f/", "rest=;"},
        {"both", "/u/:id/*rest", "/u/7/a/b", "id=7;rest=a/b;"},
        {"tried again behind a star", "/s/*/u/:id", "/s/a/u/b/u/7", "id=7;"},
        {"none", "/a", "/a", ""},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        char text[256] = "";
        char json[128];
        size_t at = 0;
        hgh_route_match match;

        routing_begin(HGH_ROUTER_URI_WITH_PARAMETER);
        (void)snprintf(json, sizeof(json), "{\"uri\":\"%s\"}", cases[i].pattern);
        (void)route_put("1", 1, json);
        match = match_as("GET", "h", cases[i].uri, "127.0.0.1");
        assert_non_null(match.route);
        assert_true(hg_text_equal(match.uri, hg_text_of(cases[i].pattern)));
        for (uint32_t k = 0; k < match.parameter_count; k++) {
            at += (size_t)snprintf(
                text + at, sizeof(text) - at, "%.*s=%.*s;", (int)match.parameters[k].name.length,
                match.parameters[k].name.data, (int)match.parameters[k].value.length,
                match.parameters[k].value.data);
        }
        if (strcmp(text, cases[i].found) != 0) {
            fail_msg("%s: got \"%s\", wanted \"%s\"", cases[i].label, text, cases[i].found);
        }
        routing_end();
    }
}

static void no_more_parameters_than_fit_are_kept(void **state)
{
    char json[512] = "{\"uri\":\"";
    char uri[256] = "";
    hgh_route_match match;

    (void)state;
    for (size_t i = 0; i < HGH_ROUTE_PARAMETERS_MAX + 4; i++) {
        strcat(json, "/:p");
        strcat(uri, "/v");
    }
    strcat(json, "\"}");
    routing_begin(HGH_ROUTER_URI_WITH_PARAMETER);
    (void)route_put("1", 1, json);
    match = match_as("GET", "h", uri, "127.0.0.1");
    assert_non_null(match.route);
    assert_int_equal(match.parameter_count, HGH_ROUTE_PARAMETERS_MAX);
    routing_end();
}

/* ----------------------------------------------------------------------------------- order */

static void an_exact_path_beats_a_prefix_whatever_the_priorities(void **state)
{
    (void)state;
    for (int mode = HGH_ROUTER_HOST_URI; mode <= HGH_ROUTER_URI_WITH_PARAMETER; mode++) {
        routing_begin((hgh_router_mode)mode);
        (void)route_put("prefix", 1, "{\"uri\":\"/a*\",\"priority\":1000}");
        (void)route_put("exact", 2, "{\"uri\":\"/a\",\"priority\":-5}");
        expect_match("exact", "h", "/a", "exact");
        expect_match("prefix", "h", "/ab", "prefix");
        routing_end();
    }
}

static void the_longest_prefix_goes_first(void **state)
{
    (void)state;
    routing_begin(HGH_ROUTER_HOST_URI);
    (void)route_put("short", 1, "{\"uri\":\"/*\",\"priority\":9}");
    (void)route_put("middle", 2, "{\"uri\":\"/a/*\"}");
    (void)route_put("long", 3, "{\"uri\":\"/a/b/*\",\"methods\":[\"POST\"]}");
    expect_match("long has another method", "h", "/a/b/c", "middle");
    expect_match("middle", "h", "/a/c", "middle");
    expect_match("short", "h", "/c", "short");
    assert_string_equal(match_as("POST", "h", "/a/b/c", "127.0.0.1").route->base.id, "long");
    routing_end();
}

static void
of_one_path_the_higher_priority_then_the_longer_pattern_then_the_older_wins(void **state)
{
    (void)state;
    routing_begin(HGH_ROUTER_HOST_URI);
    (void)route_put("newer", 9, "{\"uri\":\"/a/*\"}");
    (void)route_put("older", 3, "{\"uri\":\"/a/*\"}");
    expect_match("older", "h", "/a/x/b", "older");
    (void)route_put("longer", 10, "{\"uri\":\"/a/*/b\"}");
    expect_match("longer", "h", "/a/x/b", "longer");
    expect_match("longer does not fit", "h", "/a/x/c", "older");
    (void)route_put("higher", 11, "{\"uri\":\"/a/*\",\"priority\":1}");
    expect_match("higher", "h", "/a/x/b", "higher");
    routing_end();
}

static void routes_of_one_transaction_have_the_same_order_however_they_came(void **state)
{
    (void)state;
    for (int turn = 0; turn < 2; turn++) {
        routing_begin(HGH_ROUTER_HOST_URI);
        (void)route_put(turn == 0 ? "a" : "b", 5, "{\"uri\":\"/x\"}");
        (void)route_put(turn == 0 ? "b" : "a", 5, "{\"uri\":\"/x\"}");
        expect_match("the first id", "h", "/x", "a");
        routing_end();
    }
}

static void the_first_that_holds_all_its_conditions_is_taken(void **state)
{
    (void)state;
    routing_begin(HGH_ROUTER_HOST_URI);
    (void)route_put("1", 1, "{\"uri\":\"/a\",\"priority\":3,\"methods\":[\"POST\"]}");
    (void)route_put("2", 2, "{\"uri\":\"/a\",\"priority\":2,\"remote_addrs\":[\"10.0.0.0/8\"]}");
    (void)route_put("3", 3, "{\"uri\":\"/a\",\"priority\":1}");
    assert_string_equal(match_as("POST", "h", "/a", "10.1.1.1").route->base.id, "1");
    assert_string_equal(match_as("GET", "h", "/a", "10.1.1.1").route->base.id, "2");
    assert_string_equal(match_as("GET", "h", "/a", "11.1.1.1").route->base.id, "3");
    routing_end();
}

/* ----------------------------------------------------------------------------------- hosts */

static void a_host_pattern_takes_what_apisix_says(void **state)
{
    static const struct {
        const char *label;
        const char *pattern;
        const char *host;
        bool taken;
    } cases[] = {
        {"exact", "foo.com", "foo.com", true},
        {"other", "foo.com", "bar.com", false},
        {"below an exact one", "foo.com", "a.foo.com", false},
        {"written in capitals", "Foo.COM", "foo.com", true},
        {"below", "*.foo.com", "a.foo.com", true},
        {"two below", "*.foo.com", "a.b.foo.com", true},
        {"the domain itself", "*.foo.com", "foo.com", false},
        {"without a dot, itself", "*foo.com", "foo.com", true},
        {"without a dot, longer", "*foo.com", "xfoo.com", true},
        {"without a dot, below", "*foo.com", "a.foo.com", true},
        {"wildcard in capitals", "*.Foo.com", "a.foo.com", true},
        {"any", "*", "foo.com", true},
        {"any, no host", "*", "", true},
        {"an address", "127.0.0.1", "127.0.0.1", true},
        {"IPv6", "[::1]", "[::1]", true},
        {"exact, no host", "foo.com", "", false},
    };

    (void)state;
    for (int mode = HGH_ROUTER_HOST_URI; mode <= HGH_ROUTER_URI_WITH_PARAMETER; mode++) {
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
            char json[128];

            routing_begin((hgh_router_mode)mode);
            (void)snprintf(json, sizeof(json), "{\"uri\":\"/a\",\"host\":\"%s\"}",
                           cases[i].pattern);
            (void)route_put("1", 1, json);
            if ((match_id(cases[i].host, "/a")[0] == '1') != cases[i].taken) {
                fail_msg("mode %d, %s: %s on %s: wanted %d", mode, cases[i].label, cases[i].pattern,
                         cases[i].host, cases[i].taken);
            }
            routing_end();
        }
    }
}

static void the_host_comes_before_path_and_priority_where_hosts_lead(void **state)
{
    (void)state;
    routing_begin(HGH_ROUTER_HOST_URI);
    (void)route_put("none", 1, "{\"uri\":\"/a\",\"priority\":99}");
    (void)route_put("any", 2, "{\"uri\":\"/a\",\"host\":\"*\",\"priority\":50}");
    (void)route_put("com", 3, "{\"uri\":\"/a\",\"host\":\"*.com\",\"priority\":20}");
    (void)route_put("foo", 4, "{\"uri\":\"/*\",\"host\":\"*.foo.com\",\"priority\":10}");
    (void)route_put("exact", 5, "{\"uri\":\"/*\",\"hosts\":[\"a.foo.com\",\"b.foo.com\"]}");
    expect_match("exact", "a.foo.com", "/a", "exact");
    expect_match("second host", "b.foo.com", "/a", "exact");
    expect_match("long suffix", "c.foo.com", "/a", "foo");
    expect_match("short suffix", "foo.com", "/a", "com");
    expect_match("any", "foo.org", "/a", "any");
    expect_match("nothing under any", "foo.org", "/b", "");
    routing_end();
}

static void a_less_specific_host_serves_what_the_more_specific_one_does_not(void **state)
{
    (void)state;
    routing_begin(HGH_ROUTER_HOST_URI);
    (void)route_put("exact", 1, "{\"uri\":\"/a\",\"host\":\"a.foo.com\",\"methods\":[\"POST\"]}");
    (void)route_put("suffix", 2, "{\"uri\":\"/b\",\"host\":\"*.foo.com\"}");
    (void)route_put("none", 3, "{\"uri\":\"/*\"}");
    expect_match("another method", "a.foo.com", "/a", "none");
    expect_match("another path", "a.foo.com", "/b", "suffix");
    expect_match("no path of either", "a.foo.com", "/c", "none");
    routing_end();
}

static void the_host_is_one_more_condition_where_paths_lead(void **state)
{
    (void)state;
    routing_begin(HGH_ROUTER_URI);
    (void)route_put("host", 1, "{\"uri\":\"/*\",\"host\":\"a.foo.com\",\"priority\":9}");
    (void)route_put("path", 2, "{\"uri\":\"/a\"}");
    (void)route_put("other", 3, "{\"uri\":\"/a\",\"host\":\"b.foo.com\",\"priority\":1}");
    expect_match("the exact path wins", "a.foo.com", "/a", "path");
    expect_match("its host fits", "b.foo.com", "/a", "other");
    expect_match("only the prefix is left", "a.foo.com", "/c", "host");
    expect_match("nothing is left", "c.foo.com", "/c", "");
    routing_end();
}

static void a_route_without_hosts_has_those_of_its_service(void **state)
{
    (void)state;
    for (int mode = HGH_ROUTER_HOST_URI; mode <= HGH_ROUTER_URI_WITH_PARAMETER; mode++) {
        routing_begin((hgh_router_mode)mode);
        (void)object_put(&snapshot, HGH_SERVICES, "s", 1, "{\"hosts\":[\"*.Foo.com\",\"bar\"]}");
        (void)route_put("inherits", 2, "{\"uri\":\"/a\",\"service_id\":\"s\"}");
        (void)route_put("own", 3, "{\"uri\":\"/a\",\"service_id\":\"s\",\"host\":\"own\"}");
        (void)route_put("missing", 4, "{\"uri\":\"/m\",\"service_id\":\"x\"}");
        expect_match("first of the service", "a.foo.com", "/a", "inherits");
        expect_match("second of the service", "bar", "/a", "inherits");
        expect_match("its own", "own", "/a", "own");
        expect_match("neither", "other", "/a", "");
        expect_match("a service that is not there", "other", "/m", "missing");
        routing_end();
    }
}

/* ------------------------------------------------------------------------------ conditions */

static void methods_are_those_of_apisix(void **state)
{
    static const char *const known[] = {"GET",  "POST",    "PUT",     "DELETE", "PATCH",
                                        "HEAD", "OPTIONS", "CONNECT", "TRACE",  "PURGE"};
    char json[128];

    (void)state;
    routing_begin(HGH_ROUTER_HOST_URI);
    for (size_t i = 0; i < ARRAY_SIZE(known); i++) {
        (void)snprintf(json, sizeof(json), "{\"uri\":\"/a\",\"methods\":[\"%s\"]}", known[i]);
        (void)route_put(known[i], i + 1, json);
    }
    for (size_t i = 0; i < ARRAY_SIZE(known); i++) {
        assert_string_equal(match_as(known[i], "h", "/a", "127.0.0.1").route->base.id, known[i]);
    }
    assert_null(match_as("PROPFIND", "h", "/a", "127.0.0.1").route);
    assert_null(match_as("get", "h", "/a", "127.0.0.1").route);
    (void)route_put("any", 99, "{\"uri\":\"/a\"}");
    assert_string_equal(match_as("PROPFIND", "h", "/a", "127.0.0.1").route->base.id, "any");
    routing_end();
}

static void remote_addresses_take_both_families(void **state)
{
    (void)state;
    routing_begin(HGH_ROUTER_HOST_URI);
    (void)route_put("one", 1, "{\"uri\":\"/a\",\"remote_addr\":\"192.168.1.1\"}");
    (void)route_put("many", 2, "{\"uri\":\"/a\",\"remote_addrs\":[\"10.0.0.0/8\",\"2001::/32\"]}");
    assert_string_equal(match_as("GET", "h", "/a", "192.168.1.1").route->base.id, "one");
    assert_string_equal(match_as("GET", "h", "/a", "10.9.9.9").route->base.id, "many");
    assert_string_equal(match_as("GET", "h", "/a", "2001::5").route->base.id, "many");
    assert_null(match_as("GET", "h", "/a", "192.168.1.2").route);
    routing_end();
}

/* The argument "a" is "1"; nothing else is there. */
static hgh_variable argument_find(void *context, hg_text name)
{
    (void)context;
    return hg_text_equal(name, HG_TEXT("arg_a"))
               ? (hgh_variable){.kind = HGH_VARIABLE_TEXT, .text = HG_TEXT("1")}
               : (hgh_variable){0};
}

static void vars_are_asked_last_and_see_path_parameters(void **state)
{
    static const struct {
        const char *uri;
        const char *id;
    } cases[] = {
        {"/u/7", "number"},
        {"/u/x", "word"},
        {"/v/7", "argument"},
        {"/w/7", ""},
    };
    hg_address client = *client_of("127.0.0.1");

    (void)state;
    routing_begin(HGH_ROUTER_URI_WITH_PARAMETER);
    (void)route_put("number", 1,
                    "{\"uri\":\"/u/:id\",\"vars\":[[\"uri_param_id\",\"~~\",\"^[0-9]+$\"]]}");
    (void)route_put("word", 2, "{\"uri\":\"/u/:id\",\"vars\":[]}");
    (void)route_put("argument", 3, "{\"uri\":\"/v/*\",\"vars\":[[\"arg_a\",\"==\",\"1\"]]}");
    (void)route_put("no", 4, "{\"uri\":\"/w/:x\",\"vars\":[[\"uri_param_id\",\"!\",\"==\",null]]}");
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        hgh_route_match match;
        hgh_route_query query = {
            .method = HG_TEXT("GET"),
            .host = HG_TEXT("h"),
            .uri = hg_text_of(cases[i].uri),
            .client = &client,
            .find = argument_find,
        };

        hgh_router_match(router, &query, &match);
        assert_string_equal(match.route == NULL ? "" : match.route->base.id, cases[i].id);
    }
    routing_end();
}

static void a_disabled_route_is_absent(void **state)
{
    (void)state;
    routing_begin(HGH_ROUTER_HOST_URI);
    (void)route_put("off", 1, "{\"uri\":\"/a\",\"status\":0}");
    (void)route_put("on", 2, "{\"uri\":\"/a\",\"status\":1}");
    expect_match("disabled", "h", "/a", "on");
    routing_end();
}

static void a_route_without_a_path_is_found_nowhere(void **state)
{
    (void)state;
    routing_begin(HGH_ROUTER_HOST_URI);
    (void)route_put("1", 1, "{}");
    expect_match("no uri", "h", "/", "");
    expect_match("nothing at all", "", "", "");
    routing_end();
}

static void every_path_of_a_route_leads_to_it(void **state)
{
    (void)state;
    routing_begin(HGH_ROUTER_HOST_URI);
    (void)route_put("1", 1, "{\"uris\":[\"/a\",\"/b/*\",\"/c*\"],\"hosts\":[\"x\",\"*.y\"]}");
    expect_match("first", "x", "/a", "1");
    expect_match("second", "z.y", "/b/1", "1");
    expect_match("third", "x", "/cc", "1");
    expect_match("none", "x", "/d", "");
    routing_end();
}

static void the_names_of_the_modes_are_those_of_the_configuration(void **state)
{
    hgh_router_mode mode = HGH_ROUTER_URI;

    (void)state;
    assert_true(hgh_router_mode_find(HG_TEXT("radixtree_host_uri"), &mode));
    assert_int_equal(mode, HGH_ROUTER_HOST_URI);
    assert_true(hgh_router_mode_find(HG_TEXT("radixtree_uri"), &mode));
    assert_int_equal(mode, HGH_ROUTER_URI);
    assert_true(hgh_router_mode_find(HG_TEXT("radixtree_uri_with_parameter"), &mode));
    assert_int_equal(mode, HGH_ROUTER_URI_WITH_PARAMETER);
    assert_false(hgh_router_mode_find(HG_TEXT("radixtree"), &mode));
}

/* --------------------------------------------------------------------------------- changes */

static void a_removed_route_leaves_nothing_behind(void **state)
{
    hgh_route *route;

    (void)state;
    routing_begin(HGH_ROUTER_HOST_URI);
    route = route_put("1", 1, "{\"uris\":[\"/a\",\"/a/*\"],\"hosts\":[\"x\",\"*.x\",\"*\"]}");
    hgh_router_remove(router, route);
    hgh_router_remove(router, route); /* it is out: nothing happens */
    assert_null(route->entries);
    expect_match("exact", "x", "/a", "");
    expect_match("suffix", "y.x", "/a/b", "");
    expect_match("any", "z", "/a/b", "");
    assert_int_equal(hgh_router_add(router, route), HG_OK);
    expect_match("again", "y.x", "/a/b", "1");
    routing_end();
}

static void removing_one_of_several_keeps_the_others(void **state)
{
    hgh_route *second;

    (void)state;
    routing_begin(HGH_ROUTER_HOST_URI);
    (void)route_put("1", 1, "{\"uri\":\"/a\",\"host\":\"x\"}");
    second = route_put("2", 2, "{\"uri\":\"/a\",\"host\":\"x\",\"priority\":1}");
    (void)route_put("3", 3, "{\"uri\":\"/a/*\",\"host\":\"x\"}");
    expect_match("highest", "x", "/a", "2");
    hgh_router_remove(router, second);
    expect_match("what is left", "x", "/a", "1");
    expect_match("the other table", "x", "/a/b", "3");
    routing_end();
}

static void a_hundred_thousand_routes_come_and_go(void **state)
{
    hgh_route **routes = calloc(MANY, sizeof(*routes));
    char json[160];
    char id[16];
    char host[48];
    char uri[48];

    (void)state;
    routing_begin(HGH_ROUTER_HOST_URI);
    for (unsigned i = 0; i < MANY; i++) {
        (void)snprintf(id, sizeof(id), "%u", i);
        (void)snprintf(json, sizeof(json),
                       "{\"uris\":[\"/api/%u/*\",\"/exact/%u\"],\"host\":\"%sh%u.example.com\"}",
                       i % 1000, i, i % 3 == 0 ? "*." : "", i / 10);
        routes[i] = route_put(id, i + 1, json);
    }
    for (unsigned i = 0; i < MANY; i += 7) {
        (void)snprintf(host, sizeof(host), "%sh%u.example.com", i % 3 == 0 ? "z." : "", i / 10);
        (void)snprintf(uri, sizeof(uri), i % 2 == 0 ? "/exact/%u" : "/api/%u/x",
                       i % 2 == 0 ? i : i % 1000);
        (void)snprintf(id, sizeof(id), "%u", i);
        expect_match("among many", host, uri, id);
    }
    for (unsigned i = 0; i < MANY; i += 2) {
        hgh_router_remove(router, routes[i]);
    }
    for (unsigned i = 0; i < MANY; i += 7) {
        (void)snprintf(host, sizeof(host), "%sh%u.example.com", i % 3 == 0 ? "z." : "", i / 10);
        (void)snprintf(uri, sizeof(uri), "/exact/%u", i);
        (void)snprintf(id, sizeof(id), "%u", i);
        expect_match("half of them gone", host, uri, i % 2 == 0 ? "" : id);
    }
    for (unsigned i = 1; i < MANY; i += 2) {
        hgh_router_remove(router, routes[i]);
    }
    expect_match("all gone", "h1.example.com", "/exact/11", "");
    free(routes);
    routing_end();
}

/* ----------------------------------------------------- against a slow and simple reference */

/* True if `pattern` takes all of `path`; stars take anything, ":name" a segment if `parameters`. */
static bool slow_fits(const char *pattern, const char *path, bool parameters, char before)
{
    if (*pattern == '\0') {
        return *path == '\0';
    }
    if (*pattern == '*') {
        const char *rest = pattern + 1;

        if (parameters) {
            rest += strcspn(rest, "/"); /* its name */
        }
        for (;; path++) {
            if (slow_fits(rest, path, parameters, '*')) {
                return true;
            }
            if (*path == '\0') {
                return false;
            }
        }
    }
    if (parameters && *pattern == ':' && before == '/') {
        size_t value = strcspn(path, "/");

        return value > 0 &&
               slow_fits(pattern + 1 + strcspn(pattern + 1, "/"), path + value, parameters, 'x');
    }
    return *pattern == *path && slow_fits(pattern + 1, path + 1, parameters, *pattern);
}

/* How specific the path of a route is for this request: -1 does not fit, literal length of a
 * prefix, or INT_MAX for an exact one. */
static int slow_path_rank(hgh_router_mode mode, const char *pattern, const char *path)
{
    bool parameters = mode == HGH_ROUTER_URI_WITH_PARAMETER;
    const char *star = strchr(pattern, '*');
    const char *colon = parameters ? strstr(pattern, "/:") : NULL;
    size_t literal;

    if (star == NULL && colon == NULL) {
        return strcmp(pattern, path) == 0 ? INT32_MAX : -1;
    }
    literal = colon != NULL && (star == NULL || colon < star) ? (size_t)(colon + 1 - pattern)
                                                              : (size_t)(star - pattern);
    if (strncmp(pattern, path, literal) != 0) {
        return -1;
    }
    if (star != NULL && literal == (size_t)(star - pattern)) {
        bool whole = literal > 0 && pattern[literal - 1] == '/';

        if (!whole || star[1] == '\0' || (!parameters && star[1] != '/')) {
            return (int)literal; /* the tail is ignored */
        }
    }
    return slow_fits(pattern, path, parameters, '\0') ? (int)literal : -1;
}

static int slow_host_rank(const char *pattern, const char *host)
{
    size_t length = strlen(host);
    size_t suffix = strlen(pattern) - 1;

    if (pattern[0] != '*') {
        return strcmp(pattern, host) == 0 ? INT32_MAX : -2;
    }
    return length >= suffix && strcmp(host + length - suffix, pattern + 1) == 0 ? (int)suffix : -2;
}

typedef struct slow_route {
    bool present;
    char uris[2][32];
    char hosts[2][16]; /* "": none */
    bool post_only;
    bool local_only;
    int priority;
    hgh_route *route;
} slow_route;

typedef struct slow_rank {
    int host;
    int path;
    int priority;
    int length;
    int age;
} slow_rank;

static bool slow_is_better(slow_rank a, slow_rank b)
{
    if (a.host != b.host) {
        return a.host > b.host;
    }
    if (a.path != b.path) {
        return a.path > b.path;
    }
    if (a.priority != b.priority) {
        return a.priority > b.priority;
    }
    return a.length != b.length ? a.length > b.length : a.age > b.age;
}

#define SLOW_ROUTES 60

static const slow_route *slow_match(hgh_router_mode mode,
                                    const slow_route *routes,
                                    bool post,
                                    bool local,
                                    const char *host,
                                    const char *path)
{
    const slow_route *best = NULL;
    slow_rank best_rank = {0};

    for (int i = 0; i < SLOW_ROUTES; i++) {
        const slow_route *at = &routes[i];
        int host_rank = at->hosts[0][0] == '\0' ? -1 : -2;

        if (!at->present || (at->post_only && !post) || (at->local_only && !local)) {
            continue;
        }
        for (int k = 0; k < 2 && at->hosts[k][0] != '\0'; k++) {
            int rank = slow_host_rank(at->hosts[k], host);

            host_rank = rank > host_rank ? rank : host_rank;
        }
        if (host_rank == -2) {
            continue;
        }
        for (int k = 0; k < 2 && at->uris[k][0] != '\0'; k++) {
            slow_rank rank = {
                .host = mode == HGH_ROUTER_HOST_URI ? host_rank : 0,
                .path = slow_path_rank(mode, at->uris[k], path),
                .priority = at->priority,
                .length = (int)strlen(at->uris[k]),
                .age = -i,
            };

            if (rank.path >= 0 && (best == NULL || slow_is_better(rank, best_rank))) {
                best = at;
                best_rank = rank;
            }
        }
    }
    return best;
}

static void random_text(char *into, size_t parts_max, const char *const *parts, size_t count)
{
    size_t length = 1 + (size_t)random() % parts_max;

    into[0] = '\0';
    for (size_t i = 0; i < length; i++) {
        strcat(into, parts[(size_t)random() % count]);
    }
}

static void random_path(char *into, bool pattern)
{
    static const char *const parts[] = {"/",   "/a", "/b",  "/a", "/b",
                                        "/ab", "/*", "/:x", "*",  "/*r"};

    random_text(into, 5, parts, pattern ? ARRAY_SIZE(parts) : 6);
    if (into[0] != '/') {
        strcpy(into, "/a");
    }
}

static void random_host(char *into, bool pattern)
{
    static const char *const hosts[] = {"a.x.y", "b.x.y", "x.y", "y", "z",
                                        "*.x.y", "*x.y",  "*.y", "*"};

    strcpy(into, hosts[(size_t)random() % (pattern ? ARRAY_SIZE(hosts) : 5)]);
}

static void slow_route_add(slow_route *at, int index)
{
    char json[256];
    char id[16];
    char hosts[64] = "";

    memset(at, 0, sizeof(*at));
    random_path(at->uris[0], true);
    do {
        random_path(at->uris[1], true);
    } while (strcmp(at->uris[0], at->uris[1]) == 0);
    if (random() % 2 == 0) {
        random_host(at->hosts[0], true);
        do {
            random_host(at->hosts[1], true);
        } while (strcmp(at->hosts[0], at->hosts[1]) == 0);
        (void)snprintf(hosts, sizeof(hosts), ",\"hosts\":[\"%s\",\"%s\"]", at->hosts[0],
                       at->hosts[1]);
    }
    at->post_only = random() % 4 == 0;
    at->local_only = random() % 4 == 0;
    at->priority = (int)(random() % 3) - 1;
    at->present = true;
    (void)snprintf(id, sizeof(id), "%d", index);
    (void)snprintf(json, sizeof(json), "{\"uris\":[\"%s\",\"%s\"],\"priority\":%d%s%s%s}",
                   at->uris[0], at->uris[1], at->priority, hosts,
                   at->post_only ? ",\"methods\":[\"POST\"]" : "",
                   at->local_only ? ",\"remote_addrs\":[\"127.0.0.0/8\"]" : "");
    at->route = route_put(id, (uint64_t)index + 1, json);
}

static void slow_route_remove(slow_route *at, int index)
{
    char id[16];

    hgh_router_remove(router, at->route);
    (void)snprintf(id, sizeof(id), "%d", index);
    object_remove(&snapshot, HGH_ROUTES, id);
    at->present = false;
}

static void random_requests_find_what_the_reference_finds(void **state)
{
    (void)state;
    srandom(11);
    for (int round = 0; round < 150; round++) {
        hgh_router_mode mode = (hgh_router_mode)(round % 3);
        slow_route routes[SLOW_ROUTES] = {0};

        routing_begin(mode);
        for (int step = 0; step < 400; step++) {
            int index = (int)(random() % SLOW_ROUTES);
            char host[16];
            char path[32];
            bool post = random() % 2 == 0;
            bool local = random() % 2 == 0;
            const slow_route *wanted;
            hgh_route_match match;

            if (routes[index].present) {
                slow_route_remove(&routes[index], index);
            } else {
                slow_route_add(&routes[index], index);
            }
            random_host(host, false);
            random_path(path, false);
            wanted = slow_match(mode, routes, post, local, host, path);
            match = match_as(post ? "POST" : "GET", host, path, local ? "127.0.0.1" : "10.0.0.1");
            if (match.route != (wanted == NULL ? NULL : wanted->route)) {
                fail_msg("mode %d: %s%s: got %s, wanted %s", (int)mode, host, path,
                         match.route == NULL ? "none" : match.route->base.id,
                         wanted == NULL ? "none" : wanted->route->base.id);
            }
        }
        routing_end();
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(patterns_are_read_as_the_mode_says),
        cmocka_unit_test(parameters_hold_what_stood_in_the_path),
        cmocka_unit_test(no_more_parameters_than_fit_are_kept),
        cmocka_unit_test(an_exact_path_beats_a_prefix_whatever_the_priorities),
        cmocka_unit_test(the_longest_prefix_goes_first),
        cmocka_unit_test(
            of_one_path_the_higher_priority_then_the_longer_pattern_then_the_older_wins),
        cmocka_unit_test(routes_of_one_transaction_have_the_same_order_however_they_came),
        cmocka_unit_test(the_first_that_holds_all_its_conditions_is_taken),
        cmocka_unit_test(a_host_pattern_takes_what_apisix_says),
        cmocka_unit_test(the_host_comes_before_path_and_priority_where_hosts_lead),
        cmocka_unit_test(a_less_specific_host_serves_what_the_more_specific_one_does_not),
        cmocka_unit_test(the_host_is_one_more_condition_where_paths_lead),
        cmocka_unit_test(a_route_without_hosts_has_those_of_its_service),
        cmocka_unit_test(methods_are_those_of_apisix),
        cmocka_unit_test(remote_addresses_take_both_families),
        cmocka_unit_test(vars_are_asked_last_and_see_path_parameters),
        cmocka_unit_test(a_disabled_route_is_absent),
        cmocka_unit_test(a_route_without_a_path_is_found_nowhere),
        cmocka_unit_test(every_path_of_a_route_leads_to_it),
        cmocka_unit_test(the_names_of_the_modes_are_those_of_the_configuration),
        cmocka_unit_test(a_removed_route_leaves_nothing_behind),
        cmocka_unit_test(removing_one_of_several_keeps_the_others),
        cmocka_unit_test(a_hundred_thousand_routes_come_and_go),
        cmocka_unit_test(random_requests_find_what_the_reference_finds),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
