/* host/core/crash_handler.c - a worker says itself where it is: when it dies, and when it is asked.
 *
 * What runs in the handler allocates nothing and waits for nothing: the process may have been
 * inside malloc(). backtrace() has been called once before, which loads what it needs. */
#include "host/core/crash_handler.h"

#include <errno.h>
#include <execinfo.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

#include "host/core/board.h"
#include "host/core/engine.h"
#include "host/core/offload.h"
#include "host/core/request.h"

#define STACK_BYTES (64u * 1024)
#define LINE_BYTES  400u

static const int fatal_signals[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGSYS, SIGTRAP, SIGABRT};

#define FATAL_COUNT (sizeof(fatal_signals) / sizeof(fatal_signals[0]))
/* Of these, the first that are ours: the sanitizers tell of the others, and end in abort(). */
#if defined(__SANITIZE_ADDRESS__)
#define FATAL_FIRST (FATAL_COUNT - 1)
#else
#define FATAL_FIRST 0u
#endif

/* Signal handlers are the process's: so is what they write to. */
static struct {
    const hgh_plugin_host *plugin_host; /* NULL: not in place */
    hgh_sighting *seen;
    pid_t pid;
    void *stack;
} self;

static void log_line(const char *text)
{
    if (self.plugin_host->engine->log != NULL) {
        self.plugin_host->engine->log(NULL, HG_LOG_ERROR, hg_text_of(text));
    }
}

/* Whose call it is: the request's route, or the configuration. */
static void subject_write(uint32_t call, char into[HGH_SUBJECT_MAX])
{
    const hgh_blame *blame = &self.plugin_host->blame;

    into[0] = '\0';
    if (call >= HG_PHASE_REWRITE && call < HGH_PHASES && blame->request != NULL) {
        const hgh_route *route = blame->request->route;

        if (route != NULL) {
            (void)snprintf(into, HGH_SUBJECT_MAX, "routes/%s", route->base.id);
        } else if (blame->request->is_called) {
            const hg_config_source *source = &hgh_request_configuration(blame->request)->source;

            (void)snprintf(into, HGH_SUBJECT_MAX, "%.40s/%.64s", source->resource.data,
                           source->id.data);
        }
    } else if (blame->source != NULL) {
        hgh_configuration_subject(blame->source, into);
    }
}

/* ----------------------------------------------------------------------------------- stack */

static const hgh_plugin *plugin_at(const void *address, uint64_t *out_offset)
{
    for (const hgh_plugin *plugin = self.plugin_host->loaded; plugin != NULL;
         plugin = plugin->loaded_next) {
        if (hgh_plugin_object_holds(plugin->object, address, out_offset)) {
            return plugin;
        }
    }
    return NULL;
}

/* An object whose constructors run is in nobody's list yet: it is known by its path. */
static bool is_loading(const hgh_code_place *place)
{
    const char *path = self.plugin_host->loading_path;

    return path != NULL && place->file != NULL && strcmp(place->file, path) == 0;
}

static void frame_write(const void *address, uint32_t index, hgh_stack_frame *frame)
{
    const hgh_plugin *plugin = plugin_at(address, &frame->offset);
    char line[LINE_BYTES];
    hgh_code_place place;

    if (plugin != NULL) {
        frame->object = plugin->number;
        (void)snprintf(line, sizeof(line), "  #%u plugin %s+0x%llx", index, plugin->name,
                       (unsigned long long)frame->offset);
    } else if (hgh_plugin_object_find_code(address, &place)) {
        frame->offset = place.offset;
        frame->object = is_loading(&place) ? self.plugin_host->loading_number : 0;
        (void)snprintf(line, sizeof(line), "  #%u %s+0x%llx%s%s", index,
                       place.file == NULL ? "?" : place.file, (unsigned long long)frame->offset,
                       place.symbol == NULL ? "" : " ", place.symbol == NULL ? "" : place.symbol);
    } else {
        (void)snprintf(line, sizeof(line), "  #%u %p", index, address);
    }
    log_line(line);
}

