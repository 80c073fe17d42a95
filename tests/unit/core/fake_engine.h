/* tests/unit/core/fake_engine.h - an engine that does nothing by itself: tests drive it by hand. */
#ifndef TESTS_UNIT_CORE_FAKE_ENGINE_H
#define TESTS_UNIT_CORE_FAKE_ENGINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "host/core/engine.h"

#define FAKE_HEADERS_MAX 32u

/** One request: what the client sent, and what the gateway did to it. */
typedef struct fake_request {
    struct fake_allocation *allocations;
    hg_text method;
    hg_text host;
    hg_text uri;
    hg_text arguments;
    hg_address client;
    hg_header headers[FAKE_HEADERS_MAX];
    size_t header_count;
    uint32_t status;
    hg_header response_headers[FAKE_HEADERS_MAX];
    size_t response_header_count;
    bool length_forgotten;
    bool resumed; /* engine->resume() was called: take it back before running on */
    hgh_status_callback body_done;
    void *body_context;
    hg_text body;
} fake_request;

extern const hgh_engine fake_engine;

/** Set by tests: the clock, and whether there is no memory for timers or a request. */
extern uint64_t fake_now_ms;
extern bool fake_timers_fail;
extern bool fake_memory_fails;
extern bool fake_has_resolver;

/** A GET from 127.0.0.1; fake_request_done() when the core has let go of it. */
void fake_request_init(fake_request *request, const char *host, const char *uri);
void fake_request_done(fake_request *request);

/** Runs what is due until nothing is; returns how many timers ran. */
size_t fake_engine_run(void);

/** Runs the timers that are due now, but none that these start. */
size_t fake_engine_turn(void);

/** Timers, watches and look-ups that were started and not stopped. */
size_t fake_engine_handles(void);

/** Answers the only look-up that is under way. */
void fake_engine_resolve(hg_status status, const hg_address *addresses, size_t count);

/** Lines of the log that hold a text, since the last fake_log_clear(). */
size_t fake_log_count(const char *text);
void fake_log_clear(void);

/** All lines, each ended by "\n"; borrowed until the next line. */
const char *fake_log_text(void);

#endif
