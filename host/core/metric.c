/* host/core/metric.c - one metric of a plugin in one process: numbers in the arena, by labels. */
#include "host/core/metric.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NAME_BYTES     63u
#define SERIES_DEFAULT 1000u
#define LABELS_BYTES   192u /* kept of the values of all labels */
#define KEY_BYTES      256u /* of the values, each ended by SEPARATOR */
#define SEPARATOR      '\x1f'
#define KNOWN_COUNT    32u /* numbers that are remembered; a power of two */
#define KNOWN_BYTES    54u /* of the longest key that is */

/* Where the number of a key lies. */
typedef struct hgh_metric_series {
    _Atomic int64_t *number; /* in the arena; NULL: nothing is remembered here */
    uint8_t length;
    char key[KNOWN_BYTES];
} hgh_metric_series;

hg_status hgh_metric_open(hgh_metric *metric,
                          hgh_arena *arena,
                          const char *plugin,
                          const hg_metric *declared,
                          hg_error *err)
{
    bool is_counter = declared->kind == HG_METRIC_COUNTER;
    bool is_labelled = declared->labels[0] != NULL;
    uint32_t series = declared->series_max == 0 ? SERIES_DEFAULT : declared->series_max;
    char name[HGH_TABLE_NAME_MAX * 2];

    if (declared->name == NULL || declared->name[0] == '\0' ||
        strlen(declared->name) > NAME_BYTES || (!is_counter && declared->kind != HG_METRIC_GAUGE)) {
        return hg_error_set(err, HG_ERR_INVALID, "it has no name or kind");
    }
    (void)snprintf(name, sizeof(name), "metric/%s/%s", plugin, declared->name);
    metric->declared = declared;
    return hgh_arena_open_table(arena, name, is_counter ? "counter" : "gauge",
                                is_labelled ? series : 1, is_labelled ? LABELS_BYTES : 0,
                                &metric->table, NULL, err);
}

void hgh_metric_done(hgh_metric *metric)
{
    free(metric->known);
    metric->known = NULL;
}

/* The values of all labels, each with the separator behind it; they are cut to fit. */
static hg_text key_make(const hg_metric *declared, const hg_text *labels, char into[KEY_BYTES])
{
    size_t length = 0;

    for (size_t i = 0; i < HG_METRIC_LABELS_MAX && declared->labels[i] != NULL; i++) {
        hg_text label = labels == NULL ? (hg_text){0} : labels[i];
        size_t room = KEY_BYTES - length - 1;
        size_t kept = label.length < room ? label.length : room;

        if (kept > 0) {
            memcpy(into + length, label.data, kept);
        }
        length += kept;
        into[length++] = SEPARATOR;
        if (length == KEY_BYTES) {
            break;
        }
    }
    return (hg_text){into, length};
}

/* Spreads keys over what is remembered; two of one place take turns. */
static size_t place_of(hg_text key)
{
    uint64_t head = 0;
    uint64_t tail = 0;
    size_t size = key.length < sizeof(head) ? key.length : sizeof(head);

    memcpy(&head, key.data, size);
    memcpy(&tail, key.data + key.length - size, size);
    return (size_t)(((head ^ tail * 3 ^ key.length) * UINT64_C(0x9e3779b97f4a7c15)) >> 32) %
           KNOWN_COUNT;
}

static hg_status number_find(hgh_metric *metric, hg_text key, _Atomic int64_t **out_number)
{
    hgh_metric_series *known = NULL;
    hg_status status;

    if (key.length <= KNOWN_BYTES) {
        if (metric->known == NULL) {
            metric->known = calloc(KNOWN_COUNT, sizeof(*metric->known));
        }
        known = metric->known == NULL ? NULL : &metric->known[place_of(key)];
    }
    if (known != NULL && known->number != NULL && known->length == key.length &&
        memcmp(known->key, key.data, key.length) == 0) {
        *out_number = known->number;
        return HG_OK;
    }
    status = hgh_table_number(metric->table, key, out_number);
    if (status == HG_OK && known != NULL) {
        known->number = *out_number;
        known->length = (uint8_t)key.length;
        memcpy(known->key, key.data, key.length);
    }
    return status;
}

hg_status hgh_metric_add(hgh_metric *metric, int64_t delta, const hg_text *labels)
{
    char buffer[KEY_BYTES];
    _Atomic int64_t *number = NULL;
    hg_status status;

    if (delta < 0 && metric->declared->kind == HG_METRIC_COUNTER) {
        return HG_ERR_INVALID;
    }
    status = number_find(metric, key_make(metric->declared, labels, buffer), &number);
    if (status == HG_OK) {
        (void)atomic_fetch_add_explicit(number, delta, memory_order_relaxed);
    }
    return status;
}

hg_status hgh_metric_set(hgh_metric *metric, int64_t value, const hg_text *labels)
{
    char buffer[KEY_BYTES];
    _Atomic int64_t *number = NULL;
    hg_status status;

    if (metric->declared->kind != HG_METRIC_GAUGE) {
        return HG_ERR_INVALID;
    }
    status = number_find(metric, key_make(metric->declared, labels, buffer), &number);
    if (status == HG_OK) {
        atomic_store_explicit(number, value, memory_order_relaxed);
    }
    return status;
}

hg_status hgh_metric_get(const hgh_metric *metric, const hg_text *labels, int64_t *out_value)
{
    char buffer[KEY_BYTES];

    return hgh_table_get(metric->table, key_make(metric->declared, labels, buffer), 0, out_value,
                         NULL);
}
