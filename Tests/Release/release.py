#!/usr/bin/env python3
"""release.py DIST ARCHITECTURE: what a release consists of, and what `make install` and the commit's name do.

DIST is the folder that `make dist` fills. One line for each check. Nothing outside of temporary folders is changed.
"""

import gzip
import hashlib
import io
import json
import os
import re
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

SOURCE = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(SOURCE / "Tests/Binary"))
import elf

DEBIAN_ARCHITECTURE = {"x86_64": "amd64", "aarch64": "arm64"}
TEXTS = ("share/bash-completion/completions/apus", "share/zsh/site-functions/_apus",
         "share/fish/vendor_completions.d/apus.fish")
# The pages are the same for every processor.
NATIVE = SOURCE / ".build/release/apus"
WHERE_DEBIAN_DIFFERS = {"share/zsh/site-functions/_apus": "share/zsh/vendor-completions/_apus"}
# What is linked always, by the name of its source; gcc with its version.
LINKED = {"swift", "glibc", "gcc", "libseccomp", "json-c", "dbus"}
DOCUMENTS = "share/doc/apus"


class Failure(Exception):
    pass


def require(is_so: bool, message: str) -> None:
    if not is_so:
        raise Failure(message)


def run(*command: str | Path, **options) -> str:
    result = subprocess.run([str(word) for word in command], capture_output=True, text=True, **options)
    require(result.returncode == 0, f"{' '.join(map(str, command))}: {result.stderr.strip() or result.returncode}")
    return result.stdout


def installed() -> set[str]:
    """What there has to be, below the prefix."""
    pages = run(NATIVE, "man", "--pages").split()
    require(len(pages) > 20 and "apus.8" in pages and "apus-run.8" in pages and "apus-errors.7" in pages, f"pages: {pages}")
    return {"bin/apus", *TEXTS, *(f"share/man/man{page[-1]}/{page}" for page in pages)}


class Release:
    """The two archives for one processor."""

    def __init__(self, dist: Path, architecture: str):
        self.architecture = architecture
        found = sorted(dist.glob(f"apus-*-linux-{architecture}.tar.gz"))
        require(len(found) == 1, f"{dist}: {len(found)} tarballs for {architecture}")
        self.tarball = found[0]
        self.version = re.fullmatch(rf"apus-(.+)-linux-{architecture}\.tar\.gz", self.tarball.name)[1]
        self.top = f"apus-{self.version}-linux-{architecture}"
        self.package = dist / f"apus_{self.version}_{DEBIAN_ARCHITECTURE[architecture]}.deb"
        with tarfile.open(self.tarball) as archive:
            self.members = archive.getmembers()
            self.files = {member.name.removeprefix(self.top + "/"): archive.extractfile(member).read()
                          for member in self.members if member.isfile()}
        self.time = {member.mtime for member in self.members}

    @property
    def document(self) -> dict:
        return json.loads(self.files[f"{DOCUMENTS}/apus.spdx.json"])


# ---- The archives

def tarball_is_sorted_and_belongs_to_root(release: Release) -> None:
    names = [member.name for member in release.members]
    require(names == sorted(set(names)), "it is not sorted")
    strays = [name for name in names if name != release.top and not name.startswith(release.top + "/")]
    require(not strays, f"not below its top: {strays}")
    for member in release.members:
        require((member.uid, member.gid, member.uname, member.gname) == (0, 0, "root", "root"), f"{member.name}: owner")
        is_program = member.isdir() or member.name.endswith("/bin/apus")
        require(member.mode == (0o755 if is_program else 0o644), f"{member.name}: mode {member.mode:o}")
        require(member.isdir() or member.isfile(), f"{member.name}: kind")
    require(len(release.time) == 1, "its members have several times")
    header = release.tarball.read_bytes()[:10]
    require(header[3] == 0 and header[4:8] == bytes(4), "gzip wrote a name or a time")
    wanted = installed()
    missing = wanted - set(release.files)
    require(not missing, f"without {', '.join(missing)}")
    more = {name for name in release.files if name.startswith("share/man/")} - wanted
    require(not more, f"pages of nothing: {', '.join(more)}")


