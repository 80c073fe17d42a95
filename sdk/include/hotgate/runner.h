/* hotgate/runner.h - plugins that run in another process, behind the external plugin protocol. */
#ifndef HOTGATE_RUNNER_H
#define HOTGATE_RUNNER_H

#include <stddef.h>
#include <stdint.h>

#include <hotgate/error.h>
#include <hotgate/host.h>
#include <hotgate/request.h>
#include <hotgate/text.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * A runner is a process that the operator names in config.yaml (`ext-plugin`). It is asked about a
 * request or a response, may ask back for variables and bodies, and says what is to be changed. The
 * worker speaks to it over connections that it keeps; a call waits as those of <hotgate/wait.h> do.
 */

/** One plugin of the runner's and its configuration, a text that the gateway does not look into;
 * by custom JSON. ABI: this layout is final. */
typedef struct hg_runner_plugin {
    hg_text name;
    hg_text value;
} hg_runner_plugin;

/**
 * HG_RUNNER_ITEM(item): defines the item of a list of hg_runner_plugin in a field table, as `conf`
 * of the plugins ext-plugin-* is one: HG_LIST(own_config, conf, "conf", &item, ...).
 */
#define HG_RUNNER_ITEM(item)                                                                       \
    static const hg_field item##_fields[] = {                                                      \
        HG_STRING(hg_runner_plugin, name, "name", .summary = "A plugin of the runner's.",          \
                  .example = "ext-plugin-A", .required = true, .min_length = 1,                    \
                  .max_length = HG_RUNNER_NAME_MAX),                                               \
        HG_STRING(hg_runner_plugin, value, "value",                                                \
                  .summary = "Its configuration: text that the gateway does not look into, by "    \
                             "custom JSON.",                                                       \
                  .example = "{\"enable\":\"feature\"}", .required = true),                        \
        HG_FIELDS_END,                                                                             \
    };                                                                                             \
    static const hg_field item = HG_ITEM_OBJECT(hg_runner_plugin, item##_fields)

#define HG_RUNNER_NAME_MAX 128u /* characters */

/** How a call differs. ABI: a value never changes its meaning. */
typedef enum hg_runner_flag {
    HG_RUNNER_DECODE_BODY = 1, /* a response's body in gzip or deflate is handed over decoded */
} hg_runner_flag;

/** The host's side of this header. ABI: fields are only appended. */
typedef struct hg_runner_api {
    uint32_t size;
    uint32_t reserved;
    hg_status (*request)(const hg_host *host,
                         hg_request *request,
                         const hg_runner_plugin *plugins,
                         size_t count,
                         hg_verdict *out_verdict,
                         hg_error *err);
    hg_status (*response)(const hg_host *host,
                          hg_request *request,
                          const hg_runner_plugin *plugins,
                          size_t count,
                          uint32_t flags,
                          hg_error *err);
} hg_runner_api;

/**
 * Has the runner's plugins judge a request, and does what they say: the request is changed, or
 * ended. Nothing of an answer is done unless all of it is good. [rewrite, access]
 *
 * plugins      in the order in which they run; borrowed for the call.
 * out_verdict  on HG_OK what the callback is to return; else untouched.
 * Returns HG_OK, or
 *   HG_ERR_TIMEOUT      the runner took too long
 *   HG_ERR_IO           there is no runner, it has broken off, or says that it failed
 *   HG_ERR_INVALID      what it sent breaks the protocol, or cannot be done
 *   HG_ERR_TOO_LARGE    a body or a message is over its limit
 *   HG_ERR_UNSUPPORTED  nothing can be waited for here, none is configured, or the protocol has no
 *                       number for the request's method
 *   HG_ERR_NO_MEMORY
 *   HG_CANCELED         the client has gone: return HG_NEXT
 * with a line about it that names the runner.
 */
static inline hg_status hg_runner_request(hg_request *request,
                                          const hg_runner_plugin *plugins,
                                          size_t count,
                                          hg_verdict *out_verdict,
                                          hg_error *err)
{
    return hg_host_slot->runner->request(hg_host_slot, request, plugins, count, out_verdict, err);
}

/**
 * The same for a response of the upstream, whose status, headers and body may be changed.
 * [response]
 *
 * flags  of hg_runner_flag.
 * Returns as hg_runner_request().
 */
static inline hg_status hg_runner_response(hg_request *request,
                                           const hg_runner_plugin *plugins,
                                           size_t count,
                                           uint32_t flags,
                                           hg_error *err)
{
    return hg_host_slot->runner->response(hg_host_slot, request, plugins, count, flags, err);
}

#ifdef __cplusplus
}
#endif

#endif
