/* host/core/arena_table.c - the slots of a shared table: found by key, changed under a lock. */
#include <stdatomic.h>
#include <string.h>

#include "host/core/arena_parts.h"
#include "host/core/share.h"

typedef struct table_key {
    hgh_hash128 hash;
    hg_text text;
    uint32_t region;
    uint32_t start;
} table_key;

_Static_assert(sizeof(_Atomic int64_t) == sizeof(int64_t), "a number of a slot can be atomic");

static table_key table_key_of(const hgh_table *table, hg_text text)
{
    table_key key = {.text = text};

    key.hash =
        hgh_siphash128(&table->arena->header->key, text.data == NULL ? "" : text.data, text.length);
    key.hash.low |= 1; /* 0 marks a slot that was never used */
    key.region = (uint32_t)((key.hash.high >> 32) % table->header->regions);
    key.start = (uint32_t)key.hash.high % table->header->region_slots;
    return key;
}

static table_slot *slot_at(const hgh_table *table, uint32_t region, uint32_t index)
{
    size_t number = (size_t)region * table->header->region_slots + index;

    return (table_slot *)(void *)(table->slots + number * table->header->slot_size);
}

static bool slot_is_live(const table_slot *slot, uint64_t now_ms)
{
    return slot->low != 0 && (slot->expiry_ms == 0 ||
                              (slot->expiry_ms != EXPIRY_REMOVED && slot->expiry_ms > now_ms));
}

/* The live slot of a key, or NULL; out_free is then where a new one can go, NULL: nowhere. */
static table_slot *
slot_find(const hgh_table *table, const table_key *key, uint64_t now_ms, table_slot **out_free)
{
    table_slot *free_slot = NULL;
    uint32_t count = table->header->region_slots;

    for (uint32_t i = 0; i < count; i++) {
        table_slot *slot = slot_at(table, key->region, (key->start + i) % count);
        bool live = slot_is_live(slot, now_ms);

        if (live && slot->low == key->hash.low && slot->high == key->hash.high) {
            return slot;
        }
        if (!live && free_slot == NULL) {
            free_slot = slot;
        }
        if (slot->low == 0) {
            break;
        }
    }
    if (out_free != NULL) {
        *out_free = free_slot;
    }
    return NULL;
}

/* Ordered so that a process killed at any point leaves the slot unused or whole. */
static void slot_fill(const hgh_table *table,
                      table_slot *slot,
                      const table_key *key,
                      int64_t value,
                      uint64_t expiry_ms)
{
    if (slot->low != 0) {
        slot->expiry_ms = EXPIRY_REMOVED;
        atomic_thread_fence(memory_order_release);
    }
    slot->high = key->hash.high;
    slot->value = value;
    if (table->header->text_max > 0) {
        unsigned char *text = (unsigned char *)(slot + 1);
        size_t length =
            key->text.length < table->header->text_max ? key->text.length : table->header->text_max;
        uint16_t kept = (uint16_t)length;

        memcpy(text, &kept, sizeof(kept));
        if (length > 0) {
            memcpy(text + sizeof(kept), key->text.data, length);
        }
    }
    if (slot->low != 0) {
        slot->low = key->hash.low;
        atomic_thread_fence(memory_order_release);
        slot->expiry_ms = expiry_ms;
    } else {
        slot->expiry_ms = expiry_ms;
        atomic_thread_fence(memory_order_release);
        slot->low = key->hash.low;
    }
}

static uint64_t expiry_of(uint64_t ttl_ms, uint64_t now_ms)
{
    return ttl_ms == 0 ? 0 : now_ms + ttl_ms;
}

static uint64_t ttl_of(const table_slot *slot, uint64_t now_ms)
{
    return slot->expiry_ms == 0 ? 0 : slot->expiry_ms - now_ms;
}

hg_status hgh_table_get(
    hgh_table *table, hg_text key_text, uint64_t now_ms, int64_t *out_value, uint64_t *out_ttl_ms)
{
    table_key key = table_key_of(table, key_text);
    table_slot *slot;

    hgh_mutex_lock(&table->locks[key.region]);
    slot = slot_find(table, &key, now_ms, NULL);
    if (slot != NULL) {
        *out_value = slot->value;
        if (out_ttl_ms != NULL) {
            *out_ttl_ms = ttl_of(slot, now_ms);
        }
    }
    hgh_mutex_unlock(&table->locks[key.region]);
    return slot == NULL ? HG_ERR_NOT_FOUND : HG_OK;
}

