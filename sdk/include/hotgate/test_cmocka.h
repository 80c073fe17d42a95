/* hotgate/test_cmocka.h - unit tests of one plugin with cmocka: fixtures, and tables of rows.
 *
 * For a test program that gets the built object as its argument:
 *
 *     static void it_answers(void **state)
 *     {
 *         const hg_test_exchange *got = hg_test_run(*state, "{}", NULL);
 *
 *         assert_int_equal(got->status, 200);
 *     }
 *
 *     HG_TEST_MAIN("my-plugin", HG_TEST_CASE(it_answers))
 */
#ifndef HOTGATE_TEST_CMOCKA_H
#define HOTGATE_TEST_CMOCKA_H

/* cmocka wants these four before it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <hotgate/test.h>

#ifdef __cplusplus
extern "C" {
#endif

#define HG_TEST_ROUTE_MAX 8192u /* bytes of the route that hg_test_run() makes */
#define HG_TEST_PLACE_MAX 1024u /* bytes of a place in a schema */

/** A configuration, and what is said of it. */
typedef struct hg_test_row {
    const char *label;  /* printed when the row fails */
    const char *config; /* JSON */
    const char *text;   /* part of the finding; NULL: it is accepted */
} hg_test_row;

/** Something that the Admin API tells of the plugin. */
typedef struct hg_test_fact {
    const char *place; /* JSON Pointer into hg_test_describe(), of names without "/" and "~" */
    const char *json;  /* what stands there */
} hg_test_fact;

/** The plugin under test; HG_TEST_MAIN sets it. */
typedef struct hg_test_subject {
    const char *name;
    const char *path;       /* of the built object */
    const char *attributes; /* plugin_attr of it as JSON; NULL: none */
} hg_test_subject;

/** The one of this program. */
static inline hg_test_subject *hg_test_the_subject(void)
{
    static hg_test_subject subject;

    return &subject;
}

/** A mistake in the use of the kit fails the test that made it. */
static inline void hg_test_fail_case(void *context, const char *text)
{
    (void)context;
    fail_msg("%s", text);
}

/** Makes a kit with the plugin loaded: *state is its hg_test. For cmocka's setup. */
static inline int hg_test_set_up(void **state)
{
    const hg_test_subject *subject = hg_test_the_subject();
    hg_error err = HG_ERROR_INIT;
    hg_test *test = hg_test_new();

    *state = test;
    hg_test_on_failure(test, hg_test_fail_case, NULL);
    if (hg_test_load(test, subject->path, subject->attributes, &err) != HG_OK) {
        print_error("%s\n", err.text);
        return -1;
    }
    return 0;
}

/** Frees it, which unloads the plugin. For cmocka's teardown. */
static inline int hg_test_tear_down(void **state)
{
    hg_test_free((hg_test *)*state);
    return 0;
}

/**
 * Sends a request through the route "1", for all paths, with that configuration of the plugin.
 *
 * config   JSON; a configuration that is refused fails the test.
 * request  as for hg_test_send(); NULL: GET /.
 * Returns the exchange, borrowed from the kit.
 */
static inline const hg_test_exchange *
hg_test_run(hg_test *test, const char *config, const hg_test_request *request)
{
    char route[HG_TEST_ROUTE_MAX];
    hg_error err = HG_ERROR_INIT;

    (void)snprintf(route, sizeof(route),
                   "{\"uri\": \"/*\", \"plugins\": {\"%s\": %s},"
                   " \"upstream\": {\"nodes\": {\"127.0.0.1:80\": 1}}}",
                   hg_test_the_subject()->name, config);
    if (hg_test_put(test, "routes/1", route, &err) != HG_OK) {
        fail_msg("%s: %s", config, err.text);
    }
    return request == NULL ? hg_test_get(test, "/") : hg_test_send(test, request);
}

/** Fails the test if what came of a row is not what the row says. */
static inline void
hg_test_expect_finding(const hg_test_row *row, hg_status status, const char *text)
{
    if ((status == HG_OK) != (row->text == NULL) ||
        (row->text != NULL && strstr(text, row->text) == NULL)) {
        fail_msg("%s: got %d \"%s\"", row->label, (int)status, text);
    }
}

/** Judges each row as a configuration there; one that comes out otherwise fails the test. */
static inline void
hg_test_judge_on(hg_test *test, hg_test_use use, const hg_test_row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        hg_error err = HG_ERROR_INIT;
        hg_status status =
            hg_test_check(test, hg_test_the_subject()->name, use, rows[i].config, NULL, &err);

        hg_test_expect_finding(&rows[i], status, err.text);
    }
}

/** As hg_test_judge_on(), on a route. */
static inline void hg_test_judge(hg_test *test, const hg_test_row *rows, size_t count)
{
    hg_test_judge_on(test, HG_TEST_ON_ROUTE, rows, count);
}

/** As hg_test_judge_on(), but what is judged are the plugin's attributes, each in a kit of its own.
 */
static inline void hg_test_judge_attributes(const hg_test_row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        hg_test *test = hg_test_new();
        hg_error err = HG_ERROR_INIT;
        hg_status status = hg_test_load(test, hg_test_the_subject()->path, rows[i].config, &err);

        hg_test_expect_finding(&rows[i], status, err.text);
        hg_test_free(test);
    }
}

/** What stands at a JSON Pointer; NULL: nothing. */
static inline const json_t *hg_test_at(const json_t *value, const char *place)
{
    while (value != NULL && *place != '\0') {
        size_t length = strcspn(place + 1, "/");

        value = json_object_getn(value, place + 1, length);
        place += 1 + length;
    }
    return value;
}

