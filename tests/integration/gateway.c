/* tests/integration/gateway.c - a gateway in a temporary instance, its Admin API, its processes. */
#include "tests/integration/gateway.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <curl/curl.h>

#include "tests/integration/author.h"
#include "tests/integration/command.h"
#include "tests/integration/origin.h"
#include "tests/integration/sanitizer.h"
#include "tests/unit/unit.h"

#define STOP_MS         20000
#define ADMIN_TIMEOUT_S 60L
#define LOG_KEPT_MAX    20000u
#define PROCESSES_MAX   64u
#define URL_MAX         1024u
#define PIN_TRIES       64u

static char *kept_logs; /* of gateways that are gone */

/* -------------------------------------------------------------------------------- instance */

char *gateway_path(const gateway *self, const char *relative)
{
    return text_format("%s/%s", self->directory, relative);
}

char *gateway_log(const gateway *self, const char *name)
{
    char *path = gateway_path(self, name);
    char *text = file_read(path);

    free(path);
    return text;
}

static bool log_has(const gateway *self, const char *name, const char *text)
{
    char *log = gateway_log(self, name);
    bool has = strstr(log, text) != NULL;

    free(log);
    return has;
}

void gateway_wait_log(const gateway *self, const char *name, const char *text)
{
    int64_t deadline_ms = clock_ms() + DEADLINE_MS;

    while (!log_has(self, name, text)) {
        if (clock_ms() > deadline_ms) {
            fail_msg("%s never says: %s", name, text);
        }
        (void)poll(NULL, 0, 5);
    }
}

static const char *or_empty(const char *text)
{
    return text == NULL ? "" : text;
}

void gateway_configure(gateway *self)
{
    const gateway_options *options = &self->options;
    char *path =
        options->config == NULL ? gateway_path(self, "conf/config.yaml") : strdup(options->config);
    char *text = text_format(
        "apisix:\n  node_listen: [{ip: 127.0.0.1, port: %u}]\n  control: {port: %u}\n"
        "  ssl: {listen: [{ip: 127.0.0.1, port: %u}]%s%s}\n  %s\n"
        "deployment:\n  %s\n  admin:\n    admin_listen: {ip: 127.0.0.1, port: %u}\n"
        "    admin_key: [{name: admin, key: " GATEWAY_KEY ", role: admin}, "
        "{name: viewer, key: " GATEWAY_KEY "-viewer, role: viewer}]\n"
        "nginx_config:\n  worker_processes: %u\n  error_log_level: info\n  %s\n"
        "  http:\n    keepalive_requests: 10000000\n    %s\n"
        "hotgate: {%s}\n%s\n",
        self->port, self->control_port, self->tls_port, options->ssl == NULL ? "" : ", ",
        or_empty(options->ssl), or_empty(options->apisix), or_empty(options->deployment),
        self->admin_port, options->workers, or_empty(options->nginx), or_empty(options->http),
        or_empty(options->hotgate), or_empty(options->settings));

    file_write(path, text, strlen(text));
    free(text);
    free(path);
}

gateway *gateway_make(const gateway_options *options)
{
    gateway *self = calloc(1, sizeof(*self));
    char *path;

    assert_non_null(self);
    self->options = options == NULL ? (gateway_options){0} : *options;
    if (self->options.workers == 0) {
        self->options.workers = 2;
    }
    self->program =
        strdup(self->options.program == NULL ? installed_program() : self->options.program);
    self->directory = folder_make();
    self->port = free_port();
    self->admin_port = free_port();
    self->control_port = free_port();
    self->tls_port = free_port();
    for (const char *const *name = (const char *const[]){"conf", "plugins", NULL}; *name != NULL;
         name++) {
        path = gateway_path(self, *name);
        assert_int_equal(mkdir(path, 0755), 0);
        free(path);
    }
    gateway_configure(self);
    if (self->options.user != 0) {
        shell("chown -R %u:%u '%s'", (unsigned)self->options.user, (unsigned)self->options.user,
              self->directory);
    }
    return self;
}

