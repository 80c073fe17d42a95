/* host/control/admin_read.c - reads of the Admin API: one object, or a list of them. */
#include "host/control/admin_read.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "host/control/admin_filter.h"
#include "host/control/admin_redact.h"

#define PAGE_SIZE_MIN    10
#define PAGE_SIZE_MAX    500
#define STATUS_BAD       400u
#define STATUS_NOT_FOUND 404u
#define STATUS_NO_MEMORY 503u

/* Objects that a list shows; in the order of their creation. */
typedef struct object_list {
    const hgh_resource_object **items; /* owned */
    size_t count;
    size_t room;
} object_list;

static char *show_redacted(void *context, const hgh_resource_object *object)
{
    const hgh_admin_read *read = context;
    json_t *value = json_loadb(object->value, object->value_length, 0, NULL);
    char *text = NULL;

    if (value != NULL) {
        hgh_admin_redact(read->catalog, read->kind, value);
        text = json_dumps(value, JSON_COMPACT);
    }
    json_decref(value);
    return text;
}

static hgh_admin_show show_of(const hgh_admin_read *read)
{
    return read->hides_secrets ? show_redacted : NULL;
}

/* The context of what only reads it, for an interface that others write through. */
static void *context_of(const hgh_admin_read *read)
{
    return (void *)(uintptr_t)read;
}

static bool has_parent(const hgh_admin_read *read)
{
    char key[HGH_OBJECT_KEY_MAX];

    return hgh_object_key_make(hgh_object_kind_find(read->kind->parent), NULL, read->parent, key,
                               sizeof(key)) &&
           hgh_resource_table_find_live(read->table, key) != NULL;
}

static void answer_one(const hgh_admin_read *read, hgh_admin_answer *answer)
{
    char key[HGH_OBJECT_KEY_MAX];
    const hgh_resource_object *object = NULL;

    if (hgh_object_key_make(read->kind, read->parent, read->id, key, sizeof(key))) {
        object = hgh_resource_table_find_live(read->table, key);
    }
    if (object == NULL) {
        hgh_admin_envelope_missing(answer, read->format, "get");
    } else {
        hgh_admin_envelope_one(answer, read->format, object, show_of(read), context_of(read));
    }
}

/* -------------------------------------------------------------------------------- the list */

static bool list_add(object_list *list, const hgh_resource_object *object)
{
    if (list->count == list->room) {
        size_t room = list->room == 0 ? 64 : list->room * 2;
        const hgh_resource_object **grown =
            realloc(list->items, room * sizeof(hgh_resource_object *));

        if (grown == NULL) {
            return false;
        }
        list->items = grown;
        list->room = room;
    }
    list->items[list->count++] = object;
    return true;
}

static int compare_created(const void *left, const void *right)
{
    const hgh_resource_object *const *one = left;
    const hgh_resource_object *const *other = right;

    if ((*one)->created != (*other)->created) {
        return (*one)->created < (*other)->created ? -1 : 1;
    }
    return 0;
}

/* The next one that may be in the list: of the whole kind, or below one object. */
static const hgh_resource_object *list_next(const hgh_admin_read *read,
                                            const hgh_resource_object *after)
{
    char parent[HGH_OBJECT_KEY_MAX];

    if (read->kind->parent == NULL) {
        return after == NULL ? hgh_resource_table_first(read->table, read->kind->name)
                             : hgh_resource_table_next(after);
    }
    return hgh_object_key_make(hgh_object_kind_find(read->kind->parent), NULL, read->parent, parent,
                               sizeof(parent))
               ? hgh_resource_table_referer(read->table, read->kind->name, parent, after)
               : NULL;
}

/* False: no memory. */
static bool list_fill(const hgh_admin_read *read, const hgh_admin_filter *filter, object_list *list)
{
    bool takes_all = hgh_admin_filter_is_empty(filter);

    for (const hgh_resource_object *object = list_next(read, NULL); object != NULL;
         object = list_next(read, object)) {
        if (!hgh_resource_object_is_over(object) &&
            (takes_all || hgh_admin_filter_takes(filter, object)) && !list_add(list, object)) {
            return false;
        }
    }
    if (read->kind->parent != NULL && list->count > 0) { /* others are kept in that order */
        qsort(list->items, list->count, sizeof(hgh_resource_object *), compare_created);
    }
    return true;
}

/* A number of a query; false: it is none. */
static bool number_of(const char *text, double *out_number)
{
    char *end = NULL;
    double number = text == NULL ? 0 : strtod(text, &end);

    if (text == NULL || end == text || *end != '\0' || !isfinite(number)) {
        return false;
    }
    *out_number = number;
    return true;
}

/* Which of `total` objects are shown. False: the size of a page is out of range. */
static bool
page_find(const hgh_admin_request *request, size_t total, size_t *out_first, size_t *out_count)
{
    double page = 1;
    double size;

    *out_first = 0;
    *out_count = total;
    if (hgh_admin_request_argument(request, "page") == NULL ||
        !number_of(hgh_admin_request_argument(request, "page_size"), &size)) {
        return true;
    }
    if (size < PAGE_SIZE_MIN || size > PAGE_SIZE_MAX) {
        return false;
    }
    if (!number_of(hgh_admin_request_argument(request, "page"), &page) || page < 1) {
        page = 1;
    }
    page = floor(page);
    *out_first = (page - 1) * size >= (double)total ? total : (size_t)((page - 1) * floor(size));
    *out_count = total - *out_first < (size_t)size ? total - *out_first : (size_t)size;
    return true;
}

static void refuse_page_size(hgh_admin_answer *answer)
{
    char *text = strdup("page_size must be between 10 and 500"); /* no JSON, as in APISIX */

    hgh_admin_answer_text(answer, STATUS_BAD, text, text == NULL ? 0 : strlen(text));
}

static void answer_list(const hgh_admin_read *read, hgh_admin_answer *answer)
{
    bool is_v3 = read->format == HGH_ADMIN_V3;
    hgh_admin_filter filter = {0};
    object_list list = {0};
    hg_error err = HG_ERROR_INIT;
    size_t first = 0;
    size_t count = 0;

    if (is_v3 && hgh_admin_filter_parse(&filter, read->kind, read->request, &err) != HG_OK) {
        hgh_admin_answer_error(answer, STATUS_BAD, "%s", err.text);
        return;
    }
    if (!list_fill(read, &filter, &list)) {
        hgh_admin_answer_error(answer, STATUS_NO_MEMORY, "out of memory");
    } else if (list.count == 0 && read->kind->parent != NULL && list_next(read, NULL) == NULL) {
        hgh_admin_envelope_missing(answer, read->format, "get"); /* as etcd: no such directory */
    } else if (is_v3 && !page_find(read->request, list.count, &first, &count)) {
        refuse_page_size(answer);
    } else {
        hgh_admin_envelope_list(answer, read->format, read->kind->name, list.items + first,
                                is_v3 ? count : list.count, list.count, show_of(read),
                                context_of(read));
    }
    free(list.items);
    hgh_admin_filter_done(&filter);
}

void hgh_admin_read_answer(const hgh_admin_read *read, hgh_admin_answer *answer)
{
    if (read->kind->parent != NULL && !has_parent(read)) {
        hgh_admin_answer_error(answer, STATUS_NOT_FOUND, "%s not found",
                               hgh_object_kind_find(read->kind->parent)->noun);
    } else if (read->id != NULL) {
        answer_one(read, answer);
    } else {
        answer_list(read, answer);
    }
}
