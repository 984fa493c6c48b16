"""What the largest configurations and images make a runtime allocate and do.

A document of 1 MB takes at most 64 MB and 2 s of processor time to refuse or to run, twice as large a document about
twice as much, and no message quotes megabytes. The processor time is that of the command and of what it waits for;
where the kernel takes most of it (thousands of mounts), that is told, and is the kernel's.
"""

import copy
import dataclasses
import itertools
import json
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from ground import CONFIG, Bundle, Ground, Runtime, call
from rows import HELD, Options, Row
from stage import apart

MEGABYTE = 1_000_000
MOST_MEMORY = 64 << 20
MOST_SECONDS = 2.0
MOST_GROWTH = 2.6  # for twice the size
MEASURABLE = 0.05  # seconds; growth is not judged below
LONGEST_MESSAGE = 16_384  # bytes of a line: 8 KB of message, and as much of fields
GIVEN_UP = 20  # seconds of processor time, the container's first process included
ADDRESSES = 2000  # megabytes: a machine that others use as well is not brought down
HELPER = str(Path(__file__).with_name("usage.py"))

Change = Callable[[dict, int], None]  # makes a configuration so many bytes larger


# ---- Configurations


def many(make: Callable[[int], object], size: int) -> list:
    """So many items that they have `size` bytes as JSON."""
    length = sum(len(json.dumps(make(index))) + 2 for index in range(10_000, 10_010)) // 10
    return [make(index) for index in range(size // length)]


def put(path: str, make: Callable[[int], object]) -> Change:
    """Sets the member at a path of names, such as "process.args", to what `make` returns for a size."""
    def change(config: dict, size: int) -> None:
        *parents, last = path.split(".")
        for parent in parents:
            config = config.setdefault(parent, {})
        config[last] = make(size)
    return change


def filled(path: str, make: Callable[[int], object], first: tuple = ()) -> Change:
    return put(path, lambda size: [*first, *many(make, size)])


def mapped(path: str, make: Callable[[int], tuple[str, object]]) -> Change:
    return put(path, lambda size: dict(many(make, size)))


def long(path: str, before: str = "", letter: str = "x") -> Change:
    return put(path, lambda size: before + letter * (size - len(before)))


def more_mounts(make: Callable[[int], dict]) -> Change:
    return lambda config, size: config["mounts"].extend(many(make, size))


def one_mount(make: Callable[[int], dict]) -> Change:
    return lambda config, size: config["mounts"].append(make(size))


def tmpfs(destination: str, options: list[str] | None = None) -> dict:
    return {"destination": destination, "type": "tmpfs", "source": "tmpfs", "options": options or []}


def user_namespace(config: dict, size: int) -> None:
    config["linux"]["namespaces"] = [*config["linux"]["namespaces"], {"type": "user"}]
    half = many(lambda index: {"containerID": index, "hostID": 100_000 + index, "size": 1}, size // 2)
    config["linux"]["uidMappings"] = config["linux"]["gidMappings"] = half


def few_users(config: dict, size: int) -> None:
    """As many ranges as the kernel takes."""
    user_namespace(config, min(size, 20_000))


def path_and_program(config: dict, size: int) -> None:
    """Each directory of PATH with the name of the program: a product of two lengths. Both have the largest size that
    execve(2) takes (MAX_ARG_STRLEN, 128 KB)."""
    config["process"]["args"] = ["p" * (size // 8)]
    config["process"]["env"] = ["PATH=" + ":" * (size // 8)]


def path_and_short_program(config: dict, size: int) -> None:
    """The same with candidates that are not too long for the kernel."""
    config["process"]["args"] = ["p" * 200]
    config["process"]["env"] = ["PATH=" + "/x:" * (size // 24)]


def overlay(size: int) -> dict:
    return {"destination": "/tmp", "type": "overlay", "source": "overlay",
            "options": ["lowerdir=" + ":".join("/nowhere" for _ in range(size // 9))]}


def both(first: Change, second: Change) -> Change:
    """Half of one and half of another: who compares each with each does a quarter of the square."""
    def change(config: dict, size: int) -> None:
        first(config, size // 2)
        second(config, size // 2)
    return change


def seccomp(make: Callable[[int], list], **more: object) -> Change:
    return put("linux.seccomp", lambda size: {"defaultAction": "SCMP_ACT_ALLOW", "syscalls": make(size), **more})


def rule(name: str, value: int) -> dict:
    return {"names": [name], "action": "SCMP_ACT_ERRNO", "args": [{"index": 0, "value": value, "op": "SCMP_CMP_EQ"}]}


def names(size: int) -> list[str]:
    known = ["mkdir", "read", "write", "socket", "mount", "ptrace", "clone3", "unknown_call"]
    return many(lambda index: known[index % len(known)], size)


def hooks(kind: str) -> Change:
    """Programs that are not there: what hooks take is not the runtime's."""
    return filled(f"hooks.{kind}", lambda index: {"path": f"/nowhere/{index}"})


def device(index: int) -> dict:
    return {"path": f"/dev/device{index}", "type": "c", "major": 1, "minor": 3, "fileMode": 438, "uid": 0, "gid": 0}


MOUNTS = more_mounts(lambda index: tmpfs(f"/tmp/{index}"))

CONFIGURATIONS: dict[str, Change] = {
    "process.args, many": filled("process.args", lambda index: "x", ("/bin/true",)),
    "process.args, one long": put("process.args", lambda size: ["/bin/true", "x" * size]),
    "process.args, a long program": put("process.args", lambda size: ["/" + "x" * size]),
    "process.args, a long relative program": put("process.args", lambda size: ["x" * size]),
    "process.env, many": filled("process.env", lambda index: f"N{index}=x"),
    "process.env, one name many times": filled("process.env", lambda index: f"A={index}"),
    "process.env, eight long": put("process.env", lambda size: [f"N{each}=" + "x" * (size // 8) for each in range(8)]),
    "process.args, eight long": put("process.args", lambda size: ["/bin/true", *["x" * (size // 8)] * 8]),
    "process.env, one long": put("process.env", lambda size: ["A=" + "x" * size]),
    "PATH of empty directories, a long program": path_and_program,  # 0.25 MB in all
    "PATH of many directories": path_and_short_program,
    "PATH of one long directory": put("process.env", lambda size: ["PATH=/" + "x" * (size // 8)]),
    "PATH of directories in a long env": put("process.env", lambda size: [
        *many(lambda index: f"N{index}=x", size), "PATH=" + "/x:" * 30_000]),
    "process.cwd, long": long("process.cwd", "/"),
    "process.cwd, deep": long("process.cwd", "/", "a/"),
    "process.user.username, long": long("process.user.username"),
    "process.user.additionalGids, many": filled("process.user.additionalGids", lambda index: index),
    "process.user.additionalGids, one many times": filled("process.user.additionalGids", lambda index: 7),
    "process.rlimits, many": filled("process.rlimits", lambda index: {"type": "RLIMIT_CORE", "soft": 0, "hard": 0}),
    "process.capabilities, one many times": filled("process.capabilities.bounding", lambda index: "CAP_KILL"),
    "process.capabilities, unknown": filled("process.capabilities.bounding", lambda index: f"CAP_{index}"),
    "process.apparmorProfile, long": long("process.apparmorProfile"),
    "process.selinuxLabel, long": long("process.selinuxLabel"),
    "process.scheduler.flags, many": put("process.scheduler", lambda size: {
        "policy": "SCHED_OTHER", "flags": many(lambda index: "SCHED_FLAG_RESET_ON_FORK", size)}),
    "process.execCPUAffinity, long": put("process.execCPUAffinity.initial", lambda size: "0," * (size // 2) + "0"),
    "root.path, long": long("root.path"),
    "hostname, long": long("hostname"),
    "domainname, long": long("domainname"),
    "mounts, tmpfs": more_mounts(lambda index: tmpfs(f"/tmp/{index}")),
    "mounts, tmpfs in one place": more_mounts(lambda index: tmpfs("/tmp")),
    "mounts, binds": more_mounts(lambda index: {
        "destination": f"/tmp/{index}", "type": "bind", "source": "/etc", "options": ["bind", "ro"]}),
    "mounts, binds of nothing": more_mounts(lambda index: {
        "destination": f"/tmp/{index}", "type": "bind", "source": "/nowhere", "options": ["bind"]}),
    "mounts, read-only tmpfs": more_mounts(lambda index: tmpfs(f"/tmp/{index}", ["ro"])),
    "mounts, deep destinations": more_mounts(lambda index: tmpfs("/tmp" + "/a" * 40 + f"/{index}")),
    "mounts.options, many": one_mount(lambda size: tmpfs("/tmp", many(lambda index: "nosuid", size))),
    "mounts.options, unknown": one_mount(lambda size: tmpfs("/tmp", many(lambda index: f"unknown{index}", size))),
    "mounts.options, one long": one_mount(lambda size: tmpfs("/tmp", ["size=" + "1" * size])),
    "mounts.options, commas": one_mount(lambda size: tmpfs("/tmp", ["nosuid," * (size // 7)])),
    "mounts.options, overlay of many": one_mount(overlay),
    "mounts.destination, long": one_mount(lambda size: tmpfs("/" + "x" * size)),
    "mounts.destination, deep": one_mount(lambda size: tmpfs("/a" * (size // 2))),
    "mounts.destination, dots": one_mount(lambda size: tmpfs("/tmp" + "/../tmp" * (size // 7))),
    "mounts.source, long": one_mount(lambda size: {
        "destination": "/tmp", "type": "bind", "source": "/" + "x" * size, "options": ["bind"]}),
    "mounts.type, long": one_mount(lambda size: {"destination": "/tmp", "type": "x" * size, "source": "x"}),
    "mounts.uidMappings, many": one_mount(lambda size: {
        "destination": "/tmp", "type": "bind", "source": "/etc", "options": ["bind"],
        **{kind: many(lambda index: {"containerID": index, "hostID": index, "size": 1}, size // 2)
           for kind in ("uidMappings", "gidMappings")}}),
    "linux.maskedPaths, one many times": filled("linux.maskedPaths", lambda index: "/proc/kcore"),
    "linux.maskedPaths, none there": filled("linux.maskedPaths", lambda index: f"/nowhere/{index}"),
    "linux.maskedPaths, one long": put("linux.maskedPaths", lambda size: ["/" + "x" * size]),
    "linux.readonlyPaths, one many times": filled("linux.readonlyPaths", lambda index: "/proc/sys"),
    "linux.readonlyPaths, none there": filled("linux.readonlyPaths", lambda index: f"/nowhere/{index}"),
    "linux.readonlyPaths, one long": put("linux.readonlyPaths", lambda size: ["/" + "x" * size]),
    "linux.devices, many": filled("linux.devices", device),
    "linux.devices, a long path": put("linux.devices", lambda size: [{**device(0), "path": "/dev/" + "x" * size}]),
    "linux.namespaces, many": filled("linux.namespaces", lambda index: {"type": "pid"}),
    "linux.namespaces, a long path": put("linux.namespaces", lambda size: [{"type": "net", "path": "/" + "x" * size}]),
    "linux.uidMappings and gidMappings, many": user_namespace,
    "linux.sysctl, many": mapped("linux.sysctl", lambda index: (f"net.ipv4.conf.a{index}.forwarding", "1")),
    "linux.sysctl, a long name": put("linux.sysctl", lambda size: {"net." + "x" * size: "1"}),
    "linux.sysctl, a long value": put("linux.sysctl", lambda size: {"kernel.msgmax": "1" * size}),
    "linux.cgroupsPath, long": long("linux.cgroupsPath", "/"),
    "linux.cgroupsPath, deep": long("linux.cgroupsPath", "/", "a/"),
    "linux.mountLabel, long": long("linux.mountLabel"),
    "linux.rootfsPropagation, long": long("linux.rootfsPropagation"),
    "linux.personality, flags": put("linux.personality", lambda size: {
        "domain": "LINUX", "flags": many(lambda index: "x", size)}),
    "linux.netDevices, many": mapped("linux.netDevices", lambda index: (f"eth{index}", {"name": f"e{index}"})),
    "linux.timeOffsets, many": mapped("linux.timeOffsets", lambda index: (f"clock{index}", {"secs": 1})),
    "linux.intelRdt.schemata, many": put("linux.intelRdt", lambda size: {
        "closID": "x", "schemata": many(lambda index: "L3:0=ff", size)}),
    "linux.intelRdt.l3CacheSchema, long": put("linux.intelRdt", lambda size: {"l3CacheSchema": "L3:0=" + "f" * size}),
    "device rules, many": filled("linux.resources.devices", lambda index: {
        "allow": index % 2 == 0, "type": "c", "major": index % 400, "minor": index, "access": "rwm"}),
    "device rules, one many times": filled("linux.resources.devices", lambda index: {"allow": False, "access": "rwm"}),
    "cpu.cpus, long": put("linux.resources.cpu.cpus", lambda size: "0," * (size // 2) + "0"),
    "cpu.cpus, ranges": put("linux.resources.cpu.cpus", lambda size: "0-1," * (size // 4) + "0"),
    "cpu.cpus, ranges that overlap": put("linux.resources.cpu.cpus", lambda size: "0-65535," * (size // 8) + "0"),
    "cpu.cpus, a large range": put("linux.resources.cpu.cpus", lambda size: "0-" + "9" * size),
    "cpu.mems, long": put("linux.resources.cpu.mems", lambda size: "0," * (size // 2) + "0"),
    "hugepageLimits, many": filled("linux.resources.hugepageLimits", lambda index: {
        "pageSize": "2MB", "limit": index}),
    "blockIO.weightDevice, many": filled("linux.resources.blockIO.weightDevice", lambda index: {
        "major": 8, "minor": index, "weight": 100}),
    "blockIO.throttleReadBpsDevice, many": filled("linux.resources.blockIO.throttleReadBpsDevice", lambda index: {
        "major": 254, "minor": 0, "rate": 1_000_000 + index}),
    "network.priorities, many": filled("linux.resources.network.priorities", lambda index: {
        "name": f"eth{index}", "priority": 1}),
    "unified, many": mapped("linux.resources.unified", lambda index: (f"memory.x{index}", "1")),
    "unified, each of another controller": mapped("linux.resources.unified", lambda index: (f"c{index}.max", "1")),
    "unified, a long value": put("linux.resources.unified", lambda size: {"memory.max": "1" * size}),
    "rdma, many": mapped("linux.resources.rdma", lambda index: (f"mlx{index}", {"hcaHandles": 1})),
    "seccomp, rules for one call": seccomp(lambda size: many(lambda index: rule("mkdir", index), size)),
    "seccomp, rules for many calls": seccomp(lambda size: many(
        lambda index: rule(("mkdir", "socket", "ptrace", "mount", "kill")[index % 5], index // 5), size)),
    "seccomp, one rule with many names": seccomp(lambda size: [{"names": names(size), "action": "SCMP_ACT_ERRNO"}]),
    "seccomp, names with an argument": seccomp(lambda size: [{**rule("x", 1), "names": names(size)}]),
    "seccomp, unknown names": seccomp(lambda size: [
        {"names": many(lambda index: f"call{index}", size), "action": "SCMP_ACT_ERRNO"}]),
    "seccomp, a long name": seccomp(lambda size: [{"names": ["x" * size], "action": "SCMP_ACT_ERRNO"}]),
    "seccomp, many arguments": seccomp(lambda size: [{
        **rule("mkdir", 1), "args": many(lambda index: {"index": 0, "value": index, "op": "SCMP_CMP_NE"}, size)}]),
    "seccomp.architectures, many": put("linux.seccomp", lambda size: {
        "defaultAction": "SCMP_ACT_ALLOW", "architectures": many(lambda index: "SCMP_ARCH_X86", size)}),
    "seccomp.flags, many": put("linux.seccomp", lambda size: {
        "defaultAction": "SCMP_ACT_ALLOW", "flags": many(lambda index: "SECCOMP_FILTER_FLAG_LOG", size)}),
    "seccomp.listenerPath, long": put("linux.seccomp", lambda size: {
        "defaultAction": "SCMP_ACT_ALLOW", "listenerPath": "/" + "x" * size}),
    **{f"hooks.{kind}, many": hooks(kind) for kind in (
        "prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop")},
    "hooks.createRuntime.args, many": put("hooks.createRuntime", lambda size: [
        {"path": "/bin/true", "args": many(lambda index: "x", size)}]),
    "hooks.createContainer.env, many": put("hooks.createContainer", lambda size: [
        {"path": "/bin/true", "env": many(lambda index: f"N{index}=x", size)}]),
    "hooks.poststop.path, long": put("hooks.poststop", lambda size: [{"path": "/" + "x" * size}]),
    "annotations, many": mapped("annotations", lambda index: (f"org.example.a{index}", "x")),
    "annotations, one long": put("annotations", lambda size: {"org.example": "x" * size}),
    "annotations, properties of systemd": mapped("annotations", lambda index: (
        f"org.systemd.property.A{index}", "uint32 1")),
    "unknown properties, many": lambda config, size: config.update(many(lambda index: (f"unknown{index}", 1), size)),
    "unknown properties of each mount": more_mounts(lambda index: {**tmpfs(f"/tmp/{index}"), f"unknown{index}": 1}),
    "an unknown property, deep below a good one": put("process.unknown", lambda size: nested(30, "x" * size)),
    "many errors": more_mounts(lambda index: {"destination": index, "type": 7, "source": {}, "options": "x"}),
    "many errors that quote": lambda config, size: config["mounts"].extend(
        {"destination": "x" * 10_000} for _ in range(size // 10_000)),
    "ociVersion, long": long("ociVersion"),
    "mounts, types that are unknown": more_mounts(lambda index: {
        "destination": "/tmp", "type": f"t{index}", "source": "x"}),
    "PATH and mounts": both(MOUNTS, put("process", lambda size: {
        **CONFIG["process"], "args": ["program"], "env": ["PATH=" + "/x:" * (min(size, 120_000) // 3)]})),
    "hooks.startContainer and mounts": both(
        MOUNTS, filled("hooks.startContainer", lambda index: {"path": f"/bin/{index}"})),
    "linux.devices and mounts": both(MOUNTS, filled("linux.devices", device)),
    "linux.maskedPaths and mounts": both(MOUNTS, filled("linux.maskedPaths", lambda index: f"/tmp/{index}/x")),
    "linux.readonlyPaths and maskedPaths": both(
        filled("linux.maskedPaths", lambda index: f"/nowhere/{index}"),
        filled("linux.readonlyPaths", lambda index: f"/nowhere/{index}")),
    "linux.uidMappings and mounts": both(few_users, MOUNTS),
    "linux.uidMappings and hooks.startContainer": both(
        few_users, filled("hooks.startContainer", lambda index: {"path": f"/bin/{index}"})),
    "root.path and mounts": both(MOUNTS, long("root.path", "rootfs/", "./")),
    "mounts, binds of the root file system": more_mounts(lambda index: {
        "destination": f"/tmp/{index}", "type": "bind", "source": "rootfs/etc", "options": ["bind"]}),
    "mounts, binds of what is mounted before": both(MOUNTS, more_mounts(lambda index: {
        "destination": f"/run/{index}", "type": "bind", "source": f"rootfs/tmp/{index}", "options": ["bind"]})),
    "mounts, binds of binds": more_mounts(lambda index: {
        "destination": f"/tmp/{index + 1}", "type": "bind", "source": f"rootfs/tmp/{index}", "options": ["bind"]}),
    "mounts, binds of deep places": more_mounts(lambda index: {
        "destination": "/tmp" + "/a" * 100 + f"/{index}", "type": "bind",
        "source": "rootfs/tmp" + "/a" * 100 + f"/{index}", "options": ["bind"]}),
    "mounts, overlays of relative layers": more_mounts(lambda index: {
        "destination": f"/tmp/{index}", "type": "overlay", "source": "overlay", "options": [f"lowerdir=a{index}:b"]}),
    "additionalGids and linux.gidMappings": both(
        user_namespace, filled("process.user.additionalGids", lambda index: index)),
    "linux.sysctl and linux.namespaces": both(
        mapped("linux.sysctl", lambda index: (f"net.ipv4.conf.a{index}.forwarding", "1")),
        filled("linux.namespaces", lambda index: {"type": "network"})),
}


def nested(depth: int, value: object) -> object:
    for _ in range(depth):
        value = {"x": value}
    return value


# Large, but nothing that could be refused.
GOOD = ("process.env, many", "mounts, tmpfs", "mounts, binds", "mounts, read-only tmpfs", "mounts, deep destinations",
        "mounts.options, many", "linux.devices, many", "annotations, many", "annotations, one long",
        "seccomp, unknown names", "unknown properties, many", "white space")


# Documents that json.dumps() does not write: what stands in place of the configuration, by its size.
TEXTS: dict[str, Callable[[str, int], str]] = {
    "white space": lambda text, size: text + " " * size,
    "one key many times": lambda text, size: text[:-1] + ',"hostname":"x"' * (size // 15) + "}",
    "many keys in one object, many times": lambda text, size: text[:-1] + "".join(
        f',"k{index % 1000}":{index}' for index in range(size // 13)) + "}",
    "deep lists": lambda text, size: text[:-1] + ',"x":' + "[" * (size // 2) + "]" * (size // 2) + "}",
    "deep objects": lambda text, size: text[:-1] + ',"x":' + '{"x":' * (size // 6) + "1" + "}" * (size // 6) + "}",
    "a list that does not end": lambda text, size: text[:-1] + ',"x":[' + "1," * (size // 2),
    "a string that does not end": lambda text, size: text[:-1] + ',"x":"' + "x" * size,
    "a long number": lambda text, size: text[:-1] + ',"x":' + "1" * size + "}",
    "a long fraction": lambda text, size: text[:-1] + ',"x":0.' + "1" * size + "}",
    "numbers": lambda text, size: text[:-1] + ',"x":[' + "1e308," * (size // 6) + "1]}",
    "escapes": lambda text, size: text[:-1] + ',"x":"' + "\\u0041" * (size // 6) + '"}',
    "an error on the last of many lines": lambda text, size: "\n" * size + text[:-1],
    "a long key": lambda text, size: text[:-1] + f',"{"k" * size}":1}}',
    "a long name around many members": lambda text, size: text[:-1] + (
        f',"annotations":{{"{"k" * (size // 2)}":{{') + ",".join(f'"m{each}":1' for each in range(size // 20)) + "}}}",
    "a long name around unknown members": lambda text, size: text[:-1] + (
        f',"linux":{{"netDevices":{{"{"k" * (size // 2)}":{{') + ",".join(
            f'"m{index}":1' for index in range(size // 20)) + "}}}}",
    "a long name around one member many times": lambda text, size: text[:-1] + (
        f',"x":{{"{"k" * (size // 2)}":{{') + ",".join('"m":1' for _ in range(size // 12)) + "}}}",
    "empty lists": lambda text, size: text[:-1] + ',"x":[' + "[]," * (size // 3) + "[]]}",
}


# ---- Measuring


@dataclass
class Used:
    """What a command used, and how long its longest line of error is."""

    status: int
    peak: int
    user: float
    kernel: float
    message: int

    @property
    def seconds(self) -> float:
        return self.user + self.kernel

    def __str__(self) -> str:
        return f"{self.peak / (1 << 20):.0f} MB, {self.seconds:.2f} s"


@dataclass
class Subject:
    """A runtime, with the words before its command line that it needs here."""

    runtime: Runtime
    prefix: list[str] = field(default_factory=list)
    addresses: int = 0

    def use(self, *words: str, input: str = "", output: Path | None = None) -> Used:
        with tempfile.NamedTemporaryFile("r") as result:
            command = [*self.prefix, self.runtime.path, "--root", str(self.runtime.root), *words]
            head = [sys.executable, "-IS", HELPER, str(GIVEN_UP), str(self.addresses), result.name]
            outcome = call([*head, shutil.which(command[0]) or command[0], *command[1:]], timeout=120, input=input)
            text = result.read()
        if not text:
            raise RuntimeError(f"{' '.join(words)[:200]}: {outcome.err[-500:]}")
        lines = outcome.err.splitlines() or [""]
        if words[0] == "check":
            lines += outcome.out.splitlines()
        return Used(message=max(map(len, lines)), **json.loads(text))


@dataclass
class Measured:
    """A command at several sizes, the last of them the whole."""

    command: str
    uses: list[Used]
    must_succeed: bool = False

    @property
    def last(self) -> Used:
        return self.uses[-1]

    def grown(self, part: Callable[[Used], float], least: float) -> float:
        """By how much a part of the use grows for the last doubling; 0 if it was too little to say."""
        *_, half, whole = [part(use) for use in self.uses] if len(self.uses) > 1 else [0.0, 0.0]
        return whole / half if half > least else 0

    @property
    def growth(self) -> float:
        """Of the runtime's own time."""
        return self.grown(lambda use: use.user, MEASURABLE)

    @property
    def kernel_growth(self) -> float:
        """Of the kernel's: mounts on one another take it the square of their number, whoever makes them."""
        return self.grown(lambda use: use.kernel, MEASURABLE)

    @property
    def memory_growth(self) -> float:
        return self.grown(lambda use: use.peak, 32 << 20)

    def wrongs(self) -> list[str]:
        """What is more than a document of this size may take."""
        last = self.last
        found = []
        if last.status < 0:
            found.append(f"ended by signal {-last.status}")
        elif last.status and self.must_succeed:
            found.append(f"fails with status {last.status}")
        if last.peak > MOST_MEMORY:
            found.append(f"{last.peak / (1 << 20):.0f} MB")
        if last.user > MOST_SECONDS or last.seconds > MOST_SECONDS and last.kernel < last.user:
            found.append(f"{last.seconds:.1f} s")
        if self.growth > MOST_GROWTH:
            found.append(f"{self.growth:.1f} times the time for twice the size, {last.user:.2f} s")
        if self.memory_growth > MOST_GROWTH:
            found.append(f"{self.memory_growth:.1f} times the memory for twice the size")
        if last.message > LONGEST_MESSAGE and self.command != "plan":
            found.append(f"a message of {last.message:,} bytes")
        return [f"{self.command}: {each}" for each in found]


class Sizes:
    def __init__(self, options: Options):
        self.options = options
        self.ground = Ground("sizes")
        self.apus = Subject(self.ground.runtime("apus", options.apus), addresses=ADDRESSES)
        self.peers = {name: Subject(self.ground.runtime(name, path), hidden_cgroup2() if name == "crun" else [])
                      for name, path in options.peers.items()}
        self.fractions = (1.0,) if options.short else (0.5, 1.0)

    def measure(self, command: str, use: Callable[[int], Used], size: int = MEGABYTE) -> Measured:
        """At each size; what looks wrong is measured again, and the least that it took counts."""
        sizes = [int(size * fraction) for fraction in self.fractions]
        measured = Measured(command, [use(each) for each in sizes])
        for _ in range(2):
            if measured.growth <= MOST_GROWTH or measured.last.user > MOST_SECONDS:
                break
            again = [use(each) for each in sizes]
            measured.uses = [min(pair, key=lambda each: each.seconds) for pair in zip(measured.uses, again)]
        return measured

    def row(self, name: str, measured: list[Measured], size: str = "1.0 MB",
            peers: dict[str, str] | None = None) -> Row:
        worst = max(measured, key=lambda each: (bool(each.wrongs()), each.last.seconds))
        peak = max(each.last.peak for each in measured)
        growths = [each.growth for each in measured if each.growth]
        kernel = [each.kernel_growth for each in measured if each.kernel_growth]
        figure = f"{size}: {peak / (1 << 20):.0f} MB, {worst.last.seconds:.2f} s ({worst.command})"
        if worst.last.seconds > MOST_SECONDS / 4 and worst.last.kernel > worst.last.user:
            figure += f", of this kernel {worst.last.kernel:.2f} s"
            figure += f", x2 growth {max(kernel):.1f}" if kernel else ""
        if growths:
            figure += f"; x2 growth {max(growths):.1f}"
        wrongs = [text for each in measured for text in each.wrongs()]
        return Row(name, {"apus": "; ".join(wrongs) or HELD, **(peers or {})}, figure)

    # ---- Bundles

    def bundle(self, name: str, size: int) -> Bundle:
        bundle = self.ground.bundle()
        if name in CONFIGURATIONS:
            CONFIGURATIONS[name](bundle.config, size)
            return bundle.write()
        (bundle.path / "config.json").write_text(TEXTS[name](json.dumps(bundle.config), size))
        return bundle

    def configuration(self, name: str) -> Row:
        """A configuration for `check`, `plan`, and `create` with what follows it."""
        bundles = {size: self.bundle(name, size) for size in (int(MEGABYTE * each) for each in self.fractions)}
        measured = [self.measure("check", lambda size: self.apus.use("check", str(bundles[size].path)))]
        if not self.options.short:
            measured.append(self.measure("plan", lambda size: self.apus.use("plan", str(bundles[size].path))))
        ends: list[Used] = []
        measured.append(self.measure("create", lambda size: self.create(self.apus, bundles[size], ends)))
        measured[-1].must_succeed = name in GOOD
        measured.append(Measured("delete", ends[-1:], must_succeed=True))
        peers = {}
        for peer, subject in self.peers.items():
            if "Mappings" not in name:  # a device of the host changes hands
                peers[peer] = self.compare(subject, bundles[MEGABYTE])
        for bundle in bundles.values():
            remove(bundle)
        return self.row(name, measured, peers=peers)

    def create(self, subject: Subject, bundle: Bundle, ends: list[Used]) -> Used:
        """`create` with what the container's first process has used up to the gate, and its container's end."""
        name = self.ground.name()
        used = subject.use("create", "--bundle", str(bundle.path), name)
        if used.status == 0:
            user, kernel = times(subject.runtime.state(name).get("pid", 0))
            used = dataclasses.replace(used, user=used.user + user, kernel=used.kernel + kernel)
        ends.append(subject.use("delete", "--force", name))
        return used

    def compare(self, subject: Subject, bundle: Bundle) -> str:
        used = self.create(subject, bundle, [])
        if used.status < 0:
            self.ground.clear(subject.runtime)  # given up: what it leaves is not what is looked for
        text = f"{used}, status {used.status}"
        return text + f", a message of {used.message:,} bytes" * (used.message > LONGEST_MESSAGE)

    # ---- What belongs to no configuration alone

    def running(self, change: Change | None = None, size: int = 0) -> str:
        """A container that stays; its id."""
        bundle = self.ground.bundle()
        if change:
            change(bundle.config, size)
        bundle.shell("sleep 1000")
        name = self.ground.name()
        outcome = self.apus.runtime.call("run", "--detach", "--bundle", str(bundle.path), name)
        if not outcome.succeeded:
            raise RuntimeError(outcome.err[:1000])
        return name

    def with_running(self, command: str, *words: str, change: Change | None = None,
                     document: Callable[[int], object] | None = None) -> Measured:
        """A command on a container that runs; `ID` stands for it, `FILE` for a document."""
        def use(size: int) -> Used:
            name = self.running(change, size)
            with tempfile.NamedTemporaryFile("w", dir=self.ground.work) as file:
                if document:
                    json.dump(document(size), file)
                    file.flush()
                used = self.apus.use(*({"ID": name, "FILE": file.name}.get(word, word) for word in words))
            self.apus.runtime.call("delete", "--force", name)
            return used
        return self.measure(command, use)

    def processes(self) -> Iterator[Row]:
        """`exec` with a process of 1 MB."""
        plain = {"cwd": "/", "args": ["/bin/true"], "env": ["PATH=/bin"], "user": {"uid": 0, "gid": 0}}
        for name, change in CONFIGURATIONS.items():
            if not name.startswith(("process.", "PATH of")):
                continue

            def document(size: int) -> object:
                config = {"process": copy.deepcopy(plain)}
                change(config, size)
                return config["process"]
            yield self.row(f"exec --process: {name}", [
                self.with_running("exec", "exec", "--process", "FILE", "ID", document=document)])

    def updates(self) -> Iterator[Row]:
        """`update` with resources of 1 MB."""
        for name, change in CONFIGURATIONS.items():
            if not name.startswith(("device rules", "cpu.", "hugepage", "blockIO", "network", "unified", "rdma")):
                continue

            def document(size: int) -> object:
                config: dict = {}
                change(config, size)
                return config["linux"]["resources"]
            yield self.row(f"update --resources: {name}", [
                self.with_running("update", "update", "--resources", "FILE", "ID", document=document)])

    def others(self) -> Iterator[Row]:
        """Commands on a container with a large state."""
        changes = {name: CONFIGURATIONS[name] for name in (
            "annotations, many", "annotations, one long", "unknown properties, many", "process.env, many")}
        rules = CONFIGURATIONS["device rules, one many times"]
        changes["device rules, nearly as many as there may be"] = lambda config, size: rules(config, min(size, 140_000))
        for name, change in changes.items():
            yield self.row(f"commands on a container with {name}", [
                self.with_running(" ".join(words), *words, change=change)
                for words in (("state", "ID"), ("state", "--cgroup", "ID"), ("list",), ("list", "--format", "json"),
                              ("exec", "ID", "/bin/true"), ("ps", "ID"), ("events", "--stats", "ID"),
                              ("update", "--pids-limit", "50", "ID"), ("kill", "ID", "KILL"),
                              ("delete", "--force", "ID"))])
        arguments = ["x" * 100_000] * 10
        name = self.running()
        yield self.row("exec with 1 MB of arguments", [
            Measured("exec", [self.apus.use("exec", name, "/nowhere/" + "x" * 3000, *arguments)])])
        self.apus.runtime.call("delete", "--force", name)
        yield self.row("a long id", [Measured("state", [self.apus.use("state", "x" * 100_000)])], "0.1 MB")
        yield self.row("a long command", [Measured("state", [self.apus.use("x" * 100_000)])], "0.1 MB")

    def images(self) -> Iterator[Row]:
        """What an image can be large in."""
        for name, make, change, size in (
                ("/etc/passwd of 1 MB", passwd, as_user, MEGABYTE),
                ("/etc/passwd of 100 MB", passwd, as_user, 100 * MEGABYTE),
                ("/etc/passwd, one line of 1 MB", long_passwd, as_user, MEGABYTE),
                ("directories of PATH behind links", chains, through_chains, 20_000),
                ("masked paths behind links", chains, mask_chains, 20_000),
                ("tmpcopyup of many files", small_files, copy_up, 4000),
                ("tmpcopyup of deep directories", deep, copy_up, 1000),
                ("tmpcopyup of long links", long_links, copy_up, 2000)):
            ends: list[Used] = []

            def use(size: int) -> Used:
                bundle = self.ground.bundle()
                make(bundle.rootfs, size)
                change(bundle.config, size)
                used = self.create(self.apus, bundle.write(), ends)
                remove(bundle)
                return used
            measured = self.measure("create", use, size)
            yield self.row(f"image: {name}", [measured, Measured("delete", ends[-1:])], f"{size:,}")

    def large_files(self) -> Iterator[Row]:
        """Configurations that are too large to be any."""
        for name, size in (("15 MB of white space", 15_000_000), ("100 MB of nothing", 100_000_000)):
            bundle = self.ground.bundle()
            with open(bundle.path / "config.json", "a") as file:
                file.write(" " * 15_000_000) if size < 20_000_000 else file.truncate(size)
            uses = [Measured(command, [self.apus.use(command, str(bundle.path))]) for command in ("check", "plan")]
            uses.append(Measured("create", [self.create(self.apus, bundle, [])]))
            yield self.row(f"a configuration with {name}", uses, f"{size // MEGABYTE} MB")

    def rows(self) -> Iterator[Row]:
        chosen = [*CONFIGURATIONS, *TEXTS]
        if self.options.short:
            known = ("PATH", "seccomp, rules", "mounts, tmpfs", "mounts, read-only", "many errors")
            always = [name for name in chosen if name.startswith(known)]
            chosen = always + random.Random(8).sample([name for name in chosen if name not in always], 30)
        families = itertools.chain(((name, lambda name=name: iter([self.configuration(name)])) for name in chosen),
                                   (("exec", self.processes), ("update", self.updates), ("state", self.others),
                                    ("image", self.images), ("large", self.large_files))[3 * self.options.short:])
        for name, family in families:
            for row in family():
                if re.search(self.options.only, row.name):
                    yield row
        left = self.ground.leftovers(*(each.runtime for each in (self.apus, *self.peers.values())))
        self.ground.clear(*(each.runtime for each in (self.apus, *self.peers.values())))
        yield Row("the largest leave nothing", {"apus": "; ".join(left[:5]) or HELD})
        self.ground.close()


def times(pid: int) -> tuple[float, float]:
    """Processor time of a process and of those it has waited for, its own and the kernel's, in seconds."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0, 0
    tick = os.sysconf("SC_CLK_TCK")
    return (int(fields[11]) + int(fields[13])) / tick, (int(fields[12]) + int(fields[14])) / tick


def remove(bundle: Bundle) -> None:
    """At any depth, which rmtree() does not do."""
    subprocess.run(["rm", "-rf", str(bundle.path)], check=True)


def hidden_cgroup2() -> list[str]:
    """crun refuses hosts that have both versions of cgroups."""
    script = 'umount /sys/fs/cgroup/unified 2>/dev/null; exec "$@"'
    return ["unshare", "--mount", "sh", "-c", script, "sh"]


# ---- Images


def passwd(rootfs: Path, size: int) -> None:
    (rootfs / "etc/passwd").write_text("nobody:x:65534:65534::/:/bin/false\n" * (size // 35))


def long_passwd(rootfs: Path, size: int) -> None:
    (rootfs / "etc/passwd").write_text("x:" * (size // 2))


def as_user(config: dict, size: int) -> None:
    config["process"]["user"] = {"uid": 1000, "gid": 1000}


def chains(rootfs: Path, size: int) -> None:
    """A directory behind 39 links: one more, and the kernel refuses."""
    (rootfs / "end").mkdir()
    previous = "end"
    for index in range(39):
        (rootfs / f"l{index}").symlink_to(previous)
        previous = f"l{index}"


def through_chains(config: dict, size: int) -> None:
    config["process"]["args"] = ["program"]
    config["process"]["env"] = ["PATH=" + ":".join("/l38" for _ in range(size))]


def mask_chains(config: dict, size: int) -> None:
    config["linux"]["maskedPaths"] = [f"/l38/{index}" for index in range(size)]


def small_files(rootfs: Path, size: int) -> None:
    (rootfs / "tree").mkdir()
    for index in range(size):
        (rootfs / f"tree/{index}").touch()


def deep(rootfs: Path, size: int) -> None:
    (rootfs / "tree").mkdir()
    path = rootfs / "tree"
    for _ in range(min(size, 1500)):
        path /= "a"
        path.mkdir()


def long_links(rootfs: Path, size: int) -> None:
    (rootfs / "tree").mkdir()
    for index in range(size):
        (rootfs / f"tree/{index}").symlink_to("x" * 4000)


def copy_up(config: dict, size: int) -> None:
    config["mounts"].append(tmpfs("/tree", ["tmpcopyup"]))


def rows(options: Options) -> Iterator[Row]:
    yield from apart(lambda: Sizes(options).rows())
