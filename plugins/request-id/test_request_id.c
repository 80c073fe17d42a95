/* test_request_id.c - what identifiers look like, and who sees them. */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <hotgate/test_cmocka.h>

#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))

/* The identifier that the upstream got. */
static const char *id_of(hg_test *test, const char *config)
{
    return hg_test_upstream_header(test, hg_test_run(test, config, NULL), "X-Request-Id");
}

/* `form` has "x" for a hexadecimal digit; other characters stand for themselves. */
static void assert_form(const char *id, const char *form)
{
    assert_int_equal(strlen(id), strlen(form));
    for (size_t i = 0; form[i] != '\0'; i++) {
        if (form[i] == 'x' ? strchr("0123456789abcdef", id[i]) == NULL : id[i] != form[i]) {
            fail_msg("%s is not like %s", id, form);
        }
    }
}

static void identifiers_have_their_form(void **state)
{
    static const struct {
        const char *label;
        const char *config;
        size_t length;
        const char *characters;
    } cases[] = {
        {"default", "{}", 36, "0123456789abcdef-"},
        {"uuid", "{\"algorithm\": \"uuid\"}", 36, "0123456789abcdef-"},
        {"uuidv7", "{\"algorithm\": \"uuidv7\"}", 36, "0123456789abcdef-"},
        {"nanoid", "{\"algorithm\": \"nanoid\"}", 21,
         "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_-"},
        {"ksuid", "{\"algorithm\": \"ksuid\"}", 27,
         "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"},
        {"range_id", "{\"algorithm\": \"range_id\"}", 16,
         "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"},
        {"range_id with a length", "{\"algorithm\": \"range_id\", \"range_id\": {\"length\": 6}}",
         6, "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"},
        {"longest range_id", "{\"algorithm\": \"range_id\", \"range_id\": {\"length\": 1024}}",
         1024, "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"},
        {"range_id with characters",
         "{\"algorithm\": \"range_id\", \"range_id\": {\"char_set\": \"ABC.-!\"}}", 16, "ABC.-!"},
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        const char *first = id_of(*state, cases[i].config);
        const char *second =
            hg_test_upstream_header(*state, hg_test_get(*state, "/"), "X-Request-Id");

        if (strlen(first) != cases[i].length ||
            strspn(first, cases[i].characters) != cases[i].length || strcmp(first, second) == 0) {
            fail_msg("%s: got %s, then %s", cases[i].label, first, second);
        }
    }
}

