/* host/core/router_table.c - what a router holds: routes by host and path. */
#include "host/core/router_table.h"

#include <stdlib.h>
#include <string.h>

hgh_router_level *hgh_router_level_new(hg_text key)
{
    hgh_router_level *made = calloc(1, sizeof(*made) + key.length + 1);

    if (made == NULL) {
        return NULL;
    }
    if (key.length > 0) {
        memcpy(made->key, key.data, key.length);
    }
    made->node.key = (hg_text){made->key, key.length};
    hgh_map_init(&made->exact);
    hgh_affix_init(&made->prefixes);
    return made;
}

static void list_done(hgh_router_list *list)
{
    if (list->room > 0) {
        free(list->items.many);
    }
}

static void host_list_free(void *context, hgh_map_node *node)
{
    hgh_router_host *old = HGH_CONTAINER_OF(node, hgh_router_host, node);

    (void)context;
    list_done(&old->entries);
    free(old);
}

static void bucket_free(void *context, hgh_map_node *node)
{
    hgh_router_bucket *old = HGH_CONTAINER_OF(node, hgh_router_bucket, node);

    (void)context;
    if (old->by_host != NULL) {
        hgh_map_each(old->by_host, host_list_free, NULL);
        hgh_map_done(old->by_host);
        free(old->by_host);
    }
    list_done(&old->entries);
    free(old);
}

void hgh_router_level_free(void *context, hgh_map_node *node)
{
    hgh_router_level *old = HGH_CONTAINER_OF(node, hgh_router_level, node);

    (void)context;
    hgh_map_each(&old->exact, bucket_free, NULL);
    hgh_map_done(&old->exact);
    hgh_map_each(&old->prefixes.map, bucket_free, NULL);
    hgh_affix_done(&old->prefixes);
    free(old);
}

hgh_router_level *hgh_router_level_make(hgh_router *router, hg_text host)
{
    bool suffix = hgh_host_is_suffix(host);
    hg_text key = suffix ? (hg_text){host.data + 1, host.length - 1} : host;
    hgh_map *map = suffix ? &router->host_suffixes.map : &router->exact_hosts;
    hgh_map_node *node;
    hgh_router_level *made;
    hg_status status;

    if (router->mode != HGH_ROUTER_HOST_URI || host.data == NULL) {
        return router->any_host;
    }
    node = hgh_map_find(map, key);
    if (node != NULL) {
        return HGH_CONTAINER_OF(node, hgh_router_level, node);
    }
    made = hgh_router_level_new(key);
    if (made == NULL) {
        return NULL;
    }
    status =
        suffix ? hgh_affix_add(&router->host_suffixes, &made->node) : hgh_map_add(map, &made->node);
    if (status != HG_OK) {
        hgh_router_level_free(NULL, &made->node);
        return NULL;
    }
    return made;
}

static void level_free_if_empty(hgh_router *router, hgh_router_level *old)
{
    if (old->entries > 0 || old == router->any_host) {
        return;
    }
    if (hgh_map_find(&router->exact_hosts, old->node.key) == &old->node) {
        hgh_map_remove(&router->exact_hosts, &old->node);
    } else {
        hgh_affix_remove(&router->host_suffixes, &old->node);
    }
    hgh_router_level_free(NULL, &old->node);
}

static hgh_router_bucket *
bucket_find_or_make(hgh_router_level *at, hgh_route_pattern_kind kind, hg_text key)
{
    hgh_map *map = kind == HGH_PATTERN_EXACT ? &at->exact : &at->prefixes.map;
    hgh_map_node *node = hgh_map_find(map, key);
    hgh_router_bucket *made;
    hg_status status;

    if (node != NULL) {
        return HGH_CONTAINER_OF(node, hgh_router_bucket, node);
    }
    made = calloc(1, sizeof(*made) + key.length + 1);
    if (made == NULL) {
        return NULL;
    }
    if (key.length > 0) {
        memcpy(made->key, key.data, key.length);
    }
    made->node.key = (hg_text){made->key, key.length};
    made->level = at;
    status = kind == HGH_PATTERN_EXACT ? hgh_map_add(map, &made->node)
                                       : hgh_affix_add(&at->prefixes, &made->node);
    if (status != HG_OK) {
        free(made);
        return NULL;
    }
    return made;
}

