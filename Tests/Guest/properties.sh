#!/bin/bash
# properties.sh APUS - what a container gets of properties that the host of the tests does not have and the guest has: a
# dummy network device, AppArmor, an older kernel. As root; needs jq, busybox and iproute2, and apparmor_parser for its part. Prints one line
# for each check: "ok NAME", or "FAILED NAME: ..." with what was seen; "done" at the end.
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
apus=$1
work=$(mktemp -d /tmp/apus-properties.XXXXXX)
chmod 755 "$work"
cd "$work" || exit 1

check() { # NAME EXPECTED SEEN
  if [ "$2" = "$3" ]; then echo "ok $1"; else echo "FAILED $1: expected «$2», saw «$3»"; fi
}
contains() { # NAME PART SEEN
  case $3 in *"$2"*) echo "ok $1" ;; *) echo "FAILED $1: no «$2» in «$3»" ;; esac
}

# A bundle whose program is a shell script, with changes to its configuration.
bundle() { # DIRECTORY SCRIPT JQ-FILTER
  mkdir -p "$1/rootfs/bin"
  cp /bin/busybox "$1/rootfs/bin/busybox"
  for applet in sh cat ip stat touch sleep; do ln -sf busybox "$1/rootfs/bin/$applet"; done
  jq --arg script "$2" ".process.terminal = false | .process.args = [\"sh\", \"-c\", \$script] | $3" "$work/base.json" \
    >"$1/config.json"
}
run() { "$apus" --root "$work/root" "$@" </dev/null 2>&1; }

"$apus" spec && mv config.json base.json

# A dummy device has no other side: all that it is moves with it.
modprobe dummy 2>/dev/null
ip link add dummy7 type dummy
ip link set dummy7 mtu 1400 address 02:00:00:00:00:09
ip addr add 10.7.7.7/24 dev dummy7
bundle dummy 'ip addr show' '.linux.netDevices = {"dummy7": {"name": "eth7"}}'
seen=$(run run --bundle dummy dummy-1)
for part in ' eth7:' 'mtu 1400' 02:00:00:00:00:09 'inet 10.7.7.7/24' UP; do contains "dummy: $part" "$part" "$seen"; done
# It is no hardware: it has ended with its network namespace.
check 'dummy: gone with the container' '' "$(ip -br link | grep -e dummy7 -e eth7)"
contains 'dummy: unknown' 'netlink dummy7: no such device' "$(run run --bundle dummy dummy-2)"

# A kernel that has no id-mapped mounts of tmpfs, which came with Linux 6.3.
mapping='[{"containerID": 0, "hostID": 1000, "size": 10}]'
bundle mapped 'stat -c %u /data' '.mounts += [{"destination": "/data", "type": "tmpfs", "source": "tmpfs",
  "options": ["idmap"], "uidMappings": '"$mapping"', "gidMappings": '"$mapping"'}]'
seen=$(run run --bundle mapped mapped-1)
case $(uname -r) in
  5.* | 6.[012].*)
    contains 'idmap: tmpfs of an old kernel' 'mounts[7]: map the ids of tmpfs at /data: invalid argument' "$seen"
    contains 'idmap: the reason' 'this kernel has no id-mapped mounts of tmpfs' "$seen" ;;
  *)
    check 'idmap: tmpfs' 1000 "$seen"
    check 'idmap: nothing is said' 1 "$(echo "$seen" | wc -l)" ;;
esac

check 'AppArmor is on' Y "$(cat /sys/module/apparmor/parameters/enabled 2>/dev/null)"
if command -v apparmor_parser >/dev/null; then
  cat >profile <<'END'
profile apus-test flags=(attach_disconnected) {
  file,
  capability,
  network,
  signal,
  ptrace,
  deny /denied w,
}
END
  apparmor_parser -r profile || echo 'FAILED the profile is not loaded'
  bundle armored 'cat /proc/self/attr/current; touch /denied || echo denied; touch /free && echo free; sleep 1000' \
    '.process.apparmorProfile = "apus-test" | .root.readonly = false'
  run run --detach --bundle armored armored-1 >armored.out
  for _ in $(seq 100); do grep -q free armored.out && break; sleep 0.1; done
  seen=$(cat armored.out)
  contains 'profile: in force' 'apus-test (enforce)' "$seen"
  contains 'profile: denies' denied "$seen"
  contains 'profile: permits' free "$seen"
  check 'profile: of exec' 'apus-test (enforce)' "$(run exec armored-1 cat /proc/self/attr/current)"
  check 'profile: another for exec' unconfined "$(run exec --apparmor unconfined armored-1 cat /proc/self/attr/current)"
  run delete --force armored-1
  bundle unknown true '.process.apparmorProfile = "apus-no-such-profile"'
  contains 'profile: unknown' process.apparmorProfile "$(run run --bundle unknown unknown-1)"
  check 'profile: nothing is left' '' "$(run list --quiet)"
  apparmor_parser -R profile
else
  echo 'skipped AppArmor: no apparmor_parser'
fi
cd / && rm -rf "$work"
echo done
