/* tests/unit/control/test_probe.c - whatever an object does, control hears what, and goes on. */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "host/control/probe.h"
#include "tests/unit/control/probe_objects.h"
#include "tests/unit/unit.h"

#define ARENA_BYTES (2u << 20)

static char directory[64];
static hgh_event_loop *loop;
static hgh_probe *probe;
static hgh_event_loop_timer limit;
static json_t *reply; /* the first message */
static char why[256];
static uint32_t object;
static bool frees_in_message;
static bool unconfined;

static int group_set_up(void **state)
{
    (void)state;
    (void)snprintf(directory, sizeof(directory), "/tmp/hotgate-unit-XXXXXX");
    return mkdtemp(directory) == NULL ? -1 : 0;
}

static int group_tear_down(void **state)
{
    char command[96];

    (void)state;
    (void)snprintf(command, sizeof(command), "rm -rf %s", directory);
    return system(command);
}

static int set_up(void **state)
{
    (void)state;
    why[0] = '\0';
    object = 99;
    frees_in_message = false;
    unconfined = false;
    return hgh_event_loop_new(&loop, NULL) == HG_OK ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    hgh_probe_free(probe);
    probe = NULL;
    json_decref(reply);
    reply = NULL;
    hgh_event_loop_free(loop);
    return 0;
}

static void on_message(void *context, const json_t *message)
{
    (void)context;
    if (reply == NULL) {
        reply = json_deep_copy(message);
    }
    if (frees_in_message) {
        hgh_probe_free(probe);
        probe = NULL;
    }
    hgh_event_loop_stop(loop);
}

static void on_end(void *context, const char *text, uint32_t number)
{
    (void)context;
    (void)snprintf(why, sizeof(why), "%s", text);
    object = number;
    hgh_event_loop_stop(loop);
}

static void on_limit(void *context)
{
    (void)context;
    hgh_event_loop_stop(loop);
}

/* Runs the loop until a callback stops it, or too long. */
static void run(void)
{
    hgh_event_loop_timer_start(loop, &limit, 20000, on_limit, NULL);
    assert_int_equal(hgh_event_loop_run(loop, NULL), HG_OK);
    hgh_event_loop_timer_stop(loop, &limit);
}

static void start_with(uint64_t shared_memory_bytes)
{
    hgh_probe_options options = {
        .loop = loop,
        .directory = directory,
        .shared_memory_bytes = shared_memory_bytes,
        .unconfined = unconfined,
        .on_message = on_message,
        .on_end = on_end,
    };
    hg_error err = HG_ERROR_INIT;

    if (hgh_probe_start(&options, &probe, &err) != HG_OK) {
        fail_msg("%s", err.text);
    }
}

static void send_text(const char *text)
{
    json_t *message = json_loads(text, 0, NULL);

    assert_non_null(message);
    hgh_probe_send(probe, message);
    json_decref(message);
}

static void examine(const char *name)
{
    char path[160];
    json_t *message;

    (void)snprintf(path, sizeof(path), "%s/%s.so", directory, name);
    message = json_pack("{s:s, s:s, s:s, s:i, s:[]}", "op", "examine", "name", name, "path", path,
                        "number", 7, "configs");
    hgh_probe_set_deadline(probe, 1000);
    hgh_probe_send(probe, message);
    json_decref(message);
}

static void a_good_object_is_described(void **state)
{
    (void)state;
    harmful_object(directory, "good", "");
    start_with(ARENA_BYTES);
    examine("good");
    run();
    assert_non_null(reply);
    assert_true(json_is_true(json_object_get(reply, "ok")));
    assert_string_equal(
        json_string_value(json_object_get(json_object_get(reply, "description"), "name")), "good");
    assert_int_equal(json_array_size(json_object_get(reply, "issues")), 0);
}

