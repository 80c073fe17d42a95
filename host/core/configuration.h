/* host/core/configuration.h - a plugin's configuration on one resource, decoded. */
#ifndef HOST_CORE_CONFIGURATION_H
#define HOST_CORE_CONFIGURATION_H

#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>

#include "host/core/expression.h"
#include "host/core/plugin.h"

/** Shared, immutable. Keeps its plugin loaded. */
typedef struct hgh_configuration {
    uint32_t references;
    hgh_plugin *plugin; /* a reference; NULL for what the plugin itself owns */
    const hg_config_description *description;
    hgh_decoded *decoded; /* field table */
    void *made; /* what is to be given back: to release() what parse() made, to dispose() what
                   prepare() completed; NULL: nothing */
    const void *state; /* what callbacks get; NULL without a description */
    hg_config_source source;
    char *source_text; /* owns the texts of source */

    /* _meta */
    bool disabled;
    bool has_priority;
    bool isolated; /* _meta.isolate, or all of the plugin are: runs in the gateway's runner */
    struct hgh_isolation *isolation; /* owned: what that is told, which is `state` then; NULL: it
                                        runs in this process */
    uint8_t body;           /* families of variables in the request's body that it names anywhere */
    int32_t priority;       /* _meta.priority, else the plugin's */
    hg_text error_response; /* body for statuses from 400; absent: the plugin's own */
    bool error_response_json;
    char *error_text;       /* owns error_response */
    hgh_expression *filter; /* of requests for which the plugin runs; NULL: all */

    char *place; /* owned: JSON Pointer in its resource; NULL: where the plugin's stands */
    struct hgh_resource *bound;           /* a reference; NULL: of no resource */
    struct hgh_configuration *bound_next; /* in the weak list of that resource */
    size_t warm_place; /* one more than its place among the runtime's warm ones */
    hgh_use use;
} hgh_configuration;

/**
 * Judges and decodes one configuration, _meta included.
 *
 * value      as the operator wrote it; borrowed, unchanged. NULL is no object, as null is.
 * resource   "routes"; id "1"; both are copied.
 * prefix     JSON Pointer of the value in what the operator wrote ("/plugins/echo").
 * out_configuration  on HG_OK one reference of the caller's; else untouched.
 * issues     every finding, the first with the text that APISIX's clients know.
 * warnings   unknown fields, and what the plugin refuses of a configuration that is disabled, which
 *            then has no state; may be NULL.
 * Returns HG_OK, HG_ERR_INVALID or HG_ERR_NO_MEMORY.
 */
hg_status hgh_configuration_decode(hgh_plugin *plugin,
                                   hgh_use use,
                                   const json_t *value,
                                   const char *resource,
                                   const char *id,
                                   const char *prefix,
                                   hgh_configuration **out_configuration,
                                   hg_issues *issues,
                                   hg_issues *warnings);

/** Where an object holds a plugin's configuration of that use, borrowed from it; NULL: nowhere. */
json_t *hgh_configuration_value(const json_t *object, const char *plugin, hgh_use use);

/** True if it is an object, as all configurations are; else a finding says so. */
bool hgh_configuration_is_object(const json_t *value,
                                 const char *plugin,
                                 const char *prefix,
                                 hg_issues *issues);

/** True if _meta.disable says so: it needs neither its plugin nor that plugin's consent. */
bool hgh_configuration_is_disabled(const json_t *value);

/** Runs the plugin's own check(), if it has one, but for metadata and for what is disabled; only in
 * the probe. */
hg_status hgh_configuration_check(const hgh_configuration *configuration, hg_issues *issues);

static inline hgh_configuration *hgh_configuration_ref(hgh_configuration *configuration)
{
    configuration->references++;
    return configuration;
}

/** What a record of a crash calls it: "routes/1#CHECKSUM". */
void hgh_configuration_subject(const hg_config_source *source, char into[HGH_SUBJECT_MAX]);

/** Enters it into its resource's list, so that every chain that needs it shares it. */
void hgh_configuration_bind(hgh_configuration *configuration, struct hgh_resource *resource);

/** The one of that plugin and use in a resource's list, borrowed; NULL: not decoded now. */
hgh_configuration *
hgh_configuration_bound(const struct hgh_resource *resource, const hgh_plugin *plugin, hgh_use use);

/** As hgh_configuration_bind(), of one that stands inside that of another plugin. `place` is
 * copied. Returns HG_OK or HG_ERR_NO_MEMORY. */
hg_status hgh_configuration_bind_at(hgh_configuration *configuration,
                                    struct hgh_resource *resource,
                                    const char *place);

/** As hgh_configuration_bound(), of one at that place; NULL: where the plugin's stands. */
hgh_configuration *hgh_configuration_bound_at(const struct hgh_resource *resource,
                                              const hgh_plugin *plugin,
                                              hgh_use use,
                                              const char *place);

/** Where an object holds what was decoded for `configuration`; as hgh_configuration_value(). */
const json_t *hgh_configuration_value_of(const hgh_configuration *configuration,
                                         const json_t *object);

/** Accepts NULL. The last one runs release(). */
void hgh_configuration_unref(hgh_configuration *configuration);

#endif
