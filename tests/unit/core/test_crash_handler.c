/* tests/unit/core/test_crash_handler.c - a process that dies says of what, and where it was.
 *
 * Every deed is done by a child; what it saw lies in memory that it shares. */
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "host/core/crash_handler.h"
#include "host/core/request.h"
#include "tests/unit/core/fake_engine.h"
#include "tests/unit/core/plugins.h"
#include "tests/unit/unit.h"

#define PLUGIN    9u
#define TIMEOUT_S 30u

/* What a child leaves behind. */
typedef struct left {
    _Atomic uint64_t marker;
    hgh_sighting seen;
    _Atomic uint32_t done; /* the deed came to its end */
    _Atomic uint32_t lines;
    char log[16384];
} left;

static left *shared;
static plugin_place place;
static hgh_plugin *plugin;
static hgh_engine engine;
static int *volatile nowhere; /* the compiler may not know that it leads there */

static void keep_line(hgh_engine_request *request, hg_log_level level, hg_text text)
{
    (void)request;
    if (level != HG_LOG_ERROR) {
        return; /* the plugin's own */
    }
    (void)strncat(shared->log, text.data, sizeof(shared->log) - strlen(shared->log) - 2);
    (void)strcat(shared->log, "\n");
    atomic_fetch_add(&shared->lines, 1);
}

static int set_up(void **state)
{
    (void)state;
    shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED) {
        return -1;
    }
    plugin_place_init(&place);
    engine = fake_engine;
    engine.log = keep_line;
    place.host.engine = &engine;
    place.host.blame.marker = &shared->marker;
    plugin = plugin_load(&place, "unit_a", PLUGIN);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    hgh_plugin_unref(plugin);
    plugin_place_done(&place);
    return munmap(shared, sizeof(*shared));
}

static void install(void)
{
    struct rlimit none = {0};
    hg_error err = HG_ERROR_INIT;

    (void)setrlimit(RLIMIT_CORE, &none);
    (void)alarm(TIMEOUT_S); /* what hangs fails */
    if (hgh_crash_handler_install(&place.host, &shared->seen, &err) != HG_OK) {
        _exit(99);
    }
}

static void call_begin(uint32_t call)
{
    (void)hgh_blame_enter(&place.host.blame, PLUGIN, call);
}

