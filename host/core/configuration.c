/* host/core/configuration.c - a plugin's configuration on one resource, decoded. */
#include "host/core/configuration.h"

#include <stdlib.h>
#include <string.h>

#include "host/core/engine.h"
#include "host/core/isolation.h"
#include "host/core/issues.h"
#include "host/core/json_value.h"
#include "host/core/request_body.h"
#include "host/core/resource.h"
#include "host/core/secret_reference.h"

#define POINTER_MAX 512u

/* What _meta may hold (plugin-semantics 3.1); `pre_function` is refused below, with a reason. */
static bool meta_member_is_known(const char *name)
{
    static const char *const names[] = {"disable",  "error_response", "isolate",
                                        "priority", "filter",         "pre_function"};

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (strcmp(name, names[i]) == 0) {
            return true;
        }
    }
    return false;
}

static const char *type_name(const json_t *value)
{
    static const char *const names[] = {
        [JSON_OBJECT] = "table",   [JSON_ARRAY] = "table",  [JSON_STRING] = "string",
        [JSON_INTEGER] = "number", [JSON_REAL] = "number",  [JSON_TRUE] = "boolean",
        [JSON_FALSE] = "boolean",  [JSON_NULL] = "userdata"};

    return value == NULL ? "nil" : names[json_typeof(value)];
}

/* One wrong member of _meta, in the words of APISIX's validator. */
static void meta_issue(hg_issues *issues,
                       const hgh_plugin *plugin,
                       const char *prefix,
                       const char *member,
                       const json_t *value,
                       const char *wanted)
{
    char pointer[POINTER_MAX];
    char text[POINTER_MAX];

    (void)snprintf(pointer, sizeof(pointer), "%s/_meta/%s", prefix, member);
    (void)snprintf(text, sizeof(text),
                   "failed to check the configuration of plugin %s err: property \"_meta\" "
                   "validation failed: property \"%s\" validation failed: wrong type: expected "
                   "%s, got %s",
                   plugin->name, member, wanted, type_name(value));
    hgh_issues_add(issues, pointer, type_name(value), wanted, text);
}

static hg_status meta_error_response(hgh_configuration *configuration, const json_t *value)
{
    char *text;

    if (json_is_string(value)) {
        text = strdup(json_string_value(value));
    } else {
        char *json = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);

        text = NULL;
        if (json != NULL && asprintf(&text, "%s\n", json) < 0) {
            text = NULL;
        }
        free(json);
        configuration->error_response_json = true;
    }
    if (text == NULL) {
        return HG_ERR_NO_MEMORY;
    }
    configuration->error_text = text;
    configuration->error_response = hg_text_of(text);
    return HG_OK;
}

static void meta_isolate(hgh_configuration *configuration,
                         const hgh_plugin *plugin,
                         const json_t *value,
                         const char *prefix,
                         hg_issues *issues)
{
    char pointer[POINTER_MAX];

    if (!json_is_boolean(value)) {
        meta_issue(issues, plugin, prefix, "isolate", value, "boolean");
    } else if (json_is_true(value)) {
        (void)snprintf(pointer, sizeof(pointer), "%s/_meta/isolate", prefix);
        configuration->isolated = hgh_isolation_judge(plugin, pointer, issues);
    }
}

