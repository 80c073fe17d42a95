/* host/control/admin_api.h - the Admin API: what each request asks for, and who answers it. */
#ifndef HOST_CONTROL_ADMIN_API_H
#define HOST_CONTROL_ADMIN_API_H

#include <hotgate/error.h>

#include "host/control/admin_exchange.h"
#include "host/control/admin_queue.h"
#include "host/control/admin_server.h"
#include "host/control/admin_write.h"
#include "host/control/object_check.h"
#include "host/control/plugin_catalog.h"
#include "host/control/plugin_check.h"
#include "host/control/publisher.h"
#include "host/control/resource_table.h"
#include "host/control/settings.h"
#include "host/core/event_loop.h"

typedef struct hgh_admin_api hgh_admin_api;

/** What it works on; all borrowed, as long as it lives. */
typedef struct hgh_admin_api_parts {
    hgh_event_loop *loop;
    const hgh_settings *settings;
    const char *version; /* of hotgate */
    hgh_resource_table *table;
    hgh_publisher *publisher;
    const hgh_plugin_catalog *catalog;
    hgh_plugin_check *plugin_check; /* NULL: each plugin is unknown */
    const char *read_only; /* the file that all objects come from; NULL: they are written here */
} hgh_admin_api_parts;

/** Answers a request through `later`, exactly once, now or later. */
typedef void (*hgh_admin_call)(void *context,
                               const hgh_admin_request *request,
                               hgh_admin_answer_later *later);

/** out_api: on HG_OK owned by the caller; else untouched. */
hg_status
hgh_admin_api_new(const hgh_admin_api_parts *parts, hgh_admin_api **out_api, hg_error *err);

/** After the servers are gone. Writes that wait are dropped. Accepts NULL. */
void hgh_admin_api_free(hgh_admin_api *api);

/** Who answers what is about reloads. */
typedef struct hgh_admin_reload_calls {
    hgh_admin_call reload;  /* PUT /plugins/reload, in its turn among the writes: none runs from its
                               call to its answer */
    hgh_admin_call status;  /* GET /plugins/status */
    hgh_admin_call history; /* GET /plugins/history */
    void *context;
} hgh_admin_reload_calls;

/** Until this is set all of them are 404. */
void hgh_admin_api_set_reload(hgh_admin_api *api, const hgh_admin_reload_calls *calls);

/**
 * Who answers /explain, and POST /explain/token, which lets requests on the data plane ask for
 * their explanation. Until this is set both are 404.
 */
void hgh_admin_api_set_explain(hgh_admin_api *api,
                               hgh_admin_call explain,
                               hgh_admin_call token,
                               void *context);

/** Who judges plugins from now on; NULL: nobody, each is unknown. */
void hgh_admin_api_set_plugin_check(hgh_admin_api *api, hgh_plugin_check *plugin_check);

/** Where everything that changes the state waits for its turn: for changes that nobody asked for
 * by a request. */
hgh_admin_queue *hgh_admin_api_queue(hgh_admin_api *api);

/** What changes need that nobody asked for by a request; borrowed. */
const hgh_admin_write_parts *hgh_admin_api_write_parts(const hgh_admin_api *api);

/** The judge of objects; borrowed. */
const hgh_object_check *hgh_admin_api_object_check(const hgh_admin_api *api);

/** What a server calls for each request. */
hgh_admin_handler hgh_admin_api_handler(hgh_admin_api *api);

#endif
