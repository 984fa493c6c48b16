#!/usr/bin/env python3
"""twin.py: makes processes with given pids.

Reads lines `PID`; for each it waits until the pid is free, makes a process that has it (clone3(2), `set_tid`), which
blocks every signal and sleeps, and answers with a line. A signal that somebody sends stays pending, for all to see.
"""

import ctypes
import errno
import os
import signal
import sys
import time

CLONE3 = 435
FIELDS = ("flags", "pidfd", "child_tid", "parent_tid", "exit_signal", "stack", "stack_size", "tls", "set_tid",
          "set_tid_size", "cgroup")


def fork_as(pid: int, patience: float = 10) -> int:
    """fork(2) with a pid that is known before; 0 in the child. Needs CAP_CHECKPOINT_RESTORE."""
    libc = ctypes.CDLL(None, use_errno=True)
    wanted = (ctypes.c_int * 1)(pid)
    values = {"exit_signal": signal.SIGCHLD, "set_tid": ctypes.addressof(wanted), "set_tid_size": 1}
    record = (ctypes.c_uint64 * len(FIELDS))(*(values.get(field, 0) for field in FIELDS))
    deadline = time.monotonic() + patience
    while (made := libc.syscall(CLONE3, ctypes.byref(record), ctypes.sizeof(record))) < 0:
        if ctypes.get_errno() != errno.EEXIST or time.monotonic() > deadline:
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
        time.sleep(0.0002)
    return made


def main() -> None:
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody has to be reaped
    for line in sys.stdin:
        try:
            if fork_as(int(line)) == 0:
                signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
                os.execv("/bin/sleep", ["sleep", "1000"])
            print("made", flush=True)
        except OSError as error:
            print(error.strerror, flush=True)


if __name__ == "__main__":
    main()
