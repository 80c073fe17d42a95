/* host/control/instance.h - one instance directory, and the descriptors its processes share. */
#ifndef HOST_CONTROL_INSTANCE_H
#define HOST_CONTROL_INSTANCE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include <hotgate/error.h>

#define HGH_CONTROL_USER "hotgate"        /* control's user as root, and the group of all */
#define HGH_WORKER_USER  "hotgate-worker" /* the workers' user as root */

/** What the supervisor makes at start and hands to its children; -1: not there. */
typedef struct hgh_shared {
    int board;      /* memory of host/core/board.h */
    int arena;      /* memory of host/core/arena.h */
    int wake;       /* eventfd: control writes, every worker watches it edge-triggered */
    int ack;        /* eventfd: workers write after a vote or a change of generation */
    int supervisor; /* control's end of the socket to the supervisor */
} hgh_shared;

/**
 * A directory with conf, plugins, state, staging, run, logs and tmp below it. Nothing is written
 * outside. Zero-initialise; hgh_instance_done() frees.
 */
typedef struct hgh_instance {
    char *directory;   /* absolute, without links */
    char *config_path; /* absolute: -c FILE, else DIR/conf/config.yaml */
    char *install;     /* the install tree this program runs from: bin/.. , or the build folder */
    bool as_root;      /* the effective user is root: two users are used below */
    uid_t control_uid;
    uid_t worker_uid;
    gid_t group;
    int lock; /* descriptor with the flock, -1: not held */
    hgh_shared shared;
} hgh_instance;

/**
 * Resolves paths and users; creates nothing.
 *
 * directory    -p: must exist. config_path: -c, or NULL.
 */
hg_status hgh_instance_open(hgh_instance *instance,
                            const char *directory,
                            const char *config_path,
                            hg_error *err);

/** Makes what is missing below the directory, with the modes and owners of the design. */
hg_status hgh_instance_prepare(const hgh_instance *instance, hg_error *err);

/** Takes the lock: HG_ERR_EXISTS names the process that has it. */
hg_status hgh_instance_lock(hgh_instance *instance, hg_error *err);

/** DIRECTORY/relative; the caller frees; NULL if there is no memory. */
char *hgh_instance_path(const hgh_instance *instance, const char *relative);

/** INSTALL/relative for a file of the installation ("lib/hotgate/plugins"); as above. */
char *hgh_install_path(const hgh_instance *instance, const char *relative);

void hgh_instance_done(hgh_instance *instance);

#endif