def package_holds_the_same(release: Release) -> None:
    fields = run("dpkg-deb", "-f", release.package)
    architecture = DEBIAN_ARCHITECTURE[release.architecture]
    for line in ("Package: apus", f"Version: {release.version}", f"Architecture: {architecture}"):
        require(line in fields.splitlines(), f"no {line} in its control file")
    require("Static-Built-Using: " in fields and "glibc (= " in fields, "it does not say what it was built from")
    data = subprocess.run(["dpkg-deb", "--fsys-tarfile", release.package], check=True, capture_output=True).stdout
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        members = archive.getmembers()
        files = {member.name.removeprefix("./usr/"): archive.extractfile(member).read()
                 for member in members if member.isfile()}
    require(all((member.uid, member.gid) == (0, 0) for member in members), "not everything in it belongs to root")
    require({member.mtime for member in members} == release.time, "it has other times than the tarball")
    for name, content in release.files.items():
        # Debian compresses pages (Debian policy, 12.1).
        moved = f"{name}.gz" if name.startswith("share/man/") else WHERE_DEBIAN_DIFFERS.get(name, name)
        found = files.pop(moved, None)
        require(found is not None, f"without {moved}")
        require((gzip.decompress(found) if moved.endswith(".gz") else found) == content, f"another {moved} in it")
    require(set(files) == {f"{DOCUMENTS}/copyright"}, f"it holds more: {files.keys()}")


def nothing_but_names_was_stripped(release: Release) -> None:
    """Every byte that the kernel loads is the one that was linked."""
    folder = "" if release.architecture == os.uname().machine else release.architecture
    whole, stripped = elf.Elf.read(SOURCE / ".build" / folder / "release/apus"), elf.Elf(release.files["bin/apus"])

    def loaded(program: elf.Elf) -> dict[str, tuple]:
        return {section.name: (section.address, section.size, section.flags,
                               b"" if section.kind == elf.NOBITS
                               else program.image[section.offset:section.offset + section.size])
                for section in program.sections if section.is_loaded}
    require(loaded(whole) == loaded(stripped), "what is loaded has changed")
    require(whole.segments == stripped.segments, "the segments have changed")
    require(not any(section.name in (".symtab", ".debug_info") for section in stripped.sections), "it is not stripped")


def nothing_names_the_folder(release: Release) -> None:
    for name, content in release.files.items():
        require(str(SOURCE).encode() not in content, f"{name} names {SOURCE}")


def the_commit_is_the_newest(release: Release) -> None:
    """Where the program can run, by its own words."""
    expected = run(SOURCE / "Sources/Release/commit.sh", SOURCE).strip()
    require(expected in ("", ) or re.fullmatch(r"[0-9a-f]{40}(-dirty)?", expected) is not None, f"odd: {expected}")
    told = release.document["packages"][0].get("sourceInfo", "")
    require(told == (f"commit {expected}" if expected else ""), f"SBOM: {told}, not {expected}")
    if os.uname().machine != release.architecture:
        return
    with tempfile.TemporaryDirectory() as work:
        program = Path(work, "apus")
        program.write_bytes(release.files["bin/apus"])
        program.chmod(0o755)
        lines = run(program, "--version").splitlines()
        features = json.loads(run(program, "features"))
    require(lines[0] == f"apus version {release.version}", lines[0])
    commits = [line for line in lines if line.startswith("commit")]
    require(commits == ([f"commit: {expected}"] if expected else []), f"--version: {lines}")
    require(features["annotations"].get("io.github.apus.commit", "") == expected, "features: another commit")


# ---- The list of parts: https://spdx.github.io/spdx-spec/v2.3/, the fields that it requires

def has(entry: dict, what: str, **patterns: str) -> None:
    for field, pattern in patterns.items():
        value = entry.get(field)
        require(isinstance(value, str) and re.fullmatch(pattern, value) is not None, f"{what}: {field} is {value!r}")


IDENTIFIER = r"SPDXRef-[A-Za-z0-9.-]+"
LICENCE = r"[A-Za-z0-9.+() -]+|NOASSERTION"


