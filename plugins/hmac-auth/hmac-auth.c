/* hmac-auth.c - identifies consumers by a signature over parts of the request. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <hotgate/plugin.h>

#define REALM_MAX     256 /* characters; ours */
#define HEADERS_MAX   64u /* names in one signature; ours */
#define ALGORITHM_MAX 3

typedef struct hmac_auth {
    hg_list allowed_algorithms; /* int32_t: places in `algorithms` */
    int64_t clock_skew;         /* seconds */
    hg_list signed_headers;     /* hg_text */
    bool validate_request_body;
    int64_t max_req_body_size;
    bool hide_credentials;
    hg_text realm;
    hg_text anonymous_consumer; /* absent: who is not identified is refused */
} hmac_auth;

typedef struct credential {
    hg_text key_id;
    hg_text secret_key;
} credential;

/* In the order of the names of the field. */
static const struct {
    const char *name;
    const EVP_MD *(*digest)(void);
} algorithms[ALGORITHM_MAX] = {
    {"hmac-sha1", EVP_sha1},
    {"hmac-sha256", EVP_sha256},
    {"hmac-sha512", EVP_sha512},
};

static const hg_field algorithm_item =
    HG_ITEM(HG_KIND_ENUM, int32_t, .names = {"hmac-sha1", "hmac-sha256", "hmac-sha512"});
static const hg_field header_item =
    HG_ITEM(HG_KIND_STRING, hg_text, .min_length = 1, .max_length = 50);

static const hg_field fields[] = {
    HG_LIST(hmac_auth,
            allowed_algorithms,
            "allowed_algorithms",
            &algorithm_item,
            .summary = "Algorithms that a signature may be made with.",
            .min_length = 1,
            .initial = "[\"hmac-sha1\", \"hmac-sha256\", \"hmac-sha512\"]"),
    HG_INT(hmac_auth,
           clock_skew,
           "clock_skew",
           .summary = "Seconds by which the header `Date` may differ from the gateway's clock.",
           .min = 1,
           .initial = "300"),
    HG_LIST(hmac_auth,
            signed_headers,
            "signed_headers",
            &header_item,
            .summary = "Headers that a signature has to be over; `@request-target` may be among "
                       "them.",
            .initial = "[\"date\"]"),
    HG_BOOL(hmac_auth,
            validate_request_body,
            "validate_request_body",
            .summary = "Compares the body with the header `Digest`.",
            .initial = "false"),
    HG_INT(hmac_auth,
           max_req_body_size,
           "max_req_body_size",
           .summary = "Bytes of a body that is compared; a larger one is refused with 413.",
           .min = 1,
           .initial = "67108864"),
    HG_BOOL(hmac_auth,
            hide_credentials,
            "hide_credentials",
            .summary = "Takes `Authorization` out before the request goes upstream, also one that "
                       "belongs to nobody.",
            .initial = "false"),
    HG_STRING(hmac_auth,
              realm,
              "realm",
              .summary = "The realm that a refused client is told; without quotes and "
                         "backslashes.",
              .max_length = REALM_MAX,
              .pattern = "^[^\"\\\\\\x00-\\x1f\\x7f]*$",
              .initial = "hmac"),
    HG_STRING(hmac_auth,
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
              key_id,
              "key_id",
              .summary = "What the signature's `keyId` says.",
              .required = true,
              .min_length = 1,
              .max_length = 256),
    HG_SECRET(credential,
              secret_key,
              "secret_key",
              .summary = "The secret that signs.",
              .required = true,
              .min_length = 1,
              .max_length = 256),
    HG_FIELDS_END,
};

/* -------------------------------------------------------------------------- Authorization */

/* The parameters of Authorization; absent if they are not there. */
typedef struct signature {
    hg_text key_id;
    hg_text algorithm;
    hg_text headers;
    hg_text bytes_text; /* base64 */
} signature;

static void skip(hg_text *text, const char *characters)
{
    while (text->length > 0 && *text->data != '\0' && strchr(characters, *text->data) != NULL) {
        text->data++;
        text->length--;
    }
}

/* NAME="VALUE"; what a backslash does is not asked for, since no value needs one. */
static bool parameter_take(hg_text *rest, hg_text *out_name, hg_text *out_value)
{
    const char *equals = memchr(rest->data, '=', rest->length);
    const char *end = rest->data + rest->length;
    const char *close;

    if (equals == NULL || end - equals < 3 || equals[1] != '"') {
        return false;
    }
    close = memchr(equals + 2, '"', (size_t)(end - equals - 2));
    if (close == NULL) {
        return false;
    }
    *out_name = (hg_text){rest->data, (size_t)(equals - rest->data)};
    *out_value = (hg_text){equals + 2, (size_t)(close - equals - 2)};
    *rest = (hg_text){close + 1, (size_t)(end - close - 1)};
    return true;
}

