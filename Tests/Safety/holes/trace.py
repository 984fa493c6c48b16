"""What a hostile container can do to the processes of the runtime that it can see: trace them, reach their files and
their memory."""

import os
import shutil
import subprocess
from pathlib import Path

from arena import PROMPT, Arena, Hit, Table, brief, expect, wait_until
from ground import Bundle
from holes.hooks import hook

TABLE = Table()
PTRACE = 1 << 19
# A filter that takes a while to load: the moment in which a process still may do more is longer.
FILTER = {"defaultAction": "SCMP_ACT_ALLOW", "architectures": ["SCMP_ARCH_X86_64", "SCMP_ARCH_AARCH64"],
          "syscalls": [{"names": ["mkdir"], "action": "SCMP_ACT_ERRNO"}]}


def hostile(arena: Arena, *words: str, **linux) -> tuple[str, Bundle]:
    """A container whose first process attacks what appears beside it. It writes to /report."""
    bundle = arena.bundle(f"exec /bin/attacker {' '.join(words)} >/report").capabilities("SYS_PTRACE")
    bundle.config["process"]["noNewPrivileges"] = False
    bundle.config["linux"] |= linux
    arena.install(bundle)
    name = arena.start(bundle.write())
    wait_until(lambda: "ready" in report(bundle), "the attacker does not run")
    return name, bundle


def report(bundle: Bundle) -> str:
    path = bundle.rootfs / "report"
    return path.read_text() if path.exists() else ""


def rounds(arena: Arena, name: str, number: int) -> int:
    """Executes something in the container, often. Returns how often that worked."""
    worked = 0
    for _ in range(number):
        outcome = arena.exec(name, "/bin/true", timeout=30)
        worked += outcome.succeeded
    return worked


def inspected(arena: Arena, words: str, **linux) -> str:
    name, bundle = hostile(arena, "seize", f"{PTRACE:x}", str(arena.canary / "secret"), **linux)
    number = 40 if arena.short else 200
    worked = rounds(arena, name, number)
    said = report(bundle)
    arena.figure = f"{number} execs, {said.count('seized')} seized"
    expect("seized" in said or words, "nothing could be seized: the attacker does not work")
    expect(worked == number, f"{number - worked} of {number} execs failed")
    arena.delete(name)
    return said


@TABLE.add("CVE-2016-9962",
           "a container with CAP_SYS_PTRACE traces what exec adds, and looks for directories and files of the host")
def traced(arena: Arena) -> None:
    said = inspected(arena, "")
    read = {line for line in said.splitlines() if line.startswith("read a file")}
    expect(not read, f"the container {', '.join(sorted(read))}")
    held = sorted({" ".join(line.split()[:3]) for line in said.splitlines() if line.startswith("holds")})
    # Through this file the process moves itself into the container's own cgroup, which goes with the container.
    held = [line for line in held if not (line.endswith("/tasks") and arena.ground.tag in line)]
    expect(not held, f"the process in the namespace {'; '.join(held)[:160]}")
    more = {line for line in said.splitlines() if line.startswith("more")}
    expect(not more, f"it has capabilities that the container lacks: {', '.join(more)}")


@TABLE.add("tracing",
           "the same with a seccomp profile and without noNewPrivileges: exec's process has CAP_SYS_ADMIN for a while")
def traced_with_filter(arena: Arena) -> None:
    said = inspected(arena, "may be frozen", seccomp=FILTER)
    expect("read a file" not in said, "the container read a file of the host")
    more = [line for line in said.splitlines() if line.startswith("more")]
    expect(not more, f"{len(more)} times a process that may do more could be seized: {more[:1]}")


def with_copy(arena: Arena) -> os.stat_result:
    copy = arena.ground.work / "runtime"
    shutil.copy2(arena.runtime.path, copy)
    arena.runtime.path = str(copy)
    arena.before = arena.host()
    return os.stat(copy)


