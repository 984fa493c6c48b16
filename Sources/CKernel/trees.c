#define _GNU_SOURCE
#include "ckernel.h"
#include "result.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/mount.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

int ck_open_tree(const char *path, unsigned flags) {
    int fd = (int)syscall(SYS_open_tree, AT_FDCWD, path, flags | OPEN_TREE_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

int ck_tree_slave(int tree) {
    struct mount_attr attributes = {.propagation = 1 << 19 /* MS_SLAVE */};
    unsigned flags = AT_EMPTY_PATH | 0x8000 /* AT_RECURSIVE */;
    return syscall(SYS_mount_setattr, tree, "", flags, &attributes, sizeof attributes) < 0 ? -errno : 0;
}

int ck_tree_restrict(int tree) {
    struct mount_attr attributes = {.attr_set =
                                        MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC};
    return syscall(SYS_mount_setattr, tree, "", AT_EMPTY_PATH, &attributes, sizeof attributes) < 0 ? -errno : 0;
}

int ck_tree_read_only(int tree) {
    struct mount_attr attributes = {.attr_set = MOUNT_ATTR_RDONLY};
    return syscall(SYS_mount_setattr, tree, "", AT_EMPTY_PATH, &attributes, sizeof attributes) < 0 ? -errno : 0;
}

static int configure_tmpfs(int context, unsigned inodes, const char **call) {
    char number[16];
    snprintf(number, sizeof number, "%u", inodes);
    if (syscall(SYS_fsconfig, context, FSCONFIG_SET_STRING, "mode", "755", 0) < 0
        || syscall(SYS_fsconfig, context, FSCONFIG_SET_STRING, "nr_inodes", number, 0) < 0
        || syscall(SYS_fsconfig, context, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
        return FAILED("fsconfig");
    int mount = (int)syscall(SYS_fsmount, context, FSMOUNT_CLOEXEC, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC);
    return mount < 0 ? FAILED("fsmount") : mount;
}

static int configure_union(int context, int upper, int lower, const char **call) {
    // The descriptors stand for the paths, in which a colon would have a meaning.
    char directories[64];
    snprintf(directories, sizeof directories, "/proc/self/fd/%d:/proc/self/fd/%d", upper, lower);
    if (syscall(SYS_fsconfig, context, FSCONFIG_SET_STRING, "lowerdir", directories, 0) < 0
        || syscall(SYS_fsconfig, context, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
        return FAILED("fsconfig");
    unsigned attributes = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC;
    int mount = (int)syscall(SYS_fsmount, context, FSMOUNT_CLOEXEC, attributes);
    return mount < 0 ? FAILED("fsmount") : mount;
}

int ck_union(int upper, int lower, const char **call) {
    int context = (int)syscall(SYS_fsopen, "overlay", FSOPEN_CLOEXEC);
    if (context < 0) return FAILED("fsopen");
    int mount = configure_union(context, upper, lower, call);
    close(context);
    return mount;
}

int ck_temporary_file_system(unsigned inodes, const char **call) {
    int context = (int)syscall(SYS_fsopen, "tmpfs", FSOPEN_CLOEXEC);
    if (context < 0) return FAILED("fsopen");
    int mount = configure_tmpfs(context, inodes, call);
    close(context);
    return mount;
}

int ck_is_restricted(const char *path) {
    struct statvfs status;
    if (statvfs(path, &status) < 0) return -errno;
    return (status.f_flag & (ST_RDONLY | ST_NOSUID | ST_NODEV | ST_NOEXEC)) != 0;
}

int ck_map_ids(int tree, int user_namespace, bool recursive) {
    struct mount_attr attributes = {.attr_set = MOUNT_ATTR_IDMAP, .userns_fd = (uint64_t)user_namespace};
    unsigned flags = AT_EMPTY_PATH | (recursive ? 0x8000 /* AT_RECURSIVE */ : 0);
    return syscall(SYS_mount_setattr, tree, "", flags, &attributes, sizeof attributes) < 0 ? -errno : 0;
}

int ck_hold_user_namespace(int *end, const char **call) {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) < 0) return FAILED("pipe");
    int pid = (int)syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, NULL, NULL, NULL, NULL);
    if (pid == 0) {
        // Until the other end is closed, or whoever has it is gone.
        char byte;
        close(ends[1]);
        while (read(ends[0], &byte, 1) < 0 && errno == EINTR) continue;
        _exit(0);
    }
    int result = pid < 0 ? FAILED("clone") : pid;
    close(ends[0]);
    if (pid < 0) close(ends[1]);
    else *end = ends[1];
    return result;
}

void ck_let_go(int pid, int end) {
    close(end);
    while (waitpid(pid, NULL, 0) < 0 && errno == EINTR) continue;
}

// ---- Ids of a mount that belongs to a user namespace

struct inner_map {
    int user_namespace, mount_namespace, tree;
    bool is_recursive;
    const char *uid_map, *gid_map, *call;
};

static int write_map(int proc, int pid, const char *name, const char *map, struct inner_map *inner) {
    char path[64];
    snprintf(path, sizeof path, "%d/%s", pid, name);
    const char **call = &inner->call;
    int fd = openat(proc, path, O_WRONLY | O_CLOEXEC);
    if (fd < 0) return FAILED("open");
    int result = write(fd, map, strlen(map)) < 0 ? FAILED("write") : 0;
    close(fd);
    return result;
}

static int map_through(int proc, int holder, struct inner_map *inner) {
    const char **call = &inner->call;
    char path[64];
    int result = write_map(proc, holder, "uid_map", inner->uid_map, inner);
    if (result == 0) result = write_map(proc, holder, "gid_map", inner->gid_map, inner);
    if (result < 0) return result;
    snprintf(path, sizeof path, "%d/ns/user", holder);
    int namespace = openat(proc, path, O_RDONLY | O_CLOEXEC);
    if (namespace < 0) return FAILED("open");
    inner->call = "mount_setattr(MOUNT_ATTR_IDMAP)";
    result = ck_map_ids(inner->tree, namespace, inner->is_recursive);
    close(namespace);
    return result;
}

/// In a process that has been forked for this, and is as powerful in these namespaces as their owner. They are new: who is
/// in them is of the same making.
static int map_inside(struct inner_map *inner) {
    const char **call = &inner->call;
    int proc = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (proc < 0) return FAILED("open");
    if (setns(inner->user_namespace, CLONE_NEWUSER) < 0 || setns(inner->mount_namespace, CLONE_NEWNS) < 0)
        return FAILED("setns");
    // Else its files in procfs would belong to root.
    prctl(PR_SET_DUMPABLE, 1);
    int end, holder = ck_hold_user_namespace(&end, call);
    if (holder < 0) return holder;
    int result = map_through(proc, holder, inner);
    ck_let_go(holder, end);
    return result;
}

int ck_map_ids_inside(int user_namespace, int mount_namespace, int tree, bool recursive, const char *uid_map,
                      const char *gid_map, const char **call) {
    struct inner_map *inner = mmap(NULL, sizeof *inner, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (inner == MAP_FAILED) return FAILED("mmap");
    *inner = (struct inner_map){user_namespace, mount_namespace, tree, recursive, uid_map, gid_map, "fork"};
    int pid = fork();
    if (pid == 0) _exit(-map_inside(inner));
    int result = pid < 0 ? -errno : 0, status = 0;
    while (pid > 0 && waitpid(pid, &status, 0) < 0)
        if (errno != EINTR) result = -errno;
    if (result == 0) result = WIFEXITED(status) ? -WEXITSTATUS(status) : -ECANCELED;
    *call = inner->call;
    munmap(inner, sizeof *inner);
    return result;
}

// ---- A mount in a namespace of others

#define MNT_ID_UNIQUE 0x4000u  // STATX_MNT_ID_UNIQUE
#define MOST_LAYERS   64

struct outer_mount {
    const char *path;
    uint64_t before;
    uint64_t mount;
};

/// Opens what a path leads to; gives the id of its mount, and whether it is that mount's root.
static int open_place(const char *path, uint64_t *id, bool *is_root) {
    int place = open(path, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (place < 0) return -errno;
    struct statx status;
    if (statx(place, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_MNT_ID | MNT_ID_UNIQUE, &status) < 0) {
        int error = errno;
        close(place);
        return -error;
    }
    *id = status.stx_mnt_id;
    *is_root = status.stx_attributes & STATX_ATTR_MOUNT_ROOT;
    return place;
}

int ck_mount_place(int place, struct ck_mount_place *result) {
    const int flags = AT_EMPTY_PATH | AT_STATX_DONT_SYNC;
    struct statx status;
    if (statx(place, "", flags, STATX_MNT_ID | STATX_INO, &status) < 0) return -errno;
    *result = (struct ck_mount_place){
        .id = status.stx_mnt_id,
        .device = makedev(status.stx_dev_major, status.stx_dev_minor),
        .inode = status.stx_ino,
        .is_root = status.stx_attributes & STATX_ATTR_MOUNT_ROOT,
    };
    if (statx(place, "", flags, STATX_MNT_ID | MNT_ID_UNIQUE, &status) < 0) return -errno;
    result->lasting_id = status.stx_mnt_id;
    return 0;
}

static int find_id(struct outer_mount *outer) {
    bool is_root;
    int place = open_place(outer->path, &outer->mount, &is_root);
    return place < 0 ? place : close(place);
}

/// The working directory is the process's own: it has been forked for this.
static int unmount(struct outer_mount *outer) {
    for (int layer = 0; layer < MOST_LAYERS; layer++) {
        uint64_t id;
        bool is_root;
        int place = open_place(outer->path, &id, &is_root);
        if (place < 0) return place == -ENOENT ? 0 : place;
        bool is_gone = !is_root || id == outer->before;
        if (!is_gone && outer->mount && id != outer->mount) return -EBUSY;
        // By descriptor: it is this very mount, whatever is mounted there meanwhile.
        if (!is_gone && (fchdir(place) < 0 || syscall(SYS_umount2, ".", 2 /* MNT_DETACH */) < 0)) return -errno;
        close(place);
        if (is_gone || outer->mount) return 0;
    }
    return -ELOOP;
}

/// Has a child do something in a mount namespace. What it finds out it leaves in `outer`, which is shared.
static int perform(int mount_namespace, struct outer_mount *outer, int (*work)(struct outer_mount *)) {
    int pid = fork();
    if (pid < 0) return -errno;
    if (pid == 0) {
        if (mount_namespace >= 0 && setns(mount_namespace, CLONE_NEWNS) < 0) _exit(errno);
        _exit(-work(outer));
    }
    int status;
    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR) return -errno;
    return WIFEXITED(status) ? -WEXITSTATUS(status) : -ECANCELED;
}

static int perform_outside(int mount_namespace, struct outer_mount *given, int (*work)(struct outer_mount *)) {
    struct outer_mount *outer = mmap(NULL, sizeof *outer, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (outer == MAP_FAILED) return -errno;
    *outer = *given;
    int result = perform(mount_namespace, outer, work);
    given->mount = outer->mount;
    munmap(outer, sizeof *outer);
    return result;
}

int ck_outer_mount_id(int mount_namespace, const char *path, uint64_t *id) {
    struct outer_mount outer = {.path = path};
    int result = perform_outside(mount_namespace, &outer, find_id);
    *id = outer.mount;
    return result;
}

int ck_unmount(int mount_namespace, const char *path, uint64_t before, uint64_t mount) {
    struct outer_mount outer = {.path = path, .before = before, .mount = mount};
    return perform_outside(mount_namespace, &outer, unmount);
}