/* NULL: done; else what is wrong. */
static const char *signature_parse(hg_text value, signature *out_signature)
{
    const struct {
        hg_text name;
        hg_text *value;
    } parameters[] = {
        {HG_TEXT("keyId"), &out_signature->key_id},
        {HG_TEXT("algorithm"), &out_signature->algorithm},
        {HG_TEXT("headers"), &out_signature->headers},
        {HG_TEXT("signature"), &out_signature->bytes_text},
    };

    if (value.length < 10 ||
        !hg_text_equal_ignoring_case((hg_text){value.data, 10}, HG_TEXT("Signature "))) {
        return "Authorization header does not start with 'Signature'";
    }
    value.data += 10;
    value.length -= 10;
    for (skip(&value, " ,\t"); value.length > 0; skip(&value, " ,\t")) {
        hg_text name;
        hg_text text;

        if (!parameter_take(&value, &name, &text)) {
            return "Authorization header is no list of parameters";
        }
        for (size_t i = 0; i < sizeof(parameters) / sizeof(parameters[0]); i++) {
            if (!hg_text_equal(name, parameters[i].name)) {
                continue;
            }
            if (parameters[i].value->data != NULL) {
                return "a parameter stands in the Authorization header twice";
            }
            *parameters[i].value = text;
        }
    }
    return NULL;
}

/* --------------------------------------------------------------------------------- signing */

/* Cuts the next name off a list with blanks between; false: there is none left. */
static bool name_take(hg_text *rest, hg_text *out_name)
{
    const char *blank;

    skip(rest, " ");
    if (rest->length == 0) {
        return false;
    }
    blank = memchr(rest->data, ' ', rest->length);
    *out_name = (hg_text){rest->data, blank == NULL ? rest->length : (size_t)(blank - rest->data)};
    rest->data += out_name->length;
    rest->length -= out_name->length;
    return true;
}

/* The text that is signed, as it grows; NULL counts the bytes that it needs. */
typedef struct signed_text {
    char *data;
    size_t length;
} signed_text;

static void text_add(signed_text *text, hg_text part)
{
    if (text->data != NULL && part.length > 0) {
        memcpy(text->data + text->length, part.data, part.length);
    }
    text->length += part.length;
}

/* "NAME: VALUE" and a line end; the values of several of one name are joined by ", ". A header that
 * is not there has no line. */
static void header_add(signed_text *text, hg_request *request, hg_text name)
{
    hg_header header;
    bool found = false;

    for (size_t i = 0; hg_request_header_at(request, i, &header); i++) {
        if (!hg_text_equal_ignoring_case(header.name, name)) {
            continue;
        }
        text_add(text, found ? HG_TEXT(", ") : name);
        text_add(text, found ? HG_TEXT("") : HG_TEXT(": "));
        text_add(text, header.value);
        found = true;
    }
    if (found) {
        text_add(text, HG_TEXT("\n"));
    }
}

static void request_add(signed_text *text, hg_request *request, const signature *given)
{
    hg_text names = given->headers;
    hg_text name;

    text_add(text, given->key_id);
    text_add(text, HG_TEXT("\n"));
    while (names.data != NULL && name_take(&names, &name)) {
        /* Without regard to case, as headers_suffice() looks for it. */
        if (hg_text_equal_ignoring_case(name, HG_TEXT("@request-target"))) {
            text_add(text, hg_request_method(request));
            text_add(text, HG_TEXT(" "));
            text_add(text, hg_request_raw_uri(request));
            text_add(text, HG_TEXT("\n"));
        } else {
            header_add(text, request, name);
        }
    }
}

static bool signature_is_valid(hg_request *request,
                               const signature *given,
                               int32_t algorithm,
                               const credential *found)
{
    signed_text text = {NULL, 0};
    unsigned char wanted[EVP_MAX_MD_SIZE];
    unsigned int wanted_length = 0;
    unsigned char *bytes = hg_request_allocate(request, given->bytes_text.length + 1);
    size_t length = 0;

    request_add(&text, request, given);
    text.data = hg_request_allocate(request, text.length + 1);
    if (bytes == NULL || text.data == NULL ||
        hg_decode(HG_BASE64, given->bytes_text, bytes, given->bytes_text.length, &length) !=
            HG_OK) {
        return false;
    }
    text.length = 0;
    request_add(&text, request, given);
    return HMAC(algorithms[algorithm].digest(), found->secret_key.data,
                (int)found->secret_key.length, (const unsigned char *)text.data, text.length,
                wanted, &wanted_length) != NULL &&
           hg_secret_equal((hg_text){(const char *)bytes, length},
                           (hg_text){(const char *)wanted, wanted_length});
}

