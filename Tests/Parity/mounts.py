"""Every mount option, alone and in pairs, on a new file system and on bind mounts of sources that have a flag already:
what /proc/self/mountinfo shows inside.

A source is a mount with another one below it, both shared, as on a host with systemd. In a user namespace the flags of a
source are locked (mount_namespaces(7)): whoever clears one gets an error from the kernel.
"""

import itertools
import os
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass

from ground import Bundle, Ground, Runtime
from parity import Row

TITLE = "Mount options"

FLAGS = ["ro", "rw", "nosuid", "suid", "nodev", "dev", "noexec", "exec", "nosymfollow", "symfollow"]
TIMES = ["atime", "noatime", "diratime", "nodiratime", "relatime", "norelatime", "strictatime", "nostrictatime"]
SUPERBLOCK = ["sync", "async", "dirsync", "mand", "nomand", "lazytime", "nolazytime", "iversion", "noiversion", "silent",
              "loud", "acl", "noacl", "defaults"]
RECURSIVE = ["rro", "rrw", "rnosuid", "rsuid", "rnodev", "rdev", "rnoexec", "rexec", "rnosymfollow", "rsymfollow",
             "rnoatime", "ratime", "rnodiratime", "rdiratime", "rrelatime", "rnorelatime", "rstrictatime", "rnostrictatime",
             "rsync", "rdirsync", "rmand"]
PROPAGATION = ["private", "rprivate", "shared", "rshared", "slave", "rslave", "unbindable", "runbindable"]
OPTIONS = FLAGS + TIMES + SUPERBLOCK + RECURSIVE + PROPAGATION
PAIRED = FLAGS + TIMES + RECURSIVE[:18] + PROPAGATION  # what is about a mount, not about its file system
SPECIAL = ["bind", "remount", "tmpcopyup", "copy-symlink", "src-nofollow", "dest-nofollow", "idmap", "ridmap"]

# Sources of bind mounts by their flags.
SOURCES = ["", "ro", "nosuid", "nodev", "noexec", "noatime", "nodiratime", "strictatime", "ro,nosuid,nodev,noexec,noatime"]
NEW = "tmpfs"
BATCH = 150  # mounts in one container
SHOWN_SUPER = ("ro", "sync", "dirsync", "lazytime", "mand", "iversion")
FIRST_ID = 100_000


@dataclass(frozen=True)
class Case:
    """A kind of mount with its options."""

    kind: str  # NEW, or the flags of the source of a bind mount
    options: tuple[str, ...]
    is_mapped: bool = False  # whether there is a user namespace

    @property
    def name(self) -> str:
        kind = self.kind if self.kind == NEW else f"rbind of a {self.kind or 'plain'} source"
        place = " in a user namespace" if self.is_mapped else ""
        return f"{kind}{place}: {','.join(self.options) or '(none)'}"


def opposites(first: str, second: str) -> bool:
    """Whether the later of two options counts, so that their order matters."""
    plain = [each.removeprefix("r") if each in RECURSIVE + PROPAGATION else each for each in (first, second)]
    return all(each in TIMES for each in plain) or plain[0].removeprefix("no") == plain[1].removeprefix("no") or \
        set(plain) == {"ro", "rw"} or first in PROPAGATION and second in PROPAGATION


def cases() -> Iterator[Case]:
    for is_mapped in (False, True):
        for kind in [NEW, *SOURCES]:
            yield Case(kind, (), is_mapped)
            for option in OPTIONS + (SPECIAL if kind in (NEW, "") else []):
                yield Case(kind, (option,), is_mapped)
            for first, second in itertools.combinations(PAIRED, 2):
                yield Case(kind, (first, second), is_mapped)
                if opposites(first, second):
                    yield Case(kind, (second, first), is_mapped)


