/* host/control/object_file.c - reads what the gateway is to run or to trust, once, and with care.
 */
#include "host/control/object_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/evp.h>

/* Who may have made a file that we are to run: root and ourselves. */
static bool owner_is_trusted(uid_t owner)
{
    return owner == 0 || owner == geteuid();
}

static hg_status
access_check(const struct stat *status, const char *path, size_t length, hg_error *err)
{
    bool writable = (status->st_mode & (S_IWGRP | S_IWOTH)) != 0;
    /* In a sticky directory of root's, such as the system's temporary one, others cannot replace
     * what is ours. */
    bool sticky =
        S_ISDIR(status->st_mode) && (status->st_mode & S_ISVTX) != 0 && status->st_uid == 0;

    if (!owner_is_trusted(status->st_uid)) {
        return hg_error_set(err, HG_ERR_INVALID,
                            "%.*s: belongs to user %u, wanted root or user %u: chown it",
                            (int)length, path, status->st_uid, geteuid());
    }
    if (writable && !sticky) {
        return hg_error_set(err, HG_ERR_INVALID, "%.*s: can be written by others: chmod go-w",
                            (int)length, path);
    }
    return HG_OK;
}

static hg_status
kind_check(const struct stat *status, const char *path, size_t bytes_max, hg_error *err)
{
    if (!S_ISREG(status->st_mode)) {
        return hg_error_set(err, HG_ERR_INVALID, "%s: is not a regular file", path);
    }
    if (status->st_size > (off_t)bytes_max) {
        return hg_error_set(err, HG_ERR_TOO_LARGE, "%s: has %lld bytes, at most %zu are taken",
                            path, (long long)status->st_size, bytes_max);
    }
    return HG_OK;
}

static hg_status
file_check(const struct stat *status, const char *path, size_t bytes_max, hg_error *err)
{
    hg_status result = kind_check(status, path, bytes_max, err);

    if (result != HG_OK) {
        return result;
    }
    if (status->st_nlink != 1) {
        return hg_error_set(err, HG_ERR_INVALID,
                            "%s: has %lu names: copy it, hard links can be changed elsewhere", path,
                            (unsigned long)status->st_nlink);
    }
    return access_check(status, path, strlen(path), err);
}

/* Walks to the file, one component at a time, so that no link on the way is followed. */
static hg_status file_open(const char *path, size_t bytes_max, int *out_fd, hg_error *err)
{
    int directory = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
    const char *at = path;
    struct stat status;
    hg_status result = HG_OK;

    while (*at == '/') {
        at++;
    }
    while (directory >= 0 && result == HG_OK) {
        size_t length = strcspn(at, "/");
        bool last = at[length + strspn(at + length, "/")] == '\0';
        char component[256];
        int next;

        if (length == 0 || length >= sizeof(component)) {
            result = hg_error_set(err, HG_ERR_INVALID, "%s: is no usable path", path);
            break;
        }
        memcpy(component, at, length);
        component[length] = '\0';
        /* NONBLOCK: opening a FIFO must not wait for its writer. */
        next =
            openat(directory, component,
                   (last ? O_RDONLY | O_NONBLOCK : O_PATH | O_DIRECTORY) | O_NOFOLLOW | O_CLOEXEC);
        if (next < 0 || fstat(next, &status) != 0) {
            int code = errno;

            result = hg_error_set(err, code == ENOENT ? HG_ERR_NOT_FOUND : HG_ERR_IO, "%.*s: %s",
                                  (int)(at + length - path), path,
                                  code == ELOOP || code == ENOTDIR
                                      ? "is a link, or not a directory: use the real path"
                                      : strerror(code));
        } else {
            result = last ? file_check(&status, path, bytes_max, err)
                          : access_check(&status, path, (size_t)(at + length - path), err);
        }
        (void)close(directory);
        directory = next;
        if (result == HG_OK && last) {
            *out_fd = directory;
            return HG_OK;
        }
        at += length + strspn(at + length, "/");
    }
    if (directory >= 0) {
        (void)close(directory);
    }
    return result == HG_OK ? hg_error_set(err, HG_ERR_IO, "/: %s", strerror(errno)) : result;
}

