// Runs a command and prints, in a line of their own, the peak resident memory (KB) and the page faults of it and of
// what it waited for.
//
// --anonymous: prints the anonymous memory (KB) that the command alone has when it exits instead.
//
// A new process starts with the peak of the one that spawned it, so a large parent, such as an interpreter,
// would be measured instead of the command. This parent is as small as a static program can be.

#define _GNU_SOURCE
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

/// The sum over a process's mappings, or -1. (`RssAnon` of its status is only approximate.)
static long anonymous_memory(pid_t pid) {
    char path[40], line[256];
    long kilobytes = -1;
    snprintf(path, sizeof path, "/proc/%d/smaps_rollup", pid);
    FILE *file = fopen(path, "r");
    while (file != NULL && fgets(line, sizeof line, file) != NULL)
        if (sscanf(line, "Anonymous: %ld kB", &kilobytes) == 1) break;
    if (file != NULL) fclose(file);
    return kilobytes;
}

/// Follows a traced command, which stops before it loses its memory. Returns its status.
static int follow_to_exit(pid_t pid, long *anonymous) {
    const long options = PTRACE_O_TRACEEXEC | PTRACE_O_TRACEEXIT | PTRACE_O_EXITKILL;
    int status, passed;
    bool began = false;
    while (waitpid(pid, &status, 0) == pid && WIFSTOPPED(status)) {
        passed = WSTOPSIG(status);
        if (status >> 8 == (SIGTRAP | PTRACE_EVENT_EXIT << 8)) *anonymous = anonymous_memory(pid);
        if (!began) ptrace(PTRACE_SETOPTIONS, pid, NULL, (void *)options);
        if (!began || status >> 16 != 0) passed = 0;  // stops at exec and exit have no signal to pass on
        began = true;
        ptrace(PTRACE_CONT, pid, NULL, (void *)(long)passed);
    }
    return status;
}

int main(int count, char **arguments) {
    bool traced = count > 2 && strcmp(arguments[1], "--anonymous") == 0;
    char **const command = arguments + (traced ? 2 : 1);
    if (count < 2) return 2;
    pid_t pid = traced ? fork() : vfork();
    if (pid == 0) {
        if (traced) ptrace(PTRACE_TRACEME, 0, NULL, NULL);
        execv(command[0], command);
        _exit(127);
    }
    if (pid < 0) return 1;
    int status;
    if (traced) {
        long anonymous = -1;
        status = follow_to_exit(pid, &anonymous);
        if (anonymous < 0) return 1;
        printf("\n%ld\n", anonymous);
    } else {
        struct rusage usage;
        if (wait4(pid, &status, 0, &usage) < 0) return 1;
        printf("\n%ld %ld\n", usage.ru_maxrss, usage.ru_minflt + usage.ru_majflt);
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}
