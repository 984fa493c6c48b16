#include "startup.h"

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

// The Swift runtime does work before main that a command of a few milliseconds does not need: it searches
// /proc/self/maps for the arguments, and eight directories beside the program for a helper that prints backtraces,
// which it would execute, as root, after a crash. Both live in members of libswiftCore.a that are linked only if
// nobody else defines what they define. These are those definitions.

static int argument_count;
static char **argument_values;

/// The C library hands the arguments to every constructor.
__attribute__((constructor)) static void keep_arguments(int count, char **values, char **environment) {
    (void)environment;
    argument_count = count;
    argument_values = values;
}

/// What the caller left odd is set right before anything is opened or waited for: a descriptor of ours must never
/// become somebody's standard stream, and children that are ignored cannot be waited for.
__attribute__((constructor)) static void normalise(void) {
    for (int stream = 0; stream < 3; stream++) {
        if (fcntl(stream, F_GETFD) >= 0 || errno != EBADF) continue;
        if (open("/dev/null", O_RDWR) != stream) _exit(1);
    }
    // One growth of the heap for a whole command, and no giving back: each costs a call, and page faults afterwards.
    mallopt(M_TOP_PAD, 512 * 1024);
    mallopt(M_TRIM_THRESHOLD, 64 * 1024 * 1024);
    signal(SIGCHLD, SIG_DFL);
    signal(SIGPIPE, SIG_DFL);
}

bool startup_is_version(void) { return argument_count == 2 && strcmp(argument_values[1], "--version") == 0; }

char **_swift_stdlib_getUnsafeArgvArgc(int *count) {
    *count = argument_count;
    return argument_values;
}

void _swift_stdlib_overrideUnsafeArgvArgc(char **values, int count) {
    argument_count = count;
    argument_values = values;
}

/// All zero: backtraces are off.
long _swift_backtraceSettings[64];

bool _swift_backtrace_isThunkFunction(const char *name) {
    (void)name;
    return false;
}

char *_swift_backtrace_demangle(const char *name, size_t length, char *buffer, size_t *size) {
    (void)name, (void)length, (void)buffer, (void)size;
    return NULL;
}

void _swift_displayCrashMessage(int signal, const void *address) { (void)signal, (void)address; }

bool _swift_spawnBacktracer(const char *const *arguments) {
    (void)arguments;
    return false;
}
