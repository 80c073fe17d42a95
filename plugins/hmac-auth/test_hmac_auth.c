/* test_hmac_auth.c - which signatures pass, what they are over, and what others are told. */
#include <stdio.h>
#include <string.h>

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <hotgate/test_cmocka.h>

#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))
#define TEXT_ROOM         4096
#define NOW               "Tue, 14 Nov 2023 22:13:20 GMT" /* HG_TEST_WALL_START_MS */
#define GENERIC           "{\"message\":\"client request can't be validated\"}\n"

static int begin_with_jack(void **state)
{
    if (hg_test_set_up(state) != 0) {
        return -1;
    }
    hg_test_must_put(*state, "consumers/jack",
                     "{\"username\": \"jack\", \"plugins\": {\"hmac-auth\":"
                     " {\"key_id\": \"jack-key\", \"secret_key\": \"jack's secret\"}}}");
    hg_test_must_put(*state, "consumers/nobody", "{\"username\": \"nobody\"}");
    return 0;
}

/* base64 of the signature over a text; until the next call. */
static const char *sign(const EVP_MD *digest, const char *secret, const char *text)
{
    static char encoded[128];
    unsigned char bytes[EVP_MAX_MD_SIZE];
    unsigned int length = 0;

    assert_non_null(HMAC(digest, secret, (int)strlen(secret), (const unsigned char *)text,
                         strlen(text), bytes, &length));
    (void)EVP_EncodeBlock((unsigned char *)encoded, bytes, (int)length);
    return encoded;
}

/* What a client signs, and what it says that it has signed. */
typedef struct signing {
    const char *key_id;    /* NULL: jack-key */
    const char *algorithm; /* NULL: hmac-sha256 */
    const char *headers;   /* NULL: "@request-target date" */
    const char *text;      /* signed; NULL: GET / and the time */
    const char *secret;    /* NULL: jack's */
} signing;

/* The line of the header, and the others behind it; until the next call. */
static const char *lines(const signing *what, const char *others)
{
    static char text[TEXT_ROOM];
    const char *algorithm = what->algorithm == NULL ? "hmac-sha256" : what->algorithm;
    const EVP_MD *digest = strcmp(algorithm, "hmac-sha1") == 0     ? EVP_sha1()
                           : strcmp(algorithm, "hmac-sha512") == 0 ? EVP_sha512()
                                                                   : EVP_sha256();

    (void)snprintf(text, sizeof(text),
                   "Authorization: Signature keyId=\"%s\",algorithm=\"%s\",headers=\"%s\","
                   "signature=\"%s\"\n%s",
                   what->key_id == NULL ? "jack-key" : what->key_id, algorithm,
                   what->headers == NULL ? "@request-target date" : what->headers,
                   sign(digest, what->secret == NULL ? "jack's secret" : what->secret,
                        what->text == NULL ? "jack-key\nGET /\ndate: " NOW "\n" : what->text),
                   others);
    return text;
}

static const hg_test_exchange *
send(hg_test *test, const char *config, const char *uri, const char *headers)
{
    hg_test_request request = {.uri = uri, .headers = headers};

    return hg_test_run(test, config, &request);
}

static bool is_jack(hg_test *test, const hg_test_exchange *got)
{
    const char *name = hg_test_upstream_header(test, got, "X-Consumer-Username");

    return got->status == 200 && name != NULL && strcmp(name, "jack") == 0;
}

static bool is_refused(hg_test *test, const hg_test_exchange *got)
{
    return got->status == 401 && strcmp(got->body, GENERIC) == 0 && got->tries == 0 &&
           strcmp(hg_test_header(test, got, "WWW-Authenticate"), "hmac realm=\"hmac\"") == 0;
}

/* ------------------------------------------------------------------------------- signatures */

