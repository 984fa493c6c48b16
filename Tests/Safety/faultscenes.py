"""The commands that are spoilt, and what has to hold after each fault.

A scene knows how to prepare for a command, how to tell that it did what it was asked, and what may be left of it. A
`Stage` is where scenes are played: one worker's ground, with one runtime.
"""

import json
import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from faultpoints import CRASHES, TABLE, Log, Point, Tracer
from ground import Bundle, Ground, Outcome, Runtime

LIMITS = {"memory": {"limit": 64 << 20}, "pids": {"limit": 50}}
PATIENCE = 5  # seconds, for what is ending by itself
ERRNO_TEXT = {
    "ENOSPC": "no space left on device", "ENOMEM": "memory", "EMFILE": "too many open files",
    "EPERM": "operation not permitted", "EAGAIN": "resource temporarily unavailable", "EIO": "input/output error",
    "EINTR": "interrupted system call",
}
# In the container's root there is a file that no host has: the host's root is told from it.
WHERE = ("/bin/sh", "-c", "if [ -e /marker-of-the-image ]; then echo inside; else echo HOST; fi")


class Stage:
    """A ground with a runtime, a tracer and a bundle; everything on it is made and judged by one process."""

    def __init__(self, apus: str, unified: bool = False):
        if unified:
            hide_old_hierarchies()
        self.limits = {} if unified else LIMITS
        self.ground = Ground("faults")
        self.runtime = self.ground.runtime("apus", apus)
        self.tracer = Tracer(self.ground.work)
        self.cgroups = own_cgroups()
        self.pid_file = self.ground.work / "pid"
        self.sleeping = self.bundle("/bin/sleep", "1000")
        self.ending = self.bundle("/bin/echo", "ran")
        self.rich = everything(self.bundle("/bin/sleep", "1000"))
        self.kept = ""  # a container that several commands are tried on
        self.reference: dict[str, object] = {}  # the fingerprint of a container that nobody has spoilt
        self.is_device_refused = False  # now: apus then binds the host's

    @staticmethod
    def private_devices() -> None:
        """Devices that are not the host's: a container with a user namespace has those of its host."""
        subprocess.run(["mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", "/dev"], check=True)
        for name, minor in (("null", 3), ("zero", 5), ("full", 7), ("random", 8), ("urandom", 9)):
            os.mknod(f"/dev/{name}", 0o20666, os.makedev(1, minor))
            os.chmod(f"/dev/{name}", 0o666)
        os.mknod("/dev/tty", 0o20666, os.makedev(5, 0))

    def bundle(self, *arguments: str) -> Bundle:
        bundle = self.ground.bundle()
        (bundle.rootfs / "marker-of-the-image").touch()
        bundle.config["linux"]["resources"] = self.limits
        bundle.config["process"]["args"] = list(arguments)
        return bundle.write()

    def call(self, *words: str, **options) -> Outcome:
        return self.runtime.call(*words, **options)

    def must(self, *words: str) -> Outcome:
        """A command that nobody spoils."""
        outcome = self.call(*words)
        if not outcome.succeeded:
            raise Fault(f"afterwards {short(words)} failed: {complaint(outcome)}")
        return outcome

    def left(self, patience: float = PATIENCE) -> list[str]:
        """What is there of containers: states, cgroups, and processes, which come to this one when they are orphans."""
        deadline = time.monotonic() + patience
        while True:
            self.ground.reap()
            found = [f"state {name}" for name in os.listdir(self.runtime.root) if not name.startswith("@")]
            found += [f"cgroup {path}/{name}" for path in self.cgroups for name in os.listdir(path)
                      if name.startswith(f"{self.ground.tag}-")]
            found += [f"process {pid} {comm(pid)}" for pid in children()]
            if not found or time.monotonic() > deadline:
                return found
            time.sleep(0.002)

    def forget(self) -> None:
        """Has the next command begin with no container at all."""
        if self.kept:
            self.must("delete", "--force", self.kept)
            self.kept = ""

    def clear(self) -> None:
        """Takes everything away by force, but for what the runtime keeps to make later starts faster."""
        self.kept = ""
        for pid in children():
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        self.ground.clear()
        for name in os.listdir(self.runtime.root):
            if not name.startswith("@"):
                shutil.rmtree(self.runtime.root / name, ignore_errors=True)

    def close(self) -> None:
        self.clear()
        self.ground.close()


