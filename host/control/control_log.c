/* host/control/control_log.c - logs/control.log: the supervisor's and control's messages. */
#include "host/control/control_log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define TEXT_MAX (HG_LOG_LINE_MAX * 2u) /* room for escapes */

/* The process has one log, as it has one stderr. */
static struct {
    char *path;
    int fd; /* meaningful with a path */
    bool also_stderr;
    hg_log_level level;
} log_state = {.level = HG_LOG_NOTICE};

static hg_status open_file(const char *path, int *out_fd, hg_error *err)
{
    int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0640);

    if (fd < 0) {
        return hg_error_set(err, HG_ERR_IO, "%s: cannot be written: %s", path, strerror(errno));
    }
    *out_fd = fd;
    return HG_OK;
}

hg_status hgh_log_open(const char *path, bool also_stderr, hg_error *err)
{
    char *copy = strdup(path);
    hg_status status;
    int fd = -1;

    if (copy == NULL) {
        return hg_error_set(err, HG_ERR_NO_MEMORY, "out of memory");
    }
    status = open_file(path, &fd, err);
    if (status != HG_OK) {
        free(copy);
        return status;
    }
    hgh_log_close();
    log_state.path = copy;
    log_state.fd = fd;
    log_state.also_stderr = also_stderr;
    return HG_OK;
}

void hgh_log_set_level(hg_log_level level)
{
    log_state.level = level;
}

static const char *level_name(hg_log_level level)
{
    static const char *const names[] = {
        [HG_LOG_ERROR] = "error", [HG_LOG_WARN] = "warn",   [HG_LOG_NOTICE] = "notice",
        [HG_LOG_INFO] = "info",   [HG_LOG_DEBUG] = "debug",
    };

    return names[level];
}

/* Bytes above 0x7f pass: they are UTF-8 as a rule. Returns the length. */
static size_t escape(const char *text, char *out, size_t size)
{
    size_t length = 0;

    for (const char *at = text; *at != '\0' && length + sizeof("\\x00") < size; at++) {
        unsigned char byte = (unsigned char)*at;

        if (byte == '\n') {
            length += (size_t)snprintf(out + length, size - length, "\\n");
        } else if (byte < 0x20 || byte == 0x7f) {
            length += (size_t)snprintf(out + length, size - length, "\\x%02X", byte);
        } else {
            out[length++] = *at;
        }
    }
    out[length] = '\0';
    return length;
}

static void write_line(int fd, const char *line, size_t length)
{
    (void)!write(fd, line, length); /* a full disk must not stop the gateway */
}

void hgh_log(hg_log_level level, const char *format, ...)
{
    char text[HG_LOG_LINE_MAX];
    char line[TEXT_MAX];
    struct tm now;
    time_t seconds = time(NULL);
    size_t length;
    va_list arguments;

    if (level > log_state.level) {
        return;
    }
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    (void)localtime_r(&seconds, &now);
    length = strftime(line, sizeof(line), "%Y/%m/%d %H:%M:%S", &now);
    length += (size_t)snprintf(line + length, sizeof(line) - length,
                               " [%s] %ld#0: ", level_name(level), (long)getpid());
    length += escape(text, line + length, sizeof(line) - length - 1);
    line[length++] = '\n';
    if (log_state.path != NULL) {
        write_line(log_state.fd, line, length);
    }
    if (log_state.path == NULL || log_state.also_stderr) {
        write_line(STDERR_FILENO, line, length);
    }
}

hg_status hgh_log_reopen(hg_error *err)
{
    hg_status status;
    int fd = -1;

    if (log_state.path == NULL) {
        return HG_OK;
    }
    status = open_file(log_state.path, &fd, err);
    if (status == HG_OK) {
        (void)close(log_state.fd);
        log_state.fd = fd;
    }
    return status;
}

void hgh_log_close(void)
{
    if (log_state.path != NULL) {
        (void)close(log_state.fd);
        free(log_state.path);
        log_state.path = NULL;
    }
}
