/* host/core/ssl.c - one object of the kind ssls: names, certificates, and who may connect. */
#include "host/core/ssl.h"

#include <stdlib.h>
#include <string.h>

#include "host/core/json_value.h"
#include "host/core/regex.h"

#define DEPTH_DEFAULT 1

/* ------------------------------------------------------------------------------------- names */

static const json_t *name_at(const json_t *object, size_t index)
{
    const json_t *single = json_object_get(object, "sni");

    if (json_is_string(single)) {
        return index == 0 ? single : NULL;
    }
    return json_array_get(json_object_get(object, "snis"), index);
}

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
}

static hg_status names_decode(hgh_ssl *ssl, const json_t *object)
{
    size_t size = 0;
    size_t count = 0;
    char *at;

    for (; name_at(object, count) != NULL; count++) {
        size += json_string_length(name_at(object, count)) + 1;
    }
    ssl->snis = calloc(1, count * sizeof(*ssl->snis) + size + 1);
    ssl->entries = calloc(count + 1, sizeof(*ssl->entries));
    if (ssl->snis == NULL || ssl->entries == NULL) {
        return HG_ERR_NO_MEMORY;
    }
    at = (char *)(ssl->snis + count);
    for (size_t i = 0; i < count; i++) {
        const char *name = json_string_value(name_at(object, i));
        size_t length = json_string_length(name_at(object, i));

        for (size_t k = 0; k < length; k++) {
            at[k] = lower(name[k]);
        }
        ssl->snis[i] = (hg_text){at, length};
        at += length + 1;
    }
    ssl->sni_count = count;
    return HG_OK;
}

static uint8_t versions_decode(const json_t *list)
{
    static const struct {
        const char *name;
        hgh_tls_version bit;
    } names[] = {{"TLSv1.1", HGH_TLS_1_1}, {"TLSv1.2", HGH_TLS_1_2}, {"TLSv1.3", HGH_TLS_1_3}};
    uint8_t bits = 0;

    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *name = json_string_value(json_array_get(list, i));

        for (size_t k = 0; name != NULL && k < sizeof(names) / sizeof(names[0]); k++) {
            if (strcmp(names[k].name, name) == 0) {
                bits = (uint8_t)(bits | names[k].bit);
            }
        }
    }
    return bits;
}

hg_status hgh_ssl_decode(hgh_ssl *ssl, const json_t *object, hg_error *err)
{
    const char *type = json_string_value(json_object_get(object, "type"));
    bool is_client = type != NULL && strcmp(type, "client") == 0;

    ssl->is_client = is_client;
    ssl->serves =
        !is_client && hgh_json_whole_within(json_object_get(object, "status"), 0, 1, 1) != 0;
    ssl->versions = versions_decode(json_object_get(object, "ssl_protocols"));
    if (names_decode(ssl, object) != HG_OK) {
        return hg_error_set(err, HG_ERR_NO_MEMORY, "out of memory");
    }
    return HG_OK;
}

void hgh_ssl_done(hgh_ssl *ssl)
{
    hgh_ssl_material_free(ssl->material);
    free(ssl->entries);
    free(ssl->snis);
}

/* ---------------------------------------------------------------------------------- material */

static hg_text text_of(const json_t *value)
{
    return (hg_text){json_is_string(value) ? json_string_value(value) : "",
                     json_string_length(value)};
}

static hg_status certificate_add(hgh_ssl_material *material,
                                 const json_t *certificate,
                                 const json_t *key,
                                 hg_error *err)
{
    hg_status status;

    if (material->certificate_count == HGH_SSL_CERTIFICATES_MAX) {
        return hg_error_set(err, HG_ERR_INVALID, "certs: found more than %u, at most %u are taken",
                            HGH_SSL_CERTIFICATES_MAX - 1, HGH_SSL_CERTIFICATES_MAX - 1);
    }
    status = hgh_certificate_new(text_of(certificate), text_of(key),
                                 &material->certificates[material->certificate_count], err);
    material->certificate_count += status == HG_OK;
    return status;
}

