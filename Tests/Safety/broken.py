"""State directories that are damaged, full, or read-only.

Whatever stands there, no command hangs or crashes, nothing outside is touched, and `delete` never says success while
something runs. Once the damage is repaired, `delete --force` takes the container away.
"""

import json
import os
import random
import shutil
import signal
import socket
import stat
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from herd import Arena, Started, closing, complaint, in_crowds, judged
from deaths import EVERY
from ground import snapshot
from pairs import STATUSES, words
from rows import Options, Row

HARMLESS = ("state", "state --cgroup", "list", "exec", "ps", "events", "update", "pause", "resume", "start", "wait")
WRITELESS = ("kill KILL", "kill TERM", "pause", "resume", "state", "state --cgroup", "list", "ps", "events", "exec")
STATE = "state.json"
PATIENCE = 10  # seconds: what takes longer hangs; nothing here takes more than a few milliseconds
Damage = Callable[[Path], None]  # puts something else where a file was


class Canary:
    """Files of the host that stand outside of the state directory."""

    def __init__(self, folder: Path):
        self.folder = folder
        (folder / "full").mkdir(parents=True)
        for name in ("file", "full/file", f"full/{STATE}"):
            (folder / name).write_text("canary")
        os.mkfifo(folder / "fifo")
        self.before = snapshot(folder)

    def changes(self) -> list[str]:
        after = snapshot(self.folder)
        return [f"a file outside is changed: {name}" for name in {*self.before, *after}
                if self.before.get(name) != after.get(name)]


# ---- Damage


def text(content: bytes) -> Damage:
    return lambda path: path.write_bytes(content) and None


def link(target: str) -> Damage:
    return lambda path: os.symlink(target, path)


def full_directory(path: Path) -> None:
    (path / "below").mkdir(parents=True)
    (path / "below/file").write_text("x")


def listener(path: Path) -> None:
    """A socket that nobody listens at any more."""
    with socket.socket(socket.AF_UNIX) as made:
        here = os.open(path.parent, os.O_PATH)  # the path may be longer than an address
        made.bind(f"/proc/self/fd/{here}/{path.name}")
        os.close(here)


def huge(content: bytes) -> Damage:
    def make(path: Path) -> None:
        path.write_bytes(content)
        os.truncate(path, 100 << 20)
    return make


