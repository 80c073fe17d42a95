/* host/control/frame.h - JSON messages between control and its children, over a stream socket.
 *
 * A frame is its length in four bytes (little-endian) and that many bytes of JSON text. */
#ifndef HOST_CONTROL_FRAME_H
#define HOST_CONTROL_FRAME_H

#include <stdbool.h>
#include <stddef.h>

#include <jansson.h>

#include <hotgate/error.h>

#define HGH_FRAME_BYTES_MAX (512u << 20)

/** Bytes on their way in or out. Zero-initialise; hgh_frame_buffer_done(). */
typedef struct hgh_frame_buffer {
    char *bytes; /* owned */
    size_t length;
    size_t offset; /* taken or sent so far */
    size_t room;
} hgh_frame_buffer;

void hgh_frame_buffer_done(hgh_frame_buffer *buffer);

/** Appends a message to what is to be sent. HG_OK, HG_ERR_TOO_LARGE or HG_ERR_NO_MEMORY. */
hg_status hgh_frame_append(hgh_frame_buffer *out, const json_t *message);

/** Sends what the socket takes now. HG_OK (see hgh_frame_is_sent()) or HG_ERR_IO: the peer is gone.
 */
hg_status hgh_frame_send(hgh_frame_buffer *out, int fd);

static inline bool hgh_frame_is_sent(const hgh_frame_buffer *out)
{
    return out->offset == out->length;
}

/** Reads what is there. HG_OK, HG_ERR_NOT_FOUND (end of the stream), HG_ERR_IO, HG_ERR_NO_MEMORY.
 */
hg_status hgh_frame_receive(hgh_frame_buffer *in, int fd);

/**
 * Takes the next whole message.
 *
 * out_message  a new reference, or NULL if none is complete yet.
 * Returns HG_OK or HG_ERR_INVALID (no JSON, or too large).
 */
hg_status hgh_frame_take(hgh_frame_buffer *in, json_t **out_message);

#endif
