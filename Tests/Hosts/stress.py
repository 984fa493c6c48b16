#!/usr/bin/env python3
"""stress.py APUS: many containers come and go at the same time, and nothing of them may stay.

The first part is rounds of create, start and delete --force. In the second part one of the three is killed (SIGKILL) at a
random moment, and `delete --force` has to clear away what is there: nothing else may be needed. Prints one line for each
check, "ok NAME" or "FAILED NAME: what was seen", and "done" at the end. Needs root and busybox; works on cgroup v1, v2
and both, and with nothing but the smallest Python (python3-minimal).
"""

import argparse
import glob
import os
import random
import re
import signal
import subprocess
import threading
import time

from smallest import copy, remove_tree, which

CONFIG = """{"ociVersion": "1.0.2", "root": {"path": "rootfs", "readonly": true},
"process": {"user": {"uid": 0, "gid": 0}, "cwd": "/", "args": ["/bin/busybox", "sleep", "1000"], "env": ["PATH=/bin"]},
"mounts": [{"destination": "/proc", "type": "proc", "source": "proc"},
  {"destination": "/dev", "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "mode=755", "size=65536k"]},
  {"destination": "/sys/fs/cgroup", "type": "cgroup", "source": "cgroup", "options": ["nosuid", "noexec", "nodev", "ro"]}],
"linux": {%s "namespaces": [{"type": "pid"}, {"type": "ipc"}, {"type": "uts"}, {"type": "mount"}, {"type": "cgroup"}],
  "resources": {"devices": [{"allow": false, "access": "rwm"}], "memory": {"limit": 67108864}, "pids": {"limit": 50},
    "cpu": {"shares": 512, "quota": 50000, "period": 100000}},
  "maskedPaths": ["/proc/kcore", "/proc/keys"], "readonlyPaths": ["/proc/sys"]}}
"""
CREATE, START, DELETE = "create", "start", "delete"
TIMEOUT = 120  # seconds for one command; only a command that hangs needs them


