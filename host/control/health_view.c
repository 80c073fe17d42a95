/* host/control/health_view.c - the health of nodes as the Control API shows it. */
#include "host/control/health_view.h"

#include <string.h>

#include "host/control/admin_envelope.h"
#include "host/core/health.h"
#include "host/core/upstream.h"

#define CHECKS_MEMBER "\"checks\"" /* in the text of an object that may have some */

static const char *type_name(uint8_t type)
{
    static const char *const names[] = {"http", "https", "tcp"};

    return names[type];
}

static json_t *node_json(const hgh_node *node, const hgh_health_cell *cell)
{
    hgh_health_state state = {.status = HGH_HEALTHY};

    if (cell != NULL) {
        state = hgh_health_state_of(cell);
    }
    return json_pack("{s:s, s:i, s:s, s:s, s:{s:i, s:i, s:i, s:i}}", "ip", node->host.data, "port",
                     (int)node->port, "hostname", node->host.data, "status",
                     hgh_health_status_name(state.status), "counter", "success",
                     (int)state.counts[HGH_HEALTH_SUCCESS], "http_failure",
                     (int)state.counts[HGH_HEALTH_HTTP_FAILURE], "tcp_failure",
                     (int)state.counts[HGH_HEALTH_TCP_FAILURE], "timeout_failure",
                     (int)state.counts[HGH_HEALTH_TIMEOUT]);
}

/* NULL: no worker has a cell for any of the nodes, or there is no memory. */
static json_t *
nodes_json(const hgh_health_board *board, const hgh_upstream *upstream, const char *key)
{
    json_t *nodes = json_array();
    bool is_checked = false;

    for (uint32_t i = 0; nodes != NULL && i < upstream->node_count; i++) {
        const hgh_node *node = &upstream->nodes[i];
        const hgh_health_cell *cell =
            hgh_health_board_find(board, hgh_health_key(hg_text_of(key), node->text));

        is_checked = is_checked || cell != NULL;
        if (json_array_append_new(nodes, node_json(node, cell)) != 0) {
            is_checked = false;
            break;
        }
    }
    if (!is_checked) {
        json_decref(nodes);
        return NULL;
    }
    return nodes;
}

json_t *hgh_health_view_one(hgh_arena *arena, const hgh_resource_object *object)
{
    json_t *value = NULL;
    json_t *view = NULL;
    json_t *nodes;
    const json_t *inner;
    hgh_upstream *upstream = NULL;
    hgh_health_board board;

    if (arena == NULL || hgh_health_board_view(arena, &board) != HG_OK ||
        memmem(object->value, object->value_length, CHECKS_MEMBER, strlen(CHECKS_MEMBER)) == NULL) {
        return NULL;
    }
    value = json_loadb(object->value, object->value_length, 0, NULL);
    inner = json_object_get(value, "upstream");
    if (value != NULL &&
        hgh_upstream_decode(inner == NULL ? value : inner, &upstream, NULL) == HG_OK &&
        upstream->health != NULL) {
        nodes = nodes_json(&board, upstream, object->key);
        view = nodes == NULL ? NULL
                             : json_pack("{s:o, s:s, s:o}", "name",
                                         json_sprintf(HGH_ADMIN_PREFIX "/%s", object->key), "type",
                                         type_name(upstream->health->type), "nodes", nodes);
    }
    hgh_upstream_unref(upstream);
    json_decref(value);
    return view;
}

json_t *hgh_health_view_all(hgh_arena *arena, const hgh_resource_table *table)
{
    static const char *const kinds[] = {"routes", "services", "upstreams"};
    json_t *all = json_array();

    for (size_t i = 0; all != NULL && i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        for (const hgh_resource_object *object = hgh_resource_table_first(table, kinds[i]);
             object != NULL && all != NULL; object = hgh_resource_table_next(object)) {
            json_t *one =
                hgh_resource_object_is_over(object) ? NULL : hgh_health_view_one(arena, object);

            if (one != NULL && json_array_append_new(all, one) != 0) {
                json_decref(all);
                all = NULL;
            }
        }
    }
    return all;
}
