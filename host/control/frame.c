/* host/control/frame.c - JSON messages between control and its children, over a stream socket. */
#include "host/control/frame.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define LENGTH_BYTES 4u
#define READ_BYTES   65536u
#define READS_MAX    16 /* of one call: a peer that never stops must not hold up its reader */

void hgh_frame_buffer_done(hgh_frame_buffer *buffer)
{
    free(buffer->bytes);
    memset(buffer, 0, sizeof(*buffer));
}

/* Room for `more` bytes; what was taken already makes room first. */
static bool buffer_reserve(hgh_frame_buffer *buffer, size_t more)
{
    size_t room = buffer->room == 0 ? READ_BYTES : buffer->room;
    char *grown;

    if (buffer->offset > 0) {
        memmove(buffer->bytes, buffer->bytes + buffer->offset, buffer->length - buffer->offset);
        buffer->length -= buffer->offset;
        buffer->offset = 0;
    }
    while (room < buffer->length + more) {
        room *= 2;
    }
    if (room == buffer->room) {
        return true;
    }
    grown = realloc(buffer->bytes, room);
    if (grown == NULL) {
        return false;
    }
    buffer->bytes = grown;
    buffer->room = room;
    return true;
}

hg_status hgh_frame_append(hgh_frame_buffer *out, const json_t *message)
{
    char *text = json_dumps(message, JSON_COMPACT | JSON_ENCODE_ANY);
    size_t length = text == NULL ? 0 : strlen(text);
    hg_status status = HG_OK;

    if (text == NULL) {
        return HG_ERR_NO_MEMORY;
    }
    if (length > HGH_FRAME_BYTES_MAX) {
        status = HG_ERR_TOO_LARGE;
    } else if (!buffer_reserve(out, LENGTH_BYTES + length)) {
        status = HG_ERR_NO_MEMORY;
    } else {
        for (size_t i = 0; i < LENGTH_BYTES; i++) {
            out->bytes[out->length++] = (char)(length >> (8 * i) & 0xff);
        }
        memcpy(out->bytes + out->length, text, length);
        out->length += length;
    }
    free(text);
    return status;
}

hg_status hgh_frame_send(hgh_frame_buffer *out, int fd)
{
    while (!hgh_frame_is_sent(out)) {
        ssize_t sent = send(fd, out->bytes + out->offset, out->length - out->offset, MSG_NOSIGNAL);

        if (sent < 0 && errno == EINTR) {
            continue;
        }
        if (sent < 0) {
            return errno == EAGAIN ? HG_OK : HG_ERR_IO;
        }
        out->offset += (size_t)sent;
    }
    return HG_OK;
}

hg_status hgh_frame_receive(hgh_frame_buffer *in, int fd)
{
    int flags = 0; /* the first read may wait, if the descriptor does */

    for (int reads = 0; reads < READS_MAX;) {
        ssize_t got;

        if (!buffer_reserve(in, READ_BYTES)) {
            return HG_ERR_NO_MEMORY;
        }
        got = recv(fd, in->bytes + in->length, in->room - in->length, flags);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0) {
            return errno == EAGAIN ? HG_OK : HG_ERR_IO;
        }
        if (got == 0) {
            return reads == 0 ? HG_ERR_NOT_FOUND : HG_OK; /* the next call tells of the end */
        }
        in->length += (size_t)got;
        if (in->length < in->room) {
            break; /* the socket is empty */
        }
        flags = MSG_DONTWAIT; /* there may be no more: a blocking reader has a message to read */
        reads++;
    }
    return HG_OK;
}

hg_status hgh_frame_take(hgh_frame_buffer *in, json_t **out_message)
{
    const unsigned char *at = (const unsigned char *)in->bytes + in->offset;
    size_t available = in->length - in->offset;
    size_t length = 0;

    *out_message = NULL;
    if (available < LENGTH_BYTES) {
        return HG_OK;
    }
    for (size_t i = 0; i < LENGTH_BYTES; i++) {
        length |= (size_t)at[i] << (8 * i);
    }
    if (length > HGH_FRAME_BYTES_MAX) {
        return HG_ERR_INVALID;
    }
    if (available - LENGTH_BYTES < length) {
        return HG_OK;
    }
    *out_message =
        json_loadb((const char *)at + LENGTH_BYTES, length, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
    in->offset += LENGTH_BYTES + length;
    return *out_message == NULL ? HG_ERR_INVALID : HG_OK;
}
