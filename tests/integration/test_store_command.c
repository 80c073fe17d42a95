/* tests/integration/test_store_command.c - objects go out into a file and come back, all or none.
 */
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

#define ARGUMENTS_MAX 10u
#define MANY          2000u

/* Runs `hotgate store` with these arguments; "DIR" is the instance. */
static int store(const gateway *self, const char *const *arguments, char **out_text)
{
    const char *all[ARGUMENTS_MAX + 3] = {self->program, "store"};
    size_t count = 2;

    for (; *arguments != NULL && count <= ARGUMENTS_MAX; arguments++) {
        all[count++] = strcmp(*arguments, "DIR") == 0 ? self->directory : *arguments;
    }
    all[count] = NULL;
    return command_run(&(command){.arguments = all}, out_text);
}

#define STORE(self, text, ...) store(self, (const char *const[]){__VA_ARGS__, NULL}, text)

/* Runs it and checks how it ends and what it says. */
static void expect(const gateway *self, const char *const *arguments, int code, const char *text)
{
    char *said = NULL;
    int got = store(self, arguments, &said);

    if (got != code || strstr(said, text) == NULL) {
        print_error("wanted %d and \"%s\", got %d: %s\n", code, text, got, said);
        free(said);
        fail_msg("%s", arguments[0]);
    }
    free(said);
}

#define EXPECT(self, code, text, ...)                                                              \
    expect(self, (const char *const[]){__VA_ARGS__, NULL}, code, text)

/* An answer's status on the data plane. */
static int status_of(const gateway *self, const char *target)
{
    response got = {0};
    int status;

    http_get(self->port, target, "", &got);
    status = got.status;
    response_done(&got);
    return status;
}

/* The document of a gateway, without what says when it was made. */
static json_t *export_of(const gateway *self)
{
    char *text = NULL;
    json_t *json;

    assert_int_equal(STORE(self, &text, "export", "-p", "DIR"), 0);
    json = json_loads(text, 0, NULL);
    if (json == NULL) {
        fail_msg("%s", text);
    }
    assert_int_equal(json_object_del(json_object_get(json, "hotgate"), "revision"), 0);
    free(text);
    return json;
}

static void assert_same(const json_t *one, const json_t *other)
{
    if (json_equal(one, other) != 1) {
        char *left = json_dumps(one, JSON_SORT_KEYS);
        char *right = json_dumps(other, JSON_SORT_KEYS);

        print_error("%s\n%s\n", left, right);
        free(left);
        free(right);
        fail_msg("the documents differ");
    }
}

static void fill(const gateway *self)
{
    gateway_put(self, "upstreams/u", "{\"nodes\": {\"127.0.0.1:1\": 1}}");
    gateway_put(self, "services/s", "{\"upstream_id\": \"u\"}");
    gateway_put(self, "plugin_configs/p", "{\"plugins\": {\"echo\": {\"body\": \"a\"}}}");
    gateway_put(self, "consumer_groups/g", "{\"plugins\": {}}");
    gateway_put(self, "consumers/jack", "{\"username\": \"jack\", \"group_id\": \"g\"}");
    gateway_put(self, "consumers/jack/credentials/c",
                "{\"plugins\": {\"key-auth\": {\"key\": \"a-secret-key\"}}}");
    gateway_put(self, "global_rules/r",
                "{\"plugins\": {\"ip-restriction\": {\"whitelist\": "
                "[\"127.0.0.0/8\"]}}}");
    gateway_put(self, "routes/z", "{\"uri\": \"/same\", \"service_id\": \"s\"}");
    gateway_put(self, "routes/a",
                "{\"uri\": \"/same\", \"plugin_config_id\": \"p\", \"upstream_id\": \"u\"}");
    gateway_put(self, "routes/t?ttl=600", "{\"uri\": \"/ttl\", \"plugins\": {}}");
}

