/* tests/unit/control/test_signature.c - only what a trusted key has signed, as it was, is valid. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "host/control/signature.h"
#include "host/control/signing_key.h"
#include "tests/unit/unit.h"

/* Test 1 of RFC 8032, 7.1. */
#define RFC_KEY "ed25519:11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="

static char directory[64];
static hgh_public_key first;
static hgh_public_key second;

static char *path_of(const char *name)
{
    static char paths[4][128];
    static size_t next;
    char *path = paths[next++ % ARRAY_SIZE(paths)];

    (void)snprintf(path, sizeof(paths[0]), "%s/%s", directory, name);
    return path;
}

static void write_file(const char *name, const char *bytes, size_t length, mode_t mode)
{
    FILE *file = fopen(path_of(name), "we");

    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, length, file), length);
    assert_int_equal(fchmod(fileno(file), mode), 0);
    assert_int_equal(fclose(file), 0);
}

static hgh_object_file object_of(const char *text)
{
    hgh_object_file file = {.bytes = (unsigned char *)strdup(text), .size = strlen(text)};

    assert_non_null(file.bytes);
    return file;
}

static int group_set_up(void **state)
{
    hg_error err = HG_ERROR_INIT;

    (void)state;
    (void)snprintf(directory, sizeof(directory), "/tmp/hotgate-unit-XXXXXX");
    if (mkdtemp(directory) == NULL ||
        hgh_signing_key_make(path_of("first.key"), path_of("first.pub"), &first, &err) != HG_OK ||
        hgh_signing_key_make(path_of("second.key"), path_of("second.pub"), &second, &err) !=
            HG_OK) {
        print_error("%s\n", err.text);
        return -1;
    }
    return 0;
}

static int group_tear_down(void **state)
{
    char command[96];

    (void)state;
    (void)snprintf(command, sizeof(command), "rm -rf %s", directory);
    return system(command);
}

static void sign(const char *key_name, const char *text)
{
    hgh_object_file object = object_of(text);
    hgh_signing_key *key = NULL;
    hg_error err = HG_ERROR_INIT;

    if (hgh_signing_key_read(path_of(key_name), &key, &err) != HG_OK ||
        hgh_signing_key_sign(key, &object, path_of("object.sig"), &err) != HG_OK) {
        fail_msg("%s", err.text);
    }
    hgh_signing_key_free(key);
    hgh_object_file_done(&object);
}

/* ------------------------------------------------------------------------------------ keys */

static void a_key_is_text_of_one_form(void **state)
{
    static const struct {
        const char *text;
        hg_status status;
    } rows[] = {
        {RFC_KEY, HG_OK},
        {"ed25519:11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo", HG_OK},
        {"11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=", HG_ERR_INVALID},
        {"ed25519:11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHUR==", HG_ERR_INVALID},
        {"ed25519:AAAA", HG_ERR_INVALID},
        {"ed25519:11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURoA11qY", HG_ERR_INVALID},
        {"ed25519:", HG_ERR_INVALID},
        {"ed25519:no base64, but of the same length, 44 b.=", HG_ERR_INVALID},
        {"", HG_ERR_INVALID},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        hgh_public_key key;
        hg_error err = HG_ERROR_INIT;
        char text[HGH_PUBLIC_KEY_TEXT];

        if (hgh_public_key_parse(rows[i].text, &key, &err) != rows[i].status) {
            fail_msg("\"%s\": \"%s\"", rows[i].text, err.text);
        }
        if (rows[i].status == HG_OK) {
            hgh_public_key_format(&key, text);
            assert_string_equal(text, RFC_KEY);
        }
    }
}

static void a_new_pair_has_safe_modes_and_overwrites_nothing(void **state)
{
    hgh_public_key key;
    hg_error err = HG_ERROR_INIT;
    struct stat info;

    (void)state;
    assert_int_equal(stat(path_of("first.key"), &info), 0);
    assert_int_equal(info.st_mode & 07777, 0600);
    assert_int_equal(stat(path_of("first.pub"), &info), 0);
    assert_int_equal(info.st_mode & 07777, 0644);
    assert_int_equal(hgh_signing_key_make(path_of("new.key"), path_of("first.pub"), &key, &err),
                     HG_ERR_EXISTS);
    assert_int_equal(access(path_of("new.key"), F_OK), -1);
    assert_int_equal(hgh_signing_key_make(path_of("first.key"), path_of("new.pub"), &key, &err),
                     HG_ERR_EXISTS);
    assert_int_equal(access(path_of("new.pub"), F_OK), -1);
    assert_non_null(strstr(err.text, "never overwritten"));
}

