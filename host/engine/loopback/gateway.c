/* host/engine/loopback/gateway.c - the author's test kit: one gateway in memory. */
#include "host/engine/loopback/gateway.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "host/core/configuration.h"
#include "host/core/delegation.h"
#include "host/core/issues.h"
#include "host/core/json_value.h"
#include "host/core/runner_client.h"
#include "host/engine/loopback/engine.h"

#define ARENA_BYTES        (16u << 20)
#define PARKED_MAX         10000u
#define DESCRIPTOR_WAIT_MS 1000 /* real time that hg_test_finish() gives a descriptor */
#define COPY_BYTES         65536u
#define PATH_TEXT_MAX      4096u

hg_test *hgh_gateway_current;

/* ----------------------------------------------------------------------- failures and log */

void hgh_gateway_fail(hg_test *test, const char *format, ...)
{
    va_list arguments;

    if (test->failure != NULL) {
        return; /* what follows from the first is of less use */
    }
    va_start(arguments, format);
    if (vasprintf(&test->failure, format, arguments) < 0) {
        test->failure = NULL;
    }
    va_end(arguments);
}

/* Every function of the kit begins with this ... */
static void enter(hg_test *test)
{
    hgh_gateway_current = test;
}

/* ... and ends with this, when nothing of the gateway is on the stack. */
static void leave(hg_test *test)
{
    char text[1024];

    if (test->failure == NULL) {
        return;
    }
    (void)snprintf(text, sizeof(text), "%s", test->failure);
    free(test->failure);
    test->failure = NULL;
    if (test->failed == NULL) {
        (void)fprintf(stderr, "hg_test: %s\n", text);
        abort();
    }
    test->failed(test->failed_context, text);
}

void hg_test_on_failure(hg_test *test,
                        void (*failed)(void *context, const char *text),
                        void *context)
{
    test->failed = failed;
    test->failed_context = context;
}

void hgh_gateway_log(hg_test *test, hg_log_level level, hg_text text)
{
    hgh_log_line *line = malloc(sizeof(*line) + text.length + 1);

    if (line == NULL) {
        hgh_gateway_fail(test, "log: no memory");
        return;
    }
    line->next = NULL;
    line->level = (int)level;
    memcpy(line->text, text.data, text.length);
    line->text[text.length] = '\0';
    *test->log_end = line;
    test->log_end = &line->next;
}

size_t hg_test_log_count(hg_test *test, int level, const char *part)
{
    size_t count = 0;

    for (const hgh_log_line *line = test->log; line != NULL; line = line->next) {
        if ((level == 0 || level == line->level) && strstr(line->text, part) != NULL) {
            count++;
        }
    }
    return count;
}

const char *hg_test_log_line(hg_test *test, size_t index, int *out_level)
{
    const hgh_log_line *line = test->log;

    while (line != NULL && index > 0) {
        line = line->next;
        index--;
    }
    if (line != NULL && out_level != NULL) {
        *out_level = line->level;
    }
    return line == NULL ? NULL : line->text;
}

void hg_test_log_clear(hg_test *test)
{
    while (test->log != NULL) {
        hgh_log_line *next = test->log->next;

        free(test->log);
        test->log = next;
    }
    test->log_end = &test->log;
}

/* ------------------------------------------------------------------------- begin and end */

static char *directory_new(void)
{
    const char *parent = getenv("TMPDIR");
    char *path = NULL;

    if (asprintf(&path, "%s/hotgate-test-XXXXXX",
                 parent == NULL || parent[0] != '/' ? "/tmp" : parent) < 0) {
        return NULL;
    }
    if (mkdtemp(path) == NULL) {
        free(path);
        return NULL;
    }
    return path;
}

hg_test *hg_test_new(void)
{
    hg_test *test = calloc(1, sizeof(*test));
    hgh_runtime_options options = {
        .engine = &hgh_loopback_engine,
        .ack_fd = -1,
        .body_limits = {.post_max_bytes = HGH_BODY_POST_MAX_BYTES,
                        .graphql_max_bytes = HGH_BODY_GRAPHQL_MAX_BYTES},
        .parked_max = PARKED_MAX,
        .log_level = HG_LOG_DEBUG,
    };

    if (test == NULL) {
        return NULL;
    }
    enter(test);
    test->loop.now_ms = HG_TEST_START_MS;
    test->loop.wall_ms = HG_TEST_WALL_START_MS;
    test->log_end = &test->log;
    test->plugins = json_array();
    test->directory = directory_new();
    test->arena = hgh_arena_new(ARENA_BYTES);
    options.arena = test->arena;
    if (test->plugins == NULL || test->directory == NULL || test->arena == NULL ||
        hgh_runtime_new(&options, &test->runtime, NULL) != HG_OK) {
        hg_test_free(test);
        return NULL;
    }
    return test;
}

