/* host/control/admin_access.h - who may use the Admin API: addresses, keys, roles. */
#ifndef HOST_CONTROL_ADMIN_ACCESS_H
#define HOST_CONTROL_ADMIN_ACCESS_H

#include <stdbool.h>

#include <hotgate/error.h>

#include "host/control/admin_exchange.h"
#include "host/control/settings.h"

/** The keys and networks of the settings, ready to compare. */
typedef struct hgh_admin_access hgh_admin_access;

/** out_access: on HG_OK owned by the caller; else untouched. HG_ERR_INVALID: a bad network. */
hg_status
hgh_admin_access_new(const hgh_settings *settings, hgh_admin_access **out_access, hg_error *err);

/** Accepts NULL. */
void hgh_admin_access_free(hgh_admin_access *access);

/** True if the client's address is in allow_admin, if there is no such list, or if it came through
 * the instance's socket. */
bool hgh_admin_access_allows(const hgh_admin_access *access, const hgh_admin_request *request);

/**
 * Judges the key and the method. Who comes through the instance's socket needs no key.
 *
 * out_role  the key's role, if HG_OK is returned.
 * Returns HG_OK or HG_ERR_INVALID; then *out_why is APISIX's description: "missing apikey", "wrong
 * apikey" or "invalid method for role viewer".
 */
hg_status hgh_admin_access_check(const hgh_admin_access *access,
                                 const hgh_admin_request *request,
                                 hgh_role *out_role,
                                 const char **out_why);

#endif
