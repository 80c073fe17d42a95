/* host/control/plugin_check.h - judges plugin configurations in a process of their own. */
#ifndef HOST_CONTROL_PLUGIN_CHECK_H
#define HOST_CONTROL_PLUGIN_CHECK_H

#include <stdint.h>

#include <jansson.h>

#include <hotgate/error.h>

#include "host/core/event_loop.h"

/** A long-lived child that has the plugins of the generation in force loaded and decodes what it
 * is asked to: a configuration that crashes a plugin ends the child, not control. */
typedef struct hgh_plugin_check hgh_plugin_check;

/** All borrowed, as long as it lives. */
typedef struct hgh_plugin_check_options {
    hgh_event_loop *loop;
    const char *directory; /* the instance */
    uint64_t shared_memory_bytes;
    /** A child has loaded the generation: descriptions of its plugins, borrowed for the call. NULL:
     * nobody wants to know. */
    void (*on_loaded)(void *context, const json_t *plugins);
    void *context;
} hgh_plugin_check_options;

/** NULL: no memory. */
hgh_plugin_check *hgh_plugin_check_new(const hgh_plugin_check_options *options);

/** Ends the child; a judgement that is under way is dropped. Accepts NULL. */
void hgh_plugin_check_free(hgh_plugin_check *check);

/** Another generation is in force; takes a reference. Not while something is being judged. */
void hgh_plugin_check_set_manifest(hgh_plugin_check *check, json_t *manifest);

/** Starts the child if it does not run, which otherwise waits for the first judgement. */
hg_status hgh_plugin_check_load(hgh_plugin_check *check, hg_error *err);

/**
 * What came out. Called once, never before hgh_plugin_check_run() has returned.
 *
 * status  HG_OK: all are valid. HG_ERR_INVALID: `issues` says why. HG_ERR_TIMEOUT, HG_ERR_IO: the
 *         child hung or died over them; `issues` names the plugin.
 * issues  array of {pointer, found, wanted, text}; borrowed for the call; empty if valid. `text`
 *         is APISIX's wording, such as "unknown plugin [x]".
 * warnings array of the same, such as unknown fields; borrowed for the call.
 */
typedef void (*hgh_plugin_check_done)(void *context,
                                      hg_status status,
                                      const json_t *issues,
                                      const json_t *warnings);

/**
 * Judges configurations. One call at a time.
 *
 * configs  borrowed for the call: an array of {"plugin": NAME, "use": "config" | "consumer" |
 *          "metadata", "pointer": where it stands in what the operator wrote, "resource": "routes",
 *          "id": "1", "value": the configuration}.
 */
void hgh_plugin_check_run(hgh_plugin_check *check,
                          const json_t *configs,
                          hgh_plugin_check_done done,
                          void *context);

#endif
