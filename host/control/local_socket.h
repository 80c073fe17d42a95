/* host/control/local_socket.h - sockets of the instance that only processes of this machine reach.
 */
#ifndef HOST_CONTROL_LOCAL_SOCKET_H
#define HOST_CONTROL_LOCAL_SOCKET_H

#include <stdbool.h>
#include <sys/types.h>

#include <hotgate/error.h>

#define HGH_CONTROL_SOCKET "run/control.sock" /* for the instance's owner: needs no key */
#define HGH_ADMIN_SOCKET   "run/admin.sock" /* for nginx, which forwards the data port's clients */
#define HGH_EXPLAIN_SOCKET "run/explain/engine.sock" /* nginx's own, for control */

#define HGH_LOCAL_PATH_MAX                                                                         \
    108u /* bytes of a path that any socket can be reached by, with the NUL */

/**
 * Opens a listening socket in the place of whatever lies there; not inherited, not blocking.
 *
 * directory  the instance, of any length.
 * name       one of the names above.
 * group      (gid_t)-1: the owner alone may connect; else this group as well.
 * out_fd     on HG_OK owned by the caller.
 */
hg_status hgh_local_socket_open(
    const char *directory, const char *name, gid_t group, int *out_fd, hg_error *err);

/**
 * A path for connect(), however long that of the instance is; good as long as the descriptor that
 * it goes through is open.
 *
 * out_directory  on HG_OK owned by the caller: a descriptor.
 * Returns HG_OK, HG_ERR_NOT_FOUND (no socket lies there) or HG_ERR_IO (no right to use it).
 */
hg_status hgh_local_socket_path(const char *directory,
                                const char *name,
                                char into[HGH_LOCAL_PATH_MAX],
                                int *out_directory,
                                hg_error *err);

/** Removes a socket's name; one that is not there is none of its business. */
void hgh_local_socket_remove(const char *directory, const char *name);

/** True if nginx, which takes absolute paths alone, can connect to it. */
bool hgh_local_socket_fits(const char *directory, const char *name);

#endif
