/* host/control/yaml.c - YAML text to JSON values, with the place of each value in the text. */
#include "host/control/yaml.h"

#include <errno.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <yaml.h>

#include "host/core/issues.h"

#define POINTER_MAX_BYTES 2048u /* a longer pointer is cut: its place is then the one around it */
#define NODE_BYTES        64u   /* about what a value costs beside its text */
#define TAG_PREFIX        "tag:yaml.org,2002:"

struct hgh_yaml_marks {
    json_t *index; /* pointer -> position in items */
    size_t count;
    size_t capacity;
    hgh_yaml_mark *items;
};

typedef struct anchor {
    char *name;
    json_t *value; /* NULL while it is being read: an alias inside would be endless */
    size_t weight; /* bytes it stands for, aliases in it included */
} anchor;

typedef struct composer {
    yaml_parser_t parser;
    const char *text;
    size_t length;
    size_t anchor_count;
    size_t anchor_capacity;
    anchor *anchors;
    size_t weight;         /* bytes composed so far */
    size_t repeated;       /* of these by aliases */
    hgh_yaml_marks *marks; /* NULL: not wanted */
    size_t known_index;    /* a character position and its byte: where counting goes on */
    size_t known_byte;
    unsigned depth;
    size_t pointer_length;
    char pointer[POINTER_MAX_BYTES];
    hg_error *err;
} composer;

static hg_status complain_at(composer *self, hg_status status, yaml_mark_t mark, const char *text)
{
    return hg_error_set(self->err, status, "%zu:%zu: %s", mark.line + 1, mark.column + 1, text);
}

static hg_status no_memory(composer *self)
{
    return hg_error_set(self->err, HG_ERR_NO_MEMORY, "out of memory");
}

/* libyaml counts characters; editing a file needs bytes. */
static size_t byte_of(composer *self, size_t index)
{
    if (index < self->known_index) {
        self->known_index = 0;
        self->known_byte = 0;
    }
    while (self->known_index < index && self->known_byte < self->length) {
        self->known_byte++;
        while (self->known_byte < self->length &&
               ((unsigned char)self->text[self->known_byte] & 0xc0u) == 0x80u) {
            self->known_byte++;
        }
        self->known_index++;
    }
    return self->known_byte;
}

static hg_status marks_add(composer *self, const yaml_event_t *event, const yaml_mark_t *key)
{
    hgh_yaml_marks *marks = self->marks;
    hgh_yaml_mark *mark;

    if (marks == NULL) {
        return HG_OK;
    }
    if (marks->count == marks->capacity) {
        size_t capacity = marks->capacity == 0 ? 64 : marks->capacity * 2;
        hgh_yaml_mark *items = reallocarray(marks->items, capacity, sizeof(*items));

        if (items == NULL) {
            return no_memory(self);
        }
        marks->items = items;
        marks->capacity = capacity;
    }
    if (json_object_set_new(marks->index, self->pointer, json_integer((json_int_t)marks->count)) !=
        0) {
        return no_memory(self);
    }
    mark = &marks->items[marks->count++];
    *mark = (hgh_yaml_mark){
        .line = (unsigned)event->start_mark.line + 1,
        .column = (unsigned)event->start_mark.column + 1,
        .key_line = (unsigned)(key == NULL ? event->start_mark.line : key->line) + 1,
        .key_column = (unsigned)(key == NULL ? event->start_mark.column : key->column) + 1,
        .start = byte_of(self, event->start_mark.index),
        .end = byte_of(self, event->end_mark.index),
        .flow = (event->type == YAML_MAPPING_START_EVENT &&
                 event->data.mapping_start.style == YAML_FLOW_MAPPING_STYLE) ||
                (event->type == YAML_SEQUENCE_START_EVENT &&
                 event->data.sequence_start.style == YAML_FLOW_SEQUENCE_STYLE),
    };
    return HG_OK;
}

/* The end of a flow collection is known only once it has been read. */
static void marks_end(composer *self, size_t number, const yaml_event_t *end)
{
    if (self->marks != NULL && self->marks->items[number].flow) {
        self->marks->items[number].end = byte_of(self, end->end_mark.index);
    }
}

