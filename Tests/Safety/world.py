"""A machine of its own for one attack, as far as namespaces go.

What an attack does to "the host" it does to namespaces that end with it: mounts, processes, network, host name, message
queues, and the device nodes, which are a tmpfs with nodes of our own on `/dev`. So an attack that works harms nobody,
and what it changed can be seen.
"""

import ctypes
import os
import signal
import stat
import time
from collections.abc import Callable
from pathlib import Path

CGROUPS = Path("/sys/fs/cgroup")
MS_RDONLY, MS_NOSUID, MS_NOEXEC, MS_BIND, MS_MOVE, MS_REC, MS_SLAVE = 1, 2, 8, 0x1000, 0x2000, 0x4000, 0x80000
NEW_MOUNTS, NEW_PIDS = 0x20000, 0x20000000
NEW_OTHERS = 0x40000000 | 0x04000000 | 0x08000000  # network, uts, ipc
PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36
NODES = {"null": (1, 3), "zero": (1, 5), "full": (1, 7), "random": (1, 8), "urandom": (1, 9), "tty": (5, 0)}
LINKS = {"fd": "/proc/self/fd", "stdin": "/proc/self/fd/0", "stdout": "/proc/self/fd/1", "stderr": "/proc/self/fd/2",
         "ptmx": "pts/ptmx"}
libc = ctypes.CDLL(None, use_errno=True)


def check(result: int, what: str) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")


def mount(source: str | Path, target: str | Path, kind: str = "", flags: int = 0, data: str = "") -> None:
    check(libc.mount(str(source).encode(), str(target).encode(), kind.encode() or None, ctypes.c_ulong(flags),
                     data.encode() or None), f"mount {target}")


def unmount(target: str | Path) -> None:
    check(libc.umount2(str(target).encode(), 2), f"umount {target}")  # MNT_DETACH


def bind(source: str | Path, target: str | Path) -> None:
    mount(source, target, flags=MS_BIND)


def make_devices(folder: Path) -> None:
    """Device nodes of our own, with terminals of our own."""
    mount("tmpfs", folder, "tmpfs", MS_NOSUID, "mode=755")
    for name, (major, minor) in NODES.items():
        os.mknod(folder / name, stat.S_IFCHR | 0o666, os.makedev(major, minor))
        os.chmod(folder / name, 0o666)
    for name, target in LINKS.items():
        os.symlink(target, folder / name)
    for name, kind, options in (("pts", "devpts", "newinstance,ptmxmode=0666,mode=0620"),
                                ("shm", "tmpfs", "mode=1777")):
        (folder / name).mkdir()
        mount(kind, folder / name, kind, MS_NOSUID | MS_NOEXEC, options)


def show_one_cgroup_version(scratch: Path) -> None:
    """Hides cgroup2 where there are hierarchies of version 1 too: crun refuses such hosts. It is not enough to unmount
    it, since crun would make directories below."""
    points = []
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        left, _, right = line.partition(" - ")
        if right.startswith("cgroup"):
            points.append((right.split()[0], Path(left.split()[4])))
    if {kind for kind, _ in points} != {"cgroup", "cgroup2"}:
        return
    scratch.mkdir()
    mount("tmpfs", scratch, "tmpfs", 0, "mode=755")
    for kind, point in points:
        if kind == "cgroup2":
            unmount(point)
        elif point.parent == CGROUPS:
            (scratch / point.name).mkdir()
            mount(point, scratch / point.name, flags=MS_MOVE)
    unmount(CGROUPS)
    mount(scratch, CGROUPS, flags=MS_MOVE)
    scratch.rmdir()


def enter(scratch: Path, one_cgroup_version: bool) -> None:
    """Makes the calling process the first one of the machine; what the process was before waits for its end."""
    check(libc.unshare(NEW_MOUNTS | NEW_PIDS | NEW_OTHERS), "unshare")
    if first := os.fork():
        _, status = os.waitpid(first, 0)
        os._exit(os.waitstatus_to_exitcode(status) & 0x7F)
    libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    mount("none", "/", flags=MS_REC | MS_SLAVE)
    mount("proc", "/proc", "proc")
    make_devices(Path("/dev"))
    if one_cgroup_version:
        show_one_cgroup_version(scratch)


def perform(task: Callable[[], str], scratch: Path, one_cgroup_version: bool, limit: float) -> str | None:
    """What the task returns, which runs on a machine of its own; None if it took longer than `limit` seconds."""
    libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    reading, writing = os.pipe()
    outer = os.fork()
    if outer == 0:
        os.close(reading)
        os.setsid()
        try:
            enter(scratch, one_cgroup_version)
            answer = task()
        except BaseException as error:  # A defect of the check itself: it has to be seen, not lost with the process.
            answer = f"the check failed: {type(error).__name__}: {error}"
        os.write(writing, answer.encode()[:4096])
        os._exit(0)
    os.close(writing)
    answer = read_until_end(reading, time.monotonic() + limit)
    os.close(reading)
    end(outer)
    return answer


def read_until_end(source: int, deadline: float) -> str | None:
    """The text, once its writers are gone; None if they are not by the deadline."""
    import select
    text = b""
    while select.select([source], [], [], max(0, deadline - time.monotonic()))[0]:
        part = os.read(source, 4096)
        if not part:
            return text.decode(errors="replace")
        text += part
    return None


def end(outer: int) -> None:
    """Kills the machine's first process, and with it the others, through the process that waits for it."""
    try:
        os.kill(outer, signal.SIGKILL)
    except ProcessLookupError:
        pass
    os.waitpid(outer, 0)
