/* tests/unit/core/test_address.c - addresses are read strictly, sets hold what they name. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "host/core/address.h"
#include "tests/unit/unit.h"

static void parse_takes_addresses_and_nothing_else(void **state)
{
    static const struct {
        const char *text;
        const char *formatted; /* NULL: refused */
    } cases[] = {
        {"1.2.3.4", "1.2.3.4"},
        {"255.255.255.255", "255.255.255.255"},
        {"::1", "::1"},
        {"[::1]", "::1"},
        {"2001:DB8:0:0:0:0:0:1", "2001:db8::1"},
        {"::ffff:1.2.3.4", "::ffff:1.2.3.4"},
        {"", NULL},
        {"1.2.3", NULL},
        {"1.2.3.4.5", NULL},
        {"1.2.3.256", NULL},
        {"01.2.3.4", NULL},
        {" 1.2.3.4", NULL},
        {"1.2.3.4 ", NULL},
        {"0x1.2.3.4", NULL},
        {"[1.2.3.4]", NULL},
        {"[::1", NULL},
        {"[]", NULL},
        {"::1%lo", NULL},
        {"1::2::3", NULL},
        {"1.2.3.4:80", NULL},
        {"0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000", NULL},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        char buffer[64] = "";
        hg_address address;
        hg_status status = hgh_address_parse(hg_text_of(cases[i].text), &address);

        if (status == HG_OK) {
            size_t length = hgh_address_format(&address, buffer, sizeof(buffer));

            assert_int_equal(length, strlen(buffer));
        }
        if ((status == HG_OK) != (cases[i].formatted != NULL) ||
            (status == HG_OK && strcmp(buffer, cases[i].formatted) != 0)) {
            fail_msg("\"%s\": got status %d, \"%s\"", cases[i].text, (int)status, buffer);
        }
    }
}

static void parse_refuses_a_nul_inside(void **state)
{
    hg_address address;

    (void)state;
    assert_int_equal(hgh_address_parse(HG_TEXT("1.2.3.4\0x"), &address), HG_ERR_INVALID);
    assert_int_equal(hgh_address_parse(hg_text_of(NULL), &address), HG_ERR_INVALID);
    assert_int_equal(hgh_address_parse_with_port(hg_text_of(NULL), &address), HG_ERR_INVALID);
}

static void parse_with_port_tells_a_port_from_an_address(void **state)
{
    static const struct {
        const char *text;
        const char *formatted; /* NULL: refused */
        uint16_t port;
    } cases[] = {
        {"1.2.3.4:80", "1.2.3.4", 80}, {"1.2.3.4", "1.2.3.4", 0},  {"[::1]:65535", "::1", 65535},
        {"[::1]", "::1", 0},           {"::1", "::1", 0},          {"fe80::1:80", "fe80::1:80", 0},
        {"1.2.3.4:", NULL, 0},         {"1.2.3.4:65536", NULL, 0}, {"1.2.3.4:080", NULL, 0},
        {"1.2.3.4:-1", NULL, 0},       {"1.2.3.4:80:90", NULL, 0}, {"[1.2.3.4]:80", NULL, 0},
        {"[::1]80", NULL, 0},          {":80", NULL, 0},           {":", NULL, 0},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        char buffer[64] = "";
        hg_address address = {0};
        hg_status status = hgh_address_parse_with_port(hg_text_of(cases[i].text), &address);

        (void)hgh_address_format(&address, buffer, sizeof(buffer));
        if ((status == HG_OK) != (cases[i].formatted != NULL) || address.port != cases[i].port ||
            (status == HG_OK && strcmp(buffer, cases[i].formatted) != 0)) {
            fail_msg("\"%s\": got status %d, \"%s\" port %u", cases[i].text, (int)status, buffer,
                     (unsigned)address.port);
        }
    }
}

static void format_returns_0_if_it_does_not_fit(void **state)
{
    hg_address address;
    char buffer[7];

    (void)state;
    assert_int_equal(hgh_address_parse(HG_TEXT("1.2.3.4"), &address), HG_OK);
    assert_int_equal(hgh_address_format(&address, buffer, sizeof(buffer)), 0);
    assert_int_equal(hgh_address_format(&address, buffer, 0), 0);
    address.family = HG_ADDRESS_NONE;
    assert_int_equal(hgh_address_format(&address, buffer, sizeof(buffer)), 0);
}

static void sockaddr_gives_address_and_port_or_none(void **state)
{
    struct sockaddr_in ipv4 = {.sin_family = AF_INET, .sin_port = htons(80)};
    struct sockaddr_in6 ipv6 = {.sin6_family = AF_INET6, .sin6_port = htons(81)};
    struct sockaddr_un local = {.sun_family = AF_UNIX};
    hg_address address;

    (void)state;
    ipv4.sin_addr.s_addr = htonl(0x01020304);
    hgh_address_from_sockaddr((const struct sockaddr *)&ipv4, &address);
    assert_int_equal(address.family, HG_ADDRESS_IPV4);
    assert_int_equal(address.port, 80);
    assert_memory_equal(address.bytes, "\1\2\3\4", 4);
    ipv6.sin6_addr = in6addr_loopback;
    hgh_address_from_sockaddr((const struct sockaddr *)&ipv6, &address);
    assert_int_equal(address.family, HG_ADDRESS_IPV6);
    assert_int_equal(address.port, 81);
    assert_int_equal(address.bytes[15], 1);
    hgh_address_from_sockaddr((const struct sockaddr *)&local, &address);
    assert_int_equal(address.family, HG_ADDRESS_NONE);
}