static void an_export_is_imported_elsewhere_and_in_force_at_once(void **state)
{
    gateway *from = gateway_run(NULL);
    gateway *to = gateway_run(NULL);
    char *file = gateway_path(from, "export.json");
    struct stat info;
    json_t *before;
    json_t *after;

    (void)state;
    fill(from);
    EXPECT(from, 0, "", "export", "-p", "DIR", "-o", file);
    assert_int_equal(stat(file, &info), 0);
    assert_int_equal(info.st_mode & 07777, 0600);
    EXPECT(from, 1, "File exists", "export", "-p", "DIR", "-o", file);
    assert_int_equal(status_of(to, "/same"), 404);
    EXPECT(to, 0, "imported: 10 written, 0 unchanged, 0 deleted", "import", "-p", "DIR", file);
    assert_int_equal(status_of(to, "/same"), 502); /* found, and nobody listens on port 1 */
    before = export_of(from);
    after = export_of(to);
    assert_same(before, after); /* order, times of making and of ending, secrets */
    json_decref(after);
    EXPECT(to, 0, "imported: 0 written, 10 unchanged, 0 deleted", "import", "-p", "DIR", file);
    assert_int_equal(gateway_stop(to, SIGTERM), 0);
    after = export_of(to); /* the same of one that does not run */
    assert_same(before, after);
    gateway_start(to);
    json_decref(after);
    after = export_of(to);
    assert_same(before, after);
    json_decref(after);
    json_decref(before);
    free(file);
    gateway_free(to);
    gateway_free(from);
}

static char *write_document(const gateway *self, const char *text)
{
    char *file = gateway_path(self, "document.json");

    file_write(file, text, strlen(text));
    return file;
}

static void one_error_keeps_all_out_and_every_error_is_told(void **state)
{
    static const char *const wanted[] = {
        "/routes/1/service_id (routes/2): failed to fetch service info",
        "/routes/2/plugins/limit-count/count (routes/3): failed to check the configuration of "
        "plugin limit-count",
        "/routes/3/plugins/nosuch (routes/4): unknown plugin [nosuch]",
        "/routes/4 (routes): found an object without id, wanted \"id\"",
        "/routes/5 (routes/1): found routes/1, wanted each object once",
        "/consumers/0/plugins/key-auth/key (consumers/jack): failed to check the configuration",
        "/consumers/1/id (consumers/nobody/credentials/c): consumer not found",
        "/consumers/2/id (consumers//credentials/c): consumer not found",
        "/consumers/3/id (consumers/jack/credentials/c/credentials/d): consumer not found",
        "/route: Unsupported resource type: route",
        "errors, nothing was changed",
    };
    gateway *self = gateway_run(NULL);
    char *file = write_document(
        self, "{\"routes\": [{\"id\": 1, \"uri\": \"/good\", \"plugins\": {}},"
              " {\"id\": 2, \"uri\": \"/a\", \"service_id\": \"none\"},"
              " {\"id\": 3, \"uri\": \"/a\", \"plugins\": {\"limit-count\": {\"count\": 0,"
              " \"time_window\": 1}}},"
              " {\"id\": 4, \"uri\": \"/a\", \"plugins\": {\"nosuch\": {}}},"
              " {\"uri\": \"/a\"}, {\"id\": \"1\", \"uri\": \"/again\", \"plugins\": {}}],"
              " \"consumers\": [{\"username\": \"jack\", \"plugins\": {\"key-auth\": {}}},"
              " {\"id\": \"nobody/credentials/c\"}, {\"id\": \"/credentials/c\"},"
              " {\"id\": \"jack/credentials/c/credentials/d\"}],"
              " \"route\": [{}]}");
    char *text = NULL;

    (void)state;
    gateway_put(self, "routes/kept", "{\"uri\": \"/kept\", \"plugins\": {}}");
    assert_int_equal(STORE(self, &text, "import", "-p", "DIR", "--replace", file), 1);
    for (size_t i = 0; i < ARRAY_SIZE(wanted); i++) {
        if (strstr(text, wanted[i]) == NULL) {
            fail_msg("\"%s\" is not told: %s", wanted[i], text);
        }
    }
    assert_int_equal(status_of(self, "/good"), 404);
    assert_int_equal(status_of(self, "/kept"), 503); /* there, without an upstream */
    free(text);
    free(file);
    gateway_free(self);
}

