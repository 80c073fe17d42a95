/* host/cli/schema_words.c - what a value of a JSON Schema is, in words of Markdown. */
#include "host/cli/schema_words.h"

#include <stdlib.h>
#include <string.h>

#include "host/cli/markdown.h"
#include "host/cli/schema_rules.h"
#include "host/core/quantity.h"

#define DEPTH_MAX  12u   /* of schemas within one another; "..." stands for deeper ones */
#define PARTS_MAX  1000u /* schemas that one phrase is made of: references can multiply them */
#define PHRASE_MAX (64u << 10) /* bytes */
#define ENUM_SHOWN 40u         /* values */
#define HOPS_MAX   16u         /* from reference to reference */
#define TOKEN_MAX  256u        /* bytes of a step of a reference */
#define REAL_SIGN  15          /* digits: 0.1 is 0.1 */

/* ------------------------------------------------------------------------------ references */

/* One step of a JSON Pointer, without its escapes (RFC 6901, section 4); false: too long. */
static bool token_take(const char **at, char token[TOKEN_MAX])
{
    size_t length = 0;

    for (; **at != '\0' && **at != '/'; (*at)++) {
        char character = **at;

        if (character == '~' && ((*at)[1] == '0' || (*at)[1] == '1')) {
            (*at)++;
            character = **at == '0' ? '~' : '/';
        }
        if (length + 1 >= TOKEN_MAX) {
            return false;
        }
        token[length++] = character;
    }
    token[length] = '\0';
    return true;
}

/* What "#/definitions/a" is in the document; NULL: nothing. */
static const json_t *pointed(const json_t *root, const char *reference)
{
    const json_t *found = root;
    const char *at = reference + 1;
    char token[TOKEN_MAX];

    if (reference[0] != '#' || (*at != '\0' && *at != '/')) {
        return NULL;
    }
    while (found != NULL && *at == '/') {
        at++;
        if (!token_take(&at, token)) {
            return NULL;
        }
        found = json_is_array(found) ? json_array_get(found, strtoul(token, NULL, 10))
                                     : json_object_get(found, token);
    }
    return found;
}

const json_t *hgh_schema_words_resolve(const json_t *root, const json_t *schema)
{
    for (size_t i = 0; i < HOPS_MAX; i++) {
        const char *reference = json_string_value(json_object_get(schema, "$ref"));
        const json_t *found = reference == NULL ? NULL : pointed(root, reference);

        if (found == NULL) {
            break;
        }
        schema = found;
    }
    return schema;
}

const char *hgh_schema_words_description(const json_t *root, const json_t *schema)
{
    const char *own = json_string_value(json_object_get(schema, "description"));

    return own != NULL ? own
                       : json_string_value(json_object_get(hgh_schema_words_resolve(root, schema),
                                                           "description"));
}

bool hgh_schema_words_has_title(const json_t *schema)
{
    return json_is_string(json_object_get(schema, "title"));
}

/* --------------------------------------------------------------------------------- numbers */

static void add_number(hgh_text_builder *out, const json_t *number)
{
    char *text = json_dumps(number, JSON_ENCODE_ANY | JSON_REAL_PRECISION(REAL_SIGN));

    hgh_text_builder_add(out, hg_text_of(text == NULL ? "?" : text));
    free(text);
}

static const json_t *number_of(const json_t *schema, const char *keyword)
{
    const json_t *value = json_object_get(schema, keyword);

    return json_is_number(value) ? value : NULL;
}

/* ", 200 to 599" */
static void add_range(hgh_text_builder *out, const json_t *schema)
{
    static const struct {
        const char *keyword;
        const char *words;
    } limits[] = {{"minimum", ", at least "},
                  {"exclusiveMinimum", ", above "},
                  {"maximum", ", at most "},
                  {"exclusiveMaximum", ", below "},
                  {"multipleOf", ", a multiple of "}};
    const json_t *min = number_of(schema, "minimum");
    const json_t *max = number_of(schema, "maximum");
    bool is_pair = min != NULL && max != NULL;

    if (is_pair) {
        hgh_text_builder_add(out, HG_TEXT(", "));
        add_number(out, min);
        hgh_text_builder_add(out, HG_TEXT(" to "));
        add_number(out, max);
    }
    for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
        const json_t *limit = number_of(schema, limits[i].keyword);

        if (limit != NULL && !(is_pair && (limit == min || limit == max))) {
            hgh_text_builder_add(out, hg_text_of(limits[i].words));
            add_number(out, limit);
        }
    }
}

