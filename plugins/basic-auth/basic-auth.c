/* basic-auth.c - identifies consumers by a user name and a password (RFC 7617). */
#include <string.h>

#include <hotgate/plugin.h>

#define REALM_MAX 256 /* characters; ours */

typedef struct basic_auth {
    bool hide_credentials;
    hg_text realm;
    hg_text anonymous_consumer; /* absent: who is not identified is refused */
} basic_auth;

typedef struct credential {
    hg_text username;
    hg_text password;
} credential;

static const hg_field fields[] = {
    HG_BOOL(basic_auth,
            hide_credentials,
            "hide_credentials",
            .summary = "Takes `Authorization` out before the request goes upstream, also one that "
                       "belongs to nobody.",
            .initial = "false"),
    HG_STRING(basic_auth,
              realm,
              "realm",
              .summary = "The realm that a refused client is told; without quotes and "
                         "backslashes.",
              .max_length = REALM_MAX,
              .pattern = "^[^\"\\\\\\x00-\\x1f\\x7f]*$",
              .initial = "basic"),
    HG_STRING(basic_auth,
              anonymous_consumer,
              "anonymous_consumer",
              .summary = "The consumer of requests that could not be identified. Left out: they "
                         "are refused.",
              .example = "anonymous",
              .min_length = 1),
    HG_FIELDS_END,
};

static const hg_field credential_fields[] = {
    HG_STRING(credential,
              username,
              "username",
              .summary = "The name that the consumer sends, without colons; it need not be that of "
                         "the consumer.",
              .required = true,
              .min_length = 1,
              .pattern = "^[^:]*$"),
    HG_SECRET(credential,
              password,
              "password",
              .summary = "The password that belongs to it.",
              .required = true,
              .min_length = 1),
    HG_FIELDS_END,
};

/* The request goes on as that consumer's. Credentials are hidden only now: what is refused here may
 * be looked at by the next plugin of a multi-auth. */
static hg_verdict attach(hg_request *request, const basic_auth *own, const hg_consumer *consumer)
{
    if (own->hide_credentials &&
        hg_request_remove_header(request, HG_TEXT("Authorization")) != HG_OK) {
        return hg_exit(request, 500);
    }
    return hg_consumer_attach(request, consumer) == HG_OK ? HG_NEXT : hg_exit(request, 500);
}

/* What becomes of a request that was not identified. */
static hg_verdict refuse(hg_request *request, const basic_auth *own, hg_text message)
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
    return hg_exit_unauthorized(request, "Basic", own->realm, message);
}

/* "Basic", blanks and base64 of NAME:PASSWORD, which both are borrowed from the request. */
static bool authorization_parse(hg_request *request, hg_text value, credential *out_given)
{
    static const char scheme[] = "Basic ";
    char *pair;
    const char *colon;
    size_t length = 0;

    if (value.length < sizeof(scheme) - 1 ||
        !hg_text_equal_ignoring_case((hg_text){value.data, sizeof(scheme) - 1},
                                     HG_TEXT("Basic "))) {
        return false;
    }
    value.data += sizeof(scheme) - 1;
    value.length -= sizeof(scheme) - 1;
    while (value.length > 0 && *value.data == ' ') {
        value.data++;
        value.length--;
    }
    while (value.length > 0 && value.data[value.length - 1] == ' ') {
        value.length--;
    }
    pair = hg_request_allocate(request, value.length + 1);
    if (pair == NULL || hg_decode(HG_BASE64, value, pair, value.length, &length) != HG_OK) {
        return false;
    }
    /* The first one: a password may have colons, a name has none. */
    colon = memchr(pair, ':', length);
    if (colon == NULL || colon == pair) {
        return false;
    }
    out_given->username = (hg_text){pair, (size_t)(colon - pair)};
    out_given->password = (hg_text){colon + 1, length - out_given->username.length - 1};
    return true;
}

static hg_verdict on_rewrite(hg_request *request, const void *config)
{
    const basic_auth *own = config;
    hg_text value = hg_request_header(request, HG_TEXT("Authorization"));
    credential given;
    const hg_consumer *consumer;
    const credential *wanted;

    if (!hg_text_is_present(value)) {
        return refuse(request, own, HG_TEXT("Missing authorization in request"));
    }
    if (!authorization_parse(request, value, &given)) {
        return refuse(request, own, HG_TEXT("Invalid authorization in request"));
    }
    consumer = hg_consumer_find(request, given.username);
    wanted = consumer == NULL ? NULL : hg_consumer_config(request, consumer);
    if (wanted == NULL || !hg_secret_equal(given.password, wanted->password)) {
        return refuse(request, own, HG_TEXT("Invalid user authorization"));
    }
    return attach(request, own, consumer);
}

HG_PLUGIN("basic-auth",
          "1.0.0",
          .summary = "Identifies consumers by a user name and a password.",
          .priority = 2520,
          .flags = HG_AUTH,
          .config = HG_CONFIG(basic_auth, fields),
          .consumer = HG_CONSUMER(credential, credential_fields, "username"),
          .rewrite = on_rewrite);
