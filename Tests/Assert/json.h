/* A writer for one JSON document. Commas and nesting are its business; keys are NULL inside arrays. */
#ifndef ASSERT_JSON_H
#define ASSERT_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/* Everything is written to this stream; main() chooses it. */
extern FILE *json_out;

void json_open(const char *key, char bracket);      /* bracket: '{' or '[' */
void json_close(char bracket);                      /* bracket: '}' or ']' */
bool json_end_line(void);                           /* newline and flush; the next document may follow */
void json_text(const char *key, const char *value); /* NULL becomes null */
void json_bytes(const char *key, const char *value, size_t length); /* bytes above 127 pass through */
void json_number(const char *key, long long value);
void json_unsigned(const char *key, unsigned long long value);
void json_flag(const char *key, bool value);
void json_null(const char *key);

/* printf into a text value, cut at 4095 bytes. */
__attribute__((format(printf, 2, 3))) void json_format(const char *key, const char *format, ...);

/* errno by its name ("EROFS"); 0 becomes null, which reads as "no error". */
void json_errno(const char *key, int error);

#endif
