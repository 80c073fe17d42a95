/* host/control/reload.h - puts plugin objects into service: all of them or none.
 *
 * Scan, admit, stage, probe; prepare on every worker; count votes; write the manifest; commit.
 * Only one runs at a time, in the queue of the Admin API's writes. */
#ifndef HOST_CONTROL_RELOAD_H
#define HOST_CONTROL_RELOAD_H

#include <hotgate/error.h>

#include "host/control/admin_exchange.h"
#include "host/control/admin_queue.h"
#include "host/control/feed_writer.h"
#include "host/control/instance.h"
#include "host/control/isolated_generations.h"
#include "host/control/plugin_catalog.h"
#include "host/control/plugin_check.h"
#include "host/control/resource_table.h"
#include "host/control/settings.h"
#include "host/core/event_loop.h"

typedef struct hgh_reload hgh_reload;

/** All borrowed, as long as it lives. */
typedef struct hgh_reload_options {
    hgh_event_loop *loop;
    const hgh_instance *instance;
    const hgh_settings *settings; /* as control was started with */
    hgh_feed_writer *feed;
    const hgh_resource_table *table;
    hgh_plugin_catalog *catalog;
    hgh_plugin_check *check;
    hgh_isolated_generations *isolated;
    hgh_admin_queue *queue; /* in which a recovery takes its turn */
    /** Adds what else the status shows; NULL: nothing. */
    void (*on_status)(void *context, json_t *status);
    void *context;
} hgh_reload_options;

/**
 * Takes over the manifest in force.
 *
 * manifest    a reference is kept; NULL: there never was one.
 * out_reload  on HG_OK the caller's; else untouched.
 */
hg_status hgh_reload_new(const hgh_reload_options *options,
                         json_t *manifest,
                         hgh_reload **out_reload,
                         hg_error *err);

/** A reload that runs is cut off: nothing of it is in force. Accepts NULL. */
void hgh_reload_free(hgh_reload *reload);

/**
 * The first look: at the very first start, or when the configuration lists other plugins, or
 * says other attributes or isolation than are in force, a reload; else only the catalog is filled.
 * What is bad is left out and logged. `done` is called once, when control can answer.
 */
void hgh_reload_begin(hgh_reload *reload, void (*done)(void *context), void *context);

/** What a child that has loaded the generation in force says of its plugins: fills the catalog. */
void hgh_reload_describe(hgh_reload *reload, const json_t *plugins);

/** The name of the plugin that has, or had last, a number of the manifests; "-": nobody. */
const char *hgh_reload_plugin_name(const hgh_reload *reload, uint32_t number);

/** The list of plugins that counts from the next reload on instead of the one in config.yaml, which
 * is read anew by each. A reference is kept. JSON's null: all that are there; NULL: config.yaml's.
 */
void hgh_reload_set_list(hgh_reload *reload, json_t *list);

/** The list that is in force: an array, or JSON's null for all; NULL: there never was a generation
 * with one. Borrowed until the next reload. */
const json_t *hgh_reload_list_in_force(const hgh_reload *reload);

/** Where the plugins of the instance lie: owned by the caller; NULL: no memory. */
char *hgh_reload_own_directory(const hgh_reload *reload);

/** A reload that nobody asked for at the Admin API, in its turn among the writes; answered through
 * `later` with status and report. who: for the history. */
void hgh_reload_start(hgh_reload *reload, const char *who, hgh_admin_answer_later *later);

/** Answers PUT /apisix/admin/plugins/reload; `context` is the hgh_reload.
 *
 * Arguments: force=true, dry_run=true, plugin=NAME, rollback=true or rollback=GENERATION. */
void hgh_reload_answer(void *context,
                       const hgh_admin_request *request,
                       hgh_admin_answer_later *later);

/** Answers GET /apisix/admin/plugins/status; `context` is the hgh_reload. */
void hgh_reload_answer_status(void *context,
                              const hgh_admin_request *request,
                              hgh_admin_answer_later *later);

/** Answers GET /apisix/admin/plugins/history?limit=N, the newest first; as above. */
void hgh_reload_answer_history(void *context,
                               const hgh_admin_request *request,
                               hgh_admin_answer_later *later);

#endif
