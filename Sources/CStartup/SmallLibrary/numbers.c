// Numbers of the "C" locale: strtol(3) and its relatives, and strtod(3).
#define _GNU_SOURCE
#include "small.h"

#if HAS_SMALL_LIBRARY
#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static bool is_blank(char byte) { return byte == ' ' || (byte >= '\t' && byte <= '\r'); }

/// What a byte is worth as a digit; 99: it is none.
static unsigned digit(char byte) {
    if (byte >= '0' && byte <= '9') return (unsigned)(byte - '0');
    char letter = (char)(byte | 0x20);
    return letter >= 'a' && letter <= 'z' ? (unsigned)(letter - 'a' + 10) : 99;
}

/// Reads a sign and a whole number; more than fits becomes `most`, with ERANGE.
static uint64_t read_whole(const char *text, char **end, unsigned base, bool *is_negative, uint64_t most,
                           uint64_t least) {
    const char *at = text;
    while (is_blank(*at)) at++;
    *is_negative = *at == '-';
    if (*at == '-' || *at == '+') at++;
    bool is_hexadecimal = at[0] == '0' && (at[1] | 0x20) == 'x' && digit(at[2]) < 16;
    if ((base == 0 || base == 16) && is_hexadecimal) {
        at += 2;
        base = 16;
    } else if (base == 0) {
        base = *at == '0' ? 8 : 10;
    }
    const uint64_t limit = *is_negative ? least : most;
    const char *first = at;
    uint64_t number = 0;
    bool overflows = false;
    for (; digit(*at) < base; at++) {
        uint64_t next;
        overflows |= __builtin_mul_overflow(number, base, &next) || __builtin_add_overflow(next, digit(*at), &number);
        overflows |= number > limit;
    }
    if (end) *end = (char *)(at == first ? text : at);
    if (!overflows) return number;
    errno = ERANGE;
    return limit;
}

SMALL long strtol(const char *restrict text, char **restrict end, int base) {
    bool is_negative;
    uint64_t number = read_whole(text, end, (unsigned)base, &is_negative, LONG_MAX, (uint64_t)LONG_MAX + 1);
    return (long)(is_negative ? -number : number);
}
SMALL long long strtoll(const char *restrict text, char **restrict end, int base) { return strtol(text, end, base); }

SMALL unsigned long strtoul(const char *restrict text, char **restrict end, int base) {
    bool is_negative;
    int before = errno;
    errno = 0;
    uint64_t number = read_whole(text, end, (unsigned)base, &is_negative, ULONG_MAX, ULONG_MAX);
    bool overflows = errno == ERANGE;
    if (!overflows) errno = before;
    return is_negative && !overflows ? -number : number;
}
SMALL unsigned long long strtoull(const char *restrict text, char **restrict end, int base) {
    return strtoul(text, end, base);
}

// MARK: Floating point

// A decimal number is read exactly: its digits and the power of ten are whole numbers of any size, and their quotient is
// rounded once. That is slow, and numbers with a point are rare in what apus reads.

/// Digits that count: no double, and no number half-way between two, has more. Others only say "and a little more".
#define MOST_DIGITS 770
/// Of 32 bits: for the digits, and for 10^(324 + 770).
#define LIMBS 128

/// A whole number, the lowest 32 bits first.
struct whole {
    uint32_t limbs[LIMBS];
    int count;
};

static void multiply_add(struct whole *number, uint32_t factor, uint32_t added) {
    uint64_t carry = added;
    for (int i = 0; i < number->count; i++) {
        carry += (uint64_t)number->limbs[i] * factor;
        number->limbs[i] = (uint32_t)carry;
        carry >>= 32;
    }
    if (carry > 0) number->limbs[number->count++] = (uint32_t)carry;
}

static int bits_of(const struct whole *number) {
    if (number->count == 0) return 0;
    return number->count * 32 - __builtin_clz(number->limbs[number->count - 1]);
}

static void shift_left(struct whole *number, int bits) {
    int limbs = bits / 32;
    memmove(number->limbs + limbs, number->limbs, (size_t)number->count * sizeof *number->limbs);
    memset(number->limbs, 0, (size_t)limbs * sizeof *number->limbs);
    if (number->count > 0) number->count += limbs;
    multiply_add(number, (uint32_t)1 << (bits % 32), 0);
}

