/* host/cli/command_status.c - `hotgate status`: what a running gateway has in force. */
#include "host/cli/admin_client.h"
#include "host/cli/command.h"

int hgh_command_status(int argc, char **argv)
{
    static const hgh_admin_client_command command = {
        .name = "status",
        .summary = "Shows the generation in force, the plugins with their versions, and the "
                   "workers of a\nrunning gateway.\n",
        .method = "GET",
        .path = "/apisix/admin/plugins/status",
        .timeout_s = 30,
    };

    return hgh_admin_client_main(&command, argc, argv);
}
