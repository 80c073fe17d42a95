/* host/cli/schema_rules.c - what a JSON Schema says of the members of an object together. */
#include "host/cli/schema_rules.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "host/cli/markdown.h"
#include "host/cli/schema_words.h"
#include "host/core/json_value.h"

#define DEPTH_MAX    12u         /* of allOf within allOf */
#define SENTENCE_MAX (64u << 10) /* bytes */

/* ------------------------------------------------------------------------------- judgement */

static bool are_names(const json_t *list)
{
    size_t i;
    json_t *name;

    json_array_foreach(hgh_json_unconst(list), i, name)
    {
        if (!json_is_string(name)) {
            return false;
        }
    }
    return json_array_size(list) > 0;
}

/* {"required": ["a", "b"]} and nothing else */
static bool is_required_only(const json_t *schema)
{
    return json_object_size(schema) == 1 && are_names(json_object_get(schema, "required"));
}

bool hgh_schema_rules_is_absence(const json_t *schema)
{
    const json_t *any = json_object_get(schema, "anyOf");

    if (json_object_size(schema) != 1 || json_array_size(any) == 0) {
        return is_required_only(schema);
    }
    for (size_t i = 0; i < json_array_size(any); i++) {
        if (!is_required_only(json_array_get(any, i))) {
            return false;
        }
    }
    return true;
}

/* {"required": ["a"], "not": {"required": ["b"]}} */
static bool is_presence(const json_t *schema)
{
    const char *key;
    json_t *value;

    json_object_foreach(hgh_json_unconst(schema), key, value)
    {
        if (strcmp(key, "required") == 0
                ? !are_names(value)
                : strcmp(key, "not") != 0 || !hgh_schema_rules_is_absence(value)) {
            return false;
        }
    }
    return json_object_size(schema) > 0;
}

bool hgh_schema_rules_are_presence(const json_t *list)
{
    for (size_t i = 0; i < json_array_size(list); i++) {
        if (!is_presence(json_array_get(list, i))) {
            return false;
        }
    }
    return json_array_size(list) > 0;
}

bool hgh_schema_rules_is_rule(const json_t *schema)
{
    const char *key;
    json_t *value;

    json_object_foreach(hgh_json_unconst(schema), key, value)
    {
        bool is_list = strcmp(key, "oneOf") == 0 || strcmp(key, "anyOf") == 0;
        bool is_told = strcmp(key, "required") == 0 || strcmp(key, "dependencies") == 0 ||
                       strcmp(key, "if") == 0 || strcmp(key, "then") == 0 ||
                       strcmp(key, "else") == 0 ||
                       (strcmp(key, "not") == 0 && hgh_schema_rules_is_absence(value));

        if (!is_told && !(is_list && hgh_schema_rules_are_presence(value))) {
            return false;
        }
    }
    return json_object_size(schema) > 0;
}

/* ------------------------------------------------------------------------------- sentences */

typedef struct teller {
    hgh_text_builder *out;
    const json_t *root;
    const char *path;
    hgh_text_builder sentence; /* the one that is being made, without what stands around it */
} teller;

static void say(teller *self, const char *words)
{
    hgh_text_builder_add(&self->sentence, hg_text_of(words));
}

/* Ends the sentence. */
static void tell(teller *self)
{
    char *text = self->sentence.data;

    if (text != NULL && self->sentence.length > 0) {
        hgh_text_builder_add(self->out, self->out->length > 0 ? HG_TEXT(" ") : HG_TEXT(""));
        if (self->path[0] != '\0') {
            hgh_text_builder_add(self->out, HG_TEXT("In "));
            hgh_markdown_add_code(self->out, self->path);
            hgh_text_builder_add(self->out, HG_TEXT(": "));
        } else {
            text[0] = (char)toupper((unsigned char)text[0]);
        }
        hgh_text_builder_add(self->out, hg_text_of(text));
        hgh_text_builder_add(self->out, HG_TEXT("."));
    }
    self->out->is_cut |= self->sentence.is_cut;
    hgh_text_builder_cut(&self->sentence, 0);
}

