/* host/control/reload_answer.c - what is asked for of a reload, and what is told of it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <hotgate/plugin.h>

#include "host/control/build_config.h"
#include "host/control/control_log.h"
#include "host/control/generation_archive.h"
#include "host/control/history.h"
#include "host/control/manifest.h"
#include "host/control/reload_parts.h"
#include "host/control/worker_board.h"
#include "host/core/address.h"

#define STATUS_OK        200u
#define STATUS_BAD       400u
#define STATUS_REFUSED   409u
#define HISTORY_DEFAULT  50
#define ADDRESS_TEXT_MAX 64

/* --------------------------------------------------------------------------------- reports */

static json_t *report_json(const hgh_reload *reload, const char *result)
{
    const hgh_reload_run *run = &reload->run;
    json_t *report =
        json_pack("{s:s, s:I, s:O, s:o, s:I}", "result", result, "generation",
                  (json_int_t)hgh_manifest_generation(reload->manifest), "plugins", run->report,
                  "workers", hgh_worker_board_json(reload->board), "duration_ms",
                  (json_int_t)(hgh_event_loop_now_ms() - run->began_ms));

    if (run->dry_run) {
        (void)json_object_set_new(report, "dry_run", json_true());
    }
    return report;
}

/* `done` is what APISIX says: its clients look no further, and know of no dry run. */
void hgh_reload_answer_committed(hgh_reload *reload, const char *result)
{
    hgh_admin_answer_later *later = reload->run.later;

    if (later == NULL) {
        return;
    }
    if (!reload->run.is_own && !reload->run.dry_run &&
        strcmp(reload->options.settings->admin_api_version, "v3") != 0) {
        hgh_admin_answer answer = {0};

        hgh_admin_answer_text(&answer, STATUS_OK, strdup("done"), strlen("done"));
        later->send(later, &answer);
        return;
    }
    hgh_admin_later_json(later, STATUS_OK, report_json(reload, result));
}

void hgh_reload_answer_refused(hgh_reload *reload)
{
    hgh_reload_run *run = &reload->run;
    json_t *body;

    if (run->later == NULL) {
        return;
    }
    body = report_json(reload, "refused");
    (void)json_object_set_new(body, "error_msg", json_string(run->reason));
    hgh_admin_later_json(run->later, STATUS_REFUSED, body);
}

/* --------------------------------------------------------------------------------- history */

/* Those that differ from what was in force: the history is read by people. */
static json_t *changes_json(const hgh_reload_run *run)
{
    json_t *changes = json_array();
    size_t index;
    json_t *item;

    json_array_foreach(run->report, index, item)
    {
        const char *state = json_string_value(json_object_get(item, "state"));

        if (state != NULL && strcmp(state, "unchanged") != 0 && strcmp(state, "ignored") != 0) {
            json_t *line = json_copy(item);

            (void)json_object_del(line, "schema_changes");
            (void)json_object_del(line, "issues");
            (void)json_array_append_new(changes, line);
        }
    }
    return changes;
}

void hgh_reload_record(const hgh_reload *reload, const char *result)
{
    static const char *const events[] = {
        [HGH_RELOAD_BY_REQUEST] = "reload",
        [HGH_RELOAD_AT_START] = "start",
        [HGH_RELOAD_ROLLBACK] = "rollback",
        [HGH_RELOAD_RECOVERY] = "recovery",
    };
    const hgh_reload_run *run = &reload->run;
    hg_error err = HG_ERROR_INIT;
    json_t *event;

    if (run->dry_run) {
        return;
    }
    event = json_pack("{s:s, s:s, s:s, s:I, s:o, s:s*, s:I}", "event", events[run->kind], "result",
                      result, "who", run->who == NULL ? "the gateway" : run->who, "generation",
                      (json_int_t)hgh_manifest_generation(reload->manifest), "plugins",
                      changes_json(run), "reason", run->reason[0] == '\0' ? NULL : run->reason,
                      "duration_ms", (json_int_t)(hgh_event_loop_now_ms() - run->began_ms));
    if (hgh_history_add(reload->options.instance, event, &err) != HG_OK) {
        hgh_log(HG_LOG_WARN, "the history: %s", err.text);
    }
}

void hgh_reload_answer_history(void *context,
                               const hgh_admin_request *request,
                               hgh_admin_answer_later *later)
{
    const hgh_reload *reload = context;
    const char *text = hgh_admin_request_argument(request, "limit");
    char *end = NULL;
    long limit = text == NULL ? HISTORY_DEFAULT : strtol(text, &end, 10);

    if (limit < 1 || limit > (long)HGH_HISTORY_EVENTS ||
        (text != NULL && (end == text || *end != '\0'))) {
        hgh_admin_later_error(later, STATUS_BAD,
                              "invalid argument limit: found \"%.40s\", wanted a number from 1 to "
                              "%u",
                              text, HGH_HISTORY_EVENTS);
        return;
    }
    hgh_admin_later_json(
        later, STATUS_OK,
        json_pack("{s:o}", "events", hgh_history_read(reload->options.instance, (size_t)limit)));
}

/* ---------------------------------------------------------------------------------- status */

static json_t *plugins_json(const hgh_reload *reload)
{
    json_t *plugins = json_array();
    size_t index;
    json_t *entry;

    json_array_foreach(json_object_get(reload->manifest, "plugins"), index, entry)
    {
        json_t *item = json_copy(entry);
        bool is_disabled = json_object_get(entry, "disabled") != NULL;

        (void)json_object_del(item, "attributes"); /* may hold secrets */
        (void)json_object_del(item, "previous");
        (void)json_object_del(item, "described"); /* for workers */
        (void)json_object_set_new(item, "state", json_string(is_disabled ? "disabled" : "loaded"));
        (void)json_array_append_new(plugins, item);
    }
    return plugins;
}

