#!/usr/bin/env python3
"""lint.py: formatting, imports, and the tour of the house, which has to name what is there. Exits with 1 if anything is wrong."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
import imports

TREE = Path(__file__).resolve().parent.parent.parent
SWIFT = os.environ.get("SWIFT", "swift")
CLANG_FORMAT = "14"  # Debian 12's; others lay out differently.


def swift_format() -> list[str]:
    result = subprocess.run([SWIFT, "format", "lint", "--strict", "-r", "-p", "Sources", "Tests", "Package.swift"],
                            cwd=TREE, capture_output=True, text=True)
    lines = [line for line in result.stderr.splitlines() if line.strip()]
    return lines if result.returncode != 0 else []


def clang_format() -> list[str] | None:
    """None: skipped, and said why."""
    program = shutil.which("clang-format")
    if program is None:
        print("clang-format: skipped, it is not installed (Debian package clang-format)")
        return None
    version = subprocess.run([program, "--version"], capture_output=True, text=True).stdout
    major = re.search(r"version (\d+)", version)
    if major is None or major[1] != CLANG_FORMAT:
        print(f"clang-format: skipped, another version than {CLANG_FORMAT} lays out differently: {version.strip()}")
        return None
    files = sorted(str(path.relative_to(TREE)) for folder in ("Sources", "Tests") for path in (TREE / folder).rglob("*")
                   if path.suffix in (".c", ".h") and not path.is_symlink())
    result = subprocess.run([program, "--dry-run", "--Werror", *files], cwd=TREE, capture_output=True, text=True)
    return result.stderr.splitlines() if result.returncode != 0 else []


def tour() -> list[str]:
    """Every file and folder that the tour of the house names is there, and every module is named."""
    text = (TREE / "Sources/README.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`((?:Sources|Tests|spec-fixtures)/[^`\s*]*)`", text))
    problems = [f"Sources/README.md: there is no {name}" for name in sorted(named) if not (TREE / name).exists()]
    # Inside Sources the tour leaves that word out.
    for name in sorted(set(re.findall(r"`([A-Za-z-]+/[A-Za-z0-9_/.-]+\.(?:swift|c|h|py|sh|ld))`", text)) - named):
        if not (TREE / "Sources" / name).exists() and not (TREE / name).exists():
            problems.append(f"Sources/README.md: there is no {name}")
    return problems


def main() -> int:
    failed = False
    for name, look in (("swift format", swift_format), ("clang-format", clang_format), ("imports", imports.problems),
                       ("tour", tour)):
        if (found := look()) is None:
            continue
        for line in found[:50]:
            print(line)
        print(f"{name}: {f'{len(found)} complaints' if found else 'nothing to complain about'}")
        failed = failed or bool(found)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
