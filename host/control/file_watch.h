/* host/control/file_watch.h - tells when a file may have changed, in whatever way that is done. */
#ifndef HOST_CONTROL_FILE_WATCH_H
#define HOST_CONTROL_FILE_WATCH_H

#include <stdbool.h>

#include <hotgate/error.h>

#include "host/core/event_loop.h"

/** Watches one path, which need not be there and may lead through links. */
typedef struct hgh_file_watch hgh_file_watch;

/**
 * Watches through inotify: writing in place, renaming over, removing, making again, and the same
 * for each link and directory on the way. What the kernel does not tell (a directory that was
 * replaced, a network's file system, a writer that never closes) is found by a look each second,
 * once it has been quiet for one.
 *
 * path       copied; with "/." at its end the directory before it is watched, with the files in it.
 * on_change  something has happened; what the file holds may be the same. Never called by this.
 * out_watch  on HG_OK owned by the caller; else untouched.
 * Returns HG_OK or HG_ERR_NO_MEMORY; without inotify the looks remain.
 */
hg_status hgh_file_watch_new(hgh_event_loop *loop,
                             const char *path,
                             void (*on_change)(void *context),
                             void *context,
                             hgh_file_watch **out_watch,
                             hg_error *err);

/** True while a file of that name is known to be in the hands of a writer, who has not closed it.
 */
bool hgh_file_watch_is_written(const hgh_file_watch *watch, const char *name);

/** Accepts NULL. Not from on_change. */
void hgh_file_watch_free(hgh_file_watch *watch);

#endif
