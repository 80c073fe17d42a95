/* host/core/graphql_lexer.c - the words of a GraphQL document (appendix B of its specification). */
#include "host/core/graphql_lexer.h"

#include <string.h>

static int byte_at(const hgh_graphql_lexer *lexer, size_t at)
{
    return at < lexer->document.length ? (unsigned char)lexer->document.data[at] : -1;
}

static bool is_digit(int c)
{
    return c >= '0' && c <= '9';
}

static bool is_name_start(int c)
{
    return c == '_' || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z');
}

static bool is_hex(int c)
{
    return is_digit(c) || ((c | 0x20) >= 'a' && (c | 0x20) <= 'f');
}

static void token_set(hgh_graphql_lexer *lexer, hgh_graphql_token token, size_t begin, size_t end)
{
    lexer->token = token;
    lexer->text = (hg_text){lexer->document.data + begin, end - begin};
    lexer->at = end;
}

static void token_wrong(hgh_graphql_lexer *lexer, size_t at, const char *wanted)
{
    at = at < lexer->document.length ? at : lexer->document.length;
    token_set(lexer, HGH_GRAPHQL_WRONG, at, at);
    lexer->wanted = wanted;
}

/* Blanks, line ends, commas and comments say nothing. A byte order mark may stand first. */
static size_t ignored_skip(const hgh_graphql_lexer *lexer, size_t at)
{
    for (;;) {
        int c = byte_at(lexer, at);

        if (c == '#') {
            while (c >= 0 && c != '\n' && c != '\r') {
                c = byte_at(lexer, ++at);
            }
        } else if (c == ' ' || c == '\t' || c == ',' || c == '\n' || c == '\r') {
            at++;
        } else {
            return at;
        }
    }
}

/* Neither a name nor a number may follow a number at once. */
static void number_end(hgh_graphql_lexer *lexer, size_t begin, size_t end)
{
    int c = byte_at(lexer, end);

    if (c == '.' || is_name_start(c) || is_digit(c)) {
        token_wrong(lexer, end, "the end of a number");
    } else {
        token_set(lexer, HGH_GRAPHQL_NUMBER, begin, end);
    }
}

/* Behind at least one digit; 0: there is none. */
static size_t digits_skip(const hgh_graphql_lexer *lexer, size_t at)
{
    size_t begin = at;

    while (is_digit(byte_at(lexer, at))) {
        at++;
    }
    return at > begin ? at : 0;
}

static void number_read(hgh_graphql_lexer *lexer, size_t begin)
{
    size_t at = begin + (byte_at(lexer, begin) == '-');
    size_t end = byte_at(lexer, at) == '0' ? at + 1 : digits_skip(lexer, at);

    if (end != 0 && byte_at(lexer, end) == '.') {
        at = end + 1;
        end = digits_skip(lexer, at);
    }
    if (end != 0 && (byte_at(lexer, end) | 0x20) == 'e') {
        int sign = byte_at(lexer, end + 1);

        at = end + 1 + (sign == '+' || sign == '-');
        end = digits_skip(lexer, at);
    }
    if (end == 0) {
        token_wrong(lexer, at, "a digit");
    } else {
        number_end(lexer, begin, end);
    }
}

static void block_string_read(hgh_graphql_lexer *lexer, size_t begin)
{
    size_t at = begin + 3;

    for (;;) {
        hg_text rest = {lexer->document.data + at, lexer->document.length - at};

        if (hg_text_starts_with(rest, HG_TEXT("\"\"\""))) {
            token_set(lexer, HGH_GRAPHQL_STRING, begin, at + 3);
            return;
        }
        if (rest.length == 0) {
            token_wrong(lexer, at, "the end of a block string");
            return;
        }
        at += hg_text_starts_with(rest, HG_TEXT("\\\"\"\"")) ? 4 : 1;
    }
}

static unsigned hex_value(int c)
{
    return (unsigned)(is_digit(c) ? c - '0' : (c | 0x20) - 'a' + 10);
}