class Fault(Exception):
    """What apus did wrong."""


@dataclass
class Spoiling:
    """One fault, and what was seen when it came."""

    kind: str  # "kill", "kill-command", or the name of an error
    point: Point
    outcome: Outcome
    log: Log
    id: str

    @property
    def is_kill(self) -> bool:
        """Whether the command itself was killed."""
        return self.kind == "kill-command" or (self.kind == "kill" and self.point.process == 0)


@dataclass(frozen=True)
class Scene:
    """A command to spoil.

    `prepare` makes what has to be there, and returns the container's id; `words` is the command, `done` tells whether
    it did what it was asked, by throwing a `Fault` if not. `attaches`: the container's process works while the command
    runs. `keeps`: the container is there before and after it, and is used again.
    """

    name: str
    prepare: Callable[[Stage], str]
    words: Callable[[Stage, str], list[str]]
    done: Callable[[Stage, str, Outcome], None]
    attaches: bool = False
    keeps: bool = False
    is_on_both: bool = False  # played on cgroup v2 as well
    refuses: bool = False  # what it is asked for is not to be done, with or without a fault
    failed: Callable[[Stage, str], None] = lambda *_: None  # what has to hold when it was not done
    may_be: tuple[str, ...] = ("creating", "created", "stopped")  # after the command was killed

    def command(self, stage: Stage, id: str) -> list[str]:
        return stage.runtime.command(*self.words(stage, id))

    def attach(self, stage: Stage, id: str) -> int:
        return stage.runtime.state(id)["pid"] if self.attaches else 0


# ---- Judging

def judge(stage: Stage, scene: Scene, spoiling: Spoiling, while_held: list[str]) -> None:
    """Looks at everything that has to hold after a fault; throws the first `Fault`."""
    outcome, log = spoiling.outcome, spoiling.log
    raise_if(outcome.hung, "it hung")
    if not log.was_hit:
        raise_if((log.status != 0) != scene.refuses, f"unspoilt: {complaint(outcome)}")
        stage.clear()
        return
    raise_if(while_held, "; ".join(while_held))
    if log.signal is not None and not spoiling.is_kill:
        raise Fault(f"it died of signal {log.signal}" + (" (a crash)" if log.signal in CRASHES else ""))
    if not spoiling.is_kill:
        judge_end(stage, scene, spoiling)
    state = judge_state(stage, scene, spoiling.id)
    if state and spoiling.is_kill and not scene.keeps:
        judge_status(stage, scene, spoiling.id, state)
    if scene.keeps:
        judge_use(stage, spoiling.id)
        return
    if log.status not in (0, None) and not was_done(stage, outcome):
        raise_if(scene.name.split()[0] in ("create", "run") and stage.left(), "left before delete: {}")
    judge_removal(stage, spoiling.id)


