/* test_file_logger.c - what lines hold and where they go. */
#define _XOPEN_SOURCE 700

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <hotgate/test_cmocka.h>

#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))

static char directory[64]; /* of one test */

static int begin_in_directory(void **state)
{
    (void)strcpy(directory, "/tmp/file-logger-XXXXXX");
    return mkdtemp(directory) == NULL ? -1 : hg_test_set_up(state);
}

static const char *path_of(const char *name)
{
    static char path[128];

    (void)snprintf(path, sizeof(path), "%s/%s", directory, name);
    return path;
}

static int end_in_directory(void **state)
{
    (void)hg_test_tear_down(state);
    (void)unlink(path_of("log"));
    (void)unlink(path_of("log.1"));
    (void)unlink(path_of("global"));
    (void)unlink(path_of("shared"));
    return rmdir(directory);
}

/* The lines of a file; the caller frees them. */
static json_t *lines_of(const char *name)
{
    FILE *file = fopen(path_of(name), "r");
    json_t *lines = json_array();
    json_error_t where;

    while (file != NULL) {
        json_t *line = json_loadf(file, JSON_DISABLE_EOF_CHECK, &where);

        if (line == NULL || fgetc(file) != '\n') {
            break;
        }
        (void)json_array_append_new(lines, line);
    }
    if (file != NULL) {
        (void)fclose(file);
    }
    return lines;
}

/* Sends a request and returns the last of `count` lines. */
static json_t *
logged(hg_test *test, const char *options, const hg_test_request *request, size_t count)
{
    char config[1024];
    json_t *lines;
    json_t *line;

    (void)snprintf(config, sizeof(config), "{\"path\": \"%s\"%s}", path_of("log"), options);
    (void)hg_test_run(test, config, request);
    lines = lines_of("log");
    if (json_array_size(lines) != count) {
        fail_msg("%zu lines", json_array_size(lines));
    }
    line = json_incref(json_array_get(lines, count - 1));
    json_decref(lines);
    return line;
}

/* Compares a member, named by a path with dots, with JSON text; NULL: it is not there. */
static void assert_member(const json_t *line, const char *name, const char *json)
{
    const json_t *value = line;
    char part[64];
    char *text;

    for (const char *at = name; value != NULL && *at != '\0'; at += *at == '.') {
        size_t length = strcspn(at, ".");

        (void)snprintf(part, sizeof(part), "%.*s", (int)length, at);
        value = json_object_get(value, part);
        at += length;
    }
    text =
        value == NULL ? NULL : json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY | JSON_SORT_KEYS);
    if ((text == NULL) != (json == NULL) || (text != NULL && strcmp(text, json) != 0)) {
        fail_msg("%s: found %s, wanted %s", name, text, json);
    }
    free(text);
}

static void a_line_tells_all_of_a_request(void **state)
{
    hg_test_request request = {.method = "POST",
                               .uri = "/a%20b?x=1&y&x=%C3%A4+2",
                               .headers = "Host: Example.com\nX-A: 1\nx-a: 2\n",
                               .body = "hello",
                               .client = "10.1.1.1:99",
                               .https = true};
    hg_test_upstream upstream = {
        .status = 201, .headers = "X-B: 1\n", .body = "response", .delay_ms = 250};
    char hostname[256] = "";
    char wanted[300];
    json_t *line;

    hg_test_set_upstream(*state, &upstream);
    line = logged(*state, "", &request, 1);
    assert_member(line, "request.url", "\"https://example.com:9443/a%20b?x=1&y&x=%C3%A4+2\"");
    assert_member(line, "request.uri", "\"/a%20b?x=1&y&x=%C3%A4+2\"");
    assert_member(line, "request.method", "\"POST\"");
    assert_member(line, "request.headers",
                  "{\"content-length\":\"5\",\"host\":\"Example.com\",\"x-a\":[\"1\",\"2\"]}");
    assert_member(line, "request.querystring", "{\"x\":[\"1\",\"\xc3\xa4 2\"],\"y\":true}");
    assert_member(line, "request.size", "100");
    assert_member(line, "request.body", NULL);
    assert_member(line, "response.status", "201");
    assert_member(line, "response.headers", "{\"content-length\":\"8\",\"x-b\":\"1\"}");
    assert_true(json_integer_value(json_object_get(json_object_get(line, "response"), "size")) > 8);
    assert_member(line, "response.body", NULL);
    (void)gethostname(hostname, sizeof(hostname) - 1);
    (void)snprintf(wanted, sizeof(wanted), "{\"hostname\":\"%s\",\"version\":\"3.18.0\"}",
                   hostname);
    assert_member(line, "server", wanted);
    assert_member(line, "upstream", "\"127.0.0.1:80\"");
    assert_member(line, "service_id", "\"\"");
    assert_member(line, "route_id", "\"1\"");
    assert_member(line, "consumer", NULL);
    assert_member(line, "client_ip", "\"10.1.1.1\"");
    assert_member(line, "start_time", "1700000000000");
    assert_member(line, "latency", "250.0");
    assert_member(line, "upstream_latency", "250.0");
    assert_member(line, "apisix_latency", "0.0");
    json_decref(line);
}

