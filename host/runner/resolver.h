/* host/runner/resolver.h - addresses of names, by the system's resolver on the host's threads. */
#ifndef HOST_RUNNER_RESOLVER_H
#define HOST_RUNNER_RESOLVER_H

#include "host/core/engine.h"
#include "host/core/offload.h"

typedef struct hgh_lookup hgh_lookup;

/** Zero-initialise but for `offload`, then hgh_resolver_done(). */
typedef struct hgh_resolver {
    hgh_offload *offload; /* borrowed */
    hgh_lookup *lookups;  /* under way, also those that were given up */
} hgh_resolver;

/** Gives up all lookups and waits for those that a thread has. */
void hgh_resolver_done(hgh_resolver *resolver);

/** Begins one; done() follows, not before this has returned. NULL: no memory, or too many. */
hgh_lookup *hgh_lookup_new(hgh_resolver *resolver, hg_text name, hgh_resolved done, void *context);

/** done() does not come any more. Accepts NULL; not for one whose done() has been called. */
void hgh_lookup_cancel(hgh_lookup *lookup);

#endif
