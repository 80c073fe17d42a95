/* host/core/metric.h - one metric of a plugin in one process: numbers in the arena, by labels.
 *
 * A number that was found once is remembered by where it lies: slots of metrics are never given to
 * another combination of labels. So counting is one addition without a lock, as a rule.
 */
#ifndef HOST_CORE_METRIC_H
#define HOST_CORE_METRIC_H

#include <hotgate/metric.h>

#include "host/core/arena.h"

/** Zero-initialise; hgh_metric_done(). */
typedef struct hgh_metric {
    const hg_metric *declared;       /* borrowed from the plugin's object */
    hgh_table *table;                /* borrowed from the arena */
    struct hgh_metric_series *known; /* owned; NULL: nothing was counted yet */
} hgh_metric;

/** Finds or makes the numbers of a declared metric. HG_OK, HG_ERR_INVALID or what the arena says.
 */
hg_status hgh_metric_open(hgh_metric *metric,
                          hgh_arena *arena,
                          const char *plugin,
                          const hg_metric *declared,
                          hg_error *err);

void hgh_metric_done(hgh_metric *metric);

/** As hg_metric_add() and hg_metric_set(). */
hg_status hgh_metric_add(hgh_metric *metric, int64_t delta, const hg_text *labels);
hg_status hgh_metric_set(hgh_metric *metric, int64_t value, const hg_text *labels);

/** The number now; HG_ERR_NOT_FOUND: there is none with these labels. */
hg_status hgh_metric_get(const hgh_metric *metric, const hg_text *labels, int64_t *out_value);

#endif
