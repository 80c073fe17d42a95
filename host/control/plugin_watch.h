/* host/control/plugin_watch.h - for development: a plugin that is built is put into service. */
#ifndef HOST_CONTROL_PLUGIN_WATCH_H
#define HOST_CONTROL_PLUGIN_WATCH_H

#include <hotgate/error.h>

#include "host/control/admin_queue.h"
#include "host/control/reload.h"
#include "host/core/event_loop.h"

typedef struct hgh_plugin_watch hgh_plugin_watch;

/** All borrowed, as long as it lives, but for the directory, which is copied. */
typedef struct hgh_plugin_watch_options {
    hgh_event_loop *loop;
    const char *directory;
    hgh_admin_queue *queue;
    hgh_reload *reload;
} hgh_plugin_watch_options;

/**
 * Reloads whenever the objects in the directory have changed: once they have been quiet for a
 * moment and no writer has one of them in its hands, and again if they change during a reload.
 * What is there already counts as changed. The reload's log says what became of each plugin.
 *
 * out_watch  on HG_OK owned by the caller; else untouched.
 */
hg_status hgh_plugin_watch_new(const hgh_plugin_watch_options *options,
                               hgh_plugin_watch **out_watch,
                               hg_error *err);

/** Accepts NULL. After the queue is gone. */
void hgh_plugin_watch_free(hgh_plugin_watch *watch);

#endif