static void what_an_object_does_to_its_process_is_told(void **state)
{
    static const struct {
        const char *name;
        const char *code;
        const char *why;
    } cases[] = {
        {"crash", "static int *volatile nowhere; AT_LOAD { *nowhere = 1; }",
         "constructor: crashed with signal 11"},
        {"abort", "AT_LOAD { abort(); }", "constructor: aborted with signal 6"},
        {"exit", "AT_LOAD { exit(3); }", "constructor: called exit(3)"},
        {"exit0", "AT_LOAD { _exit(0); }", "constructor: called exit(0)"},
        {"hang", "AT_LOAD { for (;;) { pause(); } }", "constructor: did not return within 1000 ms"},
        {"spin", "AT_LOAD { for (volatile int i = 0;; i++) { } }",
         "constructor: did not return within 1000 ms"},
        {"ignore", "AT_LOAD { signal(15, SIG_IGN); signal(2, SIG_IGN); for (;;) { pause(); } }",
         "constructor: did not return within 1000 ms"},
        {"init_crash",
         "static int *volatile nowhere; static hg_status f(const void *a, hg_error *e) { *nowhere "
         "= 1; return HG_OK; }\n#define INIT f",
         "init: crashed with signal 11"},
        {"init_hang",
         "static hg_status f(const void *a, hg_error *e) { for (;;) { pause(); } }\n#define INIT f",
         "init: did not return within 1000 ms"},
        {"exit_crash",
         "static int *volatile nowhere; static void f(void) { *nowhere = 1; }\n#define EXIT f",
         "exit: crashed with signal 11"},
        {"unload_crash", "static int *volatile nowhere; AT_UNLOAD { *nowhere = 1; }",
         "destructor: crashed with signal 11"},
#if !defined(__SANITIZE_ADDRESS__)
        {"fork", "AT_LOAD { fork(); }", "constructor: called fork"},
        {"vfork", "AT_LOAD { vfork(); }", "constructor: called fork"},
        {"system", "AT_LOAD { system(\"true\"); }",
         "constructor: called fork or exec with its signals blocked"},
        {"clone", "#include <sys/syscall.h>\nAT_LOAD { syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0); }",
         "constructor: called fork"},
        {"exec", "AT_LOAD { char *a[] = {\"true\", 0}; execvp(\"true\", a); }",
         "constructor: called exec"},
        {"init_fork",
         "static hg_status f(const void *a, hg_error *e) { fork(); return HG_OK; }\n#define INIT f",
         "init: called fork"},
        {"exit_exec",
         "static void f(void) { char *a[] = {\"true\", 0}; execv(\"/bin/true\", a); }\n"
         "#define EXIT f",
         "exit: called exec"},
        {"unload_fork", "AT_UNLOAD { fork(); }", "destructor: called fork"},
        {"socket_then_crash",
         "#include <sys/socket.h>\nstatic int *volatile nowhere; AT_LOAD { "
         "if (socket(AF_INET, SOCK_STREAM, 0) < 0) { *nowhere = 1; } }",
         "constructor: crashed with signal 11 (Segmentation fault); before that, constructor "
         "opened a socket, which fails here"},
#endif
        {"floods",
         "AT_LOAD { static char b[65536]; memset(b, 255, sizeof(b)); for (int f = 3; f < 64; f++) "
         "{ if (write(f, b, sizeof(b)) > 0) { for (;;) { write(f, b, sizeof(b)); } } } }",
         "constructor: wrote into the connection to the gateway"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        harmful_object(directory, cases[i].name, cases[i].code);
        start_with(ARENA_BYTES);
        examine(cases[i].name);
        why[0] = '\0';
        run();
        if (strstr(why, cases[i].why) != why || object != 7) {
            fail_msg("%s: \"%s\", object %u", cases[i].name, why, object);
        }
        assert_null(reply);
        hgh_probe_free(probe);
        probe = NULL;
    }
}

static void a_file_that_is_no_object_is_refused_with_its_reason(void **state)
{
    static const struct {
        const char *op;
        const char *text;
    } cases[] = {
        {"{\"op\":\"examine\",\"name\":\"x\",\"path\":\"/nonexistent/x.so\",\"number\":7}",
         "cannot open shared object"},
        {"{\"op\":\"examine\",\"name\":\"other\",\"path\":\"./good.so\",\"number\":7}",
         "calls itself"},
        {"{\"op\":\"examine\"}", ""},
        {"{\"op\":\"check\",\"configs\":[]}", "unknown request"},
        {"{\"op\":\"fly\"}", "unknown request"},
        {"{}", "unknown request"},
        {"[]", "unknown request"},
    };

    (void)state;
    harmful_object(directory, "good", "");
    start_with(ARENA_BYTES);
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        const char *error;

        json_decref(reply);
        reply = NULL;
        send_text(cases[i].op); /* its working directory is the instance */
        run();
        error = json_string_value(json_object_get(reply, "error"));
        if (!json_is_false(json_object_get(reply, "ok")) || error == NULL ||
            strstr(error, cases[i].text) == NULL) {
            fail_msg("%s: \"%s\"", cases[i].op, error == NULL ? "no answer" : error);
        }
    }
}

