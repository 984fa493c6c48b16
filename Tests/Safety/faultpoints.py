"""The points at which a command can be spoilt: every system call of it and of the processes that it clones.

`tracer.c` does the spoiling. What may go wrong at a call is what its manual page says; a call without a row in the
table is a mistake of this table, so that nothing new is left out in silence.
"""

import errno
import re
import signal
import socket
import subprocess
import tempfile
import threading
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from ground import TIMEOUT, Outcome, call

CRASHES = {signal.SIGSEGV, signal.SIGILL, signal.SIGBUS, signal.SIGABRT, signal.SIGTRAP, signal.SIGFPE, signal.SIGSYS}

# What cannot fail, whatever happens: by its manual page, or because nothing follows from it. brk(2) gives no error
# number (the C library falls back on mmap), and the calls of the C library before main are not apus's.
INFALLIBLE = set("""arch_prctl brk capget close close_range exit_group getegid geteuid getpid getrandom gettid
    gettimeofday getuid listen lseek mprotect munmap prlimit64 rseq rt_sigaction rt_sigprocmask rt_sigreturn
    sched_yield set_robust_list set_tid_address umask uname clock_gettime restart_syscall""".split())

# By call: the errors, and words of which one has to be in the message. Errors of reading and writing are also those of
# the control files of cgroups. EINTR is listed where a signal, a stop or a tracer can interrupt the call.
TABLE = {
    "openat": ("EMFILE ENOMEM EIO EPERM", "open read write"),
    "openat2": ("EMFILE ENOMEM EIO EPERM", "open"),
    "read": ("EIO ENOMEM EINTR", "read"),
    "write": ("ENOSPC EIO ENOMEM EPERM EINTR", "write"),
    "pread64": ("EIO ENOMEM EINTR", "read"),
    "pwrite64": ("ENOSPC EIO ENOMEM EPERM EINTR", "write"),
    "newfstatat": ("ENOMEM EIO EPERM", "stat"),
    "statx": ("ENOMEM EIO EPERM", "stat"),
    "fstat": ("ENOMEM EIO", "stat"),
    "statfs": ("ENOMEM EIO", "statfs statvfs"),
    "fstatfs": ("ENOMEM EIO", "statfs"),
    "readlink": ("ENOMEM EIO EPERM", "readlink realpath"),
    "readlinkat": ("ENOMEM EIO EPERM", "readlink realpath"),
    "getcwd": ("ENOMEM", "getcwd"),
    "getdents64": ("ENOMEM EIO", "getdents rmdir"),
    "faccessat2": ("ENOMEM EIO EPERM", "access"),
    "mkdirat": ("ENOSPC ENOMEM EIO EPERM", "mkdir"),
    "mknodat": ("ENOSPC ENOMEM EIO EPERM", "mknod"),
    "symlinkat": ("ENOSPC ENOMEM EIO EPERM", "symlink"),
    "linkat": ("ENOSPC ENOMEM EIO EPERM", "link"),
    "renameat": ("ENOSPC ENOMEM EIO EPERM", "rename"),
    "renameat2": ("ENOSPC ENOMEM EIO EPERM", "rename"),
    "unlinkat": ("ENOMEM EIO EPERM", "unlink rmdir remove"),
    "fchmodat": ("ENOSPC ENOMEM EIO EPERM", "chmod"),
    "fchmod": ("ENOSPC EIO EPERM", "chmod"),
    "fchownat": ("ENOSPC ENOMEM EIO EPERM", "chown"),
    "fchown": ("ENOSPC EIO EPERM", "chown"),
    "ftruncate": ("EIO EPERM EINTR", "truncate"),
    "fcntl": ("", "fcntl dup"),
    "dup2": ("EMFILE", "dup spawn"),
    "dup3": ("EMFILE", "dup"),
    "sendfile": ("ENOSPC ENOMEM EIO EINTR", "sendfile copy"),
    "flock": ("EIO EINTR", "flock lock"),
    "ioctl": ("EIO EPERM", "ioctl"),
    "chdir": ("ENOMEM EIO", "chdir"),
    "fchdir": ("EIO EPERM", "chdir"),
    "memfd_create": ("EMFILE ENOMEM EPERM", "memfd_create"),
    "mmap": ("ENOMEM", "mmap memory"),
    "mremap": ("ENOMEM", "mremap memory"),
    "socket": ("EMFILE ENOMEM EPERM", "socket bind connect"),
    "socketpair": ("EMFILE ENOMEM EPERM", "socketpair"),
    "pipe2": ("EMFILE ENOMEM", "pipe"),
    "bind": ("ENOSPC ENOMEM EIO EPERM", "bind"),
    "connect": ("EAGAIN ENOMEM EPERM EINTR", "connect"),
    "accept4": ("EMFILE ENOMEM EPERM EINTR", "accept"),
    "sendmsg": ("ENOMEM EPERM EINTR", "sendmsg"),
    "recvmsg": ("ENOMEM EINTR", "recvmsg"),
    "poll": ("ENOMEM EINTR", "poll"),
    "ppoll": ("ENOMEM EINTR", "poll"),
    "clock_nanosleep": ("EINTR", "sleep"),
    "nanosleep": ("EINTR", "sleep"),
    "signalfd4": ("EMFILE ENOMEM", "signalfd"),
    "inotify_init1": ("EMFILE ENOMEM", "inotify"),
    "inotify_add_watch": ("ENOSPC ENOMEM EPERM", "inotify"),
    "pidfd_open": ("EMFILE ENOMEM", "pidfd_open sibling"),
    "pidfd_getfd": ("EMFILE EPERM", "pidfd_getfd"),
    "pidfd_send_signal": ("EPERM", "kill signal"),
    "kill": ("EPERM", "kill signal"),
    "waitid": ("EINTR", "wait"),
    "wait4": ("EINTR", "wait"),
    "clone": ("EAGAIN ENOMEM EPERM ENOSPC", "clone"),
    "clone3": ("EAGAIN ENOMEM EPERM ENOSPC EMFILE", "spawn clone fork start hook"),
    "execve": ("EAGAIN ENOMEM EIO EPERM EMFILE", "exec spawn"),
    "execveat": ("EAGAIN ENOMEM EIO EPERM EMFILE", "exec spawn"),
    "setns": ("ENOMEM EPERM", "setns join"),
    "unshare": ("ENOMEM EPERM ENOSPC", "unshare"),
    "setsid": ("EPERM", "session"),
    "setgroups": ("ENOMEM EPERM", "groups"),
    "setresgid": ("EAGAIN EPERM", "gid group"),
    "setresuid": ("EAGAIN ENOMEM EPERM", "uid user"),
    "capset": ("EPERM", "capabilities"),
    "prctl": ("", "prctl"),
    "keyctl": ("ENOMEM EPERM", "keyring"),
    "seccomp": ("ENOMEM EPERM", "seccomp"),
    "sethostname": ("EPERM", "hostname"),
    "setdomainname": ("EPERM", "domainname"),
    "fsopen": ("EMFILE ENOMEM EPERM", "fsopen"),
    "fsconfig": ("ENOMEM EIO EPERM", "fsconfig"),
    "fsmount": ("EMFILE ENOMEM EPERM ENOSPC", "fsmount"),
    "fspick": ("EMFILE ENOMEM EPERM", "fspick"),
    "open_tree": ("EMFILE ENOMEM EPERM ENOSPC", "open_tree"),
    "move_mount": ("ENOMEM EPERM ENOSPC", "move_mount"),
    "mount_setattr": ("ENOMEM EPERM", "mount_setattr map"),
    "pivot_root": ("EPERM", "pivot_root"),
    "umount2": ("ENOMEM EPERM", "umount"),
    "chroot": ("ENOMEM EIO EPERM", "chroot"),
    "sched_setattr": ("EPERM", "sched"),
    "sched_setaffinity": ("EPERM", "affinity"),
    "setpriority": ("EPERM", "priority"),
    "ioprio_set": ("EPERM", "ioprio"),
    "bpf": ("ENOMEM EPERM", "bpf"),
}
O_CREAT, IN_ROOT, LOCK_NB = 0o100, 0x10, 4
F_DUPFD, F_DUPFD_CLOEXEC, F_ADD_SEALS = 0, 1030, 1033
FALLIBLE_PRCTL = {8, 24, 47}  # PR_SET_KEEPCAPS, PR_CAPBSET_DROP, PR_CAP_AMBIENT
# Calls whose first argument is no descriptor, whatever its value.
NO_DESCRIPTOR = set("""brk clone3 execve exit_group keyctl kill memfd_create mmap mprotect munmap pidfd_open poll prctl
    rt_sigaction rt_sigprocmask setgroups setresgid setresuid signalfd4 socket socketpair umask wait4 waitid""".split())
