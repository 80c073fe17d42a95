/* tests/integration/test_variables.c - variables have the values that docs/variables.md says, in
 * the phases in which they have any. */
#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <curl/curl.h>

#include "tests/integration/author.h"
#include "tests/integration/certificates.h"
#include "tests/integration/command.h"
#include "tests/integration/gateway.h"
#include "tests/integration/origin.h"
#include "tests/unit/unit.h"

static gateway *running;
static origin *upstream;
static char *folder; /* of the certificates */
static response got;
static connection one;

static int set_up(void **state)
{
    (void)state;
    upstream = origin_start();
    folder = authority_make();
    certificate_make(folder, "a", "ec", "DNS:localhost");
    running = gateway_run(&(gateway_options){
        .workers = 1,
        .apisix = "router: {http: radixtree_uri_with_parameter}",
        .http = "access_log_format: '<$upstream_unresolved_host> $uri'",
    });
    gateway_put(running, "consumer_groups/gold", "{\"plugins\": {}}");
    gateway_put(running, "consumers/jack",
                "{\"username\": \"jack\", \"group_id\": \"gold\","
                " \"plugins\": {\"key-auth\": {\"key\": \"jacks\"}}}");
    gateway_put(running, "services/things",
                "{\"name\": \"all things\", \"upstream\": {\"nodes\": {\"localhost:%u\": 1}}}",
                origin_port(upstream));
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    response_done(&got);
    gateway_free(running);
    folder_remove(folder);
    origin_stop(upstream);
    return 0;
}

static int open_one(void **state)
{
    (void)state;
    one = (connection){.fd = -1};
    return connection_open(&one, running->port) ? 0 : -1;
}

static int close_one(void **state)
{
    (void)state;
    connection_close(&one);
    return 0;
}

typedef struct variable_case {
    const char *name;
    const char *pattern; /* of the whole value; PORT stands for the origin's. NULL: it is absent */
} variable_case;

static bool matches(const char *text, const char *pattern)
{
    char port[16];
    char *whole = NULL;
    const char *place = strstr(pattern, "PORT");
    regex_t compiled;
    bool result;

    (void)snprintf(port, sizeof(port), "%u", origin_port(upstream));
    whole = place == NULL
                ? text_format("^%s$", pattern)
                : text_format("^%.*s%s%s$", (int)(place - pattern), pattern, port, place + 4);
    assert_int_equal(regcomp(&compiled, whole, REG_EXTENDED | REG_NOSUB), 0);
    result = regexec(&compiled, text, 0, NULL, 0) == 0;
    regfree(&compiled);
    free(whole);
    return result;
}

static void expect_variable(const variable_case *wanted, const char *value)
{
    const char *pattern = wanted->pattern == NULL ? "is absent" : wanted->pattern;

    if (value == NULL || !matches(value, pattern)) {
        fail_msg("%s: got \"%s\", wanted %s", wanted->name, value == NULL ? "" : value, pattern);
    }
}

/* "NUMBER": "<template>" for each, as members of an object of headers; the caller's. */
static char *templates(const variable_case *cases, size_t count)
{
    char *text = strdup("");

    for (size_t i = 0; i < count; i++) {
        char *more = text_format("%s%s\"X-V-%zu\": \"${%s ?? is absent}\"", text,
                                 i == 0 ? "" : ", ", i, cases[i].name);

        free(text);
        text = more;
    }
    return text;
}

static void route_put(const char *plugins)
{
    gateway_put(
        running, "routes/thing",
        "{\"uri\": \"/things/:id/*rest\", \"name\": \"a thing\", \"service_id\": \"things\","
        " \"plugins\": {\"key-auth\": {}, %s}}",
        plugins);
}

#define HEADERS                                                                                    \
    "apikey: jacks\r\nCookie: a=1; b=2\r\nUser-Agent: test\r\nContent-Type: text/plain\r\n"

