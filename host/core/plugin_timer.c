/* host/core/plugin_timer.c - timers of plugins: when they run, and when no more. */
#include "host/core/plugin_timer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/core/host_api_internal.h"
#include "host/core/plugin.h"

#define TURNS_LAYOUT     "due-ms/1"
#define TURNS_OF_PLUGIN  (4 * HG_TIMERS_MAX) /* several versions of it may be loaded */
#define NAMES            "abcdefghijklmnopqrstuvwxyz0123456789_-"
#define TURN_IS_NOT_OURS 1u                  /* ms until it is asked again whose the next one is */
#define TURN_KEPT_MS     600000u             /* of a timer that nobody runs any more */
#define EVERY_MAX_MS     (UINT64_C(1) << 40) /* 34 years; no sum overflows */

/** Memory of one turn. */
typedef struct turn_memory {
    struct turn_memory *next;
    max_align_t bytes[];
} turn_memory;

struct hg_timer {
    hg_timer *next; /* of the same plugin */
    hgh_plugin *plugin;
    hg_timer_options options; /* its name is `name` */
    char name[HG_TIMER_NAME_MAX + 1];
    hgh_engine_handle *due; /* NULL: it is not waited for */
    hgh_table *turns;       /* HG_TIMER_ONE_WORKER: who takes them; else NULL */
    hgh_wait wait;          /* of a turn that is under way */
    uint64_t outer;         /* the blame marker around it */
    turn_memory *memory;
    bool runs;    /* a turn is under way */
    bool owned;   /* the plugin knows it */
    bool stopped; /* by the plugin: gone when no turn is under way */
};

/* Whose callback runs now. */
static hg_timer *current;

hgh_wait *hgh_timer_wait(void)
{
    return current == NULL ? NULL : &current->wait;
}

/* -------------------------------------------------------------------------------- one turn */

static hg_timer *timer_of(const hgh_wait *wait)
{
    return (hg_timer *)(uintptr_t)((const char *)wait - offsetof(hg_timer, wait));
}

static bool may_wait(const hgh_wait *wait)
{
    return timer_of(wait) == current;
}

static void turn_enter(hgh_wait *wait)
{
    hg_timer *timer = timer_of(wait);
    hgh_blame *blame = &timer->plugin->plugin_host->blame;

    timer->outer = hgh_blame_enter(blame, timer->plugin->number, HGH_CALL_TIMER);
    current = timer;
}

static void turn_leave(hgh_wait *wait, bool ended)
{
    const hg_timer *timer = timer_of(wait);

    (void)ended;
    current = NULL;
    hgh_blame_leave(&timer->plugin->plugin_host->blame, timer->outer);
}

static void *turn_allocate(hgh_wait *wait, size_t size)
{
    hg_timer *timer = timer_of(wait);
    turn_memory *made = malloc(sizeof(*made) + size);

    if (made == NULL) {
        return NULL;
    }
    made->next = timer->memory;
    timer->memory = made;
    return made->bytes;
}

static hgh_plugin_host *plugin_host_of(const hgh_wait *wait)
{
    return timer_of(wait)->plugin->plugin_host;
}

static hgh_engine_request *no_request(const hgh_wait *wait)
{
    (void)wait;
    return NULL;
}

static void timer_wait_for(hg_timer *timer, uint64_t delay_ms);
static void timer_free(hg_timer *timer);

/* A turn is over: the next one, or the end of the timer, or of its plugin. */
static void turn_ended(hgh_wait *wait)
{
    hg_timer *timer = timer_of(wait);
    hgh_plugin *plugin = timer->plugin;

    timer->runs = false;
    while (timer->memory != NULL) {
        turn_memory *next = timer->memory->next;

        free(timer->memory);
        timer->memory = next;
    }
    if (timer->stopped || (timer->options.every_ms == 0 && !timer->owned)) {
        timer_free(timer);
    } else if (timer->options.every_ms > 0 && !wait->canceled) {
        timer_wait_for(timer, timer->options.every_ms);
    }
    hgh_plugin_unref(plugin); /* it may have been the last thing that kept the object */
}

static const hgh_wait_owner timer_wait_owner = {
    .may_wait = may_wait,
    .enter = turn_enter,
    .leave = turn_leave,
    .ended = turn_ended,
    .allocate = turn_allocate,
    .plugin_host = plugin_host_of,
    .engine_request = no_request,
};

static void turn_function(void *context)
{
    hg_timer *timer = context;

    timer->options.on_time(timer, timer->options.context);
}

static void timer_log(const hg_timer *timer, const char *text)
{
    const hgh_engine *engine = timer->plugin->plugin_host->engine;
    char line[256];
    int length = snprintf(line, sizeof(line), "plugin %s: timer %s: %s", timer->plugin->name,
                          timer->name, text);

    engine->log(NULL, HG_LOG_ERROR, (hg_text){line, (size_t)length});
}

