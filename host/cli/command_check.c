/* host/cli/command_check.c - `hotgate check`: what the gateway would say of a plugin's object. */
#include <errno.h>
#include <getopt.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <jansson.h>

#include "host/cli/command.h"
#include "host/cli/report.h"
#include "host/control/admission.h"
#include "host/control/event_loop.h"
#include "host/control/instance.h"
#include "host/control/probe.h"
#include "host/control/staging.h"
#include "host/core/arena.h"

#define PROBE_MS 2000u
#define NUMBER   1

typedef struct check {
    const char *path; /* as it was given */
    const char *config;
    bool json;
    char name[NAME_MAX + 1];
    hgh_object_file file;
    hgh_object_claims claims;
    json_t *report; /* {file, name, version, sha256, ..., result, error, issues, description} */
    hgh_event_loop *loop;
    hgh_probe *probe;
    bool answered;
} check;

static void usage(FILE *out)
{
    (void)fputs("Usage: hotgate check [--config JSON] [--json] FILE.so\n\n"
                "Examines a plugin's object as a reload would: what can be seen in the file, then\n"
                "what a process of its own finds by loading it.\n\n"
                "  --config JSON  also judge this configuration of the plugin\n"
                "  --json         print the report as JSON\n"
                "  --help         show this text\n\n"
                "Exit code: 0 it can be put into service, 1 it is refused, 2 wrong usage.\n",
                out);
}

static void refuse(check *self, const char *reason, json_t *issues)
{
    (void)json_object_set_new(self->report, "result", json_string("refused"));
    (void)json_object_set_new(self->report, "error", json_string(reason));
    if (json_array_size(issues) > 0) {
        (void)json_object_set(self->report, "issues", issues);
    }
}

/* ------------------------------------------------------------------------------------ file */

/* The name that a file in the plugins directory gives its plugin. */
static bool name_take(check *self)
{
    const char *slash = strrchr(self->path, '/');
    const char *base = slash == NULL ? self->path : slash + 1;
    size_t length = strlen(base);

    if (length <= 3 || length > NAME_MAX || strcmp(base + length - 3, ".so") != 0) {
        refuse(self, "the file's name does not end in .so: the gateway would not see it", NULL);
        return false;
    }
    memcpy(self->name, base, length - 3);
    self->name[length - 3] = '\0';
    (void)json_object_set_new(self->report, "name", json_string(self->name));
    return true;
}

static bool file_examine(check *self)
{
    hg_issues issues = {0};
    hg_error err = HG_ERROR_INIT;
    char line[HG_ERROR_TEXT_MAX];
    char real[PATH_MAX];
    json_t *all;
    hg_status status;

    /* The walk to the file follows no link; a path that was typed may hold some. */
    if (realpath(self->path, real) == NULL) {
        (void)snprintf(line, sizeof(line), "%s: %s", self->path, strerror(errno));
        refuse(self, line, NULL);
        return false;
    }
    if (hgh_object_file_read(real, &self->file, &err) != HG_OK) {
        refuse(self, err.text, NULL);
        return false;
    }
    (void)json_object_set_new(self->report, "sha256", json_string(self->file.sha256));
    status = hgh_admission_check(&self->file, self->name, NULL, &self->claims, &issues);
    if (status != HG_OK) {
        all = hgh_issues_json(&issues);
        refuse(self, hgh_issues_first(&issues, line, sizeof(line)), all);
        json_decref(all);
    } else {
        (void)json_object_set_new(self->report, "version", json_string(self->claims.version));
        (void)json_object_set_new(self->report, "build_id", json_string(self->claims.build_id));
    }
    hgh_issues_done(&issues);
    return status == HG_OK;
}

/* ----------------------------------------------------------------------------------- probe */

static void on_message(void *context, const json_t *message)
{
    check *self = context;
    const char *error = json_string_value(json_object_get(message, "error"));

    self->answered = true;
    (void)json_object_set(self->report, "description", json_object_get(message, "description"));
    if (json_is_true(json_object_get(message, "ok"))) {
        (void)json_object_set_new(self->report, "result", json_string("accepted"));
    } else {
        refuse(self, error == NULL ? "" : error, json_object_get(message, "issues"));
    }
    hgh_event_loop_stop(self->loop);
}

static void on_end(void *context, const char *why, uint32_t object)
{
    check *self = context;

    (void)object;
    if (!self->answered) {
        refuse(self, why, NULL);
    }
    hgh_event_loop_stop(self->loop);
}