static hg_status
certificates_decode(hgh_ssl_material *material, const json_t *object, hg_error *err)
{
    const json_t *certificates = json_object_get(object, "certs");
    const json_t *keys = json_object_get(object, "keys");
    hg_status status = certificate_add(material, json_object_get(object, "cert"),
                                       json_object_get(object, "key"), err);

    if (status == HG_OK && json_array_size(certificates) != json_array_size(keys)) {
        return hg_error_set(err, HG_ERR_INVALID, "mismatched number of certs and keys");
    }
    for (size_t i = 0; status == HG_OK && i < json_array_size(certificates); i++) {
        hg_error cause = HG_ERROR_INIT;

        status = certificate_add(material, json_array_get(certificates, i), json_array_get(keys, i),
                                 &cause);
        if (status != HG_OK) {
            (void)hg_error_set(err, status, "failed to handle cert-key pair[%zu]: %s", i + 1,
                               cause.text);
        }
    }
    return status;
}

static hg_status skip_decode(hgh_ssl_material *material, const json_t *list, hg_error *err)
{
    size_t count = json_array_size(list);
    hg_status status = HG_OK;

    if (count == 0) {
        return HG_OK;
    }
    material->skip = calloc(count, sizeof(*material->skip));
    if (material->skip == NULL) {
        return hg_error_set(err, HG_ERR_NO_MEMORY, "out of memory");
    }
    for (size_t i = 0; status == HG_OK && i < count; i++) {
        const json_t *pattern = json_array_get(list, i);
        hg_error cause = HG_ERROR_INIT;

        status = hgh_regex_compile(json_string_value(pattern), json_string_length(pattern), false,
                                   &material->skip[i], &cause);
        material->skip_count += status == HG_OK;
        if (status != HG_OK) {
            (void)hg_error_set(err, status, "invalid skip_mtls_uri_regex: %s", cause.text);
        }
    }
    return status;
}

static hg_status client_decode(hgh_ssl_material *material, const json_t *client, hg_error *err)
{
    hg_error cause = HG_ERROR_INIT;
    hg_status status;

    if (!json_is_object(client)) {
        return HG_OK;
    }
    status =
        hgh_authority_new(text_of(json_object_get(client, "ca")), &material->authority, &cause);
    if (status != HG_OK) {
        return hg_error_set(err, status, "failed to validate client_cert: %s", cause.text);
    }
    material->depth =
        (int)hgh_json_whole_within(json_object_get(client, "depth"), 0, 100, DEPTH_DEFAULT);
    return skip_decode(material, json_object_get(client, "skip_mtls_uri_regex"), err);
}

hg_status hgh_ssl_material_new(const json_t *object, hgh_ssl_material **out_material, hg_error *err)
{
    hgh_ssl_material *material = calloc(1, sizeof(*material));
    hg_status status;

    if (material == NULL) {
        return hg_error_set(err, HG_ERR_NO_MEMORY, "out of memory");
    }
    status = certificates_decode(material, object, err);
    if (status == HG_OK) {
        status = client_decode(material, json_object_get(object, "client"), err);
    }
    if (status == HG_OK) {
        *out_material = material;
        material = NULL; /* now the caller's */
    }
    hgh_ssl_material_free(material);
    return status;
}

void hgh_ssl_material_free(hgh_ssl_material *material)
{
    if (material == NULL) {
        return;
    }
    for (size_t i = 0; i < material->certificate_count; i++) {
        hgh_certificate_free(material->certificates[i]);
    }
    for (size_t i = 0; i < material->skip_count; i++) {
        hgh_regex_free(material->skip[i]);
    }
    free(material->skip);
    hgh_authority_free(material->authority);
    free(material);
}

const hgh_ssl_material *hgh_ssl_material_of(hgh_ssl *ssl, hg_error *err)
{
    json_t *object;

    if (ssl->material != NULL) {
        return ssl->material;
    }
    object = hgh_resource_json(&ssl->base);
    if (object == NULL) {
        (void)hg_error_set(err, HG_ERR_NO_MEMORY, "out of memory");
    } else {
        (void)hgh_ssl_material_new(object, &ssl->material, err); /* NULL says that it failed */
    }
    json_decref(object);
    return ssl->material;
}

