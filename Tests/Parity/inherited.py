"""What the container's process gets from whoever calls the runtime, and what it gets anew.

Each row has a caller with one oddity, and shows what the process sees of it. The table that decides is in the sources of
apus (Sources/Planner/Inherited.swift).
"""

import ctypes
import fcntl
import json
import os
import resource
import signal
import subprocess
import tempfile
import termios
from collections.abc import Callable, Iterable
from pathlib import Path

from explained import EXPLAINED
from ground import Bundle, Ground, Runtime
from parity import Explained, Row

TITLE = "What a process inherits"
ASSERT = Path(__file__).resolve().parent.parent / "Assert"
LIBC = ctypes.CDLL(None, use_errno=True)
SYS_IOPRIO_SET, SYS_KEYCTL = {"x86_64": (251, 250), "aarch64": (30, 219)}[os.uname().machine]
PR_SET_PDEATHSIG, PR_SET_SECUREBITS, PR_SET_TIMERSLACK, PR_SET_CHILD_SUBREAPER, PR_SET_THP_DISABLE = 1, 28, 29, 36, 41
PATIENCE = 20  # seconds
ODD = {"ODD": "1", "LANG": "odd", "LD_BIND_NOW": "1"}  # of every caller

EXPLAINED += [
    Explained("inherited", "a container has the CPUs of its cgroups, whoever starts it (runc since 1.3)", row=".*: affinity"),
    Explained("inherited", "it waits for a child that the kernel does not keep for it", row=".*: ignored signals", peer="crun"),
    Explained("inherited", "a program begins with no signal blocked", row=".*: blocked signals", peer="runc"),
    Explained("inherited", "an effect of Go, which raises the soft limit", row=".*: resource limits", peer="runc"),
    Explained("inherited", "a process of exec has the keyring of its container", row="exec: session keyring", peer="crun"),
    Explained("inherited", "exec has the mask that the container's own process has", row="exec: umask"),
]


def ignore_signals() -> None:
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGUSR1, signal.SIGCHLD, signal.SIGPIPE, 40):
        signal.signal(number, signal.SIG_IGN)


def block_signals() -> None:
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR2, signal.SIGTERM, signal.SIGALRM, 41})


def lower_limits() -> None:
    for kind, values in ((resource.RLIMIT_CORE, (0, 4096)), (resource.RLIMIT_STACK, (1 << 22, 1 << 24)),
                         (resource.RLIMIT_MSGQUEUE, (4096, 8192)), (resource.RLIMIT_NOFILE, (300, 600))):
        resource.setrlimit(kind, values)


def raise_score() -> None:
    Path("/proc/self/oom_score_adj").write_text("123")


def take_terminal() -> None:
    """A session of its own, with a terminal that it controls and that is none of the standard streams."""
    _, slave = os.openpty()
    fcntl.ioctl(slave, termios.TIOCSCTTY, 0)


def open_descriptors() -> None:
    for number in (3, 4, 7, 20):
        os.dup2(os.open("/etc", os.O_RDONLY), number)


