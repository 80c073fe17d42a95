/* host/control/worker_process.h - what the system says of a worker's process. */
#ifndef HOST_CONTROL_WORKER_PROCESS_H
#define HOST_CONTROL_WORKER_PROCESS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/** True if somebody has stopped it: a debugger, or SIGSTOP. It cannot do anything about that. */
bool hgh_worker_process_is_stopped(pid_t pid);

/** Bytes of memory that it has to itself: what it shares with others does not count. 0: not known.
 */
uint64_t hgh_worker_process_memory(pid_t pid);

/** Its parent; 0: not known, or there is no such process. */
pid_t hgh_worker_process_parent(pid_t pid);

/** Bytes that the machine has, or the control group allows if that is less. 0: not known. */
uint64_t hgh_machine_memory(void);

#endif
