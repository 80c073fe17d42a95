/* test_hmac_auth.c - which signatures pass, what they are over, and what others are told. */
#include <stdbool.h>
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
    hg_test_must_put(*state, "consumers/jack/credentials/second",
                     "{\"plugins\": {\"hmac-auth\":"
                     " {\"key_id\": \"\\u20ac\", \"secret_key\": \"\\u00e4\"}}}");
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
        {"key and secret beyond ASCII",
         {.key_id = "\xe2\x82\xac",
          .secret = "\xc3\xa4",
          .text = "\xe2\x82\xac\nGET /\ndate: " NOW "\n"},
         "/",
         "Date: " NOW "\n",
         true},
        {"the secret in Latin-1",
         {.key_id = "\xe2\x82\xac",
          .secret = "\xe4",
          .text = "\xe2\x82\xac\nGET /\ndate: " NOW "\n"},
         "/",
         "Date: " NOW "\n",
         false},
        {"a header of odd bytes",
         {.headers = "x-one date", .text = "jack-key\nx-one: \xff\ndate: " NOW "\n"},
         "/",
         "Date: " NOW "\nX-One: \xff\n",
         true},
        {"an empty header",
         {.headers = "x-one date", .text = "jack-key\nx-one: \ndate: " NOW "\n"},
         "/",
         "Date: " NOW "\nX-One:\n",
         true},
        {"the target in capitals",
         {.headers = "@REQUEST-TARGET date"},
         "/",
         "Date: " NOW "\n",
         true},
        {"the target in capitals, of another request",
         {.headers = "@REQUEST-TARGET date"},
         "/a",
         "Date: " NOW "\n",
         false},
        {"the target in capitals, not signed",
         {.headers = "@REQUEST-TARGET date", .text = "jack-key\ndate: " NOW "\n"},
         "/",
         "Date: " NOW "\n",
         false},
        {"a name twice",
         {.headers = "date date", .text = "jack-key\ndate: " NOW "\ndate: " NOW "\n"},
         "/",
         "Date: " NOW "\n",
         true},
        {"the host",
         {.headers = "host date", .text = "jack-key\nhost: a.com:81\ndate: " NOW "\n"},
         "/",
         "Date: " NOW "\nHost: a.com:81\n",
         true},
        {"sha256 that calls itself sha512",
         {.algorithm = "hmac-sha512", .text = "jack-key\nGET /\ndate: " NOW " \n"},
         "/",
         "Date: " NOW "\n",
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
        {"Signatur", NOW, "Authorization header does not start with 'Signature'"},
        {"Signatures keyId=\"a\"", NOW, "Authorization header does not start with 'Signature'"},
        {"Signature\tkeyId=\"a\"", NOW, "Authorization header does not start with 'Signature'"},
        {"SIGNATURE keyId=\"nobody\"\t, signature=\"YQ==\" ,\talgorithm=\"hmac-sha1\"", NOW,
         "Invalid key ID"},
        {"Signature keyId=", NOW, "Authorization header is no list of parameters"},
        {"Signature keyId=\"", NOW, "Authorization header is no list of parameters"},
        {"Signature keyId=\"a\",x", NOW, "Authorization header is no list of parameters"},
        {"Signature keyId=\"a\";signature=\"b\"", NOW,
         "keyId or signature missing"}, /* of a parameter ";signature" */
        {"Signature keyId=\"\",signature=\"YQ==\",algorithm=\"hmac-sha256\"", NOW,
         "keyId or signature missing"},
        {"Signature keyId=\"jack-key\",signature=\"\",algorithm=\"hmac-sha256\"", NOW,
         "keyId or signature missing"},
        {"Signature keyId=\"jack-key\",signature=\"YQ==\",algorithm=\"\"", NOW,
         "algorithm missing"},
        {"Signature KEYID=\"jack-key\",signature=\"YQ==\",algorithm=\"hmac-sha256\"", NOW,
         "keyId or signature missing"},
        {"Signature "
         "keyId=\"jack-key\",signature=\"YQ==\",algorithm=\"hmac-sha256\",algorithm=\"x\"",
         NOW, "a parameter stands in the Authorization header twice"},
        {"Signature keyId=\"jack-key\",signature=\"YQ==\",algorithm=\"hmac-sha256\",headers=\"\","
         "headers=\"date\"",
         NOW, "a parameter stands in the Authorization header twice"},
        {"Signature keyId=\"jack-key\",signature=\"YQ==\",algorithm=\"hmac-sha256\"",
         "Tue, 14 Nov 2023 22:18:21 GMT", "Clock skew exceeded"},
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
    for (int count = 64; count <= 65; count++) {
        char names[TEXT_ROOM] = "date";
        const hg_test_exchange *got;

        for (int i = 1; i < count; i++) {
            (void)strcat(names, " x");
        }
        got = send(*state, "{}", "/",
                   lines(&(signing){.headers = names, .text = "jack-key\ndate: " NOW "\n"},
                         "Date: " NOW "\n"));
        if (count == 64 ? !is_jack(*state, got) : !is_refused(*state, got)) {
            fail_msg("%d names: got %u %s", count, got->status, got->body);
        }
    }
    assert_int_equal(hg_test_log_count(*state, HG_LOG_WARN,
                                       "client request can't be validated: too many headers in "
                                       "signing"),
                     1);
}

