#!/bin/bash
# systemd.sh APUS - the systemd driver against a real systemd, as root on a machine with cgroup v2 alone. Prints one
# line for each check: "ok NAME", or "FAILED NAME: ..." with what was seen. The same settings are given to runc, if it is
# there: the same files have to hold the same values. Needs jq and busybox; `user` is an ordinary user with a session.
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
apus=$1
work=$(mktemp -d /tmp/apus-systemd.XXXXXX)
chmod 755 "$work"
cd "$work" || exit 1
cgroups=/sys/fs/cgroup

check() { # NAME EXPECTED SEEN
  if [ "$2" = "$3" ]; then echo "ok $1"; else echo "FAILED $1: expected «$2», saw «$3»"; fi
}
contains() { # NAME PART SEEN
  case $3 in *"$2"*) echo "ok $1" ;; *) echo "FAILED $1: no «$2» in «$3»" ;; esac
}

# A bundle whose process sleeps, with changes to its configuration.
bundle() { # DIRECTORY JQ-FILTER
  mkdir -p "$1/rootfs/bin" "$1/rootfs/tmp"
  [ -e "$1/rootfs/bin/busybox" ] || cp /bin/busybox "$1/rootfs/bin/busybox"
  for applet in sh sleep head mknod mkdir sed; do ln -sf busybox "$1/rootfs/bin/$applet"; done
  jq ".process.terminal = false | .process.args = [\"sleep\", \"1000\"] | .root.readonly = false
    | .process.capabilities.ambient = [] | $2" "$work/base.json" >"$1/config.json"
}
run() { "$apus" --root "$work/root" "$@" >"$work/out" 2>&1 </dev/null; }
said() { cat "$work/out"; }
pid_of() { "$apus" --root "$work/root" state "$1" 2>/dev/null | jq .pid; }
cgroup_of() { sed 's/^0:://' "/proc/$(pid_of "$1")/cgroup"; }
shown() { systemctl show "$1" -p "$2" --value; }
units() { systemctl list-units --all --plain --no-legend --full 'apus-*' 'test*' | sed 's/ .*//'; }
gone() { # waits until the manager has forgotten a unit; a slice that is not active is as good (systemd 257 knows any)
  for _ in $(seq 50); do
    case $(systemctl show "$1" -p LoadState -p ActiveState --value | xargs) in
      "not-found "*) return ;;
      *" inactive") case $1 in *.slice) return ;; esac ;;
    esac
    sleep 0.1
  done
}
values() { # DIRECTORY FILE...
  local directory=$1 file
  shift
  for file; do printf '%s=%s;' "$file" "$(tr '\n' ' ' <"$directory/$file" 2>/dev/null)"; done
}

(mkdir spec && cd spec && "$apus" spec) && mv spec/config.json base.json

# ---- Limits: NAME|linux.resources|files|what apus writes, or "runc" for what runc writes|after a reload, if otherwise
limits='
memory, tasks, quota, processors, block weight, huge pages|{memory:{limit:67108864,swap:100663296,reservation:33554432},pids:{limit:55},cpu:{quota:25000,period:50000,cpus:"0",mems:"0"},blockIO:{weight:500},hugepageLimits:[{pageSize:"2MB",limit:4194304}]}|memory.max memory.swap.max memory.low pids.max cpu.max cpuset.cpus cpuset.mems io.weight hugetlb.2MB.max|runc|
unlimited, quota alone|{memory:{limit:67108864,swap:-1},pids:{limit:-1},cpu:{quota:30000}}|memory.max memory.swap.max pids.max cpu.max|runc|
quota of a part of a percent|{cpu:{quota:33333,period:100000}}|cpu.max|cpu.max=34000 100000 ;|
quota of a part of a percent by name|{unified:{"cpu.max":"33333 50000"}}|cpu.max|cpu.max=33500 50000 ;|
swap without a limit of memory|{memory:{limit:-1,swap:134217728}}|memory.max memory.swap.max|memory.max=max ;memory.swap.max=134217728 ;|
files by name|{unified:{"memory.high":"50000000","memory.min":"1048576","memory.low":"2097152","pids.max":"44","cpu.weight":"77","cpu.max":"20000 50000","cpuset.cpus":"0","memory.max":"60000000","memory.swap.max":"0"}}|memory.high memory.min memory.low pids.max cpu.weight cpu.max cpuset.cpus memory.max memory.swap.max|runc|
shares|{cpu:{shares:512}}|cpu.weight|cpu.weight=59 ;|
idle|{cpu:{idle:1}}|cpu.idle|cpu.idle=1 ;|
'
number=0
while IFS='|' read -r name resources files expected reloaded; do
  [ -n "$name" ] || continue
  number=$((number + 1))
  bundle "limit$number" ".linux.resources = .linux.resources + $resources"
  run --systemd-cgroup create -b "limit$number" "limit$number" || said
  unit=$cgroups/system.slice/apus-limit$number.scope
  if [ "$expected" = runc ]; then
    if command -v runc >/dev/null; then
      runc --root "$work/runc" --systemd-cgroup create -b "limit$number" "test$number" >/dev/null 2>&1 </dev/null
      # shellcheck disable=SC2086
      expected=$(values "$cgroups/system.slice/runc-test$number.scope" $files)
      runc --root "$work/runc" delete -f "test$number"
    else
      # shellcheck disable=SC2086
      expected=$(values "$unit" $files)
    fi
  fi
  # shellcheck disable=SC2086
  check "limit: $name" "$expected" "$(values "$unit" $files)"
  printf '%s|%s|%s|%s\n' "$name" "$number" "$files" "${reloaded:-$expected}" >>reloads
