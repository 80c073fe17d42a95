/* host/control/probe_leak.h - what a process has more of after each of many equal cycles. */
#ifndef HOST_CONTROL_PROBE_LEAK_H
#define HOST_CONTROL_PROBE_LEAK_H

#include <dirent.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <hotgate/error.h>

#include "host/core/issues.h"

#define HGH_PROBE_CYCLES 20u /* loaded and unloaded again so often */

/* For each cycle. Below these it is told as a warning, from here on the object is refused: a
 * gateway that is reloaded a hundred times a day for a year would lose 2 GiB a worker. */
#define HGH_LEAK_HEAP_MAX        65536u
#define HGH_LEAK_MAPPED_MAX      1048576u
#define HGH_LEAK_DESCRIPTORS_MAX 1u

/** How much of it a process has. */
typedef struct hgh_leak_amount {
    uint64_t heap;        /* bytes of malloc() in use */
    uint64_t mapped;      /* bytes of address space */
    uint64_t descriptors; /* open ones */
} hgh_leak_amount;

/** One observation. Zero-initialise, hgh_probe_leak_begin(). */
typedef struct hgh_probe_leak {
    DIR *descriptors;      /* opened while that is allowed */
    hgh_leak_amount at[3]; /* after the first cycles, half way, at the end */
} hgh_probe_leak;

/** Prepares for counting: call it before the process is confined. */
void hgh_probe_leak_begin(hgh_probe_leak *leak);

/** After cycle 1, 2, ... HGH_PROBE_CYCLES. */
void hgh_probe_leak_cycle(hgh_probe_leak *leak, unsigned cycle);

/**
 * Judges what has been counted: what grew in both halves grows in each cycle.
 *
 * warnings  what is lost, if it is little.
 * Returns HG_OK or HG_ERR_INVALID: it is too much.
 */
hg_status hgh_probe_leak_judge(const hgh_probe_leak *leak, hg_issues *warnings, hg_error *err);

#endif