static void signatures_are_over_what_they_name(void **state)
{
    static const struct {
        const char *label;
        signing what;
        const char *uri;
        const char *headers;
        bool passes;
    } cases[] = {
        {"target and date", {0}, "/", "Date: " NOW "\n", true},
        {"sha1", {.algorithm = "hmac-sha1"}, "/", "Date: " NOW "\n", true},
        {"sha512", {.algorithm = "hmac-sha512"}, "/", "Date: " NOW "\n", true},
        {"another secret", {.secret = "jack's secres"}, "/", "Date: " NOW "\n", false},
        {"another target", {0}, "/a", "Date: " NOW "\n", false},
        {"another query", {0}, "/?", "Date: " NOW "\n", false},
        {"target with a query",
         {.text = "jack-key\nGET /a%20b/../c?d=e&f\ndate: " NOW "\n"},
         "/a%20b/../c?d=e&f",
         "Date: " NOW "\n",
         true},
        {"another method",
         {.text = "jack-key\nPUT /\ndate: " NOW "\n"},
         "/",
         "Date: " NOW "\n",
         false},
        {"another date", {0}, "/", "Date: Tue, 14 Nov 2023 22:13:21 GMT\n", false},
        {"date alone",
         {.headers = "date", .text = "jack-key\ndate: " NOW "\n"},
         "/any",
         "Date: " NOW "\n",
         true},
        {"names in the client's writing",
         {.headers = "DATE X-One", .text = "jack-key\nDATE: " NOW "\nX-One: 1\n"},
         "/",
         "date: " NOW "\nx-one: 1\n",
         true},
        {"in the client's order",
         {.headers = "x-one  date", .text = "jack-key\nx-one: 1\ndate: " NOW "\n"},
         "/",
         "Date: " NOW "\nX-One: 1\n",
         true},
        {"a changed header",
         {.headers = "x-one date", .text = "jack-key\nx-one: 1\ndate: " NOW "\n"},
         "/",
         "Date: " NOW "\nX-One: 2\n",
         false},
        {"a second one of that name",
         {.headers = "x-one date", .text = "jack-key\nx-one: 1\ndate: " NOW "\n"},
         "/",
         "Date: " NOW "\nX-One: 1\nX-One: 2\n",
         false},
        {"both signed",
         {.headers = "x-one date", .text = "jack-key\nx-one: 1, 2\ndate: " NOW "\n"},
         "/",
         "Date: " NOW "\nX-One: 1\nX-One: 2\n",
         true},
        {"a header that is not there",
         {.headers = "x-one date", .text = "jack-key\ndate: " NOW "\n"},
         "/",
         "Date: " NOW "\n",
         true},
        {"added behind the signature",
         {.headers = "x-one date", .text = "jack-key\ndate: " NOW "\n"},
         "/",
         "Date: " NOW "\nX-One: 1\n",
         false},
        {"another key", {.key_id = "rose-key"}, "/", "Date: " NOW "\n", false},
        {"an unknown algorithm", {.algorithm = "hmac-md5"}, "/", "Date: " NOW "\n", false},
        {"an algorithm in capitals", {.algorithm = "HMAC-SHA256"}, "/", "Date: " NOW "\n", false},
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        const hg_test_exchange *got =
            send(*state, "{}", cases[i].uri, lines(&cases[i].what, cases[i].headers));

        if (cases[i].passes ? !is_jack(*state, got) : !is_refused(*state, got)) {
            fail_msg("%s: got %u %s", cases[i].label, got->status, got->body);
        }
    }
}

