"""What is kept about containers: states that are broken, held up or full; errors of single system calls."""

import json
import os
import resource
import shutil
import subprocess
from functools import partial
from pathlib import Path
from socket import AF_UNIX, SOCK_DGRAM, socket

from arena import Arena, Hit, Table, Unable, brief, expect, wait_until
from holes.interrupted import inhabitants

TABLE = Table()
STATES = ("state.json", "status")  # names of the files, by runtime


def state_file(arena: Arena, name: str) -> Path:
    for file in STATES:
        if (path := arena.runtime.root / name / file).exists():
            return path
    raise Unable("no state file of a known name")


def break_state(path: Path, how: str) -> None:
    text = path.read_text()
    document = json.loads(text)
    if how == "truncated":
        path.write_text(text[:len(text) // 2])
    elif how == "empty":
        path.write_text("")
    elif how == "another version":
        path.write_text(json.dumps(document | {"version": 99, "ociVersion": "9.9.9"}))
    elif how == "wrong types":
        path.write_text(json.dumps({key: [] for key in document}))
    elif how == "no object":
        path.write_text("[1, 2]")
    elif how == "garbage":
        path.write_bytes(bytes(range(256)) * 16)
    else:
        path.unlink()
        if how == "directory":
            path.mkdir()
        elif how == "fifo":
            os.mkfifo(path)
        elif how == "link to /dev/zero":
            path.symlink_to("/dev/zero")
        elif how == "loop":
            path.symlink_to(path.name)


def restore(path: Path, text: str) -> None:
    if path.is_dir() and not path.is_symlink():
        path.rmdir()
    else:
        path.unlink(missing_ok=True)
    path.write_text(text)


BREAKS = ("truncated", "empty", "another version", "wrong types", "no object", "garbage", "directory", "fifo", "loop",
          "link to /dev/zero")


def bounded() -> None:
    resource.setrlimit(resource.RLIMIT_DATA, (2 << 30, 2 << 30))



def force(arena: Arena, name: str, how: str, **options) -> None:
    """`delete --force` ends the container or says that it could not, and forgets it in the first case only."""
    outcome = arena.call("delete", "--force", name, timeout=30, **options)
    if outcome.succeeded:
        try:
            wait_until(lambda: not inhabitants(), "", 2)
        except Hit:
            raise Hit(f"{how}: status 0, and the container runs on") from None
    else:
        known = (arena.runtime.root / name).exists()
        expect(known or not inhabitants(), f"{how}: the state is gone, and the container runs on")


@TABLE.add("states",
           "the state file is truncated, of another version, of wrong types, a FIFO, a link; then delete --force",
           limit=300)
def broken(arena: Arena) -> None:
    for how in BREAKS:
        name = arena.start(arena.bundle("sleep 100"))
        path = state_file(arena, name)
        text = path.read_text()
        break_state(path, how)
        for words in (("state", name), ("list",), ("exec", name, "/bin/true")):
            arena.call(*words, preexec_fn=bounded)
        force(arena, name, how, preexec_fn=bounded)
        if path.parent.exists():
            restore(path, text)
            arena.delete(name)
        wait_until(lambda: not inhabitants(), f"{how}: survives a restored state and delete --force")


@TABLE.add("states", "delete --force with a limit of 5 descriptors")
def out_of_descriptors(arena: Arena) -> None:
    for limit in (3, 4, 5, 6, 8, 10, 16):
        name = arena.start(arena.bundle("sleep 100"))
        few = partial(resource.setrlimit, resource.RLIMIT_NOFILE, (limit, limit))
        force(arena, name, f"limit of {limit}", preexec_fn=few)
        if (arena.runtime.root / name).exists():
            arena.delete(name)
        wait_until(lambda: not inhabitants(), "survives delete --force")


def traced(arena: Arena, log: Path, *words: str, inject: str = "", calls: str = "") -> list[str]:
    command = ["strace", "-o", str(log), "-e", f"trace={calls}", *(["-e", f"inject={inject}"] if inject else [])]
    return [*command, *arena.runtime.command(*words)]


def need_strace() -> None:
    if not shutil.which("strace"):
        raise Unable("no strace")


OPENS = "mkdir,mkdirat,openat,openat2,flock"


@TABLE.add("cgroups",
           "create is held up right after it made the state's directory, while delete --force and a second create run",
           peers=())
def reserved(arena: Arena) -> None:
    need_strace()
    log = arena.ground.work / "log"
    bundle = arena.bundle("sleep 100")
    name = arena.name()
    subprocess.run(traced(arena, log, "create", "--bundle", str(bundle.path), name, calls=OPENS),
                   stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=60)
    arena.delete(name)
    lines = [line for line in log.read_text(errors="replace").splitlines() if "(" in line]
    made = next((index for index, line in enumerate(lines) if line.startswith("mkdir") and name in line), None)
    if made is None:
        raise Unable("makes no directory for a container")
    # Each call after it is a moment at which others may come in between.
    for line in range(made + 1, min(made + 6, len(lines))):
        call_name = lines[line].partition("(")[0]
        if call_name not in OPENS.split(","):
            continue
        when = sum(before.startswith(call_name + "(") for before in lines[:line + 1])
        held_up(arena, name, call_name, when)


def held_up(arena: Arena, name: str, call_name: str, when: int) -> None:
    log = arena.ground.work / f"log-{call_name}-{when}"
    first, second = arena.bundle("sleep 100"), arena.bundle("sleep 200")
    command = traced(arena, log, "create", "--bundle", str(first.path), name, calls=OPENS,
                     inject=f"{call_name}:delay_enter=1500000:when={when}")
    slow = arena.spawn(*command)
    wait_until(lambda: (arena.runtime.root / name).exists(), "create does not come to its directory", 30)
    arena.runtime.call("delete", "--force", name, timeout=30)
    other = arena.runtime.call("create", "--bundle", str(second.path), name, timeout=60)
    status = slow.wait(60)
    where = f"{call_name} {when}"
    expect(not (other.succeeded and status == 0 and len(inhabitants()) > 1), f"{where}: two containers of one name")
    state = arena.runtime.state(name)
    if other.succeeded or status == 0:
        expect(state.get("status") == "created", f"{where}: created, and then it is {state.get('status', 'unknown')}")
        wanted = second if other.succeeded else first
        expect(state.get("bundle") == str(wanted.path), f"{where}: the state is that of another")
    else:
        expect(not state and not inhabitants(), f"{where}: neither was created, and something is there")
    outcome = arena.runtime.call("delete", "--force", name, timeout=30)
    expect(not inhabitants(), f"{where}: {inhabitants()} is nobody's ({brief(outcome)})")
    expect(not (arena.runtime.root / name).exists(), f"{where}: an empty state stays")


@TABLE.add("notify socket", "a container fills the directory of its notify socket with 1,500 nested directories")
def nested(arena: Arena) -> None:
    manager = socket(AF_UNIX, SOCK_DGRAM)
    address = arena.ground.work / "manager"
    manager.bind(str(address))
    for remount in ("", "mount -o remount,bind,rw $d; "):
        script = ("exec >/report 2>&1; d=${NOTIFY_SOCKET%/*}; ls -ld $d; " + remount + "cd $d && "
                  "for n in $(seq 1500); do mkdir d && cd d || break; done; pwd | wc -c; touch file; echo over")
        bundle = arena.bundle(script).capabilities("SYS_ADMIN")
        if not (bundle.rootfs / "bin/seq").exists():
            for applet in ("seq", "wc"):
                (bundle.rootfs / "bin" / applet).symlink_to("busybox")
        name = arena.create(bundle, env=os.environ | {"NOTIFY_SOCKET": str(address)})
        process = arena.background("start", name, env=os.environ | {"NOTIFY_SOCKET": str(address)})
        wait_until(lambda: arena.runtime.state(name).get("status") == "stopped", "does not end", 30)
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            raise Hit("start hangs, and its container has ended") from None
        said = "".join(path.read_text() for path in bundle.rootfs.glob("report"))
        expect("over" in said, f"the container did not come to its attack: {said[-80:]}")
        depth = max(map(int, filter(str.isdigit, said.split())), default=0)
        refused = any(reason in said for reason in ("No space left", "Read-only"))
        expect(depth > 1500 or refused, f"the attack was none: {said[-80:]}")
        arena.delete(name)
        expect(not (arena.runtime.root / name).exists(), "delete --force left it")
    manager.close()


@TABLE.add("first error", "an error of one call is the error that is told: sendmsg, and a thaw in delete --force", peers=())
def first_error(arena: Arena) -> None:
    need_strace()
    name = arena.name()
    bundle = arena.bundle("true")
    command = ["strace", "-f", "-o", "/dev/null", "-e", "trace=sendmsg", "-e", "inject=sendmsg:error=ENOMEM"]
    result = subprocess.run([*command, *arena.runtime.command("run", "--bundle", str(bundle.path), name)],
                            capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL)
    text = result.stderr.lower()
    expect(result.returncode == 0 or "cannot allocate memory" in text or "enomem" in text or "out of memory" in text,
           f"sendmsg: ENOMEM is told as {result.stderr.strip()[-120:]}")
    paused = arena.start(arena.bundle("sleep 100"))
    arena.call("pause", paused)
    files = [str(path / file) for path in arena.ground.cgroups() for file in ("freezer.state", "cgroup.freeze")
             if (path / file).exists()]
    expect(files, "no freezer")
    command = ["strace", "-f", "-o", "/dev/null", *(word for file in files for word in ("-P", file)),
               "-e", "trace=write", "-e", "inject=write:error=EIO"]
    result = subprocess.run([*command, *arena.runtime.command("delete", "--force", paused)], capture_output=True,
                            text=True, timeout=60)
    text = result.stderr.lower()
    if result.returncode:
        expect("input/output error" in text or "eio" in text, f"thaw: EIO is told as {result.stderr.strip()[-120:]}")
    if (arena.runtime.root / paused).exists():
        arena.delete(paused)


@TABLE.add("renames", "each openat2 in turn is answered EAGAIN, as where somebody renames something on the host")
def interrupted_resolution(arena: Arena) -> None:
    need_strace()
    wrong, number = [], 0
    for number in range(1, 25):
        bundle = arena.bundle("echo over")
        (bundle.rootfs / "run").mkdir()
        (bundle.rootfs / "etc/up").symlink_to("../run")
        arena.mount(bundle, "/etc/up/x", "tmpfs", "tmpfs", "rw")
        log = arena.ground.work / f"log-{number}"
        tracer = ["strace", "-f", "-o", str(log), "-e", "trace=openat2",
                  "-e", f"inject=openat2:error=EAGAIN:when={number}"]
        command = arena.runtime.command("run", "--bundle", str(bundle.write().path), arena.name())
        result = subprocess.run([*tracer, *command], capture_output=True, text=True, timeout=60,
                                stdin=subprocess.DEVNULL)
        if "INJECTED" not in log.read_text(errors="replace"):
            break
        if "over" not in result.stdout:
            wrong.append(f"call {number}: {result.stderr.strip()[-100:]}")
    arena.figure = f"{number - 1} calls"
    if number == 1:
        raise Unable("does not use openat2")
    expect(not wrong, f"{len(wrong)} of {number - 1} calls: {wrong[:1]}")


@TABLE.add("CVE-2026-53489", "--pid-file is a link to a file of the host")
def pid_file(arena: Arena) -> None:
    for target in ("file", "new"):
        bundle = arena.bundle("true")
        place = bundle.path / "pid"
        place.symlink_to(arena.canary / target)
        outcome = arena.run(bundle, "--pid-file", str(place))
        arena.unchanged()
        expect(outcome.succeeded or "pid" in outcome.err, f"did not run: {brief(outcome)}")


@TABLE.add("CVE-2026-94603", "restore does not take a configuration from the images of a checkpoint", peers=())
def restored(arena: Arena) -> None:
    bundle = arena.bundle("true")
    images = bundle.path / "images"
    images.mkdir()
    (images / "config.json").write_text((bundle.path / "config.json").read_text())
    outcome = arena.call("restore", "--bundle", str(bundle.path), "--image-path", str(images), arena.name())
    expect(not outcome.succeeded, "restored from nothing")
