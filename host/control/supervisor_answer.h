/* host/control/supervisor_answer.h - what control asks the supervisor for, as it may not read it
 * itself where they are different users: one packet each, as supervisor.h says. */
#ifndef HOST_CONTROL_SUPERVISOR_ANSWER_H
#define HOST_CONTROL_SUPERVISOR_ANSWER_H

#include "host/control/instance.h"
#include "host/control/settings.h"

/** The configuration file as it is now. Does not wait; a failure is logged. */
void hgh_supervisor_answer_settings(int socket, const hgh_settings *settings);

/** What is in the files that the settings name. As above. */
void hgh_supervisor_answer_secrets(int socket,
                                   const hgh_instance *instance,
                                   const hgh_settings *settings);

#endif
