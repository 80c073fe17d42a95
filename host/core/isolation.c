/* host/core/isolation.c - which plugins can run in a runner instead of in a worker. */
#include "host/core/isolation.h"

#include <stdio.h>

#include "host/core/issues.h"

static bool authenticates(const hgh_plugin *plugin)
{
    return (plugin->descriptor->flags & HG_AUTH) != 0;
}

static bool holds_others(const hgh_plugin *plugin)
{
    return plugin->delegates != NULL;
}

static bool has_before_proxy(const hgh_plugin *plugin)
{
    return plugin->descriptor->before_proxy != NULL;
}

static bool has_log(const hgh_plugin *plugin)
{
    return plugin->descriptor->log != NULL;
}

static const struct {
    bool (*applies)(const hgh_plugin *plugin);
    const char *what;
} reasons[] = {
    {authenticates, "authenticates consumers"},
    {holds_others, "holds configurations of other plugins"},
    {has_before_proxy, "has a callback for before_proxy"},
    {has_log, "has a callback for log"},
};

bool hgh_isolation_judge(const hgh_plugin *plugin, const char *pointer, hg_issues *issues)
{
    bool is_possible = true;

    for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++) {
        char found[100];
        char text[400];

        if (!reasons[i].applies(plugin)) {
            continue;
        }
        is_possible = false;
        (void)snprintf(found, sizeof(found), "a plugin that %s", reasons[i].what);
        (void)snprintf(text, sizeof(text),
                       "failed to check the configuration of plugin %s err: it cannot be isolated: "
                       "it %s",
                       plugin->name, reasons[i].what);
        hgh_issues_add(issues, pointer, found, "one that a runner can run", text);
    }
    return is_possible;
}
