/* host/runner/plugin_set.h - which objects the runner serves with, and how others take their place.
 *
 * Objects are looked for, examined and copied by a process of its own, for the time that takes:
 * what that does is the program's (hgh_gather). What it found is loaded beside the old objects, and
 * every live configuration is decoded by it before anything changes.
 */
#ifndef HOST_RUNNER_PLUGIN_SET_H
#define HOST_RUNNER_PLUGIN_SET_H

#include <sys/types.h>

#include <jansson.h>

#include "host/core/text_builder.h"
#include "host/runner/served_call.h"

/**
 * Examines all objects and copies the good ones, in a process of its own.
 *
 * generation  a number for the names of copies.
 * live        configurations that each has to decode: [{"plugin", "resource", "id", "value"}...].
 * Returns a new reference: {"plugins": [{"name", "version", "sha256", "path"}...], "rejected":
 * [{"name", "sha256", "error"}...], "directories": [those of the copies, the innermost first]}, or
 * {"error": why nothing was examined}. NULL: no memory.
 */
typedef json_t *(*hgh_gather)(void *context, uint64_t generation, const json_t *live);

/** hgh_plugin_set_init(), hgh_plugin_set_done(). */
typedef struct hgh_plugin_set {
    hgh_serving *serving;
    hgh_gather gather;
    void *context;
    json_t *plugins;  /* in force, with their "number": owned */
    json_t *rejected; /* by the last examination: owned */
    uint64_t generation;
    uint32_t number; /* of the newest object */
    pid_t child;     /* that examines; 0: none */
    int pipe;        /* from it */
    hgh_text_builder report;
    bool again; /* asked for once more meanwhile */
} hgh_plugin_set;

void hgh_plugin_set_init(hgh_plugin_set *set,
                         hgh_serving *serving,
                         hgh_gather gather,
                         void *context);

/** At the start: waits for the examination and loads what is good; the log names the rest.
 * HG_ERR_NOT_FOUND: there is no plugin that could be loaded. */
hg_status hgh_plugin_set_start(hgh_plugin_set *set, hg_error *err);

/** Begins a reload; the log tells what has come of it. */
void hgh_plugin_set_reload(hgh_plugin_set *set);

/** Ends an examination that is under way. */
void hgh_plugin_set_done(hgh_plugin_set *set);

#endif
