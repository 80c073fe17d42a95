/* hotgate/metric.h - numbers that the operator watches. */
#ifndef HOTGATE_METRIC_H
#define HOTGATE_METRIC_H

#include <stdint.h>

#include <hotgate/error.h>
#include <hotgate/host.h>
#include <hotgate/text.h>

#ifdef __cplusplus
extern "C" {
#endif

/** What a metric does over time. ABI: a value never changes its meaning. */
typedef enum hg_metric_kind {
    HG_METRIC_END = 0,     /* ends a table */
    HG_METRIC_COUNTER = 1, /* only grows */
    HG_METRIC_GAUGE = 2,   /* goes up and down */
} hg_metric_kind;

/** How many labels a metric can have. */
#define HG_METRIC_LABELS_MAX 4u

/**
 * One metric, declared in a table that the descriptor names and that ends with
 * `{.kind = HG_METRIC_END}`. It is shared by all workers and survives a reload by its name.
 * ABI: fields are only appended.
 */
typedef struct hg_metric {
    int32_t kind;        /* an hg_metric_kind */
    uint32_t series_max; /* how many combinations of label values it holds; 0 means 1,000 */
    const char *name;    /* [a-z][a-z0-9_]*, at most 63 bytes; the host puts the plugin's first */
    const char *summary; /* one sentence for the operator */
    const char *labels[HG_METRIC_LABELS_MAX]; /* names of its labels; the first NULL ends them */
} hg_metric;

/** The host's side of this header. ABI: fields are only appended. */
typedef struct hg_metric_api {
    uint32_t size;
    uint32_t reserved;
    hg_status (*add)(const hg_host *host, uint32_t index, int64_t delta, const hg_text *labels);
    hg_status (*set)(const hg_host *host, uint32_t index, int64_t value, const hg_text *labels);
} hg_metric_api;

/**
 * Adds to a metric of this plugin. [any]
 *
 * index   its place in the declared table, from 0.
 * delta   what to add; for a counter not negative.
 * labels  as many values as it has labels, borrowed for the call; NULL if it has none.
 * Returns HG_OK, HG_ERR_INVALID (no such metric) or HG_ERR_FULL (too many combinations).
 */
static inline hg_status hg_metric_add(uint32_t index, int64_t delta, const hg_text *labels)
{
    return hg_host_slot->metric->add(hg_host_slot, index, delta, labels);
}

/** Sets a gauge of this plugin; parameters and results as for hg_metric_add(). [any] */
static inline hg_status hg_metric_set(uint32_t index, int64_t value, const hg_text *labels)
{
    return hg_host_slot->metric->set(hg_host_slot, index, value, labels);
}

#ifdef __cplusplus
}
#endif

#endif
