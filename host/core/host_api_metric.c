/* host/core/host_api_metric.c - the functions behind <hotgate/metric.h>. */
#include "host/core/host_api_internal.h"

static hg_status
metric_add(const hg_host *host, uint32_t index, int64_t delta, const hg_text *labels)
{
    const hgh_plugin *plugin = host->plugin;

    return index < plugin->metrics_count ? hgh_metric_add(&plugin->metrics[index], delta, labels)
                                         : HG_ERR_INVALID;
}

static hg_status
metric_set(const hg_host *host, uint32_t index, int64_t value, const hg_text *labels)
{
    const hgh_plugin *plugin = host->plugin;

    return index < plugin->metrics_count ? hgh_metric_set(&plugin->metrics[index], value, labels)
                                         : HG_ERR_INVALID;
}

const hg_metric_api hgh_host_metric_api = {
    .size = sizeof(hgh_host_metric_api),
    .add = metric_add,
    .set = metric_set,
};
