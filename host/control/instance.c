/* host/control/instance.c - one instance directory: who owns what in it, and who runs it. */
#include "host/control/instance.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define INSTALL_VARIABLE "HOTGATE_INSTALL_ROOT"
#define BUILD_PROGRAM    "/host/cli" /* where the program lies in a build folder */
#define CONFIG_FILE      "conf/config.yaml"
#define LOCK_FILE        "run/lock"
#define LOG_FILE         "logs/control.log"

typedef enum owner {
    OWNER_STARTER, /* who started the gateway */
    OWNER_CONTROL,
    OWNER_WORKER,
} owner;

static const struct {
    const char *path;
    mode_t mode;
    owner owner;
} directories[] = {
    {"conf", 0750, OWNER_STARTER},
    {"plugins", 0755, OWNER_STARTER},
    {"state", 0750, OWNER_CONTROL},
    {"state/feed", 0750, OWNER_CONTROL},
    {"state/generations", 0750, OWNER_CONTROL},
    {"state/isolate", 0750, OWNER_CONTROL},
    {"staging", 0750, OWNER_CONTROL},
    {"run", 0755, OWNER_STARTER},
    {"run/explain", 0750, OWNER_STARTER},
    {"run/ext-plugin", 0750, OWNER_WORKER},
    {"run/isolate", 0750, OWNER_WORKER},
    {"run/tmp", 0700, OWNER_WORKER},
    {"logs", 0755, OWNER_STARTER},
    {"logs/crashes", 0750, OWNER_CONTROL},

    {"tmp", 0700, OWNER_CONTROL},
};

static hg_status no_memory(hg_error *err)
{
    return hg_error_set(err, HG_ERR_NO_MEMORY, "out of memory");
}

static char *join(const char *directory, const char *relative)
{
    char *path = NULL;

    if (asprintf(&path, "%s/%s", directory, relative) < 0) {
        return NULL;
    }
    return path;
}

/* --- paths --- */

static hg_status find_directory(hgh_instance *instance, const char *directory, hg_error *err)
{
    struct stat info;

    instance->directory = realpath(directory, NULL);
    if (instance->directory == NULL) {
        return hg_error_set(err, errno == ENOENT ? HG_ERR_NOT_FOUND : HG_ERR_IO,
                            "instance directory %s: %s", directory, strerror(errno));
    }
    if (stat(instance->directory, &info) != 0 || !S_ISDIR(info.st_mode)) {
        return hg_error_set(err, HG_ERR_INVALID, "instance directory %s: is not a directory",
                            directory);
    }
    return HG_OK;
}

static hg_status find_config(hgh_instance *instance, const char *path, hg_error *err)
{
    char *current;

    if (path == NULL) {
        instance->config_path = join(instance->directory, CONFIG_FILE);
    } else if (path[0] == '/') {
        instance->config_path = strdup(path);
    } else {
        current = getcwd(NULL, 0);
        if (current == NULL) {
            return hg_error_set(err, HG_ERR_IO, "the current directory: %s", strerror(errno));
        }
        instance->config_path = join(current, path);
        free(current);
    }
    return instance->config_path == NULL ? no_memory(err) : HG_OK;
}

/* Relative to the program, so that an installation can be moved. */
static hg_status find_install(hgh_instance *instance, hg_error *err)
{
    const char *wanted = getenv(INSTALL_VARIABLE);
    char program[PATH_MAX];
    ssize_t length;
    char *slash;

    if (wanted != NULL && wanted[0] != '\0') {
        instance->install = realpath(wanted, NULL);
        if (instance->install == NULL) {
            return hg_error_set(err, HG_ERR_NOT_FOUND, INSTALL_VARIABLE " is %s: %s", wanted,
                                strerror(errno));
        }
        return HG_OK;
    }
    length = readlink("/proc/self/exe", program, sizeof(program) - 1);
    if (length < 0) {
        return hg_error_set(err, HG_ERR_IO, "/proc/self/exe: %s", strerror(errno));
    }
    program[length] = '\0';
    slash = strrchr(program, '/');
    if (slash != NULL) {
        *slash = '\0'; /* now its directory */
    }
    length = (ssize_t)strlen(program) - (ssize_t)strlen(BUILD_PROGRAM);
    if (length > 0 && strcmp(program + length, BUILD_PROGRAM) == 0) {
        program[length] = '\0';
    } else {
        slash = strrchr(program, '/');
        if (slash != NULL) {
            *slash = '\0';
        }
    }
    instance->install = strdup(program[0] == '\0' ? "/" : program);
    return instance->install == NULL ? no_memory(err) : HG_OK;
}

