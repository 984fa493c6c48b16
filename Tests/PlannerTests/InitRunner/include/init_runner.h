// Runs apus-init on a plan, any plan, without danger to the machine: as nobody, without new privileges, and with no
// descriptors but those of the protocol.
#pragma once

#include "init_protocol.h"

#include <stdbool.h>
#include <stddef.h>

/// The descriptors that apus-init finds, by number.
enum init_runner_descriptor {
    INIT_RUNNER_PLAN = 10,
    INIT_RUNNER_REPORT = 11,
    INIT_RUNNER_CONTROL = 12,  ///< a socket whose other end is the host's, if there is one
};

struct init_runner {
    int image;
    int plan;
    int report;
    int control;
    int null;
    int host;  ///< the other end of `control`; -1: closed, so that a meeting or an exec ends the run
};

/// How a run ended.
struct init_run {
    int exit_status;  ///< -1: it did not exit
    int signal;       ///< 0: none
    bool timed_out;   ///< it was killed after a minute
    struct apus_report report;
};

/// Makes an executable file in memory of the image. Returns 0, or -errno.
///
/// `has_host`: somebody is there to hold meetings with, as long as the runner is open.
int init_runner_open(struct init_runner *runner, const void *image, size_t size, bool has_host);

/// Gives the host's answer to so many meetings, before they are held. Returns 0, or -errno.
int init_runner_answer(const struct init_runner *runner, unsigned meetings);

/// Runs a plan to its end, which is that of the sibling if the process goes on in one and there is a host. Returns 0,
/// or -errno if it could not be run.
int init_runner_run(const struct init_runner *runner, const void *plan, size_t size, struct init_run *run);

/// Writes a file that is to be executed. In a process of its own: what another thread forks meanwhile would have it open
/// for writing, and the exec would fail (execve(2), ETXTBSY). Returns 0, or -errno.
int init_runner_write_program(const char *path, const void *bytes, size_t size, unsigned mode);

void init_runner_close(const struct init_runner *runner);
