"""Commands on one container at the same time, containers that die meanwhile, reused pids, and broken states.

Each family is a module: what it tries, what it accepts, and the rows.
"""

from collections.abc import Iterator

import broken
import deaths
import pairs
from rows import Options, Row
from stage import apart


def rows(options: Options) -> Iterator[Row]:
    for family in (pairs, deaths, broken):
        yield from apart(lambda: family.rows(options))