/* Where the signal came; NULL: not known on this machine. */
static const void *interrupted(const ucontext_t *registers)
{
#if defined(__x86_64__)
    return registers == NULL ? NULL : (const void *)registers->uc_mcontext.gregs[REG_RIP];
#elif defined(__aarch64__)
    return registers == NULL ? NULL : (const void *)registers->uc_mcontext.pc;
#else
    (void)registers;
    return NULL;
#endif
}

/* Where a call that has done nothing yet returns to; NULL: not known on this machine. */
static const void *called_from(const ucontext_t *registers)
{
#if defined(__x86_64__)
    return registers == NULL ? NULL : *(const void *const *)registers->uc_mcontext.gregs[REG_RSP];
#elif defined(__aarch64__)
    return registers == NULL ? NULL : (const void *)registers->uc_mcontext.regs[30];
#else
    (void)registers;
    return NULL;
#endif
}

static void frame_add(hgh_sighting *seen, const void *address)
{
    hgh_stack_frame *frame = &seen->frames[seen->frame_count];

    *frame = (hgh_stack_frame){0};
    frame_write(address, seen->frame_count, frame);
    seen->frame_count++;
}

/* From the frame on that the signal interrupted: those above it are the handler's own. */
static void stack_write(hgh_sighting *seen, const ucontext_t *registers)
{
    void *addresses[HGH_STACK_FRAMES_MAX + 8];
    int count = backtrace(addresses, (int)(sizeof(addresses) / sizeof(addresses[0])));
    const void *from = interrupted(registers);
    hgh_code_place place;
    int first = 0;

    while (first < count && addresses[first] != from) {
        first++;
    }
    if (first + 1 >= count && hgh_plugin_object_find_code(called_from(registers), &place)) {
        frame_add(seen, from); /* it called what is no code, from where no way leads on */
        frame_add(seen, called_from(registers));
        return;
    }
    for (int i = first == count ? 0 : first; i < count && seen->frame_count < HGH_STACK_FRAMES_MAX;
         i++) {
        frame_add(seen, addresses[i]);
    }
}

static const char *plugin_name(uint32_t number)
{
    for (const hgh_plugin *plugin = self.plugin_host->loaded; plugin != NULL;
         plugin = plugin->loaded_next) {
        if (plugin->number == number) {
            return plugin->name;
        }
    }
    return self.plugin_host->loading_path == NULL ? "-" : self.plugin_host->loading_path;
}

/* The marker of the thread that this is on. */
static uint64_t marker_here(void)
{
    _Atomic uint64_t *offloaded = hgh_offload_marker(self.plugin_host->offload, gettid());

    return atomic_load(offloaded == NULL ? self.plugin_host->blame.marker : offloaded);
}

static void sighting_take(int number, const char *what, const ucontext_t *registers)
{
    hgh_sighting *seen = self.seen;
    uint64_t marker = marker_here();
    uint32_t call = hgh_marker_call(marker);
    char line[LINE_BYTES];

    seen->signal_number = number; /* first: whatever comes of the rest, it was this */
    seen->frame_count = 0;
    subject_write(call, seen->subject);
    seen->marker = marker;
    if (marker == 0) {
        (void)snprintf(line, sizeof(line), "%s, outside of any plugin", what);
    } else {
        (void)snprintf(line, sizeof(line), "%s, in %s of plugin %s%s%s", what, hgh_call_name(call),
                       plugin_name(hgh_marker_object(marker)), seen->subject[0] == '\0' ? "" : ", ",
                       seen->subject);
    }
    log_line(line);
    stack_write(seen, registers);
}

/* -------------------------------------------------------------------------------- handlers */

static const char *process_name(void)
{
    return self.plugin_host->process == NULL ? "worker" : self.plugin_host->process;
}

/* Who waits for the request whose callback this is; a thread's function is none. */
static void dying_tell(void)
{
    const hgh_plugin_host *host = self.plugin_host;
    uint32_t call = hgh_marker_call(atomic_load(host->blame.marker));

    if (host->dying != NULL && host->blame.request != NULL && call >= HG_PHASE_REWRITE &&
        call < HGH_PHASES && marker_here() == atomic_load(host->blame.marker)) {
        host->dying(host->blame.request);
    }
}

