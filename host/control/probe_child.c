/* host/control/probe_child.c - the probe itself: loads what it is told to and says what it found.
 *
 * Requests: {"op": "examine", "name", "path", "number", "attributes", "isolated",
 * "configs": [...]}
 *           {"op": "load", "manifest"}      {"op": "check", "configs": [...]}
 *           {"op": "symbols", "frames": [...]}
 * where a configuration is {"plugin", "use", "pointer", "resource", "id", "value"}. */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "host/control/frame.h"
#include "host/control/probe.h"
#include "host/control/probe_confinement.h"
#include "host/control/probe_leak.h"
#include "host/control/probe_page.h"
#include "host/control/symbols.h"
#include "host/core/configuration.h"
#include "host/core/delegation.h"
#include "host/core/engine.h"
#include "host/core/field_table.h"
#include "host/core/generation.h"
#include "host/core/isolation.h"
#include "host/core/issues.h"
#include "host/core/json_value.h"

#define MEMORY_MAX_BYTES                                                                           \
    (4ull << 30)              /* address space: far above what a plugin needs to be loaded */
#define CYCLE_CONFIGS_MAX 200 /* decoded in each cycle but the first, which decodes all */

/* An engine without requests: a plugin has a clock and a log while it is loaded. */
static uint64_t probe_clock_ms(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static int64_t probe_wall_ms(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void probe_log(hgh_engine_request *request, hg_log_level level, hg_text text)
{
    (void)request;
    (void)level;
    (void)fprintf(stderr, "%.*s\n", (int)text.length, text.data);
}

static const hgh_engine probe_engine = {
    .name = "probe",
    .now_ms = probe_clock_ms,
    .clock_ms = probe_clock_ms,
    .wall_ms = probe_wall_ms,
    .log = probe_log,
};

typedef struct probe_child {
    int socket;
    hgh_probe_page *page;               /* shared with control */
    char unconfined[HG_ERROR_TEXT_MAX]; /* why; "": it is confined */
    hgh_probe_leak leak;
    hgh_plugin_host plugin_host;
    hgh_generation *generation; /* of `load`; NULL: none yet */
    hgh_frame_buffer in;
    hgh_frame_buffer out;
} probe_child;

static hgh_use use_of(const json_t *config)
{
    static const char *const names[] = {
        [HGH_USE_CONFIG] = "config",
        [HGH_USE_CONSUMER] = "consumer",
        [HGH_USE_METADATA] = "metadata",
    };
    const char *name = json_string_value(json_object_get(config, "use"));

    for (int use = 0; use < HGH_USE_ATTRIBUTES; use++) {
        if (name != NULL && strcmp(name, names[use]) == 0) {
            return (hgh_use)use;
        }
    }
    return HGH_USE_CONFIG;
}

static const char *text_of(const json_t *object, const char *member)
{
    const char *text = json_string_value(json_object_get(object, member));

    return text == NULL ? "" : text;
}

/* On a consumer only an authentication plugin has a consumer's configuration. */
static void config_judge(hgh_plugin *plugin,
                         const json_t *config,
                         const char *pointer,
                         hg_issues *issues,
                         hg_issues *warnings)
{
    hgh_configuration *configuration = NULL;
    hg_issues found = {0};
    hgh_use use = use_of(config);

    if (use == HGH_USE_CONSUMER && (plugin->descriptor->flags & HG_AUTH) == 0) {
        use = HGH_USE_CONFIG;
    }
    if (hgh_configuration_decode(plugin, use, json_object_get(config, "value"),
                                 text_of(config, "resource"), text_of(config, "id"), pointer,
                                 &configuration, issues, warnings) == HG_OK) {
        (void)hgh_configuration_check(configuration, &found); /* it adds what it finds */
        hgh_issues_take(issues, &found, pointer);
    }
    hgh_configuration_unref(configuration);
}

static json_t *issues_take(hg_issues *issues)
{
    json_t *array = hgh_issues_json(issues);

    hgh_issues_done(issues);
    return array;
}

static void reply(probe_child *self, json_t *message)
{
    if (message == NULL || hgh_frame_append(&self->out, message) != HG_OK ||
        hgh_frame_send(&self->out, self->socket) != HG_OK) {
        _exit(125); /* control is gone, or there is no memory */
    }
    json_decref(message);
}

/* -------------------------------------------------------------------------------- examine */

/* Says which object it is: there may be thousands. */
static hg_status refused_configuration(const hg_issues *issues, hg_error *err)
{
    const hgh_issue *first = &issues->items[0];

    if (issues->count == 0) {
        return hg_error_set(err, HG_ERR_NO_MEMORY, "out of memory");
    }
    return hg_error_set(err, HG_ERR_INVALID,
                        "refuses a configuration that is in force: %.200s: found %.80s, wanted "
                        "%.80s",
                        first->pointer, first->found, first->wanted);
}

/* What stands in plugin_attr of a plugin that has taken it, and has no effect. */
static void attributes_warn(hgh_plugin *plugin, const json_t *attributes, hg_issues *warnings)
{
    const hg_config_description *description = plugin->descriptor->attributes;
    char pointer[HG_NAME_MAX + 16];

    (void)snprintf(pointer, sizeof(pointer), "/plugin_attr/%s", plugin->name);
    if (description == NULL && json_object_size(attributes) > 0) {
        hgh_issues_add(warnings, pointer, "attributes of a plugin that takes none", "nothing",
                       NULL);
    } else if (description != NULL && description->fields != NULL) {
        hgh_field_table_unknown(description, attributes, pointer, warnings);
    }
}

/* Decodes what is configured, at most so much of it. */
static void configs_judge(hgh_plugin *plugin, const json_t *configs, size_t max, hg_issues *issues)
{
    for (size_t i = 0; i < json_array_size(configs) && i < max; i++) {
        const json_t *config = json_array_get(configs, i);
        char pointer[512];

        (void)snprintf(pointer, sizeof(pointer), "/%s/%s%s%s", text_of(config, "resource"),
                       text_of(config, "id"), use_of(config) == HGH_USE_METADATA ? "" : "/plugins/",
                       use_of(config) == HGH_USE_METADATA ? "" : plugin->name);
        config_judge(plugin, config, pointer, issues, NULL);
    }
}

/* Loads, decodes configurations, unloads. is_first: all of them, and describes the plugin. */
static hg_status examine_once(probe_child *self,
                              const json_t *request,
                              bool is_first,
                              json_t **out_description,
                              hg_issues *issues,
                              hg_issues *warnings,
                              hg_error *err)
{
    const json_t *configs = json_object_get(request, "configs");
    const json_t *attributes = json_object_get(request, "attributes");
    hgh_plugin *plugin = NULL;
    hg_status status =
        hgh_plugin_load(&self->plugin_host, text_of(request, "path"), text_of(request, "name"),
                        (uint32_t)json_integer_value(json_object_get(request, "number")),
                        json_is_object(attributes) ? attributes : NULL, &plugin, issues, err);

    if (status != HG_OK) {
        return status;
    }
    plugin->isolated = json_is_true(json_object_get(request, "isolated"));
    if (plugin->isolated && !hgh_isolation_judge(plugin, "/hotgate/isolate", issues)) {
        status = hg_error_set(err, HG_ERR_INVALID,
                              "cannot be isolated, as hotgate.isolate wants it: it is %.200s",
                              issues->items[0].found);
        goto cleanup;
    }
    configs_judge(plugin, configs, is_first ? SIZE_MAX : CYCLE_CONFIGS_MAX, issues);
    if (is_first) {
        attributes_warn(plugin, attributes, warnings);
        *out_description = hgh_plugin_describe(plugin);
    }
    if (issues->count > 0 || issues->dropped > 0) {
        status = refused_configuration(issues, err);
    }

cleanup:
    hgh_plugin_unref(plugin);
    return status;
}

/* What was denied may be why it failed. */
static void failure_explain(const probe_child *self, hg_error *err)
{
    hgh_probe_append_acts(self->page, err->text, sizeof(err->text));
}

static void confinement_tell(const probe_child *self, hg_issues *warnings)
{
    if (self->unconfined[0] != '\0') {
        hgh_issues_add(warnings, "", "was examined by a process that could do anything",
                       self->unconfined, NULL);
    }
    hgh_probe_tell_acts(self->page, warnings);
}

static void examine(probe_child *self, const json_t *request)
{
    json_t *description = NULL;
    hg_issues issues = {0};
    hg_issues warnings = {0};
    hg_error err = HG_ERROR_INIT;
    hg_status status = HG_OK;

    for (unsigned i = 1; i <= HGH_PROBE_CYCLES && status == HG_OK; i++) {
        status = examine_once(self, request, i == 1, &description, &issues, &warnings, &err);
        if (status == HG_OK && self->plugin_host.objects_pinned > 0) {
            status =
                hg_error_set(&err, HG_ERR_INVALID, "stays in memory, something of it is in use: %s",
                             self->plugin_host.pins[0] + strlen(text_of(request, "name")) + 2);
        }
        hgh_probe_leak_cycle(&self->leak, i);
    }
    if (status == HG_OK) {
        status = hgh_probe_leak_judge(&self->leak, &warnings, &err);
    }
    if (status != HG_OK) {
        failure_explain(self, &err);
        hgh_utf8_mend(err.text); /* it may quote anything that the object holds */
    }
    confinement_tell(self, &warnings);
    reply(self, json_pack("{s:b, s:s, s:o*, s:o, s:o}", "ok", status == HG_OK, "error", err.text,
                          "description", description, "issues", issues_take(&issues), "warnings",
                          issues_take(&warnings)));
}

/* --------------------------------------------------------------------------- load and check */

static void load(probe_child *self, const json_t *request)
{
    json_t *plugins = json_array();
    hg_error err = HG_ERROR_INIT;
    bool done = false;
    hg_status status =
        hgh_generation_new(json_object_get(request, "manifest"), &self->generation, &err);

    while (status == HG_OK && !done) {
        if (hgh_generation_load_next(self->generation, &self->plugin_host, NULL, &done, &err) !=
            HG_OK) {
            (void)fprintf(stderr, "plugin %s\n", err.text);
        }
    }
    for (size_t i = 0; status == HG_OK && i < self->generation->count; i++) {
        const hgh_plugin *plugin = self->generation->entries[i].plugin;

        if (plugin != NULL) {
            (void)json_array_append_new(plugins, hgh_plugin_describe(plugin));
        }
    }
    reply(self, json_pack("{s:b, s:s, s:o}", "ok", status == HG_OK, "error", err.text, "plugins",
                          plugins));
}

static void
check_one(probe_child *self, const json_t *config, hg_issues *issues, hg_issues *warnings)
{
    const char *name = text_of(config, "plugin");
    const char *pointer = text_of(config, "pointer");
    hgh_plugin *plugin = NULL;
    const char *reason = "";
    char text[HG_ERROR_TEXT_MAX];

    if (!hgh_configuration_is_object(json_object_get(config, "value"), name, pointer, issues)) {
        return;
    }
    switch (hgh_generation_find(self->generation, name, &plugin, &reason)) {
    case HGH_PLUGIN_LOADED:
        config_judge(plugin, config, pointer, issues, warnings);
        if (use_of(config) == HGH_USE_CONFIG) {
            hgh_delegates_judge(self->generation, plugin, json_object_get(config, "value"),
                                text_of(config, "resource"), text_of(config, "id"), pointer, issues,
                                warnings);
        }
        break;
    case HGH_PLUGIN_IGNORED:
        hgh_issues_add(warnings, pointer, "a plugin that the list `plugins` leaves out",
                       "one of the list: it does not run now", NULL);
        break;
    case HGH_PLUGIN_MISSING:
        (void)snprintf(text, sizeof(text), "unknown plugin [%s]", name);
        hgh_issues_add(issues, pointer, "an unknown plugin", "one that is loaded", text);
        break;
    }
}

static void check(probe_child *self, const json_t *request)
{
    const json_t *configs = json_object_get(request, "configs");
    hg_issues issues = {0};
    hg_issues warnings = {0};

    for (size_t i = 0; i < json_array_size(configs); i++) {
        check_one(self, json_array_get(configs, i), &issues, &warnings);
    }
    reply(self, json_pack("{s:o, s:o}", "issues", issues_take(&issues), "warnings",
                          issues_take(&warnings)));
}

/* ------------------------------------------------------------------------------------- main */

static void limits_set(size_t shared_bytes)
{
    const struct rlimit none = {0, 0};

    (void)prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    (void)prctl(PR_SET_DUMPABLE, 0);
    (void)setrlimit(RLIMIT_CORE, &none);
    (void)setrlimit(RLIMIT_FSIZE, &none); /* no write to any file */
    (void)signal(SIGXFSZ, SIG_IGN);       /* such a write fails instead of ending the probe */
#if defined(__SANITIZE_ADDRESS__)
    (void)shared_bytes; /* the sanitizer reserves more than any limit */
#else
    const rlim_t bytes = MEMORY_MAX_BYTES + (rlim_t)shared_bytes;
    const struct rlimit memory = {bytes, bytes};

    (void)setrlimit(RLIMIT_AS, &memory);
#endif
}

/* Where that is not possible the probe goes on without, and says so. */
static void confine(probe_child *self, bool is_confined)
{
#if defined(__SANITIZE_ADDRESS__)
    is_confined = false; /* the sanitizer starts a program to show where an error is */
#endif
    if (!is_confined) {
        (void)snprintf(self->unconfined, sizeof(self->unconfined), "seccomp: it is turned off");
    } else {
        hg_error err = HG_ERROR_INIT;

        if (hgh_probe_confine(self->page, &err) != HG_OK) {
            (void)snprintf(self->unconfined, sizeof(self->unconfined), "%s", err.text);
        }
    }
}

static void request_run(probe_child *self, const json_t *request)
{
    const char *op = text_of(request, "op");

    if (strcmp(op, "examine") == 0) {
        examine(self, request);
    } else if (strcmp(op, "load") == 0) {
        load(self, request);
    } else if (strcmp(op, "check") == 0 && self->generation != NULL) {
        check(self, request);
    } else if (strcmp(op, "symbols") == 0) {
        reply(self,
              json_pack("{s:o}", "symbols", hgh_symbols_find(json_object_get(request, "frames"))));
    } else {
        reply(self, json_pack("{s:b, s:s}", "ok", 0, "error", "unknown request"));
    }
}

int hgh_probe_main(int argc, char **argv)
{
    static const struct option options[] = {{"socket", required_argument, NULL, 's'},
                                            {"marker", required_argument, NULL, 'm'},
                                            {"shared-memory", required_argument, NULL, 'b'},
                                            {"unconfined", no_argument, NULL, 'u'},
                                            {NULL, 0, NULL, 0}};
    probe_child self = {.socket = -1};
    size_t shared_bytes = HGH_ARENA_DEFAULT_BYTES;
    int marker = -1;
    bool is_confined = true;
    void *memory;
    int option;

    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        long long value = optarg == NULL ? -1 : strtoll(optarg, NULL, 10);

        if (option == 's') {
            self.socket = (int)value;
        } else if (option == 'm') {
            marker = (int)value;
        } else if (option == 'u') {
            is_confined = false;
        } else if (option == 'b' && value > 0) {
            shared_bytes = (size_t)value;
        } else {
            return 2;
        }
    }
    memory = mmap(NULL, HGH_PROBE_PAGE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, marker, 0);
    if (memory == MAP_FAILED) {
        (void)fprintf(stderr, "hotgate probe: is started by hotgate only\n");
        return 2;
    }
    self.page = memory;
    self.plugin_host = (hgh_plugin_host){
        .blame = {.marker = &self.page->marker},
        .arena = hgh_arena_new(shared_bytes),
        .engine = &probe_engine,
        .log_level = HG_LOG_WARN,
        .watches_threads = true,
    };
    if (self.plugin_host.arena == NULL) {
        return 125;
    }
    hgh_probe_leak_begin(&self.leak);
    limits_set(shared_bytes);
    confine(&self, is_confined);
    while (hgh_frame_receive(&self.in, self.socket) == HG_OK) {
        json_t *request = NULL;

        while (hgh_frame_take(&self.in, &request) == HG_OK && request != NULL) {
            request_run(&self, request);
            json_decref(request);
        }
    }
    _exit(0); /* control has closed the socket; destructors of plugins are not to run here */
}
