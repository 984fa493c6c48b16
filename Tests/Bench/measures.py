"""How one turn of a runtime is measured: commands one after the other, and memory. Crowds are in crowds.py."""

import json
import shlex
import shutil
import time
from collections.abc import Callable

from bundles import Bundle
from measurement import Bench, Values
from processes import Failure, descendants, execute, memory, wait_beside
from runtimes import Runtime

PROBE_GAP = 1.0  # seconds between two health probes of a container
GAP = 0.6  # seconds; after this long without one, moving a process between cgroups waits for a grace period
LIMIT_STEP, LIMIT_MAX, LIMIT_TRIES = 16, 16384, 3  # KB, KB, times

Measure = Callable[[Bench, Runtime], Values]


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


def version(bench: Bench, runtime: Runtime) -> Values:
    return {"version": with_hyperfine(bench, runtime, runtime.version())}


def runs(suffix: str, bundle: str) -> Measure:
    return lambda bench, runtime: {f"run{suffix}": with_hyperfine(bench, runtime, runtime.run(bench.bundles[bundle]))}


def run_after_gap(suffix: str, bundle: str) -> Measure:
    def measure(bench: Bench, runtime: Runtime) -> Values:
        time.sleep(GAP)
        return {f"run{suffix}-gap": [execute(runtime.run(bench.bundles[bundle])).milliseconds]}

    return measure


def life(runtime: Runtime, bundle: Bundle) -> dict[str, float]:
    """The milliseconds of each command of a life, and of all."""
    created = execute(runtime.create(bundle)).milliseconds
    started, deleted = runtime.start_and_delete()
    return {"create": created, "start": started, "delete": deleted, "life": created + started + deleted}


def lives(suffix: str, bundle: str) -> Measure:
    def measure(bench: Bench, runtime: Runtime) -> Values:
        life(runtime, bench.bundles[bundle])  # to warm up
        taken = [life(runtime, bench.bundles[bundle]) for _ in range(bench.runs_in_a_turn)]
        return {f"{part}{suffix}": [each[part] for each in taken] for part in taken[0]}

    return measure


def life_after_gap(suffix: str, bundle: str) -> Measure:
    def measure(bench: Bench, runtime: Runtime) -> Values:
        time.sleep(GAP)
        return {f"{part}{suffix}-gap": [value] for part, value in life(runtime, bench.bundles[bundle]).items()}

    return measure


def begin(bench: Bench, runtime: Runtime) -> None:
    """Starts a container that sleeps."""
    execute(runtime.create(bench.bundles["sleeping"]))
    execute(runtime.call("start"))


def delete_force(runtime: Runtime) -> float:
    """Deletes a container that runs. Its end is noticed at once, as a shim notices it."""
    with wait_beside(runtime.container()):
        return execute(runtime.call("delete", "--force")).milliseconds


def forced_deletions(bench: Bench, runtime: Runtime) -> Values:
    samples = []
    for _ in range(max(2, bench.runs_in_a_turn // 2)):
        begin(bench, runtime)
        samples.append(delete_force(runtime))
    return {"delete-force": samples}


def start_and_force_after_gaps(bench: Bench, runtime: Runtime) -> Values:
    execute(runtime.create(bench.bundles["sleeping"]))
    time.sleep(GAP)
    started = execute(runtime.call("start")).milliseconds
    time.sleep(GAP)
    return {"start-gap": [started], "delete-force-gap": [delete_force(runtime)]}


def inside_commands(bench: Bench, runtime: Runtime) -> Values:
    """The commands that look at a running container, or have one more process run in it."""
    begin(bench, runtime)
    try:
        return {"state": with_hyperfine(bench, runtime, runtime.call("state")),
                "list": with_hyperfine(bench, runtime, runtime.containers()),
                "exec": with_hyperfine(bench, runtime, runtime.exec("/bin/true"))}
    finally:
        runtime.end()


def probes(bench: Bench, runtime: Runtime) -> Values:
    begin(bench, runtime)
    try:
        command = runtime.exec("/bin/true")
        execute(command)  # to warm up
        samples = []
        for _ in range(2):
            time.sleep(PROBE_GAP)
            samples.append(execute(command).milliseconds)
        return {"exec-gap": samples}
    finally:
        runtime.end()


# ------------------------------------------------------------------------------------------------------------- memory


def peaks(bench: Bench, runtime: Runtime) -> Values:
    """Peak memory of each command, and the anonymous memory of the one that makes a container."""
    found = {}

    def measure(name: str, command: list[str], *options: str) -> None:
        found[name] = [float(execute([bench.peak, *options, *command]).output.splitlines()[-1].split()[0])]

    measure("peak-version", runtime.version())
    measure("peak-run", runtime.run(bench.bundles["default"]))
    measure("anonymous", runtime.create(bench.bundles["default"]), "--anonymous")
    runtime.start_and_delete()
    measure("peak-create", runtime.create(bench.bundles["sleeping"]))
    execute(runtime.call("start"))
    try:
        measure("peak-state", runtime.call("state"))
        measure("peak-exec", runtime.exec("/bin/true"))
    finally:
        runtime.end()
    return found


def waiting_container(bench: Bench, runtime: Runtime) -> Values:
    """After `create`, the container's process and whatever else stays of the runtime."""
    execute(runtime.create(bench.bundles["default"]))
    processes = descendants()
    found = {"waiting": [float(memory(processes, "Pss"))], "waiting-anonymous": [float(memory(processes, "Anonymous"))]}
    runtime.start_and_delete()
    return found


def smallest_limit(bench: Bench, runtime: Runtime) -> Values:
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
    return {"limit": [float(enough)]}


def binary_size(bench: Bench, runtime: Runtime) -> Values:
    stripped = bench.work / "stripped"
    shutil.copy(runtime.binary, stripped)
    if strip := shutil.which("strip"):
        execute([strip, str(stripped)])
    return {"size": [stripped.stat().st_size / 1024]}
