/* host/cli/command_runner.c - `hotgate runner`: plugins behind the external plugin protocol. */
#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "host/cli/command.h"
#include "host/cli/runner_objects.h"
#include "host/control/instance.h"
#include "host/control/manifest.h"
#include "host/core/board.h"
#include "host/runner/serve.h"
#include "host/runner/server.h"

#define ADDRESS_VARIABLE "APISIX_LISTEN_ADDRESS"
#define EXPIRE_VARIABLE  "APISIX_CONF_EXPIRE_TIME"
#define EXPIRE_MAX_S     (UINT64_C(10) * 365 * 24 * 3600)
#define DURATION_MAX_MS  3600000u
#define SHIPPED_PLUGINS  "lib/hotgate/plugins"

static const char usage[] =
    "Usage: hotgate runner [--plugins DIR] [--listen unix:PATH] [OPTION...]\n"
    "\n"
    "Serves the plugins of a directory to gateways, behind the external plugin protocol:\n"
    "a gateway that starts runners (ext-plugin.cmd) says where to listen by the environment.\n"
    "TERM and INT end it when calls under way have ended, at most MS later, QUIT without\n"
    "that limit; HUP reloads the plugins: all of them or none, as the log tells.\n"
    "\n"
    "  --plugins DIR       objects, one plugin each (default: those that come with hotgate)\n"
    "  --listen unix:PATH  the socket (default: $APISIX_LISTEN_ADDRESS, whose place is taken\n"
    "                      from a runner that still listens there)\n"
    "  --grace MS          for calls under way at TERM and INT (default: 900)\n"
    "  --call-timeout MS   for a call, which fails then (default: 56000; a gateway waits for\n"
    "                      60 seconds)\n"
    "  --help              show this text\n"
    "\n"
    "$APISIX_CONF_EXPIRE_TIME: seconds for which a gateway keeps what it has prepared (3600).\n"
    "Exit code: 0 ended by a signal, 1 it could not begin, 2 wrong usage.\n";

/* What was asked for; the last three are of the gateway that starts one for itself. */
typedef struct arguments {
    const char *plugins;
    const char *address;
    const char *grace;
    const char *call_timeout;
    const char *manifest;
    const char *board;
    const char *arena;
} arguments;

static int fail(const hg_error *err)
{
    (void)fprintf(stderr, "hotgate runner: %s\n", err->text);
    return HGH_EXIT_FAILED;
}

/* A number written in decimal digits; false: it is none, or out of bounds. */
static bool number_read(const char *text, uint64_t min, uint64_t max, uint64_t *out_number)
{
    char *end = NULL;
    unsigned long long number;

    if (text[0] < '0' || text[0] > '9') {
        return false;
    }
    errno = 0;
    number = strtoull(text, &end, 10);
    if (errno != 0 || *end != '\0' || number < min || number > max) {
        return false;
    }
    *out_number = number;
    return true;
}

/* False: *out_code says how it ends. */
static bool arguments_take(int argc, char **argv, arguments *into, int *out_code)
{
    static const struct option known[] = {{"plugins", required_argument, NULL, 'p'},
                                          {"listen", required_argument, NULL, 'l'},
                                          {"grace", required_argument, NULL, 'g'},
                                          {"call-timeout", required_argument, NULL, 'c'},
                                          {"manifest", required_argument, NULL, 'm'},
                                          {"board", required_argument, NULL, 'b'},
                                          {"arena", required_argument, NULL, 'a'},
                                          {"help", no_argument, NULL, 'h'},
                                          {NULL, 0, NULL, 0}};
    int option;

    *out_code = HGH_EXIT_USAGE;
    while ((option = getopt_long(argc, argv, "", known, NULL)) != -1) {
        switch (option) {
        case 'p':
            into->plugins = optarg;
            break;
        case 'l':
            into->address = optarg;
            break;
        case 'g':
            into->grace = optarg;
            break;
        case 'c':
            into->call_timeout = optarg;
            break;
        case 'm':
            into->manifest = optarg;
            break;
        case 'b':
            into->board = optarg;
            break;
        case 'a':
            into->arena = optarg;
            break;
        case 'h':
            (void)fputs(usage, stdout);
            *out_code = HGH_EXIT_OK;
            return false;
        default:
            (void)fputs(usage, stderr);
            return false;
        }
    }
    if (optind < argc) {
        (void)fprintf(stderr, "hotgate runner: \"%s\" is too much\n%s", argv[optind], usage);
        return false;
    }
    return true;
}

/* The milliseconds behind an option, or what holds without it; false: they are none. */
static bool duration_read(const char *option,
                          const char *text,
                          uint64_t min_ms,
                          uint32_t otherwise_ms,
                          uint32_t *out_ms,
                          hg_error *err)
{
    uint64_t number = otherwise_ms;

    if (text != NULL && !number_read(text, min_ms, DURATION_MAX_MS, &number)) {
        (void)hg_error_set(err, HG_ERR_INVALID,
                           "%s: found \"%.40s\", wanted milliseconds from %u to %u", option, text,
                           (unsigned)min_ms, DURATION_MAX_MS);
        return false;
    }
    *out_ms = (uint32_t)number;
    return true;
}

