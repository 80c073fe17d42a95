/* host/control/object_kind.c - the kinds of objects that the Admin API keeps: one row each. */
#include "host/control/object_kind.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "host/control/object_credential.h"
#include "host/control/object_rule.h"
#include "host/control/object_rule_ssl.h"

#define TRAFFIC_SPLIT    "traffic-split"
#define UPSTREAMS_PREFIX "upstreams/"
#define ALL_METHODS                                                                                \
    (HGH_ADMIN_GET | HGH_ADMIN_PUT | HGH_ADMIN_POST | HGH_ADMIN_DELETE | HGH_ADMIN_PATCH)

static const hgh_object_reference route_references[] = {
    {"upstream_id", "upstreams", "upstream", NULL},
    {"service_id", "services", "service", NULL},
    {"plugin_config_id", "plugin_configs", "plugin config", NULL},
    {"upstream.tls.client_cert_id", "ssls", "ssl", "client"},
    {0},
};

static const hgh_object_reference service_references[] = {
    {"upstream_id", "upstreams", "upstream", NULL},
    {"upstream.tls.client_cert_id", "ssls", "ssl", "client"},
    {0},
};

static const hgh_object_reference upstream_references[] = {
    {"tls.client_cert_id", "ssls", "ssl", "client"},
    {0},
};

static const hgh_object_reference consumer_references[] = {
    {"group_id", "consumer_groups", "consumer group", NULL},
    {0},
};

static const hgh_object_reference no_references[] = {
    {0},
};

static const char *const ssl_hidden[] = {"key", "keys", NULL};

static const hgh_object_kind kinds[] = {
    {
        .name = "routes",
        .noun = "route",
        .schema = "route",
        .methods = ALL_METHODS,
        .id_member = "id",
        .plugin_use = "config",
        .plugins_prefix = "",
        .kept_text = "can not delete this route",
        .has_filter = true,
        .references = route_references,
        .check = hgh_object_rule_route,
    },
    {
        .name = "services",
        .noun = "service",
        .schema = "service",
        .methods = ALL_METHODS,
        .id_member = "id",
        .plugin_use = "config",
        .plugins_prefix = "",
        .kept_text = "can not delete this service directly",
        .references = service_references,
        .check = hgh_object_rule_service,
    },
    {
        .name = "upstreams",
        .noun = "upstream",
        .schema = "upstream",
        .methods = ALL_METHODS,
        .id_member = "id",
        .plugin_use = "config",
        .plugins_prefix = "",
        .kept_text = "can not delete this upstream",
        .references = upstream_references,
        .check = hgh_object_rule_upstream,
    },
    {
        .name = "consumers",
        .noun = "consumer",
        .schema = "consumer",
        .methods = HGH_ADMIN_GET | HGH_ADMIN_PUT | HGH_ADMIN_DELETE,
        .id_member = "username",
        .plugin_use = "consumer",
        .plugins_prefix = "invalid plugins configuration: ",
        .kept_text = "can not delete this consumer",
        .references = consumer_references,
        .check = hgh_object_rule_none,
    },
    {
        .name = "credentials",
        .noun = "credential",
        .schema = "credential",
        .methods = HGH_ADMIN_GET | HGH_ADMIN_PUT | HGH_ADMIN_DELETE,
        .id_member = "id",
        .parent = "consumers",
        .plugin_use = "consumer",
        .plugins_prefix = "invalid plugins configuration: ",
        .kept_text = "can not delete this credential",
        .only_auth = true,
        .references = no_references,
        .check = hgh_object_rule_none,
    },
    {
        .name = "plugin_configs",
        .noun = "plugin config",
        .schema = "plugin_config",
        .methods = ALL_METHODS & ~HGH_ADMIN_POST,
        .id_member = "id",
        .plugin_use = "config",
        .plugins_prefix = "",
        .kept_text = "can not delete this plugin config",
        .references = no_references,
        .check = hgh_object_rule_none,
    },
    {
        .name = "consumer_groups",
        .noun = "consumer group",
        .schema = "consumer_group",
        .methods = ALL_METHODS & ~HGH_ADMIN_POST,
        .id_member = "id",
        .plugin_use = "config",
        .plugins_prefix = "",
        .kept_text = "can not delete this consumer group",
        .references = no_references,
        .check = hgh_object_rule_none,
    },
    {
        .name = "global_rules",
        .noun = "global rule",
        .schema = "global_rule",
        .methods = ALL_METHODS & ~HGH_ADMIN_POST,
        .id_member = "id",
        .plugin_use = "config",
        .plugins_prefix = "",
        .kept_text = "can not delete this global rule",
        .own_plugins = true,
        .references = no_references,
        .check = hgh_object_rule_none,
    },
    {
        .name = "plugin_metadata",
        .noun = "plugin_metadata",
        .schema = "plugin_metadata",
        .methods = HGH_ADMIN_GET | HGH_ADMIN_PUT | HGH_ADMIN_DELETE,
        .id_member = "id",
        .plugin_use = "metadata",
        .plugins_prefix = "invalid configuration: ",
        .kept_text = "can not delete this plugin_metadata",
        .is_metadata = true,
        .references = no_references,
        .check = hgh_object_rule_none,
    },
    {
        .name = "ssls",
        .noun = "ssl",
        .schema = "ssl",
        .methods = ALL_METHODS,
        .id_member = "id",
        .plugin_use = "config",
        .plugins_prefix = "",
        .kept_text = "can not delete this ssl",
        .hidden = ssl_hidden,
        .references = no_references,
        .check = hgh_object_rule_ssl,
    },
};

