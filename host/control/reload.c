/* host/control/reload.c - puts plugin objects into service: all of them or none. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#include "host/control/control_log.h"
#include "host/control/generation_archive.h"
#include "host/control/manifest.h"
#include "host/control/probe.h"
#include "host/control/reload_parts.h"
#include "host/control/schema_changes.h"
#include "host/control/staging.h"
#include "host/control/supervisor_link.h"
#include "host/control/worker_board.h"
#include "host/core/failpoint.h"
#include "host/core/time_limit.h"

#define VOTE_MS   HGH_TIME_LIMIT(10000u) /* until every worker has voted */
#define FOLLOW_MS HGH_TIME_LIMIT(2000u)  /* until every worker runs what was committed */
#define DRAIN_MS  300u                   /* how long the answer waits for old objects to go */
#define LOOK_MS   20u                    /* between looks at the board, if nobody says anything */
#define SWEEP_MS  500u                   /* between looks for workers that have died */

const hgh_settings *hgh_reload_settings(const hgh_reload *reload)
{
    return reload->run.settings == NULL ? reload->options.settings : reload->run.settings;
}

const json_t *hgh_reload_listed(const hgh_reload *reload)
{
    const json_t *listed =
        reload->list == NULL ? hgh_reload_settings(reload)->plugins : reload->list;

    return json_is_null(listed) ? NULL : listed;
}

void hgh_reload_set_list(hgh_reload *reload, json_t *list)
{
    json_incref(list); /* it may be the one that goes */
    json_decref(reload->list);
    reload->list = list;
}

const json_t *hgh_reload_list_in_force(const hgh_reload *reload)
{
    return json_object_get(reload->manifest, "listed");
}

/* ------------------------------------------------------------------------------------ ends */

static void run_done(hgh_reload_run *run)
{
    for (size_t i = 0; i < run->candidate_count; i++) {
        json_decref(run->candidates[i].fallback);
    }
    hgh_probe_free(run->probe);
    json_decref(run->rejected);
    free(run->only);
    free(run->who);
    json_decref(run->next);
    json_decref(run->report);
    json_decref(run->descriptions);
    json_decref(run->warnings);
    free(run->candidates);
    hgh_settings_free(run->settings);
    memset(run, 0, sizeof(*run));
}

static void run_end(hgh_reload *reload)
{
    void (*ended)(void *) = reload->run.ended;
    void *context = reload->run.ended_context;

    hgh_event_loop_timer_stop(reload->options.loop, &reload->look);
    if (reload->run.rejected != NULL) {
        json_decref(reload->rejected);
        reload->rejected = json_incref(reload->run.rejected);
    }
    run_done(&reload->run);
    if (ended != NULL) {
        ended(context);
    }
}

/* Nothing is in force of what was staged. */
static void candidates_discard(hgh_reload *reload)
{
    hgh_reload_run *run = &reload->run;

    for (size_t i = 0; i < run->candidate_count; i++) {
        hgh_staging_remove(reload->options.instance,
                           json_string_value(json_object_get(run->candidates[i].entry, "path")));
    }
}

void hgh_reload_refuse(hgh_reload *reload)
{
    json_t *next_number = json_object_get(reload->run.next, "next_number");

    if (next_number != NULL) { /* crashes stand on the board by number: no other object gets it */
        (void)json_object_set(reload->manifest, "next_number", next_number);
    }
    hgh_log(HG_LOG_ERROR, "reload refused, generation %llu stays in force: %s",
            (unsigned long long)hgh_manifest_generation(reload->manifest), reload->run.reason);
    if (reload->run.kind == HGH_RELOAD_RECOVERY) {
        hgh_reload_recovery_failed(reload);
    }
    hgh_reload_record(reload, "refused");
    hgh_reload_answer_refused(reload);
    candidates_discard(reload);
    run_end(reload);
}

