// The floor: the kernel work of `run` of a default bundle, done by one process that reads no configuration.
//
// What it does is what `runc spec` describes: cgroups, namespaces, mounts, devices, masked and read-only paths,
// pivot_root, capabilities, limits, exec, removal. How it does it is the fastest way that the kernel offers
// (5.14 or newer). A runtime cannot start a container in less time than this, so the distance to it is the
// runtime's own cost.
//
// usage: floor [--id NAME] [--network] [--cgroup-namespace] [--seccomp FILE] [--memory BYTES]
//              [--phases] ROOTFS PROGRAM [ARGUMENT...]

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <grp.h>
#include <linux/bpf.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/keyctl.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define COUNT(array)    (sizeof(array) / sizeof((array)[0]))
#define MAX_HIERARCHIES 24

static struct {
    const char *id;
    bool network, cgroup_namespace, phases;
    const char *seccomp;
    long long memory;  // bytes; 0: no limit
    const char *rootfs;
    char **arguments;
} options;

// One mounted cgroup hierarchy and the container's cgroup in it.
struct hierarchy {
    unsigned major, minor;  // the same hierarchy may be mounted twice
    char *mount_point, *super_options;
    bool unified;
    char path[512];  // the container's cgroup
    int directory;   // descriptor of it
    int tasks;       // its `tasks` file; -1: entered by clone
};

static struct hierarchy hierarchies[MAX_HIERARCHIES];
static size_t hierarchy_count;
static bool in_child;

// ---------------------------------------------------------------------------------------------------- reporting

static void remove_cgroups(void) {
    for (size_t i = 0; i < hierarchy_count; i++)
        if (hierarchies[i].path[0] != '\0' && rmdir(hierarchies[i].path) < 0 && errno != ENOENT)
            fprintf(stderr, "floor: rmdir %s: %s\n", hierarchies[i].path, strerror(errno));
}

static long need(long result, const char *what, const char *object) {
    if (result >= 0) return result;
    fprintf(stderr, "floor: %s %s: %s\n", what, object, strerror(errno));
    if (in_child) _exit(1);
    remove_cgroups();
    exit(1);
}

// With --phases: how long it took from the end of the phase before to the end of this one.
static void phase(const char *name) {
    static struct timespec before;
    if (!options.phases) return;
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    if (name != NULL)
        fprintf(stderr, "%-28s %8.3f ms\n", name,
                (now.tv_sec - before.tv_sec) * 1e3 + (now.tv_nsec - before.tv_nsec) / 1e6);
    clock_gettime(CLOCK_MONOTONIC, &before);
}

static void write_file(int directory, const char *name, const char *text) {
    int file = need(openat(directory, name, O_WRONLY | O_CLOEXEC), "open", name);
    need(write(file, text, strlen(text)), text, name);
    close(file);
}

// Reads a file from its beginning until it ends or the buffer is full, and ends it with a zero byte.
static size_t read_file(int directory, const char *name, char *buffer, size_t size) {
    int file = need(openat(directory, name, O_RDONLY | O_CLOEXEC), "open", name);
    size_t length = 0;
    while (length < size - 1) {
        ssize_t count = need(read(file, buffer + length, size - 1 - length), "read", name);
        if (count == 0) break;
        length += count;
    }
    close(file);
    buffer[length] = '\0';
    return length;
}

// ------------------------------------------------------------------------------------------------------ devices

// What every container may do with device nodes, after all else was denied. -1: any number.
static const struct {
    char type;
    int major, minor;
    const char *access;
} device_rules[] = {
    {'c', -1, -1, "m"}, {'b', -1, -1, "m"}, {'c', 1, 3, "rwm"}, {'c', 1, 5, "rwm"},    {'c', 1, 7, "rwm"},
    {'c', 1, 8, "rwm"}, {'c', 1, 9, "rwm"}, {'c', 5, 0, "rwm"}, {'c', 136, -1, "rwm"}, {'c', 5, 2, "rwm"},
};

// cgroup v1: one write for each rule.
static void allow_devices_by_files(int cgroup) {
    write_file(cgroup, "devices.deny", "a");
    int file = need(openat(cgroup, "devices.allow", O_WRONLY | O_CLOEXEC), "open", "devices.allow");
    for (size_t i = 0; i < COUNT(device_rules); i++) {
        char major[12] = "*", minor[12] = "*", rule[40];
        if (device_rules[i].major >= 0) snprintf(major, sizeof major, "%d", device_rules[i].major);
        if (device_rules[i].minor >= 0) snprintf(minor, sizeof minor, "%d", device_rules[i].minor);
        int length =
            snprintf(rule, sizeof rule, "%c %s:%s %s", device_rules[i].type, major, minor, device_rules[i].access);
        need(write(file, rule, length), "devices.allow", rule);
    }
    close(file);
}