static void nothing_is_left_of_what_an_object_has_started(void **state)
{
    int ends[2];
    char code[512];
    char byte;
    struct pollfd poll_end;

    (void)state;
    assert_int_equal(pipe(ends), 0); /* inherited by all: its end is the end of the last of them */
    (void)snprintf(code, sizeof(code),
                   "AT_LOAD { for (int i = 0; i < 5; i++) { if (fork() == 0) { signal(15, SIG_IGN);"
                   " write(%d, \"x\", 1); for (;;) { pause(); } } } }",
                   ends[1]);
    harmful_object(directory, "forks", code);
    unconfined = true; /* it could not fork at all */
    start_with(ARENA_BYTES);
    examine("forks");
    for (int i = 0; i < 5; i++) {
        assert_int_equal(read(ends[0], &byte, 1), 1);
    }
    hgh_probe_free(probe);
    probe = NULL;
    (void)close(ends[1]);
    poll_end = (struct pollfd){.fd = ends[0], .events = POLLIN};
    do {
        assert_int_equal(poll(&poll_end, 1, 5000), 1);
    } while (read(ends[0], &byte, 1) > 0);
    (void)close(ends[0]);
}

static void children_of_a_child_that_ends_by_itself_go_too(void **state)
{
    int ends[2];
    char code[512];
    char byte;
    struct pollfd poll_end;

    (void)state;
    assert_int_equal(pipe(ends), 0);
    (void)snprintf(code, sizeof(code),
                   "AT_LOAD { if (fork() == 0) { write(%d, \"x\", 1); for (;;) { pause(); } } "
                   "_exit(4); }",
                   ends[1]);
    harmful_object(directory, "leaves", code);
    unconfined = true;
    start_with(ARENA_BYTES);
    examine("leaves");
    run();
    assert_string_equal(why, "constructor: called exit(4)");
    (void)close(ends[1]);
    poll_end = (struct pollfd){.fd = ends[0], .events = POLLIN};
    do {
        assert_int_equal(poll(&poll_end, 1, 5000), 1);
    } while (read(ends[0], &byte, 1) > 0);
    (void)close(ends[0]);
}

/* The reply's warnings as one text. */
static const char *warnings_text(void)
{
    static char text[2048];
    size_t index;
    json_t *warning;
    size_t at = 0;

    text[0] = '\0';
    json_array_foreach(json_object_get(reply, "warnings"), index, warning)
    {
        at += (size_t)snprintf(text + at, sizeof(text) - at, "%s; ",
                               json_string_value(json_object_get(warning, "found")));
    }
    return text;
}

static const char *error_text(void)
{
    const char *error = json_string_value(json_object_get(reply, "error"));

    return error == NULL ? "" : error;
}

static void what_is_denied_fails_and_is_told(void **state)
{
    static const struct {
        const char *name;
        const char *code;
        const char *warnings;
    } cases[] = {
        {"socket",
         "#include <errno.h>\n#include <sys/socket.h>\nstatic hg_status f(const void *a, hg_error "
         "*e) { return socket(AF_INET, SOCK_STREAM, 0) < 0 && errno == EACCES ? HG_OK : "
         "HG_ERR_IO; }\n#define INIT f",
         "init: opened a socket; "},
        {"resolves",
         "#include <netdb.h>\nAT_LOAD { struct addrinfo *l; getaddrinfo(\"localhost\", \"80\", 0, "
         "&l); }",
         "constructor: opened a socket; "},
        {"unlink",
         "#include <errno.h>\nAT_LOAD { if (unlink(\"/tmp/x\") == 0 || errno != EROFS) abort(); }",
         "constructor: opened or changed a file to write; "},
        {"append",
         "AT_UNLOAD { if (open(\"/tmp/x\", O_WRONLY | O_APPEND | O_CREAT, 0600) >= 0) abort(); }",
         "destructor: opened or changed a file to write; "},
        {"kill",
         "#include <errno.h>\nAT_LOAD { if (kill(getppid(), 0) == 0 || errno != EPERM) abort(); }",
         "constructor: reached for another process; "},
        {"reads", "AT_LOAD { if (open(\"/etc/passwd\", O_RDONLY) >= 0) close(3); }", ""},
        {"itself", "AT_LOAD { if (kill(getpid(), 0) != 0) abort(); }", ""},
    };

    (void)state;
#if defined(__SANITIZE_ADDRESS__)
    skip(); /* such a probe is not confined */
#endif
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        harmful_object(directory, cases[i].name, cases[i].code);
        start_with(ARENA_BYTES);
        examine(cases[i].name);
        run();
        if (!json_is_true(json_object_get(reply, "ok")) ||
            strstr(warnings_text(), cases[i].warnings) == NULL ||
            (cases[i].warnings[0] == '\0' && warnings_text()[0] != '\0')) {
            fail_msg("%s: \"%s\", \"%s\", \"%s\"", cases[i].name, error_text(), warnings_text(),
                     why);
        }
        json_decref(reply);
        reply = NULL;
        hgh_probe_free(probe);
        probe = NULL;
    }
}