/* Within one file, and against what is stored; what the file takes away is free. */
static void a_key_of_two_consumers_is_not_imported(void **state)
{
    static const struct {
        const char *label;
        const char *replace; /* an argument, or NULL */
        const char *document;
        int code;
        const char *text;
    } cases[] = {
        {"two consumers", NULL,
         "{\"consumers\": [{\"username\": \"a\", \"plugins\": {\"key-auth\": {\"key\": \"k\"}}},"
         " {\"username\": \"b\", \"plugins\": {\"key-auth\": {\"key\": \"k\"}}}]}",
         1, "duplicate key of plugin key-auth found with consumer: "},
        {"a consumer and a credential", NULL,
         "{\"consumers\": [{\"username\": \"a\", \"plugins\": {\"key-auth\": {\"key\": \"k\"}}},"
         " {\"username\": \"b\"}, {\"id\": \"b/credentials/c\","
         " \"plugins\": {\"key-auth\": {\"key\": \"k\"}}}]}",
         1, "duplicate key of plugin key-auth found with "},
        {"two credentials", NULL,
         "{\"consumers\": [{\"username\": \"a\"}, {\"username\": \"b\"},"
         " {\"id\": \"a/credentials/c\", \"plugins\": {\"key-auth\": {\"key\": \"k\"}}},"
         " {\"id\": \"b/credentials/d\", \"plugins\": {\"key-auth\": {\"key\": \"k\"}}}]}",
         1, "duplicate key of plugin key-auth found with credential: "},
        {"a consumer and its own credential", NULL,
         "{\"consumers\": [{\"username\": \"a\", \"plugins\": {\"key-auth\": {\"key\": \"k\"}}},"
         " {\"id\": \"a/credentials/c\", \"plugins\": {\"key-auth\": {\"key\": \"k\"}}}]}",
         0, "imported: 2 written"},
        {"one that is stored", NULL,
         "{\"consumers\": [{\"username\": \"b\", \"plugins\": {\"key-auth\": {\"key\": \"k\"}}}]}",
         1, "duplicate key of plugin key-auth found with "},
        {"one that moves from a consumer to another", NULL,
         "{\"consumers\": [{\"username\": \"a\"}, {\"id\": \"a/credentials/c\","
         " \"plugins\": {\"key-auth\": {\"key\": \"l\"}}},"
         " {\"username\": \"b\", \"plugins\": {\"key-auth\": {\"key\": \"k\"}}}]}",
         0, "imported: 3 written"},
        {"one whose owner is taken away", "--replace",
         "{\"consumers\": [{\"username\": \"c\", \"plugins\": {\"key-auth\": {\"key\": \"k\"}}}]}",
         0, "imported: 1 written, 0 unchanged, 3 deleted"},
    };
    gateway *self = gateway_run(NULL);

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        char *file = write_document(self, cases[i].document);
        char *text = NULL;
        int code = cases[i].replace == NULL
                       ? STORE(self, &text, "import", "-p", "DIR", file)
                       : STORE(self, &text, "import", "-p", "DIR", cases[i].replace, file);

        if (code != cases[i].code || strstr(text, cases[i].text) == NULL) {
            fail_msg("%s: %d %s", cases[i].label, code, text);
        }
        free(text);
        free(file);
    }
    gateway_free(self);
}

static void what_names_and_what_is_named_may_come_together(void **state)
{
    gateway *self = gateway_run(NULL);
    char *file = write_document(
        self, "{\"routes\": [{\"id\": \"1\", \"uri\": \"/a\", \"upstream_id\": \"u\"}],"
              " \"upstreams\": [{\"id\": \"u\", \"nodes\": {\"127.0.0.1:1\": 1}}],"
              " \"routes_conf_version\": 3, \"protos\": []}");

    (void)state;
    EXPECT(self, 0, "valid: 2 written", "import", "-p", "DIR", "--dry-run", file);
    assert_int_equal(status_of(self, "/a"), 404);
    EXPECT(self, 0, "imported: 2 written", "import", "-p", "DIR", file);
    assert_int_equal(status_of(self, "/a"), 502);
    free(file);
    file = write_document(self, "{\"routes\": [{\"id\": \"2\", \"uri\": \"/b\", \"upstream_id\": "
                                "\"u\"}]}");
    EXPECT(self, 1, "upstream", "import", "-p", "DIR", "--replace", file); /* it would go */
    assert_int_equal(status_of(self, "/a"), 502);
    EXPECT(self, 0, "imported: 1 written, 0 unchanged, 0 deleted", "import", "-p", "DIR", file);
    free(file);
    file =
        write_document(self, "{\"routes\": [{\"id\": \"3\", \"uri\": \"/c\", \"plugins\": {}}]}");
    EXPECT(self, 0, "imported: 1 written, 0 unchanged, 3 deleted", "import", "-p", "DIR",
           "--replace", file);
    assert_int_equal(status_of(self, "/a"), 404);
    assert_int_equal(status_of(self, "/c"), 503);
    free(file);
    gateway_free(self);
}

