/* host/control/supervisor_link.h - control's end of the socket to the supervisor. */
#ifndef HOST_CONTROL_SUPERVISOR_LINK_H
#define HOST_CONTROL_SUPERVISOR_LINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <hotgate/error.h>

#include "host/control/instance_secrets.h"

/**
 * Asks for the configuration file, which only the supervisor may be able to read. Waits.
 *
 * out_text  on HG_OK NUL-terminated and owned by the caller; else untouched.
 */
hg_status hgh_supervisor_link_settings(int fd, char **out_text, size_t *out_length, hg_error *err);

/** Asks for the secrets in the files that the settings name. Waits. out_secrets: on HG_OK filled;
 * else untouched. */
hg_status hgh_supervisor_link_secrets(int fd, hgh_instance_secrets *out_secrets, hg_error *err);

/** Says that state is published and the Admin API listens. */
hg_status hgh_supervisor_link_ready(int fd, hg_error *err);

/**
 * Has a signal sent to a worker, which control as another user may not do itself. The supervisor
 * makes sure that it is one. Does not wait; a failure is logged.
 *
 * number  HGH_SIGHTING_SIGNAL, SIGABRT, SIGKILL or SIGQUIT.
 */
void hgh_supervisor_link_signal(int fd, pid_t pid, int number);

/** Says that there is nothing to serve, which the log explains: at the very first start the gateway
 * ends then. */
hg_status hgh_supervisor_link_refused(int fd, hg_error *err);

/** Has nginx's workers replaced: new ones begin, the old ones end what they have. Does not wait; a
 * failure is logged. */
void hgh_supervisor_link_renew(int fd);

/** Has the isolated runner of a generation started, whose manifest is in its place: nothing happens
 * if it runs. Does not wait; a failure is logged. */
void hgh_supervisor_link_isolate(int fd, uint64_t generation);

/** Has the isolated runners of all other generations ended. As above. */
void hgh_supervisor_link_keep(int fd, uint64_t generation);

/** Has the isolated runner of that generation ended. As above. */
void hgh_supervisor_link_drop(int fd, uint64_t generation);

/** True if the process that made the socket is still this one's parent: the signal that ends
 * control with it may have been lost before it was asked for. */
bool hgh_supervisor_link_is_parent(int fd);

#endif
