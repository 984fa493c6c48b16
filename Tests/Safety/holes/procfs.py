"""What a runtime writes into procfs, and images that put something else there."""

import subprocess
from pathlib import Path

from arena import Arena, Hit, Table, brief, expect
from ground import Bundle
from holes.links import clear, without

TABLE = Table()
LABELS = {"apparmorProfile": "docker-default", "selinuxLabel": "system_u:system_r:container_t:s0"}
PORT = "net/ipv4/ip_unprivileged_port_start"


def fake(bundle: Bundle) -> Path:
    """A tree that looks like the files of procfs that a runtime writes to."""
    tree = bundle.path / "fake"
    for name in ("self/attr/current", "self/attr/exec", "self/attr/apparmor/exec", "self/setgroups", "self/uid_map",
                 "self/oom_score_adj", "self/loginuid", "thread-self/attr/exec", "thread-self/attr/apparmor/exec",
                 f"sys/{PORT}", "sys/kernel/hostname", "sys/kernel/domainname", "sysrq-trigger", "1/attr/exec"):
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        (tree / name).write_text("untouched")
    (tree / "self/fd").mkdir()
    return tree


def untouched(tree: Path) -> None:
    for path in tree.rglob("*"):
        expect(not path.is_file() or path.read_text() == "untouched", f"wrote to {path.relative_to(tree)} of the image")


@TABLE.add("CVE-2019-19921, CVE-2023-27561, CVE-2025-54867", "/proc and /sys of the image are links")
def pseudo_file_systems(arena: Arena) -> None:
    for name in ("proc", "sys"):
        for target in ("./tmp/x", "/tmp/x", "tmp/x", str(arena.canary), "../" * 40 + str(arena.canary)[1:], "/missing",
                       "tmp/chain", "."):
            bundle = arena.bundle("[ -e /proc/self/status ] && echo has proc")
            if name == "sys":
                arena.mount(bundle, "/sys", "sysfs", "sysfs", "nosuid", "noexec", "nodev", "ro")
                bundle.write()
            place = clear(bundle.rootfs / name)
            (bundle.rootfs / "tmp/x").mkdir()
            (bundle.rootfs / "tmp/chain").symlink_to("x")
            place.symlink_to(target)
            outcome = arena.attempt(bundle)
            expect(outcome is None, f"/{name} -> {target} was accepted")


@TABLE.add("CVE-2023-28642", "/proc is a link to a mount point that is mounted first, with a label")
def linked_proc(arena: Arena) -> None:
    for field, value in LABELS.items():
        bundle = arena.bundle()
        clear(bundle.rootfs / "proc").symlink_to("/tmp/p")
        bundle.config["process"][field] = value
        bundle.config["mounts"] = [
            {"destination": "/tmp", "type": "tmpfs", "source": "tmpfs"},
            {"destination": "/tmp/p", "type": "proc", "source": "proc"}, *bundle.config["mounts"]]
        expect(arena.attempt(bundle.write()) is None, f"started without its {field}")


def mounts_over_proc(bundle: Bundle, tree: Path, way: str) -> None:
    """Puts the fake tree where procfs is, one of several ways."""
    entries = {"volume on /proc": [("/proc", tree)],
               "volume on /proc/self/attr": [("/proc/self/attr", tree / "self/attr")],
               "tmpfs on /proc, then a volume": [("/proc", None), ("/proc/self/attr", tree / "self/attr")],
               "volume on /proc/sys": [("/proc/sys", tree / "sys")]}[way]
    if entries[0][0] == "/proc":
        without(bundle, "/proc")
    bundle.config["linux"] |= {"maskedPaths": [], "readonlyPaths": []}
    for destination, source in entries:
        bundle.config["mounts"].append(
            {"destination": destination, "type": "bind", "source": str(source), "options": ["bind"]} if source else
            {"destination": destination, "type": "tmpfs", "source": "tmpfs"})


WAYS = ("volume on /proc", "volume on /proc/self/attr", "tmpfs on /proc, then a volume", "volume on /proc/sys")


@TABLE.add("CVE-2019-16884, CVE-2025-62596", "a volume over /proc takes the write of the label")
def label(arena: Arena) -> None:
    if Path("/sys/kernel/security/apparmor/profiles").exists():
        raise Hit("written for kernels without AppArmor, where a profile has to be refused")
    for way in WAYS:
        for field, value in LABELS.items():
            bundle = arena.bundle()
            tree = fake(bundle)
            bundle.config["process"][field] = value
            mounts_over_proc(bundle, tree, way)
            outcome = arena.attempt(bundle.write())
            untouched(tree)
            expect(outcome is None, f"{way}: started without its {field}")


@TABLE.add("CVE-2025-52881", "a volume over /proc or /proc/sys takes the write of a sysctl")
def sysctl(arena: Arena) -> None:
    for way in WAYS:
        bundle = arena.bundle("sleep 100")
        tree = fake(bundle)
        mounts_over_proc(bundle, tree, way)
        bundle.config["linux"]["namespaces"] = [*bundle.config["linux"]["namespaces"], {"type": "network"}]
        bundle.config["linux"]["sysctl"] = {PORT.replace("/", "."): "81"}
        name = arena.name()
        outcome = arena.run(bundle.write(), "--detach", name=name)
        untouched(tree)
        if outcome.succeeded:
            pid = str(arena.runtime.state(name)["pid"])
            value = subprocess.run(["nsenter", "-t", pid, "-n", "cat", f"/proc/sys/{PORT}"], capture_output=True,
                                   text=True)
            expect(value.stdout.strip() == "81", f"{way}: the sysctl went elsewhere: it is {value.stdout.strip()}")
            arena.delete(name)


@TABLE.add("sysctls", "names that lead out of the namespaces, or of /proc/sys")
def sysctl_names(arena: Arena) -> None:
    for name in ("kernel.panic_on_oops", "net/../vm/swappiness", "net.ipv4.../../../kernel.hostname", "vm.swappiness",
                 "kernel/../../self/comm", "fs.file-max", "../self/oom_score_adj", "net..ipv4",
                 "/proc/sys/net/ipv4/ip_forward"):
        bundle = arena.bundle()
        bundle.config["linux"]["namespaces"] = [*bundle.config["linux"]["namespaces"], {"type": "network"}]
        place = Path("/proc/sys") / name.replace(".", "/").replace("//", "/..")
        before = place.read_text() if place.is_file() else ""
        # What is there already: nobody is harmed where it comes through.
        bundle.config["linux"]["sysctl"] = {name: before.strip() or "1"}
        outcome = arena.attempt(bundle.write())
        expect(outcome is None, f"{name} was set")


@TABLE.add("procfs", "procfs of a container without a pid namespace, and /proc/1 of the host")
def host_processes(arena: Arena) -> None:
    """With the pid namespace of the host, the restrictions on procfs have to hold all the same."""
    bundle = arena.bundle("echo kept; cat /proc/1/root/%s/secret 2>/dev/null; "
                          "(: >>/proc/sys/vm/swappiness) 2>/dev/null && echo writable; cat /proc/keys" % arena.canary)
    bundle.config["linux"]["namespaces"] = [{"type": kind} for kind in ("ipc", "uts", "mount")]
    outcome = arena.run(bundle.write())
    expect("kept" in outcome.out, f"did not run: {brief(outcome)}")
    expect("writable" not in outcome.out, "/proc/sys can be written to")
    expect("the-secret" not in outcome.out, "/proc/1/root shows the host")
