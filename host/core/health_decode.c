/* host/core/health_decode.c - health checks out of the object that configures them. */
#include <stdlib.h>
#include <string.h>

#include "host/core/health.h"
#include "host/core/json_value.h"

#define LIMIT_MAX           254
#define CONCURRENCY_DEFAULT 10
#define TIMEOUT_DEFAULT_MS  1000u
#define INTERVAL_DEFAULT_MS 1000u

/* Defaults of one side, as in APISIX's schema. */
typedef struct side_defaults {
    const char *limit_names[HGH_HEALTH_EVENTS]; /* by event; NULL: not of this side */
    uint8_t limits[HGH_HEALTH_EVENTS];
    uint16_t statuses[24]; /* 0 ends the list */
} side_defaults;

static const side_defaults active_healthy = {
    .limit_names = {[HGH_HEALTH_SUCCESS] = "successes"},
    .limits = {[HGH_HEALTH_SUCCESS] = 2},
    .statuses = {200, 302},
};
static const side_defaults active_unhealthy = {
    .limit_names = {[HGH_HEALTH_HTTP_FAILURE] = "http_failures",
                    [HGH_HEALTH_TCP_FAILURE] = "tcp_failures",
                    [HGH_HEALTH_TIMEOUT] = "timeouts"},
    .limits =
        {[HGH_HEALTH_HTTP_FAILURE] = 5, [HGH_HEALTH_TCP_FAILURE] = 2, [HGH_HEALTH_TIMEOUT] = 3},
    .statuses = {429, 404, 500, 501, 502, 503, 504, 505},
};
static const side_defaults passive_healthy = {
    .limit_names = {[HGH_HEALTH_SUCCESS] = "successes"},
    .limits = {[HGH_HEALTH_SUCCESS] = 5},
    .statuses = {200, 201, 202, 203, 204, 205, 206, 207, 208, 226, 300, 301, 302, 303, 304, 305,
                 306, 307, 308},
};
static const side_defaults passive_unhealthy = {
    .limit_names = {[HGH_HEALTH_HTTP_FAILURE] = "http_failures",
                    [HGH_HEALTH_TCP_FAILURE] = "tcp_failures",
                    [HGH_HEALTH_TIMEOUT] = "timeouts"},
    .limits =
        {[HGH_HEALTH_HTTP_FAILURE] = 5, [HGH_HEALTH_TCP_FAILURE] = 2, [HGH_HEALTH_TIMEOUT] = 7},
    .statuses = {429, 500, 503},
};

static void set_bit(uint8_t *bits, int64_t number)
{
    if (number >= 0 && number < (int64_t)HGH_HEALTH_STATUSES) {
        bits[number / 8] = (uint8_t)(bits[number / 8] | 1u << (number % 8));
    }
}

/* One of "healthy" and "unhealthy"; what it does not say, or that it is not there, is default. */
static void side_decode(hgh_health_rules *rules,
                        uint8_t *statuses,
                        const json_t *side,
                        const side_defaults *defaults)
{
    const json_t *list = json_object_get(side, "http_statuses");

    for (size_t i = 0; i < HGH_HEALTH_EVENTS; i++) {
        if (defaults->limit_names[i] != NULL) {
            rules->limits[i] = (uint8_t)hgh_json_whole_within(
                json_object_get(side, defaults->limit_names[i]), 0, LIMIT_MAX, defaults->limits[i]);
        }
    }
    for (size_t i = 0; i < json_array_size(list); i++) {
        set_bit(statuses, hgh_json_whole_within(json_array_get(list, i), -1, INT32_MAX, -1));
    }
    for (size_t i = 0; list == NULL && defaults->statuses[i] != 0; i++) {
        set_bit(statuses, defaults->statuses[i]);
    }
}

static uint64_t interval_of(const json_t *side)
{
    uint64_t interval_ms = hgh_json_seconds_as_ms(json_object_get(side, "interval"));

    return interval_ms == 0 ? INTERVAL_DEFAULT_MS : interval_ms;
}

/* -------------------------------------------------------------------------------------- texts */

static hg_text text_put(char **at, const char *text)
{
    size_t length = strlen(text);
    hg_text put = {*at, length};

    memcpy(*at, text, length + 1);
    *at += length + 1;
    return put;
}

