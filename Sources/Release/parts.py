"""What a release is linked from: the files, as the linker's map names them, and the package and licence of each."""

import json
import os
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

# By the source package of Debian, without its version.
LICENCES = {
    "dbus": "AFL-2.1 OR GPL-2.0-or-later",
    "gcc": "GPL-3.0-or-later WITH GCC-exception-3.1",
    "glibc": "LGPL-2.1-or-later",
    "json-c": "MIT",
    "libseccomp": "LGPL-2.1-only",
}
SWIFT_LICENCE = "Apache-2.0 WITH Swift-exception"


class Failure(Exception):
    """What makes a release impossible, in a sentence."""


@dataclass(frozen=True)
class Package:
    """Where a part comes from. `name` is the package's, `source` its source's; `terms` the file with its licence."""

    name: str
    version: str
    source: str
    source_version: str
    architecture: str
    licence: str
    terms: Path

    @property
    def is_debian(self) -> bool:
        return self.architecture != ""


@dataclass(frozen=True)
class Part:
    """A file that was linked, or compiled in; `name` as it is on every machine."""

    name: str
    path: Path
    package: Package


def run(*command: str | Path) -> str:
    return subprocess.run([str(word) for word in command], check=True, capture_output=True, text=True).stdout


def linked_files(link_map: Path, build: Path) -> set[Path]:
    """The archives and objects that something in the program comes from (lld's -Map), but for our own in `build`."""
    line = re.compile(r"\s*[0-9a-f]+\s+[0-9a-f]+\s+[0-9a-f]+\s+\d+\s+(/.+?)(?:\([^()]+\))?:\([^()]*\)$")
    found = {Path(match[1]).resolve() for match in map(line.match, link_map.read_text().splitlines()) if match}
    if not found:
        raise Failure(f"{link_map}: no map of a linker; please make clean, and build anew")
    return {path for path in found if build not in path.parents or "sysroot" in path.relative_to(build).parts[:1]}


FIELDS = ("Package", "Version", "Architecture", "source:Package", "source:Version")


def debian_package(fields: list[str], root: Path) -> Package:
    """From FIELDS, as dpkg-query(1) calls them."""
    name, version, architecture, source, source_version = fields
    licence = LICENCES.get(re.sub(r"-\d+$", "", source))
    if licence is None:
        raise Failure(f"{name} is linked, and Sources/Release/parts.py does not know the licence of {source}")
    return Package(name, version, source, source_version, architecture, licence,
                   root / "usr/share/doc" / name / "copyright")


def installed(paths: set[Path]) -> list[Part]:
    """Files of this machine's packages."""
    parts = []
    for path in paths:
        try:
            owner = run("dpkg-query", "-S", path).split(": ")[0].split(",")[0]
        except subprocess.CalledProcessError:
            raise Failure(f"{path} is linked, and belongs to no package") from None
        fields = run("dpkg-query", "-W", "-f", "\t".join("${%s}" % name for name in FIELDS), owner)
        parts.append(Part(str(path), path, debian_package(fields.split("\t"), Path("/"))))
    return parts


def unpacked(paths: set[Path], sysroot: Path) -> list[Part]:
    """Files of the packages that Sources/Release/packages.sh has unpacked."""
    owners = {}
    for archive in sorted((sysroot / "debs").glob("*.deb")):
        fields = [run("dpkg-deb", "-f", archive, name).strip() for name in (*FIELDS[:3], "Source")]
        source = re.fullmatch(r"(\S+)(?: \((.+)\))?", fields.pop() or fields[0])
        fields += [source[1], source[2] or fields[1]]
        for line in run("dpkg-deb", "-c", archive).splitlines():
            owners[line.split(None, 5)[5].split(" -> ")[0].removeprefix(".")] = fields
    parts = []
    for path in paths:
        name = "/" + str(path.relative_to(sysroot / "root"))
        if name not in owners:
            raise Failure(f"{path} is linked, and belongs to no package in {sysroot}/debs")
        parts.append(Part(name, path, debian_package(owners[name], sysroot / "root")))
    return parts


def of_swift(paths: set[Path], toolchain: Path, target: str) -> list[Part]:
    """What the toolchain brings into the program. Of Embedded Swift's standard library what is used is compiled in."""
    compiler = json.loads(run(toolchain / "bin/swiftc", "-print-target-info"))["compilerVersion"]
    version = re.search(r"Swift version (\S+)", compiler)[1]
    terms = toolchain / "share/swift/LICENSE.txt"
    package = Package("swift", version, "swift", version, "", SWIFT_LICENCE, terms)
    if os.environ.get("APUS_EMBEDDED") != "0":
        paths = paths | {toolchain / f"lib/swift/embedded/Swift.swiftmodule/{target}.swiftmodule"}
    for path in paths:
        if not path.relative_to(toolchain).parts[1].startswith("swift"):
            raise Failure(f"{path} is linked, and Sources/Release/parts.py does not know its licence")
    return [Part(str(path.relative_to(toolchain.parent)), path, package) for path in paths]


def parts_of(link_map: Path, build: Path, toolchain: Path, architecture: str, sysroot: Path | None) -> list[Part]:
    """Every part, sorted by name."""
    files = linked_files(link_map, build)
    swift = {path for path in files if toolchain in path.parents}
    rest = files - swift
    debian = unpacked(rest, sysroot) if sysroot else installed(rest)
    # Swift names the system only where it builds for its own machine, see sysroot.sh.
    target = f"{architecture}-{'none-none-elf' if sysroot else 'unknown-linux-gnu'}"
    return sorted(of_swift(swift, toolchain, target) + debian, key=lambda part: part.name)
