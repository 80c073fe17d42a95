/* host/control/isolated_generations.c - which generations of plugins need an isolated runner. */
#include "host/control/isolated_generations.h"

#include <dirent.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "host/control/control_log.h"
#include "host/control/manifest.h"
#include "host/control/object_kind.h"
#include "host/control/runner_plan.h"
#include "host/control/supervisor_link.h"
#include "host/control/worker_board.h"
#include "host/core/time_limit.h"

#define LOOK_MS    500u /* between looks whether requests are left on earlier generations */
#define RELEASE_MS HGH_TIME_LIMIT(60000u) /* then the earlier runners end in any case */

struct hgh_isolated_generations {
    hgh_isolated_generations_options options;
    json_t *manifest;      /* in force; a reference, NULL: none yet */
    uint64_t asked;        /* the generation in force, if its runner was asked for; else 0 */
    uint64_t prepared;     /* likewise of the one that is being prepared */
    bool is_preparing;     /* nothing is taken away meanwhile */
    uint64_t committed_ms; /* of the last commit */
    hgh_event_loop_timer release;
};

/* --- what needs one --- */

static bool has_isolated_plugin(const json_t *manifest)
{
    const json_t *plugins = json_object_get(manifest, "plugins");

    for (size_t i = 0; i < json_array_size(plugins); i++) {
        if (json_is_true(json_object_get(json_array_get(plugins, i), "isolated"))) {
            return true;
        }
    }
    return false;
}

static bool has_isolating_object(const hgh_resource_table *table)
{
    const hgh_object_kind *kind;

    for (size_t i = 0; (kind = hgh_object_kind_at(i)) != NULL; i++) {
        if (hgh_resource_table_referer(table, kind->name, HGH_ISOLATION_KEY, NULL) != NULL) {
            return true;
        }
    }
    return false;
}

static bool is_needed(const hgh_isolated_generations *self, const json_t *manifest)
{
    return hgh_manifest_generation(manifest) != 0 &&
           (has_isolated_plugin(manifest) || has_isolating_object(self->options.table));
}

/* --- asking --- */

static hg_status ask(const hgh_isolated_generations *self,
                     const json_t *manifest,
                     uint64_t *out_asked,
                     hg_error *err)
{
    unsigned long long generation = hgh_manifest_generation(manifest);
    char name[64];
    char *path;
    hg_status status;

    (void)snprintf(name, sizeof(name), HGH_ISOLATED_MANIFEST, generation);
    path = hgh_instance_path(self->options.instance, name);
    status = path == NULL ? hg_error_set(err, HG_ERR_NO_MEMORY, "out of memory")
                          : hgh_manifest_write(path, manifest, err);
    free(path);
    if (status == HG_OK) {
        hgh_supervisor_link_isolate(self->options.instance->shared.supervisor, generation);
        *out_asked = generation;
    }
    return status;
}

static void drop(const hgh_isolated_generations *self, uint64_t generation)
{
    hgh_supervisor_link_drop(self->options.instance->shared.supervisor, generation);
}

/* Removes the manifests of those that `goes` is true of, and tells it of each: a runner was asked
 * for with it. Returns how many there were. */
static size_t manifests_sweep(const hgh_isolated_generations *self,
                              bool (*goes)(uint64_t generation, uint64_t than),
                              uint64_t than,
                              void (*tell)(const hgh_isolated_generations *self,
                                           uint64_t generation))
{
    char *path = hgh_instance_path(self->options.instance, HGH_ISOLATED_DIRECTORY);
    DIR *directory = path == NULL ? NULL : opendir(path);
    const struct dirent *entry;
    size_t count = 0;

    while (directory != NULL && (entry = readdir(directory)) != NULL) {
        uint64_t generation = strtoull(entry->d_name, NULL, 10);

        if (entry->d_name[0] != '.' && goes(generation, than)) {
            (void)unlinkat(dirfd(directory), entry->d_name, 0); /* it is tried again */
            count++;
            if (tell != NULL) {
                tell(self, generation);
            }
        }
    }
    if (directory != NULL) {
        (void)closedir(directory);
    }
    free(path);
    return count;
}

static bool is_another(uint64_t generation, uint64_t than)
{
    return generation != than;
}

static bool is_later(uint64_t generation, uint64_t than)
{
    return generation > than;
}

/* What was prepared after the one in force has not come into force: nobody is on it. Its number may
 * be that of the next one. */
static void given_up_drop(const hgh_isolated_generations *self)
{
    (void)manifests_sweep(self, is_later, hgh_manifest_generation(self->manifest), drop);
}

static void on_release(void *context)
{
    hgh_isolated_generations *self = context;
    bool is_time = hgh_event_loop_now_ms() - self->committed_ms >= RELEASE_MS;

    if (self->is_preparing ||
        (!is_time && !hgh_worker_board_is_settled(self->options.board,
                                                  hgh_manifest_generation(self->manifest)))) {
        hgh_event_loop_timer_start(self->options.loop, &self->release, LOOK_MS, on_release, self);
        return;
    }
    if (manifests_sweep(self, is_another, self->asked, NULL) > 0) {
        hgh_supervisor_link_keep(self->options.instance->shared.supervisor, self->asked);
    }
}

/* As if it had been committed now. */
static void release_later(hgh_isolated_generations *self)
{
    self->committed_ms = hgh_event_loop_now_ms();
    hgh_event_loop_timer_start(self->options.loop, &self->release, LOOK_MS, on_release, self);
}

/* --- the life of generations --- */

hgh_isolated_generations *
hgh_isolated_generations_new(const hgh_isolated_generations_options *options)
{
    hgh_isolated_generations *self = calloc(1, sizeof(*self));

    if (self != NULL) {
        self->options = *options;
    }
    return self;
}

void hgh_isolated_generations_free(hgh_isolated_generations *self)
{
    if (self != NULL) {
        hgh_event_loop_timer_stop(self->options.loop, &self->release);
        json_decref(self->manifest);
        free(self);
    }
}

static void set_manifest(hgh_isolated_generations *self, const json_t *manifest)
{
    json_decref(self->manifest);
    self->manifest = json_incref((json_t *)(uintptr_t)manifest);
}

void hgh_isolated_generations_begin(hgh_isolated_generations *self, const json_t *manifest)
{
    set_manifest(self, manifest);
    given_up_drop(self);
    hgh_isolated_generations_look(self);
    release_later(self); /* of what control was doing before it ended */
}

void hgh_isolated_generations_look(hgh_isolated_generations *self)
{
    hg_error err = HG_ERROR_INIT;

    if (self->asked == 0 && is_needed(self, self->manifest) &&
        ask(self, self->manifest, &self->asked, &err) != HG_OK) {
        hgh_log(HG_LOG_ERROR, "no isolated runner: %s", err.text);
    }
}

hg_status hgh_isolated_generations_prepare(hgh_isolated_generations *self,
                                           const json_t *manifest,
                                           hg_error *err)
{
    hg_status status = HG_OK;

    self->prepared = 0;
    if (is_needed(self, manifest)) {
        status = ask(self, manifest, &self->prepared, err);
    }
    self->is_preparing = status == HG_OK;
    return status;
}

void hgh_isolated_generations_commit(hgh_isolated_generations *self, const json_t *manifest)
{
    set_manifest(self, manifest);
    self->asked = self->prepared;
    self->is_preparing = false;
    hgh_isolated_generations_look(self); /* objects may have changed since it was prepared */
    release_later(self);
}

void hgh_isolated_generations_abort(hgh_isolated_generations *self)
{
    if (self->is_preparing) {
        self->is_preparing = false;
        given_up_drop(self);
    }
}