static hg_status next_event(composer *self, yaml_event_t *event)
{
    yaml_mark_t mark;

    if (yaml_parser_parse(&self->parser, event) != 0) {
        return HG_OK;
    }
    memset(event, 0, sizeof(*event));
    if (self->parser.error == YAML_MEMORY_ERROR) {
        return no_memory(self);
    }
    mark = self->parser.problem_mark;
    if (self->parser.error == YAML_READER_ERROR) { /* it has an offset, no mark */
        mark = (yaml_mark_t){0};
        for (size_t i = 0; i < self->parser.problem_offset && i < self->length; i++) {
            mark.line += self->text[i] == '\n' ? 1 : 0;
            mark.column = self->text[i] == '\n' ? 0 : mark.column + 1;
        }
    }
    if (self->parser.context != NULL) {
        return hg_error_set(self->err, HG_ERR_INVALID, "%zu:%zu: %s (%s)", mark.line + 1,
                            mark.column + 1, self->parser.problem, self->parser.context);
    }
    return complain_at(self, HG_ERR_INVALID, mark, self->parser.problem);
}

static bool is_one_of(const char *text, const char *const *words, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(text, words[i]) == 0) {
            return true;
        }
    }
    return false;
}

static bool is_null(const char *text)
{
    static const char *const words[] = {"", "~", "null", "Null", "NULL"};

    return is_one_of(text, words, sizeof(words) / sizeof(words[0]));
}

static bool is_true(const char *text)
{
    static const char *const words[] = {"true", "True", "TRUE"};

    return is_one_of(text, words, sizeof(words) / sizeof(words[0]));
}

static bool is_false(const char *text)
{
    static const char *const words[] = {"false", "False", "FALSE"};

    return is_one_of(text, words, sizeof(words) / sizeof(words[0]));
}

static bool is_not_finite(const char *text)
{
    static const char *const words[] = {".inf", ".Inf", ".INF", ".nan", ".NaN", ".NAN"};

    return is_one_of(text + (text[0] == '-' || text[0] == '+' ? 1 : 0), words,
                     sizeof(words) / sizeof(words[0]));
}

static size_t skip_digits(const char *text, size_t at, const char *digits)
{
    return at + strspn(text + at, digits);
}

/* The base of an integer of the core schema, and where its digits begin; 0: it is none. */
static int integer_base(const char *text, const char **out_digits)
{
    static const struct {
        const char *prefix;
        const char *digits;
        int base;
    } forms[] = {
        {"0o", "01234567", 8},   {"0x", "0123456789abcdefABCDEF", 16},
        {"-", "0123456789", 10}, {"+", "0123456789", 10},
        {"", "0123456789", 10},
    };

    for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
        size_t prefix = strlen(forms[i].prefix);
        size_t end;

        if (strncmp(text, forms[i].prefix, prefix) != 0) {
            continue;
        }
        end = skip_digits(text, prefix, forms[i].digits);
        if (end > prefix && text[end] == '\0') {
            *out_digits = forms[i].base == 10 ? text : text + prefix;
            return forms[i].base;
        }
    }
    return 0;
}

/* [-+]? ( \. [0-9]+ | [0-9]+ ( \. [0-9]* )? ) ( [eE] [-+]? [0-9]+ )?   YAML 1.2.2, 10.3.2 */
static bool is_float(const char *text)
{
    static const char digits[] = "0123456789";
    size_t at = text[0] == '-' || text[0] == '+' ? 1 : 0;
    size_t whole = skip_digits(text, at, digits);
    size_t end = whole;

    if (text[end] == '.') {
        end = skip_digits(text, end + 1, digits);
        if (whole == at && end == whole + 1) {
            return false; /* a point alone */
        }
    } else if (whole == at) {
        return false;
    }
    if (text[end] == 'e' || text[end] == 'E') {
        size_t exponent = end + 1;

        exponent += text[exponent] == '-' || text[exponent] == '+' ? 1 : 0;
        end = skip_digits(text, exponent, digits);
        if (end == exponent) {
            return false;
        }
    }
    return text[end] == '\0';
}

