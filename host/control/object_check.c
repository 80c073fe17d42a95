/* host/control/object_check.c - judges an object that an operator wants to store. */
#include "host/control/object_check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/control/object_schema.h"
#include "host/core/json_schema.h"

#define KINDS_MAX       16u
#define POINTER_MAX     512u
#define TEXT_MAX        600u
#define SCHEMA_PREFIX   "invalid configuration: "
#define PLUGINS_POINTER "/plugins"

struct hgh_object_check {
    hgh_schema *schemas[KINDS_MAX]; /* owned; by the kind's index */
};

hg_status hgh_object_check_new(hgh_object_check **out_check, hg_error *err)
{
    hgh_object_check *check = calloc(1, sizeof(*check));
    hg_status status = HG_OK;

    if (check == NULL) {
        return hg_error_set(err, HG_ERR_NO_MEMORY, "out of memory");
    }
    for (size_t i = 0; status == HG_OK && hgh_object_kind_at(i) != NULL; i++) {
        json_t *source = NULL;

        status = hgh_object_schema_make(hgh_object_kind_at(i)->schema, &source, err);
        if (status == HG_OK) {
            status = hgh_schema_compile(source, &check->schemas[i], err);
        }
        json_decref(source);
    }
    if (status != HG_OK) {
        hgh_object_check_free(check);
        return status;
    }
    *out_check = check;
    return HG_OK;
}

void hgh_object_check_free(hgh_object_check *check)
{
    if (check == NULL) {
        return;
    }
    for (size_t i = 0; i < KINDS_MAX; i++) {
        hgh_schema_free(check->schemas[i]);
    }
    free(check);
}

static size_t index_of(const hgh_object_kind *kind)
{
    return (size_t)(kind - hgh_object_kind_at(0));
}

void hgh_object_check_by_schema(const hgh_object_check *check,
                                const hgh_object_kind *kind,
                                const json_t *object,
                                hg_issues *issues)
{
    (void)hgh_schema_validate(check->schemas[index_of(kind)], object, "", issues);
    /* The findings say the same. */
}

hg_status hgh_object_check_fill_defaults(const hgh_object_check *check,
                                         const hgh_object_kind *kind,
                                         json_t *object)
{
    return hgh_schema_fill_defaults(check->schemas[index_of(kind)], object);
}

/* APISIX judges these before the schema, which would say it less clearly. */
static void check_pair(const json_t *object, const char *one, const char *many, hg_issues *issues)
{
    char pointer[POINTER_MAX];
    char text[TEXT_MAX];

    if (json_object_get(object, one) == NULL || json_object_get(object, many) == NULL) {
        return;
    }
    (void)snprintf(pointer, sizeof(pointer), "/%s", one);
    (void)snprintf(text, sizeof(text), "only one of %s or %s is allowed", one, many);
    hgh_issues_add(issues, pointer, "both", "one of the two", text);
}

static void check_schema(const hgh_schema *schema, const json_t *object, hg_issues *issues)
{
    hg_issues found = {0};

    (void)hgh_schema_validate(schema, object, "", &found); /* the findings say the same */
    for (size_t i = 0; i < found.count; i++) {
        hgh_issue *issue = &found.items[i];
        char *text = NULL;
        int length = issue->text != NULL ? asprintf(&text, SCHEMA_PREFIX "%s", issue->text)
                                         : asprintf(&text, SCHEMA_PREFIX "%s: found %s, wanted %s",
                                                    issue->pointer, issue->found, issue->wanted);

        if (length >= 0) {
            free(issue->text);
            issue->text = text;
        }
    }
    hgh_issues_take(issues, &found, "");
}

static bool has_type(const hgh_resource_object *object, const char *type)
{
    json_t *value = json_loadb(object->value, object->value_length, 0, NULL);
    const char *found = json_string_value(json_object_get(value, "type"));
    bool is_same = found != NULL && strcmp(found, type) == 0;

    json_decref(value);
    return is_same;
}

/* The pointer of a reference's member: its dots become slashes. */
static void reference_pointer(const hgh_object_reference *reference, char *into, size_t size)
{
    (void)snprintf(into, size, "/%s", reference->member);
    for (char *at = into; *at != '\0'; at++) {
        *at = *at == '.' ? '/' : *at;
    }
}

static void check_references(const hgh_object_kind *kind,
                             const hgh_resource_table *table,
                             const json_t *object,
                             hg_issues *issues)
{
    for (const hgh_object_reference *at = kind->references; at->member != NULL; at++) {
        char id[HGH_OBJECT_ID_MAX + 1];
        char key[HGH_OBJECT_KEY_MAX];
        char pointer[POINTER_MAX];
        char wanted[TEXT_MAX];
        char text[TEXT_MAX];
        const hgh_resource_object *found;

        if (!hgh_object_id_text(hgh_object_reference_value(at, object), id, sizeof(id))) {
            continue; /* absent, or the schema has told */
        }
        (void)snprintf(key, sizeof(key), "%s/%s", at->kind, id);
        found = hgh_resource_table_find_live(table, key);
        if (found != NULL && (at->type == NULL || has_type(found, at->type))) {
            continue;
        }
        reference_pointer(at, pointer, sizeof(pointer));
        (void)snprintf(wanted, sizeof(wanted), "the id of a stored %s%s%s", at->noun,
                       at->type == NULL ? "" : " of type ", at->type == NULL ? "" : at->type);
        (void)snprintf(text, sizeof(text), "failed to fetch %s info by %s id [%s], %s", at->noun,
                       at->noun, id, found == NULL ? "response code: 404" : "wrong ssl type");
        hgh_issues_add(issues, pointer, id, wanted, text);
    }
}

