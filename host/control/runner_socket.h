/* host/control/runner_socket.h - where the runner of ext-plugin listens. */
#ifndef HOST_CONTROL_RUNNER_SOCKET_H
#define HOST_CONTROL_RUNNER_SOCKET_H

#include <hotgate/error.h>

#include "host/control/instance.h"
#include "host/control/settings.h"

#define HGH_ISOLATION_DIRECTORY "run/isolate" /* of the gateway's own: N.sock of generation N */
#define HGH_RUNNER_SOCKET       "run/ext-plugin/runner.sock" /* unless ext-plugin.path_for_test says */

/**
 * The path of its socket, absolute.
 *
 * out_path  on HG_OK owned by the caller, NULL if the settings name no runner; else untouched.
 * Returns HG_OK, HG_ERR_INVALID (the instance's path is too long for a socket) or HG_ERR_NO_MEMORY.
 */
hg_status hgh_runner_socket_path(const hgh_instance *instance,
                                 const hgh_settings *settings,
                                 char **out_path,
                                 hg_error *err);

#endif