/* Runs the callback; true: it waits. */
static bool turn_run(hg_timer *timer)
{
    hgh_coroutine_pool *coroutines = timer->plugin->plugin_host->coroutines;
    bool on_coroutine = (timer->plugin->descriptor->flags & HG_WAITS) != 0;
    bool begun = true;

    timer->wait = (hgh_wait){.owner = &timer_wait_owner};
    turn_enter(&timer->wait);
    if (on_coroutine) {
        begun = hgh_coroutine_begin(coroutines, turn_function, timer, &timer->wait.coroutine);
    } else {
        turn_function(timer);
    }
    turn_leave(&timer->wait, timer->wait.coroutine == NULL);
    if (!begun) {
        timer_log(timer, "a turn is left out: too many calls wait already");
    }
    return timer->wait.coroutine != NULL && hgh_wait_begin(&timer->wait);
}

/* -------------------------------------------------------------------------- whose turn it is */

/* The key tells versions of the plugin apart: one that is on its way out has its own turns. */
static hg_text turn_key(const hg_timer *timer, char *buffer, size_t size)
{
    int length = snprintf(buffer, size, "%s/%u", timer->name, timer->plugin->number);

    return (hg_text){buffer, (size_t)length};
}

/* Who moves the time of the turn first has it. False: another worker has, or it is not due:
 * *out_delay_ms says when to look again. */
static bool turn_take(const hg_timer *timer, uint64_t *out_delay_ms)
{
    char buffer[HG_TIMER_NAME_MAX + 16];
    hg_text key = turn_key(timer, buffer, sizeof(buffer));
    uint64_t now_ms = timer->plugin->plugin_host->engine->clock_ms();
    uint64_t every_ms = timer->options.every_ms;
    int64_t due_ms = 0;

    (void)hgh_table_get(timer->turns, key, now_ms, &due_ms, NULL);
    if ((uint64_t)due_ms > now_ms) {
        *out_delay_ms = (uint64_t)due_ms - now_ms;
        return false;
    }
    *out_delay_ms = TURN_IS_NOT_OURS;
    return hgh_table_replace(timer->turns, key, due_ms, (int64_t)(now_ms + every_ms),
                             every_ms + TURN_KEPT_MS, now_ms) == HG_OK;
}

/* In the probe nothing is ever due: its engine has no timers. */
static void due_stop(hg_timer *timer)
{
    if (timer->due != NULL) {
        timer->plugin->plugin_host->engine->stop(timer->due);
        timer->due = NULL;
    }
}

static void timer_due(void *context)
{
    hg_timer *timer = context;
    uint64_t delay_ms;

    due_stop(timer);
    if (timer->turns != NULL && !turn_take(timer, &delay_ms)) {
        timer_wait_for(timer, delay_ms);
        return;
    }
    timer->runs = true;
    (void)hgh_plugin_ref(timer->plugin);
    if (!turn_run(timer)) {
        turn_ended(&timer->wait);
    }
}

static void timer_wait_for(hg_timer *timer, uint64_t delay_ms)
{
    const hgh_engine *engine = timer->plugin->plugin_host->engine;

    timer->due = engine->start_background_timer(delay_ms, timer_due, timer);
    if (timer->due == NULL) {
        timer_log(timer, "stopped: out of memory");
    }
}

/* ------------------------------------------------------------------------- start and stop */

static void timer_free(hg_timer *timer)
{
    hg_timer **at = &timer->plugin->timers;

    while (*at != timer) {
        at = &(*at)->next;
    }
    *at = timer->next;
    due_stop(timer);
    free(timer);
}

/* Also how many there are. */
static const hg_timer *timer_find(const hgh_plugin *plugin, const char *name, size_t *out_count)
{
    const hg_timer *found = NULL;

    *out_count = 0;
    for (const hg_timer *timer = plugin->timers; timer != NULL; timer = timer->next) {
        ++*out_count;
        if (!timer->stopped && strcmp(timer->name, name) == 0) {
            found = timer;
        }
    }
    return found;
}

