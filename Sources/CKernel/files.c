#define _GNU_SOURCE
#include "ckernel.h"
#include "result.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <sched.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <unistd.h>

#ifndef MFD_EXEC
#define MFD_EXEC 0x10U
#endif
#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 0x8U
#endif

int ck_open(int dir, const char *path, int flags, unsigned mode) {
    return RETRY(openat(dir, path, flags | O_CLOEXEC, mode));
}

/// Of an openat2 that answers EAGAIN.
enum { most_tries = 1024 };

int ck_openat2(int dir, const char *path, uint64_t flags, uint64_t mode, uint64_t resolve) {
    struct open_how how = {.flags = flags | O_CLOEXEC, .mode = mode, .resolve = resolve};
    // EAGAIN: somebody renamed or mounted something while a `..` was resolved (openat2(2)).
    int result = -EAGAIN;
    for (int tries = 0; tries < most_tries && result == -EAGAIN; tries++) {
        if (tries >= 16) sched_yield();
        result = (int)RETRY(syscall(SYS_openat2, dir, path, &how, sizeof how));
    }
    return result;
}

int ck_close(int fd) { return RESULT(close(fd)); }

ssize_t ck_read(int fd, void *buffer, size_t size) { return RETRY(read(fd, buffer, size)); }

ssize_t ck_pread(int fd, void *buffer, size_t size, off_t offset) { return RETRY(pread(fd, buffer, size, offset)); }

ssize_t ck_write(int fd, const void *buffer, size_t size) { return RETRY(write(fd, buffer, size)); }

int ck_stat(int dir, const char *path, int flags, struct ck_status *result) {
    struct stat st;
    if (fstatat(dir, path, &st, flags) < 0) return -errno;
    *result = (struct ck_status){
        .device = st.st_dev,
        .inode = st.st_ino,
        .special_device = st.st_rdev,
        .size = st.st_size,
        .mode = st.st_mode,
        .uid = st.st_uid,
        .gid = st.st_gid,
        .links = (uint32_t)st.st_nlink,
    };
    return 0;
}

int ck_known_status(const char *path, struct ck_status *result) {
    struct statx st;
    if (statx(AT_FDCWD, path, AT_STATX_DONT_SYNC | AT_NO_AUTOMOUNT, STATX_BASIC_STATS, &st) < 0) return -errno;
    *result = (struct ck_status){
        .device = makedev(st.stx_dev_major, st.stx_dev_minor),
        .inode = st.stx_ino,
        .special_device = makedev(st.stx_rdev_major, st.stx_rdev_minor),
        .size = (int64_t)st.stx_size,
        .mode = st.stx_mode,
        .uid = st.stx_uid,
        .gid = st.stx_gid,
        .links = st.stx_nlink,
    };
    return 0;
}

int64_t ck_filesystem_type(int fd) {
    struct statfs st;
    return fstatfs(fd, &st) < 0 ? -errno : (int64_t)(uint32_t)st.f_type;
}

int64_t ck_filesystem_type_at(const char *path) {
    struct statfs st;
    return statfs(path, &st) < 0 ? -errno : (int64_t)(uint32_t)st.f_type;
}

int ck_mount_id(const char *path, uint64_t *result) {
    struct statx st;
    if (statx(AT_FDCWD, path, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT, STATX_MNT_ID, &st) < 0) return -errno;
    *result = st.stx_mnt_id;
    return 0;
}

int ck_mkdir(int dir, const char *path, unsigned mode) { return RESULT(mkdirat(dir, path, mode)); }

int ck_unlink(int dir, const char *path, int flags) { return RESULT(unlinkat(dir, path, flags)); }

int ck_rename(int old_dir, const char *old_path, int new_dir, const char *new_path) {
    return RESULT(renameat(old_dir, old_path, new_dir, new_path));
}

ssize_t ck_readlink(int dir, const char *path, char *buffer, size_t size) {
    return RESULT(readlinkat(dir, path, buffer, size));
}

ssize_t ck_getdents(int fd, void *buffer, size_t size) { return RESULT(syscall(SYS_getdents64, fd, buffer, size)); }

/// struct linux_dirent64 (getdents64(2)), which the C library does not declare.
struct entry {
    uint64_t inode;
    int64_t offset;
    unsigned short size;
    unsigned char type;
    char name[];
};

/// What a look at an entry comes to.
enum removal { removed, not_empty };

/// Removes one entry, if it is no directory that has something in it.
static long remove_entry(int directory, const struct entry *entry, bool files, const char **call) {
    if (files && (unlinkat(directory, entry->name, 0) == 0 || errno == ENOENT)) return removed;
    if (files && errno != EISDIR) return FAILED("unlink");
    if (unlinkat(directory, entry->name, AT_REMOVEDIR) == 0 || errno == ENOENT) return removed;
    // cgroupfs says EBUSY of both: of a cgroup with processes, and of one with cgroups in it.
    return errno == ENOTEMPTY || errno == EBUSY ? not_empty : FAILED("rmdir");
}

