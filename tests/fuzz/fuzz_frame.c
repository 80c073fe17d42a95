/* tests/fuzz/fuzz_frame.c - a child of control sends any bytes, in two pieces. */
#include <sys/socket.h>
#include <unistd.h>

#include "host/control/frame.h"
#include "tests/fuzz/fuzz.h"

#define BYTES_MAX 65536u /* what a socket takes at once */

static bool take_all(hgh_frame_buffer *in)
{
    json_t *message;

    do {
        message = NULL;
        if (hgh_frame_take(in, &message) != HG_OK) {
            return false;
        }
        if (message != NULL) { /* it can be sent on, and then reads as the same */
            hgh_frame_buffer out = {0};
            json_t *again = NULL;

            FUZZ_PROMISE(hgh_frame_append(&out, message) == HG_OK);
            FUZZ_PROMISE(hgh_frame_take(&out, &again) == HG_OK && again != NULL);
            FUZZ_PROMISE(json_equal(message, again));
            json_decref(again);
            hgh_frame_buffer_done(&out);
        }
        json_decref(message);
    } while (message != NULL);
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    hgh_frame_buffer in = {0};
    int ends[2];
    size_t half = size / 2;

    if (size > BYTES_MAX) {
        return 0;
    }
    FUZZ_PROMISE(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) == 0);
    FUZZ_PROMISE(send(ends[0], data, half, 0) == (ssize_t)half);
    if (hgh_frame_receive(&in, ends[1]) == HG_OK && take_all(&in)) {
        FUZZ_PROMISE(send(ends[0], data + half, size - half, 0) == (ssize_t)(size - half));
        if (hgh_frame_receive(&in, ends[1]) == HG_OK) {
            (void)take_all(&in); /* any end is good */
        }
    }
    hgh_frame_buffer_done(&in);
    (void)close(ends[0]);
    (void)close(ends[1]);
    return 0;
}
