/* tests/plugins/response.c - changes a response as its configuration says. */
#include <string.h>

#include <hotgate/plugin.h>

typedef struct response_config {
    bool change_body;
    int64_t buffer_max;
    hg_text body;   /* every piece becomes this; absent: unchanged */
    hg_text suffix; /* behind every piece */
    int64_t status;
    hg_text header;       /* its new value */
    hg_text late_header;  /* set in body_filter */
    hg_text early_header; /* set in rewrite */
    hg_text remove;
} response_config;

typedef struct response_data {
    int64_t calls;
} response_data;

static const hg_field response_fields[] = {
    HG_BOOL(response_config, change_body, "change_body"),
    HG_INT(response_config, buffer_max, "buffer_max"),
    HG_STRING(response_config, body, "body"),
    HG_STRING(response_config, suffix, "suffix"),
    HG_INT(response_config, status, "status"),
    HG_STRING(response_config, header, "header"),
    HG_STRING(response_config, late_header, "late_header"),
    HG_STRING(response_config, early_header, "early_header"),
    HG_STRING(response_config, remove, "remove"),
    HG_FIELDS_END,
};

static hg_verdict response_rewrite(hg_request *request, const void *config)
{
    const response_config *own = config;

    if (own->early_header.data != NULL) {
        hg_log(request, HG_LOG_NOTICE, "early -> %d",
               (int)hg_response_set_header(request, HG_TEXT("X-Early"), own->early_header));
    }
    return HG_NEXT;
}

static void response_header_filter(hg_request *request, const void *config)
{
    const response_config *own = config;

    hg_log(request, HG_LOG_NOTICE, "status is %u", hg_response_status(request));
    if (own->status != 0) {
        hg_log(request, HG_LOG_NOTICE, "set_status -> %d",
               (int)hg_response_set_status(request, (uint32_t)own->status));
    }
    if (own->header.data != NULL) {
        hg_log(request, HG_LOG_NOTICE, "set_header -> %d",
               (int)hg_response_set_header(request, HG_TEXT("X-Test"), own->header));
    }
    if (own->remove.data != NULL) {
        (void)hg_response_remove_header(request, own->remove);
    }
    if (own->change_body) {
        (void)hg_response_change_body(request);
    }
    if (own->buffer_max != 0) {
        (void)hg_response_buffer_body(request, (size_t)own->buffer_max);
    }
}

static void response_body_filter(hg_request *request, hg_chunk *chunk, const void *config)
{
    const response_config *own = config;
    response_data *data = hg_request_data(request);
    hg_text piece = hg_chunk_data(chunk);

    data->calls++;
    hg_log(request, HG_LOG_NOTICE, "piece %d: %zu bytes%s", (int)data->calls, piece.length,
           hg_chunk_is_last(chunk) ? ", the last" : "");
    if (own->late_header.data != NULL) {
        hg_log(request, HG_LOG_NOTICE, "late -> %d",
               (int)hg_response_set_header(request, HG_TEXT("X-Late"), own->late_header));
    }
    if (own->body.data != NULL) {
        hg_log(request, HG_LOG_NOTICE, "chunk_set -> %d",
               (int)hg_chunk_set(request, chunk, own->body.data, own->body.length));
    }
    if (own->suffix.data != NULL) {
        char *joined = hg_request_allocate(request, piece.length + own->suffix.length);

        if (joined != NULL) {
            memcpy(joined, piece.data, piece.length);
            memcpy(joined + piece.length, own->suffix.data, own->suffix.length);
            (void)hg_chunk_set(request, chunk, joined, piece.length + own->suffix.length);
        }
    }
}

static void response_log(hg_request *request, const void *config)
{
    hg_text type = hg_response_header(request, HG_TEXT("content-type"));

    (void)config;
    hg_log(request, HG_LOG_NOTICE, "ended with %u %s, too late: %d", hg_response_status(request),
           type.data == NULL ? "" : type.data,
           (int)hg_response_set_header(request, HG_TEXT("X-Test"), HG_TEXT("no")));
}

HG_PLUGIN("response",
          "1.0.0",
          .summary = "Changes a response as its configuration says.",
          .priority = 40,
          .config = HG_CONFIG(response_config, response_fields),
          .request_size = (uint32_t)sizeof(response_data),
          .rewrite = response_rewrite,
          .header_filter = response_header_filter,
          .body_filter = response_body_filter,
          .log = response_log);
