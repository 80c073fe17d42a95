/* host/control/plugin_scan.h - which plugin objects lie in the two plugins directories. */
#ifndef HOST_CONTROL_PLUGIN_SCAN_H
#define HOST_CONTROL_PLUGIN_SCAN_H

#include <stdbool.h>
#include <stddef.h>

#include <jansson.h>

#include <hotgate/error.h>
#include <hotgate/plugin.h>

/** One object that was found. */
typedef struct hgh_found_plugin {
    char name[HG_NAME_MAX + 1]; /* the stem of its file */
    char *path;                 /* absolute, owned */
    bool shipped;               /* of the installation, not of the instance */
    char *conflict;             /* why it cannot be taken; NULL: it can. Owned */
} hgh_found_plugin;

/** All of them, sorted by name. Zero-initialise; hgh_plugin_scan_done(). */
typedef struct hgh_plugin_scan {
    size_t count;
    hgh_found_plugin *plugins;
} hgh_plugin_scan;

/**
 * Looks into both directories for files that end in ".so". A name in both is a conflict unless
 * `overrides` has it: then the instance's own counts. A directory that is not there is empty.
 *
 * overrides  an array of names; may be NULL.
 * Returns HG_OK, HG_ERR_IO (a directory cannot be read) or HG_ERR_NO_MEMORY.
 */
hg_status hgh_plugin_scan_run(const char *shipped_directory,
                              const char *own_directory,
                              const json_t *overrides,
                              hgh_plugin_scan *scan,
                              hg_error *err);

void hgh_plugin_scan_done(hgh_plugin_scan *scan);

/** NULL: it is not there. */
const hgh_found_plugin *hgh_plugin_scan_find(const hgh_plugin_scan *scan, const char *name);

#endif