# A single one of these changes nothing: the call is made again.
RETRIED = {"EINTR"}


def call_names() -> dict[int, str]:
    """The names of the system calls of this machine, as its headers have them."""
    macros = subprocess.run(["cc", "-E", "-dM", "-"], input="#include <sys/syscall.h>\n", text=True, check=True,
                            stdout=subprocess.PIPE).stdout
    return {int(number): name for name, number in re.findall(r"#define __NR_(\w+) (\d+)$", macros, re.M)}


@dataclass(frozen=True)
class Point:
    """The `count`-th call `name` of a process: 0 is the command."""

    process: int
    number: int
    count: int
    name: str
    arguments: tuple[int, int, int]
    file: str
    text: str

    @property
    def errors(self) -> list[str]:
        found = TABLE[self.name][0].split()
        first, second, third = self.arguments
        if self.name == "write" and first == 2:
            return ["EINTR"]  # who cannot be told anything is told nothing
        if self.name == "openat" and third & O_CREAT:
            found.append("ENOSPC")
        if self.name == "openat2" and third & IN_ROOT:
            found.append("EAGAIN")
        if self.file.endswith("/devices.allow"):
            found.remove("EPERM")  # what the cgroup above does not allow, which is no error
        if self.name == "mkdirat" and "/cgroup/" in self.text:
            found.append("EAGAIN")
        if self.name == "flock" and second & LOCK_NB:
            found.append("EAGAIN")
        if self.name == "fcntl" and second in (F_DUPFD, F_DUPFD_CLOEXEC):
            found.append("EMFILE")
        if self.name == "fcntl" and second == F_ADD_SEALS:
            found.append("EPERM")
        if self.name == "prctl" and first in FALLIBLE_PRCTL:
            found.append("EPERM")
        return found

    def is_retried(self, error: str) -> bool:
        """openat2(2): a rename anywhere while the path is walked."""
        return error in RETRIED or (self.name == "openat2" and error == "EAGAIN")

    def text_for_people(self) -> str:
        whom = "" if self.process == 0 else f"process {self.process}: "
        what = " ".join(filter(None, (self.file, self.text)))
        return f"{whom}{self.name} #{self.count} ({what})" if what else f"{whom}{self.name} #{self.count}"


