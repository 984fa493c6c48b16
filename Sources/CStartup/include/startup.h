// What happens before main: the descriptors and signals that every command relies on, and a start of the Swift runtime
// without what a short command does not need. Linking it is enough for that.
#pragma once

#include <stdbool.h>

/// Whether the whole command line is `--version`, which engines ask for again and again.
bool startup_is_version(void);
