/* tests/integration/test_cli.c - the commands say what they did, in words and in exit codes. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/integration/author.h"
#include "tests/integration/command.h"
#include "tests/integration/gateway.h"
#include "tests/unit/unit.h"

#define ARGUMENTS_MAX 8u

static gateway *running;

static int set_up(void **state)
{
    (void)state;
    running = gateway_make(NULL);
    author_install(running, "target", "target", "");
    gateway_start(running);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    gateway_free(running);
    return 0;
}

/* Runs `hotgate` with these arguments; "DIR" is the instance. */
static int hotgate(const char *const *arguments, char **out_text)
{
    const char *all[ARGUMENTS_MAX + 2] = {running->program};
    size_t count = 1;

    for (; *arguments != NULL && count <= ARGUMENTS_MAX; arguments++) {
        all[count++] = strcmp(*arguments, "DIR") == 0 ? running->directory : *arguments;
    }
    all[count] = NULL;
    return command_run(&(command){.arguments = all}, out_text);
}

static void every_command_answers_with_text_and_code(void **state)
{
    static const struct {
        const char *label;
        const char *arguments[ARGUMENTS_MAX];
        int code;
        const char *text;
    } cases[] = {
        {"help", {"--help"}, 0, "Usage: hotgate COMMAND"},
        {"help of run", {"run", "--help"}, 0, "Usage: hotgate run"},
        {"help of status", {"status", "--help"}, 0, "Usage: hotgate status"},
        {"help of reload", {"reload", "--help"}, 0, "Usage: hotgate reload"},
        {"help of check", {"check", "--help"}, 0, "Usage: hotgate check"},
        {"help of doc", {"doc", "--help"}, 0, "Usage: hotgate doc"},
        {"version", {"--version"}, 0, "hotgate " HGH_VERSION " (nginx "},
        {"nothing", {NULL}, 2, "Usage: hotgate COMMAND"},
        {"unknown command", {"bogus"}, 2, "no command \"bogus\""},
        {"command with a typo", {"relaod"}, 2, "did you mean \"reload\"?"},
        {"unknown option", {"run", "--bogus"}, 2, "Usage: hotgate run"},
        {"too much", {"status", "-p", "DIR", "more"}, 2, "\"more\" is too much"},
        {"status", {"status", "-p", "DIR"}, 0, "target"},
        {"status of nobody", {"status", "-p", "/nowhere"}, 1, "/nowhere/conf/config.yaml"},
        {"status with a wrong key", {"status", "-p", "DIR", "--key", "wrong"}, 1, "wrong apikey"},
        {"status elsewhere", {"status", "--url", "http://127.0.0.1:1"}, 1, "127.0.0.1"},
        {"reload", {"reload", "-p", "DIR"}, 0, "unchanged"},
        {"check of nothing", {"check"}, 2, "Usage: hotgate check"},
        {"check of a missing file", {"check", "/nowhere/a.so"}, 1, "No such file"},
        {"doc of nothing", {"doc"}, 2, "Usage: hotgate doc"},
        {"doc of a missing file", {"doc", "/nowhere/a.so"}, 1, "No such file"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        char *text = NULL;
        int code = hotgate(cases[i].arguments, &text);

        if (code != cases[i].code || strstr(text, cases[i].text) == NULL) {
            print_error("%s: wanted %d and \"%s\", got %d: %s\n", cases[i].label, cases[i].code,
                        cases[i].text, code, text);
            free(text);
            fail_msg("%s", cases[i].label);
        }
        free(text);
    }
}

static void json_is_what_the_gateway_answered(void **state)
{
    static const char *const commands[] = {"status", "reload"};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
        char *text = NULL;
        json_t *json;

        assert_int_equal(
            hotgate((const char *const[]){commands[i], "-p", "DIR", "--json", NULL}, &text), 0);
        json = json_loads(text, 0, NULL);
        if (json == NULL) {
            fail_msg("%s --json: %s", commands[i], text);
        }
        assert_true(json_is_array(json_object_get(json, "plugins")));
        json_decref(json);
        free(text);
    }
}

static void reload_tells_what_it_replaced_and_what_it_refused(void **state)
{
    char *text = NULL;
    char *path = text_format("%s/plugins/target.so", running->directory);

    (void)state;
    author_install(running, "target", "target", "-DTARGET_VERSION='\"2\"'");
    assert_int_equal(hotgate((const char *const[]){"reload", "-p", "DIR", NULL}, &text), 0);
    assert_non_null(strstr(text, "replaced"));
    free(text);
    file_write(path, "garbage", 7);
    assert_int_equal(hotgate((const char *const[]){"reload", "-p", "DIR", NULL}, &text), 1);
    assert_non_null(strstr(text, "refused with status 409"));
    assert_non_null(strstr(text, "no ELF object"));
    free(text);
    free(path);
}

