/* host/core/leftover.h - what of an object the process would still go to after it is gone. */
#ifndef HOST_CORE_LEFTOVER_H
#define HOST_CORE_LEFTOVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define HGH_LEFTOVER_TEXT    96u
#define HGH_LEFTOVER_THREADS 128u /* more than that in one process are not told apart */

/** The threads of this process at one moment. */
typedef struct hgh_thread_list {
    size_t count;
    pid_t ids[HGH_LEFTOVER_THREADS];
    bool is_whole; /* false: there were more, or they could not be listed */
} hgh_thread_list;

void hgh_thread_list_take(hgh_thread_list *list);

/**
 * Looks for threads that were started since `before` was taken, and for signal handlers, strings of
 * the environment and buffers of the standard streams that lie in a range of addresses. A thread
 * that is just ending is waited for, a few milliseconds.
 *
 * before  NULL: threads are not looked at.
 * text    what was found first: "a handler of signal 10 (User defined signal 1)".
 */
bool hgh_leftover_find(uintptr_t begin,
                       uintptr_t end,
                       const hgh_thread_list *before,
                       char text[HGH_LEFTOVER_TEXT]);

#endif
