/* host/control/settings_decode_secret.c - decodes the secrets in config.yaml: keys are not shown.
 */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "host/control/settings_decode.h"

#define ADMIN_KEY_MIN_BYTES 16u /* an admin key below that is warned about */
#define KEYRING_MIN_BYTES   16u /* APISIX's keys have 16 or 32 */
#define KEYRING_MAX_BYTES   256u
#define PUBLISHED           "this key stands in APISIX's documentation: everybody knows it"

/* Keys that stand in APISIX's documentation and files. */
static bool is_published(const char *key)
{
    static const char *const keys[] = {
        "edd1c9f034335f136f87ad84b625c8f1",
        "4054f7cf07e344346cd3f287985e76a2",
        "qeddd145sfvddff3",
        "edd1c9f0985e76a2",
    };

    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        if (strcmp(keys[i], key) == 0) {
            return true;
        }
    }
    return false;
}

/* --- admin keys --- */

static bool is_printable(const char *text)
{
    for (const char *at = text; *at != '\0'; at++) {
        if (!isgraph((unsigned char)*at)) {
            return false;
        }
    }
    return true;
}

static void check_admin_key_keys(hgh_decode_reader *self, json_t *value, const char *pointer)
{
    const char *key;
    json_t *item;

    json_object_foreach(value, key, item)
    {
        char place[HGH_DECODE_POINTER_MAX];

        hgh_decode_append_key(place, sizeof(place), pointer, key);
        if (!hgh_decode_has_word("name key role", key)) {
            hgh_decode_complain(self, place, "an unknown key", "name, key or role");
        }
    }
}

static void
decode_admin_key(hgh_decode_reader *self, json_t *value, const char *pointer, hgh_admin_key *into)
{
    const json_t *name = json_object_get(value, "name");
    const json_t *key = json_object_get(value, "key");
    const json_t *role = json_object_get(value, "role");
    const char *text = json_is_string(key) ? json_string_value(key) : "";
    char place[HGH_DECODE_POINTER_MAX];

    if (!json_is_object(value)) {
        hgh_decode_complain_secret(self, pointer, value,
                                   "{name: NAME, key: KEY, role: admin or viewer}");
        return;
    }
    check_admin_key_keys(self, value, pointer);
    hgh_decode_append_key(place, sizeof(place), pointer, "name");
    if (name != NULL && (!json_is_string(name) || json_string_length(name) == 0)) {
        hgh_decode_complain_value(self, place, name, "a name");
    }
    hgh_decode_append_key(place, sizeof(place), pointer, "role");
    if (!json_is_string(role) || !hgh_decode_has_word("admin viewer", json_string_value(role))) {
        if (role == NULL) {
            hgh_decode_complain(self, place, "none", "admin or viewer");
        } else {
            hgh_decode_complain_value(self, place, role, "admin or viewer");
        }
    }
    hgh_decode_append_key(place, sizeof(place), pointer, "key");
    if ((key != NULL && !json_is_null(key) && !json_is_string(key)) || !is_printable(text)) {
        hgh_decode_complain_secret(self, place, key,
                                   "text in quotes, of printable ASCII without blanks");
    } else if (is_published(text)) {
        hgh_decode_warn(self, place, PUBLISHED);
    } else if (text[0] != '\0' && strlen(text) < ADMIN_KEY_MIN_BYTES) {
        hgh_decode_warn(self, place, "this key has fewer than 16 characters: it can be guessed");
    }
    into->name = strdup(json_is_string(name) ? json_string_value(name) : "admin");
    into->key = strdup(text);
    into->role = json_is_string(role) && strcmp(json_string_value(role), "viewer") == 0
                     ? HGH_ROLE_VIEWER
                     : HGH_ROLE_ADMIN;
    self->no_memory = self->no_memory || into->name == NULL || into->key == NULL;
}

void hgh_decode_admin_keys(hgh_decode_reader *self,
                           const hgh_decode_row *row,
                           json_t *value,
                           const char *pointer)
{
    size_t count = json_array_size(value);
    hgh_admin_key *keys;

    if (!json_is_array(value) || count > HGH_DECODE_LIST_MAX) {
        hgh_decode_complain_secret(self, pointer, value, "a list of {name, key, role}");
        return;
    }
    keys = calloc(count + 1, sizeof(*keys));
    if (keys == NULL) {
        self->no_memory = true;
        return;
    }
    for (size_t i = 0; i < count; i++) {
        char place[HGH_DECODE_POINTER_MAX];

        hgh_decode_append_index(place, sizeof(place), pointer, i);
        decode_admin_key(self, json_array_get(value, i), place, &keys[i]);
        for (size_t j = 0; j < i && !self->no_memory; j++) {
            if (keys[i].key != NULL && keys[j].key != NULL && keys[i].key[0] != '\0' &&
                strcmp(keys[i].key, keys[j].key) == 0) {
                hgh_decode_complain(self, place, "the key of another entry", "a key of its own");
                break;
            }
        }
    }
    hgh_decode_put_list(self, row, keys, count);
}

/* --- keys of the store --- */

/* One key of the keyring; NULL: it is none, which was told. */
static char *decode_keyring_key(hgh_decode_reader *self, const json_t *value, const char *pointer)
{
    const char *text = json_is_string(value) ? json_string_value(value) : "";
    size_t length = strlen(text);
    char *copy;

    if (length < KEYRING_MIN_BYTES || length > KEYRING_MAX_BYTES || !is_printable(text)) {
        hgh_decode_complain_secret(self, pointer, value,
                                   "a key of 16 to 256 printable ASCII characters without blanks");
        return NULL;
    }
    if (is_published(text)) {
        hgh_decode_warn(self, pointer, PUBLISHED);
    }
    copy = strdup(text);
    self->no_memory = self->no_memory || copy == NULL;
    return copy;
}

void hgh_decode_keyring(hgh_decode_reader *self,
                        const hgh_decode_row *row,
                        json_t *value,
                        const char *pointer)
{
    size_t count = json_is_array(value) ? json_array_size(value) : 1;
    size_t taken = 0;
    char **keys;

    if (count == 0 || count > HGH_DECODE_LIST_MAX) {
        hgh_decode_complain_value(self, pointer, value, "a list of keys, not empty");
        return;
    }
    keys = calloc(count + 1, sizeof(*keys));
    if (keys == NULL) {
        self->no_memory = true;
        return;
    }
    for (size_t i = 0; i < count; i++) {
        char place[HGH_DECODE_POINTER_MAX];

        (void)snprintf(place, sizeof(place), "%s", pointer);
        if (json_is_array(value)) {
            hgh_decode_append_index(place, sizeof(place), pointer, i);
        }
        keys[taken] = decode_keyring_key(
            self, json_is_array(value) ? json_array_get(value, i) : value, place);
        taken += keys[taken] != NULL ? 1 : 0;
    }
    hgh_decode_put_list(self, row, keys, taken);
}
