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
#include "tests/integration/target.h"
#include "tests/unit/unit.h"

#define MACHINE_OFFSET 18u /* of e_machine in an ELF header */
#define NOTE_OWNER     "hotgate"

static gateway *running;

/* ----------------------------------------------------------------------------- bad objects */

static void make_garbage(void)
{
    unsigned char bytes[5000];

    for (size_t i = 0; i < sizeof(bytes); i++) {
        bytes[i] = (unsigned char)(i * 31 + 7);
    }
    target_put_bytes(bytes, sizeof(bytes));
}

static void make_empty(void)
{
    target_put_bytes("", 0);
}

static void make_truncated(void)
{
    size_t length;
    unsigned char *bytes = target_bytes(&length);

    target_put_bytes(bytes, length / 2);
    free(bytes);
}

static void make_for_another_machine(void)
{
    size_t length;
    unsigned char *bytes = target_bytes(&length);

    bytes[MACHINE_OFFSET] = 243; /* RISC-V */
    bytes[MACHINE_OFFSET + 1] = 0;
    target_put_bytes(bytes, length);
    free(bytes);
}

static void make_with_note_of_another_abi(void)
{
    size_t length;
    unsigned char *bytes = target_bytes(&length);
    const uint32_t begin[] = {sizeof(NOTE_OWNER), 100, 1};
    unsigned char *note = memmem(bytes, length, begin, sizeof(begin));

    assert_non_null(note);
    note[sizeof(begin) + sizeof(NOTE_OWNER) + 2] ^= 0x40; /* the minor number */
    target_put_bytes(bytes, length);
    free(bytes);
}

static void make_hard_link(void)
{
    const char *path = target_path();

    author_copy(running, target_object(), "target");
    shell("ln '%s' '%s/plugins/other-name'", path, running->directory);
}

static void undo_hard_link(void)
{
    shell("rm '%s/plugins/other-name'", running->directory);
}

static void make_symbolic_link(void)
{
    const char *path = target_path();

    target_remove();
    shell("ln -s '%s' '%s'", target_object(), path);
}

static void make_group_writable(void)
{
    const char *path = target_path();

    author_copy(running, target_object(), "target");
    assert_int_equal(chmod(path, 0775), 0);
}

static void make_fifo(void)
{
    const char *path = target_path();

    target_remove();
    assert_int_equal(mkfifo(path, 0644), 0);
}

static void make_folder(void)
{
    const char *path = target_path();

    target_remove();
    assert_int_equal(mkdir(path, 0755), 0);
}

static void make_foreign_owner(void)
{
    const char *path = target_path();

    author_copy(running, target_object(), "target");
    assert_int_equal(chown(path, 12345, 12345), 0);
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
    running = target_start(&(gateway_options){.hotgate = "  allow_libraries: [libnowhere]\n"});
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    target_stop();
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
    (void)target_load();
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        if (cases[i].as_root && getuid() != 0) {
            continue;
        }
        cases[i].make();
        target_is_refused(cases[i].label, cases[i].reason);
        target_runs("1");
        if (cases[i].undo != NULL) {
            cases[i].undo();
        }
        target_restore();
    }
    target_staged_serves();
    target_load_end(0);
}

