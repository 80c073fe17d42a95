/* host/core/consumer_index.c - finds a consumer by a credential, in one lookup. */
#include "host/core/consumer_index.h"

#include <stdlib.h>
#include <string.h>

#define KEY_MAX 4096u /* bytes of a credential; longer ones find nobody */

/* How many credentials one plugin has. */
typedef struct plugin_count {
    hgh_map_node node;
    size_t keys;
    char name[HG_NAME_MAX + 1];
} plugin_count;

void hgh_consumer_index_init(hgh_consumer_index *index)
{
    hgh_map_init(&index->keys);
    hgh_map_init(&index->plugins);
}

static void count_free(void *context, hgh_map_node *node)
{
    (void)context;
    free(HGH_CONTAINER_OF(node, plugin_count, node));
}

void hgh_consumer_index_done(hgh_consumer_index *index)
{
    hgh_map_each(&index->plugins, count_free, NULL);
    hgh_map_done(&index->plugins);
    hgh_map_done(&index->keys);
}

/* The field of the descriptor by which a plugin finds consumers; NULL: it does not. */
static const char *key_field(const hgh_plugin *plugin)
{
    const hg_config_description *description = plugin->descriptor->consumer;

    return description == NULL ? NULL : description->key;
}

static plugin_count *count_find_or_make(hgh_consumer_index *index, const char *plugin)
{
    hgh_map_node *node = hgh_map_find(&index->plugins, hg_text_of(plugin));
    plugin_count *count;

    if (node != NULL) {
        return HGH_CONTAINER_OF(node, plugin_count, node);
    }
    count = calloc(1, sizeof(*count));
    if (count == NULL) {
        return NULL;
    }
    (void)snprintf(count->name, sizeof(count->name), "%s", plugin);
    count->node.key = hg_text_of(count->name);
    if (hgh_map_add(&index->plugins, &count->node) != HG_OK) {
        free(count);
        return NULL;
    }
    return count;
}

/* Which of two owners of one key counts: the one that was changed last. */
static bool key_counts_before(const hgh_consumer_key *a, const hgh_consumer_key *b)
{
    const hgh_resource *left = &a->owner->base;
    const hgh_resource *right = &b->owner->base;

    return left->revision != right->revision ? left->revision > right->revision
                                             : strcmp(left->id, right->id) > 0;
}

/* The map holds the key that counts; the others with the same text hang behind it. */
static hg_status key_enter(hgh_consumer_index *index, hgh_consumer_key *key)
{
    hgh_map_node *node = hgh_map_find(&index->keys, key->node.key);
    hgh_consumer_key *first = node == NULL ? NULL : HGH_CONTAINER_OF(node, hgh_consumer_key, node);
    hgh_consumer_key **at;

    if (first == NULL) {
        return hgh_map_add(&index->keys, &key->node);
    }
    if (key_counts_before(key, first)) {
        hg_status status = hgh_map_add(&index->keys, &key->node);

        if (status == HG_OK) {
            hgh_map_remove(&index->keys, &first->node);
            key->older = first;
        }
        return status;
    }
    for (at = &first->older; *at != NULL && key_counts_before(*at, key); at = &(*at)->older) {
    }
    key->older = *at;
    *at = key;
    return HG_OK;
}

/* The opposite. With one out there is always room for the next. */
static void key_leave(hgh_consumer_index *index, hgh_consumer_key *key)
{
    hgh_map_node *node = hgh_map_find(&index->keys, key->node.key);
    hgh_consumer_key *at = node == NULL ? NULL : HGH_CONTAINER_OF(node, hgh_consumer_key, node);

    if (at == key) {
        hgh_map_remove(&index->keys, &key->node);
        if (key->older != NULL) {
            (void)hgh_map_add(&index->keys, &key->older->node); /* only an empty map can fail */
        }
        return;
    }
    while (at != NULL && at->older != key) {
        at = at->older;
    }
    if (at != NULL) {
        at->older = key->older;
    }
}

