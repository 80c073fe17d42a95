/* tests/integration/stored.h - all that a gateway stores, to see that nothing has changed. */
#ifndef TESTS_INTEGRATION_STORED_H
#define TESTS_INTEGRATION_STORED_H

#include "tests/integration/gateway.h"

/** The lists of all kinds as one text; owned by the caller. */
char *stored_objects(const gateway *self);

/** Fails the test if what is stored is not `before`; `label` says after what. */
void stored_expect(const gateway *self, const char *before, const char *label);

#endif
