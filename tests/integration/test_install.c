/* tests/integration/test_install.c - an installation is complete, can be moved, writes only below
 * the instance, and leaves no process. */
#include <dirent.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/integration/author.h"
#include "tests/integration/command.h"
#include "tests/integration/gateway.h"
#include "tests/integration/origin.h"
#include "tests/unit/unit.h"

#define ORDINARY_USER 47113u /* of nobody on this machine */

static origin *upstream;
static response got;

static int set_up(void **state)
{
    (void)state;
    upstream = origin_start();
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    response_done(&got);
    origin_stop(upstream);
    return 0;
}

/* ------------------------------------------------------------------------------------ tree */

static bool is_installed(const char *path)
{
    char *full = text_format("%s/%s", installed_prefix(), path);
    bool is_there = access(full, R_OK) == 0;

    free(full);
    return is_there;
}

static void everything_that_is_needed_is_installed(void **state)
{
    char *library = text_format(
        "%.*s", (int)(strstr(installed_packages(), "/pkgconfig") - installed_packages()),
        installed_packages());
    const char *below = library + strlen(installed_prefix()) + 1;
    char *module = text_format("%s/hotgate/ngx_http_hotgate_module.so", below);
    char *headers = text_format("%s/sdk/include/hotgate", source_root());
    DIR *all = opendir(headers);
    const struct dirent *entry;
    unsigned count = 0;

    (void)state;
    assert_true(is_installed("bin/hotgate"));
    assert_true(is_installed("share/hotgate/config.yaml"));
    assert_true(is_installed("share/hotgate/config-default.yaml"));
    if (!is_installed(module)) {
        fail_msg("no %s", module);
    }
    assert_non_null(all);
    while ((entry = readdir(all)) != NULL) {
        char *name = text_format("include/hotgate/%s", entry->d_name);

        if (entry->d_name[0] != '.') {
            count++;
            if (!is_installed(name)) {
                fail_msg("no %s", name);
            }
        }
        free(name);
    }
    (void)closedir(all);
    assert_true(count >= 12);
    free(headers);
    free(module);
    free(library);
}

static void nothing_in_it_knows_where_it_was(void **state)
{
    (void)state;
    /* Debug information names the sources: that is for debuggers. */
    shell("! grep -rlF -e '%s' --include='*.pc' --include='*.h' --include='*.yaml' '%s'",
          source_root(), installed_prefix());
    shell("! grep -rlF -e '%s/installed' --include='*.pc' --include='*.h' '%s'", author_folder(),
          installed_prefix());
    shell("for f in '%s'/bin/hotgate $(find '%s' -name '*.so'); do "
          "if readelf -d \"$f\" | grep -E 'RPATH|RUNPATH' | grep -F '%s'; then exit 1; fi; done",
          installed_prefix(), installed_prefix(), source_root());
}

static void headers_compile_alone(void **state)
{
    (void)state;
    shell("export PKG_CONFIG_PATH='%s'\n"
          "for h in '%s'/include/hotgate/*.h; do\n"
          "  n=$(basename \"$h\")\n"
          "  echo \"#include <hotgate/$n>\" | cc -std=c11 -Wall -Wextra -Wpedantic -Werror -xc "
          "-fsyntax-only $(pkg-config --cflags hotgate-plugin) - || exit 1\n"
          "  echo \"#include <hotgate/$n>\" | c++ -std=c++17 -Wall -Wextra -Werror -xc++ "
          "-fsyntax-only $(pkg-config --cflags hotgate-plugin) - || exit 1\n"
          "done",
          installed_packages(), installed_prefix());
}

/* ------------------------------------------------------------------------------------- run */

/* A route with a plugin of the author's, a reload, a request: all that needs files. */
static void gateway_works(gateway *running)
{
    json_t *told;

    author_install(running, "mark", "mark", "");
    told = gateway_reload(running);
    json_decref(told);
    gateway_put(running, "routes/mark",
                "{\"uri\": \"/mark\", \"plugins\": {\"mark\": {\"text\": \"here\"}},"
                " \"upstream\": {\"nodes\": {\"127.0.0.1:%u\": 1}}}",
                origin_port(upstream));
    http_get(running->port, "/mark", "", &got);
    assert_int_equal(got.status, 200);
    assert_string_equal(response_header(&got, "X-Mark"), "here");
}

static void works_and_ends(const gateway_options *options)
{
    static const int signals[] = {SIGINT, SIGTERM, SIGQUIT};
    gateway *running = gateway_make(options);

    for (size_t i = 0; i < ARRAY_SIZE(signals); i++) {
        gateway_start(running);
        gateway_works(running);
        assert_int_equal(gateway_stop(running, signals[i]), 0); /* and looks for processes */
    }
    gateway_free(running);
}

static void runs_as_we_are(void **state)
{
    (void)state;
    works_and_ends(&(gateway_options){.hide = source_root()});
}

static void runs_as_an_ordinary_user(void **state)
{
    (void)state;
    if (getuid() != 0) {
        skip();
        return;
    }
    works_and_ends(&(gateway_options){.hide = source_root(), .user = ORDINARY_USER});
}

static void writes_only_below_the_instance(void **state)
{
    static const uid_t users[] = {0, ORDINARY_USER};

    (void)state;
    if (getuid() != 0) {
        skip();
        return;
    }
    for (size_t i = 0; i < ARRAY_SIZE(users); i++) {
        works_and_ends(&(gateway_options){.only_writes = true, .user = users[i]});
    }
}

static void configuration_may_lie_elsewhere(void **state)
{
    char *path = text_format("%s/elsewhere.yaml", author_folder());

    (void)state;
    works_and_ends(&(gateway_options){.config = path});
    free(path);
}

static void connections_and_requests_do_not_keep_it_from_ending(void **state)
{
    static const int signals[] = {SIGINT, SIGTERM};
    static const char text[] = "GET /slow?delay=30000 HTTP/1.1\r\nHost: a\r\n\r\n";

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(signals); i++) {
        gateway *running = gateway_run(NULL);
        connection idle = {.fd = -1};
        connection busy = {.fd = -1};
        size_t before = origin_requests(upstream);

        gateway_put(running, "routes/slow",
                    "{\"uri\": \"/slow\", \"upstream\": {\"nodes\": {\"127.0.0.1:%u\": 1}}}",
                    origin_port(upstream));
        assert_true(connection_open(&idle, running->port));
        connection_request(&idle, "GET", "/none", "", NULL, &got);
        assert_true(connection_open(&busy, running->port));
        assert_true(connection_send(&busy, text, sizeof(text) - 1));
        WAIT_UNTIL(origin_requests(upstream) > before);
        assert_int_equal(gateway_stop(running, signals[i]), 0);
        connection_close(&busy);
        connection_close(&idle);
        gateway_free(running);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(everything_that_is_needed_is_installed),
        cmocka_unit_test(nothing_in_it_knows_where_it_was),
        cmocka_unit_test(headers_compile_alone),
        cmocka_unit_test(runs_as_we_are),
        cmocka_unit_test(runs_as_an_ordinary_user),
        cmocka_unit_test(writes_only_below_the_instance),
        cmocka_unit_test(configuration_may_lie_elsewhere),
        cmocka_unit_test(connections_and_requests_do_not_keep_it_from_ending),
    };

    return report(cmocka_run_group_tests(tests, set_up, tear_down));
}