/* A child that a plugin has forked is not this worker. */
static bool is_in_place(void)
{
    return self.plugin_host != NULL && self.pid == getpid();
}

static void on_fatal(int number, siginfo_t *info, void *context)
{
    (void)info;
    (void)signal(number, SIG_DFL); /* a second one, in here, ends it at once */
    if (is_in_place()) {
        const char *name = sigdescr_np(number);
        char what[64];

        (void)snprintf(what, sizeof(what), "this %s dies of signal %d (%s)", process_name(), number,
                       name == NULL ? "unknown" : name);
        sighting_take(number, what, context);
        dying_tell();
    }
    (void)raise(number); /* delivered at the return, unless the instruction faults again before */
}

static void on_asked(int number, siginfo_t *info, void *context)
{
    int error = errno;

    (void)number;
    (void)info;
    if (is_in_place() && atomic_load(self.plugin_host->blame.marker) != 0) {
        sighting_take(0, "a call that takes long", context); /* 0: it lives */
    }
    errno = error;
}

/* A plugin that ends the process by exit(), through whatever library. */
static void on_exit_called(void)
{
    if (is_in_place() && marker_here() != 0) {
        char what[64];

        (void)snprintf(what, sizeof(what), "this %s ends by a call of exit()", process_name());
        sighting_take(HGH_SIGNAL_OF_EXIT, what, NULL);
        dying_tell();
    }
}

/* ---------------------------------------------------------------------------- installation */

/* A call that has used up its stack has none left for the handler. */
static hg_status stack_set(hg_error *err)
{
    stack_t stack = {.ss_size = STACK_BYTES};

    if (FATAL_FIRST > 0) {
        return HG_OK; /* the sanitizer has set one */
    }
    self.stack = mmap(NULL, STACK_BYTES, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
    if (self.stack == MAP_FAILED) {
        self.stack = NULL;
        return hg_error_set(err, HG_ERR_NO_MEMORY, "a stack for signals: %s", strerror(errno));
    }
    stack.ss_sp = self.stack;
    return sigaltstack(&stack, NULL) == 0
               ? HG_OK
               : hg_error_set(err, HG_ERR_IO, "a stack for signals: %s", strerror(errno));
}

hg_status
hgh_crash_handler_install(const hgh_plugin_host *plugin_host, hgh_sighting *seen, hg_error *err)
{
    static bool watches_exit;
    struct sigaction action = {.sa_sigaction = on_fatal, .sa_flags = SA_SIGINFO | SA_ONSTACK};
    void *first[1];
    hg_status status = stack_set(err);

    if (status != HG_OK) {
        return status;
    }
    (void)backtrace(first, 1); /* loads the library that it needs */
    (void)sigfillset(&action.sa_mask);
    for (size_t i = FATAL_FIRST; i < FATAL_COUNT; i++) {
        (void)sigdelset(&action.sa_mask, fatal_signals[i]); /* a fault in the handler must end it */
    }
    self.plugin_host = plugin_host;
    self.seen = seen;
    self.pid = getpid();
    for (size_t i = FATAL_FIRST; i < FATAL_COUNT; i++) {
        (void)sigaction(fatal_signals[i], &action, NULL); /* these numbers are right */
    }
    action.sa_sigaction = on_asked;
    action.sa_flags |= SA_RESTART;
    (void)sigaction(HGH_SIGHTING_SIGNAL, &action, NULL);
    if (!watches_exit) {
        watches_exit = atexit(on_exit_called) == 0;
    }
    return HG_OK;
}

void hgh_crash_handler_remove(void)
{
    stack_t none = {.ss_flags = SS_DISABLE};

    if (self.plugin_host == NULL) {
        return;
    }
    for (size_t i = FATAL_FIRST; i < FATAL_COUNT; i++) {
        (void)signal(fatal_signals[i], SIG_DFL);
    }
    (void)signal(HGH_SIGHTING_SIGNAL, SIG_DFL);
    self.plugin_host = NULL;
    self.seen = NULL;
    if (self.stack != NULL) {
        (void)sigaltstack(&none, NULL);
        (void)munmap(self.stack, STACK_BYTES);
        self.stack = NULL;
    }
}
