"""Running and timing commands, and keeping sight of every process that comes out of them."""

import contextlib
import ctypes
import os
import select
import signal
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO

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


@contextlib.contextmanager
def wait_beside(pid: int) -> Iterator[None]:
    """Waits for a child while something else goes on, so that it is gone as soon as it ends."""
    waiter = threading.Thread(target=wait, args=(pid,))
    waiter.start()
    try:
        yield
    finally:
        waiter.join()


def spawn(command: list[str], streams: tuple[IO, IO, IO]) -> int:
    actions = [(os.POSIX_SPAWN_DUP2, stream.fileno(), number) for number, stream in enumerate(streams)]
    return os.posix_spawn(command[0], command, os.environ, file_actions=actions)


def execute(command: list[str], timeout: float = TIMEOUT) -> Outcome:
    """Runs a command, measures it from spawn to exit, and fails with its own words if it fails."""
    with open(os.devnull) as nothing, tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
        start = time.perf_counter()
        pid = spawn(command, (nothing, output, errors))
        code = wait(pid, timeout)
        milliseconds = (time.perf_counter() - start) * 1000
        if code != 0:
            errors.seek(0)
            lines = errors.read().decode(errors="replace").strip().splitlines()
            raise Failure(f"exit code {code}: {lines[-1] if lines else 'nothing on standard error'}")
        output.seek(0)
        return Outcome(milliseconds, output.read().decode(errors="replace"))


class Storm:
    """A command that begins at a fixed rate, whether or not the one before has ended."""

    def __init__(self, command: list[str], rate: int):
        self.command = command
        self.interval = 1 / rate
        self.latencies: list[float] = []
        self.running: dict[int, tuple[int, float]] = {}  # by pidfd: process, when it began
        self.poll = select.poll()

    def run(self, seconds: float) -> list[float]:
        """Returns the milliseconds of each, from spawn to exit."""
        with open(os.devnull, "r+") as nothing:
            due = time.perf_counter()
            end = due + seconds
            while due < end:
                self.collect(due - time.perf_counter())
                if (start := time.perf_counter()) >= due:
                    pid = spawn(self.command, (nothing, nothing, nothing))
                    pidfd = os.pidfd_open(pid)
                    self.running[pidfd] = pid, start
                    self.poll.register(pidfd, select.POLLIN)
                    due += self.interval
            while self.running:
                self.collect(TIMEOUT, must=True)
        return self.latencies

    def collect(self, timeout: float, must: bool = False) -> None:
        """Takes those that end within `timeout` seconds."""
        ended = self.poll.poll(max(0, timeout * 1000))
        now = time.perf_counter()
        if must and not ended:
            raise Failure(f"{len(self.running)} not finished after {timeout:g} seconds")
        for pidfd, _ in ended:
            pid, start = self.running.pop(pidfd)
            self.poll.unregister(pidfd)
            os.close(pidfd)
            code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
            if code != 0:
                raise Failure(f"exit code {code} after {len(self.latencies)} that succeeded")
            self.latencies.append((now - start) * 1000)


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


def memory(pids: list[int], kind: str) -> int:
    """The sum of what processes have of a kind of memory (`Pss`, `Anonymous`), in KB; a dead process has none."""
    total = 0
    for pid in pids:
        try:
            with open(f"/proc/{pid}/smaps_rollup") as file:
                total += sum(int(line.split()[1]) for line in file if line.startswith(f"{kind}:"))
        except ProcessLookupError:
            continue
    return total
