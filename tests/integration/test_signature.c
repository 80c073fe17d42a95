/* tests/integration/test_signature.c - a gateway that wants signatures runs what a trusted key has
 * signed, and nothing else of its operator's. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/integration/author.h"
#include "tests/integration/command.h"
#include "tests/integration/gateway.h"
#include "tests/unit/unit.h"

static gateway *running;
static char *settings;
static char *object; /* in the plugins directory */
static connection client = {.fd = -1};
static response got;

static void sign(const char *key)
{
    shell("'%s' sign --key '%s/%s.key' '%s' >/dev/null", running->program, author_folder(), key,
          object);
}

static int set_up(void **state)
{
    (void)state;
    shell("cd '%s' && for i in old new foreign; do '%s' sign --new-key $i >/dev/null; done",
          author_folder(), installed_program());
    settings = text_format("plugins_security:\n"
                           "  require_signature: true\n"
                           "  trusted_keys: ['%s/old.pub', conf/new.pub]",
                           author_folder());
    running = gateway_make(&(gateway_options){.settings = settings});
    shell("cp '%s/new.pub' '%s/conf/'", author_folder(), running->directory);
    object = gateway_path(running, "plugins/target.so");
    author_install(running, "target", "target", "");
    sign("old");
    gateway_start(running);
    gateway_put(running, "routes/1",
                "{\"uri\": \"/*\", \"plugins\": {\"target\": {}, \"fault-injection\":"
                " {\"abort\": {\"http_status\": 200, \"body\": \"ok\"}}}}");
    assert_true(connection_open(&client, running->port));
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    connection_close(&client);
    response_done(&got);
    gateway_free(running);
    free(object);
    free(settings);
    return 0;
}

static void serves(const char *version)
{
    connection_request(&client, "GET", "/", "", NULL, &got);
    assert_int_equal(got.status, 200);
    assert_string_equal(response_header(&got, "X-Target"), version);
}

static void shipped_plugins_need_none_and_signed_ones_run(void **state)
{
    (void)state;
    serves("1");
}

static void build_unsigned(const char *version)
{
    char *flags = text_format("-DTARGET_VERSION='\"%s\"'", version);

    shell("rm -f '%s.sig'", object);
    author_install(running, "target", "target", flags);
    free(flags);
}

static void make_without(void)
{
}

static void make_foreign(void)
{
    sign("foreign");
}

static void make_cut(void)
{
    sign("old");
    shell("truncate -s 63 '%s.sig'", object);
}

static void make_for_other_bytes(void)
{
    sign("old");
    shell("printf x >> '%s'", object);
}

static void make_link(void)
{
    shell("'%s' sign --key '%s/old.key' '%s' >/dev/null && mv '%s.sig' '%s/elsewhere' && "
          "ln -s '%s/elsewhere' '%s.sig'",
          running->program, author_folder(), object, object, author_folder(), author_folder(),
          object);
}

