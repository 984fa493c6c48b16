#define HAS_SMALL_LIBRARY 1
#define _GNU_SOURCE
// The headers come first: what they declare keeps its name.
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define __vsnprintf_chk small_vsnprintf
#define __snprintf_chk  small_snprintf
#define __vsprintf_chk  small_vsprintf
#define __vasprintf_chk small_vasprintf
#define __vfprintf_chk  small_vfprintf
#define __fprintf_chk   small_fprintf
#define fprintf         small_unlocked_fprintf
#define _IO_fputs       small_fputs
#define fwrite          small_fwrite
#define fputc           small_fputc
#define fflush          small_fflush
#define fopen           small_fopen
#define fdopen          small_fdopen
#define fread           small_fread
#define fclose          small_fclose
#undef stdout
#undef stderr
#define stdout small_stdout
#define stderr small_stderr
#include "renamed.h"

#include "../../../Sources/CStartup/SmallLibrary/printing.c"
