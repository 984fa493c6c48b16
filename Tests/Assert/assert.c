/* The program that tests run as the container's process: it says what it sees. One line of JSON on standard
   output (or elsewhere), no state, no configuration, statically linked, so that it runs in an empty rootfs. */
#define _GNU_SOURCE
#include <stdbool.h>

#include "facts.h"
#include "json.h"
#include "notify.h"
#include "saved.h"
#include "silent.h"
#include "tries.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

static const char usage[] =
    "usage: assert MODE\n"
    "  report [OPTIONS]       say everything that can be seen, exit 0\n"
    "  sleep [OPTIONS]        the same, then one line per signal; SIGTERM ends it with 0\n"
    "  exit N                 exit with this status\n"
    "  signal N               die of this signal (a process 1 only dies of SIGSEGV and SIGILL)\n"
    "  hold BYTES             touch so much memory (suffixes k, m), say so, exit 0\n"
    "  fork-bomb N            try N children at the same time, say how many worked\n"
    "  disguise NAME          sleep as a copy of this program in a memory file with a name\n"
    "  count FILE             write a number to it again and again, one more each time\n"
    "  serve PORT             send back what comes over a TCP connection\n"
    "  listen PORT            accept no connection\n"
    "  lock FILE              lock it and keep it so\n"
    "  join PATH              keep a socket that is connected to the one there\n"
    "  silence DIRECTORY      mount a file system there whose server never answers\n"
    "  notify MESSAGE...      send these to $NOTIFY_SOCKET, commas as line ends\n"
    "options:\n"
    "  --to PATH, --to-fd N   write there instead of standard output (first option)\n";

static char buffer[1 << 16];

/* Takes a leading --to or --to-fd off the arguments. */
static char **choose_output(char **arguments) {
    json_out = stdout;
    if (arguments[0] && arguments[1] && strcmp(arguments[0], "--to") == 0) {
        json_out = fopen(arguments[1], "we");
        arguments += 2;
    } else if (arguments[0] && arguments[1] && strcmp(arguments[0], "--to-fd") == 0) {
        json_out = fdopen(atoi(arguments[1]), "w");
        arguments += 2;
    }
    if (!json_out) exit(98);
    setvbuf(json_out, buffer, _IOFBF, sizeof buffer);
    return arguments;
}

static void end_line(void) {
    json_close('}');
    if (!json_end_line()) exit(98);
}

static int report(char **argv, char **options) {
    json_open(NULL, '{');
    facts_identity(argv);
    facts_descriptors();
    facts_terminal();
    facts_names();
    facts_privileges();
    facts_limits();
    facts_scheduling();
    facts_mounts();
    facts_dev();
    facts_cgroups();
    facts_network();
    bool understood = answer_questions(options);
    end_line();
    return understood ? 0 : 97;
}

/* Signals are blocked before the report and received synchronously, so that none is lost in between. */
static int wait_for_signals(const sigset_t *all) {
    for (;;) {
        siginfo_t info;
        if (sigwaitinfo(all, &info) < 0) continue;
        struct winsize size = {0};
        ioctl(0, TIOCGWINSZ, &size);
        json_open(NULL, '{');
        json_number("signal", info.si_signo);
        json_number("rows", size.ws_row);
        json_number("columns", size.ws_col);
        end_line();
        if (info.si_signo == SIGTERM) return 0;
    }
}

static int sleep_until_terminated(char **argv, char **options) {
    sigset_t all;
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, NULL);
    int status = report(argv, options);
    return status ? status : wait_for_signals(&all);
}

static volatile int *volatile nowhere;

static int die_of(int signal) {
    kill(getpid(), signal);
    /* Process 1 does not die of signals that it sends to itself; a fault it cannot ignore. */
    if (signal == SIGSEGV) *nowhere = 1;
    if (signal == SIGILL) __builtin_trap();
    return 96;
}

static int hold(const char *amount) {
    char *suffix;
    unsigned long bytes = strtoul(amount, &suffix, 10);
    if (*suffix == 'k') bytes <<= 10;
    if (*suffix == 'm') bytes <<= 20;
    char *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    json_open(NULL, '{');
    if (memory == MAP_FAILED) {
        json_errno("error", errno);
    } else {
        for (unsigned long i = 0; i < bytes; i += 4096) memory[i] = 1;
        json_unsigned("held", bytes);
    }
    end_line();
    return 0;
}

static int disguise(char *name) {
    static char bytes[1 << 20];
    int from = open("/proc/self/exe", O_RDONLY), to = memfd_create(name, 0);
    ssize_t size;
    while ((size = read(from, bytes, sizeof bytes)) > 0)
        if (write(to, bytes, (size_t)size) != size) return 97;
    char *arguments[] = {"assert", "sleep", NULL}, *environment[] = {NULL};
    fexecve(to, arguments, environment);
    return 97;
}

static int fork_bomb(int wanted) {
    static pid_t children[65536];
    int count = 0, error = 0;
    while (count < wanted && count < (int)COUNT(children)) {
        pid_t child = fork();
        if (child == 0)
            for (;;) pause();
        if (child < 0) {
            error = errno;
            break;
        }
        children[count++] = child;
    }
    json_open(NULL, '{');
    json_number("forks", count);
    json_errno("error", error);
    end_line();
    for (int i = 0; i < count; i++) kill(children[i], SIGKILL);
    for (int i = 0; i < count; i++) waitpid(children[i], NULL, 0);
    return 0;
}

int main(int argc, char **argv) {
    facts_before_anything();
    const char *mode = argc > 1 ? argv[1] : "report";
    char **options = choose_output(argv + (argc > 1 ? 2 : 1));
    if (strcmp(mode, "report") == 0) return report(argv, options);
    if (strcmp(mode, "sleep") == 0) return sleep_until_terminated(argv, options);
    if (strcmp(mode, "exit") == 0 && *options) return atoi(*options);
    if (strcmp(mode, "signal") == 0 && *options) return die_of(atoi(*options));
    if (strcmp(mode, "disguise") == 0 && *options) return disguise(*options);
    if (strcmp(mode, "hold") == 0 && *options) return hold(*options);
    if (strcmp(mode, "notify") == 0) return notify_manager(options);
    if (strcmp(mode, "fork-bomb") == 0 && *options) return fork_bomb(atoi(*options));
    if (strcmp(mode, "count") == 0 && *options) return count_into(*options);
    if (strcmp(mode, "serve") == 0 && *options) return serve(atoi(*options), true);
    if (strcmp(mode, "listen") == 0 && *options) return serve(atoi(*options), false);
    if (strcmp(mode, "lock") == 0 && *options) return lock_file(*options);
    if (strcmp(mode, "silence") == 0 && *options) return serve_nothing(*options);
    if (strcmp(mode, "join") == 0 && *options) return join_socket(*options);
    fputs(usage, stderr);
    fputs(question_usage, stderr);
    return 64;
}
