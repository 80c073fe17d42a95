/* hotgate/encoding.h - bytes as text and back, and comparing secrets. */
#ifndef HOTGATE_ENCODING_H
#define HOTGATE_ENCODING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <hotgate/error.h>
#include <hotgate/host.h>
#include <hotgate/text.h>

#ifdef __cplusplus
extern "C" {
#endif

/** How bytes are written as text. ABI: a value never changes its meaning. */
typedef enum hg_encoding {
    HG_BASE64 = 1,     /* RFC 4648, section 4: "+" and "/", padded with "=" */
    HG_BASE64_URL = 2, /* section 5: "-" and "_", not padded, as tokens have it */
    HG_HEX = 3,        /* section 8, two digits a byte; written in lower case */
} hg_encoding;

/** Room that is enough for the text of so many bytes, with its NUL. */
#define HG_ENCODED_SIZE(length) ((length)*2 + 5)

/** The host's side of this header. ABI: fields are only appended. */
typedef struct hg_encoding_api {
    uint32_t size;
    uint32_t reserved;
    hg_status (*encode)(
        hg_encoding encoding, hg_text bytes, char *buffer, size_t size, size_t *out_length);
    hg_status (*decode)(
        hg_encoding encoding, hg_text text, void *buffer, size_t size, size_t *out_length);
    bool (*secret_equal)(hg_text given, hg_text secret);
} hg_encoding_api;

/**
 * Writes bytes as text. [any]
 *
 * buffer      ends with NUL on HG_OK; HG_ENCODED_SIZE(bytes.length) is always enough.
 * out_length  without the NUL; untouched on failure.
 * Returns HG_OK, HG_ERR_FULL (the buffer is too small) or HG_ERR_INVALID (no such encoding).
 */
static inline hg_status
hg_encode(hg_encoding encoding, hg_text bytes, char *buffer, size_t size, size_t *out_length)
{
    return hg_host_slot->encoding->encode(encoding, bytes, buffer, size, out_length);
}

/**
 * Reads such a text. [any]
 *
 * Padding may be left out, in both kinds of base64, and must be right where it stands. Each run of
 * bytes has one text: bits that would be lost must be 0. Hexadecimal digits may be capitals.
 *
 * buffer      of text.length bytes is always enough; it does not end with NUL.
 * out_length  how many bytes there are; untouched on failure.
 * Returns HG_OK, HG_ERR_INVALID (what stands there is no such text) or HG_ERR_FULL.
 */
static inline hg_status
hg_decode(hg_encoding encoding, hg_text text, void *buffer, size_t size, size_t *out_length)
{
    return hg_host_slot->encoding->decode(encoding, text, buffer, size, out_length);
}

/**
 * Compares what somebody sent with a secret, in a time that tells nothing about the secret's bytes:
 * it depends on the length of `given` alone. Absent equals nothing. [any]
 */
static inline bool hg_secret_equal(hg_text given, hg_text secret)
{
    return hg_host_slot->encoding->secret_equal(given, secret);
}

#ifdef __cplusplus
}
#endif

#endif