/// Takes `other` away if it is not greater.
static bool subtract(struct whole *number, const struct whole *other) {
    if (number->count < other->count) return false;
    if (number->count == other->count) {
        int i = number->count - 1;
        while (i >= 0 && number->limbs[i] == other->limbs[i]) i--;
        if (i >= 0 && number->limbs[i] < other->limbs[i]) return false;
    }
    int64_t borrow = 0;
    for (int i = 0; i < number->count; i++) {
        borrow += (int64_t)number->limbs[i] - (i < other->count ? other->limbs[i] : 0);
        number->limbs[i] = (uint32_t)borrow;
        borrow >>= 32;
    }
    while (number->count > 0 && number->limbs[number->count - 1] == 0) number->count--;
    return true;
}

/// The quotient of two whole numbers that are not 0, rounded to the nearest double, the even one of two; their content is
/// lost. `has_more`: the first one is a little more than it says.
static double quotient(struct whole *top, struct whole *bottom, bool has_more) {
    enum { PRECISION = 53, LEAST = -1074 };  // bits of a double; 2^LEAST is the smallest of all
    // The quotient in units of 2^unit has two or three bits more than a double, or fewer where doubles have less.
    int unit = bits_of(top) - bits_of(bottom) - PRECISION - 2;
    if (unit < LEAST - 2) unit = LEAST - 2;
    if (unit < 0) shift_left(top, -unit);
    else shift_left(bottom, unit);
    shift_left(bottom, PRECISION + 3);
    uint64_t result = 0;
    for (int bit = PRECISION + 3; bit >= 0; bit--) {
        result = result << 1 | subtract(top, bottom);
        if (bit > 0) shift_left(top, 1);
    }
    has_more |= top->count > 0;

    int surplus = 64 - PRECISION - (result ? __builtin_clzll(result) : 64);
    if (surplus < LEAST - unit) surplus = LEAST - unit;
    uint64_t half = (uint64_t)1 << (surplus - 1), rest = result & (2 * half - 1);
    result >>= surplus;
    if (rest > half || (rest == half && (has_more || result & 1))) result++;
    return ldexp((double)result, unit + surplus);
}

static void raise_ten(struct whole *number, int exponent) {
    for (; exponent > 0; exponent--) multiply_add(number, 10, 0);
}

/// The number that begins at a digit or a point; NULL in `end`: there is none.
static double read_decimal(const char *at, const char **end) {
    struct whole digits = {.count = 0}, divisor = {.limbs = {1}, .count = 1};
    int counted = 0, exponent = 0;
    bool has_more = false, has_digit = false, has_point = false;
    for (;; at++) {
        if (*at == '.' && !has_point) {
            has_point = true;
            continue;
        }
        if (digit(*at) > 9) break;
        has_digit = true;
        if (counted < MOST_DIGITS) {
            multiply_add(&digits, 10, digit(*at));
            counted += digits.count > 0;
            exponent -= has_point;
        } else {
            has_more |= *at != '0';
            exponent += !has_point;
        }
    }
    *end = has_digit ? at : NULL;
    if (has_digit && (*at | 0x20) == 'e') {
        bool is_signed = at[1] == '-' || at[1] == '+';
        if (digit(at[1 + is_signed]) <= 9) {
            char *after;
            long given = strtol(at + 1, &after, 10);
            exponent = given > 100000 ? 100000 : given < -100000 ? -100000 : exponent + (int)given;
            *end = after;
        }
    }
    if (digits.count == 0) return 0;
    if (exponent + counted > 310) return HUGE_VAL;
    if (exponent + counted < -325) return 0;
    raise_ten(exponent > 0 ? &digits : &divisor, exponent > 0 ? exponent : -exponent);
    return quotient(&digits, &divisor, has_more);
}

/// Decimal numbers, `inf` and `nan`: no hexadecimal ones, which neither JSON nor systemd has.
SMALL double strtod(const char *restrict text, char **restrict end) {
    const char *at = text, *after = NULL;
    while (is_blank(*at)) at++;
    bool is_negative = *at == '-';
    if (*at == '-' || *at == '+') at++;
    double number;
    if (strncasecmp(at, "inf", 3) == 0) {
        number = HUGE_VAL;
        after = at + (strncasecmp(at, "infinity", 8) == 0 ? 8 : 3);
    } else if (strncasecmp(at, "nan", 3) == 0) {
        number = __builtin_nan("");
        after = at + 3;
    } else {
        number = read_decimal(at, &after);
        if (isinf(number)) errno = ERANGE;
    }
    if (end) *end = (char *)(after ? after : text);
    return is_negative && after ? -number : number;
}
#endif
