/* host/runner/frame_connection.h - one connection: whole frames in, whole frames out.
 *
 * Reads and writes as much as there is and waits for the rest, whatever pieces a peer makes. What a
 * peer does not read is not added to: no frame is handed over while something is yet to be sent.
 */
#ifndef HOST_RUNNER_FRAME_CONNECTION_H
#define HOST_RUNNER_FRAME_CONNECTION_H

#include <stdint.h>

#include <hotgate/text.h>

#include "host/core/event_loop.h"
#include "host/core/text_builder.h"

typedef struct hgh_frame_connection hgh_frame_connection;

/** Who gets the frames. Neither function may free the connection but on_end(). */
typedef struct hgh_frame_receiver {
    void (*on_frame)(void *context, uint32_t type, hg_text payload); /* borrowed for the call */
    /** The peer has gone, or all is sent of one that is to finish: to be freed. */
    void (*on_end)(void *context);
    void *context;
} hgh_frame_receiver;

/** Takes over the descriptor of a socket that does not block, in any case. NULL: it cannot be
 * watched, or there is no memory. */
hgh_frame_connection *
hgh_frame_connection_new(hgh_event_loop *loop, int fd, const hgh_frame_receiver *receiver);

/** Where frames are written that are to be sent; then hgh_frame_connection_send(). */
hgh_text_builder *hgh_frame_connection_out(hgh_frame_connection *connection);

void hgh_frame_connection_send(hgh_frame_connection *connection);

/** Writes these bytes at once, as far as that goes and nothing else waits to be sent. From a
 * signal's handler, before the process dies. */
void hgh_frame_connection_last_word(const hgh_frame_connection *connection, hg_text frame);

/** No frame is handed over until it is released; the end of the peer is noticed all the same. */
void hgh_frame_connection_hold(hgh_frame_connection *connection);
void hgh_frame_connection_release(hgh_frame_connection *connection);

/** No frame is handed over any more; on_end() comes when all is sent. */
void hgh_frame_connection_finish(hgh_frame_connection *connection);

/** Closes it, calling nobody. Accepts NULL. */
void hgh_frame_connection_free(hgh_frame_connection *connection);

#endif
