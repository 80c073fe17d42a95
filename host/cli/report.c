/* host/cli/report.c - an answer of the Admin API for people. */
#include "host/cli/report.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define COLUMNS_MAX 24u  /* of a table; further ones are left out */
#define CELL_MAX    512u /* bytes of one value; a longer one is cut */
#define HASH_LENGTH 64u  /* a SHA-256 as hexadecimal text */
#define HASH_SHOWN  12u  /* of it, enough to tell two objects apart */
#define KEY_COLUMN  "name"

typedef struct table {
    const char *columns[COLUMNS_MAX];
    size_t widths[COLUMNS_MAX];
    size_t count;
} table;

static bool is_hash(const char *text)
{
    return strlen(text) == HASH_LENGTH && strspn(text, "0123456789abcdef") == HASH_LENGTH;
}

/* Characters of UTF-8 text: what padding must count. */
static size_t width_of(const char *text)
{
    size_t width = 0;

    for (const char *at = text; *at != '\0'; at++) {
        width += ((unsigned char)*at & 0xc0u) == 0x80u ? 0 : 1;
    }
    return width;
}

static char clean_of(char c)
{
    return (unsigned char)c < 0x20 || c == 0x7f ? ' ' : c;
}

/* Text from the gateway must not steer the terminal. */
static void clean(char *text)
{
    for (char *at = text; *at != '\0'; at++) {
        *at = clean_of(*at);
    }
}

void hgh_report_put(FILE *out, const char *text)
{
    for (const char *at = text; *at != '\0'; at++) {
        (void)fputc(clean_of(*at), out);
    }
}

static void format_other(const json_t *value, char cell[CELL_MAX])
{
    char *json = json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT);

    (void)snprintf(cell, CELL_MAX, "%s", json == NULL ? "?" : json);
    free(json);
}

static void format_cell(const json_t *value, char cell[CELL_MAX])
{
    cell[0] = '\0';
    if (value == NULL || json_is_null(value)) {
        (void)snprintf(cell, CELL_MAX, "-");
    } else if (json_is_string(value)) {
        const char *text = json_string_value(value);

        (void)snprintf(cell, CELL_MAX, "%.*s", is_hash(text) ? (int)HASH_SHOWN : (int)CELL_MAX,
                       text[0] == '\0' ? "-" : text);
    } else if (json_is_boolean(value)) {
        (void)snprintf(cell, CELL_MAX, "%s", json_is_true(value) ? "yes" : "no");
    } else if (json_is_array(value) && json_array_size(value) == 0) {
        (void)snprintf(cell, CELL_MAX, "-");
    } else if (json_is_array(value) && json_is_string(json_array_get(value, 0))) {
        for (size_t i = 0; i < json_array_size(value); i++) {
            const char *text = json_string_value(json_array_get(value, i));
            size_t length = strlen(cell);

            (void)snprintf(cell + length, CELL_MAX - length, "%s%s", i == 0 ? "" : ", ",
                           text == NULL ? "?" : text);
        }
    } else {
        format_other(value, cell);
    }
    clean(cell);
}

static void widen(table *self, const char *column, size_t width)
{
    size_t i = 0;

    while (i < self->count && strcmp(self->columns[i], column) != 0) {
        i++;
    }
    if (i == COLUMNS_MAX) {
        return;
    }
    if (i == self->count) {
        self->columns[self->count] = column;
        self->widths[self->count++] = width_of(column);
    }
    if (width > self->widths[i]) {
        self->widths[i] = width;
    }
}

static void measure_row(table *self, json_t *row)
{
    const char *key;
    json_t *value;

    json_object_foreach(row, key, value)
    {
        char cell[CELL_MAX];

        format_cell(value, cell);
        widen(self, key, width_of(cell));
    }
}

/* The last cell of a line is not padded. */
static void print_cell(FILE *out, const table *self, size_t column, const char *cell)
{
    size_t width = width_of(cell);

    (void)fputs(cell, out);
    if (column + 1 < self->count) {
        (void)fprintf(out, "%*s", (int)(self->widths[column] - width + 2), "");
    } else {
        (void)fputc('\n', out);
    }
}

static void print_row(FILE *out, const table *self, const char *name, const json_t *row)
{
    for (size_t i = 0; i < self->count; i++) {
        char cell[CELL_MAX];

        if (i == 0 && name != NULL) {
            (void)snprintf(cell, sizeof(cell), "%s", name);
            clean(cell);
        } else {
            format_cell(json_object_get(row, self->columns[i]), cell);
        }
        print_cell(out, self, i, cell);
    }
}

static void print_head(FILE *out, const table *self)
{
    for (size_t i = 0; i < self->count; i++) {
        print_cell(out, self, i, self->columns[i]);
    }
}

static void print_list(FILE *out, json_t *list)
{
    table self = {0};

    for (size_t i = 0; i < json_array_size(list); i++) {
        measure_row(&self, json_array_get(list, i));
    }
    print_head(out, &self);
    for (size_t i = 0; i < json_array_size(list); i++) {
        print_row(out, &self, NULL, json_array_get(list, i));
    }
}

static void print_map(FILE *out, json_t *map)
{
    table self = {0};
    const char *key;
    json_t *value;

    json_object_foreach(map, key, value)
    {
        widen(&self, KEY_COLUMN, width_of(key));
    }
    json_object_foreach(map, key, value)
    {
        measure_row(&self, value);
    }
    print_head(out, &self);
    json_object_foreach(map, key, value)
    {
        print_row(out, &self, key, value);
    }
}

static bool is_table(json_t *value)
{
    size_t i;
    json_t *item;

    json_array_foreach(value, i, item)
    {
        if (!json_is_object(item)) {
            return false;
        }
    }
    return json_array_size(value) > 0;
}

static bool is_map_of_rows(json_t *value)
{
    const char *key;
    json_t *item;

    json_object_foreach(value, key, item)
    {
        if (!json_is_object(item)) {
            return false;
        }
    }
    return json_object_size(value) > 0;
}

/* Plain members first, then a table or a section for each other one. */
static void print_members(FILE *out, json_t *object)
{
    const char *key;
    json_t *value;

    json_object_foreach(object, key, value)
    {
        char cell[CELL_MAX];

        if (!is_table(value) && !json_is_object(value)) {
            format_cell(value, cell);
            (void)fprintf(out, "%s: %s\n", key, cell);
        }
    }
    json_object_foreach(object, key, value)
    {
        if (is_table(value) || json_object_size(value) > 0) {
            (void)fprintf(out, "\n%s\n", key);
            hgh_report_print(out, value);
        }
    }
}

void hgh_report_print(FILE *out, json_t *value)
{
    char cell[CELL_MAX];

    if (is_table(value)) {
        print_list(out, value);
    } else if (is_map_of_rows(value)) {
        print_map(out, value);
    } else if (json_is_object(value)) {
        print_members(out, value);
    } else {
        format_cell(value, cell);
        (void)fprintf(out, "%s\n", cell);
    }
}
