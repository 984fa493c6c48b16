// Who the process is, what it may do, and what it executes.
#include "init.h"

#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/prctl.h>
#include <linux/sched/types.h>
#include <linux/seccomp.h>

#define X_OK           1
#define MOST_CPUS      8192  ///< of any kernel (CONFIG_NR_CPUS)
#define LARGEST_PASSWD (1 << 20)

long set_scheduler(const struct apus_scheduler *s) {
    struct sched_attr attributes = {
        .size = sizeof attributes,
        .sched_policy = s->policy,
        .sched_flags = s->flags,
        .sched_nice = s->nice,
        .sched_priority = s->priority,
        .sched_runtime = s->runtime,
        .sched_deadline = s->deadline,
        .sched_period = s->period,
    };
    return sys(sched_setattr, 0, &attributes, 0);
}

long set_affinity(const struct init *init, const struct apus_affinity *s) {
    if (s->cpus.size) return sys(sched_setaffinity, 0, s->cpus.size, init->base + s->cpus.offset);
    uint64_t every[MOST_CPUS / 64];
    memset(every, 0xff, sizeof every);
    return sys(sched_setaffinity, 0, sizeof every, every);
}

long drop_bounding(const struct apus_flags *s) {
    for (unsigned long capability = 0; capability < 64; capability++) {
        if (!(s->flags >> capability & 1)) continue;
        long result = sys(prctl, PR_CAPBSET_DROP, capability, 0, 0, 0);
        // A number that this kernel does not know is in no set.
        if (result == -EINVAL) break;
        if (result < 0) return result;
    }
    return 0;
}

long set_capabilities(const struct apus_capabilities *s) {
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct held[2], data[2];
    long result = sys(capget, &header, held);
    if (result < 0) return result;
    // Nobody can add to what is permitted: what the caller lacks, it cannot give (config.md: warn, do not fail).
    for (unsigned half = 0; half < 2; half++) {
        data[half].permitted = (uint32_t)(s->permitted >> (32 * half)) & held[half].permitted;
        data[half].effective = (uint32_t)(s->effective >> (32 * half)) & data[half].permitted;
        data[half].inheritable =
            (uint32_t)(s->inheritable >> (32 * half)) & (held[half].permitted | held[half].inheritable);
    }
    return sys(capset, &header, data);
}

