"""Where the time of `run` and `exec` goes: parts of apus's own time line, beside the phases of the floor."""

import os
import re
import shutil
import statistics
import tempfile
import time
from collections import Counter

from measurement import Bench
from processes import Failure, execute, spawn, wait
from runtimes import Floor, Runtime

TURNS_IN_A_ROUND = 10
REST = "start and end of the program, and between the parts"
# Parts of the table, and what they are made of: the names that `apus --timing` and `floor --phases` give.
RUN = {
    "configuration, host, plan": ("parse", "host", "compile seccomp", "plan", "find cgroups"),
    "state directory": ("state",),
    "cgroups": ("cgroup: clone target", "cgroup: directories and limits", "make cgroups",
                "steps up to meeting: the host to make the cgroups", "meeting: the host to make the cgroups"),
    "clone, namespaces": ("plan encoded, clone", "clone"),
    "set-up inside": ("steps up to meeting: the host: ready", "  enter cgroups", "  host name, loopback",
                      "  root file system", "  default mounts", "  cgroup mounts", "  devices",
                      "  masked, read-only paths", "  pivot_root", "  privileges"),
    "exec, the program, its end": ("last steps, exec", "container runs", "process runs"),
    "removal": ("processes and cgroup removed", "remove cgroups"),
}
WHOLE_CHILD = "child, from clone to death"  # of the floor; holds what lies between `clone` and its end


def parts_of(text: str) -> dict[str, float]:
    """Milliseconds by name, out of either program's words."""
    found: dict[str, float] = {}
    for line in text.splitlines():
        ours = re.fullmatch(r" +[\d.]+ +([\d.]+)  (\S.*?)(?: \[\d+\])?", line)
        floors = re.fullmatch(r"( *\S.*?) +([\d.]+) ms", line)
        if ours:
            found[ours[2]] = found.get(ours[2], 0) + float(ours[1])
        elif floors:
            found[floors[1]] = found.get(floors[1], 0) + float(floors[2])
    found.pop("command", None)
    if whole := found.pop(WHOLE_CHILD, 0):
        inside = sum(value for name, value in found.items() if name.startswith("  "))
        found["container runs"] = whole - found["clone"] - inside
    return found


def timed(command: list[str]) -> dict[str, float]:
    """One run: milliseconds by part, in the order of the table."""
    with open(os.devnull, "r+") as nothing, tempfile.TemporaryFile() as errors:
        start = time.perf_counter()
        code = wait(spawn(command, (nothing, nothing, errors)))
        whole = (time.perf_counter() - start) * 1000
        errors.seek(0)
        said = errors.read().decode()
    if code != 0:
        raise Failure(f"{' '.join(command)}: exit code {code}: {said[-400:]}")
    names = parts_of(said)
    if unknown := names.keys() - {name for members in RUN.values() for name in members}:
        raise Failure(f"parts that the table does not know: {', '.join(unknown)}")
    parts = {part: sum(names.get(member, 0) for member in members) for part, members in RUN.items()}
    return parts | {REST: whole - sum(parts.values())}


def fastest(taken: list[dict[str, float]]) -> dict[str, float]:
    """The mean of each part over the fastest tenth of the runs, which nobody else's work has held up."""
    best = sorted(taken, key=lambda parts: sum(parts.values()))[:max(1, len(taken) // 10)]
    return {part: statistics.mean(each[part] for each in best) for part in best[0]}


def system_calls(bench: Bench, command: list[str]) -> tuple[list[int], Counter]:
    """How many each process makes, the command itself first, and how often which."""
    log = bench.work / "where.log"
    execute([shutil.which("strace"), "-f", "-qq", "-o", str(log), *command])
    lines = re.findall(r"^(\d+) +(\w+)\(", log.read_text(), re.MULTILINE)
    return list(Counter(pid for pid, _ in lines).values()), Counter(name for _, name in lines)


def show(bench: Bench) -> bool:
    apus = next(each for each in bench.runtimes if each.name == "apus")
    floor = next(each for each in bench.runtimes if isinstance(each, Floor))
    default = bench.bundles["default"]

    def timing(command: list[str]) -> list[str]:
        return [command[0], "--timing", "-", *command[1:]]

    def phases(command: list[str]) -> list[str]:
        return [command[0], "--phases", *command[1:]]

    execute(apus.create(bench.bundles["sleeping"]))
    execute(apus.call("start"))
    one_more: Runtime = apus.renamed(f"{apus.id}-run")
    commands = {"floor": (floor.run(default), phases), "run": (one_more.run(default), timing),
                "exec": (apus.exec("/bin/true"), timing)}
    try:
        samples: dict[str, list[dict[str, float]]] = {name: [] for name in commands}
        for _ in range(bench.turns * TURNS_IN_A_ROUND):
            for name, (command, instrument) in commands.items():
                samples[name].append(timed(instrument(command)))
        calls = {name: system_calls(bench, command) for name, (command, _) in commands.items()}
        faults = {name: execute([bench.peak, *command]).output.split()[-1] for name, (command, _) in commands.items()}
    finally:
        apus.end()
    means = {name: fastest(taken) for name, taken in samples.items()}
    print(f"{'percent of the time (mean of the fastest tenth)':52}" + "".join(f"{name:>12}" for name in commands))
    for part in (*RUN, REST):
        shares = (means[name][part] / sum(means[name].values()) for name in commands)
        print(f"{part:52}" + "".join(f"{share * 100:12.0f}" for share in shares))
    print(f"{'together, ms':52}" + "".join(f"{sum(means[name].values()):12.2f}" for name in commands))
    print(f"{'page faults':52}" + "".join(f"{faults[name]:>12}" for name in commands))
    for name, (processes, kinds) in calls.items():
        print(f"\n{name}: {sum(processes)} system calls, by process: {', '.join(map(str, processes))}")
        print("   ", ", ".join(f"{kind} {count}" for kind, count in kinds.most_common(24)))
    return True
