#define _GNU_SOURCE
#include "ckernel.h"
#include "result.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
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

int ck_openat2(int dir, const char *path, uint64_t flags, uint64_t mode, uint64_t resolve) {
    struct open_how how = {.flags = flags | O_CLOEXEC, .mode = mode, .resolve = resolve};
    return (int)RETRY(syscall(SYS_openat2, dir, path, &how, sizeof how));
}

int ck_close(int fd) { return RESULT(close(fd)); }

ssize_t ck_read(int fd, void *buffer, size_t size) { return RETRY(read(fd, buffer, size)); }

ssize_t ck_pread(int fd, void *buffer, size_t size, off_t offset) { return RETRY(pread(fd, buffer, size, offset)); }

ssize_t ck_write(int fd, const void *buffer, size_t size) { return RETRY(write(fd, buffer, size)); }

int ck_stat(int dir, const char *path, int flags, struct ck_status *result) {
    struct stat st;
    if (fstatat(dir, path, &st, flags) < 0) return -errno;
    *result = (struct ck_status){
        .device = st.st_dev, .inode = st.st_ino, .special_device = st.st_rdev, .size = st.st_size,
        .mode = st.st_mode, .uid = st.st_uid, .gid = st.st_gid, .links = (uint32_t)st.st_nlink,
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

int ck_mkdir(int dir, const char *path, unsigned mode) { return RESULT(mkdirat(dir, path, mode)); }

int ck_unlink(int dir, const char *path, int flags) { return RESULT(unlinkat(dir, path, flags)); }

int ck_rename(int old_dir, const char *old_path, int new_dir, const char *new_path) {
    return RESULT(renameat(old_dir, old_path, new_dir, new_path));
}

ssize_t ck_readlink(int dir, const char *path, char *buffer, size_t size) {
    return RESULT(readlinkat(dir, path, buffer, size));
}

ssize_t ck_getdents(int fd, void *buffer, size_t size) { return RESULT(syscall(SYS_getdents64, fd, buffer, size)); }

/// Whoever filled the directory may have nested it without end.
enum { deepest = 512 };

static long remove_content(int directory, bool files, int depth);

/// 1 if the entry is gone, 0 if it is in use, or -errno.
static long remove_entry(int directory, const char *name, bool files, int depth) {
    if (files && (unlinkat(directory, name, 0) == 0 || errno == ENOENT)) return 1;
    if (files && errno != EISDIR) return -errno;
    if (unlinkat(directory, name, AT_REMOVEDIR) == 0 || errno == ENOENT) return 1;
    if (errno != EBUSY && errno != ENOTEMPTY) return -errno;
    if (depth == deepest) return -ENAMETOOLONG;
    int child = openat(directory, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (child < 0) return errno == ENOENT ? 1 : -errno;
    long result = remove_content(child, files, depth + 1);
    close(child);
    if (result < 0) return result;
    if (unlinkat(directory, name, AT_REMOVEDIR) == 0 || errno == ENOENT) return 1;
    return errno == EBUSY || errno == ENOTEMPTY ? 0 : -errno;
}

/// struct linux_dirent64 (getdents64(2)), which the C library does not declare.
struct entry {
    uint64_t inode;
    int64_t offset;
    unsigned short size;
    unsigned char type;
    char name[];
};

static long remove_content(int directory, bool files, int depth) {
    char buffer[2048] __attribute__((aligned(8)));
    long all = 1;
    if (lseek(directory, 0, SEEK_SET) < 0) return -errno;
    for (;;) {
        long size = syscall(SYS_getdents64, directory, buffer, sizeof buffer);
        if (size <= 0) return size < 0 ? -errno : all;
        for (long at = 0; at < size;) {
            const struct entry *entry = (const struct entry *)(buffer + at);
            at += entry->size;
            if (strcmp(entry->name, ".") == 0 || strcmp(entry->name, "..") == 0) continue;
            if (!files && entry->type != DT_DIR) continue;
            long result = remove_entry(directory, entry->name, files, depth);
            if (result < 0) return result;
            if (result == 0) all = 0;
        }
    }
}

long ck_remove_content(int directory, bool files) { return remove_content(directory, files, 0); }

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

int ck_seal(int fd) {
    return RESULT(fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE));
}

int ck_truncate(int fd, off_t size) { return RETRY(ftruncate(fd, size)); }

void *ck_map_shared(int fd, size_t size, bool writable) {
    void *address = mmap(NULL, size, PROT_READ | (writable ? PROT_WRITE : 0), MAP_SHARED, fd, 0);
    return address == MAP_FAILED ? NULL : address;
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
