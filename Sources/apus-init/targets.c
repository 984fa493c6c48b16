// Mount points: found inside the root by descriptor, and made where they are missing.
#include "init.h"

#include <linux/magic.h>

#define RESOLVE_INSIDE (RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS)
#define MOST_LINKS     40

// Not in linux/magic.h: fs/configfs/mount.c, ipc/mqueue.c.
#define CONFIGFS_MAGIC 0x62656570
#define MQUEUE_MAGIC   0x19800202

struct path {
    char bytes[APUS_PATH_MAX];
    size_t length;
};

/// Replaces `path` up to `end`, whose last component begins at `start` and is a link to nowhere, by what the
/// link says: relative to the link's directory, or to the root if it is absolute.
static long follow(struct path *path, size_t start, size_t end, int parent) {
    char name[APUS_PATH_MAX], target[APUS_PATH_MAX];
    memcpy(name, path->bytes + start, end - start);
    name[end - start] = 0;
    long size = sys(readlinkat, parent, name, target, sizeof target);
    if (size < 0) return size == -EINVAL ? -EEXIST : size;
    size_t kept = target[0] == '/' ? 0 : start;
    size_t rest = path->length - end;
    if (kept + (size_t)size + rest + 1 > sizeof path->bytes) return -ENAMETOOLONG;
    char tail[APUS_PATH_MAX];
    memcpy(tail, path->bytes + end, rest);
    memcpy(path->bytes + kept, target, (size_t)size);
    memcpy(path->bytes + kept + size, tail, rest);
    path->length = kept + (size_t)size + rest;
    path->bytes[path->length] = 0;
    return 0;
}

/// File systems whose files and directories are the kernel's: to make one there is to ask the kernel for something.
static const long kernel_views[] = {
    PROC_SUPER_MAGIC, SYSFS_MAGIC,        CGROUP_SUPER_MAGIC,   CGROUP2_SUPER_MAGIC, DEBUGFS_MAGIC,  TRACEFS_MAGIC,
    SECURITYFS_MAGIC, SELINUX_MAGIC,      SMACK_MAGIC,          BPF_FS_MAGIC,        PSTOREFS_MAGIC, EFIVARFS_MAGIC,
    BINFMTFS_MAGIC,   DEVPTS_SUPER_MAGIC, RDTGROUP_SUPER_MAGIC, NSFS_MAGIC,          CONFIGFS_MAGIC, MQUEUE_MAGIC,
};

/// The type of the file system that a descriptor lies in.
static long type_of_file_system(int descriptor) {
    char status[256] __attribute__((aligned(8)));  // struct statfs: its first word is the type
    long result = sys(fstatfs, descriptor, status);
    return result < 0 ? result : *(long *)status;
}

/// 1 or 0.
static long is_kernels(int descriptor) {
    long type = type_of_file_system(descriptor);
    if (type < 0) return type;
    for (unsigned i = 0; i < sizeof kernel_views / sizeof *kernel_views; i++)
        if (type == kernel_views[i]) return 1;
    return 0;
}

/// How what is missing is made.
struct making {
    unsigned mode;     ///< of directories
    unsigned rules;    ///< APUS_TARGET_*
    uint64_t resolve;  ///< how paths are looked up (RESOLVE_*)
    bool file;         ///< whether the last component is a file
};

/// Makes one missing component below a directory that is held open: whoever swaps a name for a link meanwhile
/// gets an error, never an entry somewhere else (CVE-2024-45310).
static long make_component(int parent, const char *component, size_t length, const struct making *how, bool file) {
    char name[256];
    if (length >= sizeof name) return -ENAMETOOLONG;
    memcpy(name, component, length);
    name[length] = 0;
    long is_refused = how->rules & APUS_TARGET_NOT_KERNELS ? is_kernels(parent) : 0;
    if (is_refused) return is_refused < 0 ? is_refused : -EPERM;
    if (!file) return sys(mkdirat, parent, name, how->mode);
    long made = sys(openat, parent, name, O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC | O_WRONLY, 0755);
    if (made < 0) return made;
    return sys(close, made);
}

