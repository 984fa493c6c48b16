#define _GNU_SOURCE
#include "ckernel.h"
#include "result.h"

#include <errno.h>
#include <linux/bpf.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/close_range.h>
#include <linux/sched.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/// MOVE_MOUNT_F_EMPTY_PATH (linux/mount.h, which does not go with sys/mount.h).
#define MOVE_FROM_EMPTY_PATH 0x4

/// A system call without a stack frame of its own: after CLONE_VM the child runs on its parent's stack, and
/// the frame of a called function would be overwritten before the parent returns through it.
#if defined(__x86_64__)
__attribute__((always_inline)) static inline long bare_clone3(struct clone_args *args, size_t size) {
    long result;
    __asm__ volatile("syscall" : "=a"(result) : "0"((long)SYS_clone3), "D"(args), "S"(size) : "rcx", "r11", "memory");
    return result;
}
#elif defined(__aarch64__)
__attribute__((always_inline)) static inline long bare_clone3(struct clone_args *args, size_t size) {
    register long number __asm__("x8") = SYS_clone3;
    register long first __asm__("x0") = (long)args;
    register long second __asm__("x1") = (long)size;
    __asm__ volatile("svc #0" : "+r"(first) : "r"(number), "r"(second) : "memory");
    return first;
}
#else
#error "apus runs on x86-64 and aarch64"
#endif

/// Raises what the caller is permitted into the inheritable and ambient sets, so that an exec keeps it even
/// in a user namespace that maps nobody yet (capabilities(7)).
static int raise_ambient(void) {
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[2];
    if (syscall(SYS_capget, &header, data) < 0) return -errno;
    data[0].inheritable = data[0].permitted;
    data[1].inheritable = data[1].permitted;
    if (syscall(SYS_capset, &header, data) < 0) return -errno;
    for (unsigned long cap = 0; cap < 64; cap++) {
        if (!(data[cap / 32].permitted & (1U << (cap % 32)))) continue;
        if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, cap, 0, 0) < 0) return -errno;
    }
    return 0;
}

/// Mounts what the child is to see, and nobody else.
static int attach(const struct ck_attachment *attachments, size_t count) {
    if (mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) < 0) return -errno;
    for (size_t i = 0; i < count; i++)
        if (syscall(SYS_move_mount, attachments[i].tree, "", AT_FDCWD, attachments[i].path, MOVE_FROM_EMPTY_PATH) < 0)
            return -errno;
    return 0;
}

/// What the child does before it is another program. It shares the parent's memory and allocates nothing.
__attribute__((noinline)) static int become(const struct ck_spawn *what) {
    if (what->parent_death_signal && prctl(PR_SET_PDEATHSIG, what->parent_death_signal) < 0) return -errno;
    if (what->new_session && setsid() < 0) return -errno;
    if (what->attachment_count) {
        int error = attach(what->attachments, what->attachment_count);
        if (error < 0) return error;
    }
    if (what->keep_capabilities) {
        int error = raise_ambient();
        if (error < 0) return error;
    }
    if (what->directory && chdir(what->directory) < 0) return -errno;
    for (int i = 0; i < 3; i++) {
        int fd = what->stdio[i];
        if (fd < 0) continue;
        if (fd == i ? fcntl(fd, F_SETFD, 0) < 0 : dup2(fd, i) < 0) return -errno;
    }
    // A program of the host gets nothing of what is to be passed on to a container.
    if (what->executable < 0 && syscall(SYS_close_range, 3, ~0U, CLOSE_RANGE_CLOEXEC) < 0) return -errno;
    for (size_t i = 0; i < what->keep_count; i++)
        if (fcntl(what->keep[i], F_SETFD, 0) < 0) return -errno;
    sigset_t none;
    sigemptyset(&none);
    if (sigprocmask(SIG_SETMASK, &none, NULL) < 0) return -errno;
    if (what->executable >= 0)
        syscall(SYS_execveat, what->executable, "", what->arguments, what->environment, AT_EMPTY_PATH);
    else execve(what->path, what->arguments, what->environment);
    return -errno;
}

