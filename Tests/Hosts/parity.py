#!/usr/bin/env python3
"""parity.py APUS: the same linux.resources give the same cgroup under apus and under runc and crun.

Every row of the table is created with every runtime that is there and every driver of this host, and then each writable
file of the container's cgroups is compared, those included that nobody asked for. What differs on purpose is written down
in DELIBERATE. Prints one line for each row, "ok NAME" or "FAILED NAME: what was seen", and "done" at the end. Needs root,
busybox and runc or crun; nothing but the smallest Python (python3-minimal).
"""

import argparse
import os
import re
import subprocess
import threading
from typing import NamedTuple

from smallest import copy, remove_tree, which

CONFIG = """{"ociVersion": "1.0.2", "root": {"path": "%(rootfs)s", "readonly": true},
"process": {"user": {"uid": 0, "gid": 0}, "cwd": "/", "args": ["/bin/busybox", "sleep", "1000"], "env": ["PATH=/bin"]},
"mounts": [{"destination": "/proc", "type": "proc", "source": "proc"},
  {"destination": "/dev", "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "mode=755", "size=65536k"]}],
"linux": {"cgroupsPath": "%(place)s", "namespaces": [{"type": "pid"}, {"type": "mount"}], "resources": %(resources)s}}
"""


def disk() -> str:
    """A disk of this machine as members of a JSON object."""
    for name in sorted(os.listdir("/sys/block")):
        if re.match("vd|sd|nvme", name):
            with open(f"/sys/block/{name}/dev") as file:
                major, minor = file.read().split(":")
                return f'"major": {major}, "minor": {int(minor)}'
    return '"major": 7, "minor": 0'


def memory(text: str) -> str:
    return '{"memory": {%s}}' % text


def cpu(text: str) -> str:
    return '{"cpu": {%s}}' % text


def throttle(*names: str) -> str:
    return '{"blockIO": {%s}}' % ", ".join(f'"throttle{name}Device": [{{{disk()}, "rate": 1048576}}]' for name in names)


