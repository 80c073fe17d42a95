/* tests/unit/control/test_standalone.c - a file, its objects and its plugins: all of it or nothing,
 * and what fails on the way is tried again. The reload is a stand-in that can be told to refuse. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "host/control/plugin_list.h"
#include "host/control/standalone.h"
#include "host/control/standalone_report.h"
#include "tests/unit/control/api_fixture.h"
#include "tests/unit/unit.h"

#define DEADLINE_MS     20000u
#define LOOK_MS         5u
#define OVER_A_RETRY_MS 1500u
#define MANY            10000u
#define PATH_BYTES      200u
#define ROUTE_OF(id, plugins)                                                                      \
    "{id: " id ", uri: /" id ", upstream: {nodes: {\"127.0.0.1:80\": 1}}, plugins: {" plugins "}}"

/* Stands in for the reload. */
struct hgh_reload {
    api_test *test;
    json_t *in_force;  /* owned */
    json_t *list;      /* owned; NULL: that of the settings */
    unsigned refusals; /* to come */
    unsigned reloads;  /* that were asked for */
    uint64_t generation;
};

typedef struct file_test {
    api_test *api;
    hgh_instance instance;
    hgh_reload reload;
    hgh_standalone *standalone;
    hgh_event_loop_timer look;
    bool (*is_there)(struct file_test *self);
    uint64_t deadline_ms;
    int begun;         /* 0: not yet, 1: it can serve, -1: it cannot */
    const char *state; /* what is waited for */
    uint64_t revision; /* another one is */
} file_test;

void hgh_reload_set_list(hgh_reload *reload, json_t *list)
{
    json_decref(reload->list);
    reload->list = json_incref(list);
}

const json_t *hgh_reload_list_in_force(const hgh_reload *reload)
{
    return reload->in_force;
}

static void generation_set(hgh_reload *reload, json_t *list)
{
    json_decref(reload->in_force);
    reload->in_force = list == NULL ? json_null() : json_incref(list);
    hgh_plugin_catalog_set(reload->test->catalog, ++reload->generation, json_array());
}

void hgh_reload_start(hgh_reload *reload, const char *who, hgh_admin_answer_later *later)
{
    (void)who;
    reload->reloads++;
    if (reload->refusals > 0) {
        reload->refusals--;
        hgh_admin_later_error(later, 409, "refused by the test");
        return;
    }
    generation_set(reload, reload->list);
    hgh_admin_later_json(later, 200, json_object());
}

/* --- running --- */

static void on_look(void *context)
{
    file_test *self = context;

    if (self->is_there(self) || hgh_event_loop_now_ms() >= self->deadline_ms) {
        hgh_event_loop_stop(self->api->loop);
    } else {
        hgh_event_loop_timer_start(self->api->loop, &self->look, LOOK_MS, on_look, self);
    }
}

static void run_until(file_test *self, bool (*is_there)(file_test *self), const char *label)
{
    self->is_there = is_there;
    self->deadline_ms = hgh_event_loop_now_ms() + DEADLINE_MS;
    hgh_event_loop_timer_start(self->api->loop, &self->look, LOOK_MS, on_look, self);
    assert_int_equal(hgh_event_loop_run(self->api->loop, NULL), HG_OK);
    if (!is_there(self)) {
        json_t *status = hgh_standalone_status(self->standalone);
        char *text = json_dumps(status, 0);

        fail_msg("never: %s; %s", label, text);
    }
}

static const char *state_of(file_test *self)
{
    static char text[40];
    json_t *status = hgh_standalone_status(self->standalone);

    (void)snprintf(text, sizeof(text), "%s", json_string_value(json_object_get(status, "state")));
    json_decref(status);
    return text;
}

static bool has_state(file_test *self)
{
    return strcmp(state_of(self), self->state) == 0 &&
           hgh_admin_queue_count(hgh_admin_api_queue(self->api->api)) == 0;
}

static bool has_begun(file_test *self)
{
    return self->begun != 0;
}

static void wait_for(file_test *self, const char *state)
{
    self->state = state;
    run_until(self, has_state, state);
}

static void on_begun(void *context, bool can_serve)
{
    file_test *self = context;

    self->begun = can_serve ? 1 : -1;
}

static void write_file(const file_test *self, const char *text)
{
    char path[PATH_BYTES];
    char beside[PATH_BYTES];
    FILE *file;

    (void)snprintf(path, sizeof(path), "%s/conf/apisix.yaml", self->api->directory);
    (void)snprintf(beside, sizeof(beside), "%s/beside", self->api->directory);
    file = fopen(beside, "we");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(rename(beside, path), 0);
}