static hg_status number_of(composer *self, const yaml_event_t *event, json_t **out_value)
{
    const char *text = (const char *)event->data.scalar.value;
    const char *digits = text;
    int base = integer_base(text, &digits);
    char *end = NULL;

    errno = 0;
    if (base != 0) {
        long long number = strtoll(digits, &end, base);

        if (errno != 0) {
            return complain_at(self, HG_ERR_INVALID, event->start_mark,
                               "this number does not fit 64 bits; quote it if it is text");
        }
        *out_value = json_integer((json_int_t)number);
        return HG_OK;
    }
    if (is_float(text)) {
        double number = strtod(text, &end);

        if (isinf(number)) {
            return complain_at(self, HG_ERR_INVALID, event->start_mark,
                               "this number is too large; quote it if it is text");
        }
        *out_value = json_real(number);
        return HG_OK;
    }
    if (is_not_finite(text)) {
        return complain_at(self, HG_ERR_INVALID, event->start_mark,
                           "infinity and NaN have no place in JSON; quote it if it is text");
    }
    *out_value = NULL; /* not a number */
    return HG_OK;
}

static hg_status text_of(composer *self, const yaml_event_t *event, json_t **out_value)
{
    const char *text = (const char *)event->data.scalar.value;
    size_t length = event->data.scalar.length;

    if (memchr(text, '\0', length) != NULL) {
        return complain_at(self, HG_ERR_INVALID, event->start_mark, "text with a NUL character");
    }
    *out_value = json_stringn(text, length);
    return *out_value == NULL ? no_memory(self) : HG_OK;
}

/* A tag decides; else quotes make text, and a plain scalar is what it looks like. */
static hg_status scalar_of(composer *self, const yaml_event_t *event, json_t **out_value)
{
    const char *text = (const char *)event->data.scalar.value;
    const char *tag = (const char *)event->data.scalar.tag;
    bool plain = event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
    json_t *value = NULL;
    hg_status status;

    if (tag != NULL && strncmp(tag, TAG_PREFIX, sizeof(TAG_PREFIX) - 1) == 0) {
        tag += sizeof(TAG_PREFIX) - 1;
    }
    if ((tag == NULL && !plain) ||
        (tag != NULL && is_one_of(tag, (const char *[]){"!", "str"}, 2))) {
        return text_of(self, event, out_value);
    }
    if (tag != NULL && !is_one_of(tag, (const char *[]){"null", "bool", "int", "float"}, 4)) {
        return complain_at(self, HG_ERR_INVALID, event->start_mark, "this tag is not known here");
    }
    if (is_null(text)) {
        value = json_null();
    } else if (is_true(text) || is_false(text)) {
        value = json_boolean(is_true(text));
    } else {
        status = number_of(self, event, &value);
        if (status != HG_OK) {
            return status;
        }
    }
    if (tag != NULL && (value == NULL || (strcmp(tag, "null") == 0 && !json_is_null(value)) ||
                        (strcmp(tag, "bool") == 0 && !json_is_boolean(value)) ||
                        (strcmp(tag, "int") == 0 && !json_is_integer(value)) ||
                        (strcmp(tag, "float") == 0 && !json_is_number(value)))) {
        json_decref(value);
        return complain_at(self, HG_ERR_INVALID, event->start_mark, "the value is not of its tag");
    }
    if (value == NULL) {
        return text_of(self, event, out_value);
    }
    *out_value = value;
    return HG_OK;
}

static hg_status anchor_add(composer *self, const yaml_char_t *name, size_t *out_number)
{
    if (self->anchor_count == self->anchor_capacity) {
        size_t capacity = self->anchor_capacity == 0 ? 16 : self->anchor_capacity * 2;
        anchor *anchors = reallocarray(self->anchors, capacity, sizeof(*anchors));

        if (anchors == NULL) {
            return no_memory(self);
        }
        self->anchors = anchors;
        self->anchor_capacity = capacity;
    }
    self->anchors[self->anchor_count] = (anchor){.name = strdup((const char *)name)};
    if (self->anchors[self->anchor_count].name == NULL) {
        return no_memory(self);
    }
    *out_number = self->anchor_count++;
    return HG_OK;
}

