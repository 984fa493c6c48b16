"""Random input, guided by coverage (libFuzzer), for everything that reads what others wrote.

Two programs are built, instrumented, below `.build-fuzz`: one of the Swift modules (Tests/Fuzz/Targets, what the
manifest has with APUS_FUZZ), and one of apus-init on a kernel that is only played (Tests/Fuzz/Init). Each begins with
`spec-fixtures`; what once was wrong is kept in `spec-fixtures/corpus`. An input that ends the process, takes more than
five seconds of the processor or more memory than 512 MiB, or leaks, is a failure, and so is one that breaks what the
fuzzer holds to be true: that apus-init accepts every plan that is made, that what is written can be read again, and the
like.
"""

import hashlib
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from rows import HELD, Options, Row

SOURCES = Path(__file__).resolve().parent.parent.parent
BUILD = SOURCES / ".build-fuzz"
FOUND = BUILD / "found"
NICE = ["nice", "-n", "10"]
PATIENCE = {True: 900, False: 3600}  # seconds for building, in the short form and otherwise


@dataclass(frozen=True)
class Fuzzer:
    """One fuzzer: what it feeds, and with what it begins."""

    name: str
    title: str
    seeds: tuple[str, ...]  # folders of spec-fixtures
    longest: int  # bytes of an input
    words: str = "json"  # which dictionary


DOCUMENTS = ("configs", "invalid", "properties", "corpus/config")
FUZZERS = [
    Fuzzer("json", "JSON: reading, writing, reading again", (*DOCUMENTS, "corpus/json"), 65_536),
    Fuzzer("config", "configuration: `run` and `check` see the same", DOCUMENTS, 65_536),
    Fuzzer("plan", "plans: apus-init accepts what is made of a configuration", (*DOCUMENTS, "corpus/plan"), 65_536),
    Fuzzer("exec", "exec: a process as --process gives it, and its plan", ("corpus/exec",), 16_384),
    Fuzzer("state", "state file: what is read is written again as it was", ("corpus/state",), 16_384),
    Fuzzer("resources", "limits: update --resources, devices on v1 and v2, properties of units",
           ("corpus/resources",), 4_096),
    Fuzzer("seccomp", "seccomp: profiles, compiled by libseccomp", ("corpus/seccomp",), 8_192),
    Fuzzer("names", "names: cgroup paths, units, addresses, sysctls", ("corpus/names",), 4_096, ""),
    Fuzzer("variant", "unit properties in annotations, and D-Bus messages of them", ("corpus/variant",), 65_536,
           "variant"),
    Fuzzer("layout", "mountinfo and /proc/self/cgroup, whole and in pieces", ("corpus/layout",), 16_384, ""),
    Fuzzer("message", "D-Bus: one message", ("corpus/message",), 4_096, ""),
    Fuzzer("bus", "D-Bus: a bus that says anything to the systemd driver", ("corpus/bus",), 8_192, ""),
    Fuzzer("criu", "CRIU: an answer, its log, and what lies beside images", ("corpus/criu",), 8_192, ""),
    Fuzzer("init", "apus-init: its check, and its executor on a played kernel", ("corpus/init",), 65_536, ""),
]
# Who finds an error in the memory or the arithmetic of C ends the process; leaks are told at the end of an input.
SANITIZERS = {
    "ASAN_OPTIONS": "quarantine_size_mb=16:detect_stack_use_after_return=0", "UBSAN_OPTIONS": "print_stacktrace=1",
    "SWIFT_BACKTRACE": "enable=no",
}


def rows(options: Options) -> Iterator[Row]:
    wanted = [fuzzer for fuzzer in FUZZERS if re.search(options.only, title(fuzzer))]
    if not wanted:
        return
    swift = shutil.which("swift")
    if swift is None:
        yield from (Row(title(fuzzer), {"apus": "skipped: no Swift toolchain"}) for fuzzer in wanted)
        return
    tools = Path(swift).resolve().parent
    problems = {True: build_init(tools), False: ""}
    if any(fuzzer.name != "init" for fuzzer in wanted):
        problems[False] = build_swift(swift, PATIENCE[options.short])
    for fuzzer in wanted:
        problem = problems[fuzzer.name == "init"]
        yield Row(title(fuzzer), {"apus": problem}) if problem else run(fuzzer, options, tools)