static void identifiers_hold_what_their_kind_promises(void **state)
{
    static const char digits[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    const char *id;
    long double number = 0;

    for (int i = 0; i < 100; i++) { /* version and variant */
        id = id_of(*state, "{}");
        assert_form(id, "xxxxxxxx-xxxx-4xxx-xxxx-xxxxxxxxxxxx");
        assert_non_null(strchr("89ab", id[19]));
        /* 1700000000000 ms, the clock of a test */
        id = id_of(*state, "{\"algorithm\": \"uuidv7\"}");
        assert_form(id, "018bcfe5-6800-7xxx-xxxx-xxxxxxxxxxxx");
        assert_non_null(strchr("89ab", id[19]));
    }
    id = id_of(*state, "{\"algorithm\": \"ksuid\"}");
    for (size_t i = 0; i < 27; i++) {
        number = number * 62 + (strchr(digits, id[i]) - digits);
    }
    for (int i = 0; i < 128; i++) {
        number /= 2;
    }
    assert_int_equal((uint32_t)number, 1700000000 - 1400000000);
}

/* Of a thousand identifiers each place of most kinds has had each of its characters. */
static void every_place_is_made_of_all_characters(void **state)
{
    static const char digits[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    static const struct {
        const char *label;
        const char *config;
        size_t from; /* places that are random, all of the same characters */
        size_t to;
        const char *characters;
    } cases[] = {
        {"uuid, in front", "{\"algorithm\": \"uuid\"}", 0, 8, "0123456789abcdef"},
        {"uuid, the variant", "{\"algorithm\": \"uuid\"}", 19, 20, "89ab"},
        {"uuid, behind", "{\"algorithm\": \"uuid\"}", 24, 36, "0123456789abcdef"},
        {"uuidv7, behind the version", "{\"algorithm\": \"uuidv7\"}", 15, 18, "0123456789abcdef"},
        {"uuidv7, behind", "{\"algorithm\": \"uuidv7\"}", 24, 36, "0123456789abcdef"},
        {"nanoid", "{\"algorithm\": \"nanoid\"}", 0, 21,
         "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_-"},
        {"range_id", "{\"algorithm\": \"range_id\"}", 0, 16, digits},
        {"range_id of six",
         "{\"algorithm\": \"range_id\", \"range_id\": {\"length\": 6, \"char_set\": \"!~aaab\"}}",
         0, 6, "!~ab"},
        {"ksuid, behind", "{\"algorithm\": \"ksuid\"}", 10, 27, digits},
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        bool seen[36][256] = {{false}};

        (void)hg_test_run(*state, cases[i].config, NULL);
        for (int round = 0; round < 1500; round++) {
            const char *id =
                hg_test_upstream_header(*state, hg_test_get(*state, "/"), "X-Request-Id");

            for (size_t place = cases[i].from; place < cases[i].to; place++) {
                seen[place][(unsigned char)id[place]] = true;
            }
        }
        for (size_t place = cases[i].from; place < cases[i].to; place++) {
            for (int c = 1; c < 256; c++) {
                if (seen[place][c] != (strchr(cases[i].characters, c) != NULL)) {
                    fail_msg("%s: \"%c\" in place %zu", cases[i].label, c, place);
                }
            }
        }
    }
}

static void upstream_and_client_see_the_same(void **state)
{
    static const struct {
        const char *label;
        const char *config;
        const char *sent;     /* by the client */
        const char *answered; /* by the upstream */
        const char *upstream; /* what it gets; "*": a new one */
        const char *client;   /* NULL: none; "*": what the upstream got */
    } cases[] = {
        {"new", "{}", "", "", "*", "*"},
        {"kept", "{}", "X-Request-Id: mine\n", "", "mine", "mine"},
        {"kept, the first of two", "{}", "X-Request-Id: mine\nX-Request-Id: yours\n", "",
         "mine, yours", "mine"},
        {"kept, beyond ASCII", "{}", "X-Request-Id: \xe2\x82\xac\n", "", "\xe2\x82\xac",
         "\xe2\x82\xac"},
        {"kept, no UTF-8", "{}", "X-Request-Id: \xff\n", "", "\xff", "\xff"},
        {"in the response, as told", "{\"include_in_response\": true}", "", "", "*", "*"},
        {"kept, not in the response", "{\"include_in_response\": false}", "X-Request-Id: mine\n",
         "", "mine", NULL},
        {"empty", "{}", "X-Request-Id: \n", "", "*", "*"},
        {"the upstream's stays", "{}", "X-Request-Id: mine\n", "X-Request-Id: theirs\n", "mine",
         "theirs"},
        {"not in the response", "{\"include_in_response\": false}", "", "", "*", NULL},
        {"not in the response, yet the upstream's", "{\"include_in_response\": false}", "",
         "X-Request-Id: theirs\n", "*", "theirs"},
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        hg_test_upstream upstream = {.headers = cases[i].answered};
        hg_test_request request = {.headers = cases[i].sent};
        const hg_test_exchange *exchange;
        const char *got;
        const char *seen;
        const char *wanted = cases[i].client;

        hg_test_set_upstream(*state, &upstream);
        exchange = hg_test_run(*state, cases[i].config, &request);
        got = hg_test_upstream_header(*state, exchange, "X-Request-Id");
        seen = hg_test_header(*state, exchange, "X-Request-Id");
        wanted = wanted != NULL && wanted[0] == '*' ? got : wanted;
        if ((cases[i].upstream[0] == '*' ? strlen(got) != 36
                                         : strcmp(got, cases[i].upstream) != 0) ||
            (wanted == NULL ? seen != NULL : seen == NULL || strcmp(seen, wanted) != 0)) {
            fail_msg("%s: got %s, %s", cases[i].label, got, seen);
        }
    }
}

static void the_header_has_the_configured_name(void **state)
{
    const hg_test_exchange *exchange = hg_test_run(*state, "{\"header_name\": \"Trace\"}", NULL);

    assert_int_equal(strlen(hg_test_upstream_header(*state, exchange, "trace")), 36);
    assert_string_equal(hg_test_header(*state, exchange, "trace"),
                        hg_test_upstream_header(*state, exchange, "trace"));
    assert_null(hg_test_header(*state, exchange, "X-Request-Id"));
}

static void every_field_is_told(void **state)
{
    static const hg_test_fact facts[] = {
        {"/priority", "12015"},
        {"/flags", "[]"},
        {"/phases", "[\"rewrite\", \"header_filter\"]"},
        {"/schema", "{\"type\": \"object\"}"},
        {"/schema/properties/header_name",
         "{\"type\": \"string\", \"minLength\": 1, \"default\": \"X-Request-Id\","
         " \"pattern\": \"^[!#$%&'*+.^_`|~0-9A-Za-z-]+$\"}"},
        {"/schema/properties/include_in_response", "{\"type\": \"boolean\", \"default\": true}"},
        {"/schema/properties/algorithm",
         "{\"type\": \"string\", \"default\": \"uuid\","
         " \"enum\": [\"uuid\", \"nanoid\", \"range_id\", \"ksuid\", \"uuidv7\"]}"},
        {"/schema/properties/range_id", "{\"type\": \"object\"}"},
        {"/schema/properties/range_id/properties/length",
         "{\"type\": \"integer\", \"minimum\": 6, \"maximum\": 1024, \"default\": 16}"},
        {"/schema/properties/range_id/properties/char_set",
         "{\"type\": \"string\", \"minLength\": 6, \"pattern\": \"^[!-~]+$\", \"default\":"
         " \"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789\"}"},
    };

    hg_test_expect_facts(*state, facts, ARRAY_SIZE(facts));
}

static void configurations_are_judged(void **state)
{
    static const hg_test_row rows[] = {
        {"nothing", "{}", NULL},
        {"empty header_name", "{\"header_name\": \"\"}",
         "property \"header_name\" validation failed: string too short, expected at least 1, got "
         "0"},
        {"header_name with a blank", "{\"header_name\": \"a b\"}",
         "property \"header_name\" validation failed: failed to match pattern "
         "\"^[!#$%&'*+.^_`|~0-9A-Za-z-]+$\" with \"a b\""},
        {"header_name of another type", "{\"header_name\": 1}",
         "property \"header_name\" validation failed: wrong type: expected string, got number"},
        {"header_name of one", "{\"header_name\": \"a\"}", NULL},
        {"header_name of all that a name may have", "{\"header_name\": \"!#$%&'*+.^_`|~09AZaz-\"}",
         NULL},
        {"header_name with a colon", "{\"header_name\": \"a:\"}",
         "property \"header_name\" validation failed: failed to match pattern"},
        {"header_name with a line feed", "{\"header_name\": \"a\\n\"}",
         "property \"header_name\" validation failed: failed to match pattern"},
        {"header_name beyond ASCII", "{\"header_name\": \"\\u00e4\"}",
         "property \"header_name\" validation failed: failed to match pattern"},
        {"every algorithm", "{\"algorithm\": \"uuid\"}", NULL},
        {"nanoid", "{\"algorithm\": \"nanoid\"}", NULL},
        {"ksuid", "{\"algorithm\": \"ksuid\"}", NULL},
        {"uuidv7", "{\"algorithm\": \"uuidv7\"}", NULL},
        {"range_id", "{\"algorithm\": \"range_id\"}", NULL},
        {"algorithm in another case", "{\"algorithm\": \"UUID\"}",
         "property \"algorithm\" validation failed: matches none of the enum values"},
        {"empty range_id", "{\"range_id\": {}}", NULL},
        {"length 1024", "{\"range_id\": {\"length\": 1024}}", NULL},
        {"length as text", "{\"range_id\": {\"length\": \"16\"}}",
         "property \"range_id\" validation failed: property \"length\" validation failed: wrong "
         "type: expected integer, got string"},
        {"char_set of another type", "{\"range_id\": {\"char_set\": [\"a\"]}}",
         "property \"range_id\" validation failed: property \"char_set\" validation failed: wrong "
         "type: expected string, got table"},
        {"char_set from end to end", "{\"range_id\": {\"char_set\": \"!~!~!~\"}}", NULL},
        {"char_set with DEL", "{\"range_id\": {\"char_set\": \"abcdef\\u007f\"}}",
         "property \"range_id\" validation failed: property \"char_set\" validation failed: "
         "failed"},
        {"include_in_response", "{\"include_in_response\": 1}",
         "property \"include_in_response\" validation failed: wrong type: expected boolean, got "
         "number"},
        {"algorithm", "{\"algorithm\": \"snowflake\"}",
         "property \"algorithm\" validation failed: matches none of the enum values"},
        {"range_id of another type", "{\"range_id\": 1}",
         "property \"range_id\" validation failed: wrong type: expected object, got number"},
        {"length 5", "{\"range_id\": {\"length\": 5}}",
         "property \"range_id\" validation failed: property \"length\" validation failed: expected "
         "5 to be at least 6"},
        {"length 6", "{\"range_id\": {\"length\": 6}}", NULL},
        {"length 1025", "{\"range_id\": {\"length\": 1025}}",
         "property \"range_id\" validation failed: property \"length\" validation failed: expected "
         "1025 to be at most 1024"},
        {"char_set of 5", "{\"range_id\": {\"char_set\": \"abcde\"}}",
         "property \"range_id\" validation failed: property \"char_set\" validation failed: string "
         "too short, expected at least 6, got 5"},
        {"char_set of 6", "{\"range_id\": {\"char_set\": \"abcdef\"}}", NULL},
        {"char_set with a blank", "{\"range_id\": {\"char_set\": \"abc def\"}}",
         "property \"range_id\" validation failed: property \"char_set\" validation failed: failed "
         "to match pattern \"^[!-~]+$\" with \"abc def\""},
        {"char_set beyond ASCII", "{\"range_id\": {\"char_set\": \"abcdef\\u00e4\"}}",
         "property \"range_id\" validation failed: property \"char_set\" validation failed: failed "
         "to match pattern \"^[!-~]+$\" with \"abcdefä\""},
    };

    hg_test_judge(*state, rows, ARRAY_SIZE(rows));
}

HG_TEST_MAIN("request-id",
             HG_TEST_CASE(identifiers_have_their_form),
             HG_TEST_CASE(identifiers_hold_what_their_kind_promises),
             HG_TEST_CASE(every_place_is_made_of_all_characters),
             HG_TEST_CASE(upstream_and_client_see_the_same),
             HG_TEST_CASE(the_header_has_the_configured_name),
             HG_TEST_CASE(every_field_is_told),
             HG_TEST_CASE(configurations_are_judged))
