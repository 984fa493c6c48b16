// tracer [--log FILE] [--attach PID] [--list | --at PROCESS:CALL:COUNT FAULT] COMMAND...
//
// Runs a command, and spoils one system call of it, or of a process that it clones: from outside, so that the command
// needs to know nothing of it.
//
//   --list          writes every call down: "call PROCESS NUMBER ARGUMENT0 ARGUMENT1 ARGUMENT2 FILE TEXT", by tabs; of
//                   openat2(2) ARGUMENT2 is what resolution is held to
//   --attach PID    a process that is there already counts as process 1
//   --at P:N:K      the K-th call with number N of process P: 0 is the command, the others are numbered as they are
//                   cloned. What is counted ends where a process executes a program that is not apus-init.
//   --error NUMBER  the call is not made and fails with this error
//   --kill          the process is killed (SIGKILL) before the call is made, which is also after the one before it
//   --kill-command  the command is killed, while process P is held before its call
//   --hold FD       after --kill-command: writes a byte to FD and holds P until there is something to read
//
// The log also says "hit ..." like "call ...", and how the processes ended: "exit PROCESS STATUS", "signal PROCESS
// NUMBER". The tracer itself ends with 0 if the command ended, however it did, and with 2 if tracing is not possible.
#define _GNU_SOURCE
#include <elf.h>
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#define MOST_PROCESSES 64
#define MOST_TEXT      160
#define OPTIONS                                                                                                 \
    (PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACECLONE \
     | PTRACE_O_TRACEEXEC)

enum fault { NOTHING, ERROR, KILL, KILL_COMMAND };

/// What the command line asks for.
static struct {
    FILE *log;
    pid_t attached;
    bool lists;
    int process;
    long call, count;
    enum fault fault;
    int error;
    int hold;
} wanted = {.process = -1, .hold = -1};

struct traced {
    pid_t pid;
    int index;
    bool is_gone;
    bool counts;       // its calls: not before the command's exec, and not behind that of another program
    bool is_entering;  // the last stop was the entry of a call
    bool is_spoilt;    // the call that it is in fails with wanted.error
};

static struct traced table[MOST_PROCESSES];
static int used;
static long seen;     // calls of the wanted process with the wanted number
static bool is_over;  // the command has ended: the others are let go

__attribute__((noreturn, format(printf, 1, 2))) static void give_up(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    fprintf(stderr, "tracer: ");
    vfprintf(stderr, format, arguments);
    fprintf(stderr, "\n");
    exit(2);
}

static struct traced *known(pid_t pid) {
    for (int i = 0; i < used; i++)
        if (table[i].pid == pid && !table[i].is_gone) return &table[i];
    return NULL;
}

static struct traced *add(pid_t pid, bool counts) {
    if (used == MOST_PROCESSES) give_up("too many processes");
    table[used] = (struct traced){.pid = pid, .index = used, .counts = counts};
    return &table[used++];
}

/// A tracee that was killed is no tracee any more: that is no mistake, its end is reported next.
static bool request(int what, pid_t pid, uintptr_t value) {
    if (ptrace(what, pid, NULL, value) == 0) return true;
    if (errno != ESRCH) give_up("ptrace request %#x: %s", (unsigned)what, strerror(errno));
    return false;
}

// ---- The call

typedef struct __ptrace_syscall_info call_info;

/// Has the kernel make no call; its result is written by `spoil_result` at the exit.
static void skip_call(pid_t pid) {
#if defined(__x86_64__)
    struct user_regs_struct registers;
    if (ptrace(PTRACE_GETREGS, pid, NULL, &registers) != 0) return;
    registers.orig_rax = (unsigned long long)-1;
    request(PTRACE_SETREGS, pid, (uintptr_t)&registers);
#elif defined(__aarch64__)
    int number = -1;
    struct iovec part = {.iov_base = &number, .iov_len = sizeof number};
    ptrace(PTRACE_SETREGSET, pid, (void *)NT_ARM_SYSTEM_CALL, &part);
#else
#error "apus runs on x86-64 and aarch64"
#endif
}

static void spoil_result(pid_t pid) {
    struct user_regs_struct registers;
    struct iovec part = {.iov_base = &registers, .iov_len = sizeof registers};
    if (ptrace(PTRACE_GETREGSET, pid, (void *)NT_PRSTATUS, &part) != 0) return;
#if defined(__x86_64__)
    registers.rax = (unsigned long long)-(long long)wanted.error;
#elif defined(__aarch64__)
    registers.regs[0] = (unsigned long long)-(long long)wanted.error;
#endif
    ptrace(PTRACE_SETREGSET, pid, (void *)NT_PRSTATUS, &part);
}

