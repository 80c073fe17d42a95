/* host/control/admin_schema.c - the schemas of objects, and judgement by them alone. */
#include "host/control/admin_schema.h"

#include <stdlib.h>
#include <string.h>

#include "host/control/object_schema.h"

#define STATUS_OK  200u
#define STATUS_BAD 400u

/* What clients may ask for; object_schema.c has more, of which these are made. */
static const char *const names[] = {
    "consumer",
    "consumer_group",
    "credential",
    "global_rule",
    "plugin_config",
    "plugin_metadata",
    "plugins",
    "proto",
    "route",
    "service",
    "ssl",
    "stream_route",
    "upstream",
    "upstream_hash_header_schema",
    "upstream_hash_vars_schema",
};

#define NAME_COUNT (sizeof(names) / sizeof(names[0]))

void hgh_admin_schema_answer(const char *name, hgh_admin_answer *answer)
{
    json_t *schema = NULL;

    for (size_t i = 0; i < NAME_COUNT; i++) {
        if (strcmp(names[i], name) == 0) {
            (void)hgh_object_schema_make(name, &schema, NULL); /* without memory it is not found */
        }
    }
    if (schema == NULL) {
        hgh_admin_answer_error(answer, STATUS_BAD, "not found schema: %s", name);
    } else {
        hgh_admin_answer_json(answer, STATUS_OK, schema);
    }
}

void hgh_admin_schema_validate(const hgh_object_check *check,
                               const hgh_object_kind *kind,
                               const json_t *body,
                               hgh_admin_answer *answer)
{
    hg_issues issues = {0};

    if (body == NULL) {
        hgh_issues_add(&issues, "", "nothing", "an object", "wrong type: expected object, got nil");
    } else {
        hgh_object_check_by_schema(check, kind, body, &issues);
    }
    if (hgh_issues_is_empty(&issues)) {
        answer->status = STATUS_OK;
    } else {
        hgh_admin_answer_issues(answer, &issues);
    }
    hgh_issues_done(&issues);
}

json_t *hgh_admin_schema_all(void)
{
    json_t *all = json_object();

    for (size_t i = 0; all != NULL && i < NAME_COUNT; i++) {
        json_t *schema = NULL;
        hg_status status = hgh_object_schema_make(names[i], &schema, NULL);

        if (status == HG_ERR_NO_MEMORY ||
            (status == HG_OK && json_object_set_new(all, names[i], schema) != 0)) {
            json_decref(all);
            return NULL;
        }
    }
    return all;
}
