// A fuzzer for apus-init: its check of plans, and its executor on a kernel that is only played.
//
// An input is a plan, as long as its own header says, and behind it what the kernel answers: a byte for each system
// call decides whether it works, and what a call writes comes from there too. When the bytes are used up everything
// works. The kernel keeps its promises: it writes no more than it was given room for, and well-formed records.
//
// The sources are those of the program, but for `call6` in kernel.h, which Tests/Safety/fuzzing.py replaces by a
// declaration.
#include "init.h"

#include <linux/capability.h>
#include <linux/mman.h>
#include <linux/prctl.h>

// The entry of the program is none of a fuzzer's.
#define __asm__(text)
#include "start.c"
#undef __asm__

// Freestanding as the program is: the C library's headers would hide some of the kernel's.
extern long syscall(long number, ...);
extern void *malloc(size_t size);
extern void *calloc(size_t count, size_t size);
extern void free(void *memory);
extern void abort(void) __attribute__((noreturn));
extern int _setjmp(long *place) __attribute__((returns_twice));
extern void longjmp(long *place, int value) __attribute__((noreturn));
extern size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t most);

static const uint8_t *answers;
static size_t answers_left;
static long end[64];  // a jmp_buf
static const char *plan_start, *plan_end;
static int next_descriptor;

static unsigned answer(void) {
    if (!answers_left) return 0;
    answers_left--;
    return *answers++;
}

static void fill(void *bytes, size_t size) {
    for (size_t i = 0; i < size; i++) ((uint8_t *)bytes)[i] = (uint8_t)answer();
}

/// A length from 0 to `most`, often the most.
static size_t length_up_to(size_t most) {
    unsigned byte = answer();
    if (byte > 240) return most;
    return byte > 224 ? most - (most > 0) : most ? (byte * 257u + answer()) % (most + 1) : 0;
}

/// Reads a text as the kernel would: to its end. What lies outside of the plan may be anything.
static bool can_read_text(const char *text) {
    if (text < plan_start || text >= plan_end) return syscall(__NR_access, text, 0) != -1 || *(text ? text : "x");
    size_t length = 0;
    while (text[length]) length++;
    return length < (size_t)(plan_end - plan_start);
}

static long error_or(long result) {
    static const uint8_t errors[] = {ENOENT, EEXIST,  EINVAL, EPERM,  EACCES, EINTR,
                                     EAGAIN, ENOTDIR, EROFS,  ENOSYS, ELOOP};
    unsigned byte = answer();
    return byte < 0x20 && answers_left ? -(long)errors[byte % sizeof errors] : result;
}

static long new_descriptor(void) {
    long result = error_or(0);
    return result < 0 ? result : 100 + next_descriptor++ % 1000;
}

static long give_status(struct statx *status) {
    static const uint16_t kinds[] = {S_IFREG, S_IFDIR, S_IFLNK, S_IFCHR, S_IFBLK, S_IFIFO, S_IFSOCK, 0};
    fill(status, sizeof *status);
    status->stx_mode = (uint16_t)((status->stx_mode & 07777) | kinds[answer() % 8]);
    return 0;
}

static long give_link(char *bytes, size_t size) {
    size_t length = length_up_to(size);
    if (length == 0) length = 1;
    for (size_t i = 0; i < length; i++) bytes[i] = "/a.b/..c"[answer() % 8];
    return (long)length;
}

static long give_entries(char *bytes, size_t size) {
    size_t used = 0;
    for (unsigned count = answer() % 4; count > 0; count--) {
        size_t length = 1 + answer() % 255;
        size_t record = (19 + length + 1 + 7) & ~(size_t)7;
        if (record > size - used) break;
        fill(bytes + used, 18);
        *(uint16_t *)(bytes + used + 16) = (uint16_t)record;
        bytes[used + 18] = 4;
        for (size_t i = 0; i < length; i++) bytes[used + 19 + i] = ".ab"[answer() % 3];
        for (size_t i = 19 + length; i < record; i++) bytes[used + i] = 0;
        used += record;
    }
    return (long)used;
}

/// struct msghdr and struct cmsghdr, as the kernel has them.
struct played_message {
    void *name;
    long name_size;
    struct {
        char *base;
        size_t size;
    } * parts;
    size_t part_count;
    char *control;
    size_t control_size;
    unsigned flags;
};

static long receive(struct played_message *message) {
    size_t size = answer() % 8 ? message->parts->size : length_up_to(message->parts->size);
    for (size_t i = 0; i < size; i++) message->parts->base[i] = (char)(answer() % 4 == 3 ? answer() : 0);
    size_t room = message->control_size >= 16 ? (message->control_size - 16) / sizeof(int) : 0;
    size_t count = answer() % (room + 1);
    message->control_size = count ? (16 + count * sizeof(int) + 7) & ~(size_t)7 : 0;
    if (count) {
        *(size_t *)message->control = 16 + count * sizeof(int);
        ((int *)message->control)[2] = 1;
        ((int *)message->control)[3] = 1;
        for (size_t i = 0; i < count; i++) ((int *)message->control)[4 + i] = (int)new_descriptor() & 0xfff;
    }
    return (long)size;
}