hg_status hg_test_set_runner(hg_test *test, const char *path)
{
    hgh_runner_client **at = &test->runtime->plugin_host.runner;
    hgh_runner_options options = {.path = path};

    enter(test);
    hgh_runner_client_free(*at);
    *at = path == NULL ? NULL : hgh_runner_client_new(&hgh_loopback_engine, &options);
    return *at == NULL && path != NULL ? HG_ERR_NO_MEMORY : HG_OK;
}

static void upstream_clear(hg_test *test)
{
    free((void *)(uintptr_t)test->upstream.headers);
    free((void *)(uintptr_t)test->upstream.body);
    test->upstream = (hg_test_upstream){0};
}

/* Also what a failed load has left. */
static void directory_remove(const hg_test *test)
{
    size_t index;
    json_t *plugin;

    json_array_foreach(test->plugins, index, plugin)
    {
        (void)unlink(json_string_value(json_object_get(plugin, "path")));
    }
    if (test->directory != NULL) {
        (void)rmdir(test->directory);
    }
}

static hg_status generation_set(hg_test *test, json_t *plugins, hg_error *err)
{
    json_t *manifest = json_pack("{s:I, s:n, s:O}", "generation", (json_int_t)++test->generation,
                                 "listed", "plugins", plugins);
    hg_status status = manifest == NULL
                           ? hg_error_set(err, HG_ERR_NO_MEMORY, "out of memory")
                           : hgh_runtime_set_generation(test->runtime, manifest, true, err);

    json_decref(manifest);
    if (hgh_loop_run(&test->loop, 0) == UINT32_MAX) { /* frees what the old generation leaves */
        hgh_gateway_fail(test, "the loop does not come to rest");
    }
    return status;
}

/* Takes all plugins out of service and looks whether they go. */
static void plugins_unload(hg_test *test)
{
    json_t *none = json_array();
    const hgh_plugin_host *plugin_host = &test->runtime->plugin_host;

    if (none != NULL && generation_set(test, none, NULL) == HG_OK &&
        plugin_host->objects_mapped + plugin_host->objects_pinned > 0) {
        hgh_gateway_fail(
            test, "%llu plugin objects are still in memory",
            (unsigned long long)(plugin_host->objects_mapped + plugin_host->objects_pinned));
    }
    json_decref(none);
}

void hg_test_free(hg_test *test)
{
    if (test == NULL) {
        return;
    }
    enter(test);
    for (hgh_exchange *exchange = test->exchanges; exchange != NULL; exchange = exchange->next) {
        hgh_exchange_cancel(exchange);
    }
    if (test->runtime != NULL) {
        (void)hgh_runtime_settle(test->runtime, UINT32_MAX);
        plugins_unload(test);
    }
    hgh_runtime_free(test->runtime);
    while (test->exchanges != NULL) {
        hgh_exchange *next = test->exchanges->next;

        hgh_exchange_free(test->exchanges);
        test->exchanges = next;
    }
    hgh_loop_done(&test->loop);
    hgh_arena_close(test->arena);
    directory_remove(test);
    upstream_clear(test);
    hg_test_log_clear(test);
    json_decref(test->plugins);
    free(test->directory);
    leave(test);
    hgh_gateway_current = NULL;
    free(test);
}

/* ------------------------------------------------------------------------ judging a plugin */

/* Decodes a configuration and asks the plugin's check(); all findings go to `issues`. */
static hg_status judge(hgh_plugin *plugin,
                       hgh_use use,
                       const json_t *value,
                       const char *resource,
                       const char *id,
                       const char *prefix,
                       hg_issues *issues)
{
    hgh_configuration *configuration = NULL;
    hg_status status = hgh_configuration_decode(plugin, use, value, resource, id, prefix,
                                                &configuration, issues, NULL);

    if (status == HG_OK) {
        hg_issues found = {0};

        status = hgh_configuration_check(configuration, &found);
        hgh_issues_take(issues, &found, prefix);
    }
    hgh_configuration_unref(configuration);
    return status;
}