/* Has a child do it; returns how it ended, as of waitpid(). */
static int child_does(void (*deed)(void))
{
    int status = 0;
    pid_t child;

    memset((void *)shared, 0, sizeof(*shared));
    place.host.blame.sequence = 0;
    child = fork();
    if (child == 0) {
        install();
        deed();
        atomic_store(&shared->done, 1);
        _exit(0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    return status;
}

static void assert_dies(const char *what, void (*deed)(void), int number)
{
    int status = child_does(deed);

    if (!WIFSIGNALED(status) || WTERMSIG(status) != number ||
        shared->seen.signal_number != number || shared->seen.frame_count == 0 ||
        shared->seen.frame_count > HGH_STACK_FRAMES_MAX ||
        shared->seen.marker != atomic_load(&shared->marker)) {
        fail_msg("%s: status %x, signal %d, %u frames", what, status, shared->seen.signal_number,
                 shared->seen.frame_count);
    }
}

static void assert_log(const char *text)
{
    if (strstr(shared->log, text) == NULL) {
        fail_msg("found \"%s\", wanted \"%s\"", shared->log, text);
    }
}

/* ----------------------------------------------------------------------------------- dying */

static void abort_in_plugin(void)
{
    call_begin(HG_PHASE_LOG);
    abort();
}

static void abort_outside(void)
{
    abort();
}

static void a_worker_that_aborts_says_so(void **state)
{
    (void)state;
    assert_dies("abort", abort_in_plugin, SIGABRT);
    assert_int_equal(hgh_marker_object(shared->seen.marker), PLUGIN);
    assert_int_equal(hgh_marker_call(shared->seen.marker), HG_PHASE_LOG);
    assert_string_equal(shared->seen.subject, "");
    assert_log("this worker dies of signal 6 (Aborted), in log of plugin unit_a\n  #0 ");
    for (uint32_t i = 0; i < shared->seen.frame_count; i++) {
        assert_int_equal(shared->seen.frames[i].object, 0); /* it was our own doing */
    }
}

static void outside_of_any_plugin_nobody_is_named(void **state)
{
    (void)state;
    assert_dies("abort outside", abort_outside, SIGABRT);
    assert_int_equal(shared->seen.marker, 0);
    assert_log("this worker dies of signal 6 (Aborted), outside of any plugin\n");
}

static void fatal_signals_from_elsewhere_are_seen_too(void **state)
{
    int ready[2];
    int status;
    pid_t child;
    char byte;

    (void)state;
    memset((void *)shared, 0, sizeof(*shared));
    assert_int_equal(pipe(ready), 0);
    child = fork();
    if (child == 0) {
        install();
        call_begin(HG_PHASE_ACCESS);
        (void)!write(ready[1], "x", 1);
        for (;;) {
            (void)pause();
        }
    }
    assert_int_equal(read(ready[0], &byte, 1), 1);
    assert_int_equal(kill(child, SIGABRT), 0); /* as the watchdog has it sent */
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
    assert_int_equal(shared->seen.signal_number, SIGABRT);
    assert_int_equal(hgh_marker_object(shared->seen.marker), PLUGIN);
    (void)close(ready[0]);
    (void)close(ready[1]);
}

#if !defined(__SANITIZE_ADDRESS__) /* which tells of these itself */

static int number_to_raise;

static void raise_in_plugin(void)
{
    call_begin(HG_PHASE_ACCESS);
    (void)raise(number_to_raise);
}

static void each_signal_is_seen_and_then_does_its_work(void **state)
{
    static const int numbers[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGSYS, SIGTRAP, SIGABRT};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(numbers); i++) {
        char text[64];

        number_to_raise = numbers[i];
        assert_dies(sigdescr_np(numbers[i]), raise_in_plugin, numbers[i]);
        (void)snprintf(text, sizeof(text), "dies of signal %d (%s), in access", numbers[i],
                       sigdescr_np(numbers[i]));
        assert_log(text);
    }
}

static void other_signals_are_left_to_the_system(void **state)
{
    static const int numbers[] = {SIGTERM, SIGKILL, SIGUSR1, SIGHUP};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(numbers); i++) {
        int status;

        (void)signal(numbers[i], SIG_DFL); /* whoever started us may have it ignored */
        number_to_raise = numbers[i];
        status = child_does(raise_in_plugin);
        assert_true(WIFSIGNALED(status) && WTERMSIG(status) == numbers[i]);
        assert_int_equal(shared->seen.signal_number, 0);
        assert_string_equal(shared->log, "");
    }
}

static volatile int deep;

static void write_nowhere(void)
{
    call_begin(HGH_CALL_INIT);
    *nowhere = 1;
}

static void (*volatile no_function)(void);

static void jump_nowhere(void)
{
    call_begin(HGH_CALL_INIT);
    no_function();
    deep = 1; /* it is a call, not the last thing done */
}

static __attribute__((noinline)) int descend(int depth)
{
    volatile char room[4096];

    room[0] = (char)depth;
    deep = depth;
    if (nowhere != NULL) { /* never */
        return 0;
    }
    return descend(depth + 1) + room[0];
}

static void use_up_the_stack(void)
{
    call_begin(HG_PHASE_REWRITE);
    (void)descend(0);
}

static void free_twice(void)
{
    void *volatile block = malloc(24);
    void *volatile again = block;

    call_begin(HG_PHASE_REWRITE);
    free(block);
    free(again);
}