static void start(file_test *self)
{
    const hgh_standalone_options options = {
        .loop = self->api->loop,
        .instance = &self->instance,
        .settings = &self->api->settings,
        .parts = hgh_admin_api_write_parts(self->api->api),
        .reload = &self->reload,
    };

    self->begun = 0;
    assert_int_equal(hgh_standalone_new(&options, &self->standalone, NULL), HG_OK);
    hgh_standalone_prepare(self->standalone);
    generation_set(&self->reload, self->reload.list); /* the first look */
    hgh_standalone_begin(self->standalone, on_begun, self);
    run_until(self, has_begun, "begun");
}

static void stop(file_test *self)
{
    hgh_standalone_free(self->standalone);
    self->standalone = NULL;
}

static int set_up_file(void **state)
{
    file_test *self = calloc(1, sizeof(*self));
    char path[PATH_BYTES];
    void *api = NULL;

    assert_non_null(self);
    assert_int_equal(set_up(&api), 0);
    self->api = api;
    self->api->settings.config_source = HGH_CONFIG_YAML;
    self->reload.test = self->api;
    self->instance = (hgh_instance){.directory = self->api->directory, .lock = -1};
    for (size_t i = 0; i < 2; i++) {
        (void)snprintf(path, sizeof(path), "%s/%s", self->api->directory,
                       i == 0 ? "conf" : "state");
        assert_int_equal(mkdir(path, 0755), 0);
    }
    *state = self;
    return 0;
}

static int tear_down_file(void **state)
{
    file_test *self = *state;
    void *api = self->api;

    stop(self);
    json_decref(self->reload.list);
    json_decref(self->reload.in_force);
    (void)tear_down(&api);
    free(self);
    return 0;
}

static bool has_route(const file_test *self, const char *id)
{
    char key[60];

    (void)snprintf(key, sizeof(key), "routes/%s", id);
    return hgh_resource_table_find(self->api->table, key) != NULL;
}

static bool list_is(const json_t *list, const char *text)
{
    json_t *wanted = json_loads(text, JSON_DECODE_ANY, NULL);
    bool is_same = json_equal(list, wanted) != 0;

    json_decref(wanted);
    return is_same;
}

/* --- tests --- */

static void without_a_good_file_there_is_nothing_to_serve(void **state)
{
    file_test *self = *state;

    write_file(self, "routes: 5\n#END\n");
    start(self);
    assert_int_equal(self->begun, -1);
    assert_string_equal(state_of(self), "refused");
    assert_false(hgh_standalone_report_has_good(&self->instance));
}

static void a_good_file_is_in_force_and_remembered(void **state)
{
    file_test *self = *state;
    uint64_t revision;

    write_file(self, "plugins: [low]\nroutes: [" ROUTE_OF("a", "low: {}") "]\n#END\n");
    start(self);
    assert_int_equal(self->begun, 1);
    assert_true(has_route(self, "a"));
    assert_int_equal(self->reload.reloads, 0); /* the first look has loaded what it lists */
    assert_true(list_is(self->reload.in_force, "[\"low\"]"));
    assert_true(hgh_standalone_report_has_good(&self->instance));
    revision = hgh_resource_table_revision(self->api->table);
    stop(self);
    write_file(self, "routes: 5\n#END\n");
    start(self);
    assert_int_equal(self->begun, 1);
    assert_string_equal(state_of(self), "refused");
    assert_true(has_route(self, "a"));
    assert_int_equal(hgh_resource_table_revision(self->api->table), revision);
    assert_true(list_is(self->reload.in_force, "[\"low\"]"));
}

static void plugins_that_cannot_be_loaded_are_tried_again(void **state)
{
    file_test *self = *state;

    write_file(self, "plugins: [low]\n#END\n");
    start(self);
    self->reload.refusals = 1;
    write_file(self, "plugins: [low, key]\nroutes: [" ROUTE_OF("a", "key: {}") "]\n#END\n");
    wait_for(self, "refused");
    assert_false(has_route(self, "a"));
    assert_true(list_is(self->reload.list, "[\"low\"]")); /* for a reload from elsewhere */
    wait_for(self, "in force");
    assert_true(has_route(self, "a"));
    assert_true(list_is(self->reload.in_force, "[\"low\", \"key\"]"));
}

static bool is_over_a_retry(file_test *self)
{
    return hgh_event_loop_now_ms() + DEADLINE_MS >= self->deadline_ms + OVER_A_RETRY_MS;
}