void hgh_schema_words_add_count(hgh_text_builder *out,
                                const json_t *schema,
                                const char *min_keyword,
                                const char *max_keyword,
                                const char *what)
{
    const json_t *min = number_of(schema, min_keyword);
    const json_t *max = number_of(schema, max_keyword);
    const json_t *last = max == NULL ? min : max;
    double least = json_number_value(min);

    if (max == NULL && least <= 1) {
        hgh_text_builder_add(out, least == 1 ? HG_TEXT(", not empty") : HG_TEXT(""));
        return;
    }
    hgh_text_builder_add(out, HG_TEXT(", "));
    if (max == NULL) {
        hgh_text_builder_add(out, HG_TEXT("at least "));
    } else if (least <= 0) {
        hgh_text_builder_add(out, HG_TEXT("at most "));
    } else if (least != json_number_value(max)) {
        add_number(out, min);
        hgh_text_builder_add(out, HG_TEXT(" to "));
    }
    add_number(out, last);
    hgh_text_builder_format(out, " %s%s", what, json_number_value(last) == 1 ? "" : "s");
}

/* ---------------------------------------------------------------------------------- values */

/* Whether a text shows without quotes as what it is: nobody takes it for other JSON. */
static bool is_plain(const char *text)
{
    json_t *other = json_loads(text, JSON_DECODE_ANY, NULL);
    bool is_json = other != NULL;

    json_decref(other);
    for (const char *at = text; *at != '\0'; at++) {
        if ((unsigned char)*at < 0x20 || *at == 0x7f) {
            return false;
        }
    }
    return !is_json && text[0] != '\0' && text[0] != ' ' && text[strlen(text) - 1] != ' ';
}

static void add_value(hgh_text_builder *out, const json_t *value)
{
    if (json_is_string(value) && is_plain(json_string_value(value))) {
        hgh_markdown_add_code(out, json_string_value(value));
    } else {
        hgh_markdown_add_json(out, value);
    }
}

/* "`a`, `b` or `c`" */
static void add_values(hgh_text_builder *out, const json_t *values)
{
    size_t count = json_array_size(values);
    size_t shown = count > ENUM_SHOWN ? ENUM_SHOWN : count;

    for (size_t i = 0; i < shown; i++) {
        if (i > 0) {
            hgh_text_builder_add(out, i + 1 == count ? HG_TEXT(" or ") : HG_TEXT(", "));
        }
        add_value(out, json_array_get(values, i));
    }
    if (shown < count) {
        hgh_text_builder_format(out, " or one of %zu more", count - shown);
    }
}

/* "string or number" */
static void add_types(hgh_text_builder *out, const json_t *type)
{
    size_t count = json_array_size(type);

    if (json_is_string(type)) {
        hgh_markdown_add_prose(out, json_string_value(type));
    }
    for (size_t i = 0; i < count; i++) {
        const char *name = json_string_value(json_array_get(type, i));

        if (i > 0) {
            hgh_text_builder_add(out, i + 1 == count ? HG_TEXT(" or ") : HG_TEXT(", "));
        }
        hgh_markdown_add_prose(out, name == NULL ? "?" : name);
    }
}

/* What a value is called; false: the schema does not say it. */
static bool add_name(hgh_text_builder *out, const json_t *schema)
{
    const char *title = json_string_value(json_object_get(schema, "title"));
    const json_t *values = json_object_get(schema, "enum");
    const json_t *constant = json_object_get(schema, "const");
    const json_t *type = json_object_get(schema, "type");

    if (title != NULL) {
        hgh_markdown_add_prose(out, title);
        hgh_text_builder_add(out, values == NULL && constant == NULL ? HG_TEXT("") : HG_TEXT(": "));
    }
    if (values != NULL) {
        add_values(out, values);
    } else if (constant != NULL) {
        add_value(out, constant);
    } else if (title == NULL && type != NULL) {
        add_types(out, type);
    }
    return title != NULL || values != NULL || constant != NULL || type != NULL;
}

/* --------------------------------------------------------------------------------- phrases */

typedef struct speaker {
    hgh_text_builder *out;
    const json_t *root;
    const struct speaker *above; /* NULL: the schema that was asked for */
    const json_t *schema;        /* without its reference */
    unsigned depth;
    unsigned *parts; /* how many there have been */
} speaker;

static void speak(const speaker *self, bool is_member);

/* Of another schema: the caller's, for hgh_text_builder_done(). */
static hgh_text_builder phrase_of(const speaker *self, const json_t *schema, bool is_member)
{
    hgh_text_builder phrase = {.max = PHRASE_MAX};
    speaker below = {
        .out = &phrase,
        .root = self->root,
        .above = self,
        .schema = hgh_schema_words_resolve(self->root, schema),
        .depth = self->depth + 1,
        .parts = self->parts,
    };

    speak(&below, is_member);
    return phrase;
}

