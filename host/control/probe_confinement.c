/* host/control/probe_confinement.c - takes from a probe what loading a plugin needs not.
 *
 * A filter of system calls sends SIGSYS for each one that is denied; its handler notes the act and
 * lets the call fail, or ends the process. So the error reaches the plugin, and the act control. */
#include "host/control/probe_confinement.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <ucontext.h>
#include <unistd.h>

#include "host/core/board.h"

#define ENDED_STATUS 126

static const struct {
    const char *name;
    int error; /* what a denied call fails with; 0: it ends the process */
    const char *remedy;
} acts[HGH_ACTS] = {
    [HGH_ACT_FORK] = {"called fork", 0, ""},
    [HGH_ACT_EXEC] = {"called exec", 0, ""},
    [HGH_ACT_NETWORK] = {"opened a socket", EACCES,
                         "no connection before the first request: it failed here"},
    [HGH_ACT_WRITE] = {"opened or changed a file to write", EROFS,
                       "no write before the first request: it failed here"},
    [HGH_ACT_PROCESS] = {"reached for another process", EPERM, "no such thing: it failed here"},
};

/* Every one of these, whatever it is given. */
static const struct {
    int call;
    hgh_act act;
} denied[] = {
    {SCMP_SYS(fork), HGH_ACT_FORK},
    {SCMP_SYS(vfork), HGH_ACT_FORK},
    {SCMP_SYS(execve), HGH_ACT_EXEC},
    {SCMP_SYS(execveat), HGH_ACT_EXEC},
    {SCMP_SYS(socket), HGH_ACT_NETWORK},
    {SCMP_SYS(creat), HGH_ACT_WRITE},
    {SCMP_SYS(unlink), HGH_ACT_WRITE},
    {SCMP_SYS(unlinkat), HGH_ACT_WRITE},
    {SCMP_SYS(rename), HGH_ACT_WRITE},
    {SCMP_SYS(renameat), HGH_ACT_WRITE},
    {SCMP_SYS(renameat2), HGH_ACT_WRITE},
    {SCMP_SYS(mkdir), HGH_ACT_WRITE},
    {SCMP_SYS(mkdirat), HGH_ACT_WRITE},
    {SCMP_SYS(rmdir), HGH_ACT_WRITE},
    {SCMP_SYS(link), HGH_ACT_WRITE},
    {SCMP_SYS(linkat), HGH_ACT_WRITE},
    {SCMP_SYS(symlink), HGH_ACT_WRITE},
    {SCMP_SYS(symlinkat), HGH_ACT_WRITE},
    {SCMP_SYS(mknod), HGH_ACT_WRITE},
    {SCMP_SYS(mknodat), HGH_ACT_WRITE},
    {SCMP_SYS(chmod), HGH_ACT_WRITE},
    {SCMP_SYS(fchmod), HGH_ACT_WRITE},
    {SCMP_SYS(fchmodat), HGH_ACT_WRITE},
    {SCMP_SYS(chown), HGH_ACT_WRITE},
    {SCMP_SYS(fchown), HGH_ACT_WRITE},
    {SCMP_SYS(lchown), HGH_ACT_WRITE},
    {SCMP_SYS(fchownat), HGH_ACT_WRITE},
    {SCMP_SYS(truncate), HGH_ACT_WRITE},
    {SCMP_SYS(utimensat), HGH_ACT_WRITE},
    {SCMP_SYS(setxattr), HGH_ACT_WRITE},
    {SCMP_SYS(lsetxattr), HGH_ACT_WRITE},
    {SCMP_SYS(fsetxattr), HGH_ACT_WRITE},
    {SCMP_SYS(mount), HGH_ACT_WRITE},
    {SCMP_SYS(umount2), HGH_ACT_WRITE},
    {SCMP_SYS(shmget), HGH_ACT_WRITE},
    {SCMP_SYS(msgget), HGH_ACT_WRITE},
    {SCMP_SYS(semget), HGH_ACT_WRITE},
    {SCMP_SYS(mq_open), HGH_ACT_WRITE},
    {SCMP_SYS(ptrace), HGH_ACT_PROCESS},
    {SCMP_SYS(process_vm_readv), HGH_ACT_PROCESS},
    {SCMP_SYS(process_vm_writev), HGH_ACT_PROCESS},
    {SCMP_SYS(pidfd_open), HGH_ACT_PROCESS},
    {SCMP_SYS(tkill), HGH_ACT_PROCESS},
};

/* These where an argument says so. */
static const struct {
    int call;
    hgh_act act;
} denied_in_part[] = {
    {SCMP_SYS(clone), HGH_ACT_FORK},     {SCMP_SYS(open), HGH_ACT_WRITE},
    {SCMP_SYS(openat), HGH_ACT_WRITE},   {SCMP_SYS(kill), HGH_ACT_PROCESS},
    {SCMP_SYS(tgkill), HGH_ACT_PROCESS}, {SCMP_SYS(rt_sigqueueinfo), HGH_ACT_PROCESS},
};

/* What hides its arguments: programs have another way for kernels without it. */
static const int unknown[] = {SCMP_SYS(clone3), SCMP_SYS(openat2), SCMP_SYS(io_uring_setup)};

/* -------------------------------------------------------------------------------- SIGSYS */

static hgh_probe_page *noted; /* where the handler writes */