def title(fuzzer: Fuzzer) -> str:
    return f"fuzz: {fuzzer.title}"


# ---- Building

def build_swift(swift: str, patience: float) -> str:
    """Builds the Swift program if it has to be; what went wrong, or nothing."""
    command = [
        *NICE, swift, "build", "--package-path", str(SOURCES), "--scratch-path", str(BUILD), "-c", "release",
        "--product", "fuzz", "-Xswiftc", "-enable-testing", "-Xswiftc", "-sanitize=fuzzer,address", "-Xswiftc",
        "-use-ld=lld", "-Xcc", "-fsanitize=fuzzer-no-link,address",
    ]
    # The build runs tools of its own that are built with the same flags.
    environment = os.environ | {"APUS_FUZZ": "1", "ASAN_OPTIONS": "detect_leaks=0"}
    return build(command, environment, patience)


def build_init(tools: Path) -> str:
    """Builds apus-init with a kernel that is played, if the sources have changed; what went wrong, or nothing."""
    program, stamp = BUILD / "fuzz-init", BUILD / "fuzz-init.stamp"
    sources = [*sorted((SOURCES / "Sources/apus-init").glob("*.[ch]")), SOURCES / "Tests/Fuzz/Init/harness.c",
               SOURCES / "Sources/InitProtocol/include/init_protocol.h", Path(__file__)]
    digest = hashlib.sha256(b"".join(path.read_bytes() for path in sources)).hexdigest()
    if program.exists() and stamp.exists() and stamp.read_text() == digest:
        return ""
    folder = BUILD / "init"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for path in sources[:-3]:
        shutil.copy(path, folder)
    kernel = folder / "kernel.h"
    # No signal is delivered on the played kernel: nobody comes back from one.
    declaration = ("long call6(long n, long a, long b, long c, long d, long e, long f);\n"
                   '#define bare_sys(n) __asm__("ud2")\n')
    text, count = re.subn(r"#if defined\(__x86_64__\)\n.*?\n#endif\n", declaration, kernel.read_text(), 1, re.DOTALL)
    if count != 1:
        return "kernel.h has no definition of call6 that could be replaced"
    kernel.write_text(text)
    # start.c is a part of the harness: what it has is static.
    units = [str(path) for path in sorted(folder.glob("*.c")) if path.name != "start.c"]
    command = [
        *NICE, str(tools / "clang"), "-std=gnu17", "-ffreestanding", "-fno-builtin", "-O1", "-g", "-fuse-ld=lld",
        "-fsanitize=fuzzer,address,undefined", "-fno-sanitize-recover=undefined",
        *(f"-D{name}=init_{name}" for name in ("memcpy", "memset", "memcmp")),
        "-I", str(SOURCES / "Sources/InitProtocol/include"), "-I", str(folder), "-o", str(program), *units,
        str(SOURCES / "Tests/Fuzz/Init/harness.c"),
    ]
    problem = build(command, dict(os.environ), PATIENCE[True])
    if not problem:
        stamp.write_text(digest)
    return problem


def build(command: list[str], environment: dict[str, str], patience: float) -> str:
    try:
        outcome = subprocess.run(command, env=environment, capture_output=True, text=True, errors="replace",
                                 timeout=patience, check=False)
    except subprocess.TimeoutExpired:
        return f"skipped: not built within {patience:.0f} s"
    if outcome.returncode == 0:
        return ""
    lines = (outcome.stdout + outcome.stderr).splitlines()
    return next((line.strip() for line in lines if "error:" in line), f"the build failed: {(lines or ['?'])[-1]}")


# ---- Running

