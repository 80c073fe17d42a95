/* host/runner/plugin_set.c - which objects the runner serves with, and how others take their place.
 */
#include "host/runner/plugin_set.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "host/core/issues.h"
#include "host/runner/log.h"

#define REPORT_BYTES_MAX (64u << 20)
#define PIPE_FD          3          /* of the child: the first behind the standard ones */
#define NUMBER_MAX       UINT16_MAX /* the blame marker has 16 bits for it */

static const char *text_of(const json_t *object, const char *member)
{
    const char *text = json_string_value(json_object_get(object, member));

    return text == NULL ? "" : text;
}

static const json_t *entry_find(const json_t *list, const char *name)
{
    for (size_t i = 0; i < json_array_size(list); i++) {
        if (strcmp(text_of(json_array_get(list, i), "name"), name) == 0) {
            return json_array_get(list, i);
        }
    }
    return NULL;
}

/* --------------------------------------------------------------------------- examination */

/* What is in use now, of all tokens; NULL: no memory. */
static json_t *live_configurations(const hgh_conf_table *confs)
{
    json_t *live = json_array();

    for (const hgh_served_conf *conf = confs->newest; conf != NULL; conf = conf->older) {
        for (size_t i = 0; i < json_array_size(conf->plugins); i++) {
            const json_t *plugin = json_array_get(conf->plugins, i);

            (void)json_array_append_new(live, json_pack("{s:s, s:s, s:s, s:O}", "plugin",
                                                        text_of(plugin, "name"), "resource",
                                                        conf->resource, "id", conf->id, "value",
                                                        json_object_get(plugin, "value")));
        }
    }
    return live;
}

static void report_write(int fd, const json_t *report)
{
    char *text = report == NULL ? NULL : json_dumps(report, JSON_COMPACT);
    size_t length = text == NULL ? 0 : strlen(text);

    for (size_t sent = 0; sent < length;) {
        ssize_t written = write(fd, text + sent, length - sent);

        if (written < 0 && errno != EINTR) {
            return; /* nobody waits for it any more */
        }
        sent += written > 0 ? (size_t)written : 0;
    }
}

/* The child has all of the parent's memory, and of its descriptors only what it needs itself. */
static void child_run(hgh_plugin_set *set, int fd)
{
    sigset_t none;
    json_t *live = live_configurations(&set->serving->confs);

    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    (void)sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
    /* A connection that the parent closes is to be closed. */
    (void)dup2(fd, PIPE_FD);
    (void)close_range(PIPE_FD + 1, ~0u, 0);
    (void)fcntl(PIPE_FD, F_SETFD, FD_CLOEXEC);
    report_write(PIPE_FD, set->gather(set->context, set->generation + 1, live));
    _exit(0); /* neither destructors of plugins nor what the parent would do at its end */
}

static hg_status examination_begin(hgh_plugin_set *set, hg_error *err)
{
    int ends[2];
    pid_t child;

    if (pipe2(ends, O_CLOEXEC) != 0) {
        return hg_error_set(err, HG_ERR_IO, "examining plugins: %s", strerror(errno));
    }
    child = fork();
    if (child == 0) {
        (void)close(ends[0]);
        child_run(set, ends[1]);
    }
    (void)close(ends[1]);
    if (child < 0) {
        (void)close(ends[0]);
        return hg_error_set(err, HG_ERR_IO, "examining plugins: %s", strerror(errno));
    }
    set->child = child;
    set->pipe = ends[0];
    set->report = (hgh_text_builder){.max = REPORT_BYTES_MAX};
    return HG_OK;
}

/* Takes what has come of the report. True: that was all of it. */
static bool report_read(hgh_plugin_set *set)
{
    char buffer[4096];
    ssize_t length = read(set->pipe, buffer, sizeof(buffer));

    if (length > 0) {
        hgh_text_builder_add(&set->report, (hg_text){buffer, (size_t)length});
    }
    return length == 0 || (length < 0 && errno != EINTR && errno != EAGAIN);
}

/* The child has ended, or is ended. */
static void examination_end(hgh_plugin_set *set)
{
    if (set->child == 0) {
        return;
    }
    (void)close(set->pipe);
    (void)waitpid(set->child, NULL, 0);
    set->child = 0;
}

