// arm32.c: a program for 32-bit Arm that makes a directory, and ends with the error number. Without a C library: a
// compiler is enough to build it.

static long call(long number, const void *first, long second) {
    register long r7 __asm__("r7") = number;
    register long r0 __asm__("r0") = (long)first;
    register long r1 __asm__("r1") = second;
    __asm__ volatile("svc #0" : "+r"(r0) : "r"(r7), "r"(r1) : "memory");
    return r0;
}

__attribute__((noreturn)) void _start(void) {
    long result = call(39 /* mkdir */, "/tmp/made-by-arm32", 0700);
    for (;;) call(1 /* exit */, (const void *)-result, 0);
}
