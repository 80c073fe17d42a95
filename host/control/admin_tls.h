/* host/control/admin_tls.h - the certificates of the Admin API's own listeners. */
#ifndef HOST_CONTROL_ADMIN_TLS_H
#define HOST_CONTROL_ADMIN_TLS_H

#include <hotgate/error.h>

#include "host/control/settings.h"

/** Zero-initialise; hgh_admin_tls_done(). Texts are owned, PEM. */
typedef struct hgh_admin_tls {
    char *certificate; /* and those that lead from it to its authority; NULL: no TLS */
    char *key;         /* secret */
    char *authorities; /* clients need a certificate of one of them; NULL: they need none */
} hgh_admin_tls;

/**
 * Reads what the settings name, and judges it: PEM, a key that fits its certificate and needs no
 * passphrase.
 *
 * directory  the instance: relative paths begin there.
 * out_tls    on HG_OK filled, without TLS empty; else untouched.
 * Returns HG_OK, HG_ERR_INVALID, HG_ERR_IO or HG_ERR_NO_MEMORY; the text names key and file.
 */
hg_status hgh_admin_tls_load(const char *directory,
                             const hgh_settings *settings,
                             hgh_admin_tls *out_tls,
                             hg_error *err);

/** Wipes the key. */
void hgh_admin_tls_done(hgh_admin_tls *tls);

#endif
