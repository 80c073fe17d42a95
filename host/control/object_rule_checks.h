/* host/control/object_rule_checks.h - what health checks demand beyond their schema. */
#ifndef HOST_CONTROL_OBJECT_RULE_CHECKS_H
#define HOST_CONTROL_OBJECT_RULE_CHECKS_H

#include <jansson.h>

#include "host/core/issues.h"

/**
 * Adds a finding for everything of `checks` that would not be a request of HTTP. NULL: none.
 *
 * parent  JSON Pointer of the upstream.
 */
void hgh_object_rule_checks(const json_t *checks, const char *parent, hg_issues *issues);

#endif
