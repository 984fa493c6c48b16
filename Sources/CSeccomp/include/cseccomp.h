// libseccomp, and the one thing about filters that only the kernel can tell.
#pragma once

#include <seccomp.h>
#include <stdbool.h>

/// The version of the library that is linked in, such as `2.5.4`: headers and archive are of one package.
const char *cs_library_version(void);

/// Whether seccomp(2) of this kernel knows a set of SECCOMP_FILTER_FLAG_*: asked without a program, which installs
/// nothing.
bool cs_kernel_knows_flags(unsigned flags);
