#!/usr/bin/env python3
"""documentation.py [OUTPUT]: the API documentation builds without a warning (DocC). Exits with 77 if the toolchain has no docc.

The modules are those of the debug build (`swift build --build-tests`). OUTPUT keeps what is made: a folder for each module.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
import imports

TREE = Path(__file__).resolve().parent.parent.parent
SWIFT = os.environ.get("SWIFT", "swift")
BUILT = TREE / ".build/debug"


def swift_modules() -> list[str]:
    """Those with documentation: the ones that hold Swift, and are no program."""
    return [name for name, (path, _) in imports.package().items()
            if name not in ("apus", "embed-init", "InitImage") and any((TREE / path).rglob("*.swift"))]


def extract(module: str, target: str, output: Path) -> list[str]:
    """The public symbols of a module, with their comments."""
    maps = [word for path in sorted(BUILT.glob("*.build/module.modulemap"))
            for word in ("-Xcc", f"-fmodule-map-file={path}")]
    system = [word for folder in sorted((TREE / "Sources").glob("CLib*"))
              for word in ("-Xcc", f"-fmodule-map-file={folder}/module.modulemap")]
    flags = subprocess.run(["pkg-config", "--cflags", "dbus-1"], capture_output=True, text=True).stdout.split()
    result = subprocess.run(
        [SWIFT, "symbolgraph-extract", "-module-name", module, "-I", str(BUILT / "Modules"), *maps, *system,
         *(word for flag in flags for word in ("-Xcc", flag)), "-target", target, "-output-dir", str(output),
         "-minimum-access-level", "public", "-skip-synthesized-members"], capture_output=True, text=True)
    return [f"{module}: {line}" for line in result.stderr.splitlines() if "error:" in line] if result.returncode else []


def convert(docc: str, module: str, graphs: Path, output: Path) -> list[str]:
    result = subprocess.run(
        [docc, "convert", "--additional-symbol-graph-dir", str(graphs), "--fallback-display-name", module,
         "--fallback-bundle-identifier", f"apus.{module}", "--diagnostic-level", "warning", "--ide-console-output",
         "--output-path", str(output)], capture_output=True, text=True)
    lines = [line for line in (result.stderr + result.stdout).splitlines() if re.search(r"\b(warning|error):", line)]
    if result.returncode and not lines:
        lines = [f"{module}: docc ended with {result.returncode}"]
    return [line.replace(f"{TREE}/", "") for line in lines]


def main() -> int:
    info = json.loads(subprocess.run([SWIFT, "-print-target-info"], capture_output=True, text=True, check=True).stdout)
    docc = Path(info["paths"]["runtimeResourcePath"]).parent.parent / "bin/docc"
    program = str(docc) if docc.exists() else shutil.which("docc")
    if program is None:
        print("documentation: skipped, the toolchain has no docc")
        return 77
    found = []
    modules = swift_modules()
    with tempfile.TemporaryDirectory(prefix="apus-docc-") as work:
        for module in modules:
            graphs = Path(work, module)
            graphs.mkdir()
            kept = Path(sys.argv[1], module) if len(sys.argv) > 1 else Path(work, f"{module}.doccarchive")
            found += extract(module, info["target"]["triple"], graphs) or convert(program, module, graphs, kept)
    for line in found:
        print(line)
    print(f"documentation of {len(modules)} modules: {f'{len(found)} complaints' if found else 'no warnings'}")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
