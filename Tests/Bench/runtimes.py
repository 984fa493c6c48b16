"""The programs that are compared, as command lines."""

from dataclasses import dataclass, replace
from pathlib import Path

from bundles import Bundle
from processes import Failure, end_descendants, execute, wait


def family(name: str) -> str:
    """`crun` of `crun-1.28`."""
    return name.partition("-")[0]


@dataclass(frozen=True)
class Runtime:
    """A runtime with runc's command line. It has its own state directory and one container id."""

    name: str
    binary: str
    root: Path
    id: str

    def call(self, command: str, *arguments: str) -> list[str]:
        return [self.binary, "--root", str(self.root), command, *arguments, self.id]

    def renamed(self, id: str) -> "Runtime":
        """The same runtime, with another container."""
        return replace(self, id=id)

    def version(self) -> list[str]:
        return [self.binary, "--version"]

    def containers(self) -> list[str]:
        return [self.binary, "--root", str(self.root), "list"]

    def run(self, bundle: Bundle) -> list[str]:
        return self.call("run", "--bundle", str(bundle.path))

    @property
    def pid_file(self) -> Path:
        return self.root.with_name(f"{self.id}.pid")

    def create(self, bundle: Bundle) -> list[str]:
        return self.call("create", "--bundle", str(bundle.path), "--pid-file", str(self.pid_file))

    def detached(self, bundle: Bundle) -> list[str]:
        return self.call("run", "--detach", "--bundle", str(bundle.path), "--pid-file", str(self.pid_file))

    def container(self) -> int:
        """The process id of the container that was created last."""
        return int(self.pid_file.read_text())

    def start_and_delete(self) -> tuple[float, float]:
        """Starts the created container, waits for its end, deletes it. Returns the milliseconds of each command."""
        pid = self.container()
        started = execute(self.call("start"))
        wait(pid)
        return started.milliseconds, execute(self.call("delete")).milliseconds

    def exec(self, *command: str) -> list[str]:
        return [*self.call("exec"), *command]

    def end(self) -> None:
        """Kills the created container, waits for its end, deletes it."""
        pid = self.container()
        execute([*self.call("kill"), "KILL"])
        wait(pid)
        execute(self.call("delete"))

    def clean(self) -> None:
        """After a failure: removes what it may have left, as a manager does."""
        try:
            execute(self.call("delete", "--force"))
        except Failure:
            pass  # it never came to be; the check at the end finds what is left all the same
        end_descendants()


@dataclass(frozen=True)
class Floor(Runtime):
    """floor.c: has no configuration, no state and no command but `run`."""

    true: Path

    def version(self) -> list[str]:
        return [str(self.true)]

    def run(self, bundle: Bundle) -> list[str]:
        flags = ["--network"] if bundle.network else []
        flags += ["--seccomp", str(bundle.filter)] if bundle.seccomp else []
        flags += ["--memory", str(bundle.memory)] if bundle.memory else []
        return [self.binary, "--id", self.id, *flags, str(bundle.rootfs), *bundle.arguments]

    def clean(self) -> None:
        end_descendants()