/* The latest anchor of a name counts (YAML 1.2.2, 7.1). Values are shared, not copied; what limits
 * them is what a walk over them would cost. */
static hg_status alias_of(composer *self, const yaml_event_t *event, json_t **out_value)
{
    const char *name = (const char *)event->data.alias.anchor;

    for (size_t i = self->anchor_count; i-- > 0;) {
        const anchor *known = &self->anchors[i];

        if (strcmp(known->name, name) != 0) {
            continue;
        }
        if (known->value == NULL) {
            return complain_at(self, HG_ERR_INVALID, event->start_mark,
                               "this alias stands inside the value that it names");
        }
        self->weight += known->weight;
        self->repeated += known->weight;
        if (self->repeated > HGH_YAML_ALIAS_MAX_BYTES) {
            return hg_error_set(self->err, HG_ERR_TOO_LARGE,
                                "%zu:%zu: the aliases repeat more than %u MiB",
                                event->start_mark.line + 1, event->start_mark.column + 1,
                                HGH_YAML_ALIAS_MAX_BYTES >> 20);
        }
        *out_value = json_incref(known->value);
        return HG_OK;
    }
    return hg_error_set(self->err, HG_ERR_INVALID, "%zu:%zu: no anchor has the name \"%s\"",
                        event->start_mark.line + 1, event->start_mark.column + 1, name);
}

static hg_status
compose(composer *self, const yaml_event_t *event, const yaml_mark_t *key, json_t **out_value);

static hg_status compose_list(composer *self, json_t *list, yaml_event_t *end)
{
    size_t parent_length = self->pointer_length;

    for (size_t i = 0;; i++) {
        yaml_event_t event;
        json_t *value = NULL;
        char number[24];
        hg_status status = next_event(self, &event);

        if (status != HG_OK) {
            return status;
        }
        if (event.type == YAML_SEQUENCE_END_EVENT) {
            *end = event;
            return HG_OK;
        }
        (void)snprintf(number, sizeof(number), "%zu", i);
        self->pointer_length =
            hgh_pointer_append(self->pointer, parent_length, sizeof(self->pointer), number);
        status = compose(self, &event, NULL, &value);
        yaml_event_delete(&event);
        self->pointer_length = parent_length;
        self->pointer[parent_length] = '\0';
        if (status == HG_OK && json_array_append_new(list, value) != 0) {
            status = no_memory(self);
        }
        if (status != HG_OK) {
            return status;
        }
    }
}

static hg_status check_key(composer *self, const json_t *mapping, const yaml_event_t *event)
{
    const char *key = (const char *)event->data.scalar.value;

    if (event->type != YAML_SCALAR_EVENT) {
        return complain_at(self, HG_ERR_INVALID, event->start_mark,
                           "a key must be text, not a mapping, a list or an alias");
    }
    if (strlen(key) != event->data.scalar.length) {
        return complain_at(self, HG_ERR_INVALID, event->start_mark, "a key with a NUL character");
    }
    if (strcmp(key, "<<") == 0 && event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE) {
        return complain_at(self, HG_ERR_INVALID, event->start_mark,
                           "merge keys (<<) are not part of YAML 1.2: write the keys out");
    }
    if (json_object_get(mapping, key) != NULL) {
        return hg_error_set(self->err, HG_ERR_INVALID, "%zu:%zu: the key \"%s\" is there twice",
                            event->start_mark.line + 1, event->start_mark.column + 1, key);
    }
    return HG_OK;
}