void hgh_reload_refuse_with(hgh_reload *reload, const char *reason)
{
    (void)snprintf(reload->run.reason, sizeof(reload->run.reason), "%s", reason);
    hgh_reload_refuse(reload);
}

/* ------------------------------------------------------------------------- prepare, commit */

static bool listed_is_same(const hgh_reload *reload)
{
    json_t *now = json_object_get(reload->run.next, "listed");

    return json_equal(now, json_object_get(reload->manifest, "listed")) != 0;
}

static void look_again(hgh_reload *reload);

/* What is known of each plugin in force: new descriptions, by name, over the old ones. */
static void catalog_fill(hgh_reload *reload, const json_t *descriptions)
{
    json_t *all = json_array();
    size_t index;
    json_t *entry;

    json_array_foreach(json_object_get(reload->manifest, "plugins"), index, entry)
    {
        const char *name = json_string_value(json_object_get(entry, "name"));
        const json_t *known = json_object_get(descriptions, name);
        json_t *item;

        if (known == NULL) {
            known = hgh_plugin_catalog_find(reload->options.catalog, name);
        }
        item = known == NULL ? json_object() : json_copy((json_t *)(uintptr_t)known);
        (void)json_object_update(item, entry);
        (void)json_object_del(item, "attributes"); /* may hold secrets */
        (void)json_object_del(item, "described");
        (void)json_array_append_new(all, item);
    }
    hgh_plugin_catalog_set(reload->options.catalog, hgh_manifest_generation(reload->manifest), all);
}

static void candidates_report(hgh_reload *reload)
{
    hgh_reload_run *run = &reload->run;

    for (size_t i = 0; i < run->candidate_count; i++) {
        const hgh_reload_candidate *new = &run->candidates[i];
        const json_t *old = hgh_manifest_find(reload->manifest, new->name);
        const char *state = json_is_true(json_object_get(new->entry, "restored")) ? "restored"
                            : new->replaces                                       ? "replaced"
                                                                                  : "loaded";
        json_t *item = hgh_reload_report_add(run, new->name, state);
        const json_t *was = hgh_plugin_catalog_find(reload->options.catalog, new->name);

        (void)json_object_set(item, "version", json_object_get(new->entry, "version"));
        (void)json_object_set(item, "sha256", json_object_get(new->entry, "sha256"));
        (void)json_object_set(item, "build_id", json_object_get(new->entry, "build_id"));
        (void)json_object_set(item, "warnings", json_object_get(run->warnings, new->name));
        if (old != NULL) {
            (void)json_object_set(item, "previous_version", json_object_get(old, "version"));
            (void)json_object_set(item, "previous_sha256", json_object_get(old, "sha256"));
            (void)json_object_set(item, "previous_build_id", json_object_get(old, "build_id"));
        }
        if (was != NULL) {
            (void)json_object_set_new(
                item, "schema_changes",
                hgh_schema_changes(was, json_object_get(run->descriptions, new->name)));
        }
        if (!run->dry_run) {
            hgh_log(HG_LOG_NOTICE, "reload: plugin %s %s is %s", new->name,
                    json_string_value(json_object_get(new->entry, "version")), state);
        }
    }
}

/* What a recovery is about counts no more once workers load what comes of it; else they would leave
 * that out again. */
static void crashes_settle(hgh_reload *reload)
{
    hgh_board *board = reload->board;

    if (reload->run.kind == HGH_RELOAD_RECOVERY) {
        reload->run.settled_before = atomic_load(&board->crashes_settled);
        atomic_store(&board->crashes_settled, hgh_crash_newest(board));
    }
    if (reload->run.distrusts_workers) {
        atomic_store(&board->distrusted_ms, hgh_event_loop_now_ms());
    }
}

static void crashes_unsettle(hgh_reload *reload)
{
    if (reload->run.kind == HGH_RELOAD_RECOVERY) {
        atomic_store(&reload->board->crashes_settled, reload->run.settled_before);
    }
    if (reload->run.distrusts_workers) {
        atomic_store(&reload->board->distrusted_ms, 0);
    }
}

