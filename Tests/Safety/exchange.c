// exchange CPU A B: swaps two paths for each other, all the time, on a processor of its own.
// exchange CPU A B away: renames A to B and back, which makes path resolution elsewhere start anew.
// Prints how often, when it is told to end (SIGTERM), or its parent ends.

#define _GNU_SOURCE
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <errno.h>

static volatile sig_atomic_t is_over;

static void note(int number) {
    (void)number;
    is_over = 1;
}

int main(int count, char **words) {
    if (count < 4) {
        fprintf(stderr, "usage: exchange CPU A B [away]\n");
        return 2;
    }
    signal(SIGTERM, note);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    cpu_set_t processors;
    CPU_ZERO(&processors);
    CPU_SET(atoi(words[1]), &processors);
    sched_setaffinity(0, sizeof processors, &processors);  // On a machine with one processor it stays where it is.

    unsigned flags = count > 4 ? 0 : RENAME_EXCHANGE;
    const char *from = words[2], *to = words[3];
    unsigned long swaps = 0;
    while (!is_over) {
        if (renameat2(AT_FDCWD, from, AT_FDCWD, to, flags) != 0) {
            fprintf(stderr, "exchange: %s\n", strerror(errno));
            return 1;
        }
        if (!flags) {
            const char *last = from;
            from = to;
            to = last;
        }
        swaps++;
    }
    printf("%lu\n", swaps);
    return 0;
}
