"""What the containers are made of: the configuration that `runc spec` prints, a root file system, a seccomp profile."""

import copy
import ctypes
import json
import os
import platform
import shutil
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
PROFILE = HERE / "seccomp.json"
CAPABILITIES = ["CAP_AUDIT_WRITE", "CAP_KILL", "CAP_NET_BIND_SERVICE"]

DEFAULT_CONFIG = {
    "ociVersion": "1.0.2",
    "process": {
        "terminal": False,
        "user": {"uid": 0, "gid": 0},
        "args": ["/bin/true"],
        "env": ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "TERM=xterm"],
        "cwd": "/",
        "capabilities": {kind: CAPABILITIES for kind in ("bounding", "effective", "permitted", "ambient")},
        "rlimits": [{"type": "RLIMIT_NOFILE", "hard": 1024, "soft": 1024}],
        "noNewPrivileges": True,
    },
    "root": {"path": "rootfs", "readonly": True},
    "hostname": "bench",
    "mounts": [
        {"destination": "/proc", "type": "proc", "source": "proc"},
        {"destination": "/dev", "type": "tmpfs", "source": "tmpfs",
         "options": ["nosuid", "strictatime", "mode=755", "size=65536k"]},
        {"destination": "/dev/pts", "type": "devpts", "source": "devpts",
         "options": ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"]},
        {"destination": "/dev/shm", "type": "tmpfs", "source": "shm",
         "options": ["nosuid", "noexec", "nodev", "mode=1777", "size=65536k"]},
        {"destination": "/dev/mqueue", "type": "mqueue", "source": "mqueue",
         "options": ["nosuid", "noexec", "nodev"]},
        {"destination": "/sys", "type": "sysfs", "source": "sysfs",
         "options": ["nosuid", "noexec", "nodev", "ro"]},
        {"destination": "/sys/fs/cgroup", "type": "cgroup", "source": "cgroup",
         "options": ["nosuid", "noexec", "nodev", "relatime", "ro"]},
    ],
    "linux": {
        "resources": {"devices": [{"allow": False, "access": "rwm"}]},
        "namespaces": [{"type": kind} for kind in ("pid", "network", "ipc", "uts", "mount")],
        "maskedPaths": ["/proc/acpi", "/proc/asound", "/proc/kcore", "/proc/keys", "/proc/latency_stats",
                        "/proc/timer_list", "/proc/timer_stats", "/proc/sched_debug", "/sys/firmware", "/proc/scsi"],
        "readonlyPaths": ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"],
    },
}


@dataclass(frozen=True)
class Bundle:
    """A bundle directory, with what a runtime without a configuration has to be told of it."""

    path: Path
    rootfs: Path
    arguments: tuple[str, ...] = ("/bin/true",)
    network: bool = True
    seccomp: bool = False
    readonly: bool = True  # the root
    memory: int = 0  # bytes; 0: no limit

    @property
    def filter(self) -> Path:
        """The seccomp profile as BPF."""
        return self.path / "seccomp.bpf"

    def write(self) -> "Bundle":
        config = copy.deepcopy(DEFAULT_CONFIG)
        config["process"]["args"] = list(self.arguments)
        config["root"] = {"path": str(self.rootfs), "readonly": self.readonly}
        if not self.network:
            config["linux"]["namespaces"].remove({"type": "network"})
        self.path.mkdir(exist_ok=True)
        if self.seccomp:
            profile = json.loads(PROFILE.read_text())
            profile["architectures"] = architectures()
            config["linux"]["seccomp"] = profile
            compile_filter(profile, self.filter)
        if self.memory:
            config["linux"]["resources"]["memory"] = {"limit": self.memory}
        (self.path / "config.json").write_text(json.dumps(config, indent=2))
        return self


def make_rootfs(path: Path, true: Path, busybox: Path) -> Path:
    for name in ("bin", "dev", "proc", "sys"):
        (path / name).mkdir(parents=True)
    shutil.copy(true, path / "bin/true")
    shutil.copy(busybox, path / "bin/busybox")
    return path


def architectures() -> list[str]:
    known = {
        "x86_64": ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"],
        "aarch64": ["SCMP_ARCH_AARCH64", "SCMP_ARCH_ARM"],
    }
    return known[platform.machine()]


class Comparison(ctypes.Structure):
    """`struct scmp_arg_cmp` of libseccomp."""

    _fields_ = [("argument", ctypes.c_uint), ("operator", ctypes.c_int),
                ("first", ctypes.c_uint64), ("second", ctypes.c_uint64)]


def compile_filter(profile: dict, to: Path) -> None:
    """Compiles a profile with the library that the runtimes use, for the program that cannot read profiles."""
    library = ctypes.CDLL("libseccomp.so.2")
    library.seccomp_init.restype = ctypes.c_void_p
    actions = {"SCMP_ACT_ALLOW": lambda _: 0x7FFF0000, "SCMP_ACT_ERRNO": lambda number: 0x00050000 | number}
    operators = {"SCMP_CMP_NE": 1, "SCMP_CMP_EQ": 4, "SCMP_CMP_MASKED_EQ": 7}
    EEXIST, EPERM = 17, 1

    def check(result: int) -> None:
        if result < 0:
            raise OSError(-result, os.strerror(-result), "libseccomp")

    context = ctypes.c_void_p(library.seccomp_init(actions[profile["defaultAction"]](EPERM)))
    for name in profile["architectures"]:
        short = name.removeprefix("SCMP_ARCH_").lower().encode()
        result = library.seccomp_arch_add(context, library.seccomp_arch_resolve_name(short))
        check(0 if result == -EEXIST else result)
    for rule in profile["syscalls"]:
        comparisons = [Comparison(each["index"], operators[each["op"]], each["value"], each.get("valueTwo", 0))
                       for each in rule.get("args", [])]
        array = (Comparison * len(comparisons))(*comparisons)
        for name in rule["names"]:
            number = library.seccomp_syscall_resolve_name(name.encode())
            action = actions[rule["action"]](rule.get("errnoRet", EPERM))
            if number != -1:  # an architecture, or an older library, lacks some of the names
                check(library.seccomp_rule_add_array(context, action, number, len(comparisons), array))
    with open(to, "wb") as file:
        check(library.seccomp_export_bpf(context, file.fileno()))
    library.seccomp_release(context)