static const char *text_of(const json_t *active, const char *member, const char *otherwise)
{
    const char *text = json_string_value(json_object_get(active, member));

    return text == NULL ? otherwise : text;
}

static hg_text headers_put(char **at, const json_t *list)
{
    hg_text all = {*at, 0};

    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *line = json_string_value(json_array_get(list, i));
        size_t length = line == NULL ? 0 : strlen(line);

        if (length > 0) {
            memcpy(*at, line, length);
            memcpy(*at + length, "\r\n", 2);
            *at += length + 2;
        }
    }
    all.length = (size_t)(*at - all.data);
    *(*at)++ = '\0';
    return all;
}

static hg_status texts_decode(hgh_health *health, const json_t *active)
{
    const char *method = text_of(active, "http_method", "GET");
    const char *path = text_of(active, "http_path", "/");
    const char *body = text_of(active, "http_req_body", "");
    const char *host = text_of(active, "host", NULL);
    const json_t *headers = json_object_get(active, "req_headers");
    size_t size =
        strlen(method) + strlen(path) + strlen(body) + (host == NULL ? 0 : strlen(host)) + 5;
    char *at;

    for (size_t i = 0; i < json_array_size(headers); i++) {
        size += json_string_length(json_array_get(headers, i)) + 2;
    }
    at = malloc(size);
    if (at == NULL) {
        return HG_ERR_NO_MEMORY;
    }
    health->text = at;
    health->method = text_put(&at, method);
    health->path = text_put(&at, path);
    health->body = text_put(&at, body);
    health->headers = headers_put(&at, headers);
    health->host = host == NULL ? (hg_text){0} : text_put(&at, host);
    return HG_OK;
}

/* --------------------------------------------------------------------------------------- whole */

static uint8_t type_decode(const json_t *active)
{
    const char *type = text_of(active, "type", "http");

    if (strcmp(type, "https") == 0) {
        return HGH_CHECK_HTTPS;
    }
    return strcmp(type, "tcp") == 0 ? HGH_CHECK_TCP : HGH_CHECK_HTTP;
}

hg_status hgh_health_decode(const json_t *checks, hgh_health **out_health, hg_error *err)
{
    const json_t *active = json_object_get(checks, "active");
    const json_t *passive = json_object_get(checks, "passive");
    const json_t *healthy = json_object_get(active, "healthy");
    const json_t *unhealthy = json_object_get(active, "unhealthy");
    hgh_health *health = calloc(1, sizeof(*health));
    uint64_t timeout_ms;

    if (health == NULL || texts_decode(health, active) != HG_OK) {
        hgh_health_free(health);
        return hg_error_set(err, HG_ERR_NO_MEMORY, "checks: out of memory");
    }
    timeout_ms = hgh_json_seconds_as_ms(json_object_get(active, "timeout"));
    health->type = type_decode(active);
    health->verify = !json_is_false(json_object_get(active, "https_verify_certificate"));
    health->port =
        (uint16_t)hgh_json_whole_within(json_object_get(active, "port"), 0, UINT16_MAX, 0);
    health->concurrency = (uint32_t)hgh_json_whole_within(json_object_get(active, "concurrency"), 1,
                                                          INT32_MAX, CONCURRENCY_DEFAULT);
    health->timeout_ms = timeout_ms == 0 ? TIMEOUT_DEFAULT_MS : timeout_ms;
    health->healthy_interval_ms = interval_of(healthy);
    health->unhealthy_interval_ms = interval_of(unhealthy);
    side_decode(&health->active, health->active.healthy, healthy, &active_healthy);
    side_decode(&health->active, health->active.unhealthy, unhealthy, &active_unhealthy);
    health->has_passive = json_is_object(passive);
    if (health->has_passive) {
        side_decode(&health->passive, health->passive.healthy, json_object_get(passive, "healthy"),
                    &passive_healthy);
        side_decode(&health->passive, health->passive.unhealthy,
                    json_object_get(passive, "unhealthy"), &passive_unhealthy);
    }
    *out_health = health;
    return HG_OK;
}

void hgh_health_free(hgh_health *health)
{
    if (health == NULL) {
        return;
    }
    free(health->name);
    free(health->text);
    free(health->cells);
    free(health->keys);
    free(health);
}
