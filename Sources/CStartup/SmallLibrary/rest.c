// What else the C libraries call: locales, waiting threads, facts about the system.
#define _GNU_SOURCE
#include "small.h"

#if HAS_SMALL_LIBRARY
#include <arpa/inet.h>
#include <errno.h>
#include <locale.h>
#include <pthread.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

// json-c has numbers read in the "C" locale. There is no other one.
static char only_locale;

SMALL locale_t newlocale(int categories, const char *name, locale_t base) {
    (void)categories, (void)name, (void)base;
    return (locale_t)(void *)&only_locale;
}
SMALL locale_t duplocale(locale_t locale) { return locale; }
SMALL locale_t uselocale(locale_t locale) {
    (void)locale;
    return (locale_t)(void *)&only_locale;
}
SMALL void freelocale(locale_t locale) { (void)locale; }

SMALL char *strerror(int error) {
    const char *text = strerrordesc_np(error);
    return (char *)(text ? text : "Unknown error");
}

/// What the C library says of itself with.
SMALL char *__strerror_r(int error, char *text, size_t size) {
    (void)text, (void)size;
    return strerror(error);
}

/// The addresses of TCP connections, of which there are none.
SMALL const char *inet_ntop(int family, const void *restrict address, char *restrict text, socklen_t size) {
    (void)family, (void)address, (void)text, (void)size;
    errno = EAFNOSUPPORT;
    return NULL;
}

/// The tables of isalpha(3) and its relatives, which nobody looks at: each thread would be told where they are.
SMALL void __ctype_init(void) {}

/// fork(2) without handlers (pthread_atfork(3)), and without the locks of streams.
SMALL pid_t fork(void) { return _Fork(); }

/// Swift's linker asks for it; glibc's cleans up with the unwinder if the thread is ended meanwhile.
SMALL int pthread_once(pthread_once_t *control, void (*function)(void)) {
    if (*control == PTHREAD_ONCE_INIT) {
        *control = !PTHREAD_ONCE_INIT;
        function();
    }
    return 0;
}

// There is one thread: it cannot wait for another one.
SMALL int pthread_cond_wait(pthread_cond_t *condition, pthread_mutex_t *mutex) {
    (void)condition, (void)mutex;
    return EINVAL;
}
SMALL int pthread_cond_timedwait(pthread_cond_t *condition, pthread_mutex_t *mutex, const struct timespec *until) {
    (void)condition, (void)mutex, (void)until;
    return ETIMEDOUT;
}

/// libdbus asks for buffers of names and of lines of the password file.
SMALL long sysconf(int name) {
    if (name == _SC_PAGESIZE) return getpagesize();
    errno = EINVAL;
    return -1;
}

#if defined(__x86_64__)
// What start.c needs of the part of glibc that knows the program as a shared object: how to make read-only what is
// written once. Nothing is searched, loaded or bound.
#include <elf.h>
#include <link.h>
#include <sys/mman.h>

extern const ElfW(Phdr) * _dl_phdr;
extern size_t _dl_phnum;

void _dl_protect_relro(struct link_map *unused);
void _dl_init_paths(const char *list, const char *source, const char *prepend, const char *mask);
void *_dl_lookup_symbol_x(const char *name, struct link_map *map, const ElfW(Sym) * *symbol, void *scope,
                          const void *version, int kind, int flags, struct link_map *skipped);
const char *_dl_get_origin(void);

SMALL void _dl_protect_relro(struct link_map *unused) {
    (void)unused;
    const uintptr_t page = 4096;
    for (const ElfW(Phdr) *header = _dl_phdr; header < _dl_phdr + _dl_phnum; header++) {
        if (header->p_type != PT_GNU_RELRO) continue;
        uintptr_t first = header->p_vaddr & -page, end = (header->p_vaddr + header->p_memsz) & -page;
        if (end > first && mprotect((void *)first, end - first, PROT_READ) != 0) _exit(127);
    }
}
SMALL void _dl_init_paths(const char *list, const char *source, const char *prepend, const char *mask) {
    (void)list, (void)source, (void)prepend, (void)mask;
}
/// The functions of the vdso: without them clock_gettime(2) is a system call.
SMALL void *_dl_lookup_symbol_x(const char *name, struct link_map *map, const ElfW(Sym) * *symbol, void *scope,
                                const void *version, int kind, int flags, struct link_map *skipped) {
    (void)name, (void)map, (void)scope, (void)version, (void)kind, (void)flags, (void)skipped;
    *symbol = NULL;
    return NULL;
}
/// `$ORIGIN` in search paths.
SMALL const char *_dl_get_origin(void) { return (const char *)-1; }
#endif
#endif
