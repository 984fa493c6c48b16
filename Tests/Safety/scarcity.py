"""Commands where something is scarce: descriptors, memory, room or rights in the state directory.

What `faults.py` does to one call at a time, the kernel does here by itself, to each call from some point on.
"""

import dataclasses
import os
import resource
import subprocess
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from faultcommands import SCENES
from faultscenes import (Fault, Scene, Stage, complaint, error_messages, judge_removal, judge_state, judge_status,
                         judge_use, raise_if, was_done)
from ground import Outcome

Tried = tuple[int, list[str]]  # how much was tried, and what went wrong


def try_all(stage: Stage, cases: Iterable[tuple[str, Callable[[], None]]]) -> Tried:
    """Tries each case; a failed one leaves nothing to the next."""
    count, faults = 0, []
    for name, case in cases:
        count += 1
        stage.reference = {}
        stage.forget()
        try:
            case()
        except Fault as fault:
            faults.append(f"{name}: {fault}")
            stage.clear()
    stage.clear()
    return count, faults


def judge_end(stage: Stage, scene: Scene, id: str, outcome: Outcome, reason: str) -> None:
    """It did what it was asked, or says why not."""
    raise_if(outcome.hung, "it hung")
    raise_if(outcome.status < 0, f"it died of signal {-outcome.status}")
    if outcome.succeeded:
        raise_if(scene.refuses, "success")
        scene.done(stage, id, outcome)
        return
    errors = error_messages(outcome)
    raise_if(len(errors) != 1, f"{len(errors)} error messages: {outcome.err[:300]!r}")
    raise_if(not scene.refuses and reason not in errors[0], f"the message does not say that: {errors[0]}")
    scene.failed(stage, id)


def judge_rest(stage: Stage, scene: Scene, id: str, outcome: Outcome) -> None:
    """What has to hold when nothing is scarce any more."""
    if scene.keeps:
        judge_use(stage, id)
        return
    if not outcome.succeeded and not was_done(stage, outcome) and scene.name.split()[0] in ("create", "run"):
        raise_if(stage.left(), "left before delete: {}")
    judge_removal(stage, id)


# ---- Descriptors

def few_descriptors(stage: Stage, short: bool) -> Tried:
    def attempt(scene: Scene, number: int) -> None:
        id = scene.prepare(stage)
        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        limit = lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (number, hard))
        outcome = stage.call(*scene.words(stage, id), preexec_fn=limit)
        judge_end(stage, scene, id, outcome, "too many open files")
        judge_state(stage, scene, id)
        judge_rest(stage, scene, id, outcome)

    return try_all(stage, ((f"{scene.name}, {number}", lambda scene=scene, number=number: attempt(scene, number))
                           for scene in SCENES for number in range(3, 26, 5 if short else 1)))


# ---- Memory

def little_memory(stage: Stage, short: bool) -> Tried:
    """The container's out-of-memory killer, or the kernel's refusal, at every step of apus-init."""
    def attempt(command: str, size: int) -> None:
        bundle = stage.bundle("/bin/sleep" if command == "create" else "/bin/echo",
                              "1000" if command == "create" else "ran")
        bundle.config["linux"]["resources"] = {"memory": {"limit": size}}
        bundle.write()
        id = stage.ground.name()
        outcome = stage.call(command, "--bundle", str(bundle.path), id)
        raise_if(outcome.hung, "it hung")
        raise_if(outcome.status < 0, f"it died of signal {-outcome.status}")
        if outcome.succeeded or was_done(stage, outcome):
            raise_if(command == "run" and outcome.out != "ran\n", f"success, and the output is {outcome.out!r}")
        else:
            # A program that was killed has a status of its own, and a warning.
            raise_if("memory" not in outcome.err, f"the message does not say it: {complaint(outcome)}")
            raise_if(stage.left(), "left before delete: {}")
        judge_state(stage, SCENES[0], id)
        judge_removal(stage, id)

    sizes = [pages * 4096 for pages in (*range(1, 64, 15 if short else 3), *range(64, 513, 200 if short else 32))]
    return try_all(stage, ((f"{command}, {size >> 10} KB", lambda command=command, size=size: attempt(command, size))
                           for command in ("create", "run") for size in sizes))


# ---- The state directory

@contextmanager
def state_directory(stage: Stage, options: str) -> Iterator[Path]:
    """A file system of its own for the states."""
    root = stage.runtime.root
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"mode=700,{options}", "tmpfs", str(root)], check=True)
    stage.kept = ""
    try:
        yield root
    finally:
        subprocess.run(["mount", "-o", "remount,rw", str(root)], check=True)
        for name in os.listdir(root):
            if name.startswith("@fill"):
                os.unlink(root / name)
        for name in os.listdir(root):
            stage.call("delete", "--force", name)
        stage.clear()
        subprocess.run(["umount", "-l", str(root)], check=True)


