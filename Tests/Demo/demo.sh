#!/bin/sh
# demo.sh APUS - makes a busybox bundle, runs it, and shows what the container sees and that nothing is left.
set -eu
apus=$(realpath "$1")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
id=demo-$$

say() { printf '\n\033[1m%s\033[0m\n' "$*"; }
[ -t 1 ] || say() { printf '\n%s\n' "$*"; }

mkdir -p "$work/bundle/rootfs/bin" "$work/bundle/rootfs/proc" "$work/bundle/rootfs/sys" "$work/bundle/rootfs/dev"
cp /bin/busybox "$work/bundle/rootfs/bin/"
for applet in sh cat grep hostname mount ps awk; do ln -s busybox "$work/bundle/rootfs/bin/$applet"; done
cat > "$work/bundle/rootfs/bin/look" <<'LOOK'
#!/bin/sh
echo "pid           $$"
echo "hostname      $(hostname)"
echo "processes     $(ps | awk 'NR > 1 { printf "%s ", $4 }')"
grep -E 'Cap(Eff|Bnd)|NoNewPrivs|Seccomp:' /proc/self/status | sed 's/:\t/ /' 2>/dev/null || grep -E 'Cap(Eff|Bnd)|NoNewPrivs' /proc/self/status
echo "open files    $(grep 'open files' /proc/self/limits)"
echo "mounts"
mount | awk '{ printf "  %-24s %-10s %s\n", $3, $5, $6 }'
LOOK
chmod +x "$work/bundle/rootfs/bin/look"
ln -s busybox "$work/bundle/rootfs/bin/sed"

cd "$work/bundle"
"$apus" spec
sed -i -e 's/"terminal": true/"terminal": false/' -e 's/"sh"$/"\/bin\/look"/' config.json

say "apus run: what the container sees"
"$apus" --root "$work/state" run "$id"

say "apus create, state, start, delete"
"$apus" --root "$work/state" create "$id" < /dev/null > "$work/output" 2>&1
"$apus" --root "$work/state" list
"$apus" --root "$work/state" start "$id"
while "$apus" --root "$work/state" state "$id" | grep -q '"status": "running"'; do sleep 0.05; done
"$apus" --root "$work/state" list
"$apus" --root "$work/state" delete "$id"

say "what is left"
left=0
count() { printf '%-24s %s\n' "$1" "$2"; left=$((left + $2)); }
count "containers" "$("$apus" --root "$work/state" list --quiet | wc -l)"
count "apus processes" "$(grep -l "apus-init" /proc/[0-9]*/comm 2>/dev/null | wc -l)"
count "mounts" "$(grep -c "$work" /proc/self/mountinfo || true)"
count "cgroups" "$(find /sys/fs/cgroup -type d -name "$id" 2>/dev/null | wc -l)"
[ "$left" = 0 ]
