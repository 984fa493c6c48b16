// The other end of a message bus, which says whatever it was given.
#define _GNU_SOURCE
#include "fuzz_support.h"

#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define SILENCE 3  // milliseconds

static const char greeting[] = "OK 0123456789abcdef0123456789abcdef\r\nAGREE_UNIX_FD\r\n";

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static uint8_t *given;
static size_t given_size;

static bool say(int connection, const void *bytes, size_t size) {
    const char *rest = bytes;
    while (size > 0) {
        ssize_t sent = send(connection, rest, size, MSG_NOSIGNAL);
        if (sent <= 0) return false;
        rest += sent;
        size -= (size_t)sent;
    }
    return true;
}

static void serve_one(int connection) {
    pthread_mutex_lock(&lock);
    size_t size = given_size;
    uint8_t *bytes = malloc(size ? size : 1);
    if (bytes && size) memcpy(bytes, given, size);
    pthread_mutex_unlock(&lock);
    if (bytes && say(connection, greeting, sizeof greeting - 1)) say(connection, bytes, size);
    // Who waits for an answer that does not come would do so for half a minute: silence ends the connection.
    struct pollfd client = {.fd = connection, .events = POLLIN};
    char heard[4096];
    while (poll(&client, 1, SILENCE) > 0 && read(connection, heard, sizeof heard) > 0) {
    }
    shutdown(connection, SHUT_WR);
    while (read(connection, heard, sizeof heard) > 0) {
    }
    free(bytes);
    close(connection);
}

static void *serve(void *argument) {
    int listener = *(int *)argument;
    free(argument);
    for (;;) {
        int connection = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
        if (connection >= 0) serve_one(connection);
    }
    return NULL;
}

const char *fuzz_bus_open(void) {
    static char address[64];
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    int length = snprintf(name.sun_path + 1, sizeof name.sun_path - 1, "apus-fuzz-%d", (int)getpid());
    snprintf(address, sizeof address, "unix:abstract=%s", name.sun_path + 1);
    int *listener = malloc(sizeof *listener);
    if (!listener) return NULL;
    *listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)length);
    pthread_t thread;
    if (bind(*listener, (struct sockaddr *)&name, size) || listen(*listener, 16)
        || pthread_create(&thread, NULL, serve, listener)) {
        return NULL;
    }
    pthread_detach(thread);
    return address;
}

void fuzz_bus_give(const uint8_t *bytes, size_t size) {
    pthread_mutex_lock(&lock);
    free(given);
    given = malloc(size ? size : 1);
    given_size = given ? size : 0;
    if (given_size) memcpy(given, bytes, size);
    pthread_mutex_unlock(&lock);
}
