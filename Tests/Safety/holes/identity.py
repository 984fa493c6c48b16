"""Who a process is: users, groups, capabilities, ids of containers."""

import json
import os
import stat

from arena import Arena, Table, brief, expect, wait_until

TABLE = Table()
# What `exec --user` takes: the ids that have to come of it, or None for an error.
USERS = {"1": "1", "1:2": "1:2", "01": "1", "1:": None, ":1": None, " 1": None, "1 ": None, "1x": None, "-1": None,
         "+1": None, "1.0": None, "0x1": None, "1e3": None, "4294967294": "4294967294", "4294967295": None,
         "4294967296": None, "4294967297": None, "1:4294967296": None, "1:-1": None, "18446744073709551617": None,
         "nobody": None, "root": None}
IDS = ("../x", "a/b", ".", "..", "", "x" * 1024, "-rf", "$(id)", "a b", "a\nb", "/x", "x/../y", "\u00e9", "a:b")


@TABLE.add("CVE-2016-3697", "a numeric user is looked up as a name in the image's passwd file")
def numeric_names(arena: Arena) -> None:
    bundle = arena.bundle("id -u >/tmp/id; sleep 100")
    (bundle.rootfs / "etc/passwd").write_text("1000:x:0:0:root:/root:/bin/sh\n0:x:1000:1000::/:/bin/sh\n")
    (bundle.rootfs / "etc/group").write_text("1000:x:0:\n")
    bundle.config["process"]["user"] = {"uid": 1000, "gid": 1000}
    name = arena.start(bundle.write())
    place = bundle.rootfs / "tmp/id"
    wait_until(lambda: place.exists() and place.read_text().endswith("\n"), "does not say who it is")
    expect(place.read_text().strip() == "1000", f"uid 1000 of the configuration became {place.read_text().strip()}")
    for flags in (("--user", "1000"), ("--user", "1000:1000")):
        said = arena.exec(name, "/bin/sh", "-c", "id -u; id -g", flags=flags)
        expect(said.out.split()[:1] == ["1000"], f"exec {' '.join(flags)} became {said.out.split() or brief(said)}")


@TABLE.add("CVE-2026-30892, CVE-2024-40635", "exec --user with texts that are no ids, or do not fit")
def exec_users(arena: Arena) -> None:
    name = arena.start(arena.bundle("sleep 100"))
    wrong = []
    for text, right in USERS.items():
        outcome = arena.exec(name, "/bin/sh", "-c", "echo $(id -u):$(id -g)", flags=("--user", text))
        became = outcome.out.strip() if outcome.succeeded else None
        if became != (right if right is None or ":" in right else f"{right}:{0}") and became is not None:
            wrong.append(f"{text!r} became {became}")
        if right is not None and became is None:
            wrong.append(f"{text!r} was refused")
    expect(not wrong, ", ".join(wrong))


@TABLE.add("CVE-2024-40635, CVE-2026-46680", "ids in a configuration that are negative, too large, or no integers")
def configured_ids(arena: Arena) -> None:
    wrong = []
    for value in (4294967295, 4294967296, -1, "0", "1000", 0.5, 1.5, True, 18446744073709551616, [], "", 1e300):
        for field in ("uid", "gid", "additionalGids"):
            bundle = arena.bundle("id -u; id -g; id -G")
            user = bundle.config["process"]["user"]
            user[field] = [value] if field == "additionalGids" else value
            outcome = arena.attempt(bundle.write())
            if outcome:
                wrong.append(f"{field} {value!r} became {outcome.out.split()}")
    expect(not wrong, ", ".join(wrong))


@TABLE.add("CVE-2024-40635", "ids written with a fraction or an exponent")
def spelled_ids(arena: Arena) -> None:
    wrong = []
    for text in ("1e3", "1.0", "0.0", "-0", "00", "1E0", "4.294967296e9", "0x0"):
        bundle = arena.bundle("id -u")
        path = bundle.path / "config.json"
        path.write_text(path.read_text().replace('"uid": 0', f'"uid": {text}'))
        outcome = arena.attempt(bundle)
        right = {"1e3": "1000", "1.0": "1", "0.0": "0", "-0": "0", "00": "0", "1E0": "1"}.get(text)
        if outcome and outcome.out.strip() != right:
            wrong.append(f"{text} became {outcome.out.strip()}")
    expect(not wrong, ", ".join(wrong))


@TABLE.add("CVE-2023-25173", "supplementary groups of the caller")
def groups(arena: Arena) -> None:
    for additional in (None, [], [7], [7, 2147483647]):
        bundle = arena.bundle("id -G")
        if additional is not None:
            bundle.config["process"]["user"]["additionalGids"] = additional
        said = arena.said(bundle.write(), extra_groups=[0, 10, 20, 54]).split()
        expect(set(said) == {"0", *map(str, additional or [])}, f"groups {said} where {additional} were asked for")
    name = arena.start(arena.bundle("sleep 100"))
    said = arena.exec(name, "id", "-G", extra_groups=[0, 10, 20, 54]).out.split()
    expect(set(said) == {"0"}, f"groups {said} in exec")


