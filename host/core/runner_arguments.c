/* host/core/runner_arguments.c - a request's arguments as a plugin runner sees and changes them. */
#include "host/core/runner_arguments.h"

#include <string.h>

#include "host/core/host_api_internal.h"
#include "host/core/map.h"
#include "host/core/query.h"

/* What becomes of the arguments of one name. */
typedef struct argument_change {
    hgh_map_node node;
    size_t from; /* the first entry of it that counts: those before a deletion do not */
} argument_change;

bool hgh_runner_arguments_list(hg_request *request, bool empty_flags, hgh_a6_list *out_list)
{
    hg_text query = request->engine->arguments(request->engine_request);
    hg_text rest = query;
    hg_text name;
    hg_text value;
    size_t count = 0;
    hg_header *items;

    while (hgh_query_next(&rest, &name, &value)) {
        count++;
    }
    items = hgh_request_allocate(request, (count + 1) * sizeof(*items));
    if (items == NULL) {
        return false;
    }
    count = 0;
    for (rest = query; hgh_query_next(&rest, &name, &value);) {
        if (name.length == 0) {
            continue;
        }
        if (value.data == NULL && empty_flags) {
            value = HG_TEXT("");
        }
        items[count] = (hg_header){hgh_query_decode(request, name), {NULL, 0}};
        if (value.data != NULL) {
            items[count].value = hgh_query_decode(request, value);
        }
        if (items[count].name.data == NULL ||
            (value.data != NULL && items[count].value.data == NULL)) {
            return false;
        }
        count++;
    }
    *out_list = (hgh_a6_list){items, count};
    return true;
}

/* -------------------------------------------------------------------------------- a new query */

static bool is_unreserved(unsigned char byte)
{
    return (byte >= '0' && byte <= '9') || (byte >= 'A' && byte <= 'Z') ||
           (byte >= 'a' && byte <= 'z') || byte == '-' || byte == '.' || byte == '_' || byte == '~';
}

/* RFC 3986 section 2.1. */
static char *encode(char *to, hg_text text)
{
    static const char digits[] = "0123456789ABCDEF";

    for (size_t i = 0; i < text.length; i++) {
        unsigned char byte = (unsigned char)text.data[i];

        if (is_unreserved(byte)) {
            *to++ = (char)byte;
        } else {
            *to++ = '%';
            *to++ = digits[byte >> 4];
            *to++ = digits[byte & 15];
        }
    }
    return to;
}

static char *copy(char *to, hg_text text)
{
    if (text.length > 0) {
        memcpy(to, text.data, text.length);
    }
    return to + text.length;
}

static argument_change *change_find(const hgh_map *map, hg_text name)
{
    hgh_map_node *node = hgh_map_find(map, name);

    return node == NULL ? NULL : HGH_CONTAINER_OF(node, argument_change, node);
}

/* The names that change, and how much room the new values take. False: no memory. */
static bool
changes_read(hg_request *request, const hgh_a6_list *changes, hgh_map *map, size_t *out_room)
{
    *out_room = 0;
    for (size_t i = 0; i < changes->count; i++) {
        const hg_header *item = &changes->items[i];
        argument_change *change = change_find(map, item->name);

        if (change == NULL) {
            change = hgh_request_allocate(request, sizeof(*change));
            if (change == NULL) {
                return false;
            }
            *change = (argument_change){.node = {.key = item->name}};
            if (hgh_map_add(map, &change->node) != HG_OK) {
                return false;
            }
        }
        if (item->value.data == NULL) {
            change->from = i + 1;
        }
        *out_room += 3 * (item->name.length + item->value.length) + 2;
    }
    return true;
}

/* Those that nobody names, as they were sent. False: no memory. */
static bool others_keep(hg_request *request, const hgh_map *map, char *begin, char **to)
{
    hg_text rest = request->engine->arguments(request->engine_request);
    hg_text name;
    hg_text value;

    while (hgh_query_next(&rest, &name, &value)) {
        hg_text decoded = hgh_query_decode(request, name);

        if (decoded.data == NULL) {
            return false;
        }
        if (name.length + value.length == 0 || change_find(map, decoded) != NULL) {
            continue;
        }
        if (*to > begin) {
            *(*to)++ = '&';
        }
        *to = copy(*to, name);
        if (value.data != NULL) {
            *(*to)++ = '=';
            *to = copy(*to, value);
        }
    }
    return true;
}

static char *values_add(const hgh_a6_list *changes, const hgh_map *map, char *begin, char *to)
{
    for (size_t i = 0; i < changes->count; i++) {
        const hg_header *item = &changes->items[i];

        if (item->value.data == NULL || item->name.length == 0 ||
            i < change_find(map, item->name)->from) {
            continue;
        }
        if (to > begin) {
            *to++ = '&';
        }
        to = encode(to, item->name);
        *to++ = '=';
        to = encode(to, item->value);
    }
    return to;
}

hg_text hgh_runner_arguments_merge(hg_request *request, const hgh_a6_list *changes)
{
    hg_text query = request->engine->arguments(request->engine_request);
    hg_text merged = {NULL, 0};
    hgh_map map;
    size_t room;
    char *text;
    char *to;

    hgh_map_init(&map);
    if (!changes_read(request, changes, &map, &room)) {
        goto cleanup;
    }
    text = hgh_request_allocate(request, query.length + 1 + room + 1);
    to = text;
    if (text == NULL || !others_keep(request, &map, text, &to)) {
        goto cleanup;
    }
    to = values_add(changes, &map, text, to);
    *to = '\0';
    merged = (hg_text){text, (size_t)(to - text)};

cleanup:
    hgh_map_done(&map);
    return merged;
}
