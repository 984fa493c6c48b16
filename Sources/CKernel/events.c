#include "ckernel_events.h"

#include <errno.h>
#include <sys/eventfd.h>

int ck_eventfd(void) {
    int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    return fd < 0 ? -errno : fd;
}