static size_t component_end(const struct path *path, size_t start) {
    while (start < path->length && path->bytes[start] != '/') start++;
    return start;
}

static size_t next_component(const struct path *path, size_t end) {
    while (end < path->length && path->bytes[end] == '/') end++;
    return end;
}

/// Opens the first `end` bytes of the path inside the root.
static long open_prefix(int root, struct path *path, size_t end, uint64_t resolve) {
    char byte = path->bytes[end];
    path->bytes[end] = 0;
    long opened = open_beneath(root, path->bytes, O_PATH, resolve);
    path->bytes[end] = byte;
    return opened;
}

/// Makes the last component of a path whose directory is there, as nearly all are: ENOENT and EEXIST say that it is not as
/// simple. Nothing of the path is copied but a name, so that the stack stays small.
static long create_last(int root, const char *path, size_t length, const struct making *how) {
    char directory[APUS_PATH_MAX / 8];
    size_t start = length;
    while (start > 0 && path[start - 1] != '/') start--;
    const char *name = path + start;
    bool is_name = name[0] && (name[0] != '.' || (name[1] && (name[1] != '.' || name[2])));
    if (!is_name || start >= sizeof directory) return -ENOENT;
    memcpy(directory, path, start);
    directory[start] = 0;
    long parent = start > 0 ? open_beneath(root, directory, O_PATH | O_DIRECTORY, how->resolve) : root;
    if (parent < 0) return parent;
    long result = make_component((int)parent, name, length - start, how, how->file);
    if (parent != root) sys(close, parent);
    return result < 0 ? result : open_beneath(root, path, O_PATH, how->resolve);
}

/// Walks the path and makes what is missing.
__attribute__((noinline)) static long create_all(int root, const char *given, size_t length, const struct making *how) {
    struct path copy, *path = &copy;
    path->length = length;
    memcpy(path->bytes, given, length + 1);
    unsigned links = 0;
    long parent = open_beneath(root, ".", O_PATH | O_DIRECTORY, RESOLVE_INSIDE);
    size_t start = next_component(path, 0);
    while (parent >= 0 && start < path->length) {
        size_t end = component_end(path, start);
        size_t next = next_component(path, end);
        long opened = open_prefix(root, path, end, how->resolve);
        if (opened == -ENOENT) {
            bool is_file = how->file && next == path->length;
            opened = make_component((int)parent, path->bytes + start, end - start, how, is_file);
            if (opened == 0) opened = open_prefix(root, path, end, how->resolve);
            else if (opened == -EEXIST && !(how->resolve & RESOLVE_NO_SYMLINKS) && links++ < MOST_LINKS) {
                opened = follow(path, start, end, (int)parent);
                if (opened == 0) {
                    opened = open_beneath(root, ".", O_PATH | O_DIRECTORY, RESOLVE_INSIDE);
                    next = next_component(path, 0);
                }
            }
        }
        sys(close, parent);
        parent = opened;
        start = next;
    }
    return parent;
}

long is_directory(int descriptor) {
    struct statx status;
    long result = status_of(descriptor, "", AT_EMPTY_PATH, &status);
    return result < 0 ? result : (status.stx_mode & S_IFMT) == S_IFDIR;
}

/// 1 or 0.
static long lies_in_proc(int descriptor) {
    long type = type_of_file_system(descriptor);
    return type < 0 ? type : type == PROC_SUPER_MAGIC;
}

/// Whether a path leads to something below its root, if it meets no link: it has no `..`, and says more than `.` does.
static bool is_below(const char *path) {
    bool is_named = false;
    while (*path) {
        size_t length = 0;
        while (path[length] && path[length] != '/') length++;
        if (length == 2 && path[0] == '.' && path[1] == '.') return false;
        if (length > 1 || (length == 1 && path[0] != '.')) is_named = true;
        path += path[length] ? length + 1 : length;
    }
    return is_named;
}