static void tries_are_summed_up(void **state)
{
    hg_test_request request = {.uri = "/"};
    hg_test_upstream dead = {.failures = 9};
    json_t *line;

    hg_test_set_upstream(*state, &dead);
    line = logged(*state, "", &request, 1);
    assert_member(line, "response.status", "502");
    assert_member(line, "upstream_latency", "0.0");
    json_decref(line);
}

static void a_client_that_went_away_is_logged(void **state)
{
    hg_test_upstream slow = {.delay_ms = 1000};
    hg_test_request request = {.uri = "/"};
    const hg_test_exchange *exchange;
    json_t *line = logged(*state, "", &request, 1);
    json_t *lines;

    json_decref(line);
    hg_test_set_upstream(*state, &slow);
    exchange = hg_test_begin(*state, &request);
    hg_test_advance(*state, 40);
    hg_test_cancel(*state, exchange);
    lines = lines_of("log");
    line = json_array_get(lines, 1);
    assert_member(line, "response.status", "499");
    assert_member(line, "latency", "40.0");
    assert_member(line, "upstream_latency", NULL);
    json_decref(lines);
}

static void a_format_chooses_what_is_written(void **state)
{
    hg_test_request request = {.uri = "/a", .headers = "X-A: \xff\xc3\xa4\xe2\n"};
    json_t *line = logged(*state,
                          ", \"log_format\": {\"host\": \"$host\", \"text\": \"as it is $5\","
                          " \"empty\": \"\", \"none\": \"$http_x_none\", \"bytes\": \"$http_x_a\"}",
                          &request, 1);
    char *text = json_dumps(line, JSON_COMPACT | JSON_SORT_KEYS);

    assert_string_equal(text, "{\"bytes\":\"\xef\xbf\xbd\xc3\xa4\xef\xbf\xbd\",\"empty\":\"\","
                              "\"host\":\"localhost\",\"route_id\":\"1\","
                              "\"text\":\"as it is $5\"}");
    free(text);
    json_decref(line);
}

static void bodies_are_included_on_demand(void **state)
{
    static const struct {
        const char *label;
        const char *options;
        const char *request_body; /* as JSON; NULL: not there */
        const char *response_body;
    } cases[] = {
        {"neither", "", NULL, NULL},
        {"request", ", \"include_req_body\": true", "\"12345678\"", NULL},
        {"request at its limit", ", \"include_req_body\": true, \"max_req_body_bytes\": 8",
         "\"12345678\"", NULL},
        {"request over its limit", ", \"include_req_body\": true, \"max_req_body_bytes\": 7", NULL,
         NULL},
        {"response", ", \"include_resp_body\": true", NULL, "\"abcdefgh\""},
        {"response over its limit", ", \"include_resp_body\": true, \"max_resp_body_bytes\": 5",
         NULL, "\"abcde\""},
        {"both", ", \"include_req_body\": true, \"include_resp_body\": true", "\"12345678\"",
         "\"abcdefgh\""},
    };
    hg_test_upstream upstream = {.body = "abcdefgh", .piece_bytes = 3};

    hg_test_set_upstream(*state, &upstream);
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        hg_test_request request = {.method = "POST", .body = "12345678", .body_delay_ms = 5};
        json_t *line = logged(*state, cases[i].options, &request, i + 1);

        assert_member(line, "request.body", cases[i].request_body);
        assert_member(line, "response.body", cases[i].response_body);
        json_decref(line);
    }
    assert_int_equal(hg_test_log_count(*state, HG_LOG_WARN, "max_req_body_bytes"), 1);
}

