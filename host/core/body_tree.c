/* host/core/body_tree.c - what stands in a request's body, however it was written. */
#include "host/core/body_tree.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NUMBER_LENGTH_MAX 500u /* digits beyond say nothing that 14 of them would show */

/* ------------------------------------------------------------------------------------ making */

hg_status hgh_body_maker_begin(hgh_body_maker *maker, const char *text)
{
    *maker = (hgh_body_maker){.tree = calloc(1, sizeof(*maker->tree))};
    if (maker->tree == NULL) {
        maker->status = HG_ERR_NO_MEMORY;
        return HG_ERR_NO_MEMORY;
    }
    maker->tree->text = text;
    return HG_OK;
}

hgh_body_value *hgh_body_maker_add(hgh_body_maker *maker, hgh_value_kind kind)
{
    hgh_body_tree *tree = maker->tree;

    if (tree->count == HGH_BODY_VALUES_MAX) {
        maker->status = HG_ERR_TOO_LARGE;
        return NULL;
    }
    if (tree->count == maker->room) {
        uint32_t room = maker->room == 0 ? 16 : maker->room * 2;
        hgh_body_value *grown = realloc(tree->values, room * sizeof(*grown));

        if (grown == NULL) {
            maker->status = HG_ERR_NO_MEMORY;
            return NULL;
        }
        tree->values = grown;
        maker->room = room;
    }
    tree->values[tree->count] = (hgh_body_value){.kind = (uint8_t)kind, .end = tree->count + 1};
    return &tree->values[tree->count++];
}

hg_status hgh_body_maker_end(hgh_body_maker *maker, hgh_body_tree **out_tree)
{
    if (maker->status == HG_OK) {
        *out_tree = maker->tree;
        maker->tree = NULL; /* now the caller's */
    }
    hgh_body_tree_free(maker->tree);
    return maker->status;
}

void hgh_body_tree_free(hgh_body_tree *tree)
{
    if (tree != NULL) {
        free(tree->values);
        free(tree->own_text);
        free(tree);
    }
}

/* ------------------------------------------------------------------------------------- texts */

