/* hotgate/test.h - the author's test kit: runs a plugin on the gateway's real core, in memory.
 *
 * Build a test with `dependency('hotgate-testkit')` and any test framework:
 *
 *     hg_test *test = hg_test_new();
 *     hg_error err = HG_ERROR_INIT;
 *
 *     hg_test_load(test, "./hello.so", NULL, &err);
 *     hg_test_put(test, "routes/1", "{\"uri\": \"/a\", \"plugins\": {\"hello\": {}},"
 *                 " \"upstream\": {\"nodes\": {\"127.0.0.1:80\": 1}}}", &err);
 *     const hg_test_exchange *exchange = hg_test_get(test, "/a");
 *     assert(exchange->status == 200);
 *     hg_test_free(test);
 *
 * There is no server and no socket: requests and what upstreams answer are given as text, and time
 * stands still until the test moves it. What passes here behaves the same in the gateway; its
 * engine adds what a connection needs (Server, Date, Connection, X-Real-IP, X-Forwarded-*).
 */
#ifndef HOTGATE_TEST_H
#define HOTGATE_TEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include <hotgate/error.h>
#include <hotgate/host.h>
#include <hotgate/log.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * One gateway in memory: its plugins, its objects, its clock and its requests. Several may exist
 * beside one another; all are used from the thread that made them.
 */
typedef struct hg_test hg_test;

/** Makes one; the caller's. Returns NULL if there is no memory or no temporary directory. */
HG_EXPORT hg_test *hg_test_new(void);

/**
 * Breaks off the requests in flight, unloads all plugins and frees everything, exchanges included.
 * A plugin's object that is still mapped afterwards is a failure. Accepts NULL.
 */
HG_EXPORT void hg_test_free(hg_test *test);

/**
 * What is done about a failure that no return value reports, such as a variable that the gateway
 * does not list. The function is called on the stack of the hg_test_*() call during which it came
 * up, when no plugin is running, so that it may jump (cmocka's fail_msg()). Without one, or with
 * NULL, the text goes to stderr and the program ends with abort().
 */
HG_EXPORT void
hg_test_on_failure(hg_test *test, void (*failed)(void *context, const char *text), void *context);

/* ---------------------------------------------------------------------------------- plugins */

/**
 * Puts a plugin into service, or the next version of one that is there, as a reload does: a private
 * copy of the object is loaded, every configuration in use is judged by the new code, and only then
 * it takes the old one's place. Requests in flight finish with the old object, which goes when the
 * last of them has ended.
 *
 * path        of the built object; its stem is the plugin's name.
 * attributes  plugin_attr of that name as JSON text, or NULL.
 * Returns HG_OK, or what the gateway would refuse it for; nothing has changed then.
 */
HG_EXPORT hg_status hg_test_load(hg_test *test,
                                 const char *path,
                                 const char *attributes,
                                 hg_error *err);

/** Takes a plugin out of service. HG_OK or HG_ERR_NOT_FOUND. */
HG_EXPORT hg_status hg_test_unload(hg_test *test, const char *plugin, hg_error *err);

/** How many plugin objects are in memory: after a reload as many as before it. */
HG_EXPORT size_t hg_test_objects_mapped(hg_test *test);

/**
 * Name, version, phases and schemas of a loaded plugin, that of its attributes among them; a new
 * reference, NULL: not loaded.
 */
HG_EXPORT json_t *hg_test_describe(hg_test *test, const char *plugin);

/* ------------------------------------------------------------------------------ configuration */

/**
 * Creates or replaces an object, as an Admin API request does: every configuration in its "plugins"
 * is judged, check() of its plugin included.
 *
 * key   "routes/1", "services/a", "upstreams/u", "plugin_configs/p", "global_rules/g",
 *       "consumers/jack", "consumers/jack/credentials/one", "consumer_groups/g" or
 *       "plugin_metadata/PLUGIN".
 * json  the object as the Admin API takes it.
 * Returns HG_OK, or HG_ERR_INVALID with the first finding; nothing has changed then.
 */
HG_EXPORT hg_status hg_test_put(hg_test *test, const char *key, const char *json, hg_error *err);

/** Deletes an object. HG_OK or HG_ERR_NOT_FOUND. */
HG_EXPORT hg_status hg_test_delete(hg_test *test, const char *key, hg_error *err);

/** Where a configuration that is to be judged stands. */
typedef enum hg_test_use {
    HG_TEST_ON_ROUTE = 0,
    HG_TEST_ON_CONSUMER = 1,
    HG_TEST_AS_METADATA = 2, /* plugin_metadata of the plugin */
} hg_test_use;