/* --- users --- */

static hg_status users_are_missing(hg_error *err)
{
    static const char *const users[] = {HGH_CONTROL_USER, HGH_WORKER_USER};
    char commands[400] = "";

    if (getgrnam(HGH_CONTROL_USER) == NULL) {
        (void)snprintf(commands, sizeof(commands), "\ngroupadd --system " HGH_CONTROL_USER);
    }
    for (size_t i = 0; i < sizeof(users) / sizeof(users[0]); i++) {
        size_t length = strlen(commands);

        if (getpwnam(users[i]) == NULL) {
            (void)snprintf(commands + length, sizeof(commands) - length,
                           "\nuseradd --system --gid " HGH_CONTROL_USER
                           " --no-create-home --shell /usr/sbin/nologin %s",
                           users[i]);
        }
    }
    return hg_error_set(err, HG_ERR_NOT_FOUND,
                        "started as root, the gateway runs as users of its own, which are not "
                        "there; make them:%s",
                        commands);
}

static hg_status find_users(hgh_instance *instance, hg_error *err)
{
    const struct passwd *user;
    const struct group *group;

    instance->as_root = geteuid() == 0;
    instance->control_uid = geteuid();
    instance->worker_uid = geteuid();
    instance->group = getegid();
    if (!instance->as_root) {
        return HG_OK;
    }
    group = getgrnam(HGH_CONTROL_USER);
    if (group == NULL) {
        return users_are_missing(err);
    }
    instance->group = group->gr_gid;
    user = getpwnam(HGH_CONTROL_USER);
    if (user == NULL) {
        return users_are_missing(err);
    }
    instance->control_uid = user->pw_uid;
    user = getpwnam(HGH_WORKER_USER);
    if (user == NULL) {
        return users_are_missing(err);
    }
    instance->worker_uid = user->pw_uid;
    return HG_OK;
}

hg_status hgh_instance_set_worker(hgh_instance *instance, const char *user, hg_error *err)
{
    const struct passwd *entry;

    if (!instance->as_root) {
        return HG_OK;
    }
    entry = getpwnam(user);
    if (entry == NULL) {
        return hg_error_set(err, HG_ERR_NOT_FOUND, "nginx_config.user: there is no user \"%s\"",
                            user);
    }
    instance->worker_uid = entry->pw_uid;
    return HG_OK;
}

hg_status hgh_instance_open(hgh_instance *instance,
                            const char *directory,
                            const char *config_path,
                            hg_error *err)
{
    hgh_instance opened = {
        .lock = -1,
        .shared = {.board = -1, .arena = -1, .wake = -1, .ack = -1, .supervisor = -1},
    };
    hg_status status = find_directory(&opened, directory, err);

    if (status == HG_OK) {
        status = find_config(&opened, config_path, err);
    }
    if (status == HG_OK) {
        status = find_install(&opened, err);
    }
    if (status == HG_OK) {
        status = find_users(&opened, err);
    }
    if (status != HG_OK) {
        hgh_instance_done(&opened);
        return status;
    }
    *instance = opened;
    return HG_OK;
}

/* --- directories --- */

static uid_t uid_of(const hgh_instance *instance, owner who)
{
    if (who == OWNER_CONTROL) {
        return instance->control_uid;
    }
    return who == OWNER_WORKER ? instance->worker_uid : geteuid();
}

static const char *name_of(owner who)
{
    return who == OWNER_CONTROL ? HGH_CONTROL_USER : HGH_WORKER_USER;
}

static hg_status make_directory(
    const hgh_instance *instance, const char *path, mode_t mode, uid_t uid, hg_error *err)
{
    if (mkdir(path, mode) != 0) {
        return hg_error_set(err, HG_ERR_IO, "%s: cannot be made: %s", path, strerror(errno));
    }
    /* mkdir() applies the umask. */
    if (chmod(path, mode) != 0 || (instance->as_root && lchown(path, uid, instance->group) != 0)) {
        return hg_error_set(err, HG_ERR_IO, "%s: mode and owner cannot be set: %s", path,
                            strerror(errno));
    }
    return HG_OK;
}

