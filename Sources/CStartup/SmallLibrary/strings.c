// Functions on strings that are short and looked at now and then, each of which glibc has for eight kinds of processors;
// and sorting.
#include "small.h"

#if HAS_SMALL_LIBRARY
// The names are macros in the headers, or would be taken for what they are defined with.
#include <stddef.h>
#include <stdint.h>

void *malloc(size_t size);
void *memcpy(void *restrict to, const void *restrict from, size_t size);
size_t strlen(const char *text);

static int lower(unsigned char byte) { return byte >= 'A' && byte <= 'Z' ? byte | 0x20 : byte; }

SMALL int strcmp(const char *a, const char *b) {
    while (*a && *a == *b) a++, b++;
    return (unsigned char)*a - (unsigned char)*b;
}

SMALL int strncmp(const char *a, const char *b, size_t size) {
    for (; size > 0; size--, a++, b++) {
        if (*a != *b || !*a) return (unsigned char)*a - (unsigned char)*b;
    }
    return 0;
}

SMALL int strncasecmp(const char *a, const char *b, size_t size) {
    for (; size > 0; size--, a++, b++) {
        int difference = lower((unsigned char)*a) - lower((unsigned char)*b);
        if (difference != 0 || !*a) return difference;
    }
    return 0;
}

SMALL char *strncpy(char *restrict to, const char *restrict from, size_t size) {
    size_t i = 0;
    for (; i < size && from[i]; i++) to[i] = from[i];
    for (; i < size; i++) to[i] = 0;
    return to;
}

SMALL char *strcpy(char *restrict to, const char *restrict from) { return memcpy(to, from, strlen(from) + 1); }

SMALL char *__strcat_chk(char *restrict to, const char *restrict from, size_t size) {
    size_t length = strlen(to), added = strlen(from);
    if (length >= size || added >= size - length) __builtin_trap();
    memcpy(to + length, from, added + 1);
    return to;
}

SMALL char *strchrnul(const char *text, int byte) {
    while (*text && *text != (char)byte) text++;
    return (char *)text;
}
SMALL char *__strchrnul(const char *text, int byte) { return strchrnul(text, byte); }

SMALL char *strchr(const char *text, int byte) {
    char *found = strchrnul(text, byte);
    return *found == (char)byte ? found : NULL;
}

SMALL char *strrchr(const char *text, int byte) {
    for (size_t length = strlen(text) + 1; length > 0; length--) {
        if (text[length - 1] == (char)byte) return (char *)text + length - 1;
    }
    return NULL;
}

SMALL char *strstr(const char *text, const char *part) {
    size_t length = strlen(part);
    for (;; text++) {
        if (strncmp(text, part, length) == 0) return (char *)text;
        if (!*text) return NULL;
    }
}

SMALL size_t strnlen(const char *text, size_t size) {
    size_t length = 0;
    while (length < size && text[length]) length++;
    return length;
}
SMALL size_t __strnlen(const char *text, size_t size) { return strnlen(text, size); }

SMALL char *strdup(const char *text) {
    size_t size = strlen(text) + 1;
    char *copy = malloc(size);
    return copy ? memcpy(copy, text, size) : NULL;
}

SMALL void *memchr(const void *bytes, int byte, size_t size) {
    for (const unsigned char *each = bytes; size > 0; size--, each++) {
        if (*each == (unsigned char)byte) return (void *)each;
    }
    return NULL;
}

SMALL void *rawmemchr(const void *bytes, int byte) {
    const unsigned char *each = bytes;
    while (*each != (unsigned char)byte) each++;
    return (void *)each;
}
SMALL void *__rawmemchr(const void *bytes, int byte) { return rawmemchr(bytes, byte); }

SMALL void *__memchr(const void *bytes, int byte, size_t size) { return memchr(bytes, byte, size); }

/// Of few elements, by exchanging neighbours: libdbus sorts the groups of a peer, and json-c arrays.
SMALL void qsort(void *elements, size_t count, size_t size, int (*compare)(const void *, const void *)) {
    char *first = elements;
    for (size_t end = 1; end < count; end++) {
        for (char *at = first + end * size; at > first && compare(at - size, at) > 0; at -= size) {
            for (size_t i = 0; i < size; i++) {
                char byte = at[i];
                at[i] = at[i - (ptrdiff_t)size];
                at[i - (ptrdiff_t)size] = byte;
            }
        }
    }
}
#endif
