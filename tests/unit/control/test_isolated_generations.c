/* tests/unit/control/test_isolated_generations.c - the supervisor is asked for an isolated runner
 * when a generation needs one, and told when those before it are not needed any more.
 *
 * The test has the other end of control's socket to the supervisor. */
#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "host/control/isolated_generations.h"
#include "host/control/object_kind.h"
#include "tests/unit/unit.h"

#define DEADLINE_MS 10000u

static char directory[64];
static hgh_instance instance;
static hgh_event_loop *loop;
static hgh_resource_table *table;
static hgh_board *board;
static hgh_isolated_generations *isolated;
static int supervisor; /* our end */

static int set_up(void **state)
{
    hg_error err = HG_ERROR_INIT;
    char path[128];
    int ends[2];

    (void)state;
    (void)snprintf(directory, sizeof(directory), "/tmp/hotgate-test-XXXXXX");
    if (mkdtemp(directory) == NULL || socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends) != 0) {
        return -1;
    }
    (void)snprintf(path, sizeof(path), "%s/state", directory);
    (void)mkdir(path, 0700);
    (void)snprintf(path, sizeof(path), "%s/state/isolate", directory);
    (void)mkdir(path, 0700);
    supervisor = ends[0];
    instance = (hgh_instance){.directory = directory, .shared = {.supervisor = ends[1]}};
    board = mmap(NULL, hgh_board_size(), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    hgh_board_init(board);
    table = hgh_resource_table_new();
    if (hgh_event_loop_new(&loop, &err) != HG_OK) {
        return -1;
    }
    isolated = hgh_isolated_generations_new(&(hgh_isolated_generations_options){
        .loop = loop, .instance = &instance, .table = table, .board = board});
    return isolated == NULL ? -1 : 0;
}

static int remove_one(const char *path, const struct stat *info, int kind, struct FTW *place)
{
    (void)info;
    (void)kind;
    (void)place;
    return remove(path);
}