/* What follows the last block of many is malloc's own: the next one aborts inside of it. */
static void spoil_the_heap(void)
{
    volatile char *volatile block = NULL;

    call_begin(HG_PHASE_REWRITE);
    for (int i = 0; i < 100; i++) {
        block = malloc(100000);
    }
    for (size_t i = 100000; block != NULL && i < 100064; i++) {
        block[i] = -1;
    }
    for (int i = 0; i < 10; i++) {
        block = malloc(100000);
    }
}

static void end_with_a_trap(void)
{
    call_begin(HG_PHASE_REWRITE);
    __builtin_trap();
}

static void faults_of_every_kind_are_seen(void **state)
{
    static const struct {
        const char *what;
        void (*deed)(void);
        int number;
    } rows[] = {
        {"a write to nowhere", write_nowhere, SIGSEGV},
        {"a jump to nowhere", jump_nowhere, SIGSEGV},
        {"no stack left", use_up_the_stack, SIGSEGV},
        {"abort() inside free()", free_twice, SIGABRT},
        {"abort() inside malloc()", spoil_the_heap, SIGABRT},
#if defined(__x86_64__)
        {"an instruction that there is not", end_with_a_trap, SIGILL},
#endif
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        assert_dies(rows[i].what, rows[i].deed, rows[i].number);
        assert_int_equal(hgh_marker_object(shared->seen.marker), PLUGIN);
    }
}

#if defined(__x86_64__) || defined(__aarch64__)
static void who_jumped_to_where_there_is_no_code_is_known(void **state)
{
    hgh_code_place code;
    const hgh_stack_frame *frames = shared->seen.frames;

    (void)state;
    assert_true(hgh_plugin_object_find_code((const void *)(uintptr_t)jump_nowhere, &code));
    assert_dies("a jump to nowhere", jump_nowhere, SIGSEGV);
    assert_int_equal(shared->seen.frame_count, 2);
    assert_int_equal(frames[0].object, 0);
    assert_int_equal(frames[0].offset, 0);
    assert_in_range(frames[1].offset, code.offset, code.offset + 200);
}
#endif

static void jump_into_data(void)
{
    static void *not_executable[64];

    call_begin(HGH_CALL_INIT);
    no_function = (void (*)(void))(uintptr_t)not_executable;
    no_function();
    deep = 1;
}

static void a_jump_into_data_is_seen(void **state)
{
    (void)state;
    assert_dies("a jump into data", jump_into_data, SIGSEGV);
    assert_int_equal(hgh_marker_object(shared->seen.marker), PLUGIN);
    assert_in_range(shared->seen.frame_count, 2, HGH_STACK_FRAMES_MAX);
}

static void a_long_stack_is_cut(void **state)
{
    (void)state;
    assert_dies("no stack left", use_up_the_stack, SIGSEGV);
    assert_int_equal(shared->seen.frame_count, HGH_STACK_FRAMES_MAX);
    assert_log("  #31 ");
    assert_null(strstr(shared->log, "  #32 "));
}

static void fault_inside_the_plugin(void)
{
    call_begin(HG_PHASE_REWRITE);
    (void)plugin->descriptor->rewrite(NULL, NULL); /* which reads its configuration */
}

static void a_frame_in_a_plugin_is_known_by_number_and_place(void **state)
{
    uint64_t offset;

    (void)state;
    assert_dies("in the plugin", fault_inside_the_plugin, SIGSEGV);
    assert_int_equal(shared->seen.frames[0].object, PLUGIN);
    assert_true(hgh_plugin_object_holds(plugin->object, plugin->descriptor, &offset));
    assert_in_range(shared->seen.frames[0].offset, 1, 1u << 20);
    assert_log("in rewrite of plugin unit_a\n  #0 plugin unit_a+0x");
}

/* A deed by another object than a plugin's: by the code of this test. */
static void fault_while_loading(void)
{
    hgh_code_place code;

    if (hgh_plugin_object_find_code((const void *)(uintptr_t)fault_while_loading, &code)) {
        place.host.loading_path = code.file;
        place.host.loading_number = 77;
    }
    (void)hgh_blame_enter(&place.host.blame, 77, HGH_CALL_LOAD);
    *nowhere = 1;
}