static void expressions_decide_what_is_logged(void **state)
{
    static const struct {
        const char *label;
        const char *options;
        const char *request_body; /* as JSON; NULL: not there */
        const char *response_body;
    } cases[] = {
        {"request",
         ", \"include_req_body\": true, \"include_req_body_expr\": [[\"status\", \"==\", 200]]",
         "\"sent\"", NULL},
        {"no request",
         ", \"include_req_body\": true, \"include_req_body_expr\": [[\"status\", \"==\", 500]]",
         NULL, NULL},
        {"response",
         ", \"include_resp_body\": true,"
         " \"include_resp_body_expr\": [[\"sent_http_x_a\", \"==\", \"1\"]]",
         NULL, "\"answered\""},
        {"no response",
         ", \"include_resp_body\": true,"
         " \"include_resp_body_expr\": [[\"sent_http_x_a\", \"==\", \"2\"]]",
         NULL, NULL},
        {"not asked for", ", \"include_resp_body_expr\": [], \"include_req_body_expr\": []", NULL,
         NULL},
        {"match", ", \"match\": [[\"request_method\", \"==\", \"POST\"]]", NULL, NULL},
    };
    hg_test_upstream upstream = {.headers = "X-A: 1\n", .body = "answered", .piece_bytes = 3};
    hg_test_request request = {.method = "POST", .body = "sent"};
    size_t count = 0;
    json_t *line;

    hg_test_set_upstream(*state, &upstream);
    for (; count < ARRAY_SIZE(cases); count++) {
        line = logged(*state, cases[count].options, &request, count + 1);
        assert_member(line, "request.body", cases[count].request_body);
        assert_member(line, "response.body", cases[count].response_body);
        json_decref(line);
    }
    line = logged(*state, ", \"match\": [[\"status\", \">=\", 400]]", &request, count);
    json_decref(line); /* no line more */
}

static void a_format_may_be_nested(void **state)
{
    hg_test_request request = {.uri = "/x"};
    json_t *line = logged(*state,
                          ", \"log_format\": {\"a\": {\"uri\": \"$uri\", \"none\": \"$arg_a\","
                          " \"b\": {\"text\": \"as it is\"}}}",
                          &request, 1);

    assert_member(line, "a", "{\"b\":{\"text\":\"as it is\"},\"uri\":\"/x\"}");
    json_decref(line);
}

static size_t line_count(const char *name)
{
    json_t *lines = lines_of(name);
    size_t count = json_array_size(lines);

    json_decref(lines);
    return count;
}

static void a_file_that_was_moved_away_is_made_anew(void **state)
{
    hg_test_request request = {.uri = "/"};
    char moved[128];

    json_decref(logged(*state, "", &request, 1));
    (void)snprintf(moved, sizeof(moved), "%s", path_of("log.1"));
    assert_int_equal(rename(path_of("log"), moved), 0);
    hg_test_advance(*state, 999);
    (void)hg_test_send(*state, &request);
    assert_int_equal(line_count("log.1"), 2); /* looked at once a second */
    hg_test_advance(*state, 1);
    (void)hg_test_send(*state, &request);
    assert_int_equal(line_count("log.1"), 2);
    assert_int_equal(line_count("log"), 1);
}