/* ------------------------------------------------------------------------------------ time */

/* Days since 1970-01-01 of a date in the Gregorian calendar; the year begins with March here, so
 * that the day that may be missing is its last. */
static int64_t days_of(int64_t year, int64_t month, int64_t day)
{
    int64_t from_march = (month + 9) % 12;
    int64_t shifted = month <= 2 ? year - 1 : year;

    return shifted * 365 + shifted / 4 - shifted / 100 + shifted / 400 +
           (from_march * 306 + 5) / 10 + day - 1 - 719468;
}

/* The three forms of RFC 9110, section 5.6.7. False: it is none. */
static bool date_parse(const char *text, int64_t *out_wall_s)
{
    static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    char name[4] = "";
    int day = 0;
    int year = 0;
    int hour = 0;
    int minute = 0;
    int second = 0;
    int end = -1;
    const char *month;

    if (sscanf(text, "%*3[A-Za-z], %2d %3[A-Za-z] %4d %2d:%2d:%2d GMT%n", &day, name, &year, &hour,
               &minute, &second, &end) != 6 ||
        end < 0) {
        end = -1;
        if (sscanf(text, "%*9[A-Za-z], %2d-%3[A-Za-z]-%2d %2d:%2d:%2d GMT%n", &day, name, &year,
                   &hour, &minute, &second, &end) == 6 &&
            end >= 0) {
            year += year < 70 ? 2000 : 1900;
        } else {
            end = -1;
            if (sscanf(text, "%*3[A-Za-z] %3[A-Za-z] %2d %2d:%2d:%2d %4d%n", name, &day, &hour,
                       &minute, &second, &year, &end) != 6) {
                return false;
            }
        }
    }
    month = strlen(name) == 3 ? strstr(months, name) : NULL;
    if (end < 0 || text[end] != '\0' || month == NULL || (month - months) % 3 != 0 || day < 1 ||
        day > 31 || year < 1970 || hour < 0 || hour > 23 || minute < 0 || minute > 59 ||
        second < 0 || second > 60) {
        return false;
    }
    *out_wall_s =
        days_of(year, (month - months) / 3 + 1, day) * 86400 + hour * 3600 + minute * 60 + second;
    return true;
}

static const char *date_unfit(hg_request *request, int64_t clock_skew)
{
    hg_text date = hg_request_header(request, HG_TEXT("Date"));
    int64_t then_s = 0;
    int64_t distance_s;

    if (!hg_text_is_present(date)) {
        return "Date header missing. failed to validate clock skew";
    }
    if (strlen(date.data) != date.length || !date_parse(date.data, &then_s)) {
        return "Invalid GMT format time";
    }
    distance_s = hg_wall_ms() / 1000 - then_s;
    return distance_s > clock_skew || -distance_s > clock_skew ? "Clock skew exceeded" : NULL;
}

/* -------------------------------------------------------------------------------- judgement */

static int32_t algorithm_find(const hmac_auth *own, hg_text name)
{
    const int32_t *allowed = own->allowed_algorithms.items;

    for (size_t i = 0; i < own->allowed_algorithms.count; i++) {
        if (hg_text_equal(name, hg_text_of(algorithms[allowed[i]].name))) {
            return allowed[i];
        }
    }
    return -1;
}

/* True if all headers that have to be signed are among those that are. */
static bool headers_suffice(const hmac_auth *own, const signature *given)
{
    const hg_text *wanted = own->signed_headers.items;

    for (size_t i = 0; i < own->signed_headers.count; i++) {
        hg_text names = given->headers;
        hg_text name;
        bool found = false;

        while (!found && names.data != NULL && name_take(&names, &name)) {
            found = hg_text_equal_ignoring_case(name, wanted[i]);
        }
        if (!found) {
            return false;
        }
    }
    return true;
}

static size_t headers_count(hg_text names)
{
    size_t count = 0;
    hg_text name;

    while (names.data != NULL && name_take(&names, &name)) {
        count++;
    }
    return count;
}

/* "SHA-256=" and base64 of the body's digest. */
static const char *body_unfit(hg_request *request, hg_text body)
{
    hg_text given = hg_request_header(request, HG_TEXT("Digest"));
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned int digest_length = 0;
    char wanted[8 + HG_ENCODED_SIZE(EVP_MAX_MD_SIZE)] = "SHA-256=";
    size_t length = 0;

    if (EVP_Digest(body.data == NULL ? "" : body.data, body.length, digest, &digest_length,
                   EVP_sha256(), NULL) != 1 ||
        hg_encode(HG_BASE64, (hg_text){(const char *)digest, digest_length}, wanted + 8,
                  sizeof(wanted) - 8, &length) != HG_OK) {
        return "the digest cannot be made";
    }
    return hg_text_is_present(given) && hg_text_equal(given, (hg_text){wanted, length + 8})
               ? NULL
               : "Invalid digest";
}

