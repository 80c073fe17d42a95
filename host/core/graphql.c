/* host/core/graphql.c - what a GraphQL document asks for: its first operation and its root fields.
 *
 * The grammar is that of appendix C of the specification. Nothing here calls itself: braces within
 * braces are counted, and what is open among values is kept in bits.
 */
#include "host/core/graphql.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "host/core/graphql_lexer.h"

#define FRAGMENT_NONE UINT32_MAX /* of the first operation */

/* A field of the outermost braces of a definition, or a fragment that is spread there. */
typedef struct selection {
    hg_text name;
    bool is_spread;
} selection;

/* A fragment definition: what its outermost braces hold. */
typedef struct fragment {
    hg_text name;
    uint32_t first;
    uint32_t count;
    bool is_spread; /* has been: each one once */
} fragment;

typedef struct parser {
    hgh_graphql_lexer lexer;
    hg_status status;
    hg_error *err;
    hg_text operation;
    hg_text name;
    bool has_operation;
    bool has_more;
    bool collects;        /* the definition that is being read is of interest */
    uint32_t first_count; /* of `selections`: those of the first operation */
    uint32_t first;
    uint32_t selection_count;
    uint32_t fragment_count;
    selection selections[HGH_GRAPHQL_SELECTIONS_MAX];
    fragment fragments[HGH_GRAPHQL_FRAGMENTS_MAX];
} parser;

/* ------------------------------------------------------------------------------------- words */

/* What follows is not read: the first finding counts. */
static bool wrong(parser *self, const char *wanted)
{
    size_t place = (size_t)(self->lexer.text.data - self->lexer.document.data);
    size_t line = 1;

    if (self->status != HG_OK) {
        return false;
    }
    for (size_t i = 0; i < place; i++) {
        line += self->lexer.document.data[i] == '\n';
    }
    if (self->lexer.token == HGH_GRAPHQL_WRONG) {
        wanted = self->lexer.wanted;
    }
    self->status = hg_error_set(self->err, HG_ERR_INVALID, "syntax error near line %zu: wanted %s",
                                line, wanted);
    return false;
}

static bool too_large(parser *self, const char *what)
{
    self->status = hg_error_set(self->err, HG_ERR_TOO_LARGE, "too many %s", what);
    return false;
}

static void next(parser *self)
{
    hgh_graphql_lexer_next(&self->lexer);
}

static bool is_punctuator(const parser *self, char c)
{
    return self->lexer.token == HGH_GRAPHQL_PUNCTUATOR && self->lexer.text.data[0] == c;
}

static bool is_name(const parser *self)
{
    return self->lexer.token == HGH_GRAPHQL_NAME;
}

static bool is_word(const parser *self, hg_text word)
{
    return is_name(self) && hg_text_equal(self->lexer.text, word);
}

static bool take(parser *self, char c)
{
    if (!is_punctuator(self, c)) {
        return false;
    }
    next(self);
    return true;
}

static bool expect(parser *self, char c, const char *wanted)
{
    return take(self, c) || wrong(self, wanted);
}

static bool expect_name(parser *self, hg_text *out_name)
{
    if (!is_name(self)) {
        return wrong(self, "a name");
    }
    *out_name = self->lexer.text;
    next(self);
    return true;
}

/* ------------------------------------------------------------------------------------ values */

/* Which brackets are open, the innermost last. */
typedef struct open_values {
    uint32_t depth;
    uint8_t are_objects[HGH_GRAPHQL_DEPTH_MAX / 8];
} open_values;

static bool innermost_is_object(const open_values *open)
{
    uint32_t bit = open->depth - 1;

    return (open->are_objects[bit / 8] >> (bit % 8) & 1) != 0;
}

static bool value_open(parser *self, open_values *open, bool is_object)
{
    uint8_t *bits = &open->are_objects[open->depth / 8];
    unsigned bit = 1u << open->depth % 8;

    if (open->depth == HGH_GRAPHQL_DEPTH_MAX) {
        return too_large(self, "values within one another");
    }
    *bits = (uint8_t)(is_object ? *bits | bit : *bits & ~bit);
    open->depth++;
    next(self);
    return true;
}

/* One that holds no others. Enumerations, true, false and null are names. */
static bool scalar_read(parser *self, bool constant)
{
    hg_text ignored;

    switch (self->lexer.token) {
    case HGH_GRAPHQL_NAME:
    case HGH_GRAPHQL_NUMBER:
    case HGH_GRAPHQL_STRING:
        next(self);
        return true;
    case HGH_GRAPHQL_PUNCTUATOR:
        if (!constant && take(self, '$')) {
            return expect_name(self, &ignored);
        }
        break;
    case HGH_GRAPHQL_END:
    case HGH_GRAPHQL_SPREAD:
    case HGH_GRAPHQL_WRONG:
        break;
    }
    return wrong(self, constant ? "a constant" : "a value");
}

