/* host/core/host_api_dict.c - the functions behind <hotgate/dict.h>. */
#include <stdlib.h>
#include <string.h>

#include "host/core/host_api.h"
#include "host/core/host_api_internal.h"

/* A table as one plugin has it open. */
struct hg_dict {
    hg_dict *next; /* of the same plugin */
    hgh_table *table;
    const hgh_engine *engine;
    hgh_share *share; /* of the plugin host */
};

/* Numbers that a version has counted and the next one does not find shall not be missed in silence.
 * Of all workers the one that makes the table says it. */
static void tell_left(const hg_host *host, const char *name, const char *layout, const char *left)
{
    char text[HG_LOG_LINE_MAX];
    int length = snprintf(text, sizeof(text),
                          "hg_dict \"%s\" has a new layout, \"%s\", and starts empty: what layout "
                          "\"%s\" holds stays there",
                          name, layout, left);

    hgh_host_log_api.write(host, NULL, HG_LOG_WARN, text, (size_t)length);
}

static hg_status dict_open(const hg_host *host,
                           const char *name,
                           const hg_dict_options *options,
                           hg_dict **out_dict,
                           hg_error *err)
{
    hgh_plugin *plugin = host->plugin;
    char full_name[HGH_TABLE_NAME_MAX + 1];
    const char *left = NULL;
    hg_dict *dict;
    hg_status status;

    if (options == NULL || options->size != sizeof(*options) || options->layout == NULL ||
        name == NULL || name[0] == '\0' || strlen(name) > 54) {
        return hg_error_set(err, HG_ERR_INVALID,
                            "hg_dict_open: wanted options and a name of 1 to "
                            "54 bytes");
    }
    dict = calloc(1, sizeof(*dict));
    if (dict == NULL) {
        return hg_error_set(err, HG_ERR_NO_MEMORY, "out of memory");
    }
    (void)snprintf(full_name, sizeof(full_name), "dict/%s/%s", plugin->name, name);
    status = hgh_arena_open_table(plugin->plugin_host->arena, full_name, options->layout,
                                  options->entries, 0, &dict->table, &left, err);
    if (status != HG_OK) {
        free(dict);
        return status;
    }
    if (left != NULL) {
        tell_left(host, name, options->layout, left);
    }
    dict->engine = plugin->plugin_host->engine;
    dict->share = &plugin->plugin_host->share;
    dict->next = plugin->dicts;
    plugin->dicts = dict;
    *out_dict = dict;
    return HG_OK;
}

static hg_status dict_get(hg_dict *dict, hg_text key, int64_t *out_value, uint64_t *out_ttl_ms)
{
    return hgh_table_get(dict->table, key, dict->engine->clock_ms(), out_value, out_ttl_ms);
}

static hg_status dict_set(hg_dict *dict, hg_text key, int64_t value, uint64_t ttl_ms)
{
    return hgh_table_set(dict->table, key, value, ttl_ms, dict->engine->clock_ms());
}

static hg_status dict_add(hg_dict *dict,
                          hg_text key,
                          int64_t delta,
                          uint64_t ttl_ms,
                          int64_t *out_value,
                          uint64_t *out_ttl_ms)
{
    return hgh_table_add(dict->table, key, delta, ttl_ms, dict->engine->clock_ms(), out_value,
                         out_ttl_ms);
}

static hg_status dict_compare_and_set(hg_dict *dict, hg_text key, int64_t expected, int64_t value)
{
    return hgh_table_compare_and_set(dict->table, key, expected, value, dict->engine->clock_ms());
}

static hg_status dict_remove(hg_dict *dict, hg_text key)
{
    return hgh_table_remove(dict->table, key, dict->engine->clock_ms());
}

static hg_status
dict_replace(hg_dict *dict, hg_text key, int64_t expected, int64_t value, uint64_t ttl_ms)
{
    return hgh_table_replace(dict->table, key, expected, value, ttl_ms, dict->engine->clock_ms());
}

static hg_status dict_hold(hg_dict *dict, hg_text key, int64_t delta, int64_t *out_sum)
{
    return hgh_table_hold(dict->table, key, delta, dict->share, dict->engine->clock_ms(), out_sum);
}

const hg_dict_api hgh_host_dict_api = {
    .size = sizeof(hgh_host_dict_api),
    .open = dict_open,
    .get = dict_get,
    .set = dict_set,
    .add = dict_add,
    .compare_and_set = dict_compare_and_set,
    .remove = dict_remove,
    .replace = dict_replace,
    .hold = dict_hold,
};

void hgh_host_api_done(struct hgh_plugin *plugin)
{
    while (plugin->dicts != NULL) {
        hg_dict *next = plugin->dicts->next;

        free(plugin->dicts);
        plugin->dicts = next;
    }
}
