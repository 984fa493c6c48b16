"""The ground on which the safety checks stand: bundles, runtimes, and what must not be left behind.

Everything happens below one directory of its own, in a mount namespace of its own (`Ground` makes it): what a runtime
does to the mounts of its host ends with the check. The host's files that an attack aims at are canaries in that
directory, never real ones.
"""

import copy
import ctypes
import hashlib
import json
import os
import shutil
import signal
import subprocess
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

NAMESPACES = [{"type": kind} for kind in ("pid", "ipc", "uts", "mount")]
CONFIG = {
    "ociVersion": "1.0.2",
    "root": {"path": "rootfs", "readonly": False},
    "process": {
        "terminal": False, "user": {"uid": 0, "gid": 0}, "cwd": "/", "args": ["/bin/true"],
        "env": ["PATH=/bin"], "noNewPrivileges": True,
        "capabilities": {kind: [] for kind in ("bounding", "effective", "permitted")},
    },
    "mounts": [
        {"destination": "/proc", "type": "proc", "source": "proc"},
        {"destination": "/dev", "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "mode=755", "size=65536k"]},
        {"destination": "/dev/pts", "type": "devpts", "source": "devpts",
         "options": ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620"]},
    ],
    "linux": {
        "namespaces": NAMESPACES,
        "maskedPaths": ["/proc/kcore", "/proc/keys", "/proc/timer_list", "/proc/scsi"],
        "readonlyPaths": ["/proc/sys", "/proc/sysrq-trigger"],
    },
}
APPLETS = ("sh ls cat stat touch grep sleep echo true false mkdir chmod chown rm ln mv id env pwd dd find head readlink "
           "mount umount kill test mknod truncate").split()
TIMEOUT = 30  # seconds; a command that takes longer hangs


@dataclass
class Outcome:
    """How a command ended: `status` is None if it had to be killed because it hung."""

    status: int | None
    out: str
    err: str
    seconds: float

    @property
    def succeeded(self) -> bool:
        return self.status == 0

    @property
    def hung(self) -> bool:
        return self.status is None


@dataclass
class Runtime:
    """A runtime by path, with a directory of states of its own."""

    name: str
    path: str
    root: Path
    flags: tuple[str, ...] = ()

    def command(self, *words: str) -> list[str]:
        return [self.path, "--root", str(self.root), *self.flags, *words]

    def call(self, *words: str, cwd: Path | None = None, timeout: float = TIMEOUT, input: str = "",
             **options) -> Outcome:
        """Runs a command of the runtime to its end, or kills it and what it has started in its session."""
        return call(self.command(*words), cwd=cwd, timeout=timeout, input=input, **options)

    def state(self, name: str) -> dict:
        """What `state` says; empty if the container is unknown."""
        outcome = self.call("state", name)
        return json.loads(outcome.out) if outcome.succeeded else {}


def call(command: list[str], cwd: Path | None = None, timeout: float = TIMEOUT, input: str = "", **options) -> Outcome:
    begin = time.monotonic()
    # Files, not pipes: a container that keeps them open keeps nobody waiting.
    with tempfile.TemporaryFile() as given, tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        given.write(input.encode())
        given.seek(0)
        process = subprocess.Popen(command, cwd=cwd, stdin=given, stdout=out, stderr=err, start_new_session=True, **options)
        try:
            status: int | None = process.wait(timeout)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            status = None
        texts = []
        for file in (out, err):
            file.seek(0)
            texts.append(file.read().decode(errors="replace"))
    return Outcome(status, *texts, time.monotonic() - begin)


@dataclass
class Bundle:
    """A bundle with busybox in it. `config` is the default configuration to change; `write` puts it on the disk."""

    path: Path
    config: dict = field(default_factory=lambda: copy.deepcopy(CONFIG))

    @property
    def rootfs(self) -> Path:
        return self.path / "rootfs"

    def write(self) -> "Bundle":
        (self.path / "config.json").write_text(json.dumps(self.config))
        return self

    def shell(self, script: str) -> "Bundle":
        """Has the container run a script."""
        self.config["process"]["args"] = ["/bin/sh", "-c", script]
        return self.write()

    def capabilities(self, *names: str) -> "Bundle":
        sets = [f"CAP_{name}" for name in names]
        self.config["process"]["capabilities"] = {kind: sets for kind in ("bounding", "effective", "permitted")}
        return self.write()


class Ground:
    """A directory for one set of checks, with what is needed to see that nothing is left.

    Call `Ground.isolate()` once, early, in the process that makes grounds.
    """

    def __init__(self, name: str):
        self.tag = f"apus-{name}-{os.getpid()}"
        self.work = Path(tempfile.mkdtemp(prefix=f"{self.tag}-", dir="/tmp"))
        os.chmod(self.work, 0o755)
        self.number = 0

    @staticmethod
    def isolate() -> None:
        """A mount namespace of this process's own, and orphans that come to it instead of process 1."""
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.unshare(0x20000) != 0:  # CLONE_NEWNS
            raise OSError(ctypes.get_errno(), "unshare")
        subprocess.run(["mount", "--make-rslave", "/"], check=True)
        libc.prctl(36, 1, 0, 0, 0)  # PR_SET_CHILD_SUBREAPER

    def runtime(self, name: str, path: str, *flags: str) -> Runtime:
        root = self.work / f"root-{name}"
        root.mkdir(mode=0o700, exist_ok=True)
        return Runtime(name, os.path.abspath(path), root, flags)

    def name(self) -> str:
        """A fresh id for a container; everything that is left of it carries it."""
        self.number += 1
        return f"{self.tag}-{self.number}"

    def bundle(self) -> Bundle:
        path = self.work / f"bundle-{self.number}-{time.monotonic_ns()}"
        for folder in ("bin", "proc", "dev", "sys", "etc", "tmp"):
            (path / "rootfs" / folder).mkdir(parents=True)
        os.chmod(path / "rootfs/tmp", 0o1777)
        busybox = self.work / "busybox"
        if not busybox.exists():
            shutil.copy(shutil.which("busybox"), busybox)
        os.link(busybox, path / "rootfs/bin/busybox")
        for applet in APPLETS:
            os.symlink("busybox", path / "rootfs/bin" / applet)
        return Bundle(path).write()

    # ---- What is there

    def processes(self) -> list[str]:
        """Living processes, but for this one, that have to do with this ground."""
        found = []
        for pid in filter(str.isdigit, os.listdir("/proc")):
            if int(pid) == os.getpid():
                continue
            for name in ("cmdline", "cgroup", "mountinfo"):
                try:
                    with open(f"/proc/{pid}/{name}", "rb") as file:
                        is_ours = self.tag.encode() in file.read()
                    with open(f"/proc/{pid}/stat") as file:
                        state = file.read().rpartition(")")[2].split()[0]
                    with open(f"/proc/{pid}/comm") as file:
                        comm = file.read().strip()
                except OSError:
                    break  # ended meanwhile
                if is_ours and state not in "ZX":
                    found.append(f"process {pid} {comm}")
                    break
        return found

    def cgroups(self) -> list[Path]:
        """Cgroups that carry the tag, the innermost first."""
        found = [Path(parent) / name for parent, names, _ in os.walk("/sys/fs/cgroup") for name in names if self.tag in name]
        return sorted(found, key=lambda path: -len(path.parts))

    def leftovers(self, *runtimes: Runtime, patience: float = 5) -> list[str]:
        """What is left of containers that are gone: processes, mounts, cgroups, states. Waits for what is ending."""
        deadline = time.monotonic() + patience
        while True:
            self.reap()
            found = self.processes()
            with open("/proc/self/mountinfo") as file:
                found += [f"mount {line.split()[4]}" for line in file if self.tag in line.split()[4]]
            found += [f"cgroup {path}" for path in self.cgroups()]
            for runtime in runtimes:
                found += [f"state {runtime.root}/{name}" for name in os.listdir(runtime.root) if not name.startswith("@")]
            if not found or time.monotonic() > deadline:
                return found
            time.sleep(0.02)

    def reap(self) -> None:
        try:
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        except ChildProcessError:
            pass

    def clear(self, *runtimes: Runtime) -> None:
        """Takes away what a failure has left, by force, so that the next check begins with nothing."""
        for line in self.processes():
            try:
                os.kill(int(line.split()[1]), signal.SIGKILL)
            except ProcessLookupError:
                pass
        deadline = time.monotonic() + 5
        while self.processes() and time.monotonic() < deadline:
            self.reap()
            time.sleep(0.02)
        for path in self.cgroups():
            for name in ("cgroup.freeze", "freezer.state"):
                if (path / name).exists():
                    (path / name).write_text("0" if name == "cgroup.freeze" else "THAWED")
            try:
                path.rmdir()
            except OSError:
                pass  # leftovers() tells
        for runtime in runtimes:
            for entry in os.listdir(runtime.root):
                remove(runtime.root / entry)

    def close(self) -> None:
        with open("/proc/self/mountinfo") as file:
            points = [line.split()[4] for line in file if str(self.work) in line.split()[4]]
        for point in reversed(points):
            subprocess.run(["umount", "-l", point], check=False)
        remove(self.work)


def remove(path: Path) -> None:
    """Removes a tree that may be deeper than Python's stack."""
    subprocess.run(["rm", "-rf", "--one-file-system", str(path)], check=False)


def snapshot(path: Path) -> dict[str, tuple]:
    """What a directory holds, for comparing: inode, mode, owner, size and content of each entry."""
    found = {}
    for parent, folders, files in os.walk(path):
        for name in [*folders, *files, "."]:
            entry = os.path.join(parent, name)
            status = os.lstat(entry)
            content = ""
            if os.path.isfile(entry) and not os.path.islink(entry):
                with open(entry, "rb") as file:
                    content = hashlib.sha256(file.read()).hexdigest()
            elif os.path.islink(entry):
                content = os.readlink(entry)
            found[os.path.relpath(entry, path)] = (status.st_ino, status.st_mode, status.st_uid, status.st_gid, content)
    return found
