/* host/control/probe_confinement.h - takes from a probe what loading a plugin needs not. */
#ifndef HOST_CONTROL_PROBE_CONFINEMENT_H
#define HOST_CONTROL_PROBE_CONFINEMENT_H

#include <stddef.h>

#include <hotgate/error.h>

#include "host/control/probe_page.h"
#include "host/core/issues.h"

/**
 * From here on this process starts no other and runs no other program: an attempt ends it, with the
 * act in the page. It opens no socket, opens or changes no file to write, and reaches no other
 * process: that fails with an error, and is noted in the page. There is no way back.
 *
 * Returns HG_OK or HG_ERR_UNSUPPORTED: this kernel or its guardian does not let it; nothing has
 * changed then.
 */
hg_status hgh_probe_confine(hgh_probe_page *page, hg_error *err);

/** "called fork", "opened a socket", ... */
const char *hgh_act_name(hgh_act act);

/** Adds a warning for each thing that was done and has failed. */
void hgh_probe_tell_acts(const hgh_probe_page *page, hg_issues *warnings);

/** Appends to a reason what was done and has failed: it may be the cause. */
void hgh_probe_append_acts(const hgh_probe_page *page, char *reason, size_t size);

#endif
