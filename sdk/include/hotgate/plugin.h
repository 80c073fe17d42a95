/* hotgate/plugin.h - what a plugin exports, and when and where the host calls it. */
#ifndef HOTGATE_PLUGIN_H
#define HOTGATE_PLUGIN_H

#include <stddef.h>
#include <stdint.h>

#include <hotgate/address.h>
#include <hotgate/config.h>
#include <hotgate/delegate.h>
#include <hotgate/dict.h>
#include <hotgate/encoding.h>
#include <hotgate/error.h>
#include <hotgate/expression.h>
#include <hotgate/host.h>
#include <hotgate/http.h>
#include <hotgate/log.h>
#include <hotgate/metric.h>
#include <hotgate/random.h>
#include <hotgate/request.h>
#include <hotgate/response.h>
#include <hotgate/runner.h>
#include <hotgate/schema.h>
#include <hotgate/text.h>
#include <hotgate/timer.h>
#include <hotgate/wait.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Contexts, named in brackets in these headers:
 *   [config]   while a configuration is built, on a worker's main thread or in the probe process:
 *              may allocate and read files, must not wait.
 *   [request]  any phase of a request; a phase's name alone means that phase only.
 *   [timer]    the callback of a timer.
 *   [any]      anywhere between the begin of init() and the end of exit().
 * Everything of one object runs on one thread of its process, but for the functions that it hands
 * to hg_offload(): these call nothing of the host's.
 */

#define HG_PLUGIN_SYMBOL "hg_plugin_v0" /* one per ABI major */
#define HG_NAME_MAX      63u            /* bytes of a plugin's name */
#define HG_VERSION_MAX   31u            /* bytes of a plugin's version */

/** Flags of a plugin; may be combined with |. ABI: a value never changes its meaning. */
typedef enum hg_plugin_flag {
    HG_AUTH = 1,         /* identifies consumers */
    HG_WAITS = 2,        /* its rewrite, access, before_proxy, response or timers call functions of
                            wait.h, those of http.h and runner.h, or hg_response_body() */
    HG_PREFER_ROUTE = 4, /* a configuration on the route replaces one in a global rule */
    HG_STRICT = 8,       /* fields outside its description are refused, not only warned about */
} hg_plugin_flag;

/** An interface beyond this struct, found by its name. */
typedef struct hg_extension {
    const char *id; /* NULL ends the list */
    const void *interface_data;
} hg_extension;

/**
 * One plugin. Its shared object exports one constant of this type, made by HG_PLUGIN and named
 * HG_PLUGIN_SYMBOL, which the host borrows until it unloads the object. Every callback may be
 * NULL. ABI: fields are only appended; the host reads none beyond `size`.
 */
typedef struct hg_plugin {
    uint32_t size; /* bytes: sizeof(hg_plugin) as the plugin was built */
    uint16_t abi_major;
    uint16_t abi_minor;
    const hg_host **host; /* &hg_host_slot of this object */
    const char *name;     /* [a-zA-Z0-9_-], the file's stem: the key in a route's "plugins" */
    const char *version;
    const char *summary; /* one sentence for lists */
    int32_t priority;    /* higher runs first; 1 to 99 is for plugins of your own */
    uint32_t flags;      /* of hg_plugin_flag */

    const hg_config_description *config;     /* on routes, services, ... ; NULL: any object */
    const hg_config_description *consumer;   /* on consumers, credentials; NULL: as `config` */
    const hg_config_description *metadata;   /* hg_request_metadata(); NULL: any object */
    const hg_config_description *attributes; /* plugin_attr.NAME of config.yaml; NULL: none */
    const hg_metric *metrics;                /* ends with HG_METRIC_END; NULL: none */
    uint32_t request_size;                   /* bytes for hg_request_data() */
    uint32_t reserved;

    /**
     * Called once in each process after loading, before anything else in the object. [config]
     *
     * attributes  decoded by the description of that name, or NULL; borrowed until exit().
     * Returns HG_OK; anything else refuses the object, and `err` says why.
     */
    hg_status (*init)(const void *attributes, hg_error *err);
    /** Called once when nothing uses the object any more: release all that init() took. [config] */
    void (*exit)(void);
    /**
     * Judges a decoded configuration beyond its description; runs in the probe process when the
     * configuration is written, never in a worker. `source->use` says which description decoded it:
     * HG_USE_CONFIG or, of a plugin with one for consumers, HG_USE_CONSUMER. [config] Returns HG_OK
     * or HG_ERR_INVALID with issues.
     */
    hg_status (*check)(const void *config, const hg_config_source *source, hg_issues *issues);

    /** Before the request is authenticated: change it, or end it. */
    hg_verdict (*rewrite)(hg_request *request, const void *config);
    /** Decides whether the request may go on. */
    hg_verdict (*access)(hg_request *request, const void *config);
    /** After a node of the upstream was picked; again for every retry, where ending is not
     * possible. */
    hg_verdict (*before_proxy)(hg_request *request, const void *config);
    /** When the response's headers are known and not yet sent. */
    void (*header_filter)(hg_request *request, const void *config);
    /** For every piece of the response's body, the last one marked. */
    void (*body_filter)(hg_request *request, hg_chunk *chunk, const void *config);
    /** As body_filter, after the body_filter of every plugin. */
    void (*delayed_body_filter)(hg_request *request, hg_chunk *chunk, const void *config);
    /** After the response has ended, also if the client broke off. */
    void (*log)(hg_request *request, const void *config);

    const hg_extension *extensions; /* ends with {NULL, NULL}; NULL: none */

    /**
     * When the headers of an upstream's response are known, before the header_filter of any plugin;
     * it may wait. Once, for the response that the client is to get, not for those of tries that
     * failed. What it ends the request with takes the place of that response. Not for responses
     * that the gateway or a plugin makes, and not when the connection becomes another protocol's.
     */
    hg_verdict (*response)(hg_request *request, const void *config);
} hg_plugin;

