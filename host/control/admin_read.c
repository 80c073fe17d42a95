/* host/control/admin_read.c - reads of the Admin API: one object, or a list of them. */
#include "host/control/admin_read.h"

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "host/control/admin_filter.h"
#include "host/control/admin_redact.h"
#include "host/control/resource_walk.h"

#define PAGE_MAX         1e12 /* beyond every list */
#define PAGE_SIZE_MIN    10
#define PAGE_SIZE_MAX    500
#define STATUS_BAD       400u
#define STATUS_NOT_FOUND 404u
#define STATUS_NO_MEMORY 503u

/* A list on its way. */
typedef struct hgh_admin_list_read {
    hgh_resource_walk walk;
    hgh_admin_reads *reads;
    hgh_admin_answer_later *later;
    hgh_admin_read read;
    hgh_admin_filter filter;
    bool takes_all;
    hgh_admin_envelope_list list;
    size_t total; /* met so far */
    size_t first; /* of the page */
    size_t count;
    struct hgh_admin_list_read *next;
    struct hgh_admin_list_read *previous;
} hgh_admin_list_read;

/* The context of show_less(). */
typedef struct redaction {
    const hgh_plugin_catalog *catalog;
    const hgh_object_kind *kind;
    bool hides_secrets;
} redaction;

static char *show_less(void *context, const hgh_resource_object *object)
{
    const redaction *how = context;
    json_t *value = json_loadb(object->value, object->value_length, 0, NULL);
    char *text = NULL;

    if (value != NULL) {
        if (how->hides_secrets) {
            hgh_admin_redact(how->catalog, how->kind, value);
        } else {
            hgh_admin_hide(how->kind, value);
        }
        text = json_dumps(value, JSON_COMPACT);
    }
    json_decref(value);
    return text;
}

static hgh_admin_show show_of(const hgh_admin_read *read)
{
    return read->hides_secrets || read->kind->hidden != NULL ? show_less : NULL;
}

static bool has_parent(const hgh_admin_reads *reads, const hgh_admin_read *read)
{
    char key[HGH_OBJECT_KEY_MAX];

    return hgh_object_key_make(hgh_object_kind_find(read->kind->parent), NULL, read->parent, key,
                               sizeof(key)) &&
           hgh_resource_table_find_live(reads->table, key) != NULL;
}

static void
answer_one(const hgh_admin_reads *reads, const hgh_admin_read *read, hgh_admin_answer *answer)
{
    redaction how = {reads->catalog, read->kind, read->hides_secrets};
    char key[HGH_OBJECT_KEY_MAX];
    const hgh_resource_object *object = NULL;

    if (hgh_object_key_make(read->kind, read->parent, read->id, key, sizeof(key))) {
        object = hgh_resource_table_find_live(reads->table, key);
    }
    if (object == NULL) {
        hgh_admin_envelope_missing(answer, reads->format, "get");
    } else {
        hgh_admin_envelope_one(answer, reads->format, object, show_of(read), &how);
    }
}

/* --- the list --- */

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

/* Which objects are shown; untouched without a page: all. False: the size of a page is out of
 * range. */
static bool page_find(const hgh_admin_request *request, size_t *out_first, size_t *out_count)
{
    double page = 1;
    double size;

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
    page = floor(page < PAGE_MAX ? page : PAGE_MAX);
    *out_count = (size_t)size;
    *out_first = ((size_t)page - 1) * *out_count;
    return true;
}

static void refuse_page_size(hgh_admin_answer *answer)
{
    char *text = strdup("page_size must be between 10 and 500"); /* no JSON, as in APISIX */

    hgh_admin_answer_text(answer, STATUS_BAD, text, text == NULL ? 0 : strlen(text));
}

/* True if nothing is over and nothing is left out: the rest of the walk would only count. */
static bool is_counted(const hgh_admin_list_read *self)
{
    int64_t expiry_wall_s = hgh_resource_table_expiry(self->reads->table);

    return self->takes_all && (expiry_wall_s == 0 || expiry_wall_s > (int64_t)time(NULL));
}

static bool visit(void *context, const hgh_resource_object *object)
{
    hgh_admin_list_read *self = context;
    redaction how = {self->reads->catalog, self->read.kind, self->read.hides_secrets};

    if (hgh_resource_object_is_over(object) ||
        (!self->takes_all && !hgh_admin_filter_takes(&self->filter, object))) {
        return true;
    }
    if (self->total >= self->first && self->total - self->first < self->count) {
        hgh_admin_envelope_list_add(&self->list, object, show_of(&self->read), &how);
    }
    self->total++;
    if (self->list.count == self->count && self->walk.kind != NULL && is_counted(self)) {
        self->total = hgh_resource_table_count_of(self->reads->table, self->walk.kind);
        return false;
    }
    return true;
}

static void list_free(hgh_admin_list_read *self)
{
    if (self->previous == NULL) {
        self->reads->first = self->next;
    } else {
        self->previous->next = self->next;
    }
    if (self->next != NULL) {
        self->next->previous = self->previous;
    }
    hgh_admin_envelope_list_done(&self->list);
    hgh_admin_filter_done(&self->filter);
    free(self);
}

