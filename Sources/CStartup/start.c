// The start of the program, without the questions to the processor that the C library asks first.
//
// A static program of glibc asks CPUID before main, on Intel's processors about seventy times, most of it to describe the
// caches again and again. In a virtual machine each question stops the processor until the hypervisor has answered: 1 to
// 2 microseconds, ten times as many where virtual machines are nested. There it is the greatest part of a short command.
//
// glibc asks in __libc_start_main, which the linker takes from libc.a unless somebody else defines it. Here it is
// defined without the questions: all that glibc 2.36 does for a static program, in its order, but for
//
// - the processor's features: they stay unknown, and every string function is its baseline version (SSE2);
// - so no shared library can be loaded (dlopen, iconv, the name service switch): it would say that the processor is too
//   old. Nothing in apus does that, see also CDBus/absent.c;
// - the kernel's page of functions (vdso(7)), which would be set up as a shared library, before anybody can say how the heap
//   is to grow: the few times that apus asks for the time are system calls;
// - what sysconf(3) says of caches: 0;
// - the tunables: GLIBC_TUNABLES has no effect (CVE-2023-4911 was in its reader);
// - the frame for pthread_exit in the first thread, which nobody calls, and the destructor of a loader, which is none.
//
// What is called is private to that very version; Tests/check-binary.sh looks whether it still calls the same. With any
// other version this file is empty, and glibc's own start is linked.
#include <features.h>

#if defined(__x86_64__) && defined(__GLIBC__) && __GLIBC__ == 2 && __GLIBC_MINOR__ == 36

#include <elf.h>
#include <link.h>
#include <stdint.h>
#include <stdlib.h>

typedef int main_function(int count, char **values, char **environment);
typedef void initializer(int count, char **values, char **environment);

extern char **__environ;
extern void *__libc_stack_end;
extern int __libc_enable_secure;
extern const void *_dl_random;
extern const void *_dl_sysinfo_dso;
extern const ElfW(Rela) __rela_iplt_start[], __rela_iplt_end[];
extern initializer *const __preinit_array_start[], *const __preinit_array_end[];
extern initializer *const __init_array_start[], *const __init_array_end[];
extern void (*const __fini_array_start[])(void), (*const __fini_array_end[])(void);

void _init(void);
void _fini(void);
void _dl_aux_init(ElfW(auxv_t) * vector);
void _dl_debug_initialize(ElfW(Addr) base, long space);
void _dl_relocate_static_pie(void);
void __libc_setup_tls(void);
void __libc_early_init(_Bool is_initial);
void __libc_init_first(int count, char **values, char **environment);
void __libc_check_standard_fds(void);
int __cxa_atexit(void (*function)(void *), void *argument, void *object);
int __libc_start_main(main_function *main, int count, char **values, initializer *unused_start,
                      void (*unused_end)(void), void (*loader_end)(void), void *stack_end);

// What the string functions go by, in bytes; glibc defines it in the same member. Its defaults, and three quarters of
// the shared cache as the size from which on copies go around the cache.
#define SHARED_CACHE (1024 * 1024)
long __x86_data_cache_size = 32 * 1024;
long __x86_data_cache_size_half = 32 * 1024 / 2;
long __x86_shared_cache_size = SHARED_CACHE;
long __x86_shared_cache_size_half = SHARED_CACHE / 2;
long __x86_shared_non_temporal_threshold = SHARED_CACHE * 3 / 4;
long __x86_rep_movsb_threshold = 2048;
long __x86_rep_stosb_threshold = 2048;
long __x86_rep_movsb_stop_threshold = SHARED_CACHE * 3 / 4;
int __x86_string_control = 0;

/// Chooses the versions of the functions that have several. No such function may be called before. A static program has
/// no other relocations.
__attribute__((no_stack_protector)) static void relocate(void) {
    for (const ElfW(Rela) *entry = __rela_iplt_start; entry < __rela_iplt_end; entry++) {
        if (ELF64_R_TYPE(entry->r_info) != R_X86_64_IRELATIVE) __builtin_trap();
        ElfW(Addr) (*resolver)(void) = (ElfW(Addr)(*)(void))entry->r_addend;
        *(ElfW(Addr) *)entry->r_offset = resolver();
    }
}

/// The secrets of the stack protector and of stored code addresses, from what the kernel gave (AT_RANDOM): they have
/// their fixed places in the block of the first thread.
__attribute__((no_stack_protector)) static void set_guards(void) {
    uintptr_t stack = ((const uintptr_t *)_dl_random)[0] & ~(uintptr_t)0xff;
    uintptr_t pointer = ((const uintptr_t *)_dl_random)[1];
    __asm__ volatile("mov %0, %%fs:0x28\n mov %1, %%fs:0x30" : : "r"(stack), "r"(pointer));
}

static void finish(void *unused) {
    (void)unused;
    for (size_t i = (size_t)(__fini_array_end - __fini_array_start); i > 0; i--) __fini_array_start[i - 1]();
    _fini();
}

static void initialize(int count, char **values) {
    for (initializer *const *each = __preinit_array_start; each < __preinit_array_end; each++)
        (*each)(count, values, __environ);
    _init();
    for (initializer *const *each = __init_array_start; each < __init_array_end; each++)
        (*each)(count, values, __environ);
}

__attribute__((no_stack_protector)) int __libc_start_main(main_function *main, int count, char **values,
                                                          initializer *unused_start, void (*unused_end)(void),
                                                          void (*loader_end)(void), void *stack_end) {
    (void)unused_start, (void)unused_end, (void)loader_end;  // No loader has started a static program.
    __environ = values + count + 1;
    __libc_stack_end = stack_end;
    char **end = __environ;
    while (*end) end++;
    _dl_aux_init((ElfW(auxv_t) *)(end + 1));
    _dl_sysinfo_dso = NULL;
    _dl_relocate_static_pie();
    relocate();
    __libc_setup_tls();
    set_guards();
    __libc_early_init(1);
    __libc_init_first(count, values, __environ);
    __cxa_atexit(finish, NULL, NULL);
    if (__libc_enable_secure) __libc_check_standard_fds();
    initialize(count, values);
    _dl_debug_initialize(0, 0);
    exit(main(count, values, __environ));
}

#endif
