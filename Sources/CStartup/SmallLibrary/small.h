// The parts of the C library that the release does without.
//
// json-c, libdbus and libseccomp call functions that bring far more of glibc along than they need here: one number that is
// printed brings floating point, wide characters, their conversion, locales, message catalogues, and with these the
// loader of shared libraries. Nobody calls setlocale(3), nothing is loaded and there is one thread, so that what these
// functions do for apus is little. Here is that little: a sixth of the program would be what is behind them.
//
// They are hidden, for the reason that CDBus/absent.c gives, and there only where it is known what glibc needs of itself:
// in the release for glibc 2.36. With any other version, and in ordinary Swift, whose runtime wants all of the C library,
// these files are empty and glibc's own functions are linked. Tests/SmallLibraryTests compares them with glibc's.
#pragma once

// These are the functions that fortified code calls.
#undef _FORTIFY_SOURCE
#include <features.h>

#ifndef HAS_SMALL_LIBRARY
#if defined(APUS_EMBEDDED) && defined(__GLIBC__) && __GLIBC__ == 2 && __GLIBC_MINOR__ == 36
#define HAS_SMALL_LIBRARY 1
#else
#define HAS_SMALL_LIBRARY 0
#endif
#endif

#define HIDDEN __attribute__((visibility("hidden"), used))

/// A loop must not be taken for the function that it is.
#define SMALL __attribute__((visibility("hidden"), used, no_builtin))
