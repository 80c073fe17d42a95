/* host/cli/plugin_page.c - the part of a plugin's page that is made from the plugin itself. */
#include "host/cli/plugin_page.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "host/cli/markdown.h"
#include "host/cli/schema_rules.h"
#include "host/cli/schema_words.h"
#include "host/core/json_value.h"

#define DEPTH_MAX 24u          /* of members within one another; deeper ones have no rows */
#define WALKS_MAX 20000u       /* schemas of one description: references can multiply them */
#define PATH_MAX  4096u        /* bytes of "a.b[].c" */
#define PART_MAX  (4u << 20)   /* bytes of a table */
#define CELL_MAX  (256u << 10) /* bytes */
#define COLUMNS   4u

/* ----------------------------------------------------------------------------------- table */

/* One description on its way into rows and sentences. */
typedef struct table {
    const json_t *root;
    hgh_text_builder rows;
    hgh_text_builder rules;
    hgh_text_builder path;         /* of the member that is looked at */
    const json_t *open[DEPTH_MAX]; /* schemas that are looked at: a reference may lead back */
    unsigned depth;
    unsigned walks;
    json_t *seen; /* owned: rows that are there; alternatives may have the same members */
} table;

static void table_init(table *self, const json_t *root)
{
    *self = (table){
        .root = root,
        .rows = {.max = PART_MAX},
        .rules = {.max = PART_MAX},
        .path = {.max = PATH_MAX},
        .seen = json_object(),
    };
}

static void table_done(table *self)
{
    hgh_text_builder_done(&self->rows);
    hgh_text_builder_done(&self->rules);
    hgh_text_builder_done(&self->path);
    json_decref(self->seen);
}

static const char *path_of(const table *self)
{
    return hgh_text_builder_string(&self->path);
}

static void table_walk(table *self, const json_t *schema, bool is_member, bool tells);

/* APISIX's other way to say that a member is a secret: the root lists such paths. */
static bool is_listed_secret(const table *self)
{
    const json_t *paths = json_object_get(self->root, "encrypt_fields");

    for (size_t i = 0; i < json_array_size(paths); i++) {
        const char *path = json_string_value(json_array_get(paths, i));

        if (path != NULL && strcmp(path, path_of(self)) == 0) {
            return true;
        }
    }
    return false;
}

static void
cell_type(const table *self, hgh_text_builder *cell, const json_t *schema, bool required)
{
    const char *comma;

    hgh_schema_words_add(cell, self->root, schema, true);
    /* Of several parts, what follows is not for the last one alone. */
    comma = strstr(hgh_text_builder_string(cell), "; ") == NULL ? ", " : "; ";
    if (required) {
        hgh_text_builder_format(cell, "%srequired", comma);
    }
    if (is_listed_secret(self)) {
        hgh_text_builder_format(cell, "%ssecret", comma);
    }
}

static void add_sentence(hgh_text_builder *cell, const char *text)
{
    if (text != NULL && text[0] != '\0') {
        hgh_text_builder_add(cell, cell->length > 0 ? HG_TEXT(" ") : HG_TEXT(""));
        hgh_markdown_add_prose(cell, text);
    }
}

/* What the author says of it, and of each of its alternatives. */
static void cell_meaning(const table *self, hgh_text_builder *cell, const json_t *schema)
{
    static const char *const keywords[] = {"anyOf", "oneOf", "allOf"};
    const json_t *resolved = hgh_schema_words_resolve(self->root, schema);
    const json_t *example = json_array_get(json_object_get(resolved, "examples"), 0);

    add_sentence(cell, hgh_schema_words_description(self->root, schema));
    for (size_t i = 0; i < sizeof(keywords) / sizeof(keywords[0]); i++) {
        const json_t *list = json_object_get(resolved, keywords[i]);

        for (size_t j = 0; j < json_array_size(list); j++) {
            add_sentence(cell, hgh_schema_words_description(self->root, json_array_get(list, j)));
        }
    }
    if (example != NULL) {
        hgh_text_builder_add(cell, cell->length > 0 ? HG_TEXT(" ") : HG_TEXT(""));
        hgh_text_builder_add(cell, HG_TEXT("Example: "));
        hgh_markdown_add_json(cell, example);
    }
}

static void row_add(hgh_text_builder *out, const hgh_text_builder cells[COLUMNS])
{
    hgh_text_builder_add(out, HG_TEXT("|"));
    for (size_t i = 0; i < COLUMNS; i++) {
        const char *text = hgh_text_builder_string(&cells[i]);

        out->is_cut |= cells[i].is_cut;
        hgh_text_builder_format(out, text[0] == '\0' ? "%s |" : " %s |", text);
    }
    hgh_text_builder_add(out, HG_TEXT("\n"));
}

