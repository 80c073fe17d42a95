/* host/cli/command_reload.c - `hotgate reload`: puts new plugin objects into service. */
#include "host/cli/admin_client.h"
#include "host/cli/command.h"

int hgh_command_reload(int argc, char **argv)
{
    static const hgh_admin_client_command command = {
        .name = "reload",
        .summary = "Puts the plugin objects that lie in the directories now into service, all of "
                   "them or\nnone, and reports on each. When it returns 0, the next request on "
                   "any worker runs the\nnew code.\n",
        .method = "PUT",
        .path = "/apisix/admin/plugins/reload",
        .timeout_s = 300, /* every object is probed, every live configuration decoded */
    };

    return hgh_admin_client_main(&command, argc, argv);
}
