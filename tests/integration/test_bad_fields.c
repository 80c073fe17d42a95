/* tests/integration/test_bad_fields.c - every field of every kind with what its schema forbids.
 *
 * The wrong values are made from the schemas that the Admin API serves and one right object a kind:
 * each write has one thing wrong, is refused with a JSON error, and changes nothing. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/integration/command.h"
#include "tests/integration/gateway.h"
#include "tests/integration/origin.h"
#include "tests/integration/stored.h"
#include "tests/unit/unit.h"

#define STEPS_MAX   16u
#define CASES_MIN   20u /* of a kind: fewer would mean that its schema was not walked */
#define DEPTH       300u
#define SECRET      "this-is-nobodys-business"
#define PLACEHOLDER "placeholder-of-this-test"

/** Where a value stands: names of members; items are "0". */
typedef struct place {
    const char *steps[STEPS_MAX];
    size_t count;
} place;

typedef struct kind {
    const char *path;   /* of the object in the Admin API */
    const char *schema; /* its name there */
    const char *object; /* right, with as many fields as fit together */
} kind;

#define UPSTREAM                                                                                   \
    "{\"type\":\"chash\",\"hash_on\":\"header\",\"key\":\"X-Key\",\"retries\":1,"                  \
    "\"retry_timeout\":2,\"scheme\":\"http\",\"pass_host\":\"rewrite\",\"upstream_host\":\"a.b\"," \
    "\"name\":\"n\",\"desc\":\"d\",\"labels\":{\"a\":\"b\"},"                                      \
    "\"timeout\":{\"connect\":1,\"send\":2,\"read\":3},"                                           \
    "\"keepalive_pool\":{\"size\":1,\"idle_timeout\":2,\"requests\":3},"                           \
    "\"nodes\":[{\"host\":\"127.0.0.1\",\"port\":80,\"weight\":1,\"priority\":0}],"                \
    "\"checks\":{\"active\":{\"type\":\"http\",\"timeout\":1,\"concurrency\":1,"                   \
    "\"http_path\":\"/x\",\"req_headers\":[\"A: b\"],"                                             \
    "\"healthy\":{\"interval\":1,\"http_statuses\":[200],\"successes\":1},"                        \
    "\"unhealthy\":{\"interval\":1,\"http_statuses\":[500],\"http_failures\":1,"                   \
    "\"tcp_failures\":1,\"timeouts\":1}},"                                                         \
    "\"passive\":{\"type\":\"http\",\"healthy\":{\"http_statuses\":[200],\"successes\":1},"        \
    "\"unhealthy\":{\"http_statuses\":[500],\"tcp_failures\":1,\"timeouts\":1,"                    \
    "\"http_failures\":1}}}}"
#define PLUGINS                                                                                    \
    "\"plugins\":{\"limit-count\":{\"count\":1,\"time_window\":60,\"rejected_code\":503,"          \
    "\"key\":\"remote_addr\",\"policy\":\"local\"}}"
#define CREDENTIAL "\"plugins\":{\"key-auth\":{\"key\":\"" SECRET "\"}}"

static const kind kinds[] = {
    {"routes/x", "route",
     "{\"uris\":[\"/a\"],\"hosts\":[\"a.b\"],\"methods\":[\"GET\"],\"priority\":1,\"status\":1,"
     "\"remote_addrs\":[\"10.0.0.0/8\"],\"vars\":[[\"arg_a\",\"==\",\"1\"]],\"name\":\"n\","
     "\"desc\":\"d\",\"labels\":{\"a\":\"b\"},\"enable_websocket\":true,"
     "\"timeout\":{\"connect\":1,\"send\":2,\"read\":3},\"upstream\":" UPSTREAM "," PLUGINS "}"},
    {"services/x", "service",
     "{\"name\":\"n\",\"desc\":\"d\",\"labels\":{\"a\":\"b\"},\"hosts\":[\"a.b\"],"
     "\"enable_websocket\":true,\"upstream\":" UPSTREAM "," PLUGINS "}"},
    {"upstreams/x", "upstream", UPSTREAM},
    {"consumers/jack", "consumer",
     "{\"username\":\"jack\",\"desc\":\"d\",\"labels\":{\"a\":\"b\"}," CREDENTIAL "}"},
    {"consumers/kept/credentials/x", "credential",
     "{\"name\":\"n\",\"desc\":\"d\",\"labels\":{\"a\":\"b\"}," CREDENTIAL "}"},
    {"consumer_groups/x", "consumer_group",
     "{\"name\":\"n\",\"desc\":\"d\",\"labels\":{\"a\":\"b\"}," PLUGINS "}"},
    {"plugin_configs/x", "plugin_config",
     "{\"name\":\"n\",\"desc\":\"d\",\"labels\":{\"a\":\"b\"}," PLUGINS "}"},
    {"global_rules/x", "global_rule", "{" PLUGINS "}"},
};

