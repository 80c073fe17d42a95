/* host/cli/command_explain.c - `hotgate explain`: why a request gets what it gets. */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "host/cli/admin_client.h"
#include "host/cli/command.h"
#include "host/cli/report.h"
#include "host/core/quantity.h"

#define EXPLAIN_PATH     "/apisix/admin/explain"
#define TOKEN_PATH       "/apisix/admin/explain/token"
#define TIMEOUT_S        30L
#define REQUEST_PATH_MAX 64u

enum {
    OPTION_CLIENT = 1000,
    OPTION_CONSUMER,
    OPTION_ROUTE,
    OPTION_TOKEN,
    OPTION_VALID,
};

/* What the options ask. */
typedef struct asked {
    json_t *question; /* owned */
    char *body;       /* owned: the question as text */
    bool is_token;
    int64_t valid_s; /* 0: as long as the gateway says */
    char path[REQUEST_PATH_MAX];
} asked;

static void set(const asked *into, const char *name, const char *value)
{
    (void)json_object_set_new(into->question, name, json_string(value));
}

static int on_option(void *context, int option, const char *value)
{
    asked *into = context;
    int64_t valid_ms = 0;

    switch (option) {
    case 'H':
        (void)json_array_append_new(json_object_get(into->question, "headers"), json_string(value));
        return HGH_EXIT_OK;
    case 'd':
        set(into, "body", value);
        return HGH_EXIT_OK;
    case OPTION_CLIENT:
        set(into, "client", value);
        return HGH_EXIT_OK;
    case OPTION_CONSUMER:
        set(into, "consumer", value);
        return HGH_EXIT_OK;
    case OPTION_ROUTE:
        set(into, "route", value);
        return HGH_EXIT_OK;
    case OPTION_TOKEN:
        into->is_token = true;
        return HGH_EXIT_OK;
    case OPTION_VALID:
        if (!hgh_duration_parse(hg_text_of(value), &valid_ms) || valid_ms < 1000) {
            (void)fprintf(stderr, "hotgate explain: --valid: found %s, wanted a time like 10m\n",
                          value);
            return HGH_EXIT_USAGE;
        }
        into->valid_s = valid_ms / 1000;
        return HGH_EXIT_OK;
    default:
        return HGH_EXIT_USAGE;
    }
}

static int on_arguments(void *context, hgh_admin_client_command *command, int argc, char **argv)
{
    asked *into = context;

    if (into->is_token) {
        (void)snprintf(into->path, sizeof(into->path), TOKEN_PATH);
        if (into->valid_s > 0) {
            (void)snprintf(into->path, sizeof(into->path), TOKEN_PATH "?valid=%lld",
                           (long long)into->valid_s);
        }
        command->path = into->path;
        return argc == 0 ? HGH_EXIT_OK : HGH_EXIT_USAGE;
    }
    if (argc != 2) {
        (void)fprintf(stderr, "hotgate explain: wants a method and a URI\n");
        return HGH_EXIT_USAGE;
    }
    set(into, "method", argv[0]);
    set(into, "uri", argv[1]);
    into->body = json_dumps(into->question, JSON_COMPACT);
    if (into->body == NULL) {
        (void)fprintf(stderr, "hotgate explain: out of memory\n");
        return HGH_EXIT_FAILED;
    }
    command->body = into->body;
    command->body_length = strlen(into->body);
    return HGH_EXIT_OK;
}

/* --- the answer --- */

static const char *text_in(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));

    return text == NULL ? "" : text;
}

/* One line in the place of an object. */
static json_t *request_line(const json_t *request)
{
    return json_sprintf("%s %s of %s from %s", text_in(request, "method"), text_in(request, "uri"),
                        text_in(request, "host"), text_in(request, "client"));
}

static json_t *answer_line(const json_t *answer)
{
    int status = (int)json_integer_value(json_object_get(answer, "status"));

    if (json_is_string(json_object_get(answer, "plugin"))) {
        return json_sprintf("%d by %s of %s in %s", status, text_in(answer, "plugin"),
                            text_in(answer, "from"), text_in(answer, "phase"));
    }
    if (status == 0) {
        return json_sprintf("by %s", text_in(answer, "by"));
    }
    return json_sprintf("%d by %s", status,
                        json_is_string(json_object_get(answer, "by")) ? text_in(answer, "by")
                                                                      : "the gateway");
}

