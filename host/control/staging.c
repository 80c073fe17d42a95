/* host/control/staging.c - private copies of the objects that processes map. */
#include "host/control/staging.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define COPY_MODE 0440 /* control's and its group's, to read; nobody's to write */

static hg_status bytes_write(int fd, const hgh_object_file *file)
{
    size_t offset = 0;

    while (offset < file->size) {
        ssize_t written = write(fd, file->bytes + offset, file->size - offset);

        if (written < 0 && errno == EINTR) {
            continue;
        }
        if (written < 0) {
            return HG_ERR_IO;
        }
        offset += (size_t)written;
    }
    /* A generation that survives a power cut needs objects that do. */
    return fsync(fd) == 0 ? HG_OK : HG_ERR_IO;
}

hg_status hgh_staging_write(const hgh_instance *instance,
                            const char *name,
                            uint64_t generation,
                            const hgh_object_file *file,
                            char **out_path,
                            hg_error *err)
{
    char *relative = NULL;
    char *path = NULL;
    int fd = -1;
    hg_status status = HG_OK;

    if (asprintf(&relative, HGH_STAGING_DIRECTORY "/%s.%s.%llu.so", name, file->sha256,
                 (unsigned long long)generation) < 0 ||
        (path = hgh_instance_path(instance, relative)) == NULL) {
        free(relative);
        return hg_error_set(err, HG_ERR_NO_MEMORY, "%s: out of memory", name);
    }
    (void)unlink(path); /* left by a reload that was refused or cut off: no process maps it */
    fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, COPY_MODE);
    if (fd < 0 || bytes_write(fd, file) != HG_OK || fchmod(fd, COPY_MODE) != 0) {
        status = hg_error_set(err, HG_ERR_IO, "%s: %s", path, strerror(errno));
    }
    if (fd >= 0 && close(fd) != 0 && status == HG_OK) {
        status = hg_error_set(err, HG_ERR_IO, "%s: %s", path, strerror(errno));
    }
    if (status == HG_OK) {
        *out_path = relative;
        relative = NULL; /* now the caller's */
    } else if (fd >= 0) {
        (void)unlink(path);
    }
    free(relative);
    free(path);
    return status;
}

void hgh_staging_remove(const hgh_instance *instance, const char *path)
{
    char *full = hgh_instance_path(instance, path);

    if (full != NULL) {
        (void)unlink(full);
    }
    free(full);
}

static bool entry_names(const json_t *entry, const char *file)
{
    const char *path = json_string_value(json_object_get(entry, "path"));
    const char *slash = path == NULL ? NULL : strrchr(path, '/');

    return slash != NULL && strcmp(slash + 1, file) == 0;
}

static bool is_named(const json_t *manifests, const char *file)
{
    for (size_t i = 0; i < json_array_size(manifests); i++) {
        size_t index;
        json_t *entry;

        json_array_foreach(json_object_get(json_array_get(manifests, i), "plugins"), index, entry)
        {
            if (entry_names(entry, file) || entry_names(json_object_get(entry, "previous"), file)) {
                return true;
            }
        }
    }
    return false;
}

void hgh_staging_sweep(const hgh_instance *instance, const json_t *manifests)
{
    char *path = hgh_instance_path(instance, HGH_STAGING_DIRECTORY);
    DIR *directory = path == NULL ? NULL : opendir(path);
    const struct dirent *item;

    while (directory != NULL && (item = readdir(directory)) != NULL) {
        if (item->d_name[0] != '.' && !is_named(manifests, item->d_name)) {
            (void)unlinkat(dirfd(directory), item->d_name, 0); /* a subdirectory stays */
        }
    }
    if (directory != NULL) {
        (void)closedir(directory);
    }
    free(path);
}

hg_status hgh_staging_check(const hgh_instance *instance, hg_error *err)
{
    char *path = hgh_instance_path(instance, HGH_STAGING_DIRECTORY);
    struct statvfs status;
    hg_status result = HG_OK;

    if (path == NULL) {
        return hg_error_set(err, HG_ERR_NO_MEMORY, "out of memory");
    }
    if (statvfs(path, &status) != 0) {
        result = hg_error_set(err, HG_ERR_IO, "%s: %s", path, strerror(errno));
    } else if ((status.f_flag & ST_NOEXEC) != 0) {
        result = hg_error_set(err, HG_ERR_IO,
                              "%s: is on a filesystem mounted noexec, no plugin can be loaded from "
                              "it: move the instance directory or remount",
                              path);
    }
    free(path);
    return result;
}