#define KIND_COUNT (sizeof(kinds) / sizeof(kinds[0]))

const hgh_object_kind *hgh_object_kind_find(const char *name)
{
    for (size_t i = 0; i < KIND_COUNT; i++) {
        if (strcmp(kinds[i].name, name) == 0) {
            return &kinds[i];
        }
    }
    return NULL;
}

const hgh_object_kind *hgh_object_kind_at(size_t index)
{
    return index < KIND_COUNT ? &kinds[index] : NULL;
}

bool hgh_object_kind_has_id(const hgh_object_kind *kind)
{
    return strcmp(kind->id_member, "id") == 0;
}

const json_t *hgh_object_reference_value(const hgh_object_reference *reference,
                                         const json_t *object)
{
    const char *at = reference->member;

    for (;;) {
        size_t length = strcspn(at, ".");

        object = json_object_getn(object, at, length);
        if (at[length] == '\0') {
            return object;
        }
        at += length + 1;
    }
}

bool hgh_object_id_text(const json_t *id, char *into, size_t size)
{
    int length = -1;

    if (json_is_string(id)) {
        length = snprintf(into, size, "%s", json_string_value(id));
    } else if (json_integer_value(id) >= 1) {
        length = snprintf(into, size, "%lld", (long long)json_integer_value(id));
    }
    return length >= 0 && (size_t)length < size;
}

bool hgh_object_key_make(
    const hgh_object_kind *kind, const char *parent, const char *id, char *into, size_t size)
{
    int length = parent == NULL
                     ? snprintf(into, size, "%s/%s", kind->name, id)
                     : snprintf(into, size, "%s/%s/%s/%s", kind->name, parent, kind->name, id);

    return length > 0 && (size_t)length < size;
}

const hgh_object_kind *hgh_object_key_kind(const char *key)
{
    size_t length = strcspn(key, "/");

    for (size_t i = 0; i < KIND_COUNT; i++) {
        if (strncmp(kinds[i].name, key, length) == 0 && kinds[i].name[length] == '\0') {
            return &kinds[i];
        }
    }
    return NULL;
}

void hgh_object_key_show(const char *key, char *into, size_t size)
{
    const hgh_object_kind *kind = hgh_object_key_kind(key);

    if (kind == NULL || kind->parent == NULL) {
        (void)snprintf(into, size, "%s", key);
    } else {
        (void)snprintf(into, size, "%s%s", kind->parent, key + strlen(kind->name));
    }
}

static bool append_key(json_t *keys, json_t *key)
{
    return key != NULL && json_array_append_new(keys, key) == 0;
}

/* The members that name another object. */
static bool append_members(json_t *keys, const hgh_object_kind *kind, const json_t *object)
{
    for (const hgh_object_reference *at = kind->references; at->member != NULL; at++) {
        char id[HGH_OBJECT_ID_MAX + 1];

        if (hgh_object_id_text(hgh_object_reference_value(at, object), id, sizeof(id)) &&
            !append_key(keys, json_sprintf("%s/%s", at->kind, id))) {
            return false;
        }
    }
    return true;
}

