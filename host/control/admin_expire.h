/* host/control/admin_expire.h - deletes objects whose time is over. */
#ifndef HOST_CONTROL_ADMIN_EXPIRE_H
#define HOST_CONTROL_ADMIN_EXPIRE_H

#include "host/control/admin_write.h"

/** Queues the deletion of everything whose time is over, and of what stands below it. */
void hgh_admin_expire_start(const hgh_admin_write_parts *parts);

#endif
