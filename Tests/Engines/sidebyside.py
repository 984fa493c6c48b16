"""The same commands of a container engine, with one runtime after the other, and a table of what differed.

A case is a shell command. It is run once for each runtime; what it prints and its exit code have to be what they are with
at least one of the others. Names that engines make up are taken out before.
"""

import re
import subprocess
from collections.abc import Callable, Iterable
from dataclasses import dataclass

HANGS = -1
SECONDS = 60
TRIES = 2

# Why the weight of cgroup v2 may be another one.
WEIGHT = "shares become a weight by the formula of runc since 2025; older ones divide, so that 1024 shares are 39"

# Ids that engines make up, and what runtimes say of themselves in front of a cause.
NORMAL = [
    (re.compile(r"\b([0-9a-f]{64}|[0-9a-f]{12})\b"), "ID"),
    (re.compile(r"(runc create failed: |exec failed: )?unable to start container process: "
                r"(error during container init: )?"), ""),
    # What apus says beyond the cause: where it looked, or what to do.
    (re.compile(r"(executable file not found in \$PATH|permission denied|no such file or directory|exec format error)"
                r" \([^()]*\)"), r"\1"),
    (re.compile(r"is a directory(: unknown)?: permission denied"), r"permission denied\1"),
    (re.compile(r"\x00|\^@"), ""),
    # runc says now and then that it could not kill what is ending without it.
    (re.compile(r'time="[^"]*" level=warning msg="failed to kill all processes[^\n]*\n'), ""),
    # Buildah 1.28 asks for ambient capabilities that are not inheritable. The specification wants a warning for what cannot
    # be granted; runc 1.3.6 has one of its own, runc 1.1.5 and crun have none.
    (re.compile(r'time="[^"]*" level=warning msg="process\.capabilities\.ambient: CAP_[A-Z_]+ ignored[^\n]*\n'), ""),
    (re.compile(r'time="[^"]*"'), ""),
]


@dataclass(frozen=True)
class Case:
    name: str
    # RT stands for the runtime's path, NAME for a name of the runtime's own, WORK for a directory of the run.
    command: str
    # Why apus may say something else than the others; empty: it may not.
    meant: str = ""


@dataclass(frozen=True)
class Answer:
    code: int
    output: str

    def __str__(self) -> str:
        words = " ".join(self.output.split())
        return "hangs" if self.code == HANGS else f"{self.code}: {words[:300]}"


def limits(v1: str, v2: str) -> str:
    """A command that prints a container's own limits: files of the controllers of version 1, or of the group of version 2."""
    return f"cd /sys/fs/cgroup; cat {v1} 2>/dev/null || cat {v2}"


def parse(arguments: list[str]) -> dict[str, str]:
    """`NAME=PATH...`, the first of them the one that is judged."""
    pairs = [argument.partition("=") for argument in arguments]
    return {name: path for name, _, path in pairs}


def ask(command: str, environment: dict[str, str], seconds: float = SECONDS) -> Answer:
    try:
        done = subprocess.run(["bash", "-c", command], env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, timeout=seconds)
    except subprocess.TimeoutExpired:
        return Answer(HANGS, "")
    return Answer(done.returncode, done.stdout.decode(errors="replace"))


def normal(text: str, name: str, path: str) -> str:
    """What is the same with every runtime that does the same."""
    for pattern, word in NORMAL:
        text = pattern.sub(word, text)
    # `Error: crun: ...` and the path of a runtime say only which one it is.
    return text.replace(path, "RT").replace(f"of-{name}", "NAME").replace(f"{name}: ", "RT: ")


def answers(case: Case, runtimes: dict[str, str], answer: Callable[[str], Answer]) -> dict[str, Answer]:
    """What a case gives with each runtime."""
    seen = {}
    for name, path in runtimes.items():
        given = answer(case.command.replace("RT", path).replace("NAME", f"of-{name}"))
        seen[name] = Answer(given.code, normal(given.output, name, path))
    return seen


def compare(cases: Iterable[Case], runtimes: dict[str, str], answer: Callable[[str], Answer]) -> int:
    """Prints a row for each case, and what was said where apus stands alone; returns how many such there are."""
    ours, *peers = runtimes
    alone: list[str] = []
    print(f"| command | {' | '.join(runtimes)} |\n|---|{'---|' * len(runtimes)}")
    for case in cases:
        # A client may lose what is written right before the end, whatever the runtime: who stands alone is asked again.
        for _ in range(TRIES):
            seen = answers(case, runtimes, answer)
            agree = [name for name in peers if seen[name] == seen[ours] and seen[name].code != HANGS]
            if agree or case.meant:
                break
        cells = ["ok" if agree or not peers else "meant" if case.meant else "ALONE"]
        cells += ["same" if name in agree else "differs" for name in peers]
        print(f"| {case.name} | {' | '.join(cells)} |", flush=True)
        if cells[0] == "ALONE":
            alone.append("\n".join([f"{case.name}:"] + [f"  {name}: {seen[name]}" for name in runtimes]))
        elif cells[0] == "meant":
            print(f"|  | {case.meant} |{' |' * len(peers)}", flush=True)
    for text in alone:
        print(text)
    return len(alone)
