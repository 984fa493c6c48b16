#!/bin/bash
# twice.sh [--here] ARCHITECTURE... - builds the archives of a release twice, from the newest commit, in two folders and
# with different settings of the user, and compares them byte by byte. If they differ, the folders stay. Slow: all is
# built anew. With --here this tree, built as it is, is one of the two, which takes half the time; it must have no
# changes.
set -euo pipefail
is_here=
if [ "${1-}" = --here ]; then is_here=1; shift; fi
[ $# -gt 0 ] || { echo "usage: twice.sh [--here] ARCHITECTURE..." >&2; exit 2; }
source=$(cd "$(dirname "$0")/../.." && pwd -P)
git_here() { git -c safe.directory='*' -C "$source" "$@"; }
commit=$(git_here rev-parse HEAD)
if [ -n "$is_here" ] && [ -n "$(git_here status --porcelain)" ]; then
  echo "twice.sh: this tree has changes that are not committed" >&2
  exit 1
fi
unset APUS_COMMIT SOURCE_DATE_EPOCH MAKEFLAGS MAKELEVEL
work=$(mktemp -d "${TMPDIR:-/tmp}/apus-twice.XXXXXX")
folders=("$work/first" "$work/another/folder/with-a-longer-name/second")
[ -z "$is_here" ] || folders[0]=$source

build() { # FOLDER ARCHITECTURE...
  local folder=$1 log=$work/log
  shift
  if [ "$folder" != "$source" ] && [ ! -e "$folder" ]; then
    mkdir -p "$(dirname "$folder")"
    git -c safe.directory='*' clone -q --no-checkout "$source" "$folder"
    git -C "$folder" checkout -q --detach "$commit"
  fi
  make -C "$folder" dist DIST_ARCHES="$*" >"$log" 2>&1 \
    || { tail -n 30 "$log" >&2; echo "twice.sh: the build in $folder failed, see $work" >&2; exit 1; }
}

(umask 022; TZ=UTC LC_ALL=C build "${folders[0]}" "$@")
cp -r "${folders[0]}/.build/dist" "$work/dist"
(umask 077; TZ=Asia/Tokyo LC_ALL=C.UTF-8 build "${folders[1]}" "$@")
count=0
for file in "${folders[1]}"/.build/dist/*; do
  cmp "$file" "$work/dist/${file##*/}" || { echo "twice.sh: see $work" >&2; exit 1; }
  echo "the same twice: ${file##*/} $(sha256sum <"$file" | cut -d' ' -f1)"
  count=$((count + 1))
done
[ "$count" = $((2 * $#)) ] || { echo "twice.sh: $count archives instead of $((2 * $#)), see $work" >&2; exit 1; }
rm -rf "$work"