hg_status
hgh_table_set(hgh_table *table, hg_text key_text, int64_t value, uint64_t ttl_ms, uint64_t now_ms)
{
    table_key key = table_key_of(table, key_text);
    table_slot *free_slot = NULL;
    table_slot *slot;

    hgh_mutex_lock(&table->locks[key.region]);
    slot = slot_find(table, &key, now_ms, &free_slot);
    if (slot != NULL) {
        slot->value = value;
        slot->expiry_ms = expiry_of(ttl_ms, now_ms);
    } else if (free_slot != NULL) {
        slot_fill(table, free_slot, &key, value, expiry_of(ttl_ms, now_ms));
    }
    hgh_mutex_unlock(&table->locks[key.region]);
    return slot == NULL && free_slot == NULL ? HG_ERR_FULL : HG_OK;
}

hg_status hgh_table_add(hgh_table *table,
                        hg_text key_text,
                        int64_t delta,
                        uint64_t ttl_ms,
                        uint64_t now_ms,
                        int64_t *out_value,
                        uint64_t *out_ttl_ms)
{
    table_key key = table_key_of(table, key_text);
    table_slot *free_slot = NULL;
    table_slot *slot;

    hgh_mutex_lock(&table->locks[key.region]);
    slot = slot_find(table, &key, now_ms, &free_slot);
    if (slot != NULL) {
        /* Unsigned: an overflow wraps, it does not end the process. */
        slot->value = (int64_t)((uint64_t)slot->value + (uint64_t)delta);
    } else if (free_slot != NULL) {
        slot = free_slot;
        slot_fill(table, slot, &key, delta, expiry_of(ttl_ms, now_ms));
    }
    if (slot != NULL) {
        *out_value = slot->value;
        if (out_ttl_ms != NULL) {
            *out_ttl_ms = ttl_of(slot, now_ms);
        }
    }
    hgh_mutex_unlock(&table->locks[key.region]);
    return slot == NULL ? HG_ERR_FULL : HG_OK;
}

hg_status hgh_table_number(hgh_table *table, hg_text key_text, _Atomic int64_t **out_number)
{
    table_key key = table_key_of(table, key_text);
    table_slot *free_slot = NULL;
    table_slot *slot;

    hgh_mutex_lock(&table->locks[key.region]);
    slot = slot_find(table, &key, 0, &free_slot);
    if (slot == NULL && free_slot != NULL) {
        slot = free_slot;
        slot_fill(table, slot, &key, 0, 0);
    }
    hgh_mutex_unlock(&table->locks[key.region]);
    if (slot == NULL) {
        return HG_ERR_FULL;
    }
    *out_number = (_Atomic int64_t *)(void *)&slot->value; /* of the same size and alignment */
    return HG_OK;
}

hg_status hgh_table_compare_and_set(
    hgh_table *table, hg_text key_text, int64_t expected, int64_t value, uint64_t now_ms)
{
    table_key key = table_key_of(table, key_text);
    hg_status status = HG_ERR_NOT_FOUND;
    table_slot *slot;

    hgh_mutex_lock(&table->locks[key.region]);
    slot = slot_find(table, &key, now_ms, NULL);
    if (slot != NULL && slot->value == expected) {
        slot->value = value;
        status = HG_OK;
    } else if (slot != NULL) {
        status = HG_ERR_CONFLICT;
    }
    hgh_mutex_unlock(&table->locks[key.region]);
    return status;
}

hg_status hgh_table_remove(hgh_table *table, hg_text key_text, uint64_t now_ms)
{
    table_key key = table_key_of(table, key_text);
    table_slot *slot;

    hgh_mutex_lock(&table->locks[key.region]);
    slot = slot_find(table, &key, now_ms, NULL);
    if (slot != NULL) {
        slot->expiry_ms = EXPIRY_REMOVED;
    }
    hgh_mutex_unlock(&table->locks[key.region]);
    return slot == NULL ? HG_ERR_NOT_FOUND : HG_OK;
}

hg_status hgh_table_replace(hgh_table *table,
                            hg_text key_text,
                            int64_t expected,
                            int64_t value,
                            uint64_t ttl_ms,
                            uint64_t now_ms)
{
    table_key key = table_key_of(table, key_text);
    hg_status status = HG_OK;
    table_slot *free_slot = NULL;
    table_slot *slot;

    hgh_mutex_lock(&table->locks[key.region]);
    slot = slot_find(table, &key, now_ms, &free_slot);
    if ((slot == NULL ? 0 : slot->value) != expected) {
        status = HG_ERR_CONFLICT;
    } else if (slot != NULL) {
        slot->value = value;
        slot->expiry_ms = expiry_of(ttl_ms, now_ms);
    } else if (free_slot != NULL) {
        slot_fill(table, free_slot, &key, value, expiry_of(ttl_ms, now_ms));
    } else {
        status = HG_ERR_FULL;
    }
    hgh_mutex_unlock(&table->locks[key.region]);
    return status;
}

/* --------------------------------------------------------------------------------- shares */

