/* host/control/probe.h - a child process that loads plugins, so that a bad one harms nobody else.
 *
 * Two uses: a short-lived one examines each candidate of a reload; a long-lived one has the
 * generation in force loaded and judges configurations. Control talks to it in frames; what it was
 * doing when it died stands in a page that both have mapped. What it prints ends in control's log.
 */
#ifndef HOST_CONTROL_PROBE_H
#define HOST_CONTROL_PROBE_H

#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>

#include <hotgate/error.h>

#include "host/core/event_loop.h"

/** One child. */
typedef struct hgh_probe hgh_probe;

/** A message of the child; borrowed for the call. */
typedef void (*hgh_probe_on_message)(void *context, const json_t *message);

/**
 * The child has ended, and has been reaped: nothing is called any more, hgh_probe_free() is due.
 *
 * why     "constructor: crashed with signal 11 (Segmentation fault)", "init: did not return within
 *         2000 ms", "constructor: called exit(3)", "init: called fork"; what it ran stands first.
 * object  number of the plugin that it was running, 0: none.
 */
typedef void (*hgh_probe_on_end)(void *context, const char *why, uint32_t object);

/** All borrowed, as long as the probe lives. */
typedef struct hgh_probe_options {
    hgh_event_loop *loop;
    const char *directory;        /* the instance: relative paths of manifests start there */
    uint64_t shared_memory_bytes; /* its arena is as large as the gateway's */
    bool unconfined;              /* as where the kernel has no seccomp: for tests */
    hgh_probe_on_message on_message;
    hgh_probe_on_end on_end;
    void *context;
} hgh_probe_options;

/** Starts a child; out_probe: on HG_OK the caller's. HG_OK, HG_ERR_IO or HG_ERR_NO_MEMORY. */
hg_status hgh_probe_start(const hgh_probe_options *options, hgh_probe **out_probe, hg_error *err);

/** Sends a message; a failure is heard of through on_end. */
void hgh_probe_send(hgh_probe *probe, const json_t *message);

/** Kills the child unless a deadline is set anew, or stopped with 0, within that time. */
void hgh_probe_set_deadline(hgh_probe *probe, uint64_t within_ms);

/** Kills and reaps the child if it still runs, calling nobody. Accepts NULL. */
void hgh_probe_free(hgh_probe *probe);

/** The program of the child: `hotgate probe`. */
int hgh_probe_main(int argc, char **argv);

#endif
