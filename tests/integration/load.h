/* tests/integration/load.h - requests in the background, a bounded number at a time. */
#ifndef TESTS_INTEGRATION_LOAD_H
#define TESTS_INTEGRATION_LOAD_H

#include <stddef.h>

typedef struct load load;

typedef struct load_plan {
    unsigned port;
    const char *target;
    unsigned connections; /* each with one request at a time */
    unsigned pause_us;    /* between a response and the next request */
    const char *wanted;   /* text that every body must hold; NULL: any body */
    size_t upload_bytes;  /* POST with a body of so many bytes; 0: GET */
} load_plan;

typedef struct load_result {
    size_t requests; /* answered 200, whole */
    size_t failures; /* anything else; a connection that could not be made counts once */
    char first[400]; /* why the first of them failed */
} load_result;

/** Starts the threads; `plan` is copied, its texts must stay. */
load *load_start(const load_plan *plan);

/** What has happened so far. */
load_result load_look(load *self);

/** Waits for at least that many further good requests; fails the test after a deadline. */
void load_wait(load *self, size_t more);

/** Lets the requests that are under way end, and says what has happened in all. */
load_result load_stop(load *self);

#endif
