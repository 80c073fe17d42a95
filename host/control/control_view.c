/* host/control/control_view.c - stored objects as the data plane has them: with their defaults. */
#include "host/control/control_view.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "host/control/admin_envelope.h"
#include "host/control/admin_redact.h"
#include "host/core/address.h"
#include "host/core/json_schema.h"

/* The schema of one plugin; NULL: it cannot be compiled, which the plugin's loading has told. */
typedef struct plugin_schema {
    struct plugin_schema *next;
    json_t *source; /* a reference: nothing else can have its address */
    hgh_schema *compiled;
} plugin_schema;

struct hgh_control_view {
    const hgh_object_check *check;
    const hgh_plugin_catalog *catalog;
    plugin_schema *schemas;
};

hgh_control_view *hgh_control_view_new(const hgh_object_check *check,
                                       const hgh_plugin_catalog *catalog)
{
    hgh_control_view *view = calloc(1, sizeof(*view));

    if (view != NULL) {
        view->check = check;
        view->catalog = catalog;
    }
    return view;
}

void hgh_control_view_free(hgh_control_view *view)
{
    if (view == NULL) {
        return;
    }
    while (view->schemas != NULL) {
        plugin_schema *next = view->schemas->next;

        hgh_schema_free(view->schemas->compiled);
        json_decref(view->schemas->source);
        free(view->schemas);
        view->schemas = next;
    }
    free(view);
}

/* NULL: none, or no memory: then defaults are not shown. */
static const hgh_schema *schema_of(hgh_control_view *view, json_t *source)
{
    plugin_schema *made;

    for (plugin_schema *at = view->schemas; at != NULL; at = at->next) {
        if (at->source == source) {
            return at->compiled;
        }
    }
    made = calloc(1, sizeof(*made));
    if (made == NULL) {
        return NULL;
    }
    made->source = json_incref(source);
    (void)hgh_schema_compile(source, &made->compiled,
                             NULL); /* it was compiled when it was loaded */
    made->next = view->schemas;
    view->schemas = made;
    return made->compiled;
}

static hg_status fill_defaults(hgh_control_view *view, const hgh_object_kind *kind, json_t *value)
{
    hg_status status = hgh_object_check_fill_defaults(view->check, kind, value);
    const char *name;
    json_t *config;

    json_object_foreach(json_object_get(value, "plugins"), name, config)
    {
        const json_t *plugin = hgh_plugin_catalog_find(view->catalog, name);
        json_t *source = json_object_get(plugin, "schema");
        const hgh_schema *schema = source == NULL ? NULL : schema_of(view, source);

        if (status == HG_OK && schema != NULL) {
            status = hgh_schema_fill_defaults(schema, config);
        }
    }
    return status;
}

static bool is_domain(const char *host, size_t length)
{
    hg_address address;

    return hgh_address_parse((hg_text){host, length}, &address) != HG_OK;
}

/* "host:port", "[v6]:port" or the host alone. */
static size_t host_length(const char *key)
{
    const char *bracket = key[0] == '[' ? strchr(key, ']') : NULL;

    return bracket != NULL ? (size_t)(bracket - key) + 1 : strcspn(key, ":");
}

static bool has_domain(const hgh_object_kind *kind, const json_t *value)
{
    bool is_upstream = strcmp(kind->name, "upstreams") == 0;
    json_t *nodes =
        json_object_get(is_upstream ? value : json_object_get(value, "upstream"), "nodes");
    const char *key;
    json_t *node;
    size_t i;

    json_object_foreach(nodes, key, node)
    {
        if (is_domain(key, host_length(key))) {
            return true;
        }
    }
    json_array_foreach(nodes, i, node)
    {
        const char *host = json_string_value(json_object_get(node, "host"));

        if (host != NULL && is_domain(host, strlen(host))) {
            return true;
        }
    }
    return false;
}

json_t *hgh_control_view_item(hgh_control_view *view,
                              const hgh_object_kind *kind,
                              const hgh_resource_object *object)
{
    json_t *value = json_loadb(object->value, object->value_length, 0, NULL);
    char shown[HGH_OBJECT_KEY_MAX];

    if (value == NULL || fill_defaults(view, kind, value) != HG_OK) {
        json_decref(value);
        return NULL;
    }
    hgh_admin_redact(view->catalog, kind, value);
    hgh_object_key_show(object->key, shown, sizeof(shown));
    return json_pack("{s:o, s:o, s:I, s:I, s:b, s:I}", "key",
                     json_sprintf(HGH_ADMIN_PREFIX "/%s", shown), "value", value, "modifiedIndex",
                     (json_int_t)object->modified, "createdIndex", (json_int_t)object->created,
                     "has_domain", has_domain(kind, value), "orig_modifiedIndex",
                     (json_int_t)object->modified);
}
