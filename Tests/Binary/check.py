#!/usr/bin/env python3
"""check.py APUS: what the two programs are, in their files and while they run.

`apus`, and `apus-init` as a container at its gate runs it: which pages can be written or executed, what the compilers
protect, and which system calls apus-init makes. Needs root, busybox and binutils. Tests/Arm calls the same checks for a
program of another processor, whose processes run in an emulated machine.
"""

import contextlib
import os
import re
import struct
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

TESTS = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(TESTS / "Binary"), str(TESTS / "Safety")]
import elf
from ground import Ground

SOURCES = TESTS.parent / "Sources"
LIST = TESTS / "Binary/system-calls.txt"
PATIENCE = 30  # seconds
DISASSEMBLER = os.environ.get("OBJDUMP", "objdump")

# Sections of apus. Who adds one decides where it belongs.
CODE = {".text", ".text.hot", ".text.unlikely", ".text.startup", ".text.exit", ".text.unknown", ".text.split", ".init",
        ".fini", ".plt", ".iplt", "__libc_freeres_fn"}
WRITTEN_ONCE = {".tdata", ".preinit_array", ".init_array", ".fini_array", ".data.rel.ro", ".got", ".got.plt",
                ".relro_padding"}
WRITTEN = {".data", ".bss", ".tm_clone_table", "__libc_freeres_ptrs"}

# Functions with buffers on their stack: one of each C file that has any. Swift protects those that hand out addresses
# of what is on the stack.
PROTECTED = {"become", "ck_send", "ck_receive", "ck_realpath", "ck_bpf_name", "ck_map_ids", "cd_send", "cd_uint32"}
PROTECTED_SWIFT = r"\$[se]6Kernel"
# What the C library checks for code that was compiled with _FORTIFY_SOURCE.
FORTIFIED = {"open_socket": "__memcpy_chk", "ck_send": "__memcpy_chk"}

# Of apus-init. Instructions of Arm have four bytes each.
MOST_BYTES = {62: 24 * 1024, 183: 28 * 1024}
# Of the kernels that there are, by the machine (EM_X86_64, EM_AARCH64).
LARGEST_PAGE = {62: 4096, 183: 65536}

# What must not be linked in: each start would pay for its set-up, and each process for its pages.
ABSENT = {
    "Foundation": r"\$[se](10Foundation|20FoundationEssentials)",
    "concurrency": r"(libdispatch_init|swift_task_create)$",
}

NAMELESS = {"", "[stack]", "[heap]", "[vdso]", "[vvar]", "[vvar_vclock]", "[vsyscall]"}
MEMORY_FILES = {"/memfd:apus-init (deleted)", "/memfd:apus-plan (deleted)", "/memfd:apus-report (deleted)"}


class Failure(Exception):
    pass


def require(is_so: bool, message: str) -> None:
    if not is_so:
        raise Failure(message)


# ---- Files

def check_segments(name: str, program: elf.Elf) -> None:
    """Nothing is writable and executable, no stack is executable, and nobody is needed to load the program."""
    for segment in program.segments:
        require(segment.flags & (elf.W | elf.X) != elf.W | elf.X,
                f"{name}: the segment at {segment.address:#x} is writable and executable")
    require([segment.flags & elf.X for segment in program.all(elf.STACK)] == [0], f"{name}: its stack is executable")
    require(not program.all(elf.INTERPRETER), f"{name}: it asks for a dynamic loader")