/* What is not there any more; what the list leaves out is told with those that configure it. */
static void removals_log(const hgh_reload *reload)
{
    for (size_t i = 0; i < json_array_size(reload->run.report); i++) {
        const json_t *item = json_array_get(reload->run.report, i);

        if (strcmp(json_string_value(json_object_get(item, "state")), "removed") == 0) {
            hgh_log(HG_LOG_NOTICE, "reload: plugin %s is removed",
                    json_string_value(json_object_get(item, "name")));
        }
    }
}

/* Every worker has said yes: from the manifest's rename on the new generation is in force. */
static void commit(hgh_reload *reload)
{
    hgh_reload_run *run = &reload->run;
    uint64_t generation = hgh_manifest_generation(run->next);
    char *path = hgh_instance_path(reload->options.instance, HGH_MANIFEST_FILE);
    hg_error err = HG_ERROR_INIT;
    hg_status status;

    hgh_failpoint("reload.voted");
    if (hgh_manifest_generation(reload->manifest) != 0 &&
        hgh_generation_archive_keep(reload->options.instance, reload->manifest, &err) != HG_OK) {
        hgh_log(HG_LOG_ERROR, "reload: no way back to generation %llu: %s",
                (unsigned long long)hgh_manifest_generation(reload->manifest), err.text);
    }
    hgh_failpoint("reload.kept");
    err = (hg_error)HG_ERROR_INIT;
    status = path == NULL ? HG_ERR_NO_MEMORY : hgh_manifest_write(path, run->next, &err);

    free(path);
    if (status != HG_OK) {
        crashes_unsettle(reload);
        hgh_isolated_generations_abort(reload->options.isolated);
        (void)hgh_feed_writer_abort(reload->options.feed, generation, NULL);
        hgh_reload_refuse_with(reload, err.text);
        return;
    }
    hgh_failpoint("reload.written");
    status = hgh_feed_writer_commit(reload->options.feed, generation, &err);
    hgh_failpoint("reload.committed");
    if (status != HG_OK) { /* room for it is reserved; the next epoch states it in any case */
        hgh_log(HG_LOG_ERROR, "reload: %s", err.text);
    }
    atomic_store(&reload->board->committed_ms, hgh_event_loop_now_ms());
    hgh_isolated_generations_commit(reload->options.isolated, run->next);
    removals_log(reload);
    candidates_report(reload);
    json_decref(reload->previous);
    reload->previous = reload->manifest;
    reload->manifest = json_incref(run->next);
    catalog_fill(reload, run->descriptions);
    hgh_plugin_check_set_manifest(reload->options.check, reload->manifest);
    run->step = HGH_RELOAD_FOLLOW;
    run->deadline_ms = hgh_event_loop_now_ms() + FOLLOW_MS;
    run->drain_deadline_ms = hgh_event_loop_now_ms() + DRAIN_MS;
    look_again(reload);
}

static void abort_prepared(hgh_reload *reload, const char *reason)
{
    hg_error err = HG_ERROR_INIT;

    crashes_unsettle(reload);
    hgh_isolated_generations_abort(reload->options.isolated);
    if (hgh_feed_writer_abort(reload->options.feed, hgh_manifest_generation(reload->run.next),
                              &err) != HG_OK) {
        hgh_log(HG_LOG_ERROR, "reload: %s", err.text);
    }
    hgh_reload_refuse_with(reload, reason);
}

static void run_end_as(hgh_reload *reload, const char *result)
{
    hgh_reload_record(reload, result);
    hgh_reload_answer_committed(reload, result);
    run_end(reload);
}

