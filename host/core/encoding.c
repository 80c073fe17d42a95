/* host/core/encoding.c - bytes as text and back, and comparing secrets. */
#include "host/core/encoding.h"

static const char base64_digits[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char base64_url_digits[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/* ---------------------------------------------------------------------------------- encode */

static hg_status base64_encode(
    const char *digits, bool padded, hg_text bytes, char *buffer, size_t size, size_t *out)
{
    size_t rest = bytes.length % 3;
    size_t whole = bytes.length - rest;
    size_t tail = rest == 0 ? 0 : padded ? 4 : rest + 1;
    size_t length = 0;

    /* Divided, not multiplied: no length is too large for that. */
    if (size == 0 || whole / 3 > (size - 1) / 4 || size - 1 - whole / 3 * 4 < tail) {
        return HG_ERR_FULL;
    }
    for (size_t i = 0; i < bytes.length; i += 3) {
        const unsigned char *at = (const unsigned char *)bytes.data + i;
        size_t left = bytes.length - i;
        uint32_t bits = (uint32_t)at[0] << 16;

        bits |= left > 1 ? (uint32_t)at[1] << 8 : 0;
        bits |= left > 2 ? (uint32_t)at[2] : 0;
        buffer[length++] = digits[bits >> 18];
        buffer[length++] = digits[bits >> 12 & 63];
        if (left > 1) {
            buffer[length++] = digits[bits >> 6 & 63];
        }
        if (left > 2) {
            buffer[length++] = digits[bits & 63];
        }
    }
    while (padded && length % 4 != 0) {
        buffer[length++] = '=';
    }
    buffer[length] = '\0';
    *out = length;
    return HG_OK;
}

static hg_status hex_encode(hg_text bytes, char *buffer, size_t size, size_t *out)
{
    static const char digits[] = "0123456789abcdef";

    if (size == 0 || bytes.length > (size - 1) / 2) {
        return HG_ERR_FULL;
    }
    for (size_t i = 0; i < bytes.length; i++) {
        unsigned char byte = (unsigned char)bytes.data[i];

        buffer[2 * i] = digits[byte >> 4];
        buffer[2 * i + 1] = digits[byte & 15];
    }
    buffer[2 * bytes.length] = '\0';
    *out = 2 * bytes.length;
    return HG_OK;
}

hg_status
hgh_encode(hg_encoding encoding, hg_text bytes, char *buffer, size_t size, size_t *out_length)
{
    switch (encoding) {
    case HG_BASE64:
        return base64_encode(base64_digits, true, bytes, buffer, size, out_length);
    case HG_BASE64_URL:
        return base64_encode(base64_url_digits, false, bytes, buffer, size, out_length);
    case HG_HEX:
        return hex_encode(bytes, buffer, size, out_length);
    }
    return HG_ERR_INVALID;
}

/* ---------------------------------------------------------------------------------- decode */

static int base64_value(char c, bool url)
{
    if (c >= 'A' && c <= 'Z') {
        return c - 'A';
    }
    if (c >= 'a' && c <= 'z') {
        return c - 'a' + 26;
    }
    if (c >= '0' && c <= '9') {
        return c - '0' + 52;
    }
    if (c == (url ? '-' : '+')) {
        return 62;
    }
    return c == (url ? '_' : '/') ? 63 : -1;
}

/* Takes the padding off; false: there is some, and it is not what it has to be. */
static bool base64_trim(hg_text *text)
{
    size_t whole = text->length;

    while (text->length > 0 && text->data[text->length - 1] == '=') {
        text->length--;
    }
    return text->length % 4 != 1 &&
           (whole == text->length || (whole % 4 == 0 && whole - text->length <= 2));
}

static hg_status base64_decode(bool url, hg_text text, void *buffer, size_t size, size_t *out)
{
    unsigned char *to = buffer;
    size_t length = 0;
    uint32_t bits = 0;
    uint32_t count = 0; /* bits that wait to become a byte */

    if (!base64_trim(&text)) {
        return HG_ERR_INVALID;
    }
    for (size_t i = 0; i < text.length; i++) {
        int value = base64_value(text.data[i], url);

        if (value < 0) {
            return HG_ERR_INVALID;
        }
        bits = bits << 6 | (uint32_t)value;
        count += 6;
        if (count >= 8) {
            if (length == size) {
                return HG_ERR_FULL;
            }
            count -= 8;
            to[length++] = (unsigned char)(bits >> count);
            bits &= (1u << count) - 1;
        }
    }
    if (bits != 0) { /* what is left over belongs to no byte */
        return HG_ERR_INVALID;
    }
    *out = length;
    return HG_OK;
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static hg_status hex_decode(hg_text text, void *buffer, size_t size, size_t *out)
{
    unsigned char *to = buffer;

    if (text.length % 2 != 0) {
        return HG_ERR_INVALID;
    }
    for (size_t i = 0; i < text.length; i += 2) {
        int high = hex_value(text.data[i]);
        int low = hex_value(text.data[i + 1]);

        if (high < 0 || low < 0) {
            return HG_ERR_INVALID;
        }
        if (i / 2 == size) {
            return HG_ERR_FULL;
        }
        to[i / 2] = (unsigned char)(high * 16 + low);
    }
    *out = text.length / 2;
    return HG_OK;
}

hg_status
hgh_decode(hg_encoding encoding, hg_text text, void *buffer, size_t size, size_t *out_length)
{
    switch (encoding) {
    case HG_BASE64:
        return base64_decode(false, text, buffer, size, out_length);
    case HG_BASE64_URL:
        return base64_decode(true, text, buffer, size, out_length);
    case HG_HEX:
        return hex_decode(text, buffer, size, out_length);
    }
    return HG_ERR_INVALID;
}

/* --------------------------------------------------------------------------------- compare */

bool hgh_secret_equal(hg_text given, hg_text secret)
{
    /* Read each time, so that the loop cannot be left early. */
    volatile unsigned char difference =
        given.data == NULL || secret.data == NULL || given.length != secret.length;
    const char *against = difference != 0 ? given.data : secret.data;

    for (size_t i = 0; i < given.length; i++) {
        difference = (unsigned char)(difference | (given.data[i] ^ against[i]));
    }
    return difference == 0;
}