DEFAULT_DENY = '{"allow": false, "access": "rwm"}'
ROWS = {
    "no resources": "{}",
    "memory limit": memory('"limit": 67108864'),
    "memory limit of no whole page": memory('"limit": 67108865'),
    "memory without limit": memory('"limit": -1'),
    "memory limit 0": memory('"limit": 0'),
    "memory and swap": memory('"limit": 67108864, "swap": 134217728'),
    "memory and no swap": memory('"limit": 67108864, "swap": 67108864'),
    "memory and swap without limit": memory('"limit": 67108864, "swap": -1'),
    "memory and swap 0": memory('"limit": 67108864, "swap": 0'),
    "swap below memory": memory('"limit": 67108864, "swap": 33554432'),
    "swap alone": memory('"swap": 134217728'),
    "swap alone without limit": memory('"swap": -1'),
    "all memory without limit": memory('"limit": -1, "swap": -1'),
    "memory without limit, with swap": memory('"limit": -1, "swap": 134217728'),
    "reservation": memory('"reservation": 33554432'),
    "reservation without limit": memory('"reservation": -1'),
    "reservation 0": memory('"reservation": 0'),
    "memory and reservation": memory('"limit": 67108864, "reservation": 33554432'),
    "swappiness": memory('"swappiness": 7'),
    "swappiness 0": memory('"swappiness": 0'),
    "swappiness 101": memory('"swappiness": 101'),
    "no out-of-memory killer": memory('"limit": 67108864, "disableOOMKiller": true'),
    "kernel memory": memory('"kernel": 33554432'),
    "kernel TCP memory": memory('"kernelTCP": 33554432'),
    "shares": cpu('"shares": 512'),
    "shares of the default": cpu('"shares": 1024'),
    "shares 2": cpu('"shares": 2'),
    "shares 0": cpu('"shares": 0'),
    "shares of the highest": cpu('"shares": 262144'),
    "quota": cpu('"quota": 25000'),
    "quota -1": cpu('"quota": -1'),
    "quota 0": cpu('"quota": 0'),
    "period": cpu('"period": 50000'),
    "quota and period": cpu('"quota": 25000, "period": 50000'),
    "quota of more than one processor": cpu('"quota": 200000, "period": 100000'),
    "quota of a part of a percent": cpu('"quota": 33333, "period": 100000'),
    "period out of range": cpu('"period": 500'),
    "burst": cpu('"quota": 50000, "burst": 10000'),
    "idle": cpu('"idle": 1'),
    "processors": cpu('"cpus": "0"'),
    "all processors and nodes": cpu('"cpus": "0-1", "mems": "0"'),
    "nodes": cpu('"mems": "0"'),
    "processors that are not there": cpu('"cpus": "900"'),
    "tasks": '{"pids": {"limit": 55}}',
    "tasks -1": '{"pids": {"limit": -1}}',
    "tasks 0": '{"pids": {"limit": 0}}',
    "block weight": '{"blockIO": {"weight": 500}}',
    "block weight 10": '{"blockIO": {"weight": 10}}',
    "block weight 1000": '{"blockIO": {"weight": 1000}}',
    "block weight out of range": '{"blockIO": {"weight": 5}}',
    "block weight of a device": '{"blockIO": {"weight": 100, "weightDevice": [{%s, "weight": 300}]}}' % disk(),
    "block throttle: read": throttle("ReadBps"),
    "block throttle: write": throttle("WriteBps"),
    "block throttle: all": throttle("ReadBps", "WriteBps", "ReadIOPS", "WriteIOPS"),
    "huge pages": '{"hugepageLimits": [{"pageSize": "2MB", "limit": 4194304}]}',
    "huge pages of no size": '{"hugepageLimits": [{"pageSize": "3MB", "limit": 4194304}]}',
    "network class": '{"network": {"classID": 1048577}}',
    "network priorities": '{"network": {"priorities": [{"name": "lo", "priority": 3}]}}',
    "devices: none": '{"devices": [%s]}' % DEFAULT_DENY,
    "devices: some": '{"devices": [%s, {"allow": true, "type": "c", "major": 10, "minor": 229, "access": "rw"}, '
                     '{"allow": true, "type": "b", "major": 7, "access": "r"}]}' % DEFAULT_DENY,
    "devices: all but one": '{"devices": [{"allow": true, "access": "rwm"}, '
                            '{"allow": false, "type": "c", "major": 10, "minor": 229, "access": "rw"}]}',
    "unified": '{"unified": {"memory.high": "50000000", "memory.low": "2097152", "pids.max": "44", "cpu.weight": "77"}}',
    "unified wins": '{"memory": {"limit": 67108864}, "unified": {"memory.max": "33554432"}}',
    "unified: no such file": '{"unified": {"memory.none": "1"}}',
    "unified: outside": '{"unified": {"../pids.max": "1"}}',
    "everything": '{"memory": {"limit": 67108864, "swap": 134217728, "reservation": 33554432}, "pids": {"limit": 55}, '
                  '"cpu": {"shares": 2048, "quota": 25000, "period": 50000, "cpus": "0", "mems": "0"}, '
                  '"blockIO": {"weight": 500}, "devices": [%s]}' % DEFAULT_DENY,
}


class Deliberate(NamedTuple):
    """A difference that is meant. Empty means any; patterns match from the start."""
    reason: str
    file: str = ""
    row: str = ""
    runtime: str = ""
    driver: str = ""

    def explains(self, row: str, driver: str, runtime: str, file: str) -> bool:
        return all(re.fullmatch(pattern or ".*", text) for pattern, text in
                   ((self.row, row), (self.driver, driver), (self.runtime, runtime), (self.file, file)))


# What is no limit: counters, and what belongs to the processes.
NO_LIMITS = re.compile(r"cgroup\.(procs|threads|kill|event_control|pressure|clone_children|subtree_control)|tasks|notify_.*|"
                       r".*\.(pressure|peak|reclaim|failcnt|max_usage_in_bytes|force_empty|reset_stats|pressure_level)|"
                       r"cpuacct\.usage|devices\.(allow|deny)|.*\.cpuset_.*|memory\.(memsw|kmem|kmem\.tcp)\.(failcnt|max_us.*)|release_agent")

