/* host/control/probe_page.h - the memory that control and a probe share: what the probe was doing.
 */
#ifndef HOST_CONTROL_PROBE_PAGE_H
#define HOST_CONTROL_PROBE_PAGE_H

#include <stdatomic.h>
#include <stdint.h>

#define HGH_PROBE_PAGE_BYTES 4096u

/** What code of a plugin has no business to do while it is loaded or judged. */
typedef enum hgh_act {
    HGH_ACT_FORK = 0,    /* another process: ends the probe, */
    HGH_ACT_EXEC = 1,    /* and so does another program */
    HGH_ACT_NETWORK = 2, /* these fail, and are told of */
    HGH_ACT_WRITE = 3,
    HGH_ACT_PROCESS = 4, /* a signal to another process, or a look into it */
    HGH_ACTS = 5,
} hgh_act;

/** One page. The probe writes, control reads and believes none of it too much. */
typedef struct hgh_probe_page {
    _Atomic uint64_t marker;        /* the call into a plugin that runs: hgh_marker_make() */
    _Atomic uint32_t ended_by;      /* an hgh_act, and 1; 0: it was not ended */
    _Atomic uint32_t did[HGH_ACTS]; /* the call in which it was first done, and 1; 0: never */
} hgh_probe_page;

_Static_assert(sizeof(hgh_probe_page) <= HGH_PROBE_PAGE_BYTES, "one page");

#endif