static hg_status check_directory(const hgh_instance *instance,
                                 const char *path,
                                 const struct stat *info,
                                 owner who,
                                 hg_error *err)
{
    if (!S_ISDIR(info->st_mode)) {
        return hg_error_set(err, HG_ERR_INVALID, "%s: is not a directory", path);
    }
    if (!instance->as_root) {
        return access(path, R_OK | X_OK | (who == OWNER_STARTER ? 0 : W_OK)) == 0
                   ? HG_OK
                   : hg_error_set(err, HG_ERR_IO, "%s: no access: %s", path, strerror(errno));
    }
    if (who != OWNER_STARTER && info->st_uid != uid_of(instance, who)) {
        return hg_error_set(err, HG_ERR_INVALID,
                            "%s: belongs to user %u, wanted %s: chown -R %u:%u '%s'", path,
                            (unsigned)info->st_uid, name_of(who), (unsigned)uid_of(instance, who),
                            (unsigned)instance->group, path);
    }
    return HG_OK;
}

/* In a child that has become the user: the first directory on the way that stops it. */
static void walk(const char *path, int report)
{
    char part[PATH_MAX];

    for (size_t i = 1; path[i - 1] != '\0' && i < sizeof(part); i++) {
        if (path[i] == '/' || path[i] == '\0') {
            memcpy(part, path, i);
            part[i] = '\0';
            if (access(part, X_OK) != 0) {
                (void)!write(report, part, i); /* if that fails there is nothing left to say */
                return;
            }
        }
    }
}

static hg_status check_reach(
    const hgh_instance *instance, uid_t uid, const char *user, const char *path, hg_error *err)
{
    char stopped[PATH_MAX + 1];
    int report[2];
    ssize_t length;
    pid_t child;

    if (pipe2(report, O_CLOEXEC) != 0) {
        return hg_error_set(err, HG_ERR_IO, "a pipe: %s", strerror(errno));
    }
    child = fork();
    if (child == 0) {
        if (setgroups(1, &instance->group) == 0 &&
            setresgid(instance->group, instance->group, instance->group) == 0 &&
            setresuid(uid, uid, uid) == 0) {
            walk(path, report[1]);
        }
        _exit(0);
    }
    (void)close(report[1]);
    length = child < 0 ? 0 : read(report[0], stopped, sizeof(stopped) - 1);
    (void)close(report[0]);
    if (child > 0) {
        (void)waitpid(child, NULL, 0);
    }
    if (length <= 0) {
        return HG_OK;
    }
    stopped[length] = '\0';
    return hg_error_set(err, HG_ERR_INVALID,
                        "%s: the user %s may not pass through %s: open it (chmod o+x '%s') or put "
                        "the instance elsewhere",
                        path, user, stopped, stopped);
}

hg_status hgh_instance_prepare_log(const hgh_instance *instance, hg_error *err)
{
    char *path = hgh_instance_path(instance, LOG_FILE);
    hg_status status = HG_OK;
    int fd;

    if (path == NULL) {
        return no_memory(err);
    }
    fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW, 0640);
    if (fd < 0 || (instance->as_root && fchown(fd, instance->control_uid, instance->group) != 0)) {
        status = hg_error_set(err, HG_ERR_IO, "%s: %s", path, strerror(errno));
    }
    if (fd >= 0) {
        (void)close(fd);
    }
    free(path);
    return status;
}

static hg_status prepare_one(const hgh_instance *instance, size_t i, hg_error *err)
{
    owner who = directories[i].owner;
    char *path = hgh_instance_path(instance, directories[i].path);
    struct stat info;
    hg_status status;

    if (path == NULL) {
        return no_memory(err);
    }
    if (stat(path, &info) == 0) {
        status = check_directory(instance, path, &info, who, err);
    } else if (errno == ENOENT) {
        status = make_directory(instance, path, directories[i].mode, uid_of(instance, who), err);
    } else {
        status = hg_error_set(err, HG_ERR_IO, "%s: %s", path, strerror(errno));
    }
    if (status == HG_OK && instance->as_root && who != OWNER_STARTER) {
        status = check_reach(instance, uid_of(instance, who), name_of(who), path, err);
    }
    free(path);
    return status;
}

