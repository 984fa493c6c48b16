"""One command after another, at once: what each says, and what is left.

The first runtime does it many times on a busy machine, and is to give each time what the others give on a quiet one. A row
shows the results that came, each with how every command ended and what `state` said last; more than one result means that
it is chance which one comes.
"""

import os
import subprocess
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from explained import EXPLAINED
from ground import Bundle, Ground, Runtime
from parity import Explained, Row

TITLE = "Commands right after one another"
ROUNDS = int(os.environ.get("ENDS_ROUNDS", "100"))
LOAD = 4  # processes that want a processor
PATIENCE = 0.5  # seconds that a process is given to end
ENDS = ("HUP", "INT", "QUIT", "ABRT", "TERM", "KILL", "STKFLT")
OTHERS = ("USR1", "USR2", "PIPE", "ALRM", "CHLD", "CONT", "URG", "VTALRM", "PROF", "WINCH", "IO", "PWR", "SEGV", "BUS", "FPE",
          "ILL", "TRAP", "SYS")

# Words of commands; `=` is the container. A trap makes it end by itself.
SLEEPING = ["/bin/sh", "-c", "trap 'exit 3' TERM; while :; do sleep 1000 & wait $!; done"]
SEQUENCES: dict[str, list[str]] = {
    "run, kill KILL, delete": ["run", "kill = KILL", "delete ="],
    "run, kill KILL, state, delete": ["run", "kill = KILL", "state =", "delete ="],
    "run, kill KILL, kill KILL, delete": ["run", "kill = KILL", "kill = KILL", "delete ="],
    "run, kill KILL, start": ["run", "kill = KILL", "start =", "delete ="],
    "run, kill KILL, exec": ["run", "kill = KILL", "exec = true", "delete ="],
    "run, kill KILL, pause": ["run", "kill = KILL", "pause =", "delete ="],
    "run, pause, kill KILL, delete": ["run", "pause =", "kill = KILL", "delete ="],
    "run, pause, delete": ["run", "pause =", "delete =", "resume =", "kill = KILL", "delete ="],
    "run, delete": ["run", "delete =", "kill = KILL", "delete ="],
    "run, delete --force": ["run", "delete --force =", "delete ="],
    "run, pause, delete --force": ["run", "pause =", "delete --force =", "delete ="],
    "create, delete": ["create", "delete =", "delete ="],
    "create, kill KILL, delete": ["create", "kill = KILL", "delete ="],
    "create, kill KILL, start": ["create", "kill = KILL", "start =", "delete ="],
    "create, kill TERM, delete": ["create", "kill = TERM", "delete ="],
    "create, kill TERM, start": ["create", "kill = TERM", "start =", "delete ="],
    "create, pause, kill KILL, delete": ["create", "pause =", "kill = KILL", "delete ="],
    "create, pause, start": ["create", "pause =", "start =", "resume =", "start =", "kill = KILL", "delete ="],
    "create, exec, delete": ["create", "exec = true", "delete ="],
    "create, start, start": ["create", "start =", "start =", "kill = KILL", "delete ="],
    "create, start, delete --force": ["create", "start =", "delete --force ="],
    "run, kill --all KILL, delete": ["run", "kill --all = KILL", "delete ="],
}

EXPLAINED += [
    Explained("ends", "a frozen process of cgroup v1 is let go to die", row="(run|create), pause, kill KILL, delete", peer="crun"),
    Explained("ends", "what waits for start ends as a program would, process 1 or not", peer="crun",
              row=f"create, kill ({'|'.join(ENDS)})(, start)?"),
    Explained("ends", "what is paused is not started", row="create, pause, start", peer="crun"),
    Explained("ends", "poststart hooks belong to start (runtime.md, Lifecycle, 9)", row="start with a failing .*", peer="runc"),
    Explained("ends", "a poststart hook that fails stops the container", row="start with a failing .*", peer="crun"),
    Explained("ends", "a fault in the set-up is to be told as one", row="create, kill (SEGV|BUS|FPE|ILL|TRAP|SYS)", peer="runc"),
]


@contextmanager
def busy() -> Iterator[None]:
    others = [subprocess.Popen(["/bin/sh", "-c", "while :; do :; done"]) for _ in range(LOAD)]
    try:
        yield
    finally:
        for other in others:
            other.kill()
            other.wait()


def result(runtime: Runtime, bundle: Bundle, container: str, sequence: list[str], is_patient: bool = False) -> str:
    """What the commands gave, and `state` in the end.

    With patience each command finds what the one before it has brought about. Without, chance may decide.
    """
    statuses = []
    for words in sequence:
        pid = runtime.state(container).get("pid", 0) if is_patient and words.startswith("kill ") else 0
        if words in ("run", "create"):
            detach = ["--detach"] if words == "run" else []
            outcome = runtime.call(words, *detach, "--bundle", str(bundle.path), container)
        else:
            outcome = runtime.call(*(container if word == "=" else word for word in words.split()))
        # Which number means a failure is another matter.
        statuses.append("ok" if outcome.succeeded else "fails")
        if pid:
            wait_for_end(pid)
    last = runtime.state(container).get("status", "gone")
    runtime.call("delete", "--force", container)
    return f"{' '.join(statuses)}, {last}"


def wait_for_end(pid: int) -> None:
    """Waits until a process has ended, if it is about to: what has got a signal is not always ended by it."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        try:
            if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] in "ZX":
                return
        except OSError:
            return
        time.sleep(0.005)


def results(runtimes: list[Runtime], ground: Ground, bundle: Bundle, sequence: list[str]) -> dict[str, str]:
    with busy():
        found = {result(runtimes[0], bundle, ground.name(), sequence) for _ in range(ROUNDS)}
        ground.reap()
    shown = {runtimes[0].name: "; ".join(sorted(found))}
    return shown | {peer.name: settled(peer, ground, bundle, sequence) for peer in runtimes[1:]}


def rows(runtimes: list[Runtime]) -> Iterable[Row]:
    ground = Ground("ends")
    bundle = ground.bundle()
    bundle.config["process"]["args"] = SLEEPING
    bundle.write()
    failing = ground.bundle()
    failing.config["process"]["args"] = SLEEPING
    failing.config["hooks"] = {"poststart": [{"path": "/bin/false"}]}
    failing.write()
    try:
        for name, sequence in SEQUENCES.items():
            yield Row(name, results(runtimes, ground, bundle, sequence))
        yield Row("start with a failing poststart hook, state, delete",
                  results(runtimes, ground, failing, ["create", "start =", "state =", "delete ="]))
        for name in ENDS + OTHERS:
            sequence = ["create", f"kill = {name}"]
            yield Row(f"create, kill {name}", {
                runtime.name: settled(runtime, ground, bundle, sequence) for runtime in runtimes})
    finally:
        ground.close()


def settled(runtime: Runtime, ground: Ground, bundle: Bundle, sequence: list[str]) -> str:
    """The result on a quiet machine, which other work would make one of chance: so nothing hurries."""
    shown = result(runtime, bundle, ground.name(), sequence, is_patient=True)
    ground.reap()
    return shown
