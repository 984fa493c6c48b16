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
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from faultcommands import SCENES, is_created, is_running
from faultpoints import Point, fallible
from faultscenes import Fault, Scene, Spoiling, Stage, judge, look_while_held
from ground import Ground
from rows import HELD, Options, Row
from scarcity import ROWS

WORKERS = 2
CHUNK = 20  # points that a worker gets at once
SHORT = 1600  # points in the short form, evenly over all rows
HANGS = 2  # in one chunk: a row that hangs again and again is not tried to its end

Key = tuple[str, str]  # name of a scene; what is done to whom


@dataclass
class Result:
    """What came of a row."""

    name: str
    count: int
    faults: list[str]
    missed: int = 0  # points that did not come up this time

stage: Stage  # of a worker


def rows(options: Options) -> Iterator[Row]:
    for result in results(options):
        figure = f"{result.count:,} points" + (f", {result.missed} did not come up" if result.missed else "")
        yield Row(result.name, {"apus": verdict(result)}, figure)


def verdict(result: Result) -> str:
    if not result.count:
        return "nothing was tried"
    if not result.faults:
        return HELD
    return f"{len(result.faults)} of {result.count} points: first: {result.faults[0]}"


def results(options: Options) -> Iterator[Result]:
    yield from results_on(options, unified=False)
    yield from results_on(options, unified=True)


def results_on(options: Options, unified: bool) -> Iterator[Result]:
    """On this host as it is, or with cgroup v2 alone (where the controllers of v1 have no limits to set)."""
    context = multiprocessing.get_context("fork")
    prefix = "cgroup v2: " if unified else ""
    with concurrent.futures.ProcessPoolExecutor(WORKERS, context, begin, (options.apus, unified)) as pool:
        scarce = {name: pool.submit(make_scarce, name, options.short) for name in ROWS
                  if not unified and re.search(options.only, name)}
        names = [scene.name for scene in SCENES if scene.is_on_both or not unified]
        plan: dict[Key, list[Point]] = {}
        for name, points in zip(names, pool.map(list_points, names)):
            for what, where in kinds(points).items():
                if where and re.search(options.only, f"{prefix}{name}: {what}"):
                    plan[name, what] = where
        step = max(1, 2 * sum(map(len, plan.values())) // SHORT) if options.short else 1
        tasks = collections.defaultdict(list)
        for key, points in plan.items():
            chosen = points[:: min(step, max(1, len(points) // 2))]
            for start in range(0, len(chosen), CHUNK):
                tasks[key].append(pool.submit(spoil, *key, chosen[start:start + CHUNK]))
        for key, parts in tasks.items():
            counts, missed, faults = zip(*(part.result() for part in parts))
            found = [fault for part in faults for fault in part]
            yield Result(prefix + ": ".join(key), sum(counts), found, sum(missed))
        for name, task in scarce.items():
            yield Result(name, *task.result())


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

def begin(apus: str, unified: bool) -> None:
    global stage
    Ground.isolate()
    Stage.private_devices()
    stage = Stage(apus, unified)
    multiprocessing.util.Finalize(None, stage.close, exitpriority=10)


def scene_of(name: str) -> Scene:
    return next(scene for scene in SCENES if scene.name == name)


def list_points(name: str) -> list[Point]:
    """The calls of a command, and of what it clones, when nobody spoils it."""
    scene = scene_of(name)
    stage.reference = {}
    if is_fingerprinted(scene):
        set_reference(scene)
    id = scene.prepare(stage)
    outcome, log = stage.tracer.trace(scene.command(stage, id), scene.attach(stage, id))
    if (log.status != 0) != scene.refuses:
        raise RuntimeError(f"{name} unspoilt: status {log.status}: {outcome.err}")
    scene.done(stage, id, outcome)
    stage.clear()
    return log.points


def make_scarce(name: str, short: bool) -> tuple[int, list[str]]:
    stage.clear()
    return ROWS[name](stage, short)


def spoil(name: str, what: str, points: list[Point]) -> tuple[int, int, list[str]]:
    """How many points were tried, how many did not come up, and what went wrong."""
    scene = scene_of(name)
    faults: list[str] = []
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
            faults.append(f"{point.text_for_people()}: {fault}")
            stage.clear()
    stage.clear()
    return count, missed, faults


def try_point(scene: Scene, what: str, point: Point) -> bool:
    """Spoils a command once; false if it did not come to that call."""
    kind = {"SIGKILL": "kill", "SIGKILL of apus-init": "kill", "SIGKILL while apus-init is held": "kill-command"}.get(
        what, what.split()[0])
    if not stage.reference and is_fingerprinted(scene):
        set_reference(scene)
    id = scene.prepare(stage)
    command, attach = scene.command(stage, id), scene.attach(stage, id)
    stage.is_device_refused = kind == "EPERM" and point.name == "mknodat"
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


def is_fingerprinted(scene: Scene) -> bool:
    return scene.done in (is_created, is_running)


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
    for result in results(options):
        print(f"{result.name}: {result.count} points, {result.missed} did not come up, {len(result.faults)} faults")
        print("".join(f"    {fault}\n" for fault in result.faults), end="", flush=True)
        failures += len(result.faults)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
