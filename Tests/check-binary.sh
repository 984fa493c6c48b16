#!/bin/sh
# check-binary.sh APUS - the promises about the binary itself: static, and without Foundation.
set -eu
binary=$1
fail() { echo "$binary: $*" >&2; exit 1; }
file=$(readelf -lW "$binary")
case $file in *INTERP*) fail "it is not static: it asks for a dynamic loader" ;; esac
if readelf -dW "$binary" 2>/dev/null | grep -q NEEDED; then fail "it needs shared libraries"; fi
if nm "$binary" 2>/dev/null | grep -qE '\$s10Foundation|\$s20FoundationEssentials'; then fail "Foundation is linked in"; fi
# Each start would pay for their set-up.
if nm "$binary" 2>/dev/null | grep -qE ' (libdispatch_init|swift_task_create)$'; then fail "concurrency is linked in"; fi
# Sources/CStartup/start.c takes the place of glibc's start, where it knows it.
if [ "$(uname -m) $(getconf GNU_LIBC_VERSION)" = "x86_64 glibc 2.36" ] && nm "$binary" | grep -q ' handle_intel'; then
    fail "its start asks the processor for its caches"
fi
echo "$binary: static, without Foundation and concurrency"
