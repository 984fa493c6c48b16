"""What is measured: one row of the table each, and how one value of it is taken."""

import json
import shlex
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

from bundles import Bundle
from processes import Failure, descendants, execute, proportional_memory
from runtimes import Floor, Runtime

PROBE_GAP = 1.0  # seconds between two health probes of a container
GAP = 0.6  # seconds; after this long without one, moving a process between cgroups waits for a grace period
LIMIT_STEP, LIMIT_MAX, LIMIT_TRIES = 16, 16384, 3  # KB, KB, times


@dataclass(frozen=True)
class Bench:
    """Where things are and how often they are done."""

    work: Path
    rootfs: Path
    hyperfine: str
    peak: str
    runtimes: list[Runtime]
    bundles: dict[str, Bundle]
    turns: int
    runs_in_a_turn: int
    broken: dict[str, str] = field(default_factory=dict)  # runtimes that cannot run a container, and why


@dataclass
class Result:
    samples: dict[str, list[float]] = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Row:
    name: str
    title: str
    unit: str
    measure: Callable[[Bench, Runtime], list[float]]  # the values of one turn
    turns: Callable[[Bench], int]
    floor: bool = True  # the floor can do it
    container: bool = True  # it takes a runtime that can run one

    def take(self, bench: Bench) -> Result:
        """Lets the runtimes take turns. Each turn begins with another one, so that drift hits all alike."""
        runtimes = [each for each in bench.runtimes if self.floor or not isinstance(each, Floor)]
        result = Result({each.name: [] for each in runtimes}, dict(bench.broken) if self.container else {})
        for turn in range(self.turns(bench)):
            shift = turn % len(runtimes)
            for runtime in runtimes[shift:] + runtimes[:shift]:
                if runtime.name in result.errors:
                    continue
                try:
                    result.samples[runtime.name] += self.measure(bench, runtime)
                except (Failure, OSError, ValueError) as error:
                    result.errors[runtime.name] = str(error)
                    runtime.clean()
        return result


# ------------------------------------------------------------------------------------------------ one turn of each


def with_hyperfine(bench: Bench, runtime: Runtime, command: list[str]) -> list[float]:
    """A few runs of one command, back to back."""
    to = bench.work / "hyperfine.json"
    options = ["-N", "--style", "none", "--warmup", "2", "--runs", str(bench.runs_in_a_turn), "--export-json", str(to)]
    try:
        execute([bench.hyperfine, *options, shlex.join(command)], timeout=120)
    except Failure:
        runtime.clean()
        execute(command)  # hyperfine keeps the command's own words to itself
        raise
    return [seconds * 1000 for seconds in json.loads(to.read_text())["results"][0]["times"]]


def version(bench: Bench, runtime: Runtime) -> list[float]:
    return with_hyperfine(bench, runtime, runtime.version())


def run(bundle: str) -> Callable[[Bench, Runtime], list[float]]:
    return lambda bench, runtime: with_hyperfine(bench, runtime, runtime.run(bench.bundles[bundle]))


def run_after_gap(bundle: str) -> Callable[[Bench, Runtime], list[float]]:
    def measure(bench: Bench, runtime: Runtime) -> list[float]:
        time.sleep(GAP)
        return [execute(runtime.run(bench.bundles[bundle])).milliseconds]

    return measure


def life(bench: Bench, runtime: Runtime, bundle: str) -> float:
    created = execute(runtime.create(bench.bundles[bundle]))
    return created.milliseconds + runtime.start_and_delete()


def lives(bundle: str) -> Callable[[Bench, Runtime], list[float]]:
    def measure(bench: Bench, runtime: Runtime) -> list[float]:
        life(bench, runtime, bundle)  # to warm up
        return [life(bench, runtime, bundle) for _ in range(bench.runs_in_a_turn)]

    return measure


def life_after_gap(bundle: str) -> Callable[[Bench, Runtime], list[float]]:
    def measure(bench: Bench, runtime: Runtime) -> list[float]:
        time.sleep(GAP)
        return [life(bench, runtime, bundle)]

    return measure


