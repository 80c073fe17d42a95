/* host/core/explain_token.h - what allows a request on the data plane to ask for its explanation.
 *
 * "EXPIRY.MAC": seconds since 1970 at which it ends, and the HMAC-SHA256 of these digits with a key
 * that control and the workers of one instance share, as hexadecimal text. Control makes tokens for
 * administrators; workers check them.
 */
#ifndef HOST_CORE_EXPLAIN_TOKEN_H
#define HOST_CORE_EXPLAIN_TOKEN_H

#include <stdint.h>

#include <hotgate/error.h>
#include <hotgate/text.h>

#define HGH_EXPLAIN_KEY_SIZE    32u
#define HGH_EXPLAIN_TOKEN_MAX   96u   /* bytes of a token, with its NUL */
#define HGH_EXPLAIN_VALID_S     600   /* unless another time is asked for */
#define HGH_EXPLAIN_VALID_MAX_S 86400 /* a day: it is for looking at something now */

typedef struct hgh_explain_key {
    unsigned char bytes[HGH_EXPLAIN_KEY_SIZE];
} hgh_explain_key;

/** HG_OK or HG_ERR_NO_MEMORY, when `into` is untouched. */
hg_status hgh_explain_token_make(const hgh_explain_key *key,
                                 int64_t expiry_wall_s,
                                 char into[HGH_EXPLAIN_TOKEN_MAX]);

/**
 * HG_OK; HG_ERR_INVALID: it was not made with this key; HG_ERR_TIMEOUT: it was, and has ended.
 * The time that it takes tells nothing about the right one.
 */
hg_status hgh_explain_token_check(const hgh_explain_key *key, hg_text token, int64_t now_wall_s);

#endif