DELIBERATE = [
    Deliberate("the formula of runc since 2025; 1.1.5 divides, so that 1024 shares are 39", file=r"cpu\.weight(\.nice)?",
               row="shares.*|everything"),
    Deliberate("set as asked; older than the property", file=r"cpu\.(max\.burst|cfs_burst_us)", row="burst"),
    Deliberate("set as asked; older than the property", file=r"cpu\.(idle|shares|weight(\.nice)?)", row="idle"),
    Deliberate("no processes but the first, as specification 1.3 says", file=r"pids\.max", row="tasks 0"),
    Deliberate("written where the kernel has the file; runc passes over it", file=r"memory\.kmem\.tcp\.limit_in_bytes",
               row="kernel TCP memory"),
    Deliberate("reserved pages count as well", file=r"hugetlb\..*\.rsvd\.(max|limit_in_bytes)", row="huge pages"),
    Deliberate("out of the range of the specification", file="status", row="swappiness 101|block weight out of range",
               runtime="runc"),
    Deliberate("runc leaves the device out without a word", file="status", row="block weight of a device", runtime="runc"),
    Deliberate("hugetlb is a controller of the cgroup2 beside v1 hierarchies, where runc does not look", file="status",
               row="huge pages", runtime="runc"),
    Deliberate("crun enables some controllers only", file=r"(misc|rdma)\.max", runtime="crun"),
    Deliberate("without a limit the manager's default counts, as under runc", file=r"pids\.max", driver="systemd",
               runtime="crun"),
    Deliberate("accepted with a warning where the kernel has no such limit, as under runc", file="status", runtime="crun",
               row="swappiness.*|no out-of-memory killer|kernel .*|network .*"),
    Deliberate("0 is no limit, as under runc", file="status", row="memory limit 0|memory and swap 0", runtime="crun"),
    Deliberate("0 for both is no limit, as under runc; crun 1.21 of Debian 13 takes away the swap", file=r"memory\.swap\.max",
               row="memory and swap 0", runtime="crun"),
    Deliberate("rules that deny are set, as under runc; crun 1.21 of Debian 13 refuses them with systemd", file="status",
               row="devices: all but one", driver="systemd", runtime="crun"),
    Deliberate("no limit on memory and one on swap, as runc 1.3 and crun 1.28 have it; refused by those of Debian 12",
               file="status", row="memory without limit, with swap"),
    Deliberate("systemd keeps a whole percentage: rounded from the start, so that nothing jumps when it reloads",
               file=r"cpu\.max", row="quota of a part of a percent", driver="systemd"),
    Deliberate("runc 1.1.5 also allows /dev/net/tun, which nobody asked for", file=r"devices\.list", runtime="runc"),
]


def execute(command: list[str]) -> tuple[int, str]:
    """The exit status and the errors, which go to a file: a container that keeps it open keeps nobody waiting."""
    with open("/dev/null", "r+") as nothing, os.fdopen(os.memfd_create("errors"), "w+") as errors:
        status = subprocess.run(command, stdin=nothing, stdout=nothing, stderr=errors, timeout=120).returncode
        errors.seek(0)
        return status, " ".join(errors.read().split())[-300:]


