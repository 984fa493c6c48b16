"""Links in an image that lead out of it: mount points, `/dev`, the console, what the runtime itself makes inside."""

import os
import socket
import threading
from pathlib import Path

from arena import Arena, Table, expect
from ground import Bundle

TABLE = Table()


def ways_out(arena: Arena, depth: int) -> dict[str, str]:
    """Targets of a link at some depth in the image that lead to the canary on the host, if one follows them there."""
    path = str(arena.canary)
    return {"absolute": path, "relative": "../" * (depth + 30) + path[1:], "magic": f"/proc/self/root{path}",
            "through process 1": f"/proc/1/root{path}"}


def clear(path: Path) -> Path:
    """The path, free for a link."""
    if path.is_dir() and not path.is_symlink():
        path.rmdir()
    elif path.exists() or path.is_symlink():
        path.unlink()
    return path


def without(bundle: Bundle, *destinations: str) -> Bundle:
    bundle.config["mounts"] = [mount for mount in bundle.config["mounts"] if mount["destination"] not in destinations]
    return bundle.write()


class Terminal:
    """Takes the terminal of a container: the socket for `--console-socket`, and the descriptor that came."""

    def __init__(self, arena: Arena):
        self.path = arena.ground.work / "console.sock"
        self.path.unlink(missing_ok=True)
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.listener.bind(str(self.path))
        self.listener.listen(4)
        self.received: list[int] = []
        threading.Thread(target=self.take, daemon=True).start()

    def take(self) -> None:
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            _, descriptors, _, _ = socket.recv_fds(connection, 4096, 4)
            self.received += descriptors
            connection.close()

    def close(self) -> None:
        self.listener.close()
        for descriptor in self.received:
            os.close(descriptor)


def in_terminal(arena: Arena, bundle: Bundle, script: str) -> None:
    """Runs the script with a terminal. It may be refused; it may not change anything outside."""
    bundle.config["process"]["terminal"] = True
    terminal = Terminal(arena)
    name = arena.name()
    arena.call("create", "--bundle", str(bundle.shell(script).path), "--console-socket", str(terminal.path), name)
    arena.unchanged()
    arena.call("start", name)
    arena.unchanged()
    if (arena.runtime.root / name).exists():
        arena.delete(name)
    terminal.close()


@TABLE.add("CVE-2026-41579, CVE-2026-47766", "/dev of the image is a link to a directory of the host")
def device_directory(arena: Arena) -> None:
    for target in ways_out(arena, 0).values():
        bundle = without(arena.bundle(), "/dev", "/dev/pts")
        clear(bundle.rootfs / "dev").symlink_to(target)
        arena.attempt(bundle)
        bundle.config["linux"]["devices"] = [{"path": "/dev/made", "type": "c", "major": 1, "minor": 3}]
        arena.attempt(bundle.write())


@TABLE.add("CVE-2019-18837", "the mount point of a file or a directory is a link to the host's")
def mount_points(arena: Arena) -> None:
    for kind, target in (("file", "file"), ("folder", "folder")):
        for way in ways_out(arena, 1).values():
            bundle = arena.bundle("cat /etc/hosts /etc/hosts/*")
            (bundle.rootfs / "etc/hosts").symlink_to(f"{way}/{target}")
            source = bundle.path / "source"
            source.mkdir() if kind == "folder" else source.write_text("mine")
            arena.attempt(arena.mount(bundle, "/etc/hosts", source).write())


@TABLE.add("CVE-2021-30465", "a directory on the way to a mount point is a link to the host's")
def way_to_mount_point(arena: Arena) -> None:
    for kind, options in (("tmpfs", ("rw",)), ("bind", ("rbind",))):
        for way in ways_out(arena, 1).values():
            bundle = arena.bundle("touch /v/x/folder/new; cat /v/x/secret")
            (bundle.rootfs / "v").mkdir()
            (bundle.rootfs / "v/x").symlink_to(way)
            source = bundle.path / "source"
            source.mkdir()
            arena.attempt(arena.mount(bundle, "/v/x/folder", source, kind, *options).write())


@TABLE.add("CVE-2024-45310", "mount points are made where a link leads")
def made_mount_points(arena: Arena) -> None:
    for is_folder in (False, True):
        for way in ways_out(arena, 1).values():
            bundle = arena.bundle()
            (bundle.rootfs / "v").mkdir()
            (bundle.rootfs / "v/a").symlink_to(way)
            source = bundle.path / "source"
            source.mkdir() if is_folder else source.touch()
            arena.attempt(arena.mount(bundle, "/v/a/b/c", source).write())