static bool is_of_consumer(hgh_resource_kind kind)
{
    return kind == HGH_CONSUMERS || kind == HGH_CREDENTIALS;
}

static hgh_use use_on(const hgh_plugin *plugin, hgh_resource_kind kind)
{
    if (kind == HGH_PLUGIN_METADATA) {
        return HGH_USE_METADATA;
    }
    return is_of_consumer(kind) && (plugin->descriptor->flags & HG_AUTH) != 0 ? HGH_USE_CONSUMER
                                                                              : HGH_USE_CONFIG;
}

/* The configuration of a plugin in an object; NULL: it has none. */
static const json_t *
value_on(const hgh_plugin *plugin, hgh_resource_kind kind, const char *id, const json_t *object)
{
    if (kind == HGH_PLUGIN_METADATA && strcmp(id, plugin->name) != 0) {
        return NULL;
    }
    return hgh_configuration_value(object, plugin->name, use_on(plugin, kind));
}

/* A walk over the objects in force that judges their configurations with a plugin's new code. */
typedef struct rejudgement {
    const hgh_generation *generation; /* in force */
    hgh_plugin *plugin;
    hgh_resource_kind kind;
    hg_status status;
    hg_error *err;
} rejudgement;

/* Those inside the configurations of other plugins. */
static hg_status
rejudge_delegates(const rejudgement *walk, const char *id, json_t *object, hg_issues *issues)
{
    hg_status status = HG_OK;
    const char *name;
    json_t *value;

    json_object_foreach(json_object_get(object, "plugins"), name, value)
    {
        hgh_plugin *outer = NULL;
        hgh_delegate delegate = {0};

        (void)hgh_generation_find(walk->generation, name, &outer, NULL);
        while (status == HG_OK && outer != NULL && outer->delegates != NULL &&
               hgh_delegate_next(outer->delegates, value, &delegate)) {
            if (strcmp(delegate.name, walk->plugin->name) == 0) {
                status = judge(walk->plugin, HGH_USE_CONFIG, delegate.value,
                               hgh_resource_kind_name(walk->kind), id, "", issues);
            }
        }
    }
    return status;
}

static void rejudge_resource(void *context, hgh_map_node *node)
{
    rejudgement *walk = context;
    const hgh_cell *cell = HGH_CONTAINER_OF(node, hgh_cell, node);
    hg_issues issues = {0};
    json_t *object;
    const json_t *value;

    if (walk->status != HG_OK || cell->current == NULL) {
        return;
    }
    object = hgh_resource_json(cell->current);
    value = value_on(walk->plugin, walk->kind, cell->id, object);
    if (value != NULL) {
        walk->status = judge(walk->plugin, use_on(walk->plugin, walk->kind), value,
                             hgh_resource_kind_name(walk->kind), cell->id, "", &issues);
    }
    if (walk->status == HG_OK) {
        walk->status = rejudge_delegates(walk, cell->id, object, &issues);
    }
    if (walk->status != HG_OK) {
        char line[HG_ERROR_TEXT_MAX];

        (void)hg_error_set(walk->err, walk->status, "%s/%.64s: %.380s",
                           hgh_resource_kind_name(walk->kind), cell->id,
                           hgh_issues_first(&issues, line, sizeof(line)));
    }
    hgh_issues_done(&issues);
    json_decref(object);
}

/*
 * What the gateway's probe process does with a candidate: it loads the object apart from the
 * gateway's own memory and judges with it every configuration that is in use.
 */
static hg_status candidate_probe(
    hg_test *test, const char *path, const char *name, const json_t *attributes, hg_error *err)
{
    _Atomic uint64_t marker = 0;
    hgh_plugin_host plugin_host = {
        .blame = {.marker = &marker},
        .arena = hgh_arena_new(ARENA_BYTES),
        .engine = &hgh_loopback_engine,
        .log_level = 0, /* it would say everything twice */
    };
    hgh_plugin *plugin = NULL;
    hg_issues issues = {0};
    hg_status status = HG_ERR_NO_MEMORY;

    if (plugin_host.arena != NULL) {
        status = hgh_plugin_load(&plugin_host, path, name, 1, attributes, &plugin, &issues, err);
    }
    for (int kind = 0; status == HG_OK && kind < HGH_RESOURCE_KINDS; kind++) {
        rejudgement walk = {test->runtime->generation, plugin, (hgh_resource_kind)kind, HG_OK, err};

        hgh_map_each(&test->runtime->snapshot.kinds[kind], rejudge_resource, &walk);
        status = walk.status;
    }
    hgh_issues_done(&issues);
    hgh_plugin_unref(plugin);
    hgh_arena_close(plugin_host.arena);
    return status;
}