static void a_failure_after_something_denied_names_it(void **state)
{
    (void)state;
#if defined(__SANITIZE_ADDRESS__)
    skip();
#endif
    harmful_object(directory, "needs_network",
                   "#include <sys/socket.h>\nstatic hg_status f(const void *a, hg_error *e) { "
                   "return socket(AF_INET, SOCK_STREAM, 0) < 0 ? hg_error_set(e, HG_ERR_IO, \"no "
                   "server\") : HG_OK; }\n#define INIT f");
    start_with(ARENA_BYTES);
    examine("needs_network");
    run();
    assert_string_equal(error_text(), "init failed: no server; before that, init opened a socket, "
                                      "which fails here");
}

static void a_probe_that_is_not_confined_says_so(void **state)
{
    (void)state;
    harmful_object(directory, "good", "");
    unconfined = true;
    start_with(ARENA_BYTES);
    examine("good");
    run();
    assert_true(json_is_true(json_object_get(reply, "ok")));
    assert_string_equal(warnings_text(), "was examined by a process that could do anything; ");
}

static void a_reason_may_be_any_bytes(void **state)
{
    (void)state;
    harmful_object(directory, "bytes",
                   "static hg_status f(const void *a, hg_error *e) { return hg_error_set(e, "
                   "HG_ERR_IO, \"\\xff\\xfe!\"); }\n#define INIT f");
    start_with(ARENA_BYTES);
    examine("bytes");
    run();
    assert_string_equal(error_text(), "init failed: \?\?!");
}

