/* host/runner/served_conf.c - what one PrepareConf asks for: plugins, their configurations, and the
 * chain that is made of them. */
#include "host/runner/served_conf.h"

#include <stdlib.h>
#include <string.h>

#include "host/core/issues.h"
#include "host/core/json_value.h"

#define KEY_PREFIX     "hotgate#"
#define PLUGINS_MAX    1024u /* as on one route */
#define NAME_SHOWN_MAX 128u

/* ------------------------------------------------------------------------------------- key */

/* The part of a key up to its next "#"; `rest` is what stands behind. */
static hg_text part_take(hg_text *rest)
{
    const char *end = rest->length == 0 ? NULL : memchr(rest->data, '#', rest->length);
    hg_text part = *rest;

    if (end == NULL) {
        *rest = (hg_text){"", 0};
        return part;
    }
    part.length = (size_t)(end - rest->data);
    rest->data = end + 1;
    rest->length -= part.length + 1;
    return part;
}

/* The phase that a key names; 0: it names one that there is not. */
static uint32_t serves_of(hg_text phase)
{
    static const struct {
        const char *name;
        uint32_t serves;
    } phases[] = {
        {"rewrite", HGH_SERVES_REWRITE},
        {"access", HGH_SERVES_ACCESS},
        {"response", HGH_SERVES_RESPONSE},
    };

    for (size_t i = 0; i < sizeof(phases) / sizeof(phases[0]); i++) {
        if (hg_text_equal(phase, hg_text_of(phases[i].name))) {
            return phases[i].serves;
        }
    }
    return 0;
}

static hg_status key_read(hgh_served_conf *conf, hg_text key, hg_issues *issues)
{
    hg_text resource = HG_TEXT("external");
    hg_text id = key;

    conf->serves = HGH_SERVES_ALL;
    if (hg_text_starts_with(key, HG_TEXT(KEY_PREFIX))) {
        hg_text rest = {key.data + strlen(KEY_PREFIX), key.length - strlen(KEY_PREFIX)};
        hg_text phase = part_take(&rest);

        conf->serves = serves_of(phase);
        resource = part_take(&rest);
        id = part_take(&rest);
        if (conf->serves == 0) {
            char found[NAME_SHOWN_MAX];

            (void)snprintf(found, sizeof(found), "%.*s", (int)phase.length, phase.data);
            hgh_issues_add(issues, "/key", found, "rewrite, access or response behind hotgate#",
                           NULL);
        }
    }
    conf->resource = strndup(resource.data, resource.length);
    conf->id = strndup(id.data == NULL ? "" : id.data, id.length);
    return conf->resource == NULL || conf->id == NULL ? HG_ERR_NO_MEMORY : HG_OK;
}

/* ------------------------------------------------------------------------------------ conf */

static void entry_refuse(hg_issues *issues, size_t index, const char *found, const char *wanted)
{
    char pointer[48];

    (void)snprintf(pointer, sizeof(pointer), "/conf/%zu", index);
    hgh_issues_add(issues, pointer, found, wanted, NULL);
}

/* The JSON of an entry; NULL: a finding says why not. Without a text it is an empty object. */
static json_t *value_read(hg_text name, hg_text text, hg_issues *issues)
{
    json_error_t where;
    char pointer[2 * HG_NAME_MAX + 2] = "";
    char found[JSON_ERROR_TEXT_LENGTH + 64];
    char shown[HG_NAME_MAX + 1];
    json_t *value;

    (void)snprintf(shown, sizeof(shown), "%.*s", (int)name.length, name.data);
    (void)hgh_pointer_append(pointer, 0, sizeof(pointer), shown);
    if (text.length == 0) {
        return json_object();
    }
    value = json_loadb(text.data, text.length, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &where);
    if (value == NULL) {
        (void)snprintf(found, sizeof(found), "line %d, column %d: %s", where.line, where.column,
                       where.text);
        hgh_issues_add(issues, pointer, found, "the plugin's configuration as JSON", NULL);
        return NULL;
    }
    if (hgh_json_is_too_deep(value)) {
        hgh_issues_add(issues, pointer, "more than 256 levels", "less", NULL);
        json_decref(value);
        return NULL;
    }
    return hgh_json_make_whole(value);
}