def judge_end(stage: Stage, scene: Scene, spoiling: Spoiling) -> None:
    """The exit status says what was done, and one message what was not."""
    outcome, log, point = spoiling.outcome, spoiling.log, spoiling.point
    if scene.refuses:
        raise_if(log.status == 0, f"success: {outcome.out!r}")
        raise_if(len(error_messages(outcome)) != 1, f"{len(error_messages(outcome))} error messages: {outcome.err!r}")
        return
    if log.status == 0 and (spoiling.kind != "kill" or scene.keeps):
        scene.done(stage, spoiling.id, outcome)
        return
    if log.status == 0:
        # One that only lends its user namespace has nothing more to do when that is taken; the container lacks nothing.
        if stage.runtime.state(spoiling.id).get("status") != "stopped":
            scene.done(stage, spoiling.id, outcome)
        return
    # Killed in its last call, a process cannot be told from a program that was killed.
    if spoiling.kind == "kill" and point.name == "execve" and log.status == 128 + signal.SIGKILL:
        return
    errors = error_messages(outcome)
    raise_if(len(errors) != 1, f"{len(errors)} error messages: {outcome.err[:300]!r}")
    if spoiling.kind == "kill":
        return
    raise_if(point.is_retried(spoiling.kind), f"not tried again: {errors[0]}")
    raise_if(ERRNO_TEXT[spoiling.kind] not in errors[0], f"the message does not say {spoiling.kind}: {errors[0]}")
    words = TABLE[point.name][1].split()
    raise_if(point.process == 0 and not any(word in errors[0] for word in words),
             f"the message does not name {point.name}: {errors[0]}")
    scene.failed(stage, spoiling.id)


def judge_state(stage: Stage, scene: Scene, id: str) -> dict:
    """`state` and `list` answer; empty if the container is unknown."""
    outcome = stage.call("list")
    raise_if(not outcome.succeeded or outcome.err, f"list: {complaint(outcome)}")
    outcome = stage.call("state", id)
    if outcome.succeeded:
        return json.loads(outcome.out)
    raise_if("does not exist" not in outcome.err, f"state: {complaint(outcome)}")
    raise_if(scene.keeps, f"the container is gone: {complaint(outcome)}")
    return {}


def judge_status(stage: Stage, scene: Scene, id: str, state: dict) -> None:
    """After SIGKILL: never running before its program does, never a way into the host, and created can be started."""
    status = state["status"]
    raise_if(status not in scene.may_be, f"state says {status}")
    if status == "running":
        image = image_of(state["pid"])
        raise_if("apus-init" in image, f"state says running, but {image} does")
    outcome = stage.call("exec", id, *WHERE)
    raise_if("HOST" in outcome.out, f"exec ran in the host's root while state said {status}")
    # It may have ended meanwhile: until it is told that it is known at its gate, it ends with whoever makes it.
    if status in ("created", "running") and stage.runtime.state(id).get("status") == "stopped":
        raise_if("stopped" not in scene.may_be, f"{status}, and then stopped")
        return
    raise_if(status in ("created", "running") and outcome.out != "inside\n",
             f"{status}, and exec: {complaint(outcome)}")
    raise_if(status in ("creating", "stopped") and not error_messages(outcome), f"{status}, and exec: no error")
    if status == "created":
        outcome = stage.call("start", id)
        # A killed `start` may have opened the gate: then it is running by now.
        is_running = stage.runtime.state(id).get("status") == "running"
        raise_if(not outcome.succeeded and not is_running, f"created, but start: {complaint(outcome)}")


def judge_use(stage: Stage, id: str) -> None:
    """A container that a command was to leave alone is still there, thawed, and of use; and nobody else is in it."""
    # Who was killed may have paused it, and a failed `resume` leaves it as it was.
    if stage.runtime.state(id).get("status") == "paused":
        stage.must("resume", id)
    outcome = stage.call("exec", id, *WHERE)
    raise_if(outcome.out != "inside\n", f"of no use afterwards: exec: {complaint(outcome)}")
    state = stage.runtime.state(id)
    raise_if(state.get("status") != "running", f"afterwards it is {state.get('status')}")
    deadline = time.monotonic() + PATIENCE
    while len(pids := json.loads(stage.must("ps", "--format", "json", id).out)) != 1:
        raise_if(time.monotonic() > deadline, f"left in the container: {[comm(pid) for pid in pids]}")
    while others := [pid for pid in children() if pid != state["pid"]]:
        stage.ground.reap()
        raise_if(time.monotonic() > deadline, f"left on the host: {[comm(pid) for pid in others]}")