def sbom_has_what_spdx_requires(release: Release) -> None:
    document = release.document
    has(document, "document", spdxVersion=r"SPDX-2\.3", dataLicense=r"CC0-1\.0", SPDXID="SPDXRef-DOCUMENT",
        name=re.escape(release.top), documentNamespace=r"https?://[^#\s]+")
    has(document["creationInfo"], "creationInfo", created=r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
    require(all(re.match(r"(Tool|Person|Organization): .", creator) for creator in document["creationInfo"]["creators"])
            and document["creationInfo"]["creators"], "creators")
    for package in document["packages"]:
        has(package, f"package {package.get('name')}", SPDXID=IDENTIFIER, name=r"\S.*", versionInfo=r"\S+",
            downloadLocation=r"https://\S+|NOASSERTION", licenseConcluded=LICENCE, licenseDeclared=LICENCE,
            copyrightText=r".+")
        require(package["filesAnalyzed"] is False, f"package {package['name']}: filesAnalyzed")
        check_sums(package.get("checksums", []), package["name"], is_required=package["name"] != "apus")
    for file in document["files"]:
        has(file, "file", SPDXID=IDENTIFIER, fileName=r"\./.+", licenseConcluded=LICENCE, copyrightText=r".+")
        check_sums(file["checksums"], file["fileName"], is_required=True)
    identifiers = [entry["SPDXID"] for entry in document["packages"] + document["files"]] + ["SPDXRef-DOCUMENT"]
    require(len(identifiers) == len(set(identifiers)), "an SPDXID twice")
    for relation in document["relationships"]:
        require({relation["spdxElementId"], relation["relatedSpdxElement"]} <= set(identifiers), f"{relation}: nobody")
        has(relation, "relationship", relationshipType=r"DESCRIBES|STATIC_LINK|GENERATED_FROM")


def check_sums(sums: list[dict], what: str, is_required: bool) -> None:
    lengths = {entry["algorithm"]: len(entry["checksumValue"]) for entry in sums}
    require(lengths == {"SHA1": 40, "SHA256": 64} or (not sums and not is_required), f"{what}: checksums {lengths}")


def sbom_names_every_part(release: Release) -> None:
    document = release.document
    parts = {package["SPDXID"]: package for package in document["packages"] if package["name"] != "apus"}
    linked = {relation["relatedSpdxElement"] for relation in document["relationships"]
              if relation["relationshipType"] == "STATIC_LINK"}
    require(linked == set(parts), "parts that are not linked, or the other way round")
    archives = {package["name"] for package in parts.values()}
    wanted = {"libc.a", "libseccomp.a", "libjson-c.a", "libdbus-1.a", "crt1.o"}
    require(wanted <= archives, f"without {', '.join(wanted - archives)}")
    binary = next(file for file in document["files"] if file["fileName"] == "./bin/apus")
    digest = hashlib.sha256(release.files["bin/apus"]).hexdigest()
    require({"algorithm": "SHA256", "checksumValue": digest} in binary["checksums"], "the checksum of another program")


def every_part_brings_its_licence(release: Release) -> None:
    folder = f"{DOCUMENTS}/licences/"
    texts = {name.removeprefix(folder): text for name, text in release.files.items() if name.startswith(folder)}
    sources = {package["comment"].rsplit("/", 1)[1] for package in release.document["packages"] if "comment" in package}
    require({re.sub(r"-\d+$", "", source) for source in sources} == LINKED, f"parts of {sources}")
    for name in sources | {"apus", "README"}:
        require(len(texts.get(name, b"")) > 300, f"no licence of {name}")
    for name, words in (("common/LGPL-2.1", b"GNU LESSER GENERAL PUBLIC LICENSE"),
                        ("common/GPL-3", b"GNU GENERAL PUBLIC LICENSE"), ("swift", b"Runtime Library Exception"),
                        ("apus", b"Apache License")):
        require(words in texts.get(name, b""), f"{name} is not what it should be")


# ---- Installation

def tree(directory: Path) -> dict[str, bytes]:
    return {str(path.relative_to(directory)): path.read_bytes() for path in directory.rglob("*") if path.is_file()}


def uninstall_takes_what_install_brought(release: Release) -> None:
    with tempfile.TemporaryDirectory() as work:
        root, prefix = Path(work), "opt/somewhere"
        for name in ("bin/apus-of-others", "share/man/man8/other.8", "share/zsh/site-functions/_other"):
            (root / prefix / name).parent.mkdir(parents=True, exist_ok=True)
            (root / prefix / name).write_text(name)
        before = tree(root)
        make = ["make", "-s", "-C", SOURCE, f"DESTDIR={root}", f"PREFIX=/{prefix}", f"ARCH={release.architecture}"]
        run(*make, "install")
        new = {name.removeprefix(prefix + "/"): content for name, content in tree(root).items() if name not in before}
        wanted = installed()
        require(set(new) == wanted, f"installed: {', '.join(new)}")
        require(new == {name: release.files[name] for name in wanted}, "installed is not what is released")
        require(os.access(root / prefix / "bin/apus", os.X_OK), "what is installed cannot be executed")
        run(*make, "uninstall")
        require(tree(root) == before, "uninstall left or took something")
        run(*make, "uninstall")


# ---- The name of the commit

def git(directory: Path, *words: str) -> str:
    settings = ("-c", "user.name=x", "-c", "user.email=x@y", "-c", "init.defaultBranch=main")
    return run("git", "-C", directory, *settings, *words)


def commit_of(directory: Path, **environment: str) -> str:
    inherited = {name: value for name, value in os.environ.items() if name != "APUS_COMMIT"}
    return run(SOURCE / "Sources/Release/commit.sh", directory, env=inherited | environment).strip()


def a_commit_is_told_only_if_it_is_known(_: Release) -> None:
    with tempfile.TemporaryDirectory() as work:
        inner = Path(work, "repository")
        inner.mkdir()
        require(commit_of(inner) == "", "outside git a commit was claimed")
        git(inner, "init", "-q")
        require(commit_of(inner) == "", "a commit where there is none yet")
        (inner / ".gitignore").write_text("ignored\n")
        git(inner, "add", ".")
        git(inner, "commit", "-q", "-m", "x")
        head = git(inner, "rev-parse", "HEAD").strip()
        (inner / "ignored").touch()
        require(commit_of(inner) == head, "a clean tree")
        (inner / "new").touch()
        require(commit_of(inner) == f"{head}-dirty", "a new file")
        (inner / "new").unlink()
        (inner / ".gitignore").write_text("ignored\nother\n")
        require(commit_of(inner) == f"{head}-dirty", "a changed file")
        require(commit_of(inner, APUS_COMMIT="v1.0-3") == "v1.0-3", "APUS_COMMIT")
        require(commit_of(inner, APUS_COMMIT="") == "", "an empty APUS_COMMIT")
        if os.geteuid() == 0:
            run("chown", "-R", "1000:1000", inner)
            require(commit_of(inner) == f"{head}-dirty", "a tree of another user")
        folder = inner / "tarball"
        folder.mkdir()
        require(commit_of(folder) == "", "the commit of a repository around it")
        refused = subprocess.run([SOURCE / "Sources/Release/commit.sh", inner], env=os.environ | {"APUS_COMMIT": 'a" }'},
                                 capture_output=True, text=True)
        require(refused.returncode != 0 and "APUS_COMMIT" in refused.stderr, "a commit that is code was taken")


def the_file_is_written_only_when_it_changes(_: Release) -> None:
    with tempfile.TemporaryDirectory() as work:
        file = Path(work, "Commit.swift")
        for commit, value in (("abc", '"abc"'), ("", "nil")):
            environment = os.environ | {"APUS_COMMIT": commit}
            run(SOURCE / "Sources/Release/commit.sh", work, file, env=environment)
            require(f"{{ {value} }}" in file.read_text(), f"{commit}: {file.read_text()}")
            os.utime(file, (1, 1))
            run(SOURCE / "Sources/Release/commit.sh", work, file, env=environment)
            require(file.stat().st_mtime == 1, "the file was written again")


CHECKS = (
    nothing_but_names_was_stripped,
    tarball_is_sorted_and_belongs_to_root, package_holds_the_same, nothing_names_the_folder, the_commit_is_the_newest,
    sbom_has_what_spdx_requires, sbom_names_every_part, every_part_brings_its_licence,
    uninstall_takes_what_install_brought, a_commit_is_told_only_if_it_is_known,
    the_file_is_written_only_when_it_changes,
)


def main() -> int:
    if len(sys.argv) != 3:
        print(__doc__, file=sys.stderr)
        return 2
    failures = 0
    try:
        release = Release(Path(sys.argv[1]), sys.argv[2])
    except Failure as failure:
        print(f"FAILED {failure}", file=sys.stderr)
        return 1
    for check in CHECKS:
        try:
            check(release)
            print(f"ok {check.__name__}")
        except Failure as failure:
            failures += 1
            print(f"FAILED {check.__name__}: {failure}", file=sys.stderr)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
