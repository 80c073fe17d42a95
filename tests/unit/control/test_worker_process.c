/* tests/unit/control/test_worker_process.c - the system is asked about a process, whatever its
 * name. */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include "host/control/worker_process.h"
#include "tests/unit/unit.h"

#define MIB (1u << 20)

/* A child that does nothing more than wait to be killed. */
static pid_t child_make(const char *name)
{
    int ready[2];
    pid_t child;
    char byte;

    assert_int_equal(pipe(ready), 0);
    child = fork();
    if (child == 0) {
        (void)prctl(PR_SET_NAME, name);
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        (void)!write(ready[1], "x", 1);
        for (;;) {
            (void)pause();
        }
    }
    (void)close(ready[1]);
    assert_int_equal(read(ready[0], &byte, 1), 1);
    (void)close(ready[0]);
    return child;
}

static void child_end(pid_t child)
{
    (void)kill(child, SIGKILL);
    assert_int_equal(waitpid(child, NULL, 0), child);
}

static void a_name_does_not_mislead(void **state)
{
    static const char *const names[] = {"nginx", "a) T 1 (b", ")", "((", " T 1", "x\ny"};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        pid_t child = child_make(names[i]);

        if (hgh_worker_process_parent(child) != getpid() || hgh_worker_process_is_stopped(child)) {
            fail_msg("%s", names[i]);
        }
        child_end(child);
    }
}

static void a_stopped_process_is_stopped_until_it_goes_on(void **state)
{
    pid_t child = child_make("stops");
    int status;

    (void)state;
    assert_int_equal(kill(child, SIGSTOP), 0);
    assert_int_equal(waitpid(child, &status, WUNTRACED), child);
    assert_true(hgh_worker_process_is_stopped(child));
    assert_int_equal(hgh_worker_process_parent(child), getpid());
    assert_int_equal(kill(child, SIGCONT), 0);
    assert_int_equal(waitpid(child, &status, WCONTINUED), child);
    assert_false(hgh_worker_process_is_stopped(child));
    child_end(child);
}

static void a_debugger_stops_it_too(void **state)
{
    pid_t child = child_make("traced");
    int status;

    (void)state;
    if (ptrace(PTRACE_ATTACH, child, NULL, NULL) != 0) { /* a container may forbid it */
        child_end(child);
        skip();
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(hgh_worker_process_is_stopped(child));
    assert_int_equal(ptrace(PTRACE_DETACH, child, NULL, NULL), 0);
    child_end(child);
}

static void of_a_process_that_is_not_there_nothing_is_known(void **state)
{
    static const pid_t none[] = {0, -1, INT32_MIN, INT32_MAX};
    pid_t ended = child_make("ends");

    (void)state;
    child_end(ended);
    for (size_t i = 0; i < ARRAY_SIZE(none) + 1; i++) {
        pid_t pid = i < ARRAY_SIZE(none) ? none[i] : ended;

        assert_false(hgh_worker_process_is_stopped(pid));
        assert_int_equal(hgh_worker_process_parent(pid), 0);
        assert_int_equal(hgh_worker_process_memory(pid), 0);
    }
}

static void one_that_is_dead_has_a_parent_and_no_memory(void **state)
{
    pid_t child = child_make("dies");
    siginfo_t info;

    (void)state;
    (void)kill(child, SIGKILL);
    assert_int_equal(waitid(P_PID, (id_t)child, &info, WEXITED | WNOWAIT), 0);
    assert_int_equal(hgh_worker_process_parent(child), getpid());
    assert_false(hgh_worker_process_is_stopped(child));
    assert_int_equal(hgh_worker_process_memory(child), 0);
    assert_int_equal(waitpid(child, NULL, 0), child);
}

static void memory_is_what_it_has_to_itself(void **state)
{
    uint64_t before = hgh_worker_process_memory(getpid());
    char *own;
    char *shared;

    (void)state;
    assert_true(before > 0);
    shared = mmap(NULL, 64 * MIB, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_true(shared != MAP_FAILED);
    memset(shared, 1, 64 * MIB);
    assert_in_range(hgh_worker_process_memory(getpid()), 1, before + 16 * MIB);
    own = mmap(NULL, 64 * MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_true(own != MAP_FAILED);
    memset(own, 1, 64 * MIB);
    assert_in_range(hgh_worker_process_memory(getpid()), before + 48 * MIB, before + 80 * MIB);
    (void)munmap(own, 64 * MIB);
    (void)munmap(shared, 64 * MIB);
}

static void the_machine_has_memory_and_no_more_than_there_is(void **state)
{
    uint64_t all = (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE);

    (void)state;
    assert_in_range(hgh_machine_memory(), MIB, all);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_name_does_not_mislead),
        cmocka_unit_test(a_stopped_process_is_stopped_until_it_goes_on),
        cmocka_unit_test(a_debugger_stops_it_too),
        cmocka_unit_test(of_a_process_that_is_not_there_nothing_is_known),
        cmocka_unit_test(one_that_is_dead_has_a_parent_and_no_memory),
        cmocka_unit_test(memory_is_what_it_has_to_itself),
        cmocka_unit_test(the_machine_has_memory_and_no_more_than_there_is),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
