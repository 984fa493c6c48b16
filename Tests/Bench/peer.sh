#!/usr/bin/env bash
# peer.sh ROOT PROGRAM DIRECTORY: takes a runtime out of another distribution's root file system, so that it runs here.
#
# DIRECTORY gets the program, its libraries and its loader; the program is told where they are (patchelf), so that the
# kernel starts it as any other, without a wrapper whose time would count. ROOT: made by debootstrap, or an unpacked
# image.
set -euo pipefail
[ $# = 3 ] || { sed -n '2,6s/^# //p' "$0" >&2; exit 2; }
root=$(readlink -f "$1") program=$2
command -v patchelf >/dev/null || { echo "peer.sh: patchelf not found (apt-get install patchelf)" >&2; exit 1; }
mkdir -p "$3/lib"
to=$(readlink -f "$3")
name=$(basename "$program")
cp "$(chroot "$root" readlink -f "$program" | sed "s|^|$root|")" "$to/$name"
loader=$(patchelf --print-interpreter "$to/$name" 2>/dev/null) || { echo "$to/$name"; exit 0; }  # static: nothing to do
# Lines of `ldd`: "name => path (address)", "path (address)", and the page of the kernel, which has no path.
chroot "$root" ldd "$program" | grep -o '/[^ ]*' | sort -u | while read -r library; do
  cp -L "$root$library" "$to/lib/"
done
patchelf --set-interpreter "$to/lib/$(basename "$loader")" --set-rpath "$to/lib" --force-rpath "$to/$name"
echo "$to/$name"
