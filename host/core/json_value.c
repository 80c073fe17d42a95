/* host/core/json_value.c - what can be asked of any JSON value, with bounded effort. */
#include "host/core/json_value.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define DESCRIBED_BYTES_MAX 256u                  /* of a string in a message; ours */
#define FNV_OFFSET          0xcbf29ce484222325ull /* FNV-1a, 64 bits */
#define FNV_PRIME           0x100000001b3ull

static bool is_deeper_than(const json_t *value, unsigned levels)
{
    if (json_is_array(value)) {
        for (size_t i = 0; i < json_array_size(value); i++) {
            if (levels == 0 || is_deeper_than(json_array_get(value, i), levels - 1)) {
                return true;
            }
        }
    } else if (json_is_object(value)) {
        const char *key;
        json_t *member;

        json_object_foreach(hgh_json_unconst(value), key, member)
        {
            if (levels == 0 || is_deeper_than(member, levels - 1)) {
                return true;
            }
        }
    }
    return false;
}

bool hgh_json_is_too_deep(const json_t *value)
{
    return is_deeper_than(value, HGH_JSON_DEPTH_MAX);
}

int hgh_json_compare_numbers(const json_t *a, const json_t *b)
{
    /* At least 64 bits of precision where the host is built: holds each int64_t and each double. */
    long double left =
        json_is_integer(a) ? (long double)json_integer_value(a) : (long double)json_real_value(a);
    long double right =
        json_is_integer(b) ? (long double)json_integer_value(b) : (long double)json_real_value(b);

    return (left > right) - (left < right);
}

bool hgh_json_is_whole(const json_t *value)
{
    return json_is_integer(value) ||
           (json_is_real(value) && floor(json_real_value(value)) == json_real_value(value));
}

/* NULL: the value stays. */
static json_t *whole_of(const json_t *value)
{
    double real = json_number_value(value);

    return !json_is_real(value) || !hgh_json_is_whole(value) || real < -0x1p63 || real >= 0x1p63
               ? NULL
               : json_integer((json_int_t)real);
}

static void make_members_whole(json_t *value)
{
    for (size_t i = 0; i < json_array_size(value); i++) {
        json_t *whole = whole_of(json_array_get(value, i));

        if (whole != NULL) {
            (void)json_array_set_new(value, i, whole);
        } else {
            make_members_whole(json_array_get(value, i));
        }
    }
    for (void *at = json_object_iter(value); at != NULL; at = json_object_iter_next(value, at)) {
        json_t *whole = whole_of(json_object_iter_value(at));

        if (whole != NULL) {
            (void)json_object_iter_set_new(value, at, whole);
        } else {
            make_members_whole(json_object_iter_value(at));
        }
    }
}

json_t *hgh_json_make_whole(json_t *value)
{
    json_t *whole = whole_of(value);

    if (whole != NULL) {
        json_decref(value);
        return whole;
    }
    make_members_whole(value);
    return value;
}

int64_t hgh_json_whole_within(const json_t *value, int64_t min, int64_t max, int64_t otherwise)
{
    int64_t number;

    if (!hgh_json_is_whole(value)) {
        return otherwise;
    }
    if (json_is_integer(value)) {
        number = (int64_t)json_integer_value(value);
    } else if (json_real_value(value) >= 0x1p63) {
        number = INT64_MAX;
    } else if (json_real_value(value) < -0x1p63) {
        number = INT64_MIN;
    } else {
        number = (int64_t)json_real_value(value);
    }
    return number < min ? min : number > max ? max : number;
}

uint64_t hgh_json_seconds_as_ms(const json_t *value)
{
    double milliseconds = json_number_value(value) * 1000.0;

    if (!(milliseconds > 0.0)) {
        return 0;
    }
    if (milliseconds >= (double)HGH_JSON_MS_MAX) {
        return HGH_JSON_MS_MAX;
    }
    return milliseconds < 1.0 ? 1 : (uint64_t)milliseconds;
}

static bool is_equal_array(const json_t *a, const json_t *b, uint64_t *effort)
{
    if (json_array_size(a) != json_array_size(b)) {
        return false;
    }
    for (size_t i = 0; i < json_array_size(a); i++) {
        if (!hgh_json_is_equal(json_array_get(a, i), json_array_get(b, i), effort)) {
            return false;
        }
    }
    return true;
}

static bool is_equal_object(const json_t *a, const json_t *b, uint64_t *effort)
{
    const char *key;
    json_t *member;

    if (json_object_size(a) != json_object_size(b)) {
        return false;
    }
    json_object_foreach(hgh_json_unconst(a), key, member)
    {
        const json_t *other = json_object_get(b, key);

        if (other == NULL || !hgh_json_is_equal(member, other, effort)) {
            return false;
        }
    }
    return true;
}

