"""An emulated 64-bit Arm machine: Debian's kernel, busybox, and the files that it is given, all in its memory."""

import base64
import io
import os
import queue
import shutil
import subprocess
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

BOOT = 180  # seconds, on a busy machine without any help of its processor
TIMEOUT = 60

INIT = """\
#!/bin/busybox sh
# Containers have roots of their own, for which the first one must be a file system that can be left (pivot_root(2)).
/bin/busybox mkdir /new
/bin/busybox mount -t tmpfs -o mode=755 tmpfs /new
for entry in /*; do case $entry in /new | /dev) ;; *) /bin/busybox cp -a $entry /new ;; esac; done
/bin/busybox mkdir /new/dev
/bin/busybox mount -t devtmpfs dev /new/dev
exec /bin/busybox switch_root -c /dev/console /new /agent
"""

# One line comes in for each script, encoded; one line goes out, with how it ended and what it wrote.
AGENT = """\
#!/bin/busybox sh
export PATH=/bin HOME=/
/bin/busybox --install -s /bin
mkdir -p /proc /sys /tmp /run
mount -t proc proc /proc
mount -t sysfs sys /sys
mkdir -p /dev/pts /dev/shm
mount -t devpts -o gid=5,mode=620,ptmxmode=666 devpts /dev/pts
mount -t tmpfs -o mode=1777 tmpfs /tmp
mount -t tmpfs -o mode=755 tmpfs /run
chmod 755 / /bin
ip link set lo up
CGROUPS
stty raw -echo </dev/console
echo '@ready'
while read -r line; do
  echo "$line" | base64 -d >/run/script
  sh /run/script >/run/out 2>/run/err </dev/null
  echo "@done $? .$(base64 -w 0 </run/out) .$(base64 -w 0 </run/err)"
done
"""

CGROUPS = {
    "v2": "mount -t cgroup2 cgroup2 /sys/fs/cgroup",
    "v1": """mount -t tmpfs -o mode=755 tmpfs /sys/fs/cgroup
for kind in cpu,cpuacct cpuset memory pids devices freezer blkio; do
  mkdir /sys/fs/cgroup/$kind
  mount -t cgroup -o $kind $kind /sys/fs/cgroup/$kind
done
mkdir /sys/fs/cgroup/systemd
mount -t cgroup -o none,name=systemd systemd /sys/fs/cgroup/systemd""",
}


class Failure(Exception):
    pass


@dataclass
class Outcome:
    status: int
    out: str
    err: str

    @property
    def succeeded(self) -> bool:
        return self.status == 0


def archive(files: dict[str, tuple[int, bytes]]) -> bytes:
    """As cpio(1) writes it for the kernel (newc), from names with mode and content; and what every machine needs."""
    packed = io.BytesIO()

    def pad() -> None:
        packed.write(bytes(-packed.tell() % 4))

    def entry(name: str, mode: int, content: bytes = b"", device: tuple[int, int] = (0, 0)) -> None:
        fields = (0, mode, 0, 0, 1, 0, len(content), 0, 0, *device, len(name) + 1, 0)
        packed.write(b"070701" + b"".join(b"%08x" % field for field in fields) + name.encode() + b"\0")
        pad()
        packed.write(content)
        pad()

    folders = sorted({str(parent) for name in files for parent in Path(name).parents} - {"."})
    for folder in [*folders, "dev"]:
        entry(folder, 0o40755)
    entry("dev/console", 0o20600, device=(5, 1))
    for name, (mode, content) in files.items():
        entry(name, 0o100000 | mode, content)
    entry("TRAILER!!!", 0)
    return packed.getvalue()


class Machine:
    """`files` are programs or texts by their path without the first slash; `guest` is a folder with Debian's kernel and
    busybox; `cpu` as QEMU names it, `cgroups` v1 or v2."""

    def __init__(self, work: Path, guest: Path, files: dict[str, bytes], cpu: str, cgroups: str):
        kernels = sorted((guest / "boot").glob("vmlinuz-*"))
        if not kernels:
            raise Failure(f"{guest}: no kernel")
        busybox = (guest / "bin/busybox").read_bytes()
        image = work / "initramfs"
        image.write_bytes(archive({
            "init": (0o755, INIT.encode()), "bin/busybox": (0o755, busybox),
            "agent": (0o755, AGENT.replace("CGROUPS", CGROUPS[cgroups]).encode()),
            **{name: (0o755, content) for name, content in files.items()},
        }))
        emulator = shutil.which("qemu-system-aarch64")
        if not emulator:
            raise Failure("this needs qemu-system-aarch64 (package qemu-system-arm)")
        self.console: list[str] = []
        self.lines: queue.Queue[str | None] = queue.Queue()
        self.process = subprocess.Popen(
            [emulator, "-M", "virt", "-cpu", cpu, "-smp", "2", "-m", "512", "-display", "none", "-monitor", "none",
             "-serial", "stdio", "-nic", "none", "-no-reboot", "-kernel", str(kernels[-1]), "-initrd", str(image),
             "-append", "console=ttyAMA0 quiet loglevel=1 panic=-1"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()
        try:
            self._line("@ready", BOOT)
        except Failure:
            self.close()
            raise

    def _read(self) -> None:
        for line in self.process.stdout:
            self.lines.put(line.decode(errors="replace").strip())
        self.lines.put(None)

    def _line(self, start: str, timeout: float) -> str:
        deadline = time.monotonic() + timeout
        while True:
            try:
                line = self.lines.get(timeout=max(0.0, deadline - time.monotonic()))
            except queue.Empty:
                line = None
            if line is None:
                raise Failure(f"the machine says nothing more, after: {' | '.join(self.console[-10:])}")
            if line.startswith(start):
                return line
            self.console.append(line)

    def run(self, script: str, timeout: float = TIMEOUT) -> Outcome:
        """Runs a script of the shell there, as root, to its end."""
        self.process.stdin.write(base64.b64encode(script.encode()) + b"\n")
        self.process.stdin.flush()
        _, status, out, err = self._line("@done", timeout).split(" ")
        texts = (base64.b64decode(text[1:]).decode(errors="surrogateescape") for text in (out, err))
        return Outcome(int(status), *texts)

    def text(self, script: str) -> str:
        """What a script that succeeds writes, without the last line's end."""
        outcome = self.run(script)
        if not outcome.succeeded:
            raise Failure(f"{script}: {outcome.status} {outcome.err}")
        return outcome.out.rstrip("\n")

    def bytes(self, script: str) -> bytes:
        return base64.b64decode(self.text(f"{{ {script}; }} | base64 -w 0"))

    def write(self, path: str, content: str) -> None:
        encoded = base64.b64encode(content.encode()).decode()
        self.text(f"mkdir -p {os.path.dirname(path)} && echo {encoded} | base64 -d >{path}")

    def wait_until(self, condition, what: Callable[[], str]) -> None:
        deadline = time.monotonic() + TIMEOUT
        while not condition():
            if time.monotonic() > deadline:
                raise Failure(f"not within {TIMEOUT} s: {what()}")
            time.sleep(0.05)

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        self.reader.join()
        self.process.stdin.close()
        self.process.stdout.close()