/* The code behind "\u", as four digits or in braces; where it ends, 0: it is none. */
static size_t code_read(const hgh_graphql_lexer *lexer, size_t at, unsigned *out_code)
{
    bool braces = byte_at(lexer, at) == '{';
    unsigned code = 0;
    size_t digits = 0;

    at += braces;
    while (is_hex(byte_at(lexer, at)) && (braces || digits < 4)) {
        code = code > 0xffffff ? code : code * 16 + hex_value(byte_at(lexer, at));
        digits++;
        at++;
    }
    *out_code = code;
    if (braces) {
        return digits > 0 && byte_at(lexer, at) == '}' ? at + 1 : 0;
    }
    return digits == 4 ? at : 0;
}

static bool is_surrogate(unsigned code)
{
    return code >= 0xd800 && code <= 0xdfff;
}

/* Behind what follows a backslash; 0: no escape sequence. A half of a pair needs its other half. */
static size_t escape_skip(const hgh_graphql_lexer *lexer, size_t at)
{
    int c = byte_at(lexer, at);
    unsigned code = 0;
    unsigned low = 0;
    size_t end;

    if (c != 'u') {
        return c > 0 && strchr("\"\\/bfnrt", c) != NULL ? at + 1 : 0;
    }
    end = code_read(lexer, at + 1, &code);
    if (end == 0 || !is_surrogate(code)) {
        return code <= 0x10ffff ? end : 0;
    }
    if (byte_at(lexer, at + 1) == '{' || code > 0xdbff || byte_at(lexer, end) != '\\' ||
        byte_at(lexer, end + 1) != 'u' || byte_at(lexer, end + 2) == '{') {
        return 0;
    }
    end = code_read(lexer, end + 2, &low);
    return low >= 0xdc00 && low <= 0xdfff ? end : 0;
}

static void string_read(hgh_graphql_lexer *lexer, size_t begin)
{
    size_t at = begin + 1;

    for (;;) {
        int c = byte_at(lexer, at);

        if (c == '"') {
            token_set(lexer, HGH_GRAPHQL_STRING, begin, at + 1);
            return;
        }
        if (c < 0 || c == '\n' || c == '\r') {
            token_wrong(lexer, at, "the end of a string");
            return;
        }
        at++;
        if (c == '\\') {
            size_t end = escape_skip(lexer, at);

            if (end == 0) {
                token_wrong(lexer, at, "an escape sequence");
                return;
            }
            at = end;
        }
    }
}

static void name_read(hgh_graphql_lexer *lexer, size_t begin)
{
    size_t at = begin;

    while (is_name_start(byte_at(lexer, at)) || is_digit(byte_at(lexer, at))) {
        at++;
    }
    token_set(lexer, HGH_GRAPHQL_NAME, begin, at);
}

void hgh_graphql_lexer_next(hgh_graphql_lexer *lexer)
{
    size_t begin;
    int c;

    if (lexer->token == HGH_GRAPHQL_WRONG) {
        return;
    }
    begin = ignored_skip(lexer, lexer->at);
    c = byte_at(lexer, begin);
    if (c < 0) {
        token_set(lexer, HGH_GRAPHQL_END, begin, begin);
    } else if (is_name_start(c)) {
        name_read(lexer, begin);
    } else if (is_digit(c) || c == '-') {
        number_read(lexer, begin);
    } else if (c == '"') {
        hg_text rest = {lexer->document.data + begin, lexer->document.length - begin};

        if (hg_text_starts_with(rest, HG_TEXT("\"\"\""))) {
            block_string_read(lexer, begin);
        } else {
            string_read(lexer, begin);
        }
    } else if (c == '.' && byte_at(lexer, begin + 1) == '.' && byte_at(lexer, begin + 2) == '.') {
        token_set(lexer, HGH_GRAPHQL_SPREAD, begin, begin + 3);
    } else if (c != '\0' && strchr("!$&():=@[]{|}", c) != NULL) {
        token_set(lexer, HGH_GRAPHQL_PUNCTUATOR, begin, begin + 1);
    } else {
        token_wrong(lexer, begin, "a word of GraphQL");
    }
}

void hgh_graphql_lexer_begin(hgh_graphql_lexer *lexer, hg_text document)
{
    bool marked = hg_text_starts_with(document, HG_TEXT("\xef\xbb\xbf"));

    *lexer = (hgh_graphql_lexer){
        .document = document, .at = marked ? 3 : 0, .token = HGH_GRAPHQL_PUNCTUATOR};
    hgh_graphql_lexer_next(lexer);
}
