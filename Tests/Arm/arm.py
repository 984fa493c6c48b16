#!/usr/bin/env python3
"""arm.py ARM-APUS APUS: tests apus for 64-bit Arm on a machine of another kind, without root.

What needs no kernel is compared with this machine's apus, under user-mode emulation. Containers live in an emulated
machine with Debian's kernel for Arm: once with the processor of a Raspberry Pi 4 and cgroup v2, once with QEMU's newest
and cgroup v1. The promises about the binary are checked as Tests/check-binary.sh does. One line for each check;
`make test-arm` calls this.
"""

import argparse
import difflib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

TESTS = Path(__file__).resolve().parent.parent
FIXTURES = TESTS.parent / "spec-fixtures"
sys.path[:0] = [str(TESTS / "Binary"), str(TESTS / "Arm")]


class Suite:
    """Runs checks, and counts those that fail."""

    def __init__(self) -> None:
        self.failures = 0

    def check(self, name: str, function, *arguments) -> None:
        try:
            told = function(*arguments)
            print(f"ok {name}{f': {told}' if told else ''}", flush=True)
        except (Failure, check.Failure) as failure:
            self.failures += 1
            print(f"FAILED {name}: {failure}", file=sys.stderr, flush=True)


def compile_for_arm(arguments: argparse.Namespace, work: Path) -> dict[str, bytes]:
    """The programs of the tests, by their paths in the machine."""
    clang = str(arguments.toolchain / "bin/clang")
    linux = [clang, "--target=aarch64-linux-gnu", f"--sysroot={arguments.sysroot}", "-std=gnu17", "-static"]
    bare = [clang, "--target=arm-linux-gnueabi", "-march=armv7-a", "-ffreestanding", "-nostdlib", "-static"]
    programs = {
        "rootfs/assert": [*linux, *map(str, sorted((TESTS / "Assert").glob("*.c")))],
        "terminal": [*linux, str(TESTS / "Arm/terminal.c")],
        "rootfs/arm32": [*bare, str(TESTS / "Arm/arm32.c")],
    }
    files = {}
    for name, command in programs.items():
        output = work / Path(name).name
        subprocess.run([*command, "-Os", "-Wall", "-Wextra", "-Werror", "-fuse-ld=lld", "-o", str(output)], check=True)
        files[name] = output.read_bytes()
    return files


# ---- Without a kernel

# What may differ: the time of a message, and how long a filter is.
VOLATILE = re.compile(r'(?<=time=")[^"]*|(?<=load seccomp filter, )\d+')
# What user-mode emulation does not know is not compared: openat2, by which images are looked at, and what namespaces are
# asked.
UNKNOWN = re.compile(r"function not implemented|is no namespace \(name a file|warning: could not be checked: ")


def outcome(command: list[str], directory: Path) -> tuple[int, str, str]:
    result = subprocess.run(command, cwd=directory, capture_output=True, text=True, stdin=subprocess.DEVNULL,
                            timeout=120)
    return result.returncode, *(VOLATILE.sub("...", text) for text in (result.stdout, result.stderr))


def difference(one: tuple[int, str, str], other: tuple[int, str, str]) -> str:
    lines = difflib.unified_diff(*("\n".join(map(str, each)).splitlines() for each in (one, other)), lineterm="", n=0)
    return "; ".join(list(lines)[2:8])


def compare(arm: list[str], own: list[str], words: list[str], directory: Path) -> int:
    """Returns how many lines were the same."""
    ours, theirs = outcome([*own, *words], directory), outcome([*arm, *words], directory)
    if words[0] == "check":
        # Each line that is told is told here too. The last one and the code are about all of them.
        told = [line for line in theirs[1].splitlines() if not UNKNOWN.search(line) and not line.startswith(".:")]
        other = sorted(set(told) - set(ours[1].splitlines()))
        if other or ours[2] != theirs[2]:
            raise Failure(f"{' '.join(words)}: {'; '.join(other) or theirs[2]}")
        return len(told)
    if ours != theirs:
        raise Failure(f"{' '.join(words)}: {difference(ours, theirs)}")
    return len(theirs[1].splitlines())


def configurations() -> list[Path]:
    return sorted((FIXTURES / "configs").glob("*.json")) + sorted((FIXTURES / "invalid").glob("*.json"))


