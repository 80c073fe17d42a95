/* host/control/quantity.h - durations and sizes as nginx writes them: 60s, 1h30m, 500ms, 64m. */
#ifndef HOST_CONTROL_QUANTITY_H
#define HOST_CONTROL_QUANTITY_H

#include <stdbool.h>
#include <stdint.h>

/**
 * Parts of falling size, each with its unit: w d h m s ms; a number alone is seconds. False if it
 * is anything else or too large.
 */
bool hgh_quantity_duration(const char *text, int64_t *out_ms);

/** A number with k, m or g behind it, or bytes. False if it is anything else or too large. */
bool hgh_quantity_bytes(const char *text, int64_t *out_bytes);

#endif
