"""What a benchmark must not leave on the machine."""

import os
from pathlib import Path

CGROUPS = Path("/sys/fs/cgroup")
STATE = [Path("/run") / name for name in ("apus", "crun", "runc")]  # in case --root was not heeded


def cgroups(prefix: str) -> list[Path]:
    """Cgroups whose name begins with `prefix`, the innermost first."""
    found = [Path(parent) / name for parent, names, _ in os.walk(CGROUPS) for name in names if name.startswith(prefix)]
    return sorted(found, key=lambda path: -len(path.parts))


def mounts(prefix: str) -> list[str]:
    """Mount points of this mount namespace that show anything of the benchmark."""
    with open("/proc/self/mountinfo") as file:
        return [line.split()[4] for line in file if prefix in line]


def states(prefix: str, roots: list[Path]) -> list[Path]:
    """Entries for our containers in directories of runtimes."""
    return [entry for root in roots + STATE if root.is_dir() for entry in root.iterdir()
            if entry.name.startswith(prefix)]


def report(prefix: str, roots: list[Path], processes: list[int]) -> list[str]:
    """One line for each thing that was left behind. Removes the cgroups."""
    lines = [f"process {pid}" for pid in processes]
    lines += [f"mount {point}" for point in mounts(prefix)]
    lines += [f"state {path}" for path in states(prefix, roots)]
    for path in cgroups(prefix):
        lines.append(f"cgroup {path}")
        try:
            path.rmdir()
        except OSError as error:
            lines[-1] += f", which stays: {error.strerror}"
    return lines
