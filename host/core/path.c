/* host/core/path.c - the path that a route is looked for by, as apisix.* of config.yaml wants it.
 */
#include "host/core/path.h"

#include <string.h>
#include <strings.h>

#define ENCODED_SLASH "%2F"

hg_text hgh_path_without_tail_slash(hg_text path)
{
    if (path.length > 1 && path.data[path.length - 1] == '/') {
        path.length--;
    }
    return path;
}

/* ------------------------------------------------------------------------------ as servlets */

bool hgh_path_has_parameters(hg_text path)
{
    return memchr(path.data, ';', path.length) != NULL;
}

/* True for what a later decoding would take for "." or "..". */
static bool is_dot_segment(hg_text segment)
{
    static const char *const names[] = {".", "..", "%2e", "%2e%2e", ".%2e", "%2e."};

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (hg_text_equal_ignoring_case(segment, hg_text_of(names[i]))) {
            return true;
        }
    }
    return false;
}

hg_status hgh_path_like_servlet(hg_text path, char *buffer, hg_text *out_path, hg_error *err)
{
    size_t length = 0;
    size_t at = 0;

    while (at < path.length) {
        const char *segment = path.data + at;
        const char *slash = memchr(segment, '/', path.length - at);
        size_t size = slash == NULL ? path.length - at : (size_t)(slash - segment);
        const char *parameters = memchr(segment, ';', size);
        hg_text kept = {segment, parameters == NULL ? size : (size_t)(parameters - segment)};

        if (parameters != NULL && is_dot_segment(kept)) {
            return hg_error_set(err, HG_ERR_INVALID, "dot segment with parameters in the path");
        }
        if (parameters != NULL && kept.length == 0 && slash != NULL) {
            return hg_error_set(err, HG_ERR_INVALID, "empty segment with parameters in the path");
        }
        memcpy(buffer + length, kept.data, kept.length);
        length += kept.length;
        if (slash != NULL) {
            buffer[length++] = '/';
        }
        at += size + 1;
    }
    *out_path = (hg_text){buffer, length};
    return HG_OK;
}

/* -------------------------------------------------------------------------- encoded slashes */

static size_t path_length(hg_text target)
{
    size_t length = 0;

    while (length < target.length && target.data[length] != '?' && target.data[length] != '#') {
        length++;
    }
    return length;
}

static bool is_encoded_slash(const char *at, size_t left)
{
    return left >= strlen(ENCODED_SLASH) && strncasecmp(at, ENCODED_SLASH, 3) == 0;
}

bool hgh_path_has_encoded_slash(hg_text target)
{
    size_t length = path_length(target);

    for (size_t i = 0; i < length; i++) {
        if (is_encoded_slash(target.data + i, length - i)) {
            return true;
        }
    }
    return false;
}

static int hex_value(char digit)
{
    const char *digits = "0123456789abcdef";
    const char *at = digit == '\0' ? NULL : strchr(digits, digit | 0x20);

    return at == NULL ? -1 : (int)(at - digits);
}

/* The next character of a target, decoded; how many bytes it takes. */
static size_t character_decode(const char *at, size_t left, char *out_character)
{
    int high = left > 2 && at[0] == '%' ? hex_value(at[1]) : -1;
    int low = high >= 0 ? hex_value(at[2]) : -1;

    *out_character = low < 0 ? at[0] : (char)(high * 16 + low);
    return low < 0 ? 1 : 3;
}

/* Ends the segment that begins at `start`: dot segments go (RFC 3986 section 5.2.4), as do empty
 * ones. Returns where the next one begins. */
static size_t segment_end(char *buffer, size_t start, size_t length, bool last)
{
    hg_text segment = {buffer + start, length - start};

    if (hg_text_equal(segment, HG_TEXT(".")) || (segment.length == 0 && !last)) {
        return start;
    }
    if (hg_text_equal(segment, HG_TEXT(".."))) {
        while (start > 1 && buffer[start - 2] != '/') {
            start--;
        }
        return start > 1 ? start - 1 : start;
    }
    if (!last) {
        buffer[length++] = '/';
    }
    return length;
}

hg_text hgh_path_keeping_slashes(hg_text target, char *buffer)
{
    size_t end = path_length(target);
    size_t at = 1; /* behind the slash that every path begins with */
    size_t start = 1;
    size_t length = 1;

    buffer[0] = '/';
    while (at < end) {
        char character;

        if (is_encoded_slash(target.data + at, end - at)) {
            memcpy(buffer + length, ENCODED_SLASH, strlen(ENCODED_SLASH));
            length += strlen(ENCODED_SLASH);
            at += strlen(ENCODED_SLASH);
            continue;
        }
        at += character_decode(target.data + at, end - at, &character);
        if (character != '/') {
            buffer[length++] = character;
            continue;
        }
        start = segment_end(buffer, start, length, false);
        length = start;
    }
    length = segment_end(buffer, start, length, true);
    return (hg_text){buffer, length};
}
