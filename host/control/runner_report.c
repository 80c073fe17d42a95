/* host/control/runner_report.c - how it stands with the runners. */
#include "host/control/runner_report.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "host/control/control_log.h"

#define FILE_MODE 0640

/* Made under another name, as control may be reading it. */
static bool write_new(const hgh_instance *instance, const char *path, const json_t *runners)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, FILE_MODE);
    bool is_good = fd >= 0 && (!instance->as_root || fchown(fd, (uid_t)-1, instance->group) == 0) &&
                   json_dumpfd(runners, fd, JSON_INDENT(2)) == 0;

    return (fd < 0 || close(fd) == 0) && is_good;
}

void hgh_runner_report_write(const hgh_instance *instance, const json_t *runners)
{
    char *path = hgh_instance_path(instance, HGH_RUNNER_REPORT);
    char *temporary = hgh_instance_path(instance, HGH_RUNNER_REPORT ".new");

    if (path == NULL || temporary == NULL || !write_new(instance, temporary, runners) ||
        rename(temporary, path) != 0) {
        hgh_log(HG_LOG_ERROR, HGH_RUNNER_REPORT ": cannot be written: %s", strerror(errno));
    }
    free(temporary);
    free(path);
}

json_t *hgh_runner_report_read(const hgh_instance *instance)
{
    char *path = hgh_instance_path(instance, HGH_RUNNER_REPORT);
    json_t *runners = path == NULL ? NULL : json_load_file(path, 0, NULL);

    free(path);
    if (!json_is_array(runners)) {
        json_decref(runners);
        return json_array();
    }
    return runners;
}
