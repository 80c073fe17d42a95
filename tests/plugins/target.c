/* tests/plugins/target.c - a good plugin, and with a macro each, the bad versions of it. */
#define _GNU_SOURCE /* syscall() and dlsym(): past all that admission looks for */

#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <hotgate/plugin.h>

#ifndef TARGET_VERSION
#define TARGET_VERSION "1"
#endif

#define HARM __attribute__((unused)) static /* one version uses it, the others do not */

#ifndef NUMBER_MAX
#define NUMBER_MAX 100
#endif

typedef struct target_config {
    int64_t number;
} target_config;

static const hg_field target_fields[] = {
    HG_INT(target_config, number, "number", .initial = "1", .max = NUMBER_MAX),
    HG_FIELDS_END,
};

static int *volatile nowhere; /* the compiler may not know that it leads there */

HARM void crash(void)
{
    *nowhere = 1;
}

HARM void hang(void)
{
    for (;;) {
        (void)pause();
    }
}

/* Past what admission finds in the table of imports. */
HARM void *function(const char *name)
{
    return dlsym(RTLD_DEFAULT, name);
}

HARM void process_start(void)
{
    (void)syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
}

HARM void program_run(void)
{
    const char *const arguments[] = {"true", NULL};

    (void)syscall(SYS_execve, "/bin/true", arguments, NULL);
}

HARM void process_end(void)
{
    (void)syscall(SYS_exit_group, 0);
}

HARM void file_write(void)
{
    int file = open("/tmp/hotgate-target", O_CREAT | O_WRONLY, 0600);

    if (file >= 0) {
        (void)close(file);
    }
}

#if defined(CONSTRUCTOR_CRASHES)
#define AT_LOAD crash()
#elif defined(CONSTRUCTOR_ENDS_PROCESS)
#define AT_LOAD process_end()
#elif defined(CONSTRUCTOR_HANGS)
#define AT_LOAD hang()
#elif defined(CONSTRUCTOR_FORKS)
#define AT_LOAD process_start()
#elif defined(CONSTRUCTOR_EXECS)
#define AT_LOAD program_run()
#elif defined(CONSTRUCTOR_WRITES)
#define AT_LOAD file_write()
#else
#define AT_LOAD (void)0
#endif

#if defined(DESTRUCTOR_CRASHES)
#define AT_UNLOAD crash()
#else
#define AT_UNLOAD (void)0
#endif

__attribute__((constructor)) static void begin(void)
{
    AT_LOAD;
}

__attribute__((destructor)) static void end(void)
{
    AT_UNLOAD;
}

/* What it leaves behind, everywhere or in workers only. */

HARM int is_worker(void)
{
    char name[16] = "";

    (void)prctl(PR_GET_NAME, name);
    return strcmp(name, "nginx") == 0;
}

#if defined(ONLY_IN_WORKERS)
#define LEAVES_HERE is_worker()
#else
#define LEAVES_HERE 1
#endif

HARM void *thread_run(void *context)
{
    hang();
    return context;
}

HARM void thread_leave(void)
{
    int (*create)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);
    void *found = function("pthread_create");
    pthread_t thread;

    memcpy(&create, &found, sizeof(create));
    (void)create(&thread, NULL, thread_run, NULL);
}

HARM void on_signal(int number)
{
    (void)number;
}

HARM void handler_leave(void)
{
    void (*(*set)(int, void (*)(int)))(int);
    void *found = function("signal");

    memcpy(&set, &found, sizeof(set));
    (void)set(SIGUSR2, on_signal);
}

HARM void variable_leave(void)
{
    static char text[] = "TARGET=left";
    int (*put)(char *);
    void *found = function("putenv");

    memcpy(&put, &found, sizeof(put));
    (void)put(text);
}

HARM void buffer_leave(void)
{
    static char buffer[512];
    int (*set)(FILE *, char *, int, size_t);
    void *found = function("setvbuf");

    memcpy(&set, &found, sizeof(set));
    (void)set(stdout, buffer, _IOFBF, sizeof(buffer));
}

#if defined(LEAVES_THREAD)
#define LEAVE thread_leave()
#elif defined(LEAVES_HANDLER)
#define LEAVE handler_leave()
#elif defined(LEAVES_VARIABLE)
#define LEAVE variable_leave()
#elif defined(LEAVES_BUFFER)
#define LEAVE buffer_leave()
#else
#define LEAVE (void)0
#endif

/* Loaded for what they are, not for what they do. */

#if defined(INITIAL_EXEC)
static __thread int of_thread __attribute__((tls_model("initial-exec"), used)) = 1;
#endif

#if defined(UNIQUE_SYMBOL)
__asm__(".pushsection .data\n .globl unique_one\n .type unique_one, @gnu_unique_object\n"
        " .size unique_one, 8\nunique_one: .quad 0\n .popsection");
#endif

#if defined(CLASHES)
/* The first two are nginx's, the others the host's, jansson's and another plugin's. */
int ngx_pid = 4711;
int ngx_http_output_filter(void);
int hgh_runtime_report(void);
int worker_fields = 1;

int ngx_http_output_filter(void)
{
    return ngx_pid;
}

int hgh_runtime_report(void)
{
    return worker_fields + ngx_http_output_filter();
}
#endif