done <<<"$limits"
systemctl daemon-reload
sleep 1
while IFS='|' read -r name number files expected; do
  # shellcheck disable=SC2086
  check "after daemon-reload: $name" "$expected" "$(values "$cgroups/system.slice/apus-limit$number.scope" $files)"
  run delete -f "limit$number"
done <reloads

# ---- Devices: what the rules deny stays denied. The disk may be read and not written to.
disk=$(cat /sys/block/*/dev | head -1)
bundle devices ".mounts += [{destination: \"/tmp\", type: \"bind\", source: \"$work/seen\", options: [\"bind\", \"dev\"]}]
  | .process.capabilities |= with_entries(if .key != \"ambient\" then .value += [\"CAP_MKNOD\"] else . end)
  | .linux.resources.devices += [{allow: true, type: \"b\", major: ${disk%:*}, minor: ${disk#*:}, access: \"r\"}]
  | .process.args = [\"sh\", \"/look\", \"${disk%:*}\", \"${disk#*:}\"]"
for applet in mv dd; do ln -sf busybox devices/rootfs/bin/$applet; done
cat >devices/rootfs/look <<'END'
mknod /tmp/zero c 1 5
mknod /tmp/disk b "$1" "$2"
say() { if "$@" >/dev/null 2>&1; then echo yes; else echo no; fi; }
while :; do
  { say head -c1 /tmp/zero; say head -c1 /tmp/disk; say dd if=/dev/null of=/tmp/disk conv=notrunc; } >/tmp/new
  mv /tmp/new /tmp/seen
  sleep 0.2
done
END
mkdir -p seen
mount -t tmpfs -o mode=777 none seen
run --systemd-cgroup create -b devices devices || said
run start devices || said
seen() { sleep 2; xargs <seen/seen; }
sleep 2
check "devices: allowed and denied" "yes yes no" "$(seen)"
check "devices: policy of the unit" strict "$(shown apus-devices.scope DevicePolicy)"
contains "devices: list of the unit" "/dev/block/$disk r" "$(shown apus-devices.scope DeviceAllow)"
systemctl daemon-reload
check "devices: after daemon-reload" "yes yes no" "$(seen)"
jq -n '{devices: [{allow: false, access: "rwm"}]}' | "$apus" --root "$work/root" update -r - devices || echo "update: $?"
check "devices: after an update" "yes no no" "$(seen)"
systemctl daemon-reload
check "devices: after an update and daemon-reload" "yes no no" "$(seen)"
run update --memory 50000000 --memory-swap 70000000 --cpu-quota 20000 --pids-limit 33 --cpu-share 2048 devices || said
updated=$(values "$cgroups/system.slice/apus-devices.scope" memory.max memory.swap.max cpu.max pids.max cpu.weight)
check "update: files" \
  "memory.max=49999872 ;memory.swap.max=19996672 ;cpu.max=20000 100000 ;pids.max=33 ;cpu.weight=174 ;" "$updated"
check "update: memory of the unit" 50000000 "$(shown apus-devices.scope MemoryMax)"
check "update: tasks of the unit" 33 "$(shown apus-devices.scope TasksMax)"
systemctl daemon-reload
sleep 1
check "update: files after daemon-reload" "$updated" \
  "$(values "$cgroups/system.slice/apus-devices.scope" memory.max memory.swap.max cpu.max pids.max cpu.weight)"
run update --pids-limit 34 --cpuset-cpus 99 devices
contains "update: a failure is told" "cpuset.cpus" "$(said)"
check "update: a failure changes nothing" "33 33" "$(cat $cgroups/system.slice/apus-devices.scope/pids.max) $(shown apus-devices.scope TasksMax)"
check "update: devices stay as they are" "yes no no" "$(seen)"
run delete -f devices
umount seen

# ---- The unit
bundle web '.annotations = {"org.systemd.property.TimeoutStopUSec": "uint64 123000000",
  "org.systemd.property.After": "[\"network.target\"]", "org.systemd.property.CPUWeight": "uint64 31"}'
run --cgroup-manager systemd create -b web web || said
check "unit: place" /system.slice/apus-web.scope "$(cgroup_of web)"
check "unit: delegated" yes "$(shown apus-web.scope Delegate)"
check "unit: slice" system.slice "$(shown apus-web.scope Slice)"
check "unit: description" "apus container web" "$(shown apus-web.scope Description)"
# Of those that this systemd has: from 258 on CPU time is always accounted for.
check "unit: accounting" yes "$(for a in CPU IO Memory Tasks; do shown apus-web.scope ${a}Accounting; done | grep . | sort -u | xargs)"
check "annotation: time" "2min 3s" "$(shown apus-web.scope TimeoutStopUSec)"
contains "annotation: list" network.target "$(shown apus-web.scope After)"
check "annotation: wins" 31 "$(shown apus-web.scope CPUWeight)"
check "namespace: its root is the unit's cgroup" / \
  "$(nsenter -t "$(pid_of web)" -C sed 's/^0:://' "/proc/$(pid_of web)/cgroup")"
mkdir -p $cgroups/system.slice/apus-web.scope/below/it
run delete -f web
check "delete: succeeds" "" "$(said)"
gone apus-web.scope
check "delete: no unit" "" "$(units)"
check "delete: no cgroup" "" "$(find $cgroups -name '*apus-*' -o -name 'below')"

run --systemd-cgroup run -d -b web web || said
kill -9 "$(pid_of web)"
sleep 0.5
run delete web
check "delete: after its process was killed" "" "$(said)"
run --systemd-cgroup run -d -b web web || said
run pause web || said
check "pause: frozen" "cgroup.freeze=1 ;" "$(values $cgroups/system.slice/apus-web.scope cgroup.freeze)"
run delete -f web
check "delete: while it is frozen" "" "$(said)"
bundle brief '.annotations = {"org.systemd.property.TimeoutStopSec": "0.5"}'
run --systemd-cgroup run -d -b brief brief || said
check "annotation: seconds" 500ms "$(shown apus-brief.scope TimeoutStopUSec)"
systemctl stop apus-brief.scope
sleep 0.5
run delete -f brief
check "delete: after systemctl stop" "" "$(said)"
gone apus-brief.scope
check "delete: still no unit" "" "$(units)"

bundle slice '.linux.cgroupsPath = "x:y:testa-b.slice" | .linux.resources.pids = {limit: 22}'
run --systemd-cgroup run -d -b slice slice || said
check "slice: place" /testa.slice/testa-b.slice "$(cgroup_of slice)"
check "slice: limit" "pids.max=22 ;" "$(values $cgroups/testa.slice/testa-b.slice pids.max)"
systemctl daemon-reload
sleep 0.5
check "slice: limit after daemon-reload" "pids.max=22 ;" "$(values $cgroups/testa.slice/testa-b.slice pids.max)"
run delete -f slice
gone testa-b.slice
check "slice: gone" "inactive " "$(shown testa-b.slice ActiveState) $(ls -d $cgroups/testa.slice/testa-b.slice 2>/dev/null)"
bundle deep '.linux.cgroupsPath = "testc-d.slice:pre:fix"'
run --systemd-cgroup create -b deep deep || said
check "place: nested slices" /testc.slice/testc-d.slice/pre-fix.scope "$(cgroup_of deep)"
run delete -f deep
systemctl stop testa.slice testc.slice 2>/dev/null

# ---- Namespaces that need another process, or another owner
sleep 1000 &
holder=$!
bundle joins ".linux.namespaces |= map(if .type == \"pid\" then .path = \"/proc/$holder/ns/pid\" else . end)"
run --systemd-cgroup create -b joins joins || said
check "place: a process that goes on in a sibling" /system.slice/apus-joins.scope "$(cgroup_of joins)"
run delete -f joins
kill $holder
bundle owner '.linux.namespaces += [{type: "user"}] | .process.user = {uid: 0, gid: 0}
  | .linux.uidMappings = [{containerID: 0, hostID: 100000, size: 65536}] | .linux.gidMappings = .linux.uidMappings
  | (.mounts[] | select(.destination == "/sys/fs/cgroup") | .options) |= map(select(. != "ro"))'
chown -R 100000 owner/rootfs
run --systemd-cgroup create -b owner owner || said
check "place: in a user namespace" /system.slice/apus-owner.scope "$(cgroup_of owner)"
check "owner: the container's root" 100000 "$(stat -c %u $cgroups/system.slice/apus-owner.scope/cgroup.procs)"
run delete -f owner

# ---- Refusals and failures leave nothing.
refused() { # NAME PART JQ-FILTER
  bundle bad "$3"
  run --systemd-cgroup run -b bad bad && echo "FAILED $1: it runs"
  contains "$1" "$2" "$(said)"
}
refused "refused: form of cgroupsPath" 'to be of format \"slice:prefix:name\"' '.linux.cgroupsPath = "/a/b"'
refused "refused: slice with slashes" 'a/b.slice' '.linux.cgroupsPath = "a/b.slice:c:d"'
refused "refused: annotation" 'annotations[\"org.systemd.property.After\"]' \
  '.annotations = {"org.systemd.property.After": "[nonsense"}'
refused "refused: property of another type" 'systemd: start apus-bad.scope: ' \
  '.annotations = {"org.systemd.property.TimeoutStopUSec": "true"}'
refused "refused: another slice by annotation" 'is not in /sys/fs/cgroup/system.slice/apus-bad.scope' \
  '.annotations = {"org.systemd.property.Slice": "\"user.slice\""}'
refused "failure: limit" 'linux.resources.unified[\"memory.none\"]' '.linux.resources.unified = {"memory.none": "1"}'
refused "failure: mount" 'mounts[' '.mounts += [{destination: "/x", type: "tmpfs", source: "x", options: ["size=bad"]}]'
refused "failure: hook" 'hooks.createRuntime[0]' '.hooks.createRuntime = [{path: "/bin/false"}]'
refused "failure: program" '/none' '.process.args = ["/none"]'
bundle bad .
DBUS_SYSTEM_BUS_ADDRESS=unix:path=/none run --systemd-cgroup run -b bad bad
contains "failure: no bus" "cannot connect to the system bus at unix:path=/none" "$(said)"
contains "failure: advice" "--cgroup-manager=cgroupfs" "$(said)"
systemd-run --quiet --scope --unit=apus-bad.scope sleep 1000 &
for _ in $(seq 50); do systemctl -q is-active apus-bad.scope && break; sleep 0.1; done
run --systemd-cgroup run -b bad bad
contains "failure: somebody else's unit" "not empty" "$(said)"
run delete -f bad
check "failure: somebody else's unit lives" active "$(systemctl is-active apus-bad.scope)"
systemctl stop apus-bad.scope
gone apus-bad.scope
check "failure: no unit is left" "" "$(units)"
check "failure: no cgroup is left" "" "$(find $cgroups -name '*apus-*')"
check "failure: no container is left" "" "$("$apus" --root "$work/root" list -q)"

# ---- SIGKILL at any moment: delete --force finds what is there.
bundle killed .
for delay in 0.01 0.03 0.05 0.08 0.1 0.15 0.2 0.3; do
  "$apus" --root "$work/root" --systemd-cgroup create -b killed killed >/dev/null 2>&1 </dev/null &
  creator=$!
  sleep $delay
  kill -9 $creator 2>/dev/null
  wait $creator 2>/dev/null
  run delete -f killed || said
done
gone apus-killed.scope
check "killed: no unit is left" "" "$(units)"
check "killed: no cgroup is left" "" "$(find $cgroups -name '*apus-*')"
check "killed: no process is left" "" "$(pgrep -f apus-init)"

# ---- Many at a time
for n in $(seq 16); do
  ("$apus" --root "$work/root" --systemd-cgroup run -d -b killed "many$n" >/dev/null 2>"many$n.err" </dev/null \
    && "$apus" --root "$work/root" delete -f "many$n" 2>>"many$n.err") || echo "many$n: $(cat "many$n.err")" >>many.failed &
done
wait
check "many: all come and go" "" "$(cat many.failed 2>/dev/null)"
gone apus-many16.scope
check "many: no unit is left" "" "$(units)"

# ---- Without a cgroup
run --cgroup-manager disabled create -b killed alone || said
contains "disabled: says what is not enforced" "linux.resources.devices" "$(said)"
check "disabled: stays in the caller's cgroup" "$(sed 's/^0:://' /proc/self/cgroup)" "$(cgroup_of alone)"
for words in "pause alone" "update --memory 50000000 alone" "ps alone"; do
  # shellcheck disable=SC2086
  run $words
  contains "disabled: ${words%% *} is refused" "no cgroup of its own" "$(said)"
done
run kill --all alone TERM
contains "disabled: nobody can be told apart" "no cgroup of its own" "$(said)"
run delete -f alone
check "disabled: delete" "" "$(said)"
bundle limited '.linux.resources.pids = {limit: 5}'
run --cgroup-manager disabled create -b limited limited
contains "disabled: limits are refused" "linux.resources.pids" "$(said)"

# ---- A user's own systemd, from a user namespace as Podman makes it
mkdir -p mine
bundle mine '.linux.resources.memory = {limit: 50003968} | .linux.resources.pids = {limit: 33}
  | .linux.resources.cpu = {quota: 50000} | .linux.namespaces = [{type: "pid"}, {type: "cgroup"}] | .mounts = []
  | del(.linux.maskedPaths, .linux.readonlyPaths, .hostname)'
chown -R user mine
cat >mine.sh <<'END'
apus="$1 --root $XDG_RUNTIME_DIR/apus-test"
unset DBUS_SESSION_BUS_ADDRESS
$apus --systemd-cgroup create -b mine mine >/dev/null </dev/null || exit 1
cgroup=$(sed 's/^0:://' /proc/$($apus state mine | jq .pid)/cgroup)
echo "$cgroup"
for file in memory.max pids.max cpu.max; do cat /sys/fs/cgroup$cgroup/$file; done | xargs
systemctl --user show apus-mine.scope -p MemoryMax -p TasksMax --value | xargs
systemctl --user daemon-reload
for file in memory.max pids.max cpu.max; do cat /sys/fs/cgroup$cgroup/$file; done | xargs
$apus delete -f mine && echo deleted
[ -d /sys/fs/cgroup$cgroup ] || echo gone
XDG_RUNTIME_DIR= $apus --systemd-cgroup create -b mine mine 2>&1 </dev/null
DBUS_SESSION_BUS_ADDRESS=unix:path=/run/dbus/system_bus_socket $apus --systemd-cgroup create -b mine mine 2>&1 </dev/null
END
as-user unshare -U --map-root-user --map-auto --setgroups allow sh -c "cd $work && exec sh mine.sh $apus" >mine.out 2>&1
line() { sed -n "$1p" mine.out; }
check "user: place" "/user.slice/user-1000.slice/user@1000.service/user.slice/apus-mine.scope" "$(line 1)"
check "user: files" "50003968 33 50000 100000" "$(line 2)"
check "user: unit" "50003968 33" "$(line 3)"
check "user: files after daemon-reload" "50003968 33 50000 100000" "$(line 4)"
check "user: delete" "deleted gone" "$(line 5) $(line 6)"
contains "user: no bus" "neither DBUS_SESSION_BUS_ADDRESS nor XDG_RUNTIME_DIR is set" "$(line 7)"
contains "user: a bus that says no" "systemd: start apus-mine.scope: " "$(line 8)"
contains "user: advice" "enable-linger" "$(line 8)"

# ---- The same for an ordinary user, without a namespace around
mkdir plain
cp -r mine/rootfs plain/rootfs
chown -R user plain
cat >plain.sh <<'END'
apus="$1 --root $XDG_RUNTIME_DIR/apus-test"
$apus spec --rootless
jq '.process.terminal = false | .process.args = ["sleep", "1000"] | .linux.resources = {pids: {limit: 33}}' config.json >new
mv new config.json
$apus --systemd-cgroup create plain >/dev/null </dev/null || exit 1
cgroup=$(sed 's/^0:://' /proc/$($apus state plain | jq .pid)/cgroup)
echo "$cgroup $(cat /sys/fs/cgroup$cgroup/pids.max)"
$apus update --pids-limit 44 plain
systemctl --user daemon-reload
echo "$(cat /sys/fs/cgroup$cgroup/pids.max) $(systemctl --user show apus-plain.scope -p TasksMax --value)"
$apus delete -f plain && echo deleted
[ -d /sys/fs/cgroup$cgroup ] || echo gone
END
as-user sh -c "cd $work/plain && exec sh ../plain.sh $apus" >plain.out 2>&1
check "ordinary user: place and limit" "/user.slice/user-1000.slice/user@1000.service/user.slice/apus-plain.scope 33" \
  "$(sed -n 1p plain.out)"
check "ordinary user: update and daemon-reload" "44 44" "$(sed -n 2p plain.out)"
check "ordinary user: delete" "deleted gone" "$(sed -n '3,4p' plain.out | xargs)"

cd /
rm -rf "$work"
echo "done"
