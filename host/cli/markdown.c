/* host/cli/markdown.c - foreign text in a cell of a Markdown table: it shows as it is.
 * Source: CommonMark 0.30; GitHub Flavored Markdown, 4.10 (a pipe is escaped inside code, too). */
#include "host/cli/markdown.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "host/core/json_value.h"

#define CODE_MAX  1024u /* bytes of one text as code; more is no table any more */
#define REAL_SIGN 15    /* digits: 0.1 is 0.1 */

static void add_character(hgh_text_builder *out, char character)
{
    hgh_text_builder_add(out, (hg_text){&character, 1});
}

static bool is_control(char character)
{
    return (unsigned char)character < 0x20 || character == 0x7f;
}

/* ------------------------------------------------------------------------------------ code */

/* A control character as it would be written in C, a pattern or JSON. */
static void add_escape(hgh_text_builder *out, char character)
{
    switch (character) {
    case '\n':
        hgh_text_builder_add(out, HG_TEXT("\\n"));
        break;
    case '\r':
        hgh_text_builder_add(out, HG_TEXT("\\r"));
        break;
    case '\t':
        hgh_text_builder_add(out, HG_TEXT("\\t"));
        break;
    default:
        hgh_text_builder_format(out, "\\x%02x", (unsigned)(unsigned char)character);
        break;
    }
}

/* How many backticks follow one another at most. */
static size_t longest_run(const char *text)
{
    size_t longest = 0;
    size_t run = 0;

    for (; *text != '\0'; text++) {
        run = *text == '`' ? run + 1 : 0;
        longest = run > longest ? run : longest;
    }
    return longest;
}

/* Between backticks everything is itself, but for the pipe. */
static void add_span(hgh_text_builder *out, const char *text)
{
    size_t length = strlen(text);
    size_t fence = longest_run(text) + 1;
    bool is_padded = text[0] == '`' || text[length - 1] == '`' ||
                     (text[0] == ' ' && text[length - 1] == ' ' && strspn(text, " ") < length);

    for (size_t i = 0; i < fence; i++) {
        add_character(out, '`');
    }
    hgh_text_builder_add(out, is_padded ? HG_TEXT(" ") : HG_TEXT(""));
    for (; *text != '\0'; text++) {
        hgh_text_builder_add(out, *text == '|' ? HG_TEXT("\\") : HG_TEXT(""));
        add_character(out, *text);
    }
    hgh_text_builder_add(out, is_padded ? HG_TEXT(" ") : HG_TEXT(""));
    for (size_t i = 0; i < fence; i++) {
        add_character(out, '`');
    }
}

/* As HTML with every character of a meaning as an entity: a backslash before a pipe cannot be
 * written between backticks. */
static void add_element(hgh_text_builder *out, const char *text)
{
    hgh_text_builder_add(out, HG_TEXT("<code>"));
    for (; *text != '\0'; text++) {
        if (ispunct((unsigned char)*text)) {
            hgh_text_builder_format(out, "&#%d;", *text);
        } else {
            add_character(out, *text);
        }
    }
    hgh_text_builder_add(out, HG_TEXT("</code>"));
}

void hgh_markdown_add_code(hgh_text_builder *out, const char *text)
{
    hgh_text_builder shown = {.max = CODE_MAX * 4};
    size_t length = hgh_utf8_fitting(text, strlen(text), CODE_MAX);

    for (size_t i = 0; i < length; i++) {
        if (is_control(text[i])) {
            add_escape(&shown, text[i]);
        } else {
            add_character(&shown, text[i]);
        }
    }
    if (shown.length > 0 && strstr(shown.data, "\\|") == NULL) {
        add_span(out, shown.data);
    } else {
        add_element(out, hgh_text_builder_string(&shown));
    }
    if (text[length] != '\0') {
        hgh_text_builder_add(out, HG_TEXT(" ..."));
    }
    out->is_cut |= shown.is_cut;
    hgh_text_builder_done(&shown);
}

void hgh_markdown_add_json(hgh_text_builder *out, const json_t *value)
{
    char *text = json_dumps(value, JSON_ENCODE_ANY | JSON_REAL_PRECISION(REAL_SIGN));

    if (text == NULL) {
        out->is_cut = true;
        return;
    }
    hgh_markdown_add_code(out, text);
    free(text);
}

/* ----------------------------------------------------------------------------------- prose */

/* One that stands alone: two or more side by side are no code. */
static const char *single_backtick(const char *text)
{
    while ((text = strchr(text, '`')) != NULL) {
        size_t run = strspn(text, "`");

        if (run == 1) {
            return text;
        }
        text += run;
    }
    return NULL;
}

/* Whether a character would be markup where it stands. */
static bool is_markup(const char *text, size_t i)
{
    switch (text[i]) {
    case '\\':
    case '`':
    case '*':
    case '[':
    case ']':
    case '<':
    case '|':
    case '~':
        return true;
    case '_': /* inside a word it is none */
        return i == 0 || !isalnum((unsigned char)text[i - 1]) ||
               !isalnum((unsigned char)text[i + 1]);
    case '&':
        return text[i + 1] == '#' || isalnum((unsigned char)text[i + 1]);
    default:
        return false;
    }
}

/* `text` begins behind a backtick: the code up to the next one, or NULL if there is none. */
static const char *add_code_until_backtick(hgh_text_builder *out, const char *text)
{
    const char *end = single_backtick(text);
    char *code;

    if (end == NULL || end == text) {
        return NULL;
    }
    code = strndup(text, (size_t)(end - text));
    if (code == NULL) {
        out->is_cut = true;
    } else {
        hgh_markdown_add_code(out, code);
        free(code);
    }
    return end + 1;
}

static size_t blanks(const char *text)
{
    size_t length = 0;

    while (text[length] != '\0' && (text[length] == ' ' || is_control(text[length]))) {
        length++;
    }
    return length;
}

void hgh_markdown_add_prose(hgh_text_builder *out, const char *text)
{
    const char *at = text + blanks(text);

    while (*at != '\0') {
        size_t gap = blanks(at);
        const char *behind = NULL;

        if (gap > 0) {
            at += gap;
            hgh_text_builder_add(out, *at == '\0' ? HG_TEXT("") : HG_TEXT(" "));
            continue;
        }
        if (at[0] == '`' && at[1] != '`' && (at == text || at[-1] != '`')) {
            behind = add_code_until_backtick(out, at + 1);
        }
        if (behind != NULL) {
            at = behind;
            continue;
        }
        hgh_text_builder_add(out,
                             is_markup(text, (size_t)(at - text)) ? HG_TEXT("\\") : HG_TEXT(""));
        add_character(out, *at);
        at++;
    }
}
