/* host/control/object_credential.h - no two consumers are found by one credential. */
#ifndef HOST_CONTROL_OBJECT_CREDENTIAL_H
#define HOST_CONTROL_OBJECT_CREDENTIAL_H

#include <stdbool.h>

#include <jansson.h>

#include "host/control/object_kind.h"
#include "host/control/plugin_catalog.h"
#include "host/control/resource_table.h"
#include "host/core/issues.h"

/**
 * Appends what an object is found by to the keys that it names: a digest of each text directly in a
 * plugin's configuration, since only the plugin knows which of them is a credential.
 * Returns false if there is no memory.
 */
bool hgh_object_credential_keys(json_t *keys, const hgh_object_kind *kind, const json_t *object);

/**
 * Judges whether another consumer, or a credential of another one, has a credential of the object.
 *
 * catalog  says which field of a plugin it finds consumers by.
 * id       as it follows the kind in its key: the consumer's own ones are left alone.
 */
void hgh_object_credential_check(const hgh_object_kind *kind,
                                 const hgh_resource_table *table,
                                 const hgh_plugin_catalog *catalog,
                                 const char *id,
                                 const json_t *object,
                                 hg_issues *issues);

/** Judges whether all plugins of an object authenticate; those that are not known are left alone.
 */
void hgh_object_credential_check_auth(const hgh_plugin_catalog *catalog,
                                      const json_t *object,
                                      hg_issues *issues);

#endif
