/* host/core/query.c - percent-decoding of queries and forms. */
#include "host/core/query.h"

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
