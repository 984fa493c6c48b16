// The entry, and the loop over the steps.
#include "init.h"

#include <linux/auxvec.h>
#include <linux/mman.h>
#include <linux/poll.h>
#include <linux/prctl.h>
#include <linux/time_types.h>

#define SEEK_END         2
#define EXIT_BROKEN_PLAN 125

void *memcpy(void *to, const void *from, size_t size) {
    for (size_t i = 0; i < size; i++) ((char *)to)[i] = ((const char *)from)[i];
    return to;
}

void *memset(void *to, int value, size_t size) {
    for (size_t i = 0; i < size; i++) ((char *)to)[i] = (char)value;
    return to;
}

int memcmp(const void *a, const void *b, size_t size) {
    const unsigned char *x = a, *y = b;
    for (size_t i = 0; i < size; i++)
        if (x[i] != y[i]) return x[i] < y[i] ? -1 : 1;
    return 0;
}

long put(struct init *init, unsigned slot, long descriptor) {
    if (descriptor < 0) return descriptor;
    if (init->slots[slot] >= 0) sys(close, init->slots[slot]);
    init->slots[slot] = (int)descriptor;
    return 0;
}

void drop(struct init *init, unsigned slot) {
    if (init->slots[slot] >= 0) sys(close, init->slots[slot]);
    init->slots[slot] = -1;
}

void explain(struct init *init, const char *detail, size_t length) {
    struct apus_report *report = init->report;
    if (length > sizeof report->detail) length = sizeof report->detail;
    memcpy(report->detail, detail, length);
    report->detail_length = (uint32_t)length;
}

