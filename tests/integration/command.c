/* tests/integration/command.c - starts other programs, and waits for what is to become true. */
#include "tests/integration/command.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/unit/unit.h"

#define COMMAND_MAX_MS 120000

int64_t clock_ms(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* In the child: what it will not see. Without the right to mount it sees it, and the checks of
 * what it has mapped must do. */
static void hide(const char *folder)
{
    if (folder != NULL && unshare(CLONE_NEWNS) == 0 &&
        mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0) {
        (void)mount("none", folder, "tmpfs", 0, NULL);
    }
}

/* In the child: all that is mounted can be read only, but for this folder. */
static bool write_only(const char *folder)
{
    static const char *const places[] = {"/", "/dev/shm"};

    if (unshare(CLONE_NEWNS) != 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
        mount(folder, folder, NULL, MS_BIND, NULL) != 0) {
        return false;
    }
    for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
        if (mount(NULL, places[i], NULL, MS_REMOUNT | MS_BIND | MS_RDONLY, NULL) != 0 && i == 0) {
            return false;
        }
    }
    return true;
}

static void become(const command *what, int output)
{
    int nothing = open("/dev/null", O_RDONLY | O_CLOEXEC);

    if (dup2(nothing, STDIN_FILENO) < 0 || dup2(output, STDOUT_FILENO) < 0 ||
        dup2(output, STDERR_FILENO) < 0 || close_range(3, ~0u, 0) != 0) {
        _exit(126);
    }
    hide(what->hide);
    if (what->only_writes != NULL && !write_only(what->only_writes)) {
        _exit(125);
    }
    if (what->file_max_bytes > 0) {
        struct rlimit limit = {what->file_max_bytes, what->file_max_bytes};

        (void)setrlimit(RLIMIT_FSIZE, &limit);
    }
    if (what->user != 0 &&
        (setgroups(0, NULL) != 0 || setgid((gid_t)what->user) != 0 || setuid(what->user) != 0)) {
        _exit(126);
    }
    if (what->directory != NULL && chdir(what->directory) != 0) {
        _exit(126);
    }
    (void)prctl(PR_SET_PDEATHSIG, SIGTERM); /* a test that is killed leaves nothing running */
    for (const char *const *item = what->environment; item != NULL && *item != NULL; item++) {
        (void)putenv((char *)(uintptr_t)*item);
    }
    (void)execvp(what->arguments[0], (char *const *)(uintptr_t)what->arguments);
    (void)dprintf(STDERR_FILENO, "%s: %s\n", what->arguments[0], strerror(errno));
    _exit(127);
}

pid_t command_start(const command *what, int output)
{
    pid_t child = fork();

    if (child == 0) {
        become(what, output);
    }
    return child;
}

int wait_for_end(pid_t child, int64_t timeout_ms)
{
    int64_t deadline_ms = clock_ms() + timeout_ms;
    int status = 0;

    while (waitpid(child, &status, WNOHANG) == 0) {
        if (clock_ms() > deadline_ms) {
            return -1;
        }
        (void)poll(NULL, 0, 5);
    }
    return status;
}

int command_run(const command *what, char **out_text)
{
    char path[] = "/tmp/hotgate-output-XXXXXX";
    int output = mkostemp(path, O_CLOEXEC);
    pid_t child = command_start(what, output);
    int status = child < 0 ? -1 : wait_for_end(child, COMMAND_MAX_MS);

    if (child > 0 && status < 0) {
        (void)kill(child, SIGKILL);
        (void)waitpid(child, NULL, 0);
    }
    (void)close(output);
    if (out_text != NULL) {
        *out_text = file_read(path);
    }
    (void)unlink(path);
    if (status < 0) {
        return -1;
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

void shell(const char *format, ...)
{
    char line[4096];
    const char *arguments[] = {"sh", "-ec", line, NULL};
    command what = {.arguments = arguments};
    char *text = NULL;
    va_list values;
    int code;

    va_start(values, format);
    (void)vsnprintf(line, sizeof(line), format, values);
    va_end(values);
    code = command_run(&what, &text);
    if (code != 0) {
        fail_msg("%s\nexit code %d: %s", line, code, text);
    }
    free(text);
}

bool process_lives(pid_t pid)
{
    char path[64];
    char *status;
    bool lives;

    (void)snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
    status = file_read(path);
    lives = status[0] != '\0' && strstr(status, "State:\tZ") == NULL;
    free(status);
    return lives;
}

char *file_read(const char *path)
{
    FILE *file = fopen(path, "re");
    char *text = NULL;
    size_t length = 0;
    FILE *into = open_memstream(&text, &length);
    char piece[65536];
    size_t got;

    assert_non_null(into);
    while (file != NULL && (got = fread(piece, 1, sizeof(piece), file)) > 0) {
        (void)fwrite(piece, 1, got, into);
    }
    if (file != NULL) {
        (void)fclose(file);
    }
    assert_int_equal(fclose(into), 0);
    return text;
}

void file_write(const char *path, const void *data, size_t length)
{
    FILE *file = fopen(path, "we");

    if (file == NULL || fwrite(data, 1, length, file) != length || fclose(file) != 0) {
        fail_msg("%s: %s", path, strerror(errno));
    }
}

char *text_format(const char *format, ...)
{
    char *text = NULL;
    va_list values;

    va_start(values, format);
    if (vasprintf(&text, format, values) < 0) {
        text = NULL;
    }
    va_end(values);
    assert_non_null(text);
    return text;
}

char *folder_make(void)
{
    char *path = strdup("/tmp/hotgate-test-XXXXXX");

    (void)umask(022);
    if (path == NULL || mkdtemp(path) == NULL || chmod(path, 0755) != 0) {
        fail_msg("/tmp: %s", strerror(errno));
    }
    return path;
}

void folder_remove(char *path)
{
    const char *arguments[] = {"rm", "-rf", path, NULL};
    command what = {.arguments = arguments};

    if (path != NULL) {
        (void)command_run(&what, NULL); /* what stays is in /tmp */
    }
    free(path);
}

bool scale_is_full(void)
{
    const char *scale = getenv("HOTGATE_TEST_SCALE");

    return scale != NULL && strcmp(scale, "full") == 0;
}
