/* host/control/admin_filter.c - which objects of a list a client wants. */
#include "host/control/admin_filter.h"

#include <stdlib.h>
#include <string.h>

#include "host/core/regex.h"

#define NO_NAME "nil" /* what the name of an object without one is compared as */

/* The keys that `filter` knows; others are ignored, as APISIX does. */
static const char *const filter_members[HGH_ADMIN_FILTER_MEMBERS] = {"service_id", "upstream_id"};

void hgh_admin_filter_done(hgh_admin_filter *filter)
{
    hgh_regex_free(filter->name);
    hgh_regex_free(filter->uri);
    for (size_t i = 0; i < HGH_ADMIN_FILTER_MEMBERS; i++) {
        free(filter->members[i].value);
    }
    *filter = (hgh_admin_filter){0};
}

static hg_status pattern_parse(const hgh_admin_request *request,
                               const char *argument,
                               hg_regex **out_regex,
                               hg_error *err)
{
    const char *pattern = hgh_admin_request_argument(request, argument);
    hg_error cause = HG_ERROR_INIT;
    hg_status status;

    if (pattern == NULL) {
        return HG_OK;
    }
    status = hgh_regex_compile(pattern, strlen(pattern), false, out_regex, &cause);
    if (status != HG_OK) {
        return hg_error_set(err, status, "invalid argument %s: %.300s", argument, cause.text);
    }
    return HG_OK;
}

/* service_id=1&upstream_id=2: the argument is a query of its own. */
static hg_status members_parse(hgh_admin_filter *filter, const char *text)
{
    while (*text != '\0') {
        size_t length = strcspn(text, "&");
        size_t name_length = strcspn(text, "=");

        for (size_t i = 0; i < HGH_ADMIN_FILTER_MEMBERS && name_length < length; i++) {
            const char *member = filter_members[i];

            if (strncmp(member, text, name_length) == 0 && member[name_length] == '\0') {
                free(filter->members[i].value); /* the last one counts */
                filter->members[i].member = member;
                filter->members[i].value =
                    strndup(text + name_length + 1, length - name_length - 1);
                if (filter->members[i].value == NULL) {
                    return HG_ERR_NO_MEMORY;
                }
            }
        }
        text += length + strspn(text + length, "&");
    }
    return HG_OK;
}

hg_status hgh_admin_filter_parse(hgh_admin_filter *filter,
                                 const hgh_object_kind *kind,
                                 const hgh_admin_request *request,
                                 hg_error *err)
{
    const char *members = hgh_admin_request_argument(request, "filter");
    hg_status status = pattern_parse(request, "name", &filter->name, err);

    if (status == HG_OK) {
        status = pattern_parse(request, "uri", &filter->uri, err);
    }
    filter->label = hgh_admin_request_argument(request, "label");
    if (status == HG_OK && members != NULL && kind->has_filter) {
        status = members_parse(filter, members);
        if (status != HG_OK) {
            (void)hg_error_set(err, status, "out of memory");
        }
    }
    if (status != HG_OK) {
        hgh_admin_filter_done(filter);
    }
    return status;
}

bool hgh_admin_filter_is_empty(const hgh_admin_filter *filter)
{
    bool is_empty = filter->name == NULL && filter->uri == NULL && filter->label == NULL;

    for (size_t i = 0; i < HGH_ADMIN_FILTER_MEMBERS; i++) {
        is_empty = is_empty && filter->members[i].member == NULL;
    }
    return is_empty;
}

static bool is_found(const hg_regex *regex, const json_t *text)
{
    hg_text subject = {json_string_value(text), json_string_length(text)};

    return json_is_string(text) && hgh_regex_match(regex, subject, NULL, 0) > 0;
}

static bool has_name(const hg_regex *regex, const json_t *value)
{
    const json_t *name = json_object_get(value, "name");

    if (json_is_string(name)) {
        return is_found(regex, name);
    }
    return hgh_regex_match(regex, hg_text_of(NO_NAME), NULL, 0) > 0;
}

static bool has_uri(const hg_regex *regex, const json_t *value)
{
    const json_t *uris = json_object_get(value, "uris");

    if (is_found(regex, json_object_get(value, "uri"))) {
        return true;
    }
    for (size_t i = 0; i < json_array_size(uris); i++) {
        if (is_found(regex, json_array_get(uris, i))) {
            return true;
        }
    }
    return false;
}

static bool has_members(const hgh_admin_filter *filter, const json_t *value)
{
    for (size_t i = 0; i < HGH_ADMIN_FILTER_MEMBERS; i++) {
        char id[HGH_OBJECT_ID_MAX + 1];

        if (filter->members[i].member != NULL &&
            (!hgh_object_id_text(json_object_get(value, filter->members[i].member), id,
                                 sizeof(id)) ||
             strcmp(id, filter->members[i].value) != 0)) {
            return false;
        }
    }
    return true;
}

bool hgh_admin_filter_takes(const hgh_admin_filter *filter, const hgh_resource_object *object)
{
    json_t *value = json_loadb(object->value, object->value_length, 0, NULL);
    bool takes = value != NULL && (filter->name == NULL || has_name(filter->name, value)) &&
                 (filter->uri == NULL || has_uri(filter->uri, value)) &&
                 (filter->label == NULL ||
                  json_object_get(json_object_get(value, "labels"), filter->label) != NULL) &&
                 has_members(filter, value);

    json_decref(value);
    return takes;
}