/* ------------------------------------------------------------------------ loading plugins */

static hg_status file_copy(const char *from, const char *to, hg_error *err)
{
    char *buffer = malloc(COPY_BYTES);
    int in = open(from, O_RDONLY | O_CLOEXEC);
    int out = in < 0 ? -1 : open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0500);
    ssize_t length = 0;
    hg_status status = HG_OK;

    if (in < 0 || out < 0 || buffer == NULL) {
        status = hg_error_set(err, HG_ERR_IO, "%.300s: %s", in < 0 ? from : to, strerror(errno));
        goto cleanup;
    }
    while ((length = read(in, buffer, COPY_BYTES)) > 0) {
        if (write(out, buffer, (size_t)length) != length) {
            length = -1;
            break;
        }
    }
    if (length < 0) {
        status = hg_error_set(err, HG_ERR_IO, "%.300s: %s", from, strerror(errno));
    }

cleanup:
    if (in >= 0) {
        (void)close(in);
    }
    if (out >= 0) {
        (void)close(out);
    }
    free(buffer);
    return status;
}

/* The stem of an object's file: "build/hello.so" is "hello". */
static hg_status name_of(const char *path, char *name, size_t size, hg_error *err)
{
    const char *slash = strrchr(path, '/');
    const char *base = slash == NULL ? path : slash + 1;
    size_t length = strlen(base);

    if (length < 4 || length - 3 >= size || strcmp(base + length - 3, ".so") != 0) {
        return hg_error_set(err, HG_ERR_INVALID, "%.300s: wanted a file called NAME.so", path);
    }
    memcpy(name, base, length - 3);
    name[length - 3] = '\0';
    return HG_OK;
}

static size_t plugin_index(const hg_test *test, const char *name)
{
    size_t index;
    json_t *plugin;

    json_array_foreach(test->plugins, index, plugin)
    {
        if (strcmp(json_string_value(json_object_get(plugin, "name")), name) == 0) {
            break;
        }
    }
    return index;
}

/* Puts the copy at `path` into service. */
static hg_status
plugin_enter(hg_test *test, const char *name, const char *path, json_t *attributes, hg_error *err)
{
    size_t index = plugin_index(test, name);
    json_t *entry = json_pack("{s:s, s:s, s:I, s:O*}", "name", name, "path", path, "number",
                              (json_int_t)test->generation + 1, "attributes", attributes);
    json_t *plugins = json_copy(test->plugins);
    const char *old_path =
        json_string_value(json_object_get(json_array_get(test->plugins, index), "path"));
    hg_status status = HG_ERR_NO_MEMORY;

    if (entry != NULL && plugins != NULL) {
        int failed = index < json_array_size(plugins) ? json_array_set(plugins, index, entry)
                                                      : json_array_append(plugins, entry);

        status = failed != 0 ? HG_ERR_NO_MEMORY : generation_set(test, plugins, err);
    }
    if (status == HG_OK) {
        if (old_path != NULL) {
            (void)unlink(old_path); /* mapped as long as a request needs it */
        }
        json_decref(test->plugins);
        test->plugins = json_incref(plugins);
    }
    json_decref(entry);
    json_decref(plugins);
    return status;
}

hg_status hg_test_load(hg_test *test, const char *path, const char *attributes_text, hg_error *err)
{
    char name[HG_NAME_MAX + 1];
    char probe_path[PATH_TEXT_MAX];
    char own_path[PATH_TEXT_MAX];
    json_error_t where;
    json_t *attributes = NULL;
    hg_status status;

    enter(test);
    status = name_of(path, name, sizeof(name), err);
    if (status != HG_OK) {
        return status;
    }
    if (attributes_text != NULL) {
        attributes = json_loads(attributes_text, 0, &where);
        if (attributes == NULL) {
            return hg_error_set(err, HG_ERR_INVALID, "attributes: %s", where.text);
        }
    }
    (void)snprintf(probe_path, sizeof(probe_path), "%s/%s.probe.so", test->directory, name);
    (void)snprintf(own_path, sizeof(own_path), "%s/%s.%u.so", test->directory, name,
                   test->generation + 1);
    status = file_copy(path, probe_path, err);
    if (status == HG_OK) {
        status = candidate_probe(test, probe_path, name, attributes, err);
    }
    (void)unlink(probe_path);
    if (status == HG_OK) {
        status = file_copy(path, own_path, err);
    }
    if (status == HG_OK) {
        status = plugin_enter(test, name, own_path, attributes, err);
        if (status != HG_OK) {
            (void)unlink(own_path);
        }
    }
    json_decref(attributes);
    leave(test);
    return status;
}