static hg_status meta_decode(hgh_configuration *configuration,
                             const hgh_plugin *plugin,
                             const json_t *meta,
                             const char *prefix,
                             hg_issues *issues)
{
    const char *name;
    json_t *value;
    size_t before = issues->count;
    hg_status status = HG_OK;
    char pointer[POINTER_MAX];
    char text[POINTER_MAX];

    if (!json_is_object(meta)) {
        (void)snprintf(pointer, sizeof(pointer), "%s/_meta", prefix);
        (void)snprintf(text, sizeof(text),
                       "failed to check the configuration of plugin %s err: property \"_meta\" "
                       "validation failed: wrong type: expected object, got %s",
                       plugin->name, type_name(meta));
        hgh_issues_add(issues, pointer, type_name(meta), "an object", text);
        return HG_ERR_INVALID;
    }
    /* The macro casts to a plain json_t: the object is only read. */
    for (void *at = json_object_iter((json_t *)(uintptr_t)meta); at != NULL;
         at = json_object_iter_next((json_t *)(uintptr_t)meta, at)) {
        name = json_object_iter_key(at);
        value = json_object_iter_value(at);
        if (!meta_member_is_known(name)) {
            (void)snprintf(pointer, sizeof(pointer), "%s/_meta/%s", prefix, name);
            (void)snprintf(text, sizeof(text),
                           "failed to check the configuration of plugin %s err: property \"_meta\" "
                           "validation failed: additional properties forbidden, found %s",
                           plugin->name, name);
            hgh_issues_add(issues, pointer, "an unknown field",
                           "disable, error_response, filter, isolate or priority", text);
        } else if (strcmp(name, "disable") == 0) {
            if (json_is_boolean(value)) {
                configuration->disabled = json_is_true(value);
            } else {
                meta_issue(issues, plugin, prefix, name, value, "boolean");
            }
        } else if (strcmp(name, "isolate") == 0) {
            meta_isolate(configuration, plugin, value, prefix, issues);
        } else if (strcmp(name, "priority") == 0) {
            int64_t priority = hgh_json_whole_within(value, INT64_MIN, INT64_MAX, INT64_MAX);

            if (priority >= INT32_MIN && priority <= INT32_MAX) {
                configuration->has_priority = true;
                configuration->priority = (int32_t)priority;
            } else {
                meta_issue(issues, plugin, prefix, name, value, "integer");
            }
        } else if (strcmp(name, "error_response") == 0) {
            if (!json_is_string(value) && !json_is_object(value)) {
                meta_issue(issues, plugin, prefix, name, value, "string or object");
            } else if (meta_error_response(configuration, value) != HG_OK) {
                status = HG_ERR_NO_MEMORY;
            }
        } else if (strcmp(name, "filter") == 0) {
            (void)snprintf(pointer, sizeof(pointer), "%s/_meta/filter", prefix);
            if (hgh_expression_compile(value, pointer, &configuration->filter, issues) ==
                HG_ERR_NO_MEMORY) {
                status = HG_ERR_NO_MEMORY;
            }
        } else {
            (void)snprintf(pointer, sizeof(pointer), "%s/_meta/%s", prefix, name);
            (void)snprintf(text, sizeof(text),
                           "failed to load _meta.pre_function in plugin %s: there is no Lua in "
                           "this version",
                           plugin->name);
            hgh_issues_add(issues, pointer, "a function in Lua", "a configuration without it",
                           text);
        }
    }
    if (status != HG_OK) {
        return status;
    }
    return issues->count > before ? HG_ERR_INVALID : HG_OK;
}

bool hgh_configuration_is_disabled(const json_t *value)
{
    return json_is_true(json_object_get(json_object_get(value, "_meta"), "disable"));
}

/* FNV-1a over the canonical text: equal content gives equal checksums in every process. */
static uint64_t text_checksum(const char *text)
{
    uint64_t hash = 0xcbf29ce484222325u;

    for (const char *at = text; *at != '\0'; at++) {
        hash = (hash ^ (unsigned char)*at) * 0x100000001b3u;
    }
    return hash;
}

/* What follows from the text of a configuration as a whole. */
static hg_status text_examine(hgh_configuration *configuration, const json_t *value)
{
    char *text = json_dumps(value, JSON_COMPACT | JSON_SORT_KEYS | JSON_ENCODE_ANY);

    if (text == NULL) {
        return HG_ERR_NO_MEMORY;
    }
    configuration->source.checksum = text_checksum(text);
    configuration->body = hgh_body_families_in(text);
    free(text);
    return HG_OK;
}

static hg_status source_set(hgh_configuration *configuration, const char *resource, const char *id)
{
    size_t resource_size = strlen(resource) + 1;
    size_t id_size = strlen(id) + 1;
    char *text = malloc(resource_size + id_size);

    if (text == NULL) {
        return HG_ERR_NO_MEMORY;
    }
    memcpy(text, resource, resource_size);
    memcpy(text + resource_size, id, id_size);
    configuration->source_text = text;
    configuration->source.size = (uint32_t)sizeof(configuration->source);
    configuration->source.resource = hg_text_of(text);
    configuration->source.id = hg_text_of(text + resource_size);
    return HG_OK;
}