/// What is at an address, if that is text.
static void read_text(pid_t pid, uint64_t address, char text[static MOST_TEXT]) {
    text[0] = 0;
    char bytes[MOST_TEXT - 1];
    struct iovec local = {.iov_base = bytes, .iov_len = sizeof bytes};
    struct iovec remote = {.iov_base = (void *)(uintptr_t)address, .iov_len = sizeof bytes};
    ssize_t size = address < 4096 ? -1 : process_vm_readv(pid, &local, 1, &remote, 1, 0);
    ssize_t length = 0;
    for (; length < size && bytes[length] >= 32 && bytes[length] < 127; length++) text[length] = bytes[length];
    text[length] = 0;
}

static void write_call(const char *word, const struct traced *process, const call_info *info) {
    const uint64_t *arguments = (const uint64_t *)info->entry.args;
    char path[64], file[PATH_MAX] = "", text[MOST_TEXT];
    if (arguments[0] < 1024) {
        snprintf(path, sizeof path, "/proc/%d/fd/%d", process->pid, (int)arguments[0]);
        ssize_t length = readlink(path, file, sizeof file - 1);
        file[length < 0 ? 0 : length] = 0;
    }
    uint64_t last = arguments[2];
    if (info->entry.nr == SYS_openat2) {
        struct iovec local = {.iov_base = &last, .iov_len = sizeof last};
        struct iovec remote = {.iov_base = (void *)(uintptr_t)(last + 16), .iov_len = sizeof last};
        if (process_vm_readv(process->pid, &local, 1, &remote, 1, 0) != sizeof last) last = 0;
    }
    read_text(process->pid, arguments[0], text);
    if (!text[0]) read_text(process->pid, arguments[1], text);
    fprintf(wanted.log, "%s\t%d\t%llu\t%llx\t%llx\t%llx\t%s\t%s\n", word, process->index,
            (unsigned long long)info->entry.nr, (unsigned long long)arguments[0], (unsigned long long)arguments[1],
            (unsigned long long)last, file, text);
}

/// Kills the command while `process` stands before its call; what is to be looked at then is looked at by others.
static void kill_command(struct traced *process) {
    struct traced *command = &table[0];
    if (!command->is_gone) {
        kill(command->pid, SIGKILL);
        int status;
        while (waitpid(command->pid, &status, __WALL) == command->pid && !WIFEXITED(status) && !WIFSIGNALED(status))
            continue;
        command->is_gone = true;
        fprintf(wanted.log, "signal\t0\t%d\n", SIGKILL);
        fflush(wanted.log);
    }
    is_over = true;
    char byte = 0;
    if (wanted.hold >= 0 && write(wanted.hold, "h", 1) == 1) {
        ssize_t size = read(wanted.hold, &byte, 1);
        (void)size;  // the end of the file is a word as well
    }
    for (int i = 0; i < used; i++)
        if (!table[i].is_gone && &table[i] != process) ptrace(PTRACE_INTERRUPT, table[i].pid, NULL, NULL);
}

/// At the entry of a call; false if the process is not to go on by itself.
static void enter(struct traced *process, const call_info *info) {
    if (!process->counts) return;
    if (wanted.lists) write_call("call", process, info);
    if (process->index != wanted.process || (long)info->entry.nr != wanted.call || ++seen != wanted.count) return;
    write_call("hit", process, info);
    fflush(wanted.log);
    switch (wanted.fault) {
    case NOTHING: break;
    case KILL: kill(process->pid, SIGKILL); break;
    case KILL_COMMAND: kill_command(process); break;
    case ERROR:
        skip_call(process->pid);
        process->is_spoilt = true;
        break;
    }
}

static void handle_call(struct traced *process) {
    call_info info;
    if (ptrace(PTRACE_GET_SYSCALL_INFO, process->pid, sizeof info, &info) <= 0) return;
    if (info.op == PTRACE_SYSCALL_INFO_ENTRY) {
        enter(process, &info);
    } else if (info.op == PTRACE_SYSCALL_INFO_EXIT && process->is_spoilt) {
        process->is_spoilt = false;
        spoil_result(process->pid);
    }
}

// ---- The processes

/// Whether a process that has executed a program is still of interest.
static bool is_apus_init(pid_t pid) {
    char path[32], image[32] = "";
    snprintf(path, sizeof path, "/proc/%d/exe", pid);
    return readlink(path, image, sizeof image - 1) > 0 && strncmp(image, "/memfd:apus-init", 16) == 0;
}

static void note_end(struct traced *process, int status) {
    process->is_gone = true;
    if (WIFEXITED(status)) fprintf(wanted.log, "exit\t%d\t%d\n", process->index, WEXITSTATUS(status));
    else fprintf(wanted.log, "signal\t%d\t%d\n", process->index, WTERMSIG(status));
    if (process->index != 0) return;
    is_over = true;
    for (int i = 1; i < used; i++)
        if (!table[i].is_gone) ptrace(PTRACE_INTERRUPT, table[i].pid, NULL, NULL);
}