/* A plugin that stands in another object of the kind already. */
static void check_own_plugins(const hgh_object_kind *kind,
                              const hgh_resource_table *table,
                              const json_t *object,
                              hg_issues *issues)
{
    json_t *plugins = kind->own_plugins ? json_object_get(object, "plugins") : NULL;
    char id[HGH_OBJECT_ID_MAX + 1] = "";
    const char *name;
    json_t *value;

    (void)hgh_object_id_text(json_object_get(object, kind->id_member), id, sizeof(id));
    json_object_foreach(plugins, name, value)
    {
        char key[HGH_OBJECT_KEY_MAX];
        char pointer[POINTER_MAX] = PLUGINS_POINTER;
        char text[TEXT_MAX];
        const hgh_resource_object *other = NULL;

        (void)snprintf(key, sizeof(key), HGH_PLUGIN_KIND "/%s", name);
        do {
            other = hgh_resource_table_referer(table, kind->name, key, other);
        } while (other != NULL && strcmp(other->id, id) == 0);
        if (other == NULL) {
            continue;
        }
        (void)hgh_pointer_append(pointer, strlen(pointer), sizeof(pointer), name);
        (void)snprintf(text, sizeof(text), "plugin '%s' already exists in %s with id '%s'", name,
                       kind->noun, other->id);
        hgh_issues_add(issues, pointer, name, "a plugin that no other one has", text);
    }
}

/* The plugins of an object, which no request could meet all of. */
static bool has_too_many_plugins(const json_t *object)
{
    return json_object_size(json_object_get(object, "plugins")) > HGH_OBJECT_PLUGINS_MAX;
}

static void check_plugin_count(const hgh_object_kind *kind, const json_t *object, hg_issues *issues)
{
    char found[64];
    char wanted[64];
    char text[TEXT_MAX];

    if (kind->is_metadata || !has_too_many_plugins(object)) {
        return;
    }
    (void)snprintf(found, sizeof(found), "%zu plugins",
                   json_object_size(json_object_get(object, "plugins")));
    (void)snprintf(wanted, sizeof(wanted), "at most %u plugins", HGH_OBJECT_PLUGINS_MAX);
    (void)snprintf(text, sizeof(text),
                   "%sproperty \"plugins\" validation failed: found %s, wanted %s", SCHEMA_PREFIX,
                   found, wanted);
    hgh_issues_add(issues, PLUGINS_POINTER, found, wanted, text);
}

static void
check_name(const hgh_object_kind *kind, const json_t *object, const char *id, hg_issues *issues)
{
    const char *name = json_string_value(json_object_get(object, kind->id_member));
    char pointer[POINTER_MAX];
    char text[TEXT_MAX];

    if (hgh_object_kind_has_id(kind) || id == NULL || name == NULL || strcmp(name, id) == 0) {
        return;
    }
    (void)snprintf(pointer, sizeof(pointer), "/%s", kind->id_member);
    (void)snprintf(text, sizeof(text), "wrong %s", kind->id_member);
    hgh_issues_add(issues, pointer, name, id, text);
}

void hgh_object_check_run(const hgh_object_check *check,
                          const hgh_object_kind *kind,
                          const hgh_resource_table *table,
                          const json_t *object,
                          const char *id,
                          hg_issues *issues)
{
    size_t before = issues->count;

    check_pair(object, "host", "hosts", issues);
    check_pair(object, "remote_addr", "remote_addrs", issues);
    check_schema(check->schemas[index_of(kind)], object, issues);
    check_name(kind, object, id, issues);
    if (issues->count == before) { /* the rules below rely on the schema */
        kind->check(object, issues);
    }
    check_references(kind, table, object, issues);
    check_own_plugins(kind, table, object, issues);
    check_plugin_count(kind, object, issues);
}

static bool append_config(json_t *configs,
                          const hgh_object_kind *kind,
                          const char *id,
                          const json_t *object,
                          const char *plugin,
                          const char *pointer)
{
    json_t *config = json_pack("{s:s, s:s, s:s, s:s, s:s, s:o}", "plugin", plugin, "use",
                               kind->plugin_use, "pointer", pointer, "resource", kind->name, "id",
                               id, "value", hgh_object_plugin_config(kind, id, object, plugin));

    return config != NULL && json_array_append_new(configs, config) == 0;
}

json_t *hgh_object_check_plugins(const hgh_object_kind *kind, const char *id, const json_t *object)
{
    /* The iterator wants a non-const object; nothing is written through it. */
    json_t *plugins = json_object_get(object, "plugins");
    json_t *configs = json_array();
    bool is_complete = configs != NULL;
    const char *name;
    json_t *value;

    if (is_complete && kind->is_metadata) {
        is_complete = append_config(configs, kind, id, object, id, "");
    } else if (is_complete && !has_too_many_plugins(object)) {
        json_object_foreach(plugins, name, value)
        {
            char pointer[POINTER_MAX] = PLUGINS_POINTER;

            (void)hgh_pointer_append(pointer, strlen(pointer), sizeof(pointer), name);
            is_complete = is_complete && append_config(configs, kind, id, object, name, pointer);
        }
    }
    if (!is_complete) {
        json_decref(configs);
        return NULL;
    }
    return configs;
}
