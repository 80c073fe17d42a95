/* host/core/inflate.c - bodies in the content codings gzip and deflate. */
#include "host/core/inflate.h"

#include <limits.h>
#define ZLIB_CONST /* it reads its input alone */
#include <zlib.h>

#define PIECE_BYTES  16384u
#define BITS_GZIP    (15 + 16) /* zlib's: largest window, gzip's wrapper */
#define BITS_ZLIB    15
#define BITS_RAW     (-15)
#define HEADER_BYTES 2u /* of zlib's wrapper */

static bool is_gzip(hg_text coding)
{
    return hg_text_equal_ignoring_case(coding, HG_TEXT("gzip")) ||
           hg_text_equal_ignoring_case(coding, HG_TEXT("x-gzip"));
}

bool hgh_inflate_knows(hg_text coding)
{
    return is_gzip(coding) || hg_text_equal_ignoring_case(coding, HG_TEXT("deflate"));
}

/* RFC 1950 section 2.2: method 8, and a multiple of 31. */
static bool has_zlib_wrapper(hg_text data)
{
    const unsigned char *at = (const unsigned char *)data.data;

    return data.length >= HEADER_BYTES && (at[0] & 15) == 8 && (at[0] * 256 + at[1]) % 31 == 0;
}

static hg_status piece_add(hgh_text_builder *into, hg_text piece)
{
    if (piece.length > into->max - into->length) {
        return HG_ERR_TOO_LARGE;
    }
    hgh_text_builder_add(into, piece);
    return into->is_cut ? HG_ERR_NO_MEMORY : HG_OK;
}

/* One stream, or several gzip members behind each other (RFC 1952 section 2.2). */
static hg_status stream_run(z_stream *stream, bool may_follow, hgh_text_builder *into)
{
    unsigned char piece[PIECE_BYTES];
    hg_status status = HG_OK;

    while (status == HG_OK) {
        int result;

        stream->next_out = piece;
        stream->avail_out = sizeof(piece);
        result = inflate(stream, Z_NO_FLUSH);
        if (result != Z_OK && result != Z_STREAM_END) {
            return result == Z_MEM_ERROR ? HG_ERR_NO_MEMORY : HG_ERR_INVALID;
        }
        status = piece_add(into, (hg_text){(const char *)piece, sizeof(piece) - stream->avail_out});
        if (result == Z_STREAM_END) {
            if (status != HG_OK || stream->avail_in == 0) {
                return status;
            }
            if (!may_follow || inflateReset(stream) != Z_OK) {
                return HG_ERR_INVALID;
            }
        }
    }
    return status;
}

hg_status hgh_inflate(hg_text coding, hg_text data, hgh_text_builder *into)
{
    bool gzip = is_gzip(coding);
    z_stream stream = {0};
    hg_status status;

    if (data.length > UINT_MAX) {
        return HG_ERR_TOO_LARGE;
    }
    if (inflateInit2(&stream, gzip                     ? BITS_GZIP
                              : has_zlib_wrapper(data) ? BITS_ZLIB
                                                       : BITS_RAW) != Z_OK) {
        return HG_ERR_NO_MEMORY;
    }
    stream.next_in = (const unsigned char *)data.data;
    stream.avail_in = (unsigned)data.length;
    status = stream_run(&stream, gzip, into);
    (void)inflateEnd(&stream);
    return status;
}