/**
 * Judges one configuration of a plugin without storing it.
 *
 * configuration  JSON text.
 * out_issues     all findings as the Admin API shows them, an array of {pointer, found, wanted,
 *                text}: a new reference, empty if there are none. May be NULL.
 * Returns HG_OK; HG_ERR_INVALID with the first finding in `err`; HG_ERR_NOT_FOUND: no such plugin.
 */
HG_EXPORT hg_status hg_test_check(hg_test *test,
                                  const char *plugin,
                                  hg_test_use use,
                                  const char *configuration,
                                  json_t **out_issues,
                                  hg_error *err);

/* ---------------------------------------------------------------------------------- requests */

/** A request. All may be left out, and is borrowed for the call. */
typedef struct hg_test_request {
    const char *method;     /* NULL: GET */
    const char *uri;        /* with its query, as the client sends it; NULL: "/" */
    const char *headers;    /* "Name: value" lines, each ended by "\n"; Host is "localhost" unless
                               given */
    const void *body;       /* NULL: none */
    size_t body_length;     /* bytes; 0 with a body: up to its NUL */
    const char *client;     /* "ADDRESS" or "ADDRESS:PORT", IPv6 in brackets; NULL: 127.0.0.1:40000;
                               "unix:": a client without an address */
    bool https;             /* the client speaks TLS */
    bool body_breaks_off;   /* the client goes away while it sends the body */
    uint64_t body_delay_ms; /* how long the body takes to arrive */
} hg_test_request;

/** What the upstream does with the requests that come. Borrowed for the call. */
typedef struct hg_test_upstream {
    uint32_t status;        /* 0: 200 */
    const char *headers;    /* lines as above; NULL: Content-Type: text/plain */
    const void *body;       /* NULL: empty */
    size_t body_length;     /* as above */
    size_t piece_bytes;     /* the body comes in pieces of that size; 0: in one */
    bool without_length;    /* no Content-Length: as chunked transfer coding */
    uint64_t delay_ms;      /* how long the answer takes */
    uint32_t failures;      /* so many tries fail to connect before one succeeds */
    bool body_breaks_off;   /* the connection ends behind that body, which is not the whole */
    uint64_t body_delay_ms; /* how long the body takes to arrive, for plugins that wait for it */
} hg_test_upstream;

/** Says what upstreams do from now on; NULL: 200 and an empty body again. */
HG_EXPORT void hg_test_set_upstream(hg_test *test, const hg_test_upstream *upstream);

/**
 * What has become of a request. It lives until hg_test_free(); the kit goes on writing to it until
 * `ended`. Texts end with NUL and are never NULL unless said so; bodies have a length as well.
 */
typedef struct hg_test_exchange {
    bool ended;    /* the log phase is over; false: it waits for something */
    bool canceled; /* the client went away */

    /* What the client got. */
    uint32_t status; /* 0: nothing yet; 499: it went away before */
    const char *body;
    size_t body_length;
    size_t pieces;   /* in how many the body was sent */
    bool broken_off; /* it did not get all of the response */

    /* What the upstream got, at the last try. */
    uint32_t tries; /* 0: the request never went upstream */
    const char *upstream_method;
    const char *upstream_uri;       /* the encoded path */
    const char *upstream_arguments; /* without "?"; NULL: none */
    const char *upstream_host;      /* the Host header */
    const char *upstream_node;      /* "ADDRESS:PORT" */
    const char *upstream_body;
    size_t upstream_body_length;
} hg_test_exchange;

/**
 * Sends a request and lets it run to its end. What it waits for happens at once: the clock jumps to
 * the next timer, a descriptor gets one second of real time to become ready before its timeout.
 * Never NULL: what cannot happen is a failure.
 */
HG_EXPORT const hg_test_exchange *hg_test_send(hg_test *test, const hg_test_request *request);

/** As hg_test_send(), of a GET request for that URI. */
HG_EXPORT const hg_test_exchange *hg_test_get(hg_test *test, const char *uri);

/** Sends a request and returns when it has ended or waits, without moving the clock. Never NULL. */
HG_EXPORT const hg_test_exchange *hg_test_begin(hg_test *test, const hg_test_request *request);

/** Lets a request that was begun run to its end, as hg_test_send() does. */
HG_EXPORT void hg_test_finish(hg_test *test, const hg_test_exchange *exchange);

/** The client goes away: what waits is resumed with HG_CANCELED, then the log phase runs. */
HG_EXPORT void hg_test_cancel(hg_test *test, const hg_test_exchange *exchange);

/**
 * A header of the response, any case; several of one name are joined by ", ". NULL: there is none.
 * Borrowed from the exchange.
 */