hg_status hgh_instance_prepare(const hgh_instance *instance, hg_error *err)
{
    hg_status status = HG_OK;
    char *feed;

    for (size_t i = 0; status == HG_OK && i < sizeof(directories) / sizeof(directories[0]); i++) {
        status = prepare_one(instance, i, err);
    }
    if (status == HG_OK && instance->as_root) {
        feed = hgh_instance_path(instance, "state/feed");
        status = feed == NULL
                     ? no_memory(err)
                     : check_reach(instance, instance->worker_uid, HGH_WORKER_USER, feed, err);
        free(feed);
    }
    return status == HG_OK ? hgh_instance_prepare_log(instance, err) : status;
}

/* --- the lock --- */

static hg_status lock_is_taken(const hgh_instance *instance, int fd, hg_error *err)
{
    char owner_text[24] = "";
    ssize_t length = pread(fd, owner_text, sizeof(owner_text) - 1, 0);
    size_t digits;

    owner_text[length > 0 ? length : 0] = '\0';
    digits = strspn(owner_text, "0123456789");
    owner_text[digits] = '\0';
    return hg_error_set(err, HG_ERR_EXISTS, "the instance %s is in use by process %s",
                        instance->directory, digits > 0 ? owner_text : "(unknown)");
}

hg_status hgh_instance_lock(hgh_instance *instance, hg_error *err)
{
    char *path = hgh_instance_path(instance, LOCK_FILE);
    char text[24];
    int length;
    hg_status status = HG_OK;
    int fd;

    if (path == NULL) {
        return no_memory(err);
    }
    /* Not inherited by what we start: the lock goes when this process does. */
    fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
    if (fd < 0) {
        status = hg_error_set(err, HG_ERR_IO, "%s: %s", path, strerror(errno));
        goto cleanup;
    }
    if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        status = errno == EWOULDBLOCK
                     ? lock_is_taken(instance, fd, err)
                     : hg_error_set(err, HG_ERR_IO, "%s: %s", path, strerror(errno));
        goto cleanup;
    }
    length = snprintf(text, sizeof(text), "%ld\n", (long)getpid());
    if (ftruncate(fd, 0) != 0 || pwrite(fd, text, (size_t)length, 0) != length) {
        status = hg_error_set(err, HG_ERR_IO, "%s: %s", path, strerror(errno));
        goto cleanup;
    }
    instance->lock = fd;
    fd = -1;

cleanup:
    if (fd >= 0) {
        (void)close(fd);
    }
    free(path);
    return status;
}

/* --- small things --- */

char *hgh_instance_path(const hgh_instance *instance, const char *relative)
{
    return join(instance->directory, relative);
}

char *hgh_install_path(const hgh_instance *instance, const char *relative)
{
    return join(instance->install, relative);
}

bool hgh_instance_contains(const hgh_instance *instance, const char *path)
{
    size_t length = strlen(instance->directory);
    char *real = realpath(path, NULL);
    bool contains;

    if (real == NULL) { /* not there yet: its directory decides */
        char *copy = strdup(path);
        char *slash = copy == NULL ? NULL : strrchr(copy, '/');

        if (slash != NULL) {
            slash[1] = '\0';
            real = realpath(copy, NULL);
        }
        free(copy);
    }
    contains = real != NULL && strncmp(real, instance->directory, length) == 0 &&
               (real[length] == '/' || real[length] == '\0' || length == 1);
    free(real);
    return contains;
}

static void close_one(int *fd)
{
    if (*fd >= 0) {
        (void)close(*fd);
    }
    *fd = -1;
}

void hgh_instance_done(hgh_instance *instance)
{
    free(instance->directory);
    free(instance->config_path);
    free(instance->install);
    close_one(&instance->lock);
    close_one(&instance->shared.board);
    close_one(&instance->shared.arena);
    close_one(&instance->shared.wake);
    close_one(&instance->shared.ack);
    close_one(&instance->shared.supervisor);
    instance->directory = NULL;
    instance->config_path = NULL;
    instance->install = NULL;
}
