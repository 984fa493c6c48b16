// Changes of JSON documents that leave them JSON: values that are put elsewhere, repeated, taken away or replaced.
// Without it most of what libFuzzer makes of a document would end in the parser.
#include "fuzz_support.h"

#include <stdlib.h>
#include <string.h>

#define MOST_VALUES 4096
#define DEEPEST     40

extern size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t most);

static bool as_json;

void fuzz_change_as_json(void) { as_json = true; }

/// A value of a document; `entry` is where its name begins if it is a member of an object, else where it begins itself.
struct value {
    size_t entry;
    size_t start;
    size_t end;
    char kind;  ///< its first byte
};

struct document {
    struct value values[MOST_VALUES];
    size_t count;
};

static bool is_blank(uint8_t byte) { return byte == ' ' || byte == '\t' || byte == '\n' || byte == '\r'; }

static size_t skip_blanks(const uint8_t *text, size_t size, size_t at) {
    while (at < size && is_blank(text[at])) at++;
    return at;
}

static size_t skip_string(const uint8_t *text, size_t size, size_t at) {
    for (at++; at < size && text[at] != '"'; at++)
        if (text[at] == '\\') at++;
    return at < size ? at + 1 : size;
}

/// Reads one value and what is in it; the place behind it, or 0 if there is none.
static size_t read_value(struct document *document, const uint8_t *text, size_t size, size_t entry, size_t at,
                         unsigned depth) {
    if (at >= size || depth > DEEPEST || document->count == MOST_VALUES) return 0;
    struct value *value = &document->values[document->count++];
    *value = (struct value){.entry = entry, .start = at, .kind = (char)text[at]};
    if (text[at] == '"') {
        at = skip_string(text, size, at);
    } else if (text[at] == '{' || text[at] == '[') {
        bool is_object = text[at] == '{';
        char end = is_object ? '}' : ']';
        at = skip_blanks(text, size, at + 1);
        while (at < size && text[at] != end) {
            size_t inner = at;
            if (is_object) {
                if (text[at] != '"') return 0;
                at = skip_blanks(text, size, skip_string(text, size, at));
                if (at >= size || text[at] != ':') return 0;
                at = skip_blanks(text, size, at + 1);
            }
            at = read_value(document, text, size, inner, at, depth + 1);
            if (at == 0) return 0;
            at = skip_blanks(text, size, at);
            if (at < size && text[at] == ',') at = skip_blanks(text, size, at + 1);
        }
        if (at >= size) return 0;
        at++;
    } else {
        size_t start = at;
        while (at < size && !strchr(",]} \t\r\n", text[at])) at++;
        if (at == start) return 0;
    }
    value->end = at;
    return at;
}

static bool read_document(struct document *document, const uint8_t *text, size_t size) {
    document->count = 0;
    size_t start = skip_blanks(text, size, 0);
    return read_value(document, text, size, start, start, 0) != 0;
}

static uint64_t state;

static size_t below(size_t limit) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    return limit ? (size_t)(state >> 33) % limit : 0;
}

/// Puts bytes in the place of others; the old size if they do not fit.
static size_t replace(uint8_t *text, size_t size, size_t most, size_t from, size_t to, const void *bytes,
                      size_t count) {
    if (size - (to - from) + count > most) return size;
    memmove(text + from + count, text + to, size - to);
    memcpy(text + from, bytes, count);
    return size - (to - from) + count;
}

static const char *const literals[] = {
    "0",
    "1",
    "-1",
    "2",
    "3",
    "10",
    "64",
    "255",
    "256",
    "340",
    "1000",
    "4095",
    "4096",
    "65535",
    "65536",
    "1048575",
    "2147483647",
    "2147483648",
    "4294967294",
    "4294967295",
    "4294967296",
    "9223372036854775807",
    "-9223372036854775808",
    "9223372036854775808",
    "18446744073709551615",
    "1.5",
    "1e3",
    "true",
    "false",
    "null",
    "\"\"",
    "\"/\"",
    "\".\"",
    "\"..\"",
    "\"/a\"",
    "\"a\"",
    "\"max\"",
    "\"0-3,7\"",
    "\"0-65535\"",
    "\"a=b\"",
    "\"A=\"",
    "[]",
    "{}",
    "\"/proc/self/ns/net\"",
    "\"\\u00e9\\n\"",
};