static void an_object_whose_constructors_run_is_known_by_its_path(void **state)
{
    (void)state;
    assert_dies("while loading", fault_while_loading, SIGSEGV);
    place.host.loading_path = NULL;
    assert_int_equal(shared->seen.frames[0].object, 77);
    assert_log(", in constructor of plugin ");
    assert_log("test_core_crash_handler\n  #0 ");
}

static void spoil_the_log(hgh_engine_request *request, hg_log_level level, hg_text text)
{
    (void)request;
    (void)level;
    (void)text;
    *nowhere = 1;
}

static void a_fault_inside_the_handler_ends_it_at_once(void **state)
{
    static const int numbers[] = {SIGSEGV, SIGABRT, SIGBUS};

    (void)state;
    engine.log = spoil_the_log;
    for (size_t i = 0; i < ARRAY_SIZE(numbers); i++) {
        int status;

        number_to_raise = numbers[i];
        status = child_does(raise_in_plugin);
        assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
        assert_int_equal(shared->seen.signal_number, SIGSEGV); /* seen, whatever came of the rest */
        assert_int_equal(hgh_marker_object(shared->seen.marker), PLUGIN);
    }
    engine.log = keep_line;
}

#endif

/* ----------------------------------------------------------------------------------- whose */

static hg_request request;
static hgh_route route;
static hg_config_source source;
static uint32_t call_to_begin;

static void abort_in_call(void)
{
    call_begin(call_to_begin);
    abort();
}

static void what_it_was_about_is_told(void **state)
{
    static char id[] = "5";
    static char long_id[] =
        "0123456789012345678901234567890123456789012345678901234567890123456789"
        "0123456789012345678901234567890123456789012345678901234567890123456789";
    const struct {
        const char *what;
        uint32_t call;
        const hg_request *request;
        const hg_config_source *source;
        char *id; /* of the route; NULL: there is none */
        const char *subject;
    } rows[] = {
        {"a phase", HG_PHASE_REWRITE, &request, NULL, id, "routes/5"},
        {"the last phase", HG_PHASE_LOG, &request, NULL, id, "routes/5"},
        {"a phase with a later number", HG_PHASE_RESPONSE, &request, NULL, id, "routes/5"},
        {"a phase without a route", HG_PHASE_REWRITE, &request, NULL, NULL, ""},
        {"a phase without a request", HG_PHASE_REWRITE, NULL, NULL, NULL, ""},
        {"a long name is cut", HG_PHASE_LOG, &request, NULL, long_id, "routes/01234567890123456"},
        {"a configuration", HGH_CALL_PARSE, NULL, &source, NULL, "services/s1#0000abcd"},
        {"a configuration, no matter the request", HGH_CALL_PARSE, &request, &source, id,
         "services/s1#0000abcd"},
        {"init, no matter the request", HGH_CALL_INIT, &request, NULL, id, ""},
    };

    (void)state;
    source = (hg_config_source){
        .size = sizeof(source),
        .resource = HG_TEXT("services"),
        .id = HG_TEXT("s1"),
        .checksum = 0xabcd,
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        const char *subject = shared->seen.subject;
        char text[HGH_SUBJECT_MAX + 16];

        request.route = rows[i].id == NULL ? NULL : &route;
        route.base.id = rows[i].id;
        call_to_begin = rows[i].call;
        place.host.blame.request = rows[i].request;
        place.host.blame.source = rows[i].source;
        assert_dies(rows[i].what, abort_in_call, SIGABRT);
        if (strlen(rows[i].subject) == 0
                ? subject[0] != '\0'
                : strncmp(subject, rows[i].subject, strlen(rows[i].subject)) != 0) {
            fail_msg("%s: \"%s\"", rows[i].what, subject);
        }
        assert_true(strlen(subject) < HGH_SUBJECT_MAX);
        (void)snprintf(text, sizeof(text), "plugin unit_a%s%s\n", subject[0] == '\0' ? "" : ", ",
                       subject);
        assert_log(text);
    }
    place.host.blame.request = NULL;
    place.host.blame.source = NULL;
}