/* Whose signature it is; NULL: nobody's, and *out_why says why. */
static const hg_consumer *
identify(hg_request *request, const hmac_auth *own, hg_text value, const char **out_why)
{
    signature given = {{NULL, 0}, {NULL, 0}, {NULL, 0}, {NULL, 0}};
    const char *why = signature_parse(value, &given);
    const hg_consumer *consumer = NULL;
    const credential *found = NULL;
    int32_t algorithm = -1;

    if (why == NULL && (given.key_id.length == 0 || given.bytes_text.length == 0)) {
        why = "keyId or signature missing";
    }
    if (why == NULL && given.algorithm.length == 0) {
        why = "algorithm missing";
    }
    if (why == NULL) {
        consumer = hg_consumer_find(request, given.key_id);
        found = consumer == NULL ? NULL : hg_consumer_config(request, consumer);
        why = found == NULL ? "Invalid key ID" : NULL;
    }
    if (why == NULL) {
        algorithm = algorithm_find(own, given.algorithm);
        why = algorithm < 0 ? "Invalid algorithm" : date_unfit(request, own->clock_skew);
    }
    if (why == NULL && headers_count(given.headers) > HEADERS_MAX) {
        why = "too many headers in signing";
    }
    if (why == NULL && !headers_suffice(own, &given)) {
        why = "expected header missing in signing";
    }
    if (why == NULL && !signature_is_valid(request, &given, algorithm, found)) {
        why = "Invalid signature";
    }
    *out_why = why;
    return why == NULL ? consumer : NULL;
}

/* --------------------------------------------------------------------------------- rewrite */

/* The request goes on as that consumer's. Credentials are hidden only now: what is refused here may
 * be looked at by the next plugin of a multi-auth. */
static hg_verdict attach(hg_request *request, const hmac_auth *own, const hg_consumer *consumer)
{
    if (own->hide_credentials &&
        hg_request_remove_header(request, HG_TEXT("Authorization")) != HG_OK) {
        return hg_exit(request, 500);
    }
    return hg_consumer_attach(request, consumer) == HG_OK ? HG_NEXT : hg_exit(request, 500);
}

/* What becomes of a request that was not identified; the client is not told why. */
static hg_verdict refuse(hg_request *request, const hmac_auth *own, const char *why)
{
    hg_text message = HG_TEXT("client request can't be validated");

    hg_log(request, HG_LOG_WARN, "client request can't be validated: %s", why);
    if (own->anonymous_consumer.data != NULL) {
        const hg_consumer *anonymous = hg_consumer_named(request, own->anonymous_consumer);

        if (anonymous != NULL) {
            return attach(request, own, anonymous);
        }
        hg_log(request, HG_LOG_ERROR, "the anonymous consumer %s is not there",
               own->anonymous_consumer.data);
        message = HG_TEXT("Invalid user authorization");
    }
    return hg_exit_unauthorized(request, "hmac", own->realm, message);
}

static hg_verdict on_rewrite(hg_request *request, const void *config)
{
    const hmac_auth *own = config;
    hg_text value = hg_request_header(request, HG_TEXT("Authorization"));
    const hg_consumer *consumer = NULL;
    const char *why = "missing Authorization header";

    if (hg_text_is_present(value)) {
        consumer = identify(request, own, value, &why);
    }
    if (consumer != NULL && own->validate_request_body) {
        hg_text body = {NULL, 0};
        hg_status status = hg_request_body(request, (size_t)own->max_req_body_size, &body);

        if (status == HG_ERR_TOO_LARGE) {
            return hg_exit_message(request, 413, HG_TEXT("request body is too large"));
        }
        if (status != HG_OK) {
            return hg_exit(request, 500);
        }
        why = body_unfit(request, body);
        consumer = why == NULL ? consumer : NULL;
    }
    return consumer == NULL ? refuse(request, own, why) : attach(request, own, consumer);
}

HG_PLUGIN("hmac-auth",
          "1.0.0",
          .summary = "Identifies consumers by a signature over parts of the request.",
          .priority = 2530,
          .flags = HG_AUTH | HG_WAITS,
          .config = HG_CONFIG(hmac_auth, fields),
          .consumer = HG_CONSUMER(credential, credential_fields, "key_id"),
          .rewrite = on_rewrite);
