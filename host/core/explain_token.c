/* host/core/explain_token.c - what allows a request on the data plane to ask for its explanation.
 */
#include "host/core/explain_token.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "host/core/encoding.h"

#define PURPOSE    "hotgate explain " /* keeps the key's other uses apart, if there are ever any */
#define EXPIRY_MAX 12u                /* digits */
#define MAC_BYTES  32u

static hg_status mac_make(const hgh_explain_key *key, hg_text expiry, char into[2 * MAC_BYTES + 1])
{
    char message[sizeof(PURPOSE) + EXPIRY_MAX];
    int length =
        snprintf(message, sizeof(message), PURPOSE "%.*s", (int)expiry.length, expiry.data);
    unsigned char mac[EVP_MAX_MD_SIZE];
    unsigned int mac_length = 0;
    size_t written = 0;

    if (HMAC(EVP_sha256(), key->bytes, (int)sizeof(key->bytes), (const unsigned char *)message,
             (size_t)length, mac, &mac_length) == NULL) {
        return HG_ERR_NO_MEMORY;
    }
    return hgh_encode(HG_HEX, (hg_text){(const char *)mac, mac_length}, into, 2 * MAC_BYTES + 1,
                      &written);
}

hg_status hgh_explain_token_make(const hgh_explain_key *key,
                                 int64_t expiry_wall_s,
                                 char into[HGH_EXPLAIN_TOKEN_MAX])
{
    char expiry[24];
    char mac[2 * MAC_BYTES + 1];
    hg_status status;

    (void)snprintf(expiry, sizeof(expiry), "%" PRId64, expiry_wall_s);
    status = mac_make(key, hg_text_of(expiry), mac);
    if (status == HG_OK) {
        (void)snprintf(into, HGH_EXPLAIN_TOKEN_MAX, "%s.%s", expiry, mac);
    }
    return status;
}

/* False: no such digits. */
static bool expiry_parse(hg_text text, int64_t *out_expiry)
{
    int64_t expiry = 0;

    if (text.length == 0 || text.length > EXPIRY_MAX) {
        return false;
    }
    for (size_t i = 0; i < text.length; i++) {
        if (text.data[i] < '0' || text.data[i] > '9') {
            return false;
        }
        expiry = expiry * 10 + (text.data[i] - '0');
    }
    *out_expiry = expiry;
    return true;
}

hg_status hgh_explain_token_check(const hgh_explain_key *key, hg_text token, int64_t now_wall_s)
{
    const char *dot = token.length == 0 ? NULL : memchr(token.data, '.', token.length);
    hg_text expiry = {token.data, dot == NULL ? 0 : (size_t)(dot - token.data)};
    char mac[2 * MAC_BYTES + 1];
    int64_t expiry_wall_s;

    if (dot == NULL || !expiry_parse(expiry, &expiry_wall_s) ||
        mac_make(key, expiry, mac) != HG_OK ||
        !hgh_secret_equal((hg_text){dot + 1, token.length - expiry.length - 1}, hg_text_of(mac))) {
        return HG_ERR_INVALID;
    }
    return expiry_wall_s > now_wall_s ? HG_OK : HG_ERR_TIMEOUT;
}
