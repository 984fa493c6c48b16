#define _GNU_SOURCE
#include "ckernel.h"
#include "result.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <termios.h>
#include <unistd.h>

int ck_socketpair(int ends[2]) { return RESULT(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends)); }

/// The address of a path; `@` begins an abstract one (unix(7)). A path that does not fit (108 bytes) goes through a
/// descriptor of its directory, which the caller closes. Gives the size of the address.
static int address_of(const char *path, struct sockaddr_un *address, int *directory) {
    *address = (struct sockaddr_un){.sun_family = AF_UNIX};
    *directory = -1;
    size_t length = strlen(path);
    if (path[0] == '@') {
        if (length > sizeof address->sun_path) return -ENAMETOOLONG;
        memcpy(address->sun_path + 1, path + 1, length - 1);
        return (int)(offsetof(struct sockaddr_un, sun_path) + length);
    }
    if (length < sizeof address->sun_path) {
        memcpy(address->sun_path, path, length + 1);
        return (int)sizeof *address;
    }
    const char *slash = strrchr(path, '/');
    if (!slash || length >= 4096) return -ENAMETOOLONG;
    char parent[4096];
    memcpy(parent, path, (size_t)(slash - path) + 1);
    parent[slash - path + 1] = 0;
    *directory = open(parent, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (*directory < 0) return -errno;
    int size = snprintf(address->sun_path, sizeof address->sun_path, "/proc/self/fd/%d/%s", *directory, slash + 1);
    return size < (int)sizeof address->sun_path ? (int)sizeof *address : -ENAMETOOLONG;
}

static int open_socket(const char *path, int type, int seconds,
                       int (*attach)(int, const struct sockaddr *, socklen_t)) {
    struct sockaddr_un address;
    int directory;
    int size = address_of(path, &address, &directory);
    int result = size;
    int fd = size < 0 ? size : RESULT(socket(AF_UNIX, type | SOCK_CLOEXEC, 0));
    struct timeval patience = {.tv_sec = seconds};
    if (fd >= 0 && seconds) setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    if (fd >= 0 && (result = RETRY(attach(fd, (struct sockaddr *)&address, (socklen_t)size))) < 0) {
        close(fd);
        fd = result;
    }
    if (directory >= 0) close(directory);
    return fd;
}

int ck_listen(const char *path, int type, int backlog) {
    int fd = open_socket(path, type, 0, bind);
    if (fd < 0) return fd;
    if (listen(fd, backlog) == 0) return fd;
    int error = errno;
    close(fd);
    return -error;
}

int ck_bind(const char *path, int type) { return open_socket(path, type, 0, bind); }

int ck_connect(const char *path, int type, int seconds) { return open_socket(path, type, seconds, connect); }

int ck_connect_internet(const char *address, uint16_t port) {
    struct sockaddr_in in4 = {.sin_family = AF_INET, .sin_port = htons(port)};
    struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
    bool is4 = inet_pton(AF_INET, address, &in4.sin_addr) == 1;
    if (!is4 && inet_pton(AF_INET6, address, &in6.sin6_addr) != 1) return -EINVAL;
    int fd = socket(is4 ? AF_INET : AF_INET6, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) return -errno;
    // A host that is gone is noticed within half a minute.
    int on = 1, idle = 10, interval = 5, count = 4, patience = 30000;
    setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof idle);
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &interval, sizeof interval);
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &count, sizeof count);
    setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &patience, sizeof patience);
    int result =
        is4 ? connect(fd, (struct sockaddr *)&in4, sizeof in4) : connect(fd, (struct sockaddr *)&in6, sizeof in6);
    if (result == 0 || errno == EINPROGRESS) return fd;
    int error = errno;
    close(fd);
    return -error;
}

int ck_finish_connecting(int fd) {
    int error = 0;
    socklen_t size = sizeof error;
    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) < 0) return -errno;
    return error ? -error : RESULT(fcntl(fd, F_SETFL, 0));
}

int ck_shutdown(int fd) { return RESULT(shutdown(fd, SHUT_RDWR)); }

