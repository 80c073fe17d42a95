/* host/control/file_watch.c - tells when a file may have changed, in whatever way that is done. */
#include "host/control/file_watch.h"

#include <limits.h>
#include <stdalign.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include <jansson.h>

#define LOOK_MS      1000u
#define HOPS_MAX     8u              /* links from the path to the file */
#define WATCHES_MAX  (HOPS_MAX + 1u) /* a directory each, and the file */
#define EVENTS_BYTES 4096u
#define EVENTS                                                                                     \
    (IN_CREATE | IN_MODIFY | IN_CLOSE_WRITE | IN_MOVED_FROM | IN_MOVED_TO | IN_DELETE |            \
     IN_ATTRIB | IN_MOVE_SELF | IN_DELETE_SELF)
/* With these a writer is through, or what it writes is not there any more. */
#define WRITTEN (IN_CLOSE_WRITE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO)
/* What follows on these is not told by the watch they are told by. */
#define LOST (IN_MOVE_SELF | IN_DELETE_SELF | IN_UNMOUNT | IN_Q_OVERFLOW)

/* By which one state of the file is told from another; zero: it is not there. */
typedef struct signature {
    dev_t device;
    ino_t inode;
    off_t size;
    struct timespec modified;
    struct timespec changed;
} signature;

struct hgh_file_watch {
    hgh_event_loop *loop;
    char *path; /* owned */
    void (*on_change)(void *context);
    void *context;
    int fd; /* -1: there is no inotify */
    size_t count;
    int watches[WATCHES_MAX];
    json_t *writers; /* owned: names of files that were written to and not closed */
    hgh_event_loop_timer look;
    signature told;   /* of the last call */
    signature looked; /* a look ago */
};

static signature signature_of(const char *path)
{
    signature made;
    struct stat about;

    memset(&made, 0, sizeof(made)); /* it is compared as bytes */
    if (stat(path, &about) == 0) {
        made.device = about.st_dev;
        made.inode = about.st_ino;
        made.size = about.st_size;
        made.modified = about.st_mtim;
        made.changed = about.st_ctim;
    }
    return made;
}

static bool is_same(const signature *a, const signature *b)
{
    return memcmp(a, b, sizeof(*a)) == 0;
}

static bool is_in(const int *numbers, size_t count, int number)
{
    for (size_t i = 0; i < count; i++) {
        if (numbers[i] == number) {
            return true;
        }
    }
    return false;
}

static void add(hgh_file_watch *watch, const char *path)
{
    int number = watch->count == WATCHES_MAX ? -1 : inotify_add_watch(watch->fd, path, EVENTS);

    if (number >= 0 && !is_in(watch->watches, watch->count, number)) {
        watch->watches[watch->count++] = number;
    }
}

/* Cuts the last part off: what is left is the directory that it stands in. */
static void to_directory(char *path)
{
    char *slash = strrchr(path, '/');

    if (slash == NULL) {
        (void)strcpy(path, ".");
    } else {
        slash[slash == path ? 1 : 0] = '\0';
    }
}

/* Watches the directory of each link on the way, and the file itself: it may be mounted there. */
static void arm(hgh_file_watch *watch)
{
    char at[PATH_MAX];
    int before[WATCHES_MAX];
    size_t before_count = watch->count;

    memcpy(before, watch->watches, sizeof(before));
    watch->count = 0;
    (void)snprintf(at, sizeof(at), "%s", watch->path);
    for (size_t i = 0; i < HOPS_MAX; i++) {
        char target[PATH_MAX];
        char directory[PATH_MAX];
        ssize_t length = readlink(at, target, sizeof(target) - 1);

        (void)snprintf(directory, sizeof(directory), "%s", at);
        to_directory(directory);
        add(watch, directory);
        if (length < 0) {
            break;
        }
        target[length] = '\0';
        if (snprintf(at, sizeof(at), "%s%s%s", target[0] == '/' ? "" : directory,
                     target[0] == '/' ? "" : "/", target) >= (int)sizeof(at)) {
            break;
        }
    }
    add(watch, watch->path);
    /* What is still watched keeps its number, and loses no event. */
    for (size_t i = 0; i < before_count; i++) {
        if (!is_in(watch->watches, watch->count, before[i])) {
            (void)inotify_rm_watch(watch->fd, before[i]); /* it may be gone with what it was on */
        }
    }
}

