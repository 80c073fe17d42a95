/* host/control/instance_secrets.h - what control needs and the supervisor alone may read. */
#ifndef HOST_CONTROL_INSTANCE_SECRETS_H
#define HOST_CONTROL_INSTANCE_SECRETS_H

#include <stdbool.h>
#include <stddef.h>

#include <hotgate/error.h>

#include "host/control/admin_tls.h"
#include "host/control/settings.h"

/** Zero-initialise; hgh_instance_secrets_done(). */
typedef struct hgh_instance_secrets {
    hgh_admin_tls admin_tls;
    size_t keyring_count; /* keys of the store, in their order; 0: it is not encrypted */
    char **keyring;
} hgh_instance_secrets;

/**
 * Sees to it that there is a key for the store if it is to be encrypted: generates one into
 * conf/keyring if neither the settings nor that file has any.
 *
 * out_is_new  whether it did.
 */
hg_status hgh_instance_secrets_ensure(const char *directory,
                                      const hgh_settings *settings,
                                      bool *out_is_new,
                                      hg_error *err);

/**
 * Reads them from the settings and from the files that these name: keys of the store first as they
 * are configured, then those of conf/keyring.
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
