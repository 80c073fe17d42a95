/* host/core/map.c - a hash table from text to embedded nodes, grown in small steps. */
#include "host/core/map.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define FEW_MAX        4u /* entries that are walked over */
#define SIZE_MIN       16u
#define MOVES_PER_CALL 4u /* buckets moved by each insertion while it grows */

#define MIX 0x9e3779b97f4a7c15u /* 2^64 divided by the golden ratio, odd */

static uint64_t word_at(const char *at, size_t length)
{
    uint64_t word = 0;

    memcpy(&word, at, length);
    return word;
}

static uint64_t mix(uint64_t a, uint64_t b)
{
    __extension__ typedef unsigned __int128 wide;
    wide product = (wide)a * b;

    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

/* Keys come from the operator and lookups from clients: a client cannot fill a bucket, so a fast
 * hash with a random start will do. What clients can fill uses SipHash (arena.c). */
static uint64_t map_hash(const hgh_map *map, hg_text key)
{
    uint64_t hash = map->key.words[0] ^ key.length;
    const char *at = key.data;
    size_t left = key.length;

    for (; left >= 8; left -= 8, at += 8) {
        hash = mix(hash ^ word_at(at, 8), MIX);
    }
    if (left > 0) {
        hash = mix(hash ^ word_at(at, left), MIX);
    }
    return mix(hash, map->key.words[1] | 1);
}

static hgh_map_node **map_bucket(const hgh_map *map, int table, uint64_t hash)
{
    return &map->buckets[table][hash & (map->sizes[table] - 1)];
}

void hgh_map_init(hgh_map *map)
{
    *map = (hgh_map){0};
    hgh_hash_key_init(&map->key);
}

void hgh_map_done(hgh_map *map)
{
    free(map->buckets[0]);
    free(map->buckets[1]);
    *map = (hgh_map){0};
}

static hgh_map_node *chain_find(hgh_map_node *node, uint64_t hash, hg_text key)
{
    while (node != NULL && (node->hash != hash || !hg_text_equal(node->key, key))) {
        node = node->next;
    }
    return node;
}

hgh_map_node *hgh_map_find(const hgh_map *map, hg_text key)
{
    hgh_map_node *node;
    uint64_t hash;

    if (map->count == 0) {
        return NULL;
    }
    hash = map_hash(map, key);
    if (map->sizes[0] == 0) {
        return chain_find(map->few, hash, key);
    }
    node = chain_find(*map_bucket(map, 0, hash), hash, key);
    return node != NULL || map->sizes[1] == 0 ? node
                                              : chain_find(*map_bucket(map, 1, hash), hash, key);
}

static void map_move_some(hgh_map *map)
{
    for (size_t i = 0; i < MOVES_PER_CALL && map->moved < map->sizes[0]; i++, map->moved++) {
        hgh_map_node *node = map->buckets[0][map->moved];

        map->buckets[0][map->moved] = NULL;
        while (node != NULL) {
            hgh_map_node *next = node->next;
            hgh_map_node **bucket = map_bucket(map, 1, node->hash);

            node->next = *bucket;
            *bucket = node;
            node = next;
        }
    }
    if (map->moved == map->sizes[0]) {
        free(map->buckets[0]);
        map->buckets[0] = map->buckets[1];
        map->sizes[0] = map->sizes[1];
        map->buckets[1] = NULL;
        map->sizes[1] = 0;
        map->moved = 0;
    }
}

/* The first table. */
static hg_status map_begin_table(hgh_map *map)
{
    map->buckets[0] = calloc(SIZE_MIN, sizeof(*map->buckets[0]));
    if (map->buckets[0] == NULL) {
        return HG_ERR_NO_MEMORY;
    }
    map->sizes[0] = SIZE_MIN;
    while (map->few != NULL) {
        hgh_map_node *node = map->few;
        hgh_map_node **bucket = map_bucket(map, 0, node->hash);

        map->few = node->next;
        node->next = *bucket;
        *bucket = node;
    }
    return HG_OK;
}

/* Makes room for one more. Out of memory only hurts where there is no table yet: a full one gets
 * slower. Half of it stays empty: a chain is a place in memory more to look at. */
static hg_status map_reserve(hgh_map *map)
{
    if (map->sizes[1] != 0) {
        map_move_some(map);
        return HG_OK;
    }
    if (map->sizes[0] == 0) {
        return map->count < FEW_MAX ? HG_OK : map_begin_table(map);
    }
    if (map->count >= map->sizes[0] / 2) {
        map->buckets[1] = calloc(map->sizes[0] * 2, sizeof(*map->buckets[1]));
        if (map->buckets[1] != NULL) {
            map->sizes[1] = map->sizes[0] * 2;
            map_move_some(map);
        }
    }
    return HG_OK;
}

hg_status hgh_map_add(hgh_map *map, hgh_map_node *node)
{
    hgh_map_node **bucket;
    hg_status status = map_reserve(map);

    if (status != HG_OK) {
        return status;
    }
    node->hash = map_hash(map, node->key);
    bucket =
        map->sizes[0] == 0 ? &map->few : map_bucket(map, map->sizes[1] != 0 ? 1 : 0, node->hash);
    node->next = *bucket;
    *bucket = node;
    map->count++;
    return HG_OK;
}

static bool chain_remove(hgh_map_node **at, hgh_map_node *node)
{
    while (*at != NULL && *at != node) {
        at = &(*at)->next;
    }
    if (*at == NULL) {
        return false;
    }
    *at = node->next;
    node->next = NULL;
    return true;
}

void hgh_map_remove(hgh_map *map, hgh_map_node *node)
{
    bool found = map->sizes[0] == 0 ? chain_remove(&map->few, node)
                                    : chain_remove(map_bucket(map, 0, node->hash), node) ||
                                          (map->sizes[1] != 0 &&
                                           chain_remove(map_bucket(map, 1, node->hash), node));

    map->count -= found ? 1 : 0;
}

static void
chain_each(hgh_map_node *node, void (*visit)(void *context, hgh_map_node *node), void *context)
{
    while (node != NULL) {
        hgh_map_node *next = node->next; /* it may be removed */

        visit(context, node);
        node = next;
    }
}

void hgh_map_each(hgh_map *map, void (*visit)(void *context, hgh_map_node *node), void *context)
{
    chain_each(map->few, visit, context);
    for (int table = 0; table < 2; table++) {
        for (size_t i = 0; i < map->sizes[table]; i++) {
            chain_each(map->buckets[table][i], visit, context);
        }
    }
}