/* The generations that a way back leads to. */
static json_t *archive_json(const hgh_reload *reload)
{
    json_t *kept = hgh_generation_archive_all(reload->options.instance);
    json_t *array = json_array();

    for (size_t i = 0; i < json_array_size(kept); i++) {
        const json_t *manifest = json_array_get(kept, i);

        (void)json_array_append_new(
            array, json_pack("{s:I, s:O*, s:I}", "generation",
                             (json_int_t)hgh_manifest_generation(manifest), "made_at",
                             json_object_get(manifest, "made_at"), "plugins",
                             (json_int_t)json_array_size(json_object_get(manifest, "plugins"))));
    }
    json_decref(kept);
    return array;
}

void hgh_reload_answer_status(void *context,
                              const hgh_admin_request *request,
                              hgh_admin_answer_later *later)
{
    const hgh_reload *reload = context;
    json_t *quarantine = json_object_get(reload->manifest, "quarantine");
    json_t *status;

    (void)request;
    status = json_pack(
        "{s:I, s:s, s:o, s:O, s:o, s:O, s:o, s:o, s:o}", "generation",
        (json_int_t)hgh_manifest_generation(reload->manifest), "version", HGH_VERSION, "plugins",
        plugins_json(reload), "listed", json_object_get(reload->manifest, "listed"), "ignored",
        hgh_reload_ignored(reload), "rejected", reload->rejected, "quarantine",
        quarantine == NULL ? json_array() : json_incref(quarantine), "kept_generations",
        archive_json(reload), "workers", hgh_worker_board_json(reload->board));
    if (reload->options.on_status != NULL) {
        reload->options.on_status(reload->options.context, status);
    }
    hgh_admin_later_json(later, STATUS_OK, status);
}

/* --------------------------------------------------------------------------------- request */

/* "true" or "false"; false: neither. */
static bool flag_parse(const char *value, bool *out_flag)
{
    *out_flag = strcmp(value, "true") == 0;
    return *out_flag || strcmp(value, "false") == 0;
}

static bool generation_parse(const char *value, uint64_t *out_generation)
{
    char *end = NULL;

    *out_generation = strtoull(value, &end, 10);
    return value[0] >= '1' && value[0] <= '9' && *end == '\0';
}

/* One argument; false: its value is none of those it can have, which `wanted` says. */
static bool
argument_parse(hgh_reload_run *run, const hgh_admin_argument *argument, const char **out_wanted)
{
    const char *name = argument->name;
    const char *value = argument->value;

    *out_wanted = "true or false";
    if (strcmp(name, "force") == 0) {
        return flag_parse(value, &run->force);
    }
    if (strcmp(name, "dry_run") == 0) {
        return flag_parse(value, &run->dry_run);
    }
    if (strcmp(name, "rollback") == 0) {
        bool is_asked = true;
        bool is_good = generation_parse(value, &run->back_to) || flag_parse(value, &is_asked);

        *out_wanted = "true, or the number of a generation";
        run->kind = is_asked ? HGH_RELOAD_ROLLBACK : HGH_RELOAD_BY_REQUEST;
        return is_good;
    }
    if (strcmp(name, "plugin") == 0) {
        *out_wanted = "the name of a plugin";
        free(run->only);
        run->only = strdup(value);
        return value[0] != '\0' && strlen(value) <= HG_NAME_MAX && run->only != NULL;
    }
    *out_wanted = NULL;
    return false;
}

/* False: an answer was given. */
static bool arguments_parse(hgh_reload_run *run,
                            const hgh_admin_request *request,
                            hgh_admin_answer_later *later)
{
    for (size_t i = 0; i < request->argument_count; i++) {
        const hgh_admin_argument *argument = &request->arguments[i];
        const char *wanted;

        if (!argument_parse(run, argument, &wanted)) {
            hgh_admin_later_error(
                later, STATUS_BAD, "invalid argument %.60s: found \"%.60s\", wanted %s",
                argument->name, argument->value,
                wanted == NULL ? "one of force, dry_run, plugin and rollback as its name" : wanted);
            return false;
        }
    }
    if (run->kind == HGH_RELOAD_ROLLBACK && (run->only != NULL || run->force)) {
        hgh_admin_later_error(later, STATUS_BAD,
                              "invalid argument rollback: a whole generation comes back, wanted no "
                              "plugin and no force beside it");
        return false;
    }
    return true;
}

/* Who asks, for the history. */
static char *client_text(const hgh_admin_request *request)
{
    char address[ADDRESS_TEXT_MAX];
    char *text = NULL;

    if (request->peer == HGH_ADMIN_PEER_LOCAL) {
        return strdup("the instance's socket");
    }
    if (request->client.family == HG_ADDRESS_NONE) {
        return strdup("an unknown address");
    }
    (void)hgh_address_format(&request->client, address, sizeof(address));
    return asprintf(&text, "%s", address) < 0 ? NULL : text;
}

void hgh_reload_answer(void *context,
                       const hgh_admin_request *request,
                       hgh_admin_answer_later *later)
{
    hgh_reload *reload = context;
    hgh_reload_run run = {.kind = HGH_RELOAD_BY_REQUEST, .later = later};

    if (!arguments_parse(&run, request, later)) {
        free(run.only);
        return;
    }
    run.who = client_text(request);
    reload->run = run;
    hgh_reload_run_begin(reload);
}

void hgh_reload_start(hgh_reload *reload, const char *who, hgh_admin_answer_later *later)
{
    reload->run = (hgh_reload_run){
        .kind = HGH_RELOAD_BY_REQUEST,
        .is_own = true,
        .who = strdup(who),
        .later = later,
    };
    hgh_reload_run_begin(reload);
}
