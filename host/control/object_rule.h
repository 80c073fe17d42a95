/* host/control/object_rule.h - what a kind demands beyond its schema, and what cannot be done yet.
 */
#ifndef HOST_CONTROL_OBJECT_RULE_H
#define HOST_CONTROL_OBJECT_RULE_H

#include <jansson.h>

#include "host/core/issues.h"

/* Each adds a finding for everything that is wrong or cannot be done. The object has passed its
 * schema. */
void hgh_object_rule_route(const json_t *object, hg_issues *issues);
void hgh_object_rule_service(const json_t *object, hg_issues *issues);
void hgh_object_rule_upstream(const json_t *object, hg_issues *issues);

/** For kinds that demand nothing more. */
void hgh_object_rule_none(const json_t *object, hg_issues *issues);

#endif