def judge_removal(stage: Stage, id: str) -> None:
    """`delete --force` removes everything, and the id is free again."""
    outcome = stage.call("delete", "--force", id)
    raise_if(not outcome.succeeded or outcome.err, f"delete --force: {complaint(outcome)}")
    raise_if(stage.left(), "left after delete --force: {}")
    outcome = stage.call("create", "--bundle", str(stage.sleeping.path), id)
    raise_if(not outcome.succeeded or outcome.err, f"second create: {complaint(outcome)}")
    outcome = stage.call("delete", "--force", id)
    raise_if(not outcome.succeeded or outcome.err, f"second delete --force: {complaint(outcome)}")
    raise_if(stage.left(), "left after the second delete --force: {}")


def look_while_held(stage: Stage, scene: Scene, id: str, found: list[str]) -> None:
    """The command was just killed, and the process that it made is held in the middle of its work."""
    if scene.keeps:
        outcome = stage.call("exec", id, *WHERE)
        if outcome.out != "inside\n":
            found.append(f"of no use while the other process is held: exec: {complaint(outcome)}")
        return
    outcome = stage.call("state", id)
    state = json.loads(outcome.out) if outcome.succeeded else {}
    status = state.get("status", "")
    if status == "running" and "apus-init" not in image_of(state["pid"]):
        return  # what is held is a hook of the command
    if not outcome.succeeded and "does not exist" not in outcome.err:
        found.append(f"state while apus-init is held: {complaint(outcome)}")
    if status == "running" or (status == "created" and "created" not in scene.may_be):
        found.append(f"state says {status} while apus-init is held")
    outcome = stage.call("exec", id, *WHERE)
    if "HOST" in outcome.out:
        found.append(f"exec ran in the host's root while state said {status}")
    if status != "created" and not error_messages(outcome):
        found.append(f"exec into a container that is {status or 'unknown'}: no error, output {outcome.out!r}")


# ---- What is there

def everything(bundle: Bundle) -> Bundle:
    """A configuration with what makes a start long: hooks, a user namespace, a seccomp profile, limits, mounts."""
    config = bundle.config
    (bundle.rootfs / "etc/motd").write_text("hello\n")
    (bundle.rootfs / "sys/fs/cgroup").mkdir(parents=True)
    (bundle.rootfs / "mapped").mkdir()
    mapping = [{"containerID": 0, "hostID": 100000, "size": 65536}]
    config["hostname"] = "rich"
    config["root"]["readonly"] = True
    config["process"].update(
        oomScoreAdj=100, rlimits=[{"type": "RLIMIT_NOFILE", "soft": 512, "hard": 1024}],
        user={"uid": 1, "gid": 1, "additionalGids": [2, 3]})
    config["mounts"] += [
        {"destination": "/etc", "type": "tmpfs", "source": "tmpfs", "options": ["tmpcopyup", "size=1m"]},
        {"destination": "/tmp", "type": "bind", "source": str(bundle.path), "options": ["rbind", "ro", "nosuid"]},
        {"destination": "/sys/fs/cgroup", "type": "cgroup", "source": "cgroup", "options": ["ro"]},
        {"destination": "/mapped", "type": "tmpfs", "source": "tmpfs", "options": ["idmap", "size=1m"],
         "uidMappings": [{"containerID": 0, "hostID": 100005, "size": 10}],
         "gidMappings": [{"containerID": 0, "hostID": 100005, "size": 10}]},
    ]
    config["linux"].update(
        uidMappings=mapping, gidMappings=mapping, namespaces=[*config["linux"]["namespaces"], {"type": "user"}],
        sysctl={"kernel.shm_rmid_forced": "1"},
        seccomp={"defaultAction": "SCMP_ACT_ALLOW",
                 "syscalls": [{"names": ["swapon", "swapoff"], "action": "SCMP_ACT_ERRNO"}]})
    config["hooks"] = {kind: [{"path": "/bin/true"}] for kind in
                       ("createRuntime", "createContainer", "startContainer", "poststart", "poststop")}
    return bundle.write()


def raise_if(condition: object, text: str) -> None:
    """A fault, if there is one; `{}` in the text stands for the condition."""
    if condition:
        raise Fault(text.replace("{}", str(condition)))


