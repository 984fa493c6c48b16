#!/usr/bin/env python3
"""lint.py: formatting, imports, and the tour of the house, which has to name what is there; what scripts for guests import.
Exits with 1 if anything is wrong."""

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


# Pages that name files, and the folders that their names may leave out.
PAGES = {"README.md": [], "Sources/README.md": ["Sources"], "Sources/SECURITY.md": ["Sources", "Tests/Safety", "Tests/Safety/holes"],
         "Tests/Bench/README.md": ["Sources", "Tests/Bench"]}


def tour() -> list[str]:
    """Every file and folder that the pages of the house name is there."""
    problems = []
    for page, folders in PAGES.items():
        text = (TREE / page).read_text(encoding="utf-8")
        named = set(re.findall(r"`((?:Sources|Tests|spec-fixtures)/[^`\s*]*)`", text))
        named |= set(re.findall(r"`([A-Za-z-]+/[A-Za-z0-9_/.-]+\.(?:swift|c|h|py|sh|ld))`", text))
        problems += [f"{page}: there is no {name}" for name in sorted(named)
                     if not any((TREE / folder / name).exists() for folder in ["", *folders])]
        links = set(re.findall(r"\]\((?!https?:|#)([^)#\s]+)[^)]*\)", text))
        problems += [f"{page}: there is no {link}" for link in sorted(links) if not ((TREE / page).parent / link).exists()]
    return problems


# What guests have that know Python only as python3-minimal, as far as it is of use.
SMALLEST = {"argparse", "glob", "os", "random", "re", "signal", "subprocess", "threading", "time", "typing"}


def smallest() -> list[str]:
    """What runs in guests does with the smallest Python."""
    folder = TREE / "Tests/Hosts"
    scripts = sorted(folder.glob("*.py"))
    known = SMALLEST | {script.stem for script in scripts}
    return [f"{script.relative_to(TREE)}: {module} is not in python3-minimal" for script in scripts
            for module in re.findall(r"^(?:import|from) (\w+)", script.read_text(encoding="utf-8"), re.MULTILINE)
            if module not in known]


def main() -> int:
    failed = False
    for name, look in (("swift format", swift_format), ("clang-format", clang_format), ("imports", imports.problems),
                       ("tour", tour), ("smallest Python", smallest)):
        if (found := look()) is None:
            continue
        for line in found[:50]:
            print(line)
        print(f"{name}: {f'{len(found)} complaints' if found else 'nothing to complain about'}")
        failed = failed or bool(found)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
