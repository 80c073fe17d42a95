/* host/control/runner_plan.c - how a runner is started: command, environment, socket. */
#include "host/control/runner_plan.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define OWN_PROGRAM        "/proc/self/exe"
#define CONF_EXPIRE_TIME_S 3600u /* how long workers keep a token, as in APISIX */

static const char *const inherited[] = {"PATH", "HOME", "LANG", "TZ"};

#define INHERITED_COUNT (sizeof(inherited) / sizeof(inherited[0]))
#define OWN_COUNT       2u /* those of the protocol */

/* Variables on their way; a later one takes the place of an earlier one of that name. */
typedef struct variables {
    char **items;
    size_t count;
    bool no_memory;
} variables;

/* `text` is owned: NAME=VALUE; NULL: there was no memory for it. */
static void put(variables *into, char *text)
{
    size_t length;

    if (text == NULL) {
        into->no_memory = true;
        return;
    }
    length = strcspn(text, "=") + 1;
    for (size_t i = 0; i < into->count; i++) {
        if (strncmp(into->items[i], text, length) == 0) {
            free(into->items[i]);
            into->items[i] = text;
            return;
        }
    }
    into->items[into->count++] = text;
}

static char *format(const char *name, const char *before, const char *value)
{
    char *text = NULL;

    return asprintf(&text, "%s=%s%s", name, before, value) < 0 ? NULL : text;
}

/* One of ours, if we have it. */
static void put_inherited(variables *into, const char *name)
{
    const char *value = getenv(name);

    if (value != NULL) {
        put(into, format(name, "", value));
    }
}

/* socket: NULL: it is told by its arguments. */
static hg_status
environment_make(const hgh_settings *settings, const char *socket, char ***out, hg_error *err)
{
    variables made = {
        .items = calloc(INHERITED_COUNT + settings->envs_count + OWN_COUNT + 1, sizeof(char *)),
    };
    char expires[16];

    if (made.items == NULL) {
        return hg_error_set(err, HG_ERR_NO_MEMORY, "out of memory");
    }
    for (size_t i = 0; i < INHERITED_COUNT; i++) {
        put_inherited(&made, inherited[i]);
    }
    for (size_t i = 0; i < settings->envs_count; i++) {
        if (strchr(settings->envs[i], '=') != NULL) {
            put(&made, strdup(settings->envs[i]));
        } else {
            put_inherited(&made, settings->envs[i]);
        }
    }
    if (socket != NULL) {
        (void)snprintf(expires, sizeof(expires), "%u", CONF_EXPIRE_TIME_S);
        put(&made, format("APISIX_LISTEN_ADDRESS", "unix:", socket));
        put(&made, format("APISIX_CONF_EXPIRE_TIME", "", expires));
    }
    *out = made.items; /* also what there is of it: the caller frees */
    return made.no_memory ? hg_error_set(err, HG_ERR_NO_MEMORY, "out of memory") : HG_OK;
}

static char **texts_copy(char *const *texts, size_t count)
{
    char **copy = calloc(count + 1, sizeof(*copy));

    for (size_t i = 0; copy != NULL && i < count; i++) {
        copy[i] = strdup(texts[i]);
        if (copy[i] == NULL) {
            while (i > 0) {
                free(copy[--i]);
            }
            free(copy);
            return NULL;
        }
    }
    return copy;
}

hg_status hgh_runner_plan_make(const hgh_instance *instance,
                               const hgh_settings *settings,
                               hgh_runner_plan *out_plan,
                               hg_error *err)
{
    hgh_runner_plan plan = {0};
    hg_status status;

    if (settings->ext_plugin_cmd_count == 0) {
        *out_plan = plan;
        return HG_OK;
    }
    status = hgh_runner_socket_path(instance, settings, &plan.socket, err);
    if (status == HG_OK) {
        plan.program = strdup(settings->ext_plugin_cmd[0]);
        plan.arguments = texts_copy(settings->ext_plugin_cmd, settings->ext_plugin_cmd_count);
        status = plan.program == NULL || plan.arguments == NULL
                     ? hg_error_set(err, HG_ERR_NO_MEMORY, "out of memory")
                     : environment_make(settings, plan.socket, &plan.environment, err);
    }
    if (status == HG_OK) {
        *out_plan = plan;
    } else {
        hgh_runner_plan_done(&plan);
    }
    return status;
}

hg_status hgh_runner_plan_make_isolated(const hgh_instance *instance,
                                        const hgh_settings *settings,
                                        uint64_t generation,
                                        hgh_runner_plan *out_plan,
                                        hg_error *err)
{
    unsigned long long number = generation;
    char socket[64];
    char address[80];
    char manifest[64];
    char board[16];
    char arena[16];
    char words[][12] = {"hotgate", "runner", "--manifest", "--listen", "--board", "--arena"};
    char *arguments[] = {words[0], words[1], words[2], manifest, words[3],
                         address,  words[4], board,    words[5], arena};
    hgh_runner_plan plan = {
        .program = strdup(OWN_PROGRAM),
        .descriptors = {instance->shared.board, instance->shared.arena},
        .descriptor_count = 2,
    };
    hg_status status;

    (void)snprintf(socket, sizeof(socket), HGH_ISOLATED_SOCKET, number);
    (void)snprintf(address, sizeof(address), "unix:%s", socket);
    (void)snprintf(manifest, sizeof(manifest), HGH_ISOLATED_MANIFEST, number);
    (void)snprintf(board, sizeof(board), "%d", instance->shared.board);
    (void)snprintf(arena, sizeof(arena), "%d", instance->shared.arena);
    plan.socket = strdup(socket);
    plan.arguments = texts_copy(arguments, sizeof(arguments) / sizeof(arguments[0]));
    status = plan.program == NULL || plan.socket == NULL || plan.arguments == NULL
                 ? hg_error_set(err, HG_ERR_NO_MEMORY, "out of memory")
                 : environment_make(settings, NULL, &plan.environment, err);
    if (status == HG_OK) {
        *out_plan = plan;
    } else {
        hgh_runner_plan_done(&plan);
    }
    return status;
}

static bool texts_equal(char *const *a, char *const *b)
{
    if (a == NULL || b == NULL) {
        return a == b;
    }
    while (*a != NULL && *b != NULL && strcmp(*a, *b) == 0) {
        a++;
        b++;
    }
    return *a == NULL && *b == NULL;
}

bool hgh_runner_plan_equal(const hgh_runner_plan *a, const hgh_runner_plan *b)
{
    return texts_equal(a->arguments, b->arguments) && texts_equal(a->environment, b->environment);
}

static void texts_free(char **texts)
{
    for (size_t i = 0; texts != NULL && texts[i] != NULL; i++) {
        free(texts[i]);
    }
    free(texts);
}

void hgh_runner_plan_done(hgh_runner_plan *plan)
{
    free(plan->program);
    texts_free(plan->arguments);
    texts_free(plan->environment);
    free(plan->socket);
    *plan = (hgh_runner_plan){0};
}
