#!/bin/sh
# check-binary.sh APUS - the promises about the binary itself: what Binary/check.py looks at, and its start.
set -eu
binary=$1
fail() { echo "$binary: $*" >&2; exit 1; }
# Sources/CStartup/start.c takes the place of glibc's start, where it knows it.
if [ "$(uname -m) $(getconf GNU_LIBC_VERSION)" = "x86_64 glibc 2.36" ]; then
    if nm "$binary" | grep -q ' handle_intel'; then fail "its start asks the processor for its caches"; fi
    if nm "$binary" | grep -qE ' T (getpwnam|getpwuid|iconv_open|gethostbyname)$'; then
        fail "it may load shared libraries, which its start does not allow"
    fi
    work=$(mktemp -d)
    (cd "$work" && ar x "$(cc -print-file-name=libc.a)" libc-start.o)
    calls=$(nm -u "$work/libc-start.o" | awk '{print $2}' | LC_ALL=C sort | tr '\n' ' ')
    rm -r "$work"
    known="_GLOBAL_OFFSET_TABLE_ __assert_fail __cxa_atexit __environ __fini_array_end __fini_array_start\
 __init_array_end __init_array_start __libc_check_standard_fds __libc_early_init __libc_enable_secure __libc_fatal\
 __libc_init_first __libc_setup_tls __libc_stack_end __nptl_deallocate_tsd __nptl_nthreads __preinit_array_end\
 __preinit_array_start __pthread_initialize_minimal __rela_iplt_end __rela_iplt_start __tunable_get_val\
 __tunable_set_val __tunables_init _dl_aux_init _dl_debug_initialize _dl_hwcap _dl_minsigstacksize _dl_platform\
 _dl_random _dl_relocate_static_pie _dl_tunable_set_hwcaps _dl_x86_cpu_features _fini _init _setjmp exit "
    [ "$calls" = "$known" ] || fail "glibc's start has changed; compare Sources/CStartup/start.c with it"
fi
"$(dirname "$0")/Binary/check.py" "$binary"
