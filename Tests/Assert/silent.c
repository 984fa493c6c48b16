#define _GNU_SOURCE
#include "silent.h"

#include <fcntl.h>
#include <linux/fuse.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

int serve_nothing(const char *directory) {
    static char request[1 << 17];
    int device = open("/dev/fuse", O_RDWR | O_CLOEXEC);
    if (device < 0) return 97;
    char options[128];
    snprintf(options, sizeof options, "fd=%d,rootmode=40000,user_id=0,group_id=0,allow_other", device);
    if (mount("silent", directory, "fuse", 0, options) != 0) return 98;
    ssize_t size;
    while ((size = read(device, request, sizeof request)) > 0) {
        struct fuse_in_header asked;
        memcpy(&asked, request, sizeof asked);
        if (asked.opcode != FUSE_INIT) continue;
        struct {
            struct fuse_out_header header;
            struct fuse_init_out init;
        } answer = {
            .header = {.len = sizeof answer, .unique = asked.unique},
            .init = {.major = FUSE_KERNEL_VERSION, .minor = FUSE_KERNEL_MINOR_VERSION, .max_write = 4096},
        };
        if (write(device, &answer, sizeof answer) != sizeof answer) return 99;
        if (write(STDOUT_FILENO, "\"mounted\"\n", 10) != 10) return 99;
    }
    return 0;
}
