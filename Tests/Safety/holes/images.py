"""What an image brings: files that never end, names that never end, programs with the names of the host's helpers."""

import os
import resource
import shutil
import stat
import subprocess
import time
from pathlib import Path

from arena import PROMPT, Arena, Table, Unable, brief, expect
from ground import Bundle
from holes.inodes import user_namespace

TABLE = Table()
MEBIBYTE = 1 << 20


def bounded() -> None:
    """For a command that may not know an end: it is not to take this machine with it."""
    resource.setrlimit(resource.RLIMIT_DATA, (2048 * MEBIBYTE, 2048 * MEBIBYTE))


def endless(kind: str, place: Path) -> None:
    place.unlink(missing_ok=True)
    if kind == "fifo":
        os.mkfifo(place)
    elif kind == "zero device":
        os.mknod(place, stat.S_IFCHR | 0o644, os.makedev(1, 5))
    elif kind == "sparse file":
        with open(place, "wb") as file:
            file.truncate(1 << 40)
    elif kind == "directory":
        place.mkdir()
    else:
        place.symlink_to(kind)


@TABLE.add("sizes of files", "/etc/passwd and /etc/group are FIFOs, devices, or files of procfs without an end", limit=600)
def passwd(arena: Arena) -> None:
    """In run, create and exec, for a user that has to be looked up for HOME."""
    for kind in ("fifo", "zero device", "sparse file", "directory", "/dev/zero", "/proc/self/pagemap", "/proc/self/mem",
                 "/dev/tty", "/proc/1/pagemap", "/proc/self/fd/0", "/dev/stdin"):
        for name in ("passwd", "group"):
            bundle = arena.bundle("sleep 100")
            bundle.config["process"]["user"] = {"uid": 1000, "gid": 1000}
            endless(kind, bundle.rootfs / "etc" / name)
            container = arena.name()
            outcome = arena.run(bundle.write(), "--detach", name=container, preexec_fn=bounded)
            if outcome.succeeded:
                arena.exec(container, "/bin/true", flags=("--user", "1001"), preexec_fn=bounded)
                arena.delete(container)


def measured(arena: Arena, *words: str) -> tuple[int, int, float]:
    """Status, peak memory in bytes, and seconds of a command of the runtime; it is killed where it takes too long."""
    begin = time.monotonic()
    process = subprocess.Popen(arena.runtime.command(*words), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                               stderr=subprocess.DEVNULL, start_new_session=True, preexec_fn=bounded)
    while time.monotonic() < begin + 2 * PROMPT:
        pid, status, used = os.wait4(process.pid, os.WNOHANG)
        if pid:
            process.returncode = os.waitstatus_to_exitcode(status)
            return process.returncode, used.ru_maxrss * 1024, time.monotonic() - begin
        time.sleep(0.01)
    arena.stop(process)
    return -1, 0, 2 * PROMPT


@TABLE.add("many users", "a PATH of 30,000 directories and a program name of 60,000 bytes")
def products(arena: Arena) -> None:
    worst_memory, worst_time = 0, 0.0
    for colons, length in ((30000, 60000), (60000, 30), (3, 120000), (30000, 255)):
        for separator in (":", "a:"):
            bundle = arena.bundle()
            bundle.config["process"] |= {"args": ["x" * length], "env": ["PATH=" + separator * colons]}
            status, memory, seconds = measured(arena, "run", "--bundle", str(bundle.write().path), arena.name())
            worst_memory, worst_time = max(memory, worst_memory), max(seconds, worst_time)
            words = f"{colons} directories, {length} bytes: "
            expect(seconds < PROMPT, words + "hangs")
            expect(status >= 0, words + f"died of signal {-status}, {memory // MEBIBYTE} MiB")
            expect(memory < 64 * MEBIBYTE, words + f"{memory // MEBIBYTE} MiB")
    arena.figure = f"{worst_memory // MEBIBYTE} MiB, {worst_time:.1f} s"


def memory_limit(bundle: Bundle, limit: int) -> Bundle:
    bundle.config["linux"]["resources"] = {"memory": {"limit": limit}, "devices": [{"allow": False, "access": "rwm"}]}
    return bundle


def copied_up(bundle: Bundle, *options: str) -> None:
    entry = {"destination": "/data", "type": "tmpfs", "source": "tmpfs", "options": list(options)}
    bundle.config["mounts"].insert(0, entry)


@TABLE.add("image files", "tmpcopyup of 400 MB with a memory limit of 50 MiB")
def copied_memory(arena: Arena) -> None:
    for is_sparse in (True, False):
        bundle = memory_limit(arena.bundle("du -sm /data | cut -f1"), 50 * MEBIBYTE)
        (bundle.rootfs / "data").mkdir()
        with open(bundle.rootfs / "data/large", "wb") as file:
            if is_sparse:
                file.truncate(400 * 1000 * 1000)
            else:
                for _ in range(80):
                    file.write(os.urandom(MEBIBYTE))
        copied_up(bundle, "tmpcopyup")
        outcome = arena.run(bundle.write(), timeout=60)
        if outcome.succeeded:
            expect(int(outcome.out.split()[0]) < 64, f"{outcome.out.strip()} MB were copied within a limit of 50")


