/* hotgate/config.h - what a plugin's configuration looks like, and how it reaches the plugin. */
#ifndef HOTGATE_CONFIG_H
#define HOTGATE_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include <hotgate/address.h>
#include <hotgate/error.h>
#include <hotgate/expression.h>
#include <hotgate/host.h>
#include <hotgate/text.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Two ways to describe a configuration; from both come the JSON Schema of the Admin API and the
 * checks of every write:
 *
 * 1. A field table: one line a field. The host validates, fills in defaults and decodes into the
 *    author's struct; the plugin never sees JSON.
 *
 *        typedef struct greeting_config {
 *            hg_text name;
 *            int64_t times;
 *        } greeting_config;
 *
 *        static const hg_field greeting_fields[] = {
 *            HG_STRING(greeting_config, name, "name", .required = true, .max_length = 64),
 *            HG_INT(greeting_config, times, "times", .min = 1, .max = 10, .initial = "1"),
 *            HG_FIELDS_END,
 *        };
 *
 *    and in HG_PLUGIN: `.config = HG_CONFIG(greeting_config, greeting_fields)`.
 *
 * 2. JSON Schema text (draft 7) with a parse and a release function: HG_CONFIG_RAW.
 *
 * A configuration is decoded once in every process that needs it (the probe, each worker, a test):
 * parse() has no side effects. What it made stays unchanged until release().
 */

/** A compiled regular expression (PCRE2, UTF-8), from a HG_REGEX field or hg_regex_compile(). */
typedef struct hg_regex hg_regex;

/**
 * Text with variables: `$name`, `${name}`, `${name ?? fallback}`, `\$` for a dollar sign; from a
 * HG_TEMPLATE field or hg_template_compile(). A variable that is not there gives nothing.
 */
typedef struct hg_template hg_template;

/** A list: `count` elements of the C type that its element description names, one after another. */
typedef struct hg_list {
    const void *items;
    size_t count;
} hg_list;

/** A JSON object with free names: keys[i] belongs to the i-th element of `values`. */
typedef struct hg_map {
    const hg_text *keys;
    const void *values; /* as hg_list's items */
    size_t count;
} hg_map;

/** What a field holds. ABI: a value never changes its meaning. */
typedef enum hg_field_kind {
    HG_KIND_END = 0,         /* ends a table */
    HG_KIND_BOOL = 1,        /* boolean                              -> bool */
    HG_KIND_INT = 2,         /* integer                              -> int64_t */
    HG_KIND_NUMBER = 3,      /* number                               -> double */
    HG_KIND_STRING = 4,      /* string                               -> hg_text */
    HG_KIND_SECRET = 5,      /* string; never shown in logs          -> hg_text */
    HG_KIND_ENUM = 6,        /* one of `names`                       -> int32_t, its place there */
    HG_KIND_DURATION = 7,    /* seconds, or "500ms" "10s" "5m" "2h" "1d" -> int64_t, milliseconds */
    HG_KIND_BYTES = 8,       /* bytes, or "64k" "10m" "1g" (1024)    -> int64_t, bytes */
    HG_KIND_CIDRS = 9,       /* array of addresses and networks      -> const hg_cidrs * */
    HG_KIND_REGEX = 10,      /* string                               -> const hg_regex * */
    HG_KIND_TEMPLATE = 11,   /* string                               -> const hg_template * */
    HG_KIND_LIST = 12,       /* array of `item`                      -> hg_list */
    HG_KIND_OBJECT = 13,     /* object of `fields`                   -> the nested struct itself */
    HG_KIND_MAP = 14,        /* object, any names, values of `item`  -> hg_map */
    HG_KIND_JSON = 15,       /* anything; `schema` may say more      -> const json_t * */
    HG_KIND_EXPRESSION = 16, /* array: a condition -> const hg_expression *, NULL: always true */
    HG_KIND_RULE = 64,       /* no field: a rule about the fields in `names` */
} hg_field_kind;

/** What a HG_RULE demands of the fields it names. ABI: a value never changes its meaning. */
typedef enum hg_rule {
    HG_EXACTLY_ONE = 1,  /* one of them and no other is given */
    HG_AT_LEAST_ONE = 2, /* one or more of them are given */
    HG_REQUIRES = 3,     /* with the first, all the others are given too */
} hg_rule;

