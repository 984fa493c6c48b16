#!/usr/bin/env python3
"""usage.py SECONDS MEGABYTES FILE COMMAND...: runs a command, and writes what it used to FILE, as JSON.

A process begins with the peak memory of the one that has started it, so this one is small, and no part of the checks.
The command is stopped after SECONDS of processor time, and finds no more than MEGABYTES of addresses (0: any).
"""

import json
import os
import resource
import sys


def main() -> None:
    seconds, megabytes, file, *command = sys.argv[1:]
    resource.setrlimit(resource.RLIMIT_CPU, (int(seconds), int(seconds)))
    if int(megabytes):
        resource.setrlimit(resource.RLIMIT_AS, (int(megabytes) << 20, int(megabytes) << 20))
    _, status, used = os.wait4(os.posix_spawn(command[0], command, os.environ), 0)
    with open(file, "w") as out:
        json.dump({"status": os.waitstatus_to_exitcode(status), "peak": used.ru_maxrss << 10, "user": used.ru_utime,
                   "kernel": used.ru_stime}, out)


if __name__ == "__main__":
    main()
