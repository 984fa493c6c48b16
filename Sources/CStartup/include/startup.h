// What happens before main: the descriptors and signals that every command relies on. Linking it is enough for that.
#pragma once

#include <stdbool.h>

/// Whether the whole command line is `--version`, which engines ask for again and again.
bool startup_is_version(void);

/// The command line, with the program's name first: Embedded Swift has no `CommandLine`.
int startup_argument_count(void);
const char *startup_argument(int index);

/// Ends the program at once (_exit(2)).
_Noreturn void startup_exit(int status);
