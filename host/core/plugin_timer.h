/* host/core/plugin_timer.h - timers of plugins: when they run, and when no more. */
#ifndef HOST_CORE_PLUGIN_TIMER_H
#define HOST_CORE_PLUGIN_TIMER_H

#include <stdbool.h>

#include <hotgate/timer.h>

#include "host/core/wait.h"

struct hgh_plugin;

/** Who waits when the timer's callback that is running now does; NULL: none is. */
hgh_wait *hgh_timer_wait(void);

/** The plugin is in service: from now on its timers run. Again: nothing. */
void hgh_timers_begin(struct hgh_plugin *plugin);

/** Ends the turns of a plugin that wait; false, never with `now`: one is still on a thread. */
bool hgh_timers_cancel(struct hgh_plugin *plugin, bool now);

/** No callback of its comes any more. No turn may be under way. */
void hgh_timers_stop(struct hgh_plugin *plugin);

/** Frees what there is of its timers. */
void hgh_timers_done(struct hgh_plugin *plugin);

#endif
