#!/usr/bin/env python3
"""dist.py: makes the archives of a release from a binary that is built: a tarball, and a package for Debian.

The same commit, compilers and packages give the same bytes, wherever they are: all that is written is sorted, belongs
to root, and has the time of the commit (SOURCE_DATE_EPOCH, if that is set).
"""

import argparse
import gzip
import io
import os
import re
import subprocess
import sys
import tarfile
import tempfile
from dataclasses import dataclass
from pathlib import Path

import spdx
from parts import Failure, Part, parts_of, run

PACKAGE = Path(__file__).resolve().parent.parent.parent
DEBIAN_ARCHITECTURE = {"x86_64": "amd64", "aarch64": "arm64"}
COMMON_LICENCES = Path("/usr/share/common-licenses")
DOCUMENTS = "share/doc/apus"

ABOUT = """\
apus is distributed under the Apache License, version 2.0 (the file apus).

The program bin/apus is one static file. It contains parts of the following, each under the terms in the file of its
name; texts that these refer to are here too. apus.spdx.json names every part, with version and checksum.

{parts}

The GNU Lesser General Public License lets you replace the libraries that are under it. apus is free software: build it
with your own version of them, as its README.md says (`make build`); the sources of Debian's versions are at
https://snapshot.debian.org/.
"""


@dataclass(frozen=True)
class File:
    content: bytes
    mode: int = 0o644


def stripped(binary: Path, toolchain: Path) -> bytes:
    with tempfile.TemporaryDirectory() as work:
        run(toolchain / "bin/llvm-objcopy", "--strip-all", binary, f"{work}/apus")
        return Path(work, "apus").read_bytes()


def texts(native: Path) -> dict[str, File]:
    """What the program says of itself: completions and manual page."""
    places = {
        "share/bash-completion/completions/apus": ("completion", "bash"),
        "share/zsh/site-functions/_apus": ("completion", "zsh"),
        "share/fish/vendor_completions.d/apus.fish": ("completion", "fish"),
    }
    for page in run(native.resolve(), "man", "--pages").split():
        places[f"share/man/man{page[-1]}/{page}"] = ("man", page)
    return {place: File(run(native.resolve(), *words).encode()) for place, words in places.items()}


def licences(parts: list[Part]) -> dict[str, File]:
    """The terms of apus and of each part, and the licences of /usr/share/common-licenses that they refer to."""
    packages = {part.package.source: part.package for part in parts}
    found = {"apus": (PACKAGE / "LICENSE").read_bytes()}
    for name, package in packages.items():
        if not package.terms.is_file():
            raise Failure(f"the terms of {name} are missing: {package.terms}")
        found[name] = package.terms.read_bytes()
    for name in sorted({match.decode() for text in found.values()
                        for match in re.findall(rb"/usr/share/common-licenses/([A-Z][A-Za-z0-9.-]*\w)", text)}):
        found[f"common/{name}"] = (COMMON_LICENCES / name).read_bytes()
    table = "\n".join(f"  {name} {package.version}: {package.licence}" for name, package in sorted(packages.items()))
    found["README"] = ABOUT.format(parts=table).encode()
    return {f"{DOCUMENTS}/licences/{name}": File(content) for name, content in found.items()}


def directories(files: dict[str, File]) -> list[str]:
    return sorted({str(parent) for name in files for parent in Path(name).parents} - {"."})


def tarball(top: str, files: dict[str, File], time: int) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for name in sorted(set(files) | set(directories(files)) | {"."}):
            entry = tarfile.TarInfo(str(Path(top, name)))
            entry.mtime, entry.uname, entry.gname = time, "root", "root"
            if name in files:
                entry.size, entry.mode = len(files[name].content), files[name].mode
                archive.addfile(entry, io.BytesIO(files[name].content))
            else:
                entry.type, entry.mode = tarfile.DIRTYPE, 0o755
                archive.addfile(entry)
    return gzip.compress(packed.getvalue(), 9, mtime=0)