__attribute__((noinline)) int ck_spawn(const struct ck_spawn *what, int *pidfd) {
    volatile int failure = 0;
    struct clone_args args = {
        .flags = what->clone_flags | CLONE_PIDFD | CLONE_VM | CLONE_VFORK,
        .pidfd = (uint64_t)(uintptr_t)pidfd,
        .exit_signal = SIGCHLD,
        .cgroup = what->cgroup >= 0 ? (uint64_t)what->cgroup : 0,
    };
    // No handler may run in the child: it would run on the parent's memory.
    sigset_t all, before;
    sigfillset(&all);
    if (sigprocmask(SIG_SETMASK, &all, &before) < 0) return -errno;
    long pid = bare_clone3(&args, sizeof args);
    if (pid == 0) {
        failure = become(what);
        syscall(SYS_exit_group, 127);
        __builtin_unreachable();
    }
    sigprocmask(SIG_SETMASK, &before, NULL);
    if (pid < 0) return (int)pid;
    if (failure == 0) return (int)pid;
    siginfo_t info;
    while (waitid(P_PID, (id_t)pid, &info, WEXITED) < 0 && errno == EINTR) continue;
    close(*pidfd);
    *pidfd = -1;
    return failure;
}

static int wait_for(idtype_t kind, id_t id, int options, struct ck_exit *result) {
    siginfo_t info = {0};
    int status;
    do status = waitid(kind, id, &info, WEXITED | options);
    while (status < 0 && errno == EINTR);
    if (status < 0) return -errno;
    *result = (struct ck_exit){.code = info.si_pid ? info.si_code : 0, .status = info.si_status, .pid = info.si_pid};
    return 0;
}

int ck_wait_pidfd(int pidfd, int options, struct ck_exit *result) {
    return wait_for(P_PIDFD, (id_t)pidfd, options, result);
}

int ck_wait_any(int options, struct ck_exit *result) { return wait_for(P_ALL, 0, options, result); }

int ck_wait_pid(int pid, struct ck_exit *result) { return wait_for(P_PID, (id_t)pid, 0, result); }

int ck_pidfd_open(int pid) {
    int fd = (int)RESULT(syscall(SYS_pidfd_open, pid, 0));
    // Without flags it is the id that is not valid: no process has it any more, but a thread, or a group or session whose
    // first process is gone. Which kernel says ESRCH, ENOENT or EINVAL then differs.
    return fd == -EINVAL ? -ESRCH : fd;
}

int ck_pidfd_pid(int pidfd) {
    // struct pidfd_info of linux/pidfd.h, which Linux 6.1's headers do not have, as far as Linux 6.13 fills it in.
    struct {
        uint64_t mask, cgroup;
        uint32_t pid, thread_group, parent, users[8];
        int32_t exit_code;
    } info = {.mask = 1};  // PIDFD_INFO_PID
    int result = ioctl(pidfd, _IOWR(0xff, 11, info), &info);
    return result < 0 ? -errno : (int)info.pid;
}

int ck_pidfd_signal(int pidfd, int signal) {
    return (int)RESULT(syscall(SYS_pidfd_send_signal, pidfd, signal, NULL, 0));
}

int ck_getpid(void) { return getpid(); }

uint32_t ck_geteuid(void) { return geteuid(); }

uint32_t ck_getegid(void) { return getegid(); }

int ck_prctl(int option, unsigned long value) { return RESULT(prctl(option, value, 0, 0, 0)); }

int ck_prlimit(int pid, int resource, uint64_t soft, uint64_t hard) {
    struct rlimit64 limit = {.rlim_cur = soft, .rlim_max = hard};
    return (int)RESULT(syscall(SYS_prlimit64, pid, resource, &limit, NULL));
}

int ck_set_scheduler(int pid, const struct ck_scheduler *attributes) {
    return (int)RESULT(syscall(SYS_sched_setattr, pid, attributes, 0));
}

