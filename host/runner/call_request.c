/* host/runner/call_request.c - the request of a call as it is now, and what has become of it in the
 * words of the protocol. */
#include "host/runner/call_request.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "host/core/query.h"

/* ------------------------------------------------------------------------------------ read */

static bool text_copy(hgh_memory *memory, hg_text from, hg_text *out_text)
{
    *out_text = hgh_memory_copy(memory, from);
    return from.data == NULL || out_text->data != NULL;
}

/* Plugins may take a text for a string of C. */
static bool has_nul(hg_text text)
{
    return text.length > 0 && memchr(text.data, '\0', text.length) != NULL;
}

static hg_status list_read(hgh_memory *memory,
                           const hgh_a6_list *from,
                           const char *what,
                           hgh_call_list *out_list,
                           hg_error *err)
{
    hgh_call_list list = {0};

    if (from->count > HGH_CALL_ENTRIES_MAX) {
        return hg_error_set(err, HG_ERR_INVALID, "%s: found %zu, wanted at most %u", what,
                            from->count, HGH_CALL_ENTRIES_MAX);
    }
    list.items = hgh_memory_take(memory, (from->count + 1) * sizeof(*list.items));
    if (list.items == NULL) {
        return hg_error_set(err, HG_ERR_NO_MEMORY, "out of memory");
    }
    for (size_t i = 0; i < from->count; i++) {
        const hg_header *entry = &from->items[i];
        hg_header *copy = &list.items[list.count];

        if (has_nul(entry->name) || has_nul(entry->value)) {
            return hg_error_set(err, HG_ERR_INVALID,
                                "%s: found a zero byte in entry %zu, wanted text", what, i);
        }
        if (entry->name.length == 0) {
            continue;
        }
        if (!text_copy(memory, entry->name, &copy->name) ||
            !text_copy(memory, entry->value, &copy->value)) {
            return hg_error_set(err, HG_ERR_NO_MEMORY, "out of memory");
        }
        list.count++;
    }
    *out_list = list;
    return HG_OK;
}

/* Links the entries as lines, which needs no walk for each. */
hg_status hgh_call_headers_read(hgh_headers *headers,
                                hgh_memory *memory,
                                const hgh_a6_list *from,
                                hg_error *err)
{
    hgh_call_list list = {0};
    hgh_header_line *lines;
    hg_status status = list_read(memory, from, "headers", &list, err);

    if (status != HG_OK) {
        return status;
    }
    lines = hgh_memory_take(memory, (list.count + 1) * sizeof(*lines));
    if (lines == NULL) {
        return hg_error_set(err, HG_ERR_NO_MEMORY, "out of memory");
    }
    for (size_t i = 0; i < list.count; i++) {
        lines[i] = (hgh_header_line){i + 1 < list.count ? &lines[i + 1] : NULL, list.items[i]};
        if (lines[i].header.value.data == NULL) {
            lines[i].header.value = HG_TEXT("");
        }
    }
    headers->first = list.count == 0 ? NULL : lines;
    return HG_OK;
}

static void client_read(hg_text bytes, hg_address *out_address)
{
    if (bytes.length == 4 || bytes.length == 16) {
        out_address->family = bytes.length == 4 ? HG_ADDRESS_IPV4 : HG_ADDRESS_IPV6;
        memcpy(out_address->bytes, bytes.data, bytes.length);
    }
}

static bool is_unreserved(unsigned char byte) /* RFC 3986 section 2.3 */
{
    return isalnum(byte) || byte == '-' || byte == '.' || byte == '_' || byte == '~';
}

static char *encode(char *at, hg_text text)
{
    static const char digits[] = "0123456789ABCDEF";

    for (size_t i = 0; i < text.length; i++) {
        unsigned char byte = (unsigned char)text.data[i];

        if (is_unreserved(byte)) {
            *at++ = (char)byte;
        } else {
            *at++ = '%';
            *at++ = digits[byte >> 4];
            *at++ = digits[byte & 15];
        }
    }
    return at;
}

