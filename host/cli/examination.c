/* host/cli/examination.c - what a reload would find about one object, without a gateway. */
#include "host/cli/examination.h"

#include <errno.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "host/control/admission.h"
#include "host/control/instance.h"
#include "host/control/probe.h"
#include "host/control/signature.h"
#include "host/control/staging.h"
#include "host/core/arena.h"
#include "host/core/event_loop.h"
#include "host/core/json_value.h"
#include "host/core/time_limit.h"

#define PROBE_MS HGH_TIME_LIMIT(2000u)
#define NUMBER   1

typedef struct examination {
    const hgh_examination_options *options;
    char name[NAME_MAX + 1];
    hgh_object_file file;
    hgh_object_claims claims;
    json_t *report; /* {file, name, version, sha256, ..., result, error, issues, description} */
    hgh_event_loop *loop;
    hgh_probe *probe;
    bool answered;
} examination;

static void refuse(examination *self, const char *reason, json_t *issues)
{
    char text[HG_ERROR_TEXT_MAX];

    (void)snprintf(text, sizeof(text), "%s", reason);
    hgh_utf8_mend(text); /* a path may hold any bytes */
    (void)json_object_set_new(self->report, "result", json_string("refused"));
    (void)json_object_set_new(self->report, "error", json_string(text));
    if (json_array_size(issues) > 0) {
        (void)json_object_set(self->report, "issues", issues);
    }
}

/* ------------------------------------------------------------------------------------ file */

