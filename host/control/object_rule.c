/* host/control/object_rule.c - what a kind demands beyond its schema, and what cannot be done yet.
 */
#include "host/control/object_rule.h"

#include <ctype.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/core/address.h"
#include "host/core/expression.h"
#include "host/core/upstream.h"

#define POINTER_MAX     512u
#define FOUND_MAX       80u /* bytes of a value that are shown */
#define TEXT_MAX        600u
#define HOST_MAX        253u /* RFC 1035 section 2.3.4, without the root's dot */
#define PORT_MAX        65535
#define SECONDS_MAX     2147483.0 /* in ms it fits 31 bits, as nginx's timers need */
#define UPSTREAM_MEMBER "upstream"
#define IPV6_TEXT       "IPv6 address must be enclosed with '[' and ']'"

/* A member that this version cannot do, but for the values named. Never ignored: what an operator
 * configures either works or is refused. */
typedef struct refusal {
    const char *member;
    const char *allowed[3]; /* texts that are all right; none: no value is */
    const char *wanted;
} refusal;

static const refusal route_refusals[] = {
    {"filter_func", {NULL}, "no Lua function: match by uri, host, methods, remote_addr and vars"},
    {"script", {NULL}, "no Lua script: use plugins"},
    {"script_id", {NULL}, "no Lua script: use plugins"},
};

static const refusal service_refusals[] = {
    {"script", {NULL}, "no Lua script: use plugins"},
};

static const refusal upstream_refusals[] = {
    {"type", {"roundrobin"}, "roundrobin"},
    {"hash_on", {NULL}, "no consistent hashing: leave it out, the type is roundrobin"},
    {"key", {NULL}, "no consistent hashing: leave it out, the type is roundrobin"},
    {"checks", {NULL}, "no health checks: leave it out, failed nodes are retried elsewhere"},
    {"service_name", {NULL}, "nodes, not service discovery"},
    {"discovery_type", {NULL}, "nodes, not service discovery"},
    {"discovery_args", {NULL}, "nodes, not service discovery"},
    {"tls", {NULL}, "no client certificate: leave it out"},
    {"scheme", {"http", "https"}, "http or https"},
};

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

static void found_text(const json_t *value, char *into)
{
    char *text = json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT);

    (void)snprintf(into, FOUND_MAX, "%s", text == NULL ? "a value" : text); /* cut is enough */
    free(text);
}

static void add(hg_issues *issues,
                const char *parent,
                const char *member,
                const char *found,
                const char *wanted,
                const char *text)
{
    char pointer[POINTER_MAX];

    (void)snprintf(pointer, sizeof(pointer), "%s/%s", parent, member);
    hgh_issues_add(issues, pointer, found, wanted, text);
}

static bool is_allowed(const refusal *row, const json_t *value)
{
    const char *text = json_string_value(value);

    for (size_t i = 0; text != NULL && i < COUNT_OF(row->allowed); i++) {
        if (row->allowed[i] != NULL && strcmp(row->allowed[i], text) == 0) {
            return true;
        }
    }
    return false;
}

static void refuse_unsupported(
    const json_t *object, const char *parent, const refusal *rows, size_t count, hg_issues *issues)
{
    for (size_t i = 0; i < count; i++) {
        const json_t *value = json_object_get(object, rows[i].member);
        char found[FOUND_MAX];
        char text[TEXT_MAX];

        if (value == NULL || is_allowed(&rows[i], value)) {
            continue;
        }
        found_text(value, found);
        (void)snprintf(text, sizeof(text), "unsupported property \"%s\": found %s, wanted %s",
                       rows[i].member, found, rows[i].wanted);
        add(issues, parent, rows[i].member, found, rows[i].wanted, text);
    }
}