@TABLE.add("CVE-2019-5736", "a container opens what new processes execute, and writes to it once it may")
def overwritten(arena: Arena) -> None:
    inode = with_copy(arena)
    name, bundle = hostile(arena, "overwrite", str(inode.st_dev), str(inode.st_ino))
    rounds(arena, name, 20 if arena.short else 60)
    said = report(bundle)
    arena.delete(name)
    expect("writable" not in said and "overwrote" not in said, f"{said.splitlines()[1:3]}")
    arena.unchanged()
    exposed = said.count("opened the runtime")
    arena.figure = f"{exposed} times opened for reading"
    expect(not exposed, "the runtime's binary can be opened from inside")


def spoiled(text: str) -> set[str]:
    """What was done to memory files that must not be. What the first process reports through it has to write to."""
    return {line for line in text.splitlines() if line.startswith("truncated") or line.startswith("overwrote")
            and "report" not in line if "bait" not in line}


def attack_memory(arena: Arena, host_processes: bool) -> tuple[str, Bundle]:
    others = {"namespaces": [{"type": kind} for kind in ("ipc", "uts", "mount")]} if host_processes else {}
    return hostile(arena, "truncate", **others)


@TABLE.add("reports", "a container empties the memory files of exec's process, while exec waits for it")
def memory_of_exec(arena: Arena) -> None:
    for host_processes in (False, True):
        name, bundle = attack_memory(arena, host_processes)
        number = 30 if arena.short else 150
        for _ in range(number):
            outcome = arena.runtime.call("exec", name, "/bin/true", timeout=PROMPT)
            expect(not outcome.hung, "exec hangs")
            expect(outcome.status >= 0, f"the host's process died of signal {-outcome.status}")
        said = spoiled(report(bundle))
        arena.delete(name)
        expect(not said, ", ".join(sorted(said))[:160])


@TABLE.add("reports",
           "a container that sees the host's processes empties the memory files of create, start and run during hooks")
def memory_of_the_host(arena: Arena) -> None:
    name, hostile_bundle = attack_memory(arena, True)
    for kind in ("createRuntime", "createContainer", "startContainer"):
        folder = arena.ground.work / f"hooks-{kind}"
        folder.mkdir()
        bundle = arena.bundle()
        gate = bundle.rootfs / "gate" if kind == "startContainer" else folder / "gate"
        os.mkfifo(gate)
        shown = "/gate" if kind == "startContainer" else str(gate)
        # Opening for both does not wait: the hook waits for a line.
        hook(bundle, kind, f"read line <>{shown}")
        process = arena.background("run", "--bundle", str(bundle.path), arena.name())
        reached = os.open(gate, os.O_RDWR)
        wait_until(lambda: waits_at(gate) or process.poll() is not None, f"the {kind} hook does not run")
        # With what it reports spoiled it may fail before; it may not crash.
        if process.poll() is None:
            sweep()
            os.write(reached, b"go\n")
        try:
            status = process.wait(30)
        except subprocess.TimeoutExpired:
            raise Hit(f"run hangs after its {kind} hook") from None
        finally:
            os.close(reached)
        expect(status >= 0, f"run died of signal {-status} at its {kind} hook")
        said = spoiled(report(hostile_bundle))
        expect(not said, f"{kind} hook: {', '.join(sorted(said))[:160]}")
    arena.delete(name)


def waits_at(gate: Path) -> bool:
    """Whether another process than this one has the file open."""
    inode = os.stat(gate)
    for pid in filter(str.isdigit, os.listdir("/proc")):
        if int(pid) == os.getpid():
            continue
        try:
            for number in os.listdir(f"/proc/{pid}/fd"):
                if os.stat(f"/proc/{pid}/fd/{number}")[1:3] == inode[1:3]:
                    return True
        except OSError:
            continue
    return False


def sweep() -> None:
    """Waits until the attacker has been through all processes, twice: it comes to a memory file of ours too."""
    bait = os.memfd_create("bait")
    for _ in range(2):
        os.ftruncate(bait, 4096)
        wait_until(lambda: os.fstat(bait).st_size == 0, "the attacker does not come to a memory file")
    os.close(bait)
