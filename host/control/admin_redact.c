/* host/control/admin_redact.c - objects as the viewer role sees them: without secrets. */
#include "host/control/admin_redact.h"

#include <stdbool.h>
#include <string.h>

#define HIDDEN    "***"
#define DEPTH_MAX 256u

static bool is_secret(const json_t *schema)
{
    return json_is_true(json_object_get(schema, "writeOnly"));
}

/* Without memory the member goes: better gone than shown. */
static void hide(json_t *object, const char *name)
{
    if (json_object_set_new(object, name, json_string(HIDDEN)) != 0) {
        (void)json_object_del(object, name); /* it is there */
    }
}

static void redact(const json_t *schema, json_t *value, size_t depth)
{
    const json_t *properties = json_object_get(schema, "properties");
    const json_t *others = json_object_get(schema, "additionalProperties");
    const json_t *items = json_object_get(schema, "items");
    const char *name;
    json_t *child;
    void *next;
    size_t i;

    if (depth > DEPTH_MAX) {
        return;
    }
    json_object_foreach_safe(value, next, name, child)
    {
        const json_t *known = json_object_get(properties, name);

        if (known == NULL) {
            known = others;
        }
        if (is_secret(known)) {
            hide(value, name);
        } else {
            redact(known, child, depth + 1);
        }
    }
    json_array_foreach(value, i, child)
    {
        if (is_secret(items)) {
            if (json_array_set_new(value, i, json_string(HIDDEN)) != 0) {
                (void)json_array_clear(value);
                return;
            }
        } else {
            redact(items, child, depth + 1);
        }
    }
}

/* "a.b": a path of member names. */
static void redact_path(json_t *value, const char *path)
{
    const char *dot;

    for (dot = strchr(path, '.'); dot != NULL; dot = strchr(path, '.')) {
        value = json_object_getn(value, path, (size_t)(dot - path));
        path = dot + 1;
    }
    if (json_object_get(value, path) != NULL) {
        hide(value, path);
    }
}

/* `value` is no plugin's configuration if it is no object: nothing such is stored. */
static void redact_config(const json_t *schema, json_t *value)
{
    const json_t *fields = json_object_get(schema, "encrypt_fields");

    redact(schema, value, 0);
    for (size_t i = 0; i < json_array_size(fields); i++) {
        const char *path = json_string_value(json_array_get(fields, i));

        if (path != NULL) {
            redact_path(value, path);
        }
    }
}

/* What is known of a plugin that is not loaded, is its name. */
static void redact_metadata(const json_t *plugin, const hgh_object_kind *kind, json_t *object)
{
    const json_t *schema = json_object_get(plugin, "metadata_schema");
    json_t *id = json_incref(json_object_get(object, kind->id_member));

    if (plugin == NULL) {
        (void)json_object_clear(object);
        (void)json_object_set(object, kind->id_member, id); /* without memory that is gone, too */
    } else if (schema != NULL) {
        redact_config(schema, object);
    }
    json_decref(id);
}

void hgh_admin_hide(const hgh_object_kind *kind, json_t *object)
{
    for (const char *const *at = kind->hidden; at != NULL && *at != NULL; at++) {
        (void)json_object_del(object, *at); /* it may not be there */
    }
}

/* The private key with which the gateway shows itself to an upstream. */
static void redact_tls(json_t *upstream)
{
    json_t *tls = json_object_get(upstream, "tls");

    if (json_object_get(tls, "client_key") != NULL) {
        hide(tls, "client_key");
    }
}

void hgh_admin_redact(const hgh_plugin_catalog *catalog,
                      const hgh_object_kind *kind,
                      json_t *object)
{
    bool is_consumer = strcmp(kind->plugin_use, "consumer") == 0;
    const char *name;
    json_t *value;

    if (kind->is_metadata) {
        const char *id = json_string_value(json_object_get(object, kind->id_member));

        redact_metadata(id == NULL ? NULL : hgh_plugin_catalog_find(catalog, id), kind, object);
        return;
    }
    hgh_admin_hide(kind, object);
    redact_tls(object);
    redact_tls(json_object_get(object, "upstream"));
    json_object_foreach(json_object_get(object, "plugins"), name, value)
    {
        const json_t *plugin = hgh_plugin_catalog_find(catalog, name);
        const json_t *schema = json_object_get(plugin, is_consumer ? "consumer_schema" : "schema");

        if (schema == NULL) {
            schema = json_object_get(plugin, "schema");
        }
        if (schema == NULL) {
            (void)json_object_clear(value); /* fails for what is no object, which no plugin has */
        } else {
            redact_config(schema, value);
        }
    }
}