static void
bucket_free_if_empty(hgh_router *router, hgh_router_bucket *old, hgh_route_pattern_kind kind)
{
    hgh_router_level *in = old->level;

    if (old->entries.count == 0 && old->by_host == NULL) {
        if (kind == HGH_PATTERN_EXACT) {
            hgh_map_remove(&in->exact, &old->node);
        } else {
            hgh_affix_remove(&in->prefixes, &old->node);
        }
        bucket_free(NULL, &old->node);
    }
    level_free_if_empty(router, in);
}

static hgh_router_host *host_list_find_or_make(hgh_router_bucket *in, hg_text host)
{
    hgh_map_node *node = in->by_host == NULL ? NULL : hgh_map_find(in->by_host, host);
    hgh_router_host *made;

    if (node != NULL) {
        return HGH_CONTAINER_OF(node, hgh_router_host, node);
    }
    made = calloc(1, sizeof(*made) + host.length + 1);
    if (made == NULL) {
        return NULL;
    }
    if (in->by_host == NULL) {
        in->by_host = malloc(sizeof(*in->by_host));
        if (in->by_host == NULL) {
            free(made);
            return NULL;
        }
        hgh_map_init(in->by_host);
    }
    memcpy(made->key, host.data, host.length);
    made->node.key = (hg_text){made->key, host.length};
    if (hgh_map_add(in->by_host, &made->node) != HG_OK) {
        free(made);
        return NULL; /* an empty map goes with its hgh_router_bucket */
    }
    return made;
}

static void host_list_free_if_empty(hgh_router_bucket *in, hgh_router_host *old)
{
    if (old != NULL && old->entries.count == 0) {
        hgh_map_remove(in->by_host, &old->node);
        host_list_free(NULL, &old->node);
    }
    if (in->by_host != NULL && in->by_host->count == 0) {
        hgh_map_done(in->by_host);
        free(in->by_host);
        in->by_host = NULL;
    }
}

/* Higher priority, then the longer pattern, then what was stored first; what one transaction stored
 * is told apart by the id, so that every process finds the same. */
bool hgh_router_entry_goes_before(const struct hgh_router_entry *a,
                                  const struct hgh_router_entry *b)
{
    size_t a_length = a->uri.length;
    size_t b_length = b->uri.length;

    if (a->route->priority != b->route->priority) {
        return a->route->priority > b->route->priority;
    }
    if (a_length != b_length) {
        return a_length > b_length;
    }
    if (a->route->base.created != b->route->base.created) {
        return a->route->base.created < b->route->base.created;
    }
    return strcmp(a->route->base.id, b->route->base.id) < 0;
}

struct hgh_router_entry *const *hgh_router_list_items(const hgh_router_list *list)
{
    return list->room > 0 ? list->items.many : &list->items.one;
}

/* How many go before it, or are its equals: where it is to stand. */
static size_t list_place(const hgh_router_list *list, const struct hgh_router_entry *entry)
{
    struct hgh_router_entry *const *items = hgh_router_list_items(list);
    size_t low = 0;
    size_t high = list->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (hgh_router_entry_goes_before(entry, items[middle])) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    return low;
}

static hg_status list_add(hgh_router_list *list, struct hgh_router_entry *entry)
{
    size_t place;

    if (list->count == 0 && list->room == 0) {
        list->items.one = entry;
        list->count = 1;
        return HG_OK;
    }
    if (list->room == 0 || list->count == list->room) {
        uint32_t room = list->room == 0 ? 4 : list->room * 2;
        struct hgh_router_entry **grown = realloc(list->room == 0 ? NULL : list->items.many,
                                                  room * sizeof(struct hgh_router_entry *));

        if (grown == NULL) {
            return HG_ERR_NO_MEMORY;
        }
        if (list->room == 0) {
            grown[0] = list->items.one;
        }
        list->items.many = grown;
        list->room = room;
    }
    place = list_place(list, entry);
    memmove(&list->items.many[place + 1], &list->items.many[place],
            (list->count - place) * sizeof(struct hgh_router_entry *));
    list->items.many[place] = entry;
    list->count++;
    return HG_OK;
}

