#define _GNU_SOURCE
#include "ckernel.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <termios.h>
#include <unistd.h>

#define RESULT(call)                          \
    ({                                        \
        __typeof__(call) result_ = (call);    \
        result_ < 0 ? -errno : result_;       \
    })

int ck_socketpair(int ends[2]) { return RESULT(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends)); }

/// The address of a path. One that does not fit (108 bytes) goes through a descriptor of its directory,
/// which the caller closes.
static int address_of(const char *path, struct sockaddr_un *address, int *directory) {
    *address = (struct sockaddr_un){.sun_family = AF_UNIX};
    *directory = -1;
    size_t length = strlen(path);
    if (length < sizeof address->sun_path) {
        memcpy(address->sun_path, path, length + 1);
        return 0;
    }
    const char *slash = strrchr(path, '/');
    if (!slash || length >= 4096) return -ENAMETOOLONG;
    char parent[4096];
    memcpy(parent, path, (size_t)(slash - path) + 1);
    parent[slash - path + 1] = 0;
    *directory = open(parent, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (*directory < 0) return -errno;
    int size = snprintf(address->sun_path, sizeof address->sun_path, "/proc/self/fd/%d/%s", *directory, slash + 1);
    return size < (int)sizeof address->sun_path ? 0 : -ENAMETOOLONG;
}

static int open_socket(const char *path, int type, int (*attach)(int, const struct sockaddr *, socklen_t)) {
    struct sockaddr_un address;
    int directory;
    int result = address_of(path, &address, &directory);
    int fd = result < 0 ? result : RESULT(socket(AF_UNIX, type | SOCK_CLOEXEC, 0));
    if (fd >= 0 && attach(fd, (struct sockaddr *)&address, sizeof address) < 0) {
        result = -errno;
        close(fd);
        fd = result;
    }
    if (directory >= 0) close(directory);
    return fd;
}

int ck_listen(const char *path, int type, int backlog) {
    int fd = open_socket(path, type, bind);
    if (fd < 0) return fd;
    if (listen(fd, backlog) == 0) return fd;
    int error = errno;
    close(fd);
    return -error;
}

int ck_connect(const char *path, int type) { return open_socket(path, type, connect); }

int ck_accept(int fd) {
    int accepted;
    do accepted = accept4(fd, NULL, NULL, SOCK_CLOEXEC);
    while (accepted < 0 && errno == EINTR);
    return accepted < 0 ? -errno : accepted;
}

union control {
    struct cmsghdr header;
    char space[CMSG_SPACE(sizeof(int) * CK_MESSAGE_DESCRIPTORS)];
};

ssize_t ck_send(int fd, const void *bytes, size_t size, const int *descriptors, size_t count) {
    if (count > CK_MESSAGE_DESCRIPTORS) return -EINVAL;
    struct iovec part = {.iov_base = (void *)bytes, .iov_len = size};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
    union control control;
    if (count > 0) {
        memset(&control, 0, sizeof control);
        message.msg_control = &control;
        message.msg_controllen = CMSG_SPACE(sizeof(int) * count);
        struct cmsghdr *header = CMSG_FIRSTHDR(&message);
        *header = (struct cmsghdr){
            .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(sizeof(int) * count)};
        memcpy(CMSG_DATA(header), descriptors, sizeof(int) * count);
    }
    ssize_t sent;
    do sent = sendmsg(fd, &message, MSG_NOSIGNAL);
    while (sent < 0 && errno == EINTR);
    return sent < 0 ? -errno : sent;
}

ssize_t ck_receive(int fd, void *bytes, size_t size, int *descriptors, size_t *count, int flags) {
    struct iovec part = {.iov_base = bytes, .iov_len = size};
    union control control;
    struct msghdr message = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
    ssize_t received;
    do received = recvmsg(fd, &message, MSG_CMSG_CLOEXEC | flags);
    while (received < 0 && errno == EINTR);
    if (received < 0) return -errno;
    size_t capacity = *count;
    *count = 0;
    for (struct cmsghdr *header = CMSG_FIRSTHDR(&message); header; header = CMSG_NXTHDR(&message, header)) {
        if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) continue;
        size_t here = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        const int *fds = (const int *)CMSG_DATA(header);
        for (size_t i = 0; i < here; i++) {
            if (*count < capacity) descriptors[(*count)++] = fds[i];
            else close(fds[i]);
        }
    }
    return received;
}

int ck_peer_pid(int fd) {
    struct ucred credentials;
    socklen_t size = sizeof credentials;
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &credentials, &size) < 0) return -errno;
    return credentials.pid;
}

int ck_isatty(int fd) { return isatty(fd) ? 1 : -errno; }

int ck_window_get(int fd, struct ck_window *window) {
    struct winsize size;
    if (ioctl(fd, TIOCGWINSZ, &size) < 0) return -errno;
    *window = (struct ck_window){.rows = size.ws_row, .columns = size.ws_col};
    return 0;
}

int ck_window_set(int fd, struct ck_window window) {
    struct winsize size = {.ws_row = window.rows, .ws_col = window.columns};
    return RESULT(ioctl(fd, TIOCSWINSZ, &size));
}

static struct termios saved;
static bool is_saved;

int ck_terminal_raw(int fd) {
    if (tcgetattr(fd, &saved) < 0) return -errno;
    is_saved = true;
    struct termios raw = saved;
    cfmakeraw(&raw);
    // Output keeps its processing: the inner terminal has done the line discipline already, and what
    // the runtime itself prints still begins at the left margin.
    raw.c_oflag = saved.c_oflag;
    return RESULT(tcsetattr(fd, TCSANOW, &raw));
}

int ck_terminal_restore(int fd) {
    if (!is_saved) return 0;
    is_saved = false;
    return RESULT(tcsetattr(fd, TCSANOW, &saved));
}