static hgh_act act_of(int call)
{
    for (size_t i = 0; i < sizeof(denied_in_part) / sizeof(denied_in_part[0]); i++) {
        if (denied_in_part[i].call == call) {
            return denied_in_part[i].act;
        }
    }
    for (size_t i = 0; i < sizeof(denied) / sizeof(denied[0]); i++) {
        if (denied[i].call == call) {
            return denied[i].act;
        }
    }
    return HGH_ACT_PROCESS;
}

static void result_set(ucontext_t *context, int error)
{
#if defined(__x86_64__)
    context->uc_mcontext.gregs[REG_RAX] = -error;
#else
    context->uc_mcontext.regs[0] = (unsigned long long)-(long long)error;
#endif
}

static void on_denied(int number, siginfo_t *info, void *context)
{
    hgh_act act = act_of(info->si_syscall);
    uint32_t call = hgh_marker_call(atomic_load(&noted->marker)) + 1;
    uint32_t never = 0;

    (void)number;
    (void)atomic_compare_exchange_strong(&noted->did[act], &never, call);
    if (acts[act].error == 0) {
        atomic_store(&noted->ended_by, (uint32_t)act + 1);
        _exit(ENDED_STATUS);
    }
    result_set(context, acts[act].error);
}

/* -------------------------------------------------------------------------------- filter */

static int open_deny(scmp_filter_ctx filter, int call, unsigned argument)
{
    static const struct {
        scmp_datum_t mask;
        scmp_datum_t value;
    } writes[] = {
        {O_ACCMODE, O_WRONLY}, {O_ACCMODE, O_RDWR}, {O_CREAT, O_CREAT}, {O_TRUNC, O_TRUNC}};
    int result = 0;

    for (size_t i = 0; i < sizeof(writes) / sizeof(writes[0]) && result == 0; i++) {
        result = seccomp_rule_add(
            filter, SCMP_ACT_TRAP, call, 1,
            SCMP_CMP(argument, SCMP_CMP_MASKED_EQ, writes[i].mask, writes[i].value));
    }
    return result == -EDOM ? 0 : result; /* this machine has no such call */
}

static int part_deny(scmp_filter_ctx filter)
{
    const scmp_datum_t self = (scmp_datum_t)getpid();
    int result = open_deny(filter, SCMP_SYS(openat), 2);

    if (result == 0) {
        result = open_deny(filter, SCMP_SYS(open), 1);
    }
    if (result == 0) { /* a thread may be: it is looked for when the object goes */
        result = seccomp_rule_add(filter, SCMP_ACT_TRAP, SCMP_SYS(clone), 1,
                                  SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_THREAD, 0));
    }
    for (size_t i = 3; i < sizeof(denied_in_part) / sizeof(denied_in_part[0]) && result == 0;
         i++) { /* abort() sends a signal to its own process */
        result = seccomp_rule_add(filter, SCMP_ACT_TRAP, denied_in_part[i].call, 1,
                                  SCMP_A0_32(SCMP_CMP_NE, self));
    }
    return result;
}

static int rules_add(scmp_filter_ctx filter)
{
    int result = part_deny(filter);

    for (size_t i = 0; i < sizeof(denied) / sizeof(denied[0]) && result == 0; i++) {
        result = seccomp_rule_add(filter, SCMP_ACT_TRAP, denied[i].call, 0);
        result = result == -EDOM ? 0 : result;
    }
    for (size_t i = 0; i < sizeof(unknown) / sizeof(unknown[0]) && result == 0; i++) {
        result = seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), unknown[i], 0);
    }
    return result;
}

hg_status hgh_probe_confine(hgh_probe_page *page, hg_error *err)
{
    struct sigaction action = {.sa_sigaction = on_denied, .sa_flags = SA_SIGINFO | SA_NODEFER};
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
    int result = filter == NULL ? -ENOMEM : rules_add(filter);

    noted = page;
    if (result == 0 && sigaction(SIGSYS, &action, NULL) != 0) {
        result = -errno;
    }
    if (result == 0) {
        result = seccomp_load(filter);
    }
    seccomp_release(filter);
    if (result != 0) {
        (void)signal(SIGSYS, SIG_DFL);
        return hg_error_set(err, HG_ERR_UNSUPPORTED, "seccomp: %s", strerror(-result));
    }
    return HG_OK;
}

/* ------------------------------------------------------------------------------------ words */

const char *hgh_act_name(hgh_act act)
{
    return acts[act].name;
}

/* What was running when it was done. */
static const char *call_of(uint32_t did)
{
    return did == 1 ? "probe" : hgh_call_name(did - 1);
}

void hgh_probe_tell_acts(const hgh_probe_page *page, hg_issues *warnings)
{
    for (size_t i = 0; i < HGH_ACTS; i++) {
        uint32_t did = atomic_load(&page->did[i]);
        char text[96];

        if (did != 0) {
            (void)snprintf(text, sizeof(text), "%s: %s", call_of(did), acts[i].name);
            hgh_issues_add(warnings, "", text, acts[i].remedy, NULL);
        }
    }
}

void hgh_probe_append_acts(const hgh_probe_page *page, char *reason, size_t size)
{
    const char *before = "; before that, ";

    for (size_t i = 0; i < HGH_ACTS; i++) {
        uint32_t did = atomic_load(&page->did[i]);
        size_t length = strlen(reason);

        if (did != 0 && acts[i].error != 0) {
            (void)snprintf(reason + length, size - length, "%s%s %s, which fails here", before,
                           call_of(did), acts[i].name);
            before = ", ";
        }
    }
}