def short(words: tuple[str, ...]) -> str:
    return " ".join(word for word in words if "/" not in word and not word.startswith("apus-"))


def complaint(outcome: Outcome) -> str:
    errors = error_messages(outcome)
    return f"status {outcome.status}: {errors[0] if errors else (outcome.err or outcome.out)[:300]!r}"


def error_messages(outcome: Outcome) -> list[str]:
    return re.findall(r'level=error msg="?(.*?)"?(?: op=.*)?$', outcome.err, re.M)


def was_done(stage: Stage, outcome: Outcome) -> bool:
    """Whether a container in the foreground has run: only its removal can have failed then."""
    return outcome.out == "ran\n"


def hide_old_hierarchies() -> None:
    """Leaves this mount namespace with cgroup v2 alone, where the host has hierarchies of both versions."""
    subprocess.run(["umount", "-R", "-l", "/sys/fs/cgroup"], check=True)
    subprocess.run(["mount", "-t", "cgroup2", "cgroup2", "/sys/fs/cgroup"], check=True)


def own_cgroups() -> list[Path]:
    """This process's directory in each hierarchy: containers are made below them."""
    mounts = {}
    with open("/proc/self/mountinfo") as file:
        for line in file:
            left, right = line.split(" - ")
            kind, _, options = right.split()[:3]
            if kind in ("cgroup", "cgroup2"):
                for option in options.split(",") if kind == "cgroup" else [""]:
                    mounts[option] = left.split()[4]
    found = []
    with open("/proc/self/cgroup") as file:
        for line in file:
            _, controllers, path = line.strip().split(":", 2)
            mount = mounts.get(controllers.split(",")[0])
            if mount and Path(mount + path).is_dir():
                found.append(Path(mount + path))
    return found


def children() -> list[int]:
    """Living children of this process, orphans among them."""
    found = []
    for task in os.listdir("/proc/self/task"):
        with open(f"/proc/self/task/{task}/children") as file:
            found += [int(pid) for pid in file.read().split()]
    return found


def comm(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/comm").read_text().strip()
    except OSError:
        return "(ended)"


def image_of(pid: int) -> str:
    try:
        return os.readlink(f"/proc/{pid}/exe")
    except OSError:
        return "(ended)"


def fingerprint(stage: Stage, id: str, pid: int) -> dict[str, object]:
    """What a container is, but for what differs from one to the next."""
    found: dict[str, object] = {}
    process = Path(f"/proc/{pid}")
    kept = re.compile(r"(Umask|Uid|Gid|Groups|NStgid|NSpid|Sig(Blk|Ign|Cgt)|Cap\w+|NoNewPrivs|Seccomp\w*):")
    for line in (process / "status").read_text().splitlines():
        if kept.match(line):
            name, value = line.split(":", 1)
            found[name] = value.split()[-1:] if name.startswith("NS") else value.split()
    mounts = [line.replace(f"/{id} ", "/ID ").split(" - ") for line in (process / "mountinfo").read_text().splitlines()]
    found["mounts"] = [" ".join([*left.split()[3:6], right.split()[0]]) for left, right in mounts]
    found["limits"] = (process / "limits").read_text()
    found["cgroup"] = (process / "cgroup").read_text().replace(f"/{id}\n", "/ID\n")
    found["devices"] = sorted(os.listdir(process / "root/dev"))
    found["descriptors"] = sorted(os.listdir(process / "fd"))
    found["namespaces"] = [name for name in sorted(os.listdir(process / "ns"))
                           if os.readlink(process / "ns" / name) != os.readlink(f"/proc/self/ns/{name}")]
    found["place"] = os.readlink(process / "cwd"), os.readlink(process / "exe")
    for directory in stage.cgroups:
        for name in ("memory.limit_in_bytes", "pids.max", "devices.list", "memory.max"):
            file = directory / id / name
            if file.exists():
                found[name] = file.read_text()
    return found
