"""An error, or SIGKILL, at each system call of each command, and at each step of apus-init.

From outside, by ptrace(2): `faultpoints.py` knows what can fail where, `faultscenes.py` what has to hold afterwards,
`faultcommands.py` the commands. By itself, `faults.py APUS [--only SCENE] [--short]` prints every single fault.
"""

import argparse
import collections
import concurrent.futures
import multiprocessing
import multiprocessing.util
import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from faultcommands import SCENES
from faultpoints import Point, fallible
from faultscenes import Fault, Scene, Spoiling, Stage, judge, look_while_held
from ground import Ground
from rows import HELD, Options, Row

WORKERS = 2
CHUNK = 20  # points that a worker gets at once
SHORT = 900  # points in the short form, evenly over all rows
HANGS = 2  # in one chunk: a row that hangs again and again is not tried to its end

Key = tuple[str, str]  # name of a scene; what is done to whom
Seen = tuple[Point, str]  # a fault

stage: Stage  # of a worker


def rows(options: Options) -> Iterator[Row]:
    for (scene, what), (count, missed, seen) in results(options):
        name = f"{scene}: {what}"
        figure = f"{count:,} points" + (f", {missed} did not come up" if missed else "")
        yield Row(name, {"apus": verdict(count, seen)}, figure)


def verdict(count: int, seen: list[Seen]) -> str:
    if not seen:
        return HELD if count else "no points"
    point, fault = seen[0]
    return f"{len(seen)} of {count} points: first: {point.text_for_people()}: {fault}"


def results(options: Options) -> Iterator[tuple[Key, tuple[int, int, list[Seen]]]]:
    """By row: how many points were tried, how many did not come up this time, and what went wrong."""
    context = multiprocessing.get_context("fork")
    with concurrent.futures.ProcessPoolExecutor(WORKERS, context, begin, (options.apus,)) as pool:
        names = [scene.name for scene in SCENES]
        plan: dict[Key, list[Point]] = {}
        for name, points in zip(names, pool.map(list_points, names)):
            for what, where in kinds(points).items():
                if where and re.search(options.only, f"{name}: {what}"):
                    plan[name, what] = where
        step = max(1, sum(map(len, plan.values())) // SHORT) if options.short else 1
        tasks = collections.defaultdict(list)
        for key, points in plan.items():
            chosen = points[:: min(step, max(1, len(points) // 2))]
            for start in range(0, len(chosen), CHUNK):
                tasks[key].append(pool.submit(spoil, *key, chosen[start:start + CHUNK]))
        for key, parts in tasks.items():
            counts, missed, seen = zip(*(part.result() for part in parts))
            yield key, (sum(counts), sum(missed), [fault for part in seen for fault in part])


def kinds(points: list[Point]) -> dict[str, list[Point]]:
    """The rows of a scene: what is done at which points."""
    own = [point for point in points if point.process == 0]
    others = [point for point in points if point.process > 0]
    found = {
        "SIGKILL": own, "SIGKILL of apus-init": once(others),
        "SIGKILL while apus-init is held": once(others),
    }
    for error in ("ENOSPC", "ENOMEM", "EMFILE", "EPERM", "EAGAIN", "EIO", "EINTR"):
        found[error] = [point for point in fallible(own) if error in point.errors]
        found[f"{error} in apus-init"] = [point for point in fallible(others) if error in point.errors]
    return found


def once(points: list[Point]) -> list[Point]:
    """Of the 64 calls that reset signals, the first and the last."""
    resets = [point for point in points if point.name == "rt_sigaction"]
    return [point for point in points if point not in resets[1:-1]]


# ---- In a worker

def begin(apus: str) -> None:
    global stage
    Ground.isolate()
    stage = Stage(apus)
    multiprocessing.util.Finalize(None, stage.close, exitpriority=10)


def scene_of(name: str) -> Scene:
    return next(scene for scene in SCENES if scene.name == name)


def list_points(name: str) -> list[Point]:
    """The calls of a command, and of what it clones, when nobody spoils it."""
    scene = scene_of(name)
    id = scene.prepare(stage)
    outcome, log = stage.tracer.trace(scene.command(stage, id), scene.attach(stage, id))
    if (log.status != 0) != scene.refuses:
        raise RuntimeError(f"{name} unspoilt: status {log.status}: {outcome.err}")
    scene.done(stage, id, outcome)
    stage.clear()
    return log.points


def spoil(name: str, what: str, points: list[Point]) -> tuple[int, int, list[Seen]]:
    """How many points were tried, how many did not come up, and what went wrong."""
    scene = scene_of(name)
    seen: list[Seen] = []
    hangs = missed = count = 0
    stage.reference = {}
    for point in points:
        if hangs == HANGS:
            break
        count += 1
        try:
            missed += not try_point(scene, what, point)
        except Fault as fault:
            hangs += "hung" in str(fault)
            seen.append((point, str(fault)))
            stage.clear()
    stage.clear()
    return count, missed, seen


def try_point(scene: Scene, what: str, point: Point) -> bool:
    """Spoils a command once; false if it did not come to that call."""
    kind = {"SIGKILL": "kill", "SIGKILL of apus-init": "kill", "SIGKILL while apus-init is held": "kill-command"}.get(
        what, what.split()[0])
    if not stage.reference and scene.name in ("create", "run --detach", "start"):
        set_reference(scene)
    id = scene.prepare(stage)
    command, attach = scene.command(stage, id), scene.attach(stage, id)
    held: list[str] = []
    if kind == "kill":
        outcome, log = stage.tracer.kill(point, command, attach)
    elif kind == "kill-command":
        look = lambda: look_while_held(stage, scene, id, held)
        outcome, log = stage.tracer.kill_command(point, command, look, attach)
    else:
        outcome, log = stage.tracer.fail(point, kind, command, attach)
    judge(stage, scene, Spoiling(kind, point, outcome, log, id), held)
    return log.was_hit


def set_reference(scene: Scene) -> None:
    """The same command, unspoilt."""
    id = scene.prepare(stage)
    outcome = stage.call(*scene.words(stage, id))
    scene.done(stage, id, outcome)
    stage.must("delete", "--force", id)


# ---- By itself

def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("apus")
    parser.add_argument("--short", action="store_true")
    parser.add_argument("--only", default="", help="a regular expression on the names of rows")
    arguments = parser.parse_args()
    options = Options(str(Path(arguments.apus).resolve()), short=arguments.short, only=arguments.only)
    failures = 0
    for (scene, what), (count, missed, seen) in results(options):
        print(f"{scene}: {what}: {count} points, {missed} did not come up, {len(seen)} faults", flush=True)
        for point, fault in seen:
            print(f"    {point.text_for_people()}: {fault}", flush=True)
        failures += len(seen)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
