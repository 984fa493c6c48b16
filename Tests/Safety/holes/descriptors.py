"""Descriptors, working directories and programs through which a process would be outside."""

import os
import shutil
import sys

from arena import SECRET, Arena, Table, brief, expect
from ground import call

TABLE = Table()


def look_around(arena: Arena) -> str:
    """A script that finds the secret, if the working directory is outside of the root."""
    up = "../" * 30
    return (f"cat secret ../secret {up}{str(arena.canary)[1:]}/secret 2>/dev/null; ls {up} 2>/dev/null; "
            "cat /proc/self/fd/*/secret 2>/dev/null; ls -l /proc/self/fd; echo over")


def opened(arena: Arena) -> dict:
    """Descriptors that a careless caller leaves open: the root, /etc, and the canary."""
    held = [os.open(path, os.O_RDONLY | os.O_DIRECTORY) for path in ("/", "/etc", arena.canary, arena.canary.parent)]
    for number, source in zip((9, 10, 11, 12), held):
        os.dup2(source, number + 100)
    return {"pass_fds": (109, 110, 111, 112), "close_fds": True}


def numbers(arena: Arena) -> list[int]:
    return [*range(0, 16 if arena.short else 41), 109, 110, 111, 112]


@TABLE.add("CVE-2024-21626", "working directories that are descriptors: in run, in exec, through a link", limit=240)
def working_directories(arena: Arena) -> None:
    options = opened(arena)
    name = arena.start(arena.bundle("sleep 100"), **options)
    reached = 0
    for number in numbers(arena):
        path = f"/proc/self/fd/{number}"
        bundle = arena.bundle(look_around(arena))
        (bundle.rootfs / "wd").symlink_to(path)
        for cwd in (path, "/wd", f"{path}/..", f"/proc/thread-self/fd/{number}"):
            bundle.config["process"]["cwd"] = cwd
            outcome = arena.run(bundle.write(), **options)
            expect(SECRET not in outcome.out, f"run: cwd {cwd} is on the host")
            reached += "over" in outcome.out
        outcome = arena.exec(name, "/bin/sh", "-c", look_around(arena), flags=("--cwd", path), **options)
        expect(SECRET not in outcome.out, f"exec: cwd {path} is on the host")
    bundle = arena.bundle(look_around(arena))
    expect("over" in arena.said(bundle, **options), "does not even run with a working directory of its own")


@TABLE.add("CVE-2024-21626", "programs whose path goes through a descriptor")
def programs(arena: Arena) -> None:
    options = opened(arena)
    name = arena.start(arena.bundle("sleep 100"), **options)
    for number in numbers(arena):
        for tail in ("/bin/sh", "/../bin/sh", "/../../bin/sh", "/usr/bin/env"):
            program = f"/proc/self/fd/{number}{tail}"
            is_shell = tail.endswith("sh")
            words = [program, *(("-c", look_around(arena)) if is_shell else ("cat", f"{arena.canary}/secret"))]
            bundle = arena.bundle()
            bundle.config["process"]["args"] = words
            expect(SECRET not in arena.run(bundle.write(), **options).out, f"run: {program} is the host's")
        outcome = arena.exec(name, *words, **options)
        expect(SECRET not in outcome.out, f"exec: {program} is the host's")


@TABLE.add("CVE-2024-21626", "descriptors that are open inside: in run, create and start, exec")
def open_inside(arena: Arena) -> None:
    options = opened(arena)
    script = "for n in /proc/self/fd/*; do echo fd ${n##*/}; done"

    def check(text: str, where: str) -> None:
        found = {line.split()[1] for line in text.splitlines() if line.startswith("fd ")}
        # A shell has one more while it lists the directory.
        expect(found >= {"0", "1", "2"} and len(found) <= 4, f"{where}: open are {', '.join(sorted(found, key=int))}")

    check(arena.said(arena.bundle(script), **options), "run")
    name = arena.start(arena.bundle("sleep 100"), **options)
    check(arena.exec(name, "/bin/sh", "-c", script, **options).out, "exec")
    bundle = arena.bundle(f"({script}) >/open")
    created = arena.create(bundle, **options)
    outcome = arena.call("start", created, **options)
    expect(outcome.succeeded, brief(outcome))
    for _ in range(1000):
        if (bundle.rootfs / "open").exists() and "fd 2" in (bundle.rootfs / "open").read_text():
            break
        os.sched_yield()
        arena.runtime.state(created)
    check((bundle.rootfs / "open").read_text(), "create and start")


@TABLE.add("CVE-2019-5736", "the program is /proc/self/exe, directly or as interpreter, in run and exec")
def own_program(arena: Arena) -> None:
    copy = arena.ground.work / "runtime"
    shutil.copy2(arena.runtime.path, copy)
    arena.runtime.path = str(copy)
    arena.before = arena.host()
    before = os.stat(copy)
    bundle = arena.bundle("sleep 100")
    for name in ("evil", "linked"):
        script = bundle.rootfs / "bin" / name
        script.write_text("#!/proc/self/exe\n") if name == "evil" else script.symlink_to("/proc/self/exe")
        script.chmod(0o755) if name == "evil" else None
    container = arena.start(bundle.write())
    for program in ("/proc/self/exe", "/bin/evil", "/bin/linked", "/proc/thread-self/exe", "/proc/1/exe"):
        other = arena.bundle()
        for name in ("evil", "linked"):
            shutil.copy2(bundle.rootfs / "bin" / name, other.rootfs / "bin" / name, follow_symlinks=False)
        other.config["process"]["args"] = [program, "--version"]
        outcome = arena.run(other.write())
        expect("version" not in outcome.out.lower() or outcome.out.lower().startswith("busybox"),
               f"run: {program} is the runtime: {outcome.out[:40]!r}")
        arena.exec(container, program, "--version")
        arena.unchanged()
    expect(os.stat(copy)[:9] == before[:9], "the runtime's binary was touched")


@TABLE.add("preserved descriptors", "--preserve-fds passes those that were asked for, and no other")
def preserved(arena: Arena) -> None:
    ends = os.pipe()
    bundle = arena.bundle("for n in /proc/self/fd/*; do echo fd ${n##*/} $(readlink $n); done")
    place = ("import os, sys; os.dup2(int(sys.argv[1]), 3); os.dup2(int(sys.argv[2]), 4); "
             "os.execv(sys.argv[3], sys.argv[3:])")
    command = arena.runtime.command("run", "--bundle", str(bundle.path), "--preserve-fds", "1", arena.name())
    outcome = call([sys.executable, "-c", place, *map(str, ends), *command], pass_fds=ends)
    expect(outcome.succeeded, brief(outcome))
    pipes = [line for line in outcome.out.splitlines() if "pipe:" in line and line.split()[1] in ("3", "4")]
    expect([line.split()[1] for line in pipes] == ["3"], f"{pipes}")
