#define _GNU_SOURCE
#include <stdbool.h>

#include "json.h"
#include "notify.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static int send_message(int fd, char *text, int descriptor) {
    for (char *comma = text; (comma = strchr(comma, ',')) != NULL;) *comma = '\n';
    struct iovec part = {.iov_base = text, .iov_len = strlen(text)};
    char space[CMSG_SPACE(sizeof(int))] = {0};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
    if (descriptor >= 0) {
        message.msg_control = space;
        message.msg_controllen = sizeof space;
        struct cmsghdr *header = CMSG_FIRSTHDR(&message);
        *header =
            (struct cmsghdr){.cmsg_len = CMSG_LEN(sizeof(int)), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS};
        memcpy(CMSG_DATA(header), &descriptor, sizeof descriptor);
    }
    return sendmsg(fd, &message, MSG_NOSIGNAL) < 0 ? errno : 0;
}

static int send_barrier(int fd, char *text) {
    int ends[2];
    if (pipe(ends) < 0) return errno;
    int error = send_message(fd, text, ends[1]);
    close(ends[1]);
    struct pollfd entry = {.fd = ends[0]};
    if (!error && poll(&entry, 1, 30000) != 1) error = ETIMEDOUT;
    close(ends[0]);
    return error;
}

int notify_manager(char **messages) {
    const char *path = getenv("NOTIFY_SOCKET");
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (path) strncpy(address.sun_path, path, sizeof address.sun_path - 1);
    int status = 0;
    for (; *messages; messages++) {
        int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        int error = connect(fd, (struct sockaddr *)&address, sizeof address) < 0 ? errno : 0;
        if (!error)
            error = strcmp(*messages, "BARRIER=1") ? send_message(fd, *messages, -1) : send_barrier(fd, *messages);
        close(fd);
        json_open(NULL, '{');
        json_errno("error", error);
        json_close('}');
        if (!json_end_line()) return 98;
        if (error) status = 1;
    }
    return status;
}
