/* host/control/runner_output.h - what a runner prints, as lines of the log. */
#ifndef HOST_CONTROL_RUNNER_OUTPUT_H
#define HOST_CONTROL_RUNNER_OUTPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <hotgate/error.h>

#include "host/core/event_loop.h"

#define HGH_RUNNER_LINE_MAX  1000u /* bytes; what a line has beyond is left out */
#define HGH_RUNNER_LINES_MAX 100u  /* in a second; what comes beyond is counted */

/** Zero-initialise. */
typedef struct hgh_runner_output {
    hgh_event_loop *loop;
    const char *name; /* borrowed: before each line */
    int fd;           /* the end that is read; meaningful while is_open */
    bool is_open;
    bool is_long; /* the line has been cut, and its rest is passed over */
    size_t length;
    char line[HGH_RUNNER_LINE_MAX + 1];
    unsigned lines;                   /* in this second */
    uint64_t left_out;                /* in this second */
    hgh_event_loop_timer second_over; /* waits from its first line on */
} hgh_runner_output;

/**
 * Begins to read.
 *
 * out_fd  on HG_OK the end to write to, the caller's.
 * Returns HG_OK, HG_ERR_IO or HG_ERR_NO_MEMORY.
 */
hg_status hgh_runner_output_open(
    hgh_runner_output *output, hgh_event_loop *loop, const char *name, int *out_fd, hg_error *err);

/** Reads what is there, and no more. Harmless if it is not open. */
void hgh_runner_output_close(hgh_runner_output *output);

#endif
