#define _GNU_SOURCE
#include "init_runner.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define NOBODY      65534
#define PATIENCE    60000
#define REPORT_SIZE 4096

/// A file in memory, out of the way of the numbers that apus-init finds.
static int memory_file(const char *name, const void *bytes, size_t size) {
    int low = memfd_create(name, MFD_CLOEXEC);
    if (low < 0) return -errno;
    int file = fcntl(low, F_DUPFD_CLOEXEC, 32);
    close(low);
    if (file < 0) return -errno;
    if (size && write(file, bytes, size) != (ssize_t)size) {
        close(file);
        return -EIO;
    }
    return file;
}

/// One end of a connection, out of the way too; the other end goes to the host, or is closed.
static int control_socket(int *host, bool has_host) {
    int ends[2];
    *host = -1;
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0) return -errno;
    int end = fcntl(ends[0], F_DUPFD_CLOEXEC, 32);
    int result = end < 0 ? -errno : end;
    close(ends[0]);
    if (has_host && end >= 0) *host = ends[1];
    else close(ends[1]);
    return result;
}

static int null_device(void) {
    int low = open("/dev/null", O_RDWR | O_CLOEXEC);
    int high = low < 0 ? -1 : fcntl(low, F_DUPFD_CLOEXEC, 32);
    int result = high < 0 ? -errno : high;
    if (low >= 0) close(low);
    return result;
}

int init_runner_open(struct init_runner *runner, const void *image, size_t size, bool has_host) {
    runner->image = memory_file("apus-init", image, size);
    runner->plan = memory_file("plan", NULL, 0);
    runner->report = memory_file("report", NULL, 0);
    runner->control = control_socket(&runner->host, has_host);
    runner->null = null_device();
    const int results[] = {runner->image, runner->plan, runner->report, runner->control, runner->null};
    for (size_t i = 0; i < sizeof results / sizeof *results; i++) {
        if (results[i] >= 0) continue;
        init_runner_close(runner);
        return results[i];
    }
    return 0;
}

void init_runner_close(const struct init_runner *runner) {
    const int files[] = {runner->image, runner->plan, runner->report, runner->control, runner->null, runner->host};
    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        if (files[i] >= 0) close(files[i]);
}

int init_runner_answer(const struct init_runner *runner, unsigned meetings) {
    const struct apus_message answer = {0};
    for (unsigned i = 0; i < meetings; i++)
        if (send(runner->host, &answer, sizeof answer, MSG_NOSIGNAL) < 0) return -errno;
    return 0;
}

/// Between vfork and execveat: system calls only, since the parent's memory is shared, and the C library would
/// change the identity of all threads.
static void become_init(const struct init_runner *runner) {
    static char *const arguments[] = {"apus-init", "10", NULL};
    static char *const environment[] = {NULL};
    const struct rlimit no_core = {0, 0};
    for (int number = 0; number <= 2; number++) dup3(runner->null, number, 0);
    dup3(runner->plan, INIT_RUNNER_PLAN, 0);
    dup3(runner->report, INIT_RUNNER_REPORT, 0);
    dup3(runner->control, INIT_RUNNER_CONTROL, 0);
    dup3(runner->image, INIT_RUNNER_CONTROL + 1, O_CLOEXEC);
    syscall(SYS_close_range, 3, INIT_RUNNER_PLAN - 1, 0);
    syscall(SYS_close_range, INIT_RUNNER_CONTROL + 2, ~0u, 0);
    syscall(SYS_prlimit64, 0, RLIMIT_CORE, &no_core, NULL);
    if (syscall(SYS_geteuid) == 0) {
        if (syscall(SYS_setgroups, 0, NULL) || syscall(SYS_setresgid, NOBODY, NOBODY, NOBODY)
            || syscall(SYS_setresuid, NOBODY, NOBODY, NOBODY))
            return;
    }
    if (syscall(SYS_prctl, PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || syscall(SYS_chdir, "/")) return;
    syscall(SYS_execveat, INIT_RUNNER_CONTROL + 1, "", arguments, environment, AT_EMPTY_PATH);
}

static int start(const struct init_runner *runner) {
    pid_t pid = vfork();
    if (pid == 0) {
        become_init(runner);
        _exit(126);
    }
    return pid < 0 ? -errno : pid;
}

static void take(int status, struct init_run *run) {
    run->exit_status = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    run->signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

static int await_end(pid_t pid, struct init_run *run) {
    int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
    if (pidfd >= 0) {
        struct pollfd entry = {.fd = pidfd, .events = POLLIN};
        run->timed_out = poll(&entry, 1, PATIENCE) == 0;
        close(pidfd);
    }
    if (pidfd < 0 || run->timed_out) kill(pid, SIGKILL);
    int status;
    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR) return -errno;
    take(status, run);
    return 0;
}

/// Whoever a process forks with CLONE_PARENT is a child here as well. The last one is what it has become.
static int await_siblings(struct init_run *run) {
    int status;
    for (;;) {
        pid_t pid = waitpid(-1, &status, 0);
        if (pid > 0) take(status, run);
        else if (errno != EINTR) return errno == ECHILD ? 0 : -errno;
    }
}

/// Runs below a process of its own, which has no other children: one that is left behind there is found, also if nobody
/// could say that it was made. A child that is never waited for would be in the way of others who wait (waitid(2)).
static int run_apart(const struct init_runner *runner, struct init_run *run) {
    struct init_run *seen = mmap(NULL, sizeof *seen, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (seen == MAP_FAILED) return -errno;
    pid_t keeper = fork();
    if (keeper == 0) {
        pid_t pid = start(runner);
        int result = pid < 0 ? pid : await_end(pid, seen);
        _exit(result < 0 || await_siblings(seen) < 0);
    }
    struct init_run kept = {0};
    int result = keeper < 0 ? -errno : await_end(keeper, &kept);
    *run = *seen;
    if (kept.timed_out) run->timed_out = true;
    else if (kept.exit_status != 0 && result == 0) result = -ECHILD;
    munmap(seen, sizeof *seen);
    return result;
}

static int run_here(const struct init_runner *runner, struct init_run *run) {
    pid_t pid = start(runner);
    return pid < 0 ? pid : await_end(pid, run);
}

int init_runner_write_program(const char *path, const void *bytes, size_t size, unsigned mode) {
    pid_t pid = vfork();
    if (pid == 0) {
        int file = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
        _exit(file < 0 || write(file, bytes, size) != (ssize_t)size || fchmod(file, mode) < 0);
    }
    struct init_run run = {0};
    int result = pid < 0 ? -errno : await_end(pid, &run);
    return result == 0 && run.exit_status != 0 ? -EIO : result;
}

int init_runner_run(const struct init_runner *runner, const void *plan, size_t size, struct init_run *run) {
    memset(run, 0, sizeof *run);
    if (ftruncate(runner->plan, 0) || pwrite(runner->plan, plan, size, 0) != (ssize_t)size) return -EIO;
    if (ftruncate(runner->report, 0) || ftruncate(runner->report, REPORT_SIZE)) return -EIO;
    int result = runner->host < 0 ? run_here(runner, run) : run_apart(runner, run);
    if (result == 0 && pread(runner->report, &run->report, sizeof run->report, 0) != sizeof run->report) return -EIO;
    return result;
}