static pid_t supervisor_start(const gateway *self, int output)
{
    const char *config = self->options.config;
    const char *arguments[8] = {self->program, "run", "-p", self->directory};
    size_t count = 4;
    const char *environment[SANITIZER_VARIABLES_MAX + 2] = {NULL};
    size_t variables = sanitizer_environment(environment);
    command what = {
        .arguments = arguments,
        .environment = environment,
        .directory = self->directory, /* by which its processes are known */
        .hide = self->options.hide,
        .only_writes = self->options.only_writes ? self->directory : NULL,
        .user = self->options.user,
        .file_max_bytes = self->options.file_max_bytes,
    };

    if (self->options.watches) {
        arguments[count++] = "--watch-plugins";
    }
    if (config != NULL) {
        arguments[count++] = "-c";
        arguments[count++] = config;
    }
    environment[variables] = self->options.environment;
    return command_start(&what, output);
}

static bool is_ready(const gateway *self)
{
    pid_t pids[GATEWAY_WORKERS_MAX];

    if (!process_lives(self->pid)) {
        char *log = gateway_log(self, "logs/output.log");

        fail_msg("the gateway has ended: %s", log);
    }
    return gateway_workers(self, pids) == self->options.workers;
}

void gateway_launch(gateway *self)
{
    char *path;
    int output;

    path = gateway_path(self, "logs");
    if (mkdir(path, 0755) == 0 && self->options.user != 0) {
        assert_int_equal(chown(path, self->options.user, self->options.user), 0);
    }
    free(path);
    path = gateway_path(self, "logs/output.log");
    output = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    free(path);
    assert_true(output >= 0);
    self->pid = supervisor_start(self, output);
    (void)close(output);
    assert_true(self->pid > 0);
}

void gateway_start(gateway *self)
{
    gateway_launch(self);
    WAIT_UNTIL(is_ready(self));
}

gateway *gateway_run(const gateway_options *options)
{
    gateway *self = gateway_make(options);

    gateway_start(self);
    return self;
}

