/* key-auth.c - identifies consumers by a key in a header or in the query. */
#include <hotgate/plugin.h>

#define REALM_MAX 256 /* characters; ours */

typedef struct key_auth {
    hg_text header;
    hg_text query;
    bool hide_credentials;
    hg_text realm;
    hg_text anonymous_consumer; /* absent: who has no key is refused */
} key_auth;

typedef struct credential {
    hg_text key;
} credential;

static const hg_field fields[] = {
    HG_STRING(key_auth,
              header,
              "header",
              .summary = "The header that holds the key.",
              .min_length = 1,
              .initial = "apikey"),
    HG_STRING(key_auth,
              query,
              "query",
              .summary = "The argument that holds the key of a request without that header.",
              .min_length = 1,
              .initial = "apikey"),
    HG_BOOL(key_auth,
            hide_credentials,
            "hide_credentials",
            .summary = "Takes the key out before the request goes upstream, also one that belongs "
                       "to nobody.",
            .initial = "false"),
    HG_STRING(key_auth,
              realm,
              "realm",
              .summary = "The realm that a refused client is told; without quotes and "
                         "backslashes.",
              .max_length = REALM_MAX,
              .pattern = "^[^\"\\\\\\x00-\\x1f\\x7f]*$",
              .initial = "key"),
    HG_STRING(key_auth,
              anonymous_consumer,
              "anonymous_consumer",
              .summary = "The consumer of requests that could not be identified. Left out: they "
                         "are refused.",
              .example = "anonymous",
              .min_length = 1),
    HG_FIELDS_END,
};

static const hg_field credential_fields[] = {
    HG_SECRET(credential,
              key,
              "key",
              .summary = "What the consumer sends.",
              .required = true,
              .min_length = 1),
    HG_FIELDS_END,
};

/* The request goes on as that consumer's. A key is hidden only now: one that is refused here may be
 * looked at by the next plugin of a multi-auth. */
static hg_verdict attach(hg_request *request, const key_auth *own, const hg_consumer *consumer)
{
    if (own->hide_credentials && (hg_text_is_present(hg_request_header(request, own->header))
                                      ? hg_request_remove_header(request, own->header)
                                      : hg_request_remove_argument(request, own->query)) != HG_OK) {
        return hg_exit(request, 500);
    }
    return hg_consumer_attach(request, consumer) == HG_OK ? HG_NEXT : hg_exit(request, 500);
}

/* What becomes of a request without a key that counts. */
static hg_verdict refuse(hg_request *request, const key_auth *own, hg_text message)
{
    if (own->anonymous_consumer.data != NULL) {
        const hg_consumer *anonymous = hg_consumer_named(request, own->anonymous_consumer);

        if (anonymous != NULL) {
            return attach(request, own, anonymous);
        }
        hg_log(request, HG_LOG_ERROR, "the anonymous consumer %s is not there",
               own->anonymous_consumer.data);
        message = HG_TEXT("Invalid user authorization");
    }
    return hg_exit_unauthorized(request, "apikey", own->realm, message);
}

static hg_verdict on_rewrite(hg_request *request, const void *config)
{
    const key_auth *own = config;
    hg_text key = hg_request_header(request, own->header);
    const hg_consumer *consumer;

    if (!hg_text_is_present(key)) {
        key = hg_request_argument(request, own->query);
    }
    if (!hg_text_is_present(key)) {
        return refuse(request, own, HG_TEXT("Missing API key in request"));
    }
    consumer = hg_consumer_find(request, key);
    return consumer == NULL ? refuse(request, own, HG_TEXT("Invalid API key in request"))
                            : attach(request, own, consumer);
}

HG_PLUGIN("key-auth",
          "1.1.0",
          .summary = "Identifies consumers by a key in a header or in the query.",
          .priority = 2500,
          .flags = HG_AUTH,
          .config = HG_CONFIG(key_auth, fields),
          .consumer = HG_CONSUMER(credential, credential_fields, "key"),
          .rewrite = on_rewrite);
