/* host/control/object_rule_upstream.h - what an upstream demands beyond its schema. */
#ifndef HOST_CONTROL_OBJECT_RULE_UPSTREAM_H
#define HOST_CONTROL_OBJECT_RULE_UPSTREAM_H

#include <jansson.h>

#include "host/core/issues.h"

/** Adds a finding for everything that is wrong or cannot be done with an upstream, which has passed
 * its schema. parent: JSON Pointer of where it stands; "" for an object of its own. */
void hgh_object_rule_upstream_at(const json_t *upstream, const char *parent, hg_issues *issues);

#endif