int ck_enter_network(int network_namespace) { return RESULT(setns(network_namespace, CLONE_NEWNET)); }

void ck_return_to_network(int own) {
    if (setns(own, CLONE_NEWNET) < 0) abort();
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
    if (message.msg_flags & MSG_CTRUNC) {
        // There was no room for all descriptors; what is missing nobody can tell.
        for (size_t i = 0; i < *count; i++) close(descriptors[i]);
        *count = 0;
        return -EMFILE;
    }
    return received;
}

int ck_isatty(int fd) { return isatty(fd) ? 1 : -errno; }

int ck_window_get(int fd, struct ck_window *window) {
    struct winsize size;
    if (ioctl(fd, TIOCGWINSZ, &size) < 0) return -errno;
    *window = (struct ck_window){
        .rows = size.ws_row, .columns = size.ws_col, .width = size.ws_xpixel, .height = size.ws_ypixel};
    return 0;
}

int ck_window_set(int fd, struct ck_window window) {
    struct winsize size = {
        .ws_row = window.rows, .ws_col = window.columns, .ws_xpixel = window.width, .ws_ypixel = window.height};
    return RESULT(ioctl(fd, TIOCSWINSZ, &size));
}

_Static_assert(sizeof(struct termios) <= sizeof(struct ck_terminal_mode), "room for a struct termios");

int ck_terminal_mode_get(int fd, struct ck_terminal_mode *mode) {
    memset(mode, 0, sizeof *mode);
    return RESULT(tcgetattr(fd, (struct termios *)mode));
}

int ck_terminal_mode_set(int fd, const struct ck_terminal_mode *mode) {
    return RESULT(tcsetattr(fd, TCSANOW, (const struct termios *)mode));
}

void ck_terminal_mode_plain(struct ck_terminal_mode *mode) { ((struct termios *)mode)->c_oflag &= ~(tcflag_t)ONLCR; }

void ck_terminal_mode_raw(struct ck_terminal_mode *mode) { cfmakeraw((struct termios *)mode); }

bool ck_terminal_mode_equals(const struct ck_terminal_mode *one, const struct ck_terminal_mode *other) {
    return memcmp(one, other, sizeof *one) == 0;
}

uint8_t ck_terminal_mode_eof(const struct ck_terminal_mode *mode) { return ((const struct termios *)mode)->c_cc[VEOF]; }

bool ck_terminal_mode_takes_lines(const struct ck_terminal_mode *mode) {
    return (((const struct termios *)mode)->c_lflag & ICANON) != 0;
}

bool ck_terminal_mode_echoes(const struct ck_terminal_mode *mode) {
    return (((const struct termios *)mode)->c_lflag & ECHO) != 0;
}

int ck_terminal_is_foreground(int fd) {
    pid_t foreground = tcgetpgrp(fd);
    return foreground < 0 || foreground == getpgrp();
}

int ck_terminal_await_foreground(int fd) { return RESULT(tcdrain(fd)); }

int ck_terminal_hang_up(int master) {
    pid_t foreground = tcgetpgrp(master);
    if (foreground < 0) return -errno;
    return foreground > 1 ? RESULT(kill(-foreground, SIGHUP)) : -ESRCH;
}

int ck_stop(void) {
    sigset_t stop, before;
    sigemptyset(&stop);
    sigaddset(&stop, SIGTSTP);
    if (raise(SIGTSTP) != 0) return -errno;
    // It takes effect here, and this returns once somebody continues the process.
    if (sigprocmask(SIG_UNBLOCK, &stop, &before) < 0) return -errno;
    return RESULT(sigprocmask(SIG_SETMASK, &before, NULL));
}

int ck_route_socket(int network_namespace) {
    if (network_namespace < 0) return RESULT(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE));
    int own = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
    if (own < 0) return -errno;
    int result = RESULT(setns(network_namespace, CLONE_NEWNET));
    if (result == 0) {
        result = RESULT(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE));
        // Nothing may go on in the wrong namespace.
        if (setns(own, CLONE_NEWNET) < 0) abort();
    }
    close(own);
    return result;
}