/* The arguments as they would stand behind "?"; absent if there are none. */
static hg_status query_write(hgh_memory *memory, const hgh_call_list *list, hg_text *out_query)
{
    size_t size = 1;
    char *text;
    char *at;

    if (list->count == 0) {
        return HG_OK;
    }
    for (size_t i = 0; i < list->count; i++) {
        size += 3 * (list->items[i].name.length + list->items[i].value.length) + 2;
    }
    text = hgh_memory_take(memory, size);
    if (text == NULL) {
        return HG_ERR_NO_MEMORY;
    }
    at = text;
    for (size_t i = 0; i < list->count; i++) {
        if (i > 0) {
            *at++ = '&';
        }
        at = encode(at, list->items[i].name);
        if (list->items[i].value.data != NULL) {
            *at++ = '=';
            at = encode(at, list->items[i].value);
        }
    }
    *at = '\0';
    *out_query = (hg_text){text, (size_t)(at - text)};
    return HG_OK;
}

hg_status hgh_call_request_read(hgh_call_request *request,
                                hgh_memory *memory,
                                const hgh_a6_request_call *message,
                                hg_error *err)
{
    hg_status status;

    request->memory = memory;
    request->method = hgh_a6_method_name(message->method);
    if (request->method.data == NULL) {
        return hg_error_set(err, HG_ERR_INVALID, "method: found %u, wanted one of the protocol's",
                            message->method);
    }
    if (has_nul(message->path)) {
        return hg_error_set(err, HG_ERR_INVALID, "path: found a zero byte, wanted text");
    }
    client_read(message->source_address, &request->client);
    status = list_read(memory, &message->arguments, "args", &request->sent_arguments, err);
    if (status == HG_OK) {
        status = hgh_call_headers_read(&request->headers, memory, &message->headers, err);
    }
    if (status != HG_OK) {
        return status;
    }
    request->arguments = request->sent_arguments;
    if (!text_copy(memory, message->path.length == 0 ? HG_TEXT("/") : message->path,
                   &request->path) ||
        query_write(memory, &request->arguments, &request->query) != HG_OK) {
        return hg_error_set(err, HG_ERR_NO_MEMORY, "out of memory");
    }
    return HG_OK;
}

/* --------------------------------------------------------------------------------- changes */

hg_status hgh_call_request_set_path(hgh_call_request *request, hg_text path)
{
    request->path = path;
    request->path_changed = true;
    return HG_OK;
}

static hg_text decode(hgh_memory *memory, hg_text text)
{
    char *copy = hgh_memory_take(memory, text.length + 1);
    size_t length;

    if (copy == NULL) {
        return (hg_text){0};
    }
    length = hgh_query_decode_into(text, copy);
    copy[length] = '\0';
    return (hg_text){copy, length};
}

/* One "name=value" of a query; false: no memory. */
static bool argument_read(hgh_memory *memory, hg_text part, hgh_call_list *list)
{
    const char *equals = part.length == 0 ? NULL : memchr(part.data, '=', part.length);
    hg_header *item = &list->items[list->count];
    hg_text name = part;
    hg_text value = {0};

    if (equals != NULL) {
        name.length = (size_t)(equals - part.data);
        value = (hg_text){equals + 1, part.length - name.length - 1};
    }
    if (name.length == 0) {
        return true;
    }
    item->name = decode(memory, name);
    item->value = equals == NULL ? (hg_text){0} : decode(memory, value);
    list->count++;
    return item->name.data != NULL && (equals == NULL || item->value.data != NULL);
}