static void plugins_go_back_when_the_objects_are_refused(void **state)
{
    static const char *const bad[] = {
        /* what the plugin says, and a plugin that the list leaves out */
        "plugins: [low, key]\nroutes: [" ROUTE_OF("a", "key: {bad: true}") "]\n#END\n",
        "plugins: [key]\nroutes: [" ROUTE_OF("a", "low: {}") "]\n#END\n",
    };
    file_test *self = *state;

    write_file(self, "plugins: [low]\n#END\n");
    start(self);
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        unsigned before = self->reload.reloads;

        write_file(self, bad[i]);
        wait_for(self, "refused");
        assert_false(has_route(self, "a"));
        assert_true(list_is(self->reload.in_force, "[\"low\"]"));
        /* Its own way there and back is no reason to try it again. */
        run_until(self, is_over_a_retry, "a while");
        assert_int_equal(self->reload.reloads, before + 2);
        write_file(self, "plugins: [low]\n#END\n");
        wait_for(self, "in force");
    }
}

static void plugins_that_do_not_go_are_tried_again(void **state)
{
    file_test *self = *state;

    write_file(self, "plugins: [low, key]\n#END\n");
    start(self);
    self->reload.refusals = 1;
    write_file(self, "plugins: [low]\nroutes: [" ROUTE_OF("a", "low: {}") "]\n#END\n");
    wait_for(self, "refused");
    assert_true(has_route(self, "a")); /* more plugins are loaded than it lists, no fewer */
    wait_for(self, "in force");
    assert_true(list_is(self->reload.in_force, "[\"low\"]"));
}

/* A file with MANY routes, of which one says something else. */
static void write_many(const file_test *self, unsigned other)
{
    char *text = NULL;
    size_t length = 0;
    FILE *out = open_memstream(&text, &length);

    assert_non_null(out);
    (void)fputs("routes:\n", out);
    for (unsigned i = 0; i < MANY; i++) {
        (void)fprintf(out, "- {id: r%u, uri: /%u%s, upstream: {nodes: {\"127.0.0.1:80\": 1}}}\n", i,
                      i, i == other ? "/other" : "");
    }
    (void)fputs("#END\n", out);
    assert_int_equal(fclose(out), 0);
    write_file(self, text);
    free(text);
}

static uint64_t modified_of(const file_test *self, const char *key)
{
    const hgh_resource_object *object = hgh_resource_table_find(self->api->table, key);

    assert_non_null(object);
    return object->modified;
}

static bool has_another_revision(file_test *self)
{
    return hgh_resource_table_revision(self->api->table) != self->revision;
}

static void the_difference_alone_is_written(void **state)
{
    file_test *self = *state;
    uint64_t modified;

    write_many(self, MANY);
    start(self);
    self->revision = hgh_resource_table_revision(self->api->table);
    assert_int_equal(self->revision, MANY);
    modified = modified_of(self, "routes/r5");
    write_many(self, 7);
    run_until(self, has_another_revision, "another revision");
    assert_int_equal(hgh_resource_table_revision(self->api->table), MANY + 1);
    assert_int_equal(modified_of(self, "routes/r7"), MANY + 1);
    assert_int_equal(modified_of(self, "routes/r5"), modified);
    self->revision = MANY + 1;
    write_file(self, "routes: [" ROUTE_OF("a", "") "]\n#END\n");
    run_until(self, has_another_revision, "another revision");
    assert_int_equal(hgh_resource_table_count(self->api->table), 1);
    assert_int_equal(hgh_resource_table_revision(self->api->table), 2 * MANY + 2);
}

static void without_a_list_the_configuration_decides(void **state)
{
    file_test *self = *state;

    write_file(self, "plugins: [low]\n#END\n");
    start(self);
    write_file(self, "#END\n");
    wait_for(self, "in force");
    assert_true(json_is_null(self->reload.in_force));
    assert_null(self->reload.list);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(without_a_good_file_there_is_nothing_to_serve, set_up_file,
                                        tear_down_file),
        cmocka_unit_test_setup_teardown(a_good_file_is_in_force_and_remembered, set_up_file,
                                        tear_down_file),
        cmocka_unit_test_setup_teardown(plugins_that_cannot_be_loaded_are_tried_again, set_up_file,
                                        tear_down_file),
        cmocka_unit_test_setup_teardown(plugins_go_back_when_the_objects_are_refused, set_up_file,
                                        tear_down_file),
        cmocka_unit_test_setup_teardown(plugins_that_do_not_go_are_tried_again, set_up_file,
                                        tear_down_file),
        cmocka_unit_test_setup_teardown(the_difference_alone_is_written, set_up_file,
                                        tear_down_file),
        cmocka_unit_test_setup_teardown(without_a_list_the_configuration_decides, set_up_file,
                                        tear_down_file),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
