#define _GNU_SOURCE
#include "facts.h"
#include "json.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fsuid.h>
#include <sys/ioctl.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/capability.h>
#include <linux/keyctl.h>

extern char **environ;

long read_file(const char *path, char *buffer, unsigned long size) {
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) return -1;
    unsigned long length = 0;
    long count = 0;
    while (length < size - 1 && (count = read(fd, buffer + length, size - 1 - length)) > 0)
        length += (unsigned long)count;
    int error = errno;
    close(fd);
    if (count < 0) {
        errno = error;
        return -1;
    }
    buffer[length] = 0;
    return (long)length;
}

static void texts(const char *key, char **list) {
    json_open(key, '[');
    for (; *list; list++) json_text(NULL, *list);
    json_close(']');
}

/* /proc/self/status as it was at the first instruction, for the signal masks; empty without /proc. */
static char first_status[8192];

void facts_before_anything(void) {
    if (read_file("/proc/self/status", first_status, sizeof first_status) < 0) first_status[0] = 0;
}

/* The rest of the line of /proc/self/status that starts with this label. */
static void status_line(const char *key, const char *label) {
    const char *line = strstr(first_status, label);
    if (line) json_bytes(key, line + strlen(label), strcspn(line + strlen(label), "\n"));
    else json_null(key);
}

void facts_identity(char **argv) {
    json_number("pid", getpid());
    json_number("ppid", getppid());
    json_number("processGroup", getpgrp());
    json_number("session", getsid(0));

    uid_t real, effective, saved;
    getresuid(&real, &effective, &saved);
    json_open("uid", '{');
    json_unsigned("real", real);
    json_unsigned("effective", effective);
    json_unsigned("saved", saved);
    json_unsigned("filesystem", (unsigned)setfsuid((uid_t)-1));
    json_close('}');
    getresgid(&real, &effective, &saved);
    json_open("gid", '{');
    json_unsigned("real", real);
    json_unsigned("effective", effective);
    json_unsigned("saved", saved);
    json_unsigned("filesystem", (unsigned)setfsgid((gid_t)-1));
    json_close('}');

    static gid_t groups[65536];
    int count = getgroups(COUNT(groups), groups);
    json_open("groups", '[');
    for (int i = 0; i < count; i++) json_unsigned(NULL, groups[i]);
    json_close(']');

    char cwd[4096];
    json_text("cwd", syscall(SYS_getcwd, cwd, sizeof cwd) > 0 ? cwd : NULL);
    texts("argv", argv);
    texts("env", environ);
}

/* In the order of linux/capability.h; the index is the number. */
static const char *const capability_names[] = {
    "CAP_CHOWN",
    "CAP_DAC_OVERRIDE",
    "CAP_DAC_READ_SEARCH",
    "CAP_FOWNER",
    "CAP_FSETID",
    "CAP_KILL",
    "CAP_SETGID",
    "CAP_SETUID",
    "CAP_SETPCAP",
    "CAP_LINUX_IMMUTABLE",
    "CAP_NET_BIND_SERVICE",
    "CAP_NET_BROADCAST",
    "CAP_NET_ADMIN",
    "CAP_NET_RAW",
    "CAP_IPC_LOCK",
    "CAP_IPC_OWNER",
    "CAP_SYS_MODULE",
    "CAP_SYS_RAWIO",
    "CAP_SYS_CHROOT",
    "CAP_SYS_PTRACE",
    "CAP_SYS_PACCT",
    "CAP_SYS_ADMIN",
    "CAP_SYS_BOOT",
    "CAP_SYS_NICE",
    "CAP_SYS_RESOURCE",
    "CAP_SYS_TIME",
    "CAP_SYS_TTY_CONFIG",
    "CAP_MKNOD",
    "CAP_LEASE",
    "CAP_AUDIT_WRITE",
    "CAP_AUDIT_CONTROL",
    "CAP_SETFCAP",
    "CAP_MAC_OVERRIDE",
    "CAP_MAC_ADMIN",
    "CAP_SYSLOG",
    "CAP_WAKE_ALARM",
    "CAP_BLOCK_SUSPEND",
    "CAP_AUDIT_READ",
    "CAP_PERFMON",
    "CAP_BPF",
    "CAP_CHECKPOINT_RESTORE",
};

static void capability_set(const char *key, unsigned long long set) {
    json_open(key, '[');
    for (unsigned bit = 0; bit < 64; bit++) {
        if (!(set >> bit & 1)) continue;
        if (bit < COUNT(capability_names)) json_text(NULL, capability_names[bit]);
        else json_format(NULL, "CAP_%u", bit);
    }
    json_close(']');
}