/* Where to listen, how long to keep what is prepared, how long to wait at the end. */
static hg_status limits_take(const arguments *given, hgh_serve_options *options, hg_error *err)
{
    const char *address = given->address != NULL ? given->address : getenv(ADDRESS_VARIABLE);
    const char *expire = getenv(EXPIRE_VARIABLE);

    if (address == NULL) {
        return hg_error_set(err, HG_ERR_INVALID,
                            "no address to listen on: wanted --listen unix:PATH, or "
                            "$" ADDRESS_VARIABLE);
    }
    options->takes_over = given->address == NULL;
    options->conf_expire_s = HGH_CONF_EXPIRE_S;
    if (expire != NULL && !number_read(expire, 1, EXPIRE_MAX_S, &options->conf_expire_s)) {
        return hg_error_set(err, HG_ERR_INVALID,
                            "$" EXPIRE_VARIABLE ": found \"%.40s\", wanted seconds above 0",
                            expire);
    }
    if (!duration_read("--grace", given->grace, 0, HGH_RUNNER_GRACE_MS, &options->grace_ms, err) ||
        !duration_read("--call-timeout", given->call_timeout, 1, HGH_CALL_MAX_MS,
                       &options->call_max_ms, err)) {
        return HG_ERR_INVALID;
    }
    return hgh_server_path(address, &options->path, err);
}

/* ------------------------------------------------------------------ plugins of a directory */

/* The directory of plugins, absolute; the caller frees. NULL: err says why not. */
static char *directory_find(const char *given, hg_error *err)
{
    hgh_instance instance = {.lock = -1};
    char *shipped = NULL;
    char *path = NULL;
    struct stat info;

    if (given == NULL && hgh_instance_open(&instance, ".", NULL, err) == HG_OK) {
        shipped = hgh_install_path(&instance, SHIPPED_PLUGINS);
        given = shipped;
    }
    hgh_instance_done(&instance);
    if (given != NULL) {
        path = realpath(given, NULL);
        if (path == NULL || stat(path, &info) != 0) {
            (void)hg_error_set(err, HG_ERR_IO, "the directory of plugins: %s: %s", given,
                               strerror(errno));
            free(path);
            path = NULL;
        } else if (!S_ISDIR(info.st_mode)) {
            (void)hg_error_set(err, HG_ERR_INVALID,
                               "the directory of plugins: %s: it is none, but a file", given);
            free(path);
            path = NULL;
        }
    }
    free(shipped);
    return path;
}

static hg_status run_directory(const arguments *given, hgh_serve_options *options, hg_error *err)
{
    char *directory = directory_find(given->plugins, err);
    hg_status status;

    if (directory == NULL) {
        return HG_ERR_IO;
    }
    options->gather = hgh_runner_objects_gather;
    options->gather_context = directory;
    options->arena = hgh_arena_new(HGH_ARENA_DEFAULT_BYTES);
    status = options->arena == NULL ? hg_error_set(err, HG_ERR_NO_MEMORY, "out of memory")
                                    : hgh_serve(options, err);
    hgh_arena_close(options->arena);
    free(directory);
    return status;
}

/* --------------------------------------------------------------- plugins of a generation */

/* Memory of the gateway that started this process, by the number of its descriptor. */
static hg_status shared_map(const arguments *given, hgh_serve_options *options, hg_error *err)
{
    uint64_t fd = 0;

    if (given->board != NULL) {
        options->board =
            number_read(given->board, 0, INT_MAX, &fd) ? hgh_board_map((int)fd, true) : NULL;
        options->slot = options->board == NULL
                            ? NULL
                            : hgh_board_take_as(options->board, 0, HGH_RUNNER_PROCESS);
        if (options->slot == NULL) {
            return hg_error_set(err, HG_ERR_IO, "--board: no slot of the gateway's board is free");
        }
    }
    if (given->arena == NULL) {
        options->arena = hgh_arena_new(HGH_ARENA_DEFAULT_BYTES);
        return options->arena == NULL ? hg_error_set(err, HG_ERR_NO_MEMORY, "out of memory")
                                      : HG_OK;
    }
    return number_read(given->arena, 0, INT_MAX, &fd)
               ? hgh_arena_map((int)fd, true, &options->arena, err)
               : hg_error_set(err, HG_ERR_INVALID, "--arena: wanted the number of a descriptor");
}

static hg_status run_manifest(const arguments *given, hgh_serve_options *options, hg_error *err)
{
    json_t *manifest = NULL;
    hg_status status = hgh_manifest_read(given->manifest, &manifest, err);

    if (status == HG_OK && manifest == NULL) {
        status = hg_error_set(err, HG_ERR_NOT_FOUND, "%s: there is no such file", given->manifest);
    }
    if (status == HG_OK) {
        status = shared_map(given, options, err);
    }
    if (status == HG_OK) {
        options->manifest = manifest;
        status = hgh_serve(options, err);
    }
    if (options->slot != NULL) {
        hgh_board_release(options->slot);
    }
    hgh_board_unmap(options->board);
    hgh_arena_close(options->arena);
    json_decref(manifest);
    return status;
}

int hgh_command_runner(int argc, char **argv)
{
    arguments given = {0};
    hgh_serve_options options = {0};
    hg_error err = HG_ERROR_INIT;
    int code;
    hg_status status;

    if (!arguments_take(argc, argv, &given, &code)) {
        return code;
    }
    if (limits_take(&given, &options, &err) != HG_OK) {
        (void)fail(&err);
        return HGH_EXIT_USAGE;
    }
    status = given.manifest == NULL ? run_directory(&given, &options, &err)
                                    : run_manifest(&given, &options, &err);
    return status == HG_OK ? HGH_EXIT_OK : fail(&err);
}
