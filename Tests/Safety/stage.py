"""A process of its own for a set of checks, below one that reaps what containers leave behind as orphans.

Who starts commands from many threads cannot wait for any child as well: it would take the exit status of a command from
under the thread that waits for it. So checks run in a process whose parent is the subreaper, and reaps at once.
"""

import os
import pickle
import signal
import sys
import traceback
from collections.abc import Callable, Iterable, Iterator
from typing import BinaryIO

from ground import Ground
from rows import Row


def apart(work: Callable[[], Iterable[Row]]) -> Iterator[Row]:
    """Runs `work` in a mount namespace and with a reaper of its own, and hands on its rows as they come."""
    sys.stdout.flush()
    reading, writing = os.pipe()
    reaper = os.fork()
    if reaper == 0:
        os.close(reading)
        os._exit(_reap(work, writing))
    os.close(writing)
    try:
        with open(reading, "rb") as results:
            while (result := _next(results)) is not None:
                yield result
    finally:
        os.waitpid(reaper, 0)


def _next(results: BinaryIO) -> Row | None:
    try:
        result = pickle.load(results)
    except EOFError:
        raise RuntimeError("the process of the checks has died") from None
    if isinstance(result, str):
        raise RuntimeError(result)
    return result


def _reap(work: Callable[[], Iterable[Row]], writing: int) -> int:
    Ground.isolate()
    worker = os.fork()
    if worker == 0:
        with open(writing, "wb") as results:
            status = _work(work, results)
        os._exit(status)
    os.close(writing)
    while os.wait()[0] != worker:
        pass
    _end_orphans()
    return 0


def _work(work: Callable[[], Iterable[Row]], results: BinaryIO) -> int:
    try:
        for row in work():
            pickle.dump(row, results)
            results.flush()
        pickle.dump(None, results)
        return 0
    except BaseException:
        pickle.dump(traceback.format_exc(), results)
        return 1


def _end_orphans() -> None:
    """What a check has reported as left behind does not stay on the machine."""
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/stat") as file:
                parent = int(file.read().rpartition(")")[2].split()[1])
            if parent == os.getpid():
                os.kill(int(pid), signal.SIGKILL)
        except OSError:
            continue  # it has ended meanwhile