class Mounts:
    """One bundle, in whose containers many mounts are made at once."""

    def __init__(self, ground: Ground):
        self.ground = ground
        self.bundle: Bundle = ground.bundle()
        self.sources = {flags: self.source(number, flags) for number, flags in enumerate(SOURCES)}
        for number in range(BATCH):
            os.makedirs(self.bundle.rootfs / f"m/{number}")
        for parent, folders, files in os.walk(self.bundle.rootfs):
            for name in (*folders, *files, "."):
                os.chown(os.path.join(parent, name), FIRST_ID, FIRST_ID, follow_symlinks=False)

    def source(self, number: int, flags: str) -> str:
        path = str(self.ground.work / f"source-{number}")
        os.mkdir(path)
        options = ["-o", flags] if flags else []
        subprocess.run(["mount", "-t", "tmpfs", "tmpfs", path], check=True)
        os.chmod(path, 0o755)
        os.mkdir(f"{path}/sub")
        for place in (f"{path}/sub", path):
            if place != path:
                subprocess.run(["mount", "-t", "tmpfs", "tmpfs", place], check=True)
            if options:
                subprocess.run(["mount", "-o", f"remount,bind,{flags}", place], check=True)
            subprocess.run(["mount", "--make-shared", place], check=True)
        return path

    def entry(self, case: Case, number: int) -> dict:
        if case.kind == NEW:
            return {"destination": f"/m/{number}", "type": "tmpfs", "source": "tmpfs", "options": list(case.options)}
        return {"destination": f"/m/{number}", "type": "bind", "source": self.sources[case.kind],
                "options": ["rbind", *case.options]}

    def configure(self, cases: list[Case]) -> None:
        config = self.bundle.config
        config["process"]["args"] = ["/bin/cat", "/proc/self/mountinfo"]
        config["mounts"] = config["mounts"][:3] + [self.entry(case, number) for number, case in enumerate(cases)]
        config["linux"].pop("maskedPaths", None)
        config["linux"].pop("readonlyPaths", None)
        names = ["pid", "ipc", "uts", "mount"] + ["user"] * cases[0].is_mapped
        config["linux"]["namespaces"] = [{"type": name} for name in names]
        for map in ("uidMappings", "gidMappings"):
            config["linux"].pop(map, None)
            if cases[0].is_mapped:
                config["linux"][map] = [{"containerID": 0, "hostID": FIRST_ID, "size": 1000}]
        self.bundle.write()

    def shown(self, runtime: Runtime, cases: list[Case]) -> list[str]:
        """What each mount looks like. If one is refused the container is, and the halves tell which."""
        self.configure(cases)
        name = self.ground.name()
        outcome = runtime.call("run", "--bundle", str(self.bundle.path), name)
        if outcome.succeeded:
            return self.read(outcome.out, len(cases))
        runtime.call("delete", "--force", name)
        if len(cases) == 1:
            return ["refused"]
        middle = len(cases) // 2
        return self.shown(runtime, cases[:middle]) + self.shown(runtime, cases[middle:])

    def read(self, text: str, count: int) -> list[str]:
        mounts = {}
        for line in text.splitlines():
            words, _, rest = line.partition(" - ")
            _, _, _, _, point, options, *tags = words.split()
            mounts[point] = looks(options, tags, rest.split())
        return ["; ".join(f"{place or 'top'} {mounts[f'/m/{number}{place}']}" for place in ("", "/sub")
                          if f"/m/{number}{place}" in mounts) or "no mount" for number in range(count)]


def about(case: Case, text: str) -> str:
    """Propagation is a subject of its own, where it is asked for: crun makes everything private otherwise."""
    if set(case.options) & set(PROPAGATION):
        return text
    return re.sub(" (shared|slave|unbindable)", "", text)


def looks(options: str, tags: list[str], rest: list[str]) -> str:
    groups = {"shared": "shared", "master": "slave", "unbindable": "unbindable"}
    found = [options] + [groups[tag.split(":")[0]] for tag in tags if tag.split(":")[0] in groups]
    flags = [each for each in rest[2].split(",") if each in SHOWN_SUPER]
    return " ".join(found + [f"(file system: {','.join(flags)})"] * bool(flags))


def batches(cases: list[Case]) -> Iterator[list[Case]]:
    for start in range(0, len(cases), BATCH):
        yield cases[start:start + BATCH]


def seen(mounts: Mounts, runtime: Runtime) -> dict[Case, str]:
    """What a runtime shows for every case. A pair with an option that it refuses alone counts as refused."""
    shown: dict[Case, str] = {}
    groups = itertools.groupby(cases(), key=lambda case: (case.kind, case.is_mapped))
    for _, group in groups:
        members = list(group)
        singles = [case for case in members if len(case.options) < 2]
        for batch in batches(singles):
            shown |= dict(zip(batch, mounts.shown(runtime, batch)))
        refused = {case.options[0] for case in singles if case.options and shown[case] == "refused"}
        pairs = [case for case in members if len(case.options) == 2]
        shown |= {case: "refused" for case in pairs if refused & set(case.options)}
        for batch in batches([case for case in pairs if not refused & set(case.options)]):
            shown |= dict(zip(batch, mounts.shown(runtime, batch)))
    return shown


def rows(runtimes: list[Runtime]) -> Iterator[Row]:
    ground = Ground("parity-mounts")
    try:
        mounts = Mounts(ground)
        found = {runtime.name: seen(mounts, runtime) for runtime in runtimes}
        for case in cases():
            yield Row(case.name, {name: about(case, each[case]) for name, each in found.items()})
    finally:
        ground.close()