/* The row of the member at `path`, unless there is one like it. */
static void table_row(table *self, const json_t *schema, bool required)
{
    hgh_text_builder cells[COLUMNS] = {
        {.max = CELL_MAX}, {.max = CELL_MAX}, {.max = CELL_MAX}, {.max = CELL_MAX}};
    const json_t *resolved = hgh_schema_words_resolve(self->root, schema);
    const json_t *initial = json_object_get(schema, "default");
    hgh_text_builder row = {.max = PART_MAX};

    if (initial == NULL) {
        initial = json_object_get(resolved, "default");
    }
    hgh_markdown_add_code(&cells[0], path_of(self));
    cell_type(self, &cells[1], schema, required);
    if (initial != NULL) {
        hgh_markdown_add_json(&cells[2], initial);
    }
    cell_meaning(self, &cells[3], schema);
    row_add(&row, cells);
    if (json_object_get(self->seen, hgh_text_builder_string(&row)) == NULL) {
        hgh_text_builder_add(&self->rows, hg_text_of(hgh_text_builder_string(&row)));
        (void)json_object_set_new(self->seen, hgh_text_builder_string(&row), json_true());
    }
    self->rows.is_cut |= row.is_cut;
    hgh_text_builder_done(&row);
    for (size_t i = 0; i < COLUMNS; i++) {
        hgh_text_builder_done(&cells[i]);
    }
}

/* ------------------------------------------------------------------------------------ walk */

/* A row and what lies below it; `step` is added to the path for that time. */
static void
table_member(table *self, const char *step, const json_t *schema, bool required, bool has_row)
{
    size_t length = self->path.length;

    hgh_text_builder_add(&self->path, hg_text_of(step));
    if (has_row) {
        table_row(self, schema, required);
    }
    table_walk(self, schema, has_row, true);
    hgh_text_builder_cut(&self->path, length);
}

static bool is_required(const json_t *schema, const char *name)
{
    const json_t *names = json_object_get(schema, "required");

    for (size_t i = 0; i < json_array_size(names); i++) {
        const char *required = json_string_value(json_array_get(names, i));

        if (required != NULL && strcmp(required, name) == 0) {
            return true;
        }
    }
    return false;
}

static void walk_properties(table *self, const json_t *schema, const char *keyword)
{
    const char *dot = self->path.length > 0 ? "." : "";
    bool is_pattern = strcmp(keyword, "patternProperties") == 0;
    const char *name;
    json_t *member;

    json_object_foreach(hgh_json_unconst(json_object_get(schema, keyword)), name, member)
    {
        hgh_text_builder step = {.max = PATH_MAX};

        hgh_text_builder_format(&step, is_pattern ? "%s/%s/" : "%s%s", dot, name);
        table_member(self, hgh_text_builder_string(&step), member,
                     !is_pattern && is_required(schema, name), true);
        hgh_text_builder_done(&step);
    }
}

/* Elements and members without names have a row where their author says something of them; those of
 * a map in any case, unless a title says what they are: its type does not. */
static void walk_elements(table *self, const json_t *schema, bool is_member)
{
    const json_t *others = json_object_get(schema, "additionalProperties");
    const json_t *items = json_object_get(schema, "items");

    if (json_object_size(others) > 0) {
        table_member(
            self, self->path.length > 0 ? ".*" : "*", others, false,
            ((is_member || self->path.length == 0) && !hgh_schema_words_has_title(schema)) ||
                hgh_schema_words_description(self->root, others) != NULL);
    }
    if (json_is_object(items)) {
        table_member(self, "[]", items, false,
                     hgh_schema_words_description(self->root, items) != NULL);
    }
    for (size_t i = 0; i < json_array_size(items); i++) {
        const json_t *item = json_array_get(items, i);
        char step[24];

        (void)snprintf(step, sizeof(step), "[%zu]", i);
        table_member(self, step, item, false,
                     hgh_schema_words_description(self->root, item) != NULL);
    }
}