bool hgh_json_is_equal(const json_t *a, const json_t *b, uint64_t *effort)
{
    (*effort)++;
    if (json_is_number(a) && json_is_number(b)) {
        return hgh_json_compare_numbers(a, b) == 0;
    }
    if (json_typeof(a) != json_typeof(b)) {
        return false;
    }
    if (json_is_string(a)) {
        return json_string_length(a) == json_string_length(b) &&
               memcmp(json_string_value(a), json_string_value(b), json_string_length(a)) == 0;
    }
    if (json_is_array(a)) {
        return is_equal_array(a, b, effort);
    }
    return !json_is_object(a) || is_equal_object(a, b, effort);
}

static uint64_t hash_bytes(uint64_t hash, const void *data, size_t length)
{
    const unsigned char *bytes = data;

    for (size_t i = 0; i < length; i++) {
        hash = (hash ^ bytes[i]) * FNV_PRIME;
    }
    return hash;
}

uint64_t hgh_json_hash(const json_t *value, uint64_t *effort)
{
    uint64_t hash = FNV_OFFSET + (uint64_t)(json_is_number(value) ? JSON_REAL : json_typeof(value));
    const char *key;
    json_t *member;

    (*effort)++;
    if (json_is_number(value)) {
        double number = json_number_value(value) + 0.0; /* -0.0 equals 0 */

        return hash_bytes(hash, &number, sizeof(number));
    }
    if (json_is_string(value)) {
        *effort += json_string_length(value) / 64;
        return hash_bytes(hash, json_string_value(value), json_string_length(value));
    }
    for (size_t i = 0; i < json_array_size(value); i++) {
        uint64_t item = hgh_json_hash(json_array_get(value, i), effort);

        hash = hash_bytes(hash, &item, sizeof(item));
    }
    json_object_foreach(hgh_json_unconst(value), key, member)
    {
        uint64_t both = hash_bytes(hgh_json_hash(member, effort), key, strlen(key));

        hash += both * FNV_PRIME; /* a sum: members have no order */
    }
    return hash;
}

size_t hgh_json_string_characters(const json_t *string)
{
    const char *bytes = json_string_value(string);
    size_t characters = 0;

    for (size_t i = 0; i < json_string_length(string); i++) {
        characters += ((unsigned char)bytes[i] & 0xc0u) != 0x80u; /* not a continuation */
    }
    return characters;
}

const char *hgh_json_format_number(const json_t *number, char *buffer, size_t size)
{
    (void)snprintf(buffer, size, "%.14g", json_number_value(number)); /* LUAI_NUMFFORMAT */
    return buffer;
}

size_t hgh_utf8_fitting(const char *text, size_t length, size_t max)
{
    if (length <= max) {
        return length;
    }
    while (max > 0 && ((unsigned char)text[max] & 0xc0u) == 0x80u) {
        max--;
    }
    return max;
}

/** Bytes of the character that begins here; 0 if none does (RFC 3629, section 4). */
static size_t character_length(const unsigned char *at)
{
    size_t length = at[0] < 0x80                     ? 1
                    : at[0] >= 0xc2 && at[0] <= 0xdf ? 2
                    : at[0] >= 0xe0 && at[0] <= 0xef ? 3
                    : at[0] >= 0xf0 && at[0] <= 0xf4 ? 4
                                                     : 0;

    for (size_t i = 1; i < length; i++) {
        if ((at[i] & 0xc0u) != 0x80u) { /* a NUL is none either */
            return 0;
        }
    }
    if ((at[0] == 0xe0 && at[1] < 0xa0) || (at[0] == 0xed && at[1] > 0x9f) ||
        (at[0] == 0xf0 && at[1] < 0x90) || (at[0] == 0xf4 && at[1] > 0x8f)) {
        return 0; /* a longer form than needed, a surrogate, beyond U+10FFFF */
    }
    return length;
}

void hgh_utf8_mend(char *text)
{
    size_t length;

    for (unsigned char *at = (unsigned char *)text; *at != '\0'; at += length) {
        length = character_length(at);
        if (length == 0) {
            *at = '?';
            length = 1;
        }
    }
}

const char *hgh_json_describe(const json_t *value, char *buffer, size_t size)
{
    size_t length;
    size_t shown;

    switch (json_typeof(value)) {
    case JSON_INTEGER:
        (void)snprintf(buffer, size, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
        break;
    case JSON_REAL:
        return hgh_json_format_number(value, buffer, size);
    case JSON_STRING:
        length = json_string_length(value);
        shown = hgh_utf8_fitting(json_string_value(value), length, DESCRIBED_BYTES_MAX);
        (void)snprintf(buffer, size, "\"%.*s\"%s", (int)shown, json_string_value(value),
                       shown < length ? "..." : "");
        break;
    case JSON_ARRAY:
        (void)snprintf(buffer, size, "an array of %zu", json_array_size(value));
        break;
    case JSON_OBJECT:
        (void)snprintf(buffer, size, "an object");
        break;
    case JSON_TRUE:
    case JSON_FALSE:
        (void)snprintf(buffer, size, "%s", json_is_true(value) ? "true" : "false");
        break;
    case JSON_NULL:
    default:
        (void)snprintf(buffer, size, "null");
        break;
    }
    return buffer;
}
