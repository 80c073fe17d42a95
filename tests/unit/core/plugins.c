/* tests/unit/core/plugins.c - loads the objects of tests/plugins, for tests of the core. */
#include "tests/unit/core/plugins.h"

#include <dirent.h>
#include <limits.h>
#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "host/core/issues.h"
#include "tests/unit/core/fake_engine.h"
#include "tests/unit/unit.h"

#define ARENA_BYTES (4u << 20)

void plugin_place_init(plugin_place *place)
{
    (void)snprintf(place->directory, sizeof(place->directory), "/tmp/hotgate-unit-XXXXXX");
    assert_non_null(mkdtemp(place->directory));
    place->host = (hgh_plugin_host){
        .blame = {.marker = &place->marker},
        .arena = hgh_arena_new(ARENA_BYTES),
        .engine = &fake_engine,
        .log_level = HG_LOG_DEBUG,
    };
    assert_non_null(place->host.arena);
    fake_log_clear();
}

void plugin_place_done(plugin_place *place)
{
    DIR *directory = opendir(place->directory);
    const struct dirent *item;

    assert_int_equal(place->host.objects_mapped, place->host.objects_pinned);
    assert_int_equal(atomic_load(&place->marker), 0);
    while (directory != NULL && (item = readdir(directory)) != NULL) {
        (void)unlinkat(dirfd(directory), item->d_name, 0);
    }
    (void)closedir(directory);
    (void)rmdir(place->directory);
    hgh_arena_close(place->host.arena);
    memset(place, 0, sizeof(*place));
}

const char *plugin_path(const char *name)
{
    static char path[PATH_MAX];
    const char *directory = getenv("HOTGATE_TEST_PLUGINS");

    assert_non_null(directory);
    (void)snprintf(path, sizeof(path), "%s/%s.so", directory, name);
    return path;
}

const char *plugin_copy(const plugin_place *place, const char *name, const char *as)
{
    static char path[PATH_MAX];
    FILE *from = fopen(plugin_path(name), "rb");
    FILE *to;
    char buffer[8192];
    size_t length;

    (void)snprintf(path, sizeof(path), "%s/%s", place->directory, as);
    to = fopen(path, "wb");
    assert_non_null(from);
    assert_non_null(to);
    while ((length = fread(buffer, 1, sizeof(buffer), from)) > 0) {
        assert_int_equal(fwrite(buffer, 1, length, to), length);
    }
    assert_int_equal(fclose(to), 0);
    (void)fclose(from);
    return path;
}

static int ends_so(struct dl_phdr_info *info, size_t size, void *context)
{
    const char *end = context;
    size_t length = strlen(info->dlpi_name);

    (void)size;
    return length >= strlen(end) && strcmp(info->dlpi_name + length - strlen(end), end) == 0;
}

bool plugin_is_mapped(const char *path_end)
{
    return dl_iterate_phdr(ends_so, (void *)(uintptr_t)path_end) != 0;
}

hgh_plugin *plugin_load(plugin_place *place, const char *name, uint32_t number)
{
    hgh_plugin *plugin = NULL;
    hg_issues issues = {0};
    hg_error err = HG_ERROR_INIT;

    if (hgh_plugin_load(&place->host, plugin_path(name), name, number, NULL, &plugin, &issues,
                        &err) != HG_OK) {
        fail_msg("%s", err.text);
    }
    return plugin;
}

json_t *manifest_make(uint64_t generation, const char *listed, const char *entries)
{
    json_t *plugins = json_array();
    json_t *list = listed == NULL ? json_null() : json_loads(listed, 0, NULL);
    char *copy = strdup(entries);
    char *rest = NULL;

    assert_non_null(list);
    for (char *entry = strtok_r(copy, " ", &rest); entry != NULL;
         entry = strtok_r(NULL, " ", &rest)) {
        char *number = strchr(entry, '=');
        char *path = strchr(entry, '@');

        assert_non_null(number);
        *number++ = '\0';
        (void)json_array_append_new(plugins, json_pack("{s:s, s:s, s:i}", "name", entry, "path",
                                                       path == NULL ? plugin_path(entry) : path + 1,
                                                       "number", (int)strtol(number, NULL, 10)));
    }
    free(copy);
    return json_pack("{s:I, s:o, s:o}", "generation", (json_int_t)generation, "listed", list,
                     "plugins", plugins);
}

hgh_generation *generation_make(plugin_place *place,
                                const hgh_generation *previous,
                                uint64_t number,
                                const char *listed,
                                const char *entries)
{
    json_t *manifest = manifest_make(number, listed, entries);
    hgh_generation *generation = NULL;
    hg_error err = HG_ERROR_INIT;
    bool done = false;

    assert_int_equal(hgh_generation_new(manifest, &generation, &err), HG_OK);
    json_decref(manifest);
    while (!done) {
        (void)hgh_generation_load_next(generation, &place->host, previous, &done, &err);
    }
    return generation;
}