static bool
append_plugins(json_t *keys, const hgh_object_kind *kind, const char *id, const json_t *object)
{
    bool is_isolated = false;
    const char *name;
    json_t *value;

    if (kind->is_metadata) {
        return append_key(keys, json_sprintf(HGH_PLUGIN_KIND "/%s", id));
    }
    json_object_foreach(json_object_get(object, "plugins"), name, value)
    {
        is_isolated = is_isolated ||
                      json_is_true(json_object_get(json_object_get(value, "_meta"), "isolate"));
        if (!append_key(keys, json_sprintf(HGH_PLUGIN_KIND "/%s", name))) {
            return false;
        }
    }
    return !is_isolated || append_key(keys, json_string(HGH_ISOLATION_KEY));
}

/* The upstreams among which the plugin traffic-split chooses. */
static bool append_split(json_t *keys, const json_t *object)
{
    const json_t *plugins = json_object_get(object, "plugins");
    const json_t *rules = json_object_get(json_object_get(plugins, TRAFFIC_SPLIT), "rules");

    for (size_t i = 0; i < json_array_size(rules); i++) {
        const json_t *choices = json_object_get(json_array_get(rules, i), "weighted_upstreams");

        for (size_t k = 0; k < json_array_size(choices); k++) {
            char id[HGH_OBJECT_ID_MAX + 1];

            if (hgh_object_id_text(json_object_get(json_array_get(choices, k), "upstream_id"), id,
                                   sizeof(id)) &&
                !append_key(keys, json_sprintf(TRAFFIC_SPLIT "/%s", id))) {
                return false;
            }
        }
    }
    return true;
}

json_t *hgh_object_references(const hgh_object_kind *kind, const char *id, const json_t *object)
{
    json_t *keys = json_array();
    bool has_checks = json_object_get(object, "checks") != NULL ||
                      json_object_get(json_object_get(object, "upstream"), "checks") != NULL;
    bool is_complete = keys != NULL && append_members(keys, kind, object) &&
                       (!has_checks || append_key(keys, json_string(HGH_CHECKS_KEY))) &&
                       append_plugins(keys, kind, id, object) && append_split(keys, object) &&
                       hgh_object_credential_keys(keys, kind, object);

    if (is_complete && kind->parent != NULL) {
        is_complete =
            append_key(keys, json_sprintf("%s/%.*s", kind->parent, (int)strcspn(id, "/"), id));
    }
    if (!is_complete) {
        json_decref(keys);
        return NULL;
    }
    return keys;
}

json_t *hgh_object_plugin_config(const hgh_object_kind *kind,
                                 const char *id,
                                 const json_t *object,
                                 const char *plugin)
{
    json_t *config;

    if (!kind->is_metadata) {
        return json_incref(json_object_get(json_object_get(object, "plugins"), plugin));
    }
    if (strcmp(id, plugin) != 0) {
        return NULL;
    }
    config = json_copy((json_t *)(uintptr_t)object); /* jansson's copy takes no const */
    (void)json_object_del(config, kind->id_member);  /* the host's; fails if it is not there */
    return config;
}

/* The first object that names a key; what stands below the named one does not count. */
static const hgh_resource_object *
user_of(const hgh_resource_table *table, const char *key, const hgh_object_kind **out_kind)
{
    for (size_t i = 0; i < KIND_COUNT; i++) {
        const hgh_resource_object *user =
            kinds[i].parent == NULL ? hgh_resource_table_referer(table, kinds[i].name, key, NULL)
                                    : NULL;

        if (user != NULL) {
            *out_kind = &kinds[i];
            return user;
        }
    }
    return NULL;
}

const hgh_resource_object *hgh_object_user(const hgh_resource_table *table,
                                           const char *key,
                                           const hgh_object_kind **out_kind,
                                           bool *out_by_plugin)
{
    const hgh_resource_object *user = user_of(table, key, out_kind);
    char plugin_key[HGH_OBJECT_KEY_MAX];

    *out_by_plugin = false;
    if (user == NULL && strncmp(key, UPSTREAMS_PREFIX, strlen(UPSTREAMS_PREFIX)) == 0) {
        (void)snprintf(plugin_key, sizeof(plugin_key), TRAFFIC_SPLIT "/%s",
                       key + strlen(UPSTREAMS_PREFIX));
        user = user_of(table, plugin_key, out_kind);
        *out_by_plugin = user != NULL;
    }
    return user;
}