def check_apus(program: elf.Elf) -> None:
    """What is constant lies in pages that are neither writable nor executable, and what is written once, in RELRO."""
    check_segments("apus", program)
    require(program.kind == elf.EXEC and not program.all(elf.DYNAMIC), "apus: it is not a static program")
    relro = program.all(elf.RELRO)
    page = LARGEST_PAGE[program.machine]
    require([one.address % page or one.size % page for one in relro] == [0], "apus: no RELRO in whole pages")
    for section in filter(lambda section: section.is_loaded, program.sections):
        segment = program.segment_of(section)
        require(segment is not None, f"apus: {section.name} is in no segment")
        is_in_relro = relro[0].holds(section.address)
        right = ("r-x" if section.name in CODE else "rw-" if section.name in WRITTEN | WRITTEN_ONCE else "r--")
        require(segment.rights == right, f"apus: {section.name} is {segment.rights}, not {right}")
        require(is_in_relro == (section.name in WRITTEN_ONCE),
                f"apus: {section.name} is {'' if is_in_relro else 'not '}read-only after the start")


def check_symbols(program: elf.Elf) -> None:
    symbols = program.symbols()
    require(len(symbols) > 1000, "apus: it is stripped")
    for what, pattern in ABSENT.items():
        found = sorted(filter(re.compile(pattern).match, symbols))
        require(not found, f"apus: {what} is linked in: {found[:1]}")


def check_init(program: elf.Elf) -> None:
    """It can lie anywhere, and nothing has to be relocated for that; its only data are zero at the start."""
    check_segments("apus-init", program)
    require(program.kind == elf.DYN, "apus-init: it lies at a fixed address")
    for section in program.sections:
        kind = elf.RELOCATIONS.get(section.kind)
        require(kind is None, f"apus-init: it wants to be relocated: {kind} {section.name}")
        is_writable = section.is_loaded and program.segment_of(section).flags & elf.W
        require(not is_writable or section.kind == elf.NOBITS, f"apus-init: {section.name} is writable")
    require(len(program.image) < MOST_BYTES[program.machine], f"apus-init: it has grown to {len(program.image)} bytes")


# ---- Code

def disassembly(path: str | Path) -> str:
    return subprocess.run([DISASSEMBLER, "-d", "--no-show-raw-insn", str(path)], check=True, capture_output=True,
                          text=True).stdout


def callers(code: str, *callees: str) -> dict[str, set[str]]:
    """Which functions call which of these, be it by a second name."""
    found: dict[str, set[str]] = {callee: set() for callee in callees}
    caller = ""
    for line in code.splitlines():
        if line.endswith(">:"):
            caller = line[line.index("<") + 1:-2]
        elif line.endswith(">") and (callee := line[line.rindex("<") + 1:-1].removesuffix("_local")) in found:
            found[callee].add(caller)
    return found


def check_protection(apus: str) -> None:
    found = callers(disassembly(apus), "__stack_chk_fail", *FORTIFIED.values())
    protected = found["__stack_chk_fail"]
    missing = PROTECTED - protected
    require(not missing, f"apus: no stack protector in {', '.join(sorted(missing))}")
    require(any(re.match(PROTECTED_SWIFT, name) for name in protected), "apus: no stack protector in Swift")
    for caller, callee in FORTIFIED.items():
        require(caller in found[callee], f"apus: {caller} does not call {callee}")


def listed_calls() -> dict[str, str]:
    """The names, and for which processor alone they are; empty: for all."""
    lines = [line.split(None, 1) for line in LIST.read_text().splitlines() if not line.startswith("#")]
    names = [line[0] for line in lines]
    require(all(len(line) == 2 for line in lines), f"{LIST.name}: a line does not say what for")
    require(names == sorted(set(names)), f"{LIST.name}: not sorted, or a name twice")
    return {name: text[1:text.index("]")] if text.startswith("[") else "" for name, text in lines}


def calls_in_sources() -> set[str]:
    """The names in `sys(NAME, ...)`, `retry(NAME, ...)` and `bare_sys(NAME)`. Only kernel.h may enter the kernel by another way."""
    names = set()
    for file in sorted((SOURCES / "apus-init").glob("*.[ch]")):
        code = re.sub(r"///?.*|/\*.*?\*/", "", file.read_text())
        names.update(name for name in re.findall(r"\b(?:sys|retry|bare_sys)\(\s*(\w+)", code) if name not in ("__VA_ARGS__", "n"))
        ways = re.findall(r"\bcall6\(|\bsyscall\b|\bsvc\b", code)
        require(file.name == "kernel.h" or not ways, f"{file.name}: a system call that is not made with sys()")
    return names