/// Deals with a stop, and lets the process go on.
static void handle_stop(struct traced *process, int status) {
    int event = status >> 16, signal = WSTOPSIG(status), deliver = 0;
    if (event == PTRACE_EVENT_STOP && signal != SIGTRAP && !is_over) {
        request(PTRACE_LISTEN, process->pid, 0);
        return;
    }
    if (event == PTRACE_EVENT_EXEC) {
        // The command's own exec is what it begins with.
        if (process->index == 0) process->counts = true;
        else if (!is_apus_init(process->pid)) process->is_gone = request(PTRACE_DETACH, process->pid, 0);
        if (process->is_gone) return;
    } else if (event == PTRACE_EVENT_FORK || event == PTRACE_EVENT_VFORK || event == PTRACE_EVENT_CLONE) {
        unsigned long pid = 0;
        if (ptrace(PTRACE_GETEVENTMSG, process->pid, NULL, &pid) == 0 && !known((pid_t)pid)) add((pid_t)pid, true);
    } else if (event == 0 && signal == (SIGTRAP | 0x80)) {
        handle_call(process);
    } else if (event == 0) {
        deliver = signal;
    }
    if (process->is_gone) return;
    // A call that is to fail has to be seen once more.
    if (is_over && !process->is_spoilt) process->is_gone = request(PTRACE_DETACH, process->pid, (uintptr_t)deliver);
    else request(PTRACE_SYSCALL, process->pid, (uintptr_t)deliver);
}

static void follow(void) {
    for (;;) {
        bool is_any_left = false;
        for (int i = 0; i < used; i++) is_any_left |= !table[i].is_gone;
        if (!is_any_left) return;
        int status;
        pid_t pid = waitpid(-1, &status, __WALL);
        if (pid < 0) return;
        struct traced *process = known(pid);
        if (!process && (WIFEXITED(status) || WIFSIGNALED(status))) continue;
        // A clone may be seen before the one who made it says so.
        if (!process) process = add(pid, true);
        if (WIFSTOPPED(status)) handle_stop(process, status);
        else note_end(process, status);
    }
}

static void start(char **command) {
    int gate[2];
    if (pipe(gate) != 0) give_up("pipe: %s", strerror(errno));
    pid_t pid = fork();
    if (pid < 0) give_up("fork: %s", strerror(errno));
    if (pid == 0) {
        char byte;
        close(gate[1]);
        if (read(gate[0], &byte, 1) != 0) _exit(126);
        close(gate[0]);
        if (wanted.hold >= 0) close(wanted.hold);
        execv(command[0], command);
        _exit(127);
    }
    if (ptrace(PTRACE_SEIZE, pid, NULL, OPTIONS) != 0) give_up("PTRACE_SEIZE: %s", strerror(errno));
    add(pid, false);
    if (wanted.attached) {
        if (ptrace(PTRACE_SEIZE, wanted.attached, NULL, OPTIONS) != 0) give_up("PTRACE_SEIZE: %s", strerror(errno));
        ptrace(PTRACE_INTERRUPT, wanted.attached, NULL, NULL);
        add(wanted.attached, true);
    }
    // Its next call is stopped at; the one that it waits in is of no interest.
    ptrace(PTRACE_INTERRUPT, pid, NULL, NULL);
    close(gate[0]);
    close(gate[1]);
}

int main(int count, char **arguments) {
    int at = 1;
    for (; at < count && strncmp(arguments[at], "--", 2) == 0; at++) {
        const char *option = arguments[at];
        if (strcmp(option, "--list") == 0) wanted.lists = true;
        else if (strcmp(option, "--kill") == 0) wanted.fault = KILL;
        else if (strcmp(option, "--kill-command") == 0) wanted.fault = KILL_COMMAND;
        else if (++at >= count) give_up("%s: no value", option);
        else if (strcmp(option, "--log") == 0) wanted.log = fopen(arguments[at], "we");
        else if (strcmp(option, "--attach") == 0) wanted.attached = atoi(arguments[at]);
        else if (strcmp(option, "--error") == 0) wanted.fault = ERROR, wanted.error = atoi(arguments[at]);
        else if (strcmp(option, "--hold") == 0) wanted.hold = atoi(arguments[at]);
        else if (strcmp(option, "--at") != 0) give_up("%s: unknown", option);
        else if (sscanf(arguments[at], "%d:%ld:%ld", &wanted.process, &wanted.call, &wanted.count) != 3)
            give_up("--at %s: not PROCESS:CALL:COUNT", arguments[at]);
    }
    if (at >= count || !wanted.log) give_up("usage: see the head of tracer.c");
    start(arguments + at);
    follow();
    return fclose(wanted.log) == 0 ? 0 : 2;
}
