/* tests/unit/core/requests.h - a runtime on the fake engine and one client, for tests of requests.
 */
#ifndef TESTS_UNIT_CORE_REQUESTS_H
#define TESTS_UNIT_CORE_REQUESTS_H

#include "host/core/request.h"
#include "host/core/runtime.h"
#include "tests/unit/core/fake_engine.h"
#include "tests/unit/core/plugins.h"

/** All that a test of requests stands on. */
typedef struct request_stand {
    plugin_place place;
    hgh_runtime *runtime;
    fake_request client; /* GET / of host h */
    uint64_t revision;
} request_stand;

extern request_stand on;

/** entries: as for manifest_make(); listed: NULL, or a JSON array of names. */
void requests_set_up(const char *entries, const char *listed);
void requests_tear_down(void);

/** Puts the next generation in force; arguments as above. */
void requests_generation_set(const char *entries, const char *listed);

/** Puts an object in force; fails the test if it is refused. */
void request_object_put(hgh_resource_kind kind, const char *id, const char *json);

#endif
