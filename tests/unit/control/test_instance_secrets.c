/* tests/unit/control/test_instance_secrets.c - keys of configuration and file, handed over whole.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "host/control/instance_secrets.h"
#include "tests/unit/unit.h"

static char directory[64];

static int set_up(void **state)
{
    char path[128];

    (void)state;
    (void)strcpy(directory, "/tmp/hotgate-secrets-XXXXXX");
    assert_non_null(mkdtemp(directory));
    (void)snprintf(path, sizeof(path), "%s/conf", directory);
    return mkdir(path, 0700);
}

static int tear_down(void **state)
{
    char command[128];

    (void)state;
    (void)snprintf(command, sizeof(command), "rm -rf %s", directory);
    return system(command);
}

static hgh_settings *settings_of(const char *text)
{
    hg_issues errors = {0};
    hg_issues warnings = {0};
    hgh_settings *settings = NULL;

    assert_int_equal(
        hgh_settings_parse(text, strlen(text), "config.yaml", &settings, &errors, &warnings),
        HG_OK);
    hgh_issues_done(&errors);
    hgh_issues_done(&warnings);
    return settings;
}

static void a_key_is_made_where_none_is(void **state)
{
    static const struct {
        const char *text;
        bool is_made;
    } cases[] = {
        {"apisix: {data_encryption: {enable_encrypt_fields: false}}", false},
        {"apisix: {data_encryption: {keyring: [0123456789abcdef]}}", false},
        {"", true},
        {"", false}, /* it is there now */
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        hgh_settings *settings = settings_of(cases[i].text);
        bool is_new = !cases[i].is_made;

        assert_int_equal(hgh_instance_secrets_ensure(directory, settings, &is_new, NULL), HG_OK);
        assert_int_equal(is_new, cases[i].is_made);
        hgh_settings_free(settings);
    }
}

static void configured_keys_come_before_those_of_the_file(void **state)
{
    hgh_settings *settings = settings_of("");
    hgh_instance_secrets secrets = {0};
    bool is_new = false;

    (void)state;
    assert_int_equal(hgh_instance_secrets_ensure(directory, settings, &is_new, NULL), HG_OK);
    hgh_settings_free(settings);
    settings = settings_of("apisix: {data_encryption: {keyring: [first-key-of-all, "
                           "second-key-of-all]}}");
    assert_int_equal(hgh_instance_secrets_load(directory, settings, &secrets, NULL), HG_OK);
    assert_int_equal(secrets.keyring_count, 3);
    assert_string_equal(secrets.keyring[0], "first-key-of-all");
    assert_string_equal(secrets.keyring[1], "second-key-of-all");
    assert_int_equal(strlen(secrets.keyring[2]), 64);
    assert_null(secrets.admin_tls.certificate);
    hgh_instance_secrets_done(&secrets);
    hgh_settings_free(settings);
}

static void what_is_handed_over_comes_back(void **state)
{
    char certificate[] = "-----BEGIN\n\"quoted\"\n";
    char key[] = "a key";
    char ring[] = "0123456789abcdef";
    char *keyring[] = {ring};
    const hgh_instance_secrets given = {.admin_tls = {.certificate = certificate, .key = key},
                                        .keyring_count = 1,
                                        .keyring = keyring};
    hgh_instance_secrets taken = {0};
    hg_error err = HG_ERROR_INIT;
    char *text = hgh_instance_secrets_text(&given);

    (void)state;
    assert_non_null(text);
    assert_int_equal(hgh_instance_secrets_parse(text, strlen(text), &taken, NULL), HG_OK);
    assert_string_equal(taken.admin_tls.certificate, certificate);
    assert_string_equal(taken.admin_tls.key, key);
    assert_null(taken.admin_tls.authorities);
    assert_int_equal(taken.keyring_count, 1);
    assert_string_equal(taken.keyring[0], ring);
    hgh_instance_secrets_done(&taken);
    assert_int_equal(hgh_instance_secrets_parse(text, 5, &taken, &err), HG_ERR_INVALID);
    assert_string_equal(err.text,
                        "the supervisor's secrets: found an answer of 5 bytes, wanted JSON");
    free(text);
}

#define SECRETS_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        SECRETS_TEST(a_key_is_made_where_none_is),
        SECRETS_TEST(configured_keys_come_before_those_of_the_file),
        SECRETS_TEST(what_is_handed_over_comes_back),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