/// Reads all of what is sent.
static long take(const struct played_message *message) {
    volatile unsigned sum = 0;
    for (size_t i = 0; i < message->parts->size; i++) sum += (unsigned)message->parts->base[i];
    for (size_t i = 0; message->control && i < message->control_size; i++) sum += (unsigned)message->control[i];
    return (long)message->parts->size;
}

static long make_process(const struct clone_args *args) {
    long pid = error_or(answer() & 1 ? 0 : 1 + (long)(answer() << 8 | answer()));
    if (pid > 0 && args->pidfd) *(int *)args->pidfd = (int)new_descriptor();
    return pid;
}

/// Whether the lists that a program gets are lists of texts.
static long execute_program(const char *path, char *const *arguments, char *const *environment) {
    if (path && !can_read_text(path)) return -EFAULT;
    for (size_t i = 0; arguments[i]; i++)
        if (!can_read_text(arguments[i])) return -EFAULT;
    for (size_t i = 0; environment[i]; i++)
        if (!can_read_text(environment[i])) return -EFAULT;
    longjmp(end, 1);
}

static long read_bytes(const void *bytes, size_t size) {
    volatile unsigned sum = 0;
    for (size_t i = 0; i < size; i++) sum += ((const uint8_t *)bytes)[i];
    return (long)size;
}

static long keys(long operation, long b, long c, long d) {
    bool is_join = operation == 1 /* KEYCTL_JOIN_SESSION_KEYRING */;
    if (operation != 6 /* KEYCTL_DESCRIBE */) return is_join && b && !can_read_text((const char *)b) ? -EFAULT : 7;
    size_t length = 1 + length_up_to(400);
    for (size_t i = 0; i < length && i < (size_t)d; i++) ((char *)c)[i] = "keyring;0;1f\xff\x00"[answer() % 14];
    return (long)length;
}

/// The kernel.
long call6(long number, long a, long b, long c, long d, long e, long f) {
    switch (number) {
    case __NR_exit_group: longjmp(end, 1);
    case __NR_execve: return execute_program((const char *)a, (char *const *)b, (char *const *)c);
    case __NR_statx: {
        if (!can_read_text((const char *)b)) return -EFAULT;
        long result = error_or(0);
        return result < 0 ? result : give_status((struct statx *)e);
    }
    case __NR_readlinkat: {
        if (!can_read_text((const char *)b)) return -EFAULT;
        long result = error_or(0);
        return result < 0 ? result : give_link((char *)c, (size_t)d);
    }
    case __NR_openat:
    case __NR_openat2:
    case __NR_open_tree: return can_read_text((const char *)b) ? new_descriptor() : -EFAULT;
    case __NR_fsopen: return can_read_text((const char *)a) ? new_descriptor() : -EFAULT;
    case __NR_fspick: return can_read_text((const char *)b) ? new_descriptor() : -EFAULT;
    case __NR_fsmount:
    case __NR_socket: return new_descriptor();
    case __NR_accept4: return new_descriptor();
    case __NR_fsconfig:
        if (c && !can_read_text((const char *)c)) return -EFAULT;
        if (d && !can_read_text((const char *)d)) return -EFAULT;
        return error_or(0);
    case __NR_faccessat2:
    case __NR_mkdirat:
    case __NR_mknodat:
    case __NR_unlinkat:
    case __NR_fchownat:
    case __NR_mount_setattr: return can_read_text((const char *)b) ? error_or(0) : -EFAULT;
    case __NR_symlinkat:
        return can_read_text((const char *)a) && can_read_text((const char *)c) ? error_or(0) : -EFAULT;
    case __NR_chdir:
    case __NR_umount2: return can_read_text((const char *)a) ? error_or(0) : -EFAULT;
    case __NR_read: {
        long result = error_or(0);
        if (result < 0) return result;
        size_t size = answers_left ? length_up_to((size_t)c) : 0;
        fill((void *)b, size);
        return (long)size;
    }
    case __NR_write: return error_or(read_bytes((const void *)b, (size_t)c));
    case __NR_sethostname:
    case __NR_setdomainname: return error_or(read_bytes((const void *)a, (size_t)b) * 0);
    case __NR_setgroups: return error_or(read_bytes((const void *)b, (size_t)a * 4) * 0);
    case __NR_sched_setaffinity: return error_or(read_bytes((const void *)c, (size_t)b) * 0);
    case __NR_set_mempolicy: return error_or(b && c ? read_bytes((const void *)b, (size_t)(c - 1) / 8) * 0 : 0);
    case __NR_prlimit64: return error_or(read_bytes((const void *)c, 16) * 0);
    case __NR_seccomp: {
        const struct {
            unsigned short count;
            const uint8_t *program;
        } *filter = (const void *)c;
        return error_or(read_bytes(filter->program, filter->count * (size_t)8) * 0);
    }
    case __NR_getdents64: return answers_left ? error_or(give_entries((char *)b, (size_t)c)) : 0;
    case __NR_sendfile: return answers_left ? error_or((long)length_up_to((size_t)d)) : 0;
    case __NR_getcwd: {
        long result = error_or(0);
        return result < 0 ? result : give_link((char *)a, (size_t)b);
    }
    case __NR_fstatfs: {
        long result = error_or(0);
        if (result == 0) fill((void *)b, 120);
        if (result == 0 && answer() % 4 == 3) *(long *)b = 0x9fa0;
        return result;
    }
    case __NR_recvmsg: {
        long result = error_or(0);
        return result < 0 ? result : receive((struct played_message *)b);
    }
    case __NR_sendmsg: return error_or(take((const struct played_message *)b));
    case __NR_clone3: return make_process((const struct clone_args *)a);
    case __NR_waitid: {
        long result = error_or(0);
        if (result == 0) fill((void *)c, 128);
        return result;
    }
    case __NR_ppoll: return error_or(answer() & 1);
    case __NR_capget: {
        long result = error_or(0);
        if (result == 0) fill((void *)b, 2 * sizeof(struct __user_cap_data_struct));
        return result;
    }
    case __NR_keyctl: {
        long result = error_or(0);
        return result < 0 ? result : keys(a, b, c, d);
    }
    case __NR_getpid: return answer() % 4 ? 1 : 2147483647;
    default: return error_or(0);
    }
}