#if defined(NEEDS_ANOTHER_PLUGIN)
extern const hg_field worker_fields[];
#endif

#if defined(NEEDS_MISSING_FUNCTION)
int not_to_be_found_anywhere(void);
#endif

#if defined(TEXT_RELOCATION)
static __attribute__((used)) int relocated;
__asm__(".pushsection .text\n .balign 8\n .quad relocated\n .popsection");
#endif

/* True in exactly one worker, and never in the probe. */
#if defined(ONE_WORKER_FAILS) || defined(ONE_WORKER_CRASHES)
static int is_the_one(void)
{
    return is_worker() && open(ONLY_ONCE, O_CREAT | O_EXCL | O_WRONLY, 0600) >= 0;
}
#endif

#if defined(INIT_OPENS_SOCKET) || defined(INIT_NEEDS_NETWORK)
static int network_reach(void)
{
    int endpoint = socket(AF_INET, SOCK_STREAM, 0);

    if (endpoint >= 0) {
        (void)close(endpoint);
    }
    return endpoint >= 0;
}
#endif

static hg_status target_init(const void *attributes, hg_error *err)
{
    (void)attributes;
    (void)err;
    if (LEAVES_HERE) {
        LEAVE;
    }
#if defined(INIT_FAILS)
    return hg_error_set(err, HG_ERR_IO, "its licence has run out");
#elif defined(INIT_CRASHES)
    abort();
#elif defined(INIT_HANGS)
    hang();
    return HG_OK;
#elif defined(INIT_FORKS)
    process_start();
    return HG_OK;
#elif defined(INIT_TAKES_MEMORY)
    for (size_t taken = 0; taken < (size_t)64 << 30; taken += (size_t)1 << 28) {
        /* Not malloc(): tests have it write into what it gives. */
        if (mmap(NULL, (size_t)1 << 28, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
                 0) == MAP_FAILED) {
            return hg_error_set(err, HG_ERR_NO_MEMORY, "no memory");
        }
    }
    return HG_OK;
#elif defined(INIT_OPENS_SOCKET)
    (void)network_reach();
    return HG_OK;
#elif defined(INIT_NEEDS_NETWORK)
    return network_reach() ? HG_OK : hg_error_set(err, HG_ERR_IO, "no server");
#elif defined(LOSES)
    void *volatile lost = malloc(LOSES);

    return lost == NULL ? HG_ERR_NO_MEMORY : HG_OK;
#elif defined(LOSES_DESCRIPTOR)
    return dup(STDERR_FILENO) < 0 ? HG_ERR_IO : HG_OK;
#elif defined(ONE_WORKER_FAILS)
    return is_the_one() ? hg_error_set(err, HG_ERR_IO, "no room for one more") : HG_OK;
#elif defined(ONE_WORKER_CRASHES)
    if (is_the_one()) {
        crash();
    }
    return HG_OK;
#elif defined(NEEDS_MISSING_FUNCTION)
    return not_to_be_found_anywhere() == 0 ? HG_OK : HG_ERR_IO;
#elif defined(NEEDS_ANOTHER_PLUGIN)
    return worker_fields[0].name == NULL ? HG_OK : HG_ERR_IO;
#elif defined(STARTS_THREAD)
    pthread_t thread;

    return pthread_create(&thread, NULL, thread_run, NULL) == 0 ? HG_OK : HG_ERR_IO;
#elif defined(TEXT_RELOCATION)
    relocated = 1;
    return HG_OK;
#elif defined(INITIAL_EXEC)
    return of_thread == 1 ? HG_OK : HG_ERR_IO;
#elif defined(CLASHES)
    return hgh_runtime_report() == 4712 ? HG_OK : HG_ERR_IO;
#else
    return HG_OK;
#endif
}

#if defined(EXIT_CRASHES)
#define AT_EXIT crash()
#elif defined(EXIT_ABORTS)
#define AT_EXIT abort()
#else
#define AT_EXIT (void)0
#endif

static void target_exit(void)
{
    AT_EXIT;
}

static hg_status target_check(const void *config, const hg_config_source *source, hg_issues *issues)
{
    (void)config;
    (void)source;
    (void)issues;
#if defined(CHECK_CRASHES)
    crash();
#endif
    return HG_OK;
}

static void target_header_filter(hg_request *request, const void *config)
{
    (void)config;
    (void)hg_response_set_header(request, HG_TEXT("X-Target"), HG_TEXT(TARGET_VERSION));
}

#if defined(NO_SYMBOL)
const hg_host *hg_host_slot = NULL;
const void *const hg_plugin_uses[] = {target_fields, (const void *)target_init,
                                      (const void *)target_exit, (const void *)target_check,
                                      (const void *)target_header_filter};
#else
HG_PLUGIN(PLUGIN_NAME,
          TARGET_VERSION,
          .summary = "Says in X-Target which version runs.",
          .priority = 30,
          .config = HG_CONFIG(target_config, target_fields),
          .init = target_init,
          .exit = target_exit,
          .check = target_check,
          .header_filter = target_header_filter);
#endif

#if defined(OTHER_ABI)
__attribute__((visibility("default"))) const hg_plugin hg_plugin_v1 = {.size = 8};
#endif
