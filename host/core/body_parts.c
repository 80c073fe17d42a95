/* host/core/body_parts.c - a form in parts, multipart/form-data (RFC 7578), as a tree. */
#include <string.h>

#include "host/core/body_tree.h"

#define BOUNDARY_MAX 70u /* bytes: RFC 2046 section 5.1.1 */

typedef struct parts {
    hg_text body;
    size_t at;
    char delimiter[2 + 2 + BOUNDARY_MAX]; /* a line break, two dashes, the boundary */
    size_t delimiter_length;
    hgh_body_maker maker;
    hg_error *err;
} parts;

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static hg_text trimmed(hg_text text)
{
    while (text.length > 0 && is_blank(text.data[0])) {
        text.data++;
        text.length--;
    }
    while (text.length > 0 && is_blank(text.data[text.length - 1])) {
        text.length--;
    }
    return text;
}

/* Takes the text before a character off, or all of it; inside quotes it is none. */
static hg_text take_until(hg_text *text, char separator)
{
    bool quoted = false;
    size_t length = 0;
    hg_text taken;

    while (length < text->length && (quoted || text->data[length] != separator)) {
        if (quoted && text->data[length] == '\\') {
            length++;
        } else if (text->data[length] == '"') {
            quoted = !quoted;
        }
        length++;
    }
    length = length < text->length ? length : text->length;
    taken = (hg_text){text->data, length};
    length += length < text->length;
    text->data += length;
    text->length -= length;
    return trimmed(taken);
}

/* A parameter of "VALUE; NAME=PARAMETER; NAME="PARAMETER"" without its quotes; what a backslash
 * stands before stays as it is, since browsers write %22 for a quote. Absent: it is not there. */
static hg_text parameter_find(hg_text header, hg_text name)
{
    (void)take_until(&header, ';');
    while (header.length > 0) {
        hg_text value = take_until(&header, ';');
        hg_text own = take_until(&value, '=');

        if (!hg_text_equal_ignoring_case(own, name)) {
            continue;
        }
        value = trimmed(value);
        if (value.length >= 2 && value.data[0] == '"' && value.data[value.length - 1] == '"') {
            value.data++;
            value.length -= 2;
        }
        return value;
    }
    return (hg_text){0};
}

static bool parts_malformed(parts *self, const char *wanted)
{
    self->maker.status =
        hg_error_set(self->err, HG_ERR_INVALID, "no multipart/form-data: byte %zu: wanted %s",
                     self->at + 1, wanted);
    return false;
}

static bool delimiter_set(parts *self, hg_text content_type)
{
    hg_text boundary = parameter_find(content_type, HG_TEXT("boundary"));

    if (boundary.length == 0 || boundary.length > BOUNDARY_MAX) {
        return parts_malformed(self, "a boundary in Content-Type");
    }
    memcpy(self->delimiter, "\r\n--", 4);
    memcpy(self->delimiter + 4, boundary.data, boundary.length);
    self->delimiter_length = 4 + boundary.length;
    return true;
}

static hg_text rest_of(const parts *self)
{
    return (hg_text){self->body.data + self->at, self->body.length - self->at};
}

/* Behind a delimiter: the end of its line, or the end of all. */
static bool delimiter_end(parts *self, bool *out_last)
{
    hg_text rest = rest_of(self);

    *out_last = hg_text_starts_with(rest, HG_TEXT("--"));
    if (*out_last) {
        return true;
    }
    while (rest.length > 0 && is_blank(rest.data[0])) {
        rest.data++;
        rest.length--;
        self->at++;
    }
    if (!hg_text_starts_with(rest, HG_TEXT("\r\n"))) {
        return parts_malformed(self, "the end of the boundary's line");
    }
    self->at += 2;
    return true;
}

