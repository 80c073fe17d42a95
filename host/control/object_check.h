/* host/control/object_check.h - judges an object that an operator wants to store. */
#ifndef HOST_CONTROL_OBJECT_CHECK_H
#define HOST_CONTROL_OBJECT_CHECK_H

#include <jansson.h>

#include <hotgate/error.h>

#include "host/control/object_kind.h"
#include "host/control/resource_table.h"
#include "host/core/issues.h"

#define HGH_OBJECT_PLUGINS_MAX 1024u /* on one object: as many as one request can meet */

/** The schemas of all kinds, compiled once. */
typedef struct hgh_object_check hgh_object_check;

/** out_check: on HG_OK owned by the caller; else untouched. */
hg_status hgh_object_check_new(hgh_object_check **out_check, hg_error *err);

/** Accepts NULL. */
void hgh_object_check_free(hgh_object_check *check);

/** Judges an object by its kind's schema alone, in the words of the schema. */
void hgh_object_check_by_schema(const hgh_object_check *check,
                                const hgh_object_kind *kind,
                                const json_t *object,
                                hg_issues *issues);

/** Fills in the defaults that the kind's schema has, as workers see them. HG_OK or
 * HG_ERR_NO_MEMORY. */
hg_status hgh_object_check_fill_defaults(const hgh_object_check *check,
                                         const hgh_object_kind *kind,
                                         json_t *object);

/**
 * Judges an object but for its plugins: schema, the kind's own rules, references. Each finding has
 * the text that APISIX's clients know, the first one in its order.
 *
 * id  as it stands in the path: an object that is named by its body must say the same; NULL: the
 *     path has none.
 */
void hgh_object_check_run(const hgh_object_check *check,
                          const hgh_object_kind *kind,
                          const hgh_resource_table *table,
                          const json_t *object,
                          const char *id,
                          hg_issues *issues);

/**
 * What hgh_plugin_check_run() is to judge of an object: an array, empty if it has no plugins. A new
 * reference; NULL: no memory.
 *
 * id  as it follows the kind in its key.
 */
json_t *hgh_object_check_plugins(const hgh_object_kind *kind, const char *id, const json_t *object);

#endif
