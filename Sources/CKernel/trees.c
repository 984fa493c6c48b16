#define _GNU_SOURCE
#include "ckernel.h"
#include "result.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/mount.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
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
    struct mount_attr attributes = {
        .attr_set = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC};
    return syscall(SYS_mount_setattr, tree, "", AT_EMPTY_PATH, &attributes, sizeof attributes) < 0 ? -errno : 0;
}

int ck_tree_read_only(int tree) {
    struct mount_attr attributes = {.attr_set = MOUNT_ATTR_RDONLY};
    return syscall(SYS_mount_setattr, tree, "", AT_EMPTY_PATH, &attributes, sizeof attributes) < 0 ? -errno : 0;
}

static int configure_tmpfs(int context, unsigned inodes, const char **call) {
    char number[16];
    snprintf(number, sizeof number, "%u", inodes);
    if (syscall(SYS_fsconfig, context, FSCONFIG_SET_STRING, "mode", "755", 0) < 0 ||
        syscall(SYS_fsconfig, context, FSCONFIG_SET_STRING, "nr_inodes", number, 0) < 0 ||
        syscall(SYS_fsconfig, context, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
        return FAILED("fsconfig");
    int mount = (int)syscall(SYS_fsmount, context, FSMOUNT_CLOEXEC, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC);
    return mount < 0 ? FAILED("fsmount") : mount;
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

static int open_of(int pid, const char *name, int flags, const char **call) {
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/%s", pid, name);
    int fd = open(path, flags | O_CLOEXEC);
    return fd < 0 ? FAILED("open") : fd;
}

static int write_map(int pid, const char *name, const char *map, const char **call) {
    int fd = open_of(pid, name, O_WRONLY, call);
    if (fd < 0) return fd;
    int result = write(fd, map, strlen(map)) < 0 ? FAILED("write") : 0;
    close(fd);
    return result;
}

int ck_user_namespace(const char *uid_map, const char *gid_map, const char **call) {
    // The namespace needs a member only until there is a descriptor of it.
    int parent = getpid();
    int pid = (int)syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, NULL, NULL, NULL, NULL);
    if (pid < 0) return FAILED("clone");
    if (pid == 0) {
        // Nobody would end it if the caller were killed.
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        while (getppid() == parent) pause();
        _exit(0);
    }
    int result = write_map(pid, "uid_map", uid_map, call);
    if (result == 0) result = write_map(pid, "gid_map", gid_map, call);
    if (result == 0) result = open_of(pid, "ns/user", O_RDONLY, call);
    kill(pid, SIGKILL);
    while (waitpid(pid, NULL, 0) < 0 && errno == EINTR) continue;
    return result;
}
