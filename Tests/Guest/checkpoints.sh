#!/bin/bash
# checkpoints.sh APUS ASSERT PART [DIRECTORY] - checkpoints and restores on a machine with cgroup v2 alone, systemd, and a
# kernel that tracks which memory is written to, as root. Prints one line for each check: "ok NAME", or "FAILED NAME: ..."
# with what was seen, and at last "done"; without a CRIU that works, "skipped: REASON" alone. PART is
#   life       both drivers: limits, device program and unit after a restore, update, a second checkpoint
#   migration  both drivers: two "hosts", memory in advance and memory that follows, over a socket
#   podman     Podman's commands with APUS, and with runc if it is there: with the same outcome
#   save       one container of each driver, saved to a disk in DIRECTORY
#   restore    the same, brought back by a machine that has only the disk
# Needs jq, busybox and python3; ASSERT is the static program of the tests.
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
apus=$1 assert=$2 part=$3 disk=${4:-}
cgroups=/sys/fs/cgroup
case $part in
  save | restore) work=/srv/apus-disk ;;
  *) work=$(mktemp -d /var/tmp/apus-checkpoints.XXXXXX) ;;
esac
if ! command -v criu >/dev/null; then echo "skipped: no CRIU is installed"; exit; fi
if ! criu check >/tmp/criu-check 2>&1; then
  echo "skipped: $(criu --version | head -1) does not work with Linux $(uname -r): $(grep Error /tmp/criu-check | head -1)"
  exit
fi
mkdir -p "$work"
chmod 755 "$work"

check() { # NAME EXPECTED SEEN
  if [ "$2" = "$3" ]; then echo "ok $1"; else echo "FAILED $1: expected «$2», saw «$3»"; fi
}
holds() { # NAME COMMAND...
  local name=$1
  shift
  if "$@"; then echo "ok $name"; else echo "FAILED $name: not so: $*"; fi
}
eventually() { # COMMAND...
  for _ in $(seq 300); do
    "$@" && return 0
    sleep 0.1
  done
  return 1
}
said() { cat "$work/said"; }

