#define _GNU_SOURCE
#include <stdbool.h>

#include "tries.h"

#include "facts.h"
#include "json.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

const char question_usage[] = "  --stat PATH            type, mode, owner (a trailing / follows a link)\n"
                              "  --read PATH            the first 4 KiB of a file\n"
                              "  --list PATH            the names in a directory\n"
                              "  --sysctl NAME          the value of a sysctl, dots or slashes\n"
                              "  --try-read PATH        open and read\n"
                              "  --try-write PATH       open an existing file for writing, write nothing\n"
                              "  --try-create PATH      make a new file\n"
                              "  --try-mkdir PATH       make a directory\n"
                              "  --try-mknod PATH       make a copy of /dev/null's node\n"
                              "  --try-device 'PATH c MAJOR MINOR'  make the node, then open it\n"
                              "  --try-exec PATH        execute it and wait; its exit status must be 0\n"
                              "  --try-mount PATH       mount a tmpfs\n"
                              "  --try-remount PATH     make the mount there writable again\n"
                              "  --try-unmount PATH     lazily\n"
                              "  --try-sysctl NAME=V    write a sysctl\n"
                              "  --try-syscall 'N A B C' with numbers as arguments\n";

/* Every try returns 0 or the errno of its failing call. */
static int outcome(long result) { return result < 0 ? errno : 0; }

static int try_open(const char *path, int flags) {
    int fd = open(path, flags | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, 0600);
    if (fd < 0) return errno;
    char byte;
    int error = (flags & O_ACCMODE) == O_RDONLY ? outcome(read(fd, &byte, 1)) : outcome(write(fd, "", 0));
    close(fd);
    return error;
}

static int try_read(const char *path) { return try_open(path, O_RDONLY); }
static int try_write(const char *path) { return try_open(path, O_WRONLY | O_APPEND); }
static int try_create(const char *path) { return try_open(path, O_WRONLY | O_CREAT | O_EXCL); }
static int try_mkdir(const char *path) { return outcome(mkdir(path, 0755)); }
static int try_mknod(const char *path) { return outcome(mknod(path, S_IFCHR | 0666, makedev(1, 3))); }
static int try_mount(const char *path) { return outcome(mount("none", path, "tmpfs", 0, NULL)); }
static int try_remount(const char *path) { return outcome(mount(NULL, path, NULL, MS_REMOUNT | MS_BIND, NULL)); }
static int try_unmount(const char *path) { return outcome(umount2(path, MNT_DETACH)); }

static int try_device(const char *words) {
    char path[512], type;
    unsigned node_major, node_minor;
    if (sscanf(words, "%511s %c %u %u", path, &type, &node_major, &node_minor) != 4) return EINVAL;
    mode_t mode = (type == 'b' ? S_IFBLK : S_IFCHR) | 0600;
    if (mknod(path, mode, makedev(node_major, node_minor)) < 0) return errno;
    return try_open(path, O_RDONLY);
}

static int try_exec(const char *path) {
    pid_t child = fork();
    if (child == 0) {
        int silence = open("/dev/null", O_RDWR | O_CLOEXEC);
        if (silence >= 0) dup2(silence, 1);
        execl(path, path, "exit", "0", (char *)NULL);
        _exit(errno);
    }
    int status;
    if (child < 0 || waitpid(child, &status, 0) < 0) return errno;
    return WIFEXITED(status) ? WEXITSTATUS(status) : EINTR;
}

static void sysctl_path(char *path, size_t size, const char *name) {
    int start = snprintf(path, size, "/proc/sys/%s", name);
    for (char *c = path + 10; c < path + start && *c; c++)
        if (*c == '.') *c = '/';
}

static int try_sysctl(const char *assignment) {
    char name[256], path[512];
    const char *equals = strchr(assignment, '=');
    if (!equals) return EINVAL;
    snprintf(name, sizeof name, "%.*s", (int)(equals - assignment), assignment);
    sysctl_path(path, sizeof path, name);
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0) return errno;
    int error = outcome(write(fd, equals + 1, strlen(equals + 1)));
    close(fd);
    return error;
}

