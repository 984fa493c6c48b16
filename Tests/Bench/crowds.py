"""How much is much: many containers, many mounts, many processes in one container."""

import contextlib
import ctypes
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from measurement import Bench, Values
from measures import Measure, begin, with_hyperfine
from processes import Storm, descendants, execute, memory, wait
from runtimes import Runtime

WIDTH, RUNS = 16, 96  # containers at the same time, and altogether in a turn
POPULATIONS = (100, 500)
MOUNTS = (1000, 2000)
RATE = 50  # `exec`s in a second


def parallel(suffix: str, bundle: str) -> Measure:
    """Runs per second. Every place has a container id of its own."""

    def measure(bench: Bench, runtime: Runtime) -> Values:
        crowd = runtime.renamed(f"{runtime.id}-%")
        command = [bench.crowd, str(WIDTH), str(RUNS), *crowd.run(bench.bundles[bundle])]
        try:
            seconds = float(execute(command, timeout=60).output)
        except BaseException:
            remove(bench, crowd, WIDTH)
            raise
        return {f"parallel{suffix}": [RUNS / seconds]}

    return measure


# --------------------------------------------------------------------------------------------------- many containers


def add(bench: Bench, runtime: Runtime, count: int) -> None:
    """Starts containers that sleep; their ids have a number, from 0, in the place of `%`."""
    every = runtime.renamed(runtime.id.replace("%", "%%"))
    execute([bench.crowd, "8", str(count), *every.detached(bench.bundles["sleeping"])], timeout=300)


def remove(bench: Bench, runtime: Runtime, count: int) -> None:
    """Ends and deletes all containers of that name. Some may not be there."""
    ours = descendants()
    for number in range(count):
        file = runtime.renamed(runtime.id.replace("%", str(number))).pid_file
        pid = int(file.read_text() or 0) if file.exists() else 0
        if pid in ours:
            os.kill(pid, signal.SIGKILL)
            with contextlib.suppress(ChildProcessError):
                wait(pid)
    every = runtime.renamed(runtime.id.replace("%", "%%"))
    command = [bench.crowd, "8", str(count), *every.call("delete", "--force")]
    subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def populations(bench: Bench, runtime: Runtime) -> Values:
    """`list` while more and more containers run. Only one runtime's are there at a time."""
    found, crowds, there = {}, [], 0
    try:
        for count in POPULATIONS:
            crowds.append((runtime.renamed(f"{runtime.id}-{count}-%"), count - there))
            add(bench, *crowds[-1])
            there = count
            found[f"list-{count}"] = with_hyperfine(bench, runtime, runtime.containers())
    finally:
        for crowd, count in crowds:
            remove(bench, crowd, count)
    return found


# -------------------------------------------------------------------------------------------------------- many mounts


@contextlib.contextmanager
def many_mounts(base: Path, count: int) -> Iterator[None]:
    """A host with that many more mounts; only in this mount namespace."""
    MS_BIND, MNT_DETACH = 4096, 2
    library = ctypes.CDLL(None, use_errno=True)

    def check(result: int) -> None:
        if result < 0:
            raise OSError(ctypes.get_errno(), f"mount below {base}")

    base.mkdir(exist_ok=True)
    check(library.mount(b"tmpfs", os.fsencode(base), b"tmpfs", 0, None))
    try:
        for number in range(count):
            point = base / str(number)
            point.mkdir()
            check(library.mount(os.fsencode(point), os.fsencode(point), None, MS_BIND, None))
        yield
    finally:
        check(library.umount2(os.fsencode(base), MNT_DETACH))


def runs_among_mounts(count: int) -> Measure:
    def measure(bench: Bench, runtime: Runtime) -> Values:
        with many_mounts(bench.work / "many", count):
            return {f"run-mounts-{count}": with_hyperfine(bench, runtime, runtime.run(bench.bundles["default"]))}

    return measure


# ------------------------------------------------------------------------------------------------------ many processes


@dataclass(frozen=True)
class Holding:
    """What a running container occupies, with whatever its runtime keeps for it."""

    memory: int  # KB
    pieces: int  # processes, their descriptors, the files of the state

    @staticmethod
    def of(runtime: Runtime) -> "Holding":
        processes = descendants()
        pieces = len(processes) + sum(len(names) for _, _, names in os.walk(runtime.root))
        for pid in processes:
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):
                pieces += len(os.listdir(f"/proc/{pid}/fd"))
        return Holding(memory(processes, "Pss"), pieces)


def storm(bench: Bench, runtime: Runtime) -> Values:
    """Health probes at a fixed rate, whether or not the one before has ended."""
    begin(bench, runtime)
    try:
        command = runtime.exec("/bin/true")
        for _ in range(RATE):
            execute(command)  # what the first ones leave is no growth
        before = Holding.of(runtime)
        latencies = sorted(Storm(command, RATE).run(bench.storm_seconds))
        after = Holding.of(runtime)
    finally:
        runtime.end()
    return {"storm": latencies, "storm-p95": [latencies[len(latencies) * 95 // 100]], "storm-worst": [latencies[-1]],
            "storm-memory": [float(after.memory - before.memory)],
            "storm-left": [float(after.pieces - before.pieces)]}