/* The name that a file in the plugins directory gives its plugin. */
static bool name_take(examination *self)
{
    const char *slash = strrchr(self->options->path, '/');
    const char *base = slash == NULL ? self->options->path : slash + 1;
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

/* Who vouches for it. Without keys to judge with: only whether anybody does. */
static bool signature_examine(examination *self, const char *path)
{
    char signature[PATH_MAX + sizeof(HGH_SIGNATURE_SUFFIX)];
    char text[HGH_PUBLIC_KEY_TEXT];
    hgh_trusted_keys keys;
    size_t signer = 0;
    hg_error err = HG_ERROR_INIT;

    (void)snprintf(signature, sizeof(signature), "%s" HGH_SIGNATURE_SUFFIX, path);
    if (json_array_size(self->options->trusted_keys) == 0) {
        (void)json_object_set_new(
            self->report, "signature",
            json_string(access(signature, F_OK) == 0 ? "there, not judged" : "none"));
        return true;
    }
    if (hgh_trusted_keys_load(self->options->trusted_keys, NULL, &keys, &err) != HG_OK ||
        hgh_signature_check(&self->file, signature, self->options->anywhere, &keys, &signer,
                            &err) != HG_OK) {
        refuse(self, err.text, NULL);
        return false;
    }
    hgh_public_key_format(&keys.keys[signer], text);
    (void)json_object_set_new(self->report, "signature", json_string(text));
    return true;
}

/* What it says of itself without being run. */
static void claims_tell(examination *self)
{
    const hgh_object_claims *claims = &self->claims;
    char abi[16];

    (void)snprintf(abi, sizeof(abi), "%u.%u", claims->abi_major, claims->abi_minor);
    (void)json_object_set_new(self->report, "version", json_string(claims->version));
    (void)json_object_set_new(self->report, "abi", json_string(abi));
    (void)json_object_set_new(self->report, "build_id", json_string(claims->build_id));
    (void)json_object_set_new(self->report, "libraries", json_string(claims->libraries));
    (void)json_object_set_new(self->report, "constructors",
                              json_integer((json_int_t)claims->constructors));
}

static bool file_examine(examination *self)
{
    hg_issues issues = {0};
    hg_error err = HG_ERROR_INIT;
    char line[HG_ERROR_TEXT_MAX];
    char real[PATH_MAX];
    json_t *all;
    hg_status status;

    /* The walk to the file follows no link; a path that was typed may hold some. */
    if (realpath(self->options->path, real) == NULL) {
        (void)snprintf(line, sizeof(line), "%s: %s", self->options->path, strerror(errno));
        refuse(self, line, NULL);
        return false;
    }
    status = self->options->anywhere
                 ? hgh_object_file_read_anywhere(real, HGH_OBJECT_BYTES_MAX, &self->file, &err)
                 : hgh_object_file_read(real, HGH_OBJECT_BYTES_MAX, &self->file, &err);
    if (status != HG_OK) {
        refuse(self, err.text, NULL);
        return false;
    }
    (void)json_object_set_new(self->report, "sha256", json_string(self->file.sha256));
    if (!signature_examine(self, real)) {
        return false;
    }
    status = hgh_admission_check(&self->file, self->name, self->options->allow_libraries,
                                 &self->claims, &issues);
    if (status != HG_OK) {
        all = hgh_issues_json(&issues);
        refuse(self, hgh_issues_first(&issues, line, sizeof(line)), all);
        json_decref(all);
    } else {
        claims_tell(self);
    }
    hgh_issues_done(&issues);
    return status == HG_OK;
}

/* ----------------------------------------------------------------------------------- probe */

static void on_message(void *context, const json_t *message)
{
    examination *self = context;
    const char *error = json_string_value(json_object_get(message, "error"));

    self->answered = true;
    if (json_array_size(json_object_get(message, "warnings")) > 0) {
        (void)json_object_set(self->report, "warnings", json_object_get(message, "warnings"));
    }
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
    examination *self = context;

    (void)object;
    if (!self->answered) {
        refuse(self, why, NULL);
    }
    hgh_event_loop_stop(self->loop);
}

/* What was typed behind an option; false: it was no JSON, which has refused the object. */
static bool value_take(examination *self, const char *option, const char *text, json_t **out_value)
{
    json_error_t where;
    char line[HG_ERROR_TEXT_MAX];

    *out_value = json_loads(text, JSON_REJECT_DUPLICATES, &where);
    if (*out_value == NULL) {
        (void)snprintf(line, sizeof(line), "%s: column %d: %s", option, where.column, where.text);
        refuse(self, line, NULL);
    } else if (!json_is_object(*out_value)) {
        json_decref(*out_value);
        *out_value = NULL;
        (void)snprintf(line, sizeof(line), "%s: found an array, wanted an object", option);
        refuse(self, line, NULL);
    }
    return *out_value != NULL;
}

/* What the probe is asked for; NULL: refused. The configuration is judged as a live one would be.
 */
static json_t *request_make(examination *self, const char *staged)
{
    json_t *request = json_pack("{s:s, s:s, s:s, s:i, s:[]}", "op", "examine", "name", self->name,
                                "path", staged, "number", NUMBER, "configs");
    json_t *value;

    if (self->options->config != NULL) {
        if (!value_take(self, "--config", self->options->config, &value)) {
            json_decref(request);
            return NULL;
        }
        if (!hgh_json_is_too_deep(value)) { /* which the probe tells */
            value = hgh_json_make_whole(value);
        }
        (void)json_array_append_new(json_object_get(request, "configs"),
                                    json_pack("{s:s, s:s, s:s, s:o}", "use", "config", "resource",
                                              "routes", "id", "check", "value", value));
    }
    for (size_t i = 0; i < json_array_size(self->options->live); i++) {
        json_t *config = json_copy(json_array_get(self->options->live, i));

        (void)json_object_set_new(config, "use", json_string("config"));
        (void)json_array_append_new(json_object_get(request, "configs"), config);
    }
    if (self->options->attributes != NULL) {
        if (!value_take(self, "--attributes", self->options->attributes, &value)) {
            json_decref(request);
            return NULL;
        }
        (void)json_object_set_new(request, "attributes", value);
    }
    return request;
}

static void
object_probe(examination *self, const char *directory, const char *staged, hg_error *err)
{
    hgh_probe_options options = {
        .loop = self->loop,
        .directory = directory,
        .shared_memory_bytes = HGH_ARENA_DEFAULT_BYTES,
        .on_message = on_message,
        .on_end = on_end,
        .context = self,
    };
    json_t *request = request_make(self, staged);

    if (request == NULL) {
        return;
    }
    if (hgh_probe_start(&options, &self->probe, err) != HG_OK) {
        json_decref(request);
        refuse(self, err->text, NULL);
        return;
    }
    hgh_probe_set_deadline(self->probe, PROBE_MS);
    hgh_probe_send(self->probe, request);
    json_decref(request);
    if (hgh_event_loop_run(self->loop, err) != HG_OK) {
        refuse(self, err->text, NULL);
    }
}

/* Lets a probe load a copy of the bytes that were judged; *out_staged is its path from there. */
static void
copy_load(examination *self, const hgh_instance *instance, const char *staging, char **out_staged)
{
    hg_error err = HG_ERROR_INIT;

    if ((mkdir(staging, 0700) != 0 && errno != EEXIST) ||
        hgh_staging_write(instance, self->name, self->options->generation, &self->file, out_staged,
                          &err) != HG_OK ||
        hgh_event_loop_new(&self->loop, &err) != HG_OK) {
        refuse(self, err.text[0] == '\0' ? strerror(errno) : err.text, NULL);
    } else {
        object_probe(self, instance->directory, *out_staged, &err);
    }
    hgh_probe_free(self->probe);
    hgh_event_loop_free(self->loop);
}

/* The copy stays if somebody wants it and it was accepted. */
static void copy_keep_or_remove(examination *self, const hgh_instance *instance, const char *staged)
{
    char *path;

    if (staged == NULL) {
        return;
    }
    if (self->options->directory == NULL || !hgh_examination_is_accepted(self->report)) {
        hgh_staging_remove(instance, staged);
        return;
    }
    path = hgh_instance_path(instance, staged);
    (void)json_object_set_new(self->report, "path", json_string(path == NULL ? "" : path));
    free(path);
}

/* In a private place, unless the copy is wanted somewhere. */
static void object_load(examination *self)
{
    char temporary[] = "/tmp/hotgate-check-XXXXXX";
    bool is_temporary = self->options->directory == NULL;
    hgh_instance instance = {0};
    char *staging;
    char *staged = NULL;

    if (is_temporary && mkdtemp(temporary) == NULL) {
        char text[128];

        (void)snprintf(text, sizeof(text), "%s: %s", temporary, strerror(errno));
        refuse(self, text, NULL);
        return;
    }
    instance.directory =
        is_temporary ? temporary : (char *)(uintptr_t)self->options->directory; /* only read */
    staging = hgh_instance_path(&instance, HGH_STAGING_DIRECTORY);
    if (staging == NULL) {
        refuse(self, "out of memory", NULL);
    } else {
        copy_load(self, &instance, staging, &staged);
        copy_keep_or_remove(self, &instance, staged);
    }
    if (is_temporary) {
        if (staging != NULL) {
            (void)rmdir(staging);
        }
        (void)rmdir(temporary);
    }
    free(staged);
    free(staging);
}

/* ---------------------------------------------------------------------------------- report */

json_t *hgh_examination_run(const hgh_examination_options *options)
{
    examination self = {.options = options};
    char shown[PATH_MAX];

    (void)snprintf(shown, sizeof(shown), "%s", options->path);
    hgh_utf8_mend(shown);
    self.report = json_pack("{s:s}", "file", shown);
    if (self.report != NULL && name_take(&self) && file_examine(&self)) {
        if (options->only_reads) {
            (void)json_object_set_new(self.report, "result", json_string("accepted"));
        } else {
            object_load(&self);
        }
    }
    hgh_object_file_done(&self.file);
    return self.report;
}

bool hgh_examination_is_accepted(const json_t *report)
{
    const char *result = json_string_value(json_object_get(report, "result"));

    return result != NULL && strcmp(result, "accepted") == 0;
}
