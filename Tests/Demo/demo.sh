#!/bin/sh
# demo.sh APUS - a container from nothing: what it sees, a limit, a filter, an error and the plan; and that nothing is left.
# Everything of it has one name, by which it is counted at the end: others on this host do not matter.
set -eu
apus=$(realpath "$1")
id=apus-demo-$$-$(od -An -N4 -tx4 /dev/urandom | tr -d ' ')
work=$(mktemp -d "${TMPDIR:-/tmp}/$id.XXXXXX")
bundle=$work/bundle

finish() {
    status=$?
    "$apus" --root "$work/state" delete --force "$id" 2>/dev/null || true
    rm -rf "$work"
    [ "$status" = 0 ] || printf '\nThe demo failed: what is above says why.\n' >&2
}
trap finish EXIT

if [ -t 1 ]; then say() { printf '\n\033[1m%s\033[0m\n' "$*"; }; else say() { printf '\n%s\n' "$*"; }; fi

# show COMMAND... - says what is typed, and does it in the bundle.
show() {
    printf '$ apus'
    for word; do case $word in *[!A-Za-z0-9_./=-]*) printf " '%s'" "$word" ;; *) printf ' %s' "$word" ;; esac; done
    printf '\n'
    (cd "$bundle" && exec "$apus" --root "$work/state" "$@")
}

# anew COMMAND... - another configuration.
anew() { rm -f "$bundle/config.json"; show spec --no-terminal -- "$@"; }

# has TEXT - what is read holds it, and is shown.
has() { text=$(cat); printf '%s\n' "$text"; case $text in *"$1"*) ;; *) echo "without: $1" >&2; exit 1 ;; esac; }

mkdir -p "$bundle/rootfs/bin"
cp /bin/busybox "$bundle/rootfs/bin/"
for applet in sh cat grep hostname mount ps awk sed sleep mkdir; do ln -s busybox "$bundle/rootfs/bin/$applet"; done
cat > "$bundle/rootfs/bin/look" <<'LOOK'
#!/bin/sh
echo "pid           $$"
echo "hostname      $(hostname)"
echo "processes     $(ps | awk 'NR > 1 { printf "%s ", $4 }')"
grep -E 'Cap(Eff|Bnd)|NoNewPrivs|Seccomp:' /proc/self/status | sed 's/:\t/ /'
echo "open files    $(grep 'open files' /proc/self/limits)"
echo "mounts"
mount | awk '{ printf "  %-24s %-10s %s\n", $3, $5, $6 }'
LOOK
chmod +x "$bundle/rootfs/bin/look"

say "A bundle is a directory with a root file system and a config.json. What the container sees:"
anew look
show run "$id" | has "pid           1"

say "What it gets, on one screen, before anything is done (the first lines of it):"
show plan --summary > "$work/summary"
sed -n 1,12p "$work/summary"

say "The life of a container in steps, as engines go through it:"
anew sleep 1000
show create "$id" < /dev/null > "$work/output" 2>&1 && cat "$work/output"
show list | has created
show start "$id"

say "A limit, and the file that it went into:"
show update --pids-limit 20 "$id"
show state --cgroup "$id" | grep -A12 '"field": "linux.resources.pids.limit"' | has pids.max

show delete --force "$id"

say "A filter: without mkdir(2)."
anew sh -c 'mkdir /dev/shm/x && echo made; mkdir /dev/shm/y || echo refused'
show run "$id" | has made
filter='"seccomp": {"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO"}]},'
sed -i "s/\"linux\": {/&\n$filter/" "$bundle/config.json"
show run "$id" 2>&1 | has refused

say "An error names its place, and what helps; check finds it before it happens:"
anew sleeep 1000
if show run "$id" > "$work/error" 2>&1; then echo "that was to fail" >&2; exit 1; fi
has "process.args" < "$work/error"
if show check > "$work/check"; then echo "check found nothing" >&2; exit 1; fi
has "process.args[0]" < "$work/check"

say "The plan: what is done for a container, and where in config.json each step comes from (its last lines):"
anew look
show plan > "$work/plan"
grep -B4 -A2 -- '---- the gate' "$work/plan"

# living - how many processes are in a cgroup of the demo; what has ended may wait for its parent yet.
living() {
    for file in $(grep -lsF "$id" /proc/[0-9]*/cgroup); do
        grep -qs '^State:.Z' "${file%cgroup}status" || [ ! -e "$file" ] || echo "$file"
    done | wc -l
}

say "What is left of all that:"
left=0
count() { printf '%-24s %s\n' "$1" "$2"; left=$((left + $2)); }
tries=0
while [ "$(living)" != 0 ] && [ "$tries" -lt 100 ]; do sleep 0.1; tries=$((tries + 1)); done
count "containers" "$("$apus" --root "$work/state" list --quiet | wc -l)"
count "processes" "$(living)"
count "mounts" "$(grep -cF "$work" /proc/self/mountinfo || true)"
count "cgroups" "$(find /sys/fs/cgroup -type d -name "*$id*" 2>/dev/null | wc -l)"
[ "$left" = 0 ] || { echo "Something is left of the demo." >&2; exit 1; }
printf '\nThe demo is over: five containers were run, limited, filtered or refused, and nothing of them is left.\n'
