// A child that loads a filter and tries system calls under it.
#pragma once

#include <stddef.h>
#include <stdint.h>

struct attempt {
    long number;
    long arguments[6];
    int thirty_two_bit;  ///< through int 0x80, where the machine has it
    long result;         ///< what the call returned, or -errno; set by the child
};

/// Loads the filter in a child and makes the attempts there. Returns the child's wait status, or -errno if the filter
/// could not be loaded; `*nanoseconds` is what loading took.
int try_under_filter(const void *program, size_t size, unsigned flags, struct attempt *attempts, size_t count,
                     int64_t *nanoseconds);

/// What a file that somebody else put there may be: a FIFO, or another user's. 0 or -errno.
int make_fifo(const char *path);
int give_away(const char *path, unsigned uid);