/* Puts "failed to check the configuration of plugin NAME err: " before the findings' texts. */
static void issues_name_plugin(hg_issues *issues, size_t from, const char *name)
{
    for (size_t i = from; i < issues->count; i++) {
        hgh_issue *issue = &issues->items[i];
        char *text = NULL;
        int length;

        if (issue->text != NULL) {
            length = asprintf(&text, "failed to check the configuration of plugin %s err: %s", name,
                              issue->text);
        } else {
            length = asprintf(&text,
                              "failed to check the configuration of plugin %s err: %s: found %s, "
                              "wanted %s",
                              name, issue->pointer, issue->found, issue->wanted);
        }
        if (length >= 0) {
            free(issue->text);
            issue->text = text;
        }
    }
}

/* What a function of the plugin's has found: its findings are not left out. */
static hg_status own_judged(hg_status status, hg_issues *found, const char *refused)
{
    if (status == HG_OK || status == HG_ERR_NO_MEMORY) {
        return status;
    }
    if (found->count == 0) {
        hgh_issues_add(found, "", refused, "a configuration it accepts", NULL);
    }
    return HG_ERR_INVALID;
}

/* A call into a plugin that is about one configuration begins. */
static uint64_t call_begin(const hgh_plugin *plugin, const hg_config_source *source, hgh_call call)
{
    hgh_blame *blame = &plugin->plugin_host->blame;

    blame->source = source;
    return hgh_blame_enter(blame, plugin->number, call);
}

static void call_end(const hgh_plugin *plugin, uint64_t outer)
{
    hgh_blame *blame = &plugin->plugin_host->blame;

    hgh_blame_leave(blame, outer);
    blame->source = NULL;
}

void hgh_configuration_subject(const hg_config_source *source, char into[HGH_SUBJECT_MAX])
{
    (void)snprintf(into, HGH_SUBJECT_MAX, "%.40s/%.64s#%08x", source->resource.data,
                   source->id.data, (unsigned)(source->checksum & 0xffffffffu));
}

/* True if workers have died over it while it was decoded. */
static bool is_poison(const hgh_configuration *configuration, const hgh_plugin *plugin)
{
    const hgh_plugin_host *host = plugin->plugin_host;
    char subject[HGH_SUBJECT_MAX];

    if (plugin->poison == NULL && (host->board == NULL || hgh_crash_newest(host->board) == 0)) {
        return false;
    }
    hgh_configuration_subject(&configuration->source, subject);
    return json_object_get(plugin->poison, subject) != NULL ||
           (host->board != NULL &&
            hgh_crash_is_poison(host->board, plugin->number, subject, host->engine->clock_ms()));
}

static hg_status raw_parse(hgh_configuration *configuration,
                           hgh_plugin *plugin,
                           const json_t *value,
                           const char *prefix,
                           hg_issues *issues)
{
    hg_issues found = {0};
    uint64_t outer = call_begin(plugin, &configuration->source, HGH_CALL_PARSE);
    void *made = NULL;
    hg_status status =
        configuration->description->parse(value, &configuration->source, &made, &found);

    call_end(plugin, outer);
    if (status == HG_OK) { /* what it leaves behind when it refuses is not ours to release */
        configuration->made = made;
        configuration->state = made;
    }
    status = own_judged(status, &found, "what its parse() refuses");
    hgh_issues_take(issues, &found, prefix);
    return status;
}

