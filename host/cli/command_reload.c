/* host/cli/command_reload.c - `hotgate reload`: puts new plugin objects into service. */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "host/cli/admin_client.h"
#include "host/cli/command.h"

#define RELOAD_PATH      "/apisix/admin/plugins/reload"
#define REQUEST_PATH_MAX 256u
#define TIMEOUT_S        300L /* every object is probed, every live configuration decoded */

enum {
    OPTION_FORCE = 1000,
    OPTION_DRY_RUN,
    OPTION_PLUGIN,
    OPTION_ROLLBACK,
};

/* What the options ask. */
typedef struct asked {
    bool force;
    bool dry_run;
    const char *plugin; /* NULL: all */
    bool rollback;
    const char *generation; /* of a rollback; NULL: the one before */
    char path[REQUEST_PATH_MAX];
} asked;

static int on_option(void *context, int option, const char *value)
{
    asked *into = context;

    switch (option) {
    case OPTION_FORCE:
        into->force = true;
        return HGH_EXIT_OK;
    case OPTION_DRY_RUN:
        into->dry_run = true;
        return HGH_EXIT_OK;
    case OPTION_PLUGIN:
        into->plugin = value;
        if (value[0] != '\0' && strspn(value, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                              "0123456789-_") == strlen(value)) {
            return HGH_EXIT_OK;
        }
        (void)fprintf(
            stderr, "hotgate reload: --plugin: found \"%s\", wanted the name of a plugin\n", value);
        return HGH_EXIT_USAGE;
    case OPTION_ROLLBACK:
        into->rollback = true;
        into->generation = value;
        return HGH_EXIT_OK;
    default:
        return HGH_EXIT_USAGE;
    }
}

static void argument_add(asked *into, const char *name, const char *value)
{
    size_t length = strlen(into->path);

    (void)snprintf(into->path + length, sizeof(into->path) - length, "%c%s=%s",
                   strchr(into->path, '?') == NULL ? '?' : '&', name, value);
}

static int on_arguments(void *context, hgh_admin_client_command *command, int argc, char **argv)
{
    asked *into = context;

    if (into->rollback && argc == 1 && into->generation == NULL) {
        into->generation = argv[0];
    } else if (argc > 0) {
        (void)fprintf(stderr, "hotgate reload: \"%s\" is too much\n", argv[0]);
        return HGH_EXIT_USAGE;
    }
    if (into->rollback && (into->force || into->plugin != NULL)) {
        (void)fprintf(stderr, "hotgate reload: --rollback brings a whole generation back: no "
                              "--plugin and no --force beside it\n");
        return HGH_EXIT_USAGE;
    }
    if (into->generation != NULL &&
        (into->generation[0] < '1' || into->generation[0] > '9' ||
         strspn(into->generation, "0123456789") > 19 ||
         strspn(into->generation, "0123456789") != strlen(into->generation))) {
        (void)fprintf(stderr, "hotgate reload: --rollback: found \"%s\", wanted a generation\n",
                      into->generation);
        return HGH_EXIT_USAGE;
    }
    (void)snprintf(into->path, sizeof(into->path), "%s", RELOAD_PATH);
    if (into->rollback) {
        argument_add(into, "rollback", into->generation == NULL ? "true" : into->generation);
    }
    if (into->force) {
        argument_add(into, "force", "true");
    }
    if (into->dry_run) {
        argument_add(into, "dry_run", "true");
    }
    if (into->plugin != NULL) {
        argument_add(into, "plugin", into->plugin);
    }
    command->path = into->path;
    return HGH_EXIT_OK;
}

int hgh_command_reload(int argc, char **argv)
{
    static const struct option options[] = {
        {"force", no_argument, NULL, OPTION_FORCE},
        {"dry-run", no_argument, NULL, OPTION_DRY_RUN},
        {"plugin", required_argument, NULL, OPTION_PLUGIN},
        {"rollback", optional_argument, NULL, OPTION_ROLLBACK},
        {0},
    };
    asked into = {0};
    hgh_admin_client_extras extras = {
        .synopsis = "\n       [--dry-run] [--plugin NAME] [--force] [--rollback [GENERATION]]",
        .help =
            "      --dry-run       says what a reload would do, and does nothing\n"
            "      --plugin NAME   this plugin alone; the others stay as they are\n"
            "      --force         takes objects that have not changed or are quarantined, too, "
            "and\n"
            "                      removes plugins that objects still use\n"
            "      --rollback [GENERATION]\n"
            "                      puts an earlier generation into service: the one before, or "
            "one that\n"
            "                      `hotgate status` lists\n",
        .options = options,
        .on_option = on_option,
        .on_arguments = on_arguments,
        .context = &into,
    };
    hgh_admin_client_command command = {
        .name = "reload",
        .summary = "Puts the plugin objects that lie in the directories now into service, all of "
                   "them or\nnone, and reports on each. When it returns 0, the next request on "
                   "any worker runs the\nnew code.\n",
        .method = "PUT",
        .path = RELOAD_PATH,
        .timeout_s = TIMEOUT_S,
        .extras = &extras,
    };

    return hgh_admin_client_main(&command, argc, argv);
}
