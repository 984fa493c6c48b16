// The functions that everything is copied, filled and measured with are glibc's.
#include "small.h"

#if HAS_SMALL_LIBRARY && defined(__x86_64__)
// It has each of them for up to ten kinds of processors. start.c leaves the processor's features unknown, so that these
// versions are the ones that would be chosen at each start.
#define FUNCTION(name, version)                                                                              \
    __asm__(".pushsection .text." #name ",\"ax\",@progbits\n"                                                \
            ".globl " #name "\n.hidden " #name "\n.type " #name ", @function\n" #name ": jmp " #version "\n" \
            ".size " #name ", . - " #name "\n.popsection")
FUNCTION(memcpy, __memmove_sse2_unaligned);
FUNCTION(memmove, __memmove_sse2_unaligned);
FUNCTION(mempcpy, __mempcpy_sse2_unaligned);
FUNCTION(__mempcpy, __mempcpy_sse2_unaligned);
FUNCTION(memset, __memset_sse2_unaligned);
FUNCTION(memcmp, __memcmp_sse2);
FUNCTION(bcmp, __memcmp_sse2);
FUNCTION(strlen, __strlen_sse2);
#endif
