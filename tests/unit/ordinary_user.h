/* tests/unit/ordinary_user.h - tests that start as root go on as nobody. */
#ifndef TESTS_UNIT_ORDINARY_USER_H
#define TESTS_UNIT_ORDINARY_USER_H

#include <grp.h>
#include <stdbool.h>
#include <sys/prctl.h>
#include <unistd.h>

#define NOBODY 65534u

/* As root the gateway wants users of its own, which a machine for tests need not have. */
static inline bool become_ordinary_user(void)
{
    if (geteuid() != 0) {
        return true;
    }
    return setgroups(0, NULL) == 0 && setresgid(NOBODY, NOBODY, NOBODY) == 0 &&
           setresuid(NOBODY, NOBODY, NOBODY) == 0 &&
           prctl(PR_SET_DUMPABLE, 1) == 0; /* the leak checker looks into its own process */
}

#endif
