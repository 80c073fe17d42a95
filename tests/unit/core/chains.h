/* tests/unit/core/chains.h - objects, a generation and a cache, for tests of chains. */
#ifndef TESTS_UNIT_CORE_CHAINS_H
#define TESTS_UNIT_CORE_CHAINS_H

#include "host/core/chain_cache.h"
#include "tests/unit/core/plugins.h"

/** All that a test of chains stands on; made by chains_set_up(). */
typedef struct chain_stand {
    plugin_place place;
    hgh_snapshot snapshot;
    hgh_generation *generation;
    hgh_chain_cache cache;
} chain_stand;

extern chain_stand stand;

/** For cmocka. */
int chains_set_up(void **state);
int chains_tear_down(void **state);

/** Puts routes/1, consumers/jack. */
hgh_route *route_of(const char *json);
hg_consumer *consumer_of(const char *json);

/** What each object has under "plugins"; NULL: there is no such object. The route is always there.
 */
typedef struct chain_plugins {
    const char *credential;
    const char *consumer;
    const char *group;
    const char *route;
    const char *plugin_config;
    const char *service;
} chain_plugins;

/** Puts these objects, a new revision of each, and compiles their chain; one reference. */
hgh_chain *chain_of(hgh_generation *with, const chain_plugins *plugins);

/** Compiles the chain of one route; one reference. */
hgh_chain *chain_of_route(hgh_generation *with, hgh_route *route);

/** Fails the test unless a phase has these steps, "NAME:TAG NAME:TAG" in their order. */
void expect_steps(const char *label, const hgh_chain *chain, hg_phase phase, const char *wanted);

#endif