static void abort_in_child(void)
{
    pid_t child;

    call_begin(HG_PHASE_ACCESS);
    child = fork();
    if (child == 0) {
        abort();
    }
    (void)waitpid(child, NULL, 0);
}

static void exit_in_child(void)
{
    pid_t child;

    call_begin(HG_PHASE_ACCESS);
    child = fork();
    if (child == 0) {
        exit(3);
    }
    (void)waitpid(child, NULL, 0);
}

static void the_end_of_a_plugins_own_child_is_not_the_workers(void **state)
{
    (void)state;
    assert_int_equal(child_does(abort_in_child), 0);
    assert_int_equal(shared->seen.signal_number, 0);
    assert_int_equal(child_does(exit_in_child), 0);
    assert_int_equal(shared->seen.signal_number, 0);
    assert_string_equal(shared->log, "");
}

/* ------------------------------------------------------------------------------------ exit */

static void exit_in_plugin(void)
{
    call_begin(HGH_CALL_PARSE);
    exit(3);
}

static void exit_outside(void)
{
    exit(4);
}

static void leave_past_everything(void)
{
    call_begin(HGH_CALL_PARSE);
    _exit(5);
}

static void a_plugin_that_calls_exit_is_seen(void **state)
{
    int status = child_does(exit_in_plugin);

    (void)state;
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 3);
    assert_int_equal(shared->seen.signal_number, HGH_SIGNAL_OF_EXIT);
    assert_int_equal(hgh_marker_call(shared->seen.marker), HGH_CALL_PARSE);
    assert_true(shared->seen.frame_count > 0);
    assert_log("this worker ends by a call of exit(), in parse of plugin unit_a\n");
}

static void an_orderly_end_is_none_to_tell_of(void **state)
{
    int status = child_does(exit_outside);

    (void)state;
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 4);
    assert_int_equal(shared->seen.signal_number, 0);
    assert_string_equal(shared->log, "");
    status = child_does(leave_past_everything); /* nobody can see that */
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 5);
    assert_int_equal(shared->seen.signal_number, 0);
}

/* ----------------------------------------------------------------------------------- asked */

static void be_asked(void)
{
    call_begin(HG_PHASE_ACCESS);
    errno = EXDEV;
    (void)raise(HGH_SIGHTING_SIGNAL);
    if (errno != EXDEV) {
        _exit(1);
    }
}

static void a_worker_that_is_asked_says_where_it_is_and_lives(void **state)
{
    (void)state;
    assert_int_equal(child_does(be_asked), 0);
    assert_int_equal(atomic_load(&shared->done), 1);
    assert_int_equal(shared->seen.signal_number, 0);
    assert_int_equal(shared->seen.marker, atomic_load(&shared->marker));
    assert_true(shared->seen.frame_count > 0);
    assert_log("a call that takes long, in access of plugin unit_a\n  #0 ");
}

static void be_asked_outside(void)
{
    (void)raise(HGH_SIGHTING_SIGNAL);
}

static void one_that_runs_no_plugin_says_nothing(void **state)
{
    (void)state;
    assert_int_equal(child_does(be_asked_outside), 0);
    assert_int_equal(shared->seen.frame_count, 0);
    assert_string_equal(shared->log, "");
}

static void be_asked_and_killed(void)
{
    be_asked();
    (void)raise(SIGKILL);
}

static void be_asked_and_abort(void)
{
    be_asked();
    (void)hgh_blame_enter(&place.host.blame, PLUGIN, HG_PHASE_LOG);
    abort();
}

static void what_it_said_is_not_what_it_dies_of(void **state)
{
    int status = child_does(be_asked_and_killed);

    (void)state;
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    assert_int_equal(shared->seen.signal_number, 0);
    assert_dies("asked, then abort", be_asked_and_abort, SIGABRT);
    assert_int_equal(hgh_marker_call(shared->seen.marker), HG_PHASE_LOG);
}