static hg_status
options_check(const hgh_plugin *plugin, const hg_timer_options *options, hg_error *err)
{
    const char *name = options->name == NULL ? "" : options->name;
    size_t count;

    if (name[0] == '\0' || strlen(name) > HG_TIMER_NAME_MAX ||
        strspn(name, NAMES) != strlen(name)) {
        return hg_error_set(err, HG_ERR_INVALID,
                            "timer: found the name \"%.40s\", wanted 1 to %u of [a-z0-9_-]", name,
                            HG_TIMER_NAME_MAX);
    }
    if (options->on_time == NULL || (options->flags & ~(uint32_t)HG_TIMER_ONE_WORKER) != 0) {
        return hg_error_set(err, HG_ERR_INVALID,
                            "timer %s: wanted a callback, and no flags but HG_TIMER_ONE_WORKER",
                            name);
    }
    if ((options->flags & HG_TIMER_ONE_WORKER) != 0 && options->every_ms == 0) {
        return hg_error_set(err, HG_ERR_INVALID,
                            "timer %s: HG_TIMER_ONE_WORKER is for one that comes again", name);
    }
    if (options->first_ms > EVERY_MAX_MS || options->every_ms > EVERY_MAX_MS) {
        return hg_error_set(err, HG_ERR_INVALID, "timer %s: wanted times of at most %llu ms", name,
                            (unsigned long long)EVERY_MAX_MS);
    }
    if (plugin->ends) {
        return hg_error_set(err, HG_ERR_TOO_LATE, "timer %s: started in exit()", name);
    }
    if (timer_find(plugin, name, &count) != NULL) {
        return hg_error_set(err, HG_ERR_EXISTS, "timer %s: there is one of that name", name);
    }
    return count < HG_TIMERS_MAX ? HG_OK
                                 : hg_error_set(err, HG_ERR_FULL, "timer %s: there are %u already",
                                                name, HG_TIMERS_MAX);
}

static hg_status turns_open(hg_timer *timer, hg_error *err)
{
    char name[HGH_TABLE_NAME_MAX + 1];

    (void)snprintf(name, sizeof(name), "timer/%s", timer->plugin->name);
    return hgh_arena_open_table(timer->plugin->plugin_host->arena, name, TURNS_LAYOUT,
                                TURNS_OF_PLUGIN, 0, &timer->turns, NULL, err);
}

static hg_status timer_start(const hg_host *host,
                             const hg_timer_options *given,
                             size_t given_size,
                             hg_timer **out_timer,
                             hg_error *err)
{
    hgh_plugin *plugin = host->plugin;
    hg_timer_options options = {0};
    hg_timer *timer;
    hg_status status;

    memcpy(&options, given, given_size < sizeof(options) ? given_size : sizeof(options));
    status = options_check(plugin, &options, err);
    if (status != HG_OK) {
        return status;
    }
    timer = calloc(1, sizeof(*timer));
    if (timer == NULL) {
        return hg_error_set(err, HG_ERR_NO_MEMORY, "timer %s: out of memory", options.name);
    }
    timer->plugin = plugin;
    timer->options = options;
    (void)snprintf(timer->name, sizeof(timer->name), "%s", options.name);
    timer->options.name = timer->name;
    timer->owned = out_timer != NULL;
    if ((options.flags & HG_TIMER_ONE_WORKER) != 0) {
        status = turns_open(timer, err);
    }
    if (status != HG_OK) {
        free(timer);
        return status;
    }
    timer->next = plugin->timers;
    plugin->timers = timer;
    if (plugin->in_service) {
        timer_wait_for(timer, options.first_ms);
    }
    if (out_timer != NULL) {
        *out_timer = timer;
    }
    return HG_OK;
}

static void timer_stop(hg_timer *timer)
{
    if (timer == NULL) {
        return;
    }
    timer->stopped = true;
    if (!timer->runs) {
        timer_free(timer);
    }
}

const hg_timer_api hgh_host_timer_api = {
    .size = sizeof(hgh_host_timer_api),
    .start = timer_start,
    .stop = timer_stop,
};

/* ---------------------------------------------------------------------------- the plugin's */

void hgh_timers_begin(hgh_plugin *plugin)
{
    if (plugin->in_service) {
        return;
    }
    plugin->in_service = true;
    for (hg_timer *timer = plugin->timers; timer != NULL; timer = timer->next) {
        timer_wait_for(timer, timer->options.first_ms);
    }
}

bool hgh_timers_cancel(hgh_plugin *plugin, bool now)
{
    hg_timer *timer = plugin->timers;
    bool all = true;

    while (timer != NULL) {
        hg_timer *next = timer->next; /* only a turn that ends takes its own timer away */

        if (timer->runs && hgh_wait_cancel(&timer->wait, now)) {
            turn_ended(&timer->wait);
        } else if (timer->runs) {
            all = false;
        }
        timer = next;
    }
    return all;
}

void hgh_timers_stop(hgh_plugin *plugin)
{
    plugin->ends = true;
    for (hg_timer *timer = plugin->timers; timer != NULL; timer = timer->next) {
        due_stop(timer);
    }
}

void hgh_timers_done(hgh_plugin *plugin)
{
    while (plugin->timers != NULL) {
        timer_free(plugin->timers);
    }
}
