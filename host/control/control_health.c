/* host/control/control_health.c - the health of checked nodes, as the Control API tells it. */
#include "host/control/control_health.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/control/admin_envelope.h"
#include "host/core/upstream.h"

static const char *const type_names[] = {
    [HGH_CHECK_HTTP] = "http",
    [HGH_CHECK_HTTPS] = "https",
    [HGH_CHECK_TCP] = "tcp",
};

/* What workers write is not believed: a status that is none counts as the last one. */
static hgh_health_state state_of(const hgh_health_cell *cell)
{
    hgh_health_state state = hgh_health_state_of(cell);

    state.status = state.status > HGH_UNHEALTHY ? HGH_UNHEALTHY : state.status;
    return state;
}

static json_t *node_item(const hgh_health_cell *cell, const hgh_node *node)
{
    hgh_health_state state = state_of(cell);

    return json_pack("{s:s%, s:i, s:s, s:{s:i, s:i, s:i, s:i}}", "ip", node->host.data,
                     node->host.length, "port", (int)node->port, "status",
                     hgh_health_status_name(state.status), "counter", "success",
                     (int)state.counts[HGH_HEALTH_SUCCESS], "http_failure",
                     (int)state.counts[HGH_HEALTH_HTTP_FAILURE], "tcp_failure",
                     (int)state.counts[HGH_HEALTH_TCP_FAILURE], "timeout_failure",
                     (int)state.counts[HGH_HEALTH_TIMEOUT]);
}

/* The nodes that are checked. */
static json_t *nodes_of(const hgh_health_board *board,
                        const hgh_resource_object *object,
                        const hgh_upstream *upstream)
{
    json_t *nodes = json_array();

    for (uint32_t i = 0; i < upstream->node_count; i++) {
        const hgh_node *node = &upstream->nodes[i];
        uint64_t key = hgh_health_key(hg_text_of(object->key), node->text);
        const hgh_health_cell *cell = hgh_health_board_find(board, key);

        if (cell != NULL && json_array_append_new(nodes, node_item(cell, node)) != 0) {
            json_decref(nodes);
            return NULL;
        }
    }
    return nodes;
}

json_t *hgh_control_health_item(const hgh_health_board *board,
                                const hgh_object_kind *kind,
                                const hgh_resource_object *object)
{
    json_t *value = json_loadb(object->value, object->value_length, 0, NULL);
    bool is_upstream = strcmp(kind->name, "upstreams") == 0;
    const json_t *source = is_upstream ? value : json_object_get(value, "upstream");
    hgh_upstream *upstream = NULL;
    json_t *nodes = NULL;
    json_t *item = NULL;

    /* What the workers have decoded is decoded here the same way. */
    if (json_object_get(source, "checks") != NULL &&
        hgh_upstream_decode(source, &upstream, NULL) == HG_OK && upstream->health != NULL) {
        nodes = nodes_of(board, object, upstream);
    }
    if (json_array_size(nodes) > 0) { /* else no worker has begun */
        item =
            json_pack("{s:o, s:s, s:O}", "name", json_sprintf(HGH_ADMIN_PREFIX "/%s", object->key),
                      "type", type_names[upstream->health->type], "nodes", nodes);
    }
    json_decref(nodes);
    hgh_upstream_unref(upstream);
    json_decref(value);
    return item;
}

json_t *hgh_control_health_all(const hgh_health_board *board, const hgh_resource_table *table)
{
    json_t *items = json_array();
    const hgh_object_kind *kind;

    for (size_t i = 0; items != NULL && (kind = hgh_object_kind_at(i)) != NULL; i++) {
        const hgh_resource_object *object = NULL;

        while ((object = hgh_resource_table_referer(table, kind->name, HGH_CHECKS_KEY, object)) !=
               NULL) {
            json_t *item = hgh_control_health_item(board, kind, object);

            if (item != NULL && json_array_append_new(items, item) != 0) {
                json_decref(items);
                return NULL;
            }
        }
    }
    return items;
}

static void print_node(FILE *page, const json_t *item, const json_t *node)
{
    static const char *const counters[] = {"success", "http_failure", "tcp_failure",
                                           "timeout_failure"};
    const json_t *counter = json_object_get(node, "counter");

    /* Names, hosts and statuses hold no character that HTML would take for its own. */
    (void)fprintf(page, "<tr><td>%s</td><td>%s</td><td>%s:%d</td><td>%s</td>",
                  json_string_value(json_object_get(item, "name")),
                  json_string_value(json_object_get(item, "type")),
                  json_string_value(json_object_get(node, "ip")),
                  (int)json_integer_value(json_object_get(node, "port")),
                  json_string_value(json_object_get(node, "status")));
    for (size_t i = 0; i < sizeof(counters) / sizeof(counters[0]); i++) {
        (void)fprintf(page, "<td>%d</td>",
                      (int)json_integer_value(json_object_get(counter, counters[i])));
    }
    (void)fputs("</tr>\n", page);
}

char *hgh_control_health_page(const json_t *items)
{
    char *text = NULL;
    size_t length = 0;
    FILE *page = open_memstream(&text, &length);

    if (page == NULL) {
        return NULL;
    }
    (void)fputs("<!DOCTYPE html>\n<html><head><title>Health checks</title></head><body>"
                "<table border=\"1\">\n<tr><th>Upstream</th><th>Check</th><th>Node</th>"
                "<th>Status</th><th>Successes</th><th>HTTP failures</th><th>TCP failures</th>"
                "<th>Timeouts</th></tr>\n",
                page);
    for (size_t i = 0; i < json_array_size(items); i++) {
        const json_t *item = json_array_get(items, i);
        const json_t *nodes = json_object_get(item, "nodes");

        for (size_t k = 0; k < json_array_size(nodes); k++) {
            print_node(page, item, json_array_get(nodes, k));
        }
    }
    (void)fputs("</table></body></html>\n", page);
    if (fclose(page) != 0) { /* no memory */
        free(text);
        return NULL;
    }
    return text;
}
