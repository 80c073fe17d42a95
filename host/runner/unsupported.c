/* host/runner/unsupported.c - what of the SDK has no place behind the external plugin protocol. */
#include "host/runner/unsupported.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static const hgh_unsupported rows[] = {
    {HGH_UNSUPPORTED_PHASE, "before_proxy", "never runs: a runner is not asked about a node"},
    {HGH_UNSUPPORTED_PHASE, "log", "never runs: a runner is not told of a request's end"},
    {HGH_UNSUPPORTED_FLAG, "auth", "finds nobody: consumers are the gateway's"},
    {HGH_UNSUPPORTED_FLAG, "prefer_route", "has no effect: a runner knows no global rules"},
    {HGH_UNSUPPORTED_SCHEMA, "metadata", "is as if none were stored"},
    {HGH_UNSUPPORTED_SCHEMA, "attributes",
     "are as if config.yaml had none, but for isolated plugins"},
    {HGH_UNSUPPORTED_FUNCTION, "hg_request_set_method", "always"},
    {HGH_UNSUPPORTED_FUNCTION, "hg_request_set_client_address", "always"},
    {HGH_UNSUPPORTED_FUNCTION, "hg_request_restore_uri", "always"},
    {HGH_UNSUPPORTED_FUNCTION, "hg_request_limit_body", "with a limit"},
    {HGH_UNSUPPORTED_FUNCTION, "hg_request_add_header", "if the request has that header already"},
    {HGH_UNSUPPORTED_FUNCTION, "hg_request_set_arguments",
     "if an argument without a value is new or has changed"},
    {HGH_UNSUPPORTED_FUNCTION, "hg_request_set_body", "with an empty body"},
    {HGH_UNSUPPORTED_FUNCTION, "hg_response_set_body", "with an empty body"},
    {HGH_UNSUPPORTED_FUNCTION, "hg_chunk_set",
     "if nothing of the body is left in the end: the call fails"},
    {HGH_UNSUPPORTED_FUNCTION, "hg_request_header_at",
     "about a response: it finds none, hg_request_header() does"},
    {HGH_UNSUPPORTED_FUNCTION, "hg_response_set_header",
     "before there is a response: ten that describe it are left out unless the plugin ends the "
     "request; the log says which"},
};

#define ROWS (sizeof(rows) / sizeof(rows[0]))

const hgh_unsupported *hgh_unsupported_all(size_t *out_count)
{
    *out_count = ROWS;
    return rows;
}

const char *hgh_unsupported_kind_name(hgh_unsupported_kind kind)
{
    static const char *const names[] = {
        [HGH_UNSUPPORTED_PHASE] = "phase",
        [HGH_UNSUPPORTED_FLAG] = "flag",
        [HGH_UNSUPPORTED_SCHEMA] = "schema",
        [HGH_UNSUPPORTED_FUNCTION] = "function",
    };

    return names[kind];
}

static bool has_text(const json_t *list, const char *text)
{
    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *item = json_string_value(json_array_get(list, i));

        if (item != NULL && strcmp(item, text) == 0) {
            return true;
        }
    }
    return false;
}

static bool has_schema(const json_t *description, const char *name)
{
    char member[64];

    (void)snprintf(member, sizeof(member), "%s_schema", name);
    return json_object_get(description, member) != NULL;
}

static bool concerns(const hgh_unsupported *row, const json_t *description)
{
    switch (row->kind) {
    case HGH_UNSUPPORTED_PHASE:
        return has_text(json_object_get(description, "phases"), row->name);
    case HGH_UNSUPPORTED_FLAG:
        return has_text(json_object_get(description, "flags"), row->name);
    case HGH_UNSUPPORTED_SCHEMA:
        return has_schema(description, row->name);
    case HGH_UNSUPPORTED_FUNCTION:
        break; /* an object does not tell which functions it calls */
    }
    return false;
}

json_t *hgh_unsupported_of(const json_t *description)
{
    json_t *list = json_array();

    for (size_t i = 0; i < ROWS; i++) {
        if (concerns(&rows[i], description)) {
            (void)json_array_append_new(list, json_pack("{s:s, s:s, s:s}", "part",
                                                        hgh_unsupported_kind_name(rows[i].kind),
                                                        "name", rows[i].name, "why", rows[i].why));
        }
    }
    return list;
}

json_t *hgh_unsupported_functions(void)
{
    json_t *list = json_array();

    for (size_t i = 0; i < ROWS; i++) {
        if (rows[i].kind == HGH_UNSUPPORTED_FUNCTION) {
            (void)json_array_append_new(
                list, json_pack("{s:s, s:s}", "function", rows[i].name, "when", rows[i].why));
        }
    }
    return list;
}
