/* host/control/reload_parts.h - what the files of a reload share: its state, and its steps. */
#ifndef HOST_CONTROL_RELOAD_PARTS_H
#define HOST_CONTROL_RELOAD_PARTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include "host/control/crash_report.h"
#include "host/control/probe.h"
#include "host/control/reload.h"
#include "host/core/board.h"

/* An object that is to be put into service. */
typedef struct hgh_reload_candidate {
    json_t *entry; /* of the next manifest; borrowed from it */
    const char *name;
    json_t *fallback; /* what stands there if it is refused; a reference, NULL: nothing */
    bool replaces;
    bool tried; /* the same file was refused before, for what is configured: it holds up nobody */
} hgh_reload_candidate;

/* Where the next generation comes from. */
typedef enum hgh_reload_kind {
    HGH_RELOAD_BY_REQUEST = 0,
    HGH_RELOAD_AT_START, /* bad objects are left out instead of refusing all */
    HGH_RELOAD_ROLLBACK, /* from a manifest that was kept */
    HGH_RELOAD_RECOVERY, /* from the one in force, without what workers die of */
} hgh_reload_kind;

/* What is being waited for. */
typedef enum hgh_reload_step {
    HGH_RELOAD_NONE = 0,
    HGH_RELOAD_PROBE,
    HGH_RELOAD_VOTES,
    HGH_RELOAD_FOLLOW,
} hgh_reload_step;

/* One reload under way. */
typedef struct hgh_reload_run {
    hgh_reload_kind kind;
    bool force;
    bool dry_run;     /* it ends before a worker hears of it */
    char *only;       /* the plugin that is asked for; NULL: all */
    uint64_t back_to; /* of a rollback; 0: the one before */
    char *who;        /* asked for it; for the history */
    bool is_own;      /* nobody did at the Admin API: its answer is a report in any case */
    hgh_reload_step step;
    hgh_settings *settings; /* read anew; NULL: those of the start */
    json_t *next;           /* manifest */
    json_t *report;         /* an array, one object a plugin */
    json_t *descriptions;   /* by name, of the candidates that were probed */
    json_t *warnings;       /* the same: what the probe found and puts up with */
    json_t *rejected;       /* of before, for a dry run that changes nothing; else NULL */
    hgh_reload_candidate *candidates;
    size_t candidate_count;
    size_t probed;
    size_t rejections;              /* new ones */
    bool changes;                   /* something beside the candidates */
    char reason[HG_ERROR_TEXT_MAX]; /* of a refusal as a whole */
    hgh_probe *probe;
    uint64_t began_ms;
    uint64_t deadline_ms;
    uint64_t drain_deadline_ms;
    bool distrusts_workers;        /* what they have in memory may have been overwritten */
    uint64_t settled_before;       /* crashes, for a recovery that fails */
    hgh_admin_answer_later *later; /* NULL: nobody waits */
    void (*ended)(void *context);  /* may be NULL */
    void *ended_context;
} hgh_reload_run;

struct hgh_reload {
    hgh_reload_options options;
    hgh_board *board;
    json_t *manifest; /* in force */
    json_t *previous; /* in force before */
    json_t *rejected; /* by name: {"sha256", "reason"} of the last look; "configured": true if it
                         was for what is configured */
    hgh_crash_reports *crash_reports; /* owned */
    json_t *list;                     /* counts instead of the one of the settings; NULL: none */
    uint64_t newest;                  /* highest generation that was ever prepared */
    hgh_reload_run run;
    hgh_event_loop_timer look;
    hgh_event_loop_timer sweep;
    hgh_event_loop_timer deferred;
    hgh_admin_job recovery; /* in the queue of the writes */
    bool recovery_is_queued;
    uint32_t recovery_failures; /* in a row: the next one only switches off */
    uint64_t recovery_not_before_ms;
};

/** The settings that count: read anew, or those of the start. */
const hgh_settings *hgh_reload_settings(const hgh_reload *reload);

/** The list of plugins that counts; NULL: all that are there. */
const json_t *hgh_reload_listed(const hgh_reload *reload);

/* reload_choose.c: which objects are put into service */

/** Looks into the plugins directories, decides about each object, admits and stages what is new. */
hg_status hgh_reload_choose(hgh_reload *reload, hg_error *err);