long guard(const struct init *init, long result) {
    sys(prctl, PR_SET_DUMPABLE, 0, 0, 0, 0);
    if (!init->is_released) sys(prctl, PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
    return result;
}

/// Whether whoever made this process is gone. The signal of its death may have come at a moment at which it was not
/// asked for; the other end of the socket tells for good.
static bool is_abandoned(const struct init *init) {
    struct pollfd control = {.fd = init->plan->control};
    struct __kernel_timespec now = {0};
    return sys(ppoll, &control, 1, &now, NULL, 8) > 0 && control.revents & POLLHUP;
}

/// The program belongs to nobody but itself: it outlives who has started it. A step of its own, before the filter, which
/// may permit nothing but the exec.
static long release(struct init *init) {
    if (is_abandoned(init)) sys(exit_group, 1);
    init->is_released = true;
    return sys(prctl, PR_SET_PDEATHSIG, 0, 0, 0, 0);
}

/// Performs one step. No `default`: the compiler refuses an operation that is missing here.
static long perform(struct init *init, const struct apus_step *step) {
    const void *record = step;
    const struct apus_slot_step *slot = record;
    const struct apus_flags *flags = record;
    const struct apus_number *number = record;
    const struct apus_text_step *named = record;
    switch ((enum apus_operation)step->operation) {
    case APUS_OPERATION_JOIN_CGROUP: return join_cgroup(init, record);
    case APUS_OPERATION_JOIN_NAMESPACE: return join_namespace(init, record);
    case APUS_OPERATION_UNSHARE: return unshare_namespaces(init, record);
    case APUS_OPERATION_FORK: return fork_child(init, record);
    case APUS_OPERATION_MEET: return meet(init, record);
    case APUS_OPERATION_WRITE_FILE: return write_file(init, record);
    case APUS_OPERATION_SET_DUMPABLE: return sys(prctl, PR_SET_DUMPABLE, number->number, 0, 0, 0);
    case APUS_OPERATION_SET_GROUPS: {
        const struct apus_groups *groups = record;
        return sys(setgroups, groups->groups.size / sizeof(uint32_t), init->base + groups->groups.offset);
    }
    case APUS_OPERATION_SET_GROUP: return guard(init, sys(setresgid, number->number, number->number, number->number));
    case APUS_OPERATION_SET_USER: return guard(init, sys(setresuid, number->number, number->number, number->number));
    case APUS_OPERATION_NEW_SESSION: return sys(setsid);
    case APUS_OPERATION_JOIN_SESSION_KEYRING: return join_session_keyring(init, record);
    case APUS_OPERATION_OPEN_PATH: return open_path(init, record);
    case APUS_OPERATION_OPEN_TREE: return open_tree_step(init, record);
    case APUS_OPERATION_OPEN_FILE_SYSTEM: return open_file_system(init, record);
    case APUS_OPERATION_PICK_FILE_SYSTEM: return pick_file_system(init, record);
    case APUS_OPERATION_CONFIGURE: return configure(init, record);
    case APUS_OPERATION_CREATE_MOUNT: return create_mount(init, record);
    case APUS_OPERATION_MOUNT: return mount_at_root(init, record);
    case APUS_OPERATION_SET_MOUNT_ATTRIBUTES: return set_mount_attributes(init, record);
    case APUS_OPERATION_MAKE_TARGET: return make_target(init, record);
    case APUS_OPERATION_MOVE_MOUNT: return move_mount_step(init, record);
    case APUS_OPERATION_CHOOSE_MASK: return choose_mask(init, record);
    case APUS_OPERATION_COPY_MODE: return copy_mode(init, record);
    case APUS_OPERATION_COPY_TREE: return copy_tree(init, record);
    case APUS_OPERATION_COPY_LINK: return copy_link(init, record);
    case APUS_OPERATION_VERIFY_DEVICE: return verify_device(init, record);
    case APUS_OPERATION_MAKE_NODE: return make_node(init, record);
    case APUS_OPERATION_MAKE_LINK: return make_link(init, record);
    case APUS_OPERATION_REMOVE: {
        const struct apus_name *name = record;
        return sys(unlinkat, base_of(init, name->directory), text(init, name->name), 0);
    }
    case APUS_OPERATION_ENTER: return sys(fchdir, init->slots[slot->slot]);
    case APUS_OPERATION_ADOPT_ROOT: return adopt_root();
    case APUS_OPERATION_PIVOT_ROOT: return sys(pivot_root, ".", ".");
    case APUS_OPERATION_DETACH_MOUNT: return sys(umount2, text(init, named->text), 2 /* MNT_DETACH */);
    case APUS_OPERATION_DETACH_OLD_ROOT: return detach_old_root(init, record);
    case APUS_OPERATION_CHANGE_ROOT: return sys(chroot, ".");
    case APUS_OPERATION_CHANGE_DIRECTORY: return change_directory(init, record);
    case APUS_OPERATION_RETRY_DIRECTORY: return init->has_directory ? 0 : change_directory(init, record);
    case APUS_OPERATION_VERIFY_DIRECTORY: return verify_directory();
    case APUS_OPERATION_SET_HOST_NAME: return sys(sethostname, text(init, named->text), named->text.length);
    case APUS_OPERATION_SET_DOMAIN_NAME: return sys(setdomainname, text(init, named->text), named->text.length);
    case APUS_OPERATION_BRING_UP_LOOPBACK: return bring_up_loopback();
    case APUS_OPERATION_UNLOCK_TERMINAL: return unlock_terminal(init, record);
    case APUS_OPERATION_OPEN_PEER: return open_peer(init, record);
    case APUS_OPERATION_SET_WINDOW: return set_window(init, record);
    case APUS_OPERATION_SET_OWNER: return set_owner(init, record);
    case APUS_OPERATION_SET_CONTROLLING_TERMINAL: return sys(ioctl, init->slots[slot->slot], 0x540e /* TIOCSCTTY */, 0);
    case APUS_OPERATION_DUPLICATE: return duplicate(init, record);
    case APUS_OPERATION_SET_LIMIT: {
        const struct apus_limit *limit = record;
        return sys(prlimit64, 0, limit->resource, &limit->soft, NULL);
    }
    case APUS_OPERATION_SET_FILE_MODE_MASK: return sys(umask, number->number);
    case APUS_OPERATION_SET_PERSONALITY: return sys(personality, flags->flags);
    case APUS_OPERATION_SET_SCHEDULER: return set_scheduler(record);
    case APUS_OPERATION_SET_IO_PRIORITY: return sys(ioprio_set, 1 /* IOPRIO_WHO_PROCESS */, 0, number->number);
    case APUS_OPERATION_SET_MEMORY_POLICY: {
        const struct apus_memory_policy *policy = record;
        // The kernel counts one bit less than it is told (set_mempolicy(2), "BUGS").
        return sys(set_mempolicy, policy->mode, policy->nodes.size ? init->base + policy->nodes.offset : NULL,
                   policy->nodes.size ? policy->nodes.size * 8 + 1 : 0);
    }
    case APUS_OPERATION_KEEP_CAPABILITIES: return sys(prctl, PR_SET_KEEPCAPS, 1, 0, 0, 0);
    case APUS_OPERATION_DROP_BOUNDING: return drop_bounding(flags);
    case APUS_OPERATION_SET_CAPABILITIES: return guard(init, set_capabilities(record));
    case APUS_OPERATION_SET_AMBIENT: return set_ambient(flags);
    case APUS_OPERATION_SET_NO_NEW_PRIVILEGES: return sys(prctl, PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    case APUS_OPERATION_FIND_HOME: return find_home(init, record);
    case APUS_OPERATION_TELL_PID: return tell_pid(init, record);
    case APUS_OPERATION_FIND_EXECUTABLE: return find_executable(init, record);
    case APUS_OPERATION_WAIT_AT_GATE: return wait_at_gate(init, record);
    case APUS_OPERATION_RUN_HOOK: return run_hook(init, record);
    case APUS_OPERATION_CLOSE_ON_EXEC: return sys(close_range, number->number, ~0u, 4 /* CLOSE_RANGE_CLOEXEC */);
    case APUS_OPERATION_LOAD_SECCOMP: return load_seccomp(init, record);
    case APUS_OPERATION_EXECUTE: {
        const struct apus_execute *execute = record;
        init->report->phase = APUS_PHASE_EXECUTING;
        return sys(execve, init->executable, texts(init, execute->arguments), texts(init, execute->environment));
    }
    case APUS_OPERATION_SET_AFFINITY: return set_affinity(init, record);
    case APUS_OPERATION_REOPEN: return reopen(init, record);
    case APUS_OPERATION_CLOSE: drop(init, slot->slot); return 0;
    case APUS_OPERATION_RELEASE: return release(init);
    case APUS_OPERATION_UNMOUNT: return unmount(init, record);
    }
    return -ENOSYS;
}

static bool is_tolerated(const struct apus_step *step, long error) {
    for (unsigned i = 0; i < sizeof step->tolerated; i++)
        if (step->tolerated[i] && error == -(long)step->tolerated[i]) return true;
    return false;
}

static void run(struct init *init) {
    uint32_t offset = init->plan->steps;
    unsigned passed_over = 0;
    init->report->phase = APUS_PHASE_RUNNING;
    for (uint32_t index = 0; index < init->plan->step_count; index++) {
        const struct apus_step *step = (const struct apus_step *)(init->base + offset);
        offset += step->size;
        if (passed_over) {
            passed_over--;
            continue;
        }
        init->report->step = index;
        long result = perform(init, step);
        if (result >= 0) continue;
        if (is_tolerated(step, result)) {
            passed_over = step->skip;
            continue;
        }
        init->report->error = (int32_t)-result;
        init->report->phase = APUS_PHASE_FAILED;
        return;
    }
}

/// Without a report page there is nobody to tell but by the exit status: 0, or what went wrong (an errno).
static long load(struct init *init, int descriptor) {
    long size = sys(lseek, descriptor, 0, SEEK_END);
    if (size < 0) return -size;
    if (size < (long)sizeof(struct apus_plan)) return EXIT_BROKEN_PLAN;
    long address = sys(mmap, NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE, descriptor, 0);
    if (address < 0 && address > -4096) return -address;
    init->base = (char *)address;
    init->plan = (struct apus_plan *)address;
    init->plan_descriptor = descriptor;
    init->covered_root = APUS_NO_SLOT;
    if (!plan_is_sound(init, (size_t)size)) return EXIT_BROKEN_PLAN;
    address = sys(mmap, NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, init->plan->report, 0);
    if (address < 0 && address > -4096) return -address;
    init->report = (struct apus_report *)address;
    for (unsigned i = 0; i < APUS_SLOTS; i++) init->slots[i] = init->plan->slots[i];
    return 0;
}

#define SIGNALS(first, last) ((~0ull >> (64 - (last))) & ~((1ull << ((first)-1)) - 1))
#define SIGNAL(number)       SIGNALS(number, number)

/// HUP, INT, QUIT, ABRT, TERM, STKFLT: they end this process, and its container with it, also where it is process 1,
/// which the kernel lets ignore what it does not handle. Nothing has been run yet that could care.
static const uint64_t ending_signals = SIGNALS(1, 3) | SIGNAL(6) | SIGNALS(15, 16);

/// USR1, USR2, PIPE, ALRM, XCPU, XFSZ, VTALRM, PROF, IO, PWR and the real-time ones: what they mean is between others and
/// the program, which is not there yet. Where this process is not process 1 they would end it.
static const uint64_t passing_signals =
    SIGNAL(10) | SIGNALS(12, 14) | SIGNALS(24, 27) | SIGNALS(29, 30) | SIGNALS(34, 64);

static void end_of(int signal) { sys(exit_group, 128 + signal); }

static void pass(int signal) { (void)signal; }

#if defined(__x86_64__)
#define HANDLER_FLAGS (0x10000000 /* SA_RESTART */ | 0x04000000 /* SA_RESTORER */)
/// What a handler returns to. The kernel finds what it needs where the stack pointer is: nothing may be pushed before.
__attribute__((naked)) static void return_from_signal(void) { bare_sys(rt_sigreturn); }
#else
#define HANDLER_FLAGS      0x10000000
#define return_from_signal NULL
#endif

/// What the caller ignores, the container's process would ignore too: dispositions survive an exec. Handlers do not, so
/// the program finds every signal as it is by default. Faults keep their default: they are this program's own.
static void set_signals(void) {
    for (int signal = 1; signal <= 64; signal++) {
        uint64_t bit = SIGNAL(signal);
        void (*handler)(int) = bit & ending_signals ? end_of : bit & passing_signals ? pass : NULL;
        // struct sigaction of the kernel: the handler, flags, where it returns to, the signals that are blocked meanwhile.
        const uint64_t action[4] = {(uint64_t)handler, handler ? HANDLER_FLAGS : 0,
                                    handler ? (uint64_t)return_from_signal : 0, 0};
        sys(rt_sigaction, signal, action, NULL, 8);
    }
}

static int decimal(const char *digits) {
    int number = 0;
    for (; *digits >= '0' && *digits <= '9' && number < 1000000; digits++) number = number * 10 + (*digits - '0');
    return *digits ? -1 : number;
}

/// What the compiler's stack protector compares with, and calls if a buffer has overflowed: the signal says that the
/// step which the report names has gone wrong, and process 1 of a namespace does not survive it either.
uintptr_t __stack_chk_guard;
__attribute__((noreturn)) void __stack_chk_fail(void) { __builtin_trap(); }

__attribute__((noreturn, noinline)) static void init_main(const long *stack) {
    static struct init init;
    // Before anything else: whoever shares a namespace with this process from here on cannot trace it, nor
    // reach its memory and descriptors through /proc (CVE-2016-9962).
    guard(&init, 0);
    char *const *arguments = (char *const *)(stack + 1);
    int descriptor = stack[0] == 2 ? decimal(arguments[1]) : -1;
    long failure = descriptor < 0 ? EXIT_BROKEN_PLAN : load(&init, descriptor);
    if (failure) {
        sys(exit_group, failure);
    } else {
        // What the host gave is for this program alone.
        sys(close_range, init.plan->first_unkept, ~0u, 4 /* CLOSE_RANGE_CLOEXEC */);
        sys(umask, 0);
        set_signals();
        run(&init);
        sys(exit_group, 1);
    }
    __builtin_unreachable();
}

/// `stack` is what the kernel puts there: the number of arguments, the arguments, the environment, and the auxiliary
/// vector, with sixteen random bytes in it. Its guard ends text that is copied too far with a zero.
__attribute__((noreturn, used, no_stack_protector)) void init_start(const long *stack) {
    const long *vector = stack + 1 + stack[0] + 1;
    while (*vector) vector++;
    for (vector++; vector[0] != AT_NULL; vector += 2)
        if (vector[0] == AT_RANDOM) __stack_chk_guard = *(const uintptr_t *)vector[1] & ~(uintptr_t)0xff;
    init_main(stack);
}

#if defined(__x86_64__)
__asm__(".globl _start\n_start:\n xor %ebp, %ebp\n mov %rsp, %rdi\n and $-16, %rsp\n call init_start\n");
#elif defined(__aarch64__)
__asm__(".globl _start\n_start:\n mov x29, #0\n mov x0, sp\n bl init_start\n");
#endif
