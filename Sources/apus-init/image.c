// The one reader of what an image holds: whatever opens a file of an image does so through here.
#include "init.h"

#include <linux/magic.h>

const char *name_of(int descriptor, char buffer[LONGEST_PID + 1]) {
    unsigned start = LONGEST_PID, number = (unsigned)descriptor;
    buffer[start] = 0;
    do buffer[--start] = (char)('0' + number % 10);
    while (number /= 10);
    return buffer + start;
}

long open_again(const struct init *init, int descriptor, uint64_t flags, unsigned descriptors) {
    char buffer[LONGEST_PID + 1];
    // A link of procfs leads to the very file, whatever its name leads to by now.
    return sys(openat, init->slots[descriptors], name_of(descriptor, buffer), flags | O_CLOEXEC, 0);
}

/// Files that the kernel makes up may be endless, and reading them may act on the host. 1 or 0.
static long is_made_up(int descriptor) {
    char status[256] __attribute__((aligned(8)));  // struct statfs: its first word is the type
    long result = sys(fstatfs, descriptor, status);
    return result < 0 ? result : *(long *)status == PROC_SUPER_MAGIC || *(long *)status == SYSFS_MAGIC;
}

long open_image_file(const struct init *init, struct image_file file, uint64_t *size) {
    long place = open_beneath(file.directory, file.name, O_PATH, file.resolve | RESOLVE_NO_MAGICLINKS);
    if (place < 0) return place;
    struct statx status;
    long result = status_of((int)place, "", AT_EMPTY_PATH, &status);
    if (result == 0) result = (status.stx_mode & S_IFMT) == S_IFREG ? is_made_up((int)place) : 1;
    if (result > 0) result = -EINVAL;
    else if (result == 0) result = open_again(init, (int)place, O_RDONLY | O_NONBLOCK | O_NOCTTY, file.descriptors);
    *size = status.stx_size;
    sys(close, place);
    return result;
}

long reopen(struct init *init, const struct apus_reopen *s) {
    return put(init, s->into, open_again(init, init->slots[s->from], s->flags, s->descriptors));
}