def compare_bundles(arm: list[str], own: list[str], words: list[str], work: Path) -> str:
    """A command with every configuration of the fixtures."""
    bundle = work / "bundle"
    (bundle / "rootfs").mkdir(parents=True, exist_ok=True)
    files, lines = configurations(), 0
    for file in files:
        shutil.copy(file, bundle / "config.json")
        try:
            lines += compare(arm, own, words, bundle)
        except Failure as failure:
            raise Failure(f"{file.name}: {failure}") from None
    if len(files) < 100:
        raise Failure(f"only {len(files)} configurations in {FIXTURES}")
    if lines < 2 * len(files):
        raise Failure(f"only {lines} lines of {len(files)} configurations were compared")
    return f"{len(files)} configurations, {lines} lines"


def same_words(arm: list[str], own: list[str], work: Path) -> None:
    for words in (["--version"], ["spec", "--help"], ["--help"], ["man"], ["completion", "bash"], ["nonsense"],
                  ["run", "--bundle", "/nowhere", "x"], ["state", "no such name"]):
        compare(arm, own, words, work)
    ours, theirs = (json.loads(outcome([*command, "features"], work)[1]) for command in (own, arm))
    for features in (ours, theirs):
        features["linux"]["seccomp"].pop("supportedFlags")  # The kernel says them, and user-mode emulation none.
    if ours != theirs:
        raise Failure(f"features: {ours} {theirs}")
    written = []
    for command in (arm, own):
        for flags in ([], ["--rootless"]):
            folder = Path(tempfile.mkdtemp(dir=work))
            outcome([*command, "spec", *flags], folder)
            written.append((folder / "config.json").read_text())
    if written[:2] != written[2:]:
        raise Failure("spec writes something else")


# ---- The binary

def check_file(arguments: argparse.Namespace) -> str:
    program = elf.Elf.read(arguments.arm)
    if program.machine != 183:
        raise Failure("it is not for 64-bit Arm")
    check.check_apus(program)
    check.check_symbols(program)
    check.check_protection(str(arguments.arm))
    return f"{len(program.image)} bytes"


def check_init(arguments: argparse.Namespace, image: Path) -> str:
    program = elf.Elf.read(image)
    check.check_init(program)
    compiler = [str(arguments.toolchain / "bin/clang"), "--target=aarch64-linux-gnu", f"--sysroot={arguments.sysroot}"]
    return f"{len(program.image)} bytes, {check.check_calls(image, program.machine, compiler)} system calls"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("arm", type=Path, help="the binary to test")
    parser.add_argument("own", type=Path, help="this machine's, to compare with")
    for name in ("toolchain", "sysroot", "guest"):
        parser.add_argument(f"--{name}", required=True, type=Path)
    arguments = parser.parse_args()
    emulator = shutil.which("qemu-aarch64-static")
    if not emulator:
        print("arm.py: this needs qemu-aarch64-static (package qemu-user-static)", file=sys.stderr)
        return 1
    suite = Suite()
    with tempfile.TemporaryDirectory(prefix="apus-arm-") as name:
        work = Path(name)
        os.chmod(work, 0o755)
        arm, own = [emulator, "-0", "apus", str(arguments.arm.resolve())], [str(arguments.own.resolve())]
        suite.check("the binary", check_file, arguments)
        suite.check("the same words", same_words, arm, own, work)
        for words in (["plan"], ["plan", "--format", "json"], ["check"]):
            suite.check(f"the same {' '.join(words)}", compare_bundles, arm, own, words, work)
        files = {**compile_for_arm(arguments, work), "bin/apus": arguments.arm.read_bytes()}
        for cpu, cgroups in (("cortex-a72", "v2"), ("max", "v1")):
            try:
                machine = Machine(work, arguments.guest, files, cpu, cgroups)
            except Failure as failure:
                print(f"FAILED the machine does not start: {failure}", file=sys.stderr)
                return 1
            try:
                ground = Ground(machine, cgroups)
                for function in containers.CHECKS:
                    suite.check(f"{cpu}, cgroup {cgroups}: {function.__name__.replace('_', ' ')}", ground.run, function)
                image = ground.check_processes(elf.Elf.read(arguments.arm), work)
                suite.check(f"{cpu}: apus-init", check_init, arguments, image)
            except (Failure, check.Failure) as failure:
                suite.failures += 1
                print(f"FAILED {cpu}, cgroup {cgroups}: {failure}", file=sys.stderr)
            finally:
                machine.close()
    print(f"{suite.failures} checks failed" if suite.failures else "64-bit Arm: all checks passed")
    return 1 if suite.failures else 0


if __name__ == "__main__":
    # The disassembler of this machine may know its own processor only.
    for position, word in enumerate(sys.argv[:-1]):
        if word == "--toolchain":
            os.environ["OBJDUMP"] = f"{sys.argv[position + 1]}/bin/llvm-objdump"
    import check
    import containers
    import elf
    from containers import Ground
    from machine import Failure, Machine

    sys.exit(main())
