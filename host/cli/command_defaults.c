/* host/cli/command_defaults.c - prints conf/config-default.yaml, for people and for the build. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/cli/command.h"
#include "host/control/settings.h"

/* The plugins are named by the build: what is installed then is not there yet. */
int hgh_command_defaults(int argc, char **argv)
{
    char *text;

    if (argc > 1 && argv[1][0] == '-') {
        FILE *out = strcmp(argv[1], "--help") == 0 ? stdout : stderr;

        (void)fputs(
            "Usage: hotgate defaults [PLUGIN...]\n\n"
            "Prints all keys of the configuration with their defaults, and the plugins that\n"
            "are named. The installation's share/hotgate/config-default.yaml has them all.\n",
            out);
        return out == stdout ? HGH_EXIT_OK : HGH_EXIT_USAGE;
    }
    text = hgh_settings_default_yaml((const char *const *)(argv + 1), (size_t)argc - 1);
    if (text == NULL) {
        (void)fputs("hotgate: out of memory\n", stderr);
        return HGH_EXIT_FAILED;
    }
    (void)fputs(text, stdout);
    free(text);
    return HGH_EXIT_OK;
}
