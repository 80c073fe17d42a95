/* host/control/instance_secrets.c - what control needs and the supervisor alone may read. */
#include "host/control/instance_secrets.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "host/control/keyring_file.h"

static hg_status keyring_path(const char *directory, char **out_path, hg_error *err)
{
    return asprintf(out_path, "%s/" HGH_KEYRING_FILE, directory) >= 0
               ? HG_OK
               : hg_error_set(err, HG_ERR_NO_MEMORY, "out of memory");
}

hg_status hgh_instance_secrets_ensure(const char *directory,
                                      const hgh_settings *settings,
                                      bool *out_is_new,
                                      hg_error *err)
{
    char *path = NULL;
    char **keys = NULL;
    size_t count = 0;
    hg_status status;

    *out_is_new = false;
    if (!settings->encrypt_store || settings->keyring_count > 0) {
        return HG_OK;
    }
    status = keyring_path(directory, &path, err);
    if (status != HG_OK) {
        return status;
    }
    status = hgh_keyring_file_read(path, &keys, &count, err);
    if (status == HG_OK && count == 0) {
        status = hgh_keyring_file_make(path, err);
        *out_is_new = status == HG_OK;
    }
    hgh_keyring_texts_free(keys, count);
    free(path);
    return status;
}

/* The configured keys, then those of the file. */
static hg_status load_keyring(const char *directory,
                              const hgh_settings *settings,
                              hgh_instance_secrets *into,
                              hg_error *err)
{
    char *path = NULL;
    char **keys = NULL;
    size_t count = 0;
    hg_status status = keyring_path(directory, &path, err);

    if (status != HG_OK) {
        return status;
    }
    status = hgh_keyring_file_read(path, &keys, &count, err);
    free(path);
    if (status != HG_OK) {
        return status;
    }
    into->keyring = calloc(settings->keyring_count + count + 1, sizeof(*into->keyring));
    for (size_t i = 0; into->keyring != NULL && i < settings->keyring_count + count; i++) {
        into->keyring[i] = strdup(i < settings->keyring_count ? settings->keyring[i]
                                                              : keys[i - settings->keyring_count]);
        if (into->keyring[i] == NULL) {
            status = HG_ERR_NO_MEMORY;
            break;
        }
        into->keyring_count++;
    }
    hgh_keyring_texts_free(keys, count);
    return status == HG_OK && into->keyring != NULL
               ? HG_OK
               : hg_error_set(err, HG_ERR_NO_MEMORY, "out of memory");
}

hg_status hgh_instance_secrets_load(const char *directory,
                                    const hgh_settings *settings,
                                    hgh_instance_secrets *out_secrets,
                                    hg_error *err)
{
    hgh_instance_secrets secrets = {0};
    hg_status status = hgh_admin_tls_load(directory, settings, &secrets.admin_tls, err);

    if (status == HG_OK) {
        status = load_keyring(directory, settings, &secrets, err);
    }
    if (status != HG_OK) {
        hgh_instance_secrets_done(&secrets);
        return status;
    }
    *out_secrets = secrets;
    return HG_OK;
}

char *hgh_instance_secrets_text(const hgh_instance_secrets *secrets)
{
    const hgh_admin_tls *tls = &secrets->admin_tls;
    json_t *keys = json_array();
    json_t *json;
    char *text;

    for (size_t i = 0; i < secrets->keyring_count; i++) {
        if (json_array_append_new(keys, json_string(secrets->keyring[i])) != 0) {
            json_decref(keys);
            return NULL;
        }
    }
    json = json_pack("{s:s*, s:s*, s:s*, s:o}", "certificate", tls->certificate, "key", tls->key,
                     "authorities", tls->authorities, "keyring", keys);
    text = json == NULL ? NULL : json_dumps(json, JSON_COMPACT);
    json_decref(json);
    return text;
}

/* A member's text; false: no memory. */
static bool take(const json_t *json, const char *name, char **out_text)
{
    const char *text = json_string_value(json_object_get(json, name));

    *out_text = text == NULL ? NULL : strdup(text);
    return text == NULL || *out_text != NULL;
}

/* The keys of the store; false: no memory. */
static bool take_keyring(const json_t *json, hgh_instance_secrets *into)
{
    const json_t *keys = json_object_get(json, "keyring");

    into->keyring = calloc(json_array_size(keys) + 1, sizeof(*into->keyring));
    for (size_t i = 0; into->keyring != NULL && i < json_array_size(keys); i++) {
        const char *text = json_string_value(json_array_get(keys, i));

        into->keyring[i] = text == NULL ? NULL : strdup(text);
        if (into->keyring[i] == NULL) {
            return false;
        }
        into->keyring_count++;
    }
    return into->keyring != NULL;
}

hg_status hgh_instance_secrets_parse(const char *text,
                                     size_t length,
                                     hgh_instance_secrets *out_secrets,
                                     hg_error *err)
{
    json_t *json = json_loadb(text, length, 0, NULL);
    hgh_instance_secrets secrets = {0};
    bool is_taken = json != NULL && take(json, "certificate", &secrets.admin_tls.certificate) &&
                    take(json, "key", &secrets.admin_tls.key) &&
                    take(json, "authorities", &secrets.admin_tls.authorities) &&
                    take_keyring(json, &secrets);

    json_decref(json);
    if (!is_taken) {
        hgh_instance_secrets_done(&secrets);
        return hg_error_set(err, HG_ERR_INVALID,
                            "the supervisor's secrets: found an answer of %zu bytes, wanted JSON",
                            length);
    }
    *out_secrets = secrets;
    return HG_OK;
}

void hgh_instance_secrets_done(hgh_instance_secrets *secrets)
{
    hgh_admin_tls_done(&secrets->admin_tls);
    hgh_keyring_texts_free(secrets->keyring, secrets->keyring_count);
    *secrets = (hgh_instance_secrets){0};
}
