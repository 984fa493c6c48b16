"""What a part of the safety checks reports: one row for each thing that was tried."""

from dataclasses import dataclass, field
from pathlib import Path

HELD = "held"


@dataclass
class Row:
    """One attack, fault or race, with what each runtime made of it.

    `verdicts` is by name of the runtime: `HELD`, "skipped: REASON", or what went wrong in a few words. Only what apus did
    counts for the exit status; the others show that a check bites.
    """

    name: str
    verdicts: dict[str, str]
    figure: str = ""  # what was done, such as "1,204 points" or "20 s, 812 rounds"

    def failed(self) -> bool:
        verdict = self.verdicts.get("apus", "")
        return verdict != HELD and not verdict.startswith("skipped")


@dataclass
class Options:
    """How the checks are run."""

    apus: str  # path of the binary
    peers: dict[str, str] = field(default_factory=dict)  # other runtimes by name; only where a row can be compared
    short: bool = False  # a form of a few minutes in all, for each change
    seconds: float = 20  # for each race and each fuzzer
    only: str = ""  # a regular expression on the names of rows
    corpus: Path = Path()  # spec-fixtures of the source tree