static void variables_have_their_values_with_the_response(void **state)
{
    static const variable_case cases[] = {
        {"remote_addr", "127\\.0\\.0\\.1"},
        {"remote_port", "[0-9]+"},
        {"realip_remote_addr", "127\\.0\\.0\\.1"},
        {"server_addr", "127\\.0\\.0\\.1"},
        {"server_port", "[0-9]+"},
        {"server_protocol", "HTTP/1\\.1"},
        {"scheme", "http"},
        {"https", ""},
        {"host", "localhost"},
        {"http_host", "localhost"},
        {"http_user_agent", "test"},
        {"http_nothing", NULL},
        {"request_method", "POST"},
        {"method", "POST"},
        {"request", "POST /things/7/a/b\\?x=1%202&x=3 HTTP/1\\.1"},
        {"uri", "/things/7/a/b"},
        {"document_uri", "/things/7/a/b"},
        {"request_uri", "/things/7/a/b\\?x=1%202&x=3"},
        {"real_request_uri", "/things/7/a/b\\?x=1%202&x=3"},
        {"matched_uri", "/things/:id/\\*rest"},
        {"args", "x=1%202&x=3"},
        {"query_string", "x=1%202&x=3"},
        {"is_args", "\\?"},
        {"arg_x", "1 2"},
        {"arg_y", NULL},
        {"cookie_a", "1"},
        {"cookie_c", NULL},
        {"content_type", "text/plain"},
        {"content_length", "5"},
        {"uri_param_id", "7"},
        {"uri_param_rest", "a/b"},
        {"uri_param_other", NULL},
        {"request_length", "[0-9]+"},
        {"request_time", "[0-9]+\\.[0-9]{3}"},
        {"request_id", "[0-9a-f]{32}"},
        {"request_completion", ""},
        {"connection", "[0-9]+"},
        {"connection_requests", "1"},
        {"msec", "[0-9]+\\.[0-9]{3}"},
        {"time_iso8601", "2[0-9-]+T.*"},
        {"time_local", "[0-9]{2}/.*"},
        {"hostname", ".+"},
        {"pid", "[0-9]+"},
        {"nginx_version", "1\\..*"},
        {"status", "200"},
        {"sent_http_content_type", "application/json"},
        {"sent_http_x_origin", "PORT"},
        {"sent_http_nothing", NULL},
        {"upstream_status", "200"},
        {"upstream_addr", "localhost:PORT"},
        {"upstream_http_x_origin", "PORT"},
        {"upstream_header_time", "[0-9]+\\.[0-9]{3}"},
        {"upstream_connect_time", "[0-9]+\\.[0-9]{3}"},
        {"upstream_response_time", "-"}, /* the response is not over */
        {"upstream_unresolved_host", "localhost"},
        {"upstream_scheme", "http"},
        {"upstream_host", "localhost"},
        {"upstream_uri", "/things/7/a/b\\?x=1%202&x=3"},
        {"balancer_ip", "127\\.0\\.0\\.1"},
        {"balancer_port", "PORT"},
        {"route_id", "thing"},
        {"route_name", "a thing"},
        {"service_id", "things"},
        {"service_name", "all things"},
        {"consumer_name", "jack"},
        {"consumer_group_id", "gold"},
        {"ssl_protocol", NULL},
        {"nothing_of_that_name", NULL},
    };
    char *headers = templates(cases, ARRAY_SIZE(cases));
    char *plugins = text_format("\"response-rewrite\": {\"headers\": {\"set\": {%s}}}", headers);

    (void)state;
    route_put(plugins);
    connection_request(&one, "POST", "/things/7/a/b?x=1%202&x=3", HEADERS, "hello", &got);
    assert_int_equal(got.status, 200);
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        char name[32];

        (void)snprintf(name, sizeof(name), "X-V-%zu", i);
        expect_variable(&cases[i], response_header(&got, name));
    }
    free(plugins);
    free(headers);
    gateway_wait_log(running, "logs/access.log", "<localhost> /things/7/a/b");
}

static void variables_are_there_when_what_they_tell_is_known(void **state)
{
    static const variable_case cases[] = {
        {"uri", "/things/7/a/b"},
        {"uri_param_id", "7"},
        {"route_id", "thing"},
        {"service_name", "all things"},
        {"consumer_name", "jack"}, /* key-auth runs before */
        {"balancer_ip", NULL},
        {"balancer_port", NULL},
        {"upstream_unresolved_host", NULL},
        {"upstream_status", NULL},
        {"upstream_addr", NULL},
        {"upstream_http_x_origin", NULL},
        {"sent_http_x_origin", NULL},
    };
    char *headers = templates(cases, ARRAY_SIZE(cases));
    char *plugins = text_format("\"proxy-rewrite\": {\"headers\": {\"set\": {%s}}}", headers);
    json_t *echo;

    (void)state;
    route_put(plugins);
    connection_request(&one, "GET", "/things/7/a/b", HEADERS, NULL, &got);
    assert_int_equal(got.status, 200);
    echo = json_loads(got.body, 0, NULL);
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        char name[32];

        (void)snprintf(name, sizeof(name), "x-v-%zu", i);
        expect_variable(&cases[i],
                        json_string_value(json_object_get(json_object_get(echo, "headers"), name)));
    }
    json_decref(echo);
    free(plugins);
    free(headers);
}