static void bad_code_is_refused_and_the_old_object_serves(void **state)
{
    static const struct {
        const char *label;
        const char *flags; /* NULL: needs a library that is gone when it is loaded */
        const char *reason;
    } cases[] = {
        {"exports another ABI", "-DOTHER_ABI", "another ABI: exports hg_plugin_v1"},
        {"no symbol", "-DNO_SYMBOL", "no symbol hg_plugin_v"},
        {"needs a missing function", "-DNEEDS_MISSING_FUNCTION -Wl,-z,undefs",
         "undefined symbol: not_to_be_found_anywhere"},
        {"needs what another plugin has", "-DNEEDS_ANOTHER_PLUGIN -Wl,-z,undefs",
         "undefined symbol: worker_fields"},
        {"constructor crashes", "-DCONSTRUCTOR_CRASHES",
         "constructor: crashed with signal 11 (Segmentation fault)"},
        {"constructor ends the process", "-DCONSTRUCTOR_ENDS_PROCESS",
         "constructor: called exit(0)"},
        {"constructor hangs", "-DCONSTRUCTOR_HANGS", "constructor: did not return within 2002 ms"},
        {"constructor forks", "-DCONSTRUCTOR_FORKS", "constructor: called fork"},
        {"constructor runs a program", "-DCONSTRUCTOR_EXECS", "constructor: called exec"},
        {"init fails", "-DINIT_FAILS", "init failed: its licence has run out"},
        {"init crashes", "-DINIT_CRASHES", "init: aborted with signal 6 (Aborted)"},
        {"init hangs", "-DINIT_HANGS", "init: did not return within 2002 ms"},
        {"init forks", "-DINIT_FORKS", "init: called fork"},
        {"init takes all memory", "-DINIT_TAKES_MEMORY", "init failed: no memory"},
        {"init needs the network", "-DINIT_NEEDS_NETWORK",
         "init failed: no server; before that, init opened a socket, which fails here"},
        {"check crashes", "-DCHECK_CRASHES", "check: crashed with signal 11"},
        {"exit crashes", "-DEXIT_CRASHES", "exit: crashed with signal 11"},
        {"exit aborts", "-DEXIT_ABORTS", "exit: aborted with signal 6"},
        {"destructor crashes", "-DDESTRUCTOR_CRASHES", "destructor: crashed with signal 11"},
        {"leaves a thread", "-DLEAVES_THREAD",
         "target: stays in memory, something of it is in use: 1 thread that still runs"},
        {"leaves a signal handler", "-DLEAVES_HANDLER",
         "something of it is in use: a handler of signal 12 (User defined signal 2)"},
        {"leaves a variable", "-DLEAVES_VARIABLE",
         "something of it is in use: the variable TARGET of the environment"},
        {"leaves a buffer", "-DLEAVES_BUFFER", "something of it is in use: the buffer of stdout"},
        {"loses memory", "-DLOSES=100000", "loses 100016 bytes of memory each time"},
        {"loses descriptors", "-DLOSES_DESCRIPTOR", "loses 1.0 descriptors each time"},
        {"executable stack", "-Wl,-z,execstack", "executable stack"},
        {"text relocations", "-DTEXT_RELOCATION -Wl,-z,notext", "text relocations"},
        {"initial-exec TLS", "-DINITIAL_EXEC", "thread-local storage of the initial-exec model"},
        {"unique symbol", "-DUNIQUE_SYMBOL",
         "found a unique symbol unique_one, wanted none, it "
         "would pin the object"},
        {"library outside the list", "-Wl,--no-as-needed -lcurl",
         "found a need for the library libcurl.so.4, wanted libraries of the built-in list only"},
        {"library that is not there", NULL,
         "libnowhere.so: cannot open shared object file: No such file or directory"},
        {"search path", "-Wl,-rpath,/opt/elsewhere", "a search path for libraries"},
        {"thread", "-DSTARTS_THREAD", "pthread_create"},
        {"cannot go", "-Wl,-z,nodelete", "nodelete"},
        {"more exports", "-fvisibility=default -Dtarget_fields=exported -Dstatic=", "export"},
        {"refuses a live configuration", "-DNUMBER_MAX=10", "/routes/target/plugins/target/number"},
    };

    char *missing = text_format("-Wl,--no-as-needed -L'%s' -lnowhere", author_folder());

    (void)state;
    shell("echo 'int nowhere;' | cc -shared -fPIC -x c - -Wl,-soname,libnowhere.so -o "
          "'%s/libnowhere.so'",
          author_folder());
    (void)target_load();
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        author_install(running, "target", "target",
                       cases[i].flags == NULL ? missing : cases[i].flags);
        target_is_refused(cases[i].label, cases[i].reason);
        target_runs("1");
        target_restore();
    }
    target_staged_serves();
    target_load_end(0);
    free(missing);
}

