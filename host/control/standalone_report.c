/* host/control/standalone_report.c - how it stands with a standalone file: for the log, the status
 * and the next start. */
#include "host/control/standalone_report.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "host/control/control_log.h"
#include "host/control/manifest.h"

#define ERRORS_KEPT   100u /* with their places, for the status */
#define FINDINGS_TOLD 20u  /* in the log */
#define REFUSED       "refused"
#define INCOMPLETE    "incomplete"

static const char *text_of(const json_t *object, const char *member)
{
    const char *text = json_string_value(json_object_get(object, member));

    return text == NULL ? "" : text;
}

static json_int_t number_of(const json_t *object, const char *member)
{
    return json_integer_value(json_object_get(object, member));
}

/* --- what was good last --- */

bool hgh_standalone_report_has_good(const hgh_instance *instance)
{
    char *path = hgh_instance_path(instance, HGH_STANDALONE_STATE);
    bool is_there = path != NULL && access(path, F_OK) == 0;

    free(path);
    return is_there;
}

void hgh_standalone_report_open(hgh_standalone_report *report,
                                const hgh_instance *instance,
                                const char *name,
                                bool has_objects)
{
    char *path = hgh_instance_path(instance, HGH_STANDALONE_STATE);
    json_t *state = path == NULL ? NULL : json_load_file(path, 0, NULL);

    report->instance = instance;
    report->name = name;
    report->state = "";
    /* The two are written one after the other: the first objects may be there without the file. */
    report->has_good = has_objects || hgh_standalone_report_has_good(instance);
    (void)snprintf(report->good, sizeof(report->good), "%s", text_of(state, "sha256"));
    report->since_wall_s = number_of(state, "since");
    json_decref(state);
    free(path);
}

void hgh_standalone_report_done(hgh_standalone_report *report)
{
    json_decref(report->errors);
    report->errors = NULL;
}

static void good_write(const hgh_standalone_report *report)
{
    char *path = hgh_instance_path(report->instance, HGH_STANDALONE_STATE);
    json_t *state = json_pack("{s:s, s:s, s:I}", "file", report->name, "sha256", report->good,
                              "since", report->since_wall_s);
    hg_error err = HG_ERROR_INIT;

    if (path == NULL || state == NULL || hgh_manifest_write(path, state, &err) != HG_OK) {
        hgh_log(HG_LOG_ERROR, "%s", err.text[0] == '\0' ? "out of memory" : err.text);
    }
    json_decref(state);
    free(path);
}

void hgh_standalone_report_in_force(hgh_standalone_report *report, const hgh_standalone_file *file)
{
    json_decref(report->errors);
    report->errors = NULL;
    report->error_count = 0;
    report->error[0] = '\0';
    report->state = "in force";
    if (!report->has_good || strcmp(report->good, file->sha256) != 0) {
        memcpy(report->good, file->sha256, sizeof(report->good));
        report->since_wall_s = (json_int_t)time(NULL);
        report->has_good = true;
        good_write(report);
    }
}

/* --- what is wrong --- */

/* One line, as compilers write it. */
static void
finding_log(const hgh_standalone_report *report, hg_log_level level, const json_t *finding)
{
    const char *pointer = text_of(finding, "pointer");
    const char *text = text_of(finding, level == HG_LOG_WARN ? "text" : "error");
    char said[HG_ERROR_TEXT_MAX];

    if (text[0] == '\0') {
        (void)snprintf(said, sizeof(said), "found %.200s, wanted %.200s", text_of(finding, "found"),
                       text_of(finding, "wanted"));
        text = said;
    }
    hgh_log(level, "%s:%lld:%lld: %s%s%s", report->name, (long long)number_of(finding, "line"),
            (long long)number_of(finding, "column"), pointer, pointer[0] == '\0' ? "" : ": ", text);
}

