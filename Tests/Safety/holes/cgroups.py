"""Cgroups: names that lead to those of others, files with which a container would reach the host. And what is kept and
listed."""

import json
from pathlib import Path

from arena import Arena, Table, brief, expect

TABLE = Table()
ROOT = Path("/sys/fs/cgroup")


def hierarchies() -> dict[str, Path]:
    """Mount points of the cgroup file systems: `cgroup2`, and those of version 1 by controller."""
    found = {}
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        left, _, right = line.partition(" - ")
        if right.startswith("cgroup"):
            point = Path(left.split()[4])
            found["cgroup2" if right.startswith("cgroup2") else point.name] = point
    return found


class Neighbour:
    """A cgroup of somebody else in each hierarchy, with a file whose value is known."""

    def __init__(self, arena: Arena):
        self.name = arena.name()
        self.folders = [point / self.name for point in hierarchies().values()]
        for folder in self.folders:
            folder.mkdir()
        self.before = self.values()

    def values(self) -> dict[str, str]:
        found = {}
        for folder in self.folders:
            for file in ("cgroup.procs", "cgroup.max.depth", "cgroup.freeze", "freezer.state", "memory.limit_in_bytes",
                         "pids.max", "cpu.shares"):
                if (folder / file).exists():
                    found[str(folder / file)] = (folder / file).read_text()
        return found

    def untouched(self, words: str) -> None:
        now = self.values()
        changed = [path for path in self.before if now.get(path) != self.before[path]]
        expect(not changed, f"{words}: {changed[:1]} of another cgroup changed")

    def remove(self) -> None:
        for folder in self.folders:
            folder.rmdir()


@TABLE.add("GHSA-5g49-rx9x-qfc6", "names of cgroup files with .. and /")
def unified_names(arena: Arena) -> None:
    neighbour = Neighbour(arena)
    accepted = []
    for key, value in {
            f"../{neighbour.name}/cgroup.max.depth": "7", "cgroup.procs": "1", "a/b": "x",
            f"../../{neighbour.name}/pids.max": "9", "..": "1", "": "1", "/sys/fs/cgroup/x": "1",
            "memory.max/../cgroup.procs": "1", "cgroup.subtree_control": "+pids", "cgroup.freeze\x00x": "1",
            "cgroup.type": "threaded", "cgroup.threads": "1", "cgroup.kill": "1"}.items():
        bundle = arena.bundle("true")
        bundle.config["linux"]["resources"] = {"unified": {key: value}}
        if arena.attempt(bundle.write()):
            accepted.append(key)
        neighbour.untouched(f"unified {key!r}")
    neighbour.remove()
    wrong = [key for key in accepted if "/" in key or key in ("", "..", "cgroup.procs", "cgroup.threads")]
    expect(not wrong, f"accepted {wrong}")


@TABLE.add("GHSA-5g49-rx9x-qfc6", "cgroupsPath and exec --cgroup with ..")
def cgroup_paths(arena: Arena) -> None:
    neighbour = Neighbour(arena)
    made = arena.name()
    for path in (f"/../../{made}", f"../../../../{made}", f"/a/../../{made}", f"/{neighbour.name}/../../../{made}"):
        bundle = arena.bundle("cat /proc/self/cgroup; sleep 100 >/dev/null")
        bundle.config["linux"]["cgroupsPath"] = path
        name = arena.name()
        outcome = arena.run(bundle.write(), "--detach", name=name)
        if outcome.succeeded:
            pid = arena.runtime.state(name)["pid"]
            where = Path(f"/proc/{pid}/cgroup").read_text()
            expect("/.." not in where, f"cgroupsPath {path} is outside: {where.split()[:1]}")
            arena.delete(name)
        for outside in (ROOT / made, ROOT.parent / made):
            expect(not outside.exists(), f"cgroupsPath {path} made {outside}")
        neighbour.untouched(f"cgroupsPath {path}")
    name = arena.start(arena.bundle("sleep 100"))
    for path in ("..", "../..", f"../{neighbour.name}", f"/../{neighbour.name}", "a/../../..", "/..",
                 f"../../../{neighbour.name}"):
        process = arena.background("exec", "--cgroup", path, name, "/bin/sleep", "0.2")
        while process.poll() is None:
            neighbour.untouched(f"exec --cgroup {path}")
        if process.returncode == 0:
            # A name that stays inside is no hole; one that leaves it was refused above, or is.
            expect(path.startswith("/"), f"exec --cgroup {path} was accepted")
    arena.delete(name)
    neighbour.remove()


@TABLE.add("cgroupsPath", "the root of the hierarchies, in several ways of writing it", peers=())
def cgroup_root(arena: Arena) -> None:
    """Not for peers: one that accepts it removes cgroups of others, and kills what is in them."""
    for path in ("/", "//", "/.", "/..", "./..", "."):
        bundle = arena.bundle()
        bundle.config["linux"]["cgroupsPath"] = path
        expect(arena.attempt(bundle.write()) is None, f"{path} was accepted")


