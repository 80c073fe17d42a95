/* host/cli/runner_objects.h - the objects of a runner: looked for, examined and copied. */
#ifndef HOST_CLI_RUNNER_OBJECTS_H
#define HOST_CLI_RUNNER_OBJECTS_H

#include <stdint.h>

#include <jansson.h>

/** An hgh_gather of host/runner/plugin_set.h; `context` is the directory, a text. */
json_t *hgh_runner_objects_gather(void *context, uint64_t generation, const json_t *live);

#endif