/** One more line of the report; borrowed from it. */
json_t *hgh_reload_report_add(hgh_reload_run *run, const char *name, const char *state);

/** An object that will not be used: the report and the log say why. sha256, issues may be NULL. */
void hgh_reload_reject(hgh_reload *reload,
                       const char *name,
                       const char *sha256,
                       const char *reason,
                       const json_t *issues);

/** One that was refused before in the same form: it does not count again. */
void hgh_reload_report_still_rejected(hgh_reload *reload, const char *name);

/** A new object takes its place in the next manifest.
 *
 * entry     taken over in any case; gets "since", and from `replaced` what a way back needs.
 * replaced  the entry of its predecessor; NULL: it has none.
 * fallback  what stands there if it is refused; NULL: nothing.
 */
hg_status hgh_reload_candidate_add(
    hgh_reload *reload, json_t *entry, const json_t *replaced, json_t *fallback, bool tried);

/** An entry of the manifest in force stays in the next one. */
void hgh_reload_keep_entry(hgh_reload_run *run, json_t *entry);

/** Calls for every configuration of a plugin that is stored, also inside that of another one. */
void hgh_reload_each_config(
    const hgh_reload *reload,
    const char *name,
    void (*visit)(void *context, const hgh_resource_object *object, const char *use, json_t *value),
    void *context);

/** True if the settings let the plugin run. */
bool hgh_reload_is_listed(const hgh_reload *reload, const char *name);

bool hgh_reload_name_is_in(const json_t *names, const char *name);

/** plugin_attr of a plugin, borrowed; NULL: it has none. */
json_t *hgh_reload_attributes(const hgh_settings *settings, const char *name);

/** True if hotgate.isolate names it. */
bool hgh_reload_is_isolated(const hgh_settings *settings, const char *name);

/** True if an entry of a manifest has the attributes and the isolation that the settings say. */
bool hgh_reload_is_as_configured(const hgh_settings *settings, const json_t *entry);

/* reload_ignored.c: what the list leaves out */

/** Plugins that stored objects configure and the list in force leaves out, by name: objects with
 * "name" and "objects", how many. Owned by the caller; NULL: no memory. */
json_t *hgh_reload_ignored(const hgh_reload *reload);

/** A line of the log for each of them. */
void hgh_reload_log_ignored(const hgh_reload *reload);

/* reload_restore.c: ways back */

/** Takes over what a kept manifest says; of the objects in force that it does not have, the same
 * file is not taken again. */
hg_status hgh_reload_choose_rollback(hgh_reload *reload, hg_error *err);

/** Takes over what is in force, but for what workers have died of. */
hg_status hgh_reload_choose_recovery(hgh_reload *reload, hg_error *err);

/** If workers have died of something: has it put out of service, in its turn. */
void hgh_reload_recover(hgh_reload *reload);

/** A recovery that has ended without success is tried again. */
void hgh_reload_recovery_failed(hgh_reload *reload);

/* reload_answer.c: what is asked for, and what is told */

void hgh_reload_answer_committed(hgh_reload *reload, const char *result);
void hgh_reload_answer_refused(hgh_reload *reload);

/** Adds how a reload has come out to the history. */
void hgh_reload_record(const hgh_reload *reload, const char *result);

/* reload_probe.c: each of them is loaded in a process of its own */

/** Goes on with the next candidate; after the last one, hgh_reload_prepare() or a refusal. */
void hgh_reload_probe_next(hgh_reload *reload);

/* reload_crash.c: workers that have died */

/** The entry of the object that has, or had last, a number of the manifests; borrowed, NULL: none.
 */
const json_t *hgh_reload_entry_of(const hgh_reload *reload, uint32_t number);

/** Looks for workers that have died, and tells of them. The candidate that one of them has died
 * over, with `reason`; NULL: none. */
const hgh_reload_candidate *hgh_reload_tell_dead(hgh_reload *reload, char *reason, size_t size);

/* reload.c: all workers load them, vote and switch */

/** Takes the run, whose kind and options are set, through a whole reload. */
void hgh_reload_run_begin(hgh_reload *reload);

void hgh_reload_prepare(hgh_reload *reload);

/** Ends the reload without a change; the run's reason says why. */
void hgh_reload_refuse(hgh_reload *reload);
void hgh_reload_refuse_with(hgh_reload *reload, const char *reason);

#endif