static void what_is_wrong_stands_in_the_log(void **state)
{
    static const struct {
        const char *authorization; /* NULL: none */
        const char *date;
        const char *why;
    } cases[] = {
        {NULL, NOW, "missing Authorization header"},
        {"", NOW, "Authorization header does not start with 'Signature'"},
        {"Basic Zm9vOmJhcg==", NOW, "Authorization header does not start with 'Signature'"},
        {"Signature", NOW, "Authorization header does not start with 'Signature'"},
        {"Signature ,,", NOW, "keyId or signature missing"},
        {"Signature x", NOW, "Authorization header is no list of parameters"},
        {"Signature keyId=jack-key", NOW, "Authorization header is no list of parameters"},
        {"Signature keyId=\"jack-key", NOW, "Authorization header is no list of parameters"},
        {"Signature keyId=\"a\",keyId=\"b\"", NOW,
         "a parameter stands in the Authorization header twice"},
        {"Signature keyId=\"jack-key\"", NOW, "keyId or signature missing"},
        {"Signature signature=\"a\"", NOW, "keyId or signature missing"},
        {"Signature keyId=\"jack-key\",signature=\"YQ==\"", NOW, "algorithm missing"},
        {"Signature keyId=\"nobody\",signature=\"YQ==\",algorithm=\"hmac-sha256\"", NOW,
         "Invalid key ID"},
        {"Signature keyId=\"jack-key\",signature=\"YQ==\",algorithm=\"none\"", NOW,
         "Invalid algorithm"},
        {"Signature keyId=\"jack-key\",signature=\"YQ==\",algorithm=\"hmac-sha256\"", NULL,
         "Date header missing. failed to validate clock skew"},
        {"Signature keyId=\"jack-key\",signature=\"YQ==\",algorithm=\"hmac-sha256\"", "today",
         "Invalid GMT format time"},
        {"Signature keyId=\"jack-key\",signature=\"YQ==\",algorithm=\"hmac-sha256\"",
         "Tue, 14 Nov 2023 22:08:19 GMT", "Clock skew exceeded"},
        {"Signature keyId=\"jack-key\",signature=\"YQ==\",algorithm=\"hmac-sha256\"", NOW,
         "expected header missing in signing"},
        {"Signature keyId=\"jack-key\",signature=\"YQ==\",algorithm=\"hmac-sha256\",headers=\"\"",
         NOW, "expected header missing in signing"},
        {"Signature keyId=\"jack-key\",signature=\"YQ==\",algorithm=\"hmac-sha256\","
         "headers=\"date\"",
         NOW, "Invalid signature"},
        {"Signature keyId=\"jack-key\",signature=\"_\",algorithm=\"hmac-sha256\","
         "headers=\"date\", other=\"x\"",
         NOW, "Invalid signature"},
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        char headers[TEXT_ROOM] = "";
        char line[256];
        const hg_test_exchange *got;

        if (cases[i].authorization != NULL) {
            (void)snprintf(headers, sizeof(headers), "Authorization: %s\n", cases[i].authorization);
        }
        if (cases[i].date != NULL) {
            (void)snprintf(headers + strlen(headers), sizeof(headers) - strlen(headers),
                           "Date: %s\n", cases[i].date);
        }
        hg_test_log_clear(*state);
        got = send(*state, "{}", "/", headers);
        (void)snprintf(line, sizeof(line), "client request can't be validated: %s", cases[i].why);
        if (!is_refused(*state, got) || hg_test_log_count(*state, HG_LOG_WARN, line) != 1) {
            fail_msg("%s: got %u %s, \"%s\"", cases[i].authorization, got->status, got->body,
                     hg_test_log_line(*state, 0, NULL));
        }
    }
}

static void signed_names_are_bounded(void **state)
{
    char headers[TEXT_ROOM] = "Date: " NOW "\nAuthorization: Signature keyId=\"jack-key\","
                              "algorithm=\"hmac-sha256\",signature=\"YQ==\",headers=\"date";

    for (int i = 0; i < 64; i++) {
        (void)strcat(headers, " x");
    }
    (void)strcat(headers, "\"\n");
    assert_true(is_refused(*state, send(*state, "{}", "/", headers)));
    assert_int_equal(hg_test_log_count(*state, HG_LOG_WARN, "too many headers in signing"), 1);
}

/* ------------------------------------------------------------------------------------- time */