@TABLE.add("CVE-2022-0492", "release_agent and other files of a mounted cgroup hierarchy")
def release_agent(arena: Arena) -> None:
    script = ("find /sys/fs/cgroup -name release_agent -o -name notify_on_release -o -name cgroup.procs "
              "-o -name devices.allow | while read f; do (: >>$f) 2>/dev/null && echo writable $f; done; "
              "mkdir /sys/fs/cgroup/made /sys/fs/cgroup/*/made 2>/dev/null; "
              "ls -d /sys/fs/cgroup/made /sys/fs/cgroup/*/made 2>/dev/null; echo tried")
    for cgroup_namespace in (False, True):
        bundle = arena.bundle(script)
        arena.mount(bundle, "/sys", "sysfs", "sysfs", "nosuid", "noexec", "nodev", "ro")
        arena.mount(bundle, "/sys/fs/cgroup", "cgroup", "cgroup", "nosuid", "noexec", "nodev", "relatime", "ro")
        if cgroup_namespace:
            bundle.config["linux"]["namespaces"] = [*bundle.config["linux"]["namespaces"], {"type": "cgroup"}]
        said = arena.said(bundle.write())
        expect("tried" in said, "the container did not come to its attack")
        expect("writable" not in said and "made" not in said, f"{said.splitlines()[:2]}")


@TABLE.add("kept filters", "a seccomp filter that was kept is used for another profile")
def kept_filters(arena: Arena) -> None:
    """Profiles that differ in one value only, or whose texts joined without separators are the same."""
    errors = {1: "Operation not permitted", 38: "not implemented", 13: "Permission denied", 16: "busy"}
    for _ in range(2):
        for number, words in errors.items():
            bundle = arena.bundle("mkdir /tmp/made 2>&1; [ -d /tmp/made ] && echo made; true")
            rule = {"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO", "errnoRet": number}
            bundle.config["linux"]["seccomp"] = {"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [rule]}
            said = arena.said(bundle.write())
            expect(words.lower() in said.lower(), f"errnoRet {number}: {said.strip()}")
    # `mkdir` and `rmdir` in one entry, or in two with actions that differ.
    for denied, free in (("mkdir", "rmdir"), ("rmdir", "mkdir")):
        bundle = arena.bundle("mkdir /tmp/a 2>/dev/null || echo no mkdir; rmdir /empty 2>/dev/null || echo no rmdir")
        (bundle.rootfs / "bin/rmdir").symlink_to("busybox")
        (bundle.rootfs / "empty").mkdir()
        rules = [{"names": [denied, "mkdirat" if denied == "mkdir" else "unlinkat"], "action": "SCMP_ACT_ERRNO"},
                 {"names": [free], "action": "SCMP_ACT_ALLOW"}]
        rules = rules if denied == "mkdir" else rules[::-1]
        bundle.config["linux"]["seccomp"] = {"defaultAction": "SCMP_ACT_ALLOW", "syscalls": rules}
        outcome = arena.run(bundle.write())
        is_right = f"no {denied}" in outcome.out and f"no {free}" not in outcome.out
        expect(is_right, f"{denied} denied: {outcome.out.split()} {brief(outcome)[:40]}")


@TABLE.add("kata CVE-2026-44210", "annotations that change what the runtime does are listed by `features`", peers=())
def unsafe_annotations(arena: Arena) -> None:
    outcome = arena.call("features")
    expect(outcome.succeeded, brief(outcome))
    listed = json.loads(outcome.out).get("potentiallyUnsafeConfigAnnotations")
    expect(listed, "there is no potentiallyUnsafeConfigAnnotations")
    text = Path(arena.runtime.path).read_bytes()
    missing = [prefix for prefix in (b"org.systemd.property.", b"run.oci.") if prefix in text
               and not any(entry.encode().startswith(prefix.rstrip(b".")) for entry in listed)]
    expect(not missing, f"not listed: {missing}")


@TABLE.add("device cgroup", "a container with CAP_MKNOD opens the host's disk")
def disk(arena: Arena) -> None:
    bundle = arena.bundle("mknod /disk b 7 0 && echo made; head -c 1 /disk >/dev/null 2>&1 && echo opened; "
                          "mknod /kmsg c 1 11; head -c 1 /kmsg >/dev/null 2>&1 && echo opened; echo tried")
    bundle.capabilities("MKNOD", "DAC_OVERRIDE")
    bundle.config["linux"]["resources"] = {"devices": [{"allow": False, "access": "rwm"}]}
    said = arena.said(bundle.write())
    expect("tried" in said and "opened" not in said, said)