/* "arg_a is \"1\", http_b is absent". */
static json_t *values_line(const json_t *values)
{
    char *text = NULL;
    size_t length = 0;
    FILE *out = open_memstream(&text, &length);
    const char *name;
    json_t *value;
    json_t *line = NULL;

    if (out == NULL) {
        return NULL;
    }
    json_object_foreach((json_t *)(uintptr_t)values, name, value) /* it is only read */
    {
        char *shown = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);

        (void)fprintf(out, "%s%s is %s", ftell(out) == 0 ? "" : ", ", name,
                      json_is_null(value) || shown == NULL ? "absent" : shown);
        free(shown);
    }
    if (fclose(out) == 0) {
        line = json_string(text);
    }
    free(text);
    return line;
}

/* Rows whose members are all plain. */
static void flatten_rows(json_t *rows)
{
    size_t index;
    json_t *row;

    json_array_foreach(rows, index, row)
    {
        if (json_is_object(json_object_get(row, "values"))) {
            (void)json_object_set_new(row, "values", values_line(json_object_get(row, "values")));
        }
    }
}

static void print(void *context, FILE *out, json_t *answer)
{
    const asked *from = context;
    const char *name;
    json_t *value;

    if (from->is_token) {
        (void)fprintf(out, "%s: %s\n", text_in(answer, "header"), text_in(answer, "token"));
        return;
    }
    if (json_is_object(json_object_get(answer, "request"))) {
        (void)json_object_set_new(answer, "request",
                                  request_line(json_object_get(answer, "request")));
    }
    if (json_is_object(json_object_get(answer, "answer"))) {
        (void)json_object_set_new(answer, "answer", answer_line(json_object_get(answer, "answer")));
    }
    json_object_foreach(answer, name, value)
    {
        flatten_rows(value);
    }
    hgh_report_print(out, answer);
}

int hgh_command_explain(int argc, char **argv)
{
    static const struct option options[] = {
        {"header", required_argument, NULL, 'H'},
        {"data", required_argument, NULL, 'd'},
        {"client", required_argument, NULL, OPTION_CLIENT},
        {"consumer", required_argument, NULL, OPTION_CONSUMER},
        {"route", required_argument, NULL, OPTION_ROUTE},
        {"token", no_argument, NULL, OPTION_TOKEN},
        {"valid", required_argument, NULL, OPTION_VALID},
        {NULL, 0, NULL, 0},
    };
    asked question = {.question = json_pack("{s:[]}", "headers")};
    const hgh_admin_client_extras extras = {
        .synopsis = "\n       [-H 'NAME: VALUE']... [-d BODY] [--client ADDRESS]\n"
                    "       [--consumer NAME] [--route ID] METHOD URI\n"
                    "   or: hotgate explain [-p DIR] ... --token [--valid TIME]",
        .help =
            "  -H, --header LINE  a header of the request; any number of them\n"
            "  -d, --data BODY    its body\n"
            "  --client ADDRESS   where it comes from (default: 127.0.0.1)\n"
            "  --consumer NAME    take it for a request of this consumer: nobody authenticates\n"
            "  --route ID         tell of this route, too, why it is not taken\n"
            "  --token            print a header that asks for the same of a real request: its\n"
            "                     response has the explanation, and so has the error log\n"
            "  --valid TIME       how long the token is good, up to 1d (default: 10m)\n",
        .short_options = "H:d:",
        .options = options,
        .on_option = on_option,
        .on_arguments = on_arguments,
        .print = print,
        .context = &question,
    };
    const hgh_admin_client_command command = {
        .name = "explain",
        .summary =
            "Asks a worker which route a request would get and why the next ones would not be\n"
            "taken, which plugins would run in which order, where each configuration comes\n"
            "from, and which plugins would not run and why. Authentication plugins are run,\n"
            "all others are not, and the request goes nowhere. URI is a path with its\n"
            "arguments, or a whole URL.\n",
        .method = "POST",
        .path = EXPLAIN_PATH,
        .timeout_s = TIMEOUT_S,
        .extras = &extras,
    };
    int code;

    if (question.question == NULL) {
        (void)fprintf(stderr, "hotgate explain: out of memory\n");
        return HGH_EXIT_FAILED;
    }
    code = hgh_admin_client_main(&command, argc, argv);
    free(question.body);
    json_decref(question.question);
    return code;
}