/* Reads the value behind a key that has just been read. */
static hg_status compose_member(composer *self, json_t *mapping, const yaml_event_t *key_event)
{
    const char *key = (const char *)key_event->data.scalar.value;
    size_t parent_length = self->pointer_length;
    json_t *value = NULL;
    yaml_event_t event;
    hg_status status = next_event(self, &event);

    if (status != HG_OK) {
        return status;
    }
    self->pointer_length =
        hgh_pointer_append(self->pointer, parent_length, sizeof(self->pointer), key);
    status = compose(self, &event, &key_event->start_mark, &value);
    yaml_event_delete(&event);
    self->pointer_length = parent_length;
    self->pointer[parent_length] = '\0';
    self->weight += key_event->data.scalar.length;
    if (status == HG_OK && json_object_set_new(mapping, key, value) != 0) {
        status = no_memory(self);
    }
    return status;
}

static hg_status compose_mapping(composer *self, json_t *mapping, yaml_event_t *end)
{
    for (;;) {
        yaml_event_t event;
        hg_status status = next_event(self, &event);

        if (status != HG_OK) {
            return status;
        }
        if (event.type == YAML_MAPPING_END_EVENT) {
            *end = event;
            return HG_OK;
        }
        status = check_key(self, mapping, &event);
        if (status == HG_OK) {
            status = compose_member(self, mapping, &event);
        }
        yaml_event_delete(&event);
        if (status != HG_OK) {
            return status;
        }
    }
}

/* A list or a mapping: its start has been read. */
static hg_status compose_collection(composer *self, const yaml_event_t *event, json_t **out_value)
{
    bool is_list = event->type == YAML_SEQUENCE_START_EVENT;
    const char *tag =
        (const char *)(is_list ? event->data.sequence_start.tag : event->data.mapping_start.tag);
    size_t mark_number = self->marks == NULL ? 0 : self->marks->count - 1;
    yaml_event_t end = {0};
    json_t *value;
    hg_status status;

    if (tag != NULL && strcmp(tag, is_list ? TAG_PREFIX "seq" : TAG_PREFIX "map") != 0) {
        return complain_at(self, HG_ERR_INVALID, event->start_mark, "this tag is not known here");
    }
    if (self->depth == HGH_YAML_DEPTH_MAX) {
        return hg_error_set(self->err, HG_ERR_TOO_LARGE, "%zu:%zu: nested more than %u deep",
                            event->start_mark.line + 1, event->start_mark.column + 1,
                            HGH_YAML_DEPTH_MAX);
    }
    value = is_list ? json_array() : json_object();
    if (value == NULL) {
        return no_memory(self);
    }
    self->depth++;
    status = is_list ? compose_list(self, value, &end) : compose_mapping(self, value, &end);
    self->depth--;
    if (status != HG_OK) {
        json_decref(value);
        return status;
    }
    marks_end(self, mark_number, &end);
    yaml_event_delete(&end);
    *out_value = value;
    return HG_OK;
}

static const yaml_char_t *anchor_of(const yaml_event_t *event)
{
    if (event->type == YAML_SCALAR_EVENT) {
        return event->data.scalar.anchor;
    }
    return event->type == YAML_SEQUENCE_START_EVENT ? event->data.sequence_start.anchor
                                                    : event->data.mapping_start.anchor;
}

static hg_status
compose(composer *self, const yaml_event_t *event, const yaml_mark_t *key, json_t **out_value)
{
    size_t weight_before = self->weight;
    size_t number = 0;
    bool is_alias = event->type == YAML_ALIAS_EVENT;
    bool is_anchored = !is_alias && anchor_of(event) != NULL;
    hg_status status = marks_add(self, event, key);

    if (status == HG_OK && is_anchored) {
        status = anchor_add(self, anchor_of(event), &number);
    }
    if (status != HG_OK) {
        return status;
    }
    self->weight += NODE_BYTES;
    if (is_alias) {
        status = alias_of(self, event, out_value);
    } else if (event->type == YAML_SCALAR_EVENT) {
        self->weight += event->data.scalar.length;
        status = scalar_of(self, event, out_value);
    } else {
        status = compose_collection(self, event, out_value);
    }
    if (status == HG_OK && is_anchored) {
        self->anchors[number].value = json_incref(*out_value);
        self->anchors[number].weight = self->weight - weight_before;
    }
    return status;
}