# A bundle whose first process holds 4 MB of memory, of which it tells when it is asked, and whose second one counts up in
# a file of the host, with a number that is in its memory only.
bundle() { # DIRECTORY NAME DRIVER
  local path="/test/$2"
  [ "$3" = cgroupfs ] || path="system.slice:test:$2"
  mkdir -p "$1/rootfs/bin" "$1/rootfs/work" "$1/rootfs/nodes" "$1/rootfs/dev" "$1/rootfs/proc" "$1/rootfs/sys"
  cp /bin/busybox "$1/rootfs/bin/busybox"
  cp "$assert" "$1/rootfs/assert"
  for applet in sh head tr dd md5sum sleep mv; do ln -sf busybox "$1/rootfs/bin/$applet"; done
  (cd "$1" && rm -f config.json && "$apus" spec)
  jq --arg work "$work/shared" --arg nodes "$work/nodes" --arg path "$path" --argjson major "${node%:*}" \
    --argjson minor "${node#*:}" '.process.terminal = false | .root.readonly = false | .linux.cgroupsPath = $path
    | .process.args = ["sh", "-c", "x=$(head -c 4000000 /dev/urandom | tr \"\\\\0\" x); trap \"echo \\\"\\$x\\\" | md5sum >/work/new; mv /work/new /work/sum\" USR1; /assert count /work/number & while :; do wait; done"]
    | .mounts += [{destination: "/work", type: "bind", source: $work, options: ["bind", "rw"]},
        {destination: "/nodes", type: "bind", source: $nodes, options: ["bind", "dev"]}]
    | .linux.resources = {memory: {limit: 67108864}, pids: {limit: 40}, cpu: {quota: 90000, period: 100000},
        devices: [{allow: false, access: "rwm"},
          {allow: true, type: "b", major: $major, minor: $minor, access: "r"}]}' "$1/config.json" >"$1/new"
  mv "$1/new" "$1/config.json"
}
prepare() {
  node=$(head -qn1 /sys/block/*/dev | sed -n 1p)
  mkdir -p "$work/shared" "$work/nodes"
  chmod 777 "$work/shared"
  echo 0000000000 >"$work/shared/number"
  chmod 666 "$work/shared/number"
  [ -e "$work/nodes/disk" ] || mknod "$work/nodes/disk" b "${node%:*}" "${node#*:}"
  [ -e "$work/nodes/kmsg" ] || mknod "$work/nodes/kmsg" c 1 11
}
number() { sed 's/^0*//' "$work/shared/number" | grep . || echo 0; }
beyond() { [ "$(number)" -gt "$1" ]; }
counts_on() { holds "$1" eventually beyond "$(($2 + 3))"; }
sum() { # STATE-DIRECTORY ID: of the memory
  rm -f "$work/shared/sum"
  "$apus" --root "$1" kill "$2" USR1
  eventually test -e "$work/shared/sum"
  cat "$work/shared/sum"
}
pid_of() { "$apus" --root "$work/state" state "$1" 2>/dev/null | jq .pid; }
cgroup_of() { sed 's/^0:://' "/proc/$(pid_of "$1")/cgroup"; }
values() { # ID
  local file
  for file in memory.max pids.max cpu.max; do printf '%s=%s;' $file "$(cat "$cgroups$(cgroup_of "$1")/$file")"; done
}
allowed() { if "$@" >/dev/null 2>&1; then echo yes; else echo no; fi; }
devices() { # ID: reading a disk, writing to it, reading the kernel's messages
  local enter=("$apus" --root "$work/state" exec "$1")
  echo "$(allowed "${enter[@]}" head -c1 /nodes/disk)" \
    "$(allowed "${enter[@]}" dd if=/dev/null of=/nodes/disk conv=notrunc)" \
    "$(allowed "${enter[@]}" head -c1 /nodes/kmsg)"
}
unit() { # DRIVER ID: of a scope, what its manager has of it
  [ "$1" = systemd ] || return 0
  systemctl show "test-$2.scope" -p ActiveState -p Slice -p Delegate -p MemoryMax -p TasksMax -p DevicePolicy \
    -p DeviceAllow | sort | xargs
}
nothing_left() { # NAME ID
  forgotten() { [ "$(systemctl show "test-$1.scope" -p LoadState --value)" = not-found ]; }
  holds "$1: no unit is left" eventually forgotten "$2"
  check "$1: no cgroup is left" "" "$(find $cgroups -name "*$2*")"
}
flags() { [ "$1" = cgroupfs ] || echo --systemd-cgroup; }

# ---- The life of a container that is saved and comes back.
life() { # DRIVER
  local d=$1 id=life-$1 before seen
  bundle "$work/$id" "$id" "$d"
  run() { "$apus" --root "$work/state" $(flags "$d") "$@" >"$work/said" 2>&1 </dev/null; }
  saved() { holds "$1" run checkpoint --image-path "$2" "${@:3}" "$id" || said; before=$(number); }
  back() { holds "$1" run restore --detach --bundle "$work/$id" --image-path "$2" "${@:3}" "$id" || said; }
  run run --detach --bundle "$work/$id" "$id" || said
  holds "$d: counts" eventually beyond 5
  local limits place allowances its memory
  limits=$(values "$id") place=$(cgroup_of "$id") allowances=$(devices "$id") its=$(unit "$d" "$id")
  memory=$(sum "$work/state" "$id")
  check "$d: limits" "memory.max=67108864;pids.max=40;cpu.max=90000 100000;" "$limits"
  check "$d: devices" "yes no no" "$allowances"

  saved "$d: checkpoint" "$work/$id/images"
  nothing_left "$d: checkpoint" "$id"
  seen=$(number)
  sleep 0.3
  check "$d: checkpoint: nobody counts" "$seen" "$(number)"
  back "$d: restore" "$work/$id/images"
  counts_on "$d: restore: counts on" "$before"
  check "$d: restore: memory" "$memory" "$(sum "$work/state" "$id")"
  check "$d: restore: place" "$place" "$(cgroup_of "$id")"
  check "$d: restore: limits" "$limits" "$(values "$id")"
  check "$d: restore: devices" "$allowances" "$(devices "$id")"
  check "$d: restore: unit" "$its" "$(unit "$d" "$id")"
  systemctl daemon-reload
  check "$d: restore: limits after a reload" "$limits" "$(values "$id")"
  check "$d: restore: devices after a reload" "$allowances" "$(devices "$id")"

  holds "$d: update" run update --memory 50331648 --pids-limit 12 --cpu-quota 40000 "$id" || said
  check "$d: update: limits" "memory.max=50331648;pids.max=12;cpu.max=40000 100000;" "$(values "$id")"
  if [ "$d" = systemd ]; then
    check "$d: update: unit" "12 50331648" \
      "$(systemctl show "test-$id.scope" -p TasksMax -p MemoryMax --value | sort -n | xargs)"
  fi
  holds "$d: pause" run pause "$id" || said
  holds "$d: resume" run resume "$id" || said

  # A restored one is saved, from its other images too; what it may have is what its configuration says.
  saved "$d: second checkpoint" "$work/$id/second" --leave-running
  counts_on "$d: second checkpoint: runs on" "$before"
  saved "$d: third checkpoint" "$work/$id/third"
  back "$d: second restore" "$work/$id/third"
  counts_on "$d: second restore: counts on" "$before"
  check "$d: second restore: memory" "$memory" "$(sum "$work/state" "$id")"
  check "$d: second restore: limits" "$limits" "$(values "$id")"

  # A failure leaves nothing.
  run delete --force "$id" || said
  jq '.process.capabilities |= map_values([])' "$work/$id/config.json" >"$work/$id/new"
  cp "$work/$id/config.json" "$work/$id/kept"
  mv "$work/$id/new" "$work/$id/config.json"
  run restore --detach --bundle "$work/$id" --image-path "$work/$id/third" "$id" && echo "FAILED $d: more rights are restored"
  holds "$d: more rights: refused" grep -q process.capabilities "$work/said"
  nothing_left "$d: more rights" "$id"
  mv "$work/$id/kept" "$work/$id/config.json"
  # SIGKILL in the middle: `delete --force` finds what is there.
  for delay in 0.2 0.6 1.0 1.4; do
    "$apus" --root "$work/state" $(flags "$d") restore --detach --bundle "$work/$id" --image-path "$work/$id/third" "$id" \
      >/dev/null 2>&1 </dev/null &
    sleep $delay
    kill -9 $! 2>/dev/null
    wait $! 2>/dev/null
    eventually run delete --force "$id" || said
  done
  nothing_left "$d: killed" "$id"
}

# ---- A profile of AppArmor's: the configuration's, or the one that the caller names.
labels() {
  [ -e /sys/kernel/security/apparmor/profiles ] && command -v apparmor_parser >/dev/null || return 0
  local profile id=labels label
  for profile in box-one box-two; do
    echo "profile $profile flags=(attach_disconnected,mediate_deleted) { file, capability, network, signal, ptrace, mount, umount, pivot_root, unix, userns, }"
  done >"$work/profiles"
  apparmor_parser -r "$work/profiles" || return
  bundle "$work/$id" "$id" cgroupfs
  jq '.process.apparmorProfile = "box-one"' "$work/$id/config.json" >"$work/$id/new"
  mv "$work/$id/new" "$work/$id/config.json"
  run() { "$apus" --root "$work/state" "$@" >"$work/said" 2>&1 </dev/null; }
  label() { cat "/proc/$(pid_of "$id")/attr/current"; }
  back() { holds "$1" run restore --detach --bundle "$work/$id" --image-path "$work/$id/images" "${@:2}" "$id" || said; }
  run run --detach --bundle "$work/$id" "$id" || said
  holds "label: counts" eventually beyond 5
  check "label: at first" "box-one (enforce)" "$(label)"
  holds "label: checkpoint" run checkpoint --image-path "$work/$id/images" "$id" || said
  back "label: restore"
  check "label: restored" "box-one (enforce)" "$(label)"
  run delete --force "$id"
  back "label: restore --lsm-profile" --lsm-profile apparmor:box-two
  check "label: the caller's" "box-two (enforce)" "$(label)"
  run delete --force "$id"
  run restore --detach --bundle "$work/$id" --image-path "$work/$id/images" --lsm-profile apparmor:box-none "$id" \
    && echo "FAILED label: one that is not there is restored"
  holds "label: one that is not there is refused" grep -q "no such profile" "$work/said"
  nothing_left "label" "$id"
}

# ---- Two hosts: network namespaces, each with its own state, bundle and images.
on() { # HOST COMMAND...
  nsenter "--net=/run/netns/$1" "${@:2}"
}
connect_hosts() {
  ip netns add A
  ip netns add B
  ip link add vA type veth peer name vB
  local host last=1
  for host in A B; do
    ip link set v$host netns $host name eth0
    ip -n $host address add 10.9.0.$last/24 dev eth0
    ip -n $host link set lo up
    ip -n $host link set eth0 up
    last=2
  done
}
port=27000
# A directory of images goes from A to B.
carry() { # DIRECTORY
  port=$((port + 1))
  mkdir -p "$work/B/$1"
  on B python3 -c 'import socket, sys
server = socket.create_server(("10.9.0.2", int(sys.argv[1])))
connection = server.accept()[0]
while part := connection.recv(65536): sys.stdout.buffer.write(part)' $port >"$work/carried" &
  local receiver=$!
  listening() { on B ss -Hltn "sport = :$port" | grep -q .; }
  eventually listening
  on A bash -c "tar -C '$work/A/$1' -cf - . >/dev/tcp/10.9.0.2/$port"
  wait $receiver
  tar -C "$work/B/$1" -xf "$work/carried"
}
pages() { cat "$1"/pages-*.img | wc -c; }
migration() { # DRIVER
  local d=$1 before memory
  host_run() { # HOST COMMAND...
    on "$1" "$apus" --root "$work/$1/state" $(flags "$d") "${@:2}" >"$work/said" 2>&1 </dev/null
  }
  begin() { # NAME
    rm -rf "$work/A" "$work/B"
    mkdir -p "$work/A/$1" "$work/B/$1"
    bundle "$work/A/bundle" "$1-a" "$d"
    bundle "$work/B/bundle" "$1-b" "$d"
    echo 0000000000 >"$work/shared/number"
    host_run A run --detach --bundle "$work/A/bundle" "$1-a" || said
    holds "$d: $1: counts" eventually beyond 5
    memory=$(sum "$work/A/state" "$1-a")
  }
  end() { # NAME
    counts_on "$d: $1: counts on" "$before"
    check "$d: $1: memory" "$memory" "$(sum "$work/B/state" "$1-b")"
    check "$d: $1: place" "$(bundle_place "$1-b")" "$(sed 's/^0:://' /proc/$("$apus" --root "$work/B/state" state "$1-b" | jq .pid)/cgroup)"
    check "$d: $1: gone on the first host" "" "$("$apus" --root "$work/A/state" list -q)"
    host_run B delete --force "$1-b" || said
    nothing_left "$d: $1" "$1-"
  }
  bundle_place() { if [ "$d" = cgroupfs ]; then echo "/test/$1"; else echo "/system.slice/test-$1.scope"; fi; }
  save() { # NAME STEP FLAGS...
    holds "$d: $1: checkpoint $2" host_run A checkpoint --empty-ns network --image-path "$work/A/$1/$2" "${@:3}" "$1-a" || said
  }
  back() { # NAME STEP FLAGS...
    holds "$d: $1: restore" host_run B restore --detach --empty-ns network --bundle "$work/B/bundle" \
      --image-path "$work/B/$1/$2" "${@:3}" "$1-b" || said
  }

  # Memory in advance.
  begin pre
  save pre 1 --pre-dump
  before=$(number)
  counts_on "$d: pre: runs on after --pre-dump" "$before"
  save pre 2 --parent-path ../1
  before=$(number)
  holds "$d: pre: the first has all memory" test "$(pages "$work/A/pre/1")" -gt 4000000
  holds "$d: pre: the last has what was written to since" test "$(pages "$work/A/pre/2")" -lt 2000000
  carry pre/1
  carry pre/2
  back pre 2
  end pre

  # The same, sent to a page server on the other host.
  begin sent
  local step
  for step in 1 2; do
    mkdir -p "$work/B/sent/$step"
    port=$((port + 1))
    on B criu page-server --images-dir "$work/B/sent/$step" --address 10.9.0.2 --port $port \
      --log-file "$work/B/sent/$step/server.log" -v4 $([ $step = 1 ] || echo --prev-images-dir ../1) &
    local server=$!
    eventually grep -qs "Starting page server" "$work/B/sent/$step/server.log"
    if [ $step = 1 ]; then
      save sent 1 --page-server 10.9.0.2:$port --pre-dump
    else
      save sent 2 --page-server 10.9.0.2:$port --parent-path ../1
    fi
    holds "$d: sent: page server $step" wait $server
    carry sent/$step
  done
  before=$(number)
  check "$d: sent: no memory in the images of the first host" 0 "$(cat "$work"/A/sent/*/pages-*.img 2>/dev/null | wc -c)"
  holds "$d: sent: the last has what was written to since" test "$(pages "$work/B/sent/2")" -lt 2000000
  back sent 2
  end sent

  # Memory that follows.
  begin post
  port=$((port + 1))
  local server_port=$port
  : >"$work/ready"
  on A "$apus" --root "$work/A/state" $(flags "$d") checkpoint --empty-ns network --image-path "$work/A/post/1" \
    --lazy-pages --page-server 10.9.0.1:$server_port --status-fd 6 post-a 6>"$work/ready" >"$work/saving" 2>&1 </dev/null &
  local saving=$!
  holds "$d: post: ready" eventually test -s "$work/ready" || cat "$work/saving"
  before=$(number)
  holds "$d: post: hardly any memory in the images" test "$(pages "$work/A/post/1")" -lt 1000000
  carry post/1
  on B criu lazy-pages --images-dir "$work/B/post/1" --work-dir "$work/B/post/1" --page-server --address 10.9.0.1 \
    --port $server_port --log-file "$work/B/post/1/lazy.log" -v4 &
  local daemon=$!
  eventually test -e "$work/B/post/1/lazy-pages.socket"
  back post 1 --lazy-pages
  counts_on "$d: post: counts on before all memory is there" "$before"
  holds "$d: post: all memory has come" wait $daemon
  holds "$d: post: checkpoint ends" wait $saving || cat "$work/saving"
  end post
}

# ---- Podman
podman_steps() { # MANAGER RUNTIME
  local files=$work/podman-$1-${2##*/}
  mkdir -p "$files"
  engine() { podman --cgroup-manager "$manager" --runtime "$runtime" "$@"; }
  local manager=$1 runtime=$2
  step() { # NAME COMMAND...
    if engine "${@:2}" >"$work/said" 2>&1; then echo "$1: yes"; else echo "$1: $(tr "\n" " " <"$work/said")"; fi
  }
  at() { engine exec "$1" cat /n 2>/dev/null | sed 's/^0*//' | grep . || echo 0; }
  goes_on() { # ID: beyond the number that it was at
    further() { [ "$(at "$1")" -gt "$last" ] 2>/dev/null; }
    if eventually further "$1"; then echo "goes on: yes"; else echo "goes on: no"; fi
    last=$(at "$1")
  }
  local last=3
  # It never calls vfork(2), in which CRIU cannot stop it.
  step run run -d --name c --network none --memory 64m --pids-limit 40 box /assert count /n
  goes_on c
  step checkpoint container checkpoint c
  step restore container restore c
  goes_on c
  step "checkpoint --keep --print-stats" container checkpoint --keep --print-stats c
  step "restore --keep" container restore --keep c
  goes_on c
  step "checkpoint --leave-running --export" container checkpoint --leave-running --export "$files/running.tar" c
  goes_on c
  step "checkpoint --export" container checkpoint --export "$files/c.tar" c
  step rm rm c
  step "restore --import" container restore --import "$files/c.tar"
  goes_on c
  echo "limits: $(engine exec c cat /sys/fs/cgroup/memory.max /sys/fs/cgroup/pids.max | xargs)"
  step "restore --import --name" container restore --import "$files/c.tar" --name d
  last=3
  goes_on d
  step "rm -f" rm -f -t 0 d
  last=$(at c)
  step "checkpoint --pre-checkpoint --export" container checkpoint --pre-checkpoint --export "$files/pre.tar" c
  goes_on c
  step "checkpoint --with-previous --export" container checkpoint --with-previous --export "$files/last.tar" c
  step rm rm c
  step "restore --import --import-previous" container restore --import "$files/last.tar" --import-previous "$files/pre.tar"
  goes_on c
  step "rm -f" rm -f -t 0 c
}
engine_beside_runc() { # MANAGER
  podman_steps "$1" "$apus" >"$work/steps-apus"
  grep -v 'yes$' "$work/steps-apus" | grep -v '^limits: ' | while read -r line; do echo "FAILED podman $1: $line"; done
  check "podman $1: limits" "limits: 67108864 40" "$(grep '^limits: ' "$work/steps-apus")"
  check "podman $1: steps" 24 "$(grep -c 'yes$' "$work/steps-apus")"
  command -v runc >/dev/null || return
  podman_steps "$1" "$(command -v runc)" >"$work/steps-runc"
  check "podman $1: as with runc" "$(cat "$work/steps-runc")" "$(cat "$work/steps-apus")"
}

# ---- Only the disk remains.
mount_disk() {
  [ -e "$disk/disk.img" ] || { truncate -s 64M "$disk/disk.img" && mke2fs -q -t ext4 "$disk/disk.img"; }
  mount -o loop "$disk/disk.img" "$work"
}

case $part in
  life)
    prepare
    life cgroupfs
    life systemd
    labels
    ;;
  migration)
    if ! criu check --feature mem_dirty_track >/dev/null 2>&1 || ! criu check --feature uffd-noncoop >/dev/null 2>&1; then
      echo "skipped: Linux $(uname -r) does not track which memory is written to"
      exit
    fi
    prepare
    connect_hosts
    migration cgroupfs
    migration systemd
    ;;
  podman)
    if ! command -v podman >/dev/null; then echo "skipped: no Podman is installed"; exit; fi
    mkdir -p "$work/box/bin" "$work/box/tmp"
    cp /bin/busybox "$work/box/bin"
    cp "$assert" "$work/box/assert"
    echo 0000000000 >"$work/box/n"
    for applet in sh cat sleep; do ln -s busybox "$work/box/bin/$applet"; done
    tar -C "$work/box" -c . | podman import - box >/dev/null 2>&1
    engine_beside_runc cgroupfs
    engine_beside_runc systemd
    ;;
  save)
    mount_disk
    prepare
    for d in cgroupfs systemd; do
      echo 0000000000 >"$work/shared/number"
      bundle "$work/$d" "boot-$d" "$d"
      "$apus" --root /run/boot $(flags $d) run --detach --bundle "$work/$d" "boot-$d" >"$work/said" 2>&1 </dev/null || said
      holds "save $d: counts" eventually beyond 5
      sum /run/boot "boot-$d" >"$work/$d/sum"
      holds "save $d: checkpoint" "$apus" --root /run/boot checkpoint --image-path "$work/$d/images" "boot-$d"
      number >"$work/$d/number"
      cp "$work/shared/number" "$work/$d/shared-number"
    done
    cat /proc/sys/kernel/random/boot_id >"$work/boot"
    cd / && umount "$work"
    ;;
  restore)
    mount_disk
    node=$(head -qn1 /sys/block/*/dev | sed -n 1p)
    holds "restore: another boot" test "$(cat "$work/boot")" != "$(cat /proc/sys/kernel/random/boot_id)"
    for d in cgroupfs systemd; do
      cp "$work/$d/shared-number" "$work/shared/number"
      holds "restore $d: restore" "$apus" --root "$work/state" $(flags $d) restore --detach --bundle "$work/$d" \
        --image-path "$work/$d/images" "boot-$d" >"$work/said" 2>&1 </dev/null
      said
      counts_on "restore $d: counts on" "$(cat "$work/$d/number")"
      check "restore $d: memory" "$(cat "$work/$d/sum")" "$(sum "$work/state" "boot-$d")"
      check "restore $d: limits" "memory.max=67108864;pids.max=40;cpu.max=90000 100000;" "$(values "boot-$d")"
      check "restore $d: devices" "yes no no" "$(devices "boot-$d")"
      "$apus" --root "$work/state" delete --force "boot-$d"
      nothing_left "restore $d" "boot-$d"
    done
    cd / && umount "$work"
    ;;
esac
[ -n "$disk" ] || { cd / && rm -rf "$work"; }
echo "done"