void hgh_reload_prepare(hgh_reload *reload)
{
    hgh_reload_run *run = &reload->run;
    hg_error err = HG_ERROR_INIT;
    char *text;
    hg_status status;

    if (run->candidate_count == 0 && !run->changes && listed_is_same(reload) &&
        run->kind != HGH_RELOAD_AT_START) {
        run_end_as(reload, "unchanged");
        return;
    }
    if (run->dry_run) {
        candidates_report(reload);
        candidates_discard(reload);
        run_end_as(reload, "would be committed");
        return;
    }
    hgh_failpoint("reload.probed");
    /* A vote on an attempt that was given up must not count for this one: no number is used twice,
     * and votes from before a restart of control are struck out. */
    hgh_worker_board_clear_votes(reload->board);
    text = json_dumps(run->next, JSON_COMPACT);
    crashes_settle(reload);
    status = text == NULL
                 ? HG_ERR_NO_MEMORY
                 : hgh_isolated_generations_prepare(reload->options.isolated, run->next, &err);
    if (status == HG_OK) {
        status = hgh_feed_writer_prepare(reload->options.feed, text, &err);
    }
    free(text);
    if (status != HG_OK) {
        crashes_unsettle(reload);
        hgh_isolated_generations_abort(reload->options.isolated);
        hgh_reload_refuse_with(reload, err.text[0] == '\0' ? "out of memory" : err.text);
        return;
    }
    hgh_failpoint("reload.prepared");
    run->step = HGH_RELOAD_VOTES;
    run->deadline_ms = hgh_event_loop_now_ms() + VOTE_MS;
    look_again(reload);
}

/* ----------------------------------------------------------------------------------- board */

/* A worker that dies over a candidate has voted no, and no other worker shall try that file. */
static void vote_of_dead(hgh_reload *reload, const hgh_reload_candidate *over, const char *reason)
{
    char text[HG_ERROR_TEXT_MAX];

    if (reload->run.kind != HGH_RELOAD_RECOVERY) {
        hgh_reload_reject(reload, over->name,
                          json_string_value(json_object_get(over->entry, "sha256")), reason, NULL);
    }
    (void)snprintf(text, sizeof(text), "plugin %.63s: %.400s", over->name, reason);
    abort_prepared(reload, text);
}

static void dead_look(hgh_reload *reload)
{
    char reason[HG_ERROR_TEXT_MAX];
    const hgh_reload_candidate *over = hgh_reload_tell_dead(reload, reason, sizeof(reason));

    if (over != NULL && reload->run.step == HGH_RELOAD_VOTES) {
        vote_of_dead(reload, over, reason);
    }
    hgh_reload_recover(reload);
}

static void on_sweep(void *context)
{
    hgh_reload *reload = context;

    dead_look(reload);
    hgh_event_loop_timer_start(reload->options.loop, &reload->sweep, SWEEP_MS, on_sweep, reload);
}

static void votes_look(hgh_reload *reload)
{
    hgh_reload_run *run = &reload->run;
    hgh_vote_count count =
        hgh_worker_board_votes(reload->board, hgh_manifest_generation(run->next));
    char reason[HG_ERROR_TEXT_MAX];

    if (count.no > 0) {
        abort_prepared(reload, count.reason);
    } else if (count.yes == count.voters) {
        commit(reload);
    } else if (hgh_event_loop_now_ms() >= run->deadline_ms) {
        (void)snprintf(reason, sizeof(reason), "%zu of %zu workers have not voted within %u s",
                       count.voters - count.yes, count.voters, VOTE_MS / 1000);
        abort_prepared(reload, reason);
    } else {
        look_again(reload);
    }
}

/* Objects that no way back leads to are not needed any more. */
static void staging_sweep(const hgh_reload *reload)
{
    json_t *keep = hgh_generation_archive_all(reload->options.instance);

    if (keep == NULL || json_array_append(keep, reload->manifest) != 0 ||
        (reload->previous != NULL && json_array_append(keep, reload->previous) != 0)) {
        json_decref(keep);
        return; /* no memory to know it by: another time */
    }
    hgh_staging_sweep(reload->options.instance, keep);
    json_decref(keep);
}

/* The answer waits until every worker runs the new generation, and a moment for the old one's last
 * requests. What takes longer is in the report. */