/* A filter on the response, in plugins that begin with it; and what a star without a name took. */
static void filters_ask_what_is_known_by_then(void **state)
{
    static const struct {
        const char *filter;
        bool holds;
    } cases[] = {
        {"[\"status\", \"==\", 418]", true},
        {"[\"upstream_status\", \"==\", 418]", true},
        {"[\"upstream_status\", \"==\", 200]", false},
        {"[\"sent_http_x_origin\", \"~~\", \"^[0-9]+$\"]", true},
        {"[\"upstream_http_x_origin\", \"==\", null]", false},
        {"[\"upstream_unresolved_host\", \"==\", \"127.0.0.1\"]", true},
        {"[\"balancer_ip\", \"ipmatch\", \"127.0.0.0/8\"]", true},
        {"[\"uri_param_:ext\", \"==\", \"a/b\"]", true},
        {"[\"uri_param_:ext\", \"==\", \"a\"]", false},
        {"[\"consumer_name\", \"==\", null]", true},
        {"[\"route_name\", \"==\", null]", true},
        {"[\"service_id\", \"==\", null]", true},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        gateway_put(running, "routes/files",
                    "{\"uri\": \"/files/*\", \"plugins\": {\"response-rewrite\": {\"headers\":"
                    " {\"set\": {\"X-Held\": \"yes\"}}, \"_meta\": {\"filter\": [%s]}}},"
                    " \"upstream\": {\"nodes\": {\"127.0.0.1:%u\": 1}}}",
                    cases[i].filter, origin_port(upstream));
        connection_request(&one, "GET", "/files/a/b?status=418", "", NULL, &got);
        assert_int_equal(got.status, 418);
        if ((response_header(&got, "X-Held") != NULL) != cases[i].holds) {
            fail_msg("%s", cases[i].filter);
        }
    }
}

static size_t take(char *data, size_t size, size_t count, void *context)
{
    char **text = context;
    char *more = text_format("%s%.*s", *text, (int)(size * count), data);

    free(*text);
    *text = more;
    return size * count;
}

static size_t ignore(char *data, size_t size, size_t count, void *context)
{
    (void)data;
    (void)context;
    return size * count;
}

static void variables_of_tls_are_nginx_s(void **state)
{
    json_t *certificate = certificate_json(folder, "a");
    char *url = text_format("https://localhost:%u/tls", running->tls_port);
    char *authority = text_format("%s/ca.pem", folder);
    char *headers = strdup("");
    CURL *curl = curl_easy_init();
    char *text;
    CURLcode code;

    (void)state;
    (void)json_object_set_new(certificate, "snis", json_pack("[s]", "localhost"));
    text = json_dumps(certificate, 0);
    gateway_put(running, "ssls/a", "%s", text);
    gateway_put(running, "routes/tls",
                "{\"uri\": \"/tls\", \"vars\": [[\"ssl_server_name\", \"==\", \"localhost\"]],"
                " \"plugins\": {\"response-rewrite\": {\"headers\": {\"set\": {\"X-Tls\":"
                " \"$scheme $https $ssl_protocol $ssl_server_name\"}}}},"
                " \"upstream\": {\"nodes\": {\"127.0.0.1:%u\": 1}}}",
                origin_port(upstream));
    assert_non_null(curl);
    (void)curl_easy_setopt(curl, CURLOPT_URL, url);
    (void)curl_easy_setopt(curl, CURLOPT_CAINFO, authority);
    (void)curl_easy_setopt(curl, CURLOPT_NOPROXY, "*");
    (void)curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    (void)curl_easy_setopt(curl, CURLOPT_TIMEOUT, 20L);
    (void)curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, ignore);
    (void)curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, take);
    (void)curl_easy_setopt(curl, CURLOPT_HEADERDATA, &headers);
    code = curl_easy_perform(curl);
    if (code != CURLE_OK) {
        fail_msg("%s", curl_easy_strerror(code));
    }
    if (strstr(headers, "x-tls: https on TLSv1.") == NULL ||
        strstr(headers, " localhost\r\n") == NULL) {
        fail_msg("%s", headers);
    }
    curl_easy_cleanup(curl);
    json_decref(certificate);
    free(text);
    free(headers);
    free(authority);
    free(url);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(variables_have_their_values_with_the_response, open_one,
                                        close_one),
        cmocka_unit_test_setup_teardown(variables_are_there_when_what_they_tell_is_known, open_one,
                                        close_one),
        cmocka_unit_test_setup_teardown(filters_ask_what_is_known_by_then, open_one, close_one),
        cmocka_unit_test(variables_of_tls_are_nginx_s),
    };

    return report(cmocka_run_group_tests(tests, set_up, tear_down));
}
