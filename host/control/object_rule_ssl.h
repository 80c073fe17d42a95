/* host/control/object_rule_ssl.h - what an ssl demands beyond its schema. */
#ifndef HOST_CONTROL_OBJECT_RULE_SSL_H
#define HOST_CONTROL_OBJECT_RULE_SSL_H

#include <jansson.h>

#include "host/core/issues.h"

/** Adds a finding for every certificate, key and pattern that cannot be used. None shows what was
 * found: it may be a key. The object has passed its schema. */
void hgh_object_rule_ssl(const json_t *object, hg_issues *issues);

/** The same of one certificate and its key, or of two members of a `tls`. */
void hgh_object_rule_key_pair(const json_t *certificate,
                              const json_t *key,
                              const char *certificate_pointer,
                              const char *key_pointer,
                              const char *prefix,
                              hg_issues *issues);

#endif
