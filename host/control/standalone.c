/* host/control/standalone.c - the gateway as one file has it: watched, judged, applied at once. */
#include "host/control/standalone.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/control/control_log.h"
#include "host/control/file_watch.h"
#include "host/control/plugin_catalog.h"
#include "host/control/plugin_list.h"
#include "host/control/standalone_file.h"
#include "host/control/standalone_report.h"
#include "host/control/store_import.h"
#include "host/control/store_sqlite.h"
#include "host/core/json_value.h"

#define STATUS_OK    200u
#define STATUS_BAD   400u
#define RETRY_MS     1000u /* between looks whether what was refused may be good by now */
#define RETRY_MAX_MS 60000u

/* What is waited for. */
typedef enum standalone_step {
    STEP_NONE = 0,
    STEP_WIDEN,  /* the plugins that the file names are loaded beside those in force */
    STEP_IMPORT, /* its objects are judged and stored */
    STEP_NARROW, /* plugins that it does not name go */
    STEP_BACK,   /* the objects were refused: plugins are as they were */
} standalone_step;

struct hgh_standalone {
    hgh_standalone_options options;
    const char *name; /* static: conf/apisix.yaml */
    char *path;       /* owned, absolute */
    hgh_file_watch *watch;
    hgh_standalone_report report;
    bool is_over; /* control ends */
    hgh_standalone_file file;
    char seen[HGH_STANDALONE_SHA256_MAX]; /* of what was looked at last; "": nothing */
    standalone_step step;
    bool is_late;         /* it may have changed while a step was waited for */
    json_t *list;         /* owned: what the file lists, JSON's null for all */
    json_t *before;       /* owned: the list in force before it; NULL: none */
    json_t *good_list;    /* owned: what hgh_reload_set_list() was told last that was good */
    hgh_admin_job reload; /* of a reload, in the queue */
    hgh_admin_answer_later reloaded;
    hgh_event_loop_timer retry;
    uint64_t retry_at_ms; /* 0: only after another generation */
    uint64_t retry_after_ms;
    uint64_t generation; /* with which it was looked at */
    void (*begun)(void *context, bool can_serve);
    void *begun_context;
};

static void look(hgh_standalone *self);

/* --- names --- */

const char *hgh_standalone_name(const hgh_settings *settings)
{
    static const char *const names[] = {
        [HGH_CONFIG_STORE] = NULL,
        [HGH_CONFIG_YAML] = HGH_STANDALONE_YAML,
        [HGH_CONFIG_JSON] = HGH_STANDALONE_JSON,
    };

    return names[settings->config_source];
}

const char *hgh_standalone_store(const hgh_settings *settings)
{
    return settings->config_source == HGH_CONFIG_STORE ? HGH_STORE_FILE : HGH_STANDALONE_STORE;
}

static const char *text_of(const json_t *object, const char *member)
{
    const char *text = json_string_value(json_object_get(object, member));

    return text == NULL ? "" : text;
}

static long long number_of(const json_t *object, const char *member)
{
    return json_integer_value(json_object_get(object, member));
}

/* --- the end of a look --- */

/* Whoever waits for the first one is told. */
static void look_end(hgh_standalone *self)
{
    void (*begun)(void *, bool) = self->begun;

    self->step = STEP_NONE;
    self->generation = hgh_plugin_catalog_generation(self->options.parts->catalog);
    hgh_standalone_file_done(&self->file);
    json_decref(self->list);
    json_decref(self->before);
    self->list = NULL;
    self->before = NULL;
    if (begun != NULL) {
        self->begun = NULL;
        begun(self->begun_context, self->report.has_good);
    }
    if (self->is_late) {
        self->is_late = false;
        look(self);
    }
}

/* It is not tried again before something has changed. Takes the reference. */
static void refuse(hgh_standalone *self, json_t *errors)
{
    hgh_standalone_report_refuse(&self->report, &self->file, errors);
    self->retry_at_ms = 0;
}