static void lines_go_on_behind_a_reload(void **state)
{
    hg_test_request request = {.uri = "/"};
    hg_error err = HG_ERROR_INIT;

    json_decref(logged(*state, "", &request, 1));
    assert_int_equal(hg_test_load(*state, hg_test_the_subject()->path, NULL, &err), HG_OK);
    (void)hg_test_send(*state, &request);
    assert_int_equal(line_count("log"), 2);
    assert_int_equal(hg_test_objects_mapped(*state), 1);
}

static void what_cannot_be_opened_is_said_once_a_minute(void **state)
{
    static const struct {
        const char *label;
        const char *path;
        const char *why;
    } cases[] = {
        {"no directory", "/nowhere/at/all", "No such file or directory"},
        {"directory", "/tmp", "Is a directory"},
        {"device", "/dev/null", "not a regular file"},
    };
    hg_test_request request = {.uri = "/"};

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        char config[192];

        hg_test_log_clear(*state);
        (void)snprintf(config, sizeof(config), "{\"path\": \"%s\"}", cases[i].path);
        assert_int_equal(hg_test_run(*state, config, &request)->status, 200);
        hg_test_advance(*state, 30000);
        (void)hg_test_send(*state, &request);
        if (hg_test_log_count(*state, HG_LOG_ERROR, cases[i].why) != 1) {
            fail_msg("%s: %s", cases[i].label, hg_test_log_line(*state, 0, NULL));
        }
        hg_test_advance(*state, 30000);
        (void)hg_test_send(*state, &request);
        assert_int_equal(hg_test_log_count(*state, HG_LOG_ERROR, cases[i].why), 2);
    }
}

static void a_pipe_does_not_stop_the_worker(void **state)
{
    hg_test_request request = {.uri = "/"};
    char config[192];

    assert_int_equal(mkfifo(path_of("log"), 0600), 0);
    (void)snprintf(config, sizeof(config), "{\"path\": \"%s\"}", path_of("log"));
    assert_int_equal(hg_test_run(*state, config, &request)->status, 200);
    assert_int_equal(hg_test_log_count(*state, HG_LOG_ERROR, "failed to open file"), 1);
}

static void many_files_are_written_with_few_open(void **state)
{
    hg_test_request request = {.uri = "/"};

    for (int i = 0; i < 200; i++) {
        char config[192];
        char name[16];

        (void)snprintf(name, sizeof(name), "%d", i);
        (void)snprintf(config, sizeof(config), "{\"path\": \"%s\"}", path_of(name));
        (void)hg_test_run(*state, config, &request);
        assert_int_equal(line_count(name), 1);
        assert_int_equal(unlink(path_of(name)), 0);
    }
}

static void metadata_set(hg_test *test, const char *format, const char *path)
{
    char json[1024];
    hg_error err = HG_ERROR_INIT;

    (void)snprintf(json, sizeof(json), "{\"log_format\": {%s}, \"path\": \"%s\"}", format, path);
    if (hg_test_put(test, "plugin_metadata/file-logger", json, &err) != HG_OK) {
        fail_msg("%s", err.text);
    }
}

static void metadata_fills_in_what_a_configuration_leaves_out(void **state)
{
    static const struct {
        const char *label;
        const char *format; /* of the metadata */
        const char *config;
        const char *line;
    } cases[] = {
        {"both", "\"a\": \"$request_method\"", "{}", "{\"a\":\"GET\",\"route_id\":\"1\"}"},
        {"changed", "\"a\": \"b\"", "{}", "{\"a\":\"b\",\"route_id\":\"1\"}"},
        {"the configuration says it", "\"a\": \"b\"", "{\"log_format\": {\"c\": \"d\"}}",
         "{\"c\":\"d\",\"route_id\":\"1\"}"},
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        json_t *lines;
        char *text;

        metadata_set(*state, cases[i].format, path_of("shared"));
        (void)hg_test_run(*state, cases[i].config, NULL);
        lines = lines_of("shared");
        text = json_dumps(json_array_get(lines, i), JSON_COMPACT | JSON_SORT_KEYS);
        if (text == NULL || strcmp(text, cases[i].line) != 0) {
            fail_msg("%s: %s", cases[i].label, text);
        }
        free(text);
        json_decref(lines);
    }
    assert_int_equal(hg_test_delete(*state, "plugin_metadata/file-logger", NULL), HG_OK);
    (void)hg_test_run(*state, "{}", NULL);
    assert_int_equal(line_count("shared"), ARRAY_SIZE(cases));
    assert_int_equal(hg_test_log_count(*state, HG_LOG_ERROR, "has a path"), 1);
    (void)hg_test_run(*state, "{}", NULL);
    assert_int_equal(hg_test_log_count(*state, HG_LOG_ERROR, "has a path"), 1);
}