# What the caller does, and what of the report shows it.
ODDITIES: list[tuple[str, Callable[[], object], Callable[[dict], object]]] = [
    ("affinity", lambda: os.sched_setaffinity(0, {0}), lambda seen: seen["affinity"]),
    ("scheduling policy", lambda: os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0)),
     lambda seen: seen["scheduler"]["policy"]),
    ("nice", lambda: os.nice(5), lambda seen: seen["scheduler"]["nice"]),
    ("I/O priority", lambda: LIBC.syscall(SYS_IOPRIO_SET, 1, 0, 2 << 13 | 6), lambda seen: seen["ioPriority"]),
    ("umask", lambda: os.umask(0o077), lambda seen: seen["umask"]),
    ("ignored signals", ignore_signals, lambda seen: seen["ignoredSignals"]),
    ("blocked signals", block_signals, lambda seen: seen["blockedSignals"]),
    ("resource limits", lower_limits, lambda seen: {
        kind: seen["rlimits"][f"RLIMIT_{kind}"] for kind in ("CORE", "STACK", "MSGQUEUE", "NOFILE")}),
    ("dumpable", lambda: LIBC.prctl(4, 0, 0, 0, 0), lambda seen: seen["dumpable"]),
    ("securebits", lambda: LIBC.prctl(PR_SET_SECUREBITS, 1 << 6, 0, 0, 0), lambda seen: seen["securebits"]),
    ("personality", lambda: LIBC.personality(0x0040000), lambda seen: seen["personality"]),
    ("timer slack", lambda: LIBC.prctl(PR_SET_TIMERSLACK, 123456, 0, 0, 0), lambda seen: seen["timerSlack"]),
    ("huge pages", lambda: LIBC.prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0), lambda seen: seen["withoutHugePages"]),
    ("subreaper", lambda: LIBC.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0), lambda seen: seen["subreaper"]),
    ("session keyring", lambda: LIBC.syscall(SYS_KEYCTL, 1, b"odd"), lambda seen: keyring(seen)),
    ("environment", lambda: None, lambda seen: sorted(seen["env"])),
    ("descriptors", open_descriptors, lambda seen: sorted(seen["descriptors"])),
    ("oom score", raise_score, lambda seen: seen["oomScoreAdj"]),
    ("controlling terminal", take_terminal, lambda seen: [
        seen["terminal"]["controlling"], seen["session"] == seen["pid"]]),
    ("parent-death signal", lambda: LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGWINCH, 0, 0, 0),
     lambda seen: seen["parentDeathSignal"]),
]


def keyring(seen: dict) -> str:
    """Which one it is: names hold the container's id."""
    name = seen["sessionKeyring"].get("name", "").rsplit(";", 1)[-1]
    return "its own" if "apus-inherited" in name else name


def called(runtime: Runtime, oddity: Callable[[], object], *words: str) -> str:
    """Calls the runtime as a caller with an oddity; what is printed."""
    with tempfile.TemporaryFile("w+") as output:
        process = subprocess.Popen(runtime.command(*words), stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT,
                                   start_new_session=True, preexec_fn=oddity, close_fds=False, env={**os.environ, **ODD})
        try:
            process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            runtime.call("delete", "--force", words[words.index("exec") + 1] if "exec" in words else words[-1])
            return "it hangs"
        output.seek(0)
        return output.read()


def shown(text: str, part: Callable[[dict], object]) -> str:
    for line in text.splitlines():
        if line.startswith("{"):
            return json.dumps(part(json.loads(line)))
    return text.strip() or "nothing"


def made(ground: Ground) -> Bundle:
    bundle = ground.bundle()
    subprocess.run(["cc", "-static", "-std=gnu17", "-O1", "-w", "-o", bundle.rootfs / "assert", *ASSERT.glob("*.c")], check=True)
    bundle.config["process"]["args"] = ["/assert", "report"]
    return bundle.write()


def rows(runtimes: list[Runtime]) -> Iterable[Row]:
    ground = Ground("inherited")
    try:
        bundle = made(ground)
        for name, oddity, part in ODDITIES:
            yield Row(f"run: {name}", {
                runtime.name: shown(called(runtime, oddity, "run", "--bundle", str(bundle.path), f"{ground.tag}-r"), part)
                for runtime in runtimes})
        bundle.config["process"]["args"] = ["/bin/sleep", "1000"]
        bundle.write()
        for name, oddity, part in ODDITIES:
            yield Row(f"exec: {name}", {
                runtime.name: executed(runtime, bundle, f"{ground.tag}-e", oddity, part) for runtime in runtimes})
    finally:
        ground.close()


def executed(
    runtime: Runtime, bundle: Bundle, container: str, oddity: Callable[[], object], part: Callable[[dict], object]
) -> str:
    started = runtime.call("run", "--detach", "--bundle", str(bundle.path), container)
    if not started.succeeded:
        return started.err.strip()
    try:
        return shown(called(runtime, oddity, "exec", container, "/assert", "report"), part)
    finally:
        runtime.call("delete", "--force", container)
