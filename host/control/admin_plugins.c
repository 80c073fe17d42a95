/* host/control/admin_plugins.c - the plugins in force, as the Admin and Control APIs show them. */
#include "host/control/admin_plugins.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define STATUS_OK        200u
#define STATUS_BAD       400u
#define STATUS_NOT_FOUND 404u

/* The plugins' schemas as clients of APISIX see them: with what every configuration may hold. */
static json_t *schema_with_meta(const json_t *schema)
{
    json_t *copy = json_deep_copy(schema);
    json_t *properties = json_object_get(copy, "properties");
    json_t *meta;

    if (!json_is_object(copy) || json_object_get(properties, "_meta") != NULL) {
        return copy;
    }
    if (properties == NULL) {
        properties = json_object();
        if (json_object_set_new(copy, "properties", properties) != 0) {
            goto failed;
        }
    }
    meta =
        json_pack("{s:s, s:{s:{s:s}, s:{s:[{s:s},{s:s}]}, s:{s:s}, s:{s:s}, s:{s:s}}, s:b}", "type",
                  "object", "properties", "disable", "type", "boolean", "error_response", "oneOf",
                  "type", "string", "type", "object", "isolate", "type", "boolean", "priority",
                  "type", "integer", "filter", "type", "array", "additionalProperties", 0);
    if (json_object_set_new(properties, "_meta", meta) != 0 ||
        json_object_set_new(copy, "$comment",
                            json_string("this is a mark for our injected plugin schema")) != 0) {
        goto failed;
    }
    return copy;

failed:
    json_decref(copy);
    return NULL;
}

/* A version that reads as a number is shown as one, as APISIX's are. */
static json_t *version_of(const json_t *plugin)
{
    const json_t *version = json_object_get(plugin, "version");
    const char *text = json_string_value(version);
    char *end = NULL;
    double number = text == NULL ? 0 : strtod(text, &end);

    if (end != NULL && end != text && *end == '\0' && isfinite(number)) {
        return json_real(number);
    }
    return json_deep_copy(version);
}

static json_t *plugin_describe(const json_t *plugin)
{
    static const char *const schemas[] = {"metadata_schema", "consumer_schema"};
    json_t *made = json_object();

    if (json_object_set_new(made, "priority",
                            json_deep_copy(json_object_get(plugin, "priority"))) != 0 ||
        json_object_set_new(made, "version", version_of(plugin)) != 0 ||
        json_object_set_new(made, "schema", schema_with_meta(json_object_get(plugin, "schema"))) !=
            0 ||
        (hgh_plugin_catalog_has_flag(plugin, "auth") &&
         json_object_set_new(made, "type", json_string("auth")) != 0)) {
        goto failed;
    }
    for (size_t i = 0; i < sizeof(schemas) / sizeof(schemas[0]); i++) {
        json_t *schema = json_object_get(plugin, schemas[i]);

        if (json_is_object(schema) && json_object_set(made, schemas[i], schema) != 0) {
            goto failed;
        }
    }
    return made;

failed:
    json_decref(made);
    return NULL;
}

json_t *hgh_admin_plugins_all(const hgh_plugin_catalog *catalog)
{
    const json_t *plugins = hgh_plugin_catalog_all(catalog);
    json_t *all = json_object();

    for (size_t i = 0; i < json_array_size(plugins); i++) {
        const json_t *plugin = json_array_get(plugins, i);
        const char *name = json_string_value(json_object_get(plugin, "name"));

        if (name == NULL || json_object_set_new(all, name, plugin_describe(plugin)) != 0) {
            json_decref(all);
            return NULL;
        }
    }
    return all;
}

static void answer_names(const hgh_plugin_catalog *catalog,
                         const hgh_admin_request *request,
                         hgh_admin_answer *answer)
{
    const json_t *plugins = hgh_plugin_catalog_all(catalog);
    const char *subsystem = hgh_admin_request_argument(request, "subsystem");
    bool is_stream = subsystem != NULL && strcmp(subsystem, "stream") == 0;
    json_t *names;

    if (subsystem != NULL && !is_stream && strcmp(subsystem, "http") != 0) {
        char *text = strdup("invalid subsystem passed"); /* no JSON, as in APISIX */

        hgh_admin_answer_text(answer, STATUS_BAD, text, text == NULL ? 0 : strlen(text));
        return;
    }
    names = json_array();
    for (size_t i = 0; i < json_array_size(plugins) && !is_stream; i++) {
        if (json_array_append(names, json_object_get(json_array_get(plugins, i), "name")) != 0) {
            json_decref(names);
            names = NULL;
            break;
        }
    }
    hgh_admin_answer_json(answer, STATUS_OK, names);
}

static void
answer_schema(const json_t *plugin, const hgh_admin_request *request, hgh_admin_answer *answer)
{
    const char *use = hgh_admin_request_argument(request, "schema_type");
    bool is_consumer = use != NULL && strcmp(use, "consumer") == 0;
    bool is_metadata = use != NULL && strcmp(use, "metadata") == 0;
    const json_t *schema = json_object_get(plugin, is_consumer   ? "consumer_schema"
                                                   : is_metadata ? "metadata_schema"
                                                                 : "schema");

    if (!json_is_object(schema)) {
        hgh_admin_answer_error(answer, STATUS_BAD, "not found schema");
        return;
    }
    hgh_admin_answer_json(answer, STATUS_OK,
                          is_consumer || is_metadata ? json_deep_copy(schema)
                                                     : schema_with_meta(schema));
}

void hgh_admin_plugins_answer(const hgh_plugin_catalog *catalog,
                              const hgh_admin_request *request,
                              const char *name,
                              hgh_admin_answer *answer)
{
    const char *subsystem = hgh_admin_request_argument(request, "subsystem");
    const char *all = hgh_admin_request_argument(request, "all");
    bool is_stream = subsystem != NULL && strcmp(subsystem, "stream") == 0;
    const json_t *plugin = NULL;

    if (name != NULL && strcmp(name, "list") == 0) {
        answer_names(catalog, request, answer);
        return;
    }
    if (subsystem != NULL && !is_stream && strcmp(subsystem, "http") != 0) {
        hgh_admin_answer_error(answer, STATUS_BAD, "unsupported subsystem: %s", subsystem);
        return;
    }
    if (all != NULL && strcmp(all, "true") == 0) {
        hgh_admin_answer_json(answer, STATUS_OK,
                              is_stream ? json_object() : hgh_admin_plugins_all(catalog));
        return;
    }
    if (name != NULL && !is_stream) {
        plugin = hgh_plugin_catalog_find(catalog, name);
    }
    if (plugin == NULL) {
        hgh_admin_answer_error(answer, STATUS_NOT_FOUND, "plugin not found in subsystem %s",
                               is_stream ? "stream" : "http");
        return;
    }
    answer_schema(plugin, request, answer);
}