/* It may be good the next time it is tried: the disk was full, a worker did not vote. */
static void fail(hgh_standalone *self, const char *why)
{
    char text[HG_ERROR_TEXT_MAX];

    (void)snprintf(text, sizeof(text), "%s is not in force: %.400s", self->name, why);
    hgh_standalone_report_problem(&self->report, "refused", text);
    self->retry_after_ms = self->retry_after_ms == 0 ? RETRY_MS : 2 * self->retry_after_ms;
    if (self->retry_after_ms > RETRY_MAX_MS) {
        self->retry_after_ms = RETRY_MAX_MS;
    }
    self->retry_at_ms = hgh_event_loop_now_ms() + self->retry_after_ms;
}

/* --- plugins --- */

static json_t *list_of_settings(const hgh_standalone *self)
{
    json_t *list = self->options.settings->plugins;

    return list == NULL ? json_null() : json_incref(list);
}

static void imported(hgh_standalone *self);
static void import_begin(hgh_standalone *self);

static void reload_end(hgh_standalone *self, bool is_good, const char *why)
{
    switch (self->step) {
    case STEP_WIDEN:
        if (is_good) {
            import_begin(self);
            return;
        }
        hgh_reload_set_list(self->options.reload, self->good_list);
        fail(self, why);
        break;
    case STEP_NARROW:
        imported(self);
        if (!is_good) { /* more plugins are loaded than are wanted, which harms nobody */
            fail(self, why);
        }
        break;
    case STEP_NONE:
    case STEP_IMPORT:
    case STEP_BACK:
    default:
        if (!is_good) {
            hgh_log(HG_LOG_WARN, "plugins that only the refused %s lists stay loaded: %s",
                    self->name, why);
        }
        break;
    }
    look_end(self);
}

static void on_reloaded(hgh_admin_answer_later *later, hgh_admin_answer *answer)
{
    hgh_standalone *self =
        (hgh_standalone *)(void *)((char *)later - offsetof(hgh_standalone, reloaded));
    bool is_good = answer->status == STATUS_OK;
    json_t *body = is_good || answer->body == NULL
                       ? NULL
                       : json_loadb(answer->body, answer->body_length, 0, NULL);
    char why[HG_ERROR_TEXT_MAX];

    (void)snprintf(why, sizeof(why), "its list of plugins: %.400s", text_of(body, "error_msg"));
    json_decref(body);
    hgh_admin_answer_done(answer);
    hgh_admin_queue_end(self->options.parts->queue);
    reload_end(self, is_good, why);
}

static void reload_run(hgh_admin_job *job)
{
    hgh_standalone *self =
        (hgh_standalone *)(void *)((char *)job - offsetof(hgh_standalone, reload));

    hgh_reload_start(self->options.reload, self->name, &self->reloaded);
}

/* Control ends: what runs is cut off, and nobody waits for it. */
static void reload_cancel(hgh_admin_job *job)
{
    (void)job;
}

static void reload_begin(hgh_standalone *self, standalone_step step, json_t *list)
{
    self->step = step;
    hgh_reload_set_list(self->options.reload, list);
    self->reload = (hgh_admin_job){.run = reload_run, .cancel = reload_cancel};
    self->reloaded.send = on_reloaded;
    hgh_admin_queue_add(self->options.parts->queue, &self->reload);
}

/* --- objects --- */

/* All of the file is in force. */
static void imported(hgh_standalone *self)
{
    hgh_standalone_report_in_force(&self->report, &self->file);
    self->retry_at_ms = 0;
    self->retry_after_ms = 0;
    json_decref(self->good_list);
    self->good_list = json_incref(self->file.plugins);
}

static void import_good(hgh_standalone *self, const json_t *answer)
{
    const json_t *in_force = hgh_reload_list_in_force(self->options.reload);

    hgh_log(HG_LOG_NOTICE,
            "%s is in force: revision %lld, %lld objects written, %lld unchanged, %lld deleted",
            self->name, number_of(answer, "revision"), number_of(answer, "written"),
            number_of(answer, "unchanged"), number_of(answer, "deleted"));
    hgh_standalone_report_warn(&self->report, &self->file, json_object_get(answer, "warnings"));
    /* Without a list in the file, that of config.yaml counts, also when it is read anew. */
    if (hgh_plugin_list_is_within(in_force, self->list)) {
        hgh_reload_set_list(self->options.reload, self->file.plugins);
        imported(self);
        look_end(self);
    } else {
        reload_begin(self, STEP_NARROW, self->file.plugins);
    }
}

