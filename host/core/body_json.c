/* host/core/body_json.c - a JSON body as a tree (RFC 8259), read without recursion. */
#include <string.h>

#include "host/core/body_tree.h"

/* What may come next. */
typedef enum expectation {
    EXPECT_VALUE,
    EXPECT_VALUE_OR_END,  /* behind "[" */
    EXPECT_MEMBER,        /* behind "," in an object */
    EXPECT_MEMBER_OR_END, /* behind "{" */
    EXPECT_COMMA_OR_END,
} expectation;

typedef struct reader {
    hg_text body;
    size_t at;
    hgh_body_maker maker;
    uint32_t open; /* the innermost container that is open; HGH_BODY_NOTHING: none. While one is
                      open, its `end` is the one around it. */
    uint32_t depth;
    bool has_key; /* of the value that comes next, as are the next three */
    bool key_escaped;
    size_t key;
    size_t key_length;
    hg_error *err;
} reader;

static bool malformed(reader *self, const char *wanted)
{
    self->maker.status = hg_error_set(self->err, HG_ERR_INVALID, "no JSON: byte %zu: wanted %s",
                                      self->at + 1, wanted);
    return false;
}

static int next_byte(const reader *self)
{
    return self->at < self->body.length ? (unsigned char)self->body.data[self->at] : -1;
}

static void skip_blanks(reader *self)
{
    while (self->at < self->body.length &&
           (self->body.data[self->at] == ' ' || self->body.data[self->at] == '\n' ||
            self->body.data[self->at] == '\r' || self->body.data[self->at] == '\t')) {
        self->at++;
    }
}

static bool is_digit(int c)
{
    return c >= '0' && c <= '9';
}

static bool is_hex(int c)
{
    return is_digit(c) || ((c | 0x20) >= 'a' && (c | 0x20) <= 'f');
}

/* ----------------------------------------------------------------------------------- scalars */

/* What follows a backslash. */
static bool escape_skip(reader *self)
{
    int c = next_byte(self);

    if (c < 0 || strchr("\"\\/bfnrtu", c) == NULL || c == '\0') {
        return malformed(self, "an escape sequence");
    }
    self->at++;
    for (unsigned i = 0; c == 'u' && i < 4; i++) {
        if (!is_hex(next_byte(self))) {
            return malformed(self, "four hexadecimal digits");
        }
        self->at++;
    }
    return true;
}

static bool is_plain(char c)
{
    return (unsigned char)c >= ' ' && c != '"' && c != '\\';
}

/* Behind the first quote; it ends behind the last one. */
static bool string_skip(reader *self, size_t *out_begin, size_t *out_length, bool *out_escaped)
{
    size_t begin = self->at;

    *out_escaped = false;
    for (;;) {
        int c;

        while (self->at < self->body.length && is_plain(self->body.data[self->at])) {
            self->at++;
        }
        c = next_byte(self);
        if (c < ' ') { /* the end, too */
            return malformed(self, "the end of a text");
        }
        self->at++;
        if (c == '"') {
            *out_begin = begin;
            *out_length = self->at - 1 - begin;
            return true;
        }
        if (c == '\\') {
            *out_escaped = true;
            if (!escape_skip(self)) {
                return false;
            }
        }
    }
}

static bool digits_skip(reader *self)
{
    if (!is_digit(next_byte(self))) {
        return malformed(self, "a digit");
    }
    while (is_digit(next_byte(self))) {
        self->at++;
    }
    return true;
}

static bool number_skip(reader *self)
{
    if (next_byte(self) == '-') {
        self->at++;
    }
    if (next_byte(self) == '0') {
        self->at++;
    } else if (!digits_skip(self)) {
        return false;
    }
    if (next_byte(self) == '.') {
        self->at++;
        if (!digits_skip(self)) {
            return false;
        }
    }
    if (next_byte(self) == 'e' || next_byte(self) == 'E') {
        self->at++;
        if (next_byte(self) == '+' || next_byte(self) == '-') {
            self->at++;
        }
        return digits_skip(self);
    }
    return true;
}

static bool word_skip(reader *self, hg_text word)
{
    hg_text rest = {self->body.data + self->at, self->body.length - self->at};

    if (!hg_text_starts_with(rest, word)) {
        return malformed(self, "a value");
    }
    self->at += word.length;
    return true;
}

/* -------------------------------------------------------------------------------- containers */

static hgh_body_value *value_add(reader *self, hgh_value_kind kind)
{
    hgh_body_value *value = hgh_body_maker_add(&self->maker, kind);

    if (value == NULL) {
        return NULL;
    }
    if (self->open != HGH_BODY_NOTHING) {
        self->maker.tree->values[self->open].length++;
    }
    if (self->has_key) {
        value->key = (uint32_t)self->key;
        value->key_length = (uint32_t)self->key_length;
        value->key_escaped = self->key_escaped;
        self->has_key = false;
    }
    return value;
}

