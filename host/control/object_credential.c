/* host/control/object_credential.c - no two consumers are found by one credential. */
#include "host/control/object_credential.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <openssl/sha.h>

#include "host/core/secret_reference.h"

#define AUTH_POINTER_MAX 600u
#define DIGEST_BYTES     16u /* of SHA-256: enough that nobody finds two texts with one digest */
#define POINTER_MAX      512u
#define TEXT_MAX         1100u

/* "credential/PLUGIN/FIELD/DIGEST": the text itself stands nowhere but in its object. False: it is
 * none, or stands elsewhere. */
static bool
key_make(const char *plugin, const char *field, const json_t *value, char *into, size_t size)
{
    unsigned char digest[SHA256_DIGEST_LENGTH];
    const char *text = json_string_value(value);
    int length;

    if (text == NULL || hgh_secret_is_reference(text)) {
        return false;
    }
    (void)SHA256((const unsigned char *)text, json_string_length(value), digest);
    length = snprintf(into, size, "credential/%s/%s/", plugin, field);
    if (length < 0 || (size_t)length + 2 * DIGEST_BYTES >= size) {
        return false;
    }
    for (size_t i = 0; i < DIGEST_BYTES; i++) {
        length += snprintf(into + length, size - (size_t)length, "%02x", digest[i]);
    }
    return true;
}

static bool identifies(const hgh_object_kind *kind)
{
    return strcmp(kind->plugin_use, "consumer") == 0;
}

bool hgh_object_credential_keys(json_t *keys, const hgh_object_kind *kind, const json_t *object)
{
    json_t *plugins = identifies(kind) ? json_object_get(object, "plugins") : NULL;
    const char *plugin;
    json_t *config;

    json_object_foreach(plugins, plugin, config)
    {
        const char *field;
        json_t *value;

        json_object_foreach(config, field, value)
        {
            char key[HGH_OBJECT_KEY_MAX];

            if (key_make(plugin, field, value, key, sizeof(key)) &&
                json_array_append_new(keys, json_string(key)) != 0) {
                return false;
            }
        }
    }
    return true;
}

/* Both ids begin with the name of their consumer. */
static bool is_same_consumer(const char *one, const char *other)
{
    size_t length = strcspn(one, "/");

    return strcspn(other, "/") == length && strncmp(one, other, length) == 0;
}

/* An object of that kind with the key, of another consumer; NULL: there is none. */
static const hgh_resource_object *find_other(const hgh_object_kind *kind,
                                             const hgh_resource_table *table,
                                             const char *key,
                                             const char *id)
{
    const hgh_resource_object *other = NULL;

    do {
        other = hgh_resource_table_referer(table, kind->name, key, other);
    } while (other != NULL &&
             (is_same_consumer(other->id, id) || hgh_resource_object_is_over(other)));
    return other;
}

static void refuse(const hgh_object_kind *kind,
                   const hgh_resource_object *other,
                   const char *plugin,
                   const char *field,
                   hg_issues *issues)
{
    int name_length = (int)strcspn(other->id, "/");
    char pointer[POINTER_MAX] = "/plugins";
    char owner[TEXT_MAX];
    char text[TEXT_MAX];
    size_t length = hgh_pointer_append(pointer, strlen(pointer), sizeof(pointer), plugin);

    (void)hgh_pointer_append(pointer, length, sizeof(pointer), field);
    if (kind->parent == NULL) {
        (void)snprintf(owner, sizeof(owner), "consumer: %s", other->id);
    } else {
        (void)snprintf(owner, sizeof(owner), "credential: %s of consumer: %.*s",
                       strrchr(other->id, '/') + 1, name_length, other->id);
    }
    (void)snprintf(text, sizeof(text), "duplicate %s of plugin %s found with %.700s", field, plugin,
                   owner);
    hgh_issues_add(issues, pointer, "a credential of somebody else", "one that nobody has", text);
}

static void check_plugin(const hgh_resource_table *table,
                         const char *plugin,
                         const char *field,
                         const json_t *config,
                         const char *id,
                         hg_issues *issues)
{
    const hgh_object_kind *kind;
    char key[HGH_OBJECT_KEY_MAX];

    if (!key_make(plugin, field, json_object_get(config, field), key, sizeof(key))) {
        return;
    }
    for (size_t i = 0; (kind = hgh_object_kind_at(i)) != NULL; i++) {
        const hgh_resource_object *other =
            identifies(kind) ? find_other(kind, table, key, id) : NULL;

        if (other != NULL) {
            refuse(kind, other, plugin, field, issues);
            return;
        }
    }
}

void hgh_object_credential_check(const hgh_object_kind *kind,
                                 const hgh_resource_table *table,
                                 const hgh_plugin_catalog *catalog,
                                 const char *id,
                                 const json_t *object,
                                 hg_issues *issues)
{
    json_t *plugins = identifies(kind) ? json_object_get(object, "plugins") : NULL;
    const char *plugin;
    json_t *config;

    json_object_foreach(plugins, plugin, config)
    {
        const json_t *known = hgh_plugin_catalog_find(catalog, plugin);
        const char *field = json_string_value(json_object_get(known, "key"));

        if (field != NULL) {
            check_plugin(table, plugin, field, config, id, issues);
        }
    }
}

void hgh_object_credential_check_auth(const hgh_plugin_catalog *catalog,
                                      const json_t *object,
                                      hg_issues *issues)
{
    const char *name;
    json_t *value;

    json_object_foreach(json_object_get(object, "plugins"), name, value)
    {
        const json_t *plugin = hgh_plugin_catalog_find(catalog, name);
        char pointer[AUTH_POINTER_MAX] = "/plugins";

        if (plugin != NULL && !hgh_plugin_catalog_has_flag(plugin, "auth")) {
            (void)hgh_pointer_append(pointer, strlen(pointer), sizeof(pointer), name);
            hgh_issues_add(issues, pointer, name, "a plugin that authenticates",
                           "only supports auth type plugins in consumer credential");
        }
    }
}
