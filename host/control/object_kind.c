/* host/control/object_kind.c - the kinds of objects that the Admin API keeps: one row each. */
#include "host/control/object_kind.h"

#include <stdio.h>
#include <string.h>

#include "host/control/object_rule.h"

#define ALL_METHODS                                                                                \
    (HGH_ADMIN_GET | HGH_ADMIN_PUT | HGH_ADMIN_POST | HGH_ADMIN_DELETE | HGH_ADMIN_PATCH)

static const hgh_object_reference route_references[] = {
    {"upstream_id", "upstreams", "upstream"},
    {"service_id", "services", "service"},
    {"plugin_config_id", "plugin_configs", "plugin config"},
    {0},
};

static const hgh_object_reference service_references[] = {
    {"upstream_id", "upstreams", "upstream"},
    {0},
};

static const hgh_object_reference consumer_references[] = {
    {"group_id", "consumer_groups", "consumer group"},
    {0},
};

static const hgh_object_reference no_references[] = {
    {0},
};

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
        .references = no_references,
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

const hgh_object_kind *hgh_object_kind_find_schema(const char *schema)
{
    for (size_t i = 0; i < KIND_COUNT; i++) {
        if (strcmp(kinds[i].schema, schema) == 0) {
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

bool hgh_object_id_text(const json_t *id, char *into, size_t size)
{
    int length = -1;

    if (json_is_string(id)) {
        length = snprintf(into, size, "%s", json_string_value(id));
    } else if (json_is_integer(id)) {
        length = snprintf(into, size, "%lld", (long long)json_integer_value(id));
    }
    return length >= 0 && (size_t)length < size;
}

json_t *hgh_object_references(const hgh_object_kind *kind, const json_t *object)
{
    json_t *keys = json_array();

    for (const hgh_object_reference *at = kind->references; keys != NULL && at->member != NULL;
         at++) {
        char id[HGH_OBJECT_ID_MAX + 1];
        json_t *key;

        if (!hgh_object_id_text(json_object_get(object, at->member), id, sizeof(id))) {
            continue;
        }
        key = json_sprintf("%s/%s", at->kind, id);
        if (key == NULL || json_array_append_new(keys, key) != 0) {
            json_decref(keys);
            return NULL;
        }
    }
    return keys;
}

const hgh_resource_object *
hgh_object_user(const hgh_resource_table *table, const char *key, const hgh_object_kind **out_kind)
{
    for (size_t i = 0; i < KIND_COUNT; i++) {
        const hgh_resource_object *user = hgh_resource_table_referer(table, kinds[i].name, key);

        if (user != NULL) {
            *out_kind = &kinds[i];
            return user;
        }
    }
    return NULL;
}
