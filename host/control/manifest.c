/* host/control/manifest.c - what a generation consists of: state/generation.json. */
#include "host/control/manifest.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_MODE 0640

json_t *hgh_manifest_new(void)
{
    return json_pack("{s:i, s:i, s:n, s:[]}", "generation", 0, "next_number", 1, "listed",
                     "plugins");
}

static bool entry_is_valid(const json_t *entry)
{
    json_int_t number = json_integer_value(json_object_get(entry, "number"));

    return json_is_string(json_object_get(entry, "name")) &&
           json_is_string(json_object_get(entry, "sha256")) &&
           json_is_string(json_object_get(entry, "path")) && number >= 1 &&
           number <= HGH_OBJECT_NUMBER_MAX;
}

static bool manifest_is_valid(const json_t *manifest)
{
    const json_t *plugins = json_object_get(manifest, "plugins");
    const json_t *listed = json_object_get(manifest, "listed");
    const json_t *generation = json_object_get(manifest, "generation");

    if (!json_is_integer(generation) || json_integer_value(generation) < 0 ||
        !json_is_array(plugins) || !(json_is_null(listed) || json_is_array(listed))) {
        return false;
    }
    for (size_t i = 0; i < json_array_size(plugins); i++) {
        const json_t *entry = json_array_get(plugins, i);

        if (!entry_is_valid(entry) || /* and it is the only one of that name */
            hgh_manifest_find(manifest, json_string_value(json_object_get(entry, "name"))) !=
                entry) {
            return false;
        }
    }
    return true;
}

hg_status hgh_manifest_read(const char *path, json_t **out_manifest, hg_error *err)
{
    json_error_t where;
    json_t *manifest;
    struct stat status;

    if (stat(path, &status) != 0) {
        if (errno != ENOENT) {
            return hg_error_set(err, HG_ERR_IO, "%s: %s", path, strerror(errno));
        }
        *out_manifest = NULL;
        return HG_OK;
    }
    if (status.st_size > (off_t)HGH_MANIFEST_BYTES_MAX) {
        return hg_error_set(err, HG_ERR_INVALID, "%s: too long", path);
    }
    manifest = json_load_file(path, 0, &where);
    if (manifest == NULL) {
        return hg_error_set(err, HG_ERR_INVALID,
                            "%s:%d:%d: %s; move it away to start from the plugins directory", path,
                            where.line, where.column, where.text);
    }
    if (!manifest_is_valid(manifest)) {
        json_decref(manifest);
        return hg_error_set(err, HG_ERR_INVALID,
                            "%s: is no manifest of this version; move it away to start from the "
                            "plugins directory",
                            path);
    }
    *out_manifest = manifest;
    return HG_OK;
}

/* The rename has taken place whether or not it lasts beyond a power cut: no way leads back from it,
 * so a failure here is none of the write's. */
static void directory_sync(const char *path)
{
    char *copy = strdup(path);
    int fd = copy == NULL ? -1 : open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (fd >= 0) {
        (void)fsync(fd);
        (void)close(fd);
    }
    free(copy);
}

static hg_status text_write(int fd, const char *text)
{
    size_t length = strlen(text);

    while (length > 0) {
        ssize_t written = write(fd, text, length);

        if (written < 0 && errno == EINTR) {
            continue;
        }
        if (written < 0) {
            return HG_ERR_IO;
        }
        text += written;
        length -= (size_t)written;
    }
    return fsync(fd) == 0 ? HG_OK : HG_ERR_IO;
}

hg_status hgh_manifest_write(const char *path, const json_t *manifest, hg_error *err)
{
    char *text = json_dumps(manifest, JSON_INDENT(2));
    char *temporary = NULL;
    int fd = -1;
    hg_status status = HG_OK;

    if (text == NULL || asprintf(&temporary, "%s.new", path) < 0) {
        free(text);
        return hg_error_set(err, HG_ERR_NO_MEMORY, "%s: out of memory", path);
    }
    fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, FILE_MODE);
    if (fd < 0 || text_write(fd, text) != HG_OK) {
        status = hg_error_set(err, HG_ERR_IO, "%s: %s", temporary, strerror(errno));
    }
    if (fd >= 0 && close(fd) != 0 && status == HG_OK) {
        status = hg_error_set(err, HG_ERR_IO, "%s: %s", temporary, strerror(errno));
    }
    if (status == HG_OK && rename(temporary, path) != 0) {
        status = hg_error_set(err, HG_ERR_IO, "%s: %s", path, strerror(errno));
    }
    if (status == HG_OK) {
        directory_sync(path);
    } else {
        (void)unlink(temporary);
    }
    free(temporary);
    free(text);
    return status;
}

uint64_t hgh_manifest_generation(const json_t *manifest)
{
    return (uint64_t)json_integer_value(json_object_get(manifest, "generation"));
}

json_t *hgh_manifest_find(const json_t *manifest, const char *name)
{
    size_t index;
    json_t *entry;

    json_array_foreach(json_object_get(manifest, "plugins"), index, entry)
    {
        if (strcmp(json_string_value(json_object_get(entry, "name")), name) == 0) {
            return entry;
        }
    }
    return NULL;
}

static bool number_is_used(const json_t *manifest, uint32_t number)
{
    size_t index;
    json_t *entry;

    json_array_foreach(json_object_get(manifest, "plugins"), index, entry)
    {
        if (json_integer_value(json_object_get(entry, "number")) == (json_int_t)number) {
            return true;
        }
    }
    return false;
}

uint32_t hgh_manifest_take_number(json_t *manifest)
{
    json_int_t next = json_integer_value(json_object_get(manifest, "next_number"));

    if (next < 1 || next > (json_int_t)HGH_OBJECT_NUMBER_MAX) {
        next = 1; /* not there, or not ours */
    }
    for (uint32_t i = 0; i < HGH_OBJECT_NUMBER_MAX; i++) {
        uint32_t number = (uint32_t)((next - 1 + (json_int_t)i) % HGH_OBJECT_NUMBER_MAX) + 1;

        if (!number_is_used(manifest, number)) {
            (void)json_object_set_new(manifest, "next_number",
                                      json_integer(number % HGH_OBJECT_NUMBER_MAX + 1));
            return number;
        }
    }
    return 0;
}
