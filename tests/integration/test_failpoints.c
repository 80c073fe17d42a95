/* tests/integration/test_failpoints.c - a process ends at each step of a write and of a reload:
 * afterwards all workers agree on the old or the new, and everything goes on. */
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "host/core/failpoint.h"
#include "tests/integration/author.h"
#include "tests/integration/command.h"
#include "tests/integration/gateway.h"
#include "tests/integration/load.h"
#include "tests/integration/origin.h"
#include "tests/unit/unit.h"

#define WORKERS          3u
#define AT_A_TIME        3u /* places between two starts of the gateway */
#define LOAD_CONNECTIONS 4u
#define LOAD_PAUSE_US    5000u

#define NAME(name) name,
static const char *const places[] = {HGH_FAILPOINTS_LIST(NAME)};

/* Who ends when a place is reached. */
typedef enum victim {
    VICTIM_SELF = 0,
    VICTIM_MASTER, /* of nginx, while control stands still */
    VICTIM_WORKER, /* one of them, likewise */
    VICTIMS,
} victim;

static const char *const victims[] = {"itself", "nginx's master", "a worker"};

static gateway *running;
static origin *upstream;
static char *plan;
static char *objects[2];
static unsigned turn; /* which of them lies in the directory */
static unsigned value;
static response got;

/* ------------------------------------------------------------------------------------ plan */

static void plan_set(const char *name, const char *action)
{
    char *text = text_format("%s %s\n", name, action);
    char *fresh = text_format("%s.new", plan);

    file_write(fresh, text, strlen(text));
    assert_int_equal(rename(fresh, plan), 0); /* nobody reads half of it */
    free(fresh);
    free(text);
}

static bool plan_is_done(void)
{
    return access(plan, F_OK) != 0;
}

static bool was_hit(const char *name)
{
    char *path = text_format("%s.hits", plan);
    char *text = file_read(path);
    char *line = text_format("%s\n", name);
    bool found = strstr(text, line) != NULL;

    free(line);
    free(text);
    free(path);
    return found;
}

/* ---------------------------------------------------------------------------------- request */

/* What is asked for while somebody ends; nobody may answer it. */
static void *request_send(void *context)
{
    const char *name = context;
    admin_reply reply;

    if (strncmp(name, "write.", strlen("write.")) == 0) {
        char *body = text_format("{\"uri\": \"/write\", \"plugins\": {\"mark\": {\"text\": "
                                 "\"%u\"}}, \"upstream\": {\"nodes\": {\"127.0.0.1:%u\": 1}}}",
                                 value, origin_port(upstream));

        reply = gateway_try(running, "PUT", "routes/write", body);
        free(body);
    } else {
        reply = gateway_try(running, "PUT", "plugins/reload", NULL);
    }
    admin_reply_done(&reply);
    return NULL;
}

/* A process group of its own sends it: the test goes on meanwhile. */
static pid_t request_begin(const char *name)
{
    pid_t child;

    if (strncmp(name, "write.", strlen("write.")) == 0) {
        value++;
    } else {
        turn = 1 - turn;
        author_copy(running, objects[turn], "trace");
    }
    child = fork();
    if (child == 0) {
        (void)request_send((void *)(uintptr_t)name);
        _exit(0);
    }
    return child;
}

/* ----------------------------------------------------------------------------------- after */

static json_int_t generation_of_all(void)
{
    json_t *status = gateway_status(running);
    json_int_t number = json_integer_value(json_object_get(status, "generation"));
    json_t *workers = json_object_get(status, "workers");
    size_t index;
    json_t *worker;
    size_t serving = 0;

    json_array_foreach(workers, index, worker)
    {
        if (json_integer_value(json_object_get(worker, "generation")) != number ||
            strcmp(json_string_value(json_object_get(worker, "state")), "serving") != 0) {
            number = -1;
            break;
        }
        serving++;
    }
    json_decref(status);
    return serving == WORKERS ? number : -1;
}

static bool admin_answers(void)
{
    admin_reply reply = gateway_try(running, "GET", "plugins/status", NULL);
    bool answers = reply.status == 200;

    admin_reply_done(&reply);
    return answers;
}

static void all_agree_and_go_on(const char *what)
{
    char version[16] = "";
    char *path;

    WAIT_UNTIL(admin_answers());
    WAIT_UNTIL(generation_of_all() > 0);
    for (unsigned i = 0; i < 12; i++) {
        const char *trace;

        http_get(running->port, "/trace", "", &got);
        trace = response_header(&got, "X-Trace");
        assert_int_equal(got.status, 200);
        if (i == 0) {
            (void)snprintf(version, sizeof(version), "%s", strrchr(trace, ' ') + 1);
        } else if (strcmp(strrchr(trace, ' ') + 1, version) != 0) {
            fail_msg("%s: found %s beside %s", what, trace, version);
        }
    }
    json_decref(gateway_reload(running)); /* what lies there comes into service now */
    http_get(running->port, "/trace", "", &got);
    if (strstr(response_header(&got, "X-Trace"), turn == 0 ? "1.0.0" : "2.0.0") == NULL) {
        fail_msg("%s: the reload afterwards left %s", what, response_header(&got, "X-Trace"));
    }
    value++;
    path = text_format("%u", value);
    gateway_put(running, "routes/write",
                "{\"uri\": \"/write\", \"plugins\": {\"mark\": {\"text\": \"%s\"}},"
                " \"upstream\": {\"nodes\": {\"127.0.0.1:%u\": 1}}}",
                path, origin_port(upstream));
    for (unsigned i = 0; i < 6; i++) {
        http_get(running->port, "/write", "", &got);
        assert_string_equal(response_header(&got, "X-Mark"), path);
    }
    free(path);
}

