/* host/control/runner_output.c - what a runner prints, as lines of the log. */
#include "host/control/runner_output.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "host/control/control_log.h"

#define SECOND_MS   1000u
#define READ_BYTES  16384u
#define CLOSE_READS 64u /* of what is left at the end */

static void second_end(hgh_runner_output *output)
{
    if (output->left_out > 0) {
        hgh_log(HG_LOG_WARN, "%s: %llu more lines within a second, left out", output->name,
                (unsigned long long)output->left_out);
    }
    output->lines = 0;
    output->left_out = 0;
}

static void on_second_over(void *context)
{
    second_end(context);
}

/* A line as our own runners write them has a time, which the log has too, and a level, which is
 * its own; any other is a warning, as in APISIX. *out_text is what is to be said. */
static hg_log_level level_of(const char *line, const char **out_text)
{
    static const char *const names[] = {
        [HG_LOG_ERROR] = "error", [HG_LOG_WARN] = "warn",   [HG_LOG_NOTICE] = "notice",
        [HG_LOG_INFO] = "info",   [HG_LOG_DEBUG] = "debug",
    };
    char name[8] = "";
    int length = 0;

    *out_text = line;
    if (sscanf(line, "%*4u/%*2u/%*2u %*2u:%*2u:%*2u [%7[a-z]] %n", name, &length) == 1 &&
        length > 0) {
        for (size_t i = HG_LOG_ERROR; i < sizeof(names) / sizeof(names[0]); i++) {
            if (strcmp(names[i], name) == 0) {
                *out_text = line + length;
                return (hg_log_level)i;
            }
        }
    }
    return HG_LOG_WARN;
}

static void line_end(hgh_runner_output *output)
{
    const char *text;
    hg_log_level level;

    output->line[output->length] = '\0';
    level = level_of(output->line, &text);
    if (output->lines == 0) {
        hgh_event_loop_timer_start(output->loop, &output->second_over, SECOND_MS, on_second_over,
                                   output);
    }
    if (output->lines < HGH_RUNNER_LINES_MAX) {
        output->lines++;
        hgh_log(level, "%s: %s%s", output->name, text, output->is_long ? "..." : "");
    } else {
        output->left_out++;
    }
    output->length = 0;
    output->is_long = false;
}

static void take(hgh_runner_output *output, const char *data, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        if (data[i] == '\n') {
            line_end(output);
        } else if (output->length < HGH_RUNNER_LINE_MAX) {
            output->line[output->length++] = data[i] == '\0' ? ' ' : data[i];
        } else {
            output->is_long = true;
        }
    }
}

/* False at the end, and where nothing is there. */
static bool read_once(hgh_runner_output *output)
{
    char data[READ_BYTES];
    ssize_t got = read(output->fd, data, sizeof(data));

    if (got > 0) {
        take(output, data, (size_t)got);
    }
    return got > 0 || (got < 0 && errno == EINTR);
}

static void on_readable(void *context, uint32_t events)
{
    hgh_runner_output *output = context;

    /* It has closed both, which is allowed: its end is told by the kernel. */
    if (!read_once(output) && (events & EPOLLHUP) != 0) {
        hgh_runner_output_close(output);
    }
}

hg_status hgh_runner_output_open(
    hgh_runner_output *output, hgh_event_loop *loop, const char *name, int *out_fd, hg_error *err)
{
    hg_status status;
    int ends[2];

    if (pipe2(ends, O_CLOEXEC) != 0) {
        return hg_error_set(err, HG_ERR_IO, "%s: a pipe: %s", name, strerror(errno));
    }
    status = fcntl(ends[0], F_SETFL, O_NONBLOCK) == 0
                 ? hgh_event_loop_watch(loop, ends[0], EPOLLIN, on_readable, output, err)
                 : hg_error_set(err, HG_ERR_IO, "%s: a pipe: %s", name, strerror(errno));
    if (status != HG_OK) {
        (void)close(ends[0]);
        (void)close(ends[1]);
        return status;
    }
    output->loop = loop;
    output->name = name;
    output->fd = ends[0];
    output->is_open = true;
    *out_fd = ends[1];
    return HG_OK;
}

void hgh_runner_output_close(hgh_runner_output *output)
{
    if (!output->is_open) {
        return;
    }
    for (unsigned i = 0; i < CLOSE_READS && read_once(output); i++) {
    }
    if (output->length > 0) {
        line_end(output);
    }
    hgh_event_loop_timer_stop(output->loop, &output->second_over);
    second_end(output);
    hgh_event_loop_unwatch(output->loop, output->fd);
    (void)close(output->fd);
    output->is_open = false;
}