static int try_syscall(const char *words) {
    long value[7] = {0};
    char *rest = (char *)words;
    for (int i = 0; i < 7 && *rest; i++) value[i] = strtol(rest, &rest, 0);
    return outcome(syscall(value[0], value[1], value[2], value[3], value[4], value[5], value[6]));
}

static const struct {
    const char *name;
    int (*attempt)(const char *);
} tries[] = {
    {"read", try_read},       {"write", try_write},     {"create", try_create}, {"mkdir", try_mkdir},
    {"mknod", try_mknod},     {"device", try_device},   {"exec", try_exec},     {"mount", try_mount},
    {"remount", try_remount}, {"unmount", try_unmount}, {"sysctl", try_sysctl}, {"syscall", try_syscall},
};

static void contents(const char *key, const char *path) {
    static char text[4097];
    long length = read_file(path, text, sizeof text);
    if (length < 0) {
        json_open(key, '{');
        json_errno("error", errno);
        json_close('}');
    } else {
        json_bytes(key, text, (size_t)length);
    }
}

static void sysctl_value(const char *key, const char *name) {
    char path[512], text[4097];
    sysctl_path(path, sizeof path, name);
    long length = read_file(path, text, sizeof text);
    while (length > 0 && text[length - 1] == '\n') length--;
    if (length < 0) json_null(key);
    else json_bytes(key, text, (size_t)length);
}

static void names(const char *key, const char *path) {
    struct dirent **entries;
    int count = scandir(path, &entries, NULL, alphasort);
    if (count < 0) {
        json_open(key, '{');
        json_errno("error", errno);
        json_close('}');
        return;
    }
    json_open(key, '[');
    for (int i = 0; i < count; i++)
        if (strcmp(entries[i]->d_name, ".") != 0 && strcmp(entries[i]->d_name, "..") != 0)
            json_text(NULL, entries[i]->d_name);
    json_close(']');
}

/* Questions with a whole answer each: the option, the member it goes into, who answers. */
static const struct {
    const char *option, *member;
    void (*answer)(const char *key, const char *subject);
} looks[] = {
    {"--stat", "paths", fact_path},
    {"--read", "contents", contents},
    {"--list", "lists", names},
    {"--sysctl", "sysctls", sysctl_value},
};

static bool is_known(const char *option) {
    for (size_t i = 0; i < COUNT(looks); i++)
        if (strcmp(option, looks[i].option) == 0) return true;
    if (strncmp(option, "--try-", 6) != 0) return false;
    for (size_t i = 0; i < COUNT(tries); i++)
        if (strcmp(option + 6, tries[i].name) == 0) return true;
    return false;
}

static void attempt(const char *name, const char *subject) {
    char key[600];
    for (size_t i = 0; i < COUNT(tries); i++) {
        if (strcmp(name, tries[i].name) != 0) continue;
        snprintf(key, sizeof key, "%s %s", name, subject);
        int error = tries[i].attempt(subject);
        json_text(key, error ? strerrorname_np(error) : "ok");
    }
}

bool answer_questions(char **arguments) {
    for (char **pair = arguments; *pair; pair += 2)
        if (!is_known(*pair) || !pair[1]) {
            fprintf(stderr, "assert: bad option %s\n", *pair);
            return false;
        }
    for (size_t i = 0; i < COUNT(looks); i++) {
        json_open(looks[i].member, '{');
        for (char **pair = arguments; *pair; pair += 2)
            if (strcmp(*pair, looks[i].option) == 0) looks[i].answer(pair[1], pair[1]);
        json_close('}');
    }
    json_open("tries", '{');
    for (char **pair = arguments; *pair; pair += 2)
        if (strncmp(*pair, "--try-", 6) == 0) attempt(*pair + 6, pair[1]);
    json_close('}');
    return true;
}