/* NULL: it has not come to an end. */
static json_t *report_take(hgh_plugin_set *set)
{
    json_t *report = json_loadb(hgh_text_builder_string(&set->report), set->report.length, 0, NULL);

    hgh_text_builder_done(&set->report);
    return report;
}

/* -------------------------------------------------------------------------------- loading */

/* Gives each object its number: that of before if its bytes are the same. What is rejected leaves
 * the one of that name that is in force in its place. */
static json_t *plugins_number(hgh_plugin_set *set, const json_t *report, uint32_t *out_changes)
{
    const json_t *found = json_object_get(report, "plugins");
    const json_t *rejected = json_object_get(report, "rejected");
    json_t *plugins = json_array();

    *out_changes = 0;
    for (size_t i = 0; i < json_array_size(rejected); i++) {
        const json_t *before =
            entry_find(set->plugins, text_of(json_array_get(rejected, i), "name"));

        if (before != NULL) {
            (void)json_array_append_new(plugins, json_copy((json_t *)(uintptr_t)before));
        }
    }
    for (size_t i = 0; i < json_array_size(found); i++) {
        json_t *entry = json_copy(json_array_get(found, i));
        const json_t *before = entry_find(set->plugins, text_of(entry, "name"));

        if (before != NULL && strcmp(text_of(before, "sha256"), text_of(entry, "sha256")) == 0) {
            (void)json_object_set(entry, "path", json_object_get(before, "path"));
            (void)json_object_set(entry, "number", json_object_get(before, "number"));
        } else {
            (*out_changes)++;
            set->number = set->number % NUMBER_MAX + 1;
            (void)json_object_set_new(entry, "number", json_integer((json_int_t)set->number));
        }
        (void)json_array_append_new(plugins, entry);
    }
    *out_changes += json_array_size(plugins) != json_array_size(set->plugins);
    return plugins;
}

/* What is mapped needs its file no more, and what is not loaded leaves none behind. */
static void copies_remove(const json_t *report)
{
    const json_t *plugins = json_object_get(report, "plugins");
    const json_t *directories = json_object_get(report, "directories");

    for (size_t i = 0; i < json_array_size(plugins); i++) {
        (void)unlink(text_of(json_array_get(plugins, i), "path"));
    }
    for (size_t i = 0; i < json_array_size(directories); i++) {
        (void)rmdir(json_string_value(json_array_get(directories, i)));
    }
}

static hg_status
plugins_load(hgh_plugin_set *set, json_t *plugins, hgh_generation **out_generation, hg_error *err)
{
    json_t *manifest = json_pack("{s:I, s:n, s:O}", "generation", (json_int_t)set->generation + 1,
                                 "listed", "plugins", plugins);
    hg_status status = manifest == NULL
                           ? hg_error_set(err, HG_ERR_NO_MEMORY, "out of memory")
                           : hgh_runtime_load_generation(set->serving->runtime, manifest, true,
                                                         out_generation, err);

    json_decref(manifest);
    return status;
}

static void rejected_tell(const json_t *rejected)
{
    for (size_t i = 0; i < json_array_size(rejected); i++) {
        const json_t *entry = json_array_get(rejected, i);

        hgh_runner_log(HG_LOG_ERROR, "plugin %s is rejected: %s", text_of(entry, "name"),
                       text_of(entry, "error"));
    }
}

static void plugins_enter(hgh_plugin_set *set, json_t *plugins)
{
    json_decref(set->plugins);
    set->plugins = json_incref(plugins);
    set->generation++;
}

hg_status hgh_plugin_set_start(hgh_plugin_set *set, hg_error *err)
{
    hgh_generation *generation = NULL;
    uint32_t changes = 0;
    json_t *report = NULL;
    json_t *plugins = NULL;
    hg_status status = examination_begin(set, err);

    if (status != HG_OK) {
        return status;
    }
    while (!report_read(set)) {
    }
    examination_end(set);
    report = report_take(set);
    if (report == NULL || json_object_get(report, "error") != NULL) {
        status = hg_error_set(err, HG_ERR_INVALID, "%s",
                              report == NULL ? "the examination of plugins was broken off"
                                             : text_of(report, "error"));
        json_decref(report);
        return status;
    }
    rejected_tell(json_object_get(report, "rejected"));
    set->rejected = json_incref(json_object_get(report, "rejected"));
    plugins = plugins_number(set, report, &changes);
    if (json_array_size(plugins) == 0) {
        status = hg_error_set(err, HG_ERR_NOT_FOUND, "there is no plugin that can be loaded");
    } else {
        status = plugins_load(set, plugins, &generation, err);
    }
    if (status == HG_OK) {
        hgh_runtime_switch(set->serving->runtime, generation);
        plugins_enter(set, plugins);
    }
    copies_remove(report);
    json_decref(plugins);
    json_decref(report);
    return status;
}

