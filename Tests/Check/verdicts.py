#!/usr/bin/env python3
"""Whether `check` is right: for every configuration of spec-fixtures, and for generated ones, what it says is compared with
what `create` and `start` do.

    verdicts.py BINARY [--count N] [--seed N] [--only N] [--fixtures] [--user UID]

If `check` finds no error, the container is created and starts; if it finds one, it is not. What `create` warns of, `check` warns
of in the same words; what it warns of beyond that is among `EXTRA`. The generator gives the same configurations for the same
seed, whatever the version of Python. Needs root.
"""
import argparse
import copy
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile

FIXTURES = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "spec-fixtures")
PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

# What only who looks at a configuration wants to be told: beginnings of warnings, or parts of them.
EXTRA = re.compile(
    r"unknown property|given twice|this kernel does not know|apus itself may not have|and everybody expects"
    r"|0 means no limit|0 is a limit since|has an effect in crun|the container can be created|could not be checked"
    r"|unless a hook brings it|to start, unless its program|libseccomp .* does not know|/proc/sys/.* on the host"
    r"|for another processor|neither an ELF program|hooks\.poststop|^process\.args")

BASE = {
    "ociVersion": "1.3.0",
    "process": {
        "user": {"uid": 0, "gid": 0}, "args": ["/bin/true"], "env": [PATH], "cwd": "/", "noNewPrivileges": True,
        "capabilities": {name: ["CAP_KILL", "CAP_AUDIT_WRITE"] for name in ("bounding", "effective", "permitted")},
    },
    "root": {"path": "rootfs"},
    "hostname": "x",
    "mounts": [
        {"destination": "/proc", "type": "proc", "source": "proc"},
        {"destination": "/dev", "type": "tmpfs", "source": "tmpfs",
         "options": ["nosuid", "strictatime", "mode=755", "size=65536k"]},
        {"destination": "/dev/pts", "type": "devpts", "source": "devpts",
         "options": ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620"]},
    ],
    "linux": {
        "namespaces": [{"type": kind} for kind in ("pid", "ipc", "uts", "mount", "network")],
        "maskedPaths": ["/proc/kcore"], "readonlyPaths": ["/proc/sys"],
    },
}


class Chance:
    """The linear congruential generator of Knuth's MMIX."""

    def __init__(self, seed):
        self.state = seed & 0xFFFFFFFFFFFFFFFF

    def below(self, count):
        self.state = (self.state * 6364136223846793005 + 1442695040888963407) & 0xFFFFFFFFFFFFFFFF
        return (self.state >> 33) % count

    def pick(self, choices):
        return choices[self.below(len(choices))]

    def some(self, choices, most):
        return [self.pick(choices) for _ in range(self.below(most + 1))]


class Ground:
    """A bundle and a few places of the host for it, below one directory."""

    def __init__(self):
        self.directory = tempfile.mkdtemp(prefix="apus-verdicts-")
        os.chmod(self.directory, 0o755)
        self.name = os.path.basename(self.directory)
        self.bundle = self.path("bundle")
        self.state = self.path("state")
        rootfs = os.path.join(self.bundle, "rootfs")
        for name in ("bin", "proc", "dev", "sys", "etc", "tmp", "run", "var", "data/deep", "closed/inner", "opt"):
            os.makedirs(os.path.join(rootfs, name))
        busybox = shutil.which("busybox")
        shutil.copy(busybox, os.path.join(rootfs, "bin/busybox"))
        for name in ("true", "sh", "env"):
            os.symlink("busybox", os.path.join(rootfs, "bin", name))
        os.symlink("../run", os.path.join(rootfs, "var/run"))
        os.symlink("/nowhere/at/all", os.path.join(rootfs, "opt/broken"))
        os.symlink("loop", os.path.join(rootfs, "opt/loop"))
        os.symlink("/data", os.path.join(rootfs, "opt/data"))
        os.symlink("/etc/passwd", os.path.join(rootfs, "opt/file"))
        self.write(os.path.join(rootfs, "etc/passwd"), "root:x:0:0::/root:/bin/sh\n")
        self.write(os.path.join(rootfs, "bin/text"), "hello\n", 0o755)
        self.write(os.path.join(rootfs, "bin/script"), "#!/bin/sh\ntrue\n", 0o755)
        self.write(os.path.join(rootfs, "bin/lost"), "#!/no/interpreter\n", 0o755)
        self.write(os.path.join(rootfs, "bin/plain"), "#!/bin/sh\n", 0o644)
        self.write(os.path.join(rootfs, "bin/mine"), "#!/bin/sh\ntrue\n", 0o700)
        self.write(os.path.join(rootfs, "bin/empty"), "", 0o755)
        self.write(os.path.join(rootfs, "closed/inner/true"), "#!/bin/sh\ntrue\n", 0o755)
        os.chmod(os.path.join(rootfs, "closed"), 0o700)
        os.mkfifo(os.path.join(rootfs, "bin/fifo"), 0o755)
        shutil.copy("/bin/ls", os.path.join(rootfs, "bin/dynamic"))
        # Those in the bundle are named by relative paths.
        for name in ("volume/inside", "upper", "work", "lower", "bundle/upper", "bundle/work", "bundle/lower"):
            os.makedirs(self.path(name))
        self.write(self.path("file"), "file\n")
        self.write(self.path("hook"), "#!/bin/sh\ncat >/dev/null\n", 0o755)
        self.write(self.path("lost-hook"), "#!/no/interpreter\n", 0o755)
        self.write(self.path("plain-hook"), "#!/bin/sh\n", 0o644)
        shutil.copy(busybox, self.path("volume/true"))

    def path(self, name):
        return os.path.join(self.directory, name)

    @staticmethod
    def write(path, text, mode=0o644):
        with open(path, "w") as file:
            file.write(text)
        os.chmod(path, mode)

    def give(self, user):
        """Makes everything somebody's."""
        for directory, folders, files in os.walk(self.directory):
            for name in [".", *folders, *files]:
                os.chown(os.path.join(directory, name), user, user, follow_symlinks=False)

    def groups(self):
        """The cgroups of containers that are there."""
        found = []
        for line in open("/proc/self/mounts"):
            fields = line.split()
            below = os.path.join(fields[1], self.name)
            if fields[2].startswith("cgroup") and os.path.isdir(below):
                found += [entry.path for entry in os.scandir(below) if entry.is_dir()]
        return found

    def remove(self):
        for line in open("/proc/self/mounts"):
            place = line.split()[1]
            if "cgroup" in line.split()[2]:
                self.remove_groups(os.path.join(place, self.name))
        shutil.rmtree(self.directory, ignore_errors=True)

    def remove_groups(self, path):
        if not os.path.isdir(path):
            return
        for entry in os.scandir(path):
            if entry.is_dir():
                self.remove_groups(entry.path)
        try:
            os.rmdir(path)
        except OSError:
            pass


def mutations(ground, chance):
    """Changes of a configuration, by name. Each draws what it needs from the generator."""
    pick, some = chance.pick, chance.some
    places = ["/tmp", "/run", "/data", "/data/deep", "/data/new/er", "/new", "/etc/passwd", "/etc/passwd/x", "/var/run/x",
              "/opt/broken", "/opt/loop/x", "/opt/data/in", "/opt/file", "/proc/x", "/proc/self/x", "/dev/shm", "/dev/new",
              "/", "/bin", "/bin/busybox", "/tmp/../data", "/sys", "/vol", "/vol/inside", "/vol/below"]
    flags = ["ro", "rw", "nosuid", "nodev", "noexec", "relatime", "noatime", "rprivate", "rshared", "readonly", "sync",
             "nosuidd", "lazytime", "defaults", "rro", "nosymfollow"]

    def mount(entry):
        return lambda c: c["mounts"].append(entry)

    def tmpfs():
        data = ["size=64k", "size=100q", "size=10%", "size=1g", "mode=755", "mode=rwx", "mode=1777", "uid=1", "uid=abc",
                "gid=5", "nr_inodes=10", "nr_inodes=x", "huge=never", "huge=often", "inode64", "bogus", "tmpcopyup"]
        return mount({"destination": pick(places), "type": "tmpfs", "source": "tmpfs",
                      "options": some(flags, 2) + some(data, 2)})

    def bind():
        source = pick(["volume", "file", "absent", "volume/inside", "absent/er"])
        return mount({"destination": pick(places), "source": ground.path(source), "type": "bind",
                      "options": [pick(["bind", "rbind"])] + some(flags, 3)})

    def kernel():
        kind, data = pick([("proc", ["hidepid=2", "hidepid=9", "subset=pid", "gid=x"]), ("sysfs", ["x"]),
                           ("devpts", ["gid=5", "gid=tty", "mode=0620", "max=3", "mode=x"]), ("mqueue", ["x"]),
                           ("ramfs", ["mode=700", "size=3"]), ("cgroup", []), ("nofs", []), ("hugetlbfs", ["pagesize=2M"])])
        return mount({"destination": pick(places), "type": kind, "source": kind,
                      "options": some(flags, 2) + some(data, 1) if data else some(flags, 2)})

    def overlay():
        data = ["lowerdir=" + ground.path("lower"), "lowerdir=/absent", "lowerdirr=/etc", "upperdir=" + ground.path("upper"),
                "workdir=" + ground.path("work"), "lowerdir=" + ground.path("file"), "userxattr", "volatile"]
        near = ["lowerdir=lower", "lowerdir=./lower:../lower", "lowerdir+=lower", "lowerdir=absent", "upperdir=upper",
                "workdir=work", "upperdir=config.json", "workdir=absent"]
        options = pick([lambda: some(data, 4), lambda: some(data + near, 4),
                        lambda: ["lowerdir=lower", "upperdir=upper", "workdir=work"]])()
        return mount({"destination": pick(places), "type": "overlay", "source": "overlay", "options": options})

    def disk():
        return mount({"destination": "/data", "type": pick(["ext4", "xfs", "btrfs", "vfat"]),
                      "source": pick([ground.path("file"), "/absent", ground.path("volume"), "rootfs", "absent"]),
                      "options": some(flags, 1)})

    def remount():
        # The root file system is the host's own: it is not configured anew.
        place = pick(["/proc", "/dev", "/dev/pts", "/absent", "/data", "/"])
        more = ["bind"] if place in ("/data", "/") else some(["bind", "size=1m"], 1)
        return mount({"destination": place, "type": "", "source": "",
                      "options": ["remount"] + more + some(["ro", "nosuid"], 1)})

    def sysctl():
        keys = ["net.ipv4.ip_forward", "net.ipv4.ip_unprivileged_port_start", "net.ipv4.tcp_mem", "net.core.somaxconn",
                "net.ipv4.conf.all.forwarding", "net.ipv4.conf.eth0.forwarding", "net.ipv6.conf.lo.disable_ipv6",
                "kernel.shmmax", "kernel.msgmax", "kernel.sem", "kernel.domainname", "kernel.hostname", "kernel.panic",
                "fs.mqueue.msg_max", "net.ipv4.nosuch", "user.max_net_namespaces", "net.netfilter.nf_conntrack_max"]
        return lambda c: c["linux"].setdefault("sysctl", {}).update(
            {pick(keys): pick(["1", "0", "on", "-5", "100", "1 2 3 4", "99999999999999999999", "32000 1024000000 500 32000"])})

    def resource():
        number = lambda: pick([-1, 0, 1, 2, 10, 99, 100, 999, 1000, 1024, 50_000, 100_000, 1_000_000, 1_000_001, 262_144,
                               262_145, 1 << 20, 1 << 26, 1 << 28, 1 << 30])
        section = pick(["cpu", "memory", "pids", "blockIO", "hugepageLimits", "network", "unified", "devices", "rdma"])
        if section == "cpu":
            value = {pick(["shares", "quota", "period", "burst", "realtimeRuntime", "realtimePeriod", "idle"]): number()
                     for _ in range(1 + chance.below(3))}
            if chance.below(4) == 0:
                value["cpus"] = pick(["0", "0-1", "5-1", "0-999", "", "0,1", "0-1:1/2", "1/2", ",", "x", "0 1"])
            if chance.below(6) == 0:
                value["mems"] = pick(["0", "1", "0-9", "-"])
        elif section == "memory":
            value = {pick(["limit", "reservation", "swap", "kernel", "kernelTCP", "swappiness", "checkBeforeUpdate",
                           "disableOOMKiller"]): number() for _ in range(1 + chance.below(3))}
            for name in ("checkBeforeUpdate", "disableOOMKiller"):
                if name in value:
                    value[name] = True
        elif section == "pids":
            value = {"limit": number()}
        elif section == "blockIO":
            value = {pick(["weight", "leafWeight"]): number()} if chance.below(2) else {
                pick(["throttleReadBpsDevice", "throttleWriteIOPSDevice"]):
                    [{"major": pick([8, 254, 7, 200]), "minor": pick([0, 1, 3]), "rate": number()}]}
        elif section == "hugepageLimits":
            value = [{"pageSize": pick(["2MB", "1GB", "3MB", "64KB", "2mb"]), "limit": number()}]
        elif section == "network":
            value = pick([{"classID": 1_048_577}, {"priorities": [{"name": pick(["lo", "eth9"]), "priority": 3}]}])
        elif section == "unified":
            value = {pick(["memory.high", "memory.hihg", "cgroup.max.depth", "cgroup.max.depht", "cgroup.procs", "pids.max",
                           "cgroup.max.descendants", "io.max", "cpu.weight", "cgroup.stat"]): pick(["1", "max", "-3", "x"])}
        elif section == "devices":
            value = [{"allow": pick([True, False]), "type": pick(["c", "b", "a", "x"]), "major": pick([1, 5, -1]),
                      "minor": 3, "access": pick(["rwm", "r", "x"])}]
        else:
            value = {"mlx5_0": {"hcaHandles": 3}}
        return lambda c: c["linux"].setdefault("resources", {}).update({section: value})

    def device():
        entry = {"path": pick(["/dev/x", "/dev/null", "/dev/pts", "/bin", "/etc/passwd/x", "/new/dev", "/dev/sub/x",
                               "/dev/shm", "/opt/file", "/dev/ptmx", "relative", "/dev/stdin", "/dev/fd", "/dev/console", "/dev/core",
                               "/dev/tty", "/dev//null"]),
                 "type": pick(["c", "b", "p", "u", "x"]), "major": pick([1, 5, 10]), "minor": pick([3, 5, 200])}
        if chance.below(3) == 0:
            entry["fileMode"] = pick([0o660, 0o7777, 0o20666])
        if chance.below(3) == 0:
            entry["uid"] = pick([0, 1000, 5_000_000])
        return lambda c: c["linux"].setdefault("devices", []).append(entry)

    def hook():
        inside = ["/bin/true", "/bin/plain", "/bin/lost", "/bin/dynamic", "/absent", "/bin/text"]
        outside = [ground.path("hook"), ground.path("lost-hook"), ground.path("plain-hook"), "/absent", "/etc", "relative"]
        kind = pick(["createRuntime", "createContainer", "startContainer", "poststop", "prestart", "poststart"])
        entry = {"path": pick(inside if kind == "startContainer" else outside)}
        return lambda c: c.setdefault("hooks", {}).setdefault(kind, []).append(entry)

    def limit():
        entry = {"type": pick(["RLIMIT_NOFILE", "RLIMIT_NPROC", "RLIMIT_CORE", "RLIMIT_STACK", "RLIMIT_BOGUS",
                               "RLIMIT_MEMLOCK"]),
                 "soft": pick([3, 64, 1024, 1 << 20]), "hard": pick([64, 1024, 1 << 20, 1 << 40, (1 << 64) - 1])}
        return lambda c: c["process"].setdefault("rlimits", []).append(entry)

    def program():
        return lambda c: c["process"].update(args=[pick(
            ["true", "sh", "nosuch", "/bin/true", "/bin/text", "/bin/script", "/bin/lost", "/bin/plain", "/bin/mine",
             "/bin/empty", "/bin/fifo", "/bin/dynamic", "/bin", "/closed/inner/true", "/vol/true", "bin/true", "./bin/sh",
             "/opt/broken", "/opt/loop", "/nosuch/true"])])

    def user():
        return lambda c: c["process"].update(user={"uid": pick([0, 1, 1000, 70_000]), "gid": pick([0, 5, 70_000]),
                                                   "additionalGids": some([1, 5, 80_000], 2)})

    def directory():
        return lambda c: c["process"].update(cwd=pick(
            ["/", "/tmp", "/data/new", "/etc/passwd", "/etc/passwd/x", "/closed/inner", "/closed", "/opt/data", "/opt/file",
             "relative", "/var/run", "/proc", "/vol"]))

    def capability():
        names = ["CAP_SYS_ADMIN", "CAP_NET_ADMIN", "CAP_BOGUS", "CAP_DAC_OVERRIDE", "CAP_SYS_RESOURCE", "cap_kill"]
        return lambda c: c["process"].setdefault("capabilities", {}).update(
            {pick(["bounding", "effective", "permitted", "inheritable", "ambient"]): some(names, 3)})

    def scheduling():
        return pick([
            lambda c: c["process"].update(scheduler={"policy": pick(
                ["SCHED_OTHER", "SCHED_FIFO", "SCHED_BATCH", "SCHED_BOGUS", "SCHED_DEADLINE"]),
                "priority": pick([0, 1, 99, 200])}),
            lambda c: c["process"].update(ioPriority={"class": pick(
                ["IOPRIO_CLASS_BE", "IOPRIO_CLASS_RT", "IOPRIO_CLASS_IDLE", "x"]), "priority": pick([0, 7, 9])}),
            lambda c: c["process"].update(oomScoreAdj=pick([-1000, -1, 0, 100, 1001])),
            lambda c: c["process"].update(terminal=True) if chance.below(9) == 0 else None,
            lambda c: c["linux"].update(personality={"domain": pick(["LINUX", "LINUX32", "WINDOWS"])}),
            lambda c: c["process"].update(execCPUAffinity={"final": pick(["0", "0-1", "99", "x"])}),
        ])

    def namespaces():
        kind = pick(["pid", "ipc", "uts", "network", "mount", "user", "cgroup", "time", "net"])
        entry = {"type": kind}
        if chance.below(3) == 0:
            entry["path"] = pick([f"/proc/self/ns/{kind}", "/proc/self/ns/net", "/absent", "/etc/passwd", "/proc/1/ns/uts"])

        def change(c):
            c["linux"]["namespaces"] = [n for n in c["linux"]["namespaces"] if n["type"] != kind]
            if chance.below(3):
                c["linux"]["namespaces"].append(entry)
        return change

    def users():
        mapping = [{"containerID": pick([0, 0, 1]), "hostID": pick([0, 100_000]), "size": pick([1, 10, 65_536])}]

        def change(c):
            c["linux"]["namespaces"].append({"type": "user"})
            c["linux"].update(uidMappings=mapping, gidMappings=pick([mapping, []]))
        return change

    def filter_():
        action = pick(["SCMP_ACT_ERRNO", "SCMP_ACT_KILL", "SCMP_ACT_LOG", "SCMP_ACT_BOGUS"])
        call = pick(["execve", "mkdir", "nosuchcall", "exit_group"])
        profile = {"defaultAction": pick(["SCMP_ACT_ALLOW", "SCMP_ACT_ALLOW", "SCMP_ACT_ERRNO"]),
                   "syscalls": [{"names": [call], "action": action}]}
        if chance.below(4) == 0:
            profile["architectures"] = [pick(["SCMP_ARCH_X86_64", "SCMP_ARCH_S390", "SCMP_ARCH_BOGUS"])]
        return lambda c: c["linux"].update(seccomp=profile)

    def odds():
        return pick([
            lambda c: c["root"].update(readonly=True), lambda c: c.update(hostname=pick(["", "y" * 65, 7])),
            lambda c: c["root"].update(path=pick(["absent", "config.json", "rootfs/../rootfs", "/absent"])),
            lambda c: c["linux"].update(rootfsPropagation=pick(["shared", "private", "slave", "unbindable", "bogus"])),
            lambda c: c["linux"].update(cgroupsPath=pick(["..", "/", f"/{ground.name}/x", f"{ground.name}/y", "a" * 300])),
            lambda c: c.update(domainname=pick(["d", "y" * 65])), lambda c: c["process"].update(env=["A", PATH]),
            lambda c: c["linux"].update(maskedPaths=["relative"]), lambda c: c["process"].update(bogus=1),
            lambda c: c.update(ociVersion=pick(["1.0.0", "2.0.0", "x", "1.9.0"])), lambda c: c.update(annotations={"": "x"}),
            lambda c: c["process"].update(apparmorProfile="x"), lambda c: c["process"].update(selinuxLabel="x"),
            lambda c: c["linux"].update(intelRdt={"closID": "x"}), lambda c: c.pop("process"),
            lambda c: c["linux"].update(netDevices={pick(["eth99", "lo"]): {"name": "x"}}),
            lambda c: c["linux"].update(timeOffsets={"monotonic": {"secs": pick([1, -1 << 40])}}),
        ])

    kinds = [tmpfs, bind, bind, kernel, overlay, disk, remount, sysctl, resource, resource, resource, device, hook, limit,
             program, program, user, directory, capability, scheduling, namespaces, users, filter_, odds]
    return [(kind.__name__, kind) for kind in kinds]


def generated(ground, seed, number):
    """The configuration of a number, and what was changed in it."""
    chance = Chance(seed * 1_000_003 + number)
    for _ in range(8):
        chance.below(2)
    config = copy.deepcopy(BASE)
    config["linux"]["cgroupsPath"] = f"/{ground.name}/c"
    if chance.below(3) == 0:
        config["mounts"].append({"destination": "/vol", "source": ground.path("volume"), "options": ["bind"]})
    names = []
    for _ in range(1 + chance.below(3)):
        name, make = chance.pick(mutations(ground, chance))
        try:
            make()(config)
            names.append(name)
        except KeyError:
            pass  # what it changes was taken out
    return config, names


class Trial:
    def __init__(self, binary, ground, user):
        self.ground, self.count, self.user = ground, 0, user
        # An ordinary user may have no right to the folder that it was built in.
        shutil.copy(binary, ground.path("apus"))
        self.command = [ground.path("apus"), "--root", ground.state]
        if user:
            self.command = ["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups", *self.command]
            ground.give(user)

    def apus(self, *words, **options):
        return subprocess.run([*self.command, *words], stdin=subprocess.DEVNULL, text=True, errors="replace", timeout=120,
                              **options)

    def problems(self, text):
        """What is wrong with the verdict on the text of a configuration: a list of lines."""
        with open(os.path.join(self.ground.bundle, "config.json"), "w", newline="", errors="surrogateescape") as file:
            file.write(text)
        self.count += 1
        if self.user and self.count % 4:
            # An ordinary user gets no cgroup here.
            text = re.sub(r', "cgroupsPath": "[^"]*"|"cgroupsPath": "[^"]*",', "", text)
            with open(os.path.join(self.ground.bundle, "config.json"), "w", newline="", errors="surrogateescape") as file:
                file.write(text)
        checked = self.apus("check", "--format", "json", self.ground.bundle, capture_output=True)
        try:
            findings = json.loads(checked.stdout)
        except ValueError:
            return [f"check: {checked.returncode} {checked.stdout} {checked.stderr}"]
        name = f"v{self.count}"
        log = self.ground.path("log")
        if os.path.exists(log):
            os.remove(log)
        words = ["--log", log, "--log-format", "json"]
        socket = []
        if '"terminal": true' in text:
            socket = ["--console-socket", "/absent"]
        created = subprocess.run(
            [*self.command, *words, "create", "--bundle", self.ground.bundle, *socket, name],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=120)
        warnings = [json.loads(line)["msg"] for line in open(log) if '"level":"warning"' in line] if os.path.exists(log) else []
        error = created.returncode
        reason = [json.loads(line)["msg"] for line in open(log) if '"level":"error"' in line] if os.path.exists(log) else []
        if created.returncode == 0:
            started = self.apus("start", name, capture_output=True)
            lacks = not json.loads(text).get("process")
            error = 0 if lacks else started.returncode
            reason = [started.stderr.strip()]
            deleted = self.apus("delete", "--force", name, capture_output=True)
            if deleted.returncode:
                reason.append(f"delete: {deleted.stderr.strip()}")
        problems = []
        errors = [f"{f['field']}: {f['message']}" for f in findings if f["severity"] == "error"]
        told = [f"{f['field']}: {f['message']}" for f in findings if f["severity"] == "warning"]
        isOpen = any("unless a hook brings it" in line or "/proc/sys/" in line or "could not be checked" in line
                     for line in told)
        if socket:
            isOpen = True
        if not errors and error and not isOpen:
            problems.append(f"check is content, and the container fails: {' '.join(reason)}")
        if created.returncode == 0 and not error:
            # A filter kills a program before anybody learns of it; who starts nothing runs nothing afterwards.
            errors = [line for line in errors if "does not permit execve" not in line
                      and not (lacks and line.startswith("hooks.poststart"))]
        if errors and not error:
            problems.append(f"check is not content, and the container starts: {'; '.join(errors)}")
        if not errors and not error:
            for line in warnings:
                if line not in told:
                    problems.append(f"check does not warn of this: {line}")
            for line in told:
                if line not in warnings and not EXTRA.search(line):
                    problems.append(f"create does not warn of this: {line}")
        for place in self.ground.groups():
            problems.append(f"left behind: {place} ({' '.join(reason)})")
        if (checked.returncode == 0) != all(f["severity"] != "error" for f in findings):
            problems.append(f"check ends with {checked.returncode}")
        return problems


def fixtures(ground):
    """The configurations of spec-fixtures, in a place where nothing else is touched."""
    for folder in ("configs", "invalid"):
        for name in sorted(os.listdir(os.path.join(FIXTURES, folder))):
            if not name.endswith(".json"):
                continue
            text = open(os.path.join(FIXTURES, folder, name), errors="surrogateescape", newline="").read()
            try:
                config = json.loads(text)
                if folder == "configs" and isinstance(config.get("linux"), dict):
                    config["linux"]["cgroupsPath"] = f"/{ground.name}/{name}"
                    config["root"]["path"] = "rootfs"
                    text = json.dumps(config)
            except (ValueError, AttributeError, KeyError, RecursionError):
                pass
            yield f"{folder}/{name}", text


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("binary")
    parser.add_argument("--count", type=int, default=300, help="how many are generated (300)")
    parser.add_argument("--seed", type=int, default=20251126)
    parser.add_argument("--only", type=int, help="this one alone, with everything that is said of it")
    parser.add_argument("--fixtures", action="store_true", help="no generated ones")
    parser.add_argument("--user", type=int, help="as an ordinary user, by number")
    options = parser.parse_args()
    ground = Ground()
    trial = Trial(os.path.abspath(options.binary), ground, options.user)
    wrong = good = 0
    try:
        if options.only is None:
            for name, text in fixtures(ground):
                for problem in trial.problems(text):
                    wrong += 1
                    print(f"{name}: {problem}")
        numbers = [options.only] if options.only is not None else [] if options.fixtures else range(options.count)
        for number in numbers:
            config, names = generated(ground, options.seed, number)
            text = json.dumps(config)
            problems = trial.problems(text)
            if options.only is not None:
                print(json.dumps(config, indent=1))
                print(trial.apus("check", ground.bundle, capture_output=True).stdout)
            for problem in problems:
                wrong += 1
                print(f"--seed {options.seed} --only {number} ({', '.join(names)}): {problem}", flush=True)
    finally:
        ground.remove()
    print(f"{trial.count} configurations, seed {options.seed}: {wrong} verdicts are wrong")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