/* The events around the one document. */
static hg_status compose_stream(composer *self, json_t **out_value)
{
    json_t *value = NULL;
    bool done = false;
    hg_status status = HG_OK;

    while (status == HG_OK && !done) {
        yaml_event_t event;

        status = next_event(self, &event);
        if (status != HG_OK) {
            break;
        }
        if (event.type == YAML_STREAM_END_EVENT) {
            done = true;
        } else if (event.type == YAML_DOCUMENT_START_EVENT && value != NULL) {
            status = complain_at(self, HG_ERR_INVALID, event.start_mark,
                                 "a second document begins; one is wanted");
        } else if (event.type != YAML_STREAM_START_EVENT &&
                   event.type != YAML_DOCUMENT_START_EVENT &&
                   event.type != YAML_DOCUMENT_END_EVENT) {
            status = compose(self, &event, NULL, &value);
        }
        yaml_event_delete(&event);
    }
    if (status != HG_OK) {
        json_decref(value);
        return status;
    }
    *out_value = value == NULL ? json_null() : value;
    return HG_OK;
}

static hgh_yaml_marks *marks_new(void)
{
    hgh_yaml_marks *marks = calloc(1, sizeof(*marks));

    if (marks != NULL) {
        marks->index = json_object();
        if (marks->index == NULL) {
            free(marks);
            marks = NULL;
        }
    }
    return marks;
}

hg_status hgh_yaml_parse(
    const char *text, size_t length, json_t **out_value, hgh_yaml_marks **out_marks, hg_error *err)
{
    composer self = {.text = text, .length = length, .err = err};
    hg_status status;

    if (yaml_parser_initialize(&self.parser) == 0) {
        return no_memory(&self);
    }
    if (out_marks != NULL) {
        self.marks = marks_new();
        if (self.marks == NULL) {
            status = no_memory(&self);
            goto cleanup;
        }
    }
    yaml_parser_set_encoding(&self.parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&self.parser, (const unsigned char *)text, length);
    status = compose_stream(&self, out_value);
    if (status == HG_OK && out_marks != NULL) {
        *out_marks = self.marks;
        self.marks = NULL;
    }

cleanup:
    for (size_t i = 0; i < self.anchor_count; i++) {
        free(self.anchors[i].name);
        json_decref(self.anchors[i].value);
    }
    free(self.anchors);
    hgh_yaml_marks_free(self.marks);
    yaml_parser_delete(&self.parser);
    return status;
}

const hgh_yaml_mark *hgh_yaml_find(const hgh_yaml_marks *marks, const char *pointer)
{
    const json_t *number = json_object_get(marks->index, pointer);

    return number == NULL ? NULL : &marks->items[json_integer_value(number)];
}

const hgh_yaml_mark *hgh_yaml_locate(const hgh_yaml_marks *marks, const char *pointer)
{
    char around[POINTER_MAX_BYTES];
    size_t length = strnlen(pointer, sizeof(around) - 1);

    memcpy(around, pointer, length);
    around[length] = '\0';
    for (;;) {
        const hgh_yaml_mark *mark = hgh_yaml_find(marks, around);
        char *slash;

        if (mark != NULL) {
            return mark;
        }
        slash = strrchr(around, '/');
        if (slash == NULL) {
            return NULL;
        }
        *slash = '\0';
    }
}

void hgh_yaml_marks_free(hgh_yaml_marks *marks)
{
    if (marks == NULL) {
        return;
    }
    json_decref(marks->index);
    free(marks->items);
    free(marks);
}

#define VARIABLE_OPEN     "${{"
#define VARIABLE_CLOSE    "}}"
#define VARIABLE_DEFAULT  ":="
#define VARIABLE_NAME_MAX 255u /* bytes */

static bool is_name_character(char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
}

