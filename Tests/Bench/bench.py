#!/usr/bin/env python3
"""Compares apus with crun, runc and a C program that does the kernel's part alone. See README.md beside this file."""

import argparse
import fnmatch
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent))

import count
import leftovers
import machine
import report
from bundles import HERE, Bundle, make_rootfs
from check import broken_runtimes, check
from processes import Failure, become_subreaper, end_descendants, execute
from rows import Bench, Result, Row, all_rows
from runtimes import Floor, Runtime

NAMES = ("floor", "apus", "crun", "runc")
DEFAULT_APUS = HERE.parents[1] / ".build/release/apus"


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("apus", nargs="?", type=Path, default=Path(os.environ.get("APUS", DEFAULT_APUS)),
                        help="the release binary (default: $APUS, then .build/release/apus)")
    parser.add_argument("--quick", action="store_true", help="few turns; for a first look")
    parser.add_argument("--rounds", type=int, metavar="N", help="turns of every runtime (default 10, --quick: 3)")
    parser.add_argument("--only", action="append", metavar="NAME", help="only these rows; may contain * (see --list)")
    parser.add_argument("--without", action="append", default=[], choices=NAMES, help="leave a runtime out")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all samples to a file")
    parser.add_argument("--budget", action="store_true", help="take the rows that have a budget and judge them")
    parser.add_argument("--check", action="store_true", help="compare what a container sees instead of measuring")
    parser.add_argument("--count", action="store_true", help="count what each command of apus costs, beside the baseline")
    parser.add_argument("--baseline", action="store_true", help="count, and keep the result as this machine's baseline")
    parser.add_argument("--order", type=Path, metavar="FILE", help="write the functions that commands call, for the linker")
    parser.add_argument("--list", action="store_true", help="print the names of the rows")
    parser.add_argument("--inside", type=Path, help=argparse.SUPPRESS)
    return parser.parse_args()


def compile_c(source: Path, to: Path) -> str:
    execute([shutil.which("cc"), "-O2", "-static", "-o", str(to), str(source)], timeout=60)
    return str(to)


def prepare(given: argparse.Namespace, names: list[str]) -> Bench:
    work = given.inside
    true_source = work / "true.c"
    true_source.write_text("int main(void) { return 0; }\n")
    true = Path(compile_c(true_source, work / "true"))
    rootfs = make_rootfs(work / "rootfs", true, Path(shutil.which("busybox")))
    runtimes: list[Runtime] = []
    for name in names:
        common = {"name": name, "root": work / "state" / name, "id": f"{work.name}-{name}"}
        if name == "floor":
            runtimes.append(Floor(binary=compile_c(HERE / "floor.c", work / "floor"), true=true, **common))
        else:
            binary = str(given.apus.resolve()) if name == "apus" else shutil.which(name)
            runtimes.append(Runtime(binary=binary, **common))
    bundles = {
        "default": Bundle(work / "default", rootfs),
        "sleeping": Bundle(work / "sleeping", rootfs, arguments=("/bin/busybox", "sleep", "1000")),
        "no-net": Bundle(work / "no-net", rootfs, network=False),
        "seccomp": Bundle(work / "seccomp", rootfs, seccomp=True),
    }
    return Bench(
        work=work, rootfs=rootfs, hyperfine=shutil.which("hyperfine"), peak=compile_c(HERE / "peak.c", work / "peak"),
        runtimes=runtimes, bundles={name: bundle.write() for name, bundle in bundles.items()},
        turns=given.rounds or (3 if given.quick else 10), runs_in_a_turn=5 if given.quick else 10)


def chosen_rows(given: argparse.Namespace) -> list[Row]:
    patterns = given.only or ([row for row, _, _ in report.BUDGETS] if given.budget else ["*"])
    return [row for row in all_rows() if any(fnmatch.fnmatch(row.name, pattern) for pattern in patterns)]


def measure(given: argparse.Namespace, bench: Bench) -> bool:
    """Takes the rows and prints them. False if something failed or, with --budget, a budget is missed."""
    rows = chosen_rows(given)
    facts = machine.describe(bench)
    bench.broken.update(broken_runtimes(bench))
    results: dict[str, Result] = {}
    for row in rows:
        start = time.monotonic()
        results[row.name] = row.take(bench)
        print(f"{row.name}: {time.monotonic() - start:.0f} s", file=sys.stderr)
    data = report.as_data(rows, results)
    print(machine.sentence(facts) + "\n")
    print(report.table(data, [runtime.name for runtime in bench.runtimes]))
    failed = report.failures(data)
    if failed:
        print("\nFailed:", *failed, sep="\n- ")
    verdicts = report.budgets(data) if given.budget else []
    if verdicts:
        print("\nBudgets (ratio of medians):", *map(report.budget_line, verdicts), sep="\n    ")
    if given.json:
        given.json.write_text(json.dumps({"host": facts, "rows": data, "budgets": verdicts}, indent=1))
    return not failed and all(verdict["holds"] for verdict in verdicts)


def work(given: argparse.Namespace, bench: Bench) -> bool:
    if given.check:
        return check(bench)
    if given.order:
        return count.write_order(bench, given.order)
    if given.count or given.baseline:
        return count.judge(bench, given.baseline)
    return measure(given, bench)


def inside(given: argparse.Namespace, names: list[str]) -> int:
    """The part that runs in the private mount namespace."""
    become_subreaper()
    machine.show_one_cgroup_version(given.inside / "cgroup")
    machine.mount_tmpfs(given.inside / "state")
    bench = prepare(given, names)
    try:
        good = work(given, bench)
    finally:
        descendants = end_descendants()
        states = [each.root for each in bench.runtimes if each.root.exists() and any(each.root.glob("[!@]*"))]
        machine.unmount(given.inside / "state")
        left = leftovers.report(given.inside.name, [], descendants) + [f"state {path}" for path in states]
        for line in left:
            print(f"left behind: {line}", file=sys.stderr)
    return 0 if good and not left else 1


def outside() -> int:
    """Starts the same program in a mount namespace of its own, and looks afterwards for what is left here."""
    become_subreaper()
    work = Path(tempfile.mkdtemp(prefix="apus-bench-"))
    try:
        command = ["unshare", "--mount", "--propagation", "private", sys.executable, *sys.argv, "--inside", str(work)]
        code = subprocess.run(command).returncode
        left = leftovers.report(work.name, [], end_descendants())
    finally:
        shutil.rmtree(work)
    for line in left:
        print(f"left behind: {line}", file=sys.stderr)
    return 1 if left else code


def main() -> int:
    given = options()
    if given.list:
        print(*(f"{row.name:16} {row.title}" for row in all_rows()), sep="\n")
        return 0
    names = [name for name in NAMES if name not in given.without]
    counts = given.count or given.baseline or given.order is not None
    if counts:
        names = ["apus"]
    if not chosen_rows(given):
        print(f"bench: no row is called {' or '.join(given.only)} (see --list)", file=sys.stderr)
        return 1
    if sentence := machine.missing(names, given.apus, counts):
        print(f"bench: {sentence}", file=sys.stderr)
        return 1
    try:
        return inside(given, names) if given.inside else outside()
    except Failure as failure:
        print(f"bench: {failure}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
