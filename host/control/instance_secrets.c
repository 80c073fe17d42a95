/* host/control/instance_secrets.c - what control needs and the supervisor alone may read. */
#include "host/control/instance_secrets.h"

#include <stdlib.h>
#include <string.h>

#include <jansson.h>

hg_status hgh_instance_secrets_load(const char *directory,
                                    const hgh_settings *settings,
                                    hgh_instance_secrets *out_secrets,
                                    hg_error *err)
{
    hgh_instance_secrets secrets = {0};
    hg_status status = hgh_admin_tls_load(directory, settings, &secrets.admin_tls, err);

    if (status == HG_OK) {
        *out_secrets = secrets;
    }
    return status;
}

char *hgh_instance_secrets_text(const hgh_instance_secrets *secrets)
{
    const hgh_admin_tls *tls = &secrets->admin_tls;
    json_t *json = json_pack("{s:s*, s:s*, s:s*}", "certificate", tls->certificate, "key", tls->key,
                             "authorities", tls->authorities);
    char *text = json == NULL ? NULL : json_dumps(json, JSON_COMPACT);

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

hg_status hgh_instance_secrets_parse(const char *text,
                                     size_t length,
                                     hgh_instance_secrets *out_secrets,
                                     hg_error *err)
{
    json_t *json = json_loadb(text, length, 0, NULL);
    hgh_instance_secrets secrets = {0};
    bool is_taken = json != NULL && take(json, "certificate", &secrets.admin_tls.certificate) &&
                    take(json, "key", &secrets.admin_tls.key) &&
                    take(json, "authorities", &secrets.admin_tls.authorities);

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
}