int gateway_refuse(gateway *self, char **out_text)
{
    char path[] = "/tmp/hotgate-output-XXXXXX";
    int output = mkostemp(path, O_CLOEXEC);
    pid_t child = supervisor_start(self, output);
    int status = wait_for_end(child, DEADLINE_MS);

    (void)close(output);
    *out_text = file_read(path);
    (void)unlink(path);
    if (status < 0) {
        (void)kill(child, SIGKILL);
        (void)waitpid(child, NULL, 0);
        fail_msg("the gateway runs, and should not: %s", *out_text);
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int gateway_stop(gateway *self, int number)
{
    pid_t left[PROCESSES_MAX];
    int status;

    assert_int_equal(kill(self->pid, number), 0);
    status = wait_for_end(self->pid, STOP_MS);
    if (status < 0) {
        fail_msg("the gateway does not end on signal %d", number);
    }
    self->pid = 0;
    if (gateway_processes(self, left, PROCESSES_MAX) != 0) {
        fail_msg("process %d was left behind", (int)left[0]);
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

void gateway_kill(gateway *self)
{
    pid_t left[PROCESSES_MAX];

    assert_int_equal(kill(self->pid, SIGKILL), 0);
    assert_true(wait_for_end(self->pid, STOP_MS) >= 0);
    self->pid = 0;
    WAIT_UNTIL(gateway_processes(self, left, PROCESSES_MAX) == 0);
}

static void keep_log(const gateway *self, const char *name)
{
    char *text = gateway_log(self, name);
    size_t length = strlen(text);
    const char *from = length > LOG_KEPT_MAX ? text + length - LOG_KEPT_MAX : text;
    char *grown = NULL;

    sanitizer_look(text);
    if (asprintf(&grown, "%s--- %s of %s\n%s\n", or_empty(kept_logs), name, self->directory, from) >
        0) {
        free(kept_logs);
        kept_logs = grown;
    }
    free(text);
}

void gateway_free(gateway *self)
{
    pid_t left[PROCESSES_MAX];
    size_t count;

    if (self == NULL) {
        return;
    }
    if (self->pid > 0) {
        (void)kill(self->pid, SIGTERM);
        if (wait_for_end(self->pid, STOP_MS) < 0) {
            (void)kill(self->pid, SIGKILL);
            (void)waitpid(self->pid, NULL, 0);
        }
    }
    count = gateway_processes(self, left, PROCESSES_MAX);
    for (size_t i = 0; i < count && i < PROCESSES_MAX; i++) {
        (void)kill(left[i], SIGKILL);
    }
    keep_log(self, "logs/output.log");
    keep_log(self, "logs/error.log");
    folder_remove(self->directory);
    free(self->program);
    free(self);
}

int report(int failures)
{
    char *found = sanitizer_reports();

    if (found[0] != '\0') {
        (void)fprintf(stderr, "%s", found);
        failures++;
    }
    free(found);
    sanitizer_done();
    if (failures != 0 && kept_logs != NULL) {
        (void)fprintf(stderr, "%s", kept_logs);
    }
    free(kept_logs);
    kept_logs = NULL;
    author_done();
    folder_remove_all();
    curl_global_cleanup();
    return failures;
}

/* ------------------------------------------------------------------------------- Admin API */

static size_t on_data(char *data, size_t size, size_t count, void *context)
{
    return fwrite(data, size, count, context);
}

/* A connection of its own for each request, as most admin clients do. */
static CURLcode request(
    const gateway *self, const char *method, const char *path, const char *body, admin_reply *out)
{
    struct curl_slist *headers = curl_slist_append(NULL, "X-API-KEY: " GATEWAY_KEY);
    CURL *curl = curl_easy_init();
    size_t length = 0;
    FILE *into = open_memstream(&out->text, &length);
    char url[URL_MAX];
    char *socket = NULL;
    CURLcode result;

    headers = curl_slist_append(headers, "Expect:");
    (void)snprintf(url, sizeof(url), "http://127.0.0.1:%u/apisix/admin/%s", self->admin_port, path);
    (void)curl_easy_setopt(curl, CURLOPT_URL, url);
    if (self->options.by_socket) {
        socket = gateway_path(self, "run/control.sock");
        (void)curl_easy_setopt(curl, CURLOPT_UNIX_SOCKET_PATH, socket);
    }
    (void)curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, method);
    (void)curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    (void)curl_easy_setopt(curl, CURLOPT_NOPROXY, "*");
    (void)curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    (void)curl_easy_setopt(curl, CURLOPT_TIMEOUT, ADMIN_TIMEOUT_S);
    (void)curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_data);
    (void)curl_easy_setopt(curl, CURLOPT_WRITEDATA, into);
    if (body != NULL) {
        (void)curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body);
        (void)curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)strlen(body));
    }
    result = curl_easy_perform(curl);
    (void)curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &out->status);
    (void)fclose(into);
    curl_easy_cleanup(curl);
    free(socket);
    curl_slist_free_all(headers);
    out->json = json_loads(out->text, 0, NULL);
    return result;
}

admin_reply
gateway_admin(const gateway *self, const char *method, const char *path, const char *body)
{
    admin_reply reply = {0};
    CURLcode result = request(self, method, path, body, &reply);

    if (result != CURLE_OK) {
        fail_msg("%s %s: %s", method, path, curl_easy_strerror(result));
    }
    return reply;
}

admin_reply gateway_try(const gateway *self, const char *method, const char *path, const char *body)
{
    admin_reply reply = {0};

    if (request(self, method, path, body, &reply) != CURLE_OK) {
        reply.status = 0;
    }
    return reply;
}