/* What identifies the note among others of the object. */
#define HG_NOTE_OWNER   "hotgate"
#define HG_NOTE_TYPE    1u
#define HG_NOTE_SECTION ".note.hotgate"

/**
 * What an object says about itself without being run: an ELF note of fixed layout. A claim, which
 * the host checks again after loading. ABI: this layout is final.
 */
typedef struct hg_note {
    uint32_t name_size; /* sizeof(owner) */
    uint32_t data_size; /* bytes from abi_major on */
    uint32_t type;      /* HG_NOTE_TYPE */
    char owner[8];      /* HG_NOTE_OWNER */
    uint16_t abi_major;
    uint16_t abi_minor;
    char name[HG_NAME_MAX + 1];
    char version[HG_VERSION_MAX + 1];
} hg_note;

HG_STATIC_ASSERT(sizeof(hg_note) == 120, "the note's layout is final");
HG_STATIC_ASSERT(sizeof(hg_error) == 512, "the error's layout is final");

/**
 * Makes the object's descriptor, its hidden host slot and its note. Once in each object:
 *
 *     HG_PLUGIN("hello", "1.0.0", .priority = 50, .rewrite = hello_rewrite);
 *
 * The name and the version are string literals; the rest are fields of hg_plugin.
 */
#define HG_PLUGIN(plugin_name, plugin_version, ...)                                                \
    HG_EXTERN const hg_note hg_plugin_note HG_HIDDEN;                                              \
    HG_EXTERN const hg_plugin hg_plugin_v0 HG_EXPORT;                                              \
    const hg_host *hg_host_slot = NULL;                                                            \
    __attribute__((section(HG_NOTE_SECTION), used, aligned(4)))                                    \
    const hg_note hg_plugin_note = {(uint32_t)sizeof(hg_plugin_note.owner),                        \
                                    (uint32_t)(sizeof(hg_note) - offsetof(hg_note, abi_major)),    \
                                    HG_NOTE_TYPE,                                                  \
                                    HG_NOTE_OWNER,                                                 \
                                    HG_ABI_MAJOR,                                                  \
                                    HG_ABI_MINOR,                                                  \
                                    plugin_name,                                                   \
                                    plugin_version};                                               \
    const hg_plugin hg_plugin_v0 = {.size = (uint32_t)sizeof(hg_plugin),                           \
                                    .abi_major = HG_ABI_MAJOR,                                     \
                                    .abi_minor = HG_ABI_MINOR,                                     \
                                    .host = &hg_host_slot,                                         \
                                    .name = plugin_name,                                           \
                                    .version = plugin_version,                                     \
                                    __VA_ARGS__}

#if defined(__cplusplus)
#define HG_EXTERN extern "C"
#else
#define HG_EXTERN extern
#endif

#ifdef __cplusplus
}
#endif

#endif
