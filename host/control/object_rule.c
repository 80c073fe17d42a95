/* host/control/object_rule.c - what a kind demands beyond its schema, and what cannot be done yet.
 */
#include "host/control/object_rule.h"

#include <stdio.h>

#include "host/control/object_rule_parts.h"
#include "host/control/object_rule_upstream.h"
#include "host/core/address.h"
#include "host/core/expression.h"

#define POINTER_MAX     512u
#define UPSTREAM_MEMBER "upstream"

static const hgh_rule_refusal route_refusals[] = {
    {"filter_func", {NULL}, "no Lua function: match by uri, host, methods, remote_addr and vars"},
    {"script", {NULL}, "no Lua script: use plugins"},
    {"script_id", {NULL}, "no Lua script: use plugins"},
};

static const hgh_rule_refusal service_refusals[] = {
    {"script", {NULL}, "no Lua script: use plugins"},
};

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

static void check_address(const json_t *value, const char *pointer, hg_issues *issues)
{
    const char *text = json_string_value(value);
    hg_cidrs *unused = NULL;
    hg_error err = HG_ERROR_INIT;

    if (text == NULL) {
        return; /* the schema has told */
    }
    if (hgh_cidrs_parse(&text, 1, &unused, &err) != HG_OK) {
        hgh_issues_add(issues, pointer, text, "an IP address or network", err.text);
    }
    hgh_cidrs_free(unused);
}

static void check_addresses(const json_t *route, hg_issues *issues)
{
    const json_t *list = json_object_get(route, "remote_addrs");
    char pointer[POINTER_MAX];

    check_address(json_object_get(route, "remote_addr"), "/remote_addr", issues);
    for (size_t i = 0; i < json_array_size(list); i++) {
        (void)snprintf(pointer, sizeof(pointer), "/remote_addrs/%zu", i);
        check_address(json_array_get(list, i), pointer, issues);
    }
}

/* By the compiler that workers use. */
static void check_vars(const json_t *route, hg_issues *issues)
{
    const json_t *vars = json_object_get(route, "vars");
    hgh_expression *unused = NULL;

    if (vars != NULL) {
        (void)hgh_expression_compile(vars, "/vars", &unused, issues); /* the findings say it */
        hgh_expression_free(unused);
    }
}

static void check_inline_upstream(const json_t *object, hg_issues *issues)
{
    const json_t *upstream = json_object_get(object, UPSTREAM_MEMBER);

    if (json_is_object(upstream)) {
        hgh_object_rule_upstream_at(upstream, "/" UPSTREAM_MEMBER, issues);
    }
}

void hgh_object_rule_route(const json_t *object, hg_issues *issues)
{
    check_inline_upstream(object, issues);
    check_addresses(object, issues);
    hgh_rule_check_timeout(object, "", issues);
    hgh_rule_check_range(object, "", "priority", INT32_MIN, INT32_MAX, issues);
    check_vars(object, issues);
    hgh_rule_refuse(object, "", route_refusals, COUNT_OF(route_refusals), issues);
}

void hgh_object_rule_service(const json_t *object, hg_issues *issues)
{
    check_inline_upstream(object, issues);
    hgh_rule_refuse(object, "", service_refusals, COUNT_OF(service_refusals), issues);
}

void hgh_object_rule_upstream(const json_t *object, hg_issues *issues)
{
    hgh_object_rule_upstream_at(object, "", issues);
}

void hgh_object_rule_none(const json_t *object, hg_issues *issues)
{
    (void)object;
    (void)issues;
}
