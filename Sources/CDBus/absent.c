// The static libdbus names functions that a client of local sockets never gets to. Two are in libsystemd, which is not
// linked. The others look up users and hosts: they would bring the name service switch, which loads shared libraries of
// the host, and half a megabyte. Here they all say that there is no such thing. They are hidden, so that a program that
// is linked dynamically, as the tests are, keeps those of its C library for everybody else.
#define _GNU_SOURCE
#include "absent.h"

#include <errno.h>
#include <netdb.h>
#include <pwd.h>
#include <sys/syscall.h>
#include <unistd.h>

#define ABSENT __attribute__((visibility("hidden"), used))

// Sockets that a service manager passes on: for servers.
ABSENT int sd_listen_fds(int unset) { return -ENOSYS; }
ABSENT int sd_is_socket(int fd, int family, int type, int listening) { return -ENOSYS; }

// Users: for the cookie authentication, and for servers.
ABSENT int getpwnam_r(const char *name, struct passwd *entry, char *text, size_t size, struct passwd **result) {
    *result = NULL;
    return ENOENT;
}
ABSENT int getpwuid_r(uid_t uid, struct passwd *entry, char *text, size_t size, struct passwd **result) {
    *result = NULL;
    return ENOENT;
}
ABSENT int getgrouplist(const char *user, gid_t group, gid_t *groups, int *count) {
    *count = 0;
    return -1;
}

// Hosts: for buses behind TCP.
ABSENT int getaddrinfo(const char *node, const char *service, const struct addrinfo *hints, struct addrinfo **result) {
    return EAI_FAIL;
}
ABSENT int getnameinfo(const struct sockaddr *address, socklen_t size, char *host, socklen_t host_size, char *service,
                       socklen_t service_size, int flags) {
    return EAI_FAIL;
}
ABSENT void freeaddrinfo(struct addrinfo *list) {}
ABSENT const char *gai_strerror(int code) { return "no name lookup"; }

static int64_t claimed_user = -1;

void cd_claim_user(int64_t user) { claimed_user = user; }

// The library asks this one whom to claim to be.
ABSENT uid_t geteuid(void) { return claimed_user < 0 ? (uid_t)syscall(SYS_geteuid) : (uid_t)claimed_user; }
