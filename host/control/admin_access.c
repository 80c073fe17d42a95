/* host/control/admin_access.c - who may use the Admin API: addresses, keys, roles. */
#include "host/control/admin_access.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/sha.h>

#include "host/core/address.h"

#define COOKIE_MAX 512u /* bytes of a key in a cookie */

typedef struct known_key {
    unsigned char digest[SHA256_DIGEST_LENGTH];
    hgh_role role;
} known_key;

struct hgh_admin_access {
    bool is_required;
    hg_cidrs *networks; /* owned; NULL: everybody */
    size_t key_count;
    known_key *keys; /* owned */
};

static void digest_of(const char *key, unsigned char *into)
{
    (void)SHA256((const unsigned char *)key, strlen(key), into); /* cannot fail */
}

hg_status
hgh_admin_access_new(const hgh_settings *settings, hgh_admin_access **out_access, hg_error *err)
{
    hgh_admin_access *access = calloc(1, sizeof(*access));
    hg_status status = HG_OK;

    if (access == NULL) {
        return hg_error_set(err, HG_ERR_NO_MEMORY, "Admin API: out of memory");
    }
    access->is_required = settings->admin_key_required;
    access->keys = calloc(settings->admin_key_count + 1, sizeof(*access->keys));
    if (access->keys == NULL) {
        status = hg_error_set(err, HG_ERR_NO_MEMORY, "Admin API: out of memory");
        goto cleanup;
    }
    access->key_count = settings->admin_key_count;
    for (size_t i = 0; i < access->key_count; i++) {
        digest_of(settings->admin_key[i].key, access->keys[i].digest);
        access->keys[i].role = settings->admin_key[i].role;
    }
    if (settings->allow_admin_count > 0) {
        status = hgh_cidrs_parse((const char *const *)settings->allow_admin,
                                 settings->allow_admin_count, &access->networks, err);
    }
    if (status == HG_OK) {
        *out_access = access;
        access = NULL;
    }

cleanup:
    hgh_admin_access_free(access);
    return status;
}

void hgh_admin_access_free(hgh_admin_access *access)
{
    if (access != NULL) {
        hgh_cidrs_free(access->networks);
        free(access->keys);
        free(access);
    }
}

bool hgh_admin_access_allows(const hgh_admin_access *access, const hgh_admin_request *request)
{
    if (request->peer == HGH_ADMIN_PEER_LOCAL) {
        return true;
    }
    if (request->client.family == HG_ADDRESS_NONE) {
        return false; /* the data plane must say who it is */
    }
    return access->networks == NULL || hgh_cidrs_contain(access->networks, &request->client);
}

/* Digests are compared, all of them and whole: the time taken says nothing about the keys. */
static const known_key *find_key(const hgh_admin_access *access, const char *token)
{
    unsigned char digest[SHA256_DIGEST_LENGTH];
    const known_key *found = NULL;

    digest_of(token, digest);
    for (size_t i = 0; i < access->key_count; i++) {
        if (CRYPTO_memcmp(digest, access->keys[i].digest, sizeof(digest)) == 0) {
            found = &access->keys[i];
        }
    }
    return found;
}

static bool is_reading(const char *method)
{
    return strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0;
}

hg_status hgh_admin_access_check(const hgh_admin_access *access,
                                 const hgh_admin_request *request,
                                 hgh_role *out_role,
                                 const char **out_why)
{
    const char *token = hgh_admin_request_argument(request, "api_key");
    char cookie[COOKIE_MAX];
    const known_key *key;

    if (!access->is_required || request->peer == HGH_ADMIN_PEER_LOCAL) {
        *out_role = HGH_ROLE_ADMIN;
        return HG_OK;
    }
    if (token == NULL) {
        token = request->header(request->context, "X-API-KEY");
    }
    if (token == NULL) {
        token = hgh_admin_request_cookie(request, "x_api_key", cookie, sizeof(cookie));
    }
    if (token == NULL) {
        *out_why = "missing apikey";
        return HG_ERR_INVALID;
    }
    key = find_key(access, token);
    if (key == NULL) {
        *out_why = "wrong apikey";
        return HG_ERR_INVALID;
    }
    if (key->role != HGH_ROLE_ADMIN && !is_reading(request->method)) {
        *out_why = "invalid method for role viewer";
        return HG_ERR_INVALID;
    }
    *out_role = key->role;
    return HG_OK;
}
