// The functions of Sources/CStartup/SmallLibrary under names of their own, beside those of the C library.
#pragma once

#include <stdarg.h>
#include <stddef.h>

double small_strtod(const char *text, char **end);
long small_strtol(const char *text, char **end, int base);
unsigned long small_strtoul(const char *text, char **end, int base);
int small_vsnprintf(char *bytes, size_t size, int flag, size_t room, const char *format, va_list values);
int small_strcmp(const char *a, const char *b);
int small_strncmp(const char *a, const char *b, size_t size);
int small_strncasecmp(const char *a, const char *b, size_t size);
char *small_strncpy(char *to, const char *from, size_t size);
char *small_strcpy(char *to, const char *from);
void *small_rawmemchr(const void *bytes, int byte);
char *small_strchr(const char *text, int byte);
char *small_strrchr(const char *text, int byte);
char *small_strstr(const char *text, const char *part);
size_t small_strnlen(const char *text, size_t size);
void *small_memchr(const void *bytes, int byte, size_t size);
void small_qsort(void *elements, size_t count, size_t size, int (*compare)(const void *, const void *));
