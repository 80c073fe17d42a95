/* tests/integration/test_reload_broken.c - a bad object is refused with its reason, and the old one
 * goes on serving on every worker without one failed request. */
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/integration/author.h"
#include "tests/integration/command.h"
#include "tests/integration/gateway.h"
#include "tests/integration/load.h"
#include "tests/integration/origin.h"
#include "tests/unit/unit.h"

#define WORKERS          4u
#define LOAD_CONNECTIONS 8u
#define LOAD_PAUSE_US    4000u
#define MACHINE_OFFSET   18u /* of e_machine in an ELF header */
#define NOTE_OWNER       "hotgate"

static gateway *running;
static origin *upstream;
static load *requests;
static char *good; /* path of the object that serves */
static connection pinned[GATEWAY_WORKERS_MAX];
static pid_t workers[GATEWAY_WORKERS_MAX];
static response got;

/* ----------------------------------------------------------------------------------- tools */

static void load_begin(void)
{
    requests = load_start(&(load_plan){
        .port = running->port,
        .target = "/target",
        .connections = LOAD_CONNECTIONS,
        .pause_us = LOAD_PAUSE_US,
    });
}

static void load_end_without_failure(void)
{
    load_result result = load_stop(requests);

    requests = NULL;
    if (result.failures > 0) {
        fail_msg("%zu of %zu requests failed: %s", result.failures,
                 result.requests + result.failures, result.first);
    }
    assert_true(result.requests > 0);
}

static void every_worker_runs(const char *version)
{
    for (size_t i = 0; i < WORKERS; i++) {
        const char *target;

        connection_request(&pinned[i], "GET", "/target", "", NULL, &got);
        target = response_header(&got, "X-Target");
        if (got.status != 200 || target == NULL || strcmp(target, version) != 0) {
            fail_msg("worker %d: status %d, version %s, wanted %s", (int)workers[i], got.status,
                     target == NULL ? "none" : target, version);
        }
    }
}

static const json_t *find_item(const json_t *told, const char *name)
{
    size_t index;
    json_t *item;

    json_array_foreach(json_object_get(told, "plugins"), index, item)
    {
        if (strcmp(json_string_value(json_object_get(item, "name")), name) == 0) {
            return item;
        }
    }
    return NULL;
}

static const char *state_of(const json_t *told, const char *name)
{
    const char *state = json_string_value(json_object_get(find_item(told, name), "state"));

    return state == NULL ? "not told of" : state;
}

static json_int_t generation(void)
{
    json_t *status = gateway_status(running);
    json_int_t number = json_integer_value(json_object_get(status, "generation"));

    json_decref(status);
    return number;
}

static char *plugin_path(const char *name)
{
    return text_format("%s/plugins/%s.so", running->directory, name);
}

static void remove_target(void)
{
    char *path = plugin_path("target");

    shell("rm -rf '%s'", path);
    free(path);
}

/* The good object again; a reload has nothing to do then. */
static void restore(void)
{
    remove_target();
    author_copy(running, good, "target");
}

/* Nothing is left in staging of what was refused. */
static void only_what_serves_is_staged(void)
{
    json_t *status = gateway_status(running);
    size_t objects = json_array_size(json_object_get(status, "plugins"));
    char *text = NULL;
    char *path = gateway_path(running, "staging");
    const char *arguments[] = {"sh", "-c", "ls \"$0\" | wc -l", path, NULL};

    assert_int_equal(command_run(&(command){.arguments = arguments}, &text), 0);
    if (strtoul(text, NULL, 10) > objects) {
        fail_msg("%s objects in staging, wanted %zu", text, objects);
    }
    json_decref(status);
    free(text);
    free(path);
}