static void clocks_may_differ_a_little(void **state)
{
    static const struct {
        const char *label;
        const char *config;
        const char *date;
        bool passes;
    } cases[] = {
        {"300 seconds ago", "{}", "Tue, 14 Nov 2023 22:08:20 GMT", true},
        {"301 seconds ago", "{}", "Tue, 14 Nov 2023 22:08:19 GMT", false},
        {"in 300 seconds", "{}", "Tue, 14 Nov 2023 22:18:20 GMT", true},
        {"in 301 seconds", "{}", "Tue, 14 Nov 2023 22:18:21 GMT", false},
        {"a second", "{\"clock_skew\": 1}", "Tue, 14 Nov 2023 22:13:19 GMT", true},
        {"two seconds", "{\"clock_skew\": 1}", "Tue, 14 Nov 2023 22:13:18 GMT", false},
        {"as of RFC 850", "{}", "Tuesday, 14-Nov-23 22:13:20 GMT", true},
        {"as of C", "{}", "Tue Nov 14 22:13:20 2023", true},
        {"another year", "{}", "Mon, 14 Nov 2022 22:13:20 GMT", false},
        {"in letters of another case", "{}", "Tue, 14 nov 2023 22:13:20 GMT", false},
        {"in another zone", "{}", "Tue, 14 Nov 2023 22:13:20 CET", false},
        {"with more behind", "{}", "Tue, 14 Nov 2023 22:13:20 GMT+1", false},
        {"between months", "{}", "Tue, 14 ovD 2023 22:13:20 GMT", false},
        {"no such hour", "{}", "Tue, 14 Nov 2023 24:13:20 GMT", false},
        {"negative", "{}", "Tue, 14 Nov 2023 22:-1:20 GMT", false},
        {"empty", "{}", "", false},
        {"a number", "{}", "1700000000", false},
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        char text[256];
        char headers[256];
        const hg_test_exchange *got;

        (void)snprintf(text, sizeof(text), "jack-key\nGET /\ndate: %s\n", cases[i].date);
        (void)snprintf(headers, sizeof(headers), "Date: %s\n", cases[i].date);
        got = send(*state, cases[i].config, "/", lines(&(signing){.text = text}, headers));
        if (cases[i].passes ? !is_jack(*state, got) : !is_refused(*state, got)) {
            fail_msg("%s: got %u %s", cases[i].label, got->status, got->body);
        }
    }
}

static void leap_days_are_counted(void **state)
{
    static const struct {
        int64_t wall_s;
        const char *date;
    } cases[] = {
        {951782400, "Tue, 29 Feb 2000 00:00:00 GMT"},
        {951868800, "Wed, 01 Mar 2000 00:00:00 GMT"},
        {4107542399, "Sun, 28 Feb 2100 23:59:59 GMT"},
        {4107542400, "Mon, 01 Mar 2100 00:00:00 GMT"},
        {0, "Thu, 01 Jan 1970 00:00:00 GMT"},
        {1704067199, "Sun, 31 Dec 2023 23:59:59 GMT"},
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        char text[256];
        char headers[256];

        hg_test_set_wall_ms(*state, cases[i].wall_s * 1000);
        (void)snprintf(text, sizeof(text), "jack-key\nGET /\ndate: %s\n", cases[i].date);
        (void)snprintf(headers, sizeof(headers), "Date: %s\n", cases[i].date);
        if (!is_jack(*state, send(*state, "{\"clock_skew\": 1}", "/",
                                  lines(&(signing){.text = text}, headers)))) {
            fail_msg("%s", cases[i].date);
        }
    }
}

/* ----------------------------------------------------------------------------- what is wanted */

