/* host/control/admin_schema.h - the schemas of objects, and judgement by them alone. */
#ifndef HOST_CONTROL_ADMIN_SCHEMA_H
#define HOST_CONTROL_ADMIN_SCHEMA_H

#include <jansson.h>

#include "host/control/admin_exchange.h"
#include "host/control/object_check.h"
#include "host/control/object_kind.h"

/** Answers GET /schema/NAME: "route", "plugins", ... */
void hgh_admin_schema_answer(const char *name, hgh_admin_answer *answer);

/** Answers POST /schema/validate/KIND: 200 without a body, or 400 with what is wrong. Plugins and
 * references are not looked at. body: NULL: none. */
void hgh_admin_schema_validate(const hgh_object_check *check,
                               const hgh_object_kind *kind,
                               const json_t *body,
                               hgh_admin_answer *answer);

/** Name -> schema of all that hgh_admin_schema_answer() knows; new; NULL: no memory. */
json_t *hgh_admin_schema_all(void);

#endif