hg_status hg_test_unload(hg_test *test, const char *plugin, hg_error *err)
{
    size_t index = plugin_index(test, plugin);
    json_t *plugins;
    hg_status status = HG_ERR_NO_MEMORY;

    enter(test);
    if (index == json_array_size(test->plugins)) {
        return hg_error_set(err, HG_ERR_NOT_FOUND, "%.64s: is not loaded", plugin);
    }
    plugins = json_copy(test->plugins);
    if (plugins != NULL && json_array_remove(plugins, index) == 0) {
        status = generation_set(test, plugins, err);
    }
    if (status == HG_OK) {
        (void)unlink(
            json_string_value(json_object_get(json_array_get(test->plugins, index), "path")));
        json_decref(test->plugins);
        test->plugins = json_incref(plugins);
    }
    json_decref(plugins);
    leave(test);
    return status;
}

size_t hg_test_objects_mapped(hg_test *test)
{
    const hgh_plugin_host *plugin_host = &test->runtime->plugin_host;

    return (size_t)(plugin_host->objects_mapped + plugin_host->objects_pinned);
}

static hgh_plugin *plugin_find(const hg_test *test, const char *name)
{
    hgh_plugin *plugin = NULL;

    (void)hgh_generation_find(test->runtime->generation, name, &plugin, NULL);
    return plugin;
}

json_t *hg_test_describe(hg_test *test, const char *name)
{
    const hgh_plugin *plugin = plugin_find(test, name);

    return plugin == NULL ? NULL : hgh_plugin_describe(plugin);
}

/* --------------------------------------------------------------------------- configuration */

static hg_status json_read(const char *text, json_t **out_value, hg_error *err)
{
    json_error_t where;
    json_t *value = json_loads(text, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &where);

    if (value == NULL) {
        return hg_error_set(err, HG_ERR_INVALID, "JSON, line %d column %d: %s", where.line,
                            where.column, where.text);
    }
    /* As the Admin API reads a body; what is too deep is refused by who judges it. */
    *out_value = hgh_json_is_too_deep(value) ? value : hgh_json_make_whole(value);
    return HG_OK;
}

static hg_status issues_report(const hg_issues *issues, const char *prefix, hg_error *err)
{
    char line[HG_ERROR_TEXT_MAX];

    return hg_error_set(err, HG_ERR_INVALID, "%s%.440s", prefix,
                        hgh_issues_first(issues, line, sizeof(line)));
}

hg_status hg_test_check(hg_test *test,
                        const char *plugin_name,
                        hg_test_use use,
                        const char *configuration,
                        json_t **out_issues,
                        hg_error *err)
{
    static const struct {
        hgh_resource_kind kind;
        const char *resource;
    } places[] = {
        [HG_TEST_ON_ROUTE] = {HGH_ROUTES, "routes"},
        [HG_TEST_ON_CONSUMER] = {HGH_CONSUMERS, "consumers"},
        [HG_TEST_AS_METADATA] = {HGH_PLUGIN_METADATA, "plugin_metadata"},
    };
    hgh_plugin *plugin = plugin_find(test, plugin_name);
    char prefix[HG_NAME_MAX + 16];
    hg_issues issues = {0};
    json_t *value = NULL;
    hg_status status;

    enter(test);
    if (plugin == NULL) {
        return hg_error_set(err, HG_ERR_NOT_FOUND, "unknown plugin [%.64s]", plugin_name);
    }
    status = json_read(configuration, &value, err);
    if (status != HG_OK) {
        return status;
    }
    (void)snprintf(prefix, sizeof(prefix), "/plugins/%s", plugin_name);
    status = judge(plugin, use_on(plugin, places[use].kind), value, places[use].resource,
                   use == HG_TEST_AS_METADATA ? plugin_name : "1",
                   use == HG_TEST_AS_METADATA ? "" : prefix, &issues);
    if (use_on(plugin, places[use].kind) == HGH_USE_CONFIG) {
        hgh_delegates_judge(test->runtime->generation, plugin, value, places[use].resource, "1",
                            prefix, &issues, NULL);
        status = status == HG_OK && !hgh_issues_is_empty(&issues) ? HG_ERR_INVALID : status;
    }
    if (status != HG_OK) {
        status = issues_report(&issues, "", err);
    }
    if (out_issues != NULL) {
        *out_issues = hgh_issues_json(&issues);
    }
    hgh_issues_done(&issues);
    json_decref(value);
    leave(test);
    return status;
}

