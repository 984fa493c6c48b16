"""Counts instead of times: what each command costs in instructions, system calls and page faults.

Counts are the same in each run, unlike times, so that a change of some percent shows. They depend on the machine all the
same: a host with more mounts has a longer mountinfo to read. The baseline therefore says for which machine it holds."""

import json
import platform
import re
import shutil
import subprocess
import sys
import tempfile
from array import array
from bisect import bisect_right
from dataclasses import dataclass
from pathlib import Path
from typing import Callable

import machine
from bundles import HERE
from measurement import Bench
from processes import Failure, execute, wait
from runtimes import Runtime

BASELINE = HERE / "baseline.json"
MEASURES = ("instructions", "system calls", "page faults")
TOLERANCE = 1.03
# What is chance: how often a wait is looked at, where the kernel puts the stack, and how much of a file it maps at once.
SLACK = {"instructions": 0, "system calls": 3, "page faults": 12}


@dataclass(frozen=True)
class Step:
    """A command of a container's life; what is not measured brings the container into the state that comes next."""

    name: str
    command: list[str]
    detached: bool = False  # a container goes on after the command


def life(bench: Bench, runtime: Runtime) -> list[Step]:
    default, sleeping = bench.bundles["default"], bench.bundles["sleeping"]
    return [
        Step("run", runtime.run(default)),
        Step("create", runtime.create(sleeping), detached=True),
        Step("state", runtime.call("state")),
        Step("start", runtime.call("start"), detached=True),
        Step("exec", runtime.exec("/bin/true")),
        Step("list", runtime.containers()),
        Step("kill", [*runtime.call("kill"), "KILL"]),
        Step("delete", runtime.call("delete")),
    ]


def follow(bench: Bench, runtime: Runtime, measure: Callable[[Step], int]) -> dict[str, int]:
    """A whole life, every command of it under the same instrument."""
    counts = {}
    try:
        for step in life(bench, runtime):
            counts[step.name] = measure(step)
            if step.name == "kill":
                wait(runtime.container())
    except BaseException:
        runtime.clean()
        raise
    return counts


def call(command: list[str]) -> str:
    """What a command writes to standard error; into a file, since the container keeps the stream."""
    with tempfile.TemporaryFile() as errors:
        code = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=errors, timeout=600).returncode
        errors.seek(0)
        said = errors.read().decode(errors="replace")
    if code != 0:
        raise Failure(f"{' '.join(command)}: exit code {code}: {said[-400:]}")
    return said


class Instruments:
    def __init__(self, bench: Bench):
        self.bench = bench
        self.log = bench.work / "count.log"
        self.steps = bench.work / "steps"
        execute([shutil.which("cc"), "-O2", "-o", str(self.steps), str(HERE / "steps.c")], timeout=60)
        #: The addresses that each command executed, in their order.
        self.seen: dict[str, array] = {}

    def instructions(self, step: Step) -> int:
        """In user space, of the command alone: what it starts is not followed."""
        said = call([str(self.steps), *step.command])
        return int(re.search(r"^(\d+) instructions$", said, re.MULTILINE)[1])

    def addresses(self, step: Step) -> int:
        call([str(self.steps), "--seen", str(self.log), *step.command])
        self.seen[step.name] = array("Q", self.log.read_bytes())
        return len(self.seen[step.name])

    def system_calls(self, step: Step) -> int:
        """Of the command, without what it starts: how long that waits is chance."""
        call([shutil.which("strace"), "-qq", "-o", str(self.log), *step.command])
        lines = self.log.read_text().splitlines()
        # A wait that was interrupted is resumed; how often a lock or an end is looked at is chance.
        return sum(1 for line in lines if re.match(r"\w+\(", line) and not line.startswith("restart_syscall"))

    def page_faults(self, step: Step) -> int:
        """The fewest of five: others press on the memory of the machine too."""
        return int(execute([self.bench.peak, *step.command]).output.splitlines()[-1].split()[1])


def counts(bench: Bench, instruments: Instruments) -> dict[str, dict[str, int]]:
    """By command and measure."""
    runtime = bench.runtimes[0]
    call(runtime.run(bench.bundles["default"]))  # what is kept between commands is there from now on
    passes = {
        "instructions": [follow(bench, runtime, instruments.instructions)],
        "system calls": [follow(bench, runtime, instruments.system_calls)],
        "page faults": [follow(bench, runtime, instruments.page_faults) for _ in range(5)],
    }
    names = [step.name for step in life(bench, runtime)]
    return {name: {measure: min(each[name] for each in passes[measure]) for measure in MEASURES} for name in names}


def host() -> str:
    """What counts depend on besides the binary. Counts of two hosts that differ in it cannot be compared."""
    kernel = ".".join(platform.release().split(".")[:2])
    mounts = len(Path("/proc/self/mountinfo").read_text().splitlines())
    kinds = "+".join(sorted({kind for kind, _ in machine.cgroup_mounts()}))
    return f"{platform.machine()}, {' '.join(platform.libc_ver())}, Linux {kernel}, {kinds}, {mounts} mounts"


def judge(bench: Bench, writes: bool) -> bool:
    """Prints the counts beside the baseline's. False if a command has become more expensive."""
    measured = counts(bench, Instruments(bench))
    here = host()
    if writes:
        known = json.loads(BASELINE.read_text()) if BASELINE.exists() else {}
        known[here] = measured
        BASELINE.write_text(json.dumps(known, indent=1, sort_keys=True) + "\n")
    baseline = json.loads(BASELINE.read_text()).get(here) if BASELINE.exists() else None
    print(f"{'':10}" + "".join(f"{measure:>28}" for measure in MEASURES))
    grown = []
    for name, row in measured.items():
        cells = ""
        for measure in MEASURES:
            cell = f"{row[measure]:,}"
            if baseline and (before := baseline.get(name, {}).get(measure)):
                cell += f" ({(row[measure] / before - 1) * 100:+.1f} %)"
                if row[measure] > max(before * TOLERANCE, before + SLACK[measure]):
                    grown.append(f"{name}: {before:,} {measure} before, {row[measure]:,} now")
            cells += f"{cell:>28}"
        print(f"{name:10}{cells}")
    if baseline is None:
        print(f"\nNothing to compare with: {BASELINE.name} has no counts of a machine like this one ({here}).")
    for line in grown:
        print(f"grown: {line}", file=sys.stderr)
    return not grown


def functions(binary: str) -> tuple[list[int], list[str]]:
    """Where each function of a program begins, and its name."""
    lines = subprocess.run(["nm", "--defined-only", "-n", binary], capture_output=True, text=True, check=True).stdout
    found = [line.split() for line in lines.splitlines()]
    code = [(int(each[0], 16), each[2]) for each in found if len(each) == 3 and each[1] in "tTwW"]
    return [address for address, _ in code], [name for _, name in code]


def write_order(bench: Bench, to: Path) -> bool:
    """Writes the functions that commands call, for the linker: what most of them call first, in the order of the first
    call. What lies together is read together."""
    instruments = Instruments(bench)
    runtime = bench.runtimes[0]
    call(runtime.run(bench.bundles["default"]))
    follow(bench, runtime, instruments.addresses)
    starts, names = functions(runtime.binary)
    callers: dict[str, int] = {}
    for addresses in instruments.seen.values():
        for name in dict.fromkeys(names[bisect_right(starts, address) - 1] for address in addresses):
            callers[name] = callers.get(name, 0) + 1
    order = sorted(callers, key=lambda name: -callers[name])  # stable: the rest is as it was seen
    to.write_text("".join(f"{name}\n" for name in order))
    print(f"{len(order)} functions")
    return True
