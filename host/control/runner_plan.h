/* host/control/runner_plan.h - how a runner is started: command, environment, socket. */
#ifndef HOST_CONTROL_RUNNER_PLAN_H
#define HOST_CONTROL_RUNNER_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <hotgate/error.h>

#include "host/control/instance.h"
#include "host/control/runner_socket.h"
#include "host/control/settings.h"

#define HGH_RUNNER_DESCRIPTORS_MAX 2u
#define HGH_ISOLATED_DIRECTORY     "state/isolate" /* of manifests, which control writes */
#define HGH_ISOLATED_MANIFEST      "state/isolate/%llu.json" /* of a generation */
#define HGH_ISOLATED_SOCKET        HGH_ISOLATION_DIRECTORY "/%llu.sock"

/** All of it is owned. Zero is no plan. */
typedef struct hgh_runner_plan {
    char *program;
    char **arguments;   /* NULL at the end */
    char **environment; /* NULL at the end: the whole */
    char *socket;       /* where it will listen; relative to the instance, or absolute */
    int descriptors[HGH_RUNNER_DESCRIPTORS_MAX]; /* inherited, borrowed from the instance */
    size_t descriptor_count;
} hgh_runner_plan;

/**
 * The runner of ext-plugin.cmd. Its environment is small, as its code is foreign: PATH, HOME, LANG
 * and TZ of ours, what nginx_config.envs names, and the two that the protocol has.
 *
 * out_plan  on HG_OK the caller's, zero if there is no command; else untouched.
 */
hg_status hgh_runner_plan_make(const hgh_instance *instance,
                               const hgh_settings *settings,
                               hgh_runner_plan *out_plan,
                               hg_error *err);

/**
 * The runner that isolated plugins of a generation run in: this program, with the board and the
 * arena. Paths are relative to the instance, so that their length does not matter.
 */
hg_status hgh_runner_plan_make_isolated(const hgh_instance *instance,
                                        const hgh_settings *settings,
                                        uint64_t generation,
                                        hgh_runner_plan *out_plan,
                                        hg_error *err);

/** True if both start the same. */
bool hgh_runner_plan_equal(const hgh_runner_plan *a, const hgh_runner_plan *b);

/** Makes it zero. */
void hgh_runner_plan_done(hgh_runner_plan *plan);

#endif
