/* host/core/body_path.c - where in a body a variable looks. */
#include "host/core/body_path.h"

#include <stdlib.h>
#include <string.h>

#define INDEX_DIGITS_MAX 15u /* RFC 9535 section 2.1: exact in every reader of JSON */

/* ----------------------------------------------------------------------------------- parsing */

typedef struct parser {
    hg_text text;
    size_t at;
    hgh_body_path *path;
    hg_error *err;
} parser;

static bool wrong(parser *self, const char *wanted)
{
    (void)hg_error_set(self->err, HG_ERR_INVALID, "character %zu: wanted %s", self->at + 1, wanted);
    return false;
}

static char next_byte(const parser *self)
{
    return self->at < self->text.length ? self->text.data[self->at] : '\0';
}

static bool take(parser *self, char c)
{
    if (self->at < self->text.length && self->text.data[self->at] == c) {
        self->at++;
        return true;
    }
    return false;
}

static void skip_blanks(parser *self)
{
    while (take(self, ' ') || take(self, '\t')) {
    }
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool segment_add(parser *self, bool descends)
{
    hgh_body_path *path = self->path;

    if (path->segment_count == HGH_PATH_SEGMENTS_MAX) {
        return wrong(self, "at most 32 steps");
    }
    path->segments[path->segment_count++] =
        (hgh_path_segment){.descends = descends, .first = path->selector_count};
    return true;
}

static hgh_selector *selector_add(parser *self, hgh_selector_kind kind)
{
    hgh_body_path *path = self->path;
    hgh_selector *added;

    if (path->selector_count == HGH_PATH_SELECTORS_MAX) {
        (void)wrong(self, "at most 64 keys and indexes");
        return NULL;
    }
    added = &path->selectors[path->selector_count++];
    *added = (hgh_selector){.kind = (uint8_t)kind};
    path->segments[path->segment_count - 1].count++;
    return added;
}

static bool number_read(parser *self, int64_t *out_number)
{
    bool negative = take(self, '-');
    size_t first = self->at;
    int64_t number = 0;

    while (is_digit(next_byte(self)) && self->at - first < INDEX_DIGITS_MAX) {
        number = number * 10 + (next_byte(self) - '0');
        self->at++;
    }
    if (self->at == first || is_digit(next_byte(self))) {
        return wrong(self, "an index of up to 15 digits");
    }
    *out_number = negative ? -number : number;
    return true;
}

static bool is_number_next(const parser *self)
{
    return is_digit(next_byte(self)) || next_byte(self) == '-';
}

/* Behind the start of a slice and its colon. */
static bool slice_read(parser *self, hgh_selector *into)
{
    into->kind = HGH_SELECT_SLICE;
    into->step = 1;
    skip_blanks(self);
    if (is_number_next(self)) {
        into->has_end = true;
        if (!number_read(self, &into->end)) {
            return false;
        }
        skip_blanks(self);
    }
    if (!take(self, ':')) {
        return true;
    }
    skip_blanks(self);
    return !is_number_next(self) || number_read(self, &into->step);
}

static bool quoted_read(parser *self, hgh_selector *into)
{
    char quote = self->text.data[self->at++];
    size_t first = self->at;

    while (self->at < self->text.length && next_byte(self) != quote && next_byte(self) != '\\') {
        self->at++;
    }
    if (next_byte(self) != quote || self->at == self->text.length) {
        return wrong(self, "a quote that ends the key, and no backslash in it");
    }
    into->key = (hg_text){self->text.data + first, self->at - first};
    self->at++;
    return true;
}

static bool selector_read(parser *self)
{
    hgh_selector *into = selector_add(self, HGH_SELECT_KEY);
    char c = next_byte(self);

    if (into == NULL) {
        return false;
    }
    if (c == '\'' || c == '"') {
        return quoted_read(self, into);
    }
    if (take(self, '*')) {
        into->kind = HGH_SELECT_ALL;
        return true;
    }
    if (c == '?' || c == '(') {
        return wrong(self,
                     "a key, an index, a slice or \"*\": there are no filters and no scripts");
    }
    if (is_number_next(self)) {
        into->kind = HGH_SELECT_INDEX;
        into->has_start = true;
        if (!number_read(self, &into->start)) {
            return false;
        }
        skip_blanks(self);
    } else if (c != ':') {
        return wrong(self, "a key in quotes, an index, a slice or \"*\"");
    }
    return !take(self, ':') || slice_read(self, into);
}

/* Behind "[". */
static bool brackets_read(parser *self)
{
    do {
        skip_blanks(self);
        if (!selector_read(self)) {
            return false;
        }
        skip_blanks(self);
    } while (take(self, ','));
    return take(self, ']') || wrong(self, "\",\" or \"]\"");
}

static bool ends_key(char c)
{
    return strchr(".[]*(),:?@$'\" \t", c) != NULL; /* and a NUL */
}

/* A key without quotes, or "*". */
static bool name_read(parser *self)
{
    size_t first = self->at;
    bool digits = true;
    hgh_selector *into;

    if (take(self, '*')) {
        return selector_add(self, HGH_SELECT_ALL) != NULL;
    }
    while (self->at < self->text.length && !ends_key(next_byte(self))) {
        digits = digits && is_digit(next_byte(self));
        self->at++;
    }
    if (self->at == first) {
        return wrong(self, "a key");
    }
    into = selector_add(self, HGH_SELECT_KEY);
    if (into == NULL) {
        return false;
    }
    into->key = (hg_text){self->text.data + first, self->at - first};
    if (digits && into->key.length <= INDEX_DIGITS_MAX) {
        into->kind = HGH_SELECT_KEY_OR_INDEX;
        self->at = first;
        return number_read(self, &into->start);
    }
    return true;
}

static bool query_segment(parser *self)
{
    bool dotted = take(self, '.');
    bool descends = dotted && take(self, '.');

    if (!segment_add(self, descends)) {
        return false;
    }
    if ((descends || !dotted) && take(self, '[')) {
        return brackets_read(self);
    }
    if (!dotted && self->path->segment_count > 1) {
        return wrong(self, "\".\" or \"[\"");
    }
    return name_read(self);
}

static bool query_parse(parser *self)
{
    self->path->is_query = true;
    do {
        if (!query_segment(self)) {
            return false;
        }
    } while (self->at < self->text.length);
    return true;
}

/* Keys with dots between them; empty ones are passed over, as in APISIX. */
static bool keys_parse(parser *self)
{
    while (self->at < self->text.length) {
        const char *from = self->text.data + self->at;
        const char *dot = memchr(from, '.', self->text.length - self->at);
        size_t length = dot == NULL ? self->text.length - self->at : (size_t)(dot - from);

        if (length > 0) {
            if (!segment_add(self, false) || selector_add(self, HGH_SELECT_KEY) == NULL) {
                return false;
            }
            self->path->selectors[self->path->selector_count - 1].key = (hg_text){from, length};
        }
        self->at += length + (dot != NULL);
    }
    return self->path->segment_count > 0 || wrong(self, "a key");
}

static bool is_query(hg_text text)
{
    return memchr(text.data, '[', text.length) != NULL ||
           memchr(text.data, '*', text.length) != NULL ||
           memmem(text.data, text.length, "..", 2) != NULL;
}

hg_status hgh_body_path_parse(hg_text text, hgh_body_path *out_path, hg_error *err)
{
    parser self = {.text = text, .path = out_path, .err = err};

    out_path->is_query = false;
    out_path->segment_count = 0;
    out_path->selector_count = 0;
    return (is_query(text) ? query_parse(&self) : keys_parse(&self)) ? HG_OK : HG_ERR_INVALID;
}

/* ----------------------------------------------------------------------------------- finding */

/* Each step marks in `next` what it leads to from what is marked in `now`. One byte a value: each
 * is there once, however many ways lead to it. */
typedef struct search {
    const hgh_body_tree *tree;
    unsigned char *now;
    unsigned char *next;
} search;

static void select_all(search *self, uint32_t container)
{
    const hgh_body_value *values = self->tree->values;

    for (uint32_t i = container + 1; i < values[container].end; i = values[i].end) {
        self->next[i] = 1;
    }
}

static void select_key(search *self, uint32_t container, hg_text key)
{
    uint32_t found = hgh_body_tree_member(self->tree, container, key);

    if (found != HGH_BODY_NOTHING) {
        self->next[found] = 1;
    }
}

/* RFC 9535 section 2.3.4.2.2. */
static int64_t slice_bound(int64_t bound, int64_t length, int64_t least, int64_t most)
{
    bound = bound < 0 ? bound + length : bound;
    return bound < least ? least : bound > most ? most : bound;
}

static void
slice_bounds(const hgh_selector *selector, int64_t length, int64_t *out_lower, int64_t *out_upper)
{
    if (selector->step > 0) {
        *out_lower = selector->has_start ? slice_bound(selector->start, length, 0, length) : 0;
        *out_upper = selector->has_end ? slice_bound(selector->end, length, 0, length) : length;
    } else { /* from the upper one down, the lower one excluded */
        *out_upper =
            selector->has_start ? slice_bound(selector->start, length, -1, length - 1) : length - 1;
        *out_lower = selector->has_end ? slice_bound(selector->end, length, -1, length - 1) : -1;
    }
}

static bool slice_has(const hgh_selector *selector, int64_t lower, int64_t upper, int64_t index)
{
    if (selector->step > 0) {
        return index >= lower && index < upper && (index - lower) % selector->step == 0;
    }
    return selector->step < 0 && index <= upper && index > lower &&
           (upper - index) % -selector->step == 0;
}

static void select_slice(search *self, uint32_t array, const hgh_selector *selector)
{
    const hgh_body_value *values = self->tree->values;
    int64_t lower;
    int64_t upper;
    int64_t index = 0;

    slice_bounds(selector, values[array].length, &lower, &upper);
    for (uint32_t i = array + 1; i < values[array].end; i = values[i].end) {
        if (slice_has(selector, lower, upper, index++)) {
            self->next[i] = 1;
        }
    }
}

static void select_index(search *self, uint32_t array, int64_t wanted)
{
    const hgh_body_value *values = self->tree->values;
    int64_t index = 0;

    wanted = wanted < 0 ? wanted + values[array].length : wanted;
    for (uint32_t i = array + 1; i < values[array].end; i = values[i].end) {
        if (index++ == wanted) {
            self->next[i] = 1;
            return;
        }
    }
}

static void select_from(search *self, uint32_t place, const hgh_selector *selector)
{
    bool is_array = self->tree->values[place].kind == HGH_VALUE_ARRAY;

    if (!is_array && self->tree->values[place].kind != HGH_VALUE_OBJECT) {
        return;
    }
    switch ((hgh_selector_kind)selector->kind) {
    case HGH_SELECT_ALL:
        select_all(self, place);
        break;
    case HGH_SELECT_KEY:
        select_key(self, place, selector->key);
        break;
    case HGH_SELECT_KEY_OR_INDEX:
        if (is_array) {
            select_index(self, place, selector->start);
        } else {
            select_key(self, place, selector->key);
        }
        break;
    case HGH_SELECT_INDEX:
        if (is_array) {
            select_index(self, place, selector->start);
        }
        break;
    case HGH_SELECT_SLICE:
        if (is_array) {
            select_slice(self, place, selector);
        }
        break;
    }
}

/* One segment, from all values that are marked; with "..", from all that these hold as well. */
static void segment_search(search *self, const hgh_body_path *path, const hgh_path_segment *segment)
{
    const hgh_body_value *values = self->tree->values;
    uint32_t covered = 0; /* all before it are inside a marked value */

    for (uint32_t i = 0; i < self->tree->count; i++) {
        if (self->now[i] != 0 && segment->descends && values[i].end > covered) {
            covered = values[i].end;
        }
        for (uint32_t k = 0; (self->now[i] != 0 || i < covered) && k < segment->count; k++) {
            select_from(self, i, &path->selectors[segment->first + k]);
        }
    }
}

static hg_status places_take(const search *self, uint32_t **out_places, size_t *out_count)
{
    size_t count = 0;
    uint32_t *places = NULL;

    for (uint32_t i = 0; i < self->tree->count; i++) {
        count += self->now[i];
    }
    if (count > 0) {
        places = malloc(count * sizeof(*places));
        if (places == NULL) {
            return HG_ERR_NO_MEMORY;
        }
    }
    *out_places = places;
    *out_count = count;
    for (uint32_t i = 0, at = 0; i < self->tree->count && at < count; i++) {
        if (self->now[i] != 0) {
            places[at++] = i;
        }
    }
    return HG_OK;
}

static hg_status query_find(const hgh_body_path *path,
                            const hgh_body_tree *tree,
                            uint32_t **out_places,
                            size_t *out_count)
{
    search self = {tree, calloc(tree->count, 1), calloc(tree->count, 1)};
    hg_status status = HG_ERR_NO_MEMORY;

    if (self.now != NULL && self.next != NULL) {
        self.now[HGH_BODY_ROOT] = 1;
        for (uint32_t i = 0; i < path->segment_count; i++) {
            unsigned char *before = self.now;

            memset(self.next, 0, tree->count);
            segment_search(&self, path, &path->segments[i]);
            self.now = self.next;
            self.next = before;
        }
        status = places_take(&self, out_places, out_count);
    }
    free(self.now);
    free(self.next);
    return status;
}

hg_status hgh_body_path_find(const hgh_body_path *path,
                             const hgh_body_tree *tree,
                             uint32_t **out_places,
                             size_t *out_count)
{
    uint32_t place = HGH_BODY_ROOT;
    uint32_t *found;

    if (path->is_query) {
        return query_find(path, tree, out_places, out_count);
    }
    for (uint32_t i = 0; i < path->segment_count && place != HGH_BODY_NOTHING; i++) {
        place = hgh_body_tree_member(tree, place, path->selectors[path->segments[i].first].key);
    }
    *out_places = NULL;
    *out_count = 0;
    if (place != HGH_BODY_NOTHING) {
        found = malloc(sizeof(*found));
        if (found == NULL) {
            return HG_ERR_NO_MEMORY;
        }
        *found = place;
        *out_places = found;
        *out_count = 1;
    }
    return HG_OK;
}