static hg_status file_hash(hgh_object_file *file)
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned length = 0;

    if (EVP_Digest(file->bytes, file->size, digest, &length, EVP_sha256(), NULL) != 1) {
        return HG_ERR_NO_MEMORY;
    }
    for (unsigned i = 0; i < length && 2 * i + 2 < sizeof(file->sha256); i++) {
        (void)snprintf(file->sha256 + (size_t)2 * i, 3, "%02x", digest[i]);
    }
    return HG_OK;
}

/* True if nobody has written to it between two looks. */
static bool is_unchanged(const struct stat *before, const struct stat *after)
{
    return before->st_size == after->st_size && before->st_mtim.tv_sec == after->st_mtim.tv_sec &&
           before->st_mtim.tv_nsec == after->st_mtim.tv_nsec;
}

/* All bytes that the file has now. A file that is cut meanwhile is shorter. */
static hg_status bytes_read(int fd, size_t size, hgh_object_file *file)
{
    while (file->size < size) {
        ssize_t got = read(fd, file->bytes + file->size, size - file->size);

        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0) {
            return HG_ERR_IO;
        }
        if (got == 0) {
            return HG_OK;
        }
        file->size += (size_t)got;
    }
    return HG_OK;
}

/* Reads what is open; closes it. */
static hg_status file_take(int fd, const char *path, hgh_object_file *out_file, hg_error *err)
{
    hgh_object_file file = {0};
    hg_status result = HG_OK;
    struct stat before;
    struct stat after;

    if (fstat(fd, &before) != 0 || (file.bytes = malloc((size_t)before.st_size + 1)) == NULL) {
        (void)close(fd);
        return hg_error_set(err, HG_ERR_NO_MEMORY, "%s: out of memory", path);
    }
    if (bytes_read(fd, (size_t)before.st_size, &file) != HG_OK || fstat(fd, &after) != 0) {
        result = hg_error_set(err, HG_ERR_IO, "%s: %s", path, strerror(errno));
    } else if (!is_unchanged(&before, &after)) {
        result = hg_error_set(err, HG_ERR_IO,
                              "%s: was written to while it was read: copy to another name, then "
                              "rename",
                              path);
    } else if (file_hash(&file) != HG_OK) {
        result = hg_error_set(err, HG_ERR_NO_MEMORY, "%s: out of memory", path);
    }
    (void)close(fd);
    if (result == HG_OK) {
        *out_file = file;
    } else {
        free(file.bytes);
    }
    return result;
}

hg_status
hgh_object_file_read(const char *path, size_t bytes_max, hgh_object_file *out_file, hg_error *err)
{
    int fd = -1;
    hg_status result = file_open(path, bytes_max, &fd, err);

    return result == HG_OK ? file_take(fd, path, out_file, err) : result;
}

hg_status hgh_object_file_read_anywhere(const char *path,
                                        size_t bytes_max,
                                        hgh_object_file *out_file,
                                        hg_error *err)
{
    int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    hg_status result = HG_OK;
    struct stat status;

    if (fd < 0 || fstat(fd, &status) != 0) {
        result = hg_error_set(err, errno == ENOENT ? HG_ERR_NOT_FOUND : HG_ERR_IO, "%s: %s", path,
                              strerror(errno));
    } else {
        result = kind_check(&status, path, bytes_max, err);
    }
    if (result == HG_OK) {
        return file_take(fd, path, out_file, err);
    }
    if (fd >= 0) {
        (void)close(fd);
    }
    return result;
}

void hgh_object_file_done(hgh_object_file *file)
{
    free(file->bytes);
    file->bytes = NULL;
    file->size = 0;
}
