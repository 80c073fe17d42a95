/* host/control/generation_archive.c - manifests of earlier generations. */
#include "host/control/generation_archive.h"

#include <dirent.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "host/control/manifest.h"

#define FILES_MAX 64u /* looked at; there are never so many unless somebody put them there */

/* Their numbers, the newest first; returns how many. */
static size_t numbers_list(const char *directory, uint64_t numbers[FILES_MAX])
{
    DIR *stream = opendir(directory);
    const struct dirent *item;
    size_t count = 0;

    while (stream != NULL && (item = readdir(stream)) != NULL) {
        char *end = NULL;
        uint64_t number = strtoull(item->d_name, &end, 10);
        size_t at = count;

        if (end == item->d_name || strcmp(end, ".json") != 0 || count == FILES_MAX) {
            continue;
        }
        for (; at > 0 && numbers[at - 1] < number; at--) {
            numbers[at] = numbers[at - 1];
        }
        numbers[at] = number;
        count++;
    }
    if (stream != NULL) {
        (void)closedir(stream);
    }
    return count;
}

static char *file_path(const char *directory, uint64_t number)
{
    char *path = NULL;

    return asprintf(&path, "%s/%llu.json", directory, (unsigned long long)number) < 0 ? NULL : path;
}

hg_status
hgh_generation_archive_keep(const hgh_instance *instance, const json_t *manifest, hg_error *err)
{
    char *directory = hgh_instance_path(instance, HGH_ARCHIVE_DIRECTORY);
    char *path = directory == NULL ? NULL : file_path(directory, hgh_manifest_generation(manifest));
    uint64_t numbers[FILES_MAX];
    hg_status status = HG_ERR_NO_MEMORY;
    size_t count;

    if (path != NULL) {
        status = hgh_manifest_write(path, manifest, err);
    }
    free(path);
    count = status == HG_OK ? numbers_list(directory, numbers) : 0;
    for (size_t i = HGH_ARCHIVE_MAX; i < count; i++) {
        path = file_path(directory, numbers[i]);
        if (path != NULL) {
            (void)unlink(path);
        }
        free(path);
    }
    free(directory);
    return status;
}

json_t *hgh_generation_archive_all(const hgh_instance *instance)
{
    char *directory = hgh_instance_path(instance, HGH_ARCHIVE_DIRECTORY);
    json_t *all = json_array();
    uint64_t numbers[FILES_MAX];
    size_t count = directory == NULL ? 0 : numbers_list(directory, numbers);

    for (size_t i = 0; i < count && i < HGH_ARCHIVE_MAX; i++) {
        char *path = file_path(directory, numbers[i]);
        json_t *manifest = NULL;

        if (path != NULL && hgh_manifest_read(path, &manifest, NULL) == HG_OK && manifest != NULL) {
            (void)json_array_append_new(all, manifest);
        }
        free(path);
    }
    free(directory);
    return all;
}
