/* host/engine/loopback/target.c - request targets, read and written as nginx does. */
#include "host/engine/loopback/target.h"

#include <stdbool.h>
#include <string.h>

static int hex_value(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Percent-decoding; false for a broken escape or a NUL. */
static bool decode(hg_text path, char *out, size_t *out_length)
{
    size_t length = 0;

    for (size_t i = 0; i < path.length; i++) {
        char c = path.data[i];

        if (c == '%') {
            int high = i + 1 < path.length ? hex_value(path.data[i + 1]) : -1;
            int low = i + 2 < path.length ? hex_value(path.data[i + 2]) : -1;

            if (high < 0 || low < 0) {
                return false;
            }
            c = (char)(high * 16 + low);
            i += 2;
        }
        if (c == '\0') {
            return false;
        }
        out[length++] = c;
    }
    *out_length = length;
    return true;
}

hg_status hgh_target_normalise(hgh_memory *memory, hg_text path, hg_text *out_uri)
{
    char *decoded = hgh_memory_take(memory, path.length + 1);
    char *uri = hgh_memory_take(memory, path.length + 2);
    size_t length = 0;
    size_t at = 0;
    size_t out = 0;

    if (decoded == NULL || uri == NULL) {
        return HG_ERR_NO_MEMORY;
    }
    if (path.length == 0 || path.data[0] != '/' || !decode(path, decoded, &length)) {
        return HG_ERR_INVALID;
    }
    while (at < length) {
        size_t end = at;

        while (end < length && decoded[end] == '/') {
            end++;
        }
        at = end;
        while (end < length && decoded[end] != '/') {
            end++;
        }
        if (end - at == 2 && memcmp(decoded + at, "..", 2) == 0) {
            if (out == 0) {
                return HG_ERR_INVALID;
            }
            while (out > 0 && uri[--out] != '/') {
            }
            if (end == length) {
                uri[out++] = '/';
            }
        } else if (end - at == 1 && decoded[at] == '.') {
            if (end == length) {
                uri[out++] = '/';
            }
        } else {
            uri[out++] = '/';
            memcpy(uri + out, decoded + at, end - at);
            out += end - at;
        }
        at = end;
    }
    if (out == 0) {
        uri[out++] = '/';
    }
    uri[out] = '\0';
    *out_uri = (hg_text){uri, out};
    return HG_OK;
}

hg_text hgh_target_encode(hgh_memory *memory, hg_text uri)
{
    static const char digits[] = "0123456789ABCDEF";
    char *text = hgh_memory_take(memory, uri.length * 3 + 1);
    size_t length = 0;

    if (text == NULL) {
        return (hg_text){0};
    }
    for (size_t i = 0; i < uri.length; i++) {
        unsigned char c = (unsigned char)uri.data[i];

        if (c <= ' ' || c >= 0x7f || c == '#' || c == '%' || c == '?') {
            text[length++] = '%';
            text[length++] = digits[c >> 4];
            text[length++] = digits[c & 15];
        } else {
            text[length++] = (char)c;
        }
    }
    text[length] = '\0';
    return (hg_text){text, length};
}
