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

/* Routes under one literal beginning, in the order in which they are tried. */
typedef struct bucket {
    hgh_map_node node;
    struct hgh_router_entry *first;
    char key[];
} bucket;

/* The paths below one host pattern. */
typedef struct level {
    hgh_map_node node;
    hgh_map exact;
    affix_table prefixes;
    size_t entries;
    char key[];
} level;

typedef enum entry_kind {
    ENTRY_EXACT,
    ENTRY_PREFIX,  /* the literal beginning says all */
    ENTRY_PATTERN, /* the rest is compared with the whole pattern */
} entry_kind;

struct hgh_router_entry {
    struct hgh_router_entry *next; /* in its bucket */
    struct hgh_router_entry *next_of_route;
    hgh_route *route;
    hg_text uri; /* as written; borrowed from the route */
    level *level;
    bucket *bucket;
    entry_kind kind;
};

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

static void bucket_free(void *context, hgh_map_node *node)
{
    (void)context;
    free(HGH_CONTAINER_OF(node, bucket, node));
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
    status =
        kind == ENTRY_EXACT ? hgh_map_add(map, &made->node) : affix_add(&at->prefixes, &made->node);
    if (status != HG_OK) {
        free(made);
        return NULL;
    }
    return made;
}

/* Higher priority, then the longer pattern, then what was stored first; what one transaction stored
 * is told apart by the id, so that every process finds the same. */
static bool entry_goes_before(const hgh_route *a, hg_text a_uri, const hgh_route *b, hg_text b_uri)
{
    if (a->priority != b->priority) {
        return a->priority > b->priority;
    }
    if (a_uri.length != b_uri.length) {
        return a_uri.length > b_uri.length;
    }
    if (a->base.created != b->base.created) {
        return a->base.created < b->base.created;
    }
    return strcmp(a->base.id, b->base.id) < 0;
}

static hg_status entry_add(hgh_router *router, hgh_route *route, hg_text uri, hg_text host)
{
    size_t length = 0;
    entry_kind kind = pattern_split(router->mode, uri, &length);
    struct hgh_router_entry *entry = calloc(1, sizeof(*entry));
    struct hgh_router_entry **at;
    level *in = level_find_or_make(router, host);

    if (entry == NULL || in == NULL) {
        goto no_memory;
    }
    entry->bucket = bucket_find_or_make(in, kind, (hg_text){uri.data, length});
    if (entry->bucket == NULL) {
        goto no_memory;
    }
    entry->level = in;
    entry->kind = kind;
    entry->route = route;
    entry->uri = uri;
    at = &entry->bucket->first;
    while (*at != NULL && !entry_goes_before(route, uri, (*at)->route, (*at)->uri)) {
        at = &(*at)->next;
    }
    entry->next = *at;
    *at = entry;
    entry->next_of_route = route->entries;
    route->entries = entry;
    in->entries++;
    return HG_OK;

no_memory:
    free(entry);
    if (in != NULL) {
        level_free_if_empty(router, in);
    }
    return HG_ERR_NO_MEMORY;
}

static void entry_remove(hgh_router *router, struct hgh_router_entry *entry)
{
    bucket *from = entry->bucket;
    level *in = entry->level;
    struct hgh_router_entry **at = &from->first;

    while (*at != entry) {
        at = &(*at)->next;
    }
    *at = entry->next;
    if (from->first == NULL) {
        if (entry->kind == ENTRY_EXACT) {
            hgh_map_remove(&in->exact, &from->node);
        } else {
            affix_remove(&in->prefixes, &from->node);
        }
        free(from);
    }
    in->entries--;
    level_free_if_empty(router, in);
    free(entry);
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

hg_status hgh_router_add(hgh_router *router, hgh_route *route)
{
    size_t host_count = 0;
    const hg_text *hosts = route_hosts(route, &host_count);
    bool by_host = router->mode == HGH_ROUTER_HOST_URI && host_count > 0;
    hg_status status = HG_OK;

    for (size_t i = 0; i < route->uri_count && status == HG_OK && route->enabled; i++) {
        for (size_t k = 0; k < (by_host ? host_count : 1) && status == HG_OK; k++) {
            status = entry_add(router, route, route->uris[i], by_host ? hosts[k] : (hg_text){0});
        }
    }
    if (status != HG_OK) {
        hgh_router_remove(router, route);
    }
    return status;
}

void hgh_router_remove(hgh_router *router, hgh_route *route)
{
    while (route->entries != NULL) {
        struct hgh_router_entry *entry = route->entries;

        route->entries = entry->next_of_route;
        entry_remove(router, entry);
    }
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

static bool hosts_fit(const hgh_route *route, hg_text host)
{
    size_t count = 0;
    const hg_text *hosts = route_hosts(route, &count);

    for (size_t i = 0; i < count; i++) {
        if (host_fits(hosts[i], host)) {
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

static bool entry_fits(const hgh_router *router,
                       const struct hgh_router_entry *entry,
                       const hgh_route_query *query,
                       uint32_t method_bit,
                       hgh_route_match *match)
{
    const hgh_route *route = entry->route;
    size_t literal = entry->bucket->node.key.length;

    if (route->methods != 0 && (route->methods & method_bit) == 0) {
        return false;
    }
    if (route->remote_addresses != NULL &&
        !hgh_cidrs_contain(route->remote_addresses, query->client)) {
        return false;
    }
    if (router->mode != HGH_ROUTER_HOST_URI && !hosts_fit(route, query->host)) {
        return false;
    }
    match->parameter_count = 0;
    if (entry->kind == ENTRY_PATTERN &&
        !pattern_fits(router->mode, entry->uri.data + literal, entry->uri.data + entry->uri.length,
                      query->uri.data + literal, query->uri.data + query->uri.length, match)) {
        return false;
    }
    return route->vars == NULL ||
           hgh_expression_holds(route->vars, candidate_variable, &(candidate){query, match});
}

static bool bucket_match(const hgh_router *router,
                         const hgh_map_node *node,
                         const hgh_route_query *query,
                         uint32_t method_bit,
                         hgh_route_match *match)
{
    const bucket *in;

    if (node == NULL) {
        return false;
    }
    in = (const bucket *)(const void *)((const char *)node - offsetof(bucket, node));
    for (const struct hgh_router_entry *entry = in->first; entry != NULL; entry = entry->next) {
        if (entry_fits(router, entry, query, method_bit, match)) {
            match->route = entry->route;
            match->uri = entry->uri;
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
