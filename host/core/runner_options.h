/* host/core/runner_options.h - how a runner of external plugins is reached. */
#ifndef HOST_CORE_RUNNER_OPTIONS_H
#define HOST_CORE_RUNNER_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct hgh_runner_options {
    const char *path; /* of its socket, without "unix:"; borrowed; NULL: there is no runner */
    uint32_t connect_timeout_ms;
    uint32_t send_timeout_ms; /* of a pause in which it takes nothing */
    uint32_t prepare_timeout_ms;
    uint32_t call_timeout_ms;   /* until its answer or its next question */
    uint32_t idle_max;          /* idle connections that are kept */
    uint32_t idle_ms;           /* how long each is */
    size_t body_max_bytes;      /* of a response whose body it may have */
    bool empty_flag_arguments;  /* arguments without a value go out with an empty one */
    uint32_t wait_for_start_ms; /* a runner that is not there yet is waited for; 0: it is not */
    uint32_t retries_broken;    /* how often a call is made anew whose connection has broken off */
} hgh_runner_options;

#endif
