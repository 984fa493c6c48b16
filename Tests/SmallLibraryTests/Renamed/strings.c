#define HAS_SMALL_LIBRARY 1
#define strcmp            small_strcmp
#define strncmp           small_strncmp
#define strncasecmp       small_strncasecmp
#define strncpy           small_strncpy
#define strcpy            small_strcpy
#define rawmemchr         small_rawmemchr
#define __rawmemchr       small_inner_rawmemchr
#define __strcat_chk      small_strcat
#define strchrnul         small_strchrnul
#define __strchrnul       small_inner_strchrnul
#define strchr            small_strchr
#define strrchr           small_strrchr
#define strstr            small_strstr
#define strnlen           small_strnlen
#define __strnlen         small_inner_strnlen
#define strdup            small_strdup
#define memchr            small_memchr
#define __memchr          small_inner_memchr
#define qsort             small_qsort
#include "renamed.h"

#include "../../../Sources/CStartup/SmallLibrary/strings.c"
