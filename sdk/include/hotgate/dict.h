/* hotgate/dict.h - counters and small numbers that all workers share and that outlive a reload. */
#ifndef HOTGATE_DICT_H
#define HOTGATE_DICT_H

#include <stdint.h>

#include <hotgate/error.h>
#include <hotgate/host.h>
#include <hotgate/text.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * A table of 64-bit numbers by key, in memory that all workers of this gateway share. It belongs
 * to a name, not to a version of a plugin: the next version that opens the same name with the same
 * layout finds the same values. It lives as long as the gateway runs, and is bounded: a full table
 * refuses new keys, it never drops a live one.
 */
typedef struct hg_dict hg_dict;

#define HG_DICT_FOREVER 0u /* a time to live: until it is removed */

/** How to open a table. Initialise with HG_DICT_OPTIONS_INIT, then set what differs. */
typedef struct hg_dict_options {
    uint32_t size;      /* sizeof(hg_dict_options) */
    uint32_t entries;   /* how many keys it must hold: 1 to 16,777,216; 64 bytes of memory each */
    const char *layout; /* what the numbers mean, as a word of your own with a version in it, such
                           as "window-count/1"; another layout is another table, which
                           starts empty, and the log says so */
} hg_dict_options;

/** Room for 10,000 keys, layout "1". */
#define HG_DICT_OPTIONS_INIT                                                                       \
    {                                                                                              \
        (uint32_t)sizeof(hg_dict_options), 10000u, "1"                                             \
    }

/** The host's side of this header. ABI: fields are only appended. */
typedef struct hg_dict_api {
    uint32_t size;
    uint32_t reserved;
    hg_status (*open)(const hg_host *host,
                      const char *name,
                      const hg_dict_options *options,
                      hg_dict **out_dict,
                      hg_error *err);
    hg_status (*get)(hg_dict *dict, hg_text key, int64_t *out_value, uint64_t *out_ttl_ms);
    hg_status (*set)(hg_dict *dict, hg_text key, int64_t value, uint64_t ttl_ms);
    hg_status (*add)(hg_dict *dict,
                     hg_text key,
                     int64_t delta,
                     uint64_t ttl_ms,
                     int64_t *out_value,
                     uint64_t *out_ttl_ms);
    hg_status (*compare_and_set)(hg_dict *dict, hg_text key, int64_t expected, int64_t value);
    hg_status (*remove)(hg_dict *dict, hg_text key);
    hg_status (*replace)(
        hg_dict *dict, hg_text key, int64_t expected, int64_t value, uint64_t ttl_ms);
    hg_status (*hold)(hg_dict *dict, hg_text key, int64_t delta, int64_t *out_sum);
} hg_dict_api;

/**
 * Opens a table of this plugin, creating it if nobody has. [config: in init()]
 *
 * name      unique within the plugin, at most 63 bytes; tables of two plugins never meet.
 * options   borrowed for the call.
 * out_dict  on HG_OK a table that stays valid until the process ends; else untouched.
 * Returns HG_OK, HG_ERR_INVALID (a name or size out of range) or HG_ERR_FULL (the gateway's shared
 * memory has no room: the text names the key that enlarges it).
 */
static inline hg_status
hg_dict_open(const char *name, const hg_dict_options *options, hg_dict **out_dict, hg_error *err)
{
    return hg_host_slot->dict->open(hg_host_slot, name, options, out_dict, err);
}

/**
 * Reads a number. [any]
 *
 * out_ttl_ms  milliseconds it has left, HG_DICT_FOREVER if it does not expire; may be NULL.
 * Returns HG_OK or HG_ERR_NOT_FOUND (never set, removed or expired; nothing is written then).
 */
static inline hg_status
hg_dict_get(hg_dict *dict, hg_text key, int64_t *out_value, uint64_t *out_ttl_ms)
{
    return hg_host_slot->dict->get(dict, key, out_value, out_ttl_ms);
}

/** Writes a number that lives for ttl_ms. [any] Returns HG_OK or HG_ERR_FULL. */
static inline hg_status hg_dict_set(hg_dict *dict, hg_text key, int64_t value, uint64_t ttl_ms)
{
    return hg_host_slot->dict->set(dict, key, value, ttl_ms);
}

/**
 * Adds to a number in one step that no other worker can come between. [any]
 *
 * delta       what to add; may be negative. A missing key counts as 0.
 * ttl_ms      the life of a key that this call creates; the life of an existing one stays.
 * out_value   the number after the addition.
 * out_ttl_ms  milliseconds the key has left, HG_DICT_FOREVER if it does not expire; may be NULL.
 * Returns HG_OK, or HG_ERR_FULL (the key is new and the table has no room; nothing is written).
 */
static inline hg_status hg_dict_add(hg_dict *dict,
                                    hg_text key,
                                    int64_t delta,
                                    uint64_t ttl_ms,
                                    int64_t *out_value,
                                    uint64_t *out_ttl_ms)
{
    return hg_host_slot->dict->add(dict, key, delta, ttl_ms, out_value, out_ttl_ms);
}

/**
 * Replaces a number if it is still the expected one; its life stays. [any]
 *
 * Returns HG_OK, HG_ERR_NOT_FOUND, or HG_ERR_CONFLICT (it has another value).
 */
static inline hg_status
hg_dict_compare_and_set(hg_dict *dict, hg_text key, int64_t expected, int64_t value)
{
    return hg_host_slot->dict->compare_and_set(dict, key, expected, value);
}

/**
 * As hg_dict_compare_and_set(), and gives the number a new life. A missing key counts as 0 and is
 * made. [any]
 *
 * Returns HG_OK, HG_ERR_CONFLICT (it has another value) or HG_ERR_FULL.
 */
static inline hg_status
hg_dict_replace(hg_dict *dict, hg_text key, int64_t expected, int64_t value, uint64_t ttl_ms)
{
    return hg_host_slot->dict->replace(dict, key, expected, value, ttl_ms);
}

/**
 * Adds to what this worker holds under a key, and tells what all of them hold together, in one step
 * that no other worker can come between: for what must not be counted any more once the worker that
 * counted it has gone, such as requests in flight. [any]
 *
 * A worker's share ends with it, however it ends: the others notice that within a second. A table
 * of shares is used with this function alone, and has an entry for each key and worker that holds
 * something.
 *
 * delta    what to add; a share never becomes negative.
 * out_sum  the sum after the addition.
 * Returns HG_OK, or HG_ERR_FULL (no room for another share; nothing is added).
 */
static inline hg_status hg_dict_hold(hg_dict *dict, hg_text key, int64_t delta, int64_t *out_sum)
{
    return hg_host_slot->dict->hold(dict, key, delta, out_sum);
}

/** Removes a key. [any] Returns HG_OK or HG_ERR_NOT_FOUND. */
static inline hg_status hg_dict_remove(hg_dict *dict, hg_text key)
{
    return hg_host_slot->dict->remove(dict, key);
}

#ifdef __cplusplus
}
#endif

#endif
