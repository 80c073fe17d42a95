/* host/core/query.c - the arguments of queries and forms, and their percent-decoding. */
#include "host/core/query.h"

#include <string.h>

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

size_t hgh_query_decode_into(hg_text text, char *buffer)
{
    size_t length = 0;

    for (size_t i = 0; i < text.length; i++) {
        int high = -1;
        int low = -1;

        if (text.data[i] == '%' && i + 2 < text.length) {
            high = hex_digit(text.data[i + 1]);
            low = hex_digit(text.data[i + 2]);
        }
        if (high >= 0 && low >= 0) {
            buffer[length++] = (char)(high * 16 + low);
            i += 2;
        } else {
            buffer[length++] = text.data[i] == '+' ? ' ' : text.data[i];
        }
    }
    return length;
}

bool hgh_query_next(hg_text *rest, hg_text *out_name, hg_text *out_value)
{
    const char *stop;
    const char *equals;
    hg_text pair = *rest;

    if (rest->data == NULL) {
        return false;
    }
    stop = pair.length == 0 ? NULL : memchr(pair.data, '&', pair.length);
    *rest = (hg_text){0};
    if (stop != NULL) {
        size_t taken = (size_t)(stop - pair.data);

        *rest = (hg_text){stop + 1, pair.length - taken - 1};
        pair.length = taken;
    }
    equals = pair.length == 0 ? NULL : memchr(pair.data, '=', pair.length);
    *out_name = pair;
    *out_value = (hg_text){0};
    if (equals != NULL) {
        out_name->length = (size_t)(equals - pair.data);
        *out_value = (hg_text){equals + 1, pair.length - out_name->length - 1};
    }
    return true;
}
