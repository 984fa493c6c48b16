#!/usr/bin/env python3
"""run.py [--only STAGE,...] [--list]: every stage of the tests, whatever fails before; then one total, and what failed by name.

`make test` calls it, as root. Two in one tree take turns, two in two trees do not know of each other. What a stage prints is
shown as it comes, and kept in .build/test/STAGE.log.
"""

import argparse
import fcntl
import os
import re
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

TREE = Path(__file__).resolve().parent.parent
LOGS = TREE / ".build/test"
BINARY = ".build/release/apus"
SWIFT = os.environ.get("SWIFT", "swift")
MAKE = os.environ.get("MAKE", "make")
SKIPPED = 77
# Stages that make containers, besides the benchmark's, which need no user namespaces.
WITH_CONTAINERS = {"unit-tests", "step-failures", "life-cycle", "demo", "safety"}

# What Swift Testing, and our own tools, say of a test that failed, and of how many there were.
FAILED = re.compile(r"^(?:✘ Test (?P<test>.+?) (?:failed after|with \d+ test cases failed)"
                    r"|\s*FAILED (?P<row>.+?)(?: \[|: |$))")
COUNTED = re.compile(r"Test run with (\d+) tests?|^(\d+) passed, (\d+) failed")


@dataclass(frozen=True)
class Stage:
    """One step; `needs` are stages without which it makes no sense."""
    name: str
    command: list[str]
    needs: tuple[str, ...] = ()
    environment: dict[str, str] = field(default_factory=dict)


@dataclass
class Outcome:
    verdict: str
    seconds: float = 0
    count: int = 0
    failures: list[str] = field(default_factory=list)
    last: str = ""


def stages() -> list[Stage]:
    tests = [SWIFT, "test", "--skip-build"]
    # `--version` would be answered before Swift begins.
    start = ["plan", "--summary", "spec-fixtures/configs/default.json"]
    return [
        Stage("lint", ["Tests/Lint/lint.py"]),
        Stage("build", [MAKE, "build"]),
        Stage("binary", ["Tests/check-binary.sh", BINARY], ("build",)),
        Stage("test-build", [SWIFT, "build", "--build-tests"]),
        Stage("debug-start", [".build/debug/apus", *start], ("test-build",)),
        Stage("documentation", ["Tests/Lint/documentation.py"], ("test-build",)),
        Stage("unit-tests", [*tests, "--skip", "LifecycleTests"], ("test-build",)),
        Stage("step-failures", [*tests, "--filter", "RuntimeTests"], ("test-build",), {"APUS_STEP_FAILURES": "1"}),
        Stage("life-cycle", [*tests, "--filter", "LifecycleTests"], ("build", "test-build"),
              {"APUS_BINARY": str(TREE / BINARY)}),
        Stage("demo", ["Tests/Demo/demo.sh", BINARY], ("build",)),
        Stage("safety", ["Tests/Safety/safety.py", BINARY, "--short"], ("build",)),
        Stage("counts", ["Tests/Bench/bench.py", BINARY, "--count"], ("build",)),
        Stage("ordinary-swift", [SWIFT, "build", "-c", "release", "--product", "apus", "--scratch-path", ".build/ordinary"],
              environment={"APUS_EMBEDDED": "0"}),
        Stage("ordinary-start", [".build/ordinary/release/apus", *start], ("ordinary-swift",)),
        Stage("archives", [MAKE, "archives"], ("build",)),
        Stage("release", ["Tests/Release/release.py", ".build/dist", os.uname().machine], ("archives",)),
        # The last one: its table is to be read, right above the total.
        Stage("properties", ["Tests/Properties/properties.py"]),
    ]


def run(stage: Stage) -> Outcome:
    """Runs one stage: what it prints goes through, and what failed in it is picked out."""
    print(f"\n==== {stage.name}: {' '.join(stage.command)}", flush=True)
    outcome = Outcome("passed")
    begin = time.monotonic()
    with open(LOGS / f"{stage.name}.log", "w", encoding="utf-8") as log:
        try:
            process = subprocess.Popen(stage.command, cwd=TREE, env=os.environ | stage.environment, text=True,
                                       errors="replace", stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                       stderr=subprocess.STDOUT)
        except OSError as error:
            print(error, flush=True)
            return Outcome("failed", last=str(error))
        for line in process.stdout:
            print(line, end="", flush=True)
            log.write(line)
            look_at(line.rstrip("\n"), outcome)
        code = process.wait()
    outcome.seconds = time.monotonic() - begin
    if code == SKIPPED:
        outcome.verdict = "skipped"
    elif code != 0:
        outcome.verdict = "failed"
    return outcome