static void speak_part(const speaker *self, const char *words, const json_t *schema, bool is_member)
{
    hgh_text_builder phrase = phrase_of(self, schema, is_member);

    hgh_text_builder_add(self->out, hg_text_of(words));
    hgh_text_builder_add(self->out, hg_text_of(hgh_text_builder_string(&phrase)));
    self->out->is_cut |= phrase.is_cut;
    hgh_text_builder_done(&phrase);
}

/* "string; or object"; false: there are none, or they are about which members there are. */
static bool speak_alternatives(const speaker *self,
                               const char *words,
                               const json_t *schema,
                               const char *keyword,
                               bool is_member)
{
    const json_t *list = json_object_get(schema, keyword);
    size_t count = json_array_size(list);

    if (count == 0 || hgh_schema_rules_are_presence(list)) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        speak_part(self, i == 0 ? words : "; or ", json_array_get(list, i), is_member);
    }
    return true;
}

/* ------------------------------------------------------------------------------ containers */

/* "strings" of "string"; NULL: the phrase says more than a type. */
static const char *plural_of(const char *phrase)
{
    static const char *const plurals[] = {"strings",  "integers", "numbers",
                                          "booleans", "arrays",   "objects"};

    for (size_t i = 0; i < sizeof(plurals) / sizeof(plurals[0]); i++) {
        if (strncmp(plurals[i], phrase, strlen(plurals[i]) - 1) == 0 &&
            strlen(phrase) == strlen(plurals[i]) - 1) {
            return plurals[i];
        }
    }
    return NULL;
}

static bool says_something(const json_t *schema)
{
    return json_is_false(schema) || json_object_size(schema) > 0;
}

static void speak_tuple(const speaker *self, const json_t *items, const json_t *further)
{
    for (size_t i = 0; i < json_array_size(items); i++) {
        speak_part(self, i == 0 ? "; in this order: " : "; ", json_array_get(items, i), false);
    }
    if (json_is_false(further)) {
        hgh_text_builder_add(self->out, HG_TEXT("; no further ones"));
    } else if (says_something(further)) {
        speak_part(self, "; further ones: ", further, false);
    }
}

/* What the elements are: "of strings" right behind the type, before its clauses. */
static void speak_items(const speaker *self, const json_t *schema, hgh_text_builder *clauses)
{
    const json_t *items = json_object_get(schema, "items");
    hgh_text_builder each;
    const char *plural;

    if (hgh_schema_words_has_title(schema) || json_is_array(items) || !says_something(items)) {
        hgh_text_builder_add(self->out, hg_text_of(hgh_text_builder_string(clauses)));
        if (!hgh_schema_words_has_title(schema)) {
            speak_tuple(self, items, json_object_get(schema, "additionalItems"));
        }
        return;
    }
    each = phrase_of(self, items, false);
    plural = plural_of(hgh_text_builder_string(&each));
    if (plural != NULL) {
        hgh_text_builder_format(self->out, " of %s", plural);
    }
    hgh_text_builder_add(self->out, hg_text_of(hgh_text_builder_string(clauses)));
    if (plural == NULL && hgh_schema_words_description(self->root, items) == NULL) {
        hgh_text_builder_add(self->out, HG_TEXT("; each: "));
        hgh_text_builder_add(self->out, hg_text_of(hgh_text_builder_string(&each)));
    }
    self->out->is_cut |= each.is_cut;
    hgh_text_builder_done(&each);
}

/* What the members of an object are that are not named. */
static void speak_members(const speaker *self, const json_t *schema, bool is_member)
{
    const json_t *others = json_object_get(schema, "additionalProperties");
    const json_t *names = json_object_get(schema, "propertyNames");

    if (json_is_false(others)) {
        bool has_named = json_object_size(json_object_get(schema, "properties")) > 0 ||
                         json_object_size(json_object_get(schema, "patternProperties")) > 0;

        hgh_text_builder_add(self->out,
                             has_named ? HG_TEXT(", no other members") : HG_TEXT(", empty"));
    } else if (says_something(others) && !is_member && !hgh_schema_words_has_title(schema) &&
               hgh_schema_words_description(self->root, others) == NULL) {
        speak_part(self, "; members: ", others, false);
    }
    if (says_something(names)) {
        speak_part(self, "; names: ", names, false);
    }
}

/* ------------------------------------------------------------------------------------- all */