static hg_status fields_decode(hgh_configuration *configuration,
                               hgh_plugin *plugin,
                               const json_t *value,
                               const char *prefix,
                               hg_issues *issues)
{
    const hg_config_description *description = configuration->description;
    hg_issues found = {0};
    hg_status status =
        hgh_field_table_decode(description, value, prefix, &configuration->decoded, issues);
    uint64_t outer;
    void *state;

    if (status != HG_OK) {
        return status;
    }
    state = hgh_decoded_state(configuration->decoded);
    configuration->state = state;
    if (description->prepare == NULL) {
        return HG_OK;
    }
    outer = call_begin(plugin, &configuration->source, HGH_CALL_PARSE);
    status = description->prepare(state, &configuration->source, &found);
    call_end(plugin, outer);
    if (status == HG_OK) {
        configuration->made = state;
    }
    status = own_judged(status, &found, "what its prepare() refuses");
    hgh_issues_take(issues, &found, prefix);
    return status;
}

/* Schema, defaults and decoding of the plugin's own part; `value` is ours to change. */
static hg_status own_decode(hgh_configuration *configuration,
                            hgh_plugin *plugin,
                            hgh_use use,
                            json_t *value,
                            const char *prefix,
                            hg_issues *issues,
                            hg_issues *warnings)
{
    const hgh_plugin_use *compiled = &plugin->uses[use];
    const hg_config_description *description = compiled->description;
    size_t before = issues->count;
    hg_status status;

    configuration->description = description;
    hgh_secret_references_refuse(value, prefix, issues);
    if (issues->count > before) {
        return HG_ERR_INVALID;
    }
    /* Defaults first, as APISIX does: a rule may ask for what a default answers. */
    status = hgh_schema_fill_defaults(compiled->schema, value);
    if (status == HG_ERR_TOO_LARGE) { /* which a judgement explains better */
        if (hgh_schema_validate(compiled->schema, value, prefix, issues)) {
            hgh_issues_add(issues, prefix, "a value that takes too many checks", "a smaller value",
                           "value is too complex to validate");
        }
        return HG_ERR_INVALID;
    }
    if (status != HG_OK) {
        return status;
    }
    if (!hgh_schema_validate(compiled->schema, value, prefix, issues)) {
        return HG_ERR_INVALID;
    }
    if (description == NULL) {
        return HG_OK;
    }
    if (description->fields != NULL && warnings != NULL) {
        hgh_field_table_unknown(description, value, prefix, warnings);
    }
    if (is_poison(configuration, plugin)) {
        hgh_issues_add(issues, prefix, "a configuration that workers have died over",
                       "another one, or another version of the plugin", NULL);
        return HG_ERR_INVALID;
    }
    return description->fields == NULL
               ? raw_parse(configuration, plugin, value, prefix, issues)
               : fields_decode(configuration, plugin, value, prefix, issues);
}

/* Gives back what a function of the plugin has made. */
static void own_release(hgh_configuration *configuration)
{
    const hg_config_description *description = configuration->description;

    if (configuration->made == NULL) {
        return;
    }
    if (description->fields == NULL) {
        description->release(configuration->made);
    } else if (description->dispose != NULL) {
        description->dispose(configuration->made);
    }
    configuration->made = NULL;
}

/* What is made while a plugin loads is the plugin's own: a reference would keep it loaded for ever.
 */
static bool is_of_plugin(const hgh_plugin *plugin, hgh_use use)
{
    return use == HGH_USE_ATTRIBUTES || (use == HGH_USE_METADATA && !plugin->initialised);
}

json_t *hgh_configuration_value(const json_t *object, const char *plugin, hgh_use use)
{
    return use == HGH_USE_METADATA ? (json_t *)(uintptr_t)object
                                   : json_object_get(json_object_get(object, "plugins"), plugin);
}

bool hgh_configuration_is_object(const json_t *value,
                                 const char *plugin,
                                 const char *prefix,
                                 hg_issues *issues)
{
    char *shown;
    char text[HG_ERROR_TEXT_MAX];

    if (json_is_object(value)) {
        return true;
    }
    shown = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
    (void)snprintf(text, sizeof(text), "invalid plugin conf %.200s for plugin [%.100s]",
                   shown == NULL ? "" : shown, plugin);
    hgh_issues_add(issues, prefix, type_name(value), "an object", text);
    free(shown);
    return false;
}