bool hgh_ssl_wants_client(const hgh_ssl_material *material, hg_text uri)
{
    if (material->authority == NULL) {
        return false;
    }
    for (size_t i = 0; i < material->skip_count; i++) {
        if (hgh_regex_match(material->skip[i], uri, NULL, 0) > 0) {
            return false;
        }
    }
    return true;
}

/* ------------------------------------------------------------------------------------- index */

void hgh_sni_index_init(hgh_sni_index *index)
{
    hgh_map_init(&index->names);
}

void hgh_sni_index_done(hgh_sni_index *index)
{
    hgh_map_done(&index->names);
}

static hgh_sni_entry *first_of(const hgh_sni_index *index, hg_text name)
{
    hgh_map_node *node = hgh_map_find(&index->names, name);

    return node == NULL ? NULL : HGH_CONTAINER_OF(node, hgh_sni_entry, node);
}

static bool is_before(const hgh_sni_entry *a, const hgh_sni_entry *b)
{
    return a->ssl->base.created < b->ssl->base.created;
}

static hg_status entry_add(hgh_sni_index *index, hgh_sni_entry *entry)
{
    hgh_sni_entry *first = first_of(index, entry->node.key);

    if (first == NULL) {
        return hgh_map_add(&index->names, &entry->node);
    }
    if (is_before(entry, first)) {
        hgh_map_remove(&index->names, &first->node);
        entry->next = first;
        return hgh_map_add(&index->names, &entry->node);
    }
    while (first->next != NULL && !is_before(entry, first->next)) {
        first = first->next;
    }
    entry->next = first->next;
    first->next = entry;
    return HG_OK;
}

static void entry_remove(hgh_sni_index *index, hgh_sni_entry *entry)
{
    hgh_sni_entry *at = first_of(index, entry->node.key);

    if (at == entry) {
        hgh_map_remove(&index->names, &entry->node);
        if (entry->next != NULL) {
            (void)hgh_map_add(&index->names, &entry->next->node); /* a place is free */
        }
        return;
    }
    while (at != NULL && at->next != entry) {
        at = at->next;
    }
    if (at != NULL) {
        at->next = entry->next;
    }
}

hg_status hgh_sni_index_add(hgh_sni_index *index, hgh_ssl *ssl)
{
    hg_status status = HG_OK;

    for (size_t i = 0; ssl->serves && status == HG_OK && i < ssl->sni_count; i++) {
        ssl->entries[i] = (hgh_sni_entry){.node = {.key = ssl->snis[i]}, .ssl = ssl};
        status = entry_add(index, &ssl->entries[i]);
    }
    return status;
}

void hgh_sni_index_remove(hgh_sni_index *index, hgh_ssl *ssl)
{
    for (size_t i = 0; i < ssl->sni_count; i++) {
        if (ssl->entries[i].ssl != NULL) {
            entry_remove(index, &ssl->entries[i]);
            ssl->entries[i] = (hgh_sni_entry){0};
        }
    }
}

#define NAME_MAX_BYTES 255u /* RFC 1035 section 2.3.4 */

hgh_ssl *hgh_sni_index_find(const hgh_sni_index *index, hg_text name)
{
    char text[NAME_MAX_BYTES + 1] = {0}; /* room for a '*' in front */
    size_t length = name.length;
    const hgh_sni_entry *found;

    if (length > 0 && name.data[length - 1] == '.') {
        length--;
    }
    if (length == 0 || length > NAME_MAX_BYTES) {
        return NULL;
    }
    for (size_t i = 0; i < length; i++) {
        text[i + 1] = lower(name.data[i]);
    }
    found = first_of(index, (hg_text){text + 1, length});
    /* The longest rest first; the '*' stands for no dot. */
    for (size_t i = 0; found == NULL && i < length && (i == 0 || text[i] != '.'); i++) {
        char kept = text[i];

        text[i] = '*';
        found = first_of(index, (hg_text){text + i, length - i + 1});
        text[i] = kept;
    }
    return found == NULL ? NULL : found->ssl;
}