def run(fuzzer: Fuzzer, options: Options, tools: Path) -> Row:
    FOUND.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="apus-fuzz-") as scratch:
        work = Path(scratch)
        corpus = work / "corpus"
        corpus.mkdir()
        seeds = [options.corpus / name for name in fuzzer.seeds if (options.corpus / name).is_dir()]
        environment = os.environ | SANITIZERS | {
            "APUS_FUZZER": fuzzer.name, "ASAN_SYMBOLIZER_PATH": str(tools / "llvm-symbolizer")}
        if fuzzer.name == "init":
            seeds += plans(work / "plans", options, environment)
        command = [
            *NICE, str(BUILD / ("fuzz-init" if fuzzer.name == "init" else "release/fuzz")),
            f"-max_total_time={max(1, round(options.seconds))}", f"-max_len={fuzzer.longest}", "-len_control=50",
            "-timeout=120", "-rss_limit_mb=512", "-print_final_stats=1", f"-artifact_prefix={FOUND}/{fuzzer.name}-",
            *dictionary(fuzzer, work), str(corpus), *map(str, seeds),
        ]
        try:
            outcome = subprocess.run(command, env=environment, cwd=work, capture_output=True, text=True,
                                     errors="replace", timeout=options.seconds + 300, check=False)
        except subprocess.TimeoutExpired:
            return Row(title(fuzzer), {"apus": "the fuzzer itself hung"})
    count = re.search(r"stat::number_of_executed_units: +(\d+)", outcome.stderr)
    figure = f"{options.seconds:.0f} s, {int(count[1]):,} executions" if count else ""
    return Row(title(fuzzer), {"apus": verdict(outcome)}, figure)


def verdict(outcome: subprocess.CompletedProcess) -> str:
    if outcome.returncode == 0:
        return HELD
    log = outcome.stderr
    written = re.search(r"Test unit written to (\S+)", log)
    where = f"{written[1]}: " if written else ""
    return where + (reason(log) or f"exit status {outcome.returncode}")


def reason(log: str) -> str:
    """What ended the process: an oracle's words or the sanitizer's, and the first line of the stack in the sources."""
    patterns = (r"Fatal error: (.+)", r"runtime error: (.+)", r"SUMMARY: (.+)", r"ERROR: (libFuzzer: .+)")
    what = next((found[1] for found in (re.search(pattern, log) for pattern in patterns) if found), "")
    frames = re.findall(r"^ *#\d+ 0x[0-9a-f]+ in (.+)$", log, re.MULTILINE)
    frame = next((frame for frame in frames if f"{SOURCES}/" in frame), "").replace(f"{SOURCES}/", "")
    return " at ".join(part for part in (what, frame) if part)


def plans(folder: Path, options: Options, environment: dict[str, str]) -> list[Path]:
    """Plans of all good configurations, for apus-init to begin with; none if the compiler of plans is not built."""
    program = BUILD / "release/fuzz"
    if not program.exists():
        return []
    folder.mkdir()
    subprocess.run([*NICE, str(program), "-runs=1", *map(str, sorted((options.corpus / "configs").iterdir()))],
                   env=environment | {"APUS_FUZZER": "plan", "APUS_FUZZ_PLANS": str(folder)}, capture_output=True,
                   check=False)
    return [folder]


def dictionary(fuzzer: Fuzzer, work: Path) -> list[str]:
    """A file of the words that a format knows, taken from the sources that read it."""
    folders = {"json": ["OCI", "OCI/Reading", "Runtime"], "variant": ["Cgroups/Systemd"]}.get(fuzzer.words)
    if folders is None:
        return []
    words: set[str] = set()
    for folder in folders:
        for path in sorted((SOURCES / "Sources" / folder).glob("*.swift")):
            for literal in re.findall(r'"((?:[^"\\\n]|\\.)*)"', path.read_text()):
                words.update(word for word in literal.split() if re.fullmatch(r"[A-Za-z][A-Za-z0-9_.=-]{1,40}", word))
            for text in re.findall(r'"""(.*?)"""', path.read_text(), re.DOTALL):
                words.update(re.findall(r"[A-Za-z][A-Za-z0-9]+", text))
    file = work / "words"
    quote = r"\"" if fuzzer.words == "json" else ""
    file.write_text("".join(f'"{quote}{word}{quote}"\n' for word in sorted(words)))
    return [f"-dict={file}"]
