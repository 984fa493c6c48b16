// Runs a command and prints the peak resident memory (KB) and the page faults of it and of what it waited for.
//
// A new process starts with the peak of the one that spawned it, so a large parent, such as an interpreter,
// would be measured instead of the command. This parent is as small as a static program can be.

#define _GNU_SOURCE
#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

int main(int count, char **arguments) {
    if (count < 2) return 2;
    pid_t pid = vfork();
    if (pid == 0) {
        execv(arguments[1], arguments + 1);
        _exit(127);
    }
    int status;
    struct rusage usage;
    if (pid < 0 || wait4(pid, &status, 0, &usage) < 0) return 1;
    printf("%ld %ld\n", usage.ru_maxrss, usage.ru_minflt + usage.ru_majflt);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}