static void check_says_what_a_reload_would(void **state)
{
    static const struct {
        const char *flags;
        int code;
        const char *text;
    } cases[] = {
        {"", 0, "target"},
        {"-DINIT_FAILS", 1, "its licence has run out"},
        {"-DCONSTRUCTOR_CRASHES", 1, "Segmentation fault"},
        {"-DSTARTS_THREAD", 1, "pthread_create"},
    };
    char *path = text_format("%s/check/target.so", author_folder());

    (void)state;
    shell("mkdir -p '%s/check'", author_folder());
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        char *object = author_build("target", "target", cases[i].flags);
        char *text = NULL;
        int code;

        shell("cp '%s' '%s'", object, path);
        code = hotgate((const char *const[]){"check", path, NULL}, &text);
        if (code != cases[i].code || strstr(text, cases[i].text) == NULL) {
            fail_msg("%s: %d %s", cases[i].flags, code, text);
        }
        free(text);
        free(object);
    }
    free(path);
}

static void check_judges_a_configuration_as_a_write_would(void **state)
{
    static const struct {
        const char *config;
        int code;
        const char *text;
    } cases[] = {
        {"{\"count\": 2, \"time_window\": 60}", 0, "limit-count"},
        {"{\"count\": 1e3, \"time_window\": 60.0}", 0, "limit-count"},
        {"{\"count\": 0, \"time_window\": 60}", 1,
         "property \"count\" validation failed: object matches none of the required"},
        {"{\"count\": 2", 1, "--config: column 11: "},
    };
    char *path = text_format("%s/%s/hotgate/plugins/limit-count.so", installed_prefix(),
                             getenv("HOTGATE_LIBDIR"));

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        char *text = NULL;
        int code =
            hotgate((const char *const[]){"check", "--config", cases[i].config, path, NULL}, &text);

        if (code != cases[i].code || strstr(text, cases[i].text) == NULL) {
            fail_msg("%s: %d %s", cases[i].config, code, text);
        }
        free(text);
    }
    free(path);
}

/* The object of a test plugin under that name, in a directory of its own; the caller's to free. */
static char *object_made(const char *source, const char *flags)
{
    char *object = author_build(source, source, flags);
    char *path = text_format("%s/check/%s.so", author_folder(), source);

    shell("mkdir -p '%s/check'", author_folder());
    shell("cp '%s' '%s'", object, path);
    free(object);
    return path;
}

static void check_takes_attributes_that_loading_needs(void **state)
{
    static const struct {
        const char *attributes;
        int code;
        const char *text;
    } cases[] = {
        {"{}", 0, "accepted"},
        {"{\"fail\": \"the licence is over\"}", 1, "init failed: the licence is over"},
        {"{\"size\": 11}", 1, "expected 11 to be at most 10"},
        {"[]", 1, "--attributes: found an array, wanted an object"},
        {"{", 1, "--attributes: column 1: "},
    };
    char *path = object_made("unit_attributes", "");

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        char *text = NULL;
        int code = hotgate(
            (const char *const[]){"check", "--attributes", cases[i].attributes, path, NULL}, &text);

        if (code != cases[i].code || strstr(text, cases[i].text) == NULL) {
            fail_msg("%s: %d %s", cases[i].attributes, code, text);
        }
        free(text);
    }
    free(path);
}

