#!/usr/bin/env python3
"""safety.py APUS: attacks, races, faults and garbage; a table of what was tried, and what it came to.

Each part is a module with a function `rows(options)`. Exits with 1 if apus failed in any row. Needs root and busybox.
"""

import argparse
import importlib
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from rows import HELD, Options, Row

PARTS = {
    "holes": "published holes and known attacks, each in a form that does not depend on luck",
    "races": "the same with a neighbour that exchanges paths all the time",
    "faults": "an error, or SIGKILL, at each system call of each command, and at each step of apus-init",
    "crowds": "commands on one container at the same time, broken states, reused pids",
    "sizes": "the largest configurations and images: memory and time",
    "fuzzing": "random input, guided by coverage",
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("apus")
    parser.add_argument("--short", action="store_true", help="a form of a few minutes")
    parser.add_argument("--seconds", type=float, default=20, help="for each race and each fuzzer (20)")
    parser.add_argument("--parts", default=",".join(PARTS), help="which parts, separated by commas; all: %(default)s")
    parser.add_argument("--peer", action="append", default=[], metavar="NAME=PATH", help="a runtime to compare with")
    parser.add_argument("--only", default="", help="a regular expression: which rows")
    arguments = parser.parse_args()
    options = Options(
        apus=str(Path(arguments.apus).resolve()), peers=dict(peer.split("=", 1) for peer in arguments.peer),
        short=arguments.short, seconds=min(arguments.seconds, 3) if arguments.short else arguments.seconds,
        only=arguments.only, corpus=Path(__file__).resolve().parent.parent.parent / "spec-fixtures")
    failures = count = skipped = 0
    for name in arguments.parts.split(","):
        print(f"{name}: {PARTS[name]}", flush=True)
        begin = time.monotonic()
        for row in importlib.import_module(name).rows(options):
            print("  " + text(row), flush=True)
            count += 1
            failures += row.failed()
            skipped += row.verdicts.get("apus", "").startswith("skipped")
        print(f"  {time.monotonic() - begin:.0f} s\n", flush=True)
    print(f"{count - failures - skipped} passed, {failures} failed, {skipped} skipped")
    return 1 if failures or not count else 0


def text(row: Row) -> str:
    verdicts = ", ".join(f"{name}: {verdict}" for name, verdict in row.verdicts.items())
    mark = "FAILED" if row.failed() else "ok    " if row.verdicts.get("apus") == HELD else "-     "
    return f"{mark} {row.name} [{row.figure}] {verdicts}" if row.figure else f"{mark} {row.name}: {verdicts}"


if __name__ == "__main__":
    sys.exit(main())