static unsigned long long asked_one_by_one(int option, unsigned long argument) {
    unsigned long long set = 0;
    for (unsigned long bit = 0; bit < 64; bit++) {
        int answer = option == PR_CAPBSET_READ ? prctl(option, bit, 0, 0, 0) : prctl(option, argument, bit, 0, 0);
        if (answer == 1) set |= 1ULL << bit;
    }
    return set;
}

static void facts_keyring(void) {
    char description[1024];
    long serial = syscall(SYS_keyctl, KEYCTL_GET_KEYRING_ID, KEY_SPEC_SESSION_KEYRING, 0);
    json_open("sessionKeyring", '{');
    if (serial < 0) {
        json_errno("error", errno);
    } else {
        json_number("serial", serial);
        long length = syscall(SYS_keyctl, KEYCTL_DESCRIBE, serial, description, sizeof description);
        json_text("name", length > 0 ? description : NULL);
    }
    json_close('}');
}

/// Keyrings that an execve takes away.
static void facts_own_keyrings(void) {
    json_open("ownKeyrings", '{');
    json_flag("process", syscall(SYS_keyctl, KEYCTL_GET_KEYRING_ID, KEY_SPEC_PROCESS_KEYRING, 0) >= 0);
    json_flag("thread", syscall(SYS_keyctl, KEYCTL_GET_KEYRING_ID, KEY_SPEC_THREAD_KEYRING, 0) >= 0);
    json_close('}');
}

void facts_privileges(void) {
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct low_and_high[2] = {{0}};
    syscall(SYS_capget, &header, low_and_high);
#define WHOLE(field) (low_and_high[0].field | (unsigned long long)low_and_high[1].field << 32)
    json_open("capabilities", '{');
    capability_set("bounding", asked_one_by_one(PR_CAPBSET_READ, 0));
    capability_set("effective", WHOLE(effective));
    capability_set("inheritable", WHOLE(inheritable));
    capability_set("permitted", WHOLE(permitted));
    capability_set("ambient", asked_one_by_one(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET));
    json_close('}');
#undef WHOLE
    json_flag("noNewPrivileges", prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1);
    json_flag("dumpable", prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) == 1);
    json_number("securebits", prctl(PR_GET_SECUREBITS, 0, 0, 0, 0));
    json_number("keepCapabilities", prctl(PR_GET_KEEPCAPS, 0, 0, 0, 0));
    json_number("timerSlack", prctl(PR_GET_TIMERSLACK, 0, 0, 0, 0));
    json_flag("withoutHugePages", prctl(PR_GET_THP_DISABLE, 0, 0, 0, 0) == 1);
    json_flag("subreaper", ({
                  int isOne = 0;
                  prctl(PR_GET_CHILD_SUBREAPER, &isOne);
                  isOne;
              }));
    json_number("parentDeathSignal", ({
                    int signal = 0;
                    prctl(PR_GET_PDEATHSIG, &signal);
                    signal;
                }));

    status_line("seccomp", "\nSeccomp:\t"); /* prctl itself may be filtered */
    status_line("blockedSignals", "\nSigBlk:\t");
    status_line("ignoredSignals", "\nSigIgn:\t");
    facts_keyring();
    facts_own_keyrings();
}

static void limit(const char *key, rlim_t value) {
    if (value == RLIM_INFINITY) json_text(key, "unlimited");
    else json_unsigned(key, value);
}

