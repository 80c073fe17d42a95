/* host/control/supervisor.h - keeps control and nginx running; does no other work.
 *
 * Control is started as `hotgate control -p DIR --config PATH --board FD --arena FD --wake FD
 * --ack FD --supervisor FD [--listen FD,...] [--listen-engine FD] [--listen-local FD]
 * [--standalone yaml|json] [--watch-plugins]`; --listen is absent without an Admin API,
 * --listen-engine (where nginx forwards the data port's clients to) unless it is on the data port.
 * The socket --supervisor keeps packets apart:
 *   control sends "settings"   the answer is "ok\n" and the configuration file's text, or "error\n"
 *                              and a message: as root control may not read the file itself;
 *   control sends "secrets"    likewise with the text of instance_secrets.h;
 *   control sends "renew"      nginx gets new workers, the old ones end what they have; no answer;
 *   control sends "signal N PID"  to a worker, of the few that the watchdog needs; no answer;
 *   control sends "isolate N"  the isolated runner of generation N is to run; no answer;
 *   control sends "keep N"     those of all other generations are to end; no answer;
 *   control sends "ready"      state is published and the Admin API listens: nginx may start;
 *   control sends "refused"    there is nothing to serve: unless nginx runs, the gateway ends.
 *
 * Signals: TERM and INT stop at once, QUIT when running requests have ended, each a second time
 * kills; HUP reads the configuration again; USR1 opens all logs again.
 */
#ifndef HOST_CONTROL_SUPERVISOR_H
#define HOST_CONTROL_SUPERVISOR_H

#include <stdbool.h>

#include "host/control/instance.h"
#include "host/control/settings.h"

#define HGH_SUPERVISOR_PACKET_MAX (HGH_SETTINGS_FILE_MAX + 16u) /* bytes; the longest answer */

/**
 * Runs the gateway in the foreground until it is stopped. From the main thread of a process with
 * no other.
 *
 * instance  prepared and locked; its descriptors in `shared` are made here.
 * settings  taken: replaced on HUP and freed at the end.
 * watches_plugins  control reloads by itself what changes in the plugins directory.
 * Returns the exit code: 0 after an orderly stop, 1 if the gateway could not start, which has been
 * logged. No process of it is left then.
 */
int hgh_supervisor_run(hgh_instance *instance, hgh_settings *settings, bool watches_plugins);

#endif