static void doc_tells_what_an_object_says_of_itself(void **state)
{
    static const struct {
        const char *source;
        const char *option;
        const char *text;
    } cases[] = {
        {"kinds", NULL,
         "| `wait` | seconds or text with a unit (ms, s, m, h, d), at least 0 | "
         "`\"2s\"` | |\n"},
        {"kinds", NULL, "\n`password` needs `name`.\n"},
        {"kinds", NULL, "\nIn `config.yaml`, `plugin_attr.kinds`:\n"},
        {"state", NULL,
         "| `requests` | counter | `method`, `status` | Requests by method and"
         " status. |\n"},
        {"consumer", NULL, "\nThe consumer is found by its `token`.\n"},
        {"unit_metadata", NULL, "\nMetadata, `plugin_metadata/unit_metadata`:\n"},
        {"kinds", "--json", "\"attributes_schema\": {"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        char *path = object_made(cases[i].source, "");
        char *text = NULL;
        const char *with[] = {"doc", cases[i].option, path, NULL};
        const char *without[] = {"doc", path, NULL};

        assert_int_equal(hotgate(cases[i].option == NULL ? without : with, &text), 0);
        if (strstr(text, cases[i].text) == NULL) {
            fail_msg("%s: got %s", cases[i].source, text);
        }
        free(text);
        free(path);
    }
}

static void doc_keeps_a_page_up_to_date(void **state)
{
    static const char bare[] = "# target\n<!-- hotgate doc: begin -->\n<!-- hotgate doc: end -->\n"
                               "by hand\n";
    char *path = object_made("target", "");
    char *page = text_format("%s/check/README.md", author_folder());
    const char *check[] = {"doc", "--check", page, path, NULL};
    const char *update[] = {"doc", "--update", page, path, NULL};
    char *text = NULL;
    char *made;

    (void)state;
    file_write(page, bare, strlen(bare));
    assert_int_equal(hotgate(check, &text), 1);
    assert_non_null(strstr(text, "README.md:3: is out of date"));
    assert_non_null(strstr(text, "found:  the end\nwanted: \n"));
    free(text);
    assert_int_equal(hotgate(update, &text), 0);
    assert_string_equal(text, "");
    free(text);
    assert_int_equal(hotgate(check, &text), 0);
    assert_string_equal(text, "");
    free(text);
    made = file_read(page);
    assert_non_null(strstr(made, "# target\n<!-- hotgate doc: begin -->\n\nPriority "));
    assert_non_null(strstr(made, "\n\n<!-- hotgate doc: end -->\nby hand\n"));
    free(made);

    shell("sed -i 's/^Priority .*/Priority 5./' '%s'", page);
    assert_int_equal(hotgate(check, &text), 1);
    assert_non_null(strstr(text, "README.md:4: is out of date"));
    assert_non_null(strstr(text, "found:  Priority 5.\nwanted: Priority "));
    free(text);
    shell("sed -i '/hotgate doc: end/d' '%s'", page);
    assert_int_equal(hotgate(update, &text), 1);
    assert_non_null(strstr(text, "there is no line \"<!-- hotgate doc: end -->\""));
    free(text);
    free(page);
    free(path);
}

static void doc_takes_an_object_that_others_may_write(void **state)
{
    char *path = object_made("target", "");
    char *text = NULL;

    (void)state;
    shell("chmod 0666 '%s'", path);
    assert_int_equal(hotgate((const char *const[]){"check", path, NULL}, &text), 1);
    assert_non_null(strstr(text, "can be written by others"));
    free(text);
    assert_int_equal(hotgate((const char *const[]){"doc", path, NULL}, &text), 0);
    free(text);
    shell("rm '%s'", path);
    free(path);
}

static void doc_refuses_a_broken_object_as_check_does(void **state)
{
    static const struct {
        const char *flags;
        const char *text;
    } cases[] = {
        {"-DINIT_FAILS", "its licence has run out"},
        {"-DCONSTRUCTOR_CRASHES", "Segmentation fault"},
        {"-DSTARTS_THREAD", "pthread_create"},
    };
    char *page = text_format("%s/check/README.md", author_folder());

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        char *path = object_made("target", cases[i].flags);
        const char *commands[][5] = {{"check", path},
                                     {"doc", path},
                                     {"doc", "--json", path},
                                     {"doc", "--update", page, path}};

        for (size_t j = 0; j < ARRAY_SIZE(commands); j++) {
            char *text = NULL;
            int code = hotgate(commands[j], &text);

            if (code != 1 || strstr(text, "result: refused\nerror: ") == NULL ||
                strstr(text, cases[i].text) == NULL) {
                fail_msg("%s %s: %d %s", commands[j][0], cases[i].flags, code, text);
            }
            free(text);
        }
        free(path);
    }
    free(page);
}

static void output_that_is_lost_is_an_error(void **state)
{
    int full = open("/dev/full", O_WRONLY | O_CLOEXEC);
    const char *arguments[] = {running->program, "--help", NULL};
    pid_t child;
    int status;

    (void)state;
    assert_true(full >= 0);
    child = command_start(&(command){.arguments = arguments}, full);
    status = wait_for_end(child, DEADLINE_MS);
    assert_int_equal(status, 1 << 8); /* exit code 1 */
    (void)close(full);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_command_answers_with_text_and_code),
        cmocka_unit_test(json_is_what_the_gateway_answered),
        cmocka_unit_test(reload_tells_what_it_replaced_and_what_it_refused),
        cmocka_unit_test(check_says_what_a_reload_would),
        cmocka_unit_test(check_judges_a_configuration_as_a_write_would),
        cmocka_unit_test(check_takes_attributes_that_loading_needs),
        cmocka_unit_test(doc_tells_what_an_object_says_of_itself),
        cmocka_unit_test(doc_keeps_a_page_up_to_date),
        cmocka_unit_test(doc_takes_an_object_that_others_may_write),
        cmocka_unit_test(doc_refuses_a_broken_object_as_check_does),
        cmocka_unit_test(output_that_is_lost_is_an_error),
    };

    return report(cmocka_run_group_tests(tests, set_up, tear_down));
}
