/* host/cli/runner_objects.c - the objects of a runner: looked for, examined and copied. */
#include "host/cli/runner_objects.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "host/cli/examination.h"
#include "host/control/plugin_scan.h"
#include "host/control/staging.h"

#define FOLDER_PREFIX "hotgate-runner-"

/* The live configurations of one plugin. */
static json_t *live_of(const json_t *live, const char *name)
{
    json_t *own = json_array();

    for (size_t i = 0; i < json_array_size(live); i++) {
        json_t *config = json_array_get(live, i);
        const char *plugin = json_string_value(json_object_get(config, "plugin"));

        if (plugin != NULL && strcmp(plugin, name) == 0) {
            (void)json_array_append(own, config);
        }
    }
    return own;
}

static const char *text_of(const json_t *report, const char *member)
{
    const char *text = json_string_value(json_object_get(report, member));

    return text == NULL ? "" : text;
}

static void rejected_add(json_t *result, const char *name, const json_t *report, const char *error)
{
    (void)json_array_append_new(json_object_get(result, "rejected"),
                                json_pack("{s:s, s:s, s:s}", "name", name, "sha256",
                                          text_of(report, "sha256"), "error", error));
}

/* One object: among the plugins, or among the rejected ones with the first reason. */
static void object_examine(const char *copies,
                           const hgh_found_plugin *found,
                           uint64_t generation,
                           const json_t *live,
                           json_t *result)
{
    json_t *own = live_of(live, found->name);
    const hgh_examination_options options = {
        .path = found->path,
        .live = own,
        .directory = copies,
        .generation = generation,
    };
    json_t *report = NULL;

    if (found->conflict != NULL) {
        rejected_add(result, found->name, NULL, found->conflict);
    } else {
        report = hgh_examination_run(&options);
        if (hgh_examination_is_accepted(report)) {
            (void)json_array_append_new(json_object_get(result, "plugins"),
                                        json_pack("{s:s, s:s, s:s, s:s}", "name", found->name,
                                                  "version", text_of(report, "version"), "sha256",
                                                  text_of(report, "sha256"), "path",
                                                  text_of(report, "path")));
        } else {
            rejected_add(result, found->name, report, text_of(report, "error"));
        }
    }
    json_decref(report);
    json_decref(own);
}

static int remove_one(const char *path, const struct stat *info, int kind, struct FTW *place)
{
    (void)info;
    (void)kind;
    (void)place;
    (void)remove(path); /* it is tried again */
    return 0;
}

/* True if a file's name is that of a folder of a runner that is not there any more. */
static bool is_left_behind(int directory, const char *name)
{
    struct stat info;
    int pid = 0;

    return sscanf(name, FOLDER_PREFIX "%d-", &pid) == 1 && pid > 0 && kill(pid, 0) != 0 &&
           errno == ESRCH && fstatat(directory, name, &info, AT_SYMLINK_NOFOLLOW) == 0 &&
           S_ISDIR(info.st_mode) && info.st_uid == geteuid();
}

/* Removes the copies of runners that have died while they loaded them: one that dies so is started
 * again and again. */
static void folders_sweep(const char *temporary)
{
    DIR *directory = opendir(temporary);
    const struct dirent *entry;
    char path[PATH_MAX];

    while (directory != NULL && (entry = readdir(directory)) != NULL) {
        if (is_left_behind(dirfd(directory), entry->d_name) &&
            snprintf(path, sizeof(path), "%s/%s", temporary, entry->d_name) < (int)sizeof(path)) {
            (void)nftw(path, remove_one, 8, FTW_DEPTH | FTW_PHYS);
        }
    }
    if (directory != NULL) {
        (void)closedir(directory);
    }
}

/* A new private folder, named after the runner, whose child this is; false: err says why there is
 * none. */
static bool folder_make(char *path, size_t size, hg_error *err)
{
    const char *temporary = getenv("TMPDIR");

    temporary = temporary == NULL || temporary[0] != '/' ? "/tmp" : temporary;
    folders_sweep(temporary);
    (void)snprintf(path, size, "%s/" FOLDER_PREFIX "%d-XXXXXX", temporary, (int)getppid());
    if (mkdtemp(path) == NULL) {
        (void)hg_error_set(err, HG_ERR_IO, "%.400s: %s", path, strerror(errno));
        return false;
    }
    return true;
}

json_t *hgh_runner_objects_gather(void *context, uint64_t generation, const json_t *live)
{
    const char *directory = context;
    hgh_plugin_scan scan = {0};
    hg_error err = HG_ERROR_INIT;
    char copies[PATH_MAX];
    char inner[PATH_MAX + sizeof("/" HGH_STAGING_DIRECTORY)];
    json_t *result;

    if (!folder_make(copies, sizeof(copies), &err)) {
        return json_pack("{s:s}", "error", err.text);
    }
    if (hgh_plugin_scan_run("", directory, NULL, &scan, &err) != HG_OK) {
        (void)rmdir(copies);
        hgh_plugin_scan_done(&scan);
        return json_pack("{s:s}", "error", err.text);
    }
    (void)snprintf(inner, sizeof(inner), "%s/" HGH_STAGING_DIRECTORY, copies);
    result =
        json_pack("{s:[], s:[], s:[s, s]}", "plugins", "rejected", "directories", inner, copies);
    for (size_t i = 0; i < scan.count; i++) {
        object_examine(copies, &scan.plugins[i], generation, live, result);
    }
    hgh_plugin_scan_done(&scan);
    return result;
}
