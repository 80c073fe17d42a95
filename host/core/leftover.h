/* host/core/leftover.h - what of an object the process would still go to after it is gone. */
#ifndef HOST_CORE_LEFTOVER_H
#define HOST_CORE_LEFTOVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct hgh_offload;

#define HGH_LEFTOVER_TEXT    96u
#define HGH_LEFTOVER_THREADS 128u /* more than that in one process are not told apart */

#define HGH_THREAD_OF_HOST    0u         /* not a plugin's */
#define HGH_THREAD_OF_UNKNOWN UINT32_MAX /* started while some plugin was running */

/** The threads of this process, and whose they are: of the plugin whose loading has started them.
 * Zero-initialise; the threads that are there at first are the host's. */
typedef struct hgh_thread_watch {
    size_t count;
    bool has_begun;
    pid_t ids[HGH_LEFTOVER_THREADS];
    uint32_t owners[HGH_LEFTOVER_THREADS]; /* numbers of plugins, or one of the above */
} hgh_thread_watch;

/** Takes note of the threads there are now: those that are new belong to `owner`. */
void hgh_thread_watch_note(hgh_thread_watch *watch, uint32_t owner);

/**
 * True if threads of a plugin, or of nobody knows whom, still run. One that is just ending is
 * waited for, a few milliseconds.
 *
 * offload  whose threads are the host's, whenever they were started; may be NULL.
 * text     "1 thread that still runs (4711)".
 */
bool hgh_thread_watch_find(hgh_thread_watch *watch,
                           uint32_t owner,
                           const struct hgh_offload *offload,
                           char text[HGH_LEFTOVER_TEXT]);

/**
 * Looks for signal handlers, strings of the environment and buffers of the standard streams that
 * lie in a range of addresses.
 *
 * text  what was found first: "a handler of signal 10 (User defined signal 1)".
 */
bool hgh_leftover_find(uintptr_t begin, uintptr_t end, char text[HGH_LEFTOVER_TEXT]);

#endif
