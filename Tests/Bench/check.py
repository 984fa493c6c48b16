"""Proof that all of them do the same work: what a program inside the container sees, compared."""

from bundles import Bundle
from measurement import Bench
from processes import Failure, execute
from runtimes import Runtime

SCRIPT = r"""
b=/bin/busybox
echo "pid $$"
echo "host name $($b hostname)"
echo "directory $($b pwd)"
echo "open files $(ulimit -n) $(ulimit -Hn)"
echo "umask $(umask)"
echo "lo $($b cat /sys/class/net/lo/flags)"
echo "memory limit $($b cat /sys/fs/cgroup/memory/memory.limit_in_bytes /sys/fs/cgroup/memory.max 2>/dev/null)"
$b env | $b sort | $b sed 's/^/environment /'
$b grep -E '^(Cap|NoNewPrivs|Seccomp:|Uid|Gid|Groups)' /proc/self/status | $b tr -s '\t ' ' '
$b sed 's/^[0-9]*:/cgroup /' /proc/self/cgroup
$b sed 's/^/device rule /' /sys/fs/cgroup/devices/devices.list 2>/dev/null
for f in /dev/*; do
    if [ -L $f ]; then echo "link $f -> $($b readlink $f)"; else echo "node $f $($b stat -c '%F %a %t:%T' $f)"; fi
done
for f in /proc/acpi /proc/kcore /proc/keys /proc/timer_list /sys/firmware; do
    if [ -d $f ]; then echo "masked $f: $($b ls $f | $b wc -l) entries"
    else echo "masked $f: $($b head -c 9 $f 2>&1 | $b wc -c) bytes"; fi
done
echo x 2>/dev/null >/root-is-writable && echo "the root is writable"
echo x 2>/dev/null >/proc/sys/kernel/domainname && echo "/proc/sys is writable"
while read -r _ _ _ root point options rest; do
    case "$rest" in *slave*|*master*|*shared*) echo "propagation $point ${rest%% - *}";; esac
    echo "mount $root at $point ($options): ${rest##*- }"
done </proc/self/mountinfo
"""
LIMIT = 64 * 1024 * 1024
SHELL = ("/bin/busybox", "sh", "-c")


def broken_runtimes(bench: Bench) -> dict[str, str]:
    """Nothing is faster than doing nothing: finds runtimes that cannot run a container, and how it shows."""
    broken = {}
    bundle = Bundle(bench.work / "proof", bench.rootfs, (*SHELL, "echo I am $$")).write()
    for runtime in bench.runtimes:
        try:
            output = execute(runtime.run(bundle)).output.strip()
            if output != "I am 1":
                broken[runtime.name] = f"does not run containers: printed {output!r} instead of 'I am 1'"
        except (Failure, OSError) as error:
            broken[runtime.name] = f"does not run containers: {error}"
            runtime.clean()
    return broken


def facts(runtime: Runtime, bundle: Bundle) -> set[str]:
    """The lines that the script prints, without what must differ between two containers."""
    lines = execute(runtime.run(bundle)).output.replace(runtime.id, "ID").splitlines()
    return {line.rstrip() for line in lines}


def check(bench: Bench) -> bool:
    """Prints what each runtime shows otherwise than the last one. False if one of them fails."""
    bundle = Bundle(bench.work / "check", bench.rootfs, (*SHELL, SCRIPT), seccomp=True,
                    memory=LIMIT).write()
    seen: dict[str, set[str]] = {}
    for runtime in bench.runtimes:
        try:
            seen[runtime.name] = facts(runtime, bundle)
        except Failure as failure:
            print(f"{runtime.name}: {failure}")
            runtime.clean()
    if seen:
        reference = bench.runtimes[-1].name if bench.runtimes[-1].name in seen else next(iter(seen))
        for name, own in seen.items():
            if name == reference:
                print(f"{name}: {len(own)} facts:", *sorted(own), sep="\n    ")
                continue
            print(f"{name}: {len(own & seen[reference])} facts as with {reference}; it alone (+), not with it (-):")
            differences = [f"+ {line}" for line in own - seen[reference]]
            differences += [f"- {line}" for line in seen[reference] - own]
            print(*("    " + line for line in sorted(differences, key=lambda line: line[2:])), sep="\n")
    return len(seen) == len(bench.runtimes)