/* Closes what ends here; in an object that goes on, reads the name of its next field. */
static bool values_close(parser *self, open_values *open)
{
    hg_text ignored;

    while (open->depth > 0 && take(self, innermost_is_object(open) ? '}' : ']')) {
        open->depth--;
    }
    return open->depth == 0 || !innermost_is_object(open) ||
           (expect_name(self, &ignored) && expect(self, ':', "\":\""));
}

static bool value_read(parser *self, bool constant)
{
    open_values open = {0};

    do {
        bool is_object = is_punctuator(self, '{');

        if (is_object || is_punctuator(self, '[')) {
            if (!value_open(self, &open, is_object)) {
                return false;
            }
        } else if (!scalar_read(self, constant)) {
            return false;
        }
        if (!values_close(self, &open)) {
            return false;
        }
    } while (open.depth > 0);
    return true;
}

/* ------------------------------------------------------------------ arguments and directives */

static bool arguments_read(parser *self, bool constant)
{
    hg_text ignored;

    if (!take(self, '(')) {
        return true;
    }
    do {
        if (!expect_name(self, &ignored) || !expect(self, ':', "\":\"") ||
            !value_read(self, constant)) {
            return false;
        }
    } while (!take(self, ')'));
    return true;
}

static bool directives_read(parser *self, bool constant)
{
    hg_text ignored;

    while (take(self, '@')) {
        if (!expect_name(self, &ignored) || !arguments_read(self, constant)) {
            return false;
        }
    }
    return true;
}

static bool type_read(parser *self)
{
    hg_text ignored;
    uint32_t depth = 0;

    while (take(self, '[')) {
        if (++depth > HGH_GRAPHQL_DEPTH_MAX) {
            return too_large(self, "types within one another");
        }
    }
    if (!expect_name(self, &ignored)) {
        return false;
    }
    (void)take(self, '!'); /* or not: it need not be there */
    for (; depth > 0; depth--) {
        if (!expect(self, ']', "\"]\"")) {
            return false;
        }
        (void)take(self, '!'); /* as above */
    }
    return true;
}

static void description_skip(parser *self)
{
    if (self->lexer.token == HGH_GRAPHQL_STRING) {
        next(self);
    }
}

static bool variables_read(parser *self)
{
    hg_text ignored;

    if (!take(self, '(')) {
        return true;
    }
    do {
        description_skip(self);
        if (!expect(self, '$', "\"$\"") || !expect_name(self, &ignored) ||
            !expect(self, ':', "\":\"") || !type_read(self) ||
            (take(self, '=') && !value_read(self, true)) || !directives_read(self, true)) {
            return false;
        }
    } while (!take(self, ')'));
    return true;
}

/* -------------------------------------------------------------------------------- selections */

/* Braces within braces. Those of inline fragments, down to `root`, hold root fields. */
typedef struct braces {
    size_t depth;
    size_t root;
    bool are_new; /* just opened: they may not be empty */
} braces;

static bool selection_add(parser *self, const braces *in, hg_text name, bool is_spread)
{
    if (!self->collects || in->depth != in->root) {
        return true;
    }
    if (self->selection_count == HGH_GRAPHQL_SELECTIONS_MAX) {
        return too_large(self, "root fields");
    }
    self->selections[self->selection_count++] = (selection){name, is_spread};
    return true;
}

static void braces_open(parser *self, braces *in, bool is_fragment)
{
    if (is_fragment && in->depth == in->root) {
        in->root++;
    }
    in->depth++;
    in->are_new = true;
    next(self);
}

static bool field_read(parser *self, braces *in)
{
    hg_text name = {0};

    if (!expect_name(self, &name) || (take(self, ':') && !expect_name(self, &name)) ||
        !selection_add(self, in, name, false) || !arguments_read(self, false) ||
        !directives_read(self, false)) {
        return false;
    }
    in->are_new = false;
    if (is_punctuator(self, '{')) {
        braces_open(self, in, false);
    }
    return true;
}

/* Behind "...": a fragment's name, or what an inline fragment is for and its braces. */
static bool spread_read(parser *self, braces *in)
{
    hg_text name = {0};

    if (is_name(self) && !is_word(self, HG_TEXT("on"))) {
        in->are_new = false;
        return expect_name(self, &name) && selection_add(self, in, name, true) &&
               directives_read(self, false);
    }
    if (is_word(self, HG_TEXT("on"))) {
        next(self);
        if (!expect_name(self, &name)) {
            return false;
        }
    }
    if (!directives_read(self, false)) {
        return false;
    }
    if (!is_punctuator(self, '{')) {
        return wrong(self, "a fragment");
    }
    braces_open(self, in, true);
    return true;
}

static bool selections_read(parser *self)
{
    braces in = {.root = 1};

    if (!is_punctuator(self, '{')) {
        return wrong(self, "\"{\"");
    }
    braces_open(self, &in, false);
    while (in.depth > 0) {
        bool read = true;

        if (!in.are_new && take(self, '}')) {
            in.depth--;
            in.root = in.depth > 0 && in.depth < in.root ? in.depth : in.root;
        } else if (self->lexer.token == HGH_GRAPHQL_SPREAD) {
            next(self);
            read = spread_read(self, &in);
        } else {
            read = field_read(self, &in);
        }
        if (!read) {
            return false;
        }
    }
    return true;
}