/** A copy of a schema without its properties and, at all depths, without what is for readers. */
static inline json_t *hg_test_bare(const json_t *value, bool is_inside)
{
    json_t *object = (json_t *)(uintptr_t)value; /* iterating takes no const */
    json_t *copy = json_is_object(value)  ? json_object()
                   : json_is_array(value) ? json_array()
                                          : json_deep_copy(value);

    for (size_t i = 0; i < json_array_size(value); i++) {
        (void)json_array_append_new(copy, hg_test_bare(json_array_get(value, i), true));
    }
    for (void *at = json_object_iter(object); at != NULL; at = json_object_iter_next(object, at)) {
        const char *name = json_object_iter_key(at);
        const json_t *member = json_object_iter_value(at);
        bool is_left_out = (strcmp(name, "title") == 0 && json_is_string(member)) ||
                           (strcmp(name, "description") == 0 && json_is_string(member)) ||
                           (strcmp(name, "examples") == 0 && json_is_array(member)) ||
                           (strcmp(name, "properties") == 0 && !is_inside);

        if (!is_left_out) {
            (void)json_object_set_new(copy, name, hg_test_bare(member, true));
        }
    }
    return copy;
}

/**
 * True if a property of a schema, at whatever depth, is no fact's place.
 *
 * place  where the schema stands; has room for HG_TEST_PLACE_MAX bytes. If true is returned, it is
 *        the place of that property.
 */
static inline bool
hg_test_lacks(const json_t *schema, char *place, const hg_test_fact *facts, size_t count)
{
    json_t *properties = json_object_get(schema, "properties");
    size_t length = strlen(place);

    for (void *at = json_object_iter(properties); at != NULL;
         at = json_object_iter_next(properties, at)) {
        size_t i = 0;

        (void)snprintf(place + length, HG_TEST_PLACE_MAX - length, "/properties/%s",
                       json_object_iter_key(at));
        while (i < count && strcmp(facts[i].place, place) != 0) {
            i++;
        }
        if (i == count || hg_test_lacks(json_object_iter_value(at), place, facts, count)) {
            return true;
        }
    }
    place[length] = '\0';
    return false;
}

/** True if a fact is not as it is told, or one is missing; `text` says which. */
static inline bool hg_test_differs(
    const json_t *told, const hg_test_fact *facts, size_t count, char *text, size_t size)
{
    static const char *const schemas[] = {"/schema", "/consumer_schema", "/metadata_schema",
                                          "/attributes_schema"};
    bool differs = false;

    for (size_t i = 0; i < count && !differs; i++) {
        json_t *found = hg_test_bare(hg_test_at(told, facts[i].place), false);
        json_t *wanted = json_loads(facts[i].json, JSON_DECODE_ANY, NULL);
        char *shown = found == NULL ? NULL : json_dumps(found, JSON_ENCODE_ANY);

        differs = found == NULL || wanted == NULL || !json_equal(found, wanted);
        (void)snprintf(text, size, "%s: found %s, wanted %s", facts[i].place,
                       shown == NULL ? "nothing" : shown, facts[i].json);
        free(shown);
        json_decref(wanted);
        json_decref(found);
    }
    for (size_t i = 0; i < sizeof(schemas) / sizeof(schemas[0]) && !differs; i++) {
        char place[HG_TEST_PLACE_MAX];

        (void)snprintf(place, sizeof(place), "%s", schemas[i]);
        differs = hg_test_lacks(hg_test_at(told, schemas[i]), place, facts, count);
        (void)snprintf(text, size, "%s: no fact is about it", place);
    }
    return differs;
}

/**
 * Compares what is told of the plugin with facts: its priority and phases, and the
 * schemas of its configuration, of consumers, of its metadata and of its attributes. A schema is
 * compared without titles, descriptions and examples; its properties have facts of their own, and
 * one that has none fails the test.
 */
static inline void hg_test_expect_facts(hg_test *test, const hg_test_fact *facts, size_t count)
{
    json_t *told = hg_test_describe(test, hg_test_the_subject()->name);
    char text[1024];

    if (hg_test_differs(told, facts, count, text, sizeof(text))) {
        fail_msg("%s", text);
    }
    json_decref(told);
}

/** As hg_test_put(); an object that is refused fails the test. */
static inline void hg_test_must_put(hg_test *test, const char *key, const char *json)
{
    hg_error err = HG_ERROR_INIT;

    if (hg_test_put(test, key, json, &err) != HG_OK) {
        fail_msg("%s: %s", key, err.text);
    }
}

/** A test with a kit of its own. */
#define HG_TEST_CASE(function)                                                                     \
    cmocka_unit_test_setup_teardown(function, hg_test_set_up, hg_test_tear_down)

/** main() of the program: the plugin's name, then its tests. Without an argument the object is
 * looked for in the working directory. */
#define HG_TEST_MAIN(plugin_name, ...)                                                             \
    int main(int count, char **arguments)                                                          \
    {                                                                                              \
        const struct CMUnitTest tests[] = {__VA_ARGS__};                                           \
                                                                                                   \
        hg_test_the_subject()->name = plugin_name;                                                 \
        hg_test_the_subject()->path = count > 1 ? arguments[1] : "./" plugin_name ".so";           \
        return cmocka_run_group_tests_name(plugin_name, tests, NULL, NULL);                        \
    }

#ifdef __cplusplus
}
#endif

#endif