/* What a plugin refuses that does not run is told, and no more than that. */
static void own_pass_over(hgh_configuration *configuration, hg_issues *found, hg_issues *warnings)
{
    if (found->count == 0 && found->dropped == 0) {
        return;
    }
    configuration->state = NULL;
    if (warnings != NULL) {
        hgh_issues_take(warnings, found, "");
    }
    hgh_issues_done(found);
}

/* True in a worker, whose gateway keeps a runner for it. Where configurations are judged, and in
 * that runner, it is decoded as any other. */
static bool runs_elsewhere(const hgh_configuration *configuration, const hgh_plugin *plugin)
{
    return configuration->isolated && configuration->use == HGH_USE_CONFIG &&
           plugin->plugin_host->isolation.path != NULL;
}

static hg_status
isolation_make(hgh_configuration *configuration, const hgh_plugin *plugin, const json_t *own)
{
    configuration->isolation = hgh_isolation_new(configuration, plugin, own);
    configuration->state = configuration->isolation;
    return configuration->isolation == NULL ? HG_ERR_NO_MEMORY : HG_OK;
}

hg_status hgh_configuration_decode(hgh_plugin *plugin,
                                   hgh_use use,
                                   const json_t *value,
                                   const char *resource,
                                   const char *id,
                                   const char *prefix,
                                   hgh_configuration **out_configuration,
                                   hg_issues *issues,
                                   hg_issues *warnings)
{
    hgh_configuration *configuration = NULL;
    json_t *own = NULL;
    const json_t *meta;
    hg_status status = HG_OK;
    size_t before = issues->count;

    if (!hgh_configuration_is_object(value, plugin->name, prefix, issues)) {
        return HG_ERR_INVALID;
    }
    configuration = calloc(1, sizeof(*configuration));
    own = json_deep_copy(value);
    if (configuration == NULL || own == NULL || source_set(configuration, resource, id) != HG_OK ||
        text_examine(configuration, value) != HG_OK) {
        status = HG_ERR_NO_MEMORY;
        goto cleanup;
    }
    configuration->references = 1;
    configuration->use = use;
    configuration->priority = plugin->descriptor->priority;
    configuration->source.use = (uint32_t)use;
    configuration->isolated =
        plugin->isolated && (use == HGH_USE_CONFIG || use == HGH_USE_CONSUMER);
    if (use == HGH_USE_METADATA) {
        (void)json_object_del(own, "id"); /* the store's, not the plugin's */
    }
    meta = json_object_get(own, "_meta");
    if (meta != NULL && use != HGH_USE_METADATA && use != HGH_USE_ATTRIBUTES) {
        status = meta_decode(configuration, plugin, meta, prefix, issues);
        (void)json_object_del(own, "_meta");
    }
    if (status != HG_ERR_NO_MEMORY) {
        hg_issues found = {0};
        hg_status own_status =
            runs_elsewhere(configuration, plugin)
                ? isolation_make(configuration, plugin, own)
                : own_decode(configuration, plugin, use, own, prefix, &found, warnings);

        issues_name_plugin(&found, 0, plugin->name);
        if (configuration->disabled && use == HGH_USE_CONFIG && own_status != HG_ERR_NO_MEMORY) {
            own_pass_over(configuration, &found, warnings);
            own_status = HG_OK;
        }
        hgh_issues_take(issues, &found, "");
        status = status == HG_OK ? own_status : status;
    }
    if (status == HG_OK && issues->count > before) {
        status = HG_ERR_INVALID; /* a function that finds fault and returns HG_OK */
    }
    if (status == HG_OK) {
        configuration->plugin = is_of_plugin(plugin, use) ? NULL : hgh_plugin_ref(plugin);
        *out_configuration = configuration;
        configuration = NULL; /* now the caller's */
    } else if (issues->count == before && issues->dropped == 0) {
        hgh_issues_add(issues, prefix, "no memory", "memory", NULL);
    }

cleanup:
    if (configuration != NULL) {
        own_release(configuration);
    }
    hgh_configuration_unref(configuration);
    json_decref(own);
    return status;
}

