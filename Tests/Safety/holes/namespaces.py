"""Namespaces: those of the caller, those that were asked for, and messages about them."""

import os
import subprocess
from pathlib import Path

from arena import Arena, Table, brief, expect
from ground import Bundle, call
from holes.cgroups import hierarchies
from holes.inodes import user_namespace
from holes.links import without

TABLE = Table()
KINDS = ("mnt", "pid", "ipc", "uts", "net")
# What a container must not set in a namespace of its caller: field of the configuration, file that shows it.
SETTINGS = {
    "network": [({"linux": {"sysctl": {"net.ipv4.ip_unprivileged_port_start": "81"}}},
                 "/proc/sys/net/ipv4/ip_unprivileged_port_start")],
    "ipc": [({"linux": {"sysctl": {"kernel.msgmax": "4096"}}}, "/proc/sys/kernel/msgmax"),
            ({"linux": {"sysctl": {"fs.mqueue.msg_max": "7"}}}, "/proc/sys/fs/mqueue/msg_max")],
    "uts": [({"hostname": "changed"}, "/proc/sys/kernel/hostname"),
            ({"domainname": "changed"}, "/proc/sys/kernel/domainname"),
            ({"linux": {"sysctl": {"kernel.domainname": "changed"}}}, "/proc/sys/kernel/domainname")],
}
FILES = {"network": "net", "ipc": "ipc", "uts": "uts"}


def shared(bundle: Bundle, kind: str, path: str | None, setting: dict) -> Bundle:
    """The namespace is the one at `path`, or not mentioned; and something is set in it."""
    others = [entry for entry in bundle.config["linux"]["namespaces"] if entry["type"] != kind]
    bundle.config["linux"]["namespaces"] = others + ([{"type": kind, "path": path}] if path else [])
    for key, value in setting.items():
        bundle.config[key] = bundle.config[key] | value if isinstance(value, dict) else value
    return bundle.write()


@TABLE.add("namespaces", "a namespace by path that is the caller's own, and a sysctl, host name or domain name in it")
def of_the_caller(arena: Arena) -> None:
    held_open = arena.ground.work / "namespace"
    held_open.touch()
    for kind, settings in SETTINGS.items():
        own = f"/proc/{os.getpid()}/ns/{FILES[kind]}"
        subprocess.run(["mount", "--bind", own, held_open], check=True)
        try:
            for setting, file in settings:
                before = Path(file).read_text()
                for path in (None, own, "/proc/self/ns/" + FILES[kind], str(held_open)):
                    outcome = arena.run(shared(arena.bundle(), kind, path, setting))
                    where = {None: "not mentioned", str(held_open): "bound to a file"}.get(path, "in procfs")
                    now = Path(file).read_text()
                    Path(file).write_text(before)
                    expect(now == before, f"{kind} namespace {where}: {file} of the caller changed")
                    expect(not outcome.succeeded, f"{kind} namespace {where}: {setting} was dropped without a word")
        finally:
            subprocess.run(["umount", held_open], check=True)


@TABLE.add("namespaces", "the same in a namespace of somebody else, where it is allowed")
def of_another(arena: Arena) -> None:
    """What the row above would also pass if nothing were ever set."""
    for kind, settings in SETTINGS.items():
        for setting, file in settings[:1]:
            other = arena.spawn("unshare", "--net", "--ipc", "--uts", "sleep", "1000")
            path = f"/proc/{other.pid}/ns/{FILES[kind]}"
            while os.readlink(path) == os.readlink(f"/proc/self/ns/{FILES[kind]}"):
                pass
            bundle = shared(arena.bundle(), kind, path, setting)
            arena.said(bundle)
            shown = subprocess.run(["nsenter", "-t", str(other.pid), "-n", "-i", "-u", "cat", file],
                                   capture_output=True, text=True)
            value = next(iter(setting["linux"]["sysctl"].values())) if "linux" in setting else "changed"
            expect(shown.stdout.strip() == value, f"{kind}: {file} is {shown.stdout.strip()}, not {value}")
            arena.stop(other)


def inside(text: str) -> dict[str, str]:
    return dict(line.split("=") for line in text.splitlines() if "=" in line)


def is_separate(text: str) -> bool:
    return all(inside(text).get(kind) not in ("", None, os.readlink(f"/proc/self/ns/{kind}")) for kind in KINDS)


LENGTHS = (4095, 65535, 65536, 65537, 131071, 131072, 1 << 20)