def number_of_calls(compiler: list[str]) -> dict[int, str]:
    macros = subprocess.run([*compiler, "-dM", "-E", "-include", "asm/unistd.h", "-x", "c", "/dev/null"], check=True,
                            capture_output=True, text=True).stdout
    values = dict(re.findall(r"#define (__NR\w*?_\w+) (\w+)$", macros, re.M))
    # Some numbers of aarch64 have a second name: __NR_fcntl is __NR3264_fcntl.
    numbers = {name: values.get(value, value) for name, value in values.items() if name.startswith("__NR_")}
    return {int(number): name.removeprefix("__NR_") for name, number in numbers.items() if number.isdecimal()}


def instructions_of(path: Path) -> list[tuple[int, str, str]]:
    """Address, name and operands of each instruction."""
    return [(int(address, 16), name, re.split(r"# |//|<", operands)[0].strip()) for address, name, operands
            in re.findall(r"^\s*([0-9a-f]+):\s+(\S+)[ \t]*(.*)$", disassembly(path), re.M)]


@dataclass(frozen=True)
class Processor:
    """The name of a processor; its instructions that enter the kernel, end the program, call, and may go elsewhere; and
    where the number of a system call is before the one that enters the kernel."""

    name: str
    entry: str
    trap: str
    call: str
    jumps: str
    number_before: Callable[[list[tuple[int, str, str]], set[int], int], int]


def address_in(operands: str) -> int | None:
    """The address that a jump or a call names; it comes last."""
    last = operands.split(",")[-1].strip()
    return int(last, 16) if re.fullmatch(r"(0x)?[0-9a-f]+", last) else None


def check_guards(path: Path, processor: Processor) -> None:
    """Many functions of apus-init call the one that is nothing but a trap: __stack_chk_fail."""
    instructions = instructions_of(path)
    traps = {address for address, name, _ in instructions if name == processor.trap}
    calls = [operands for _, name, operands in instructions if name == processor.call and address_in(operands) in traps]
    require(len(calls) > 20, f"apus-init: only {len(calls)} functions have a stack protector")


def calls_in_program(path: Path, processor: Processor, compiler: list[str]) -> set[str]:
    """The number that each instruction which enters the kernel is given. It must be a constant, and nothing may jump in
    between."""
    instructions = instructions_of(path)
    targets = {address_in(operands) for _, name, operands in instructions if re.match(processor.jumps, name)}
    entries = [i for i, one in enumerate(instructions) if one[1] == processor.entry]
    require(len(entries) > 50, f"apus-init: only {len(entries)} system calls found in its code")
    names = number_of_calls(compiler)
    return {names[processor.number_before(instructions, targets, entry)] for entry in entries}


def number_in_x8(instructions: list[tuple[int, str, str]], targets: set[int], entry: int) -> int:
    """aarch64: the instruction before puts it there (kernel.h)."""
    address, _, operands = instructions[entry]
    _, name, before = instructions[entry - 1]
    constant = re.fullmatch(r"x8, #(0x[0-9a-f]+|\d+)", before)
    require(operands in ("#0", "#0x0") and name == "mov" and constant is not None and address not in targets,
            f"apus-init: the system call at {address:#x} has no number of its own: {name} {before}")
    return int(constant[1], 0)