static void the_route_says_what_a_signature_must_be(void **state)
{
    static const struct {
        const char *label;
        const char *config;
        signing what;
        bool passes;
    } cases[] = {
        {"allowed", "{\"allowed_algorithms\": [\"hmac-sha256\"]}", {0}, true},
        {"not allowed", "{\"allowed_algorithms\": [\"hmac-sha512\"]}", {0}, false},
        {"date by default",
         "{}",
         {.headers = "@request-target", .text = "jack-key\nGET /\n"},
         false},
        {"nothing wanted",
         "{\"signed_headers\": []}",
         {.headers = "@request-target", .text = "jack-key\nGET /\n"},
         true},
        {"nothing signed but the key",
         "{\"signed_headers\": []}",
         {.headers = "", .text = "jack-key\n"},
         true},
        {"host wanted and there",
         "{\"signed_headers\": [\"Host\"]}",
         {.headers = "host", .text = "jack-key\nhost: localhost\n"},
         true},
        {"host wanted and not there", "{\"signed_headers\": [\"date\", \"Host\"]}", {0}, false},
        {"the target wanted", "{\"signed_headers\": [\"@request-target\"]}", {0}, true},
        {"the target wanted and not there",
         "{\"signed_headers\": [\"@request-target\"]}",
         {.headers = "date", .text = "jack-key\ndate: " NOW "\n"},
         false},
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        const hg_test_exchange *got =
            send(*state, cases[i].config, "/", lines(&cases[i].what, "Date: " NOW "\n"));

        if (cases[i].passes ? !is_jack(*state, got) : !is_refused(*state, got)) {
            fail_msg("%s: got %u %s", cases[i].label, got->status, got->body);
        }
    }
}

/* SHA-256 of "body" and of nothing. */
#define OF_BODY    "SHA-256=Iw2DWNyOiJC0xY3utikS7i8gNXrpKlzIYbmOaP4xrLU="
#define OF_NOTHING "SHA-256=47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="

static void bodies_are_compared_with_their_digest(void **state)
{
    static const struct {
        const char *label;
        const char *config;
        const char *body;
        const char *digest; /* NULL: none */
        uint32_t status;
    } cases[] = {
        {"not compared", "{}", "body", "SHA-256=x", 200},
        {"none", "{\"validate_request_body\": true}", "body", NULL, 401},
        {"another one", "{\"validate_request_body\": true}", "bodz", OF_BODY, 401},
        {"another form", "{\"validate_request_body\": true}", "body", "SHA-1=x", 401},
        {"of nothing", "{\"validate_request_body\": true}", NULL, OF_NOTHING, 200},
        {"right", "{\"validate_request_body\": true}", "body", OF_BODY, 200},
        {"as large as it may be", "{\"validate_request_body\": true, \"max_req_body_size\": 4}",
         "body", OF_BODY, 200},
        {"too large", "{\"validate_request_body\": true, \"max_req_body_size\": 3}", "body",
         OF_BODY, 413},
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        char headers[256] = "Date: " NOW "\n";
        hg_test_request request = {.method = "POST", .body = cases[i].body};
        const hg_test_exchange *got;

        if (cases[i].digest != NULL) {
            (void)snprintf(headers, sizeof(headers), "Date: " NOW "\nDigest: %s\n",
                           cases[i].digest);
        }
        request.headers = lines(&(signing){.text = "jack-key\nPOST /\ndate: " NOW "\n"}, headers);
        got = hg_test_run(*state, cases[i].config, &request);
        if (got->status != cases[i].status || (got->status == 401 && !is_refused(*state, got)) ||
            (got->status == 413 &&
             strcmp(got->body, "{\"message\":\"request body is too large\"}\n") != 0)) {
            fail_msg("%s: got %u %s", cases[i].label, got->status, got->body);
        }
        if (got->status == 200 && cases[i].body != NULL) {
            assert_string_equal(got->upstream_body, cases[i].body);
        }
    }
}

static void credentials_are_hidden_on_demand(void **state)
{
    const hg_test_exchange *got = send(*state, "{}", "/", lines(&(signing){0}, "Date: " NOW "\n"));

    assert_non_null(hg_test_upstream_header(*state, got, "Authorization"));
    got =
        send(*state, "{\"hide_credentials\": true}", "/", lines(&(signing){0}, "Date: " NOW "\n"));
    assert_true(is_jack(*state, got));
    assert_null(hg_test_upstream_header(*state, got, "Authorization"));
    assert_string_equal(hg_test_upstream_header(*state, got, "Date"), NOW);
    got = send(*state, "{\"hide_credentials\": true, \"anonymous_consumer\": \"nobody\"}", "/",
               "Authorization: of another service\n");
    assert_int_equal(got->status, 200);
    assert_null(hg_test_upstream_header(*state, got, "Authorization"));
}

