/* host/control/plugin_scan.c - which plugin objects lie in the two plugins directories. */
#include "host/control/plugin_scan.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SUFFIX ".so"

/* Bytes of NAME in NAME.so; 0: no plugin's file. */
static size_t stem_length(const char *file)
{
    size_t length = strlen(file);
    size_t suffix = sizeof(SUFFIX) - 1;

    return length > suffix && strcmp(file + length - suffix, SUFFIX) == 0 && file[0] != '.'
               ? length - suffix
               : 0;
}

static hg_status
scan_add(hgh_plugin_scan *scan, const char *directory, const char *file, bool shipped)
{
    hgh_found_plugin plugin = {.shipped = shipped};
    size_t stem = stem_length(file);
    void *grown;

    if (stem == 0) {
        return HG_OK;
    }
    grown = realloc(scan->plugins, (scan->count + 1) * sizeof(*scan->plugins));
    if (grown == NULL) {
        return HG_ERR_NO_MEMORY;
    }
    scan->plugins = grown;
    memcpy(plugin.name, file, stem < HG_NAME_MAX ? stem : HG_NAME_MAX);
    if (stem > HG_NAME_MAX) {
        memcpy(plugin.name + HG_NAME_MAX - 3, "...", 3); /* no other plugin can be called so */
    }
    if (asprintf(&plugin.path, "%s/%s", directory, file) < 0) {
        return HG_ERR_NO_MEMORY;
    }
    if (stem > HG_NAME_MAX &&
        asprintf(&plugin.conflict, "%s: has %zu bytes before " SUFFIX ", at most %u make a name",
                 plugin.path, stem, HG_NAME_MAX) < 0) {
        free(plugin.path);
        return HG_ERR_NO_MEMORY;
    }
    scan->plugins[scan->count++] = plugin;
    return HG_OK;
}

static hg_status
directory_read(hgh_plugin_scan *scan, const char *path, bool shipped, hg_error *err)
{
    DIR *directory = opendir(path);
    const struct dirent *item;
    hg_status status = HG_OK;

    if (directory == NULL) {
        return errno == ENOENT ? HG_OK
                               : hg_error_set(err, HG_ERR_IO, "%s: %s", path, strerror(errno));
    }
    while (status == HG_OK && (item = readdir(directory)) != NULL) {
        status = scan_add(scan, path, item->d_name, shipped);
    }
    (void)closedir(directory);
    return status == HG_OK ? HG_OK : hg_error_set(err, status, "%s: out of memory", path);
}

/* By name; of one name the instance's own first. */
static int compare(const void *a, const void *b)
{
    const hgh_found_plugin *left = a;
    const hgh_found_plugin *right = b;
    int order = strcmp(left->name, right->name);

    return order != 0 ? order : (int)left->shipped - (int)right->shipped;
}

static bool is_in(const json_t *names, const char *name)
{
    size_t index;
    json_t *item;

    json_array_foreach((json_t *)(uintptr_t)names, index, item)
    {
        if (json_is_string(item) && strcmp(json_string_value(item), name) == 0) {
            return true;
        }
    }
    return false;
}

static void plugin_done(hgh_found_plugin *plugin)
{
    free(plugin->path);
    free(plugin->conflict);
}

/* Leaves one of each name. */
static hg_status conflicts_settle(hgh_plugin_scan *scan, const json_t *overrides)
{
    size_t kept = 0;

    for (size_t i = 0; i < scan->count; i++) {
        hgh_found_plugin *plugin = &scan->plugins[i];
        hgh_found_plugin *before = kept == 0 ? NULL : &scan->plugins[kept - 1];

        if (before == NULL || strcmp(before->name, plugin->name) != 0) {
            scan->plugins[kept++] = *plugin;
            continue;
        }
        if (!is_in(overrides, plugin->name) &&
            asprintf(&before->conflict,
                     "is shipped too (%s): name it in hotgate.plugins_override to use this one, or "
                     "remove it",
                     plugin->path) < 0) {
            before->conflict = NULL;
            return HG_ERR_NO_MEMORY;
        }
        plugin_done(plugin);
    }
    scan->count = kept;
    return HG_OK;
}

hg_status hgh_plugin_scan_run(const char *shipped_directory,
                              const char *own_directory,
                              const json_t *overrides,
                              hgh_plugin_scan *scan,
                              hg_error *err)
{
    hg_status status = directory_read(scan, shipped_directory, true, err);

    if (status == HG_OK) {
        status = directory_read(scan, own_directory, false, err);
    }
    if (status != HG_OK || scan->count == 0) {
        return status;
    }
    qsort(scan->plugins, scan->count, sizeof(*scan->plugins), compare);
    status = conflicts_settle(scan, overrides);
    return status == HG_OK ? HG_OK : hg_error_set(err, status, "plugins: out of memory");
}

void hgh_plugin_scan_done(hgh_plugin_scan *scan)
{
    for (size_t i = 0; i < scan->count; i++) {
        plugin_done(&scan->plugins[i]);
    }
    free(scan->plugins);
    memset(scan, 0, sizeof(*scan));
}

const hgh_found_plugin *hgh_plugin_scan_find(const hgh_plugin_scan *scan, const char *name)
{
    for (size_t i = 0; i < scan->count; i++) {
        if (strcmp(scan->plugins[i].name, name) == 0) {
            return &scan->plugins[i];
        }
    }
    return NULL;
}
