#!/usr/bin/env python3
"""imports.py: which module may import which. Sources/README.md has the table; the package and the sources keep to it.

The rows of the table go from the top of the house down: a module imports what stands below it, and nothing above.
"""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

TREE = Path(__file__).resolve().parent.parent.parent
SWIFT = os.environ.get("SWIFT", "swift")
HEADING = "| module | may import | what it is |"
IMPORT = re.compile(r"^\s*(?:@\w+(?:\([^)]*\))?\s+)*(?:(?:public|package|internal|fileprivate|private)\s+)?import\s+"
                    r"(?:(?:struct|class|enum|protocol|func|var|let|typealias)\s+)?(\w+)")
INCLUDE = re.compile(r'^\s*#\s*include\s+"([^"]+)"')


def table() -> dict[str, list[str]]:
    """The rows of the tour, in their order."""
    lines = (TREE / "Sources/README.md").read_text(encoding="utf-8").splitlines()
    rows: dict[str, list[str]] = {}
    for line in lines[lines.index(HEADING) + 2:]:
        if not line.startswith("|"):
            break
        module, allowed = (cell.strip() for cell in line.strip("|").split("|")[:2])
        rows[module.strip("`")] = re.findall(r"`([^`]+)`", allowed)
    return rows


def package() -> dict[str, tuple[str, list[str]]]:
    """The modules of the package that are no tests, plugins or parts of tests: their folders and what they depend on."""
    result = subprocess.run([SWIFT, "package", "dump-package"], cwd=TREE, capture_output=True, text=True)
    if result.returncode != 0:
        raise SystemExit(f"imports: {result.stderr.strip()}")
    modules = {}
    for target in json.loads(result.stdout)["targets"]:
        path = target.get("path") or f"Sources/{target['name']}"
        if target["type"] in ("test", "plugin") or not path.startswith("Sources/"):
            continue
        modules[target["name"]] = (path, [next(iter(entry.values()))[0] for entry in target["dependencies"]])
    return modules


def imports_of(folder: Path) -> dict[str, str]:
    """What the sources of a module import, and where."""
    found: dict[str, str] = {}
    for path in sorted(folder.rglob("*")):
        if path.suffix != ".swift":
            continue
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            if match := IMPORT.match(line):
                found.setdefault(match[1], f"{path.relative_to(TREE)}:{number}")
    return found


def problems() -> list[str]:
    rows, modules = table(), package()
    found = []
    for name in sorted(set(modules) - set(rows)):
        found.append(f"Sources/README.md: the table of imports has no row for {name}")
    order = list(rows)
    for module, allowed in rows.items():
        for other in allowed:
            if other not in rows:
                found.append(f"Sources/README.md: {module} may import {other}, which has no row")
            elif order.index(other) <= order.index(module):
                found.append(f"Sources/README.md: {module} may import {other}, which stands above it")
        if module not in modules:
            found.append(f"Sources/README.md: the package has no {module}")
            continue
        path, dependencies = modules[module]
        for other in sorted(set(dependencies) - set(allowed)):
            found.append(f"Package.swift: {module} depends on {other}, which the table does not allow")
        for other, place in imports_of(TREE / path).items():
            if other in modules and other not in allowed:
                found.append(f"{place}: {module} may not import {other}")
            elif other not in modules and not (other in SYSTEM or (module, other) in TOOLS):
                found.append(f"{place}: {module} imports {other}, which is no module of ours")
    return found + init_includes()


# The program itself imports no Foundation; the tool that embeds apus-init while the package is built may.
SYSTEM: set[str] = set()
TOOLS = {("embed-init", "Foundation")}


def init_includes() -> list[str]:
    """apus-init includes itself, the record format, and headers of the kernel."""
    folder, found = TREE / "Sources/apus-init", []
    for path in sorted(folder.iterdir()):
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            match = INCLUDE.match(line)
            if match and not (folder / match[1]).exists() and match[1] != "init_protocol.h":
                found.append(f"{path.relative_to(TREE)}:{number}: apus-init may not include {match[1]}")
            system = re.match(r"\s*#\s*include\s+<([^>]+)>", line)
            if system and not re.match(r"(linux|asm|asm-generic)/|std(bool|int|def|arg)\.h$", system[1]):
                found.append(f"{path.relative_to(TREE)}:{number}: apus-init may not include {system[1]}")
    return found


if __name__ == "__main__":
    lines = problems()
    print("\n".join(lines) or "imports: nothing to complain about")
    sys.exit(1 if lines else 0)