def number_in_rax(instructions: list[tuple[int, str, str]], targets: set[int], entry: int) -> int:
    """x86-64: the last value of eax before it."""
    place = f"apus-init: the number of the system call at {instructions[entry][0]:#x}"
    for index in range(entry, 0, -1):
        require(instructions[index][0] not in targets, f"{place} depends on the way there")
        _, name, operands = instructions[index - 1]
        constant = re.fullmatch(r"\$0x([0-9a-f]+),%[er]ax", operands)
        if name.startswith("mov") and constant:
            return int(constant[1], 16)
        if name == "xor" and operands == "%eax,%eax":
            return 0
        pushed = re.fullmatch(r"\$0x([0-9a-f]+)", instructions[index - 2][2])
        if name == "pop" and operands == "%rax" and instructions[index - 2][1].startswith("push") and pushed:
            return int(pushed[1], 16)
        is_kept = name in ("cmp", "test", "push") or not re.search(r"(%[er]ax|%ax|%al)$", operands)
        require(is_kept and not name.startswith("call"), f"{place} is no constant: {name} {operands}")
    raise Failure(f"{place} is missing")


PROCESSORS = {
    62: Processor("x86-64", "syscall", "ud2", "call", r"j|call", number_in_rax),  # EM_X86_64
    183: Processor("aarch64", "svc", "brk", "bl", r"(b|bl|b\..+|cbn?z|tbn?z)$", number_in_x8),  # EM_AARCH64
}


def check_calls(init: Path, machine: int, compiler: list[str]) -> int:
    calls, written, processor = listed_calls(), calls_in_sources(), PROCESSORS[machine]
    require(written == set(calls), f"{LIST.name} and the sources differ: {', '.join(sorted(written ^ set(calls)))}")
    listed = {name for name, only in calls.items() if only in ("", processor.name)}
    made = calls_in_program(init, processor, compiler)
    require(made == listed, f"{LIST.name} and apus-init differ: {', '.join(sorted(made ^ listed))}")
    check_guards(init, processor)
    return len(listed)


# ---- Processes

class Process:
    """What can be seen of a process of this machine."""

    def __init__(self, pid: int):
        self.pid = pid

    def read(self, file: str) -> bytes:
        """A file in its directory of procfs."""
        return Path(f"/proc/{self.pid}/{file}").read_bytes()

    def memory(self, address: int, size: int) -> bytes:
        with open(f"/proc/{self.pid}/mem", "rb", buffering=0) as memory:
            memory.seek(address)
            return memory.read(size)

    def mappings(self) -> list[tuple[int, int, str, str]]:
        """Start, end, rights and name of each mapping."""
        lines = [line.split(None, 5) + [""] for line in self.read("maps").decode().splitlines()]
        return [(*(int(end, 16) for end in line[0].split("-")), line[1], line[5]) for line in lines]


def check_mappings(name: str, process: Process) -> None:
    found = process.mappings()
    require(len(found) > 5, f"{name}: only {len(found)} mappings")
    for start, _, rights, what in found:
        require(not ("w" in rights and "x" in rights), f"{name}: {rights} at {start:#x} {what}")


def check_constants(name: str, process: Process, program: elf.Elf) -> None:
    """What the file says of RELRO has been done: every constant is read-only in the process."""
    found = process.mappings()
    for section in filter(lambda section: section.is_loaded and section.name not in CODE | WRITTEN, program.sections):
        rights = [rights for start, end, rights, _ in found if start <= section.address < end]
        require(rights == ["r--p"], f"{name}: {section.name} is mapped {rights}")