static void unknown_plugin(hg_issues *issues, const char *prefix, const char *name)
{
    char text[HG_ERROR_TEXT_MAX];

    (void)snprintf(text, sizeof(text), "unknown plugin [%.64s]", name);
    hgh_issues_add(issues, prefix, "a plugin that is not there", "a loaded plugin", text);
}

/* Judges every configuration of an object. */
static hg_status
object_judge(hg_test *test, hgh_resource_kind kind, const char *id, json_t *object, hg_error *err)
{
    json_t *plugins = json_object_get(object, "plugins");
    json_t *metadata = kind == HGH_PLUGIN_METADATA ? json_pack("{s:O}", id, object) : NULL;
    hg_issues issues = {0};
    hg_status status = HG_OK;
    const char *name;
    json_t *value;

    json_object_foreach(metadata == NULL ? plugins : metadata, name, value)
    {
        hgh_plugin *plugin = plugin_find(test, name);
        char prefix[PATH_TEXT_MAX] = "/plugins";

        (void)hgh_pointer_append(prefix, strlen(prefix), sizeof(prefix), name);
        if (plugin == NULL) {
            unknown_plugin(&issues, prefix, name);
        } else {
            (void)judge(plugin, use_on(plugin, kind), value, hgh_resource_kind_name(kind), id,
                        metadata == NULL ? prefix : "", &issues); /* the findings say it */
            if (use_on(plugin, kind) == HGH_USE_CONFIG) {
                hgh_delegates_judge(test->runtime->generation, plugin, value,
                                    hgh_resource_kind_name(kind), id, prefix, &issues, NULL);
            }
        }
    }
    if (!hgh_issues_is_empty(&issues)) {
        status = issues_report(&issues,
                               is_of_consumer(kind) ? "invalid plugins configuration: " : "", err);
    }
    hgh_issues_done(&issues);
    json_decref(metadata);
    return status;
}

static hg_status
key_split(const char *key, hgh_resource_kind *out_kind, hg_text *out_id, hg_error *err)
{
    const char *slash = strchr(key, '/');

    if (slash == NULL || slash[1] == '\0' ||
        !hgh_resource_kind_find((hg_text){key, (size_t)(slash - key)}, out_kind)) {
        return hg_error_set(err, HG_ERR_INVALID,
                            "found \"%.100s\", wanted routes/ID, services/ID, upstreams/ID, "
                            "plugin_configs/ID, global_rules/ID, consumers/NAME, "
                            "consumers/NAME/credentials/ID, consumer_groups/ID or "
                            "plugin_metadata/PLUGIN",
                            key);
    }
    *out_id = hg_text_of(slash + 1);
    if (*out_kind == HGH_CONSUMERS && strstr(slash + 1, HGH_CREDENTIAL_PLACE) != NULL) {
        *out_kind = HGH_CREDENTIALS;
    }
    return HG_OK;
}

static hg_status
object_enter(hg_test *test, hgh_resource_kind kind, hg_text id, json_t *object, hg_error *err)
{
    char *text = json_dumps(object, JSON_COMPACT);
    hgh_feed_slice source;

    if (text == NULL) {
        return hg_error_set(err, HG_ERR_NO_MEMORY, "out of memory");
    }
    source = hgh_feed_slice_copy(text, strlen(text));
    free(text);
    if (source.file == NULL) {
        return hg_error_set(err, HG_ERR_NO_MEMORY, "out of memory");
    }
    test->revision++;
    return hgh_runtime_put(test->runtime, kind, id, source, test->revision, test->revision, err);
}