static gateway *running;
static origin *upstream;
static response got;

/** The kind that is under way, and how many wrong objects it has refused. */
static const kind *current;
static size_t refused;
static size_t taken;

static int set_up(void **state)
{
    (void)state;
    upstream = origin_start();
    running = gateway_run(NULL);
    gateway_put(running, "consumers/kept", "{\"username\": \"kept\"}");
    gateway_put(running, "routes/kept",
                "{\"uri\": \"/kept\", \"upstream\": {\"nodes\": {\"127.0.0.1:%u\": 1}}}",
                origin_port(upstream));
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    response_done(&got);
    gateway_free(running);
    origin_stop(upstream);
    return 0;
}

/* ---------------------------------------------------------------------------------- writes */

/** The path of a place, for messages. */
static char *place_text(const place *at)
{
    char *text = strdup("");

    for (size_t i = 0; i < at->count; i++) {
        char *longer = text_format("%s/%s", text, at->steps[i]);

        free(text);
        text = longer;
    }
    return text;
}

/** Writes an object that is wrong; what is taken is told, and counted. */
static void expect_refused(const char *method, const place *at, const char *what, const char *body)
{
    admin_reply reply = gateway_admin(running, method, current->path, body);
    char *where = place_text(at);

    if (reply.status < 400 || reply.status > 499 ||
        json_object_get(reply.json, "error_msg") == NULL || strstr(reply.text, SECRET) != NULL) {
        print_error("%s %s %s: %s: %ld %.600s\n", method, current->path, where, what, reply.status,
                    reply.text);
        taken++;
        if (reply.status < 400) { /* so that the others are tried on the same ground */
            admin_reply again = gateway_admin(running, "DELETE", current->path, NULL);

            admin_reply_done(&again);
        }
    }
    refused++;
    free(where);
    admin_reply_done(&reply);
}

/** A copy of `value` with another value at a place; `replacement` NULL: without it. */
static json_t *changed(json_t *value, const place *at, size_t depth, json_t *replacement)
{
    json_t *copy;
    json_t *child;

    if (depth == at->count) {
        return json_incref(replacement);
    }
    copy = json_copy(value);
    if (json_is_array(copy)) {
        size_t index = strtoul(at->steps[depth], NULL, 10);

        child = changed(json_array_get(copy, index), at, depth + 1, replacement);
        assert_int_equal(json_array_set_new(copy, index, child), 0);
    } else if (depth + 1 == at->count && replacement == NULL) {
        (void)json_object_del(copy, at->steps[depth]);
    } else {
        child = changed(json_object_get(copy, at->steps[depth]), at, depth + 1, replacement);
        assert_int_equal(json_object_set_new(copy, at->steps[depth], child), 0);
    }
    return copy;
}

/** Tries the right object with one other value; takes over the value. */
static void try_value(json_t *object, const place *at, const char *what, json_t *value)
{
    json_t *wrong = changed(object, at, 0, value);
    char *text = json_dumps(wrong, JSON_COMPACT | JSON_ENCODE_ANY);

    expect_refused("PUT", at, what, text);
    free(text);
    json_decref(wrong);
    json_decref(value);
}

/* ------------------------------------------------------------------------------ wrong values */

static bool has_type(const json_t *schema, const char *name)
{
    const json_t *type = json_object_get(schema, "type");

    if (json_is_string(type)) {
        return strcmp(json_string_value(type), name) == 0;
    }
    for (size_t i = 0; i < json_array_size(type); i++) {
        if (strcmp(json_string_value(json_array_get(type, i)), name) == 0) {
            return true;
        }
    }
    return false;
}

static json_t *string_of(size_t length)
{
    char *text = malloc(length + 1);
    json_t *string;

    assert_non_null(text);
    memset(text, 'a', length);
    string = json_stringn(text, length);
    free(text);
    return string;
}

