#!/usr/bin/env python3
"""docker.py APUS [--userns-remap]: Docker does the same with apus as with runc.

Starts a Docker daemon of its own, without networks, in a directory of its own, and gives it both runtimes. Each
command below is run with both; what it prints and its exit code have to be the same. Prints one line for each command,
"ok NAME", "meant NAME: why it differs" or "FAILED NAME: what was seen", and "done" at the end. Needs root, docker.io,
runc, busybox and script(1).

The daemon lives in a mount and a pid namespace of its own, where /dev, /etc and /run are not the host's: it neither reads
nor writes what a Docker of the host has there, and dies, with all that it started, with this program. With --userns-remap
it gives every container a user namespace.

--running takes the daemon that runs here instead, which has to know both runtimes by these names: for systemd as the
cgroup driver, and for a throw-away machine.
"""

import argparse
import glob
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import replace

from sidebyside import HANGS, TRIES, WEIGHT, Answer, Case, ask, limits, normal

RUN = "docker run --rm --network none --runtime RT"
START = "docker run --detach --network none --runtime RT"
MEMORY = limits("memory/memory.limit_in_bytes memory/memory.memsw.limit_in_bytes", "memory.max memory.swap.max")
LOOP = "trap 'echo got TERM; exit 3' TERM; while :; do sleep 0.1; done"


