// terminal.c COMMAND...: runs a command on a terminal of its own, writes what comes from there to standard output, and
// ends with the command's status.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

int main(int count, char **values) {
    int master = posix_openpt(O_RDWR | O_NOCTTY);
    if (count < 2 || master < 0 || unlockpt(master) < 0) return 125;
    struct winsize size = {.ws_row = 31, .ws_col = 77};
    ioctl(master, TIOCSWINSZ, &size);
    int slave = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY);
    pid_t child = fork();
    if (slave < 0 || child < 0) return 125;
    if (child == 0) {
        setsid();
        ioctl(slave, TIOCSCTTY, 0);
        for (int stream = 0; stream < 3; stream++) dup2(slave, stream);
        close(slave);
        close(master);
        execv(values[1], values + 1);
        _exit(126);
    }
    close(slave);
    char bytes[4096];
    ssize_t got;
    while ((got = read(master, bytes, sizeof bytes)) > 0 || (got < 0 && errno == EINTR))
        if (got > 0 && write(1, bytes, (size_t)got) != got) return 125;
    int status;
    if (waitpid(child, &status, 0) < 0) return 125;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
