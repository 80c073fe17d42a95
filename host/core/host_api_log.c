/* host/core/host_api_log.c - the functions behind <hotgate/log.h>. */
#include "host/core/host_api_internal.h"

static const hgh_plugin *plugin_of(const hg_host *host)
{
    return host->plugin;
}

/* Control characters could forge lines of the log. */
static void log_write(
    const hg_host *host, hg_request *request, hg_log_level level, const char *text, size_t length)
{
    const hgh_plugin *plugin = plugin_of(host);
    const hgh_engine *engine = plugin->plugin_host->engine;
    char line[HG_LOG_LINE_MAX + HG_NAME_MAX + 16];
    size_t at = (size_t)snprintf(line, sizeof(line), "plugin %s: ", plugin->name);

    for (size_t i = 0; i < length && at + 4 < sizeof(line); i++) {
        unsigned char c = (unsigned char)text[i];

        if (c >= ' ' && c != 0x7f) {
            line[at++] = (char)c;
        } else {
            at += (size_t)snprintf(line + at, sizeof(line) - at, "\\x%02x", c);
        }
    }
    engine->log(request == NULL ? NULL : request->engine_request, level, (hg_text){line, at});
}

const hg_log_api hgh_host_log_api = {
    .size = sizeof(hgh_host_log_api),
    .write = log_write,
};