def control(arguments: argparse.Namespace, parts: list[Part], files: dict[str, File]) -> File:
    built_using = sorted({f"{part.package.source} (= {part.package.source_version})"
                          for part in parts if part.package.is_debian})
    size = sum((len(file.content) + 1023) // 1024 for file in files.values()) + len(directories(files))
    maintainer = run("git", "-c", "safe.directory=*", "-C", PACKAGE, "log", "-1", "--format=%an <%ae>").strip()
    return File(f"""\
Package: apus
Version: {arguments.version}
Architecture: {DEBIAN_ARCHITECTURE[arguments.architecture]}
Maintainer: {maintainer}
Installed-Size: {size}
Static-Built-Using: {", ".join(built_using)}
Suggests: uidmap
Section: admin
Priority: optional
Description: low-level container runtime
 apus creates and runs containers after the runtime specification of the Open Container Initiative. It takes the command
 line of runc; Docker, containerd, Podman and Kubernetes can use it in its place. It is one static program.
""".encode())


def for_debian(files: dict[str, File]) -> dict[str, File]:
    """The same files where Debian wants them."""
    moved = {f"usr/{name}": file for name, file in files.items()}
    for page in [name for name in moved if name.startswith("usr/share/man/")]:
        moved[f"{page}.gz"] = File(gzip.compress(moved.pop(page).content, 9, mtime=0))
    moved["usr/share/zsh/vendor-completions/_apus"] = moved.pop("usr/share/zsh/site-functions/_apus")
    about = moved[f"usr/{DOCUMENTS}/licences/README"].content
    moved[f"usr/{DOCUMENTS}/copyright"] = File(about.replace(b"(the file apus)", b"(licences/apus)").replace(
        b"in the file of its\nname", b"in its\nfile below licences"))
    return moved


def debian_package(files: dict[str, File], time: int) -> bytes:
    """As dpkg-deb builds it; one thread, since the number of them shows in the bytes."""
    with tempfile.TemporaryDirectory() as work:
        root = Path(work, "root")
        root.mkdir(mode=0o755)
        for name in directories(files):
            (root / name).mkdir(mode=0o755)
        for name, file in files.items():
            (root / name).write_bytes(file.content)
            (root / name).chmod(file.mode)
        for path in (root, *root.rglob("*")):
            os.utime(path, (time, time))
        subprocess.run(
            ["dpkg-deb", "--root-owner-group", "-Zxz", "--threads-max=1", "--build", root, f"{work}/apus.deb"],
            check=True, stdout=subprocess.DEVNULL, env={**os.environ, "SOURCE_DATE_EPOCH": str(time)})
        return Path(work, "apus.deb").read_bytes()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("architecture", "version"):
        parser.add_argument(f"--{name}", required=True)
    for name in ("binary", "native", "map", "toolchain", "output"):
        parser.add_argument(f"--{name}", required=True, type=Path)
    parser.add_argument("--sysroot", type=Path)
    arguments = parser.parse_args()
    os.umask(0o022)
    try:
        time = int(os.environ.get("SOURCE_DATE_EPOCH") or
                   run("git", "-c", "safe.directory=*", "-C", PACKAGE, "log", "-1", "--format=%ct"))
        commit = run(PACKAGE / "Sources/Release/commit.sh", PACKAGE).strip()
        parts = parts_of(arguments.map, PACKAGE / ".build", arguments.toolchain.resolve(), arguments.architecture,
                         arguments.sysroot and arguments.sysroot.resolve())
        program = stripped(arguments.binary, arguments.toolchain)
        files = {"bin/apus": File(program, 0o755), **texts(arguments.native), **licences(parts)}
        files[f"{DOCUMENTS}/apus.spdx.json"] = File(
            spdx.document(arguments.version, commit, arguments.architecture, program, parts, time))
        debian = for_debian(files)
        name = f"apus-{arguments.version}-linux-{arguments.architecture}"
        outputs = {
            f"{name}.tar.gz": tarball(name, files, time),
            f"apus_{arguments.version}_{DEBIAN_ARCHITECTURE[arguments.architecture]}.deb": debian_package(
                {**debian, "DEBIAN/control": control(arguments, parts, debian)}, time),
        }
    except Failure as failure:
        print(f"dist.py: {failure}", file=sys.stderr)
        return 1
    except subprocess.CalledProcessError as error:
        print(f"dist.py: {error}\n{error.stderr or ''}", file=sys.stderr)
        return 1
    arguments.output.mkdir(parents=True, exist_ok=True)
    for file, content in outputs.items():
        (arguments.output / file).write_bytes(content)
        print(f"{arguments.output / file}: {len(content)} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
