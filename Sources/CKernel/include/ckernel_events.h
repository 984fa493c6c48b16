// Counters that the kernel can write to. Every function returns the result, or -errno.
#pragma once

/// An eventfd(2): close-on-exec, and reading never waits.
int ck_eventfd(void);
