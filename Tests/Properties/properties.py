#!/usr/bin/env python3
"""Prints the table of every property of config.json: what apus does with it, and where that is shown.

PropertyTests (Tests/OCITests) holds the table complete: every property of the specification's schemas is in it, and every
test that it names is there.
"""

import argparse
import collections
import pathlib
import sys
import textwrap

TABLE = pathlib.Path(__file__).resolve().parents[2] / "spec-fixtures" / "properties" / "table.txt"


def rows(text: str) -> list[list[str]]:
    """The columns of every row: property, effect, tests, where they run."""
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    found = [[column.strip() for column in line.split("|")] for line in lines]
    for line, row in zip(lines, found):
        if len(row) != 4:
            sys.exit(f"properties: not four columns: {line}")
    return found


def print_text(table: list[list[str]]) -> None:
    for name, effect, tests, where in table:
        print(f"{name}  [{where}]")
        print(textwrap.fill(effect, 120, initial_indent="    ", subsequent_indent="    "))
        for test in tests.split(";"):
            print(f"      {test.strip()}")
    places = collections.Counter(where for *_, where in table)
    print(f"{len(table)} properties: " + ", ".join(f"{count} {place}" for place, count in places.most_common()))


def print_markdown(table: list[list[str]]) -> None:
    print("| property | what apus does | shown by | ran |\n|---|---|---|---|")
    for name, effect, tests, where in table:
        print(f"| `{name}` | {effect} | {tests} | {where} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--format", choices=("text", "markdown"), default="text")
    options = parser.parse_args()
    table = rows(TABLE.read_text())
    (print_markdown if options.format == "markdown" else print_text)(table)


if __name__ == "__main__":
    main()