static hg_status query_read(hgh_memory *memory, hg_text query, hgh_call_list *out_list)
{
    hgh_call_list list = {0};
    size_t parts = 1;
    const char *at = query.data;
    const char *end = at == NULL ? NULL : at + query.length;

    for (size_t i = 0; i < query.length; i++) {
        parts += query.data[i] == '&';
    }
    if (parts > HGH_CALL_ENTRIES_MAX) {
        return HG_ERR_TOO_LARGE;
    }
    list.items = hgh_memory_take(memory, parts * sizeof(*list.items));
    if (list.items == NULL) {
        return HG_ERR_NO_MEMORY;
    }
    while (at != NULL && at < end) {
        const char *stop = memchr(at, '&', (size_t)(end - at));

        stop = stop == NULL ? end : stop;
        if (!argument_read(memory, (hg_text){at, (size_t)(stop - at)}, &list)) {
            return HG_ERR_NO_MEMORY;
        }
        at = stop + 1;
    }
    *out_list = list;
    return HG_OK;
}

static int compare_names(const hg_header *one, const hg_header *other)
{
    size_t a = one->name.length;
    size_t b = other->name.length;
    int order = memcmp(one->name.data, other->name.data, a < b ? a : b); /* no name is empty */

    return order != 0 ? order : (a > b) - (a < b);
}

/* By name, then in the order in which they stand. */
static int compare_items(const void *a, const void *b)
{
    const hg_header *one = *(const hg_header *const *)a;
    const hg_header *other = *(const hg_header *const *)b;
    int order = compare_names(one, other);

    return order != 0 ? order : (one > other) - (one < other);
}

/* The items so ordered, with NULL behind the last; NULL: no memory. */
static const hg_header **items_sort(const hgh_call_list *list, hgh_memory *memory)
{
    const hg_header **sorted = hgh_memory_take(memory, (list->count + 1) * sizeof(*sorted));

    if (sorted == NULL) {
        return NULL;
    }
    for (size_t i = 0; i < list->count; i++) {
        sorted[i] = &list->items[i];
    }
    sorted[list->count] = NULL;
    qsort(sorted, list->count, sizeof(*sorted), compare_items);
    return sorted;
}

static bool is_named(const hg_header *item, hg_text name)
{
    return item != NULL && hg_text_equal(item->name, name);
}

/* Whether both stand at the same values of that name, or at none; moves both behind them. */
static bool values_are_same(const hg_header *const **a, const hg_header *const **b, hg_text name)
{
    bool is_same = true;

    while (is_named(**a, name) && is_named(**b, name)) {
        is_same = is_same && ((**a)->value.data == NULL) == ((**b)->value.data == NULL) &&
                  hg_text_equal((**a)->value, (**b)->value);
        (*a)++;
        (*b)++;
    }
    while (is_named(**a, name)) {
        is_same = false;
        (*a)++;
    }
    while (is_named(**b, name)) {
        is_same = false;
        (*b)++;
    }
    return is_same;
}

/* Notes which items of `now` belong to a name whose values differ, and which of `sent` is the first
 * of one that is gone. Both lists are walked by name: a client may send thousands. */
static void differing_mark(const hgh_call_list *sent,
                           const hgh_call_list *now,
                           const hg_header *const *sent_at,
                           const hg_header *const *now_at,
                           bool *sent_marks,
                           bool *now_marks)
{
    while (*sent_at != NULL || *now_at != NULL) {
        bool is_gone =
            *now_at == NULL || (*sent_at != NULL && compare_names(*sent_at, *now_at) < 0);
        const hg_header *const *first = now_at;
        hg_text name = is_gone ? (*sent_at)->name : (*now_at)->name;

        if (is_gone) {
            sent_marks[*sent_at - sent->items] = true;
        }
        if (!values_are_same(&sent_at, &now_at, name)) {
            for (; first < now_at; first++) {
                now_marks[*first - now->items] = true;
            }
        }
    }
}

/*
 * What makes the arguments that came into those that are now: a name whose values differ is written
 * anew, or, without any, deleted. Returns HG_ERR_UNSUPPORTED for a value that cannot be written:
 * an entry without one deletes.
 */