def shapes(canary: Canary, content: bytes) -> dict[str, Damage]:
    """What may stand where a file with this content was."""
    noise = random.Random(len(content)).randbytes(len(content) or 100)
    return {
        "a directory": os.mkdir, "a full directory": full_directory, "a FIFO": os.mkfifo, "a socket": listener,
        "a link to a file": link(str(canary.folder / "file")), "a link to nothing": link("/nowhere/at-all"),
        "a link to a directory": link(str(canary.folder / "full")), "a link to itself": link("state.json"),
        "a link to a FIFO": link(str(canary.folder / "fifo")), "empty": text(b""), "garbage": text(noise),
        "an endless device": lambda path: os.mknod(path, 0o600 | stat.S_IFCHR, os.makedev(1, 5)),
        "100 MB": huge(content), "not UTF-8": text(content.replace(b'"id":"', b'"id":"\xff\xfe')),
        "half as long": text(content[:len(content) // 2]),
    }


def documents(content: bytes, step: int) -> dict[str, Damage]:
    """Documents that are not the state."""
    state = json.loads(content)
    found = {f"{length} bytes of it": text(content[:length]) for length in range(step, len(content), step)}
    identity = {"inode": (-1, "x"), "boot": (7,)} if "inode" in state else {"startTime": (-1, "x")}
    changed = {"version": (0, 2, "1", None), "pid": (-1, 0, "7", 1.5, 1 << 40, None), "id": ("another", 7),
               "cgroup": ({}, "x", [7], None), "hooks": (7, []), "annotations": ([],), **identity}
    for member, values in changed.items():
        for value in values:
            found[f"{member} {value!r}"] = text(json.dumps({**state, member: value}).encode())
    for member in state:
        found[f"no {member}"] = text(json.dumps({key: state[key] for key in state if key != member}).encode())
    found["only a version"] = text(json.dumps({"version": state["version"]}).encode())
    found["deep"] = text(b"[" * 100_000)
    found["a list"] = text(b"[]")
    return found


# ---- Containers with a damaged state


@dataclass(frozen=True)
class Case:
    state: str  # of the container
    file: str  # in its directory; empty for the directory itself
    shape: str
    step: int = 64  # of truncation


class Damaged:
    """One case after the other; each in a state directory of its own, since `list` looks at all of it."""

    def __init__(self, arena: Arena, canary: Canary):
        self.arena = arena
        self.canary = canary
        self.manager = str(arena.ground.work / "manager")

    def make(self, arena: Arena, state: str) -> str:
        """A container with everything in its directory that can be there, that of the service manager's socket too."""
        if state != "created":
            return arena.make(state)
        name = arena.ground.name()
        created = arena.start("create", "--bundle", str(arena.sleeper.path), name, manager=self.manager).finish()
        if not created.succeeded:
            raise RuntimeError(created.err)
        return name

    def cases(self, short: bool) -> Iterator[Case]:
        """Every file that is there, in every other shape."""
        for state in ("created", "running", "paused"):
            arena = self.arena.branch()
            name = self.make(arena, state)
            entry = arena.entry(name)
            content = (entry / STATE).read_bytes()
            for file in sorted({*os.listdir(entry), "gate"}):
                for shape in shapes(self.canary, content):
                    yield Case(state, file, shape)
            if state != "paused" or not short:
                step = 256 if short else 64
                for shape in documents(content, step):
                    yield Case(state, STATE, shape, step)
            for shape in ("a FIFO", "a link to a directory", "a link to nothing", "a link to itself", "garbage",
                          "a socket", "a link to what it was"):
                yield Case(state, "", shape)
            arena.remove(name)

    def damage(self, case: Case, path: Path, content: bytes, saved: Path) -> None:
        if case.shape == "a link to what it was":
            os.symlink(saved, path)
            return
        known = shapes(self.canary, content)
        if case.file == STATE:
            known |= documents(content, case.step)
        if case.shape in known:
            known[case.shape](path)
        else:  # lengths differ a little from container to container
            text(content[:int(case.shape.split()[0])])(path)

    def check(self, case: Case) -> list[str]:
        arena = self.arena.branch()
        name = self.make(arena, case.state)
        path = arena.entry(name) / case.file
        saved = arena.runtime.root.with_suffix(".saved")
        is_there = os.path.lexists(path)
        content = path.read_bytes() if path.is_file() else b""
        if is_there:
            os.rename(path, saved)
        self.damage(case, path, content, saved)
        wrongs = self.try_commands(arena, name, case)
        wrongs += self.try_delete(arena, name, PATIENCE if not any("hang" in each for each in wrongs) else 2)
        self.repair(path, saved, is_there)
        if os.path.lexists(arena.entry(name)):
            wrongs += [f"after the repair: {each}" for each in arena.remove(name)]
        arena.clear(name)  # told already
        wrongs += self.canary.changes()
        place = case.file or "the directory"
        return [f"{place} of a {case.state} container is {case.shape}: {'; '.join(filter(None, wrongs))}"] * any(wrongs)

    def try_commands(self, arena: Arena, name: str, case: Case) -> list[str]:
        """Every command that is to leave the container there, all at a time."""
        manager = case.file == "notify" and "directory" not in case.shape  # in a good directory it waits to be ready
        started = {each: arena.start(*words(each, name, str(arena.sleeper.path)),
                                     manager=self.manager if each == "start" and manager else "") for each in HARMLESS}
        wrongs = []
        patience: float = PATIENCE
        for each in sorted(started, key=lambda each: each in ("exec", "wait")):  # who depends on the others comes last
            command = started[each]
            if each == "wait" or each == "exec" and arena.is_frozen(name):
                if not command.has_ended:  # rightly, as long as the container lives
                    os.killpg(command.process.pid, signal.SIGKILL)
                command.finish()
                continue
            outcome = command.finish(patience)
            patience = 0.1 if outcome.hung else patience
            wrongs.append(complaint(each, outcome, STATUSES.get(each, range(0))))
            if each == "list" and outcome.status:
                wrongs.append("list fails: who cannot be read hides the others")
        return wrongs

    def try_delete(self, arena: Arena, name: str, patience: float) -> list[str]:
        """`delete` without and with force: never success while something is left."""
        wrongs = []
        for words in (["delete"], ["delete", "--force"]):
            outcome = arena.call(*words, name, timeout=patience)
            wrongs.append(complaint(" ".join(words), outcome))
            left = arena.remains(name) if outcome.succeeded else []
            if left:
                return [*wrongs, f"{' '.join(words)} says success: {left[0]}"]
        return wrongs

    def repair(self, path: Path, saved: Path, is_there: bool) -> None:
        if not path.parent.exists() or not is_there and not os.path.lexists(path):
            return  # it was deleted
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        elif os.path.lexists(path):
            path.unlink()
        if is_there:
            os.rename(saved, path)


def strange_roots(arena: Arena) -> list[str]:
    """`--root` is no directory."""
    wrongs = []
    path = arena.ground.work / "strange"
    for shape, make in {"a file": text(b"x"), "a FIFO": os.mkfifo, "a link to nothing": link("/nowhere/at-all"),
                        "a link to itself": link("strange"), "a socket": listener}.items():
        make(path)
        for command in (*HARMLESS, "create", "run", "kill KILL", "delete", "delete --force"):
            program = [arena.runtime.path, "--root", str(path), *words(command, "x", str(arena.sleeper.path))]
            outcome = Started(program).finish()
            wrong = complaint(command, outcome)
            if outcome.succeeded and command in ("create", "run"):
                wrong = f"{command}: success"
            wrongs += [f"--root is {shape}: {wrong}"] * bool(wrong)
        path.unlink()
    return wrongs


# ---- File systems


class SmallRoot:
    """The state directory on a file system of its own, which can be filled up."""

    def __init__(self, arena: Arena):
        self.arena = arena
        self.point = arena.ground.work / "small"
        self.point.mkdir()
        options = "size=512k,nr_inodes=96,mode=700"
        subprocess.run(["mount", "-t", "tmpfs", "-o", options, "small", self.point], check=True)
        self.fillers = self.point / "fillers"
        self.fillers.mkdir()
        self.outer = arena.runtime.root
        arena.runtime.root = self.point / "root"
        arena.runtime.root.mkdir(mode=0o700)

    def exhaust(self, what: str, slack: int) -> None:
        if what == "pages":
            filler = self.fillers / "pages"
            with open(filler, "wb", buffering=0) as file:
                self.until_full(lambda: file.write(b"x" * 4096))
            os.truncate(filler, filler.stat().st_size // 4096 * 4096 - slack * 4096)
        elif what == "inodes":
            count = iter(range(1000))
            self.until_full(lambda: (self.fillers / str(next(count))).touch())
            for filler in sorted(self.fillers.iterdir())[:slack]:
                filler.unlink()
        else:
            subprocess.run(["mount", "-o", "remount,ro", self.point], check=True)

    @staticmethod
    def until_full(add: Callable[[], object]) -> None:
        try:
            while True:
                add()
        except OSError as error:
            if error.strerror != "No space left on device":
                raise

    def repair(self) -> None:
        subprocess.run(["mount", "-o", "remount,rw", self.point], check=True)
        for filler in self.fillers.iterdir():
            filler.unlink()

    def check(self, what: str, slack: int, command: str, state: str) -> list[str]:
        name = self.arena.make(state)
        self.exhaust(what, slack)
        try:
            if command == "wait":
                started = self.arena.start(*words(command, name, ""))
                self.arena.call("kill", name, "KILL")
                outcome = started.finish()
            else:
                outcome = self.arena.call(*words(command, name, str(self.arena.sleeper.path)))
            wrongs = [complaint(command, outcome, STATUSES.get(command, range(0)))]
            if command in WRITELESS and not outcome.succeeded and outcome.status not in STATUSES.get(command, ()):
                wrongs.append(f"{command}, which has nothing to write: {outcome.err.strip()[-200:]}")
            if outcome.status and command in ("create", "run"):
                wrongs += [f"{command} failed: {left}" for left in self.arena.remains(name)]
            wrongs.append(self.arena.settled(name)[1])
            forced = self.arena.call("delete", "--force", name)
            wrongs.append(complaint("delete --force", forced))
            if forced.succeeded:
                wrongs += [f"delete --force says success: {left}" for left in self.arena.remains(name)]
        finally:
            self.repair()
        wrongs += [f"afterwards: {each}" for each in self.arena.remove(name)]
        place = what if what == "read-only" else f"{slack} {what} left"
        return [f"{command} on {state}, {place}: {each}" for each in wrongs if each]

    def close(self) -> None:
        self.arena.runtime.root = self.outer
        subprocess.run(["umount", self.point], check=True)


def rows(options: Options) -> Iterator[Row]:
    arena = Arena("broken", options.apus)
    damaged = Damaged(arena, Canary(arena.ground.work / "canary"))
    cases = list(damaged.cases(options.short))
    for state in ("created", "running", "paused"):
        chosen = [case for case in cases if case.state == state]
        yield judged(f"damaged state of a {state} container", f"{len(chosen)} shapes",
                     in_crowds(damaged.check, chosen, 3))
    yield judged("a state directory that is none", "5 shapes", strange_roots(arena))
    small = SmallRoot(arena)
    for what, most in (("pages", 2 if options.short else 6), ("inodes", 3 if options.short else 8), ("read-only", 0)):
        wrongs = [each for slack in range(most + 1) for command, state in EVERY
                  for each in small.check(what, slack, command, state)]
        name = "a read-only state directory" if what == "read-only" else f"a state directory without {what}"
        yield judged(name, f"{len(EVERY)} commands, {most + 1} grades", wrongs)
    small.close()
    yield from closing(arena, "broken states leave nothing")
