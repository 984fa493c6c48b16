"""Checkpoints: how long it takes to save a container and to bring it back, and how long it stands still meanwhile."""

import shutil
import struct
from collections.abc import Iterator
from pathlib import Path

from measurement import Bench, Values
from processes import Failure, execute
from runtimes import Runtime, family


def fields(message: bytes) -> Iterator[tuple[int, int | bytes]]:
    """The fields of a protocol buffer: numbers, and contents that have a length."""
    position = 0

    def number() -> int:
        nonlocal position
        value = shift = 0
        while True:
            byte = message[position]
            position += 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value

    while position < len(message):
        key = number()
        if key & 7 == 0:
            yield key >> 3, number()
        elif key & 7 == 2:
            length = number()
            yield key >> 3, message[position:position + length]
            position += length
        else:
            raise ValueError("no statistics of CRIU's")


def still_milliseconds(statistics: Path) -> float:
    """How long the processes stood still: `freezing_time` and `frozen_time` of CRIU's stats-dump, in microseconds."""
    content = statistics.read_bytes()
    size, = struct.unpack_from("<I", content, 8)  # behind two magic numbers
    dump = dict(fields(content[12:12 + size]))[1]
    times = dict(fields(dump))
    return (times[1] + times[2]) / 1000


def checkpoints(bench: Bench, runtime: Runtime) -> Values:
    """A container that sleeps is saved and brought back. Whoever cannot do so has no values."""
    if shutil.which("criu") is None:
        raise Failure("no criu in PATH")
    bundle, images = bench.bundles["saved"], bench.work / "images"
    # runc saves nothing of a network namespace anyway; for equal work nobody does.
    network = () if family(runtime.name) == "crun" else ("--empty-ns", "network")
    values: dict[str, list[float]] = {"checkpoint": [], "frozen": [], "restore": []}
    # With streams that CRIU can save: files of the host, into which `execute` lets write, it cannot.
    execute(["/bin/sh", "-c", 'exec "$@" >/dev/null 2>&1', "sh", *runtime.detached(bundle)])
    try:
        for _ in range(max(2, bench.runs_in_a_turn // 2)):
            shutil.rmtree(images, ignore_errors=True)
            save = runtime.call("checkpoint", "--image-path", str(images), "--work-path", str(images), *network)
            values["checkpoint"].append(execute(save).milliseconds)
            values["frozen"].append(still_milliseconds(images / "stats-dump"))
            back = runtime.call("restore", "--detach", "--image-path", str(images), "--work-path", str(images),
                                "--bundle", str(bundle.path), "--pid-file", str(runtime.pid_file), *network)
            values["restore"].append(execute(back).milliseconds)
    finally:
        runtime.end()
    return values