static void try_types(json_t *object, const json_t *schema, const place *at)
{
    static const struct {
        const char *types[2];
        const char *json;
    } values[] = {
        {{"null"}, "null"},
        {{"boolean"}, "true"},
        {{"integer", "number"}, "77777"},
        {{"number"}, "1.5"},
        {{"string"}, "\"text\""},
        {{"array"}, "[[1]]"},
        {{"object"}, "{\"a\":{\"b\":1}}"},
        {{"number"}, "-1e308"},
    };
    json_t *deep = json_integer(1);

    if (json_object_get(schema, "type") == NULL) {
        json_decref(deep);
        return; /* alternatives: each has types of its own */
    }
    for (size_t i = 0; i < ARRAY_SIZE(values); i++) {
        if (!has_type(schema, values[i].types[0]) &&
            (values[i].types[1] == NULL || !has_type(schema, values[i].types[1])) &&
            !(values[i].json[0] == '-' && has_type(schema, "integer"))) {
            try_value(object, at, values[i].json,
                      json_loads(values[i].json, JSON_DECODE_ANY, NULL));
        }
    }
    for (size_t i = 0; i < DEPTH; i++) {
        deep = has_type(schema, "array") ? json_pack("{s:o}", "a", deep) : json_pack("[o]", deep);
    }
    try_value(object, at, "300 levels", deep);
}

static void try_limits(json_t *object, const json_t *schema, const place *at)
{
    const json_t *min = json_object_get(schema, "minimum");
    const json_t *above = json_object_get(schema, "exclusiveMinimum");
    const json_t *max = json_object_get(schema, "maximum");
    const json_t *min_length = json_object_get(schema, "minLength");
    const json_t *max_length = json_object_get(schema, "maxLength");

    if (min != NULL) {
        try_value(object, at, "below its minimum", json_real(json_number_value(min) - 1));
    }
    if (above != NULL) {
        try_value(object, at, "at its exclusive minimum", json_real(json_number_value(above)));
    }
    if (max != NULL) {
        try_value(object, at, "above its maximum", json_real(json_number_value(max) + 1));
    }
    if (json_integer_value(min_length) > 0) {
        try_value(object, at, "too short", string_of((size_t)json_integer_value(min_length) - 1));
    }
    if (max_length != NULL) {
        try_value(object, at, "too long", string_of((size_t)json_integer_value(max_length) + 1));
    }
    if (json_object_get(schema, "enum") != NULL) {
        try_value(object, at, "none of the enum", json_string("none of these"));
    }
    if (json_object_get(schema, "pattern") != NULL) {
        try_value(object, at, "against its pattern", json_string("\x01 \n"));
    }
}

static void try_array(json_t *object, const json_t *schema, const place *at, json_t *value)
{
    if (json_integer_value(json_object_get(schema, "minItems")) > 0) {
        try_value(object, at, "too few items", json_array());
    }
    if (json_is_true(json_object_get(schema, "uniqueItems"))) {
        json_t *twice = json_copy(value);

        assert_int_equal(json_array_append(twice, json_array_get(value, 0)), 0);
        try_value(object, at, "an item twice", twice);
    }
}

static void try_members(json_t *object, const json_t *schema, place *at, const json_t *value)
{
    const json_t *required = json_object_get(schema, "required");

    assert_true(at->count < STEPS_MAX);
    if (json_is_false(json_object_get(schema, "additionalProperties"))) {
        at->steps[at->count++] = "bogus";
        try_value(object, at, "an unknown field", json_integer(1));
        at->count--;
    }
    for (size_t i = 0; i < json_array_size(required); i++) {
        const char *name = json_string_value(json_array_get(required, i));

        if (json_object_get(value, name) == NULL) {
            continue; /* an id, which the path has */
        }
        at->steps[at->count++] = name;
        try_value(object, at, "missing", NULL);
        at->count--;
    }
}

static void walk(json_t *object, const json_t *schema, place *at, json_t *value)
{
    const char *name;
    json_t *member;

    if (at->count > 0) {
        try_types(object, schema, at);
        try_limits(object, schema, at);
    }
    if (json_is_array(value)) {
        try_array(object, schema, at, value);
        at->steps[at->count++] = "0";
        walk(object, json_object_get(schema, "items"), at, json_array_get(value, 0));
        at->count--;
    } else if (json_is_object(value)) {
        try_members(object, schema, at, value);
        json_object_foreach(json_object_get(schema, "properties"), name, member)
        {
            at->steps[at->count++] = name;
            walk(object, member, at, json_object_get(value, name));
            at->count--;
        }
        json_object_foreach(json_object_get(schema, "patternProperties"), name, member)
        {
            at->steps[at->count++] = "a"; /* as labels have it */
            walk(object, member, at, json_object_get(value, "a"));
            at->count--;
        }
    }
}