/* ------------------------------------------------------------------------------- definitions */

static bool operation_read(parser *self)
{
    hg_text operation = HG_TEXT("query");
    hg_text name = HG_TEXT("");

    self->has_more = self->has_operation;
    self->collects = !self->has_operation;
    self->first = self->collects ? self->selection_count : self->first;
    if (is_name(self)) {
        operation = self->lexer.text;
        next(self);
        if (is_name(self)) {
            name = self->lexer.text;
            next(self);
        }
        if (!variables_read(self) || !directives_read(self, false)) {
            return false;
        }
    }
    if (!selections_read(self)) {
        return false;
    }
    if (self->collects) {
        self->has_operation = true;
        self->operation = operation;
        self->name = name;
        self->first_count = self->selection_count - self->first;
    }
    return true;
}

static bool fragment_read(parser *self)
{
    fragment made = {.first = self->selection_count};
    hg_text ignored;

    next(self);
    if (is_word(self, HG_TEXT("on"))) {
        return wrong(self, "the name of a fragment");
    }
    if (!expect_name(self, &made.name)) {
        return false;
    }
    if (!is_word(self, HG_TEXT("on"))) {
        return wrong(self, "\"on\"");
    }
    next(self);
    self->collects = true;
    if (!expect_name(self, &ignored) || !directives_read(self, false) || !selections_read(self)) {
        return false;
    }
    if (self->fragment_count == HGH_GRAPHQL_FRAGMENTS_MAX) {
        return too_large(self, "fragments");
    }
    made.count = self->selection_count - made.first;
    self->fragments[self->fragment_count++] = made;
    return true;
}

static bool definition_read(parser *self)
{
    bool described = self->lexer.token == HGH_GRAPHQL_STRING;

    description_skip(self);
    if (is_word(self, HG_TEXT("fragment"))) {
        return fragment_read(self);
    }
    if (is_word(self, HG_TEXT("query")) || is_word(self, HG_TEXT("mutation")) ||
        is_word(self, HG_TEXT("subscription")) || (!described && is_punctuator(self, '{'))) {
        return operation_read(self);
    }
    return wrong(self, "an operation or a fragment");
}

/* ------------------------------------------------------------------------------- root fields */

/* A list of selections that is being gone through. */
typedef struct pass {
    uint32_t at;
    uint32_t end;
} pass;

static fragment *fragment_find(parser *self, hg_text name)
{
    for (uint32_t i = 0; i < self->fragment_count; i++) {
        if (hg_text_equal(self->fragments[i].name, name)) {
            return &self->fragments[i];
        }
    }
    return NULL;
}

/* Fields in their order, those of a fragment where it is spread; each fragment once. */
static size_t fields_collect(parser *self, hg_text *fields)
{
    pass passes[HGH_GRAPHQL_FRAGMENTS_MAX + 1];
    size_t depth = 1;
    size_t count = 0;

    passes[0] = (pass){self->first, self->first + self->first_count};
    while (depth > 0) {
        pass *top = &passes[depth - 1];
        const selection *at;
        fragment *spread;

        if (top->at == top->end) {
            depth--;
            continue;
        }
        at = &self->selections[top->at++];
        if (!at->is_spread) {
            fields[count++] = at->name;
            continue;
        }
        spread = fragment_find(self, at->name);
        if (spread != NULL && !spread->is_spread) {
            spread->is_spread = true;
            passes[depth++] = (pass){spread->first, spread->first + spread->count};
        }
    }
    return count;
}

static hg_status result_make(parser *self, hgh_graphql *out_graphql)
{
    hg_text *fields = malloc((self->selection_count + 1) * sizeof(*fields));

    if (fields == NULL) {
        return HG_ERR_NO_MEMORY;
    }
    *out_graphql = (hgh_graphql){
        .operation = self->operation,
        .name = self->name,
        .has_more = self->has_more,
        .field_count = fields_collect(self, fields),
        .fields = fields,
    };
    return HG_OK;
}

hg_status hgh_graphql_parse(hg_text document, hgh_graphql *out_graphql, hg_error *err)
{
    parser *self = calloc(1, sizeof(*self)); /* too large for the stack of a coroutine */
    hg_status status;

    if (self == NULL) {
        return HG_ERR_NO_MEMORY;
    }
    self->err = err;
    hgh_graphql_lexer_begin(&self->lexer, document);
    do {
        (void)definition_read(self); /* `status` tells */
    } while (self->status == HG_OK && self->lexer.token != HGH_GRAPHQL_END);
    if (self->status == HG_OK && !self->has_operation) {
        self->status = hg_error_set(err, HG_ERR_INVALID, "no operation");
    }
    status = self->status == HG_OK ? result_make(self, out_graphql) : self->status;
    free(self);
    return status;
}

void hgh_graphql_done(hgh_graphql *graphql)
{
    free(graphql->fields);
    *graphql = (hgh_graphql){0};
}