static void list_remove(hgh_router_list *list, const struct hgh_router_entry *entry)
{
    struct hgh_router_entry *const *items = hgh_router_list_items(list);
    size_t place = list_place(list, entry);

    do { /* equals stand before the place: paths of one route that differ behind a star */
        place--;
    } while (items[place] != entry);
    list->count--;
    if (list->room > 0) {
        memmove(&list->items.many[place], &list->items.many[place + 1],
                (list->count - place) * sizeof(struct hgh_router_entry *));
    }
}

/* A route without hosts has those of its service. */
const hg_text *hgh_route_hosts(const hgh_route *route, size_t *out_count)
{
    const hgh_service *service;

    if (route->host_count > 0 || route->service == NULL || route->service->current == NULL) {
        *out_count = route->host_count;
        return route->hosts;
    }
    service = (const hgh_service *)(const void *)route->service->current;
    *out_count = service->host_count;
    return service->hosts;
}

/* `first` is the memory that its list has for one. */
static struct hgh_router_entry *entry_allocate(struct hgh_router_entry *first)
{
    return first->route == NULL ? first : calloc(1, sizeof(struct hgh_router_entry));
}

static void entry_free(const struct hgh_router_entry *first, struct hgh_router_entry *entry)
{
    if (entry == first) {
        *entry = (struct hgh_router_entry){0};
    } else {
        free(entry);
    }
}

/* True if more than methods and path decide. */
static bool has_conditions(const hgh_router *router, const hgh_route *route, hg_text exact_host)
{
    size_t hosts = 0;

    (void)hgh_route_hosts(route, &hosts);
    return route->remote_addresses != NULL || route->vars != NULL ||
           (router->mode != HGH_ROUTER_HOST_URI && hosts > 0 && exact_host.data == NULL);
}

/* exact_host: where paths lead, of a route that is found by it; else absent. */
hg_status hgh_router_entry_add(
    hgh_router *router, hgh_route *route, hg_text uri, hgh_router_level *in, hg_text exact_host)
{
    size_t length = 0;
    hgh_route_pattern_kind kind = hgh_route_pattern_split(router->mode, uri, &length);
    hgh_router_bucket *into =
        in == NULL ? NULL : bucket_find_or_make(in, kind, (hg_text){uri.data, length});
    hgh_router_host *host = NULL;
    struct hgh_router_entry *first;
    struct hgh_router_entry *entry = NULL;

    if (into == NULL) {
        goto no_memory;
    }
    if (exact_host.data != NULL) {
        host = host_list_find_or_make(into, exact_host);
        if (host == NULL) {
            goto no_memory;
        }
    }
    first = host != NULL ? &host->first : &into->first;
    entry = entry_allocate(first);
    if (entry == NULL) {
        goto no_memory;
    }
    *entry = (struct hgh_router_entry){
        .next_of_route = route->entries,
        .route = route,
        .bucket = into,
        .host = host,
        .uri = uri,
        .methods = route->methods,
        .kind = (uint8_t)kind,
        .has_conditions = has_conditions(router, route, exact_host),
    };
    if (list_add(host != NULL ? &host->entries : &into->entries, entry) != HG_OK) {
        entry_free(first, entry);
        goto no_memory;
    }
    route->entries = entry;
    in->entries++;
    return HG_OK;

no_memory:
    if (into != NULL) {
        host_list_free_if_empty(into, host);
        bucket_free_if_empty(router, into, kind);
    } else if (in != NULL) {
        level_free_if_empty(router, in);
    }
    return HG_ERR_NO_MEMORY;
}

void hgh_router_entry_remove(hgh_router *router, struct hgh_router_entry *entry)
{
    hgh_router_bucket *from = entry->bucket;
    hgh_router_host *host = entry->host;
    hgh_route_pattern_kind kind = (hgh_route_pattern_kind)entry->kind;

    list_remove(host != NULL ? &host->entries : &from->entries, entry);
    entry_free(host != NULL ? &host->first : &from->first, entry);
    host_list_free_if_empty(from, host);
    from->level->entries--;
    bucket_free_if_empty(router, from, kind);
}
