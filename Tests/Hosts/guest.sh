#!/bin/bash
# guest.sh APUS parity|stress [ROUNDS] - parity.py or stress.py with every driver, in a virtual machine.
here=$(dirname "$0")
cp "$1" /tmp/apus || exit 1
case $2 in
parity) exec python3 "$here/parity.py" /tmp/apus ;;
stress)
  python3 "$here/stress.py" /tmp/apus --rounds "$3" --driver cgroupfs
  python3 "$here/stress.py" /tmp/apus --rounds "$3" --driver systemd
  ;;
esac
