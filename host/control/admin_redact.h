/* host/control/admin_redact.h - objects as the viewer role sees them: without secrets. */
#ifndef HOST_CONTROL_ADMIN_REDACT_H
#define HOST_CONTROL_ADMIN_REDACT_H

#include <jansson.h>

#include "host/control/object_kind.h"
#include "host/control/plugin_catalog.h"

/**
 * Replaces every secret of the plugins' configurations by "***", in place: what a plugin's schema
 * marks "writeOnly" or names in "encrypt_fields". The configuration of a plugin that is not there
 * becomes empty: nobody knows what of it is secret.
 */
void hgh_admin_redact(const hgh_plugin_catalog *catalog,
                      const hgh_object_kind *kind,
                      json_t *object);

/** Takes out what no answer shows of this kind, in place. */
void hgh_admin_hide(const hgh_object_kind *kind, json_t *object);

#endif
