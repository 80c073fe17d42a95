/* host/control/listener.h - a socket that listens. */
#ifndef HOST_CONTROL_LISTENER_H
#define HOST_CONTROL_LISTENER_H

#include <stdint.h>

#include <hotgate/error.h>

#include "host/control/settings.h"

#define HGH_LISTENER_TEXT_MAX 64u /* bytes of "[ADDRESS]:PORT", with the NUL */

/** "0.0.0.0:9080" or "[::]:9080"; borrowed from `text`. */
const char *hgh_listener_text(const hgh_listen *listen, char text[HGH_LISTENER_TEXT_MAX]);

/**
 * Opens a socket, not blocking and not inherited; an IPv6 one takes no IPv4.
 *
 * wait_ms  how long a taken port is tried again: after kill -9 the kernel needs a moment to end
 *          the workers of the gateway before.
 * out_fd   on HG_OK owned by the caller.
 * Returns HG_OK, HG_ERR_EXISTS (taken) or HG_ERR_IO; the text names the address.
 */
hg_status hgh_listener_open(const hgh_listen *listen, int64_t wait_ms, int *out_fd, hg_error *err);

#endif
