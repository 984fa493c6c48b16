// printf(3) for messages: texts and whole numbers. What goes to a stream goes to standard output or standard error at
// once, and no file is opened as a stream: libdbus would read the nonces of TCP connections, libseccomp print filters.
#define _GNU_SOURCE
#include "small.h"

#if HAS_SMALL_LIBRARY
#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/// Where a text is put, as far as it fits: `length` counts on.
struct output {
    char *bytes;
    size_t size;
    size_t length;
};

/// One conversion: `%-08.3lx`.
struct conversion {
    bool left, zeros, plus, space, alternate;
    int width, precision;  ///< -1: not given
    int longs;             ///< how many `l`; -1 and -2 for `h` and `hh`
};

static void put(struct output *output, const char *bytes, size_t count) {
    for (size_t i = 0; i < count; i++, output->length++) {
        if (output->length + 1 < output->size) output->bytes[output->length] = bytes[i];
    }
}

static void repeat(struct output *output, char byte, long count) {
    for (; count > 0; count--) put(output, &byte, 1);
}

static void put_field(struct output *output, const struct conversion *how, const char *bytes, size_t count) {
    long blanks = how->width - (long)count;
    if (!how->left) repeat(output, ' ', blanks);
    put(output, bytes, count);
    if (how->left) repeat(output, ' ', blanks);
}

static void put_number(struct output *output, const struct conversion *how, uint64_t number, unsigned base,
                       const char *sign, bool is_upper) {
    char digits[24];
    size_t first = sizeof digits;
    while (number > 0) {
        digits[--first] = (is_upper ? "0123456789ABCDEF" : "0123456789abcdef")[number % base];
        number /= base;
    }
    long count = (long)(sizeof digits - first);
    long zeros = (how->precision < 0 ? 1 : how->precision) - count;
    if (zeros < 0) zeros = 0;
    long used = zeros + count + (long)strlen(sign);
    if (how->zeros && !how->left && how->precision < 0 && how->width > used)
        zeros += how->width - used, used = how->width;
    if (!how->left) repeat(output, ' ', how->width - used);
    put(output, sign, strlen(sign));
    repeat(output, '0', zeros);
    put(output, digits + first, (size_t)count);
    if (how->left) repeat(output, ' ', how->width - used);
}

static int read_number(const char **format, va_list *values) {
    if (**format == '*') {
        (*format)++;
        return va_arg(*values, int);
    }
    int number = 0;
    for (; **format >= '0' && **format <= '9'; (*format)++) number = number * 10 + (**format - '0');
    return number;
}

static struct conversion read_conversion(const char **format, va_list *values) {
    struct conversion how = {.precision = -1};
    for (;; (*format)++) {
        if (**format == '-') how.left = true;
        else if (**format == '0') how.zeros = true;
        else if (**format == '+') how.plus = true;
        else if (**format == ' ') how.space = true;
        else if (**format == '#') how.alternate = true;
        else break;
    }
    how.width = read_number(format, values);
    if (how.width < 0) how.left = true, how.width = -how.width;
    if (**format == '.') {
        (*format)++;
        how.precision = read_number(format, values);
    }
    for (;; (*format)++) {
        if (**format == 'l' || **format == 'z' || **format == 'j' || **format == 't') how.longs++;
        else if (**format == 'h') how.longs--;
        else break;
    }
    return how;
}

static int64_t signed_value(const struct conversion *how, va_list *values) {
    if (how->longs > 0) return va_arg(*values, int64_t);
    int value = va_arg(*values, int);
    return how->longs == -1 ? (short)value : how->longs < -1 ? (signed char)value : value;
}

static uint64_t unsigned_value(const struct conversion *how, va_list *values) {
    if (how->longs > 0) return va_arg(*values, uint64_t);
    unsigned value = va_arg(*values, unsigned);
    return how->longs == -1 ? (unsigned short)value : how->longs < -1 ? (unsigned char)value : value;
}

static void convert(struct output *output, char kind, struct conversion *how, va_list *values) {
    switch (kind) {
    case 'd':
    case 'i': {
        int64_t value = signed_value(how, values);
        const char *sign = value < 0 ? "-" : how->plus ? "+" : how->space ? " " : "";
        put_number(output, how, value < 0 ? -(uint64_t)value : (uint64_t)value, 10, sign, false);
        break;
    }
    case 'u': put_number(output, how, unsigned_value(how, values), 10, "", false); break;
    case 'o': put_number(output, how, unsigned_value(how, values), 8, "", false); break;
    case 'x':
    case 'X': {
        uint64_t value = unsigned_value(how, values);
        const char *prefix = !how->alternate || value == 0 ? "" : kind == 'x' ? "0x" : "0X";
        put_number(output, how, value, 16, prefix, kind == 'X');
        break;
    }
    case 'p': put_number(output, how, (uintptr_t)va_arg(*values, void *), 16, "0x", false); break;
    case 'c': {
        char byte = (char)va_arg(*values, int);
        put_field(output, how, &byte, 1);
        break;
    }
    case 's': {
        const char *text = va_arg(*values, const char *);
        if (text == NULL) text = "(null)";
        put_field(output, how, text, how->precision < 0 ? strlen(text) : strnlen(text, (size_t)how->precision));
        break;
    }
    case 'a':
    case 'e':
    case 'f':
    case 'g':
        // json-c's numbers, when it writes a document: apus has it read only.
        (void)va_arg(*values, double);
        put_field(output, how, "?", 1);
        break;
    default: put(output, &kind, 1);  // `%%`
    }
}

