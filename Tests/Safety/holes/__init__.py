"""Published holes and known attacks, each in a form that does not depend on luck.

Each module has a table of attacks on one concern. Where a peer is known to have a hole, its column shows that the
attack bites.
"""

from collections.abc import Iterable

from arena import perform
from holes import (binary, cgroups, descriptors, hooks, identity, images, inodes, interrupted, links, namespaces,
                   procfs, states, trace)
from rows import Options, Row

MODULES = (links, procfs, inodes, identity, namespaces, hooks, descriptors, trace, images, interrupted, states, cgroups,
           binary)


def rows(options: Options) -> Iterable[Row]:
    for module in MODULES:
        yield from perform(module.TABLE, options)
