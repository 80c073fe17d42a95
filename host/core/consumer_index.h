/* host/core/consumer_index.h - finds a consumer by a credential, in one lookup. */
#ifndef HOST_CORE_CONSUMER_INDEX_H
#define HOST_CORE_CONSUMER_INDEX_H

#include <stdbool.h>

#include "host/core/generation.h"
#include "host/core/map.h"
#include "host/core/resource.h"

/** Keys of the consumers and credentials in force, by plugin and key. */
typedef struct hgh_consumer_index {
    hgh_map keys;    /* of hgh_consumer_key */
    hgh_map plugins; /* how many keys each plugin has */
} hgh_consumer_index;

void hgh_consumer_index_init(hgh_consumer_index *index);

/** All owners of keys must have been removed. */
void hgh_consumer_index_done(hgh_consumer_index *index);

/**
 * Enters the keys of a consumer or of a credential: for every plugin of `generation` that names a
 * key field, that field of the owner's configuration of it.
 */
hg_status hgh_consumer_index_add(hgh_consumer_index *index,
                                 const hgh_generation *generation,
                                 hg_consumer *owner);

void hgh_consumer_index_remove(hgh_consumer_index *index, hg_consumer *owner);

/**
 * The owner of a key; borrowed. NULL: nobody has it. Of several the one that was changed last
 * counts, in every process the same; a credential counts while its consumer is there.
 */
hg_consumer *
hgh_consumer_index_find(const hgh_consumer_index *index, const char *plugin, hg_text key);

/** True if any consumer has a credential of that plugin. */
bool hgh_consumer_index_has(const hgh_consumer_index *index, const char *plugin);

/** True if both generations find consumers by the same plugins and fields. */
bool hgh_consumer_index_is_same(const hgh_generation *a, const hgh_generation *b);

#endif
