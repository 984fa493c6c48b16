"""The commands that are spoilt: how to prepare for each, and how to tell that it did what it was asked."""

import json
import os
import re
import signal
import time
from pathlib import Path

from faultscenes import LIMITS, PATIENCE, Fault, Scene, Stage, fingerprint, raise_if
from ground import Outcome

WIDER = {"memory": 65 << 20, "pids": 60}  # what `update` asks for


# ---- Preparing

def nothing(stage: Stage) -> str:
    stage.pid_file.unlink(missing_ok=True)
    return stage.ground.name()


def created(stage: Stage) -> str:
    id = stage.ground.name()
    stage.must("create", "--bundle", str(stage.sleeping.path), id)
    return id


def rich_created(stage: Stage) -> str:
    id = stage.ground.name()
    stage.must("create", "--bundle", str(stage.rich.path), id)
    return id


def running(stage: Stage) -> str:
    id = created(stage)
    stage.must("start", id)
    return id


def stopped(stage: Stage) -> str:
    id = created(stage)
    os.kill(stage.runtime.state(id)["pid"], signal.SIGKILL)
    wait_for_end(stage, id)
    return id


def kept(stage: Stage) -> str:
    """The container that all commands share which leave it as it was."""
    if not stage.kept:
        stage.kept = running(stage)
    return stage.kept


def paused(stage: Stage) -> str:
    id = kept(stage)
    stage.must("pause", id)
    return id


def limited(stage: Stage) -> str:
    """Has the limits that it was created with."""
    id = kept(stage)
    if limits(stage, id) != (LIMITS["memory"]["limit"], LIMITS["pids"]["limit"]):
        stage.must("update", "--memory", str(LIMITS["memory"]["limit"]), "--pids-limit", str(LIMITS["pids"]["limit"]),
                   id)
    return id


# ---- What was asked for

def is_created(stage: Stage, id: str, _: Outcome) -> None:
    state = stage.runtime.state(id)
    raise_if(state.get("status") != "created", f"success, and state says {state.get('status')}")
    raise_if(stage.pid_file.read_text() != str(state["pid"]), "success, and the pid file is wrong")
    stage.must("start", id)
    is_running(stage, id, _)


def is_running(stage: Stage, id: str, _: Outcome) -> None:
    state = stage.runtime.state(id)
    raise_if(state.get("status") != "running", f"success, and state says {state.get('status')}")
    seen = fingerprint(stage, id, state["pid"])
    stage.reference = stage.reference or seen  # the first one comes from a command that nobody spoils
    for name, value in seen.items():
        wanted = stage.reference[name]
        if name == "mounts" and stage.is_device_refused:
            value, wanted = as_if_made(value, "ro"), as_if_made(wanted, "r[ow]")
        raise_if(value != wanted, f"success, and {name} is not as it should be: " + difference(value, wanted))


def as_if_made(mounts: list[str], access: str) -> list[str]:
    """Where a device is refused, the host's are bound, so that they cannot be changed, and masks need no devices. In a user
    namespace devices are bound anyway."""
    bound = re.compile(rf"/\w+ /dev/(null|zero|full|random|urandom|tty) {access},nosuid,noexec,")
    return [line.replace(",nodev", "") if line.startswith("/file ") else line for line in mounts if not bound.match(line)]


def difference(seen: object, wanted: object) -> str:
    if isinstance(seen, str) and isinstance(wanted, str):
        seen, wanted = seen.splitlines(), wanted.splitlines()
    if not isinstance(seen, list) or not isinstance(wanted, list):
        return f"{seen!r}, not {wanted!r}"
    return f"missing {[e for e in wanted if e not in seen]}, too much {[e for e in seen if e not in wanted]}"


def has_run(stage: Stage, id: str, outcome: Outcome) -> None:
    raise_if(outcome.out != "ran\n", f"success, and the output is {outcome.out!r}")
    raise_if(stage.left(), "success, and left is: {}")


def has_executed(stage: Stage, id: str, outcome: Outcome) -> None:
    raise_if(outcome.out != "ran\n", f"success, and the output is {outcome.out!r}")


def is_gone(stage: Stage, id: str, _: Outcome) -> None:
    raise_if(stage.left(), "success, and left is: {}")


def is_paused(stage: Stage, id: str, _: Outcome) -> None:
    status = stage.runtime.state(id).get("status")
    raise_if(status != "paused", f"success, and state says {status}")
    stage.must("resume", id)


def is_resumed(stage: Stage, id: str, _: Outcome) -> None:
    status = stage.runtime.state(id).get("status")
    raise_if(status != "running", f"success, and state says {status}")


def has_ended(stage: Stage, id: str, _: Outcome) -> None:
    wait_for_end(stage, id)


def has_limits(stage: Stage, id: str, _: Outcome) -> None:
    raise_if(limits(stage, id) != (WIDER["memory"], WIDER["pids"]), f"success, and the limits are {limits(stage, id)}")
    text = stage.must("state", "--cgroup", id).out
    asked = {entry["field"]: entry["asked"] for entry in json.loads(text)["cgroup"]["settings"]}
    raise_if(WIDER["memory"] not in asked.values(), f"success, and the state says {asked}")


def has_former_limits(stage: Stage, id: str) -> None:
    former = LIMITS["memory"]["limit"], LIMITS["pids"]["limit"]
    raise_if(limits(stage, id) != former, f"failed, and the limits are {limits(stage, id)}")


def is_not_paused(stage: Stage, id: str) -> None:
    status = stage.runtime.state(id).get("status")
    raise_if(status != "running", f"failed, and state says {status}")


# ---- Mounts of a container that runs

