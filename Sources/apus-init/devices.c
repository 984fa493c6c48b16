// Device nodes, links in /dev, and terminals.
#include "init.h"

#define TIOCSPTLCK  0x40045431
#define TIOCGPTPEER 0x5441
#define TIOCSWINSZ  0x5414

static bool is_device(const struct statx *status, uint32_t mode, uint32_t major, uint32_t minor) {
    return (status->stx_mode & S_IFMT) == (mode & S_IFMT) && status->stx_rdev_major == major
           && status->stx_rdev_minor == minor;
}

/// What the container calls its null device may be anything: only the inode counts (CVE-2025-31133).
long verify_device(struct init *init, const struct apus_verify_device *s) {
    struct statx status;
    long result = status_of(init->slots[s->slot], "", AT_EMPTY_PATH, &status);
    if (result < 0) return result;
    return is_device(&status, s->mode, s->major, s->minor) ? 0 : -ENODEV;
}

long make_node(struct init *init, const struct apus_make_node *s) {
    int directory = init->slots[s->directory];
    const char *name = text(init, s->name);
    long result = sys(mknodat, directory, name, s->mode, device_number(s->major, s->minor));
    if (result == -EEXIST) {
        // What the image brought is left as it is if it is that very device, and refused if it is not.
        struct statx status;
        result = status_of(directory, name, AT_SYMLINK_NOFOLLOW, &status);
        if (result < 0) return result;
        return is_device(&status, s->mode, s->major, s->minor) ? 0 : -EEXIST;
    }
    if (result < 0 || (s->uid == 0 && s->gid == 0)) return result;
    result = sys(fchownat, directory, name, s->uid, s->gid, AT_SYMLINK_NOFOLLOW);
    // The host takes a refusal without a word more for one of the device.
    if (result < 0) explain(init, "chown", 5);
    return result;
}

long make_link(struct init *init, const struct apus_make_link *s) {
    return sys(symlinkat, text(init, s->target), init->slots[s->directory], text(init, s->name));
}

long unlock_terminal(struct init *init, const struct apus_slot_step *s) {
    int locked = 0;
    return sys(ioctl, init->slots[s->slot], TIOCSPTLCK, &locked);
}

/// The other end of a pseudoterminal, without a path that somebody could have swapped (CVE-2025-52565).
long open_peer(struct init *init, const struct apus_two_slots *s) {
    return put(init, s->to, sys(ioctl, init->slots[s->from], TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC));
}

long set_window(struct init *init, const struct apus_window *s) {
    uint16_t size[4] = {s->rows, s->columns, 0, 0};
    return sys(ioctl, init->slots[s->slot], TIOCSWINSZ, size);
}

/// Whether everybody shares it: every device but a pseudoterminal (major numbers 136 to 143).
static bool is_shared_device(const struct statx *status) {
    uint32_t kind = status->stx_mode & S_IFMT;
    return kind == S_IFBLK || (kind == S_IFCHR && (status->stx_rdev_major < 136 || status->stx_rdev_major > 143));
}

long set_owner(struct init *init, const struct apus_owner *s) {
    struct statx status;
    long result = status_of(init->slots[s->slot], "", AT_EMPTY_PATH, &status);
    if (result < 0 || is_shared_device(&status) || status.stx_uid == s->uid) return result;
    return sys(fchownat, init->slots[s->slot], "", s->uid, s->gid, AT_EMPTY_PATH);
}

long duplicate(struct init *init, const struct apus_duplicate *s) {
    if (init->slots[s->slot] == s->number) return sys(fcntl, s->number, F_SETFD, 0);
    return sys(dup3, init->slots[s->slot], s->number, 0);
}
