/* host/cli/main.c - finds the command that was asked for. */
#include <fcntl.h>
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "host/cli/command.h"
#include "host/control/build_config.h"
#include "host/control/control.h"
#include "host/control/probe.h"
#include "host/core/nearest.h"

/* Without a summary: for the gateway, not for people. */
static const struct {
    const char *name;
    const char *summary;
    int (*call)(int argc, char **argv);
} commands[] = {
    {"run", "run the gateway in the foreground", hgh_command_run},
    {"status", "show generation, plugins and workers of a running gateway", hgh_command_status},
    {"reload", "put new plugin objects into service", hgh_command_reload},
    {"check", "examine a plugin's object as a reload would", hgh_command_check},
    {"sign", "sign a plugin's object, or make the keys for that", hgh_command_sign},
    {"doc", "print the reference of a plugin, made from its object", hgh_command_doc},
    {"explain", "tell which route and plugins a request gets, and why", hgh_command_explain},
    {"runner", "serve plugins to gateways behind the external plugin protocol", hgh_command_runner},
    {"store", "export, import or back up what the Admin API keeps", hgh_command_store},
    {"defaults", "print all keys of the configuration with their defaults", hgh_command_defaults},
    {"control", NULL, hgh_control_main},
    {"probe", NULL, hgh_probe_main},
};

#define COMMAND_COUNT (sizeof(commands) / sizeof(commands[0]))

static void print_usage(FILE *out)
{
    (void)fputs("Usage: hotgate COMMAND [OPTION...]\n\nCommands:\n", out);
    for (size_t i = 0; i < COMMAND_COUNT; i++) {
        if (commands[i].summary != NULL) {
            (void)fprintf(out, "  %-10s %s\n", commands[i].name, commands[i].summary);
        }
    }
    (void)fputs("\n`hotgate COMMAND --help` shows the options of one.\n"
                "  --help     show this text\n"
                "  --version  show the version of hotgate and of the nginx it was built for\n",
                out);
}

static int refuse(const char *name)
{
    const char *names[COMMAND_COUNT];
    const char *meant;
    size_t count = 0;

    for (size_t i = 0; i < COMMAND_COUNT; i++) {
        if (commands[i].summary != NULL) {
            names[count++] = commands[i].name;
        }
    }
    meant = hgh_nearest(name, names, count);
    if (meant != NULL) {
        (void)fprintf(stderr, "hotgate: no command \"%s\", did you mean \"%s\"?\n", name, meant);
    } else {
        (void)fprintf(stderr, "hotgate: no command \"%s\"; `hotgate --help` lists them\n", name);
    }
    return HGH_EXIT_USAGE;
}

/* What was written must have arrived, also in a file on a full disk. */
static int finish(int code)
{
    if (fflush(stdout) != 0 || ferror(stdout) != 0) {
        return code == HGH_EXIT_OK ? HGH_EXIT_FAILED : code;
    }
    return code;
}

int main(int argc, char **argv)
{
    int fd;

    do { /* a file of ours must not become somebody's standard output */
        fd = open("/dev/null", O_RDWR | O_CLOEXEC);
    } while (fd >= 0 && fd <= STDERR_FILENO);
    (void)close(fd);
    (void)signal(SIGPIPE, SIG_IGN); /* a peer that closes is an error of write(), no death */
    (void)setlocale(LC_ALL, "C");   /* numbers and messages are for programs, too */
    if (argc < 2) {
        print_usage(stderr);
        return HGH_EXIT_USAGE;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
        print_usage(stdout);
        return finish(HGH_EXIT_OK);
    }
    if (strcmp(argv[1], "--version") == 0) {
        (void)puts("hotgate " HGH_VERSION " (nginx " HGH_NGINX_VERSION ")");
        return finish(HGH_EXIT_OK);
    }
    for (size_t i = 0; i < COMMAND_COUNT; i++) {
        if (strcmp(argv[1], commands[i].name) == 0) {
            return finish(commands[i].call(argc - 1, argv + 1));
        }
    }
    return refuse(argv[1]);
}
