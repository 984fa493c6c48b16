// Functions that the C libraries call when something is wrong with themselves, without what glibc's own bring along: the
// system log its calendar, and with that all of scanf(3) and numbers of three sizes; a failed assertion wide characters.
// Together that would be a twentieth of the program.
#include "small.h"

#if HAS_SMALL_LIBRARY
#include <assert.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <sys/uio.h>
#include <unistd.h>

// libdbus and json-c would use the log if they were told to, and nobody does. The program's own messages go there
// without the C library (apus/SystemLogs.swift).
SMALL void openlog(const char *name, int options, int facility) { (void)name, (void)options, (void)facility; }
SMALL void __vsyslog_chk(int priority, int flag, const char *format, va_list arguments) {
    (void)priority, (void)flag, (void)format, (void)arguments;
}

SMALL void __assert_fail(const char *assertion, const char *file, unsigned line, const char *function) {
    (void)line;
    const char *parts[] = {"apus: ", file, ": ", function, ": assertion failed: ", assertion, "\n"};
    enum { COUNT = sizeof parts / sizeof *parts };
    struct iovec text[COUNT];
    for (int part = 0; part < COUNT; part++) {
        text[part] = (struct iovec){.iov_base = (char *)parts[part], .iov_len = parts[part] ? strlen(parts[part]) : 0};
    }
    (void)!writev(STDERR_FILENO, text, COUNT);
    abort();
}
#endif
