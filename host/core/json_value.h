/* host/core/json_value.h - what can be asked of any JSON value, with bounded effort. */
#ifndef HOST_CORE_JSON_VALUE_H
#define HOST_CORE_JSON_VALUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#define HGH_JSON_DEPTH_MAX    256u      /* levels of a value that the host takes */
#define HGH_JSON_MS_MAX       INT32_MAX /* what an engine's timers can count */
#define HGH_JSON_DESCRIBE_MAX 320u      /* bytes that hgh_json_describe() needs at most */

/** For jansson's iterators and reference counts, which take no const: the value stays as it is. */
static inline json_t *hgh_json_unconst(const json_t *value)
{
    return (json_t *)(uintptr_t)value;
}

/** True if arrays and objects are nested deeper than HGH_JSON_DEPTH_MAX. */
bool hgh_json_is_too_deep(const json_t *value);

/** Compares numbers exactly, integers and reals alike: below 0, 0 or above 0. */
int hgh_json_compare_numbers(const json_t *a, const json_t *b);

/** True for integers and for reals without a fraction (JSON Schema draft 7: 1.0 is an integer). */
bool hgh_json_is_whole(const json_t *value);

/**
 * Makes integers of all reals without a fraction that int64_t holds, at any depth: a schema
 * takes 1.0 for the integer 1, and so must everybody who reads it. `value` is not too deep.
 *
 * Returns `value`, or what takes its place: the caller's reference moves. Without memory reals
 * stay.
 */
json_t *hgh_json_make_whole(json_t *value);

/** The whole number that a value is, cut to the range; `otherwise` if it is none. */
int64_t hgh_json_whole_within(const json_t *value, int64_t min, int64_t max, int64_t otherwise);

/** Seconds as milliseconds, at least 1 above zero and at most HGH_JSON_MS_MAX; 0 for any value that
 * is no number above zero. */
uint64_t hgh_json_seconds_as_ms(const json_t *value);

/**
 * Equality of JSON Schema: 1 equals 1.0, members have no order. `a` and `b` are not too deep.
 * effort  grows with each value that was looked at.
 */
bool hgh_json_is_equal(const json_t *a, const json_t *b, uint64_t *effort);

/** Equal values have equal hashes. As hgh_json_is_equal() otherwise. */
uint64_t hgh_json_hash(const json_t *value, uint64_t *effort);

/** Characters of a string (UTF-8), not bytes. */
size_t hgh_json_string_characters(const json_t *string);

/** Writes a number as Lua prints it ("0", "1.5", "1e+20"); returns `buffer`. */
const char *hgh_json_format_number(const json_t *number, char *buffer, size_t size);

/** Writes a value for a message: scalars as JSON, long strings cut, "an array" and the like for
 * the rest. Returns `buffer`, of HGH_JSON_DESCRIBE_MAX bytes. */
const char *hgh_json_describe(const json_t *value, char *buffer, size_t size);

/** Puts '?' in the place of each byte that is no part of a UTF-8 character. */
void hgh_utf8_mend(char *text);

/** Bytes of the longest start of a text that is no longer than `max` and cuts no character. */
size_t hgh_utf8_fitting(const char *text, size_t length, size_t max);

#endif
