#!/usr/bin/env python3
"""Compares apus with crun, runc and a C program that does the kernel's part alone. See README.md beside this file."""

import argparse
import fnmatch
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent))

import count
import leftovers
import machine
import report
import where
from bundles import HERE, Bundle, make_rootfs
from check import broken_runtimes, check
from measurement import Bench, Result, Series
from processes import Failure, become_subreaper, end_descendants, execute
from rows import all_series
from runtimes import Floor, Runtime, family

DEFAULT_APUS = HERE.parents[1] / ".build/release/apus"


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("apus", nargs="?", type=Path, default=Path(os.environ.get("APUS", DEFAULT_APUS)),
                        help="the release binary (default: $APUS, then .build/release/apus)")
    parser.add_argument("--quick", action="store_true", help="few turns; for a first look")
    parser.add_argument("--rounds", type=int, metavar="N", help="turns of every runtime (default 10, --quick: 3)")
    parser.add_argument("--long", action="store_true", help="also the rows that take minutes (marked in --list)")
    parser.add_argument("--only", action="append", metavar="NAME", help="only these rows; may contain * (see --list)")
    parser.add_argument("--peer", action="append", default=[], type=peer, metavar="NAME=PATH",
                        help="one more runtime with runc's command line, for example crun-1.28=/opt/crun")
    parser.add_argument("--without", action="append", default=[], metavar="NAME", help="leave a runtime out")
    parser.add_argument("--against", action="append", default=[], metavar="NAME",
                        help="the runtime that budgets are measured by, instead of the installed one of its family")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="write the tables to a file")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all samples to a file")
    parser.add_argument("--budget", action="store_true", help="take the rows that have a budget and judge them")
    parser.add_argument("--check", action="store_true", help="compare what a container sees instead")
    parser.add_argument("--count", action="store_true", help="count what each command costs, beside the baseline")
    parser.add_argument("--baseline", action="store_true", help="count, and keep that as this machine's baseline")
    parser.add_argument("--order", type=Path, metavar="FILE", help="write the functions that commands call, for the linker")
    parser.add_argument("--where", action="store_true",
                        help="show where the time of run and exec goes, beside the floor")
    parser.add_argument("--list", action="store_true", help="print the names of the rows")
    parser.add_argument("--inside", type=Path, help=argparse.SUPPRESS)
    return parser.parse_args()


def peer(text: str) -> tuple[str, Path]:
    name, equals, path = text.partition("=")
    if not equals or not path or not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", name):
        raise argparse.ArgumentTypeError(f"not NAME=PATH, with a name of letters, digits, '.', '_' and '-': {text}")
    return name, Path(path).resolve()


def binaries(given: argparse.Namespace) -> dict[str, Path | None]:
    """The runtimes in the order of the columns, and where each is (None: nowhere); of the floor, its source."""
    found: list[tuple[str, Path | None]] = [("floor", HERE / "floor.c"), ("apus", given.apus.resolve())]
    for name in ("crun", "runc"):
        installed = shutil.which(name)
        found.append((name, Path(installed) if installed else None))
    for name, path in given.peer:
        relatives = [index for index, (other, _) in enumerate(found) if family(other) == family(name)]
        found.insert(relatives[-1] + 1 if relatives else len(found), (name, path))
    names = [name for name, _ in found]
    if twice := [name for name in names if names.count(name) > 1]:
        raise Failure(f"two runtimes are called {twice[0]}")
    if strangers := [name for name in [*given.without, *given.against] if name not in names]:
        raise Failure(f"no runtime is called {strangers[0]}; there are {', '.join(names)}")
    return {name: path for name, path in found if name not in given.without}


def compile_c(source: Path, to: Path) -> str:
    execute([shutil.which("cc"), "-O2", "-static", "-o", str(to), str(source)], timeout=60)
    return str(to)


def own_copy(binary: Path, directory: Path) -> str:
    """A copy that was just written is in the page cache as a whole, whatever happened to the original: how much of a
    program is there, and how it came there, changes how much memory a process is said to have."""
    directory.mkdir(parents=True)
    return str(shutil.copy(binary, directory / binary.name))