void admin_reply_done(admin_reply *self)
{
    free(self->text);
    json_decref(self->json);
    *self = (admin_reply){0};
}

void gateway_put(const gateway *self, const char *key, const char *format, ...)
{
    char *body = NULL;
    admin_reply reply;
    va_list values;

    va_start(values, format);
    if (vasprintf(&body, format, values) < 0) {
        body = NULL;
    }
    va_end(values);
    reply = gateway_admin(self, "PUT", key, body);
    if (reply.status != 200 && reply.status != 201) {
        fail_msg("PUT %s %s: %ld %s", key, body, reply.status, reply.text);
    }
    admin_reply_done(&reply);
    free(body);
}

void gateway_delete(const gateway *self, const char *key)
{
    admin_reply reply = gateway_admin(self, "DELETE", key, NULL);

    if (reply.status != 200) {
        fail_msg("DELETE %s: %ld %s", key, reply.status, reply.text);
    }
    admin_reply_done(&reply);
}

json_t *gateway_reload(const gateway *self)
{
    admin_reply reply = gateway_admin(self, "PUT", "plugins/reload", NULL);
    json_t *json = json_incref(reply.json);

    if (reply.status != 200) {
        fail_msg("reload: %ld %s", reply.status, reply.text);
    }
    admin_reply_done(&reply);
    return json;
}

json_t *gateway_status(const gateway *self)
{
    admin_reply reply = {0};
    json_t *json = NULL;

    if (request(self, "GET", "plugins/status", NULL, &reply) == CURLE_OK && reply.status == 200) {
        json = json_incref(reply.json);
    }
    admin_reply_done(&reply);
    return json;
}

json_int_t gateway_sum(const gateway *self, const char *member)
{
    json_t *status = gateway_status(self);
    json_int_t sum = 0;
    size_t index;
    json_t *worker;

    json_array_foreach(json_object_get(status, "workers"), index, worker)
    {
        sum += json_integer_value(json_object_get(worker, member));
    }
    json_decref(status);
    return sum;
}

/* ------------------------------------------------------------------------------- processes */

size_t gateway_workers(const gateway *self, pid_t pids[GATEWAY_WORKERS_MAX])
{
    json_t *status = gateway_status(self);
    size_t count = 0;
    size_t index;
    json_t *worker;

    json_array_foreach(json_object_get(status, "workers"), index, worker)
    {
        const char *state = json_string_value(json_object_get(worker, "state"));

        if (state != NULL && strcmp(state, "serving") == 0 && count < GATEWAY_WORKERS_MAX) {
            pids[count++] = (pid_t)json_integer_value(json_object_get(worker, "pid"));
        }
    }
    json_decref(status);
    return count;
}

size_t gateway_processes(const gateway *self, pid_t *pids, size_t max)
{
    DIR *all = opendir("/proc");
    const struct dirent *entry;
    size_t count = 0;

    while (all != NULL && (entry = readdir(all)) != NULL) {
        long pid = strtol(entry->d_name, NULL, 10);
        char link[64];
        char place[PATH_MAX];
        ssize_t length;

        if (pid <= 0) {
            continue;
        }
        (void)snprintf(link, sizeof(link), "/proc/%ld/cwd", pid);
        length = readlink(link, place, sizeof(place) - 1);
        if (length > 0 && process_lives((pid_t)pid)) {
            place[length] = '\0';
            if (strcmp(place, self->directory) == 0 && count < max) {
                pids[count++] = (pid_t)pid;
            }
        }
    }
    if (all != NULL) {
        (void)closedir(all);
    }
    return count;
}

static pid_t parent_of(pid_t pid)
{
    char path[64];
    char *status;
    const char *line;
    pid_t parent = 0;

    (void)snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
    status = file_read(path);
    line = strstr(status, "PPid:");
    if (line != NULL) {
        parent = (pid_t)strtol(line + strlen("PPid:"), NULL, 10);
    }
    free(status);
    return parent;
}

