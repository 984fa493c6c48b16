#!/usr/bin/env python3
"""podman.py apus=PATH runc=PATH [crun=PATH]...: Podman and Buildah do the same with apus as with other runtimes.

Runs as root and as an ordinary user (who needs ranges in /etc/subuid and /etc/subgid, and XDG_RUNTIME_DIR), on a storage of
its own, without networks. Prints a table: for each command whether apus gave an answer that another runtime gave too.
Needs podman, busybox (static) and tar; buildah where it is there.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import replace

from sidebyside import WEIGHT, Answer, Case, ask, compare, limits, parse

IS_ROOT = os.geteuid() == 0
# Without systemd, and without a controller that may be missing.
PODMAN = "podman --cgroup-manager cgroupfs --root WORK/storage --runroot WORK/run --tmpdir WORK/tmp --runtime RT"
RUN = f"{PODMAN} run --rm --network none"
START = f"{PODMAN} run --detach --network none"
BUILDAH = "buildah --root WORK/storage --runroot WORK/run"
IDS = "id -u; id -g; cat /proc/self/uid_map /proc/self/gid_map"
LINKS = "sh sleep cat ls echo id env grep stat touch mount mkdir sort cut true tty stty hostname readlink rm kill seq head wc ps"

LIFE = [
    Case("output", f"{RUN} box echo hello"),
    Case("exit code", f"{RUN} box sh -c 'exit 42'"),
    Case("killed", f"{RUN} box sh -c 'kill -9 $$'"),
    Case("input", f"echo hello | {RUN} --interactive box cat"),
    Case("terminal", f"script -qec \"{RUN} -it box sh -c 'tty; stty size; echo end'\" /dev/null"),
    Case("no such program", f"{RUN} box nosuch >/dev/null 2>&1; echo $?"),
    Case("not executable", f"{RUN} box /etc/passwd >/dev/null 2>&1; echo $?"),
    Case("start, exec, stop, logs", f"{START} --name NAME box sh -c 'trap \"echo got TERM; exit 3\" TERM; echo up;"
         f" while :; do sleep 0.1; done' | wc -c; {PODMAN} exec NAME sh -c 'echo in; exit 7'; echo $?;"
         f" {PODMAN} stop -t 5 NAME; {PODMAN} inspect -f '{{{{.State.ExitCode}}}}' NAME; {PODMAN} logs NAME;"
         f" {PODMAN} rm -f NAME"),
    Case("exec with a terminal", f"{START} --name NAME box sleep 100 | wc -c;"
         f" script -qec \"{PODMAN} exec -it NAME sh -c 'tty; echo end'\" /dev/null;"
         f" {PODMAN} exec -u 1000:1000 -w /tmp -e A=b NAME sh -c 'id -u; pwd; echo $A'; {PODMAN} rm -ft 0 NAME"),
    Case("exec detached", f"{START} --name NAME box sleep 100 | wc -c; {PODMAN} exec -d NAME touch /x | wc -c;"
         f" for i in $(seq 50); do {PODMAN} exec NAME ls /x 2>/dev/null && break; sleep 0.1; done;"
         f" {PODMAN} rm -ft 0 NAME"),
    Case("kill, start again, wait", f"{START} --name NAME box sleep 100 | wc -c; {PODMAN} kill -s TERM NAME;"
         f" {PODMAN} kill NAME; {PODMAN} wait NAME; {PODMAN} start NAME; {PODMAN} ps --format '{{{{.Names}}}}';"
         f" {PODMAN} rm -ft 0 NAME"),
    Case("create, start attached", f"{PODMAN} create --name NAME --network none box sh -c 'echo out; exit 5' | wc -c;"
         f" {PODMAN} start -a NAME; echo $?; {PODMAN} rm NAME"),
    Case("top, cp, commit, diff", f"{START} --name NAME box sh -c 'touch /new; sleep 100' | wc -c;"
         f" {PODMAN} top NAME args | tail -1; echo text >WORK/NAME; {PODMAN} cp WORK/NAME NAME:/copied;"
         f" {PODMAN} exec NAME cat /copied; {PODMAN} diff NAME | grep new; {PODMAN} rm -ft 0 NAME"),
    Case("health", f"{START} --name NAME --health-cmd 'echo well' --health-interval disable box sleep 100 | wc -c;"
         f" {PODMAN} healthcheck run NAME; echo $?; {PODMAN} rm -ft 0 NAME"),
    Case("init", f"{RUN} --init box sh -c 'readlink /proc/1/exe'"),
    Case("a pod", f"{PODMAN} pod create --network none --infra=false --name NAME-p | wc -c;"
         f" {PODMAN} run --rm --pod NAME-p box echo in-pod; {PODMAN} pod rm -f NAME-p | wc -c"),
    Case("build", f"printf 'FROM box\\nRUN echo built >/made\\nRUN cat /made' >WORK/Containerfile;"
         f" {PODMAN} build --network none --no-cache -q -t NAME-image -f WORK/Containerfile WORK/empty | wc -c;"
         f" {RUN} NAME-image cat /made; {PODMAN} rmi -f NAME-image | wc -l"),
]

NAMESPACES = [
    Case(f"--userns {kind}", f"{RUN} --userns {kind} box sh -c '{IDS}'")
    for kind in ("host", "private", "keep-id", "keep-id:uid=200,gid=210", "nomap", "auto", "auto:size=1000",
                 "auto:uidmapping=0:500:10", "ns:/proc/self/ns/user")
] + [
    Case("--userns container", f"{START} --name NAME --userns keep-id box sleep 100 | wc -c;"
         f" {RUN} --userns container:NAME box sh -c '{IDS}'; {PODMAN} rm -ft 0 NAME"),
    Case("--userns keep-id, another user", f"{RUN} --userns keep-id --user 7:8 box sh -c 'id -u; id -g; id -G'"),
    Case("--uidmap", f"{RUN} --uidmap 0:1:500 --gidmap 0:1:500 box sh -c '{IDS}'"),
    Case("--uidmap, additive", f"{RUN} --userns keep-id --uidmap +7:@0:1 box sh -c '{IDS}' 2>&1"),
    Case("--subuidname", f"{RUN} --subuidname $(id -un) --subgidname $(id -un) box sh -c '{IDS}' 2>&1"),
    Case("--group-add keep-groups", f"{RUN} --group-add keep-groups box id -G"),
    Case("--group-add", f"{RUN} --group-add 99 --group-add 98 box id -G"),
    Case("--pid host", f"{RUN} --pid host box readlink /proc/self/ns/pid"),
    Case("--ipc host, --uts host", f"{RUN} --ipc host --uts host box sh -c 'readlink /proc/self/ns/ipc /proc/self/ns/uts'"),
    Case("--network host", f"{PODMAN} run --rm --network host box readlink /proc/self/ns/net"),
    Case("--cgroupns host", f"{RUN} --cgroupns host box readlink /proc/self/ns/cgroup"),
    Case("--pid container", f"{START} --name NAME box sleep 100 | wc -c;"
         f" {RUN} --pid container:NAME box sh -c 'ps | grep -c \"[s]leep 100$\"'; {PODMAN} rm -ft 0 NAME"),
    Case("--sysctl, --hostname", f"{RUN} --hostname h --sysctl kernel.msgmax=9000 box sh -c 'hostname; cat /proc/sys/kernel/msgmax'"),
    Case("--privileged", f"{RUN} --privileged box sh -c 'grep -E \"Cap|Seccomp:\" /proc/self/status; ls /dev | wc -l'"),
]

LIST = "grep -E \" /v[ /]\" /proc/self/mountinfo | cut -d\" \" -f4-6"
MOUNTS = [
    Case(f"volume :{option}", f"mkdir -p WORK/v-NAME; echo x >WORK/v-NAME/f; {RUN} --volume WORK/v-NAME:/v:{option} box"
         f" sh -c 'cat /v/f; stat -c %u:%g:%a /v /v/f; touch /v/new; {LIST} | cut -d\" \" -f2-' 2>&1;"
         f" stat -c %u:%g WORK/v-NAME/f | wc -l; ls WORK/v-NAME; podman unshare rm -rf WORK/v-NAME 2>/dev/null ||"
         " rm -rf WORK/v-NAME")
    for option in ("rw", "ro", "U", "O", "idmap", "'idmap=uids=0-1-10#10-11-10;gids=0-100-10'", "z", "noexec", "nosuid",
                   "nodev", "exec,suid,dev", "rslave", "rshared", "rprivate", "bind", "rbind", "copy", "nocopy",
                   "U,ro", "idmap,ro", "O,upperdir=WORK/up-NAME,workdir=WORK/wo-NAME")
] + [
    Case("volume :idmap with --userns auto", f"mkdir -p WORK/v-NAME; echo x >WORK/v-NAME/f; {RUN} --userns auto --volume"
         " WORK/v-NAME:/v:idmap box sh -c 'stat -c %u:%g /v/f; touch /v/new' 2>&1; stat -c %u:%g WORK/v-NAME/*;"
         " podman unshare rm -rf WORK/v-NAME 2>/dev/null || rm -rf WORK/v-NAME"),
    Case("volume :U with --userns keep-id", f"mkdir -p WORK/v-NAME; echo x >WORK/v-NAME/f; {RUN} --userns keep-id --volume"
         " WORK/v-NAME:/v:U box sh -c 'stat -c %u:%g /v/f; touch /v/new' 2>&1;"
         " podman unshare rm -rf WORK/v-NAME 2>/dev/null || rm -rf WORK/v-NAME"),
    Case("named volume", f"{RUN} --volume NAME:/etc box sh -c 'cat /etc/passwd; touch /etc/new; ls /etc';"
         f" {RUN} --volume NAME:/v box ls /v; {PODMAN} volume rm NAME"),
    Case("--mount type=image", f"{RUN} --mount type=image,source=box,destination=/v box sh -c 'ls /v; touch /v/x' 2>&1"),
    Case("--mount type=image,rw=true", f"{RUN} --mount type=image,source=box,destination=/v,rw=true box"
         " sh -c 'touch /v/x && ls /v' 2>&1"),
    Case("--mount type=image,subpath", f"{RUN} --mount type=image,source=box,destination=/v,subpath=/etc box ls /v 2>&1"),
    Case("--mount type=bind", f"mkdir -p WORK/v-NAME; {RUN} --mount type=bind,source=WORK/v-NAME,destination=/v,ro=true box"
         f" sh -c 'touch /v/x; {LIST} | cut -d\" \" -f2-' 2>&1"),
    Case("--mount type=tmpfs", f"{RUN} --mount type=tmpfs,destination=/v,tmpfs-size=64k,tmpfs-mode=1770 box"
         f" sh -c 'stat -c %a /v; {LIST}; grep -o size=64k /proc/mounts'"),
    Case("--mount type=tmpfs, copied up", f"{RUN} --mount type=tmpfs,destination=/etc box ls /etc;"
         f" {RUN} --mount type=tmpfs,destination=/etc,notmpcopyup box ls /etc"),
    Case("--mount type=devpts", f"{RUN} --mount type=devpts,destination=/v box sh -c 'ls /v; {LIST}'"),
    Case("--mount type=ramfs", f"{RUN} --mount type=ramfs,destination=/v box sh -c '{LIST}' 2>&1"),
    Case("--mount type=glob", f"mkdir -p WORK/g-NAME; touch WORK/g-NAME/1 WORK/g-NAME/2;"
         f" {RUN} --mount 'type=glob,src=WORK/g-NAME/*,destination=/v/' box ls /v"),
    Case("--tmpfs", f"{RUN} --read-only --tmpfs /v:rw,size=1m,mode=1770 box sh -c 'touch /v/x; stat -c %a /v; {LIST}'"),
    Case("--tmpfs noexec", f"{RUN} --tmpfs /v:noexec,nosuid,uid=7,gid=8 box sh -c 'stat -c %u:%g:%a /v; {LIST}'"),
    Case("--read-only", f"{RUN} --read-only box sh -c 'touch /x; touch /tmp/x /run/x && echo fine' 2>&1"),
    Case("--read-only-tmpfs=false", f"{RUN} --read-only --read-only-tmpfs=false box sh -c 'touch /tmp/x' 2>&1"),
    Case("--shm-size", f"{RUN} --shm-size 1m box sh -c 'grep /dev/shm /proc/mounts | grep -o size=.*k'"),
    Case("mount points", f"{RUN} box sh -c 'cut -d\" \" -f2 /proc/mounts | sort'"),
    Case("masks", f"{RUN} box sh -c 'for f in /proc/kcore /proc/keys /proc/timer_list; do head -c 10 $f; done | wc -c;"
         " ls /proc/acpi /sys/firmware | wc -l'"),
    Case("unmask, mask", f"{RUN} --security-opt unmask=ALL --security-opt mask=/etc box sh -c 'ls /etc;"
         " grep -c /proc/ /proc/mounts'"),
    Case("--secret", f"echo secret >WORK/s-NAME; {PODMAN} secret create NAME WORK/s-NAME | wc -c;"
         f" {RUN} --secret NAME box cat /run/secrets/NAME; {PODMAN} secret rm NAME | wc -c"),
    Case("--systemd=always", f"{RUN} --systemd=always box sh -c 'grep -E \" (/run|/run/lock|/tmp|/sys/fs/cgroup.*|/var/log/journal) \""
         " /proc/self/mountinfo | cut -d\" \" -f5,6 | sort; touch /run/x /tmp/x && echo writable' 2>&1"),
    Case("--systemd=always, user namespace", f"{RUN} --systemd=always --userns auto box sh -c"
         " 'grep -E \" (/run|/run/lock|/tmp|/sys/fs/cgroup.*) \" /proc/self/mountinfo | cut -d\" \" -f5,6 | sort' 2>&1"),
    Case("--rootfs", f"mkdir -p WORK/r-NAME; tar -C WORK/r-NAME -xf WORK/box.tar; {RUN} --rootfs WORK/r-NAME echo of-a-directory"),
    Case("--rootfs overlay", f"mkdir -p WORK/o-NAME; tar -C WORK/o-NAME -xf WORK/box.tar;"
         f" {RUN} --rootfs WORK/o-NAME:O sh -c 'touch /new; ls /new'; ls WORK/o-NAME/new 2>&1 | wc -l"),
]

LIMITS = [
    Case("--pids-limit -1", f"{RUN} --pids-limit -1 box true"),
    Case("--pids-limit 0", f"{RUN} --pids-limit 0 box true"),
    Case("--cgroups=disabled", f"{RUN} --cgroups=disabled box echo hi 2>&1"),
    Case("--cgroups=no-conmon", f"{RUN} --cgroups=no-conmon box echo hi"),
    Case("--ulimit", f"{RUN} --ulimit nofile=100:200 --ulimit nproc=1024 --ulimit core=0 box sh -c 'ulimit -n; ulimit -Hn;"
         " ulimit -c'"),
    Case("--ulimit host", f"{RUN} --ulimit host box sh -c 'ulimit -n'"),
    Case("--oom-score-adj", f"{RUN} --oom-score-adj 500 box cat /proc/self/oom_score_adj"),
    Case("--cap-drop, --cap-add", f"{RUN} --cap-drop all --cap-add net_raw box grep Cap /proc/self/status"),
    Case("--user", f"{RUN} --user 1234:5678 box sh -c 'id -u; id -G; grep Cap /proc/self/status'"),
    Case("default rights", f"{RUN} box grep -E 'Cap|NoNew|Seccomp:|Groups' /proc/self/status"),
    Case("no-new-privileges", f"{RUN} --security-opt no-new-privileges box grep NoNew /proc/self/status"),
    Case("seccomp=unconfined", f"{RUN} --security-opt seccomp=unconfined box grep Seccomp: /proc/self/status"),
    Case("--umask, --tz, --env", f"{RUN} --umask 027 --env A=b box sh -c 'umask; echo $A'"),
    Case("--device", f"{RUN} --device /dev/null:/dev/mine:rw box sh -c 'echo >/dev/mine && echo fine' 2>&1"),
    Case("--preserve-fds", f"exec 3<WORK/box.txt; {RUN} --preserve-fds 1 box cat /proc/self/fd/3"),
    Case("--preserve-fd", f"exec 6<WORK/box.txt; {RUN} --preserve-fd 6 box cat /proc/self/fd/6"),
    Case("standard streams of another user", f"{RUN} --user 1000 box sh -c 'echo out >/dev/stdout; echo err >/dev/stderr' 2>&1"),
    Case("--timeout", f"{RUN} --timeout 1 box sleep 100; echo $?"),
    Case("--workdir", f"{RUN} --workdir /new/er box pwd"),
]

AS_ROOT = [
    Case("--memory", f"{RUN} -m 64m --memory-swap 70m box sh -c '"
         + limits("memory/memory.limit_in_bytes memory/memory.memsw.limit_in_bytes", "memory.max memory.swap.max") + "'"),
    Case("--cpus", f"{RUN} --cpus 0.5 --cpu-shares 333 --cpuset-cpus 0 box sh -c '"
         + limits("cpu/cpu.cfs_quota_us cpuset/cpuset.cpus", "cpu.max cpuset.cpus") + "'"),
    Case("--cpu-shares", f"{RUN} --cpu-shares 333 box sh -c '{limits('cpu/cpu.shares', 'cpu.weight')}'", WEIGHT),
    Case("--pids-limit 7", f"{RUN} --pids-limit 7 box sh -c '{limits('pids/pids.max', 'pids.max')}'"),
    Case("pause", f"{START} --name NAME box sleep 100 | wc -c; {PODMAN} pause NAME; {PODMAN} inspect -f '{{{{.State.Status}}}}'"
         f" NAME; {PODMAN} unpause NAME; {PODMAN} rm -ft 0 NAME"),
    Case("update", f"{START} --name NAME box sleep 100 | wc -c; {PODMAN} update -m 50m --pids-limit 9 NAME;"
         f" {PODMAN} exec NAME sh -c '{limits('memory/memory.limit_in_bytes pids/pids.max', 'memory.max pids.max')}';"
         f" {PODMAN} rm -ft 0 NAME"),
    Case("stats", f"{START} --name NAME box sleep 100 | wc -c; {PODMAN} stats --no-stream --format '{{{{.Name}}}} {{{{.PIDs}}}}'"
         f" NAME; {PODMAN} rm -ft 0 NAME"),
    Case("--device-cgroup-rule", f"{RUN} --device-cgroup-rule 'c 1:9 rwm' --cap-add mknod box true"),
]

BUILDS = [
    Case("buildah from, run, config", f"c=$({BUILDAH} from --name NAME box); {BUILDAH} run --isolation oci --runtime RT --network none"
         f" NAME sh -c 'echo hi; id -u'; {BUILDAH} run --isolation oci --runtime RT --network none --user 7 NAME id -u;"
         f" {BUILDAH} rm NAME | wc -c"),
    Case("buildah run with a volume", f"mkdir -p WORK/b-NAME; {BUILDAH} from --name NAME box >/dev/null; {BUILDAH} run --isolation oci"
         f" --runtime RT --network none -v WORK/b-NAME:/v:ro --mount type=tmpfs,destination=/t NAME sh -c 'touch /v/x;"
         f" touch /t/x && echo fine' 2>&1; {BUILDAH} rm NAME | wc -c"),
    Case("buildah bud", f"printf 'FROM box\\nRUN --mount=type=tmpfs,target=/t touch /t/x\\nRUN --mount=type=cache,target=/c touch /c/x\\n"
         f"RUN id -u' >WORK/Buildfile; {BUILDAH} bud --isolation oci --runtime RT --network none --no-cache --layers -q -t"
         f" NAME-built -f WORK/Buildfile WORK/empty 2>&1 | grep -v sha256; {BUILDAH} rmi NAME-built | wc -l"),
]


WORDS = "each says in its own words what the kernel refuses"
VIEW = "a container without a cgroup of its own sees an empty /sys/fs/cgroup"
KEPT = "what Podman's annotation asks for: the groups are kept, as under crun; runc does not know it"
IDMAP = "without a user namespace there is nothing to map to: refused, as by crun; runc 1.1.5 ignores the option"
READ_ONLY = "asked for read-only, the tmpfs around the hierarchies is so; runc and crun leave it writable here"
# What apus may say otherwise than all the others.
MEANT = {"--userns ns:/proc/self/ns/user": WORDS, "--systemd=always": READ_ONLY,
         "volume :idmap with --userns auto": WORDS, "volume :idmap": IDMAP, "volume :idmap,ro": IDMAP}
MEANT_FOR_USERS = {
    "--group-add keep-groups": KEPT,
    "volume :'idmap=uids=0-1-10#10-11-10;gids=0-100-10'": WORDS, "volume :idmap with --userns auto": WORDS,
    "mount points": VIEW, "--systemd=always": VIEW, "--systemd=always, user namespace": VIEW,
}


class Podman:
    """A storage of its own, with an image called `box`."""

    def __init__(self, manager: str, runtimes: dict[str, str]) -> None:
        self.manager = manager
        self.work = tempfile.mkdtemp(prefix="apus-podman-", dir=None if IS_ROOT else os.path.expanduser("~"))
        os.chmod(self.work, 0o755)
        # Unlimited, as far as the caller has it: a machine may forbid to raise limits.
        with open(f"{self.work}/containers.conf", "w") as file:
            file.write("[containers]\ndefault_ulimits = [\"nofile=1024:1024\", \"nproc=1024:1024\"]\npids_limit = 0\n[engine]\n"
                       "runtime_supports_json = [\"apus\", \"runc\", \"crun\"]\n"
                       # Without the s that the manual page has.
                       "runtime_supports_nocgroup = [\"apus\", \"crun\"]\nevents_logger = \"file\"\n[engine.runtimes]\n"
                       + "".join(f"{name} = [\"{path}\"]\n" for name, path in runtimes.items()))
        self.environment = {**os.environ, "PODMAN_IGNORE_CGROUPSV1_WARNING": "1",
                            # The second name is the one that Podman before 4.4 knows.
                            "CONTAINERS_CONF_OVERRIDE": f"{self.work}/containers.conf",
                            "CONTAINERS_CONF": f"{self.work}/containers.conf"}
        os.mkdir(f"{self.work}/empty")
        with open(f"{self.work}/box.txt", "w") as file:
            file.write("text\n")

    def __enter__(self) -> "Podman":
        image = f"{self.work}/image"
        for directory in ("bin", "etc", "tmp", "run", "v"):
            os.makedirs(f"{image}/{directory}")
        os.chmod(f"{image}/tmp", 0o1777)
        shutil.copy(shutil.which("busybox"), f"{image}/bin/busybox")
        for name in LINKS.split():
            os.symlink("busybox", f"{image}/bin/{name}")
        with open(f"{image}/etc/passwd", "w") as file:
            file.write("root:x:0:0:root:/root:/bin/sh\nbob:x:1000:1000:bob:/tmp:/bin/sh\n")
        subprocess.run(["tar", "--owner=0", "--group=0", "-C", image, "-cf", f"{self.work}/box.tar", "."], check=True)
        made = self.answer(f"{PODMAN.replace(' --runtime RT', '')} import -q WORK/box.tar box")
        if made.code != 0:
            sys.exit(f"FAILED no image: {made}")
        return self

    def answer(self, command: str) -> Answer:
        command = command.replace("--cgroup-manager cgroupfs", f"--cgroup-manager {self.manager}")
        given = ask(command.replace("WORK", self.work), self.environment)
        return Answer(given.code, given.output.replace(self.work, "WORK"))

    def __exit__(self, *_) -> None:
        plain = PODMAN.replace(" --runtime RT", "")
        self.answer(f"{plain} rm -aft 0; {plain} rmi -af; {plain} system reset -f")
        if IS_ROOT:
            shutil.rmtree(self.work, ignore_errors=True)
        else:
            subprocess.run(["podman", "unshare", "rm", "-rf", self.work], env=self.environment, check=False)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="", metavar="PATTERN", help="cases in whose names this is found")
    parser.add_argument("--manager", default="cgroupfs", help="Podman's --cgroup-manager: cgroupfs (default) or systemd")
    parser.add_argument("runtimes", nargs="+", metavar="NAME=PATH")
    given = parser.parse_args()
    cases = LIFE + NAMESPACES + MOUNTS + LIMITS + (AS_ROOT if IS_ROOT else [])
    if shutil.which("buildah"):
        cases += BUILDS
    meant = MEANT | ({} if IS_ROOT else MEANT_FOR_USERS)
    cases = [replace(case, meant=meant.get(case.name, case.meant)) for case in cases]
    runtimes = parse(given.runtimes)
    with Podman(given.manager, runtimes) as podman:
        alone = compare([case for case in cases if re.search(given.only, case.name)], runtimes, podman.answer)
    return 1 if alone else 0


if __name__ == "__main__":
    sys.exit(main())