/* "`a`, `b` and `c`" */
static void say_names(teller *self, const json_t *names)
{
    size_t count = json_array_size(names);

    for (size_t i = 0; i < count; i++) {
        const char *name = json_string_value(json_array_get(names, i));

        if (i > 0) {
            say(self, i + 1 == count ? " and " : ", ");
        }
        hgh_markdown_add_code(&self->sentence, name == NULL ? "?" : name);
    }
}

/* Of what is_absence() is true for: "`a`, `b` and `c`". */
static void say_absent(teller *self, const json_t *schema)
{
    const json_t *any = json_object_get(schema, "anyOf");
    size_t count = json_array_size(any);

    if (count == 0) {
        say_names(self, json_object_get(schema, "required"));
    }
    for (size_t i = 0; i < count; i++) {
        if (i > 0) {
            say(self, i + 1 == count ? " and " : ", ");
        }
        say_names(self, json_object_get(json_array_get(any, i), "required"));
    }
}

static void say_branch(teller *self, const json_t *branch)
{
    const json_t *names = json_object_get(branch, "required");
    const json_t *absent = json_object_get(branch, "not");

    say_names(self, names);
    if (absent != NULL) {
        say(self, names == NULL ? "anything without " : ", without ");
        say_absent(self, absent);
    }
}

/* Whether each one names one member and no more. */
static bool are_single(const json_t *list)
{
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *branch = json_array_get(list, i);

        if (json_object_size(branch) != 1 ||
            json_array_size(json_object_get(branch, "required")) != 1) {
            return false;
        }
    }
    return true;
}

/* "exactly one of `a` and `b` is given" */
static void tell_presence(teller *self, const char *words, const json_t *list)
{
    size_t count = json_array_size(list);
    bool single = are_single(list);

    say(self, words);
    say(self, single ? " of " : " of these is given: ");
    for (size_t i = 0; i < count; i++) {
        if (i > 0) {
            say(self, !single ? "; " : i + 1 == count ? " and " : ", ");
        }
        say_branch(self, json_array_get(list, i));
    }
    say(self, single ? " is given" : "");
    tell(self);
}

/* What words cannot say. */
static void tell_json(teller *self, const char *words, const json_t *list)
{
    say(self, words);
    for (size_t i = 0; i < json_array_size(list); i++) {
        say(self, i == 0 ? "" : "; ");
        hgh_markdown_add_json(&self->sentence, json_array_get(list, i));
    }
    tell(self);
}

static void
tell_alternatives(teller *self, const char *words, const json_t *schema, const char *keyword)
{
    const json_t *list = json_object_get(schema, keyword);
    char begin[48];

    if (hgh_schema_rules_are_presence(list)) {
        tell_presence(self, words, list);
    } else if (json_array_size(list) > 0 && self->path[0] == '\0') { /* else its type tells it */
        (void)snprintf(begin, sizeof(begin), "%s of these holds: ", words);
        tell_json(self, begin, list);
    }
}

static void tell_dependencies(teller *self, const json_t *dependencies)
{
    const char *name;
    json_t *needed;

    json_object_foreach(hgh_json_unconst(dependencies), name, needed)
    {
        const json_t *absent = json_object_get(needed, "not");

        hgh_markdown_add_code(&self->sentence, name);
        if (are_names(needed)) {
            say(self, " needs ");
            say_names(self, needed);
        } else if (is_required_only(needed)) {
            say(self, " needs ");
            say_names(self, json_object_get(needed, "required"));
        } else if (json_object_size(needed) == 1 && hgh_schema_rules_is_absence(absent)) {
            say(self, " excludes ");
            say_absent(self, absent);
        } else {
            say(self, " needs ");
            hgh_markdown_add_json(&self->sentence, needed);
        }
        tell(self);
    }
}

