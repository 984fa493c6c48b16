#!/usr/bin/env python3
"""containerd.py apus=PATH runc=PATH [crun=PATH]...: containerd's ctr does the same with apus as with other runtimes.

Starts a containerd of its own in a directory of its own, and runs each command with one runtime after the other. Prints a
table: whether apus gave an answer that another runtime gave too. Needs root, containerd, ctr, and busybox (static).
"""

import os
import shutil
import subprocess
import sys
import tempfile
import time

from sidebyside import Answer, Case, ask, compare, limits, parse

CTR = "ctr --address WORK/socket"
# The root is a directory: no image, no snapshots, and no PATH in an image.
RUN = f"{CTR} run --rm --runtime io.containerd.runc.v2 --runc-binary RT --cwd / --env PATH=/bin"
START = f"{CTR} run --detach --runtime io.containerd.runc.v2 --runc-binary RT --cwd / --env PATH=/bin"
BOX = "--rootfs WORK/box"
END = f"{CTR} task kill -s KILL NAME; {CTR} task delete -f NAME >/dev/null; {CTR} container delete NAME"
LINKS = "sh sleep cat ls echo id env grep stat touch mount mkdir sort cut true tty stty hostname readlink kill head wc ps"

CASES = [
    Case("output", f"{RUN} {BOX} NAME echo hello"),
    Case("exit code", f"{RUN} {BOX} NAME sh -c 'exit 42'"),
    Case("killed", f"{RUN} {BOX} NAME sh -c 'kill -9 $$'"),
    Case("no such program", f"{RUN} {BOX} NAME nosuch 2>&1 | grep -o 'executable file not found.*'"),
    Case("not executable", f"{RUN} {BOX} NAME /etc/passwd 2>&1 | grep -o 'permission denied.*'"),
    Case("terminal", f"script -qec \"{RUN} --tty {BOX} NAME sh -c 'tty; stty -a | grep -c rows; echo end'\" /dev/null"),
    Case("user", f"{RUN} --user 1000:1000 {BOX} NAME sh -c 'id -u; id -g; grep Cap /proc/self/status'"),
    Case("read-only root", f"{RUN} --read-only {BOX} NAME touch /x 2>&1"),
    Case("environment", f"{RUN} --env A=b {BOX} NAME env | sort"),
    Case("mounts", f"mkdir -p WORK/m; {RUN} --mount type=bind,src=WORK/m,dst=/m,options=rbind:ro --mount"
         f" type=tmpfs,dst=/t,options=size=64k {BOX} NAME sh -c 'touch /m/x; grep -E \" /[mt] \" /proc/mounts | cut -d\" \" -f2,3' 2>&1"),
    Case("privileged", f"{RUN} --privileged {BOX} NAME sh -c 'grep -E \"Cap|Secc\" /proc/self/status; ls /dev | wc -l'"),
    Case("capabilities", f"{RUN} --cap-drop CAP_CHOWN --cap-add CAP_SYS_TIME {BOX} NAME grep Cap /proc/self/status"),
    Case("seccomp", f"{RUN} --seccomp {BOX} NAME grep Seccomp: /proc/self/status"),
    Case("no cgroup namespace", f"{RUN} --cgroup /WORKTAG/NAME {BOX} NAME sh -c 'cut -d: -f3 /proc/self/cgroup | sort -u'"),
    Case("memory, processors", f"{RUN} --memory-limit 67108864 --cpu-quota 50000 --cpu-period 100000 {BOX} NAME sh -c '"
         + limits("memory/memory.limit_in_bytes cpu/cpu.cfs_quota_us", "memory.max cpu.max") + " || echo none'"),
    Case("host's network, pid 1", f"{RUN} --net-host {BOX} NAME readlink /proc/self/ns/net"),
    Case("joined namespace", f"{RUN} --with-ns pid:/proc/1/ns/pid {BOX} NAME sh -c 'readlink /proc/self/ns/pid'"),
    Case("device", f"{RUN} --device /dev/fuse {BOX} NAME stat -c %t:%T:%a /dev/fuse 2>&1"),
    Case("masks", f"{RUN} {BOX} NAME sh -c 'head -c 5 /proc/keys /proc/timer_list | wc -c; ls /proc/acpi /sys/firmware | wc -l'"),
    Case("mount points", f"{RUN} {BOX} NAME sh -c 'cut -d\" \" -f2 /proc/mounts | sort'"),
    Case("user namespace", f"{RUN} --uidmap 0:100000:1000 --gidmap 0:100000:1000 --rootfs WORK/mapped NAME sh -c 'id -u; cat /proc/self/uid_map' 2>&1"),
    Case("list, exec, kill, delete", f"{START} {BOX} NAME sleep 100; {CTR} task ls | grep NAME | cut -c1-20 | wc -l;"
         f" {CTR} task exec --exec-id e1 NAME sh -c 'echo in; exit 7'; echo $?; {CTR} task ps NAME | tail -n +2 | wc -l; {END}"),
    Case("exec with a terminal", f"{START} {BOX} NAME sleep 100;"
         f" script -qec \"{CTR} task exec --tty --exec-id e2 NAME sh -c 'tty; echo end'\" /dev/null; {END}"),
    Case("exec as another user, elsewhere", f"{START} {BOX} NAME sleep 100; {CTR} task exec --exec-id e3 --user 5 --cwd /tmp NAME"
         f" sh -c 'id -u; pwd'; {END}"),
    Case("exec of nothing", f"{START} {BOX} NAME sleep 100; {CTR} task exec --exec-id e4 NAME nosuch 2>&1 |"
         f" grep -o 'executable file not found.*'; {END}"),
    Case("pause, resume", f"{START} {BOX} NAME sleep 100; {CTR} task pause NAME; {CTR} task ls | grep -o PAUSED; {CTR} task resume NAME;"
         f" {CTR} task ls | grep NAME | grep -o RUNNING; {END}"),
    Case("term", f"{START} {BOX} NAME sh -c 'trap \"exit 3\" TERM; while :; do sleep 0.1; done'; sleep 0.5; {CTR} task kill NAME;"
         f" sleep 0.7; {CTR} task delete NAME; echo $?; {CTR} container delete NAME"),
    Case("metrics", f"{START} {BOX} NAME sleep 100; {CTR} task metrics NAME | grep -c -i memory; {END}"),
    Case("detached, created twice", f"{START} {BOX} NAME sleep 100; {START} {BOX} NAME sleep 100 2>&1 | grep -o 'already exists'; {END}"),
]


