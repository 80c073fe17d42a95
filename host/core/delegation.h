/* host/core/delegation.h - configurations of plugins inside the configuration of another one. */
#ifndef HOST_CORE_DELEGATION_H
#define HOST_CORE_DELEGATION_H

#include <stdbool.h>

#include <jansson.h>

#include <hotgate/delegate.h>

#include "host/core/generation.h"

/** One of them, borrowed from the configuration around it. */
typedef struct hgh_delegate {
    const char *name; /* of its plugin */
    const json_t *value;
    size_t index; /* of its object in the list */
    void *member; /* in that object: for hgh_delegate_next() */
} hgh_delegate;

/**
 * The extension of a descriptor, checked.
 *
 * out_delegates  borrowed from the object; NULL: it has none. Untouched on failure.
 * Returns HG_OK or HG_ERR_INVALID.
 */
hg_status
hgh_delegates_find(const hg_plugin *descriptor, const hg_delegates **out_delegates, hg_error *err);

/**
 * The one after `delegate`, which begins zeroed. False: there is no further one.
 *
 * value  the configuration around them, whatever it is.
 */
bool hgh_delegate_next(const hg_delegates *delegates, const json_t *value, hgh_delegate *delegate);

/** Writes its JSON Pointer behind `prefix`, that of the configuration around it. */
void hgh_delegate_pointer(const hg_delegates *delegates,
                          const hgh_delegate *delegate,
                          const char *prefix,
                          char *buffer,
                          size_t size);

/** Says why a plugin cannot be a delegate of that kind; NULL: it can. */
const char *hgh_delegate_unfit(const hg_delegates *delegates, const hgh_plugin *plugin);

/**
 * Judges all of them, their plugins' own check() included: as hgh_configuration_decode() does,
 * which judges the configuration around them.
 *
 * plugin  of the configuration around them; without the extension there is nothing to judge.
 */
void hgh_delegates_judge(const hgh_generation *generation,
                         const hgh_plugin *plugin,
                         const json_t *value,
                         const char *resource,
                         const char *id,
                         const char *prefix,
                         hg_issues *issues,
                         hg_issues *warnings);

#endif
