/* host/core/affix_table.c - finds the longest of many texts that another one begins, or ends, with.
 */
#include "host/core/affix_table.h"

#include <stdlib.h>
#include <string.h>

void hgh_affix_init(hgh_affix_table *table)
{
    memset(table, 0, sizeof(*table));
    hgh_map_init(&table->map);
    table->lengths = table->few;
    table->length_room = HGH_AFFIX_LENGTHS_FEW;
}

void hgh_affix_done(hgh_affix_table *table)
{
    hgh_map_done(&table->map);
    if (table->lengths != table->few) {
        free(table->lengths);
    }
}

static hg_status affix_lengths_grow(hgh_affix_table *table)
{
    size_t room = table->length_room * 4;
    hgh_affix_length *grown =
        realloc(table->lengths == table->few ? NULL : table->lengths, room * sizeof(*grown));

    if (grown == NULL) {
        return HG_ERR_NO_MEMORY;
    }
    if (table->lengths == table->few) {
        memcpy(grown, table->few, sizeof(table->few));
    }
    table->lengths = grown;
    table->length_room = room;
    return HG_OK;
}

hg_status hgh_affix_add(hgh_affix_table *table, hgh_map_node *node)
{
    size_t length = node->key.length;
    size_t i = 0;
    hg_status status;

    while (i < table->length_count && table->lengths[i].length > length) {
        i++;
    }
    if (i == table->length_count || table->lengths[i].length != length) {
        if (table->length_count == table->length_room && affix_lengths_grow(table) != HG_OK) {
            return HG_ERR_NO_MEMORY;
        }
        memmove(&table->lengths[i + 1], &table->lengths[i],
                (table->length_count - i) * sizeof(*table->lengths));
        table->lengths[i].length = length;
        table->lengths[i].keys = 0;
        table->length_count++;
    }
    status = hgh_map_add(&table->map, node);
    if (status == HG_OK) {
        table->lengths[i].keys++;
    }
    return status; /* a length without keys costs one lookup and is used again */
}

void hgh_affix_remove(hgh_affix_table *table, hgh_map_node *node)
{
    hgh_map_remove(&table->map, node);
    for (size_t i = 0; i < table->length_count; i++) {
        if (table->lengths[i].length == node->key.length && --table->lengths[i].keys == 0) {
            memmove(&table->lengths[i], &table->lengths[i + 1],
                    (table->length_count - i - 1) * sizeof(*table->lengths));
            table->length_count--;
            return;
        }
    }
}
