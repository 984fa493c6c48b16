"""What the smallest Python has no modules for: python3-minimal is without shutil, dataclasses, and tempfile that works."""

import os
import subprocess


def which(name: str) -> str | None:
    """The program of this name that the PATH leads to."""
    candidates = (f"{directory}/{name}" for directory in os.get_exec_path())
    return next((path for path in candidates if os.access(path, os.X_OK)), None)


def copy(source: str, target: str) -> None:
    subprocess.run(["cp", "--", source, target], check=True)


def remove_tree(path: str) -> None:
    subprocess.run(["rm", "-rf", "--", path], check=True)
