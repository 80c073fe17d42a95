/* host/core/quantity.h - numbers with a unit: durations and sizes as operators write them. */
#ifndef HOST_CORE_QUANTITY_H
#define HOST_CORE_QUANTITY_H

#include <stdbool.h>
#include <stdint.h>

#include <hotgate/text.h>

/* What the texts look like, for JSON Schema. */
#define HGH_DURATION_PATTERN "^[0-9]+(\\.[0-9]+)?(ms|s|m|h|d)$"
#define HGH_BYTES_PATTERN    "^[0-9]+[kKmMgG]?$"

/** Reads "500ms", "10s", "1.5m", "2h", "1d"; false if it is none or beyond int64_t. */
bool hgh_duration_parse(hg_text text, int64_t *out_ms);

/** Reads "100", "64k", "10m", "1g", of 1,024 each; false if it is none or beyond int64_t. */
bool hgh_bytes_parse(hg_text text, int64_t *out_bytes);

/** Seconds to milliseconds, rounded; false beyond int64_t. */
bool hgh_duration_from_seconds(double seconds, int64_t *out_ms);

#endif
