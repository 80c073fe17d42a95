/* tests/integration/told.h - what the Admin API tells of reloads and plugins, taken apart. */
#ifndef TESTS_INTEGRATION_TOLD_H
#define TESTS_INTEGRATION_TOLD_H

#include <jansson.h>

/** A member as text, borrowed; "": there is none. */
const char *text_of(const json_t *object, const char *name);

/** The item of a list of `told` with that name, borrowed; NULL: there is none. */
const json_t *item_of(const json_t *told, const char *list, const char *name);

#endif
