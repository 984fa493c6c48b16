"""What a measurement is: a series that every runtime takes in turns, and the rows of the table that come out of it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from bundles import Bundle
from processes import Failure
from runtimes import Floor, Runtime


@dataclass(frozen=True)
class Bench:
    """Where things are and how often they are done."""

    work: Path
    rootfs: Path
    hyperfine: str
    peak: str  # peak.c
    crowd: str  # crowd.c
    runtimes: list[Runtime]
    bundles: dict[str, Bundle]
    turns: int
    runs_in_a_turn: int
    storm_seconds: int
    broken: dict[str, str] = field(default_factory=dict)  # runtimes that cannot run a container, and why


@dataclass(frozen=True)
class Row:
    name: str
    title: str
    unit: str


@dataclass
class Result:
    samples: dict[str, list[float]] = field(default_factory=dict)  # by runtime
    errors: dict[str, str] = field(default_factory=dict)


Values = dict[str, list[float]]  # by the name of the row


@dataclass(frozen=True)
class Series:
    """Rows whose values come from the same turns."""

    rows: tuple[Row, ...]
    measure: Callable[[Bench, Runtime], Values]  # the values of one turn; those of other rows are dropped
    turns: Callable[[Bench], int]
    floor: bool = False  # the floor can do it
    container: bool = True  # it takes a runtime that can run one
    long: bool = False  # taken with --long only

    def take(self, bench: Bench) -> dict[str, Result]:
        """Lets the runtimes take turns. Each turn begins with another one, so that drift hits all alike."""
        runtimes = [each for each in bench.runtimes if self.floor or not isinstance(each, Floor)]
        errors = dict(bench.broken) if self.container else {}
        results = {row.name: Result({each.name: [] for each in runtimes}, errors) for row in self.rows}
        for turn in range(self.turns(bench)):
            shift = turn % len(runtimes)
            for runtime in runtimes[shift:] + runtimes[:shift]:
                if runtime.name in errors:
                    continue
                try:
                    values = self.measure(bench, runtime)
                except (Failure, OSError, ValueError) as error:
                    errors[runtime.name] = str(error)
                    runtime.clean()
                    continue
                for row in self.rows:
                    results[row.name].samples[runtime.name] += values[row.name]
        return results