static int tear_down(void **state)
{
    (void)state;
    hgh_isolated_generations_free(isolated);
    hgh_event_loop_free(loop);
    hgh_resource_table_free(table);
    hgh_board_unmap(board);
    (void)close(supervisor);
    (void)close(instance.shared.supervisor);
    return nftw(directory, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* --- tools --- */

static json_t *manifest_of(int generation, const char *plugins)
{
    json_t *manifest =
        json_pack("{s:i, s:o}", "generation", generation, "plugins", json_loads(plugins, 0, NULL));

    assert_non_null(manifest);
    return manifest;
}

static void begin(int generation, const char *plugins)
{
    json_t *manifest = manifest_of(generation, plugins);

    hgh_isolated_generations_begin(isolated, manifest);
    json_decref(manifest);
}

static void prepare(int generation, const char *plugins)
{
    json_t *manifest = manifest_of(generation, plugins);
    hg_error err = HG_ERROR_INIT;

    assert_int_equal(hgh_isolated_generations_prepare(isolated, manifest, &err), HG_OK);
    json_decref(manifest);
}

static void commit(int generation, const char *plugins)
{
    json_t *manifest = manifest_of(generation, plugins);

    hgh_isolated_generations_commit(isolated, manifest);
    json_decref(manifest);
}

/* A route with these plugins, with what it names as the table keeps it. */
static void put_route(const char *plugins)
{
    const hgh_object_kind *kind = hgh_object_kind_find("routes");
    json_t *value = json_pack("{s:o}", "plugins", json_loads(plugins, 0, NULL));
    json_t *references = hgh_object_references(kind, "1", value);
    char *text = json_dumps(value, JSON_COMPACT);

    hgh_resource_table_put(
        table, hgh_resource_object_new(table, "routes/1", text, strlen(text), references));
    json_decref(references);
    json_decref(value);
    free(text);
    hgh_isolated_generations_look(isolated);
}

static void on_turn(void *context)
{
    hgh_event_loop_stop(context);
}

static void turn(void)
{
    hgh_event_loop_timer timer = {0};
    hg_error err = HG_ERROR_INIT;

    hgh_event_loop_timer_start(loop, &timer, 2, on_turn, loop);
    assert_int_equal(hgh_event_loop_run(loop, &err), HG_OK);
}

/* What the supervisor is told next; "": nothing by now. */
static const char *told_now(void)
{
    static char text[64];
    ssize_t length = recv(supervisor, text, sizeof(text) - 1, MSG_DONTWAIT);

    text[length < 0 ? 0 : length] = '\0';
    return text;
}

static const char *told(void)
{
    uint64_t deadline_ms = hgh_event_loop_now_ms() + DEADLINE_MS;
    const char *text = told_now();

    while (text[0] == '\0' && hgh_event_loop_now_ms() < deadline_ms) {
        turn();
        text = told_now();
    }
    return text;
}

/* True if the supervisor is told nothing for a while. */
static bool is_quiet(void)
{
    uint64_t until_ms = hgh_event_loop_now_ms() + 1200;

    while (hgh_event_loop_now_ms() < until_ms) {
        turn();
    }
    return told_now()[0] == '\0';
}

static bool manifest_is_there(int generation)
{
    char path[128];

    (void)snprintf(path, sizeof(path), "%s/state/isolate/%d.json", directory, generation);
    return access(path, R_OK) == 0;
}

/* --- tests --- */

static void nobody_is_asked_where_nothing_is_isolated(void **state)
{
    (void)state;
    put_route("{\"a\": {\"_meta\": {\"isolate\": false}}, \"b\": {}}");
    begin(3, "[{\"name\": \"a\"}]");
    prepare(4, "[{\"name\": \"a\"}]");
    commit(4, "[{\"name\": \"a\"}]");
    assert_true(is_quiet());
}

static void an_object_or_the_manifest_asks_for_a_runner(void **state)
{
    static const struct {
        const char *what;
        const char *route;
        const char *plugins;
    } rows[] = {
        {"an object", "{\"a\": {\"_meta\": {\"isolate\": true}}}", "[{\"name\": \"a\"}]"},
        {"the manifest", "{}", "[{\"name\": \"b\"}, {\"name\": \"a\", \"isolated\": true}]"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        put_route(rows[i].route);
        begin(3, rows[i].plugins);
        if (strcmp(told_now(), "isolate 3") != 0 || !manifest_is_there(3)) {
            fail_msg("%s", rows[i].what);
        }
        commit(0, "[]"); /* as at the beginning */
        assert_string_equal(told(), "keep 0");
        assert_false(manifest_is_there(3));
    }
}

static void the_first_object_that_isolates_asks_and_the_next_do_not(void **state)
{
    (void)state;
    begin(3, "[]");
    put_route("{\"a\": {}}");
    assert_string_equal(told_now(), "");
    put_route("{\"a\": {\"_meta\": {\"isolate\": true}}}");
    assert_string_equal(told_now(), "isolate 3");
    put_route("{\"a\": {\"_meta\": {\"isolate\": true}}, \"b\": {}}");
    assert_string_equal(told_now(), "");
}

static void a_reload_brings_a_runner_and_takes_the_old_one_when_its_requests_are_over(void **state)
{
    hgh_board_slot *slot = hgh_board_take(board, 0);

    (void)state;
    atomic_store(&slot->generation, 3);
    put_route("{\"a\": {\"_meta\": {\"isolate\": true}}}");
    begin(3, "[]");
    assert_string_equal(told_now(), "isolate 3");
    prepare(4, "[]");
    assert_string_equal(told_now(), "isolate 4");
    atomic_store(&slot->generation, 4);
    atomic_store(&slot->requests_old, 1);
    commit(4, "[]");
    assert_true(is_quiet());
    assert_true(manifest_is_there(3));
    atomic_store(&slot->requests_old, 0);
    assert_string_equal(told(), "keep 4");
    assert_true(manifest_is_there(4));
    assert_false(manifest_is_there(3));
}

static void what_was_given_up_goes(void **state)
{
    (void)state;
    put_route("{\"a\": {\"_meta\": {\"isolate\": true}}}");
    begin(3, "[]");
    assert_string_equal(told_now(), "isolate 3");
    prepare(4, "[]");
    assert_string_equal(told_now(), "isolate 4");
    hgh_isolated_generations_abort(isolated);
    assert_string_equal(told_now(), "drop 4");
    assert_false(manifest_is_there(4));
    assert_true(manifest_is_there(3));
}

/* Control has ended in between. */
static void what_was_being_prepared_goes_at_the_next_start(void **state)
{
    (void)state;
    put_route("{\"a\": {\"_meta\": {\"isolate\": true}}}");
    begin(3, "[]");
    assert_string_equal(told_now(), "isolate 3");
    prepare(4, "[]");
    assert_string_equal(told_now(), "isolate 4");
    hgh_isolated_generations_free(isolated);
    isolated = hgh_isolated_generations_new(&(hgh_isolated_generations_options){
        .loop = loop, .instance = &instance, .table = table, .board = board});
    assert_non_null(isolated);
    begin(3, "[]");
    assert_string_equal(told_now(), "drop 4");
    assert_string_equal(told_now(), "isolate 3");
    assert_false(manifest_is_there(4));
}

static void a_manifest_that_cannot_be_written_refuses(void **state)
{
    json_t *manifest = manifest_of(4, "[{\"name\": \"a\", \"isolated\": true}]");
    hg_error err = HG_ERROR_INIT;
    char path[128];

    (void)state;
    begin(3, "[]");
    (void)snprintf(path, sizeof(path), "%s/state/isolate", directory);
    assert_int_equal(rmdir(path), 0);
    assert_int_equal(hgh_isolated_generations_prepare(isolated, manifest, &err), HG_ERR_IO);
    assert_non_null(strstr(err.text, "state/isolate/4.json"));
    hgh_isolated_generations_abort(isolated);
    json_decref(manifest);
}

#define ROW(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ROW(nobody_is_asked_where_nothing_is_isolated),
        ROW(an_object_or_the_manifest_asks_for_a_runner),
        ROW(the_first_object_that_isolates_asks_and_the_next_do_not),
        ROW(a_reload_brings_a_runner_and_takes_the_old_one_when_its_requests_are_over),
        ROW(what_was_given_up_goes),
        ROW(what_was_being_prepared_goes_at_the_next_start),
        ROW(a_manifest_that_cannot_be_written_refuses),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
