/* host/control/control_options.h - what the supervisor starts control with; see supervisor.h. */
#ifndef HOST_CONTROL_CONTROL_OPTIONS_H
#define HOST_CONTROL_CONTROL_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>

#include "host/control/instance.h"
#include "host/control/settings.h"

#define HGH_CONTROL_LISTENERS_MAX 32u

/** The options as they came. */
typedef struct hgh_control_options {
    const char *directory;
    const char *config_path;
    hgh_shared shared;
    int local;  /* -1: none */
    int engine; /* -1: none */
    size_t listener_count;
    int listeners[HGH_CONTROL_LISTENERS_MAX];
    int control_api; /* -1: none */
    int status;      /* -1: none */
    bool watches_plugins;
    hgh_config_source source;
} hgh_control_options;

/** Reads them; argv[0] is the name of the command. False: they are not the supervisor's. */
bool hgh_control_options_parse(int argc, char **argv, hgh_control_options *options);

/** What was handed to control is not for what control starts. */
void hgh_control_options_keep(const hgh_control_options *options);

#endif
