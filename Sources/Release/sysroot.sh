#!/bin/sh
# sysroot.sh DIRECTORY ARCHITECTURE TOOLCHAIN PACKAGE... - what is needed to build for another processor: Debian's
# packages for it in DIRECTORY/root, and the flags for Swift and C in DIRECTORY/toolset.json (a toolset of SwiftPM).
#
# ARCHITECTURE as the kernel calls it (aarch64), TOOLCHAIN is Swift's (.../usr). Swift compiles for a system without a
# name: for that the toolchain brings Embedded Swift for every processor. C and its headers are those of Linux, and
# clang links as it does for Linux.
set -eu
directory=$1 architecture=$2 toolchain=$3
shift 3
case $architecture in
aarch64) debian=arm64 ;;
*) echo "sysroot.sh: no build for $architecture is known" >&2; exit 1 ;;
esac
"$(dirname "$0")/packages.sh" "$directory" $debian "$@"
target=$architecture-linux-gnu
tables=$toolchain/lib/swift/embedded/$architecture-none-none-elf
[ -e "$tables/libswiftUnicodeDataTables.a" ] || {
    echo "sysroot.sh: the Swift toolchain has no Embedded Swift for $architecture ($tables)" >&2
    exit 1
}
list() { printf '"%s", ' "$@" | sed 's/, $//'; }
new=$(
    cat <<END
{
  "schemaVersion": "1.0",
  "swiftCompiler": {
    "extraCLIOptions": [$(list -Xcc "--target=$target" -use-ld=lld \
        -Xclang-linker "--target=$target" -Xclang-linker "--sysroot=$directory/root" -Xclang-linker -static)]
  },
  "cCompiler": { "extraCLIOptions": [$(list "--target=$target")] },
  "linker": { "extraCLIOptions": [$(list "-L$tables" -l:libswiftUnicodeDataTables.a)] }
}
END
)
[ "$(cat "$directory/toolset.json" 2>/dev/null)" = "$new" ] || printf '%s\n' "$new" >"$directory/toolset.json"
