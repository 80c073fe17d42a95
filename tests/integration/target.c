/* tests/integration/target.c - the plugin `target` in service on every worker, beside which bad
 * versions of it are tried. */
#include "tests/integration/target.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/integration/author.h"
#include "tests/integration/command.h"
#include "tests/integration/origin.h"
#include "tests/unit/unit.h"

#define LOAD_PAUSE_US 4000u

static gateway *running;
static origin *upstream;
static load *requests;
static char *good; /* path of the object that serves */
static char *path; /* of the file in the plugins directory */
static connection pinned[GATEWAY_WORKERS_MAX];
static pid_t workers[GATEWAY_WORKERS_MAX];
static response got;

gateway *target_start(const gateway_options *options)
{
    gateway_options all = options == NULL ? (gateway_options){0} : *options;

    all.workers = TARGET_WORKERS;
    upstream = origin_start();
    running = gateway_make(&all);
    path = gateway_path(running, "plugins/target.so");
    author_install(running, "worker", "worker", "");
    good = author_build("target", "target", "");
    author_copy(running, good, "target");
    gateway_start(running);
    gateway_put(running, "routes/target",
                "{\"uri\": \"/target\", \"plugins\": {\"worker\": {}, \"target\":"
                " {\"number\": 50}}, \"upstream\": {\"nodes\": {\"127.0.0.1:%u\": 1}}}",
                origin_port(upstream));
    target_pin();
    shell("mkdir '%s/shared' && chmod 777 '%s/shared'", author_folder(), author_folder());
    return running;
}

void target_stop(void)
{
    if (requests != NULL) {
        (void)load_stop(requests);
    }
    for (size_t i = 0; i < TARGET_WORKERS; i++) {
        connection_close(&pinned[i]);
    }
    response_done(&got);
    gateway_free(running);
    origin_stop(upstream);
    free(good);
    free(path);
}

void target_pin(void)
{
    for (size_t i = 0; i < TARGET_WORKERS; i++) {
        connection_close(&pinned[i]);
    }
    assert_int_equal(gateway_pin(running, "/target", pinned, workers), TARGET_WORKERS);
}

/* ---------------------------------------------------------------------------------- object */

const char *target_object(void)
{
    return good;
}

const char *target_path(void)
{
    return path;
}

unsigned char *target_bytes(size_t *out_length)
{
    FILE *file = fopen(good, "re");
    struct stat info;
    unsigned char *bytes;

    assert_non_null(file);
    assert_int_equal(fstat(fileno(file), &info), 0);
    *out_length = (size_t)info.st_size;
    bytes = malloc(*out_length);
    assert_non_null(bytes);
    assert_int_equal(fread(bytes, 1, *out_length, file), *out_length);
    (void)fclose(file);
    return bytes;
}

void target_remove(void)
{
    shell("rm -rf '%s'", path);
}

void target_restore(void)
{
    target_remove();
    author_copy(running, good, "target");
}

void target_put_bytes(const void *bytes, size_t length)
{
    file_write(path, bytes, length);
}

/* ---------------------------------------------------------------------------------- traffic */

load *target_load(void)
{
    requests = load_start(&(load_plan){
        .port = running->port,
        .target = "/target",
        .connections = TARGET_LOAD_CONNECTIONS,
        .pause_us = LOAD_PAUSE_US,
    });
    return requests;
}

void target_load_end(size_t failures_max)
{
    load_result result = load_stop(requests);

    requests = NULL;
    if (result.failures > failures_max) {
        fail_msg("%zu of %zu requests failed: %s", result.failures,
                 result.requests + result.failures, result.first);
    }
    assert_true(result.requests > 0);
}

void target_runs(const char *version)
{
    for (size_t i = 0; i < TARGET_WORKERS; i++) {
        const char *target;

        connection_request(&pinned[i], "GET", "/target", "", NULL, &got);
        target = response_header(&got, "X-Target");
        if (got.status != 200 || target == NULL || strcmp(target, version) != 0) {
            fail_msg("worker %d: status %d, version %s, wanted %s", (int)workers[i], got.status,
                     target == NULL ? "none" : target, version);
        }
    }
}

/* ---------------------------------------------------------------------------------- reports */

const json_t *target_report_item(const json_t *told, const char *name)
{
    size_t index;
    json_t *item;

    json_array_foreach(json_object_get(told, "plugins"), index, item)
    {
        if (strcmp(json_string_value(json_object_get(item, "name")), name) == 0) {
            return item;
        }
    }
    return NULL;
}

const char *target_report_state(const json_t *told, const char *name)
{
    const char *state = json_string_value(json_object_get(target_report_item(told, name), "state"));

    return state == NULL ? "not told of" : state;
}

json_int_t target_generation(void)
{
    json_t *status = gateway_status(running);
    json_int_t number = json_integer_value(json_object_get(status, "generation"));

    json_decref(status);
    return number;
}

void target_staged_serves(void)
{
    json_t *status = gateway_status(running);
    size_t objects = json_array_size(json_object_get(status, "plugins"));
    char *text = NULL;
    char *staging = gateway_path(running, "staging");
    const char *arguments[] = {"sh", "-c", "ls \"$0\" | wc -l", staging, NULL};

    assert_int_equal(command_run(&(command){.arguments = arguments}, &text), 0);
    if (strtoul(text, NULL, 10) > objects) {
        fail_msg("%s objects in staging, wanted %zu", text, objects);
    }
    json_decref(status);
    free(text);
    free(staging);
}

static void refused(const char *label, const char *about, const char *reason)
{
    json_int_t before = target_generation();
    admin_reply reply = gateway_admin(running, "PUT", "plugins/reload", NULL);
    const char *message;

    if (reply.status != 409) {
        fail_msg("%s: %ld %s", label, reply.status, reply.text);
    }
    message = json_string_value(json_object_get(reply.json, "error_msg"));
    if (message == NULL || strstr(message, reason) == NULL ||
        strncmp(message, about, strlen(about)) != 0) {
        fail_msg("%s: wanted \"%s\", got %s", label, reason,
                 message == NULL ? reply.text : message);
    }
    print_message("%-28s %s\n", label, message);
    assert_string_equal(json_string_value(json_object_get(reply.json, "result")), "refused");
    assert_int_equal(target_generation(), before);
    admin_reply_done(&reply);
}

void target_is_refused(const char *label, const char *reason)
{
    refused(label, "plugin target: ", reason);
}

void target_is_refused_with(const char *label, const char *reason)
{
    refused(label, "", reason);
}
