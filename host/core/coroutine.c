/* host/core/coroutine.c - stacks for plugin callbacks that wait, on ucontext. */
#include "host/core/coroutine.h"

#include <stddef.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

#if defined(__SANITIZE_ADDRESS__)
#define WITH_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define WITH_ASAN 1
#endif
#endif
#ifdef WITH_ASAN
#include <sanitizer/common_interface_defs.h>
#endif

struct hgh_coroutine {
    hgh_coroutine *next; /* in the pool */
    hgh_coroutine_pool *pool;
    char *mapping; /* guard page, then the stack */
    size_t guard_bytes;
    void (*function)(void *context);
    void *context;
    bool ended;
    ucontext_t own;
    ucontext_t main;
    /* What the address sanitizer wants to know at each switch. */
    void *fake_stack;
    const void *main_bottom;
    size_t main_size;
};

/* The one that runs now; a process has one thread that runs plugins. */
static hgh_coroutine *running;

#ifdef WITH_ASAN
static void switch_begins(void **save, const void *bottom, size_t size)
{
    __sanitizer_start_switch_fiber(save, bottom, size);
}

static void switch_ended(void *saved, const void **out_bottom, size_t *out_size)
{
    __sanitizer_finish_switch_fiber(saved, out_bottom, out_size);
}
#else
static void switch_begins(void **save, const void *bottom, size_t size)
{
    (void)save;
    (void)bottom;
    (void)size;
}

static void switch_ended(void *saved, const void **out_bottom, size_t *out_size)
{
    (void)saved;
    (void)out_bottom;
    (void)out_size;
}
#endif

static void coroutine_main(void)
{
    hgh_coroutine *coroutine = running;

    switch_ended(NULL, &coroutine->main_bottom, &coroutine->main_size);
    coroutine->function(coroutine->context);
    coroutine->ended = true;
    switch_begins(NULL, coroutine->main_bottom, coroutine->main_size);
    (void)setcontext(&coroutine->main); /* never comes back */
}

/* Runs it until it parks or ends. */
static void coroutine_enter(hgh_coroutine *coroutine)
{
    void *fake_stack = NULL;

    running = coroutine;
    switch_begins(&fake_stack, coroutine->mapping + coroutine->guard_bytes,
                  HGH_COROUTINE_STACK_BYTES);
    (void)swapcontext(&coroutine->main, &coroutine->own);
    switch_ended(fake_stack, NULL, NULL);
    running = NULL;
}

static hgh_coroutine *coroutine_new(hgh_coroutine_pool *pool)
{
    hgh_coroutine *coroutine = pool->idle;
    size_t guard = (size_t)sysconf(_SC_PAGESIZE);

    if (coroutine != NULL) {
        pool->idle = coroutine->next;
        pool->idle_count--;
        return coroutine;
    }
    coroutine = calloc(1, sizeof(*coroutine));
    if (coroutine == NULL) {
        return NULL;
    }
    coroutine->mapping = mmap(NULL, guard + HGH_COROUTINE_STACK_BYTES, PROT_READ | PROT_WRITE,
                              MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
    if (coroutine->mapping == MAP_FAILED) {
        free(coroutine);
        return NULL;
    }
    if (mprotect(coroutine->mapping, guard, PROT_NONE) != 0 || getcontext(&coroutine->own) != 0) {
        (void)munmap(coroutine->mapping, guard + HGH_COROUTINE_STACK_BYTES);
        free(coroutine);
        return NULL;
    }
    coroutine->guard_bytes = guard;
    coroutine->pool = pool;
    return coroutine;
}

static void coroutine_unmap(hgh_coroutine *coroutine)
{
    (void)munmap(coroutine->mapping, coroutine->guard_bytes + HGH_COROUTINE_STACK_BYTES);
    free(coroutine);
}

static void coroutine_free(hgh_coroutine *coroutine)
{
    hgh_coroutine_pool *pool = coroutine->pool;

    pool->active--;
    if (pool->idle_count >= HGH_COROUTINE_IDLE_MAX) {
        coroutine_unmap(coroutine);
        return;
    }
    coroutine->next = pool->idle;
    pool->idle = coroutine;
    pool->idle_count++;
}

bool hgh_coroutine_begin(hgh_coroutine_pool *pool,
                         void (*function)(void *context),
                         void *context,
                         hgh_coroutine **out_coroutine)
{
    hgh_coroutine *coroutine;

    if (pool->active >= pool->active_max || (coroutine = coroutine_new(pool)) == NULL) {
        return false;
    }
    pool->active++;
    coroutine->function = function;
    coroutine->context = context;
    coroutine->ended = false;
    coroutine->fake_stack = NULL;
    coroutine->own.uc_stack.ss_sp = coroutine->mapping + coroutine->guard_bytes;
    coroutine->own.uc_stack.ss_size = HGH_COROUTINE_STACK_BYTES;
    coroutine->own.uc_link = NULL;
    makecontext(&coroutine->own, coroutine_main, 0);
    coroutine_enter(coroutine);
    if (coroutine->ended) {
        coroutine_free(coroutine);
        coroutine = NULL;
    }
    *out_coroutine = coroutine;
    return true;
}

bool hgh_coroutine_resume(hgh_coroutine *coroutine)
{
    coroutine_enter(coroutine);
    if (!coroutine->ended) {
        return false;
    }
    coroutine_free(coroutine);
    return true;
}

void hgh_coroutine_park(void)
{
    hgh_coroutine *coroutine = running;

    switch_begins(&coroutine->fake_stack, coroutine->main_bottom, coroutine->main_size);
    (void)swapcontext(&coroutine->own, &coroutine->main);
    switch_ended(coroutine->fake_stack, &coroutine->main_bottom, &coroutine->main_size);
}

bool hgh_coroutine_is_running(void)
{
    return running != NULL;
}

void hgh_coroutine_pool_done(hgh_coroutine_pool *pool)
{
    while (pool->idle != NULL) {
        hgh_coroutine *next = pool->idle->next;

        coroutine_unmap(pool->idle);
        pool->idle = next;
    }
    pool->idle_count = 0;
}
