/* tests/integration/test_store.c - what is stored stays, is encrypted, and is never overwritten. */
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/integration/command.h"
#include "tests/integration/connection.h"
#include "tests/integration/gateway.h"
#include "tests/unit/unit.h"

#define SECRET "a-key-that-nobody-but-workers-may-read"

/* The configuration that the harness writes has `apisix:` already: a key goes into it. */
static void configure_encryption(gateway *self, const char *lines)
{
    char *path = gateway_path(self, "conf/config.yaml");
    char *text;
    char *changed;

    gateway_configure(self);
    text = file_read(path);
    assert_int_equal(strncmp(text, "apisix:\n", 8), 0);
    changed = text_format("apisix:\n  data_encryption: {%s}\n%s", lines, text + 8);
    file_write(path, changed, strlen(changed));
    free(changed);
    free(text);
    free(path);
}

static bool file_has(const gateway *self, const char *relative, const char *text)
{
    char *path = gateway_path(self, relative);
    char *line = text_format("grep -q -a -e '%s' '%s'", text, path);
    bool has = system(line) == 0;

    free(line);
    free(path);
    return has;
}

/* The store with its log, and all logs. */
static void assert_nowhere(const gateway *self, const char *secret)
{
    static const char *const files[] = {"state/store.db",  "state/store.db-wal",
                                        "logs/error.log",  "logs/access.log",
                                        "logs/output.log", "logs/control.log"};

    for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
        if (file_has(self, files[i], secret)) {
            fail_msg("%s has %s", files[i], secret);
        }
    }
}

static void put_consumer(const gateway *self, const char *name, const char *key)
{
    char *body = text_format(
        "{\"username\": \"%s\", \"plugins\": {\"key-auth\": {\"key\": \"%s\"}}}", name, key);
    admin_reply reply = gateway_admin(self, "PUT", "consumers", body);

    if (reply.status != 200 && reply.status != 201) {
        fail_msg("%ld %s", reply.status, reply.text);
    }
    admin_reply_done(&reply);
    free(body);
}

/* What the admin role reads back of a consumer's key. */
static void assert_consumer(const gateway *self, const char *name, const char *key)
{
    char *path = text_format("consumers/%s", name);
    admin_reply reply = gateway_admin(self, "GET", path, NULL);
    const char *found = NULL;

    assert_int_equal(reply.status, 200);
    assert_int_equal(
        json_unpack(reply.json, "{s:{s:{s:{s:s}}}}", "value", "plugins", "key-auth", "key", &found),
        0);
    assert_string_equal(found, key);
    admin_reply_done(&reply);
    free(path);
}

/* 200, 404; 0: control does not answer. */
static long gateway_try_status(const gateway *self, const char *path)
{
    admin_reply reply = gateway_try(self, "GET", path, NULL);
    long status = reply.status;

    admin_reply_done(&reply);
    return status;
}

static void secrets_are_in_no_file_but_the_feed(void **state)
{
    gateway *self = gateway_run(NULL);
    char *path = gateway_path(self, "conf/keyring");
    struct stat info;

    (void)state;
    put_consumer(self, "jack", SECRET);
    put_consumer(self, "jack", SECRET "-2");
    assert_consumer(self, "jack", SECRET "-2");
    /* Errors about it do not show it either. */
    for (const char *const *body =
             (const char *const[]){
                 "{\"username\": \"jack\", \"plugins\": {\"key-auth\": {\"key\": [\"" SECRET
                 "\"]}}}",
                 "{\"username\": \"jack\", \"plugins\": {\"key-auth\": {\"key\": {\"a\": \"" SECRET
                 "\"}}}}",
                 NULL};
         *body != NULL; body++) {
        admin_reply reply = gateway_admin(self, "PUT", "consumers", *body);

        assert_int_equal(reply.status, 400);
        assert_null(strstr(reply.text, SECRET));
        admin_reply_done(&reply);
    }
    assert_nowhere(self, SECRET);
    assert_int_equal(stat(path, &info), 0);
    assert_int_equal(info.st_mode & 07777, 0600);
    assert_int_equal(gateway_stop(self, SIGTERM), 0);
    assert_nowhere(self, SECRET);
    gateway_start(self);
    assert_consumer(self, "jack", SECRET "-2");
    free(path);
    gateway_free(self);
}

