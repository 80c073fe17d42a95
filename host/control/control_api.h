/* host/control/control_api.h - the Control API: what runs here, for whoever is on this machine. */
#ifndef HOST_CONTROL_CONTROL_API_H
#define HOST_CONTROL_CONTROL_API_H

#include "host/control/admin_api.h"
#include "host/control/admin_queue.h"
#include "host/control/admin_server.h"
#include "host/control/object_check.h"
#include "host/control/plugin_catalog.h"
#include "host/control/resource_table.h"
#include "host/control/standalone.h"
#include "host/core/board.h"
#include "host/core/health.h"

/** What it works on; all borrowed, as long as it lives. It shows no secret: it asks for no key. */
typedef struct hgh_control_api {
    hgh_event_loop *loop;
    const char *version; /* of hotgate */
    hgh_resource_table *table;
    const hgh_plugin_catalog *catalog;
    const hgh_object_check *object_check;
    hgh_admin_queue *queue; /* where a reload takes its turn */
    hgh_admin_call reload;
    void *reload_context;
    hgh_admin_call explain;
    void *explain_context;
    const hgh_standalone *standalone; /* NULL: objects come from no file */
    const hgh_instance *instance;
    const hgh_health_board *health; /* NULL: nothing is checked */
    const hgh_board *board;         /* of the workers, for /status/ready */
    struct control_list *lists;     /* under way; its own */
} hgh_control_api;

/** What the server of the Control API calls for each request. */
hgh_admin_handler hgh_control_api_handler(hgh_control_api *api);

/** Answers what is under way that it is too late. After its servers are gone. */
void hgh_control_api_done(hgh_control_api *api);

/** What the server of /status and /status/ready calls. */
hgh_admin_handler hgh_control_api_status_handler(hgh_control_api *api);

#endif