static void who_is_not_identified_is_the_anonymous_consumer(void **state)
{
    const hg_test_exchange *got =
        send(*state, "{\"anonymous_consumer\": \"nobody\"}", "/", "Authorization: Signature x\n");

    assert_string_equal(hg_test_upstream_header(*state, got, "X-Consumer-Username"), "nobody");
    assert_null(hg_test_header(*state, got, "WWW-Authenticate"));
    got = send(*state, "{\"anonymous_consumer\": \"nobody\"}", "/",
               lines(&(signing){0}, "Date: " NOW "\n"));
    assert_true(is_jack(*state, got));
    got = send(*state, "{\"anonymous_consumer\": \"somebody\"}", "/", "");
    assert_int_equal(got->status, 401);
    assert_string_equal(got->body, "{\"message\":\"Invalid user authorization\"}\n");
}

static void a_refusal_names_its_realm(void **state)
{
    const hg_test_exchange *got = send(*state, "{\"realm\": \"my house\"}", "/", "");

    assert_string_equal(hg_test_header(*state, got, "WWW-Authenticate"), "hmac realm=\"my house\"");
}

/* ----------------------------------------------------------------------------- configurations */

static void configurations_are_judged(void **state)
{
    static const hg_test_row rows[] = {
        {"defaults", "{}", NULL},
        {"all",
         "{\"allowed_algorithms\": [\"hmac-sha1\"], \"clock_skew\": 1, \"signed_headers\": [\"a\"],"
         " \"validate_request_body\": true, \"max_req_body_size\": 1, \"hide_credentials\": true,"
         " \"realm\": \"r\", \"anonymous_consumer\": \"a\"}",
         NULL},
        {"no algorithm", "{\"allowed_algorithms\": []}",
         "property \"allowed_algorithms\" validation failed: expect array to have at least 1 "
         "items"},
        {"another algorithm", "{\"allowed_algorithms\": [\"hmac-md5\"]}",
         "property \"allowed_algorithms\" validation failed: failed to validate item 1: matches "
         "none of the enum values"},
        {"algorithms of another type", "{\"allowed_algorithms\": \"hmac-sha1\"}",
         "property \"allowed_algorithms\" validation failed: wrong type: expected array, got "
         "string"},
        {"clock_skew 0", "{\"clock_skew\": 0}",
         "property \"clock_skew\" validation failed: expected 0 to be at least 1"},
        {"clock_skew of another type", "{\"clock_skew\": 0.5}",
         "property \"clock_skew\" validation failed: wrong type: expected integer, got number"},
        {"an empty header", "{\"signed_headers\": [\"\"]}",
         "property \"signed_headers\" validation failed: failed to validate item 1: string too "
         "short, expected at least 1, got 0"},
        {"a header of 51",
         "{\"signed_headers\": [\"012345678901234567890123456789012345678901234567890\"]}",
         "property \"signed_headers\" validation failed: failed to validate item 1: string too "
         "long, expected at most 50, got 51"},
        {"a header of 50",
         "{\"signed_headers\": [\"01234567890123456789012345678901234567890123456789\"]}", NULL},
        {"headers of another type", "{\"signed_headers\": [1]}",
         "property \"signed_headers\" validation failed: failed to validate item 1: wrong type: "
         "expected string, got number"},
        {"validate_request_body of another type", "{\"validate_request_body\": 1}",
         "property \"validate_request_body\" validation failed: wrong type: expected boolean, got "
         "number"},
        {"max_req_body_size 0", "{\"max_req_body_size\": 0}",
         "property \"max_req_body_size\" validation failed: expected 0 to be at least 1"},
        {"max_req_body_size of another type", "{\"max_req_body_size\": \"1m\"}",
         "property \"max_req_body_size\" validation failed: wrong type: expected integer, got "
         "string"},
        {"hide_credentials of another type", "{\"hide_credentials\": 0}",
         "property \"hide_credentials\" validation failed: wrong type: expected boolean, got "
         "number"},
        {"realm of another type", "{\"realm\": 1}",
         "property \"realm\" validation failed: wrong type: expected string, got number"},
        {"realm with a quote", "{\"realm\": \"\\\"\"}",
         "property \"realm\" validation failed: failed to match pattern "
         "\"^[^\\\"\\\\\\\\\\\\x00-\\\\x1f\\\\x7f]*$\" with \"\\\"\""},
        {"anonymous_consumer of another type", "{\"anonymous_consumer\": []}",
         "property \"anonymous_consumer\" validation failed: wrong type: expected string, got "
         "table"},
        {"empty anonymous_consumer", "{\"anonymous_consumer\": \"\"}",
         "property \"anonymous_consumer\" validation failed: string too short, expected at least "
         "1, got 0"},
    };
    static const hg_test_row credentials[] = {
        {"both", "{\"key_id\": \"a\", \"secret_key\": \"b\"}", NULL},
        {"no key_id", "{\"secret_key\": \"b\"}", "property \"key_id\" is required"},
        {"empty key_id", "{\"key_id\": \"\", \"secret_key\": \"b\"}",
         "property \"key_id\" validation failed: string too short, expected at least 1, got 0"},
        {"key_id of another type", "{\"key_id\": 1, \"secret_key\": \"b\"}",
         "property \"key_id\" validation failed: wrong type: expected string, got number"},
        {"no secret_key", "{\"key_id\": \"a\"}", "property \"secret_key\" is required"},
        {"empty secret_key", "{\"key_id\": \"a\", \"secret_key\": \"\"}",
         "property \"secret_key\" validation failed: string too short, expected at least 1, got 0"},
        {"secret_key of another type", "{\"key_id\": \"a\", \"secret_key\": {}}",
         "property \"secret_key\" validation failed: wrong type: expected string, got table"},
    };
    static const struct {
        int key_id; /* characters */
        int secret_key;
        const char *text;
    } lengths[] = {
        {256, 1, NULL},
        {257, 1, "key_id"},
        {1, 256, NULL},
        {1, 257, "secret_key"},
    };

    hg_test_judge(*state, rows, ARRAY_SIZE(rows));
    hg_test_judge_on(*state, HG_TEST_ON_CONSUMER, credentials, ARRAY_SIZE(credentials));
    for (size_t i = 0; i < ARRAY_SIZE(lengths); i++) {
        char config[400];
        hg_test_row row = {"length", config, lengths[i].text};

        (void)snprintf(config, sizeof(config), "{\"key_id\": \"%0*d\", \"secret_key\": \"%0*d\"}",
                       lengths[i].key_id, 0, lengths[i].secret_key, 0);
        hg_test_judge_on(*state, HG_TEST_ON_CONSUMER, &row, 1);
    }
}