/* What one of them keeps for its line is not the other's. */
static void a_global_rule_and_a_route_write_their_own_lines(void **state)
{
    char json[1024];
    hg_error err = HG_ERROR_INIT;
    hg_test_upstream upstream = {.body = "whole"};
    json_t *line;

    hg_test_set_upstream(*state, &upstream);
    (void)snprintf(json, sizeof(json),
                   "{\"plugins\": {\"file-logger\": {\"path\": \"%s\","
                   " \"include_resp_body\": true}}}",
                   path_of("global"));
    assert_int_equal(hg_test_put(*state, "global_rules/1", json, &err), HG_OK);
    line = logged(*state, ", \"include_resp_body\": true", NULL, 1);
    assert_member(line, "response.body", "\"whole\"");
    json_decref(line);
    line = lines_of("global");
    assert_int_equal(json_array_size(line), 1);
    assert_member(json_array_get(line, 0), "response.body", "\"whole\"");
    json_decref(line);
}

static void metadata_is_judged(void **state)
{
    static const struct {
        const char *label;
        const char *metadata;
        hg_status status;
    } rows[] = {
        {"empty", "{}", HG_OK},
        {"path", "{\"path\": \"a\"}", HG_OK},
        {"format", "{\"log_format\": {\"a\": \"$host\"}}", HG_OK},
        {"empty format", "{\"log_format\": {}}", HG_OK},
        {"empty path", "{\"path\": \"\"}", HG_ERR_INVALID},
        {"path of another type", "{\"path\": 1}", HG_ERR_INVALID},
        {"format of another type", "{\"log_format\": \"$host\"}", HG_ERR_INVALID},
        {"number in the format", "{\"log_format\": {\"a\": 1}}", HG_ERR_INVALID},
    };

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        hg_error err = HG_ERROR_INIT;

        if (hg_test_check(*state, "file-logger", HG_TEST_AS_METADATA, rows[i].metadata, NULL,
                          &err) != rows[i].status) {
            fail_msg("%s: %s", rows[i].label, err.text);
        }
    }
}

