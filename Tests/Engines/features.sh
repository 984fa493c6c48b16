#!/bin/bash
# features.sh APUS - what the engines of this machine make of `apus features`: Docker's daemon, containerd with its CRI, Podman.
# As root, in a mount namespace of its own where /etc and /run may be changed. Prints "ok NAME" or "FAILED NAME: ..." for each
# engine that there is, "skipped NAME: ..." for one that does not ask yet, and "done" at the end; the exit status is 1 if one
# failed.
apus=$(realpath "$1")
work=$(mktemp -d /tmp/apus-engines.XXXXXX)
failures=0
contains() { # NAME PART SEEN
  case $3 in
  *"$2"*) echo "ok $1" ;;
  *) echo "FAILED $1: no «$2» in «${3:0:2000}»"; failures=$((failures + 1)) ;;
  esac
}
major() { sed -E 's/^[^0-9]*([0-9]+)\..*/\1/'; }

if command -v containerd >/dev/null; then
  cat >"$work/containerd.toml" <<END
version = 2
root = "$work/containerd"
state = "$work/state"
[grpc]
  address = "$work/containerd.sock"
[plugins.'io.containerd.grpc.v1.cri'.containerd]
  default_runtime_name = 'apus'
  [plugins.'io.containerd.grpc.v1.cri'.containerd.runtimes.apus]
    runtime_type = 'io.containerd.runc.v2'
    [plugins.'io.containerd.grpc.v1.cri'.containerd.runtimes.apus.options]
      BinaryName = '$apus'
END
  containerd --config "$work/containerd.toml" -l debug >"$work/containerd.log" 2>&1 &
  containerd=$!
  if [ "$(containerd --version | cut -d' ' -f3 | major)" -lt 2 ]; then
    echo 'skipped containerd: before 2.0 it does not ask'
  else
    for _ in $(seq 300); do grep -q 'CRI userns' "$work/containerd.log" && break; sleep 0.1; done
    contains 'containerd: user namespaces' 'runtime \"apus\" supports CRI userns: true' "$(grep userns "$work/containerd.log")"
    contains 'containerd: recursive read-only' 'runtime \"apus\" supports recursive read-only' \
      "$(grep recursive "$work/containerd.log")"
    contains 'containerd: features' '"ociVersionMax": "1.3.0"' "$(ctr --address "$work/containerd.sock" plugins inspect-runtime \
      --runtime io.containerd.runc.v2 --runc-binary "$apus" 2>&1)"
  fi
fi
if command -v dockerd >/dev/null && [ -n "$containerd" ]; then
  dockerd --containerd "$work/containerd.sock" --data-root "$work/docker" --exec-root "$work/exec" --pidfile "$work/pid" \
    -H "unix://$work/docker.sock" --add-runtime "apus=$apus" --iptables=false --bridge=none >"$work/dockerd.log" 2>&1 &
  dockerd=$!
  docker() { command docker -H "unix://$work/docker.sock" "$@"; }
  for _ in $(seq 300); do docker info >/dev/null 2>&1 && break; sleep 0.1; done
  if [ "$(docker version -f '{{.Server.Version}}' 2>&1 | major)" -lt 25 ]; then
    echo 'skipped Docker: before 25.0 it does not ask'
  else
    contains 'Docker: features' 'ociVersionMax\":\"1.3.0' "$(docker info -f '{{json .Runtimes.apus}}' 2>&1)"
  fi
  kill "$dockerd"; wait "$dockerd"
fi
[ -z "$containerd" ] || { kill "$containerd"; wait "$containerd"; }
if command -v podman >/dev/null; then
  contains 'Podman: the runtime' "$apus" "$(podman --root "$work/storage" --runtime "$apus" info \
    -f '{{.Host.OCIRuntime.Path}} {{.Host.OCIRuntime.Version}}' 2>&1)"
fi
rm -rf "$work"
echo done
[ "$failures" = 0 ]
