#include "startup.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

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
