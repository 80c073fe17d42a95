/* hotgate/delegate.h - a plugin whose configuration holds configurations of other plugins.
 *
 * Such a plugin says so by an extension:
 *
 *     static const hg_delegates delegates = {
 *         .size = sizeof(hg_delegates), .required_flags = HG_AUTH, .list = "auth_plugins"};
 *     static const hg_extension extensions[] = {{HG_DELEGATES, &delegates}, {NULL, NULL}};
 *
 *     HG_PLUGIN("multi-auth", "1.0.0", ..., .extensions = extensions);
 *
 * and takes, in the member `list` of its configuration, an array of objects {PLUGIN:
 * configuration}. The host judges each of them as one of that plugin, keeps it decoded, and takes
 * part of it in every reload; their callbacks run when hg_delegate_run() is called. A delegate has
 * no delegates.
 */
#ifndef HOTGATE_DELEGATE_H
#define HOTGATE_DELEGATE_H

#include <stdbool.h>
#include <stdint.h>

#include <hotgate/host.h>
#include <hotgate/text.h>

#ifdef __cplusplus
extern "C" {
#endif

/** The extension of hg_plugin: its interface_data is an hg_delegates. */
#define HG_DELEGATES "hotgate.delegates"

/** Where a plugin's configuration holds others. ABI: fields are only appended. */
typedef struct hg_delegates {
    uint32_t size;
    uint32_t required_flags; /* of hg_plugin_flag: what each of the others has to have */
    const char *list;        /* the member; [a-zA-Z0-9_-] */
} hg_delegates;

/** What a delegate made of the request. ABI: fields are only appended. */
typedef struct hg_delegate_result {
    uint32_t size;     /* set by hg_delegate_run() */
    uint32_t status;   /* 0: it lets the request go on; else of the response that it wanted */
    hg_text plugin;    /* its name, as long as the request */
    hg_text body;      /* of that response, as are the next two; may be absent */
    hg_text challenge; /* its WWW-Authenticate; absent: none */
} hg_delegate_result;

/** The host's side of this header. ABI: fields are only appended. */
typedef struct hg_delegate_api {
    uint32_t size;
    uint32_t reserved;
    bool (*run)(hg_request *request, uint32_t index, hg_delegate_result *out_result);
} hg_delegate_api;

/**
 * Runs the callback that a delegate of the running configuration has for this phase; it may wait if
 * its plugin does. [rewrite, access, first before_proxy]
 *
 * A response that it wants is not sent: the headers that it has set for it are dropped, and so is a
 * consumer that it has attached. What it has changed in the request stays.
 *
 * index  from 0, in the order in which they were written. One with `_meta.disable`, or of a plugin
 *        that the list `plugins` leaves out, is not counted.
 * Returns false past the last one.
 */
static inline bool
hg_delegate_run(hg_request *request, uint32_t index, hg_delegate_result *out_result)
{
    out_result->size = (uint32_t)sizeof(*out_result);
    return hg_host_slot->delegate->run(request, index, out_result);
}

#ifdef __cplusplus
}
#endif

#endif
