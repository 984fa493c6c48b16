#!/bin/sh
# Containers as services of systemd. For a machine that may be thrown away: it runs as root, with systemd as process 1.
#
# usage: systemd.sh APUS ASSERT   (the runtime, and the assert program of the tests)
# Prints a line for each case: "ok NAME", or "not ok NAME: what was wrong".
set -u
apus=$1 assert=$2
work=/run/services
mkdir -p $work

bundle() { # NAME SCRIPT: a bundle whose shell runs the script
  make-bundle $work/$1 /bin/sh -c "$2" >/dev/null
  cp "$assert" $work/$1/rootfs/assert
}

unit() { # NAME LINES...: a service
  name=$1
  shift
  { echo "[Service]"; printf '%s\n' "$@"; echo "TimeoutStartSec=20"; } > /run/systemd/system/$name.service
  systemctl daemon-reload
}

is() { [ "$1" = "$2" ] || { echo "not ok $case: $3: \"$1\" instead of \"$2\""; systemctl status --no-pager -n 20 $case 2>&1 | sed 's/^/# /'; return 1; }; }
active() { systemctl show --property ActiveState --value $1; }
main() { systemctl show --property MainPID --value $1; }
until_active() { i=0; while [ "$(active $1)" != "$2" ] && [ $i -lt 100 ]; do sleep 0.1; i=$((i + 1)); done; active $1; }
said() { [ $? = 0 ] && echo "ok $case"; }

ready='i=0; while [ ! -e /go ] && [ $i -lt 100 ]; do sleep 0.1; i=$((i + 1)); done; /assert notify MAINPID=1 STOPPING=1 READY=1; trap "exit 0" TERM; while :; do sleep 0.1; done'

# In the foreground the runtime stays the main process; active when the container says so, not before.
case=foreground
bundle $case "$ready"
unit $case Type=notify "ExecStart=$apus run --bundle $work/$case $case"
systemctl start --no-block $case
sleep 2
{ is "$(active $case)" activating "before it is ready" &&
  touch $work/$case/rootfs/go && is "$(until_active $case active)" active "when it is ready" &&
  is "$(cat /proc/$(main $case)/comm)" "$(basename $apus | cut -c1-15)" "main process" &&
  systemctl stop $case && is "$(active $case)" inactive "after its stop" &&
  is "$(systemctl show --property Result --value $case)" success "its result" &&
  is "$($apus list -q)" "" "what is left"; }
said

# Detached, the container is the main process from then on.
case=detached
bundle $case "$ready"
unit $case Type=notify "ExecStart=$apus run --detach --pid-file $work/$case.pid --bundle $work/$case $case" \
  "ExecStopPost=$apus delete --force $case"
systemctl start --no-block $case
sleep 2
{ is "$(active $case)" activating "before it is ready" &&
  touch $work/$case/rootfs/go && is "$(until_active $case active)" active "when it is ready" &&
  is "$(main $case)" "$(cat $work/$case.pid)" "main process" &&
  is "$(sed 's/.*(\(.*\)).*/\1/' /proc/$(main $case)/stat)" sh "name of the main process" &&
  $apus kill $case TERM && is "$(until_active $case inactive)" inactive "after its end" &&
  is "$(systemctl show --property Result --value $case)" success "its result" &&
  is "$($apus list -q)" "" "what is left"; }
said

# A container that ends before it is ready is a service that failed.
for how in "" --detach; do
  case=never-ready$how
  bundle $case "exit 0"
  unit $case Type=notify "ExecStart=$apus run $how --bundle $work/$case $case" "ExecStopPost=$apus delete --force $case"
  systemctl start $case 2>/dev/null
  is "$(active $case)" failed "state"
  said
done

# create and start, each with the manager's socket.
case=created
bundle $case "$ready"
# ExecStartPre= gets the socket only with a wider NotifyAccess=.
unit $case Type=notify NotifyAccess=all "ExecStartPre=$apus create --pid-file $work/$case.pid --bundle $work/$case $case" \
  "ExecStart=$apus start $case" "ExecStopPost=$apus delete --force $case"
touch $work/$case/rootfs/go
systemctl start $case
{ is "$(active $case)" active "after its start" && is "$(main $case)" "$(cat $work/$case.pid)" "main process" &&
  systemctl stop $case && is "$($apus list -q)" "" "what is left"; }
said

# The old way: a pid file.
case=forking
bundle $case 'trap "exit 0" TERM; while :; do sleep 0.1; done'
unit $case Type=forking PIDFile=$work/$case.pid \
  "ExecStartPre=$apus create --pid-file $work/$case.pid --bundle $work/$case $case" "ExecStart=$apus start $case" \
  "ExecStopPost=$apus delete --force $case"
systemctl start $case
{ is "$(active $case)" active "after its start" && is "$(main $case)" "$(cat $work/$case.pid)" "main process" &&
  systemctl stop $case && is "$(active $case)" inactive "after its stop" && is "$($apus list -q)" "" "what is left"; }
said

# A socket of the manager's, with its name.
case=activated
bundle $case 'env > /seen; ls -l /proc/self/fd > /descriptors; sleep 1'
unit $case Type=simple "ExecStart=$apus run --bundle $work/$case $case"
printf '%s\n' "[Socket]" "ListenStream=$work/$case.sock" "FileDescriptorName=web" > /run/systemd/system/$case.socket
systemctl daemon-reload
systemctl start $case.socket
systemctl start $case
sleep 2
{ is "$(grep ^LISTEN $work/$case/rootfs/seen | sort | tr '\n' ' ')" "LISTEN_FDNAMES=web LISTEN_FDS=1 LISTEN_PID=1 " "variables" &&
  is "$(grep -c '3 -> socket:' $work/$case/rootfs/descriptors)" 1 "descriptor 3"; }
said
systemctl stop $case.socket