class Containerd:
    def __init__(self) -> None:
        self.work = tempfile.mkdtemp(prefix="apus-containerd-")
        self.log = open(f"{self.work}/log", "w")
        for name in ("box", "mapped"):
            self.make_root(f"{self.work}/{name}", 100000 if name == "mapped" else 0)
        with open(f"{self.work}/config.toml", "w") as file:
            file.write(f'version = 2\nroot = "{self.work}/root"\nstate = "{self.work}/state"\n'
                       'disabled_plugins = ["io.containerd.grpc.v1.cri", "io.containerd.cri.v1.images", "io.containerd.cri.v1.runtime"]\n'
                       f'[grpc]\n  address = "{self.work}/socket"\n[ttrpc]\n  address = "{self.work}/socket.ttrpc"\n')
        self.daemon = subprocess.Popen(["containerd", "--config", f"{self.work}/config.toml"], stdout=self.log, stderr=self.log,
                                       start_new_session=True)

    @staticmethod
    def make_root(path: str, owner: int) -> None:
        for directory in ("bin", "etc", "tmp", "proc", "sys", "dev", "m", "t"):
            os.makedirs(f"{path}/{directory}")
        shutil.copy(shutil.which("busybox"), f"{path}/bin/busybox")
        for name in LINKS.split():
            os.symlink("busybox", f"{path}/bin/{name}")
        with open(f"{path}/etc/passwd", "w") as file:
            file.write("root:x:0:0:root:/root:/bin/sh\n")
        subprocess.run(["chown", "-hR", f"{owner}:{owner}", path], check=True)

    def __enter__(self) -> "Containerd":
        deadline = time.monotonic() + 60
        while self.answer(f"{CTR} version").code != 0:
            if time.monotonic() > deadline or self.daemon.poll() is not None:
                sys.exit(f"FAILED containerd does not start: {open(f'{self.work}/log').read()[-2000:]}")
            time.sleep(0.2)
        return self

    def answer(self, command: str) -> Answer:
        given = ask(command.replace("WORKTAG", os.path.basename(self.work)).replace("WORK", self.work), dict(os.environ))
        return Answer(given.code, given.output.replace(os.path.basename(self.work), "TAG").replace(self.work, "WORK"))

    def __exit__(self, *_) -> None:
        self.answer(f"for t in $({CTR} task ls -q); do {CTR} task kill -s KILL $t; {CTR} task delete -f $t; done;"
                    f" for c in $({CTR} container ls -q); do {CTR} container delete $c; done")
        self.daemon.terminate()
        self.daemon.wait()
        shutil.rmtree(self.work, ignore_errors=True)


def main() -> int:
    with Containerd() as containerd:
        alone = compare(CASES, parse(sys.argv[1:]), containerd.answer)
    return 1 if alone else 0


if __name__ == "__main__":
    sys.exit(main())