static hg_status
entry_read(hgh_served_conf *conf, const hg_header *entry, size_t index, hg_issues *issues)
{
    json_t *name;
    json_t *value;

    if (entry->name.length == 0 || entry->name.length > HG_NAME_MAX) {
        entry_refuse(issues, index, entry->name.length == 0 ? "no name" : "a longer name",
                     "a plugin's name of 1 to 64 bytes");
        return HG_OK;
    }
    name = json_stringn(entry->name.data, entry->name.length);
    if (name == NULL || memchr(entry->name.data, '\0', entry->name.length) != NULL) {
        json_decref(name);
        entry_refuse(issues, index, "a name that is no text", "a plugin's name");
        return HG_OK;
    }
    value = value_read(entry->name, entry->value, issues);
    if (value == NULL) {
        json_decref(name);
        return HG_OK;
    }
    return json_array_append_new(conf->plugins,
                                 json_pack("{s:o, s:o}", "name", name, "value", value)) == 0
               ? HG_OK
               : HG_ERR_NO_MEMORY;
}

static hg_status entries_read(hgh_served_conf *conf, const hgh_a6_list *list, hg_issues *issues)
{
    hg_status status = HG_OK;

    conf->plugins = json_array();
    if (conf->plugins == NULL) {
        return HG_ERR_NO_MEMORY;
    }
    if (list->count > PLUGINS_MAX) {
        hgh_issues_add(issues, "/conf", "more plugins", "1024 at most", NULL);
        return HG_OK;
    }
    for (size_t i = 0; i < list->count && status == HG_OK; i++) {
        status = entry_read(conf, &list->items[i], i, issues);
    }
    return status;
}

hg_status hgh_served_conf_compile(const hgh_served_conf *conf,
                                  hgh_generation *generation,
                                  const hgh_snapshot *snapshot,
                                  hgh_chain **out_chain,
                                  hg_issues *issues)
{
    size_t count = json_array_size(conf->plugins);
    hgh_called_plugin *plugins = calloc(count + 1, sizeof(*plugins));
    hg_status status;

    if (plugins == NULL) {
        return HG_ERR_NO_MEMORY;
    }
    for (size_t i = 0; i < count; i++) {
        const json_t *entry = json_array_get(conf->plugins, i);

        plugins[i] = (hgh_called_plugin){json_string_value(json_object_get(entry, "name")),
                                         json_object_get(entry, "value")};
    }
    status = hgh_chain_compile_called(generation, snapshot, plugins, count, conf->resource,
                                      conf->id, out_chain, issues);
    free(plugins);
    return status;
}

hg_status hgh_served_conf_new(hgh_generation *generation,
                              const hgh_snapshot *snapshot,
                              const hgh_a6_prepare_request *message,
                              hgh_served_conf **out_conf,
                              hg_issues *issues)
{
    hgh_served_conf *conf = calloc(1, sizeof(*conf));
    size_t before = issues->count;
    hg_status status = HG_ERR_NO_MEMORY;

    if (conf == NULL) {
        return HG_ERR_NO_MEMORY;
    }
    conf->references = 1;
    status = key_read(conf, message->key, issues);
    if (status == HG_OK) {
        status = entries_read(conf, &message->conf, issues);
    }
    if (status == HG_OK) { /* also those that could be read of a list with findings */
        status = hgh_served_conf_compile(conf, generation, snapshot, &conf->chain, issues);
    }
    if (status == HG_OK && issues->count > before) {
        status = HG_ERR_INVALID;
    }
    if (status == HG_OK) {
        *out_conf = conf;
        conf = NULL; /* now the caller's */
    }
    hgh_served_conf_unref(conf);
    return status;
}

void hgh_served_conf_unref(hgh_served_conf *conf)
{
    if (conf == NULL || --conf->references > 0) {
        return;
    }
    hgh_chain_unref(conf->chain);
    json_decref(conf->plugins);
    free(conf->resource);
    free(conf->id);
    free(conf->text);
    free(conf);
}