/* Reloads, and expects the refusal. */
static void refused(const char *label, const char *reason)
{
    json_int_t before = generation();
    admin_reply reply = gateway_admin(running, "PUT", "plugins/reload", NULL);
    const char *message;

    if (reply.status != 409) {
        fail_msg("%s: %ld %s", label, reply.status, reply.text);
    }
    message = json_string_value(json_object_get(reply.json, "error_msg"));
    if (message == NULL || strstr(message, reason) == NULL || strstr(message, "target") == NULL) {
        fail_msg("%s: wanted \"%s\", got %s", label, reason,
                 message == NULL ? reply.text : message);
    }
    print_message("%-28s %s\n", label, message);
    assert_string_equal(json_string_value(json_object_get(reply.json, "result")), "refused");
    assert_int_equal(generation(), before);
    admin_reply_done(&reply);
}

/* ----------------------------------------------------------------------------- bad objects */

static void put_bytes(const void *bytes, size_t length)
{
    char *path = plugin_path("target");

    file_write(path, bytes, length);
    free(path);
}

/* The bytes of the good object; the file's length in *out_length. */
static unsigned char *good_bytes(size_t *out_length)
{
    FILE *file = fopen(good, "re");
    struct stat info;
    unsigned char *bytes;

    assert_non_null(file);
    assert_int_equal(fstat(fileno(file), &info), 0);
    *out_length = (size_t)info.st_size;
    bytes = malloc(*out_length);
    assert_non_null(bytes);
    assert_int_equal(fread(bytes, 1, *out_length, file), *out_length);
    (void)fclose(file);
    return bytes;
}

static void make_garbage(void)
{
    unsigned char bytes[5000];

    for (size_t i = 0; i < sizeof(bytes); i++) {
        bytes[i] = (unsigned char)(i * 31 + 7);
    }
    put_bytes(bytes, sizeof(bytes));
}

static void make_empty(void)
{
    put_bytes("", 0);
}

static void make_truncated(void)
{
    size_t length;
    unsigned char *bytes = good_bytes(&length);

    put_bytes(bytes, length / 2);
    free(bytes);
}

static void make_for_another_machine(void)
{
    size_t length;
    unsigned char *bytes = good_bytes(&length);

    bytes[MACHINE_OFFSET] = 243; /* RISC-V */
    bytes[MACHINE_OFFSET + 1] = 0;
    put_bytes(bytes, length);
    free(bytes);
}

static void make_with_note_of_another_abi(void)
{
    size_t length;
    unsigned char *bytes = good_bytes(&length);
    const uint32_t begin[] = {sizeof(NOTE_OWNER), 100, 1};
    unsigned char *note = memmem(bytes, length, begin, sizeof(begin));

    assert_non_null(note);
    note[sizeof(begin) + sizeof(NOTE_OWNER) + 2] ^= 0x40; /* the minor number */
    put_bytes(bytes, length);
    free(bytes);
}

static void make_hard_link(void)
{
    char *path = plugin_path("target");

    author_copy(running, good, "target");
    shell("ln '%s' '%s/plugins/other-name'", path, running->directory);
    free(path);
}

static void undo_hard_link(void)
{
    shell("rm '%s/plugins/other-name'", running->directory);
}

static void make_symbolic_link(void)
{
    char *path = plugin_path("target");

    remove_target();
    shell("ln -s '%s' '%s'", good, path);
    free(path);
}

static void make_group_writable(void)
{
    char *path = plugin_path("target");

    author_copy(running, good, "target");
    assert_int_equal(chmod(path, 0775), 0);
    free(path);
}

static void make_fifo(void)
{
    char *path = plugin_path("target");

    remove_target();
    assert_int_equal(mkfifo(path, 0644), 0);
    free(path);
}

static void make_folder(void)
{
    char *path = plugin_path("target");

    remove_target();
    assert_int_equal(mkdir(path, 0755), 0);
    free(path);
}

static void make_foreign_owner(void)
{
    char *path = plugin_path("target");

    author_copy(running, good, "target");
    assert_int_equal(chown(path, 12345, 12345), 0);
    free(path);
}

static void make_with_another_name(void)
{
    char *object = author_build("target", "somebody", "");

    author_copy(running, object, "target");
    free(object);
}

/* ----------------------------------------------------------------------------------- tests */