/** How many values an enum field, or fields a rule, can name. */
#define HG_FIELD_NAMES_MAX 16u

/**
 * One field of a configuration. Write it with the macros below; every option may be left out.
 * C++20 wants the options in this order. ABI: fields are only appended.
 */
typedef struct hg_field {
    int32_t kind;                  /* an hg_field_kind */
    uint32_t offset;               /* bytes from the start of the author's struct */
    uint32_t size;                 /* bytes of the member or element */
    int32_t rule;                  /* HG_RULE: an hg_rule */
    const char *name;              /* the JSON name; NULL in an element description */
    const struct hg_field *fields; /* object: its own table, ended by HG_FIELDS_END */
    const struct hg_field *item;   /* list, map: what its elements are, from HG_ITEM */
    /* options */
    const char *summary; /* for the documentation; what stands between two backticks is code */
    const char *example; /* a value as the operator would write it (JSON; text without quotes) */
    bool required;       /* a configuration without it is refused */
    bool unique;         /* list: no two elements are equal */
    bool positive;       /* number, duration: above 0, not only 0 or more */
    bool strict;         /* object: names outside its table are refused, not only warned about */
    uint32_t presence;   /* HG_PRESENCE(type, member): a bool that says whether it was given */
    double min;          /* smallest number; left out: 0, so that numbers are not negative */
    double max;          /* largest number; left out: no limit */
    uint32_t min_length; /* string: characters; list, map, CIDR list: elements; 0: no limit */
    uint32_t max_length; /* the same at most; 0: no limit */
    const char *pattern; /* string: a regular expression that it matches somewhere */
    const char *initial; /* the value if it is left out: "503", "remote_addr", "10s", "true"; lists
                            and objects in JSON: "[\"a\"]". NULL: no default, and an absent field
                            is zero, false or NULL, an absent enum -1 */
    const char *schema;  /* HG_JSON: JSON Schema text for the value */
    const char *names[HG_FIELD_NAMES_MAX]; /* enum: its values; rule: its fields; NULL ends them */
    uint32_t last;                         /* closes the option list in the macros; always 0 */
} hg_field;

/* A member of another type than the field decodes into is a compile-time error: the size of this
 * array is negative then. C++ checks the size only. */
#if defined(__cplusplus)
#define HG_FIELD_SIZE(type, member, c_type)                                                        \
    ((uint32_t)sizeof(char[sizeof(((type *)0)->member) == sizeof(c_type) ? 1 : -1]) *              \
     (uint32_t)sizeof(c_type))
#else
#define HG_FIELD_SIZE(type, member, c_type)                                                        \
    ((uint32_t)sizeof(char[_Generic(((type *)0)->member, c_type : 1, default                       \
                                    : -1)]) *                                                      \
     (uint32_t)sizeof(c_type))
#endif

#define HG_FIELD_(field_kind, c_type, type, member, json_name, ...)                                \
    {                                                                                              \
        .kind = (field_kind), .offset = (uint32_t)offsetof(type, member),                          \
        .size = HG_FIELD_SIZE(type, member, c_type), .name = (json_name), __VA_ARGS__              \
    }
#define HG_FIELD_OF_(field_kind, c_type, part, type, member, json_name, value, ...)                \
    {                                                                                              \
        .kind = (field_kind), .offset = (uint32_t)offsetof(type, member),                          \
        .size = HG_FIELD_SIZE(type, member, c_type), .name = (json_name), .part = (value),         \
        __VA_ARGS__                                                                                \
    }

