"""Inodes of the host that a container can name or hold: masks, bound devices, its streams, its console.

The device nodes are those of the attack's own machine (`world.make_devices`).
"""

import os
import stat

from arena import Arena, Table, brief, expect
from ground import Bundle
from holes.links import Terminal, without

TABLE = Table()
OWNERS = ("CHOWN", "FOWNER", "DAC_OVERRIDE", "FSETID")
# What changes an inode without writing to it.
CHANGES = "chmod 000 {0}; touch -d 2001-01-01 {0}; chown 7:7 {0}; chmod 4777 {0}"
IDENTITY = [{"containerID": 0, "hostID": 0, "size": 65536}]


def change(*paths: str) -> str:
    return f"for f in {' '.join(paths)}; do {CHANGES.format('$f')}; done 2>/dev/null; echo tried"


def user_namespace(bundle: Bundle, mappings: list[dict]) -> Bundle:
    linux = bundle.config["linux"]
    linux["namespaces"] = [*linux["namespaces"], {"type": "user"}]
    linux |= {"uidMappings": mappings, "gidMappings": mappings}
    return bundle.write()


def tried(arena: Arena, bundle: Bundle, *flags: str) -> None:
    expect("tried" in arena.said(bundle, *flags), "the container did not come to its attack")
    arena.unchanged()


@TABLE.add("inodes", "masked files: chmod, touch, chown of what masks them")
def masks(arena: Arena) -> None:
    script = change("/proc/kcore", "/proc/keys", "/proc/timer_list", "/secret")
    for capabilities in ((), OWNERS):
        bundle = arena.bundle(script).capabilities(*capabilities)
        (bundle.rootfs / "secret").write_text("masked")
        bundle.config["linux"]["maskedPaths"] = [*bundle.config["linux"]["maskedPaths"], "/secret"]
        tried(arena, bundle.write())


@TABLE.add("inodes", "masked directories: what is made there is not seen by others, and changes nothing of the host's")
def mask_directories(arena: Arena) -> None:
    bundle = arena.bundle("touch /masked/new && echo written; ls /masked; " + change("/masked"))
    bundle.capabilities(*OWNERS)
    (bundle.rootfs / "masked").mkdir()
    bundle.config["linux"]["maskedPaths"] = ["/masked"]
    said = arena.said(bundle.write())
    expect("written" not in said, "a masked directory can be written to")
    arena.unchanged()


@TABLE.add("inodes", "masked files, also with CAP_SYS_ADMIN in a user namespace of its own, which remounts")
def masks_remounted(arena: Arena) -> None:
    script = ("for f in /proc/keys /proc/kcore /dev/null /dev/zero; do mount -o remount,bind,rw $f; umount $f; done "
              "2>/dev/null; " + change("/proc/keys", "/proc/kcore", "/dev/null", "/dev/zero"))
    bundle = arena.bundle(script).capabilities(*OWNERS, "SYS_ADMIN", "SETUID", "SETGID", "MKNOD")
    tried(arena, user_namespace(bundle, IDENTITY))


@TABLE.add("inodes", "devices that are bound because of a user namespace, its root being the host's root or not")
def bound_devices(arena: Arena) -> None:
    paths = [f"/dev/{name}" for name in ("null", "zero", "full", "random", "urandom", "tty")]
    for host in (0, 100000):
        bundle = arena.bundle(change(*paths)).capabilities(*OWNERS)
        if host:
            os.chown(bundle.rootfs, host, host)
        tried(arena, user_namespace(bundle, [{"containerID": 0, "hostID": host, "size": 65536}]))
        node = {"path": "/dev/full", "type": "c", "major": 1, "minor": 7, "fileMode": 0o600, "uid": 5, "gid": 5}
        bundle.config["linux"]["devices"] = [node]
        arena.attempt(bundle.write())


@TABLE.add("inodes", "/dev/console and the terminal, with and without terminals of the container's own")
def console(arena: Arena) -> None:
    for has_terminals in (True, False):
        bundle = arena.bundle(change("/dev/console", "/dev/tty", "/proc/self/fd/0") + "; sleep 100")
        bundle.capabilities(*OWNERS)
        bundle.config["process"]["terminal"] = True
        if not has_terminals:
            without(bundle, "/dev/pts")
        terminal = Terminal(arena)
        name = arena.name()
        outcome = arena.run(bundle.write(), "--detach", "--console-socket", str(terminal.path), name=name)
        if has_terminals:
            expect(outcome.succeeded, f"did not start: {brief(outcome)}")
        if outcome.succeeded:
            text = b""
            while b"tried" not in text:
                text += os.read(terminal.received[0], 1000)
            arena.unchanged()
            arena.delete(name)
        terminal.close()