static void keys_are_rotated_while_it_runs(void **state)
{
    gateway *self = gateway_make(NULL);
    pid_t control;

    (void)state;
    configure_encryption(self, "keyring: [the-old-key-of-the-store]");
    gateway_start(self);
    put_consumer(self, "jack", SECRET);
    configure_encryption(self, "keyring: [the-new-key-of-the-store, the-old-key-of-the-store]");
    control = gateway_control(self);
    assert_int_equal(kill(self->pid, SIGHUP), 0);
    WAIT_UNTIL(gateway_control(self) != 0 && gateway_control(self) != control);
    gateway_wait_log(self, "logs/control.log",
                     "objects were encrypted with the first key of the keyring");
    assert_consumer(self, "jack", SECRET);
    assert_int_equal(gateway_stop(self, SIGTERM), 0);
    configure_encryption(self, "keyring: [the-new-key-of-the-store]");
    gateway_start(self);
    assert_consumer(self, "jack", SECRET);
    assert_nowhere(self, SECRET);
    assert_nowhere(self, "key-of-the-store");
    gateway_free(self);
}

static void the_key_may_come_from_the_environment(void **state)
{
    gateway *self =
        gateway_make(&(gateway_options){.environment = "STORE_KEY=the-key-of-the-environment"});
    char *path = gateway_path(self, "conf/keyring");

    (void)state;
    configure_encryption(self, "keyring: ['${{STORE_KEY}}']");
    gateway_start(self);
    put_consumer(self, "jack", SECRET);
    assert_int_not_equal(access(path, F_OK), 0); /* none is generated beside it */
    assert_nowhere(self, "the-key-of-the-environment");
    assert_nowhere(self, SECRET);
    free(path);
    gateway_free(self);
}

/* A digest of the store's file: what must not be overwritten must not change. */
static char *store_digest(const gateway *self)
{
    char *line = text_format("sha256sum '%s/state/store.db'", self->directory);
    FILE *pipe = popen(line, "r");
    char *sum = calloc(1, 65);

    assert_non_null(sum);
    assert_non_null(pipe);
    assert_int_equal(fread(sum, 1, 64, pipe), 64);
    while (fgetc(pipe) != EOF) {
    }
    assert_int_equal(pclose(pipe), 0);
    free(line);
    return sum;
}

/* The data plane has the route, which has no upstream: 503. 404: it has none. -1: no answer. */
static int route_status(const gateway *self, const char *target)
{
    connection client = {.fd = -1, .timeout_ms = 1000};
    response got = {0};
    char *request = text_format("GET %s HTTP/1.1\r\nHost: a\r\n\r\n", target);
    int status = -1;

    if (connection_open(&client, self->port) &&
        connection_send(&client, request, strlen(request)) &&
        connection_receive(&client, false, &got)) {
        status = got.status;
    }
    response_done(&got);
    connection_close(&client);
    free(request);
    return status;
}

static void damage_garbage(const gateway *self)
{
    shell("yes garbage | head -c 65536 >'%s/state/store.db'", self->directory);
}

static void damage_short(const gateway *self)
{
    shell("truncate -s 9000 '%s/state/store.db'", self->directory);
}

static void damage_newer(const gateway *self)
{
    shell("python3 -c 'import sqlite3, sys; d = sqlite3.connect(sys.argv[1]); "
          "d.execute(\"UPDATE meta SET format = 99\"); d.commit(); "
          "d.execute(\"PRAGMA wal_checkpoint(TRUNCATE)\")' '%s/state/store.db'",
          self->directory);
}

static void damage_keyring(const gateway *self)
{
    shell("mv '%s/conf/keyring' '%s/conf/kept' && echo some-other-key-of-the-store >'%s/conf/"
          "keyring'",
          self->directory, self->directory, self->directory);
}