/* Each: HG_INT(struct type, member, "json_name", options...). */
#define HG_BOOL(...)     HG_FIELD_(HG_KIND_BOOL, bool, __VA_ARGS__, .last = 0)
#define HG_INT(...)      HG_FIELD_(HG_KIND_INT, int64_t, __VA_ARGS__, .last = 0)
#define HG_NUMBER(...)   HG_FIELD_(HG_KIND_NUMBER, double, __VA_ARGS__, .last = 0)
#define HG_STRING(...)   HG_FIELD_(HG_KIND_STRING, hg_text, __VA_ARGS__, .last = 0)
#define HG_SECRET(...)   HG_FIELD_(HG_KIND_SECRET, hg_text, __VA_ARGS__, .last = 0)
#define HG_DURATION(...) HG_FIELD_(HG_KIND_DURATION, int64_t, __VA_ARGS__, .last = 0)
#define HG_BYTES(...)    HG_FIELD_(HG_KIND_BYTES, int64_t, __VA_ARGS__, .last = 0)
#define HG_CIDRS(...)    HG_FIELD_(HG_KIND_CIDRS, const hg_cidrs *, __VA_ARGS__, .last = 0)
#define HG_REGEX(...)    HG_FIELD_(HG_KIND_REGEX, const hg_regex *, __VA_ARGS__, .last = 0)
#define HG_TEMPLATE(...) HG_FIELD_(HG_KIND_TEMPLATE, const hg_template *, __VA_ARGS__, .last = 0)
#define HG_JSON(...)     HG_FIELD_(HG_KIND_JSON, const json_t *, __VA_ARGS__, .last = 0)
#define HG_EXPRESSION(...)                                                                         \
    HG_FIELD_(HG_KIND_EXPRESSION, const hg_expression *, __VA_ARGS__, .last = 0)
/** HG_ENUM(type, member, "name", .names = {"local", "redis"}): the member is an int32_t. */
#define HG_ENUM(...) HG_FIELD_(HG_KIND_ENUM, int32_t, __VA_ARGS__, .last = 0)
/** HG_LIST(type, member, "name", &item, options...), the item made by HG_ITEM or HG_ITEM_OBJECT. */
#define HG_LIST(...) HG_FIELD_OF_(HG_KIND_LIST, hg_list, item, __VA_ARGS__, .last = 0)
/** HG_MAP(type, member, "name", &item, options...): values of `item` under any names. */
#define HG_MAP(...) HG_FIELD_OF_(HG_KIND_MAP, hg_map, item, __VA_ARGS__, .last = 0)
/** HG_OBJECT(type, member, member_type, "name", table, options...): a nested struct by value. */
#define HG_OBJECT(type, nested, nested_type, ...)                                                  \
    HG_FIELD_OF_(HG_KIND_OBJECT, nested_type, fields, type, nested, __VA_ARGS__, .last = 0)

#define HG_ITEM_(field_kind, c_type, ...)                                                          \
    {                                                                                              \
        .kind = (field_kind), .size = (uint32_t)sizeof(c_type), __VA_ARGS__                        \
    }
/** An element: `static const hg_field name_item = HG_ITEM(HG_KIND_STRING, hg_text, options...)`. */
#define HG_ITEM(...) HG_ITEM_(__VA_ARGS__, .last = 0)
/** An element that is an object: HG_ITEM_OBJECT(struct type, table, options...). */
#define HG_ITEM_OBJECT(c_type, ...) HG_ITEM_OBJECT_(c_type, __VA_ARGS__, .last = 0)
#define HG_ITEM_OBJECT_(c_type, table, ...)                                                        \
    {                                                                                              \
        .kind = HG_KIND_OBJECT, .size = (uint32_t)sizeof(c_type), .fields = (table), __VA_ARGS__   \
    }

/** HG_RULE(HG_EXACTLY_ONE, "whitelist", "blacklist"): about fields of the same table. */
#define HG_RULE(which, ...)                                                                        \
    {                                                                                              \
        .kind = HG_KIND_RULE, .rule = (which), .names = { __VA_ARGS__ }                            \
    }
/** The last line of every table. */
#define HG_FIELDS_END                                                                              \
    {                                                                                              \
        .kind = HG_KIND_END                                                                        \
    }
/** Where a field reports that it was given: `.presence = HG_PRESENCE(config, has_status)`. */
#define HG_PRESENCE(type, member)                                                                  \
    ((uint32_t)offsetof(type, member) +                                                            \
     (uint32_t)sizeof(char[sizeof(((type *)0)->member) == sizeof(bool) ? 1 : -1]))