/// Whether two descriptors hold the same place of the same mount: 1 or 0.
static long is_same_place(int a, int b) {
    struct statx first, second;
    long result = sys(statx, a, "", AT_EMPTY_PATH, STATX_INO | STATX_MNT_ID, &first);
    if (result == 0) result = sys(statx, b, "", AT_EMPTY_PATH, STATX_INO | STATX_MNT_ID, &second);
    return result < 0 ? result : first.stx_mnt_id == second.stx_mnt_id && first.stx_ino == second.stx_ino;
}

/// Opens the target inside its root, and finds out whether it is the root. Hardly any path has links in it: they are
/// looked at only then.
static long open_target(struct init *init, const struct apus_make_target *s, const char *path, uint64_t resolve) {
    uint64_t flags = O_PATH | (s->rules & APUS_TARGET_NO_FOLLOW ? O_NOFOLLOW : 0);
    int root = init->slots[s->root];
    init->covered_root = APUS_NO_SLOT;
    if (is_below(path)) {
        long target = open_beneath(root, path, flags, resolve | RESOLVE_NO_SYMLINKS);
        if (target != -ELOOP || resolve & RESOLVE_NO_SYMLINKS) return target;
    }
    long target = open_beneath(root, path, flags, resolve);
    if (target < 0) return target;
    long is_root = is_same_place((int)target, root);
    if (is_root > 0) init->covered_root = s->root;
    if (is_root >= 0) return target;
    sys(close, target);
    return is_root;
}

static long is_mount_point(int descriptor) {
    struct statx status;
    long result = status_of(descriptor, "", AT_EMPTY_PATH, &status);
    return result < 0 ? result : (status.stx_attributes & STATX_ATTR_MOUNT_ROOT) != 0;
}

long make_target(struct init *init, const struct apus_make_target *s) {
    int root = init->slots[s->root];
    uint64_t resolve = RESOLVE_INSIDE | (s->rules & APUS_TARGET_NO_LINKS ? RESOLVE_NO_SYMLINKS : 0);
    const char *path = s->path.length ? text(init, s->path) : ".";
    long kind = s->kind;
    if (kind == APUS_TARGET_LIKE_SOURCE) {
        kind = is_directory(init->slots[s->source]);
        if (kind < 0) return kind;
        kind = kind ? APUS_TARGET_DIRECTORY : APUS_TARGET_FILE;
    }
    long target = open_target(init, s, path, resolve);
    init->has_made_target = target == -ENOENT && kind != APUS_TARGET_EXISTING;
    if (init->has_made_target) {
        const struct making how = {s->mode, s->rules, resolve, kind == APUS_TARGET_FILE};
        target = create_last(root, path, s->path.length, &how);
        if (target == -ENOENT || target == -EEXIST) target = create_all(root, path, s->path.length, &how);
    }
    if (target < 0) return target;
    long result = 0;
    // Only the kernel's own procfs may be where procfs is: what is mounted over it would fake what the runtime
    // and the container read there (CVE-2019-16884).
    if (s->rules & APUS_TARGET_NOT_IN_PROC) result = lies_in_proc((int)target);
    if (result == 0 && s->rules & APUS_TARGET_NOT_KERNELS) result = is_kernels((int)target);
    if (result != 0) result = result < 0 ? result : -EPERM;
    else if (s->rules & APUS_TARGET_NOT_ROOT && init->covered_root != APUS_NO_SLOT) result = -EBUSY;
    else if (kind == APUS_TARGET_DIRECTORY && is_directory((int)target) == 0) result = -ENOTDIR;
    else if (s->rules & APUS_TARGET_NOT_MOUNTED && !init->has_made_target) {
        result = is_mount_point((int)target);
        if (result > 0) result = -EEXIST;
    }
    if (result == 0) return put(init, s->into, target);
    sys(close, target);
    return result;
}