/* Traffic goes on by what was published last, and whoever looks into the log learns why no more. */
static void a_store_that_cannot_be_read_is_left_alone_and_traffic_goes_on(void **state)
{
    static const struct {
        const char *label;
        void (*damage)(const gateway *self);
        const char *text;
    } cases[] = {
        {"no database", damage_garbage, "file is not a database"},
        {"cut short", damage_short, "left as it is"},
        {"newer", damage_newer, "found store format 99, wanted 2: it was written by a newer "},
        {"another key", damage_keyring, "which is not in the keyring; the store is left as it is"},
    };
    gateway *self = gateway_make(NULL);

    (void)state;
    gateway_start(self);
    for (int i = 0; i < 40; i++) {
        char key[32];

        (void)snprintf(key, sizeof(key), "routes/%d", i);
        gateway_put(self, key, "{\"uri\": \"/kept/%d\", \"plugins\": {}, \"desc\": \"%0200d\"}", i,
                    i);
    }
    assert_int_equal(gateway_stop(self, SIGTERM), 0);
    shell("cp -a '%s/state/store.db' '%s/kept.db'", self->directory, self->directory);
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        char *before;
        char *after;

        cases[i].damage(self);
        before = store_digest(self);
        gateway_launch(self);
        gateway_wait_log(self, "logs/control.log", cases[i].text);
        WAIT_UNTIL(route_status(self, "/kept/39") == 503);
        assert_int_equal(route_status(self, "/none"), 404);
        after = store_digest(self);
        if (strcmp(before, after) != 0) {
            fail_msg("%s: the store was written to", cases[i].label);
        }
        if (cases[i].damage == damage_keyring) { /* with its key it comes back by itself */
            shell("mv '%s/conf/kept' '%s/conf/keyring'", self->directory, self->directory);
            WAIT_UNTIL(gateway_try_status(self, "routes/39") == 200);
        }
        assert_int_equal(gateway_stop(self, SIGTERM), 0);
        shell("rm -f '%s/state/store.db'* && cp -a '%s/kept.db' '%s/state/store.db'",
              self->directory, self->directory, self->directory);
        free(before);
        free(after);
    }
    gateway_free(self);
}

/* Writes are refused with the reason while the disk is full; reads and traffic go on. */
static void a_full_disk_refuses_writes_and_nothing_else(void **state)
{
    gateway *self = gateway_make(NULL);
    char *path = gateway_path(self, "state");
    char *mount = text_format("mount -t tmpfs -o size=6m,mode=0750 none '%s' 2>/dev/null", path);
    char *value = calloc(1, 60001);
    int stored = 0;
    admin_reply reply = {0};

    (void)state;
    assert_non_null(value);
    memset(value, 'v', 60000);
    assert_int_equal(mkdir(path, 0750), 0);
    if (geteuid() != 0 || system(mount) != 0) {
        free(value);
        free(mount);
        free(path);
        gateway_free(self);
        skip();
    }
    shell("chown hotgate:hotgate '%s'", path);
    gateway_start(self);
    for (; stored < 200; stored++) {
        char *key = text_format("routes/%d", stored);
        char *body = text_format("{\"uri\": \"/%d\", \"plugins\": {\"echo\": {\"body\": \"%s\"}}}",
                                 stored, value);

        admin_reply_done(&reply);
        reply = gateway_admin(self, "PUT", key, body);
        free(key);
        free(body);
        if (reply.status != 201) {
            break;
        }
    }
    assert_true(stored > 5);
    assert_int_equal(reply.status, 503);
    assert_true(strstr(reply.text, "full") != NULL || strstr(reply.text, "space") != NULL);
    admin_reply_done(&reply);
    assert_int_equal(route_status(self, "/0"), 503); /* it is there, and has no upstream */
    for (int i = 0; i <= stored; i++) {
        char *key = text_format("routes/%d", i);

        if (gateway_try_status(self, key) != (i < stored ? 200 : 404)) {
            fail_msg("of %d objects, number %d is wrong", stored, i);
        }
        free(key);
    }
    shell("mount -o remount,size=64m '%s'", path);
    gateway_put(self, "routes/after", "{\"uri\": \"/after\", \"plugins\": {}}");
    assert_int_equal(route_status(self, "/after"), 503);
    assert_int_equal(gateway_stop(self, SIGTERM), 0);
    gateway_start(self); /* nothing of it is damaged */
    assert_int_equal(gateway_try_status(self, "routes/after"), 200);
    assert_int_equal(gateway_stop(self, SIGTERM), 0);
    shell("umount '%s'", path);
    free(value);
    free(mount);
    free(path);
    gateway_free(self);
}

