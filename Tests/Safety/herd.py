"""Containers in large numbers: commands that are started now and waited for later, and what is true of a container."""

import copy
import dataclasses
import os
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from ground import TIMEOUT, Ground, Outcome
from rows import HELD, Row

Item = TypeVar("Item")
SLEEPER = "trap 'exit 7' TERM; sleep 1000 & wait"
LIVING = ("created", "running", "paused")
NOT_THERE = "none"


class Started:
    """A command under way. What it writes goes to files: who inherits these keeps nobody waiting."""

    def __init__(self, command: list[str], environment: dict[str, str] | None = None):
        self.out, self.err = tempfile.TemporaryFile(), tempfile.TemporaryFile()
        self.begin = time.monotonic()
        self.process = subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, stdout=self.out,
                                        stderr=self.err, start_new_session=True)

    @property
    def has_ended(self) -> bool:
        return self.process.poll() is not None

    def finish(self, timeout: float = TIMEOUT) -> Outcome:
        """Its end; if that does not come in time, it and its session are killed."""
        try:
            status: int | None = self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
            status = None
        seconds = time.monotonic() - self.begin
        texts = []
        for file in (self.out, self.err):
            file.seek(0)
            texts.append(file.read(1 << 20).decode(errors="replace"))
            file.close()
        return Outcome(status, *texts, seconds)


def complaint(words: str, outcome: Outcome, codes: range = range(0)) -> str:
    """What is wrong with the way in which a command ended, whatever it was to do; empty if nothing is.

    It is to succeed, or to fail with one line that says why; `codes` are exit statuses of what it ran.
    """
    errors = [line for line in outcome.err.splitlines() if "level=warning" not in line]
    if outcome.hung:
        return f"{words}: hangs"
    if outcome.status is not None and outcome.status < 0:
        return f"{words}: ended by signal {-outcome.status}: {outcome.err.strip()[:200]}"
    if outcome.status in codes:
        return ""
    if outcome.status == 0:
        return f"{words}: success with an error: {errors[0][:200]}" if errors else ""
    if len(errors) != 1:
        return f"{words}: status {outcome.status} with {len(errors)} lines of error: {outcome.err.strip()[:200]}"
    return ""


