#!/usr/bin/env python3
"""What users of containers do wrong, and what they are told.

    mistakes.py BINARY            compares what apus says with mistakes.md, word for word
    mistakes.py BINARY --write    writes mistakes.md anew, beside what runc and crun say (of the PATH) for the same input

For each mistake there are words that somebody needs who wants to correct it: the place in the configuration, the path, what
helps. apus says all of them, and at least as many as the others. Needs root and busybox.
"""
import argparse
import copy
import ctypes
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
RECORD = os.path.join(HERE, "mistakes.md")
CAPABILITIES = ["CAP_KILL", "CAP_AUDIT_WRITE"]

BASE = {
    "ociVersion": "1.0.2",
    "process": {
        "terminal": False, "user": {"uid": 0, "gid": 0}, "args": ["true"], "cwd": "/", "noNewPrivileges": True,
        "env": ["PATH=/bin:/usr/bin"],
        "capabilities": {name: CAPABILITIES for name in ("bounding", "effective", "permitted")},
    },
    "root": {"path": "rootfs"},
    "hostname": "x",
    "mounts": [
        {"destination": "/proc", "type": "proc", "source": "proc"},
        {"destination": "/dev", "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "mode=755", "size=65536k"]},
        {"destination": "/dev/pts", "type": "devpts", "source": "devpts",
         "options": ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620"]},
    ],
    "linux": {"namespaces": [{"type": kind} for kind in ("pid", "ipc", "uts", "mount", "network")]},
}


class Bench:
    """A bundle, and a runtime that is tried on it."""

    def __init__(self, name, program):
        self.name, self.program = name, program
        self.directory = tempfile.mkdtemp(prefix="apus-mistakes-")
        os.chmod(self.directory, 0o755)
        self.bundle = os.path.join(self.directory, "bundle")
        self.state = os.path.join(self.directory, "state")
        self.rootfs = os.path.join(self.bundle, "rootfs")
        self.config = copy.deepcopy(BASE)
        self.config["linux"]["cgroupsPath"] = f"/{os.path.basename(self.directory)}/c"
        for entry in ("bin", "proc", "dev", "sys", "etc", "tmp", "closed"):
            os.makedirs(os.path.join(self.rootfs, entry))
        shutil.copy(shutil.which("busybox"), os.path.join(self.rootfs, "bin/busybox"))
        for applet in ("true", "sh", "sleep"):
            os.symlink("busybox", os.path.join(self.rootfs, "bin", applet))
        os.chmod(os.path.join(self.rootfs, "closed"), 0o700)
        shutil.copy(shutil.which("busybox"), os.path.join(self.rootfs, "closed/tool"))

    def put(self, path, text, mode=0o755):
        with open(os.path.join(self.rootfs, path), "w") as file:
            file.write(text)
        os.chmod(os.path.join(self.rootfs, path), mode)

    def save(self, text=None):
        with open(os.path.join(self.bundle, "config.json"), "w") as file:
            file.write(text if text is not None else json.dumps(self.config, indent=2) + "\n")

    def call(self, *words, flags=(), prefix=(), save=True):
        """Standard output and errors of one command."""
        if save:
            self.save()
        command = [*prefix, self.program, "--root", self.state, *flags, *words]
        done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              text=True, errors="replace", timeout=60, cwd=self.directory, env={"PATH": os.environ["PATH"]})
        return done.stdout

    def run(self, *words, **options):
        return self.call("run", "--bundle", self.bundle, *words, "web", **options)

    def running(self):
        """A container that runs; its output goes nowhere."""
        self.config["process"]["args"] = ["sleep", "1000"]
        self.save()
        subprocess.run([self.program, "--root", self.state, "run", "-d", "--bundle", self.bundle, "web"],
                       stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=60)

    def stopped(self):
        self.running()
        self.call("kill", "web", "KILL")
        for _ in range(200):
            if '"stopped"' in self.call("state", "web").replace(" ", ""):
                return
            time.sleep(0.05)

    def plain(self, text):
        """What is said, without what is another one every time."""
        text = text.replace(self.bundle, "BUNDLE").replace(self.state, "STATE").replace(self.directory, "DIRECTORY")
        text = text.replace(os.path.basename(self.directory), "PLACE")
        text = re.sub(r'time="?[-0-9T:.Z+]+"? ', "", text)
        text = re.sub(r"\d{4}-\d\d-\d\dT[0-9:.]+Z?:? ?", "", text)
        text = re.sub(r"\b(pid|process|PID) \d+", r"\1 N", text)
        text = re.sub(r"/proc/\d+/", "/proc/N/", text)
        return "\n".join(self.message(line) for line in text.strip().split("\n")).replace("\r", "\\r")

    @staticmethod
    def message(line):
        """What a line of a log says: of `level=error msg="..." op=...` the message."""
        found = re.match(r'level=(\w+) msg=("(?:[^"\\]|\\.)*"|\S+)', line)
        if not found:
            return line
        text = found[2]
        return f"{found[1]}: {json.loads(text) if text.startswith(chr(34)) else text}"

    def close(self):
        subprocess.run([self.program, "--root", self.state, "delete", "--force", "web"], stdin=subprocess.DEVNULL,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=60)
        for line in open("/proc/self/mounts"):
            fields = line.split()
            place = os.path.join(fields[1], os.path.basename(self.directory))
            if fields[2].startswith("cgroup") and os.path.isdir(place):
                for directory, _, _ in os.walk(place, topdown=False):
                    try:
                        os.rmdir(directory)
                    except OSError:
                        pass
        shutil.rmtree(self.directory, ignore_errors=True)


MISTAKES = []
# What is said of these is another thing on another host: only the words count.
HOSTLY = {"The loader of a dynamic program is missing", "A hard limit that is too high", "A memory limit that is too small",
          "A period that is too short", "To execute what lacks its loader"}


def mistake(title, *words):
    """Registers a function that makes the mistake, and returns what is said. `words`: what somebody needs to correct it."""

    def register(function):
        MISTAKES.append((title, words, function))
        return function

    return register


def change(title, words, act, **options):
    """A mistake in the configuration, which `run` tells."""

    def make(bench):
        act(bench)
        return bench.run(**options)

    MISTAKES.append((title, words, make))


def program(*arguments):
    return lambda bench: bench.config["process"].update(args=list(arguments))


def mounts(*entries):
    return lambda bench: bench.config["mounts"].extend(entries)


def both(*acts):
    return lambda bench: [act(bench) for act in acts]


def put(path, text, mode=0o755):
    return lambda bench: bench.put(path, text, mode)


def linux(**members):
    return lambda bench: bench.config["linux"].update(members)


def process(**members):
    return lambda bench: bench.config["process"].update(members)


def hook(kind, path):
    return lambda bench: bench.config.update(hooks={kind: [{"path": path}]})


def text(alter):
    """A mistake in the text of the configuration."""

    def make(bench):
        bench.save(alter(json.dumps(bench.config, indent=2) + "\n"))
        return bench.run(save=False)

    return make


def foreign(bench):
    data = bytearray(open(os.path.join(bench.rootfs, "bin/busybox"), "rb").read(4096))
    data[18:20] = (8, 0)  # EM_MIPS
    with open(os.path.join(bench.rootfs, "bin/tool"), "wb") as file:
        file.write(data)
    os.chmod(os.path.join(bench.rootfs, "bin/tool"), 0o755)


# The image and the program

change("The root file system is missing", ("root.path", "BUNDLE/absent", "unpack the image"),
       lambda bench: bench.config["root"].update(path="absent"))
change("The program is not in the image", ("/bin/nosuch", "no such file", "correct the name"), program("/bin/nosuch"))
change("The program is not in the PATH", ("nosuch", "executable file not found", "correct the name or PATH"), program("nosuch"))
change("The interpreter of a script is missing", ("/bin/tool", "needs /usr/bin/python3", "not in the root file system"),
       both(put("bin/tool", "#!/usr/bin/python3\n"), program("tool")))
change("A script with line ends of Windows", ("/bin/tool", "needs /bin/sh", "line ends of Windows"),
       both(put("bin/tool", "#!/bin/sh\r\ntrue\r\n"), program("/bin/tool")))
change("The loader of a dynamic program is missing", ("/bin/tool", "needs /lib", "static program"),
       both(lambda bench: shutil.copy("/bin/ls", os.path.join(bench.rootfs, "bin/tool")), program("/bin/tool")))
change("The program may not be executed", ("/bin/tool", "permission denied", "mode 0644", "chmod +x"),
       both(put("bin/tool", "#!/bin/sh\n", 0o644), program("/bin/tool")))
change("The program is a directory", ("/etc", "permission denied", "is a directory"), program("/etc"))
change("The program is for another processor", ("/bin/tool", "exec format error", "another processor"),
       both(foreign, program("/bin/tool")))
change("The user may not reach the program", ("/closed/tool", "permission denied", "/closed may not be searched", "uid 1000"),
       both(process(user={"uid": 1000, "gid": 1000}), program("/closed/tool")))
change("The working directory is a file", ("process.cwd", "/bin/busybox", "not a directory"), process(cwd="/bin/busybox"))

# Mounts


change("The source of a bind mount is missing", ("mounts[3].source", "/absent/data", "no such file", "make it"),
       mounts({"destination": "/data", "type": "bind", "source": "/absent/data", "options": ["bind"]}))
change("A file is bound onto a directory", ("mounts[3]", "/etc/hostname", "/tmp", "not a directory"),
       mounts({"destination": "/tmp", "type": "bind", "source": "/etc/hostname", "options": ["bind"]}))
change("A mount point lies below a file", ("mounts[3]", "/bin/busybox/x", "not a directory"),
       mounts({"destination": "/bin/busybox/x", "type": "tmpfs", "source": "tmpfs"}))
change("A file system that the kernel does not have", ("mounts[3]", "ntfs9", "does not know this file system"),
       mounts({"destination": "/data", "type": "ntfs9", "source": "none"}))
change("A bad value of an option", ("mounts[3]", "size=100q", "Bad value for 'size'"),
       mounts({"destination": "/data", "type": "tmpfs", "source": "tmpfs", "options": ["size=100q"]}))
change("An option of a bind mount that it does not have", ("mounts[3].options", "readonly", "no effect"),
       mounts({"destination": "/tmp", "type": "bind", "source": "/usr", "options": ["bind", "readonly"]}))
change("A device where a directory is", ("linux.devices[0]", "/tmp", "is there already"),
       linux(devices=[{"path": "/tmp", "type": "c", "major": 1, "minor": 3}]))

# The configuration

change("A value of a wrong type", ("root.readonly", "not true or false", '"yes"', "line 34, column 17"),
       lambda bench: bench.config["root"].update(readonly="yes"))
change("The version is none", ("ociVersion", "not a version", '"latest"'), lambda bench: bench.config.update(ociVersion="latest"))
MISTAKES.append(("A comma behind the last entry", ("line 84, column 4", 'comma before "}"', "^"), text(
    lambda text: text[:-3] + ",\n}\n")))
MISTAKES.append(("A closing quote is missing", ("line 2, column 17", "closing quote", '"1.0.2,', "^"), text(
    lambda text: text.replace('"1.0.2"', '"1.0.2'))))
MISTAKES.append(("A comment", ("line 2, column 3", "comment", "^"), text(
    lambda text: text.replace('{\n', '{\n  // the version\n', 1))))
MISTAKES.append(("The file is cut off", ('"{" of line 3 is not closed', "^"), text(
    lambda text: text[:text.index('"process"') + 12])))


@mistake("A misspelt property", "root.readOnly", "unknown property", "did you mean readonly")
def misspelt(bench):
    bench.config["root"]["readOnly"] = True
    if bench.name != "apus":
        return bench.run()
    bench.save()
    return bench.call("check", bench.bundle)


@mistake("There is no config.json", "BUNDLE/config.json", "no such file", "apus spec")
def unwritten(bench):
    return bench.call("run", "--bundle", bench.bundle, "web", save=False)


@mistake("There is no such bundle", "DIRECTORY/absent", "no such file")
def astray(bench):
    return bench.call("run", "--bundle", os.path.join(bench.directory, "absent"), "web")


change("A capability that does not exist", ("process.capabilities.bounding[0]", "unknown capability", "CAP_BOGUS"),
       process(capabilities={"bounding": ["CAP_BOGUS"]}))
change("A limit that does not exist", ("process.rlimits[0].type", "RLIMIT_BOGUS"),
       process(rlimits=[{"type": "RLIMIT_BOGUS", "soft": 1, "hard": 1}]))
change("A hard limit that is too high", ("process.rlimits[0]", "1099511627776", "above /proc/sys/fs/nr_open"),
       process(rlimits=[{"type": "RLIMIT_NOFILE", "soft": 1, "hard": 1 << 40}]))
change("A kernel parameter that does not exist", ("linux.sysctl", "net.ipv4.ip_forwrad|ip_forwrad", "ip_forward"),
       linux(sysctl={"net.ipv4.ip_forwrad": "1"}))
change("A kernel parameter of the host", ("linux.sysctl", "kernel.panic", "not part of any namespace"),
       linux(sysctl={"kernel.panic": "1"}))
change("A namespace that is not there", ("linux.namespaces[4].path", "/proc/N/ns/net|/absent/ns", "no such file"),
       lambda bench: bench.config["linux"]["namespaces"][4].update(path="/absent/ns"))
change("A memory limit that is too small", ("linux.resources.memory.limit", "too little", "needs about"),
       linux(resources={"memory": {"limit": 4096}}))
change("A period that is too short", ("linux.resources.cpu.period", "100", "1000...1000000"),
       linux(resources={"cpu": {"period": 100}}))
change("A filter that forbids to execute", ("execve", "filter does not permit", "linux.seccomp|permit execve"),
       linux(seccomp={"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["execve"], "action": "SCMP_ACT_ERRNO"}]}))
change("A filter with an unknown action", ("linux.seccomp.defaultAction", "SCMP_ACT_BOGUS"),
       linux(seccomp={"defaultAction": "SCMP_ACT_BOGUS"}))
change("A hook that is not there", ("hooks.createRuntime[0]", "/absent/hook", "no such file"),
       hook("createRuntime", "/absent/hook"))
change("A hook that fails", ("hooks.createRuntime[0]", "/bin/false", "exit status 1"), hook("createRuntime", "/bin/false"))

# Commands


@mistake("A terminal without a console socket", "console socket", "--console-socket", "terminal to false")
def terminal(bench):
    bench.config["process"]["terminal"] = True
    return bench.call("create", "--bundle", bench.bundle, "web")


@mistake("An id that is taken", "already exists", '"web"', "STATE", "delete it")
def taken(bench):
    bench.running()
    return bench.run()


@mistake("An id with a slash", "invalid container ID", '"a/b"', "letters, digits")
def slash(bench):
    return bench.call("run", "--bundle", bench.bundle, "a/b")


@mistake("A misspelt id", "does not exist", '"wbe"', "STATE", 'did you mean web')
def unknown(bench):
    bench.running()
    return bench.call("state", "wbe")


@mistake("No container at all", "does not exist", '"web"', "STATE", "--root")
def nobody(bench):
    return bench.call("kill", "web")


@mistake("To start a container that runs", "cannot start an already running container", "apus kill web KILL")
def twice(bench):
    bench.running()
    return bench.call("start", "web")


@mistake("To execute in a container that has stopped", "cannot exec in a stopped container", "apus delete web")
def late(bench):
    bench.stopped()
    return bench.call("exec", "web", "true")


@mistake("To signal a container that has stopped", "container not running", "it is stopped", "apus delete web")
def dead(bench):
    bench.stopped()
    return bench.call("kill", "web")


@mistake("To delete a container that runs", "not stopped", "running", "apus kill web KILL")
def alive(bench):
    bench.running()
    return bench.call("delete", "web")


@mistake("To execute what is not there", "nosuch", "executable file not found", "correct the name or PATH")
def absent(bench):
    bench.running()
    return bench.call("exec", "web", "nosuch")


@mistake("To execute what lacks its loader", "/bin/tool", "needs /lib", "not in the container")
def loaderless(bench):
    bench.running()
    shutil.copy("/bin/ls", os.path.join(bench.rootfs, "bin/tool"))
    return bench.call("exec", "web", "/bin/tool")


@mistake("A misspelt command", "crate", "did you mean create")
def command(bench):
    return bench.call("crate", "web")


@mistake("A misspelt flag", "bundel", "did you mean --bundle")
def flag(bench):
    return bench.call("create", "--bundel", "x", "web")


@mistake("An unknown signal", "TREM", "did you mean TERM")
def signalled(bench):
    bench.running()
    return bench.call("kill", "web", "TREM")


@mistake("An ordinary user who may not look into the bundle", "BUNDLE", "permission denied", "may not be searched", "mode 0700")
def outsider(bench):
    bench.save()
    os.chmod(bench.bundle, 0o700)
    return bench.call("run", "--bundle", bench.bundle + "/rootfs", "web", save=False,
                      prefix=("/usr/bin/setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"))


def holds(said, words):
    """How many of the words are said; alternatives are separated by a bar."""
    return [word for word in words if not any(each.lower() in said.lower() for each in word.split("|"))]


def crowded():
    """A mount namespace in which crun, too, finds only one version of cgroups."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(0x20000) or libc.mount(b"none", b"/", None, 0x4000 | 0x40000, None):
        raise OSError(ctypes.get_errno(), "unshare")
    libc.umount2(b"/sys/fs/cgroup/unified", 2)


def said_by(name, program, function):
    bench = Bench(name, program)
    try:
        return bench.plain(function(bench))
    except subprocess.TimeoutExpired:
        return "(nothing: it hangs)"
    finally:
        bench.close()


def recorded():
    """What mistakes.md says that apus says, by title."""
    blocks = re.findall(r"^## (.*?)\n.*?^\*\*apus\*\*\n\n```\n(.*?)\n?```$", open(RECORD).read(), re.S | re.M)
    return dict(blocks)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("binary")
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    apus = os.path.abspath(options.binary)
    peers = [(name, path) for name in ("runc", "crun") if (path := shutil.which(name))] if options.write else []
    if peers:
        crowded()
    known = {} if options.write else recorded()
    lines, wrong, score = [], 0, {}
    for title, words, function in MISTAKES:
        said = said_by("apus", apus, function)
        lacking = holds(said, words)
        if lacking:
            wrong += 1
            print(f"{title}: apus does not say {', '.join(lacking)}:\n{said}\n", flush=True)
        if not options.write and title not in HOSTLY and known.get(title) != said:
            wrong += 1
            print(f"{title}: apus says\n{said}\nand mistakes.md has\n{known.get(title)}\n", flush=True)
        score.setdefault("apus", []).append(len(words) - len(lacking))
        lines += [f"## {title}", "", "**apus**", "", "```", said, "```", ""]
        for name, path in peers:
            theirs = said_by(name, path, function)
            count = len(words) - len(holds(theirs, words))
            score.setdefault(name, []).append(count)
            if count > len(words) - len(lacking):
                wrong += 1
                print(f"{title}: {name} says more:\n{theirs}\n", flush=True)
            lines += [f"**{name}**: {count} of {len(words)}", "", "```", theirs, "```", ""]
    if options.write:
        total = sum(len(words) for _, words, _ in MISTAKES)
        sums = ", ".join(f"{name} {sum(counts)}" for name, counts in score.items())
        head = ["# Mistakes, and what is said of them", "",
                f"Written by `mistakes.py`, with the words that help: {len(MISTAKES)} mistakes, {total} words; of them say "
                f"{sums}.", ""]
        with open(RECORD, "w") as file:
            file.write("\n".join(head + lines))
    print(f"{len(MISTAKES)} mistakes: {wrong} messages are wrong")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