/* Numbers that the data plane keeps in 32 bits, or in milliseconds. */
static void check_range(const json_t *object,
                        const char *parent,
                        const char *member,
                        double min,
                        double max,
                        hg_issues *issues)
{
    const json_t *value = json_object_get(object, member);
    double number = json_number_value(value);
    char found[FOUND_MAX];
    char wanted[FOUND_MAX];
    char text[TEXT_MAX];

    if (!json_is_number(value) || (number >= min && number <= max)) {
        return;
    }
    found_text(value, found);
    (void)snprintf(wanted, sizeof(wanted), "%.0f to %.0f", min, max);
    (void)snprintf(text, sizeof(text),
                   "invalid configuration: property \"%s\" validation failed: expected %s to be "
                   "at %s %.0f",
                   member, found, number < min ? "least" : "most", number < min ? min : max);
    add(issues, parent, member, found, wanted, text);
}

static void check_timeout(const json_t *object, const char *parent, hg_issues *issues)
{
    static const char *const members[] = {"connect", "send", "read"};
    const json_t *timeout = json_object_get(object, "timeout");
    char pointer[POINTER_MAX];

    (void)snprintf(pointer, sizeof(pointer), "%s/timeout", parent);
    for (size_t i = 0; i < COUNT_OF(members); i++) {
        check_range(timeout, pointer, members[i], 0, SECONDS_MAX, issues);
    }
}

/* "host", "host:port", "[v6]", "[v6]:port": the length of the host and what follows it. */
static const char *host_end(const char *text)
{
    const char *bracket = text[0] == '[' ? strchr(text, ']') : NULL;

    return bracket != NULL ? bracket + 1 : text + strcspn(text, ":");
}

static bool is_host(const char *host, size_t length)
{
    hg_text text = {host, length};
    hg_address address;

    if (hgh_address_parse(text, &address) == HG_OK) {
        return true;
    }
    if (length == 0 || length > HOST_MAX) {
        return false;
    }
    for (size_t i = 0; i < length; i++) {
        if (!isalnum((unsigned char)host[i]) && strchr("-._", host[i]) == NULL) {
            return false;
        }
    }
    return true;
}

static void check_host(const char *host, size_t length, const char *pointer, hg_issues *issues)
{
    char found[FOUND_MAX];
    char text[TEXT_MAX];

    if (is_host(host, length)) {
        return;
    }
    (void)snprintf(found, sizeof(found), "%.*s", (int)length, host);
    (void)snprintf(text, sizeof(text), "invalid node host \"%s\"", found);
    hgh_issues_add(issues, pointer, found, "a host name or an IP address", text);
}

static void check_node_key(const char *key, const char *parent, hg_issues *issues)
{
    const char *end = host_end(key);
    char pointer[POINTER_MAX];
    char text[TEXT_MAX];
    char *rest = NULL;
    long port;

    (void)hgh_pointer_append(pointer, (size_t)snprintf(pointer, sizeof(pointer), "%s", parent),
                             sizeof(pointer), key);
    if (key[0] != '[' && strchr(end + (*end == ':' ? 1 : 0), ':') != NULL) {
        hgh_issues_add(issues, pointer, key, "an IPv6 address in brackets", IPV6_TEXT);
        return;
    }
    check_host(key, (size_t)(end - key), pointer, issues);
    if (*end == '\0') {
        return;
    }
    port = isdigit((unsigned char)end[1]) ? strtol(end + 1, &rest, 10) : -1;
    if (*end != ':' || rest == NULL || *rest != '\0' || port < 1 || port > PORT_MAX) {
        (void)snprintf(text, sizeof(text), "invalid port %.40s", end + 1);
        hgh_issues_add(issues, pointer, end, "a port from 1 to 65535", text);
    }
}

static void check_node(const json_t *node, size_t index, const char *parent, hg_issues *issues)
{
    const char *host = json_string_value(json_object_get(node, "host"));
    char pointer[POINTER_MAX + 24];
    char host_pointer[POINTER_MAX + 32];

    (void)snprintf(pointer, sizeof(pointer), "%s/%zu", parent, index);
    (void)snprintf(host_pointer, sizeof(host_pointer), "%s/host", pointer);
    if (host == NULL) {
        return; /* the schema has told */
    }
    if (host[0] != '[' && strchr(host, ':') != NULL) {
        hgh_issues_add(issues, host_pointer, host, "an IPv6 address in brackets", IPV6_TEXT);
    } else {
        check_host(host, strlen(host), host_pointer, issues);
    }
    check_range(node, pointer, "weight", 0, INT32_MAX, issues);
    check_range(node, pointer, "priority", INT32_MIN, INT32_MAX, issues);
}

