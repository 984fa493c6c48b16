// Hooks that run in the container's namespaces.
#include "init.h"

#include <linux/poll.h>
#include <linux/prctl.h>
#include <linux/time_types.h>
#include <linux/wait.h>

#define P_PIDFD 3

/// The part of siginfo_t that waitid(2) fills in, on 64-bit machines.
struct child_info {
    int signal;
    int error;
    int code;
    int padding;
    int pid;
    unsigned uid;
    int status;
    char rest[100];
};

/// The child's way to its program.
static long become_hook(struct init *init, const struct apus_run_hook *s) {
    int input = init->slots[s->input];
    int output = init->slots[s->output], errors = init->slots[s->errors];
    sys(umask, 022);
    // It ends with this process; nobody would wait for it any more.
    sys(prctl, PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
    // The capabilities that got this process through its own exec are none of a hook's.
    sys(prctl, PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
    long result = sys(lseek, input, 0, 0);
    if (result >= 0) result = sys(dup3, input, 0, 0);
    if (result >= 0) result = sys(dup3, output, 1, 0);
    if (result >= 0) result = sys(dup3, errors, 2, 0);
    if (result >= 0) result = sys(close_range, 3, ~0u, 4 /* CLOSE_RANGE_CLOEXEC */);
    if (result >= 0 && s->limits_files) result = sys(prlimit64, 0, 7 /* RLIMIT_NOFILE */, &s->soft, NULL);
    if (result >= 0 && s->filter.size) result = set_filter(init, s->filter, s->filter_flags);
    if (result < 0) return result;
    return sys(execve, text(init, s->path), texts(init, s->arguments), texts(init, s->environment));
}

/// Waits until the hook has ended, and kills it when its time is over.
static long await_hook(struct init *init, int pidfd, uint32_t timeout) {
    struct pollfd entry = {.fd = pidfd, .events = POLLIN};
    struct __kernel_timespec limit = {.tv_sec = timeout};
    long result;
    do result = sys(ppoll, &entry, 1, timeout ? &limit : NULL, NULL, 8);
    while (result == -EINTR);
    bool is_late = result == 0;
    if (is_late) sys(pidfd_send_signal, pidfd, SIGKILL, NULL, 0);
    struct child_info info = {0};
    do result = sys(waitid, P_PIDFD, pidfd, &info, WEXITED, NULL);
    while (result == -EINTR);
    if (result < 0) return result;
    if (is_late) return -ETIMEDOUT;
    if (info.code == 1 /* CLD_EXITED */ && info.status == 0) return 0;
    init->report->exit_code = (uint32_t)info.code;
    init->report->exit_status = info.status;
    return -ECANCELED;
}

long run_hook(struct init *init, const struct apus_run_hook *s) {
    struct apus_report *report = init->report;
    int pidfd = -1;
    // No CLONE_VM: the child would run on this stack frame; a copy of so small a process costs next to nothing.
    struct clone_args args = {.flags = CLONE_PIDFD | CLONE_VFORK, .pidfd = (uint64_t)&pidfd, .exit_signal = SIGCHLD};
    report->exit_status = 0;
    long pid = sys(clone3, &args, sizeof args);
    if (pid < 0) return pid;
    if (pid == 0) {
        // The report page is shared: the parent sees there why the program did not start.
        report->exit_status = (int32_t)become_hook(init, s);
        sys(exit_group, 127);
    }
    long failure = report->exit_status;
    long result = await_hook(init, pidfd, s->timeout);
    sys(close, pidfd);
    return failure < 0 ? failure : result;
}