/* One configuration to be judged, as a live one would be. */
static bool configs_make(check *self, json_t **out_configs)
{
    json_error_t where;
    json_t *value;

    *out_configs = json_array();
    if (self->config == NULL) {
        return true;
    }
    value = json_loads(self->config, JSON_REJECT_DUPLICATES, &where);
    if (value == NULL) {
        char line[HG_ERROR_TEXT_MAX];

        (void)snprintf(line, sizeof(line), "--config: column %d: %s", where.column, where.text);
        refuse(self, line, NULL);
        return false;
    }
    (void)json_array_append_new(*out_configs,
                                json_pack("{s:s, s:s, s:s, s:o}", "use", "config", "resource",
                                          "routes", "id", "check", "value", value));
    return true;
}

static void object_probe(check *self, const char *directory, const char *staged, hg_error *err)
{
    hgh_probe_options options = {
        .loop = self->loop,
        .directory = directory,
        .shared_memory_bytes = HGH_ARENA_DEFAULT_BYTES,
        .on_message = on_message,
        .on_end = on_end,
        .context = self,
    };
    json_t *configs = NULL;
    json_t *message;

    if (!configs_make(self, &configs)) {
        json_decref(configs);
        return;
    }
    if (hgh_probe_start(&options, &self->probe, err) != HG_OK) {
        json_decref(configs);
        refuse(self, err->text, NULL);
        return;
    }
    message = json_pack("{s:s, s:s, s:s, s:i, s:o}", "op", "examine", "name", self->name, "path",
                        staged, "number", NUMBER, "configs", configs);
    hgh_probe_set_deadline(self->probe, PROBE_MS);
    hgh_probe_send(self->probe, message);
    json_decref(message);
    if (hgh_event_loop_run(self->loop, err) != HG_OK) {
        refuse(self, err->text, NULL);
    }
}

/* Stages the bytes that were judged in a private place, and lets a probe load that copy. */
static void object_load(check *self)
{
    char directory[] = "/tmp/hotgate-check-XXXXXX";
    hgh_instance instance = {.directory = directory};
    hg_error err = HG_ERROR_INIT;
    char *staging = NULL;
    char *staged = NULL;

    if (mkdtemp(directory) == NULL) {
        (void)hg_error_set(&err, HG_ERR_IO, "%s: %s", directory, strerror(errno));
        refuse(self, err.text, NULL);
        return;
    }
    staging = hgh_instance_path(&instance, HGH_STAGING_DIRECTORY);
    if (staging == NULL || mkdir(staging, 0700) != 0 ||
        hgh_staging_write(&instance, self->name, 1, &self->file, &staged, &err) != HG_OK ||
        hgh_event_loop_new(&self->loop, &err) != HG_OK) {
        refuse(self, err.text[0] == '\0' ? strerror(errno) : err.text, NULL);
    } else {
        object_probe(self, directory, staged, &err);
    }
    hgh_probe_free(self->probe);
    hgh_event_loop_free(self->loop);
    if (staged != NULL) {
        hgh_staging_remove(&instance, staged);
    }
    if (staging != NULL) {
        (void)rmdir(staging);
    }
    (void)rmdir(directory);
    free(staged);
    free(staging);
}

/* ---------------------------------------------------------------------------------- report */

static void print_report(check *self)
{
    if (self->json) {
        (void)json_dumpf(self->report, stdout, JSON_INDENT(2));
        (void)fputc('\n', stdout);
        return;
    }
    hgh_report_print(stdout, self->report);
}

static bool options_take(check *self, int argc, char **argv, int *out_code)
{
    static const struct option options[] = {{"config", required_argument, NULL, 'c'},
                                            {"json", no_argument, NULL, 'j'},
                                            {"help", no_argument, NULL, 'h'},
                                            {NULL, 0, NULL, 0}};
    int option;

    *out_code = HGH_EXIT_USAGE;
    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        switch (option) {
        case 'c':
            self->config = optarg;
            break;
        case 'j':
            self->json = true;
            break;
        case 'h':
            usage(stdout);
            *out_code = HGH_EXIT_OK;
            return false;
        default:
            usage(stderr);
            return false;
        }
    }
    if (optind + 1 != argc) {
        (void)fputs("hotgate check: wanted one FILE.so\n", stderr);
        usage(stderr);
        return false;
    }
    self->path = argv[optind];
    return true;
}

int hgh_command_check(int argc, char **argv)
{
    check self = {0};
    const char *result;
    int code;

    if (!options_take(&self, argc, argv, &code)) {
        return code;
    }
    self.report = json_pack("{s:s}", "file", self.path);
    if (name_take(&self) && file_examine(&self)) {
        object_load(&self);
    }
    print_report(&self);
    result = json_string_value(json_object_get(self.report, "result"));
    code = result != NULL && strcmp(result, "accepted") == 0 ? HGH_EXIT_OK : HGH_EXIT_FAILED;
    hgh_object_file_done(&self.file);
    json_decref(self.report);
    return code;
}