int ck_set_affinity(const void *cpus, size_t size) {
    return (int)RESULT(syscall(SYS_sched_setaffinity, 0, size, cpus));
}

unsigned ck_umask(unsigned mask) { return umask((mode_t)mask); }

int64_t ck_capabilities(void) {
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[2];
    if (syscall(SYS_capget, &header, data) < 0) return -errno;
    return (int64_t)((uint64_t)data[1].effective << 32 | data[0].effective);
}

int ck_uname_release(char *buffer, size_t size) {
    struct utsname name;
    if (uname(&name) < 0) return -errno;
    size_t length = strlen(name.release);
    if (length >= size) return -ENAMETOOLONG;
    memcpy(buffer, name.release, length + 1);
    return (int)length;
}

const char *ck_getenv(const char *name) { return getenv(name); }

int ck_poll(struct ck_poll *entries, size_t count, int milliseconds) {
    _Static_assert(sizeof(struct ck_poll) == sizeof(struct pollfd), "the layout of struct pollfd");
    return RESULT(poll((struct pollfd *)entries, count, milliseconds));
}

int ck_block_signals(const int *signals, size_t count, bool block) {
    sigset_t set;
    sigemptyset(&set);
    for (size_t i = 0; i < count; i++) sigaddset(&set, signals[i]);
    return RESULT(sigprocmask(block ? SIG_BLOCK : SIG_UNBLOCK, &set, NULL));
}

int ck_signalfd_all(void) {
    sigset_t all;
    sigfillset(&all);
    // What a fault in this very program raises stays deadly.
    const int faults[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP, SIGABRT, SIGSYS};
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) sigdelset(&all, faults[i]);
    if (sigprocmask(SIG_SETMASK, &all, NULL) < 0) return -errno;
    return RESULT(signalfd(-1, &all, SFD_CLOEXEC | SFD_NONBLOCK));
}

int ck_signalfd_termination(void) {
    sigset_t set;
    sigemptyset(&set);
    const int signals[] = {SIGHUP, SIGINT, SIGQUIT, SIGTERM};
    for (size_t i = 0; i < sizeof signals / sizeof *signals; i++) sigaddset(&set, signals[i]);
    return RESULT(signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
}

int ck_signalfd_heeded(void) {
    sigset_t heeded;
    sigemptyset(&heeded);
    const int signals[] = {SIGHUP, SIGINT, SIGQUIT, SIGTERM};
    for (size_t i = 0; i < sizeof signals / sizeof *signals; i++) {
        struct sigaction now;
        if (sigaction(signals[i], NULL, &now) < 0) return -errno;
        if (now.sa_handler != SIG_IGN) sigaddset(&heeded, signals[i]);
    }
    if (sigprocmask(SIG_BLOCK, &heeded, NULL) < 0) return -errno;
    return RESULT(signalfd(-1, &heeded, SFD_CLOEXEC | SFD_NONBLOCK));
}

int ck_signalfd_read(int fd, int *sender) {
    struct signalfd_siginfo info;
    ssize_t size;
    do size = read(fd, &info, sizeof info);
    while (size < 0 && errno == EINTR);
    if (size < 0) return errno == EAGAIN ? 0 : -errno;
    if (sender) *sender = (int)info.ssi_pid;
    return (int)info.ssi_signo;
}

int ck_realtime_minimum(void) { return SIGRTMIN; }

int ck_realtime_maximum(void) { return SIGRTMAX; }

static int64_t nanoseconds(clockid_t clock) {
    struct timespec now;
    clock_gettime(clock, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

int64_t ck_realtime(void) { return nanoseconds(CLOCK_REALTIME); }

int64_t ck_monotonic(void) { return nanoseconds(CLOCK_MONOTONIC); }

int ck_sleep(int64_t duration) {
    struct timespec time = {.tv_sec = duration / 1000000000, .tv_nsec = duration % 1000000000};
    return RESULT(nanosleep(&time, NULL));
}

int ck_bpf(int command, void *attributes, unsigned size) {
    return (int)RESULT(syscall(SYS_bpf, command, attributes, size));
}
