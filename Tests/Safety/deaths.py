"""Containers that end at each point of a command, and pids that come to mean another process.

The command is stopped (SIGSTOP) at one point after the other of the time that it takes; its container's first process
is killed and reaped, and in one form another process gets the pid; then the command goes on. So the death is complete
at that very point, and nothing is traced. Another form kills at the same points and stops nobody.
"""

import json
import os
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from herd import Arena, Started, closing, complaint, judged, process_state, until
from ground import TIMEOUT
from pairs import STATUSES, words
from rows import Options, Row

# Commands, with the states of the container in which they have something to do.
DYING = {
    "start": ("created",), "exec": ("running", "created"),
    "kill TERM": ("running",), "kill KILL": ("running", "paused"),
    "pause": ("running", "created"), "resume": ("paused",), "update": ("running",), "delete": ("created",),
    "delete --force": ("running", "created", "paused"), "state": ("running",), "state --cgroup": ("running",),
    "list": ("running",), "ps": ("running",), "events": ("running",), "wait": ("running", "created"),
    "create": ("none",), "run": ("none",),
}
EVERY = [(command, state) for command, states in DYING.items() for state in states]


class Twins:
    """Processes of the host that get the pid of one that has ended."""

    def __init__(self):
        self.maker = subprocess.Popen([sys.executable, str(Path(__file__).with_name("twin.py"))], text=True,
                                      stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.made = 0

    def make(self, pid: int) -> "Twin | None":
        """None if somebody else was faster."""
        self.made += 1
        print(pid, file=self.maker.stdin, flush=True)
        if self.maker.stdout.readline().strip() != "made":
            return None
        until(lambda: comm(pid) == "sleep", f"process {pid} to sleep")
        return Twin(pid)

    def close(self) -> None:
        self.maker.stdin.close()
        self.maker.wait()


class Twin:
    """A process that must not notice that a container once had its pid. It blocks all signals."""

    def __init__(self, pid: int):
        self.pid = pid
        self.before = self.marks()

    def marks(self) -> dict[str, str]:
        """What shows that somebody did something to it."""
        try:
            cgroups = Path(f"/proc/{self.pid}/cgroup").read_text()
            status = Path(f"/proc/{self.pid}/status").read_text().splitlines()
            pending = [line.split()[1] for line in status if line.startswith(("SigPnd:", "ShdPnd:"))]
            fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
            score = Path(f"/proc/{self.pid}/oom_score_adj").read_text()
        except OSError:
            return {"life": "gone"}
        return {"cgroups": cgroups, "pending signals": " ".join(pending), "start time": fields[19], "score": score,
                "state": "stopped" if fields[0] in "TtZX" else "runs"}

    def changes(self) -> list[str]:
        """What has changed, and its end."""
        after = self.marks()
        found = [f"the process that has the pid now is changed: {key} was {self.before.get(key)!r}, is {after[key]!r}"
                 for key in after if after[key] != self.before.get(key)]
        if "life" not in after:
            os.kill(self.pid, signal.SIGKILL)
        return found


def has_no_memory(pid: int) -> bool:
    """Whether a process is past the point of no return in its end (exit_mm), or gone."""
    try:
        return not Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return True


def start_time(pid: int) -> int:
    """In ticks of the clock since the machine has started; 0 for one that is gone."""
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19])
    except OSError:
        return 0


def ticks() -> int:
    return int(time.clock_gettime(time.CLOCK_BOOTTIME) * os.sysconf("SC_CLK_TCK"))