static hg_status arguments_differ(const hgh_call_list *sent,
                                  const hgh_call_list *now,
                                  hgh_memory *memory,
                                  hgh_call_list *out_list)
{
    size_t both = sent->count + now->count;
    hgh_call_list list = {0};
    const hg_header **sent_sorted;
    const hg_header **now_sorted;
    bool *marks;

    if (now->items == sent->items) { /* nobody has changed any */
        *out_list = list;
        return HG_OK;
    }
    list.items = hgh_memory_take(memory, both * sizeof(*list.items) + 1);
    marks = hgh_memory_take(memory, both + 1);
    sent_sorted = items_sort(sent, memory);
    now_sorted = items_sort(now, memory);
    if (list.items == NULL || marks == NULL || sent_sorted == NULL || now_sorted == NULL) {
        return HG_ERR_NO_MEMORY;
    }
    memset(marks, 0, both + 1);
    differing_mark(sent, now, sent_sorted, now_sorted, marks, marks + sent->count);
    for (size_t i = 0; i < now->count; i++) {
        if (!marks[sent->count + i]) {
            continue;
        }
        if (now->items[i].value.data == NULL) {
            return HG_ERR_UNSUPPORTED;
        }
        list.items[list.count++] = now->items[i];
    }
    for (size_t i = 0; i < sent->count; i++) {
        if (marks[i]) {
            list.items[list.count++] = (hg_header){.name = sent->items[i].name};
        }
    }
    *out_list = list;
    return HG_OK;
}

hg_status hgh_call_request_set_arguments(hgh_call_request *request, hg_text query)
{
    hgh_call_list list = {0};
    hgh_call_list differing;
    hg_status status = query_read(request->memory, query, &list);

    if (status == HG_OK) {
        status = arguments_differ(&request->sent_arguments, &list, request->memory, &differing);
    }
    if (status == HG_OK) {
        request->arguments = list;
        request->query = query;
    }
    return status;
}

/* Notes that the header has that value now, in the place of what was noted before. */
static hg_status change_note(hgh_call_request *request, hg_text name, hg_text value)
{
    hgh_header_change *change = hgh_memory_take(request->memory, sizeof(*change));
    hgh_header_change **at = &request->changes;

    if (change == NULL) {
        return HG_ERR_NO_MEMORY;
    }
    *change = (hgh_header_change){.header = {name, value}};
    while (*at != NULL) {
        if (hg_text_equal_ignoring_case((*at)->header.name, name)) {
            *at = (*at)->next;
        } else {
            at = &(*at)->next;
        }
    }
    *at = change;
    return HG_OK;
}

hg_status hgh_call_request_set_header(hgh_call_request *request, hg_text name, hg_text value)
{
    hg_status status = change_note(request, name, value);

    return status == HG_OK ? hgh_headers_set(&request->headers, request->memory, name, value)
                           : status;
}

hg_status hgh_call_request_add_header(hgh_call_request *request, hg_text name, hg_text value)
{
    return hgh_headers_find(&request->headers, name).data != NULL
               ? HG_ERR_UNSUPPORTED
               : hgh_call_request_set_header(request, name, value);
}

hg_status hgh_call_request_set_body(hgh_call_request *request, const void *data, size_t length)
{
    hg_text body;

    if (length == 0) {
        return HG_ERR_UNSUPPORTED;
    }
    if (length > HGH_A6_PAYLOAD_MAX) {
        return HG_ERR_TOO_LARGE;
    }
    body = hgh_memory_copy(request->memory, (hg_text){data, length});
    if (body.data == NULL) {
        return HG_ERR_NO_MEMORY;
    }
    request->body = body;
    return HG_OK;
}

/* ---------------------------------------------------------------------------------- answer */

/* Of HTTPReqCall's Rewrite: what the upstream's response says of itself, or the connection's. */
bool hgh_call_header_is_refused(hg_text name)
{
    static const char *const names[] = {
        "connection",       "content-length",   "transfer-encoding", "location",
        "server",           "www-authenticate", "content-encoding",  "content-type",
        "content-location", "content-language",
    };

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (hg_text_equal_ignoring_case(name, hg_text_of(names[i]))) {
            return true;
        }
    }
    return false;
}

