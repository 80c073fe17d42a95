/* hotgate/request.h - the request: what a plugin reads of it and changes in it. */
#ifndef HOTGATE_REQUEST_H
#define HOTGATE_REQUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include <hotgate/address.h>
#include <hotgate/error.h>
#include <hotgate/host.h>
#include <hotgate/text.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Texts that these functions return stay valid until the log phase of the request has ended, also
 * when the value is changed meanwhile. Texts handed in are copied. A value to be set must hold no
 * NUL, CR or LF: HG_ERR_INVALID. What would have to be changed after it was sent upstream (from
 * response on) is HG_ERR_TOO_LATE.
 */

/** What the host does after a callback of the phases rewrite, access, before_proxy and response. */
typedef enum hg_verdict {
    HG_NEXT = 0, /* run the next plugin */
    HG_DONE = 1, /* stop here: what hg_exit() returned, its response is sent */
} hg_verdict;

/** The phases. ABI: a value never changes its meaning; they run in another order than they are
 * numbered in. */
typedef enum hg_phase {
    HG_PHASE_NONE = 0,
    HG_PHASE_REWRITE = 1,
    HG_PHASE_ACCESS = 2,
    HG_PHASE_BEFORE_PROXY = 3,
    HG_PHASE_HEADER_FILTER = 4,
    HG_PHASE_BODY_FILTER = 5,
    HG_PHASE_DELAYED_BODY_FILTER = 6,
    HG_PHASE_LOG = 7,
    HG_PHASE_RESPONSE = 8, /* runs between before_proxy and header_filter */
} hg_phase;

/** One header line. */
typedef struct hg_header {
    hg_text name;
    hg_text value;
} hg_header;

/** Who sent the request, as an authentication plugin found out. */
typedef struct hg_consumer hg_consumer;

/** Which of the gateway's objects a request belongs to. */
typedef enum hg_object {
    HG_OBJECT_ROUTE_ID = 1,
    HG_OBJECT_ROUTE_NAME = 2,
    HG_OBJECT_SERVICE_ID = 3,
    HG_OBJECT_SERVICE_NAME = 4,
    HG_OBJECT_CONSUMER_NAME = 5, /* absent until a consumer is attached */
    HG_OBJECT_UPSTREAM_ID = 6,
    HG_OBJECT_CONSUMER_GROUP_ID = 7, /* of the attached consumer */
    HG_OBJECT_CREDENTIAL_ID = 8,     /* by which the attached consumer was found */
} hg_object;

/** The host's side of this header. ABI: fields are only appended. */
typedef struct hg_request_api {
    uint32_t size;
    uint32_t reserved;
    void *(*allocate)(hg_request *request, size_t size);
    void *(*data)(hg_request *request);
    hg_phase (*phase)(const hg_request *request);
    uint64_t (*now_ms)(const hg_host *host);
    int64_t (*wall_ms)(const hg_host *host);
    hg_text (*method)(hg_request *request);
    hg_status (*set_method)(hg_request *request, hg_text method);
    hg_text (*scheme)(hg_request *request);
    hg_text (*host)(hg_request *request);
    hg_text (*uri)(hg_request *request);
    hg_status (*set_uri)(hg_request *request, hg_text uri);
    hg_text (*raw_uri)(hg_request *request);
    hg_text (*arguments)(hg_request *request);
    hg_status (*set_arguments)(hg_request *request, hg_text arguments);
    hg_text (*argument)(hg_request *request, hg_text name);
    hg_text (*header)(hg_request *request, hg_text name);
    bool (*header_at)(hg_request *request, size_t index, hg_header *out_header);
    hg_status (*set_header)(hg_request *request, hg_text name, hg_text value);
    hg_status (*add_header)(hg_request *request, hg_text name, hg_text value);
    hg_status (*remove_header)(hg_request *request, hg_text name);
    hg_text (*cookie)(hg_request *request, hg_text name);
    hg_status (*set_body)(hg_request *request, const void *data, size_t length);
    hg_status (*set_upstream_host)(hg_request *request, hg_text host);
    const hg_address *(*client_address)(hg_request *request);
    hg_text (*variable)(hg_request *request, hg_text name);
    hg_text (*object)(hg_request *request, hg_object which);
    const hg_consumer *(*consumer_find)(hg_request *request, hg_text key);
    const void *(*consumer_config)(hg_request *request, const hg_consumer *consumer);
    hg_text (*consumer_name)(const hg_consumer *consumer);
    hg_status (*consumer_attach)(hg_request *request, const hg_consumer *consumer);
    bool (*consumer_any)(hg_request *request);
    hg_verdict (*exit)(hg_request *request, uint32_t status, hg_text content_type, hg_text body);
    hg_verdict (*exit_json)(hg_request *request, uint32_t status, const json_t *body);
    hg_verdict (*exit_member)(hg_request *request,
                              uint32_t status,
                              const char *member,
                              hg_text text);
    const hg_consumer *(*consumer_named)(hg_request *request, hg_text name);
    hg_status (*remove_argument)(hg_request *request, hg_text name);
    hg_status (*remove_cookie)(hg_request *request, hg_text name);
    hg_verdict (*exit_unauthorized)(hg_request *request,
                                    const char *scheme,
                                    hg_text realm,
                                    hg_text text);
    uint64_t (*clock_ms)(const hg_host *host);
    hg_status (*set_client_address)(hg_request *request, const hg_address *address);
    hg_status (*restore_uri)(hg_request *request);
    hg_status (*limit_body)(hg_request *request, uint64_t max_bytes);
} hg_request_api;

