/* host/control/control.h - the control plane as a process: `hotgate control`. */
#ifndef HOST_CONTROL_CONTROL_H
#define HOST_CONTROL_CONTROL_H

/** Runs until TERM. argv[0] is "control"; the options are those of host/control/supervisor.h.
 * Returns the exit code. */
int hgh_control_main(int argc, char **argv);

#endif
