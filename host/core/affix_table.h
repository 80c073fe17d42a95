/* host/core/affix_table.h - finds the longest of many texts that another one begins, or ends, with.
 *
 * By their lengths: one look-up in a hash for each length that occurs.
 */
#ifndef HOST_CORE_AFFIX_TABLE_H
#define HOST_CORE_AFFIX_TABLE_H

#include <stddef.h>

#include "host/core/map.h"

#define HGH_AFFIX_LENGTHS_FEW 2u /* below one host most often */

typedef struct hgh_affix_length {
    size_t length;
    size_t keys; /* that have it */
} hgh_affix_length;

/** Caller's storage; it stays where it is. */
typedef struct hgh_affix_table {
    hgh_map map; /* of the caller's nodes: look up a beginning or an end of each length */
    size_t length_count;
    size_t length_room;
    hgh_affix_length *lengths; /* descending; owned, unless it is `few` */
    hgh_affix_length few[HGH_AFFIX_LENGTHS_FEW];
} hgh_affix_table;

void hgh_affix_init(hgh_affix_table *table);

/** Frees the table; the nodes are the caller's. */
void hgh_affix_done(hgh_affix_table *table);

/** Adds a node whose key is set and not in the table. HG_OK or HG_ERR_NO_MEMORY. */
hg_status hgh_affix_add(hgh_affix_table *table, hgh_map_node *node);

/** Takes out a node that is in the table. */
void hgh_affix_remove(hgh_affix_table *table, hgh_map_node *node);

#endif