class Arena:
    """A ground, one runtime, and a bundle for a container that stays and one for a container that ends."""

    def __init__(self, name: str, path: str, runtime: str = "apus"):
        self.ground = Ground(name)
        self.runtime = self.ground.runtime(runtime, path)
        self.sleeper = self.ground.bundle().shell(SLEEPER)
        self.brief = self.ground.bundle().shell("exit 0")
        self.cgroup_parents = self._find_cgroup_parents()

    def _find_cgroup_parents(self) -> list[Path]:
        """Where the cgroups of containers are made: found with one of them."""
        name = self.ground.name()
        self.succeed("create", "--bundle", str(self.sleeper.path), name)
        parents = [path.parent for path in self.ground.cgroups() if path.name == name]
        self.succeed("delete", "--force", name)
        return parents

    # ---- Commands

    def start(self, *words: str, manager: str = "") -> Started:
        """Begins a command; `manager` is the socket of a service manager that wants to know what is ready."""
        return Started(self.runtime.command(*words), {**os.environ, "NOTIFY_SOCKET": manager} if manager else None)

    def call(self, *words: str, timeout: float = TIMEOUT) -> Outcome:
        return self.start(*words).finish(timeout)

    def succeed(self, *words: str) -> None:
        outcome = self.call(*words)
        if not outcome.succeeded:
            raise RuntimeError(f"{' '.join(words)}: status {outcome.status}: {outcome.err.strip()}")

    def make(self, state: str, name: str | None = None) -> str:
        """A fresh container in a state; its id."""
        name = name or self.ground.name()
        if state == "created":
            self.succeed("create", "--bundle", str(self.sleeper.path), name)
        elif state in ("running", "paused"):
            self.succeed("run", "--detach", "--bundle", str(self.sleeper.path), name)
        elif state == "stopped":
            self.succeed("run", "--detach", "--bundle", str(self.brief.path), name)
            until(lambda: self.status(name) == "stopped", f"{name} to stop")
        if state == "paused":
            self.succeed("pause", name)
        return name

    # ---- What is true

    def status(self, name: str) -> str:
        """What `state` says; "none" if it does not know the container, or cannot tell."""
        return self.runtime.state(name).get("status", NOT_THERE)

    def entry(self, name: str) -> Path:
        return self.runtime.root / name

    def cgroups(self, name: str) -> list[Path]:
        return [parent / name for parent in self.cgroup_parents if (parent / name).exists()]

    def inhabitants(self, name: str) -> set[int]:
        """The living processes of a container, whatever the runtime says."""
        found: set[int] = set()
        for folder in self.cgroups(name):
            try:
                found.update(map(int, (folder / "cgroup.procs").read_text().split()))
            except OSError:
                continue  # it is being removed
        return {pid for pid in found if is_alive(pid)}

    def is_frozen(self, name: str) -> bool:
        for folder in self.cgroups(name):
            for file, word in (("freezer.state", "FRO"), ("freezer.state", "FREEZ"), ("cgroup.freeze", "1")):
                try:
                    if (folder / file).read_text().startswith(word):
                        return True
                except OSError:
                    continue
        return False

    def settled(self, name: str, patience: float = 10) -> tuple[str, str]:
        """The status of a container on which nobody works, and what contradicts it: waits for who is dying."""
        deadline = time.monotonic() + patience
        while True:
            known = self.runtime.state(name)
            status = known.get("status", NOT_THERE)
            living = self.inhabitants(name)
            # One that waits for the rest of its pid namespace to end has left its cgroup already.
            agrees = not living
            if status in LIVING:
                agrees = known["pid"] in living or bool(living) and is_alive(known["pid"])
            if agrees and status != "creating":
                return status, ""
            if time.monotonic() > deadline:
                return status, f"state says {status}, living are {sorted(living)}"
            time.sleep(0.01)

    def remove(self, name: str) -> list[str]:
        """`delete --force`, and what it leaves."""
        outcome = self.call("delete", "--force", name)
        wrong = complaint("delete --force", outcome)
        if not outcome.succeeded:
            return [wrong or f"delete --force fails: {outcome.err.strip()[:300]}"]
        return [wrong] * bool(wrong) + self.remains(name)

    def remains(self, name: str) -> list[str]:
        """What is left of a container that is said to be gone."""
        left = [f"process {pid} stays" for pid in sorted(self.inhabitants(name))]
        if not left:  # a process keeps its cgroup; one line is enough
            left = [f"cgroup {path} stays" for path in self.cgroups(name)]
        return left + [f"state {name} stays"] * os.path.lexists(self.entry(name))

    def clear(self, name: str) -> None:
        """Takes away by force what is left of a container, so that the next case begins with nothing."""
        for folder in self.cgroups(name):
            for file, value in (("freezer.state", "THAWED"), ("cgroup.freeze", "0")):
                if (folder / file).exists():
                    (folder / file).write_text(value)
        for pid in self.inhabitants(name):
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        until(lambda: not self.inhabitants(name), f"the end of {name}")
        for folder in self.cgroups(name):
            folder.rmdir()

    def branch(self) -> "Arena":
        """The same with a state directory of its own."""
        branch = copy.copy(self)
        root = self.ground.work / f"root-{time.monotonic_ns()}-{threading.get_ident()}"
        root.mkdir(mode=0o700)
        branch.runtime = dataclasses.replace(self.runtime, root=root)
        return branch

    def close(self) -> list[str]:
        """Takes everything away; what was left."""
        left = self.ground.leftovers(self.runtime)
        self.ground.clear(self.runtime)
        self.ground.close()
        return left


def is_alive(pid: int) -> bool:
    """Whether a process is there and has not ended: one that nobody has reaped yet has."""
    return process_state(pid) not in ("", "Z", "X")


def process_state(pid: int) -> str:
    """The letter of proc_pid_stat(5); empty if there is no such process."""
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0]
    except OSError:
        return ""


def until(holds: Callable[[], bool], what: str, patience: float = TIMEOUT) -> None:
    deadline = time.monotonic() + patience
    while not holds():
        if time.monotonic() > deadline:
            raise RuntimeError(f"waited in vain for {what}")
        time.sleep(0.005)


def in_crowds(work: Callable[[Item], list[str]], items: Iterable[Item], width: int) -> list[str]:
    """Does `work` on many items at a time; all the complaints."""
    with ThreadPoolExecutor(width) as pool:
        return [text for texts in pool.map(work, items) for text in texts]


def judged(name: str, figure: str, complaints: list[str], shown: int = 4) -> Row:
    """A row that tells the first complaints of many."""
    more = f"; and {len(complaints) - shown} more" if len(complaints) > shown else ""
    return Row(name, {"apus": "; ".join(complaints[:shown]) + more if complaints else HELD}, figure)


def closing(arena: Arena, name: str) -> Iterator[Row]:
    """The row about what a whole family has left behind."""
    yield judged(name, "processes, mounts, cgroups, states", arena.close())