hg_status hgh_configuration_check(const hgh_configuration *configuration, hg_issues *issues)
{
    const hgh_plugin *plugin = configuration->plugin;
    hg_status status;
    uint64_t outer;
    size_t before = issues->count;

    if (plugin->descriptor->check == NULL || configuration->use == HGH_USE_METADATA ||
        (configuration->disabled && configuration->use == HGH_USE_CONFIG)) {
        return HG_OK;
    }
    outer = call_begin(plugin, &configuration->source, HGH_CALL_CHECK);
    status = plugin->descriptor->check(configuration->state, &configuration->source, issues);
    call_end(plugin, outer);
    if (status != HG_OK && issues->count == before) {
        hgh_issues_add(issues, "", "what its check() refuses", "a configuration it accepts", NULL);
    }
    issues_name_plugin(issues, before, plugin->name);
    return issues->count > before ? HG_ERR_INVALID : HG_OK;
}

void hgh_configuration_bind(hgh_configuration *configuration, hgh_resource *resource)
{
    configuration->bound = hgh_resource_ref(resource);
    configuration->bound_next = resource->configurations;
    resource->configurations = configuration;
}

hg_status hgh_configuration_bind_at(hgh_configuration *configuration,
                                    hgh_resource *resource,
                                    const char *place)
{
    configuration->place = strdup(place);
    if (configuration->place == NULL) {
        return HG_ERR_NO_MEMORY;
    }
    hgh_configuration_bind(configuration, resource);
    return HG_OK;
}

static bool is_same_place(const char *a, const char *b)
{
    return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

hgh_configuration *hgh_configuration_bound_at(const hgh_resource *resource,
                                              const hgh_plugin *plugin,
                                              hgh_use use,
                                              const char *place)
{
    for (hgh_configuration *at = resource->configurations; at != NULL; at = at->bound_next) {
        if (at->plugin == plugin && at->use == use && is_same_place(at->place, place)) {
            return at;
        }
    }
    return NULL;
}

hgh_configuration *
hgh_configuration_bound(const hgh_resource *resource, const hgh_plugin *plugin, hgh_use use)
{
    return hgh_configuration_bound_at(resource, plugin, use, NULL);
}

/* What a pointer says; its segments are names of plugins and of members like them, unescaped. */
static const json_t *value_at(const json_t *value, const char *pointer)
{
    while (*pointer == '/' && value != NULL) {
        size_t length = strcspn(pointer + 1, "/");

        value = json_is_array(value) ? json_array_get(value, strtoul(pointer + 1, NULL, 10))
                                     : json_object_getn(value, pointer + 1, length);
        pointer += length + 1;
    }
    return value;
}

const json_t *hgh_configuration_value_of(const hgh_configuration *configuration,
                                         const json_t *object)
{
    return configuration->place == NULL
               ? hgh_configuration_value(object, configuration->plugin->name, configuration->use)
               : value_at(object, configuration->place);
}

static void configuration_unbind(hgh_configuration *configuration)
{
    hgh_configuration **at;

    if (configuration->bound == NULL) {
        return;
    }
    for (at = &configuration->bound->configurations; *at != configuration;
         at = &(*at)->bound_next) {
    }
    *at = configuration->bound_next;
    hgh_resource_unref(configuration->bound);
}

void hgh_configuration_unref(hgh_configuration *configuration)
{
    if (configuration == NULL ||
        (configuration->references > 0 && --configuration->references > 0)) {
        return;
    }
    if (configuration->made != NULL) {
        hgh_plugin *plugin = configuration->plugin;
        uint64_t outer = 0;

        if (plugin != NULL) {
            outer = call_begin(plugin, &configuration->source, HGH_CALL_RELEASE);
        }
        own_release(configuration);
        if (plugin != NULL) {
            call_end(plugin, outer);
        }
    }
    configuration_unbind(configuration);
    hgh_decoded_free(configuration->decoded);
    hgh_isolation_free(configuration->isolation);
    free(configuration->place);
    free(configuration->error_text);
    hgh_expression_free(configuration->filter);
    free(configuration->source_text);
    hgh_plugin_unref(configuration->plugin);
    free(configuration);
}