def wait_until(condition, what: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        require(time.monotonic() < deadline, f"{what}: not within {PATIENCE} s")
        time.sleep(0.01)


@contextlib.contextmanager
def waiting(command: list[str], is_ready):
    """A command that waits for something, while it does. It has executed the program, and sleeps."""
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    try:
        path = Path(f"/proc/{process.pid}/stat")
        wait_until(lambda: is_ready() and path.read_text().rpartition(")")[2].split()[0] == "S", " ".join(command))
        yield process.pid
    finally:
        process.kill()
        process.wait()


def check_processes(apus: str, ground: Ground) -> tuple[Path, str]:
    """Everything that is looked at while it runs. Gives a copy of apus-init, and what address it had."""
    program, runtime, bundle = elf.Elf.read(apus), ground.runtime("apus", apus), ground.bundle()
    bundle.config["process"]["args"] = ["/bin/sleep", "3600"]
    bundle.write()
    addresses, copy = set(), ground.work / "apus-init"
    running, first, second = ground.name(), ground.name(), ground.name()
    try:
        with waiting(runtime.command("run", "--bundle", str(bundle.path), running),
                     lambda: runtime.state(running).get("status") == "running") as pid:
            check_mappings("apus run", Process(pid))
            check_constants("apus run", Process(pid), program)
        for name in (first, second):
            outcome = runtime.call("create", "--bundle", str(bundle.path), name)
            require(outcome.succeeded, f"create: {outcome.err}")
            pid = runtime.state(name)["pid"]
            check_mappings("apus-init", Process(pid))
            addresses.add(check_gate(Process(pid)))
            copy.write_bytes(Path(f"/proc/{pid}/exe").read_bytes())
        with waiting(runtime.command("wait", first), lambda: True) as pid:
            check_mappings("apus wait", Process(pid))
            check_constants("apus wait", Process(pid), program)
    finally:
        for name in (running, first, second):
            runtime.call("delete", "--force", name)
    is_random = Path("/proc/sys/kernel/randomize_va_space").read_text().strip() != "0"
    require(len(addresses) == 2 or not is_random, "apus-init: it had the same address twice")
    return copy, "a random address" if is_random else "an address that this host does not randomise"


def check_gate(process: Process) -> int:
    """Nothing of the host's memory or environment is in the process that waits at the gate. Gives its address."""
    found = process.mappings()
    others = {what for _, _, _, what in found} - NAMELESS - MEMORY_FILES
    require(not others, f"apus-init: it maps {', '.join(sorted(others))}")
    environment = process.read("environ")
    require(environment == b"", f"apus-init: it has an environment: {environment!r}")
    image = [mapping for mapping in found if mapping[3].startswith("/memfd:apus-init")]
    # On Arm others may lie between the code and the data.
    start, end, *_ = next(mapping for mapping in found if mapping[0] >= image[-1][1] and mapping[2:] == ("rw-p", ""))
    check_guard(process, start, end)
    return image[0][0]


def check_guard(process: Process, start: int, end: int) -> None:
    """The stack protector's guard: the kernel's random bytes (AT_RANDOM, getauxval(3)), the first of them 0."""
    vector = process.read("auxv")
    entries = dict(struct.iter_unpack("<QQ", vector[:len(vector) // 16 * 16]))
    guard = b"\0" + process.memory(entries[25], 8)[1:]
    require(guard in process.memory(start, end - start), "apus-init: its stack protector has no guard of its own")


def main() -> int:
    if len(sys.argv) != 2:
        print(__doc__, file=sys.stderr)
        return 2
    apus = os.path.abspath(sys.argv[1])
    Ground.isolate()
    ground = Ground("binary")
    try:
        program = elf.Elf.read(apus)
        check_apus(program)
        check_symbols(program)
        check_protection(apus)
        init, place = check_processes(apus, ground)
        image = elf.Elf.read(init)
        check_init(image)
        calls = check_calls(init, image.machine, ["cc"])
    except Failure as failure:
        print(f"{apus}: {failure}", file=sys.stderr)
        return 1
    finally:
        ground.close()
    relro = program.all(elf.RELRO)[0].size // 1024
    print(f"{apus}: static, without Foundation and concurrency; no page is writable and executable; constants are "
          f"read-only, {relro} KiB of them after the start")
    print(f"apus-init: {len(image.image)} bytes at {place}, no relocations, {calls} system calls, all on the list")
    return 0


if __name__ == "__main__":
    sys.exit(main())
