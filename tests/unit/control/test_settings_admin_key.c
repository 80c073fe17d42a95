/* tests/unit/control/test_settings_admin_key.c - the key is put in, all other bytes stay. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "host/control/settings.h"
#include "tests/unit/unit.h"

#define KEY_LENGTH 32u

static char directory[] = "/tmp/hotgate-test-XXXXXX";
static char path[sizeof(directory) + sizeof("/config.yaml")];

static int make_directory(void **state)
{
    (void)state;
    if (mkdtemp(directory) == NULL) {
        return -1;
    }
    (void)snprintf(path, sizeof(path), "%s/config.yaml", directory);
    return 0;
}

static int remove_directory(void **state)
{
    (void)state;
    (void)unlink(path);
    return rmdir(directory); /* fails if a temporary file was left */
}

static void write_text(const char *text)
{
    FILE *file = fopen(path, "w");

    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static hgh_settings *parse_good(const char *text)
{
    hg_issues errors = {0};
    hg_issues warnings = {0};
    hgh_settings *settings = NULL;

    if (hgh_settings_parse(text, strlen(text), path, &settings, &errors, &warnings) != HG_OK) {
        fail_msg("%s: %s", text, errors.items[0].text);
    }
    hgh_issues_done(&warnings);
    return settings;
}

/* The text with each generated key replaced by KEY. */
static char *read_masked(const hgh_settings *settings)
{
    char *text = NULL;
    size_t length = 0;

    assert_int_equal(hgh_settings_read(path, &text, &length, NULL), HG_OK);
    for (size_t i = 0; i < settings->admin_key_count; i++) {
        const char *key = settings->admin_key[i].key;
        char *at = strstr(text, key);

        assert_int_equal(strlen(key), KEY_LENGTH);
        assert_int_equal(strspn(key, "0123456789abcdef"), KEY_LENGTH);
        assert_non_null(at);
        memcpy(at, "KEY", 3);
        memmove(at + 3, at + KEY_LENGTH, strlen(at + KEY_LENGTH) + 1);
    }
    return text;
}

static void the_key_is_put_where_it_is_missing(void **state)
{
    static const struct {
        const char *label;
        const char *before;
        const char *after;
    } cases[] = {
        {"empty file", "",
         "\ndeployment:\n  admin:\n    admin_key:\n      - name: admin\n        key: \"KEY\"\n"
         "        role: admin\n"},
        {"comments alone", "# mine\n",
         "# mine\n\ndeployment:\n  admin:\n    admin_key:\n      - name: admin\n"
         "        key: \"KEY\"\n        role: admin\n"},
        {"no last newline", "apisix: # c\n   enable_admin: true",
         "apisix: # c\n   enable_admin: true\n\ndeployment:\n  admin:\n    admin_key:\n"
         "      - name: admin\n        key: \"KEY\"\n        role: admin\n"},
        {"deployment without admin", "deployment: # a\n    # b\n    role: traditional # c\n\n# d\n",
         "deployment: # a\n    # b\n    admin:\n      admin_key:\n        - name: admin\n"
         "          key: \"KEY\"\n          role: admin\n    role: traditional # c\n\n# d\n"},
        {"deployment is null", "deployment: # a\nplugins: []\n",
         "deployment: # a\n  admin:\n    admin_key:\n      - name: admin\n        key: \"KEY\"\n"
         "        role: admin\nplugins: []\n"},
        {"admin is null", "deployment:\n  admin: ~ # a",
         "deployment:\n  admin:  # a\n    admin_key:\n      - name: admin\n        key: \"KEY\"\n"
         "        role: admin"},
        {"admin with other keys",
         "deployment:\n  admin:\n    # \xc3\xa4\n    allow_admin: [127.0.0.1]\n",
         "deployment:\n  admin:\n    # \xc3\xa4\n    admin_key:\n      - name: admin\n"
         "        key: \"KEY\"\n        role: admin\n    allow_admin: [127.0.0.1]\n"},
        {"empty list",
         "deployment:\n  admin:\n    admin_key: [] # none\n    enable_admin_cors: false\n",
         "deployment:\n  admin:\n    admin_key:  # none\n      - name: admin\n        key: "
         "\"KEY\"\n"
         "        role: admin\n    enable_admin_cors: false\n"},
        {"null list", "deployment:\n  admin:\n    admin_key:\n",
         "deployment:\n  admin:\n    admin_key:\n      - name: admin\n        key: \"KEY\"\n"
         "        role: admin\n"},
        {"empty key",
         "deployment:\n  admin:\n    admin_key:\n    - name: \xc3\xa4 # x\n      key: '' # y\n"
         "      role: viewer\n",
         "deployment:\n  admin:\n    admin_key:\n    - name: \xc3\xa4 # x\n      key: \"KEY\" # y\n"
         "      role: viewer\n"},
        {"null key",
         "deployment:\n  admin:\n    admin_key:\n      - key: # y\n        role: admin\n",
         "deployment:\n  admin:\n    admin_key:\n      - key: \"KEY\" # y\n        role: admin\n"},
        {"no key", "deployment:\n  admin:\n    admin_key:\n      - name: a\n        role: admin\n",
         "deployment:\n  admin:\n    admin_key:\n      - key: \"KEY\"\n        name: a\n"
         "        role: admin\n"},
        {"two entries",
         "deployment:\n  admin:\n    admin_key:\n      - {name: a, role: admin}\n"
         "      - {name: b, key: \"\", role: viewer}\n",
         "deployment:\n  admin:\n    admin_key:\n      - {key: \"KEY\", name: a, role: admin}\n"
         "      - {name: b, key: \"KEY\", role: viewer}\n"},
        {"flow style", "{deployment: {admin: {enable_admin_cors: true}}}\n",
         "{deployment: {admin: {admin_key: [{name: admin, key: \"KEY\", role: admin}], "
         "enable_admin_cors: true}}}\n"},
        {"flow style, empty", "deployment: {}\n",
         "deployment: {admin: {admin_key: [{name: admin, key: \"KEY\", role: admin}]}}\n"},
        {"flow style, null", "{deployment: {admin: }}\n",
         "{deployment: {admin:  {admin_key: [{name: admin, key: \"KEY\", role: admin}]}}}\n"},
        {"place of release 2.15", "apisix:\n  admin_key: []\n",
         "apisix:\n  admin_key: \n    - name: admin\n      key: \"KEY\"\n      role: admin\n"},
        {"Windows lines",
         "apisix:\r\n  enable_admin: true\r\ndeployment:\r\n  admin:\r\n"
         "    admin_api_version: v3\r\n",
         "apisix:\r\n  enable_admin: true\r\ndeployment:\r\n  admin:\r\n    admin_key:\n"
         "      - name: admin\n        key: \"KEY\"\n        role: admin\n"
         "    admin_api_version: v3\r\n"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        hg_error err = HG_ERROR_INIT;
        hgh_settings *settings;
        hgh_settings *again;
        struct stat info;
        char *masked;
        char *text = NULL;
        size_t length = 0;

        write_text(cases[i].before);
        settings = parse_good(cases[i].before);
        if (hgh_settings_ensure_admin_key(settings, path, true, &err) != HG_OK) {
            fail_msg("%s: %s", cases[i].label, err.text);
        }
        masked = read_masked(settings);
        if (strcmp(masked, cases[i].after) != 0) {
            fail_msg("%s: got\n%s", cases[i].label, masked);
        }
        assert_int_equal(stat(path, &info), 0);
        assert_int_equal(info.st_mode & 07777, 0600);
        assert_int_equal(hgh_settings_read(path, &text, &length, NULL), HG_OK);
        again = parse_good(text);
        assert_string_equal(again->admin_key[0].key, settings->admin_key[0].key);
        hgh_settings_free(again);
        hgh_settings_free(settings);
        free(masked);
        free(text);
    }
}

static void a_missing_file_is_made(void **state)
{
    hgh_settings *settings = parse_good("");
    struct stat info;
    char *masked;

    (void)state;
    (void)unlink(path);
    assert_int_equal(hgh_settings_ensure_admin_key(settings, path, true, NULL), HG_OK);
    masked = read_masked(settings);
    assert_non_null(strstr(masked, "# The configuration of this instance"));
    assert_non_null(strstr(masked, "\ndeployment:\n  admin:\n    admin_key:\n      - name: admin\n"
                                   "        key: \"KEY\"\n        role: admin\n"));
    assert_int_equal(stat(path, &info), 0);
    assert_int_equal(info.st_mode & 07777, 0600);
    hgh_settings_free(settings);
    free(masked);
}

static void nothing_is_done_where_no_key_is_needed(void **state)
{
    static const char *const texts[] = {
        "apisix: {enable_admin: false}\n",
        "deployment: {admin: {admin_key_required: false}}\n",
        "apisix: {admin_key: [{name: a, key: 0123456789abcdef-, role: admin}]}\n",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
        hgh_settings *settings = parse_good(texts[i]);

        assert_int_equal(
            hgh_settings_ensure_admin_key(settings, "/nonexistent/c.yaml", false, NULL), HG_OK);
        hgh_settings_free(settings);
    }
}

static void a_refusal_names_the_lines_to_add(void **state)
{
    static const struct {
        const char *label;
        const char *text;
        bool may_write;
        const char *reason;
    } cases[] = {
        {"outside", "plugins: []\n", false,
         "no admin key, and it lies outside the instance, where hotgate writes nothing. Add these "
         "lines to it, or set what is empty:\ndeployment:\n  admin:\n    admin_key:\n      - name: "
         "admin\n        key: \""},
        {"empty variable",
         "deployment:\n  admin:\n    admin_key:\n      - name: a\n        key: "
         "\"${{HG_TEST_KEY:=}}\"\n"
         "        role: admin\n",
         true, "no admin key, and the key is a variable that is empty. Add"},
    };

    (void)state;
    (void)unsetenv("HG_TEST_KEY");
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        hgh_settings *settings = parse_good(cases[i].text);
        hg_error err = HG_ERROR_INIT;
        char *text = NULL;
        size_t length = 0;

        write_text(cases[i].text);
        assert_int_equal(hgh_settings_ensure_admin_key(settings, path, cases[i].may_write, &err),
                         HG_ERR_INVALID);
        if (strstr(err.text, cases[i].reason) == NULL) {
            fail_msg("%s: got %s", cases[i].label, err.text);
        }
        assert_int_equal(hgh_settings_read(path, &text, &length, NULL), HG_OK);
        assert_string_equal(text, cases[i].text);
        free(text);
        hgh_settings_free(settings);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_key_is_put_where_it_is_missing),
        cmocka_unit_test(a_missing_file_is_made),
        cmocka_unit_test(nothing_is_done_where_no_key_is_needed),
        cmocka_unit_test(a_refusal_names_the_lines_to_add),
    };

    return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