static void what_is_no_document_is_refused(void **state)
{
    static const struct {
        const char *document;
        const char *text;
    } cases[] = {
        {"", "missing configurations"},
        {"{\"routes\": [", "invalid request body"},
        {"[]", "found no object, wanted an object of lists"},
        {"{\"routes\": {}}", "/routes: found no list, wanted a list of objects"},
        {"{\"routes\": [1]}", "/routes/0 (routes): found no object, wanted an object"},
        {"{\"hotgate\": {\"format\": 2}}", "it was exported by a newer hotgate"},
    };
    gateway *self = gateway_run(NULL);

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        char *file = write_document(self, cases[i].document);

        EXPECT(self, 1, cases[i].text, "import", "-p", "DIR", file);
        free(file);
    }
    EXPECT(self, 1, "No such file", "import", "-p", "DIR", "/nowhere/at/all");
    assert_int_equal(gateway_stop(self, SIGTERM), 0);
    EXPECT(self, 1, "the gateway does not run", "import", "-p", "DIR", "/dev/null");
    gateway_free(self);
}

static void a_large_import_is_one_transaction(void **state)
{
    gateway *self = gateway_run(NULL);
    char *file = gateway_path(self, "document.json");
    FILE *out = fopen(file, "w");
    char *text = NULL;

    (void)state;
    assert_non_null(out);
    (void)fputs("{\"routes\": [", out);
    for (unsigned i = 0; i < MANY; i++) {
        (void)fprintf(out,
                      "%s{\"id\": \"%u\", \"uri\": \"/many/%u\", \"plugins\": {\"echo\": "
                      "{\"body\": \"%01000u\"}}}",
                      i == 0 ? "" : ",", i, i, i);
    }
    (void)fputs("]}", out);
    assert_int_equal(fclose(out), 0);
    assert_int_equal(STORE(self, &text, "import", "-p", "DIR", file), 0);
    assert_non_null(strstr(text, "imported: 2000 written"));
    assert_int_equal(status_of(self, "/many/0"), 503);
    assert_int_equal(status_of(self, "/many/1999"), 503);
    free(text);
    free(file);
    gateway_free(self);
}

/* Writes go on while a backup is made. */
typedef struct writer {
    const gateway *to;
    atomic_bool is_over;
    atomic_uint acknowledged;
} writer;

static void *write_on(void *context)
{
    writer *self = context;

    for (unsigned i = 0; !atomic_load(&self->is_over); i++) {
        char *key = text_format("routes/w%u", i);

        gateway_put(self->to, key, "{\"uri\": \"/w/%u\", \"plugins\": {}}", i);
        atomic_store(&self->acknowledged, i + 1);
        free(key);
    }
    return NULL;
}

static void a_backup_of_a_running_gateway_is_whole(void **state)
{
    gateway *self = gateway_run(NULL);
    writer wrote = {.to = self};
    char *file = gateway_path(self, "backup.db");
    struct stat info;
    unsigned before;
    pthread_t thread;

    (void)state;
    gateway_put(
        self, "consumers/jack",
        "{\"username\": \"jack\", \"plugins\": {\"key-auth\": {\"key\": \"a-backed-up-key\"}"
        "}}");
    assert_int_equal(pthread_create(&thread, NULL, write_on, &wrote), 0);
    WAIT_UNTIL(atomic_load(&wrote.acknowledged) >= 50);
    before = atomic_load(&wrote.acknowledged);
    EXPECT(self, 0, "objects, revision", "backup", "-p", "DIR", file);
    WAIT_UNTIL(atomic_load(&wrote.acknowledged) >= before + 50); /* it does not hold writes up */
    atomic_store(&wrote.is_over, true);
    assert_int_equal(pthread_join(thread, NULL), 0);
    EXPECT(self, 1, "File exists", "backup", "-p", "DIR", file);
    assert_int_equal(stat(file, &info), 0);
    assert_int_equal(info.st_mode & 07777, 0600);
    shell("! grep -q -a a-backed-up-key '%s'", file);
    assert_int_equal(gateway_stop(self, SIGTERM), 0);
    /* As docs/operate.md has it. */
    shell("cd '%s/state' && rm -f store.db-wal store.db-shm && "
          "cp --no-preserve=all ../backup.db new.db && chmod 600 new.db && "
          "chown --reference=store.db new.db && mv new.db store.db",
          self->directory);
    gateway_start(self);
    for (unsigned i = 0; i < before; i++) {
        char *target = text_format("/w/%u", i);

        assert_int_equal(status_of(self, target), 503);
        free(target);
    }
    assert_int_equal(status_of(self, "/w/99999"), 404);
    EXPECT(self, 0, "a-backed-up-key", "export", "-p", "DIR");
    free(file);
    gateway_free(self);
}