/* --------------------------------------------------------------------------------- reload */

/* One that was rejected before, and has not changed since, does not keep the others from being
 * loaded. */
static bool rejections_are_old(const hgh_plugin_set *set, const json_t *rejected)
{
    for (size_t i = 0; i < json_array_size(rejected); i++) {
        const json_t *entry = json_array_get(rejected, i);
        const json_t *before = entry_find(set->rejected, text_of(entry, "name"));

        if (before == NULL || text_of(entry, "sha256")[0] == '\0' ||
            strcmp(text_of(before, "sha256"), text_of(entry, "sha256")) != 0) {
            return false;
        }
    }
    return true;
}

/* The chains that the live configurations have in another generation. */
typedef struct compiled {
    hgh_served_conf *conf;
    hgh_chain *chain; /* NULL: a plugin of it has been taken away */
} compiled;

static bool has_all_plugins(const hgh_served_conf *conf, const hgh_generation *generation)
{
    for (size_t i = 0; i < json_array_size(conf->plugins); i++) {
        if (hgh_generation_find(generation, text_of(json_array_get(conf->plugins, i), "name"), NULL,
                                NULL) != HGH_PLUGIN_LOADED) {
            return false;
        }
    }
    return true;
}

static hg_status
conf_compile(const hgh_plugin_set *set, hgh_generation *generation, compiled *into, hg_error *err)
{
    const hgh_served_conf *conf = into->conf;
    hg_issues issues = {0};
    char line[HG_ERROR_TEXT_MAX];
    hg_status status = HG_OK;

    if (has_all_plugins(conf, generation)) {
        status = hgh_served_conf_compile(conf, generation, &set->serving->runtime->snapshot,
                                         &into->chain, &issues);
    }
    if (status != HG_OK) {
        (void)hg_error_set(err, status, "%.40s/%.64s: %.380s", conf->resource, conf->id,
                           status == HG_ERR_INVALID ? hgh_issues_first(&issues, line, sizeof(line))
                                                    : "out of memory");
    }
    hgh_issues_done(&issues);
    return status;
}

static hg_status confs_compile(const hgh_plugin_set *set,
                               hgh_generation *generation,
                               compiled *all,
                               size_t *out_count,
                               hg_error *err)
{
    hg_status status = HG_OK;

    for (hgh_served_conf *conf = set->serving->confs.newest; conf != NULL && status == HG_OK;
         conf = conf->older) {
        compiled *into = &all[(*out_count)++];

        into->conf = conf;
        status = conf_compile(set, generation, into, err);
    }
    return status;
}

/* Puts the chains in force; what has none any more is forgotten: gateways prepare it again. */
static void confs_switch(hgh_plugin_set *set, const compiled *all, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        hgh_served_conf *conf = all[i].conf;

        if (all[i].chain == NULL) {
            hgh_runner_log(HG_LOG_WARN, "conf of %s/%s: a plugin of it is not there any more",
                           conf->resource, conf->id);
            hgh_conf_table_forget(&set->serving->confs, conf);
        } else {
            hgh_chain_unref(conf->chain);
            conf->chain = all[i].chain;
        }
    }
}

/* All of it, or nothing. */
static hg_status generation_replace(hgh_plugin_set *set, json_t *plugins, hg_error *err)
{
    size_t count = 0;
    compiled *all = calloc(set->serving->confs.by_token.count + 1, sizeof(*all));
    hgh_generation *generation = NULL;
    hg_status status = all == NULL ? hg_error_set(err, HG_ERR_NO_MEMORY, "out of memory")
                                   : plugins_load(set, plugins, &generation, err);

    if (status == HG_OK) {
        status = confs_compile(set, generation, all, &count, err);
    }
    if (status == HG_OK) {
        confs_switch(set, all, count);
        hgh_runtime_switch(set->serving->runtime, generation);
        generation = NULL; /* now the runtime's */
        plugins_enter(set, plugins);
    } else {
        for (size_t i = 0; i < count; i++) {
            hgh_chain_unref(all[i].chain);
        }
    }
    hgh_generation_unref(generation);
    free(all);
    return status;
}