/* Of several of one name the first one counts. */
static void the_first_authorization_counts(void **state)
{
    char headers[TEXT_ROOM];

    (void)snprintf(headers, sizeof(headers), "%sAuthorization: Basic YTpi\n",
                   lines(&(signing){0}, "Date: " NOW "\n"));
    assert_true(is_jack(*state, send(*state, "{}", "/", headers)));
    (void)snprintf(headers, sizeof(headers), "Authorization: Basic YTpi\n%s",
                   lines(&(signing){0}, "Date: " NOW "\n"));
    assert_true(is_refused(*state, send(*state, "{}", "/", headers)));
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

/* Every form and field of a date, at its ends. */
static void dates_are_read(void **state)
{
    static const struct {
        const char *date;
        int64_t wall_s; /* -1: it is none */
    } cases[] = {
        {"Tue, 14 Nov 2023 00:00:00 GMT", 1699920000},
        {"Tue, 14 Nov 2023 23:59:59 GMT", 1700006399},
        {"Sat, 31 Dec 2016 23:59:60 GMT", 1483228800},
        {"Sat, 31 Dec 2016 23:59:61 GMT", -1},
        {"Tue, 14 Nov 2023 22:60:00 GMT", -1},
        {"Tue, 14 Nov 2023 24:00:00 GMT", -1},
        {"Tue, 00 Nov 2023 00:00:00 GMT", -1},
        {"Tue, 32 Nov 2023 00:00:00 GMT", -1},
        {"Sun, 01 Jan 2023 00:00:00 GMT", 1672531200},
        {"Tue, 31 Jan 2023 00:00:00 GMT", 1675123200},
        {"Wed, 01 Feb 2023 00:00:00 GMT", 1675209600},
        {"Wed, 01 Mar 2023 00:00:00 GMT", 1677628800},
        {"Sat, 01 Apr 2023 00:00:00 GMT", 1680307200},
        {"Mon, 01 May 2023 00:00:00 GMT", 1682899200},
        {"Thu, 01 Jun 2023 00:00:00 GMT", 1685577600},
        {"Sat, 01 Jul 2023 00:00:00 GMT", 1688169600},
        {"Tue, 01 Aug 2023 00:00:00 GMT", 1690848000},
        {"Fri, 01 Sep 2023 00:00:00 GMT", 1693526400},
        {"Sun, 01 Oct 2023 00:00:00 GMT", 1696118400},
        {"Wed, 01 Nov 2023 00:00:00 GMT", 1698796800},
        {"Fri, 01 Dec 2023 00:00:00 GMT", 1701388800},
        {"Fri, 01 Dez 2023 00:00:00 GMT", -1},
        {"Fri, 01 De 2023 00:00:00 GMT", -1},
        {"Thu, 01 Jan 1970 00:00:00 GMT", 0},
        {"Wed, 31 Dec 1969 23:59:59 GMT", -1},
        {"Fri, 31 Dec 9999 23:59:59 GMT", 253402300799},
        {"Sat, 01 Jan 10000 00:00:00 GMT", -1},
        {"Tue, 14 Nov 2023 22:13:20", -1},
        {"Tue, 14 Nov 2023 22:13:20 GM", -1},
        {"Tue, 14 Nov 2023 22:13:20 GMT ", -1},
        {"14 Nov 2023 22:13:20 GMT", -1},
        {"Tue, 14 Nov 2023", -1},
        {"Tuesday, 14-Nov-23 22:13:20 GMT", 1700000000},
        {"Wednesday, 31-Dec-69 00:00:00 GMT", 3155673600},
        {"Thursday, 01-Jan-70 00:00:00 GMT", 0},
        {"Friday, 31-Dec-99 00:00:00 GMT", 946598400},
        {"Saturday, 01-Jan-00 00:00:00 GMT", 946684800},
        {"Tuesday, 14-Nov-23 22:13:20", -1},
        {"Tuesday, 14-Nov-23 22:13:20 GMT+1", -1},
        {"Tuesday, 14-Nov-2023 22:13:20 GMT", -1},
        {"Tue Nov 14 22:13:20 2023", 1700000000},
        {"Wed Nov  1 00:00:00 2023", 1698796800},
        {"Tue Nov 14 22:13:20 2023 GMT", -1},
        {"Tue Nov 14 22:13:20", -1},
        {"Tue Nov 14 22:13:20 1969", -1},
        {"\xff", -1},
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        bool is_date = cases[i].wall_s >= 0;
        char headers[256];
        char text[256];
        const hg_test_exchange *got;

        hg_test_log_clear(*state);
        hg_test_set_wall_ms(*state, is_date ? cases[i].wall_s * 1000 : 0);
        (void)snprintf(headers, sizeof(headers), "Date: %s\n", cases[i].date);
        (void)snprintf(text, sizeof(text), "jack-key\nGET /\ndate: %s\n", cases[i].date);
        got = send(*state, "{\"clock_skew\": 1}", "/", lines(&(signing){.text = text}, headers));
        if (is_date ? !is_jack(*state, got)
                    : hg_test_log_count(*state, HG_LOG_WARN, "Invalid GMT format time") != 1) {
            fail_msg("%s: got %u %s", cases[i].date, got->status,
                     hg_test_log_line(*state, 0, NULL));
        }
        if (is_date) { /* not one that is two seconds off */
            hg_test_set_wall_ms(*state, cases[i].wall_s * 1000 + 2000);
            (void)send(*state, "{\"clock_skew\": 1}", "/",
                       lines(&(signing){.text = text}, headers));
            if (hg_test_log_count(*state, HG_LOG_WARN, "Clock skew exceeded") != 1) {
                fail_msg("%s: two seconds later", cases[i].date);
            }
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
        {"the first of several",
         "{\"allowed_algorithms\": [\"hmac-sha256\", \"hmac-sha1\"]}",
         {0},
         true},
        {"the last of several",
         "{\"allowed_algorithms\": [\"hmac-sha1\", \"hmac-sha256\"]}",
         {0},
         true},
        {"none of several",
         "{\"allowed_algorithms\": [\"hmac-sha1\", \"hmac-sha256\"]}",
         {.algorithm = "hmac-sha512"},
         false},
        {"the greatest skew", "{\"clock_skew\": 9223372036854775807}", {0}, true},
        {"wanted in capitals", "{\"signed_headers\": [\"DATE\", \"@REQUEST-TARGET\"]}", {0}, true},
        {"part of a name", "{\"signed_headers\": [\"dat\"]}", {0}, false},
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
        {"not compared, as told", "{\"validate_request_body\": false}", "body", NULL, 200},
        {"empty", "{\"validate_request_body\": true}", "body", "", 401},
        {"with more behind", "{\"validate_request_body\": true}", "body", OF_BODY "=", 401},
        {"in another case", "{\"validate_request_body\": true}", "body",
         "sha-256=Iw2DWNyOiJC0xY3utikS7i8gNXrpKlzIYbmOaP4xrLU=", 401},
        {"of nothing for a body", "{\"validate_request_body\": true}", "body", OF_NOTHING, 401},
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

static void a_wrong_digest_stands_in_the_log(void **state)
{
    hg_test_request request = {.method = "POST", .body = "body"};

    request.headers = lines(&(signing){.text = "jack-key\nPOST /\ndate: " NOW "\n"},
                            "Date: " NOW "\nDigest: SHA-256=x\n");
    (void)hg_test_run(*state, "{\"validate_request_body\": true}", &request);
    assert_int_equal(
        hg_test_log_count(*state, HG_LOG_WARN, "client request can't be validated: Invalid digest"),
        1);
}

/* A body that never came cannot be compared. */
static void a_body_that_breaks_off_is_an_error(void **state)
{
    hg_test_request request = {.method = "POST", .body = "body", .body_breaks_off = true};
    const hg_test_exchange *got;

    request.headers = lines(&(signing){.text = "jack-key\nPOST /\ndate: " NOW "\n"},
                            "Date: " NOW "\nDigest: " OF_BODY "\n");
    got = hg_test_run(
        *state, "{\"validate_request_body\": true, \"anonymous_consumer\": \"nobody\"}", &request);
    assert_int_equal(got->status, 500);
    assert_int_equal(got->tries, 0);
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
    static const struct {
        const char *label;
        const char *config;
        const char *challenge;
    } cases[] = {
        {"default", "{}", "hmac realm=\"hmac\""},
        {"own", "{\"realm\": \"my house\"}", "hmac realm=\"my house\""},
        {"beyond ASCII", "{\"realm\": \"caf\\u00e9\"}", "hmac realm=\"caf\xc3\xa9\""},
        {"empty", "{\"realm\": \"\"}", "hmac realm=\"\""},
        {"anonymous, who is not there", "{\"anonymous_consumer\": \"x\"}", "hmac realm=\"hmac\""},
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        const hg_test_exchange *got = send(*state, cases[i].config, "/", "");

        if (strcmp(hg_test_header(*state, got, "WWW-Authenticate"), cases[i].challenge) != 0 ||
            strcmp(hg_test_header(*state, got, "Content-Type"), "application/json") != 0) {
            fail_msg("%s: got %s", cases[i].label, hg_test_header(*state, got, "WWW-Authenticate"));
        }
    }
    assert_int_equal(
        hg_test_log_count(*state, HG_LOG_WARN, "hmac-auth exits with http status code 401"), 5);
    assert_int_equal(
        hg_test_log_count(*state, HG_LOG_ERROR, "the anonymous consumer x is not there"), 1);
}

/* What an operator puts in the place of the body leaves status and challenge. */
static void a_refusal_may_have_another_body(void **state)
{
    const hg_test_exchange *got =
        send(*state, "{\"_meta\": {\"error_response\": {\"a\": 1}}}", "/", "");

    assert_int_equal(got->status, 401);
    assert_string_equal(got->body, "{\"a\":1}\n");
    assert_string_equal(hg_test_header(*state, got, "WWW-Authenticate"), "hmac realm=\"hmac\"");
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
        {"an algorithm twice", "{\"allowed_algorithms\": [\"hmac-sha1\", \"hmac-sha1\"]}", NULL},
        {"every algorithm",
         "{\"allowed_algorithms\": [\"hmac-sha1\", \"hmac-sha256\", \"hmac-sha512\"]}", NULL},
        {"greatest numbers",
         "{\"clock_skew\": 9223372036854775807, \"max_req_body_size\": 9223372036854775807}", NULL},
        {"clock_skew beyond 64 bits", "{\"clock_skew\": 1e300}",
         "/plugins/hmac-auth/clock_skew: found 1e+300, wanted an integer of 64 bits"},
        {"no signed headers", "{\"signed_headers\": []}", NULL},
        {"signed headers of another type", "{\"signed_headers\": \"date\"}",
         "property \"signed_headers\" validation failed: wrong type: expected array, got string"},
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
        {"realm of what stands beside these", "{\"realm\": \" !#[]~\\u0080\"}", NULL},
        {"realm with a backslash", "{\"realm\": \"\\\\\"}",
         "property \"realm\" validation failed: failed to match pattern"},
        {"realm with a line feed", "{\"realm\": \"a\\n\"}",
         "property \"realm\" validation failed: failed to match pattern"},
        {"realm with DEL", "{\"realm\": \"\\u007f\"}",
         "property \"realm\" validation failed: failed to match pattern"},
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
        {257, 1,
         "property \"key_id\" validation failed: string too long, expected at most 256, got 257"},
        {1, 256, NULL},
        {1, 257,
         "property \"secret_key\" validation failed: string too long, expected at most 256, got "
         "257"},
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

static void a_realm_has_256_characters_at_most(void **state)
{
    for (int length = 256; length <= 257; length++) {
        char config[300];
        hg_test_row row = {"length of the realm", config,
                           length == 256 ? NULL
                                         : "property \"realm\" validation failed: string too long,"
                                           " expected at most 256, got 257"};

        (void)snprintf(config, sizeof(config), "{\"realm\": \"%0*d\"}", length, 0);
        hg_test_judge(*state, &row, 1);
    }
}

static void every_field_is_told(void **state)
{
    static const hg_test_fact facts[] = {
        {"/priority", "2530"},
        {"/flags", "[\"auth\", \"waits\"]"},
        {"/phases", "[\"rewrite\"]"},
        {"/schema", "{\"type\": \"object\"}"},
        {"/schema/properties/allowed_algorithms",
         "{\"type\": \"array\", \"minItems\": 1, \"items\": {\"type\": \"string\","
         " \"enum\": [\"hmac-sha1\", \"hmac-sha256\", \"hmac-sha512\"]},"
         " \"default\": [\"hmac-sha1\", \"hmac-sha256\", \"hmac-sha512\"]}"},
        {"/schema/properties/clock_skew",
         "{\"type\": \"integer\", \"minimum\": 1, \"default\": 300}"},
        {"/schema/properties/signed_headers", "{\"type\": \"array\", \"items\": {\"type\": "
                                              "\"string\", \"minLength\": 1, \"maxLength\": 50},"
                                              " \"default\": [\"date\"]}"},
        {"/schema/properties/validate_request_body", "{\"type\": \"boolean\", \"default\": false}"},
        {"/schema/properties/max_req_body_size",
         "{\"type\": \"integer\", \"minimum\": 1, \"default\": 67108864}"},
        {"/schema/properties/hide_credentials", "{\"type\": \"boolean\", \"default\": false}"},
        {"/schema/properties/realm",
         "{\"type\": \"string\", \"maxLength\": 256, \"default\": \"hmac\","
         " \"pattern\": \"^[^\\\"\\\\\\\\\\\\x00-\\\\x1f\\\\x7f]*$\"}"},
        {"/schema/properties/anonymous_consumer", "{\"type\": \"string\", \"minLength\": 1}"},
        {"/key", "\"key_id\""},
        {"/consumer_schema", "{\"type\": \"object\", \"required\": [\"key_id\", \"secret_key\"]}"},
        {"/consumer_schema/properties/key_id",
         "{\"type\": \"string\", \"minLength\": 1, \"maxLength\": 256}"},
        {"/consumer_schema/properties/secret_key",
         "{\"type\": \"string\", \"minLength\": 1, \"maxLength\": 256, \"writeOnly\": true}"},
    };

    hg_test_expect_facts(*state, facts, ARRAY_SIZE(facts));
}

#define JACK_TEST(function)                                                                        \
    cmocka_unit_test_setup_teardown(function, begin_with_jack, hg_test_tear_down)

HG_TEST_MAIN("hmac-auth",
             JACK_TEST(signatures_are_over_what_they_name),
             JACK_TEST(what_is_wrong_stands_in_the_log),
             JACK_TEST(signed_names_are_bounded),
             JACK_TEST(the_first_authorization_counts),
             JACK_TEST(dates_are_read),
             JACK_TEST(a_wrong_digest_stands_in_the_log),
             JACK_TEST(a_body_that_breaks_off_is_an_error),
             JACK_TEST(a_refusal_may_have_another_body),
             JACK_TEST(clocks_may_differ_a_little),
             JACK_TEST(leap_days_are_counted),
             JACK_TEST(the_route_says_what_a_signature_must_be),
             JACK_TEST(bodies_are_compared_with_their_digest),
             JACK_TEST(credentials_are_hidden_on_demand),
             JACK_TEST(who_is_not_identified_is_the_anonymous_consumer),
             JACK_TEST(a_refusal_names_its_realm),
             JACK_TEST(configurations_are_judged),
             HG_TEST_CASE(a_realm_has_256_characters_at_most),
             HG_TEST_CASE(every_field_is_told))