hg_status hg_test_put(hg_test *test, const char *key, const char *text, hg_error *err)
{
    hgh_resource_kind kind = HGH_ROUTES;
    hg_text id = {0};
    json_t *object = NULL;
    hg_status status;

    enter(test);
    status = key_split(key, &kind, &id, err);
    if (status == HG_OK) {
        status = json_read(text, &object, err);
    }
    if (status == HG_OK) {
        status = object_judge(test, kind, id.data, object, err);
    }
    if (status == HG_OK) {
        status = object_enter(test, kind, id, object, err);
    }
    json_decref(object);
    leave(test);
    return status;
}

hg_status hg_test_delete(hg_test *test, const char *key, hg_error *err)
{
    hgh_resource_kind kind = HGH_ROUTES;
    hg_text id = {0};
    hg_status status;

    enter(test);
    status = key_split(key, &kind, &id, err);
    if (status == HG_OK) {
        status = hgh_runtime_delete(test->runtime, kind, id);
        if (status != HG_OK) {
            (void)hg_error_set(err, status, "%.100s: is not there", key);
        }
    }
    leave(test);
    return status;
}

/* ---------------------------------------------------------------------------------- requests */

void hg_test_set_upstream(hg_test *test, const hg_test_upstream *upstream)
{
    upstream_clear(test);
    if (upstream == NULL) {
        return;
    }
    test->upstream = *upstream;
    test->upstream.headers = upstream->headers == NULL ? NULL : strdup(upstream->headers);
    test->upstream.body = NULL;
    if (upstream->body != NULL) {
        size_t length = upstream->body_length > 0 ? upstream->body_length : strlen(upstream->body);
        char *body = malloc(length + 1);

        if (body != NULL) {
            memcpy(body, upstream->body, length);
        }
        test->upstream.body = body;
        test->upstream.body_length = body == NULL ? 0 : length;
    }
}

static hgh_exchange *exchange_of(hg_test *test, const hg_test_exchange *view)
{
    hgh_exchange *exchange = test->exchanges;

    while (exchange != NULL && &exchange->view != view) {
        exchange = exchange->next;
    }
    return exchange;
}

/* Lets run what can without the clock. */
static bool settle(hg_test *test, int real_timeout_ms)
{
    uint32_t ran = hgh_loop_run(&test->loop, real_timeout_ms);

    if (ran == UINT32_MAX) {
        hgh_gateway_fail(test, "the loop does not come to rest: something waits for no time again "
                               "and again");
    }
    return ran > 0;
}

static hgh_exchange *exchange_begin(hg_test *test, const hg_test_request *request)
{
    hgh_exchange *exchange = NULL;
    hg_error err = HG_ERROR_INIT;

    if (hgh_exchange_new(test, request, &exchange, &err) != HG_OK) {
        hgh_gateway_fail(test, "request: %s", err.text);
        return NULL;
    }
    exchange->next = test->exchanges;
    test->exchanges = exchange;
    hgh_exchange_start(exchange);
    (void)settle(test, 0);
    return exchange;
}

/* Moves the clock to the next timer; false: nothing will ever happen. */
static bool jump(hg_test *test)
{
    uint64_t due_ms;

    if (!hgh_loop_next_timer(&test->loop, &due_ms)) {
        return false;
    }
    hgh_loop_advance(&test->loop, due_ms - test->loop.now_ms);
    return settle(test, 0);
}

static void exchange_finish(hg_test *test, hgh_exchange *exchange)
{
    while (!exchange->view.ended && test->failure == NULL) {
        if (hgh_loop_is_watching(&test->loop) && settle(test, DESCRIPTOR_WAIT_MS)) {
            continue;
        }
        if (!jump(test)) {
            hgh_gateway_fail(test, "the request waits for something that cannot happen");
        }
    }
}

/* What callers get when there is no exchange and the failure did not end the test. */
static const hg_test_exchange no_exchange = {
    .ended = true,
    .body = "",
    .upstream_method = "",
    .upstream_uri = "",
    .upstream_host = "",
    .upstream_node = "",
    .upstream_body = "",
};

const hg_test_exchange *hg_test_begin(hg_test *test, const hg_test_request *request)
{
    hgh_exchange *exchange;

    enter(test);
    exchange = exchange_begin(test, request);
    leave(test);
    return exchange == NULL ? &no_exchange : &exchange->view;
}

void hg_test_finish(hg_test *test, const hg_test_exchange *view)
{
    hgh_exchange *exchange = exchange_of(test, view);

    enter(test);
    if (exchange != NULL) {
        exchange_finish(test, exchange);
    }
    leave(test);
}