/** Which of its descriptions a configuration has. ABI: a value never changes its meaning. */
typedef enum hg_config_use {
    HG_USE_CONFIG = 0,     /* `config`: on a route, service, plugin config, global rule, ... */
    HG_USE_CONSUMER = 1,   /* `consumer`: on a consumer or a credential */
    HG_USE_METADATA = 2,   /* `metadata`: one for the plugin */
    HG_USE_ATTRIBUTES = 3, /* `attributes`: of config.yaml */
} hg_config_use;

/** Where a configuration stands: for messages and for keys of shared state. */
typedef struct hg_config_source {
    uint32_t size;
    uint32_t use;      /* an hg_config_use */
    hg_text resource;  /* "routes", "global_rules", "consumers", "credentials", ... */
    hg_text id;        /* of that object; of a credential "CONSUMER/credentials/ID" */
    uint64_t checksum; /* of this configuration's content: equal content, equal checksum */
} hg_config_source;

/** How a configuration is described: HG_CONFIG, HG_CONFIG_RAW or HG_CONSUMER make one. */
typedef struct hg_config_description {
    uint32_t size;       /* sizeof(hg_config_description) */
    uint32_t field_size; /* sizeof(hg_field) as the plugin was built */
    uint32_t state_size; /* bytes of the author's struct; 0 in the raw way */
    uint32_t reserved;
    const hg_field *fields; /* a field table, or NULL in the raw way */
    const char *schema;     /* JSON Schema text in the raw way, else NULL */
    /**
     * Raw way: turns a configuration into private state, once per process. [config]
     *
     * config     borrowed for the call; has passed the schema, its defaults are filled in.
     * source     borrowed for the call.
     * out_state  on HG_OK owned by the host, which gives it back to release(); else untouched.
     * issues     the operator reads them in the Admin API's answer.
     * Returns HG_OK, HG_ERR_INVALID or HG_ERR_NO_MEMORY. No side effects.
     */
    hg_status (*parse)(const json_t *config,
                       const hg_config_source *source,
                       void **out_state,
                       hg_issues *issues);
    /** Raw way: frees what parse() made, once no request uses it; accepts NULL. [config] */
    void (*release)(void *state);
    const char *key; /* consumers: the field whose value finds the consumer */
    /**
     * Field table: completes what was decoded, once per process, such as with a key that is parsed
     * from its text, and judges it. [config]
     *
     * state   the author's struct, to be written to in this call; unchanged until dispose().
     * source  borrowed for the call.
     * issues  the operator reads them in the Admin API's answer.
     * Returns HG_OK; else HG_ERR_INVALID or HG_ERR_NO_MEMORY, and leaves nothing to be freed. No
     * side effects.
     */
    hg_status (*prepare)(void *state, const hg_config_source *source, hg_issues *issues);
    /** Field table: frees what prepare() made, once no request uses it. May be NULL. [config] */
    void (*dispose)(void *state);
} hg_config_description;

/** A configuration described by a field table that decodes into a struct of `type`. */
#define HG_CONFIG(type, table)                                                                     \
    (&(const hg_config_description){.size = (uint32_t)sizeof(hg_config_description),               \
                                    .field_size = (uint32_t)sizeof(hg_field),                      \
                                    .state_size = (uint32_t)sizeof(type),                          \
                                    .fields = (table)})
/** A configuration described by JSON Schema text, with the functions of the raw way. */
#define HG_CONFIG_RAW(schema_text, parse_function, release_function)                               \
    (&(const hg_config_description){.size = (uint32_t)sizeof(hg_config_description),               \
                                    .schema = (schema_text),                                       \
                                    .parse = (parse_function),                                     \
                                    .release = (release_function)})
/** For `.consumer`: as HG_CONFIG, with the name of the string field that finds the consumer. */
#define HG_CONSUMER(type, table, key_name)                                                         \
    (&(const hg_config_description){.size = (uint32_t)sizeof(hg_config_description),               \
                                    .field_size = (uint32_t)sizeof(hg_field),                      \
                                    .state_size = (uint32_t)sizeof(type),                          \
                                    .fields = (table),                                             \
                                    .key = (key_name)})

/** As HG_CONFIG, with a function that completes the struct, and one that frees what it made. */
#define HG_CONFIG_PREPARED(type, table, prepare_function, dispose_function)                        \
    (&(const hg_config_description){.size = (uint32_t)sizeof(hg_config_description),               \
                                    .field_size = (uint32_t)sizeof(hg_field),                      \
                                    .state_size = (uint32_t)sizeof(type),                          \
                                    .fields = (table),                                             \
                                    .prepare = (prepare_function),                                 \
                                    .dispose = (dispose_function)})
