#define _GNU_SOURCE
#include "json.h"

#include <stdarg.h>
#include <string.h>

FILE *json_out;

static bool comma_due; /* inside the current object or array something was written */

static void put_escaped(const char *value, size_t length) {
    fputc('"', json_out);
    for (size_t i = 0; i < length; i++) {
        unsigned char c = (unsigned char)value[i];
        if (c == '"' || c == '\\') {
            fputc('\\', json_out);
            fputc(c, json_out);
        } else if (c < 0x20 || c == 0x7f) {
            fprintf(json_out, "\\u%04x", c);
        } else {
            fputc(c, json_out);
        }
    }
    fputc('"', json_out);
}

static void put_key(const char *key) {
    if (comma_due) fputc(',', json_out);
    comma_due = true;
    if (key) {
        put_escaped(key, strlen(key));
        fputc(':', json_out);
    }
}

void json_open(const char *key, char bracket) {
    put_key(key);
    fputc(bracket, json_out);
    comma_due = false;
}

void json_close(char bracket) {
    fputc(bracket, json_out);
    comma_due = true;
}

bool json_end_line(void) {
    comma_due = false;
    return fputc('\n', json_out) != EOF && fflush(json_out) == 0;
}

void json_bytes(const char *key, const char *value, size_t length) {
    put_key(key);
    put_escaped(value, length);
}

void json_text(const char *key, const char *value) {
    if (value) json_bytes(key, value, strlen(value));
    else json_null(key);
}

void json_number(const char *key, long long value) {
    put_key(key);
    fprintf(json_out, "%lld", value);
}

void json_unsigned(const char *key, unsigned long long value) {
    put_key(key);
    fprintf(json_out, "%llu", value);
}

void json_flag(const char *key, bool value) {
    put_key(key);
    fputs(value ? "true" : "false", json_out);
}

void json_null(const char *key) {
    put_key(key);
    fputs("null", json_out);
}

void json_format(const char *key, const char *format, ...) {
    char text[4096];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    json_text(key, text);
}

void json_errno(const char *key, int error) {
    if (error == 0) json_null(key);
    else json_text(key, strerrorname_np(error));
}