static void a_backup_of_nothing_leaves_nothing(void **state)
{
    gateway *self = gateway_make(NULL);
    char *file = gateway_path(self, "backup.db");

    (void)state;
    EXPECT(self, 1, "No such file", "backup", "-p", "DIR", file);
    assert_int_not_equal(access(file, F_OK), 0);
    shell("cd '%s' && mkdir state run && echo garbage garbage garbage >state/store.db",
          self->directory);
    EXPECT(self, 1, "", "backup", "-p", "DIR", file);
    assert_int_not_equal(access(file, F_OK), 0);
    EXPECT(self, 1, "left as it is", "export", "-p", "DIR");
    free(file);
    gateway_free(self);
}

static void wrong_usage_is_told(void **state)
{
    gateway *self = gateway_make(NULL);

    (void)state;
    EXPECT(self, 0, "Usage: hotgate store export", "--help");
    EXPECT(self, 0, "Usage: hotgate store export", "import", "--help");
    EXPECT(self, 2, "no command restore", "restore");
    EXPECT(self, 2, "wanted a FILE behind import", "import", "-p", "DIR");
    EXPECT(self, 2, "an option that is not for export", "export", "--replace");
    EXPECT(self, 2, "too much: more", "backup", "-p", "DIR", "a", "more");
    EXPECT(self, 2, "Usage", "export", "--nonsense");
    gateway_free(self);
}

static void a_document_is_validated_without_being_stored(void **state)
{
    gateway *self = gateway_run(NULL);
    admin_reply reply = gateway_admin(self, "POST", "configs/validate",
                                      "{\"routes\": [{\"id\": \"1\", \"uri\": \"/a\", \"plugins\": "
                                      "{}}]}");

    (void)state;
    assert_int_equal(reply.status, 200);
    assert_string_equal(reply.text, "{}\n");
    admin_reply_done(&reply);
    assert_int_equal(status_of(self, "/a"), 404);
    reply = gateway_admin(self, "POST", "configs/validate",
                          "{\"routes\": [{\"id\": \"1\", \"uri\": 7}]}");
    assert_int_equal(reply.status, 400);
    assert_string_equal(json_string_value(json_object_get(reply.json, "error_msg")),
                        "Configuration validation failed");
    assert_string_equal(
        json_string_value(json_object_get(json_array_get(json_object_get(reply.json, "errors"), 0),
                                          "resource_type")),
        "routes");
    admin_reply_done(&reply);
    reply = gateway_admin(self, "GET", "store/export", NULL); /* not through the network */
    assert_int_equal(reply.status, 404);
    admin_reply_done(&reply);
    gateway_free(self);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_export_is_imported_elsewhere_and_in_force_at_once),
        cmocka_unit_test(one_error_keeps_all_out_and_every_error_is_told),
        cmocka_unit_test(a_key_of_two_consumers_is_not_imported),
        cmocka_unit_test(what_names_and_what_is_named_may_come_together),
        cmocka_unit_test(what_is_no_document_is_refused),
        cmocka_unit_test(a_large_import_is_one_transaction),
        cmocka_unit_test(a_backup_of_a_running_gateway_is_whole),
        cmocka_unit_test(a_backup_of_nothing_leaves_nothing),
        cmocka_unit_test(wrong_usage_is_told),
        cmocka_unit_test(a_document_is_validated_without_being_stored),
    };

    return report(cmocka_run_group_tests_name("store command", tests, NULL, NULL));
}
