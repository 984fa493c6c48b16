"""Hooks: what they are given, what confines those that come from the image."""

import json
import os
from pathlib import Path

from arena import Arena, Table, brief, expect
from ground import Bundle

TABLE = Table()
BEFORE_ENTRY = ("prestart", "createRuntime", "createContainer")
FILTER = {"defaultAction": "SCMP_ACT_ALLOW", "architectures": ["SCMP_ARCH_X86_64", "SCMP_ARCH_AARCH64"],
          "syscalls": [{"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO", "errnoRet": 38}]}
CONFINEMENT = ("grep -E '^(Seccomp|NoNewPrivs|Cap...|Groups|Uid|Gid):' /proc/self/status; ulimit -n; ulimit -f; "
               "cat /proc/self/oom_score_adj")


def hook(bundle: Bundle, kind: str, script: str, **fields) -> Bundle:
    """Adds a hook that is a script; `startContainer` finds its shell in the image, others on the host."""
    entry = {"path": "/bin/sh", "args": ["sh", "-c", script], **fields}
    bundle.config.setdefault("hooks", {}).setdefault(kind, []).append(entry)
    return bundle.write()


@TABLE.add("CVE-2025-23266", "the container's environment, or the runtime's, reaches hooks on the host")
def environment(arena: Arena) -> None:
    bundle = arena.bundle()
    bundle.config["process"]["env"] += ["LD_PRELOAD=/evil.so", "FROM_CONTAINER=1"]
    for kind in (*BEFORE_ENTRY, "poststart", "poststop"):
        hook(bundle, kind, f"/usr/bin/env >{bundle.path}/{kind}")
        hook(bundle, kind, f"/usr/bin/env >{bundle.path}/{kind}-given", env=["GIVEN=1"])
    arena.said(bundle, env=os.environ | {"FROM_CALLER": "1"})
    seen = 0
    for kind in (*BEFORE_ENTRY, "poststart", "poststop"):
        for suffix in ("", "-given"):
            path = bundle.path / (kind + suffix)
            if not path.exists():
                continue
            seen += 1
            names = {line.split("=")[0] for line in path.read_text().splitlines()}
            expect(not names & {"LD_PRELOAD", "FROM_CONTAINER"}, f"{kind} has the container's environment")
            expect("FROM_CALLER" not in names, f"{kind} has the runtime's environment")
            expect(not suffix or "GIVEN" in names, f"{kind} lacks its own environment")
    expect(seen >= 8, f"only {seen} hooks ran")


@TABLE.add("hooks",
           "a startContainer hook, a program of the image, under the filter, limits and identity of the container")
def confined(arena: Arena) -> None:
    for no_new_privileges in (True, False):
        bundle = arena.bundle(f"{{ {CONFINEMENT}; }} >/program").capabilities("KILL")
        process = bundle.config["process"]
        process["noNewPrivileges"] = no_new_privileges
        process["rlimits"] = [{"type": "RLIMIT_NOFILE", "soft": 77, "hard": 78},
                              {"type": "RLIMIT_FSIZE", "soft": 1 << 20, "hard": 1 << 20}]
        process["oomScoreAdj"] = 123
        bundle.config["linux"]["seccomp"] = FILTER
        hook(bundle, "startContainer", f"mkdir /made 2>/dev/null; {{ {CONFINEMENT}; }} >/hook; :")
        outcome = arena.run(bundle)
        expect(not (bundle.rootfs / "made").exists(), "the hook is not under the filter")
        expect(outcome.succeeded, f"did not run: {brief(outcome)}")
        program, hooked = (set((bundle.rootfs / name).read_text().splitlines()) for name in ("program", "hook"))
        expect(program <= hooked, f"the hook lacks {', '.join(sorted(program - hooked))[:120]}")


@TABLE.add("seals", "a startContainer hook writes to the state that it was given, for the next one to read")
def state_for_writing(arena: Arena) -> None:
    bundle = arena.bundle()
    hook(bundle, "startContainer", "cat >/first; readlink /proc/self/fd/0 >/kind; { "
                                   "echo garbage >>/proc/self/fd/0 && echo written >/written; "
                                   "echo >/proc/self/fd/0 && echo truncated >/truncated; } 2>/dev/null; :")
    hook(bundle, "startContainer", "cat >/second")
    hook(bundle, "poststart", f"cat >{bundle.path}/poststart")
    name = arena.create(bundle)
    outcome = arena.call("start", name)
    expect(outcome.succeeded, f"did not start: {brief(outcome)}")
    places = (bundle.rootfs / "first", bundle.rootfs / "second", bundle.path / "poststart")
    texts = [path.read_text() if path.exists() else "" for path in places]
    ids = []
    for text in texts:
        try:
            ids.append(json.loads(text)["id"])
        except ValueError:
            ids.append(f"no JSON: {text[-20:]!r}")
    expect(ids == [name] * 3, f"the next hook was told {ids}")
    done = [word for word in ("written", "truncated") if (bundle.rootfs / word).exists()]
    is_passing = (bundle.rootfs / "kind").read_text().startswith(("pipe:", "socket:"))
    expect(is_passing or not done, f"the state can be {' and '.join(done)}")


@TABLE.add("hooks", "a startContainer hook finds no descriptor of the host, and its path does not lead to the host")
def descriptors(arena: Arena) -> None:
    bundle = arena.bundle()
    hook(bundle, "startContainer", "ls -l /proc/self/fd >/open; :")
    name = arena.create(bundle)
    outcome = arena.call("start", name)
    expect(outcome.succeeded, f"did not start: {brief(outcome)}")
    # The directory that is listed is open too.
    lines = [line.split(" -> ") for line in (bundle.rootfs / "open").read_text().splitlines() if " -> " in line]
    extra = [f"{left.split()[-1]} to {right}" for left, right in lines
             if int(left.split()[-1]) > 2 and "/proc/" not in right]
    expect(not extra, f"open: {', '.join(extra)}")


@TABLE.add("hooks", "a link in the image at a hook's path on the host")
def path_in_image(arena: Arena) -> None:
    """A hook before the entry is the host's program, also where the image has one of this name."""
    bundle = arena.bundle()
    script = bundle.rootfs / "usr/bin/env"
    script.parent.mkdir(parents=True)
    script.write_text("#!/bin/sh\ntouch /ran-image\ntouch " + str(arena.canary) + "/ran\n")
    script.chmod(0o755)
    for kind in BEFORE_ENTRY:
        entry = {"path": "/usr/bin/env", "args": ["env", "touch", f"{bundle.path}/{kind}"]}
        bundle.config.setdefault("hooks", {})[kind] = [entry]
    outcome = arena.run(bundle.write())
    expect(outcome.succeeded, f"did not run: {brief(outcome)}")
    expect(all((Path(bundle.path) / kind).exists() for kind in BEFORE_ENTRY), "the host's program did not run")
    expect(not (bundle.rootfs / "ran-image").exists(), "the image's program ran")