static void a_call_of_the_system_goes_on_when_it_was_asked(void **state)
{
    int ready[2];
    int go[2];
    siginfo_t info = {0};
    int status;
    pid_t child;
    char byte;

    (void)state;
    memset((void *)shared, 0, sizeof(*shared));
    assert_int_equal(pipe(ready), 0);
    assert_int_equal(pipe(go), 0);
    child = fork();
    if (child == 0) {
        install();
        call_begin(HG_PHASE_ACCESS);
        (void)!write(ready[1], "x", 1);
        _exit(read(go[0], &byte, 1) == 1 ? 0 : 1);
    }
    assert_int_equal(read(ready[0], &byte, 1), 1);
    assert_int_equal(kill(child, HGH_SIGHTING_SIGNAL), 0);
    while (atomic_load(&shared->lines) < 2 &&
           waitid(P_PID, (id_t)child, &info, WEXITED | WNOWAIT | WNOHANG) == 0 &&
           info.si_pid == 0) { /* its alarm ends this in any case */
        (void)sched_yield();
    }
    assert_int_equal(write(go[1], "x", 1), 1);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_true(shared->seen.frame_count > 0);
    for (int i = 0; i < 2; i++) {
        (void)close(ready[i]);
        (void)close(go[i]);
    }
}

/* --------------------------------------------------------------------------------- removal */

static void remove_and_abort(void)
{
    hgh_crash_handler_remove();
    hgh_crash_handler_remove(); /* harmless */
    call_begin(HG_PHASE_ACCESS);
    (void)raise(HGH_SIGHTING_SIGNAL);
    abort();
}

static void remove_and_exit(void)
{
    hgh_crash_handler_remove();
    call_begin(HG_PHASE_ACCESS);
    exit(3);
}

static void after_its_removal_nothing_is_seen(void **state)
{
    int status = child_does(remove_and_abort);

    (void)state;
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
    assert_int_equal(shared->seen.signal_number, 0);
    status = child_does(remove_and_exit);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 3);
    assert_int_equal(shared->seen.signal_number, 0);
    assert_string_equal(shared->log, "");
}

static void install_again_and_abort(void)
{
    hgh_crash_handler_remove();
    install();
    abort_in_plugin();
}

static void it_can_be_put_in_place_again(void **state)
{
    (void)state;
    assert_dies("again", install_again_and_abort, SIGABRT);
}

#define ROW(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ROW(a_worker_that_aborts_says_so),
        ROW(outside_of_any_plugin_nobody_is_named),
        ROW(fatal_signals_from_elsewhere_are_seen_too),
#if !defined(__SANITIZE_ADDRESS__)
        ROW(each_signal_is_seen_and_then_does_its_work),
        ROW(other_signals_are_left_to_the_system),
        ROW(faults_of_every_kind_are_seen),
#if defined(__x86_64__) || defined(__aarch64__)
        ROW(who_jumped_to_where_there_is_no_code_is_known),
#endif
        ROW(a_jump_into_data_is_seen),
        ROW(a_long_stack_is_cut),
        ROW(a_frame_in_a_plugin_is_known_by_number_and_place),
        ROW(an_object_whose_constructors_run_is_known_by_its_path),
        ROW(a_fault_inside_the_handler_ends_it_at_once),
#endif
        ROW(what_it_was_about_is_told),
        ROW(the_end_of_a_plugins_own_child_is_not_the_workers),
        ROW(a_plugin_that_calls_exit_is_seen),
        ROW(an_orderly_end_is_none_to_tell_of),
        ROW(a_worker_that_is_asked_says_where_it_is_and_lives),
        ROW(one_that_runs_no_plugin_says_nothing),
        ROW(what_it_said_is_not_what_it_dies_of),
        ROW(a_call_of_the_system_goes_on_when_it_was_asked),
        ROW(after_its_removal_nothing_is_seen),
        ROW(it_can_be_put_in_place_again),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