/// Removes what can be removed of a directory. `not_empty`, with `*child` opened: something is in that one.
static long remove_entries(int directory, bool files, int *child, const char **call) {
    char buffer[2048] __attribute__((aligned(8)));
    if (lseek(directory, 0, SEEK_SET) < 0) return FAILED("lseek");
    for (;;) {
        long size = syscall(SYS_getdents64, directory, buffer, sizeof buffer);
        if (size <= 0) return size < 0 ? FAILED("getdents64") : removed;
        for (long at = 0; at < size;) {
            const struct entry *entry = (const struct entry *)(buffer + at);
            at += entry->size;
            if (strcmp(entry->name, ".") == 0 || strcmp(entry->name, "..") == 0) continue;
            if (!files && entry->type != DT_DIR) continue;
            long result = remove_entry(directory, entry, files, call);
            if (result == removed) continue;
            if (result < 0) return result;
            *child = openat(directory, entry->name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
            if (*child >= 0) return not_empty;
            if (errno != ENOENT) return FAILED("open");
        }
    }
}

static bool is_same(const struct stat *a, const struct stat *b) {
    return a->st_ino == b->st_ino && a->st_dev == b->st_dev;
}

/// The directory below that has to be emptied first. -EBUSY: it is another file system, or it was emptied just now, so
/// that something else holds it.
static long enter(const struct stat *top, const struct stat *emptied, int child, const char **call) {
    struct stat status;
    if (fstat(child, &status) < 0) return FAILED("stat");
    return status.st_dev != top->st_dev || is_same(&status, emptied) ? -EBUSY : 0;
}

/// Whoever filled the directory may have nested it without end: the way goes down into what is not empty and back up
/// by `..`, with one descriptor at a time. It ends where it began, which is known by its inode, so that no step leads
/// above. 1: all is gone; 0: something is in use.
long ck_remove_content(int top, bool files, const char **call) {
    struct stat first, emptied = {0};
    if (fstat(top, &first) < 0) return FAILED("stat");
    int directory = openat(top, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (directory < 0) return FAILED("open");
    for (;;) {
        int next = -1;
        long result = remove_entries(directory, files, &next, call);
        if (result == not_empty) {
            result = enter(&first, &emptied, next, call);
        } else if (result == removed) {
            result = fstat(directory, &emptied) < 0 ? FAILED("stat") : 0;
            if (result == 0 && is_same(&emptied, &first)) result = 1;
            if (result == 0) next = openat(directory, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
            if (result == 0 && next < 0) result = FAILED("open");
        }
        close(directory);
        directory = next;
        if (result == 0) continue;
        if (next >= 0) close(next);
        return result == -EBUSY ? 0 : result;
    }
}

int ck_fcntl(int fd, int command, long argument) { return RESULT(fcntl(fd, command, argument)); }

int ck_flock(int fd, int operation) { return RETRY(flock(fd, operation)); }

int ck_close_range(unsigned first, unsigned last, unsigned flags) {
    return (int)RESULT(syscall(SYS_close_range, first, last, flags));
}

int ck_pipe(int ends[2], int flags) { return RESULT(pipe2(ends, flags)); }

int ck_access(const char *path, int mode) { return RESULT(faccessat(AT_FDCWD, path, mode, AT_EACCESS)); }

int ck_realpath(const char *path, char *buffer, size_t size) {
    char resolved[PATH_MAX];
    if (!realpath(path, resolved)) return -errno;
    size_t length = strlen(resolved);
    if (length >= size) return -ENAMETOOLONG;
    memcpy(buffer, resolved, length + 1);
    return (int)length;
}

int ck_chmod(int dir, const char *path, unsigned mode) { return RESULT(fchmodat(dir, path, mode, 0)); }

int ck_chown(int dir, const char *path, uint32_t uid, uint32_t gid, int flags) {
    return RESULT(fchownat(dir, path, uid, gid, flags));
}

int ck_memfd(const char *name, bool executable) {
    unsigned flags = MFD_CLOEXEC | MFD_ALLOW_SEALING;
    int fd = memfd_create(name, flags | (executable ? MFD_EXEC : 0));
    // Before Linux 6.3 MFD_EXEC is unknown, and every memory file executable.
    if (fd < 0 && errno == EINVAL) fd = memfd_create(name, flags);
    return fd < 0 ? -errno : fd;
}

int ck_seal(int fd) { return RESULT(fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)); }

int ck_seal_size(int fd) { return RESULT(fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW)); }

int ck_is_sealed(int fd, bool content) {
    int wanted = F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | (content ? F_SEAL_WRITE : 0);
    int seals = fcntl(fd, F_GET_SEALS);
    // What cannot be sealed (EINVAL) is not.
    return seals >= 0 && (seals & wanted) == wanted;
}

int ck_make_node(int dir, const char *name, unsigned mode, unsigned major, unsigned minor) {
    return RESULT(mknodat(dir, name, mode, makedev(major, minor)));
}

int ck_truncate(int fd, off_t size) { return RETRY(ftruncate(fd, size)); }

int ck_map_shared(int fd, size_t size, bool writable, void **address) {
    void *result = mmap(NULL, size, PROT_READ | (writable ? PROT_WRITE : 0), MAP_SHARED, fd, 0);
    if (result == MAP_FAILED) return -errno;
    *address = result;
    return 0;
}

void ck_unmap(void *address, size_t size) { munmap(address, size); }

int ck_inotify(const char *path, uint32_t mask) {
    int fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    if (fd < 0) return -errno;
    if (inotify_add_watch(fd, path, mask) < 0) {
        int error = errno;
        close(fd);
        return -error;
    }
    return fd;
}
