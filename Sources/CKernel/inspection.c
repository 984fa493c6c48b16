#define _GNU_SOURCE
#include "ckernel.h"
#include "result.h"

#include <errno.h>
#include <linux/ioctl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <unistd.h>

/// The first version of `struct pidfd_info` (linux/pidfd.h, Linux 6.13), which every later kernel takes.
struct pidfd_info_0 {
    uint64_t mask;
    uint64_t cgroupid;
    uint32_t ids[11];
    int32_t exit_code;
};
_Static_assert(sizeof(struct pidfd_info_0) == 64, "PIDFD_INFO_SIZE_VER0");

#define GET_INFO  _IOWR(0xFF, 11, struct pidfd_info_0)
#define INFO_EXIT (1u << 3)

int ck_pidfd_exit(int pidfd, int32_t *status) {
    struct pidfd_info_0 info = {.mask = INFO_EXIT};
    if (ioctl(pidfd, GET_INFO, &info) < 0) return -errno;
    if (!(info.mask & INFO_EXIT)) return 0;
    *status = info.exit_code;
    return 1;
}

/// NS_GET_NSTYPE (linux/nsfs.h, Linux 4.11).
int ck_namespace_type(int fd) { return RESULT(ioctl(fd, _IO(0xb7, 0x3))); }

int ck_limit(int resource, uint64_t *soft, uint64_t *hard) {
    struct rlimit limit;
    if (getrlimit(resource, &limit) < 0) return -errno;
    *soft = limit.rlim_cur;
    *hard = limit.rlim_max;
    return 0;
}

int ck_punch(int fd, off_t offset, off_t length) {
    return RESULT(fallocate(fd, 0x01 | 0x02, offset, length));  // FALLOC_FL_KEEP_SIZE, FALLOC_FL_PUNCH_HOLE
}

int ck_seal_growth(int fd) { return RESULT(fcntl(fd, F_ADD_SEALS, F_SEAL_GROW)); }