/* The field of each secret is named in the schema, so that whoever shows it hides it. */
static void the_secret_key_is_a_secret(void **state)
{
    json_t *description = hg_test_describe(*state, "hmac-auth");
    const json_t *properties =
        json_object_get(json_object_get(description, "consumer_schema"), "properties");

    assert_true(
        json_is_true(json_object_get(json_object_get(properties, "secret_key"), "writeOnly")));
    json_decref(description);
}

#define JACK_TEST(function)                                                                        \
    cmocka_unit_test_setup_teardown(function, begin_with_jack, hg_test_tear_down)

HG_TEST_MAIN("hmac-auth",
             JACK_TEST(signatures_are_over_what_they_name),
             JACK_TEST(what_is_wrong_stands_in_the_log),
             JACK_TEST(signed_names_are_bounded),
             JACK_TEST(clocks_may_differ_a_little),
             JACK_TEST(leap_days_are_counted),
             JACK_TEST(the_route_says_what_a_signature_must_be),
             JACK_TEST(bodies_are_compared_with_their_digest),
             JACK_TEST(credentials_are_hidden_on_demand),
             JACK_TEST(who_is_not_identified_is_the_anonymous_consumer),
             JACK_TEST(a_refusal_names_its_realm),
             JACK_TEST(configurations_are_judged),
             JACK_TEST(the_secret_key_is_a_secret))
