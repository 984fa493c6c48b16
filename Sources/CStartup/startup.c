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

int startup_argument_count(void) { return argument_count; }

const char *startup_argument(int index) { return argument_values[index]; }

void startup_exit(int status) { _exit(status); }

/// strtod(3), which is that of the C locale as long as nobody calls setlocale(3). Embedded Swift leaves it to others, and
/// that of the ordinary standard library would bring the C++ runtime. Ordinary Swift takes its own.
__attribute__((weak)) const char *_swift_stdlib_strtod_clocale(const char *text, double *result) {
    char *end;
    *result = strtod(text, &end);
    return end == text ? NULL : end;
}