def median(values: list[float]) -> float:
    """Of an even number the upper one. (The module statistics is not in python3-minimal.)"""
    return sorted(values)[len(values) // 2]


def hierarchies() -> dict[str, str]:
    """Where each cgroup hierarchy is mounted, with the cgroup in it that this process is in."""
    own = {}
    with open("/proc/self/cgroup") as file:
        for line in file:
            _, names, path = line.rstrip("\n").split(":", 2)
            own[names.removeprefix("name=")] = path
    found = {}
    with open("/proc/self/mountinfo") as file:
        for line in file:
            words, _, rest = line.partition(" - ")
            kind, _, options = rest.split()[:3]
            if kind == "cgroup2":
                found[words.split()[4]] = own.get("", "/")
            elif kind == "cgroup":
                names = {option.removeprefix("name=") for option in options.split(",")}
                found[words.split()[4]] = next((path for key, path in own.items() if names & set(key.split(","))), "/")
    return found


class Stress:
    def __init__(self, arguments: argparse.Namespace):
        self.arguments = arguments
        self.tag = f"apus-stress-{os.getpid()}"
        self.work = f"/tmp/{self.tag}"
        self.root = f"{self.work}/root"
        self.hierarchies = hierarchies()
        self.problems: list[str] = []
        self.durations: dict[str, list[float]] = {CREATE: [], START: [], DELETE: []}
        self.in_time = {CREATE: 0, START: 0, DELETE: 0}
        self.killed = {CREATE: 0, START: 0, DELETE: 0}
        self.lock = threading.Lock()

    # ---- Commands

    def spawn(self, *words: str) -> subprocess.Popen:
        command = [os.path.abspath(self.arguments.apus), "--root", self.root]
        if self.arguments.driver == "systemd":
            command.append("--systemd-cgroup")
        errors = open(f"{self.work}/{threading.get_ident()}.err", "w")
        with errors, open("/dev/null", "r+") as nothing:
            # A file for the errors: a container that keeps it open keeps nobody waiting.
            return subprocess.Popen(command + list(words), stdin=nothing, stdout=nothing, stderr=errors,
                                    env={"PATH": os.environ["PATH"], "APUS_STRESS": self.tag})

    def said(self) -> str:
        with open(f"{self.work}/{threading.get_ident()}.err") as file:
            return " ".join(file.read().split())[-500:]

    def run(self, what: str, *words: str) -> bool:
        """Runs a command that has to succeed."""
        begin = time.monotonic()
        process = self.spawn(*words)
        try:
            status = process.wait(TIMEOUT)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            status = f"none after {TIMEOUT} s"
        with self.lock:
            if status == 0 and words[0] in self.durations:
                self.durations[words[0]].append(time.monotonic() - begin)
            if status != 0:
                self.problems.append(f"{what}: {' '.join(words)}: status {status}: {self.said()}")
        return status == 0

    def run_and_kill(self, after: float, *words: str) -> None:
        """Runs a command and kills it after some seconds, whatever it is doing then."""
        process = self.spawn(*words)
        time.sleep(after)
        is_at_work = process.poll() is None
        process.kill()
        process.wait()
        with self.lock:
            (self.killed if is_at_work else self.in_time)[words[0]] += 1

    # ---- What is there

    def places(self, name: str) -> list[str]:
        """The container's cgroups that there are."""
        found = []
        for mount, own in self.hierarchies.items():
            for place in (own, os.path.dirname(own), "/", f"/{self.tag}"):
                found.append(os.path.normpath(f"{mount}/{place}/{name}"))
            found += glob.glob(f"{mount}/{self.tag}/p*/{name}")
            found.append(f"{mount}/system.slice/apus-{name}.scope")
        return sorted({path for path in found if os.path.isdir(path)})

    def check_gone(self, what: str, name: str) -> None:
        left = self.places(name)
        if os.path.lexists(f"{self.root}/{name}"):
            left.append(f"state {os.listdir(f'{self.root}/{name}')}")
        if left:
            with self.lock:
                self.problems.append(f"{what}: left: {', '.join(left)}")

    def processes(self) -> list[str]:
        """Living processes that have to do with this run."""
        found = []
        for pid in filter(str.isdigit, os.listdir("/proc")):
            if int(pid) == os.getpid():
                continue
            for name in ("cmdline", "environ", "cgroup", "mountinfo"):
                try:
                    with open(f"/proc/{pid}/{name}", "rb") as file:
                        is_ours = self.tag.encode() in file.read()
                    with open(f"/proc/{pid}/stat") as file:
                        state = file.read().rpartition(")")[2].split()[0]
                except OSError:
                    break  # ended meanwhile
                if is_ours and state not in "ZX":
                    with open(f"/proc/{pid}/comm") as file:
                        found.append(f"process {pid} {file.read().strip()} ({name})")
                    break
        return found

    def leftovers(self) -> list[str]:
        """Everything of all rounds that is on this machine."""
        found = self.processes()
        with open("/proc/self/mountinfo") as file:
            found += [f"mount {line.split()[4]}" for line in file if self.tag in line]
        found += [f"state {name}" for name in os.listdir(self.root) if name != "@seccomp"]
        for mount in self.hierarchies:
            for parent, names, _ in os.walk(mount):
                # The parents that the configurations name stay, as after any delete.
                found += [f"cgroup {parent}/{name}" for name in names if self.tag in f"{parent}/{name}"
                          and not re.search(f"/{self.tag}(/p[0-9]+)?$", f"{parent}/{name}")]
        if which("systemctl"):
            units = subprocess.run(["systemctl", "list-units", "--all", "--plain", "--no-legend", "--full",
                                    f"*{self.tag}*"], capture_output=True, text=True).stdout
            found += [f"unit {' '.join(line.split())}" for line in units.splitlines()]
        return found

    # ---- Rounds

    def bundle(self, name: str, number: int) -> str:
        directory = f"{self.work}/{name}"
        os.makedirs(f"{directory}/rootfs/bin", exist_ok=True)
        if not os.path.exists(f"{directory}/rootfs/bin/busybox"):
            os.link(f"{self.work}/busybox", f"{directory}/rootfs/bin/busybox")
            for point in ("proc", "dev", "sys/fs/cgroup"):
                os.makedirs(f"{directory}/rootfs/{point}", exist_ok=True)
        # Neighbours make a parent of their own at the same time, with its controllers.
        parent = f"/{self.tag}/p{number // self.arguments.parallel}"
        place = ["", f'"cgroupsPath": "/{self.tag}/{name}",', f'"cgroupsPath": "{parent}/{name}",'][number % 3]
        if self.arguments.driver == "systemd":
            place = ["", f'"cgroupsPath": "system.slice:apus:{name}",'][number % 2]
        with open(f"{directory}/config.json", "w") as file:
            file.write(CONFIG % place)
        return directory

    def quiet_round(self, number: int, worker: int) -> None:
        name, what = f"{self.tag}-{worker}", f"round {number}"
        if self.run(what, CREATE, "--bundle", self.bundle(name, number), name):
            if not self.places(name):
                with self.lock:
                    self.problems.append(f"{what}: the container has no cgroup")
            self.run(what, START, name)
        self.run(what, DELETE, "--force", name)
        self.check_gone(what, name)

    def killed_round(self, number: int, worker: int) -> None:
        chance = random.Random(f"{self.arguments.seed} {number}")  # the same whatever the others do
        victim = chance.choice([CREATE, CREATE, START, DELETE])
        # Early more often than late: most of the work is in the beginning, and a machine under load is late anyway.
        after = chance.random() ** 2 * 1.2 * self.typical[victim]
        name = f"{self.tag}-{worker}"
        what = f"round {number}, {victim} killed after {after * 1000:.1f} ms"
        creation = (CREATE, "--bundle", self.bundle(name, number), name)
        if victim == CREATE:
            self.run_and_kill(after, *creation)
        elif self.run(what, *creation):
            if victim == START:
                self.run_and_kill(after, START, name)
            elif self.run(what, START, name):
                self.run_and_kill(after, DELETE, "--force", name)
        if chance.random() < 0.2:
            self.run(what, "list")
        self.run(what, DELETE, "--force", name)
        self.check_gone(what, name)

    def rounds(self, one_round, first: int = 0) -> float:
        numbers = iter(range(first, first + self.arguments.rounds))

        def work(worker: int) -> None:
            while True:
                with self.lock:
                    number = next(numbers, None)
                if number is None:
                    return
                try:
                    one_round(number, worker)
                except Exception as error:  # a thread that dies quietly would be a round that passes
                    with self.lock:
                        self.problems.append(f"round {number}: {error!r}")

        begin = time.monotonic()
        threads = [threading.Thread(target=work, args=(worker,)) for worker in range(self.arguments.parallel)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return time.monotonic() - begin

    # ---- The whole

    def report(self, name: str) -> None:
        for problem in self.problems:
            print(f"FAILED {name}: {problem}")
        if not self.problems:
            print(f"ok {name}: every command")
        self.problems = []
        deadline = time.monotonic() + 30
        while (left := self.leftovers()) and time.monotonic() < deadline:
            self.reap()
            time.sleep(0.1)
        print(f"FAILED {name}: left on the host: {'; '.join(left)}" if left else f"ok {name}: nothing is left", flush=True)

    def reap(self) -> None:
        try:
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        except ChildProcessError:
            pass

    def prepare(self) -> None:
        os.makedirs(self.root, mode=0o755)
        copy(which("busybox") or "busybox", f"{self.work}/busybox")
        try:
            import ctypes  # Orphans become children of this process where process 1 collects none.
            ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)
        except ImportError:
            pass

    def clean(self) -> None:
        """What a failure left; and the parents of the cgroups."""
        for line in self.processes():
            os.kill(int(line.split()[1]), signal.SIGKILL)
        for mount in self.hierarchies:
            for parent, names, _ in os.walk(mount, topdown=False):
                for name in names:
                    if self.tag in f"{parent}/{name}":
                        try:
                            os.rmdir(f"{parent}/{name}")
                        except OSError as error:
                            print(f"FAILED clean: {error}")
        self.reap()
        remove_tree(self.work)

    def main(self) -> None:
        arguments = self.arguments
        print(f"seed {arguments.seed}, {arguments.rounds} rounds, {arguments.parallel} at a time, {arguments.driver}", flush=True)
        self.prepare()
        try:
            seconds = self.rounds(self.quiet_round)
            self.typical = {key: median(times or [0.1]) for key, times in self.durations.items()}
            typical = ", ".join(f"{key} {value * 1000:.0f} ms" for key, value in self.typical.items())
            print(f"rounds: {seconds:.1f} s; {typical}")
            self.report("rounds")
            seconds = self.rounds(self.killed_round)
            # A run whose shots all come too late proves nothing: then there is more shooting.
            deadline = time.monotonic() + 60
            for more in range(1, 20):
                if sum(self.killed.values()) * 8 < arguments.rounds and time.monotonic() < deadline:
                    seconds += self.rounds(self.killed_round, more * arguments.rounds)
            hits = ", ".join(f"{key} {self.killed[key]} of {self.killed[key] + self.in_time[key]}" for key in self.killed)
            print(f"killed: {seconds:.1f} s; killed at work: {hits}")
            self.report("killed")
            enough = sum(self.killed.values()) * 8 >= arguments.rounds
            print("ok killed: at work" if enough else f"FAILED killed: too few at work: {hits}")
        finally:
            self.clean()
        print("done")


parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
parser.add_argument("apus")
parser.add_argument("--driver", choices=["cgroupfs", "systemd"], default="cgroupfs")
parser.add_argument("--rounds", type=int, default=200)
parser.add_argument("--parallel", type=int, default=16)
parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 32))
Stress(parser.parse_args()).main()