static void walk_combined(table *self, const json_t *schema, bool is_member)
{
    static const char *const keywords[] = {"anyOf", "oneOf", "allOf"};

    for (size_t i = 0; i < sizeof(keywords) / sizeof(keywords[0]); i++) {
        const json_t *list = json_object_get(schema, keywords[i]);
        bool is_all = strcmp(keywords[i], "allOf") == 0;

        for (size_t j = 0; j < json_array_size(list); j++) {
            const json_t *part = json_array_get(list, j);

            if (is_all ? !hgh_schema_rules_is_rule(part) : !hgh_schema_rules_are_presence(list)) {
                /* Those of alternatives at the root are told with them. */
                table_walk(self, part, is_member, is_all || self->path.length > 0);
            }
        }
    }
}

/* Rows of all that lies below a schema, and the rules of it. */
static void table_walk(table *self, const json_t *schema, bool is_member, bool tells)
{
    const json_t *resolved = hgh_schema_words_resolve(self->root, schema);

    for (unsigned i = 0; i < self->depth; i++) {
        if (self->open[i] == resolved) {
            return;
        }
    }
    if (self->depth == DEPTH_MAX || !json_is_object(resolved)) {
        return;
    }
    if (++self->walks > WALKS_MAX) {
        self->rows.is_cut = true;
        return;
    }
    self->open[self->depth++] = resolved;
    walk_properties(self, resolved, "properties");
    walk_properties(self, resolved, "patternProperties");
    walk_elements(self, resolved, is_member);
    walk_combined(self, resolved, is_member);
    if (tells) {
        hgh_schema_rules_add(&self->rules, self->root, resolved, path_of(self));
    }
    self->depth--;
}

/* ------------------------------------------------------------------------------------ page */

static void add_head(hgh_text_builder *out, const char *const columns[COLUMNS])
{
    hgh_text_builder_format(out, "| %s | %s | %s | %s |\n| --- | --- | --- | --- |\n", columns[0],
                            columns[1], columns[2], columns[3]);
}

/* `behind` is a sentence behind the rules; "": none. */
static void add_description(hgh_text_builder *out,
                            const char *heading,
                            const json_t *schema,
                            const char *behind)
{
    static const char *const columns[COLUMNS] = {"Attribute", "Type", "Default", "Meaning"};
    table self;

    table_init(&self, schema);
    table_walk(&self, schema, false, true);
    hgh_text_builder_format(out, "\n%s:", heading);
    if (self.rows.length > 0) {
        hgh_text_builder_add(out, HG_TEXT("\n\n"));
        add_head(out, columns);
        hgh_text_builder_add(out, hg_text_of(hgh_text_builder_string(&self.rows)));
    } else {
        hgh_text_builder_add(out, json_is_false(json_object_get(schema, "additionalProperties"))
                                      ? HG_TEXT(" an empty object.\n")
                                      : HG_TEXT(" any object.\n"));
    }
    if (self.rules.length > 0 || behind[0] != '\0') {
        hgh_text_builder_format(out, "\n%s%s%s\n", hgh_text_builder_string(&self.rules),
                                self.rules.length > 0 && behind[0] != '\0' ? " " : "", behind);
    }
    out->is_cut |= self.rows.is_cut || self.rules.is_cut || self.path.is_cut;
    table_done(&self);
}

static void add_metrics(hgh_text_builder *out, const json_t *metrics)
{
    static const char *const columns[COLUMNS] = {"Metric", "Kind", "Labels", "Meaning"};

    hgh_text_builder_add(out, HG_TEXT("\nMetrics:\n\n"));
    add_head(out, columns);
    for (size_t i = 0; i < json_array_size(metrics); i++) {
        const json_t *metric = json_array_get(metrics, i);
        const json_t *labels = json_object_get(metric, "labels");
        const char *name = json_string_value(json_object_get(metric, "name"));
        hgh_text_builder cells[COLUMNS] = {
            {.max = CELL_MAX}, {.max = CELL_MAX}, {.max = CELL_MAX}, {.max = CELL_MAX}};

        hgh_markdown_add_code(&cells[0], name == NULL ? "?" : name);
        add_sentence(&cells[1], json_string_value(json_object_get(metric, "kind")));
        for (size_t j = 0; j < json_array_size(labels); j++) {
            const char *label = json_string_value(json_array_get(labels, j));

            hgh_text_builder_add(&cells[2], j > 0 ? HG_TEXT(", ") : HG_TEXT(""));
            hgh_markdown_add_code(&cells[2], label == NULL ? "?" : label);
        }
        add_sentence(&cells[3], json_string_value(json_object_get(metric, "summary")));
        row_add(out, cells);
        for (size_t j = 0; j < COLUMNS; j++) {
            hgh_text_builder_done(&cells[j]);
        }
    }
}