ADDED = ("/added/one", "/added/two", "/added/two/three")


def mount_file(stage: Stage) -> Path:
    """What `mounts` is about: a tmpfs, a tree of the host's, and a file system in that."""
    source = stage.ground.work / "source"
    (source / "three").mkdir(parents=True, exist_ok=True)
    path = stage.ground.work / "mounts.json"
    path.write_text(json.dumps([
        {"destination": ADDED[0], "type": "tmpfs", "source": "added"},
        {"destination": ADDED[1], "source": str(source), "options": ["rbind", "ro"]},
        {"destination": ADDED[2], "type": "tmpfs", "source": "added", "options": ["size=1m"]},
    ]))
    return path


def mounted(stage: Stage, id: str) -> list[str]:
    pid = stage.runtime.state(id)["pid"]
    points = [line.split()[4] for line in Path(f"/proc/{pid}/mountinfo").read_text().splitlines()]
    return sorted(point for point in points if point in ADDED)


def without_added(stage: Stage) -> str:
    """Whatever a command that was killed has left can be removed."""
    id = kept(stage)
    for point in sorted(mounted(stage, id), reverse=True):
        path = stage.ground.work / "left.json"
        path.write_text(json.dumps([{"destination": point}]))
        stage.must("mounts", "remove", id, str(path))
    raise_if(mounted(stage, id), "cannot be removed: {}")
    mount_file(stage)
    return id


def with_added(stage: Stage) -> str:
    id = without_added(stage)
    stage.must("mounts", "add", id, str(mount_file(stage)))
    return id


def on_mounts(action: str):
    return lambda stage, id: ["mounts", action, id, str(stage.ground.work / "mounts.json")]


def has_mounts(stage: Stage, id: str, _: Outcome) -> None:
    raise_if(mounted(stage, id) != sorted(ADDED), f"success, and mounted is {mounted(stage, id)}")


def has_no_mounts(stage: Stage, id: str, _: Outcome) -> None:
    raise_if(mounted(stage, id), "success, and mounted is {}")


def has_none_of_them(stage: Stage, id: str) -> None:
    raise_if(mounted(stage, id), "failed, and mounted is {}")


def limits(stage: Stage, id: str) -> tuple[int, ...]:
    """The limits of memory and of processes as the kernel has them."""
    found = {}
    for directory in stage.cgroups:
        for name in ("memory.limit_in_bytes", "pids.max", "memory.max"):
            file: Path = directory / id / name
            if file.exists():
                found[name.split(".")[0]] = int(file.read_text())
    return found["memory"], found["pids"]


def wait_for_end(stage: Stage, id: str) -> None:
    wait_until(lambda: stage.runtime.state(id).get("status") == "stopped", "success, and the container lives")


def wait_until(condition, text: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > deadline:
            raise Fault(text)


def sleeping(*words: str):
    return lambda stage, id: [*words, "--bundle", str(stage.sleeping.path), id]


def rich(*words: str):
    return lambda stage, id: [*words, "--bundle", str(stage.rich.path), id]


def on_container(*words: str):
    return lambda stage, id: [id if word == "ID" else word for word in words]


RUNNING = ("creating", "created", "running", "stopped")
SCENES = [
    Scene("create", nothing,
          lambda stage, id: ["create", "--pid-file", str(stage.pid_file), "--bundle", str(stage.sleeping.path), id],
          is_created, is_on_both=True),
    Scene("run", nothing, lambda stage, id: ["run", "--bundle", str(stage.ending.path), id], has_run, may_be=RUNNING),
    Scene("run --detach", nothing, sleeping("run", "--detach"), is_running, may_be=RUNNING, is_on_both=True),
    Scene("start", created, on_container("start", "ID"), is_running, attaches=True, may_be=RUNNING),
    Scene("exec", kept, on_container("exec", "ID", "/bin/sh", "-c", "echo ran"), has_executed, keeps=True,
          is_on_both=True),
    Scene("kill KILL", created, on_container("kill", "ID", "KILL"), has_ended, is_on_both=True),
    Scene("kill --all", kept, on_container("kill", "--all", "ID", "WINCH"), lambda *_: None, keeps=True,
          is_on_both=True),
    Scene("update", limited,
          on_container("update", "--memory", str(WIDER["memory"]), "--pids-limit", str(WIDER["pids"]), "ID"),
          has_limits, keeps=True, failed=has_former_limits),
    Scene("pause", kept, on_container("pause", "ID"), is_paused, keeps=True, failed=is_not_paused, is_on_both=True),
    Scene("resume", paused, on_container("resume", "ID"), is_resumed, keeps=True, is_on_both=True),
    Scene("mounts add", without_added, on_mounts("add"), has_mounts, keeps=True, failed=has_none_of_them),
    Scene("mounts remove", with_added, on_mounts("remove"), has_no_mounts, keeps=True),
    Scene("delete", stopped, on_container("delete", "ID"), is_gone),
    Scene("delete of a running one", kept, on_container("delete", "ID"), lambda *_: None, keeps=True, refuses=True),
    Scene("create with an id in use", kept, sleeping("create"), lambda *_: None, keeps=True, refuses=True),
    Scene("start of a running one", kept, on_container("start", "ID"), lambda *_: None, keeps=True, refuses=True),
    Scene("run --detach with everything", nothing, rich("run", "--detach"), is_running, may_be=RUNNING),
    Scene("start with everything", rich_created, on_container("start", "ID"), is_running, attaches=True,
          may_be=RUNNING),
    Scene("delete --force", running, on_container("delete", "--force", "ID"), is_gone,
          may_be=(*RUNNING, "paused"), is_on_both=True),
]
