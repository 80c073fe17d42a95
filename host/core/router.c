/* host/core/router.c - finds the route of a request. */
#include "host/core/router.h"

#include <stdlib.h>
#include <string.h>

#include "host/core/address.h"

/* Keys by their length: to find the longest that a text begins (or ends) with, one lookup for each
 * length that occurs. */
typedef struct affix_table {
    hgh_map map; /* of bucket, or of level */
    size_t length_count;
    size_t length_room;
    struct affix_length {
        size_t length;
        size_t keys;
    } * lengths; /* descending */
} affix_table;

/* Sorted by the order in which they are tried. Nearly all have one entry. */
typedef struct entry_list {
    uint32_t count;
    uint32_t room; /* of `many`; 0: `one` is meant */
    union {
        struct hgh_router_entry *one;
        struct hgh_router_entry **many; /* owned */
    } items;
} entry_list;

typedef enum entry_kind {
    ENTRY_EXACT,
    ENTRY_PREFIX,  /* the literal beginning says all */
    ENTRY_PATTERN, /* the rest is compared with the whole pattern */
} entry_kind;

/* One pattern of a route in one bucket. What most routes need to fit is here, so that no more
 * memory is looked at. */
struct hgh_router_entry {
    struct hgh_router_entry *next_of_route;
    hgh_route *route;
    struct bucket *bucket;
    struct host_list *host; /* in the bucket, where its list is; NULL: the bucket's own */
    uint32_t methods;       /* the route's */
    uint32_t uri_index;     /* which of the route's */
    uint8_t kind;           /* an entry_kind */
    bool has_conditions;    /* others than methods */
};

/* Routes under one literal beginning. */
typedef struct bucket {
    hgh_map_node node;
    entry_list entries; /* but for those in by_host */
    hgh_map *by_host;   /* of host_list, where paths lead: routes with this exact host; or NULL */
    struct level *level;
    struct hgh_router_entry first; /* memory for one of the entries; in use if it has a route */
    char key[];
} bucket;

/* Routes of one bucket for one exact host, so that the others are not looked at. */
typedef struct host_list {
    hgh_map_node node;
    entry_list entries;
    struct hgh_router_entry first; /* as a bucket's */
    char key[];
} host_list;

/* The paths below one host pattern. */
typedef struct level {
    hgh_map_node node;
    hgh_map exact;
    affix_table prefixes;
    size_t entries;
    char key[];
} level;

struct hgh_router {
    hgh_router_mode mode;
    hgh_map exact_hosts;
    affix_table host_suffixes; /* "*.foo.com" under ".foo.com" */
    level *any_host;
};

bool hgh_router_mode_find(hg_text name, hgh_router_mode *out_mode)
{
    static const char *const names[] = {
        [HGH_ROUTER_HOST_URI] = "radixtree_host_uri",
        [HGH_ROUTER_URI] = "radixtree_uri",
        [HGH_ROUTER_URI_WITH_PARAMETER] = "radixtree_uri_with_parameter",
    };

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (hg_text_equal(name, hg_text_of(names[i]))) {
            *out_mode = (hgh_router_mode)i;
            return true;
        }
    }
    return false;
}

/* ---------------------------------------------------------------------------- affix tables */

static void affix_init(affix_table *table)
{
    memset(table, 0, sizeof(*table));
    hgh_map_init(&table->map);
}

static void affix_done(affix_table *table)
{
    hgh_map_done(&table->map);
    free(table->lengths);
}