def full_directory(stage: Stage, short: bool) -> Tried:
    def attempt(scene: Scene, pages: int) -> None:
        with state_directory(stage, "size=512k") as root:
            id = scene.prepare(stage)
            stage.must("list")
            with open(root / "@fill", "wb") as file:
                free = os.statvfs(root)
                file.write(b"\0" * max(0, free.f_bavail - pages) * free.f_bsize)
            judge_scarce(stage, scene, id, "no space left on device", root)

    return try_all(stage, ((f"{scene.name}, {pages} pages", lambda scene=scene, pages=pages: attempt(scene, pages))
                           for scene in SCENES for pages in ((0, 2) if short else range(6))))


def no_more_inodes(stage: Stage, short: bool) -> Tried:
    def attempt(scene: Scene, count: int) -> None:
        with state_directory(stage, "size=4m,nr_inodes=100") as root:
            id = scene.prepare(stage)
            for number in range(os.statvfs(root).f_favail - count):
                (root / f"@fill{number}").touch()
            judge_scarce(stage, scene, id, "no space left on device", root)

    return try_all(stage, ((f"{scene.name}, {count} inodes", lambda scene=scene, count=count: attempt(scene, count))
                           for scene in SCENES for count in ((0, 2) if short else range(6))))


def read_only_directory(stage: Stage, short: bool) -> Tried:
    def attempt(scene: Scene) -> None:
        with state_directory(stage, "size=4m") as root:
            id = scene.prepare(stage)
            subprocess.run(["mount", "-o", "remount,ro", str(root)], check=True)
            judge_scarce(stage, scene, id, "read-only file system", root)

    return try_all(stage, ((scene.name, lambda scene=scene: attempt(scene)) for scene in SCENES))


def judge_scarce(stage: Stage, scene: Scene, id: str, reason: str, root: Path) -> None:
    """Runs the command, and looks twice: where something is scarce, and when it is so no more."""
    outcome = stage.call(*scene.words(stage, id))
    judge_end(stage, dataclasses.replace(scene, done=lambda *_: None), id, outcome, reason)
    judge_state(stage, scene, id)
    if scene.keeps:
        judge_use(stage, id)
    judge_forced(stage, id)
    subprocess.run(["mount", "-o", "remount,rw,size=8m,nr_inodes=200", str(root)], check=True)
    for name in os.listdir(root):
        if name.startswith("@fill"):
            os.unlink(root / name)
    judge_removal(stage, id)


def judge_forced(stage: Stage, id: str) -> None:
    """`delete --force` says success only if nothing is left."""
    outcome = stage.call("delete", "--force", id)
    raise_if(outcome.hung, "delete --force hung")
    if outcome.succeeded:
        raise_if(stage.left(), "delete --force says success, and left is: {}")
    else:
        raise_if(len(error_messages(outcome)) != 1, f"delete --force: {complaint(outcome)}")


# ---- The gate

def death_at_the_gate(stage: Stage, short: bool) -> Tried:
    """`create` dies when its container waits for `start`: that works, as if nothing had happened."""
    scene = dataclasses.replace(SCENES[0], may_be=("created",))
    id = scene.prepare(stage)
    points = stage.tracer.trace(scene.command(stage, id))[1].points
    stage.clear()
    let_go = max(index for index, point in enumerate(points) if point.process == 0 and point.name == "sendmsg")
    own = [point for point in points[let_go + 1:] if point.process == 0]
    at_gate = [point for point in points if point.process == 1 and point.name == "accept4"]

    def attempt(point) -> None:
        id = scene.prepare(stage)
        if point.process == 0:
            stage.tracer.kill(point, scene.command(stage, id))
        else:
            stage.tracer.kill_command(point, scene.command(stage, id), lambda: None)
        state = stage.runtime.state(id)
        raise_if(not state, "the container is gone")
        judge_status(stage, scene, id, state)  # starts it
        judge_removal(stage, id)

    return try_all(stage, ((point.text_for_people(), lambda point=point: attempt(point)) for point in own + at_gate))


ROWS: dict[str, Callable[[Stage, bool], Tried]] = {
    "few descriptors (ulimit -n 3 to 25), each command": few_descriptors,
    "little memory for the container: killed, or refused memory, during its set-up": little_memory,
    "state directory full, each command": full_directory,
    "state directory without free inodes, each command": no_more_inodes,
    "state directory read-only, each command": read_only_directory,
    "create dies while the container waits at the gate: start works": death_at_the_gate,
}