static hg_status list_make(const hgh_headers *headers, hgh_memory *memory, hgh_a6_list *out_list)
{
    hg_header *items;
    size_t count = 0;

    for (const hgh_header_line *line = headers->first; line != NULL; line = line->next) {
        count++;
    }
    items = hgh_memory_take(memory, (count + 1) * sizeof(*items));
    if (items == NULL) {
        return HG_ERR_NO_MEMORY;
    }
    count = 0;
    for (const hgh_header_line *line = headers->first; line != NULL; line = line->next) {
        items[count++] = line->header;
    }
    *out_list = (hgh_a6_list){items, count};
    return HG_OK;
}

/* Headers for the response, in their order; a set one takes the place of those before it. */
static hg_status early_collect(const hgh_early_header *early,
                               bool leaves_out,
                               hgh_memory *memory,
                               hgh_headers *headers)
{
    hg_status status = HG_OK;

    for (; early != NULL && status == HG_OK; early = early->next) {
        if (leaves_out && hgh_call_header_is_refused(early->name)) {
            continue;
        }
        status = early->replaces ? hgh_headers_set(headers, memory, early->name, early->value)
                                 : hgh_headers_add(headers, memory, early->name, early->value);
    }
    return status;
}

static hg_status
changes_list(const hgh_call_request *request, hg_text upstream_host, hgh_a6_list *out_list)
{
    size_t count = upstream_host.data == NULL ? 0 : 1;
    hg_header *items;

    for (const hgh_header_change *at = request->changes; at != NULL; at = at->next) {
        count++;
    }
    items = hgh_memory_take(request->memory, (count + 1) * sizeof(*items));
    if (items == NULL) {
        return HG_ERR_NO_MEMORY;
    }
    count = 0;
    for (const hgh_header_change *at = request->changes; at != NULL; at = at->next) {
        items[count++] = at->header;
    }
    if (upstream_host.data != NULL) { /* the last of a name counts */
        items[count++] = (hg_header){HG_TEXT("host"), upstream_host};
    }
    *out_list = (hgh_a6_list){items, count};
    return HG_OK;
}

hg_status hgh_call_request_rewrite(const hgh_call_request *request,
                                   const hgh_early_header *early,
                                   hg_text upstream_host,
                                   hgh_a6_request_answer *answer)
{
    hgh_headers response = {0};
    hgh_call_list arguments = {0};
    hg_status status = early_collect(early, true, request->memory, &response);

    if (status == HG_OK) {
        status = list_make(&response, request->memory, &answer->response_headers);
    }
    if (status == HG_OK) {
        status = changes_list(request, upstream_host, &answer->headers);
    }
    if (status == HG_OK) {
        status = arguments_differ(&request->sent_arguments, &request->arguments, request->memory,
                                  &arguments);
    }
    if (status != HG_OK) {
        return status;
    }
    answer->arguments = (hgh_a6_list){arguments.items, arguments.count};
    answer->path = request->path_changed ? request->path : (hg_text){0};
    answer->body = request->body;
    answer->action = answer->path.data != NULL || answer->body.data != NULL ||
                             answer->headers.count > 0 || answer->arguments.count > 0 ||
                             answer->response_headers.count > 0
                         ? HGH_A6_REWRITE
                         : HGH_A6_NO_ACTION;
    return HG_OK;
}

hg_status hgh_call_request_stop(const hgh_call_request *request,
                                const hgh_early_header *early,
                                const hgh_exit *end,
                                hgh_a6_request_answer *answer)
{
    hgh_headers headers = {0};
    hg_status status = HG_OK;

    if (end->content_type.data != NULL) {
        status =
            hgh_headers_add(&headers, request->memory, HG_TEXT("Content-Type"), end->content_type);
    }
    if (status == HG_OK) {
        status = early_collect(early, false, request->memory, &headers);
    }
    if (status == HG_OK) {
        status = list_make(&headers, request->memory, &answer->headers);
    }
    answer->action = HGH_A6_STOP;
    answer->status = end->status;
    answer->body = end->body.length > 0 ? end->body : (hg_text){0};
    return status;
}
