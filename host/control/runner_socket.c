/* host/control/runner_socket.c - where the runner of ext-plugin listens. */
#include "host/control/runner_socket.h"

#include <string.h>

#include "host/control/local_socket.h"

hg_status hgh_runner_socket_path(const hgh_instance *instance,
                                 const hgh_settings *settings,
                                 char **out_path,
                                 hg_error *err)
{
    char *path = NULL;

    if (settings->ext_plugin_socket == NULL && settings->ext_plugin_cmd_count == 0) {
        *out_path = NULL;
        return HG_OK;
    }
    /* Runners know absolute paths alone: a short one through a descriptor would not do. */
    if (settings->ext_plugin_socket == NULL &&
        !hgh_local_socket_fits(instance->directory, HGH_RUNNER_SOCKET)) {
        return hg_error_set(err, HG_ERR_INVALID,
                            "%s/" HGH_RUNNER_SOCKET ": the path is too long for a socket: "
                            "ext-plugin.cmd needs an instance with a shorter one, or "
                            "ext-plugin.path_for_test",
                            instance->directory);
    }
    path = settings->ext_plugin_socket == NULL ? hgh_instance_path(instance, HGH_RUNNER_SOCKET)
                                               : strdup(settings->ext_plugin_socket);
    if (path == NULL) {
        return hg_error_set(err, HG_ERR_NO_MEMORY, "out of memory");
    }
    *out_path = path;
    return HG_OK;
}
