/* host/control/plugin_watch.c - for development: a plugin that is built is put into service. */
#include "host/control/plugin_watch.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "host/control/control_log.h"
#include "host/control/file_watch.h"
#include "host/control/plugin_scan.h"

#define QUIET_MS     100u /* a linker makes its file anew, fills it and changes its mode */
#define EMPTY_S      2    /* after that an empty file is meant to be one */
#define BUSY_TOLD_MS 5000u

struct hgh_plugin_watch {
    hgh_plugin_watch_options options;
    char *directory; /* owned */
    hgh_file_watch *files;
    char *seen;             /* owned: the objects as they were at the last look */
    char *reloaded;         /* owned: as they were before the last reload */
    uint64_t busy_since_ms; /* 0: nobody writes */
    bool is_told;
    bool is_running;
    hgh_admin_job job;
    hgh_admin_answer_later later;
    hgh_event_loop_timer quiet;
};

/* One line for each object, by which a change shows; owned by the caller, NULL: no memory. */
static char *describe(const hgh_plugin_scan *scan)
{
    char *text = NULL;
    size_t length = 0;
    FILE *out = open_memstream(&text, &length);

    if (out == NULL) {
        return NULL;
    }
    for (size_t i = 0; i < scan->count; i++) {
        struct stat about = {0};

        (void)stat(scan->plugins[i].path, &about); /* one that cannot be asked about is all zeros */
        (void)fprintf(out, "%s %ju %ju %jd %jd.%09ld %jd.%09ld\n", scan->plugins[i].path,
                      (uintmax_t)about.st_dev, (uintmax_t)about.st_ino, (intmax_t)about.st_size,
                      (intmax_t)about.st_mtim.tv_sec, about.st_mtim.tv_nsec,
                      (intmax_t)about.st_ctim.tv_sec, about.st_ctim.tv_nsec);
    }
    if (fclose(out) != 0) {
        free(text);
        return NULL;
    }
    return text;
}

/* A new file that is empty is one that its writer has not begun yet. */
static bool is_being_written(const hgh_plugin_watch *watch, const char *path)
{
    struct stat about;

    return hgh_file_watch_is_written(watch->files, strrchr(path, '/') + 1) ||
           (stat(path, &about) == 0 && about.st_size == 0 &&
            time(NULL) - about.st_mtim.tv_sec < EMPTY_S);
}

/* True while a writer is waited for; one that takes long is told, once. */
static bool any_is_being_written(hgh_plugin_watch *watch, const hgh_plugin_scan *scan)
{
    uint64_t now_ms = hgh_event_loop_now_ms();

    for (size_t i = 0; i < scan->count; i++) {
        if (!is_being_written(watch, scan->plugins[i].path)) {
            continue;
        }
        if (watch->busy_since_ms == 0) {
            watch->busy_since_ms = now_ms;
        } else if (!watch->is_told && now_ms - watch->busy_since_ms >= BUSY_TOLD_MS) {
            watch->is_told = true;
            hgh_log(HG_LOG_WARN, "%s is being written: its writer has not closed it",
                    scan->plugins[i].path);
        }
        return true;
    }
    watch->busy_since_ms = 0;
    watch->is_told = false;
    return false;
}

static void on_quiet(void *context);

static void wait_for_quiet(hgh_plugin_watch *watch)
{
    hgh_event_loop_timer_start(watch->options.loop, &watch->quiet, QUIET_MS, on_quiet, watch);
}

static void on_change(void *context)
{
    wait_for_quiet(context);
}

/* The log has told. What has changed meanwhile was not looked at. */
static void on_reloaded(hgh_admin_answer_later *later, hgh_admin_answer *answer)
{
    hgh_plugin_watch *watch =
        (hgh_plugin_watch *)(void *)((char *)later - offsetof(hgh_plugin_watch, later));

    hgh_admin_answer_done(answer);
    watch->is_running = false;
    hgh_admin_queue_end(watch->options.queue);
    wait_for_quiet(watch);
}

static void job_run(hgh_admin_job *job)
{
    hgh_plugin_watch *watch =
        (hgh_plugin_watch *)(void *)((char *)job - offsetof(hgh_plugin_watch, job));

    hgh_reload_start(watch->options.reload, "the plugins directory", &watch->later);
}

/* Control ends. */
static void job_cancel(hgh_admin_job *job)
{
    (void)job;
}

static void reload_begin(hgh_plugin_watch *watch)
{
    watch->is_running = true;
    watch->job = (hgh_admin_job){.run = job_run, .cancel = job_cancel};
    watch->later.send = on_reloaded;
    hgh_admin_queue_add(watch->options.queue, &watch->job);
}

static bool is_same(const char *a, const char *b)
{
    return a != NULL && b != NULL && strcmp(a, b) == 0;
}

static void on_quiet(void *context)
{
    hgh_plugin_watch *watch = context;
    hgh_plugin_scan scan = {0};
    hg_error err = HG_ERROR_INIT;
    char *now;
    bool is_settled;

    if (watch->is_running) {
        return; /* its end looks again */
    }
    if (hgh_plugin_scan_run("", watch->directory, NULL, &scan, &err) != HG_OK) {
        hgh_log(HG_LOG_ERROR, "--watch-plugins: %s", err.text);
        return;
    }
    now = describe(&scan);
    is_settled = is_same(now, watch->seen) && !any_is_being_written(watch, &scan);
    hgh_plugin_scan_done(&scan);
    free(watch->seen);
    watch->seen = now;
    if (!is_settled) {
        wait_for_quiet(watch);
    } else if (!is_same(now, watch->reloaded)) {
        free(watch->reloaded);
        watch->reloaded = strdup(now);
        reload_begin(watch);
    }
}

hg_status hgh_plugin_watch_new(const hgh_plugin_watch_options *options,
                               hgh_plugin_watch **out_watch,
                               hg_error *err)
{
    hgh_plugin_watch *watch = calloc(1, sizeof(*watch));
    char *all = NULL;
    hg_status status = HG_OK;

    if (watch != NULL) {
        watch->options = *options;
        watch->directory = strdup(options->directory);
    }
    if (watch == NULL || watch->directory == NULL ||
        asprintf(&all, "%s/.", options->directory) < 0) {
        status = hg_error_set(err, HG_ERR_NO_MEMORY, "out of memory");
    } else {
        status = hgh_file_watch_new(options->loop, all, on_change, watch, &watch->files, err);
        free(all);
    }
    if (status != HG_OK) {
        hgh_plugin_watch_free(watch);
        return status;
    }
    hgh_log(HG_LOG_NOTICE, "plugins in %s are reloaded when they change", options->directory);
    wait_for_quiet(watch);
    *out_watch = watch;
    return HG_OK;
}

void hgh_plugin_watch_free(hgh_plugin_watch *watch)
{
    if (watch == NULL) {
        return;
    }
    hgh_event_loop_timer_stop(watch->options.loop, &watch->quiet);
    hgh_file_watch_free(watch->files);
    free(watch->directory);
    free(watch->seen);
    free(watch->reloaded);
    free(watch);
}
