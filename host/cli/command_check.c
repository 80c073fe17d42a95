/* host/cli/command_check.c - `hotgate check`: what the gateway would say of a plugin's object. */
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>

#include <jansson.h>

#include "host/cli/command.h"
#include "host/cli/examination.h"
#include "host/cli/report.h"
#include "host/runner/unsupported.h"

static void usage(FILE *out)
{
    (void)fputs(
        "Usage: hotgate check [OPTION...] FILE.so\n\n"
        "Examines a plugin's object as a reload would: what can be seen in the file, then\n"
        "what a process of its own finds by loading it.\n\n"
        "  --config JSON      also judge this configuration of the plugin\n"
        "  --attributes JSON  its attributes of config.yaml (plugin_attr.NAME), for a plugin\n"
        "                     that cannot be loaded without\n"
        "  --trusted-key KEY  it has to be signed with this key, or another one that is given:\n"
        "                     ed25519:... or a file in PEM\n"
        "  --allow-library LIBRARY  it may need this one, as by hotgate.allow_libraries\n"
        "  --runner           also tell what of it does not run behind the external plugin\n"
        "                     protocol, in `hotgate runner`\n"
        "  --no-run           only look at the file: none of its code runs\n"
        "  --json             print the report as JSON\n"
        "  --help             show this text\n\n"
        "Exit code: 0 it can be put into service, 1 it is refused, 2 wrong usage.\n",
        out);
}

/* What is asked for beside the examination itself. */
typedef struct requested {
    json_t *trusted_keys; /* may be given more than once, as the next */
    json_t *allow_libraries;
    bool as_json;
    bool for_runner;
} requested;

static bool options_take(
    int argc, char **argv, hgh_examination_options *options, requested *into, int *out_code)
{
    static const struct option known[] = {{"config", required_argument, NULL, 'c'},
                                          {"attributes", required_argument, NULL, 'a'},
                                          {"trusted-key", required_argument, NULL, 't'},
                                          {"allow-library", required_argument, NULL, 'l'},
                                          {"runner", no_argument, NULL, 'r'},
                                          {"no-run", no_argument, NULL, 'n'},
                                          {"json", no_argument, NULL, 'j'},
                                          {"help", no_argument, NULL, 'h'},
                                          {NULL, 0, NULL, 0}};
    int option;

    *out_code = HGH_EXIT_USAGE;
    while ((option = getopt_long(argc, argv, "", known, NULL)) != -1) {
        switch (option) {
        case 'c':
            options->config = optarg;
            break;
        case 'a':
            options->attributes = optarg;
            break;
        case 't':
            (void)json_array_append_new(into->trusted_keys, json_string(optarg));
            break;
        case 'l':
            (void)json_array_append_new(into->allow_libraries, json_string(optarg));
            break;
        case 'r':
            into->for_runner = true;
            break;
        case 'n':
            options->only_reads = true;
            break;
        case 'j':
            into->as_json = true;
            break;
        case 'h':
            usage(stdout);
            *out_code = HGH_EXIT_OK;
            return false;
        default:
            usage(stderr);
            return false;
        }
    }
    if (optind + 1 != argc) {
        (void)fputs("hotgate check: wanted one FILE.so\n", stderr);
        usage(stderr);
        return false;
    }
    if (options->only_reads && into->for_runner) {
        (void)fputs("hotgate check: --no-run knows nothing for --runner\n", stderr);
        return false;
    }
    if (options->only_reads && (options->config != NULL || options->attributes != NULL)) {
        (void)fputs("hotgate check: --no-run judges no --config and no --attributes\n", stderr);
        return false;
    }
    options->path = argv[optind];
    return true;
}

/* What a runner would make of it, as far as the object could be loaded. */
static void runner_tell(json_t *report)
{
    const json_t *description = json_object_get(report, "description");

    if (json_is_object(description)) {
        (void)json_object_set_new(report, "not_in_a_runner", hgh_unsupported_of(description));
        (void)json_object_set_new(report, "unsupported_in_a_runner", hgh_unsupported_functions());
    }
}

int hgh_command_check(int argc, char **argv)
{
    requested given = {json_array(), json_array(), false, false};
    hgh_examination_options options = {
        .trusted_keys = given.trusted_keys,
        .allow_libraries = given.allow_libraries,
    };
    json_t *report = NULL;
    int code;

    if (options_take(argc, argv, &options, &given, &code)) {
        report = hgh_examination_run(&options);
        if (given.for_runner) {
            runner_tell(report);
        }
        if (given.as_json) {
            (void)json_dumpf(report, stdout, JSON_INDENT(2));
            (void)fputc('\n', stdout);
        } else {
            hgh_report_print(stdout, report);
        }
        code = hgh_examination_is_accepted(report) ? HGH_EXIT_OK : HGH_EXIT_FAILED;
    }
    json_decref(report);
    json_decref(given.trusted_keys);
    json_decref(given.allow_libraries);
    return code;
}
