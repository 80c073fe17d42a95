/* tests/plugins/filters.c - filters responses in the way that it is told. */
#include <ctype.h>

#include <hotgate/plugin.h>

enum filters_mode {
    FILTERS_PASS = 0,
    FILTERS_UPPER = 1,
    FILTERS_APPEND = 2,
    FILTERS_BUFFER = 3,
    FILTERS_LATE = 4,    /* changes the body without having said so */
    FILTERS_DROP = 5,    /* all of the body */
    FILTERS_DELAYED = 6, /* appends in delayed_body_filter */
    FILTERS_HEADERS = 7, /* another status, other headers */
    FILTERS_DOUBLE = 8,  /* each piece twice */
};

typedef struct filters_config {
    int32_t mode;
    int64_t max_bytes;
} filters_config;

static const hg_field filters_fields[] = {
    HG_ENUM(filters_config,
            mode,
            "mode",
            .initial = "pass",
            .names = {"pass", "upper", "append", "buffer", "late", "drop", "delayed", "headers",
                      "double"}),
    HG_BYTES(filters_config, max_bytes, "max", .initial = "1m"),
    HG_FIELDS_END,
};

/* What has been seen of one response. */
typedef struct filters_data {
    uint64_t bytes;
    uint32_t calls;
    uint32_t lasts;
    char *room; /* for changed bytes, used again for each piece */
    size_t size;
} filters_data;

static void filters_header_filter(hg_request *request, const void *config)
{
    const filters_config *own = config;

    (void)hg_response_set_header(request, HG_TEXT("X-Filtered"), HG_TEXT("yes"));
    switch ((enum filters_mode)own->mode) {
    case FILTERS_UPPER:
    case FILTERS_APPEND:
    case FILTERS_DROP:
    case FILTERS_DELAYED:
    case FILTERS_DOUBLE:
        (void)hg_response_change_body(request);
        break;
    case FILTERS_BUFFER:
        (void)hg_response_buffer_body(request, (size_t)own->max_bytes);
        break;
    case FILTERS_HEADERS:
        (void)hg_response_set_status(request, 418);
        (void)hg_response_set_header(request, HG_TEXT("Content-Type"), HG_TEXT("text/tea"));
        (void)hg_response_remove_header(request, HG_TEXT("X-Origin"));
        (void)hg_response_add_header(request, HG_TEXT("X-More"), HG_TEXT("one"));
        (void)hg_response_add_header(request, HG_TEXT("X-More"), HG_TEXT("two"));
        break;
    case FILTERS_PASS:
    case FILTERS_LATE:
        break;
    }
}

static void set_upper(hg_request *request, hg_chunk *chunk, filters_data *seen)
{
    hg_text data = hg_chunk_data(chunk);

    if (seen->size < data.length) {
        seen->room = hg_request_allocate(request, data.length);
        seen->size = seen->room == NULL ? 0 : data.length;
    }
    if (seen->room == NULL) {
        return;
    }
    for (size_t i = 0; i < data.length; i++) {
        seen->room[i] = (char)toupper((unsigned char)data.data[i]);
    }
    (void)hg_chunk_set(request, chunk, seen->room, data.length);
}

static void set_double(hg_request *request, hg_chunk *chunk, filters_data *seen)
{
    hg_text data = hg_chunk_data(chunk);

    if (seen->size < 2 * data.length) {
        seen->room = hg_request_allocate(request, 2 * data.length);
        seen->size = seen->room == NULL ? 0 : 2 * data.length;
    }
    if (seen->room != NULL) {
        memcpy(seen->room, data.data, data.length);
        memcpy(seen->room + data.length, data.data, data.length);
        (void)hg_chunk_set(request, chunk, seen->room, 2 * data.length);
    }
}

static void set_first_byte(hg_request *request, hg_chunk *chunk, hg_status *out_status)
{
    hg_text data = hg_chunk_data(chunk);

    *out_status = data.length == 0 ? HG_OK : hg_chunk_set(request, chunk, "#", 1);
}

static void append(hg_request *request, hg_chunk *chunk, const char *text)
{
    hg_text data = hg_chunk_data(chunk);
    size_t length = strlen(text);
    char *changed = hg_request_allocate(request, data.length + length);

    if (changed != NULL) {
        if (data.length > 0) {
            memcpy(changed, data.data, data.length);
        }
        memcpy(changed + data.length, text, length);
        (void)hg_chunk_set(request, chunk, changed, data.length + length);
    }
}

static void set_summary(hg_request *request, hg_chunk *chunk)
{
    hg_text data = hg_chunk_data(chunk);
    char text[64];

    (void)snprintf(text, sizeof(text), "%zu bytes in %d piece", data.length,
                   hg_chunk_is_last(chunk) ? 1 : 0);
    (void)hg_chunk_set(request, chunk, text, strlen(text));
}

static void filters_body_filter(hg_request *request, hg_chunk *chunk, const void *config)
{
    const filters_config *own = config;
    filters_data *seen = hg_request_data(request);
    hg_status status;

    if (seen == NULL) {
        return;
    }
    seen->bytes += hg_chunk_data(chunk).length;
    seen->calls++;
    seen->lasts += hg_chunk_is_last(chunk) ? 1 : 0;
    switch ((enum filters_mode)own->mode) {
    case FILTERS_UPPER:
        set_upper(request, chunk, seen);
        break;
    case FILTERS_DOUBLE:
        set_double(request, chunk, seen);
        break;
    case FILTERS_APPEND:
        if (hg_chunk_is_last(chunk)) {
            append(request, chunk, " and more");
        }
        break;
    case FILTERS_BUFFER:
        set_summary(request, chunk);
        break;
    case FILTERS_LATE:
        set_first_byte(request, chunk, &status);
        hg_log(request, HG_LOG_NOTICE, "a late change ended with %d", (int)status);
        break;
    case FILTERS_DROP:
        (void)hg_chunk_set(request, chunk, "", 0);
        break;
    case FILTERS_PASS:
    case FILTERS_DELAYED:
    case FILTERS_HEADERS:
        break;
    }
}

static void filters_delayed(hg_request *request, hg_chunk *chunk, const void *config)
{
    const filters_config *own = config;

    if (own->mode == FILTERS_DELAYED && hg_chunk_is_last(chunk)) {
        append(request, chunk, " at last");
    }
}

static void filters_log(hg_request *request, const void *config)
{
    const filters_data *seen = hg_request_data(request);

    (void)config;
    if (seen != NULL) {
        hg_log(request, HG_LOG_NOTICE, "filtered %llu bytes, %s, status %u",
               (unsigned long long)seen->bytes,
               seen->lasts == 1   ? "one end"
               : seen->lasts == 0 ? "no end"
                                  : "several ends",
               hg_response_status(request));
    }
}

HG_PLUGIN("filters",
          "1.0.0",
          .summary = "Filters responses in the way that it is told.",
          .priority = 40,
          .config = HG_CONFIG(filters_config, filters_fields),
          .request_size = sizeof(filters_data),
          .header_filter = filters_header_filter,
          .body_filter = filters_body_filter,
          .delayed_body_filter = filters_delayed,
          .log = filters_log);