/* Names of the host's and of another plugin's stand in it, and warnings in the report. */
static void harmless_oddities_are_accepted(void **state)
{
    static const struct {
        const char *label;
        const char *flags;
        const char *warning; /* NULL: none */
    } cases[] = {
        {"the host's names", "-DCLASHES", NULL},
        {"a socket in init", "-DINIT_OPENS_SOCKET", "init: opened a socket"},
        {"a file in the constructor", "-DCONSTRUCTOR_WRITES",
         "constructor: opened or changed a file to write"},
        {"a little memory", "-DLOSES=100", "loses 112 bytes of memory each time it is loaded"},
    };

    (void)state;
    (void)target_load();
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        char *flags = text_format("%s -DTARGET_VERSION='\"odd %zu\"'", cases[i].flags, i);
        char *version = text_format("odd %zu", i);
        const char *warning;
        json_t *told;

        author_install(running, "target", "target", flags);
        told = gateway_reload(running);
        assert_string_equal(target_report_state(told, "target"), "replaced");
        warning = json_string_value(json_object_get(
            json_array_get(json_object_get(target_report_item(told, "target"), "warnings"), 0),
            "found"));
        if ((warning == NULL) != (cases[i].warning == NULL) ||
            (warning != NULL && strstr(warning, cases[i].warning) == NULL)) {
            fail_msg("%s: %s", cases[i].label, warning == NULL ? "no warning" : warning);
        }
        json_decref(told);
        target_runs(version);
        free(flags);
        free(version);
    }
    target_restore();
    json_decref(gateway_reload(running));
    target_runs("1");
    target_load_end(0);
}

static void init_that_fails_in_one_worker_is_refused_by_all(void **state)
{
    char *flags = text_format("-DONE_WORKER_FAILS -DTARGET_VERSION='\"one\"' "
                              "-DONLY_ONCE='\"%s/shared/fails\"'",
                              author_folder());

    (void)state;
    (void)target_load();
    author_install(running, "target", "target", flags);
    target_is_refused_with("init fails in one worker", "no room for one more");
    target_runs("1");
    target_load_end(0);
    target_restore();
    free(flags);
}

static void worker_that_dies_in_init_refuses_for_all(void **state)
{
    char *flags = text_format("-DONE_WORKER_CRASHES -DTARGET_VERSION='\"one\"' "
                              "-DONLY_ONCE='\"%s/shared/crashes\"'",
                              author_folder());
    load *requests;

    (void)state;
    requests = target_load();
    author_install(running, "target", "target", flags);
    target_is_refused("init crashes in one worker", "init");
    WAIT_UNTIL(gateway_sum(running, "generation") ==
               (json_int_t)TARGET_WORKERS * target_generation());
    load_wait(requests, TARGET_LOAD_CONNECTIONS * 4);
    target_load_end(TARGET_LOAD_CONNECTIONS); /* those that it had */
    target_restore();
    target_pin();
    target_runs("1");
    free(flags);
}

static void one_bad_object_keeps_the_good_ones_out(void **state)
{
    admin_reply reply;

    (void)state;
    author_install(running, "mark", "mark", "");
    make_garbage();
    target_is_refused("good beside bad", "no ELF object");
    reply = gateway_admin(running, "GET", "plugins/mark", NULL);
    assert_int_equal(reply.status, 404);
    admin_reply_done(&reply);
}

/* Continues the one before: the garbage still lies there. */
static void unchanged_bad_file_blocks_nothing(void **state)
{
    json_t *told = gateway_reload(running);

    (void)state;
    assert_string_equal(target_report_state(told, "target"), "still rejected");
    assert_non_null(
        strstr(json_string_value(json_object_get(target_report_item(told, "target"), "reason")),
               "no ELF object"));
    assert_string_equal(target_report_state(told, "mark"), "loaded");
    json_decref(told);
    target_runs("1");
}

static void next_reload_succeeds_once_the_file_is_good(void **state)
{
    json_t *told;

    (void)state;
    (void)target_load();
    author_install(running, "target", "target", "-DTARGET_VERSION='\"2\"'");
    told = gateway_reload(running);
    assert_string_equal(target_report_state(told, "target"), "replaced");
    json_decref(told);
    target_runs("2");
    target_load_end(0);
}

static void removed_file_is_refused_while_it_is_used(void **state)
{
    (void)state;
    target_remove();
    target_is_refused("file is gone", "1 object uses it: routes/target");
    target_runs("2");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bad_files_are_refused_and_the_old_object_serves),
        cmocka_unit_test(bad_code_is_refused_and_the_old_object_serves),
        cmocka_unit_test(harmless_oddities_are_accepted),
        cmocka_unit_test(init_that_fails_in_one_worker_is_refused_by_all),
        cmocka_unit_test(worker_that_dies_in_init_refuses_for_all),
        cmocka_unit_test(one_bad_object_keeps_the_good_ones_out),
        cmocka_unit_test(unchanged_bad_file_blocks_nothing),
        cmocka_unit_test(next_reload_succeeds_once_the_file_is_good),
        cmocka_unit_test(removed_file_is_refused_while_it_is_used),
    };

    return report(cmocka_run_group_tests(tests, set_up, tear_down));
}
