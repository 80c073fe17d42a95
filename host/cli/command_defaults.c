/* host/cli/command_defaults.c - prints conf/config-default.yaml; used by the build. */
#include <stdio.h>
#include <stdlib.h>

#include "host/cli/command.h"
#include "host/control/settings.h"

int hgh_command_defaults(int argc, char **argv)
{
    char *text;

    (void)argv;
    if (argc > 1) {
        (void)fputs("Usage: hotgate defaults\n", stderr);
        return HGH_EXIT_USAGE;
    }
    text = hgh_settings_default_yaml();
    if (text == NULL) {
        (void)fputs("hotgate: out of memory\n", stderr);
        return HGH_EXIT_FAILED;
    }
    (void)fputs(text, stdout);
    free(text);
    return HGH_EXIT_OK;
}
