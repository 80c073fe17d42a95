/* host/runner/session.h - one connection of a gateway: its calls, one after the other. */
#ifndef HOST_RUNNER_SESSION_H
#define HOST_RUNNER_SESSION_H

#include "host/runner/served_call.h"

typedef struct hgh_session hgh_session;

/** Takes over the descriptor in any case. on_end: it is over, and freed. NULL: no memory. */
hgh_session *hgh_session_new(hgh_serving *serving,
                             int fd,
                             void (*on_end)(void *context, hgh_session *session),
                             void *context);

/** No further call is taken: it ends once the one under way is answered. */
void hgh_session_finish(hgh_session *session);

/** Closes it, telling nobody; its call is given up. Accepts NULL. */
void hgh_session_free(hgh_session *session);

#endif