@dataclass
class Log:
    """What the tracer saw."""

    points: list[Point]
    was_hit: bool
    ends: dict[int, tuple[str, int]]  # by process: "exit" or "signal", and which

    @property
    def status(self) -> int | None:
        """The exit status of the command; None if it died of a signal."""
        kind, number = self.ends.get(0, ("", 0))
        return number if kind == "exit" else None

    @property
    def signal(self) -> int | None:
        kind, number = self.ends.get(0, ("", 0))
        return number if kind == "signal" else None


class Tracer:
    """The compiled tracer, in a directory of a ground."""

    def __init__(self, directory: Path):
        self.path = directory / "tracer"
        source = Path(__file__).resolve().parent / "tracer.c"
        subprocess.run(["cc", "-std=gnu17", "-O1", "-Wall", "-Wextra", "-Werror", str(source), "-o", str(self.path)],
                       check=True)
        self.names = call_names()
        self.directory = directory

    def trace(self, command: list[str], attach: int = 0, **options) -> tuple[Outcome, Log]:
        return self._run(["--list"], command, attach, **options)

    def fail(self, point: Point, error: str, command: list[str], attach: int = 0, **options) -> tuple[Outcome, Log]:
        return self._run([*self._at(point), "--error", str(getattr(errno, error))], command, attach, **options)

    def kill(self, point: Point, command: list[str], attach: int = 0, **options) -> tuple[Outcome, Log]:
        return self._run([*self._at(point), "--kill"], command, attach, **options)

    def kill_command(self, point: Point, command: list[str], look: Callable[[], None], attach: int = 0,
                     **options) -> tuple[Outcome, Log]:
        """Kills the command while another process is held at `point`, and calls `look` meanwhile."""
        near, far = socket.socketpair()
        with near, far:
            looker = threading.Thread(target=_look, args=(near, look))
            looker.start()
            try:
                return self._run([*self._at(point), "--kill-command", "--hold", str(far.fileno())], command, attach,
                                 pass_fds=(far.fileno(),), **options)
            finally:
                far.close()
                looker.join()

    @staticmethod
    def _at(point: Point) -> list[str]:
        return ["--at", f"{point.process}:{point.number}:{point.count}"]

    def _run(self, flags: list[str], command: list[str], attach: int, timeout: float = TIMEOUT,
             **options) -> tuple[Outcome, Log]:
        with tempfile.NamedTemporaryFile(dir=self.directory) as log:
            head = [str(self.path), "--log", log.name, *(["--attach", str(attach)] if attach else []), *flags]
            outcome = call([*head, *command], timeout=timeout, **options)
            if outcome.status not in (0, None):
                raise RuntimeError(f"the tracer failed: {outcome.err}")
            return outcome, self._read(Path(log.name).read_text(errors="replace").splitlines())

    def _read(self, lines: Iterable[str]) -> Log:
        log = Log([], False, {})
        counts: Counter = Counter()
        for line in lines:
            word, process, number, *rest = line.split("\t")
            if word in ("exit", "signal"):
                log.ends[int(process)] = (word, int(number))
                continue
            log.was_hit |= word == "hit"
            key = (int(process), int(number))
            counts[key] += 1
            first, second, third, file, text = rest
            name = self.names.get(key[1], f"call {key[1]}")
            log.points.append(Point(*key, counts[key], name, (int(first, 16), int(second, 16), int(third, 16)),
                                    "" if name in NO_DESCRIPTOR else file, text))
        return log


def _look(near: socket.socket, look: Callable[[], None]) -> None:
    with near:  # Its end lets the process go on.
        if near.recv(1):
            look()


def fallible(points: list[Point]) -> list[Point]:
    """The calls that can fail; a call that no table knows is an error."""
    unknown = {point.name for point in points} - INFALLIBLE - TABLE.keys()
    if unknown:
        raise LookupError(f"no errors known for {', '.join(sorted(unknown))}: faultpoints.py needs a row for each")
    return [point for point in points if point.name not in INFALLIBLE]