static bool scalar_add(reader *self, hgh_value_kind kind, size_t begin, size_t length, bool escaped)
{
    hgh_body_value *value = value_add(self, kind);

    if (value == NULL) {
        return false;
    }
    value->text = (uint32_t)begin;
    value->length = (uint32_t)length;
    value->text_escaped = escaped;
    return true;
}

static bool container_open(reader *self, hgh_value_kind kind)
{
    hgh_body_value *value;

    if (self->depth == HGH_BODY_DEPTH_MAX) {
        self->maker.status = HG_ERR_TOO_LARGE;
        return false;
    }
    value = value_add(self, kind);
    if (value == NULL) {
        return false;
    }
    value->end = self->open;
    self->open = self->maker.tree->count - 1;
    self->depth++;
    self->at++;
    return true;
}

static void container_close(reader *self)
{
    hgh_body_value *value = &self->maker.tree->values[self->open];

    self->open = value->end;
    value->end = self->maker.tree->count;
    self->depth--;
    self->at++;
}

/* A scalar, or the beginning of a container. */
static bool value_read(reader *self, expectation *next)
{
    size_t begin = self->at;
    size_t length = 0;
    bool escaped = false;
    int c = next_byte(self);

    *next = EXPECT_COMMA_OR_END;
    switch (c) {
    case '{':
        *next = EXPECT_MEMBER_OR_END;
        return container_open(self, HGH_VALUE_OBJECT);
    case '[':
        *next = EXPECT_VALUE_OR_END;
        return container_open(self, HGH_VALUE_ARRAY);
    case '"':
        self->at++;
        return string_skip(self, &begin, &length, &escaped) &&
               scalar_add(self, HGH_VALUE_TEXT, begin, length, escaped);
    case 't':
        return word_skip(self, HG_TEXT("true")) && scalar_add(self, HGH_VALUE_TRUE, 0, 0, false);
    case 'f':
        return word_skip(self, HG_TEXT("false")) && scalar_add(self, HGH_VALUE_FALSE, 0, 0, false);
    case 'n':
        return word_skip(self, HG_TEXT("null")) && scalar_add(self, HGH_VALUE_NULL, 0, 0, false);
    default:
        if (c != '-' && !is_digit(c)) {
            return malformed(self, "a value");
        }
        return number_skip(self) &&
               scalar_add(self, HGH_VALUE_NUMBER, begin, self->at - begin, false);
    }
}

static bool key_read(reader *self)
{
    if (next_byte(self) != '"') {
        return malformed(self, "the name of a member");
    }
    self->at++;
    if (!string_skip(self, &self->key, &self->key_length, &self->key_escaped)) {
        return false;
    }
    self->has_key = true;
    skip_blanks(self);
    if (next_byte(self) != ':') {
        return malformed(self, "\":\"");
    }
    self->at++;
    return true;
}

/* "," or the bracket that ends the innermost container. */
static bool separator_read(reader *self, expectation *next)
{
    bool in_object = self->maker.tree->values[self->open].kind == HGH_VALUE_OBJECT;
    int c = next_byte(self);

    if (c == ',') {
        self->at++;
        *next = in_object ? EXPECT_MEMBER : EXPECT_VALUE;
        return true;
    }
    if (c != (in_object ? '}' : ']')) {
        return malformed(self, in_object ? "\",\" or \"}\"" : "\",\" or \"]\"");
    }
    container_close(self);
    return true;
}

static bool step(reader *self, expectation *next)
{
    int c = next_byte(self);

    switch (*next) {
    case EXPECT_VALUE:
        return value_read(self, next);
    case EXPECT_VALUE_OR_END:
        if (c == ']') {
            container_close(self);
            *next = EXPECT_COMMA_OR_END;
            return true;
        }
        return value_read(self, next);
    case EXPECT_MEMBER_OR_END:
        if (c == '}') {
            container_close(self);
            *next = EXPECT_COMMA_OR_END;
            return true;
        }
        *next = EXPECT_VALUE;
        return key_read(self);
    case EXPECT_MEMBER:
        *next = EXPECT_VALUE;
        return key_read(self);
    case EXPECT_COMMA_OR_END:
        return separator_read(self, next);
    }
    return false;
}

hg_status hgh_body_tree_of_json(hg_text body, hgh_body_tree **out_tree, hg_error *err)
{
    reader self = {.body = body, .open = HGH_BODY_NOTHING, .err = err};
    expectation next = EXPECT_VALUE;
    bool going_on = true;

    if (body.length > HGH_BODY_BYTES_MAX) {
        return HG_ERR_TOO_LARGE;
    }
    if (hgh_body_maker_begin(&self.maker, body.data) != HG_OK) {
        return HG_ERR_NO_MEMORY;
    }
    do {
        skip_blanks(&self);
        going_on = step(&self, &next);
    } while (going_on && (self.open != HGH_BODY_NOTHING || next != EXPECT_COMMA_OR_END));
    if (going_on) {
        skip_blanks(&self);
        if (self.at < body.length) {
            (void)malformed(&self, "nothing behind the value");
        }
    }
    return hgh_body_maker_end(&self.maker, out_tree);
}