static int set_up(void **state)
{
    (void)state;
    upstream = origin_start();
    running = gateway_make(&(gateway_options){.workers = WORKERS});
    author_install(running, "worker", "worker", "");
    good = author_build("target", "target", "");
    author_copy(running, good, "target");
    gateway_start(running);
    gateway_put(running, "routes/target",
                "{\"uri\": \"/target\", \"plugins\": {\"worker\": {}, \"target\":"
                " {\"number\": 50}}, \"upstream\": {\"nodes\": {\"127.0.0.1:%u\": 1}}}",
                origin_port(upstream));
    assert_int_equal(gateway_pin(running, "/target", pinned, workers), WORKERS);
    shell("mkdir '%s/shared' && chmod 777 '%s/shared'", author_folder(), author_folder());
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    if (requests != NULL) {
        (void)load_stop(requests);
    }
    for (size_t i = 0; i < WORKERS; i++) {
        connection_close(&pinned[i]);
    }
    response_done(&got);
    gateway_free(running);
    origin_stop(upstream);
    free(good);
    return 0;
}

static void bad_files_are_refused_and_the_old_object_serves(void **state)
{
    static const struct {
        const char *label;
        void (*make)(void);
        void (*undo)(void);
        const char *reason;
        bool as_root;
    } cases[] = {
        {"garbage", make_garbage, NULL, "no ELF object", false},
        {"empty", make_empty, NULL, "no ELF object", false},
        {"cut short", make_truncated, NULL, "cut short", false},
        {"another machine", make_for_another_machine, NULL, "for machine 243", false},
        {"note of another ABI", make_with_note_of_another_abi, NULL, "built for ABI", false},
        {"hard link", make_hard_link, undo_hard_link, "has 2 names", false},
        {"symbolic link", make_symbolic_link, NULL, "is a link", false},
        {"group may write", make_group_writable, NULL, "can be written by others", false},
        {"FIFO", make_fifo, NULL, "is not a regular file", false},
        {"folder", make_folder, NULL, "is not a regular file", false},
        {"foreign owner", make_foreign_owner, NULL, "belongs to user 12345", true},
        {"another name", make_with_another_name, NULL, "the plugin \"somebody\"", false},
    };

    (void)state;
    load_begin();
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        if (cases[i].as_root && getuid() != 0) {
            continue;
        }
        cases[i].make();
        refused(cases[i].label, cases[i].reason);
        every_worker_runs("1");
        if (cases[i].undo != NULL) {
            cases[i].undo();
        }
        restore();
    }
    only_what_serves_is_staged();
    load_end_without_failure();
}

static void bad_code_is_refused_and_the_old_object_serves(void **state)
{
    static const struct {
        const char *label;
        const char *flags;
        const char *reason;
    } cases[] = {
        {"exports another ABI", "-DOTHER_ABI", "another ABI: exports hg_plugin_v1"},
        {"no symbol", "-DNO_SYMBOL", "no symbol hg_plugin_v"},
        {"needs a missing function", "-DNEEDS_MISSING_FUNCTION -Wl,-z,undefs",
         "undefined symbol: not_to_be_found_anywhere"},
        {"constructor crashes", "-DCONSTRUCTOR_CRASHES", "Segmentation fault"},
        {"constructor ends the process", "-DCONSTRUCTOR_ENDS_PROCESS", "constructor: "},
        {"constructor hangs", "-DCONSTRUCTOR_HANGS", "constructor: did not return within 2002 ms"},
        {"init fails", "-DINIT_FAILS", "init failed: its licence has run out"},
        {"init crashes", "-DINIT_CRASHES", "Aborted"},
        {"executable stack", "-Wl,-z,execstack", "executable stack"},
        {"text relocations", "-DTEXT_RELOCATION -Wl,-z,notext", "text relocations"},
        {"library outside the list", "-Wl,--no-as-needed -lcurl", "libcurl.so"},
        {"thread", "-DSTARTS_THREAD", "pthread_create"},
        {"cannot go", "-Wl,-z,nodelete", "nodelete"},
        {"more exports", "-fvisibility=default -Dtarget_fields=exported -Dstatic=", "export"},
        {"refuses a live configuration", "-DNUMBER_MAX=10", "/routes/target/plugins/target/number"},
    };

    (void)state;
    load_begin();
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        author_install(running, "target", "target", cases[i].flags);
        refused(cases[i].label, cases[i].reason);
        every_worker_runs("1");
        restore();
    }
    only_what_serves_is_staged();
    load_end_without_failure();
}