static void a_set_holds_exactly_its_networks(void **state)
{
    static const char *const entries[] = {
        "10.0.0.0/8", "10.1.0.0/16",        "192.168.1.7/30",  "1.2.3.4",
        "0.0.0.0/32", "2001:db8::/32",      "2001:db8:1::/48", "::1",
        "fe80::/10",  "::ffff:7.0.0.0/104", "255.255.255.255",
    };
    static const struct {
        const char *address;
        bool inside;
    } cases[] = {
        {"10.0.0.0", true},
        {"10.255.255.255", true},
        {"9.255.255.255", false},
        {"11.0.0.0", false},
        {"192.168.1.4", true},
        {"192.168.1.7", true},
        {"192.168.1.8", false},
        {"192.168.1.3", false},
        {"1.2.3.4", true},
        {"1.2.3.5", false},
        {"0.0.0.0", true},
        {"0.0.0.1", false},
        {"7.8.9.10", true},
        {"255.255.255.255", true},
        {"::ffff:10.2.3.4", true},
        {"::ffff:8.8.8.8", false},
        {"2001:db8:ffff::1", true},
        {"2001:db9::", false},
        {"::1", true},
        {"::2", false},
        {"febf::1", true},
        {"fec0::", false},
        {"::7.8.9.10", false},
    };
    hg_cidrs *cidrs = NULL;

    (void)state;
    assert_int_equal(hgh_cidrs_parse(entries, ARRAY_SIZE(entries), &cidrs, NULL), HG_OK);
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        hg_address address;

        assert_int_equal(hgh_address_parse(hg_text_of(cases[i].address), &address), HG_OK);
        if (hgh_cidrs_contain(cidrs, &address) != cases[i].inside) {
            fail_msg("%s: wanted %s", cases[i].address, cases[i].inside ? "inside" : "outside");
        }
    }
    hgh_cidrs_free(cidrs);
}

static void a_set_refuses_what_is_no_network(void **state)
{
    static const char *const cases[] = {
        "",
        "x",
        "10.0.0.0/33",
        "10.0.0.0/",
        "10.0.0.0/-1",
        "10.0.0.0/08",
        "::/129",
        "[::]/64",
        "10.0.0/8",
        "/8",
        "10.0.0.0/8/8",
        "10.0.0.0 /8",
        "::1%eth0",
        "10.0.0.0-10.0.0.9",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        hg_error err = HG_ERROR_INIT;
        hg_cidrs *cidrs = NULL;
        char wanted[100];

        (void)snprintf(wanted, sizeof(wanted), "invalid ip address: %s", cases[i]);
        if (hgh_cidrs_parse(&cases[i], 1, &cidrs, &err) != HG_ERR_INVALID || cidrs != NULL) {
            fail_msg("\"%s\": was taken", cases[i]);
        }
        assert_string_equal(err.text, wanted);
    }
}

static void empty_and_absent_sets_hold_nothing(void **state)
{
    hg_address address;
    hg_address none = {0};
    const char *everything[] = {"0.0.0.0/0", "::/0"};
    hg_cidrs *cidrs = NULL;

    (void)state;
    assert_int_equal(hgh_address_parse(HG_TEXT("1.2.3.4"), &address), HG_OK);
    assert_false(hgh_cidrs_contain(NULL, &address));
    assert_int_equal(hgh_cidrs_parse(NULL, 0, &cidrs, NULL), HG_OK);
    assert_false(hgh_cidrs_contain(cidrs, &address));
    hgh_cidrs_free(cidrs);
    assert_int_equal(hgh_cidrs_parse(everything, 2, &cidrs, NULL), HG_OK);
    assert_true(hgh_cidrs_contain(cidrs, &address));
    assert_false(hgh_cidrs_contain(cidrs, &none));
    hgh_cidrs_free(cidrs);
    hgh_cidrs_free(NULL);
}

/* Ten thousand networks in an order that helps no sorting, looked up one by one. */
static void a_large_set_is_sorted(void **state)
{
    enum {
        COUNT = 10000
    };
    static char texts[COUNT][24];
    const char **entries = calloc(COUNT, sizeof(*entries));
    hg_cidrs *cidrs = NULL;

    (void)state;
    assert_non_null(entries);
    for (unsigned i = 0; i < COUNT; i++) {
        unsigned number = i * 7919u % COUNT; /* prime: every number once */

        (void)snprintf(texts[i], sizeof(texts[i]), "10.%u.%u.0/25", number / 256, number % 256);
        entries[i] = texts[i];
    }
    assert_int_equal(hgh_cidrs_parse(entries, COUNT, &cidrs, NULL), HG_OK);
    for (unsigned i = 0; i < COUNT; i++) {
        hg_address address = {.family = HG_ADDRESS_IPV4};

        address.bytes[0] = 10;
        address.bytes[1] = (uint8_t)(i / 256);
        address.bytes[2] = (uint8_t)(i % 256);
        address.bytes[3] = 127;
        assert_true(hgh_cidrs_contain(cidrs, &address));
        address.bytes[3] = 128;
        assert_false(hgh_cidrs_contain(cidrs, &address));
    }
    hgh_cidrs_free(cidrs);
    free(entries);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parse_takes_addresses_and_nothing_else),
        cmocka_unit_test(parse_refuses_a_nul_inside),
        cmocka_unit_test(parse_with_port_tells_a_port_from_an_address),
        cmocka_unit_test(format_returns_0_if_it_does_not_fit),
        cmocka_unit_test(sockaddr_gives_address_and_port_or_none),
        cmocka_unit_test(a_set_holds_exactly_its_networks),
        cmocka_unit_test(a_set_refuses_what_is_no_network),
        cmocka_unit_test(empty_and_absent_sets_hold_nothing),
        cmocka_unit_test(a_large_set_is_sorted),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
