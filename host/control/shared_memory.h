/* host/control/shared_memory.h - what all processes of a gateway share: the board, the arena, and
 * two eventfds. */
#ifndef HOST_CONTROL_SHARED_MEMORY_H
#define HOST_CONTROL_SHARED_MEMORY_H

#include <stddef.h>

#include <hotgate/error.h>

#include "host/control/instance.h"

/** Makes them, for the supervisor; its end closes them. Those that could not be made are -1. */
hg_status hgh_shared_memory_make(hgh_shared *shared, size_t arena_size, hg_error *err);

#endif
