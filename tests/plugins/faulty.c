/* tests/plugins/faulty.c - passes every probe, and does what its configuration says in a worker. */
#define _GNU_SOURCE

#include <link.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <hotgate/plugin.h>

#define SLOW_MS 300

#ifndef FAULTY_VERSION
#define FAULTY_VERSION "1.0.0"
#endif

typedef struct faulty_config {
    hg_text when;
    hg_text fault;
    int64_t every;
} faulty_config;

static const hg_field faulty_fields[] = {
    HG_STRING(faulty_config, when, "when", .initial = "never"),
    HG_STRING(faulty_config, fault, "fault", .initial = "crash"),
    HG_INT(faulty_config, every, "every", .initial = "1", .min = 1),
    HG_FIELDS_END,
};

static int *volatile nowhere; /* the compiler may not know that it leads there */
static volatile int deep;
static int64_t calls;

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

/* Overwrites the variables of the plugin "victim", past what is read only once it is loaded. */
static int corrupt(struct dl_phdr_info *info, size_t size, void *context)
{
    ElfW(Addr) fixed = 0;

    (void)size;
    (void)context;
    if (strstr(info->dlpi_name, "/victim.") == NULL) {
        return 0;
    }
    for (int i = 0; i < info->dlpi_phnum; i++) {
        if (info->dlpi_phdr[i].p_type == PT_GNU_RELRO) {
            fixed = info->dlpi_phdr[i].p_vaddr + info->dlpi_phdr[i].p_memsz;
        }
    }
    for (int i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *part = &info->dlpi_phdr[i];

        if (part->p_type == PT_LOAD && (part->p_flags & PF_W) != 0) {
            ElfW(Addr) from = fixed > part->p_vaddr ? fixed : part->p_vaddr;

            memset((char *)info->dlpi_addr + from, 0x5a, part->p_vaddr + part->p_memsz - from);
        }
    }
    return 1;
}

/* What the probe must not see. */
static bool is_in_worker(void)
{
    char name[16] = "";

    (void)prctl(PR_GET_NAME, name);
    return strcmp(name, "nginx") == 0 || strcmp(name, "hotgate-runner") == 0;
}

__attribute__((noinline)) static void fail(const char *fault)
{
    if (strcmp(fault, "crash") == 0) {
        *nowhere = 1;
    } else if (strcmp(fault, "abort") == 0) {
        abort();
    } else if (strcmp(fault, "exit") == 0) {
        (void)syscall(SYS_exit_group, 3); /* past all that a host can see */
    } else if (strcmp(fault, "loop") == 0) {
        while (nowhere == NULL) {
        }
    } else if (strcmp(fault, "sleep") == 0) {
        for (;;) { /* a signal does not end it */
            (void)sleep(3600);
        }
    } else if (strcmp(fault, "slow") == 0) {
        struct timespec begin;
        struct timespec now;

        (void)clock_gettime(CLOCK_MONOTONIC, &begin);
        do {
            (void)clock_gettime(CLOCK_MONOTONIC, &now);
        } while ((now.tv_sec - begin.tv_sec) * 1000 + (now.tv_nsec - begin.tv_nsec) / 1000000 <
                 SLOW_MS);
    } else if (strcmp(fault, "corrupt") == 0) {
        (void)dl_iterate_phdr(corrupt, NULL);
    } else if (strcmp(fault, "stack") == 0) {
        (void)descend(0);
    } else if (strcmp(fault, "memory") == 0) {
        for (;;) {
            void *block = malloc(1 << 20);

            if (block != NULL) {
                memset(block, 1, 1 << 20);
            }
        }
    }
}

static void fail_when(const faulty_config *config, const char *now)
{
#ifndef FAULTY_GOOD
    if (strcmp(config->when.data, now) == 0 && is_in_worker() && ++calls % config->every == 0) {
        fail(config->fault.data);
    }
#else
    (void)config;
    (void)now;
    (void)calls;
    (void)is_in_worker;
    (void)fail;
#endif
}

static hg_status faulty_init(const void *attributes, hg_error *err)
{
    (void)attributes;
    (void)err;
#ifdef FAULTY_INIT
    if (is_in_worker()) {
        fail("crash");
    }
#endif
    return HG_OK;
}

static void faulty_exit(void)
{
#ifdef FAULTY_EXIT
    if (is_in_worker()) {
        fail("crash");
    }
#endif
}

static hg_status faulty_prepare(void *state, const hg_config_source *source, hg_issues *issues)
{
    (void)source;
    (void)issues;
    fail_when(state, "parse");
    return HG_OK;
}

static void faulty_dispose(void *state)
{
    fail_when(state, "release");
}

static hg_verdict faulty_rewrite(hg_request *request, const void *config)
{
    (void)request;
    fail_when(config, "rewrite");
    return HG_NEXT;
}

static hg_verdict faulty_access(hg_request *request, const void *config)
{
    (void)request;
    fail_when(config, "access");
    return HG_NEXT;
}

static hg_verdict faulty_before_proxy(hg_request *request, const void *config)
{
    (void)request;
    fail_when(config, "before_proxy");
    return HG_NEXT;
}

static hg_verdict faulty_response(hg_request *request, const void *config)
{
    (void)request;
    fail_when(config, "response");
    return HG_NEXT;
}

static void faulty_header_filter(hg_request *request, const void *config)
{
    fail_when(config, "header_filter");
    (void)hg_response_set_header(request, HG_TEXT("X-Faulty"), HG_TEXT(FAULTY_VERSION));
}

static void faulty_body_filter(hg_request *request, hg_chunk *chunk, const void *config)
{
    (void)request;
    (void)chunk;
    fail_when(config, "body_filter");
}

static void faulty_log(hg_request *request, const void *config)
{
    (void)request;
    fail_when(config, "log");
}

HG_PLUGIN(
    PLUGIN_NAME,
    FAULTY_VERSION,
    .summary = "Does in a worker what its configuration says.",
    .priority = 40,
    .config = HG_CONFIG_PREPARED(faulty_config, faulty_fields, faulty_prepare, faulty_dispose),
    .init = faulty_init,
    .exit = faulty_exit,
    .rewrite = faulty_rewrite,
    .access = faulty_access,
    .before_proxy = faulty_before_proxy,
    .header_filter = faulty_header_filter,
    .body_filter = faulty_body_filter,
    .log = faulty_log,
    .response = faulty_response);
