#define HAS_SMALL_LIBRARY 1
// The headers come first: what they declare keeps its name.
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define strtod      small_strtod
#define strtol      small_strtol
#define strtoll     small_strtoll
#define strtoul     small_strtoul
#define strtoull    small_strtoull
#define strncasecmp small_strncasecmp
#include "renamed.h"

#include "../../../Sources/CStartup/SmallLibrary/numbers.c"