/// vsnprintf(3).
static int print(char *bytes, size_t size, const char *format, va_list given) {
    struct output output = {bytes, size, 0};
    va_list values;
    va_copy(values, given);
    while (*format) {
        const char *percent = strchrnul(format, '%');
        put(&output, format, (size_t)(percent - format));
        format = percent;
        if (!*format) break;
        format++;
        struct conversion how = read_conversion(&format, &values);
        if (*format) convert(&output, *format++, &how, &values);
    }
    va_end(values);
    if (size > 0) bytes[output.length < size ? output.length : size - 1] = 0;
    return (int)output.length;
}

static int print_to(int descriptor, const char *format, va_list values) {
    char text[1024];
    int length = print(text, sizeof text, format, values);
    (void)!write(descriptor, text, (size_t)length < sizeof text ? (size_t)length : sizeof text - 1);
    return length;
}

// MARK: What fortified code calls

SMALL int __vsnprintf_chk(char *bytes, size_t size, int flag, size_t room, const char *format, va_list values) {
    (void)flag;
    if (room < size) __builtin_trap();
    return print(bytes, size, format, values);
}

SMALL int __snprintf_chk(char *bytes, size_t size, int flag, size_t room, const char *format, ...) {
    va_list values;
    va_start(values, format);
    int length = __vsnprintf_chk(bytes, size, flag, room, format, values);
    va_end(values);
    return length;
}

SMALL int __vsprintf_chk(char *bytes, int flag, size_t room, const char *format, va_list values) {
    (void)flag;
    int length = print(bytes, room, format, values);
    if ((size_t)length >= room) __builtin_trap();
    return length;
}

SMALL int __vasprintf_chk(char **bytes, int flag, const char *format, va_list values) {
    (void)flag;
    int length = print(NULL, 0, format, values);
    *bytes = malloc((size_t)length + 1);
    return *bytes ? print(*bytes, (size_t)length + 1, format, values) : -1;
}

// MARK: Streams, which are known by their addresses

#undef stdout
#undef stderr
HIDDEN FILE *stdout = (FILE *)STDOUT_FILENO;
HIDDEN FILE *stderr = (FILE *)STDERR_FILENO;

static int descriptor_of(const FILE *stream) { return (int)(intptr_t)stream; }

SMALL int __vfprintf_chk(FILE *stream, int flag, const char *format, va_list values) {
    (void)flag;
    return print_to(descriptor_of(stream), format, values);
}

SMALL int __fprintf_chk(FILE *stream, int flag, const char *format, ...) {
    va_list values;
    va_start(values, format);
    int length = __vfprintf_chk(stream, flag, format, values);
    va_end(values);
    return length;
}

/// malloc_info(3), which nobody calls.
SMALL int fprintf(FILE *stream, const char *format, ...) {
    (void)stream, (void)format;
    return -1;
}
SMALL int _IO_fputs(const char *text, FILE *stream) {
    (void)text, (void)stream;
    return -1;
}

SMALL size_t fwrite(const void *bytes, size_t size, size_t count, FILE *stream) {
    return write(descriptor_of(stream), bytes, size * count) == (ssize_t)(size * count) ? count : 0;
}

SMALL int fputc(int byte, FILE *stream) {
    char one = (char)byte;
    return fwrite(&one, 1, 1, stream) == 1 ? (unsigned char)one : -1;
}

SMALL int fflush(FILE *stream) {
    (void)stream;
    return 0;
}

SMALL FILE *fopen(const char *path, const char *mode) {
    (void)path, (void)mode;
    errno = ENOSYS;
    return NULL;
}
SMALL FILE *fdopen(int descriptor, const char *mode) {
    (void)descriptor, (void)mode;
    errno = ENOSYS;
    return NULL;
}
SMALL size_t fread(void *bytes, size_t size, size_t count, FILE *stream) {
    (void)bytes, (void)size, (void)count, (void)stream;
    return 0;
}
SMALL int fclose(FILE *stream) {
    (void)stream;
    return 0;
}
#endif
