/* host/cli/command_run.c - `hotgate run`: the gateway in the foreground. */
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "host/cli/command.h"
#include "host/control/control_log.h"
#include "host/control/instance.h"
#include "host/control/settings.h"
#include "host/control/supervisor.h"

#define LOG_FILE "logs/control.log"

static const char usage[] =
    "Usage: hotgate run [-p DIR] [-c FILE] [--watch-plugins]\n"
    "\n"
    "Runs the gateway in the foreground until it gets a signal: TERM and INT stop it at\n"
    "once, QUIT when running requests have ended; HUP reads the configuration again, USR1\n"
    "opens the logs again.\n"
    "\n"
    "  -p, --prefix DIR   the instance: conf, plugins, state, staging, run, logs and tmp\n"
    "                     are made below it, and nothing is written elsewhere\n"
    "                     (default: the current directory)\n"
    "  -c, --config FILE  the configuration (default: DIR/conf/config.yaml, which is made\n"
    "                     with an admin key if it is not there)\n"
    "      --watch-plugins  for development: plugins that are put into the plugins directory\n"
    "                     of the instance, changed or taken away are reloaded by themselves\n"
    "  -h, --help         show this text\n";

static int fail(const char *text)
{
    (void)fprintf(stderr, "hotgate: %s\n", text);
    return HGH_EXIT_FAILED;
}

/* The file's settings, or the defaults if it is yet to be made. All findings are printed. */
static hgh_settings *load(const hgh_instance *instance, bool may_be_missing, hg_issues *warnings)
{
    hg_issues errors = {0};
    hgh_settings *settings = NULL;
    hg_status status;

    if (may_be_missing && access(instance->config_path, F_OK) != 0) {
        status = hgh_settings_parse("", 0, instance->config_path, &settings, &errors, warnings);
    } else {
        status = hgh_settings_load(instance->config_path, &settings, &errors, warnings);
    }
    for (size_t i = 0; i < errors.count; i++) {
        (void)fail(errors.items[i].text);
    }
    if (status == HG_ERR_NO_MEMORY) {
        (void)fail("out of memory");
    }
    hgh_issues_done(&errors);
    return settings;
}

static hg_status open_log(const hgh_instance *instance, hg_error *err)
{
    char *path = hgh_instance_path(instance, LOG_FILE);
    hg_status status = path == NULL ? hg_error_set(err, HG_ERR_NO_MEMORY, "out of memory")
                                    : hgh_log_open(path, true, err);

    free(path);
    return status;
}

/* Everything up to the first process, in the order in which mistakes are best reported. */
static hg_status
prepare(hgh_instance *instance, hgh_settings *settings, const hg_issues *warnings, hg_error *err)
{
    const hgh_admin_key *keys_before = settings->admin_key;
    hg_status status = hgh_instance_set_worker(instance, settings->user, err);

    if (status == HG_OK) {
        status = hgh_instance_prepare(instance, err);
    }
    if (status == HG_OK) {
        status = hgh_instance_lock(instance, err);
    }
    if (status == HG_OK) {
        status = open_log(instance, err);
    }
    if (status == HG_OK) {
        status = hgh_settings_ensure_admin_key(
            settings, instance->config_path, hgh_instance_contains(instance, instance->config_path),
            err);
    }
    if (status != HG_OK) {
        return status;
    }
    for (size_t i = 0; i < warnings->count; i++) {
        hgh_log(HG_LOG_WARN, "%s", warnings->items[i].text);
    }
    if (settings->admin_key != keys_before) {
        hgh_log(HG_LOG_NOTICE, "an admin key was generated into %s", instance->config_path);
    }
    return HG_OK;
}

static int run(const char *directory, const char *config, bool watches_plugins)
{
    hgh_instance instance = {.lock = -1};
    hgh_settings *settings = NULL;
    hg_issues warnings = {0};
    hg_error err = HG_ERROR_INIT;
    int code = HGH_EXIT_FAILED;

    if (hgh_instance_open(&instance, directory, config, &err) != HG_OK) {
        return fail(err.text);
    }
    settings = load(&instance, config == NULL, &warnings);
    if (settings != NULL) {
        if (prepare(&instance, settings, &warnings, &err) == HG_OK) {
            code = hgh_supervisor_run(&instance, settings, watches_plugins);
            settings = NULL; /* taken */
        } else {
            (void)fail(err.text);
        }
    }
    hgh_settings_free(settings);
    hgh_issues_done(&warnings);
    hgh_instance_done(&instance);
    hgh_log_close();
    return code;
}

int hgh_command_run(int argc, char **argv)
{
    static const struct option options[] = {
        {"prefix", required_argument, NULL, 'p'},
        {"config", required_argument, NULL, 'c'},
        {"watch-plugins", no_argument, NULL, 'w'},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    const char *directory = ".";
    const char *config = NULL;
    bool watches_plugins = false;
    int option;

    while ((option = getopt_long(argc, argv, "p:c:h", options, NULL)) != -1) {
        switch (option) {
        case 'p':
            directory = optarg;
            break;
        case 'c':
            config = optarg;
            break;
        case 'w':
            watches_plugins = true;
            break;
        case 'h':
            (void)fputs(usage, stdout);
            return HGH_EXIT_OK;
        default:
            (void)fputs(usage, stderr);
            return HGH_EXIT_USAGE;
        }
    }
    if (optind < argc) {
        (void)fprintf(stderr, "hotgate run: \"%s\" is too much\n%s", argv[optind], usage);
        return HGH_EXIT_USAGE;
    }
    return run(directory, config, watches_plugins);
}