void facts_limits(void) {
    static const struct {
        const char *name;
        int number;
    } kinds[] = {
        {"RLIMIT_AS", RLIMIT_AS},
        {"RLIMIT_CORE", RLIMIT_CORE},
        {"RLIMIT_CPU", RLIMIT_CPU},
        {"RLIMIT_DATA", RLIMIT_DATA},
        {"RLIMIT_FSIZE", RLIMIT_FSIZE},
        {"RLIMIT_LOCKS", RLIMIT_LOCKS},
        {"RLIMIT_MEMLOCK", RLIMIT_MEMLOCK},
        {"RLIMIT_MSGQUEUE", RLIMIT_MSGQUEUE},
        {"RLIMIT_NICE", RLIMIT_NICE},
        {"RLIMIT_NOFILE", RLIMIT_NOFILE},
        {"RLIMIT_NPROC", RLIMIT_NPROC},
        {"RLIMIT_RSS", RLIMIT_RSS},
        {"RLIMIT_RTPRIO", RLIMIT_RTPRIO},
        {"RLIMIT_RTTIME", RLIMIT_RTTIME},
        {"RLIMIT_SIGPENDING", RLIMIT_SIGPENDING},
        {"RLIMIT_STACK", RLIMIT_STACK},
    };
    json_open("rlimits", '{');
    for (size_t i = 0; i < COUNT(kinds); i++) {
        struct rlimit value;
        if (getrlimit((__rlimit_resource_t)kinds[i].number, &value) < 0) continue;
        json_open(kinds[i].name, '{');
        limit("soft", value.rlim_cur);
        limit("hard", value.rlim_max);
        json_close('}');
    }
    json_close('}');

    char text[32];
    if (read_file("/proc/self/oom_score_adj", text, sizeof text) > 0) json_number("oomScoreAdj", atoi(text));
    else json_null("oomScoreAdj");

    mode_t mask = umask(0);
    umask(mask);
    json_format("umask", "%04o", mask);
}

void facts_scheduling(void) {
    static const char *const policies[] = {
        "SCHED_OTHER", "SCHED_FIFO", "SCHED_RR", "SCHED_BATCH", "SCHED_ISO", "SCHED_IDLE", "SCHED_DEADLINE",
    };
    int policy = sched_getscheduler(0);
    struct sched_param parameters = {0};
    sched_getparam(0, &parameters);
    json_open("scheduler", '{');
    size_t number = (size_t)(policy & ~SCHED_RESET_ON_FORK);
    json_text("policy", policy >= 0 && number < COUNT(policies) ? policies[number] : NULL);
    json_flag("resetOnFork", policy >= 0 && policy & SCHED_RESET_ON_FORK);
    json_number("priority", parameters.sched_priority);
    json_number("nice", getpriority(PRIO_PROCESS, 0));
    json_close('}');

    long priority = syscall(SYS_ioprio_get, 1 /* IOPRIO_WHO_PROCESS */, 0);
    json_open("ioPriority", '{');
    json_number("class", priority >> 13);
    json_number("level", priority & 0x1fff);
    json_close('}');

    cpu_set_t set;
    json_open("affinity", '[');
    if (sched_getaffinity(0, sizeof set, &set) == 0)
        for (int cpu = 0; cpu < CPU_SETSIZE; cpu++)
            if (CPU_ISSET(cpu, &set)) json_number(NULL, cpu);
    json_close(']');

    json_format("personality", "0x%x", (unsigned)personality(0xffffffff));
}

void facts_descriptors(void) {
    json_open("descriptors", '{');
    DIR *directory = opendir("/proc/self/fd");
    for (struct dirent *entry; directory && (entry = readdir(directory));) {
        if (entry->d_name[0] == '.' || atoi(entry->d_name) == dirfd(directory)) continue;
        if (atoi(entry->d_name) == fileno(json_out) && json_out != stdout) continue;
        char path[300], target[4096];
        snprintf(path, sizeof path, "/proc/self/fd/%s", entry->d_name);
        ssize_t length = readlink(path, target, sizeof target);
        if (length < 0) json_null(entry->d_name);
        else json_bytes(entry->d_name, target, (size_t)length);
    }
    if (directory) closedir(directory);
    json_close('}');
}

void facts_terminal(void) {
    json_open("terminal", '{');
    json_open("isatty", '[');
    for (int fd = 0; fd < 3; fd++) json_flag(NULL, isatty(fd));
    json_close(']');
    json_text("name", isatty(0) ? ttyname(0) : NULL);

    struct winsize size;
    if (ioctl(0, TIOCGWINSZ, &size) == 0) {
        json_open("size", '{');
        json_number("rows", size.ws_row);
        json_number("columns", size.ws_col);
        json_close('}');
    } else {
        json_null("size");
    }
    int tty = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
    json_flag("controlling", tty >= 0);
    json_number("foregroundGroup", tty >= 0 ? tcgetpgrp(tty) : -1);
    if (tty >= 0) close(tty);

    struct stat input, console;
    bool both = fstat(0, &input) == 0 && stat("/dev/console", &console) == 0;
    json_flag("consoleIsInput", both && input.st_rdev == console.st_rdev && input.st_ino == console.st_ino);
    fact_path("console", "/dev/console");
    fact_path("input", "/proc/self/fd/0/");
    json_close('}');
}