def look_at(line: str, outcome: Outcome) -> None:
    if line.strip():
        outcome.last = line.strip()
    if match := FAILED.search(line):
        name = (match["test"] or match["row"]).strip('"')
        if not name.startswith("run with") and name not in outcome.failures:
            outcome.failures.append(name)
    if match := COUNTED.search(line):
        outcome.count += sum(int(number) for number in match.groups() if number)


def run_all(chosen: list[Stage]) -> dict[str, Outcome]:
    outcomes: dict[str, Outcome] = {}
    for stage in chosen:
        broken = [name for name in stage.needs if name in outcomes and outcomes[name].verdict in ("failed", "not run")]
        outcomes[stage.name] = Outcome("not run", last=f"without {broken[0]}") if broken else run(stage)
    return outcomes


def report(outcomes: dict[str, Outcome]) -> bool:
    """The total at the end; whether all is well."""
    print("\n==== total")
    for name, outcome in outcomes.items():
        count = f"{outcome.count} tests" if outcome.count else ""
        print(f"{name:16} {outcome.verdict:8} {outcome.seconds:6.0f} s  {count:12} "
              + (outcome.last[:100] if outcome.verdict != "passed" else ""))
    bad = {name: outcome for name, outcome in outcomes.items() if outcome.verdict in ("failed", "not run")}
    tests = sum(outcome.count for outcome in outcomes.values())
    skipped = [name for name, outcome in outcomes.items() if outcome.verdict == "skipped"]
    minutes = sum(outcome.seconds for outcome in outcomes.values()) / 60
    for name, outcome in bad.items():
        for failure in outcome.failures or [outcome.last]:
            print(f"FAILED {name}: {failure}")
    print(f"\n{len(outcomes) - len(bad) - len(skipped)} of {len(outcomes)} stages passed"
          + (f", {len(skipped)} skipped ({', '.join(skipped)})" if skipped else "")
          + (f", {len(bad)} failed ({', '.join(bad)})" if bad else "")
          + f"; {tests} tests counted, {minutes:.0f} minutes.")
    return not bad


def take_turn() -> int:
    """A descriptor that holds this tree until the program ends: two would build into the same directory."""
    LOGS.mkdir(parents=True, exist_ok=True)
    lock = os.open(LOGS / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        print("another test run is at work in this tree: waiting until it is over", flush=True)
        fcntl.flock(lock, fcntl.LOCK_EX)
    return lock


def obstacle() -> str:
    """Why containers cannot be tested here; empty: they can. In a chroot they would not even stay there: a container's mount
    namespace has the whole host in it, and whoever joins it is at the root of the host."""
    if subprocess.run(["unshare", "--user", "true"], stderr=subprocess.DEVNULL).returncode == 0:
        return ""
    return ("no user namespace can be made: in a chroot the kernel permits none (clone(2)), so enter the root file system by "
            "pivot_root(8), with a container or systemd-nspawn, say; else see /proc/sys/user/max_user_namespaces")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--only", default="", help="names of stages, separated by commas")
    parser.add_argument("--list", action="store_true", help="say which stages there are")
    arguments = parser.parse_args()
    known = stages()
    if arguments.list:
        for stage in known:
            print(f"{stage.name:16} {' '.join(stage.command)}")
        return 0
    wanted = [name for name in arguments.only.split(",") if name]
    if unknown := set(wanted) - {stage.name for stage in known}:
        print(f"run.py: no stage is called {', '.join(sorted(unknown))} (see --list)", file=sys.stderr)
        return 2
    chosen = [stage for stage in known if not wanted or stage.name in wanted]
    if any(stage.name in WITH_CONTAINERS for stage in chosen) and (reason := obstacle()):
        print(f"run.py: {reason}", file=sys.stderr)
        return 1
    lock = take_turn()
    try:
        well = report(run_all(chosen))
    finally:
        os.close(lock)
    return 0 if well else 1


if __name__ == "__main__":
    sys.exit(main())