/**
 * Memory that lives until the log phase of the request has ended; aligned for any type, not
 * cleared. Nobody frees it. [request] Returns NULL if there is none left.
 */
static inline void *hg_request_allocate(hg_request *request, size_t size)
{
    return hg_host_slot->request->allocate(request, size);
}

/**
 * This plugin's own data for this request: `request_size` bytes of the descriptor, zeroed at the
 * first call, the same in every phase. Where it runs for a global rule too, each has its own.
 * [request] Returns NULL if request_size is 0 or there is no memory.
 */
static inline void *hg_request_data(hg_request *request)
{
    return hg_host_slot->request->data(request);
}

/** The phase whose callback is running. [request] */
static inline hg_phase hg_request_phase(const hg_request *request)
{
    return hg_host_slot->request->phase(request);
}

/** Milliseconds of a clock that never goes back, as of this turn of the event loop. [any] */
static inline uint64_t hg_now_ms(void)
{
    return hg_host_slot->request->now_ms(hg_host_slot);
}

/** The same clock at the moment of the call: for what workers share, such as windows. [any] */
static inline uint64_t hg_clock_ms(void)
{
    return hg_host_slot->request->clock_ms(hg_host_slot);
}

/** Milliseconds since 1970-01-01 UTC, for tokens and logs; may jump. [any] */
static inline int64_t hg_wall_ms(void)
{
    return hg_host_slot->request->wall_ms(hg_host_slot);
}

/** The method in capitals, such as "GET". [request] */
static inline hg_text hg_request_method(hg_request *request)
{
    return hg_host_slot->request->method(request);
}

/** Changes the method that the upstream sees. [rewrite, access, before_proxy] */
static inline hg_status hg_request_set_method(hg_request *request, hg_text method)
{
    return hg_host_slot->request->set_method(request, method);
}

/** "http" or "https": how the client reached the gateway. [request] */
static inline hg_text hg_request_scheme(hg_request *request)
{
    return hg_host_slot->request->scheme(request);
}

/** The host that the client asked for: lower case, without a port. [request] */
static inline hg_text hg_request_host(hg_request *request)
{
    return hg_host_slot->request->host(request);
}

/** The path, percent-decoded and normalised, without arguments. [request] */
static inline hg_text hg_request_uri(hg_request *request)
{
    return hg_host_slot->request->uri(request);
}

/**
 * Changes the path that the upstream sees. [rewrite, access, before_proxy]
 *
 * uri  begins with "/"; plain characters, which the host encodes where it must; no arguments.
 */
static inline hg_status hg_request_set_uri(hg_request *request, hg_text uri)
{
    return hg_host_slot->request->set_uri(request, uri);
}

/**
 * Lets the upstream see the target as the client sent it, byte by byte, whatever was changed in it.
 * [rewrite, access, before_proxy]
 */
static inline hg_status hg_request_restore_uri(hg_request *request)
{
    return hg_host_slot->request->restore_uri(request);
}

/** The request target as the client sent it, with its arguments. [request] */
static inline hg_text hg_request_raw_uri(hg_request *request)
{
    return hg_host_slot->request->raw_uri(request);
}

/** The arguments as sent, without the "?"; empty if there are none. [request] */
static inline hg_text hg_request_arguments(hg_request *request)
{
    return hg_host_slot->request->arguments(request);
}