static void reload_refused(const char *why)
{
    hgh_runner_log(HG_LOG_ERROR, "reload: nothing was changed: %s", why);
}

static void reload_tell(const json_t *before, const json_t *plugins)
{
    for (size_t i = 0; i < json_array_size(plugins); i++) {
        const json_t *entry = json_array_get(plugins, i);
        const json_t *old = entry_find(before, text_of(entry, "name"));
        bool same = old != NULL &&
                    json_equal(json_object_get(old, "number"), json_object_get(entry, "number"));

        if (!same) {
            hgh_runner_log(HG_LOG_NOTICE, "reload: plugin %s %s is %s", text_of(entry, "name"),
                           text_of(entry, "version"), old == NULL ? "loaded" : "replaced");
        }
    }
    for (size_t i = 0; i < json_array_size(before); i++) {
        const char *name = text_of(json_array_get(before, i), "name");

        if (entry_find(plugins, name) == NULL) {
            hgh_runner_log(HG_LOG_NOTICE, "reload: plugin %s is removed", name);
        }
    }
}

static void reload_with(hgh_plugin_set *set, const json_t *report)
{
    json_t *rejected = json_object_get(report, "rejected");
    json_t *before = json_incref(set->plugins);
    hg_error err = HG_ERROR_INIT;
    uint32_t changes = 0;
    json_t *plugins;
    bool old = rejections_are_old(set, rejected);

    rejected_tell(rejected);
    json_decref(set->rejected);
    set->rejected = json_incref(rejected);
    if (!old) {
        reload_refused("a plugin is rejected");
        json_decref(before);
        return;
    }
    plugins = plugins_number(set, report, &changes);
    if (json_array_size(plugins) == 0) {
        reload_refused("there is no plugin that can be loaded");
    } else if (changes == 0) {
        hgh_runner_log(HG_LOG_NOTICE, "reload: all plugins are as they were");
    } else if (generation_replace(set, plugins, &err) == HG_OK) {
        reload_tell(before, plugins);
        hgh_runner_log(HG_LOG_NOTICE, "reload: generation %llu is in force, with %zu plugins",
                       (unsigned long long)set->generation, json_array_size(plugins));
    } else {
        reload_refused(err.text);
    }
    json_decref(plugins);
    json_decref(before);
}

static void on_report(void *context, uint32_t events)
{
    hgh_plugin_set *set = context;
    json_t *report;

    (void)events;
    if (!report_read(set)) {
        return;
    }
    hgh_event_loop_unwatch(set->serving->loop, set->pipe);
    examination_end(set);
    report = report_take(set);
    if (report == NULL) {
        reload_refused("the examination of plugins was broken off");
    } else if (json_object_get(report, "error") != NULL) {
        reload_refused(text_of(report, "error"));
    } else {
        reload_with(set, report);
        copies_remove(report);
    }
    json_decref(report);
    if (set->again) {
        set->again = false;
        hgh_plugin_set_reload(set);
    }
}

static void child_kill(hgh_plugin_set *set)
{
    if (set->child != 0) {
        (void)kill(set->child, SIGKILL);
        hgh_event_loop_unwatch(set->serving->loop, set->pipe);
        examination_end(set);
    }
}

void hgh_plugin_set_reload(hgh_plugin_set *set)
{
    hg_error err = HG_ERROR_INIT;

    if (set->child != 0) {
        set->again = true;
        return;
    }
    if (examination_begin(set, &err) != HG_OK ||
        hgh_event_loop_watch(set->serving->loop, set->pipe, EPOLLIN, on_report, set, &err) !=
            HG_OK) {
        child_kill(set);
        reload_refused(err.text);
    }
}

/* ---------------------------------------------------------------------------- begin and end */

void hgh_plugin_set_init(hgh_plugin_set *set,
                         hgh_serving *serving,
                         hgh_gather gather,
                         void *context)
{
    *set = (hgh_plugin_set){.serving = serving, .gather = gather, .context = context};
}

void hgh_plugin_set_done(hgh_plugin_set *set)
{
    child_kill(set);
    hgh_text_builder_done(&set->report);
    json_decref(set->plugins);
    json_decref(set->rejected);
    set->plugins = NULL;
    set->rejected = NULL;
}