/* ------------------------------------------------------------------------------ wrong texts */

/** The right object as text, with a value at a place written as given: no JSON, mostly. */
static char *written(json_t *object, const place *at, const char *as)
{
    json_t *mark = json_string(PLACEHOLDER);
    json_t *marked = changed(object, at, 0, mark);
    char *text = json_dumps(marked, JSON_COMPACT);
    char *found = strstr(text, "\"" PLACEHOLDER "\"");
    char *whole;

    assert_non_null(found);
    *found = '\0';
    whole = text_format("%s%s%s", text, as, found + strlen("\"" PLACEHOLDER "\""));
    free(text);
    json_decref(marked);
    json_decref(mark);
    return whole;
}

/** Each value as bytes that are no JSON, and each name twice. */
static void walk_text(json_t *object, place *at, json_t *value)
{
    static const struct {
        const char *label;
        const char *bytes;
    } cases[] = {
        {"no UTF-8", "\"\xff\xfe\""},
        {"a longer form than needed", "\"\xc0\xaf\""},
        {"half a character", "\"\xe2\x82\""},
        {"half a surrogate", "\"\\ud800\""},
        {"a NUL", "\"a\\u0000b\""},
        {"a control character", "\"a\x01z\""},
        {"a number too large", "1e400"},
        {"an integer too large", "99999999999999999999999999999999"},
        {"no number", "NaN"},
        {"nothing", ""},
    };
    const char *name;
    json_t *member;

    for (size_t i = 0; at->count > 0 && i < ARRAY_SIZE(cases); i++) {
        char *text = written(object, at, cases[i].bytes);

        expect_refused("PUT", at, cases[i].label, text);
        free(text);
    }
    json_object_foreach(value, name, member)
    {
        char *twice;
        char *text;

        at->steps[at->count++] = name;
        twice = text_format("null,\"%s\":null", name);
        text = written(object, at, twice);
        expect_refused("PUT", at, "twice", text);
        free(text);
        free(twice);
        walk_text(object, at, member);
        at->count--;
    }
}

/* ------------------------------------------------------------------------------------- kinds */

static void check_kind(const kind *self)
{
    char *schema_path = text_format("schema/%s", self->schema);
    admin_reply schema = gateway_admin(running, "GET", schema_path, NULL);
    json_t *object = json_loads(self->object, 0, NULL);
    admin_reply reply;
    char *before;
    place root = {.count = 0};

    current = self;
    refused = 0;
    assert_non_null(object);
    if (schema.status != 200) {
        fail_msg("%s: %ld %s", schema_path, schema.status, schema.text);
    }
    reply = gateway_admin(running, "PUT", self->path, self->object);
    if (reply.status != 201) { /* else the refusals below would say nothing */
        fail_msg("%s: %ld %s", self->path, reply.status, reply.text);
    }
    admin_reply_done(&reply);
    gateway_delete(running, self->path);
    before = stored_objects(running);
    walk(object, schema.json, &root, object);
    walk_text(object, &root, object);
    print_message("%s: %zu wrong objects\n", self->path, refused);
    assert_true(refused >= CASES_MIN);
    stored_expect(running, before, self->path);
    http_get(running->port, "/kept", "", &got);
    assert_int_equal(got.status, 200);
    free(before);
    json_decref(object);
    admin_reply_done(&schema);
    free(schema_path);
}

static void every_field_of_every_kind_is_judged(void **state)
{
    pid_t control = gateway_control(running);

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
        check_kind(&kinds[i]);
    }
    assert_int_equal(taken, 0);
    assert_int_equal(gateway_control(running), control); /* it was not restarted */
    assert_int_equal(gateway_sum(running, "apply_failures"), 0);
}

static void no_log_has_a_secret(void **state)
{
    static const char *const names[] = {"logs/error.log", "logs/control.log", "logs/output.log"};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        char *log = gateway_log(running, names[i]);

        assert_null(strstr(log, SECRET));
        assert_null(strstr(log, GATEWAY_KEY));
        free(log);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_field_of_every_kind_is_judged),
        cmocka_unit_test(no_log_has_a_secret),
    };

    return report(cmocka_run_group_tests(tests, set_up, tear_down));
}
