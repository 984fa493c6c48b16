"""Where an attack meets a runtime: a bundle, a canary on the host, and what shows that the attack came through.

An attack is a function that takes an `Arena` and raises `Hit` if it did. When it is over, the arena looks at what no
attack may change, whatever the container saw: the canary, the host's mounts, its device nodes, the runtime's binary;
and at what is left after `delete --force`.
"""

import hashlib
import os
import re
import shutil
import signal
import stat
import subprocess
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

import world
from ground import Bundle, Ground, Outcome, Runtime, call, snapshot
from rows import HELD, Options, Row

SECRET = "the-secret-of-the-host"
PROMPT = 10  # seconds; what takes longer hangs
TOOLS = {"exchange": (), "attacker": ("-static",)}


def node(path: str) -> tuple:
    """What chmod, chown, and touch change; a terminal is touched by who writes to it."""
    status = os.lstat(path)
    return (status.st_mode, status.st_uid, status.st_gid, status.st_ino, path == "/dev/tty" or status.st_mtime_ns)


class Hit(Exception):
    """The attack came through, in a few words."""


class Unable(Exception):
    """The attack cannot be made here; why."""


def expect(condition: object, words: str) -> None:
    if not condition:
        raise Hit(words)


def brief(outcome: Outcome) -> str:
    """How a command ended, for a verdict."""
    text = (outcome.err.strip() or outcome.out.strip()).splitlines()
    return f"status {outcome.status}{': ' + text[-1][-160:] if text else ''}"


class Arena:
    def __init__(self, ground: Ground, runtime: Runtime, tools: Path, short: bool, seconds: float = 0):
        self.ground, self.runtime, self.tools, self.short, self.seconds = ground, runtime, tools, short, seconds
        self.figure = ""
        self.ids: list[str] = []
        self.helpers: list[subprocess.Popen] = []
        self.canary = ground.work / "canary"
        (self.canary / "folder").mkdir(parents=True)
        (self.canary / "file").write_text("nobody changes this\n")
        (self.canary / "ptmx").write_text("nor this\n")
        (self.canary / "secret").write_text(SECRET)
        self.before = self.host()

    # ---- The host

    def host(self) -> dict[str, object]:
        """What no attack may change."""
        with open(self.runtime.path, "rb") as file:
            binary = hashlib.file_digest(file, "sha256").hexdigest()
        devices = {name: node(f"/dev/{name}") for name in os.listdir("/dev")}
        # A terminal that is just there is nothing; one that somebody changed is.
        terminals = {name: status[:3] for name in os.listdir("/dev/pts") if name != "ptmx"
                     if (status := node(f"/dev/pts/{name}"))[:3] != (stat.S_IFCHR | 0o620, 0, 0)}
        return {"the canary": snapshot(self.canary), "the host's mounts": Path("/proc/self/mountinfo").read_text(),
                "a device node of the host": devices, "a terminal of the host": terminals,
                "the runtime's binary": binary, "the host's name": os.uname().nodename}

    def unchanged(self) -> None:
        for what, now in self.host().items():
            expect(now == self.before[what], f"{what} changed: {difference(self.before[what], now)}")

    # ---- What attacks are made of

    def name(self) -> str:
        self.ids.append(self.ground.name())
        return self.ids[-1]

    def bundle(self, script: str = "true") -> Bundle:
        return self.ground.bundle().shell(script)

    def mount(self, bundle: Bundle, destination: str, source: Path | str, kind: str = "bind", *options: str) -> Bundle:
        """Adds a mount; nothing is written yet."""
        options = options or (("bind",) if kind == "bind" else ())
        bundle.config["mounts"].append({"destination": destination, "type": kind, "source": str(source),
                                        "options": list(options)})
        return bundle

    def call(self, *words: str, timeout: float = PROMPT, **options) -> Outcome:
        """A command of the runtime, which must end, and not by a signal."""
        outcome = self.runtime.call(*words, timeout=timeout, **options)
        expect(not outcome.hung, f"{words[0]} hangs")
        expect(outcome.status >= 0, f"{words[0]} died of signal {-outcome.status}")
        return outcome

    def run(self, bundle: Bundle, *flags: str, name: str = "", **options) -> Outcome:
        return self.call("run", "--bundle", str(bundle.path), *flags, name or self.name(), **options)

    def said(self, bundle: Bundle, *flags: str, **options) -> str:
        """What a container printed that has to work."""
        outcome = self.run(bundle, *flags, **options)
        expect(outcome.succeeded, f"did not run: {brief(outcome)}")
        return outcome.out

    def create(self, bundle: Bundle, *flags: str, **options) -> str:
        outcome = self.call("create", "--bundle", str(bundle.path), *flags, name := self.name(), **options)
        expect(outcome.succeeded, f"not created: {brief(outcome)}")
        return name

    def start(self, bundle: Bundle, *flags: str, **options) -> str:
        """A container that runs in the background."""
        outcome = self.run(bundle, "--detach", *flags, name=(name := self.name()), **options)
        expect(outcome.succeeded, f"did not start: {brief(outcome)}")
        return name

    def exec(self, name: str, *words: str, flags: Iterable[str] = (), **options) -> Outcome:
        return self.call("exec", *flags, name, *words, **options)

    def delete(self, name: str) -> None:
        outcome = self.call("delete", "--force", name, timeout=30)
        expect(outcome.succeeded, f"delete --force: {brief(outcome)}")

    def spawn(self, *words: str, **options) -> subprocess.Popen:
        """A command in the background, which is killed at the end."""
        options = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL} | options
        process = subprocess.Popen(words, start_new_session=True, **options)
        self.helpers.append(process)
        return process

    def background(self, *words: str, **options) -> subprocess.Popen:
        """A command of the runtime in the background."""
        return self.spawn(*self.runtime.command(*words), **options)

    def stop(self, process: subprocess.Popen) -> None:
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        process.wait()

    def install(self, bundle: Bundle) -> None:
        """Puts the attacker's tool into the image."""
        shutil.copy(self.tools / "attacker", bundle.rootfs / "bin/attacker")

    def attempt(self, bundle: Bundle, *flags: str, **options) -> Outcome | None:
        """Runs a container that must be refused, or work without having seen the secret. None if it was refused."""
        outcome = self.run(bundle, *flags, **options)
        expect(SECRET not in outcome.out, "the container read a file of the host")
        self.unchanged()
        return outcome if outcome.succeeded else None

    # ---- The end

    def finish(self) -> None:
        for process in self.helpers:
            self.stop(process)
        for name in self.ids:
            if (self.runtime.root / name).exists():
                self.delete(name)
        self.unchanged()
        left = self.ground.leftovers(self.runtime)
        expect(not left, f"left behind: {', '.join(left)[:200]}")


