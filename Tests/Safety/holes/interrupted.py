"""Commands that are killed or told to end while a container is being set up."""

import os
import signal
import subprocess
import time

from arena import PROMPT, SECRET, Arena, Hit, Table, expect, wait_until
from ground import Bundle
from holes.hooks import hook
from holes.trace import waits_at

TABLE = Table()
KINDS = ("prestart", "createRuntime", "createContainer", "startContainer", "poststart")
COMMANDS = (("run",), ("run", "--detach"), ("create",))
ENTERED = {"poststart"}  # hooks that run when the container does


class Gate:
    """A hook that waits, as long as one likes."""

    def __init__(self, arena: Arena, bundle: Bundle, kind: str):
        self.path = (bundle.rootfs if kind == "startContainer" else bundle.path) / "gate"
        os.mkfifo(self.path)
        hook(bundle, kind, f"read line <>{'/gate' if kind == 'startContainer' else self.path}")
        self.kind = kind

    def await_hook(self) -> None:
        wait_until(lambda: waits_at(self.path), f"the {self.kind} hook does not run")

    def open(self) -> None:
        """Lets the hook end, if it still waits."""
        writing = os.open(self.path, os.O_RDWR)
        deadline = time.monotonic() + PROMPT
        while waits_at(self.path) and time.monotonic() < deadline:
            os.write(writing, b"go\n")
            time.sleep(0.02)
        os.close(writing)


def namespaces(pid: str) -> tuple:
    return tuple(os.readlink(f"/proc/{pid}/ns/{kind}") for kind in ("mnt", "pid_for_children", "uts"))


def inhabitants() -> list[str]:
    """Living processes that are in a namespace which is not the host's."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/stat") as file:
                name, state = file.read().rpartition(")")[::2]
            if namespaces(pid) != namespaces("self") and state.split()[0] not in "ZX":
                found.append(f"{pid} {name.partition('(')[2]}")
        except OSError:
            continue  # ended meanwhile
    return found


def interrupted(arena: Arena, words: tuple[str, ...], kind: str, number: int) -> tuple[str, Gate, subprocess.Popen]:
    """A command that gets a signal at a hook of a kind: the container, the hook, the command."""
    bundle = arena.bundle("sleep 100")
    gate = Gate(arena, bundle, kind)
    name = arena.name()
    process = arena.background(*words, "--bundle", str(bundle.path), name)
    gate.await_hook()
    os.kill(process.pid, number)
    return name, gate, process


def not_on_the_host(arena: Arena, name: str, where: str) -> None:
    """Neither state nor exec takes the container for one that is there."""
    outcome = arena.call("state", name)
    status = "" if not outcome.succeeded else arena.runtime.state(name).get("status", "")
    for path in (f"{arena.canary}/secret", f"/proc/1/root{arena.canary}/secret"):
        outcome = arena.exec(name, "/bin/cat", path)
        expect(SECRET not in outcome.out, f"{where}: exec reads a file of the host")
        expect(not outcome.succeeded, f"{where}: exec ran ({status or 'no state'})")
    expect(status in ("creating", "created", "stopped", ""), f"{where}: state says {status}")


def killed(arena: Arena, kind: str) -> None:
    for words in COMMANDS:
        if words == ("create",) and kind in ("startContainer", "poststart"):
            continue  # these belong to `start`
        where = f"{' '.join(words)}, {kind}"
        name, gate, process = interrupted(arena, words, kind, signal.SIGKILL)
        process.wait()
        if kind not in ENTERED:
            not_on_the_host(arena, name, where)
            # The hook is not the container's; whoever was made for the container ends with who made it.
            gate.open()
            try:
                wait_until(lambda: not inhabitants(), "")
            except Hit:
                raise Hit(f"{where}: {', '.join(inhabitants())[:80]} survives") from None
            not_on_the_host(arena, name, where)
        else:
            outcome = arena.exec(name, "/bin/cat", f"{arena.canary}/secret")
            expect(SECRET not in outcome.out, f"{where}: exec reads a file of the host")
            gate.open()
        if (arena.runtime.root / name).exists():
            arena.delete(name)
        left = arena.ground.leftovers(arena.runtime)
        expect(not left, f"{where}: left behind: {', '.join(left)[:120]}")
        arena.said(arena.bundle(), name=name)  # the name can be used again


def register(kind: str) -> None:
    @TABLE.add("set-up", f"SIGKILL for run, run --detach and create during a {kind} hook, then exec")
    def act(arena: Arena) -> None:
        killed(arena, kind)


for each in KINDS:
    register(each)


@TABLE.add("set-up", "SIGKILL for start during a startContainer hook, then exec, state, start, delete")
def killed_start(arena: Arena) -> None:
    bundle = arena.bundle("sleep 100")
    gate = Gate(arena, bundle, "startContainer")
    name = arena.create(bundle)
    process = arena.background("start", name)
    gate.await_hook()
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    outcome = arena.exec(name, "/bin/cat", f"{arena.canary}/secret")
    expect(SECRET not in outcome.out, "exec reads a file of the host")
    gate.open()
    wait_until(lambda: arena.runtime.state(name).get("status") in ("running", "stopped", "created"), "no state")
    arena.delete(name)


@TABLE.add("set-up", "a container that waits at its gate outlives who created it")
def outlives(arena: Arena) -> None:
    """What a process that dies with its parent must not be any more, at any moment after `create` has said so."""
    number, bundle, found = 60, arena.bundle(), []
    for _ in range(number):
        name = arena.create(bundle)
        found.append(arena.runtime.state(name).get("status", "unknown"))
        started = arena.call("start", name)
        if not started.succeeded and found[-1] == "created":
            found[-1] = "lost"
        arena.delete(name)
    arena.figure = f"{number} times"
    expect(set(found) == {"created"}, f"{number - found.count('created')} of {number} are {set(found) - {'created'}}")


@TABLE.add("signals", "SIGTERM and SIGINT for run while a hook hangs")
def told_to_end(arena: Arena) -> None:
    for kind in ("createRuntime", "createContainer", "startContainer", "poststart"):
        for number in (signal.SIGTERM, signal.SIGINT):
            where = f"{number.name}, {kind}"
            name, gate, process = interrupted(arena, ("run",), kind, number)
            try:
                process.wait(PROMPT)
            except subprocess.TimeoutExpired:
                gate.open()
                raise Hit(f"{where}: ignored") from None
            left = arena.ground.leftovers(arena.runtime)
            expect(not left, f"{where}: left behind: {', '.join(left)[:160]}")


@TABLE.add("signals", "SIGTERM and SIGINT for create and start while a hook hangs")
def creation_told_to_end(arena: Arena) -> None:
    for kind in ("createRuntime", "createContainer"):
        for number in (signal.SIGTERM, signal.SIGINT):
            where = f"create, {number.name}, {kind}"
            name, gate, process = interrupted(arena, ("create",), kind, number)
            try:
                process.wait(PROMPT)
            except subprocess.TimeoutExpired:
                gate.open()
                raise Hit(f"{where}: ignored") from None
            gate.open()
            if (arena.runtime.root / name).exists():
                arena.delete(name)
            left = arena.ground.leftovers(arena.runtime)
            expect(not left, f"{where}: left behind: {', '.join(left)[:160]}")