# RT stands for the runtime, NAME for a container of it that runs meanwhile.
CASES = [
    Case("output", f"{RUN} box echo hello"),
    Case("input", f"echo hello | {RUN} --interactive box cat"),
    Case("much output", f"{RUN} box sh -c 'head -c 3000000 /dev/zero' | wc -c"),
    Case("terminal", f"script -qec \"{RUN} -it box sh -c 'tty; stty size; echo end'\" /dev/null"),
    Case("exit code", f"{RUN} box sh -c 'exit 42'"),
    Case("killed", f"{RUN} box sh -c 'kill -9 $$'"),
    Case("no such program", f"{RUN} box nosuch"),
    Case("no such path", f"{RUN} box /nosuch/x"),
    Case("not executable", f"{RUN} box /etc/passwd"),
    Case("a directory as program", f"{RUN} box /tmp"),
    Case("new working directory", f"{RUN} --workdir /new box sh -c 'pwd; stat -c %a%u /new'"),
    Case("user by name", f"{RUN} --user bob box sh -c 'id; grep Cap /proc/self/status'"),
    Case("user and groups", f"{RUN} --user 1234:5678 --group-add 99 box id"),
    Case("unknown user", f"{RUN} --user nobody-here box id"),
    Case("read-only root", f"{RUN} --read-only box touch /x"),
    Case("tmpfs", f"{RUN} --read-only --tmpfs /t:size=1m,mode=1770 box sh -c 'touch /t/x; grep \" /t \" /proc/mounts'"),
    Case("read-only volume", f"{RUN} --volume WORK/image/etc:/host:ro box sh -c 'cat /host/passwd; (echo >/host/x)"
         " 2>&1'"),
    Case("volume", f"{RUN} --volume NAME:/v box sh -c 'echo 1 >/v/a; cat /v/a'"),
    Case("environment", f"{RUN} --env A=b box env"),
    Case("names", f"{RUN} --hostname h --domainname d.e box sh -c 'hostname; cat /proc/sys/kernel/domainname'"),
    Case("memory", f"{RUN} -m 64m --memory-swap 70m box sh -c '{MEMORY}'"),
    Case("out of memory", f"{RUN} -m 16m --memory-swap 16m box sh -c 'exec 2>/dev/null;"
         " dd if=/dev/zero of=/dev/null bs=100M count=1; echo $?'"),
    Case("cpu", f"{RUN} --cpus 0.5 --cpu-shares 333 --cpuset-cpus 0 box sh -c '"
         + limits("cpu/cpu.cfs_quota_us cpu/cpu.cfs_period_us cpuset/cpuset.cpus", "cpu.max cpuset.cpus") + "; nproc'"),
    Case("cpu shares", f"{RUN} --cpu-shares 333 box sh -c '{limits('cpu/cpu.shares', 'cpu.weight')}'", WEIGHT),
    Case("pids", f"{RUN} --pids-limit 7 box sh -c '{limits('pids/pids.max', 'pids.max')}'"),
    Case("resource limits", f"{RUN} --ulimit nofile=100:200 --ulimit core=0 box sh -c 'ulimit -n; ulimit -Hn;"
         " ulimit -c'"),
    Case("capabilities", f"{RUN} --cap-drop ALL --cap-add NET_RAW box grep Cap /proc/self/status"),
    Case("default rights", f"{RUN} box grep -E 'Cap|NoNew|Seccomp' /proc/self/status"),
    Case("no new privileges", f"{RUN} --security-opt no-new-privileges box grep NoNew /proc/self/status"),
    Case("no seccomp", f"{RUN} --security-opt seccomp=unconfined box grep Seccomp: /proc/self/status"),
    Case("device", f"{RUN} --device /dev/null:/dev/mine:r box sh -c 'ls -l /dev/mine; echo >/dev/mine' 2>&1"),
    Case("devices", f"{RUN} box sh -c 'ls /dev; cut -d: -f2 /proc/self/cgroup | sort'"),
    Case("mount points", f"{RUN} box sh -c 'cut -d\" \" -f2 /proc/mounts | sort'"),
    Case("host namespaces", f"{RUN} --ipc host --pid host --uts host box sh -c 'cd /proc/self/ns; readlink ipc pid"
         " uts'"),
    Case("host network", "docker run --rm --network host --runtime RT box readlink /proc/self/ns/net"),
    Case("cgroup namespace", f"{RUN} --cgroupns private box sh -c 'cut -d: -f3 /proc/self/cgroup | sort -u'"),
    Case("sysctl", f"{RUN} --sysctl kernel.msgmax=9000 --sysctl net.ipv4.ip_forward=1 box"
         " cat /proc/sys/kernel/msgmax /proc/sys/net/ipv4/ip_forward"),
    Case("shared memory", f"{RUN} --shm-size 8m box grep shm /proc/mounts"),
    Case("oom score", f"{RUN} --oom-score-adj 500 box cat /proc/self/oom_score_adj"),
    Case("start", f"{START} --name NAME box sh -c \"{LOOP}\" | wc -c"),
    Case("exec", "docker exec NAME echo inside"),
    Case("exec input", "echo abc | docker exec --interactive NAME cat"),
    Case("exec terminal", "script -qec \"docker exec -it NAME sh -c 'tty; echo x'\" /dev/null"),
    Case("exec exit code", "docker exec NAME sh -c 'exit 9'"),
    Case("exec no such program", "docker exec NAME nosuch"),
    Case("exec a directory", "docker exec NAME /tmp"),
    Case("exec as", "docker exec --user bob --workdir /tmp --env X=y NAME sh -c 'id; pwd; echo $X'"),
    Case("exec detached", "docker exec --detach NAME touch /tmp/made;"
         " for i in $(seq 100); do docker exec NAME ls /tmp | grep made && break; sleep 0.1; done"),
    Case("top", "docker top NAME -o comm | head -2"),
    Case("pause", "docker pause NAME; docker exec NAME true; docker inspect -f '{{.State.Status}}' NAME; docker"
         " unpause NAME"),
    Case("update up", "docker update -m 100m --memory-swap 200m --cpus 0.3 --pids-limit 50 NAME; docker exec NAME sh -c"
         f" '{MEMORY}; {limits('cpu/cpu.cfs_quota_us pids/pids.max', 'cpu.max pids.max')}'"),
    Case("update down", "docker update -m 50m --memory-swap 60m NAME;"
         f" docker exec NAME sh -c '{MEMORY}'"),
    Case("stop", "docker stop NAME; docker inspect -f '{{.State.ExitCode}} {{.State.Status}}' NAME; docker logs NAME"),
    Case("start again, kill", "docker start NAME; docker kill NAME; docker wait NAME; docker rm NAME"),
    Case("create", f"docker create --name NAME --network none --runtime RT box true | wc -c; docker start -a NAME;"
         " echo $?; docker restart NAME; docker rm -f NAME"),
    Case("health", f"{START} --name NAME --health-cmd true --health-interval 1s box sleep 100 | wc -c;"
         " for i in $(seq 60); do sleep 0.5; s=$(docker inspect -f '{{.State.Health.Status}}' NAME);"
         " [ $s = starting ] || break; done; echo $s; docker rm -f NAME"),
    Case("killed for want of memory", f"{START} --name NAME -m 16m --memory-swap 16m box dd if=/dev/zero of=/dev/null"
         " bs=100M count=1 | wc -c; docker wait NAME; for i in $(seq 50); do"
         " s=$(docker inspect -f '{{.State.OOMKilled}}' NAME); [ $s = true ] && break; sleep 0.1; done; echo $s;"
         " docker rm NAME"),
]