static void follow_look(hgh_reload *reload)
{
    const hgh_reload_run *run = &reload->run;
    uint64_t now = hgh_event_loop_now_ms();
    hgh_follow_count count =
        hgh_worker_board_follow(reload->board, hgh_manifest_generation(reload->manifest),
                                json_array_size(json_object_get(reload->manifest, "plugins")));

    if ((count.there < count.workers && now < run->deadline_ms) ||
        (count.drained < count.workers && now < run->drain_deadline_ms)) {
        look_again(reload);
        return;
    }
    hgh_log(HG_LOG_NOTICE,
            "reload: generation %llu is in force on %zu of %zu workers, after %llu ms",
            (unsigned long long)hgh_manifest_generation(reload->manifest), count.there,
            count.workers, (unsigned long long)(now - run->began_ms));
    hgh_failpoint("reload.followed");
    staging_sweep(reload);
    hgh_reload_log_ignored(reload);
    if (reload->run.kind == HGH_RELOAD_RECOVERY) {
        reload->recovery_failures = 0;
    }
    if (reload->run.distrusts_workers) {
        hgh_log(HG_LOG_NOTICE, "workers are replaced: what they have in memory may be spoilt");
        hgh_supervisor_link_renew(reload->options.instance->shared.supervisor);
    }
    run_end_as(reload, "committed");
}

static void on_look(void *context)
{
    hgh_reload *reload = context;

    dead_look(reload); /* first: who is dead has voted no */
    if (reload->run.step == HGH_RELOAD_VOTES) {
        votes_look(reload);
    } else if (reload->run.step == HGH_RELOAD_FOLLOW) {
        follow_look(reload);
    }
}

static void look_again(hgh_reload *reload)
{
    hgh_event_loop_timer_start(reload->options.loop, &reload->look, LOOK_MS, on_look, reload);
}

/* Workers say that there is news on the board. */
static void on_ack(void *context, uint32_t events)
{
    hgh_reload *reload = context;
    uint64_t count;

    (void)events;
    if (read(reload->options.instance->shared.ack, &count, sizeof(count)) < 0) {
        return; /* another look has taken it */
    }
    on_look(reload);
}

/* ----------------------------------------------------------------------------------- begin */

/* The configuration may name other plugins and attributes by now. */
static hg_status settings_read(hgh_reload *reload, hg_error *err)
{
    const hgh_instance *instance = reload->options.instance;
    hg_issues errors = {0};
    hg_issues warnings = {0};
    char line[HG_ERROR_TEXT_MAX];
    char *text = NULL;
    size_t length = 0;
    hg_status status =
        hgh_supervisor_link_settings(instance->shared.supervisor, &text, &length, err);

    if (status == HG_OK) {
        status = hgh_settings_parse(text, length, instance->config_path, &reload->run.settings,
                                    &errors, &warnings);
        if (status != HG_OK) {
            (void)hg_error_set(err, status, "%s", hgh_issues_first(&errors, line, sizeof(line)));
        }
    }
    hgh_issues_done(&errors);
    hgh_issues_done(&warnings);
    if (text != NULL) {
        explicit_bzero(text, length); /* it holds the keys */
    }
    free(text);
    return status;
}

/* The list of the next manifest. A reload of one plugin adds that one alone, and what is no reload
 * of what lies there leaves it as it is. */
static json_t *listed_next(const hgh_reload *reload)
{
    const hgh_reload_run *run = &reload->run;
    const json_t *wanted = hgh_reload_listed(reload);
    json_t *listed = json_object_get(reload->manifest, "listed");

    if (run->kind == HGH_RELOAD_ROLLBACK || run->kind == HGH_RELOAD_RECOVERY) {
        return json_deep_copy(listed);
    }
    if (run->only == NULL || !json_is_array(listed) || wanted == NULL) {
        return wanted == NULL ? json_null() : json_deep_copy(wanted);
    }
    listed = json_deep_copy(listed);
    if (hgh_reload_is_listed(reload, run->only) && !hgh_reload_name_is_in(listed, run->only)) {
        (void)json_array_append_new(listed, json_string(run->only));
    }
    return listed;
}