/* Where the objects of the list stand, as clients see it. */
static void directory_make(const hgh_admin_read *read, char *into, size_t size)
{
    if (read->kind->parent == NULL) {
        (void)snprintf(into, size, "%s", read->kind->name);
    } else {
        (void)snprintf(into, size, "%s/%s/%s", read->kind->parent, read->parent, read->kind->name);
    }
}

static void list_end(void *context)
{
    hgh_admin_list_read *self = context;
    hgh_admin_answer_later *later = self->later;
    hgh_admin_answer answer = {0};

    char directory[HGH_OBJECT_KEY_MAX];

    directory_make(&self->read, directory, sizeof(directory));
    hgh_admin_envelope_list_answer(&self->list, self->reads->format, directory, self->total,
                                   &answer);
    list_free(self);
    later->send(later, &answer);
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

/* What stands below one object: few, and found by their reference, in the order of their last
 * change. */
static void children_visit(hgh_admin_list_read *self)
{
    const hgh_resource_table *table = self->reads->table;
    const char *kind = self->read.kind->name;
    const hgh_resource_object *object = NULL;
    const hgh_resource_object **children;
    char parent[HGH_OBJECT_KEY_MAX];
    size_t count = 0;
    hgh_admin_answer answer = {0};
    hgh_admin_answer_later *later = self->later;

    (void)hgh_object_key_make(hgh_object_kind_find(self->read.kind->parent), NULL,
                              self->read.parent, parent, sizeof(parent)); /* it was found by it */
    while ((object = hgh_resource_table_referer(table, kind, parent, object)) != NULL) {
        count++;
    }
    children = calloc(count + 1, sizeof(hgh_resource_object *));
    if (children == NULL) {
        self->list.is_broken = true;
        list_end(self);
        return;
    }
    if (count > 0) {
        count = 0;
        while ((object = hgh_resource_table_referer(table, kind, parent, object)) != NULL) {
            children[count++] = object;
        }
        qsort(children, count, sizeof(hgh_resource_object *), compare_created);
        for (size_t i = 0; i < count; i++) {
            (void)visit(self, children[i]); /* goes on to the end */
        }
        free(children);
        list_end(self);
        return;
    }
    free(children);
    hgh_admin_envelope_missing(&answer, self->reads->format, "get"); /* as etcd: no directory */
    list_free(self);
    later->send(later, &answer);
}

static void list_enter(hgh_admin_list_read *self)
{
    self->next = self->reads->first;
    if (self->next != NULL) {
        self->next->previous = self;
    }
    self->reads->first = self;
}

static void
list_start(hgh_admin_reads *reads, const hgh_admin_read *read, hgh_admin_answer_later *later)
{
    hgh_admin_list_read *self = calloc(1, sizeof(*self));
    bool is_v3 = reads->format == HGH_ADMIN_V3;
    hg_error err = HG_ERROR_INIT;
    hgh_admin_answer answer = {0};

    if (self == NULL) {
        hgh_admin_later_error(later, STATUS_NO_MEMORY, "out of memory");
        return;
    }
    self->reads = reads;
    self->later = later;
    self->read = *read;
    self->count = SIZE_MAX;
    list_enter(self);
    if (is_v3 && hgh_admin_filter_parse(&self->filter, read->kind, read->request, &err) != HG_OK) {
        hgh_admin_answer_error(&answer, STATUS_BAD, "%s", err.text);
    } else if (is_v3 && !page_find(read->request, &self->first, &self->count)) {
        refuse_page_size(&answer);
    }
    if (answer.status != 0) {
        list_free(self);
        later->send(later, &answer);
        return;
    }
    self->takes_all = hgh_admin_filter_is_empty(&self->filter);
    hgh_admin_envelope_list_begin(&self->list);
    if (read->kind->parent != NULL) {
        children_visit(self);
        return;
    }
    self->walk = (hgh_resource_walk){
        .loop = reads->loop,
        .table = reads->table,
        .kind = read->kind->name,
        .visit = visit,
        .end = list_end,
        .context = self,
    };
    hgh_resource_walk_start(&self->walk);
}

void hgh_admin_read_start(hgh_admin_reads *reads,
                          const hgh_admin_read *read,
                          hgh_admin_answer_later *later)
{
    hgh_admin_answer answer = {0};

    if (read->kind->parent != NULL && !has_parent(reads, read)) {
        hgh_admin_answer_error(&answer, STATUS_NOT_FOUND, "%s not found",
                               hgh_object_kind_find(read->kind->parent)->noun);
    } else if (read->id != NULL) {
        answer_one(reads, read, &answer);
    } else {
        list_start(reads, read, later);
        return;
    }
    later->send(later, &answer);
}

void hgh_admin_reads_done(hgh_admin_reads *reads)
{
    while (reads->first != NULL) {
        hgh_admin_list_read *self = reads->first;
        hgh_admin_answer_later *later = self->later;

        hgh_resource_walk_stop(&self->walk);
        list_free(self);
        hgh_admin_later_error(later, STATUS_NO_MEMORY, "the control plane ends");
    }
}