OWNERS = "a device that the container may have is its own root's; the host's, which runc binds, is nobody's"
MAPPED = [
    Case("mapped ids", f"{RUN} box sh -c 'id -u; cat /proc/self/uid_map /proc/self/gid_map; grep Cap /proc/self/status'"),
    Case("owners of devices", f"{RUN} box sh -c 'stat -c %n:%u:%g:%a:%t:%T /dev/*'", OWNERS),
    Case("owner of a device of the host", f"{RUN} --device /dev/fuse box stat -c %u:%g:%t:%T /dev/fuse", OWNERS),
    Case("owners of a volume of the host", f"{RUN} --volume WORK/image/etc:/v box sh -c 'stat -c %u:%g /v/passwd;"
         " (echo >/v/x) 2>&1'"),
    Case("read-only volume of the host", f"{RUN} --volume WORK/image/etc:/v:ro box sh -c 'touch /v/x;"
         " grep \" /v \" /proc/self/mountinfo | cut -d\" \" -f6' 2>&1"),
    Case("owners of a volume", f"{RUN} --volume NAME-m:/v box sh -c 'touch /v/x && stat -c %u:%g /v /v/x'"),
    Case("owners of a tmpfs", f"{RUN} --tmpfs /t:size=64k,mode=700 box sh -c 'stat -c %u:%g:%a /t; touch /t/x'"),
    Case("privileged", f"{RUN} --privileged box id"),
    Case("privileged, without user namespace", f"{RUN} --privileged --userns host box sh -c 'cat /proc/self/uid_map;"
         " grep CapEff /proc/self/status; ls /dev | wc -l'",
         "of all capabilities apus, and runc 1.3, give those that they have themselves; runc 1.1 fails if one is missing"),
    Case("without user namespace", f"{RUN} --userns host box cat /proc/self/uid_map"),
    Case("cgroups are not writable", f"{RUN} --cgroupns host box sh -c 'touch /sys/fs/cgroup/x;"
         " grep -c cgroup /proc/mounts' 2>&1"),
    Case("standard streams of another user", f"{RUN} --user 1000:1000 --group-add 7 box sh -c 'id -u; id -G;"
         " echo out >/dev/stdout'"),
    Case("a mount of its own", f"{RUN} --security-opt seccomp=unconfined --cap-add SYS_ADMIN box sh -c"
         " 'mount -t tmpfs t /tmp && echo mounted' 2>&1"),
    Case("exec, cp", f"{START} --name NAME box sleep 1000 | wc -c; docker exec NAME id -u;"
         " docker exec --user 5 NAME id -u; docker exec --privileged NAME grep CapEff /proc/self/status;"
         " docker cp WORK/image/etc/passwd NAME:/copied; docker exec NAME stat -c %u:%g /copied"),
    Case("restart, stats", "docker restart -t 0 NAME; docker stats --no-stream --format '{{.PIDs}}' NAME"),
    Case("namespaces of another container", "docker run --rm --network container:NAME --ipc container:NAME"
         " --pid container:NAME --runtime RT box sh -c 'id -u; ps -o args | head -2'; docker rm -f NAME"),
]
MEANT_IF_MAPPED = {
    "device": OWNERS,
    "names": "each says in its own words that a user namespace may not set this sysctl",
}

