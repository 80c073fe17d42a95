/* host/core/secret_reference.h - texts of a configuration that stand for a secret kept elsewhere.
 */
#ifndef HOST_CORE_SECRET_REFERENCE_H
#define HOST_CORE_SECRET_REFERENCE_H

#include <stdbool.h>

#include <jansson.h>

#include <hotgate/error.h>

/** True if the text begins with `$secret://`, or with `$env://` in any case. */
bool hgh_secret_is_reference(const char *text);

/**
 * Adds a finding for each text of a value that begins with `$secret://`, or with `$env://` in any
 * case: taken as it is, the reference itself would be the secret, which everybody can guess.
 *
 * prefix  JSON Pointer of the value. Values deeper than 256 levels are not looked at further.
 */
void hgh_secret_references_refuse(const json_t *value, const char *prefix, hg_issues *issues);

#endif