static void check_nodes(const json_t *upstream, const char *parent, hg_issues *issues)
{
    const json_t *nodes = json_object_get(upstream, "nodes");
    char pointer[POINTER_MAX];

    (void)snprintf(pointer, sizeof(pointer), "%s/nodes", parent);
    for (size_t i = 0; i < json_array_size(nodes); i++) {
        check_node(json_array_get(nodes, i), i, pointer, issues);
    }
    if (json_is_object(nodes)) {
        /* The iterator wants a non-const object; nothing is written through it. */
        json_t *map = (json_t *)(uintptr_t)nodes;

        for (void *at = json_object_iter(map); at != NULL; at = json_object_iter_next(map, at)) {
            const char *key = json_object_iter_key(at);

            check_node_key(key, pointer, issues);
            check_range(nodes, pointer, key, 0, INT32_MAX, issues);
        }
    }
}

static void check_pass_host(const json_t *upstream, const char *parent, hg_issues *issues)
{
    const char *pass_host = json_string_value(json_object_get(upstream, "pass_host"));
    const char *host = json_string_value(json_object_get(upstream, "upstream_host"));

    if (pass_host != NULL && strcmp(pass_host, "rewrite") == 0 &&
        (host == NULL || host[0] == '\0')) {
        add(issues, parent, "upstream_host", host == NULL ? "nothing" : "an empty text",
            "the host to send", "`upstream_host` can't be empty when `pass_host` is `rewrite`");
    }
}

static void check_upstream(const json_t *upstream, const char *parent, hg_issues *issues)
{
    size_t before = issues->count;
    hgh_upstream *decoded = NULL;
    hg_error err = HG_ERROR_INIT;
    char pointer[POINTER_MAX];

    check_nodes(upstream, parent, issues);
    check_pass_host(upstream, parent, issues);
    check_timeout(upstream, parent, issues);
    check_range(upstream, parent, "retries", 0, INT32_MAX, issues);
    check_range(upstream, parent, "retry_timeout", 0, SECONDS_MAX, issues);
    (void)snprintf(pointer, sizeof(pointer), "%s/keepalive_pool", parent);
    check_range(json_object_get(upstream, "keepalive_pool"), pointer, "size", 1, INT32_MAX, issues);
    check_range(json_object_get(upstream, "keepalive_pool"), pointer, "idle_timeout", 0,
                SECONDS_MAX, issues);
    check_range(json_object_get(upstream, "keepalive_pool"), pointer, "requests", 1, INT32_MAX,
                issues);
    refuse_unsupported(upstream, parent, upstream_refusals, COUNT_OF(upstream_refusals), issues);
    /* What is accepted here must be what every worker accepts: its own decoder has the last word.
     */
    if (issues->count == before && hgh_upstream_decode(upstream, &decoded, &err) != HG_OK) {
        hgh_issues_add(issues, parent, "an upstream that cannot be used", err.text, err.text);
    }
    hgh_upstream_unref(decoded);
}

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
        check_upstream(upstream, "/" UPSTREAM_MEMBER, issues);
    }
}

void hgh_object_rule_route(const json_t *object, hg_issues *issues)
{
    check_inline_upstream(object, issues);
    check_addresses(object, issues);
    check_timeout(object, "", issues);
    check_range(object, "", "priority", INT32_MIN, INT32_MAX, issues);
    check_vars(object, issues);
    refuse_unsupported(object, "", route_refusals, COUNT_OF(route_refusals), issues);
}

void hgh_object_rule_service(const json_t *object, hg_issues *issues)
{
    check_inline_upstream(object, issues);
    refuse_unsupported(object, "", service_refusals, COUNT_OF(service_refusals), issues);
}

void hgh_object_rule_upstream(const json_t *object, hg_issues *issues)
{
    check_upstream(object, "", issues);
}

void hgh_object_rule_none(const json_t *object, hg_issues *issues)
{
    (void)object;
    (void)issues;
}