static hg_status
key_add(hgh_consumer_index *index, hg_consumer *owner, const char *plugin, const json_t *value)
{
    size_t plugin_size = strlen(plugin) + 1;
    size_t length = json_string_length(value);
    plugin_count *count = count_find_or_make(index, plugin);
    hgh_consumer_key *key = calloc(1, sizeof(*key) + plugin_size + length);

    if (count == NULL || key == NULL) {
        free(key);
        return HG_ERR_NO_MEMORY;
    }
    memcpy(key->text, plugin, plugin_size);
    if (length > 0) {
        memcpy(key->text + plugin_size, json_string_value(value), length);
    }
    key->node.key = (hg_text){key->text, plugin_size + length};
    key->owner = owner;
    if (key_enter(index, key) != HG_OK) {
        free(key);
        return HG_ERR_NO_MEMORY;
    }
    key->next = owner->keys;
    owner->keys = key;
    count->keys++;
    return HG_OK;
}

hg_status hgh_consumer_index_add(hgh_consumer_index *index,
                                 const hgh_generation *generation,
                                 hg_consumer *owner)
{
    json_t *object;
    const char *name;
    json_t *value;
    hg_status status = HG_OK;

    if (!owner->base.has_plugins) {
        return HG_OK;
    }
    object = hgh_resource_json(&owner->base);
    if (object == NULL) {
        return HG_ERR_NO_MEMORY;
    }
    json_object_foreach(json_object_get(object, "plugins"), name, value)
    {
        hgh_plugin *plugin = NULL;
        const json_t *key;

        if (status != HG_OK ||
            hgh_generation_find(generation, name, &plugin, NULL) != HGH_PLUGIN_LOADED ||
            key_field(plugin) == NULL) {
            continue;
        }
        key = json_object_get(value, key_field(plugin));
        if (json_is_string(key) && json_string_length(key) <= KEY_MAX) {
            status = key_add(index, owner, name, key);
        }
    }
    json_decref(object);
    return status;
}

void hgh_consumer_index_remove(hgh_consumer_index *index, hg_consumer *owner)
{
    while (owner->keys != NULL) {
        hgh_consumer_key *key = owner->keys;
        hgh_map_node *node = hgh_map_find(&index->plugins, hg_text_of(key->text));

        if (node != NULL) {
            HGH_CONTAINER_OF(node, plugin_count, node)->keys--;
        }
        owner->keys = key->next;
        key_leave(index, key);
        free(key);
    }
}

hg_consumer *
hgh_consumer_index_find(const hgh_consumer_index *index, const char *plugin, hg_text key)
{
    char text[HG_NAME_MAX + 1 + KEY_MAX];
    size_t plugin_size = strlen(plugin) + 1;
    hgh_map_node *node;
    const hgh_consumer_key *found;

    if (key.length > KEY_MAX) {
        return NULL;
    }
    memcpy(text, plugin, plugin_size);
    if (key.length > 0) {
        memcpy(text + plugin_size, key.data, key.length);
    }
    node = hgh_map_find(&index->keys, (hg_text){text, plugin_size + key.length});
    found = node == NULL ? NULL : HGH_CONTAINER_OF(node, hgh_consumer_key, node);
    while (found != NULL && hgh_consumer_of(found->owner) == NULL) {
        found = found->older; /* a credential whose consumer is not there identifies nobody */
    }
    return found == NULL ? NULL : found->owner;
}

bool hgh_consumer_index_has(const hgh_consumer_index *index, const char *plugin)
{
    hgh_map_node *node = hgh_map_find(&index->plugins, hg_text_of(plugin));

    return node != NULL && HGH_CONTAINER_OF(node, plugin_count, node)->keys > 0;
}

static bool keys_are_in(const hgh_generation *a, const hgh_generation *b)
{
    for (size_t i = 0; i < a->count; i++) {
        const hgh_plugin *plugin = a->entries[i].plugin;
        const char *field = plugin == NULL ? NULL : key_field(plugin);
        hgh_plugin *other = NULL;

        if (field != NULL &&
            (hgh_generation_find(b, plugin->name, &other, NULL) != HGH_PLUGIN_LOADED ||
             key_field(other) == NULL || strcmp(key_field(other), field) != 0)) {
            return false;
        }
    }
    return true;
}

bool hgh_consumer_index_is_same(const hgh_generation *a, const hgh_generation *b)
{
    return keys_are_in(a, b) && keys_are_in(b, a);
}
