/* host/control/nginx_binary.c - the nginx that is to run: found, and known to load our module. */
#include "host/control/nginx_binary.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "host/control/build_config.h"
#include "host/core/time_limit.h"

#define OUTPUT_MAX     65536u /* bytes that `nginx -V` may print */
#define ANSWER_WAIT_MS HGH_TIME_LIMIT(10000)
#define VERSION_BEFORE "nginx version: nginx/"
#define VERSION_MAX    32u
#define OTHER_PLACES   "/usr/sbin:/usr/local/sbin:/sbin" /* often not in a user's PATH */

static bool is_program(const char *path)
{
    struct stat info;

    return stat(path, &info) == 0 && S_ISREG(info.st_mode) && access(path, X_OK) == 0;
}

/* Searches `places`, a list as in PATH. */
static bool search(const char *places, const char *name, char found[PATH_MAX])
{
    while (*places != '\0') {
        size_t length = strcspn(places, ":");

        if (length > 0 &&
            snprintf(found, PATH_MAX, "%.*s/%s", (int)length, places, name) < PATH_MAX &&
            is_program(found)) {
            return true;
        }
        places += length;
        places += *places == ':' ? 1 : 0;
    }
    return false;
}

hg_status hgh_nginx_binary_find(const char *name, char **out_path, hg_error *err)
{
    const char *places = getenv("PATH");
    char found[PATH_MAX];
    char *path;

    if (strchr(name, '/') != NULL) {
        if (!is_program(name)) {
            return hg_error_set(err, HG_ERR_NOT_FOUND, "hotgate.nginx: %s is not a program", name);
        }
        path = realpath(name, NULL);
    } else if (search(places == NULL ? "" : places, name, found) ||
               search(OTHER_PLACES, name, found)) {
        path = strdup(found);
    } else if (strcmp(name, "nginx") == 0) {
        return hg_error_set(err, HG_ERR_NOT_FOUND, "nginx is not installed: apt-get install nginx");
    } else {
        return hg_error_set(err, HG_ERR_NOT_FOUND,
                            "hotgate.nginx: %s is neither in PATH nor in " OTHER_PLACES, name);
    }
    if (path == NULL) {
        return hg_error_set(err, HG_ERR_NO_MEMORY, "out of memory");
    }
    *out_path = path;
    return HG_OK;
}

static int64_t now_ms(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* All that comes until the other end closes; false if that takes too long. */
static bool read_output(int fd, char *output)
{
    int64_t deadline = now_ms() + ANSWER_WAIT_MS;
    size_t length = 0;
    bool is_closed = false;

    while (!is_closed) {
        struct pollfd wanted = {.fd = fd, .events = POLLIN};
        int64_t left = deadline - now_ms();
        char rest[1024]; /* what is too much is read and dropped, so that the writer ends */
        size_t room = OUTPUT_MAX - 1 - length;
        ssize_t got;

        if (left <= 0) {
            return false;
        }
        if (poll(&wanted, 1, (int)left) <= 0) {
            continue;
        }
        got = read(fd, room > 0 ? output + length : rest, room > 0 ? room : sizeof(rest));
        if (got > 0 && room > 0) {
            length += (size_t)got;
        }
        is_closed = got == 0 || (got < 0 && errno != EINTR);
    }
    output[length] = '\0';
    return true;
}

static void become_nginx(const char *path, int output)
{
    char program[PATH_MAX];
    char option[] = "-V";
    char *arguments[] = {program, option, NULL};
    int nothing = open("/dev/null", O_RDWR | O_CLOEXEC);

    (void)snprintf(program, sizeof(program), "%s", path);
    if (dup2(nothing, STDIN_FILENO) >= 0 && dup2(output, STDOUT_FILENO) >= 0 &&
        dup2(output, STDERR_FILENO) >= 0) {
        (void)execv(program, arguments);
        (void)dprintf(STDERR_FILENO, "%s\n", strerror(errno));
    }
    _exit(127);
}

static hg_status ask(const char *path, char *output, hg_error *err)
{
    int ends[2];
    bool is_read;
    pid_t child;

    if (pipe2(ends, O_CLOEXEC) != 0) {
        return hg_error_set(err, HG_ERR_IO, "a pipe: %s", strerror(errno));
    }
    child = fork();
    if (child == 0) {
        become_nginx(path, ends[1]);
    }
    (void)close(ends[1]);
    if (child < 0) {
        (void)close(ends[0]);
        return hg_error_set(err, HG_ERR_IO, "a process: %s", strerror(errno));
    }
    is_read = read_output(ends[0], output);
    (void)close(ends[0]);
    if (!is_read) {
        (void)kill(child, SIGKILL);
    }
    (void)waitpid(child, NULL, 0);
    return is_read ? HG_OK : hg_error_set(err, HG_ERR_TIMEOUT, "%s -V: does not end", path);
}

static hg_status judge(const char *path, const char *output, hg_error *err)
{
    const char *at = strstr(output, VERSION_BEFORE);
    char version[VERSION_MAX];

    if (at == NULL) {
        return hg_error_set(err, HG_ERR_INVALID, "%s is not nginx: `-V` says \"%.*s\"", path,
                            (int)strcspn(output, "\r\n"), output);
    }
    at += strlen(VERSION_BEFORE);
    (void)snprintf(version, sizeof(version), "%.*s", (int)strcspn(at, " \r\n"), at);
    if (strcmp(version, HGH_NGINX_VERSION) != 0) {
        return hg_error_set(err, HG_ERR_INVALID,
                            "%s is nginx %s, but hotgate was built for nginx " HGH_NGINX_VERSION
                            ": install that version, or build hotgate again with the sources of "
                            "the one that is installed (nginx-dev)",
                            path, version);
    }
    if (strstr(output, "--with-compat") == NULL) {
        return hg_error_set(err, HG_ERR_INVALID,
                            "%s was built without --with-compat: it loads no modules but its own",
                            path);
    }
    return HG_OK;
}

hg_status hgh_nginx_binary_check(const char *path, hg_error *err)
{
    char *output = malloc(OUTPUT_MAX);
    hg_status status;

    if (output == NULL) {
        return hg_error_set(err, HG_ERR_NO_MEMORY, "out of memory");
    }
    status = ask(path, output, err);
    if (status == HG_OK) {
        status = judge(path, output, err);
    }
    free(output);
    return status;
}
