/* host/control/object_rule_upstream.c - what an upstream demands beyond its schema. */
#include "host/control/object_rule_upstream.h"

#include <ctype.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/control/object_rule_checks.h"
#include "host/control/object_rule_parts.h"
#include "host/control/object_rule_ssl.h"
#include "host/core/address.h"
#include "host/core/upstream.h"

#define POINTER_MAX 512u
#define FOUND_MAX   80u /* bytes of a value that are shown */
#define TEXT_MAX    600u
#define HOST_MAX    253u /* RFC 1035 section 2.3.4, without the root's dot */
#define PORT_MAX    65535
#define IPV6_TEXT   "IPv6 address must be enclosed with '[' and ']'"

#define NAME_CHARACTERS "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_-"
#define NAME_PATTERN    "^[a-zA-Z0-9-_]+$"
#define VARIABLE_PATTERN                                                                           \
    "^((uri|server_name|server_addr|request_uri|remote_port|remote_addr|query_string|host|"        \
    "hostname|mqtt_client_id)|arg_[0-9a-zA-Z_-]+)$"

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

static const hgh_rule_refusal refusals[] = {
    {"type",
     {"roundrobin", "chash", "least_conn", "ewma"},
     "roundrobin, chash, least_conn or ewma"},
    {"service_name", {NULL}, "nodes, not service discovery"},
    {"discovery_type", {NULL}, "nodes, not service discovery"},
    {"discovery_args", {NULL}, "nodes, not service discovery"},
    {"scheme", {"http", "https", "grpc", "grpcs"}, "http, https, grpc or grpcs"},
};

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
    hgh_rule_check_range(node, pointer, "weight", 0, INT32_MAX, issues);
    hgh_rule_check_range(node, pointer, "priority", INT32_MIN, INT32_MAX, issues);
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
            hgh_rule_check_range(nodes, pointer, key, 0, INT32_MAX, issues);
        }
    }
}

static void check_pass_host(const json_t *upstream, const char *parent, hg_issues *issues)
{
    const char *pass_host = json_string_value(json_object_get(upstream, "pass_host"));
    const char *host = json_string_value(json_object_get(upstream, "upstream_host"));

    if (pass_host != NULL && strcmp(pass_host, "rewrite") == 0 &&
        (host == NULL || host[0] == '\0')) {
        hgh_rule_add(issues, parent, "upstream_host", host == NULL ? "nothing" : "an empty text",
                     "the host to send",
                     "`upstream_host` can't be empty when `pass_host` is `rewrite`");
    }
}

/* The key's form, by what it is taken from: what else could never be there. */
static bool is_variable_key(const char *key)
{
    static const char *const names[] = {
        "uri",         "server_name",  "server_addr", "request_uri", "remote_port",
        "remote_addr", "query_string", "host",        "hostname",    "mqtt_client_id",
    };

    for (size_t i = 0; i < COUNT_OF(names); i++) {
        if (strcmp(names[i], key) == 0) {
            return true;
        }
    }
    if (strncmp(key, "arg_", 4) != 0 || key[4] == '\0') {
        return false;
    }
    return key[4 + strspn(key + 4, NAME_CHARACTERS)] == '\0';
}

static bool is_name_key(const char *key)
{
    return key[0] != '\0' && key[strspn(key, NAME_CHARACTERS)] == '\0';
}

static void check_key(const json_t *upstream, const char *parent, hg_issues *issues)
{
    const char *type = json_string_value(json_object_get(upstream, "type"));
    const char *hash_on = json_string_value(json_object_get(upstream, "hash_on"));
    const char *key = json_string_value(json_object_get(upstream, "key"));
    const char *pattern = NULL;
    char text[TEXT_MAX];

    if (type == NULL || strcmp(type, "chash") != 0 ||
        (hash_on != NULL && strcmp(hash_on, "consumer") == 0)) {
        return;
    }
    if (key == NULL) {
        hgh_rule_add(issues, parent, "key", "nothing", "what to hash", "missing key");
        return;
    }
    if (hash_on == NULL || strcmp(hash_on, "vars") == 0) {
        pattern = is_variable_key(key) ? NULL : VARIABLE_PATTERN;
    } else if (strcmp(hash_on, "vars_combinations") != 0) {
        pattern = is_name_key(key) ? NULL : NAME_PATTERN;
    }
    if (pattern != NULL) {
        (void)snprintf(text, sizeof(text),
                       "invalid configuration: failed to match pattern \"%s\" with \"%.80s\"",
                       pattern, key);
        hgh_rule_add(issues, parent, "key", key, pattern, text);
    }
}

/* client_cert_id is looked up among the stored objects (object_kind.c). */
static void check_tls(const json_t *tls, const char *parent, hg_issues *issues)
{
    const json_t *certificate = json_object_get(tls, "client_cert");
    const json_t *key = json_object_get(tls, "client_key");
    char certificate_pointer[POINTER_MAX];
    char key_pointer[POINTER_MAX];

    if (certificate == NULL || key == NULL) {
        return; /* the schema has told if one of them is */
    }
    (void)snprintf(certificate_pointer, sizeof(certificate_pointer), "%s/tls/client_cert", parent);
    (void)snprintf(key_pointer, sizeof(key_pointer), "%s/tls/client_key", parent);
    hgh_object_rule_key_pair(certificate, key, certificate_pointer, key_pointer, "", issues);
}

void hgh_object_rule_upstream_at(const json_t *upstream, const char *parent, hg_issues *issues)
{
    size_t before = issues->count;
    hgh_upstream *decoded = NULL;
    hg_error err = HG_ERROR_INIT;
    char pointer[POINTER_MAX];

    check_nodes(upstream, parent, issues);
    check_pass_host(upstream, parent, issues);
    check_key(upstream, parent, issues);
    check_tls(json_object_get(upstream, "tls"), parent, issues);
    hgh_object_rule_checks(json_object_get(upstream, "checks"), parent, issues);
    hgh_rule_check_timeout(upstream, parent, issues);
    hgh_rule_check_range(upstream, parent, "retries", 0, INT32_MAX, issues);
    hgh_rule_check_range(upstream, parent, "retry_timeout", 0, HGH_RULE_SECONDS_MAX, issues);
    (void)snprintf(pointer, sizeof(pointer), "%s/keepalive_pool", parent);
    hgh_rule_check_range(json_object_get(upstream, "keepalive_pool"), pointer, "size", 1, INT32_MAX,
                         issues);
    hgh_rule_check_range(json_object_get(upstream, "keepalive_pool"), pointer, "idle_timeout", 0,
                         HGH_RULE_SECONDS_MAX, issues);
    hgh_rule_check_range(json_object_get(upstream, "keepalive_pool"), pointer, "requests", 1,
                         INT32_MAX, issues);
    hgh_rule_refuse(upstream, parent, refusals, COUNT_OF(refusals), issues);
    /* What is accepted here must be what every worker accepts: its own decoder has the last word.
     */
    if (issues->count == before && hgh_upstream_decode(upstream, &decoded, &err) != HG_OK) {
        hgh_issues_add(issues, parent, "an upstream that cannot be used", err.text, err.text);
    }
    hgh_upstream_unref(decoded);
}