/// A text of one repeated byte: the lengths at which limits are.
static size_t long_text(uint8_t *text, size_t size, size_t most, const struct value *value) {
    static const size_t lengths[] = {64, 65, 255, 256, 1023, 4094, 4095, 4096, 65535};
    size_t length = lengths[below(sizeof lengths / sizeof *lengths)];
    char *bytes = malloc(length + 2);
    if (!bytes) return size;
    memset(bytes, "a:/,-(@"[below(7)], length + 2);
    bytes[0] = bytes[length + 1] = '"';
    if (below(2)) bytes[1] = '/';
    size = replace(text, size, most, value->start, value->end, bytes, length + 2);
    free(bytes);
    return size;
}

/// Repeats an entry of an array or an object.
static size_t repeat(uint8_t *text, size_t size, size_t most, const struct value *value) {
    static const size_t times[] = {1, 1, 1, 2, 7, 64, 340, 4000};
    size_t length = value->end - value->entry, count = times[below(sizeof times / sizeof *times)];
    if (count > (most - size) / (length + 1)) count = (most - size) / (length + 1);
    char *bytes = malloc(count * (length + 1) + 1);
    if (!bytes) return size;
    for (size_t i = 0; i < count; i++) {
        bytes[i * (length + 1)] = ',';
        memcpy(bytes + i * (length + 1) + 1, text + value->entry, length);
    }
    size = replace(text, size, most, value->end, value->end, bytes, count * (length + 1));
    free(bytes);
    return size;
}

static size_t take_away(uint8_t *text, size_t size, const struct value *value) {
    size_t from = value->entry, to = skip_blanks(text, size, value->end);
    if (to < size && text[to] == ',') {
        to++;
    } else {
        while (from > 0 && is_blank(text[from - 1])) from--;
        if (from > 0 && text[from - 1] == ',') from--;
    }
    return replace(text, size, size, from, to, "", 0);
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t most, unsigned seed) {
    static struct document document;
    state = seed;
    if (!as_json || below(4) == 0 || !read_document(&document, data, size) || document.count < 2) {
        return LLVMFuzzerMutate(data, size, most);
    }
    for (size_t changes = 1 + below(3); changes > 0; changes--) {
        if (!read_document(&document, data, size) || document.count < 2) break;
        const struct value *value = &document.values[1 + below(document.count - 1)];
        const struct value *other = &document.values[1 + below(document.count - 1)];
        switch (below(7)) {
        case 0: size = repeat(data, size, most, value); break;
        case 1: size = take_away(data, size, value); break;
        case 2: size = long_text(data, size, most, value); break;
        case 3: {
            size_t length = other->end - other->start;
            uint8_t *bytes = malloc(length);
            if (!bytes) break;
            memcpy(bytes, data + other->start, length);
            size = replace(data, size, most, value->start, value->end, bytes, length);
            free(bytes);
            break;
        }
        case 4: {
            const char *literal = literals[below(sizeof literals / sizeof *literals)];
            size = replace(data, size, most, value->start, value->end, literal, strlen(literal));
            break;
        }
        default: {
            // One value alone, byte by byte, with the dictionary.
            size_t length = value->end - value->start, room = length + 64;
            uint8_t *bytes = malloc(room);
            if (!bytes) break;
            memcpy(bytes, data + value->start, length);
            length = LLVMFuzzerMutate(bytes, length, room);
            size = replace(data, size, most, value->start, value->end, bytes, length);
            free(bytes);
        }
        }
    }
    return size;
}

/// The first document with an entry of the second one.
size_t LLVMFuzzerCustomCrossOver(const uint8_t *first, size_t first_size, const uint8_t *second, size_t second_size,
                                 uint8_t *out, size_t most, unsigned seed) {
    static struct document from, into;
    state = seed;
    if (first_size > most) return 0;
    memcpy(out, first, first_size);
    if (!as_json || !read_document(&into, first, first_size) || !read_document(&from, second, second_size)
        || from.count < 2) {
        return first_size;
    }
    const struct value *value = &from.values[1 + below(from.count - 1)];
    const struct value *place = &into.values[below(into.count)];
    bool is_member = value->entry != value->start;
    for (size_t i = 0; i < into.count && place->kind != (is_member ? '{' : '['); i++)
        place = &into.values[(size_t)(place - into.values + 1) % into.count];
    if (place->kind != (is_member ? '{' : '[')) return first_size;
    size_t length = value->end - value->entry;
    size_t at = place->start + 1;
    bool is_empty = skip_blanks(first, first_size, at) == place->end - 1;
    uint8_t *bytes = malloc(length + 1);
    if (!bytes) return first_size;
    memcpy(bytes, second + value->entry, length);
    if (!is_empty) bytes[length++] = ',';
    size_t size = replace(out, first_size, most, at, at, bytes, length);
    free(bytes);
    return size;
}
