/* host/control/local_socket.c - sockets of the instance that only processes of this machine reach.
 *
 * The kernel takes 107 bytes of a path; that of an instance may be longer. So it goes through a
 * descriptor of the directory. */
#include "host/control/local_socket.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define BACKLOG    511
#define OWNER_MODE 0600u
#define GROUP_MODE 0660u

static hg_status failure(const char *directory, const char *name, const char *what, hg_error *err)
{
    return hg_error_set(err, HG_ERR_IO, "%s/%s: %s: %s", directory, name, what, strerror(errno));
}

/* The directory that holds it, and its name there. */
static int directory_open(const char *directory, const char *name, const char **out_base)
{
    const char *slash = strrchr(name, '/');
    char *path = NULL;
    int fd = -1;

    *out_base = slash == NULL ? name : slash + 1;
    if (asprintf(&path, "%s/%.*s", directory, slash == NULL ? 0 : (int)(slash - name), name) >= 0) {
        fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
        free(path);
    }
    return fd;
}

static bool address_make(int folder, const char *base, struct sockaddr_un *out)
{
    int length;

    *out = (struct sockaddr_un){.sun_family = AF_UNIX};
    length = snprintf(out->sun_path, sizeof(out->sun_path), "/proc/self/fd/%d/%s", folder, base);
    return length > 0 && (size_t)length < sizeof(out->sun_path);
}

hg_status hgh_local_socket_open(
    const char *directory, const char *name, gid_t group, int *out_fd, hg_error *err)
{
    const char *base;
    int folder = directory_open(directory, name, &base);
    mode_t mode = group == (gid_t)-1 ? OWNER_MODE : GROUP_MODE;
    struct sockaddr_un address;
    hg_status status = HG_OK;
    mode_t mask;
    int fd = -1;

    if (folder < 0 || !address_make(folder, base, &address)) {
        status = failure(directory, name, "its directory", err);
        goto cleanup;
    }
    if (unlinkat(folder, base, 0) != 0 && errno != ENOENT) { /* of a gateway that was killed */
        status = failure(directory, name, "cannot be replaced", err);
        goto cleanup;
    }
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    mask = umask(0777); /* nobody connects before mode and group are right */
    if (fd < 0 || bind(fd, (const struct sockaddr *)&address, sizeof(address)) != 0) {
        status = failure(directory, name, "cannot listen", err);
    }
    (void)umask(mask);
    if (status == HG_OK &&
        ((group != (gid_t)-1 && fchownat(folder, base, (uid_t)-1, group, 0) != 0) ||
         fchmodat(folder, base, mode, 0) != 0 || listen(fd, BACKLOG) != 0)) {
        status = failure(directory, name, "cannot listen", err);
    }
    if (status == HG_OK) {
        *out_fd = fd;
        fd = -1;
    }

cleanup:
    if (fd >= 0) {
        (void)close(fd);
    }
    if (folder >= 0) {
        (void)close(folder);
    }
    return status;
}

hg_status hgh_local_socket_path(const char *directory,
                                const char *name,
                                char into[HGH_LOCAL_PATH_MAX],
                                int *out_directory,
                                hg_error *err)
{
    const char *base;
    int folder = directory_open(directory, name, &base);
    struct sockaddr_un address;
    struct stat info;
    hg_status status = HG_OK;

    if (folder < 0 || !address_make(folder, base, &address) ||
        fstatat(folder, base, &info, AT_SYMLINK_NOFOLLOW) != 0) {
        status = hg_error_set(err, errno == EACCES ? HG_ERR_IO : HG_ERR_NOT_FOUND, "%s/%s: %s",
                              directory, name, strerror(errno));
    } else if (!S_ISSOCK(info.st_mode)) {
        status = hg_error_set(err, HG_ERR_NOT_FOUND, "%s/%s: is no socket", directory, name);
    } else if (faccessat(folder, base, W_OK, AT_EACCESS) != 0) {
        status = failure(directory, name, "it is for the instance's owner", err);
    }
    if (status != HG_OK) {
        if (folder >= 0) {
            (void)close(folder);
        }
        return status;
    }
    (void)snprintf(into, HGH_LOCAL_PATH_MAX, "%s", address.sun_path);
    *out_directory = folder;
    return HG_OK;
}

void hgh_local_socket_remove(const char *directory, const char *name)
{
    const char *base;
    int folder = directory_open(directory, name, &base);

    if (folder >= 0) {
        (void)unlinkat(folder, base, 0); /* not there, or the next start replaces it */
        (void)close(folder);
    }
}

bool hgh_local_socket_fits(const char *directory, const char *name)
{
    return strlen(directory) + 1 + strlen(name) < sizeof(((struct sockaddr_un *)NULL)->sun_path);
}