static hg_status run_prepare(hgh_reload *reload, hg_error *err)
{
    hgh_reload_run *run = &reload->run;
    json_t *quarantine = json_deep_copy(json_object_get(reload->manifest, "quarantine"));

    /* Never a number that was refused: votes on that one still stand on the board. */
    run->descriptions = json_object();
    run->warnings = json_object();
    run->next = json_pack("{s:I, s:I, s:O, s:o, s:O*, s:[]}", "generation",
                          (json_int_t)reload->newest + 1, "made_at", (json_int_t)time(NULL),
                          "next_number", json_object_get(reload->manifest, "next_number"), "listed",
                          listed_next(reload), "quarantine", quarantine, "plugins");
    json_decref(quarantine);
    if (run->report == NULL || run->descriptions == NULL || run->warnings == NULL ||
        run->next == NULL) {
        return hg_error_set(err, HG_ERR_NO_MEMORY, "out of memory");
    }
    reload->newest++;
    return hgh_staging_check(reload->options.instance, err);
}

static hg_status run_choose(hgh_reload *reload, hg_error *err)
{
    switch (reload->run.kind) {
    case HGH_RELOAD_ROLLBACK:
        return hgh_reload_choose_rollback(reload, err);
    case HGH_RELOAD_RECOVERY:
        return hgh_reload_choose_recovery(reload, err);
    case HGH_RELOAD_BY_REQUEST:
    case HGH_RELOAD_AT_START:
        break;
    }
    return hgh_reload_choose(reload, err);
}

void hgh_reload_run_begin(hgh_reload *reload)
{
    static const char *const words[] = {
        [HGH_RELOAD_BY_REQUEST] = "start to hot reload plugins",
        [HGH_RELOAD_AT_START] = "start to load plugins",
        [HGH_RELOAD_ROLLBACK] = "start to go back to an earlier generation of plugins",
        [HGH_RELOAD_RECOVERY] = "start to put plugins out of service that workers have died in",
    };
    hgh_reload_run *run = &reload->run;
    hg_error err = HG_ERROR_INIT;
    hg_status status = HG_OK;

    run->began_ms = hgh_event_loop_now_ms();
    run->report = json_array(); /* a refusal has one too, whatever it is over */
    if (run->dry_run) {
        run->rejected = json_deep_copy(reload->rejected);
    }
    hgh_log(HG_LOG_NOTICE, "%s%s", words[run->kind],
            run->dry_run ? ", to see what comes of it" : "");
    if (run->kind == HGH_RELOAD_BY_REQUEST || run->kind == HGH_RELOAD_ROLLBACK) {
        status = settings_read(reload, &err);
    }
    if (status == HG_OK) {
        status = run_prepare(reload, &err);
    }
    hgh_failpoint("reload.begun");
    if (status == HG_OK) {
        status = run_choose(reload, &err);
    }
    hgh_failpoint("reload.chosen");
    if (status != HG_OK) {
        hgh_reload_refuse_with(reload, err.text[0] == '\0' ? "out of memory" : err.text);
        return;
    }
    hgh_reload_probe_next(reload);
}

/* ------------------------------------------------------------------------------------- new */