/** As HG_CONSUMER, with these two. */
#define HG_CONSUMER_PREPARED(type, table, key_name, prepare_function, dispose_function)            \
    (&(const hg_config_description){.size = (uint32_t)sizeof(hg_config_description),               \
                                    .field_size = (uint32_t)sizeof(hg_field),                      \
                                    .state_size = (uint32_t)sizeof(type),                          \
                                    .fields = (table),                                             \
                                    .key = (key_name),                                             \
                                    .prepare = (prepare_function),                                 \
                                    .dispose = (dispose_function)})

/** How many captures a match gives at most, counting the whole match. */
#define HG_REGEX_CAPTURES_MAX 16u

/** The host's side of this header. ABI: fields are only appended. */
typedef struct hg_config_api {
    uint32_t size;
    uint32_t reserved;
    void (*issue_add)(hg_issues *issues,
                      const char *pointer,
                      const char *found,
                      const char *wanted);
    const hg_config_source *(*source)(const hg_request *request);
    hg_status (*regex_compile)(
        const char *pattern, size_t length, bool ignore_case, hg_regex **out_regex, hg_error *err);
    void (*regex_free)(hg_regex *regex);
    int32_t (*regex_match)(const hg_regex *regex,
                           hg_text subject,
                           hg_text *captures,
                           uint32_t captures_max);
    hg_status (*template_compile)(const char *source,
                                  size_t length,
                                  hg_template **out_template,
                                  hg_error *err);
    void (*template_free)(hg_template *compiled);
    hg_text (*template_render)(hg_request *request,
                               const hg_template *compiled,
                               const hg_text *captures,
                               uint32_t captures_count);
    hg_status (*cidrs_parse)(const char *const *entries,
                             size_t count,
                             hg_cidrs **out_cidrs,
                             hg_error *err);
    void (*cidrs_free)(hg_cidrs *cidrs);
    bool (*cidrs_contain)(const hg_cidrs *cidrs, const hg_address *address);
    hg_status (*address_parse)(hg_text text, hg_address *out_address);
    size_t (*address_format)(const hg_address *address, char *buffer, size_t size);
    int32_t (*regex_match_from)(const hg_regex *regex,
                                hg_text subject,
                                size_t from,
                                hg_text *captures,
                                uint32_t captures_max);
    const void *(*metadata)(const hg_request *request);
    hg_text (*template_render_key)(hg_request *request, const hg_template *compiled);
} hg_config_api;

/**
 * Adds one finding about the configuration being parsed or checked. [config]
 *
 * pointer  JSON Pointer from the root of the configuration (RFC 6901), such as "/count"; "" is
 *          the whole of it.
 * found    what stands there; not the value of a secret.
 * wanted   what should stand there.
 * All are copied.
 */
static inline void
hg_issues_add(hg_issues *issues, const char *pointer, const char *found, const char *wanted)
{
    hg_host_slot->config->issue_add(issues, pointer, found, wanted);
}

/** Where the configuration of the running callback stands; borrowed for the call. [request] */
static inline const hg_config_source *hg_request_config_source(const hg_request *request)
{
    return hg_host_slot->config->source(request);
}

/**
 * The metadata of this plugin, one for all its uses, decoded by the description `metadata`;
 * borrowed for the call. While none is stored it holds that description's defaults. A change is in
 * force for the requests that begin after it. [request]
 *
 * Returns NULL without that description, and if none is stored and the description demands a field.
 */
static inline const void *hg_request_metadata(const hg_request *request)
{
    return hg_host_slot->config->metadata(request);
}

/**
 * Compiles a regular expression. [config]
 *
 * out_regex  on HG_OK owned by the caller, to be freed in release(); else untouched.
 * Returns HG_OK, HG_ERR_INVALID (the text says what is wrong at which place) or HG_ERR_NO_MEMORY.
 */