/* Members that have to be there without being described. */
static void tell_required(teller *self, const json_t *schema)
{
    const json_t *properties = json_object_get(schema, "properties");
    const json_t *names = json_object_get(schema, "required");

    for (size_t i = 0; i < json_array_size(names); i++) {
        const char *name = json_string_value(json_array_get(names, i));

        if (name != NULL && json_object_get(properties, name) == NULL) {
            hgh_markdown_add_code(&self->sentence, name);
            say(self, " is required");
            tell(self);
        }
    }
}

static void tell_absence(teller *self, const json_t *absent)
{
    const json_t *names = json_object_get(absent, "required");

    if (!hgh_schema_rules_is_absence(absent)) {
        if (absent != NULL && self->path[0] == '\0') { /* else its type tells it */
            say(self, "this does not hold: ");
            hgh_markdown_add_json(&self->sentence, absent);
            tell(self);
        }
        return;
    }
    say_absent(self, absent);
    say(self, json_array_size(names) > 1 ? " are not given together" : " cannot be given");
    tell(self);
}

static void tell_condition(teller *self, const json_t *schema)
{
    static const char *const keywords[] = {"if", "then", "else"};
    json_t *condition;

    if (json_object_get(schema, "if") == NULL) {
        return;
    }
    condition = json_object();
    for (size_t i = 0; i < sizeof(keywords) / sizeof(keywords[0]); i++) {
        json_t *part = json_object_get(schema, keywords[i]);

        if (part != NULL) {
            (void)json_object_set(condition, keywords[i], part);
        }
    }
    say(self, "this holds: ");
    hgh_markdown_add_json(&self->sentence, condition);
    json_decref(condition);
    tell(self);
}

/* Whether a rule demands one of its members anyway. */
static bool names_some(const json_t *schema)
{
    return hgh_schema_rules_are_presence(json_object_get(schema, "oneOf")) ||
           hgh_schema_rules_are_presence(json_object_get(schema, "anyOf")) ||
           json_array_size(json_object_get(schema, "required")) > 0;
}

/* What the type of any other object tells. */
static void tell_root(teller *self, const json_t *schema)
{
    const json_t *names = json_object_get(schema, "propertyNames");
    hgh_text_builder count = {.max = SENTENCE_MAX};

    hgh_schema_words_add_count(&count, schema, "minProperties", "maxProperties", "attribute");
    if (count.length > 0) {
        const char *words = hgh_text_builder_string(&count) + 2; /* without its comma */
        bool is_one = strcmp(words, "not empty") == 0;

        if (!is_one || !names_some(schema)) {
            say(self, is_one ? "at least 1 attribute is given" : "there are ");
            say(self, is_one ? "" : words);
            tell(self);
        }
    }
    hgh_text_builder_done(&count);
    if (names != NULL) {
        say(self, "names of attributes: ");
        hgh_schema_words_add(&self->sentence, self->root, names, false);
        tell(self);
    }
    if (json_is_false(json_object_get(schema, "additionalProperties"))) {
        say(self, "other attributes are refused");
        tell(self);
    }
}

static void tell_all(teller *self, const json_t *schema, unsigned depth)
{
    const json_t *all = json_object_get(schema, "allOf");

    tell_required(self, schema);
    tell_alternatives(self, "exactly one", schema, "oneOf");
    tell_alternatives(self, "at least one", schema, "anyOf");
    tell_dependencies(self, json_object_get(schema, "dependencies"));
    tell_absence(self, json_object_get(schema, "not"));
    tell_condition(self, schema);
    for (size_t i = 0; depth < DEPTH_MAX && i < json_array_size(all); i++) {
        const json_t *part = json_array_get(all, i);

        if (hgh_schema_rules_is_rule(part)) { /* others are walked through by themselves */
            tell_all(self, part, depth + 1);
        }
    }
}

void hgh_schema_rules_add(hgh_text_builder *out,
                          const json_t *root,
                          const json_t *schema,
                          const char *path)
{
    teller self = {.out = out, .root = root, .path = path, .sentence = {.max = SENTENCE_MAX}};

    tell_all(&self, schema, 0);
    if (path[0] == '\0') {
        tell_root(&self, schema);
    }
    hgh_text_builder_done(&self.sentence);
}