/* What stands between ${{ and }}: NAME or NAME:=default, with blanks around. */
static hg_status expand_variable(const char *inner, size_t length, FILE *out, hg_error *err)
{
    char name[VARIABLE_NAME_MAX + 1];
    const char *value;
    size_t name_length;
    size_t at;

    while (length > 0 && inner[0] == ' ') {
        inner++;
        length--;
    }
    while (length > 0 && inner[length - 1] == ' ') {
        length--;
    }
    name_length = 0;
    while (name_length < length && is_name_character(inner[name_length])) {
        name_length++;
    }
    at = name_length;
    if (name_length == 0 || name_length > VARIABLE_NAME_MAX ||
        (at < length && (length - at < 2 || strncmp(inner + at, VARIABLE_DEFAULT, 2) != 0))) {
        return hg_error_set(err, HG_ERR_INVALID,
                            "found ${{%.*s}}, wanted ${{NAME}} or ${{NAME:=default}}", (int)length,
                            inner);
    }
    memcpy(name, inner, name_length);
    name[name_length] = '\0';
    value = getenv(name);
    if (value != NULL && strpbrk(value, "\r\n") != NULL) {
        return hg_error_set(err, HG_ERR_INVALID,
                            "the environment variable %s holds a line break, which would change "
                            "the meaning of the lines below",
                            name);
    }
    if (value != NULL) {
        (void)fputs(value, out);
        return HG_OK;
    }
    if (at == length) {
        return hg_error_set(err, HG_ERR_INVALID,
                            "the environment variable %s is not set, and ${{%s}} gives no default",
                            name, name);
    }
    (void)fwrite(inner + at + 2, 1, length - at - 2, out);
    return HG_OK;
}

static hg_status
expand_line(const char *line, size_t length, unsigned number, FILE *out, hg_error *err)
{
    size_t at = 0;

    while (at < length && (line[at] == ' ' || line[at] == '\t')) {
        at++;
    }
    if (at < length && line[at] == '#') {
        (void)fwrite(line, 1, length, out);
        return HG_OK;
    }
    (void)fwrite(line, 1, at, out);
    for (;;) {
        hg_error inner_err = HG_ERROR_INIT;
        const char *open = memmem(line + at, length - at, VARIABLE_OPEN, 3);
        const char *close;
        const char *inner;
        hg_status status;

        if (open == NULL) {
            (void)fwrite(line + at, 1, length - at, out);
            return HG_OK;
        }
        inner = open + 3;
        close = memmem(inner, length - (size_t)(inner - line), VARIABLE_CLOSE, 2);
        if (close == NULL) {
            return hg_error_set(err, HG_ERR_INVALID, "%u:%zu: ${{ without }} on the same line",
                                number, (size_t)(open - line) + 1);
        }
        (void)fwrite(line + at, 1, (size_t)(open - line) - at, out);
        status = expand_variable(inner, (size_t)(close - inner), out, &inner_err);
        if (status != HG_OK) {
            return hg_error_set(err, status, "%u:%zu: %s", number, (size_t)(open - line) + 1,
                                inner_err.text);
        }
        at = (size_t)(close - line) + 2;
    }
}

hg_status
hgh_yaml_expand(const char *text, size_t length, char **out_text, size_t *out_length, hg_error *err)
{
    char *expanded = NULL;
    size_t expanded_length = 0;
    size_t at = 0;
    hg_status status = HG_OK;
    FILE *out = open_memstream(&expanded, &expanded_length);

    if (out == NULL) {
        return hg_error_set(err, HG_ERR_NO_MEMORY, "out of memory");
    }
    for (unsigned number = 1; status == HG_OK && at < length; number++) {
        const char *newline = memchr(text + at, '\n', length - at);
        size_t end = newline == NULL ? length : (size_t)(newline - text) + 1;

        status = expand_line(text + at, end - at, number, out, err);
        at = end;
    }
    if (ferror(out) != 0 && status == HG_OK) {
        status = hg_error_set(err, HG_ERR_NO_MEMORY, "out of memory");
    }
    if (fclose(out) != 0 && status == HG_OK) {
        status = hg_error_set(err, HG_ERR_NO_MEMORY, "out of memory");
    }
    if (status != HG_OK) {
        free(expanded);
        return status;
    }
    *out_text = expanded;
    *out_length = expanded_length;
    return HG_OK;
}