/* ------------------------------------------------------------------------------------- sweep */

/* Control stands still at the place; somebody else ends, and it goes on. */
static void end_another(victim who)
{
    pid_t control = gateway_control(running);
    pid_t master = gateway_master(running);
    pid_t pids[GATEWAY_WORKERS_MAX];
    pid_t ended = master;
    char *path = text_format("/proc/%d/stat", (int)control);

    for (bool stands = false; !stands;) {
        char *text = file_read(path);
        const char *behind = strrchr(text, ')');

        stands = behind != NULL && behind[2] == 'T';
        free(text);
    }
    free(path);
    if (who == VICTIM_WORKER) {
        char *children = text_format("/proc/%d/task/%d/children", (int)master, (int)master);
        char *text = file_read(children);

        ended = (pid_t)atoi(text);
        free(text);
        free(children);
    }
    (void)pids;
    assert_true(ended > 1);
    assert_int_equal(kill(ended, SIGKILL), 0);
    WAIT_UNTIL(!process_lives(ended));
    assert_int_equal(kill(control, SIGCONT), 0);
}

static void one(const char *name, victim who)
{
    bool is_workers = strncmp(name, "worker.", strlen("worker.")) == 0;
    char *what = text_format("%s ends at %s", victims[who], name);
    int64_t begin_ms = clock_ms();
    pid_t request;

    if (is_workers && who != VICTIM_SELF) {
        free(what);
        return; /* the places of control are those between which workers do theirs */
    }
    plan_set(name, who == VICTIM_SELF ? "kill" : "stop");
    request = request_begin(name);
    WAIT_UNTIL(plan_is_done());
    if (who != VICTIM_SELF) {
        end_another(who);
    }
    assert_int_not_equal(wait_for_end(request, DEADLINE_MS), -1);
    all_agree_and_go_on(what);
    print_message("%s: all goes on after %lld ms\n", what, (long long)(clock_ms() - begin_ms));
    free(what);
}

/* The supervisor waits longer each time that it starts the same process again. */
static void start_anew(void)
{
    assert_int_equal(gateway_stop(running, SIGTERM), 0);
    gateway_start(running);
}

static void whoever_ends_wherever_all_goes_on(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
        for (int who = VICTIM_SELF; who < VICTIMS; who++) {
            if (scale_is_full() || who != VICTIM_MASTER || i % 3 == 0) {
                one(places[i], (victim)who);
            }
        }
        if (i % AT_A_TIME == AT_A_TIME - 1) {
            start_anew();
        }
    }
}

/* Nothing but the death of control: no request may notice. */
static void death_of_control_at_any_step_fails_no_request(void **state)
{
    load_result all = {0};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(places); i += AT_A_TIME) {
        load *requests;
        load_result result;

        start_anew();
        requests = load_start(&(load_plan){
            .port = running->port,
            .target = "/trace",
            .connections = LOAD_CONNECTIONS,
            .pause_us = LOAD_PAUSE_US,
        });
        for (size_t k = i; k < i + AT_A_TIME && k < ARRAY_SIZE(places); k++) {
            if (strncmp(places[k], "worker.", strlen("worker.")) != 0) {
                one(places[k], VICTIM_SELF);
            }
        }
        result = load_stop(requests);
        all.requests += result.requests;
        if (result.failures > 0) {
            fail_msg("%zu requests failed: %s", result.failures, result.first);
        }
    }
    print_message("control ended at each step: %zu requests, none failed\n", all.requests);
    assert_true(all.requests > 100);
}

static void every_place_was_passed(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
        if (!was_hit(places[i])) {
            fail_msg("nobody has come to %s", places[i]);
        }
    }
}

/* ------------------------------------------------------------------------------------- main */

static int begin(void **state)
{
    static char environment[600];
    char *folder;
    char *hits;

    (void)state;
    upstream = origin_start();
    objects[0] = author_build("trace", "trace", "");
    objects[1] = author_build("trace", "trace", "-DVERSION='\"2.0.0\"'");
    running = gateway_make(&(gateway_options){.workers = WORKERS});
    folder = gateway_path(running, "shared");
    plan = gateway_path(running, "shared/plan");
    hits = text_format("%s.hits", plan);
    assert_int_equal(mkdir(folder, 0777), 0);
    assert_int_equal(chmod(folder, 0777), 0);
    file_write(hits, "", 0);
    assert_int_equal(chmod(hits, 0666), 0);
    (void)snprintf(environment, sizeof(environment), "HOTGATE_FAILPOINTS=%s", plan);
    running->options.environment = environment;
    free(hits);
    free(folder);
    author_copy(running, objects[0], "trace");
    author_install(running, "mark", "mark", "");
    gateway_start(running);
    gateway_put(running, "routes/trace",
                "{\"uri\": \"/trace\", \"plugins\": {\"trace\": {\"tag\": \"a\"}},"
                " \"upstream\": {\"nodes\": {\"127.0.0.1:%u\": 1}}}",
                origin_port(upstream));
    return 0;
}

static int end(void **state)
{
    (void)state;
    gateway_free(running);
    origin_stop(upstream);
    free(objects[0]);
    free(objects[1]);
    free(plan);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whoever_ends_wherever_all_goes_on),
        cmocka_unit_test(death_of_control_at_any_step_fails_no_request),
        cmocka_unit_test(every_place_was_passed),
    };

    if (getenv("HOTGATE_HAS_FAILPOINTS") == NULL) {
        print_message("this build has no failpoints: -Dfailpoints=true\n");
        return 77; /* meson: skipped */
    }
    return report(cmocka_run_group_tests(tests, begin, end));
}
