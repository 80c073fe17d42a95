/* host/control/object_rule_parts.h - what the rules of several kinds have in common. */
#ifndef HOST_CONTROL_OBJECT_RULE_PARTS_H
#define HOST_CONTROL_OBJECT_RULE_PARTS_H

#include <stddef.h>

#include <jansson.h>

#include "host/core/issues.h"

#define HGH_RULE_SECONDS_MAX 2147483.0 /* in ms it fits 31 bits, as nginx's timers need */

/** A member that this version cannot do, but for the values named. Never ignored: what an operator
 * configures either works or is refused. */
typedef struct hgh_rule_refusal {
    const char *member;
    const char *allowed[5]; /* texts that are all right; none: no value is */
    const char *wanted;
} hgh_rule_refusal;

/** Adds a finding about a member of what stands at `parent`. */
void hgh_rule_add(hg_issues *issues,
                  const char *parent,
                  const char *member,
                  const char *found,
                  const char *wanted,
                  const char *text);

/** Refuses members that a table names. */
void hgh_rule_refuse(const json_t *object,
                     const char *parent,
                     const hgh_rule_refusal *rows,
                     size_t count,
                     hg_issues *issues);

/** Refuses a number that the data plane could not keep: in 32 bits, or in milliseconds. */
void hgh_rule_check_range(const json_t *object,
                          const char *parent,
                          const char *member,
                          double min,
                          double max,
                          hg_issues *issues);

/** Of {connect, send, read} under "timeout". */
void hgh_rule_check_timeout(const json_t *object, const char *parent, hg_issues *issues);

#endif
