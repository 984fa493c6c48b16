#!/usr/bin/env python3
"""parity.py [MODULE...]: what a container gets from apus, beside what it gets from other runtimes for the same input.

Each module here compares one subject. It has a `TITLE`, and `rows(runtimes)`, which gives a Row for each input: what was
shown under each runtime, by the runtime's name. For each module a table of the rows that differ from the first runtime's
is printed; a difference that `explained.py` gives no reason for makes the exit status 1, and so does whatever the first
runtime leaves behind.

Everything happens in a mount namespace with device nodes of its own: what a runtime does to the host's mounts and devices
ends with it. crun refuses hosts with both versions of cgroups, so it is all done with version 1 alone there. Needs root
and busybox.
"""

import argparse
import importlib
import os
import re
import shutil
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "Safety")]

import world  # noqa: E402
from ground import Ground, Runtime  # noqa: E402

# Modules say `from parity import Row`, and are to get this very file.
sys.modules["parity"] = sys.modules[__name__]
MACHINERY = ("parity", "explained")
MOST_NAMES = 5  # of rows that differ for the same reasons
UNEXPLAINED = "NOT EXPLAINED"


@dataclass(frozen=True)
class Row:
    """One input: its name, and what was shown under each runtime, by the runtime's name."""

    name: str
    shown: dict[str, str]


@dataclass(frozen=True)
class Explained:
    """A difference that is meant. The patterns match whole texts; an empty one matches any. `holds` is asked with the
    row's name and what the first runtime and the other one show."""

    module: str
    reason: str
    row: str = ""
    peer: str = ""
    ours: str = ""
    theirs: str = ""
    holds: Callable[[str, str, str], bool] | None = None

    def explain(self, module: str, row: Row, first: str, peer: str) -> str:
        """The reason, if this is the difference that is meant; else nothing."""
        pairs = ((self.row, row.name), (self.peer, peer), (self.ours, row.shown[first]), (self.theirs, row.shown[peer]))
        is_meant = self.module == module and all(not pattern or re.fullmatch(pattern, text, re.S) for pattern, text in pairs) \
            and (self.holds is None or self.holds(row.name, row.shown[first], row.shown[peer]))
        return self.reason if is_meant else ""


def modules() -> list[str]:
    return sorted(path.stem for path in HERE.glob("*.py") if path.stem not in MACHINERY)


class Table:
    """The differences of one module. Rows that differ for the same reasons are one line, with what the first one shows; one
    without a reason has its own."""

    def __init__(self, module: str, names: list[str], explained: list):
        self.module = module
        self.first, *self.peers = names
        self.explained = explained
        self.used: set[str] = set()
        self.count = 0
        self.unexplained = 0
        self.lines: dict[str, list[Row]] = {}

    def add(self, row: Row) -> None:
        self.count += 1
        reasons = []
        for peer in self.peers:
            if row.shown[peer] == row.shown[self.first]:
                continue
            reason = next(filter(None, (each.explain(self.module, row, self.first, peer) for each in self.explained)), "")
            self.used.add(reason)
            self.unexplained += not reason
            reasons.append(f"{peer}: {reason or UNEXPLAINED}")
        if reasons:
            key = "; ".join(reasons)
            self.lines.setdefault(f"{key} ({row.name})" if UNEXPLAINED in key else key, []).append(row)

    def text(self) -> str:
        if not self.lines:
            return "no difference"
        heads = ("input", self.first, *self.peers, "why")
        lines = [f"| {' | '.join(heads)} |", "|---" * len(heads) + "|"]
        for reasons, rows in self.lines.items():
            more = f" and {len(rows) - MOST_NAMES} more" if len(rows) > MOST_NAMES else ""
            shown = [rows[0].shown[name] for name in (self.first, *self.peers)]
            cells = ("; ".join(row.name for row in rows[:MOST_NAMES]) + more, *shown, reasons)
            lines.append(f"| {' | '.join(' '.join(cell.split()).replace('|', chr(92) + '|') for cell in cells)} |")
        return "\n".join(lines)


def defaults() -> list[tuple[str, str]]:
    found = [("apus", str(HERE.parents[1] / ".build/release/apus"))]
    return found + [(name, path) for name in ("runc", "crun") if (path := shutil.which(name))]


def named(text: str) -> tuple[str, str]:
    name, equals, path = text.partition("=")
    if not (name and equals and os.access(path, os.X_OK)):
        raise argparse.ArgumentTypeError(f"not of the form NAME=PATH of a program: {text}")
    return name, path


def clear_up(ground: Ground, runtimes: list[Runtime], patience: float) -> list[str]:
    """What the runtimes have left, which then goes."""
    left = ground.leftovers(*runtimes, patience=patience)
    ground.clear(*runtimes)
    return left


def compare(module: str, runtimes: list[Runtime], explained: list) -> Table:
    subject = importlib.import_module(module)
    rows: Iterable[Row] = subject.rows(runtimes)
    table = Table(module, [runtime.name for runtime in runtimes], explained)
    print(f"\n## {subject.TITLE}\n", flush=True)
    for row in rows:
        table.add(row)
    print(table.text(), flush=True)
    print(f"\n{table.count} inputs, {sum(map(len, table.lines.values()))} shown differently", flush=True)
    return table


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("modules", nargs="*", help=f"all of them by default: {', '.join(modules())}")
    parser.add_argument("--runtime", type=named, action="append", metavar="NAME=PATH",
                        help="a runtime; the first one is compared with the others. Less than two stand for apus as built, "
                             "runc and crun, but for those that are named")
    arguments = parser.parse_args()
    if unknown := set(arguments.modules) - set(modules()):
        parser.error(f"no such module: {', '.join(sorted(unknown))}")
    runtimes = arguments.runtime or []
    if len(runtimes) < 2:
        runtimes += [each for each in defaults() if each[0] not in dict(runtimes)]
    if len({name for name, _ in runtimes}) < 2:
        parser.error("there is nothing to compare with: give two runtimes, or install runc or crun")
    from explained import EXPLAINED

    Ground.isolate()
    ground = Ground("parity")
    world.make_devices(Path("/dev"))
    world.show_one_cgroup_version(ground.work / "cgroups")
    compared = [ground.runtime(name, path) for name, path in runtimes]
    failures = 0
    try:
        for module in arguments.modules or modules():
            table = compare(module, compared, EXPLAINED)
            failures += table.unexplained
            for entry in EXPLAINED:
                if isinstance(entry, Explained) and entry.module == module and entry.reason not in table.used:
                    print(f"note: nothing here is so: {entry.reason}")
            left = clear_up(ground, compared[:1], patience=5)
            failures += len(left)
            for each in left:
                print(f"FAILED left behind: {each}")
            clear_up(ground, compared[1:], patience=0)
    finally:
        ground.close()
    print(f"\n{failures} differences without a reason" if failures else "\nevery difference is explained")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
