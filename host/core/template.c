/* host/core/template.c - text with variables, compiled once. */
#include "host/core/template.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#define VALUES_ON_STACK 16u /* ours: templates with more parts ask for memory twice */

/** What compiling works on; `parts` and `text` are handed over at its end. */
typedef struct compiler {
    const char *source;
    size_t length;
    size_t at;                /* next byte of the source */
    hgh_template_part *parts; /* owned */
    size_t count;
    char *text; /* owned; each piece is followed by a NUL */
    size_t used;
    bool in_literal; /* the last part is a literal that still grows */
} compiler;

static bool is_name_byte(char byte, bool in_braces)
{
    return isalnum((unsigned char)byte) || byte == '_' ||
           (in_braces && (byte == '.' || byte == '-'));
}

/** Copies a piece behind the others, with a NUL; the buffer has room for all of the source. */
static hg_text keep(compiler *work, const char *data, size_t length)
{
    hg_text kept = {work->text + work->used, length};

    memcpy(work->text + work->used, data, length);
    work->text[work->used + length] = '\0';
    work->used += length + 1;
    return kept;
}

static void add_literal_byte(compiler *work, char byte)
{
    hgh_template_part *last;

    if (!work->in_literal) {
        work->parts[work->count++] =
            (hgh_template_part){.literal = keep(work, "", 0), .capture = -1};
        work->in_literal = true;
    }
    last = &work->parts[work->count - 1];
    work->used--; /* over the NUL that ended it so far */
    work->text[work->used++] = byte;
    work->text[work->used++] = '\0';
    last->literal.length++;
}

/** 0 to 15 for a name of digits that is such a number, else -1. */
static int32_t capture_of(const char *name, size_t length)
{
    int32_t number = 0;

    if (length > 2 || (length == 2 && name[0] == '0')) {
        return -1;
    }
    for (size_t i = 0; i < length; i++) {
        if (!isdigit((unsigned char)name[i])) {
            return -1;
        }
        number = number * 10 + (name[i] - '0');
    }
    return number < (int32_t)HG_REGEX_CAPTURES_MAX ? number : -1;
}

static void add_variable(compiler *work, const char *name, size_t length, hg_text fallback)
{
    hgh_template_part part = {
        .variable = keep(work, name, length),
        .capture = capture_of(name, length),
    };

    if (hg_text_is_present(fallback)) {
        part.fallback = keep(work, fallback.data, fallback.length);
    }
    work->parts[work->count++] = part;
    work->in_literal = false;
}

static hg_text trimmed(const char *from, const char *end)
{
    while (from < end && isspace((unsigned char)*from)) {
        from++;
    }
    while (end > from && isspace((unsigned char)end[-1])) {
        end--;
    }
    return (hg_text){from, (size_t)(end - from)};
}

/** Reads what stands between "${" and "}"; work->at is behind the "{". */
static hg_status add_braced(compiler *work, hg_error *err)
{
    const char *from = work->source + work->at;
    const char *end = memchr(from, '}', work->length - work->at);
    const char *mark;
    hg_text name;
    hg_text fallback = {NULL, 0};

    if (end == NULL) {
        return hg_error_set(err, HG_ERR_INVALID, "${ without } at offset %zu", work->at - 2);
    }
    mark = memmem(from, (size_t)(end - from), "??", 2);
    name = trimmed(from, mark == NULL ? end : mark);
    if (mark != NULL) {
        fallback = trimmed(mark + 2, end);
    }
    for (size_t i = 0; i < name.length; i++) {
        if (!is_name_byte(name.data[i], true)) {
            name.length = 0;
        }
    }
    if (name.length == 0) {
        return hg_error_set(err, HG_ERR_INVALID, "${ without a variable's name at offset %zu",
                            work->at - 2);
    }
    add_variable(work, name.data, name.length, fallback);
    work->at = (size_t)(end + 1 - work->source);
    return HG_OK;
}

/** Reads what a "$" begins; work->at is behind it. */
static hg_status add_dollar(compiler *work, hg_error *err)
{
    size_t end = work->at;

    if (end < work->length && work->source[end] == '{') {
        work->at++;
        return add_braced(work, err);
    }
    while (end < work->length && is_name_byte(work->source[end], false)) {
        end++;
    }
    if (end == work->at) {
        add_literal_byte(work, '$');
        return HG_OK;
    }
    add_variable(work, work->source + work->at, end - work->at, (hg_text){NULL, 0});
    work->at = end;
    return HG_OK;
}

