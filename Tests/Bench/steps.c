// steps [--seen FILE] COMMAND...: runs a command one instruction at a time, and writes how many it executed in user space
// to standard error. What the command starts is not followed. A machine without a counter of instructions (most virtual
// ones) counts in no other way; the number is the same in each run.
//
// --seen: the addresses of the instructions, each when it was first executed, as raw 64-bit numbers.

#define _GNU_SOURCE
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#if defined(__x86_64__)
#define POINTER offsetof(struct user_regs_struct, rip)
#else
#error "steps.c reads the instruction pointer of x86-64"
#endif

/// A program for fixed addresses ends far below.
#define HIGHEST ((uint64_t)1 << 28)
static uint8_t seen[HIGHEST / 8];

static void note(pid_t child, FILE *file) {
    uint64_t address = (uint64_t)ptrace(PTRACE_PEEKUSER, child, POINTER, NULL);
    if (address >= HIGHEST || seen[address / 8] & 1 << address % 8) return;
    seen[address / 8] |= (uint8_t)(1 << address % 8);
    fwrite(&address, sizeof address, 1, file);
}

/// Both take turns at each instruction: on two processors of an idle machine each turn would be a wake-up.
static void stay_on_one_processor(void) {
    cpu_set_t here;
    CPU_ZERO(&here);
    CPU_SET(sched_getcpu(), &here);
    sched_setaffinity(0, sizeof here, &here);  // Without it the count is the same, and takes longer.
}

int main(int count, char **arguments) {
    FILE *file = NULL;
    int first = 1;
    if (count > 3 && strcmp(arguments[1], "--seen") == 0) {
        file = fopen(arguments[2], "w");
        if (!file) return perror(arguments[2]), 2;
        first = 3;
    }
    if (first >= count) return 2;
    stay_on_one_processor();
    pid_t child = fork();
    if (child == 0) {
        ptrace(PTRACE_TRACEME, 0, NULL, NULL);
        execv(arguments[first], arguments + first);
        _exit(127);
    }
    int status;
    if (child < 0 || waitpid(child, &status, 0) < 0 || !WIFSTOPPED(status)) return 2;
    ptrace(PTRACE_SETOPTIONS, child, NULL, (void *)PTRACE_O_EXITKILL);
    unsigned long steps = 0;
    for (int signal = 0;; steps++) {
        if (file) note(child, file);
        if (ptrace(PTRACE_SINGLESTEP, child, NULL, (void *)(long)signal) < 0) return perror("ptrace"), 2;
        if (waitpid(child, &status, __WALL) < 0) return perror("waitpid"), 2;
        if (!WIFSTOPPED(status)) break;
        signal = WSTOPSIG(status) == SIGTRAP ? 0 : WSTOPSIG(status);
    }
    if (file && fclose(file) != 0) return perror(arguments[2]), 2;
    fprintf(stderr, "%lu instructions\n", steps);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