// cgroup v2: an eBPF program that gets {access << 16 | type, major, minor} and answers 1 (allowed) or 0.
static void allow_devices_by_program(int cgroup) {
    enum { TYPE = BPF_REG_2, ACCESS = BPF_REG_3, MAJOR = BPF_REG_4, MINOR = BPF_REG_5, REST = BPF_REG_6 };
    struct bpf_insn code[6 + COUNT(device_rules) * 7 + 2];
    size_t length = 0;
#define EMIT(...)                         code[length++] = (struct bpf_insn){__VA_ARGS__}
#define LOAD(to, member)                  EMIT(BPF_LDX | BPF_MEM | BPF_W, to, BPF_REG_1, offsetof(struct bpf_cgroup_dev_ctx, member), 0)
#define JUMP_UNLESS(reg, value, distance) EMIT(BPF_JMP | BPF_JNE | BPF_K, reg, 0, distance, value)
    LOAD(TYPE, access_type);
    EMIT(BPF_ALU64 | BPF_MOV | BPF_X, ACCESS, TYPE, 0, 0);
    EMIT(BPF_ALU64 | BPF_AND | BPF_K, TYPE, 0, 0, 0xffff);
    EMIT(BPF_ALU64 | BPF_RSH | BPF_K, ACCESS, 0, 0, 16);
    LOAD(MAJOR, major);
    LOAD(MINOR, minor);
    for (size_t i = 0; i < COUNT(device_rules); i++) {
        bool any_access = device_rules[i].access[0] == 'r';
        short left = 3 + 2 * !any_access + (device_rules[i].major >= 0) + (device_rules[i].minor >= 0);
        JUMP_UNLESS(TYPE, device_rules[i].type == 'c' ? BPF_DEVCG_DEV_CHAR : BPF_DEVCG_DEV_BLOCK, --left);
        if (!any_access) {
            EMIT(BPF_ALU64 | BPF_MOV | BPF_X, REST, ACCESS, 0, 0), left--;
            JUMP_UNLESS(REST, BPF_DEVCG_ACC_MKNOD, --left);
        }
        if (device_rules[i].major >= 0) JUMP_UNLESS(MAJOR, device_rules[i].major, --left);
        if (device_rules[i].minor >= 0) JUMP_UNLESS(MINOR, device_rules[i].minor, --left);
        EMIT(BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_0, 0, 0, 1);
        EMIT(BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
    }
    EMIT(BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_0, 0, 0, 0);
    EMIT(BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
    union bpf_attr load = {.prog_type = BPF_PROG_TYPE_CGROUP_DEVICE,
                           .insns = (uintptr_t)code,
                           .insn_cnt = length,
                           .license = (uintptr_t) "Apache-2.0"};
    int program = need(syscall(SYS_bpf, BPF_PROG_LOAD, &load, sizeof load), "load", "device filter");
    union bpf_attr attach = {.target_fd = cgroup, .attach_bpf_fd = program, .attach_type = BPF_CGROUP_DEVICE};
    need(syscall(SYS_bpf, BPF_PROG_ATTACH, &attach, sizeof attach), "attach", "device filter");
    close(program);
}

// ------------------------------------------------------------------------------------------------------ cgroups

static bool has_controller(const struct hierarchy *hierarchy, const char *controller) {
    return !hierarchy->unified && strstr(hierarchy->super_options, controller) != NULL;
}

// Fills `hierarchies` from mountinfo: "ID PARENT MAJOR:MINOR ROOT POINT OPTIONS [TAG...] - TYPE SOURCE SUPER".
static void find_hierarchies(void) {
    static char text[256 * 1024];
    read_file(AT_FDCWD, "/proc/self/mountinfo", text, sizeof text);
    for (char *line = strtok(text, "\n"); line != NULL; line = strtok(NULL, "\n")) {
        char *type = strstr(line, " - cgroup");
        if (type == NULL || hierarchy_count == MAX_HIERARCHIES) continue;
        struct hierarchy found = {.tasks = -1, .unified = strncmp(type + 3, "cgroup2 ", 8) == 0};
        int point_start = 0, point_end = 0;
        sscanf(line, "%*d %*d %u:%u %*s %n%*s%n", &found.major, &found.minor, &point_start, &point_end);
        found.mount_point = line + point_start;
        line[point_end] = '\0';
        found.super_options = strrchr(type, ' ') + 1;
        bool known = false;
        for (size_t i = 0; i < hierarchy_count; i++)
            known |= hierarchies[i].major == found.major && hierarchies[i].minor == found.minor;
        if (!known) hierarchies[hierarchy_count++] = found;
    }
}

// On v1 a new cpuset has no processor and no memory node, and nobody can enter it.
static void copy_cpuset(int parent, int cgroup) {
    static const char *const files[] = {"cpuset.cpus", "cpuset.mems"};
    for (size_t i = 0; i < COUNT(files); i++) {
        char value[4096];
        read_file(parent, files[i], value, sizeof value);
        write_file(cgroup, files[i], value);
    }
}

static void limit_memory(const struct hierarchy *hierarchy, int parent) {
    char bytes[32];
    snprintf(bytes, sizeof bytes, "%lld", options.memory);
    if (hierarchy->unified) write_file(parent, "cgroup.subtree_control", "+memory");
    write_file(hierarchy->directory, hierarchy->unified ? "memory.max" : "memory.limit_in_bytes", bytes);
}

// Makes the container's cgroups. Returns the descriptor of the one to clone into, or -1 without cgroup v2.
static int make_cgroups(void) {
    int unified = -1;
    bool devices = false, memory = false;
    for (size_t i = 0; i < hierarchy_count; i++) {
        devices |= has_controller(&hierarchies[i], "devices");
        memory |= has_controller(&hierarchies[i], "memory");
    }
    for (size_t i = 0; i < hierarchy_count; i++) {
        struct hierarchy *own = &hierarchies[i];
        int parent = need(open(own->mount_point, O_PATH | O_DIRECTORY | O_CLOEXEC), "open", own->mount_point);
        need(mkdirat(parent, options.id, 0755), "mkdir", options.id);
        snprintf(own->path, sizeof own->path, "%s/%s", own->mount_point, options.id);
        own->directory = need(openat(parent, options.id, O_RDONLY | O_DIRECTORY | O_CLOEXEC), "open", own->path);
        if (own->unified) unified = own->directory;
        else own->tasks = need(openat(own->directory, "tasks", O_WRONLY | O_CLOEXEC), "open tasks of", own->path);
        if (has_controller(own, "cpuset")) copy_cpuset(parent, own->directory);
        if (has_controller(own, "devices")) allow_devices_by_files(own->directory);
        if (own->unified && !devices) allow_devices_by_program(own->directory);
        if (options.memory > 0 && (has_controller(own, "memory") || (own->unified && !memory)))
            limit_memory(own, parent);
        close(parent);
    }
    return unified;
}

// A thread that moves only itself does not have to stop everybody else's forks: no grace period to wait for.
static void enter_cgroups(void) {
    for (size_t i = 0; i < hierarchy_count; i++)
        if (hierarchies[i].tasks >= 0) need(write(hierarchies[i].tasks, "0", 1), "enter", hierarchies[i].path);
}

// ------------------------------------------------------------------------------------------------------- mounts

static int new_mount(const char *type, const char *source, const char *const *settings, unsigned attributes) {
    int context = need(fsopen(type, FSOPEN_CLOEXEC), "fsopen", type);
    need(fsconfig(context, FSCONFIG_SET_STRING, "source", source, 0), "source of", type);
    for (; settings[0] != NULL; settings += 2)
        need(fsconfig(context, settings[1] == NULL ? FSCONFIG_SET_FLAG : FSCONFIG_SET_STRING, settings[0], settings[1],
                      0),
             settings[0], type);
    need(fsconfig(context, FSCONFIG_CMD_CREATE, NULL, NULL, 0), "create", type);
    int mount = need(fsmount(context, FSMOUNT_CLOEXEC, attributes), "fsmount", type);
    close(context);
    return mount;
}

static int clone_mount(int directory, const char *path, unsigned flags) {
    return open_tree(directory, path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH | flags);
}

static int attach(int mount, int directory, const char *path) {
    return move_mount(mount, "", directory, path, MOVE_MOUNT_F_EMPTY_PATH);
}

static void attach_and_close(int mount, int directory, const char *path) {
    need(attach(mount, directory, path), "attach", path);
    close(mount);
}

static void make_read_only(int mount, unsigned further_attributes) {
    struct mount_attr attributes = {.attr_set = MOUNT_ATTR_RDONLY | further_attributes};
    need(mount_setattr(mount, "", AT_EMPTY_PATH, &attributes, sizeof attributes), "mount_setattr", "read-only");
}

#define NOSUID MOUNT_ATTR_NOSUID
#define NOEXEC MOUNT_ATTR_NOEXEC
#define NODEV  MOUNT_ATTR_NODEV
#define RDONLY MOUNT_ATTR_RDONLY

static const struct {
    const char *type, *source, *target;
    bool make_target;
    unsigned attributes;
    const char *settings[9];  // name, value, ..., NULL
} default_mounts[] = {
    {"proc", "proc", "proc", false, 0, {NULL}},
    {"tmpfs", "tmpfs", "dev", false, NOSUID | MOUNT_ATTR_STRICTATIME, {"mode", "755", "size", "65536k"}},
    {"devpts", "devpts", "dev/pts", true, NOSUID | NOEXEC, {"ptmxmode", "0666", "mode", "0620", "gid", "5"}},
    {"tmpfs", "shm", "dev/shm", true, NOSUID | NOEXEC | NODEV, {"mode", "1777", "size", "65536k"}},
    {"mqueue", "mqueue", "dev/mqueue", true, NOSUID | NOEXEC | NODEV, {NULL}},
    {"sysfs", "sysfs", "sys", false, NOSUID | NOEXEC | NODEV | RDONLY, {NULL}},
};

static void mount_defaults(int root) {
    for (size_t i = 0; i < COUNT(default_mounts); i++) {
        const char *target = default_mounts[i].target;
        if (default_mounts[i].make_target) need(mkdirat(root, target, 0755), "mkdir", target);
        int mount = new_mount(default_mounts[i].type, default_mounts[i].source, default_mounts[i].settings,
                              default_mounts[i].attributes);
        attach_and_close(mount, root, target);
    }
}

#define CGROUP_ATTRIBUTES (NOSUID | NOEXEC | NODEV | RDONLY)

// In a cgroup namespace the kernel itself shows only the container's part of a hierarchy.
static int new_cgroup_mount(const struct hierarchy *hierarchy) {
    const char *settings[16] = {NULL};
    if (hierarchy->unified) return new_mount("cgroup2", "cgroup", settings, CGROUP_ATTRIBUTES);
    // A v1 hierarchy is found by its controllers: "rw,cpu,cpuacct" or "rw,name=systemd".
    char controllers[256];
    snprintf(controllers, sizeof controllers, "%s", hierarchy->super_options);
    size_t count = 0;
    for (char *word = strtok(controllers, ","); word != NULL && count < 14; word = strtok(NULL, ",")) {
        if (strcmp(word, "rw") == 0) continue;
        char *value = strchr(word, '=');
        if (value != NULL) *value++ = '\0';
        settings[count++] = word;
        settings[count++] = value;
    }
    return new_mount("cgroup", "cgroup", settings, CGROUP_ATTRIBUTES);
}

static int bind_cgroup(const struct hierarchy *hierarchy) {
    int mount = need(clone_mount(AT_FDCWD, hierarchy->path, 0), "open_tree", hierarchy->path);
    make_read_only(mount, CGROUP_ATTRIBUTES);
    return mount;
}

// /sys/fs/cgroup: on cgroup v2 the container's cgroup itself, on v1 a tmpfs with one mount for each hierarchy.
static void mount_cgroups(int root) {
    static const char *const mode[] = {"mode", "755", NULL};
    const char *target = "sys/fs/cgroup";
    bool only_unified = hierarchy_count == 1 && hierarchies[0].unified;
    int directory = root;
    if (!only_unified) {
        int base = new_mount("tmpfs", "tmpfs", mode, NOSUID | NOEXEC | NODEV);
        directory = need(openat(base, ".", O_PATH | O_DIRECTORY | O_CLOEXEC), "open", target);
        need(attach(base, root, target), "attach", target);
        close(base);
    }
    for (size_t i = 0; i < hierarchy_count; i++) {
        struct hierarchy *own = &hierarchies[i];
        const char *name = only_unified ? target : strrchr(own->mount_point, '/') + 1;
        if (!only_unified) need(mkdirat(directory, name, 0755), "mkdir", name);
        int mount = options.cgroup_namespace ? new_cgroup_mount(own) : bind_cgroup(own);
        attach_and_close(mount, directory, name);
    }
    if (!only_unified) make_read_only(directory, 0);
    if (directory != root) close(directory);
}

static void make_devices(int root) {
    static const struct {
        const char *path;
        int major, minor;
    } nodes[] = {
        {"dev/null", 1, 3},   {"dev/zero", 1, 5},    {"dev/full", 1, 7},
        {"dev/random", 1, 8}, {"dev/urandom", 1, 9}, {"dev/tty", 5, 0},
    };
    static const struct {
        const char *path, *target;
    } links[] = {
        {"dev/fd", "/proc/self/fd"},       {"dev/stdin", "/proc/self/fd/0"}, {"dev/stdout", "/proc/self/fd/1"},
        {"dev/stderr", "/proc/self/fd/2"}, {"dev/core", "/proc/kcore"},      {"dev/ptmx", "pts/ptmx"},
    };
    umask(0);
    for (size_t i = 0; i < COUNT(nodes); i++)
        need(mknodat(root, nodes[i].path, S_IFCHR | 0666, makedev(nodes[i].major, nodes[i].minor)), "mknod",
             nodes[i].path);
    for (size_t i = 0; i < COUNT(links); i++)
        need(symlinkat(links[i].target, root, links[i].path), "symlink", links[i].path);
    umask(022);
}

static void protect_paths(int root) {
    static const char *const masked[] = {
        "proc/acpi",       "proc/asound",      "proc/kcore",       "proc/keys",    "proc/latency_stats",
        "proc/timer_list", "proc/timer_stats", "proc/sched_debug", "sys/firmware", "proc/scsi",
    };
    static const char *const read_only[] = {"proc/bus", "proc/fs", "proc/irq", "proc/sys", "proc/sysrq-trigger"};
    static const char *const none[] = {NULL};
    int empty = -1;  // all masked directories show one and the same empty file system
    for (size_t i = 0; i < COUNT(masked); i++) {
        struct stat status;
        if (fstatat(root, masked[i], &status, AT_SYMLINK_NOFOLLOW) < 0 && errno == ENOENT) continue;
        if (!S_ISDIR(status.st_mode)) {
            attach_and_close(need(clone_mount(root, "dev/null", 0), "open_tree", "dev/null"), root, masked[i]);
        } else if (empty < 0) {
            empty = new_mount("tmpfs", "tmpfs", none, RDONLY);
            need(attach(empty, root, masked[i]), "mask", masked[i]);
        } else {
            attach_and_close(need(clone_mount(empty, "", 0), "open_tree", masked[i]), root, masked[i]);
        }
    }
    if (empty >= 0) close(empty);
    for (size_t i = 0; i < COUNT(read_only); i++) {
        int mount = clone_mount(root, read_only[i], AT_RECURSIVE);
        if (mount < 0 && errno == ENOENT) continue;
        need(mount, "open_tree", read_only[i]);
        make_read_only(mount, 0);
        attach_and_close(mount, root, read_only[i]);
    }
}

// Makes the root file system and leaves the host's behind.
static void enter_root(void) {
    struct mount_attr slave = {.propagation = MS_SLAVE};
    need(mount_setattr(AT_FDCWD, "/", AT_RECURSIVE, &slave, sizeof slave), "propagation of", "/");
    int root = need(clone_mount(AT_FDCWD, options.rootfs, AT_RECURSIVE), "open_tree", options.rootfs);
    need(attach(root, AT_FDCWD, options.rootfs), "attach", options.rootfs);
    phase("  root file system");
    mount_defaults(root);
    phase("  default mounts");
    mount_cgroups(root);
    phase("  cgroup mounts");
    make_devices(root);
    phase("  devices");
    protect_paths(root);
    phase("  masked, read-only paths");
    make_read_only(root, 0);
    need(fchdir(root), "chdir", options.rootfs);
    need(syscall(SYS_pivot_root, ".", "."), "pivot_root", options.rootfs);
    need(umount2(".", MNT_DETACH), "umount", "host root");
    need(chdir("/"), "chdir", "/");
    phase("  pivot_root");
}

// ------------------------------------------------------------------------------------------------------ process

static void raise_loopback(void) {
    int socket_descriptor = need(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), "socket", "AF_INET");
    struct ifreq request = {.ifr_name = "lo", .ifr_flags = IFF_UP};
    need(ioctl(socket_descriptor, SIOCSIFFLAGS, &request), "up", "lo");
    close(socket_descriptor);
}

static void set_privileges(const struct sock_fprog *filter) {
    static const unsigned kept[] = {CAP_AUDIT_WRITE, CAP_KILL, CAP_NET_BIND_SERVICE};
    uint64_t set = 0;
    for (size_t i = 0; i < COUNT(kept); i++) set |= UINT64_C(1) << kept[i];
    for (unsigned capability = 0; capability < 64; capability++)
        if ((set >> capability & 1) == 0 && prctl(PR_CAPBSET_DROP, capability) < 0) break;  // past the last one
    struct rlimit descriptors = {1024, 1024};
    need(setrlimit(RLIMIT_NOFILE, &descriptors), "setrlimit", "RLIMIT_NOFILE");
    need(setgroups(0, NULL), "setgroups", "");
    struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct data[2] = {{set, set, 0}, {set >> 32, set >> 32, 0}};
    need(syscall(SYS_capset, &header, data), "capset", "");
    need(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0), "clear", "ambient capabilities");
    need(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "no_new_privs", "");
    if (filter->len > 0) need(syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, filter), "seccomp", options.seccomp);
}

