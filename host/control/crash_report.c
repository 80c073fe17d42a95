/* host/control/crash_report.c - a file for each crash of a worker. */
#include "host/control/crash_report.h"

#include <dirent.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "host/control/control_log.h"
#include "host/control/probe.h"
#include "host/core/time_limit.h"

#define WAITING_MAX  32u
#define SYMBOLS_MS   HGH_TIME_LIMIT(5000u)
#define MEMORY_BYTES (64u << 20) /* of the arena that a probe makes room for */
#define FILE_MODE    0640

typedef struct report {
    char *name;
    char *text;
    json_t *frames;
} report;

struct hgh_crash_reports {
    hgh_event_loop *loop;
    const hgh_instance *instance;
    hgh_probe *probe; /* looks up the symbols of the first one; NULL: none runs */
    hgh_event_loop_timer next;
    size_t count;
    report waiting[WAITING_MAX];
};

/* ------------------------------------------------------------------------------------ file */

static void frame_print(FILE *file, size_t index, const json_t *frame, const json_t *symbol)
{
    const char *plugin = json_string_value(json_object_get(frame, "plugin"));
    const char *function = json_string_value(json_object_get(symbol, "function"));
    const char *source = json_string_value(json_object_get(symbol, "file"));
    unsigned long long offset =
        (unsigned long long)json_integer_value(json_object_get(frame, "offset"));

    if (plugin == NULL) {
        (void)fprintf(file, "  #%zu  outside of plugins\n", index);
        return;
    }
    (void)fprintf(file, "  #%zu  %s+0x%llx %s", index, plugin, offset,
                  function == NULL ? "?" : function);
    if (source != NULL) {
        (void)fprintf(file, " at %s:%d", source,
                      (int)json_integer_value(json_object_get(symbol, "line")));
    }
    (void)fputc('\n', file);
}

static int newer_first(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*b)->d_name, (*a)->d_name); /* names begin with the time */
}

static void oldest_remove(const char *directory)
{
    struct dirent **names = NULL;
    int count = scandir(directory, &names, NULL, newer_first);
    unsigned kept = 0;

    for (int i = 0; i < count; i++) {
        if (names[i]->d_name[0] != '.' && kept++ >= HGH_CRASH_REPORTS_MAX) {
            char *path = NULL;

            if (asprintf(&path, "%s/%s", directory, names[i]->d_name) >= 0) {
                (void)unlink(path);
                free(path);
            }
        }
        free(names[i]);
    }
    free(names);
}

/* symbols: NULL: they could not be looked up, and `why` says so. */
static void report_write(const hgh_crash_reports *reports, const json_t *symbols, const char *why)
{
    const report *first = &reports->waiting[0];
    char *directory = hgh_instance_path(reports->instance, HGH_CRASH_DIRECTORY);
    char *path = NULL;
    FILE *file = NULL;

    if (directory != NULL && asprintf(&path, "%s/%s", directory, first->name) >= 0) {
        file = fopen(path, "we");
    }
    if (file != NULL) {
        bool is_bad = fchmod(fileno(file), FILE_MODE) != 0;

        (void)fprintf(file, "%s\nstack of the worker, the innermost frame first:\n", first->text);
        for (size_t i = 0; i < json_array_size(first->frames); i++) {
            frame_print(file, i, json_array_get(first->frames, i), json_array_get(symbols, i));
        }
        if (json_array_size(first->frames) == 0) {
            (void)fputs("  not known: the process could not say it\n", file);
        }
        if (why != NULL) {
            (void)fprintf(file, "\nsymbols could not be looked up: %s\n", why);
        }
        is_bad = ferror(file) != 0 || is_bad;
        if (fclose(file) != 0 || is_bad) {
            hgh_log(HG_LOG_WARN, "%s: could not be written as a whole", path);
        }
        oldest_remove(directory);
    } else {
        hgh_log(HG_LOG_WARN, HGH_CRASH_DIRECTORY "/%s: %s", first->name, strerror(errno));
    }
    free(path);
    free(directory);
}

/* ----------------------------------------------------------------------------------- queue */

static void first_begin(hgh_crash_reports *reports);

static void first_drop(hgh_crash_reports *reports)
{
    report *first = &reports->waiting[0];

    free(first->name);
    free(first->text);
    json_decref(first->frames);
    reports->count--;
    memmove(first, first + 1, reports->count * sizeof(*first));
}

/* Callbacks of the probe may not free it: this is run from the loop. */
static void on_next(void *context)
{
    hgh_crash_reports *reports = context;

    hgh_probe_free(reports->probe);
    reports->probe = NULL;
    first_drop(reports);
    if (reports->count > 0) {
        first_begin(reports);
    }
}

static void first_end(hgh_crash_reports *reports, const json_t *symbols, const char *why)
{
    report_write(reports, symbols, why);
    hgh_event_loop_defer(reports->loop, &reports->next, on_next, reports);
}

static bool is_ended(const hgh_crash_reports *reports)
{
    return reports->next.is_waiting;
}

static void on_message(void *context, const json_t *message)
{
    hgh_crash_reports *reports = context;

    if (!is_ended(reports)) {
        hgh_probe_set_deadline(reports->probe, 0);
        first_end(reports, json_object_get(message, "symbols"), NULL);
    }
}

static void on_end(void *context, const char *why, uint32_t object)
{
    hgh_crash_reports *reports = context;

    (void)object;
    if (!is_ended(reports)) {
        first_end(reports, NULL, why);
    }
}

static void first_begin(hgh_crash_reports *reports)
{
    hgh_probe_options options = {
        .loop = reports->loop,
        .directory = reports->instance->directory,
        .shared_memory_bytes = MEMORY_BYTES,
        .on_message = on_message,
        .on_end = on_end,
        .context = reports,
    };
    hg_error err = HG_ERROR_INIT;
    json_t *message;

    if (hgh_probe_start(&options, &reports->probe, &err) != HG_OK) {
        first_end(reports, NULL, err.text);
        return;
    }
    message = json_pack("{s:s, s:O}", "op", "symbols", "frames", reports->waiting[0].frames);
    hgh_probe_set_deadline(reports->probe, SYMBOLS_MS);
    hgh_probe_send(reports->probe, message);
    json_decref(message);
}

hgh_crash_reports *hgh_crash_reports_new(hgh_event_loop *loop, const hgh_instance *instance)
{
    hgh_crash_reports *reports = calloc(1, sizeof(*reports));

    if (reports != NULL) {
        reports->loop = loop;
        reports->instance = instance;
    }
    return reports;
}

void hgh_crash_reports_free(hgh_crash_reports *reports)
{
    if (reports == NULL) {
        return;
    }
    hgh_event_loop_timer_stop(reports->loop, &reports->next);
    hgh_probe_free(reports->probe);
    while (reports->count > 0) {
        first_drop(reports);
    }
    free(reports);
}

void hgh_crash_reports_add(hgh_crash_reports *reports,
                           const char *name,
                           const char *text,
                           json_t *frames)
{
    report *last = &reports->waiting[reports->count];

    if (reports->count == WAITING_MAX) {
        hgh_log(HG_LOG_WARN, "%u reports of crashes wait already: this one is not written",
                WAITING_MAX);
        json_decref(frames);
        return;
    }
    *last = (report){.name = strdup(name), .text = strdup(text), .frames = frames};
    reports->count++;
    if (last->name == NULL || last->text == NULL) {
        reports->count--;
        free(last->name);
        free(last->text);
        json_decref(frames);
        return;
    }
    if (reports->count == 1) {
        first_begin(reports);
    }
}
