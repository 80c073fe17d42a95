/* host/control/isolated_generations.h - which generations of plugins need an isolated runner, and
 * when it is not needed any more. The supervisor runs them. */
#ifndef HOST_CONTROL_ISOLATED_GENERATIONS_H
#define HOST_CONTROL_ISOLATED_GENERATIONS_H

#include <stdint.h>

#include <jansson.h>

#include <hotgate/error.h>

#include "host/control/instance.h"
#include "host/control/resource_table.h"
#include "host/core/board.h"
#include "host/core/event_loop.h"

typedef struct hgh_isolated_generations hgh_isolated_generations;

/** All borrowed, as long as it lives. */
typedef struct hgh_isolated_generations_options {
    hgh_event_loop *loop;
    const hgh_instance *instance; /* with the link to the supervisor */
    const hgh_resource_table *table;
    const hgh_board *board;
} hgh_isolated_generations_options;

/** NULL: no memory. */
hgh_isolated_generations *
hgh_isolated_generations_new(const hgh_isolated_generations_options *options);

/** Accepts NULL. The runners go on. */
void hgh_isolated_generations_free(hgh_isolated_generations *self);

/** The manifest that is in force when control starts. */
void hgh_isolated_generations_begin(hgh_isolated_generations *self, const json_t *manifest);

/** Objects have changed: one of them may be the first that isolates a plugin. */
void hgh_isolated_generations_look(hgh_isolated_generations *self);

/** A generation is about to be prepared: if it needs a runner, workers find it. Returns HG_OK, or
 * why its manifest could not be written. */
hg_status hgh_isolated_generations_prepare(hgh_isolated_generations *self,
                                           const json_t *manifest,
                                           hg_error *err);

/** What was prepared is in force. The runner before it ends when no request is on an earlier
 * generation any more, or after a minute. */
void hgh_isolated_generations_commit(hgh_isolated_generations *self, const json_t *manifest);

/** What was prepared was given up: its runner ends now, so that some in a row push none out that
 * has requests. */
void hgh_isolated_generations_abort(hgh_isolated_generations *self);

#endif
