/* host/cli/command_sign.c - `hotgate sign`: signatures of objects, and the keys for them. */
#include <getopt.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "host/cli/command.h"
#include "host/cli/report.h"
#include "host/control/signature.h"
#include "host/control/signing_key.h"
#include "host/core/json_value.h"

static const char usage_text[] =
    "Usage: hotgate sign --key FILE FILE.so...\n"
    "       hotgate sign --verify --trusted-key KEY [--trusted-key KEY...] FILE.so...\n"
    "       hotgate sign --new-key NAME\n"
    "       hotgate sign --show-key --key FILE\n\n"
    "Signs objects of plugins for a gateway that asks for that\n"
    "(plugins_security.require_signature in config.yaml): FILE.so.sig holds the signature.\n\n"
    "  --key FILE         the private key to sign with, PEM; nobody else may read it\n"
    "  --verify           judge signatures that are there\n"
    "  --trusted-key KEY  a key to judge with: ed25519:... or a file in PEM\n"
    "  --new-key NAME     make a pair: NAME.key to sign with, NAME.pub for gateways\n"
    "  --show-key         print the public half of --key for plugins_security.trusted_keys\n"
    "  --json             print what was done as JSON\n"
    "  -h, --help         show this text\n\n"
    "Exit status: 0 done, 1 refused or failed, 2 wrong usage.\n";

typedef struct options {
    const char *key;     /* NULL: none */
    const char *new_key; /* NULL: no pair is to be made */
    json_t *trusted;     /* an array, owned */
    bool verifies;
    bool shows_key;
    bool as_json;
    char *const *files;
    size_t file_count;
} options;

/* ----------------------------------------------------------------------------------- usage */

/* What is wrong with the options together; NULL: nothing. */
static const char *misuse(const options *given)
{
    int modes =
        (given->verifies ? 1 : 0) + (given->shows_key ? 1 : 0) + (given->new_key != NULL ? 1 : 0);

    if (modes > 1) {
        return "--verify, --new-key and --show-key exclude each other";
    }
    if (given->verifies && (json_array_size(given->trusted) == 0 || given->key != NULL)) {
        return "--verify wants --trusted-key, and no --key";
    }
    if (!given->verifies && json_array_size(given->trusted) > 0) {
        return "--trusted-key is for --verify";
    }
    if (given->new_key != NULL ? given->key != NULL : !given->verifies && given->key == NULL) {
        return given->new_key != NULL ? "--new-key takes no --key" : "wanted --key FILE";
    }
    if (given->new_key != NULL || given->shows_key) {
        return given->file_count > 0 ? "no FILE.so is wanted here" : NULL;
    }
    return given->file_count == 0 ? "wanted a FILE.so" : NULL;
}

static bool options_take(int argc, char **argv, options *given, int *out_code)
{
    static const struct option known[] = {{"key", required_argument, NULL, 'k'},
                                          {"verify", no_argument, NULL, 'v'},
                                          {"trusted-key", required_argument, NULL, 't'},
                                          {"new-key", required_argument, NULL, 'n'},
                                          {"show-key", no_argument, NULL, 's'},
                                          {"json", no_argument, NULL, 'j'},
                                          {"help", no_argument, NULL, 'h'},
                                          {NULL, 0, NULL, 0}};
    const char *wrong;
    int option;

    *out_code = HGH_EXIT_USAGE;
    while ((option = getopt_long(argc, argv, "h", known, NULL)) != -1) {
        switch (option) {
        case 'k':
            given->key = optarg;
            break;
        case 'v':
            given->verifies = true;
            break;
        case 't':
            (void)json_array_append_new(given->trusted, json_string(optarg));
            break;
        case 'n':
            given->new_key = optarg;
            break;
        case 's':
            given->shows_key = true;
            break;
        case 'j':
            given->as_json = true;
            break;
        case 'h':
            (void)fputs(usage_text, stdout);
            *out_code = HGH_EXIT_OK;
            return false;
        default:
            (void)fputs(usage_text, stderr);
            return false;
        }
    }
    given->files = argv + optind;
    given->file_count = (size_t)(argc - optind);
    wrong = misuse(given);
    if (wrong != NULL) {
        (void)fprintf(stderr, "hotgate sign: %s\n%s", wrong, usage_text);
    }
    return wrong == NULL;
}

/* ------------------------------------------------------------------------------------ keys */

static int fail(const hg_error *err)
{
    (void)fprintf(stderr, "hotgate sign: %s\n", err->text);
    return HGH_EXIT_FAILED;
}

static void print(const options *given, json_t *report)
{
    if (given->as_json) {
        (void)json_dumpf(report, stdout, JSON_INDENT(2));
        (void)fputc('\n', stdout);
    } else {
        hgh_report_print(stdout, report);
    }
    json_decref(report);
}

