"""Why apus shows something else than another runtime: the differences that are meant, and no others.

The README's table of deliberate differences says the same to users, for what they may meet; here is each input that the
comparison makes. A difference of versions is one of Debian 12's runc 1.1 and crun 1.8.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from parity import Row

# ---- Mount options: each flag of each mount that differs has a rule, or the row is not explained.

FAMILIES = {"ro": ("ro", "rw"), "nosuid": ("nosuid", "suid"), "nodev": ("nodev", "dev"), "noexec": ("noexec", "exec"),
            "nosymfollow": ("nosymfollow", "symfollow"), "nodiratime": ("nodiratime", "diratime")}
TIMES = ("atime", "noatime", "relatime", "norelatime", "strictatime", "nostrictatime")
PROPAGATION = ("private", "shared", "slave", "unbindable")


@dataclass(frozen=True)
class Difference:
    """One thing that differs: a flag of the mount itself (`top`) or of the one below it (`/sub`), or the whole."""

    place: str
    what: str
    ours: object
    theirs: object
    options: tuple[str, ...]
    source: frozenset[str]  # the flags that the source of a bind mount has
    is_new: bool
    is_mapped: bool

    def asks(self, *names: str) -> bool:
        """Whether one of these options is given, or its recursive form."""
        return any(option in names or option.removeprefix("r") in names for option in self.options)

    @property
    def family(self) -> tuple[str, ...]:
        """The options that are about this flag."""
        return TIMES if self.what == "atime" else FAMILIES.get(self.what, ())

    @property
    def is_contradicted(self) -> bool:
        return sum(option in self.family or option.removeprefix("r") in self.family for option in self.options) > 1


def looks(text: str) -> dict[tuple[str, str], object]:
    """What a row shows, taken apart."""
    if not text.startswith("top "):
        return {("whole", "state"): text}
    found: dict[tuple[str, str], object] = {("whole", "state"): "mounted"}
    for part in text.split("; "):
        place, words, *rest = part.split(" ", 2)
        flags = words.split(",")
        found |= {(place, flag): flag in flags for flag in (*FAMILIES, "idmapped")}
        found[place, "atime"] = next((flag for flag in flags if flag in ("noatime", "relatime")), "strictatime")
        extra = rest[0] if rest else ""
        found[place, "propagation"] = re.sub(r"\(.*", "", extra).strip()
        found[place, "file system"] = "".join(re.findall(r"\((.*)\)", extra))
    return found


def differences(row: Row, first: str, peer: str) -> Iterator[Difference]:
    kind, options = row.name.rsplit(": ", 1)
    source = re.search(r"rbind of a (\S+) source", kind)
    known = frozenset() if not source or source[1] == "plain" else frozenset(source[1].split(","))
    ours, theirs = looks(row.shown[first]), looks(row.shown[peer])
    is_refused = ours["whole", "state"] != theirs["whole", "state"]
    for place, what in sorted(ours.keys() | theirs.keys()):
        a, b = ours.get((place, what)), theirs.get((place, what))
        if a == b or is_refused and place != "whole":
            continue
        if place == "/sub" and (a is None or b is None):
            what, a, b = "mount", a is not None, b is not None
        yield Difference(place, what, a, b, tuple(options.split(",")), known, not source, "user namespace" in kind)


@dataclass
class MountRule:
    peer: str
    reason: str
    applies: Callable[[Difference], bool]


UNKNOWN_TO_RUNC = ("ratime", "rnostrictatime", "rnorelatime", "rsync", "rdirsync", "rmand", "defaults", "idmap", "ridmap",
                   "copy-symlink", "src-nofollow", "dest-nofollow")
UNKNOWN_TO_CRUN = ("nosymfollow", "symfollow", "iversion", "noiversion", "lazytime", "nolazytime", "silent", "loud", "acl",
                   "noacl", "ratime", "rnoatime", "rdiratime", "rnodiratime", "rstrictatime", "rnostrictatime",
                   "rnorelatime", "rsync", "rmand", "rnosymfollow", "rsymfollow", "rrelatime", "atime", "dest-nofollow")

MOUNT_RULES = [
    # Refused, or not.
    MountRule("runc", "an option that runc 1.1 does not know and takes for one of the file system's",
              lambda d: d.what == "state" and d.theirs == "refused" and bool(set(d.options) & set(UNKNOWN_TO_RUNC))),
    MountRule("runc", "an option that runc 1.3 takes for one of a file system, which a bind mount has none of",
              lambda d: d.what == "state" and d.theirs == "refused" and bool(set(d.options) & {"acl", "noacl"})),
    MountRule("crun", "an option that crun 1.8 does not know and takes for one of the file system's, or refuses",
              lambda d: d.what == "state" and d.theirs == "refused" and bool(set(d.options) & set(UNKNOWN_TO_CRUN))),
    MountRule("runc|crun", "how access times are kept is locked in a user namespace; it protects nobody, so that the option has "
              "no effect instead of failing",
              lambda d: d.what == "state" and d.theirs == "refused" and d.is_mapped
              and d.asks(*TIMES, "nodiratime", "diratime")),
    MountRule("runc|crun", "a restriction of the source is locked in a user namespace; an option that would lift it is an error, "
              "and not passed over",
              lambda d: d.what == "state" and d.ours == "refused" and d.is_mapped
              and any(d.asks(lifts) and flag in d.source for flag, lifts in FAMILIES.values())),
    MountRule("runc|crun", "an option that has no meaning for this kind of mount is an error",
              lambda d: d.what == "state" and d.ours == "refused"
              and bool({"tmpcopyup", "copy-symlink", "src-nofollow", "idmap", "ridmap", "bind", "remount"} & set(d.options))),
    MountRule("runc", "in a user namespace runc 1.1 drops the flags of the source, which are locked, and fails; they stay",
              lambda d: d.what == "state" and d.theirs == "refused" and d.is_mapped and bool(d.source)),
    MountRule("runc", "tmpcopyup works in a user namespace too; runc 1.1 reads the image without the right to",
              lambda d: d.what == "state" and d.theirs == "refused" and d.is_mapped and d.asks("tmpcopyup")),
    MountRule("runc", "of contradicting options the last one counts; runc 1.1 hands two values to the kernel",
              lambda d: d.what == "state" and d.theirs == "refused"
              and sum(option.removeprefix("r") in TIMES for option in d.options) > 1),
    MountRule("crun", "propagation options take effect one after the other; crun 1.8 hands them to the kernel together",
              lambda d: d.what == "state" and d.theirs == "refused"
              and sum(option in PROPAGATION or option.removeprefix("r") in PROPAGATION for option in d.options) > 1),
    MountRule("crun", "without mappings, idmap changes nothing on a new file system; crun 1.8 refuses it in a user namespace",
              lambda d: d.what == "state" and d.theirs == "refused" and d.is_new and d.is_mapped
              and bool({"idmap", "ridmap"} & set(d.options))),
    # What only one of them has.
    MountRule("runc", "id-mapped mounts, which runc 1.1 does not have", lambda d: d.what == "idmapped"),
    MountRule("crun", "ridmap; crun 1.8 does not have it", lambda d: d.what == "idmapped"),
    MountRule("runc", "recursive options count for a new file system too",
              lambda d: d.is_new and any(option.startswith("r") and option.removeprefix("r") in d.family
                                         for option in d.options)),
    MountRule("crun", "crun 1.8 has no nosymfollow, and takes rrelatime for it",
              lambda d: d.what == "nosymfollow"),
    MountRule("crun", "crun 1.8 takes rdirsync for rnodiratime",
              lambda d: d.what in ("nodiratime", "file system") and d.asks("rdirsync")),
    MountRule("crun", "crun 1.8 leaves out what is mounted below a source, in a user namespace",
              lambda d: d.place == "/sub" and d.what == "mount" and d.is_mapped),
    MountRule("crun", "crun 1.8 makes all mounts private in the end",
              lambda d: d.what == "propagation"),
    # Flags of the source.
    MountRule("runc|crun", "sources keep their own restrictions; elsewhere an option sets all flags of the mount anew",
              lambda d: not d.is_new and d.place == "top" and d.ours is True and d.what in d.source),
    MountRule("runc|crun", "an option that lifts a restriction of the source does so",
              lambda d: not d.is_new and d.ours is False and d.what in d.source and d.asks(*d.family)),
    MountRule("runc|crun", "of contradicting options the last one counts",
              lambda d: d.is_contradicted and d.what != "propagation"),
    MountRule("runc|crun", "access times are one setting, of which the last option counts, and which stays as it is without one; "
              "mount(2) has a flag for each value",
              lambda d: d.what in ("atime", "nodiratime")),
    MountRule("crun", "crun 1.8 leaves nosuid, nodev and noexec of a bind mount out, in a user namespace",
              lambda d: d.is_mapped and not d.is_new and d.what in ("nosuid", "nodev", "noexec") and d.ours is True),
]


class Mounts:
    """The rules together."""

    def explain(self, module: str, row: Row, first: str, peer: str) -> str:
        if module != "mounts":
            return ""
        reasons: list[str] = []
        for difference in differences(row, first, peer):
            rule = next((rule for rule in MOUNT_RULES
                         if re.fullmatch(rule.peer, peer) and rule.applies(difference)), None)
            if rule is None:
                return ""
            if rule.reason not in reasons:
                reasons.append(rule.reason)
        return ", ".join(reasons)


# What gives a reason: an `Explained`, or anything else with its `explain`.
EXPLAINED: list = [Mounts()]
