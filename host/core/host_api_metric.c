/* host/core/host_api_metric.c - the functions behind <hotgate/metric.h>. */
#include <string.h>

#include "host/core/host_api_internal.h"

static const hgh_plugin *plugin_of(const hg_host *host)
{
    return host->plugin;
}

/* The key of one combination of label values: the values, each ended by the unit separator. */
static hg_status metric_key(const hgh_plugin *plugin,
                            uint32_t index,
                            const hg_text *labels,
                            char *buffer,
                            size_t size,
                            hg_text *out_key)
{
    const hg_metric *metric;
    size_t length = 0;

    if (index >= plugin->metrics_count) {
        return HG_ERR_INVALID;
    }
    metric = &plugin->descriptor->metrics[index];
    for (size_t i = 0; i < HG_METRIC_LABELS_MAX && metric->labels[i] != NULL; i++) {
        hg_text label = labels == NULL ? (hg_text){0} : labels[i];
        size_t kept = label.length < size - length - 1 ? label.length : size - length - 1;

        if (kept > 0) {
            memcpy(buffer + length, label.data, kept);
        }
        length += kept;
        buffer[length++] = '\x1f';
        if (length + 1 >= size) {
            break;
        }
    }
    *out_key = (hg_text){buffer, length};
    return HG_OK;
}

static hg_status
metric_add(const hg_host *host, uint32_t index, int64_t delta, const hg_text *labels)
{
    const hgh_plugin *plugin = plugin_of(host);
    char buffer[256];
    hg_text key;
    int64_t value;
    hg_status status = metric_key(plugin, index, labels, buffer, sizeof(buffer), &key);

    if (status != HG_OK ||
        (delta < 0 && plugin->descriptor->metrics[index].kind == HG_METRIC_COUNTER)) {
        return HG_ERR_INVALID;
    }
    return hgh_table_add(plugin->metrics[index], key, delta, 0, 0, &value, NULL);
}

static hg_status
metric_set(const hg_host *host, uint32_t index, int64_t value, const hg_text *labels)
{
    const hgh_plugin *plugin = plugin_of(host);
    char buffer[256];
    hg_text key;
    hg_status status = metric_key(plugin, index, labels, buffer, sizeof(buffer), &key);

    if (status != HG_OK || plugin->descriptor->metrics[index].kind != HG_METRIC_GAUGE) {
        return HG_ERR_INVALID;
    }
    return hgh_table_set(plugin->metrics[index], key, value, 0, 0);
}

const hg_metric_api hgh_host_metric_api = {
    .size = sizeof(hgh_host_metric_api),
    .add = metric_add,
    .set = metric_set,
};