/* All before the next delimiter, which is passed. */
static bool content_take(parts *self, hg_text *out_content)
{
    hg_text rest = rest_of(self);
    const char *end = memmem(rest.data, rest.length, self->delimiter, self->delimiter_length);

    if (end == NULL) {
        return parts_malformed(self, "a part that ends with the boundary");
    }
    *out_content = (hg_text){rest.data, (size_t)(end - rest.data)};
    self->at += out_content->length + self->delimiter_length;
    return true;
}

/* Goes to the first part; what stands before it says nothing. */
static bool preamble_skip(parts *self)
{
    hg_text first = {self->delimiter + 2, self->delimiter_length - 2};
    hg_text ignored;

    if (hg_text_starts_with(self->body, first)) {
        self->at = first.length;
        return true;
    }
    return content_take(self, &ignored);
}

static void text_skip(hg_text *text, size_t length)
{
    text->data += length;
    text->length -= length;
}

/* The lines before an empty one; false: a part without. The empty one may be that of the delimiter:
 * then there is a head alone. */
static bool head_take(hg_text *content, hg_text *out_head)
{
    const char *end = NULL;

    if (hg_text_starts_with(*content, HG_TEXT("\r\n"))) { /* no line at all */
        *out_head = (hg_text){content->data, 0};
        text_skip(content, 2);
        return true;
    }
    end = memmem(content->data, content->length, "\r\n\r\n", 4);
    if (end != NULL) {
        *out_head = (hg_text){content->data, (size_t)(end - content->data)};
        text_skip(content, out_head->length + 4);
        return true;
    }
    *out_head = *content;
    text_skip(content, content->length);
    return out_head->length > 2 && content->data[-2] == '\r' && content->data[-1] == '\n';
}

/* Absent: the part has no name. */
static hg_text part_name(hg_text head)
{
    while (head.length > 0) {
        hg_text line = take_until(&head, '\n');
        hg_text header;

        if (line.length > 0 && line.data[line.length - 1] == '\r') {
            line.length--;
        }
        header = take_until(&line, ':');
        if (hg_text_equal_ignoring_case(header, HG_TEXT("Content-Disposition"))) {
            return parameter_find(line, HG_TEXT("name"));
        }
    }
    return (hg_text){0};
}

static bool part_add(parts *self, hg_text content)
{
    hg_text head;
    hg_text name;
    hgh_body_value *value;

    if (!head_take(&content, &head)) {
        return parts_malformed(self, "an empty line behind the head of a part");
    }
    name = part_name(head);
    if (name.data == NULL) {
        return true;
    }
    value = hgh_body_maker_add(&self->maker, HGH_VALUE_TEXT);
    if (value == NULL) {
        return false;
    }
    value->key = (uint32_t)(name.data - self->body.data);
    value->key_length = (uint32_t)name.length;
    value->text = (uint32_t)(content.data - self->body.data);
    value->length = (uint32_t)content.length;
    self->maker.tree->values[HGH_BODY_ROOT].length++;
    return true;
}

static bool parts_read(parts *self)
{
    bool is_last = false;
    hg_text content;

    if (hgh_body_maker_add(&self->maker, HGH_VALUE_OBJECT) == NULL || !preamble_skip(self)) {
        return false;
    }
    for (;;) {
        if (!delimiter_end(self, &is_last)) {
            return false;
        }
        if (is_last) {
            self->maker.tree->values[HGH_BODY_ROOT].end = self->maker.tree->count;
            return true;
        }
        if (!content_take(self, &content) || !part_add(self, content)) {
            return false;
        }
    }
}

hg_status
hgh_body_tree_of_parts(hg_text body, hg_text content_type, hgh_body_tree **out_tree, hg_error *err)
{
    parts self = {.body = body, .err = err};

    if (body.length > HGH_BODY_BYTES_MAX) {
        return HG_ERR_TOO_LARGE;
    }
    if (hgh_body_maker_begin(&self.maker, body.data) != HG_OK) {
        return HG_ERR_NO_MEMORY;
    }
    if (delimiter_set(&self, content_type)) {
        (void)parts_read(&self); /* the maker has its status */
    }
    return hgh_body_maker_end(&self.maker, out_tree);
}
