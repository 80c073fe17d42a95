/* host/control/control_options.c - what the supervisor starts control with. */
#include "host/control/control_options.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static bool number_parse(const char *text, int *out_number)
{
    char *end;
    long number;

    errno = 0;
    number = strtol(text, &end, 10);
    if (errno != 0 || end == text || *end != '\0' || number < 0 || number > INT32_MAX) {
        return false;
    }
    *out_number = (int)number;
    return true;
}

static bool listeners_parse(char *text, hgh_control_options *options)
{
    char *rest;

    for (char *piece = strtok_r(text, ",", &rest); piece != NULL;
         piece = strtok_r(NULL, ",", &rest)) {
        if (options->listener_count == HGH_CONTROL_LISTENERS_MAX ||
            !number_parse(piece, &options->listeners[options->listener_count++])) {
            return false;
        }
    }
    return true;
}

bool hgh_control_options_parse(int argc, char **argv, hgh_control_options *options)
{
    enum {
        CONFIG = 256,
        BOARD,
        ARENA,
        WAKE,
        ACK,
        SUPERVISOR,
        LISTEN,
        LISTEN_LOCAL,
        LISTEN_ENGINE,
        LISTEN_CONTROL,
        LISTEN_STATUS,
        STANDALONE,
        WATCH_PLUGINS
    };
    static const struct option names[] = {
        {"config", required_argument, NULL, CONFIG},
        {"board", required_argument, NULL, BOARD},
        {"arena", required_argument, NULL, ARENA},
        {"wake", required_argument, NULL, WAKE},
        {"ack", required_argument, NULL, ACK},
        {"supervisor", required_argument, NULL, SUPERVISOR},
        {"listen", required_argument, NULL, LISTEN},
        {"listen-local", required_argument, NULL, LISTEN_LOCAL},
        {"listen-engine", required_argument, NULL, LISTEN_ENGINE},
        {"listen-control", required_argument, NULL, LISTEN_CONTROL},
        {"listen-status", required_argument, NULL, LISTEN_STATUS},
        {"standalone", required_argument, NULL, STANDALONE},
        {"watch-plugins", no_argument, NULL, WATCH_PLUGINS},
        {0},
    };
    bool is_good = true;
    int option;

    options->shared = (hgh_shared){-1, -1, -1, -1, -1};
    options->local = -1;
    options->engine = -1;
    options->control_api = -1;
    options->status = -1;
    optind = 1;
    while (is_good && (option = getopt_long(argc, argv, "p:", names, NULL)) != -1) {
        switch (option) {
        case 'p':
            options->directory = optarg;
            break;
        case CONFIG:
            options->config_path = optarg;
            break;
        case BOARD:
            is_good = number_parse(optarg, &options->shared.board);
            break;
        case ARENA:
            is_good = number_parse(optarg, &options->shared.arena);
            break;
        case WAKE:
            is_good = number_parse(optarg, &options->shared.wake);
            break;
        case ACK:
            is_good = number_parse(optarg, &options->shared.ack);
            break;
        case SUPERVISOR:
            is_good = number_parse(optarg, &options->shared.supervisor);
            break;
        case LISTEN:
            is_good = listeners_parse(optarg, options);
            break;
        case LISTEN_LOCAL:
            is_good = number_parse(optarg, &options->local);
            break;
        case LISTEN_ENGINE:
            is_good = number_parse(optarg, &options->engine);
            break;
        case LISTEN_CONTROL:
            is_good = number_parse(optarg, &options->control_api);
            break;
        case LISTEN_STATUS:
            is_good = number_parse(optarg, &options->status);
            break;
        case STANDALONE:
            options->source = strcmp(optarg, "json") == 0 ? HGH_CONFIG_JSON : HGH_CONFIG_YAML;
            break;
        case WATCH_PLUGINS:
            options->watches_plugins = true;
            break;
        default:
            is_good = false;
            break;
        }
    }
    return is_good && optind == argc && options->directory != NULL &&
           options->config_path != NULL && options->shared.board >= 0 &&
           options->shared.arena >= 0 && options->shared.wake >= 0 && options->shared.ack >= 0 &&
           options->shared.supervisor >= 0;
}

static void descriptor_keep(int fd, bool is_listener)
{
    (void)fcntl(fd, F_SETFD, FD_CLOEXEC); /* a wrong number shows when it is used */
    if (is_listener) {
        (void)fcntl(fd, F_SETFL, O_NONBLOCK);
    }
}

void hgh_control_options_keep(const hgh_control_options *options)
{
    const int shared[] = {options->shared.board, options->shared.arena, options->shared.wake,
                          options->shared.ack, options->shared.supervisor};

    for (size_t i = 0; i < sizeof(shared) / sizeof(shared[0]); i++) {
        descriptor_keep(shared[i], false);
    }
    for (size_t i = 0; i < options->listener_count; i++) {
        descriptor_keep(options->listeners[i], true);
    }
    descriptor_keep(options->local, true);
    descriptor_keep(options->engine, true);
    descriptor_keep(options->control_api, true);
    descriptor_keep(options->status, true);
}