static void a_private_key_is_taken_only_if_it_is_one_and_is_private(void **state)
{
    static const char encrypted[] =
        "-----BEGIN ENCRYPTED PRIVATE KEY-----\n"
        "MIGjMF8GCSqGSIb3DQEFDTBSMDEGCSqGSIb3DQEFDDAkBBBNQ63dFmB/tfMCTsKC\n"
        "Zj0QAgIIADAMBggqhkiG9w0CCQUAMB0GCWCGSAFlAwQBKgQQPbIWkOtrEeDAoImV\n"
        "4Ql7cQRAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n"
        "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA==\n"
        "-----END ENCRYPTED PRIVATE KEY-----\n";
    static const struct {
        const char *name;
        const char *text;
    } rows[] = {
        {"open.key", "can be read by others: chmod 0600"},
        {"first.pub", "can be read by others"},
        {"public.key", "is no private key of Ed25519"},
        {"garbage.key", "is no private key of Ed25519"},
        {"empty.key", "is no private key of Ed25519"},
        {"encrypted.key", "is encrypted with a password"},
        {"missing.key", "No such file"},
    };

    (void)state;
    write_file("open.key", "x", 1, 0640);
    write_file("garbage.key", "garbage\n", 8, 0600);
    write_file("empty.key", "", 0, 0600);
    write_file("encrypted.key", encrypted, sizeof(encrypted) - 1, 0600);
    write_file("public.key", "-----BEGIN PUBLIC KEY-----\n", 27, 0600);
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        hgh_signing_key *key = NULL;
        hg_error err = HG_ERROR_INIT;

        if (hgh_signing_key_read(path_of(rows[i].name), &key, &err) == HG_OK ||
            strstr(err.text, rows[i].text) == NULL) {
            fail_msg("%s: \"%s\"", rows[i].name, err.text);
        }
    }
}

static void trusted_keys_are_texts_and_files(void **state)
{
    static const struct {
        const char *list;
        size_t count;
        const char *text; /* of the error; NULL: none */
    } rows[] = {
        {"[]", 0, NULL},
        {"[\"" RFC_KEY "\"]", 1, NULL},
        {"[\"first.pub\"]", 1, NULL},
        {"[\"" RFC_KEY "\", \"first.pub\", \"second.pub\"]", 3, NULL},
        {"[\"missing.pub\"]", 0, "trusted_keys: /tmp/hotgate-unit-"},
        {"[\"first.key\"]", 0, "is no public key of Ed25519"},
        {"[\"open.pub\"]", 0, "can be written by others"},
        {"[\"ed25519:AAAA\"]", 0, "32 bytes in base64"},
        {"[7]", 0, "wanted up to 16 texts"},
    };

    (void)state;
    write_file("open.pub", "x", 1, 0666);
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        json_t *list = json_loads(rows[i].list, 0, NULL);
        hgh_trusted_keys keys = {0};
        hg_error err = HG_ERROR_INIT;
        hg_status status = hgh_trusted_keys_load(list, directory, &keys, &err);

        assert_int_equal(status == HG_OK, rows[i].text == NULL);
        assert_int_equal(keys.count, rows[i].count);
        if (rows[i].text != NULL && strstr(err.text, rows[i].text) == NULL) {
            fail_msg("%s: \"%s\"", rows[i].list, err.text);
        }
        json_decref(list);
    }
}

/* ------------------------------------------------------------------------------- signature */

static hg_status
check(const char *text, const hgh_trusted_keys *keys, size_t *signer, hg_error *err)
{
    hgh_object_file object = object_of(text);
    hg_status status =
        hgh_signature_check(&object, path_of("object.sig"), false, keys, signer, err);

    hgh_object_file_done(&object);
    return status;
}