def status(text: str) -> dict[str, int]:
    return {line.split(":")[0]: int(line.split()[1], 16) for line in text.splitlines() if line.startswith("Cap")}


@TABLE.add("CVE-2022-24769", "the inheritable set in what `spec` writes")
def template(arena: Arena) -> None:
    folder = arena.ground.work / "template"
    folder.mkdir()
    arena.call("spec", cwd=folder)
    sets = json.loads((folder / "config.json").read_text())["process"]["capabilities"]
    expect(not sets.get("inheritable"), f"inheritable: {sets.get('inheritable')}")
    expect(sets["bounding"], "no capabilities at all")


@TABLE.add("CVE-2022-29162, CVE-2022-27650, CVE-2025-27612", "capabilities that exec adds: inheritable, ambient")
def added_capabilities(arena: Arena) -> None:
    raw = 1 << 13
    for sets in ((), ("NET_BIND_SERVICE", "KILL")):
        name = arena.start(arena.bundle("sleep 100").capabilities(*sets))
        outcome = arena.exec(name, "grep", "Cap", "/proc/self/status", flags=("--cap", "CAP_NET_RAW"))
        expect(outcome.succeeded, brief(outcome))
        found = status(outcome.out)
        expect(found["CapInh"] == 0, f"inheritable {found['CapInh']:x}")
        expect(found["CapAmb"] == 0, f"ambient {found['CapAmb']:x}")
        expect(found["CapEff"] & raw and found["CapBnd"] & raw, "was not added")
        arena.delete(name)


@TABLE.add("capabilities", "sets of the caller: a container has what it was given, in every set")
def exact_capabilities(arena: Arena) -> None:
    for sets, right in (((), 0), (("KILL",), 1 << 5)):
        for uid in (0, 1000):
            bundle = arena.bundle("grep Cap /proc/self/status").capabilities(*sets)
            bundle.config["process"]["user"] = {"uid": uid, "gid": uid}
            found = status(arena.said(bundle.write()))
            wrong = {name: f"{value:x}" for name, value in found.items() if value & ~right}
            expect(not wrong, f"uid {uid}: {wrong}")


@TABLE.add("ids of containers", "separators, dots, options, very long ones, in every command")
def container_ids(arena: Arena) -> None:
    outside = arena.runtime.root.parent
    bundle = arena.bundle("true")
    before = sorted(os.listdir(outside))
    wrong = []
    for text in IDS:
        for command in (("run", "--bundle", str(bundle.path)), ("create", "--bundle", str(bundle.path)), ("state",),
                        ("delete", "--force")):
            outcome = arena.call(*command, text)
            if command[0] in ("run", "create") and outcome.succeeded:
                wrong.append(repr(text[:20]))
                arena.call("delete", "--force", text)
            is_unchanged = sorted(os.listdir(outside)) == before
            expect(is_unchanged, f"{command[0]} {text[:20]!r} made or removed something outside its root")
    expect(not wrong, f"accepted {', '.join(wrong)}")


@TABLE.add("CVE-2024-25621", "modes of what is made below the root, with a umask of 0")
def modes(arena: Arena) -> None:
    bundle = arena.bundle("sleep 100")
    # The ground's own directory is private already: one of the runtime's making is what is looked at.
    arena.runtime.root = arena.runtime.root / "made"
    umask = os.umask(0)
    try:
        name = arena.create(bundle, "--pid-file", str(bundle.path / "pid"))
        found = [f"{path.relative_to(arena.runtime.root.parent)} {mode & 0o7777:o}"
                 for path in [arena.runtime.root, *arena.runtime.root.rglob("*")]
                 if not stat.S_ISLNK(mode := path.lstat().st_mode) and mode & 0o077]
        expect(not found, ", ".join(found))
        expect((bundle.path / "pid").stat().st_mode & 0o022 == 0, "the pid file can be written to by others")
        arena.call("start", name)
    finally:
        os.umask(umask)
    arena.delete(name)
    arena.runtime.root = arena.runtime.root.parent
    for entry in (arena.runtime.root / "made").iterdir():
        expect(entry.name.startswith("@"), f"left behind: {entry.name}")
        entry.unlink()
    (arena.runtime.root / "made").rmdir()


@TABLE.add("CVE-2020-15257", "abstract sockets, which everybody in the network namespace reaches")
def abstract_sockets(arena: Arena) -> None:
    def names() -> list[str]:
        with open("/proc/net/unix") as file:
            return [line.split()[-1] for line in file if "@" in line.split()[-1]]

    before = names()
    name = arena.create(arena.bundle("sleep 100"))
    expect(names() == before, f"{names()}")
    arena.call("start", name)
    wait_until(lambda: arena.runtime.state(name).get("status") == "running", "does not run")
    expect(names() == before, f"{names()}")
