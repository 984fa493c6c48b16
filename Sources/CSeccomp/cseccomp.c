#define _GNU_SOURCE
#include "cseccomp.h"

#include <errno.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/syscall.h>
#include <unistd.h>

#define TEXT_OF(number)              #number
#define VERSION(major, minor, micro) TEXT_OF(major) "." TEXT_OF(minor) "." TEXT_OF(micro)

const char *cs_library_version(void) { return VERSION(SCMP_VER_MAJOR, SCMP_VER_MINOR, SCMP_VER_MICRO); }

bool cs_kernel_knows_flags(unsigned flags) {
    // An unknown flag is EINVAL before the program is looked at; then the missing program is EFAULT.
    return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, NULL) < 0 && errno == EFAULT;
}