def comm(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/comm").read_text().strip()
    except OSError:
        return ""


class Deaths:
    def __init__(self, arena: Arena):
        self.arena = arena
        self.twins = Twins()
        self.canary = arena.ground.work / "entered"

    def words(self, command: str, name: str) -> list[str]:
        """A program that is run in the wrong place leaves a mark there."""
        if command == "exec":
            return ["exec", name, "/bin/touch", str(self.canary)]
        return words(command, name, str(self.arena.sleeper.path))

    def duration(self, command: str, state: str) -> float:
        """How long the command takes, in seconds; of one that waits, how long it takes until it does."""
        if command == "wait":
            return 0.005
        times = []
        for _ in range(5):
            name = self.arena.make(state)
            started = self.poised(command, name)
            begin = time.monotonic()
            started.process.send_signal(signal.SIGCONT)
            started.finish()
            times.append(time.monotonic() - begin)
            self.arena.remove(name)
        return statistics.median(times)

    def poised(self, command: str, name: str) -> Started:
        """A command that stands still right before it is executed."""
        words = self.arena.runtime.command(*self.words(command, name))
        started = Started(["sh", "-c", 'kill -STOP $$; exec "$@"', "sh", *words])
        until(lambda: process_state(started.process.pid) == "T", "the command to stand still")
        return started

    def point(self, command: str, state: str, delay: float, stops: bool, has_twin: bool) -> list[str]:
        """The death of the container `delay` seconds after the begin of the command."""
        name = self.arena.make(state)
        pid = self.arena.runtime.state(name).get("pid", 0) if state != "none" else 0
        started = self.poised(command, name)
        started.process.send_signal(signal.SIGCONT)
        time.sleep(delay)
        if stops:
            self.stop(started)
        pid = pid or self.recorded_pid(name)
        twin = self.kill(name, pid, has_twin) if pid else None
        if stops:
            started.process.send_signal(signal.SIGCONT)
        if command == "wait" and not twin:
            self.kill(name, pid, False)
        outcome = started.finish()
        wrongs = [complaint(command, outcome, STATUSES.get(command, range(0)))]
        wrongs.append(self.arena.settled(name)[1])
        wrongs += self.arena.remove(name)
        wrongs += twin.changes() if twin else []
        if self.canary.exists():
            wrongs.append("exec has run its program on the host")
            self.canary.unlink()
        return [f"{command} on {state} after {delay * 1000:.1f} ms: {each}" for each in wrongs if each]

    def stop(self, started: Started) -> None:
        started.process.send_signal(signal.SIGSTOP)
        until(lambda: process_state(started.process.pid) in ("T", "Z", ""), "the command to stand still")

    def recorded_pid(self, name: str) -> int:
        """Of a container that is being created, or was created meanwhile."""
        living = self.arena.inhabitants(name)
        return min(living) if living else 0

    def kill(self, name: str, pid: int, has_twin: bool, patience: float = 0.5) -> Twin | None:
        """Kills the first process. A twin gets its pid as soon as it is free. What is frozen does not become free; nor
        does it as long as a process of its pid namespace is not reaped, such as one of an `exec` that stands still.
        """
        begin = start_time(pid)
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            return None  # the command has come to its end already
        until(lambda: has_no_memory(pid) or self.arena.is_frozen(name), f"the end of {pid}")
        if not has_twin or self.arena.is_frozen(name):
            return None
        # Two processes with one pid that begin in the same tick of the kernel's clock cannot be told apart by it.
        until(lambda: ticks() > begin, "the clock")
        deadline = time.monotonic() + patience
        while process_state(pid):
            if time.monotonic() > deadline:
                return None
            time.sleep(0.001)
        return self.twins.make(pid)

    def walk(self, command: str, state: str, points: int, stops: bool, has_twin: bool) -> list[str]:
        whole = self.duration(command, state)
        return [each for index in range(points)
                for each in self.point(command, state, whole * index / points, stops, has_twin)]

    def reused(self, command: str) -> list[str]:
        """A command on a container whose pid is another process's by now."""
        name = self.arena.make("running")
        pid = self.arena.runtime.state(name)["pid"]
        twin = self.kill(name, pid, True, TIMEOUT)
        if twin is None:
            return [f"{command}: pid {pid} could not be given away", *self.arena.remove(name)]
        status = self.arena.status(name)
        wrongs = [] if status == "stopped" else [f"state says {status}"]
        outcome = self.arena.call(*self.words(command, name))
        wrongs.append(complaint(command, outcome, STATUSES.get(command, range(0))))
        if outcome.succeeded and command not in ("delete", "delete --force", "state", "list", "state --cgroup", "ps"):
            wrongs.append("success on what is no container")
        if command == "ps" and str(pid) in outcome.out:
            wrongs.append("ps lists a process of the host")
        wrongs += self.arena.remove(name) + twin.changes()
        if self.canary.exists():
            wrongs.append("exec has run its program on the host")
            self.canary.unlink()
        return [f"{command}: {each}" for each in wrongs if each]

    def borrowed(self, command: str) -> list[str]:
        """A state that names a living process of the host, which is another one by all that a state may know."""
        return [each for form in ("inode", "boot", "startTime") for each in self.borrowing(command, form)]

    def borrowing(self, command: str, form: str) -> list[str]:
        name = self.arena.make("stopped")
        path = self.arena.entry(name) / "state.json"
        record = json.loads(path.read_text())
        identity = {key: record.pop(key) for key in ("inode", "boot", "startTime") if key in record}
        if form not in identity and form != "startTime":
            return self.arena.remove(name)  # Linux before 6.9 tells processes by nothing but their start times
        former = ticks()
        until(lambda: ticks() > former, "the clock")
        victim = subprocess.Popen(["sleep", "1000"])
        until(lambda: comm(victim.pid) == "sleep", "a process to sleep")
        twin = Twin(victim.pid)
        if form == "startTime":
            identity = {"startTime": former}
        elif form == "boot":
            pidfd = os.pidfd_open(victim.pid)
            identity = {"inode": os.fstat(pidfd).st_ino, "boot": "00000000-0000-4000-8000-000000000000"}
            os.close(pidfd)
        path.write_text(json.dumps({**record, **identity, "pid": victim.pid}))
        status = self.arena.status(name)
        wrongs = [] if status == "stopped" else [f"state says {status}"]
        outcome = self.arena.call(*self.words(command, name))
        wrongs.append(complaint(command, outcome, STATUSES.get(command, range(0))))
        wrongs += self.arena.remove(name) + twin.changes()
        victim.wait()
        return [f"{command}, another {form}: {each}" for each in wrongs if each]


def rows(options: Options) -> Iterator[Row]:
    arena = Arena("deaths", options.apus)
    deaths = Deaths(arena)
    points = 6 if options.short else 40
    forms = (("ends at each point of another command, which stands still", True, False),
             ("ends at each point of another command, and its pid is given away", True, True),
             ("is killed during another command", False, False))
    for text, stops, has_twin in forms:
        wrongs = [each for command, state in EVERY if not (has_twin and state == "none")
                  for each in deaths.walk(command, state, points, stops, has_twin)]
        given = f", {deaths.twins.made} pids given away" if has_twin else ""
        yield judged(f"a container {text}", f"{len(EVERY)} commands, {points} points{given}", wrongs)
    others = sorted({command for command in DYING} - {"create", "run"})
    yield judged("a container whose pid is another process's", f"{len(others)} commands",
                 [each for command in others for each in deaths.reused(command)])
    yield judged("a state that names a process of the host", f"{len(others)} commands",
                 [each for command in others for each in deaths.borrowed(command)])
    deaths.twins.close()
    yield from closing(arena, "containers that died leave nothing")
