/* tests/plugins/target.c - a good plugin, and with a macro each, the bad versions of it. */
#define _GNU_SOURCE /* syscall(): past all that admission looks for */

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <hotgate/plugin.h>

#ifndef TARGET_VERSION
#define TARGET_VERSION "1"
#endif

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

#if defined(CONSTRUCTOR_CRASHES) || defined(ONE_WORKER_CRASHES)
static int *volatile nowhere; /* the compiler may not know that it leads there */
#endif

#if defined(CONSTRUCTOR_CRASHES)
__attribute__((constructor)) static void begin(void)
{
    *nowhere = 1;
}
#elif defined(CONSTRUCTOR_ENDS_PROCESS)
__attribute__((constructor)) static void begin(void)
{
    (void)syscall(SYS_exit_group, 0);
}
#elif defined(CONSTRUCTOR_HANGS)
__attribute__((constructor)) static void begin(void)
{
    for (;;) {
        (void)pause();
    }
}
#endif

#if defined(NEEDS_MISSING_FUNCTION)
int not_to_be_found_anywhere(void);
#endif

#if defined(STARTS_THREAD)
static void *thread_run(void *context)
{
    return context;
}
#endif

#if defined(TEXT_RELOCATION)
static __attribute__((used)) int relocated;
__asm__(".pushsection .text\n .balign 8\n .quad relocated\n .popsection");
#endif

/* True in exactly one worker, and never in the probe. */
#if defined(ONE_WORKER_FAILS) || defined(ONE_WORKER_CRASHES)
static int is_the_one(void)
{
    char name[16] = "";

    (void)prctl(PR_GET_NAME, name);
    return strcmp(name, "nginx") == 0 && open(ONLY_ONCE, O_CREAT | O_EXCL | O_WRONLY, 0600) >= 0;
}
#endif

static hg_status target_init(const void *attributes, hg_error *err)
{
    (void)attributes;
    (void)err;
#if defined(INIT_FAILS)
    return hg_error_set(err, HG_ERR_IO, "its licence has run out");
#elif defined(INIT_CRASHES)
    abort();
#elif defined(ONE_WORKER_FAILS)
    return is_the_one() ? hg_error_set(err, HG_ERR_IO, "no room for one more") : HG_OK;
#elif defined(ONE_WORKER_CRASHES)
    if (is_the_one()) {
        *nowhere = 1;
    }
    return HG_OK;
#elif defined(NEEDS_MISSING_FUNCTION)
    return not_to_be_found_anywhere() == 0 ? HG_OK : HG_ERR_IO;
#elif defined(STARTS_THREAD)
    pthread_t thread;

    return pthread_create(&thread, NULL, thread_run, NULL) == 0 ? HG_OK : HG_ERR_IO;
#elif defined(TEXT_RELOCATION)
    relocated = 1;
    return HG_OK;
#else
    return HG_OK;
#endif
}

static void target_header_filter(hg_request *request, const void *config)
{
    (void)config;
    (void)hg_response_set_header(request, HG_TEXT("X-Target"), HG_TEXT(TARGET_VERSION));
}

#if defined(NO_SYMBOL)
const hg_host *hg_host_slot = NULL;
const void *const hg_plugin_uses[] = {target_fields, (const void *)target_init,
                                      (const void *)target_header_filter};
#else
HG_PLUGIN(PLUGIN_NAME,
          TARGET_VERSION,
          .summary = "Says in X-Target which version runs.",
          .priority = 30,
          .config = HG_CONFIG(target_config, target_fields),
          .init = target_init,
          .header_filter = target_header_filter);
#endif

#if defined(OTHER_ABI)
__attribute__((visibility("default"))) const hg_plugin hg_plugin_v1 = {.size = 8};
#endif