def prepare(given: argparse.Namespace, programs: dict[str, Path | None]) -> Bench:
    work = given.inside
    true_source = work / "true.c"
    true_source.write_text("int main(void) { return 0; }\n")
    true = Path(compile_c(true_source, work / "true"))
    rootfs = make_rootfs(work / "rootfs", true, Path(shutil.which("busybox")))
    runtimes: list[Runtime] = []
    for name, path in programs.items():
        common = {"name": name, "root": work / "state" / name, "id": f"{work.name}-{name}"}
        if name == "floor":
            runtimes.append(Floor(binary=compile_c(HERE / "floor.c", work / "floor"), true=true, **common))
        else:
            runtimes.append(Runtime(binary=own_copy(path, work / "programs" / name), **common))
    bundles = {
        "default": Bundle(work / "default", rootfs),
        "sleeping": Bundle(work / "sleeping", rootfs, arguments=("/bin/busybox", "sleep", "1000")),
        # A restore interrupts sleep(1), and not every one of busybox goes on then; runc restores no read-only root.
        "saved": Bundle(work / "saved", rootfs, arguments=("/bin/busybox", "tail", "-f", "/dev/null"), readonly=False),
        "no-net": Bundle(work / "no-net", rootfs, network=False),
        "seccomp": Bundle(work / "seccomp", rootfs, seccomp=True),
    }
    return Bench(
        work=work, rootfs=rootfs, hyperfine=shutil.which("hyperfine"),
        peak=compile_c(HERE / "peak.c", work / "peak"), crowd=compile_c(HERE / "crowd.c", work / "crowd"),
        storm_seconds=5 if given.quick else 60, runtimes=runtimes,
        bundles={name: bundle.write() for name, bundle in bundles.items()},
        turns=given.rounds or (3 if given.quick else 10), runs_in_a_turn=5 if given.quick else 10)


def chosen_series(given: argparse.Namespace) -> list[Series]:
    patterns = given.only or ["*"]
    if given.budget and not given.only:
        patterns = [name for budget in report.BUDGETS for name in (budget.row, budget.to)]
    chosen = []
    for series in all_series():
        rows = tuple(row for row in series.rows if any(fnmatch.fnmatchcase(row.name, pattern) for pattern in patterns))
        if rows and (given.long or given.only or not series.long):
            chosen.append(replace(series, rows=rows))
    return chosen


def standards(given: argparse.Namespace, bench: Bench) -> dict[str, str]:
    """Which runtime stands for each family in the budgets: the chosen one, else the first."""
    found: dict[str, str] = {}
    for runtime in sorted(bench.runtimes, key=lambda each: each.name not in given.against):
        found.setdefault(family(runtime.name), runtime.name)
    return found


def measure(given: argparse.Namespace, bench: Bench) -> bool:
    """Takes the rows and prints them. False if something failed or, with --budget, a budget is missed."""
    facts = machine.describe(bench)
    bench.broken.update(broken_runtimes(bench))
    results: dict[str, Result] = {}
    chosen = chosen_series(given)
    for series in chosen:
        start = time.monotonic()
        results |= series.take(bench)
        print(f"{', '.join(row.name for row in series.rows)}: {time.monotonic() - start:.0f} s", file=sys.stderr)
    data = report.as_data([row for series in chosen for row in series.rows], results)
    names = [runtime.name for runtime in bench.runtimes]
    verdicts = report.budgets(data, standards(given, bench)) if "apus" in names else []
    parts = [machine.sentence(facts), report.table(data, names)]
    parts += [report.budget_table(verdicts)] if verdicts else []
    print(*parts, sep="\n\n")
    failed = report.failures(data)
    if failed:
        print("\nFailed:", *failed, sep="\n- ")
    if given.markdown:
        given.markdown.write_text("\n\n".join(parts) + "\n")
    if given.json:
        given.json.write_text(json.dumps({"host": facts, "rows": data, "budgets": verdicts}, indent=1))
    return not failed and (not given.budget or all(verdict["holds"] for verdict in verdicts))


def work(given: argparse.Namespace, bench: Bench) -> bool:
    if given.check:
        return check(bench)
    if given.order:
        return count.write_order(bench, given.order)
    if given.where:
        return where.show(bench)
    if given.count or given.baseline:
        return count.judge(bench, given.baseline)
    return measure(given, bench)


def inside(given: argparse.Namespace, programs: dict[str, Path | None]) -> int:
    """The part that runs in the private mount namespace."""
    become_subreaper()
    machine.show_one_cgroup_version(given.inside / "cgroup")
    machine.mount_tmpfs(given.inside / "state")
    bench = prepare(given, programs)
    try:
        good = work(given, bench)
    finally:
        descendants = end_descendants()
        states = [each.root for each in bench.runtimes if each.root.exists() and any(each.root.glob("[!@.]*"))]
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


def print_rows() -> None:
    for series in all_series():
        for row in series.rows:
            print(f"{row.name:20} {row.title}, {row.unit}" + (" (--long)" if series.long else ""))


def main() -> int:
    given = options()
    if given.list:
        print_rows()
        return 0
    counts = given.count or given.baseline or given.order is not None
    try:
        programs = binaries(given)
        if counts or given.where:
            kept = ("floor", "apus") if given.where else ("apus",)
            if absent := [name for name in kept if name not in programs]:
                raise Failure(f"{absent[0]} cannot be left out of this")
            programs = {name: programs[name] for name in kept}
        if not chosen_series(given):
            raise Failure(f"no row is called {' or '.join(given.only)} (see --list)")
        to_find = {name: path for name, path in programs.items() if name != "floor"}
        if sentence := machine.missing(to_find, timed=not (counts or given.where)):
            raise Failure(sentence)
        return inside(given, programs) if given.inside else outside()
    except Failure as failure:
        print(f"bench: {failure}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