@TABLE.add("image files", "tmpcopyup of FIFOs, devices, sockets, links out of the image")
def copied_specials(arena: Arena) -> None:
    for size in ("size=1m", "size=64m"):
        bundle = memory_limit(arena.bundle("find /data -type f; cat /data/link/secret /data/file-link"), 50 * MEBIBYTE)
        folder = bundle.rootfs / "data"
        folder.mkdir()
        os.mkfifo(folder / "fifo")
        os.mknod(folder / "zero", stat.S_IFCHR | 0o666, os.makedev(1, 5))
        os.mknod(folder / "disk", stat.S_IFBLK | 0o666, os.makedev(7, 99))
        os.mknod(folder / "socket", stat.S_IFSOCK | 0o666)
        (folder / "link").symlink_to(arena.canary)
        (folder / "file-link").symlink_to(arena.canary / "secret")
        copied_up(bundle, "tmpcopyup", size)
        outcome = arena.run(bundle.write())
        expect("the-secret" not in outcome.out, "a file of the host was copied")
        expect("/data/" not in outcome.out, f"became a regular file: {outcome.out.split()}")


@TABLE.add("CVE-2026-84042", "programs of the image with the names of the host's helpers")
def helpers(arena: Arena) -> None:
    bundle = arena.bundle()
    for name in ("newuidmap", "newgidmap", "criu", "modprobe", "mount", "umount", "passt", "slirp4netns", "ldconfig",
                 "systemctl", "getent"):
        for folder in ("bin", "usr/bin", "sbin", "usr/sbin"):
            path = bundle.rootfs / folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.unlink(missing_ok=True)
            path.write_text(f"#!/bin/sh\n: >/ran\n: >{bundle.path}/ran\n")
            path.chmod(0o755)
    bundle.config["process"]["user"] = {"uid": 0, "gid": 0}
    os.chown(bundle.rootfs, 100000, 100000)
    user_namespace(bundle, [{"containerID": 0, "hostID": 100000, "size": 65536}])
    outcome = arena.run(bundle, cwd=bundle.rootfs)
    expect(outcome.succeeded, f"did not run: {brief(outcome)}")
    name = arena.start(bundle.shell("sleep 100"), cwd=bundle.rootfs / "bin")
    arena.exec(name, "/bin/true", cwd=bundle.rootfs / "bin")
    ran = [path for path in (bundle.rootfs / "ran", bundle.path / "ran") if path.exists()]
    expect(not ran, "a program of the image ran as a helper")


LOADED = ("/etc/nsswitch.conf", "/etc/ld.so", "/etc/localtime", "/usr/share/icu", "/usr/lib/locale", "gconv", "libnss",
          "/etc/resolv.conf", "/usr/share/zoneinfo", "/lib/", "/lib64/")


@TABLE.add("CVE-2019-14271", "after entering the image nothing is loaded from it: libraries, locales, name services")
def loaded(arena: Arena) -> None:
    if not shutil.which("strace"):
        raise Unable("no strace")
    bundle = arena.bundle("true")
    bundle.config["process"]["user"] = {"uid": 1000, "gid": 1000}
    name = arena.start(arena.bundle("sleep 100"))
    for words in (("run", "--bundle", str(bundle.write().path), arena.name()), ("exec", name, "/bin/true")):
        log = arena.ground.work / f"trace-{words[0]}"
        with open(arena.ground.work / "output", "wb") as output:
            subprocess.run(["strace", "-f", "-o", log, "-e", "trace=openat,openat2,open,pivot_root,setns,execve",
                            *arena.runtime.command(*words)],
                           stdin=subprocess.DEVNULL, stdout=output, stderr=output, timeout=60)
        found, inside = [], set()
        for line in log.read_text(errors="replace").splitlines():
            pid, _, call = line.partition(" ")
            call = call.strip()
            if call.startswith(("pivot_root(", "setns(")):
                inside.add(pid)
            elif call.startswith("execve(") and "/bin/" in call and call.endswith("= 0"):
                inside.discard(pid)
            elif pid in inside and call.startswith("open") and any(word in call for word in LOADED):
                found.append(call[:80])
        expect(inside or log.stat().st_size > 2000, f"{words[0]} was not seen to enter")
        expect(not found, f"{words[0]}: {found[:2]}")


@TABLE.add("images", "mount points behind loops of links, links of 4,000 bytes, 1,500 directories deep")
def shapes(arena: Arena) -> None:
    for destination in ("/loop/x", "/long/x", "/deep" + "/d" * 1500):
        bundle = arena.bundle()
        (bundle.rootfs / "loop").symlink_to("loop2")
        (bundle.rootfs / "loop2").symlink_to("loop")
        (bundle.rootfs / "long").symlink_to("./" * 2000 + "tmp")
        arena.mount(bundle, destination, "tmpfs", "tmpfs", "rw")
        outcome = arena.run(bundle.write())
        arena.unchanged()
        expect(outcome.succeeded or outcome.err, f"{destination[:10]}: refused without a word")