static unsigned hex_value(const char *digits)
{
    unsigned value = 0;

    for (unsigned i = 0; i < 4; i++) {
        char c = digits[i];

        value = value * 16 + (unsigned)(c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
    }
    return value;
}

static size_t utf8_write(unsigned code, char *buffer)
{
    if (code < 0x80) {
        buffer[0] = (char)code;
        return 1;
    }
    if (code < 0x800) {
        buffer[0] = (char)(0xc0 | code >> 6);
        buffer[1] = (char)(0x80 | (code & 0x3f));
        return 2;
    }
    if (code < 0x10000) {
        buffer[0] = (char)(0xe0 | code >> 12);
        buffer[1] = (char)(0x80 | (code >> 6 & 0x3f));
        buffer[2] = (char)(0x80 | (code & 0x3f));
        return 3;
    }
    buffer[0] = (char)(0xf0 | code >> 18);
    buffer[1] = (char)(0x80 | (code >> 12 & 0x3f));
    buffer[2] = (char)(0x80 | (code >> 6 & 0x3f));
    buffer[3] = (char)(0x80 | (code & 0x3f));
    return 4;
}

/* The character of "\uXXXX" at raw.data[*at], which is moved behind it and its other half. */
static unsigned code_read(hg_text raw, size_t *at)
{
    unsigned code = hex_value(raw.data + *at + 2);

    *at += 6;
    if (code < 0xd800 || code > 0xdfff) {
        return code;
    }
    if (code < 0xdc00 && raw.length - *at >= 6 && raw.data[*at] == '\\' &&
        raw.data[*at + 1] == 'u') {
        unsigned low = hex_value(raw.data + *at + 2);

        if (low >= 0xdc00 && low <= 0xdfff) {
            *at += 6;
            return 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
        }
    }
    return 0xfffd;
}

static char unescaped(char c)
{
    switch (c) {
    case 'b':
        return '\b';
    case 'f':
        return '\f';
    case 'n':
        return '\n';
    case 'r':
        return '\r';
    case 't':
        return '\t';
    default:
        return c;
    }
}

size_t hgh_body_unescape(hg_text raw, char *buffer)
{
    size_t length = 0;
    size_t at = 0;

    while (at < raw.length) {
        if (raw.data[at] != '\\') {
            buffer[length++] = raw.data[at++];
        } else if (raw.data[at + 1] == 'u') {
            length += utf8_write(code_read(raw, &at), buffer + length);
        } else {
            buffer[length++] = unescaped(raw.data[at + 1]);
            at += 2;
        }
    }
    return length;
}

static bool escaped_equals(hg_text raw, hg_text wanted)
{
    char decoded[4];
    size_t matched = 0;
    size_t at = 0;

    while (at < raw.length) {
        size_t length = 1;

        if (raw.data[at] != '\\') {
            decoded[0] = raw.data[at++];
        } else if (raw.data[at + 1] == 'u') {
            length = utf8_write(code_read(raw, &at), decoded);
        } else {
            decoded[0] = unescaped(raw.data[at + 1]);
            at += 2;
        }
        if (wanted.length - matched < length ||
            memcmp(wanted.data + matched, decoded, length) != 0) {
            return false;
        }
        matched += length;
    }
    return matched == wanted.length;
}

uint32_t hgh_body_tree_member(const hgh_body_tree *tree, uint32_t object, hg_text key)
{
    const hgh_body_value *container = &tree->values[object];
    uint32_t found = HGH_BODY_NOTHING;

    if (container->kind != HGH_VALUE_OBJECT) {
        return HGH_BODY_NOTHING;
    }
    for (uint32_t i = object + 1; i < container->end; i = tree->values[i].end) {
        const hgh_body_value *value = &tree->values[i];
        hg_text own = {tree->text + value->key, value->key_length};

        if (value->key_escaped ? escaped_equals(own, key) : hg_text_equal(own, key)) {
            found = i;
        }
    }
    return found;
}

static bool is_whole(hg_text raw)
{
    for (size_t i = 0; i < raw.length; i++) {
        if ((raw.data[i] < '0' || raw.data[i] > '9') && raw.data[i] != '-') {
            return false;
        }
    }
    return true;
}

hg_text hgh_body_number_text(hg_text raw, char buffer[HGH_BODY_NUMBER_MAX], double *out_number)
{
    char copy[NUMBER_LENGTH_MAX + 1];
    size_t length = raw.length < NUMBER_LENGTH_MAX ? raw.length : NUMBER_LENGTH_MAX;

    memcpy(copy, raw.data, length);
    copy[length] = '\0';
    *out_number = strtod(copy, NULL);
    if (length < raw.length || is_whole(raw)) {
        return raw;
    }
    length = (size_t)snprintf(buffer, HGH_BODY_NUMBER_MAX, "%.14g", *out_number);
    return (hg_text){buffer, length};
}

/* ----------------------------------------------------------------------------------- writing */

static void text_write(hg_text text, bool escaped, hgh_text_builder *out)
{
    size_t from = 0;

    hgh_text_builder_add(out, HG_TEXT("\""));
    for (size_t i = 0; i < text.length && !escaped; i++) {
        unsigned char c = (unsigned char)text.data[i];

        if (c >= ' ' && c != '"' && c != '\\') {
            continue;
        }
        hgh_text_builder_add(out, (hg_text){text.data + from, i - from});
        if (c < ' ') {
            hgh_text_builder_format(out, "\\u%04x", c);
        } else {
            hgh_text_builder_format(out, "\\%c", c);
        }
        from = i + 1;
    }
    hgh_text_builder_add(out, (hg_text){text.data + from, text.length - from});
    hgh_text_builder_add(out, HG_TEXT("\""));
}

static void
scalar_write(const hgh_body_tree *tree, const hgh_body_value *value, hgh_text_builder *out)
{
    switch ((hgh_value_kind)value->kind) {
    case HGH_VALUE_NULL:
        hgh_text_builder_add(out, HG_TEXT("null"));
        break;
    case HGH_VALUE_FALSE:
        hgh_text_builder_add(out, HG_TEXT("false"));
        break;
    case HGH_VALUE_TRUE:
    case HGH_VALUE_BARE:
        hgh_text_builder_add(out, HG_TEXT("true"));
        break;
    case HGH_VALUE_NUMBER:
        hgh_text_builder_add(out, hgh_body_tree_raw(tree, value));
        break;
    case HGH_VALUE_TEXT:
        text_write(hgh_body_tree_raw(tree, value), value->text_escaped, out);
        break;
    case HGH_VALUE_ARRAY:
    case HGH_VALUE_OBJECT:
        break;
    }
}

/* The containers around the value that is being written: where each ends, and with what. */
typedef struct open_containers {
    uint32_t depth;
    uint32_t ends[HGH_BODY_DEPTH_MAX + 1];
    bool are_objects[HGH_BODY_DEPTH_MAX + 1];
} open_containers;

static void containers_close(open_containers *open, uint32_t place, hgh_text_builder *out)
{
    while (open->depth > 0 && open->ends[open->depth - 1] == place) {
        open->depth--;
        hgh_text_builder_add(out, open->are_objects[open->depth] ? HG_TEXT("}") : HG_TEXT("]"));
    }
}

static void
value_write(const hgh_body_tree *tree, uint32_t root, open_containers *open, hgh_text_builder *out)
{
    for (uint32_t i = root; i < tree->values[root].end; i++) {
        const hgh_body_value *value = &tree->values[i];
        bool is_object = value->kind == HGH_VALUE_OBJECT;

        if (open->depth > 0) {
            bool is_first = tree->values[i - 1].end != i;

            hgh_text_builder_add(out, is_first ? HG_TEXT("") : HG_TEXT(","));
            if (open->are_objects[open->depth - 1]) {
                text_write((hg_text){tree->text + value->key, value->key_length},
                           value->key_escaped, out);
                hgh_text_builder_add(out, HG_TEXT(":"));
            }
        }
        if (value->kind < HGH_VALUE_ARRAY) {
            scalar_write(tree, value, out);
        } else {
            hgh_text_builder_add(out, is_object ? HG_TEXT("{") : HG_TEXT("["));
            open->ends[open->depth] = value->end;
            open->are_objects[open->depth++] = is_object;
        }
        containers_close(open, i + 1, out);
    }
}

void hgh_body_tree_write(const hgh_body_tree *tree,
                         const uint32_t *places,
                         size_t count,
                         bool as_list,
                         hgh_text_builder *out)
{
    open_containers *open = malloc(sizeof(*open)); /* too large for the stack of a coroutine */

    if (open == NULL) {
        out->is_cut = true;
        return;
    }
    open->depth = 0;
    hgh_text_builder_add(out, as_list ? HG_TEXT("[") : HG_TEXT(""));
    for (size_t i = 0; i < count; i++) {
        hgh_text_builder_add(out, i == 0 ? HG_TEXT("") : HG_TEXT(","));
        value_write(tree, places[i], open, out);
    }
    hgh_text_builder_add(out, as_list ? HG_TEXT("]") : HG_TEXT(""));
    free(open);
}
