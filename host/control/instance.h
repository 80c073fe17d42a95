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
    char *install;     /* the install tree this program runs from: $HOTGATE_INSTALL_ROOT if that is
                          set, the build folder if it runs in one, else the parent of its own */
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

/**
 * As root: runs the workers as `user` instead of HGH_WORKER_USER. Before hgh_instance_prepare().
 * An ordinary user cannot choose: does nothing.
 */
hg_status hgh_instance_set_worker(hgh_instance *instance, const char *user, hg_error *err);

/**
 * Makes what is missing below the directory, with the modes and owners of the design, and as root
 * checks that the two users get there. What exists is left alone, but must be usable.
 */
hg_status hgh_instance_prepare(const hgh_instance *instance, hg_error *err);

/** Makes logs/control.log if it is missing, as control's own: control cannot make it there. */
hg_status hgh_instance_prepare_log(const hgh_instance *instance, hg_error *err);

/** True if the file lies below the directory, links resolved; also one that is yet to be made. */
bool hgh_instance_contains(const hgh_instance *instance, const char *path);

/** Takes the lock: HG_ERR_EXISTS names the process that has it. */
hg_status hgh_instance_lock(hgh_instance *instance, hg_error *err);

/** DIRECTORY/relative; the caller frees; NULL if there is no memory. */
char *hgh_instance_path(const hgh_instance *instance, const char *relative);

/** INSTALL/relative for a file of the installation ("lib/hotgate/plugins"); as above. */
char *hgh_install_path(const hgh_instance *instance, const char *relative);

void hgh_instance_done(hgh_instance *instance);

#endif