static void bad_signatures_are_refused_and_the_old_object_serves(void **state)
{
    static const struct {
        const char *label;
        void (*make)(void);
        const char *reason;
    } rows[] = {
        {"none", make_without, "has no signature: wanted "},
        {"by another key", make_foreign, "is no signature of this object by a trusted key"},
        {"cut", make_cut, "has 63 bytes, a signature has 64"},
        {"for other bytes", make_for_other_bytes, "is no signature of this object"},
        {"a link", make_link, "is a link"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        admin_reply reply;
        const char *message;

        build_unsigned("2");
        rows[i].make();
        reply = gateway_admin(running, "PUT", "plugins/reload", NULL);
        message = json_string_value(json_object_get(reply.json, "error_msg"));
        if (reply.status != 409 || message == NULL || strstr(message, rows[i].reason) == NULL) {
            fail_msg("%s: %ld %s", rows[i].label, reply.status, reply.text);
        }
        print_message("%-16s %s\n", rows[i].label, message);
        admin_reply_done(&reply);
        serves("1");
    }
}

/* Nothing but the signature is new: the refusal before has not stuck to the bytes. */
static void a_signature_made_later_lets_the_same_object_in(void **state)
{
    (void)state;
    build_unsigned("2");
    sign("new");
    json_decref(gateway_reload(running));
    serves("2");
}

static void a_key_that_is_not_trusted_any_more_ends_what_it_signed(void **state)
{
    admin_reply reply;

    (void)state;
    build_unsigned("3");
    sign("new");
    free(settings);
    settings = text_format("plugins_security:\n"
                           "  require_signature: true\n"
                           "  trusted_keys: ['%s/old.pub']",
                           author_folder());
    running->options.settings = settings;
    gateway_configure(running);
    reply = gateway_admin(running, "PUT", "plugins/reload", NULL);
    assert_int_equal(reply.status, 409);
    admin_reply_done(&reply);
    serves("2"); /* what is in force stays so */
    sign("old");
    json_decref(gateway_reload(running));
    serves("3");
}

static void the_command_judges_and_says_so(void **state)
{
    char *key = text_format("%s/old.key", author_folder());
    char *trusted = text_format("%s/old.pub", author_folder());
    char *foreign = text_format("%s/foreign.pub", author_folder());
    char *pair = text_format("%s/old", author_folder());
    char *built = author_build("target", "curl", "-Wl,--no-as-needed -lcurl");
    char *library = text_format("%s/curl.so", author_folder());
    const struct {
        const char *label;
        const char *arguments[8];
        int code;
        const char *text;
    } rows[] = {
        {"help", {"sign", "--help"}, 0, "Usage: hotgate sign"},
        {"nothing", {"sign"}, 2, "wanted --key FILE"},
        {"no file", {"sign", "--key", key}, 2, "wanted a FILE.so"},
        {"two modes", {"sign", "--verify", "--show-key"}, 2, "exclude each other"},
        {"a pair over another", {"sign", "--new-key", pair}, 1, "is there already"},
        {"show", {"sign", "--show-key", "--key", key}, 0, "ed25519:"},
        {"show of no key", {"sign", "--show-key", "--key", trusted}, 1, "can be read by others"},
        {"sign", {"sign", "--key", key, object}, 0, "signed"},
        {"sign nothing", {"sign", "--key", key, "/nowhere/a.so"}, 1, "No such file"},
        {"verify", {"sign", "--verify", "--trusted-key", trusted, object}, 0, "valid"},
        {"verify, foreign",
         {"sign", "--verify", "--trusted-key", foreign, object},
         1,
         "is no signature of this object"},
        {"verify, no key", {"sign", "--verify", object}, 2, "--verify wants --trusted-key"},
        {"verify as JSON",
         {"sign", "--json", "--verify", "--trusted-key", trusted, object},
         0,
         "\"result\": \"valid\""},
        {"check", {"check", object}, 0, "signature: there, not judged"},
        {"check with the key",
         {"check", "--trusted-key", trusted, object},
         0,
         "signature: ed25519:"},
        {"check with another key",
         {"check", "--trusted-key", foreign, object},
         1,
         "is no signature of this object"},
        {"check of a library", {"check", library}, 1, "a need for the library libcurl.so.4"},
        {"check of a library that is allowed",
         {"check", "--allow-library", "libcurl", library},
         0,
         "result: accepted"},
        {"check without running it", {"check", "--no-run", object}, 0, "abi: 0."},
    };

    (void)state;
    shell("cp '%s' '%s'", built, library);
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        const char *all[10] = {running->program};
        char *text = NULL;
        int code;

        memcpy(&all[1], rows[i].arguments, sizeof(rows[i].arguments));
        code = command_run(&(command){.arguments = all}, &text);
        if (code != rows[i].code || strstr(text, rows[i].text) == NULL) {
            fail_msg("%s: wanted %d and \"%s\", got %d: %s", rows[i].label, rows[i].code,
                     rows[i].text, code, text);
        }
        free(text);
    }
    free(key);
    free(trusted);
    free(foreign);
    free(pair);
    free(library);
    free(built);
}

static void openssl_makes_and_judges_the_same_signatures(void **state)
{
    (void)state;
    shell("openssl pkeyutl -sign -rawin -inkey '%s/old.key' -in '%s' -out '%s.sig' && "
          "'%s' sign --verify --trusted-key '%s/old.pub' '%s' >/dev/null",
          author_folder(), object, object, running->program, author_folder(), object);
    sign("new");
    shell("openssl pkeyutl -verify -rawin -pubin -inkey '%s/new.pub' -in '%s' -sigfile '%s.sig' "
          ">/dev/null",
          author_folder(), object, object);
}

static void a_gateway_that_wants_signatures_and_trusts_no_key_does_not_start(void **state)
{
    gateway *other =
        gateway_make(&(gateway_options){.settings = "plugins_security: {require_signature: true}"});
    char *text = NULL;

    (void)state;
    assert_int_not_equal(gateway_refuse(other, &text), 0);
    assert_non_null(strstr(text, "/plugins_security/require_signature"));
    free(text);
    gateway_free(other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shipped_plugins_need_none_and_signed_ones_run),
        cmocka_unit_test(bad_signatures_are_refused_and_the_old_object_serves),
        cmocka_unit_test(a_signature_made_later_lets_the_same_object_in),
        cmocka_unit_test(a_key_that_is_not_trusted_any_more_ends_what_it_signed),
        cmocka_unit_test(the_command_judges_and_says_so),
        cmocka_unit_test(openssl_makes_and_judges_the_same_signatures),
        cmocka_unit_test(a_gateway_that_wants_signatures_and_trusts_no_key_does_not_start),
    };

    return report(cmocka_run_group_tests(tests, set_up, tear_down));
}