const hg_test_exchange *hg_test_send(hg_test *test, const hg_test_request *request)
{
    hgh_exchange *exchange;

    enter(test);
    exchange = exchange_begin(test, request);
    if (exchange != NULL) {
        exchange_finish(test, exchange);
    }
    leave(test);
    return exchange == NULL ? &no_exchange : &exchange->view;
}

const hg_test_exchange *hg_test_get(hg_test *test, const char *uri)
{
    hg_test_request request = {.uri = uri};

    return hg_test_send(test, &request);
}

void hg_test_cancel(hg_test *test, const hg_test_exchange *view)
{
    hgh_exchange *exchange = exchange_of(test, view);

    enter(test);
    if (exchange != NULL) {
        hgh_exchange_cancel(exchange);
        (void)settle(test, 0);
    }
    leave(test);
}

const char *hg_test_header(hg_test *test, const hg_test_exchange *view, const char *name)
{
    hgh_exchange *exchange = exchange_of(test, view);

    return exchange == NULL
               ? NULL
               : hgh_headers_joined(&exchange->sent_headers, &exchange->kept, hg_text_of(name));
}

const char *hg_test_upstream_header(hg_test *test, const hg_test_exchange *view, const char *name)
{
    hgh_exchange *exchange = exchange_of(test, view);

    return exchange == NULL ? NULL
                            : hgh_headers_joined(&exchange->upstream_sent_headers, &exchange->kept,
                                                 hg_text_of(name));
}

/* ---------------------------------------------------------------------------- time and state */

void hg_test_advance(hg_test *test, uint64_t duration_ms)
{
    uint64_t end_ms = test->loop.now_ms + duration_ms;
    uint64_t due_ms;

    enter(test);
    (void)settle(test, 0);
    while (test->failure == NULL && hgh_loop_next_timer(&test->loop, &due_ms) && due_ms <= end_ms) {
        (void)jump(test);
    }
    hgh_loop_advance(&test->loop, end_ms - test->loop.now_ms);
    (void)settle(test, 0);
    leave(test);
}

void hg_test_set_wall_ms(hg_test *test, int64_t wall_ms)
{
    test->loop.wall_ms = wall_ms;
}

uint64_t hg_test_now_ms(hg_test *test)
{
    return test->loop.now_ms;
}

int64_t hg_test_wall_ms(hg_test *test)
{
    return test->loop.wall_ms;
}

bool hg_test_poll(hg_test *test, int real_timeout_ms)
{
    bool ran;

    enter(test);
    ran = settle(test, real_timeout_ms);
    leave(test);
    return ran;
}

hg_status hg_test_metric(hg_test *test,
                         const char *plugin_name,
                         const char *metric,
                         const char *const *labels,
                         int64_t *out_value)
{
    const hgh_plugin *plugin = plugin_find(test, plugin_name);
    hg_text values[HG_METRIC_LABELS_MAX] = {{0}};
    hg_status status = HG_ERR_NOT_FOUND;

    for (size_t i = 0; labels != NULL && labels[i] != NULL && i < HG_METRIC_LABELS_MAX; i++) {
        values[i] = hg_text_of(labels[i]);
    }
    for (uint32_t i = 0; plugin != NULL && i < plugin->metrics_count; i++) {
        if (strcmp(plugin->descriptor->metrics[i].name, metric) == 0) {
            status = hgh_metric_get(&plugin->metrics[i], values, out_value);
        }
    }
    return status;
}

/* A walk over the tables for the one of that name. */
typedef struct table_search {
    const char *name;
    hgh_table *table;
} table_search;

static void table_compare(void *context, const char *name, const char *layout, hgh_table *table)
{
    table_search *search = context;

    (void)layout;
    if (strcmp(name, search->name) == 0) {
        search->table = table; /* of several layouts the one that was made last */
    }
}

hg_status hg_test_dict_get(hg_test *test,
                           const char *plugin,
                           const char *dict,
                           const char *key,
                           int64_t *out_value,
                           uint64_t *out_ttl_ms)
{
    char name[HGH_TABLE_NAME_MAX + 1];
    table_search search = {name, NULL};

    (void)snprintf(name, sizeof(name), "dict/%s/%s", plugin, dict);
    hgh_arena_each_table(test->arena, table_compare, &search);
    return search.table == NULL ? HG_ERR_NOT_FOUND
                                : hgh_table_get(search.table, hg_text_of(key), test->loop.now_ms,
                                                out_value, out_ttl_ms);
}
