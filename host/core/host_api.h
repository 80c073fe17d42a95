/* host/core/host_api.h - the functions that plugins reach through their host slot. */
#ifndef HOST_CORE_HOST_API_H
#define HOST_CORE_HOST_API_H

#include <hotgate/host.h>

struct hgh_plugin;

/** What one plugin's slot points to. */
hg_host hgh_host_api(int32_t log_level, struct hgh_plugin *plugin);

/** Frees what the plugin has opened through its slot. */
void hgh_host_api_done(struct hgh_plugin *plugin);

#endif