static void init_that_fails_in_one_worker_is_refused_by_all(void **state)
{
    char *flags = text_format("-DONE_WORKER_FAILS -DTARGET_VERSION='\"one\"' "
                              "-DONLY_ONCE='\"%s/shared/fails\"'",
                              author_folder());

    (void)state;
    load_begin();
    author_install(running, "target", "target", flags);
    refused("init fails in one worker", "no room for one more");
    every_worker_runs("1");
    load_end_without_failure();
    restore();
    free(flags);
}

static void worker_that_dies_in_init_refuses_for_all(void **state)
{
    char *flags = text_format("-DONE_WORKER_CRASHES -DTARGET_VERSION='\"one\"' "
                              "-DONLY_ONCE='\"%s/shared/crashes\"'",
                              author_folder());
    load_result result;

    (void)state;
    load_begin();
    author_install(running, "target", "target", flags);
    refused("init crashes in one worker", "init");
    WAIT_UNTIL(gateway_sum(running, "generation") == (json_int_t)WORKERS * generation());
    load_wait(requests, LOAD_CONNECTIONS * 4);
    result = load_stop(requests);
    requests = NULL;
    print_message("worker died in init: %zu of %zu requests failed with it\n", result.failures,
                  result.requests + result.failures);
    assert_true(result.failures <= LOAD_CONNECTIONS);
    restore();
    /* One of them is new: its connections are gone. */
    for (size_t i = 0; i < WORKERS; i++) {
        connection_close(&pinned[i]);
    }
    assert_int_equal(gateway_pin(running, "/target", pinned, workers), WORKERS);
    every_worker_runs("1");
    free(flags);
}

static void one_bad_object_keeps_the_good_ones_out(void **state)
{
    admin_reply reply;

    (void)state;
    author_install(running, "mark", "mark", "");
    make_garbage();
    refused("good beside bad", "no ELF object");
    reply = gateway_admin(running, "GET", "plugins/mark", NULL);
    assert_int_equal(reply.status, 404);
    admin_reply_done(&reply);
}

/* Continues the one before: the garbage still lies there. */
static void unchanged_bad_file_blocks_nothing(void **state)
{
    json_t *told = gateway_reload(running);

    (void)state;
    assert_string_equal(state_of(told, "target"), "still rejected");
    assert_non_null(strstr(json_string_value(json_object_get(find_item(told, "target"), "reason")),
                           "no ELF object"));
    assert_string_equal(state_of(told, "mark"), "loaded");
    json_decref(told);
    every_worker_runs("1");
}

static void next_reload_succeeds_once_the_file_is_good(void **state)
{
    json_t *told;

    (void)state;
    load_begin();
    author_install(running, "target", "target", "-DTARGET_VERSION='\"2\"'");
    told = gateway_reload(running);
    assert_string_equal(state_of(told, "target"), "replaced");
    json_decref(told);
    every_worker_runs("2");
    load_end_without_failure();
}

static void removed_file_is_refused_while_it_is_used(void **state)
{
    (void)state;
    remove_target();
    refused("file is gone", "1 object uses it: routes/target");
    every_worker_runs("2");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bad_files_are_refused_and_the_old_object_serves),
        cmocka_unit_test(bad_code_is_refused_and_the_old_object_serves),
        cmocka_unit_test(init_that_fails_in_one_worker_is_refused_by_all),
        cmocka_unit_test(worker_that_dies_in_init_refuses_for_all),
        cmocka_unit_test(one_bad_object_keeps_the_good_ones_out),
        cmocka_unit_test(unchanged_bad_file_blocks_nothing),
        cmocka_unit_test(next_reload_succeeds_once_the_file_is_good),
        cmocka_unit_test(removed_file_is_refused_while_it_is_used),
    };

    return report(cmocka_run_group_tests(tests, set_up, tear_down));
}