/* --- kill -9 --- */

/* One client that writes one object after the other, and keeps in mind what was answered. */
typedef struct writer {
    const gateway *to;
    unsigned round;
    unsigned count;
    atomic_uint tried;
    bool *acknowledged; /* owned */
} writer;

static void *write_all(void *context)
{
    writer *self = context;

    for (unsigned i = 0; i < self->count; i++) {
        char *key = text_format("routes/%u-%u", self->round, i);
        char *body = text_format("{\"uri\": \"/%u/%u\", \"desc\": \"%u %u\", \"plugins\": {}}",
                                 self->round, i, self->round, i);
        admin_reply reply;

        atomic_store(&self->tried, i + 1);
        reply = gateway_try(self->to, "PUT", key, body);
        self->acknowledged[i] = reply.status == 200 || reply.status == 201;
        admin_reply_done(&reply);
        free(body);
        free(key);
    }
    return NULL;
}

/* Everything acknowledged is there, whole; what was not is there whole or not at all. */
static void check_all(const gateway *self, const writer *wrote)
{
    for (unsigned i = 0; i < wrote->count; i++) {
        char *key = text_format("routes/%u-%u", wrote->round, i);
        char *uri = text_format("/%u/%u", wrote->round, i);
        char *desc = text_format("%u %u", wrote->round, i);
        admin_reply reply = gateway_admin(self, "GET", key, NULL);
        const char *found_uri = "";
        const char *found_desc = "";

        if (reply.status == 200) {
            assert_int_equal(json_unpack(reply.json, "{s:{s:s, s:s}}", "value", "uri", &found_uri,
                                         "desc", &found_desc),
                             0);
            assert_string_equal(found_uri, uri);
            assert_string_equal(found_desc, desc);
        } else if (wrote->acknowledged[i]) {
            fail_msg("%s was acknowledged and is gone: %ld %s", key, reply.status, reply.text);
        }
        if (i % 97 == 0) { /* and in force: the store and what workers have say the same */
            assert_int_equal(route_status(self, uri), reply.status == 200 ? 503 : 404);
        }
        admin_reply_done(&reply);
        free(desc);
        free(uri);
        free(key);
    }
}

static void a_killed_control_loses_no_acknowledged_write(void **state)
{
    unsigned rounds = scale_is_full() ? 20 : 3;
    unsigned count = scale_is_full() ? 1000 : 150;
    gateway *self = gateway_run(NULL);

    (void)state;
    for (unsigned round = 0; round < rounds; round++) {
        writer wrote = {.to = self,
                        .round = round,
                        .count = count,
                        .acknowledged = calloc(count, sizeof(bool))};
        unsigned kill_at = count / 4 + (count / 2) * round / rounds;
        unsigned acknowledged = 0;
        pthread_t thread;
        pid_t control = gateway_control(self);

        assert_non_null(wrote.acknowledged);
        assert_true(control > 0);
        assert_int_equal(pthread_create(&thread, NULL, write_all, &wrote), 0);
        WAIT_UNTIL(atomic_load(&wrote.tried) >= kill_at);
        assert_int_equal(kill(control, SIGKILL), 0);
        assert_int_equal(pthread_join(thread, NULL), 0);
        WAIT_UNTIL(gateway_control(self) != 0 && gateway_control(self) != control);
        WAIT_UNTIL(gateway_try_status(self, "routes") == 200);
        for (unsigned i = 0; i < count; i++) {
            acknowledged += wrote.acknowledged[i] ? 1 : 0;
        }
        assert_true(acknowledged >= kill_at - 1); /* it has worked, and was interrupted */
        check_all(self, &wrote);
        free(wrote.acknowledged);
    }
    gateway_free(self);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(secrets_are_in_no_file_but_the_feed),
        cmocka_unit_test(keys_are_rotated_while_it_runs),
        cmocka_unit_test(the_key_may_come_from_the_environment),
        cmocka_unit_test(a_store_that_cannot_be_read_is_left_alone_and_traffic_goes_on),
        cmocka_unit_test(a_full_disk_refuses_writes_and_nothing_else),
        cmocka_unit_test(a_killed_control_loses_no_acknowledged_write),
    };

    return report(cmocka_run_group_tests_name("store", tests, NULL, NULL));
}