/* A share's value: whose it is in the upper half, how much in the lower. */
static uint32_t share_token(const table_slot *slot)
{
    return (uint32_t)((uint64_t)slot->value >> 32);
}

static int64_t share_amount(const table_slot *slot)
{
    return (int64_t)((uint64_t)slot->value & UINT32_MAX);
}

static int64_t share_value(uint32_t token, int64_t amount)
{
    return (int64_t)((uint64_t)token << 32 | ((uint64_t)amount & UINT32_MAX));
}

/* Removes a share whose worker has gone. */
static bool share_drop_dead(table_slot *slot, hgh_share *share, uint64_t now_ms)
{
    if (hgh_share_lives(share, share_token(slot), now_ms)) {
        return false;
    }
    slot->expiry_ms = EXPIRY_REMOVED;
    return true;
}

/* The shares of a key have the upper half of its hash in common, and so lie in one chain. What the
 * others hold is added up, what the dead held is dropped. */
static table_slot *shares_find(const hgh_table *table,
                               const table_key *key,
                               hgh_share *share,
                               uint64_t now_ms,
                               table_slot **out_free,
                               int64_t *out_others)
{
    uint32_t count = table->header->region_slots;
    table_slot *own = NULL;

    for (uint32_t i = 0; i < count; i++) {
        table_slot *slot = slot_at(table, key->region, (key->start + i) % count);
        bool live = slot_is_live(slot, now_ms);

        if (live && slot->high == key->hash.high) {
            live = !share_drop_dead(slot, share, now_ms);
            if (live && share_token(slot) == share->token) {
                own = slot;
            } else if (live) {
                *out_others += share_amount(slot);
            }
        }
        if (!live && *out_free == NULL) {
            *out_free = slot;
        }
        if (slot->low == 0) {
            break;
        }
    }
    return own;
}

/* A slot of a worker that has gone, of whatever key; NULL: there is none. */
static table_slot *
region_reclaim(const hgh_table *table, uint32_t region, hgh_share *share, uint64_t now_ms)
{
    for (uint32_t i = 0; i < table->header->region_slots; i++) {
        table_slot *slot = slot_at(table, region, i);

        if (slot_is_live(slot, now_ms) && share_drop_dead(slot, share, now_ms)) {
            return slot;
        }
    }
    return NULL;
}

hg_status hgh_table_hold(hgh_table *table,
                         hg_text key_text,
                         int64_t delta,
                         hgh_share *share,
                         uint64_t now_ms,
                         int64_t *out_sum)
{
    table_key key = table_key_of(table, key_text);
    hg_status status = HG_OK;
    table_slot *free_slot = NULL;
    int64_t others = 0;
    int64_t amount;
    table_slot *own;

    hgh_mutex_lock(&table->locks[key.region]);
    own = shares_find(table, &key, share, now_ms, &free_slot, &others);
    amount = (own == NULL ? 0 : share_amount(own)) + delta;
    amount = amount < 0 ? 0 : amount;
    if (amount > (int64_t)UINT32_MAX) {
        status = HG_ERR_FULL;
    } else if (own != NULL && amount > 0) {
        own->value = share_value(share->token, amount);
    } else if (own != NULL) {
        own->expiry_ms = EXPIRY_REMOVED;
    } else if (amount > 0) {
        if (free_slot == NULL) {
            free_slot = region_reclaim(table, key.region, share, now_ms);
        }
        if (free_slot == NULL) {
            status = HG_ERR_FULL;
        } else {
            slot_fill(table, free_slot, &key, share_value(share->token, amount), 0);
        }
    }
    if (status == HG_OK) {
        *out_sum = others + amount;
    }
    hgh_mutex_unlock(&table->locks[key.region]);
    return status;
}

void hgh_table_each(hgh_table *table,
                    uint64_t now_ms,
                    void (*visit)(void *context, hg_text key, int64_t value),
                    void *context)
{
    char text[HGH_TABLE_TEXT_MAX];

    for (uint32_t region = 0; region < table->header->regions; region++) {
        for (uint32_t i = 0; i < table->header->region_slots; i++) {
            const table_slot *slot = slot_at(table, region, i);
            uint16_t length = 0;
            int64_t value = 0;
            bool live;

            /* One lock an entry: visit() may be slow, and a scrape needs no single instant. */
            hgh_mutex_lock(&table->locks[region]);
            live = slot_is_live(slot, now_ms);
            if (live && table->header->text_max > 0) {
                memcpy(&length, slot + 1, sizeof(length));
                length = length > sizeof(text) ? sizeof(text) : length;
                memcpy(text, (const char *)(slot + 1) + sizeof(length), length);
            }
            value = slot->value;
            hgh_mutex_unlock(&table->locks[region]);
            if (live) {
                visit(context, (hg_text){text, length}, value);
            }
        }
    }
}