/** Replaces all arguments by an encoded text without the "?". [rewrite, access, before_proxy] */
static inline hg_status hg_request_set_arguments(hg_request *request, hg_text arguments)
{
    return hg_host_slot->request->set_arguments(request, arguments);
}

/** The first argument of that name, decoded; absent if there is none. Exact case. [request] */
static inline hg_text hg_request_argument(hg_request *request, hg_text name)
{
    return hg_host_slot->request->argument(request, name);
}

/**
 * Takes all arguments of that name out, which is compared with their decoded names; the others stay
 * as they were sent. HG_OK also if there was none. [rewrite, access, before_proxy]
 */
static inline hg_status hg_request_remove_argument(hg_request *request, hg_text name)
{
    return hg_host_slot->request->remove_argument(request, name);
}

/** The first header of that name, in any case; absent if there is none. [request] */
static inline hg_text hg_request_header(hg_request *request, hg_text name)
{
    return hg_host_slot->request->header(request, name);
}

/** The header at a place, from 0, in the order received; false past the end. [request] */
static inline bool hg_request_header_at(hg_request *request, size_t index, hg_header *out_header)
{
    return hg_host_slot->request->header_at(request, index, out_header);
}

/** Replaces all headers of that name by one. [rewrite, access, before_proxy] */
static inline hg_status hg_request_set_header(hg_request *request, hg_text name, hg_text value)
{
    return hg_host_slot->request->set_header(request, name, value);
}

/** Adds a header, also if there is one of that name. [rewrite, access, before_proxy] */
static inline hg_status hg_request_add_header(hg_request *request, hg_text name, hg_text value)
{
    return hg_host_slot->request->add_header(request, name, value);
}

/** Removes all headers of that name; HG_OK also if there was none. [rewrite, access,
 * before_proxy] */
static inline hg_status hg_request_remove_header(hg_request *request, hg_text name)
{
    return hg_host_slot->request->remove_header(request, name);
}

/** The cookie of that name, as sent; absent if there is none. Exact case. [request] */
static inline hg_text hg_request_cookie(hg_request *request, hg_text name)
{
    return hg_host_slot->request->cookie(request, name);
}

/** Takes all cookies of that name out; HG_OK also if there was none. [rewrite, access,
 * before_proxy] */
static inline hg_status hg_request_remove_cookie(hg_request *request, hg_text name)
{
    return hg_host_slot->request->remove_cookie(request, name);
}

/** Replaces the body that the upstream sees; the host sets Content-Length. [rewrite, access] */
static inline hg_status hg_request_set_body(hg_request *request, const void *data, size_t length)
{
    return hg_host_slot->request->set_body(request, data, length);
}

/**
 * Bounds what the client may send as a body, below what the gateway itself allows. One that is
 * found to be longer while it is read is answered with 413, or hg_request_body() says
 * HG_ERR_TOO_LARGE. [rewrite, access]
 *
 * max_bytes  0 changes nothing; of several limits the smallest counts.
 * Returns HG_OK; HG_ERR_TOO_LARGE: the client has announced a longer one, end the request with 413;
 * HG_ERR_TOO_LATE or HG_ERR_NO_MEMORY.
 */
static inline hg_status hg_request_limit_body(hg_request *request, uint64_t max_bytes)
{
    return hg_host_slot->request->limit_body(request, max_bytes);
}

/** Sets the Host header that the upstream sees, over its pass_host. [rewrite, access,
 * before_proxy] */
static inline hg_status hg_request_set_upstream_host(hg_request *request, hg_text host)
{
    return hg_host_slot->request->set_upstream_host(request, host);
}

/** Who is on the other end of the connection; never NULL, lives as long as the request. [request]
 */
static inline const hg_address *hg_request_client_address(hg_request *request)
{
    return hg_host_slot->request->client_address(request);
}

/**
 * Says who the client is, for a connection that comes from a proxy: all that follows, variables and
 * the upstream included, takes that address and port for the client's. Which route it is was
 * decided before. [rewrite, access]
 *
 * address  of HG_ADDRESS_IPV4 or HG_ADDRESS_IPV6, else HG_ERR_INVALID; copied.
 */
static inline hg_status hg_request_set_client_address(hg_request *request,
                                                      const hg_address *address)
{
    return hg_host_slot->request->set_client_address(request, address);
}

