/* host/core/plugin.h - a plugin that is loaded, initialised and ready to be configured. */
#ifndef HOST_CORE_PLUGIN_H
#define HOST_CORE_PLUGIN_H

#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>

#include <hotgate/plugin.h>

#include "host/core/arena.h"
#include "host/core/blame.h"
#include "host/core/board.h"
#include "host/core/field_table.h"
#include "host/core/json_schema.h"
#include "host/core/metric.h"
#include "host/core/plugin_object.h"
#include "host/core/runner_options.h"
#include "host/core/share.h"

/** Random bytes asked of the kernel and not given out yet; only of this process. */
typedef struct hgh_random {
    unsigned char bytes[512];
    size_t left;
} hgh_random;

/** What the host gives to the plugins of one process; outlives them all. */
typedef struct hgh_plugin_host {
    hgh_blame blame;
    const hgh_board *board; /* what is known of crashes; NULL: nothing */
    hgh_arena *arena;
    const struct hgh_engine *engine; /* for its clock and its log */
    const char *directory; /* where relative paths of objects start; NULL: the working directory */
    int32_t log_level;
    void (*unloaded)(struct hgh_plugin_host *plugin_host); /* one has gone; NULL: nobody asks */
    struct hgh_coroutine_pool *coroutines; /* as the next two NULL where no plugin serves */
    struct hgh_http_client *http;
    struct hgh_offload *offload;
    hgh_runner_options isolation;     /* of the runners for isolated configurations, `path` the
                                         directory of their sockets; NULL: these run in this process */
    struct hgh_runner_client *runner; /* of `ext-plugin`; NULL: none is configured */
    hgh_share share;                  /* of this process in what all hold together */
    hgh_random random;
    uint64_t objects_mapped;                       /* plugin objects in memory now */
    uint64_t objects_pinned;                       /* of these: closed, yet not gone */
    char pins[HGH_BOARD_PINS][HGH_BOARD_PIN_TEXT]; /* why, of the first ones; NUL-terminated */
    bool watches_threads;                          /* only plugins start threads in this process */
    const char *process;                           /* what messages call it; NULL: "worker" */
    /** The process dies in a callback of that request: a last word for who waits. From the signal's
     * handler. NULL: nobody is told. */
    void (*dying)(const struct hg_request *request);
    bool calls_whole; /* requests are called ones (request_call.h): no step begins a coroutine */
    hgh_thread_watch threads;  /* if so */
    struct hgh_plugin *loaded; /* linked by loaded_next: what an address in a stack belongs to */
    const char *loading_path;  /* of the object whose constructors run; NULL: of none */
    uint32_t loading_number;
} hgh_plugin_host;

/** What a configuration is for. */
typedef enum hgh_use {
    HGH_USE_CONFIG = HG_USE_CONFIG,
    HGH_USE_CONSUMER = HG_USE_CONSUMER,
    HGH_USE_METADATA = HG_USE_METADATA,
    HGH_USE_ATTRIBUTES = HG_USE_ATTRIBUTES,
    HGH_USES = 4,
} hgh_use;

/** One description, compiled. */
typedef struct hgh_plugin_use {
    const hg_config_description *description; /* borrowed from the object; NULL: any object */
    json_t *schema_json;                      /* as the Admin API shows it */
    hgh_schema *schema;
} hgh_plugin_use;

/** Shared: whoever holds a reference keeps the object mapped. Immutable but for `references`, and
 * for `poison`, which only grows. */
typedef struct hgh_plugin {
    uint32_t references;
    uint32_t number; /* in the manifests: tells apart every object that was ever put into service */
    hgh_plugin_host *plugin_host;
    hgh_plugin_object *object;   /* NULL: it is a stand-in (stand_in.h) */
    hg_plugin *stand_in;         /* owned: what says so much of it */
    const hg_plugin *descriptor; /* borrowed from one of the two */
    hg_host host;                /* what the object's slot points to */
    hgh_plugin_use uses[HGH_USES];
    struct hgh_configuration *attributes; /* owned; NULL: none */
    struct hgh_configuration *metadata; /* owned: what holds while none is stored; NULL: nothing */
    const hg_delegates *delegates;      /* borrowed from object; NULL: it holds no other plugins */
    hgh_metric *metrics;                /* owned: one a declared metric */
    uint32_t metrics_count;
    hg_dict *dicts;   /* tables it has opened */
    hg_timer *timers; /* that it has started */
    json_t *poison; /* configurations that are not decoded again: an object, by subject; or NULL */
    struct hgh_plugin *loaded_next;
    bool initialised;
    bool in_service; /* its timers run */
    bool ends;       /* exit() is called, or was */
    bool isolated;   /* the manifest says so: all its configurations are */
    char name[HG_NAME_MAX + 1];
} hgh_plugin;

/**
 * Loads a plugin: maps it, hands over the host, compiles its descriptions, decodes its attributes,
 * runs init().
 *
 * attributes  plugin_attr of that name, or NULL; borrowed for the call.
 * out_plugin  on HG_OK one reference of the caller's; else untouched.
 * issues      findings about descriptions and attributes.
 * Returns HG_OK or what failed; `err` has one line in every case.
 */
hg_status hgh_plugin_load(hgh_plugin_host *plugin_host,
                          const char *path,
                          const char *name,
                          uint32_t number,
                          const json_t *attributes,
                          hgh_plugin **out_plugin,
                          hg_issues *issues,
                          hg_error *err);

/** Compiles what one of its uses takes; description: borrowed from the object, NULL: any object. */
hg_status hgh_plugin_use_compile(hgh_plugin *plugin,
                                 hgh_use use,
                                 const hg_config_description *description,
                                 hg_error *err);

static inline hgh_plugin *hgh_plugin_ref(hgh_plugin *plugin)
{
    plugin->references++;
    return plugin;
}

/**
 * Drops a reference; the last one runs exit() and unmaps the object. Never called from inside a
 * call into that plugin. Accepts NULL.
 */
void hgh_plugin_unref(hgh_plugin *plugin);

/** What it says of itself: {name, version, summary, priority, flags, phases, schema,
 * consumer_schema, metadata_schema, attributes_schema, key, delegates, metrics}; what it does not
 * have is left out. A new reference. */
json_t *hgh_plugin_describe(const hgh_plugin *plugin);

#endif
