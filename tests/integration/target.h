/* tests/integration/target.h - the plugin `target` in service on every worker, beside which bad
 * versions of it are tried. One such place a test program. */
#ifndef TESTS_INTEGRATION_TARGET_H
#define TESTS_INTEGRATION_TARGET_H

#include <stddef.h>

#include <jansson.h>

#include "tests/integration/gateway.h"
#include "tests/integration/load.h"

#define TARGET_WORKERS          4u
#define TARGET_LOAD_CONNECTIONS 8u

/** Starts the gateway, with version 1 of the plugin on the route /target. */
gateway *target_start(const gateway_options *options);

/** Ends all that is running. */
void target_stop(void);

/** The object that serves at the beginning; borrowed. */
const char *target_object(void);

/** The bytes of it, owned by the caller. */
unsigned char *target_bytes(size_t *out_length);

/** Where it lies in the plugins directory, borrowed. */
const char *target_path(void);

void target_remove(void);

/** The good object again: a reload has nothing to do then. */
void target_restore(void);

/** Puts bytes into the place of its file. */
void target_put_bytes(const void *bytes, size_t length);

/** Opens a connection to each worker anew: one of them was replaced. */
void target_pin(void);

/** Fails the test unless every worker answers with this version. */
void target_runs(const char *version);

/** Requests in the background, from here until target_load_end(). */
load *target_load(void);

/** Fails the test if more of them failed. */
void target_load_end(size_t failures_max);

/** The generation in force. */
json_int_t target_generation(void);

/** What a report says of a plugin; NULL: nothing. */
const json_t *target_report_item(const json_t *report, const char *name);

/** Its "state". */
const char *target_report_state(const json_t *report, const char *name);

/** Reloads, and expects a refusal for this reason, and that nothing has changed. */
void target_is_refused(const char *label, const char *reason);

/** The same where the reason is not about that plugin alone. */
void target_is_refused_with(const char *label, const char *reason);

/** Fails the test if staging holds anything of what was refused. */
void target_staged_serves(void);

#endif