static void tell(hgh_file_watch *watch)
{
    if (watch->fd >= 0) {
        arm(watch); /* before the caller looks: what happens after that is seen */
    }
    watch->told = signature_of(watch->path);
    watch->on_change(watch->context);
}

/* Takes note of one event; true: something has changed, as far as it can be told yet. */
static bool take_event(hgh_file_watch *watch, const struct inotify_event *event)
{
    const char *name = event->len > 0 ? event->name : "";

    if ((event->mask & LOST) != 0) {
        (void)json_object_clear(watch->writers);
    } else if ((event->mask & WRITTEN) != 0) {
        (void)json_object_del(watch->writers, name); /* it need not have been there */
    } else if ((event->mask & IN_MODIFY) != 0) {
        (void)json_object_set_new(watch->writers, name,
                                  json_true()); /* else it counts as written */
        return false;
    }
    /* That a watch was removed is our own doing, or told by what went before it. */
    return (event->mask & IN_IGNORED) == 0;
}

static void on_events(void *context, uint32_t events)
{
    hgh_file_watch *watch = context;
    alignas(struct inotify_event) char buffer[EVENTS_BYTES];
    bool is_news = false;
    ssize_t length;

    (void)events;
    while ((length = read(watch->fd, buffer, sizeof(buffer))) > 0) {
        for (ssize_t at = 0; at < length;) {
            const struct inotify_event *one =
                (const struct inotify_event *)(const void *)&buffer[at];

            is_news = take_event(watch, one) || is_news;
            at += (ssize_t)sizeof(*one) + (ssize_t)one->len;
        }
    }
    if (is_news) {
        tell(watch);
    }
}

static void on_look(void *context)
{
    hgh_file_watch *watch = context;
    signature now = signature_of(watch->path);
    bool is_quiet = is_same(&now, &watch->looked);

    watch->looked = now;
    hgh_event_loop_timer_start(watch->loop, &watch->look, LOOK_MS, on_look, watch);
    if (is_quiet && !is_same(&now, &watch->told)) {
        tell(watch);
    }
}

bool hgh_file_watch_is_written(const hgh_file_watch *watch, const char *name)
{
    return json_object_get(watch->writers, name) != NULL;
}

static void drop(hgh_file_watch *watch)
{
    if (watch != NULL) {
        json_decref(watch->writers);
        free(watch->path);
        free(watch);
    }
}

hg_status hgh_file_watch_new(hgh_event_loop *loop,
                             const char *path,
                             void (*on_change)(void *context),
                             void *context,
                             hgh_file_watch **out_watch,
                             hg_error *err)
{
    hgh_file_watch *watch = calloc(1, sizeof(*watch));

    if (watch != NULL) {
        watch->path = strdup(path);
        watch->writers = json_object();
    }
    if (watch == NULL || watch->path == NULL || watch->writers == NULL) {
        drop(watch);
        return hg_error_set(err, HG_ERR_NO_MEMORY, "out of memory");
    }
    watch->loop = loop;
    watch->on_change = on_change;
    watch->context = context;
    watch->fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    if (watch->fd >= 0 &&
        hgh_event_loop_watch(loop, watch->fd, EPOLLIN, on_events, watch, NULL) != HG_OK) {
        (void)close(watch->fd);
        watch->fd = -1;
    }
    if (watch->fd >= 0) {
        arm(watch);
    }
    watch->told = signature_of(watch->path);
    watch->looked = watch->told;
    hgh_event_loop_timer_start(loop, &watch->look, LOOK_MS, on_look, watch);
    *out_watch = watch;
    return HG_OK;
}

void hgh_file_watch_free(hgh_file_watch *watch)
{
    if (watch == NULL) {
        return;
    }
    hgh_event_loop_timer_stop(watch->loop, &watch->look);
    if (watch->fd >= 0) {
        hgh_event_loop_unwatch(watch->loop, watch->fd);
        (void)close(watch->fd);
    }
    drop(watch);
}