static hg_status affix_add(affix_table *table, hgh_map_node *node)
{
    size_t length = node->key.length;
    size_t i = 0;
    hg_status status;

    while (i < table->length_count && table->lengths[i].length > length) {
        i++;
    }
    if (i == table->length_count || table->lengths[i].length != length) {
        if (table->length_count == table->length_room) {
            size_t room = table->length_room == 0 ? 8 : table->length_room * 2;
            void *grown = realloc(table->lengths, room * sizeof(*table->lengths));

            if (grown == NULL) {
                return HG_ERR_NO_MEMORY;
            }
            table->lengths = grown;
            table->length_room = room;
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

static void affix_remove(affix_table *table, hgh_map_node *node)
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

/* ---------------------------------------------------------------------------------- levels */

static level *level_new(hg_text key)
{
    level *made = calloc(1, sizeof(*made) + key.length + 1);

    if (made == NULL) {
        return NULL;
    }
    if (key.length > 0) {
        memcpy(made->key, key.data, key.length);
    }
    made->node.key = (hg_text){made->key, key.length};
    hgh_map_init(&made->exact);
    affix_init(&made->prefixes);
    return made;
}

static void list_done(entry_list *list)
{
    if (list->room > 0) {
        free(list->items.many);
    }
}

static void host_list_free(void *context, hgh_map_node *node)
{
    host_list *old = HGH_CONTAINER_OF(node, host_list, node);

    (void)context;
    list_done(&old->entries);
    free(old);
}

static void bucket_free(void *context, hgh_map_node *node)
{
    bucket *old = HGH_CONTAINER_OF(node, bucket, node);

    (void)context;
    if (old->by_host != NULL) {
        hgh_map_each(old->by_host, host_list_free, NULL);
        hgh_map_done(old->by_host);
        free(old->by_host);
    }
    list_done(&old->entries);
    free(old);
}

static void level_free(void *context, hgh_map_node *node)
{
    level *old = HGH_CONTAINER_OF(node, level, node);

    (void)context;
    hgh_map_each(&old->exact, bucket_free, NULL);
    hgh_map_done(&old->exact);
    hgh_map_each(&old->prefixes.map, bucket_free, NULL);
    affix_done(&old->prefixes);
    free(old);
}

/* "*" and what follows it, or the exact host. */
static bool host_is_suffix(hg_text host)
{
    return host.length > 0 && host.data[0] == '*';
}

static level *level_find_or_make(hgh_router *router, hg_text host)
{
    bool suffix = host_is_suffix(host);
    hg_text key = suffix ? (hg_text){host.data + 1, host.length - 1} : host;
    hgh_map *map = suffix ? &router->host_suffixes.map : &router->exact_hosts;
    hgh_map_node *node;
    level *made;
    hg_status status;

    if (router->mode != HGH_ROUTER_HOST_URI || host.data == NULL) {
        return router->any_host;
    }
    node = hgh_map_find(map, key);
    if (node != NULL) {
        return HGH_CONTAINER_OF(node, level, node);
    }
    made = level_new(key);
    if (made == NULL) {
        return NULL;
    }
    status =
        suffix ? affix_add(&router->host_suffixes, &made->node) : hgh_map_add(map, &made->node);
    if (status != HG_OK) {
        level_free(NULL, &made->node);
        return NULL;
    }
    return made;
}

static void level_free_if_empty(hgh_router *router, level *old)
{
    if (old->entries > 0 || old == router->any_host) {
        return;
    }
    if (hgh_map_find(&router->exact_hosts, old->node.key) == &old->node) {
        hgh_map_remove(&router->exact_hosts, &old->node);
    } else {
        affix_remove(&router->host_suffixes, &old->node);
    }
    level_free(NULL, &old->node);
}

/* --------------------------------------------------------------------------------- entries */

/* Where the literal beginning of a pattern ends, and how the rest is compared. */
static entry_kind pattern_split(hgh_router_mode mode, hg_text uri, size_t *out_length)
{
    bool parameters = mode == HGH_ROUTER_URI_WITH_PARAMETER;

    for (size_t i = 0; i < uri.length; i++) {
        bool segment_start = i > 0 && uri.data[i - 1] == '/';

        if (uri.data[i] == '*') {
            *out_length = i;
            /* A star inside a segment ends the pattern, whatever follows (APISIX does so). A named
             * star, "*rest", and a star as a whole segment in the middle say more. */
            if (i + 1 == uri.length || !segment_start) {
                return parameters && segment_start ? ENTRY_PATTERN : ENTRY_PREFIX;
            }
            return parameters || uri.data[i + 1] == '/' ? ENTRY_PATTERN : ENTRY_PREFIX;
        }
        if (parameters && uri.data[i] == ':' && segment_start) {
            *out_length = i;
            return ENTRY_PATTERN;
        }
    }
    *out_length = uri.length;
    return ENTRY_EXACT;
}

static bucket *bucket_find_or_make(level *at, entry_kind kind, hg_text key)
{
    hgh_map *map = kind == ENTRY_EXACT ? &at->exact : &at->prefixes.map;
    hgh_map_node *node = hgh_map_find(map, key);
    bucket *made;
    hg_status status;

    if (node != NULL) {
        return HGH_CONTAINER_OF(node, bucket, node);
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
    status =
        kind == ENTRY_EXACT ? hgh_map_add(map, &made->node) : affix_add(&at->prefixes, &made->node);
    if (status != HG_OK) {
        free(made);
        return NULL;
    }
    return made;
}

static void bucket_free_if_empty(hgh_router *router, bucket *old, entry_kind kind)
{
    level *in = old->level;

    if (old->entries.count == 0 && old->by_host == NULL) {
        if (kind == ENTRY_EXACT) {
            hgh_map_remove(&in->exact, &old->node);
        } else {
            affix_remove(&in->prefixes, &old->node);
        }
        bucket_free(NULL, &old->node);
    }
    level_free_if_empty(router, in);
}

static host_list *host_list_find_or_make(bucket *in, hg_text host)
{
    hgh_map_node *node = in->by_host == NULL ? NULL : hgh_map_find(in->by_host, host);
    host_list *made;

    if (node != NULL) {
        return HGH_CONTAINER_OF(node, host_list, node);
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
        return NULL; /* an empty map goes with its bucket */
    }
    return made;
}

static void host_list_free_if_empty(bucket *in, host_list *old)
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

static hg_text entry_uri(const struct hgh_router_entry *entry)
{
    return entry->route->uris[entry->uri_index];
}

/* Higher priority, then the longer pattern, then what was stored first; what one transaction stored
 * is told apart by the id, so that every process finds the same. */
static bool entry_goes_before(const struct hgh_router_entry *a, const struct hgh_router_entry *b)
{
    size_t a_length = entry_uri(a).length;
    size_t b_length = entry_uri(b).length;

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

static struct hgh_router_entry *const *list_items(const entry_list *list)
{
    return list->room > 0 ? list->items.many : &list->items.one;
}

/* How many go before it, or are its equals: where it is to stand. */
static size_t list_place(const entry_list *list, const struct hgh_router_entry *entry)
{
    struct hgh_router_entry *const *items = list_items(list);
    size_t low = 0;
    size_t high = list->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (entry_goes_before(entry, items[middle])) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    return low;
}

static hg_status list_add(entry_list *list, struct hgh_router_entry *entry)
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

static void list_remove(entry_list *list, const struct hgh_router_entry *entry)
{
    struct hgh_router_entry *const *items = list_items(list);
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
static const hg_text *route_hosts(const hgh_route *route, size_t *out_count)
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

    (void)route_hosts(route, &hosts);
    return route->remote_addresses != NULL || route->vars != NULL ||
           (router->mode != HGH_ROUTER_HOST_URI && hosts > 0 && exact_host.data == NULL);
}

/* exact_host: where paths lead, of a route that is found by it; else absent. */
static hg_status
entry_add(hgh_router *router, hgh_route *route, uint32_t uri_index, level *in, hg_text exact_host)
{
    hg_text uri = route->uris[uri_index];
    size_t length = 0;
    entry_kind kind = pattern_split(router->mode, uri, &length);
    bucket *into = in == NULL ? NULL : bucket_find_or_make(in, kind, (hg_text){uri.data, length});
    host_list *host = NULL;
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
        .methods = route->methods,
        .uri_index = uri_index,
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

static void entry_remove(hgh_router *router, struct hgh_router_entry *entry)
{
    bucket *from = entry->bucket;
    host_list *host = entry->host;
    entry_kind kind = (entry_kind)entry->kind;

    list_remove(host != NULL ? &host->entries : &from->entries, entry);
    entry_free(host != NULL ? &host->first : &from->first, entry);
    host_list_free_if_empty(from, host);
    from->level->entries--;
    bucket_free_if_empty(router, from, kind);
}

/* ---------------------------------------------------------------------------------- router */

hgh_router *hgh_router_new(hgh_router_mode mode)
{
    hgh_router *router = calloc(1, sizeof(*router));

    if (router == NULL) {
        return NULL;
    }
    router->mode = mode;
    router->any_host = level_new((hg_text){"", 0});
    if (router->any_host == NULL) {
        free(router);
        return NULL;
    }
    hgh_map_init(&router->exact_hosts);
    affix_init(&router->host_suffixes);
    return router;
}

void hgh_router_free(hgh_router *router)
{
    if (router == NULL) {
        return;
    }
    hgh_map_each(&router->exact_hosts, level_free, NULL);
    hgh_map_done(&router->exact_hosts);
    hgh_map_each(&router->host_suffixes.map, level_free, NULL);
    affix_done(&router->host_suffixes);
    level_free(NULL, &router->any_host->node);
    free(router);
}

/* Routes whose hosts are their service's are in its cell's list. */
static void service_link(hgh_route *route)
{
    if (route->service == NULL || route->host_count > 0 || route->of_service_at != NULL) {
        return;
    }
    route->of_service_next = route->service->routes;
    route->of_service_at = &route->service->routes;
    if (route->of_service_next != NULL) {
        route->of_service_next->of_service_at = &route->of_service_next;
    }
    route->service->routes = route;
}

static void service_unlink(hgh_route *route)
{
    if (route->of_service_at == NULL) {
        return;
    }
    *route->of_service_at = route->of_service_next;
    if (route->of_service_next != NULL) {
        route->of_service_next->of_service_at = route->of_service_at;
    }
    route->of_service_next = NULL;
    route->of_service_at = NULL;
}

/* "foo.com:8080", "[::1]:80": what is compared is the Host header as it was sent. */
static bool host_has_port(hg_text pattern)
{
    const char *colon = memrchr(pattern.data, ':', pattern.length);
    const char *end = pattern.data + pattern.length;

    return colon != NULL && memchr(colon, ']', (size_t)(end - colon)) == NULL;
}

static bool host_is_exact(hg_text pattern)
{
    return !host_is_suffix(pattern) && !host_has_port(pattern);
}

/* Where hosts lead: under each of its hosts, or under any. */
static hg_status uri_add_by_host(
    hgh_router *router, hgh_route *route, uint32_t uri_index, const hg_text *hosts, size_t count)
{
    hg_status status = HG_OK;

    if (count == 0) {
        return entry_add(router, route, uri_index, router->any_host, (hg_text){0});
    }
    for (size_t i = 0; i < count && status == HG_OK; i++) {
        status =
            entry_add(router, route, uri_index, level_find_or_make(router, hosts[i]), (hg_text){0});
    }
    return status;
}

/* Where paths lead: found by each exact host, and by whatever has to be compared once. */
static hg_status uri_add_by_path(
    hgh_router *router, hgh_route *route, uint32_t uri_index, const hg_text *hosts, size_t count)
{
    bool compared = count == 0;
    hg_status status = HG_OK;

    for (size_t i = 0; i < count && status == HG_OK; i++) {
        if (host_is_exact(hosts[i])) {
            status = entry_add(router, route, uri_index, router->any_host, hosts[i]);
        } else {
            compared = true;
        }
    }
    if (compared && status == HG_OK) {
        status = entry_add(router, route, uri_index, router->any_host, (hg_text){0});
    }
    return status;
}

hg_status hgh_router_add(hgh_router *router, hgh_route *route)
{
    size_t count = 0;
    const hg_text *hosts = route_hosts(route, &count);
    hg_status status = HG_OK;

    service_link(route);
    for (uint32_t i = 0; i < route->uri_count && status == HG_OK && route->enabled; i++) {
        status = router->mode == HGH_ROUTER_HOST_URI
                     ? uri_add_by_host(router, route, i, hosts, count)
                     : uri_add_by_path(router, route, i, hosts, count);
    }
    if (status != HG_OK) {
        hgh_router_remove(router, route);
    }
    return status;
}

void hgh_router_remove(hgh_router *router, hgh_route *route)
{
    service_unlink(route);
    while (route->entries != NULL) {
        struct hgh_router_entry *entry = route->entries;

        route->entries = entry->next_of_route;
        entry_remove(router, entry);
    }
}

hgh_route *hgh_router_take_routes(hgh_router *router, hgh_cell *service)
{
    hgh_route *taken = NULL;

    while (service->routes != NULL) {
        hgh_route *route = service->routes;

        hgh_router_remove(router, route);
        route->of_service_next = taken;
        taken = route;
    }
    return taken;
}

hg_status hgh_router_put_routes(hgh_router *router, hgh_route *taken)
{
    hg_status status = HG_OK;

    while (taken != NULL) {
        hgh_route *route = taken;

        taken = route->of_service_next;
        route->of_service_next = NULL;
        if (hgh_router_add(router, route) != HG_OK) {
            status = HG_ERR_NO_MEMORY; /* this one is found nowhere, the others are */
        }
    }
    return status;
}

/* -------------------------------------------------------------------------------- matching */

static bool host_fits(hg_text pattern, hg_text host)
{
    if (!host_is_suffix(pattern)) {
        return hg_text_equal(pattern, host);
    }
    return host.length >= pattern.length - 1 &&
           memcmp(host.data + host.length - (pattern.length - 1), pattern.data + 1,
                  pattern.length - 1) == 0;
}

static bool raw_host_fits(hg_text pattern, const hgh_route_query *query)
{
    hg_text raw_host = query->find(query->context, HG_TEXT("http_host")).text;
    size_t length = pattern.length - (host_is_suffix(pattern) ? 1 : 0);

    return raw_host.length >= length && (host_is_suffix(pattern) || raw_host.length == length) &&
           strncasecmp(raw_host.data + raw_host.length - length,
                       pattern.data + pattern.length - length, length) == 0;
}

static bool hosts_fit(const hgh_route *route, const hgh_route_query *query)
{
    size_t count = 0;
    const hg_text *hosts = route_hosts(route, &count);

    for (size_t i = 0; i < count; i++) {
        if (host_has_port(hosts[i]) ? raw_host_fits(hosts[i], query)
                                    : host_fits(hosts[i], query->host)) {
            return true;
        }
    }
    return count == 0;
}

static void
parameter_add(hgh_route_match *match, const char *name, size_t name_length, hg_text value)
{
    if (match->parameter_count < HGH_ROUTE_PARAMETERS_MAX) {
        hg_text text = name_length == 0 ? HG_TEXT(":ext") : (hg_text){name, name_length};

        match->parameters[match->parameter_count++] = (hgh_route_parameter){text, value};
    }
}

static size_t segment_length(const char *at, const char *end)
{
    const char *slash = memchr(at, '/', (size_t)(end - at));

    return slash == NULL ? (size_t)(end - at) : (size_t)(slash - at);
}

/* Compares what is left of a pattern with what is left of a path. A star takes as little as makes
 * the rest fit; it is tried from left to right, so the effort is at most quadratic. */
static bool pattern_fits(hgh_router_mode mode,
                         const char *pattern,
                         const char *pattern_end,
                         const char *path,
                         const char *path_end,
                         hgh_route_match *match)
{
    bool parameters = mode == HGH_ROUTER_URI_WITH_PARAMETER;
    const char *star = NULL; /* where to go on after the last star, if what follows did not fit */
    const char *star_path = NULL;
    uint32_t star_parameters = 0;
    size_t star_name = 0;

    for (;;) {
        if (pattern < pattern_end && *pattern == '*') {
            star_name = parameters ? segment_length(pattern + 1, pattern_end) : 0;
            star = pattern;
            pattern += 1 + star_name;
            star_path = path;
            star_parameters = match->parameter_count;
            if (pattern == pattern_end) {
                parameter_add(match, star + 1, star_name,
                              (hg_text){path, (size_t)(path_end - path)});
                return true;
            }
            continue;
        }
        if (parameters && pattern < pattern_end && *pattern == ':' && pattern[-1] == '/') {
            size_t name = segment_length(pattern + 1, pattern_end);
            size_t value = segment_length(path, path_end);

            if (value > 0) {
                parameter_add(match, pattern + 1, name, (hg_text){path, value});
                pattern += 1 + name;
                path += value;
                continue;
            }
        } else if (pattern < pattern_end && path < path_end && *pattern == *path) {
            pattern++;
            path++;
            continue;
        } else if (pattern == pattern_end && path == path_end) {
            return true;
        }
        if (star == NULL || star_path >= path_end) {
            return false;
        }
        star_path++;
        path = star_path;
        pattern = star + 1 + star_name;
        match->parameter_count = star_parameters;
    }
}

/* What conditions of a route are asked about: the request, and how the path fits this route. */
typedef struct candidate {
    const hgh_route_query *query;
    const hgh_route_match *match;
} candidate;

static hgh_variable candidate_variable(void *context, hg_text name)
{
    const candidate *tried = context;
    const hg_text prefix = HG_TEXT("uri_param_");

    if (!hg_text_starts_with(name, prefix)) {
        return tried->query->find(tried->query->context, name);
    }
    name.data += prefix.length;
    name.length -= prefix.length;
    for (uint32_t i = 0; i < tried->match->parameter_count; i++) {
        if (hg_text_equal(tried->match->parameters[i].name, name)) {
            return (hgh_variable){.kind = HGH_VARIABLE_TEXT,
                                  .text = tried->match->parameters[i].value};
        }
    }
    return (hgh_variable){0};
}

static bool pattern_entry_fits(const hgh_router *router,
                               const struct hgh_router_entry *entry,
                               const hgh_route_query *query,
                               hgh_route_match *match)
{
    hg_text uri = entry_uri(entry);
    size_t literal = entry->bucket->node.key.length;

    return pattern_fits(router->mode, uri.data + literal, uri.data + uri.length,
                        query->uri.data + literal, query->uri.data + query->uri.length, match);
}

static bool conditions_hold(const hgh_router *router,
                            const struct hgh_router_entry *entry,
                            const hgh_route_query *query)
{
    const hgh_route *route = entry->route;

    if (route->remote_addresses != NULL &&
        !hgh_cidrs_contain(route->remote_addresses, query->client)) {
        return false;
    }
    return router->mode == HGH_ROUTER_HOST_URI || entry->host != NULL || hosts_fit(route, query);
}

static bool entry_fits(const hgh_router *router,
                       const struct hgh_router_entry *entry,
                       const hgh_route_query *query,
                       uint32_t method_bit,
                       hgh_route_match *match)
{
    match->parameter_count = 0;
    if (entry->methods != 0 && (entry->methods & method_bit) == 0) {
        return false;
    }
    if (entry->has_conditions && !conditions_hold(router, entry, query)) {
        return false;
    }
    if (entry->kind == ENTRY_PATTERN && !pattern_entry_fits(router, entry, query, match)) {
        return false;
    }
    return !entry->has_conditions || entry->route->vars == NULL ||
           hgh_expression_holds(entry->route->vars, candidate_variable, &(candidate){query, match});
}

/* Two lists in one order: those for the host of the request, and those that compare it. */
static bool bucket_match(const hgh_router *router,
                         hgh_map_node *node,
                         const hgh_route_query *query,
                         uint32_t method_bit,
                         hgh_route_match *match)
{
    static const entry_list none = {0};
    const bucket *in = node == NULL ? NULL : HGH_CONTAINER_OF(node, bucket, node);
    hgh_map_node *host =
        in == NULL || in->by_host == NULL ? NULL : hgh_map_find(in->by_host, query->host);
    const entry_list *lists[2] = {in == NULL ? &none : &in->entries,
                                  host == NULL ? &none
                                               : &HGH_CONTAINER_OF(host, host_list, node)->entries};
    struct hgh_router_entry *const *items[2] = {list_items(lists[0]), list_items(lists[1])};
    size_t at[2] = {0, 0};

    while (at[0] < lists[0]->count || at[1] < lists[1]->count) {
        int from = at[0] == lists[0]->count ||
                   (at[1] < lists[1]->count && entry_goes_before(items[1][at[1]], items[0][at[0]]));
        const struct hgh_router_entry *entry = items[from][at[from]++];

        if (entry_fits(router, entry, query, method_bit, match)) {
            match->route = entry->route;
            match->uri_index = entry->uri_index;
            return true;
        }
    }
    return false;
}

static bool level_match(const hgh_router *router,
                        const level *in,
                        const hgh_route_query *query,
                        uint32_t method_bit,
                        hgh_route_match *match)
{
    if (bucket_match(router, hgh_map_find(&in->exact, query->uri), query, method_bit, match)) {
        return true;
    }
    for (size_t i = 0; i < in->prefixes.length_count; i++) {
        size_t length = in->prefixes.lengths[i].length;

        if (length <= query->uri.length &&
            bucket_match(router,
                         hgh_map_find(&in->prefixes.map, (hg_text){query->uri.data, length}), query,
                         method_bit, match)) {
            return true;
        }
    }
    return false;
}

void hgh_router_match(const hgh_router *router,
                      const hgh_route_query *query,
                      hgh_route_match *out_match)
{
    uint32_t method_bit = hgh_method_bit(query->method);
    hgh_map_node *node = hgh_map_find(&router->exact_hosts, query->host);

    out_match->route = NULL;
    out_match->parameter_count = 0;
    if (node != NULL &&
        level_match(router, HGH_CONTAINER_OF(node, level, node), query, method_bit, out_match)) {
        return;
    }
    for (size_t i = 0; i < router->host_suffixes.length_count; i++) {
        size_t length = router->host_suffixes.lengths[i].length;

        if (length > query->host.length) {
            continue;
        }
        node = hgh_map_find(
            &router->host_suffixes.map,
            (hg_text){length == 0 ? "" : query->host.data + query->host.length - length, length});
        if (node != NULL && level_match(router, HGH_CONTAINER_OF(node, level, node), query,
                                        method_bit, out_match)) {
            return;
        }
    }
    (void)level_match(router, router->any_host, query, method_bit, out_match);
}