# What the shell does in the daemon's mount namespace; $0 is the working directory. Some runtimes give away the devices that
# they find as standard streams: these are nobody else's.
PRIVATE = """
mkdir "$0/dev"; mount -t tmpfs -o mode=755 none "$0/dev"
while read -r name major minor; do mknod -m 666 "$0/dev/$name" c $major $minor; done <<END
null 1 3
zero 1 5
full 1 7
random 1 8
urandom 1 9
tty 5 0
fuse 10 229
END
mkdir "$0/dev/pts" "$0/dev/shm"; mount --bind /dev/pts "$0/dev/pts"; mount -t tmpfs none "$0/dev/shm"
ln -s pts/ptmx "$0/dev/ptmx"; ln -s /proc/self/fd "$0/dev/fd"; mount --rbind "$0/dev" /dev
mount -t tmpfs -o mode=755 none /run
mount -t tmpfs none "$0/etc"; mkdir "$0/etc/upper" "$0/etc/work"
mount -t overlay -o "lowerdir=/etc,upperdir=$0/etc/upper,workdir=$0/etc/work" none /etc
echo apus-mapped:x:4000:4000::/:/bin/false >>/etc/passwd; echo apus-mapped:x:4000: >>/etc/group
echo apus-mapped:300000:65536 | tee -a /etc/subuid >>/etc/subgid
exec "$@"
"""

LINKS = "sh sleep cat ls echo id env hostname head tail dd grep touch stat nproc wc sort cut seq stty tty readlink true ps mount"


