// agent SOCKET [answer | ignore | leave | close]: a seccomp agent. It prints each container process state on a line of its
// own, and then each call that it is asked about; and it makes, in the container and by its own rights, the directories and
// device nodes that are asked for. `ignore` never answers, `leave` ends as soon as it has a listener, `close` ends a
// connection unheard.
//
// agent threads COUNT DIRECTORY: what runs in the container: that many threads, each of which makes a directory.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#define MOST 64

static void fail(const char *what) {
    perror(what);
    exit(1);
}

static int listen_at(const char *path) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (listener < 0 || bind(listener, (struct sockaddr *)&address, sizeof address) < 0 || listen(listener, 8) < 0)
        fail(path);
    chmod(path, 0777);
    return listener;
}

/// Prints the state that comes on a connection, and gives the descriptor that comes with it.
static int receive(int connection) {
    static char text[1 << 20];
    size_t length = 0;
    int descriptor = -1;
    for (;;) {
        struct iovec part = {text + length, sizeof text - 1 - length};
        union {
            struct cmsghdr header;
            char space[CMSG_SPACE(sizeof(int))];
        } control;
        struct msghdr message = {
            .msg_iov = &part, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
        ssize_t size = recvmsg(connection, &message, MSG_CMSG_CLOEXEC);
        if (size < 0) fail("recvmsg");
        struct cmsghdr *header = CMSG_FIRSTHDR(&message);
        if (header && header->cmsg_type == SCM_RIGHTS) memcpy(&descriptor, CMSG_DATA(header), sizeof descriptor);
        if (size == 0) break;
        length += (size_t)size;
    }
    text[length] = 0;
    printf("%s\n", text);
    return descriptor;
}

/// The text at an address of the process that asks; it is that process's business until it is answered.
static bool read_text(pid_t pid, uint64_t address, char *text, size_t size) {
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/mem", pid);
    int memory = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t count = memory < 0 ? -1 : pread(memory, text, size - 1, (off_t)address);
    if (memory >= 0) close(memory);
    text[count > 0 ? count : 0] = 0;
    return count > 0;
}

static int answer(const struct seccomp_notif *request, struct seccomp_notif_resp *response) {
    const __u64 *arguments = request->data.args;
    bool makes_directory = false, is_at = false, is_known = true;
    switch (request->data.nr) {
#ifdef SYS_mkdir
    case SYS_mkdir: makes_directory = true; break;
    case SYS_mknod: break;
#endif
    case SYS_mkdirat: makes_directory = is_at = true; break;
    case SYS_mknodat: is_at = true; break;
    case SYS_chdir:
        response->flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
        printf("chdir\n");
        return 0;
    default: is_known = false;
    }
    if (!is_known) {
        printf("call %d\n", request->data.nr);
        return -ENOMEDIUM;
    }
    if (is_at) arguments++;
    char name[512], path[600];
    if (!read_text((pid_t)request->pid, arguments[0], name, sizeof name)) return -EFAULT;
    snprintf(path, sizeof path, "/proc/%u/root/%s", request->pid, name);
    printf("%s %s\n", makes_directory ? "mkdir" : "mknod", name);
    int result = makes_directory ? mkdir(path, 0755) : mknod(path, (mode_t)arguments[1], (dev_t)arguments[2]);
    return result < 0 ? -errno : 0;
}

static bool serve(int listener, bool answers) {
    struct seccomp_notif request = {0};
    if (ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &request) < 0) return errno == ENOENT || errno == EINTR;
    if (!answers) {
        printf("call %d\n", request.data.nr);
        return true;
    }
    struct seccomp_notif_resp response = {.id = request.id};
    response.error = answer(&request, &response);
    // A process that has ended meanwhile needs no answer.
    return ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &response) == 0 || errno == ENOENT;
}

static const char *threads_directory;

static void *make_one(void *argument) {
    char path[512];
    snprintf(path, sizeof path, "%s/%ld", threads_directory, (long)(intptr_t)argument);
    return mkdir(path, 0755) == 0 ? NULL : (void *)1;
}

static int run_threads(int count, const char *directory) {
    pthread_t threads[MOST];
    int failures = 0;
    threads_directory = directory;
    for (long i = 0; i < count; i++)
        if (pthread_create(&threads[i], NULL, make_one, (void *)i)) return 2;
    for (int i = 0; i < count; i++) {
        void *result;
        pthread_join(threads[i], &result);
        failures += result != NULL;
    }
    printf("%d failures\n", failures);
    return failures;
}

int main(int count, char **arguments) {
    setvbuf(stdout, NULL, _IOLBF, 0);
    if (count == 4 && strcmp(arguments[1], "threads") == 0) return run_threads(atoi(arguments[2]), arguments[3]);
    if (count < 2) return 2;
    const char *mode = count > 2 ? arguments[2] : "answer";
    struct pollfd watched[MOST] = {{.fd = listen_at(arguments[1]), .events = POLLIN}};
    nfds_t used = 1;
    printf("listening\n");
    for (;;) {
        if (poll(watched, used, -1) < 0 && errno != EINTR) fail("poll");
        if (watched[0].revents & POLLIN) {
            int connection = accept4(watched[0].fd, NULL, NULL, SOCK_CLOEXEC);
            if (connection < 0) fail("accept");
            int listener = strcmp(mode, "close") == 0 ? -1 : receive(connection);
            close(connection);
            if (strcmp(mode, "leave") == 0) return 0;
            if (listener >= 0 && used < MOST) watched[used++] = (struct pollfd){.fd = listener, .events = POLLIN};
        }
        for (nfds_t i = 1; i < used; i++) {
            bool lives = watched[i].revents & POLLIN ? serve(watched[i].fd, strcmp(mode, "ignore") != 0)
                                                     : !(watched[i].revents & (POLLHUP | POLLERR));
            if (lives) continue;
            close(watched[i].fd);
            watched[i--] = watched[--used];
        }
    }
}
