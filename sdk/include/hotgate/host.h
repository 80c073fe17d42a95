/* hotgate/host.h - how a plugin reaches its host. Plugins include <hotgate/plugin.h> instead. */
#ifndef HOTGATE_HOST_H
#define HOTGATE_HOST_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Fails the compilation, of C and of C++, unless the condition holds. */
#if defined(__cplusplus)
#define HG_STATIC_ASSERT(condition, text) static_assert(condition, text)
#else
#define HG_STATIC_ASSERT(condition, text) _Static_assert(condition, text)
#endif

#if !defined(__GNUC__)
#error "hotgate plugins need a compiler that knows GNU attributes: gcc or clang"
#endif
/** Visibility of symbols: within the object alone, or for who loads it. */
#define HG_HIDDEN __attribute__((visibility("hidden")))
#define HG_EXPORT __attribute__((visibility("default")))
/* For functions like printf(): the places of the format and of the first value, from 1. */
#define HG_PRINTF(format_place, values_place)                                                      \
    __attribute__((format(printf, format_place, values_place)))

#define HG_ABI_MAJOR 0u /* the host refuses any other */
#define HG_ABI_MINOR 4u /* while the major is 0 the minor matches exactly too */

/** One request on its way through the gateway; lives until its log phase has ended. */
typedef struct hg_request hg_request;
/** One piece of a response body, valid for the call of one body filter. */
typedef struct hg_chunk hg_chunk;

/* One table of functions a header; each begins with its size and is only appended to. */
struct hg_config_api;
struct hg_request_api;
struct hg_response_api;
struct hg_wait_api;
struct hg_dict_api;
struct hg_metric_api;
struct hg_log_api;
struct hg_encoding_api;
struct hg_delegate_api;
struct hg_expression_api;
struct hg_schema_api;
struct hg_random_api;
struct hg_http_api;
struct hg_timer_api;
struct hg_runner_api;

/**
 * What the host gives to one loaded object: its function tables and its name for the plugin.
 * The functions of the other headers are inline calls through here, so that the host exports no
 * symbol and a test can be the host. ABI: fields are only appended.
 */
typedef struct hg_host {
    uint32_t size; /* bytes: sizeof(hg_host) as the host was built */
    uint16_t abi_major;
    uint16_t abi_minor;
    int32_t log_level; /* an hg_log_level: messages above it are dropped */
    uint32_t reserved;
    void *plugin; /* the host's own record of the calling plugin */
    const struct hg_config_api *config;
    const struct hg_request_api *request;
    const struct hg_response_api *response;
    const struct hg_wait_api *wait;
    const struct hg_dict_api *dict;
    const struct hg_metric_api *metric;
    const struct hg_log_api *log;
    const struct hg_encoding_api *encoding;
    const struct hg_delegate_api *delegate;
    const struct hg_expression_api *expression;
    const struct hg_schema_api *schema;
    const struct hg_random_api *random;
    const struct hg_http_api *http;
    const struct hg_timer_api *timer;
    const struct hg_runner_api *runner;
} hg_host;

/**
 * The hidden slot of this object, written by the host before it calls anything in it. Every
 * object has its own, made by HG_PLUGIN.
 */
extern const hg_host *hg_host_slot HG_HIDDEN;

#ifdef __cplusplus
}
#endif

#endif