static void on_imported(void *context, unsigned status, json_t *answer)
{
    hgh_standalone *self = context;
    json_t *errors = json_object_get(answer, "errors");

    if (self->is_over) {
        json_decref(answer);
        return;
    }
    if (status == STATUS_OK) {
        import_good(self, answer);
        json_decref(answer);
        return;
    }
    if (status == STATUS_BAD && json_array_size(errors) > 0) {
        refuse(self, json_incref(errors));
    } else {
        fail(self, text_of(answer, "error_msg"));
    }
    json_decref(answer);
    if (self->before != NULL &&
        !hgh_plugin_list_is_within(hgh_reload_list_in_force(self->options.reload), self->before)) {
        reload_begin(self, STEP_BACK, self->good_list);
    } else {
        hgh_reload_set_list(self->options.reload, self->good_list);
        look_end(self);
    }
}

static void import_begin(hgh_standalone *self)
{
    const hgh_store_import import = {
        .document = json_incref(self->file.document),
        .replaces = true,
        .listed = self->file.plugins, /* a file must not contradict itself */
    };

    self->step = STEP_IMPORT;
    hgh_store_import_start(self->options.parts, &import, on_imported, self);
}

/* --- looks --- */

/* Reads the file; false: there is nothing to be taken, which is told. */
static bool file_read(hgh_standalone *self)
{
    hg_error err = HG_ERROR_INIT;
    hg_status status = hgh_standalone_file_read(
        self->path, self->options.settings->config_source == HGH_CONFIG_JSON, &self->file, &err);
    char text[HG_ERROR_TEXT_MAX];

    if (status != HG_OK) {
        self->seen[0] = '\0';
        hgh_standalone_report_problem(
            &self->report, status == HG_ERR_NOT_FOUND ? "missing" : "unreadable", err.text);
        return false;
    }
    if (strcmp(self->file.sha256, self->seen) == 0) {
        return false; /* whatever was done to it, it says the same */
    }
    if (!hgh_standalone_file_is_whole(&self->file)) {
        self->seen[0] = '\0';
        (void)snprintf(text, sizeof(text),
                       "%s: the last line is not #END: it is not written to its end yet",
                       self->name);
        hgh_standalone_report_problem(&self->report, "incomplete", text);
        return false;
    }
    memcpy(self->seen, self->file.sha256, sizeof(self->seen));
    return true;
}

/* Takes it apart; false: there are errors, which are told. */
static bool file_parse(hgh_standalone *self)
{
    json_t *errors = json_array();
    hg_status status =
        errors == NULL ? HG_ERR_NO_MEMORY : hgh_standalone_file_parse(&self->file, errors);

    if (status == HG_OK && json_array_size(errors) > 0) {
        refuse(self, errors);
        return false;
    }
    json_decref(errors);
    if (status == HG_OK) {
        json_decref(self->list);
        self->list =
            self->file.plugins == NULL ? list_of_settings(self) : json_incref(self->file.plugins);
        return true;
    }
    fail(self, "out of memory");
    return false;
}

static void transaction_begin(hgh_standalone *self)
{
    const json_t *in_force = hgh_reload_list_in_force(self->options.reload);
    json_t *joined;

    if (self->before == NULL) {
        self->before = json_incref(hgh_json_unconst(in_force));
    }
    if (hgh_plugin_list_is_within(self->list, in_force)) {
        import_begin(self);
        return;
    }
    joined = hgh_plugin_list_join(in_force, self->list);
    if (joined == NULL) {
        fail(self, "out of memory");
        look_end(self);
        return;
    }
    reload_begin(self, STEP_WIDEN, joined);
    json_decref(joined);
}

