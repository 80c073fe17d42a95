/* host/cli/runner_objects.h - the objects of a runner: looked for, examined and copied. */
#ifndef HOST_CLI_RUNNER_OBJECTS_H
#define HOST_CLI_RUNNER_OBJECTS_H

#include <stdint.h>

#include <jansson.h>

/** Where they lie, and where copies go. Borrowed. */
typedef struct hgh_runner_objects {
    const char *directory; /* absolute */
    const char *copies;    /* a private directory */
} hgh_runner_objects;

/** An hgh_gather of host/runner/plugin_set.h; `context` is an hgh_runner_objects. */
json_t *hgh_runner_objects_gather(void *context, uint64_t generation, const json_t *live);

#endif
