// Copies of what an image has: a tree into a fresh tmpfs (tmpcopyup), and a link of the host into the container.
#include "init.h"

#include <asm/statfs.h>

#define DEEPEST  256
#define ST_NODEV 4

struct entry {
    uint64_t inode;
    int64_t next;
    uint16_t size;
    uint8_t type;
    char name[];
};

/// What is copied to where: two directories that are held open, and the name in both.
struct place {
    int from;
    int to;
    const char *name;
};

/// One tree on its way.
struct copying {
    struct init *init;
    unsigned descriptors;
};

static long copy_directory(const struct copying *copying, int from, int to, unsigned depth);

static long set_metadata(int descriptor, const struct statx *status) {
    long result = sys(fchownat, descriptor, "", status->stx_uid, status->stx_gid, AT_EMPTY_PATH);
    return result < 0 ? result : sys(fchmod, descriptor, status->stx_mode & 07777);
}

/// Copies what a file had when it was opened: one that grows all the time has an end, too.
static long copy_content(int from, int to, uint64_t rest) {
    while (rest > 0) {
        long size = retry(sendfile, to, from, NULL, rest < 1 << 30 ? rest : 1 << 30);
        if (size <= 0) return size;
        rest -= (uint64_t)size;
    }
    return 0;
}

static long copy_regular(const struct copying *copying, const struct place *place, const struct statx *status) {
    struct image_file file = {.directory = place->from,
                              .name = place->name,
                              .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS,
                              .descriptors = copying->descriptors};
    uint64_t content;
    long from = open_image_file(copying->init, file, &content);
    if (from < 0) return from;
    long to = sys(openat, place->to, place->name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    long result = to < 0 ? to : copy_content((int)from, (int)to, content);
    if (result == 0) result = set_metadata((int)to, status);
    if (to >= 0) sys(close, to);
    sys(close, from);
    return result;
}

static long copy_subdirectory(const struct copying *copying, const struct place *place, const struct statx *status,
                              unsigned depth) {
    long from = sys(openat, place->from, place->name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC, 0);
    if (from < 0) return from;
    long result = sys(mkdirat, place->to, place->name, 0700);
    long to =
        result < 0 ? result : sys(openat, place->to, place->name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC, 0);
    result = to < 0 ? to : copy_directory(copying, (int)from, (int)to, depth + 1);
    if (result == 0) result = set_metadata((int)to, status);
    if (to >= 0) sys(close, to);
    sys(close, from);
    return result;
}

static long copy_symbolic_link(const struct place *place, const struct statx *status) {
    char target[APUS_PATH_MAX];
    long size = sys(readlinkat, place->from, place->name, target, sizeof target - 1);
    if (size < 0) return size;
    target[size] = 0;
    size = sys(symlinkat, target, place->to, place->name);
    return size < 0 ? size
                    : sys(fchownat, place->to, place->name, status->stx_uid, status->stx_gid, AT_SYMLINK_NOFOLLOW);
}

/// Where the image's devices do not work (nodev), copies that do would be more than the image had.
static long copy_node(const struct place *place, const struct statx *status) {
    uint32_t kind = status->stx_mode & S_IFMT;
    if (kind == S_IFCHR || kind == S_IFBLK) {
        struct statfs system;
        long result = sys(fstatfs, place->from, &system);
        if (result < 0) return result;
        if (system.f_flags & ST_NODEV) return -EPERM;
    }
    uint64_t device = device_number(status->stx_rdev_major, status->stx_rdev_minor);
    long result = sys(mknodat, place->to, place->name, status->stx_mode, device);
    return result < 0 ? result
                      : sys(fchownat, place->to, place->name, status->stx_uid, status->stx_gid, AT_SYMLINK_NOFOLLOW);
}

static long copy_entry(const struct copying *copying, const struct place *place, unsigned depth) {
    struct statx status;
    long result = status_of(place->from, place->name, AT_SYMLINK_NOFOLLOW, &status);
    if (result < 0) return result;
    switch (status.stx_mode & S_IFMT) {
    case S_IFREG: return copy_regular(copying, place, &status);
    case S_IFDIR: return copy_subdirectory(copying, place, &status, depth);
    case S_IFLNK: return copy_symbolic_link(place, &status);
    default: return copy_node(place, &status);
    }
}

static long copy_directory(const struct copying *copying, int from, int to, unsigned depth) {
    if (depth > DEEPEST) return -ELOOP;
    char buffer[2048] __attribute__((aligned(8)));
    for (;;) {
        long size = sys(getdents64, from, buffer, sizeof buffer);
        if (size <= 0) return size;
        for (long offset = 0; offset < size;) {
            const struct entry *entry = (const struct entry *)(buffer + offset);
            offset += entry->size;
            const char *name = entry->name;
            if (name[0] == '.' && (!name[1] || (name[1] == '.' && !name[2]))) continue;
            struct place place = {.from = from, .to = to, .name = name};
            long result = copy_entry(copying, &place, depth);
            if (result >= 0) continue;
            // The innermost name is the one that tells.
            if (!copying->init->report->detail_length) explain(copying->init, name, length_of(name));
            return result;
        }
    }
}

/// Gives a fresh file system the permissions of the directory that it will cover.
long copy_mode(struct init *init, const struct apus_two_slots *s) {
    // The one that was just made for it has none to give.
    if (init->has_made_target) return 0;
    struct statx status;
    long result = status_of(init->slots[s->from], "", AT_EMPTY_PATH, &status);
    if (result < 0) return result;
    long to = sys(openat, init->slots[s->to], ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
    if (to < 0) return to;
    result = sys(fchmod, to, status.stx_mode & 07777);
    sys(close, to);
    return result;
}

long copy_tree(struct init *init, const struct apus_copy_tree *s) {
    struct copying copying = {.init = init, .descriptors = s->descriptors};
    // The slots are places (O_PATH); reading wants descriptors of its own.
    long from = sys(openat, init->slots[s->from], ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
    if (from < 0) return from;
    long to = sys(openat, init->slots[s->to], ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
    // The directory itself stays as it was made: its mode and owner may have been asked for.
    long result = to < 0 ? to : copy_directory(&copying, (int)from, (int)to, 0);
    if (to >= 0) sys(close, to);
    sys(close, from);
    return result;
}

/// Whether a link says exactly this.
static bool is_link_to(int directory, const char *name, const char *target, size_t length) {
    char present[APUS_PATH_MAX];
    long size = sys(readlinkat, directory, name, present, sizeof present);
    return size == (long)length && memcmp(present, target, length) == 0;
}

/// EALREADY: the link is there now, EEXIST: something else is. 0: the source is no link.
long copy_link(struct init *init, const struct apus_copy_link *s) {
    char target[APUS_PATH_MAX];
    long size = sys(readlinkat, AT_FDCWD, text(init, s->source), target, sizeof target - 1);
    if (size < 0) return size == -EINVAL ? 0 : size;
    target[size] = 0;
    int directory = init->slots[s->directory];
    long result = sys(symlinkat, target, directory, text(init, s->name));
    if (result == -EEXIST && is_link_to(directory, text(init, s->name), target, (size_t)size)) result = 0;
    return result < 0 ? result : -EALREADY;
}