def difference(before: object, now: object) -> str:
    """The first thing that differs, shortly."""
    if isinstance(before, dict) and isinstance(now, dict):
        changed = sorted(key for key in before.keys() | now.keys() if before.get(key) != now.get(key))
        return ", ".join(changed)[:120]
    if isinstance(before, str) and isinstance(now, str) and "\n" in before:
        lines = set(before.splitlines()) ^ set(now.splitlines())
        return "; ".join(sorted(lines))[:160]
    return f"{before} -> {now}"[:120]


def wait_until(condition: Callable[[], object], words: str, seconds: float = PROMPT) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        expect(time.monotonic() < deadline, words)
        time.sleep(0.01)


# ---- The table

@dataclass(frozen=True)
class Attack:
    name: str  # of the hole
    words: str  # what is attempted
    act: Callable[[Arena], None]
    peers: tuple[str, ...]  # the runtimes that have what is attacked
    limit: float  # seconds for all of it


@dataclass
class Table:
    attacks: list[Attack] = field(default_factory=list)

    def add(self, name: str, words: str, peers: tuple[str, ...] = ("runc", "crun"), limit: float = 120) -> Callable:
        def register(act: Callable[[Arena], None]) -> Callable[[Arena], None]:
            self.attacks.append(Attack(name, words, act, peers, limit))
            return act
        return register


def build(tools: Path) -> None:
    """Compiles the tools of attackers and neighbours."""
    for name, flags in TOOLS.items():
        source = Path(__file__).resolve().parent / f"{name}.c"
        subprocess.run(["cc", "-std=gnu17", "-O2", "-Wall", "-Wextra", "-Werror", *flags, "-o", tools / name, source],
                       check=True)


def verdict(attack: Attack, name: str, path: str, tools: Path, options: Options) -> tuple[str, str]:
    """What a runtime made of an attack, and the figure that belongs to it."""
    ground = Ground(f"{re.sub('[^a-z0-9]', '', attack.name.lower())[:12]}-{name}")
    runtime = ground.runtime(name, path)
    limit = attack.limit + options.seconds

    def task() -> str:
        arena = Arena(ground, runtime, tools, options.short, options.seconds)
        try:
            attack.act(arena)
            arena.finish()
            return f"{arena.figure}\0{HELD}"
        except Hit as hit:
            return f"{arena.figure}\0{hit}"
        except Unable as reason:
            return f"{arena.figure}\0skipped: {reason}"

    try:
        answer = world.perform(task, ground.work / "cgroups", name == "crun", limit)
        if answer is None:
            return f"not over after {limit:.0f} s", ""
        figure, _, words = answer.rpartition("\0")
        return " ".join(words.split()), figure
    finally:
        ground.reap()
        runtime.root.mkdir(parents=True, exist_ok=True)  # an attack may have had it removed
        ground.clear(runtime)
        ground.close()


def perform(table: Table, options: Options) -> Iterable[Row]:
    """The rows of a table: each attack against apus, and against the peers for which it means something."""
    ground = Ground("tools")
    try:
        build(ground.work)
        for attack in table.attacks:
            title = f"{attack.name}: {attack.words}"
            if options.only and not re.search(options.only, title):
                continue
            peers = {name: path for name, path in options.peers.items() if name in attack.peers}
            runtimes = {"apus": options.apus} | peers
            results = {name: verdict(attack, name, path, ground.work, options) for name, path in runtimes.items()}
            yield Row(title, {name: words for name, (words, _) in results.items()}, results["apus"][1])
    finally:
        ground.close()