/**
 * A variable by name, without "$": nginx's own and the gateway's (docs/variables.md); absent if
 * there is none of that name or it has no value now. [request]
 */
static inline hg_text hg_request_variable(hg_request *request, hg_text name)
{
    return hg_host_slot->request->variable(request, name);
}

/** An object that this request belongs to; absent if there is none. [request] */
static inline hg_text hg_request_object(hg_request *request, hg_object which)
{
    return hg_host_slot->request->object(request, which);
}

/**
 * The consumer whose configuration of this plugin has that key, on the consumer itself or on a
 * credential of it; NULL if there is none. Needs a descriptor with HG_AUTH and a HG_CONSUMER
 * description. Borrowed from the request. [rewrite, access]
 */
static inline const hg_consumer *hg_consumer_find(hg_request *request, hg_text key)
{
    return hg_host_slot->request->consumer_find(request, key);
}

/**
 * The consumer of that name, whatever keys it has: for those who may come without one. NULL if
 * there is none. Borrowed from the request. [rewrite, access]
 */
static inline const hg_consumer *hg_consumer_named(hg_request *request, hg_text name)
{
    return hg_host_slot->request->consumer_named(request, name);
}

/** True if any consumer has a configuration of this plugin. [rewrite, access] */
static inline bool hg_consumer_any(hg_request *request)
{
    return hg_host_slot->request->consumer_any(request);
}

/** The decoded configuration of this plugin with that key; NULL if it cannot be decoded. [rewrite,
 * access] */
static inline const void *hg_consumer_config(hg_request *request, const hg_consumer *consumer)
{
    return hg_host_slot->request->consumer_config(request, consumer);
}

/** The consumer's name. [request] */
static inline hg_text hg_consumer_name(const hg_consumer *consumer)
{
    return hg_host_slot->request->consumer_name(consumer);
}

/**
 * Says that this consumer sent the request: its plugins and those of its group join the chain, and
 * the upstream gets X-Consumer-Username, X-Credential-Identifier if a credential had the key, and
 * X-Consumer-Custom-ID if the consumer has a label custom_id. [rewrite]
 */
static inline hg_status hg_consumer_attach(hg_request *request, const hg_consumer *consumer)
{
    return hg_host_slot->request->consumer_attach(request, consumer);
}

/**
 * Ends the request with a response of the plugin's own; return what it returns. Plugins of lower
 * priority, later request phases and the upstream are skipped; filters and log still run. With a
 * status of 400 or more the log says `NAME exits with http status code N`. [rewrite, access, first
 * before_proxy; response, where it takes the place of the upstream's]
 *
 * status        200 to 599.
 * content_type  of the body; absent means text/plain; charset=utf-8.
 * body          copied; absent: empty below 300, else a short JSON text of the gateway's.
 */
static inline hg_verdict
hg_exit_with(hg_request *request, uint32_t status, hg_text content_type, hg_text body)
{
    return hg_host_slot->request->exit(request, status, content_type, body);
}

/** As hg_exit_with(), without a body of the plugin's. */
static inline hg_verdict hg_exit(hg_request *request, uint32_t status)
{
    return hg_host_slot->request->exit(request, status, hg_text_of(NULL), hg_text_of(NULL));
}

/** As hg_exit_with(), with a JSON body (application/json) and a newline; `body` is borrowed. */
static inline hg_verdict hg_exit_json(hg_request *request, uint32_t status, const json_t *body)
{
    return hg_host_slot->request->exit_json(request, status, body);
}

/** As hg_exit_with(), with the JSON body {"message": text}. */
static inline hg_verdict hg_exit_message(hg_request *request, uint32_t status, hg_text text)
{
    return hg_host_slot->request->exit_member(request, status, "message", text);
}

/** As hg_exit_with(), with the JSON body {"error_msg": text}. */
static inline hg_verdict hg_exit_error(hg_request *request, uint32_t status, hg_text text)
{
    return hg_host_slot->request->exit_member(request, status, "error_msg", text);
}

/**
 * As hg_exit_message() with the status 401, and `WWW-Authenticate: SCHEME realm="REALM"` for the
 * client.
 *
 * realm  absent: the scheme alone.
 */
static inline hg_verdict
hg_exit_unauthorized(hg_request *request, const char *scheme, hg_text realm, hg_text text)
{
    return hg_host_slot->request->exit_unauthorized(request, scheme, realm, text);
}

#ifdef __cplusplus
}
#endif

#endif
