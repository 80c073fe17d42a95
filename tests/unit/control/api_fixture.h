/* tests/unit/control/api_fixture.h - an Admin API with a store, without sockets or plugins. */
#ifndef TESTS_UNIT_CONTROL_API_FIXTURE_H
#define TESTS_UNIT_CONTROL_API_FIXTURE_H

#include "host/control/admin_api.h"

#define ADMIN  "the-admin-key"
#define VIEWER "the-viewer-key"
#define UP     "\"upstream\":{\"nodes\":{\"127.0.0.1:80\":1}}"
#define ROUTE  "{\"uri\":\"/a\"," UP "}"

/* Judges without plugins: what is to be found stands in the configuration. */
struct hgh_plugin_check {
    hgh_event_loop *loop;
    hgh_event_loop_timer timer;
    hgh_plugin_check_done done;
    void *context;
    json_t *issues;
    json_t *warnings;
    hg_status status;
};

typedef struct fake_client {
    hgh_admin_answer_later later; /* first: the API hands it back */
    struct api_test *test;
    hgh_admin_answer answer;
    int answers;
} fake_client;

typedef struct api_test {
    char directory[64];
    hgh_event_loop *loop;
    hgh_store *store;
    hgh_resource_table *table;
    hgh_feed_writer *feed;
    hgh_publisher *publisher;
    hgh_plugin_catalog *catalog;
    hgh_plugin_check plugin_check;
    hgh_settings settings;
    hgh_admin_api *api;
    fake_client client;
    const char *key_header;
    const char *cookie;
    const char *client_address;
    int waiting; /* answers that the loop still runs for */
} api_test;

/* For cmocka: an API that speaks v3, or v2. */
int set_up(void **state);
int set_up_v2(void **state);
int tear_down(void **state);

/** Sends METHOD to /apisix/admin + target (path and query, not encoded; an `;` in an argument is
 * an `&` that was encoded). Behind `!` the target is the whole path. Returns the body. */
const char *ask(api_test *test, const char *method, const char *target, const char *body);

const char *
ask_bytes(api_test *test, const char *method, const char *target, const char *body, size_t length);

/** Fails the test unless the answer has that status and its body holds `part`. */
void expect(api_test *test,
            const char *method,
            const char *target,
            const char *body,
            unsigned status,
            const char *part);

/** A header of the last answer. */
const char *answer_header(const api_test *test, const char *name);

/** Replaces the digits of the times by T, so that an answer can be compared whole. */
const char *without_times(const char *seen);

/** Plugins for the catalog: `low`, and `key`, which finds consumers by its field `key`. */
void set_plugins(api_test *test);

/** What takes the answer of a request that ask() does not send. */
void client_send(hgh_admin_answer_later *later, hgh_admin_answer *answer);

/** Gives the headers of such a request; its context is the api_test. */
const char *find_header(void *context, const char *name);

#endif