/* The first ones of a list, and how many there are beside them. */
static void findings_log(const hgh_standalone_report *report,
                         hg_log_level level,
                         const json_t *findings,
                         size_t count)
{
    for (size_t i = 0; i < json_array_size(findings) && i < FINDINGS_TOLD; i++) {
        finding_log(report, level, json_array_get(findings, i));
    }
    if (count > FINDINGS_TOLD) {
        hgh_log(level, "%s: %zu further ones", report->name, count - FINDINGS_TOLD);
    }
}

/* errors: taken; NULL: there are none to show. */
static void problem_set(hgh_standalone_report *report,
                        const char *state,
                        const char *text,
                        json_t *errors,
                        size_t error_count)
{
    bool is_same = strcmp(report->state, state) == 0 && strcmp(report->error, text) == 0 &&
                   (report->errors == errors || json_equal(report->errors, errors) != 0);

    json_decref(report->errors);
    report->errors = errors;
    report->error_count = error_count;
    report->state = state;
    (void)snprintf(report->error, sizeof(report->error), "%s", text);
    if (!is_same) {
        findings_log(report, HG_LOG_ERROR, errors, error_count);
        /* Who writes in pieces has done nothing wrong. */
        hgh_log(strcmp(state, INCOMPLETE) == 0 ? HG_LOG_WARN : HG_LOG_ERROR, "%s; %s", text,
                report->has_good ? "what was good last stays in force"
                                 : "there is nothing to serve");
    }
}

void hgh_standalone_report_problem(hgh_standalone_report *report,
                                   const char *state,
                                   const char *text)
{
    problem_set(report, state, text, NULL, 0);
}

/* By where they stand. */
static int compare_findings(const void *a, const void *b)
{
    const json_t *const *left = a;
    const json_t *const *right = b;
    json_int_t lines = number_of(*left, "line") - number_of(*right, "line");
    json_int_t columns = number_of(*left, "column") - number_of(*right, "column");
    json_int_t order = lines != 0 ? lines : columns;

    return order < 0 ? -1 : (int)(order > 0);
}

/* The first of them with their places, from top to bottom: a new reference. What memory lacks for
 * is still counted. */
static json_t *findings_place(hgh_standalone_file *file, const json_t *findings)
{
    json_t *sorted[ERRORS_KEPT];
    json_t *placed = json_array();
    size_t count = 0;

    for (; count < ERRORS_KEPT && count < json_array_size(findings); count++) {
        sorted[count] = json_array_get(findings, count);
        if (json_object_get(sorted[count], "line") == NULL) {
            hgh_standalone_file_place(file, sorted[count]);
        }
    }
    qsort(sorted, count, sizeof(sorted[0]), compare_findings);
    for (size_t i = 0; i < count; i++) {
        (void)json_array_append(placed, sorted[i]);
    }
    return placed;
}

void hgh_standalone_report_refuse(hgh_standalone_report *report,
                                  hgh_standalone_file *file,
                                  json_t *errors)
{
    size_t count = json_array_size(errors);
    char text[HG_ERROR_TEXT_MAX];

    (void)snprintf(text, sizeof(text), "%s is refused: %zu %s", report->name, count,
                   count == 1 ? "error" : "errors");
    problem_set(report, REFUSED, text, findings_place(file, errors), count);
    json_decref(errors);
}

void hgh_standalone_report_warn(const hgh_standalone_report *report,
                                hgh_standalone_file *file,
                                const json_t *warnings)
{
    json_t *placed = findings_place(file, warnings);

    findings_log(report, HG_LOG_WARN, placed, json_array_size(warnings));
    json_decref(placed);
}

/* --- the whole --- */

json_t *hgh_standalone_report_json(const hgh_standalone_report *report, uint64_t revision)
{
    return json_pack("{s:s, s:s, s:I, s:s, s:I, s:s*, s:I, s:O*}", "file", report->name, "state",
                     report->state, "revision", (json_int_t)revision, "sha256", report->good,
                     "since", report->since_wall_s, "error",
                     report->error[0] == '\0' ? NULL : report->error, "error_count",
                     (json_int_t)report->error_count, "errors", report->errors);
}