@TABLE.add("CVE-2021-43784", "texts whose lengths wrap in 16 bits become other attributes")
def wrapping(arena: Arena) -> None:
    script = "; ".join(f"echo {kind}=$(readlink /proc/self/ns/{kind})" for kind in KINDS)

    def fill(bundle: Bundle, what: str, length: int) -> None:
        process, linux = bundle.config["process"], bundle.config["linux"]
        text = "x" * length
        if what == "namespace path":
            linux["namespaces"] = [*linux["namespaces"][:-2], {"type": "uts", "path": "/" + text}, {"type": "mount"}]
        elif what == "annotation":
            bundle.config["annotations"] = {"a": text}
        elif what == "argument":
            process["args"] = [*process["args"], text]
        elif what == "environment":
            process["env"] = [*process["env"], f"A={text}"]
        elif what == "mappings":
            entry = {"containerID": 0, "hostID": 0, "size": 1}
            count = length // 12
            mappings = [entry | {"containerID": number, "hostID": number} for number in range(count)]
            linux |= {"uidMappings": mappings, "gidMappings": mappings}
            linux["namespaces"] = [*linux["namespaces"], {"type": "user"}]
        elif what == "host name":
            bundle.config["hostname"] = text
        elif what == "mount data":
            bundle.config["mounts"].append({"destination": "/m", "type": "tmpfs", "source": "t", "options": [text]})

    for what in ("namespace path", "annotation", "argument", "environment", "mappings", "host name", "mount data"):
        for length in LENGTHS:
            bundle = arena.bundle(script)
            bundle.config["linux"]["namespaces"] = [*bundle.config["linux"]["namespaces"], {"type": "network"}]
            fill(bundle, what, length)
            outcome = arena.attempt(bundle.write())
            expect(outcome is None or is_separate(outcome.out), f"{what} of {length} bytes: a namespace is the host's")
            if what == "annotation":
                expect(outcome is not None, f"an annotation of {length} bytes was refused")


@TABLE.add("namespaces", "each that was asked for is new, in run and in exec")
def separate(arena: Arena) -> None:
    script = "; ".join(f"echo {kind}=$(readlink /proc/self/ns/{kind})" for kind in KINDS)
    bundle = arena.bundle(script + "; sleep 100 >/dev/null")
    bundle.config["linux"]["namespaces"] = [*bundle.config["linux"]["namespaces"], {"type": "network"}]
    name = arena.start(bundle.write())
    outcome = arena.exec(name, "/bin/sh", "-c", script)
    expect(outcome.succeeded and is_separate(outcome.out), f"exec is in the host's: {outcome.out} {brief(outcome)}")
    pid = arena.runtime.state(name)["pid"]
    for kind in KINDS:
        first = os.readlink(f"/proc/{pid}/ns/{kind}")
        expect(first == inside(outcome.out)[kind], f"exec is in another {kind} namespace")


USER = 54321


class Delegation:
    """Cgroups that belong to an ordinary user, where systemd gives him some."""

    def __init__(self, arena: Arena):
        self.folders = [point / arena.name() for name, point in hierarchies().items() if name in ("cgroup2", "systemd")]
        for folder in self.folders:
            folder.mkdir()
            for path in (folder, folder / "cgroup.procs", folder / "tasks", folder / "cgroup.subtree_control"):
                if path.exists():
                    os.chown(path, USER, USER)

    def enter(self) -> None:
        for folder in self.folders:
            (folder / "cgroup.procs").write_text("0")

    def remove(self) -> None:
        for folder in self.folders:
            for path in sorted(folder.rglob("*/"), key=lambda path: -len(path.parts)):
                path.rmdir()
            folder.rmdir()


@TABLE.add("CVE-2023-25809",
           "a container of an ordinary user without a cgroup namespace, and the cgroups that are his on the host")
def cgroups_of_others(arena: Arena) -> None:
    script = ("find /sys/fs/cgroup -name cgroup.procs -o -name cgroup.subtree_control | while read f; do "
              "(: >>$f) 2>/dev/null && echo writable $f; done; "
              "find /sys/fs/cgroup -name cgroup.procs | while read f; do "
              "d=${f%/*}; mkdir $d/made 2>/dev/null && rmdir $d/made && echo writable $d; done; echo tried")
    options = ["rbind", "nosuid", "noexec", "nodev", "ro"]
    sys = {"destination": "/sys", "type": "bind", "source": "/sys", "options": options}
    variants = {
        "cgroup mount": [sys, {
            "destination": "/sys/fs/cgroup", "type": "cgroup", "source": "cgroup",
            "options": ["nosuid", "noexec", "nodev", "relatime", "ro"]}],
        "/sys with rbind, ro": [sys],
    }
    os.chown(arena.runtime.root, USER, USER)
    delegation = Delegation(arena)
    for what, mounts in variants.items():
        bundle = arena.bundle(script)
        bundle.config["mounts"] += mounts
        without(bundle, "/dev/pts")
        os.chown(bundle.rootfs, USER, USER)
        user_namespace(bundle, [{"containerID": 0, "hostID": USER, "size": 1}])
        command = arena.runtime.command("run", "--bundle", str(bundle.path), arena.name())
        environment = {"PATH": os.environ["PATH"], "XDG_RUNTIME_DIR": str(arena.runtime.root)}
        outcome = call(["setpriv", "--reuid", str(USER), "--regid", str(USER), "--clear-groups", *command],
                       preexec_fn=delegation.enter, env=environment)
        expect("tried" in outcome.out, f"{what}: did not run: {brief(outcome)}")
        expect("writable" not in outcome.out, f"{what}: {'; '.join(outcome.out.splitlines()[:2])}")
        arena.unchanged()
    delegation.remove()
