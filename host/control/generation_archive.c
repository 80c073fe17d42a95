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

/* The number that a file's name stands for; 0: it is none of ours. */
static uint64_t number_of(const char *file_name)
{
    uint64_t number = strtoull(file_name, NULL, 10);
    char written[32];

    (void)snprintf(written, sizeof(written), "%llu.json", (unsigned long long)number);
    return strcmp(written, file_name) == 0 ? number : 0;
}

/* The numbers of the newest ones, the newest first; returns how many. */
static size_t numbers_list(const char *directory, uint64_t numbers[FILES_MAX])
{
    DIR *stream = opendir(directory);
    const struct dirent *item;
    size_t count = 0;

    while (stream != NULL && (item = readdir(stream)) != NULL) {
        uint64_t number = number_of(item->d_name);
        size_t at;

        if (number == 0 || (count == FILES_MAX && number < numbers[FILES_MAX - 1])) {
            continue;
        }
        count += count < FILES_MAX;
        for (at = count - 1; at > 0 && numbers[at - 1] < number; at--) {
            numbers[at] = numbers[at - 1];
        }
        numbers[at] = number;
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
    hg_status status;
    size_t count;

    status = path != NULL
                 ? hgh_manifest_write(path, manifest, err)
                 : hg_error_set(err, HG_ERR_NO_MEMORY, "%s: out of memory", HGH_ARCHIVE_DIRECTORY);
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
    json_t *all = directory == NULL ? NULL : json_array();
    uint64_t numbers[FILES_MAX];
    size_t count = all == NULL ? 0 : numbers_list(directory, numbers);

    for (size_t i = 0; i < count && i < HGH_ARCHIVE_MAX && all != NULL; i++) {
        char *path = file_path(directory, numbers[i]);
        json_t *manifest = NULL;

        if (path == NULL || (hgh_manifest_read(path, &manifest, NULL) == HG_OK &&
                             manifest != NULL && json_array_append_new(all, manifest) != 0)) {
            json_decref(all); /* one too few would cost the objects that it names */
            all = NULL;
        }
        free(path);
    }
    free(directory);
    return all;
}