/// Seconds of the processor that this process has had: a busy machine is no hang.
static long processor_time(void) {
    long time[2] = {0};
    syscall(__NR_clock_gettime, 2 /* CLOCK_PROCESS_CPUTIME_ID */, time);
    return time[0];
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    // A file of a size is mapped as that many bytes; what is loaded has the header at least.
    if (size < sizeof(struct apus_plan)) return 0;
    uint32_t told;
    memcpy(&told, data + offsetof(struct apus_plan, size), sizeof told);
    size_t plan_size = told >= sizeof(struct apus_plan) && told <= size ? told : size;
    char *plan = malloc(plan_size);
    struct apus_report *report = calloc(1, sizeof *report);
    if (!plan || !report) abort();
    memcpy(plan, data, plan_size);
    static struct init init;
    init = (struct init){.base = plan, .plan = (struct apus_plan *)plan, .plan_descriptor = 10, .report = report};
    answers = data + plan_size;
    answers_left = size - plan_size;
    plan_start = plan;
    plan_end = plan + plan_size;
    next_descriptor = 0;
    long begin = processor_time();
    if (plan_is_sound(&init, plan_size)) {
        for (unsigned i = 0; i < APUS_SLOTS; i++) init.slots[i] = init.plan->slots[i];
        if (_setjmp(end) == 0) run(&init);
    }
    if (processor_time() - begin > 5) __builtin_trap();
    free(report);
    free(plan);
    return 0;
}

static uint64_t state;

static uint32_t below(uint32_t limit) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    return limit ? (uint32_t)(state >> 33) % limit : 0;
}

/// A number that may matter where another one stands: near it, inside the plan, at a limit, or anything.
static uint32_t number_near(uint32_t value, uint32_t size) {
    static const uint32_t limits[] = {0, 1, 2, 8, 255, 256, 4095, 4096, 0xffff, 0x7fffffff, 0xffffffff};
    switch (below(5)) {
    case 0: return value + below(65) - 32;
    case 1: return below(size) & ~7u;
    case 2: return below(size + 16);
    case 3: return limits[below(sizeof limits / sizeof *limits)];
    default: return (uint32_t)(state >> 32);
    }
}

/// Changes numbers of the header, of records and of lists; or the answers alone.
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t most, unsigned seed) {
    state = seed;
    struct apus_plan header;
    if (size < sizeof header) return LLVMFuzzerMutate(data, size, most);
    memcpy(&header, data, sizeof header);
    bool is_plan = header.size <= size && header.steps > sizeof header && header.steps < header.steps_end
                   && header.steps_end <= header.size;
    if (!is_plan || below(8) == 0) return LLVMFuzzerMutate(data, size, most);
    if (below(3) == 0)
        return header.size + LLVMFuzzerMutate(data + header.size, size - header.size, most - header.size);
    for (uint32_t changes = 1 + below(3); changes > 0; changes--) {
        uint32_t place = below(8) == 0   ? below(48)
                         : below(8) == 0 ? sizeof header + below(header.steps - sizeof header)
                                         : header.steps + below(header.steps_end - header.steps);
        place &= ~3u;
        if (place + 8 > header.size) continue;
        uint32_t word;
        memcpy(&word, data + place, 4);
        switch (below(4)) {
        case 0: word = (word & 0xffff0000) | (number_near(word & 0xffff, header.size) & 0xffff); break;
        case 1: word = (word & 0xffff) | number_near(word >> 16, header.size) << 16; break;
        case 2: word = number_near(word, header.size); break;
        default: {
            // A piece of the plan elsewhere: another operation, another text.
            uint32_t from = sizeof header + (below(header.size - sizeof header) & ~7u);
            if (from + 8 <= header.size) memcpy(data + (place & ~7u), data + from, 8);
            continue;
        }
        }
        memcpy(data + place, &word, 4);
    }
    return size;
}
