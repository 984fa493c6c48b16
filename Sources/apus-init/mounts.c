// Mounts: detached trees and file systems, their attributes, and where they go. By descriptor throughout.
#include "init.h"

#include <linux/mount.h>

/// What the file system has to say about its last failure: it keeps messages for read(2) ("e overlay: ...").
static void explain_from(struct init *init, int file_system) {
    char message[256];
    long length = sys(read, file_system, message, sizeof message);
    if (length <= 2) return;
    while (length > 0 && message[length - 1] == '\n') length--;
    explain(init, message + 2, (size_t)length - 2);
}

long open_path(struct init *init, const struct apus_open_path *s) {
    init->covered_root = APUS_NO_SLOT;
    return put(init, s->into, open_beneath(base_of(init, s->base), text(init, s->path), s->flags, s->resolve));
}

long open_tree_step(struct init *init, const struct apus_open_tree *s) {
    unsigned flags = s->flags | OPEN_TREE_CLOEXEC | (s->path.length ? 0 : AT_EMPTY_PATH);
    return put(init, s->into, sys(open_tree, base_of(init, s->base), text(init, s->path), flags));
}

long open_file_system(struct init *init, const struct apus_open_file_system *s) {
    return put(init, s->into, sys(fsopen, text(init, s->type), FSOPEN_CLOEXEC));
}

long pick_file_system(struct init *init, const struct apus_two_slots *s) {
    return put(init, s->to, sys(fspick, init->slots[s->from], "", FSPICK_CLOEXEC | FSPICK_EMPTY_PATH));
}

long configure(struct init *init, const struct apus_configure *s) {
    const char *key = s->key.length ? text(init, s->key) : NULL;
    const char *value = s->command == FSCONFIG_SET_STRING ? text(init, s->value) : NULL;
    long result = sys(fsconfig, init->slots[s->slot], s->command, key, value, 0);
    if (result < 0) explain_from(init, init->slots[s->slot]);
    return result;
}

long create_mount(struct init *init, const struct apus_create_mount *s) {
    long mount = sys(fsmount, init->slots[s->from], FSMOUNT_CLOEXEC, s->attributes);
    if (mount < 0) explain_from(init, init->slots[s->from]);
    return put(init, s->into, mount);
}

long mount_at_root(struct init *init, const struct apus_mount *s) {
    const char *data = s->data.length ? text(init, s->data) : NULL;
    return sys(mount, text(init, s->source), "/", text(init, s->type), s->flags, data);
}

long set_mount_attributes(struct init *init, const struct apus_mount_attributes *s) {
    struct mount_attr attributes = {.attr_set = s->set, .attr_clr = s->clear, .propagation = s->propagation};
    if (s->user_namespace != APUS_NO_SLOT) attributes.userns_fd = (uint64_t)init->slots[s->user_namespace];
    unsigned flags = s->flags | (s->path.length ? 0 : AT_EMPTY_PATH);
    return sys(mount_setattr, base_of(init, s->base), text(init, s->path), flags, &attributes, sizeof attributes);
}

long move_mount_step(struct init *init, const struct apus_two_slots *s) {
    unsigned flags = s->flags | MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH;
    int from = init->slots[s->from], to = init->slots[s->to];
    long result = sys(move_mount, from, "", to, "", flags);
    // A directory goes onto a directory, anything else onto anything else: mount(2) has an errno for that.
    if (result == -EINVAL && is_directory(from) != is_directory(to)) return -ENOTDIR;
    if (result == 0 && init->covered_root != APUS_NO_SLOT)
        result = put(init, init->covered_root, sys(fcntl, from, F_DUPFD_CLOEXEC, 0));
    init->covered_root = APUS_NO_SLOT;
    return result;
}

/// The id of the mount whose root a place is; 0 for any other place.
__attribute__((noinline)) static long mount_at(int directory, const char *path) {
    struct statx status;
    long result = sys(statx, directory, path, AT_EMPTY_PATH, STATX_MNT_ID, &status);
    if (result < 0) return result;
    return status.stx_attributes & STATX_ATTR_MOUNT_ROOT ? (long)status.stx_mnt_id : 0;
}

/// pivot_root(".", ".") stacks the old root onto the new one, and the old one may be a stack itself: all of it goes,
/// until what is on top is the new root. A `..` of the container would lead into what is left (getcwd(2) and chroot
/// would not).
static long detach_above(int new_root) {
    long root = mount_at(new_root, ""), result = root;
    while (result >= 0) {
        result = sys(umount2, "/..", 2 /* MNT_DETACH */);
        if (result >= 0) result = mount_at(AT_FDCWD, "/..");
        if (result == root) return 0;
    }
    return result;
}

long detach_old_root(struct init *init, const struct apus_slot_step *s) { return detach_above(init->slots[s->slot]); }

/// The way out of a chroot(2) that this process has left for the root of its mount namespace: `place`, with what is
/// mounted in it, becomes that root. What is mounted above goes; not for the host, whose slave all of it is first.
static long pivot_to(int place) {
    long result = sys(mount, NULL, "/", NULL, MS_REC | MS_SLAVE, NULL);
    if (result < 0) return result;
    // The directory need not be a mount.
    long tree = sys(open_tree, place, "", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH | AT_RECURSIVE);
    if (tree < 0) return tree;
    result = sys(move_mount, tree, "", place, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH);
    if (result == 0) result = sys(fchdir, tree);
    if (result == 0) result = sys(pivot_root, ".", ".");
    if (result == 0) result = detach_above((int)tree);
    sys(close, tree);
    return result;
}

/// pivot_root(2) exchanges the caller's root directory. In a chroot(2) that is not the root of the mount namespace, at
/// which whatever joins the namespace later begins: that would stay the host's. Only setns(2) tells where it is.
long adopt_root(void) {
    long place = sys(openat, AT_FDCWD, "/", O_PATH | O_DIRECTORY | O_CLOEXEC, 0);
    if (place < 0) return place;
    long process = sys(pidfd_open, sys(getpid), 0);
    long result = process < 0 ? process : sys(setns, process, CLONE_NEWNS);
    sys(close, process);
    // Without CAP_SYS_CHROOT nobody is in a chroot of his own, and nothing joins the namespace later, either.
    if (result == -EPERM) result = 0;
    else if (result == 0) {
        long root = mount_at(AT_FDCWD, "/");
        if (root < 0) result = root;
        else if (root != mount_at((int)place, "")) result = pivot_to((int)place);
    }
    sys(close, place);
    return result;
}

/// By descriptor: a path could lead to another mount by now. `to` are the process's own descriptors in procfs.
long unmount(struct init *init, const struct apus_two_slots *s) {
    char buffer[LONGEST_PID + 1];
    long result = sys(fchdir, init->slots[s->to]);
    if (result < 0) return result;
    return sys(umount2, name_of(init->slots[s->from], buffer), 2 /* MNT_DETACH */);
}

long choose_mask(struct init *init, const struct apus_choose_mask *s) {
    struct statx status;
    long result = status_of(init->slots[s->target], "", AT_EMPTY_PATH, &status);
    if (result < 0) return result;
    bool is_directory = (status.stx_mode & S_IFMT) == S_IFDIR;
    int mount = init->slots[is_directory ? s->directory : s->file];
    return put(init, s->into, sys(open_tree, mount, "", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH));
}