static void a_signature_is_valid_for_one_key_and_these_bytes(void **state)
{
    hgh_trusted_keys both = {.count = 2, .keys = {first, second}};
    hgh_trusted_keys one = {.count = 1, .keys = {first}};
    hgh_trusted_keys none = {0};
    hg_error err = HG_ERROR_INIT;
    size_t signer = 9;
    struct stat info;

    (void)state;
    sign("second.key", "the object");
    assert_int_equal(stat(path_of("object.sig"), &info), 0);
    assert_int_equal(info.st_size, HGH_SIGNATURE_BYTES);
    assert_int_equal(check("the object", &both, &signer, &err), HG_OK);
    assert_int_equal(signer, 1);
    assert_int_equal(check("the object!", &both, NULL, &err), HG_ERR_INVALID);
    assert_non_null(strstr(err.text, "was changed after it was signed, or somebody else"));
    assert_int_equal(check("", &both, NULL, &err), HG_ERR_INVALID);
    assert_int_equal(check("the object", &one, NULL, &err), HG_ERR_INVALID);
    assert_int_equal(check("the object", &none, NULL, &err), HG_ERR_INVALID);
    sign("first.key", "the object"); /* in its place */
    assert_int_equal(check("the object", &one, NULL, &err), HG_OK);
}

static void a_signature_that_is_none_is_refused_with_the_remedy(void **state)
{
    static const struct {
        const char *label;
        size_t length;
        mode_t mode;
        hg_status status;
        const char *text;
    } rows[] = {
        {"empty", 0, 0644, HG_ERR_INVALID, "has 0 bytes, a signature has 64"},
        {"cut", 63, 0644, HG_ERR_INVALID, "has 63 bytes"},
        {"longer", 65, 0644, HG_ERR_INVALID, "has 65 bytes"},
        {"garbage", 64, 0644, HG_ERR_INVALID, "is no signature of this object"},
        {"others may write", 64, 0666, HG_ERR_INVALID, "can be written by others"},
    };
    hgh_trusted_keys keys = {.count = 1, .keys = {first}};
    hg_error err = HG_ERROR_INIT;
    char bytes[65];

    (void)state;
    memset(bytes, 'x', sizeof(bytes));
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        write_file("object.sig", bytes, rows[i].length, rows[i].mode);
        if (check("object", &keys, NULL, &err) != rows[i].status ||
            strstr(err.text, rows[i].text) == NULL) {
            fail_msg("%s: \"%s\"", rows[i].label, err.text);
        }
    }
    assert_int_equal(unlink(path_of("object.sig")), 0);
    assert_int_equal(check("object", &keys, NULL, &err), HG_ERR_NOT_FOUND);
    assert_non_null(strstr(err.text, "has no signature: wanted "));
}

/* Test 3 of RFC 8032, 7.1: what others have made counts, too. */
static void the_signature_of_the_standard_is_valid(void **state)
{
    static const unsigned char bytes[] = {
        0x62, 0x91, 0xd6, 0x57, 0xde, 0xec, 0x24, 0x02, 0x48, 0x27, 0xe6, 0x9c, 0x3a,
        0xbe, 0x01, 0xa3, 0x0c, 0xe5, 0x48, 0xa2, 0x84, 0x74, 0x3a, 0x44, 0x5e, 0x36,
        0x80, 0xd7, 0xdb, 0x5a, 0xc3, 0xac, 0x18, 0xff, 0x9b, 0x53, 0x8d, 0x16, 0xf2,
        0x90, 0xae, 0x67, 0xf7, 0x60, 0x98, 0x4d, 0xc6, 0x59, 0x4a, 0x7c, 0x15, 0xe9,
        0x71, 0x6e, 0xd2, 0x8d, 0xc0, 0x27, 0xbe, 0xce, 0xea, 0x1e, 0xc4, 0x0a};
    hgh_trusted_keys keys = {.count = 1};
    hg_error err = HG_ERROR_INIT;

    (void)state;
    assert_int_equal(hgh_public_key_parse("ed25519:/FHNjmIYoaONpH7QAjDwWAgW7RO6MwOsXeuRFUiQgCU=",
                                          &keys.keys[0], &err),
                     HG_OK);
    write_file("object.sig", (const char *)bytes, sizeof(bytes), 0644);
    if (check("\xaf\x82", &keys, NULL, &err) != HG_OK) {
        fail_msg("%s", err.text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_key_is_text_of_one_form),
        cmocka_unit_test(a_new_pair_has_safe_modes_and_overwrites_nothing),
        cmocka_unit_test(a_private_key_is_taken_only_if_it_is_one_and_is_private),
        cmocka_unit_test(trusted_keys_are_texts_and_files),
        cmocka_unit_test(a_signature_is_valid_for_one_key_and_these_bytes),
        cmocka_unit_test(a_signature_that_is_none_is_refused_with_the_remedy),
        cmocka_unit_test(the_signature_of_the_standard_is_valid),
    };

    return cmocka_run_group_tests(tests, group_set_up, group_tear_down);
}