static int key_make(const options *given)
{
    char private_path[PATH_MAX];
    char public_path[PATH_MAX];
    char text[HGH_PUBLIC_KEY_TEXT];
    hgh_public_key public;
    hg_error err = HG_ERROR_INIT;

    if (strlen(given->new_key) + sizeof(".key") > sizeof(private_path)) {
        (void)hg_error_set(&err, HG_ERR_INVALID, "--new-key: is too long a path");
        return fail(&err);
    }
    (void)snprintf(private_path, sizeof(private_path), "%s.key", given->new_key);
    (void)snprintf(public_path, sizeof(public_path), "%s.pub", given->new_key);
    if (hgh_signing_key_make(private_path, public_path, &public, &err) != HG_OK) {
        return fail(&err);
    }
    hgh_public_key_format(&public, text);
    hgh_utf8_mend(private_path);
    hgh_utf8_mend(public_path);
    print(given, json_pack("{s:s, s:s, s:s}", "private_key", private_path, "public_key",
                           public_path, "trusted_key", text));
    return HGH_EXIT_OK;
}

static int key_show(const options *given)
{
    hgh_signing_key *key = NULL;
    hg_error err = HG_ERROR_INIT;
    char text[HGH_PUBLIC_KEY_TEXT];

    if (hgh_signing_key_read(given->key, &key, &err) != HG_OK) {
        return fail(&err);
    }
    hgh_public_key_format(hgh_signing_key_public(key), text);
    hgh_signing_key_free(key);
    if (given->as_json) {
        print(given, json_pack("{s:s}", "trusted_key", text));
    } else {
        (void)puts(text);
    }
    return HGH_EXIT_OK;
}

/* ----------------------------------------------------------------------------------- files */

/* Signs one object, or judges its signature, and says so in `item`. */
static hg_status file_do(const char *path,
                         const hgh_signing_key *key,
                         const hgh_trusted_keys *trusted,
                         json_t *item,
                         hg_error *err)
{
    hgh_object_file file = {0};
    char signature[PATH_MAX];
    char text[HGH_PUBLIC_KEY_TEXT];
    size_t signer = 0;
    hg_status status;

    if (snprintf(signature, sizeof(signature), "%s" HGH_SIGNATURE_SUFFIX, path) >=
        (int)sizeof(signature)) {
        return hg_error_set(err, HG_ERR_INVALID, "is too long a path");
    }
    status = hgh_object_file_read_anywhere(path, HGH_OBJECT_BYTES_MAX, &file, err);
    if (status != HG_OK) {
        return status;
    }
    status = key != NULL ? hgh_signing_key_sign(key, &file, signature, err)
                         : hgh_signature_check(&file, signature, true, trusted, &signer, err);
    if (status == HG_OK) {
        hgh_public_key_format(key != NULL ? hgh_signing_key_public(key) : &trusted->keys[signer],
                              text);
        (void)json_object_set_new(item, "key", json_string(text));
        (void)json_object_set_new(item, "sha256", json_string(file.sha256));
    }
    hgh_object_file_done(&file);
    return status;
}

static int files_do(const options *given, const hgh_signing_key *key, const hgh_trusted_keys *keys)
{
    json_t *report = json_array();
    int code = HGH_EXIT_OK;

    for (size_t i = 0; i < given->file_count; i++) {
        hg_error err = HG_ERROR_INIT;
        char shown[PATH_MAX];
        json_t *item;

        (void)snprintf(shown, sizeof(shown), "%s", given->files[i]);
        hgh_utf8_mend(shown);
        item = json_pack("{s:s, s:s}", "file", shown, "result", "refused");
        if (file_do(given->files[i], key, keys, item, &err) == HG_OK) {
            (void)json_object_set_new(item, "result",
                                      json_string(key != NULL ? "signed" : "valid"));
        } else {
            code = fail(&err);
            hgh_utf8_mend(err.text);
            (void)json_object_set_new(item, "error", json_string(err.text));
        }
        (void)json_array_append_new(report, item);
    }
    print(given, report);
    return code;
}

static int files_sign(const options *given)
{
    hgh_signing_key *key = NULL;
    hg_error err = HG_ERROR_INIT;
    int code;

    if (hgh_signing_key_read(given->key, &key, &err) != HG_OK) {
        return fail(&err);
    }
    code = files_do(given, key, NULL);
    hgh_signing_key_free(key);
    return code;
}

static int files_verify(const options *given)
{
    hgh_trusted_keys keys;
    hg_error err = HG_ERROR_INIT;

    return hgh_trusted_keys_load(given->trusted, NULL, &keys, &err) == HG_OK
               ? files_do(given, NULL, &keys)
               : fail(&err);
}

int hgh_command_sign(int argc, char **argv)
{
    options given = {.trusted = json_array()};
    int code;

    if (options_take(argc, argv, &given, &code)) {
        code = given.new_key != NULL ? key_make(&given)
               : given.shows_key     ? key_show(&given)
               : given.verifies      ? files_verify(&given)
                                     : files_sign(&given);
    }
    json_decref(given.trusted);
    return code;
}