def with_null(arena: Arena, bundle: Bundle) -> None:
    """Runs with the host's /dev/null as all three streams."""
    process = arena.background("run", "--bundle", str(bundle.path), arena.name())
    process.wait(30)
    arena.unchanged()


@TABLE.add("inodes, CVE-2026-88265",
           "standard streams that are the host's /dev/null: chmod, touch, chown through /proc/self/fd")
def streams(arena: Arena) -> None:
    for uid in (0, 1000):
        bundle = arena.bundle(change(*(f"/proc/self/fd/{number}" for number in range(3))) + "; touch /reached")
        bundle.capabilities(*OWNERS)
        os.chmod(bundle.rootfs, 0o777)
        bundle.config["process"]["user"] = {"uid": uid, "gid": uid}
        with_null(arena, bundle.write())
        expect((bundle.rootfs / "reached").exists(), "the container did not come to its attack")


@TABLE.add("CVE-2026-88265", "the image's /dev/null is a link or a file, and the streams are the host's")
def null_in_image(arena: Arena) -> None:
    for target in (arena.canary / "file", None):
        for uid in (0, 1000):
            bundle = without(arena.bundle(), "/dev", "/dev/pts")
            bundle.config["process"]["user"] = {"uid": uid, "gid": uid}
            place = bundle.rootfs / "dev/null"
            place.symlink_to(target) if target else place.touch()
            with_null(arena, bundle.write())


def device_volume(arena: Arena, bundle: Bundle, null: str) -> None:
    """/dev of the container is a directory of the host whose `null` is something else."""
    folder = bundle.path / "devices"
    folder.mkdir()
    place = folder / "null"
    if null == "zero":
        os.mknod(place, stat.S_IFCHR | 0o666, os.makedev(1, 5))
    elif null == "file":
        place.write_text("not null")
    elif null:
        place.symlink_to(null)
    without(bundle, "/dev", "/dev/pts")
    arena.mount(bundle, "/dev", folder)
    bundle.write()


@TABLE.add("CVE-2025-31133, CVE-2025-62161",
           "/dev/null is a link, another device, a file, or not there, and paths are masked")
def masks_from_image(arena: Arena) -> None:
    for null in (str(arena.canary / "file"), "/proc/sys/kernel/hostname", "/masked", "zero", "file", ""):
        bundle = arena.bundle("head -c 10 /masked /proc/keys; echo changed >/proc/keys; echo changed >/masked; "
                              "mount | grep -c masked; ls -lL /masked | cut -c1-24; ls -l /masked")
        (bundle.rootfs / "masked").write_text("visible")
        bundle.config["linux"]["maskedPaths"] = ["/masked", "/proc/keys"]
        device_volume(arena, bundle, null)
        outcome = arena.attempt(bundle)
        where = f"/dev/null as {null}"
        expect((bundle.rootfs / "masked").read_text() == "visible", f"{where}: a masked file was written to")
        if outcome:
            shown = [text for text in ("visible", "not null") if text in outcome.out]
            expect(not shown, f"{where}: the mask shows {shown}")
            expect(" 1,   3" in outcome.out or "1, 3" in outcome.out or "----" in outcome.out,
                   f"{where}: masked by {outcome.out.splitlines()[-1:]}")


@TABLE.add("devices", "a device in linux.devices that is a path to a file of the host")
def device_paths(arena: Arena) -> None:
    for target in (arena.canary / "new", arena.canary / "file"):
        for way in (str(target), "../" * 40 + str(target)[1:]):
            bundle = without(arena.bundle(), "/dev", "/dev/pts")
            (bundle.rootfs / "dev/made").symlink_to(way)
            node = {"path": "/dev/made", "type": "c", "major": 1, "minor": 3, "fileMode": 0o777}
            bundle.config["linux"]["devices"] = [node]
            arena.attempt(bundle.write())
            bundle.config["linux"]["devices"][0]["path"] = "/dev/../../../../" + str(target)
            arena.attempt(bundle.write())


@TABLE.add("inodes", "exec: its streams and its terminal")
def exec_streams(arena: Arena) -> None:
    bundle = arena.bundle("sleep 100").capabilities(*OWNERS)
    name = arena.start(bundle)
    script = change(*(f"/proc/self/fd/{number}" for number in range(3)), "/dev/tty")
    process = arena.background("exec", name, "/bin/sh", "-c", script + "; touch /reached")
    process.wait(30)
    expect((bundle.rootfs / "reached").exists(), "exec did not come to its attack")
    arena.unchanged()
    arena.delete(name)