@TABLE.add("mounts on links", "nested links, links with .. and through other mounts, up to three deep")
def nested_links(arena: Arena) -> None:
    for second, third in (("2", ""), ("../v/2", "../../../.."), ("/v/2", "/proc/self/cwd/..")):
        bundle = arena.bundle("cat /v/1/made/secret /v/1/secret")
        (bundle.rootfs / "v").mkdir()
        (bundle.rootfs / "v/1").symlink_to(second)
        (bundle.rootfs / "v/2").symlink_to((third or "../" * 40) + str(arena.canary))
        arena.mount(bundle, "/v/1/made", "tmpfs", "tmpfs", "rw")
        arena.mount(bundle, "/v/1/bound", bundle.rootfs / "bin")
        arena.attempt(bundle.write())


@TABLE.add("CVE-2025-52565", "terminals in /dev/pts are links, and no new instance is mounted there")
def terminals(arena: Arena) -> None:
    for target in (str(arena.canary / "file"), "/proc/sys/kernel/hostname", "/v/file"):
        bundle = without(arena.bundle(), "/dev/pts")
        fake = bundle.path / "pts"
        fake.mkdir()
        for number in range(10):
            (fake / str(number)).symlink_to(target)
        (fake / "ptmx").symlink_to(target)
        arena.mount(bundle, "/v", arena.canary)
        arena.mount(bundle, "/dev/pts", fake)
        in_terminal(arena, bundle, "echo changed >/dev/console; [ -c /dev/console ]")


@TABLE.add("CVE-2026-88264", "/dev/console is a link, and /dev is no mount")
def console(arena: Arena) -> None:
    for readonly in (False, True):
        for name in ("new", "file", "folder/new"):
            for way in (str(arena.canary), "../" * 40 + str(arena.canary)[1:]):
                bundle = without(arena.bundle(), "/dev", "/dev/pts")
                bundle.config["root"]["readonly"] = readonly
                (bundle.rootfs / "dev/console").symlink_to(f"{way}/{name}")
                (bundle.rootfs / "dev/pts").mkdir()
                arena.mount(bundle, "/dev/pts", "devpts", "devpts", "newinstance", "ptmxmode=0666")
                in_terminal(arena, bundle, "echo changed >/dev/console")


@TABLE.add("CVE-2025-24965", "names that a runtime makes in the image are links to the host's files")
def helper_files(arena: Arena) -> None:
    for name in (".krun_config.json", "run/.containerenv", ".dockerenv", "dev/init", "run/secrets", "etc/mtab",
                 "etc/resolv.conf", "etc/hostname", "run/notify", ".old_root", ".pivot_root", "run/systemd"):
        for target in ("file", "new", "folder"):
            bundle = arena.bundle()
            (bundle.rootfs / name).parent.mkdir(exist_ok=True)
            (bundle.rootfs / name).symlink_to(arena.canary / target)
            bundle.config["annotations"] = {"run.oci.handler": "none"}
            arena.attempt(bundle.write())


@TABLE.add("nothing of the runtime's", "a run leaves the image as it was")
def image_stays(arena: Arena) -> None:
    bundle = arena.bundle()

    def names() -> list[str]:
        return sorted(os.path.join(parent, name) for parent, folders, files in os.walk(bundle.rootfs)
                      for name in folders + files)

    before = names()
    arena.said(bundle)
    expect(names() == before, f"made {sorted(set(names()) - set(before))}")


@TABLE.add("GHSA-3q8j", "a read-only or masked path leads through a link")
def restricted_paths(arena: Arena) -> None:
    for way in ways_out(arena, 1).values():
        bundle = arena.bundle("touch /v/ro/folder/new 2>/dev/null && echo written; cat /v/ro/secret 2>/dev/null")
        bundle.config["linux"] |= {"readonlyPaths": ["/v/ro/folder"], "maskedPaths": ["/v/ro/secret"]}
        (bundle.rootfs / "v").mkdir()
        (bundle.rootfs / "v/ro").symlink_to(way)
        arena.attempt(bundle.write())
        # The same where the link leads to a place inside: the restriction has to be there, or the container not.
        inside = bundle.rootfs / "inside"
        (inside / "folder").mkdir(parents=True)
        (inside / "secret").write_text("masked")
        clear(bundle.rootfs / "v/ro").symlink_to("../inside")
        outcome = arena.run(bundle)
        expect("written" not in outcome.out, "a read-only path can be written to")
        expect("masked" not in outcome.out, "a masked path can be read")


@TABLE.add("one look-up", "a read-only tmpfs on a link to another tmpfs")
def readonly_tmpfs(arena: Arena) -> None:
    bundle = arena.bundle("grep -E ' /(tmp|v/data) ' /proc/self/mountinfo")
    (bundle.rootfs / "v").mkdir()
    (bundle.rootfs / "v/data").symlink_to("/tmp")
    arena.mount(bundle, "/tmp", "tmpfs", "tmpfs", "rw")
    arena.mount(bundle, "/v/data", "tmpfs", "tmpfs", "ro")
    lines = [line.split()[4:6] for line in arena.said(bundle.write()).splitlines()]
    states = [options.split(",")[0] for _, options in lines]
    expect(states == ["rw", "ro"], f"mounts are {lines}")
