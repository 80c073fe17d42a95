/* host/control/json_place.c - where a value stands in a JSON text. */
#include "host/control/json_place.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

/* A reader of JSON that is known to be right: it finds ends, and judges nothing. */
typedef struct reader {
    const char *text;
    size_t length;
    size_t at;
} reader;

static char here(const reader *self)
{
    return self->at < self->length ? self->text[self->at] : '\0';
}

static void skip_blanks(reader *self)
{
    while (self->at < self->length && strchr(" \t\r\n", self->text[self->at]) != NULL) {
        self->at++;
    }
}

static void skip_string(reader *self)
{
    for (self->at++; self->at < self->length && self->text[self->at] != '"'; self->at++) {
        self->at += self->text[self->at] == '\\' ? 1 : 0;
    }
    self->at++;
}

static void skip_value(reader *self)
{
    size_t depth = 0;

    do {
        char c = here(self);

        if (c == '"') {
            skip_string(self);
        } else {
            depth += c == '{' || c == '[' ? 1 : 0;
            depth -= c == '}' || c == ']' ? 1 : 0;
            self->at++;
        }
    } while (self->at < self->length && (depth > 0 || strchr(",]} \t\r\n", here(self)) == NULL));
}

/* Whether the name that begins here is that one; reads over it and the colon. */
static bool take_name(reader *self, const char *wanted)
{
    size_t start = self->at;
    json_t *name;
    bool is_wanted;

    skip_string(self);
    name =
        json_loadb(self->text + start, (self->at > self->length ? self->length : self->at) - start,
                   JSON_DECODE_ANY, NULL);
    is_wanted = json_is_string(name) && strcmp(json_string_value(name), wanted) == 0;
    json_decref(name);
    skip_blanks(self);
    self->at++;
    skip_blanks(self);
    return is_wanted;
}

/* Goes to the member or item; false: there is none, and the reader stands anywhere. */
static bool enter(reader *self, const char *segment)
{
    bool is_object = here(self) == '{';
    char *end = NULL;
    unsigned long wanted = strtoul(segment, &end, 10);

    if (!is_object && (here(self) != '[' || *end != '\0')) {
        return false;
    }
    self->at++;
    for (unsigned long i = 0;; i++) {
        bool is_wanted;

        skip_blanks(self);
        if (self->at >= self->length || here(self) == '}' || here(self) == ']') {
            return false;
        }
        is_wanted = is_object ? take_name(self, segment) : i == wanted;
        if (is_wanted) {
            return true;
        }
        skip_value(self);
        skip_blanks(self);
        self->at += here(self) == ',' ? 1 : 0;
    }
}

/* The first segment, unescaped in place; returns what follows it, NULL: nothing. */
static char *take_segment(char *segment)
{
    char *rest = strchr(segment, '/');
    char *to = segment;

    if (rest != NULL) {
        *rest++ = '\0';
    }
    for (const char *from = segment; *from != '\0'; from++) {
        bool is_escape = *from == '~' && (from[1] == '0' || from[1] == '1');

        *to++ = !is_escape ? *from : from[1] == '0' ? '~' : '/';
        from += is_escape ? 1 : 0;
    }
    *to = '\0';
    return rest;
}

static size_t find(const char *text, size_t length, char *pointer)
{
    reader self = {.text = text, .length = length};
    char *segment = pointer[0] == '/' ? pointer + 1 : NULL;
    size_t found;

    skip_blanks(&self);
    found = self.at;
    while (segment != NULL) {
        char *rest = take_segment(segment);

        if (!enter(&self, segment)) {
            break;
        }
        found = self.at;
        segment = rest;
    }
    return found < length ? found : length;
}

void hgh_json_place(
    const char *text, size_t length, const char *pointer, unsigned *out_line, unsigned *out_column)
{
    char *copy = strdup(pointer);
    size_t place = copy == NULL ? 0 : find(text, length, copy);
    unsigned line = 1;
    unsigned column = 1;

    for (size_t i = 0; i < place; i++) {
        bool is_end = text[i] == '\n';

        line += is_end ? 1 : 0;
        column = is_end ? 1 : column + (((unsigned char)text[i] & 0xc0u) == 0x80u ? 0 : 1);
    }
    free(copy);
    *out_line = line;
    *out_column = column;
}
