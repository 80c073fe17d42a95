/* tests/integration/test_crash_aside.c - a plugin crashes in a worker aside of requests: in its
 * init, in its exit, in the release of what it has decoded. No probe sees it. */
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/integration/author.h"
#include "tests/integration/command.h"
#include "tests/integration/gateway.h"
#include "tests/integration/origin.h"
#include "tests/unit/unit.h"

#define WORKERS  4u
#define REQUESTS 40u

static gateway *running;
static origin *upstream;
static response got;

/* ----------------------------------------------------------------------------------- tools */

static void object_comes(const char *version, const char *define)
{
    char *flags = text_format("-DFAULTY_VERSION='\"%s\"' %s", version, define);

    author_install(running, "faulty", "faulty", flags);
    free(flags);
}

/* The text that an answer gives as its result; owned by the caller. */
static char *reload(long status)
{
    admin_reply reply = gateway_admin(running, "PUT", "plugins/reload", NULL);
    char *text = strdup(reply.text);

    if (reply.status != status) {
        fail_msg("reload: %ld %s", reply.status, reply.text);
    }
    admin_reply_done(&reply);
    return text;
}

static void reload_holds(long status, const char *wanted)
{
    char *text = reload(status);

    if (strstr(text, wanted) == NULL) {
        fail_msg("found %s, wanted \"%s\" in it", text, wanted);
    }
    free(text);
}

static void route_put(const char *when)
{
    gateway_put(running, "routes/faulty",
                "{\"uri\": \"/faulty\", \"plugins\": {\"faulty\": {\"when\": \"%s\"}},"
                " \"upstream\": {\"nodes\": {\"127.0.0.1:%u\": 1}}}",
                when, origin_port(upstream));
}

static json_int_t generation_now(void)
{
    json_t *status = gateway_status(running);
    json_int_t number = json_integer_value(json_object_get(status, "generation"));

    json_decref(status);
    return number;
}

static bool all_workers_serve(void)
{
    pid_t pids[GATEWAY_WORKERS_MAX];

    return gateway_workers(running, pids) == WORKERS;
}

/* Requests of which nothing is known: a worker may die over one. */
static void requests_send(void)
{
    static const char text[] = "GET /faulty HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";

    for (unsigned i = 0; i < REQUESTS; i++) {
        connection one = {.fd = -1};

        if (connection_open(&one, running->port) && connection_send(&one, text, sizeof(text) - 1)) {
            (void)connection_receive(&one, false, &got);
        }
        connection_close(&one);
    }
}

/* All workers are there and run that version. */
static void serves(const char *version)
{
    WAIT_UNTIL(all_workers_serve());
    for (unsigned i = 0; i < REQUESTS; i++) {
        const char *header;

        http_get(running->port, "/faulty", "", &got);
        header = response_header(&got, "X-Faulty");
        if (got.status != 200 || header == NULL || strcmp(header, version) != 0) {
            fail_msg("status %d, X-Faulty %s, wanted %s", got.status,
                     header == NULL ? "none" : header, version);
        }
    }
}

static size_t crashes_in(const char *place)
{
    admin_reply reply = gateway_admin(running, "GET", "plugins/history?limit=1000", NULL);
    size_t count = 0;
    size_t index;
    json_t *event;

    json_array_foreach(json_object_get(reply.json, "events"), index, event)
    {
        const char *found = json_string_value(json_object_get(event, "place"));

        count += found != NULL && strstr(found, place) != NULL;
    }
    admin_reply_done(&reply);
    return count;
}

/* ------------------------------------------------------------------------------------ tests */

static void init_that_every_worker_dies_of_is_a_no(void **state)
{
    json_int_t before = generation_now();
    size_t crashes;

    (void)state;
    route_put("never");
    serves("1.0.0");
    object_comes("2.0.0", "-DFAULTY_INIT");
    reload_holds(409, "died in its init");
    serves("1.0.0");
    assert_int_equal(generation_now(), before);
    WAIT_UNTIL(crashes_in("init of plugin faulty 2.0.0") > 0);
    crashes = crashes_in("init of plugin faulty 2.0.0");
    assert_in_range(crashes, 1, 2 * WORKERS);
    reload_holds(200, "still rejected"); /* and no worker tries it */
    serves("1.0.0");
    assert_int_equal(crashes_in("init of plugin faulty"), crashes);
    object_comes("2.0.1", "-DFAULTY_GOOD"); /* mended: nobody takes it for the other */
    reload_holds(200, "\"name\":\"faulty\",\"state\":\"replaced\"");
    serves("2.0.1");
    before = generation_now();
    assert_int_equal(gateway_stop(running, SIGTERM), 0);
    gateway_start(running);
    serves("2.0.1");
    assert_int_equal(generation_now(), before);
}

/* It goes out of service, whether it can say goodbye or not. */
static void exit_that_workers_die_of_keeps_nothing_back(void **state)
{
    (void)state;
    object_comes("3.0.0", "-DFAULTY_EXIT");
    reload_holds(200, "committed");
    serves("3.0.0");
    object_comes("4.0.0", "");
    reload_holds(200, "committed");
    WAIT_UNTIL(crashes_in("exit of plugin faulty 3.0.0") == WORKERS);
    serves("4.0.0");
    assert_int_equal(crashes_in("of plugin faulty 4.0.0"), 0); /* the new one is not blamed */
    reload_holds(200, "unchanged");
}

static void release_that_workers_die_of_keeps_no_reload_back(void **state)
{
    (void)state;
    route_put("release");
    serves("4.0.0");
    object_comes("5.0.0", "-DFAULTY_GOOD");
    reload_holds(200, "committed");
    WAIT_UNTIL(crashes_in("release of plugin faulty 4.0.0") > 0);
    serves("5.0.0");
    assert_int_equal(crashes_in("of plugin faulty 5.0.0"), 0);
    reload_holds(200, "unchanged");
}

/* While it is in service: as for a crash in a request. */
static void release_that_workers_die_of_sends_a_new_object_back(void **state)
{
    json_int_t before;

    (void)state;
    object_comes("6.0.0", "");
    reload_holds(200, "committed");
    before = generation_now();
    for (unsigned i = 0; i < 2 * WORKERS && generation_now() == before; i++) {
        route_put("release");
        requests_send(); /* workers decode it */
        route_put("never");
        requests_send(); /* and release it */
    }
    WAIT_UNTIL(generation_now() > before);
    assert_in_range(crashes_in("release of plugin faulty 6.0.0"), 2, 3 * WORKERS);
    serves("5.0.0");
    reload_holds(200, "quarantined");
}

/* ------------------------------------------------------------------------------------- main */

static int begin(void **state)
{
    (void)state;
    upstream = origin_start();
    running = gateway_make(&(gateway_options){.workers = WORKERS});
    object_comes("1.0.0", "-DFAULTY_GOOD");
    gateway_start(running);
    return 0;
}

static int end(void **state)
{
    (void)state;
    response_done(&got);
    gateway_free(running);
    origin_stop(upstream);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(init_that_every_worker_dies_of_is_a_no),
        cmocka_unit_test(exit_that_workers_die_of_keeps_nothing_back),
        cmocka_unit_test(release_that_workers_die_of_keeps_no_reload_back),
        cmocka_unit_test(release_that_workers_die_of_sends_a_new_object_back),
    };

    return report(cmocka_run_group_tests(tests, begin, end));
}