static inline hg_status
hg_regex_compile(hg_text pattern, bool ignore_case, hg_regex **out_regex, hg_error *err)
{
    return hg_host_slot->config->regex_compile(pattern.data, pattern.length, ignore_case, out_regex,
                                               err);
}

/** Frees what hg_regex_compile() made; accepts NULL. [config] */
static inline void hg_regex_free(hg_regex *regex)
{
    hg_host_slot->config->regex_free(regex);
}

/**
 * Searches a text; the pattern is not anchored. The effort is bounded: a pattern that explodes on
 * this text counts as no match and is logged. [any]
 *
 * captures      receives the whole match and then its groups, borrowed from the subject; a group
 *               that took no part is absent. May be NULL.
 * captures_max  its size, at most HG_REGEX_CAPTURES_MAX.
 * Returns how many captures there are, counting the whole match, or 0 for no match.
 */
static inline int32_t
hg_regex_match(const hg_regex *regex, hg_text subject, hg_text *captures, uint32_t captures_max)
{
    return hg_host_slot->config->regex_match(regex, subject, captures, captures_max);
}

/**
 * As hg_regex_match(), from a place on: `^`, `\b` and what looks behind see the text before it.
 * [any]
 *
 * from  bytes into the subject; inside a character it means the next one.
 */
static inline int32_t hg_regex_match_from(
    const hg_regex *regex, hg_text subject, size_t from, hg_text *captures, uint32_t captures_max)
{
    return hg_host_slot->config->regex_match_from(regex, subject, from, captures, captures_max);
}

/** Compiles a text with variables; ownership and results as for hg_regex_compile(). [config] */
static inline hg_status
hg_template_compile(hg_text source, hg_template **out_template, hg_error *err)
{
    return hg_host_slot->config->template_compile(source.data, source.length, out_template, err);
}

/** Frees what hg_template_compile() made; accepts NULL. [config] */
static inline void hg_template_free(hg_template *compiled)
{
    hg_host_slot->config->template_free(compiled);
}

/** The text with its variables filled in, pooled with the request; "" if all are gone. [request] */
static inline hg_text hg_template_render(hg_request *request, const hg_template *compiled)
{
    return hg_host_slot->config->template_render(request, compiled, NULL, 0);
}

/**
 * As hg_template_render(), for a text that identifies something: absent if none of its variables
 * has a value or a fallback. [request]
 */
static inline hg_text hg_template_render_key(hg_request *request, const hg_template *compiled)
{
    return hg_host_slot->config->template_render_key(request, compiled);
}

/** As hg_template_render(); `$0` to `$15` are the captures of hg_regex_match(). [request] */
static inline hg_text hg_template_render_match(hg_request *request,
                                               const hg_template *compiled,
                                               const hg_text *captures,
                                               uint32_t captures_count)
{
    return hg_host_slot->config->template_render(request, compiled, captures, captures_count);
}

/**
 * Makes a set of networks from texts such as "10.0.0.0/8", "::1" and "127.0.0.1". [config]
 * Ownership and results as for hg_regex_compile().
 */
static inline hg_status
hg_cidrs_parse(const char *const *entries, size_t count, hg_cidrs **out_cidrs, hg_error *err)
{
    return hg_host_slot->config->cidrs_parse(entries, count, out_cidrs, err);
}

/** Frees what hg_cidrs_parse() made; accepts NULL. [config] */
static inline void hg_cidrs_free(hg_cidrs *cidrs)
{
    hg_host_slot->config->cidrs_free(cidrs);
}

/** True if the address lies in one of the networks; false for a NULL set. [any] */
static inline bool hg_cidrs_contain(const hg_cidrs *cidrs, const hg_address *address)
{
    return hg_host_slot->config->cidrs_contain(cidrs, address);
}

/** Reads "1.2.3.4", "::1" or "[::1]". [any] Returns HG_OK or HG_ERR_INVALID. */
static inline hg_status hg_address_parse(hg_text text, hg_address *out_address)
{
    return hg_host_slot->config->address_parse(text, out_address);
}

/** Writes an address without its port; returns the length, 0 if it did not fit. [any] */
static inline size_t hg_address_format(const hg_address *address, char *buffer, size_t size)
{
    return hg_host_slot->config->address_format(address, buffer, size);
}

#ifdef __cplusplus
}
#endif

#endif