static bool has_flag(const json_t *description, const char *flag)
{
    const json_t *flags = json_object_get(description, "flags");

    for (size_t i = 0; i < json_array_size(flags); i++) {
        const char *name = json_string_value(json_array_get(flags, i));

        if (name != NULL && strcmp(name, flag) == 0) {
            return true;
        }
    }
    return false;
}

/* "Priority 2520, phases rewrite and log. It identifies consumers." */
static void add_first_line(hgh_text_builder *out, const json_t *description)
{
    static const struct {
        const char *flag;
        const char *words;
    } flags[] = {{"auth", " It identifies consumers."},
                 {"waits", " It may let requests wait."},
                 {"prefer_route", " On a route it takes the place of itself in global rules."},
                 {"strict", " Attributes that are not listed are refused."}};
    const json_t *phases = json_object_get(description, "phases");
    size_t count = json_array_size(phases);

    hgh_text_builder_format(out, "Priority %" JSON_INTEGER_FORMAT ", %s",
                            json_integer_value(json_object_get(description, "priority")),
                            count == 0   ? "no phases"
                            : count == 1 ? "phase "
                                         : "phases ");
    for (size_t i = 0; i < count; i++) {
        const char *phase = json_string_value(json_array_get(phases, i));

        if (i > 0) {
            hgh_text_builder_add(out, i + 1 == count ? HG_TEXT(" and ") : HG_TEXT(", "));
        }
        hgh_markdown_add_prose(out, phase == NULL ? "?" : phase);
    }
    hgh_text_builder_add(out, HG_TEXT("."));
    for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
        if (has_flag(description, flags[i].flag)) {
            hgh_text_builder_add(out, hg_text_of(flags[i].words));
        }
    }
    hgh_text_builder_add(out, HG_TEXT("\n"));
}

/* "`key` holds ..." about a member that the descriptor names; "" if it names none. */
static void name_sentence(hgh_text_builder *out,
                          const json_t *description,
                          const char *member,
                          const char *before,
                          const char *behind)
{
    const char *name = json_string_value(json_object_get(description, member));

    if (name != NULL) {
        hgh_text_builder_add(out, hg_text_of(before));
        hgh_markdown_add_code(out, name);
        hgh_text_builder_add(out, hg_text_of(behind));
    }
}

/* A description whose place is named after the plugin. */
static void add_named(hgh_text_builder *out,
                      const json_t *description,
                      const char *heading,
                      const char *place,
                      const json_t *schema)
{
    const char *name = json_string_value(json_object_get(description, "name"));
    hgh_text_builder whole = {.max = CELL_MAX};
    hgh_text_builder code = {.max = CELL_MAX};

    hgh_text_builder_format(&code, "%s%s", place, name == NULL ? "?" : name);
    hgh_text_builder_add(&whole, hg_text_of(heading));
    hgh_markdown_add_code(&whole, hgh_text_builder_string(&code));
    add_description(out, hgh_text_builder_string(&whole), schema, "");
    hgh_text_builder_done(&code);
    hgh_text_builder_done(&whole);
}

void hgh_plugin_page_write(hgh_text_builder *out, const json_t *description)
{
    const json_t *consumer = json_object_get(description, "consumer_schema");
    const json_t *metadata = json_object_get(description, "metadata_schema");
    const json_t *attributes = json_object_get(description, "attributes_schema");
    const json_t *metrics = json_object_get(description, "metrics");
    hgh_text_builder sentence = {.max = CELL_MAX};

    add_first_line(out, description);
    name_sentence(&sentence, description, "delegates", "",
                  " holds configurations of other plugins, which are judged as theirs.");
    add_description(out,
                    consumer == NULL
                        ? "Configuration"
                        : "Configuration on a route, a service, a plugin config or a global rule",
                    json_object_get(description, "schema"), hgh_text_builder_string(&sentence));
    if (consumer != NULL) {
        hgh_text_builder_cut(&sentence, 0);
        name_sentence(&sentence, description, "key", "The consumer is found by its ", ".");
        add_description(out, "Configuration on a consumer or a credential", consumer,
                        hgh_text_builder_string(&sentence));
    }
    hgh_text_builder_done(&sentence);
    if (metadata != NULL) {
        add_named(out, description, "Metadata, ", "plugin_metadata/", metadata);
    }
    if (attributes != NULL) {
        add_named(out, description, "In `config.yaml`, ", "plugin_attr.", attributes);
    }
    if (json_array_size(metrics) > 0) {
        add_metrics(out, metrics);
    }
}
