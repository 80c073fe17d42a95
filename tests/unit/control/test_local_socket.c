/* tests/unit/control/test_local_socket.c - sockets below any path, for those who may use them. */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "host/control/local_socket.h"
#include "tests/unit/unit.h"

#define LONG_NAME "0123456789012345678901234567890123456789012345678901234567890123456789"

static char directory[400];

static int set_up(void **state)
{
    char base[64] = "/tmp/hotgate-socket-XXXXXX";
    char path[500];

    (void)state;
    assert_non_null(mkdtemp(base));
    (void)snprintf(directory, sizeof(directory), "%s/" LONG_NAME, base);
    assert_int_equal(mkdir(directory, 0755), 0);
    (void)snprintf(path, sizeof(path), "%s/run", directory);
    assert_int_equal(mkdir(path, 0755), 0);
    return 0;
}

static int tear_down(void **state)
{
    char command[500];

    (void)state;
    (void)snprintf(command, sizeof(command), "rm -rf '%.27s'", directory);
    return system(command);
}

static mode_t mode_of(const char *name)
{
    char path[500];
    struct stat info;

    (void)snprintf(path, sizeof(path), "%s/%s", directory, name);
    assert_int_equal(stat(path, &info), 0);
    assert_true(S_ISSOCK(info.st_mode));
    return info.st_mode & 07777;
}

static bool connects(const char *name)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    char path[HGH_LOCAL_PATH_MAX];
    int through = -1;
    bool is_good;
    int fd;

    if (hgh_local_socket_path(directory, name, path, &through, NULL) != HG_OK) {
        return false;
    }
    memcpy(address.sun_path, path, sizeof(address.sun_path));
    fd = socket(AF_UNIX, SOCK_STREAM, 0);
    is_good = connect(fd, (const struct sockaddr *)&address, sizeof(address)) == 0;
    (void)close(fd);
    (void)close(through);
    return is_good;
}

static void a_path_of_any_length_has_a_socket(void **state)
{
    int fd = -1;

    (void)state;
    assert_false(hgh_local_socket_fits(directory, HGH_CONTROL_SOCKET));
    assert_true(hgh_local_socket_fits("/srv/gateway", HGH_CONTROL_SOCKET));
    assert_int_equal(hgh_local_socket_open(directory, HGH_CONTROL_SOCKET, (gid_t)-1, &fd, NULL),
                     HG_OK);
    assert_true(connects(HGH_CONTROL_SOCKET));
    (void)close(fd);
}

static void its_mode_says_who_may_connect(void **state)
{
    int fds[2] = {-1, -1};

    (void)state;
    assert_int_equal(hgh_local_socket_open(directory, HGH_CONTROL_SOCKET, (gid_t)-1, &fds[0], NULL),
                     HG_OK);
    assert_int_equal(hgh_local_socket_open(directory, HGH_ADMIN_SOCKET, getegid(), &fds[1], NULL),
                     HG_OK);
    assert_int_equal(mode_of(HGH_CONTROL_SOCKET), 0600);
    assert_int_equal(mode_of(HGH_ADMIN_SOCKET), 0660);
    (void)close(fds[0]);
    (void)close(fds[1]);
}

static void what_a_killed_gateway_left_is_replaced(void **state)
{
    int fds[2] = {-1, -1};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(fds); i++) {
        assert_int_equal(
            hgh_local_socket_open(directory, HGH_CONTROL_SOCKET, (gid_t)-1, &fds[i], NULL), HG_OK);
    }
    (void)close(fds[0]);
    assert_true(connects(HGH_CONTROL_SOCKET));
    hgh_local_socket_remove(directory, HGH_CONTROL_SOCKET);
    hgh_local_socket_remove(directory, HGH_CONTROL_SOCKET);
    assert_false(connects(HGH_CONTROL_SOCKET));
    (void)close(fds[1]);
}

static void what_is_no_socket_is_told(void **state)
{
    char path[HGH_LOCAL_PATH_MAX];
    hg_error err = HG_ERROR_INIT;
    int fd = -1;

    (void)state;
    assert_int_equal(hgh_local_socket_path(directory, HGH_CONTROL_SOCKET, path, &fd, &err),
                     HG_ERR_NOT_FOUND);
    assert_non_null(strstr(err.text, "control.sock: No such file"));
    assert_int_equal(hgh_local_socket_path("/nowhere", HGH_CONTROL_SOCKET, path, &fd, &err),
                     HG_ERR_NOT_FOUND);
    assert_int_equal(hgh_local_socket_path(directory, "run", path, &fd, &err), HG_ERR_NOT_FOUND);
    assert_non_null(strstr(err.text, "is no socket"));
    assert_int_equal(hgh_local_socket_open("/nowhere", HGH_CONTROL_SOCKET, (gid_t)-1, &fd, &err),
                     HG_ERR_IO);
    assert_int_equal(fd, -1);
}

#define SOCKET_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        SOCKET_TEST(a_path_of_any_length_has_a_socket),
        SOCKET_TEST(its_mode_says_who_may_connect),
        SOCKET_TEST(what_a_killed_gateway_left_is_replaced),
        SOCKET_TEST(what_is_no_socket_is_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