static void look(hgh_standalone *self)
{
    if (self->step != STEP_NONE) {
        self->is_late = true;
        return;
    }
    if (file_read(self) && file_parse(self)) {
        transaction_begin(self);
    } else {
        look_end(self);
    }
}

static void on_change(void *context)
{
    look(context);
}

/* What was refused may be good with other plugins, or because what failed has passed. */
static void on_retry(void *context)
{
    hgh_standalone *self = context;
    uint64_t now_ms = hgh_event_loop_now_ms();

    hgh_event_loop_timer_start(self->options.loop, &self->retry, RETRY_MS, on_retry, self);
    if (self->step == STEP_NONE && strcmp(self->report.state, "refused") == 0 &&
        ((self->retry_at_ms != 0 && now_ms >= self->retry_at_ms) ||
         self->generation != hgh_plugin_catalog_generation(self->options.parts->catalog))) {
        self->seen[0] = '\0';
        self->retry_at_ms = 0;
        look(self);
    }
}

/* --- the whole --- */

hg_status hgh_standalone_new(const hgh_standalone_options *options,
                             hgh_standalone **out_standalone,
                             hg_error *err)
{
    hgh_standalone *self = calloc(1, sizeof(*self));

    if (self != NULL) {
        self->options = *options;
        self->name = hgh_standalone_name(options->settings);
        self->path = hgh_instance_path(options->instance, self->name);
    }
    if (self == NULL || self->path == NULL) {
        free(self);
        return hg_error_set(err, HG_ERR_NO_MEMORY, "out of memory");
    }
    hgh_standalone_report_open(&self->report, options->instance, self->name,
                               hgh_resource_table_revision(options->parts->table) > 0);
    *out_standalone = self;
    return HG_OK;
}

void hgh_standalone_end(hgh_standalone *self)
{
    if (self != NULL) {
        self->is_over = true;
    }
}

void hgh_standalone_free(hgh_standalone *self)
{
    if (self == NULL) {
        return;
    }
    hgh_event_loop_timer_stop(self->options.loop, &self->retry);
    hgh_file_watch_free(self->watch);
    hgh_standalone_file_done(&self->file);
    json_decref(self->list);
    json_decref(self->before);
    json_decref(self->good_list);
    hgh_standalone_report_done(&self->report);
    free(self->path);
    free(self);
}

void hgh_standalone_prepare(hgh_standalone *self)
{
    const json_t *in_force = hgh_reload_list_in_force(self->options.reload);
    json_t *wanted = NULL;

    if (file_read(self) && file_parse(self)) {
        wanted = self->report.has_good ? hgh_plugin_list_join(in_force, self->list)
                                       : json_incref(self->list);
    } else if (self->report
                   .has_good) { /* no plugin goes before the file is good that does without it */
        wanted = json_incref(hgh_json_unconst(in_force));
    }
    if (self->report.has_good) {
        self->before = json_incref(hgh_json_unconst(in_force));
        self->good_list = json_incref(self->before);
    }
    hgh_reload_set_list(self->options.reload, wanted);
    json_decref(wanted);
}

void hgh_standalone_begin(hgh_standalone *self,
                          void (*done)(void *context, bool can_serve),
                          void *context)
{
    hg_error err = HG_ERROR_INIT;

    self->begun = done;
    self->begun_context = context;
    /* Watched before it is read again: nothing that comes after is missed. */
    if (hgh_file_watch_new(self->options.loop, self->path, on_change, self, &self->watch, &err) !=
        HG_OK) {
        hgh_log(HG_LOG_ERROR, "%s: changes of it go unseen: %s", self->name, err.text);
    }
    hgh_event_loop_timer_start(self->options.loop, &self->retry, RETRY_MS, on_retry, self);
    if (self->list != NULL) { /* it was read before the first look, and is good so far */
        self->is_late = true; /* since then it may have changed */
        transaction_begin(self);
    } else {
        hgh_standalone_file_done(&self->file);
        look(self);
    }
}

json_t *hgh_standalone_status(const hgh_standalone *self)
{
    return hgh_standalone_report_json(&self->report,
                                      hgh_resource_table_revision(self->options.parts->table));
}