def in_container(measure: Callable[[Bench, Runtime, list[str]], list[float]]) -> Callable[[Bench, Runtime], list[float]]:
    """Starts a container that sleeps, and has one more process run in it."""

    def within(bench: Bench, runtime: Runtime) -> list[float]:
        execute(runtime.create(bench.bundles["sleeping"]))
        execute(runtime.call("start"))
        try:
            return measure(bench, runtime, runtime.exec("/bin/true"))
        finally:
            runtime.end()

    return within


def probes(bench: Bench, runtime: Runtime, command: list[str]) -> list[float]:
    execute(command)  # to warm up
    samples = []
    for _ in range(2):
        time.sleep(PROBE_GAP)
        samples.append(execute(command).milliseconds)
    return samples


def peak_of_create(bench: Bench, runtime: Runtime) -> list[float]:
    outcome = execute([bench.peak, *runtime.create(bench.bundles["default"])])
    runtime.start_and_delete()
    return [float(outcome.output.split()[0])]


def waiting_container(bench: Bench, runtime: Runtime) -> list[float]:
    """After `create`, the container's process and whatever else stays of the runtime."""
    execute(runtime.create(bench.bundles["default"]))
    memory = proportional_memory(descendants())
    runtime.start_and_delete()
    return [float(memory)]


def smallest_limit(bench: Bench, runtime: Runtime) -> list[float]:
    """Searches the smallest memory limit (KB) with which `run` succeeds every time."""

    def attempt(limit: int) -> None:
        bundle = Bundle(bench.work / "limited", bench.rootfs, memory=limit * 1024).write()
        for _ in range(LIMIT_TRIES):
            execute(runtime.run(bundle), timeout=5)

    attempt(LIMIT_MAX)
    too_small, enough = 0, LIMIT_MAX
    while enough - too_small > LIMIT_STEP:
        middle = (too_small + enough) // 2 // LIMIT_STEP * LIMIT_STEP
        try:
            attempt(middle)
            enough = middle
        except Failure:
            runtime.clean()
            too_small = middle
    return [float(enough)]


def binary_size(bench: Bench, runtime: Runtime) -> list[float]:
    stripped = bench.work / "stripped"
    shutil.copy(runtime.binary, stripped)
    if strip := shutil.which("strip"):
        execute([strip, str(stripped)])
    return [stripped.stat().st_size / 1024]


# --------------------------------------------------------------------------------------------------------- the table


def every_turn(bench: Bench) -> int:
    return bench.turns


def two_a_turn(bench: Bench) -> int:
    return 2 * bench.turns


def once(_: Bench) -> int:
    return 1


def all_rows() -> list[Row]:
    variants = {"default": "", "no-net": ", no network namespace", "seccomp": ", seccomp profile"}
    rows = [Row("version", "`--version`", "ms", version, every_turn, container=False)]
    for bundle, text in variants.items():
        suffix = "" if bundle == "default" else f"-{bundle}"
        run_row = Row(f"run{suffix}", f"`run`{text}", "ms", run(bundle), every_turn)
        life_row = Row(f"life{suffix}", f"`create` + `start` + `delete`{text}", "ms", lives(bundle), every_turn, False)
        rows += [run_row, life_row]
        for row, measure in ((run_row, run_after_gap(bundle)), (life_row, life_after_gap(bundle))):
            rows.append(replace(row, name=f"{row.name}-gap", title=f"{row.title}, {GAP} s apart", measure=measure,
                                turns=two_a_turn))
    rows.sort(key=lambda row: (row.name.endswith("-gap"), row.name.startswith("life")))
    return rows + [
        Row("exec", "`exec true`", "ms", in_container(with_hyperfine), every_turn, False),
        Row("exec-gap", f"`exec true`, {PROBE_GAP:g} s apart", "ms", in_container(probes), every_turn, False),
        Row("peak", "peak memory of `create`", "KB", peak_of_create, every_turn, False),
        Row("waiting", "PSS of a container waiting for `start`", "KB", waiting_container, every_turn, False),
        Row("limit", "smallest memory limit that starts", "KB", smallest_limit, once),
        Row("size", "size of the binary, stripped", "KB", binary_size, once, False, False),
    ]
