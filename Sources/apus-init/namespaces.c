// Cgroups, namespaces, files of procfs, the keyring, and the loopback device.
#include "init.h"

#include <linux/keyctl.h>
#include <linux/sockios.h>

#define AF_INET      2
#define SOCK_DGRAM   2
#define SOCK_CLOEXEC 02000000
#define IFF_UP       1
#define LONGEST_KEYRING \
    512  ///< as KEYCTL_DESCRIBE gives it: the longest name of a directory, and what stands around it

/// struct ifreq of netdevice(7), as far as flags go; linux/if.h wants the C library.
struct interface_flags {
    char name[16];
    int16_t flags;
    char rest[22];
};

long join_cgroup(struct init *init, const struct apus_slot_step *s) {
    // A process of one thread that moves itself through `tasks` does not take the global lock that a write to
    // `cgroup.procs` waits for.
    long result = retry(write, init->slots[s->slot], "0", 1);
    if (result < 0) return result;
    drop(init, s->slot);
    return 0;
}

long join_namespace(struct init *init, const struct apus_namespace *s) {
    long result = guard(init, sys(setns, init->slots[s->slot], s->flag));
    // Whoever is in there already is to find nothing of the host here.
    drop(init, s->slot);
    return result;
}

long unshare_namespaces(struct init *init, const struct apus_flags *s) {
    long result = sys(unshare, s->flags);
    // A new user namespace comes with new rights.
    return s->flags & 0x10000000 /* CLONE_NEWUSER */ ? guard(init, result) : result;
}

long write_file(struct init *init, const struct apus_write_file *s) {
    int base = base_of(init, s->base);
    if (!s->path.length) return retry(write, base, text(init, s->value), s->value.length);
    long file = open_beneath(base, text(init, s->path), O_WRONLY, s->resolve);
    if (file < 0) return file;
    long result = retry(write, file, text(init, s->value), s->value.length);
    sys(close, file);
    return result;
}

long join_session_keyring(struct init *init, const struct apus_keyring *s) {
    long keyring = sys(keyctl, KEYCTL_JOIN_SESSION_KEYRING, text(init, s->name), 0, 0, 0);
    if (keyring < 0) return keyring;
    char description[LONGEST_KEYRING];
    long length = sys(keyctl, KEYCTL_DESCRIBE, keyring, description, sizeof description, 0);
    if (length < 0) return length;
    if (length > (long)sizeof description) return -EOVERFLOW;
    // "type;uid;gid;permissions in hexadecimal;description"
    uint32_t permissions = 0;
    unsigned field = 0;
    for (long i = 0; i < length && field < 4; i++) {
        char c = description[i];
        if (c == ';') field++;
        else if (field == 3) permissions = permissions << 4 | (uint32_t)(c <= '9' ? c - '0' : (c | 32) - 'a' + 10);
    }
    return sys(keyctl, KEYCTL_SETPERM, keyring, permissions | s->permissions, 0, 0);
}

long bring_up_loopback(void) {
    long socket = sys(socket, AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (socket < 0) return socket;
    struct interface_flags request = {.name = "lo", .flags = IFF_UP};
    long result = sys(ioctl, socket, SIOCSIFFLAGS, &request);
    sys(close, socket);
    return result;
}