class Docker:
    """A daemon with an image called `box`."""
    daemon: subprocess.Popen | None = None

    def __init__(self, apus: str, is_mapped: bool, is_running: bool):
        self.work = tempfile.mkdtemp(prefix="apus-docker-")
        os.chmod(self.work, 0o711)  # for the root of a user namespace
        self.environment = dict(os.environ)
        if not is_running:
            self.launch(apus, ["--userns-remap", "apus-mapped"] if is_mapped else [])

    def launch(self, apus: str, flags: list[str]) -> None:
        """Starts a daemon in the directory."""
        self.environment |= {"DOCKER_HOST": f"unix://{self.work}/docker.sock",
                             "DOCKER_CONFIG": f"{self.work}/client"}
        for name in ("DOCKER_CONTEXT", "DOCKER_TLS", "DOCKER_TLS_VERIFY", "DOCKER_CERT_PATH"):
            self.environment.pop(name, None)
        with open(f"{self.work}/daemon.json", "w") as file:
            file.write("{}")
        os.mkdir(f"{self.work}/etc")
        log = open(f"{self.work}/log", "w")
        self.daemon = subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", "unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc",
             "sh", "-ec", PRIVATE, self.work,
             "dockerd", "--config-file", f"{self.work}/daemon.json", "--ip-forward=false",
             "--data-root", f"{self.work}/data", "--exec-root", f"{self.work}/exec", "--host",
             self.environment["DOCKER_HOST"], "--pidfile", f"{self.work}/pid", "--iptables=false", "--ip6tables=false",
             "--bridge=none", "--storage-driver=vfs", "--cgroup-parent", f"/{os.path.basename(self.work)}",
             "--add-runtime", f"apus={apus}", *flags],
            stdout=log, stderr=log, start_new_session=True)

    def __enter__(self) -> "Docker":
        try:
            self.start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def start(self) -> None:
        deadline = time.monotonic() + 60
        while self.shell("docker version").code != 0:
            if time.monotonic() > deadline or self.is_gone:
                sys.exit(f"FAILED the daemon does not start: {self.log()[-2000:]}")
            time.sleep(0.2)
        self.make_image()

    @property
    def is_gone(self) -> bool:
        return self.daemon is not None and self.daemon.poll() is not None

    def log(self) -> str:
        if self.daemon is None:
            return "none runs"
        with open(f"{self.work}/log") as log:
            return log.read()

    def make_image(self) -> None:
        image = f"{self.work}/image"
        for directory in ("bin", "etc", "tmp", "root"):
            os.makedirs(f"{image}/{directory}")
        shutil.copy(shutil.which("busybox"), f"{image}/bin/busybox")
        for name in LINKS.split():
            os.symlink("busybox", f"{image}/bin/{name}")
        with open(f"{image}/etc/passwd", "w") as file:
            file.write("root:x:0:0:root:/root:/bin/sh\nbob:x:1000:1000:bob:/tmp:/bin/sh\n")
        imported = self.shell(f"tar -C {image} -c . | docker import - box")
        assert imported.code == 0, imported.output

    def shell(self, command: str) -> Answer:
        """What a command prints, and how it ends."""
        return ask(command.replace("WORK", self.work), self.environment)

    def answer(self, case: Case, runtime: str) -> Answer:
        given = self.shell(case.command.replace("RT", runtime).replace("NAME", f"of-{runtime}"))
        return Answer(given.code, normal(given.output, runtime, self.work))

    def __exit__(self, *_) -> None:
        self.shell("docker ps -aq --filter ancestor=box | xargs -r docker rm -f; docker rmi box;"
                   " docker volume rm of-apus of-runc of-apus-m of-runc-m")
        if self.daemon is None:
            return shutil.rmtree(self.work)
        self.daemon.kill()  # and with it the namespaces, and whatever is in them
        self.daemon.wait()
        # Hierarchies may have several names.
        places = {os.path.realpath(place) for place in glob.glob("/sys/fs/cgroup/*/")}
        for place in places:
            for directory, _, _ in os.walk(f"{place}/{os.path.basename(self.work)}", topdown=False):
                self.remove(directory)
        shutil.rmtree(self.work)

    @staticmethod
    def remove(cgroup: str) -> None:
        """Processes that were killed need a moment to go."""
        for _ in range(100):
            try:
                return os.rmdir(cgroup)
            except OSError:
                time.sleep(0.1)
        print(f"FAILED left: {cgroup}")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("apus")
    parser.add_argument("--userns-remap", action="store_true", help="with a user namespace for every container")
    parser.add_argument("--running", action="store_true", help="with the daemon that runs")
    parser.add_argument("--limit", type=int, default=240, metavar="SECONDS", help="how long it may take (default 240)")
    given = parser.parse_args()
    for program in ("dockerd", "docker", "runc", "busybox", "script", "setpriv", "unshare"):
        if not shutil.which(program):
            sys.exit(f"FAILED {program} is missing")
    # Whoever waits for this gives up some time: what was started is to be ended before.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("FAILED terminated"))
    signal.signal(signal.SIGALRM, lambda *_: sys.exit("FAILED it takes too long"))
    signal.alarm(given.limit)
    cases = CASES
    if given.userns_remap:
        cases = [replace(case, meant=MEANT_IF_MAPPED.get(case.name, case.meant)) for case in CASES] + MAPPED
    failures = 0
    with Docker(os.path.realpath(given.apus), given.userns_remap, given.running) as docker:
        for case in cases:
            # A client may lose what is written right before the end, whatever the runtime.
            for _ in range(TRIES):
                expected, seen = docker.answer(case, "runc"), docker.answer(case, "apus")
                if expected == seen or case.meant:
                    break
            if docker.is_gone:
                sys.exit("FAILED the daemon is gone")
            if expected == seen and seen.code != HANGS:
                print(f"ok {case.name}", flush=True)
            elif case.meant and HANGS not in (seen.code, expected.code):
                print(f"meant {case.name}: {case.meant}: apus: {seen}; runc: {expected}", flush=True)
            else:
                failures += 1
                print(f"FAILED {case.name}: apus: {seen}; runc: {expected}", flush=True)
    print("done")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