/* What would be gone to after the object is gone. */
static void what_an_object_leaves_behind_is_refused(void **state)
{
    static const struct {
        const char *name;
        const char *code;
        const char *text;
    } cases[] = {
        {"thread",
         "#include <pthread.h>\nstatic void *f(void *x) { for (;;) { pause(); } }\n"
         "AT_LOAD { pthread_t t; pthread_create(&t, 0, f, 0); }",
         "stays in memory, something of it is in use: 1 thread that still runs ("},
        {"handler", "static void f(int n) {} AT_LOAD { signal(SIGUSR2, f); }",
         "a handler of signal 12 (User defined signal 2)"},
        {"handler_of_exit",
         "static void f(int n) {} static void g(void) { signal(SIGUSR1, f); }\n#define EXIT g",
         "a handler of signal 10"},
        {"variable", "AT_LOAD { static char s[] = \"LEFT=behind\"; putenv(s); }",
         "the variable LEFT of the environment"},
        {"buffer",
         "#include <stdio.h>\nAT_LOAD { static char b[512]; setvbuf(stdout, b, _IOFBF, "
         "sizeof(b)); }",
         "the buffer of stdout"},
        {"nodelete",
         "#include <dlfcn.h>\nAT_LOAD { Dl_info i; if (dladdr((void *)at_load, &i)) { "
         "dlopen(i.dli_fname, RTLD_NOW | RTLD_NODELETE); } }",
         "stays in memory, something of it is in use: the loader"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        harmful_object(directory, cases[i].name, cases[i].code);
        start_with(ARENA_BYTES);
        examine(cases[i].name);
        run();
        if (!json_is_false(json_object_get(reply, "ok")) ||
            strstr(error_text(), cases[i].text) == NULL) {
            fail_msg("%s: \"%s\", \"%s\"", cases[i].name, error_text(), why);
        }
        json_decref(reply);
        reply = NULL;
        hgh_probe_free(probe);
        probe = NULL;
    }
}

static void what_an_object_takes_away_again_is_no_leftover(void **state)
{
    static const char *const codes[] = {
        "#include <pthread.h>\nstatic pthread_t t; static void *f(void *x) { return x; }\n"
        "AT_LOAD { pthread_create(&t, 0, f, 0); }\n"
        "static void g(void) { pthread_join(t, 0); }\n#define EXIT g",
        "static void f(int n) {} AT_LOAD { signal(SIGUSR2, f); }\n"
        "static void g(void) { signal(SIGUSR2, SIG_DFL); }\n#define EXIT g",
        "AT_LOAD { static char s[] = \"LEFT=behind\"; putenv(s); }\n"
        "static void g(void) { unsetenv(\"LEFT\"); }\n#define EXIT g",
        "static void f(void) {} AT_LOAD { atexit(f); }",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(codes); i++) {
        harmful_object(directory, "tidy", codes[i]);
        start_with(ARENA_BYTES);
        examine("tidy");
        run();
        if (!json_is_true(json_object_get(reply, "ok"))) {
            fail_msg("%s: \"%s\", \"%s\"", codes[i], error_text(), why);
        }
        json_decref(reply);
        reply = NULL;
        hgh_probe_free(probe);
        probe = NULL;
    }
}

static void what_an_object_loses_is_told_and_much_of_it_refused(void **state)
{
    static const struct {
        const char *name;
        const char *code;
        bool ok;
        const char *text; /* of the error, or of the warnings; "": there are none */
    } cases[] = {
        {"little", "AT_LOAD { static void *volatile p; p = malloc(1000); }", true,
         "loses 1008 bytes of memory each time it is loaded and unloaded; "},
        {"once",
         "AT_LOAD { static void *volatile p; if (!getenv(\"ONCE\")) { setenv(\"ONCE\", "
         "\"1\", 1); p = malloc(1000000); } }",
         true, ""},
        {"much", "AT_LOAD { static void *volatile p; p = malloc(100000); }", false,
         "loses 100016 bytes"},
        {"descriptor", "AT_LOAD { dup(1); }", false,
         "loses 1.0 descriptors each time it is loaded and unloaded, less than 1 are put up with"},
        {"mapping",
         "#include <sys/mman.h>\nAT_LOAD { mmap(0, 65536, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, "
         "-1, 0); }",
         true, "loses 65536 bytes of mappings"},
        {"mappings",
         "#include <sys/mman.h>\nAT_LOAD { mmap(0, 1 << 21, PROT_READ, MAP_PRIVATE | "
         "MAP_ANONYMOUS, -1, 0); }",
         false, "loses 2097152 bytes of mappings each time it is loaded and unloaded, less than"},
    };

    (void)state;
#if defined(__SANITIZE_ADDRESS__)
    skip(); /* its malloc() tells of nothing */
#endif
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        const char *text;

        harmful_object(directory, cases[i].name, cases[i].code);
        start_with(ARENA_BYTES);
        examine(cases[i].name);
        run();
        text = cases[i].ok ? warnings_text() : error_text();
        if (json_is_true(json_object_get(reply, "ok")) != cases[i].ok ||
            strstr(text, cases[i].text) != text || (cases[i].text[0] == '\0' && text[0] != '\0')) {
            fail_msg("%s: \"%s\", \"%s\", \"%s\"", cases[i].name, error_text(), warnings_text(),
                     why);
        }
        json_decref(reply);
        reply = NULL;
        hgh_probe_free(probe);
        probe = NULL;
    }
}

/* What control logs goes to stderr: here into a file. */
static void what_an_object_prints_is_logged_in_bounds(void **state)
{
    char path[128];
    char text[65536];
    FILE *log;
    int saved = dup(STDERR_FILENO);
    size_t length;

    (void)state;
    (void)snprintf(path, sizeof(path), "%s/log", directory);
    harmful_object(directory, "prints",
                   "#include <stdio.h>\nAT_LOAD { static int n; if (n++) return; printf(\"on "
                   "stdout\\n\"); fflush(stdout); for (int i = 0; i < 100000; i++) { "
                   "fprintf(stderr, \"line %d\\n\", i); } fprintf(stderr, \"without end\"); "
                   "_exit(7); }");
    start_with(ARENA_BYTES);
    log = fopen(path, "w+");
    assert_non_null(log);
    assert_true(dup2(fileno(log), STDERR_FILENO) >= 0);
    examine("prints");
    run();
    assert_true(dup2(saved, STDERR_FILENO) >= 0);
    (void)close(saved);
    rewind(log);
    length = fread(text, 1, sizeof(text) - 1, log);
    text[length] = '\0';
    (void)fclose(log);
    assert_string_equal(why, "constructor: called exit(7)");
    assert_non_null(strstr(text, "probe: on stdout\n"));
    assert_non_null(strstr(text, "probe: line 48\n"));
    assert_null(strstr(text, "probe: line 49\n"));
    assert_non_null(strstr(text, "what else it prints is left out"));
    assert_true(length < 6000);
}