long set_ambient(const struct apus_flags *s) {
    long result = sys(prctl, PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
    for (unsigned long capability = 0; result >= 0 && capability < 64; capability++) {
        if (!(s->flags >> capability & 1)) continue;
        result = sys(prctl, PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, capability, 0, 0);
        // EPERM: it is not both permitted and inheritable, because the caller lacks it.
        if (result == -EPERM || result == -EINVAL) result = 0;
    }
    return result;
}

/// The directory may be closed to root and open to the user of the container, or the other way round: it is tried
/// before the identity changes, and RETRY_DIRECTORY tries again after that if it was refused.
long change_directory(struct init *init, const struct apus_text_step *s) {
    long result = sys(chdir, text(init, s->text));
    init->has_directory = result == 0;
    return result;
}

/// A working directory outside of the root has no path: the kernel says so with "(unreachable)" (CVE-2024-21626).
long verify_directory(void) {
    char path[APUS_PATH_MAX];
    long length = sys(getcwd, path, sizeof path);
    if (length < 0) return length;
    return path[0] == '/' ? 0 : -EACCES;
}

/// The fields of a line of passwd(5) as they go by: only the user id and the home are looked at.
struct passwd_line {
    unsigned field;
    uint64_t uid;
    bool has_uid;
    uint32_t home_length;
};

/// Takes one byte in; true at the end of the line of `uid`.
static bool take(struct passwd_line *line, char byte, uint32_t uid, char *home, uint32_t capacity) {
    if (byte == '\n') {
        bool found = line->has_uid && line->uid == uid && line->field >= 5 && line->home_length > 0;
        if (!found) *line = (struct passwd_line){0};
        return found;
    }
    if (byte == ':') {
        line->field++;
    } else if (line->field == 2) {
        bool is_digit = byte >= '0' && byte <= '9' && line->uid <= UINT32_MAX;
        line->uid = is_digit ? line->uid * 10 + (uint64_t)(byte - '0') : UINT64_MAX;
        line->has_uid = is_digit;
    } else if (line->field == 5) {
        // A home that does not fit is none: better `/` than half a path.
        if (line->home_length < capacity) home[line->home_length++] = byte;
        else line->field = 6, line->home_length = 0, line->has_uid = false;
    }
    return false;
}

/// Reads the image's passwd, which may be anything: only a regular file of at most 1 MiB counts, and no more is read
/// than it had when it was opened.
static uint32_t home_from_passwd(const struct init *init, unsigned descriptors, uint32_t uid, char *home,
                                 uint32_t capacity) {
    struct image_file passwd = {.directory = AT_FDCWD, .name = "/etc/passwd", .descriptors = descriptors};
    uint64_t rest;
    long file = open_image_file(init, passwd, &rest);
    if (file < 0) return 0;
    if (rest > LARGEST_PASSWD) rest = 0;
    bool is_usable = rest > 0;
    struct passwd_line line = {0};
    uint32_t found = 0;
    char buffer[1024];
    while (rest > 0 && !found) {
        long size = sys(read, file, buffer, rest < sizeof buffer ? rest : sizeof buffer);
        if (size <= 0) break;
        rest -= (uint64_t)size;
        for (long i = 0; i < size && !found; i++)
            if (take(&line, buffer[i], uid, home, capacity)) found = line.home_length;
    }
    if (is_usable && !found && take(&line, '\n', uid, home, capacity)) found = line.home_length;
    sys(close, file);
    return found;
}

long find_home(struct init *init, const struct apus_find_home *s) {
    char *buffer = init->base + s->buffer.offset;
    memcpy(buffer, "HOME=", 5);
    uint32_t length = home_from_passwd(init, s->descriptors, s->uid, buffer + 5, s->buffer.size - 6);
    if (length == 0) buffer[5] = '/', length = 1;
    buffer[5 + length] = 0;
    texts(init, s->environment)[s->environment.count] = buffer;
    return 0;
}

long tell_pid(struct init *init, const struct apus_tell_pid *s) {
    char *buffer = init->base + s->buffer.offset;
    char digits[LONGEST_PID];
    unsigned count = 0;
    for (unsigned long pid = (unsigned long)sys(getpid); pid && count < sizeof digits; pid /= 10)
        digits[count++] = (char)('0' + pid % 10);
    for (unsigned i = 0; i < count; i++) buffer[s->length + i] = digits[count - 1 - i];
    buffer[s->length + count] = 0;
    texts(init, s->environment)[s->index] = buffer;
    return 0;
}

static long is_executable(const char *path) {
    struct statx status;
    long result = status_of(AT_FDCWD, path, 0, &status);
    if (result < 0) return result;
    if ((status.stx_mode & S_IFMT) == S_IFDIR) return -EACCES;  // As execve(2) says of a directory.
    if (!(status.stx_mode & 0111)) return -EACCES;
    return sys(faccessat2, AT_FDCWD, path, X_OK, AT_EACCESS);
}

/// Puts `directory/name` where the program's path is kept; false if that is longer than a path can be.
static bool join_candidate(struct init *init, const char *directory, size_t length, struct apus_text name) {
    if (length == 0) directory = ".", length = 1;
    if (length + 1 + name.length >= sizeof init->executable) return false;
    memcpy(init->executable, directory, length);
    init->executable[length] = '/';
    memcpy(init->executable + length + 1, text(init, name), name.length + 1);
    return true;
}

long find_executable(struct init *init, const struct apus_find_executable *s) {
    const char *name = text(init, s->name);
    for (uint32_t i = 0; i < s->name.length; i++) {
        if (name[i] != '/') continue;
        if (s->name.length >= sizeof init->executable) return -ENAMETOOLONG;
        memcpy(init->executable, name, s->name.length + 1);
        return is_executable(init->executable);
    }
    const char *path = text(init, s->path);
    long result = -ENOENT;
    for (size_t start = 0, end = 0; start <= s->path.length; start = ++end) {
        while (end < s->path.length && path[end] != ':') end++;
        if (!join_candidate(init, path + start, end - start, s->name)) continue;
        result = is_executable(init->executable);
        if (result == 0) return 0;
    }
    return result;
}

long set_filter(const struct init *init, struct apus_bytes program, uint32_t flags) {
    struct sock_fprog filter = {
        .len = (unsigned short)(program.size / sizeof(struct sock_filter)),
        .filter = (struct sock_filter *)(init->base + program.offset),
    };
    return sys(seccomp, SECCOMP_SET_MODE_FILTER, flags, &filter);
}

long load_seccomp(struct init *init, const struct apus_seccomp *s) {
    long result = set_filter(init, s->program, s->flags);
    return result >= 0 && s->flags & SECCOMP_FILTER_FLAG_NEW_LISTENER ? put(init, s->listener, result) : result;
}
