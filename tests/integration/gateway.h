/* tests/integration/gateway.h - a gateway in a temporary instance, its Admin API, its processes. */
#ifndef TESTS_INTEGRATION_GATEWAY_H
#define TESTS_INTEGRATION_GATEWAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <jansson.h>

#include <hotgate/log.h>

#include "tests/integration/connection.h"

#define GATEWAY_KEY         "integration-test-key"
#define GATEWAY_WORKERS_MAX 16u

/** How a gateway is to be run. Zero means what most tests want. */
typedef struct gateway_options {
    const char *program;     /* of `hotgate`; NULL: of the installed tree, installed_program() */
    unsigned workers;        /* 0: 2 */
    const char *apisix;      /* members of `apisix:`; NULL: none */
    const char *hotgate;     /* members of `hotgate:` in config.yaml; NULL: none */
    const char *nginx;       /* members of `nginx_config:`; NULL: none */
    const char *http;        /* members of `nginx_config.http:`; NULL: none */
    const char *ssl;         /* more members of `apisix.ssl`; NULL: none */
    const char *deployment;  /* more members of `deployment:`, a line each; NULL: none */
    const char *settings;    /* further top level lines; NULL: none */
    const char *hide;        /* a folder that its processes find empty, if we are root */
    bool only_writes;        /* nothing but the instance can be written; needs root */
    const char *config;      /* the configuration's file; NULL: conf/config.yaml in the instance */
    uid_t user;              /* runs all of it; 0: we */
    size_t file_max_bytes;   /* no file of it may grow larger; 0: no limit */
    const char *environment; /* one NAME=VALUE; NULL: none */
    bool watches;            /* `hotgate run --watch-plugins` */
    bool by_socket; /* the Admin API through run/control.sock: the port is not open to us */
} gateway_options;

typedef struct gateway {
    gateway_options options;
    char *directory; /* the instance */
    char *program;
    unsigned port;
    unsigned admin_port;
    unsigned control_port; /* of the Control API */
    unsigned tls_port;
    pid_t pid; /* of the supervisor; 0: not running */
} gateway;

/** What the Admin API answered. */
typedef struct admin_reply {
    long status;
    char *text;   /* owned */
    json_t *json; /* owned; NULL: it is none */
} admin_reply;

/** Makes an instance with its configuration, starts nothing. */
gateway *gateway_make(const gateway_options *options);

/** Writes conf/config.yaml anew, as the options say now. */
void gateway_configure(gateway *self);

/** Starts the supervisor and waits until all workers serve. */
void gateway_start(gateway *self);

/** Starts the supervisor and waits for nothing: for what does not become ready. */
void gateway_launch(gateway *self);

/** gateway_make() and gateway_start(). */
gateway *gateway_run(const gateway_options *options);

/** Ends it with a signal and checks that it leaves no process; its exit code. */
int gateway_stop(gateway *self, int number);

/** Kills the supervisor, and it alone; waits until none of its processes is left. */
void gateway_kill(gateway *self);

/** Stops it if it runs, keeps its logs for report() and removes the instance. Accepts NULL. */
void gateway_free(gateway *self);

/** Runs `hotgate` in the foreground until it ends, and takes what it prints: for refused starts. */
int gateway_refuse(gateway *self, char **out_text);

/** A path in the instance; owned by the caller. */
char *gateway_path(const gateway *self, const char *relative);

/** Text of logs/error.log or another one; owned by the caller. */
char *gateway_log(const gateway *self, const char *name);

/** Waits until a log holds a text. */
void gateway_wait_log(const gateway *self, const char *name, const char *text);

/* ------------------------------------------------------------------------------- Admin API */

/** One request. body: NULL: none. Fails the test only if there is no answer. */
admin_reply
gateway_admin(const gateway *self, const char *method, const char *path, const char *body);

/** The same; without an answer its status is 0. */
admin_reply
gateway_try(const gateway *self, const char *method, const char *path, const char *body);

void admin_reply_done(admin_reply *self);

/** Puts an object, such as "routes/1"; fails the test unless it is 200 or 201. */
HG_PRINTF(3, 4) void gateway_put(const gateway *self, const char *key, const char *format, ...);

/** Deletes one; fails the test unless it is 200. */
void gateway_delete(const gateway *self, const char *key);

/** Reloads plugins; fails the test unless it is 200. The report, owned by the caller. */
json_t *gateway_reload(const gateway *self);

/** GET plugins/status; owned by the caller. */
json_t *gateway_status(const gateway *self);

/** A number that all workers have on the board, summed up. */
json_int_t gateway_sum(const gateway *self, const char *member);

/* ------------------------------------------------------------------------------- processes */

/** Ids of the serving workers; returns how many. */
size_t gateway_workers(const gateway *self, pid_t pids[GATEWAY_WORKERS_MAX]);

/** The running nginx master; 0: none. */
pid_t gateway_master(const gateway *self);

/** The running control process; 0: none. */
pid_t gateway_control(const gateway *self);

/** All processes that have the instance directory in their command line or as working place. */
size_t gateway_processes(const gateway *self, pid_t *pids, size_t max);

/** Stops a worker as a whole, and waits until it stands; SIGCONT lets it go on. */
void stop_worker(pid_t pid);

/**
 * Opens one connection to each worker, in the order of gateway_workers(). A route for `target` must
 * run the test plugin `worker`, which answers with the worker's id in X-Worker.
 */
size_t gateway_pin(const gateway *self,
                   const char *target,
                   connection pinned[GATEWAY_WORKERS_MAX],
                   pid_t pids[GATEWAY_WORKERS_MAX]);

/* ----------------------------------------------------------------------------------- whole */

/** Prints the logs of all gateways of this run if `failures` is not 0. Returns it, and one more if
 * a sanitizer has found something. */
int report(int failures);

#endif