class Parity:
    def __init__(self, apus: str):
        self.tag = f"apus-parity-{os.getpid()}"
        self.warned: set[tuple[str, int]] = set()  # creations of apus that said something
        self.work = f"/tmp/{self.tag}"
        self.runtimes = {"apus": os.path.abspath(apus)}
        for name in ("runc", "crun"):
            if path := which(name):
                self.runtimes[name] = path
        self.mounts = {}
        with open("/proc/self/mountinfo") as file:
            for line in file:
                words, _, rest = line.partition(" - ")
                kind, _, options = rest.split()[:3]
                if kind == "cgroup2":
                    self.mounts[""] = words.split()[4]
                elif kind == "cgroup":
                    self.mounts[options] = words.split()[4]
        self.is_v2 = list(self.mounts) == [""]
        if not self.is_v2:
            self.runtimes.pop("crun", None)  # It refuses hosts that have both versions.
        self.drivers = ["cgroupfs"] + (["systemd"] if self.is_v2 and os.path.isdir("/run/systemd/system") else [])

    def directories(self, pid: int) -> list[str]:
        """The cgroups of a process."""
        found = []
        with open(f"/proc/{pid}/cgroup") as file:
            for line in file:
                _, names, path = line.rstrip("\n").split(":", 2)
                for options, mount in self.mounts.items():
                    if names == "" and options == "" or names and set(names.split(",")) <= set(options.split(",")):
                        found.append(mount + path)
        return found

    def limits(self, pid: int) -> dict[str, str]:
        """Every writable file of a container's cgroups, and the list of devices."""
        found = {}
        for directory in self.directories(pid):
            for name in os.listdir(directory):
                path = f"{directory}/{name}"
                if name != "devices.list" and (NO_LIMITS.fullmatch(name) or not os.stat(path).st_mode & 0o200):
                    continue
                if os.path.isdir(path):
                    continue
                try:
                    with open(path) as file:
                        found[name] = " ".join(sorted(file.read().split("\n")) if name == "devices.list" else file.read().split())
                except OSError:
                    continue  # cannot be read, as memory.pressure_level
        return found

    def created(self, runtime: str, driver: str, number: int, resources: str) -> dict[str, str]:
        """What the files say under one runtime; {"status": ...} if it refuses."""
        name = f"{self.tag}-{number}-{runtime}"
        bundle = f"{self.work}/{driver}/{name}"
        os.makedirs(bundle)
        place = f"/{self.tag}/{number}/{name}" if driver == "cgroupfs" else f"system.slice:parity:{name}"
        with open(f"{bundle}/config.json", "w") as file:
            file.write(CONFIG % {"rootfs": f"{self.work}/rootfs", "place": place, "resources": resources})
        command = [self.runtimes[runtime], "--root", f"{self.work}/{runtime}-root"]
        flags = ["--systemd-cgroup"] if driver == "systemd" else []
        status, said = execute(command + flags + ["create", "--bundle", bundle, "--pid-file", f"{bundle}/pid", name])
        try:
            if status != 0:
                return {"status": "refused", "said": said}
            self.warned |= {(driver, number)} if runtime == "apus" and said else set()
            with open(f"{bundle}/pid") as file:
                return {"status": "created"} | self.limits(int(file.read()))
        finally:
            execute(command + ["delete", "--force", name])

    def compare(self, number: int, row: str, driver: str) -> list[str]:
        lines = []
        # Peers first: they enable every controller, so that apus has the same files.
        seen = {runtime: self.created(runtime, driver, number, ROWS[row]) for runtime in reversed(self.runtimes)}
        for runtime in seen:
            if runtime == "apus":
                continue
            ours, theirs = dict(seen["apus"]), dict(seen[runtime])
            said = {name: view.pop("said", "") for name, view in (("apus", ours), (runtime, theirs))}
            files = ["status"] if ours["status"] != theirs["status"] else sorted(ours.keys() | theirs.keys())
            differences = []
            for file in files:
                a, b = ours.get(file, "no such file"), theirs.get(file, "no such file")
                if a == b:
                    continue
                reason = next((d.reason for d in DELIBERATE if d.explains(row, driver, runtime, file)), None)
                text = f"{file}: apus «{a}», {runtime} «{b}»" + "".join(f"; {n} says {t}" for n, t in said.items() if t)
                # What another runtime refuses may be left out, but not in silence.
                is_silent = file == "status" and a == "created" and "warning" in (reason or "") and (driver, number) not in self.warned
                if reason is None or is_silent:
                    differences.append(text)
                else:
                    lines.append(f"deliberate {driver}, {runtime}: {row}: {text}: {reason}")
            name = f"{driver}, {runtime}: {row}"
            lines.append(f"FAILED {name}: {'; '.join(differences)}" if differences
                         else f"ok {name}{' (refused)' if ours['status'] == 'refused' else ''}")
        return lines

    def clean(self) -> None:
        """Removes the parents of the cgroups, and what a runtime has left there; only apus fails for that."""
        for parent, names, _ in (entry for mount in self.mounts.values() for entry in os.walk(mount, topdown=False)):
            for name in names:
                if self.tag not in f"{parent}/{name}":
                    continue
                if name.startswith(self.tag) and name != self.tag:
                    print(f"{'FAILED' if name.endswith('-apus') else 'note'} left: {parent}/{name}")
                try:
                    os.rmdir(f"{parent}/{name}")
                except OSError as error:
                    print(f"note {error}")
        remove_tree(self.work)

    def main(self) -> None:
        os.makedirs(f"{self.work}/rootfs/bin")
        for point in ("proc", "dev"):
            os.makedirs(f"{self.work}/rootfs/{point}")
        copy(which("busybox") or "busybox", f"{self.work}/rootfs/bin/busybox")
        try:
            rows = [(number, row, driver) for driver in self.drivers for number, row in enumerate(ROWS)]
            for lines in in_parallel(lambda words: self.compare(*words), rows, 2):
                print("\n".join(lines), flush=True)
        finally:
            self.clean()
        print("done")


def in_parallel(work, items, count):
    """The results of work for all items, in their order, with so many threads. (concurrent.futures is not everywhere:
    python3-minimal lacks it.)"""
    results, done = {}, threading.Condition()
    remaining = iter(enumerate(items))

    def go_on():
        while True:
            with done:
                number, item = next(remaining, (None, None))
            if number is None:
                return
            try:
                result = (work(item), None)
            except BaseException as error:  # told to who asks for the result
                result = (None, error)
            with done:
                results[number] = result
                done.notify()

    for _ in range(count):
        threading.Thread(target=go_on, daemon=True).start()
    for number in range(len(items)):
        with done:
            done.wait_for(lambda: number in results)
        value, error = results.pop(number)
        if error:
            raise error
        yield value


parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
parser.add_argument("apus")
Parity(parser.parse_args().apus).main()
