// crowd WIDTH COUNT COMMAND...: runs a command COUNT times, WIDTH of them at any moment, and prints how many seconds
// that took. "%" in an argument stands for the number of the place (below WIDTH), "%%" for the number of the run (below
// COUNT). Standard output of the commands is dropped. Exits with 1 if one of them failed, after the others have ended.
//
// An interpreter as the parent would take a part of the processors that are measured.

#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MAX_WIDTH     256
#define MAX_ARGUMENTS 64

static char *replaced(const char *argument, int place, int run) {
    char *text = malloc(strlen(argument) * 12 + 1), *end = text;
    if (text == NULL) exit(2);
    for (; *argument != '\0'; argument++) {
        if (*argument != '%') {
            *end++ = *argument;
        } else if (argument[1] == '%') {
            end += sprintf(end, "%d", run);
            argument++;
        } else {
            end += sprintf(end, "%d", place);
        }
    }
    *end = '\0';
    return text;
}

static pid_t start(char **command, int place, int run) {
    char *arguments[MAX_ARGUMENTS + 1] = {NULL};
    for (int i = 0; command[i] != NULL; i++) arguments[i] = replaced(command[i], place, run);
    pid_t pid = vfork();
    if (pid == 0) {
        execv(arguments[0], arguments);
        _exit(127);
    }
    if (pid < 0) {
        perror("crowd: vfork");
        exit(2);
    }
    for (int i = 0; arguments[i] != NULL; i++) free(arguments[i]);
    return pid;
}

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec + time.tv_nsec / 1e9;
}

int main(int count, char **arguments) {
    int width = count > 3 ? atoi(arguments[1]) : 0, runs = count > 3 ? atoi(arguments[2]) : 0;
    if (width < 1 || width > MAX_WIDTH || runs < 1 || count - 3 > MAX_ARGUMENTS) return 2;
    int output = dup(1), nothing = open("/dev/null", O_WRONLY | O_CLOEXEC);
    if (output < 0 || nothing < 0 || dup2(nothing, 1) < 0 || fcntl(output, F_SETFD, FD_CLOEXEC) < 0) return 2;
    pid_t places[MAX_WIDTH] = {0};
    int started = 0, running = 0, failed = 0;
    double begin = now();
    while (started < runs || running > 0) {
        for (int place = 0; place < width && started < runs; place++) {
            if (places[place] != 0) continue;
            places[place] = start(arguments + 3, place, started++);
            running++;
        }
        int status;
        pid_t ended = wait(&status);
        for (int place = 0; place < width; place++) {
            if (places[place] != ended) continue;
            places[place] = 0;
            running--;
            failed |= status != 0;
        }
    }
    dprintf(output, "%.6f\n", now() - begin);
    return failed;
}
