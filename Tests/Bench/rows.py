"""The rows of the table, and how each is taken."""

from checkpoints import checkpoints
from crowds import MOUNTS, POPULATIONS, RATE, RUNS, WIDTH, parallel, populations, runs_among_mounts, storm
from measurement import Bench, Row, Series
from measures import (GAP, PROBE_GAP, binary_size, forced_deletions, inside_commands, life_after_gap, lives, peaks,
                      probes, run_after_gap, runs, smallest_limit, start_and_force_after_gaps, version,
                      waiting_container)

VARIANTS = {"default": "", "no-net": ", no network namespace", "seccomp": ", seccomp profile"}
PEAKS = ("version", "state", "create", "run", "exec")


def every_turn(bench: Bench) -> int:
    return bench.turns


def two_a_turn(bench: Bench) -> int:
    return 2 * bench.turns


def half_of_turns(bench: Bench) -> int:
    return (bench.turns + 1) // 2


def once(_: Bench) -> int:
    return 1


def ms(name: str, title: str) -> Row:
    return Row(name, title, "ms")


def kb(name: str, title: str) -> Row:
    return Row(name, title, "KB")


def back_to_back() -> list[Series]:
    series = [Series((ms("version", "`--version`"),), version, every_turn, floor=True, container=False)]
    suffixes = {bundle: "" if bundle == "default" else f"-{bundle}" for bundle in VARIANTS}
    for bundle, text in VARIANTS.items():
        row = ms(f"run{suffixes[bundle]}", f"`run`{text}")
        series.append(Series((row,), runs(suffixes[bundle], bundle), every_turn, floor=True))
    for bundle, text in VARIANTS.items():
        rows = [ms(f"life{suffixes[bundle]}", f"`create` + `start` + `delete`{text}")]
        if bundle == "default":
            rows += [ms("create", "`create`"), ms("start", "`start`"), ms("delete", "`delete` of a stopped container")]
        series.append(Series(tuple(rows), lives(suffixes[bundle], bundle), every_turn))
    return series + [
        Series((ms("delete-force", "`delete --force` of a running container"),), forced_deletions, every_turn),
        Series((ms("state", "`state`"), ms("list", "`list`"), ms("exec", "`exec true`")), inside_commands, every_turn),
    ]


def with_gaps() -> list[Series]:
    apart = f", {GAP} s apart"
    series = []
    for bundle, text in VARIANTS.items():
        suffix = "" if bundle == "default" else f"-{bundle}"
        rare = bundle != "default"
        row = ms(f"run{suffix}-gap", f"`run`{text}{apart}")
        series.append(Series((row,), run_after_gap(suffix, bundle), two_a_turn, floor=True, long=rare))
        rows = [ms(f"life{suffix}-gap", f"`create` + `start` + `delete`{text}{apart}")]
        if not rare:
            rows.append(ms("create-gap", f"`create`{apart}"))
        series.append(Series(tuple(rows), life_after_gap(suffix, bundle), two_a_turn, long=rare))
    rows = ms("start-gap", f"`start`{apart}"), ms("delete-force-gap", f"`delete --force` of a running container{apart}")
    return series + [
        Series(rows, start_and_force_after_gaps, every_turn),
        Series((ms("exec-gap", f"`exec true`, {PROBE_GAP:g} s apart"),), probes, every_turn),
    ]


def crowds() -> list[Series]:
    title = f"`run`, {WIDTH} in parallel"
    series = [Series((Row(f"parallel{suffix}", f"{title}{text}", "runs/s"),), parallel(suffix, bundle), half_of_turns,
                     floor=True)
              for suffix, bundle, text in (("", "default", ""), ("-no-net", "no-net", VARIANTS["no-net"]))]
    for count in MOUNTS:
        row = ms(f"run-mounts-{count}", f"`run`, host with {count:,} more mounts")
        series.append(Series((row,), runs_among_mounts(count), half_of_turns, floor=True))
    lists = tuple(ms(f"list-{count}", f"`list`, {count} containers") for count in POPULATIONS)
    every = f"{RATE} `exec`s a second"
    storm_rows = (ms("storm", f"{every}: the median"), ms("storm-p95", f"{every}: 95 of 100 at most"),
                  ms("storm-worst", f"{every}: the slowest"), kb("storm-memory", f"{every}: memory that stays"),
                  Row("storm-left", f"{every}: processes, descriptors, files that stay", "pieces"))
    return series + [Series(lists, populations, once, long=True), Series(storm_rows, storm, once, long=True)]


def saving() -> list[Series]:
    rows = (ms("checkpoint", "`checkpoint` of a sleeping container"), ms("frozen", "`checkpoint`: the container frozen"),
            ms("restore", "`restore` of it"))
    return [Series(rows, checkpoints, half_of_turns, long=True)]


def memory() -> list[Series]:
    rows = [kb(f"peak-{name}", f"peak memory of `{'--' if name == 'version' else ''}{name}`") for name in PEAKS]
    rows.append(kb("anonymous", "anonymous memory of `create`"))
    waiting = (kb("waiting", "PSS of a container waiting for `start`"),
               kb("waiting-anonymous", "anonymous memory of a container waiting for `start`"))
    return [
        Series(tuple(rows), peaks, every_turn),
        Series(waiting, waiting_container, every_turn),
        Series((kb("limit", "smallest memory limit that starts"),), smallest_limit, once, floor=True),
        Series((kb("size", "size of the binary, stripped"),), binary_size, once, container=False),
    ]


def all_series() -> list[Series]:
    return back_to_back() + with_gaps() + crowds() + saving() + memory()