hg_status hgh_reload_new(const hgh_reload_options *options,
                         json_t *manifest,
                         hgh_reload **out_reload,
                         hg_error *err)
{
    hgh_reload *reload = calloc(1, sizeof(*reload));
    hg_status status;

    if (reload == NULL) {
        return hg_error_set(err, HG_ERR_NO_MEMORY, "out of memory");
    }
    reload->options = *options;
    reload->manifest = manifest == NULL ? hgh_manifest_new() : json_incref(manifest);
    reload->rejected = json_object();
    reload->crash_reports = hgh_crash_reports_new(options->loop, options->instance);
    reload->board = hgh_board_map(options->instance->shared.board, true);
    if (reload->board == NULL) {
        status = hg_error_set(err, HG_ERR_IO, "the board: %s", strerror(errno));
    } else if (reload->manifest == NULL || reload->rejected == NULL ||
               reload->crash_reports == NULL) {
        status = hg_error_set(err, HG_ERR_NO_MEMORY, "out of memory");
    } else {
        reload->newest =
            hgh_worker_board_newest_vote(reload->board, hgh_manifest_generation(reload->manifest));
        status = hgh_event_loop_watch(options->loop, options->instance->shared.ack, EPOLLIN, on_ack,
                                      reload, err);
    }
    if (status != HG_OK) {
        hgh_reload_free(reload);
        return status;
    }
    hgh_isolated_generations_begin(options->isolated, reload->manifest);
    hgh_event_loop_timer_start(options->loop, &reload->sweep, SWEEP_MS, on_sweep, reload);
    *out_reload = reload;
    return HG_OK;
}

void hgh_reload_free(hgh_reload *reload)
{
    if (reload == NULL) {
        return;
    }
    hgh_event_loop_timer_stop(reload->options.loop, &reload->look);
    hgh_event_loop_timer_stop(reload->options.loop, &reload->sweep);
    hgh_event_loop_timer_stop(reload->options.loop, &reload->deferred);
    hgh_event_loop_unwatch(reload->options.loop, reload->options.instance->shared.ack);
    if (reload->run.step == HGH_RELOAD_VOTES) { /* nobody will decide: workers forget it */
        (void)hgh_feed_writer_abort(reload->options.feed, hgh_manifest_generation(reload->run.next),
                                    NULL);
    }
    run_done(&reload->run);
    hgh_crash_reports_free(reload->crash_reports);
    hgh_board_unmap(reload->board);
    json_decref(reload->manifest);
    json_decref(reload->previous);
    json_decref(reload->rejected);
    json_decref(reload->list);
    free(reload);
}

/* True if the configuration asks for other plugins, attributes or isolation than the manifest has.
 */
static bool configuration_differs(const hgh_reload *reload)
{
    const hgh_settings *settings = reload->options.settings;
    const json_t *wanted = hgh_reload_listed(reload);
    json_t *listed = json_object_get(reload->manifest, "listed");
    size_t index;
    json_t *entry;

    if (wanted == NULL ? !json_is_null(listed) : json_equal(wanted, listed) == 0) {
        return true;
    }
    json_array_foreach(json_object_get(reload->manifest, "plugins"), index, entry)
    {
        if (!hgh_reload_is_as_configured(settings, entry)) {
            return true;
        }
    }
    return false;
}

void hgh_reload_begin(hgh_reload *reload, void (*done)(void *context), void *context)
{
    hg_error err = HG_ERROR_INIT;

    if (hgh_manifest_generation(reload->manifest) == 0 || configuration_differs(reload)) {
        reload->run.kind = HGH_RELOAD_AT_START;
        reload->run.ended = done;
        reload->run.ended_context = context;
        hgh_reload_run_begin(reload);
        return;
    }
    hgh_plugin_check_set_manifest(reload->options.check, reload->manifest);
    catalog_fill(reload, NULL);
    hgh_reload_log_ignored(reload);
    if (hgh_plugin_check_load(reload->options.check, &err) != HG_OK) {
        hgh_log(HG_LOG_ERROR, "%s", err.text);
    }
    done(context);
}

void hgh_reload_describe(hgh_reload *reload, const json_t *plugins)
{
    json_t *by_name = json_object();
    size_t index;
    json_t *plugin;

    json_array_foreach((json_t *)(uintptr_t)plugins, index, plugin)
    {
        const char *name = json_string_value(json_object_get(plugin, "name"));

        if (name != NULL) {
            (void)json_object_set(by_name, name, plugin);
        }
    }
    catalog_fill(reload, by_name);
    json_decref(by_name);
}