static void an_object_cannot_write_files_from_there(void **state)
{
    char code[256];
    char path[128];

    (void)state;
    unconfined = true; /* a limit of the process is what is left then */
    (void)snprintf(code, sizeof(code),
                   "AT_LOAD { int f = open(\"%s/written\", O_CREAT | O_WRONLY, 0600); "
                   "write(f, \"x\", 1); close(f); }",
                   directory);
    harmful_object(directory, "writes", code);
    start_with(ARENA_BYTES);
    examine("writes");
    run();
    assert_true(json_is_true(json_object_get(reply, "ok")));
    (void)snprintf(path, sizeof(path), "%s/written", directory);
    FILE *written = fopen(path, "r");
    assert_non_null(written);
    assert_int_equal(fgetc(written), EOF);
    (void)fclose(written);
}

static void a_callback_may_free_the_probe(void **state)
{
    (void)state;
    harmful_object(directory, "good", "");
    start_with(ARENA_BYTES);
    examine("good");
    examine("good");
    frees_in_message = true;
    run();
    assert_non_null(reply);
    assert_null(probe);
    assert_string_equal(why, "");
}

static void a_callback_may_free_the_probe_whose_child_has_ended(void **state)
{
    (void)state;
    /* It answers and ends in one turn of the loop: its last words are delivered at its end. */
    harmful_object(directory, "good", "");
    for (int i = 0; i < 20; i++) {
        json_decref(reply);
        reply = NULL;
        start_with(ARENA_BYTES);
        examine("good");
        (void)usleep(30000);
        hgh_probe_set_deadline(probe, 0);
        frees_in_message = true;
        assert_int_equal(kill(last_child(), SIGKILL), 0);
        (void)usleep(10000);
        run();
        hgh_probe_free(probe);
        probe = NULL;
    }
}

static void the_arena_may_be_as_large_as_the_gateways(void **state)
{
    (void)state;
    harmful_object(directory, "good", "");
    start_with((uint64_t)5 << 30);
    examine("good");
    run();
    assert_string_equal(why, "");
    assert_true(json_is_true(json_object_get(reply, "ok")));
}

static void a_deadline_can_be_stopped(void **state)
{
    (void)state;
    start_with(ARENA_BYTES);
    hgh_probe_set_deadline(probe, 50);
    hgh_probe_set_deadline(probe, 0);
    hgh_event_loop_timer_start(loop, &limit, 300, on_limit, NULL);
    assert_int_equal(hgh_event_loop_run(loop, NULL), HG_OK);
    assert_string_equal(why, "");
    hgh_probe_set_deadline(probe, 50);
    run();
    assert_string_equal(why, "probe: did not return within 50 ms");
    assert_int_equal(object, 0);
    hgh_probe_free(NULL);
}

#define ROW(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        ROW(a_good_object_is_described),
        ROW(what_an_object_does_to_its_process_is_told),
        ROW(a_file_that_is_no_object_is_refused_with_its_reason),
        ROW(nothing_is_left_of_what_an_object_has_started),
        ROW(children_of_a_child_that_ends_by_itself_go_too),
        ROW(an_object_cannot_write_files_from_there),
        ROW(what_is_denied_fails_and_is_told),
        ROW(a_failure_after_something_denied_names_it),
        ROW(a_probe_that_is_not_confined_says_so),
        ROW(a_reason_may_be_any_bytes),
        ROW(what_an_object_leaves_behind_is_refused),
        ROW(what_an_object_takes_away_again_is_no_leftover),
        ROW(what_an_object_loses_is_told_and_much_of_it_refused),
        ROW(what_an_object_prints_is_logged_in_bounds),
        ROW(a_callback_may_free_the_probe),
        ROW(a_callback_may_free_the_probe_whose_child_has_ended),
        ROW(the_arena_may_be_as_large_as_the_gateways),
        ROW(a_deadline_can_be_stopped),
    };

    if (argc > 1 && strcmp(argv[1], "probe") == 0) { /* the child is this program again */
        return hgh_probe_main(argc - 1, argv + 1);
    }
    return cmocka_run_group_tests(tests, group_set_up, group_tear_down);
}
