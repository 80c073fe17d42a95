/* key-auth.c - identifies consumers by a key in a header or in the query. */
#include <stdio.h>
#include <string.h>

#include <hotgate/plugin.h>

#define REALM_MAX         256 /* characters; ours */
#define CONSUMER_NAME_MAX 256 /* as the Admin API has it */

typedef struct key_auth {
    hg_text header;
    hg_text query;
    bool hide_credentials;
    hg_text realm;
    hg_text anonymous_consumer; /* who sent a request that cannot be identified; absent: nobody */
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
            .summary = "Takes the key out before the request goes upstream.",
            .initial = "false"),
    HG_STRING(key_auth,
              realm,
              "realm",
              .summary = "The realm that a refused client is told.",
              .max_length = REALM_MAX,
              .pattern = "^[^\"\\\\\\x00-\\x1f\\x7f]*$",
              .initial = "key"),
    HG_STRING(key_auth,
              anonymous_consumer,
              "anonymous_consumer",
              .summary = "The consumer that a request without a valid key belongs to.",
              .min_length = 1,
              .max_length = CONSUMER_NAME_MAX),
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

static int hex_value(char c)
{
    const char *digits = "0123456789abcdef";
    const char *at = c == '\0' ? NULL : strchr(digits, c >= 'A' && c <= 'F' ? c + 32 : c);

    return at == NULL ? -1 : (int)(at - digits);
}

/* True if an encoded name of the query means `wanted`. */
static bool name_means(hg_text encoded, hg_text wanted)
{
    size_t length = 0;

    for (size_t i = 0; i < encoded.length; i++) {
        char c = encoded.data[i] == '+' ? ' ' : encoded.data[i];

        if (c == '%' && i + 2 < encoded.length && hex_value(encoded.data[i + 1]) >= 0 &&
            hex_value(encoded.data[i + 2]) >= 0) {
            c = (char)(hex_value(encoded.data[i + 1]) * 16 + hex_value(encoded.data[i + 2]));
            i += 2;
        }
        if (length == wanted.length || wanted.data[length] != c) {
            return false;
        }
        length++;
    }
    return length == wanted.length;
}

/* Takes every argument of that name out of the query. */
static hg_status argument_remove(hg_request *request, hg_text name)
{
    hg_text arguments = hg_request_arguments(request);
    char *kept = hg_request_allocate(request, arguments.length + 1);
    size_t length = 0;
    size_t at = 0;

    if (kept == NULL) {
        return HG_ERR_NO_MEMORY;
    }
    while (at < arguments.length) {
        size_t end = at;
        size_t equals;

        while (end < arguments.length && arguments.data[end] != '&') {
            end++;
        }
        for (equals = at; equals < end && arguments.data[equals] != '='; equals++) {
        }
        if (!name_means((hg_text){arguments.data + at, equals - at}, name)) {
            if (length > 0) {
                kept[length++] = '&';
            }
            memcpy(kept + length, arguments.data + at, end - at);
            length += end - at;
        }
        at = end + 1;
    }
    return hg_request_set_arguments(request, (hg_text){kept, length});
}

static hg_verdict refuse(hg_request *request, const key_auth *config, hg_text message)
{
    char challenge[REALM_MAX * 4 + 32]; /* characters of up to four bytes */

    (void)snprintf(challenge, sizeof(challenge), "apikey realm=\"%s\"", config->realm.data);
    if (hg_response_set_header(request, HG_TEXT("WWW-Authenticate"), hg_text_of(challenge)) !=
        HG_OK) {
        hg_log(request, HG_LOG_ERROR, "WWW-Authenticate cannot be set");
    }
    return hg_exit_message(request, 401, message);
}

/* A request without a valid key: it is answered, or belongs to the consumer for such requests. */
static hg_verdict not_identified(hg_request *request, const key_auth *own, hg_text message)
{
    const hg_consumer *anonymous;

    if (!hg_text_is_present(own->anonymous_consumer)) {
        return refuse(request, own, message);
    }
    anonymous = hg_consumer_named(request, own->anonymous_consumer);
    if (anonymous == NULL) {
        hg_log(request, HG_LOG_ERROR, "the anonymous consumer %s is not there",
               own->anonymous_consumer.data);
        return refuse(request, own, HG_TEXT("Invalid user authorization"));
    }
    return hg_consumer_attach(request, anonymous) == HG_OK ? HG_NEXT : hg_exit(request, 500);
}

static hg_verdict on_rewrite(hg_request *request, const void *config)
{
    const key_auth *own = config;
    hg_text key = hg_request_header(request, own->header);
    bool from_header = hg_text_is_present(key);
    const hg_consumer *consumer;
    hg_status status = HG_OK;

    if (!from_header) {
        key = hg_request_argument(request, own->query);
    }
    if (!hg_text_is_present(key)) {
        return not_identified(request, own, HG_TEXT("Missing API key in request"));
    }
    consumer = hg_consumer_find(request, key);
    if (consumer == NULL) {
        return not_identified(request, own, HG_TEXT("Invalid API key in request"));
    }
    if (own->hide_credentials) {
        status = from_header ? hg_request_remove_header(request, own->header)
                             : argument_remove(request, own->query);
    }
    if (status == HG_OK) {
        status = hg_consumer_attach(request, consumer);
    }
    return status == HG_OK ? HG_NEXT : hg_exit(request, 500);
}

HG_PLUGIN("key-auth",
          "1.0.0",
          .summary = "Identifies consumers by a key in a header or in the query.",
          .priority = 2500,
          .flags = HG_AUTH,
          .config = HG_CONFIG(key_auth, fields),
          .consumer = HG_CONSUMER(credential, credential_fields, "key"),
          .rewrite = on_rewrite);
