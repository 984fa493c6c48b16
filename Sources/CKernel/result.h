#pragma once

#include <errno.h>

/// A result, or -errno of the call that gave it.
#define RESULT(call)                       \
    ({                                     \
        __typeof__(call) result_ = (call); \
        result_ < 0 ? -errno : result_;    \
    })

/// The same for a call that a signal can interrupt.
#define RETRY(call)                             \
    ({                                          \
        __typeof__(call) retried_;              \
        do retried_ = (call);                   \
        while (retried_ < 0 && errno == EINTR); \
        retried_ < 0 ? -errno : retried_;       \
    })

/// The result of a function that makes several calls: it names the one that failed in `*call`.
#define FAILED(name) (*call = name, -errno)
