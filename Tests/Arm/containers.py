"""Containers in an emulated machine: what a person or an engine does with them, and what the container then is."""

import copy
import json
import re
from pathlib import Path

import check
import elf
from machine import Failure, Machine, Outcome

# A filter that lets everything through but mkdir, which has another name on 64-bit Arm.
NO_DIRECTORIES = {
    "defaultAction": "SCMP_ACT_ALLOW", "architectures": ["SCMP_ARCH_AARCH64", "SCMP_ARCH_ARM"],
    "syscalls": [{"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO", "errnoRet": 95}],
}
EOPNOTSUPP = 95
CONFIG = {
    "ociVersion": "1.3.0",
    "root": {"path": "/rootfs", "readonly": False},
    "hostname": "arm",
    "process": {
        "user": {"uid": 0, "gid": 0}, "cwd": "/", "env": ["PATH=/bin", "TERM=xterm"], "noNewPrivileges": True,
        "args": ["/assert", "report"],
        "capabilities": {kind: ["CAP_KILL"] for kind in ("bounding", "effective", "permitted")},
        "rlimits": [{"type": "RLIMIT_NOFILE", "hard": 512, "soft": 256}],
    },
    "mounts": [
        {"destination": "/proc", "type": "proc", "source": "proc"},
        {"destination": "/dev", "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "mode=755", "size=65536k"]},
        {"destination": "/dev/pts", "type": "devpts", "source": "devpts",
         "options": ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"]},
        {"destination": "/dev/shm", "type": "tmpfs", "source": "shm", "options": ["nosuid", "nodev", "size=1m"]},
        {"destination": "/dev/mqueue", "type": "mqueue", "source": "mqueue", "options": ["nosuid", "noexec", "nodev"]},
        {"destination": "/sys", "type": "sysfs", "source": "sysfs", "options": ["nosuid", "noexec", "nodev", "ro"]},
        {"destination": "/sys/fs/cgroup", "type": "cgroup", "source": "cgroup", "options": ["nosuid", "noexec", "ro"]},
        {"destination": "/tmp", "type": "tmpfs", "source": "tmp", "options": ["nosuid", "nodev"]},
    ],
    "linux": {
        "namespaces": [{"type": kind} for kind in ("pid", "network", "ipc", "uts", "mount", "cgroup")],
        "resources": {"devices": [{"allow": False, "access": "rwm"}]},
        "maskedPaths": ["/proc/kcore", "/proc/keys", "/proc/scsi"], "readonlyPaths": ["/proc/sys", "/proc/bus"],
    },
}


def require(is_so: bool, message: object) -> None:
    if not is_so:
        raise Failure(str(message))


class RemoteProcess(check.Process):
    """A process of the emulated machine, for the checks of Tests/Binary."""

    def __init__(self, machine: Machine, pid: int):
        super().__init__(pid)
        self.machine = machine

    def read(self, file: str) -> bytes:
        return self.machine.bytes(f"cat /proc/{self.pid}/{file}")

    def memory(self, address: int, size: int) -> bytes:
        return self.machine.bytes(f"dd if=/proc/{self.pid}/mem bs=1 skip={address} count={size} 2>/dev/null")


class Ground:
    """The machine, with a directory for bundles; knows what must not be left behind."""

    def __init__(self, machine: Machine, cgroups: str):
        self.machine = machine
        self.is_v2 = cgroups == "v2"
        self.number = 0
        machine.text("""cd /rootfs && mkdir -p bin proc sys dev tmp etc && cp /bin/busybox bin/
            for name in sh sleep echo cat id head mknod mkdir touch hostname true test stat ls kill; do
              ln -s busybox bin/$name
            done
            echo root:x:0:0::/:/bin/sh >etc/passwd; chmod 755 /rootfs""")

    def apus(self, *words: str) -> Outcome:
        return self.machine.run("apus " + " ".join(f"'{word}'" for word in words))

    def said(self, *words: str) -> str:
        outcome = self.apus(*words)
        require(outcome.succeeded, f"{' '.join(words)}: {outcome.status} {outcome.err.strip()}")
        return outcome.out.rstrip("\n")

    def bundle(self, *arguments: str, change=lambda config: None) -> str:
        """Writes a bundle with changes to the configuration, and gives its name, which is the container's too."""
        self.number += 1
        name = f"c{self.number}"
        config = copy.deepcopy(CONFIG)
        if arguments:
            config["process"]["args"] = list(arguments)
        change(config)
        self.machine.write(f"/bundles/{name}/config.json", json.dumps(config))
        return name

    def start(self, *arguments: str, change=lambda config: None) -> str:
        """A container in the background."""
        name = self.bundle(*arguments or ("/bin/sleep", "1000"), change=change)
        self.said("run", "--detach", "--bundle", f"/bundles/{name}", name)
        return name

    def run_container(self, *arguments: str, change=lambda config: None) -> Outcome:
        name = self.bundle(*arguments, change=change)
        return self.apus("run", "--bundle", f"/bundles/{name}", name)

    def shell(self, script: str, change=lambda config: None) -> Outcome:
        return self.run_container("/bin/sh", "-c", script, change=change)

    def report(self, *options: str, change=lambda config: None) -> dict:
        outcome = self.run_container("/assert", "report", *options, change=change)
        require(outcome.succeeded, f"{outcome.status}: {outcome.err}")
        return json.loads(outcome.out)

    def state(self, name: str) -> dict:
        return json.loads(self.said("state", name))

    def cgroup_file(self, name: str, controller: str, v1: str, v2: str) -> str:
        folder = f"/sys/fs/cgroup/{name}" if self.is_v2 else f"/sys/fs/cgroup/{controller}/{name}"
        return self.machine.text(f"cat {folder}/{v2 if self.is_v2 else v1}")

    def has_controller(self, controller: str) -> bool:
        return self.is_v2 or self.machine.run(f"test -e /sys/fs/cgroup/{controller}/tasks").succeeded

    def things(self) -> str:
        """What containers could leave: mounts, cgroups, states, processes."""
        return self.machine.text("""cat /proc/mounts; ls -A /run/apus 2>/dev/null | grep -v '^@'
            find /sys/fs/cgroup -mindepth 1 -type d
            for process in /proc/[0-9]*; do readlink $process/exe; done | grep -v 'busybox$'; true""")

    def difference(self, before: str) -> str:
        """What was not there before, or is there no more."""
        return ", ".join(sorted(set(before.splitlines()) ^ set(self.things().splitlines())))

    def run(self, function) -> str | None:
        """One check, after which nothing may be left."""
        before = self.things()
        try:
            return function(self)
        finally:
            # What a failure has left would hold the next check up.
            for name in self.apus("list", "--quiet").out.split():
                self.apus("delete", "--force", name)
            self.machine.wait_until(lambda: self.things() == before, lambda: self.difference(before))

    def check_processes(self, program: elf.Elf, work: Path) -> Path:
        """As Tests/Binary/check.py does, in the emulated machine. Gives a copy of apus-init."""
        addresses = set()
        for command in ("run", "wait"):
            name = self.bundle("/bin/sleep", "1000") if command == "run" else self.start()
            place = f"--bundle /bundles/{name} " if command == "run" else ""
            pid = int(self.machine.text(f"apus {command} {place}{name} >/dev/null 2>&1 & echo $!"))
            self.machine.wait_until(
                lambda: self.apus("state", name).out.find('"running"') > 0
                and self.machine.text(f"cut -d' ' -f3 /proc/{pid}/stat") == "S", lambda: f"{command} waits")
            process = RemoteProcess(self.machine, pid)
            check.check_mappings(f"apus {command}", process)
            check.check_constants(f"apus {command}", process, program)
            self.said("delete", "--force", name)
        for _ in range(2):
            name = self.bundle("/bin/sleep", "1000")
            self.said("create", "--bundle", f"/bundles/{name}", name)
            process = RemoteProcess(self.machine, self.state(name)["pid"])
            check.check_mappings("apus-init", process)
            addresses.add(check.check_gate(process))
            image = process.read("exe")
            self.said("delete", "--force", name)
        require(len(addresses) == 2, "apus-init had the same address twice")
        copied = work / "apus-init"
        copied.write_bytes(image)
        return copied


# ---- The checks

def a_container_goes_through_its_life(ground: Ground) -> None:
    name = ground.bundle("/bin/sleep", "1000")
    ground.said("create", "--bundle", f"/bundles/{name}", "--pid-file", f"/bundles/{name}/pid", name)
    state = ground.state(name)
    require(state["status"] == "created", state)
    require(ground.machine.text(f"cat /bundles/{name}/pid") == str(state["pid"]), "the pid file")
    ground.said("start", name)
    require(ground.state(name)["status"] == "running", "not running")
    row = rf"^{name} +{state['pid']} +running +/bundles/{name} "
    require(re.search(row, ground.said("list"), re.M) is not None, "list")
    require(ground.said("list", "--quiet") == name, "list --quiet")
    require("sleep 1000" in ground.said("ps", name), ground.said("ps", name))
    require(json.loads(ground.said("ps", "--format", "json", name)) == [state["pid"]], "ps --format json")
    require(ground.said("exec", name, "/bin/hostname") == "arm", "exec")
    require(not ground.apus("delete", name).succeeded, "deleted while it runs")
    ground.said("kill", name, "KILL")
    waited = ground.apus("wait", name)
    # Before Linux 6.15 only a parent learns how a process has ended.
    require(waited.status == 137 or (waited.status == 254 and "is not known" in waited.err), waited)
    require(ground.state(name)["status"] == "stopped", "not stopped")
    ground.said("delete", name)
    require(not ground.apus("state", name).succeeded, "the state is left")


def the_container_is_what_it_should_be(ground: Ground) -> None:
    report = ground.report()
    expected = {"pid": 1, "hostname": "arm", "noNewPrivileges": True, "cwd": "/",
                "env": ["PATH=/bin", "TERM=xterm", "HOME=/"]}
    seen = {name: report[name] for name in expected}
    require(seen == expected, seen)
    require(report["capabilities"]["effective"] == ["CAP_KILL"], report["capabilities"])
    require(report["rlimits"]["RLIMIT_NOFILE"] == {"soft": 256, "hard": 512}, report["rlimits"])
    seen = ground.shell("""cat /proc/kcore | head -c 1; cat /proc/1/comm >/proc/sys/kernel/hostname
        ls /dev; stat -c '%a %t:%T' /dev/null""")
    for part in ("Read-only file system", "ptmx", "666 1:3"):
        require(part in seen.out + seen.err, f"no {part} in {seen}")
    own = ground.machine.text("for n in pid net ipc uts mnt cgroup; do readlink /proc/self/ns/$n; done").split()
    inside = ground.shell("for n in pid net ipc uts mnt cgroup; do stat -L -c %i /proc/self/ns/$n; done").out.split()
    require(len(inside) == 6 and not {f"[{inode}]" for inode in inside} & {text[text.index("["):] for text in own},
            f"namespaces: {own} {inside}")


def statuses_are_passed_on(ground: Ground) -> None:
    require(ground.shell("exit 7").status == 7, "exit")
    require(ground.run_container("/assert", "signal", "11").status == 139, "signal")
    name = ground.start()
    require(ground.apus("exec", name, "/bin/sh", "-c", "exit 5").status == 5, "exec")
    ground.said("exec", "--detach", "--pid-file", "/run/pid-of-exec", name, "/bin/sleep", "77")
    pid = ground.machine.text("cat /run/pid-of-exec")
    require("sleep" in ground.machine.text(f"cat /proc/{pid}/comm"), "exec --detach")
    out = ground.said("exec", "--user", "7:8", "--env", "A=b", "--cwd", "/tmp", name,
                      "/bin/sh", "-c", "id -u; id -g; echo $A; pwd")
    require(out.split() == ["7", "8", "b", "/tmp"], out)


def mistakes_are_told_and_leave_nothing(ground: Ground) -> None:
    missing = ground.run_container("/bin/missing")
    require(not missing.succeeded and "/bin/missing" in missing.err, missing)

    def wrong(config: dict) -> None:
        config["hostname"] = 7
        config["linux"]["seccomp"] = {"defaultAction": "SCMP_ACT_NONSENSE"}
    outcome = ground.run_container(change=wrong)
    require(not outcome.succeeded, outcome)
    for part in ("hostname: not a string: 7", "SCMP_ACT_NONSENSE"):
        require(part in outcome.err, outcome)

    def unmountable(config: dict) -> None:
        config["mounts"].append({"destination": "/x", "type": "no-such-file-system", "source": "x"})
    outcome = ground.run_container(change=unmountable)
    require(not outcome.succeeded and "mounts[8]" in outcome.err, outcome)
    ground.machine.text("rm -rf /rootfs/x")


def it_pauses_and_resumes(ground: Ground) -> None:
    name = ground.start()
    ground.said("pause", name)
    require(ground.state(name)["status"] == "paused", "not paused")
    frozen = ground.cgroup_file(name, "freezer", "freezer.state", "cgroup.freeze")
    require(frozen == ("1" if ground.is_v2 else "FROZEN"), frozen)
    require(not ground.apus("exec", name, "/bin/true").succeeded, "exec in a paused container")
    ground.said("resume", name)
    require(ground.state(name)["status"] == "running", "not running again")
    require(ground.apus("exec", name, "/bin/true").succeeded, "exec after resume")


def limits_hold(ground: Ground) -> str:
    def limit(config: dict) -> None:
        config["linux"]["resources"] |= {"pids": {"limit": 5}, "cpu": {"shares": 512, "quota": 50000, "period": 100000}}
        if ground.has_controller("memory"):
            config["linux"]["resources"]["memory"] = {"limit": 16 << 20, "swap": 16 << 20}
    name = ground.start(change=limit)
    require(ground.cgroup_file(name, "pids", "pids.max", "pids.max") == "5", "pids")
    quota = ground.cgroup_file(name, "cpu,cpuacct", "cpu.cfs_quota_us", "cpu.max")
    require(quota == ("50000 100000" if ground.is_v2 else "50000"), quota)
    settings = json.loads(ground.said("state", "--cgroup", name))["cgroup"]["settings"]
    require(any(setting["field"] == "linux.resources.pids.limit" for setting in settings), settings)
    ground.said("update", "--pids-limit", "20", "--cpu-share", "1024", name)
    require(ground.cgroup_file(name, "pids", "pids.max", "pids.max") == "20", "update")
    forks = ground.run_container("/assert", "fork-bomb", "30", change=limit)
    require(forks.out.strip() != "" and "30" not in re.findall(r"\d+", forks.out), f"more processes than 5: {forks}")
    if not ground.has_controller("memory"):
        return "this kernel has no memory controller for cgroup v1"
    def memory_limit() -> int:
        return int(ground.cgroup_file(name, "memory", "memory.limit_in_bytes", "memory.max"))
    require(memory_limit() == 16 << 20, "memory")
    require(ground.run_container("/assert", "hold", "64m", change=limit).status == 137, "more memory than the limit")
    require(ground.run_container("/assert", "hold", "4m", change=limit).succeeded, "less memory than the limit")
    ground.said("update", "--memory", "33554432", "--memory-swap", "33554432", name)
    require(memory_limit() == 32 << 20, "update of memory")
    return ""


def events_tell_statistics(ground: Ground) -> None:
    name = ground.start()
    event = json.loads(ground.said("events", "--stats", name))
    require(event["type"] == "stats" and event["id"] == name, event)
    require(event["data"]["pids"]["current"] == 1 and event["data"]["cpu"]["usage"]["total"] > 0, event)


def devices_are_allowed_one_by_one(ground: Ground) -> None:
    def rules(config: dict) -> None:
        config["process"]["capabilities"] = {kind: ["CAP_MKNOD"] for kind in ("bounding", "effective", "permitted")}
        config["linux"]["resources"]["devices"] += [
            {"allow": True, "type": "c", "major": 204, "minor": 64, "access": "rwm"},  # the machine's console
            {"allow": True, "type": "c", "major": 4, "access": "m"},
        ]
    seen = ground.shell("""mknod /dev/serial c 204 64 && : </dev/serial && echo one
        mknod /dev/tty7 c 4 7 && echo two; true </dev/tty7; echo end""",
                        change=rules)
    require(seen.out.split() == ["one", "two", "end"], seen)
    require(seen.err.count("Operation not permitted") == 1, seen)
    if ground.is_v2:
        return
    name = ground.start(change=rules)
    require("c 204:64 rwm" in ground.cgroup_file(name, "devices", "devices.list", ""), "devices.list")


def a_user_namespace_maps_ids(ground: Ground) -> None:
    def mapped(config: dict) -> None:
        config["linux"]["namespaces"].append({"type": "user"})
        mapping = [{"containerID": 0, "hostID": 100000, "size": 65536}]
        config["linux"] |= {"uidMappings": mapping, "gidMappings": mapping}
    name = ground.start(change=mapped)
    require(ground.machine.text(f"stat -c %u /proc/{ground.state(name)['pid']}") == "100000", "the owner outside")
    require(ground.said("exec", name, "/bin/id", "-u") == "0", "the user inside")
    ids = ground.shell("cat /proc/self/uid_map; id -u; echo x >/tmp/x && stat -c %u /tmp/x", change=mapped)
    require(ids.out.split() == ["0", "100000", "65536", "0", "0"], ids)


def hooks_are_called(ground: Ground) -> None:
    kinds = ("prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop")

    def hooked(config: dict) -> None:
        def hook(kind: str) -> dict:
            inside = kind == "startContainer"
            script = (f"echo {kind} >>/tmp/hooks; cat /tmp/hooks >&2" if inside
                      else f"/bin/busybox cat >/run/hook-{kind}; echo {kind} $A >>/run/hooks")
            return {"path": "/bin/sh", "args": ["sh", "-c", script], "env": ["A=b", "PATH=/bin"]}
        config["hooks"] = {kind: [hook(kind)] for kind in kinds}
    ground.machine.text("rm -f /run/hook*")
    name = ground.bundle("/bin/cat", "/tmp/hooks", change=hooked)
    outcome = ground.apus("run", "--bundle", f"/bundles/{name}", name)
    require(outcome.succeeded and outcome.out == "startContainer\n", outcome)
    outside = [f"{kind} b" for kind in kinds if kind != "startContainer"]
    require(ground.machine.text("cat /run/hooks").splitlines() == outside, ground.machine.text("cat /run/hooks"))
    states = [json.loads(ground.machine.text(f"cat /run/hook-{kind}")) for kind in ("createRuntime", "poststop")]
    require([state["id"] for state in states] == [name, name], states)
    require([state["status"] for state in states] == ["creating", "stopped"], states)
    ground.machine.text("rm -f /run/hook*")


def a_filter_holds_for_both_architectures(ground: Ground) -> None:
    script = "mkdir /tmp/made; /arm32; echo $?"

    def filtered(config: dict) -> None:
        config["linux"]["seccomp"] = NO_DIRECTORIES
    free, held = ground.shell(script), ground.shell(script, change=filtered)
    require(free.out == "0\n" and free.err == "", f"without a filter: {free}")
    require("Operation not supported" in held.err, f"64 bits: {held}")
    require(held.out == f"{EOPNOTSUPP}\n", f"32 bits: {held}")

    def of_64_bits(config: dict) -> None:
        config["linux"]["seccomp"] = {**NO_DIRECTORIES, "architectures": ["SCMP_ARCH_AARCH64"]}
    other = ground.shell(script, change=of_64_bits)
    require(other.out == "159\n", f"an architecture that is not on the list: {other}")  # SIGSYS

    def fatal(config: dict) -> None:
        config["linux"]["seccomp"] = copy.deepcopy(NO_DIRECTORIES)
        config["linux"]["seccomp"]["syscalls"][0] = {"names": ["mkdirat"], "action": "SCMP_ACT_KILL_PROCESS"}
    require(ground.run_container("/bin/mkdir", "/tmp/x", change=fatal).status == 159, "killed by SIGSYS")
    name = ground.start(change=filtered)
    require("not supported" in ground.apus("exec", name, "/bin/mkdir", "/tmp/y").err, "exec is not filtered")
    require(ground.apus("exec", name, "/arm32").status == EOPNOTSUPP, "exec of 32 bits is not filtered")


def a_terminal_is_one(ground: Ground) -> None:
    def terminal(config: dict) -> None:
        config["process"]["terminal"] = True
    script = "test -t 0 && test -c /dev/console && ls -l /proc/self/fd/0; exit 9"
    name = ground.bundle("/bin/sh", "-c", script, change=terminal)
    outcome = ground.machine.run(f"/terminal /bin/apus run --bundle /bundles/{name} {name}")
    require(outcome.status == 9 and "/dev/pts/0" in outcome.out, outcome)
    name = ground.start()
    outcome = ground.machine.run(f"/terminal /bin/apus exec --tty {name} /assert report")
    report = json.loads(outcome.out)
    require(outcome.succeeded and report["terminal"]["size"] == {"rows": 31, "columns": 77}, report["terminal"])


def an_ordinary_user_has_containers_too(ground: Ground) -> None:
    ground.machine.text("""mkdir -p /etc /home/user/b && echo user:x:1000:1000::/home/user:/bin/sh >/etc/passwd
        chown -R 1000:1000 /home/user
        mkdir -p /run/user && mkdir -m 700 /run/user/1000 && chown 1000:1000 /run/user/1000""")

    def as_user(command: str) -> Outcome:
        return ground.machine.run(f"su -s /bin/sh user -c 'export XDG_RUNTIME_DIR=/run/user/1000; {command}'")
    outcome = as_user("cd /home/user/b && apus spec --rootless")
    require(outcome.succeeded, outcome)
    config = json.loads(ground.machine.text("cat /home/user/b/config.json"))
    config["root"]["path"] = "/rootfs"
    config["process"] |= {"terminal": False, "args": ["/bin/sh", "-c", "id -u; cat /proc/self/uid_map; hostname"]}
    ground.machine.write("/home/user/b/config.json", json.dumps(config))
    outcome = as_user("apus run --bundle /home/user/b mine")
    require(outcome.succeeded and outcome.out.split() == ["0", "0", "1000", "1", "apus"], outcome)
    ground.machine.text("rm -rf /run/user")


def the_binary_says_what_it_is(ground: Ground) -> None:
    require(ground.said("--version").startswith("apus version "), ground.said("--version"))
    features = json.loads(ground.said("features"))
    require({"SCMP_ARCH_AARCH64", "SCMP_ARCH_ARM"} <= set(features["linux"]["seccomp"]["archs"]), features)
    require("SECCOMP_FILTER_FLAG_LOG" in features["linux"]["seccomp"]["supportedFlags"], features)
    name = ground.bundle("/bin/true")
    outcome = ground.apus("check", f"/bundles/{name}")
    require(": good" in outcome.out, outcome)
    foreign = ground.bundle("/x86")
    ground.machine.text(r"""printf '\177ELF\2\1\1\0\0\0\0\0\0\0\0\0\2\0\76\0\1\0\0\0' >/rootfs/x86
        head -c 64 /dev/zero >>/rootfs/x86 && chmod 755 /rootfs/x86""")
    outcome = ground.apus("check", f"/bundles/{foreign}")
    require(not outcome.succeeded and "process.args[0]" in outcome.out, outcome)
    ground.machine.text("rm /rootfs/x86")


CHECKS = (
    the_binary_says_what_it_is, a_container_goes_through_its_life, the_container_is_what_it_should_be,
    statuses_are_passed_on, mistakes_are_told_and_leave_nothing, it_pauses_and_resumes, limits_hold,
    events_tell_statistics, devices_are_allowed_one_by_one, a_user_namespace_maps_ids, hooks_are_called,
    a_filter_holds_for_both_architectures, a_terminal_is_one, an_ordinary_user_has_containers_too,
)
