"""Running and timing commands, and keeping sight of every process that comes out of them."""

import ctypes
import os
import select
import signal
import tempfile
import time
from dataclasses import dataclass

TIMEOUT = 20.0  # seconds; no command of a benchmark takes a tenth of this


class Failure(Exception):
    """A command failed; the text is what it said."""


@dataclass(frozen=True)
class Outcome:
    milliseconds: float
    output: str


def become_subreaper() -> None:
    """Orphans become children of this process, as they become children of a shim or of conmon."""
    PR_SET_CHILD_SUBREAPER = 36
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def wait(pid: int, timeout: float = TIMEOUT) -> int:
    """Waits for a child and returns its exit code (-N: signal N). Kills it and fails after `timeout` seconds."""
    pidfd = os.pidfd_open(pid)
    try:
        poll = select.poll()
        poll.register(pidfd, select.POLLIN)
        in_time = poll.poll(timeout * 1000)
        if not in_time:
            os.kill(pid, signal.SIGKILL)
        _, status, _ = os.wait4(pid, 0)
    finally:
        os.close(pidfd)
    if not in_time:
        raise Failure(f"not finished after {timeout:g} seconds")
    return os.waitstatus_to_exitcode(status)


def execute(command: list[str], timeout: float = TIMEOUT) -> Outcome:
    """Runs a command, measures it from spawn to exit, and fails with its own words if it fails."""
    with open(os.devnull) as nothing, tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
        streams = enumerate((nothing, output, errors))
        actions = [(os.POSIX_SPAWN_DUP2, stream.fileno(), number) for number, stream in streams]
        start = time.perf_counter()
        pid = os.posix_spawn(command[0], command, os.environ, file_actions=actions)
        code = wait(pid, timeout)
        milliseconds = (time.perf_counter() - start) * 1000
        if code != 0:
            errors.seek(0)
            lines = errors.read().decode(errors="replace").strip().splitlines()
            raise Failure(f"exit code {code}: {lines[-1] if lines else 'nothing on standard error'}")
        output.seek(0)
        return Outcome(milliseconds, output.read().decode(errors="replace"))


def descendants() -> list[int]:
    """All processes below this one, found by their parents' ids."""
    children: dict[int, list[int]] = {}
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{name}/stat") as file:
                parent = int(file.read().rpartition(")")[2].split()[1])
        except (FileNotFoundError, ProcessLookupError):
            continue  # died meanwhile
        children.setdefault(parent, []).append(int(name))
    found, queue = [], [os.getpid()]
    while queue:
        below = children.get(queue.pop(), [])
        found += below
        queue += below
    return found


def end_descendants() -> list[int]:
    """Kills and reaps whatever is left below this process. Returns the ids of those that were still alive."""
    ended = []
    while below := descendants():
        for pid in below:
            pidfd = os.pidfd_open(pid)
            if not select.select([pidfd], [], [], 0)[0]:
                ended.append(pid)
                signal.pidfd_send_signal(pidfd, signal.SIGKILL)
            os.close(pidfd)
        while True:
            try:
                os.wait()
            except ChildProcessError:
                break
    return ended


def proportional_memory(pids: list[int]) -> int:
    """The sum of the proportional set sizes of processes, in KB; a dead process has none."""
    total = 0
    for pid in pids:
        try:
            with open(f"/proc/{pid}/smaps_rollup") as file:
                total += sum(int(line.split()[1]) for line in file if line.startswith("Pss:"))
        except ProcessLookupError:
            continue
    return total