static void child(const struct sock_fprog *filter) {
    static char *environment[] = {"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "TERM=xterm",
                                  "HOME=/", NULL};
    in_child = true;
    phase("clone");
    enter_cgroups();
    if (options.cgroup_namespace) need(unshare(CLONE_NEWCGROUP), "unshare", "cgroup");
    phase("  enter cgroups");
    need(setsid(), "setsid", "");
    need(syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, options.id), "join keyring", options.id);
    need(sethostname("bench", 5), "sethostname", "");
    if (options.network) raise_loopback();
    phase("  host name, loopback");
    enter_root();
    set_privileges(filter);
    phase("  privileges");
    need(close_range(3, ~0U, CLOSE_RANGE_CLOEXEC), "close_range", "");
    need(execve(options.arguments[0], options.arguments, environment), "exec", options.arguments[0]);
}

static int run(void) {
    static struct sock_filter instructions[BPF_MAXINSNS + 1];
    struct sock_fprog filter = {.filter = instructions};
    if (options.seccomp != NULL)
        filter.len =
            read_file(AT_FDCWD, options.seccomp, (char *)instructions, sizeof instructions) / sizeof instructions[0];
    phase(NULL);
    find_hierarchies();
    phase("find cgroups");
    int unified = make_cgroups();
    phase("make cgroups");
    struct clone_args arguments = {.exit_signal = SIGCHLD};
    arguments.flags = CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWUTS;
    if (options.network) arguments.flags |= CLONE_NEWNET;
    if (unified >= 0) {
        arguments.flags |= CLONE_INTO_CGROUP;
        arguments.cgroup = unified;
    }
    pid_t pid = need(syscall(SYS_clone3, &arguments, sizeof arguments), "clone3", "");
    if (pid == 0) child(&filter);
    int status = 0;
    need(waitpid(pid, &status, 0), "waitpid", "");
    phase("child, from clone to death");
    remove_cgroups();
    phase("remove cgroups");
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int main(int count, char **arguments) {
    static const struct option table[] = {
        {"id", required_argument, NULL, 'i'},
        {"network", no_argument, NULL, 'n'},
        {"memory", required_argument, NULL, 'm'},
        {"cgroup-namespace", no_argument, NULL, 'c'},
        {"seccomp", required_argument, NULL, 's'},
        {"phases", no_argument, NULL, 'p'},
        {0},
    };
    options.id = "floor";
    int option;
    while ((option = getopt_long(count, arguments, "+", table, NULL)) != -1) {
        switch (option) {
        case 'i': options.id = optarg; break;
        case 'n': options.network = true; break;
        case 'm': options.memory = atoll(optarg); break;
        case 'c': options.cgroup_namespace = true; break;
        case 's': options.seccomp = optarg; break;
        case 'p': options.phases = true; break;
        default: return 2;
        }
    }
    if (count - optind < 2) {
        fprintf(stderr, "floor: give a root file system and a program\n");
        return 2;
    }
    options.rootfs = arguments[optind];
    options.arguments = &arguments[optind + 1];
    return run();
}