static void configurations_are_judged(void **state)
{
    static const hg_test_row rows[] = {
        {"no path", "{}", NULL},
        {"empty path", "{\"path\": \"\"}", ""},
        {"path of another type", "{\"path\": 1}", ""},
        {"path", "{\"path\": \"a\"}", NULL},
        {"no format", "{\"path\": \"a\", \"log_format\": {}}", ""},
        {"format of another type", "{\"path\": \"a\", \"log_format\": \"$host\"}", ""},
        {"nested format", "{\"path\": \"a\", \"log_format\": {\"a\": {\"b\": \"c\"}}}", NULL},
        {"five levels",
         "{\"path\": \"a\", \"log_format\": {\"a\": {\"a\": {\"a\": {\"a\": {\"a\": \"b\"}}}}}}",
         NULL},
        {"six levels",
         "{\"path\": \"a\", \"log_format\":"
         " {\"a\": {\"a\": {\"a\": {\"a\": {\"a\": {\"a\": \"b\"}}}}}}}",
         "log_format"},
        {"number in the format", "{\"path\": \"a\", \"log_format\": {\"a\": 1}}", ""},
        {"dollar sign alone", "{\"path\": \"a\", \"log_format\": {\"a\": \"$\"}}", ""},
        {"text behind a variable", "{\"path\": \"a\", \"log_format\": {\"a\": \"$host:1\"}}", ""},
        {"include_req_body", "{\"path\": \"a\", \"include_req_body\": 1}", ""},
        {"include_resp_body", "{\"path\": \"a\", \"include_resp_body\": \"no\"}", ""},
        {"max_req_body_bytes 0", "{\"path\": \"a\", \"max_req_body_bytes\": 0}", ""},
        {"max_req_body_bytes 1", "{\"path\": \"a\", \"max_req_body_bytes\": 1}", NULL},
        {"max_resp_body_bytes 0", "{\"path\": \"a\", \"max_resp_body_bytes\": 0}", ""},
        {"max_resp_body_bytes 1", "{\"path\": \"a\", \"max_resp_body_bytes\": 1}", NULL},
        {"include_req_body_expr",
         "{\"path\": \"a\", \"include_req_body_expr\": [[\"arg_a\", \"==\", \"1\"]]}", NULL},
        {"broken include_req_body_expr",
         "{\"path\": \"a\", \"include_req_body_expr\": [[\"arg_a\", \"=\", \"1\"]]}",
         "invalid operator '='"},
        {"include_resp_body_expr",
         "{\"path\": \"a\", \"include_resp_body_expr\": [[\"status\", \">\", 399]]}", NULL},
        {"broken include_resp_body_expr",
         "{\"path\": \"a\", \"include_resp_body_expr\": [\"arg_a\", \"==\", \"1\"]}",
         "rule should be wrapped inside brackets"},
        {"match", "{\"path\": \"a\", \"match\": [[\"arg_a\", \"==\", \"1\"]]}", NULL},
        {"broken match", "{\"path\": \"a\", \"match\": [[\"arg_a\"]]}", "invalid expression"},
        {"match of another type", "{\"path\": \"a\", \"match\": \"arg_a\"}", "match"},
    };

    hg_test_judge(*state, rows, ARRAY_SIZE(rows));
}

HG_TEST_MAIN(
    "file-logger",
    cmocka_unit_test_setup_teardown(a_line_tells_all_of_a_request,
                                    begin_in_directory,
                                    end_in_directory),
    cmocka_unit_test_setup_teardown(tries_are_summed_up, begin_in_directory, end_in_directory),
    cmocka_unit_test_setup_teardown(a_client_that_went_away_is_logged,
                                    begin_in_directory,
                                    end_in_directory),
    cmocka_unit_test_setup_teardown(a_format_chooses_what_is_written,
                                    begin_in_directory,
                                    end_in_directory),
    cmocka_unit_test_setup_teardown(bodies_are_included_on_demand,
                                    begin_in_directory,
                                    end_in_directory),
    cmocka_unit_test_setup_teardown(expressions_decide_what_is_logged,
                                    begin_in_directory,
                                    end_in_directory),
    cmocka_unit_test_setup_teardown(a_format_may_be_nested, begin_in_directory, end_in_directory),
    cmocka_unit_test_setup_teardown(a_file_that_was_moved_away_is_made_anew,
                                    begin_in_directory,
                                    end_in_directory),
    cmocka_unit_test_setup_teardown(lines_go_on_behind_a_reload,
                                    begin_in_directory,
                                    end_in_directory),
    cmocka_unit_test_setup_teardown(what_cannot_be_opened_is_said_once_a_minute,
                                    begin_in_directory,
                                    end_in_directory),
    cmocka_unit_test_setup_teardown(a_pipe_does_not_stop_the_worker,
                                    begin_in_directory,
                                    end_in_directory),
    cmocka_unit_test_setup_teardown(many_files_are_written_with_few_open,
                                    begin_in_directory,
                                    end_in_directory),
    cmocka_unit_test_setup_teardown(metadata_fills_in_what_a_configuration_leaves_out,
                                    begin_in_directory,
                                    end_in_directory),
    cmocka_unit_test_setup_teardown(a_global_rule_and_a_route_write_their_own_lines,
                                    begin_in_directory,
                                    end_in_directory),
    cmocka_unit_test_setup_teardown(metadata_is_judged, begin_in_directory, end_in_directory),
    cmocka_unit_test_setup_teardown(configurations_are_judged,
                                    begin_in_directory,
                                    end_in_directory))
