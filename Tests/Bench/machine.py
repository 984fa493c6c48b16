"""The machine: whether it has what is needed, what it is, and its cgroups as every runtime can use them."""

import datetime
import os
import platform
import shutil
import subprocess
from pathlib import Path

from measurement import Bench
from processes import Failure, execute
from runtimes import Floor

# Program and Debian package.
PACKAGES = {"busybox": "busybox-static", "cc": "gcc", "unshare": "util-linux"}
TIMERS = {"hyperfine": "hyperfine"}
COUNTERS = {"strace": "strace", "nm": "binutils"}
CGROUPS = Path("/sys/fs/cgroup")


def missing(binaries: dict[str, Path | None], timed: bool) -> str:
    """One sentence that says what is not there for the runtimes of these names, or nothing."""
    packages = PACKAGES | (TIMERS if timed else COUNTERS)
    packages |= {name: name for name, path in binaries.items() if path is None}
    absent = [name for name in packages if shutil.which(name) is None]
    parts = []
    if os.geteuid() != 0:
        parts.append("root is needed, for namespaces and cgroups")
    if absent:
        parts.append(f"{', '.join(absent)} not found (apt-get install {' '.join(packages[name] for name in absent)})")
    for name, path in binaries.items():
        if path is not None and not (path.is_file() and os.access(path, os.X_OK)):
            parts.append(f"no {name} at {path}" + (" (make build, or --without apus)" if name == "apus" else ""))
    return "; ".join(parts)


def cgroup_mounts() -> list[tuple[str, Path]]:
    """File system type and mount point of every mounted cgroup hierarchy."""
    lines = [line.split(" - ") for line in Path("/proc/self/mountinfo").read_text().splitlines()]
    return [(right.split()[0], Path(left.split()[4])) for left, right in lines if right.startswith("cgroup")]


def mount_tmpfs(directory: Path) -> None:
    """Containers' states are kept in /run, which is a tmpfs: on a disk, its journal would be measured too. Only for a
    private mount namespace."""
    directory.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "mode=700", "tmpfs", str(directory)], check=True)


def unmount(directory: Path) -> None:
    subprocess.run(["umount", str(directory)], check=True)


def show_one_cgroup_version(scratch: Path) -> None:
    """crun refuses hosts with both versions, so we show it version 1 alone. Only for a private mount namespace.

    It is not enough to unmount version 2: crun would make directories in the file system below it, which is the
    host's. So the mounts move to a new one, which takes the place of the old.
    """

    def tool(*arguments: str | Path) -> None:
        execute([shutil.which(arguments[0]), *map(str, arguments[1:])])

    mounts = cgroup_mounts()
    if {kind for kind, _ in mounts} != {"cgroup", "cgroup2"}:
        return
    scratch.mkdir()
    tool("mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", scratch)
    for link in filter(Path.is_symlink, CGROUPS.iterdir()):
        (scratch / link.name).symlink_to(link.readlink())
    for kind, point in mounts:
        if kind == "cgroup2":
            tool("umount", point)
        elif point.parent == CGROUPS:
            (scratch / point.name).mkdir()
            tool("mount", "--move", point, scratch / point.name)
    tool("umount", CGROUPS)
    tool("mount", "--move", scratch, CGROUPS)


def describe(bench: Bench) -> dict:
    """What has to be known to compare two tables: machine, kernel, versions, and how busy the machine was."""
    versions = {}
    for runtime in bench.runtimes:
        if not isinstance(runtime, Floor):
            try:
                versions[runtime.name] = execute(runtime.version()).output.splitlines()[0]
            except (Failure, OSError, IndexError) as error:
                versions[runtime.name] = f"{runtime.name} without a version ({error})"
    return {"date": datetime.date.today().isoformat(), "machine": platform.machine(), "processors": os.cpu_count(),
            "kernel": platform.release(), "cgroups": sorted({kind for kind, _ in cgroup_mounts()}),
            "load": os.getloadavg()[0], "turns": bench.turns, "versions": versions}


def sentence(facts: dict) -> str:
    versions = (f"{name}: {text.removeprefix(name.partition('-')[0] + ' version ')}"
                for name, text in facts["versions"].items())
    return (f"{facts['date']}, {facts['processors']} processors ({facts['machine']}), kernel {facts['kernel']}, "
            f"{' and '.join(facts['cgroups'])}, load {facts['load']:.1f}; {'; '.join(versions)}; "
            f"{facts['turns']} turns.")
