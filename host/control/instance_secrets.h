/* host/control/instance_secrets.h - what control needs and the supervisor alone may read. */
#ifndef HOST_CONTROL_INSTANCE_SECRETS_H
#define HOST_CONTROL_INSTANCE_SECRETS_H

#include <stddef.h>

#include <hotgate/error.h>

#include "host/control/admin_tls.h"
#include "host/control/settings.h"

/** Zero-initialise; hgh_instance_secrets_done(). */
typedef struct hgh_instance_secrets {
    hgh_admin_tls admin_tls;
} hgh_instance_secrets;

/**
 * Reads them from the files that the settings name.
 *
 * directory    the instance.
 * out_secrets  on HG_OK filled; else untouched.
 */
hg_status hgh_instance_secrets_load(const char *directory,
                                    const hgh_settings *settings,
                                    hgh_instance_secrets *out_secrets,
                                    hg_error *err);

/** As text for a packet, which the caller wipes and frees; NULL: no memory. */
char *hgh_instance_secrets_text(const hgh_instance_secrets *secrets);

/** What hgh_instance_secrets_text() made. out_secrets: on HG_OK filled; else untouched. */
hg_status hgh_instance_secrets_parse(const char *text,
                                     size_t length,
                                     hgh_instance_secrets *out_secrets,
                                     hg_error *err);

/** Wipes them. */
void hgh_instance_secrets_done(hgh_instance_secrets *secrets);

#endif
