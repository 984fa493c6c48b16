// System calls without a C library, and the few helpers that the operations share.
#pragma once

#include <asm/unistd.h>
#include <linux/errno.h>
#include <linux/fcntl.h>
#include <linux/openat2.h>
#include <linux/sched.h>
#include <linux/stat.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define AT_EACCESS 0x200
#define SIGCHLD    17
#define SIGKILL    9
#define MOST_TRIES 1024  ///< of an openat2 that answers EAGAIN

#if defined(__x86_64__)
__attribute__((always_inline)) static inline long call6(long n, long a, long b, long c, long d, long e, long f) {
    long result;
    register long r10 __asm__("r10") = d;
    register long r8 __asm__("r8") = e;
    register long r9 __asm__("r9") = f;
    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "0"(n), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
                     : "rcx", "r11", "memory");
    return result;
}

/// A system call without arguments in a function without a frame.
#define bare_sys(n) __asm__("mov %0, %%eax\n syscall" : : "i"(__NR_##n))
#elif defined(__aarch64__)
// The number is loaded right before: Tests/Binary/check.py reads it there.
__attribute__((always_inline)) static inline long call6(long n, long a, long b, long c, long d, long e, long f) {
    register long x0 __asm__("x0") = a;
    register long x1 __asm__("x1") = b;
    register long x2 __asm__("x2") = c;
    register long x3 __asm__("x3") = d;
    register long x4 __asm__("x4") = e;
    register long x5 __asm__("x5") = f;
    __asm__ volatile("mov x8, %1\n\tsvc #0"
                     : "+r"(x0)
                     : "i"(n), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5)
                     : "x8", "memory");
    return x0;
}
#else
#error "apus runs on x86-64 and aarch64"
#endif

/// A system call by its name: `sys(close, fd)`. Gives the result, or -errno.
#define SYS_PICK(_1, _2, _3, _4, _5, _6, _7, chosen, ...) chosen
#define sys(...)                                          SYS_PICK(__VA_ARGS__, SYS6, SYS5, SYS4, SYS3, SYS2, SYS1, SYS0)(__VA_ARGS__)
#define SYS0(n)                                           call6(__NR_##n, 0, 0, 0, 0, 0, 0)
#define SYS1(n, a)                                        call6(__NR_##n, (long)(a), 0, 0, 0, 0, 0)
#define SYS2(n, a, b)                                     call6(__NR_##n, (long)(a), (long)(b), 0, 0, 0, 0)
#define SYS3(n, a, b, c)                                  call6(__NR_##n, (long)(a), (long)(b), (long)(c), 0, 0, 0)
#define SYS4(n, a, b, c, d)                               call6(__NR_##n, (long)(a), (long)(b), (long)(c), (long)(d), 0, 0)
#define SYS5(n, a, b, c, d, e)                            call6(__NR_##n, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), 0)
#define SYS6(n, a, b, c, d, e, f)                         call6(__NR_##n, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), (long)(f))

/// The same for a call that a signal can interrupt.
#define retry(...)                      \
    ({                                  \
        long retried_;                  \
        do retried_ = sys(__VA_ARGS__); \
        while (retried_ == -EINTR);     \
        retried_;                       \
    })

/// struct stat as statx(2) gives it, the part that is asked for.
static inline long status_of(int dir, const char *path, int flags, struct statx *result) {
    return sys(statx, dir, path, flags, STATX_TYPE | STATX_MODE | STATX_UID | STATX_GID | STATX_SIZE, result);
}

/// Opens as openat2(2) does. A rename or mount anywhere on the host while a `..` is resolved makes the kernel give up
/// with EAGAIN (RESOLVE_IN_ROOT, RESOLVE_BENEATH): it is asked again, so often that only an attack is left as a reason.
static inline long open_beneath(int dir, const char *path, uint64_t flags, uint64_t resolve) {
    struct open_how how = {.flags = flags | O_CLOEXEC, .resolve = resolve};
    long result = -EAGAIN;
    for (unsigned tries = 0; tries < MOST_TRIES && result == -EAGAIN; tries++) {
        if (tries >= 16) sys(sched_yield);
        result = sys(openat2, dir, path, &how, sizeof how);
    }
    return result;
}

static inline size_t length_of(const char *text) {
    size_t length = 0;
    while (text[length]) length++;
    return length;
}

void *memcpy(void *to, const void *from, size_t size);
void *memset(void *to, int value, size_t size);
int memcmp(const void *a, const void *b, size_t size);