static void add_texts(hgh_text_builder *out, const json_t *schema)
{
    const char *pattern = json_string_value(json_object_get(schema, "pattern"));
    const char *format = json_string_value(json_object_get(schema, "format"));
    const char *encoding = json_string_value(json_object_get(schema, "contentEncoding"));
    const char *media_type = json_string_value(json_object_get(schema, "contentMediaType"));

    if (pattern != NULL && strcmp(pattern, HGH_DURATION_PATTERN) != 0 &&
        strcmp(pattern, HGH_BYTES_PATTERN) != 0) { /* whose title says more */
        hgh_text_builder_add(out, HG_TEXT(", matching "));
        hgh_markdown_add_code(out, pattern);
    }
    if (format != NULL) {
        hgh_text_builder_add(out, HG_TEXT(", format "));
        hgh_markdown_add_code(out, format);
    }
    if (encoding != NULL) {
        hgh_text_builder_add(out, HG_TEXT(", encoded as "));
        hgh_markdown_add_code(out, encoding);
    }
    if (media_type != NULL) {
        hgh_text_builder_add(out, HG_TEXT(", holding "));
        hgh_markdown_add_code(out, media_type);
    }
}

/* What bounds a single value. */
static void add_clauses(hgh_text_builder *out, const json_t *schema)
{
    add_range(out, schema);
    hgh_schema_words_add_count(out, schema, "minLength", "maxLength", "character");
    hgh_schema_words_add_count(out, schema, "minItems", "maxItems", "element");
    hgh_schema_words_add_count(out, schema, "minProperties", "maxProperties", "member");
    if (json_is_true(json_object_get(schema, "uniqueItems"))) {
        hgh_text_builder_add(out, HG_TEXT(", unique"));
    }
    add_texts(out, schema);
    if (json_is_true(json_object_get(schema, "writeOnly"))) {
        hgh_text_builder_add(out, HG_TEXT(", secret"));
    }
}

/* What other schemas say of the same value. */
static void speak_combined(const speaker *self, const json_t *schema, bool is_named, bool is_member)
{
    const json_t *all = json_object_get(schema, "allOf");
    const json_t *not = json_object_get(schema, "not");
    const char *words = is_named ? ", and one of these: " : "";

    if (speak_alternatives(self, words, schema, "anyOf", is_member)) {
        words = ", and one of these: ";
    }
    (void)speak_alternatives(self, words, schema, "oneOf", is_member);
    for (size_t i = 0; i < json_array_size(all); i++) {
        const json_t *part = json_array_get(all, i);

        if (!hgh_schema_rules_is_rule(part)) {
            speak_part(self, ", and: ", part, is_member);
        }
    }
    if (not != NULL && !hgh_schema_rules_is_absence(not )) {
        speak_part(self, ", but not: ", not, false);
    }
}

static bool has_alternatives(const json_t *schema)
{
    static const char *const keywords[] = {"anyOf", "oneOf"};

    for (size_t i = 0; i < sizeof(keywords) / sizeof(keywords[0]); i++) {
        const json_t *list = json_object_get(schema, keywords[i]);

        if (json_array_size(list) > 0 && !hgh_schema_rules_are_presence(list)) {
            return true;
        }
    }
    return false;
}

/* What it cannot be told of any more: a reference leads back, or there is too much of it. */
static bool is_endless(const speaker *self)
{
    for (const speaker *at = self->above; at != NULL; at = at->above) {
        if (at->schema == self->schema) {
            return true;
        }
    }
    return self->depth > DEPTH_MAX || ++*self->parts > PARTS_MAX;
}

static void speak(const speaker *self, bool is_member)
{
    const json_t *schema = self->schema;
    const json_t *reference = json_object_get(schema, "$ref");
    hgh_text_builder clauses = {.max = PHRASE_MAX};
    bool is_named;

    if (is_endless(self) || json_is_false(schema)) {
        hgh_text_builder_add(self->out,
                             json_is_false(schema) ? HG_TEXT("no value") : HG_TEXT("..."));
        return;
    }
    is_named = add_name(self->out, schema);
    if (!is_named && !has_alternatives(schema)) {
        hgh_text_builder_add(self->out, HG_TEXT("any value"));
        is_named = true;
    }
    if (reference != NULL) { /* to another document, or to nothing */
        hgh_text_builder_add(self->out, HG_TEXT(" of "));
        hgh_markdown_add_json(self->out, reference);
    }
    add_clauses(&clauses, schema);
    speak_items(self, schema, &clauses);
    self->out->is_cut |= clauses.is_cut;
    hgh_text_builder_done(&clauses);
    if (says_something(json_object_get(schema, "contains"))) {
        speak_part(self, "; at least one: ", json_object_get(schema, "contains"), false);
    }
    speak_members(self, schema, is_member);
    speak_combined(self, schema, is_named, is_member);
}

void hgh_schema_words_add(hgh_text_builder *out,
                          const json_t *root,
                          const json_t *schema,
                          bool is_member)
{
    unsigned parts = 0;
    speaker self = {
        .out = out,
        .root = root,
        .schema = hgh_schema_words_resolve(root, schema),
        .parts = &parts,
    };

    speak(&self, is_member);
}