static hg_status compile(compiler *work, hg_error *err)
{
    hg_status status = HG_OK;

    while (status == HG_OK && work->at < work->length) {
        char byte = work->source[work->at++];

        if (byte == '\\' && work->at < work->length && work->source[work->at] == '$') {
            add_literal_byte(work, '$');
            work->at++;
        } else if (byte == '$') {
            status = add_dollar(work, err);
        } else {
            add_literal_byte(work, byte);
        }
    }
    return status;
}

hg_status
hgh_template_compile(const char *source, size_t length, hg_template **out_template, hg_error *err)
{
    hg_status status;
    hg_template *compiled = calloc(1, sizeof(*compiled));
    /* A part takes a byte of the source at least, and a NUL of its own. */
    compiler work = {
        .source = source,
        .length = length,
        .parts = calloc(length + 1, sizeof(hgh_template_part)),
        .text = malloc(2 * length + 1),
    };

    if (compiled == NULL || work.parts == NULL || work.text == NULL) {
        status = hg_error_set(err, HG_ERR_NO_MEMORY, "out of memory");
        goto cleanup;
    }
    status = compile(&work, err);
    if (status == HG_OK) {
        hgh_template_part *smaller =
            realloc(work.parts, (work.count + 1) * sizeof(hgh_template_part));

        compiled->parts = smaller == NULL ? work.parts : smaller;
        compiled->count = work.count;
        compiled->text = work.text;
        work.parts = NULL;
        work.text = NULL;
        *out_template = compiled;
        compiled = NULL;
    }

cleanup:
    free(work.parts);
    free(work.text);
    hgh_template_free(compiled);
    return status;
}

void hgh_template_free(hg_template *compiled)
{
    if (compiled != NULL) {
        free(compiled->parts);
        free(compiled->text);
        free(compiled);
    }
}

/** What a variable or capture stands for; absent if it has no value. */
static hg_text value_of(const hgh_template_part *part,
                        const hg_text *captures,
                        uint32_t captures_count,
                        hgh_variable_lookup lookup,
                        void *context)
{
    if (part->capture >= 0) {
        return (uint32_t)part->capture < captures_count ? captures[part->capture] : (hg_text){0};
    }
    return lookup(context, part->variable);
}

hg_text hgh_template_render(const hg_template *compiled,
                            const hg_text *captures,
                            uint32_t captures_count,
                            hgh_variable_lookup lookup,
                            hgh_allocate allocate,
                            void *context,
                            size_t *out_resolved)
{
    hg_text on_stack[VALUES_ON_STACK];
    hg_text *values = on_stack;
    size_t resolved = 0;
    size_t length = 0;
    char *text;
    char *at;

    if (compiled->count > VALUES_ON_STACK) {
        values = allocate(context, compiled->count * sizeof(hg_text));
        if (values == NULL) {
            return hg_text_of(NULL);
        }
    }
    for (size_t i = 0; i < compiled->count; i++) {
        const hgh_template_part *part = &compiled->parts[i];

        values[i] = part->literal;
        if (!hg_text_is_present(part->literal)) {
            values[i] = value_of(part, captures, captures_count, lookup, context);
            if (!hg_text_is_present(values[i])) {
                values[i] = part->fallback;
            }
            resolved += hg_text_is_present(values[i]) ? 1 : 0;
        }
        length += values[i].length;
    }
    if (out_resolved != NULL) {
        *out_resolved = resolved;
    }
    if (compiled->count == 0) {
        return HG_TEXT("");
    }
    if (compiled->count == 1 && hg_text_is_present(compiled->parts[0].literal)) {
        return compiled->parts[0].literal;
    }
    text = allocate(context, length + 1);
    if (text == NULL) {
        return hg_text_of(NULL);
    }
    at = text;
    for (size_t i = 0; i < compiled->count; i++) {
        if (values[i].length > 0) {
            memcpy(at, values[i].data, values[i].length);
            at += values[i].length;
        }
    }
    *at = '\0';
    return (hg_text){text, length};
}