HG_EXPORT const char *
hg_test_header(hg_test *test, const hg_test_exchange *exchange, const char *name);

/** The same of the request as the upstream got it at the last try. */
HG_EXPORT const char *
hg_test_upstream_header(hg_test *test, const hg_test_exchange *exchange, const char *name);

/* ----------------------------------------------------------------------------- calls to others */

/** A call that a plugin makes with hg_http(). Borrowed by the function that answers it. */
typedef struct hg_test_call {
    const char *method;
    const char *url;
    const char *headers; /* "Name: value" lines, each ended by "\n", as the plugin gave them */
    const char *body;    /* "" without one */
    size_t body_length;
    uint64_t timeout_ms;
    uint32_t flags; /* of hg_http_flag */
} hg_test_call;

/** What becomes of it. Zero is an answer with 200 and an empty body. Its texts are copied when the
 * function that answers has returned. */
typedef struct hg_test_reply {
    hg_status failure;   /* what hg_http() returns instead of an answer; HG_OK: there is one */
    uint32_t status;     /* 0: 200 */
    const char *headers; /* lines as above; NULL: none */
    const void *body;    /* NULL: empty */
    size_t body_length;  /* bytes; 0 with a body: up to its NUL */
    uint64_t delay_ms;   /* how long it takes: over the call's own timeout it is HG_ERR_TIMEOUT */
} hg_test_reply;

/**
 * Has the test answer what plugins call. A call for which the function returns false, and every
 * call without one, goes to the network, as in the gateway: to a server that the test runs itself,
 * by its address or as "localhost". Other names have an address that nobody has.
 */
HG_EXPORT void
hg_test_on_call(hg_test *test,
                bool (*answer)(void *context, const hg_test_call *call, hg_test_reply *reply),
                void *context);

/**
 * Says where the plugin runner of <hotgate/runner.h> is, as `ext-plugin` of config.yaml does: one
 * that the test runs itself, in another thread or process. Not while a request waits for it.
 *
 * path  of a Unix socket that a runner listens at; NULL: none is configured, as at the beginning.
 * Returns HG_OK or HG_ERR_NO_MEMORY.
 */
HG_EXPORT hg_status hg_test_set_runner(hg_test *test, const char *path);

/* ------------------------------------------------------------------------------ time and state */

#define HG_TEST_START_MS      1000000u               /* hg_now_ms() when a test begins */
#define HG_TEST_WALL_START_MS INT64_C(1700000000000) /* hg_wall_ms(): 2023-11-14T22:13:20Z */

/** Moves both clocks; what falls due on the way happens at its time. */
HG_EXPORT void hg_test_advance(hg_test *test, uint64_t duration_ms);

/** Sets the wall clock alone, as an administrator would. */
HG_EXPORT void hg_test_set_wall_ms(hg_test *test, int64_t wall_ms);

/** The clocks as plugins see them. */
HG_EXPORT uint64_t hg_test_now_ms(hg_test *test);
HG_EXPORT int64_t hg_test_wall_ms(hg_test *test);

/**
 * Lets what is ready run, waiting up to that long in real time for descriptors. The clock stays.
 * Returns true if anything ran.
 */
HG_EXPORT bool hg_test_poll(hg_test *test, int real_timeout_ms);

/** Lines of the log that hold a text; level 0: any. */
HG_EXPORT size_t hg_test_log_count(hg_test *test, int level, const char *part);

/** A line of the log, from 0, with its level (an hg_log_level); NULL: past the end. */
HG_EXPORT const char *hg_test_log_line(hg_test *test, size_t index, int *out_level);

/** Forgets the lines so far. */
HG_EXPORT void hg_test_log_clear(hg_test *test);

/**
 * A metric of a loaded plugin.
 *
 * labels  as many values as it has labels, in their order, ended by NULL; NULL if it has none.
 * Returns HG_OK or HG_ERR_NOT_FOUND (it was never set).
 */
HG_EXPORT hg_status hg_test_metric(hg_test *test,
                                   const char *plugin,
                                   const char *metric,
                                   const char *const *labels,
                                   int64_t *out_value);

/**
 * A number in a table of a plugin (hg_dict_open()); also after the plugin has gone.
 *
 * out_ttl_ms  as in hg_dict_get(); may be NULL.
 * Returns HG_OK or HG_ERR_NOT_FOUND.
 */
HG_EXPORT hg_status hg_test_dict_get(hg_test *test,
                                     const char *plugin,
                                     const char *dict,
                                     const char *key,
                                     int64_t *out_value,
                                     uint64_t *out_ttl_ms);

#ifdef __cplusplus
}
#endif

#endif
