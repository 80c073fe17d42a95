/* host/control/history.c - what has been done to the plugins, by whom and with what result. */
#include "host/control/history.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define FILE_MODE      0640
#define FILE_BYTES_MAX (2u << 20) /* then the older lines go */

/* The lines of a file, the newest last: the last `limit` of those that are whole. */
static json_t *lines_read(const char *path, size_t limit)
{
    FILE *file = fopen(path, "re");
    json_t *events = json_array();
    char *line = NULL;
    size_t room = 0;

    while (file != NULL && getline(&line, &room, file) > 0) {
        json_t *event = json_loads(line, 0, NULL);

        if (json_is_object(event)) {
            (void)json_array_append(events, event);
        }
        json_decref(event);
        if (json_array_size(events) > limit) {
            (void)json_array_remove(events, 0);
        }
    }
    free(line);
    if (file != NULL) {
        (void)fclose(file);
    }
    return events;
}

/* The newest lines into a new file, which takes the place of the old one. */
static void lines_trim(const char *path)
{
    json_t *events = lines_read(path, HGH_HISTORY_EVENTS);
    char *temporary = NULL;
    FILE *file = NULL;
    bool is_good = events != NULL && asprintf(&temporary, "%s.new", path) >= 0;

    if (is_good) {
        file = fopen(temporary, "we");
        is_good = file != NULL && fchmod(fileno(file), FILE_MODE) == 0;
    }
    for (size_t i = 0; is_good && i < json_array_size(events); i++) {
        is_good = json_dumpf(json_array_get(events, i), file, JSON_COMPACT) == 0 &&
                  fputc('\n', file) != EOF;
    }
    if (file != NULL) {
        is_good = fclose(file) == 0 && is_good;
        if (!is_good || rename(temporary, path) != 0) {
            (void)unlink(temporary);
        }
    }
    free(temporary);
    json_decref(events);
}

static hg_status line_append(const char *path, const char *text, size_t length, hg_error *err)
{
    struct stat status = {0};
    int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, FILE_MODE);
    ssize_t written = fd < 0 ? -1 : write(fd, text, length);
    hg_status result = HG_OK;

    if (written != (ssize_t)length) {
        result = hg_error_set(err, HG_ERR_IO, "%s: %s", path,
                              written < 0 ? strerror(errno) : "no room for a line");
    }
    if (fd >= 0) {
        (void)fstat(fd, &status);
        (void)close(fd);
    }
    if (status.st_size > (off_t)FILE_BYTES_MAX) {
        lines_trim(path);
    }
    return result;
}

hg_status hgh_history_add(const hgh_instance *instance, json_t *event, hg_error *err)
{
    char *path = hgh_instance_path(instance, HGH_HISTORY_FILE);
    char *json = NULL;
    char *line = NULL;
    int length = -1;
    hg_status status;

    if (event != NULL && json_object_set_new(event, "at", json_integer(time(NULL))) == 0) {
        json = json_dumps(event, JSON_COMPACT);
    }
    if (path != NULL && json != NULL) {
        /* One that was cut short by a full disk ends at our line's own first byte. */
        length = asprintf(&line, "\n%s\n", json);
    }
    status = length > 0
                 ? line_append(path, line, (size_t)length, err)
                 : hg_error_set(err, HG_ERR_NO_MEMORY, "%s: out of memory", HGH_HISTORY_FILE);
    free(line);
    free(json);
    free(path);
    json_decref(event);
    return status;
}

json_t *hgh_history_read(const hgh_instance *instance, size_t limit)
{
    char *path = hgh_instance_path(instance, HGH_HISTORY_FILE);
    json_t *events = path == NULL ? NULL : lines_read(path, limit);
    json_t *turned = events == NULL ? NULL : json_array();

    for (size_t i = json_array_size(events); i-- > 0;) {
        (void)json_array_append(turned, json_array_get(events, i));
    }
    json_decref(events);
    free(path);
    return turned;
}