/* The supervisor's child with such a command line: a process that control has just forked has the
 * same one until it becomes something else. */
static pid_t find_process(const gateway *self, const char *program, const char *argument)
{
    pid_t pids[PROCESSES_MAX];
    size_t count = gateway_processes(self, pids, PROCESSES_MAX);
    pid_t found = 0;

    for (size_t i = 0; i < count && found == 0; i++) {
        char path[64];
        char line[512] = "";
        FILE *file;
        size_t length;

        (void)snprintf(path, sizeof(path), "/proc/%d/cmdline", (int)pids[i]);
        file = fopen(path, "re");
        length = file == NULL ? 0 : fread(line, 1, sizeof(line) - 1, file);
        if (file != NULL) {
            (void)fclose(file);
        }
        for (size_t at = 0; at < length; at++) {
            line[at] = line[at] == '\0' ? ' ' : line[at];
        }
        if (strstr(line, program) != NULL && strstr(line, argument) != NULL &&
            parent_of(pids[i]) == self->pid) {
            found = pids[i];
        }
    }
    return found;
}

pid_t gateway_master(const gateway *self)
{
    return find_process(self, "nginx: master", "");
}

pid_t gateway_control(const gateway *self)
{
    return find_process(self, "hotgate", " control ");
}

/* The worker that a connection goes to; 0: there is no such answer. Does not fail the test: there
 * may be stopped workers, which must go on first. */
static pid_t connection_worker(connection *one, const char *target)
{
    response *got = calloc(1, sizeof(*got));
    char *text = text_format("GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n", target);
    const char *worker = NULL;
    pid_t pid = 0;

    assert_non_null(got);
    if (connection_send(one, text, strlen(text)) && connection_receive(one, false, got)) {
        worker = response_header(got, "X-Worker");
    }
    if (worker != NULL) {
        pid = (pid_t)strtol(worker, NULL, 10);
    }
    response_done(got);
    free(got);
    free(text);
    return pid;
}

static bool is_stopped(pid_t pid)
{
    char path[64];
    char *status;
    bool stopped;

    (void)snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
    status = file_read(path);
    stopped = strstr(status, "State:\tT") != NULL || status[0] == '\0';
    free(status);
    return stopped;
}

/* Until it stands, the kernel could still give it the next connection. */
void stop_worker(pid_t pid)
{
    int64_t deadline_ms = clock_ms() + DEADLINE_MS;

    (void)kill(pid, SIGSTOP);
    while (!is_stopped(pid) && clock_ms() < deadline_ms) {
        (void)poll(NULL, 0, 1);
    }
}

/* Workers that have a connection are stopped meanwhile: the next one goes to another. */
size_t gateway_pin(const gateway *self,
                   const char *target,
                   connection pinned[GATEWAY_WORKERS_MAX],
                   pid_t pids[GATEWAY_WORKERS_MAX])
{
    size_t count = gateway_workers(self, pids);
    size_t found = 0;
    bool has[GATEWAY_WORKERS_MAX] = {false};
    char why[sizeof(pinned[0].error)] = "";

    for (unsigned i = 0; i < PIN_TRIES && found < count; i++) {
        connection one = {.fd = -1};
        pid_t pid = connection_open(&one, self->port) ? connection_worker(&one, target) : 0;
        size_t at = 0;

        while (at < count && pids[at] != pid) {
            at++;
        }
        if (at < count && !has[at]) {
            pinned[at] = one;
            has[at] = true;
            found++;
            stop_worker(pid);
            continue;
        }
        connection_close(&one);
        if (pid == 0) {
            (void)snprintf(why, sizeof(why), "%s", one.error);
            break;
        }
    }
    for (size_t i = 0; i < count; i++) {
        (void)kill(pids[i], SIGCONT);
    }
    if (found < count) {
        fail_msg("%s: %zu of %zu workers answer and say who they are; %s", target, found, count,
                 why);
    }
    return count;
}
