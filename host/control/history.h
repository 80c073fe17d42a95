/* host/control/history.h - what has been done to the plugins, by whom and with what result:
 * state/history.jsonl, a JSON object a line, the newest last. */
#ifndef HOST_CONTROL_HISTORY_H
#define HOST_CONTROL_HISTORY_H

#include <stddef.h>

#include <jansson.h>

#include <hotgate/error.h>

#include "host/control/instance.h"

#define HGH_HISTORY_FILE   "state/history.jsonl"
#define HGH_HISTORY_EVENTS 1000u /* that are kept at least */

/** Adds an event, with the time as "at"; takes the reference. A failure loses the event alone:
 * HG_ERR_IO or HG_ERR_NO_MEMORY, with a text. */
hg_status hgh_history_add(const hgh_instance *instance, json_t *event, hg_error *err);

/** The newest events, the newest first, as an array; NULL: no memory. Lines that were cut short by
 * a crash are left out. */
json_t *hgh_history_read(const hgh_instance *instance, size_t limit);

#endif
