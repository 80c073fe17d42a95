/* host/core/map.h - a hash table from text to nodes that the caller embeds in its own structs.
 *
 * It grows a few buckets at a time, so that no single insertion pays for all: with 100,000 entries
 * a whole rehash would hold up every request of the worker. A few entries need no table.
 */
#ifndef HOST_CORE_MAP_H
#define HOST_CORE_MAP_H

#include <stddef.h>
#include <stdint.h>

#include <hotgate/error.h>
#include <hotgate/text.h>

#include "host/core/siphash.h"

/** Embedded in what is stored. `key` is borrowed from the same struct. */
typedef struct hgh_map_node {
    struct hgh_map_node *next;
    uint64_t hash;
    hg_text key;
} hgh_map_node;

typedef struct hgh_map {
    hgh_map_node *few;         /* all of them, as long as there is no table */
    hgh_map_node **buckets[2]; /* [1] is the larger one that [0] is being moved into */
    size_t sizes[2];           /* powers of two; 0: none */
    size_t moved;              /* buckets of [0] that are empty already */
    size_t count;
    hgh_hash_key key;
} hgh_map;

/** The struct around a node. */
#define HGH_CONTAINER_OF(node, type, member)                                                       \
    ((type *)(void *)((char *)(node)-offsetof(type, member)))

void hgh_map_init(hgh_map *map);

/** Frees the table; the nodes are the caller's. */
void hgh_map_done(hgh_map *map);

/** The node with that key, or NULL. */
hgh_map_node *hgh_map_find(const hgh_map *map, hg_text key);

/** Adds a node whose key is set and not in the map. HG_OK or HG_ERR_NO_MEMORY. */
hg_status hgh_map_add(hgh_map *map, hgh_map_node *node);

/** Takes out a node that is in the map. */
void hgh_map_remove(hgh_map *map, hgh_map_node *node);

/** Calls for every node; visit() may remove the node it is given and no other. */
void hgh_map_each(hgh_map *map, void (*visit)(void *context, hgh_map_node *node), void *context);

#endif
