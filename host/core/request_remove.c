/* host/core/request_remove.c - takes single arguments and cookies out of a request. */
#include <string.h>

#include "host/core/host_api_internal.h"

/* A list of parts with something between them, as it is written again. */
typedef struct part_list {
    char *text; /* pooled, as long as what the parts are taken from */
    size_t length;
    bool removed; /* a part was left out */
} part_list;

static void part_keep(part_list *list, hg_text separator, hg_text part)
{
    if (list->length > 0) {
        memcpy(list->text + list->length, separator.data, separator.length);
        list->length += separator.length;
    }
    if (part.length > 0) {
        memcpy(list->text + list->length, part.data, part.length);
        list->length += part.length;
    }
}

/* What stands before the first "=". */
static hg_text part_name(hg_text part)
{
    const char *equals = part.length == 0 ? NULL : memchr(part.data, '=', part.length);

    return (hg_text){part.data, equals == NULL ? part.length : (size_t)(equals - part.data)};
}

/* Cuts the first part off; false: there is none left. */
static bool part_next(hg_text *rest, char separator, hg_text *out_part)
{
    const char *stop;

    if (rest->data == NULL) {
        return false;
    }
    stop = rest->length == 0 ? NULL : memchr(rest->data, separator, rest->length);
    if (stop == NULL) {
        *out_part = *rest;
        *rest = (hg_text){0};
    } else {
        *out_part = (hg_text){rest->data, (size_t)(stop - rest->data)};
        rest->length -= out_part->length + 1;
        rest->data = stop + 1;
    }
    return true;
}

hg_status hgh_request_remove_argument(hg_request *request, hg_text name)
{
    hg_text rest = request->engine->arguments(request->engine_request);
    part_list kept = {0};
    hg_text part;

    if (!hgh_request_is_open(request)) {
        return HG_ERR_TOO_LATE;
    }
    kept.text = hgh_request_allocate(request, rest.length + 1);
    if (kept.text == NULL) {
        return HG_ERR_NO_MEMORY;
    }
    while (part_next(&rest, '&', &part)) {
        hg_text decoded = hgh_query_decode(request, part_name(part));

        if (decoded.data == NULL) {
            return HG_ERR_NO_MEMORY;
        }
        if (hg_text_equal(decoded, name)) {
            kept.removed = true;
        } else {
            part_keep(&kept, HG_TEXT("&"), part);
        }
    }
    kept.text[kept.length] = '\0';
    return kept.removed ? request->engine->set_arguments(request->engine_request,
                                                         (hg_text){kept.text, kept.length})
                        : HG_OK;
}

/* The pairs of one Cookie header (RFC 6265 section 4.2) but those of that name. */
static void cookies_keep(part_list *kept, hg_text header, hg_text name)
{
    hg_text part;

    while (part_next(&header, ';', &part)) {
        while (part.length > 0 && (*part.data == ' ' || *part.data == '\t')) {
            part.data++;
            part.length--;
        }
        if (hg_text_equal(part_name(part), name)) {
            kept->removed = true;
        } else if (part.length > 0) {
            part_keep(kept, HG_TEXT("; "), part);
        }
    }
}

hg_status hgh_request_remove_cookie(hg_request *request, hg_text name)
{
    part_list kept = {0};
    size_t room = 1;
    hg_header header;

    if (!hgh_request_is_open(request)) {
        return HG_ERR_TOO_LATE;
    }
    for (size_t i = 0; request->engine->header_at(request->engine_request, i, &header); i++) {
        if (hg_text_equal_ignoring_case(header.name, HG_TEXT("Cookie"))) {
            room += header.value.length * 2 + 2; /* ";" may become "; " */
        }
    }
    kept.text = hgh_request_allocate(request, room);
    if (kept.text == NULL) {
        return HG_ERR_NO_MEMORY;
    }
    for (size_t i = 0; request->engine->header_at(request->engine_request, i, &header); i++) {
        if (hg_text_equal_ignoring_case(header.name, HG_TEXT("Cookie"))) {
            cookies_keep(&kept, header.value, name);
        }
    }
    if (!kept.removed) {
        return HG_OK;
    }
    return kept.length == 0
               ? hgh_host_remove_header(request, HG_TEXT("Cookie"))
               : hgh_host_set_header(request, HG_TEXT("Cookie"), (hg_text){kept.text, kept.length});
}
