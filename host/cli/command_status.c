/* host/cli/command_status.c - `hotgate status`: what a running gateway has in force. */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "host/cli/admin_client.h"
#include "host/cli/command.h"
#include "host/cli/report.h"

#define STATUS_PATH      "/apisix/admin/plugins/status"
#define HISTORY_PATH     "/apisix/admin/plugins/history"
#define REQUEST_PATH_MAX 64u
#define EVENTS_MAX       1000
#define TIME_TEXT_MAX    32u

enum {
    OPTION_HISTORY = 1000,
};

/* What the options ask. */
typedef struct asked {
    bool history;
    const char *limit; /* NULL: as many as the gateway thinks right */
    char path[REQUEST_PATH_MAX];
} asked;

static int on_option(void *context, int option, const char *value)
{
    asked *into = context;

    if (option != OPTION_HISTORY) {
        return HGH_EXIT_USAGE;
    }
    into->history = true;
    into->limit = value;
    return HGH_EXIT_OK;
}

static int on_arguments(void *context, hgh_admin_client_command *command, int argc, char **argv)
{
    asked *into = context;
    char *end = NULL;

    if (into->history && into->limit == NULL && argc == 1) {
        into->limit = argv[0];
    } else if (argc > 0) {
        (void)fprintf(stderr, "hotgate status: \"%s\" is too much\n", argv[0]);
        return HGH_EXIT_USAGE;
    }
    if (!into->history) {
        return HGH_EXIT_OK;
    }
    (void)snprintf(into->path, sizeof(into->path), "%s", HISTORY_PATH);
    if (into->limit != NULL) {
        long limit = strtol(into->limit, &end, 10);

        if (end == into->limit || *end != '\0' || limit < 1 || limit > EVENTS_MAX) {
            (void)fprintf(stderr,
                          "hotgate status: --history: found \"%s\", wanted a number from 1 to %d\n",
                          into->limit, EVENTS_MAX);
            return HGH_EXIT_USAGE;
        }
        (void)snprintf(into->path, sizeof(into->path), HISTORY_PATH "?limit=%ld", limit);
    }
    command->path = into->path;
    return HGH_EXIT_OK;
}

static void print_time(FILE *out, const json_t *at)
{
    time_t seconds = (time_t)json_integer_value(at);
    char text[TIME_TEXT_MAX] = "-";
    struct tm local;

    if (localtime_r(&seconds, &local) != NULL) {
        (void)strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S", &local);
    }
    (void)fprintf(out, "%s", text);
}

/* `before`, and the member as text, if there is one. */
static void print_text(FILE *out, const char *before, const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));

    if (text != NULL && text[0] != '\0') {
        (void)fputs(before, out);
        hgh_report_put(out, text);
    }
}

static void print_event(FILE *out, const json_t *event)
{
    const json_t *plugins = json_object_get(event, "plugins");

    print_time(out, json_object_get(event, "at"));
    print_text(out, "  ", event, "event");
    print_text(out, " ", event, "result");
    (void)fprintf(out, ", generation %lld",
                  (long long)json_integer_value(json_object_get(event, "generation")));
    print_text(out, ", by ", event, "who");
    print_text(out, ": ", event, "place");
    print_text(out, ": ", event, "reason");
    (void)fputc('\n', out);
    for (size_t i = 0; i < json_array_size(plugins); i++) {
        const json_t *plugin = json_array_get(plugins, i);

        print_text(out, "    ", plugin, "name");
        print_text(out, " ", plugin, "version");
        print_text(out, " ", plugin, "state");
        print_text(out, ": ", plugin, "reason");
        (void)fputc('\n', out);
    }
}

/* The oldest first, as in a log. */
static void print_history(FILE *out, const json_t *events)
{
    for (size_t i = json_array_size(events); i-- > 0;) {
        print_event(out, json_array_get(events, i));
    }
}

static void print(void *context, FILE *out, json_t *answer)
{
    const asked *into = context;

    if (into->history) {
        print_history(out, json_object_get(answer, "events"));
    } else {
        hgh_report_print(out, answer);
    }
}

int hgh_command_status(int argc, char **argv)
{
    static const struct option options[] = {
        {"history", optional_argument, NULL, OPTION_HISTORY},
        {0},
    };
    asked into = {0};
    hgh_admin_client_extras extras = {
        .synopsis = " [--history [N]]",
        .help =
            "      --history [N]   instead, what has been done to the plugins, by whom, and what\n"
            "                      came of it: the last N events\n",
        .options = options,
        .on_option = on_option,
        .on_arguments = on_arguments,
        .print = print,
        .context = &into,
    };
    hgh_admin_client_command command = {
        .name = "status",
        .summary = "Shows the generation in force, the plugins with their versions, what is out of "
                   "service,\nthe generations that a way back leads to, and the workers of a "
                   "running gateway.\n",
        .method = "GET",
        .path = STATUS_PATH,
        .timeout_s = 30,
        .extras = &extras,
    };

    return hgh_admin_client_main(&command, argc, argv);
}
