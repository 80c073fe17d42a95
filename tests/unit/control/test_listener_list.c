/* tests/unit/control/test_listener_list.c - addresses that stay keep their socket. */
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "host/control/listener_list.h"
#include "tests/unit/unit.h"

/* A port that nobody has at the moment. */
static uint16_t free_port(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof(address);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_int_equal(bind(fd, (struct sockaddr *)&address, size), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &size), 0);
    (void)close(fd);
    return ntohs(address.sin_port);
}

static hgh_listen at_port(uint16_t port)
{
    hgh_listen listen = {.port = port};

    (void)strcpy(listen.address, "127.0.0.1");
    return listen;
}

static void what_stays_keeps_its_socket(void **state)
{
    hgh_listen both[2] = {at_port(free_port()), at_port(free_port())};
    hgh_listener_list list = {0};
    int kept;
    int gone;

    (void)state;
    assert_int_equal(hgh_listener_list_change(&list, both, 2, NULL), HG_OK);
    assert_int_equal(list.items[0].fd, -1);
    assert_int_equal(hgh_listener_list_open(&list, 0, NULL), HG_OK);
    kept = list.items[1].fd;
    gone = list.items[0].fd;
    assert_true(kept >= 0 && gone >= 0);
    assert_int_equal(hgh_listener_list_change(&list, &both[1], 1, NULL), HG_OK);
    assert_int_equal(list.count, 1);
    assert_int_equal(list.items[0].fd, kept);
    assert_int_equal(fcntl(gone, F_GETFD), -1);
    hgh_listener_list_close(&list);
    assert_int_equal(list.count, 0);
    assert_int_equal(fcntl(kept, F_GETFD), -1);
}

static void looking_opens_nothing_and_minds_no_socket_of_its_own(void **state)
{
    hgh_listen own = at_port(free_port());
    hgh_listener_list list = {0};
    hgh_listener_list other = {0};
    hg_error err = HG_ERROR_INIT;

    (void)state;
    assert_int_equal(hgh_listener_list_check(&list, &own, 1, 0, NULL), HG_OK);
    assert_int_equal(list.count, 0);
    assert_int_equal(hgh_listener_list_change(&list, &own, 1, NULL), HG_OK);
    assert_int_equal(hgh_listener_list_open(&list, 0, NULL), HG_OK);
    assert_int_equal(hgh_listener_list_check(&list, &own, 1, 0, NULL), HG_OK);
    assert_int_equal(hgh_listener_list_check(&other, &own, 1, 0, &err), HG_ERR_EXISTS);
    assert_non_null(strstr(err.text, "127.0.0.1:"));
    hgh_listener_list_close(&list);
}

static void text_holds_the_open_ones(void **state)
{
    hgh_listener_entry items[] = {{.fd = 5}, {.fd = -1}, {.fd = 16}};
    hgh_listener_list list = {.count = 3, .items = items};
    char text[HGH_LISTENER_LIST_TEXT_MAX];
    int descriptors[3];

    (void)state;
    assert_int_equal(hgh_listener_list_text(&list, ",", text, descriptors, 3), 2);
    assert_string_equal(text, "5,16");
    assert_int_equal(descriptors[1], 16);
    assert_int_equal(hgh_listener_list_text(&list, ";", text, descriptors, 3), 2);
    assert_string_equal(text, "5;16;");
    assert_int_equal(hgh_listener_list_text(&list, ",", text, descriptors, 1), 1);
    assert_string_equal(text, "5");
    assert_int_equal(hgh_listener_list_text(&(hgh_listener_list){0}, ",", text, descriptors, 3), 0);
    assert_string_equal(text, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_stays_keeps_its_socket),
        cmocka_unit_test(looking_opens_nothing_and_minds_no_socket_of_its_own),
        cmocka_unit_test(text_holds_the_open_ones),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
